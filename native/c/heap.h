/* How this component allocates: everything goes through a heap of the caller, which counts it. Not for users. */
#ifndef NATIVE_HEAP_H
#define NATIVE_HEAP_H

#include "native.h"

/* A new object of `size` bytes, with the alignment of malloc and undefined content; NULL if there is no memory. */
void *native_heap_take(native_heap *heap, size_t size);

/* The same, with all bytes zero. */
void *native_heap_take_zeroed(native_heap *heap, size_t size);

/* Frees an object that was taken from this heap with this size. NULL is allowed and does nothing. */
void native_heap_give(native_heap *heap, void *object, size_t size);

/* FNV-1a, 32 bits, continued from `hash`. It finds damage; it is no defence against people. */
#define NATIVE_FNV_START UINT32_C(2166136261)
uint32_t native_fnv(uint32_t hash, const unsigned char *bytes, size_t length);

#endif
