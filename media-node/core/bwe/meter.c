/* SPDX-License-Identifier: Apache-2.0
 *
 * Bytes by buckets of time. In place of libwebrtc's Bayesian filter over 150 ms: a plain window
 * long enough for the sawtooth of frames to vanish, and exact for a saturated link whose output is
 * even.
 */
#include "media-node/core/bwe/parts.h"

#define SPAN_MIN_US   TIME_MS(100)
#define PAUSE_BUCKETS 2 /* empty, in a row */

void meter_add_elsewhere(struct meter *meter, int64_t at_us, uint32_t bytes)
{
    int64_t bucket = at_us >> METER_SHIFT;
    if (!meter->started || bucket >= meter->newest + METER_BUCKETS ||
        bucket <= meter->newest - METER_BUCKETS) {
        *meter =
            (struct meter){.started = true, .since = bucket, .newest = bucket, .last_us = at_us};
    }
    for (; meter->newest < bucket; meter->newest++) {
        meter->bytes[(meter->newest + 1) & (METER_BUCKETS - 1)] = 0;
    }
    meter->bytes[bucket & (METER_BUCKETS - 1)] += bytes;
    meter->since = MIN(meter->since, bucket);
    meter->last_us = MAX(meter->last_us, at_us);
}

uint32_t meter_bps(const struct meter *meter, int64_t at_us, unsigned buckets)
{
    int64_t now = at_us >> METER_SHIFT;
    int64_t oldest = MAX(meter->since, now - (int64_t)buckets + 1);
    int64_t span_us = at_us - oldest * (1 << METER_SHIFT);
    if (!meter->started || span_us < SPAN_MIN_US) {
        return 0;
    }
    uint64_t bytes = 0;
    for (int64_t i = oldest; i <= MIN(now, meter->newest); i++) {
        bytes += meter->bytes[i & (METER_BUCKETS - 1)];
    }
    return bps_clamp((double)bytes * 8e6 / (double)span_us);
}

static bool paused(const struct meter *meter)
{
    unsigned empty = 0;
    bool found = false;
    for (int64_t i = MAX(meter->since, meter->newest - METER_SHORT + 1); i <= meter->newest; i++) {
        empty = meter->bytes[i & (METER_BUCKETS - 1)] == 0 ? empty + 1 : 0;
        found = found || empty >= PAUSE_BUCKETS;
    }
    return found;
}

uint32_t meter_now_bps(const struct meter *meter)
{
    uint32_t bps = meter_bps(meter, meter->last_us, METER_SHORT);
    return paused(meter) ? MAX(bps, meter_bps(meter, meter->last_us, METER_LONG)) : bps;
}
