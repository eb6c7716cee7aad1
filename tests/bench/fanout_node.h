/* SPDX-License-Identifier: Apache-2.0
 *
 * A fan-out by the program spillway-node, in one room or many of the same size:
 *
 *     a publisher a room --(frames of some packets)--> spillway-node --> sockets, emptied by a
 * thread
 *
 * Every client authenticates by a STUN check, and repeats it; subscribers send receiver reports.
 */
#ifndef TESTS_BENCH_FANOUT_NODE_H
#define TESTS_BENCH_FANOUT_NODE_H

#include "tests/bench/fanout.h"

struct fanout_node;

struct fanout_node_config {
    const char *program;
    size_t receivers; /* times rooms */
    size_t rooms;
    size_t watched; /* every so many receivers the sink keeps the stamps of one; 0: of none */
};

/* *out is valid as long as what is returned. */
struct fanout_node *fanout_node_start(const struct fanout_node_config *config, struct fanout *out);
void fanout_node_stop(struct fanout_node *node);

/* From here on the sockets stand for as many other nodes, and the stream of the one room is relayed
 * to each over a trunk: no subscribers are left. */
void fanout_node_relay(struct fanout_node *node);

#endif
