#pragma once
// What operators and TorchScript methods take and give, between JavaScript and the engine's boxed values.

#include <ATen/core/function_schema.h>
#include <ATen/core/ivalue.h>

#include <string>

#include "values.h"

namespace lt {

/// What a schema argument accepts, reduced to the cases the conversion knows.
enum class Accepts : uint8_t {
  kTensor,
  kTensorList,
  kOptionalTensorList,
  kScalar,
  kScalarList,
  kInt,
  kIntList,
  kFloat,
  kFloatList,
  kBool,
  kBoolList,
  kString,
  kStringList,
  kDtype,
  kLayout,
  kMemoryFormat,
  kDevice,
  kGenerator,
  kUnsupported,
};

/// What JavaScript passed.
enum class Kind : uint8_t {
  kAbsent,
  kNull,
  kNumber,
  kInteger,
  kBool,
  kString,
  kTensor,
  kTensorArray,
  kNumberArray,
  kBoolArray,
  kStringArray,
  kEmptyArray,
  kObject,
  kComplex,
  kGenerator,
};

struct Parameter {
  std::string name;       // as in the schema
  std::string camelName;  // as in an options object
  Accepts accepts = Accepts::kUnsupported;
  bool optional = false;
  bool expandsNumber = false;  // int[2]: a single number stands for two
  bool keywordOnly = false;
  bool hasDefault = false;
  int32_t listSize = 0;
  c10::IValue defaultValue;
};

/// The part of a parameter that its name and type say; defaults and the like come from the schema.
Parameter parameterOf(const std::string& name, const c10::TypePtr& type);

Kind kindOf(napi_env env, napi_value value);
/// How well a value of this kind fits, or -1. Higher is more exact; ties go to the overload with fewer parameters.
int fit(const Parameter& parameter, Kind kind);
/// What stands for no value: None, or an undefined tensor where the parameter is a tensor that is not optional.
c10::IValue nothingFor(const Parameter& parameter);
/// The boxed value of what fits the parameter.
c10::IValue convert(napi_env env, const Parameter& parameter, napi_value value, Kind kind);
/// Tensors become handles; lists and tuples arrays; dicts with names as keys, and named tuples, objects; other dicts Maps.
napi_value toJs(napi_env env, const c10::IValue& value);

/// "float32[2, 3]", "'mean'", "[1, 2]"
std::string describeKind(napi_env env, napi_value value, Kind kind);
std::string camelCase(const std::string& name);

template <typename Fn>
void forEachElement(napi_env env, napi_value array, Fn fn) {
  uint32_t length = 0;
  check(env, napi_get_array_length(env, array, &length));
  for (uint32_t i = 0; i < length; ++i) {
    napi_value element = nullptr;
    check(env, napi_get_element(env, array, i, &element));
    fn(element);
  }
}

}  // namespace lt
