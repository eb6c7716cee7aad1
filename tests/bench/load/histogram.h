/* SPDX-License-Identifier: Apache-2.0
 *
 * Percentiles of durations in bounded memory: to 10 us below 100 ms, to 10 ms below 100 s.
 */
#ifndef TESTS_BENCH_LOAD_HISTOGRAM_H
#define TESTS_BENCH_LOAD_HISTOGRAM_H

#include "common/base/base.h"

#define HISTOGRAM_FINE   10000
#define HISTOGRAM_COARSE 10000

/* Plain memory; zero is empty. */
struct histogram {
    uint64_t count;
    int64_t max_us;
    uint32_t fine[HISTOGRAM_FINE];
    uint32_t coarse[HISTOGRAM_COARSE];
};

/* Negative ones count as 0. */
void histogram_add(struct histogram *histogram, int64_t us);

/* The value that permille of all do not exceed, rounded up to the resolution but never beyond the
 * largest one; 0 if there are none. */
int64_t histogram_us(const struct histogram *histogram, unsigned permille);

#endif
