/* SPDX-License-Identifier: Apache-2.0
 *
 * Goal: feedback that is lost, late, reordered or missing altogether, a receiver's clock that
 * wraps, and feedback that lies: the estimate stays near the truth, or falls, and never rises by
 * any of it.
 */
#include "tests/unit/media-node/bwe/world.h"

#include <stdlib.h>

#define BPS 2000000

static const struct bottleneck_config plain = {
    .bps = BPS, .queue_bytes = 75000, .delay_us = TIME_MS(25)};

static void check_steady(const struct call_config *config, const char *name)
{
    struct world *world = world_new(&plain, 1);
    world_call(world, config);
    world_run(world, 60);
    double mean = world_target(world, 0, 10, 60) / BPS;
    double share = world_share_within(world, 0, 10, 60, 0.85 * BPS, 1.15 * BPS);
    print_message("%s: mean %.2f of the link, %.0f %% of the time within 15 %%\n", name, mean,
                  share * 100);
    assert_true(mean >= 0.85 && mean <= 1.15);
    assert_true(share >= 0.8);
    world_free(world);
}

static struct call_config elastic(void)
{
    return (struct call_config){.source = CALL_ELASTIC, .wanted_bps = 5000000};
}

static void lost_feedback(void **state)
{
    (void)state;
    struct call_config config = elastic();
    config.back = (struct bottleneck_config){.delay_us = TIME_MS(25), .loss_permille = 300};
    check_steady(&config, "30 % of the feedback lost");
}

static void late_feedback(void **state)
{
    (void)state;
    struct call_config config = elastic();
    config.hold_us = TIME_MS(200);
    check_steady(&config, "feedback each 250 ms");
}

static void reordered_feedback(void **state)
{
    (void)state;
    struct call_config config = elastic();
    config.back = (struct bottleneck_config){.delay_us = TIME_MS(25),
                                             .jitter_us = TIME_MS(20),
                                             .reorder_permille = 100,
                                             .reorder_us = TIME_MS(120)};
    check_steady(&config, "10 % of the feedback 120 ms late");
}

static struct world *run_with(int64_t clock_us, uint16_t first_seq)
{
    struct world *world = world_new(&plain, 1);
    struct call_config config = elastic();
    config.clock_us = clock_us;
    config.first_seq = first_seq;
    world_call(world, &config);
    world_run(world, 60);
    return world;
}

/* The receiver's clock wraps after 12.4 days, and changes its sign after half of that; numbers wrap
 * after 65,536. Neither may be seen in a single estimate. Offsets are multiples of the reference
 * time's 64 ms and of the meters' buckets, so that all else is the same. */
static void clocks_and_numbers_wrap(void **state)
{
    (void)state;
    const int64_t even_us = 4096000;
    const int64_t wrap_us = (int64_t)(1 << 24) * 64000;
    struct world *before = run_with(even_us, 0);
    const int64_t clocks_us[] = {wrap_us - 7 * even_us, wrap_us / 2 - 7 * even_us}; /* 29 s */
    for (size_t i = 0; i < ARRAY_LEN(clocks_us); i++) {
        struct world *world = run_with(clocks_us[i], 64000);
        for (size_t s = 0; s < 600; s++) {
            assert_int_equal(world->samples[s].target_bps[0], before->samples[s].target_bps[0]);
        }
        world_free(world);
    }
    world_free(before);
}

/* The client goes on receiving and says nothing; then it speaks again. */
static void silence_decays_and_ends(void **state)
{
    (void)state;
    struct world *world = world_new(&plain, 1);
    struct call_config config = elastic();
    struct call *call = world_call(world, &config);
    world_run(world, 20);
    call->silent = true;
    world_run(world, 40);
    print_message("silence: %.2f, %.2f, %.2f Mbit/s after 1, 3, 10 s\n",
                  world_target(world, 0, 20.9, 21) / 1e6, world_target(world, 0, 22.9, 23) / 1e6,
                  world_target(world, 0, 29.9, 30) / 1e6);
    assert_true(world_target(world, 0, 20.5, 20.9) > 0.8 * BPS); /* not at once */
    assert_true(world_target(world, 0, 22.9, 23) < 0.5 * BPS);
    assert_true(world_target(world, 0, 29.9, 40) <= 50000);
    struct bwe_stats stats;
    bwe_stats(call->bwe, &stats);
    assert_true(stats.silences > 5);
    call->silent = false;
    world_run(world, 60);
    double back_s = world_until_above(world, 0, 40, 0.85 * BPS);
    print_message("... and 0.85 of the link %.1f s after it\n", back_s);
    assert_true(back_s <= 8);
    world_free(world);
}

/* A client that never says anything is sent less and less, and is not probed for ever. */
static void silent_from_the_start(void **state)
{
    (void)state;
    struct world *world = world_new(&plain, 1);
    struct call_config config = elastic();
    struct call *call = world_call(world, &config);
    call->silent = true;
    world_run(world, 20);
    struct bwe_stats stats;
    bwe_stats(call->bwe, &stats);
    assert_true(world_target(world, 0, 10, 20) <= 50000);
    assert_true(stats.probes <= 2);
    world_free(world);
}

/* ---- Lies ----------------------------------------------------------------------------------- */

struct liar {
    struct bwe *bwe;
    int64_t now_us;
    uint16_t seq;
    uint8_t count;
};

static void tell(struct liar *liar, uint16_t base_seq, const int64_t *arrival_us, size_t count)
{
    uint8_t data[RTCP_OUT_MAX];
    struct rtcp_writer writer = {.data = data, .cap = sizeof(data)};
    const struct rtcp_arrivals arrivals = {arrival_us, count, base_seq, liar->count++};
    size_t covered;
    assert_int_equal(rtcp_write_twcc(&writer, (struct rtcp_feedback){1, 2}, &arrivals, &covered),
                     0);
    struct rtcp_iter iter;
    struct rtcp_packet packet;
    struct rtcp_twcc twcc;
    assert_int_equal(rtcp_begin(&iter, data, writer.len), 0);
    assert_true(rtcp_next(&iter, &packet));
    assert_int_equal(rtcp_read_twcc(&packet, &twcc), 0);
    bwe_feedback(liar->bwe, liar->now_us, &twcc);
}

static struct liar liar_new(uint32_t wanted_bps)
{
    struct liar liar = {.bwe = bwe_new(&(struct bwe_config){.transport_cc = true}, 0)};
    bwe_wanted(liar.bwe, 0, wanted_bps);
    return liar;
}

/* 5 packets of 1,000 bytes each 50 ms: 800 kbit/s. */
static void send_five(struct liar *liar)
{
    for (int i = 0; i < 5; i++) {
        liar->now_us += TIME_MS(10);
        const struct bwe_packet packet = {.seq = liar->seq++, .size = 1000};
        bwe_sent(liar->bwe, liar->now_us, &packet);
    }
}

/* All packets arrived within a microsecond of each other, a moment after the last ones. */
static void arrivals_of_ten_gigabit(void **state)
{
    (void)state;
    struct liar liar = liar_new(1000000000);
    struct bwe_probe probe;
    for (int round = 0; round < 1200; round++) {
        int64_t times[5];
        send_five(&liar);
        for (size_t i = 0; i < ARRAY_LEN(times); i++) {
            times[i] = liar.now_us / 8 + (int64_t)i; /* eight times as fast as time goes by */
        }
        tell(&liar, (uint16_t)(liar.seq - 5), times, ARRAY_LEN(times));
        while (bwe_poll(liar.bwe, &probe)) { /* asked for, never sent */
        }
    }
    uint32_t bps = bwe_estimate(liar.bwe).target_bps;
    print_message("10 Gbit/s claimed, 800 kbit/s sent: %u kbit/s\n", bps / 1000);
    assert_true(bps <= 1.25 * 800000 + 60000);
    bwe_free(liar.bwe);
}

/* Numbers that were never sent, arrivals before earlier ones, and days ahead. */
static void nonsense(void **state)
{
    (void)state;
    struct liar liar = liar_new(5000000);
    struct prng prng;
    prng_seed(&prng, 1);
    for (int round = 0; round < 2000; round++) {
        int64_t times[40];
        int64_t at_us = (int64_t)prng_below(&prng, 1u << 30) * 1000;
        send_five(&liar);
        for (size_t i = 0; i < ARRAY_LEN(times); i++) {
            at_us = MAX(0, at_us + (int64_t)prng_below(&prng, 16000000) - 8000000);
            at_us = at_us / 250 * 250;
            times[i] = i == 0 || prng_below(&prng, 4) != 0 ? at_us : RTCP_NOT_RECEIVED;
            if (i > 0 && times[i] != RTCP_NOT_RECEIVED) { /* within 16 bits of the one before */
                at_us = times[i] = times[0] + (int64_t)prng_below(&prng, 8000000);
            }
        }
        tell(&liar, (uint16_t)(liar.seq - 20 + prng_below(&prng, 30)), times, 1);
        tell(&liar, (uint16_t)prng_next(&prng), times, 1);
        assert_true(bwe_estimate(liar.bwe).target_bps >= BWE_MIN_BPS);
        assert_true(bwe_estimate(liar.bwe).target_bps <= 1.25 * 800000 + 60000);
    }
    struct bwe_stats stats;
    bwe_stats(liar.bwe, &stats);
    assert_true(stats.unknown > 1000);
    bwe_free(liar.bwe);
}

/* ---- Numbers that jump ---------------------------------------------------------------------- */

/* Statuses in three runs: arrived all at once, lost, arrived. */
struct runs {
    uint16_t base_seq;
    unsigned arrived, lost, arrived_then;
};

static void tell_runs(struct liar *liar, const struct runs *runs)
{
    uint8_t chunks[32];
    static const uint8_t deltas[64]; /* small ones, of 0 */
    size_t len = 0;
    unsigned lost = runs->lost;
    be16_put(chunks + len, (uint16_t)(1u << 13 | runs->arrived));
    for (len += 2; lost > 0; len += 2) {
        be16_put(chunks + len, (uint16_t)MIN(lost, 8191));
        lost -= MIN(lost, 8191);
    }
    be16_put(chunks + len, (uint16_t)(1u << 13 | runs->arrived_then));
    const struct rtcp_twcc twcc = {
        .chunks = {chunks, len + 2},
        .deltas = {deltas, runs->arrived + runs->arrived_then},
        .base_seq = runs->base_seq,
        .count = (uint16_t)(runs->arrived + runs->lost + runs->arrived_then),
        .reference_us = liar->now_us / 64000 * 64000,
    };
    bwe_feedback(liar->bwe, liar->now_us, &twcc);
}

static void assert_heard(struct liar *liar, unsigned feedbacks)
{
    struct bwe_stats stats;
    bwe_stats(liar->bwe, &stats);
    assert_int_equal(stats.feedbacks, feedbacks);
    assert_int_equal(stats.silences, 0);
    assert_true(stats.rtt_us > 0);
    assert_in_range(stats.acked_bps, 600000, 1100000);
    bwe_free(liar->bwe);
}

/* The client's last node had counted to 30,000 when it died, this one begins at 0: each feedback
 * tells of what arrived from this one, of 30,000 that did not, and of the last ones of that one. */
static void behind_the_numbers_of_a_dead_node(void **state)
{
    (void)state;
    struct liar liar = liar_new(0);
    for (unsigned i = 0; i < 40; i++) {
        send_five(&liar);
        bwe_expire(liar.bwe, liar.now_us);
        tell_runs(&liar, &(struct runs){(uint16_t)(liar.seq - 5), 5, 30000, 5});
    }
    assert_heard(&liar, 40);
}

/* This one begins 16,384 ahead: the first feedback tells of all in between. */
static void ahead_of_the_numbers_of_a_dead_node(void **state)
{
    (void)state;
    struct liar liar = liar_new(0);
    liar.seq = 16384;
    send_five(&liar);
    tell_runs(&liar, &(struct runs){0, 0, 16384, 5});
    struct bwe_stats stats;
    bwe_stats(liar.bwe, &stats);
    assert_int_equal(stats.unknown, 16384);
    assert_true(stats.rtt_us > 0);
    for (unsigned i = 0; i < 40; i++) {
        send_five(&liar);
        bwe_expire(liar.bwe, liar.now_us);
        tell_runs(&liar, &(struct runs){(uint16_t)(liar.seq - 5), 5, 0, 0});
    }
    assert_heard(&liar, 41);
}

/* No more of a feedback is read than was ever sent. */
static void too_many_statuses(void **state)
{
    (void)state;
    struct liar liar = liar_new(0);
    send_five(&liar);
    tell_runs(&liar, &(struct runs){(uint16_t)(liar.seq - 5), 5, 65000, 20});
    struct bwe_stats stats;
    bwe_stats(liar.bwe, &stats);
    assert_int_equal(stats.unknown, 8192 - 5);
    bwe_free(liar.bwe);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lost_feedback),
        cmocka_unit_test(late_feedback),
        cmocka_unit_test(reordered_feedback),
        cmocka_unit_test(clocks_and_numbers_wrap),
        cmocka_unit_test(silence_decays_and_ends),
        cmocka_unit_test(silent_from_the_start),
        cmocka_unit_test(arrivals_of_ten_gigabit),
        cmocka_unit_test(nonsense),
        cmocka_unit_test(too_many_statuses),
        cmocka_unit_test(behind_the_numbers_of_a_dead_node),
        cmocka_unit_test(ahead_of_the_numbers_of_a_dead_node),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
