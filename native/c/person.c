/* The record: a person with a name, an age and a salary. */
#include "heap.h"

#include <string.h>

struct native_person {
    native_heap *heap;
    char *name; /* its own object: `length` bytes and a NUL */
    size_t length;
    uint32_t age;
    double salary;
};

/* The number of bytes, 1 to 4, of the scalar value at text[0], of which `left` > 0 bytes remain; 0 if there is none.
   The ranges are those of the Unicode Standard's table of well-formed byte sequences. */
static size_t scalar_value(const unsigned char *text, size_t left)
{
    const unsigned char first = text[0];
    unsigned char low = 0x80;
    unsigned char high = 0xBF;
    size_t length;

    if (first < 0x80) {
        return 1;
    }
    if (first >= 0xC2 && first <= 0xDF) {
        length = 2;
    } else if (first >= 0xE0 && first <= 0xEF) {
        length = 3;
        low = first == 0xE0 ? 0xA0 : low;   /* below that: longer than it need be */
        high = first == 0xED ? 0x9F : high; /* above that: a surrogate */
    } else if (first >= 0xF0 && first <= 0xF4) {
        length = 4;
        low = first == 0xF0 ? 0x90 : low;
        high = first == 0xF4 ? 0x8F : high; /* above that: beyond U+10FFFF */
    } else {
        return 0;
    }
    if (left < length || text[1] < low || text[1] > high) {
        return 0;
    }
    for (size_t i = 2; i < length; i++) {
        if ((text[i] & 0xC0U) != 0x80U) {
            return 0;
        }
    }
    return length;
}

static int32_t check_name(const char *name, size_t length, uint64_t *detail)
{
    const unsigned char *const text = (const unsigned char *)name;

    for (size_t at = 0; at < length;) {
        const size_t step = scalar_value(text + at, length - at);
        if (step == 0 || text[at] == 0) {
            *detail = at;
            return step == 0 ? NATIVE_INVALID_UTF8 : NATIVE_EMBEDDED_NUL;
        }
        at += step;
    }
    return NATIVE_OK;
}

/* Infinity minus itself is NaN, which is equal to nothing. */
static int good_salary(double salary)
{
    return salary >= 0.0 && salary - salary == 0.0;
}

int32_t native_person_create(native_heap *heap, const native_person_spec *spec, native_person **person,
                             uint64_t *detail)
{
    int32_t code = check_name(spec->name, spec->length, detail);
    native_person *made = NULL;

    if (code != NATIVE_OK) {
        return code;
    }
    if (spec->age > NATIVE_MAX_AGE) {
        return NATIVE_BAD_AGE;
    }
    if (!good_salary(spec->salary)) {
        return NATIVE_BAD_SALARY;
    }
    code = NATIVE_NO_MEMORY;
    if (spec->length == SIZE_MAX) {
        return code;
    }
    made = native_heap_take(heap, sizeof *made);
    if (made == NULL) {
        return code;
    }
    made->heap = heap;
    made->length = spec->length;
    made->age = spec->age;
    made->salary = spec->salary;
    made->name = native_heap_take(heap, spec->length + 1);
    if (made->name == NULL) {
        goto no_name;
    }
    if (spec->length > 0) {
        memcpy(made->name, spec->name, spec->length);
    }
    made->name[spec->length] = '\0';
    *person = made;
    return NATIVE_OK;

no_name:
    native_heap_give(heap, made, sizeof *made);
    return code;
}

int32_t native_people_create(native_heap *heap, const native_person_spec *specs, size_t count,
                             native_person **people, size_t *index, uint64_t *detail)
{
    for (size_t i = 0; i < count; i++) {
        const int32_t code = native_person_create(heap, &specs[i], &people[i], detail);
        if (code != NATIVE_OK) {
            *index = i;
            while (i > 0) {
                native_person_free(people[--i]);
            }
            return code;
        }
    }
    return NATIVE_OK;
}

const char *native_person_name(const native_person *person, size_t *length)
{
    *length = person->length;
    return person->name;
}

uint32_t native_person_age(const native_person *person)
{
    return person->age;
}

double native_person_salary(const native_person *person)
{
    return person->salary;
}

int32_t native_person_set_salary(native_person *person, double salary)
{
    if (!good_salary(salary)) {
        return NATIVE_BAD_SALARY;
    }
    person->salary = salary;
    return NATIVE_OK;
}

void native_person_free(native_person *person)
{
    if (person != NULL) {
        native_heap *const heap = person->heap;
        native_heap_give(heap, person->name, person->length + 1);
        native_heap_give(heap, person, sizeof *person);
    }
}
