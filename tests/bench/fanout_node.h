/* SPDX-License-Identifier: Apache-2.0
 *
 * A fan-out by the program spillway-node:
 *
 *     publisher --(frames of some packets)--> spillway-node --> sockets, emptied by a thread
 *
 * Every client authenticates by a STUN check; each subscriber repeats it every 2.8 seconds, as
 * libwebrtc does every 2.5, and sends a receiver report every 0.7.
 */
#ifndef TESTS_BENCH_FANOUT_NODE_H
#define TESTS_BENCH_FANOUT_NODE_H

#include "tests/bench/fanout.h"

struct fanout_node;

#define FANOUT_NODE_STEP 50 /* receivers come by so many */

/* receivers: a multiple of FANOUT_NODE_STEP. *out is valid as long as what is returned. */
struct fanout_node *fanout_node_start(const char *program, size_t receivers, struct fanout *out);
void fanout_node_stop(struct fanout_node *node);

/* From here on the sockets stand for as many other nodes, and the stream is relayed to each over a
 * trunk: no subscribers are left. */
void fanout_node_relay(struct fanout_node *node);

#endif
