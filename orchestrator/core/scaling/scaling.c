/* SPDX-License-Identifier: Apache-2.0 */
#include "orchestrator/core/scaling/scaling.h"

#include <stdio.h>
#include <stdlib.h>

/* The highest value of each of the last SCALING_SLOTS slots of time. */
struct window {
    int64_t slot_us;
    int64_t newest; /* number of the slot */
    size_t count;   /* of slots, up to the newest one */
    uint64_t highest[SCALING_SLOTS];
};

struct region {
    struct scaling_region out; /* first */
    bool has_number;
    struct window carried, needs;
};

struct scaling {
    struct scaling_config config;
    struct region regions[SCALING_REGIONS_MAX];
    size_t count;
    const struct scaling_region *numbers[SCALING_REGIONS_MAX];
    size_t number_count;
};

/* ---- Windows ------------------------------------------------------------------------------- */

static struct window window_of(int64_t span_us)
{
    return (struct window){.slot_us = MAX(span_us / (SCALING_SLOTS - 1), 1)};
}

static uint64_t *slot_at(struct window *window, int64_t slot)
{
    return &window->highest[slot % SCALING_SLOTS];
}

/* What was not looked at was as before. */
static void window_add(struct window *window, int64_t now_us, uint64_t value)
{
    int64_t slot = now_us / window->slot_us;
    if (window->count == 0) {
        window->newest = slot;
        window->count = 1;
        *slot_at(window, slot) = value;
        return;
    }
    uint64_t last = *slot_at(window, window->newest);
    window->newest = MAX(window->newest, slot - SCALING_SLOTS);
    while (window->newest < slot) {
        window->newest++;
        window->count = MIN(window->count + 1, SCALING_SLOTS);
        *slot_at(window, window->newest) = window->newest == slot ? value : last;
    }
    *slot_at(window, slot) = MAX(*slot_at(window, slot), value);
}

static uint64_t window_highest(struct window *window)
{
    uint64_t highest = 0;
    for (size_t i = 0; i < window->count; i++) {
        highest = MAX(highest, *slot_at(window, window->newest - (int64_t)i));
    }
    return highest;
}

/* At its beginning. Of two slots: what a node carried that died is nowhere until its people are
 * elsewhere, a few seconds, and that they come back is no growth. */
static uint64_t window_oldest(struct window *window)
{
    int64_t oldest = window->newest - (int64_t)window->count + 1;
    uint64_t value = *slot_at(window, oldest);
    return window->count > 2 ? MAX(value, *slot_at(window, oldest + 1)) : value;
}

/* ---- Regions ------------------------------------------------------------------------------- */

struct scaling *scaling_new(const struct scaling_config *config)
{
    assert(config->target_permille > 0 && config->target_permille <= 1000);
    assert(config->node_start_us > 0 && config->scale_in_after_us > 0);
    assert(config->nodes_min <= config->nodes_max);
    struct scaling *scaling = mem_alloc(sizeof(*scaling));
    scaling->config = *config;
    return scaling;
}

void scaling_free(struct scaling *scaling)
{
    free(scaling);
}

const struct scaling_config *scaling_config(const struct scaling *scaling)
{
    return &scaling->config;
}

static struct region *region_named(struct scaling *scaling, const char *name)
{
    for (size_t i = 0; i < scaling->count; i++) {
        if (strcmp(scaling->regions[i].out.region, name) == 0) {
            return &scaling->regions[i];
        }
    }
    if (scaling->count == SCALING_REGIONS_MAX) {
        return NULL;
    }
    struct region *region = &scaling->regions[scaling->count++];
    int len = snprintf(region->out.region, sizeof(region->out.region), "%s", name);
    assert((size_t)len < sizeof(region->out.region));
    region->carried = window_of(scaling->config.node_start_us);
    region->needs = window_of(scaling->config.scale_in_after_us);
    return region;
}

static void take_in(struct region *region, int64_t now_us, const struct scaling_input *input)
{
    struct scaling_region *out = &region->out;
    out->node_weight = input->node_weight > 0 ? input->node_weight : out->node_weight;
    out->events = input->events;
    out->timetable = input->timetable;
    out->reason = input->whole ? SCALING_DEMAND : SCALING_HELD;
    /* What is not reported is not gone. */
    out->carried = input->whole ? input->carried : MAX(input->carried, out->carried);
    window_add(&region->carried, now_us, out->carried);
    uint64_t before = window_oldest(&region->carried);
    out->growth = out->carried - MIN(out->carried, before);
    region->has_number |= out->node_weight > 0;
}

static uint64_t demand_of(const struct region *region)
{
    return region->out.carried + region->out.growth + region->out.events;
}

static void spare(struct scaling *scaling, struct region *const *with, size_t count)
{
    uint64_t least[SCALING_REGIONS_MAX], spread[SCALING_REGIONS_MAX], load = 0;
    for (size_t i = 0; i < count; i++) {
        least[i] = demand_of(with[i]);
        load += least[i];
    }
    if (count == 0 || !scaling->config.survive_region_loss) {
        return;
    }
    scaling_spread(least, count, load, spread);
    for (size_t i = 0; i < count; i++) {
        with[i]->out.spare = spread[i] - least[i];
    }
}

/* ---- The number ---------------------------------------------------------------------------- */

static uint64_t nodes_for(const struct scaling *scaling, const struct region *region,
                          uint64_t weight)
{
    uint64_t each = MAX(region->out.node_weight * scaling->config.target_permille / 1000, 1);
    return (weight + each - 1) / each;
}

static uint32_t need_of(const struct scaling *scaling, const struct region *region,
                        enum scaling_reason *why)
{
    const struct scaling_config *config = &scaling->config;
    uint64_t own = nodes_for(scaling, region, demand_of(region));
    uint64_t need = nodes_for(scaling, region, demand_of(region) + region->out.spare);
    *why = need > own ? SCALING_REGION_LOSS : SCALING_DEMAND;
    if (need < region->out.timetable) {
        need = region->out.timetable;
        *why = SCALING_TIMETABLE;
    }
    if (need < config->nodes_min) {
        need = config->nodes_min;
        *why = SCALING_NODES_MIN;
    }
    if (need > config->nodes_max) {
        need = config->nodes_max;
        *why = SCALING_NODES_MAX;
    }
    return (uint32_t)need;
}

/* A number that has to be held is needed anew: it is held for scale_in_after_us from now. */
static void decide(const struct scaling *scaling, struct region *region, int64_t now_us)
{
    struct scaling_region *out = &region->out;
    bool held = out->reason == SCALING_HELD;
    enum scaling_reason why;
    out->need = need_of(scaling, region, &why);
    window_add(&region->needs, now_us, held ? MAX(out->need, out->wanted) : out->need);
    uint32_t before = out->wanted;
    out->wanted = (uint32_t)window_highest(&region->needs);
    out->changed = out->wanted != before;
    out->reason = held && out->wanted <= before ? SCALING_HELD
                  : out->wanted == out->need    ? why
                                                : SCALING_WAITS;
}

void scaling_look(struct scaling *scaling, int64_t now_us, const struct scaling_input *inputs,
                  size_t count)
{
    struct region *with[SCALING_REGIONS_MAX];
    for (size_t i = 0; i < scaling->count; i++) {
        scaling->regions[i].out.reason = SCALING_HELD; /* unless there is an input */
        scaling->regions[i].out.spare = 0;
    }
    for (size_t i = 0; i < count; i++) {
        struct region *region = region_named(scaling, inputs[i].region);
        if (region != NULL) {
            take_in(region, now_us, &inputs[i]);
        }
    }
    scaling->number_count = 0;
    for (size_t i = 0; i < scaling->count; i++) {
        if (scaling->regions[i].has_number) {
            scaling->numbers[scaling->number_count] = &scaling->regions[i].out;
            with[scaling->number_count++] = &scaling->regions[i];
        }
    }
    spare(scaling, with, scaling->number_count);
    for (size_t i = 0; i < scaling->number_count; i++) {
        decide(scaling, with[i], now_us);
    }
}

size_t scaling_count(const struct scaling *scaling)
{
    return scaling->number_count;
}

const struct scaling_region *scaling_at(const struct scaling *scaling, size_t index)
{
    assert(index < scaling->number_count);
    return scaling->numbers[index];
}

const char *scaling_reason_name(enum scaling_reason reason)
{
    static const char *const names[] = {[SCALING_DEMAND] = "demand",
                                        [SCALING_REGION_LOSS] = "region_loss",
                                        [SCALING_TIMETABLE] = "timetable",
                                        [SCALING_NODES_MIN] = "nodes_min",
                                        [SCALING_NODES_MAX] = "nodes_max",
                                        [SCALING_WAITS] = "scale_in_after",
                                        [SCALING_HELD] = "held"};
    return names[reason];
}
