/*
 * What the WebAssembly module has besides the component: memory for arguments, one heap, and the way to the host's
 * callbacks, since a function of the host has no address inside. Only the module has this file.
 */
#include "native.h"

#include <stdlib.h>

#define EXPORT(name) __attribute__((export_name(#name)))
#define IMPORT(name) __attribute__((import_module("host"), import_name(#name)))

IMPORT(visit) extern int32_t host_visit(int32_t value);
IMPORT(read) extern int32_t host_read(unsigned char *into, size_t length, size_t *got);
IMPORT(seek) extern int32_t host_seek(uint64_t offset);
IMPORT(size) extern int32_t host_size(uint64_t *size);
IMPORT(released) extern void host_released(const unsigned char *bytes, size_t length);

static native_heap heap = {.limit = SIZE_MAX};

/* Memory for arguments and results, which the host frees again within the same call: it is not counted. */
EXPORT(wasm_take) void *wasm_take(size_t size)
{
    return malloc(size);
}

EXPORT(wasm_give) void wasm_give(void *memory)
{
    free(memory);
}

EXPORT(wasm_heap) native_heap *wasm_heap(void)
{
    return &heap;
}

EXPORT(wasm_held_bytes) size_t wasm_held_bytes(void)
{
    return heap.bytes;
}

EXPORT(wasm_held_objects) size_t wasm_held_objects(void)
{
    return heap.blocks;
}

static int32_t visit(void *context, int32_t value)
{
    (void)context;
    return host_visit(value);
}

EXPORT(wasm_each) size_t wasm_each(const int32_t *values, size_t count)
{
    return native_each(values, count, visit, NULL);
}

static int32_t source_read(void *context, unsigned char *into, size_t length, size_t *got)
{
    (void)context;
    return host_read(into, length, got);
}

static int32_t source_seek(void *context, uint64_t offset)
{
    (void)context;
    return host_seek(offset);
}

static int32_t source_size(void *context, uint64_t *size)
{
    (void)context;
    return host_size(size);
}

EXPORT(wasm_block_read) int32_t wasm_block_read(native_block **block, uint64_t *detail)
{
    const native_source source = {NULL, source_read, source_seek, source_size};

    return native_block_read(&heap, &source, block, detail);
}

static void released(void *context, const unsigned char *bytes, size_t length)
{
    (void)context;
    host_released(bytes, length);
}

EXPORT(wasm_keeper_create) native_keeper *wasm_keeper_create(void)
{
    return native_keeper_create(&heap, released, NULL);
}
