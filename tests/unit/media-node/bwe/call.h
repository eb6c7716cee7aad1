/* SPDX-License-Identifier: Apache-2.0
 *
 * One subscriber of a call under virtual time: an estimator that feeds a source and a pacer, and a
 * client that answers with transport-cc feedback as it goes over the wire.
 */
#ifndef TESTS_UNIT_MEDIA_NODE_BWE_CALL_H
#define TESTS_UNIT_MEDIA_NODE_BWE_CALL_H

#include "media-node/core/allocator/allocator.h"
#include "media-node/core/bwe/bwe.h"
#include "media-node/core/stream/stream.h"
#include "tests/unit/media-node/bwe/bottleneck.h"

enum call_source {
    CALL_ELASTIC, /* frames that follow the estimate, up to wanted_bps */
    CALL_FIXED,   /* wanted_bps whatever is estimated: the application is the limit */
    CALL_LAYERS,  /* a camera of three layers, as the allocator decides every 100 ms */
};

struct call_config {
    enum call_source source;
    uint32_t wanted_bps;           /* what the source would send at most */
    int64_t frame_us;              /* from frame to frame; 0: 33 ms */
    uint32_t uneven;               /* frames differ from the mean by so many percent; 0: 25 */
    uint32_t large;                /* one in so many has three times the size; 0: none */
    uint16_t first_seq;            /* transport-wide */
    int64_t clock_us;              /* the client's clock minus ours */
    int64_t hold_us;               /* what the client waits with feedback beyond its 50 ms */
    struct bottleneck_config back; /* the way of the feedback */
    int64_t start_us;              /* when it joins */
    struct {
        int64_t until_us;
        int64_t stand_us, run_us; /* evenly from 0: how long it stands still, then runs */
    } starved;                    /* a client that lacks CPU takes up packets only when it runs */
};

#define CALL_LAYER_COUNT 3
#define CALL_LAYER_TOP   1600000u

#define CALL_FEEDBACKS 256

struct call {
    struct call_config config;
    struct prng prng;
    struct bwe *bwe;
    uint8_t flow;
    uint16_t seq;
    struct allocator_track tracks[2]; /* voice, camera */
    unsigned layer_changes;
    int64_t allocated_us;
    int64_t frame_us;
    int64_t audio_us;
    uint32_t queued; /* bytes of media the pacer holds */
    double budget;   /* bytes it may send */
    struct bwe_probe probe;
    uint32_t probe_sent;
    uint32_t probe_packets;
    double probe_budget;
    struct stream_arrivals *arrivals;
    uint64_t arrived_bytes;
    struct bottleneck *back;
    uint64_t back_number;
    struct {
        uint8_t data[RTCP_OUT_MAX];
        size_t len;
    } feedbacks[CALL_FEEDBACKS]; /* by number */
    bool silent;                 /* the client sends no feedback */
    bool stopped;                /* nothing is sent */
    int64_t wakes_us;            /* a starved client stands still until then, */
    int64_t sleeps_us;           /* and runs until then */
};

struct call *call_new(const struct call_config *config, uint8_t flow, uint64_t seed);
void call_free(struct call *call);

/* A millisecond passes: feedback in, media out onto the link. */
void call_tick(struct call *call, int64_t now_us, struct bottleneck *link);
void call_arrived(struct call *call, const struct bottleneck_packet *packet);
uint32_t call_target(const struct call *call);
int call_layer(const struct call *call); /* of CALL_LAYERS; -1: paused */

#endif
