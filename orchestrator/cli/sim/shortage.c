/* SPDX-License-Identifier: Apache-2.0
 *
 * Audio before video, as shortage.c of core/orch has it, with its budgets: once a second each
 * orchestrator tries again for its people who find no place, has survivors give up their video for
 * them, or, where nobody waits, gives video back.
 */
#include "orchestrator/cli/sim/private.h"

#include <stdlib.h>

static uint64_t used(const struct registry_node *node)
{
    return (uint64_t)node->load.weight + node->reserved;
}

static int64_t free_on(const struct registry_node *node)
{
    return (int64_t)node->capacity - (int64_t)used(node);
}

/* ---- Place for who has none ---------------------------------------------------------------- */

/* The weight of those who go on waiting. */
static uint64_t try_again(struct sim *sim, struct owner *owner, int64_t now_us)
{
    struct list *list = &owner->stranded;
    size_t kept = 0, waiting = 0;
    uint64_t weight = 0;
    for (size_t i = 0; i < list->count; i++) {
        const struct share *share = &sim->shares[list->items[i]];
        if (waiting < BUDGETS_SHORT_ROOMS) {
            move_off(sim, owner, now_us, list->items[i]);
            share = &sim->shares[list->items[i]];
            waiting += share->people > 0;
            weight += share_weight(&sim->rooms[share->room], share->people, share->people);
        }
        if (share->people > 0) {
            list->items[kept++] = list->items[i];
        } else {
            sim->shares[list->items[i]].stranded = false;
        }
    }
    list->count = kept;
    return weight;
}

static int by_filling(const void *left, const void *right)
{
    const struct registry_node *a = *(const struct registry_node *const *)left;
    const struct registry_node *b = *(const struct registry_node *const *)right;
    uint64_t a_filling = used(a) * b->capacity, b_filling = used(b) * a->capacity;
    return a_filling != b_filling ? (a_filling < b_filling ? -1 : 1) : strcmp(a->id, b->id);
}

static const struct registry_node **list_ready(const struct registry *registry, size_t *count)
{
    const struct registry_node **nodes = mem_array(registry_count(registry), sizeof(*nodes));
    *count = 0;
    for (size_t i = 0; i < registry_count(registry); i++) {
        const struct registry_node *node = registry_at(registry, i);
        if (node->state == REGISTRY_READY) {
            nodes[(*count)++] = node;
        }
    }
    qsort(nodes, *count, sizeof(*nodes), by_filling);
    return nodes;
}

/* So many people of this owner's rooms on a node, or for so much weight. */
static uint64_t take(struct sim *sim, struct owner *owner, const char *id, uint64_t weight_max,
                     uint32_t *people_left)
{
    uint64_t taken = 0;
    const char *sid = NULL;
    while (taken<weight_max && * people_left> 0 &&
           (sid = registry_room_after(owner->registry, id, sid)) != NULL) {
        uint32_t index = share_find(sim, share_number(sid), share_number(id));
        struct share *share = &sim->shares[index];
        const struct room *room = &sim->rooms[share->room];
        uint32_t watching = share->there > share->there_held && share->people == share->there
                                ? share->there - share->there_held
                                : 0;
        uint64_t each = MAX(room->video / room->people, 1);
        uint32_t people =
            (uint32_t)MIN(MIN(watching, *people_left), (weight_max - taken + each - 1) / each);
        if (people == 0 || room->video == 0) {
            continue;
        }
        uint64_t before = sim->nodes[share->node].carried;
        share_serve(sim, index, share->there, share->there_held + people);
        share->held += people;
        taken += before - sim->nodes[share->node].carried;
        *people_left -= people;
        share_list_add(&owner->held, index);
    }
    return taken;
}

static void make_place(struct sim *sim, struct owner *owner, uint64_t weight)
{
    size_t count;
    const struct registry_node **nodes = list_ready(owner->registry, &count);
    uint32_t people = BUDGETS_SHORT_PEOPLE;
    int64_t wanted = (int64_t)weight;
    for (size_t i = 0; i < count; i++) {
        if (free_on(nodes[i]) >= wanted) {
            count = 0; /* it is not for want of place */
        }
    }
    for (size_t i = 0; i < count && people > 0 && wanted > 0; i++) {
        int64_t before = free_on(nodes[i]);
        uint64_t taken = take(sim, owner, nodes[i]->id, (uint64_t)(wanted - before), &people);
        wanted -= taken > 0 ? MAX(before + (int64_t)taken, 0) : 0;
    }
    free(nodes);
}

/* ---- Video again --------------------------------------------------------------------------- */

static bool has_place(const struct registry *registry, const struct registry_node *node,
                      uint32_t weight)
{
    return (used(node) + weight) * 1000 <=
           (uint64_t)node->capacity * registry_config(registry)->open_permille;
}

/* How many get it, here or by going where there is place for it. */
static uint32_t give_back(struct sim *sim, struct owner *owner, int64_t now_us, uint32_t index)
{
    struct share *share = &sim->shares[index];
    const struct room *room = &sim->rooms[share->room];
    char id[ID_MAX], sid[ID_MAX];
    uint32_t people = share->people, held = share->held;
    uint32_t whole = share_weight(room, people, 0);
    uint32_t more = whole - share_weight(room, people, held);
    share_node_id(id, share->node);
    share_sid(sid, share->room);
    const struct registry_node *node = registry_get(owner->registry, id);
    if (node->state != REGISTRY_GONE && has_place(owner->registry, node, more) &&
        registry_room_placed(owner->registry, sim->base_us + now_us, id, sid, more) == 0) {
        share->held = 0;
        share_serve(sim, index, share->there, 0);
        registry_room_confirmed(owner->registry, id, sid, whole);
        return held;
    }
    const struct trip trip = {.share = index,
                              .people = people,
                              .who = PLACEMENT_NEW_ROOM,
                              .weight = whole,
                              .planned = true,
                              .for_video = true};
    return move_people(sim, owner, now_us, &trip) == 0 ? people : 0;
}

/* An equal part of what all lack; of the others it knows what they said last. */
static uint64_t part_of_waiting(const struct sim *sim)
{
    uint64_t weight = 0;
    for (uint32_t i = 0; i < sim->owner_count; i++) {
        weight += sim->owners[i].waiting;
    }
    return (weight + sim->owner_count - 1) / sim->owner_count;
}

void shortage_step(struct sim *sim, struct owner *owner, int64_t now_us)
{
    owner->waiting = owner->refused + try_again(sim, owner, now_us);
    owner->refused = 0;
    uint64_t weight = part_of_waiting(sim);
    if (weight > 0) {
        make_place(sim, owner, weight);
        if (!sim->short_told) {
            sim_tell(sim, now_us, "some find no place even with sound alone");
        }
        sim->short_told = true;
        return;
    }
    struct list *list = &owner->held;
    size_t kept = 0;
    uint32_t done = 0;
    for (size_t i = 0; i < list->count; i++) {
        const struct share *share = &sim->shares[list->items[i]];
        bool is_there = share->people == share->there && share->held == share->there_held;
        if (share->held > 0 && is_there && !sim->nodes[share->node].dead &&
            done < BUDGETS_SHORT_PEOPLE) {
            done += give_back(sim, owner, now_us, list->items[i]);
            share = &sim->shares[list->items[i]];
        }
        if (share->held > 0) {
            list->items[kept++] = list->items[i];
        }
    }
    list->count = kept;
}
