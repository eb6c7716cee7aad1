/* SPDX-License-Identifier: Apache-2.0
 *
 * Inside the orchestrator: its tables, and the prototypes shared by its files.
 */
#ifndef ORCHESTRATOR_CORE_ORCH_PRIVATE_H
#define ORCHESTRATOR_CORE_ORCH_PRIVATE_H

#include "common/agenda/agenda.h"
#include "orchestrator/core/balance/balance.h"
#include "orchestrator/core/detector/detector.h"
#include "orchestrator/core/orch/orch.h"
#include "orchestrator/core/placement/placement.h"
#include "orchestrator/core/registry/registry.h"
#include "orchestrator/core/room/room.h"

#include <uthash.h>

/* Who said how many people a room is going to have. */
enum expected_from {
    EXPECTED_NOT,
    EXPECTED_TAG, /* expected_participants of its configuration */
    EXPECTED_LIMIT,
    EXPECTED_HISTORY,
    EXPECTED_ASKED, /* of place explain alone */
};

/* How a room came to a node. */
enum placed {
    PLACED_NEW,   /* it was made, there */
    PLACED_JOIN,  /* somebody joined whom its other nodes did not take, or from another region */
    PLACED_MOVE,  /* people were moved by an operator, or by rebalancing */
    PLACED_DRAIN, /* their node is to be empty */
    PLACED_GRAY,  /* clients do not reach it */
    PLACED_DEATH, /* it died */
    PLACED_FOUND, /* it was there already when this orchestrator became the room's owner */
};

struct room_place {
    char id[REGISTRY_NAME_MAX];
    enum placed placed;
    char from[REGISTRY_NAME_MAX]; /* the node that they left; "" none */
    int64_t since_us;
};

struct room_entry {
    struct agenda_entry due; /* when the room wants to be called; first */
    struct room *room;
    const char *name; /* the room's */
    char sid[ID_MAX];
    struct room_place *nodes; /* it has weight on, as the registry knows */
    size_t node_count;
    bool promised;     /* nobody came yet: the first of nodes keeps place for it */
    uint32_t expected; /* people, as told when it was made; 0: nobody said */
    enum expected_from expected_from;
    uint32_t peak;      /* people that were in it at once */
    int64_t drained_us; /* when a drain may move it again */
    bool stays;         /* it found no place for it the last time */
    uint32_t relayed;   /* what it weighed beside its people on the node that refused some last */
    bool is_short;      /* somebody's video is held, see shortage.c */
    int64_t rests_until_us; /* when rebalancing may */
    int64_t probed_us;      /* when one of it tried a gray node last; 0: never */
    uint64_t stored_round;  /* of orch_store_rooms() */
    bool held;              /* listed in the registration being read */
    UT_hash_handle hh;      /* by name */
    UT_hash_handle by_sid;  /* nodes speak of sids */
};

struct conn_entry {
    uint64_t conn;
    struct room_entry *room;
    char *identity;
    UT_hash_handle hh;
};

struct transport_entry {
    uint64_t transport;
    uint64_t front; /* its number */
    struct room_entry *room;
    UT_hash_handle hh;
};

/* What a node said when it registered: rooms need its endpoints. */
struct node_entry {
    char id[REGISTRY_NAME_MAX];
    Spillway__Control__Register *info;
    bool specs_unsent;   /* for some of its rooms */
    bool stopping;       /* it said so itself */
    uint64_t service_us; /* when an operator changed its state last; 0: never */
    Spillway__Control__Service__State service;
    struct balance balance;
    enum gray_verdict gray;            /* why it is, as judged here */
    bool gray_spared;                  /* it would be, but too many are */
    struct node_entry *before, *after; /* in the ring of its region; itself: it is alone */
    bool watch_due;                    /* its neighbours changed since it was told */
    uint32_t watch_generation;         /* of keys, as told */
    struct trunk_load *trunks;         /* owned: to nodes of other regions (links.c) */
    size_t trunk_count;
    int64_t trunks_us; /* when it told */
    UT_hash_handle hh;
};

/* A PerformRpc call whose answer is on its way. */
struct rpc_entry {
    uint64_t request;
    struct twirp_call call;
    UT_hash_handle hh;
};

/* What is being agreed on with other orchestrators, see share.c. */
enum place_state {
    PLACE_ASKED,
    PLACE_NODE,
    PLACE_FULL,
    PLACE_ALONE, /* as placement/ chooses */
};

struct place_entry {
    char *key; /* region, a zero byte, name of the room; owned */
    unsigned key_len;
    const char *region, *room; /* in the key */
    char request[ID_MAX + 24];
    enum place_state state;
    bool again;     /* the first candidates did not take it */
    uint64_t epoch; /* of the room */
    char tried[2 * PLACEMENT_CANDIDATES_MAX][REGISTRY_NAME_MAX]; /* ids of candidates */
    size_t tried_count;
    char node[REGISTRY_NAME_MAX]; /* PLACE_NODE */
    int64_t deadline_us;          /* PLACE_ASKED */
    UT_hash_handle hh;            /* by key, in the order of the deadlines */
    UT_hash_handle by_request;    /* PLACE_ASKED */
};

/* A node that is to be empty, see drain.c. */
struct drain {
    char node[REGISTRY_NAME_MAX];
    int64_t moves_us; /* up to when the moves so far use up what is allowed */
    int64_t wake_us;
    bool drained; /* none of our rooms is on it, which was logged */
    bool gray;    /* that is why */
    struct trace_span span;
    struct drain *prev, *next;
};

/* A front that is to be empty, see front_drain.c. */
struct front_drain {
    uint64_t number;
    int64_t wake_us;
    struct front_drain *prev, *next;
};

struct share {
    struct orch_planners planners;
    uint64_t owed; /* answers that did not come in time and are still to come */
    uint64_t requests;
    struct place_entry *places, *asked;
};

struct orphan;     /* adopt.c */
struct cure;       /* gray.c */
struct silent;     /* silence.c */
struct event_wait; /* events.c */
struct capacity;   /* capacity.c */
struct reservations;
struct trunk_load; /* links.c */

/* Nodes that died of silence, the last ones: watch.c. */
struct silenced {
    char id[DETECTOR_ID_MAX];
    int64_t at_us;
};

struct orch {
    struct orch_config config;
    struct room_config room_config;
    int64_t now_us; /* of the last input: time never goes back */
    int64_t wall_offset_us;
    uint64_t last_epoch, store_round;
    uint64_t claimed_epoch; /* of the next room, 0: the clock's */
    struct prng prng;
    struct effects fx;
    size_t scanned; /* effects before this index are known to the tables */
    struct registry *registry;
    struct placement_map *map;
    struct placement_answer refusal; /* the last time that a room or a join found no node */
    struct detector *detector;
    struct room_entry *rooms, *rooms_by_sid;
    struct agenda agenda; /* of rooms */
    bool stranded;        /* rooms are on a dead node, since no other took them */
    bool misses_more;     /* another node is silent since orch_misses_more() */
    struct silenced silenced[ORCH_MISSED_MAX];
    size_t silenced_next;
    struct room_cause cause;             /* of the moves that are made now */
    int64_t short_us;                    /* when video may come again; TIME_NEVER: none is held */
    uint64_t refused_weight;             /* by nodes since its last step, and taken by no other */
    uint64_t waiting, waiting_elsewhere; /* the weight of who finds no place: ours, and others' */
    struct conn_entry *conns;
    struct transport_entry *transports;
    struct node_entry *nodes;
    struct rpc_entry *rpcs;
    struct share share;
    struct drain *drains;
    struct front_drain *front_drains;
    struct orphan *orphans;
    size_t remains_bytes;
    struct gray *gray;
    struct cure *cures;
    int64_t gray_at_us; /* nodes are judged next; TIME_NEVER: nobody failed of late */
    struct silent *silent;
    int64_t silent_at_us; /* next look at these */
    struct event_wait *event_waits;
    size_t event_wait_count;
    uint64_t events_seen; /* of the journal, when these were looked at last */
    bool events_end;
    int64_t settled_us;    /* nodes have said what they hold by then */
    int64_t rebalanced_us; /* up to when the moves so far use up what is allowed */
    struct reservations *reservations;
    struct capacity *capacity; /* NULL: regions have no numbers of nodes */
    struct crossings {         /* between regions, links.c */
        char (*regions)[REGISTRY_NAME_MAX];
        size_t count;
        uint64_t *bytes; /* [from * count + to] */
    } crossings;
    struct orch_stats stats;
};

/* ---- orch.c */
void orch_tick(struct orch *orch, int64_t now_us); /* every input begins with it */
/* After an input to a room: flushes it, brings the tables up to date, frees it if it is over. */
void orch_settle(struct orch *orch, struct room_entry *entry);
struct room_entry *orch_room(const struct orch *orch, const char *name);
struct room_entry *orch_room_by_sid(const struct orch *orch, const char *sid);
/* The room, created if need be, with place for it in that region. ERR_FULL: no node has any, see
 * refusal. */
MUST_CHECK int orch_room_open(struct orch *orch, const char *name, const char *region,
                              struct room_entry **out);
/* A room that was somebody else's. Taken over. */
void orch_room_goes_on(struct orch *orch, struct room *room);
uint64_t
orch_next_epoch(struct orch *orch); /* as claimed, else of the clock: they rise over restarts */
/* Takes back a room that was opened for a join which then failed. */
void orch_room_discard(struct orch *orch, struct room_entry *entry);
void orch_room_close(struct orch *orch, struct room_entry *entry, Livekit__DisconnectReason reason);
void orch_judge(struct orch *orch); /* after every word to the detector: acts on its verdicts */
int64_t orch_wall_s(const struct orch *orch);

/* ---- node.c */
/* The operator's; "": no such node is known. */
const char *orch_node_name(const struct orch *orch, const char *id);
/* An operator wants the node ready, cordoned or drained: it keeps that for orchestrators to come.
 * changed_us: since then, 0 now; if something else is wanted of it since later, that holds. */
void orch_node_serve(struct orch *orch, const char *id, Spillway__Control__Service__State state,
                     uint64_t changed_us);
uint64_t orch_node_serve_now(const struct orch *orch, const char *id); /* known or not */

/* Says again, to all orchestrators, what was wanted of it last. */
void orch_node_repeat(struct orch *orch, const char *id);

/* watch.c: a node registered, left, was heard, and does not hear its neighbour, of which it will
 * tell again if that goes on. */
void orch_watch_came(struct orch *orch, struct node_entry *entry);
void orch_watch_left(struct node_entry *entry);
void orch_watch_tell(struct orch *orch, struct node_entry *entry);
void orch_watch_silent(struct orch *orch, const char *id, const char *silent);
void orch_watch_verdict(struct orch *orch, const struct detector_out *out);

/* ---- stats.c */
uint32_t orch_people_on(const struct orch *orch, const char *node); /* of our rooms */

/* ---- gray.c: nodes that clients do not reach */
void orch_gray_init(struct orch *orch);
void orch_gray_fini(struct orch *orch);
/* An EFFECT_MEDIA of that room. */
void orch_gray_heard(struct orch *orch, const struct room_entry *entry, const struct effect *media);
/* The node where he failed of late, or NULL. */
const char *orch_gray_failed_at(const struct orch *orch, const char *room, const char *identity);
/* Moves him off the node he failed at, if he is there and another one takes him. */
bool orch_gray_flees(struct orch *orch, struct room_entry *entry, const char *identity);
/* It is gray by somebody's word, or in whatever other service. */
void orch_gray_set(struct orch *orch, const char *node, bool gray);
void orch_gray_expire(struct orch *orch);
int64_t orch_gray_deadline(const struct orch *orch);

/* ---- silence.c: people whom their node does not hear */
/* EFFECT_MEDIA_SILENT of that room. */
void orch_silence_heard(struct orch *orch, const struct room_entry *entry,
                        const struct effect *media);
void orch_silence_expire(struct orch *orch);
int64_t orch_silence_deadline(const struct orch *orch);
void orch_silence_fini(struct orch *orch);

/* ---- place.c: which nodes people are on */
void orch_place_init(struct orch *orch);
void orch_place_fini(struct orch *orch);
/* What a node measured on a trunk of its tells how far regions are apart. */
void orch_place_measured(struct orch *orch, const char *node,
                         const Spillway__Control__TrunkReport *trunk);
/* Whether somebody from that region may join; entry NULL: a room that is not there yet. Else see
 * refusal. */
bool orch_place_admits(struct orch *orch, const struct room_entry *entry, const char *region,
                       const char *identity);
/* Reserves place for a room that is new, on the node where its first participant is to go. */
MUST_CHECK int orch_place_room(struct orch *orch, struct room_entry *entry, const char *region);
/* Where somebody who joins goes, who is reserved for there. ERR_FULL: no node takes one more. */
MUST_CHECK int orch_place_join(struct orch *orch, struct room_entry *entry, const char *region,
                               const char *identity, const Spillway__Control__Register **out);
/* So many people are expected in a room that was just made; 0: nobody said, its name's history is
 * asked for. */
void orch_place_expect(struct orch *orch, struct room_entry *entry, uint32_t participants,
                       enum expected_from from);
/* Counts a room that goes on where it is. */
void orch_place_found(struct orch *orch, struct room_entry *entry);
/* Moves a participant there. ERR_NOT_FOUND, ERR_FULL. */
MUST_CHECK int orch_place_move(struct orch *orch, struct room_entry *entry, const char *identity,
                               const char *node);
/* Moves everybody on `from` to another node; to NULL: chosen here. ERR_FULL: they stay. */
MUST_CHECK int orch_place_evacuate(struct orch *orch, struct room_entry *entry, const char *from,
                                   const char *to);
/* The same to whatever place is left at all, of everybody or one of them. */
MUST_CHECK int orch_place_flee(struct orch *orch, struct room_entry *entry, const char *from,
                               const char *identity);
/* Everybody on a node that is dead goes elsewhere, at once. Where no other takes them they wait
 * for one, or for it to come back. */
void orch_place_leave(struct orch *orch, const char *node);
/* Some of the room are on a dead node again, since another one refused them. */
void orch_place_back(const struct orch *orch, struct room_entry *entry, const char *node,
                     const char *from);
/* orch_place_leave() of one room. */
void orch_place_leave_room(struct orch *orch, struct room_entry *entry, const char *node);
/* The first node of the room, or the one that has place for it while nobody is in it; "" none. */
const char *orch_place_node(const struct room_entry *entry);
/* Moves him to any other node. ERR_FULL: none takes him. ERR_AGAIN: he is on his way. */
MUST_CHECK int orch_place_elsewhere(struct orch *orch, struct room_entry *entry,
                                    const char *identity, const char *from);
/* The same if he loses nothing by it. ERR_STATE: he would. */
MUST_CHECK int orch_place_plan(struct orch *orch, struct room_entry *entry, const char *identity,
                               const char *from);
/* The same of all of its nodes that are dead, of a room that was just adopted. */
void orch_place_leave_the_dead(struct orch *orch, const char *room);
/* What is kept on a node for rooms that nobody came to yet is kept elsewhere. */
void orch_place_promises(struct orch *orch, const char *node);
/* There may be place again: who is on a dead node goes there, until so many rooms found none. What
 * the people of these weigh. */
uint64_t orch_place_waiting(struct orch *orch, size_t rooms_max);
/* refused.c: a node answered FULL. Whom it does not take goes elsewhere. */
void orch_refused(struct orch *orch, struct room_entry *entry, const char *node,
                  const Spillway__Control__SpecAck *ack);
/* The room's nodes are these now (EFFECT_STORE_ROOM): what was reserved elsewhere is free. */
void orch_place_follow(struct orch *orch, struct room_entry *entry);
/* Why the last one was refused, in words; and when to try again, in seconds. */
uint32_t orch_refusal_text(const struct orch *orch, char *out, size_t len);

/* When to try again if the cluster is full. */
uint32_t orch_place_retry_s(struct orch *orch);
/* Reserved on a node that is new to a room, for it and whoever brings it there. */
uint32_t orch_place_weight(const struct orch *orch);
/* What somebody who joins asks of placement; lists are in the arena. And the answer. */
struct placement_request orch_place_request(const struct orch *orch, const struct room_entry *entry,
                                            const char *region, const char *identity,
                                            struct arena *arena);
MUST_CHECK int orch_place_choose(const struct orch *orch, const struct placement_request *request,
                                 struct prng *prng, struct placement_answer *answer);

/* ---- pin.c: rooms that operators want somewhere */
bool orch_pinned(const struct room_entry *entry);
/* Who is placed for that room goes there if he can; entry may be NULL. */
void orch_pin_heed(const struct orch *orch, const struct room_entry *entry,
                   struct placement_request *request);
/* As a body of the admin API says. ERR_INVALID: it makes no sense. ERR_NOT_FOUND: no node that
 * lives is called so, or is of the region. */
MUST_CHECK int orch_pin(struct orch *orch, struct room_entry *entry, struct bytes body);
void orch_unpin(struct orch *orch, struct room_entry *entry);

/* ---- share.c: placing together with other orchestrators */
/* Whether somebody from that region, who joins or makes the room, waits for EFFECT_PLACED. */
MUST_CHECK bool orch_share_waits(struct orch *orch, const char *name, const char *region,
                                 const char *identity);
/* orch_place_choose(), or what was agreed on. */
MUST_CHECK int orch_share_choose(struct orch *orch, const struct room_entry *entry,
                                 const struct placement_request *request,
                                 struct placement_answer *answer);
void orch_share_expire(struct orch *orch);
int64_t orch_share_deadline(const struct orch *orch);
void orch_share_fini(struct orch *orch);

/* ---- drain.c: nodes that are to be empty */
/* Its state is DRAINING or GRAY from now on. */
void orch_drain_begin(struct orch *orch, const char *node, enum registry_state state);
void orch_drain_end(struct orch *orch, const char *node); /* no further moves */
/* Whether the others have place for what these carry together. */
bool orch_drain_possible(const struct orch *orch, const struct registry_node *const *nodes,
                         size_t count);
#define ORCH_NO_PLACE        "the other nodes have no place for all that would have to move"
#define ORCH_DRAIN_CHECK_MAX 256
/* POST drain_check: whether a drain of several at once would begin. */
void orch_drain_check(struct orch *orch, uint64_t request, struct bytes body);
void orch_drain_expire(struct orch *orch);
int64_t orch_drain_deadline(const struct orch *orch);
void orch_drain_fini(struct orch *orch);

/* ---- front_drain.c: fronts that are to be empty */
void orch_front_drain_end(struct orch *orch, uint64_t number); /* it is gone */
void orch_front_drain_expire(struct orch *orch);
int64_t orch_front_drain_deadline(const struct orch *orch);
void orch_front_drain_fini(struct orch *orch);

/* ---- shortage.c: audio before video */
/* Everybody off a dead node without video. False: some stay. */
bool orch_short_evacuate(struct orch *orch, struct room_entry *entry, const char *from);
/* Somebody's video is held. */
void orch_short_begin(struct orch *orch, struct room_entry *entry);
void orch_short_expire(struct orch *orch); /* when short_us has come */

/* ---- adopt.c: rooms whose owner died */
/* A node holds such a room. */
void orch_orphan_seen(struct orch *orch, const char *node,
                      const Spillway__Control__RoomVersion *held);
void orch_orphan_state(struct orch *orch, const char *node,
                       const Spillway__Control__RoomState *state);
void orch_orphan_node_gone(struct orch *orch, const char *node);
/* Whether we are about to go on with the room of that sid. */
bool orch_orphan_claimed(const struct orch *orch, const char *sid);
/* Whether who wants into the room has to wait for that. */
bool orch_adopts(const struct orch *orch, const char *name);
/* The same of a room that somebody comes back to and that nobody knows: just after the start, nodes
 * may not have said that they hold it. */
bool orch_expects_orphan(struct orch *orch, const char *name);
void orch_orphans_expire(struct orch *orch);
int64_t orch_orphans_deadline(const struct orch *orch);
void orch_orphans_fini(struct orch *orch);

/* ---- node.c */
void orch_send_to_node(struct orch *orch, const char *node,
                       const Spillway__Control__OrchestratorMessage *message);

/* ---- rebalance.c: nodes that are too hot */
void orch_rebalance_heard(struct orch *orch, const char *id); /* its load; it is registered */
/* A round at once: our rooms on hot nodes. {"moves": [...]}; dry: what would move. */
struct json_t *orch_rebalance_now(struct orch *orch, bool dry);

/* ---- admin.c: as the admin API shows them */
/* By id, or by name. */
const struct registry_node *orch_admin_node(const struct orch *orch, const char *text);
/* RFC 3339 in UTC, of a time of orch's clock. */
struct json_t *orch_time_json(const struct orch *orch, int64_t at_us);
/* A track as the admin API shows it. */
struct json_t *orch_track_json(const Livekit__TrackInfo *track);
struct json_t *orch_nodes_json(const struct orch *orch); /* all of them, as a list */
struct json_t *orch_rooms_json(const struct orch *orch);

/* ---- tree.c */
/* A room's nodes get their place in its cascade, and it its tracks with their ways. */
void orch_tree_add(const struct room_entry *entry, struct json_t *room);

/* ---- links.c: what flows between regions */
/* All trunks of a node, or none: it does not say with this heartbeat. */
void orch_links_heard(struct orch *orch, struct node_entry *entry,
                      Spillway__Control__TrunkReport *const *trunks, size_t count);
void orch_links_forget(struct node_entry *entry);
void orch_links_fini(struct orch *orch);
/* Each region that has nodes, with its links: {"name", "links"}. */
struct json_t *orch_links_json(const struct orch *orch);

/* ---- snapshot.c */
struct json_t *orch_snapshot(const struct orch *orch);

/* ---- media_stats.c */
/* How somebody's media fare. NULL: nobody in the room has this identity. */
struct json_t *orch_media_stats(const struct orch *orch, const struct room_entry *entry,
                                const char *identity);

/* ---- events.c: what happened */
void orch_events(struct orch *orch, uint64_t request, const struct orch_admin_request *admin);
void orch_events_expire(struct orch *orch);
int64_t orch_events_deadline(const struct orch *orch);
void orch_events_fini(struct orch *orch);

/* ---- admin.c */
void orch_admin_reply(struct orch *orch, uint64_t request, int status, struct json_t *take_json);
void orch_admin_fail(struct orch *orch, uint64_t request, int status, const char *code,
                     const char *message);

/* ---- capacity.c: how many nodes regions want */
void orch_capacity_init(struct orch *orch);
void orch_capacity_fini(struct orch *orch);
void orch_capacity_look(struct orch *orch);                 /* a node was heard */
void orch_capacity_lost(struct orch *orch, const char *id); /* the node is dead, and still listed */
/* The answer to GET capacity. */
struct json_t *orch_capacity_json(struct orch *orch);

/* ---- reserve.c: events that were told beforehand */
void orch_reservations_init(struct orch *orch);
void orch_reservations_fini(struct orch *orch);
void orch_reservations_look(struct orch *orch); /* before what they weigh is asked for */
uint64_t orch_reservations_weight(const struct orch *orch, const char *region);
/* path: "reservations", ID, "cancel". */
void orch_reservations_call(struct orch *orch, uint64_t request, bool get, char *const *path,
                            size_t count, struct bytes body);

/* ---- explain.c */
/* Why a room is where it is, and who has it; take_room is the room as the admin API shows it. */
struct json_t *orch_explain_room(const struct orch *orch, const struct room_entry *entry,
                                 struct json_t *take_room);
/* The answer to POST place; asked is its body. */
struct json_t *orch_explain(const struct orch *orch, const struct json_t *asked);

/* ---- client.c */
void orch_conn_add(struct orch *orch, uint64_t conn, struct room_entry *room, const char *identity);
void orch_conn_remove(struct orch *orch, uint64_t conn);

/* ---- api.c */
void orch_rpc_finished(struct orch *orch, const struct effect *effect);
void orch_rpcs_free(struct orch *orch);
/* That of an Authorization header; token_fini() it. Else an error, and the reason for its caller.
 */
MUST_CHECK int orch_token(const struct orch *orch, const char *authorization, struct token *out,
                          char reason[TOKEN_REASON_MAX]);

#endif
