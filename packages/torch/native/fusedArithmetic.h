#pragma once
// What the files of fused element loops share. Include it before anything else.
//
// The loops are written with explicit fused multiply-adds exactly where libtorch's AVX2 and AVX-512 kernels have them.
// CMakeLists.txt compiles these files with -ffp-contract=off, so that nothing else is fused, and -O3, so that the loops are
// vectorised (the `optimize` pragma does not vectorise those with a square root and divisions: 4 × slower).

#include "optim.h"

#include <torch/version.h>

#include <cmath>

#if defined(__x86_64__)
#define LT_FUSES __attribute__((target("avx2,fma")))
#else
#define LT_FUSES
#endif

namespace lt {

static inline LT_FUSES float multiplyAdd(float a, float b, float c) { return __builtin_fmaf(a, b, c); }
static inline LT_FUSES double multiplyAdd(double a, double b, double c) { return __builtin_fma(a, b, c); }
static inline LT_FUSES float root(float a) { return __builtin_sqrtf(a); }
static inline LT_FUSES double root(double a) { return __builtin_sqrt(a); }

}  // namespace lt
