/* SPDX-License-Identifier: Apache-2.0
 *
 * What flows between regions: the trunks between their nodes, each by the word of its sending end,
 * once a second (control.proto, TrunkReport). Nodes count bytes since a trunk was made, so a rate
 * takes two reports, and what flowed before the first one is nowhere counted. What a node has not
 * repeated for STALE_US is not told any more.
 */
#include "orchestrator/core/orch/private.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>

#define STALE_US TIME_S(3)
#define BPS_MAX  1e15 /* of a trunk; all of them add up to what JSON's integers hold */

struct trunk_load {
    char node[REGISTRY_NAME_MAX]; /* the other end */
    uint64_t bytes_out;           /* since the trunk was made */
    bool rated;                   /* else the next is unknown */
    uint64_t bps_out;
    uint32_t lost_permille; /* of what came from there */
    uint32_t queue_us;      /* on the way there and back */
};

/* From one region to another. */
struct link {
    uint64_t bps;
    uint32_t trunks, rated;
    uint32_t lost_permille; /* the worst of them */
    uint32_t queue_us;      /* likewise */
    bool told;              /* by who receives: the loss is known */
};

/* ---- Reports ------------------------------------------------------------------------------- */

/* Nodes list their trunks in the same order each time: it is looked for from there. */
static const struct trunk_load *find(const struct node_entry *entry, const char *node, size_t from)
{
    for (size_t i = 0; i < entry->trunk_count; i++) {
        const struct trunk_load *trunk = &entry->trunks[(from + i) % entry->trunk_count];
        if (strcmp(trunk->node, node) == 0) {
            return trunk;
        }
    }
    return NULL;
}

static bool crosses(const struct orch *orch, const char *id, const char *other)
{
    const struct registry_node *a = registry_get(orch->registry, id);
    const struct registry_node *b = registry_get(orch->registry, other);
    return a != NULL && b != NULL && registry_region_of(a) != registry_region_of(b);
}

/* The place of a region among those that were counted; of none: how many there are. */
static size_t place_of(const struct crossings *all, const char *region)
{
    size_t i = 0;
    while (i < all->count && strcmp(all->regions[i], region) != 0) {
        i++;
    }
    return i;
}

/* The same, with a place for it; REGISTRY_REGIONS_MAX: there were too many. */
static size_t find_place(struct crossings *all, const char *region)
{
    size_t place = place_of(all, region), count = all->count;
    if (place < count || count == REGISTRY_REGIONS_MAX) {
        return place;
    }
    uint64_t *bytes = mem_array((count + 1) * (count + 1), sizeof(*bytes));
    for (size_t i = 0; i < count; i++) {
        memcpy(bytes + i * (count + 1), all->bytes + i * count, count * sizeof(*bytes));
    }
    free(all->bytes);
    all->bytes = bytes;
    all->regions = mem_grow(all->regions, count + 1, sizeof(*all->regions));
    snprintf(all->regions[count], REGISTRY_NAME_MAX, "%s", region);
    all->count++;
    return place;
}

static void count_crossing(struct orch *orch, const char *id, const char *other, uint64_t bytes)
{
    struct crossings *all = &orch->crossings;
    size_t from = find_place(all, registry_get(orch->registry, id)->region);
    size_t to = find_place(all, registry_get(orch->registry, other)->region);
    if (from < all->count && to < all->count) {
        all->bytes[from * all->count + to] += bytes;
    }
}

void orch_links_heard(struct orch *orch, struct node_entry *entry,
                      Spillway__Control__TrunkReport *const *trunks, size_t count)
{
    if (count == 0) {
        return;
    }
    struct trunk_load *list = mem_array(count, sizeof(*list));
    size_t kept = 0;
    for (size_t i = 0; i < count; i++) {
        const Spillway__Control__TrunkReport *told = trunks[i];
        if (strlen(told->node) >= REGISTRY_NAME_MAX || !crosses(orch, entry->id, told->node)) {
            continue;
        }
        struct trunk_load *trunk = &list[kept];
        const struct trunk_load *before = find(entry, told->node, kept++);
        int64_t us = orch->now_us - entry->trunks_us;
        *trunk = (struct trunk_load){.bytes_out = told->bytes_out,
                                     .lost_permille = MIN(told->lost_permille, 1000),
                                     .queue_us = told->queue_us};
        snprintf(trunk->node, sizeof(trunk->node), "%s", told->node);
        if (before != NULL && us > 0 && before->bytes_out <= told->bytes_out) {
            trunk->rated = true; /* else it was made anew */
            uint64_t bytes = told->bytes_out - before->bytes_out;
            trunk->bps_out = (uint64_t)MIN((double)bytes * 8e6 / (double)us, BPS_MAX);
            count_crossing(orch, entry->id, told->node, bytes);
        }
    }
    orch_links_forget(entry);
    entry->trunks = list;
    entry->trunk_count = kept;
    entry->trunks_us = orch->now_us;
}

void orch_links_forget(struct node_entry *entry)
{
    free(entry->trunks);
    entry->trunks = NULL;
    entry->trunk_count = 0;
}

void orch_links_fini(struct orch *orch)
{
    free(orch->crossings.regions);
    free(orch->crossings.bytes);
}

/* ---- Regions ------------------------------------------------------------------------------- */

static uint64_t crossed(const struct crossings *all, const char *from, const char *to)
{
    size_t i = place_of(all, from), j = place_of(all, to);
    return i < all->count && j < all->count ? all->bytes[i * all->count + j] : 0;
}

static void add_node(const struct orch *orch, const struct node_entry *entry, struct link *links)
{
    size_t regions = registry_region_count(orch->registry);
    const struct registry_node *node = registry_get(orch->registry, entry->id);
    if (node == NULL || node->state == REGISTRY_GONE ||
        orch->now_us - entry->trunks_us > STALE_US) {
        return;
    }
    for (size_t i = 0; i < entry->trunk_count; i++) {
        const struct trunk_load *trunk = &entry->trunks[i];
        const struct registry_node *other = registry_get(orch->registry, trunk->node);
        if (other == NULL || other->state == REGISTRY_GONE) {
            continue;
        }
        size_t here = registry_region_of(node), there = registry_region_of(other);
        struct link *out = &links[here * regions + there], *in = &links[there * regions + here];
        out->trunks++;
        out->rated += trunk->rated;
        out->bps += trunk->bps_out;
        out->queue_us = MAX(out->queue_us, trunk->queue_us);
        in->told = true;
        in->lost_permille = MAX(in->lost_permille, trunk->lost_permille);
    }
}

/* By place in the registry, from and to. Freed by the caller. */
static struct link *sum_links(const struct orch *orch)
{
    size_t regions = registry_region_count(orch->registry);
    struct link *links = mem_array(regions * regions + 1, sizeof(*links));
    for (const struct node_entry *entry = orch->nodes; entry != NULL; entry = entry->hh.next) {
        add_node(orch, entry, links);
    }
    return links;
}

size_t orch_crossings(const struct orch *orch, struct orch_crossing *out, size_t max)
{
    size_t regions = registry_region_count(orch->registry), count = 0;
    struct link *links = sum_links(orch);
    for (size_t i = 0; i < regions; i++) {
        for (size_t j = 0; j < regions && count < max; j++) {
            const char *from = registry_region_name(orch->registry, i);
            const char *to = registry_region_name(orch->registry, j);
            const struct link *link = &links[i * regions + j];
            if (i != j) {
                out[count++] = (struct orch_crossing){.from = from,
                                                      .to = to,
                                                      .bytes = crossed(&orch->crossings, from, to),
                                                      .lost_permille = link->lost_permille,
                                                      .queue_us = link->queue_us};
            }
        }
    }
    free(links);
    return count;
}

static json_t *link_json(const struct link *link, const char *to, uint32_t distance_ms)
{
    return json_pack(
        "{s:s, s:o, s:I, s:o, s:o}", "to", to, "distance_ms",
        distance_ms == PLACEMENT_FAR_MS ? json_null() : json_integer((json_int_t)distance_ms),
        "trunks", (json_int_t)link->trunks, "bps_out",
        link->rated == 0 ? json_null() : json_integer((json_int_t)link->bps), "lost_ratio",
        link->told ? json_real(link->lost_permille / 1000.0) : json_null());
}

static json_t *region_json(const struct orch *orch, size_t region, const struct link *links)
{
    const char *name = registry_region_name(orch->registry, region);
    json_t *list = json_array();
    for (size_t i = 0; i < registry_region_count(orch->registry); i++) {
        const char *other = registry_region_name(orch->registry, i);
        uint32_t distance_ms = placement_map_ms(orch->map, name, other);
        if (i != region && (links[i].trunks > 0 || distance_ms != PLACEMENT_FAR_MS)) {
            json_array_append_new(list, link_json(&links[i], other, distance_ms));
        }
    }
    return json_pack("{s:s, s:o}", "name", name, "links", list);
}

json_t *orch_links_json(const struct orch *orch)
{
    size_t regions = registry_region_count(orch->registry);
    struct link *links = sum_links(orch);
    json_t *list = json_array();
    for (size_t i = 0; i < regions; i++) {
        json_array_append_new(list, region_json(orch, i, links + i * regions));
    }
    free(links);
    return list;
}
