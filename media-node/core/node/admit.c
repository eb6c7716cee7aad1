/* SPDX-License-Identifier: Apache-2.0
 *
 * How much this node carries, and whether it takes more. Several orchestrators may send people here
 * at the same time, each by what was reported before: here alone all of them meet.
 */
#include "media-node/core/node/parts.h"

uint32_t admit_room_weight(const struct room *room)
{
    if (room->fwd == NULL) {
        return 0;
    }
    struct fwd_counts counts = fwd_counts(room->fwd);
    return (uint32_t)(counts.tracks + counts.subscriptions - counts.held + counts.edges);
}

/* With what it is still to come to. */
static uint64_t counted(const struct room *room, int64_t now_us)
{
    uint32_t weight = admit_room_weight(room);
    bool promised = room->fwd != NULL && now_us < room->promised_until_us;
    return promised ? MAX(weight, room->promised) : weight;
}

bool admit_spec(const struct node *node, int64_t now_us, const struct room *room,
                const room_spec_message *message, uint32_t *weight)
{
    *weight = 0;
    if (message->weight_max == 0 || message->dropped) {
        return true;
    }
    uint64_t sum = message->weight;
    for (const struct room *other = node->rooms; other != NULL; other = other->hh.next) {
        sum += other == room ? 0 : counted(other, now_us);
    }
    bool adds = room == NULL || message->weight > counted(room, now_us);
    *weight = (uint32_t)MIN(sum, UINT32_MAX);
    return !adds || sum <= message->weight_max;
}

void admit_promise(struct room *room, int64_t now_us, const room_spec_message *message)
{
    if (message->weight_max != 0) {
        room->promised = message->weight;
        room->promised_until_us = now_us + NODE_PROMISE_US;
    }
}
