// Backward, gradients, grad modes and tensor hooks.

#include <c10/core/GradMode.h>
#include <c10/core/InferenceMode.h>
#include <torch/csrc/autograd/autograd.h>
#include <torch/csrc/autograd/function.h>
#include <torch/csrc/autograd/variable.h>

#include "anomaly.h"
#include "environment.h"
#include "values.h"

namespace lt {

using torch::autograd::variable_list;

/// Runs the engine. What a failing step remembers is looked up by whoever makes the error.
template <typename Run>
static auto runEngine(Run run) {
  AnomalyScope anomalies;
  try {
    return run();
  } catch (const PendingJsException&) {
    AnomalyScope::failedInJs();
    throw;
  }
}

/// backward(tensors, gradients, retainGraph, createGraph, inputs)
static napi_value backward(napi_env env, napi_callback_info info) {
  Arguments<5> args(env, info);
  variable_list tensors = toTensors(env, args[0]);
  variable_list gradients = isNullish(env, args[1]) ? variable_list{} : toTensors(env, args[1]);
  variable_list inputs = isNullish(env, args[4]) ? variable_list{} : toTensors(env, args[4]);
  c10::optional<bool> retain;
  if (!isNullish(env, args[2])) retain = toBool(env, args[2]);
  const bool create = toBool(env, args[3]);
  runEngine([&] { torch::autograd::backward(tensors, gradients, retain, create, inputs); });
  return undefined(env);
}

/// The scalar loss of a training step: no arrays on the way.
static napi_value backwardOne(napi_env env, napi_callback_info info) {
  Arguments<1> args(env, info);
  const at::Tensor& loss = toTensor(env, args[0]);
  try {
    runEngine([&] { torch::autograd::backward({loss}, {}, c10::nullopt, false, {}); });
  } catch (...) {
    setErrorContext("backward(" + describeTensor(loss) + ")");
    throw;
  }
  return undefined(env);
}

/// gradOf(outputs, inputs, gradients, retainGraph, createGraph, allowUnused): the gradients of the inputs
static napi_value gradOf(napi_env env, napi_callback_info info) {
  Arguments<6> args(env, info);
  variable_list gradients = isNullish(env, args[2]) ? variable_list{} : toTensors(env, args[2]);
  c10::optional<bool> retain;
  if (!isNullish(env, args[3])) retain = toBool(env, args[3]);
  variable_list outputs = toTensors(env, args[0]), inputs = toTensors(env, args[1]);
  const bool create = toBool(env, args[4]), allowUnused = toBool(env, args[5]);
  return fromTensors(env, runEngine([&] { return torch::autograd::grad(outputs, inputs, gradients, retain, create, allowUnused); }));
}

static napi_value getGrad(napi_env env, napi_callback_info info) {
  Arguments<1> args(env, info);
  return wrapTensor(env, toTensor(env, args[0]).grad());
}
static napi_value setGrad(napi_env env, napi_callback_info info) {
  Arguments<2> args(env, info);
  at::Tensor tensor = toTensor(env, args[0]);
  if (isNullish(env, args[1])) {
    tensor.mutable_grad().reset();
    return undefined(env);
  }
  at::Tensor gradient = toTensor(env, args[1]);
  if (gradient.sizes() != tensor.sizes())
    throw CodedError("SHAPE_MISMATCH", "a gradient must have its tensor's shape: tensor " + describeTensor(tensor) + ", gradient " + describeTensor(gradient));
  tensor.mutable_grad() = gradient;
  return undefined(env);
}

/// zeroGrad(tensors, setToNone): optimizers and modules clear all their gradients in one crossing.
static napi_value zeroGrad(napi_env env, napi_callback_info info) {
  Arguments<2> args(env, info);
  bool setToNone = toBool(env, args[1]);
  for (at::Tensor& tensor : toTensors(env, args[0])) {
    at::Tensor& gradient = tensor.mutable_grad();
    if (!gradient.defined()) continue;
    if (setToNone) {
      gradient.reset();
    } else {
      if (gradient.grad_fn())
        gradient.detach_();
      else
        gradient.set_requires_grad(false);
      gradient.zero_();
    }
  }
  return undefined(env);
}

static napi_value requiresGrad(napi_env env, napi_callback_info info) {
  Arguments<1> args(env, info);
  return fromBool(env, toTensor(env, args[0]).requires_grad());
}
static napi_value setRequiresGrad(napi_env env, napi_callback_info info) {
  Arguments<2> args(env, info);
  const at::Tensor& tensor = toTensor(env, args[0]);
  bool flag = toBool(env, args[1]);
  if (flag && !torch::autograd::isDifferentiableType(tensor.scalar_type()))
    throw CodedError("DTYPE_MISMATCH", "only floating point and complex tensors can require gradients, this one is " + describeTensor(tensor));
  if (!flag && !tensor.is_leaf())
    throw CodedError("AUTOGRAD", "requiresGrad can only be turned off on leaves; use detach() for a tensor that has a history");
  tensor.set_requires_grad(flag);
  return undefined(env);
}
static napi_value isLeaf(napi_env env, napi_callback_info info) {
  Arguments<1> args(env, info);
  return fromBool(env, toTensor(env, args[0]).is_leaf());
}
static napi_value gradFnName(napi_env env, napi_callback_info info) {
  Arguments<1> args(env, info);
  const auto& node = toTensor(env, args[0]).grad_fn();
  return node ? fromString(env, node->name()) : null(env);
}

static napi_value setGradEnabled(napi_env env, napi_callback_info info) {
  Arguments<1> args(env, info);
  bool previous = c10::GradMode::is_enabled();
  c10::GradMode::set_enabled(toBool(env, args[0]));
  return fromBool(env, previous);
}
static napi_value isGradEnabled(napi_env env, napi_callback_info) { return fromBool(env, c10::GradMode::is_enabled()); }

static napi_value enterInferenceMode(napi_env env, napi_callback_info info) {
  Arguments<1> args(env, info);
  environmentOf(env).inferenceModes.push_back(std::make_unique<c10::InferenceMode>(toBool(env, args[0])));
  return undefined(env);
}
static napi_value exitInferenceMode(napi_env env, napi_callback_info) {
  auto& modes = environmentOf(env).inferenceModes;
  if (!modes.empty()) modes.pop_back();
  return undefined(env);
}
static napi_value isInferenceModeEnabled(napi_env env, napi_callback_info) {
  return fromBool(env, c10::InferenceMode::is_enabled());
}

void initAutograd(napi_env env, napi_value exports) {
  define(env, exports, "backward", guarded<backward>);
  define(env, exports, "backwardOne", guarded<backwardOne>);
  define(env, exports, "gradOf", guarded<gradOf>);
  define(env, exports, "getGrad", guarded<getGrad>);
  define(env, exports, "setGrad", guarded<setGrad>);
  define(env, exports, "zeroGrad", guarded<zeroGrad>);
  define(env, exports, "requiresGrad", guarded<requiresGrad>);
  define(env, exports, "setRequiresGrad", guarded<setRequiresGrad>);
  define(env, exports, "isLeaf", guarded<isLeaf>);
  define(env, exports, "gradFnName", guarded<gradFnName>);
  define(env, exports, "setGradEnabled", guarded<setGradEnabled>);
  define(env, exports, "isGradEnabled", guarded<isGradEnabled>);
  define(env, exports, "enterInferenceMode", guarded<enterInferenceMode>);
  define(env, exports, "exitInferenceMode", guarded<exitInferenceMode>);
  define(env, exports, "isInferenceModeEnabled", guarded<isInferenceModeEnabled>);
}

}  // namespace lt
