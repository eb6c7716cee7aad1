/* SPDX-License-Identifier: Apache-2.0
 *
 * Fronts that are to be empty: their orchestrator, this one or another, was told to stop. Each
 * owner tells its own people there to resume, a few at a time; where they get is up to the load
 * balancer, for the front refuses them (cluster/). Who has no media yet is told once he has.
 *
 * All owners together tell PEOPLE_A_STEP of them each STEP_US: each costs two fronts a WebSocket,
 * and one a DTLS handshake.
 */
#include "orchestrator/core/orch/private.h"

#include <stdlib.h>
#include <utlist.h>

#define PEOPLE_A_STEP 10
#define STEP_US       TIME_MS(200)

static struct front_drain *find(const struct orch *orch, uint64_t number)
{
    struct front_drain *drain;
    DL_SEARCH_SCALAR(orch->front_drains, drain, number, number);
    return drain;
}

static void run(struct orch *orch, struct front_drain *drain)
{
    size_t left = MAX(PEOPLE_A_STEP / MAX(orch->share.planners.count, 1), 1);
    drain->wake_us = orch->now_us + STEP_US;
    struct room_entry *entry, *next;
    HASH_ITER(hh, orch->rooms, entry, next)
    {
        size_t told = room_front_leaves(entry->room, orch->now_us, drain->number, left, &orch->fx);
        if (told > 0) {
            left -= told;
            orch_settle(orch, entry);
        }
        if (left == 0) {
            return;
        }
    }
}

void orch_front_leaves(struct orch *orch, int64_t now_us, uint64_t number)
{
    orch_tick(orch, now_us);
    if (find(orch, number) == NULL) {
        struct front_drain *drain = mem_alloc(sizeof(*drain));
        drain->number = number;
        DL_APPEND(orch->front_drains, drain);
        run(orch, drain);
    }
}

bool orch_has_front(const struct orch *orch, uint64_t number)
{
    for (struct room_entry *entry = orch->rooms; entry != NULL; entry = entry->hh.next) {
        if (room_has_front(entry->room, number)) {
            return true;
        }
    }
    return false;
}

bool orch_holds_data(const struct orch *orch)
{
    for (const struct room_entry *entry = orch->rooms; entry != NULL; entry = entry->hh.next) {
        if (room_holds_data(entry->room)) {
            return true;
        }
    }
    return false;
}

void orch_front_drain_end(struct orch *orch, uint64_t number)
{
    struct front_drain *drain = find(orch, number);
    if (drain != NULL) {
        DL_DELETE(orch->front_drains, drain);
        free(drain);
    }
}

int64_t orch_front_drain_deadline(const struct orch *orch)
{
    const struct front_drain *drain;
    int64_t at = TIME_NEVER;
    DL_FOREACH(orch->front_drains, drain)
    {
        at = MIN(at, drain->wake_us);
    }
    return at;
}

void orch_front_drain_expire(struct orch *orch)
{
    struct front_drain *drain;
    DL_FOREACH(orch->front_drains, drain)
    {
        if (drain->wake_us <= orch->now_us) {
            run(orch, drain);
        }
    }
}

void orch_front_drain_fini(struct orch *orch)
{
    while (orch->front_drains != NULL) {
        orch_front_drain_end(orch, orch->front_drains->number);
    }
}
