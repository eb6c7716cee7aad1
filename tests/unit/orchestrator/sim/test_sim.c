/* SPDX-License-Identifier: Apache-2.0
 *
 * Goal: whatever befalls a fleet, nobody gets lost or is counted twice, who can be served is, in
 * time, no node is filled beyond what it takes while there is place, and the same seed has the same
 * result.
 */
#include "orchestrator/cli/sim/sim.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#define SEEDS 6

static char error[CONFIG_ERROR_MAX];

/* Three regions of ten nodes each, with so many rooms of eight people each: 128 each. */
static struct fleet fleet_of(int rooms, int orchestrators)
{
    char text[1024];
    struct fleet fleet;
    snprintf(text, sizeof(text),
             "orchestrators: %d\n"
             "regions:\n"
             "  - {name: eu, nodes: 10, rooms: [{count: %d, people: 8}]}\n"
             "  - {name: us, nodes: 10, rooms: [{count: %d, people: 8}]}\n"
             "  - {name: ap, nodes: 10, rooms: [{count: %d, people: 8}]}\n"
             "region_distances:\n"
             "  - {from: eu, to: us, ms: 80}\n"
             "  - {from: us, to: ap, ms: 120}\n",
             orchestrators, rooms, rooms, rooms);
    if (fleet_parse(&fleet, "fleet", (struct bytes){(const uint8_t *)text, strlen(text)}, error) !=
        0) {
        fail_msg("%s", error);
    }
    return fleet;
}

static uint64_t sum_after(const struct sim_result *r)
{
    uint64_t sum = 0;
    for (size_t i = 0; i < r->region_count; i++) {
        sum += r->regions[i].people_after;
    }
    return sum;
}

struct story {
    int rooms, orchestrators;
    const char *faults[2];
    uint64_t seed;
};

/* With what holds of every run. */
static struct sim_result tell(const struct story *story)
{
    struct fleet fleet = fleet_of(story->rooms, story->orchestrators);
    struct fleet_fault faults[2];
    struct sim_result r;
    size_t count = 0;
    while (count < ARRAY_LEN(faults) && story->faults[count] != NULL) {
        assert_int_equal(fleet_fault_read(&faults[count], story->faults[count], error), 0);
        count++;
    }
    const struct sim_config config = {.fleet = &fleet,
                                      .faults = faults,
                                      .fault_count = count,
                                      .seconds = 30,
                                      .seed = story->seed};
    if (sim_run(&config, &r, error) != 0) {
        fail_msg("%s", error);
    }
    assert_int_equal(r.people, 3 * 8 * story->rooms);
    assert_int_equal(r.rooms, 3 * story->rooms);
    assert_int_equal(sum_after(&r) + r.waiting, r.people);
    assert_int_equal(r.rows[0].waiting, 0);
    for (size_t i = 0; i < r.row_count; i++) {
        assert_true(r.rows[i].waiting <= r.affected);
        assert_true(r.rows[i].without_video <= r.people);
        assert_true(i == 0 || r.rows[i].at_us >= r.rows[i - 1].at_us);
    }
    for (size_t i = 0; i < r.region_count; i++) {
        r.regions[i].name = NULL; /* the fleet's */
    }
    while (count > 0) {
        fleet_fault_free(&faults[--count]);
    }
    fleet_free(&fleet);
    return r;
}

static struct sim_result run(int rooms, const char *fault, uint64_t seed)
{
    return tell(&(struct story){rooms, 3, {fault}, seed});
}

/* Full by half, so that two regions can carry all. */
static void a_region(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= SEEDS; seed++) {
        struct sim_result r = run(160, "region=eu at=10s", seed);
        assert_int_equal(r.regions[0].nodes_lost, 10);
        assert_int_equal(r.affected, 8 * 160);
        assert_int_equal(r.regions[0].people_after, 0);
        assert_int_equal(r.waiting, 0);
        assert_int_equal(r.without_video, 0);
        assert_int_equal(r.nodes_over, 0);
        assert_in_range(r.healed_us, TIME_S(10), TIME_S(12));
        sim_result_free(&r);
    }
}

/* Goal: the nearest region is asked first, and what it takes is told. */
static void who_goes_where(void **state)
{
    (void)state;
    struct sim_result r = run(60, "region=eu", 1);
    uint64_t to[3] = {0};
    for (size_t i = 0; i < r.flow_count; i++) {
        assert_int_equal(r.flows[i].from, 0);
        to[r.flows[i].to] += r.flows[i].people;
    }
    assert_true(to[1] >= 8 * 60 - to[0]); /* whom the first deaths moved within the region go on */
    assert_int_equal(to[2], 0);
    sim_result_free(&r);
}

static void a_third(void **state)
{
    (void)state;
    struct sim_result r = run(120, "region=ap share=33", 1);
    assert_int_equal(r.regions[2].nodes_lost, 4);
    assert_in_range(r.affected, 8 * 120 / 4, 8 * 120 / 2);
    assert_int_equal(r.waiting, 0);
    assert_int_equal(r.nodes_over, 0);
    sim_result_free(&r);
}

static void a_node(void **state)
{
    (void)state;
    struct sim_result r = run(120, "node=us-3", 1);
    assert_int_equal(r.regions[1].nodes_lost, 1);
    assert_in_range(r.affected, 8, 8 * 40);
    assert_int_equal(r.waiting, 0);
    assert_int_equal(r.nodes_over, 0);
    sim_result_free(&r);
}

/* Goal: a drain disturbs nobody, and keeps to its pace: some 100 people by 3 orchestrators, each of
 * which moves 50 at once and 50 a second. */
static void a_drain(void **state)
{
    (void)state;
    struct sim_result r = run(200, "drain=us-3", 1);
    assert_int_equal(r.affected, 0);
    assert_true(r.flow_count > 0);
    bool empty = false;
    for (size_t i = 0; i < r.row_count; i++) {
        assert_int_equal(r.rows[i].waiting, 0);
        empty |= strcmp(r.rows[i].event, "us-3 is empty") == 0;
    }
    assert_true(empty);
    sim_result_free(&r);
}

/* Goal: where two regions cannot carry all, sound comes before video, and one orchestrator, which
 * knows of all that it reserved, fills no node beyond its capacity. */
static void too_little_place(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= SEEDS; seed++) {
        struct sim_result r = tell(&(struct story){240, 1, {"region=eu"}, seed});
        assert_true(r.without_video > 0);
        assert_int_equal(r.waiting, 0);
        assert_int_equal(r.nodes_over, 0);
        assert_true(r.video_us == TIME_NEVER);
        sim_result_free(&r);
    }
}

/* Goal: one region cannot carry all even with sound alone: who waits is told, and survivors give up
 * their video for as many as find place then, up to 50 a second. */
static void no_place(void **state)
{
    (void)state;
    struct sim_result r = tell(&(struct story){240, 1, {"region=eu", "region=us at=11s"}, 1});
    uint64_t first = 0, told = 0;
    for (size_t i = 0; i < r.row_count; i++) {
        first = r.rows[i].at_us == TIME_S(12) ? r.rows[i].waiting : first;
        told += strncmp(r.rows[i].event, "some find no place", 18) == 0;
    }
    assert_int_equal(told, 1);
    assert_in_range(r.waiting, 1, first - 1);
    assert_in_range(first - r.waiting, 1, 18 * 50);
    assert_int_equal(r.nodes_over, 0);
    assert_true(r.healed_us == TIME_NEVER);
    sim_result_free(&r);
}

/* Goal: however many orchestrators meet on the nodes that are left, none is filled beyond its
 * capacity, and as many have a node in the end as if there were one, give or take. */
static void many_who_move(void **state)
{
    (void)state;
    static const int orchestrators[] = {3, 9};
    for (size_t i = 0; i < ARRAY_LEN(orchestrators); i++) {
        for (uint64_t seed = 1; seed <= SEEDS / 2; seed++) {
            struct story story = {240, 1, {"region=eu", "region=us at=11s"}, seed};
            struct sim_result one = tell(&story);
            story.orchestrators = orchestrators[i];
            struct sim_result r = tell(&story);
            assert_int_equal(r.nodes_over, 0);
            assert_true(r.regions[2].use_max <= 1);
            assert_true(r.waiting <= one.waiting + r.affected / 20);
            sim_result_free(&one);
            sim_result_free(&r);
        }
    }
}

/* Goal: once there are nodes enough, everybody gets his video again, 50 people a second or the room
 * that makes them 50. */
static void nodes_that_come(void **state)
{
    (void)state;
    struct sim_result r =
        tell(&(struct story){240, 1, {"region=eu at=1s", "start=us nodes=10 at=5s"}, 1});
    uint64_t before = 0;
    assert_int_equal(r.nodes, 30);
    assert_int_equal(r.waiting, 0);
    assert_int_equal(r.without_video, 0);
    assert_in_range(r.video_us, TIME_S(6), TIME_S(30));
    for (size_t i = 0; i < r.row_count; i++) {
        if (r.rows[i].at_us >= TIME_S(5) && r.rows[i].at_us % TIME_S(1) == TIME_MS(500)) {
            assert_true(before == 0 || before - r.rows[i].without_video < 50 + 8);
            before = r.rows[i].without_video;
        }
    }
    assert_int_equal(r.nodes_over, 0);
    sim_result_free(&r);
}

static void the_same_seed(void **state)
{
    (void)state;
    struct sim_result a = run(200, "region=eu", 7), b = run(200, "region=eu", 7),
                      c = run(200, "region=eu", 8);
    assert_int_equal(a.row_count, b.row_count);
    assert_memory_equal(a.rows, b.rows, a.row_count * sizeof(*a.rows));
    assert_memory_equal(a.regions, b.regions, sizeof(a.regions));
    assert_memory_equal(a.flows, b.flows, a.flow_count * sizeof(*a.flows));
    assert_true(a.row_count != c.row_count ||
                memcmp(a.rows, c.rows, a.row_count * sizeof(*a.rows)) != 0);
    sim_result_free(&a);
    sim_result_free(&b);
    sim_result_free(&c);
}

static void impossible(void **state)
{
    (void)state;
    static const struct {
        int rooms;
        const char *fault;
        int err;
        const char *says;
    } cases[] = {{20, "region=mars", ERR_NOT_FOUND, "no region mars"},
                 {20, "node=eu-11", ERR_NOT_FOUND, "no node eu-11"},
                 {20, "start=mars", ERR_NOT_FOUND, "no region mars"},
                 {20, "drain=eu-0", ERR_NOT_FOUND, "no node eu-0"},
                 {400, "region=eu", ERR_FULL, "is full before anything happens"}};
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct fleet fleet = fleet_of(cases[i].rooms, 3);
        struct fleet_fault fault;
        struct sim_result r;
        assert_int_equal(fleet_fault_read(&fault, cases[i].fault, error), 0);
        const struct sim_config config = {
            .fleet = &fleet, .faults = &fault, .fault_count = 1, .seconds = 1, .seed = 1};
        assert_int_equal(sim_run(&config, &r, error), cases[i].err);
        assert_non_null(strstr(error, cases[i].says));
        fleet_fault_free(&fault);
        fleet_free(&fleet);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_region),        cmocka_unit_test(who_goes_where),
        cmocka_unit_test(a_third),         cmocka_unit_test(a_node),
        cmocka_unit_test(a_drain),         cmocka_unit_test(too_little_place),
        cmocka_unit_test(no_place),        cmocka_unit_test(many_who_move),
        cmocka_unit_test(nodes_that_come), cmocka_unit_test(the_same_seed),
        cmocka_unit_test(impossible),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
