/* UTF-8 text. */
#include "native.h"

#include <stdlib.h>

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

char *native_reverse_string(const char *text, size_t length)
{
    if (length == SIZE_MAX) {
        return NULL;
    }
    char *const reversed = malloc(length + 1);
    if (reversed == NULL) {
        return NULL;
    }
    /* All bytes in reverse order first: that is the result already, but for the order within a scalar value. */
    for (size_t i = 0; i < length; i++) {
        reversed[i] = text[length - 1 - i];
    }
    /* Now a scalar value's continuation bytes, last one first, stand before the byte that begins it. */
    for (size_t begin = 0; begin < length;) {
        size_t last = begin;
        while (last + 1 < length && continues(reversed[last])) {
            last++;
        }
        reverse_bytes(reversed, begin, last);
        begin = last + 1;
    }
    reversed[length] = '\0';
    return reversed;
}

void native_text_free(char *text)
{
    free(text);
}
