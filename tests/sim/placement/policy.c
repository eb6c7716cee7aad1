/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/sim/placement/policy.h"

#include "common/room_mix/room_mix.h"
#include "tests/sim/placement/nodes.h"

#include <stdio.h>
#include <stdlib.h>

#define ROOM_WEIGHT       16  /* the configuration's default, as in nodes_registry() */
#define EXPECTED_PERMILLE 250 /* of a node, see orch/place.c */

struct own_policy {
    const struct fleet_config *config;
    uint32_t capacity;
    struct registry **registries;
    uint32_t count;
    struct placement_map *map;
    struct prng prng;
    uint64_t refusals[POLICY_REASONS];
};

static void room_sid(char out[ID_MAX], const struct fleet_room *room)
{
    snprintf(out, ID_MAX, "RM_%u.%u", room->index, room->generation);
}

static struct registry *owner_of(const struct own_policy *own, const struct fleet_room *room)
{
    return own->registries[room->index % own->count];
}

static uint32_t share_of(const struct fleet_room *room, uint32_t node)
{
    for (uint32_t i = 0; i < room->share_count; i++) {
        if (room->shares[i].node == node) {
            return room->shares[i].weight;
        }
    }
    return 0;
}

/* Reserves and confirms, as a node that answers at once would make it happen. */
static void reserve(struct own_policy *own, int64_t now_us, const struct fleet_room *room,
                    const char *id, uint32_t weight, uint32_t carried)
{
    char sid[ID_MAX];
    room_sid(sid, room);
    struct registry *registry = owner_of(own, room);
    int err = registry_room_placed(registry, now_us, id, sid, weight);
    assert(err == 0);
    if (room->come == 0 && room->hinted) {
        uint32_t most = own->capacity / 1000 * EXPECTED_PERMILLE;
        registry_room_expected(registry, now_us, id, sid,
                               MIN(placement_room_weight(room->size), most));
    }
    registry_room_confirmed(registry, id, sid, carried);
}

static uint32_t own_join(void *arg, int64_t now_us, const struct fleet_room *room, uint16_t region)
{
    struct own_policy *own = arg;
    char sid[ID_MAX], asked[ID_MAX], ids[FLEET_SPAN_MAX][ID_MAX];
    const char *held[FLEET_SPAN_MAX];
    room_sid(sid, room);
    snprintf(asked, sizeof(asked), "r%u", region);
    for (uint32_t i = 0; i < room->share_count; i++) {
        nodes_id(ids[i], room->shares[i].node);
        held[i] = ids[i];
    }
    bool is_new = room->share_count == 0;
    struct placement_request request = {.who = is_new ? PLACEMENT_NEW_ROOM : PLACEMENT_JOIN,
                                        .region = asked,
                                        .room = is_new ? NULL : sid,
                                        .weight = is_new ? ROOM_WEIGHT : room->weight,
                                        .held = held,
                                        .held_count = room->share_count,
                                        .map = own->map,
                                        .samples = PLACEMENT_SAMPLES_DEFAULT};
    struct placement_answer answer;
    registry_expire(owner_of(own, room), now_us);
    if (placement_choose(&request, owner_of(own, room), now_us, &own->prng, &answer) != 0) {
        own->refusals[answer.reason]++;
        return FLEET_REFUSED;
    }
    uint32_t node = nodes_number(answer.node->id);
    reserve(own, now_us, room, answer.node->id, request.weight,
            share_of(room, node) + room->weight);
    return node;
}

static void own_present(void *arg, const struct fleet_room *room)
{
    char id[ID_MAX];
    for (uint32_t i = 0; i < room->share_count; i++) {
        nodes_id(id, room->shares[i].node);
        reserve(arg, 0, room, id, room->shares[i].weight, room->shares[i].weight);
    }
}

static void own_end(void *arg, const struct fleet_room *room)
{
    char sid[ID_MAX], id[ID_MAX];
    room_sid(sid, room);
    for (uint32_t i = 0; i < room->share_count; i++) {
        nodes_id(id, room->shares[i].node);
        registry_room_removed(owner_of(arg, room), id, sid);
    }
}

static void own_report(void *arg, int64_t now_us, uint32_t node, uint32_t weight)
{
    struct own_policy *own = arg;
    char id[ID_MAX];
    nodes_id(id, node);
    const struct registry_load load = {.weight = weight};
    for (uint32_t i = 0; i < own->count; i++) {
        int err = registry_heard(own->registries[i], now_us, id, &load);
        assert(err == 0);
    }
}

struct own_policy *own_policy_new(const struct fleet_config *config, uint32_t orchestrators,
                                  struct fleet_policy *out)
{
    struct own_policy *own = mem_alloc(sizeof(*own));
    own->config = config;
    own->capacity = room_mix_capacity(config->rooms, config->nodes, config->use);
    own->count = orchestrators;
    own->registries = mem_array(orchestrators, sizeof(*own->registries));
    const struct nodes nodes = {config->nodes, config->regions, own->capacity};
    own->map = nodes_map(&nodes);
    prng_seed(&own->prng, config->seed + 1);
    for (uint32_t i = 0; i < orchestrators; i++) {
        own->registries[i] = nodes_registry(&nodes, orchestrators);
    }
    *out = (struct fleet_policy){
        "best of 8 + reservations", own_join, own_present, own_end, own_report, own};
    return own;
}

void own_policy_free(struct own_policy *own)
{
    for (uint32_t i = 0; i < own->count; i++) {
        registry_free(own->registries[i]);
    }
    placement_map_free(own->map);
    free(own->registries);
    free(own);
}

const uint64_t *own_policy_refusals(const struct own_policy *own)
{
    return own->refusals;
}

/* ---- Naive ---- */

struct naive_policy {
    uint32_t nodes;
    uint32_t *reported;
};

static uint32_t naive_join(void *arg, int64_t now_us, const struct fleet_room *room,
                           uint16_t region)
{
    const struct naive_policy *naive = arg;
    uint32_t best = 0;
    (void)now_us;
    (void)region;
    if (room->share_count > 0) {
        return room->shares[0].node;
    }
    for (uint32_t i = 1; i < naive->nodes; i++) {
        best = naive->reported[i] < naive->reported[best] ? i : best;
    }
    return best;
}

static void naive_ignore(void *arg, const struct fleet_room *room)
{
    (void)arg;
    (void)room;
}

static void naive_report(void *arg, int64_t now_us, uint32_t node, uint32_t weight)
{
    (void)now_us;
    ((struct naive_policy *)arg)->reported[node] = weight;
}

struct naive_policy *naive_policy_new(const struct fleet_config *config, struct fleet_policy *out)
{
    struct naive_policy *naive = mem_alloc(sizeof(*naive));
    naive->nodes = config->nodes;
    naive->reported = mem_array(config->nodes, sizeof(uint32_t));
    *out = (struct fleet_policy){
        "least loaded by report", naive_join, naive_ignore, naive_ignore, naive_report, naive};
    return naive;
}

void naive_policy_free(struct naive_policy *naive)
{
    free(naive->reported);
    free(naive);
}
