/*
 * The C component. C11, no global state, no thread-local state, no I/O of its own.
 *
 * Rules that hold for every function:
 *   - Sizes and counts are size_t, in elements of the pointed-to type.
 *   - A pointer that comes with a count may be anything but NULL where the count is 0; it is not read then. All other
 *     pointers point to objects of their type; NULL is allowed where a function says so.
 *   - Every function may be called from any thread, at the same time, as long as no two calls touch the same object and
 *     one of them changes it. A heap may be shared by all threads.
 *   - No input that keeps the rules stated at the function leads to undefined behaviour; in particular all integer
 *     arithmetic wraps.
 *   - What went wrong is the result of the call (enum native_code, and a detail through a pointer). Nothing has to be
 *     asked afterwards, so nothing can be asked on the wrong thread.
 *   - Memory comes from the caller's native_heap and is counted there. An object that has a function to free it is freed
 *     by that function, once; everything else is borrowed.
 *   - A callback must return: it may not unwind, throw or longjmp over this component.
 */
#ifndef NATIVE_H
#define NATIVE_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
#include <atomic>
typedef std::atomic<size_t> native_atomic_size;
extern "C" {
#else
typedef _Atomic size_t native_atomic_size;
#endif

/* What a shared library shows; everything else in it is hidden. */
#if defined(_WIN32) && defined(NATIVE_SHARED)
#define NATIVE_API __declspec(dllexport)
#elif defined(NATIVE_SHARED)
#define NATIVE_API __attribute__((visibility("default")))
#else
#define NATIVE_API
#endif

/* --- version ------------------------------------------------------------------------------------------------------ */

/* Changes with every change of a signature, a layout or a meaning in this file. */
#define NATIVE_ABI_VERSION UINT32_C(1)

/* NATIVE_ABI_VERSION of the compiled component: what a program that finds it at run time asks first. */
NATIVE_API uint32_t native_abi_version(void);

/* Returns its argument: what it costs to come here and go back. */
NATIVE_API int32_t native_echo(int32_t value);

/* --- errors ------------------------------------------------------------------------------------------------------- */

enum native_code {
    NATIVE_OK = 0,
    NATIVE_NO_MEMORY = 1,
    NATIVE_INVALID_UTF8 = 2,  /* detail: offset of the first byte that is no part of a scalar value */
    NATIVE_EMBEDDED_NUL = 3,  /* detail: its offset */
    NATIVE_BAD_AGE = 4,       /* above NATIVE_MAX_AGE */
    NATIVE_BAD_SALARY = 5,    /* negative, infinite or NaN */
    NATIVE_IO = 6,            /* a function of native_source failed: what happened is known there */
    NATIVE_TRUNCATED = 7,     /* detail: offset at which the source ended, before the size that it stated */
    NATIVE_NOT_A_BLOCK = 8,
    NATIVE_OTHER_VERSION = 9, /* detail: the version */
    NATIVE_TOO_LARGE = 10,    /* detail: the length that is over NATIVE_MAX_BLOCK */
    NATIVE_DAMAGED = 11       /* detail: offset of the entry or the field that cannot be */
};

/* --- heap --------------------------------------------------------------------------------------------------------- */

/* Counts what this component holds for one caller. It must outlive every object made with it. */
typedef struct native_heap {
    native_atomic_size bytes;  /* held now, as asked for: without what malloc adds */
    native_atomic_size blocks; /* the number of objects held now */
    size_t limit;              /* `bytes` never goes above; SIZE_MAX for no limit */
} native_heap;

/* --- numbers ------------------------------------------------------------------------------------------------------ */

/*
 * The sum of a[i] * b[i] for i in [0, count).
 *
 * The order of the additions is part of the contract, so that every implementation gives the same bits: eight lanes
 * start at +0.0; the product of element i, rounded to double, is added to lane i % 8, in ascending i; at the end
 * ((l0 + l4) + (l2 + l6)) + ((l1 + l5) + (l3 + l7)). No fused multiply-add. The result is never -0.0. Which NaN comes
 * back, where one does, is not specified.
 */
NATIVE_API double native_dot_product(const double *a, const double *b, size_t count);

/*
 * Multiplies every element by two, in place, modulo 2^32 (two's complement).
 */
NATIVE_API void native_double_array(int32_t *values, size_t count);

/*
 * The sum of the elements. It cannot overflow for up to 2^32 elements (16 GiB); beyond that it is modulo 2^64.
 */
NATIVE_API long long native_sum_array(const int32_t *values, size_t count);

/*
 * Calls `visit` with each element in order, until it returns something other than 0. Returns how often it was called.
 * `context` is passed through and never touched.
 */
typedef int32_t (*native_visit)(void *context, int32_t value);
NATIVE_API size_t native_each(const int32_t *values, size_t count, native_visit visit, void *context);

/* --- text --------------------------------------------------------------------------------------------------------- */

/*
 * A new text with the scalar values of `text` in reverse order: `length` bytes, then a NUL that does not count. `text`
 * is UTF-8, may hold NULs and needs no NUL at its end. Where it is valid UTF-8, so is the result. Where it is not, the
 * result is some arrangement of the same bytes.
 *
 * Returns NULL if there is no memory. The caller owns the result and gives it back to native_text_free, once.
 */
NATIVE_API char *native_reverse_string(native_heap *heap, const char *text, size_t length);

/*
 * Frees a text of `length` bytes that came from native_reverse_string with this heap. NULL is allowed and does nothing.
 */
NATIVE_API void native_text_free(native_heap *heap, char *text, size_t length);

/* A text somewhere else. */
typedef struct native_slice {
    const char *start;
    size_t length;
} native_slice;

/* Many texts in one piece of memory. */
typedef struct native_batch native_batch;

/*
 * native_reverse_string for `count` texts in one call. Returns NULL if there is no memory, else an object that the
 * caller gives back to native_batch_free, once.
 */
NATIVE_API native_batch *native_reverse_batch(native_heap *heap, const native_slice *texts, size_t count);

/* The bytes of all texts, one after the other. */
NATIVE_API const char *native_batch_bytes(const native_batch *batch);

/* `count` numbers: the end of each text within these bytes. A text begins where the one before it ends. */
NATIVE_API const size_t *native_batch_ends(const native_batch *batch);

/* NULL is allowed and does nothing. */
NATIVE_API void native_batch_free(native_batch *batch);

/* --- the record --------------------------------------------------------------------------------------------------- */

#define NATIVE_MAX_AGE UINT32_C(150)

typedef struct native_person native_person;

/* What a person is made from. */
typedef struct native_person_spec {
    const char *name; /* UTF-8 of `length` bytes, without a NUL among them; it is copied */
    size_t length;
    uint32_t age;  /* in years, at most NATIVE_MAX_AGE */
    double salary; /* not negative, finite */
} native_person_spec;

/*
 * Makes a person. NATIVE_OK: *person is a new object that the caller gives back to native_person_free, once. Otherwise
 * NATIVE_INVALID_UTF8 or NATIVE_EMBEDDED_NUL (whichever comes first in the name), else NATIVE_BAD_AGE, else
 * NATIVE_BAD_SALARY, else NATIVE_NO_MEMORY; nothing is left behind.
 */
NATIVE_API int32_t native_person_create(native_heap *heap, const native_person_spec *spec, native_person **person,
                                        uint64_t *detail);

/*
 * Makes `count` persons in one call: all or none. If one cannot be made, the result says why, and *index which.
 */
NATIVE_API int32_t native_people_create(native_heap *heap, const native_person_spec *specs, size_t count,
                                        native_person **people, size_t *index, uint64_t *detail);

/* The name, which has *length bytes and a NUL after them; it lives as long as the person. */
NATIVE_API const char *native_person_name(const native_person *person, size_t *length);
NATIVE_API uint32_t native_person_age(const native_person *person);
NATIVE_API double native_person_salary(const native_person *person);

/* NATIVE_OK or NATIVE_BAD_SALARY, which changes nothing. */
NATIVE_API int32_t native_person_set_salary(native_person *person, double salary);

/* NULL is allowed and does nothing. */
NATIVE_API void native_person_free(native_person *person);

/* --- blocks of sorted keys ---------------------------------------------------------------------------------------- */

/*
 * Where a block is read from. Each function returns 0, or anything else if it failed, which ends the reading with
 * NATIVE_IO.
 */
typedef struct native_source {
    void *context;
    /* Reads up to `length` bytes, at least one unless the source has ended, and stores their number, at most `length`,
       in *got. The memory is initialised. */
    int32_t (*read)(void *context, unsigned char *into, size_t length, size_t *got);
    /* The next read begins at `offset`. */
    int32_t (*seek)(void *context, uint64_t offset);
    /* Stores the size of the whole source in *size. */
    int32_t (*size)(void *context, uint64_t *size);
} native_source;

/*
 * A block is a sequence of entries in strictly ascending order of keys (bytes as unsigned numbers, a prefix before what
 * continues it), then a trailer. All numbers are little-endian.
 *
 *   entry    u16 bytes that the key shares with the one before it   u16 bytes of its rest   u32 bytes of the value
 *            then the rest of the key, then the value. A key has at most 65535 bytes.
 *   trailer  u64 bytes of all entries   u32 number of entries   u32 FNV-1a of the bytes of all entries
 *            u32 version, which is 1    "NBLK"
 */
typedef struct native_block native_block;

#define NATIVE_MAX_BLOCK (UINT64_C(256) << 20)

/*
 * Reads a block into memory and checks every entry. NATIVE_OK: *block is a new object that the caller gives back to
 * native_block_free, once, after every cursor in it. Otherwise NATIVE_IO, NATIVE_TRUNCATED, NATIVE_NOT_A_BLOCK,
 * NATIVE_OTHER_VERSION, NATIVE_TOO_LARGE, NATIVE_DAMAGED or NATIVE_NO_MEMORY; nothing is left behind.
 */
NATIVE_API int32_t native_block_read(native_heap *heap, const native_source *source, native_block **block,
                                     uint64_t *detail);

/* The number of entries. */
NATIVE_API uint32_t native_block_count(const native_block *block);

/* NULL is allowed and does nothing. */
NATIVE_API void native_block_free(native_block *block);

/* A place in a block, before its first entry at the beginning. It borrows the block. */
typedef struct native_cursor native_cursor;

typedef struct native_entry {
    const unsigned char *key; /* in the cursor: the next call changes it */
    size_t key_length;
    const unsigned char *value; /* in the block */
    size_t value_length;
} native_entry;

/* Returns NULL if there is no memory. The caller gives the cursor back to native_cursor_free, once. */
NATIVE_API native_cursor *native_cursor_create(const native_block *block);

/* Goes to the next entry and shows it. Returns 0 if there is none, else 1. */
NATIVE_API int32_t native_cursor_next(native_cursor *cursor, native_entry *entry);

/* NULL is allowed and does nothing. */
NATIVE_API void native_cursor_free(native_cursor *cursor);

/* --- buffers that C keeps ----------------------------------------------------------------------------------------- */

/* Memory that this component allocated, so that it may keep it. */
typedef struct native_buffer native_buffer;

/* `length` bytes of zero. Returns NULL if there is no memory. */
NATIVE_API native_buffer *native_buffer_create(native_heap *heap, size_t length);

/* Where its bytes are, and how many. */
NATIVE_API unsigned char *native_buffer_bytes(native_buffer *buffer, size_t *length);

/* NULL is allowed and does nothing. */
NATIVE_API void native_buffer_free(native_buffer *buffer);

/* Keeps buffers across calls, and tells `released` about each one that it frees, before it does. */
typedef struct native_keeper native_keeper;
typedef void (*native_released)(void *context, const unsigned char *bytes, size_t length);

/*
 * A keeper of nothing yet. `context` is kept, passed through and never touched. `released` may not use the keeper.
 * Returns NULL if there is no memory.
 */
NATIVE_API native_keeper *native_keeper_create(native_heap *heap, native_released released, void *context);

/* Takes ownership of the buffer, which must come from the keeper's heap. It cannot fail. */
NATIVE_API void native_keeper_keep(native_keeper *keeper, native_buffer *buffer);

/* The number of buffers kept. */
NATIVE_API size_t native_keeper_count(const native_keeper *keeper);

/* FNV-1a of the bytes of all buffers kept, the newest first. */
NATIVE_API uint32_t native_keeper_hash(const native_keeper *keeper);

/* The newest buffer, which stays the keeper's; NULL if there is none. */
NATIVE_API native_buffer *native_keeper_newest(const native_keeper *keeper);

/* Gives the newest buffer back to the caller, without a word to `released`; NULL if there is none. */
NATIVE_API native_buffer *native_keeper_take(native_keeper *keeper);

/* Frees the newest buffer. Returns 0 if there is none, else 1. */
NATIVE_API int32_t native_keeper_release(native_keeper *keeper);

/* Frees all buffers, the newest first, then the keeper. NULL is allowed and does nothing. */
NATIVE_API void native_keeper_free(native_keeper *keeper);

#ifdef __cplusplus
}
#endif

#endif
