/* SPDX-License-Identifier: Apache-2.0
 *
 * One direction of a path under virtual time: random loss, then a bottleneck with a drop-tail queue
 * and a rate that may change, or a policer, then delay and jitter. Seeded: the same packets have
 * the same fate. tests/link carries real frames for real programs; this one carries sizes, tells
 * exactly when they arrive and how long the queue is, and its rate also holds for what waits
 * already.
 */
#ifndef TESTS_UNIT_MEDIA_NODE_BWE_BOTTLENECK_H
#define TESTS_UNIT_MEDIA_NODE_BWE_BOTTLENECK_H

#include "common/base/base.h"

#define BOTTLENECK_PACKETS 4096 /* in the queue, and on the way; more are lost */

struct bottleneck_config {
    uint32_t bps; /* 0: no bottleneck */
    uint32_t queue_bytes;
    bool policed; /* no queue: what exceeds the rate by more than queue_bytes is lost */
    uint32_t loss_permille;
    uint32_t reorder_permille; /* of packets that come reorder_us later than their like */
    int64_t reorder_us;
    int64_t delay_us;
    int64_t jitter_us; /* evenly from 0; order is kept */
};

struct bottleneck_packet {
    int64_t at_us; /* when it was sent; when it arrives */
    uint64_t number;
    uint16_t size;
    uint8_t flow;
};

struct bottleneck {
    struct bottleneck_config config; /* may be changed at any time */
    struct prng prng;
    struct bottleneck_packet queue[BOTTLENECK_PACKETS]; /* ring, oldest first */
    size_t queue_first;
    size_t queue_count;
    uint32_t queue_bytes;
    double tokens;   /* bytes in the bucket of a policer */
    int64_t free_us; /* when the bottleneck has sent what it has begun */
    int64_t last_us; /* of the arrival before */
    struct bottleneck_packet way[BOTTLENECK_PACKETS]; /* by arrival, earliest last */
    size_t way_count;
    uint64_t lost;
};

struct bottleneck *bottleneck_new(const struct bottleneck_config *config, uint64_t seed);
void bottleneck_send(struct bottleneck *link,
                     const struct bottleneck_packet *packet); /* at_us never goes back */

/* The next packet that has arrived by now_us. */
bool bottleneck_poll(struct bottleneck *link, int64_t now_us, struct bottleneck_packet *out);

#endif
