/* SPDX-License-Identifier: Apache-2.0
 *
 * A ring begins small, and doubles whenever it would have to forget a number, up to its bound: a
 * stream of which little was sent takes little.
 */
#include "media-node/core/stream/sender_parts.h"

#include <stdlib.h>

static const uint32_t sizes[] = {
    [STREAM_AUDIO] = 128, /* 2.5 s of 20 ms frames */
    [STREAM_VIDEO] = 512, /* a second of 4 Mbit/s; SRTP accepts no older first transmissions */
};

void stream_ring_init(struct stream_ring *ring, enum stream_kind kind, uint64_t next)
{
    *ring = (struct stream_ring){.size_max = sizes[kind], .first = next, .next = next};
}

void stream_ring_fini(struct stream_ring *ring)
{
    free(ring->slots);
}

static struct stream_slot *slot_at(const struct stream_ring *ring, uint64_t index)
{
    return &ring->slots[index & (ring->size - 1)];
}

uint64_t stream_ring_oldest(const struct stream_ring *ring)
{
    return ring->next - MIN(ring->next - ring->first, (uint64_t)ring->size);
}

static void resize(struct stream_ring *ring, uint32_t size)
{
    struct stream_ring resized = *ring;
    resized.size = size;
    resized.slots = mem_array(size, sizeof(*resized.slots));
    resized.first = MAX(stream_ring_oldest(ring), stream_ring_oldest(&resized));
    for (uint64_t i = resized.first; i < ring->next; i++) {
        *slot_at(&resized, i) = *slot_at(ring, i);
    }
    free(ring->slots);
    *ring = resized;
}

struct stream_slot *stream_ring_append(struct stream_ring *ring, struct stream_slot slot)
{
    if (ring->size < ring->size_max && ring->next - ring->first == ring->size) {
        resize(ring, MAX(2 * ring->size, RING_MIN));
    }
    struct stream_slot *at = slot_at(ring, ring->next++);
    *at = slot;
    return at;
}

void stream_ring_shrink(struct stream_ring *ring)
{
    if (ring->size > RING_MIN) {
        resize(ring, RING_MIN);
    }
}

struct stream_slot *stream_ring_get(struct stream_ring *ring, uint64_t index)
{
    return index >= ring->next || index < stream_ring_oldest(ring) ? NULL : slot_at(ring, index);
}

bool stream_ring_search(const struct stream_ring *ring, uint64_t low, uint64_t source,
                        uint64_t *index)
{
    for (uint64_t i = MAX(low, stream_ring_oldest(ring)); i < ring->next; i++) {
        int32_t diff = ts_diff(slot_at(ring, i)->source, (uint32_t)source);
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
    for (uint32_t i = 0; i < ring->size; i++) {
        if (ring->slots[i].layer == layer) {
            ring->slots[i].state = SLOT_VOID;
        }
    }
}
