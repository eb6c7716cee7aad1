/* SPDX-License-Identifier: Apache-2.0
 *
 * Calls and a bulk transfer over one bottleneck, a millisecond at a time, and what was estimated
 * and carried over any stretch of it. BWE_TRACE=1 in the environment prints a line each 200 ms.
 */
#ifndef TESTS_UNIT_MEDIA_NODE_BWE_WORLD_H
#define TESTS_UNIT_MEDIA_NODE_BWE_WORLD_H

#include "tests/unit/media-node/bwe/call.h"
#include "tests/unit/media-node/bwe/tcp.h"

#include <setjmp.h>

#include <cmocka.h>

#define WORLD_CALLS   2
#define WORLD_SAMPLES 3000 /* of 100 ms */

struct world {
    int64_t now_us;
    uint64_t seed;
    struct bottleneck *link;
    struct call *calls[WORLD_CALLS];
    size_t call_count;
    struct tcp tcp; /* flow WORLD_CALLS */
    bool with_tcp;
    struct {
        uint32_t target_bps[WORLD_CALLS];
        uint64_t arrived_bytes[WORLD_CALLS + 1];
        uint32_t queue_ms;
        int layer[WORLD_CALLS];
    } samples[WORLD_SAMPLES];
};

struct world *world_new(const struct bottleneck_config *link, uint64_t seed);
void world_free(struct world *world);
struct call *world_call(struct world *world, const struct call_config *config);
void world_tcp(struct world *world, bool cubic, int64_t start_us);
void world_run(struct world *world, double until_s);

/* Means over a stretch; flow WORLD_CALLS is the transfer. */
double world_target(const struct world *world, size_t call, double from_s, double to_s);
double world_carried(const struct world *world, size_t flow, double from_s, double to_s);
double world_queue_ms(const struct world *world, double from_s, double to_s);

/* Seconds from a time until the estimate is at or above (below) a rate for the first time. */
double world_until_above(const struct world *world, size_t call, double from_s, double bps);
double world_until_below(const struct world *world, size_t call, double from_s, double bps);

/* Seconds from a time until that layer is sent for the first time. */
double world_until_layer(const struct world *world, size_t call, double from_s, int layer);

double world_share_layer(const struct world *world, size_t call, double from_s, double to_s,
                         int layer);

/* The share of samples whose estimate lies within these bounds. */
double world_share_within(const struct world *world, size_t call, double from_s, double to_s,
                          double bps_min, double bps_max);

#endif
