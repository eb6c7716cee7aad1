/* SPDX-License-Identifier: Apache-2.0
 *
 * One orchestrator among others: any of them serves any client, each room is decided by one. What
 * comes from a client goes to the owner of the room it is about, which is this process (orch/) or
 * another, in messages of proto/bus.proto; what an owner wants done for a client goes to the
 * client's front, this process or another. A room that nobody owns is claimed.
 *
 * One input, then cluster_poll() until it returns false, then sleep until cluster_deadline(); both
 * cover the orch inside, whose inputs without a place here (nodes, pages) may be called directly
 * instead. Without peers nothing is asked of anybody: each input is orch's, and what it causes.
 *
 * Who owns a room (architecture.md §2.5). Every orchestrator tells the others which rooms it owns.
 * A join into a room nobody is known to own goes to the preferred owner (ownership.h), which claims
 * it: STORE_CLAIM, answered by cluster_claimed(). One that lost the race sends a redirect to the
 * front, which asks the winner; after CLUSTER_HOPS_MAX the client is refused. Meanwhile what was
 * asked waits, at most CLUSTER_ASK_US, and at most CLUSTER_ASKS_MAX and CLUSTER_WAITING_MAX of it;
 * its WebSocket is open by then (libwebsockets wants a yes or no at once), so a refusal is a leave
 * message and a close frame with the reason. Only a room that nobody has, while our nodes are full,
 * is refused at the upgrade; the validate path asks the owner in any case.
 * Without a store the preferred owner of all members owns the room with an epoch of its clock;
 * while a peer is missing, too, only after CLUSTER_ALONE_US, for it may be we who were cut off, and
 * the room be there; one that was told to stop, and has, is not missing. Whoever hears of a higher
 * epoch for a room of its own gives it up: its clients start over, at the other owner.
 *
 * A link to a peer counts as lost when either connection breaks, when nothing was heard for
 * CLUSTER_SILENT_US, or when its queue is full. Then nothing on its way is relied on: clients whose
 * room's owner was there lose their WebSocket and DTLS, clients whose front was there count as
 * disconnected, what they asked is asked again, and rooms owned there may be claimed anew.
 *
 * Not if another region falls silent as a whole, its orchestrators and its nodes: it is cut off,
 * not dead (hold.c). For CLUSTER_CUT_OFF_US nobody there is moved or removed, clients of the
 * region's rooms keep their WebSocket and DTLS, and what is for the other side waits, bounded by
 * CLUSTER_KEPT_MAX and CLUSTER_KEPT_BYTES. What comes back in time goes on as it was; what does
 * not, or what too much waits for, is lost as above. Meanwhile nobody joins or calls its rooms.
 */
#ifndef ORCHESTRATOR_CORE_CLUSTER_CLUSTER_H
#define ORCHESTRATOR_CORE_CLUSTER_CLUSTER_H

#include "orchestrator/core/orch/orch.h"

#define CLUSTER_PEERS_MAX      7
#define CLUSTER_BEAT_US        TIME_MS(250)
#define CLUSTER_SILENT_US      TIME_S(2)
#define CLUSTER_HOPS_MAX       4
#define CLUSTER_ASKS_MAX       4096
#define CLUSTER_WAITING_MAX    ((size_t)64 << 20) /* bytes of asks, and of early messages */
#define CLUSTER_ASK_US         TIME_S(5)          /* for an owner to be found and to answer */
#define CLUSTER_CLAIM_US       TIME_MS(200)       /* until a claim that led nowhere is made again */
#define CLUSTER_ALONE_US       TIME_S(4)    /* longer than the bus pauses before connecting anew */
#define CLUSTER_GATHER_US      TIME_S(2)    /* for peers to say their part of a list */
#define CLUSTER_RENEW_US       TIME_S(60)   /* between two writings of every room to the store */
#define CLUSTER_RENEW_STEP_US  TIME_MS(100) /* between two parts of such a writing: 4 s at most */
#define CLUSTER_EARLY_MAX      8 /* messages of a client whose room's owner is not found */
#define CLUSTER_MESSAGE_MAX    ((16 << 20) - 1024) /* bytes to a peer; with the bus' own 16 MiB */
#define CLUSTER_ORPHAN_US      TIME_S(5)  /* for a new owner of a client's room: one alone waits */
#define CLUSTER_UNSEALED_US    TIME_S(1)  /* for a room's nodes to have what its owner answered */
#define CLUSTER_UNCLAIMED_US   TIME_S(1)  /* for the preferred owner to claim an orphan */
#define CLUSTER_JOINERS_MAX    4096       /* who asked an owner elsewhere to let them in, within: */
#define CLUSTER_JOINER_US      TIME_S(3)  /* for it to be lost, and nodes to have heard of them */
#define CLUSTER_MISSED_US      TIME_S(6)  /* until a dead owner's rooms are with their next one */
#define CLUSTER_HAND_OVER_US   TIME_S(1)  /* for all that an owner leaves to be received */
#define CLUSTER_HAND_OVER_MAX  (1u << 20) /* bytes of it on their way, or one room */
#define CLUSTER_HAND_OVER_ROOM (16u << 20) /* of a larger one the first of its people */
#define CLUSTER_FACTS_MAX      8           /* events that say how a transport is */
#define CLUSTER_SAVED_MAX      256 /* events of a transport whose room is nobody's, and bytes: */
#define CLUSTER_SAVED_BYTES    (256u << 10)
#define CLUSTER_DOUBT_US       TIME_S(1)  /* of silence of the rest of a region, to be cut off */
#define CLUSTER_CUT_OFF_US     TIME_S(30) /* until a region that is cut off counts as dead */
#define CLUSTER_RETURN_US      TIME_S(10) /* for its nodes, once its orchestrators are back */
#define CLUSTER_KEPT_MAX       10000 /* messages for a peer of another region, not received yet */
#define CLUSTER_KEPT_BYTES     (32u << 20)

struct cluster;

struct cluster_config {
    const char *name;        /* the operator's, for peers' logs */
    struct room_front front; /* this process as a front; number is not 0. Borrowed, as the rest */
    struct token_keys keys;  /* of orch */
    size_t peer_count;       /* 0 .. CLUSTER_PEERS_MAX; peers are known by index */
    struct random_source random;
    const struct log_sink *log;
    const struct tracer *tracer; /* NULL: nothing is traced */
    struct journal *journal;     /* others' events go there, this one's to them; NULL: none */
};

/* Takes orch, which goes with it. wall_us as for orch_new. */
struct cluster *cluster_new(const struct cluster_config *config, struct orch *take_orch,
                            int64_t now_us, int64_t wall_us);
void cluster_free(struct cluster *cluster);

bool cluster_poll(struct cluster *cluster, struct effect *out);
void cluster_expire(struct cluster *cluster, int64_t now_us);
int64_t cluster_deadline(const struct cluster *cluster);

/* It is to stop, and its people are to be at other fronts before that: they resume there, a few at
 * a time, and who comes here is refused. Until cluster_left(): nobody is here any more, or nobody
 * is left to go to. False: there was nobody to begin with. */
bool cluster_leave(struct cluster *cluster, int64_t now_us);
bool cluster_left(const struct cluster *cluster);
/* It is about to end, whether or not it has left: what it knows of its rooms goes to who may own
 * them next, until cluster_handed_over(), or CLUSTER_HAND_OVER_US, after which nobody is to be
 * waited for. It may end at any time: the room's nodes know most. False: it has no rooms, or
 * nobody to leave them to. */
bool cluster_hand_over(struct cluster *cluster, int64_t now_us);
bool cluster_handed_over(const struct cluster *cluster);

/* ---- Clients and their transports: as the functions of orch.h with these names ----------------
 */

/* Among the effects is an ACCEPT or a REFUSE of conn, at once. */
void cluster_connect(struct cluster *cluster, int64_t now_us, uint64_t conn,
                     const struct entry_request *request, const char *address);
void cluster_validate(struct cluster *cluster, int64_t now_us, uint64_t request,
                      const struct entry_request *entry);
void cluster_signal(struct cluster *cluster, int64_t now_us, uint64_t conn, struct bytes message);
void cluster_signal_malformed(struct cluster *cluster, int64_t now_us, uint64_t conn);
void cluster_disconnected(struct cluster *cluster, int64_t now_us, uint64_t conn);

void cluster_front_connected(struct cluster *cluster, int64_t now_us, uint64_t transport,
                             const Spillway__Control__SrtpKeys *keys);
void cluster_front_failed(struct cluster *cluster, int64_t now_us, uint64_t transport,
                          const char *why);
void cluster_channel_opened(struct cluster *cluster, int64_t now_us, uint64_t transport,
                            uint16_t stream, const char *label);
void cluster_channel_closed(struct cluster *cluster, int64_t now_us, uint64_t transport,
                            uint16_t stream);
void cluster_channel_message(struct cluster *cluster, int64_t now_us, uint64_t transport,
                             uint16_t stream, struct bytes message);

/* ---- HTTP APIs: each answered by a REPLY of request ------------------------------------------
 * A call that names a room is answered by its owner, a list by all who live: from those that say
 * nothing within CLUSTER_GATHER_US it has nothing, which an admin answer tells in "unanswered". */
/* Who calls an API, by its request's headers. */
struct cluster_caller {
    const char *authorization;
    const char *traceparent; /* W3C Trace Context; NULL or "" none */
};
void cluster_twirp(struct cluster *cluster, int64_t now_us, uint64_t request,
                   const struct twirp_head *head, const struct cluster_caller *caller,
                   struct bytes body);
void cluster_admin(struct cluster *cluster, int64_t now_us, uint64_t request,
                   const struct orch_admin_request *admin);

/* ---- Store --------------------------------------------------------------------------------- */

/* It can be reached, again perhaps and empty: a STORE_ROOM for every room of ours, within 4 s. */
void cluster_store_up(struct cluster *cluster, int64_t now_us);
void cluster_store_down(struct cluster *cluster, int64_t now_us);

/* The answer to a STORE_CLAIM: the owner and its epoch; "" from a mere look where there is none.
 * Not 0: the store could not be asked. */
void cluster_claimed(struct cluster *cluster, int64_t now_us, const char *room, int err,
                     const char *owner, uint64_t epoch);
/* The answer to a STORE_PLACE of that request: FAILED with an owner, one with a higher epoch has
 * the room; with none, the store could not be asked. */
struct cluster_placed {
    const char *room, *request;
    enum orch_place_answer answer;
    const char *node;  /* ORCH_PLACE_NODE: where */
    const char *owner; /* "" */
    uint64_t epoch;    /* of the owner */
};
void cluster_placed(struct cluster *cluster, int64_t now_us, const struct cluster_placed *placed);
/* A STORE_ROOM was refused: somebody claimed the room with a higher epoch. */
void cluster_lost(struct cluster *cluster, int64_t now_us, const char *room);

/* ---- Peers --------------------------------------------------------------------------------- */

/* Our connection to the peer stands, or not any more: also when a PEER_SEND found its queue full,
 * unless it may be lost. */
void cluster_peer_link(struct cluster *cluster, int64_t now_us, size_t peer, bool up);
/* The peer's connection to us broke. */
void cluster_peer_lost(struct cluster *cluster, int64_t now_us, size_t peer);
/* A PeerMessage. Malformed ones are counted. */
void cluster_peer_message(struct cluster *cluster, int64_t now_us, size_t peer,
                          struct bytes message);

/* ---- Watching ------------------------------------------------------------------------------ */

struct cluster_stats {
    uint64_t peers_up, asks, conns_elsewhere, transports_elsewhere; /* gauges */
    uint64_t peers_cut_off, kept; /* gauges: peers of regions that are, messages that wait */
    uint64_t rooms_known;         /* gauge: of peers */
    uint64_t claims, claims_lost, claims_failed; /* the rest are counters */
    uint64_t redirects;                          /* received */
    uint64_t sent_on; /* what clients and callers asked, to an owner elsewhere */
    uint64_t asks_full, asks_late;
    uint64_t leaving_refused; /* WebSockets, since this is about to stop */
    uint64_t yields;          /* rooms given up for a higher epoch */
    uint64_t peers_lost;
    uint64_t cut_offs;  /* times a peer's region was cut off */
    uint64_t malformed; /* messages of peers: no PeerMessage, or about what is not theirs */
    uint64_t stale; /* of a session that is over, or about a transport that does not end there */
    uint64_t undeliverable;   /* effects for a front that is gone */
    uint64_t unfit;           /* messages that no peer would take, for their text or size: unsent */
    uint64_t unanswered;      /* parts of lists */
    struct timings placement; /* joins of rooms that are decided about here, from their coming to
                                   their answer: the claim and the place in the store included */
};
void cluster_stats(const struct cluster *cluster, struct cluster_stats *out);

#endif
