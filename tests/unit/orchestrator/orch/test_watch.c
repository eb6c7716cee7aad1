/* SPDX-License-Identifier: Apache-2.0
 *
 * Goal: each node is heard by two neighbours of its region, whoever comes and goes, and a node that
 * hangs is found within a second by what they tell.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "tests/lib/orch_world.h"

static const char *const nodes[] = {"ND_c", "ND_a", "ND_d", "ND_b"};

static void beats(struct world *world)
{
    for (size_t i = 0; i < ARRAY_LEN(nodes); i++) {
        world_heartbeat(world, nodes[i], 1);
    }
}

static void begin(struct world *world)
{
    world_init(world);
    world->tells_watches = true;
    for (size_t i = 0; i < ARRAY_LEN(nodes); i++) {
        world_node(world, nodes[i]);
    }
    world->node_region = "elsewhere";
    world_node(world, "ND_bb");
    world_story(world);
}

/* Goal: the ring as it stands, told once, and anew to those whose neighbours change. */
static void ring(void **state)
{
    (void)state;
    struct world world;
    begin(&world);
    beats(&world);
    world_heartbeat(&world, "ND_bb", 1);
    assert_string_equal(world_story(&world), "node ND_c < watch ND_d ND_b\n"
                                             "node ND_a < watch ND_b ND_d\n"
                                             "node ND_d < watch ND_a ND_c\n"
                                             "node ND_b < watch ND_c ND_a\n"
                                             "node ND_bb < watch nobody \n");
    beats(&world);
    assert_string_equal(world_story(&world), "");
    orch_node_link_lost(world.orch, world.now_us, "ND_d");
    world_story(&world);
    beats(&world);
    const char *story = world_story(&world);
    assert_non_null(strstr(story, "node ND_c < watch ND_a ND_b\n"));
    assert_non_null(strstr(story, "node ND_a < watch ND_b ND_c\n"));
    assert_null(strstr(story, "node ND_b < watch"));
    orch_node_link_lost(world.orch, world.now_us, "ND_c");
    beats(&world);
    assert_non_null(strstr(world_story(&world), "node ND_a < watch ND_b \n"));
    world_fini(&world);
}

/* Goal: keys that are renewed each hour are renewed here, too. */
static void keys(void **state)
{
    (void)state;
    struct world world;
    begin(&world);
    beats(&world);
    world_story(&world);
    for (int64_t left_s = 3600; left_s > 0; left_s--) {
        world_advance(&world, TIME_S(1));
        beats(&world);
    }
    const char *story = world_story(&world);
    for (size_t i = 0; i < ARRAY_LEN(nodes); i++) {
        char line[32];
        snprintf(line, sizeof(line), "node %s < watch", nodes[i]);
        const char *first = strstr(story, line);
        assert_non_null(first);
        assert_null(strstr(first + 1, line));
    }
    world_fini(&world);
}

/* Silent for so long, while the others beat. */
static void hangs(struct world *world, const char *node, int64_t us)
{
    for (int64_t left_us = us; left_us > 0; left_us -= TIME_MS(50)) {
        world_advance(world, TIME_MS(50));
        for (size_t i = 0; i < ARRAY_LEN(nodes) && left_us % TIME_MS(250) == 0; i++) {
            if (strcmp(nodes[i], node) != 0) {
                world_heartbeat(world, nodes[i], 1);
            }
        }
    }
}

/* Goal: a node that another orchestrator does not hear either is dead, if one of the two is of its
 * region: between two others, the ways to that region may be gone. */
static void missed_by_two(void **state)
{
    (void)state;
    static const struct {
        const char *from, *here;
        bool counts;
    } cases[] = {{"elsewhere", "here", true}, {"here", "elsewhere", true}, {"here", "here", false}};
    const char *missed[ORCH_MISSED_MAX];
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct world world;
        begin(&world);
        beats(&world);
        world_heartbeat(&world, "ND_bb", 1);
        hangs(&world, "ND_bb", TIME_MS(500));
        orch_node_missed(world.orch, world.now_us, "ND_bb", cases[i].from, cases[i].here);
        assert_false(orch_misses_more(world.orch));
        hangs(&world, "ND_bb", TIME_MS(300));
        assert_true(orch_misses_more(world.orch));
        assert_false(orch_misses_more(world.orch));
        assert_int_equal(orch_missed(world.orch, missed), 1);
        assert_string_equal(missed[0], "ND_bb");
        orch_node_missed(world.orch, world.now_us, "ND_nobody", "elsewhere", "elsewhere");
        orch_node_missed(world.orch, world.now_us, "ND_bb", cases[i].from, cases[i].here);
        assert_int_equal(orch_misses_more(world.orch), cases[i].counts);
        assert_int_equal(orch_missed(world.orch, missed), 1); /* whether it died or not */
        struct orch_stats stats;
        orch_stats(world.orch, &stats);
        assert_int_equal(stats.nodes_lost, cases[i].counts ? 1 : 0);
        hangs(&world, "ND_bb", TIME_MS(1250));
        assert_int_equal(orch_missed(world.orch, missed), cases[i].counts ? 0 : 1);
        world_fini(&world);
    }
}

/* Goal: of however many are silent, so many are told of. */
static void missed_many(void **state)
{
    (void)state;
    const char *missed[ORCH_MISSED_MAX];
    struct world world;
    begin(&world);
    for (int i = 0; i <= ORCH_MISSED_MAX; i++) {
        char id[16];
        snprintf(id, sizeof(id), "ND_%c", 'e' + i); /* the letter is its address, too */
        world_node(&world, id);
    }
    hangs(&world, "", TIME_MS(1000));
    assert_int_equal(orch_missed(world.orch, missed), ORCH_MISSED_MAX);
    world_fini(&world);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ring),
        cmocka_unit_test(keys),
        cmocka_unit_test(missed_by_two),
        cmocka_unit_test(missed_many),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
