/* SPDX-License-Identifier: Apache-2.0
 *
 * A byte queue that grows when bytes are appended and gives its memory back when it is empty, since
 * most connections are idle most of the time.
 */
#include "common/http/private.h"

#include <stdlib.h>

#define SIZE_MIN 1024u

size_t buffer_left(const struct buffer *buffer)
{
    return buffer->len - buffer->head;
}

uint8_t *buffer_room(struct buffer *buffer, size_t len)
{
    if (buffer->cap - buffer->len < len && buffer->head > 0) {
        memmove(buffer->data, buffer->data + buffer->head, buffer_left(buffer));
        buffer->len -= buffer->head;
        buffer->head = 0;
    }
    if (buffer->cap - buffer->len < len) {
        buffer->cap = MAX(buffer->cap * 2, MAX(buffer->len + len, SIZE_MIN));
        buffer->data = mem_grow(buffer->data, buffer->cap, 1);
    }
    return buffer->data + buffer->len;
}

void buffer_append(struct buffer *buffer, const void *bytes, size_t len)
{
    if (len > 0) {
        memcpy(buffer_room(buffer, len), bytes, len);
        buffer->len += len;
    }
}

void buffer_consume(struct buffer *buffer, size_t len)
{
    assert(len <= buffer_left(buffer));
    buffer->head += len;
    if (buffer->head == buffer->len) {
        buffer_free(buffer);
    }
}

void buffer_free(struct buffer *buffer)
{
    free(buffer->data);
    *buffer = (struct buffer){0};
}
