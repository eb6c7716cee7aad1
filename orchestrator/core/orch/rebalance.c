/* SPDX-License-Identifier: Apache-2.0
 *
 * Hot nodes shed people to cool ones of their region, by the planned move of a drain, slowly
 * (balance.h says when and how much). What moves is a room's people on the hot node, as a whole:
 * the largest that is still small, so that few people move for the weight. Only where every room is
 * larger than that do some of a room's people go, together.
 *
 * A room that is pinned to the node stays. An operator may ask for a round at once
 * (orch_rebalance_now): all of our part of what is too much, without waiting for the next step.
 *
 * A room rests for REST_US after any of it was moved, so nobody is moved twice in that time. All of
 * an orchestrator's rebalancing together moves MOVES_PER_S people on average.
 */
#include "orchestrator/core/orch/private.h"

#include <jansson.h>
#include <stdlib.h>

#define REST_US        TIME_S(600)
#define MOVES_PER_S    10
#define MOVES_AT_ONCE  20
#define MOVE_US        (TIME_S(1) / MOVES_PER_S)
#define SMALL_PERMILLE 50 /* of its node's capacity: a room that is small */

/* A move that is only told of. */
struct planned {
    const struct room_entry *entry;
    const char *to; /* the registry's */
    uint32_t weight;
};

/* What an operator asked for. */
struct round {
    json_t *moves; /* what moves, or would */
    bool dry;
    struct planned *planned;
    size_t planned_count;
};

struct shedding {
    struct orch *orch;
    struct round *round; /* NULL: a step of its own */
    struct prng *prng;
    struct node_entry *node;
    const struct registry_node *facts;
    uint64_t own;              /* weight of our rooms there */
    uint32_t small;            /* a room of up to this goes whole, or not at all */
    uint32_t chunk;            /* that may go as one: small, and no more than is too much */
    struct room_entry *whole;  /* the heaviest within it, or NULL */
    struct room_entry *larger; /* the heaviest that is not small, or NULL */
    uint32_t whole_weight, larger_weight;
};

static bool is_planned(const struct shedding *s, const struct room_entry *entry)
{
    bool found = false;
    for (size_t i = 0; s->round != NULL && i < s->round->planned_count; i++) {
        found |= s->round->planned[i].entry == entry;
    }
    return found;
}

static void consider(struct shedding *s, struct room_entry *entry)
{
    uint32_t weight = room_weight(entry->room, s->facts->id);
    s->own += weight;
    if (weight == 0 || is_planned(s, entry) || entry->rests_until_us > s->orch->now_us ||
        strcmp(room_pinned_node(entry->room), s->facts->name) == 0) {
        return;
    }
    if (weight <= s->chunk && weight > s->whole_weight) {
        s->whole = entry;
        s->whole_weight = weight;
    } else if (weight > s->small && weight > s->larger_weight) {
        s->larger = entry;
        s->larger_weight = weight;
    }
}

static void survey(struct shedding *s, uint32_t excess)
{
    s->own = s->whole_weight = s->larger_weight = 0;
    s->whole = s->larger = NULL;
    s->small = (uint32_t)((uint64_t)s->facts->capacity * SMALL_PERMILLE / 1000);
    s->chunk = MIN(excess, s->small);
    const char *sid = NULL;
    while ((sid = registry_room_after(s->orch->registry, s->facts->id, sid)) != NULL) {
        struct room_entry *entry = orch_room_by_sid(s->orch, sid);
        if (entry != NULL) {
            consider(s, entry);
        }
    }
}

/* ---- Where to ------------------------------------------------------------------------------ */

static uint32_t planned_weight(const struct shedding *s, const char *id)
{
    uint32_t weight = 0;
    for (size_t i = 0; s->round != NULL && i < s->round->planned_count; i++) {
        const struct planned *planned = &s->round->planned[i];
        weight += strcmp(planned->to, id) == 0 ? planned->weight : 0;
    }
    return weight;
}

static bool takes(const struct shedding *s, const char *id, uint32_t weight)
{
    const struct registry_node *node = registry_get(s->orch->registry, id);
    const struct node_entry *entry;
    HASH_FIND_STR(s->orch->nodes, id, entry);
    return entry != NULL && node != s->facts && node->state == REGISTRY_READY && !node->suspect &&
           strcmp(node->region, s->facts->region) == 0 &&
           balance_takes(&entry->balance, &s->orch->config.balance, node,
                         weight + planned_weight(s, id));
}

/* A node that has the room already if it stays cool, else another one; NULL: none does. */
static const char *target(const struct shedding *s, const struct room_entry *entry, uint32_t weight)
{
    struct orch *orch = s->orch;
    for (size_t i = 0; i < room_node_count(entry->room); i++) {
        if (takes(s, room_node_at(entry->room, i), weight)) {
            return room_node_at(entry->room, i);
        }
    }
    const char *from = s->facts->id;
    const struct placement_request request = {.who = PLACEMENT_NEW_ROOM,
                                              .region = s->facts->region,
                                              .weight = weight,
                                              .excluded = &from,
                                              .excluded_count = 1,
                                              .map = orch->map,
                                              .samples = PLACEMENT_SAMPLES_DEFAULT};
    struct placement_answer answer;
    bool found = room_node_count(entry->room) < ROOM_NODES_MAX &&
                 placement_choose(&request, orch->registry, orch->now_us, s->prng, &answer) == 0 &&
                 takes(s, answer.node->id, weight);
    orch->stats.rebalance_stuck += !found && (s->round == NULL || !s->round->dry);
    return found ? answer.node->id : NULL;
}

/* ---- Moving -------------------------------------------------------------------------------- */

/* How many of the room go. */
static size_t people_of(const struct shedding *s, const struct room_entry *entry, bool whole)
{
    size_t people = room_node_people(entry->room, s->facts->id);
    return whole ? people : MAX(people * s->chunk / s->larger_weight, 1);
}

/* Who of the room is there, one by one, until the chunk is full. How many went. */
static size_t move_some(const struct shedding *s, struct room_entry *entry, const char *to)
{
    struct arena arena = {0};
    Livekit__ParticipantInfo **infos;
    size_t some = people_of(s, entry, false), moved = 0;
    size_t count = room_participants(entry->room, &arena, &infos);
    for (size_t i = 0; i < count && moved < some; i++) {
        const char *node = room_node_of(entry->room, infos[i]->identity);
        if (node != NULL && strcmp(node, s->facts->id) == 0) {
            moved += orch_place_move(s->orch, entry, infos[i]->identity, to) == 0;
        }
    }
    arena_fini(&arena);
    return moved;
}

static void note_move(const struct shedding *s, const struct room_entry *entry, const char *to,
                      size_t people, uint32_t weight)
{
    json_array_append_new(s->round->moves,
                          json_pack("{s:s, s:s, s:s, s:s, s:s, s:I, s:I, s:s}", "room", entry->name,
                                    "from", s->facts->id, "from_name", s->facts->name, "to", to,
                                    "to_name", orch_node_name(s->orch, to), "participants",
                                    (json_int_t)people, "weight", (json_int_t)weight, "cause",
                                    balance_cause_name(s->node->balance.cause)));
}

static void plan(const struct shedding *s, const struct room_entry *entry, const char *to,
                 uint32_t weight)
{
    struct round *round = s->round;
    round->planned = mem_grow(round->planned, round->planned_count + 1, sizeof(*round->planned));
    round->planned[round->planned_count++] = (struct planned){entry, to, weight};
}

/* Who of the room is to go goes. How many that were. */
static size_t move_people(const struct shedding *s, struct room_entry *entry, const char *to,
                          bool whole)
{
    struct orch *orch = s->orch;
    size_t moved = room_node_people(entry->room, s->facts->id);
    struct room_cause before = orch->cause; /* an operator's */
    orch->cause = (struct room_cause){.why = "rebalance", .trace = before.trace};
    if (!whole) {
        moved = move_some(s, entry, to);
    } else if (orch_place_evacuate(orch, entry, s->facts->id, to) != 0) {
        moved = 0;
    }
    orch->cause = before;
    entry->rests_until_us = orch->now_us + REST_US;
    orch->rebalanced_us = MAX(orch->rebalanced_us, orch->now_us) + (int64_t)moved * MOVE_US;
    orch->stats.rebalanced[s->node->balance.cause] += moved;
    log_write(orch->config.log, LOG_INFO,
              "room_rebalanced room=%s from=%s to=%s participants=%zu cause=%s", entry->sid,
              s->facts->id, to, moved, balance_cause_name(s->node->balance.cause));
    return moved;
}

/* May free the entry. False: nobody went. */
static bool move(struct shedding *s, struct room_entry *entry, bool whole)
{
    uint32_t weight = whole ? s->whole_weight : s->chunk;
    const char *to = target(s, entry, weight);
    if (to == NULL) {
        return false;
    }
    bool dry = s->round != NULL && s->round->dry;
    size_t moved = dry ? people_of(s, entry, whole) : move_people(s, entry, to, whole);
    if (s->round != NULL && moved > 0) {
        note_move(s, entry, to, moved, weight);
    }
    if (dry) {
        plan(s, entry, to, weight);
    } else {
        orch_settle(s->orch, entry);
    }
    return moved > 0;
}

static bool is_paced(const struct orch *orch)
{
    return orch->rebalanced_us >= orch->now_us + MOVES_AT_ONCE * MOVE_US;
}

static void shed(struct shedding *s)
{
    struct orch *orch = s->orch;
    uint32_t excess = balance_excess(&s->node->balance, &orch->config.balance, s->facts);
    survey(s, excess);
    uint64_t share = balance_share(s->facts, s->own);
    while (share > 0 && !is_paced(orch)) {
        bool whole = s->whole != NULL;
        uint32_t weight = whole ? s->whole_weight : s->chunk;
        if (weight == 0 || (!whole && s->larger == NULL) ||
            !balance_draws(s->prng, share, weight) ||
            !move(s, whole ? s->whole : s->larger, whole)) {
            return;
        }
        share -= MIN(share, (uint64_t)weight * 1000);
        excess -= weight;
        survey(s, excess);
    }
}

static bool may_shed(const struct registry_node *node)
{
    return (node->state == REGISTRY_READY || node->state == REGISTRY_CORDONED) && !node->suspect;
}

void orch_rebalance_heard(struct orch *orch, const char *id)
{
    const struct balance_config *config = &orch->config.balance;
    struct shedding s = {
        .orch = orch, .prng = &orch->prng, .facts = registry_get(orch->registry, id)};
    HASH_FIND_STR(orch->nodes, id, s.node);
    if (config->hot_permille == 0 || s.node == NULL) {
        return;
    }
    struct balance *balance = &s.node->balance;
    if (balance_heard(balance, orch->now_us, config, s.facts)) {
        log_write(orch->config.log, LOG_INFO, "node_%s node=%s name=%s heat_permille=%u cause=%s",
                  balance->cause == BALANCE_COOL ? "cool" : "hot", id, s.facts->name,
                  balance_heat(balance), balance_cause_name(balance->cause));
    }
    if (may_shed(s.facts) && balance_due(balance, orch->now_us)) {
        shed(&s);
    }
}

/* ---- Asked for ----------------------------------------------------------------------------- */

/* Our part of what is too much on the node, by whole rooms of no more than that. */
static void shed_all(struct shedding *s)
{
    uint32_t excess = balance_excess(&s->node->balance, &s->orch->config.balance, s->facts);
    survey(s, excess);
    uint64_t all = MAX((uint64_t)s->facts->load.weight, s->own);
    uint32_t left = all == 0 ? 0 : (uint32_t)((uint64_t)excess * s->own / all);
    while (left > 0 && (s->round->dry || !is_paced(s->orch))) {
        survey(s, left);
        bool whole = s->whole != NULL;
        uint32_t weight = whole ? s->whole_weight : s->chunk;
        if (weight == 0 || (!whole && s->larger == NULL) ||
            !move(s, whole ? s->whole : s->larger, whole)) {
            return;
        }
        left -= MIN(left, weight);
    }
}

json_t *orch_rebalance_now(struct orch *orch, bool dry)
{
    struct round round = {.moves = json_array(), .dry = dry};
    struct prng prng = orch->prng; /* what is only told of changes nothing */
    for (size_t i = 0; i < registry_count(orch->registry); i++) {
        struct shedding s = {.orch = orch,
                             .round = &round,
                             .prng = dry ? &prng : &orch->prng,
                             .facts = registry_at(orch->registry, i)};
        HASH_FIND_STR(orch->nodes, s.facts->id, s.node);
        if (s.node != NULL && s.node->balance.cause != BALANCE_COOL && may_shed(s.facts)) {
            shed_all(&s);
        }
    }
    free(round.planned);
    return json_pack("{s:o}", "moves", round.moves);
}
