/* SPDX-License-Identifier: Apache-2.0
 *
 * What became of a run: sums over its participants, and who of them has what to complain about.
 */
#ifndef TESTS_BENCH_LOAD_JUDGE_H
#define TESTS_BENCH_LOAD_JUDGE_H

#include "tests/bench/load/load.h"
#include "tests/bench/load/participant.h"

/* Fills in all of the result but what was measured along the way (meters and histograms of the
 * scene). participants: as many as result->participants, publishers first. */
void judge_run(const struct load_config *config, struct participant *const *participants,
               struct load_result *result);

#endif
