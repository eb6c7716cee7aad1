/* SPDX-License-Identifier: Apache-2.0
 *
 * The receiving side of a participant: checks every packet it gets, keeps account of them by
 * publisher, and gives the feedback libwebrtc gives: NACK for what is missing, PLI when that does
 * not help, a receiver report a second, transport-cc feedback ten times a second.
 */
#ifndef TESTS_BENCH_LOAD_RECEIVER_H
#define TESTS_BENCH_LOAD_RECEIVER_H

#include "media-node/core/rtp/rtcp.h"
#include "tests/bench/load/account.h"
#include "tests/bench/load/scene.h"
#include "tests/bench/load/transport.h"

struct receiver;

struct receiver *receiver_new(struct scene *scene, struct transport *transport, struct prng *prng);
void receiver_free(struct receiver *receiver);

/* What arrives with that mid from now on is of that kind, and of that publisher; -1: unknown. */
void receiver_map(struct receiver *receiver, size_t mid, enum scene_kind kind, int publisher);

void receiver_take_rtp(struct receiver *receiver, const struct rtp_view *packet,
                       int64_t arrival_us);
void receiver_take_rtcp(struct receiver *receiver, const struct rtcp_packet *packet,
                        int64_t arrival_us);

/* Sends feedback that is due. Call it every 10 ms or so. */
void receiver_tick(struct receiver *receiver, int64_t now_us);

/* Of a publisher's track. */
struct receiver_track {
    struct account account; /* of the wanted stream, of packets that count for the scene */
    uint64_t other_layers;  /* packets of other layers that count for the scene */
    bool flows;             /* the wanted stream was received, ever */
};
/* NULL: nothing was received of it. */
const struct receiver_track *receiver_track(const struct receiver *receiver, uint16_t publisher,
                                            enum scene_kind kind);

/* The scene's begin and end are set: starts and closes the accounts. node: where the receiver is,
 * outlives it; NULL: not told apart. */
void receiver_begin(struct receiver *receiver, struct scene_node *node);
void receiver_end(struct receiver *receiver);
struct scene_node *receiver_node(const struct receiver *receiver);

#define RECEIVER_STRANGE_MAX 80

struct receiver_stats {
    int64_t first_us;                         /* when the first packet arrived; 0: none has */
    uint64_t packets;                         /* all of RTP */
    uint64_t bytes;                           /* of their payloads */
    uint64_t strange;                         /* no mid of ours, not a payload of ours, not VP8 */
    char strange_first[RECEIVER_STRANGE_MAX]; /* what that one was; "" none */
    uint64_t misrouted;   /* of another publisher or kind than the answer said */
    uint64_t undecodable; /* another layer began, and not with a key frame */
    uint64_t repaired;    /* came by RTX */
    uint64_t spare;       /* of these, not needed any more */
    uint64_t nacked;
    uint64_t plis;
};
const struct receiver_stats *receiver_stats(const struct receiver *receiver);

#endif
