/* SPDX-License-Identifier: Apache-2.0
 *
 * Inside the orchestrator: its tables, and the prototypes shared by its files.
 */
#ifndef ORCHESTRATOR_CORE_ORCH_PRIVATE_H
#define ORCHESTRATOR_CORE_ORCH_PRIVATE_H

#include "orchestrator/core/detector/detector.h"
#include "orchestrator/core/orch/orch.h"
#include "orchestrator/core/placement/placement.h"
#include "orchestrator/core/registry/registry.h"
#include "orchestrator/core/room/room.h"

#include <uthash.h>

struct room_entry {
    struct room *room;
    const char *name; /* the room's */
    char sid[ID_MAX];
    int64_t deadline_us;
    bool held;             /* listed in the registration being read */
    bool spec_unsent;      /* a spec found no place in its node's queue */
    UT_hash_handle hh;     /* by name */
    UT_hash_handle by_sid; /* nodes speak of sids */
};

struct conn_entry {
    uint64_t conn;
    struct room_entry *room;
    char *identity;
    UT_hash_handle hh;
};

struct transport_entry {
    uint64_t transport;
    struct room_entry *room;
    UT_hash_handle hh;
};

/* What a node said when it registered: rooms need its endpoints. */
struct node_entry {
    char id[REGISTRY_NAME_MAX];
    Spillway__Control__Register *info;
    bool specs_unsent; /* for some of its rooms */
    UT_hash_handle hh;
};

/* A PerformRpc call whose answer is on its way. */
struct rpc_entry {
    uint64_t request;
    struct twirp_call call;
    UT_hash_handle hh;
};

struct orch {
    struct orch_config config;
    struct room_config room_config;
    int64_t now_us; /* of the last input: time never goes back */
    int64_t wall_offset_us;
    uint64_t last_epoch;
    struct prng prng;
    struct effects fx;
    size_t scanned; /* effects before this index are known to the tables */
    struct registry *registry;
    struct placement_map *map;
    struct placement_answer refusal; /* the last time that a room or a join found no node */
    struct detector *detector;
    struct room_entry *rooms, *rooms_by_sid;
    struct conn_entry *conns;
    struct transport_entry *transports;
    struct node_entry *nodes;
    struct rpc_entry *rpcs;
    struct orch_stats stats;
};

/* ---- orch.c */
void orch_tick(struct orch *orch, int64_t now_us); /* every input begins with it */
/* After an input to a room: flushes it, brings the tables up to date, frees it if it is over. */
void orch_settle(struct orch *orch, struct room_entry *entry);
struct room_entry *orch_room(const struct orch *orch, const char *name);
struct room_entry *orch_room_by_sid(const struct orch *orch, const char *sid);
/* The room, created and placed if need be. ERR_FULL: no node takes it; a room whose node died is
 * left waiting. */
MUST_CHECK int orch_room_open(struct orch *orch, const char *name, struct room_entry **out);
void orch_room_close(struct orch *orch, struct room_entry *entry, Livekit__DisconnectReason reason);
void orch_judge(struct orch *orch); /* after every word to the detector: acts on its verdicts */
int64_t orch_wall_s(const struct orch *orch);

/* ---- place.c */
void orch_place_init(struct orch *orch);
void orch_place_fini(struct orch *orch);
/* node_id NULL: choose one, not the present one. ERR_FULL: no node takes it, see refusal. */
MUST_CHECK int orch_room_place(struct orch *orch, struct room_entry *entry, const char *node_id);
bool orch_room_waits(const struct orch *orch, const struct room_entry *entry); /* for a live node */
/* So many people are expected in a room that was just made. */
void orch_room_expect(struct orch *orch, const struct room_entry *entry, uint32_t participants);
/* Whether the node of the room (NULL: any, for a new one) takes one more; else see refusal. */
bool orch_admits(struct orch *orch, const struct room_entry *entry, const char *identity);
void orch_joined(struct orch *orch, const struct room_entry *entry); /* reserves */
/* Why the last one was refused, in words; and when to try again, in seconds. */
uint32_t orch_refusal_text(const struct orch *orch, char *out, size_t len);

/* ---- client.c */
void orch_conn_add(struct orch *orch, uint64_t conn, struct room_entry *room, const char *identity);
void orch_conn_remove(struct orch *orch, uint64_t conn);

/* ---- api.c */
void orch_rpc_finished(struct orch *orch, const struct effect *effect);
void orch_rpcs_free(struct orch *orch);

#endif
