/* SPDX-License-Identifier: Apache-2.0
 *
 * Which node a person of a room gets. A pure function of the registry and a seeded generator: it
 * changes nothing, the caller then reserves (registry_room_placed), so that the next call sees the
 * weight. A call looks at a few nodes however many there are.
 *
 * Regions in the order of their distance from the asked one, which comes first; those that are
 * equally far are taken together, and so are all of them if none is asked. In each:
 *
 *  1. a node that holds the room already, while it is below PLACEMENT_SPAN_PERMILLE;
 *  2. else the least filled of a few OPEN nodes (registry.h) drawn at random: for a room that is in
 *     this region already its second node, before the first is full. Not the least filled of all:
 *     everybody who asks at once would be sent to it, since reports are stale (architecture.md
 *     §2.8);
 *  3. else a node that holds the room, as long as it is below the mark of who asks;
 *
 * Before all of that: the node that the room is pinned to, while it is below the mark of who asks.
 *
 * Where no region has any, for reconnects and moves alone:
 *
 *  4. any node that is below the mark, again by distance. So people of a lost region go to the next
 *     ones within their headroom, and only then is any node filled further.
 *
 * So nobody but reconnects opens a room on a node that is not OPEN: at saturation large rooms would
 * else be scattered over every node that has a little left.
 *
 * The marks, in permille of a node's capacity with the weight added, and never below the one that
 * the registry has for new rooms (800 unless configured):
 *
 *     new room  open_permille < room spans  850 < joins, moves  join_permille (950) < reconnects
 * 1000
 *
 * Between them stands who is let in last: somebody who was in the meeting already. A join that
 * would exceed a join rate of the registry goes to another node; a reconnect ignores the rates.
 *
 * Within a region, zones are told but play no part: their distance is nothing to a client.
 */
#ifndef ORCHESTRATOR_CORE_PLACEMENT_PLACEMENT_H
#define ORCHESTRATOR_CORE_PLACEMENT_PLACEMENT_H

#include "common/base/base.h"
#include "orchestrator/core/registry/registry.h"

#define PLACEMENT_SAMPLES_MAX     64
#define PLACEMENT_SAMPLES_DEFAULT 8
#define PLACEMENT_CANDIDATES_MAX  4
#define PLACEMENT_SPAN_PERMILLE   850
#define PLACEMENT_FULL_RETRY_S    10 /* told to whom a full cluster refuses, and up to twice that */
#define PLACEMENT_FAR_MS          UINT32_MAX /* a distance that nobody knows */
/* Draws are given up after so many misses. Up to this many nodes of a level are looked at one by
 * one, so that only a larger region may be taken for full while a few percent of it are not. */
#define PLACEMENT_DRAWS_MAX 128
/* A region that lost so many nodes, and such a share of all it had, within this time. */
#define PLACEMENT_CRUMBLE_US       TIME_S(2)
#define PLACEMENT_CRUMBLE_NODES    3
#define PLACEMENT_CRUMBLE_PERMILLE 100

/* ---- Distances between regions, in ms, symmetric ---- */

struct placement_map;
struct placement_map *placement_map_new(void);
void placement_map_free(struct placement_map *map);
/* Later words win. ERR_FULL: more than REGISTRY_REGIONS_MAX regions. */
int placement_map_set(struct placement_map *map, const char *a, const char *b,
                      uint32_t ms) MUST_CHECK;
/* 0 for a region and itself, PLACEMENT_FAR_MS if unknown. map may be NULL. */
uint32_t placement_map_ms(const struct placement_map *map, const char *a, const char *b);

/* ---- Choosing ---- */

enum placement_who {
    PLACEMENT_NEW_ROOM,  /* the first one of a room: held must be empty */
    PLACEMENT_JOIN,      /* of a room that has nodes */
    PLACEMENT_RECONNECT, /* was in it already, and comes back; or is moved with his audio alone */
    PLACEMENT_MOVE,      /* was in it already, and is moved with all he watches */
};

struct placement_request {
    enum placement_who who;
    const char *region;      /* wanted; "" or NULL: any */
    const char *room;        /* sid, for its join rate; NULL: a new one */
    uint32_t weight;         /* expected to be added */
    const char *const *held; /* ids of the nodes that hold the room */
    size_t held_count;
    const char *pinned;          /* id of the node that an operator wants it on; NULL: none */
    const char *const *excluded; /* ids of nodes that must not be chosen */
    size_t excluded_count;
    const char *excluded_region; /* none of its nodes; NULL: no such region */
    /* Nodes fall into so many parts by their ids, and new ones are chosen of this one alone, 0 ..
     * parts - 1. parts 0: of all. */
    uint32_t parts, part;
    const struct placement_map *map; /* NULL: every other region is equally far */
    uint32_t samples;                /* 1 .. PLACEMENT_SAMPLES_MAX */
};

/* What is said of a node, and of the answer as a whole. */
enum placement_reason {
    PLACEMENT_CHOSEN,       /* least filled of the sample */
    PLACEMENT_KEPT,         /* chosen: holds the room already */
    PLACEMENT_PINNED,       /* chosen: the room is pinned to it, and not there yet */
    PLACEMENT_FULLER,       /* sampled, another one is less filled */
    PLACEMENT_NOT_SAMPLED,  /* would do, was not drawn */
    PLACEMENT_OTHER_REGION, /* would do, a nearer region had one */
    PLACEMENT_NOT_NEEDED,   /* would do, the room stays on the nodes it has */
    PLACEMENT_CROWDED,      /* would do if no other were less filled: above its mark */
    PLACEMENT_FULL,         /* no room for the weight */
    PLACEMENT_RATE,         /* too many joins in the last seconds */
    PLACEMENT_EXCLUDED,
    PLACEMENT_CORDONED,
    PLACEMENT_DRAINING,
    PLACEMENT_GRAY,
    PLACEMENT_SUSPECT,
    PLACEMENT_GONE,
    PLACEMENT_NO_NODES, /* of an answer: nobody is there to be full */
};

struct placement_answer {
    const struct registry_node *node; /* borrowed from the registry; NULL: refused */
    enum placement_reason reason;     /* CHOSEN, KEPT, PINNED; if refused FULL, RATE, NO_NODES */
    /* The node, and others that were drawn and would do: for whoever decides between orchestrators
     * (store_place). */
    const struct registry_node *candidates[PLACEMENT_CANDIDATES_MAX];
    size_t candidate_count;
    bool spans;             /* the room is in this region already, on other nodes */
    uint32_t distance_ms;   /* of the node's region from the asked one */
    uint32_t retry_after_s; /* if refused, with jitter; 1 or more */
};

/* 0, or ERR_FULL; the answer is filled in either way. */
int placement_choose(const struct placement_request *request, const struct registry *registry,
                     int64_t now_us, struct prng *prng, struct placement_answer *answer) MUST_CHECK;

/* placement_choose() for who has to leave excluded[0]. If so many nodes of its region are gone
 * within PLACEMENT_CRUMBLE_US that the others may be next, none of them is chosen, or who is moved
 * off the first ones would be moved again and again. And since every orchestrator then moves many
 * people without seeing where the others do, each draws from its own part of the nodes. Where that
 * leaves no place, and of single nodes that die, neither holds. */
int placement_flee(const struct placement_request *request, const struct registry *registry,
                   int64_t now_us, struct prng *prng, struct placement_answer *answer) MUST_CHECK;

/* Whether somebody may join a room on the one node it is to stay on, whatever that node's state: by
 * the mark and the rates of who asks alone. 0, or ERR_FULL with the answer's reason. */
int placement_admit(const struct placement_request *request, const struct registry *registry,
                    int64_t now_us, const struct registry_node *node, struct prng *prng,
                    struct placement_answer *answer) MUST_CHECK;

/* placement_choose(), and why each node was taken or not: reasons has one entry per registry_at()
 * index. Looks at all of them. */
int placement_explain(const struct placement_request *request, const struct registry *registry,
                      int64_t now_us, struct prng *prng, struct placement_answer *answer,
                      enum placement_reason *reasons) MUST_CHECK;

/* ---- Words ---- */

/* Why this node, in a sentence with its weights where they matter. Writes at most len bytes, NUL
 * included. */
void placement_node_text(char *out, size_t len, enum placement_reason reason,
                         const struct registry_node *node, const struct placement_answer *answer);
/* The answer in a sentence, for whoever is refused and for operators. */
void placement_answer_text(char *out, size_t len, const struct placement_request *request,
                           const struct placement_answer *answer);
/* One stable snake_case word. */
const char *placement_reason_name(enum placement_reason reason);

/* ---- Expected sizes ---- */

/* The weight a room of so many people comes to: each publishes 2 tracks, up to 16 of them, and
 * everybody is subscribed to all of these. Stops at UINT32_MAX. */
uint32_t placement_room_weight(uint32_t participants);

#endif
