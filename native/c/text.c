/* UTF-8 text. */
#include "native.h"

#include <stdlib.h>
#include <string.h>

/* A byte 10xxxxxx continues a scalar value; every other byte begins one. */
static int continues(char byte)
{
    return ((unsigned char)byte & 0xC0U) == 0x80U;
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
    /* Invariant: the scalar values of text[0, begin) fill reversed[length - begin, length). */
    for (size_t begin = 0; begin < length;) {
        size_t end = begin + 1;
        while (end < length && continues(text[end])) {
            end++;
        }
        memcpy(reversed + (length - end), text + begin, end - begin);
        begin = end;
    }
    reversed[length] = '\0';
    return reversed;
}

void native_text_free(char *text)
{
    free(text);
}
