/*
 * The C component. C11, no global state, no I/O; it allocates only where a function says so.
 *
 * Rules that hold for every function:
 *   - Sizes and counts are size_t, in elements of the pointed-to type.
 *   - A pointer that comes with a count may be anything but NULL where the count is 0; it is not read then.
 *   - Every function may be called from any thread, at the same time, as long as no two calls touch the same writable
 *     memory.
 *   - No input that keeps the rules stated at the function leads to undefined behaviour; in particular all integer
 *     arithmetic wraps.
 */
#ifndef NATIVE_H
#define NATIVE_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/*
 * The sum of a[i] * b[i] for i in [0, count).
 *
 * The order of the additions is part of the contract, so that every implementation gives the same bits: eight lanes
 * start at +0.0; the product of element i, rounded to double, is added to lane i % 8, in ascending i; at the end
 * ((l0 + l4) + (l2 + l6)) + ((l1 + l5) + (l3 + l7)). No fused multiply-add. The result is never -0.0. Which NaN comes
 * back, where one does, is not specified.
 */
double native_dot_product(const double *a, const double *b, size_t count);

/*
 * Multiplies every element by two, in place, modulo 2^32 (two's complement).
 */
void native_double_array(int32_t *values, size_t count);

/*
 * The sum of the elements. It cannot overflow for up to 2^32 elements (16 GiB); beyond that it is modulo 2^64.
 */
long long native_sum_array(const int32_t *values, size_t count);

/*
 * A new text with the scalar values of `text` in reverse order: `length` bytes, then a NUL that does not count. `text`
 * is UTF-8, may hold NULs and needs no NUL at its end. Where it is valid UTF-8, so is the result. Where it is not, the
 * result is some arrangement of the same bytes.
 *
 * Returns NULL if there is no memory. The caller owns the result and gives it back to native_text_free, once.
 */
char *native_reverse_string(const char *text, size_t length);

/*
 * Frees a text that this component allocated. NULL is allowed and does nothing.
 */
void native_text_free(char *text);

#ifdef __cplusplus
}
#endif

#endif
