/* SPDX-License-Identifier: Apache-2.0
 *
 * Private to core/node: a RoomSpec in the terms of core/forward, checked in itself. Whether it fits
 * the room it is for is apply.c's matter.
 */
#ifndef MEDIA_NODE_CORE_NODE_SPEC_H
#define MEDIA_NODE_CORE_NODE_SPEC_H

#include "common/trace/trace.h"
#include "media-node/core/forward/forward.h"
#include "proto/gen/control.pb-c.h"

#define SPEC_ROOM_MAX         64        /* bytes of a room's sid, NUL included */
#define SPEC_ORCHESTRATOR_MAX 64        /* bytes of an orchestrator's id, NUL included */
#define SPEC_SEALED_MAX       (1 << 20) /* bytes of a sealed session */
#define SPEC_REASON_MAX       160       /* bytes, NUL included */
#define SPEC_NODE_MAX         64        /* bytes of a node's id, NUL included */

typedef Spillway__Control__RoomSpec room_spec_message; /* generated names are long */

struct spec_transport {
    struct fwd_transport forward; /* credentials point into the message */
    const char *orchestrator;     /* the message's */
    uint32_t check_priority;      /* 0: send no checks */
    struct net_addr client;       /* valid with check_priority */
    bool has_local;
    struct net_addr local;
    enum fwd_duty duty;
    struct trace_context trace;
};

struct spec_track {
    uint64_t transport;       /* 0: the publisher is not on this node */
    struct fwd_track forward; /* its upstreams without their relays, which follow from nodes */
    const char *nodes[FWD_UPSTREAMS_MAX]; /* the message's */
};

struct spec_trunk {
    const char *node; /* the message's */
    struct net_addr remote;
    struct net_addr local;
    uint32_t generation;
    struct relay_keys keys;
};

struct spec_edge {
    const char *node;        /* the message's */
    struct fwd_edge forward; /* without its relay */
};

struct spec_subscription {
    uint64_t transport;
    struct fwd_subscription forward; /* without resume */
    struct stream_state *resume;     /* NULL: none; times in it as if it were 0 now */
};

struct spec {
    const room_spec_message *message; /* ids, epoch, versions, removals */
    struct spec_transport *transports;
    struct spec_track *tracks;
    struct spec_subscription *subscriptions;
    struct spec_trunk *trunks;
    struct spec_edge *edges;
    uint64_t *transport_ids; /* sorted, for spec_names_* */
    uint64_t *track_ids;
    uint64_t *subscription_ids;
    uint64_t *edge_ids;
    uint64_t *removed_transports; /* sorted */
    uint64_t *removed_tracks;
    uint64_t *removed_subscriptions;
    uint64_t *removed_edges;
};

/* Converts and checks. All memory is arena's; message is borrowed for the life of out. ERR_INVALID
 * with a reason in plain words. */
MUST_CHECK int spec_read(struct spec *out, struct arena *arena, const room_spec_message *message,
                         char reason[SPEC_REASON_MAX]);

bool spec_whole(const struct spec *spec);
bool spec_names_transport(const struct spec *spec, uint64_t id);
bool spec_names_track(const struct spec *spec, uint32_t id);
bool spec_names_subscription(const struct spec *spec, uint32_t id);
bool spec_names_edge(const struct spec *spec, uint32_t id);
bool spec_removes_transport(const struct spec *spec, uint64_t id);
bool spec_removes_track(const struct spec *spec, uint32_t id);
bool spec_removes_subscription(const struct spec *spec, uint32_t id);
bool spec_removes_edge(const struct spec *spec, uint32_t id);
bool spec_names_trunk(const struct spec *spec, const char *node);

/* ---- spec_entry.c ----------------------------------------------------------------------------
 * Each converts one entry. NULL, or what is wrong with it in plain words. */

const char *spec_read_transport(struct spec_transport *out,
                                const Spillway__Control__Transport *message);
const char *spec_read_track(struct spec_track *out, const Spillway__Control__Track *message);
const char *spec_read_subscription(struct spec_subscription *out, struct arena *arena,
                                   const Spillway__Control__Subscription *message);
const char *spec_read_trunk(struct spec_trunk *out, const Spillway__Control__Trunk *message);
const char *spec_read_edge(struct spec_edge *out, const Spillway__Control__Edge *message);

/* Codecs as protobuf has them. False: none that a node knows. */
bool spec_codec(Spillway__Control__Codec codec, enum rtp_codec *out);

/* SRTP keys as protobuf has them. 0 with out->suite RTPSEC_NONE if there are none; ERR_INVALID. */
MUST_CHECK int spec_keys(struct peer_keys *out, const Spillway__Control__SrtpKeys *keys);

/* ---- handover.c: what is handed over from node to node ----------------------------------------
 */

/* What another node handed over of a subscription. Times are set as if it were 0 now. NULL, or what
 * is wrong with it. */
const char *spec_state(struct stream_state *out, const Spillway__Control__SenderState *message);

/* The same the other way. The message is arena's. */
Spillway__Control__HandedOver *spec_handed_over(struct arena *arena, int64_t now_us,
                                                uint64_t transport,
                                                const struct fwd_handed *handed);
Spillway__Control__Standing *spec_standing(struct arena *arena, int64_t now_us, uint64_t transport,
                                           const struct fwd_standing *standing);

#endif
