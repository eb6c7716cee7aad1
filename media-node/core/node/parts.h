/* SPDX-License-Identifier: Apache-2.0
 *
 * Private to core/node: the structs, and what the files offer each other.
 */
#ifndef MEDIA_NODE_CORE_NODE_PARTS_H
#define MEDIA_NODE_CORE_NODE_PARTS_H

#include "common/agenda/agenda.h"
#include "media-node/core/node/node.h"
#include "media-node/core/node/spec.h"

#define uthash_malloc(size)   mem_alloc(size)
#define uthash_fatal(message) unreachable()
#include <uthash.h>

/* Of the usual ten, a thousand paths are in chains of four to eight: as many cache misses before a
 * datagram's transport is found. Of these, most stand alone. */
#undef HASH_BKT_CAPACITY_THRESH
#define HASH_BKT_CAPACITY_THRESH 5U

#define CONTROL_MAX      4096         /* messages waiting for links */
#define EVENTS_MAX       64           /* of one message, and waiting to be one */
#define TUNNEL_SLOTS     512          /* frames waiting for links */
#define TUNNEL_FRAME_MAX 2048         /* bytes of a frame to an orchestrator */
#define HEARTBEAT_US     TIME_MS(250) /* unless the orchestrator says otherwise */
#define HEARTBEAT_ROOMS  20           /* every so many heartbeats tell all rooms */
#define FENCES_MAX       4096         /* dropped rooms remembered at a time */

struct transport;
struct trunk;

/* A ufrag of ours, by which the first STUN message of a client finds its transport. */
struct ufrag {
    UT_hash_handle hh;
    char *text; /* NULL: none */
    struct transport *transport;
};

/* A path and whose it is. Not known: only our own check's answer is expected there. */
struct path {
    UT_hash_handle hh;
    struct ice_path key;
    struct transport *transport; /* NULL: a trunk's */
    struct trunk *trunk;         /* NULL: a transport's */
    struct path *prev;           /* of the transport's (utlist) */
    struct path *next;
    bool known;
};

struct transport {
    UT_hash_handle hh;
    uint64_t id;
    struct room *room;
    struct fwd_member *member;
    struct ufrag ufrag;
    struct ufrag previous;
    struct path *paths;
    char orchestrator[SPEC_ORCHESTRATOR_MAX]; /* where its DTLS ends */
    uint8_t *sealed;                          /* stored unread */
    size_t sealed_len;
    uint32_t checked_priority; /* of the last checks of our own */
    struct spans *spans;       /* owned; NULL: it is not traced */
};

/* To one other node. */
struct trunk {
    UT_hash_handle hh;
    char node[SPEC_NODE_MAX];
    struct relay *relay;
    struct agenda_entry entry;
    struct path *path;          /* NULL: it rests, or another node has its address now */
    int64_t idle_us;            /* since then nothing uses it; TIME_NEVER: in use */
    uint32_t watched;           /* bit n: the orchestrator of link n wants it awake */
    struct relay_report report; /* of the last second */
};

/* A room, or the fence a dropped one left. */
struct room {
    UT_hash_handle hh;
    char id[SPEC_ROOM_MAX];
    char *name; /* owned */
    uint64_t epoch;
    uint64_t version; /* within the epoch: 0 from a claim to the first spec after it */
    uint64_t applied; /* version of the spec applied last, in whichever epoch */
    size_t link;
    char orchestrator[SPEC_ORCHESTRATOR_MAX]; /* who told it, or claimed it */
    uint8_t *sealed;                          /* its owner's own part, stored unread */
    size_t sealed_len;
    struct fwd *fwd;           /* NULL: dropped */
    uint32_t promised;         /* what it is to come to, by the last spec with a limit ... */
    int64_t promised_until_us; /* ... and counts as until then */
    struct agenda_entry entry; /* when the room wants to be called; or when the fence goes */
};

struct link {
    bool registered;
    char orchestrator[SPEC_ORCHESTRATOR_MAX];
    int64_t heartbeat_us;
    int64_t due_us; /* the next heartbeat or try to register; TIME_NEVER while down */
    uint64_t sequence;
    bool rooms_due;       /* the next heartbeat tells rooms */
    int64_t trunks_at_us; /* next heartbeat with reports of trunks */
    struct arena arena;   /* of events that wait to be told together */
    Spillway__Control__Event *events[EVENTS_MAX];
    size_t event_count;
};

struct control_message {
    size_t link;
    uint8_t *data;
    size_t len;
};

struct tunnel_frame {
    size_t link;
    size_t len;
    uint8_t data[TUNNEL_FRAME_MAX];
};

struct node {
    struct node_config config; /* strings and arrays are copies */
    struct counters counters;
    struct outbox *outbox;
    size_t outbox_high;      /* packets waiting: enough for now, take no more input */
    struct fwd_burst *burst; /* to be forwarded when packets are polled */
    struct fwd_events events;
    struct agenda agenda; /* of rooms */
    struct agenda trunk_agenda;
    struct trunk *trunks;
    int64_t trunks_at_us; /* next look at their reports */
    struct room *rooms;
    size_t room_count; /* without fences */
    size_t fence_count;
    struct transport *transports;
    struct ufrag *ufrags;
    struct path *paths;
    struct link links[NODE_LINKS_MAX];
    struct control_message control[CONTROL_MAX]; /* a ring */
    size_t control_first;
    size_t control_count;
    uint8_t *control_polled; /* what the last poll gave */
    struct tunnel_frame *tunnel;
    size_t tunnel_filled; /* since the last drain */
    size_t tunnel_polled;
    bool draining;
    Spillway__Control__Service service; /* newest that was told; changed_us 0: none */
    int64_t now_us;                     /* latest, to assert that time does not go back */
    /* load */
    uint32_t cpu_permille;
    uint32_t loop_lag_us;
    int64_t rates_at_us; /* start of the window the rates are counted over */
    struct counters rates_from;
    struct counters rates; /* differences over the last whole window */
    int64_t rates_us;      /* its length */
};

/* ---- apply.c --------------------------------------------------------------------------------- */

/* Checks a spec against what the node holds, and applies it. Queues the ack. */
void apply_spec(struct node *node, int64_t now_us, size_t link, const room_spec_message *message);

/* The fence of a dropped room has stood long enough. */
void apply_forget(struct node *node, struct room *room);

void apply_free_all(struct node *node);

/* The room of that sid, NULL: neither held nor a fence. */
struct room *apply_find(const struct node *node, const char *id);
/* The same, made as a fence if need be. */
struct room *apply_hold(struct node *node, const char *id);
/* That link is whom it belongs to. */
void apply_set_link(struct node *node, struct room *room, size_t link);
/* A fence stands from now on for a while. */
void apply_fence(struct node *node, struct room *room, int64_t now_us);

/* ---- fit.c: whether a spec fits -------------------------------------------------------------- */

/* A spec on its way into a room. */
struct application {
    struct node *node;
    int64_t now_us;
    const struct spec *spec;
    struct room *room; /* NULL: not here yet; may be a fence */
    struct fwd *fwd;   /* NULL: not here yet */
    char *reason;      /* SPEC_REASON_MAX */
};

/* Against all that is here and stays. ERR_INVALID with app->reason. */
MUST_CHECK int fit_check(struct application *app, struct arena *arena);

/* Whether a track that is here can become what the spec says without being made anew. */
bool fit_can_become(const struct application *app, const struct spec_track *track);

/* The endpoint that checks of that transport leave from. ERR_NOT_FOUND. */
MUST_CHECK int fit_local_endpoint(const struct application *app,
                                  const struct spec_transport *transport, uint16_t *out);

/* ---- admit.c: how much this node carries, and whether it takes more ---------------------------
 */

/* As in Load.weight. */
uint32_t admit_room_weight(const struct room *room);

/* False: FULL. weight: what the node would come to, if the spec has a limit. room may be NULL. */
MUST_CHECK bool admit_spec(const struct node *node, int64_t now_us, const struct room *room,
                           const room_spec_message *message, uint32_t *weight);

/* A spec was applied: its room counts as what it is to come to. */
void admit_promise(struct room *room, int64_t now_us, const room_spec_message *message);

/* ---- claim.c: another owner ------------------------------------------------------------------ */

void claim_room(struct node *node, int64_t now_us, size_t link,
                const Spillway__Control__Claim *claim);

/* ---- paths.c --------------------------------------------------------------------------------- */

/* The entry of a path; NULL: nobody's. */
const struct path *paths_get(const struct node *node, const struct ice_path *path);

/* A trunk takes the place of whoever has it: it was told, not claimed. */
void paths_add_trunk(struct node *node, const struct ice_path *path, struct trunk *trunk);
void paths_remove_trunk(struct node *node, struct trunk *trunk);

struct transport *paths_find(const struct node *node, const struct ice_path *path, bool *known);
void paths_add(struct node *node, const struct ice_path *path, struct transport *transport,
               bool known);
void paths_remove(struct node *node, const struct ice_path *path,
                  const struct transport *transport);
void paths_remove_all(struct node *node, struct transport *transport);

struct transport *paths_find_ufrag(const struct node *node, struct bytes text);
void paths_set_ufrag(struct node *node, struct ufrag *ufrag, const char *text,
                     struct transport *transport);

/* ---- trunks.c -------------------------------------------------------------------------------- */

/* NULL: unknown. */
struct trunk *trunks_find(const struct node *node, const char *id);

/* The endpoint whose port that is. ERR_NOT_FOUND. */
MUST_CHECK int trunks_endpoint(const struct node *node, uint16_t port, uint16_t *endpoint);

/* Whether one more may be known. */
bool trunks_have_room(const struct node *node, size_t more);

/* Makes the trunk as told, or awake again; its local endpoint must be one. */
void trunks_set(struct node *node, int64_t now_us, const struct spec_trunk *spec);

/* Those that a link's orchestrator wants awake are these; what is wrong with one is counted. */
void trunks_watch(struct node *node, int64_t now_us, size_t link,
                  const Spillway__Control__Watch *watch);
/* None; that orchestrator is gone. */
void trunks_unwatch(struct node *node, int64_t now_us, size_t link);

void trunks_rtp(struct node *node, int64_t now_us, struct trunk *trunk,
                const struct node_datagram *in);
void trunks_rtcp(struct node *node, int64_t now_us, struct trunk *trunk,
                 const struct node_datagram *in);
void trunks_expire(struct node *node, int64_t now_us);
void trunks_free_all(struct node *node);

/* Brings the reports up to date, at most once a second. */
void trunks_report(struct node *node, int64_t now_us);

/* ---- tell.c: messages to orchestrators ------------------------------------------------------- */

void tell_register(struct node *node, size_t link);
void tell_draining(struct node *node, size_t link);
void tell_heartbeat(struct node *node, int64_t now_us, size_t link);

struct tell_ack {
    Spillway__Control__SpecAck__Result result;
    const char *reason; /* "" unless INVALID */
    uint64_t answers;   /* version of the spec */
    uint32_t weight;    /* that it would have come to, if FULL */
};
/* room may be NULL: the node does not hold it. */
void tell_ack(struct node *node, size_t link, const char *id, const struct room *room,
              const struct tell_ack *ack);

/* Answers a Claim. */
void tell_room_state(struct node *node, size_t link, const Spillway__Control__RoomState *state);

/* Takes over what the rooms have to tell. It waits, for what others tell until the next poll is to
 * be one message with it: each costs a wake at both ends. */
void tell_events(struct node *node);

/* What waits is a message now. */
void tell_waiting(struct node *node);
void tell_forget(struct node *node);

/* One DTLS datagram to where the transport's DTLS ends. */
void tell_dtls(struct node *node, const struct transport *transport, struct bytes datagram);

/* ---- spans.c: transports that are traced ----------------------------------------------------- */

/* Its spans are parts of that from now on; of none, if that is not traced. */
void spans_set(struct transport *transport, int64_t now_us, const struct trace_context *context);
/* The span that ends with this event; NULL: none. */
Spillway__Control__Span *spans_of(struct node *node, struct arena *arena,
                                  const struct fwd_event *event);
void spans_free(struct transport *transport);

/* ---- node.c ---------------------------------------------------------------------------------- */

struct transport *node_find_transport(const struct node *node, uint64_t id);

/* After an input that reached a room: maps paths, queues events, sets the room's deadline. */
void node_settle(struct node *node, struct room *room);

#endif
