#pragma once
// What the files of fused element loops share. Include it before anything else.
//
// The loops are written with explicit fused multiply-adds exactly where libtorch's AVX2 and AVX-512 kernels have them;
// the pragmas keep the compiler from fusing anything else. Vectorised by the compiler.

#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC optimize("O3", "fp-contract=off", "no-math-errno", "no-trapping-math")
#elif defined(__clang__)
#pragma clang fp contract(off)
#endif

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
