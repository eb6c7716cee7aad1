/* SPDX-License-Identifier: Apache-2.0
 *
 * The simulator: production orchestrator and node cores, and clients, in one process on virtual
 * time, around a network and a store that fail as told. Everything follows from one seed.
 *
 * Whoever changes this: nothing here may read a clock, an address or anything else that differs
 * between two runs; a seed must play the same story again.
 */
#ifndef TESTS_SIM_WORLD_WORLD_H
#define TESTS_SIM_WORLD_WORLD_H

#include "tests/sim/check/check.h"
#include "tests/sim/client/client.h"
#include "tests/sim/process/node.h"
#include "tests/sim/process/orchestrator.h"
#include "tests/sim/timeline/timeline.h"

#define SIM_CLIENTS_MAX 32
#define SIM_WALL_US     (1600000000LL * 1000000) /* microseconds since 1970 when a run starts */
#define SIM_START_US    TIME_S(1000)

struct sim_config {
    uint64_t seed;
    size_t regions, orchestrators, nodes, clients, rooms;
    uint32_t capacity; /* of a node */
    bool tight;        /* not enough of it: some may not get in */
    bool brim;         /* all of it may be used, and what nobody asks place for, goes beyond it */
    bool sound;        /* nothing breaks: nobody has to resume */
    bool stops;        /* orchestrators are told to stop, one at a time, and nothing else breaks */
    bool data;         /* everybody says reliable messages, too, as often as packets */
    bool video;        /* and has a camera */
    int64_t talk_us;   /* between two packets of somebody; 0: CLIENT_TALK_US */
    bool aloud;
};

struct sim {
    struct sim_config config;
    struct prng prng; /* of whoever decides what happens next */
    struct events *events;
    struct timeline *timeline;
    struct net *net;
    struct store *store;
    struct check check;
    struct {
        bool nodes[SIM_NODES_MAX], orchestrators[SIM_ORCHESTRATORS_MAX], store, net;
    } broken;           /* now, by faults/ */
    uint32_t disturbed; /* orchestrators that something happened to in this round, by bit; all of
                           them once no node is left that they could send anybody to */
    int64_t disturbed_us[SIM_ORCHESTRATORS_MAX]; /* the first time, in this round */
    int64_t struck_us;                           /* the store, see check_struck() */
    unsigned stops;                              /* orchestrators told to, so far */
    int64_t mended_us;  /* when something that was broken was whole again last */
    bool store_doubted; /* somebody's connection to the store broke: what was said on it may be lost
                         */
    struct orchestrator orchestrators[SIM_ORCHESTRATORS_MAX];
    struct node_process nodes[SIM_NODES_MAX];
    struct client clients[SIM_CLIENTS_MAX];
};

/* Everything runs and knows each other when this returns. */
struct sim *sim_new(const struct sim_config *config);
void sim_free(struct sim *sim);

void sim_run(struct sim *sim, int64_t us);
int64_t sim_now(const struct sim *sim);

/* The node with that address or id; NULL. */
struct node_process *sim_node_at(struct sim *sim, const struct net_addr *addr);
struct node_process *sim_node(struct sim *sim, const char *id);
/* The client whose present or former peer connection has that address; NULL. */
struct client *sim_client_at(struct sim *sim, const struct net_addr *addr);

/* Who has the room, bit by bit of those that run. */
uint32_t sim_owners(const struct sim *sim, const char *room);
/* Or want to be. */
size_t sim_people_in(const struct sim *sim, const char *room);

/* Regions are named r1, r2, ... */
void sim_region_name(char out[8], size_t region);

#endif
