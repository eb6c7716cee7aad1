/* SPDX-License-Identifier: Apache-2.0
 *
 * What this orchestrator knows of the media nodes: who they are, where clients reach them, what
 * they carry, what was promised to them and not reported yet, and which rooms they hold. Facts
 * only: detector/ judges silence, placement/ chooses.
 *
 * Load reports are always stale, so a room placed on a node weighs at once: placing reserves its
 * expected weight there, until the first load report after the caller confirmed that what was
 * expected is there, or for hold_us when it does not. Until then the estimate counts on top of what
 * is reported, which errs on the side of a node that seems fuller than it is. A room of which more
 * is expected than came yet (its size was told beforehand) keeps the difference for expect_us, so
 * that others do not fill the node while its people arrive.
 *
 * Nodes are listed by region and, within it, by what they may still take, so that whoever draws a
 * few of them at random does not have to look at all.
 *
 * Nodes stay at their address until they are removed; pointers handed out are valid until the next
 * call that takes a registry which is not const.
 */
#ifndef ORCHESTRATOR_CORE_REGISTRY_REGISTRY_H
#define ORCHESTRATOR_CORE_REGISTRY_REGISTRY_H

#include "common/base/base.h"

#define REGISTRY_NAME_MAX      64  /* bytes of an id, name, region, zone or version, NUL included */
#define REGISTRY_ENDPOINTS_MAX 136 /* per node: 16 UDP ports and a TCP port at 8 addresses */
#define REGISTRY_NODES_MAX     20000 /* gone ones included */
#define REGISTRY_ROOMS_MAX     10000 /* per node */
#define REGISTRY_REGIONS_MAX   256
#define REGISTRY_BURST_S       2 /* joins of so many seconds may come at once */

struct registry;

enum registry_state {
    REGISTRY_READY,
    REGISTRY_CORDONED, /* keeps its rooms, gets no new one */
    REGISTRY_DRAINING, /* its people are being moved away */
    REGISTRY_GRAY,     /* too, since clients do not reach it (gray.h) */
    REGISTRY_GONE,     /* judged dead or left; forgotten after forget_us */
};

/* What a node may still take, by (reported + reserved) weight and the marks of the config. */
enum registry_level {
    REGISTRY_OPEN,    /* new rooms */
    REGISTRY_CROWDED, /* no new rooms, but people who join the ones it has */
    REGISTRY_SHUT,    /* only those who were there before, up to its capacity */
    REGISTRY_OUT,     /* nobody: not ready, suspect, or gone */
    REGISTRY_LEVELS
};

struct registry_endpoint {
    char ip[46]; /* numeric */
    uint16_t port;
    bool tcp; /* ICE-TCP passive, else UDP */
};

/* control.proto, Load. */
struct registry_load {
    uint32_t weight; /* 1 per track, subscription and edge */
    uint32_t transports;
    uint32_t tracks;
    uint32_t subscriptions;
    uint32_t cpu_permille;
    uint32_t loop_lag_us;
    uint64_t bps_in;
    uint64_t bps_out;
    uint32_t pps_in;
    uint32_t pps_out;
};

/* What a node says of itself when it registers; every string shorter than REGISTRY_NAME_MAX. */
struct registry_identity {
    const char *id;     /* "ND_...", new with every process: also its routing id on the bus */
    const char *name;   /* the operator's, unique among live nodes and stable over restarts */
    const char *region; /* "" where a cluster has but one */
    const char *zone;
    const char *version;
    const struct registry_endpoint *endpoints;
    size_t endpoint_count;
    uint32_t capacity; /* weight it is willing to carry */
    uint32_t pid;
};

struct registry_node {
    char id[REGISTRY_NAME_MAX];
    char name[REGISTRY_NAME_MAX];
    char region[REGISTRY_NAME_MAX];
    char zone[REGISTRY_NAME_MAX];
    char version[REGISTRY_NAME_MAX];
    struct registry_endpoint endpoints[REGISTRY_ENDPOINTS_MAX];
    size_t endpoint_count;
    uint32_t capacity;
    uint32_t pid;
    enum registry_state state;
    enum registry_level level;
    bool suspect;              /* silent for longer than it should be: gets no new room */
    struct registry_load load; /* as reported last */
    uint64_t reserved;         /* sum of its rooms' reservations */
    int64_t registered_at_us;
    int64_t heard_at_us; /* last registration or heartbeat */
    int64_t joins_at_us; /* of its join rate, see registry_join_wait_us() */
    int64_t gone_at_us;  /* if it is */
    size_t room_count;
};

struct registry_config {
    int64_t hold_us;   /* how long a reservation lasts unconfirmed; 10 s is usual */
    int64_t forget_us; /* how long a node that is gone is still shown */
    int64_t expect_us; /* how long a room's expected weight is kept for it */
    /* A node is OPEN while usual_weight more leaves it at or below open_permille of its capacity,
     * CROWDED while it leaves it at or below join_permille. 0 < open <= join <= 1000. */
    uint32_t open_permille;
    uint32_t join_permille;
    uint32_t usual_weight;
    /* How many orchestrators place without seeing each other's reservations, this one included; 0
     * is 1. Those a node attracts here it attracts there, so what is promised and not reported yet
     * counts so many times. */
    uint32_t planners;
    uint32_t node_joins_per_s; /* onto one node; 0: no limit */
    uint32_t room_joins_per_s; /* into one room on one node; 0: no limit */
};

struct registry *registry_new(const struct registry_config *config);
void registry_free(struct registry *registry);
const struct registry_config *registry_config(const struct registry *registry);

/* Another orchestrator came, went, or shares its reservations now: see planners above. */
void registry_set_planners(struct registry *registry, uint32_t planners);

/* Drops reservations that nobody confirmed and forgets nodes gone long enough. Call when now_us has
 * reached registry_deadline(), which is TIME_NEVER when nothing waits. */
void registry_expire(struct registry *registry, int64_t now_us);
int64_t registry_deadline(const struct registry *registry);

/* ---- Nodes --------------------------------------------------------------------------------- */

/* A node registers, or registers again after a reconnect: then its identity is replaced, while
 * state, rooms and reservations stay; one that was gone is ready again, without rooms. ERR_INVALID:
 * a string or the endpoint list is empty or too long (an empty region or zone is fine). ERR_EXISTS:
 * another live node has that name. ERR_FULL: REGISTRY_NODES_MAX or REGISTRY_REGIONS_MAX. */
int registry_add(struct registry *registry, int64_t now_us,
                 const struct registry_identity *identity) MUST_CHECK;

/* A heartbeat with a load report. Reservations of rooms confirmed before it are over: the report
 * counts them now. ERR_NOT_FOUND: unknown or gone, the node has to register. */
int registry_heard(struct registry *registry, int64_t now_us, const char *id,
                   const struct registry_load *load) MUST_CHECK;

/* The operator's or the node's own wish, or a verdict: any but GONE, in any order. ERR_NOT_FOUND;
 * ERR_STATE: the node is gone. */
int registry_set_state(struct registry *registry, const char *id,
                       enum registry_state state) MUST_CHECK;

/* The detector's doubt, and its end. Unknown ids are ignored: the doubt outlived the node. */
void registry_set_suspect(struct registry *registry, const char *id, bool suspect);

/* The node is dead or has left: its reservations are void. Its rooms stay listed, so that the
 * caller can move them one by one, and go with the node. ERR_NOT_FOUND: unknown, or gone already.
 */
int registry_gone(struct registry *registry, int64_t now_us, const char *id) MUST_CHECK;

/* NULL if unknown. By name: the live node if there is one, else one that is gone. */
const struct registry_node *registry_get(const struct registry *registry, const char *id);
const struct registry_node *registry_named(const struct registry *registry, const char *name);

/* All nodes, gone ones included, in no particular order: index 0 .. registry_count() - 1. */
size_t registry_count(const struct registry *registry);
const struct registry_node *registry_at(const struct registry *registry, size_t index);

const char *registry_state_text(enum registry_state state);

/* ---- Regions ------------------------------------------------------------------------------- */

/* Those that have a node, gone ones included, in no particular order: index 0 .. count - 1. */
size_t registry_region_count(const struct registry *registry);
const char *registry_region_name(const struct registry *registry, size_t region);
size_t registry_region_of(const struct registry_node *node);

/* How many of its nodes are gone since then. */
size_t registry_region_lost(const struct registry *registry, size_t region, int64_t since_us);

/* A region's nodes of one level: how many, and the i-th of them, in no particular order. */
size_t registry_region_size(const struct registry *registry, size_t region,
                            enum registry_level level);
const struct registry_node *registry_region_node(const struct registry *registry, size_t region,
                                                 enum registry_level level, size_t i);

/* ---- Rooms --------------------------------------------------------------------------------- */

/* A room (RM_ sid) was put on a node, or somebody of it; weight is what this is expected to add.
 * Again for the same pair adds to what is reserved and renews the hold. Counts as a join for both
 * rates, whatever they say. ERR_NOT_FOUND: no such node, or gone. ERR_FULL: REGISTRY_ROOMS_MAX. */
int registry_room_placed(struct registry *registry, int64_t now_us, const char *id,
                         const char *room, uint32_t weight) MUST_CHECK;

/* The room is going to weigh this much here: until expect_us have passed it counts at least so
 * much, reported or not. Replaces what was expected before and starts the time anew; 0 ends it.
 * Unknown pairs are ignored. */
void registry_room_expected(struct registry *registry, int64_t now_us, const char *id,
                            const char *room, uint32_t weight);

/* The expected tracks came about, and the node has them (SpecAck): its next load report counts
 * them. carried: what the room weighs there now. Unknown pairs are ignored. */
void registry_room_confirmed(struct registry *registry, const char *id, const char *room,
                             uint32_t carried);

/* The room left the node, by a move or its end; with it goes its reservation. */
void registry_room_removed(struct registry *registry, const char *id, const char *room);

/* The rooms of a node in the order of their coming, by sid: the one after `room`, the first for
 * NULL; NULL: no more. */
const char *registry_room_after(const struct registry *registry, const char *id, const char *room);

/* Whether the node has the room, and the weight that is counted for it on top of the reported one.
 */
bool registry_room_is_on(const struct registry *registry, const char *id, const char *room,
                         uint64_t *reserved);

/* How long until one more may join the room (NULL: a new one) on this node; 0: now. The rates are
 * token buckets, kept as the time at which they are full again (GCRA, ITU-T I.371). */
int64_t registry_join_wait_us(const struct registry *registry, int64_t now_us,
                              const struct registry_node *node, const char *room);

#endif
