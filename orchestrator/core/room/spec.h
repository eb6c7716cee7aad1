/* SPDX-License-Identifier: Apache-2.0
 *
 * Between spec.c, which knows what belongs into a message, and spec_entry.c, which writes it.
 */
#ifndef ORCHESTRATOR_CORE_ROOM_SPEC_H
#define ORCHESTRATOR_CORE_ROOM_SPEC_H

#include "orchestrator/core/room/private.h"

/* A message under way, for one host. */
struct building {
    struct room *room;
    struct host *host;
    int64_t now_us;
    Spillway__Control__RoomSpec spec;
    struct arena arena;
    bool whole;
    size_t sealed;             /* bytes of sessions */
    struct room_trunk *trunks; /* those in it, wiped afterwards */
};

/* Entries live in the arena; line is the section that carries it, place HERE or NEXT. */
Spillway__Control__Transport *spec_transport_entry(struct participant *p, int place,
                                                   struct arena *arena);
Spillway__Control__Track *spec_track_entry(struct building *b, struct track *track,
                                           const struct session_line *line);
Spillway__Control__Edge *spec_edge_entry(struct building *b, struct edge *edge,
                                         const struct track *track);
Spillway__Control__Subscription *spec_subscription_entry(struct building *b,
                                                         struct subscription *subscription,
                                                         const struct session_line *line,
                                                         int place);

/* sealed.c: the participant's session, if it is due; told: its transport is in this message. */
void sealed_add_room(struct building *b);
void sealed_add(struct building *b, struct participant *p, int place, bool told);

#endif
