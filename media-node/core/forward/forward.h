/* SPDX-License-Identifier: Apache-2.0
 *
 * One room on this node: members (transports), the tracks they publish, and subscriptions that
 * carry tracks to members. A packet of a track waits in the burst, and from there goes to each of
 * its subscriptions, into the outbox; what the room has to tell goes to the events list. All three
 * are the node's, given in the config: drain them after every call, the burst first.
 *
 * A room over several nodes: a track comes from a member, from other nodes (its upstreams), or from
 * both while it moves; and it goes to other nodes over edges, one copy of each wanted layer, as its
 * publisher sent it. Wherever a packet comes from, it has its publisher's number and is taken once.
 *
 * What the room does on its own:
 *   - asks publishers for lost packets and for key frames (joined per layer, spaced), and only once
 *     their media arrived here: a key frame made for another node would be in vain;
 *   - answers NACKs out of the receivers' caches;
 *   - reports: receiver reports and transport-cc feedback to publishers, sender reports to
 *     subscribers, each second; levels each 400 ms while somebody speaks; statistics each 5 s;
 *   - sends a member no more than its network takes (bandwidth.c), if the config says so;
 *   - stops forwarding to a member without path or keys, or who has left, and starts with a key
 *     frame when that changes.
 */
#ifndef MEDIA_NODE_CORE_FORWARD_FORWARD_H
#define MEDIA_NODE_CORE_FORWARD_FORWARD_H

#include "common/base/base.h"
#include "media-node/core/peer/peer.h"
#include "media-node/core/relay/relay.h"

#define FWD_RTCP_US      TIME_S(1)   /* between sender and receiver reports of one member */
#define FWD_RTCP_GRID_US TIME_MS(20) /* several members' leave at once */
#define FWD_LEVELS_US    TIME_MS(400)
#define FWD_LIVE_US      TIME_MS(100) /* between looks at which simulcast layers flow */
#define FWD_REPORT_US    TIME_S(5)    /* between statistics of one member */
#define FWD_TELL_US      TIME_MS(100) /* what can wait is told at multiples of it, all at once */
#define FWD_NAME_MAX     64           /* bytes of a participant's sid, NUL included */
#define FWD_NACK_MAX     256          /* sequence numbers of one NACK packet that are looked at */

/* Who sends nothing at all for so long is asked whether he is there, and is silent if he does not
 * answer half a second later (silence.c). libwebrtc sends STUN each 2.5 s at least. */
#define FWD_SILENT_US TIME_S(4)

#define FWD_NAMED_US TIME_MS(700) /* a path that was named in standby counts after that */
#define FWD_PATHS_US TIME_MS(100) /* between two that are told: a client may go to and fro */

/* A stream to be resumed waits so long for its source, while anything of its track comes. */
#define FWD_FOUND_US TIME_MS(300)

/* A stream goes on for so many indices beyond what its owner was told (lease.c). Twice that is less
 * than 2^15, so that a client that missed all of them guesses the rollover counter right (RFC 3711
 * §3.3.1), and VP8's picture ids (RFC 7741 §4.2) are still seen to rise. */
#define FWD_LEASE 12288
/* Without an answer it goes on by so many at a time, if the client was heard in so long. */
#define FWD_LEASE_STEP     512
#define FWD_LEASE_HEARD_US TIME_S(2)

#define FWD_UPSTREAMS_MAX 4            /* of one track */
#define FWD_ALIVE_US      TIME_S(1)    /* who sent within this time can be asked for more */
#define FWD_BACKUP_US     TIME_MS(400) /* all trunks of a track silent for so long: ask backups */
#define FWD_ASKED_US      TIME_S(1)    /* a backup edge flows for so long after each request */

struct fwd;        /* a room; opaque outside core/forward */
struct fwd_member; /* one transport of it */

/* ---- Events ---------------------------------------------------------------------------------- */

enum fwd_event_kind {
    FWD_PATH_ADDED,       /* path: its datagrams belong to this member */
    FWD_PATH_REMOVED,     /* path: no longer */
    FWD_PATH_SELECTED,    /* path; in standby not before SRTP or SRTCP came, or FWD_NAMED_US */
    FWD_CHECK_UNANSWERED, /* path: our checks there were given up */
    FWD_LOST,             /* no consent any more, or the last TCP connection closed (tcp) */
    FWD_SOURCE,           /* source: first packet of an SSRC */
    FWD_MEDIA,            /* track: its first packet that can be forwarded */
    FWD_LEVELS,           /* levels, none when silence began; member NULL */
    FWD_REPORT,           /* report */
    FWD_HANDED,           /* handed: where its streams stopped */
    FWD_PAUSED,           /* paused: the subscriptions for whose video there is no bandwidth */
    FWD_STANDING,         /* standing: how far its streams are */
    FWD_SILENT            /* nothing is heard of whom this node serves; or it is again (over) */
};

struct fwd_level {
    uint32_t track;
    struct stream_level level;
};

/* What happened since the last report. */
struct fwd_layer_report {
    uint32_t track;
    uint8_t layer;
    uint64_t packets;
    uint64_t lost;
    uint64_t bytes;
    uint64_t frames;
    uint64_t nacked; /* asked for at the publisher */
    uint64_t repaired;
    uint64_t key_frames_asked;
    uint32_t jitter_us;
};
struct fwd_subscription_report {
    uint32_t subscription;
    uint64_t packets;
    uint64_t lost;
    uint64_t bytes;
    uint64_t nacked; /* asked for by the client */
    uint64_t repaired;
    uint64_t key_frames_asked;
    uint32_t jitter_us;
    int layer; /* -1 none */
};
struct fwd_report {
    uint32_t interval_ms;                  /* that the counts cover */
    uint32_t rtt_us;                       /* 0 unknown */
    uint32_t estimate_bps;                 /* how fast it may be sent to; 0 unknown */
    uint16_t transport_cc;                 /* next transport-wide number */
    uint64_t remb_bps;                     /* 0 none */
    const struct fwd_layer_report *layers; /* layers of one track stand together */
    size_t layer_count;
    const struct fwd_subscription_report *subscriptions;
    size_t subscription_count;
};

/* What the next node needs to serve a member on. */
struct fwd_handed_stream {
    uint32_t subscription;
    struct stream_state state;
};
struct fwd_handed {
    const struct fwd_handed_stream *streams;
    size_t stream_count;
    uint16_t transport_cc; /* next transport-wide number */
    uint32_t estimate_bps; /* 0 unknown */
};

struct fwd_stream_standing {
    struct fwd_handed_stream stream; /* flows is false */
    uint32_t ssrc;
    uint64_t index_end; /* as in control.proto */
    uint64_t rtx_index_end;
};
struct fwd_standing {
    uint32_t lease;
    const struct fwd_stream_standing *streams;
    size_t stream_count;
};

/* Pointers are borrowed until the next call on the room. */
struct fwd_event {
    enum fwd_event_kind kind;
    struct fwd *fwd;
    struct fwd_member *member;
    struct ice_path path;
    struct peer_source source;
    const char *rid; /* of source; "" without simulcast */
    uint32_t track;
    bool tcp;
    bool over;
    const struct fwd_level *levels;
    size_t level_count;
    struct fwd_report report;
    struct fwd_handed handed;
    const uint32_t *paused;
    size_t paused_count;
    struct fwd_standing standing;
};

/* What rooms have to tell, in order. All zero: empty. Holds what one call can cause. */
struct fwd_events {
    struct fwd_event *list;
    size_t count;
    size_t capacity;
};

/* ---- Burst ----------------------------------------------------------------------------------- */

/* Packets that came and wait to be forwarded: of all rooms of a node. */
struct fwd_burst;
struct fwd_burst *fwd_burst_new(void);
void fwd_burst_free(struct fwd_burst *burst);

/* Nothing more is to be given to any room (fwd_rtp, fwd_relayed) before some of it was sent. */
bool fwd_burst_full(const struct fwd_burst *burst);

/* Forwards what waits of one track, to one subscriber or node after the other, until so many
 * packets wait in the outbox. Returns the track's room; NULL: nothing waits any more. Between two
 * calls that leave something, no room may be given anything or change. */
struct fwd *fwd_burst_send(struct fwd_burst *burst, int64_t now_us, size_t enough);

/* ---- Room ------------------------------------------------------------------------------------ */

struct fwd_config {
    struct random_source random;
    struct outbox *outbox;
    struct fwd_burst *burst;
    struct fwd_events *events;
    struct counters *counters;
    bool congestion_control; /* see bandwidth.c */
    void *owner;             /* given back by fwd_owner */
};

struct fwd *fwd_new(const struct fwd_config *config, int64_t now_us);

/* Goes silent and is gone: no event, not a byte to any client. */
void fwd_free(struct fwd *fwd);

void *fwd_owner(const struct fwd *fwd);

struct fwd_counts {
    size_t members;
    size_t tracks;
    size_t subscriptions;
    size_t held; /* of these */
    size_t edges;
};
struct fwd_counts fwd_counts(const struct fwd *fwd);

/* ---- What it should be. All may repeat what is so already. ----------------------------------- */

struct fwd_transport {
    uint64_t id;
    char participant[FWD_NAME_MAX];
    struct ice_credentials credentials;
    struct rtp_ext_ids exts;
    struct peer_keys keys; /* suite RTPSEC_NONE: none are told, what is in use stays */
    uint32_t estimate_bps; /* how fast another node sent to it; 0 unknown */
    uint16_t transport_cc; /* next transport-wide number; heeded when it is added */
    uint32_t lease;        /* what FWD_STANDING is told under; 0: it is not told */
};

/* Adds a member (*member NULL), or changes one. ERR_INVALID or ERR_CRYPTO, and nothing changed.
 * Keys that were replaced before are passed over in silence. */
MUST_CHECK int fwd_set_transport(struct fwd *fwd, int64_t now_us,
                                 const struct fwd_transport *transport, struct fwd_member **member);
/* Its tracks and subscriptions go too. */
void fwd_remove_transport(struct fwd *fwd, struct fwd_member *member);

/* Who serves the member: sends to it by SRTP and SRTCP (architecture.md §2.3). A new one is served
 * from here. */
enum fwd_duty {
    FWD_SERVES,
    FWD_STANDBY,   /* another node does still */
    FWD_HANDS_OVER /* another node shall: say where it goes on (FWD_HANDED, each time) */
};

/* Set it last, when what the member should have is set. transport_cc: where to go on counting;
 * heeded when standby ends. */
void fwd_set_duty(struct fwd_member *member, int64_t now_us, enum fwd_duty duty,
                  uint16_t transport_cc);

enum fwd_duty fwd_member_duty(const struct fwd_member *member);
uint64_t fwd_member_id(const struct fwd_member *member);
struct fwd_counts fwd_member_counts(const struct fwd_member *member); /* of it alone */

/* The subscription of this member that sends on that SSRC, as media or RTX; 0: none. */
uint32_t fwd_ssrc_subscription(const struct fwd_member *member, uint32_t ssrc);

/* Another node a track comes from. */
struct fwd_upstream {
    struct relay *relay;
    uint32_t
        ssrcs[STREAM_LAYERS_MAX]; /* by layer, not 0; each free on that relay, or this track's */
    size_t ssrc_count;
    bool backup; /* asked for only while no other upstream's trunk is heard */
};

struct fwd_track {
    struct peer_track published;    /* id, mid, layers */
    char participant[FWD_NAME_MAX]; /* its publisher's sid; "": the member's */
    struct fwd_upstream upstreams[FWD_UPSTREAMS_MAX];
    size_t upstream_count;
    enum stream_kind kind;
    struct stream_payload payloads[STREAM_PAYLOADS_MAX];
    size_t payload_count; /* 1 .. STREAM_PAYLOADS_MAX */
    bool muted;           /* nothing is forwarded, whatever comes */
};

/* member: its publisher's; NULL: not on this node. A track may gain a member or lose it, but never
 * change it for another (asserted), nor its kind. Its receivers stay. ERR_FULL: PEER_TRACKS_MAX of
 * this member. */
MUST_CHECK int fwd_set_track(struct fwd *fwd, int64_t now_us, struct fwd_member *member,
                             const struct fwd_track *track);
/* Its subscriptions and edges go too. */
void fwd_remove_track(struct fwd *fwd, uint32_t id);

/* Its publisher is no longer a member, but the track stays. */
void fwd_release_track(struct fwd *fwd, uint32_t id);

bool fwd_has_track(const struct fwd *fwd, uint32_t id);

/* Where the track with that id is published; NULL: no such track, or not on this node. */
struct fwd_member *fwd_track_member(const struct fwd *fwd, uint32_t id);

/* Of a track that must exist. */
enum stream_kind fwd_track_kind(const struct fwd *fwd, uint32_t id);

struct fwd_subscription {
    uint32_t id;
    uint32_t track;
    char mid[PEER_MID_MAX]; /* not "" */
    uint32_t ssrc;          /* not 0 */
    uint32_t rtx_ssrc;      /* 0: no RTX */
    struct stream_payload payloads[STREAM_PAYLOADS_MAX];
    size_t payload_count; /* 1 .. STREAM_PAYLOADS_MAX */
    bool transport_cc;    /* negotiated for these payload types */
    bool remb; /* likewise; heeded while its member has no subscription with transport_cc */
    struct stream_want want;
    bool held;        /* paused for want of place: counted apart */
    bool screen;      /* a screen share */
    uint8_t priority; /* 1 highest, 0 unset */
    /* SRTP indices (ROC << 16 | number) up to which the streams may go on; 0: none are told. */
    uint64_t index_end;
    uint64_t rtx_index_end;
    /* Where another node stopped: with what came since, this one goes on there once it serves the
     * member. NULL: nowhere. Passed over if that index was sent from here before. Copied. */
    const struct stream_state *resume;
};

/* The track must be there (asserted). One whose track or member changes begins anew. */
void fwd_set_subscription(struct fwd *fwd, int64_t now_us, struct fwd_member *member,
                          const struct fwd_subscription *subscription);
void fwd_remove_subscription(struct fwd *fwd, uint32_t id);

/* The member that has the subscription; NULL: no such subscription. */
struct fwd_member *fwd_subscription_member(const struct fwd *fwd, uint32_t id);

/* The track of the subscription, which must exist. */
uint32_t fwd_subscription_track(const struct fwd *fwd, uint32_t id);

/* ---- To other nodes -------------------------------------------------------------------------- */

struct fwd_edge {
    uint32_t id;
    uint32_t track;
    struct relay *relay;
    uint32_t
        ssrcs[STREAM_LAYERS_MAX]; /* by layer, not 0; each free on that relay, or this edge's */
    size_t ssrc_count;
    uint8_t layers;   /* bit n: layer n is wanted; the next lower one that flows stands in for it */
    uint8_t size_max; /* of spatial layers inside a stream; STREAM_SIZE_ALL: all are wanted */
    uint8_t temporal_max[STREAM_LAYERS_MAX]; /* by layer, likewise; STREAM_RATE_ALL */
    bool backup;                             /* nothing flows until the other end asks */
    bool seamless;                           /* a layer that begins to flow needs no key frame */
};

/* The track must be there (asserted). One whose track, relay or SSRCs change begins anew. */
void fwd_set_edge(struct fwd *fwd, int64_t now_us, const struct fwd_edge *edge);
void fwd_remove_edge(struct fwd *fwd, uint32_t id);
bool fwd_has_edge(const struct fwd *fwd, uint32_t id);
uint32_t fwd_edge_track(const struct fwd *fwd, uint32_t id); /* of one that must exist */
void fwd_list_edges(const struct fwd *fwd, uint32_t *out);
/* As it was set last; it must exist. */
void fwd_get_edge(const struct fwd *fwd, uint32_t id, struct fwd_edge *out);

/* So many voices flow over the edges to one node at a time; 0: all. */
void fwd_set_loudest(struct fwd *fwd, uint32_t loudest);

/* Whose an SSRC of a relay is: the room, and there the track (incoming) or edge (outgoing); NULL:
 * nobody's. */
const struct fwd *fwd_relay_track(const struct relay *relay, uint32_t ssrc, uint32_t *track);
const struct fwd *fwd_relay_edge(const struct relay *relay, uint32_t ssrc, uint32_t *edge);

/* Numbers of everything that is there, in no order: for what a whole spec no longer names. out
 * holds as many as fwd_counts tells. */
void fwd_list_members(const struct fwd *fwd, struct fwd_member **out);
void fwd_list_tracks(const struct fwd *fwd, uint32_t *out);
void fwd_list_subscriptions(const struct fwd *fwd, uint32_t *out);
/* As it was set last, but for `resume`; it must exist. */
void fwd_get_subscription(const struct fwd *fwd, uint32_t id, struct fwd_subscription *out);

/* ---- Input ----------------------------------------------------------------------------------- */

/* Takes keys into use that came with the tunnel. As peer_set_keys. */
MUST_CHECK int fwd_set_keys(struct fwd_member *member, int64_t now_us,
                            const struct peer_keys *keys);

/* Sends STUN checks to path. As peer_check. */
MUST_CHECK int fwd_check(struct fwd_member *member, int64_t now_us, const struct ice_path *path,
                         uint32_t priority);

/* Tells again all that was learned of this member. */
void fwd_tell(struct fwd_member *member, int64_t now_us);

/* What came from one of the member's paths; stun from anywhere. Errors are counted. */
int fwd_stun(struct fwd_member *member, int64_t now_us, const struct ice_path *path,
             const struct stun_message *message);
void fwd_rtp(struct fwd_member *member, int64_t now_us, const struct ice_path *path,
             const struct peer_datagram *in);
void fwd_rtcp(struct fwd_member *member, int64_t now_us, const struct ice_path *path,
              const struct peer_datagram *in);
void fwd_dtls(struct fwd_member *member, const struct ice_path *path);
void fwd_path_closed(struct fwd_member *member, int64_t now_us, const struct ice_path *path);

/* A packet of another node, and what else it said: one packet of a compound. They return the room
 * that was reached, NULL if none. */
struct fwd *fwd_relayed(int64_t now_us, const struct relay_rtp *rtp);
struct fwd *fwd_relayed_rtcp(struct relay *relay, int64_t now_us, const struct rtcp_packet *packet);

/* A packet to another node that waited, and whose turn it is. */
void fwd_relay_turn(int64_t now_us, const struct relay_turn *turn);

/* A DTLS datagram for the client. False: dropped, counted. */
bool fwd_send_dtls(struct fwd_member *member, struct bytes datagram);

/* Does one thing that is due; call while now_us >= fwd_deadline(), draining in between. */
void fwd_expire(struct fwd *fwd, int64_t now_us);
int64_t fwd_deadline(const struct fwd *fwd);

#endif
