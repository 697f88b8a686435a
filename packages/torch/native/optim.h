#pragma once
// The fused element loops (optimKernels.cc), apart from the code that decides when to use them.

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
void adamFused(float* param, const float* grad, float* expAvg, float* expAvgSq, int64_t n, const AdamScalars& scalars);
void adamFused(double* param, const double* grad, double* expAvg, double* expAvgSq, int64_t n, const AdamScalars& scalars);

struct SgdScalars {
  double negativeLr, momentum, oneMinusDampening, weightDecay;
  bool nesterov, maximize;
};
/// `buffer` is null without momentum.
void sgdFused(float* param, const float* grad, float* buffer, int64_t n, const SgdScalars& scalars);
void sgdFused(double* param, const double* grad, double* buffer, int64_t n, const SgdScalars& scalars);

}  // namespace lt
