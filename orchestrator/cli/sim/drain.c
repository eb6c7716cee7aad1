/* SPDX-License-Identifier: Apache-2.0
 *
 * A node that is to be empty: each orchestrator moves its rooms off it by planned moves, as drain.c
 * of core/orch paces them.
 */
#include "orchestrator/cli/sim/private.h"

#define MOVE_US (TIME_S(1) / BUDGETS_DRAIN_PER_S)

static void begin(struct sim *sim, struct drain *drain, int64_t now_us)
{
    char id[ID_MAX], name[64];
    share_node_id(id, drain->node);
    share_node_name(sim, name, drain->node);
    for (uint32_t i = 0; i < sim->owner_count; i++) {
        int err = registry_set_state(sim->owners[i].registry, id, REGISTRY_DRAINING);
        assert(err == 0); /* it is there, and lives */
        drain->moves_us[i] = drain->wake_us[i] = now_us;
    }
    drain->begun = true;
    sim_tell(sim, now_us, "%s is drained", name);
}

/* NOBODY: none of the owner's rooms is there any more. */
static uint32_t next_share(const struct sim *sim, const struct owner *owner, uint32_t node,
                           bool *on_its_way)
{
    char id[ID_MAX];
    share_node_id(id, node);
    for (const char *sid = registry_room_after(owner->registry, id, NULL); sid != NULL;
         sid = registry_room_after(owner->registry, id, sid)) {
        uint32_t share = share_find(sim, share_number(sid), node);
        if (share != NOBODY && sim->shares[share].people > 0) {
            return share;
        }
        *on_its_way = true;
    }
    return NOBODY;
}

/* One room's people, together or else each where there is place; how many. */
static uint32_t move(struct sim *sim, struct owner *owner, int64_t now_us, uint32_t index)
{
    const struct share share = sim->shares[index];
    const struct room *room = &sim->rooms[share.room];
    uint32_t room_weight = (uint32_t)sim->config->fleet->placement.room_weight;
    struct trip trip = {.share = index,
                        .people = share.people,
                        .held = share.held,
                        .who = PLACEMENT_MOVE,
                        .weight = MAX(room_weight, share_weight(room, share.people, share.held)),
                        .planned = true};
    if (move_people(sim, owner, now_us, &trip) == 0) {
        return share.people;
    }
    trip.people = 1;
    trip.who = PLACEMENT_RECONNECT;
    trip.weight = BUDGETS_JOIN_WEIGHT;
    uint32_t moved = 0;
    while (sim->shares[index].people > 0) {
        trip.held = sim->shares[index].held > 0;
        if (move_people(sim, owner, now_us, &trip) != 0) {
            break; /* the next one finds no place either */
        }
        moved++;
    }
    return moved;
}

static bool run(struct sim *sim, struct drain *drain, uint32_t i, int64_t now_us)
{
    struct owner *owner = &sim->owners[i];
    int64_t ahead_us = now_us + BUDGETS_DRAIN_AT_ONCE * MOVE_US;
    bool on_its_way = false;
    uint32_t share = NOBODY;
    while (drain->wake_us[i] <= now_us && drain->moves_us[i] < ahead_us &&
           (share = next_share(sim, owner, drain->node, &on_its_way)) != NOBODY) {
        uint32_t moved = move(sim, owner, now_us, share);
        drain->moves_us[i] = MAX(drain->moves_us[i], now_us) + (int64_t)moved * MOVE_US;
        if (moved == 0) {
            drain->wake_us[i] = now_us + BUDGETS_AGAIN_US;
        }
    }
    return next_share(sim, owner, drain->node, &on_its_way) == NOBODY && !on_its_way;
}

void drain_step(struct sim *sim, struct drain *drain, int64_t now_us)
{
    drain->over |= sim->nodes[drain->node].dead;
    if (now_us < drain->at_us || drain->over) {
        return;
    }
    if (!drain->begun) {
        begin(sim, drain, now_us);
    }
    bool empty = true;
    for (uint32_t i = 0; i < sim->owner_count; i++) {
        empty &= run(sim, drain, i, now_us);
    }
    if (empty) {
        char name[64];
        share_node_name(sim, name, drain->node);
        sim_tell(sim, now_us, "%s is empty", name);
    }
    drain->over = empty;
}
