/* SPDX-License-Identifier: Apache-2.0
 *
 * Goal: what operators watch is counted when it happens: how long a death took to be found and its
 * people to be served again, where joins went, what regions have left, and how far drains are.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "orchestrator/core/detector/detector.h"
#include "tests/lib/orch_world.h"

static struct orch_stats stats_of(const struct world *world)
{
    struct orch_stats stats;
    orch_stats(world->orch, &stats);
    return stats;
}

static uint64_t all(const struct timings *histogram)
{
    return timings_count(histogram, TIMINGS_BOUNDS);
}

static void join(struct world *world, uint64_t conn, const char *identity)
{
    world_join(world, conn,
               &(struct world_join){
                   .room = "lobby", .identity = identity, .offer_file = "chromium-join.offer"});
}

/* Lets time pass while this node alone speaks. */
static void beats(struct world *world, const char *id, int64_t us)
{
    for (; us > 0; us -= TIME_MS(250)) {
        world_advance(world, MIN(us, TIME_MS(250)));
        world_heartbeat(world, id, 1);
    }
}

/* Goal: from its last word to the verdict, by how it was found. */
static void detection(void **state)
{
    (void)state;
    struct world world;
    world_init(&world);
    world_node(&world, "ND_a");
    world_node(&world, "ND_b");
    beats(&world, "ND_b", TIME_S(4));
    struct orch_stats stats = stats_of(&world);
    assert_int_equal(all(&stats.detection[DETECTOR_SILENT]), 1);
    assert_true(stats.detection[DETECTOR_SILENT].sum_us >= DETECTOR_CONFIG_DEFAULT.dead_us);
    assert_true(stats.detection[DETECTOR_SILENT].sum_us < TIME_S(4));

    world_node(&world, "ND_a");
    world_advance(&world, TIME_MS(100));
    orch_node_link_lost(world.orch, world.now_us, "ND_a");
    stats = stats_of(&world);
    assert_int_equal(all(&stats.detection[DETECTOR_LINK_LOST]), 1);
    assert_int_equal(stats.detection[DETECTOR_LINK_LOST].sum_us, TIME_MS(100));
    assert_int_equal(all(&stats.detection[DETECTOR_WITNESSED]), 0);
    world_fini(&world);
}

/* Goal: it is over for each of its people once another node has their media, and not before. */
static void recovery(void **state)
{
    (void)state;
    struct world world;
    world_init(&world);
    world_node(&world, "ND_a");
    join(&world, 1, "alice");
    join(&world, 2, "bob");
    world_connected(&world, 1);
    world_connected(&world, 2);
    world_arrive(&world, "ND_a", 1);
    world_arrive(&world, "ND_a", 2);
    world_node(&world, "ND_b");
    orch_node_link_lost(world.orch, world.now_us, "ND_a");
    world_advance(&world, TIME_MS(40));
    assert_int_equal(stats_of(&world).displaced, 2);
    assert_int_equal(stats_of(&world).recovery.sum_us, 0);
    world_arrive(&world, "ND_b", 1);
    world_advance(&world, TIME_MS(20));
    world_arrive(&world, "ND_b", 2);
    world_arrive(&world, "ND_b", 2); /* another path of his */
    struct orch_stats stats = stats_of(&world);
    assert_int_equal(all(&stats.recovery), 2);
    assert_int_equal(stats.recovery.sum_us, TIME_MS(40 + 60));
    world_fini(&world);
}

/* Goal: whose next node dies before he reached it waits since the first death. */
static void recovery_of_the_unlucky(void **state)
{
    (void)state;
    struct world world;
    world_init(&world);
    world_node(&world, "ND_a");
    join(&world, 1, "alice");
    world_connected(&world, 1);
    world_arrive(&world, "ND_a", 1);
    world_node(&world, "ND_b");
    orch_node_link_lost(world.orch, world.now_us, "ND_a");
    world_advance(&world, TIME_MS(30));
    world_node(&world, "ND_c");
    orch_node_link_lost(world.orch, world.now_us, "ND_b");
    world_advance(&world, TIME_MS(50));
    world_arrive(&world, "ND_c", 1);
    struct orch_stats stats = stats_of(&world);
    assert_int_equal(all(&stats.recovery), 1);
    assert_int_equal(stats.recovery.sum_us, TIME_MS(80));
    world_fini(&world);
}

/* Goal: who waits for a node to come waits since the death of the old one. */
static void recovery_of_the_stranded(void **state)
{
    (void)state;
    struct world world;
    world_init(&world);
    world_node(&world, "ND_a");
    join(&world, 1, "alice");
    world_connected(&world, 1);
    world_arrive(&world, "ND_a", 1);
    orch_node_link_lost(world.orch, world.now_us, "ND_a");
    world_advance(&world, TIME_MS(800));
    assert_int_equal(stats_of(&world).displaced, 0);
    world_node(&world, "ND_b");
    world_drain(&world);
    world_arrive(&world, "ND_b", 1);
    struct orch_stats stats = stats_of(&world);
    assert_int_equal(stats.displaced, 1);
    assert_int_equal(stats.recovery.sum_us, TIME_MS(800));
    world_fini(&world);
}

/* Goal: each join is placed or refused, and counted once. */
static void placements(void **state)
{
    (void)state;
    struct world world;
    world_init(&world);
    join(&world, 1, "alice");
    assert_int_equal(stats_of(&world).unplaced[ORCH_UNPLACED_NO_NODES], 1);
    world_node(&world, "ND_a");
    join(&world, 2, "alice");
    join(&world, 3, "bob");
    world.node_weight = 990;
    world_heartbeat(&world, "ND_a", 1);
    join(&world, 4, "carol");
    struct orch_stats stats = stats_of(&world);
    assert_int_equal(stats.placed[0], 1);
    assert_int_equal(stats.placed[1], 1);
    assert_int_equal(stats.unplaced[ORCH_UNPLACED_FULL], 1);
    assert_int_equal(stats.unplaced[ORCH_UNPLACED_NO_NODES], 1);
    assert_int_equal(stats.unplaced[ORCH_UNPLACED_RATE], 0);
    world_fini(&world);
}

static struct orch_region_stats region(const struct world *world, const char *name)
{
    struct orch_region_stats regions[8];
    size_t count = orch_region_stats(world->orch, regions, ARRAY_LEN(regions));
    for (size_t i = 0; i < count; i++) {
        if (strcmp(regions[i].region, name) == 0) {
            return regions[i];
        }
    }
    fail_msg("no region %s", name);
    unreachable();
}

/* Goal: a region has the nodes that take rooms, and of these what new rooms may fill. */
static void regions(void **state)
{
    (void)state;
    struct world world;
    world_init(&world);
    world_node(&world, "ND_a");
    world_node(&world, "ND_b");
    world.node_region = "r2";
    world_node(&world, "ND_c");
    world.node_weight = 300;
    world_heartbeat(&world, "ND_a", 1);
    world.node_weight = 950; /* above the mark: it has nothing left, and takes nothing of others */
    world_heartbeat(&world, "ND_b", 1);
    struct orch_region_stats r1 = region(&world, "r1");
    assert_int_equal(r1.nodes[REGISTRY_READY], 2);
    assert_int_equal(r1.capacity, 2000);
    assert_int_equal(r1.weight, 1250);
    assert_int_equal(r1.headroom, 500); /* world: up to 80 % */

    world.region = "r1";
    join(&world, 1, "alice"); /* her room goes to ND_a */
    r1 = region(&world, "r1");
    assert_int_equal(r1.reserved, 16 + 4);
    assert_int_equal(r1.headroom, 500 - 20);
    world_admin(&world, "POST", "/admin/v1/nodes/ND_a/cordon", "{}");
    r1 = region(&world, "r1");
    assert_int_equal(r1.nodes[REGISTRY_CORDONED], 1);
    assert_int_equal(r1.capacity, 1000);
    assert_int_equal(r1.headroom, 0);

    world.node_weight = 0;
    beats(&world, "ND_c", TIME_S(1));
    assert_int_equal(region(&world, "r1").suspect, 1);
    assert_int_equal(region(&world, "r2").nodes[REGISTRY_READY], 1);
    beats(&world, "ND_c", TIME_S(3));
    assert_int_equal(region(&world, "r1").nodes[REGISTRY_GONE], 2);
    assert_int_equal(region(&world, "r1").suspect, 0);

    struct orch_region_stats one;
    assert_int_equal(orch_region_stats(world.orch, &one, 1), 1);
    world_fini(&world);
}

/* Goal: who is left on nodes that are to be empty, until nobody is. */
static void drains(void **state)
{
    (void)state;
    struct world world;
    world_init(&world);
    world_node(&world, "ND_a");
    join(&world, 1, "alice");
    join(&world, 2, "bob");
    assert_int_equal(stats_of(&world).drains, 0);
    world_admin(&world, "POST", "/admin/v1/nodes/ND_a/drain", "{\"force\": true}");
    assert_int_equal(stats_of(&world).drains, 1);
    assert_int_equal(stats_of(&world).draining_people, 2); /* there is no other node */
    world_node(&world, "ND_b");
    for (int i = 0; i < 16; i++) {
        world_heartbeat(&world, "ND_a", 1);
        beats(&world, "ND_b", TIME_MS(250));
    }
    assert_int_equal(stats_of(&world).draining_people, 0);
    world_admin(&world, "POST", "/admin/v1/nodes/ND_a/uncordon", "{}");
    assert_int_equal(stats_of(&world).drains, 0);
    world_fini(&world);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(detection),  cmocka_unit_test(recovery),
        cmocka_unit_test(placements), cmocka_unit_test(recovery_of_the_stranded),
        cmocka_unit_test(regions),    cmocka_unit_test(recovery_of_the_unlucky),
        cmocka_unit_test(drains),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
