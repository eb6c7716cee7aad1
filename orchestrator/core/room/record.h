/* SPDX-License-Identifier: Apache-2.0
 *
 * The room as session.proto writes it down for its next owner. Both live in the arena, and borrow
 * the room's strings.
 */
#ifndef ORCHESTRATOR_CORE_ROOM_RECORD_H
#define ORCHESTRATOR_CORE_ROOM_RECORD_H

#include "orchestrator/core/room/private.h"
#include "proto/gen/session.pb-c.h"

/* Of a token's grants, those that a permission does not say. */
enum {
    GRANT_ROOM_CREATE = 1,
    GRANT_ROOM_LIST = 2,
    GRANT_ROOM_RECORD = 4,
    GRANT_INGRESS_ADMIN = 8,
    GRANT_ROOM_ADMIN = 16,
    GRANT_AGENT_SESSION = 32, /* may manage them; not to is GRANT_NO_AGENT_SESSION, or nothing */
    GRANT_NO_AGENT_SESSION = 64,
    GRANT_WAITS_IF_LOCKED = 128,
};

/* number: of this seal, see session.proto. */
Spillway__Session__Room *record_room(const struct room *room, uint64_t number, struct arena *arena);
Spillway__Session__Participant *record_participant(const struct participant *p, uint64_t number,
                                                   struct arena *arena);

#endif
