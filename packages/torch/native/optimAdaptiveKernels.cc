// Fused element loops of RMSprop, Adagrad, Adadelta, Adamax, NAdam and RAdam. Each line is one operator of the plain
// loop; where that operator multiplies and adds, libtorch's kernel fuses the two.

#include "fusedArithmetic.h"

namespace lt {

/// The gradient as the update sees it: turned around to climb, and with the decay of the parameter.
template <typename T>
static inline LT_FUSES T effectiveGradient(T grad, T param, T sign, T weightDecay, bool decays) {
  const T g = sign * grad;
  return decays ? multiplyAdd(param, weightDecay, g) : g;
}

template <typename T>
LT_FUSES void rmspropFused(T* __restrict param, const T* __restrict grad, T* __restrict squareAvg, T* __restrict buffer, T* __restrict gradAvg, int64_t n, const RmspropScalars& s) {
  const T lr = static_cast<T>(s.negativeLr), alpha = static_cast<T>(s.alpha), oneMinusAlpha = static_cast<T>(s.oneMinusAlpha);
  const T eps = static_cast<T>(s.eps), weightDecay = static_cast<T>(s.weightDecay), momentum = static_cast<T>(s.momentum);
  const T sign = s.maximize ? T(-1) : T(1);
  const bool decays = s.weightDecay != 0;
  for (int64_t i = 0; i < n; ++i) {
    const T p = param[i];
    const T g = effectiveGradient(grad[i], p, sign, weightDecay, decays);
    T v = multiplyAdd(oneMinusAlpha * g, g, squareAvg[i] * alpha);
    squareAvg[i] = v;
    if (gradAvg != nullptr) {
#if TORCH_VERSION_MAJOR >= 2
      const T m = s.oneMinusAlpha < 0.5 ? multiplyAdd(oneMinusAlpha, g - gradAvg[i], gradAvg[i]) : g - (g - gradAvg[i]) * (1 - oneMinusAlpha);
#else
      const T m = multiplyAdd(g, oneMinusAlpha, gradAvg[i] * alpha);
#endif
      gradAvg[i] = m;
      v = multiplyAdd(-m, m, v);
    }
    const T denominator = root(v) + eps;
    if (buffer != nullptr) {
      const T b = buffer[i] * momentum + g / denominator;
      buffer[i] = b;
      param[i] = multiplyAdd(b, lr, p);
    } else {
      param[i] = p + lr * g / denominator;
    }
  }
}

template <typename T>
LT_FUSES void adagradFused(T* __restrict param, const T* __restrict grad, T* __restrict sum, int64_t n, const AdagradScalars& s) {
  const T stepSize = static_cast<T>(s.negativeStepSize), eps = static_cast<T>(s.eps), weightDecay = static_cast<T>(s.weightDecay);
  const T sign = s.maximize ? T(-1) : T(1);
  const bool decays = s.weightDecay != 0;
  for (int64_t i = 0; i < n; ++i) {
    const T p = param[i];
    const T g = effectiveGradient(grad[i], p, sign, weightDecay, decays);
    const T total = multiplyAdd(g, g, sum[i]);
    sum[i] = total;
    param[i] = p + stepSize * g / (root(total) + eps);
  }
}

template <typename T>
LT_FUSES void adadeltaFused(T* __restrict param, const T* __restrict grad, T* __restrict squareAvg, T* __restrict accDelta, int64_t n, const AdadeltaScalars& s) {
  const T lr = static_cast<T>(s.negativeLr), rho = static_cast<T>(s.rho), oneMinusRho = static_cast<T>(s.oneMinusRho);
  const T eps = static_cast<T>(s.eps), weightDecay = static_cast<T>(s.weightDecay);
  const T sign = s.maximize ? T(-1) : T(1);
  const bool decays = s.weightDecay != 0;
  for (int64_t i = 0; i < n; ++i) {
    const T p = param[i];
    const T g = effectiveGradient(grad[i], p, sign, weightDecay, decays);
    const T v = multiplyAdd(oneMinusRho * g, g, squareAvg[i] * rho);
    squareAvg[i] = v;
    const T delta = root(accDelta[i] + eps) / root(v + eps) * g;
    accDelta[i] = multiplyAdd(oneMinusRho * delta, delta, accDelta[i] * rho);
    param[i] = multiplyAdd(delta, lr, p);
  }
}

template <typename T>
LT_FUSES void adamaxFused(T* __restrict param, const T* __restrict grad, T* __restrict expAvg, T* __restrict expInf, int64_t n, const AdamaxScalars& s) {
  const T beta1 = static_cast<T>(s.beta1), oneMinusBeta1 = static_cast<T>(s.oneMinusBeta1), beta2 = static_cast<T>(s.beta2);
  const T stepSize = static_cast<T>(s.negativeStepSize), eps = static_cast<T>(s.eps), weightDecay = static_cast<T>(s.weightDecay);
  const T sign = s.maximize ? T(-1) : T(1);
  const bool decays = s.weightDecay != 0;
  (void)beta1;
  for (int64_t i = 0; i < n; ++i) {
    const T p = param[i];
    const T g = effectiveGradient(grad[i], p, sign, weightDecay, decays);
#if TORCH_VERSION_MAJOR >= 2
    const T m = s.oneMinusBeta1 < 0.5 ? multiplyAdd(oneMinusBeta1, g - expAvg[i], expAvg[i]) : g - (g - expAvg[i]) * (1 - oneMinusBeta1);
#else
    const T m = multiplyAdd(g, oneMinusBeta1, expAvg[i] * beta1);
#endif
    expAvg[i] = m;
    const T decayed = expInf[i] * beta2, size = (g < 0 ? -g : g) + eps;
    const T largest = decayed > size || decayed != decayed ? decayed : size;  // NaN stays NaN
    expInf[i] = largest;
    param[i] = p + stepSize * m / largest;
  }
}

/// The running means of NAdam and RAdam. Gives the gradient with its decay; `p` takes a decoupled one.
template <typename T>
static inline LT_FUSES T updateMoments(T& p, T grad, T& expAvg, T& expAvgSq, const MomentScalars& s) {
  T g = s.maximize ? -grad : grad;
  if (s.weightDecay != 0) {
    if (s.decoupled)
      p = p * static_cast<T>(s.decayFactor);
    else
      g = multiplyAdd(p, static_cast<T>(s.weightDecay), g);
  }
  const T oneMinusBeta1 = static_cast<T>(s.oneMinusBeta1);
#if TORCH_VERSION_MAJOR >= 2
  expAvg = s.oneMinusBeta1 < 0.5 ? multiplyAdd(oneMinusBeta1, g - expAvg, expAvg) : g - (g - expAvg) * (1 - oneMinusBeta1);
#else
  expAvg = multiplyAdd(g, oneMinusBeta1, expAvg * static_cast<T>(s.beta1));
#endif
  expAvgSq = multiplyAdd(static_cast<T>(s.oneMinusBeta2) * g, g, expAvgSq * static_cast<T>(s.beta2));
  return g;
}

template <typename T>
LT_FUSES void nadamFused(T* __restrict param, const T* __restrict grad, T* __restrict expAvg, T* __restrict expAvgSq, int64_t n, const NadamScalars& scalars) {
  const NadamScalars s = scalars;
  const T correction = static_cast<T>(s.biasCorrection2), eps = static_cast<T>(s.eps);
  const T gradFactor = static_cast<T>(s.gradFactor), momentFactor = static_cast<T>(s.momentFactor);
  for (int64_t i = 0; i < n; ++i) {
    T p = param[i], m = expAvg[i], v = expAvgSq[i];
    const T g = updateMoments(p, grad[i], m, v, s);
    expAvg[i] = m;
    expAvgSq[i] = v;
    const T denominator = root(v / correction) + eps;
    p = p + gradFactor * g / denominator;
    param[i] = p + momentFactor * m / denominator;
  }
}

template <typename T>
LT_FUSES void radamFused(T* __restrict param, const T* __restrict grad, T* __restrict expAvg, T* __restrict expAvgSq, int64_t n, const RadamScalars& scalars) {
  const RadamScalars s = scalars;
  const T correction1 = static_cast<T>(s.biasCorrection1), lr = static_cast<T>(s.lr), eps = static_cast<T>(s.eps);
  const T correction2Sqrt = static_cast<T>(s.biasCorrection2Sqrt), rectification = static_cast<T>(s.rectification);
  for (int64_t i = 0; i < n; ++i) {
    T p = param[i], m = expAvg[i], v = expAvgSq[i];
    updateMoments(p, grad[i], m, v, s);
    expAvg[i] = m;
    expAvgSq[i] = v;
    T update = m / correction1 * lr;
    if (s.rectified) update = update * (T(1) / (root(v) + eps) * correction2Sqrt) * rectification;
    param[i] = p - update;
  }
}

#define LT_FOR_BOTH(T)                                                                             \
  template void rmspropFused(T*, const T*, T*, T*, T*, int64_t, const RmspropScalars&);            \
  template void adagradFused(T*, const T*, T*, int64_t, const AdagradScalars&);                    \
  template void adadeltaFused(T*, const T*, T*, T*, int64_t, const AdadeltaScalars&);              \
  template void adamaxFused(T*, const T*, T*, T*, int64_t, const AdamaxScalars&);                  \
  template void nadamFused(T*, const T*, T*, T*, int64_t, const NadamScalars&);                    \
  template void radamFused(T*, const T*, T*, T*, int64_t, const RadamScalars&);
LT_FOR_BOTH(float)
LT_FOR_BOTH(double)
#undef LT_FOR_BOTH

}  // namespace lt
