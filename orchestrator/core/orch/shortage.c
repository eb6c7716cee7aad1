/* SPDX-License-Identifier: Apache-2.0
 *
 * Audio before video when capacity is short (a region is lost, and the others have not place for
 * all of it). Whose node died and whom no node takes below join_permille with all he watches, is
 * moved with what he hears alone, up to the last of a node's capacity: a room as a whole where one
 * node takes it, else one by one. Newcomers are refused meanwhile (placement.h), and who comes back
 * to such a node stays without video.
 *
 * For whom there is no place even so, survivors give up their video: on the least filled node
 * first, then on the next one, in the order in which rooms came there and people into them; only
 * as much as those weigh who wait, and the place that is free does not make up for. Each
 * orchestrator makes place with its own rooms' video, and tells the others what its people lack:
 * for who came first has the video, and who comes last has none to give up. Of what all of them
 * lack each makes an equal part a step: so what they take does not add up to more, and where one
 * has nothing left the others go on, whoever then moves in first.
 *
 * Video comes again with a hysteresis: when his node with it is at or below fill_permille, or
 * another one is, to which his room's people then move; and never while any of ours waits for a
 * place. It is taken where a node is full, so what was given back is not taken again for want of
 * the same place.
 *
 * Both for BUDGETS_SHORT_PEOPLE at a time, so that reports of what it did come in between.
 */
#include "orchestrator/core/orch/budgets.h"
#include "orchestrator/core/orch/private.h"

#include <stdlib.h>

void orch_short_begin(struct orch *orch, struct room_entry *entry)
{
    entry->is_short = true;
    orch->short_us = MIN(orch->short_us, orch->now_us + BUDGETS_SHORT_STEP_US);
}

static void flee_one_by_one(struct orch *orch, struct room_entry *entry, const char *from)
{
    struct arena arena = {0};
    Livekit__ParticipantInfo **infos;
    size_t count = room_participants(entry->room, &arena, &infos);
    for (size_t i = 0; i < count; i++) {
        const char *node = room_node_of(entry->room, infos[i]->identity);
        if (node != NULL && strcmp(node, from) == 0 &&
            orch_place_flee(orch, entry, from, infos[i]->identity) != 0) {
            break; /* the next one finds no place either */
        }
    }
    arena_fini(&arena);
}

bool orch_short_evacuate(struct orch *orch, struct room_entry *entry, const char *from)
{
    size_t before = room_held(entry->room, from).people;
    room_hold_video(entry->room, from, NULL, true);
    orch_short_begin(orch, entry);
    size_t people = room_held(entry->room, from).people;
    if (people > before) {
        log_write(orch->config.log, LOG_WARN, "video_held room=%s node=%s participants=%zu",
                  entry->sid, from, people);
    }
    if (orch_place_flee(orch, entry, from, NULL) != 0) {
        flee_one_by_one(orch, entry, from);
    }
    return room_node_people(entry->room, from) == 0;
}

/* ---- Place for who has none ---------------------------------------------------------------- */

static uint64_t used(const struct registry_node *node)
{
    return (uint64_t)node->load.weight + node->reserved;
}

static int by_filling(const void *left, const void *right)
{
    const struct registry_node *a = *(const struct registry_node *const *)left;
    const struct registry_node *b = *(const struct registry_node *const *)right;
    uint64_t a_filling = used(a) * b->capacity, b_filling = used(b) * a->capacity;
    if (a_filling != b_filling) {
        return a_filling < b_filling ? -1 : 1;
    }
    return strcmp(a->id, b->id);
}

/* Where placement may put people, the least filled first. In the arena. */
static size_t list_nodes(const struct orch *orch, struct arena *arena,
                         const struct registry_node ***out)
{
    size_t count = 0;
    *out = arena_array(arena, registry_count(orch->registry), sizeof(**out));
    for (size_t i = 0; i < registry_count(orch->registry); i++) {
        const struct registry_node *node = registry_at(orch->registry, i);
        if (node->state == REGISTRY_READY && !node->suspect) {
            (*out)[count++] = node;
        }
    }
    qsort(*out, count, sizeof(**out), by_filling);
    return count;
}

/* Of our rooms' people on one node. */
static struct room_held take(struct orch *orch, const struct registry_node *node,
                             struct room_held most)
{
    struct room_held taken = {0};
    const char *sid = registry_room_after(orch->registry, node->id, NULL);
    while (sid != NULL && taken.people < most.people && taken.weight < most.weight) {
        struct room_entry *entry = orch_room_by_sid(orch, sid);
        sid = registry_room_after(orch->registry, node->id, sid);
        if (entry == NULL) {
            continue;
        }
        struct room_held some =
            room_take_video(entry->room, node->id,
                            (struct room_held){.people = most.people - taken.people,
                                               .weight = most.weight - taken.weight});
        if (some.people == 0) {
            continue;
        }
        taken.people += some.people;
        taken.weight += some.weight;
        log_write(orch->config.log, LOG_WARN, "video_given_up room=%s node=%s participants=%zu",
                  entry->sid, node->id, some.people);
        orch_short_begin(orch, entry);
        orch_settle(orch, entry);
    }
    return taken;
}

static int64_t free_on(const struct registry_node *node)
{
    return (int64_t)node->capacity - (int64_t)used(node);
}

static bool fits_somewhere(const struct registry_node *const *nodes, size_t count, int64_t weight)
{
    for (size_t i = 0; i < count; i++) {
        if (free_on(nodes[i]) >= weight) {
            return true;
        }
    }
    return false;
}

static void make_place(struct orch *orch, uint64_t weight)
{
    struct arena arena = {0};
    const struct registry_node **nodes;
    size_t count = list_nodes(orch, &arena, &nodes);
    size_t people = BUDGETS_SHORT_PEOPLE;
    int64_t wanted = (int64_t)MIN(weight, UINT32_MAX);
    if (fits_somewhere(nodes, count, wanted)) { /* it is not for want of place */
        count = 0;
    }
    for (size_t i = 0; i < count && people > 0 && wanted > 0; i++) {
        int64_t before = free_on(nodes[i]);
        if (before >= wanted) {
            break; /* the last ones fit there */
        }
        int64_t missing = MIN(wanted - before, UINT32_MAX);
        struct room_held taken =
            take(orch, nodes[i], (struct room_held){.people = people, .weight = (uint32_t)missing});
        people -= taken.people;
        /* A little that is free does not count alone: it may be too little for anybody. */
        wanted -= taken.people > 0 ? MAX(before + taken.weight, 0) : 0;
    }
    arena_fini(&arena);
}

/* ---- Video again --------------------------------------------------------------------------- */

static bool has_place(const struct orch *orch, const struct registry_node *node, uint32_t weight)
{
    return node->state != REGISTRY_GONE && !node->suspect &&
           (used(node) + weight) * 1000 <= (uint64_t)node->capacity * orch->config.fill_permille;
}

/* The room's people there go to a node that takes them with their video; they get it there. */
static size_t move_for_video(struct orch *orch, struct room_entry *entry,
                             const struct registry_node *from, uint32_t weight)
{
    const char *id = from->id;
    const struct placement_request request = {.who = PLACEMENT_NEW_ROOM,
                                              .region = from->region,
                                              .weight = room_weight(entry->room, id) + weight,
                                              .excluded = &id,
                                              .excluded_count = 1,
                                              .map = orch->map,
                                              .samples = PLACEMENT_SAMPLES_DEFAULT};
    struct placement_answer answer;
    size_t people = room_node_people(entry->room, id);
    if (entry->drained_us > orch->now_us || room_node_count(entry->room) >= ROOM_NODES_MAX ||
        placement_choose(&request, orch->registry, orch->now_us, &orch->prng, &answer) != 0 ||
        orch_place_evacuate(orch, entry, id, answer.node->id) != 0) {
        return 0;
    }
    entry->drained_us = orch->now_us + BUDGETS_AGAIN_US;
    return people;
}

/* Of one room; how many people got it, or moved for it. */
static size_t give_back(struct orch *orch, struct room_entry *entry)
{
    size_t done = 0;
    for (size_t i = 0; i < room_node_count(entry->room); i++) {
        const char *id = room_node_at(entry->room, i);
        const struct registry_node *node = registry_get(orch->registry, id);
        struct room_held held = room_held(entry->room, id);
        if (held.people == 0 || node == NULL || node->state == REGISTRY_GONE) {
            continue;
        }
        if (!has_place(orch, node, held.weight)) {
            done += move_for_video(orch, entry, node, held.weight);
        } else if (registry_room_placed(orch->registry, orch->now_us, id, entry->sid,
                                        held.weight) == 0) {
            room_hold_video(entry->room, id, NULL, false);
            log_write(orch->config.log, LOG_INFO, "video_back room=%s node=%s participants=%zu",
                      entry->sid, id, held.people);
            done += held.people;
        }
    }
    return done;
}

/* Who waits for a place goes where one is by now, or has it made: what they weigh whom none takes
 * yet, or refused since the last time. Not before nodes have said that they are there, else they
 * would count as dead. */
static uint64_t serve_waiting(struct orch *orch)
{
    orch->waiting =
        orch->now_us < orch->settled_us ? 0 : orch_place_waiting(orch, BUDGETS_SHORT_ROOMS);
    orch->waiting += orch->refused_weight;
    orch->refused_weight = 0;
    uint64_t all = orch->waiting + orch->waiting_elsewhere;
    if (all > 0) {
        uint32_t planners = MAX(orch->share.planners.count, 1);
        make_place(orch, (all + planners - 1) / planners);
    }
    return all;
}

uint64_t orch_waiting(const struct orch *orch)
{
    return orch->waiting;
}

void orch_waiting_elsewhere(struct orch *orch, int64_t now_us, uint64_t weight)
{
    orch_tick(orch, now_us);
    orch->waiting_elsewhere = weight;
    if (weight > 0) {
        orch->short_us = MIN(orch->short_us, orch->now_us + BUDGETS_SHORT_STEP_US);
    }
}

void orch_short_expire(struct orch *orch)
{
    struct room_entry *entry, *next;
    size_t done = 0;
    bool more = false;
    if (orch->short_us > orch->now_us) {
        return;
    }
    bool waiting = serve_waiting(orch) > 0;
    more = waiting;
    HASH_ITER(hh, orch->rooms, entry, next)
    {
        if (!entry->is_short) {
            continue;
        }
        if (!waiting && done < BUDGETS_SHORT_PEOPLE) {
            done += give_back(orch, entry);
            entry->is_short = room_held(entry->room, NULL).people > 0;
        }
        more = more || entry->is_short;
        orch_settle(orch, entry);
    }
    orch->short_us = more ? orch->now_us + BUDGETS_SHORT_STEP_US : TIME_NEVER;
}
