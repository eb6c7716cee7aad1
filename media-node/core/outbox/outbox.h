/* SPDX-License-Identifier: Apache-2.0
 *
 * Datagrams that wait for the shell to send them. A packet is built where it will be sent from:
 * reserve a slot, write into it (the cipher does), commit it. All memory is taken at creation, and
 * slots are used from the first one on after each drain, so that a quiet node touches few pages and
 * a busy one stays in its caches.
 *
 * Full: reserve returns NULL and the packet is lost; the node stops taking input long before that.
 */
#ifndef MEDIA_NODE_CORE_OUTBOX_OUTBOX_H
#define MEDIA_NODE_CORE_OUTBOX_OUTBOX_H

#include "common/base/base.h"
#include "media-node/core/ice/ice.h"

#define OUTBOX_PACKET_MAX 1600 /* bytes of a datagram; an odd count of cache lines */

struct outbox_packet {
    struct ice_path path;
    const uint8_t *data; /* borrowed until the outbox is written to again after a drain */
    size_t len;
};

struct outbox; /* opaque outside core/outbox */

/* slots: packets it can hold, 1 .. 65536. */
struct outbox *outbox_new(size_t slots);
void outbox_free(struct outbox *outbox);

/* OUTBOX_PACKET_MAX writable bytes, or NULL when full (counted). A slot that is not committed is
 * handed out again by the next call. */
MUST_CHECK uint8_t *outbox_reserve(struct outbox *outbox);

/* Makes the reserved slot's first len bytes (1 .. OUTBOX_PACKET_MAX) a packet. */
void outbox_commit(struct outbox *outbox, const struct ice_path *path, size_t len);

/* Writes up to max packets to out, oldest first, and returns how many; 0 when drained. */
size_t outbox_poll(struct outbox *outbox, struct outbox_packet *out, size_t max);

size_t outbox_waiting(const struct outbox *outbox);     /* packets committed, not yet polled */
uint64_t outbox_overflows(const struct outbox *outbox); /* reservations refused, ever */

#endif
