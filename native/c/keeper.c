/* Buffers that stay after the call: this component allocates them, so it may. */
#include "heap.h"

struct native_buffer {
    native_heap *heap;
    native_buffer *older; /* the next one in a keeper's list */
    size_t length;
    unsigned char bytes[];
};

struct native_keeper {
    native_heap *heap;
    native_buffer *newest;
    size_t count;
    native_released released;
    void *context;
};

native_buffer *native_buffer_create(native_heap *heap, size_t length)
{
    if (length > SIZE_MAX - sizeof(native_buffer)) {
        return NULL;
    }
    native_buffer *const buffer = native_heap_take_zeroed(heap, sizeof *buffer + length);
    if (buffer != NULL) {
        buffer->heap = heap;
        buffer->length = length;
    }
    return buffer;
}

unsigned char *native_buffer_bytes(native_buffer *buffer, size_t *length)
{
    *length = buffer->length;
    return buffer->bytes;
}

void native_buffer_free(native_buffer *buffer)
{
    if (buffer != NULL) {
        native_heap_give(buffer->heap, buffer, sizeof *buffer + buffer->length);
    }
}

native_keeper *native_keeper_create(native_heap *heap, native_released released, void *context)
{
    native_keeper *const keeper = native_heap_take_zeroed(heap, sizeof *keeper);

    if (keeper != NULL) {
        keeper->heap = heap;
        keeper->released = released;
        keeper->context = context;
    }
    return keeper;
}

void native_keeper_keep(native_keeper *keeper, native_buffer *buffer)
{
    buffer->older = keeper->newest;
    keeper->newest = buffer;
    keeper->count++;
}

size_t native_keeper_count(const native_keeper *keeper)
{
    return keeper->count;
}

uint32_t native_keeper_hash(const native_keeper *keeper)
{
    uint32_t hash = NATIVE_FNV_START;

    for (const native_buffer *buffer = keeper->newest; buffer != NULL; buffer = buffer->older) {
        hash = native_fnv(hash, buffer->bytes, buffer->length);
    }
    return hash;
}

native_buffer *native_keeper_newest(const native_keeper *keeper)
{
    return keeper->newest;
}

native_buffer *native_keeper_take(native_keeper *keeper)
{
    native_buffer *const buffer = keeper->newest;

    if (buffer != NULL) {
        keeper->newest = buffer->older;
        keeper->count--;
        buffer->older = NULL;
    }
    return buffer;
}

int32_t native_keeper_release(native_keeper *keeper)
{
    native_buffer *const buffer = native_keeper_take(keeper);

    if (buffer == NULL) {
        return 0;
    }
    keeper->released(keeper->context, buffer->bytes, buffer->length);
    native_buffer_free(buffer);
    return 1;
}

void native_keeper_free(native_keeper *keeper)
{
    if (keeper != NULL) {
        while (native_keeper_release(keeper) != 0) {
        }
        native_heap_give(keeper->heap, keeper, sizeof *keeper);
    }
}
