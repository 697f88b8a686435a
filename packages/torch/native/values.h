#pragma once
// JS values to C++ and back.

#include <ATen/ATen.h>
#include <node_api.h>

#include <string>
#include <vector>

#include "errors.h"

namespace lt {

/// What an external of this addon points to begins with its kind, so that one cannot be taken for another.
enum class BoxKind : uint64_t {
  kTensor = 0x6c742d74656e736f,
  kGenerator = 0x6c742d67656e6572,
  kStore = 0x6c742d73746f7265,
  kGroup = 0x6c742d67726f7570,
  kWork = 0x6c742d2d776f726b,
  kReducer = 0x6c742d7265647563,
  kScriptModule = 0x6c742d736372706d,
};

/// What a JS Tensor's `handle` points to. Disposing resets the tensor; the box lives until the handle is collected.
struct TensorBox {
  explicit TensorBox(at::Tensor tensor) : tensor(std::move(tensor)) {}
  const BoxKind kind = BoxKind::kTensor;
  at::Tensor tensor;
};

napi_value wrapTensor(napi_env env, at::Tensor tensor);
/// A handle (External), or null when the value is no external.
TensorBox* boxOf(napi_env env, napi_value value);
/// Accepts a handle or an object that has one. Throws TENSOR_DISPOSED or ARGUMENT_TYPE.
const at::Tensor& toTensor(napi_env env, napi_value value);
std::vector<at::Tensor> toTensors(napi_env env, napi_value array);

template <size_t N>
struct Arguments {
  Arguments(napi_env env, napi_callback_info info) : env(env) {
    check(env, napi_get_cb_info(env, info, &count, values, nullptr, nullptr));
  }
  napi_value operator[](size_t i) const { return values[i]; }
  napi_env env;
  size_t count = N;
  napi_value values[N] = {};
};

inline napi_valuetype typeOf(napi_env env, napi_value value) {
  napi_valuetype type = napi_undefined;
  napi_typeof(env, value, &type);
  return type;
}
inline bool isNullish(napi_env env, napi_value value) {
  napi_valuetype type = typeOf(env, value);
  return type == napi_undefined || type == napi_null;
}

double toDouble(napi_env env, napi_value value);
int64_t toInt64(napi_env env, napi_value value);
bool toBool(napi_env env, napi_value value);
std::string toString(napi_env env, napi_value value);
std::vector<int64_t> toInt64s(napi_env env, napi_value array);
at::Scalar toScalar(napi_env env, napi_value value);

napi_value undefined(napi_env env);
napi_value null(napi_env env);
napi_value fromInt64(napi_env env, int64_t value);
napi_value fromDouble(napi_env env, double value);
napi_value fromBool(napi_env env, bool value);
napi_value fromString(napi_env env, const std::string& value);
napi_value fromInt64s(napi_env env, c10::IntArrayRef values);
napi_value fromTensors(napi_env env, const std::vector<at::Tensor>& tensors);
napi_value fromScalar(napi_env env, const at::Scalar& value);

/// 'float32' and the like; throws UNKNOWN_DTYPE with the list.
at::ScalarType dtypeFromName(const std::string& name);
bool isDtypeName(const std::string& name);
const char* dtypeName(at::ScalarType type);
/// 'cpu', 'cuda:1'; throws DEVICE_UNAVAILABLE when this libtorch has no such device.
at::Device deviceFromName(const std::string& name);
/// "float32[2, 3]"
std::string describeTensor(const at::Tensor& tensor);

}  // namespace lt
