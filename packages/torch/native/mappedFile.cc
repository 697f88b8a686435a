// Files as tensors: a private mapping whose pages are read when they are touched and copied when they are written to.

#include <ATen/ATen.h>
#include <sys/mman.h>

#include <cerrno>
#include <cstring>

#include "environment.h"
#include "values.h"

namespace lt {

/// mapFile(descriptor, length): the file as uint8[length]. Writing changes this process's pages only, never the file. The
/// mapping is undone with the last tensor over it; the descriptor may be closed at once.
static napi_value mapFile(napi_env env, napi_callback_info info) {
  Arguments<2> args(env, info);
  const int64_t descriptor = toInt64(env, args[0]);
  const int64_t length = toInt64(env, args[1]);
  if (length <= 0) throw CodedError("ARGUMENT_RANGE", "an empty file cannot be mapped");
  const size_t size = static_cast<size_t>(length);
  void* data = mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_NORESERVE, static_cast<int>(descriptor), 0);
  if (data == MAP_FAILED) throw CodedError("ENGINE", std::string("the system cannot map the file: ") + std::strerror(errno));
  at::Tensor mapped;
  try {
    mapped = at::from_blob(data, {length}, [size](void* mapping) { munmap(mapping, size); }, at::TensorOptions().dtype(at::kByte));
  } catch (...) {
    munmap(data, size);
    throw;
  }
  return wrapTensor(env, std::move(mapped));
}

/// storageSlice(owner, offset, length): a part of a CPU tensor's storage as a storage of its own, uint8[length], over the
/// same memory, which it keeps alive.
static napi_value storageSlice(napi_env env, napi_callback_info info) {
  Arguments<3> args(env, info);
  const at::Tensor& owner = toTensor(env, args[0]);
  const int64_t offset = toInt64(env, args[1]);
  const int64_t length = toInt64(env, args[2]);
  if (!owner.is_cpu()) throw CodedError("DEVICE_MISMATCH", "a part of a storage can be taken on the CPU only");
  c10::Storage whole = owner.storage();
  const int64_t available = static_cast<int64_t>(whole.nbytes());
  if (offset < 0 || length <= 0 || length > available || offset > available - length)
    throw CodedError("ARGUMENT_RANGE", std::to_string(length) + " bytes from byte " + std::to_string(offset) + " do not fit a storage of " + std::to_string(available));
  auto* data = static_cast<uint8_t*>(const_cast<void*>(static_cast<const void*>(whole.data()))) + offset;
  return wrapTensor(env, at::from_blob(data, {length}, [whole](void*) {}, at::TensorOptions().dtype(at::kByte)));
}

void initMappedFile(napi_env env, napi_value exports) {
  define(env, exports, "mapFile", guarded<mapFile>);
  define(env, exports, "storageSlice", guarded<storageSlice>);
}

}  // namespace lt
