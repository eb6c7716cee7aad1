/* SPDX-License-Identifier: Apache-2.0
 *
 * Which rooms are whose: told to a peer whole as it comes up, then with each change.
 */
#include "orchestrator/core/cluster/private.h"

#define ROOMS_PER_TELL 1000 /* in one message */

static void send_rooms(struct cluster *c, size_t member, Spillway__Bus__Rooms *rooms, bool owned)
{
    Spillway__Bus__PeerMessage message = SPILLWAY__BUS__PEER_MESSAGE__INIT;
    if (owned) {
        message.message_case = SPILLWAY__BUS__PEER_MESSAGE__MESSAGE_OWNED;
        message.owned = rooms;
    } else {
        message.message_case = SPILLWAY__BUS__PEER_MESSAGE__MESSAGE_RELEASED;
        message.released = rooms;
    }
    peer_send(c, member, &message, false);
}

void rooms_tell(struct cluster *c, const char *name, uint64_t epoch, bool owned)
{
    Spillway__Bus__Room room = SPILLWAY__BUS__ROOM__INIT, *list[] = {&room};
    Spillway__Bus__Rooms rooms = SPILLWAY__BUS__ROOMS__INIT;
    room.name = (char *)(uintptr_t)name;
    room.epoch = epoch;
    rooms.rooms = list;
    rooms.n_rooms = 1;
    for (size_t member = 1; member < c->member_count; member++) {
        if (c->peers[member].up || c->peers[member].away) {
            send_rooms(c, member, &rooms, owned);
        }
    }
}

void rooms_tell_all(struct cluster *c, size_t member)
{
    struct arena arena = {0};
    Spillway__Bus__Rooms rooms = SPILLWAY__BUS__ROOMS__INIT;
    rooms.rooms = arena_array(&arena, ROOMS_PER_TELL, sizeof(*rooms.rooms));
    const struct ownership_room *next = NULL;
    while ((next = ownership_next(c->ownership, OWNERSHIP_SELF, next)) != NULL) {
        Spillway__Bus__Room *room = arena_alloc(&arena, sizeof(*room));
        spillway__bus__room__init(room);
        room->name = (char *)(uintptr_t)next->name;
        room->epoch = next->epoch;
        rooms.rooms[rooms.n_rooms++] = room;
        if (rooms.n_rooms == ROOMS_PER_TELL) {
            send_rooms(c, member, &rooms, true);
            rooms.n_rooms = 0;
        }
    }
    if (rooms.n_rooms > 0) {
        send_rooms(c, member, &rooms, true);
    }
    arena_fini(&arena);
}

void rooms_owned(struct cluster *c, size_t member, const Spillway__Bus__Rooms *rooms)
{
    for (size_t i = 0; i < rooms->n_rooms; i++) {
        const Spillway__Bus__Room *room = rooms->rooms[i];
        if (strlen(room->name) > ENTRY_NAME_MAX) {
            c->stats.malformed++;
            continue;
        }
        if (ownership_take(c->ownership, member, room->name, room->epoch) == OWNERSHIP_LOST) {
            log_write(c->config.log, LOG_WARN, "room_yielded to=%s", c->peers[member].id);
            c->stats.yields++;
            orch_yield(c->orch, c->now_us, room->name);
        }
        orch_remains_forget(c->orch, room->name, room->epoch);
    }
}

void rooms_released(struct cluster *c, size_t member, const Spillway__Bus__Rooms *rooms)
{
    for (size_t i = 0; i < rooms->n_rooms; i++) {
        const Spillway__Bus__Room *room = rooms->rooms[i];
        ownership_release(c->ownership, member, room->name, room->epoch);
        orch_remains_forget(c->orch, room->name, room->epoch + 1);
    }
}
