/* SPDX-License-Identifier: Apache-2.0
 *
 * Private to core/forward: the structs, and what the files offer each other.
 */
#ifndef MEDIA_NODE_CORE_FORWARD_ROOM_H
#define MEDIA_NODE_CORE_FORWARD_ROOM_H

#include "common/agenda/agenda.h"
#include "media-node/core/allocator/allocator.h"
#include "media-node/core/bwe/bwe.h"
#include "media-node/core/forward/forward.h"

#define uthash_malloc(size)   mem_alloc(size)
#define uthash_fatal(message) unreachable()
#include <uthash.h>

struct track;
struct bandwidth;
struct subscription;
struct edge;

/* An entry of the room's agenda, and what it is embedded in. */
struct due {
    struct agenda_entry entry;
    enum { DUE_LEVELS, DUE_MEMBER, DUE_TRACK } what;
};

/* What a receiver or sender had told when the last report was made. */
struct told {
    uint64_t packets;
    uint64_t lost;
    uint64_t bytes;
    uint64_t frames;
    uint64_t nacked;
    uint64_t repaired;
    uint64_t key_frames_asked; /* of receivers alone */
};

/* Of one simulcast layer of a track. */
struct layer {
    uint32_t ssrc;         /* the publisher's, which the receiver was made for; 0: none yet */
    uint32_t previous;     /* the one it replaced; 0: none */
    uint32_t serial;       /* of the receiver: another one for each made */
    int64_t last_us;       /* last packet */
    bool clock_known;      /* clock is set */
    struct rtcp_sr clock;  /* the publisher's last sender report */
    bool key_frame_wanted; /* before its first packet came */
    uint32_t bps;          /* of payload, smoothed; 0 unknown */
    bool layered;          /* rates are known: of the layers inside the stream, smoothed likewise */
    struct stream_rates rates;
    int64_t rate_us;          /* when these were measured */
    uint32_t measured_bps[2]; /* what the last measurements said, newest first; 0: none */
    struct told told;
};

/* An SSRC sent before under the present keys, and its last index: a nonce is for once. */
struct retired {
    uint32_t ssrc;
    uint32_t roc;
    uint16_t seq;
};

/* One upstream of a track. */
struct origin {
    struct track *track;
    struct fwd_upstream spec;
    int64_t made_us;
    struct relay_source *sources[STREAM_LAYERS_MAX];
    int64_t heard_us; /* last packet; INT64_MIN: none yet */
};

/* How loud a voice is: rises at once, falls slowly. */
struct voice {
    bool known;    /* its packets carry levels */
    int32_t score; /* 0 silent .. 127 * VOICE_UNIT loudest */
    int64_t scored_us;
};

struct track {
    UT_hash_handle hh;
    struct fwd *fwd;
    struct due due; /* where there are upstreams or edges */
    uint32_t id;
    struct fwd_track spec;
    struct fwd_member *member;                 /* NULL: not on this node */
    struct origin *origins[FWD_UPSTREAMS_MAX]; /* as in spec.upstreams */
    size_t origin_count;
    struct edge **edges;
    size_t edge_count;
    size_t edge_capacity;
    struct voice voice;
    uint32_t receivers_made;
    int64_t local_us;     /* last packet of the member; INT64_MIN: none yet */
    int64_t live_at_us;   /* next look at the layers, without a member */
    int64_t clock_at_us;  /* sender reports to edges again; TIME_NEVER: no edges */
    int64_t backup_at_us; /* next look whether backups are needed; TIME_NEVER: has none */
    size_t place;         /* in member->tracks */
    struct stream_receiver *receivers[STREAM_LAYERS_MAX]; /* NULL before the first packet */
    struct layer layers[STREAM_LAYERS_MAX];
    uint8_t live;    /* layers that flow, as last told to the senders */
    bool arrived;    /* FWD_MEDIA was told */
    bool awaited;    /* by subscriptions that are to be resumed */
    uint8_t waiting; /* packets that are to be forwarded; at most STREAM_BORROW_MAX */
    struct subscription **subscriptions;
    size_t subscription_count;
    size_t subscription_capacity;
};

/* What of a subscription's video fits to its member's network. */
struct stream_limit {
    bool paused;
    uint8_t spatial_max;  /* of a track in one stream, of the layers inside it */
    uint8_t temporal_max; /* STREAM_RATE_ALL: all */
    bool at_once;         /* as in stream_want */
};

/* How far a stream may go, in its sender's indices. */
struct lease {
    uint64_t end;     /* not to be used, nor any after it */
    uint64_t look_at; /* something is to be done before that one is sent; <= end */
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
    struct stream_state *resume; /* to begin with; NULL: anew */
    int64_t resume_by_us;        /* whether its source is there or not; TIME_NEVER: not begun */
    struct rtpsec_stream media;
    struct rtpsec_stream rtx;
    struct lease media_lease;
    struct lease rtx_lease;
    bool standing_due;
    struct rtp_ext_ids ids; /* the member's, but for what its payload types did not negotiate */
    struct bytes mid;       /* points into spec */
    struct allocator_track share;
    struct stream_limit limit; /* heeded where the member's bandwidth is known */
    struct told told;
    bool untaken;           /* its client may not know it yet: early.c */
    struct early *early;    /* NULL: taken, or nothing was sent */
    int64_t repeated_us;    /* what was early was sent again */
    uint64_t pictures_lost; /* said its client since then */
    bool reported;          /* by its client: the next two are valid */
    uint32_t reported_seq;  /* highest, extended */
    int32_t reported_lost;
};

/* All edges of the room over one trunk: where voices compete. */
struct bundle {
    struct relay *relay;
    size_t edge_count;
    struct edge **voices; /* edges of audio that flow now */
    size_t voice_count;
    size_t voice_capacity;
    struct bundle *prev; /* list of the room's (utlist) */
    struct bundle *next;
};

struct edge {
    UT_hash_handle hh;
    uint32_t id;
    struct fwd_edge spec;
    struct track *track;
    struct bundle *bundle;
    size_t track_place; /* in track->edges */
    struct relay_stream *streams[STREAM_LAYERS_MAX];
    /* By layer, what is inside its stream; NULL: all of that was always wanted. */
    struct stream_filter *filters[STREAM_LAYERS_MAX];
    struct {
        uint32_t serial; /* of the receiver whose packets were sent last; 0: none yet */
        uint64_t head;   /* highest number sent of it */
        bool resumed;    /* was left out for a while */
    } sent[STREAM_LAYERS_MAX];
    uint8_t flowing;    /* layers */
    bool admitted;      /* as a voice */
    size_t voice_place; /* in bundle->voices */
    int64_t admitted_us;
    int64_t asked_us; /* a backup: last request; INT64_MIN: none yet */
    int64_t credit;   /* bytes that may be sent again */
};

struct fwd_member {
    struct due due;
    struct fwd *fwd;
    struct peer *peer;
    uint64_t id;
    char participant[FWD_NAME_MAX];
    struct track **tracks;
    size_t track_count;
    struct subscription **subscriptions;
    size_t subscription_count;
    size_t subscription_capacity;
    size_t early_count;      /* of these that have early packets */
    struct retired *retired; /* 12 bytes for each subscription that ended under the present keys */
    size_t retired_count;
    struct fwd_member *prev; /* list of the room's members (utlist) */
    struct fwd_member *next;
    bool path_untold;       /* the selected path is another one than was told */
    int64_t path_at_us;     /* not before */
    int64_t selected_at_us; /* TIME_NEVER: not since it is on standby */
    enum fwd_duty duty;
    struct fwd_handed_stream *handed; /* when it was handed over */
    size_t handed_count;
    bool sending;            /* peer_can_send, as last seen */
    bool lost;               /* it had a path, and has none any more */
    int64_t silence_at_us;   /* next look whether it is silent */
    int64_t silent_us;       /* when it was told to be; TIME_NEVER: it is not */
    uint32_t key_generation; /* peer_key_generation, as last seen */
    uint32_t rtt_us;
    uint64_t remb_bps;
    uint32_t start_bps;          /* estimate to begin with; 0 unknown */
    struct bandwidth *bandwidth; /* NULL: not limited */
    int64_t rtcp_at_us;
    int64_t live_at_us;
    int64_t report_at_us;
    int64_t reported_us;    /* up to then everything was told; at first, since it is here */
    uint32_t lease;         /* 0: nobody keeps account */
    int64_t standing_at_us; /* TIME_NEVER: nothing to be told */
};

struct fwd {
    struct fwd_config config;
    struct agenda agenda; /* of members, tracks, and levels */
    size_t held;          /* subscriptions */
    struct due levels;
    uint32_t loudest; /* voices over one trunk; 0: all */
    struct edge *edges;
    struct bundle *bundles;
    bool loud; /* the last levels event was not empty */
    struct fwd_member *members;
    size_t member_count;
    struct track *tracks;
    struct subscription *subscriptions;
    struct allocator_track **shares; /* scratch */
    struct fwd_level *level_list;    /* scratch: what events point to */
    struct fwd_layer_report *layer_reports;
    struct fwd_subscription_report *subscription_reports;
    struct fwd_stream_standing *standing_list;
};

/* ---- room.c ---------------------------------------------------------------------------------- */

/* After each input of a member: passes on what its peer has to tell, acts on a change of what may
 * be sent, and puts it on the agenda. */
void room_settle(struct fwd_member *member, int64_t now_us);

/* Rounds up to a multiple, for what can wait: others are due then, too, and it is one wake. */
int64_t room_together(int64_t at_us, int64_t grid_us);

/* The member has something to do at that time, or earlier. */
void room_due(struct fwd_member *member, int64_t now_us, int64_t at_us);

/* After each input of a track that has upstreams or edges: puts it on the agenda. */
void room_settle_track(struct track *track, int64_t now_us);

/* Appends an event. member may be NULL. Fill it at once. */
struct fwd_event *room_event(struct fwd *fwd, struct fwd_member *member, enum fwd_event_kind kind);

/* ---- wanted.c -------------------------------------------------------------------------------- */

/* Makes the subscription's sender, which begins at these indices. */
void wanted_start_sender(struct subscription *subscription, int64_t now_us, uint64_t seq_next,
                         uint64_t rtx_seq_next);

/* Receivers of layers from that one on go; the next packet of one makes it anew. */
void wanted_drop_receivers(struct track *track, size_t from);

/* ---- media.c --------------------------------------------------------------------------------- */

/* Asks for a key frame of a layer, now or once its media arrives. */
void media_want_key_frame(struct track *track, int64_t now_us, int layer);

/* Sends to whom the track comes from what the layer's receiver asks for. */
void media_ask(struct track *track, int64_t now_us, size_t layer);

/* Brings what the subscription wants, its track's mute and its member's state together. */
void media_apply_want(struct subscription *subscription, int64_t now_us);

/* Sends one packet a sender made. False: it was not sent. */
bool media_send(struct subscription *subscription, int64_t now_us, const struct stream_out *out);

/* Looks which layers flow, and tells the senders of a change. False: none does. */
bool media_look_at_layers(struct track *track, int64_t now_us);

/* The layer's receiver for packets of that SSRC of the publisher, made if need be; NULL: it is one
 * that was replaced. first: of this SSRC, so it takes the layer over. */
struct stream_receiver *media_receiver(struct track *track, int64_t now_us, size_t layer,
                                       uint32_t ssrc, bool first);

/* What is due after a packet of that layer came, whether it was of use or not. */
void media_follow_up(struct track *track, int64_t now_us, size_t layer);

/* The publisher's sender report, also on to other nodes, if it is a newer one. */
void media_clock(struct track *track, int64_t now_us, size_t layer, const struct rtcp_sr *sr);

/* Acts on what a sender returned. */
void media_heed(struct subscription *subscription, int64_t now_us, unsigned flags);

/* What of the source's header extensions goes on to others, each under its own ids there. */
void media_carry(struct rtp_exts *out, const struct stream_packet *packet);
/* Has the packet's descriptor tell of these active targets; 0: as it came, and so does one that
 * would grow too long. What it says then is in descriptor. */
void media_put_active(struct rtp_exts *exts, const struct stream_packet *packet, uint32_t active,
                      uint8_t descriptor[RTP_DEPENDENCY_LEN_MAX]);

/* Sends a number of a NACK again. False: it can't be, which is counted. */
bool media_resend(struct subscription *subscription, int64_t now_us, uint16_t seq);

/* A packet to one subscription. Whether it was sent, or will be. */
bool media_forward(struct subscription *subscription, int64_t now_us,
                   const struct stream_packet *packet, const struct rtp_exts *exts);

/* ---- burst.c --------------------------------------------------------------------------------- */

/* A packet a receiver gave, to all who want it: when fwd_burst_send comes to it, or now if the
 * track is awaited. The burst is not full. */
void burst_add(struct track *track, int64_t now_us, const struct stream_packet *packet);

/* Forwards now what waits of the track: one of its receivers is to go. */
void burst_finish(struct track *track, int64_t now_us);

/* ---- shares.c -------------------------------------------------------------------------------- */

/* A track without simulcast: if it has several sizes, they are inside its stream. */
bool shares_one_stream(const struct track *track);

/* Puts what can be sent of the track into the subscription's share. False: nothing. */
bool shares_describe(struct subscription *subscription, int64_t now_us);

/* ---- bandwidth.c ----------------------------------------------------------------------------- */

/* The member is sent to with transport-wide numbers, or agreed on REMB. */
void bandwidth_begin(struct fwd_member *member, int64_t now_us, bool transport_cc);
void bandwidth_free(struct fwd_member *member);

/* Whether packets wait for their turn: senders and caches must know them. */
bool bandwidth_waits(const struct fwd_member *member);

/* Gives back what only a member that is sent to needs; the estimator does so itself. */
void bandwidth_trim(struct fwd_member *member, int64_t now_us);

/* Another node has numbered packets to the member meanwhile. */
void bandwidth_restart(struct fwd_member *member, int64_t now_us);

/* The estimate; 0 unknown. */
uint32_t bandwidth_bps(const struct fwd_member *member);

/* When the newest packet left of which its client told that it came; 0 unknown. */
int64_t bandwidth_reached(const struct fwd_member *member);

/* Whether the client told that the packet of this transport-wide number came. */
bool bandwidth_arrived(const struct fwd_member *member, uint16_t number);

/* A packet left; untaken: as in struct bwe_packet. */
void bandwidth_sent(struct bandwidth *bandwidth, int64_t now_us, const struct peer_sent *sent,
                    bool untaken);

/* Whether the packet waits for its turn, and is not to be sent now; the member has a bandwidth. */
bool bandwidth_holds(struct subscription *subscription, int64_t now_us,
                     const struct stream_out *out);

/* Of what waits: all is sent now, that of one subscription is dropped, all is. */
void bandwidth_flush(struct fwd_member *member, int64_t now_us);
void bandwidth_forget(const struct subscription *subscription);
void bandwidth_drop(struct fwd_member *member);

/* Makes the least of what the subscription wants and what fits. */
void bandwidth_limit(const struct subscription *subscription, struct stream_want *want);

/* The subscription begins here: with the layer that another node sent, or (NULL) the lowest. */
void bandwidth_keep(struct subscription *subscription, const struct stream_state *state);

/* What can be sent has changed. */
void bandwidth_soon(struct fwd_member *member, int64_t now_us);

/* Tells what is paused. */
void bandwidth_tell(struct fwd_member *member);

void bandwidth_feedback(struct fwd_member *member, int64_t now_us,
                        const struct rtcp_packet *packet);
void bandwidth_remb(struct fwd_member *member, int64_t now_us, uint64_t bps);
void bandwidth_loss(struct fwd_member *member, int64_t now_us, struct bwe_loss loss);
void bandwidth_expire(struct fwd_member *member, int64_t now_us);
int64_t bandwidth_deadline(const struct fwd_member *member);

/* ---- early.c --------------------------------------------------------------------------------- */

/* The stream is new to the member's client; it knows it, or it goes. */
void early_begin(struct subscription *subscription);
void early_end(struct subscription *subscription);

/* A packet of an untaken stream left under that transport-wide number. */
void early_sent(struct subscription *subscription, int64_t now_us, uint16_t number,
                const struct stream_out *out);

/* Feedback came. */
void early_heed(struct fwd_member *member, int64_t now_us);

/* Whether a key frame that the client asks for is one that it has missed or will have anyway. */
bool early_answers(const struct subscription *subscription, int64_t now_us);

/* ---- handover.c ------------------------------------------------------------------------------ */

/* Takes note of where the subscription is to go on, unless the index was sent from here. */
void handover_note(struct subscription *subscription, const struct stream_state *state);
void handover_forget(struct subscription *subscription);
/* New keys came before it did. */
void handover_renew(struct subscription *subscription);

/* Begins where the subscription is to go on, or waits for its source. */
void handover_resume(struct subscription *subscription, int64_t now_us);

/* Something of an awaited track came. */
void handover_retry(struct track *track, int64_t now_us);

/* The index under the present keys that a sender's next one stands for. */
uint64_t handover_index(const struct rtpsec_stream *stream, uint64_t next);

/* Says where the member's streams stopped; it must have been handed over. */
void handover_tell(struct fwd_member *member);

/* ---- lease.c --------------------------------------------------------------------------------- */

/* The subscription's streams begin where its sender stands now: a new sender, or new keys. */
void lease_begin(struct subscription *subscription);

/* What the owner heard of them last, in its subscription's spec. */
void lease_heed(struct subscription *subscription);

/* The sender's index has come to look_at. False: it must not be sent. */
bool lease_look(struct subscription *subscription, int64_t now_us, struct lease *lease,
                uint64_t index);

/* All of the member's streams are to be told of, soon. */
void lease_tell_all(struct fwd_member *member, int64_t now_us);

/* Tells what is due. */
void lease_report(struct fwd_member *member);

/* ---- silence.c ------------------------------------------------------------------------------- */

/* Looks whether the member is silent, when silence_at_us has come. */
void silence_look(struct fwd_member *member, int64_t now_us);

/* It does not answer. */
void silence_begins(struct fwd_member *member, int64_t now_us);

/* It may have been heard: after each input. */
void silence_heed(struct fwd_member *member);

/* ---- origin.c -------------------------------------------------------------------------------- */

/* Makes the track's upstreams those of its spec; what stays keeps its state. */
void origin_set_all(struct track *track, int64_t now_us);
void origin_drop_all(struct track *track);

/* Who is to be asked for what is missing; NULL: the member, if there is one. */
struct origin *origin_of(const struct track *track, int64_t now_us);

void origin_ask(struct origin *origin, size_t layer, const struct stream_request *request);

/* Asks backups to send while no other trunk is heard. */
void origin_want_backups(struct track *track, int64_t now_us);

/* ---- edge.c ---------------------------------------------------------------------------------- */

/* Which layers flow: after a change of what is wanted, live, or muted. */
void edge_update(struct edge *edge, int64_t now_us);
void edge_update_all(struct track *track, int64_t now_us);

void edge_forward(struct edge *edge, int64_t now_us, const struct stream_packet *packet,
                  const struct rtp_exts *exts);

/* A number the far end misses, and a key frame it needs. */
void edge_resend(struct edge *edge, int64_t now_us, size_t layer, uint16_t number);
void edge_want_key_frame(struct edge *edge, int64_t now_us, size_t layer);

/* Sender reports of those of these layers that flow. */
void edge_clock(struct edge *edge, uint8_t layers);

/* Sends a packet, whatever the voices say. */
void edge_send(struct edge *edge, int64_t now_us, const struct stream_packet *packet,
               const struct rtp_exts *exts);

/* ---- turns.c --------------------------------------------------------------------------------- */

/* Whether a packet of video waits; it goes by fwd_relay_turn then. */
bool edge_waits(struct edge *edge, int64_t now_us, const struct stream_packet *packet);

/* ---- voices.c -------------------------------------------------------------------------------- */

#define VOICE_UNIT 256

/* Notes the level of the track's newest packet. */
void voices_hear(struct track *track, int64_t now_us, const struct rtp_exts *exts);

/* Whether the edge's voice flows now. One that begins to was preceded by what came just before this
 * packet. */
bool voices_admit(struct edge *edge, int64_t now_us, const struct stream_packet *packet);

/* The edge is no voice of its bundle any more. */
void voices_leave(struct edge *edge);

/* ---- report.c -------------------------------------------------------------------------------- */

void report_rtcp(struct fwd_member *member, int64_t now_us);
void report_statistics(struct fwd_member *member, int64_t now_us);
void report_levels(struct fwd *fwd, int64_t now_us);

#endif
