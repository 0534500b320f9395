/* What is about the boundary itself: the version, the empty crossing, and the way back through a callback. */
#include "native.h"

uint32_t native_abi_version(void)
{
    return NATIVE_ABI_VERSION;
}

int32_t native_echo(int32_t value)
{
    return value;
}

size_t native_each(const int32_t *values, size_t count, native_visit visit, void *context)
{
    for (size_t i = 0; i < count; i++) {
        if (visit(context, values[i]) != 0) {
            return i + 1;
        }
    }
    return count;
}
