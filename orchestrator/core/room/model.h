/* SPDX-License-Identifier: Apache-2.0
 *
 * What a room is made of: nodes, tracks and their ways, subscriptions, people. Its files share
 * these structs, nobody else sees them.
 */
#ifndef ORCHESTRATOR_CORE_ROOM_MODEL_H
#define ORCHESTRATOR_CORE_ROOM_MODEL_H

#include "orchestrator/core/data/data.h"
#include "orchestrator/core/room/dynacast.h"
#include "orchestrator/core/room/limits.h"
#include "orchestrator/core/room/room.h"
#include "orchestrator/core/room/stats.h"
#include "orchestrator/core/seal/seal.h"
#include "orchestrator/core/session/session.h"
#include "orchestrator/core/topology/topology.h"
#include "orchestrator/core/turn/turn.h"

#include <uthash.h>
#include <utlist.h>

#define LAYERS_MAX    3
#define USED_MAX      128 /* addresses given to one peer connection; then it restarts its ICE */
#define RPC_CALLS_MAX 256 /* PerformRpc calls in flight, per room */

struct attribute {
    char *name, *value;
};

/* One of the room's media nodes, and the spec it should have (host.c, spec.c). */
struct host {
    char node[TOPOLOGY_ID_MAX];
    Spillway__Control__Register *info; /* owned */
    size_t place;                      /* in the order of coming: its number in the topology */
    uint64_t version;                  /* of the spec sent last; 0: none yet */
    uint64_t acked;                    /* the node has it up to here */
    uint64_t begun;                    /* the last one that was sent whole */
    bool whole;                        /* the next spec is sent whole */
    bool dirty;                        /* something of it is to be sent */
    bool unsent;                       /* a spec was lost on its way into the queue */
    bool lost;                         /* dead, and people are there again whom another one refused:
                                          its address may be another node's by now, so no other host
                                          is told of a trunk to it */
    uint64_t *removed_transports;
    uint32_t *removed_tracks, *removed_subscriptions, *removed_edges;
    size_t removed_transport_count, removed_track_count, removed_subscription_count,
        removed_edge_count;
    struct host *prev, *next; /* of the room */
};

/* Where a participant is served, and where it is going to be or was a moment ago (move.c). */
enum { HERE, NEXT, PLACES };

/* Of a participant or a subscription in the spec of one of these. */
struct entry {
    bool dirty, in_spec;
    bool seal_due; /* a participant's session is to be sent (sealed.c) */
};

/* It fled to HERE, which has not said yet that it takes it (refuge.c). */
struct refuge {
    Spillway__Control__Register *from; /* owned: the dead node; NULL: HERE has it */
    uint32_t weight_max;               /* of HERE, with it */
    uint64_t version;                  /* of the first spec that names it there; 0: none was sent */
};

enum move_phase {
    MOVE_NONE,
    MOVE_STARTED,  /* NEXT stands by, until the client's media reach it */
    MOVE_HANDING,  /* HERE was told to stop, and to say where */
    MOVE_SETTLING, /* HERE has taken over; NEXT, the old one, still receives what was on its way */
};

/* A track in the spec of one host: where it is published, or relayed to. */
struct copy {
    struct track *track;
    struct host *host;
    bool root; /* its publisher is there, or is just coming or leaving */
    bool dirty, in_spec;
    struct copy *prev, *next; /* of the track */
};

/* What of a track is wanted somewhere. */
#define WANTS_ALL UINT32_MAX
struct wants {
    uint32_t layers; /* bit n: layer n; of audio, 0 */
    uint32_t sizes;  /* of the spatial layers inside its stream so many, from the lowest up */
    uint32_t rates[LAYERS_MAX]; /* by layer, of the temporal ones inside its stream, likewise */
};

/* A track's way from one host to another (cascade.c). */
struct edge {
    uint32_t id; /* in the room; never used again */
    struct track *track;
    struct host *from, *to;
    uint32_t ssrcs[LAYERS_MAX]; /* on the trunk, fresh with every edge */
    struct wants wanted;        /* by anybody behind it */
    struct wants told;          /* that, and what was until a moment ago */
    bool backup;
    bool seamless; /* whoever is behind it has the track already, from elsewhere */
    bool dirty, in_spec;
    int64_t lower_at_us;      /* layers become wanted then; TIME_NEVER otherwise */
    int64_t gone_at_us;       /* replaced by another one, it goes then; TIME_NEVER otherwise */
    struct edge *prev, *next; /* of the track */
};

struct layer {
    char rid[SDP_MID_MAX + 1];
    uint32_t spatial;
    uint32_t quality;        /* VideoQuality that its rid stands for */
    uint32_t ssrc, rtx_ssrc; /* signalled or learned, 0 unknown */
    struct stats_flow flow;
};

/* How well a stream did over the last report (quality.c). */
struct score {
    double value; /* 0..100, smoothed */
    bool known;
};

struct track {
    uint32_t id; /* in the room; never used again */
    struct participant *publisher;
    char *cid;                /* of add_track; "" for a track announced by the server API */
    Livekit__TrackInfo *info; /* owned; sid, type, source, muted, layers, mime type */
    enum sdp_kind kind;
    bool published;    /* it is in an answered offer: others know of it */
    bool carried;      /* to somebody, once */
    bool carried_told; /* track_subscribed was sent */
    struct copy *copies;
    struct edge *edges;
    struct subscription *subscriptions;
    bool routes_dirty;               /* where it has to go may have changed */
    struct sdp_answer_codec codec;   /* first of its section: subscriptions match theirs with it */
    struct layer layers[LAYERS_MAX]; /* low to high */
    size_t layer_count;
    struct dynacast dynacast; /* of its one codec; video only */
    struct score score;
    struct track *prev, *next; /* of its publisher */
};

/* How far its node is with a stream (lease.c). */
struct standing {
    bool known;  /* by its present holder, of the present SSRCs and keys */
    bool passed; /* to another node, which begins behind all that the one that told it may send */
    bool taken;  /* that one was told */
    Spillway__Control__SenderState state; /* as told; its newest is the one below */
    Spillway__Control__SentPacket newest;
    uint64_t index_end, rtx_index_end;
    int64_t at_us; /* when it was told */
};

struct subscription {
    uint32_t id; /* in the room; never used again */
    struct track *track;
    struct participant *subscriber;
    bool allowed;      /* by the publisher's subscription permission */
    bool allowed_told; /* what the subscriber believes: a publication starts out allowed */
    bool refused;      /* no section of the last offer could carry it */
    bool refused_told; /* so it was told */
    bool starved;      /* its node has no bandwidth for it */
    bool held_told;    /* it was told PAUSED */
    struct entry entry[PLACES];
    bool resumes;            /* the last host handed it over, see participant.handed */
    uint32_t ssrc, rtx_ssrc; /* fresh with every node that does not know where the last one was */
    struct standing standing;
    /* track_setting */
    bool disabled;
    bool settings_known; /* the client said what it wants to see */
    uint32_t width, height, fps;
    uint32_t priority; /* 1 highest, 0 unset */
    Livekit__VideoQuality quality;
    enum dynacast_level wanted; /* as counted in the track */
    struct score score;
    struct stats_flow flow;
    int32_t layer;                                /* forwarded, as reported last; below 0 none */
    struct subscription *prev, *next;             /* of its subscriber */
    struct subscription *track_prev, *track_next; /* of its track */
};

enum channel_kind { CHANNEL_RELIABLE, CHANNEL_LOSSY, CHANNEL_DATA_TRACK, CHANNEL_COUNT };

struct channel {
    bool open;
    bool waits; /* was open; is again once SCTP begins anew at another front */
    uint16_t stream;
};

/* The last reliable packet of one sender that a client has. */
struct received {
    char sid[ID_MAX]; /* the sender's */
    uint32_t sequence;
};

struct data_track {
    uint16_t handle;              /* the publisher's */
    Livekit__DataTrackInfo *info; /* owned */
    struct data_track *prev, *next;
};

/* A subscriber's own number for somebody's data track. */
struct data_subscription {
    uint16_t handle;
    char sid[ID_MAX]; /* of the data track */
    struct data_subscription *prev, *next;
};

/* A node's address that a peer connection was given. Nodes come back under another id at the same
 * addresses, so they count by themselves. */
struct used_address {
    char ip[46];
    uint16_t port;
    bool tcp;
};

/* A join or a move that is traced (passage.c); of its parts those that are under way are traced. */
struct passage {
    struct trace_span whole, negotiation, spec, dtls, hand_over, media;
    char node[TOPOLOGY_ID_MAX]; /* that was told of it; "": none yet */
    uint64_t version;           /* of that spec */
    uint64_t conn;              /* that joined with it; 0: it is a move */
    int64_t until_us;           /* media are waited for until then; TIME_NEVER: not yet */
};

/* A person in the room, with its peer connection. Who has two is two of these: all of one is
 * served, moved and sealed as any other is. The second one, the receiver, is not in
 * room->participants: it has the subscriptions and the channels to the client, and nothing else of
 * the person but its names (sid, identity). */
struct participant {
    struct room *room;
    struct participant *receiver; /* owned: its second peer connection; NULL: it has one for all */
    struct participant *person;   /* of a receiver, whose it is; else NULL */
    char sid[ID_MAX];
    char *identity, *name, *metadata;
    char *api_key; /* that signed its token; refreshed tokens are signed with it */
    char *kind;
    struct attribute *attributes;
    size_t attribute_count;
    struct token_video grants; /* strings inside are NULL: the room is known */
    Livekit__ParticipantPermission permission;
    Livekit__ClientInfo *client; /* owned */
    Livekit__ParticipantInfo__State state;
    Livekit__DisconnectReason leave_reason;
    int64_t joined_wall_us;
    uint32_t version;
    bool update_dirty; /* others are to be told */
    bool tell;         /* subscribe_flush has something for it */

    uint64_t conn; /* 0: no signalling now, or a receiver: participant_conn() */
    bool auto_subscribe, auto_subscribe_data, adaptive_stream;
    bool drop_next_resume; /* simulate scenario 7 */
    int resumes_to_drop;   /* simulate scenario 8 */

    struct room_front front;      /* strings owned */
    bool restored;                /* its room was another orchestrator's before */
    bool front_leaves;            /* it was told to resume where it gets another one */
    bool front_lost;              /* DTLS begins anew with its next ICE restart (front.c) */
    struct room_front front_next; /* where; strings owned; NULL before it resumed */
    int64_t keys_by_us;           /* it did, and is through by then; TIME_NEVER otherwise */
    char *region;
    struct host *host; /* HERE */
    struct host *next; /* NEXT; NULL: it does not move */
    enum move_phase phase;
    bool silent;        /* the node that serves it, or did before this move, hears nothing of it */
    bool flees;         /* it was so when this move began */
    uint32_t flights;   /* such moves that it did not come to, since its last ICE restart */
    int64_t move_at_us; /* the phase ends by then; TIME_NEVER: none */
    struct refuge refuge;
    Spillway__Control__HandedOver *handed; /* owned; where the last host stopped, or NULL */
    struct session session;
    bool connected;        /* DTLS is up */
    bool media_lost;       /* the node gave its transport up */
    bool video_held;       /* it gets no video, for want of place (shortage.c) */
    uint32_t estimate_bps; /* how fast its node may send to it; 0 unknown */
    uint16_t transport_cc; /* next transport-wide number to it, as its node told last */
    struct entry entry[PLACES];
    uint32_t lease;                       /* of this owner and these keys, never 0 (lease.c) */
    bool parts_dirty;                     /* a track or subscription of it is to be sent */
    bool unsealed;                        /* what its node keeps of it is out of date */
    bool seal_sent;                       /* in this flush */
    Spillway__Control__SrtpKeys *keys;    /* owned, NULL before the handshake */
    Spillway__Control__Endpoint *address; /* owned: where the node saw it, NULL unknown */
    uint32_t check_priority;              /* of the node's checks after a move, 0 none */
    struct used_address *used;            /* owned; since its last ICE restart */
    size_t used_count;
    bool renegotiate;                  /* the next flush asks the client for an offer */
    uint32_t asked_audio, asked_video; /* sections asked for and not yet offered */
    bool asked;                        /* an offer was asked for and has not come; of a receiver:
                                          ours is not answered yet */
    bool restart_due;                  /* a receiver's next offer begins its ICE anew */
    uint32_t asked_fruitless;          /* times since a subscription last found its section */

    struct track *tracks; /* published and pending */
    struct subscription *subscriptions;
    struct data_track *data_tracks;
    struct data_subscription *data_subscriptions;
    uint16_t next_data_handle;
    Livekit__SubscriptionPermission *subscription_permission; /* owned, NULL: everybody */

    struct channel channels[CHANNEL_COUNT];
    uint32_t last_reliable_sequence;
    uint64_t replay_from; /* first replay ordinal after it joined */
    /* Between two SCTP associations, see channel.c. */
    uint64_t lost_from;        /* first ordinal that found no front; 0: there is one */
    struct received *received; /* owned; what it said it has, by sender */
    size_t received_count;
    int64_t resent_from_us; /* what its SDK sends again comes then */

    int64_t join_by_us;   /* TIME_NEVER once active */
    int64_t reach_by_us;  /* its first media are late from then on; TIME_NEVER otherwise */
    int64_t lost_at_us;   /* neither signalling nor media since; TIME_NEVER otherwise */
    int64_t arrive_by_us; /* moved: its media are late from then on; TIME_NEVER otherwise */
    int64_t answer_by_us; /* a receiver's offer is answered by then; TIME_NEVER: none is out */
    int64_t node_died_us; /* that it was on, and no other has its media yet; TIME_NEVER otherwise */
    Livekit__ParticipantInfo **missed; /* who left while it had no signalling; owned */
    size_t missed_count;
    int64_t heard_us; /* its last message, or its join */

    struct passage *passage; /* owned; NULL: none is traced */

    bool restarting; /* was asked to restart its ICE, and has not arrived since */
    int64_t ping_by_us;
    int64_t refresh_at_us;

    /* speakers.c */
    double level;
    bool speaking;
    float level_sent;
    double loudest;         /* in the report at hand */
    int64_t lapse_at_us;    /* of what its node told last */
    int64_t speak_until_us; /* simulated speaking */
    /* quality.c */
    int quality_sent;           /* ConnectionQuality, -1 none */
    struct stats_report report; /* of its node, the last one */
    UT_hash_handle hh;          /* by identity */
};

struct rpc_call {
    uint64_t request;
    char id[ID_MAX];
    char *destination; /* identity */
    uint8_t *unsent;   /* owned; its channel is not open yet; NULL: it was sent */
    size_t unsent_len;
    int64_t ack_by_us; /* TIME_NEVER: it is acknowledged */
    int64_t until_us;
    struct rpc_call *prev, *next;
};

struct departure {
    Livekit__ParticipantInfo *info; /* owned */
    int64_t at_us;
};

struct room {
    const struct room_config *config;
    char sid[ID_MAX];
    char *name, *metadata;
    char *pinned_node, *pinned_region; /* "" none */
    uint32_t empty_timeout_s, departure_timeout_s, max_participants;
    int64_t created_us;
    int64_t empty_since_us; /* of people, see participant.c; TIME_NEVER while somebody is here */
    bool begun;             /* room_started was posted */
    bool joined_once;
    bool closed;
    bool info_dirty;    /* room_update is due */
    int64_t info_at_us; /* not before */
    uint64_t epoch;

    struct host *hosts; /* its media nodes, in the order in which they came */
    size_t host_count;
    bool hosts_changed;    /* to be stored at the next flush */
    uint64_t spec_version; /* of the spec sent last, to whichever host */
    uint32_t generation;   /* of trunk keys, as told to all */
    bool routes_dirty;     /* of some track */
    int64_t cascade_at_us; /* when an edge or the trunk keys change by themselves */

    struct participant *participants;    /* by identity, in order of joining */
    Livekit__ParticipantInfo **departed; /* to be told at the next flush */
    size_t departed_count;
    struct departure *lately; /* who left, oldest first; missed.c */
    size_t lately_count;
    int64_t forgot_us; /* when one left who had to be forgotten sooner; 0: never */
    uint32_t last_track, last_subscription, last_edge;
    uint32_t settled_track; /* all up to there are published, or gone; as of this flush */
    bool wants_dirty;       /* what is wanted of some track changed */
    int64_t wants_at_us;    /* a level that nobody wants ends; TIME_NEVER none */

    uint64_t seals;     /* made so far */
    bool unsealed;      /* somebody is */
    bool seal_room;     /* its own part goes to every host with this flush */
    int64_t seal_at_us; /* TIME_NEVER: nothing waits for it */

    size_t passages; /* how many people have one */

    struct data_replay replay;
    struct rpc_call *rpc_calls;
    size_t rpc_call_count;
    int64_t levels_until_us; /* TIME_NEVER: nobody speaks */
    int64_t quality_at_us;
    uint8_t sif_trailer[16];
};

static inline int64_t wall_ms(const struct room *room, int64_t now_us)
{
    return (now_us + room->config->wall_offset_us) / 1000;
}

/* Who it is, whichever peer connection this is. */
static inline struct participant *person_of(const struct participant *p)
{
    return p->person != NULL ? p->person : (struct participant *)(uintptr_t)p;
}

/* The peer connection on which it receives: its second one, or the only one. */
static inline struct participant *receiver_of(const struct participant *p)
{
    return p->receiver != NULL ? p->receiver : (struct participant *)(uintptr_t)p;
}

static inline uint64_t participant_conn(const struct participant *p)
{
    return person_of(p)->conn;
}

static inline struct participant *next_connection(const struct participant *p)
{
    return p->receiver != NULL ? p->receiver : person_of(p)->hh.next;
}

/* Over all peer connections of the room, where room->participants are its people; and over those of
 * one person. */
#define EACH_CONNECTION(room, p)                                                                   \
    for (struct participant *p = (room)->participants; p != NULL; p = next_connection(p))
#define EACH_OF_PERSON(of, p) for (struct participant *p = (of); p != NULL; p = p->receiver)

#endif
