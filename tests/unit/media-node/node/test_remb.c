/* SPDX-License-Identifier: Apache-2.0
 *
 * Goal: a client that agreed on no transport-cc is sent what its REMB allows, and finds by trials
 * that its network takes more.
 */
#include "tests/unit/media-node/node/meeting.h"

static void layers_follow_remb(enum meeting_feedback feedback, const char *with)
{
    struct meeting m;
    meeting_begin_with(&m, 600000, feedback);
    meeting_run(&m, 10);
    unsigned lowest = 0;
    for (unsigned i = 0; i < 30; i++) {
        meeting_run(&m, 1);
        lowest += m.layer_bits_was == 1;
        assert_in_range(m.audio_was.packets, 45, 55);
    }
    assert_in_range(lowest, 24, 30);
    meeting_set_rate(&m, 5000000);
    unsigned up = meeting_until_layer(&m, 2, 60);
    print_message(
        "%s: at 600 kbit/s the lowest layer %u s of 30; from there to 5 Mbit/s the highest "
        "after %u s\n",
        with, lowest, up);
    meeting_set_rate(&m, 600000);
    (void)meeting_until_layer(&m, 0, 8);
    meeting_end(&m);
}

static void padding_finds_the_next_layer(void **state)
{
    (void)state;
    layers_follow_remb(MEETING_REMB, "with RTX");
}

static void trials_find_the_next_layer(void **state)
{
    (void)state;
    layers_follow_remb(MEETING_REMB_WITHOUT_RTX, "without RTX");
}

/* Loss tells what its REMB does not. */
static void a_lie_of_10_gbit_brings_no_more_than_gets_through(void **state)
{
    (void)state;
    struct meeting m;
    meeting_begin_with(&m, 600000, MEETING_REMB);
    m.lie_bps = 10000000000;
    meeting_run(&m, 20);
    uint64_t lost = link_stats(m.down)->queue_full;
    uint64_t frames = link_stats(m.down)->frames;
    meeting_run(&m, 30);
    lost = link_stats(m.down)->queue_full - lost;
    frames = link_stats(m.down)->frames - frames;
    print_message("10 Gbit/s over 600 kbit/s: %llu of %llu packets lost in 30 s\n",
                  (unsigned long long)lost, (unsigned long long)(lost + frames));
    assert_true(lost * 4 < frames);
    meeting_set_rate(&m, 5000000);
    (void)meeting_until_layer(&m, 2, 60);
    assert_in_range(m.video_was.bytes, 0, 2000000 / 8); /* all there is, and nothing beside */
    meeting_end(&m);
}

static void a_lie_of_nothing_pauses_video_not_sound(void **state)
{
    (void)state;
    struct meeting m;
    meeting_begin_with(&m, 0, MEETING_REMB);
    meeting_run(&m, 7);
    assert_int_equal(m.layer_bits_was, 1);
    m.lie_bps = 1;
    meeting_run(&m, 8);
    assert_int_equal(m.paused, 1);
    assert_int_equal(m.layer_bits_was, 0);
    assert_in_range(m.audio_was.packets, 48, 52);
    m.lie_bps = 0;
    (void)meeting_until_layer(&m, 0, 30);
    assert_int_equal(m.paused, 0);
    meeting_end(&m);
}

static void who_tells_nothing_is_not_limited(void **state)
{
    (void)state;
    struct meeting m;
    meeting_begin_with(&m, 0, MEETING_REMB);
    m.answers = false;
    meeting_run(&m, 8);
    assert_int_equal(m.layer_bits_was, 1);
    meeting_run(&m, 3);
    assert_int_equal(m.layer_bits_was, 4);
    meeting_end(&m);
}

/* As when the first thing subscribed to is of a codec that offers no transport-cc. */
static void transport_cc_takes_over(void **state)
{
    (void)state;
    struct meeting m;
    meeting_begin_with(&m, 600000, MEETING_REMB);
    meeting_run(&m, 8);
    assert_int_equal(m.layer_bits_was, 1);
    m.feedback = MEETING_TRANSPORT_CC;
    meeting_tell_room(&m);
    meeting_run(&m, 3);
    assert_int_equal(m.layer_bits_was, 1);
    meeting_set_rate(&m, 5000000);
    (void)meeting_until_layer(&m, 2, 8); /* which REMB is too slow for */
    meeting_end(&m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(padding_finds_the_next_layer),
        cmocka_unit_test(trials_find_the_next_layer),
        cmocka_unit_test(a_lie_of_10_gbit_brings_no_more_than_gets_through),
        cmocka_unit_test(a_lie_of_nothing_pauses_video_not_sound),
        cmocka_unit_test(who_tells_nothing_is_not_limited),
        cmocka_unit_test(transport_cc_takes_over),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
