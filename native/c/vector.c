/* Vectors of double. The arithmetic must be IEEE 754 binary64, or the promise of equal bits is void: better no build. */
#include "native.h"

#include <float.h>

#if defined(__FAST_MATH__) || defined(__ASSOCIATIVE_MATH__) || \
    (defined(__FINITE_MATH_ONLY__) && __FINITE_MATH_ONLY__ != 0)
#error "this component needs IEEE 754 arithmetic: remove -ffast-math and its parts from CFLAGS"
#endif
/* 2 is the x87 unit, which rounds a double only when it is stored; negative means that nobody knows. */
#if FLT_EVAL_METHOD == 2 || FLT_EVAL_METHOD < 0
#error "double is evaluated in a wider format on this target: its results would differ from the other backends"
#endif

/* The same as -ffp-contract=off, for those who build this without our build script. GCC, which does not know it, does
   not contract in its ISO modes (-std=c11). */
#ifdef __clang__
#pragma STDC FP_CONTRACT OFF
#endif

_Static_assert(sizeof(double) == 8 && DBL_MANT_DIG == 53, "double is IEEE 754 binary64");

enum { LANES = 8 };

double native_dot_product(const double *a, const double *b, size_t count)
{
    double lane[LANES] = {0.0};
    const size_t whole = count - count % LANES;

    for (size_t i = 0; i < whole; i += LANES) {
        for (size_t k = 0; k < LANES; k++) {
            lane[k] += a[i + k] * b[i + k];
        }
    }
    for (size_t i = whole; i < count; i++) {
        lane[i - whole] += a[i] * b[i];
    }
    return ((lane[0] + lane[4]) + (lane[2] + lane[6])) + ((lane[1] + lane[5]) + (lane[3] + lane[7]));
}
