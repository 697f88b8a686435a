#pragma once
// What every optimizer step starts from: the tensors of one parameter group, and the choice between the fused pass and
// the engine's operators.

#include <ATen/ATen.h>
#include <ATen/Parallel.h>
#include <ATen/core/grad_mode.h>
#include <node_api.h>
#include <torch/version.h>

#include <string>
#include <vector>

#include "optim.h"
#include "values.h"

namespace lt {

/// The tensors of one parameter group: parameters first, then each kind of state, all in parameter order.
struct StepPlan {
  std::vector<std::vector<at::Tensor>> columns;
};

/// The three arguments of every step function: (plan, settings: Float64Array, fused).
struct StepArguments {
  StepArguments(napi_env env, napi_callback_info info, size_t expectedSettings);
  StepPlan* plan;
  const double* settings;
  bool mayFuse;
  double operator[](size_t i) const { return settings[i]; }
  bool flag(size_t i) const { return settings[i] != 0; }
};

StepPlan& planArgument(napi_env env, napi_value value);

/// Whether libtorch's vector kernels use fused multiply-add here; the fused passes copy what those compute.
bool cpuFuses();

inline bool isPlain(const at::Tensor& tensor, at::ScalarType type) {
  return tensor.is_cpu() && tensor.layout() == at::kStrided && tensor.scalar_type() == type && tensor.is_non_overlapping_and_dense();
}

template <typename... T>
bool canFuse(const at::Tensor& param, const T&... others) {
  at::ScalarType type = param.scalar_type();
  if (!cpuFuses() || (type != at::kFloat && type != at::kDouble) || !isPlain(param, type)) return false;
  // Element i must be the same place in every tensor, so all must have one layout.
  return ((isPlain(others, type) && others.strides() == param.strides() && others.numel() == param.numel()) && ...);
}

constexpr int64_t kGrain = 32768;

/// Calls `pass(element type's zero, begin, end)` over all elements of `param`, in parallel where it pays.
template <typename Pass>
void fusedPass(const at::Tensor& param, Pass pass) {
  const int64_t n = param.numel();
  auto run = [&](auto zero) {
    if (n < kGrain)
      pass(zero, int64_t{0}, n);
    else
      at::parallel_for(0, n, kGrain, [&](int64_t begin, int64_t end) { pass(zero, begin, end); });
  };
  if (param.scalar_type() == at::kFloat)
    run(float{});
  else
    run(double{});
  param.unsafeGetTensorImpl()->bump_version();
}

template <typename T>
T* elements(const at::Tensor& tensor, int64_t begin) {
  return tensor.data_ptr<T>() + begin;
}

/// Calls `update(i, param, grad)` for each parameter that has a dense gradient; refuses sparse ones.
template <typename Update>
void forEachGradient(const StepPlan& plan, const char* optimizer, Update update) {
  at::NoGradGuard noGrad;
  for (size_t i = 0; i < plan.columns[0].size(); ++i) {
    at::Tensor param = plan.columns[0][i];
    at::Tensor grad = param.grad();
    if (!grad.defined()) continue;
    if (grad.is_sparse())
      throw CodedError("OPTIMIZER_ARGUMENT", std::string(optimizer) + " cannot use sparse gradients; use SparseAdam, SGD or Adagrad, or sparse: false in the embedding");
    update(i, param, grad);
  }
}

/// Where a float32 scalar on the CPU lies, null for others: a dispatched operator costs more than the fused pass of a bias.
inline float* floatScalar(const at::Tensor& scalar) {
  return scalar.is_cpu() && scalar.scalar_type() == at::kFloat ? scalar.data_ptr<float>() : nullptr;
}

/// Counts one step and gives the count.
inline double nextStep(const at::Tensor& step) {
  if (float* count = floatScalar(step)) return *count += 1;
  return step.add_(1).item<double>();
}

/// Complex parameters are optimized as pairs of real numbers.
inline at::Tensor asReal(const at::Tensor& tensor) {
  return tensor.defined() && tensor.is_complex() ? at::view_as_real(tensor) : tensor;
}

/// average := beta · average + (1 − beta) · value, in the form that this version of torch.optim has
inline void averageInto(const at::Tensor& average, const at::Tensor& value, double beta) {
#if TORCH_VERSION_MAJOR >= 2
  average.lerp_(value, 1 - beta);
#else
  average.mul_(beta).add_(value, 1 - beta);
#endif
}

}  // namespace lt
