/* Walking through a block that its reader has checked: nothing here can go wrong any more. */
#include "block.h"

#include <string.h>

native_cursor *native_cursor_create(const native_block *block)
{
    native_cursor *const cursor = native_heap_take(block->heap, sizeof *cursor + block->longest);

    if (cursor != NULL) {
        cursor->block = block;
        cursor->at = 0;
        cursor->key_length = 0;
    }
    return cursor;
}

int32_t native_cursor_next(native_cursor *cursor, native_entry *entry)
{
    const native_block *const block = cursor->block;

    if (cursor->at == block->length) {
        return 0;
    }
    const unsigned char *const here = block->entries + cursor->at;
    const size_t shared = native_u16(here);
    const size_t rest = native_u16(here + 2);
    const size_t value = native_u32(here + 4);
    if (rest > 0) {
        memcpy(cursor->key + shared, here + NATIVE_ENTRY_HEAD, rest);
    }
    cursor->key_length = shared + rest;
    cursor->at += NATIVE_ENTRY_HEAD + rest + value;
    entry->key = cursor->key;
    entry->key_length = cursor->key_length;
    entry->value = here + NATIVE_ENTRY_HEAD + rest;
    entry->value_length = value;
    return 1;
}

void native_cursor_free(native_cursor *cursor)
{
    if (cursor != NULL) {
        native_heap_give(cursor->block->heap, cursor, sizeof *cursor + cursor->block->longest);
    }
}
