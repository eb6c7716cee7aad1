/* SPDX-License-Identifier: Apache-2.0
 *
 * Goal: a node sends a client what its network takes, and no more, by its transport-cc feedback.
 */
#include "tests/unit/media-node/node/meeting.h"

static void layers_follow_the_link(void **state)
{
    (void)state;
    struct meeting m;
    meeting_begin(&m, 600000);
    meeting_run(&m, 3);
    uint64_t lost = link_stats(m.down)->queue_full;
    for (unsigned i = 0; i < 7; i++) {
        meeting_run(&m, 1);
        assert_int_equal(m.layer_bits_was, 1);
        assert_in_range(m.audio_was.packets, 48, 52);
        assert_in_range(m.audio_was.longest_us, 0, TIME_MS(60));
    }
    assert_int_equal(link_stats(m.down)->queue_full, lost);
    assert_int_equal(m.paused, 0);
    assert_in_range(m.estimate_bps, 550000,
                    600000); /* padding is small: a tenth of it is headers */
    meeting_set_rate(&m, 5000000);
    unsigned up = meeting_until_layer(&m, 2, 10);
    print_message("from 600 kbit/s to 5 Mbit/s: the highest layer after %u s, %llu lost at the "
                  "start\n",
                  up, (unsigned long long)lost);
    meeting_run(&m, 5);
    assert_int_equal(m.layer_bits_was, 4);
    meeting_set_rate(&m, 600000);
    (void)meeting_until_layer(&m, 0, 5);
    meeting_end(&m);
}

static void no_bandwidth_pauses_video_not_sound(void **state)
{
    (void)state;
    struct meeting m;
    meeting_begin(&m, 600000);
    meeting_run(&m, 5);
    assert_int_equal(m.paused, 0);
    meeting_set_rate(&m, 90000);
    meeting_run(&m, 5);
    for (unsigned i = 0; i < 3; i++) {
        meeting_run(&m, 1);
        assert_int_equal(m.layer_bits_was, 0);
        assert_in_range(m.audio_was.packets, 48, 52);
        assert_in_range(m.audio_was.longest_us, 0, TIME_MS(80));
    }
    assert_int_equal(m.paused, 1);
    meeting_set_rate(&m, 600000);
    (void)meeting_until_layer(&m, 0, 10);
    assert_int_equal(m.paused, 0);
    meeting_end(&m);
}

/* The link takes less than sound and the lowest layer for a second. */
static void a_moment_is_no_reason_to_pause(void **state)
{
    (void)state;
    struct meeting m;
    meeting_begin(&m, 600000);
    meeting_run(&m, 5);
    meeting_set_rate(&m, 140000);
    meeting_run(&m, 1);
    meeting_set_rate(&m, 600000);
    meeting_run(&m, 5);
    assert_int_equal(m.paused_told, 0);
    assert_int_equal(m.layer_bits_was, 1);
    meeting_end(&m);
}

/* Two videos and room for one. */
static void what_matters_most_stays(void **state)
{
    (void)state;
    static const struct {
        bool screen;
        uint32_t priority;
        unsigned layer; /* that stays */
    } rows[] = {{false, 0, 0}, {true, 0, OTHER}, {false, 1, OTHER}};
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct meeting m;
        meeting_begin(&m, 600000);
        m.screen = rows[i].screen;
        m.priority = rows[i].priority;
        meeting_tell_room(&m);
        m.layers[OTHER]->due_us = m.now_us;
        m.layers[1]->due_us = m.layers[2]->due_us = TIME_NEVER;
        meeting_run(&m, 5);
        assert_int_equal(m.layer_bits_was, 1u << OTHER | 1);
        meeting_set_rate(&m, 260000);
        meeting_run(&m, 6);
        assert_int_equal(m.layer_bits_was, 1u << rows[i].layer);
        assert_int_equal(m.paused, 1);
        meeting_end(&m);
    }
}

/* As its owner says where a client comes from a dead node. */
static void numbers_begin_where_told(void **state)
{
    (void)state;
    struct meeting m;
    meeting_begin(&m, 0);
    while (m.second_us == TIME_S(2) && m.viewer->numbered_seq == 0) {
        meeting_step(&m);
    }
    assert_in_range(m.viewer->numbered_seq, VIEWER_CC, VIEWER_CC + 10);
    meeting_end(&m);
}

static void an_open_link_has_all_within_a_second(void **state)
{
    (void)state;
    struct meeting m;
    meeting_begin(&m, 0);
    meeting_run(&m, 2);
    assert_int_equal(m.layer_bits_was, 4);
    assert_true(node_counters(m.node)->trains_sent > 0);
    meeting_end(&m);
}

/* One layer of next to nothing for 10 s, then of 900 kbit/s: nobody paused it for what it had not
 * needed so far. */
static void what_was_still_may_move(void **state)
{
    (void)state;
    struct meeting m;
    meeting_begin(&m, 5000000);
    m.layers[1]->due_us = TIME_NEVER;
    m.layers[2]->due_us = TIME_NEVER;
    m.divisor = 10;
    meeting_run(&m, 10);
    m.divisor = 0;
    m.factor = 6;
    for (unsigned i = 0; i < 5; i++) {
        meeting_run(&m, 1);
        assert_true(m.video_was.packets > 28);
    }
    assert_int_equal(m.paused_told, 0);
    meeting_end(&m);
}

/* Sizes inside one stream, as simulcast layers: those that fit; and at last fewer pictures. */
static void sizes_inside_a_stream_follow_the_link(void **state)
{
    (void)state;
    struct meeting m;
    meeting_begin(&m, 600000);
    m.svc = true;
    meeting_tell_room(&m);
    for (size_t i = 0; i < LAYERS; i++) {
        m.layers[i]->due_us = TIME_NEVER;
    }
    m.layers[OTHER]->due_us = m.now_us;
    meeting_run(&m, 10);
    for (unsigned i = 0; i < 3; i++) {
        meeting_run(&m, 1);
        assert_int_equal(m.layer_bits_was, 3); /* the middle size, and the lowest that it needs */
        assert_in_range(m.audio_was.packets, 48, 52);
    }
    meeting_set_rate(&m, 5000000);
    unsigned seconds = 0;
    for (; m.layer_bits_was != 7; seconds++) {
        assert_true(seconds < 10);
        meeting_run(&m, 1);
    }
    print_message("from 600 kbit/s to 5 Mbit/s: the largest size after %u s\n", seconds);
    meeting_set_rate(&m, 600000);
    meeting_run(&m, 5);
    assert_int_equal(m.layer_bits_was, 3);
    assert_int_equal(m.svc_active, 0x3f); /* the targets of two sizes, three rates each */
    meeting_set_rate(&m, 80000);          /* the smallest size and sound would take 125 kbit/s */
    meeting_run(&m, 8);
    for (unsigned i = 0; i < 3; i++) {
        meeting_run(&m, 1);
        assert_int_equal(m.layer_bits_was, 1);
        assert_in_range(m.video_was.packets, 7, 16);
    }
    assert_int_equal(m.paused, 0);
    meeting_end(&m);
}

/* Sound and all of the lowest layer take 180 kbit/s, with half of its pictures 100. */
static void fewer_pictures_rather_than_none(void **state)
{
    (void)state;
    struct meeting m;
    meeting_begin(&m, 600000);
    m.rates = true;
    meeting_run(&m, 5);
    assert_int_equal(m.layer_bits_was, 1);
    assert_in_range(m.video_was.packets, 29, 35);
    meeting_set_rate(&m, 160000);
    meeting_run(&m, 6);
    for (unsigned i = 0; i < 3; i++) {
        meeting_run(&m, 1);
        assert_int_equal(m.layer_bits_was, 1);
        assert_in_range(m.video_was.packets, 7, 17);
        assert_in_range(m.audio_was.packets, 48, 52);
    }
    assert_int_equal(m.paused, 0);
    meeting_set_rate(&m, 600000);
    meeting_run(&m, 10);
    assert_in_range(m.video_was.packets, 29, 35);
    meeting_end(&m);
}

static void who_gives_no_feedback_is_not_limited(void **state)
{
    (void)state;
    struct meeting m;
    meeting_begin(&m, 0);
    m.answers = false;
    meeting_run(&m, 3);
    for (unsigned i = 0; i < 5; i++) {
        meeting_run(&m, 1);
        assert_int_equal(m.layer_bits_was, 4);
    }
    assert_int_equal(node_counters(m.node)->trains_sent, 0); /* nobody would tell of them, */
    assert_int_equal(node_counters(m.node)->paced, 0);       /* and they hold media back */
    meeting_end(&m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(layers_follow_the_link),
        cmocka_unit_test(no_bandwidth_pauses_video_not_sound),
        cmocka_unit_test(a_moment_is_no_reason_to_pause),
        cmocka_unit_test(what_matters_most_stays),
        cmocka_unit_test(numbers_begin_where_told),
        cmocka_unit_test(an_open_link_has_all_within_a_second),
        cmocka_unit_test(what_was_still_may_move),
        cmocka_unit_test(sizes_inside_a_stream_follow_the_link),
        cmocka_unit_test(fewer_pictures_rather_than_none),
        cmocka_unit_test(who_gives_no_feedback_is_not_limited),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
