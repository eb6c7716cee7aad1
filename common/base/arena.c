/* SPDX-License-Identifier: Apache-2.0 */
#include "common/base/base.h"

#include <stdalign.h>
#include <stdio.h>
#include <stdlib.h>

#define BLOCK_BYTES 4096

struct arena_block {
    struct arena_block *next;
    size_t size;
    alignas(max_align_t) uint8_t memory[];
};

void *arena_alloc(struct arena *arena, size_t size)
{
    size_t aligned =
        (size + alignof(max_align_t) - 1) / alignof(max_align_t) * alignof(max_align_t);
    assert(aligned >= size);
    if (arena->blocks == NULL || arena->used + aligned > arena->blocks->size) {
        size_t block_size = MAX(aligned, BLOCK_BYTES);
        struct arena_block *block = mem_grow(NULL, 1, sizeof(*block) + block_size);
        block->size = block_size;
        block->next = arena->blocks;
        arena->blocks = block;
        arena->used = 0;
    }
    void *memory = arena->blocks->memory + arena->used;
    arena->used += aligned;
    memset(memory, 0, aligned); /* and not the whole block, of which most users take little */
    return memory;
}

void *arena_array(struct arena *arena, size_t count, size_t size)
{
    assert(size == 0 || count <= SIZE_MAX / 2 / size);
    return arena_alloc(arena, count * size);
}

char *arena_str(struct arena *arena, const char *text)
{
    size_t len = text == NULL ? 0 : strlen(text);
    char *copy = arena_alloc(arena, len + 1);
    if (len > 0) {
        memcpy(copy, text, len);
    }
    return copy;
}

char *arena_printf(struct arena *arena, const char *format, ...)
{
    va_list args, again;
    va_start(args, format);
    va_copy(again, args);
    int len = vsnprintf(NULL, 0, format, args);
    assert(len >= 0);
    char *text = arena_alloc(arena, (size_t)len + 1);
    vsnprintf(text, (size_t)len + 1, format, again);
    va_end(again);
    va_end(args);
    return text;
}

void arena_fini(struct arena *arena)
{
    while (arena->blocks != NULL) {
        struct arena_block *next = arena->blocks->next;
        free(arena->blocks);
        arena->blocks = next;
    }
    arena->used = 0;
}
