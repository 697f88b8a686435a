// What a tensor is: shape, dtype, layout, and single values out of it.

#include <ATen/ATen.h>

#include "environment.h"
#include "values.h"

namespace lt {

template <typename Fn>
static napi_value property(napi_env env, napi_callback_info info, Fn fn) {
  Arguments<1> args(env, info);
  return fn(env, toTensor(env, args[0]));
}

static napi_value shape(napi_env env, napi_callback_info info) {
  return property(env, info, [](napi_env env, const at::Tensor& t) { return fromInt64s(env, t.sizes()); });
}
static napi_value stride(napi_env env, napi_callback_info info) {
  return property(env, info, [](napi_env env, const at::Tensor& t) { return fromInt64s(env, t.strides()); });
}
static napi_value sizeAt(napi_env env, napi_callback_info info) {
  Arguments<2> args(env, info);
  return fromInt64(env, toTensor(env, args[0]).size(toInt64(env, args[1])));
}
static napi_value storageOffset(napi_env env, napi_callback_info info) {
  return property(env, info, [](napi_env env, const at::Tensor& t) { return fromInt64(env, t.storage_offset()); });
}
static napi_value dim(napi_env env, napi_callback_info info) {
  return property(env, info, [](napi_env env, const at::Tensor& t) { return fromInt64(env, t.dim()); });
}
static napi_value numel(napi_env env, napi_callback_info info) {
  return property(env, info, [](napi_env env, const at::Tensor& t) { return fromInt64(env, t.numel()); });
}
static napi_value elementSize(napi_env env, napi_callback_info info) {
  return property(env, info, [](napi_env env, const at::Tensor& t) { return fromInt64(env, t.element_size()); });
}
static napi_value dtype(napi_env env, napi_callback_info info) {
  return property(env, info, [](napi_env env, const at::Tensor& t) { return fromString(env, dtypeName(t.scalar_type())); });
}
static napi_value device(napi_env env, napi_callback_info info) {
  return property(env, info, [](napi_env env, const at::Tensor& t) { return fromString(env, t.device().str()); });
}
static napi_value layout(napi_env env, napi_callback_info info) {
  return property(env, info, [](napi_env env, const at::Tensor& t) {
    switch (t.layout()) {
      case at::kStrided:
        return fromString(env, "strided");
      case at::kSparse:
        return fromString(env, "sparse_coo");
      case at::kSparseCsr:
        return fromString(env, "sparse_csr");
      default:
        return fromString(env, "other");
    }
  });
}
static napi_value isContiguous(napi_env env, napi_callback_info info) {
  Arguments<2> args(env, info);
  const at::Tensor& t = toTensor(env, args[0]);
  bool channelsLast = !isNullish(env, args[1]) && toString(env, args[1]) == "channels_last";
  return fromBool(env, t.is_contiguous(channelsLast ? at::MemoryFormat::ChannelsLast : at::MemoryFormat::Contiguous));
}
static napi_value version(napi_env env, napi_callback_info info) {
  return property(env, info, [](napi_env env, const at::Tensor& t) { return fromInt64(env, t.is_inference() ? 0 : t._version()); });
}
static napi_value dataPointer(napi_env env, napi_callback_info info) {
  Arguments<1> args(env, info);
  napi_value result = nullptr;
  check(env, napi_create_bigint_uint64(env, reinterpret_cast<uint64_t>(toTensor(env, args[0]).data_ptr()), &result));
  return result;
}
static napi_value isInference(napi_env env, napi_callback_info info) {
  return property(env, info, [](napi_env env, const at::Tensor& t) { return fromBool(env, t.is_inference()); });
}

/// item(handle, asBigint): one value as number, boolean, bigint or { re, im }
static napi_value item(napi_env env, napi_callback_info info) {
  Arguments<2> args(env, info);
  const at::Tensor& tensor = toTensor(env, args[0]);
  if (tensor.numel() != 1)
    throw CodedError("SHAPE_MISMATCH", "item() needs a tensor with exactly one element, this one is " + describeTensor(tensor) + "; use tolist() or an index");
  at::Scalar value = tensor.item();
  if (toBool(env, args[1])) {
    if (!value.isIntegral(true)) throw CodedError("DTYPE_MISMATCH", std::string("{ bigint: true } needs an integer tensor, this one is ") + dtypeName(tensor.scalar_type()));
    napi_value result = nullptr;
    check(env, napi_create_bigint_int64(env, value.toLong(), &result));
    return result;
  }
  if (value.isIntegral(false)) {
    int64_t number = value.toLong();
    if (number > 9007199254740991 || number < -9007199254740991)
      throw CodedError("INT64_UNSAFE", std::to_string(number) + " does not fit a JavaScript number exactly; ask for { bigint: true }");
  }
  return fromScalar(env, value);
}

/// param.data = tensor: new contents under the same identity
static napi_value setData(napi_env env, napi_callback_info info) {
  Arguments<2> args(env, info);
  at::Tensor tensor = toTensor(env, args[0]);
  tensor.set_data(toTensor(env, args[1]));
  return undefined(env);
}

/// The same TensorImpl behind two handles?
static napi_value isSame(napi_env env, napi_callback_info info) {
  Arguments<2> args(env, info);
  return fromBool(env, toTensor(env, args[0]).is_same(toTensor(env, args[1])));
}

void initTensor(napi_env env, napi_value exports) {
  define(env, exports, "shape", guarded<shape>);
  define(env, exports, "stride", guarded<stride>);
  define(env, exports, "sizeAt", guarded<sizeAt>);
  define(env, exports, "storageOffset", guarded<storageOffset>);
  define(env, exports, "dim", guarded<dim>);
  define(env, exports, "numel", guarded<numel>);
  define(env, exports, "elementSize", guarded<elementSize>);
  define(env, exports, "dtype", guarded<dtype>);
  define(env, exports, "device", guarded<device>);
  define(env, exports, "layout", guarded<layout>);
  define(env, exports, "isContiguous", guarded<isContiguous>);
  define(env, exports, "version", guarded<version>);
  define(env, exports, "dataPointer", guarded<dataPointer>);
  define(env, exports, "isInference", guarded<isInference>);
  define(env, exports, "item", guarded<item>);
  define(env, exports, "setData", guarded<setData>);
  define(env, exports, "isSame", guarded<isSame>);
}

}  // namespace lt
