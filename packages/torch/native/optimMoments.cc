// Steps of Adam's relatives: Adamax, NAdam, RAdam, SparseAdam. As in optim.cc, each follows torch.optim's order of
// operations.

#include <cmath>
#include <utility>

#include "environment.h"
#include "stepPlan.h"

namespace lt {

/// adamaxStep(plan [params, step, expAvg, expInf], settings, fused)
static napi_value adamaxStep(napi_env env, napi_callback_info info) {
  StepArguments args(env, info, 6);
  auto& columns = args.plan->columns;
  const double lr = args[0], beta1 = args[1], beta2 = args[2], eps = args[3], weightDecay = args[4];
  const bool maximize = args.flag(5);

  forEachGradient(*args.plan, "Adamax", [&](size_t i, at::Tensor& param, at::Tensor& grad) {
    const double step = nextStep(columns[1][i]);
    const at::Tensor &expAvg = columns[2][i], &expInf = columns[3][i];
    const double stepSize = lr / (1 - std::pow(beta1, step));
    if (args.mayFuse && canFuse(param, grad, expAvg, expInf)) {
      const AdamaxScalars scalars{-stepSize, beta1, 1 - beta1, beta2, eps, weightDecay, maximize};
      fusedPass(param, [&](auto zero, int64_t begin, int64_t end) {
        using T = decltype(zero);
        adamaxFused(elements<T>(param, begin), elements<T>(grad, begin), elements<T>(expAvg, begin), elements<T>(expInf, begin), end - begin, scalars);
      });
      return;
    }
    if (maximize) grad = -grad;
    if (weightDecay != 0) grad = grad.add(param, weightDecay);
    const at::Tensor g = asReal(grad), mean = asReal(expAvg);
    at::Tensor largest = asReal(expInf);
    averageInto(mean, g, beta1);
    at::maximum_out(largest, largest.mul_(beta2), g.abs().add_(eps));
    asReal(param).addcdiv_(mean, largest, -stepSize);
  });
  return undefined(env);
}

static void fillMoments(MomentScalars& scalars, const StepArguments& args) {
  scalars.beta1 = args[1];
  scalars.oneMinusBeta1 = 1 - args[1];
  scalars.beta2 = args[2];
  scalars.oneMinusBeta2 = 1 - args[2];
  scalars.eps = args[3];
  scalars.weightDecay = args[4];
  scalars.decoupled = args.flag(5);
  scalars.maximize = args.flag(6);
  scalars.decayFactor = 1 - args[0] * args[4];
}

/// What NAdam and RAdam do before the update itself; gives the gradient with its decay.
static at::Tensor updateMoments(const at::Tensor& param, at::Tensor grad, const at::Tensor& expAvg, const at::Tensor& expAvgSq, const MomentScalars& s) {
  if (s.maximize) grad = -grad;
  if (s.weightDecay != 0) {
    if (s.decoupled)
      param.mul_(s.decayFactor);
    else
      grad = grad.add(param, s.weightDecay);
  }
  const at::Tensor g = asReal(grad);
  averageInto(expAvg, g, s.beta1);
  expAvgSq.mul_(s.beta2).addcmul_(g, g, s.oneMinusBeta2);
  return g;
}

/// Takes mu into the product of all of them, and gives that product and the next one. The product is kept in its tensor's
/// precision, as in Python. torch 1.13 counts mu twice in the next one; whoever trains on it gets the same numbers from us.
static std::pair<double, double> nextProducts(const at::Tensor& muProduct, double mu, double muNext) {
#if TORCH_VERSION_MAJOR >= 2
  const double product = muProduct.mul_(mu).item<double>();
  return {product, product * muNext};
#else
  if (float* product = floatScalar(muProduct)) {
    *product *= static_cast<float>(mu);
    return {*product, *product * static_cast<float>(mu) * static_cast<float>(muNext)};
  }
  muProduct.mul_(mu);
  return {muProduct.item<double>(), muProduct.mul(mu).mul_(muNext).item<double>()};
#endif
}

/// nadamStep(plan [params, step, muProduct, expAvg, expAvgSq], settings, fused)
static napi_value nadamStep(napi_env env, napi_callback_info info) {
  StepArguments args(env, info, 8);
  auto& columns = args.plan->columns;
  const double lr = args[0], beta1 = args[1], beta2 = args[2], momentumDecay = args[7];
  NadamScalars scalars;
  fillMoments(scalars, args);

  forEachGradient(*args.plan, "NAdam", [&](size_t i, at::Tensor& param, at::Tensor& grad) {
    const double step = nextStep(columns[1][i]);
    const at::Tensor &muProduct = columns[2][i], &expAvg = columns[3][i], &expAvgSq = columns[4][i];
    const double mu = beta1 * (1. - 0.5 * std::pow(0.96, step * momentumDecay));
    const double muNext = beta1 * (1. - 0.5 * std::pow(0.96, (step + 1) * momentumDecay));
    const auto [product, productNext] = nextProducts(muProduct, mu, muNext);
    scalars.biasCorrection2 = 1 - std::pow(beta2, step);
    scalars.gradFactor = -lr * (1. - mu) / (1. - product);
    scalars.momentFactor = -lr * muNext / (1. - productNext);
    if (args.mayFuse && canFuse(param, grad, expAvg, expAvgSq)) {
      fusedPass(param, [&](auto zero, int64_t begin, int64_t end) {
        using T = decltype(zero);
        nadamFused(elements<T>(param, begin), elements<T>(grad, begin), elements<T>(expAvg, begin), elements<T>(expAvgSq, begin), end - begin, scalars);
      });
      return;
    }
    const at::Tensor p = asReal(param), mean = asReal(expAvg), square = asReal(expAvgSq);
    const at::Tensor g = updateMoments(param, grad, mean, square, scalars);
    const at::Tensor denominator = square.div(scalars.biasCorrection2).sqrt().add_(scalars.eps);
    p.addcdiv_(g, denominator, scalars.gradFactor);
    p.addcdiv_(mean, denominator, scalars.momentFactor);
  });
  return undefined(env);
}

/// radamStep(plan [params, step, expAvg, expAvgSq], settings, fused)
static napi_value radamStep(napi_env env, napi_callback_info info) {
  StepArguments args(env, info, 7);
  auto& columns = args.plan->columns;
  const double beta1 = args[1], beta2 = args[2];
  RadamScalars scalars;
  fillMoments(scalars, args);
  scalars.lr = args[0];

  forEachGradient(*args.plan, "RAdam", [&](size_t i, at::Tensor& param, at::Tensor& grad) {
    const double step = nextStep(columns[1][i]);
    const at::Tensor &expAvg = columns[2][i], &expAvgSq = columns[3][i];
    const double biasCorrection2 = 1 - std::pow(beta2, step);
    const double rhoInf = 2 / (1 - beta2) - 1;
    const double rho = rhoInf - 2 * step * std::pow(beta2, step) / biasCorrection2;
    scalars.biasCorrection1 = 1 - std::pow(beta1, step);
    scalars.biasCorrection2Sqrt = std::sqrt(biasCorrection2);
    scalars.rectified = rho > 5.0;
    scalars.rectification = scalars.rectified ? std::sqrt((rho - 4) * (rho - 2) * rhoInf / ((rhoInf - 4) * (rhoInf - 2) * rho)) : 1;
    if (args.mayFuse && canFuse(param, grad, expAvg, expAvgSq)) {
      fusedPass(param, [&](auto zero, int64_t begin, int64_t end) {
        using T = decltype(zero);
        radamFused(elements<T>(param, begin), elements<T>(grad, begin), elements<T>(expAvg, begin), elements<T>(expAvgSq, begin), end - begin, scalars);
      });
      return;
    }
    const at::Tensor p = asReal(param), mean = asReal(expAvg), square = asReal(expAvgSq);
    updateMoments(param, grad, mean, square, scalars);
    at::Tensor update = mean.div(scalars.biasCorrection1).mul_(scalars.lr);
    if (scalars.rectified) {
      const at::Tensor adaptive = square.sqrt().add_(scalars.eps).reciprocal_().mul_(scalars.biasCorrection2Sqrt);
      update = update.mul_(adaptive).mul_(scalars.rectification);
    }
    p.add_(update, -1.0);
  });
  return undefined(env);
}

static at::Tensor withValues(const at::Tensor& grad, const at::Tensor& indices, const at::Tensor& values) {
  return at::_sparse_coo_tensor_unsafe(indices, values, grad.sizes(), values.options().layout(at::kSparse));
}

/// sparseAdamStep(plan [params, step, expAvg, expAvgSq], settings, fused): touches only the rows that the gradient names
static napi_value sparseAdamStep(napi_env env, napi_callback_info info) {
  StepArguments args(env, info, 5);
  auto& columns = args.plan->columns;
  const double lr = args[0], beta1 = args[1], beta2 = args[2], eps = args[3];
  const bool maximize = args.flag(4);
  at::NoGradGuard noGrad;

  for (size_t i = 0; i < columns[0].size(); ++i) {
    const at::Tensor& param = columns[0][i];
    at::Tensor grad = param.grad();
    if (!grad.defined()) continue;
    if (!grad.is_sparse()) throw CodedError("OPTIMIZER_ARGUMENT", "SparseAdam takes sparse gradients only, got a dense one; use Adam for this parameter");
    const double step = nextStep(columns[1][i]);
    const at::Tensor &expAvg = columns[2][i], &expAvgSq = columns[3][i];
    if (maximize) grad = -grad;
    grad = grad.coalesce();  // squaring needs each index once
    const at::Tensor indices = grad._indices(), values = grad._values();
    if (values.numel() == 0) continue;

    // old := old + (1 − beta) · (new − old), at these indices only
    const at::Tensor oldMean = expAvg.sparse_mask(grad)._values();
    const at::Tensor meanUpdate = values.sub(oldMean).mul_(1 - beta1);
    expAvg.add_(withValues(grad, indices, meanUpdate));
    const at::Tensor oldSquare = expAvgSq.sparse_mask(grad)._values();
    const at::Tensor squareUpdate = values.pow(2).sub_(oldSquare).mul_(1 - beta2);
    expAvgSq.add_(withValues(grad, indices, squareUpdate));

    const at::Tensor numerator = meanUpdate.add(oldMean);
    const at::Tensor denominator = squareUpdate.add(oldSquare).sqrt_().add_(eps);
    const double stepSize = lr * std::sqrt(1 - std::pow(beta2, step)) / (1 - std::pow(beta1, step));
    param.add_(withValues(grad, indices, numerator.div(denominator).mul_(-stepSize)));
  }
  return undefined(env);
}

void initOptimMoments(napi_env env, napi_value exports) {
  define(env, exports, "adamaxStep", guarded<adamaxStep>);
  define(env, exports, "nadamStep", guarded<nadamStep>);
  define(env, exports, "radamStep", guarded<radamStep>);
  define(env, exports, "sparseAdamStep", guarded<sparseAdamStep>);
}

}  // namespace lt
