/* SPDX-License-Identifier: Apache-2.0
 *
 * The run: in steps of a millisecond what arrives, reports, deaths, drains, and once a second
 * whatever is short; and what is seen of it.
 */
#include "orchestrator/cli/sim/sim.h"

#include "orchestrator/cli/sim/private.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#define BEAT_US TIME_MS(250)

/* ---- What is seen -------------------------------------------------------------------------- */

static uint64_t waiting(const struct sim *sim)
{
    return sim->out->people > sim->served ? sim->out->people - sim->served : 0;
}

static double use_of(const struct node *node)
{
    return (double)node->carried / node->capacity;
}

static struct sim_row *add_row(struct sim *sim, int64_t now_us)
{
    struct sim_result *out = sim->out;
    uint32_t fullest = NOBODY;
    uint64_t carried = 0, capacity = 0;
    for (uint32_t i = 0; i < sim->node_count; i++) {
        const struct node *node = &sim->nodes[i];
        if (!node->dead) {
            carried += node->carried;
            capacity += node->capacity;
            fullest =
                fullest == NOBODY || use_of(node) > use_of(&sim->nodes[fullest]) ? i : fullest;
        }
    }
    if (out->row_count == sim->row_capacity) {
        sim->row_capacity = MAX(2 * sim->row_capacity, SIM_SAMPLES_MAX + 64);
        out->rows = mem_grow(out->rows, sim->row_capacity, sizeof(*out->rows));
    }
    struct sim_row *row = &out->rows[out->row_count++];
    *row = (struct sim_row){.at_us = now_us,
                            .moved = sim->moved,
                            .waiting = waiting(sim),
                            .without_video = sim->without_video};
    if (fullest != NOBODY) {
        row->use_mean = (double)carried / (double)capacity;
        row->use_max = use_of(&sim->nodes[fullest]);
        share_node_name(sim, row->fullest, fullest);
    }
    return row;
}

void sim_tell(struct sim *sim, int64_t now_us, const char *format, ...)
{
    va_list args;
    struct sim_row *row = add_row(sim, now_us);
    va_start(args, format);
    vsnprintf(row->event, sizeof(row->event), format, args);
    va_end(args);
}

/* Since when all is well, of people and of video. */
static void watch(struct sim *sim, int64_t now_us)
{
    struct sim_result *out = sim->out;
    bool served = waiting(sim) == 0;
    bool seen = sim->without_video == 0 && served;
    if (served && out->healed_us == TIME_NEVER) {
        out->healed_us = now_us;
        sim_tell(sim, now_us, "everybody has a node");
    } else if (!served && out->healed_us != TIME_NEVER) {
        out->healed_us = TIME_NEVER;
    }
    if (seen && out->video_us == TIME_NEVER) {
        out->video_us = now_us;
        if (now_us > out->healed_us) {
            sim_tell(sim, now_us, "everybody has video");
        }
    } else if (!seen) {
        out->video_us = TIME_NEVER;
    }
}

/* ---- The run ------------------------------------------------------------------------------- */

/* A quarter of a second's nodes, in turn. */
static void beat(struct sim *sim, int64_t now_us)
{
    int64_t steps = BEAT_US / SIM_STEP_US, turn = now_us / SIM_STEP_US % steps;
    for (int64_t node = turn; node < sim->node_count; node += steps) {
        if (!sim->nodes[node].dead && !sim->nodes[node].told) {
            fill_report(sim, now_us, (uint32_t)node);
        }
    }
    for (uint32_t i = 0; turn == 0 && i < sim->owner_count; i++) {
        registry_expire(sim->owners[i].registry, sim->base_us + now_us);
    }
}

static void run(struct sim *sim)
{
    int64_t end_us = TIME_S(sim->config->seconds);
    int64_t sample_us = MAX(TIME_MS(100), end_us / SIM_SAMPLES_MAX);
    for (int64_t now_us = 0; now_us <= end_us; now_us += SIM_STEP_US) {
        faults_step(sim, now_us);
        move_arrive(sim, now_us);
        beat(sim, now_us);
        move_off_the_dead(sim, now_us);
        for (uint32_t i = 0; now_us % BUDGETS_SHORT_STEP_US == 0 && i < sim->owner_count; i++) {
            shortage_step(sim, &sim->owners[i], now_us);
        }
        watch(sim, now_us);
        if (now_us % sample_us == 0) {
            (void)add_row(sim, now_us);
        }
    }
}

static void summarize_regions(struct sim *sim, bool before)
{
    struct sim_result *out = sim->out;
    for (size_t i = 0; i < out->region_count; i++) {
        struct sim_region *region = &out->regions[i];
        uint64_t carried = 0, capacity = 0;
        for (uint32_t node = 0; node < sim->node_count; node++) {
            if (sim->nodes[node].region == i && !sim->nodes[node].dead) {
                carried += sim->nodes[node].carried;
                capacity += sim->nodes[node].capacity;
            }
        }
        double use = capacity == 0 ? 0 : (double)carried / (double)capacity;
        *(before ? &region->use_before : &region->use_after) = use;
    }
    for (uint32_t i = 0; i < sim->share_count; i++) {
        struct sim_region *region = &out->regions[sim->nodes[sim->shares[i].node].region];
        *(before ? &region->people_before : &region->people_after) += sim->shares[i].there;
    }
}

static void summarize(struct sim *sim)
{
    struct sim_result *out = sim->out;
    summarize_regions(sim, false);
    out->waiting = waiting(sim);
    out->without_video = sim->without_video;
    for (uint32_t node = 0; node < sim->node_count; node++) {
        out->nodes_over += sim->nodes[node].over;
    }
    size_t regions = out->region_count;
    out->flows = mem_array(regions * regions, sizeof(*out->flows));
    for (size_t i = 0; i < regions * regions; i++) {
        if (sim->flows[i].people > 0) {
            struct sim_flow *flow = &out->flows[out->flow_count++];
            *flow = sim->flows[i];
            flow->from = i / regions;
            flow->to = i % regions;
            flow->distance_ms = placement_map_ms(sim->map, sim->regions[flow->from].name,
                                                 sim->regions[flow->to].name);
        }
    }
}

/* ---- Life ---------------------------------------------------------------------------------- */

static struct sim *sim_new(const struct sim_config *config, struct sim_result *out)
{
    struct sim *sim = mem_alloc(sizeof(*sim));
    size_t regions = config->fleet->regions.count;
    sim->config = config;
    sim->regions = config->fleet->regions.items;
    sim->owner_count = (uint32_t)config->fleet->orchestrators;
    sim->out = out;
    prng_seed(&sim->prng, config->seed);
    sim->flows = mem_array(regions * regions, sizeof(*sim->flows));
    sim->step_count = (size_t)(TIME_S(config->seconds) / SIM_STEP_US) + 1;
    sim->steps = mem_array(sim->step_count, sizeof(*sim->steps));
    memset(sim->steps, 0xff, sim->step_count * sizeof(*sim->steps));
    for (size_t i = 0; i < regions; i++) {
        out->regions[i].name = sim->regions[i].name;
        out->regions[i].nodes = (uint64_t)sim->regions[i].nodes;
    }
    out->region_count = regions;
    return sim;
}

static void sim_free(struct sim *sim)
{
    for (uint32_t i = 0; i < sim->owner_count; i++) {
        struct owner *owner = &sim->owners[i];
        if (owner->registry != NULL) {
            registry_free(owner->registry);
        }
        free(owner->deaths);
        free(owner->stranded.items);
        free(owner->held.items);
    }
    if (sim->map != NULL) {
        placement_map_free(sim->map);
    }
    free(sim->nodes);
    free(sim->rooms);
    free(sim->shares);
    free(sim->arrivals);
    free(sim->steps);
    free(sim->deaths);
    free(sim->flows);
    free(sim);
}

int sim_run(const struct sim_config *config, struct sim_result *out, char error[CONFIG_ERROR_MAX])
{
    assert(config->seconds > 0 && config->seconds <= SIM_SECONDS_MAX);
    assert(config->fault_count <= FLEET_FAULTS_MAX);
    struct sim_result result = {
        .seed = config->seed, .first_us = TIME_NEVER, .healed_us = 0, .video_us = 0};
    struct sim *sim = sim_new(config, &result);
    int err = fill_fleet(sim, error);
    result.nodes = sim->node_count;
    if (err == 0) {
        err = faults_plan(sim, error);
    }
    if (err == 0) {
        result.rooms = sim->room_count;
        summarize_regions(sim, true);
        run(sim);
        summarize(sim);
        *out = result;
    }
    sim_free(sim);
    return err;
}

void sim_result_free(struct sim_result *result)
{
    free(result->rows);
    free(result->flows);
}
