/* SPDX-License-Identifier: Apache-2.0
 *
 * The layers of a track in the order in which it climbs, each costlier than the one before.
 */
#ifndef MEDIA_NODE_CORE_ALLOCATOR_LADDER_H
#define MEDIA_NODE_CORE_ALLOCATOR_LADDER_H

#include "media-node/core/allocator/allocator.h"

#define LADDER_MAX (ALLOCATOR_SPATIAL_MAX * ALLOCATOR_TEMPORAL_MAX)

struct ladder {
    struct allocator_choice steps[LADDER_MAX];
    unsigned count; /* 0: nothing to send */
};

void ladder_of(const struct allocator_track *track, struct ladder *out);

#endif
