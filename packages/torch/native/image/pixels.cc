// What images of bytes go through before they are trained on.

#include <ATen/ATen.h>
#include <ATen/TracerMode.h>

#include "../environment.h"
#include "../values.h"
#include "resampleKernels.h"

namespace lt {

namespace {

/// uint8 [channels, height, width] on the CPU, of any strides.
const at::Tensor& toImage(napi_env env, napi_value value) {
  const at::Tensor& image = toTensor(env, value);
  if (!image.is_cpu() || image.scalar_type() != at::kByte || image.dim() != 3 || image.numel() == 0)
    throw CodedError("ARGUMENT_TYPE", "expected an image uint8[channels, height, width] on the CPU, got " + describeTensor(image));
  return image;
}

}  // namespace

/// A new image of this size, with the channels where `image` has them in memory: pixel by pixel (up to four), or plane by
/// plane. `write` makes one plane, or all of the pixels, from those of the image.
template <typename Write>
static at::Tensor likeImage(at::Tensor image, int64_t height, int64_t width, Write write) {
  at::tracer::impl::NoTracerDispatchMode untraced;
  const int64_t channels = image.size(0);
  if (channels <= 4 && image.stride(0) == 1 && image.stride(2) == channels) {
    at::Tensor result = at::empty({height, width, channels}, at::kByte);
    write(Pixels{image.data_ptr<uint8_t>(), image.size(1), image.size(2), channels, image.stride(1)}, result.data_ptr<uint8_t>());
    return result.permute({2, 0, 1});
  }
  if (image.stride(2) != 1) image = image.contiguous();
  at::Tensor result = at::empty({channels, height, width}, at::kByte);
  for (int64_t c = 0; c < channels; ++c) {
    const uint8_t* plane = image.data_ptr<uint8_t>() + c * image.stride(0);
    write(Pixels{plane, image.size(1), image.size(2), 1, image.stride(1)}, result.data_ptr<uint8_t>() + c * height * width);
  }
  return result;
}

/// resamplePixels(image, height, width, isBicubic): uint8 [channels, height, width]
static napi_value resamplePixels(napi_env env, napi_callback_info info) {
  Arguments<4> args(env, info);
  const at::Tensor& image = toImage(env, args[0]);
  const int64_t height = toInt64(env, args[1]);
  const int64_t width = toInt64(env, args[2]);
  if (height < 1 || width < 1) throw CodedError("ARGUMENT_RANGE", "an image has at least one row and one column");
  const Filter filter = toBool(env, args[3]) ? Filter::kBicubic : Filter::kBilinear;
  return wrapTensor(env, likeImage(image, height, width, [&](const Pixels& source, uint8_t* target) { resample(source, height, width, filter, target); }));
}

/// mirrorPixels(image): the same from right to left
static napi_value mirrorPixels(napi_env env, napi_callback_info info) {
  Arguments<1> args(env, info);
  const at::Tensor& image = toImage(env, args[0]);
  return wrapTensor(env, likeImage(image, image.size(1), image.size(2), [](const Pixels& source, uint8_t* target) { mirror(source, target); }));
}

/// mapPixels(image, tables): float32 [channels, height, width], each byte looked up in its channel's row of `tables`
/// [channels, 256]
static napi_value mapPixelsByTables(napi_env env, napi_callback_info info) {
  Arguments<2> args(env, info);
  at::tracer::impl::NoTracerDispatchMode untraced;
  const at::Tensor& image = toImage(env, args[0]);
  const at::Tensor& tables = toTensor(env, args[1]);
  if (!tables.is_cpu() || tables.scalar_type() != at::kFloat || !tables.is_contiguous() || tables.dim() != 2 || tables.size(0) != image.size(0) || tables.size(1) != 256)
    throw CodedError("ARGUMENT_TYPE", "expected tables float32[" + std::to_string(image.size(0)) + ", 256], got " + describeTensor(tables));
  at::Tensor result = at::empty(image.sizes(), at::kFloat);
  mapPixels(image.data_ptr<uint8_t>(), image.size(0), image.size(1), image.size(2), image.stride(0), image.stride(1), image.stride(2),
            tables.data_ptr<float>(), result.data_ptr<float>());
  return wrapTensor(env, result);
}

void initPixels(napi_env env, napi_value exports) {
  define(env, exports, "resamplePixels", guarded<resamplePixels>);
  define(env, exports, "mirrorPixels", guarded<mirrorPixels>);
  define(env, exports, "mapPixels", guarded<mapPixelsByTables>);
}

}  // namespace lt
