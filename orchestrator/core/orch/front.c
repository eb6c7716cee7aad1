/* SPDX-License-Identifier: Apache-2.0
 *
 * What the front reports of a transport, handed to the room it belongs to.
 */
#include "orchestrator/core/orch/private.h"

static const struct transport_entry *find(const struct orch *orch, uint64_t transport)
{
    struct transport_entry *entry;
    HASH_FIND(hh, orch->transports, &transport, sizeof(transport), entry);
    return entry;
}

bool orch_has_transport(const struct orch *orch, uint64_t transport, uint64_t *front)
{
    const struct transport_entry *entry = find(orch, transport);
    if (entry == NULL) {
        return false;
    }
    *front = entry->front;
    return true;
}

static struct room_entry *room_of(struct orch *orch, int64_t now_us, uint64_t transport)
{
    orch_tick(orch, now_us);
    const struct transport_entry *entry = find(orch, transport);
    return entry == NULL ? NULL : entry->room; /* NULL: it left while this was on its way */
}

void orch_front_connected(struct orch *orch, int64_t now_us, uint64_t transport,
                          const Spillway__Control__SrtpKeys *keys)
{
    struct room_entry *room = room_of(orch, now_us, transport);
    if (room != NULL) {
        room_keys(room->room, now_us, transport, keys, &orch->fx);
        orch_settle(orch, room);
    }
}

void orch_front_failed(struct orch *orch, int64_t now_us, uint64_t transport, const char *why)
{
    struct room_entry *room = room_of(orch, now_us, transport);
    if (room != NULL) {
        room_front_failed(room->room, now_us, transport, why, &orch->fx);
        orch_settle(orch, room);
    }
}

void orch_channel_opened(struct orch *orch, int64_t now_us, uint64_t transport, uint16_t stream,
                         const char *label)
{
    struct room_entry *room = room_of(orch, now_us, transport);
    if (room != NULL) {
        room_channel_opened(room->room, now_us, transport, stream, label, &orch->fx);
        orch_settle(orch, room);
    }
}

void orch_channel_closed(struct orch *orch, int64_t now_us, uint64_t transport, uint16_t stream)
{
    struct room_entry *room = room_of(orch, now_us, transport);
    if (room != NULL) {
        room_channel_closed(room->room, transport, stream);
    }
}

void orch_channel_message(struct orch *orch, int64_t now_us, uint64_t transport, uint16_t stream,
                          struct bytes message)
{
    struct room_entry *room = room_of(orch, now_us, transport);
    if (room != NULL) {
        room_channel_message(room->room, now_us, transport, stream, message, &orch->fx);
        orch_settle(orch, room);
    }
}
