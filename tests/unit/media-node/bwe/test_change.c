/* SPDX-License-Identifier: Apache-2.0
 *
 * Goal: what a person notices when a call starts or its link changes: full quality within the time
 * the project asks for, the right layer soon after a link has shrunk, no delay that stays, no
 * layers that come and go.
 */
#include "tests/unit/media-node/bwe/world.h"

#define SEEDS      3
#define BUSY_SEEDS 20
#define WIDE_BPS   2000000
#define SMALL_BPS  500000

static const struct bottleneck_config wide = {
    .bps = WIDE_BPS, .queue_bytes = 75000, .delay_us = TIME_MS(25)};
static const struct call_config elastic = {.source = CALL_ELASTIC, .wanted_bps = 5000000};
static const struct call_config layers = {.source = CALL_LAYERS, .wanted_bps = WIDE_BPS};

static struct world *begin(const struct bottleneck_config *link, const struct call_config *call,
                           uint64_t seed)
{
    struct world *world = world_new(link, seed);
    world_call(world, call);
    return world;
}

static void starts_at_full_quality(void **state)
{
    (void)state;
    static const struct {
        int64_t delay_us; /* one way */
        double within_s;
    } rows[] = {{TIME_MS(10), 1}, {TIME_MS(25), 1}, {TIME_MS(75), 2}, {TIME_MS(150), 4}};
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        for (uint64_t seed = 1; seed <= SEEDS; seed++) {
            struct bottleneck_config link = wide;
            link.delay_us = rows[i].delay_us;
            struct world *world = begin(&link, &layers, seed);
            world_run(world, 30);
            double top_s = world_until_layer(world, 0, 0, CALL_LAYER_COUNT - 1);
            print_message("start at %3d ms: top layer after %.1f s, %u changes in 30 s\n",
                          (int)(2 * rows[i].delay_us / 1000), top_s,
                          world->calls[0]->layer_changes);
            assert_true(top_s <= rows[i].within_s);
            assert_true(world_share_layer(world, 0, rows[i].within_s, 30, 2) > 0.95);
            world_free(world);
        }
    }
}

/* A client whose machine is busy takes packets up in heaps: trains that come all at once show
 * nothing, and there are many of these. */
static void starts_on_a_busy_machine(void **state)
{
    (void)state;
    static const int64_t delays_us[] = {TIME_MS(10), TIME_MS(150)};
    for (size_t i = 0; i < ARRAY_LEN(delays_us); i++) {
        double sum_s = 0, worst_s = 0, share = 0;
        for (uint64_t seed = 1; seed <= BUSY_SEEDS; seed++) {
            struct bottleneck_config link = wide;
            struct call_config call = layers;
            link.delay_us = delays_us[i];
            call.starved.until_us = TIME_S(60);
            call.starved.stand_us = TIME_MS(80);
            call.starved.run_us = TIME_MS(40);
            struct world *world = begin(&link, &call, seed);
            world_run(world, 40);
            double top_s = world_until_layer(world, 0, 0, CALL_LAYER_COUNT - 1);
            sum_s += top_s;
            worst_s = MAX(worst_s, top_s);
            share += world_share_layer(world, 0, 0, 40, CALL_LAYER_COUNT - 1);
            world_free(world);
        }
        print_message(
            "start at %3d ms, busy: top layer after %.1f s, at most %.1f; there %.0f %% of "
            "40 s\n",
            (int)(2 * delays_us[i] / 1000), sum_s / BUSY_SEEDS, worst_s, 100 * share / BUSY_SEEDS);
        assert_true(sum_s / BUSY_SEEDS <= 8 && worst_s <= 30);
        assert_true(share / BUSY_SEEDS >= 0.8);
    }
}

/* 2 Mbit/s, after 30 s 500 kbit/s, after 20 more 2 Mbit/s again. */
static struct world *step(const struct call_config *call, uint64_t seed)
{
    struct world *world = begin(&wide, call, seed);
    world_run(world, 30);
    world->link->config.bps = SMALL_BPS;
    world_run(world, 50);
    world->link->config.bps = WIDE_BPS;
    world_run(world, 70);
    return world;
}

static void step_of_an_elastic_source(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= SEEDS; seed++) {
        struct world *world = step(&elastic, seed);
        double down_s = world_until_below(world, 0, 30, 1.15 * SMALL_BPS);
        double up_s = world_until_above(world, 0, 50, 0.85 * WIDE_BPS);
        double queue_ms = world_queue_ms(world, 35, 50);
        print_message("step: down in %.1f s, up in %.1f s, queue of the small link %.0f ms\n",
                      down_s, up_s, queue_ms);
        assert_true(down_s <= 3);
        assert_true(up_s <= 8);
        assert_true(queue_ms <= 80);
        double small = world_target(world, 0, 35, 50) / SMALL_BPS;
        double full = world_target(world, 0, 58, 70) / WIDE_BPS;
        assert_true(small >= 0.85 && small <= 1.15);
        assert_true(full >= 0.85 && full <= 1.15);
        world_free(world);
    }
}

static void step_of_layers(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= SEEDS; seed++) {
        struct world *world = step(&layers, seed);
        double down_s = world_until_below(world, 0, 30, CALL_LAYER_TOP);
        double up_s = world_until_layer(world, 0, 50, 2);
        print_message("step: top layer left after %.1f s, back after %.1f s, %u changes\n", down_s,
                      up_s, world->calls[0]->layer_changes);
        assert_true(down_s <= 3);
        assert_true(world_share_layer(world, 0, 33, 50, 2) == 0); /* too much for the small link */
        assert_true(up_s <= 8);
        assert_true(world_share_layer(world, 0, 58, 70, 2) == 1);
        assert_true(world_queue_ms(world, 33, 50) <= 20);
        assert_true(world->calls[0]->layer_changes <= 8);
        world_free(world);
    }
}

/* A long time on the small link must not make the estimator slow to try. */
static double seconds_up_after_minutes(const struct call_config *call, uint64_t seed)
{
    struct world *world = begin(&wide, call, seed);
    world->link->config.bps = SMALL_BPS;
    world_run(world, 150);
    world->link->config.bps = WIDE_BPS;
    world_run(world, 170);
    double up_s = call->source == CALL_LAYERS
                      ? world_until_layer(world, 0, 150, CALL_LAYER_COUNT - 1)
                      : world_until_above(world, 0, 150, 0.85 * WIDE_BPS);
    world_free(world);
    return up_s;
}

static void up_after_minutes(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= SEEDS; seed++) {
        double layers_s = seconds_up_after_minutes(&layers, seed);
        double elastic_s = seconds_up_after_minutes(&elastic, seed);
        print_message("up after 150 s: top layer in %.1f s, an elastic source in %.1f s\n",
                      layers_s, elastic_s);
        assert_true(layers_s <= 8);
        assert_true(elastic_s <= 8);
    }
}

/* Random loss must not take the layer that the link carries: 1.6 of 2 Mbit/s. */
static void ten_percent_loss_does_not_collapse(void **state)
{
    (void)state;
    struct bottleneck_config link = wide;
    link.loss_permille = 100;
    for (uint64_t seed = 1; seed <= SEEDS; seed++) {
        struct world *world = begin(&link, &layers, seed);
        world_run(world, 90);
        double share = world_share_layer(world, 0, 10, 90, 2);
        print_message("10 %% loss: top layer %.0f %% of the time, %u changes in 90 s\n",
                      share * 100, world->calls[0]->layer_changes);
        assert_true(share >= 0.9);
        assert_true(world_share_layer(world, 0, 10, 90, 0) < 0.01);
        world_free(world);
    }
}

/* Nothing arrives for three seconds, as in a lift. */
static void outage(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= SEEDS; seed++) {
        struct world *world = begin(&wide, &layers, seed);
        world_run(world, 20);
        world->link->config.loss_permille = 1000;
        world_run(world, 23);
        world->link->config.loss_permille = 0;
        world_run(world, 40);
        double back_s = world_until_layer(world, 0, 23.2, 2);
        print_message("outage: %.2f Mbit/s at its end, top layer %.1f s after it\n",
                      world_target(world, 0, 22.9, 23) / 1e6, back_s);
        assert_true(world_target(world, 0, 22.9, 23) < WIDE_BPS / 2.0);
        assert_true(back_s <= 8);
        world_free(world);
    }
}

/* What was sent in the silence is gone, and the link is smaller after it: nothing is undone. */
static void outage_on_the_way_to_a_small_link(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= SEEDS; seed++) {
        struct world *world = begin(&wide, &layers, seed);
        world_run(world, 20);
        world->link->config.loss_permille = 1000;
        world_run(world, 23);
        world->link->config.loss_permille = 0;
        world->link->config.bps = SMALL_BPS;
        world_run(world, 25);
        double before = world_target(world, 0, 22.9, 23), after = world_target(world, 0, 23, 25);
        print_message("outage: %.2f Mbit/s at its end, %.2f in the 2 s after it\n", before / 1e6,
                      after / 1e6);
        assert_true(after < 1.5 * SMALL_BPS);
        world_free(world);
    }
}

/* A client without CPU stands still for up to a second, runs for a moment, and so on. What it takes
 * up late looks like a queue, and there is none; that it says nothing for so long is no outage. */
static void starved_client(void **state)
{
    (void)state;
    static const struct bottleneck_config unlimited = {.delay_us = TIME_MS(20)};
    static const int64_t stands_us[] = {TIME_MS(300), TIME_S(1)};
    for (size_t i = 0; i < 2 * SEEDS; i++) {
        struct call_config call = layers;
        call.starved.until_us = TIME_S(20);
        call.starved.stand_us = stands_us[i / SEEDS];
        call.starved.run_us = TIME_MS(2);
        struct world *world = begin(&unlimited, &call, 1 + i % SEEDS);
        world_run(world, 40);
        double paused = world_share_layer(world, 0, 1, 20, -1);
        double top_s = world_until_layer(world, 0, 20, 2);
        print_message(
            "starved for up to %4d ms at a time: paused %.0f %%, top layer %.1f s after\n",
            (int)(call.starved.stand_us / 1000), 100 * paused, top_s);
        assert_true(paused <= 0.2);
        assert_true(world_share_layer(world, 0, 20.3, 40, -1) == 0);
        assert_true(top_s <= 8);
        world_free(world);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(starts_at_full_quality),
        cmocka_unit_test(starts_on_a_busy_machine),
        cmocka_unit_test(step_of_an_elastic_source),
        cmocka_unit_test(step_of_layers),
        cmocka_unit_test(up_after_minutes),
        cmocka_unit_test(ten_percent_loss_does_not_collapse),
        cmocka_unit_test(outage),
        cmocka_unit_test(outage_on_the_way_to_a_small_link),
        cmocka_unit_test(starved_client),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
