/* SPDX-License-Identifier: Apache-2.0
 *
 * Private to core/forward: the structs, and what the files offer each other.
 */
#ifndef MEDIA_NODE_CORE_FORWARD_ROOM_H
#define MEDIA_NODE_CORE_FORWARD_ROOM_H

#include "media-node/core/agenda/agenda.h"
#include "media-node/core/forward/forward.h"

#define uthash_malloc(size)   mem_alloc(size)
#define uthash_fatal(message) unreachable()
#include <uthash.h>

struct track;
struct subscription;

/* What a receiver or sender had told when the last report was made. */
struct told {
    uint64_t packets;
    uint64_t lost;
    uint64_t bytes;
    uint64_t frames;
};

/* Of one simulcast layer of a track. */
struct layer {
    uint32_t ssrc;         /* of the receiver; 0: none yet */
    int64_t last_us;       /* last packet */
    bool key_frame_wanted; /* before its first packet came */
    struct told told;
};

/* An SSRC sent before under the present keys, and its last index: a nonce is for once. */
struct retired {
    uint32_t ssrc;
    uint32_t roc;
    uint16_t seq;
};

struct track {
    UT_hash_handle hh;
    uint32_t id;
    struct fwd_track spec;
    struct fwd_member *member;
    size_t place;                                         /* in member->tracks */
    struct stream_receiver *receivers[STREAM_LAYERS_MAX]; /* NULL before the first packet */
    struct layer layers[STREAM_LAYERS_MAX];
    uint8_t live; /* layers that flow, as last told to the senders */
    bool arrived; /* FWD_MEDIA was told */
    struct subscription **subscriptions;
    size_t subscription_count;
    size_t subscription_capacity;
};

struct subscription {
    UT_hash_handle hh;
    uint32_t id;
    struct fwd_subscription spec;
    struct fwd_member *member;
    struct track *track;
    size_t member_place; /* in member->subscriptions */
    size_t track_place;  /* in track->subscriptions */
    struct stream_sender *sender;
    struct rtpsec_stream media;
    struct rtpsec_stream rtx;
    struct rtp_ext_ids ids; /* the member's, but for what its payload types did not negotiate */
    struct bytes mid;       /* points into spec */
    struct told told;
};

struct fwd_member {
    struct agenda_entry entry; /* on the room's agenda */
    struct fwd *fwd;
    struct peer *peer;
    uint64_t id;
    char participant[FWD_NAME_MAX];
    struct track **tracks;
    size_t track_count;
    struct subscription **subscriptions;
    size_t subscription_count;
    size_t subscription_capacity;
    struct retired *retired; /* 12 bytes for each subscription that ended under the present keys */
    size_t retired_count;
    struct fwd_member *prev; /* list of the room's members (utlist) */
    struct fwd_member *next;
    bool sending;            /* peer_can_send, as last seen */
    uint32_t key_generation; /* peer_key_generation, as last seen */
    uint32_t rtt_us;
    uint64_t remb_bps;
    int64_t rtcp_at_us;
    int64_t live_at_us;
    int64_t report_at_us;
};

struct fwd {
    struct fwd_config config;
    struct agenda agenda; /* of members, and levels */
    struct agenda_entry levels;
    bool loud; /* the last levels event was not empty */
    struct fwd_member *members;
    size_t member_count;
    struct track *tracks;
    struct subscription *subscriptions;
    struct fwd_level *level_list; /* scratch: what events point to */
    struct fwd_layer_report *layer_reports;
    struct fwd_subscription_report *subscription_reports;
};

/* ---- room.c ---------------------------------------------------------------------------------- */

/* After each input of a member: passes on what its peer has to tell, acts on a change of what may
 * be sent, and puts it on the agenda. */
void room_settle(struct fwd_member *member, int64_t now_us);

/* Appends an event. member may be NULL. Fill it at once. */
struct fwd_event *room_event(struct fwd *fwd, struct fwd_member *member, enum fwd_event_kind kind);

/* ---- wanted.c -------------------------------------------------------------------------------- */

/* Receivers of layers from that one on go; the next packet of one makes it anew. */
void wanted_drop_receivers(struct track *track, size_t from);

/* ---- media.c --------------------------------------------------------------------------------- */

/* Asks for a key frame of a layer, now or once its media arrives. */
void media_want_key_frame(struct track *track, int64_t now_us, int layer);

/* Sends to the publisher what the layer's receiver asks for. */
void media_ask(struct track *track, int64_t now_us, size_t layer);

/* Brings what the subscription wants, its track's mute and its member's state together. */
void media_apply_want(struct subscription *subscription, int64_t now_us);

/* Sends one packet a sender made. */
void media_send(struct subscription *subscription, int64_t now_us, const struct stream_out *out);

/* Looks which layers flow, and tells the senders of a change. False: none does. */
bool media_look_at_layers(struct track *track, int64_t now_us);

/* ---- report.c -------------------------------------------------------------------------------- */

void report_rtcp(struct fwd_member *member, int64_t now_us);
void report_statistics(struct fwd_member *member, int64_t now_us);
void report_levels(struct fwd *fwd, int64_t now_us);

#endif
