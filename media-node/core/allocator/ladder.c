/* SPDX-License-Identifier: Apache-2.0
 *
 * A camera climbs smooth before sharp: all frame rates of a size, then the next size. A screen
 * share the other way round, for text must be read. A layer that costs no less than a better one is
 * left out.
 */
#include "media-node/core/allocator/ladder.h"

static void add(struct ladder *ladder, const struct allocator_track *track, unsigned spatial,
                unsigned temporal)
{
    uint32_t bps = track->bps[spatial][temporal];
    if (bps == 0) {
        return;
    }
    while (ladder->count > 0 && ladder->steps[ladder->count - 1].bps >= bps) {
        ladder->count--;
    }
    ladder->steps[ladder->count++] = (struct allocator_choice){
        .spatial = (uint8_t)spatial, .temporal = (uint8_t)temporal, .sent = true, .bps = bps};
}

void ladder_of(const struct allocator_track *track, struct ladder *out)
{
    unsigned spatial = track->audio ? 1 : MIN(track->spatial + 1u, ALLOCATOR_SPATIAL_MAX);
    unsigned temporal = track->audio ? 1 : MIN(track->temporal + 1u, ALLOCATOR_TEMPORAL_MAX);
    out->count = 0;
    if (!track->screen) {
        for (unsigned s = 0; s < spatial; s++) {
            for (unsigned t = 0; t < temporal; t++) {
                add(out, track, s, t);
            }
        }
        return;
    }
    unsigned sharpest = 0; /* that is there */
    for (unsigned s = 0; s < spatial; s++) {
        add(out, track, s, 0);
        sharpest = track->bps[s][0] != 0 ? s : sharpest;
    }
    for (unsigned t = 1; t < temporal; t++) {
        add(out, track, sharpest, t);
    }
}
