// Fused element loops of Adam, AdamW and SGD.

#include "fusedArithmetic.h"

namespace lt {

template <typename T, bool decoupled, bool decays, bool amsgrad>
static inline LT_FUSES void adam(T* __restrict param, const T* __restrict grad, T* __restrict expAvg, T* __restrict expAvgSq, T* __restrict maxExpAvgSq, int64_t n, const AdamScalars& s) {
  const T beta1 = static_cast<T>(s.beta1), oneMinusBeta1 = static_cast<T>(s.oneMinusBeta1);
  const T beta2 = static_cast<T>(s.beta2), oneMinusBeta2 = static_cast<T>(s.oneMinusBeta2);
  const T correction = static_cast<T>(s.biasCorrection2Sqrt), eps = static_cast<T>(s.eps);
  const T stepSize = static_cast<T>(s.negativeStepSize);
  const T weightDecay = static_cast<T>(s.weightDecay), decayFactor = static_cast<T>(s.decayFactor);
  const T sign = s.maximize ? T(-1) : T(1);
  (void)beta1;
  for (int64_t i = 0; i < n; ++i) {
    T g = sign * grad[i];
    T p = param[i];
    if (decoupled)
      p = p * decayFactor;
    else if (decays)
      g = multiplyAdd(p, weightDecay, g);
#if TORCH_VERSION_MAJOR >= 2
    // lerp_: below a weight of one half it counts from the start
    const T m = s.oneMinusBeta1 < 0.5 ? multiplyAdd(oneMinusBeta1, g - expAvg[i], expAvg[i]) : g - (g - expAvg[i]) * (1 - oneMinusBeta1);
#else
    const T m = multiplyAdd(g, oneMinusBeta1, expAvg[i] * beta1);
#endif
    const T v = multiplyAdd(oneMinusBeta2 * g, g, expAvgSq[i] * beta2);
    expAvg[i] = m;
    expAvgSq[i] = v;
    T mean = v;
    if (amsgrad) {
      const T before = maxExpAvgSq[i];
      mean = before > v || before != before ? before : v;  // NaN stays NaN
      maxExpAvgSq[i] = mean;
    }
    const T denominator = root(mean) / correction + eps;
    param[i] = p + stepSize * m / denominator;
  }
}

template <typename T, bool amsgrad>
static inline LT_FUSES void adamAny(T* p, const T* g, T* m, T* v, T* largest, int64_t n, const AdamScalars& s) {
  if (s.decoupled)
    adam<T, true, false, amsgrad>(p, g, m, v, largest, n, s);
  else if (s.weightDecay != 0)
    adam<T, false, true, amsgrad>(p, g, m, v, largest, n, s);
  else
    adam<T, false, false, amsgrad>(p, g, m, v, largest, n, s);
}
template <typename T>
LT_FUSES void adamFused(T* p, const T* g, T* m, T* v, T* largest, int64_t n, const AdamScalars& s) {
  largest == nullptr ? adamAny<T, false>(p, g, m, v, largest, n, s) : adamAny<T, true>(p, g, m, v, largest, n, s);
}
template void adamFused(float*, const float*, float*, float*, float*, int64_t, const AdamScalars&);
template void adamFused(double*, const double*, double*, double*, double*, int64_t, const AdamScalars&);

template <typename T>
static inline LT_FUSES void sgd(T* __restrict param, const T* __restrict grad, T* __restrict buffer, int64_t n, const SgdScalars& s) {
  const T momentum = static_cast<T>(s.momentum), oneMinusDampening = static_cast<T>(s.oneMinusDampening);
  const T weightDecay = static_cast<T>(s.weightDecay), lr = static_cast<T>(s.negativeLr);
  const bool decays = s.weightDecay != 0, nesterov = s.nesterov;
  const T sign = s.maximize ? T(-1) : T(1);
  if (buffer == nullptr) {
    for (int64_t i = 0; i < n; ++i) {
      T g = sign * grad[i];
      if (decays) g = multiplyAdd(param[i], weightDecay, g);
      param[i] = multiplyAdd(g, lr, param[i]);
    }
    return;
  }
  for (int64_t i = 0; i < n; ++i) {
    T g = sign * grad[i];
    if (decays) g = multiplyAdd(param[i], weightDecay, g);
    const T b = multiplyAdd(g, oneMinusDampening, buffer[i] * momentum);
    buffer[i] = b;
    g = nesterov ? multiplyAdd(b, momentum, g) : b;
    param[i] = multiplyAdd(g, lr, param[i]);
  }
}
template <typename T>
LT_FUSES void sgdFused(T* p, const T* g, T* b, int64_t n, const SgdScalars& s) { sgd(p, g, b, n, s); }
template void sgdFused(float*, const float*, float*, int64_t, const SgdScalars&);
template void sgdFused(double*, const double*, double*, int64_t, const SgdScalars&);

}  // namespace lt
