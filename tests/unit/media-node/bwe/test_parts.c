/* SPDX-License-Identifier: Apache-2.0
 *
 * Goal: each part of the estimator alone: the history against a naive model, the meter to the
 * percent, groups and trend on traffic made by hand, loss on paths whose parameters are known.
 */
#include "media-node/core/bwe/parts.h"

#include <setjmp.h>

#include <cmocka.h>

#define MS TIME_MS(1)

/* ---- History -------------------------------------------------------------------------------- */

static struct slot *find(struct history *history, uint16_t seq)
{
    return history_find(history, history_number(history, seq));
}

static void history_knows_what_was_sent(void **state)
{
    (void)state;
    static int64_t sent_us[1 << 16]; /* by number; 0: never */
    struct prng prng;
    prng_seed(&prng, 1);
    struct history history = {0};
    uint16_t seq = 60000;
    int64_t now_us = 1000;
    for (int i = 0; i < 200000; i++) {
        uint16_t gap = prng_below(&prng, 50) == 0 ? (uint16_t)prng_below(&prng, 5) : 0;
        for (; gap > 0; gap--) {
            sent_us[++seq] = 0;
        }
        now_us += (int64_t)prng_below(&prng, 4000);
        sent_us[++seq] = now_us;
        history_add(&history, now_us, &(struct bwe_packet){.seq = seq, .size = (uint16_t)i});
        uint16_t asked = (uint16_t)(seq - prng_below(&prng, 1000));
        const struct slot *slot = find(&history, asked);
        bool young = sent_us[asked] != 0 && now_us - sent_us[asked] < HISTORY_US;
        assert_true(!young || slot != NULL || i < 1000);
        if (slot != NULL) {
            assert_int_equal(slot->sent_us, (uint32_t)sent_us[asked]);
            assert_int_equal(slot->state, SLOT_SENT);
        }
        assert_null(find(&history, (uint16_t)(seq + 1)));
    }
    assert_int_equal(history.size, 2048); /* 3 s of one packet in 2 ms */
    history_clear(&history);
}

static void history_starts_anew_after_a_leap(void **state)
{
    (void)state;
    struct history history = {0};
    history_add(&history, 1, &(struct bwe_packet){.seq = 10});
    history_add(&history, 2, &(struct bwe_packet){.seq = 30000});
    assert_null(find(&history, 10));
    assert_null(find(&history, 29999));
    assert_non_null(find(&history, 30000));
    history_clear(&history);
}

/* ---- Meter ---------------------------------------------------------------------------------- */

static void meter_measures(void **state)
{
    (void)state;
    struct meter meter = {0};
    assert_int_equal(meter_bps(&meter, TIME_S(5), METER_LONG), 0);
    int64_t at_us = TIME_S(100);
    for (int i = 0; i < 1000; i++, at_us += 5 * MS) {
        meter_add(&meter, at_us, 625); /* 1 Mbit/s */
        uint32_t bps = meter_bps(&meter, at_us, METER_LONG);
        assert_true(i < 100 || (bps > 980000 && bps < 1030000));
        bps = meter_bps(&meter, at_us, METER_SHORT);
        assert_true(i < 100 || (bps > 970000 && bps < 1060000));
    }
    assert_true(meter_bps(&meter, at_us + 250 * MS, METER_LONG) < 600000);
    assert_int_equal(meter_bps(&meter, at_us + TIME_S(1), METER_LONG), 0);
    meter_add(&meter, TIME_S(1), 625); /* a clock that jumps back */
    assert_int_equal(meter_bps(&meter, TIME_S(1), METER_LONG), 0);
}

/* 1 Mbit/s; nothing for a while, and then 20 ms of it again: what is delivered now is no less,
 * unless it is a small link that began. */
static void meter_knows_a_pause(void **state)
{
    (void)state;
    struct meter meter = {0};
    int64_t at_us = TIME_S(100);
    for (int i = 0; i < 200; i++, at_us += 5 * MS) {
        meter_add(&meter, at_us, 625);
    }
    assert_in_range(meter_now_bps(&meter), 970000, 1060000);
    struct meter smaller = meter;
    at_us += 150 * MS;
    for (int i = 0; i < 4; i++, at_us += 5 * MS) {
        meter_add(&meter, at_us, 625);
    }
    assert_in_range(meter_bps(&meter, meter.last_us, METER_SHORT), 0, 500000);
    assert_in_range(meter_now_bps(&meter), 600000, 800000); /* it paused for a third of it */
    for (int i = 0; i < 10; i++) {
        meter_add(&smaller, smaller.last_us + 20 * MS, 625);
    }
    assert_in_range(meter_now_bps(&smaller), 230000, 300000);
}

/* ---- Rate by delay -------------------------------------------------------------------------- */

/* The link was slow and is fast again: a train showed that, and its own queue is seen before the
 * rate rose by itself. The slow link's capacity is nothing to fall back to. */
static void rate_forgets_an_old_capacity(void **state)
{
    (void)state;
    struct aimd aimd = {.bps = 550000, .min_bps = BWE_MIN_BPS, .max_bps = BWE_MAX_BPS};
    aimd_settle(&aimd, TIME_S(1), 95000);
    aimd_raise(&aimd, TIME_S(9), 550000);
    const struct aimd_input in = {.usage = USAGE_OVER,
                                  .acked_bps = 500000,
                                  .acked_now_bps = 610000,
                                  .sent_bps = 520000,
                                  .rtt_us = 50 * MS};
    aimd_update(&aimd, TIME_S(10), &in);
    assert_in_range(aimd.bps, 450000, 550000);
}

/* What is sent and arrives although less was estimated, and no queue grows: it is there. Beside a
 * flow that fills the queue that says nothing. */
static void rate_takes_what_arrives(void **state)
{
    (void)state;
    for (int contended = 0; contended < 2; contended++) {
        struct aimd aimd = {.bps = 600000, .min_bps = BWE_MIN_BPS, .max_bps = BWE_MAX_BPS};
        struct aimd_input in = {.usage = USAGE_OVER,
                                .acked_bps = 60000,
                                .acked_now_bps = 60000,
                                .sent_bps = 600000,
                                .rtt_us = 50 * MS};
        int64_t now_us = TIME_S(10);
        aimd_update(&aimd, now_us, &in);
        assert_in_range(aimd.bps, 50000, 60000);
        in = (struct aimd_input){.usage = USAGE_NORMAL,
                                 .acked_bps = 400000,
                                 .acked_now_bps = 400000,
                                 .sent_bps = 300000,
                                 .rtt_us = 50 * MS,
                                 .contended = contended != 0};
        for (int i = 0; i < 12; i++) {
            aimd_update(&aimd, now_us += 50 * MS, &in);
        }
        uint32_t before_bps = aimd.bps; /* as the queue shrinks, what arrives means little */
        aimd_update(&aimd, now_us += 50 * MS, &in);
        if (contended) {
            assert_in_range(aimd.bps, before_bps, before_bps + 25000);
        } else {
            assert_true(before_bps < 140000);
            assert_in_range(aimd.bps, 270000, 300000);
        }
    }
}

/* ---- Probes --------------------------------------------------------------------------------- */

/* A result that does not last is not asked for again soon; unless the estimate falls to half of it.
 */
static void probes_after_a_collapse(void **state)
{
    (void)state;
    static const struct {
        uint32_t bps;
        bool contended;
        int64_t asked_us;
    } rows[] = {
        {500000, false, TIME_S(2) + TIME_S(4)},
        {390000, false, TIME_S(3) + TIME_S(1)},
        {390000, true, TIME_S(2) + TIME_S(4)},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct prober prober = {.started = true,
                                .wanted_bps = 2000000,
                                .raised_bps = 800000,
                                .raised_us = TIME_S(1),
                                .interval_us = TIME_S(1)};
        struct probe_state at = {.bps = 600000, .max_bps = BWE_MAX_BPS, .calm = true};
        prober_update(&prober, TIME_S(2), &at);
        at.bps = rows[i].bps;
        at.contended = rows[i].contended;
        prober_update(&prober, TIME_S(3), &at);
        assert_int_equal(prober_deadline(&prober, &at), rows[i].asked_us);
        prober_update(&prober, rows[i].asked_us, &at);
        assert_int_equal(prober.probes, 1);
    }
}

/* ---- Groups --------------------------------------------------------------------------------- */

static void groups_compare_bursts(void **state)
{
    (void)state;
    struct groups groups = {0};
    struct group_delta delta;
    assert_false(groups_add(&groups, 0, 100 * MS, &delta));
    assert_false(groups_add(&groups, 4 * MS, 104 * MS, &delta)); /* within 5 ms: the same */
    assert_false(groups_add(&groups, 20 * MS, 121 * MS, &delta));
    assert_true(groups_add(&groups, 40 * MS, 143 * MS, &delta)); /* the first two compared */
    assert_int_equal(delta.sent_us, 16 * MS);
    assert_int_equal(delta.arrived_us, 17 * MS);
    assert_int_equal(delta.at_us, 121 * MS);
    assert_false(groups_add(&groups, 10 * MS, 144 * MS, &delta)); /* of a closed group */
}

/* A path that stops and then lets all go at once is one group (gcc §5.2), not a queue. */
static void groups_merge_what_came_at_once(void **state)
{
    (void)state;
    struct groups groups = {0};
    struct group_delta delta;
    (void)groups_add(&groups, 0, 100 * MS, &delta);
    for (int i = 1; i <= 8; i++) {
        assert_false(groups_add(&groups, i * 10 * MS, 200 * MS + i * 100, &delta) && i > 2);
    }
    assert_true(groups.current.sent_last_us == 80 * MS);
    assert_true(groups.current.sent_first_us <= 20 * MS);
}

static void groups_forget_after_a_jump(void **state)
{
    (void)state;
    struct groups groups = {0};
    struct group_delta delta;
    (void)groups_add(&groups, 0, 100 * MS, &delta);
    (void)groups_add(&groups, 20 * MS, 120 * MS, &delta);
    (void)groups_add(&groups, 40 * MS, TIME_S(100), &delta);
    assert_false(groups_add(&groups, 60 * MS, TIME_S(100) + 20 * MS, &delta)); /* 100 s apart */
    (void)groups_add(&groups, 80 * MS, TIME_S(100) + 40 * MS, &delta);
    assert_true(groups_add(&groups, 100 * MS, TIME_S(100) + 60 * MS, &delta));
    assert_int_equal(delta.arrived_us, delta.sent_us);
}

/* ---- Trend ---------------------------------------------------------------------------------- */

/* Groups each 20 ms whose delay grows by so much each time; after how many it is over-used. */
static int groups_until_over(struct trend *trend, int64_t growth_us, int most)
{
    int64_t at_us = TIME_S(1);
    for (int i = 0; i < most; i++) {
        at_us += 20 * MS + growth_us;
        const struct group_delta delta = {20 * MS, 20 * MS + growth_us, at_us};
        if (trend_add(trend, &delta) == USAGE_OVER) {
            return i;
        }
    }
    return -1;
}

static void trend_finds_a_growing_queue(void **state)
{
    (void)state;
    struct trend steady = {0};
    assert_int_equal(groups_until_over(&steady, 0, 1000), -1);
    struct trend drifting = {0}; /* clocks 100 ppm apart */
    assert_int_equal(groups_until_over(&drifting, 2, 1000), -1);
    struct trend growing = {0}; /* a tenth too much */
    int groups = groups_until_over(&growing, 2 * MS, 100);
    assert_true(groups >= TREND_WINDOW - 1 && groups < 30);
    struct trend shrinking = {0};
    (void)groups_until_over(&shrinking, -2 * MS, 60);
    assert_int_equal(shrinking.usage, USAGE_UNDER);
}

static void trend_adapts_to_noise(void **state)
{
    (void)state;
    struct trend trend = {0};
    struct prng prng;
    prng_seed(&prng, 1);
    int64_t at_us = TIME_S(1);
    int over = 0;
    int64_t before_us = 0;
    for (int i = 0; i < 3000; i++) {
        int64_t noise_us = (int64_t)prng_below(&prng, 30000);
        const struct group_delta delta = {20 * MS, 20 * MS + noise_us - before_us,
                                          at_us + noise_us};
        over += i > 500 && trend_add(&trend, &delta) == USAGE_OVER;
        before_us = noise_us;
        at_us += 20 * MS;
    }
    assert_true(over < 30); /* of 2,500: 30 ms of jitter are no congestion */
}

/* ---- Drain ---------------------------------------------------------------------------------- */

static void drain_ends_a_standing_queue(void **state)
{
    (void)state;
    struct drain drain = {0};
    int64_t now_us = 0;
    for (; now_us < TIME_S(3); now_us += 50 * MS) { /* a path of -500 ms between two clocks */
        drain_add(&drain, now_us, -500 * MS);
        assert_int_equal(drain_update(&drain, now_us, 1000000, 1000000), 0);
        assert_int_equal(drain.bps, 0);
    }
    for (; drain.bps == 0; now_us += 50 * MS) {
        assert_true(now_us < TIME_S(4));
        drain_add(&drain, now_us, -200 * MS);
        assert_int_equal(drain_update(&drain, now_us, 1000000, 1000000), 0);
    }
    assert_in_range(drain.bps, 690000, 710000); /* 300 ms, gone in a second */
    drain_add(&drain, now_us, -480 * MS);
    assert_int_equal(drain_update(&drain, now_us, 500000, 690000), 1000000);
    assert_int_equal(drain.bps, 0);
    assert_false(drain.contended);
}

/* A higher layer was left: next to nothing is sent, and the queue goes without our help. */
static void a_queue_that_goes_is_not_drained(void **state)
{
    (void)state;
    struct drain drain = {0};
    drain_add(&drain, 0, 0);
    for (int64_t now_us = 0; now_us < TIME_S(3); now_us += 50 * MS) {
        drain_add(&drain, now_us, 300 * MS);
        (void)drain_update(&drain, now_us, now_us < TIME_S(2) ? 300000 : 420000, 500000);
        assert_int_equal(drain.bps, 0);
    }
    for (int64_t now_us = TIME_S(3); drain.bps == 0; now_us += 50 * MS) {
        assert_true(now_us < TIME_S(4)); /* it does not go any more */
        (void)drain_update(&drain, now_us, 490000, 500000);
    }
}

/* Packets of 1,000 bytes, each sent so long after the one before and found to be so late. */
static void arrive(struct drain *drain, int64_t *sent_us, unsigned count, int64_t apart_us,
                   int64_t later_us)
{
    int64_t delay_us = drain->delay_us;
    for (unsigned i = 0; i < count; i++) {
        *sent_us += apart_us;
        delay_us += later_us;
        drain_arrived(drain, *sent_us, *sent_us + delay_us, 1000);
    }
    drain_add(drain, *sent_us, delay_us);
}

static void what_piles_up_needs_no_slope(void **state)
{
    (void)state;
    struct drain drain = {0};
    int64_t sent_us = TIME_S(1);
    drain_add(&drain, 0, 0);
    arrive(&drain, &sent_us, 20, 7 * MS, 0); /* no queue: how they come is how they were sent */
    assert_int_equal(drain_piles(&drain, 1300000), 0);
    arrive(&drain, &sent_us, 5, 6 * MS, 10 * MS);      /* 500 kbit/s of 1,300 */
    assert_int_equal(drain_piles(&drain, 1300000), 0); /* a burst may look like that */
    arrive(&drain, &sent_us, 5, 6 * MS, 10 * MS);
    assert_in_range(drain_piles(&drain, 1300000), 495000, 505000);
    assert_int_equal(drain_piles(&drain, 600000), 0); /* not much more is sent */
    drain.contended = true;
    assert_int_equal(drain_piles(&drain, 1300000), 0);
    drain.contended = false;
    arrive(&drain, &sent_us, 40, 16 * MS, 0); /* a queue that does not grow is no news */
    assert_int_equal(drain_piles(&drain, 1300000), 0);
}

/* What is sent falls only when the lower layer's key frame has come: the queue grows to a second
 * meanwhile, and goes as fast as it should. */
static void drain_waits_until_less_is_sent(void **state)
{
    (void)state;
    struct drain drain = {0};
    int64_t begun_us = 0;
    int64_t queue_us = 400 * MS;
    drain_add(&drain, 0, 0);
    for (int64_t now_us = 0; begun_us == 0 || drain.bps != 0; now_us += 50 * MS) {
        assert_true(now_us < TIME_S(6));
        drain_add(&drain, now_us, queue_us);
        (void)drain_update(&drain, now_us, 500000, 500000);
        begun_us = begun_us == 0 && drain.bps != 0 ? now_us : begun_us;
        if (begun_us == 0) {
            continue;
        }
        bool begins = now_us - begun_us < 600 * MS;
        queue_us += begins ? 50 * MS : -(int64_t)(50 * MS * (1 - drain.bps / 500000.0));
    }
    assert_false(drain.contended);
}

static void drain_gives_up_where_the_queue_is_not_ours(void **state)
{
    (void)state;
    struct drain drain = {0};
    unsigned attempts = 0;
    drain_add(&drain, 0, 0);
    for (int64_t now_us = 0; now_us < TIME_S(60); now_us += 50 * MS) {
        drain_add(&drain, now_us, 300 * MS);
        bool before = drain.bps != 0;
        (void)drain_update(&drain, now_us, 1000000, 1000000);
        attempts += drain.bps != 0 && !before;
        assert_true(now_us < TIME_S(4) || drain.contended || drain.bps != 0);
    }
    assert_int_equal(attempts, 2); /* at the start, and 20 s later */
    for (int64_t now_us = TIME_S(60); now_us < TIME_S(70); now_us += 50 * MS) {
        drain_add(&drain, now_us, 10 * MS);
        (void)drain_update(&drain, now_us, 1000000, 1000000);
    }
    assert_false(drain.contended); /* the other one has left */
}

/* ---- Loss ----------------------------------------------------------------------------------- */

struct path {
    uint32_t limit_bps; /* what exceeds it is lost */
    unsigned inherent;  /* permille */
};

/* Quarters of a second at what is allowed; the mean of that over the second half. */
static double allowed(struct path path, uint32_t other_bps, uint64_t seed, int rounds)
{
    struct loss loss = {.bps = NO_LIMIT};
    struct prng prng;
    prng_seed(&prng, seed);
    double sum = 0;
    for (int i = 0; i < rounds; i++) {
        uint32_t bps = MIN(other_bps, loss.bps);
        sum += i >= rounds / 2 ? bps : 0;
        uint32_t packets = bps / 4 / 8 / 1200;
        double over = bps > path.limit_bps ? 1 - (double)path.limit_bps / bps : 0;
        uint64_t lost_permille = (uint64_t)(path.inherent + (1000 - path.inherent) * over);
        uint32_t lost = 0;
        for (uint32_t p = 0; p < packets; p++) {
            lost += prng_below(&prng, 1000) < lost_permille;
        }
        loss_add(&loss, i * 250 * MS, packets, (int)lost);
        const struct loss_input in = {
            .sent_bps = bps,
            .acked_bps = (uint32_t)((uint64_t)bps * (packets - lost) / packets),
            .other_bps = other_bps,
            .min_bps = BWE_MIN_BPS,
        };
        loss_update(&loss, (i + 1) * 250 * MS, &in);
    }
    return sum / (rounds - rounds / 2);
}

static void loss_tells_random_from_congestion(void **state)
{
    (void)state;
    static const struct {
        struct path path;
        uint32_t other_bps;
        double least_bps;
        double most_bps;
    } rows[] = {
        {{UINT32_MAX, 0}, 2000000, 2000000, 2000000},
        {{UINT32_MAX, 50}, 2000000, 1900000, 2000000},
        {{UINT32_MAX, 100}, 2000000, 1800000, 2000000},
        {{UINT32_MAX, 200}, 2000000, 1500000, 2000000},
        {{1000000, 0}, 2000000, 900000, 1150000},
        {{1000000, 100}, 2000000, 850000, 1200000},
        {{1900000, 0}, 2000000, 1700000, 2000000},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        for (uint64_t seed = 1; seed <= 5; seed++) {
            double mean = allowed(rows[i].path, rows[i].other_bps, seed, 400);
            print_message("limit %7u, %3u permille lost anyway: %.2f Mbit/s allowed\n",
                          MIN(rows[i].path.limit_bps, 9999999u), rows[i].path.inherent, mean / 1e6);
            assert_true(mean >= rows[i].least_bps && mean <= rows[i].most_bps);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(history_knows_what_was_sent),
        cmocka_unit_test(history_starts_anew_after_a_leap),
        cmocka_unit_test(meter_measures),
        cmocka_unit_test(meter_knows_a_pause),
        cmocka_unit_test(rate_takes_what_arrives),
        cmocka_unit_test(rate_forgets_an_old_capacity),
        cmocka_unit_test(probes_after_a_collapse),
        cmocka_unit_test(groups_compare_bursts),
        cmocka_unit_test(groups_merge_what_came_at_once),
        cmocka_unit_test(groups_forget_after_a_jump),
        cmocka_unit_test(trend_finds_a_growing_queue),
        cmocka_unit_test(trend_adapts_to_noise),
        cmocka_unit_test(drain_ends_a_standing_queue),
        cmocka_unit_test(a_queue_that_goes_is_not_drained),
        cmocka_unit_test(what_piles_up_needs_no_slope),
        cmocka_unit_test(drain_waits_until_less_is_sent),
        cmocka_unit_test(drain_gives_up_where_the_queue_is_not_ours),
        cmocka_unit_test(loss_tells_random_from_congestion),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
