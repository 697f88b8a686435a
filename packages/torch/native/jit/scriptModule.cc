#include "jit/scriptModule.h"

#include <torch/csrc/jit/frontend/schema_matching.h>
#include <torch/csrc/jit/frontend/tracer.h>
#include <torch/csrc/jit/passes/inliner.h>
#include <torch/csrc/jit/resource_guard.h>
#include <torch/csrc/jit/runtime/jit_exception.h>
#include <torch/csrc/jit/serialization/python_print.h>

#include "jit/scriptValues.h"

namespace lt {

namespace jit = torch::jit;

namespace {

struct ScriptModuleBox {
  explicit ScriptModuleBox(jit::Module module) : module(std::move(module)) {}
  const BoxKind kind = BoxKind::kScriptModule;
  jit::Module module;
};

const jit::Method methodOf(const jit::Module& module, const std::string& name) {
  if (auto method = module.find_method(name)) return *method;
  std::string all;
  for (const jit::Method& method : module.get_methods()) all += (all.empty() ? "" : ", ") + method.name();
  throw CodedError("SCRIPT_ARGUMENTS", "this TorchScript module has no method '" + name + "'; it has " + (all.empty() ? "none" : all));
}

std::string describeSchema(const c10::FunctionSchema& schema) {
  std::string text = schema.name() + "(";
  for (size_t i = 1; i < schema.arguments().size(); ++i) {
    const c10::Argument& argument = schema.arguments()[i];
    std::ostringstream value;
    if (argument.default_value()) value << " = " << *argument.default_value();
    text += (i > 1 ? ", " : "") + argument.name() + ": " + argument.type()->repr_str() + value.str();
  }
  text += ")";
  if (schema.returns().size() == 1) text += " -> " + schema.returns()[0].type()->repr_str();
  return text;
}

napi_value pairs(napi_env env, const std::vector<std::pair<std::string, napi_value>>& entries) {
  napi_value array = nullptr;
  check(env, napi_create_array_with_length(env, entries.size(), &array));
  for (size_t i = 0; i < entries.size(); ++i) {
    napi_value pair = nullptr;
    check(env, napi_create_array_with_length(env, 2, &pair));
    check(env, napi_set_element(env, pair, 0, fromString(env, entries[i].first)));
    check(env, napi_set_element(env, pair, 1, entries[i].second));
    check(env, napi_set_element(env, array, static_cast<uint32_t>(i), pair));
  }
  return array;
}

/// The values for a method's parameters: by position, then by name, then the schema's own.
jit::Stack argumentsOf(napi_env env, const c10::FunctionSchema& schema, napi_value positional, napi_value named) {
  const auto& parameters = schema.arguments();  // the first is the module itself
  uint32_t count = 0;
  check(env, napi_get_array_length(env, positional, &count));
  while (count > 0) {  // trailing undefined: left out
    napi_value last = nullptr;
    check(env, napi_get_element(env, positional, count - 1, &last));
    if (typeOf(env, last) != napi_undefined) break;
    --count;
  }
  size_t most = 0;
  for (size_t p = 1; p < parameters.size(); ++p) most += !parameters[p].kwarg_only();
  if (count > most)
    throw CodedError("SCRIPT_ARGUMENTS", "takes at most " + std::to_string(most) + " arguments by position, got " + std::to_string(count));
  std::vector<std::pair<std::string, napi_value>> options;
  if (!isNullish(env, named))
    forEachEntry(env, named, [&](napi_value key, napi_value value) {
      if (typeOf(env, value) != napi_undefined) options.emplace_back(toString(env, key), value);
    });
  jit::Stack stack;
  size_t used = 0;
  for (size_t p = 1; p < parameters.size(); ++p) {
    const c10::Argument& parameter = parameters[p];
    napi_value value = nullptr;
    if (p - 1 < count) {
      check(env, napi_get_element(env, positional, static_cast<uint32_t>(p - 1), &value));
      if (typeOf(env, value) == napi_undefined) value = nullptr;
    }
    for (const auto& option : options) {
      if (option.first != parameter.name()) continue;
      if (value != nullptr) throw CodedError("SCRIPT_ARGUMENTS", "got '" + option.first + "' twice");
      value = option.second;
      ++used;
    }
    if (value != nullptr)
      stack.push_back(scriptValue(env, value, parameter.type(), parameter.name()));
    else if (parameter.default_value())
      stack.push_back(*parameter.default_value());
    else
      throw CodedError("SCRIPT_ARGUMENTS", "'" + parameter.name() + "' is missing");
  }
  if (used < options.size()) {
    for (const auto& option : options)
      if (!schema.argumentIndexWithName(option.first))
        throw CodedError("SCRIPT_ARGUMENTS", "there is no parameter '" + option.first + "'");
  }
  return stack;
}

/// While something else is traced, the call itself goes into the graph, with the control flow that is in the method.
c10::IValue traceCall(const jit::Method& method, jit::Stack stack) {
  namespace tracer = jit::tracer;
  stack.insert(stack.begin(), method.owner()._ivalue());
  auto state = tracer::getTracingState();
  std::vector<jit::NamedValue> values;
  for (const c10::IValue& value : stack) values.emplace_back(tracer::getValueTrace(value));
  jit::MatchedSchema match = jit::matchSchema(method.function().getSchema(), jit::SourceRange(), *state->graph, values, {});
  jit::Value* output = state->graph->insertMethodCall(method.name(), match);
  {
    jit::ResourceGuard resume(tracer::pauseTracing());
    method.function().run(stack);
  }
  tracer::setValueTrace(stack.back(), output);
  return stack.back();
}

void finalizeModule(napi_env, void* data, void*) { delete static_cast<ScriptModuleBox*>(data); }

}  // namespace

napi_value wrapScriptModule(napi_env env, jit::Module module) {
  auto* box = new ScriptModuleBox(std::move(module));
  napi_value external = nullptr;
  napi_status status = napi_create_external(env, box, finalizeModule, nullptr, &external);
  if (status != napi_ok) {
    delete box;
    check(env, status);
  }
  return external;
}

jit::Module& toScriptModule(napi_env env, napi_value value) {
  if (typeOf(env, value) == napi_external) {
    void* data = nullptr;
    check(env, napi_get_value_external(env, value, &data));
    auto* box = static_cast<ScriptModuleBox*>(data);
    if (box->kind == BoxKind::kScriptModule) return box->module;
  }
  throw CodedError("ARGUMENT_TYPE", "expected a ScriptModule");
}

/// scriptParts(module): { name, parameters, buffers, children, attributes, methods }, all in the order of the file
static napi_value scriptParts(napi_env env, napi_callback_info info) {
  Arguments<1> args(env, info);
  const jit::Module& module = toScriptModule(env, args[0]);
  const auto type = module.type();
  std::vector<std::pair<std::string, napi_value>> parameters, buffers, children, attributes, methods;
  for (size_t i = 0; i < type->numAttributes(); ++i) {
    const std::string& name = type->getAttributeName(i);
    const c10::TypePtr& attribute = type->getAttribute(i);
    c10::IValue value = module._ivalue()->getSlot(i);
    if (attribute->is_module())
      children.emplace_back(name, wrapScriptModule(env, value.toModule()));
    else if (type->is_parameter(i) && value.isTensor())
      parameters.emplace_back(name, wrapTensor(env, value.toTensor()));
    else if (!type->is_parameter(i) && value.isTensor() && attribute->isSubtypeOf(*c10::TensorType::get()))
      buffers.emplace_back(name, wrapTensor(env, value.toTensor()));
    else
      attributes.emplace_back(name, fromString(env, attribute->repr_str()));
  }
  for (const jit::Method& method : module.get_methods())
    methods.emplace_back(method.name(), fromString(env, describeSchema(method.function().getSchema())));
  napi_value result = nullptr;
  check(env, napi_create_object(env, &result));
  check(env, napi_set_named_property(env, result, "name", fromString(env, type->name() ? type->name()->name() : "")));
  check(env, napi_set_named_property(env, result, "parameters", pairs(env, parameters)));
  check(env, napi_set_named_property(env, result, "buffers", pairs(env, buffers)));
  check(env, napi_set_named_property(env, result, "children", pairs(env, children)));
  check(env, napi_set_named_property(env, result, "attributes", pairs(env, attributes)));
  check(env, napi_set_named_property(env, result, "methods", pairs(env, methods)));
  return result;
}

/// scriptCall(module, method, arguments, named arguments or null)
static napi_value scriptCall(napi_env env, napi_callback_info info) {
  Arguments<4> args(env, info);
  const jit::Module& module = toScriptModule(env, args[0]);
  const std::string name = toString(env, args[1]);
  const jit::Method method = methodOf(module, name);
  const c10::FunctionSchema& schema = method.function().getSchema();
  jit::Stack stack;
  try {
    stack = argumentsOf(env, schema, args[2], args[3]);
  } catch (const CodedError& error) {
    if (std::string(error.code) != "SCRIPT_ARGUMENTS") throw;
    throw CodedError(error.code, name + ": " + error.message + ". It is " + describeSchema(schema));
  }
  try {
    if (jit::tracer::isTracing()) return toJs(env, traceCall(method, std::move(stack)));
    return toJs(env, method(std::move(stack)));
  } catch (const jit::JITException& error) {
    throw CodedError("SCRIPT_RAISED", error.what());
  } catch (const PendingJsException&) {
    throw;
  } catch (...) {
    std::string call = name + "(";
    uint32_t count = 0;
    check(env, napi_get_array_length(env, args[2], &count));
    for (uint32_t i = 0; i < count; ++i) {
      napi_value value = nullptr;
      check(env, napi_get_element(env, args[2], i, &value));
      call += (i > 0 ? ", " : "") + describeKind(env, value, kindOf(env, value));
    }
    setErrorContext(call + ")");
    throw;
  }
}

static napi_value scriptAttribute(napi_env env, napi_callback_info info) {
  Arguments<2> args(env, info);
  return toJs(env, toScriptModule(env, args[0]).attr(toString(env, args[1])));
}

/// scriptSetAttribute(module, name, value): the module must have the attribute
static napi_value scriptSetAttribute(napi_env env, napi_callback_info info) {
  Arguments<3> args(env, info);
  jit::Module& module = toScriptModule(env, args[0]);
  const std::string name = toString(env, args[1]);
  const auto slot = module.type()->findAttributeSlot(name);
  if (!slot) throw CodedError("SCRIPT_ARGUMENTS", "this TorchScript module has no attribute '" + name + "'");
  module._ivalue()->setSlot(*slot, scriptValue(env, args[2], module.type()->getAttribute(*slot), name));
  return undefined(env);
}

/// scriptText(module, method, 'code' | 'graph' | 'inlinedGraph')
static napi_value scriptText(napi_env env, napi_callback_info info) {
  Arguments<3> args(env, info);
  const jit::Method method = methodOf(toScriptModule(env, args[0]), toString(env, args[1]));
  const std::string form = toString(env, args[2]);
  if (form == "code") {
    std::vector<c10::IValue> constants;
    jit::PrintDepsTable types;
    jit::PythonPrint print(constants, types);
    print.printMethod(method.function());
    return fromString(env, print.str());
  }
  std::shared_ptr<jit::Graph> graph = method.graph();
  if (form == "inlinedGraph") {
    graph = graph->copy();
    jit::Inline(*graph);
  }
  return fromString(env, graph->toString(false));
}

static napi_value scriptClone(napi_env env, napi_callback_info info) {
  Arguments<1> args(env, info);
  return wrapScriptModule(env, toScriptModule(env, args[0]).deepcopy());
}

static std::vector<std::string> toStrings(napi_env env, napi_value array) {
  std::vector<std::string> strings;
  if (!isNullish(env, array)) forEachElement(env, array, [&](napi_value element) { strings.push_back(toString(env, element)); });
  return strings;
}

/// scriptFreeze(module, attributes and methods to keep, whether to optimise numerics)
static napi_value scriptFreeze(napi_env env, napi_callback_info info) {
  Arguments<3> args(env, info);
  return wrapScriptModule(env, jit::freeze(toScriptModule(env, args[0]), toStrings(env, args[1]), toBool(env, args[2])));
}

/// scriptOptimize(module, other methods)
static napi_value scriptOptimize(napi_env env, napi_callback_info info) {
  Arguments<2> args(env, info);
  jit::Module module = toScriptModule(env, args[0]);
  return wrapScriptModule(env, jit::optimize_for_inference(module, toStrings(env, args[1])));
}

void initScriptModule(napi_env env, napi_value exports) {
  define(env, exports, "scriptParts", guarded<scriptParts>);
  define(env, exports, "scriptCall", guarded<scriptCall>);
  define(env, exports, "scriptAttribute", guarded<scriptAttribute>);
  define(env, exports, "scriptSetAttribute", guarded<scriptSetAttribute>);
  define(env, exports, "scriptText", guarded<scriptText>);
  define(env, exports, "scriptClone", guarded<scriptClone>);
  define(env, exports, "scriptFreeze", guarded<scriptFreeze>);
  define(env, exports, "scriptOptimize", guarded<scriptOptimize>);
}

}  // namespace lt
