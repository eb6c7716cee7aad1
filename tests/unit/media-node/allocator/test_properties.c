/* SPDX-License-Identifier: Apache-2.0
 *
 * Goal: over random tracks and estimates what allocator.h promises holds: the sum within the
 * estimate but for audio and what may not pause, nothing early in the order lost by a larger
 * estimate, all of it given at what is wanted, and no oscillation under an estimate that wavers by
 * 5 %.
 */
#include "media-node/core/allocator/allocator.h"

#include <setjmp.h>

#include <cmocka.h>

#define TRACKS_MAX 12
#define ROUNDS     1000

struct scene {
    struct allocator_track tracks[TRACKS_MAX];
    struct allocator_track *order[TRACKS_MAX];
    size_t count;
    bool may_pause;
};

static uint32_t below(struct prng *prng, uint32_t bound)
{
    return (uint32_t)prng_below(prng, bound);
}

static struct allocator_track random_track(struct prng *prng)
{
    struct allocator_track track = {
        .audio = below(prng, 5) == 0,
        .screen = below(prng, 6) == 0,
        .priority = below(prng, 3) == 0 ? (uint8_t)below(prng, 4) : 0,
        .spatial = (uint8_t)below(prng, ALLOCATOR_SPATIAL_MAX),
        .temporal = (uint8_t)below(prng, ALLOCATOR_TEMPORAL_MAX),
        .pixels = below(prng, 5) * 100,
    };
    uint32_t bps = 20000 + below(prng, 100000);
    for (unsigned s = 0; s < ALLOCATOR_SPATIAL_MAX; s++) {
        for (unsigned t = 0; t < ALLOCATOR_TEMPORAL_MAX; t++) {
            track.bps[s][t] = below(prng, 4) == 0 ? 0 : bps;
            bps += below(prng, 200000);
        }
        bps = bps * 2 / 3; /* layers overlap */
    }
    return track;
}

static void make(struct scene *scene, struct prng *prng)
{
    scene->may_pause = below(prng, 4) != 0;
    scene->count = 1 + below(prng, TRACKS_MAX);
    for (size_t i = 0; i < scene->count; i++) {
        scene->tracks[i] = random_track(prng);
        scene->order[i] = &scene->tracks[i];
    }
}

static void forget(struct scene *scene)
{
    for (size_t i = 0; i < scene->count; i++) {
        scene->tracks[i].choice = (struct allocator_choice){0};
    }
}

static struct allocator_sum run(struct scene *scene, uint32_t bps)
{
    const struct allocator_limit limit = {bps, scene->may_pause};
    return allocator_run(limit, scene->order, scene->count);
}

/* The cheapest step of a track, as the allocator sees it: given alone, with nothing to spend. */
static uint32_t cheapest(struct allocator_track track)
{
    struct allocator_track *order[] = {&track};
    track.choice = (struct allocator_choice){0};
    allocator_run((struct allocator_limit){0, false}, order, 1);
    return track.choice.bps;
}

/* Sent whatever it costs, and no more than it must be. */
static bool forced(const struct scene *scene, const struct allocator_track *track)
{
    return (track->audio || !scene->may_pause) && track->choice.bps == cheapest(*track);
}

static void check_choice(const struct allocator_track *track)
{
    const struct allocator_choice *choice = &track->choice;
    if (!choice->sent) {
        assert_int_equal(choice->bps, 0);
        return;
    }
    assert_true(choice->spatial <= track->spatial && choice->temporal <= track->temporal);
    assert_int_equal(choice->bps, track->bps[choice->spatial][choice->temporal]);
    assert_true(choice->bps > 0);
}

/* From whatever was decided before. */
static void sum_within_estimate(void **state)
{
    (void)state;
    struct prng prng;
    prng_seed(&prng, 1);
    for (int round = 0; round < ROUNDS; round++) {
        struct scene scene;
        make(&scene, &prng);
        for (int again = 0; again < 5; again++) {
            uint32_t bps = below(&prng, 3000000);
            struct allocator_sum sum = run(&scene, bps);
            uint64_t total = 0;
            bool only_forced = true;
            for (size_t i = 0; i < scene.count; i++) {
                check_choice(&scene.tracks[i]);
                total += scene.tracks[i].choice.bps;
                only_forced = only_forced &&
                              (!scene.tracks[i].choice.sent || forced(&scene, &scene.tracks[i]));
            }
            assert_int_equal(sum.bps, total);
            assert_true(total <= bps || only_forced);
        }
    }
}

/* Nobody is paused whose first step would fit beside what all others need at the least. */
static void pause_is_the_last_resort(void **state)
{
    (void)state;
    struct prng prng;
    prng_seed(&prng, 2);
    size_t pauses = 0;
    for (int round = 0; round < ROUNDS; round++) {
        struct scene scene;
        make(&scene, &prng);
        uint32_t bps = below(&prng, 1500000);
        struct allocator_sum sum = run(&scene, bps);
        uint64_t least = 0;
        for (size_t i = 0; i < scene.count; i++) {
            least += cheapest(scene.tracks[i]);
            assert_true(!scene.tracks[i].audio ||
                        scene.tracks[i].choice.bps == scene.tracks[i].bps[0][0]);
        }
        pauses += sum.paused;
        assert_true(sum.paused == 0 || least > (uint64_t)bps * 9 / 10);
    }
    assert_true(pauses > 100); /* it was put to the test */
}

/* The first track in which two decisions for the same tracks differ, or the count. */
static size_t first_difference(const struct scene *a, const struct scene *b, bool only_sent)
{
    size_t i = 0;
    while (i < a->count && a->tracks[i].choice.sent == b->tracks[i].choice.sent &&
           (only_sent || a->tracks[i].choice.bps == b->tracks[i].choice.bps)) {
        i++;
    }
    return i;
}

/* The tracks climb at the estimate that is told to let them. */
static void the_next_estimate_lets_them_climb(void **state)
{
    (void)state;
    struct prng prng;
    prng_seed(&prng, 8);
    size_t steps = 0;
    for (int round = 0; round < ROUNDS; round++) {
        struct scene scene;
        make(&scene, &prng);
        uint32_t bps = below(&prng, 3000000);
        struct allocator_sum sum = run(&scene, bps);
        struct scene before = scene;
        if (sum.next_bps == 0) {
            run(&scene, UINT32_MAX);
            assert_int_equal(first_difference(&before, &scene, false), scene.count);
        } else {
            run(&scene, sum.next_bps);
            assert_true(first_difference(&before, &scene, false) < scene.count);
            steps++;
        }
    }
    assert_in_range(steps, ROUNDS / 4, ROUNDS - 10); /* both were put to the test */
}

/* With a rank of its own for each track: first all first steps, then track by track. */
static void larger_estimate_never_hurts_the_first(void **state)
{
    (void)state;
    struct prng prng;
    prng_seed(&prng, 3);
    for (int round = 0; round < ROUNDS; round++) {
        struct scene scene;
        make(&scene, &prng);
        for (size_t i = 0; i < scene.count; i++) {
            scene.tracks[i].priority = (uint8_t)(i + 1);
        }
        uint32_t small = below(&prng, 2000000);
        run(&scene, small);
        struct scene before = scene;
        forget(&scene);
        run(&scene, small + below(&prng, 1000000));
        size_t i = first_difference(&before, &scene, true);
        if (i < scene.count) {
            assert_true(scene.tracks[i].choice.sent);
            continue;
        }
        i = first_difference(&before, &scene, false);
        if (i < scene.count) {
            assert_true(scene.tracks[i].choice.bps > before.tracks[i].choice.bps);
        }
    }
}

static void one_track_is_monotone(void **state)
{
    (void)state;
    struct prng prng;
    prng_seed(&prng, 4);
    for (int round = 0; round < ROUNDS; round++) {
        struct scene scene;
        make(&scene, &prng);
        scene.count = 1;
        scene.order[0] = &scene.tracks[0];
        uint32_t last = 0;
        for (uint32_t bps = 0; bps < 2000000; bps += 40000) {
            forget(&scene);
            run(&scene, bps);
            assert_true(scene.tracks[0].choice.bps >= last);
            last = scene.tracks[0].choice.bps;
        }
    }
}

static void wanted_gives_all(void **state)
{
    (void)state;
    struct prng prng;
    prng_seed(&prng, 5);
    for (int round = 0; round < ROUNDS; round++) {
        struct scene scene;
        make(&scene, &prng);
        uint32_t wanted = run(&scene, 0).wanted_bps;
        struct allocator_sum all = run(&scene, UINT32_MAX);
        forget(&scene);
        struct allocator_sum sum = run(&scene, wanted);
        assert_int_equal(sum.bps, all.bps);
        assert_int_equal(sum.wanted_bps, wanted);
        assert_int_equal(sum.paused, 0);
    }
}

static bool same(const struct scene *a, const struct scene *b)
{
    for (size_t i = 0; i < a->count; i++) {
        if (memcmp(&a->tracks[i].choice, &b->tracks[i].choice, sizeof(a->tracks[i].choice)) != 0) {
            return false;
        }
    }
    return true;
}

static uint32_t permille_of(uint32_t bps, uint32_t permille)
{
    return (uint32_t)((uint64_t)bps * permille / 1000);
}

/* Between the two ends of the noise a few times, and then through all of it: nothing moves. */
static void stable_under_noise(void **state)
{
    (void)state;
    struct prng prng;
    prng_seed(&prng, 6);
    for (int round = 0; round < ROUNDS; round++) {
        struct scene scene;
        make(&scene, &prng);
        run(&scene, below(&prng, 3000000)); /* some history */
        uint32_t bps = 20000 + below(&prng, 2500000);
        int changes = 0;
        for (int i = 0; i < 60; i++) {
            struct scene before = scene;
            run(&scene, permille_of(bps, i % 2 == 0 ? 1050 : 950));
            changes += !same(&before, &scene);
            assert_true(i < 2 * TRACKS_MAX || same(&before, &scene));
        }
        assert_true(changes <= 2 * TRACKS_MAX);
        for (int i = 0; i < 100; i++) {
            struct scene before = scene;
            run(&scene, permille_of(bps, 950 + below(&prng, 101)));
            assert_true(same(&before, &scene));
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sum_within_estimate),
        cmocka_unit_test(the_next_estimate_lets_them_climb),
        cmocka_unit_test(pause_is_the_last_resort),
        cmocka_unit_test(larger_estimate_never_hurts_the_first),
        cmocka_unit_test(one_track_is_monotone),
        cmocka_unit_test(wanted_gives_all),
        cmocka_unit_test(stable_under_noise),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
