/* SPDX-License-Identifier: Apache-2.0
 *
 * The media node's program, driven by a scratch orchestrator: two ROUTERs that accept it and hand
 * it room specs. Everything it writes is below a directory of its own in the system's place for
 * such, and goes with it.
 */
#ifndef TESTS_BENCH_NODE_RUN_H
#define TESTS_BENCH_NODE_RUN_H

#include "tests/lib/room_spec.h"

#include <netinet/in.h>
#include <sys/types.h>

#define NODE_RUN_PORTS 4 /* UDP ports for media */

struct node_run;

/* Starts the program and waits until it registered. */
struct node_run *node_run_start(const char *program);
void node_run_stop(struct node_run *run);

pid_t node_run_pid(const struct node_run *run);
struct sockaddr_in node_run_addr(const struct node_run *run, size_t port); /* of media */

/* Hands out a spec, finishes it with room_spec_fini, and waits until the node has applied it. */
void node_run_spec(struct node_run *run, struct room_spec *spec);

/* Takes what the node has to tell. Call it often. */
void node_run_step(struct node_run *run);

/* Waits for ms, taking what comes. */
void node_run_wait(struct node_run *run, int ms);

#endif
