/* SPDX-License-Identifier: Apache-2.0 */
#include "orchestrator/shell/datagrams/datagrams.h"

#include <stdlib.h>

#define CAPACITY_MIN 2048 /* one full datagram, or a handshake flight */

static void reserve(struct datagrams *queue, size_t more)
{
    size_t needed = queue->used + more;
    if (needed <= queue->capacity)
        return;
    queue->capacity = MAX(MAX(needed, 2 * queue->capacity), CAPACITY_MIN);
    queue->bytes = mem_grow(queue->bytes, queue->capacity, 1);
}

bool datagrams_push(struct datagrams *queue, struct bytes datagram)
{
    if (queue->count == DATAGRAMS_MAX || datagram.len > UINT16_MAX)
        return false;
    uint16_t len = (uint16_t)datagram.len;
    reserve(queue, sizeof(len) + datagram.len);
    memcpy(queue->bytes + queue->used, &len, sizeof(len));
    if (len > 0)
        memcpy(queue->bytes + queue->used + sizeof(len), datagram.data, len);
    queue->used += sizeof(len) + len;
    queue->count++;
    return true;
}

size_t datagrams_view(const struct datagrams *queue, struct bytes out[DATAGRAMS_MAX])
{
    const uint8_t *at = queue->bytes;
    for (size_t i = 0; i < queue->count; i++) {
        uint16_t len;
        memcpy(&len, at, sizeof(len));
        out[i] = (struct bytes){at + sizeof(len), len};
        at += sizeof(len) + len;
    }
    return queue->count;
}

void datagrams_clear(struct datagrams *queue)
{
    free(queue->bytes);
    *queue = (struct datagrams){0};
}
