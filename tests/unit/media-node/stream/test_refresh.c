/* SPDX-License-Identifier: Apache-2.0
 *
 * Goal: however many want a key frame, a publisher is asked at the allowed pace, until one comes.
 * Told as a narrative: what happens, and when a request leaves.
 */
#include "media-node/core/stream/receiver_parts.h"

#include "tests/unit/media-node/stream/kit.h"

enum what { WANT, MEDIA, ANSWER, NOTHING };

struct line {
    int at_ms;
    enum what what;
    bool asked; /* a request leaves at that moment */
};

static void play(struct stream_refresh *refresh, const struct line *lines, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        int64_t now_us = TIME_MS(lines[i].at_ms);
        switch (lines[i].what) {
        case WANT:
            stream_refresh_want(refresh, now_us);
            break;
        case MEDIA:
            stream_refresh_media(refresh, now_us);
            break;
        case ANSWER:
            stream_refresh_answered(refresh);
            break;
        case NOTHING:
            break;
        }
        assert_int_equal(stream_refresh_due(refresh, now_us), lines[i].asked);
        assert_false(stream_refresh_due(refresh, now_us)); /* once */
    }
}

static void joined_spaced_repeated(void **state)
{
    (void)state;
    static const struct line lines[] = {
        {0, NOTHING, false},    {10, WANT, true},     /* at once */
        {20, WANT, false},      {200, WANT, false},   /* joined */
        {509, NOTHING, false},  {510, NOTHING, true}, /* still unanswered */
        {600, MEDIA, false},    {1010, NOTHING, true}, {1100, ANSWER, false},
        {1600, NOTHING, false}, {1601, WANT, true},  /* a new need */
        {1650, ANSWER, false},  {1660, WANT, false}, /* too soon after the last request */
        {2100, NOTHING, false}, {2101, NOTHING, true},
    };
    struct stream_refresh refresh;
    stream_refresh_init(&refresh, REFRESH_LOW_US);
    play(&refresh, lines, ARRAY_LEN(lines));
    assert_int_equal(refresh.asked, 5);
}

static void rests_while_nobody_sends(void **state)
{
    (void)state;
    struct stream_refresh refresh;
    stream_refresh_init(&refresh, REFRESH_US);
    stream_refresh_want(&refresh, 0);
    for (int i = 0; i < REFRESH_TRIES_MAX; i++) {
        assert_true(stream_refresh_due(&refresh, TIME_S(i)));
    }
    assert_true(refresh.due_us == TIME_NEVER);
    static const struct line lines[] = {
        {60000, NOTHING, false},
        {61000, MEDIA, true},
        {61500, MEDIA, false},
        {62000, MEDIA, true},
    };
    play(&refresh, lines, ARRAY_LEN(lines));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(joined_spaced_repeated),
        cmocka_unit_test(rests_while_nobody_sends),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
