#include "values.h"

#include <cmath>

#include "environment.h"
#include "memory.h"

namespace lt {

// Runs inside the garbage collection (the module declares the experimental N-API version), so it must not touch JS.
static void finalizeBox(napi_env, void* data, void*) {
  delete static_cast<TensorBox*>(data);
  handleFinalized();
}

napi_value wrapTensor(napi_env env, at::Tensor tensor) {
  if (!tensor.defined()) return null(env);
  handleCreated(tensor);
  auto* box = new TensorBox(std::move(tensor));
  napi_value external = nullptr;
  napi_status status = napi_create_external(env, box, finalizeBox, nullptr, &external);
  if (status != napi_ok) {
    delete box;
    handleFinalized();
    check(env, status);
  }
  return external;
}

TensorBox* boxOf(napi_env env, napi_value value) {
  napi_valuetype type = typeOf(env, value);
  if (type == napi_object) {
    napi_value key = nullptr;
    Environment& environment = environmentOf(env);
    check(env, napi_get_reference_value(env, environment.handleKey, &key));
    check(env, napi_get_property(env, value, key, &value));
    type = typeOf(env, value);
  }
  if (type != napi_external) return nullptr;
  void* data = nullptr;
  check(env, napi_get_value_external(env, value, &data));
  auto* box = static_cast<TensorBox*>(data);
  return box->kind == BoxKind::kTensor ? box : nullptr;
}

const at::Tensor& toTensor(napi_env env, napi_value value) {
  TensorBox* box = boxOf(env, value);
  if (box == nullptr) throw CodedError("ARGUMENT_TYPE", "expected a Tensor");
  if (!box->tensor.defined())
    throw CodedError("TENSOR_DISPOSED", "this tensor was disposed; keep it alive, or clone() what you need before dispose()");
  return box->tensor;
}

std::vector<at::Tensor> toTensors(napi_env env, napi_value array) {
  uint32_t length = 0;
  check(env, napi_get_array_length(env, array, &length));
  std::vector<at::Tensor> tensors;
  tensors.reserve(length);
  for (uint32_t i = 0; i < length; ++i) {
    napi_value element = nullptr;
    check(env, napi_get_element(env, array, i, &element));
    tensors.push_back(isNullish(env, element) ? at::Tensor() : toTensor(env, element));
  }
  return tensors;
}

double toDouble(napi_env env, napi_value value) {
  double result = 0;
  if (typeOf(env, value) == napi_bigint) return static_cast<double>(toInt64(env, value));
  if (napi_get_value_double(env, value, &result) != napi_ok) throw CodedError("ARGUMENT_TYPE", "expected a number");
  return result;
}

int64_t toInt64(napi_env env, napi_value value) {
  if (typeOf(env, value) == napi_bigint) {
    int64_t result = 0;
    bool lossless = true;
    check(env, napi_get_value_bigint_int64(env, value, &result, &lossless));
    if (!lossless) throw CodedError("ARGUMENT_RANGE", "expected an integer within 64 bits");
    return result;
  }
  double number = toDouble(env, value);
  if (std::trunc(number) != number) throw CodedError("ARGUMENT_TYPE", "expected an integer, got " + std::to_string(number));
  if (!(std::fabs(number) < 9223372036854775808.0)) throw CodedError("ARGUMENT_RANGE", "expected an integer within 64 bits, got " + std::to_string(number));
  return static_cast<int64_t>(number);
}

bool toBool(napi_env env, napi_value value) {
  bool result = false;
  if (napi_get_value_bool(env, value, &result) != napi_ok) throw CodedError("ARGUMENT_TYPE", "expected a boolean");
  return result;
}

std::string toString(napi_env env, napi_value value) {
  if (typeOf(env, value) == napi_object) check(env, napi_coerce_to_string(env, value, &value));
  size_t length = 0;
  if (napi_get_value_string_utf8(env, value, nullptr, 0, &length) != napi_ok)
    throw CodedError("ARGUMENT_TYPE", "expected a string");
  std::string result(length, '\0');
  check(env, napi_get_value_string_utf8(env, value, result.data(), length + 1, &length));
  return result;
}

std::vector<int64_t> toInt64s(napi_env env, napi_value array) {
  bool isArray = false;
  check(env, napi_is_array(env, array, &isArray));
  if (!isArray) return {toInt64(env, array)};
  uint32_t length = 0;
  check(env, napi_get_array_length(env, array, &length));
  std::vector<int64_t> result(length);
  for (uint32_t i = 0; i < length; ++i) {
    napi_value element = nullptr;
    check(env, napi_get_element(env, array, i, &element));
    result[i] = toInt64(env, element);
  }
  return result;
}

at::Scalar toScalar(napi_env env, napi_value value) {
  switch (typeOf(env, value)) {
    case napi_boolean:
      return at::Scalar(toBool(env, value));
    case napi_bigint:
      return at::Scalar(toInt64(env, value));
    case napi_number: {
      // JavaScript has one number type: whole numbers count as integers, as a literal without a point does in Python.
      double number = toDouble(env, value);
      if (std::trunc(number) == number && std::fabs(number) <= 9007199254740992.0 && !(number == 0 && std::signbit(number)))
        return at::Scalar(static_cast<int64_t>(number));
      return at::Scalar(number);
    }
    case napi_object: {  // { re, im }
      napi_value re = nullptr, im = nullptr;
      check(env, napi_get_named_property(env, value, "re", &re));
      check(env, napi_get_named_property(env, value, "im", &im));
      return at::Scalar(c10::complex<double>(toDouble(env, re), toDouble(env, im)));
    }
    default:
      throw CodedError("ARGUMENT_TYPE", "expected a number, boolean, bigint or { re, im }");
  }
}

napi_value undefined(napi_env env) {
  napi_value result = nullptr;
  napi_get_undefined(env, &result);
  return result;
}
napi_value null(napi_env env) {
  napi_value result = nullptr;
  napi_get_null(env, &result);
  return result;
}
napi_value fromInt64(napi_env env, int64_t value) {
  napi_value result = nullptr;
  constexpr int64_t kSafe = 9007199254740991;
  if (value > kSafe || value < -kSafe)
    check(env, napi_create_bigint_int64(env, value, &result));
  else
    check(env, napi_create_int64(env, value, &result));
  return result;
}
napi_value fromDouble(napi_env env, double value) {
  napi_value result = nullptr;
  check(env, napi_create_double(env, value, &result));
  return result;
}
napi_value fromBool(napi_env env, bool value) {
  napi_value result = nullptr;
  check(env, napi_get_boolean(env, value, &result));
  return result;
}
napi_value fromString(napi_env env, const std::string& value) {
  napi_value result = nullptr;
  check(env, napi_create_string_utf8(env, value.data(), value.size(), &result));
  return result;
}
napi_value fromInt64s(napi_env env, c10::IntArrayRef values) {
  napi_value array = nullptr;
  check(env, napi_create_array_with_length(env, values.size(), &array));
  for (size_t i = 0; i < values.size(); ++i)
    check(env, napi_set_element(env, array, static_cast<uint32_t>(i), fromInt64(env, values[i])));
  return array;
}
napi_value fromTensors(napi_env env, const std::vector<at::Tensor>& tensors) {
  napi_value array = nullptr;
  check(env, napi_create_array_with_length(env, tensors.size(), &array));
  for (size_t i = 0; i < tensors.size(); ++i)
    check(env, napi_set_element(env, array, static_cast<uint32_t>(i), wrapTensor(env, tensors[i])));
  return array;
}
napi_value fromScalar(napi_env env, const at::Scalar& value) {
  if (value.isBoolean()) return fromBool(env, value.toBool());
  if (value.isIntegral(false)) return fromInt64(env, value.toLong());
  if (value.isComplex()) {
    auto number = value.toComplexDouble();
    napi_value object = nullptr;
    check(env, napi_create_object(env, &object));
    check(env, napi_set_named_property(env, object, "re", fromDouble(env, number.real())));
    check(env, napi_set_named_property(env, object, "im", fromDouble(env, number.imag())));
    return object;
  }
  return fromDouble(env, value.toDouble());
}

struct DtypeName {
  const char* name;
  at::ScalarType type;
};
static const DtypeName kDtypes[] = {
    {"float32", at::kFloat},          {"float64", at::kDouble},    {"float16", at::kHalf},       {"bfloat16", at::kBFloat16},
    {"int64", at::kLong},             {"int32", at::kInt},         {"int16", at::kShort},        {"int8", at::kChar},
    {"uint8", at::kByte},             {"bool", at::kBool},         {"complex64", at::kComplexFloat},
    {"complex128", at::kComplexDouble}, {"complex32", at::kComplexHalf}, {"qint8", at::kQInt8},  {"quint8", at::kQUInt8},
    {"qint32", at::kQInt32},          {"quint4x2", at::kQUInt4x2}, {"quint2x4", at::kQUInt2x4},
};

bool isDtypeName(const std::string& name) {
  for (const auto& entry : kDtypes)
    if (name == entry.name) return true;
  return false;
}
at::ScalarType dtypeFromName(const std::string& name) {
  std::string all;
  for (const auto& entry : kDtypes) {
    if (name == entry.name) return entry.type;
    all += std::string(all.empty() ? "" : ", ") + entry.name;
  }
  throw CodedError("UNKNOWN_DTYPE", "'" + name + "' is no dtype; use one of " + all);
}
const char* dtypeName(at::ScalarType type) {
  for (const auto& entry : kDtypes)
    if (type == entry.type) return entry.name;
  return c10::toString(type);
}

at::Device deviceFromName(const std::string& name) {
  at::Device device(at::kCPU);
  try {
    device = at::Device(name);
  } catch (const c10::Error&) {
    throw CodedError("DEVICE_UNAVAILABLE", "'" + name + "' is no device name; use 'cpu', 'cuda', 'cuda:1' or 'mps'");
  }
  return device;
}

std::string describeTensor(const at::Tensor& tensor) {
  if (!tensor.defined()) return "null";
  std::string text = dtypeName(tensor.scalar_type());
  text += "[";
  for (int64_t i = 0; i < tensor.dim(); ++i) text += (i > 0 ? ", " : "") + std::to_string(tensor.size(i));
  return text + "]";
}

}  // namespace lt
