/* SPDX-License-Identifier: Apache-2.0
 *
 * Goal: a room goes where the contract says, with the true reason for every node; and with stale
 * load reports best-of-d with reservations keeps every node within its capacity where "the
 * apparently least loaded" does not.
 */
#include "orchestrator/core/placement/placement.h"

#include <stdio.h>

#include <setjmp.h>

#include <cmocka.h>

static const struct registry_endpoint endpoint = {.ip = "192.0.2.1", .port = 5000};

static struct registry *new_registry(void)
{
    return registry_new(&(struct registry_config){.hold_us = TIME_S(10), .forget_us = TIME_S(60)});
}

static void add(struct registry *registry, const char *id, const char *region, uint32_t capacity,
                uint32_t weight)
{
    const struct registry_identity identity = {.id = id,
                                               .name = id,
                                               .region = region,
                                               .zone = "",
                                               .version = "",
                                               .endpoints = &endpoint,
                                               .endpoint_count = 1,
                                               .capacity = capacity};
    const struct registry_load load = {.weight = weight};
    assert_int_equal(registry_add(registry, 0, &identity), 0);
    assert_int_equal(registry_heard(registry, 0, id, &load), 0);
}

static struct placement_request request_of(const char *region, uint32_t weight)
{
    return (struct placement_request){.region = region,
                                      .weight = weight,
                                      .samples = PLACEMENT_SAMPLES_DEFAULT,
                                      .fill_permille = 1000};
}

/* The reason given for a node, by id. */
static const char *reason_of(const struct registry *registry, const enum placement_reason *reasons,
                             const char *id)
{
    for (size_t i = 0; i < registry_count(registry); i++) {
        if (strcmp(registry_at(registry, i)->id, id) == 0) {
            return placement_reason_name(reasons[i]);
        }
    }
    return "no such node";
}

static void test_every_reason(void **state)
{
    (void)state;
    struct registry *registry = new_registry();
    struct prng prng;
    prng_seed(&prng, 1);
    add(registry, "light", "eu", 1000, 100);
    add(registry, "heavy", "eu", 1000, 200);
    add(registry, "full", "eu", 1000, 995);
    add(registry, "far", "us", 1000, 0);
    add(registry, "excluded", "eu", 1000, 0);
    add(registry, "cordoned", "eu", 1000, 0);
    add(registry, "draining", "eu", 1000, 0);
    add(registry, "suspect", "eu", 1000, 0);
    add(registry, "gone", "eu", 1000, 0);
    assert_int_equal(registry_set_state(registry, "cordoned", REGISTRY_CORDONED), 0);
    assert_int_equal(registry_set_state(registry, "draining", REGISTRY_DRAINING), 0);
    registry_set_suspect(registry, "suspect", true);
    assert_int_equal(registry_gone(registry, 0, "gone"), 0);

    static const char *const excluded[] = {"excluded"};
    struct placement_request request = request_of("eu", 10);
    request.excluded = excluded;
    request.excluded_count = 1;
    const struct registry_node *chosen = NULL;
    enum placement_reason reasons[16];
    assert_int_equal(placement_choose(&chosen, &request, registry, &prng, reasons), 0);
    assert_string_equal(chosen->id, "light");
    assert_string_equal(reason_of(registry, reasons, "light"), "chosen");
    assert_string_equal(reason_of(registry, reasons, "heavy"), "fuller");
    assert_string_equal(reason_of(registry, reasons, "far"), "other_region");
    static const char *const named_after_reason[] = {"full",     "excluded", "cordoned",
                                                     "draining", "suspect",  "gone"};
    for (size_t i = 0; i < ARRAY_LEN(named_after_reason); i++) {
        assert_string_equal(reason_of(registry, reasons, named_after_reason[i]),
                            named_after_reason[i]);
    }
    char text[128];
    placement_explain(text, sizeof(text), PLACEMENT_FULLER, registry_get(registry, "heavy"),
                      chosen);
    assert_string_equal(
        text, "another one of the sample is less filled: 200 of 1000 against 100 of 1000");

    /* The room is on heavy already: it stays, and the others were not needed. */
    request.current = "heavy";
    assert_int_equal(placement_choose(&chosen, &request, registry, &prng, reasons), 0);
    assert_string_equal(chosen->id, "heavy");
    assert_string_equal(reason_of(registry, reasons, "heavy"), "kept");
    assert_string_equal(reason_of(registry, reasons, "light"), "not_needed");
    assert_string_equal(reason_of(registry, reasons, "full"), "full");

    /* Where it is full, or in the wrong region, it does not stay. */
    request.current = "full";
    assert_int_equal(placement_choose(&chosen, &request, registry, &prng, NULL), 0);
    assert_string_equal(chosen->id, "light");
    request.current = "far";
    assert_int_equal(placement_choose(&chosen, &request, registry, &prng, NULL), 0);
    assert_string_equal(chosen->id, "light");
    registry_free(registry);
}

static void test_regions(void **state)
{
    (void)state;
    struct registry *registry = new_registry();
    struct prng prng;
    prng_seed(&prng, 1);
    add(registry, "eu", "eu", 1000, 900);
    add(registry, "us", "us", 1000, 100);
    const struct registry_node *chosen = NULL;
    struct placement_request request = request_of("eu", 100);
    assert_int_equal(placement_choose(&chosen, &request, registry, &prng, NULL), 0);
    assert_string_equal(chosen->id, "eu"); /* fuller, but near */
    request.weight = 101;
    assert_int_equal(placement_choose(&chosen, &request, registry, &prng, NULL), 0);
    assert_string_equal(chosen->id, "us"); /* near has no room */
    request.weight = 901;
    enum placement_reason reasons[2];
    assert_int_equal(placement_choose(&chosen, &request, registry, &prng, reasons), ERR_FULL);
    assert_int_equal(reasons[0], PLACEMENT_FULL);
    assert_int_equal(reasons[1], PLACEMENT_FULL);
    request = request_of("", 1);
    assert_int_equal(placement_choose(&chosen, &request, registry, &prng, NULL), 0);
    assert_string_equal(chosen->id, "us"); /* anywhere: by load alone */
    request = request_of("eu", 1);
    request.fill_permille = 700; /* new rooms stop early */
    assert_int_equal(placement_choose(&chosen, &request, registry, &prng, NULL), 0);
    assert_string_equal(chosen->id, "us");
    registry_free(registry);
}

/* Filling counts, not weight: 300 of 1000 is emptier than 200 of 400. */
static void test_unequal_capacities(void **state)
{
    (void)state;
    struct registry *registry = new_registry();
    struct prng prng;
    prng_seed(&prng, 1);
    add(registry, "large", "eu", 1000, 300);
    add(registry, "small", "eu", 400, 200);
    add(registry, "none", "eu", 0, 0);
    add(registry, "huge", "eu", UINT32_MAX, UINT32_MAX - 1); /* products beyond 64 bits */
    const struct registry_node *chosen = NULL;
    struct placement_request request = request_of("eu", 1);
    assert_int_equal(placement_choose(&chosen, &request, registry, &prng, NULL), 0);
    assert_string_equal(chosen->id, "large");
    registry_free(registry);
}

/* Consecutive rooms that are empty still alternate over equal workers, whatever the weight. */
static void test_empty_rooms_are_spread(void **state)
{
    (void)state;
    for (uint32_t weight = 0; weight <= 4; weight += 4) {
        struct registry *registry = new_registry();
        struct prng prng;
        prng_seed(&prng, 3);
        add(registry, "a", "eu", 1000, 0);
        add(registry, "b", "eu", 1000, 0);
        struct placement_request request = request_of("eu", weight);
        for (int i = 0; i < 20; i++) {
            char room[ID_MAX];
            snprintf(room, sizeof(room), "RM_%d", i);
            const struct registry_node *chosen = NULL;
            assert_int_equal(placement_choose(&chosen, &request, registry, &prng, NULL), 0);
            assert_int_equal(registry_room_placed(registry, 0, chosen->id, room, weight), 0);
            size_t rooms_a = registry_get(registry, "a")->room_count;
            size_t rooms_b = registry_get(registry, "b")->room_count;
            assert_true(rooms_a <= rooms_b + 1 && rooms_b <= rooms_a + 1);
        }
        registry_free(registry);
    }
}

/* Ties fall to everybody alike, and so does being sampled. */
static void test_lots_are_fair(void **state)
{
    (void)state;
    enum { NODES = 12, ROUNDS = 12000 };
    for (uint32_t samples = 1; samples <= 3; samples++) {
        struct registry *registry = new_registry();
        struct prng prng;
        prng_seed(&prng, 5);
        for (int i = 0; i < NODES; i++) {
            char id[8];
            snprintf(id, sizeof(id), "n%d", i);
            add(registry, id, "eu", 1000, 0);
        }
        size_t hits[NODES] = {0};
        struct placement_request request = request_of("eu", 1);
        request.samples = samples;
        for (int i = 0; i < ROUNDS; i++) {
            const struct registry_node *chosen = NULL;
            assert_int_equal(placement_choose(&chosen, &request, registry, &prng, NULL), 0);
            size_t index = 0;
            while (registry_at(registry, index) != chosen) {
                index++;
            }
            hits[index]++;
        }
        for (int i = 0; i < NODES; i++) {
            /* 1000 expected, standard deviation 30: five of them. */
            assert_in_range(hits[i], 850, 1150);
        }
        registry_free(registry);
    }
}

/* ---- Stale reports
 * ------------------------------------------------------------------------------- */

/* NODES nodes, rooms arriving steadily and staying for LIFE ticks; every node reports only each
 * REPORT ticks, each at its own phase. Returns the share of placements, in permille, that made a
 * node really exceed its capacity, after the first LIFE ticks. */
enum { NODES = 300, REPORT = 20, LIFE = 300, TICKS = 900, ARRIVALS = 10, CAPACITY = 150 };

struct fleet {
    uint32_t real[NODES];               /* what a node truly carries now */
    uint16_t rooms[TICKS][ARRIVALS][2]; /* node, weight */
};

/* The policy that is compared with: the least reported weight of all, first one wins. */
static const struct registry_node *lowest(const struct registry *registry)
{
    const struct registry_node *best = registry_at(registry, 0);
    for (size_t i = 1; i < registry_count(registry); i++) {
        const struct registry_node *node = registry_at(registry, i);
        if (node->load.weight < best->load.weight) {
            best = node;
        }
    }
    return best;
}

static const struct registry_node *choose(const struct registry *registry, uint32_t samples,
                                          uint32_t weight, struct prng *prng)
{
    if (samples == 0) {
        return lowest(registry);
    }
    struct placement_request request = request_of("eu", weight);
    request.samples = samples;
    const struct registry_node *chosen = NULL;
    assert_int_equal(placement_choose(&chosen, &request, registry, prng, NULL), 0);
    return chosen;
}

static size_t index_of(const struct registry_node *node)
{
    size_t index = 0;
    assert_int_equal(sscanf(node->id, "n%zu", &index), 1);
    return index;
}

static void report(struct registry *registry, const struct fleet *fleet, size_t node,
                   int64_t now_us)
{
    char id[8];
    snprintf(id, sizeof(id), "n%zu", node);
    const struct registry_load load = {.weight = fleet->real[node]};
    assert_int_equal(registry_heard(registry, now_us, id, &load), 0);
}

static uint64_t overfull_permille(uint32_t samples, uint64_t seed)
{
    static struct fleet fleet;
    memset(&fleet, 0, sizeof(fleet));
    struct prng prng;
    prng_seed(&prng, seed);
    struct registry *registry = new_registry();
    for (int i = 0; i < NODES; i++) {
        char id[8];
        snprintf(id, sizeof(id), "n%d", i);
        add(registry, id, "eu", CAPACITY, 0);
    }
    uint64_t placed = 0;
    uint64_t overfull = 0;
    for (size_t tick = 0; tick < TICKS; tick++) {
        int64_t now_us = TIME_MS(100) * (int64_t)tick;
        registry_expire(registry, now_us);
        for (size_t node = tick % REPORT; node < NODES; node += REPORT) {
            report(registry, &fleet, node, now_us);
        }
        for (size_t i = 0; i < ARRIVALS; i++) {
            if (tick >= LIFE) { /* as many rooms end as begin */
                const uint16_t *old = fleet.rooms[tick - LIFE][i];
                fleet.real[old[0]] -= old[1];
            }
            uint32_t weight = 1 + (uint32_t)prng_below(&prng, 17); /* mean 9: 90 on a node */
            const struct registry_node *node = choose(registry, samples, weight, &prng);
            size_t index = index_of(node);
            char room[ID_MAX];
            snprintf(room, sizeof(room), "r%zu.%zu", tick, i);
            if (samples > 0) {
                assert_int_equal(registry_room_placed(registry, now_us, node->id, room, weight), 0);
                registry_room_confirmed(registry, node->id, room);
            }
            fleet.real[index] += weight;
            fleet.rooms[tick][i][0] = (uint16_t)index;
            fleet.rooms[tick][i][1] = (uint16_t)weight;
            if (tick >= LIFE) {
                placed++;
                overfull += fleet.real[index] > CAPACITY;
            }
        }
    }
    registry_free(registry);
    return overfull * 1000 / placed;
}

static void test_stale_reports(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 3; seed++) {
        uint64_t naive = overfull_permille(0, seed);
        uint64_t two = overfull_permille(2, seed);
        uint64_t eight = overfull_permille(8, seed);
        print_message("seed %llu: placements onto an overfull node, permille: lowest %llu, "
                      "best of 2 %llu, best of 8 %llu\n",
                      (unsigned long long)seed, (unsigned long long)naive, (unsigned long long)two,
                      (unsigned long long)eight);
        assert_true(naive > 30);
        assert_int_equal(two, 0);
        assert_int_equal(eight, 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_reason),       cmocka_unit_test(test_regions),
        cmocka_unit_test(test_unequal_capacities), cmocka_unit_test(test_empty_rooms_are_spread),
        cmocka_unit_test(test_lots_are_fair),      cmocka_unit_test(test_stale_reports),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
