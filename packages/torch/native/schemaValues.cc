#include "schemaValues.h"

#include <cmath>

#include "operators.h"

namespace lt {

std::string camelCase(const std::string& name) {
  std::string result;
  for (size_t i = 0; i < name.size(); ++i) {
    if (name[i] == '_' && i > 0 && i + 1 < name.size() && std::islower(static_cast<unsigned char>(name[i + 1])))
      result += static_cast<char>(std::toupper(static_cast<unsigned char>(name[++i])));
    else
      result += name[i];
  }
  return result;
}

static Accepts acceptsOf(const c10::TypePtr& type, bool inList) {
  switch (type->kind()) {
    case c10::TypeKind::TensorType:
      return inList ? Accepts::kTensorList : Accepts::kTensor;
    case c10::TypeKind::NumberType:
      return inList ? Accepts::kScalarList : Accepts::kScalar;
    case c10::TypeKind::IntType:
    case c10::TypeKind::SymIntType:
      return inList ? Accepts::kIntList : Accepts::kInt;
    case c10::TypeKind::FloatType:
      return inList ? Accepts::kFloatList : Accepts::kFloat;
    case c10::TypeKind::BoolType:
      return inList ? Accepts::kBoolList : Accepts::kBool;
    case c10::TypeKind::StringType:
      return inList ? Accepts::kStringList : Accepts::kString;
    case c10::TypeKind::ScalarTypeType:
      return inList ? Accepts::kUnsupported : Accepts::kDtype;
    case c10::TypeKind::LayoutType:
      return inList ? Accepts::kUnsupported : Accepts::kLayout;
    case c10::TypeKind::MemoryFormatType:
      return inList ? Accepts::kUnsupported : Accepts::kMemoryFormat;
    case c10::TypeKind::DeviceObjType:
      return inList ? Accepts::kUnsupported : Accepts::kDevice;
    case c10::TypeKind::GeneratorType:
      return inList ? Accepts::kUnsupported : Accepts::kGenerator;
    case c10::TypeKind::OptionalType: {
      auto element = type->castRaw<c10::OptionalType>()->getElementType();
      if (inList) return element->kind() == c10::TypeKind::TensorType ? Accepts::kOptionalTensorList : Accepts::kUnsupported;
      return acceptsOf(element, false);
    }
    case c10::TypeKind::ListType:
      return inList ? Accepts::kUnsupported : acceptsOf(type->castRaw<c10::ListType>()->getElementType(), true);
    default:
      return Accepts::kUnsupported;
  }
}

Parameter parameterOf(const std::string& name, const c10::TypePtr& type) {
  Parameter parameter;
  parameter.name = name;
  parameter.camelName = camelCase(name);
  parameter.accepts = acceptsOf(type, false);
  parameter.optional = type->kind() == c10::TypeKind::OptionalType;
  return parameter;
}

static Kind kindOfArray(napi_env env, napi_value array) {
  uint32_t length = 0;
  check(env, napi_get_array_length(env, array, &length));
  if (length == 0) return Kind::kEmptyArray;
  for (uint32_t i = 0; i < length; ++i) {
    napi_value element = nullptr;
    check(env, napi_get_element(env, array, i, &element));
    bool isNested = false;
    check(env, napi_is_array(env, element, &isNested));
    if (isNested) return Kind::kObject;
    switch (kindOf(env, element)) {
      case Kind::kTensor:
        return Kind::kTensorArray;
      case Kind::kInteger:
      case Kind::kNumber:
        return Kind::kNumberArray;
      case Kind::kBool:
        return Kind::kBoolArray;
      case Kind::kString:
        return Kind::kStringArray;
      case Kind::kNull:
        continue;  // Tensor?[]: look further
      default:
        return Kind::kObject;
    }
  }
  return Kind::kTensorArray;
}

Kind kindOf(napi_env env, napi_value value) {
  switch (typeOf(env, value)) {
    case napi_external:
      return Kind::kTensor;
    case napi_undefined:
      return Kind::kAbsent;
    case napi_null:
      return Kind::kNull;
    case napi_number: {
      double number = toDouble(env, value);
      // Beyond 2^53 a double no longer says which integer is meant.
      return std::trunc(number) == number && std::fabs(number) <= 9007199254740992.0 ? Kind::kInteger : Kind::kNumber;
    }
    case napi_bigint:
      return Kind::kInteger;
    case napi_boolean:
      return Kind::kBool;
    case napi_string:
      return Kind::kString;
    case napi_object: {
      bool isArray = false;
      check(env, napi_is_array(env, value, &isArray));
      if (isArray) return kindOfArray(env, value);
      if (boxOf(env, value) != nullptr) return Kind::kTensor;
      if (generatorOf(env, value) != nullptr) return Kind::kGenerator;
      napi_value imaginary = nullptr;
      check(env, napi_get_named_property(env, value, "im", &imaginary));
      return typeOf(env, imaginary) == napi_number ? Kind::kComplex : Kind::kObject;
    }
    default:
      return Kind::kObject;
  }
}

int fit(const Parameter& parameter, Kind kind) {
  if (kind == Kind::kAbsent) return parameter.hasDefault || parameter.optional ? 0 : -1;
  if (kind == Kind::kNull) return parameter.optional ? 3 : -1;
  switch (parameter.accepts) {
    case Accepts::kTensor:
      if (kind == Kind::kTensor) return 10;
      return kind == Kind::kInteger || kind == Kind::kNumber || kind == Kind::kBool || kind == Kind::kComplex ? 1 : -1;
    case Accepts::kTensorList:
    case Accepts::kOptionalTensorList:
      return kind == Kind::kTensorArray ? 8 : kind == Kind::kEmptyArray ? 4 : -1;
    case Accepts::kScalar:
      return kind == Kind::kInteger || kind == Kind::kNumber ? 6 : kind == Kind::kBool || kind == Kind::kComplex ? 5 : -1;
    case Accepts::kScalarList:
      return kind == Kind::kNumberArray ? 6 : kind == Kind::kEmptyArray ? 4 : -1;
    case Accepts::kInt:
      return kind == Kind::kInteger ? 8 : -1;
    case Accepts::kIntList:
      if (kind == Kind::kInteger) return parameter.expandsNumber ? 5 : -1;
      return kind == Kind::kNumberArray ? 8 : kind == Kind::kEmptyArray ? 5 : -1;
    case Accepts::kFloat:
      return kind == Kind::kNumber || kind == Kind::kInteger ? 7 : -1;
    case Accepts::kFloatList:
      return kind == Kind::kNumberArray ? 7 : kind == Kind::kEmptyArray ? 4 : -1;
    case Accepts::kBool:
      return kind == Kind::kBool ? 8 : -1;
    case Accepts::kBoolList:
      return kind == Kind::kBoolArray ? 8 : kind == Kind::kEmptyArray ? 4 : -1;
    case Accepts::kString:
      return kind == Kind::kString ? 6 : -1;
    case Accepts::kStringList:
      return kind == Kind::kStringArray ? 8 : kind == Kind::kEmptyArray ? 3 : -1;
    case Accepts::kDtype:
    case Accepts::kLayout:
    case Accepts::kMemoryFormat:
      return kind == Kind::kString ? 7 : -1;
    case Accepts::kDevice:
      return kind == Kind::kString || kind == Kind::kObject ? 6 : -1;
    case Accepts::kGenerator:
      return kind == Kind::kGenerator ? 8 : -1;
    case Accepts::kUnsupported:
      return -1;
  }
  return -1;
}

static at::Tensor wrappedNumber(const at::Scalar& value) {
  // Like Python's numbers: a 0-dim tensor that does not take part in type promotion beyond its category.
  at::Tensor tensor = c10::scalar_to_tensor(value);
  tensor.unsafeGetTensorImpl()->set_wrapped_number(true);
  return tensor;
}

static int64_t layoutFromName(const std::string& name) {
  if (name == "strided") return static_cast<int64_t>(at::kStrided);
  if (name == "sparse_coo") return static_cast<int64_t>(at::kSparse);
  if (name == "sparse_csr") return static_cast<int64_t>(at::kSparseCsr);
  throw CodedError("ARGUMENT_TYPE", "'" + name + "' is no layout; use 'strided', 'sparse_coo' or 'sparse_csr'");
}
static int64_t memoryFormatFromName(const std::string& name) {
  if (name == "contiguous_format") return static_cast<int64_t>(at::MemoryFormat::Contiguous);
  if (name == "preserve_format") return static_cast<int64_t>(at::MemoryFormat::Preserve);
  if (name == "channels_last") return static_cast<int64_t>(at::MemoryFormat::ChannelsLast);
  if (name == "channels_last_3d") return static_cast<int64_t>(at::MemoryFormat::ChannelsLast3d);
  throw CodedError("ARGUMENT_TYPE", "'" + name +
                                        "' is no memory format; use 'contiguous_format', 'preserve_format', 'channels_last' or "
                                        "'channels_last_3d'");
}

c10::IValue nothingFor(const Parameter& parameter) {
  return parameter.accepts == Accepts::kTensor && !parameter.optional ? c10::IValue(at::Tensor()) : c10::IValue();
}

c10::IValue convert(napi_env env, const Parameter& parameter, napi_value value, Kind kind) {
  if (kind == Kind::kAbsent || kind == Kind::kNull) return kind == Kind::kAbsent && parameter.hasDefault ? parameter.defaultValue : nothingFor(parameter);
  switch (parameter.accepts) {
    case Accepts::kTensor:
      if (kind == Kind::kTensor) return toTensor(env, value);
      return wrappedNumber(toScalar(env, value));
    case Accepts::kTensorList: {
      c10::List<at::Tensor> list;
      forEachElement(env, value, [&](napi_value element) {
        if (isNullish(env, element))
          throw CodedError("ARGUMENT_TYPE", "'" + parameter.camelName + "' must hold tensors only, but one element is null");
        list.push_back(toTensor(env, element));
      });
      return list;
    }
    case Accepts::kOptionalTensorList: {
      c10::List<c10::optional<at::Tensor>> list;
      forEachElement(env, value, [&](napi_value element) {
        if (isNullish(env, element))
          list.push_back(c10::nullopt);
        else
          list.push_back(toTensor(env, element));
      });
      return list;
    }
    case Accepts::kScalar:
      return toScalar(env, value);
    case Accepts::kScalarList: {
      c10::List<c10::IValue> list(c10::NumberType::get());
      forEachElement(env, value, [&](napi_value element) { list.push_back(toScalar(env, element)); });
      return c10::IValue(list);
    }
    case Accepts::kInt:
      return toInt64(env, value);
    case Accepts::kIntList: {
      if (kind == Kind::kInteger) return std::vector<int64_t>(parameter.listSize, toInt64(env, value));
      return toInt64s(env, value);
    }
    case Accepts::kFloat:
      return toDouble(env, value);
    case Accepts::kFloatList: {
      std::vector<double> list;
      forEachElement(env, value, [&](napi_value element) { list.push_back(toDouble(env, element)); });
      return list;
    }
    case Accepts::kBool:
      return toBool(env, value);
    case Accepts::kBoolList: {
      c10::List<bool> list;
      forEachElement(env, value, [&](napi_value element) { list.push_back(toBool(env, element)); });
      return list;
    }
    case Accepts::kString:
      return toString(env, value);
    case Accepts::kStringList: {
      c10::List<std::string> list;
      forEachElement(env, value, [&](napi_value element) { list.push_back(toString(env, element)); });
      return list;
    }
    case Accepts::kDtype:
      return static_cast<int64_t>(dtypeFromName(toString(env, value)));
    case Accepts::kLayout:
      return layoutFromName(toString(env, value));
    case Accepts::kMemoryFormat:
      return memoryFormatFromName(toString(env, value));
    case Accepts::kDevice:
      return requireDevice(deviceFromName(toString(env, value)));
    case Accepts::kGenerator:
      return *generatorOf(env, value);
    case Accepts::kUnsupported:
      break;
  }
  throw CodedError("ARGUMENT_TYPE", "'" + parameter.camelName + "' cannot be passed from JavaScript");
}

static void setNamed(napi_env env, napi_value object, const std::string& name, const c10::IValue& value) {
  check(env, napi_set_property(env, object, fromString(env, name), toJs(env, value)));
}

static napi_value dictToJs(napi_env env, const c10::Dict<c10::IValue, c10::IValue>& dict) {
  napi_value result = nullptr;
  if (dict.keyType()->kind() == c10::TypeKind::StringType) {
    check(env, napi_create_object(env, &result));
    for (const auto& entry : dict) setNamed(env, result, entry.key().toStringRef(), entry.value());
    return result;
  }
  napi_value global = nullptr, constructor = nullptr, set = nullptr;
  check(env, napi_get_global(env, &global));
  check(env, napi_get_named_property(env, global, "Map", &constructor));
  check(env, napi_new_instance(env, constructor, 0, nullptr, &result));
  check(env, napi_get_named_property(env, result, "set", &set));
  for (const auto& entry : dict) {
    napi_value arguments[2] = {toJs(env, entry.key()), toJs(env, entry.value())};
    check(env, napi_call_function(env, result, set, 2, arguments, nullptr));
  }
  return result;
}

static napi_value namedTupleToJs(napi_env env, const c10::ivalue::Tuple& tuple) {
  napi_value result = nullptr;
  check(env, napi_create_object(env, &result));
  const auto& fields = tuple.type()->schema()->arguments();
  for (size_t i = 0; i < fields.size(); ++i) setNamed(env, result, fields[i].name(), tuple.elements()[i]);
  return result;
}

napi_value toJs(napi_env env, const c10::IValue& value) {
  if (value.isTensor()) return wrapTensor(env, value.toTensor());
  if (value.isNone()) return null(env);
  if (value.isBool()) return fromBool(env, value.toBool());
  if (value.isInt()) return fromInt64(env, value.toInt());
  if (value.isDouble()) return fromDouble(env, value.toDouble());
  if (value.isScalar()) return fromScalar(env, value.toScalar());
  if (value.isString()) return fromString(env, value.toStringRef());
  if (value.isDevice()) return fromString(env, value.toDevice().str());
  if (value.isGenericDict()) return dictToJs(env, value.toGenericDict());
  if (value.isTuple() && value.type()->expectRef<c10::TupleType>().schema()) return namedTupleToJs(env, value.toTupleRef());
  if (value.isList() || value.isTuple()) {
    std::vector<c10::IValue> elements = value.isTuple() ? std::vector<c10::IValue>(value.toTupleRef().elements()) : value.toListRef().vec();
    napi_value array = nullptr;
    check(env, napi_create_array_with_length(env, elements.size(), &array));
    for (size_t i = 0; i < elements.size(); ++i)
      check(env, napi_set_element(env, array, static_cast<uint32_t>(i), toJs(env, elements[i])));
    return array;
  }
  throw CodedError("ENGINE", "the result is a " + value.tagKind() + ", which has no JavaScript form");
}

std::string describeKind(napi_env env, napi_value value, Kind kind) {
  switch (kind) {
    case Kind::kAbsent:
      return "undefined";
    case Kind::kNull:
      return "null";
    case Kind::kNumber:
    case Kind::kInteger: {
      napi_value text = nullptr;
      if (napi_coerce_to_string(env, value, &text) == napi_ok) return toString(env, text);
      return "number";
    }
    case Kind::kBool:
      return toBool(env, value) ? "true" : "false";
    case Kind::kString:
      return "'" + toString(env, value) + "'";
    case Kind::kTensor: {
      TensorBox* box = boxOf(env, value);
      return box != nullptr && box->tensor.defined() ? describeTensor(box->tensor) : "disposed tensor";
    }
    case Kind::kTensorArray: {
      std::string text = "[";
      uint32_t length = 0;
      napi_get_array_length(env, value, &length);
      for (uint32_t i = 0; i < length && i < 6; ++i) {
        napi_value element = nullptr;
        napi_get_element(env, value, i, &element);
        TensorBox* box = isNullish(env, element) ? nullptr : boxOf(env, element);
        text += (i > 0 ? ", " : "") + (box == nullptr ? "null" : describeTensor(box->tensor));
      }
      return text + (length > 6 ? ", …]" : "]");
    }
    case Kind::kNumberArray: {
      napi_value text = nullptr;
      if (napi_coerce_to_string(env, value, &text) == napi_ok) return "[" + toString(env, text) + "]";
      return "number[]";
    }
    case Kind::kBoolArray:
      return "boolean[]";
    case Kind::kStringArray:
      return "string[]";
    case Kind::kEmptyArray:
      return "[]";
    case Kind::kGenerator:
      return "Generator";
    case Kind::kComplex:
      return "complex number";
    case Kind::kObject:
      return "object";
  }
  return "value";
}

}  // namespace lt
