// JPEG files to pixels with libjpeg-turbo, in its exact integer transform and with smooth chroma, as PIL decodes them.

#include <ATen/ATen.h>

#include "../environment.h"
#include "../poolWork.h"
#include "../values.h"

#ifdef HAVE_JPEG

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <csetjmp>
#include <cstdio>
#include <memory>
// After <cstdio>, which it needs.
#include <jerror.h>
#include <jpeglib.h>

namespace lt {

namespace {

/// libjpeg leaves its functions by longjmp when a file cannot be decoded, so nothing with a destructor may be made between
/// the setjmp and what follows it. Each step below has a setjmp of its own.
class Decompressor {
 public:
  Decompressor(const uint8_t* data, size_t length) : data_(data), length_(length) {
    state_.err = jpeg_std_error(&errors_.base);
    errors_.base.error_exit = [](j_common_ptr state) {
      auto* errors = reinterpret_cast<Errors*>(state->err);
      errors->base.format_message(state, errors->reason);
      std::longjmp(errors->jump, 1);
    };
    // A file that ends early would go on in grey. Other warnings are oddities that do no harm.
    errors_.base.emit_message = [](j_common_ptr state, int level) {
      if (level >= 0 || state->err->msg_code != JWRN_JPEG_EOF) return;
      auto* errors = reinterpret_cast<Errors*>(state->err);
      std::snprintf(errors->reason, sizeof errors->reason, "the file ends early");
      std::longjmp(errors->jump, 1);
    };
  }
  ~Decompressor() { jpeg_destroy_decompress(&state_); }
  Decompressor(const Decompressor&) = delete;
  Decompressor& operator=(const Decompressor&) = delete;

  void readHeader() {
    if (setjmp(errors_.jump) != 0) throw CodedError("IMAGE_UNREADABLE", errors_.reason);
    jpeg_create_decompress(&state_);
    jpeg_mem_src(&state_, data_, length_);
    jpeg_read_header(&state_, TRUE);
  }

  /// Into [height, width, channels] contiguous bytes.
  void readPixels(uint8_t* pixels) {
    if (setjmp(errors_.jump) != 0) throw CodedError("IMAGE_UNREADABLE", errors_.reason);
    state_.out_color_space = channels() == 1 ? JCS_GRAYSCALE : JCS_RGB;
    jpeg_start_decompress(&state_);
    const size_t rowLength = static_cast<size_t>(width() * channels());
    while (state_.output_scanline < state_.output_height) {
      JSAMPROW row = pixels + state_.output_scanline * rowLength;
      jpeg_read_scanlines(&state_, &row, 1);
    }
    jpeg_finish_decompress(&state_);
  }

  int64_t height() const { return state_.image_height; }
  int64_t width() const { return state_.image_width; }
  /// 4 for the inks of print, which are no colours yet.
  int64_t channels() const { return state_.num_components; }

 private:
  struct Errors {
    jpeg_error_mgr base;  // first: libjpeg knows only this part
    std::jmp_buf jump;
    char reason[JMSG_LENGTH_MAX];
  };

  const uint8_t* data_;
  size_t length_;
  jpeg_decompress_struct state_{};
  Errors errors_{};
};

/// uint8 [height, width, 1 or 3]; undefined for what is no JPEG, or one of inks.
at::Tensor decode(const uint8_t* data, size_t length, int64_t maxPixels) {
  if (length < 3 || data[0] != 0xff || data[1] != 0xd8 || data[2] != 0xff) return {};
  Decompressor file(data, length);
  file.readHeader();
  if (file.channels() != 1 && file.channels() != 3) return {};
  if (file.height() * file.width() > maxPixels)
    throw CodedError("IMAGE_TOO_LARGE", std::to_string(file.height()) + " x " + std::to_string(file.width()) + " pixels");
  at::Tensor pixels = at::empty({file.height(), file.width(), file.channels()}, at::kByte);
  file.readPixels(pixels.data_ptr<uint8_t>());
  return pixels;
}

struct FileBytes {
  std::unique_ptr<uint8_t[]> data;
  size_t length = 0;
};

/// Empty where there is no file that can be read.
FileBytes readFile(const std::string& path) {
  FileBytes bytes;
  const int descriptor = open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (descriptor < 0) return bytes;
  struct stat facts {};
  if (fstat(descriptor, &facts) == 0 && S_ISREG(facts.st_mode)) {
    const auto size = static_cast<size_t>(facts.st_size);
    bytes.data.reset(new uint8_t[size]);
    while (bytes.length < size) {
      const ssize_t count = read(descriptor, bytes.data.get() + bytes.length, size - bytes.length);
      if (count < 0 && errno == EINTR) continue;
      if (count <= 0) break;
      bytes.length += static_cast<size_t>(count);
    }
  }
  close(descriptor);
  return bytes;
}

PoolValue pixelsOrNull(const at::Tensor& pixels) {
  return [pixels](napi_env env) { return pixels.defined() ? wrapTensor(env, pixels) : null(env); };
}

}  // namespace

// Both: a promise of uint8 [height, width, 1 or 3], or of null for what must be read in another way.

/// decodeJpeg(bytes, maxPixels)
static napi_value decodeJpeg(napi_env env, napi_callback_info info) {
  Arguments<2> args(env, info);
  void* data = nullptr;
  size_t length = 0;
  check(env, napi_get_typedarray_info(env, args[0], nullptr, &length, &data, nullptr, nullptr));
  const int64_t maxPixels = toInt64(env, args[1]);
  return poolPromise(env, "decodeJpeg", args[0], [bytes = static_cast<const uint8_t*>(data), length, maxPixels] {
    return pixelsOrNull(decode(bytes, length, maxPixels));
  });
}

/// readJpeg(path, maxPixels)
static napi_value readJpeg(napi_env env, napi_callback_info info) {
  Arguments<2> args(env, info);
  const int64_t maxPixels = toInt64(env, args[1]);
  return poolPromise(env, "readJpeg", nullptr, [path = toString(env, args[0]), maxPixels] {
    const FileBytes bytes = readFile(path);
    return pixelsOrNull(decode(bytes.data.get(), bytes.length, maxPixels));
  });
}

void initJpeg(napi_env env, napi_value exports) {
  define(env, exports, "decodeJpeg", guarded<decodeJpeg>);
  define(env, exports, "readJpeg", guarded<readJpeg>);
}

}  // namespace lt

#else

namespace lt {

void initJpeg(napi_env, napi_value) {}

}  // namespace lt

#endif
