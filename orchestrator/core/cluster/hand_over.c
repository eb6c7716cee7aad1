/* SPDX-License-Identifier: Apache-2.0
 *
 * What an owner that ends knows of its rooms is left to their heirs (decisions/0019).
 *
 *   begun    all rooms that are ours -> each is told of, CLUSTER_HAND_OVER_MAX bytes at a time,
 *            when the last ones were received
 *   done     all were received by who lives and takes them
 *
 * Until this process ends the rooms are its own, and it decides: what it left is as old as the way
 * there is long. From its end on it goes as after a death (adopt.c): the heir, whom everybody knows
 * (ownership_heir), claims, asks the room's nodes, and has what was left in place of those that do
 * not answer.
 */
#include "orchestrator/core/cluster/private.h"

#include <stdlib.h>

static bool takes(const struct peer *peer)
{
    return peer->up && peer->inherits && !peer->leaves;
}

static bool has_heirs(const struct cluster *c)
{
    for (size_t member = 1; member < c->member_count; member++) {
        if (takes(&c->peers[member])) {
            return true;
        }
    }
    return false;
}

bool cluster_hand_over(struct cluster *c, int64_t now_us)
{
    cluster_tick(c, now_us);
    size_t count = ownership_count(c->ownership, OWNERSHIP_SELF);
    if (c->bequests != NULL || count == 0 || !has_heirs(c)) {
        return c->bequests != NULL;
    }
    ownership_member_leaves(c->ownership, OWNERSHIP_SELF);
    c->bequests = mem_array(count, sizeof(*c->bequests));
    const struct ownership_room *room = NULL;
    while ((room = ownership_next(c->ownership, OWNERSHIP_SELF, room)) != NULL) {
        c->bequests[c->bequest_count++] = mem_str(room->name);
    }
    return true;
}

void hand_over_free(struct cluster *c)
{
    for (size_t i = 0; i < c->bequest_count; i++) {
        free(c->bequests[i]);
    }
    free(c->bequests);
}

static bool all_received(const struct cluster *c)
{
    for (size_t member = 1; member < c->member_count; member++) {
        const struct peer *peer = &c->peers[member];
        if (peer->up && peer->acked < peer->bequest) {
            return false;
        }
    }
    return true;
}

bool cluster_handed_over(const struct cluster *c)
{
    return c->bequests != NULL && c->bequeathed == c->bequest_count && all_received(c);
}

/* Returns how many bytes. */
static size_t tell(struct cluster *c, size_t member, const char *room,
                   const struct room_remains *remains, bool last)
{
    Spillway__Bus__Remains told = SPILLWAY__BUS__REMAINS__INIT;
    Spillway__Bus__PeerMessage message = SPILLWAY__BUS__PEER_MESSAGE__INIT;
    told.room = (char *)(uintptr_t)room;
    told.node = (Spillway__Control__Register *)(uintptr_t)remains->node;
    told.state = (Spillway__Control__RoomState *)(uintptr_t)remains->state;
    told.answer = last;
    message.message_case = SPILLWAY__BUS__PEER_MESSAGE__MESSAGE_REMAINS;
    message.remains = &told;
    peer_send(c, member, &message, false);
    c->peers[member].bequest = c->peers[member].sent;
    return protobuf_c_message_get_packed_size(&told.base);
}

/* To its heir, if that one takes it. */
static size_t leave_room(struct cluster *c, const char *room)
{
    struct arena arena = {0};
    size_t count = 0, bytes = 0;
    size_t heir = ownership_heir(c->ownership, room, c->config.front.region);
    if (heir == OWNERSHIP_SELF || !takes(&c->peers[heir])) {
        return 0;
    }
    const struct room_remains *remains = orch_bequeath(c->orch, room, &arena, &count);
    for (size_t i = 0; i < count && bytes < CLUSTER_HAND_OVER_ROOM; i++) {
        bytes += tell(c, heir, room, &remains[i], i + 1 == count);
    }
    arena_fini(&arena);
    return bytes;
}

bool hand_over_next(struct cluster *c)
{
    size_t bytes = 0;
    if (c->bequeathed == c->bequest_count || !all_received(c)) {
        return false;
    }
    while (c->bequeathed < c->bequest_count && bytes < CLUSTER_HAND_OVER_MAX) {
        bytes += leave_room(c, c->bequests[c->bequeathed++]);
    }
    return true;
}

static bool is_complete(const Spillway__Bus__Remains *remains)
{
    const Spillway__Control__Register *node = remains->node;
    const Spillway__Control__RoomState *state = remains->state;
    return remains->room[0] != '\0' && strlen(remains->room) <= ENTRY_NAME_MAX && node != NULL &&
           node->node_id[0] != '\0' && strlen(node->node_id) < ID_MAX && state != NULL &&
           state->room[0] != '\0' && strlen(state->room) < ID_MAX;
}

void hand_over_heard(struct cluster *c, size_t member, const Spillway__Bus__Remains *remains)
{
    uint64_t epoch;
    if (!is_complete(remains)) {
        c->stats.malformed++;
    } else if (ownership_owner(c->ownership, remains->room, &epoch) == member &&
               epoch == remains->state->epoch) { /* else somebody else has it since */
        orch_remains(c->orch, c->now_us, remains->room, c->peers[member].id,
                     &(struct room_remains){remains->node, remains->state, .left = true});
    }
    if (remains->answer) {
        peer_beat(c, member);
    }
}
