/* The C half of the probe: uses headers, static data, floating point, the allocator and a thread-local, so that a
   toolchain without a C library for the target, or with another one's, does not get through. */
#include <errno.h>
#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#if defined(PROBE_MUSL) && defined(__GLIBC__)
#error "this compiler's headers are glibc's, and the C library of this target is musl"
#endif
#if defined(PROBE_GLIBC) && !defined(__GLIBC__)
#error "this compiler's headers are not glibc's, which is the C library of this target"
#endif

#if defined(PROBE_WASI) && !defined(__wasi__)
#error "this compiler does not compile for WASI"
#endif

#ifdef PROBE_GLIBC_MINOR
#if !defined(__GLIBC__) || __GLIBC__ != 2 || __GLIBC_MINOR__ > PROBE_GLIBC_MINOR
#error "this toolchain's glibc is newer than the floor that targets.toml sets with glibc = ..."
#endif
#endif

static _Thread_local int calls;

int64_t probe_sum(const int32_t *values, size_t count) {
    int32_t *copy = malloc(count * sizeof *copy + 1);
    int64_t sum = 0;
    if (copy == NULL) {
        return -1;
    }
    memcpy(copy, values, count * sizeof *copy);
    for (size_t i = 0; i < count; i++) {
        sum += copy[i];
    }
    free(copy);
    errno = 0;
    calls += 1;
    return sum + (int64_t)sqrt((double)(calls * 4));
}

#ifdef PROBE_MAIN
int main(void) {
    int32_t values[] = {30, 8, 2};
    printf("probe %d\n", (int)probe_sum(values, 3));
    return 0;
}
#endif
