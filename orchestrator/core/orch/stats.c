/* SPDX-License-Identifier: Apache-2.0
 *
 * What is counted, and what is looked up when somebody asks: sums over rooms, and over the nodes of
 * each region.
 */
#include "orchestrator/core/orch/private.h"

#include <stdio.h>
#include <utlist.h>

uint32_t orch_people_on(const struct orch *orch, const char *node)
{
    const char *sid = NULL;
    size_t people = 0;
    while ((sid = registry_room_after(orch->registry, node, sid)) != NULL) {
        const struct room_entry *entry = orch_room_by_sid(orch, sid);
        people += entry != NULL && room_on_node(entry->room, node)
                      ? room_node_people(entry->room, node)
                      : 0;
    }
    return (uint32_t)people;
}

static void add_drains(const struct orch *orch, struct orch_stats *out)
{
    const struct drain *drain;
    DL_FOREACH(orch->drains, drain)
    {
        out->drains++;
        out->draining_people += orch_people_on(orch, drain->node);
    }
}

void orch_stats(const struct orch *orch, struct orch_stats *out)
{
    *out = orch->stats;
    out->loop_late = detector_stats(orch->detector)->own_lag;
    out->all_silent = detector_stats(orch->detector)->all_silent;
    add_drains(orch, out);
    out->rooms = HASH_COUNT(orch->rooms);
    for (const struct room_entry *entry = orch->rooms; entry != NULL; entry = entry->hh.next) {
        out->participants += room_participant_count(entry->room);
        out->specs_unacked += room_specs_unacked(entry->room);
        out->without_video += entry->is_short ? room_held(entry->room, NULL).people : 0;
    }
    out->waiting = orch->waiting;
    out->waiting_elsewhere = orch->waiting_elsewhere;
    for (size_t i = 0; i < registry_count(orch->registry); i++) {
        const struct registry_node *node = registry_at(orch->registry, i);
        out->nodes_ready += node->state == REGISTRY_READY;
        out->rooms_on_nodes += node->state == REGISTRY_GONE ? 0 : node->room_count;
        out->reserved += node->reserved;
        out->nodes_gray += node->state == REGISTRY_GRAY;
    }
    for (const struct node_entry *node = orch->nodes; node != NULL; node = node->hh.next) {
        out->nodes_hot += node->balance.cause != BALANCE_COOL;
    }
}

static void add_node(const struct orch *orch, const struct registry_node *node,
                     struct orch_region_stats *out)
{
    if (node->state == REGISTRY_READY && node->suspect) {
        out->suspect++;
        return;
    }
    out->nodes[node->state]++;
    if (node->state == REGISTRY_READY) {
        uint64_t mark = (uint64_t)node->capacity * orch->config.fill_permille / 1000;
        uint64_t has = node->load.weight + node->reserved;
        out->capacity += node->capacity;
        out->weight += node->load.weight;
        out->reserved += node->reserved;
        out->headroom += mark - MIN(mark, has);
    }
}

size_t orch_region_stats(const struct orch *orch, struct orch_region_stats *out, size_t max)
{
    size_t count = MIN(registry_region_count(orch->registry), max);
    for (size_t i = 0; i < count; i++) {
        out[i] = (struct orch_region_stats){.region = registry_region_name(orch->registry, i)};
    }
    for (size_t i = 0; i < registry_count(orch->registry); i++) {
        const struct registry_node *node = registry_at(orch->registry, i);
        size_t region = registry_region_of(node);
        if (region < count) {
            add_node(orch, node, &out[region]);
        }
    }
    return count;
}

bool orch_ready(const struct orch *orch, char *reason, size_t len)
{
    for (size_t i = 0; i < registry_count(orch->registry); i++) {
        const struct registry_node *node = registry_at(orch->registry, i);
        if (node->state == REGISTRY_READY && !node->suspect) {
            return true;
        }
    }
    snprintf(reason, len, "no media node is ready");
    return false;
}
