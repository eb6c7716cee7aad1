/* SPDX-License-Identifier: Apache-2.0
 *
 * Receivers of a fan-out: sockets on loopback that a thread of its own empties as cheaply as it
 * can, so that what is measured is the sender. The thread sweeps instead of waiting: nobody has to
 * be woken for a packet, as with a network card of a real machine.
 */
#ifndef TESTS_BENCH_SINK_H
#define TESTS_BENCH_SINK_H

#include "common/base/base.h"

#include <netinet/in.h>

struct sink;

/* count sockets, each on a port of its own. */
struct sink *sink_new(size_t count);
/* Sockets of the caller's: not closed with it. */
struct sink *sink_new_of(const int *fds, size_t count);
void sink_free(struct sink *sink);

int sink_fd(const struct sink *sink, size_t i);
struct sockaddr_in sink_addr(const struct sink *sink, size_t i);

/* A packet as it came: its RTP timestamp, and when the kernel had it (bench_wall_us modulo 2^32).
 */
struct sink_stamp {
    uint32_t ts;
    uint32_t arrival_us;
};

/* Before the thread runs: of packets of payload type pt, socket i keeps the first max stamps. */
void sink_watch(struct sink *sink, size_t i, uint8_t pt, size_t max);

/* Those so far; NULL if it is not watched. When nothing is on its way, they may be forgotten. */
const struct sink_stamp *sink_stamps(const struct sink *sink, size_t i, size_t *count);
void sink_forget(struct sink *sink);

/* The thread runs from start to stop; in between only it reads. */
void sink_start(struct sink *sink);
void sink_stop(struct sink *sink);

/* RTP packets of payload type pt that socket i received while the thread ran; 0 .. 127. */
uint64_t sink_received(const struct sink *sink, size_t i, uint8_t pt);
uint64_t sink_received_all(const struct sink *sink, uint8_t pt);

#endif
