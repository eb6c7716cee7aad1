/* SPDX-License-Identifier: Apache-2.0
 *
 * Goal: what the contract says about an idle transport, memory, probes, and clients without
 * transport-cc: REMB bounds, receiver reports steer.
 */
#include "media-node/core/bwe/bwe.h"

#include <setjmp.h>

#include <cmocka.h>

static struct bwe *with_transport_cc(void)
{
    return bwe_new(&(struct bwe_config){.transport_cc = true}, 0);
}

static struct bwe *without_transport_cc(void)
{
    return bwe_new(&(struct bwe_config){0}, 0);
}

static size_t memory(const struct bwe *bwe)
{
    struct bwe_stats stats;
    bwe_stats(bwe, &stats);
    return stats.memory;
}

/* 10,000 of them are to be cheap, and to need no timer. */
static void idle(void **state)
{
    (void)state;
    struct bwe *bwe = with_transport_cc();
    print_message("idle: %zu bytes\n", memory(bwe));
    assert_true(memory(bwe) < 2048);
    assert_true(bwe_deadline(bwe) == TIME_NEVER);
    assert_int_equal(bwe_estimate(bwe).target_bps, BWE_START_BPS);
    assert_int_equal(bwe_estimate(bwe).pacing_bps, BWE_START_BPS * 5 / 2);
    struct bwe_probe probe;
    assert_false(bwe_poll(bwe, &probe));
    bwe_free(bwe);
}

static void send(struct bwe *bwe, int64_t now_us, uint16_t seq, uint8_t probe)
{
    bwe_sent(bwe, now_us, &(struct bwe_packet){.seq = seq, .size = 1200, .probe = probe});
}

static void history_comes_and_goes(void **state)
{
    (void)state;
    struct bwe *bwe = with_transport_cc();
    size_t idle = memory(bwe);
    send(bwe, 0, 7, 0);
    assert_int_equal(memory(bwe) - idle, 256 * 8);
    for (uint16_t i = 1; i < 20000; i++) { /* 40 Mbit/s */
        send(bwe, i * 240, (uint16_t)(7 + i), 0);
    }
    assert_int_equal(memory(bwe) - idle, 8192 * 8);
    int64_t now_us = 20000 * 240;
    while (bwe_deadline(bwe) != TIME_NEVER) { /* silence is found, then it is idle */
        now_us = MAX(now_us, bwe_deadline(bwe));
        assert_true(now_us < TIME_S(60));
        bwe_expire(bwe, now_us);
    }
    assert_int_equal(memory(bwe), idle);
    send(bwe, now_us, 3, 0); /* and any number may be the first again */
    bwe_free(bwe);
}

static void first_probes(void **state)
{
    (void)state;
    struct bwe *bwe = with_transport_cc();
    struct bwe_probe probes[2], none;
    bwe_wanted(bwe, TIME_MS(5), 3000000);
    assert_true(bwe_poll(bwe, &probes[0]));
    assert_true(bwe_poll(bwe, &probes[1]));
    assert_false(bwe_poll(bwe, &none));
    assert_int_equal(probes[0].rate_bps, 3 * BWE_START_BPS);
    assert_int_equal(probes[1].rate_bps, 6 * BWE_START_BPS);
    assert_int_equal(probes[1].bytes, 6 * BWE_START_BPS / 8 / 50); /* 20 ms of it */
    assert_true(probes[0].id != probes[1].id && probes[0].id != 0 && probes[1].id != 0);
    assert_true(probes[0].deadline_us == TIME_MS(205));
    bwe_expire(bwe, TIME_MS(206)); /* not begun in time */
    struct bwe_stats stats;
    bwe_stats(bwe, &stats);
    assert_int_equal(stats.probes, 2);
    assert_int_equal(stats.probes_failed, 2);
    bwe_free(bwe);
}

static void no_probes_where_all_is_there(void **state)
{
    (void)state;
    struct bwe *bwe = with_transport_cc();
    struct bwe_probe probe;
    bwe_wanted(bwe, 0, BWE_START_BPS);
    assert_false(bwe_poll(bwe, &probe));
    assert_true(bwe_deadline(bwe) == TIME_NEVER);
    bwe_wanted(bwe, 0, BWE_START_BPS * 2); /* one train of 1.2 times that is enough */
    assert_true(bwe_poll(bwe, &probe));
    assert_int_equal(probe.rate_bps, BWE_START_BPS * 24 / 10);
    assert_false(bwe_poll(bwe, &probe));
    bwe_free(bwe);
}

/* ---- Without transport-cc ------------------------------------------------------------------- */

/* Sends at the estimate and reports each second, for so many seconds. */
static int64_t run(struct bwe *bwe, int64_t now_us, int seconds, unsigned lost_percent)
{
    for (int s = 0; s < seconds; s++) {
        uint32_t packets = bwe_estimate(bwe).target_bps / (1200 * 8);
        for (uint32_t i = 0; i < packets; i++) {
            send(bwe, now_us + (int64_t)i * TIME_S(1) / packets, 0, 0);
        }
        now_us += TIME_S(1);
        const struct bwe_loss loss = {packets, packets * lost_percent / 100};
        bwe_report(bwe, now_us, loss);
        struct bwe_probe probe;
        assert_false(bwe_poll(bwe, &probe));
    }
    return now_us;
}

/* At that rate, for so many seconds. */
static int64_t send_at(struct bwe *bwe, int64_t now_us, int seconds, uint32_t bps)
{
    uint32_t packets = bps / (1200 * 8) * (uint32_t)seconds;
    for (uint32_t i = 0; i < packets; i++) {
        send(bwe, now_us + (int64_t)i * TIME_S(seconds) / packets, 0, 0);
    }
    return now_us + TIME_S(seconds);
}

static void remb_is_followed_as_far_as_it_can_know(void **state)
{
    (void)state;
    struct bwe *bwe = without_transport_cc();
    bwe_remb(bwe, 0, 1500000); /* of nothing */
    assert_int_equal(bwe_estimate(bwe).target_bps, BWE_START_BPS);
    int64_t now_us = send_at(bwe, 0, 1, 480000);
    bwe_remb(bwe, now_us, 10000000000);
    uint32_t most = bwe_estimate(bwe).target_bps;
    assert_in_range(most, 700000, 760000);
    bwe_remb(bwe, now_us, 400000);
    assert_int_equal(bwe_estimate(bwe).target_bps, 400000);
    assert_true(bwe_deadline(bwe) == now_us + TIME_S(5));
    bwe_expire(bwe, now_us + TIME_S(5)); /* no bound any more, and no reason for more */
    assert_int_equal(bwe_estimate(bwe).target_bps, 400000);
    now_us = send_at(bwe, now_us + TIME_S(5), 1, 1200000);
    bwe_remb(bwe, now_us, 1500000);
    assert_int_equal(bwe_estimate(bwe).target_bps, 1500000);
    now_us = send_at(bwe, now_us, 1, 120000); /* less is sent: what was known stands */
    bwe_remb(bwe, now_us, 1500000);
    assert_int_equal(bwe_estimate(bwe).target_bps, 1500000);
    bwe_remb(bwe, now_us, 0);
    assert_int_equal(bwe_estimate(bwe).target_bps, BWE_MIN_BPS);
    bwe_free(bwe);
}

/* A second of 240 kbit/s that ends with that REMB: trains that were asked for in it. */
static unsigned trains_in_a_second(struct bwe *bwe, int64_t *now_us, uint32_t remb_bps)
{
    unsigned trains = 0;
    for (unsigned i = 0; i < 25; i++) {
        struct bwe_probe probe;
        send(bwe, *now_us, 0, 0);
        if (bwe_deadline(bwe) <= *now_us) {
            bwe_expire(bwe, *now_us);
        }
        while (bwe_poll(bwe, &probe)) {
            struct bwe_stats stats;
            bwe_stats(bwe, &stats);
            uint32_t bps = bwe_estimate(bwe).target_bps; /* and somewhat more, once it is told */
            uint32_t over_bps = stats.remb_bps != UINT32_MAX ? bps / 5 + 40000 : 0;
            assert_int_equal(probe.rate_bps, bps + over_bps);
            trains++;
        }
        *now_us += TIME_MS(40);
    }
    bwe_remb(bwe, *now_us, remb_bps);
    return trains;
}

static void the_next_layer_is_tried_with_padding(void **state)
{
    (void)state;
    struct bwe *bwe = without_transport_cc();
    struct bwe_step next = {.bps = 340000, .padding = true};
    int64_t now_us = TIME_S(1);
    bwe_next(bwe, now_us, &next);
    for (uint32_t bps = 300000; bps < next.bps; bps += 20000) {
        assert_in_range(trains_in_a_second(bwe, &now_us, bps), 3, 4);
    }
    (void)trains_in_a_second(bwe, &now_us, next.bps);
    assert_int_equal(trains_in_a_second(bwe, &now_us, next.bps), 0); /* it is there */
    next.bps = 500000;
    bwe_next(bwe, now_us, &next);
    assert_in_range(trains_in_a_second(bwe, &now_us, 300000), 3, 4); /* a queue grows */
    for (unsigned i = 0; i < 5; i++) {
        assert_int_equal(trains_in_a_second(bwe, &now_us, 300000), 0);
    }
    for (unsigned i = 0; i < 2; i++) { /* once more, and it does not rise */
        assert_in_range(trains_in_a_second(bwe, &now_us, 300000), 3, 4);
    }
    assert_in_range(trains_in_a_second(bwe, &now_us, 300000), 1, 3);
    for (unsigned i = 0; i < 9; i++) {
        assert_int_equal(trains_in_a_second(bwe, &now_us, 300000), 0);
    }
    bwe_free(bwe);
}

static void the_next_layer_is_tried_itself(void **state)
{
    (void)state;
    struct bwe *bwe = without_transport_cc();
    const struct bwe_step next = {.bps = 700000};
    int64_t now_us = TIME_S(1);
    bwe_next(bwe, now_us, &next);
    (void)trains_in_a_second(bwe, &now_us, 240000);
    unsigned tried = 0;
    for (unsigned s = 0; s < 30; s++) { /* REMB stands still */
        tried += bwe_estimate(bwe).target_bps == next.bps;
        assert_int_equal(trains_in_a_second(bwe, &now_us, 240000), 0);
    }
    print_message("%u s of 30 were trials\n", tried);
    assert_in_range(tried, 6, 10);
    bwe_free(bwe);
}

static void reports_without_loss_let_it_rise(void **state)
{
    (void)state;
    struct bwe *bwe = without_transport_cc();
    int64_t now_us = run(bwe, 0, 10, 0);
    uint32_t after_10 = bwe_estimate(bwe).target_bps;
    run(bwe, now_us, 20, 0);
    print_message("no loss: %u and %u kbit/s after 10 and 30 s\n", after_10 / 1000,
                  bwe_estimate(bwe).target_bps / 1000);
    assert_true(after_10 > 1.8 * BWE_START_BPS && after_10 < 2.5 * BWE_START_BPS); /* 8 % a s */
    assert_true(bwe_estimate(bwe).target_bps > 8 * BWE_START_BPS);
    bwe_free(bwe);
}

/* A bottleneck of 1 Mbit/s without a queue: all that is too much is lost. */
static void reports_of_overload_hold_it_near_the_link(void **state)
{
    (void)state;
    struct bwe *bwe = without_transport_cc();
    int64_t now_us = 0;
    uint64_t sum = 0;
    for (int s = 0; s < 90; s++) {
        uint32_t bps = bwe_estimate(bwe).target_bps;
        unsigned lost = bps > 1000000 ? 100 - 100000000u / bps : 0;
        now_us = run(bwe, now_us, 1, lost);
        sum += s >= 30 ? bps : 0;
    }
    print_message("1 Mbit/s policed: %u kbit/s in the mean\n", (unsigned)(sum / 60 / 1000));
    assert_true(sum / 60 > 850000 && sum / 60 < 1150000);
    bwe_free(bwe);
}

/* Reports do not concern a transport that has better feedback. */
static void reports_are_ignored_with_transport_cc(void **state)
{
    (void)state;
    struct bwe *bwe = with_transport_cc();
    for (int i = 0; i < 20; i++) {
        bwe_report(bwe, i * TIME_S(1), (struct bwe_loss){100, 90});
    }
    assert_int_equal(bwe_estimate(bwe).target_bps, BWE_START_BPS);
    bwe_free(bwe);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(idle),
        cmocka_unit_test(history_comes_and_goes),
        cmocka_unit_test(first_probes),
        cmocka_unit_test(no_probes_where_all_is_there),
        cmocka_unit_test(remb_is_followed_as_far_as_it_can_know),
        cmocka_unit_test(the_next_layer_is_tried_with_padding),
        cmocka_unit_test(the_next_layer_is_tried_itself),
        cmocka_unit_test(reports_without_loss_let_it_rise),
        cmocka_unit_test(reports_of_overload_hold_it_near_the_link),
        cmocka_unit_test(reports_are_ignored_with_transport_cc),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
