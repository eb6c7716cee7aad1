/* SPDX-License-Identifier: Apache-2.0
 *
 * Where a room goes. A pure function of the registry and a seeded generator: it changes nothing,
 * the caller then reserves (registry_room_placed), so that the next call sees the weight.
 *
 *  1. The node that holds the room already is kept while it may take more and is in the wanted
 *     region.
 *  2. Else, of the nodes in the wanted region that may take it, samples are drawn at random and the
 *     least filled of them wins: by (reported + reserved) weight per capacity, then by fewer rooms,
 *     then by lot. Not the least filled of all: everybody who asks at once would be sent to the
 *     same node, since reports are stale (architecture.md §2.8).
 *  3. Else the same over all other regions.
 *
 * A node may take it if it is ready, not suspect, not excluded, and stays within fill_permille of
 * its capacity with the weight added. One call reads every node once.
 */
#ifndef ORCHESTRATOR_CORE_PLACEMENT_PLACEMENT_H
#define ORCHESTRATOR_CORE_PLACEMENT_PLACEMENT_H

#include "common/base/base.h"
#include "orchestrator/core/registry/registry.h"

#define PLACEMENT_SAMPLES_MAX     64
#define PLACEMENT_SAMPLES_DEFAULT 8

struct placement_request {
    const char *region;          /* wanted, usually the first joiner's; "" or NULL: any */
    const char *current;         /* node id that holds the room already, or NULL */
    uint32_t weight;             /* expected to be added */
    const char *const *excluded; /* node ids that must not be chosen */
    size_t excluded_count;
    uint32_t samples;       /* 1 .. PLACEMENT_SAMPLES_MAX */
    uint32_t fill_permille; /* of a node's capacity that new rooms may fill, 1 .. 1000 */
};

enum placement_reason {
    PLACEMENT_CHOSEN,       /* least filled of the sample */
    PLACEMENT_KEPT,         /* chosen: holds the room already */
    PLACEMENT_FULLER,       /* sampled, another one is less filled */
    PLACEMENT_NOT_SAMPLED,  /* would do, was not drawn */
    PLACEMENT_OTHER_REGION, /* would do, the wanted region had one */
    PLACEMENT_NOT_NEEDED,   /* would do, the room stays where it is */
    PLACEMENT_FULL,         /* no room for the weight */
    PLACEMENT_EXCLUDED,
    PLACEMENT_CORDONED,
    PLACEMENT_DRAINING,
    PLACEMENT_SUSPECT,
    PLACEMENT_GONE,
};

/* Chooses a node. *out is borrowed from the registry. reasons gets one entry per registry_at()
 * index, or is NULL. ERR_FULL: no node may take it; with reasons it says why of each. */
int placement_choose(const struct registry_node **out, const struct placement_request *request,
                     const struct registry *registry, struct prng *prng,
                     enum placement_reason *reasons) MUST_CHECK;

/* The reason in words, for `spillctl explain`, with weights where they matter. Writes at
 * most len bytes, NUL included. chosen is what placement_choose() gave, or NULL. */
void placement_explain(char *out, size_t len, enum placement_reason reason,
                       const struct registry_node *node, const struct registry_node *chosen);

/* The reason in one stable snake_case word. */
const char *placement_reason_name(enum placement_reason reason);

#endif
