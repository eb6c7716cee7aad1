/* SPDX-License-Identifier: Apache-2.0
 *
 * Where rooms go and who is let into them: requests to placement/, and what is reserved for them.
 */
#include "orchestrator/core/orch/budgets.h"
#include "orchestrator/core/orch/private.h"

#include <stdio.h>

/* What is expected of a room reserves at most this share of a node: limits on participants are
 * often set high for all rooms alike, and a room that outgrows its node may span. */
#define EXPECTED_PERMILLE 250

void orch_place_init(struct orch *orch)
{
    const struct orch_config *config = &orch->config;
    orch->registry = registry_new(&(struct registry_config){
        .hold_us = BUDGETS_RESERVATION_US,
        .forget_us = BUDGETS_FORGET_US,
        .expect_us = BUDGETS_EXPECTATION_US,
        .open_permille = config->fill_permille,
        .join_permille = config->join_permille,
        .usual_weight = config->room_weight,
        .node_joins_per_s = config->node_joins_per_s,
        .room_joins_per_s = config->room_joins_per_s,
    });
    orch->map = placement_map_new();
    for (size_t i = 0; i < config->distance_count; i++) {
        const struct orch_distance *d = &config->distances[i];
        if (placement_map_set(orch->map, d->from, d->to, d->ms) != 0) {
            log_write(config->log, LOG_WARN, "region_distance_ignored from=%s to=%s", d->from,
                      d->to);
        }
    }
}

void orch_place_fini(struct orch *orch)
{
    registry_free(orch->registry);
    placement_map_free(orch->map);
}

void orch_place_measured(struct orch *orch, const char *node,
                         const Spillway__Control__TrunkReport *trunk)
{
    const struct registry_node *from = registry_get(orch->registry, node);
    const struct registry_node *to = registry_get(orch->registry, trunk->node);
    if (trunk->rtt_us == 0 || from == NULL || to == NULL || from->region[0] == '\0' ||
        to->region[0] == '\0' || strcmp(from->region, to->region) == 0) {
        return;
    }
    uint32_t ms = MIN(1 + trunk->rtt_us / 1000, PLACEMENT_FAR_MS - 1);
    (void)!placement_map_set(orch->map, from->region, to->region, ms); /* full: as far as before */
}

static struct placement_request request_of(const struct orch *orch, enum placement_who who,
                                           const char *region)
{
    return (struct placement_request){
        .who = who, .region = region, .map = orch->map, .samples = PLACEMENT_SAMPLES_DEFAULT};
}

static struct node_entry *info_of(const struct orch *orch, const char *id)
{
    struct node_entry *node;
    HASH_FIND_STR(orch->nodes, id, node);
    return node;
}

static bool is_gone(const struct orch *orch, const char *id)
{
    const struct registry_node *node = registry_get(orch->registry, id);
    return node == NULL || node->state == REGISTRY_GONE;
}

/* ---- Weight -------------------------------------------------------------------------------- */

static bool has_weight(const struct room_entry *entry, const char *node)
{
    for (size_t i = 0; i < entry->node_count; i++) {
        if (strcmp(entry->nodes[i].id, node) == 0) {
            return true;
        }
    }
    return false;
}

/* The first node of a room whose size was told beforehand keeps place for it. */
static void expect(struct orch *orch, struct room_entry *entry, const char *id)
{
    const struct registry_node *node = registry_get(orch->registry, id);
    uint64_t most = (uint64_t)node->capacity * EXPECTED_PERMILLE / 1000;
    uint32_t weight = (uint32_t)MIN(placement_room_weight(entry->expected), most);
    registry_room_expected(orch->registry, orch->now_us, id, entry->sid, weight);
}

static void list(const struct orch *orch, struct room_entry *entry, const char *node,
                 enum placed placed, const char *from)
{
    entry->nodes = mem_grow(entry->nodes, entry->node_count + 1, sizeof(*entry->nodes));
    struct room_place *place = &entry->nodes[entry->node_count++];
    *place = (struct room_place){.placed = placed, .since_us = orch->now_us};
    snprintf(place->id, sizeof(place->id), "%s", node);
    snprintf(place->from, sizeof(place->from), "%s", from == NULL ? "" : from);
}

/* from: the node that people leave for it, or NULL. */
MUST_CHECK static int reserve(struct orch *orch, struct room_entry *entry, const char *node,
                              uint32_t weight, enum placed placed, const char *from)
{
    int err = registry_room_placed(orch->registry, orch->now_us, node, entry->sid, weight);
    if (err != 0 || has_weight(entry, node)) {
        return err;
    }
    list(orch, entry, node, placed, from);
    if (entry->node_count == 1 && entry->expected != 0) {
        expect(orch, entry, node);
    }
    return 0;
}

void orch_place_follow(struct orch *orch, struct room_entry *entry)
{
    size_t kept = entry->promised ? 1 : 0;
    for (size_t i = kept; i < entry->node_count; i++) {
        if (room_on_node(entry->room, entry->nodes[i].id)) {
            entry->nodes[kept++] = entry->nodes[i];
        } else {
            registry_room_removed(orch->registry, entry->nodes[i].id, entry->sid);
        }
    }
    entry->node_count = kept;
}

void orch_place_found(struct orch *orch, struct room_entry *entry)
{
    for (size_t i = 0; i < room_node_count(entry->room); i++) {
        const char *node = room_node_at(entry->room, i);
        (void)!reserve(orch, entry, node, room_weight(entry->room, node), PLACED_FOUND,
                       NULL); /* it is there anyway */
        orch->stranded |= is_gone(orch, node);
    }
}

void orch_place_expect(struct orch *orch, struct room_entry *entry, uint32_t participants,
                       enum expected_from from)
{
    if (participants == 0) {
        effects_take(&orch->fx,
                     (struct effect){.type = EFFECT_STORE_SIZE_GET, .name = mem_str(entry->name)});
        return;
    }
    entry->expected = participants;
    entry->expected_from = from;
    if (entry->node_count > 0) {
        expect(orch, entry, entry->nodes[0].id);
    }
}

void orch_sized(struct orch *orch, int64_t now_us, const char *room, uint32_t people)
{
    orch_tick(orch, now_us);
    struct room_entry *entry = orch_room(orch, room);
    if (entry != NULL && entry->expected == 0 && people != 0) {
        orch_place_expect(orch, entry, people, EXPECTED_HISTORY);
    }
}

/* ---- Joins --------------------------------------------------------------------------------- */

/* Where the room is, or while nobody is in it has place, for a request; in the arena. */
static void put_held(struct placement_request *request, const struct room_entry *entry,
                     struct arena *arena)
{
    bool empty = room_node_count(entry->room) == 0;
    size_t count = empty ? entry->node_count : room_node_count(entry->room);
    const char **held = arena_array(arena, count, sizeof(*held));
    for (size_t i = 0; i < count; i++) {
        held[i] = empty ? entry->nodes[i].id : room_node_at(entry->room, i);
    }
    request->held = held;
    request->held_count = count;
    request->room = entry->sid;
}

/* Who did not reach a node tries another one, if there is any. */
static void avoid_failed(const struct orch *orch, struct placement_request *request,
                         const struct room_entry *entry, const char *identity, struct arena *arena)
{
    const char *node = entry == NULL ? NULL : orch_gray_failed_at(orch, entry->name, identity);
    if (node != NULL) {
        const char **excluded = arena_array(arena, 1, sizeof(*excluded));
        excluded[0] = node;
        request->excluded = excluded;
        request->excluded_count = 1;
    }
}

struct placement_request orch_place_request(const struct orch *orch, const struct room_entry *entry,
                                            const char *region, const char *identity,
                                            struct arena *arena)
{
    struct placement_request request = request_of(orch, PLACEMENT_NEW_ROOM, region);
    request.weight = orch->config.room_weight;
    if (entry != NULL) {
        put_held(&request, entry, arena);
    }
    if (request.held_count > 0) {
        request.who = PLACEMENT_JOIN;
        request.weight = BUDGETS_JOIN_WEIGHT;
    }
    if (entry != NULL && room_node_of(entry->room, identity) != NULL) {
        request.who = PLACEMENT_RECONNECT;
    }
    orch_pin_heed(orch, entry, &request);
    avoid_failed(orch, &request, entry, identity, arena);
    return request;
}

/* Where placement would put nobody new, in doubt of the node or because it drains, who joins a room
 * goes where the room is. */
int orch_place_choose(const struct orch *orch, const struct placement_request *request,
                      struct prng *prng, struct placement_answer *answer)
{
    int err = placement_choose(request, orch->registry, orch->now_us, prng, answer);
    for (size_t i = 0; i < request->held_count && err != 0; i++) {
        const struct registry_node *node = registry_get(orch->registry, request->held[i]);
        if (node != NULL && node->state != REGISTRY_GONE) {
            err = placement_admit(request, orch->registry, orch->now_us, node, prng, answer);
        }
    }
    if (err != 0 && request->excluded_count > 0) {
        struct placement_request any = *request;
        any.excluded_count = 0;
        err = placement_choose(&any, orch->registry, orch->now_us, prng, answer);
    }
    bool is_new = err == 0 && answer->reason != PLACEMENT_KEPT;
    return is_new && request->held_count >= ROOM_NODES_MAX ? ERR_FULL : err;
}

bool orch_place_admits(struct orch *orch, const struct room_entry *entry, const char *region,
                       const char *identity)
{
    struct arena arena = {0};
    struct placement_request request = orch_place_request(orch, entry, region, identity, &arena);
    struct prng prng = orch->prng; /* asking does not change what comes next */
    struct placement_answer answer;
    int err = orch_place_choose(orch, &request, &prng, &answer);
    if (err != 0) {
        orch->refusal = answer;
    }
    arena_fini(&arena);
    return err == 0;
}

uint32_t orch_place_retry_s(struct orch *orch)
{
    return PLACEMENT_FULL_RETRY_S + (uint32_t)prng_below(&orch->prng, PLACEMENT_FULL_RETRY_S + 1);
}

uint32_t orch_place_weight(const struct orch *orch)
{
    return orch->config.room_weight + BUDGETS_JOIN_WEIGHT;
}

int orch_place_room(struct orch *orch, struct room_entry *entry, const char *region)
{
    struct placement_request request = request_of(orch, PLACEMENT_NEW_ROOM, region);
    request.weight = orch->config.room_weight;
    int err = orch_share_choose(orch, entry, &request, &orch->refusal);
    if (err == 0) {
        err = reserve(orch, entry, orch->refusal.node->id, request.weight, PLACED_NEW, NULL);
        entry->promised = err == 0;
    }
    if (err == 0) {
        effect_room_stored(&orch->fx, entry->name, orch_place_node(entry), room_epoch(entry->room));
    }
    return err;
}

const char *orch_place_node(const struct room_entry *entry)
{
    if (room_node_count(entry->room) > 0) {
        return room_node_at(entry->room, 0);
    }
    return entry->node_count > 0 ? entry->nodes[0].id : "";
}

int orch_place_join(struct orch *orch, struct room_entry *entry, const char *region,
                    const char *identity, const Spillway__Control__Register **out)
{
    struct arena arena = {0};
    struct placement_request request = orch_place_request(orch, entry, region, identity, &arena);
    int err = orch_share_choose(orch, entry, &request, &orch->refusal);
    if (err == 0) {
        const char *id = orch->refusal.node->id;
        uint32_t weight = has_weight(entry, id) ? BUDGETS_JOIN_WEIGHT : orch_place_weight(orch);
        err = reserve(orch, entry, id, weight, entry->node_count == 0 ? PLACED_NEW : PLACED_JOIN,
                      NULL);
        *out = info_of(orch, id)->info;
        entry->promised = false;
    }
    arena_fini(&arena);
    return err;
}

/* ---- Moves --------------------------------------------------------------------------------- */

/* Why people leave a node. */
static enum placed leaving(const struct orch *orch, const char *from)
{
    const struct registry_node *node = registry_get(orch->registry, from);
    switch (node == NULL ? REGISTRY_GONE : node->state) {
    case REGISTRY_GONE:
        return PLACED_DEATH;
    case REGISTRY_DRAINING:
        return PLACED_DRAIN;
    case REGISTRY_GRAY:
        return PLACED_GRAY;
    default:
        return PLACED_MOVE;
    }
}

int orch_place_move(struct orch *orch, struct room_entry *entry, const char *identity,
                    const char *node)
{
    const struct node_entry *info = info_of(orch, node);
    const char *from = room_node_of(entry->room, identity);
    if (info == NULL || from == NULL) {
        return ERR_NOT_FOUND;
    }
    if (!room_on_node(entry->room, node) && room_node_count(entry->room) == ROOM_NODES_MAX) {
        return ERR_FULL;
    }
    int err = reserve(orch, entry, node, BUDGETS_JOIN_WEIGHT, leaving(orch, from), from);
    if (err == 0) {
        orch->stats.moves++;
        err = room_move(entry->room, orch->now_us, identity, info->info, &orch->cause, &orch->fx);
    }
    return err;
}

/* Where who leaves a node goes, and in front of whom he is let in there. */
static int choose_other(struct orch *orch, const struct room_entry *entry, const char *from,
                        enum placement_who who, uint32_t weight)
{
    const struct registry_node *old = registry_get(orch->registry, from);
    struct arena arena = {0};
    struct placement_request request =
        request_of(orch, who, old == NULL ? orch->config.region : old->region);
    put_held(&request, entry, &arena);
    orch_pin_heed(orch, entry, &request);
    request.weight = weight + (is_gone(orch, from) ? entry->relayed : 0);
    request.excluded = &from;
    request.excluded_count = 1;
    request.parts = orch->share.planners.count;
    request.part = orch->share.planners.place;
    int err = placement_flee(&request, orch->registry, orch->now_us, &orch->prng, &orch->refusal);
    arena_fini(&arena);
    return err;
}

/* Of a node's capacity, for who is let in up to there. */
static uint32_t weight_max(const struct orch *orch, const char *id, uint32_t permille)
{
    const struct registry_node *node = registry_get(orch->registry, id);
    return (uint32_t)((uint64_t)node->capacity * permille / 1000);
}

/* Those on a node (identity NULL: all of them) to another one, with so much weight, which that one
 * may refuse beyond so much of its capacity if the first one is dead. */
static int evacuate(struct orch *orch, struct room_entry *entry, const char *from,
                    const char *identity, const char *to, uint32_t weight, uint32_t permille)
{
    const struct node_entry *info = info_of(orch, to);
    if (info == NULL) {
        return ERR_NOT_FOUND;
    }
    int err = reserve(orch, entry, to, weight, leaving(orch, from), from);
    if (err != 0) {
        return err;
    }
    const struct registry_node *old = registry_get(orch->registry, from);
    uint64_t people = identity == NULL ? room_node_people(entry->room, from) : 1;
    struct room_evacuation evacuation = {
        .from = from,
        .identity = identity,
        .to = info->info,
        .dead = is_gone(orch, from),
        .died_us = old == NULL ? orch->now_us : old->gone_at_us,
        .cause = orch->cause,
        .weight_max = is_gone(orch, from) ? weight_max(orch, to, permille) : 0,
    };
    orch->stats.moves += people;
    orch->stats.displaced += evacuation.dead ? people : 0;
    room_evacuate(entry->room, orch->now_us, &evacuation, &orch->fx);
    return 0;
}

int orch_place_evacuate(struct orch *orch, struct room_entry *entry, const char *from,
                        const char *to)
{
    /* All together: to a node that takes them all. */
    uint32_t weight = MAX(orch->config.room_weight, room_weight(entry->room, from));
    int err = to != NULL ? 0 : choose_other(orch, entry, from, PLACEMENT_MOVE, weight);
    if (err != 0) {
        return err;
    }
    return evacuate(orch, entry, from, NULL, to != NULL ? to : orch->refusal.node->id, weight,
                    orch->config.join_permille);
}

int orch_place_flee(struct orch *orch, struct room_entry *entry, const char *from,
                    const char *identity)
{
    uint32_t weight = identity == NULL ? room_weight(entry->room, from)
                                       : room_person_weight(entry->room, identity);
    int err = choose_other(orch, entry, from, PLACEMENT_RECONNECT, weight);
    if (err != 0) {
        return err;
    }
    return evacuate(orch, entry, from, identity, orch->refusal.node->id, weight, 1000);
}

int orch_place_elsewhere(struct orch *orch, struct room_entry *entry, const char *identity,
                         const char *from)
{
    int err = choose_other(orch, entry, from, PLACEMENT_RECONNECT, BUDGETS_JOIN_WEIGHT);
    return err != 0 ? err : orch_place_move(orch, entry, identity, orch->refusal.node->id);
}

int orch_place_plan(struct orch *orch, struct room_entry *entry, const char *identity,
                    const char *from)
{
    int err = choose_other(orch, entry, from, PLACEMENT_RECONNECT, BUDGETS_JOIN_WEIGHT);
    if (err != 0) {
        return err;
    }
    const struct node_entry *to = info_of(orch, orch->refusal.node->id);
    if (to == NULL || !room_may_plan(entry->room, identity, to->info)) {
        return ERR_STATE;
    }
    return orch_place_move(orch, entry, identity, to->id);
}

/* Nobody is in the room yet: what was kept for it there is kept elsewhere. If there is no such
 * place now, the first one who joins finds it, or is refused. */
static void keep_elsewhere(struct orch *orch, struct room_entry *entry)
{
    entry->promised = false;
    orch_place_follow(orch, entry);
    (void)!orch_place_room(orch, entry, orch->config.region);
}

void orch_place_promises(struct orch *orch, const char *node)
{
    struct room_entry *entry, *next;
    HASH_ITER(hh, orch->rooms, entry, next)
    {
        if (entry->promised && has_weight(entry, node)) {
            keep_elsewhere(orch, entry);
        }
    }
}

void orch_place_back(const struct orch *orch, struct room_entry *entry, const char *node,
                     const char *from)
{
    if (!has_weight(entry, node)) { /* if it comes back to life, it counts what it has (node.c) */
        list(orch, entry, node, PLACED_FOUND, from);
    }
}

/* It may have weight on that node, and nobody. */
void orch_place_leave_room(struct orch *orch, struct room_entry *entry, const char *node)
{
    if (entry->promised) {
        keep_elsewhere(orch, entry);
    } else if (room_on_node(entry->room, node)) {
        if (orch_place_evacuate(orch, entry, node, NULL) != 0 &&
            !orch_short_evacuate(orch, entry, node)) {
            log_write(orch->config.log, LOG_ERROR, "room_stays room=%s node=%s", entry->sid, node);
            orch->stranded = true;
        }
        orch_settle(orch, entry);
    }
}

void orch_place_leave_the_dead(struct orch *orch, const char *room)
{
    struct room_entry *entry = orch_room(orch, room);
    size_t at = entry == NULL ? 0 : room_node_count(entry->room);
    for (; entry != NULL && at-- > 0; entry = orch_room(orch, room)) {
        if (at < room_node_count(entry->room) && is_gone(orch, room_node_at(entry->room, at))) {
            char node[REGISTRY_NAME_MAX];
            snprintf(node, sizeof(node), "%s", room_node_at(entry->room, at));
            orch_place_leave_room(orch, entry, node); /* it may be over then */
        }
    }
}

void orch_place_leave(struct orch *orch, const char *node)
{
    const char *sid = registry_room_after(orch->registry, node, NULL);
    uint64_t moves = orch->stats.moves;
    size_t rooms = 0;
    while (sid != NULL) {
        rooms++;
        struct room_entry *entry = orch_room_by_sid(orch, sid);
        sid = registry_room_after(orch->registry, node, sid); /* this one may go now */
        assert(entry != NULL);                                /* rows go with their rooms */
        entry->relayed = 0;
        orch_place_leave_room(orch, entry, node);
    }
    if (rooms > 0) {
        log_write(orch->config.log, LOG_INFO,
                  "node_evacuated node=%s name=%s rooms=%zu participants=%llu", node,
                  orch_node_name(orch, node), rooms,
                  (unsigned long long)(orch->stats.moves - moves));
    }
}

/* What of the room stays on dead nodes. May free the entry. */
static uint32_t leave_the_dead(struct orch *orch, struct room_entry *entry)
{
    uint32_t stays = 0;
    bool touched = false;
    for (size_t i = room_node_count(entry->room); i-- > 0;) {
        const char *node = room_node_at(entry->room, i);
        if (!is_gone(orch, node)) {
            continue;
        }
        touched = orch->stranded = true; /* others of it may be left: the list changes */
        if (orch_place_evacuate(orch, entry, node, NULL) == 0 ||
            orch_short_evacuate(orch, entry, node)) {
            break;
        }
        stays += room_weight(entry->room, node);
    }
    if (touched) {
        orch_settle(orch, entry);
    }
    return stays;
}

uint64_t orch_place_waiting(struct orch *orch, size_t rooms_max)
{
    struct room_entry *entry, *next;
    uint64_t weight = 0;
    size_t rooms = 0;
    if (!orch->stranded) {
        return 0;
    }
    orch->stranded = false;
    HASH_ITER(hh, orch->rooms, entry, next)
    {
        if (rooms == rooms_max) {
            orch->stranded = true; /* maybe */
            break;
        }
        uint32_t stays = leave_the_dead(orch, entry);
        weight += stays;
        rooms += stays > 0;
    }
    return weight;
}

/* ---- Refusals ------------------------------------------------------------------------------ */

uint32_t orch_refusal_text(const struct orch *orch, char *out, size_t len)
{
    const struct placement_request request = {.region = ""};
    placement_answer_text(out, len, &request, &orch->refusal);
    return orch->refusal.retry_after_s;
}
