/* SPDX-License-Identifier: Apache-2.0
 *
 * Goal: the dead are found soon, the living are never declared dead because we did not listen, told
 * as stories with virtual timestamps.
 *
 * The world: nodes that beat every 250 ms unless they hang, and a loop that calls the detector at
 * its deadline unless it lags. Every verdict becomes a line "[ms] node verdict (cause)".
 */
#include "orchestrator/core/detector/detector.h"

#include <stdio.h>

#include <setjmp.h>

#include <cmocka.h>

#define NODES_MAX 8
#define BEAT_US   TIME_MS(250)

struct world {
    struct detector *detector;
    int64_t now_us;
    size_t nodes;
    bool hangs[NODES_MAX];
    int64_t beat_at_us[NODES_MAX]; /* next */
    char story[2048];
    size_t told;
};

static const char *const names[NODES_MAX] = {"a", "b", "c", "d", "e", "f", "g", "h"};

static void tell(struct world *world)
{
    struct detector_out out;
    while (detector_poll(world->detector, &out)) {
        world->told +=
            (size_t)snprintf(world->story + world->told, sizeof(world->story) - world->told,
                             "[%5lld] %s %s (%s)\n", (long long)(world->now_us / 1000), out.id,
                             detector_verdict_text(out.verdict), detector_cause_text(out.cause));
        assert_true(world->told < sizeof(world->story));
    }
}

static struct world world_new(size_t nodes)
{
    struct world world = {.nodes = nodes};
    world.detector = detector_new(&DETECTOR_CONFIG_DEFAULT);
    for (size_t i = 0; i < nodes; i++) {
        detector_node_registered(world.detector, 0, names[i]);
        tell(&world);
        world.beat_at_us[i] = BEAT_US + (int64_t)i * 1000; /* never all in the same instant */
    }
    return world;
}

static void beat(struct world *world, size_t i)
{
    if (!world->hangs[i]) {
        detector_node_heard(world->detector, world->now_us, names[i]);
        tell(world);
    }
    world->beat_at_us[i] += BEAT_US;
}

/* Lives until a time, event by event. */
static void run_to(struct world *world, int64_t ms)
{
    for (;;) {
        int64_t next_us = detector_deadline(world->detector);
        size_t who = NODES_MAX;
        for (size_t i = 0; i < world->nodes; i++) {
            if (world->beat_at_us[i] < next_us) {
                next_us = world->beat_at_us[i];
                who = i;
            }
        }
        if (next_us > TIME_MS(ms)) {
            break;
        }
        world->now_us = MAX(next_us, world->now_us);
        if (who != NODES_MAX) {
            beat(world, who);
        } else {
            detector_expire(world->detector, world->now_us);
            tell(world);
        }
    }
    world->now_us = TIME_MS(ms);
}

/* This loop stands still until a time. When it runs again, its timer is first, and the words that
 * arrived meanwhile come after. */
static void lag_to(struct world *world, int64_t ms)
{
    world->now_us = TIME_MS(ms);
    detector_expire(world->detector, world->now_us);
    tell(world);
    for (size_t i = 0; i < world->nodes; i++) {
        while (world->beat_at_us[i] <= world->now_us) {
            beat(world, i);
        }
    }
}

static void assert_story(struct world *world, const char *expected)
{
    assert_string_equal(world->story, expected);
    detector_free(world->detector);
}

static void test_quiet_days_have_no_story(void **state)
{
    (void)state;
    struct world world = world_new(3);
    run_to(&world, 60000);
    assert_int_equal(detector_stats(world.detector)->own_lag, 0);
    assert_int_equal(detector_stats(world.detector)->all_silent, 0);
    assert_story(&world, "");
}

static void test_lost_link_is_death_at_once(void **state)
{
    (void)state;
    struct world world = world_new(2);
    run_to(&world, 1000);
    detector_link_lost(world.detector, world.now_us, "b");
    tell(&world);
    detector_link_lost(world.detector, world.now_us, "b"); /* told twice, died once */
    tell(&world);
    /* Its process starts again and registers under the same id. */
    run_to(&world, 2000);
    detector_node_registered(world.detector, world.now_us, "b");
    tell(&world);
    run_to(&world, 5000);
    assert_story(&world, "[ 1000] b dead (link_lost)\n");
}

static void test_hung_node_dies_of_silence(void **state)
{
    (void)state;
    struct world world = world_new(3);
    run_to(&world, 1000);
    world.hangs[1] = true; /* last word at 751 */
    run_to(&world, 10000);
    assert_int_equal(detector_stats(world.detector)->deaths, 1);
    assert_story(&world, "[ 1501] b suspect (silent)\n"
                         "[ 3751] b dead (silent)\n");
}

/* Goal: the bus gives up a link on which nothing comes, too, maybe just before we look. */
static void test_link_given_up_for_silence(void **state)
{
    (void)state;
    struct world world = world_new(3);
    run_to(&world, 1000);
    world.hangs[1] = true; /* last word at 751 */
    run_to(&world, 3740);
    world.now_us = TIME_MS(3752);
    detector_link_lost(world.detector, world.now_us, "b");
    tell(&world);
    assert_story(&world, "[ 1501] b suspect (silent)\n"
                         "[ 3752] b dead (silent)\n");
}

/* Others are told whom we miss at once, not with the next beat; not while it may be our fault. */
static void test_suspects_are_named_at_once(void **state)
{
    (void)state;
    const char *ids[2];
    struct world world = world_new(3);
    run_to(&world, 1000);
    world.hangs[0] = world.hangs[1] = true; /* last words at 1000 and 751 */
    run_to(&world, 1500);
    assert_int_equal(detector_suspects(world.detector, ids, 2), 0);
    run_to(&world, 1501);
    assert_int_equal(detector_suspects(world.detector, ids, 2), 1);
    assert_string_equal(ids[0], "b");
    run_to(&world, 1750);
    assert_int_equal(detector_suspects(world.detector, ids, 2), 2);
    assert_string_equal(ids[1], "a");
    assert_int_equal(detector_suspects(world.detector, ids, 1), 1);
    lag_to(&world, 2500);
    assert_int_equal(detector_suspects(world.detector, ids, 2), 0);
    run_to(&world, 3250);
    assert_int_equal(detector_suspects(world.detector, ids, 2), 2);
    detector_free(world.detector);
}

static void test_witness_makes_it_faster(void **state)
{
    (void)state;
    struct world world = world_new(3);
    run_to(&world, 1000);
    world.hangs[1] = true;
    detector_witness_told(world.detector, world.now_us, "b"); /* it spoke just now: means nothing */
    run_to(&world, 1350); /* two beats are missed, the second but just now: nor does this */
    detector_witness_told(world.detector, world.now_us, "b");
    tell(&world);
    run_to(&world, 1400);
    assert_string_equal(world.story, "");
    run_to(&world, 1600); /* a beat of the witness later */
    detector_witness_told(world.detector, world.now_us, "b");
    tell(&world);
    run_to(&world, 10000);
    assert_story(&world, "[ 1501] b suspect (silent)\n"
                         "[ 1600] b dead (witnessed)\n");
}

static void test_witness_of_a_suspect(void **state)
{
    (void)state;
    struct world world = world_new(3);
    run_to(&world, 1000);
    world.hangs[1] = true;
    run_to(&world, 2100);
    detector_witness_told(world.detector, world.now_us, "b");
    tell(&world);
    run_to(&world, 10000);
    assert_story(&world, "[ 1501] b suspect (silent)\n"
                         "[ 2100] b dead (witnessed)\n");
}

/* A witness does not speed up what we may not judge: whether we lag, or are cut off. */
static void test_witness_of_our_own_lag(void **state)
{
    (void)state;
    struct world world = world_new(3);
    run_to(&world, 1000);
    world.now_us = TIME_MS(2000);
    detector_expire(world.detector, world.now_us);
    tell(&world);
    detector_witness_told(world.detector, world.now_us, "b");
    tell(&world);
    run_to(&world, 20000);
    assert_story(&world, "");
}

static void test_hiccup_is_forgiven(void **state)
{
    (void)state;
    struct world world = world_new(3);
    run_to(&world, 1000);
    world.hangs[1] = true;
    run_to(&world, 3000);
    world.hangs[1] = false;
    run_to(&world, 10000);
    assert_story(&world, "[ 1501] b suspect (silent)\n"
                         "[ 3001] b alive (spoke)\n");
}

static void test_two_of_three_may_die_together(void **state)
{
    (void)state;
    struct world world = world_new(3);
    run_to(&world, 1000);
    world.hangs[0] = world.hangs[1] = true; /* last words at 1000 and 751 */
    run_to(&world, 10000);
    assert_story(&world, "[ 1501] b suspect (silent)\n"
                         "[ 1750] a suspect (silent)\n"
                         "[ 4000] b dead (silent)\n"
                         "[ 4000] a dead (silent)\n");
}

static void test_our_own_lag_kills_nobody(void **state)
{
    (void)state;
    struct world world = world_new(3);
    run_to(&world, 1000);
    lag_to(&world, 9000);
    run_to(&world, 20000);
    assert_int_equal(detector_stats(world.detector)->own_lag, 1);
    assert_int_equal(detector_stats(world.detector)->lag_us_worst, TIME_MS(7750));
    assert_story(&world, "");
}

/* Who hung while we lagged is found all the same, a suspect_us later. */
static void test_lag_delays_but_does_not_hide(void **state)
{
    (void)state;
    struct world world = world_new(3);
    run_to(&world, 1000);
    world.hangs[1] = true;
    lag_to(&world, 9000);
    run_to(&world, 20000);
    assert_story(&world, "[ 9750] b suspect (silent)\n"
                         "[ 9750] b dead (silent)\n");
}

static void test_everyone_silent_is_our_fault(void **state)
{
    (void)state;
    struct world world = world_new(3);
    run_to(&world, 1000);
    world.hangs[0] = world.hangs[1] = world.hangs[2] = true;
    run_to(&world, 9000);
    detector_witness_told(world.detector, world.now_us, "b"); /* not even so */
    tell(&world);
    /* The network is back, but c had died meanwhile. a's word is not the end of b. */
    world.hangs[0] = false;
    run_to(&world, 9300);
    world.hangs[1] = false;
    run_to(&world, 30000);
    assert_int_equal(detector_stats(world.detector)->all_silent, 1);
    assert_story(&world, "[ 1501] b suspect (silent)\n"
                         "[ 1502] c suspect (silent)\n"
                         "[ 1750] a suspect (silent)\n"
                         "[ 9250] a alive (spoke)\n"
                         "[ 9501] b alive (spoke)\n"
                         "[25750] c dead (silent)\n");
}

/* Goal: whose words are on their way after a cut, which TCP tries at intervals that double, is not
 * dead because another's came first. */
static void test_words_come_late_after_a_cut(void **state)
{
    (void)state;
    struct world world = world_new(3);
    run_to(&world, 1000);
    world.hangs[0] = world.hangs[1] = world.hangs[2] = true;
    run_to(&world, 3200);
    world.hangs[0] = false;
    run_to(&world, 9000); /* the second try got through */
    world.hangs[1] = false;
    run_to(&world, 20000);
    assert_story(&world, "[ 1501] b suspect (silent)\n"
                         "[ 1502] c suspect (silent)\n"
                         "[ 1750] a suspect (silent)\n"
                         "[ 3250] a alive (spoke)\n"
                         "[ 9001] b alive (spoke)\n"
                         "[11250] c dead (silent)\n");
}

/* Goal: our own side gives up links, too. Who had one has time to come again once another did. */
static void test_links_lost_while_everyone_is_silent(void **state)
{
    (void)state;
    struct world world = world_new(3);
    run_to(&world, 1000);
    world.hangs[0] = world.hangs[1] = world.hangs[2] = true;
    run_to(&world, 5000);
    for (size_t i = 0; i < 3; i++) {
        detector_link_lost(world.detector, world.now_us, names[i]);
        tell(&world);
    }
    run_to(&world, 8100);
    detector_node_registered(world.detector, world.now_us, "a");
    tell(&world);
    world.hangs[0] = false;
    run_to(&world, 10900);
    detector_node_registered(world.detector, world.now_us, "b");
    tell(&world);
    world.hangs[1] = false;
    run_to(&world, 20000);
    assert_story(&world, "[ 1501] b suspect (silent)\n"
                         "[ 1502] c suspect (silent)\n"
                         "[ 1750] a suspect (silent)\n"
                         "[ 8100] a alive (spoke)\n"
                         "[10900] b alive (spoke)\n"
                         "[11250] c dead (link_lost)\n");
}

static void test_single_node_never_dies_of_silence(void **state)
{
    (void)state;
    struct world world = world_new(1);
    world.hangs[0] = true;
    run_to(&world, 60000);
    detector_link_lost(world.detector, world.now_us, "a");
    tell(&world);
    run_to(&world, 62000); /* and then another one comes */
    detector_node_registered(world.detector, world.now_us, "b");
    tell(&world);
    world.beat_at_us[1] = world.now_us + BEAT_US;
    world.nodes = 2;
    run_to(&world, 70000);
    assert_story(&world, "[  750] a suspect (silent)\n"
                         "[65000] a dead (link_lost)\n");
}

/* Goal: nodes that are held do not die of silence, witnesses or lost links until that time, or at
 * all once they spoke; then they die of what happened meanwhile. */
static void test_held_nodes_wait(void **state)
{
    (void)state;
    struct world world = world_new(4); /* d is heard all the time */
    run_to(&world, 1100);
    world.hangs[0] = world.hangs[1] = world.hangs[2] = true;
    run_to(&world, 3000);
    for (size_t i = 0; i < 3; i++) {
        detector_hold(world.detector, world.now_us, names[i], TIME_MS(9000));
        assert_int_equal(detector_silence_us(world.detector, world.now_us, names[i]) / 1000,
                         2000 - (int64_t)i);
    }
    detector_hold(world.detector, world.now_us, "nobody", TIME_MS(9000));
    assert_true(detector_silence_us(world.detector, world.now_us, "nobody") == TIME_NEVER);
    run_to(&world, 5000);
    detector_witness_told(world.detector, world.now_us, "a");
    tell(&world);
    detector_link_lost(world.detector, world.now_us, "b");
    tell(&world);
    detector_link_lost(world.detector, world.now_us, "c");
    tell(&world);
    run_to(&world, 8000);
    world.hangs[2] = false;
    run_to(&world, 8100);
    detector_link_lost(world.detector, world.now_us, "c"); /* now it counts */
    tell(&world);
    run_to(&world, 10000);
    assert_story(&world, "[ 1750] a suspect (silent)\n"
                         "[ 1751] b suspect (silent)\n"
                         "[ 1752] c suspect (silent)\n"
                         "[ 8002] c alive (spoke)\n"
                         "[ 8100] c dead (link_lost)\n"
                         "[ 9002] a dead (witnessed)\n"
                         "[ 9002] b dead (link_lost)\n");
}

static void test_who_leaves_is_not_missed(void **state)
{
    (void)state;
    struct world world = world_new(3);
    run_to(&world, 1000);
    world.hangs[1] = true;
    detector_node_left(world.detector, "b");
    detector_node_left(world.detector, "nobody");
    detector_node_heard(world.detector, world.now_us, "nobody");
    run_to(&world, 20000);
    assert_story(&world, "");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_quiet_days_have_no_story),
        cmocka_unit_test(test_lost_link_is_death_at_once),
        cmocka_unit_test(test_hung_node_dies_of_silence),
        cmocka_unit_test(test_link_given_up_for_silence),
        cmocka_unit_test(test_witness_makes_it_faster),
        cmocka_unit_test(test_witness_of_a_suspect),
        cmocka_unit_test(test_suspects_are_named_at_once),
        cmocka_unit_test(test_witness_of_our_own_lag),
        cmocka_unit_test(test_hiccup_is_forgiven),
        cmocka_unit_test(test_two_of_three_may_die_together),
        cmocka_unit_test(test_our_own_lag_kills_nobody),
        cmocka_unit_test(test_lag_delays_but_does_not_hide),
        cmocka_unit_test(test_everyone_silent_is_our_fault),
        cmocka_unit_test(test_words_come_late_after_a_cut),
        cmocka_unit_test(test_links_lost_while_everyone_is_silent),
        cmocka_unit_test(test_single_node_never_dies_of_silence),
        cmocka_unit_test(test_held_nodes_wait),
        cmocka_unit_test(test_who_leaves_is_not_missed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
