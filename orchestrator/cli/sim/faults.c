/* SPDX-License-Identifier: Apache-2.0
 *
 * What befalls a fleet: found in it beforehand, and done when its time has come.
 */
#include "orchestrator/cli/sim/private.h"

#include <stdio.h>
#include <stdlib.h>

#define DEATHS_US TIME_MS(100) /* that the nodes of a region die in */

/* ---- Beforehand ---------------------------------------------------------------------------- */

static uint32_t find_node(const struct sim *sim, const char *wanted)
{
    uint32_t node = 0;
    char name[64];
    for (; node < sim->node_count; node++) {
        share_node_name(sim, name, node);
        if (strcmp(name, wanted) == 0) {
            break;
        }
    }
    return node;
}

static int by_time(const void *left, const void *right)
{
    const struct death *a = left, *b = right;
    if (a->at_us != b->at_us) {
        return a->at_us < b->at_us ? -1 : 1;
    }
    return (a->node > b->node) - (a->node < b->node);
}

/* Each node dies once. A region's nodes do not die at the same time. */
static void add_loss(struct sim *sim, const struct loss *loss)
{
    int64_t spread_us = loss->count > 1 ? DEATHS_US : 1;
    sim->losses[sim->loss_count++] = *loss;
    sim->out->first_us = MIN(sim->out->first_us, loss->at_us);
    for (uint32_t node = loss->first; node < loss->first + loss->count; node++) {
        int64_t at_us = loss->at_us + (int64_t)prng_below(&sim->prng, (uint64_t)spread_us);
        size_t i = 0;
        while (i < sim->death_count && sim->deaths[i].node != node) {
            i++;
        }
        if (i == sim->death_count) {
            sim->deaths[sim->death_count++] = (struct death){node, at_us};
        }
        sim->deaths[i].at_us = MIN(sim->deaths[i].at_us, at_us);
    }
}

/* Its index, or how many there are. */
static size_t find_region(const struct sim *sim, const char *name)
{
    size_t i = 0;
    while (i < sim->out->region_count && strcmp(sim->regions[i].name, name) != 0) {
        i++;
    }
    return i;
}

/* ERR_NOT_FOUND: there is no such region. */
MUST_CHECK static int plan_region(struct sim *sim, const struct fleet_fault *fault)
{
    size_t region = find_region(sim, fault->region);
    uint32_t first = 0;
    if (region == sim->out->region_count) {
        return ERR_NOT_FOUND;
    }
    while (sim->nodes[first].region != region) {
        first++;
    }
    uint32_t nodes = (uint32_t)sim->regions[region].nodes;
    add_loss(sim, &(struct loss){.first = first,
                                 .count = (nodes * (uint32_t)fault->share + 99) / 100,
                                 .at_us = fault->at_us});
    return 0;
}

/* They are there from now on, as if they were dead. */
MUST_CHECK static int plan_start(struct sim *sim, const struct fleet_fault *fault)
{
    size_t region = find_region(sim, fault->start);
    uint32_t count = (uint32_t)fault->nodes, number = 0;
    if (region == sim->out->region_count) {
        return ERR_NOT_FOUND;
    }
    for (uint32_t i = 0; i < sim->node_count; i++) {
        number += sim->nodes[i].region == region;
    }
    sim->starts[sim->start_count++] =
        (struct start){.first = sim->node_count, .count = count, .at_us = fault->at_us};
    sim->nodes = mem_grow(sim->nodes, sim->node_count + count, sizeof(*sim->nodes));
    while (count-- > 0) {
        sim->nodes[sim->node_count++] =
            (struct node){.region = (uint32_t)region,
                          .number = ++number,
                          .capacity = (uint32_t)sim->regions[region].capacity,
                          .dead = true};
    }
    return 0;
}

/* Of the nodes that there are in the beginning. */
MUST_CHECK static int plan_fault(struct sim *sim, const struct fleet_fault *fault)
{
    if (fault->start[0] != '\0') {
        return plan_start(sim, fault);
    }
    if (fault->region[0] != '\0') {
        return plan_region(sim, fault);
    }
    bool drained = fault->drain[0] != '\0';
    uint32_t node = find_node(sim, drained ? fault->drain : fault->node);
    if (node >= sim->out->nodes) {
        return ERR_NOT_FOUND;
    }
    if (drained) {
        sim->drains[sim->drain_count++] = (struct drain){.node = node, .at_us = fault->at_us};
    } else {
        add_loss(sim, &(struct loss){.first = node, .count = 1, .at_us = fault->at_us});
    }
    return 0;
}

static const char *what_of(const struct fleet_fault *fault)
{
    const char *names[] = {fault->region, fault->start, fault->node, fault->drain};
    size_t i = 0;
    while (names[i][0] == '\0') {
        i++;
    }
    return names[i];
}

int faults_plan(struct sim *sim, char error[CONFIG_ERROR_MAX])
{
    const struct sim_config *config = sim->config;
    sim->deaths = mem_array(sim->node_count, sizeof(*sim->deaths));
    for (size_t i = 0; i < config->fault_count; i++) {
        const struct fleet_fault *fault = &config->faults[i];
        if (plan_fault(sim, fault) != 0) {
            bool node = fault->node[0] != '\0' || fault->drain[0] != '\0';
            snprintf(error, CONFIG_ERROR_MAX, "the fleet has no %s %s", node ? "node" : "region",
                     what_of(fault));
            return ERR_NOT_FOUND;
        }
    }
    qsort(sim->deaths, sim->death_count, sizeof(*sim->deaths), by_time);
    for (uint32_t i = 0; i < sim->owner_count; i++) {
        struct owner *owner = &sim->owners[i];
        owner->deaths = mem_array(sim->death_count, sizeof(*owner->deaths));
        for (size_t j = 0; j < sim->death_count; j++) {
            struct death death = sim->deaths[j];
            death.at_us += owner->way_us[sim->nodes[death.node].region];
            owner->deaths[j] = death;
        }
        qsort(owner->deaths, sim->death_count, sizeof(*owner->deaths), by_time);
    }
    return 0;
}

/* ---- In its time --------------------------------------------------------------------------- */

static void tell_loss(struct sim *sim, int64_t now_us, struct loss *loss)
{
    char name[64];
    unsigned long long people = 0;
    for (uint32_t i = 0; i < sim->share_count; i++) {
        uint32_t node = sim->shares[i].node;
        bool hit = node >= loss->first && node < loss->first + loss->count;
        people += hit ? sim->shares[i].there : 0;
    }
    const struct sim_region *region = &sim->out->regions[sim->nodes[loss->first].region];
    share_node_name(sim, name, loss->first);
    if (loss->count == 1) {
        sim_tell(sim, now_us, "%s is lost: %s", name, COUNT_PEOPLE(people));
    } else {
        sim_tell(sim, now_us, "%s loses %u of its %llu nodes: %s", region->name, loss->count,
                 (unsigned long long)region->nodes, COUNT_PEOPLE(people));
    }
    sim->out->affected += people;
    loss->told = true;
}

/* Whom it serves is served no more. */
static void kill_node(struct sim *sim, uint32_t node)
{
    sim->nodes[node].dead = true;
    sim->out->regions[sim->nodes[node].region].nodes_lost++;
    for (uint32_t i = 0; i < sim->share_count; i++) {
        if (sim->shares[i].node == node && sim->shares[i].there > 0) {
            share_serve(sim, i, 0, 0);
        }
    }
}

static void die(struct sim *sim, int64_t now_us)
{
    for (size_t i = 0; i < sim->loss_count; i++) {
        if (!sim->losses[i].told && sim->losses[i].at_us <= now_us) {
            tell_loss(sim, now_us, &sim->losses[i]);
        }
    }
    while (sim->died < sim->death_count && sim->deaths[sim->died].at_us <= now_us) {
        kill_node(sim, sim->deaths[sim->died++].node);
    }
}

static void start(struct sim *sim, int64_t now_us)
{
    for (size_t i = 0; i < sim->start_count; i++) {
        struct start *start = &sim->starts[i];
        if (start->over || start->at_us > now_us) {
            continue;
        }
        start->over = true;
        for (uint32_t node = start->first; node < start->first + start->count; node++) {
            sim->nodes[node].dead = false;
            fill_add_node(sim, now_us, node);
        }
        sim_tell(sim, now_us, "nodes that start in %s: %u",
                 sim->regions[sim->nodes[start->first].region].name, start->count);
    }
}

void faults_step(struct sim *sim, int64_t now_us)
{
    die(sim, now_us);
    start(sim, now_us);
    for (size_t i = 0; i < sim->drain_count; i++) {
        drain_step(sim, &sim->drains[i], now_us);
    }
}
