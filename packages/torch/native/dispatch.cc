// One generic call for every operator of the dispatcher. TypeScript passes an operator's number and its arguments; the
// overload is chosen here by the arguments' kinds, the values go on an IValue stack, and `callBoxed` does the rest.

#include <ATen/core/dispatch/Dispatcher.h>
#include <torch/version.h>

#include <algorithm>
#include <atomic>
#include <deque>
#include <mutex>
#include <sstream>
#include <unordered_map>
#include <unordered_set>

#include "environment.h"
#include "schemaValues.h"

namespace lt {

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

static Overload describe(const c10::OperatorHandle& handle) {
  Overload overload(handle);
  const c10::FunctionSchema& schema = handle.schema();
  overload.name = schema.overload_name();
  for (const c10::Argument& argument : schema.arguments()) {
    Parameter parameter = parameterOf(argument.name(), argument.real_type());
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
        stack.push_back(parameter.hasDefault ? parameter.defaultValue : nothingFor(parameter));
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
