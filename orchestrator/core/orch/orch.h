/* SPDX-License-Identifier: Apache-2.0
 *
 * The orchestrator: every room it owns, every node it knows, and the doors to them. Composes the
 * other folders and is the only one that calls them.
 *
 * One input, then orch_poll() until it returns false, then sleep until orch_deadline(). Time never
 * goes back. Everything handed in is borrowed for the call; effects are the caller's once polled
 * (effect.h says in which order they are to be carried out).
 *
 * Numbers that name things: `conn` a WebSocket and `request` an HTTP request, both chosen by the
 * caller and unique among those alive; `transport` a peer connection, chosen here.
 */
#ifndef ORCHESTRATOR_CORE_ORCH_ORCH_H
#define ORCHESTRATOR_CORE_ORCH_ORCH_H

#include "common/base/base.h"
#include "common/timings/timings.h"
#include "common/trace/trace.h"
#include "orchestrator/core/api/twirp.h"
#include "orchestrator/core/balance/balance.h"
#include "orchestrator/core/effect/effect.h"
#include "orchestrator/core/entry/entry.h"
#include "orchestrator/core/gray/gray.h"
#include "orchestrator/core/journal/journal.h"
#include "orchestrator/core/registry/registry.h"
#include "orchestrator/core/room/room.h"
#include "orchestrator/core/scaling/scaling.h"
#include "orchestrator/core/scaling/timetable.h"
#include "proto/gen/control.pb-c.h"

#define ORCH_HEARTBEAT_MS 250
#define ORCH_SETTLE_US    TIME_S(3) /* after the start, for nodes to say what they hold */

struct orch;
struct json_t;

struct orch_distance {
    const char *from, *to; /* regions; holds both ways */
    uint32_t ms;
};

/* A setting of this orchestrator as operators see it. */
struct orch_setting {
    const char *name, *value, *origin;
};

struct orch_config {
    const char *id;     /* routing id that nodes tunnel to: Registered.orchestrator_id */
    const char *region; /* "" any */
    const char *zone;
    struct token_keys keys;   /* borrowed, as are all strings */
    const char *demo_api_key; /* the meeting page's visitors get tokens of this key; "" none */
    struct random_source random;
    const struct log_sink *log;
    const struct tracer *tracer; /* NULL: nothing is traced */
    uint32_t empty_timeout_s;
    uint32_t departure_timeout_s;
    uint32_t fill_permille; /* of a node's capacity that new rooms may fill, 1..1000 */
    uint32_t join_permille; /* and people who join, fill_permille..1000 */
    uint32_t room_weight;   /* reserved for a room where it is new, see registry.h */
    uint32_t node_joins_per_s, room_joins_per_s;
    struct balance_config balance;
    const struct orch_distance *distances; /* borrowed for the call */
    size_t distance_count;
    struct bytes cluster_secret; /* 32 bytes or more, the same everywhere: trunk keys come of it */
    bool seals;                  /* nodes keep the sessions of rooms for their next owner */
    uint32_t loudest;            /* audio tracks that flow between two nodes of a room, 0: all */
    const struct turn_config *turn; /* whose credentials clients get; NULL: there are no servers */
    const struct journal *journal;  /* what GET events shows; NULL: there is none */
    const struct orch_setting *settings; /* what GET config shows */
    size_t setting_count;
    const struct scaling_config *scaling; /* NULL: regions have no numbers of nodes */
    struct timetable timetable;           /* for these */
};

/* wall_us: microseconds since 1970 at now_us. */
struct orch *orch_new(const struct orch_config *config, int64_t now_us, int64_t wall_us);
void orch_free(struct orch *orch);

bool orch_poll(struct orch *orch, struct effect *out);
int64_t orch_now(const struct orch *orch); /* of its last input */
void orch_expire(struct orch *orch, int64_t now_us);
int64_t orch_deadline(const struct orch *orch);

/* ---- Clients ------------------------------------------------------------------------------- */

struct orch_client {
    struct entry_request request;
    const char *address;        /* its own, for ClientInfo */
    struct room_front front;    /* that its WebSocket reached */
    const char *sid;            /* as in room_join */
    struct trace_context trace; /* that its join is a part of */
};

/* A WebSocket is asked for. Among the effects is an ACCEPT or a REFUSE of conn, at once. False:
 * nothing was done, since where it goes is not agreed on yet; to be asked again at an EFFECT_PLACED
 * of its room (orch_share below). */
bool orch_connect(struct orch *orch, int64_t now_us, uint64_t conn,
                  const struct orch_client *client);
/* The same, of a client whose token and request were looked at already; or whose were refused. */
bool orch_enter(struct orch *orch, int64_t now_us, uint64_t conn, const struct orch_client *client,
                const struct entry *entry);
void orch_refuse(struct orch *orch, int64_t now_us, uint64_t conn, int status, const char *reason);
/* For a client whose room nobody is known to have: false, with a REFUSE of conn, where the nodes we
 * know are too full for one more room. */
bool orch_admits_new(struct orch *orch, int64_t now_us, uint64_t conn,
                     const struct orch_client *client, const struct entry *entry);
/* The validate paths: a REPLY of request. */
void orch_validate(struct orch *orch, int64_t now_us, uint64_t request,
                   const struct entry_request *entry);
/* A SignalRequest, protobuf. Malformed: the connection gets a leave with a reason, and is closed.
 */
void orch_signal(struct orch *orch, int64_t now_us, uint64_t conn, struct bytes message);
/* The same end for what is none in the client's own encoding (JSON). */
void orch_signal_malformed(struct orch *orch, int64_t now_us, uint64_t conn);
void orch_disconnected(struct orch *orch, int64_t now_us, uint64_t conn);

/* ---- Nodes --------------------------------------------------------------------------------- */

/* A NodeMessage from the node with this routing id, whose key is known under this name. */
void orch_node_message(struct orch *orch, int64_t now_us, const char *node, struct bytes message);
void orch_node_link_lost(struct orch *orch, int64_t now_us, const char *node);
/* A NODE_SEND with this room (its text) found no place in the node's queue: the room goes out whole
 * after the node's next heartbeat, which shows that it reads again. */
void orch_node_unsent(struct orch *orch, int64_t now_us, const char *node, const char *room);

/* ---- Other orchestrators (cluster/) -------------------------------------------------------- */

/* The room that is made next has this epoch; 0: of the clock. */
void orch_claimed(struct orch *orch, uint64_t epoch);
bool orch_has_room(const struct orch *orch, const char *name);
/* After an EFFECT_ORPHAN, and for as long as its nodes say so: the room is nobody's. */
bool orch_orphaned(const struct orch *orch, const char *name);
/* Goes on with it, as its owner since that epoch; 0: of the clock. Who wants into it waits for the
 * EFFECT_PLACED of its name. False: it is no orphan, nothing was done. */
bool orch_adopt(struct orch *orch, int64_t now_us, const char *name, uint64_t epoch);
/* ---- Rooms that are handed over ---------------------------------------------------------------
 */
/* room_bequeath() of one of ours; NULL: it is not ours. */
struct room_remains *orch_bequeath(struct orch *orch, const char *name, struct arena *arena,
                                   size_t *count);
/* The orchestrator `from` ends in a moment, and left that of its room, for whoever has it next:
 * kept for ORCH_REMAINS_US, until the room is adopted here, or has another owner. All of them have
 * ORCH_REMAINS_BYTES at most: what comes beyond that is not kept, and nodes alone are asked. */
#define ORCH_REMAINS_US    TIME_S(15)
#define ORCH_REMAINS_BYTES ((size_t)64 << 20)
void orch_remains(struct orch *orch, int64_t now_us, const char *name, const char *from,
                  const struct room_remains *remains);
/* That one is gone: an EFFECT_ORPHAN of each of these rooms. */
void orch_remains_due(struct orch *orch, int64_t now_us, const char *from);
/* What was left of it under an earlier epoch than that is out of date. */
void orch_remains_forget(struct orch *orch, const char *name, uint64_t epoch);
/* room_miss() of that room, if we have it. */
void orch_miss(struct orch *orch, int64_t now_us, const char *name, const char *identity,
               const char *sid);
/* Answers an OUTLIVED: it is ours, since this epoch, 0: a later one of the clock. */
void orch_outlive(struct orch *orch, int64_t now_us, const char *name, uint64_t epoch);
/* The room is somebody else's now: its clients start over, and find it there. */
void orch_yield(struct orch *orch, int64_t now_us, const char *name);
/* The front with this number is gone, with all connections and transports that ended there. */
void orch_front_lost(struct orch *orch, int64_t now_us, uint64_t number);
/* It is to be empty: its people in our rooms resume elsewhere, a few at a time, until it is lost.
 */
void orch_front_leaves(struct orch *orch, int64_t now_us, uint64_t number);
/* Whether somebody in our rooms has his WebSocket or DTLS there. */
bool orch_has_front(const struct orch *orch, uint64_t number);
/* room_holds_data() of any room. */
bool orch_holds_data(const struct orch *orch);
/* It cannot be reached for a while, or can again: its clients are not expected to be heard. */
void orch_front_away(struct orch *orch, int64_t now_us, uint64_t number, bool away);
/* Whether the region has nodes, and none was heard for so long. */
bool orch_region_silent(const struct orch *orch, int64_t now_us, const char *region,
                        int64_t silent_us);
/* No node of the region counts as dead before that time, unless it is heard before. */
void orch_region_cut_off(struct orch *orch, int64_t now_us, const char *region, int64_t until_us);

/* ---- Nodes that are silent (watch.c) ------------------------------------------------------- */

#define ORCH_MISSED_MAX 16

/* Ids of nodes that should be heard and are not, and of those that died of it a moment ago: else
 * the others would wait for the word of who found out first. They hold until the next call. */
size_t orch_missed(const struct orch *orch, const char *out[ORCH_MISSED_MAX]);
/* Whether there is another one since this was asked last. */
bool orch_misses_more(struct orch *orch);
/* Another orchestrator, which we hear, does not hear that node, and will tell again if that goes
 * on. from and here: its region, and ours. Unknown nodes are ignored. */
void orch_node_missed(struct orch *orch, int64_t now_us, const char *id, const char *from,
                      const char *here);

/* ---- Placing together (share.c) ------------------------------------------------------------ */

/* For the store to say where a room goes; then it goes where placement/ chose without it. */
#define ORCH_PLACE_US TIME_MS(100)

/* Who places. agreed: the store compares what they reserve, so a node that is new to a room is
 * asked for there (EFFECT_STORE_PLACE), and those who make it so wait for orch_placed(). Not: each
 * decides on its own view, and counts its own reservations once for every planner (registry.h). It
 * is not at the start, and alone. */
struct orch_planners {
    uint32_t count; /* orchestrators, this one included */
    uint32_t place; /* of this one among them, the same in the eyes of all: 0 .. count - 1 */
    bool agreed;
};
void orch_share(struct orch *orch, int64_t now_us, const struct orch_planners *planners);

enum orch_place_answer {
    ORCH_PLACE_NODE,   /* goes there */
    ORCH_PLACE_FULL,   /* on none of those that were asked for */
    ORCH_PLACE_FAILED, /* the store cannot be asked, or the room is somebody else's */
};
/* Answers the EFFECT_STORE_PLACE with this request, each once, however late. */
void orch_placed(struct orch *orch, int64_t now_us, const char *request,
                 enum orch_place_answer answer, const char *node);
/* Everybody was asked again after this EFFECT_PLACED: what was agreed on is used up. */
void orch_place_over(struct orch *orch, const char *room, const char *region);

/* ---- Store --------------------------------------------------------------------------------- */

#define ORCH_STORE_STEPS   40
#define ORCH_STORE_AT_ONCE 250

/* The hint store is reachable, again perhaps and empty: a STORE_ROOM for some of those rooms that
 * had none since `first`, AT_ONCE of them or one in STEPS of all. Whether there are more. Nodes'
 * rows follow with their heartbeats. */
bool orch_store_rooms(struct orch *orch, int64_t now_us, bool first);
/* The highest epoch that a room here was given by the clock, or that a node holds a room under. */
uint64_t orch_last_epoch(const struct orch *orch);
/* The answer to EFFECT_STORE_SIZE_GET: so many people are expected in the room unless its
 * configuration says; 0: nobody knows. */
void orch_sized(struct orch *orch, int64_t now_us, const char *room, uint32_t people);

/* ---- Front --------------------------------------------------------------------------------- */

/* Whether a transport of ours has that number; and of which front it is. */
bool orch_has_transport(const struct orch *orch, uint64_t transport, uint64_t *front);

void orch_front_connected(struct orch *orch, int64_t now_us, uint64_t transport,
                          const Spillway__Control__SrtpKeys *keys);
void orch_front_failed(struct orch *orch, int64_t now_us, uint64_t transport, const char *why);
void orch_channel_opened(struct orch *orch, int64_t now_us, uint64_t transport, uint16_t stream,
                         const char *label);
void orch_channel_closed(struct orch *orch, int64_t now_us, uint64_t transport, uint16_t stream);
void orch_channel_message(struct orch *orch, int64_t now_us, uint64_t transport, uint16_t stream,
                          struct bytes message);

/* ---- HTTP APIs: each answered by a REPLY of request, PerformRpc later than at once --------------
 */

/* False as for orch_connect(): a room that is to be made. */
bool orch_twirp(struct orch *orch, int64_t now_us, uint64_t request, const struct twirp_head *head,
                const char *authorization, struct bytes body);
/* Decodes a call that was routed, if its token is one of ours and grants it. If not, orch_twirp()
 * says why, whosever the room is: nobody else is to be asked. */
bool orch_twirp_may(const struct orch *orch, struct twirp_call *call, const char *authorization,
                    struct bytes body);

struct orch_admin_request {
    const char *verb; /* "GET", "POST" */
    const char *path; /* from "/admin/v1/" on, percent-decoded */
    const char *authorization;
    /* Parameters, NULL or "": absent. */
    const char *after, *wait_s; /* of GET events */
    const char *fields;         /* of GET nodes and rooms, for whoever merges them */
    struct bytes body;
    uint64_t changed_us; /* if it changes a node: when it was asked for, orch_admin_now(); 0: now */
    const char *traceparent;    /* of its caller, for cluster/; NULL or "" none */
    struct trace_context trace; /* that it is a part of */
    bool weighed; /* a drain that orch_admin_refuses() was asked about, by who was asked */
};
void orch_admin(struct orch *orch, int64_t now_us, uint64_t request,
                const struct orch_admin_request *admin);
bool orch_admin_may(const struct orch *orch, const struct orch_admin_request *admin); /* likewise */

/* A list of objects, taken, by their names and ids; to be released. */
struct json_t *orch_sorted(struct json_t *list);

/* An answer to GET snapshot whose orchestrators, nodes and rooms were put together of several ones:
 * its regions are added up anew, and it gets its version. */
void orch_snapshot_finish(struct json_t *snapshot);

/* The room that it is about; false: none, or it makes no sense. */
bool orch_admin_room(const struct orch_admin_request *admin, char *out, size_t len);

/* The meeting page of a demo asks for a token: a REPLY with {"token": ...}, or 404 where no key is
 * set aside for it, or 400. */
struct orch_page_request {
    const char *room, *identity, *name; /* "" where absent */
};
void orch_page_token(struct orch *orch, int64_t now_us, uint64_t request,
                     const struct orch_page_request *page);

/* Whether it is a drain that the other nodes could not carry: then nobody is to begin with it. */
bool orch_admin_refuses(const struct orch *orch, const struct orch_admin_request *admin);

#define ORCH_EVENTS_AT_ONCE   500 /* in an answer; it says that there are more */
#define ORCH_EVENT_WAITS_MAX  64  /* who waits for events at once; more are refused */
#define ORCH_EVENT_WAIT_MAX_S 60
/* This is to stop: who waits for events is told, and nobody waits from now on. */
void orch_events_end(struct orch *orch, int64_t now_us);

/* For the changed_us of what changes a node, here and elsewhere: later than all that we heard to be
 * wanted of it. Where a later change is known, the request does nothing. */
uint64_t orch_admin_now(const struct orch *orch, const struct orch_admin_request *admin);

/* The client of an API call is gone: if it waits for events, it does no more. A REPLY follows as
 * for any other, to nobody. */
void orch_request_gone(struct orch *orch, uint64_t request);

/* ---- Watching ------------------------------------------------------------------------------ */

enum {
    ORCH_UNPLACED_FULL,
    ORCH_UNPLACED_RATE, /* of joins */
    ORCH_UNPLACED_NO_NODES,
    ORCH_UNPLACED_COUNT
};
#define ORCH_DETECTED_COUNT 3 /* LINK_LOST, SILENT, WITNESSED */

struct orch_stats {
    uint64_t rooms, participants, nodes_ready, nodes_hot, nodes_gray; /* gauges */
    uint64_t rooms_on_nodes, reserved; /* as its registry has it: rooms, once for each node that has
                                          it, and weight promised to nodes, not reported yet */
    uint64_t without_video;            /* the same: participants, for want of place */
    uint64_t waiting, waiting_elsewhere; /* the same: weight of who finds no place; and of others */
    uint64_t
        specs_unacked; /* the same: a room's newest, once for each node that did not confirm it */
    uint64_t joins, resumes;
    uint64_t refused[5];  /* by ORCH_REFUSED_*; the rest are counters, too */
    uint64_t expelled[3]; /* by ORCH_EXPELLED_*: signalling that broke the protocol */
    uint64_t moves;       /* participants moved */
    uint64_t rebalanced[BALANCE_CAUSES]; /* of these, off a node that was too hot */
    uint64_t rebalance_stuck;            /* times no node in its region stayed cool with them */
    uint64_t nodes_lost;
    uint64_t gray[3]; /* nodes found gray, by enum gray_verdict; [0]: and spared, too many are */
    uint64_t gray_probes;
    uint64_t silent_moves;     /* of the moves: of people whom their node did not hear */
    uint64_t nodes_refused[5]; /* registrations, by ORCH_NODE_REFUSED_* */
    uint64_t stale_events;     /* from a node that no longer holds the room */
    uint64_t rooms_adopted, people_adopted; /* of owners that died */
    uint64_t drains, draining_people; /* gauges: nodes to be empty, and who of ours is on them */
    uint64_t displaced;               /* participants given another node since theirs is dead */
    uint64_t refused_by_node;         /* of these, by a node that others filled meanwhile */
    uint64_t placed[2];               /* joins: to a node new to the room, and to one that it has */
    uint64_t unplaced[ORCH_UNPLACED_COUNT]; /* joins without a node, by ORCH_UNPLACED_* */
    /* From a dead node's last word to the verdict, by enum detector_cause; and from there until
     * another node has the media of each participant whose media it had. */
    struct timings detection[ORCH_DETECTED_COUNT], recovery;
    uint64_t loop_late;     /* times nobody was judged, for we were late ourselves */
    uint64_t all_silent;    /* the same, for no node was heard at all */
    uint64_t places_agreed; /* the store said where */
    uint64_t places_full;   /* it had no node for a room that we had one for */
    uint64_t places_late;   /* it did not say in time, or could not */
};
enum {
    ORCH_REFUSED_REQUEST,
    ORCH_REFUSED_TOKEN,
    ORCH_REFUSED_FULL,
    ORCH_REFUSED_NO_NODE,
    ORCH_REFUSED_MISMATCH,
    ORCH_REFUSED_COUNT
};
enum {
    ORCH_EXPELLED_MALFORMED, /* not a SignalRequest */
    ORCH_EXPELLED_OFFER,
    ORCH_EXPELLED_REQUEST, /* any other member */
    ORCH_EXPELLED_COUNT
};
enum {
    ORCH_NODE_REFUSED_PROTOCOL,
    ORCH_NODE_REFUSED_IDENTITY, /* a string is missing or too long */
    ORCH_NODE_REFUSED_ENDPOINT, /* not numeric, port 0, too many */
    ORCH_NODE_REFUSED_NAME,     /* taken */
    ORCH_NODE_REFUSED_FULL,
    ORCH_NODE_REFUSED_COUNT
};
void orch_stats(const struct orch *orch, struct orch_stats *out);

/* What people weigh who are on dead nodes, for whom there is no place: ours, for the others to
 * know; and what all the others said of theirs. */
uint64_t orch_waiting(const struct orch *orch);
void orch_waiting_elsewhere(struct orch *orch, int64_t now_us, uint64_t weight);

/* Nodes of a region as placement sees them. Weights are of those that take rooms. */
struct orch_region_stats {
    const char *region; /* valid until the next call that takes an orch which is not const */
    uint64_t nodes[REGISTRY_GONE + 1]; /* by enum registry_state, READY without suspects */
    uint64_t suspect;
    uint64_t capacity, weight, reserved;
    uint64_t headroom; /* what new rooms may still take, up to fill_permille of each */
};
/* At most REGISTRY_REGIONS_MAX; how many. */
size_t orch_region_stats(const struct orch *orch, struct orch_region_stats *out, size_t max);

/* ---- Reservations (reservations/) ----------------------------------------------------------
 * What this one makes, cancels or learns of is told by EFFECT_RESERVATION and
 * EFFECT_STORE_RESERVATION. */

/* All of them to other orchestrators, one of which has just come; all of them to the store, which
 * can be reached, again perhaps and empty. */
void orch_reservations_tell(struct orch *orch, int64_t now_us);
void orch_reservations_store(struct orch *orch, int64_t now_us);
/* One, as text. False: it is none. */
bool orch_reservation_heard(struct orch *orch, int64_t now_us, struct bytes text, bool from_store);
/* The owner of its room says that so many people are there. */
void orch_reservation_present(struct orch *orch, int64_t now_us, const char *id, uint32_t people);

/* What nodes of one region sent to those of another since this orchestrator heard of both: media,
 * feedback and pings, without headers of UDP and IP. */
struct orch_crossing {
    const char *from, *to; /* valid until the next call that takes an orch which is not const */
    uint64_t bytes;
    /* Of the worst trunk now, by who receives and by who sends; 0 where nothing is known. */
    uint32_t lost_permille;
    uint32_t queue_us; /* round trip above its least */
};
#define ORCH_CROSSINGS_MAX 2048 /* of 45 regions all; of more, those from the first ones */
size_t orch_crossings(const struct orch *orch, struct orch_crossing *out, size_t max);

/* How many nodes a region is to have (scaling/). */
struct orch_wanted {
    const char *region; /* valid until the next call that takes an orch which is not const */
    uint32_t nodes;
    bool held; /* it may be too many: not everything of the region is known */
};
/* Those that have a number, at most `max`, of SCALING_REGIONS_MAX; how many. */
size_t orch_wanted(struct orch *orch, int64_t now_us, struct orch_wanted *out, size_t max);

/* False while no node could take a room. */
bool orch_ready(const struct orch *orch, char *reason, size_t len);

#endif
