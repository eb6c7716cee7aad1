/* SPDX-License-Identifier: Apache-2.0
 *
 * A fan-out whoever forwards it: frames of one VP8 stream go in as pacers of clients let them out,
 * in bursts, and what the forwarding process spends is divided by what its receivers got.
 */
#ifndef TESTS_BENCH_FANOUT_H
#define TESTS_BENCH_FANOUT_H

#include "tests/bench/sink.h"

#include <sys/types.h>

#define FANOUT_BURSTS 4
#define FANOUT_PACKET 1100 /* bytes of an RTP packet before protection */

extern const unsigned fanout_bursts[FANOUT_BURSTS]; /* packets of a frame: 1, 4, 8, 16 */

/* Who forwards, and how to drive it. */
struct fanout {
    void *arg;
    pid_t pid;
    struct sink *sink; /* of its receivers, running */
    size_t receivers;
    size_t copies; /* receivers of each packet */
    uint8_t pt;    /* of the video they get */
    void (*send_frame)(void *arg, unsigned packets);
    void (*keep)(void *arg); /* reads, keeps people alive; called every millisecond or more often */
    /* The RTP timestamp of the last frame that was sent for a receiver: bench_wall_us() then. NULL
     * if there is nothing to be known. */
    uint32_t (*sent_at)(const void *arg, size_t receiver);
};

struct fanout_result {
    double us;   /* of CPU per forwarded packet */
    double busy; /* share of one core */
    double lost; /* share of what should have come that did not */
};

/* rate: packets a second into the fan-out. Returns how many were sent. */
uint64_t fanout_play(const struct fanout *fanout, unsigned rate, unsigned burst, int64_t for_us);

#define FANOUT_SECONDS 4

struct fanout_result fanout_measure(const struct fanout *fanout, unsigned rate, unsigned burst,
                                    unsigned seconds);

/* Fails if one of the receivers has got nothing. */
void fanout_check_all_receive(const struct fanout *fanout);

/* The payload of a packet of a VP8 frame; first: of its frame. size bytes, zeros at the end. */
#define FANOUT_PAYLOAD_HEAD 16
void fanout_payload(uint8_t *out, size_t size, bool first, bool key, uint16_t picture);

#endif
