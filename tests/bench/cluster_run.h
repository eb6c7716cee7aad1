/* SPDX-License-Identifier: Apache-2.0
 *
 * A cluster of one orchestrator and one node, without Redis, as deploy/cluster.py starts it, in a
 * directory of its own that goes with it.
 */
#ifndef TESTS_BENCH_CLUSTER_RUN_H
#define TESTS_BENCH_CLUSTER_RUN_H

#include "common/base/base.h"

#include <sys/types.h>

struct cluster_run;

/* root: of the source tree; build: where its programs were built. Returns when it serves. */
struct cluster_run *cluster_run_start(const char *root, const char *build);
void cluster_run_stop(struct cluster_run *run);

uint16_t cluster_run_port(const struct cluster_run *run); /* for signalling */
pid_t cluster_run_orchestrator(const struct cluster_run *run);
pid_t cluster_run_node(const struct cluster_run *run);

#endif
