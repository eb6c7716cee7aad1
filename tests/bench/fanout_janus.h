/* SPDX-License-Identifier: Apache-2.0
 *
 * A fan-out by Debian's Janus: a videoroom with one publisher and viewers, all of them by real ICE,
 * DTLS and SRTP (AES-128-GCM, the cheaper suite of Debian's libsrtp2).
 *
 *     publisher --(frames of some packets)--> janus --> sockets, emptied by a thread
 *
 * Each viewer sends a receiver report every 0.7 seconds, and a check every
 * 2.8 for its first half minute.
 */
#ifndef TESTS_BENCH_FANOUT_JANUS_H
#define TESTS_BENCH_FANOUT_JANUS_H

#include "tests/bench/fanout.h"

struct fanout_janus;

/* event_loops: 0 is the default. Before it returns every viewer has decrypted a packet. */
struct fanout_janus *fanout_janus_start(unsigned event_loops, size_t receivers, struct fanout *out);
void fanout_janus_stop(struct fanout_janus *janus);

#endif
