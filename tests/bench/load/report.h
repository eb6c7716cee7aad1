/* SPDX-License-Identifier: Apache-2.0
 *
 * A run's result for people, and for programs.
 */
#ifndef TESTS_BENCH_LOAD_REPORT_H
#define TESTS_BENCH_LOAD_REPORT_H

#include "tests/bench/load/load.h"

#include <stdio.h>

void report_table(const struct load_result *result, FILE *out);

/* One JSON object and a line end; durations in microseconds. */
void report_json(const struct load_result *result, FILE *out);

/* CPU time of all processes of that role for each packet that receivers got, in nanoseconds; -1 if
 * it is not known. */
double report_ns_per_packet(const struct load_result *result, const char *role);

#endif
