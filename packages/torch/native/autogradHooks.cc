// JavaScript inside the backward pass: hooks on tensors, and functions whose backward is written in TypeScript.
//
// On the CPU the engine runs backward on the calling thread, so JavaScript can be called right there. What a device's own
// thread computes cannot call into JavaScript; that is refused with a clear error.

#include <torch/csrc/autograd/function.h>
#include <torch/csrc/autograd/functions/utils.h>
#include <torch/csrc/autograd/saved_variable.h>
#include <torch/csrc/autograd/variable.h>

#include "environment.h"
#include "graphNode.h"
#include "heldFunction.h"
#include "values.h"

namespace lt {

using torch::autograd::Node;
using torch::autograd::SavedVariable;
using torch::autograd::variable_list;

namespace {

/// A step of the graph whose backward is TypeScript: (gradients, saved tensors) => gradients of the inputs.
struct ScriptedNode final : public Node {
  explicit ScriptedNode(std::string name, std::unique_ptr<HeldFunction> backward) : label(std::move(name)), backward(std::move(backward)) {}

  variable_list apply(variable_list&& gradients) override {
    variable_list tensors;
    if (released)
      throw CodedError("AUTOGRAD", "Trying to backward through the graph a second time (or after it was freed); pass retainGraph: true to the first backward");
    for (SavedVariable& variable : saved) tensors.push_back(variable.unpack(pointerTo(*this)));
    variable_list results = backward->call(
        [&](napi_env env) { return std::vector<napi_value>{fromTensors(env, gradients), fromTensors(env, tensors)}; },
        [](napi_env env, napi_value value) { return toTensors(env, value); });
    if (results.size() != num_outputs())
      throw CodedError("BACKWARD_HOOK", label + ".backward returned " + std::to_string(results.size()) + " gradients for " + std::to_string(num_outputs()) + " tensor inputs; return one for each, null where there is none");
    return results;
  }
  void release_variables() override {
    saved.clear();
    released = true;
  }
  std::string name() const override { return label; }

  std::string label;
  std::unique_ptr<HeldFunction> backward;
  std::vector<SavedVariable> saved;
  bool released = false;
};

}  // namespace

/// recordFunction(name, inputs, outputs, saved, backward): makes `outputs` results of a scripted step; the new outputs
static napi_value recordFunction(napi_env env, napi_callback_info info) {
  Arguments<5> args(env, info);
  variable_list inputs = toTensors(env, args[1]);
  variable_list outputs = toTensors(env, args[2]);
  variable_list saved = toTensors(env, args[3]);
  auto node = makeNode<ScriptedNode>(toString(env, args[0]), std::make_unique<HeldFunction>(env, args[4]));
  node->set_next_edges(torch::autograd::collect_next_edges(inputs));
  for (at::Tensor& output : outputs) {
    // An input handed through, or a view, needs an identity of its own to carry the new history.
    output = output.detach();
    if (at::isFloatingType(output.scalar_type()) || at::isComplexType(output.scalar_type()))
      torch::autograd::set_history(output, node);
    else
      node->add_input_metadata(Node::undefined_input());
  }
  for (const at::Tensor& tensor : saved) {
    bool isOutput = false;
    at::Tensor kept = tensor;
    variable_list before = toTensors(env, args[2]);
    for (size_t i = 0; i < before.size(); ++i)
      if (tensor.defined() && before[i].is_same(tensor)) {
        kept = outputs[i];
        isOutput = true;  // held without its history, or node and output would keep each other alive
      }
    node->saved.emplace_back(kept, isOutput);
  }
  return fromTensors(env, outputs);
}

/// registerHook(tensor, hook): hook(gradient handle) => handle or null; the hook's number
static napi_value registerHook(napi_env env, napi_callback_info info) {
  Arguments<2> args(env, info);
  const at::Tensor& tensor = toTensor(env, args[0]);
  if (!tensor.requires_grad()) throw CodedError("AUTOGRAD", "cannot register a hook on a tensor that does not require gradients");
  auto hook = std::make_shared<HeldFunction>(env, args[1]);
  unsigned number = tensor.register_hook([hook](at::Tensor gradient) -> at::Tensor {
    at::Tensor replaced = hook->call(
        [&](napi_env env) { return std::vector<napi_value>{wrapTensor(env, gradient)}; },
        [](napi_env env, napi_value value) { return isNullish(env, value) ? at::Tensor() : toTensor(env, value); });
    return replaced.defined() ? replaced : gradient;
  });
  return fromInt64(env, number);
}

static napi_value removeHook(napi_env env, napi_callback_info info) {
  Arguments<2> args(env, info);
  toTensor(env, args[0]).remove_hook(static_cast<unsigned>(toInt64(env, args[1])));
  return undefined(env);
}

static napi_value retainGrad(napi_env env, napi_callback_info info) {
  Arguments<1> args(env, info);
  toTensor(env, args[0]).retain_grad();
  return undefined(env);
}

static napi_value retainsGrad(napi_env env, napi_callback_info info) {
  Arguments<1> args(env, info);
  return fromBool(env, toTensor(env, args[0]).retains_grad());
}
static napi_value outputNumber(napi_env env, napi_callback_info info) {
  Arguments<1> args(env, info);
  return fromInt64(env, toTensor(env, args[0]).output_nr());
}

void initAutogradHooks(napi_env env, napi_value exports) {
  define(env, exports, "recordFunction", guarded<recordFunction>);
  define(env, exports, "registerHook", guarded<registerHook>);
  define(env, exports, "removeHook", guarded<removeHook>);
  define(env, exports, "retainGrad", guarded<retainGrad>);
  define(env, exports, "retainsGrad", guarded<retainsGrad>);
  define(env, exports, "outputNumber", guarded<outputNumber>);
}

}  // namespace lt
