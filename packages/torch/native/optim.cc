// Optimizer steps: one crossing for a whole parameter group.
//
// Each step follows the order of operations of torch.optim's plain loop, so that results are equal to Python's bit for
// bit. Contiguous float tensors on the CPU go through one fused pass; everything else runs the same operators as
// Python does, which is also what the fused pass is tested against.

#include "optim.h"

#include <ATen/ATen.h>
#include <ATen/Parallel.h>
#include <ATen/core/grad_mode.h>
#include <ATen/Version.h>
#include <c10/core/InferenceMode.h>
#include <torch/version.h>

#include <cmath>
#include <memory>

#include "environment.h"
#include "values.h"

namespace lt {

/// The tensors of one parameter group: parameters first, then each kind of state, all in parameter order.
struct StepPlan {
  std::vector<std::vector<at::Tensor>> columns;
};

static napi_value createStepPlan(napi_env env, napi_callback_info info) {
  Arguments<1> args(env, info);
  auto plan = std::make_unique<StepPlan>();
  uint32_t count = 0;
  check(env, napi_get_array_length(env, args[0], &count));
  for (uint32_t i = 0; i < count; ++i) {
    napi_value column = nullptr;
    check(env, napi_get_element(env, args[0], i, &column));
    plan->columns.push_back(toTensors(env, column));
  }
  napi_value external = nullptr;
  check(env, napi_create_external(env, plan.get(), [](napi_env, void* data, void*) { delete static_cast<StepPlan*>(data); }, nullptr, &external));
  plan.release();
  return external;
}

static StepPlan& planArgument(napi_env env, napi_value value) {
  void* data = nullptr;
  check(env, napi_get_value_external(env, value, &data));
  return *static_cast<StepPlan*>(data);
}

/// stepPlanColumn(plan, i): handles of one kind of state, null where there is none yet
static napi_value stepPlanColumn(napi_env env, napi_callback_info info) {
  Arguments<2> args(env, info);
  return fromTensors(env, planArgument(env, args[0]).columns.at(static_cast<size_t>(toInt64(env, args[1]))));
}

static const double* numbers(napi_env env, napi_value value, size_t expected) {
  void* data = nullptr;
  size_t length = 0;
  check(env, napi_get_typedarray_info(env, value, nullptr, &length, &data, nullptr, nullptr));
  if (length < expected) throw CodedError("ARGUMENT_TYPE", "too few optimizer settings");
  return static_cast<const double*>(data);
}

// The fused pass copies what libtorch's vector kernels compute, and those use fused multiply-add where the CPU has it.
static bool cpuFuses() {
  static const bool fuses = [] {
    std::string config = at::show_config();
    return config.find("CPU capability usage: AVX2") != std::string::npos || config.find("CPU capability usage: AVX512") != std::string::npos;
  }();
  return fuses && kHasFusedPass;
}

static bool isPlain(const at::Tensor& tensor, at::ScalarType type) {
  return tensor.is_cpu() && tensor.layout() == at::kStrided && tensor.scalar_type() == type && tensor.is_non_overlapping_and_dense();
}

template <typename... T>
static bool canFuse(const at::Tensor& param, const T&... others) {
  at::ScalarType type = param.scalar_type();
  if (!cpuFuses() || (type != at::kFloat && type != at::kDouble) || !isPlain(param, type)) return false;
  // Element i must be the same place in every tensor, so all must have one layout.
  return ((isPlain(others, type) && others.strides() == param.strides() && others.numel() == param.numel()) && ...);
}

static constexpr int64_t kGrain = 32768;

template <typename Fn>
static void forRanges(int64_t n, Fn fn) {
  if (n < kGrain)
    fn(0, n);
  else
    at::parallel_for(0, n, kGrain, [&](int64_t begin, int64_t end) { fn(begin, end); });
}

/// adamStep(plan [params, expAvg, expAvgSq, step, maxExpAvgSq?], settings, fused)
static napi_value adamStep(napi_env env, napi_callback_info info) {
  Arguments<3> args(env, info);
  StepPlan& plan = planArgument(env, args[0]);
  const double* settings = numbers(env, args[1], 8);
  const bool mayFuse = toBool(env, args[2]);
  const double lr = settings[0], beta1 = settings[1], beta2 = settings[2], eps = settings[3], weightDecay = settings[4];
  const bool amsgrad = settings[5] != 0, maximize = settings[6] != 0, decoupled = settings[7] != 0;
  at::NoGradGuard noGrad;

  for (size_t i = 0; i < plan.columns[0].size(); ++i) {
    at::Tensor param = plan.columns[0][i];
    at::Tensor grad = param.grad();
    if (!grad.defined()) continue;
    if (grad.is_sparse()) throw CodedError("OPTIMIZER_ARGUMENT", "Adam cannot use sparse gradients; use SparseAdam, or sparse: false in the embedding");
    at::Tensor& expAvg = plan.columns[1][i];
    at::Tensor& expAvgSq = plan.columns[2][i];
    at::Tensor& stepTensor = plan.columns[3][i];
    stepTensor.add_(1);
    const double step = stepTensor.item<double>();
    const double biasCorrection1 = 1 - std::pow(beta1, step);
    const double biasCorrection2 = 1 - std::pow(beta2, step);
    AdamScalars scalars;
    scalars.beta1 = beta1;
    scalars.oneMinusBeta1 = 1 - beta1;
    scalars.beta2 = beta2;
    scalars.oneMinusBeta2 = 1 - beta2;
    scalars.biasCorrection2Sqrt = std::sqrt(biasCorrection2);
    scalars.eps = eps;
    scalars.negativeStepSize = -(lr / biasCorrection1);
    scalars.weightDecay = weightDecay;
    scalars.decayFactor = 1 - lr * weightDecay;
    scalars.decoupled = decoupled;
    scalars.maximize = maximize;

    const bool fuse = mayFuse && !amsgrad && canFuse(param, grad, expAvg, expAvgSq);
    if (fuse) {
      const int64_t n = param.numel();
      if (param.scalar_type() == at::kFloat) {
        float* p = param.data_ptr<float>();
        const float* g = grad.data_ptr<float>();
        float *m = expAvg.data_ptr<float>(), *v = expAvgSq.data_ptr<float>();
        forRanges(n, [&](int64_t begin, int64_t end) { adamFused(p + begin, g + begin, m + begin, v + begin, end - begin, scalars); });
      } else {
        double* p = param.data_ptr<double>();
        const double* g = grad.data_ptr<double>();
        double *m = expAvg.data_ptr<double>(), *v = expAvgSq.data_ptr<double>();
        forRanges(n, [&](int64_t begin, int64_t end) { adamFused(p + begin, g + begin, m + begin, v + begin, end - begin, scalars); });
      }
      param.unsafeGetTensorImpl()->bump_version();
      continue;
    }

    if (maximize) grad = -grad;
    if (decoupled)
      param.mul_(scalars.decayFactor);
    else if (weightDecay != 0)
      grad = grad.add(param, weightDecay);
#if TORCH_VERSION_MAJOR >= 2
    expAvg.lerp_(grad, scalars.oneMinusBeta1);
#else
    expAvg.mul_(beta1).add_(grad, scalars.oneMinusBeta1);
#endif
    expAvgSq.mul_(beta2).addcmul_(grad, grad.conj(), scalars.oneMinusBeta2);
    at::Tensor denominator;
    if (amsgrad) {
      at::Tensor& largest = plan.columns[4][i];
      at::maximum_out(largest, largest, expAvgSq);
      denominator = (largest.sqrt() / scalars.biasCorrection2Sqrt).add_(eps);
    } else {
      denominator = (expAvgSq.sqrt() / scalars.biasCorrection2Sqrt).add_(eps);
    }
    param.addcdiv_(expAvg, denominator, scalars.negativeStepSize);
  }
  return undefined(env);
}

/// sgdStep(plan [params, momentumBuffers], settings, fused): true when it made momentum buffers
static napi_value sgdStep(napi_env env, napi_callback_info info) {
  Arguments<3> args(env, info);
  StepPlan& plan = planArgument(env, args[0]);
  const double* settings = numbers(env, args[1], 6);
  const bool mayFuse = toBool(env, args[2]);
  SgdScalars scalars;
  scalars.negativeLr = -settings[0];
  scalars.momentum = settings[1];
  scalars.oneMinusDampening = 1 - settings[2];
  scalars.weightDecay = settings[3];
  scalars.nesterov = settings[4] != 0;
  scalars.maximize = settings[5] != 0;
  bool made = false;
  at::NoGradGuard noGrad;

  for (size_t i = 0; i < plan.columns[0].size(); ++i) {
    at::Tensor param = plan.columns[0][i];
    at::Tensor grad = param.grad();
    if (!grad.defined()) continue;
    at::Tensor& buffer = plan.columns[1][i];
    const bool first = scalars.momentum != 0 && !buffer.defined();
    const bool fuse = mayFuse && !first && !grad.is_sparse() &&
                      (scalars.momentum != 0 ? canFuse(param, grad, buffer) : canFuse(param, grad));
    if (fuse) {
      const int64_t n = param.numel();
      const bool hasBuffer = scalars.momentum != 0;
      if (param.scalar_type() == at::kFloat) {
        float *p = param.data_ptr<float>(), *b = hasBuffer ? buffer.data_ptr<float>() : nullptr;
        const float* g = grad.data_ptr<float>();
        forRanges(n, [&](int64_t begin, int64_t end) { sgdFused(p + begin, g + begin, b ? b + begin : b, end - begin, scalars); });
      } else {
        double *p = param.data_ptr<double>(), *b = hasBuffer ? buffer.data_ptr<double>() : nullptr;
        const double* g = grad.data_ptr<double>();
        forRanges(n, [&](int64_t begin, int64_t end) { sgdFused(p + begin, g + begin, b ? b + begin : b, end - begin, scalars); });
      }
      param.unsafeGetTensorImpl()->bump_version();
      continue;
    }
    if (scalars.maximize) grad = -grad;
    if (scalars.weightDecay != 0) grad = grad.add(param, scalars.weightDecay);
    if (scalars.momentum != 0) {
      if (first) {
        buffer = grad.clone().detach();
        made = true;
      } else {
        buffer.mul_(scalars.momentum).add_(grad, scalars.oneMinusDampening);
      }
      grad = scalars.nesterov ? grad.add(buffer, scalars.momentum) : buffer;
    }
    param.add_(grad, scalars.negativeLr);
  }
  return fromBool(env, made);
}

void initOptim(napi_env env, napi_value exports) {
  define(env, exports, "createStepPlan", guarded<createStepPlan>);
  define(env, exports, "stepPlanColumn", guarded<stepPlanColumn>);
  define(env, exports, "adamStep", guarded<adamStep>);
  define(env, exports, "sgdStep", guarded<sgdStep>);
}

}  // namespace lt
