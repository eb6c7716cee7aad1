/* SPDX-License-Identifier: Apache-2.0
 *
 * Inside the simulator of a fleet: its state, and the prototypes that its files share.
 */
#ifndef ORCHESTRATOR_CLI_SIM_PRIVATE_H
#define ORCHESTRATOR_CLI_SIM_PRIVATE_H

#include "orchestrator/cli/count.h"
#include "orchestrator/cli/sim/sim.h"
#include "orchestrator/core/orch/budgets.h"
#include "orchestrator/core/ownership/ownership.h"
#include "orchestrator/core/placement/placement.h"

#define NOBODY UINT32_MAX

struct node {
    uint32_t region, number; /* the latter from 1, within its region */
    uint32_t capacity;
    uint64_t carried; /* the truth; owners know what was reported */
    bool dead, over;  /* the former, too, before it is started */
    bool told;        /* reports would say nothing new */
};

struct room {
    uint32_t people;
    uint32_t weight, video; /* of all of them, complete; the latter is part of the former */
    uint32_t region;
    uint32_t owner;
    uint32_t shares; /* the first of its list; NOBODY */
};

/* People of a room who are to be on one node. */
struct share {
    uint32_t room, node;
    uint32_t people, held;      /* the latter without video */
    uint32_t there, there_held; /* of them, or of those who are on their way off: whom it serves */
    bool stranded;              /* it is in its owner's list */
    uint32_t next;              /* of the room; NOBODY */
};

/* At a node; or, if it refused them, its word at their orchestrator. */
struct arrival {
    uint32_t share, people, held;
    uint32_t from;     /* the share that they leave */
    bool planned;      /* it serves them until then */
    bool kept;         /* some of their room are on that node */
    uint32_t permille; /* of the node's capacity, beyond which it refuses them; 0: it does not */
    bool refused;
    uint64_t weight; /* that it would have come to */
    uint32_t next;   /* of its step; NOBODY */
};

/* A growing list of indices. */
struct list {
    uint32_t *items;
    size_t count, capacity;
};

struct death {
    uint32_t node;
    int64_t at_us;
};

/* Nodes that a fault takes, from the first on. */
struct loss {
    uint32_t first, count;
    int64_t at_us;
    bool told;
};

/* Nodes that a fault adds, from the first on. */
struct start {
    uint32_t first, count;
    int64_t at_us;
    bool over;
};

struct drain {
    uint32_t node;
    int64_t at_us;
    bool begun, over;
    int64_t moves_us[OWNERSHIP_MEMBERS_MAX]; /* as drain.c of core/orch counts them */
    int64_t wake_us[OWNERSHIP_MEMBERS_MAX];
};

struct owner {
    struct registry *registry;
    struct prng prng;
    int64_t way_us[FLEET_REGIONS_MAX];
    int64_t busy_us;      /* until then */
    struct death *deaths; /* in the order in which it hears of them, and when that is */
    size_t handled;
    struct list stranded; /* shares on dead nodes: for some of their people there is no place */
    struct list held;     /* shares with people without video */
    uint64_t refused;     /* weight that nodes refused since the last step, and none took */
    uint64_t waiting;     /* the weight of who found no place in that */
};

struct sim {
    const struct sim_config *config;
    const struct fleet_region *regions;
    struct sim_result *out;
    struct prng prng;
    struct placement_map *map;
    struct owner owners[OWNERSHIP_MEMBERS_MAX];
    uint32_t owner_count;
    struct node *nodes;
    uint32_t node_count;
    struct room *rooms;
    uint32_t room_count, room_capacity;
    struct share *shares;
    uint32_t share_count, share_capacity;
    struct arrival *arrivals;
    uint32_t arrival_count, arrival_capacity;
    uint32_t *steps; /* the first arrival of each */
    size_t step_count;
    struct loss losses[FLEET_FAULTS_MAX];
    size_t loss_count;
    struct death *deaths; /* in the order of time */
    size_t death_count, died;
    struct start starts[FLEET_FAULTS_MAX];
    size_t start_count;
    struct drain drains[FLEET_FAULTS_MAX];
    size_t drain_count;
    struct sim_flow *flows; /* a square of regions */
    int64_t base_us;        /* of the registries' time, when the run begins */
    uint64_t moved, served, without_video;
    size_t row_capacity;
    bool short_told; /* that somebody finds no place */
};

#define SIM_STEP_US TIME_MS(1)

/* ---- share.c */
#define SHARE_HELD_MAX 64 /* nodes of a room that placement is told; the others are as any node */
void share_node_id(char out[ID_MAX], uint32_t node);
void share_node_name(const struct sim *sim, char out[64], uint32_t node);
void share_sid(char out[ID_MAX], uint32_t room);
/* Of the id of a node or a room. */
uint32_t share_number(const char *id);
/* What people of a room weigh, so many of them without video. */
uint32_t share_weight(const struct room *room, uint32_t people, uint32_t held);
/* The room's share on a node; NOBODY: there is none. */
uint32_t share_find(const struct sim *sim, uint32_t room, uint32_t node);
/* The same, a new one if need be. */
uint32_t share_of(struct sim *sim, uint32_t room, uint32_t node);
/* Whom a share serves is another number now. */
void share_serve(struct sim *sim, uint32_t share, uint32_t there, uint32_t held);
/* Ids of the nodes that have some of the room; how many. */
size_t share_held(const struct sim *sim, const struct room *room, char ids[SHARE_HELD_MAX][ID_MAX],
                  const char *held[SHARE_HELD_MAX]);
void share_list_add(struct list *list, uint32_t item);

/* ---- fill.c */
/* Registries with all nodes in them, which are filled up. ERR_FULL, told. */
MUST_CHECK int fill_fleet(struct sim *sim, char error[CONFIG_ERROR_MAX]);
/* To all registries. */
void fill_add_node(const struct sim *sim, int64_t now_us, uint32_t node);
/* A node's load report, to all owners. */
void fill_report(struct sim *sim, int64_t now_us, uint32_t node);

/* ---- move.c: times are the run's own, from 0 */
struct trip {
    uint32_t share, people;
    uint32_t held; /* who are without video when they are there */
    enum placement_who who;
    uint32_t weight; /* that is asked for */
    bool planned;    /* the old node serves them until they are there */
    bool for_video;  /* only to a node that takes them all, and new rooms, too */
};
/* ERR_FULL: no node takes them. */
MUST_CHECK int move_people(struct sim *sim, struct owner *owner, int64_t now_us,
                           const struct trip *trip);
void move_arrive(struct sim *sim, int64_t now_us);
/* Off a dead node, or as many as there is place for. */
void move_off(struct sim *sim, struct owner *owner, int64_t now_us, uint32_t share);
/* For some of these people there is no place: they are tried again. */
void move_strand(struct sim *sim, struct owner *owner, uint32_t share);
/* Owners that have heard of a death by then, and have time for it. */
void move_off_the_dead(struct sim *sim, int64_t now_us);

/* ---- shortage.c: once a second */
void shortage_step(struct sim *sim, struct owner *owner, int64_t now_us);

/* ---- drain.c */
void drain_step(struct sim *sim, struct drain *drain, int64_t now_us);

/* ---- faults.c */
/* ERR_NOT_FOUND, told: the fleet has no such region or node. */
MUST_CHECK int faults_plan(struct sim *sim, char error[CONFIG_ERROR_MAX]);
void faults_step(struct sim *sim, int64_t now_us);

/* ---- sim.c */
PRINTF_LIKE(3, 4) void sim_tell(struct sim *sim, int64_t now_us, const char *format, ...);

#endif
