/* SPDX-License-Identifier: Apache-2.0
 *
 * What a run of bench_fanout measured: a table, and on request fanout.json and fanout.svg.
 */
#ifndef TESTS_BENCH_FANOUT_REPORT_H
#define TESTS_BENCH_FANOUT_REPORT_H

#include "tests/bench/fanout.h"

enum { FANOUT_JANUS_THREADS, FANOUT_JANUS_LOOPS, FANOUT_JANUS_MODES };
extern const char *const fanout_janus_names[FANOUT_JANUS_MODES];

/* Frames of one size. */
struct fanout_row {
    unsigned burst;
    double limit_us;             /* with OpenSSL's cipher */
    double own_limit_us;         /* with the one that Spillway uses */
    struct fanout_result full;   /* Spillway, at the rate the limit is compared with */
    struct fanout_result beside; /* Spillway, at the rate of Janus */
    struct fanout_result janus[FANOUT_JANUS_MODES];
};

struct fanout_report {
    char machine[256]; /* with its load before all this */
    size_t receivers;
    unsigned rate;       /* packets a second into Spillway, beside the limit */
    unsigned janus_rate; /* and into both, for comparison with Janus */
    unsigned seconds;    /* of each measurement */
    bool janus;          /* it is installed */
    size_t bursts;       /* how many of the sizes were run */
    struct fanout_row rows[FANOUT_BURSTS];
};

void fanout_report_print(const struct fanout_report *report);

/* dir: where the two files go. */
void fanout_report_write(const struct fanout_report *report, const char *dir);

#endif
