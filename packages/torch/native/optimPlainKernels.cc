// Fused element loops of ASGD and Rprop. Each line is one operator of the plain loop; where that operator multiplies and
// adds, libtorch's kernel fuses the two.

#include "fusedArithmetic.h"

namespace lt {

template <typename T, bool averages>
static inline LT_FUSES void asgd(T* __restrict param, const T* __restrict grad, T* __restrict average, int64_t n, const AsgdScalars& s) {
  const T decayFactor = static_cast<T>(s.decayFactor), rate = static_cast<T>(s.negativeRate), mu = static_cast<T>(s.mu);
  const T weightDecay = static_cast<T>(s.weightDecay), sign = s.maximize ? T(-1) : T(1);
  const bool decays = s.weightDecay != 0;
  for (int64_t i = 0; i < n; ++i) {
    const T before = param[i];
    T g = sign * grad[i];
    if (decays) g = multiplyAdd(before, weightDecay, g);
    const T p = multiplyAdd(g, rate, before * decayFactor);
    param[i] = p;
    average[i] = averages ? average[i] + (p - average[i]) * mu : p;
  }
}
template <typename T>
void asgdFused(T* param, const T* grad, T* average, int64_t n, const AsgdScalars& s) {
  s.mu != 1 ? asgd<T, true>(param, grad, average, n, s) : asgd<T, false>(param, grad, average, n, s);
}

/// −1, 0 or 1; 0 for NaN, as in libtorch's vector kernel.
template <typename T>
static inline LT_FUSES T signOf(T value) { return value > 0 ? T(1) : value < 0 ? T(-1) : T(0); }

template <typename T>
static inline LT_FUSES void rprop(T* __restrict param, const T* __restrict grad, T* __restrict previous, T* __restrict stepSize, int64_t n, const RpropScalars& s) {
  const T etaMinus = static_cast<T>(s.etaMinus), etaPlus = static_cast<T>(s.etaPlus);
  const T smallest = static_cast<T>(s.smallest), largest = static_cast<T>(s.largest), sign = s.maximize ? T(-1) : T(1);
  for (int64_t i = 0; i < n; ++i) {
    T g = sign * grad[i];
    const T turn = g * previous[i];
    const T factor = turn > 0 ? etaPlus : turn < 0 ? etaMinus : T(1);
    T size = stepSize[i] * factor;
    size = size < smallest ? smallest : size;
    size = size > largest ? largest : size;
    stepSize[i] = size;
    g = factor == etaMinus ? T(0) : g;
    previous[i] = g;
    param[i] = multiplyAdd(-signOf(g), size, param[i]);
  }
}
template <typename T>
void rpropFused(T* param, const T* grad, T* previous, T* stepSize, int64_t n, const RpropScalars& s) {
  rprop(param, grad, previous, stepSize, n, s);
}

template void asgdFused(float*, const float*, float*, int64_t, const AsgdScalars&);
template void asgdFused(double*, const double*, double*, int64_t, const AsgdScalars&);
template void rpropFused(float*, const float*, float*, float*, int64_t, const RpropScalars&);
template void rpropFused(double*, const double*, double*, double*, int64_t, const RpropScalars&);

}  // namespace lt
