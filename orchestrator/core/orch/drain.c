/* SPDX-License-Identifier: Apache-2.0
 *
 * Nodes that are to be empty: told by the operator (drain), stopping themselves (Draining), or not
 * reached by their clients (gray.c). All get nobody new, and their people are moved away a few at a
 * time, each room as a whole where one node takes it. Uncordoning ends it at any moment; who was
 * moved stays where he is.
 *
 * BUDGETS_DRAIN_PER_S people move on average, BUDGETS_DRAIN_AT_ONCE of them at once at the start; a
 * room counts when it was moved, so that one larger than that moves whole, too. Who did not arrive
 * at the new node stays (room/move.c), and whom no node takes: both are tried again after
 * BUDGETS_AGAIN_US.
 */
#include "orchestrator/core/orch/budgets.h"
#include "orchestrator/core/orch/private.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <utlist.h>

#define MOVE_US (TIME_S(1) / BUDGETS_DRAIN_PER_S)

static struct drain *find(const struct orch *orch, const char *node)
{
    struct drain *drain;
    DL_FOREACH(orch->drains, drain)
    {
        if (strcmp(drain->node, node) == 0) {
            return drain;
        }
    }
    return NULL;
}

static void forget(struct orch *orch, struct drain *drain)
{
    trace_end_failed(orch->config.tracer, &drain->span, orch->now_us, "ended before it was empty");
    DL_DELETE(orch->drains, drain);
    free(drain);
}

/* ---- Moving -------------------------------------------------------------------------------- */

/* No node takes all of them: each goes where there is place. */
static size_t scatter(struct orch *orch, struct room_entry *entry, const char *from)
{
    struct arena arena = {0};
    Livekit__ParticipantInfo **infos;
    size_t moved = 0;
    size_t count = room_participants(entry->room, &arena, &infos);
    for (size_t i = 0; i < count; i++) {
        const char *node = room_node_of(entry->room, infos[i]->identity);
        if (node != NULL && strcmp(node, from) == 0) {
            moved += orch_place_elsewhere(orch, entry, infos[i]->identity, from) == 0;
        }
    }
    arena_fini(&arena);
    return moved;
}

/* One room's people, now; how many. May free the entry. */
static size_t move(struct orch *orch, struct room_entry *entry, const char *from)
{
    size_t moved = room_node_people(entry->room, from);
    entry->drained_us = orch->now_us + BUDGETS_AGAIN_US;
    if (orch_place_evacuate(orch, entry, from, NULL) != 0) {
        moved = scatter(orch, entry, from);
    }
    if (moved == 0 && !entry->stays) { /* it is tried again and again */
        log_write(orch->config.log, LOG_WARN, "room_stays room=%s node=%s", entry->sid, from);
    }
    entry->stays = moved == 0;
    orch_settle(orch, entry);
    return moved;
}

static struct room_entry *next_room(const struct orch *orch, const char *node)
{
    for (struct room_entry *entry = orch->rooms; entry != NULL; entry = entry->hh.next) {
        if (entry->drained_us <= orch->now_us && room_on_node(entry->room, node)) {
            return entry;
        }
    }
    return NULL;
}

/* None of our rooms is on it. */
static bool is_clear(const struct orch *orch, const char *node)
{
    bool clear = true;
    for (const struct room_entry *entry = orch->rooms; entry != NULL; entry = entry->hh.next) {
        clear = clear && !room_on_node(entry->room, node);
    }
    return clear;
}

static void run(struct orch *orch, struct drain *drain)
{
    struct room_entry *entry = NULL;
    struct room_cause before = orch->cause;
    orch->cause =
        (struct room_cause){.why = drain->gray ? "gray" : "drain", .trace = drain->span.context};
    int64_t ahead_us = orch->now_us + BUDGETS_DRAIN_AT_ONCE * MOVE_US;
    while (drain->moves_us < ahead_us && (entry = next_room(orch, drain->node)) != NULL) {
        size_t moved = move(orch, entry, drain->node);
        drain->moves_us = MAX(drain->moves_us, orch->now_us) + (int64_t)moved * MOVE_US;
    }
    orch->cause = before;
    bool paced = drain->moves_us >= ahead_us;
    bool drained = is_clear(orch, drain->node);
    if (drained && !drain->drained) {
        log_write(orch->config.log, LOG_INFO, "node_drained node=%s name=%s", drain->node,
                  orch_node_name(orch, drain->node));
        trace_end(orch->config.tracer, &drain->span, orch->now_us);
    }
    drain->drained = drained;
    drain->wake_us = paced ? drain->moves_us - (BUDGETS_DRAIN_AT_ONCE - 1) * MOVE_US
                           : orch->now_us + BUDGETS_AGAIN_US;
}

/* ---- Nodes --------------------------------------------------------------------------------- */

void orch_drain_begin(struct orch *orch, const char *node, enum registry_state state)
{
    if (registry_set_state(orch->registry, node, state) != 0 || find(orch, node) != NULL) {
        return;
    }
    log_write(orch->config.log, LOG_INFO, "node_draining node=%s name=%s", node,
              orch_node_name(orch, node));
    struct drain *drain = mem_alloc(sizeof(*drain));
    snprintf(drain->node, sizeof(drain->node), "%s", node);
    drain->moves_us = orch->now_us;
    drain->gray = state == REGISTRY_GRAY;
    drain->span = trace_part_or_root(orch->config.tracer, orch->now_us, "drain", TRACE_INTERNAL,
                                     &orch->cause.trace);
    trace_text(&drain->span, "spillway.node", node);
    DL_APPEND(orch->drains, drain);
    orch_place_promises(orch, node);
    run(orch, drain);
}

void orch_drain_end(struct orch *orch, const char *node)
{
    struct drain *drain = find(orch, node);
    if (drain == NULL) {
        return;
    }
    forget(orch, drain);
    for (struct room_entry *entry = orch->rooms; entry != NULL; entry = entry->hh.next) {
        entry->stays = false; /* the next drain tells it again */
    }
}

static bool is_among(const struct registry_node *node, const struct registry_node *const *nodes,
                     size_t count)
{
    bool found = false;
    for (size_t i = 0; i < count && !found; i++) {
        found = nodes[i] == node;
    }
    return found;
}

bool orch_drain_possible(const struct orch *orch, const struct registry_node *const *nodes,
                         size_t count)
{
    uint64_t room_for = 0, weight = 0;
    bool alone = true, idle = true;
    for (size_t i = 0; i < registry_count(orch->registry); i++) {
        const struct registry_node *other = registry_at(orch->registry, i);
        if (other->state != REGISTRY_READY || other->suspect || is_among(other, nodes, count)) {
            continue;
        }
        uint64_t mark = (uint64_t)other->capacity * orch->config.join_permille / 1000;
        uint64_t has = other->load.weight + other->reserved;
        room_for += mark > has ? mark - has : 0;
        alone = false;
    }
    for (size_t i = 0; i < count; i++) { /* rooms too: of who came just now no load speaks yet */
        const struct registry_load *load = &nodes[i]->load;
        idle = idle && load->weight == 0 && load->transports == 0 && nodes[i]->room_count == 0;
        weight += load->weight;
    }
    return idle || (!alone && room_for >= weight);
}

/* ---- Asked beforehand ---------------------------------------------------------------------- */

enum { OK = 200, BAD = 400, NOT_FOUND = 404 };

/* How many; 0: the list makes no sense. *unknown: no live node is called so; else NULL. */
static size_t find_nodes(const struct orch *orch, const json_t *names,
                         const struct registry_node **out, const char **unknown)
{
    size_t count = json_array_size(names);
    *unknown = NULL;
    for (size_t i = 0; i < count; i++) {
        const char *name = json_string_value(json_array_get(names, i));
        if (name == NULL) {
            return 0;
        }
        out[i] = orch_admin_node(orch, name);
        if (out[i] == NULL || out[i]->state == REGISTRY_GONE) {
            *unknown = name;
        }
    }
    return count;
}

void orch_drain_check(struct orch *orch, uint64_t request, struct bytes body)
{
    const struct registry_node *nodes[ORCH_DRAIN_CHECK_MAX];
    const char *unknown;
    json_t *asked = json_loadb((const char *)body.data, body.len, 0, NULL);
    const json_t *names = json_object_get(asked, "nodes");
    bool fits = json_array_size(names) <= ORCH_DRAIN_CHECK_MAX;
    size_t count = fits ? find_nodes(orch, names, nodes, &unknown) : 0;
    if (count == 0) {
        orch_admin_fail(orch, request, BAD, "bad_request", "nodes is not a list of 1 to 256 names");
    } else if (unknown != NULL) {
        orch_admin_fail(orch, request, NOT_FOUND, "not_found", "no live node has this id or name");
    } else {
        bool possible = json_is_true(json_object_get(asked, "force")) ||
                        orch_drain_possible(orch, nodes, count);
        orch_admin_reply(
            orch, request, OK,
            json_pack("{s:b, s:s}", "possible", possible, "text", possible ? "" : ORCH_NO_PLACE));
    }
    json_decref(asked);
}

/* ---- Time ---------------------------------------------------------------------------------- */

int64_t orch_drain_deadline(const struct orch *orch)
{
    const struct drain *drain;
    int64_t at = TIME_NEVER;
    DL_FOREACH(orch->drains, drain)
    {
        at = MIN(at, drain->wake_us);
    }
    return at;
}

void orch_drain_expire(struct orch *orch)
{
    struct drain *drain;
    DL_FOREACH(orch->drains, drain)
    {
        if (drain->wake_us <= orch->now_us) {
            run(orch, drain);
        }
    }
}

void orch_drain_fini(struct orch *orch)
{
    while (orch->drains != NULL) {
        trace_forget(&orch->drains->span); /* nobody takes it any more */
        forget(orch, orch->drains);
    }
}
