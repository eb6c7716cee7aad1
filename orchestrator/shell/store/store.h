/* SPDX-License-Identifier: Apache-2.0
 *
 * The hint store: node load, and room -> (owner, epoch, node), for other orchestrators and for
 * tools. What it holds can be rebuilt at any time, so most verbs are fire and forget: nothing
 * blocks, nothing waits, and losing the store loses no room (architecture.md §2.7).
 *
 * Who owns a room is decided here while it can be asked: a claim, a renewal and a release are one
 * Lua script each, so of two that claim a room at the same time both hear the same owner. An owner
 * counts while its presence is there, which expires STORE_PRESENCE_MS after it was last renewed;
 * every owner of a room has a higher epoch than those before it. A release that is said while
 * Redis is away is said again when it is back.
 *
 * Two kinds behind one contract. With a Redis address the rows go there, pipelined, over one
 * connection that is opened again with back-off when it breaks, when it answers nothing for
 * STORE_ANSWER_MS, or when it leads to no master any more; rows written meanwhile are dropped
 * and counted, and after each connect the owner is asked to write everything again (on_up). Where
 * the master is may be asked of Redis Sentinel. Without either, rows stay in this process, which is
 * enough for a single orchestrator.
 *
 * In Redis: hash "spillway:node:<id>" with one field per load figure, hash "spillway:room:<name>"
 * with fields node, epoch, owner and request (who placed it last), string
 * "spillway:orchestrator:<id>" of each that is present; held, held_before and held_slot of a node
 * are its reservations (place.lua); hash "spillway:sizes" and sorted set "spillway:sizes:at" are
 * the history of names (sizes.c); hash
 * "spillway:reservations", see below. Each of them expires when it is not written again, so none
 * outlives its owner for long (STORE_NODE_TTL_S, STORE_ROOM_TTL_S).
 */
#ifndef ORCHESTRATOR_SHELL_STORE_STORE_H
#define ORCHESTRATOR_SHELL_STORE_STORE_H

#include "common/base/base.h"

#include <uv.h>

#define STORE_NODE_TTL_S  10
#define STORE_ROOM_TTL_S  300  /* rewritten five times in it (CLUSTER_RENEW_US) */
#define STORE_ANSWER_MS   500  /* a tenth of a second more or less; then Redis counts as away */
#define STORE_PRESENCE_MS 2000 /* renewed four times in it */
#define STORE_SIZES_TTL_S (30 * 86400)
#define STORE_SIZES_MAX   100000 /* names, of at most 256 bytes */
#define STORE_PENDING_MAX 10000  /* commands without a reply; further ones are dropped */

#define STORE_SENTINELS_MAX 8
#define STORE_HOST_MAX      256

struct store;

struct store_host {
    char name[STORE_HOST_MAX]; /* or address */
    uint16_t port;
};

struct store_sentinels {
    struct store_host hosts[STORE_SENTINELS_MAX];
    size_t count;         /* 0: none is asked */
    const char *master;   /* its name there; strings outlive the store */
    const char *password; /* of the Sentinels; "": none is needed */
};

struct store_config {
    uv_loop_t *loop;
    const char *redis_host; /* name, address, or path of a unix socket ("/..."); NULL: memory */
    uint16_t redis_port;    /* ignored for a unix socket */
    struct store_sentinels sentinels; /* if there are any: instead of a host */
    /* NULL or "": none. Outlive the store. */
    const char *redis_username, *redis_password;
    uint32_t sizes_max;         /* names whose size is remembered; 0: STORE_SIZES_MAX */
    const char *owner;          /* this orchestrator's id */
    const struct log_sink *log; /* may be NULL; outlives the store */
    void (*on_up)(void *arg);   /* connected: write every row again; may be NULL */
    void (*on_down)(void *arg); /* not any more; may be NULL */
    /* A room that was written is owned by another orchestrator, since a higher epoch. May be NULL.
     */
    void (*on_lost)(void *arg, const char *room);
    void *arg;
};

/* A room's row. */
struct store_room {
    const char *name;
    const char *node;
    const char *owner;
    uint64_t epoch;
};

struct store_stats {
    bool redis;       /* which kind */
    bool up;          /* connected; always true for memory */
    uint64_t pending; /* commands sent and not answered */
    uint64_t written; /* commands answered without error */
    uint64_t failed;  /* answered with an error, or lost with the connection */
    uint64_t dropped; /* not sent: no connection, or STORE_PENDING_MAX reached */
    uint64_t connects;
};

/* Never fails for want of a Redis: the connection is tried again, 100 ms to 5 s apart. */
struct store *store_new(const struct store_config *config);

/* Closes the connection; callbacks still waiting get ERR_IO before this returns. The store is gone
 * when uv_run() has nothing of it left. */
void store_free(struct store *store);

/* json is an object of numbers and strings, each becoming one field ("weight", "capacity", ...).
 * Anything else is dropped and counted. */
void store_node(struct store *store, const char *id, const char *json);
void store_node_gone(struct store *store, const char *id);

/* row->owner is ignored: it is this orchestrator. Renews the claim, or on_lost follows. */
void store_room(struct store *store, const struct store_room *row);
/* Gives it up, if it is still ours since that epoch. */
void store_room_gone(struct store *store, const char *name, uint64_t epoch);

/* Claims the room for this orchestrator unless somebody who is present has it; look: only says who
 * has it. callback runs exactly once, possibly before this returns: with err 0, the owner ("" from
 * a look: nobody) and its epoch, at least epoch_min where it is a new one, or ERR_IO when the store
 * cannot be asked. */
struct store_claim {
    const char *room;
    uint64_t epoch_min;
    bool look;
    const char *over; /* an owner that died, present or not; "" none */
};
typedef void store_claim_fn(void *arg, const char *room, int err, const char *owner,
                            uint64_t epoch);
void store_claim(struct store *store, const struct store_claim *claim, store_claim_fn *callback,
                 void *arg);

/* Reads a room's row. callback runs exactly once, possibly before this returns: with err 0 and the
 * row (borrowed), ERR_NOT_FOUND, or ERR_IO when the store can not be asked. */
typedef void store_room_fn(void *arg, int err, const struct store_room *row);
void store_room_get(struct store *store, const char *name, store_room_fn *callback, void *arg);

/* ---- History ----
 * A room of that name had so many people at once, and is over; the next one is expected to have as
 * many, or half-way between if it was more before. Only Redis remembers, the last STORE_SIZES_MAX
 * names of the last STORE_SIZES_TTL_S. */
void store_size(struct store *store, const char *room, uint32_t people);
/* callback runs exactly once, possibly before this returns; people 0: nobody knows. */
typedef void store_size_fn(void *arg, const char *room, uint32_t people);
void store_size_get(struct store *store, const char *room, store_size_fn *callback, void *arg);

/* ---- Reservations ----
 * Events that were told beforehand (core/reservations), as text, each in a field of the hash
 * "spillway:reservations" by its id, where the later version of it stays; those that are over go
 * when another one is written. Only Redis remembers. */
struct store_reservation {
    const char *id, *text;
    int64_t left_s; /* until it is over; > 0 */
};
void store_reservation(struct store *store, const struct store_reservation *reservation);
/* callback for each that is there, later; not at all if the store cannot be asked. */
typedef void store_reservation_fn(void *arg, const char *text);
void store_reservations_get(struct store *store, store_reservation_fn *callback, void *arg);

/* ---- Placing ----
 * Several orchestrators place rooms at the same time, and each sees its own reservations only. So
 * the one that decided locally (placement_choose) asks here with the first two or more of the
 * answer's candidates, and goes where this answer says: one script on Redis compares what all of
 * them reserved.
 *
 * How the orchestrator is to use it: for a new room, and for the first one of a region, never for a
 * later join (its own view is good enough for those). Decide first, act on the answer. STALE: the
 * room has a newer owner, forward the client there. FULL: choose again with these nodes excluded,
 * once, then refuse. UNKNOWN or ERR_IO: Redis has come back empty, or is away; go on with the local
 * decision, and while it is away with registry_config's planners, which is what degraded mode is. A
 * request that got no answer may be sent again with the same id, before any other for this room: it
 * does nothing twice. */

#define STORE_CANDIDATES_MAX 8
#define STORE_HOLD_MS        4000 /* load reports come once a second and replace what is held */

enum store_place_status {
    STORE_PLACED,
    STORE_PLACED_BEFORE, /* by this very request: nothing was done again */
    STORE_STALE,         /* a newer epoch holds the room, or another owner this one */
    STORE_FULL,          /* no candidate that has a row takes it */
    STORE_UNKNOWN,       /* none has a row: the store is empty */
};

struct store_place {
    const char *room;         /* name */
    uint64_t epoch;           /* of the owner; below 2^53 */
    const char *request;      /* any text that is new with each request */
    uint32_t weight;          /* to be reserved */
    uint32_t permille;        /* of a node's capacity that may be filled with it */
    uint32_t hold_ms;         /* the reservation lasts once to twice so long; > 0, and the same
                               * for everybody: a shorter one ends those before it on that node */
    const char *const *nodes; /* candidates' ids */
    size_t node_count;        /* 1 .. STORE_CANDIDATES_MAX */
};

struct store_placed { /* strings are borrowed for the call */
    enum store_place_status status;
    const char *node;  /* where the room is; "" if FULL or UNKNOWN */
    const char *owner; /* whose it is */
    uint64_t epoch;
};

/* callback runs exactly once, possibly before this returns: with err 0 and what came of it, or
 * ERR_IO when the store can not be asked or the answer did not come; then it may have happened. */
typedef void store_place_fn(void *arg, int err, const struct store_placed *placed);
void store_place(struct store *store, const struct store_place *place, store_place_fn *callback,
                 void *arg);

const struct store_stats *store_stats(struct store *store);

#endif
