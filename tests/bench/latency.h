/* SPDX-License-Identifier: Apache-2.0
 *
 * How long packets take through whoever forwards them: from just before the publisher's frame goes
 * into the kernel to when the kernel has each copy for its receiver. Who reads them, and when, does
 * not count.
 *
 * Frames come at random times, independent of each other (Poisson), as those of many publishers do.
 */
#ifndef TESTS_BENCH_LATENCY_H
#define TESTS_BENCH_LATENCY_H

#include "tests/bench/fanout.h"

struct latency;

struct latency_result {
    int64_t p50_us; /* of the copies for receivers that are watched */
    int64_t p99_us;
    int64_t max_us;
    uint64_t samples;
    double rate; /* packets a second that went in */
    double busy; /* share of one core */
    double lost; /* share of the copies that should have come */
};

/* Learns by a frame to each receiver how its timestamps were changed. fanout is borrowed. */
struct latency *latency_new(const struct fanout *fanout, uint64_t seed);
void latency_free(struct latency *latency);

/* rate: packets a second into the fan-out, in frames of burst packets, for for_us. */
struct latency_result latency_measure(struct latency *latency, double rate, unsigned burst,
                                      int64_t for_us);

/* How many packets a second go in of those that come out, when more come than can be forwarded. */
struct latency_capacity {
    double rate;
    double busy;
};
struct latency_capacity latency_capacity(struct latency *latency, double first_rate,
                                         unsigned burst);

#endif
