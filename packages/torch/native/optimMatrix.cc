// Steps of the optimizers that look at a parameter as a matrix: Adafactor and Muon. torch 1.13 has neither; the
// algorithms are those of torch 2.9.

#include <algorithm>
#include <cmath>
#include <limits>

#include "environment.h"
#include "stepPlan.h"

namespace lt {

static double epsilonOf(at::ScalarType type) {
  switch (type) {
    case at::kDouble:
      return std::numeric_limits<double>::epsilon();
    case at::kHalf:
      return 0x1p-10;
    case at::kBFloat16:
      return 0x1p-7;
    default:
      return std::numeric_limits<float>::epsilon();
  }
}

static double rootMeanSquare(const at::Tensor& tensor) {
  return tensor.norm().item<double>() / std::sqrt(static_cast<double>(tensor.numel()));
}

/// The mean of squares along one dimension, kept as a dimension of one, without the squares in between.
static at::Tensor meanOfSquares(const at::Tensor& grad, int64_t dim) {
  return at::linalg_vector_norm(grad, 2, {dim}, true).square_().div_(static_cast<double>(grad.size(dim)));
}

/// adafactorStep(plan [params, step, rowVar, colVar, variance], settings, fused): the variance of a matrix is kept as
/// a row and a column, that of a vector as it is
static napi_value adafactorStep(napi_env env, napi_callback_info info) {
  StepArguments args(env, info, 7);
  auto& columns = args.plan->columns;
  const double lr = args[0], beta2Decay = args[1], givenEps = args[2], leastScale = args[3], threshold = args[4], weightDecay = args[5];
  const bool maximize = args.flag(6);

  forEachGradient(*args.plan, "Adafactor", [&](size_t i, at::Tensor& param, at::Tensor& grad) {
    const double step = nextStep(columns[1][i]);
    if (maximize) grad = -grad;
    const double eps = std::isnan(givenEps) ? epsilonOf(param.scalar_type()) : givenEps;
    const double oneMinusBeta2 = std::pow(step, beta2Decay);
    const double scale = std::max(leastScale, rootMeanSquare(param)) * std::min(lr, 1 / std::sqrt(step));
    if (weightDecay != 0) param.mul_(1 - lr * weightDecay);
    at::Tensor update;
    if (grad.dim() > 1) {
      const at::Tensor &rows = columns[2][i], &cols = columns[3][i];
      rows.lerp_(meanOfSquares(grad, -1), oneMinusBeta2);
      cols.lerp_(meanOfSquares(grad, -2), oneMinusBeta2);
      update = rows.matmul(cols).div_(rows.mean(-2, true).clamp_min_(eps));
    } else {
      const at::Tensor& variance = columns[4][i];
      variance.lerp_(grad * grad, oneMinusBeta2);
      update = variance.clone();
    }
    update.clamp_min_(eps * eps).rsqrt_().mul_(grad);
    param.add_(update, -scale / std::max(1.0, rootMeanSquare(update) / threshold));
  });
  return undefined(env);
}

/// Moves all singular values of a matrix towards 1, by a Newton-Schulz iteration. It runs in bfloat16 where that is fast,
/// as in torch; on the CPU, where products in bfloat16 are slow and add up inexactly, in float32 or float64.
static at::Tensor orthogonalized(const at::Tensor& matrix, double a, double b, double c, int64_t steps, double eps) {
  const bool tall = matrix.size(0) > matrix.size(1);
  const at::ScalarType type = !matrix.is_cpu() ? at::kBFloat16 : matrix.scalar_type() == at::kDouble ? at::kDouble : at::kFloat;
  at::Tensor x = matrix.to(type, /*non_blocking=*/false, /*copy=*/true);
  if (tall) x = x.t();
  x.div_(x.norm().clamp_min(eps));
  for (int64_t i = 0; i < steps; ++i) {
    const at::Tensor gram = x.matmul(x.t());
    x = at::addmm(x, at::addmm(gram, gram, gram, b, c), x, a);
  }
  return tall ? x.t() : x;
}

/// muonStep(plan [params, momentumBuffer], settings, fused)
static napi_value muonStep(napi_env env, napi_callback_info info) {
  StepArguments args(env, info, 10);
  auto& columns = args.plan->columns;
  const double lr = args[0], momentum = args[1], weightDecay = args[2];
  const bool nesterov = args.flag(3), matchesAdamW = args.flag(9);

  forEachGradient(*args.plan, "Muon", [&](size_t i, at::Tensor& param, at::Tensor& grad) {
    const at::Tensor& buffer = columns[1][i];
    buffer.lerp_(grad, 1 - momentum);
    const at::Tensor direction = nesterov ? grad.lerp(buffer, momentum) : buffer;
    const at::Tensor update = orthogonalized(direction, args[4], args[5], args[6], static_cast<int64_t>(args[7]), args[8]);
    const double rows = static_cast<double>(param.size(0)), cols = static_cast<double>(param.size(1));
    const double ratio = matchesAdamW ? 0.2 * std::sqrt(std::max(rows, cols)) : std::sqrt(std::max(1.0, rows / cols));
    param.mul_(1 - lr * weightDecay);
    param.add_(update, -(lr * ratio));
  });
  return undefined(env);
}

void initOptimMatrix(napi_env env, napi_value exports) {
  define(env, exports, "adafactorStep", guarded<adafactorStep>);
  define(env, exports, "muonStep", guarded<muonStep>);
}

}  // namespace lt
