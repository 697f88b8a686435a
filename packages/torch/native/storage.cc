// Bytes in and out: typed arrays, whole storages for the serialiser.

#include <ATen/ATen.h>
#include <ATen/TracerMode.h>

#include <cstring>

#include "environment.h"
#include "values.h"

namespace lt {

struct Bytes {
  uint8_t* data = nullptr;
  size_t length = 0;
};

static Bytes bytesOf(napi_env env, napi_value value) {
  bool isTyped = false;
  check(env, napi_is_typedarray(env, value, &isTyped));
  void* data = nullptr;
  size_t length = 0;
  if (!isTyped) {
    bool isBuffer = false;
    check(env, napi_is_arraybuffer(env, value, &isBuffer));
    if (!isBuffer) throw CodedError("ARGUMENT_TYPE", "expected a typed array or an ArrayBuffer");
    check(env, napi_get_arraybuffer_info(env, value, &data, &length));
    return {static_cast<uint8_t*>(data), length};
  }
  napi_typedarray_type type;
  check(env, napi_get_typedarray_info(env, value, &type, &length, &data, nullptr, nullptr));
  static const size_t kSizes[] = {1, 1, 1, 2, 2, 4, 4, 4, 8, 8, 8, 2};
  return {static_cast<uint8_t*>(data), length * kSizes[type]};
}

/// fromBytes(bytes, dtype, shape): one copy into a fresh contiguous tensor
static napi_value fromBytes(napi_env env, napi_callback_info info) {
  Arguments<3> args(env, info);
  Bytes bytes = bytesOf(env, args[0]);
  at::ScalarType type = dtypeFromName(toString(env, args[1]));
  std::vector<int64_t> sizes = toInt64s(env, args[2]);
  // A trace must take the whole tensor as a constant: it would record an allocation, and cannot see what is copied in.
  at::tracer::impl::NoTracerDispatchMode untraced;
  at::Tensor tensor = at::empty(sizes, at::TensorOptions().dtype(type));
  if (static_cast<size_t>(tensor.nbytes()) != bytes.length)
    throw CodedError("SHAPE_MISMATCH", "expected " + std::to_string(tensor.nbytes()) + " bytes for " + describeTensor(tensor) + ", got " + std::to_string(bytes.length));
  if (bytes.length > 0) std::memcpy(tensor.data_ptr(), bytes.data, bytes.length);
  return wrapTensor(env, tensor);
}

/// toBytes(handle): an ArrayBuffer with a copy of the elements in contiguous order
static napi_value toBytes(napi_env env, napi_callback_info info) {
  Arguments<1> args(env, info);
  at::Tensor tensor = toTensor(env, args[0]).detach();
  if (tensor.layout() != at::kStrided) tensor = tensor.to_dense();
  tensor = tensor.resolve_conj().resolve_neg().cpu().contiguous();
  void* data = nullptr;
  napi_value buffer = nullptr;
  check(env, napi_create_arraybuffer(env, tensor.nbytes(), &data, &buffer));
  if (tensor.nbytes() > 0) std::memcpy(data, tensor.data_ptr(), tensor.nbytes());
  return buffer;
}

/// copyFromBytes(handle, bytes): overwrites a contiguous CPU tensor
static napi_value copyFromBytes(napi_env env, napi_callback_info info) {
  Arguments<2> args(env, info);
  at::Tensor tensor = toTensor(env, args[0]);
  Bytes bytes = bytesOf(env, args[1]);
  if (!tensor.is_cpu() || !tensor.is_contiguous()) throw CodedError("ARGUMENT_TYPE", "expected a contiguous CPU tensor");
  if (static_cast<size_t>(tensor.nbytes()) != bytes.length)
    throw CodedError("SHAPE_MISMATCH", "expected " + std::to_string(tensor.nbytes()) + " bytes, got " + std::to_string(bytes.length));
  if (bytes.length > 0) std::memcpy(tensor.data_ptr(), bytes.data, bytes.length);
  return undefined(env);
}

static napi_value storageId(napi_env env, napi_callback_info info) {
  Arguments<1> args(env, info);
  const at::Tensor& tensor = toTensor(env, args[0]);
  napi_value result = nullptr;
  auto address = reinterpret_cast<uint64_t>(tensor.storage().unsafeGetStorageImpl());
  check(env, napi_create_double(env, static_cast<double>(address), &result));  // user addresses fit 53 bits
  return result;
}

static napi_value storageByteLength(napi_env env, napi_callback_info info) {
  Arguments<1> args(env, info);
  return fromInt64(env, static_cast<int64_t>(toTensor(env, args[0]).storage().nbytes()));
}

/// storageBytes(handle): a view of the whole storage as an ArrayBuffer, no copy; the buffer keeps the storage alive
static napi_value storageBytes(napi_env env, napi_callback_info info) {
  Arguments<1> args(env, info);
  const at::Tensor& tensor = toTensor(env, args[0]);
  if (!tensor.is_cpu()) throw CodedError("DEVICE_MISMATCH", "storage bytes can be viewed on the CPU only; move the tensor with cpu() first");
  auto* held = new c10::Storage(tensor.storage());
  napi_value buffer = nullptr;
  size_t length = held->nbytes();
  if (length == 0) {
    delete held;
    void* data = nullptr;
    check(env, napi_create_arraybuffer(env, 0, &data, &buffer));
    return buffer;
  }
  napi_status status = napi_create_external_arraybuffer(
      env, const_cast<void*>(static_cast<const void*>(held->data())), length,
      [](napi_env, void*, void* hint) { delete static_cast<c10::Storage*>(hint); }, held, &buffer);
  if (status != napi_ok) {
    delete held;
    check(env, status);
  }
  return buffer;
}

/// storageView(owner, dtype, shape, stride, offset): another tensor over the owner's storage
static napi_value storageView(napi_env env, napi_callback_info info) {
  Arguments<5> args(env, info);
  const at::Tensor& owner = toTensor(env, args[0]);
  at::ScalarType type = dtypeFromName(toString(env, args[1]));
  std::vector<int64_t> sizes = toInt64s(env, args[2]);
  std::vector<int64_t> strides = toInt64s(env, args[3]);
  int64_t offset = toInt64(env, args[4]);
  if (sizes.size() != strides.size()) throw CodedError("SHAPE_MISMATCH", "a view needs as many strides as sizes");
  int64_t last = offset;
  bool isEmpty = false;
  for (size_t i = 0; i < sizes.size(); ++i) {
    if (sizes[i] < 0 || strides[i] < 0) throw CodedError("SHAPE_MISMATCH", "a view's sizes and strides must not be negative");
    if (sizes[i] == 0) {
      isEmpty = true;
      continue;
    }
    int64_t reach = 0;
    if (__builtin_mul_overflow(sizes[i] - 1, strides[i], &reach) || __builtin_add_overflow(last, reach, &last))
      throw CodedError("SHAPE_MISMATCH", "a view's sizes and strides are too large");
  }
  int64_t available = static_cast<int64_t>(owner.storage().nbytes() / c10::elementSize(type));
  if (offset < 0 || (!isEmpty && last >= available))
    throw CodedError("SHAPE_MISMATCH", "a view of " + std::to_string(last + 1) + " elements does not fit a storage of " + std::to_string(available));
  at::Tensor tensor = at::empty({0}, owner.options().dtype(type).requires_grad(false));
  tensor.set_(owner.storage(), offset, sizes, strides);
  return wrapTensor(env, tensor);
}

void initStorage(napi_env env, napi_value exports) {
  define(env, exports, "fromBytes", guarded<fromBytes>);
  define(env, exports, "toBytes", guarded<toBytes>);
  define(env, exports, "copyFromBytes", guarded<copyFromBytes>);
  define(env, exports, "storageId", guarded<storageId>);
  define(env, exports, "storageByteLength", guarded<storageByteLength>);
  define(env, exports, "storageBytes", guarded<storageBytes>);
  define(env, exports, "storageView", guarded<storageView>);
}

}  // namespace lt
