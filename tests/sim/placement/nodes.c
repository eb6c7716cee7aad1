/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/sim/placement/nodes.h"

#include <stdio.h>
#include <stdlib.h>

void nodes_id(char out[ID_MAX], uint32_t node)
{
    snprintf(out, ID_MAX, "ND_%u", node);
}

uint32_t nodes_number(const char *id)
{
    return (uint32_t)strtoul(id + 3, NULL, 10);
}

static void add(const struct nodes *nodes, struct registry *registry, uint32_t node)
{
    static const struct registry_endpoint endpoint = {.ip = "192.0.2.1", .port = 5000};
    char id[ID_MAX], region[ID_MAX];
    nodes_id(id, node);
    snprintf(region, sizeof(region), "r%u", node / (nodes->count / nodes->regions));
    int err = registry_add(registry, 0,
                           &(struct registry_identity){.id = id,
                                                       .name = id,
                                                       .region = region,
                                                       .zone = "",
                                                       .version = "",
                                                       .endpoints = &endpoint,
                                                       .endpoint_count = 1,
                                                       .capacity = nodes->capacity});
    assert(err == 0);
}

struct registry *nodes_registry(const struct nodes *nodes, uint32_t planners)
{
    struct registry *registry = registry_new(&(struct registry_config){.hold_us = TIME_S(10),
                                                                       .forget_us = TIME_S(600),
                                                                       .expect_us = TIME_S(600),
                                                                       .open_permille = 800,
                                                                       .join_permille = 950,
                                                                       .usual_weight = 16,
                                                                       .planners = planners,
                                                                       .node_joins_per_s = 400,
                                                                       .room_joins_per_s = 200});
    for (uint32_t node = 0; node < nodes->count; node++) {
        add(nodes, registry, node);
    }
    return registry;
}

struct placement_map *nodes_map(const struct nodes *nodes)
{
    struct placement_map *map = placement_map_new();
    for (uint32_t i = 0; i < nodes->regions; i++) {
        for (uint32_t j = 0; j < i; j++) {
            char a[ID_MAX], b[ID_MAX];
            snprintf(a, sizeof(a), "r%u", i);
            snprintf(b, sizeof(b), "r%u", j);
            int err = placement_map_set(map, a, b, 10 * MIN(i - j, nodes->regions - (i - j)));
            assert(err == 0);
        }
    }
    return map;
}
