/* SPDX-License-Identifier: Apache-2.0
 *
 * Where rooms go and who is let into them: requests to placement/, and what is reserved for them.
 */
#include "orchestrator/core/orch/private.h"

#include <stdio.h>

#define RESERVATION_US TIME_S(10)
#define EXPECTATION_US TIME_S(600) /* of a room whose size was told beforehand, to fill */
#define FORGET_US      TIME_S(600)
#define JOIN_WEIGHT    4 /* reserved for somebody who joins: two tracks each way */
/* What is expected of a room reserves at most this share of a node: limits on participants are
 * often set high for all rooms alike, and a room that outgrows its node may span. */
#define EXPECTED_PERMILLE 250

void orch_place_init(struct orch *orch)
{
    const struct orch_config *config = &orch->config;
    orch->registry = registry_new(&(struct registry_config){
        .hold_us = RESERVATION_US,
        .forget_us = FORGET_US,
        .expect_us = EXPECTATION_US,
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

static struct placement_request request_of(const struct orch *orch, enum placement_who who,
                                           uint32_t weight)
{
    return (struct placement_request){.who = who,
                                      .region = orch->config.region,
                                      .weight = weight,
                                      .map = orch->map,
                                      .samples = PLACEMENT_SAMPLES_DEFAULT};
}

/* ---- Rooms --------------------------------------------------------------------------------- */

/* Everybody of a room that is on a node moves with it, so it is let in before new ones. */
static const struct registry_node *choose_node(struct orch *orch, const struct room_entry *entry,
                                               uint32_t weight, struct placement_answer *answer)
{
    const char *present = room_node(entry->room);
    bool is_new = present[0] == '\0';
    struct placement_request request =
        request_of(orch, is_new ? PLACEMENT_NEW_ROOM : PLACEMENT_RECONNECT, weight);
    request.excluded = &present;
    request.excluded_count = is_new ? 0 : 1;
    if (placement_choose(&request, orch->registry, orch->now_us, &orch->prng, answer) != 0) {
        return NULL;
    }
    return answer->node;
}

int orch_room_place(struct orch *orch, struct room_entry *entry, const char *node_id)
{
    const char *present = room_node(entry->room);
    uint32_t weight = MAX(orch->config.room_weight, room_weight(entry->room));
    if (node_id == NULL) {
        const struct registry_node *node = choose_node(orch, entry, weight, &orch->refusal);
        if (node == NULL) {
            return ERR_FULL;
        }
        node_id = node->id;
    }
    struct node_entry *node;
    HASH_FIND_STR(orch->nodes, node_id, node);
    if (node == NULL) {
        return ERR_NOT_FOUND;
    }
    int err = registry_room_placed(orch->registry, orch->now_us, node_id, entry->sid, weight);
    if (err != 0) {
        return err;
    }
    if (present[0] != '\0') {
        registry_room_removed(orch->registry, present, entry->sid);
        orch->stats.moves++;
    }
    room_place(entry->room, orch->now_us, node->info, &orch->fx);
    return 0;
}

bool orch_room_waits(const struct orch *orch, const struct room_entry *entry)
{
    const struct registry_node *node = registry_get(orch->registry, room_node(entry->room));
    return node == NULL || node->state == REGISTRY_GONE;
}

void orch_room_expect(struct orch *orch, const struct room_entry *entry, uint32_t participants)
{
    const struct registry_node *node = registry_get(orch->registry, room_node(entry->room));
    if (node != NULL) {
        uint64_t most = (uint64_t)node->capacity * EXPECTED_PERMILLE / 1000;
        uint32_t weight = (uint32_t)MIN(placement_room_weight(participants), most);
        registry_room_expected(orch->registry, orch->now_us, node->id, entry->sid, weight);
    }
}

/* ---- People -------------------------------------------------------------------------------- */

static bool is_in(const struct room_entry *entry, const char *identity)
{
    struct arena arena = {0};
    bool found = room_participant(entry->room, identity, &arena) != NULL;
    arena_fini(&arena);
    return found;
}

bool orch_admits(struct orch *orch, const struct room_entry *entry, const char *identity)
{
    struct placement_request request = request_of(orch, PLACEMENT_JOIN, JOIN_WEIGHT);
    struct placement_answer answer;
    struct prng prng = orch->prng; /* asking does not change what comes next */
    int err;
    if (entry == NULL || orch_room_waits(orch, entry)) {
        request.who = entry == NULL ? PLACEMENT_NEW_ROOM : PLACEMENT_RECONNECT;
        request.weight = orch->config.room_weight;
        err = placement_choose(&request, orch->registry, orch->now_us, &prng, &answer);
    } else {
        const struct registry_node *node = registry_get(orch->registry, room_node(entry->room));
        request.who = is_in(entry, identity) ? PLACEMENT_RECONNECT : PLACEMENT_JOIN;
        request.room = entry->sid;
        err = placement_admit(&request, orch->registry, orch->now_us, node, &orch->prng, &answer);
    }
    if (err != 0) {
        orch->refusal = answer;
    }
    return err == 0;
}

void orch_joined(struct orch *orch, const struct room_entry *entry)
{
    /* Fails only for a node that is gone: the room waits for another one. */
    (void)!registry_room_placed(orch->registry, orch->now_us, room_node(entry->room), entry->sid,
                                JOIN_WEIGHT);
}

uint32_t orch_refusal_text(const struct orch *orch, char *out, size_t len)
{
    const struct placement_request request = {.region = ""};
    placement_answer_text(out, len, &request, &orch->refusal);
    return orch->refusal.retry_after_s;
}
