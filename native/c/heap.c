/* The caller's heap: malloc and free, counted. */
#include "heap.h"

#include <stdatomic.h>
#include <stdlib.h>

/* Adds to the count before memory is asked for, so that two threads cannot pass the limit together. */
static int reserve(native_heap *heap, size_t size)
{
    size_t held = atomic_load_explicit(&heap->bytes, memory_order_relaxed);

    do {
        if (size > heap->limit || held > heap->limit - size) {
            return 0;
        }
    } while (!atomic_compare_exchange_weak_explicit(&heap->bytes, &held, held + size, memory_order_relaxed,
                                                    memory_order_relaxed));
    atomic_fetch_add_explicit(&heap->blocks, 1, memory_order_relaxed);
    return 1;
}

static void unreserve(native_heap *heap, size_t size)
{
    atomic_fetch_sub_explicit(&heap->bytes, size, memory_order_relaxed);
    atomic_fetch_sub_explicit(&heap->blocks, 1, memory_order_relaxed);
}

/* malloc(0) may return NULL, which would look like a failure: an empty object has one byte. */
static size_t at_least_one(size_t size)
{
    return size == 0 ? 1 : size;
}

void *native_heap_take(native_heap *heap, size_t size)
{
    if (!reserve(heap, size)) {
        return NULL;
    }
    void *const object = malloc(at_least_one(size));
    if (object == NULL) {
        unreserve(heap, size);
    }
    return object;
}

void *native_heap_take_zeroed(native_heap *heap, size_t size)
{
    if (!reserve(heap, size)) {
        return NULL;
    }
    void *const object = calloc(at_least_one(size), 1);
    if (object == NULL) {
        unreserve(heap, size);
    }
    return object;
}

void native_heap_give(native_heap *heap, void *object, size_t size)
{
    if (object != NULL) {
        unreserve(heap, size);
        free(object);
    }
}

uint32_t native_fnv(uint32_t hash, const unsigned char *bytes, size_t length)
{
    for (size_t i = 0; i < length; i++) {
        hash = (hash ^ bytes[i]) * UINT32_C(16777619);
    }
    return hash;
}
