/* SPDX-License-Identifier: Apache-2.0
 *
 * Goal: for a known estimate each watched track gets the layer that a person would give it: audio
 * always, everybody seen before anybody is sharp, screen shares first, pauses last.
 */
#include "media-node/core/allocator/allocator.h"

#include <setjmp.h>

#include <cmocka.h>

#define KBPS 1000u

/* A camera in three sizes at 7.5, 15 and 30 frames. */
static struct allocator_track camera(uint32_t pixels)
{
    return (struct allocator_track){
        .spatial = 2,
        .temporal = 2,
        .pixels = pixels,
        .bps = {{80 * KBPS, 110 * KBPS, 150 * KBPS},
                {280 * KBPS, 380 * KBPS, 500 * KBPS},
                {900 * KBPS, 1300 * KBPS, 1700 * KBPS}},
    };
}

static struct allocator_track share(void)
{
    return (struct allocator_track){
        .screen = true,
        .spatial = 1,
        .temporal = 1,
        .pixels = 1000000,
        .bps = {{200 * KBPS, 400 * KBPS}, {800 * KBPS, 1600 * KBPS}},
    };
}

static struct allocator_track voice(void)
{
    return (struct allocator_track){.audio = true, .bps = {{40 * KBPS}}};
}

static struct allocator_sum run_limited(struct allocator_limit limit,
                                        struct allocator_track *tracks, size_t count)
{
    struct allocator_track *order[16];
    assert_true(count <= ARRAY_LEN(order));
    for (size_t i = 0; i < count; i++) {
        order[i] = &tracks[i];
    }
    return allocator_run(limit, order, count);
}

static struct allocator_sum run(uint32_t kbps, struct allocator_track *tracks, size_t count)
{
    return run_limited((struct allocator_limit){kbps * KBPS, true}, tracks, count);
}

static void check(const struct allocator_track *track, int spatial, int temporal)
{
    assert_true(track->choice.sent);
    assert_int_equal(track->choice.spatial, spatial);
    assert_int_equal(track->choice.temporal, temporal);
    assert_int_equal(track->choice.bps, track->bps[spatial][temporal]);
}

static void nothing_to_share(void **state)
{
    (void)state;
    struct allocator_sum sum = run(1000, NULL, 0);
    assert_int_equal(sum.bps, 0);
    assert_int_equal(sum.wanted_bps, 0);
    struct allocator_track muted = camera(1000);
    memset(muted.bps, 0, sizeof(muted.bps));
    sum = run(1000, &muted, 1);
    assert_false(muted.choice.sent);
    assert_int_equal(sum.paused, 0); /* a muted track is not a paused one */
}

static void one_camera_climbs_step_by_step(void **state)
{
    (void)state;
    static const struct {
        uint32_t kbps;
        int spatial;
        int temporal;
    } steps[] = {{89, 0, 0},  {123, 0, 1},  {167, 0, 2},  {312, 1, 0}, {423, 1, 1},
                 {556, 1, 2}, {1000, 2, 0}, {1445, 2, 1}, {1889, 2, 2}};
    for (size_t i = 0; i < ARRAY_LEN(steps); i++) {
        struct allocator_track track = camera(1000);
        struct allocator_sum sum = run(steps[i].kbps, &track, 1);
        check(&track, steps[i].spatial, steps[i].temporal);
        assert_int_equal(sum.bps, track.choice.bps);
        if (i > 0) {
            track = camera(1000);
            run(steps[i].kbps - 1, &track, 1);
            check(&track, steps[i - 1].spatial, steps[i - 1].temporal);
        }
    }
}

static void wanted_is_what_gives_all(void **state)
{
    (void)state;
    struct allocator_track tracks[] = {voice(), camera(1000)};
    struct allocator_sum sum = run(100, tracks, 2);
    assert_int_equal(sum.wanted_bps, 1933334);
    struct allocator_track again[] = {voice(), camera(1000)};
    struct allocator_track *order[] = {&again[0], &again[1]};
    allocator_run((struct allocator_limit){sum.wanted_bps, true}, order, 2);
    check(&again[1], 2, 2);
}

static void audio_is_never_starved(void **state)
{
    (void)state;
    struct allocator_track tracks[] = {camera(1000), voice(), voice()};
    struct allocator_sum sum = run(10, tracks, 3);
    check(&tracks[1], 0, 0);
    check(&tracks[2], 0, 0);
    assert_false(tracks[0].choice.sent);
    assert_int_equal(sum.paused, 1);
    run(80 + 89, tracks, 3); /* 80 + 80 must fit 0.9 of it */
    assert_false(tracks[0].choice.sent);
    run(178, tracks, 3);
    check(&tracks[0], 0, 0);
}

static void all_are_seen_before_one_is_sharp(void **state)
{
    (void)state;
    struct allocator_track tracks[] = {camera(900), camera(500), camera(700), camera(600)};
    run(360, tracks, 4); /* 4 x 80 = 320 of 324 */
    for (size_t i = 0; i < 4; i++) {
        check(&tracks[i], 0, 0);
    }
    run(400, tracks, 4); /* 360: one step of 30 more: the largest */
    check(&tracks[0], 0, 1);
    check(&tracks[1], 0, 0);
    check(&tracks[2], 0, 0);
    check(&tracks[3], 0, 0);
}

static void pause_is_last_and_smallest_first(void **state)
{
    (void)state;
    struct allocator_track tracks[] = {camera(900), camera(500), camera(700)};
    struct allocator_sum sum = run(180, tracks, 3); /* two of 80 in 162 */
    check(&tracks[0], 0, 0);
    check(&tracks[2], 0, 0);
    assert_false(tracks[1].choice.sent);
    assert_int_equal(sum.paused, 1);
}

static void no_pause_where_it_is_not_understood(void **state)
{
    (void)state;
    struct allocator_track tracks[] = {camera(900), camera(500)};
    const struct allocator_limit limit = {50 * KBPS, false};
    struct allocator_sum sum = run_limited(limit, tracks, 2);
    check(&tracks[0], 0, 0);
    check(&tracks[1], 0, 0);
    assert_int_equal(sum.bps, 160 * KBPS);
    assert_int_equal(sum.paused, 0);
}

static void screen_share_first_and_sharp_before_smooth(void **state)
{
    (void)state;
    struct allocator_track tracks[] = {camera(2000000), share()};
    run(1000, tracks, 2); /* 80 + 800 in 900 */
    check(&tracks[1], 1, 0);
    check(&tracks[0], 0, 0);
    run(1900, tracks, 2); /* 80 + 1600 in 1710, and 30 of the rest */
    check(&tracks[1], 1, 1);
    check(&tracks[0], 0, 1);
}

static void priority_is_above_all(void **state)
{
    (void)state;
    struct allocator_track tracks[] = {camera(100), camera(900), share()};
    tracks[0].priority = 1;
    tracks[1].priority = 2;
    run(2300, tracks,
        3); /* 2070: 80 and 200 for the others, 1700 for the first; no 30 left but 90 */
    check(&tracks[0], 2, 2);
    check(&tracks[1], 0, 2);
    check(&tracks[2], 0, 0);
}

static void visible_size_bounds_the_layer(void **state)
{
    (void)state;
    struct allocator_track tracks[] = {camera(900), camera(100)};
    tracks[1].spatial = 0;
    tracks[1].temporal = 1;
    struct allocator_sum sum = run(10000, tracks, 2);
    check(&tracks[0], 2, 2);
    check(&tracks[1], 0, 1);
    assert_int_equal(sum.wanted_bps, 2011112); /* 1700 + 110 over 0.9 */
}

static void hysteresis(void **state)
{
    (void)state;
    struct allocator_track track = camera(900);
    run(1889, &track, 1);
    check(&track, 2, 2);
    run(1700, &track, 1); /* still fits, with nothing to spare */
    check(&track, 2, 2);
    run(1699, &track, 1);
    check(&track, 2, 1);
    run(1800, &track, 1); /* and comes back only with room to spare */
    check(&track, 2, 1);
    run(1889, &track, 1);
    check(&track, 2, 2);
}

static void layers_that_are_not_there_are_passed_over(void **state)
{
    (void)state;
    struct allocator_track track = camera(900);
    memset(track.bps[1], 0, sizeof(track.bps[1])); /* the middle one is off (dynacast) */
    track.bps[2][0] = 140 * KBPS;                  /* cheaper than the small one at full rate */
    run(160, &track, 1);
    check(&track, 2, 0);
    track.bps[2][0] = 0;
    track.bps[2][1] = 0;
    run(1889, &track, 1);
    check(&track, 2, 2);
}

/* What one run decides the next one keeps, whatever order the caller holds its tracks in. */
static void order_of_the_tracks_is_of_no_matter(void **state)
{
    (void)state;
    struct allocator_track a[] = {voice(), camera(900), camera(500), share()};
    struct allocator_track b[] = {share(), camera(500), camera(900), voice()};
    run(2500, a, 4);
    run(2500, b, 4);
    for (size_t i = 0; i < 4; i++) {
        assert_memory_equal(&a[i].choice, &b[3 - i].choice, sizeof(a[i].choice));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nothing_to_share),
        cmocka_unit_test(one_camera_climbs_step_by_step),
        cmocka_unit_test(wanted_is_what_gives_all),
        cmocka_unit_test(audio_is_never_starved),
        cmocka_unit_test(all_are_seen_before_one_is_sharp),
        cmocka_unit_test(pause_is_last_and_smallest_first),
        cmocka_unit_test(no_pause_where_it_is_not_understood),
        cmocka_unit_test(screen_share_first_and_sharp_before_smooth),
        cmocka_unit_test(priority_is_above_all),
        cmocka_unit_test(visible_size_bounds_the_layer),
        cmocka_unit_test(hysteresis),
        cmocka_unit_test(layers_that_are_not_there_are_passed_over),
        cmocka_unit_test(order_of_the_tracks_is_of_no_matter),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
