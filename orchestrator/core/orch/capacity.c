/* SPDX-License-Identifier: Apache-2.0
 *
 * How many nodes each region wants (scaling/), and which one is to go first where there are more.
 *
 * It is looked at when nodes are heard, and when somebody asks. For a moment after the start there
 * is no number, for nodes have to connect first; a region that had a node die does not get fewer
 * for as long as a region that needs fewer keeps its number.
 */
#include "orchestrator/core/orch/private.h"
#include "orchestrator/core/scaling/scaling.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>

/* Longer than the bus pauses before it connects anew. */
#define QUIET_US TIME_S(5)
#define SILENT_US                                                                                  \
    TIME_S(5) /* of a node, which reports four times a second: whether judged or not */

/* A node of it died. */
struct loss {
    char region[REGISTRY_NAME_MAX];
    int64_t at_us;
};

struct capacity {
    struct scaling *scaling;
    int64_t look_us; /* not before */
    struct loss losses[REGISTRY_REGIONS_MAX];
    size_t loss_count;
};

void orch_capacity_init(struct orch *orch)
{
    if (orch->config.scaling == NULL) {
        return;
    }
    orch->capacity = mem_alloc(sizeof(*orch->capacity));
    orch->capacity->scaling = scaling_new(orch->config.scaling);
    orch->capacity->look_us = orch->now_us + QUIET_US;
}

void orch_capacity_fini(struct orch *orch)
{
    if (orch->capacity != NULL) {
        scaling_free(orch->capacity->scaling);
        free(orch->capacity);
    }
}

/* ---- What is known ------------------------------------------------------------------------- */

static struct loss *loss_of(struct capacity *capacity, const char *region)
{
    for (size_t i = 0; i < capacity->loss_count; i++) {
        if (strcmp(capacity->losses[i].region, region) == 0) {
            return &capacity->losses[i];
        }
    }
    return NULL;
}

void orch_capacity_lost(struct orch *orch, const char *id)
{
    struct capacity *capacity = orch->capacity;
    const struct registry_node *node = registry_get(orch->registry, id);
    if (capacity == NULL || node == NULL) {
        return;
    }
    struct loss *loss = loss_of(capacity, node->region);
    if (loss == NULL) { /* more than there can be regions at a time: the last one is replaced */
        capacity->loss_count = MIN(capacity->loss_count + 1, REGISTRY_REGIONS_MAX);
        loss = &capacity->losses[capacity->loss_count - 1];
        memcpy(loss->region, node->region, sizeof(loss->region));
    }
    loss->at_us = orch->now_us;
}

struct sum {
    uint64_t carried, capacity, ready_capacity;
    uint32_t nodes, ready, draining, silent;
};

static void add_node(struct sum *sum, const struct registry_node *node, int64_t now_us)
{
    if (node->state == REGISTRY_GONE) {
        return;
    }
    bool ready = node->state == REGISTRY_READY;
    sum->nodes++;
    sum->capacity += node->capacity;
    sum->carried += node->load.weight + node->reserved;
    sum->silent += node->suspect || now_us - node->heard_at_us > SILENT_US;
    sum->draining += node->state == REGISTRY_DRAINING || node->state == REGISTRY_GRAY;
    sum->ready += ready;
    sum->ready_capacity += ready ? node->capacity : 0;
}

static struct sum *sums_of(const struct orch *orch)
{
    struct sum *sums = mem_array(REGISTRY_REGIONS_MAX, sizeof(*sums));
    for (size_t i = 0; i < registry_count(orch->registry); i++) {
        const struct registry_node *node = registry_at(orch->registry, i);
        add_node(&sums[registry_region_of(node)], node, orch->now_us);
    }
    return sums;
}

/* Of those that take rooms; else of those that are there. */
static uint64_t node_weight(const struct sum *sum)
{
    return sum->ready > 0   ? sum->ready_capacity / sum->ready
           : sum->nodes > 0 ? sum->capacity / sum->nodes
                            : 0;
}

static struct scaling_input input_of(const struct orch *orch, size_t index, const struct sum *sum)
{
    const struct scaling_config *config = orch->config.scaling;
    const char *region = registry_region_name(orch->registry, index);
    const struct loss *loss = loss_of(orch->capacity, region);
    bool lost = loss != NULL && orch->now_us - loss->at_us < config->scale_in_after_us;
    int64_t now_s = orch_wall_s(orch), lead_s = config->node_start_us / TIME_S(1);
    return (struct scaling_input){
        .region = region,
        .whole = sum->nodes > 0 && sum->silent == 0 && !lost,
        .node_weight = node_weight(sum),
        .carried = sum->carried,
        .events = orch_reservations_weight(orch, region),
        .timetable = timetable_nodes(&orch->config.timetable, region, now_s, now_s + lead_s),
    };
}

static void log_changes(const struct orch *orch)
{
    for (size_t i = 0; i < scaling_count(orch->capacity->scaling); i++) {
        const struct scaling_region *region = scaling_at(orch->capacity->scaling, i);
        if (region->changed) {
            log_write(orch->config.log, LOG_INFO, "nodes_wanted region=%s wanted=%u reason=%s",
                      region->region, region->wanted, scaling_reason_name(region->reason));
        }
    }
}

void orch_capacity_look(struct orch *orch)
{
    struct capacity *capacity = orch->capacity;
    if (capacity == NULL || orch->now_us < capacity->look_us) {
        return;
    }
    size_t count = registry_region_count(orch->registry);
    struct scaling_input *inputs = mem_array(MAX(count, 1), sizeof(*inputs));
    struct sum *sums = sums_of(orch);
    orch_reservations_look(orch);
    for (size_t i = 0; i < count; i++) {
        inputs[i] = input_of(orch, i, &sums[i]);
    }
    scaling_look(capacity->scaling, orch->now_us, inputs, count);
    log_changes(orch);
    capacity->look_us = orch->now_us + SCALING_STEP_US;
    free(inputs);
    free(sums);
}

/* ---- What is told -------------------------------------------------------------------------- */

size_t orch_wanted(struct orch *orch, int64_t now_us, struct orch_wanted *out, size_t max)
{
    orch_tick(orch, now_us);
    orch_capacity_look(orch);
    size_t count = orch->capacity == NULL ? 0 : scaling_count(orch->capacity->scaling);
    for (size_t i = 0; i < MIN(count, max); i++) {
        const struct scaling_region *region = scaling_at(orch->capacity->scaling, i);
        out[i] = (struct orch_wanted){.region = region->region,
                                      .nodes = region->wanted,
                                      .held = region->reason == SCALING_HELD};
    }
    return MIN(count, max);
}

static uint64_t carries(const struct registry_node *node)
{
    return node->load.weight + node->reserved;
}

static bool is_emptier(const struct registry_node *a, const struct registry_node *b)
{
    if (b == NULL || carries(a) != carries(b)) {
        return b == NULL || carries(a) < carries(b);
    }
    return a->room_count != b->room_count ? a->room_count < b->room_count
                                          : strcmp(a->name, b->name) < 0;
}

/* Of the nodes that take rooms. NULL: there is none. */
static const struct registry_node *emptiest(const struct orch *orch, const char *region)
{
    const struct registry_node *found = NULL;
    for (size_t i = 0; i < registry_count(orch->registry); i++) {
        const struct registry_node *node = registry_at(orch->registry, i);
        if (node->state == REGISTRY_READY && !node->suspect && strcmp(node->region, region) == 0 &&
            is_emptier(node, found)) {
            found = node;
        }
    }
    return found;
}

static size_t index_of(const struct orch *orch, const char *region)
{
    size_t index = 0;
    while (index < registry_region_count(orch->registry) &&
           strcmp(registry_region_name(orch->registry, index), region) != 0) {
        index++;
    }
    return index;
}

/* One at a time, and none while its region is not known as a whole. */
static json_t *region_json(const struct orch *orch, const struct scaling_region *region,
                           const struct sum *sum)
{
    const struct registry_node *first = emptiest(orch, region->region);
    json_int_t surplus = (json_int_t)sum->ready - region->wanted;
    bool drains = surplus > 0 && sum->draining == 0 && region->reason != SCALING_HELD &&
                  first != NULL && orch_drain_possible(orch, &first, 1);
    return json_pack("{s:s, s:I, s:s, s:I, s:I, s:I, s:I, s:s, s:s, s:I, s:I, s:I, s:I, s:I, s:I}",
                     "name", region->region, "wanted_nodes", (json_int_t)region->wanted, "reason",
                     scaling_reason_name(region->reason), "need_nodes", (json_int_t)region->need,
                     "ready_nodes", (json_int_t)sum->ready, "draining_nodes",
                     (json_int_t)sum->draining, "surplus_nodes", MAX(surplus, 0), "drain_next",
                     drains ? first->name : "", "emptiest_node", first == NULL ? "" : first->name,
                     "node_weight", (json_int_t)region->node_weight, "carried_weight",
                     (json_int_t)region->carried, "growth_weight", (json_int_t)region->growth,
                     "events_weight", (json_int_t)region->events, "spare_weight",
                     (json_int_t)region->spare, "timetable_nodes", (json_int_t)region->timetable);
}

json_t *orch_capacity_json(struct orch *orch)
{
    const struct scaling_config *config = orch->config.scaling;
    json_t *list = json_array();
    struct sum *sums = sums_of(orch), none = {0};
    orch_capacity_look(orch);
    size_t count = orch->capacity == NULL ? 0 : scaling_count(orch->capacity->scaling);
    for (size_t i = 0; i < count; i++) {
        const struct scaling_region *region = scaling_at(orch->capacity->scaling, i);
        size_t index = index_of(orch, region->region);
        bool known = index < registry_region_count(orch->registry);
        json_array_append_new(list, region_json(orch, region, known ? &sums[index] : &none));
    }
    free(sums);
    json_t *out = json_pack("{s:o}", "regions", orch_sorted(list));
    if (config != NULL) {
        json_object_set_new(out, "target_ratio", json_real(config->target_permille / 1000.0));
        json_object_set_new(out, "node_start_s", json_integer(config->node_start_us / TIME_S(1)));
        json_object_set_new(out, "scale_in_after_s",
                            json_integer(config->scale_in_after_us / TIME_S(1)));
        json_object_set_new(out, "survive_region_loss", json_boolean(config->survive_region_loss));
    }
    return out;
}
