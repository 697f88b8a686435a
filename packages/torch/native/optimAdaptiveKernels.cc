// Fused element loops of RMSprop, Adagrad, Adadelta, Adamax, NAdam and RAdam. Each line is one operator of the plain
// loop; where that operator multiplies and adds, libtorch's kernel fuses the two.
//
// Each loop is a function of its own behind the one that optim.h declares: GCC 12 does not vectorise the declared template.

#include "fusedArithmetic.h"

namespace lt {

/// The gradient as the update sees it: turned around to climb, and with the decay of the parameter.
template <typename T>
static inline LT_FUSES T effectiveGradient(T grad, T param, T sign, T weightDecay, bool decays) {
  const T g = sign * grad;
  return decays ? multiplyAdd(param, weightDecay, g) : g;
}

template <typename T, bool hasBuffer, bool centered>
static inline LT_FUSES void rmsprop(T* __restrict param, const T* __restrict grad, T* __restrict squareAvg, T* __restrict buffer, T* __restrict gradAvg, int64_t n, const RmspropScalars& s) {
  const T lr = static_cast<T>(s.negativeLr), alpha = static_cast<T>(s.alpha), oneMinusAlpha = static_cast<T>(s.oneMinusAlpha);
  const T eps = static_cast<T>(s.eps), weightDecay = static_cast<T>(s.weightDecay), momentum = static_cast<T>(s.momentum);
  const T sign = s.maximize ? T(-1) : T(1);
  const bool decays = s.weightDecay != 0;
  for (int64_t i = 0; i < n; ++i) {
    const T p = param[i];
    const T g = effectiveGradient(grad[i], p, sign, weightDecay, decays);
    T v = multiplyAdd(oneMinusAlpha * g, g, squareAvg[i] * alpha);
    squareAvg[i] = v;
    if (centered) {
#if TORCH_VERSION_MAJOR >= 2
      const T m = s.oneMinusAlpha < 0.5 ? multiplyAdd(oneMinusAlpha, g - gradAvg[i], gradAvg[i]) : g - (g - gradAvg[i]) * (1 - oneMinusAlpha);
#else
      const T m = multiplyAdd(g, oneMinusAlpha, gradAvg[i] * alpha);
#endif
      gradAvg[i] = m;
      v = multiplyAdd(-m, m, v);
    }
    const T denominator = root(v) + eps;
    if (hasBuffer) {
      const T b = buffer[i] * momentum + g / denominator;
      buffer[i] = b;
      param[i] = multiplyAdd(b, lr, p);
    } else {
      param[i] = p + lr * g / denominator;
    }
  }
}
template <typename T>
void rmspropFused(T* p, const T* g, T* v, T* b, T* m, int64_t n, const RmspropScalars& s) {
  if (b != nullptr)
    m != nullptr ? rmsprop<T, true, true>(p, g, v, b, m, n, s) : rmsprop<T, true, false>(p, g, v, b, m, n, s);
  else
    m != nullptr ? rmsprop<T, false, true>(p, g, v, b, m, n, s) : rmsprop<T, false, false>(p, g, v, b, m, n, s);
}

template <typename T>
static inline LT_FUSES void adagrad(T* __restrict param, const T* __restrict grad, T* __restrict sum, int64_t n, const AdagradScalars& s) {
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
void adagradFused(T* param, const T* grad, T* sum, int64_t n, const AdagradScalars& s) { adagrad(param, grad, sum, n, s); }

template <typename T>
static inline LT_FUSES void adadelta(T* __restrict param, const T* __restrict grad, T* __restrict squareAvg, T* __restrict accDelta, int64_t n, const AdadeltaScalars& s) {
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
void adadeltaFused(T* param, const T* grad, T* squareAvg, T* accDelta, int64_t n, const AdadeltaScalars& s) { adadelta(param, grad, squareAvg, accDelta, n, s); }

template <typename T>
static inline LT_FUSES void adamax(T* __restrict param, const T* __restrict grad, T* __restrict expAvg, T* __restrict expInf, int64_t n, const AdamaxScalars& s) {
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
template <typename T>
void adamaxFused(T* param, const T* grad, T* expAvg, T* expInf, int64_t n, const AdamaxScalars& s) { adamax(param, grad, expAvg, expInf, n, s); }

enum class Decay { kNone, kAdded, kDecoupled };

/// The running means of NAdam and RAdam. Gives the gradient with its decay; `p` takes a decoupled one.
template <typename T, Decay decay>
static inline LT_FUSES T updateMoments(T& p, T g, T& expAvg, T& expAvgSq, T weightDecay, T decayFactor, T beta1, T oneMinusBeta1, T beta2, T oneMinusBeta2, bool isLight) {
  if (decay == Decay::kDecoupled) p = p * decayFactor;
  if (decay == Decay::kAdded) g = multiplyAdd(p, weightDecay, g);
#if TORCH_VERSION_MAJOR >= 2
  (void)beta1;
  expAvg = isLight ? multiplyAdd(oneMinusBeta1, g - expAvg, expAvg) : g - (g - expAvg) * (1 - oneMinusBeta1);
#else
  (void)isLight;
  expAvg = multiplyAdd(g, oneMinusBeta1, expAvg * beta1);
#endif
  expAvgSq = multiplyAdd(oneMinusBeta2 * g, g, expAvgSq * beta2);
  return g;
}

#define LT_MOMENT_NUMBERS                                                                                                       \
  const T weightDecay = static_cast<T>(s.weightDecay), decayFactor = static_cast<T>(s.decayFactor);                              \
  const T beta1 = static_cast<T>(s.beta1), oneMinusBeta1 = static_cast<T>(s.oneMinusBeta1), sign = s.maximize ? T(-1) : T(1);     \
  const T beta2 = static_cast<T>(s.beta2), oneMinusBeta2 = static_cast<T>(s.oneMinusBeta2), eps = static_cast<T>(s.eps);          \
  const bool isLight = s.oneMinusBeta1 < 0.5;  // lerp_: below a weight of one half it counts from the start

template <typename T, Decay decay>
static inline LT_FUSES void nadam(T* __restrict param, const T* __restrict grad, T* __restrict expAvg, T* __restrict expAvgSq, int64_t n, const NadamScalars& s) {
  LT_MOMENT_NUMBERS
  const T correction = static_cast<T>(s.biasCorrection2);
  const T gradFactor = static_cast<T>(s.gradFactor), momentFactor = static_cast<T>(s.momentFactor);
  for (int64_t i = 0; i < n; ++i) {
    T p = param[i], m = expAvg[i], v = expAvgSq[i];
    const T g = updateMoments<T, decay>(p, sign * grad[i], m, v, weightDecay, decayFactor, beta1, oneMinusBeta1, beta2, oneMinusBeta2, isLight);
    expAvg[i] = m;
    expAvgSq[i] = v;
    const T denominator = root(v / correction) + eps;
    p = p + gradFactor * g / denominator;
    param[i] = p + momentFactor * m / denominator;
  }
}
template <typename T>
void nadamFused(T* p, const T* g, T* m, T* v, int64_t n, const NadamScalars& s) {
  if (s.weightDecay == 0)
    nadam<T, Decay::kNone>(p, g, m, v, n, s);
  else
    s.decoupled ? nadam<T, Decay::kDecoupled>(p, g, m, v, n, s) : nadam<T, Decay::kAdded>(p, g, m, v, n, s);
}

template <typename T, Decay decay, bool rectified>
static inline LT_FUSES void radam(T* __restrict param, const T* __restrict grad, T* __restrict expAvg, T* __restrict expAvgSq, int64_t n, const RadamScalars& s) {
  LT_MOMENT_NUMBERS
  const T correction1 = static_cast<T>(s.biasCorrection1), lr = static_cast<T>(s.lr);
  const T correction2Sqrt = static_cast<T>(s.biasCorrection2Sqrt), rectification = static_cast<T>(s.rectification);
  for (int64_t i = 0; i < n; ++i) {
    T p = param[i], m = expAvg[i], v = expAvgSq[i];
    updateMoments<T, decay>(p, sign * grad[i], m, v, weightDecay, decayFactor, beta1, oneMinusBeta1, beta2, oneMinusBeta2, isLight);
    expAvg[i] = m;
    expAvgSq[i] = v;
    T update = m / correction1 * lr;
    if (rectified) update = update * (T(1) / (root(v) + eps) * correction2Sqrt) * rectification;
    param[i] = p - update;
  }
}
template <typename T, Decay decay>
static inline void radamAny(T* p, const T* g, T* m, T* v, int64_t n, const RadamScalars& s) {
  s.rectified ? radam<T, decay, true>(p, g, m, v, n, s) : radam<T, decay, false>(p, g, m, v, n, s);
}
template <typename T>
void radamFused(T* p, const T* g, T* m, T* v, int64_t n, const RadamScalars& s) {
  if (s.weightDecay == 0)
    radamAny<T, Decay::kNone>(p, g, m, v, n, s);
  else
    s.decoupled ? radamAny<T, Decay::kDecoupled>(p, g, m, v, n, s) : radamAny<T, Decay::kAdded>(p, g, m, v, n, s);
}
#undef LT_MOMENT_NUMBERS

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
