/* SPDX-License-Identifier: Apache-2.0
 *
 * People who go from one node to another: as orch_place_evacuate(), orch_place_flee() and
 * orch_short_evacuate() of core/orch ask placement for them.
 */
#include "orchestrator/cli/sim/private.h"

#include <stdio.h>

/* An orchestrator's CPU time for a person, where heartbeats take 0.4 of its core: bench_region, 24
 * to 29 us on an AMD EPYC, and 0.33 to 0.39. */
#define PERSON_US 50

/* ---- Under way ----------------------------------------------------------------------------- */

static void arrive_at(struct sim *sim, int64_t at_us, struct arrival arrival)
{
    size_t step = (size_t)(at_us / SIM_STEP_US) + 1;
    if (step >= sim->step_count) {
        return; /* not in this run */
    }
    if (sim->arrival_count == sim->arrival_capacity) {
        sim->arrival_capacity = MAX(2 * sim->arrival_capacity, 1024);
        sim->arrivals = mem_grow(sim->arrivals, sim->arrival_capacity, sizeof(*sim->arrivals));
    }
    arrival.next = sim->steps[step];
    sim->arrivals[sim->arrival_count] = arrival;
    sim->steps[step] = sim->arrival_count++;
}

/* Of who was served until now by the node that he leaves. */
static void leave(struct sim *sim, const struct arrival *arrival)
{
    const struct share *from = &sim->shares[arrival->from];
    char id[ID_MAX], sid[ID_MAX];
    uint32_t people = MIN(arrival->people, from->there);
    share_serve(sim, arrival->from, from->there - people,
                MIN(from->there_held, from->there - people));
    if (from->people == 0 && from->there == 0) {
        share_node_id(id, from->node);
        share_sid(sid, from->room);
        registry_room_removed(sim->owners[sim->rooms[from->room].owner].registry, id, sid);
    }
}

/* A node takes nobody off a dead one beyond its limit, as admit.c of media-node/core/node has it.
 */
static bool refuses(struct sim *sim, int64_t now_us, const struct arrival *arrival)
{
    const struct share *share = &sim->shares[arrival->share];
    const struct node *node = &sim->nodes[share->node];
    const struct room *room = &sim->rooms[share->room];
    const struct owner *owner = &sim->owners[room->owner];
    uint64_t weight =
        node->carried - share_weight(room, share->there, share->there_held) +
        share_weight(room, share->there + arrival->people, share->there_held + arrival->held);
    if (arrival->permille == 0 || weight * 1000 <= (uint64_t)node->capacity * arrival->permille) {
        return false;
    }
    struct arrival word = *arrival;
    word.refused = true;
    word.weight = weight;
    arrive_at(sim, now_us + owner->way_us[node->region], word);
    return true;
}

static void arrive(struct sim *sim, int64_t now_us, const struct arrival *arrival)
{
    const struct share *share = &sim->shares[arrival->share];
    struct owner *owner = &sim->owners[sim->rooms[share->room].owner];
    char id[ID_MAX], sid[ID_MAX];
    if (arrival->planned) {
        leave(sim, arrival);
    }
    if (sim->nodes[share->node].dead || refuses(sim, now_us, arrival)) {
        return; /* they are moved off it again, or were */
    }
    share_serve(sim, arrival->share, share->there + arrival->people,
                share->there_held + arrival->held);
    share_node_id(id, share->node);
    share_sid(sid, share->room);
    if (share->there == share->people) { /* else others are on their way */
        registry_room_confirmed(
            owner->registry, id, sid,
            share_weight(&sim->rooms[share->room], share->there, share->there_held));
    }
}

/* ---- Asking for place ---------------------------------------------------------------------- */

MUST_CHECK static int choose(struct sim *sim, struct owner *owner, int64_t now_us,
                             const struct trip *trip, struct placement_answer *answer)
{
    const struct share *share = &sim->shares[trip->share];
    const struct room *room = &sim->rooms[share->room];
    char sid[ID_MAX], from[ID_MAX], ids[SHARE_HELD_MAX][ID_MAX];
    const char *held[SHARE_HELD_MAX], *excluded = from;
    share_sid(sid, share->room);
    share_node_id(from, share->node);
    struct placement_request request = {.who = trip->who,
                                        .region = sim->regions[sim->nodes[share->node].region].name,
                                        .weight = trip->weight,
                                        .excluded = &excluded,
                                        .excluded_count = 1,
                                        .map = sim->map,
                                        .samples = PLACEMENT_SAMPLES_DEFAULT};
    if (trip->for_video) {
        return placement_choose(&request, owner->registry, now_us, &owner->prng, answer);
    }
    request.room = sid;
    request.held = held;
    request.held_count = share_held(sim, room, ids, held);
    request.parts = sim->owner_count;
    request.part = (uint32_t)(owner - sim->owners);
    return placement_flee(&request, owner->registry, now_us, &owner->prng, answer);
}

static struct sim_flow *flow_of(const struct sim *sim, uint32_t from, uint32_t to)
{
    size_t regions = sim->config->fleet->regions.count;
    return &sim->flows[sim->nodes[from].region * regions + sim->nodes[to].region];
}

static void count_flow(struct sim *sim, const struct trip *trip, uint32_t from, uint32_t to,
                       bool kept)
{
    struct sim_flow *flow = flow_of(sim, from, to);
    flow->people += trip->people;
    flow->kept += kept ? trip->people : 0;
    flow->without_video += trip->held;
    sim->moved += trip->people;
}

static uint32_t permille_of(const struct sim *sim, enum placement_who who)
{
    return who == PLACEMENT_MOVE ? (uint32_t)sim->config->fleet->placement.join_percent * 10 : 1000;
}

int move_people(struct sim *sim, struct owner *owner, int64_t now_us, const struct trip *trip)
{
    struct placement_answer answer;
    char id[ID_MAX], sid[ID_MAX];
    uint32_t room = sim->shares[trip->share].room, from = sim->shares[trip->share].node;
    int64_t at_us = sim->base_us + now_us;
    int err = choose(sim, owner, at_us, trip, &answer);
    if (err != 0) {
        return err;
    }
    uint32_t node = share_number(answer.node->id);
    share_node_id(id, node);
    share_sid(sid, room);
    err = registry_room_placed(owner->registry, at_us, id, sid, trip->weight);
    if (err != 0) {
        return err;
    }
    uint32_t to = share_of(sim, room, node);
    count_flow(sim, trip, from, node, answer.reason == PLACEMENT_KEPT);
    struct share *source = &sim->shares[trip->share], *target = &sim->shares[to];
    source->people -= trip->people;
    source->held -= MIN(source->held, trip->held);
    source->held = MIN(source->held, source->people);
    target->people += trip->people;
    target->held += trip->held;
    if (trip->held > 0) {
        share_list_add(&owner->held, to);
    }
    arrive_at(sim, now_us + owner->way_us[sim->nodes[node].region],
              (struct arrival){.share = to,
                               .people = trip->people,
                               .held = trip->held,
                               .from = trip->share,
                               .planned = trip->planned,
                               .kept = answer.reason == PLACEMENT_KEPT,
                               .permille = trip->planned ? 0 : permille_of(sim, trip->who)});
    return 0;
}

/* ---- Off the dead -------------------------------------------------------------------------- */

void move_off(struct sim *sim, struct owner *owner, int64_t now_us, uint32_t index)
{
    const struct settings_placement *settings = &sim->config->fleet->placement;
    const struct share share = sim->shares[index];
    const struct room *room = &sim->rooms[share.room];
    struct trip trip = {.share = index,
                        .people = share.people,
                        .held = share.held,
                        .who = PLACEMENT_MOVE,
                        .weight = MAX((uint32_t)settings->room_weight,
                                      share_weight(room, share.people, share.held))};
    if (move_people(sim, owner, now_us, &trip) == 0) {
        return;
    }
    sim->shares[index].held = trip.held = share.people;
    trip.who = PLACEMENT_RECONNECT;
    trip.weight = share_weight(room, share.people, share.people);
    if (move_people(sim, owner, now_us, &trip) == 0) {
        return;
    }
    trip.people = trip.held = 1;
    trip.weight = share_weight(room, 1, 1);
    while (sim->shares[index].people > 0 && move_people(sim, owner, now_us, &trip) == 0) {
    }
}

void move_strand(struct sim *sim, struct owner *owner, uint32_t share)
{
    if (sim->shares[share].people > 0 && !sim->shares[share].stranded) {
        share_list_add(&owner->stranded, share);
        sim->shares[share].stranded = true;
    }
}

/* They are on the dead node again. */
static void send_back(struct sim *sim, const struct arrival *word)
{
    struct share *target = &sim->shares[word->share], *source = &sim->shares[word->from];
    struct sim_flow *flow = flow_of(sim, source->node, target->node);
    target->people -= word->people;
    target->held -= MIN(target->held, word->held);
    source->people += word->people;
    source->held += word->held;
    flow->people -= word->people;
    flow->kept -= word->kept ? word->people : 0;
    flow->without_video -= word->held;
    sim->moved -= word->people;
}

/* As refused.c of core/orch: it is a report, and they go elsewhere. */
static void refused(struct sim *sim, int64_t now_us, const struct arrival *word)
{
    const struct share *target = &sim->shares[word->share];
    const struct room *room = &sim->rooms[target->room];
    struct owner *owner = &sim->owners[room->owner];
    char id[ID_MAX], sid[ID_MAX];
    if (target->people < target->there + word->people) {
        return; /* it died, and they were moved */
    }
    send_back(sim, word);
    share_node_id(id, target->node);
    share_sid(sid, target->room);
    uint64_t people = share_weight(room, word->people, word->held);
    const struct registry_load load = {.weight =
                                           (uint32_t)(word->weight - MIN(word->weight, people))};
    if (target->people == 0) {
        registry_room_removed(owner->registry, id, sid);
    } else {
        registry_room_confirmed(owner->registry, id, sid,
                                share_weight(room, target->there, target->there_held));
    }
    (void)!registry_heard(owner->registry, sim->base_us + now_us, id, &load);
    owner->busy_us = MAX(owner->busy_us, now_us) + (int64_t)word->people * PERSON_US;
    move_off(sim, owner, owner->busy_us, word->from);
    move_strand(sim, owner, word->from);
    const struct share *source = &sim->shares[word->from];
    owner->refused += share_weight(room, source->people, source->people);
}

void move_arrive(struct sim *sim, int64_t now_us)
{
    for (uint32_t i = sim->steps[now_us / SIM_STEP_US]; i != NOBODY; i = sim->arrivals[i].next) {
        const struct arrival arrival = sim->arrivals[i];
        if (arrival.refused) {
            refused(sim, now_us, &arrival);
        } else {
            arrive(sim, now_us, &arrival);
        }
    }
}

static void handle_death(struct sim *sim, struct owner *owner, uint32_t node)
{
    char id[ID_MAX];
    share_node_id(id, node);
    int err = registry_gone(owner->registry, sim->base_us + owner->busy_us, id);
    assert(err == 0); /* each dies once */
    const char *sid = registry_room_after(owner->registry, id, NULL);
    while (sid != NULL) {
        uint32_t share = share_find(sim, share_number(sid), node);
        sid = registry_room_after(owner->registry, id, sid);
        if (share == NOBODY || sim->shares[share].people == 0) {
            continue;
        }
        owner->busy_us += (int64_t)sim->shares[share].people * PERSON_US;
        move_off(sim, owner, owner->busy_us, share);
        move_strand(sim, owner, share);
    }
}

void move_off_the_dead(struct sim *sim, int64_t now_us)
{
    for (uint32_t i = 0; i < sim->owner_count; i++) {
        struct owner *owner = &sim->owners[i];
        while (owner->handled < sim->death_count && owner->busy_us <= now_us &&
               owner->deaths[owner->handled].at_us <= now_us) {
            owner->busy_us = now_us;
            handle_death(sim, owner, owner->deaths[owner->handled++].node);
        }
    }
}
