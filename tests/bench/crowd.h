/* SPDX-License-Identifier: Apache-2.0
 *
 * Participants that join as browsers do and then do nothing: a WebSocket with the offer in the join
 * request, ICE, DTLS, SCTP and the three data channels of the SDKs, all in this thread. Whatever
 * does not go as it should ends the bench.
 */
#ifndef TESTS_BENCH_CROWD_H
#define TESTS_BENCH_CROWD_H

#include "common/base/base.h"

struct crowd;

struct crowd_config {
    uint16_t port;     /* of the orchestrator */
    const char *offer; /* SDP; its fingerprint gives way to each participant's own */
    size_t room_size;  /* participants a room */
    size_t size_max;
};

struct crowd *crowd_new(const struct crowd_config *config);
void crowd_free(struct crowd *crowd);

/* One more; returns when its three data channels are open. In this call and the next everybody who
 * is in already sends a STUN check each 2.5 s and a signalling ping each 5 s, and answers what
 * comes, as browsers do. */
void crowd_join(struct crowd *crowd);

/* Lives on for ms. */
void crowd_run(struct crowd *crowd, int ms);

#endif
