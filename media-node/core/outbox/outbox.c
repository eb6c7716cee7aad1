/* SPDX-License-Identifier: Apache-2.0 */
#include "media-node/core/outbox/outbox.h"

#include <stdlib.h>

struct slot {
    struct ice_path path;
    size_t len;
};

struct outbox {
    struct slot *slots;
    uint8_t *bytes; /* capacity * OUTBOX_PACKET_MAX */
    size_t capacity;
    size_t filled; /* slots committed since the last drain */
    size_t polled; /* of these, handed out */
    uint64_t overflows;
    bool reserved;
};

struct outbox *outbox_new(size_t slots)
{
    assert(slots >= 1 && slots <= 65536);
    struct outbox *outbox = mem_alloc(sizeof(*outbox));
    outbox->slots = mem_array(slots, sizeof(*outbox->slots));
    outbox->bytes = mem_array(slots, OUTBOX_PACKET_MAX);
    outbox->capacity = slots;
    return outbox;
}

void outbox_free(struct outbox *outbox)
{
    free(outbox->slots);
    free(outbox->bytes);
    free(outbox);
}

/* Handed-out bytes stay valid until here: the first write after everything was polled. */
static void rewind_if_drained(struct outbox *outbox)
{
    if (outbox->polled == outbox->filled) {
        outbox->polled = 0;
        outbox->filled = 0;
    }
}

uint8_t *outbox_reserve(struct outbox *outbox)
{
    rewind_if_drained(outbox);
    if (outbox->filled == outbox->capacity) {
        outbox->overflows++;
        return NULL;
    }
    outbox->reserved = true;
    return outbox->bytes + outbox->filled * OUTBOX_PACKET_MAX;
}

void outbox_commit(struct outbox *outbox, const struct ice_path *path, size_t len)
{
    assert(outbox->reserved);
    assert(len >= 1 && len <= OUTBOX_PACKET_MAX);
    outbox->reserved = false;
    outbox->slots[outbox->filled] = (struct slot){.path = *path, .len = len};
    outbox->filled++;
}

size_t outbox_poll(struct outbox *outbox, struct outbox_packet *out, size_t max)
{
    size_t count = MIN(max, outbox->filled - outbox->polled);
    for (size_t i = 0; i < count; i++) {
        const struct slot *slot = &outbox->slots[outbox->polled];
        out[i] = (struct outbox_packet){
            .path = slot->path,
            .data = outbox->bytes + outbox->polled * OUTBOX_PACKET_MAX,
            .len = slot->len,
        };
        outbox->polled++;
    }
    return count;
}

size_t outbox_waiting(const struct outbox *outbox)
{
    return outbox->filled - outbox->polled;
}

uint64_t outbox_overflows(const struct outbox *outbox)
{
    return outbox->overflows;
}
