/* Arrays of int32_t. Arithmetic is done in unsigned types, where wrapping is defined. */
#include "native.h"

_Static_assert(sizeof(long long) == sizeof(uint64_t), "long long has 64 bits");

void native_double_array(int32_t *values, size_t count)
{
    /* An object may be accessed as the unsigned type that corresponds to its own (C11 6.5, paragraph 7). */
    uint32_t *const bits = (uint32_t *)values;

    for (size_t i = 0; i < count; i++) {
        bits[i] *= UINT32_C(2);
    }
}

long long native_sum_array(const int32_t *values, size_t count)
{
    /* A conversion of a value above LLONG_MAX would be implementation-defined; reading its bits as signed is not. */
    union {
        uint64_t bits;
        long long value;
    } sum = {0};

    for (size_t i = 0; i < count; i++) {
        sum.bits += (uint64_t)(int64_t)values[i];
    }
    return sum.value;
}
