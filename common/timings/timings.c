/* SPDX-License-Identifier: Apache-2.0 */
#include "common/timings/timings.h"

/* Three a decade, closer around what a dead node is found in (detector.h). */
static const int64_t bounds_us[TIMINGS_BOUNDS] = {
    1000,   2500,    5000,    10000,   25000,   50000,   100000,   250000,  500000,
    750000, 1000000, 1500000, 2500000, 3500000, 5000000, 10000000, 30000000};

void timings_add(struct timings *timings, int64_t us)
{
    size_t bucket = 0;
    assert(us >= 0);
    while (bucket < TIMINGS_BOUNDS && us > bounds_us[bucket]) {
        bucket++;
    }
    timings->counts[bucket]++;
    timings->sum_us += us;
}

uint64_t timings_count(const struct timings *timings, size_t bound)
{
    uint64_t count = 0;
    assert(bound <= TIMINGS_BOUNDS);
    for (size_t i = 0; i <= bound; i++) {
        count += timings->counts[i];
    }
    return count;
}

int64_t timings_bound_us(size_t index)
{
    assert(index < TIMINGS_BOUNDS);
    return bounds_us[index];
}
