/* SPDX-License-Identifier: Apache-2.0
 *
 * A TCP-like bulk transfer: window, slow start, one reduction a round trip on loss found by three
 * later acknowledgements, a timeout. Reno (RFC 5681) or CUBIC (RFC 9438) growth. Nothing is sent
 * again: for the link bytes are bytes.
 */
#ifndef TESTS_UNIT_MEDIA_NODE_BWE_TCP_H
#define TESTS_UNIT_MEDIA_NODE_BWE_TCP_H

#include "tests/unit/media-node/bwe/bottleneck.h"

#define TCP_WINDOW 4096

struct tcp {
    bool cubic;
    uint8_t flow;
    int64_t start_us;
    int64_t end_us;
    double window; /* packets */
    double slow_start_until;
    double cubic_max; /* window at the last loss */
    int64_t cubic_us; /* when that was */
    uint64_t next;
    uint64_t acked_to; /* numbers below are acknowledged or lost */
    uint64_t recover;  /* losses below are of the same reduction */
    bool acked[TCP_WINDOW];
    int64_t sent_us[TCP_WINDOW];
    int64_t heard_us;
    int64_t rtt_us;
    struct bottleneck *back;
    uint64_t arrived_bytes;
};

void tcp_init(struct tcp *tcp, uint8_t flow, bool cubic, int64_t back_delay_us);
void tcp_fini(struct tcp *tcp);
void tcp_tick(struct tcp *tcp, int64_t now_us, struct bottleneck *link);
void tcp_arrived(struct tcp *tcp, const struct bottleneck_packet *packet);

#endif
