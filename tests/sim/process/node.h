/* SPDX-License-Identifier: Apache-2.0
 *
 * A media node's process: the production core, its links to every orchestrator, and its sockets.
 */
#ifndef TESTS_SIM_PROCESS_NODE_H
#define TESTS_SIM_PROCESS_NODE_H

#include "media-node/core/node/node.h"
#include "tests/sim/process/orchestrator.h"

#define SIM_NODE_PORTS 4
#define SIM_PORT       7882 /* the first of them */

struct node_link {
    struct node_process *node;
    size_t index; /* of the orchestrator, and of the link */
    struct net_link *link;
    bool up; /* as the core knows it */
};

struct node_process {
    struct sim *sim;
    size_t index, host;
    char region[8], name[8];
    uint32_t capacity;
    bool alive;
    unsigned life;
    char id[ID_MAX];
    struct timeline_log log;
    struct prng prng;
    struct node *core;
    int64_t wake_us;
    struct node_link links[SIM_ORCHESTRATORS_MAX];
    struct net_addr addr; /* of all its sockets, port 0 */
    uint32_t weight;      /* as it said last */
    uint64_t said;        /* a hash of its last control message */
    int64_t back_us;      /* when it hung last, or was cut off, until then; 0 never */
};

void node_process_init(struct node_process *n, struct sim *sim, size_t index);
void node_process_fini(struct node_process *n);
void node_process_start(struct node_process *n);
void node_process_crash(struct node_process *n);
void node_process_drain(struct node_process *n); /* SIGTERM */

/* Carries out what the core wants; after every input. */
void node_process_pump(struct node_process *n);

/* net_fn; arg is the node. A datagram for one of its sockets: number is that socket's index, and
 * its sender follows from (remote << 16 | port), see node_process_number(). */
void node_process_datagram(void *arg, uint64_t number, struct bytes data);
uint64_t node_process_number(const struct net_addr *from, uint16_t port);
/* A TunnelFrame; number is the orchestrator's index. */
void node_process_tunnel(void *arg, uint64_t number, struct bytes frame);

#endif
