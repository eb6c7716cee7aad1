/* SPDX-License-Identifier: Apache-2.0
 *
 * Goal: a cluster of 10,000 nodes and 1,000,000 rooms at 65 % mean use loses one of 40 regions, and
 * everybody who was there is given another node within 2 s of virtual control time, with no
 * survivor above 90 % of its capacity; without anybody who coordinates the nine orchestrators.
 *
 *     sim_region small|full [SEED]
 *
 * registry/ and placement/ are those of production, one of each an orchestrator, which owns a ninth
 * of the rooms, hears every node's reports four times a second, and does not see what the others
 * reserve. What core/orch does around them (orch_place_leave()) is done here likewise: on each
 * death the rooms of that node one after the other, the whole room's share to one node, reserved
 * there until the first report after the node said that it has it. Rooms, specs and messages
 * themselves are not here, for a million of them need more memory than this is worth: what they
 * cost an orchestrator in CPU time was measured by bench_region with the whole core, and is CPU_US
 * a person here, before the share of the core that heartbeats take.
 *
 * Control time is from the first death to when the last new node has its spec: the deaths spread
 * over DEATHS_US, closed connections are told after one way's delay, each orchestrator handles one
 * node after the other, and a spec takes another way. The region's processes end, so connections
 * close. A region that only falls silent is cut off and kept for 30 s (decisions/0010).
 * Orchestrators are those of other regions. What clients need to get to their new node is not in
 * it.
 */
#include "common/room_mix/room_mix.h"
#include "orchestrator/core/ownership/ownership.h"
#include "tests/sim/placement/nodes.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#define OWNERS      OWNERSHIP_MEMBERS_MAX
#define GROUP       40 /* people of a room on one node */
#define STEP_US     TIME_MS(1)
#define RUN_US      TIME_S(4)
#define BEAT_US     TIME_MS(250)
#define DEATHS_US   TIME_MS(100)
#define WAY_US_MAX  TIME_MS(100) /* to the farthest region */
#define CPU_US      30           /* a person; bench_region: 24 to 29 on an AMD EPYC */
#define BEATS_SHARE 0.4          /* of the core; bench_region: 0.33 to 0.39 */
#define USE         0.65
#define USE_MAX     0.90
#define WITHIN_US   TIME_S(2)
#define NEVER       UINT32_MAX

struct scale {
    uint32_t nodes, regions, rooms;
};
static const struct scale small = {1000, 40, 100000}, full = {10000, 40, 1000000};

/* People of a room on one node. */
struct share {
    uint32_t node;
    uint32_t weight;
    uint16_t people;
    uint8_t owner;
    bool moved;
};

/* What a node will have at that time. */
struct arrival {
    uint32_t share;
    uint32_t next; /* in its step */
};

struct owner {
    struct registry *registry;
    struct prng prng;
    int64_t way_us;     /* from the lost region */
    int64_t busy_us;    /* until then */
    uint32_t *deaths;   /* nodes in the order in which their deaths are told */
    int64_t *deaths_us; /* by node: when */
    uint32_t handled;
};

struct sim {
    const struct scale *scale;
    uint32_t capacity, per_region;
    struct prng prng;
    struct placement_map *map;
    struct owner owners[OWNERS];
    struct share *shares;
    uint32_t share_count;
    uint64_t *carried; /* by node: the truth */
    struct arrival *arrivals;
    uint32_t arrival_count;
    uint32_t steps[RUN_US / STEP_US + 1]; /* first arrival of each */
    /* found */
    uint64_t people, people_again, refused;
    uint32_t shares_lost;
    int64_t last_us; /* spec at its node */
    double use_max;
};

static void share_sid(char out[ID_MAX], uint32_t share)
{
    snprintf(out, ID_MAX, "RM_%u", share);
}

static bool is_lost(const struct sim *sim, uint32_t node)
{
    return node < sim->per_region;
}

/* ---- Before -------------------------------------------------------------------------------- */

/* The emptiest of four, as placement would have it. */
static uint32_t roomy_node(struct sim *sim, uint32_t region)
{
    uint32_t best = NEVER;
    for (int i = 0; i < 4; i++) {
        uint32_t node =
            region * sim->per_region + (uint32_t)prng_below(&sim->prng, sim->per_region);
        best = best == NEVER || sim->carried[node] < sim->carried[best] ? node : best;
    }
    return best;
}

static void add_share(struct sim *sim, uint32_t room, uint32_t node, struct share share)
{
    char id[ID_MAX], sid[ID_MAX];
    share.node = node;
    share.owner = (uint8_t)(room % OWNERS);
    nodes_id(id, node);
    share_sid(sid, sim->share_count);
    struct registry *registry = sim->owners[share.owner].registry;
    int err = registry_room_placed(registry, 0, id, sid, share.weight);
    assert(err == 0);
    registry_room_confirmed(registry, id, sid, share.weight);
    sim->carried[node] += share.weight;
    sim->shares[sim->share_count++] = share;
}

static void fill(struct sim *sim)
{
    sim->shares = mem_array(sim->scale->rooms * 2, sizeof(*sim->shares));
    for (uint32_t room = 0; room < sim->scale->rooms; room++) {
        uint16_t size = room_mix_size(&sim->prng);
        uint32_t region = (uint32_t)prng_below(&sim->prng, sim->scale->regions);
        for (uint16_t left = size; left > 0;) {
            uint16_t people = MIN(left, GROUP);
            add_share(sim, room, roomy_node(sim, region),
                      (struct share){.people = people,
                                     .weight = (uint32_t)people * room_mix_person_weight(size)});
            left = (uint16_t)(left - people);
        }
    }
}

static void report(struct sim *sim, int64_t now_us, uint32_t node)
{
    char id[ID_MAX];
    nodes_id(id, node);
    const struct registry_load load = {.weight = (uint32_t)sim->carried[node]};
    for (int i = 0; i < OWNERS; i++) {
        int err = registry_heard(sim->owners[i].registry, now_us, id, &load);
        assert(err == 0);
    }
}

static struct sim *sim_new(const struct scale *scale, uint64_t seed)
{
    struct sim *sim = mem_alloc(sizeof(*sim));
    sim->scale = scale;
    sim->per_region = scale->nodes / scale->regions;
    sim->capacity = room_mix_capacity(scale->rooms, scale->nodes, USE);
    const struct nodes nodes = {scale->nodes, scale->regions, sim->capacity};
    sim->map = nodes_map(&nodes);
    sim->carried = mem_array(scale->nodes, sizeof(*sim->carried));
    prng_seed(&sim->prng, seed);
    for (int i = 0; i < OWNERS; i++) {
        struct owner *owner = &sim->owners[i];
        prng_seed(&owner->prng, seed * OWNERS + (uint64_t)i);
        owner->registry = nodes_registry(&nodes, 1); /* joins are agreed on */
    }
    fill(sim);
    for (uint32_t node = 0; node < scale->nodes; node++) {
        report(sim, 0, node);
    }
    memset(sim->steps, 0xff, sizeof(sim->steps));
    return sim;
}

static void sim_free(struct sim *sim)
{
    for (int i = 0; i < OWNERS; i++) {
        registry_free(sim->owners[i].registry);
        free(sim->owners[i].deaths);
        free(sim->owners[i].deaths_us);
    }
    placement_map_free(sim->map);
    free(sim->shares);
    free(sim->carried);
    free(sim->arrivals);
    free(sim);
}

/* ---- The loss ------------------------------------------------------------------------------ */

static int by_time(const void *a, const void *b, void *arg)
{
    const int64_t *at_us = arg;
    int64_t left = at_us[*(const uint32_t *)a], right = at_us[*(const uint32_t *)b];
    return (left > right) - (left < right);
}

static void plan_deaths(struct sim *sim)
{
    int64_t *died_us = mem_array(sim->per_region, sizeof(*died_us));
    for (uint32_t node = 0; node < sim->per_region; node++) {
        died_us[node] = (int64_t)prng_below(&sim->prng, DEATHS_US);
    }
    for (int i = 0; i < OWNERS; i++) {
        struct owner *owner = &sim->owners[i];
        owner->way_us = WAY_US_MAX * (i + 1) / OWNERS;
        owner->deaths = mem_array(sim->per_region, sizeof(*owner->deaths));
        owner->deaths_us = mem_array(sim->per_region, sizeof(*owner->deaths_us));
        for (uint32_t node = 0; node < sim->per_region; node++) {
            owner->deaths[node] = node;
            owner->deaths_us[node] = died_us[node] + owner->way_us;
        }
        qsort_r(owner->deaths, sim->per_region, sizeof(*owner->deaths), by_time, owner->deaths_us);
    }
    free(died_us);
}

static void arrive_at(struct sim *sim, int64_t at_us, uint32_t share)
{
    size_t step = (size_t)MIN(at_us / STEP_US + 1, RUN_US / STEP_US);
    sim->arrivals = mem_grow(sim->arrivals, sim->arrival_count + 1, sizeof(*sim->arrivals));
    sim->arrivals[sim->arrival_count] = (struct arrival){share, sim->steps[step]};
    sim->steps[step] = sim->arrival_count++;
}

/* orch_place_evacuate(), of one room's people on that node. */
static void move(struct sim *sim, struct owner *owner, const char *from, uint32_t index)
{
    struct share *share = &sim->shares[index];
    char sid[ID_MAX], region[ID_MAX];
    struct placement_answer answer;
    share_sid(sid, index);
    snprintf(region, sizeof(region), "r%u", share->node / sim->per_region);
    const struct placement_request request = {.who = PLACEMENT_MOVE,
                                              .region = region,
                                              .room = sid,
                                              .weight = share->weight,
                                              .held = &from,
                                              .held_count = 1,
                                              .excluded = &from,
                                              .excluded_count = 1,
                                              .parts = OWNERS,
                                              .part = (uint32_t)(owner - sim->owners),
                                              .map = sim->map,
                                              .samples = PLACEMENT_SAMPLES_DEFAULT};
    owner->busy_us += (int64_t)(share->people * CPU_US / (1 - BEATS_SHARE));
    if (placement_flee(&request, owner->registry, owner->busy_us, &owner->prng, &answer) != 0) {
        sim->refused += share->people;
        return;
    }
    int err =
        registry_room_placed(owner->registry, owner->busy_us, answer.node->id, sid, share->weight);
    assert(err == 0);
    share->node = nodes_number(answer.node->id);
    registry_room_removed(owner->registry, from, sid);
    sim->people += share->moved ? 0 : share->people;
    sim->people_again += share->moved ? share->people : 0;
    share->moved = true;
    arrive_at(sim, owner->busy_us + owner->way_us, index);
}

static void handle_death(struct sim *sim, struct owner *owner, uint32_t node)
{
    char id[ID_MAX];
    nodes_id(id, node);
    int err = registry_gone(owner->registry, owner->busy_us, id);
    assert(err == 0);
    const char *sid = registry_room_after(owner->registry, id, NULL);
    while (sid != NULL) {
        uint32_t index = nodes_number(sid);
        sid = registry_room_after(owner->registry, id, sid);
        move(sim, owner, id, index);
    }
}

/* Specs that reach their nodes, which say so at once. Dead ones do not. */
static void arrive(struct sim *sim, int64_t now_us)
{
    for (uint32_t i = sim->steps[now_us / STEP_US]; i != NEVER; i = sim->arrivals[i].next) {
        const struct share *share = &sim->shares[sim->arrivals[i].share];
        if (is_lost(sim, share->node)) {
            continue;
        }
        char id[ID_MAX], sid[ID_MAX];
        nodes_id(id, share->node);
        share_sid(sid, sim->arrivals[i].share);
        sim->carried[share->node] += share->weight;
        sim->use_max = MAX(sim->use_max, (double)sim->carried[share->node] / (double)sim->capacity);
        sim->last_us = now_us;
        registry_room_confirmed(sim->owners[share->owner].registry, id, sid, share->weight);
    }
}

static void lose_region(struct sim *sim)
{
    int64_t beat_steps = BEAT_US / STEP_US;
    plan_deaths(sim);
    for (uint32_t node = sim->per_region; node < sim->scale->nodes; node++) {
        sim->use_max = MAX(sim->use_max, (double)sim->carried[node] / (double)sim->capacity);
    }
    for (int64_t now_us = STEP_US; now_us < RUN_US; now_us += STEP_US) {
        arrive(sim, now_us);
        for (int64_t node = now_us / STEP_US % beat_steps; node < sim->scale->nodes;
             node += beat_steps) {
            if (!is_lost(sim, (uint32_t)node)) {
                report(sim, now_us, (uint32_t)node);
            }
        }
        for (int i = 0; i < OWNERS; i++) {
            struct owner *owner = &sim->owners[i];
            while (owner->handled < sim->per_region && owner->busy_us <= now_us &&
                   owner->deaths_us[owner->deaths[owner->handled]] <= now_us) {
                owner->busy_us = now_us;
                handle_death(sim, owner, owner->deaths[owner->handled++]);
            }
        }
    }
}

/* ---- Findings ------------------------------------------------------------------------------ */

static double mean_use(const struct sim *sim, uint32_t first)
{
    double sum = 0;
    for (uint32_t node = first; node < sim->scale->nodes; node++) {
        sum += (double)sim->carried[node];
    }
    return sum / sim->capacity / (sim->scale->nodes - first);
}

static int complain(const char *what)
{
    printf("FAILED: %s\n", what);
    return 1;
}

static int judge(const struct sim *sim)
{
    int failed = 0;
    if (sim->refused > 0) {
        failed |= complain("people were left without a node");
    }
    for (uint32_t i = 0; i < sim->share_count; i++) {
        if (is_lost(sim, sim->shares[i].node)) {
            failed |= complain("a room is on a dead node");
            break;
        }
    }
    if (sim->last_us > WITHIN_US) {
        failed |= complain("it took too long");
    }
    if (sim->use_max > USE_MAX) {
        failed |= complain("a survivor was filled too far");
    }
    return failed;
}

int main(int argc, char **argv)
{
    if (argc < 2 || (strcmp(argv[1], "small") != 0 && strcmp(argv[1], "full") != 0)) {
        fprintf(stderr, "usage: sim_region small|full [SEED]\n");
        return 2;
    }
    uint64_t seed = argc > 2 ? strtoull(argv[2], NULL, 10) : 1;
    clock_t began = clock();
    struct sim *sim = sim_new(strcmp(argv[1], "full") == 0 ? &full : &small, seed);
    printf("%u nodes of capacity %u in %u regions, %u rooms, %d orchestrators, %.1f %% used, seed "
           "%llu\n",
           sim->scale->nodes, sim->capacity, sim->scale->regions, sim->scale->rooms, OWNERS,
           100 * mean_use(sim, 0), (unsigned long long)seed);
    clock_t filled = clock();
    lose_region(sim);
    printf("region of %u nodes lost: %llu people have another node after %.2f s of virtual control "
           "time, %llu of them moved twice; fullest survivor %.1f %%, mean %.1f %%\n",
           sim->per_region, (unsigned long long)sim->people, (double)sim->last_us / 1e6,
           (unsigned long long)sim->people_again, 100 * sim->use_max,
           100 * mean_use(sim, sim->per_region));
    printf("real CPU: %.1f s to fill, %.1f s for the loss\n",
           (double)(filled - began) / CLOCKS_PER_SEC, (double)(clock() - filled) / CLOCKS_PER_SEC);
    int failed = judge(sim);
    sim_free(sim);
    return failed;
}
