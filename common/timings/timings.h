/* SPDX-License-Identifier: Apache-2.0
 *
 * How long things took, counted by buckets that are the same for everything timed here: what a
 * classic histogram of Prometheus is made of. Native ones have no text format before Prometheus 3,
 * and Debian 12's takes them over protobuf alone.
 */
#ifndef COMMON_TIMINGS_TIMINGS_H
#define COMMON_TIMINGS_TIMINGS_H

#include "common/base/base.h"

#define TIMINGS_BOUNDS 17

/* All zero: nothing was timed. */
struct timings {
    uint64_t counts[TIMINGS_BOUNDS + 1]; /* each bucket alone; the last: above all bounds */
    int64_t sum_us;
};

/* us: 0 or more. What is on a bound is in its bucket. */
void timings_add(struct timings *timings, int64_t us);

/* How many took as long as the bound with this index at most; TIMINGS_BOUNDS: all. */
uint64_t timings_count(const struct timings *timings, size_t bound);

/* Upper end of a bucket; index < TIMINGS_BOUNDS. */
int64_t timings_bound_us(size_t index);

#endif
