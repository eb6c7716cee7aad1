/* SPDX-License-Identifier: Apache-2.0
 *
 * One room: its participants, their tracks and subscriptions, and the RoomSpecs its media nodes
 * should have. Every decision about a room is made here, by its owner, single-threaded.
 *
 * Inputs take now_us and append what is to be done to an effects queue. The parent calls room_flush
 * after every input: it sends what the input changed (participant updates, media sections wanted,
 * the spec's delta) once, however many changes there were.
 *
 * A participant is known by its identity; connections (WebSockets) and transports (peer
 * connections) are numbers that the parent maps to (room, identity). All strings handed in are
 * copied.
 */
#ifndef ORCHESTRATOR_CORE_ROOM_ROOM_H
#define ORCHESTRATOR_CORE_ROOM_ROOM_H

#include "common/base/base.h"
#include "common/trace/trace.h"
#include "orchestrator/core/effect/effect.h"
#include "orchestrator/core/sdp/sdp.h"
#include "orchestrator/core/token/token.h"
#include "orchestrator/core/topology/topology.h"
#include "proto/gen/api.pb-c.h"
#include "proto/gen/client.pb-c.h"
#include "proto/gen/control.pb-c.h"

#define ROOM_PROTOCOL         17       /* LiveKit signal protocol */
#define ROOM_SERVER_VERSION   "1.13.5" /* the LiveKit server whose feature set clients may expect */
#define ROOM_PENDING_MAX      20       /* add_track requests not yet in an offer, per participant */
#define ROOM_TRACKS_MAX       64       /* per participant; a node refuses a spec with more, whole */
#define ROOM_MISSED_MAX       256      /* who left while it was away; with more, it joins anew */
#define ROOM_NODES_MAX        256      /* media nodes a room may be on */
#define ROOM_DATA_TRACKS_MAX  64       /* per participant */
#define ROOM_ATTRIBUTES_BYTES (64 * 1024)
#define ROOM_METADATA_BYTES   (512 * 1024)
#define ROOM_IDENTITY_BYTES   256
#define ROOM_SEALED_MAX       (1 << 20)    /* bytes of a sealed session; a node refuses more */
#define ROOM_PART_BYTES       (256u << 10) /* of sessions in one of its remains, or one session */
#define ROOM_PING_INTERVAL_S  5
#define ROOM_PING_TIMEOUT_S   15
#define ROOM_JOIN_TIMEOUT_US                                                                       \
    TIME_S(60)                            /* a participant becomes active within it, or is removed \
                                           */
#define ROOM_LOST_TIMEOUT_US    TIME_S(5) /* kept this long with neither signalling nor media */
#define ROOM_ARRIVAL_TIMEOUT_US TIME_S(2) /* for media of a moved client to reach the new node */
#define ROOM_FLIGHTS_MAX        2 /* in vain, of one whom its node does not hear; see move.c */
#define ROOM_REACH_US           TIME_S(5)   /* for the first media of one who joined, see gray.h */
#define ROOM_RESTART_TIMEOUT_US TIME_S(5)   /* the same, with an ICE restart */
#define ROOM_KEYS_TIMEOUT_US    TIME_S(10)  /* for DTLS to begin anew at another front */
#define ROOM_ANSWER_TIMEOUT_US  TIME_S(15)  /* for the answer to an offer of ours, as LiveKit's */
#define ROOM_REFRESH_US         TIME_S(300) /* between refreshed tokens */
#define ROOM_RPC_TIMEOUT_US     TIME_S(15)  /* for the answer, unless the call says otherwise */
#define ROOM_RPC_ACK_US         TIME_S(7)   /* for the acknowledgement, as in the SDKs */
#define ROOM_RPC_BYTES          (15 * 1024) /* payload of a call or an answer, as in the SDKs */

struct room;
struct seal;
struct turn_config;

/* Shared by all rooms of an orchestrator; outlives them. */
struct room_config {
    struct random_source random;
    const struct log_sink *log;
    const struct token_keys *keys;
    uint32_t empty_timeout_s;       /* a room nobody joined; LiveKit: 300 */
    uint32_t departure_timeout_s;   /* after the last one left; LiveKit: 20 */
    int64_t wall_offset_us;         /* now_us + this = microseconds since 1970 */
    struct bytes cluster_secret;    /* trunk keys come of it, 32 bytes or more */
    struct seal *seal;              /* NULL: nothing is left for a next owner */
    uint32_t loudest;               /* audio tracks that flow between two nodes at a time, 0: all */
    const struct turn_config *turn; /* whose credentials clients get; NULL: there are no servers */
    const struct tracer *tracer;    /* of joins and moves; NULL: none is traced */
};

/* ---- Life ---------------------------------------------------------------------------------- */

struct room *room_new(const struct room_config *config, const char *name, uint64_t epoch,
                      int64_t now_us);
void room_free(struct room *room);

/* What a node answered to a Claim, or its last owner would have had it answer; borrowed for the
 * call. */
struct room_remains {
    const Spillway__Control__Register *node;
    const Spillway__Control__RoomState *state;
    bool left; /* the owner's word */
};
/* What its owner, which ends, leaves of it on each of its nodes, in parts of ROOM_PART_BYTES: the
 * list is in the arena, and borrows from the room. Empty without seals. */
struct room_remains *room_bequeath(struct room *room, struct arena *arena, size_t *count);

/* Goes on with a room whose owner is no more, under a new epoch, with what its nodes kept (their
 * answers are for that epoch). Its people's fronts are told (EFFECT_CONN_ADOPT,
 * EFFECT_FRONT_ADOPT), and they what they may have missed. Who was on a node that did not answer is
 * not in it, unless the last owner left something of him: what it did comes behind the nodes'
 * answers. NULL: nothing of it can be read. */
struct room_heir {
    const char *sid;
    uint64_t epoch;
    const struct room_remains *remains;
    size_t count;
};
struct room *room_restore(const struct room_config *config, const struct room_heir *heir,
                          int64_t now_us, struct effects *fx);
/* Somebody who may have joined at the room's last owner, and others been told of it: if it is not
 * here, they are told that it has left. */
void room_miss(struct room *room, const char *identity, const char *sid);
/* The nodes that a room is on, as one of them knows: ids, each of which and the list are to be
 * freed with free(). */
char **room_remains_nodes(const struct room_config *config, const char *sid,
                          const Spillway__Control__RoomState *state, size_t *count);

const char *room_name(const struct room *room);
const char *room_sid(const struct room *room);
uint64_t room_epoch(const struct room *room);
/* It goes on under this later epoch: its nodes are told all of it, and the store and other
 * orchestrators that it is ours since then. */
void room_outlive(struct room *room, uint64_t epoch);
size_t room_participant_count(const struct room *room);
/* Published and subscribed tracks of the people on that node; NULL: of all. */
uint32_t room_weight(const struct room *room, const char *node);
uint32_t room_person_weight(const struct room *room, const char *identity); /* 0: nobody */

/* Applies what a CreateRoom request or a token's roomConfig says; zero fields change nothing. */
struct room_settings {
    uint32_t empty_timeout_s;
    uint32_t departure_timeout_s;
    uint32_t max_participants;
    const char *metadata; /* NULL: leave */
};
void room_configure(struct room *room, const struct room_settings *settings);

/* Once it is configured: webhook room_started. Does nothing from the second time on. */
void room_begin(struct room *room, int64_t now_us, struct effects *fx);

/* ---- Media nodes ---------------------------------------------------------------------------
 * Each participant is on one node, which comes with its join; a room is on the nodes of its
 * participants. A node nobody is on any more is dropped. */

size_t room_node_count(const struct room *room);
const char *room_node_at(const struct room *room, size_t index); /* in the order of coming */
bool room_on_node(const struct room *room, const char *node);
/* NULL: no such participant. */
const char *room_node_of(const struct room *room, const char *identity);
size_t room_node_people(const struct room *room, const char *node);

/* The room as a tree, for whoever draws it. Its root is the node that came first: hubs of few
 * regions are joined all with all, so this is the way of what is published there (topology.h),
 * while each track has its own. */
struct room_tree_node {
    const char *node, *region;
    const char *parent; /* id; NULL: it is the root */
    bool hub;           /* of its region */
};
struct room_way {
    const Livekit__TrackInfo *track; /* a published one */
    const char *publisher;           /* identity */
    const char *node;                /* where it is published */
    const char *(*edges)[2];         /* from, to: every hop that it takes, in no particular order */
    size_t edge_count;
};
struct room_tree {
    struct room_tree_node *nodes; /* in the order of coming */
    size_t node_count;
    struct room_way *ways;
    size_t way_count;
};
/* Lists are the arena's, what they point to the room's. */
void room_tree(const struct room *room, struct arena *arena, struct room_tree *out);

/* Audio before video: somebody on that node (NULL: everybody there) gets no video while it is held,
 * and is told that it is paused. What is held weighs nothing. Changes nothing that is so already.
 */
void room_hold_video(struct room *room, const char *node, const char *identity, bool held);
/* So many people on that node (NULL: any) whose video is held, and what it would weigh. */
struct room_held {
    size_t people;
    uint32_t weight;
};
struct room_held room_held(const struct room *room, const char *node);
/* Holds it of people on that node who have any, in the order of their coming: of so many at most,
 * and of no more than it takes for so much weight. Of whom, and what they gave up. */
struct room_held room_take_video(struct room *room, const char *node, struct room_held most);
bool room_holds_video_of(const struct room *room, const char *identity);

/* Says to the hint store where the room is, as every change of it does. */
void room_store(const struct room *room, struct effects *fx);

/* Why somebody is moved, for whoever looks at traces. */
struct room_cause {
    const char *why;            /* a literal: "drain", "death", ...; NULL: nobody said */
    struct trace_context trace; /* that his move is a part of; not traced: it may be a root */
    int64_t since_us;           /* what it begins with: its node was heard last; 0: now */
};

/* Moves one participant, by a planned move where media flow, which loses nothing (move.c).
 * ERR_NOT_FOUND; ERR_AGAIN: it is on its way somewhere, or comes from there. */
MUST_CHECK int room_move(struct room *room, int64_t now_us, const char *identity,
                         const Spillway__Control__Register *node, const struct room_cause *cause,
                         struct effects *fx);

/* Whether a move of it there would be a planned one, by which it loses nothing. */
bool room_may_plan(const struct room *room, const char *identity,
                   const Spillway__Control__Register *node);
/* Whether it joined, is there, and no node ever saw anything of its media. */
bool room_awaits_media(const struct room *room, const char *identity);

/* Whether that node serves it and hears nothing of it, and it is not on its way to another one. */
bool room_is_silent(const struct room *room, const char *identity, const char *node);
/* Whether it is, for that. */
bool room_flees(const struct room *room, const char *identity);

/* Moves those who are on a node. */
struct room_evacuation {
    const char *from;
    const char *identity; /* that one alone; NULL: everybody */
    const Spillway__Control__Register *to;
    bool dead;       /* the node: what it sent last is not to be had */
    int64_t died_us; /* if so, when */
    struct room_cause cause;
    uint32_t
        weight_max; /* the other one refuses a spec (FULL) with which it would carry more; 0:
                       it takes them in any case, as it does who moves from a node that lives */
};
void room_evacuate(struct room *room, int64_t now_us, const struct room_evacuation *evacuation,
                   struct effects *fx);

/* A node refused a spec (FULL). The dead node that one of those came from who are not there for
 * that; NULL: nobody. Until the next call that changes the room. */
const char *room_refused(const struct room *room, const char *node,
                         const Spillway__Control__SpecAck *ack);
/* What the room weighs on a node beside its people there: tracks that come from other nodes, or go
 * there. */
uint32_t room_relayed(const struct room *room, const char *node);
/* They are on that one again, as if they had not been moved; who, and what they weigh. */
struct room_held room_send_back(struct room *room, const char *node,
                                const Spillway__Control__SpecAck *ack, const char *from);

/* A spec on its way to the node was lost: it goes out whole. */
void room_respec(struct room *room, const char *node);
/* A spec found no place in the node's queue. Once there is some, room_resend() has it go out whole;
 * false: none was lost. */
void room_unsent(struct room *room, const char *node);
bool room_resend(struct room *room, const char *node);
/* The node has nothing of the room any more: it goes out whole, with fresh SSRCs as to any new
 * holder (architecture.md §2.3), and its people's media count as lost until they come again. */
void room_forgotten(struct room *room, int64_t now_us, const char *node);

void room_expire(struct room *room, int64_t now_us, struct effects *fx);
int64_t room_deadline(const struct room *room);
void room_flush(struct room *room, int64_t now_us, struct effects *fx);
bool room_over(const struct room *room); /* nobody is left and its time is up, or it was deleted */

/* Somebody else owns the room now: everybody comes back there, and it ends without being said so.
 */
void room_yield(struct room *room, int64_t now_us, struct effects *fx);

/* Room ended: everybody is told, the node drops it, webhook. The caller frees it then. */
void room_close(struct room *room, int64_t now_us, Livekit__DisconnectReason reason,
                struct effects *fx);

/* ---- Clients ------------------------------------------------------------------------------- */

/* Where a client's DTLS and data channels end: the front that its join reached. A WebSocket that
 * resumes may reach another one, which leaves them where they are unless that front is gone. */
struct room_front {
    const char *orchestrator; /* Registered.orchestrator_id */
    const char *fingerprint;  /* of its certificate, "sha-256 AB:CD:..." */
    const char *region;
    uint64_t number; /* see effect.h; 0: this orchestrator */
};

struct room_join {
    uint64_t conn;
    const char *sid;           /* of the participant, never used before; NULL: the room chooses */
    struct room_front front;   /* that this WebSocket reached */
    const char *region;        /* the client's */
    const struct token *token; /* verified, with roomJoin for this room */
    const Livekit__JoinRequest *request;
    bool two_connections;                    /* it receives on a second one, which we offer */
    const char *address;                     /* the client's, for ClientInfo */
    const Spillway__Control__Register *node; /* where its media go; of no use to a resume */
    struct trace_span trace;                 /* of this join; if that is done, the room ends it */
};

/* 0: join is in fx. Otherwise nothing changed: ERR_FULL (max_participants), ERR_DENIED (metadata
 * without the grant), ERR_TOO_BIG (limits.h), reason says why in a sentence for the client. A
 * participant with the same identity is removed first. */
MUST_CHECK int room_join(struct room *room, int64_t now_us, const struct room_join *join,
                         struct effects *fx, char reason[SDP_REASON_MAX]);

/* Right after it: what the join request brings along, tracks to publish and an offer, which is
 * answered. ERR_INVALID: as of room_signal(). */
MUST_CHECK int room_join_publish(struct room *room, int64_t now_us, const struct room_join *join,
                                 struct effects *fx, char reason[SDP_REASON_MAX]);

/* A reconnecting client: its new connection takes over. ERR_NOT_FOUND: answer with leave RECONNECT;
 * ERR_DENIED: with DISCONNECT, for somebody who came with its identity while it was away has taken
 * its place, and would lose it to a client that starts over. */
MUST_CHECK int room_resume(struct room *room, int64_t now_us, const struct room_join *join,
                           struct effects *fx);

/* A SignalRequest. ERR_INVALID: the client broke the protocol, ERR_TOO_BIG: or its bounds
 * (limits.h); it is to be closed with reason. */
MUST_CHECK int room_signal(struct room *room, int64_t now_us, const char *identity,
                           const Livekit__SignalRequest *request, struct effects *fx,
                           char reason[SDP_REASON_MAX]);
void room_disconnected(struct room *room, int64_t now_us, const char *identity, uint64_t conn,
                       struct effects *fx);
/* The client broke the protocol: it is told to leave, and why in the close frame. */
void room_expel(struct room *room, int64_t now_us, const char *identity, const char *why,
                struct effects *fx);
/* Whether room_join would pass, for the validate paths. */
MUST_CHECK int room_admits(const struct room *room, const struct room_join *join,
                           char reason[SDP_REASON_MAX]);

/* Whose connection that is, NULL: nobody's. */
const char *room_conn(const struct room *room, uint64_t conn);
/* The transport of a participant, 0 before its first offer; and the other way round. */
uint64_t room_transport(const struct room *room, const char *identity);

/* ---- Front --------------------------------------------------------------------------------- */

void room_keys(struct room *room, int64_t now_us, uint64_t transport,
               const Spillway__Control__SrtpKeys *keys, struct effects *fx);
void room_front_failed(struct room *room, int64_t now_us, uint64_t transport, const char *why,
                       struct effects *fx);
/* The front with this number is gone (effect.h). Whose DTLS ended there is told to resume, if its
 * WebSocket is elsewhere; its media go on meanwhile. With its ICE restart it gets the front that
 * its WebSocket reached, where DTLS and SCTP begin anew. Whose client cannot do that, starts over.
 */
void room_front_lost(struct room *room, int64_t now_us, uint64_t number, struct effects *fx);
/* It is to be empty. Up to max of those whose WebSocket or DTLS ends there are told to resume, and
 * whoever reaches another front by that gets it, as above; until then both go on. Who can't starts
 * over. How many were told; who has no media yet is not. */
size_t room_front_leaves(struct room *room, int64_t now_us, uint64_t number, size_t max,
                         struct effects *fx);
/* Whether it still is somebody's. */
bool room_has_front(const struct room *room, uint64_t number);
/* Somebody's data channel is away for a moment, and what it is to get is here alone. */
bool room_holds_data(const struct room *room);
/* It is cut off from us, or not any more: nobody is gone for not being heard through it. */
void room_front_away(struct room *room, int64_t now_us, uint64_t number, bool away);
void room_channel_opened(struct room *room, int64_t now_us, uint64_t transport, uint16_t stream,
                         const char *label, struct effects *fx);
void room_channel_closed(struct room *room, uint64_t transport, uint16_t stream);
void room_channel_message(struct room *room, int64_t now_us, uint64_t transport, uint16_t stream,
                          struct bytes message, struct effects *fx);

/* ---- Node ---------------------------------------------------------------------------------- */

/* Of a node the room is on. */
void room_node_event(struct room *room, int64_t now_us, const char *node,
                     const Spillway__Control__Event *event, struct effects *fx);
void room_spec_acked(struct room *room, int64_t now_us, const char *node,
                     const Spillway__Control__SpecAck *ack);
/* How many nodes have not said that they have the newest. */
size_t room_specs_unacked(const struct room *room);

/* ---- Server API ---------------------------------------------------------------------------- */

MUST_CHECK int room_remove(struct room *room, int64_t now_us, const char *identity,
                           Livekit__DisconnectReason reason, struct effects *fx);
/* ERR_NOT_FOUND: no such participant or track; ERR_DENIED: the server may mute, never unmute. */
MUST_CHECK int room_mute(struct room *room, const char *identity, const char *track_sid, bool muted,
                         struct effects *fx);
MUST_CHECK int room_update_participant(struct room *room, int64_t now_us,
                                       const Livekit__UpdateParticipantRequest *request,
                                       struct effects *fx);
MUST_CHECK int room_update_subscriptions(struct room *room,
                                         const Livekit__UpdateSubscriptionsRequest *request,
                                         struct effects *fx);
MUST_CHECK int room_send_data(struct room *room, int64_t now_us,
                              const Livekit__SendDataRequest *request, struct effects *fx);
void room_set_metadata(struct room *room, const char *metadata);

/* Where an operator wants it, for the caller to heed, and its next owner: on the node of that name,
 * or in that region; "" neither. */
void room_pin(struct room *room, const char *node_name, const char *region);
const char *room_pinned_node(const struct room *room);
const char *room_pinned_region(const struct room *room);

/* Calls a participant's RPC method; the answer is an EFFECT_RPC for this request number.
 * ERR_NOT_FOUND: no such participant, or its data channel is not open. ERR_TOO_BIG: the method. */
MUST_CHECK int room_perform_rpc(struct room *room, int64_t now_us, uint64_t request,
                                const Livekit__PerformRpcRequest *call, struct effects *fx);

/* Views for the API, webhooks and CLI; they live in the arena. NULL: no such participant. */
Livekit__Room *room_info(const struct room *room, struct arena *arena);
Livekit__ParticipantInfo *room_participant(const struct room *room, const char *identity,
                                           struct arena *arena);
size_t room_participants(const struct room *room, struct arena *arena,
                         Livekit__ParticipantInfo ***out); /* hidden ones included */
Livekit__TrackInfo *room_track(const struct room *room, const char *identity, const char *track_sid,
                               struct arena *arena);

/* ---- Statistics ----------------------------------------------------------------------------
 * What the node that serves a participant says of its media, every 5 s (TransportReport). */

struct room_counts {
    uint64_t packets, bytes, lost, frames; /* payload bytes; frames: of layers alone */
    /* Asked for again, and what came of that: of a layer, at its publisher; of a subscription, by
     * its client. */
    uint64_t nacked, repaired, key_frames_asked;
};

/* One RTP stream: a layer as it comes to the node, or a subscription as it goes to its client. */
struct room_flow {
    bool reported; /* in the last report; else the next two are 0 */
    uint32_t jitter_us;
    struct room_counts last;  /* in the interval of that report */
    struct room_counts total; /* at all nodes, since this orchestrator owns the room; saturated */
};

struct room_layer_stats {
    const char *rid;
    uint32_t spatial;
    struct room_flow flow;
};

struct room_track_stats {
    Livekit__TrackInfo *info;
    int score;                       /* 0..100, of connection quality; -1 unknown */
    struct room_layer_stats *layers; /* low to high */
    size_t layer_count;
};

enum room_pause {
    ROOM_FLOWS,
    ROOM_PAUSED_BANDWIDTH,  /* its network does not take it */
    ROOM_PAUSED_PLACE,      /* its node had none for it */
    ROOM_PAUSED_CLIENT,     /* it does not want it now */
    ROOM_PAUSED_PERMISSION, /* the publisher does not permit it */
};

struct room_subscription_stats {
    Livekit__TrackInfo *info;
    const char *publisher; /* identity */
    int score;             /* as of a track */
    int layer;             /* forwarded, below 0 none */
    uint32_t layer_max;    /* that it is to get */
    enum room_pause pause;
    struct room_flow flow; /* lost: by the client's receiver reports */
};

struct room_stats {
    const char *sid;
    int quality;          /* ConnectionQuality as clients were told; -1: they were not */
    int64_t age_us;       /* of the last report; -1: there was none, and the next four are 0 */
    uint32_t interval_ms; /* that it covers; 0 unknown */
    uint32_t rtt_us;      /* 0 unknown, as the next two */
    uint64_t remb_bps;
    uint32_t estimate_bps;
    struct room_track_stats *tracks; /* published ones */
    size_t track_count;
    struct room_subscription_stats *subscriptions;
    size_t subscription_count;
};

/* Lives in the arena, with pointers into the room. NULL: no such participant. */
struct room_stats *room_stats(const struct room *room, int64_t now_us, const char *identity,
                              struct arena *arena);

/* ---- Trunks -------------------------------------------------------------------------------- */

/* What a node is told of its trunk to another one. */
struct room_trunk {
    Spillway__Control__Trunk message; /* points into the rest, and to what both ends said */
    Spillway__Control__SrtpKeys keys;
    uint8_t in[TOPOLOGY_KEY_LEN], out[TOPOLOGY_KEY_LEN];
};

struct room_trunk_end {
    const char *node;
    const Spillway__Control__Register *info;
};

/* Ids and registrations are borrowed as long as *out is used; to be wiped then. An end without UDP
 * has no endpoint. */
void room_trunk_make(struct room_trunk *out, struct bytes secret, uint32_t generation,
                     const struct room_trunk_end *here, const struct room_trunk_end *there);

#endif
