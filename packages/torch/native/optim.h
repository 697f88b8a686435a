#pragma once
// The fused element loops (optimKernels.cc, optimAdaptiveKernels.cc, optimPlainKernels.cc), apart from the code that decides when to use them.
// All are there for float and for double.

#include <cstdint>

namespace lt {

#if defined(__x86_64__)
constexpr bool kHasFusedPass = true;
#else
constexpr bool kHasFusedPass = false;  // the operators run one by one, with the same results
#endif

struct AdamScalars {
  double beta1, oneMinusBeta1, beta2, oneMinusBeta2, biasCorrection2Sqrt, eps, negativeStepSize, weightDecay, decayFactor;
  bool decoupled, maximize;
};
/// `maxExpAvgSq` is null without amsgrad.
template <typename T>
void adamFused(T* param, const T* grad, T* expAvg, T* expAvgSq, T* maxExpAvgSq, int64_t n, const AdamScalars& scalars);

struct SgdScalars {
  double negativeLr, momentum, oneMinusDampening, weightDecay;
  bool nesterov, maximize;
};
/// `buffer` is null without momentum.
template <typename T>
void sgdFused(T* param, const T* grad, T* buffer, int64_t n, const SgdScalars& scalars);

struct RmspropScalars {
  double negativeLr, alpha, oneMinusAlpha, eps, weightDecay, momentum;
  bool maximize;
};
/// `buffer` is null without momentum, `gradAvg` when not centered.
template <typename T>
void rmspropFused(T* param, const T* grad, T* squareAvg, T* buffer, T* gradAvg, int64_t n, const RmspropScalars& scalars);

struct AdagradScalars {
  double negativeStepSize, eps, weightDecay;
  bool maximize;
};
template <typename T>
void adagradFused(T* param, const T* grad, T* sum, int64_t n, const AdagradScalars& scalars);

struct AdadeltaScalars {
  double negativeLr, rho, oneMinusRho, eps, weightDecay;
  bool maximize;
};
template <typename T>
void adadeltaFused(T* param, const T* grad, T* squareAvg, T* accDelta, int64_t n, const AdadeltaScalars& scalars);

struct AdamaxScalars {
  double negativeStepSize, beta1, oneMinusBeta1, beta2, eps, weightDecay;
  bool maximize;
};
template <typename T>
void adamaxFused(T* param, const T* grad, T* expAvg, T* expInf, int64_t n, const AdamaxScalars& scalars);

/// NAdam and RAdam begin alike: gradient, decay, running means.
struct MomentScalars {
  double beta1, oneMinusBeta1, beta2, oneMinusBeta2, eps, weightDecay, decayFactor;
  bool decoupled, maximize;
};
struct NadamScalars : MomentScalars {
  double biasCorrection2, gradFactor, momentFactor;
};
template <typename T>
void nadamFused(T* param, const T* grad, T* expAvg, T* expAvgSq, int64_t n, const NadamScalars& scalars);

struct RadamScalars : MomentScalars {
  double biasCorrection1, lr, biasCorrection2Sqrt, rectification;
  bool rectified;
};
template <typename T>
void radamFused(T* param, const T* grad, T* expAvg, T* expAvgSq, int64_t n, const RadamScalars& scalars);

struct AsgdScalars {
  double decayFactor, negativeRate, mu, weightDecay;
  bool maximize;
};
/// `average` becomes the parameter itself while mu is 1.
template <typename T>
void asgdFused(T* param, const T* grad, T* average, int64_t n, const AsgdScalars& scalars);

struct RpropScalars {
  double etaMinus, etaPlus, smallest, largest;
  bool maximize;
};
template <typename T>
void rpropFused(T* param, const T* grad, T* previous, T* stepSize, int64_t n, const RpropScalars& scalars);

}  // namespace lt
