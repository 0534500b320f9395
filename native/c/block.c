/* Reading a block through the caller's functions. Nothing in it is trusted. */
#include "block.h"

#include <string.h>

enum { TRAILER = 24, MAX_KEY = 65535 };

/* Reads exactly `length` bytes; `offset` is where they begin in the source. */
static int32_t read_all(const native_source *source, uint64_t offset, unsigned char *into, size_t length,
                        uint64_t *detail)
{
    if (source->seek(source->context, offset) != 0) {
        return NATIVE_IO;
    }
    for (size_t done = 0; done < length;) {
        size_t got = 0;
        if (source->read(source->context, into + done, length - done, &got) != 0 || got > length - done) {
            return NATIVE_IO;
        }
        if (got == 0) {
            *detail = offset + done;
            return NATIVE_TRUNCATED;
        }
        done += got;
    }
    return NATIVE_OK;
}

/* Whether the key that shares `shared` bytes with the one before and continues with `rest` comes after it. */
static int ascends(const unsigned char *before, size_t before_length, size_t shared, const unsigned char *rest,
                   size_t rest_length)
{
    const size_t before_rest = before_length - shared;
    const size_t common = before_rest < rest_length ? before_rest : rest_length;
    const int order = common == 0 ? 0 : memcmp(before + shared, rest, common);

    return order < 0 || (order == 0 && before_rest < rest_length);
}

/* Walks all entries; `key` has room for MAX_KEY bytes. */
static int32_t check_entries(native_block *block, unsigned char *key, uint64_t *detail)
{
    size_t key_length = 0;
    uint32_t count = 0;

    for (size_t at = 0; at < block->length; count++) {
        const size_t left = block->length - at;
        const unsigned char *const entry = block->entries + at;
        *detail = at;
        if (left < NATIVE_ENTRY_HEAD) {
            return NATIVE_DAMAGED;
        }
        const size_t shared = native_u16(entry);
        const size_t rest = native_u16(entry + 2);
        const size_t value = native_u32(entry + 4);
        /* Subtracted one by one, so that no sum can wrap where size_t has 32 bits. */
        if (rest > left - NATIVE_ENTRY_HEAD || value > left - NATIVE_ENTRY_HEAD - rest) {
            return NATIVE_DAMAGED;
        }
        if (shared > key_length || shared + rest > MAX_KEY || count == UINT32_MAX) {
            return NATIVE_DAMAGED;
        }
        if (count > 0 && !ascends(key, key_length, shared, entry + NATIVE_ENTRY_HEAD, rest)) {
            return NATIVE_DAMAGED;
        }
        if (rest > 0) {
            memcpy(key + shared, entry + NATIVE_ENTRY_HEAD, rest);
        }
        key_length = shared + rest;
        block->longest = key_length > block->longest ? key_length : block->longest;
        at += NATIVE_ENTRY_HEAD + rest + value;
    }
    *detail = block->length + 8;
    return count == block->count ? NATIVE_OK : NATIVE_DAMAGED;
}

int32_t native_block_read(native_heap *heap, const native_source *source, native_block **block, uint64_t *detail)
{
    static const unsigned char magic[4] = {'N', 'B', 'L', 'K'};
    unsigned char trailer[TRAILER] = {0};
    unsigned char *key = NULL;
    native_block *made = NULL;
    uint64_t size = 0;
    int32_t code;

    if (source->size(source->context, &size) != 0) {
        return NATIVE_IO;
    }
    if (size < TRAILER) {
        return NATIVE_NOT_A_BLOCK;
    }
    code = read_all(source, size - TRAILER, trailer, TRAILER, detail);
    if (code != NATIVE_OK) {
        return code;
    }
    if (memcmp(trailer + 20, magic, sizeof magic) != 0) {
        return NATIVE_NOT_A_BLOCK;
    }
    if (native_u32(trailer + 16) != 1) {
        *detail = native_u32(trailer + 16);
        return NATIVE_OTHER_VERSION;
    }
    const uint64_t length = (uint64_t)native_u32(trailer) | (uint64_t)native_u32(trailer + 4) << 32;
    if (length != size - TRAILER) {
        *detail = size - TRAILER;
        return NATIVE_DAMAGED;
    }
    if (length > NATIVE_MAX_BLOCK) {
        *detail = length;
        return NATIVE_TOO_LARGE;
    }
    made = native_heap_take_zeroed(heap, sizeof *made + (size_t)length);
    if (made == NULL) {
        return NATIVE_NO_MEMORY;
    }
    made->heap = heap;
    made->length = (size_t)length;
    made->count = native_u32(trailer + 8);
    code = read_all(source, 0, made->entries, made->length, detail);
    if (code != NATIVE_OK) {
        goto bad_block;
    }
    if (native_fnv(NATIVE_FNV_START, made->entries, made->length) != native_u32(trailer + 12)) {
        *detail = length + 12;
        code = NATIVE_DAMAGED;
        goto bad_block;
    }
    key = native_heap_take(heap, MAX_KEY);
    if (key == NULL) {
        code = NATIVE_NO_MEMORY;
        goto bad_block;
    }
    code = check_entries(made, key, detail);
    native_heap_give(heap, key, MAX_KEY);
    if (code != NATIVE_OK) {
        goto bad_block;
    }
    *block = made;
    return NATIVE_OK;

bad_block:
    native_block_free(made);
    return code;
}

uint32_t native_block_count(const native_block *block)
{
    return block->count;
}

void native_block_free(native_block *block)
{
    if (block != NULL) {
        native_heap_give(block->heap, block, sizeof *block + block->length);
    }
}
