// Recording what a module or function does with example tensors as a TorchScript method.

#include <torch/csrc/jit/frontend/tracer.h>
#include <torch/csrc/jit/ir/ir.h>

#include "jit/scriptModule.h"
#include "jit/scriptValues.h"

namespace lt {

namespace jit = torch::jit;

namespace {

void collectTensors(const c10::IValue& value, std::vector<c10::IValue>& tensors) {
  if (value.isTensor()) {
    if (!value.toTensor().defined()) throw CodedError("TRACE", "an example input is null; only tensors, and arrays and objects of tensors, can be traced");
    tensors.push_back(value);
  } else if (value.isTuple()) {
    for (const c10::IValue& element : value.toTupleRef().elements()) collectTensors(element, tensors);
  } else {
    for (const auto& entry : value.toGenericDict()) collectTensors(entry.value(), tensors);
  }
}

c10::TypePtr typeOfExample(const c10::IValue& value) {
  if (value.isTensor()) return c10::TensorType::get();
  if (value.isGenericDict()) return c10::DictType::create(c10::StringType::get(), typeOfExample((*value.toGenericDict().begin()).value()));
  std::vector<c10::TypePtr> elements;
  for (const c10::IValue& element : value.toTupleRef().elements()) elements.push_back(typeOfExample(element));
  return c10::TupleType::create(std::move(elements));
}

/// Takes a container apart in the graph, in the order of collectTensors. Entries of a dict are looked up by their names,
/// so that a caller may give them in any order.
void unpack(jit::Graph& graph, jit::Value* container, const c10::IValue& example, std::vector<jit::Value*>& leaves) {
  if (example.isTensor()) {
    leaves.push_back(container);
  } else if (example.isTuple()) {
    jit::Node* node = graph.insertNode(graph.createTupleUnpack(container));
    size_t i = 0;
    for (const c10::IValue& element : example.toTupleRef().elements()) unpack(graph, node->output(i++), element, leaves);
  } else {
    for (const auto& entry : example.toGenericDict())
      unpack(graph, graph.insert(c10::aten::__getitem__, {container, graph.insertConstant(entry.key())}), entry.value(), leaves);
  }
}

/// The trace has one input for each tensor. Those of one argument become one input of the argument's own type.
void nestInputs(jit::Graph& graph, const std::vector<c10::IValue>& examples, const std::vector<std::string>& names) {
  jit::WithInsertPoint atStart(*graph.nodes().begin());
  size_t position = 1;  // after the module
  for (size_t i = 0; i < examples.size(); ++i, ++position) {
    if (!examples[i].isTensor()) {
      jit::Value* whole = graph.insertInput(position)->setType(typeOfExample(examples[i]));
      std::vector<jit::Value*> leaves;
      unpack(graph, whole, examples[i], leaves);
      for (jit::Value* leaf : leaves) {
        graph.inputs()[position + 1]->replaceAllUsesWith(leaf);
        graph.eraseInput(position + 1);
      }
    }
    graph.inputs()[position]->setDebugName(names[i]);
  }
}

std::vector<std::string> namesOf(napi_env env, napi_value array) {
  std::vector<std::string> names;
  forEachElement(env, array, [&](napi_value name) { names.push_back(toString(env, name)); });
  return names;
}

}  // namespace

/// scriptModule(name, a module whose types the new one shares, or null): a module without parts
static napi_value scriptModule(napi_env env, napi_callback_info info) {
  Arguments<2> args(env, info);
  c10::QualifiedName name("__torch__." + toString(env, args[0]));
  auto unit = isNullish(env, args[1]) ? std::make_shared<jit::CompilationUnit>() : toScriptModule(env, args[1])._ivalue()->compilation_unit();
  jit::Module module(name, unit, /*shouldMangle=*/true);
  module.register_attribute("training", c10::BoolType::get(), true);
  return wrapScriptModule(env, module);
}

/// scriptRegister(module, 'parameter' | 'buffer' | 'module', name, tensor or module)
static napi_value scriptRegister(napi_env env, napi_callback_info info) {
  Arguments<4> args(env, info);
  jit::Module& module = toScriptModule(env, args[0]);
  const std::string kind = toString(env, args[1]);
  const std::string name = toString(env, args[2]);
  if (module.hasattr(name)) throw CodedError("TRACE", "two parts of a module are named '" + name + "', which TorchScript does not allow; rename one");
  if (kind == "module")
    module.register_module(name, toScriptModule(env, args[3]));
  else
    module.register_parameter(name, toTensor(env, args[3]), kind == "buffer");
  return undefined(env);
}

/// scriptTrace(module, method, inputs, names of the inputs, run, strict): run(tensors) returns the outputs
static napi_value scriptTrace(napi_env env, napi_callback_info info) {
  Arguments<6> args(env, info);
  jit::Module& module = toScriptModule(env, args[0]);
  const std::string method = toString(env, args[1]);
  const std::vector<std::string> names = namesOf(env, args[3]);
  if (jit::tracer::isTracing()) throw CodedError("TRACE", "a trace is already being made; trace cannot be called inside what is traced");

  std::vector<c10::IValue> examples;
  auto run = [&](jit::Stack stack) -> jit::Stack {
    std::vector<at::Tensor> given;
    for (const c10::IValue& value : stack) given.push_back(value.toTensor());
    napi_value argument = fromTensors(env, given), result = nullptr;
    check(env, napi_call_function(env, undefined(env), args[4], 1, &argument, &result));
    return {untypedValue(env, result, "output", false)};
  };
  std::shared_ptr<jit::Graph> graph;
  try {
    jit::Stack tensors;
    forEachElement(env, args[2], [&](napi_value input) {
      examples.push_back(untypedValue(env, input, names.at(examples.size()), false));
      collectTensors(examples.back(), tensors);
    });
    graph = jit::tracer::trace(std::move(tensors), run, [](const torch::autograd::Variable&) { return std::string(); }, toBool(env, args[5]),
                               /*force_outplace=*/false, &module)
                .first->graph;
  } catch (const PendingJsException&) {
    throw;
  } catch (...) {
    throw CodedError("TRACE", describeCurrentException().message);
  }
  nestInputs(*graph, examples, names);
  graph->lint();
  auto* function = module._ivalue()->compilation_unit()->create_function(c10::QualifiedName(*module.type()->name(), method), graph);
  module.type()->addMethod(function);
  return undefined(env);
}

/// scriptEnter(scope): what follows in this trace belongs to the submodule "__module.<path>", until scriptLeave()
static napi_value scriptEnter(napi_env env, napi_callback_info info) {
  Arguments<1> args(env, info);
  if (const auto& state = jit::tracer::getTracingState()) state->graph->push_scope(toString(env, args[0]));
  return undefined(env);
}
static napi_value scriptLeave(napi_env env, napi_callback_info) {
  if (const auto& state = jit::tracer::getTracingState()) state->graph->pop_scope();
  return undefined(env);
}

static napi_value isTracing(napi_env env, napi_callback_info) { return fromBool(env, jit::tracer::isTracing()); }

void initTrace(napi_env env, napi_value exports) {
  define(env, exports, "scriptModule", guarded<scriptModule>);
  define(env, exports, "scriptRegister", guarded<scriptRegister>);
  define(env, exports, "scriptTrace", guarded<scriptTrace>);
  define(env, exports, "scriptEnter", guarded<scriptEnter>);
  define(env, exports, "scriptLeave", guarded<scriptLeave>);
  define(env, exports, "isTracing", guarded<isTracing>);
}

}  // namespace lt
