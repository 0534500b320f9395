/* UTF-8 text. */
#include "heap.h"

/* A byte 10xxxxxx continues a scalar value; every other byte begins one. */
static int continues(char byte)
{
    return ((unsigned char)byte & 0xC0U) == 0x80U;
}

/* Reverses text[first, last], both inclusive. */
static void reverse_bytes(char *text, size_t first, size_t last)
{
    while (first < last) {
        const char byte = text[first];
        text[first++] = text[last];
        text[last--] = byte;
    }
}

/* Writes the scalar values of text[0, length) to `into` in reverse order; the two do not overlap. */
static void reverse_into(char *into, const char *text, size_t length)
{
    /* All bytes in reverse order first: that is the result already, but for the order within a scalar value. */
    for (size_t i = 0; i < length; i++) {
        into[i] = text[length - 1 - i];
    }
    /* Now a scalar value's continuation bytes, last one first, stand before the byte that begins it. */
    for (size_t begin = 0; begin < length;) {
        size_t last = begin;
        while (last + 1 < length && continues(into[last])) {
            last++;
        }
        reverse_bytes(into, begin, last);
        begin = last + 1;
    }
}

char *native_reverse_string(native_heap *heap, const char *text, size_t length)
{
    if (length == SIZE_MAX) {
        return NULL;
    }
    char *const reversed = native_heap_take(heap, length + 1);
    if (reversed != NULL) {
        reverse_into(reversed, text, length);
        reversed[length] = '\0';
    }
    return reversed;
}

void native_text_free(native_heap *heap, char *text, size_t length)
{
    native_heap_give(heap, text, length + 1);
}

struct native_batch {
    native_heap *heap;
    size_t size;  /* of this object, in bytes */
    size_t count; /* of texts */
    size_t ends[];
};

native_batch *native_reverse_batch(native_heap *heap, const native_slice *texts, size_t count)
{
    if (count > (SIZE_MAX - sizeof(native_batch)) / sizeof(size_t)) {
        return NULL;
    }
    size_t size = sizeof(native_batch) + count * sizeof(size_t);
    for (size_t i = 0; i < count; i++) {
        if (texts[i].length > SIZE_MAX - size) {
            return NULL;
        }
        size += texts[i].length;
    }
    native_batch *const batch = native_heap_take(heap, size);
    if (batch == NULL) {
        return NULL;
    }
    batch->heap = heap;
    batch->size = size;
    batch->count = count;
    char *const bytes = (char *)(batch->ends + count);
    size_t end = 0;
    for (size_t i = 0; i < count; i++) {
        reverse_into(bytes + end, texts[i].start, texts[i].length);
        end += texts[i].length;
        batch->ends[i] = end;
    }
    return batch;
}

const char *native_batch_bytes(const native_batch *batch)
{
    return (const char *)(batch->ends + batch->count);
}

const size_t *native_batch_ends(const native_batch *batch)
{
    return batch->ends;
}

void native_batch_free(native_batch *batch)
{
    if (batch != NULL) {
        native_heap_give(batch->heap, batch, batch->size);
    }
}
