/* SPDX-License-Identifier: Apache-2.0
 *
 * Goal: of a stream with layers inside, a trunk carries those that are wanted behind it, and of the
 * others the numbers alone; subscribers there get what they would at the publisher's node
 * (svc.c checks what comes to them). What went of a number is told the same ever after.
 */
#include "tests/unit/media-node/stream/svc.h"

static void what_nobody_wants_crosses_as_numbers(void **state)
{
    (void)state;
    static const struct {
        const struct descriptor_mode *mode;
        uint8_t size_max;
        const char *pictures[6];
        unsigned emptied; /* frames of 6 pictures */
    } cases[] = {
        {&svc_l3t3, STREAM_SIZE_ALL, {"012!", "012!", "012!", "012!", "012!", "012!"}, 0},
        {&svc_l3t3, 2, {"012!", "012!", "012!", "012!", "012!", "012!"}, 0},
        {&svc_l3t3, 1, {"01!", "01!", "01!", "01!", "01!", "01!"}, 6},
        {&svc_l3t3, 0, {"0!", "0!", "0!", "0!", "0!", "0!"}, 12},
        {&svc_l3t3_key, 2, {"012!", "2!", "2!", "2!", "2!", "2!"}, 0},
        {&svc_l3t3_key, 1, {"01!", "1!", "1!", "1!", "1!", "1!"}, 6},
        {&svc_l3t3_key, 0, {"0!", "0!", "0!", "0!", "0!", "0!"}, 12},
        {&svc_l2t1_key, 0, {"0!", "0!", "0!", "0!", "0!", "0!"}, 6},
        {&svc_l1t3, 0, {"0!", "0!", "0!", "0!", "0!", "0!"}, 0},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct svc world;
        svc_begin_apart(&world, cases[i].mode, cases[i].size_max, 2); /* whatever there is */
        svc_expect(&world, cases[i].pictures, ARRAY_LEN(cases[i].pictures));
        assert_int_equal(world.emptied, cases[i].emptied * SVC_PARTS);
        assert_int_equal(world.asked + world.trunk_asked, 0);
        svc_end(&world);
    }
}

static void what_is_too_fast_crosses_as_numbers(void **state)
{
    (void)state;
    static const struct {
        const struct descriptor_mode *mode;
        uint8_t size_max;
        uint8_t temporal_max;
        const char *pictures[8]; /* of temporal layers 0 2 1 2 0 2 1 2, or 0 1 0 1 */
        unsigned emptied;        /* frames */
    } cases[] = {
        {&svc_l1t3, STREAM_SIZE_ALL, 2, {"0!", "0!", "0!", "0!", "0!", "0!", "0!", "0!"}, 0},
        {&svc_l1t3, STREAM_SIZE_ALL, 1, {"0!", "", "0!", "", "0!", "", "0!", ""}, 4},
        {&svc_l1t3, STREAM_SIZE_ALL, 0, {"0!", "", "", "", "0!", "", "", ""}, 6},
        {&svc_l1t2, STREAM_SIZE_ALL, 0, {"0!", "", "0!", "", "0!", "", "0!", ""}, 4},
        {&svc_l3t3, STREAM_SIZE_ALL, 1, {"012!", "", "012!", "", "012!", "", "012!", ""}, 12},
        {&svc_l3t3, 1, 0, {"01!", "", "", "", "01!", "", "", ""}, 20},
        {&svc_l3t3_key, 2, 0, {"012!", "", "", "", "2!", "", "", ""}, 18},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct svc world;
        svc_begin_apart(&world, cases[i].mode, cases[i].size_max, 2); /* whatever there is */
        stream_filter_want(world.filter, cases[i].size_max, cases[i].temporal_max);
        svc_expect(&world, cases[i].pictures, ARRAY_LEN(cases[i].pictures));
        assert_int_equal(world.emptied, cases[i].emptied * SVC_PARTS);
        assert_int_equal(world.asked + world.trunk_asked, 0);
        svc_end(&world);
    }
}

/* It takes no key frame, and crosses from the first picture on that all later ones follow from. */
static void a_higher_rate_is_wanted_behind_it(void **state)
{
    (void)state;
    static const struct descriptor_mode *const modes[] = {&svc_l3t3, &svc_l3t3_key};
    for (size_t i = 0; i < ARRAY_LEN(modes); i++) {
        const char *all = i == 0 ? "012!" : "2!";
        struct svc world;
        svc_begin_apart(&world, modes[i], STREAM_SIZE_ALL, 2);
        stream_filter_want(world.filter, STREAM_SIZE_ALL, 0);
        SVC_EXPECT(&world, "012!", "", "", "", all, "");
        stream_filter_want(world.filter, STREAM_SIZE_ALL, 1);
        SVC_EXPECT(&world, "", "", all, "", all, "", all);
        stream_filter_want(world.filter, STREAM_SIZE_ALL, STREAM_RATE_ALL);
        SVC_EXPECT(&world, "", all, all, all, all, all, all, all);
        stream_filter_want(world.filter, STREAM_SIZE_ALL, 0);
        SVC_EXPECT(&world, all, all, all, all, "", "", "", all);
        assert_int_equal(world.asked + world.trunk_asked, 0);
        svc_end(&world);
    }
}

/* A subscriber behind it may want less than crosses, for others there want more: also where sizes
 * do not refer to each other. */
static void subscribers_choose_from_what_crosses(void **state)
{
    (void)state;
    struct svc world;
    svc_begin_apart(&world, &svc_l3t3, 1, 0);
    SVC_EXPECT(&world, "0!", "0!", "0!");
    svc_want(&world, 2, 0);
    for (unsigned n = 0; n < 4; n++) {
        (void)svc_picture(&world);
    }
    world.key_wanted = true;
    SVC_EXPECT(&world, "01!", "", "", "", "01!");
    svc_end(&world);

    svc_begin_apart(&world, &svc_l3t3_key, 1, 0);
    SVC_EXPECT(&world, "0!", "0!", "0!", "0!", "0!");
    svc_want(&world, 1, STREAM_RATE_ALL);
    SVC_EXPECT(&world, "0!", "0!");
    world.key_wanted = true;
    SVC_EXPECT(&world, "01!", "1!", "1!");
    svc_end(&world);
}

/* Nobody is sent the half of a picture, whoever hears of a wish first. */
static void more_is_wanted_behind_it(void **state)
{
    (void)state;
    static const struct descriptor_mode *const modes[] = {&svc_l3t3, &svc_l3t3_key};
    for (size_t i = 0; i < ARRAY_LEN(modes); i++) {
        struct svc world;
        svc_begin_apart(&world, modes[i], 0, 2);
        SVC_EXPECT(&world, "0!", "0!", "0!");
        world.key_wanted = true; /* before the publisher's node hears of it */
        SVC_EXPECT(&world, "0!", "0!");
        stream_filter_want(world.filter, 2, STREAM_RATE_ALL);
        SVC_EXPECT(&world, "0!", "0!");
        assert_true(world.trunk_asked >= 1);
        world.key_wanted = true;
        SVC_EXPECT(&world, "012!");
        assert_string_equal(svc_picture(&world), i == 0 ? "012!" : "2!");
        assert_int_equal(stream_sender_needs_key_frame(world.sender), -1);
        svc_end(&world);
    }
}

static void less_is_wanted_behind_it(void **state)
{
    (void)state;
    static const struct descriptor_mode *const modes[] = {&svc_l3t3, &svc_l3t3_key};
    for (size_t i = 0; i < ARRAY_LEN(modes); i++) {
        struct svc world;
        svc_begin_apart(&world, modes[i], 2, 0); /* by a subscriber that has come down already */
        SVC_EXPECT(&world, "0!", "0!", "0!", "0!", "0!", "0!");
        assert_int_equal(world.emptied, 0);
        stream_filter_want(world.filter, 0, STREAM_RATE_ALL);
        SVC_EXPECT(&world, "0!", "0!");
        assert_int_equal(world.emptied, 2 * 2 * SVC_PARTS);
        assert_int_equal(world.asked + world.trunk_asked, 0);
        svc_end(&world);
    }
}

/* It has a size that does not come any more, and cannot begin what it wants with this picture:
 * which ends where its packets do. */
static void less_crosses_than_a_subscriber_has(void **state)
{
    (void)state;
    struct svc world;
    svc_begin_apart(&world, &svc_l3t3, 2, 2);
    SVC_EXPECT(&world, "012!", "012!");
    svc_want(&world, 2, 0);
    stream_filter_want(world.filter, 1, STREAM_RATE_ALL);
    SVC_EXPECT(&world, "01!", "01!", "01!", "", "", "", "01!");
    svc_end(&world);
}

static void another_source_is_looked_at_anew(void **state)
{
    (void)state;
    struct svc world;
    svc_begin_apart(&world, &svc_l3t3, 0, 2);
    SVC_EXPECT(&world, "0!", "0!");
    stream_filter_restart(world.filter);
    stream_receiver_free(world.near);
    world.near = svc_receiver();
    world.key_wanted = true;
    SVC_EXPECT(&world, "0!", "0!");
    svc_end(&world);
}

/* What is told again is what was told; false where it is not known any more. */
static bool told_again(const struct svc *world, const struct svc_told *told)
{
    struct stream_passage again;
    const struct stream_packet *packet = stream_receiver_find(world->near, told->seq);
    if (packet == NULL || !stream_filter_again(world->filter, packet, &again)) {
        return false;
    }
    assert_int_equal(again.empty, told->passage.empty);
    assert_int_equal(again.active, told->passage.active);
    return true;
}

/* So many pictures, with the key frames that are asked for sooner or later. */
static void watch(struct svc *world, struct prng *prng, uint64_t pictures)
{
    for (uint64_t n = 0; n < pictures; n++) {
        unsigned asked = world->trunk_asked;
        (void)svc_picture(world);
        bool needed =
            world->trunk_asked > asked || stream_sender_needs_key_frame(world->sender) == 0;
        world->key_wanted = needed && prng_below(prng, 3) == 0;
    }
}

/* As an owner has it: more as soon as somebody behind wants it, which the subscriber's node may
 * hear of earlier; less when all there have come down. */
static void any_wishes_at_any_time(void **state)
{
    (void)state;
    static const struct descriptor_mode *const modes[] = {&svc_l1t3, &svc_l2t1_key, &svc_l3t3,
                                                          &svc_l3t3_key};
    for (unsigned seed = 0; seed < 40; seed++) {
        struct prng prng;
        struct svc world;
        size_t known = 0;
        uint8_t carried = 2, rate = STREAM_RATE_ALL;
        prng_seed(&prng, seed);
        svc_begin_apart(&world, modes[seed % ARRAY_LEN(modes)], carried, 2);
        for (unsigned i = 0; i < 40; i++) {
            uint8_t wanted = (uint8_t)prng_below(&prng, 3);
            uint8_t wanted_rate = (uint8_t)prng_below(&prng, 4);
            svc_want(&world, wanted, wanted_rate);
            watch(&world, &prng, prng_below(&prng, 10));
            carried = MAX(carried, wanted);
            rate = MAX(rate, wanted_rate);
            stream_filter_want(world.filter, carried, rate);
            watch(&world, &prng, 8 + prng_below(&prng, 10));
            if (stream_sender_needs_key_frame(world.sender) != 0) {
                carried = wanted;
                rate = wanted_rate;
                stream_filter_want(world.filter, carried, rate);
            }
            for (size_t t = 0; t < MIN(world.crossed, SVC_TELLINGS); t++) {
                known += told_again(&world, &world.tellings[t]);
            }
        }
        assert_true(known > 1000);
        svc_end(&world);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_nobody_wants_crosses_as_numbers),
        cmocka_unit_test(what_is_too_fast_crosses_as_numbers),
        cmocka_unit_test(a_higher_rate_is_wanted_behind_it),
        cmocka_unit_test(subscribers_choose_from_what_crosses),
        cmocka_unit_test(more_is_wanted_behind_it),
        cmocka_unit_test(less_is_wanted_behind_it),
        cmocka_unit_test(less_crosses_than_a_subscriber_has),
        cmocka_unit_test(another_source_is_looked_at_anew),
        cmocka_unit_test(any_wishes_at_any_time),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
