// Steps of ASGD and Rprop. As in optim.cc, each follows torch.optim's order of operations.

#include <algorithm>
#include <cmath>

#include "environment.h"
#include "stepPlan.h"

namespace lt {

/// Writes a number as Python's `torch.tensor(value)` would round it.
static void store(const at::Tensor& scalar, double value) {
  float* place = floatScalar(scalar);
  if (place != nullptr && c10::get_default_dtype_as_scalartype() == at::kFloat)
    *place = static_cast<float>(value);
  else
    scalar.copy_(at::scalar_tensor(value, at::dtype(c10::get_default_dtype())));
}

static double load(const at::Tensor& scalar) {
  const float* place = floatScalar(scalar);
  return place != nullptr ? *place : scalar.item<double>();
}

/// asgdStep(plan [params, step, eta, mu, ax], settings, fused)
static napi_value asgdStep(napi_env env, napi_callback_info info) {
  StepArguments args(env, info, 6);
  auto& columns = args.plan->columns;
  const double lr = args[0], lambd = args[1], alpha = args[2], t0 = args[3], weightDecay = args[4];
  const bool maximize = args.flag(5);

  forEachGradient(*args.plan, "ASGD", [&](size_t i, at::Tensor& param, at::Tensor& grad) {
    const double step = nextStep(columns[1][i]);
    const at::Tensor &eta = columns[2][i], &mu = columns[3][i];
    const double rate = load(eta), share = load(mu);
    auto moveOn = [&] {
      store(eta, lr / std::pow(1 + lambd * lr * step, alpha));
      store(mu, 1 / std::max(1.0, step - t0));
    };
    if (args.mayFuse && canFuse(param, grad, columns[4][i])) {
      const AsgdScalars scalars{1 - lambd * rate, -rate, share, weightDecay, maximize};
      fusedPass(param, [&](auto zero, int64_t begin, int64_t end) {
        using T = decltype(zero);
        asgdFused(elements<T>(param, begin), elements<T>(grad, begin), elements<T>(columns[4][i], begin), end - begin, scalars);
      });
      moveOn();
      return;
    }
    if (maximize) grad = -grad;
    if (weightDecay != 0) grad = grad.add(param, weightDecay);
    const at::Tensor p = asReal(param), g = asReal(grad), average = asReal(columns[4][i]);
    p.mul_(1 - lambd * rate);
    p.add_(g, -rate);
    if (share != 1)
      average.add_(p.sub(average).mul_(mu));
    else
      average.copy_(p);
    moveOn();
  });
  return undefined(env);
}

/// rpropStep(plan [params, step, prev, stepSize], settings, fused)
static napi_value rpropStep(napi_env env, napi_callback_info info) {
  StepArguments args(env, info, 5);
  auto& columns = args.plan->columns;
  const double etaMinus = args[0], etaPlus = args[1], smallest = args[2], largest = args[3];
  const bool maximize = args.flag(4);
  const RpropScalars scalars{etaMinus, etaPlus, smallest, largest, maximize};

  forEachGradient(*args.plan, "Rprop", [&](size_t i, at::Tensor& param, at::Tensor& grad) {
    nextStep(columns[1][i]);
    if (args.mayFuse && canFuse(param, grad, columns[2][i], columns[3][i])) {
      fusedPass(param, [&](auto zero, int64_t begin, int64_t end) {
        using T = decltype(zero);
        rpropFused(elements<T>(param, begin), elements<T>(grad, begin), elements<T>(columns[2][i], begin), elements<T>(columns[3][i], begin), end - begin, scalars);
      });
      return;
    }
    if (maximize) grad = -grad;
    const at::Tensor p = asReal(param), g = asReal(grad), previous = asReal(columns[2][i]), stepSize = asReal(columns[3][i]);
    const at::Tensor factor = g.mul(previous).sign_();
    factor.masked_fill_(factor.gt(0), etaPlus);
    factor.masked_fill_(factor.lt(0), etaMinus);
    factor.masked_fill_(factor.eq(0), 1);
    stepSize.mul_(factor).clamp_(smallest, largest);
    // Where the slope turned, stay and forget the slope.
    previous.copy_(g).masked_fill_(factor.eq(etaMinus), 0);
    p.addcmul_(previous.sign(), stepSize, -1);
  });
  return undefined(env);
}

void initOptimPlain(napi_env env, napi_value exports) {
  define(env, exports, "asgdStep", guarded<asgdStep>);
  define(env, exports, "rpropStep", guarded<rpropStep>);
}

}  // namespace lt
