/* SPDX-License-Identifier: Apache-2.0
 *
 * Every room has one event ahead, its next join or its end, in a calendar of slots of TICK_US;
 * those further away than the calendar reaches are put off. Within a tick events are in no order.
 */
#include "tests/sim/placement/fleet.h"

#include "common/room_mix/room_mix.h"

#include <math.h>
#include <stdlib.h>

#define TICK_US     TIME_MS(10)
#define SLOTS       8192 /* 82 s */
#define RAMP_US     30e6 /* mean of how long after its begin somebody joins a room */
#define ABROAD      0.1  /* share of people who are not in the room's home region */
#define HINTED      0.5  /* share of rooms whose size is told */
#define STORM       10.0
#define DEMAND_SWAY 0.2 /* regions ask for 1 +- so much of their share */
#define FILL_GROUP  40  /* people of a room on one node at the begin */
#define NONE        UINT32_MAX

struct fleet {
    const struct fleet_config *config;
    const struct fleet_policy *policy;
    struct prng prng;
    int64_t now_us;
    uint32_t capacity;
    uint32_t *carried; /* by node: the truth */
    bool *over;
    struct fleet_room *rooms;
    uint32_t room_count, room_capacity;
    uint32_t free_room; /* list through next */
    uint32_t slots[SLOTS];
    double *demand; /* cumulated, by region */
    double next_room_us;
    struct fleet_result *result; /* of the phase that runs */
};

static uint16_t draw_region(struct fleet *fleet)
{
    double at = room_mix_uniform(&fleet->prng) * fleet->demand[fleet->config->regions - 1];
    uint16_t region = 0;
    while (fleet->demand[region] <= at) {
        region++;
    }
    return region;
}

/* ---- Calendar ---- */

static void schedule(struct fleet *fleet, struct fleet_room *room)
{
    int64_t at_us = MIN(room->next_us, fleet->now_us + (SLOTS - 1) * TICK_US);
    at_us = MAX(at_us, fleet->now_us + TICK_US);
    uint32_t *slot = &fleet->slots[at_us / TICK_US % SLOTS];
    room->next = *slot;
    *slot = room->index;
}

static void schedule_next(struct fleet *fleet, struct fleet_room *room)
{
    room->next_us = room->ends_us;
    uint16_t left = (uint16_t)(room->size - room->come);
    if (left > 0) {
        /* The first of so many who are yet to come. */
        int64_t join_us =
            fleet->now_us + (int64_t)room_mix_exponential(&fleet->prng, RAMP_US / left);
        room->next_us = MIN(join_us, room->ends_us);
    }
    schedule(fleet, room);
}

/* ---- Rooms ---- */

static struct fleet_room *new_room(struct fleet *fleet)
{
    if (fleet->free_room == NONE) {
        uint32_t grown = MAX(fleet->room_capacity * 3 / 2, 1024);
        fleet->rooms = mem_grow(fleet->rooms, grown, sizeof(*fleet->rooms));
        for (uint32_t i = fleet->room_capacity; i < grown; i++) {
            fleet->rooms[i] = (struct fleet_room){.index = i, .next = fleet->free_room};
            fleet->free_room = i;
        }
        fleet->room_capacity = grown;
    }
    struct fleet_room *room = &fleet->rooms[fleet->free_room];
    fleet->free_room = room->next;
    room->generation++;
    room->regions[0] = draw_region(fleet);
    room->regions[1] = draw_region(fleet);
    room->size = room_mix_size(&fleet->prng);
    room->weight = room_mix_person_weight(room->size);
    room->hinted = room_mix_uniform(&fleet->prng) < HINTED;
    room->come = 0;
    room->share_count = 0;
    room->ends_us =
        fleet->now_us + (int64_t)room_mix_exponential(&fleet->prng, (double)fleet->config->life_us);
    fleet->room_count++;
    return room;
}

static void end_room(struct fleet *fleet, struct fleet_room *room)
{
    fleet->policy->end(fleet->policy->arg, room);
    for (uint32_t i = 0; i < room->share_count; i++) {
        fleet->carried[room->shares[i].node] -= room->shares[i].weight;
    }
    room->next = fleet->free_room;
    fleet->free_room = room->index;
    fleet->room_count--;
}

static void add_share(struct fleet *fleet, struct fleet_room *room, uint32_t node, uint32_t weight)
{
    uint32_t i = 0;
    while (i < room->share_count && room->shares[i].node != node) {
        i++;
    }
    if (i == room->share_count) {
        assert(room->share_count < FLEET_SPAN_MAX);
        room->shares[room->share_count++] = (struct fleet_share){.node = node};
    }
    fleet->result->span_max = MAX(fleet->result->span_max, room->share_count);
    room->shares[i].weight += weight;
    fleet->carried[node] += weight;
}

static void join(struct fleet *fleet, struct fleet_room *room)
{
    bool abroad = room->come > 0 && room_mix_uniform(&fleet->prng) < ABROAD;
    uint32_t node =
        fleet->policy->join(fleet->policy->arg, fleet->now_us, room, room->regions[abroad ? 1 : 0]);
    room->come++;
    fleet->result->joins++;
    if (node == FLEET_REFUSED) {
        fleet->result->refused++;
        return;
    }
    add_share(fleet, room, node, room->weight);
    if (fleet->carried[node] > fleet->capacity) {
        fleet->result->overfull++;
        fleet->result->nodes_over += !fleet->over[node];
        fleet->over[node] = true;
    }
}

/* A room that nobody can make is given up: its people went away. */
static void begin_room(struct fleet *fleet)
{
    struct fleet_room *room = new_room(fleet);
    join(fleet, room);
    if (room->share_count == 0) {
        room->ends_us = fleet->now_us;
        fleet->result->joins += (uint64_t)(room->size - room->come);
        fleet->result->refused += (uint64_t)(room->size - room->come);
        room->come = room->size;
    }
    schedule_next(fleet, room);
}

static void happen(struct fleet *fleet, struct fleet_room *room)
{
    if (room->next_us > fleet->now_us) {
        schedule(fleet, room); /* was further away than the calendar reaches */
    } else if (room->ends_us <= fleet->now_us) {
        end_room(fleet, room);
    } else {
        join(fleet, room);
        schedule_next(fleet, room);
    }
}

/* ---- Time ---- */

/* The emptiest of four of the room's home region, by the truth. */
static uint32_t roomy_node(struct fleet *fleet, const struct fleet_room *room)
{
    uint32_t per_region = fleet->config->nodes / fleet->config->regions;
    uint32_t best = NONE;
    for (int i = 0; i < 4; i++) {
        uint32_t node =
            room->regions[0] * per_region + (uint32_t)prng_below(&fleet->prng, per_region);
        best = best == NONE || fleet->carried[node] < fleet->carried[best] ? node : best;
    }
    return best;
}

/* What is there when it begins: full rooms, well spread, large ones over several nodes. */
static void fill(struct fleet *fleet)
{
    for (uint32_t i = 0; i < fleet->config->rooms; i++) {
        struct fleet_room *room = new_room(fleet);
        room->come = room->size;
        for (uint32_t left = room->size; left > 0;) {
            uint32_t group = MIN(left, FILL_GROUP);
            add_share(fleet, room, roomy_node(fleet, room), group * room->weight);
            left -= group;
        }
        fleet->policy->present(fleet->policy->arg, room);
        schedule_next(fleet, room);
    }
}

static void report(struct fleet *fleet)
{
    int64_t ticks = FLEET_REPORT_US / TICK_US;
    for (int64_t node = fleet->now_us / TICK_US % ticks; node < fleet->config->nodes;
         node += ticks) {
        fleet->policy->report(fleet->policy->arg, fleet->now_us, (uint32_t)node,
                              fleet->carried[node]);
    }
}

static void measure(struct fleet *fleet)
{
    uint32_t most = 0;
    double sum = 0;
    for (uint32_t i = 0; i < fleet->config->nodes; i++) {
        most = MAX(most, fleet->carried[i]);
        sum += fleet->carried[i];
    }
    struct fleet_result *result = fleet->result;
    double mean = sum / fleet->config->nodes;
    result->use_mean = mean / fleet->capacity;
    result->use_max = MAX(result->use_max, (double)most / fleet->capacity);
    result->ratio_max = MAX(result->ratio_max, most / mean);
}

static void run_phase(struct fleet *fleet, int64_t until_us, double rate)
{
    double between_us = (double)fleet->config->life_us / fleet->config->rooms / rate;
    fleet->next_room_us = (double)fleet->now_us + room_mix_exponential(&fleet->prng, between_us);
    memset(fleet->over, 0, fleet->config->nodes * sizeof(*fleet->over));
    while (fleet->now_us < until_us) {
        fleet->now_us += TICK_US;
        report(fleet);
        uint32_t *slot = &fleet->slots[fleet->now_us / TICK_US % SLOTS];
        uint32_t index = *slot;
        *slot = NONE;
        while (index != NONE) {
            uint32_t next = fleet->rooms[index].next;
            happen(fleet, &fleet->rooms[index]);
            index = next;
        }
        while (fleet->next_room_us <= (double)fleet->now_us) {
            begin_room(fleet);
            fleet->next_room_us += room_mix_exponential(&fleet->prng, between_us);
        }
        if (fleet->now_us % TIME_S(1) == 0) {
            measure(fleet);
        }
    }
}

void fleet_run(const struct fleet_config *config, const struct fleet_policy *policy,
               struct fleet_result results[FLEET_PHASES])
{
    struct fleet *fleet = mem_alloc(sizeof(*fleet));
    *fleet =
        (struct fleet){.config = config,
                       .policy = policy,
                       .capacity = room_mix_capacity(config->rooms, config->nodes, config->use),
                       .carried = mem_array(config->nodes, sizeof(uint32_t)),
                       .over = mem_array(config->nodes, sizeof(bool)),
                       .demand = mem_array(config->regions, sizeof(double)),
                       .free_room = NONE};
    memset(results, 0, FLEET_PHASES * sizeof(*results));
    memset(fleet->slots, 0xff, sizeof(fleet->slots));
    prng_seed(&fleet->prng, config->seed);
    for (uint32_t i = 0; i < config->regions; i++) {
        double share = 1 + DEMAND_SWAY * cos(2 * M_PI * i / config->regions);
        fleet->demand[i] = share + (i == 0 ? 0 : fleet->demand[i - 1]);
    }
    fleet->result = &results[FLEET_STEADY];
    fill(fleet);
    for (int64_t i = 0; i < FLEET_REPORT_US / TICK_US; i++) { /* everybody reports once */
        fleet->now_us += TICK_US;
        report(fleet);
    }
    int64_t until_us = fleet->now_us;
    const int64_t lengths[FLEET_PHASES] = {config->steady_us, config->storm_us, config->after_us};
    for (int phase = 0; phase < FLEET_PHASES; phase++) {
        fleet->result = &results[phase];
        until_us += lengths[phase];
        run_phase(fleet, until_us, phase == FLEET_STORM ? STORM : 1);
    }
    free(fleet->carried);
    free(fleet->over);
    free(fleet->demand);
    free(fleet->rooms);
    free(fleet);
}
