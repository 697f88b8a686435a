// Steps of the optimizers that scale by a running mean of squared gradients: RMSprop, Adagrad, Adadelta.
// As in optim.cc, each follows torch.optim's order of operations.

#include "environment.h"
#include "stepPlan.h"

namespace lt {

/// rmspropStep(plan [params, step, squareAvg, momentumBuffer?, gradAvg?], settings, fused)
static napi_value rmspropStep(napi_env env, napi_callback_info info) {
  StepArguments args(env, info, 7);
  auto& columns = args.plan->columns;
  const double lr = args[0], alpha = args[1], eps = args[2], weightDecay = args[3], momentum = args[4];
  const bool centered = args.flag(5), maximize = args.flag(6), hasBuffer = momentum > 0;
  const size_t gradAvgColumn = hasBuffer ? 4 : 3;
  const RmspropScalars scalars{-lr, alpha, 1 - alpha, eps, weightDecay, momentum, maximize};
  const at::Tensor none;

  forEachGradient(*args.plan, "RMSprop", [&](size_t i, at::Tensor& param, at::Tensor& grad) {
    nextStep(columns[1][i]);
    const at::Tensor& squareAvg = columns[2][i];
    const at::Tensor& buffer = hasBuffer ? columns[3][i] : none;
    const at::Tensor& gradAvg = centered ? columns[gradAvgColumn][i] : none;
    if (args.mayFuse && canFuse(param, grad, squareAvg) && (!hasBuffer || canFuse(param, buffer)) && (!centered || canFuse(param, gradAvg))) {
      fusedPass(param, [&](auto zero, int64_t begin, int64_t end) {
        using T = decltype(zero);
        rmspropFused(elements<T>(param, begin), elements<T>(grad, begin), elements<T>(squareAvg, begin), hasBuffer ? elements<T>(buffer, begin) : nullptr,
                     centered ? elements<T>(gradAvg, begin) : nullptr, end - begin, scalars);
      });
      return;
    }
    if (maximize) grad = -grad;
    if (weightDecay != 0) grad = grad.add(param, weightDecay);
    const at::Tensor p = asReal(param), g = asReal(grad), square = asReal(squareAvg);
    square.mul_(alpha).addcmul_(g, g, 1 - alpha);
    at::Tensor denominator;
    if (centered) {
      const at::Tensor mean = asReal(gradAvg);
      averageInto(mean, g, alpha);
      denominator = square.addcmul(mean, mean, -1).sqrt_();
    } else {
      denominator = square.sqrt();
    }
    denominator.add_(eps);
    if (hasBuffer) {
      const at::Tensor b = asReal(buffer);
      b.mul_(momentum).addcdiv_(g, denominator);
      p.add_(b, -lr);
    } else {
      p.addcdiv_(g, denominator, -lr);
    }
  });
  return undefined(env);
}

static at::Tensor sparseLike(const at::Tensor& grad, const at::Tensor& indices, const at::Tensor& values) {
  if (indices.numel() == 0 || values.numel() == 0) return at::empty_like(grad);
  return at::sparse_coo_tensor(indices, values, grad.sizes(), values.options().layout(at::kSparse));
}

static void adagradSparse(const at::Tensor& param, const at::Tensor& sparseGrad, const at::Tensor& sum, double stepSize, double eps) {
  const at::Tensor grad = sparseGrad.coalesce();  // squaring needs each index once
  const at::Tensor indices = grad._indices(), values = grad._values();
  sum.add_(sparseLike(grad, indices, values.pow(2)));
  const at::Tensor denominator = sum.sparse_mask(grad)._values().sqrt_().add_(eps);
  param.add_(sparseLike(grad, indices, values / denominator), -stepSize);
}

/// adagradStep(plan [params, step, sum], settings, fused); gradients may be sparse
static napi_value adagradStep(napi_env env, napi_callback_info info) {
  StepArguments args(env, info, 5);
  auto& columns = args.plan->columns;
  const double lr = args[0], lrDecay = args[1], eps = args[2], weightDecay = args[3];
  const bool maximize = args.flag(4);
  at::NoGradGuard noGrad;

  for (size_t i = 0; i < columns[0].size(); ++i) {
    const at::Tensor& param = columns[0][i];
    at::Tensor grad = param.grad();
    if (!grad.defined()) continue;
    if (grad.is_sparse() && weightDecay != 0) throw CodedError("OPTIMIZER_ARGUMENT", "Adagrad cannot use weightDecay with sparse gradients; set weightDecay to 0");
    const at::Tensor& sum = columns[2][i];
    const double step = nextStep(columns[1][i]);
    const double stepSize = lr / (1 + (step - 1) * lrDecay);
    if (args.mayFuse && !grad.is_sparse() && canFuse(param, grad, sum)) {
      const AdagradScalars scalars{-stepSize, eps, weightDecay, maximize};
      fusedPass(param, [&](auto zero, int64_t begin, int64_t end) {
        using T = decltype(zero);
        adagradFused(elements<T>(param, begin), elements<T>(grad, begin), elements<T>(sum, begin), end - begin, scalars);
      });
      continue;
    }
    if (maximize) grad = -grad;
    if (grad.is_sparse()) {
      adagradSparse(param, grad, sum, stepSize, eps);
      continue;
    }
    if (weightDecay != 0) grad = grad.add(param, weightDecay);
    const at::Tensor g = asReal(grad), total = asReal(sum);
    total.addcmul_(g, g, 1);
    asReal(param).addcdiv_(g, total.sqrt().add_(eps), -stepSize);
  }
  return undefined(env);
}

/// adadeltaStep(plan [params, step, squareAvg, accDelta], settings, fused)
static napi_value adadeltaStep(napi_env env, napi_callback_info info) {
  StepArguments args(env, info, 5);
  auto& columns = args.plan->columns;
  const double lr = args[0], rho = args[1], eps = args[2], weightDecay = args[3];
  const bool maximize = args.flag(4);
  const AdadeltaScalars scalars{-lr, rho, 1 - rho, eps, weightDecay, maximize};

  forEachGradient(*args.plan, "Adadelta", [&](size_t i, at::Tensor& param, at::Tensor& grad) {
    nextStep(columns[1][i]);
    const at::Tensor &squareAvg = columns[2][i], &accDelta = columns[3][i];
    if (args.mayFuse && canFuse(param, grad, squareAvg, accDelta)) {
      fusedPass(param, [&](auto zero, int64_t begin, int64_t end) {
        using T = decltype(zero);
        adadeltaFused(elements<T>(param, begin), elements<T>(grad, begin), elements<T>(squareAvg, begin), elements<T>(accDelta, begin), end - begin, scalars);
      });
      return;
    }
    if (maximize) grad = -grad;
    if (weightDecay != 0) grad = grad.add(param, weightDecay);
    const at::Tensor g = asReal(grad), square = asReal(squareAvg), accumulated = asReal(accDelta);
    square.mul_(rho).addcmul_(g, g, 1 - rho);
    const at::Tensor root = square.add(eps).sqrt_();
    const at::Tensor delta = accumulated.add(eps).sqrt_().div_(root).mul_(g);
    accumulated.mul_(rho).addcmul_(delta, delta, 1 - rho);
    asReal(param).add_(delta, -lr);
  });
  return undefined(env);
}

void initOptimAdaptive(napi_env env, napi_value exports) {
  define(env, exports, "rmspropStep", guarded<rmspropStep>);
  define(env, exports, "adagradStep", guarded<adagradStep>);
  define(env, exports, "adadeltaStep", guarded<adadeltaStep>);
}

}  // namespace lt
