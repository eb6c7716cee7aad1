/* SPDX-License-Identifier: Apache-2.0 */
#include "media-node/core/stream/sender_parts.h"

#include <stdlib.h>

static const uint32_t sizes[] = {
    [STREAM_AUDIO] = 128, /* 2.5 s of 20 ms frames */
    [STREAM_VIDEO] = 512, /* a second of 4 Mbit/s; SRTP accepts no older first transmissions */
};

void stream_ring_init(struct stream_ring *ring, enum stream_kind kind, uint64_t next)
{
    *ring = (struct stream_ring){.size = sizes[kind], .first = next, .next = next};
}

void stream_ring_fini(struct stream_ring *ring)
{
    free(ring->slots);
}

struct stream_slot *stream_ring_append(struct stream_ring *ring, struct stream_slot slot)
{
    if (ring->slots == NULL) {
        ring->slots = mem_array(ring->size, sizeof(*ring->slots));
    }
    struct stream_slot *at = &ring->slots[ring->next++ & (ring->size - 1)];
    *at = slot;
    return at;
}

struct stream_slot *stream_ring_get(struct stream_ring *ring, uint64_t index)
{
    if (index >= ring->next || index < ring->first || ring->next - index > ring->size) {
        return NULL;
    }
    return &ring->slots[index & (ring->size - 1)];
}

bool stream_ring_search(const struct stream_ring *ring, uint64_t low, uint64_t source,
                        uint64_t *index)
{
    if (ring->next - ring->first > ring->size) {
        low = MAX(low, ring->next - ring->size);
    }
    for (uint64_t i = low; i < ring->next; i++) {
        int32_t diff = ts_diff(ring->slots[i & (ring->size - 1)].source, (uint32_t)source);
        if (diff == 0) {
            *index = i;
            return true;
        }
        if (diff > 0) {
            return false;
        }
    }
    return false;
}

void stream_ring_void(struct stream_ring *ring, uint8_t layer)
{
    for (uint32_t i = 0; ring->slots != NULL && i < ring->size; i++) {
        if (ring->slots[i].layer == layer) {
            ring->slots[i].state = SLOT_VOID;
        }
    }
}
