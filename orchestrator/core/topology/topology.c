/* SPDX-License-Identifier: Apache-2.0 */
#include "orchestrator/core/topology/topology.h"

static size_t hub_of_region(const struct topology *topology, const char *const *regions,
                            const char *region)
{
    for (size_t i = 0; i < topology->hub_count; i++) {
        if (strcmp(regions[topology->hubs[i]], region) == 0) {
            return topology->hubs[i];
        }
    }
    return TOPOLOGY_NONE;
}

void topology_build(struct topology *out, const char *const *regions, size_t count)
{
    assert(count <= TOPOLOGY_NODES_MAX);
    *out = (struct topology){.count = count};
    for (size_t i = 0; i < count; i++) {
        size_t hub = hub_of_region(out, regions, regions[i]);
        out->hub[i] = hub == TOPOLOGY_NONE ? i : hub;
        if (hub == TOPOLOGY_NONE) {
            out->hub_rank[i] = out->hub_count;
            out->hubs[out->hub_count++] = i;
        }
    }
}

/* Of a heap: rank r hangs on (r - 1) / degree. The next rank on the way from one to another is a
 * child if the goal is below, else the parent. */
static size_t next_in_tree(size_t from, size_t to)
{
    size_t below = to;
    while (below > from) {
        size_t parent = (below - 1) / TOPOLOGY_DEGREE_MAX;
        if (parent == from) {
            return below;
        }
        below = parent;
    }
    return (from - 1) / TOPOLOGY_DEGREE_MAX;
}

static size_t next_hub(const struct topology *topology, size_t from, size_t to)
{
    if (topology->hub_count <= TOPOLOGY_MESH_MAX) {
        return to;
    }
    return topology->hubs[next_in_tree(topology->hub_rank[from], topology->hub_rank[to])];
}

size_t topology_parent(const struct topology *topology, size_t root, size_t node)
{
    assert(root < topology->count && node < topology->count);
    size_t hub = topology->hub[node];
    size_t goal = topology->hub[root];
    if (node == root) {
        return TOPOLOGY_NONE;
    }
    if (node != hub) { /* a leaf: everything comes from its hub */
        return hub;
    }
    if (hub == goal) { /* the hub of the root's region: from that leaf */
        return root;
    }
    return next_hub(topology, node, goal);
}

size_t topology_backup(const struct topology *topology, size_t root, size_t node)
{
    size_t parent = topology_parent(topology, root, node);
    return parent == TOPOLOGY_NONE || parent == root ? TOPOLOGY_NONE : root;
}

uint32_t topology_generation(int64_t wall_s)
{
    return (uint32_t)(wall_s / TOPOLOGY_KEY_LIFE_S);
}
