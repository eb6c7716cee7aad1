/* SPDX-License-Identifier: Apache-2.0
 *
 * How the media nodes of one room are joined (architecture.md §6.3). The first node of a region is
 * its hub; every other node there is a leaf of it; hubs are joined with each other, up to
 * TOPOLOGY_MESH_MAX of them all with all, more of them in a tree of bounded degree. So the way from
 * one node to another is one, and between any two of at most TOPOLOGY_MESH_MAX regions it has at
 * most three hops: leaf, hub, hub, leaf.
 *
 * A track flows away from its root, the node where its publisher is: topology_parent() gives the
 * next node on the way back. Pure functions of the nodes' regions and their order.
 *
 * Also here: the keys of the trunks between nodes, which every orchestrator derives alike.
 */
#ifndef ORCHESTRATOR_CORE_TOPOLOGY_TOPOLOGY_H
#define ORCHESTRATOR_CORE_TOPOLOGY_TOPOLOGY_H

#include "common/base/base.h"

#define TOPOLOGY_MESH_MAX   8   /* hubs that are joined all with all */
#define TOPOLOGY_DEGREE_MAX 4   /* children of a hub in the tree that more of them make */
#define TOPOLOGY_NODES_MAX  256 /* of one room */

#define TOPOLOGY_ID_MAX     64 /* bytes of a node id, NUL included */
#define TOPOLOGY_SECRET_MIN 32 /* bytes of the cluster's secret */
#define TOPOLOGY_KEY_LEN    28 /* AES-128-GCM key and salt (RFC 7714 §12) */
#define TOPOLOGY_KEY_LIFE_S 3600

#define TOPOLOGY_NONE SIZE_MAX

/* A room's nodes, numbered by the order in which they came to the room. */
struct topology {
    size_t count;
    size_t hub[TOPOLOGY_NODES_MAX];      /* of the node's region; itself: it is one */
    size_t hub_rank[TOPOLOGY_NODES_MAX]; /* of a hub among the hubs, from 0 */
    size_t hubs[TOPOLOGY_NODES_MAX];     /* by rank */
    size_t hub_count;
};

/* regions: one of each node, in order; count at most TOPOLOGY_NODES_MAX. */
void topology_build(struct topology *out, const char *const *regions, size_t count);

/* The node from which `node` gets what is rooted at `root`; TOPOLOGY_NONE for the root itself. */
size_t topology_parent(const struct topology *topology, size_t root, size_t node);

/* Where the node asks while that parent is silent: the root, which has everything it roots.
 * TOPOLOGY_NONE where the parent is the root: when that is lost, so is the source. */
size_t topology_backup(const struct topology *topology, size_t root, size_t node);

/* Which generation of trunk keys is in force: one an hour. */
uint32_t topology_generation(int64_t wall_s);

/* The key and salt with which node `from` encrypts to node `to`: HMAC-SHA-256 (RFC 2104) under the
 * cluster's secret over a label, both ids and the generation. Ids are new with every process, so no
 * two processes ever share a key. */
void topology_trunk_key(uint8_t out[TOPOLOGY_KEY_LEN], struct bytes secret, const char *from,
                        const char *to, uint32_t generation);

#endif
