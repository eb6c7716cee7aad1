/* SPDX-License-Identifier: Apache-2.0
 *
 * Inside the cluster: its tables, and the prototypes shared by its files. Members are numbered as
 * in ownership.h: OWNERSHIP_SELF, then peer index + 1.
 */
#ifndef ORCHESTRATOR_CORE_CLUSTER_PRIVATE_H
#define ORCHESTRATOR_CORE_CLUSTER_PRIVATE_H

#include "orchestrator/core/cluster/cluster.h"
#include "orchestrator/core/ownership/ownership.h"
#include "proto/gen/bus.pb-c.h"

#include <uthash.h>

#define MEMBERS_MAX (CLUSTER_PEERS_MAX + 1)

/* Messages of one ChannelSend that is being put together: the same bytes for many transports. */
struct batch {
    uint64_t *transports; /* owned */
    uint32_t *streams;    /* owned */
    size_t count, capacity;
    uint8_t *data; /* owned, NULL: no batch */
    size_t len;
    bool lossy;
};

/* A message of a session that the peer has not told yet to have received. */
struct kept {
    uint64_t number;
    uint8_t *data; /* owned, packed */
    size_t len;
    struct kept *prev, *next;
};

/* down: not usable. up: our connection stands, and each has the other's Hello of these sessions. */
struct peer {
    bool link;  /* our connection to it stands */
    bool met;   /* its Hello has come since it was last lost */
    bool heeds; /* and said that it has ours of this session */
    bool up;
    uint64_t session;    /* of what we send */
    uint64_t session_in; /* of what it sends, once met */
    char id[ID_MAX];
    uint64_t number;
    char *name, *region; /* owned once met */
    char before[ID_MAX]; /* id of the one that was lost here last */
    int64_t heard_us;
    int64_t beat_us; /* when the next one is due */
    struct batch batch;
    uint64_t waiting;  /* as in its last beat */
    bool told;         /* its beat came, and before that which rooms are its own */
    bool inherits;     /* it takes Remains */
    bool leaves, left; /* it said so */
    uint64_t bequest;  /* number of the last Remains of ours that it is to answer; 0: none */
    bool ended;        /* it had left when it was lost: it is not we who were cut off */
    bool away;         /* was up, and its region is cut off */
    int64_t away_until_us;
    uint64_t sent, received; /* number of the last message, ours and theirs */
    uint64_t acked;          /* theirs of ours */
    uint64_t unkept;         /* the last one that was not kept: beyond acked, nothing goes on */
    struct kept *kept;       /* the oldest first */
    size_t kept_count, kept_bytes;
};

struct early {
    uint8_t *data; /* owned */
    size_t len;
    bool malformed;
};

/* What a client asked an owner elsewhere for (asked.c): not answered, the last offer and tracks,
 * and answers to tracks, with their times, and to an offer. */
struct asked {
    struct early offer, tracks[CLUSTER_EARLY_MAX], published[CLUSTER_EARLY_MAX];
    size_t track_count, published_count;
    int64_t published_us[CLUSTER_EARLY_MAX], offer_answered_us;
    bool offer_answered;
};

/* A WebSocket here that is, or was when it came, another orchestrator's matter. */
struct conn {
    uint64_t id;
    size_t owner;     /* OWNERSHIP_NOBODY: not found yet, or dead */
    size_t was;       /* the one that died */
    int64_t until_us; /* closed then, if no new owner goes on with it; TIME_NEVER */
    struct early early[CLUSTER_EARLY_MAX];
    size_t early_count;
    struct asked asked;
    char *identity; /* owned; whom others hear of once it is in; NULL: it resumes, or is hidden */
    UT_hash_handle hh;
};

/* A TransportEvent, packed, for whoever owns the transport next. */
struct saved {
    uint8_t *data; /* owned */
    size_t len;
    struct saved *prev, *next;
};

/* A peer connection whose DTLS ends here and whose room is a peer's. */
struct transport {
    uint64_t id;
    size_t owner;        /* OWNERSHIP_NOBODY: it died */
    size_t was;          /* that one */
    int64_t until_us;    /* as of a conn */
    struct saved *facts; /* its keys and open channels: its owner may have died with them */
    struct saved *saved; /* what came since it died, the oldest first */
    size_t saved_count, saved_bytes;
    UT_hash_handle hh;
};

/* Who asked a room's owner elsewhere to let them in (joiners.c). */
struct joiner {
    char *room, *identity; /* owned */
    char sid[ID_MAX];
    size_t owner; /* that was asked; OWNERSHIP_NOBODY: it was lost since */
    int64_t until_us;
    struct joiner *prev, *next;
};

/* What waits for an owner to be found, or for that owner's first word. */
struct ask {
    uint64_t id;     /* of a connection or request */
    size_t origin;   /* SELF, or the peer that asked */
    size_t at;       /* the peer it was sent to; NOBODY: here, for a claim */
    uint64_t number; /* of the message by which it was, 0 none */
    int64_t until_us;
    Spillway__Bus__Ask *message; /* owned */
    size_t len;                  /* packed */
    struct trace_span wait;      /* for its owner, or its place; if it is traced */
    UT_hash_handle hh;
};

/* A room whose owner the store was asked for. */
struct claim {
    char *room;        /* owned */
    bool look;         /* only: nothing is claimed */
    bool orphan;       /* nodes go on with it alone */
    bool outlived;     /* it is ours, and somebody else may have it since */
    char over[ID_MAX]; /* its owner, which we saw die; "" */
    char *region;      /* owned; of that one, if it was told to stop: it has an heir. NULL */
    int64_t began_us;
    int64_t again_us; /* TIME_NEVER while the store is asked */
    UT_hash_handle hh;
};

/* Whose place was decided while effects were polled: who waits for it is asked for after them. */
struct placed {
    char *room, *region; /* owned */
    struct placed *prev, *next;
};

/* What orch wants adopted: done after its effects. */
struct adoption {
    struct effect effect;
    struct adoption *prev, *next;
};

#define ADOPT_LOST_MAX 16

/* A peer that died. */
struct lost {
    char id[ID_MAX];
    char *region; /* owned; NULL: it was not told to stop */
};

struct gather;

/* A join or an API call of this front that is traced (traced.c). */
struct traced {
    uint64_t id; /* of the connection or request */
    struct trace_span whole;
    struct trace_span forward; /* the word to an owner elsewhere */
    UT_hash_handle hh;
};

struct cluster {
    struct cluster_config config;
    struct orch *orch;
    int64_t now_us;
    int64_t wall_offset_us;
    int64_t renew_us;
    bool renewing; /* not every room was written yet */
    bool store_up;
    bool leaves, left; /* the others were told so */
    char **bequests;   /* owned: names of our rooms, once we hand them over */
    size_t bequest_count, bequeathed;
    struct effects fx;
    struct ownership *ownership;
    struct peer peers[MEMBERS_MAX]; /* by member; SELF is not used */
    size_t member_count;
    struct conn *conns;
    struct transport *transports;
    struct ask *asks;
    struct claim *claims;
    struct placed *placed;
    struct adoption *adoptions;
    struct lost lost[ADOPT_LOST_MAX]; /* the last one first */
    struct joiner *joiners;           /* the oldest first */
    size_t joiner_count;
    int64_t joiners_due_us; /* of the first of them; each message asks for it */
    size_t waiting_bytes;
    struct gather *gathers;
    struct traced *traced;
    uint64_t events_told; /* of the journal */
    struct cluster_stats stats;
};

/* ---- cluster.c */
void cluster_tick(struct cluster *c, int64_t now_us);
/* The member whose front this connection or request is of, or NOBODY. */
size_t cluster_front_of(const struct cluster *c, uint64_t id);
ProtobufCMessage *cluster_clone(const ProtobufCMessage *message);
/* The epoch under which we own it, 0 if it is nobody's: orch's clock says then. */
uint64_t cluster_own_epoch(const struct cluster *c, const char *room);
/* How many place rooms, and whether they agree in the store, has changed. */
void cluster_share(struct cluster *c);
/* For a room that the store knows no owner of, or cannot be asked for: higher than whatever its
 * last owner had, as far as anybody told us. */
uint64_t cluster_next_epoch(struct cluster *c);
/* This orchestrator is the owner since this epoch: it and the others know. */
void cluster_own(struct cluster *c, const char *room, uint64_t epoch);
/* If it owns the room for nothing, since none was made and nobody waits for it to be. */
void cluster_disown(struct cluster *c, const char *room);

size_t cluster_front_numbered(const struct cluster *c, uint64_t number);

/* ---- adopt.c: owners that die */
/* An ORPHAN, OUTLIVED, CONN_ADOPT or FRONT_ADOPT of orch, perhaps taken over; the next of those is
 * done. */
void adopt_effect(struct cluster *c, struct effect *effect);
bool adopt_next(struct cluster *c);
void adopt_peer_died(struct cluster *c, size_t member);
/* What clients said to an owner that died and had not received it is for the next one. */
void adopt_unreceived(struct cluster *c, size_t member);
/* A member goes on with a connection or transport of this front. */
void adopt_conn(struct cluster *c, size_t member, uint64_t id);
void adopt_transport(struct cluster *c, size_t member, uint64_t id);
void adopt_free_all(struct cluster *c);

/* ---- ask.c: finding owners */
/* Claims a room that is nobody's, if this is to be its owner; over: the one that died, NULL
 * unknown.
 */
void ask_claim_orphan(struct cluster *c, const char *room, const struct lost *over);
/* Claims one of ours anew. */
void ask_claim_outlived(struct cluster *c, const char *room);
/* Who decides this room now; NOBODY: has to be found. Without peers it is always this one. */
size_t ask_owner(const struct cluster *c, const char *room);
/* Asks it of the owner. message is copied; until then the caller's. */
void ask_new(struct cluster *c, size_t origin, const Spillway__Bus__Ask *message);
struct ask *ask_find(const struct cluster *c, uint64_t id);
void ask_forget(struct cluster *c, struct ask *ask);
/* Whether something waits here for the room's owner or place. */
bool ask_waits(const struct cluster *c, const char *room);
/* Who waited for the room's place is asked for it again. */
void ask_placed(struct cluster *c, const char *room);
void ask_redirected(struct cluster *c, size_t from, const Spillway__Bus__Redirect *redirect);
void ask_peer_gone(struct cluster *c, size_t member);
void ask_expire(struct cluster *c);
int64_t ask_deadline(const struct cluster *c);
void ask_free_all(struct cluster *c);

/* ---- asked.c: what they ask for and may wait for in vain */
/* Sent to an owner elsewhere; and that one's word, which is sent to the client. */
void asked_keep(struct cluster *c, struct conn *conn, struct bytes message);
void asked_answered(struct cluster *c, struct conn *conn, struct bytes message);
/* Whether it is one that is kept until it is answered. */
bool asked_repeats(struct bytes message);
void asked_owner_died(struct cluster *c, struct conn *conn);
/* To the next owner. */
void asked_again(struct cluster *c, struct conn *conn);
void asked_forget(struct cluster *c, struct conn *conn);
void early_free(struct cluster *c, struct early *early);

/* ---- joiners.c: who comes in an owner's last moment */
/* This ask for a connection is about to be sent to that owner: the sid of whom it lets in; "": it
 * chooses. */
const char *joiner_asks(struct cluster *c, size_t member, const Spillway__Bus__Ask *ask);
void joiners_owner_lost(struct cluster *c, size_t member);
void joiners_expire(struct cluster *c);
int64_t joiners_deadline(const struct cluster *c);
void joiners_free_all(struct cluster *c);

/* ---- transport.c: their DTLS and data channels */
struct transport *front_transport(const struct cluster *c, uint64_t id);
/* Says everything that is kept of it to the new owner. One of ours is forgotten here. */
void front_transport_owned(struct cluster *c, struct transport *transport, size_t owner);
void front_transport_forget(struct cluster *c, struct transport *transport);
/* An event that a dead owner did not receive. */
void front_transport_again(struct cluster *c, size_t was,
                           const Spillway__Bus__TransportEvent *event);

/* ---- front.c: clients whose room is elsewhere */
struct conn *front_conn(const struct cluster *c, uint64_t id);
struct conn *front_conn_add(struct cluster *c, uint64_t id);
void front_conn_forget(struct cluster *c, struct conn *conn);
/* The owner said its first word about it, or is this process: early messages go there. */
void front_conn_owned(struct cluster *c, struct conn *conn, size_t owner);
void front_tell_disconnected(struct cluster *c, size_t member, uint64_t conn);
/* To the connection's owner, which is known. */
void front_say(struct cluster *c, struct conn *conn, struct bytes message, bool malformed);
/* A message that a dead owner did not receive. */
void front_signal_again(struct cluster *c, size_t was, const Spillway__Bus__Signal *signal);
void front_orphans_expire(struct cluster *c);
int64_t front_orphans_deadline(const struct cluster *c);
void front_refuse(struct cluster *c, uint64_t conn, int status, const char *text);
/* Its WebSocket is closed, and the client will come again. */
void front_try_again(struct cluster *c, uint64_t conn);
/* An owner's words. */
void front_effect(struct cluster *c, size_t member, const Spillway__Bus__Effect *effect);
void front_channel_send(struct cluster *c, size_t member, const Spillway__Bus__ChannelSend *send);
void front_peer_gone(struct cluster *c, size_t member);
/* It was not dead, yet it has forgotten whose front this is. */
void front_peer_back(struct cluster *c, size_t member);
void front_free_all(struct cluster *c);

/* ---- peer.c: links */
void peer_beat(struct cluster *c, size_t member); /* at once */
void peers_beat(struct cluster *c);
void peers_expire(struct cluster *c);
int64_t peers_deadline(const struct cluster *c);
void peer_free_all(struct cluster *c);
/* Our Hello, in the session that is; asks: for theirs. */
void peer_say_hello(struct cluster *c, size_t member, bool asks);
/* Who waits at the others may have changed: orch is told. */
void peer_hear_waiting(struct cluster *c);

/* ---- peer_send.c: what goes to them */
void peer_send(struct cluster *c, size_t member, Spillway__Bus__PeerMessage *message, bool lossy);
/* Whatever the link's state. */
void peer_send_now(struct cluster *c, size_t member, Spillway__Bus__PeerMessage *message,
                   bool lossy);
void peer_send_effect(struct cluster *c, size_t member, const struct effect *effect);
void peer_flush(struct cluster *c); /* batches */

/* ---- peer_hear.c: what comes from them */
void peer_hear(struct cluster *c, size_t member, const Spillway__Bus__PeerMessage *message);
/* What a front says of a transport of ours. */
void peer_transport_event(struct cluster *c, const Spillway__Bus__TransportEvent *event);

/* ---- rooms.c: which are whose */
void rooms_tell(struct cluster *c, const char *room, uint64_t epoch, bool owned);
void rooms_tell_all(struct cluster *c, size_t member);
void rooms_owned(struct cluster *c, size_t member, const Spillway__Bus__Rooms *rooms);
void rooms_released(struct cluster *c, size_t member, const Spillway__Bus__Rooms *rooms);

/* ---- events.c: what happened */
/* Before effects are drained: what was written since. */
void events_flush(struct cluster *c);
void events_tell_all(struct cluster *c, size_t member);
void events_heard(struct cluster *c, const Spillway__Bus__Events *events);

/* ---- reservations.c: events that were told beforehand */
/* An EFFECT_RESERVATION of orch, to all others. */
void reservation_effect(struct cluster *c, const struct effect *effect);
void reservation_heard(struct cluster *c, const Spillway__Bus__Reservation *reservation);

/* ---- traced.c: where traces begin. Nothing happens to what is not traced */
void traced_join(struct cluster *c, uint64_t conn);
/* What only reads is traced where its caller asks for that. The admin's becomes its context. */
void traced_twirp(struct cluster *c, uint64_t request, const struct twirp_head *head,
                  const struct cluster_caller *caller);
void traced_admin(struct cluster *c, uint64_t request, struct orch_admin_request *admin);
struct trace_context traced_context(const struct cluster *c, uint64_t id);
/* It is asked of that member; the context to send along, borrowed until the next one is. */
ProtobufCBinaryData traced_forward(struct cluster *c, uint64_t id, size_t member);
void traced_joined(struct cluster *c, uint64_t conn, const char *why); /* NULL: media flow */
/* An effect that the shell gets: it may be an end. */
void traced_effect(struct cluster *c, const struct effect *effect);
void traced_free_all(struct cluster *c);
struct trace_context traced_ask(const Spillway__Bus__Ask *message);
ProtobufCBinaryData traced_bytes(const struct trace_context *context); /* for it; borrowed */
/* A call that a peer asks for is done now. */
void traced_perform(struct cluster *c, size_t origin, const Spillway__Bus__Ask *message);
/* It waits for that from now on; NULL: for nothing any more. */
void traced_wait(struct cluster *c, struct ask *ask, const char *name);

/* ---- leave.c: told to stop */
/* It has left just now, and the others are told. */
bool leave_said(struct cluster *c);

/* ---- hand_over.c: what an owner that ends leaves of its rooms */
/* The next ones are told of, if the last ones have come. */
bool hand_over_next(struct cluster *c);
void hand_over_heard(struct cluster *c, size_t member, const Spillway__Bus__Remains *remains);
void hand_over_free(struct cluster *c);

/* ---- hold.c: regions that are cut off */
/* of_client: it says what a client here said. */
void hold_keep(struct cluster *c, size_t member, bool of_client, const uint8_t *data, size_t len);
/* It received ours up to this number. */
void hold_acked(struct cluster *c, size_t member, uint64_t received);

/* What was sent under that number is of no use any more: should it be sent again, it says nothing.
 */
void hold_withdraw(struct cluster *c, size_t member, uint64_t number);
void hold_forget(struct peer *peer);
/* It is silent, or its connection broke: whether its region is cut off, and it is held. */
bool hold_begin(struct cluster *c, size_t member);
/* It knows our session and we know its: everything goes on. */
void hold_end(struct cluster *c, size_t member);

/* ---- gather.c: lists of everybody's */
bool gather_twirp(struct cluster *c, uint64_t request, const struct twirp_head *head,
                  const char *authorization, struct bytes body);
bool gather_admin(struct cluster *c, uint64_t request, const struct orch_admin_request *admin);
/* A part of one, from SELF or a peer. False: the reply is to something else. */
bool gather_part(struct cluster *c, size_t member, uint64_t request, int status, struct bytes body);
void gather_peer_gone(struct cluster *c, size_t member);
void gather_expire(struct cluster *c);
int64_t gather_deadline(const struct cluster *c);
void gather_free_all(struct cluster *c);

/* ---- merge.c: one answer out of many */
struct merge_part {
    bool done;
    int status;
    uint8_t *body; /* owned; a zero byte follows */
    size_t len;
};
/* JSON text of an admin list; kind "rooms", "nodes", "snapshot", "moves", or "node" for a single
 * one; fields as columns_of(), "" for whole objects. Parts by member, SELF first. Free it. */
char *merge_admin(const char *kind, const char *fields, const struct merge_part *parts,
                  size_t count, int *status, const char *const *unanswered,
                  size_t unanswered_count);
/* A ListRoomsResponse out of protobuf ones. */
struct twirp_answer merge_rooms(const struct twirp_call *call, const struct merge_part *parts,
                                size_t count);

/* ---- columns.c */
/* {"fields": [name], "rows": [[value]]} of a list of objects; fields: "a,b". What an object lacks
 * is null. NULL: the fields make no sense. */
struct json_t *columns_of(const struct json_t *list, const char *fields);

#endif
