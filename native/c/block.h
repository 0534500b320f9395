/* The block in memory, as its reader and its cursor see it. Not for users. */
#ifndef NATIVE_BLOCK_H
#define NATIVE_BLOCK_H

#include "heap.h"

struct native_block {
    native_heap *heap;
    size_t length;   /* of all entries, in bytes */
    size_t longest;  /* key, in bytes */
    uint32_t count;  /* of entries */
    unsigned char entries[];
};

struct native_cursor {
    const native_block *block;
    size_t at;          /* offset of the next entry */
    size_t key_length;  /* of the key in `key` */
    unsigned char key[]; /* room for block->longest bytes */
};

/* An entry's fields before the key. */
enum { NATIVE_ENTRY_HEAD = 8 };

static inline uint32_t native_u16(const unsigned char *bytes)
{
    return (uint32_t)bytes[0] | (uint32_t)bytes[1] << 8;
}

static inline uint32_t native_u32(const unsigned char *bytes)
{
    return native_u16(bytes) | native_u16(bytes + 2) << 16;
}

#endif
