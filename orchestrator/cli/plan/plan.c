/* SPDX-License-Identifier: Apache-2.0 */
#include "orchestrator/cli/plan/plan.h"

#include "orchestrator/core/scaling/scaling.h"

#include <math.h>

static uint64_t nodes_for(uint64_t load, double each)
{
    return (uint64_t)ceil((double)load / each);
}

static void find_peaks(struct plan *plan, const struct curve *curve)
{
    for (size_t at = 0; at < curve->time_count; at++) {
        const uint64_t *values = &curve->values[at * curve->region_count];
        uint64_t sum = 0;
        for (size_t r = 0; r < curve->region_count; r++) {
            sum += values[r];
            if (values[r] > plan->regions[r].peak) {
                plan->regions[r].peak = values[r];
                plan->regions[r].peak_at = at;
            }
        }
        if (sum > plan->peak) {
            plan->peak = sum;
            plan->peak_at = at;
        }
    }
}

void plan_make(struct plan *out, const struct curve *curve, double each)
{
    uint64_t least[CURVE_REGIONS_MAX] = {0};
    uint64_t apart[CURVE_REGIONS_MAX], coinciding[CURVE_REGIONS_MAX];
    assert(curve->region_count >= 2 && each > 0);
    *out = (struct plan){.peak = 0};
    find_peaks(out, curve);
    for (size_t r = 0; r < curve->region_count; r++) {
        least[r] = nodes_for(out->regions[r].peak, each);
        out->sum_of_peaks += out->regions[r].peak;
        out->alone += least[r];
    }
    size_t count = curve->region_count;
    out->apart = scaling_spread(least, count, nodes_for(out->peak, each), apart);
    out->coinciding = scaling_spread(least, count, nodes_for(out->sum_of_peaks, each), coinciding);
    for (size_t r = 0; r < count; r++) {
        out->regions[r].alone = least[r];
        out->regions[r].apart = apart[r];
        out->regions[r].coinciding = coinciding[r];
    }
}
