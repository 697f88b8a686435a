// TorchScript files, from memory and from the disk. What kind of file it is and whether it is whole, TypeScript has
// looked at before.

#include <torch/csrc/jit/serialization/import.h>

#include <sstream>
#include <streambuf>

#include "jit/scriptModule.h"
#include "jit/scriptValues.h"
#include "operators.h"

namespace lt {

namespace jit = torch::jit;

namespace {

/// Reads from memory that stays where it is.
struct MemoryBuffer : std::streambuf {
  MemoryBuffer(char* data, size_t size) { setg(data, data, data + size); }

 protected:
  pos_type seekoff(off_type offset, std::ios_base::seekdir direction, std::ios_base::openmode) override {
    char* from = direction == std::ios_base::beg ? eback() : direction == std::ios_base::cur ? gptr() : egptr();
    if (offset < eback() - from || offset > egptr() - from) return pos_type(off_type(-1));
    setg(eback(), from + offset, egptr());
    return gptr() - eback();
  }
  pos_type seekpos(pos_type position, std::ios_base::openmode mode) override { return seekoff(position, std::ios_base::beg, mode); }
};

std::pair<char*, size_t> bytesOf(napi_env env, napi_value value) {
  void* data = nullptr;
  size_t length = 0;
  bool isView = false;
  check(env, napi_is_typedarray(env, value, &isView));
  if (!isView) throw CodedError("ARGUMENT_TYPE", "expected a Uint8Array");
  check(env, napi_get_typedarray_info(env, value, nullptr, &length, &data, nullptr, nullptr));
  return {static_cast<char*>(data), length};
}

}  // namespace

/// scriptLoad(path or Uint8Array, device or null)
static napi_value scriptLoad(napi_env env, napi_callback_info info) {
  Arguments<2> args(env, info);
  c10::optional<c10::Device> device;
  if (!isNullish(env, args[1])) device = requireDevice(deviceFromName(toString(env, args[1])));
  if (typeOf(env, args[0]) == napi_string) return wrapScriptModule(env, jit::load(toString(env, args[0]), device));
  auto [data, size] = bytesOf(env, args[0]);
  MemoryBuffer buffer(data, size);
  std::istream stream(&buffer);
  return wrapScriptModule(env, jit::load(stream, device));
}

/// scriptSave(module, [name, Uint8Array][] of files beside it): the file's bytes
static napi_value scriptSave(napi_env env, napi_callback_info info) {
  Arguments<2> args(env, info);
  jit::ExtraFilesMap extraFiles;
  forEachElement(env, args[1], [&](napi_value entry) {
    napi_value name = nullptr, content = nullptr;
    check(env, napi_get_element(env, entry, 0, &name));
    check(env, napi_get_element(env, entry, 1, &content));
    auto [data, size] = bytesOf(env, content);
    extraFiles.emplace(toString(env, name), std::string(data, size));
  });
  std::string bytes;
  {
    std::ostringstream stream;
    toScriptModule(env, args[0]).save(stream, extraFiles);
    bytes = stream.str();
  }
  void* target = nullptr;
  napi_value result = nullptr;
  check(env, napi_create_arraybuffer(env, bytes.size(), &target, &result));
  bytes.copy(static_cast<char*>(target), bytes.size());
  return result;
}

void initScriptFile(napi_env env, napi_value exports) {
  define(env, exports, "scriptLoad", guarded<scriptLoad>);
  define(env, exports, "scriptSave", guarded<scriptSave>);
}

}  // namespace lt
