/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/sim/world/world.h"

#include <stdio.h>
#include <stdlib.h>

#define SETTLE_US TIME_S(2) /* for everything to find each other */

void sim_region_name(char out[8], size_t region)
{
    snprintf(out, 8, "r%u", (unsigned)region % 100 + 1);
}

int64_t sim_now(const struct sim *sim)
{
    return events_now(sim->events);
}

void sim_run(struct sim *sim, int64_t us)
{
    events_run(sim->events, sim_now(sim) + us);
}

struct node_process *sim_node_at(struct sim *sim, const struct net_addr *addr)
{
    size_t i = (size_t)addr->ip[3] - 1;
    return addr->ip[0] == 10 && i < sim->config.nodes ? &sim->nodes[i] : NULL;
}

struct node_process *sim_node(struct sim *sim, const char *id)
{
    for (size_t i = 0; i < sim->config.nodes; i++) {
        if (sim->nodes[i].alive && strcmp(sim->nodes[i].id, id) == 0) {
            return &sim->nodes[i];
        }
    }
    return NULL;
}

struct client *sim_client_at(struct sim *sim, const struct net_addr *addr)
{
    size_t i = (size_t)addr->ip[3] - 1;
    return addr->ip[0] == 192 && i < sim->config.clients ? &sim->clients[i] : NULL;
}

uint32_t sim_owners(const struct sim *sim, const char *room)
{
    uint32_t owners = 0;
    for (size_t i = 0; i < sim->config.orchestrators; i++) {
        const struct orchestrator *o = &sim->orchestrators[i];
        owners |= (uint32_t)(o->alive && orch_has_room(o->orch, room)) << i;
    }
    return owners;
}

size_t sim_people_in(const struct sim *sim, const char *room)
{
    size_t people = 0;
    for (size_t i = 0; i < sim->config.clients; i++) {
        const struct client *c = &sim->clients[i];
        people += c->state != CLIENT_AWAY && strcmp(c->room, room) == 0;
    }
    return people;
}

static void init_hosts(struct sim *sim)
{
    const struct sim_config *config = &sim->config;
    assert(config->orchestrators <= SIM_ORCHESTRATORS_MAX && config->nodes <= SIM_NODES_MAX &&
           config->clients <= SIM_CLIENTS_MAX);
    for (size_t i = 0; i < config->orchestrators; i++) {
        orchestrator_init(&sim->orchestrators[i], sim, i);
    }
    for (size_t i = 0; i < config->nodes; i++) {
        node_process_init(&sim->nodes[i], sim, i);
    }
    for (size_t i = 0; i < config->clients; i++) {
        client_init(&sim->clients[i], sim, i);
    }
}

struct sim *sim_new(const struct sim_config *config)
{
    struct sim *sim = mem_alloc(sizeof(*sim));
    sim->config = *config;
    sim->config.talk_us = config->talk_us == 0 ? CLIENT_TALK_US : config->talk_us;
    prng_seed(&sim->prng, config->seed);
    sim->events = events_new(SIM_START_US);
    sim->timeline = timeline_new(sim->events, config->aloud);
    sim->net = net_new(sim->events, prng_next(&sim->prng));
    sim->store = store_new(sim->events, sim->net, 0, prng_next(&sim->prng));
    init_hosts(sim);
    for (size_t i = 0; i < config->orchestrators; i++) {
        orchestrator_start(&sim->orchestrators[i]);
    }
    for (size_t i = 0; i < config->nodes; i++) {
        node_process_start(&sim->nodes[i]);
    }
    sim_run(sim, SETTLE_US);
    sim->check.traffic = (struct traffic){0};
    return sim;
}

void sim_free(struct sim *sim)
{
    for (size_t i = 0; i < sim->config.clients; i++) {
        client_fini(&sim->clients[i]);
    }
    for (size_t i = 0; i < sim->config.nodes; i++) {
        node_process_fini(&sim->nodes[i]);
    }
    for (size_t i = 0; i < sim->config.orchestrators; i++) {
        orchestrator_fini(&sim->orchestrators[i]);
    }
    check_fini(&sim->check);
    store_free(sim->store);
    net_free(sim->net);
    timeline_free(sim->timeline);
    events_free(sim->events);
    free(sim);
}
