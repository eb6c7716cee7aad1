/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/sim/schedule/schedule.h"

#include "tests/sim/schedule/operator.h"

#include <stdio.h>

#define ROUND_STEPS 22
#define STEP_US     TIME_MS(600) /* between two people, on average half of it */
/* People of one, where it is tight: a larger one outgrows what it was let in with, for nobody asks
 * for place for what its people watch on other nodes (docs/STATUS.md, known gaps). */
#define TIGHT_ROOM 4

#define CLASS(label, first_kind, last_kind, at_once)                                               \
    .name = label, .first = FAULT_##first_kind, .last = FAULT_##last_kind, .faults = at_once

static const struct schedule_class classes[] = {
    {CLASS("calm", KINDS, KINDS, 0)},
    {CLASS("node", NODE_CRASH, NODE_DRAIN, 1)},
    {CLASS("nodes", NODE_CRASH, LOSS, 2)},
    {CLASS("drains", NODE_DRAIN, LOSS, 3)},
    {CLASS("tight", NODE_CRASH, LOSS, 1), .tight = true},
    {CLASS("operator", KINDS, KINDS, 0), .operated = true},
    {CLASS("orchestrator", ORCHESTRATOR_CRASH, ORCHESTRATOR_CUT, 1)},
    {CLASS("orchestrators", ORCHESTRATOR_CRASH, ORCHESTRATOR_CUT, 2)},
    {CLASS("store", STORE_HANG, STORE_EMPTY, 1)},
    {CLASS("region", REGION_PARTED, REGION_LOST, 1)},
    {CLASS("any", NODE_CRASH, REGION_LOST, 2)},
    {CLASS("all", KINDS, KINDS, 0)}, /* each seed is of another one of those above */
    {CLASS("unreached", NODE_UNREACHED, NODE_UNREACHED, 1)},
};

const struct schedule_class *schedule_class(const char *name)
{
    for (size_t i = 0; i < ARRAY_LEN(classes); i++) {
        if (strcmp(classes[i].name, name) == 0) {
            return &classes[i];
        }
    }
    return NULL;
}

/* What a seed decides before anything happens. */
struct story {
    const struct schedule_class *class;
    struct sim_config config;
    size_t rounds;
    bool vanishing; /* people vanish, which costs the time until that is noticed */
    bool operated;
};

/* Small casts and short stories more often than large and long ones: what breaks in these mostly
 * breaks in those, of which many more can be played. */
static struct story story_of(const struct schedule_class *class, uint64_t seed)
{
    struct prng prng;
    struct story story = {.class = class, .rounds = 1};
    if (strcmp(class->name, "all") == 0) {
        story.class = &classes[seed % (size_t)(class - classes)];
    }
    prng_seed(&prng, ~seed);
    bool large = prng_below(&prng, 8) == 0;
    story.config = (struct sim_config){.seed = seed,
                                       .regions = 2,
                                       .orchestrators = 2 + prng_below(&prng, 2),
                                       .nodes = 2 + prng_below(&prng, 4),
                                       .clients = (large ? 8 : 4) + prng_below(&prng, 5),
                                       .rooms = 1 + prng_below(&prng, 3),
                                       .capacity = 1000,
                                       .sound = story.class->faults == 0,
                                       .talk_us = TIME_MS(400)};
    if (story.class->tight) {
        story.config.tight = true;
        story.config.nodes = 2 + prng_below(&prng, 2);
        story.config.clients = 10 + prng_below(&prng, 7);
        story.config.rooms = 5 + prng_below(&prng, 4);
        story.config.capacity = 40 + (uint32_t)prng_below(&prng, 40);
    }
    story.vanishing = prng_below(&prng, 3) == 0;
    /* Who moves a room by hand is not asked whether it has place there; and who cordons all nodes
     * but one that clients do not reach leaves them none. */
    bool may_be_operated = prng_below(&prng, 4) == 0 && !story.class->tight &&
                           story.class->first != FAULT_NODE_UNREACHED;
    story.operated = story.class->operated || may_be_operated;
    while (story.rounds < SCHEDULE_ROUNDS && prng_below(&prng, 2) == 0) {
        story.rounds++;
    }
    return story;
}

/* ---- People -------------------------------------------------------------------------------- */

/* Most are somewhere at any time. */
static void somebody_acts(struct sim *sim, bool vanishing)
{
    char room[16];
    struct client *c = &sim->clients[prng_below(&sim->prng, sim->config.clients)];
    uint64_t how = prng_below(&sim->prng, 6);
    snprintf(room, sizeof(room), "room%u", (unsigned)prng_below(&sim->prng, sim->config.rooms));
    if (c->state == CLIENT_AWAY) {
        if (!sim->config.tight || sim_people_in(sim, room) < TIGHT_ROOM) {
            client_join(c, room);
        }
    } else if (how == 0 && vanishing) {
        client_vanish(c);
    } else if (how <= 2) {
        client_leave(c);
    }
}

static void everybody_leaves(struct sim *sim)
{
    for (size_t i = 0; i < sim->config.clients; i++) {
        if (sim->clients[i].state != CLIENT_AWAY) {
            client_leave(&sim->clients[i]);
        }
    }
}

/* ---- Rounds -------------------------------------------------------------------------------- */

static bool is_whole(const struct sim *sim)
{
    bool broken = sim->broken.store || sim->broken.net;
    for (size_t i = 0; i < SIM_NODES_MAX; i++) {
        broken |= sim->broken.nodes[i];
    }
    for (size_t i = 0; i < SIM_ORCHESTRATORS_MAX; i++) {
        broken |= sim->broken.orchestrators[i];
    }
    return !broken;
}

/* Until it finds nothing wrong, with a second's patience. */
static void becomes(struct sim *sim, void (*check)(const struct sim *sim, char *out),
                    int64_t within_us)
{
    char why[CHECK_TEXT_MAX];
    for (int64_t waited_us = 0;; waited_us += TIME_S(1)) {
        check(sim, why);
        if (why[0] == '\0') {
            return;
        }
        if (waited_us >= within_us) {
            check_fail(sim, "%s, %d s after the last fault", why, (int)(within_us / TIME_S(1)));
        }
        sim_run(sim, TIME_S(1));
    }
}

static void play_round(struct sim *sim, const struct story *story)
{
    const struct schedule_class *class = story->class;
    size_t faults = class->faults == 0 ? 0 : 1 + prng_below(&sim->prng, class->faults);
    size_t at = ROUND_STEPS / 2 + prng_below(&sim->prng, 4);
    for (size_t i = 0; i < ROUND_STEPS; i++) {
        somebody_acts(sim, story->vanishing);
        if (story->operated && prng_below(&sim->prng, 4) == 0) {
            operator_acts(sim);
        }
        sim_run(sim, (int64_t)prng_below(&sim->prng, STEP_US));
        for (; i >= at && faults > 0; faults--, at += prng_below(&sim->prng, 6)) {
            struct fault fault = fault_random(sim, class->first, class->last);
            fault_happens(sim, &fault);
        }
    }
    while (!is_whole(sim)) {
        sim_run(sim, TIME_MS(100));
    }
    if (story->operated) {
        operator_is_done(sim);
    }
    timeline_tell(sim->timeline, "all", "whole again");
    becomes(sim, check_meetings, SCHEDULE_WELL_US);
    timeline_tell(sim->timeline, "all", "well");
    check_round_over(sim);
}

uint64_t schedule_play(const struct schedule_class *class, uint64_t seed, bool aloud)
{
    struct story story = story_of(class, seed);
    story.config.aloud = aloud;
    struct sim *sim = sim_new(&story.config);
    for (size_t round = 0; round < story.rounds; round++) {
        play_round(sim, &story);
    }
    everybody_leaves(sim);
    becomes(sim, check_empty, SCHEDULE_EMPTY_US);
    timeline_tell(sim->timeline, "all", "nothing is left");
    uint64_t digest = sim->check.digest;
    sim_free(sim);
    return digest;
}
