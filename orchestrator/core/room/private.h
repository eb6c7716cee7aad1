/* SPDX-License-Identifier: Apache-2.0
 *
 * Inside a room: the structs, and the prototypes shared by its files, grouped by the file that
 * defines them.
 */
#ifndef ORCHESTRATOR_CORE_ROOM_PRIVATE_H
#define ORCHESTRATOR_CORE_ROOM_PRIVATE_H

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
    int64_t empty_since_us; /* TIME_NEVER while somebody is here */
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

/* ---- room.c */
struct participant *room_find(const struct room *room, const char *identity);
struct participant *room_find_transport(const struct room *room, uint64_t transport);

/* ---- leave.c */
/* Removes a participant: says leave if it has a connection, tells the others, frees it. */
void room_leave(struct room *room, int64_t now_us, struct participant *p,
                Livekit__DisconnectReason reason, Livekit__LeaveRequest__Action action,
                bool say_leave, struct effects *fx);

/* Its permission to be seen was taken, or given: the others see it leave, or come. */
void room_hide(struct participant *p);
void room_reveal(struct participant *p, struct effects *fx);
/* Everything it had in the room goes. */
void leave_forget(struct participant *p, int64_t now_us, struct effects *fx);
/* With the next flush, everybody hears that this one is gone. info is copied. */
void leave_tell(struct room *room, Livekit__ParticipantInfo *info);
/* Its node knows of no path to it, and so will miss none: if it does not come back, it is gone. */
void leave_unless_back(struct participant *p, int64_t now_us);

/* ---- participant.c */
struct participant *participant_new(struct room *room, int64_t now_us,
                                    const struct room_join *join);
/* Of nobody yet: what a client that comes is, whatever it brings. */
struct participant *participant_blank(struct room *room, int64_t now_us);
void participant_free(struct participant *p);
void participant_set_attribute(struct participant *p, const char *name, const char *value);
void participant_set_permission(struct participant *p, const Livekit__ParticipantPermission *from);
void participant_changed(struct participant *p);
void participant_refresh_token(struct participant *p, int64_t now_us, struct effects *fx);

/* Gives it a second peer connection, at the node where the first one is. */
void participant_add_receiver(struct participant *p, int64_t now_us);

bool participant_is_firefox(const struct participant *p);
bool participant_is_pion(const struct participant *p);
bool participant_is_plain(const struct participant *p); /* WHIP or WHEP: hears of no candidates */

/* ---- front.c */
struct room_front room_front_copy(const struct room_front *front);
void room_front_free(struct room_front *front);
/* It is to change with the client's next resume. */
void room_front_lose(struct participant *p);
/* Whether DTLS can begin anew on its client's peer connection. */
bool room_front_may_change(const struct participant *p);
/* It restarted its ICE: if its front is gone, the one its WebSocket reached takes its place. */
void room_front_change(struct participant *p, int64_t now_us, struct effects *fx);

/* ---- lock.c */
void lock_meet(struct participant *p);        /* one that has just come */
bool lock_waits(const struct participant *p); /* to be let in */

/* ---- join.c */
void join_tell_state(struct participant *p, struct effects *fx); /* everybody, and the room */

/* ---- info.c */
Livekit__TrackInfo *info_track(const struct track *track, struct arena *arena);
Livekit__ParticipantInfo *info_participant(const struct participant *p, struct arena *arena);
Livekit__Room *info_room(const struct room *room, struct arena *arena);
/* The TURN servers, with credentials made now; NULL, and count 0: there are none. */
Livekit__ICEServer **info_ice_servers(const struct participant *p, int64_t now_us,
                                      struct arena *arena, size_t *count);
void *info_clone(const ProtobufCMessage *message); /* deep; free with free_unpacked(m, NULL) */
void info_set(char **field, const char *text);     /* of a cloned message; text is copied */

/* ---- missed.c: who left while its signalling was away, or may have been */
void missed_departed(struct room *room, int64_t now_us, const Livekit__ParticipantInfo *info);
bool missed_was_told(const struct room *room, const char *sid); /* lately, that it left */
void missed_room_fini(struct room *room);
void missed_note(struct participant *p, const Livekit__ParticipantInfo *info);
bool missed_too_much(const struct participant *p); /* it cannot resume */
void missed_tell(struct participant *p, struct effects *fx);
void missed_forget(struct participant *p);

/* ---- signal.c: what goes to clients */
void signal_send(const struct participant *p, const Livekit__SignalResponse *response,
                 struct effects *fx);
void signal_leave(const struct participant *p, Livekit__DisconnectReason reason,
                  Livekit__LeaveRequest__Action action, struct effects *fx);
void signal_request_response(const struct participant *p, uint32_t request_id,
                             Livekit__RequestResponse__Reason reason, const char *message,
                             struct effects *fx);

/* ---- negotiate.c */
MUST_CHECK int negotiate_offer(struct participant *p, int64_t now_us,
                               const Livekit__SessionDescription *offer, struct effects *fx,
                               char reason[SDP_REASON_MAX]);
void negotiate_flush(struct participant *p, struct effects *fx);
/* Shared by answers and offers of ours: what a subscription's line is to say (its strings are the
 * arena's), that it waits for one, what the client is told beside the SDP, whether a line as agreed
 * on carries the track in a codec that its publisher sends, and if none does. */
void negotiate_wish(struct session_line *line, struct subscription *subscription,
                    struct arena *arena);
bool negotiate_waits(const struct subscription *subscription, const struct session_line *line);
void negotiate_name_mids(struct participant *p, Livekit__SessionDescription *description,
                         struct arena *arena);
/* The client does not take in that section what it carries: then it is refused, and the section is
 * free. */
bool negotiate_refuse_untaken(struct participant *p, struct session_line *line, struct effects *fx);
struct subscription *negotiate_subscription(const struct participant *p, uint32_t id);
void negotiate_restarted(struct participant *p, int64_t now_us, struct effects *fx); /* its ICE */
void negotiate_settled(struct participant *p); /* an exchange is through: its node is to know */
/* The client was told of other SSRCs in this section than those of the subscription. */
bool negotiate_is_stale(const struct subscription *subscription, const struct session_line *line);
/* Candidates at the room's node: one of its UDP ports, at random because each is a socket with a
 * buffer of its own, and its TCP port, each at every address that the node advertises, in the
 * node's order, the first preferred; the client takes the family it can. Never an ip:port that this
 * peer connection had before (architecture.md §2.3): going back to an old one took Chromium 3.6 s
 * and failed in Firefox. False: it had them all; there are no candidates, only an ICE restart
 * helps. Who cannot be asked for one (participant_is_plain) is given old ones again: it may not
 * come there, and then stays where it is if that still serves it. */
bool negotiate_choose_candidates(struct participant *p, const struct host *host);
/* Whether the node has a UDP port that the client was not given yet. */
bool negotiate_may_reach(const struct participant *p, const Spillway__Control__Register *node);
void negotiate_trickle(struct participant *p, struct effects *fx);

/* ---- propose.c: offers of ours, on a receiver's peer connection */
void propose_flush(struct participant *receiver, int64_t now_us, struct effects *fx);
/* Its person's client answers. ERR_INVALID, ...: it is to be closed with reason. */
MUST_CHECK int propose_answered(struct participant *p, int64_t now_us,
                                const Livekit__SessionDescription *answer, struct effects *fx,
                                char reason[SDP_REASON_MAX]);
/* It resumes: the offer that may be on its way is lost, and its ICE begins anew. */
void propose_resumed(struct participant *p);

/* ---- node.c: whether media arrive at the node */
void node_expect(struct participant *p, int64_t now_us); /* within ROOM_ARRIVAL_TIMEOUT_US */
void node_restart(struct participant *p, int64_t now_us, struct effects *fx);
void node_late(struct participant *p, int64_t now_us, struct effects *fx);
/* It has its first offer answered, or goes elsewhere before it was connected. */
void node_expect_first(struct participant *p, int64_t now_us);
/* How its media fare at that host: whoever looks for gray nodes is told. */
void node_fared(const struct participant *p, const struct host *host, enum effect_media how,
                struct effects *fx);

/* ---- passage.c: traces of joins and moves. Nothing happens where none is traced */
void passage_join(struct participant *p, int64_t now_us, const struct room_join *join);
/* It is about to go to another host. */
void passage_move(struct participant *p, int64_t now_us, const struct host *to,
                  const struct room_cause *cause, struct effects *fx);
/* As planned: the old node is told to stop; and has, or is not asked any more. */
void passage_handing(struct participant *p, int64_t now_us);
void passage_handed(struct participant *p, int64_t now_us);
/* A move is given up. */
void passage_stays(struct participant *p, int64_t now_us, const char *why);
/* It is through; or failed, and why. */
void passage_end(struct participant *p, int64_t now_us, const char *why, struct effects *fx);
void passage_forget(struct participant *p);                /* without a word */
struct bytes passage_context(const struct participant *p); /* for Transport.trace */
const char *passage_word(const struct participant *p, char out[TRACE_WORD_MAX]); /* for the log */
void passage_answered(struct participant *p, int64_t now_us);                    /* an offer */
/* Of everybody on that host: its spec went out, or was acknowledged. */
void passage_sent(struct room *room, const struct host *host, int64_t now_us);
void passage_acked(struct room *room, const struct host *host, int64_t now_us);
/* A part of it that its node tells of. */
void passage_span(struct room *room, int64_t now_us, const struct host *host,
                  const Spillway__Control__Span *told);
void passage_path(struct participant *p, int64_t now_us, struct effects *fx); /* is selected */
void passage_keys(struct participant *p, int64_t now_us, struct effects *fx); /* are there */
/* The first packet of a track of its was forwarded, or one was sent to it. */
void passage_media(struct participant *p, int64_t now_us, struct effects *fx);
void passage_expire(struct participant *p, int64_t now_us, struct effects *fx);
int64_t passage_deadline(const struct participant *p);

/* ---- publish.c */
struct track *publish_find(const struct participant *p, const char *sid);
struct track *publish_find_id(const struct room *room, uint32_t id);
MUST_CHECK int publish_add(struct participant *p, int64_t now_us,
                           const Livekit__AddTrackRequest *request, struct effects *fx,
                           char reason[SDP_REASON_MAX]);
/* As its client says that it was answered, before its room came here. False: it was not so. */
bool publish_again(struct participant *p, int64_t now_us,
                   const Livekit__TrackPublishedResponse *published, struct effects *fx);
void publish_bind(struct participant *p); /* pending tracks to sections */
void publish_announce(struct participant *p, int64_t now_us, struct effects *fx);
void publish_remove(struct track *track, int64_t now_us, struct effects *fx);
/* The same, and its publisher is told. */
void publish_withdraw(struct track *track, int64_t now_us, struct effects *fx);
void publish_mute(struct track *track, bool muted);
void publish_claim_ssrc(struct participant *p, uint32_t *slot, uint32_t ssrc);
bool publish_allowed(const struct participant *p, const struct track *track);

/* ---- shortage.c */
void shortage_tell(struct participant *p, struct effects *fx); /* which of its video is paused */
/* Its node says for which of its video there is no bandwidth. */
void shortage_paused(struct participant *p, const Spillway__Control__VideoPaused *paused);
void shortage_moved(struct participant *p); /* another node serves it now */

/* ---- subscribe.c */
/* Nothing of it flows: its subscriber does not want it now, or it is held for want of place. */
bool subscribe_is_off(const struct subscription *subscription);
bool subscribe_is_held(const struct subscription *subscription);
struct subscription *subscribe_find(const struct participant *p, const struct track *track);
void subscribe_add(struct participant *p, struct track *track);
void subscribe_remove(struct subscription *subscription);
void subscribe_everybody(struct track *track); /* who subscribes by itself */
void subscribe_end(struct track *track);       /* all subscriptions to it */
void subscribe_auto(struct participant *p);    /* to everything published */
void subscribe_request(struct participant *p, const Livekit__UpdateSubscription *request,
                       struct effects *fx);
void subscribe_settings(struct participant *p, const Livekit__UpdateTrackSettings *settings);
void subscribe_disable(struct participant *p, const char *track_sid);
void subscribe_permission(struct participant *p, const Livekit__SubscriptionPermission *permission);
bool subscribe_permitted(const struct track *track, const struct participant *subscriber);
/* It may have come to be carried: in the node's spec, to a client whose DTLS is up. */
void subscribe_carried(struct subscription *subscription);
/* What may be said only after the update that announces a track, or once it is carried. */
void subscribe_flush(struct participant *p, struct effects *fx);
/* The highest simulcast layer that is wanted; how many spatial layers inside the track's one
 * stream, 0 all; and the highest temporal layer. */
uint32_t subscribe_spatial_max(const struct subscription *subscription);
uint32_t subscribe_sizes(const struct subscription *subscription);
#define RATE_ALL 7 /* as control.proto has it */
uint32_t subscribe_temporal_max(const struct subscription *subscription);

/* ---- wants.c */
void wants_begin(struct subscription *subscription);
void wants_changed(struct subscription *subscription); /* after whatever may have changed it */
void wants_end(struct subscription *subscription);
void wants_repeat(const struct participant *p, struct effects *fx); /* all it was told */
void wants_flush(struct room *room, int64_t now_us, struct effects *fx);

/* ---- host.c: which nodes the room is on */
struct host *host_find(const struct room *room, const char *node);
struct host *host_of(struct room *room, const Spillway__Control__Register *node); /* adds it */
/* Hosts that carry nobody are dropped. */
void host_flush(struct room *room, struct effects *fx);
void host_free(struct room *room, struct host *host);

/* HERE or NEXT; -1: it is not there. */
int host_place(const struct participant *p, const struct host *host);

/* It lives after all: the others are told the ways to it. */
void host_found(struct room *room, struct host *host);

/* What it adds to a node's weight by itself. */
uint32_t host_connection_weight(const struct participant *p);

/* What the room comes to there, as the node counts it (Load.weight), once all of it flows: with
 * the tracks that are to come from other nodes, and those to go there. */
uint32_t host_weight(const struct room *room, const struct host *host);

/* ---- move.c: from one host to another */
void move_to(struct participant *p, int64_t now_us, struct host *host, struct effects *fx);
/* The same without the old host, which is dead, or while nothing flows. */
void move_at_once(struct participant *p, int64_t now_us, struct host *host, struct effects *fx);
void move_arrived(struct participant *p, int64_t now_us, struct effects *fx); /* at NEXT */
void move_handed_over(struct participant *p, int64_t now_us,
                      const Spillway__Control__HandedOver *handed);
void move_cancel(struct participant *p, int64_t now_us); /* it stays HERE, whatever the phase */
/* Where it was before it moved at once to HERE, which refused it. unused: nothing can have been
 * sent to it from there. */
void move_back(struct participant *p, struct host *old, bool unused);
void move_expire(struct participant *p, int64_t now_us, struct effects *fx);

/* ---- refuge.c: whom the next node may refuse */
void refuge_begin(struct participant *p, const Spillway__Control__Register *from,
                  uint32_t weight_max);
void refuge_end(struct participant *p);
/* The limit of a spec that is about to be sent, by who fled there. */
void refuge_limit(const struct room *room, const struct host *host,
                  Spillway__Control__RoomSpec *spec);
void refuge_applied(const struct room *room, const struct host *host, uint64_t version);
/* Words between us and the node were lost: whom it may have, it is to have. */
void refuge_unknown(const struct room *room, const struct host *host);

/* ---- cascade.c: how tracks get from node to node */
void cascade_changed(struct track *track); /* who wants it, or where its publisher is */
void cascade_changed_all(struct room *room);
void cascade_flush(struct room *room, int64_t now_us);
void cascade_leave_host(struct room *room, struct host *host); /* it is dropped */
void cascade_forget(struct track *track);                      /* it is nowhere any more */
struct copy *cascade_copy(const struct track *track, const struct host *host); /* or NULL */

/* ---- spec.c: what each of them is told. *_changed: it is sent with the next flush */
void spec_flush(struct room *room, int64_t now_us, struct effects *fx);
void spec_transport_changed(struct participant *p);
void spec_track_changed(struct track *track);
void spec_copy_changed(struct copy *copy);
void spec_edge_changed(struct edge *edge);
void spec_put_wants(Spillway__Control__Edge *entry, const struct wants *wants, struct arena *arena);
struct wants spec_wants(const Spillway__Control__Edge *entry);
void spec_subscription_changed(struct subscription *subscription);
void spec_remove_transport(struct participant *p); /* everywhere, with its subscriptions */
void spec_leave_next(struct participant *p);       /* the same from NEXT alone */
void spec_remove_copy(const struct track *track, struct copy *copy);
void spec_remove_edge(struct edge *edge);
void spec_withdraw(struct subscription *subscription);
void spec_begin_anew(struct subscription *subscription); /* its holder is another one */
void spec_drop(struct room *room, struct host *host, struct effects *fx);
uint32_t spec_fresh_ssrc(const struct room *room);
/* Fresh ones, unless it has some: never in use before (spec.c). */
void spec_choose_ssrcs(struct subscription *subscription);

/* ---- lease.c: the SSRCs of a dead node's streams go on elsewhere */
void lease_told(struct participant *p, int64_t now_us, const Spillway__Control__Standing *standing);
/* Its holder is to be another one. False: only under fresh SSRCs. */
bool lease_pass(struct subscription *subscription);
/* Where the next holder begins; NULL: it was not passed to it. The message is arena's. */
Spillway__Control__SenderState *lease_resume(struct subscription *subscription, int64_t now_us,
                                             struct arena *arena);
/* The one that was told where to begin did not begin. */
void lease_untaken(struct subscription *subscription);
/* Its holder is another one, which knows where to go on, or it has other SSRCs. */
void lease_forget(struct subscription *subscription);
void lease_renew(struct participant *p); /* under new keys */

/* ---- sealed.c: what nodes keep for the next owner */
void sealed_changed(struct participant *p); /* after what session.proto has of it */
/* What it is told now, its node is to have before. */
void sealed_now(struct participant *p);
void sealed_room_now(struct room *room);
void sealed_flush(struct room *room, int64_t now_us);
void sealed_done(struct room *room); /* after spec_flush() */
/* As they are now, in the arena; of a session that is too big, nothing. */
ProtobufCBinaryData sealed_room(struct room *room, struct arena *arena);
ProtobufCBinaryData sealed_session(struct participant *p, struct arena *arena);

/* ---- channel.c */
void channel_broadcast(struct room *room, int64_t now_us, const struct participant *sender,
                       const struct data_packet *packet, bool reliable, struct effects *fx);
int64_t channel_rpc_deadline(const struct room *room);
void channel_rpc_free(struct rpc_call *call); /* which is on no list */
void channel_rpc_expire(struct room *room, int64_t now_us, struct effects *fx);
void channel_rpc_forget(struct room *room, const char *destination, struct effects *fx);

const char *channel_label(enum channel_kind kind);
bool channel_of(const char *label, enum channel_kind *out); /* false: an application's own */

/* ---- suspend.c: data channels that get another SCTP association */
void channel_suspend(struct participant *p);
size_t channel_waiting(const struct participant *p, struct effect_channel out[CHANNEL_COUNT]);
void channel_received(struct participant *p, const Livekit__SyncState *state);
bool channel_kept(const struct participant *p); /* all that is to be sent to it again */
void channel_resumed(struct participant *p, int64_t now_us);
bool channel_lacks(const struct participant *p, const struct data_replay_entry *entry,
                   const struct data_packet *packet);
void channel_forget(struct participant *p); /* nothing waits for it any more */
/* Whether a reliable packet of the client is news, and the next one. */
bool channel_takes(struct participant *p, int64_t now_us, uint32_t sequence);

/* ---- data_track.c */
void data_track_publish(struct participant *p, const Livekit__PublishDataTrackRequest *request,
                        struct effects *fx);
void data_track_unpublish(struct participant *p, const Livekit__UnpublishDataTrackRequest *request,
                          struct effects *fx);
void data_track_subscribe(struct participant *p, const Livekit__UpdateDataSubscription *request,
                          struct effects *fx);
void data_track_reveal(struct participant *p, struct effects *fx); /* auto, to what it publishes */
void data_track_end(struct participant *p); /* all subscriptions to what it publishes */
void data_track_auto(struct participant *p, struct effects *fx);
void data_track_forward(struct participant *p, struct bytes packet, struct effects *fx);
void data_track_forget(struct participant *p); /* frees all of its data track state */

/* ---- speakers.c */
void speakers_levels(struct room *room, int64_t now_us, const Spillway__Control__Levels *levels,
                     struct effects *fx);
void speakers_simulate(struct participant *p, int64_t now_us, int32_t seconds);
void speakers_expire(struct room *room, int64_t now_us, struct effects *fx);
int64_t speakers_deadline(const struct room *room);

/* ---- quality.c */
void quality_report(struct participant *p, const Spillway__Control__TransportReport *report);
void quality_expire(struct room *room, struct effects *fx);

/* ---- webhook.c */
void webhook_room(const struct room *room, int64_t now_us, const char *event, struct effects *fx);
void webhook_participant(const struct participant *p, int64_t now_us, const char *event,
                         struct effects *fx);
void webhook_track(const struct track *track, int64_t now_us, const char *event,
                   struct effects *fx);

#endif
