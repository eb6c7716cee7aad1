/* SPDX-License-Identifier: Apache-2.0
 *
 * The least that a process can do with a datagram: send it back, after it was busy for a while,
 * perhaps, so that the next one waits. How long that takes is the machine's doing, its wake-ups and
 * whatever else runs there, so it stands beside how long a media node takes.
 *
 *     sockets --(frames of some packets)--> a process of its own --> the same sockets
 */
#ifndef TESTS_BENCH_ECHO_H
#define TESTS_BENCH_ECHO_H

#include "tests/bench/fanout.h"

struct echo;

/* Spends work_us of CPU time on each datagram before it goes back. *out is valid as long as what is
 * returned. Every socket is watched; each sends in turn. */
struct echo *echo_start(size_t sockets, double work_us, struct fanout *out);
void echo_stop(struct echo *echo);

#endif
