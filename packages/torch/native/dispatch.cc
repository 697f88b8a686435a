// One generic call for every operator of the dispatcher. TypeScript passes an operator's number and its arguments; the
// overload is chosen here by the arguments' kinds, the values go on an IValue stack, and `callBoxed` does the rest.

#include <ATen/core/dispatch/Dispatcher.h>
#include <ATen/core/function_schema.h>
#include <ATen/core/ivalue.h>
#include <torch/version.h>

#include <algorithm>
#include <atomic>
#include <cmath>
#include <deque>
#include <mutex>
#include <unordered_map>
#include <unordered_set>

#include "environment.h"
#include "operators.h"
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

struct Overload {
  explicit Overload(c10::OperatorHandle handle) : handle(std::move(handle)) {}
  c10::OperatorHandle handle;
  std::string name;
  std::vector<Parameter> parameters;
  size_t positional = 0;
  bool supported = true;
  bool isOut = false;
};

struct Operator {
  explicit Operator(std::string name) : name(std::move(name)) {}
  std::string name;
  std::atomic<bool> resolved{false};  // threads share the table; whoever calls an operator first resolves it
  std::vector<Overload> overloads;
};

static std::string camelCase(const std::string& name) {
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

static Overload describe(const c10::OperatorHandle& handle) {
  Overload overload(handle);
  const c10::FunctionSchema& schema = handle.schema();
  overload.name = schema.overload_name();
  for (const c10::Argument& argument : schema.arguments()) {
    Parameter parameter;
    parameter.name = argument.name();
    parameter.camelName = camelCase(argument.name());
    const c10::TypePtr& type = argument.real_type();
    parameter.accepts = acceptsOf(type, false);
    parameter.optional = type->kind() == c10::TypeKind::OptionalType;
    parameter.listSize = argument.N().value_or(0);
    parameter.expandsNumber = parameter.listSize > 0;
    parameter.keywordOnly = argument.kwarg_only();
    parameter.hasDefault = argument.default_value().has_value();
    if (parameter.hasDefault) parameter.defaultValue = *argument.default_value();
    if (parameter.accepts == Accepts::kUnsupported && !parameter.hasDefault) overload.supported = false;
    if (argument.is_out()) overload.isOut = true;
    if (!parameter.keywordOnly) overload.positional += 1;
    overload.parameters.push_back(std::move(parameter));
  }
  if (schema.is_vararg()) overload.supported = false;
  return overload;
}

static std::mutex tableMutex;
static std::deque<Operator> operators;
static std::unordered_map<std::string, std::vector<c10::OperatorHandle>>* handlesByName = nullptr;

/// The names come once from the generated list, joined with newlines; a name's number is its line.
static napi_value loadOperators(napi_env env, napi_callback_info info) {
  Arguments<1> args(env, info);
  std::string names = toString(env, args[0]);
  std::lock_guard<std::mutex> lock(tableMutex);
  if (!operators.empty()) return undefined(env);  // another thread of this process has loaded them
  size_t start = 0;
  while (start < names.size()) {
    size_t end = names.find('\n', start);
    if (end == std::string::npos) end = names.size();
    operators.emplace_back(names.substr(start, end - start));
    start = end + 1;
  }
  return undefined(env);
}

static void resolve(Operator& op) {
  std::lock_guard<std::mutex> lock(tableMutex);
  if (op.resolved.load(std::memory_order_relaxed)) return;
  auto& dispatcher = c10::Dispatcher::singleton();
  if (handlesByName == nullptr) {
    handlesByName = new std::unordered_map<std::string, std::vector<c10::OperatorHandle>>();
    for (const c10::OperatorName& name : dispatcher.getAllOpNames())
      if (auto handle = dispatcher.findSchema(name)) (*handlesByName)[name.name].push_back(*handle);
  }
  auto found = handlesByName->find(op.name);
  if (found != handlesByName->end())
    for (const auto& handle : found->second) {
      Overload overload = describe(handle);
      if (overload.supported) op.overloads.push_back(std::move(overload));
    }
  // As in Python, a number in plain arithmetic becomes a tensor that leaves the other's dtype alone; the forms for
  // scalars do the same inside, but would be recorded under other names.
  static const std::unordered_set<std::string> kArithmetic = {"aten::add", "aten::sub",  "aten::mul",  "aten::div",
                                                              "aten::add_", "aten::sub_", "aten::mul_", "aten::div_"};
  if (kArithmetic.count(op.name) > 0)
    op.overloads.erase(std::remove_if(op.overloads.begin(), op.overloads.end(),
                                      [](const Overload& overload) { return overload.name.rfind("Scalar", 0) == 0; }),
                       op.overloads.end());
  std::stable_sort(op.overloads.begin(), op.overloads.end(), [](const Overload& a, const Overload& b) {
    if (a.isOut != b.isOut) return !a.isOut;
    if (a.parameters.size() != b.parameters.size()) return a.parameters.size() < b.parameters.size();
    return a.name < b.name;
  });
  op.resolved.store(true, std::memory_order_release);
}

static Kind kindOf(napi_env env, napi_value value);

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

static Kind kindOf(napi_env env, napi_value value) {
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

/// How well a value of this kind fits, or -1. Higher is more exact; ties go to the overload with fewer parameters.
static int fit(const Parameter& parameter, Kind kind) {
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

template <typename Fn>
static void forEachElement(napi_env env, napi_value array, Fn fn) {
  uint32_t length = 0;
  check(env, napi_get_array_length(env, array, &length));
  for (uint32_t i = 0; i < length; ++i) {
    napi_value element = nullptr;
    check(env, napi_get_element(env, array, i, &element));
    fn(element);
  }
}

static c10::IValue convert(napi_env env, const Parameter& parameter, napi_value value, Kind kind) {
  if (kind == Kind::kAbsent) return parameter.hasDefault ? parameter.defaultValue : c10::IValue();
  if (kind == Kind::kNull) return parameter.accepts == Accepts::kTensor ? c10::IValue(at::Tensor()) : c10::IValue();
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

static napi_value toJs(napi_env env, const c10::IValue& value) {
  if (value.isTensor()) return wrapTensor(env, value.toTensor());
  if (value.isNone()) return null(env);
  if (value.isBool()) return fromBool(env, value.toBool());
  if (value.isInt()) return fromInt64(env, value.toInt());
  if (value.isDouble()) return fromDouble(env, value.toDouble());
  if (value.isScalar()) return fromScalar(env, value.toScalar());
  if (value.isString()) return fromString(env, value.toStringRef());
  if (value.isDevice()) return fromString(env, value.toDevice().str());
  if (value.isList() || value.isTuple()) {
    std::vector<c10::IValue> elements = value.isTuple() ? std::vector<c10::IValue>(value.toTupleRef().elements()) : value.toListRef().vec();
    napi_value array = nullptr;
    check(env, napi_create_array_with_length(env, elements.size(), &array));
    for (size_t i = 0; i < elements.size(); ++i)
      check(env, napi_set_element(env, array, static_cast<uint32_t>(i), toJs(env, elements[i])));
    return array;
  }
  throw CodedError("ENGINE", "the operator returned a " + value.tagKind() + ", which has no JavaScript form");
}

static std::string describeKind(napi_env env, napi_value value, Kind kind) {
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

static std::string shortName(const std::string& name) {
  size_t colon = name.rfind(':');
  return camelCase(colon == std::string::npos ? name : name.substr(colon + 1));
}

static constexpr size_t kMaxArguments = 40;

struct Passed {
  napi_value values[kMaxArguments];
  Kind kinds[kMaxArguments];
  size_t count = 0;
};

static std::string describeCall(napi_env env, const Operator& op, const Passed& passed) {
  std::string text = shortName(op.name) + "(";
  for (size_t i = 0; i < passed.count; ++i) text += (i > 0 ? ", " : "") + describeKind(env, passed.values[i], passed.kinds[i]);
  return text + ")";
}

/// Options given by name: their parameter is looked up in each overload that is tried.
struct Options {
  napi_value object = nullptr;
  std::vector<std::pair<std::string, napi_value>> entries;
  std::vector<Kind> kinds;
};

static Options readOptions(napi_env env, napi_value object) {
  Options options;
  options.object = object;
  napi_value names = nullptr;
  check(env, napi_get_property_names(env, object, &names));
  forEachElement(env, names, [&](napi_value name) {
    napi_value value = nullptr;
    check(env, napi_get_property(env, object, name, &value));
    Kind kind = kindOf(env, value);
    if (kind == Kind::kAbsent) return;
    options.entries.emplace_back(toString(env, name), value);
    options.kinds.push_back(kind);
  });
  return options;
}

/// Fills `source` (per parameter: index into passed, or ~index into options, or none) and returns the score, -1 if unfit.
static constexpr int kNone = 1 << 20;
static int match(const Overload& overload, const Passed& passed, const Options* options, int* source) {
  const size_t total = overload.parameters.size();
  if (passed.count > overload.positional || total > kMaxArguments) return -1;
  int score = 0;
  for (size_t p = 0; p < total; ++p) {
    const Parameter& parameter = overload.parameters[p];
    Kind kind = Kind::kAbsent;
    source[p] = kNone;
    if (p < passed.count) {
      kind = passed.kinds[p];
      if (kind != Kind::kAbsent) source[p] = static_cast<int>(p);
    }
    if (source[p] == kNone && options != nullptr) {
      for (size_t o = 0; o < options->entries.size(); ++o)
        if (options->entries[o].first == parameter.camelName || options->entries[o].first == parameter.name) {
          source[p] = -1 - static_cast<int>(o);
          kind = options->kinds[o];
        }
    }
    int score1 = fit(parameter, kind);
    if (score1 < 0) return -1;
    score += score1;
  }
  if (options != nullptr) {
    size_t used = 0;
    for (size_t p = 0; p < total; ++p) used += source[p] < 0;
    if (used != options->entries.size()) return -1;
  }
  return score;
}

template <bool wantsResult>
static napi_value callOperator(napi_env env, napi_callback_info info) {
  Arguments<kMaxArguments + 1> args(env, info);
  uint32_t id = 0;
  check(env, napi_get_value_uint32(env, args[0], &id));
  if (id >= operators.size()) throw CodedError("ENGINE", "there is no operator with number " + std::to_string(id));
  Operator& op = operators[id];
  if (!op.resolved.load(std::memory_order_acquire)) resolve(op);

  Passed passed;
  size_t count = args.count > kMaxArguments + 1 ? kMaxArguments + 1 : args.count;
  while (count > 1 && typeOf(env, args[count - 1]) == napi_undefined) --count;
  for (size_t i = 1; i < count; ++i) {
    passed.values[i - 1] = args[i];
    passed.kinds[i - 1] = kindOf(env, args[i]);
  }
  passed.count = count - 1;

  Options storage;
  const Options* options = nullptr;
  if (passed.count > 0 && passed.kinds[passed.count - 1] == Kind::kObject) {
    bool isArray = false;
    check(env, napi_is_array(env, passed.values[passed.count - 1], &isArray));
    if (!isArray) {
      storage = readOptions(env, passed.values[passed.count - 1]);
      options = &storage;
      passed.count -= 1;
    }
  }

  int best = -1;
  const Overload* chosen = nullptr;
  int source[kMaxArguments];
  int bestSource[kMaxArguments];
  for (const Overload& overload : op.overloads) {
    int score = match(overload, passed, options, source);
    if (score > best) {
      best = score;
      chosen = &overload;
      std::copy(source, source + overload.parameters.size(), bestSource);
      if (op.overloads.size() == 1) break;
    }
  }
  if (chosen == nullptr) {
    if (op.overloads.empty())
      throw CodedError("UNKNOWN_OPERATOR", "this libtorch (" TORCH_VERSION ") has no operator " + op.name + " that can be called from here");
    std::string text = describeCall(env, op, passed);
    if (options != nullptr) {
      text.pop_back();
      text += passed.count > 0 ? ", { " : "{ ";
      for (size_t o = 0; o < options->entries.size(); ++o)
        text += (o > 0 ? ", " : "") + options->entries[o].first + ": " + describeKind(env, options->entries[o].second, options->kinds[o]);
      text += " })";
    }
    text += " fits no form of this operator. It takes:";
    for (const Overload& overload : op.overloads) {
      if (overload.isOut) continue;
      text += "\n  " + shortName(op.name) + "(";
      bool inOptions = false;
      for (size_t p = 0; p < overload.parameters.size(); ++p) {
        const Parameter& parameter = overload.parameters[p];
        if (p > 0) text += ", ";
        if (parameter.keywordOnly && !inOptions) {
          text += "{ ";
          inOptions = true;
        }
        text += parameter.camelName + (parameter.hasDefault || parameter.optional ? "?" : "") + ": " +
                overload.handle.schema().arguments()[p].real_type()->str();
      }
      text += inOptions ? " })" : ")";
    }
    throw CodedError("ARGUMENT_TYPE", text);
  }

  torch::jit::Stack stack;
  stack.reserve(chosen->parameters.size());
  try {
    for (size_t p = 0; p < chosen->parameters.size(); ++p) {
      const Parameter& parameter = chosen->parameters[p];
      int from = bestSource[p];
      if (from == kNone)
        stack.push_back(parameter.hasDefault ? parameter.defaultValue
                        : parameter.accepts == Accepts::kTensor ? c10::IValue(at::Tensor())
                                                                : c10::IValue());
      else if (from >= 0)
        stack.push_back(convert(env, parameter, passed.values[from], passed.kinds[from]));
      else
        stack.push_back(convert(env, parameter, options->entries[-1 - from].second, options->kinds[-1 - from]));
    }
    chosen->handle.callBoxed(stack);
  } catch (const PendingJsException&) {
    throw;
  } catch (...) {
    setErrorContext(describeCall(env, op, passed));
    throw;
  }

  if (!wantsResult || stack.empty()) return undefined(env);
  if (stack.size() == 1) return toJs(env, stack[0]);
  napi_value array = nullptr;
  check(env, napi_create_array_with_length(env, stack.size(), &array));
  for (size_t i = 0; i < stack.size(); ++i)
    check(env, napi_set_element(env, array, static_cast<uint32_t>(i), toJs(env, stack[i])));
  return array;
}

/// Every schema of this libtorch as text, one a line: what the generator reads.
static napi_value dumpSchemas(napi_env env, napi_callback_info) {
  std::vector<std::string> lines;
  auto& dispatcher = c10::Dispatcher::singleton();
  for (const c10::OperatorName& name : dispatcher.getAllOpNames()) {
    auto handle = dispatcher.findSchema(name);
    if (!handle) continue;
    std::ostringstream text;
    const c10::FunctionSchema& schema = handle->schema();
    text << schema;
    lines.push_back(text.str());
  }
  std::sort(lines.begin(), lines.end());
  std::string joined;
  for (const auto& line : lines) joined += line + "\n";
  return fromString(env, joined);
}

void initDispatch(napi_env env, napi_value exports) {
  define(env, exports, "loadOperators", guarded<loadOperators>);
  define(env, exports, "call", guarded<callOperator<true>>);
  define(env, exports, "run", guarded<callOperator<false>>);  // in-place operators: the caller has the result already
  define(env, exports, "dumpSchemas", guarded<dumpSchemas>);
}

}  // namespace lt
