/* SPDX-License-Identifier: Apache-2.0
 *
 * Goal: on a shared link nobody starves and nobody starves others: a bulk transfer (Reno or CUBIC)
 * and a call, and two calls, each get at least 0.3 of the link in the mean of 90 s (a call beside
 * CUBIC behind a second of queue: a sixth). Two calls with layers settle instead of taking turns.
 */
#include "tests/unit/media-node/bwe/world.h"

#define SEEDS     5
#define SHARE_MIN 0.3

/* 300 ms of queue at 2 Mbit/s: three times the path's product of rate and delay. */
static const struct bottleneck_config shared = {
    .bps = 2000000, .queue_bytes = 75000, .delay_us = TIME_MS(25)};
static const struct call_config elastic = {.source = CALL_ELASTIC, .wanted_bps = 5000000};

static void with_a_transfer(bool cubic, uint32_t queue_bytes, double share_min)
{
    struct bottleneck_config link = shared;
    link.queue_bytes = queue_bytes;
    for (uint64_t seed = 1; seed <= SEEDS; seed++) {
        struct world *world = world_new(&link, seed);
        world_call(world, &elastic);
        world_tcp(world, cubic, TIME_S(10));
        world_run(world, 120);
        double call = world_carried(world, 0, 30, 120) / shared.bps;
        double transfer = world_carried(world, WORLD_CALLS, 30, 120) / shared.bps;
        print_message("%s: the call gets %.2f of the link, the transfer %.2f\n",
                      cubic ? "CUBIC" : "Reno", call, transfer);
        assert_true(call >= share_min);
        assert_true(transfer >= SHARE_MIN);
        assert_true(call + transfer >= 0.95);
        world_free(world);
    }
}

static void reno(void **state)
{
    (void)state;
    with_a_transfer(false, shared.queue_bytes, SHARE_MIN);
}

static void cubic(void **state)
{
    (void)state;
    with_a_transfer(true, shared.queue_bytes, SHARE_MIN);
}

/* A second of queue, which no call is good with. CUBIC's growth hardly slows down with the round
 * trip, ours does: a sixth of the link is what is left. */
/* Three layers, of which the middle one takes a third of a fair share: what arrives of it says
 * nothing of what would. */
static void layers_beside_a_transfer(void **state)
{
    (void)state;
    static const uint32_t queues[] = {60000, 150000};
    for (size_t i = 0; i < ARRAY_LEN(queues); i++) {
        double watched = 0;
        double paused = 0;
        for (uint64_t seed = 1; seed <= SEEDS; seed++) {
            const struct bottleneck_config link = {
                .bps = 3000000, .queue_bytes = queues[i], .delay_us = TIME_MS(20)};
            struct world *world = world_new(&link, seed);
            world_call(world, &(struct call_config){.source = CALL_LAYERS,
                                                    .wanted_bps = CALL_LAYER_TOP,
                                                    .frame_us = 66667,
                                                    .uneven = 40});
            world_tcp(world, true, TIME_S(10));
            world_run(world, 70);
            watched += world_share_layer(world, 0, 20, 70, 1) / SEEDS;
            watched += world_share_layer(world, 0, 20, 70, 2) / SEEDS;
            paused += world_share_layer(world, 0, 20, 70, -1) / SEEDS;
            world_free(world);
        }
        print_message("layers beside CUBIC, %.0f ms of queue: middle or best %.0f %% of the time, "
                      "none %.0f %%\n",
                      queues[i] / 375.0, 100 * watched, 100 * paused);
        assert_true(watched >= 0.5);
        assert_true(paused <= 0.2);
    }
}

static void a_second_of_queue(void **state)
{
    (void)state;
    with_a_transfer(false, 250000, SHARE_MIN);
    with_a_transfer(true, 250000, 1.0 / 6);
}

/* The transfer ends: all of the link again. */
static void after_a_transfer(void **state)
{
    (void)state;
    struct world *world = world_new(&shared, 1);
    world_call(world, &elastic);
    world_tcp(world, true, TIME_S(10));
    world->tcp.end_us = TIME_S(60);
    world_run(world, 90);
    double full_s = world_until_above(world, 0, 60, 0.85 * shared.bps);
    print_message("after a transfer: 0.85 of the link in %.1f s\n", full_s);
    assert_true(full_s <= 8);
    assert_true(world_queue_ms(world, 75, 90) < 50);
    world_free(world);
}

static void second_call(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= SEEDS; seed++) {
        struct world *world = world_new(&shared, seed);
        struct call_config later = elastic;
        later.start_us = TIME_S(10);
        world_call(world, &elastic);
        world_call(world, &later);
        world_run(world, 120);
        double first = world_carried(world, 0, 30, 120) / shared.bps;
        double second = world_carried(world, 1, 30, 120) / shared.bps;
        print_message("two calls: %.2f and %.2f of the link, queue %.0f ms\n", first, second,
                      world_queue_ms(world, 30, 120));
        assert_true(first >= SHARE_MIN && second >= SHARE_MIN);
        assert_true(first + second >= 0.85);
        assert_true(world_queue_ms(world, 30, 120) < 40);
        world_free(world);
    }
}

static void two_calls_with_layers_settle(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= SEEDS; seed++) {
        struct world *world = world_new(&shared, seed);
        struct call_config first = {.source = CALL_LAYERS, .wanted_bps = 2000000};
        struct call_config second = first;
        second.start_us = TIME_S(10);
        world_call(world, &first);
        world_call(world, &second);
        world_run(world, 120);
        unsigned changes = world->calls[0]->layer_changes + world->calls[1]->layer_changes;
        print_message("two calls with layers: middle layer %.0f and %.0f %% of the time, "
                      "%u changes in all\n",
                      100 * world_share_layer(world, 0, 30, 120, 1),
                      100 * world_share_layer(world, 1, 30, 120, 1), changes);
        assert_true(world_share_layer(world, 0, 30, 120, 0) < 0.1);
        assert_true(world_share_layer(world, 1, 30, 120, 0) < 0.1);
        assert_true(changes <= 12);
        world_free(world);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reno),
        cmocka_unit_test(cubic),
        cmocka_unit_test(layers_beside_a_transfer),
        cmocka_unit_test(a_second_of_queue),
        cmocka_unit_test(after_a_transfer),
        cmocka_unit_test(second_call),
        cmocka_unit_test(two_calls_with_layers_settle),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
