// Adam, AdamW and SGD steps: one crossing for a whole parameter group.
//
// Each step follows the order of operations of torch.optim's plain loop, so that results are equal to Python's bit for
// bit. Contiguous float tensors on the CPU go through one fused pass; everything else runs the same operators as
// Python does, which is also what the fused pass is tested against.

#include <cmath>

#include "environment.h"
#include "stepPlan.h"

namespace lt {

/// adamStep(plan [params, step, expAvg, expAvgSq, maxExpAvgSq?], settings, fused)
static napi_value adamStep(napi_env env, napi_callback_info info) {
  StepArguments args(env, info, 8);
  auto& columns = args.plan->columns;
  const double lr = args[0], beta1 = args[1], beta2 = args[2], eps = args[3], weightDecay = args[4];
  const bool amsgrad = args.flag(5), maximize = args.flag(6), decoupled = args.flag(7);
  forEachGradient(*args.plan, "Adam", [&](size_t i, at::Tensor& param, at::Tensor& grad) {
    at::Tensor &expAvg = columns[2][i], &expAvgSq = columns[3][i];
    const double step = nextStep(columns[1][i]);
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

    if (args.mayFuse && canFuse(param, grad, expAvg, expAvgSq) && (!amsgrad || canFuse(param, columns[4][i]))) {
      fusedPass(param, [&](auto zero, int64_t begin, int64_t end) {
        using T = decltype(zero);
        adamFused(elements<T>(param, begin), elements<T>(grad, begin), elements<T>(expAvg, begin), elements<T>(expAvgSq, begin),
                  amsgrad ? elements<T>(columns[4][i], begin) : nullptr, end - begin, scalars);
      });
      return;
    }

    if (maximize) grad = -grad;
    if (decoupled)
      param.mul_(scalars.decayFactor);
    else if (weightDecay != 0)
      grad = grad.add(param, weightDecay);
    averageInto(expAvg, grad, beta1);
    expAvgSq.mul_(beta2).addcmul_(grad, grad.conj(), scalars.oneMinusBeta2);
    at::Tensor denominator;
    if (amsgrad) {
      at::Tensor& largest = columns[4][i];
      at::maximum_out(largest, largest, expAvgSq);
      denominator = (largest.sqrt() / scalars.biasCorrection2Sqrt).add_(eps);
    } else {
      denominator = (expAvgSq.sqrt() / scalars.biasCorrection2Sqrt).add_(eps);
    }
    param.addcdiv_(expAvg, denominator, scalars.negativeStepSize);
  });
  return undefined(env);
}

/// sgdStep(plan [params, momentumBuffers], settings, fused): true when it made momentum buffers
static napi_value sgdStep(napi_env env, napi_callback_info info) {
  StepArguments args(env, info, 6);
  StepPlan& plan = *args.plan;
  SgdScalars scalars;
  scalars.negativeLr = -args[0];
  scalars.momentum = args[1];
  scalars.oneMinusDampening = 1 - args[2];
  scalars.weightDecay = args[3];
  scalars.nesterov = args.flag(4);
  scalars.maximize = args.flag(5);
  bool made = false;
  at::NoGradGuard noGrad;

  for (size_t i = 0; i < plan.columns[0].size(); ++i) {
    at::Tensor param = plan.columns[0][i];
    at::Tensor grad = param.grad();
    if (!grad.defined()) continue;
    at::Tensor& buffer = plan.columns[1][i];
    const bool hasBuffer = scalars.momentum != 0;
    const bool first = hasBuffer && !buffer.defined();
    if (args.mayFuse && !first && !grad.is_sparse() && (hasBuffer ? canFuse(param, grad, buffer) : canFuse(param, grad))) {
      fusedPass(param, [&](auto zero, int64_t begin, int64_t end) {
        using T = decltype(zero);
        sgdFused(elements<T>(param, begin), elements<T>(grad, begin), hasBuffer ? elements<T>(buffer, begin) : nullptr, end - begin, scalars);
      });
      continue;
    }
    if (scalars.maximize) grad = -grad;
    if (scalars.weightDecay != 0) grad = grad.add(param, scalars.weightDecay);
    if (hasBuffer) {
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
  define(env, exports, "adamStep", guarded<adamStep>);
  define(env, exports, "sgdStep", guarded<sgdStep>);
}

}  // namespace lt
