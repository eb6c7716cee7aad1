/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/sim/schedule/schedule.h"

#include "tests/sim/schedule/operator.h"

#include <stdio.h>

#define ROUND_STEPS 22
#define STEP_US     TIME_MS(600) /* between two people, on average half of it */
/* People of one, where it is tight: a larger one outgrows what it was let in with, for nobody asks
 * for place for what its people watch on other nodes (docs/STATUS.md, known gaps). */
#define TIGHT_ROOM 4

enum {
    NODES = FAULT(NODE_CRASH) | FAULT(NODE_HANG) | FAULT(NODE_CUT) | FAULT(NODE_DRAIN),
    ORCHESTRATORS = FAULT(ORCHESTRATOR_CRASH) | FAULT(ORCHESTRATOR_HANG) | FAULT(ORCHESTRATOR_CUT),
    STORE = FAULT(STORE_HANG) | FAULT(STORE_CRASH) | FAULT(STORE_FAILOVER) | FAULT(STORE_EMPTY),
    REGIONS = FAULT(REGION_PARTED) | FAULT(REGION_LOST),
    ANY = NODES | FAULT(LOSS) | ORCHESTRATORS | STORE | REGIONS
};

/* A new kind gets classes of its own, behind "all": else every story would become another one. */
static const struct schedule_class classes[] = {
    {.name = "calm"},
    {.name = "node", .kinds = NODES, .faults = 1},
    {.name = "nodes", .kinds = NODES | FAULT(LOSS), .faults = 2},
    {.name = "drains", .kinds = FAULT(NODE_DRAIN) | FAULT(LOSS), .faults = 3},
    {.name = "tight", .kinds = NODES | FAULT(LOSS), .faults = 1, .tight = true},
    {.name = "operator", .operated = true},
    {.name = "orchestrator", .kinds = ORCHESTRATORS, .faults = 1},
    {.name = "orchestrators", .kinds = ORCHESTRATORS, .faults = 2},
    {.name = "store", .kinds = STORE, .faults = 1},
    {.name = "region", .kinds = REGIONS, .faults = 1},
    {.name = "any", .kinds = ANY, .faults = 2},
    {.name = "all"}, /* each seed is of another one of those above */
    {.name = "unreached", .kinds = FAULT(NODE_UNREACHED), .faults = 1},
    {.name = "stops", .kinds = FAULT(ORCHESTRATOR_STOP), .faults = 1},
    {.name = "stops_any", .kinds = ANY, .also = FAULT(ORCHESTRATOR_STOP), .faults = 3},
    {.name = "data_calm", .operated = true, .data = true},
    {.name = "data_stops", .kinds = FAULT(ORCHESTRATOR_STOP), .faults = 1, .data = true},
    {.name = "data", .kinds = ANY, .faults = 2, .data = true},
    {.name = "video_calm", .operated = true, .video = true},
    {.name = "video", .kinds = ANY, .faults = 2, .video = true},
    {.name = "flee", .kinds = FAULT(NODE_CRASH), .faults = 3, .tight = true, .brim = true},
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
                                       .stops = story.class->kinds == FAULT(ORCHESTRATOR_STOP),
                                       .data = story.class->data,
                                       .video = story.class->video,
                                       .talk_us = TIME_MS(400)};
    if (story.class->tight) {
        story.config.tight = true;
        story.config.nodes = 2 + prng_below(&prng, 2);
        story.config.clients = 10 + prng_below(&prng, 7);
        story.config.rooms = 5 + prng_below(&prng, 4);
        story.config.capacity = 40 + (uint32_t)prng_below(&prng, 40);
    }
    if (story.class->brim) {
        story.config.brim = true;
        story.config.orchestrators = 3;
        story.config.nodes = 4 + prng_below(&prng, 2);
        story.config.clients = 20 + prng_below(&prng, 9);
        story.config.capacity = 28 + (uint32_t)prng_below(&prng, 10);
    }
    story.vanishing = prng_below(&prng, 3) == 0;
    /* Who moves a room by hand is not asked whether it has place there; and who cordons all nodes
     * but one that clients do not reach leaves them none. */
    bool may_be_operated = prng_below(&prng, 4) == 0 && !story.class->tight &&
                           (story.class->kinds & FAULT(NODE_UNREACHED)) == 0;
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
    size_t also = class->also == 0 ? 0 : 1 + prng_below(&sim->prng, faults);
    size_t at = ROUND_STEPS / 2 + prng_below(&sim->prng, 4);
    for (size_t i = 0; i < ROUND_STEPS; i++) {
        somebody_acts(sim, story->vanishing);
        if (story->operated && prng_below(&sim->prng, 4) == 0) {
            operator_acts(sim);
        }
        sim_run(sim, (int64_t)prng_below(&sim->prng, STEP_US));
        for (; i >= at && faults > 0; faults--, at += prng_below(&sim->prng, 6)) {
            struct fault fault = fault_random(sim, faults == also ? class->also : class->kinds);
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
    /* As upgrade.md says, before the next one is told to stop. After a cut nodes are not judged for
     * twice as long as that was, and a new process of one that died is not let in before. */
    if (((class->kinds | class->also) & FAULT(ORCHESTRATOR_STOP)) != 0) {
        becomes(sim, check_acquainted, SCHEDULE_EMPTY_US);
    }
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
