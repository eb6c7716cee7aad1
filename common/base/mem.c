/* SPDX-License-Identifier: Apache-2.0 */
#include "common/base/base.h"

#include <stdlib.h>

static void *checked(void *memory)
{
    if (memory == NULL) {
        abort();
    }
    return memory;
}

void *mem_alloc(size_t size)
{
    return checked(calloc(1, size == 0 ? 1 : size));
}

void *mem_array(size_t count, size_t size)
{
    return checked(calloc(count == 0 ? 1 : count, size));
}

void *mem_grow(void *old, size_t count, size_t size)
{
    return checked(reallocarray(old, count == 0 ? 1 : count, size));
}

char *mem_str(const char *text)
{
    return checked(strdup(text == NULL ? "" : text));
}

void *mem_copy(const void *bytes, size_t len)
{
    uint8_t *copy = mem_alloc(len + 1);
    if (len > 0) {
        memcpy(copy, bytes, len);
    }
    return copy;
}
