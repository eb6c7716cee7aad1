/* SPDX-License-Identifier: Apache-2.0
 *
 * Goal: a burst leaves at the rate and in order, nothing is lost, and a train has its rate.
 */
#include "media-node/core/pacer/pacer.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#define START_US TIME_S(100)
#define RATE     1000000 /* 8 us a byte */
#define SIZE     1000    /* 8 ms */

static void send_one(struct pacer *pacer, int64_t now_us)
{
    assert_int_equal(pacer_sent(pacer, now_us, SIZE), 0);
}

static void without_a_rate_nothing_waits(void **state)
{
    (void)state;
    struct pacer pacer = {0};
    for (unsigned i = 0; i < 1000; i++) {
        assert_false(pacer_holds(&pacer, START_US));
        send_one(&pacer, START_US);
    }
    assert_int_equal(pacer_deadline(&pacer), TIME_NEVER);
    pacer_fini(&pacer);
}

/* 100 packets at once: so many as PACER_BURST_US takes leave, then one every 8 ms. */
static void a_burst_leaves_at_the_rate(void **state)
{
    (void)state;
    struct pacer pacer = {0};
    struct pacer_item item;
    unsigned at_once = 0;
    pacer_set_rate(&pacer, RATE);
    for (unsigned i = 0; i < 100; i++) {
        if (pacer_holds(&pacer, START_US)) {
            assert_false(pacer_push(&pacer, (struct pacer_item){.index = i, .stream = 1}, &item));
        } else {
            send_one(&pacer, START_US);
            at_once++;
        }
    }
    assert_int_equal(at_once, 3); /* the third is begun at 16 ms */
    int64_t now_us = START_US;
    for (unsigned i = at_once; i < 100; i++) {
        now_us = pacer_deadline(&pacer);
        assert_false(pacer_pop(&pacer, now_us - 1, &item));
        assert_true(pacer_pop(&pacer, now_us, &item));
        assert_int_equal(item.index, i);
        send_one(&pacer, now_us);
        assert_false(pacer_pop(&pacer, now_us, &item));
    }
    assert_in_range(now_us - START_US, 97 * TIME_MS(8) - TIME_MS(20), 97 * TIME_MS(8));
    assert_int_equal(pacer_deadline(&pacer), TIME_NEVER);
    pacer_fini(&pacer);
}

static void a_full_queue_gives_its_oldest(void **state)
{
    (void)state;
    struct pacer pacer = {0};
    struct pacer_item item;
    for (unsigned i = 0; i < PACER_QUEUE; i++) {
        assert_false(pacer_push(&pacer, (struct pacer_item){.index = i, .stream = i % 2}, &item));
    }
    assert_true(pacer_push(&pacer, (struct pacer_item){.index = PACER_QUEUE, .stream = 0}, &item));
    assert_int_equal(item.index, 0);
    pacer_forget(&pacer, 1);
    for (unsigned i = 2; i <= PACER_QUEUE; i += 2) {
        assert_true(pacer_take(&pacer, &item));
        assert_int_equal(item.index, i);
    }
    assert_false(pacer_take(&pacer, &item));
    pacer_fini(&pacer);
}

/* The ring goes once nothing waited for long, and comes back when something does. */
static void rest_gives_the_ring_back(void **state)
{
    (void)state;
    struct pacer pacer = {0};
    struct pacer_item item;
    pacer_set_rate(&pacer, RATE);
    for (unsigned round = 0; round < 3; round++) {
        int64_t now_us = START_US + round * TIME_S(60);
        for (unsigned i = 0; i < 100; i++) {
            assert_false(pacer_push(&pacer, (struct pacer_item){.index = i, .stream = 1}, &item));
        }
        pacer_trim(&pacer, now_us + TIME_S(30)); /* something waits, for whatever reason */
        assert_non_null(pacer.ring);
        for (unsigned i = 0; i < 100; i++) {
            assert_true(pacer_take(&pacer, &item));
            assert_int_equal(item.index, i);
        }
        send_one(&pacer, now_us); /* takes 8 ms */
        pacer_trim(&pacer, now_us + TIME_MS(8) + PACER_REST_US - 1);
        assert_non_null(pacer.ring);
        pacer_trim(&pacer, now_us + TIME_MS(8) + PACER_REST_US);
        assert_null(pacer.ring);
    }
    pacer_fini(&pacer);
}

/* What others are kept waiting for is bounded, whatever was sent. */
static void no_debt_without_end(void **state)
{
    (void)state;
    struct pacer pacer = {0};
    pacer_set_rate(&pacer, RATE);
    for (unsigned i = 0; i < 10000; i++) {
        send_one(&pacer, START_US);
    }
    assert_true(pacer_holds(&pacer, START_US + PACER_DEBT_US - PACER_BURST_US - 1));
    assert_false(pacer_holds(&pacer, START_US + PACER_DEBT_US));
    pacer_fini(&pacer);
}

static void a_train_has_its_rate(void **state)
{
    (void)state;
    struct pacer pacer = {0};
    const struct bwe_probe probe = {
        .id = 7, .packets_min = 5, .rate_bps = 8 * RATE, .bytes = 20 * SIZE};
    pacer_probe(&pacer, START_US, &probe);
    unsigned sent = 0;
    int64_t now_us = START_US;
    while (pacer.train.probe.id != 0) {
        while (pacer_train_due(&pacer, now_us)) {
            assert_int_equal(pacer_sent(&pacer, now_us, SIZE), 7);
            sent++;
        }
        assert_true(pacer.train.probe.id == 0 || pacer_deadline(&pacer) > now_us);
        now_us = MIN(now_us + TIME_MS(1), MAX(now_us, pacer_deadline(&pacer)));
    }
    assert_int_equal(sent, 20);
    assert_in_range(now_us - START_US, TIME_MS(19), TIME_MS(20));
    pacer_fini(&pacer);
}

/* One that nothing is sent of does not last. */
static void an_empty_train_ends(void **state)
{
    (void)state;
    struct pacer pacer = {0};
    const struct bwe_probe probe = {.id = 7, .packets_min = 5, .rate_bps = RATE, .bytes = 5 * SIZE};
    pacer_probe(&pacer, START_US, &probe);
    assert_true(pacer_train_due(&pacer, START_US));
    assert_true(pacer_holds(&pacer, START_US));
    assert_false(pacer_train_due(&pacer, START_US + TIME_MS(200)));
    assert_false(pacer_holds(&pacer, START_US + TIME_MS(200)));
    pacer_fini(&pacer);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(without_a_rate_nothing_waits),
        cmocka_unit_test(a_burst_leaves_at_the_rate),
        cmocka_unit_test(a_full_queue_gives_its_oldest),
        cmocka_unit_test(rest_gives_the_ring_back),
        cmocka_unit_test(no_debt_without_end),
        cmocka_unit_test(a_train_has_its_rate),
        cmocka_unit_test(an_empty_train_ends),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
