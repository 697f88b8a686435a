#include "jit/scriptValues.h"

namespace lt {

bool isMap(napi_env env, napi_value value) {
  napi_value global = nullptr, constructor = nullptr;
  check(env, napi_get_global(env, &global));
  check(env, napi_get_named_property(env, global, "Map", &constructor));
  bool result = false;
  check(env, napi_instanceof(env, value, constructor, &result));
  return result;
}

/// [key, value] pairs, as Array.from(map) or Object.entries(object) gives them.
napi_value entriesOf(napi_env env, napi_value object) {
  bool map = isMap(env, object);
  napi_value global = nullptr, constructor = nullptr, function = nullptr, result = nullptr;
  check(env, napi_get_global(env, &global));
  check(env, napi_get_named_property(env, global, map ? "Array" : "Object", &constructor));
  check(env, napi_get_named_property(env, constructor, map ? "from" : "entries", &function));
  check(env, napi_call_function(env, constructor, function, 1, &object, &result));
  return result;
}

namespace {

[[noreturn]] void refuse(napi_env env, napi_value value, const std::string& expected, const std::string& where) {
  throw CodedError("SCRIPT_ARGUMENTS", "'" + where + "' must be " + expected + ", got " + describeKind(env, value, kindOf(env, value)));
}

bool isArray(napi_env env, napi_value value) {
  bool result = false;
  check(env, napi_is_array(env, value, &result));
  return result;
}

/// An object that may stand for a dict: neither a tensor, nor an array, nor a generator.
bool isRecord(napi_env env, napi_value value) {
  return typeOf(env, value) == napi_object && !isArray(env, value) && boxOf(env, value) == nullptr;
}

std::string elementName(const std::string& where, size_t i) { return where + "[" + std::to_string(i) + "]"; }

c10::IValue listValue(napi_env env, napi_value value, const c10::TypePtr& type, const std::string& where) {
  if (!isArray(env, value)) refuse(env, value, type->repr_str(), where);
  const c10::TypePtr& elementType = type->castRaw<c10::ListType>()->getElementType();
  Parameter parameter = parameterOf(where, type);
  Kind kind = kindOf(env, value);
  if (parameter.accepts != Accepts::kUnsupported && parameter.accepts != Accepts::kTensorList && fit(parameter, kind) >= 0)
    return convert(env, parameter, value, kind);
  c10::impl::GenericList list(elementType);
  size_t i = 0;
  forEachElement(env, value, [&](napi_value element) { list.push_back(scriptValue(env, element, elementType, elementName(where, i++))); });
  return list;
}

c10::IValue tupleValue(napi_env env, napi_value value, const c10::TypePtr& type, const std::string& where) {
  auto tupleType = type->expect<c10::TupleType>();
  const auto& elementTypes = tupleType->elements();
  std::vector<c10::IValue> elements;
  if (tupleType->schema() && isRecord(env, value)) {
    const auto& fields = tupleType->schema()->arguments();
    for (size_t i = 0; i < fields.size(); ++i) {
      napi_value element = nullptr;
      check(env, napi_get_property(env, value, fromString(env, fields[i].name()), &element));
      elements.push_back(scriptValue(env, element, elementTypes[i], where + "." + fields[i].name()));
    }
  } else {
    uint32_t length = 0;
    if (!isArray(env, value)) refuse(env, value, type->repr_str(), where);
    check(env, napi_get_array_length(env, value, &length));
    if (length != elementTypes.size())
      throw CodedError("SCRIPT_ARGUMENTS", "'" + where + "' must be " + type->repr_str() + ", got an array of " + std::to_string(length));
    forEachElement(env, value, [&](napi_value element) {
      const size_t i = elements.size();
      elements.push_back(scriptValue(env, element, elementTypes[i], elementName(where, i)));
    });
  }
  return tupleType->schema() ? c10::ivalue::Tuple::createNamed(std::move(elements), tupleType) : c10::ivalue::Tuple::create(std::move(elements));
}

c10::IValue dictValue(napi_env env, napi_value value, const c10::TypePtr& type, const std::string& where) {
  if (!isRecord(env, value)) refuse(env, value, type->repr_str(), where);
  const auto* dictType = type->castRaw<c10::DictType>();
  c10::impl::GenericDict dict(dictType->getKeyType(), dictType->getValueType());
  forEachEntry(env, value, [&](napi_value key, napi_value entry) {
    const std::string name = typeOf(env, key) == napi_string ? toString(env, key) : "key";
    dict.insert(scriptValue(env, key, dictType->getKeyType(), where + "." + name),
                scriptValue(env, entry, dictType->getValueType(), where + "." + name));
  });
  return dict;
}

}  // namespace

c10::IValue scriptValue(napi_env env, napi_value value, const c10::TypePtr& type, const std::string& where) {
  switch (type->kind()) {
    case c10::TypeKind::AnyType:
      return untypedValue(env, value, where, true);
    case c10::TypeKind::NoneType:
      if (isNullish(env, value)) return c10::IValue();
      refuse(env, value, "null", where);
    case c10::TypeKind::OptionalType:
      if (isNullish(env, value)) return c10::IValue();
      return scriptValue(env, value, type->castRaw<c10::OptionalType>()->getElementType(), where);
    case c10::TypeKind::UnionType:
      for (const c10::TypePtr& member : type->expectRef<c10::UnionType>().containedTypes()) {
        try {
          return scriptValue(env, value, member, where);
        } catch (const CodedError& error) {
          if (std::string(error.code) != "SCRIPT_ARGUMENTS") throw;
        }
      }
      refuse(env, value, type->repr_str(), where);
    case c10::TypeKind::ListType:
      return listValue(env, value, type, where);
    case c10::TypeKind::TupleType:
      return tupleValue(env, value, type, where);
    case c10::TypeKind::DictType:
      return dictValue(env, value, type, where);
    default: {
      Parameter parameter = parameterOf(where, type);
      Kind kind = kindOf(env, value);
      // An operator would take a number for a tensor; a program that says Tensor does not.
      bool fits = parameter.accepts == Accepts::kTensor ? kind == Kind::kTensor : fit(parameter, kind) >= 0;
      if (!fits || isNullish(env, value)) refuse(env, value, type->repr_str(), where);
      return convert(env, parameter, value, kind);
    }
  }
}

c10::IValue untypedValue(napi_env env, napi_value value, const std::string& where, bool allowsPlain) {
  const Kind kind = kindOf(env, value);
  if (kind == Kind::kTensor) return toTensor(env, value);
  if (isNullish(env, value)) return allowsPlain ? c10::IValue() : c10::IValue(at::Tensor());  // the tracer's word for null
  if (isArray(env, value)) {
    std::vector<c10::IValue> elements;
    forEachElement(env, value, [&](napi_value element) {
      elements.push_back(untypedValue(env, element, elementName(where, elements.size()), allowsPlain));
    });
    return c10::ivalue::Tuple::create(std::move(elements));
  }
  if (allowsPlain) {
    switch (kind) {
      case Kind::kInteger:
        return toInt64(env, value);
      case Kind::kNumber:
        return toDouble(env, value);
      case Kind::kBool:
        return toBool(env, value);
      case Kind::kString:
        return toString(env, value);
      default:
        break;
    }
  }
  if (!isRecord(env, value))
    refuse(env, value, allowsPlain ? "a tensor, a plain value, or an array or object of those" : "a tensor, or an array or object of tensors", where);
  std::vector<std::pair<std::string, c10::IValue>> entries;
  c10::TypePtr valueType;
  forEachEntry(env, value, [&](napi_value key, napi_value entry) {
    if (typeOf(env, key) != napi_string) refuse(env, key, "a string, because it is a key of '" + where + "'", where + " key");
    std::string name = toString(env, key);
    entries.emplace_back(name, untypedValue(env, entry, where + "." + name, allowsPlain));
    c10::TypePtr type = entries.back().second.isTensor() ? c10::TensorType::get() : entries.back().second.type();
    if (valueType != nullptr && *valueType != *type)
      throw CodedError("SCRIPT_ARGUMENTS", "'" + where + "' becomes a dict, whose values must have one type: '" + entries.front().first + "' is " +
                                               valueType->repr_str() + ", '" + name + "' is " + type->repr_str());
    valueType = type;
  });
  if (entries.empty()) throw CodedError("SCRIPT_ARGUMENTS", "'" + where + "' is an empty object, whose type TorchScript cannot know");
  c10::impl::GenericDict dict(c10::StringType::get(), valueType);
  for (auto& entry : entries) dict.insert(entry.first, std::move(entry.second));
  return dict;
}

}  // namespace lt
