/* SPDX-License-Identifier: Apache-2.0
 *
 * Registries of production full of nodes: ND_0, ND_1, ... in regions r0, r1, ... of equal size,
 * which lie on a circle, neighbours 10 ms apart.
 */
#ifndef TESTS_SIM_PLACEMENT_NODES_H
#define TESTS_SIM_PLACEMENT_NODES_H

#include "orchestrator/core/placement/placement.h"

struct nodes {
    uint32_t count, regions;
    uint32_t capacity; /* of each */
};

void nodes_id(char out[ID_MAX], uint32_t node);
uint32_t nodes_number(const char *id);

/* With all of them in it, and the settings of orch_place_init(). */
struct registry *nodes_registry(const struct nodes *nodes, uint32_t planners);
struct placement_map *nodes_map(const struct nodes *nodes);

#endif
