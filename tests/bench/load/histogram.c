/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/bench/load/histogram.h"

#define FINE_US   10
#define COARSE_US TIME_MS(10)

void histogram_add(struct histogram *histogram, int64_t us)
{
    us = MAX(us, 0);
    histogram->count++;
    histogram->max_us = MAX(histogram->max_us, us);
    if (us < FINE_US * HISTOGRAM_FINE) {
        histogram->fine[us / FINE_US]++;
    } else {
        histogram->coarse[MIN(us / COARSE_US, HISTOGRAM_COARSE - 1)]++;
    }
}

int64_t histogram_us(const struct histogram *histogram, unsigned permille)
{
    uint64_t wanted = (histogram->count * permille + 999) / 1000;
    uint64_t below = 0;
    if (histogram->count == 0) {
        return 0;
    }
    for (size_t i = 0; i < HISTOGRAM_FINE; i++) {
        below += histogram->fine[i];
        if (below >= wanted) {
            return MIN(FINE_US * (int64_t)(i + 1), histogram->max_us);
        }
    }
    for (size_t i = 0; i < HISTOGRAM_COARSE - 1; i++) {
        below += histogram->coarse[i];
        if (below >= wanted) {
            return MIN(COARSE_US * (int64_t)(i + 1), histogram->max_us);
        }
    }
    return histogram->max_us;
}
