/* SPDX-License-Identifier: Apache-2.0
 *
 * Goal: who speaks is told to everybody, as changes, whichever node hears it.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tests/unit/orchestrator/room/meeting.h"

/* A node hears this track, loud; 0: nobody. */
static const char *hears(struct world *world, const char *node, uint32_t track)
{
    Spillway__Control__Level level = SPILLWAY__CONTROL__LEVEL__INIT, *levels[] = {&level};
    Spillway__Control__Levels report = SPILLWAY__CONTROL__LEVELS__INIT;
    Spillway__Control__Event event = SPILLWAY__CONTROL__EVENT__INIT;
    level.track = track;
    level.level_dbov = 20;
    level.active_permille = 900;
    report.levels = levels;
    report.n_levels = track != 0;
    event.event_case = SPILLWAY__CONTROL__EVENT__EVENT_LEVELS;
    event.levels = &report;
    world_event(world, node, &event);
    return world_story(world);
}

/* Goal: changes alone are told; the report that stops ends it. */
static void told_as_changes(void **state)
{
    (void)state;
    struct world world;
    meeting_init(&world);
    assert_string_equal(hears(&world, "ND_a", 1), "conn 1 < speaker on 0.125\n"
                                                  "conn 2 < speaker on 0.125\n");
    assert_string_equal(hears(&world, "ND_a", 1), "");
    world_advance(&world, TIME_MS(999));
    assert_string_equal(world_story(&world), "");
    world_advance(&world, TIME_MS(1));
    assert_string_equal(world_story(&world), "conn 1 < speaker off 0.000\n"
                                             "conn 2 < speaker off 0.000\n");
    world_fini(&world);
}

/* alice is in eu, bob in us; each publishes a microphone. */
static void two_nodes(struct world *world)
{
    static const char *const regions[] = {"eu", "us"}, *const nodes[] = {"ND_a", "ND_b"},
                             *const people[] = {"alice", "bob"};
    world_init(world);
    for (size_t i = 0; i < ARRAY_LEN(regions); i++) {
        world->node_region = regions[i];
        world_node(world, nodes[i]);
    }
    for (size_t i = 0; i < ARRAY_LEN(regions); i++) {
        world->region = regions[i];
        meeting_join(world, i + 1, people[i], NULL);
        world_add_track(world, i + 1, MICROPHONE, LIVEKIT__TRACK_TYPE__AUDIO);
        world_connected(world, i + 1);
        world_arrive(world, nodes[i], i + 1);
    }
    world_story(world);
}

/* Goal: a node tells of its own people: what it says ends nobody's word on another one, and does
 * not stand for that one's report either. */
static void each_node_tells_of_its_own(void **state)
{
    (void)state;
    static const char on[] = "conn 1 < speaker on 0.125\nconn 2 < speaker on 0.125\n";
    static const char off[] = "conn 1 < speaker off 0.000\nconn 2 < speaker off 0.000\n";
    struct world world;
    two_nodes(&world);
    assert_string_equal(hears(&world, "ND_a", 1), on);
    assert_string_equal(hears(&world, "ND_b", 2), on); /* bob, too */
    assert_string_equal(hears(&world, "ND_a", 1), "");
    assert_string_equal(hears(&world, "ND_b", 1), off); /* no news of alice, and bob is silent */
    assert_string_equal(hears(&world, "ND_b", 2), on);
    world_advance(&world, TIME_MS(600));
    assert_string_equal(hears(&world, "ND_b", 2), "");
    world_advance(&world, TIME_MS(400));
    assert_string_equal(world_story(&world), off); /* alice: her node has said nothing for 1 s */
    world_advance(&world, TIME_MS(600));
    assert_string_equal(world_story(&world), off);
    world_fini(&world);
}

/* Goal: who is on his way from one node to another one speaks on: each of the two may hear him, and
 * the silence of neither says anything. */
static void speaks_while_moving(void **state)
{
    (void)state;
    static const char off[] = "conn 1 < speaker off 0.000\nconn 2 < speaker off 0.000\n";
    struct world world;
    two_nodes(&world);
    hears(&world, "ND_a", 1);
    world_admin(&world, "POST", "/admin/v1/rooms/lobby/move",
                "{\"participant\":\"alice\",\"to\":\"ND_b\"}");
    assert_non_null(strstr(world_story(&world), "node ND_b < T1 stands by\n"));
    world_advance(&world, TIME_MS(400));
    world_story(&world);
    assert_string_equal(hears(&world, "ND_a", 0), "");
    assert_string_equal(hears(&world, "ND_b", 1), "");
    world_advance(&world, TIME_MS(999));
    assert_null(strstr(world_story(&world), "speaker"));
    world_advance(&world, TIME_MS(1));
    assert_non_null(strstr(world_story(&world), off));
    world_fini(&world);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(told_as_changes),
        cmocka_unit_test(each_node_tells_of_its_own),
        cmocka_unit_test(speaks_while_moving),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
