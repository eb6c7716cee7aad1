/* SPDX-License-Identifier: Apache-2.0
 *
 * Goal: what a client drops because it has not applied the description of a stream yet is taken for
 * no loss on its way, and is sent again once it has.
 */
#include "tests/unit/media-node/node/meeting.h"

/* Video is dropped for so long after its first packet. */
static void begin(struct meeting *m, int64_t drops_us)
{
    meeting_begin(m, 5000000);
    meeting_chromium(m, TIME_MS(450), 1);
    m->drops_us = drops_us;
    while (m->dropped == 0 || m->now_us < m->applies_us) {
        meeting_step(m);
        assert_true(m->now_us < TIME_S(10));
    }
}

static int64_t until_shown_us(struct meeting *m)
{
    while (m->decoder.shown == 0) {
        meeting_step(m);
        assert_true(m->now_us - m->applies_us < TIME_S(5));
    }
    return m->decoder.shown_us - m->applies_us;
}

/* The next picture comes after 67 ms at most, feedback about it takes 50 and two ways of 20. */
static void the_first_picture_is_sent_again(void **state)
{
    (void)state;
    static const int64_t drops_us[] = {TIME_MS(30), TIME_MS(100), TIME_MS(250)};
    for (size_t i = 0; i < ARRAY_LEN(drops_us); i++) {
        struct meeting m;
        begin(&m, drops_us[i]);
        uint64_t asked = node_counters(m.node)->plis_sent;
        assert_in_range(until_shown_us(&m), 0, TIME_MS(67 + 50 + 2 * 20 + 10));
        assert_int_equal(node_counters(m.node)->plis_sent, asked);
        assert_true(node_counters(m.node)->rtx_sent > 0);
        meeting_end(&m);
    }
}

static void what_is_dropped_was_not_lost_on_the_way(void **state)
{
    (void)state;
    struct meeting m;
    begin(&m, TIME_MS(600));
    assert_true(m.dropped > 10);
    meeting_run(&m, 3);
    assert_int_equal(m.paused_told, 0);
    assert_int_equal(m.layer_bits_was, 4);
    meeting_end(&m);
}

/* What is older than a second is not worth it: a new picture is asked for. */
static void after_long_a_key_frame_is_asked_for(void **state)
{
    (void)state;
    struct meeting m;
    begin(&m, TIME_MS(1200));
    uint64_t resent = node_counters(m.node)->rtx_sent;
    assert_in_range(until_shown_us(&m), 0, TIME_MS(67 + 50 + 2 * 20 + 10 + 450 + 67));
    assert_int_equal(node_counters(m.node)->rtx_sent, resent);
    meeting_end(&m);
}

static void who_asks_meanwhile_is_answered_by_that(void **state)
{
    (void)state;
    struct meeting m;
    begin(&m, TIME_MS(100));
    uint64_t asked = node_counters(m.node)->plis_sent;
    meeting_lost_picture(&m);
    assert_in_range(until_shown_us(&m), 0, TIME_MS(67 + 50 + 2 * 20 + 10));
    meeting_lost_picture(&m);
    assert_int_equal(node_counters(m.node)->plis_sent, asked);
    meeting_run(&m, 3);
    asked = node_counters(m.node)->plis_sent;
    meeting_lost_picture(&m);
    assert_int_equal(node_counters(m.node)->plis_sent, asked + 1);
    meeting_end(&m);
}

/* Taken just when the node would wait for it no longer, with a key frame of the last second. */
static void what_is_taken_at_the_last_moment_is_sent_again(void **state)
{
    (void)state;
    unsigned again = 0;
    for (int64_t ms = 4880; ms <= 5000; ms += 10) {
        struct meeting m;
        meeting_begin(&m, 5000000);
        meeting_chromium(&m, TIME_MS(200), 1);
        m.drops_us = TIME_MS(ms);
        while (m.dropped == 0 || m.now_us < m.applies_us) {
            meeting_step(&m);
            if (m.dropped > 0 && m.now_us == m.applies_us - TIME_MS(700)) {
                meeting_lost_picture(&m);
            }
        }
        again += until_shown_us(&m) < TIME_MS(167);
        meeting_end(&m);
    }
    assert_true(again > 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_first_picture_is_sent_again),
        cmocka_unit_test(what_is_dropped_was_not_lost_on_the_way),
        cmocka_unit_test(what_is_taken_at_the_last_moment_is_sent_again),
        cmocka_unit_test(after_long_a_key_frame_is_asked_for),
        cmocka_unit_test(who_asks_meanwhile_is_answered_by_that),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
