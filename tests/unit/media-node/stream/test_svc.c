/* SPDX-License-Identifier: Apache-2.0
 *
 * Goal: of a stream with layers inside, a subscriber gets those that it wants and no others, under
 * numbers without a hole; whatever it is sent can be decoded with what it was sent, and the last
 * packet of each picture that it gets has the marker, and no other.
 */
#include "tests/unit/media-node/stream/svc.h"

/* ---- Stories --------------------------------------------------------------------------------- */

static void one_target_from_the_start(void **state)
{
    (void)state;
    static const struct {
        const struct descriptor_mode *mode;
        uint8_t spatial, temporal;
        const char *pictures[6];
    } cases[] = {
        {&svc_l1t2, 2, 7, {"0!", "0!", "0!", "0!", "0!", "0!"}},
        {&svc_l1t2, 2, 0, {"0!", "", "0!", "", "0!", ""}},
        {&svc_l1t3, 0, 1, {"0!", "", "0!", "", "0!", ""}},
        {&svc_l1t3, 0, 0, {"0!", "", "", "", "0!", ""}},
        {&svc_l3t3, 2, 7, {"012!", "012!", "012!", "012!", "012!", "012!"}},
        {&svc_l3t3, 1, 7, {"01!", "01!", "01!", "01!", "01!", "01!"}},
        {&svc_l3t3, 0, 1, {"0!", "", "0!", "", "0!", ""}},
        {&svc_l3t3_key, 2, 7, {"012!", "2!", "2!", "2!", "2!", "2!"}},
        {&svc_l3t3_key, 1, 7, {"01!", "1!", "1!", "1!", "1!", "1!"}},
        {&svc_l3t3_key, 0, 7, {"0!", "0!", "0!", "0!", "0!", "0!"}},
        {&svc_l3t3_key, 2, 0, {"012!", "", "", "", "2!", ""}},
        {&svc_l2t1_key, 2, 7, {"01!", "1!", "1!", "1!", "1!", "1!"}},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct svc world;
        svc_begin(&world, cases[i].mode, cases[i].spatial, cases[i].temporal);
        svc_expect(&world, cases[i].pictures, ARRAY_LEN(cases[i].pictures));
        assert_int_equal(world.asked, 0);
        svc_end(&world);
    }
}

/* Targets go from size to size, in each from rate to rate. */
static void who_gets_few_targets_is_told_so(void **state)
{
    (void)state;
    static const struct {
        const struct descriptor_mode *mode;
        uint8_t spatial, temporal;
        uint32_t active;
    } cases[] = {
        {&svc_l1t3, 0, 0, 1},      {&svc_l1t3, 0, 1, 3},     {&svc_l1t3, 0, 7, 7},
        {&svc_l3t3, 0, 7, 7},      {&svc_l3t3, 1, 1, 0x1b},  {&svc_l3t3, 1, 7, 0x3f},
        {&svc_l3t3, 2, 0, 0x49},   {&svc_l3t3, 2, 7, 0x1ff}, {&svc_l3t3_key, 2, 7, 0x1c0},
        {&svc_l3t3_key, 1, 1, 24}, {&svc_l2t1_key, 0, 7, 1},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct svc world;
        svc_begin(&world, cases[i].mode, cases[i].spatial, cases[i].temporal);
        for (unsigned n = 0; n < 8; n++) {
            svc_picture(&world);
        }
        assert_int_equal(world.active, cases[i].active);
        svc_end(&world);
    }
}

static void targets_that_come_back_are_told(void **state)
{
    (void)state;
    struct svc world;
    svc_begin(&world, &svc_l1t3, 0, 7);
    SVC_EXPECT(&world, "0!", "0!");
    assert_int_equal(world.active, 7);
    svc_want(&world, 0, 0);
    for (unsigned n = 0; n < 6; n++) {
        svc_picture(&world);
    }
    assert_int_equal(world.active, 1);
    svc_want(&world, 0, 7);
    for (unsigned n = 0; n < 8; n++) {
        svc_picture(&world);
    }
    assert_int_equal(world.active, 7);
    world.key_wanted = true; /* brings the structure: all are active again by themselves */
    svc_picture(&world);
    world.rewritten = false;
    svc_picture(&world);
    assert_false(world.rewritten);
    svc_end(&world);
}

static void more_sizes_come_with_a_key_frame(void **state)
{
    (void)state;
    static const struct descriptor_mode *const modes[] = {&svc_l3t3, &svc_l3t3_key};
    for (size_t i = 0; i < ARRAY_LEN(modes); i++) {
        struct svc world;
        svc_begin(&world, modes[i], 0, 7);
        SVC_EXPECT(&world, "0!", "0!", "0!");
        svc_want(&world, 2, 7);
        SVC_EXPECT(&world, "0!", "0!");
        assert_true(world.asked >= 1);
        assert_int_equal(stream_sender_needs_key_frame(world.sender), 0);
        world.key_wanted = true;
        SVC_EXPECT(&world, "012!");
        assert_int_equal(stream_sender_needs_key_frame(world.sender), -1);
        svc_end(&world);
    }
}

/* In full SVC the lower layers were sent all along. */
static void fewer_sizes(void **state)
{
    (void)state;
    struct svc world;
    svc_begin(&world, &svc_l3t3, 2, 7);
    SVC_EXPECT(&world, "012!", "012!");
    svc_want(&world, 1, 7); /* a picture of the lowest or middle rate begins it */
    SVC_EXPECT(&world, "01!", "01!", "01!");
    svc_want(&world, 0, 7); /* not with one of the highest: it says nothing of later ones */
    SVC_EXPECT(&world, "01!", "0!", "0!");
    assert_int_equal(world.asked, 0);
    svc_end(&world);

    svc_begin(&world, &svc_l3t3_key, 2, 7);
    SVC_EXPECT(&world, "012!", "2!", "2!");
    svc_want(&world, 0, 7); /* the lowest of the key frame was sent, and is referred to now */
    SVC_EXPECT(&world, "2!", "0!", "0!");
    assert_int_equal(world.asked, 0);
    svc_end(&world);

    svc_begin(&world, &svc_l3t3_key, 2, 7);
    SVC_EXPECT(&world, "012!", "2!", "2!", "2!", "2!");
    svc_want(&world, 0, 7); /* its last frames were not sent: till a key frame, all goes on */
    SVC_EXPECT(&world, "2!", "2!", "2!", "2!");
    assert_true(world.asked >= 1);
    world.key_wanted = true;
    SVC_EXPECT(&world, "0!", "0!");
    assert_int_equal(stream_sender_needs_key_frame(world.sender), -1);
    svc_end(&world);
}

static void rates_change_without_key_frames(void **state)
{
    (void)state;
    struct svc world;
    svc_begin(&world, &svc_l3t3_key, 2, 7);
    SVC_EXPECT(&world, "012!", "2!", "2!");
    svc_want(&world, 2, 0);
    SVC_EXPECT(&world, "2!", "2!", "", "", "",
               "2!"); /* from the next picture of the lowest rate on */
    svc_want(&world, 2, 7);
    SVC_EXPECT(&world, "", "2!", "2!",
               "2!"); /* from the middle one on, that refers to the lowest */
    assert_int_equal(world.asked, 0);
    svc_end(&world);

    svc_begin(&world, &svc_l3t3, 1, 0);
    SVC_EXPECT(&world, "01!", "", "", "", "01!");
    svc_want(&world, 1, 1);
    SVC_EXPECT(&world, "", "", "", "01!", "", "01!");
    assert_int_equal(world.asked, 0);
    svc_end(&world);
}

static void a_key_frame_that_was_lost_is_asked_for_again(void **state)
{
    (void)state;
    struct svc world;
    struct kit_packet packet;
    svc_begin(&world, &svc_l3t3_key, 0, 7);
    SVC_EXPECT(&world, "0!", "0!");
    svc_want(&world, 2, 7);
    SVC_EXPECT(&world, "0!");
    unsigned before = world.asked;
    world.picture = 0; /* its first packet is lost */
    svc_make(&world, &packet, 0, 0);
    world.index++; /* the number that is kept for it */
    svc_make(&world, &packet, 0, 1);
    svc_forward(&world, &packet);
    world.number = (uint16_t)(world.number + 3);
    svc_next_picture(&world);
    SVC_EXPECT(&world, "0!", "0!", "0!", "0!");
    assert_true(world.asked > before);
    world.key_wanted = true;
    SVC_EXPECT(&world, "012!");
    svc_end(&world);
}

/* A publisher that gives up its largest size says so, and its pictures end earlier. */
static void active_targets_are_heeded(void **state)
{
    (void)state;
    struct svc world;
    svc_begin(&world, &svc_l3t3, 2, 7);
    SVC_EXPECT(&world, "012!", "012!", "012!", "012!");
    world.sizes = 2;
    world.told = true;
    SVC_EXPECT(&world, "01!", "01!");
    world.sizes = 3;
    world.key_wanted = true; /* with a structure, and so all targets */
    SVC_EXPECT(&world, "012!", "012!");
    svc_end(&world);
}

static void another_structure_has_other_numbers(void **state)
{
    (void)state;
    struct svc world;
    svc_begin(&world, &svc_l3t3, 1, 7);
    SVC_EXPECT(&world, "01!", "01!");
    world.mode = svc_l2t1_key;
    world.mode.first = 15;
    world.sizes = 2;
    world.key_wanted = true;
    SVC_EXPECT(&world, "01!", "1!", "1!");
    world.mode = svc_l1t3;
    world.mode.first = 20;
    world.sizes = 1;
    world.key_wanted = true;
    SVC_EXPECT(&world, "0!", "0!", "0!");
    svc_end(&world);
}

/* What comes late goes where its number was kept: shown if it belongs to what was sent then, else
 * as a filler. */
static void late_packets(void **state)
{
    (void)state;
    struct svc world;
    struct kit_packet packets[3 * SVC_PARTS];
    svc_begin(&world, &svc_l3t3, 1, 7);
    SVC_EXPECT(&world, "01!");
    for (unsigned spatial = 0; spatial < 3; spatial++, world.number++) {
        for (unsigned part = 0; part < SVC_PARTS; part++) {
            svc_make(&world, &packets[spatial * SVC_PARTS + part], spatial, part);
        }
    }
    struct {
        unsigned packet;
        bool padding, marker;
    } lines[] = {{0, false, false}, {1, false, false}, {2, false, false}, /* 3 and 4 are missing */
                 {5, false, false}, {3, false, true},  {4, true, false}};
    for (size_t i = 0; i < ARRAY_LEN(lines); i++) {
        struct stream_out out;
        const struct stream_packet *given =
            kit_feed(world.layers[0], world.now_us, &packets[lines[i].packet]);
        unsigned bits = stream_sender_forward(world.sender, world.now_us, given, &out);
        assert_int_equal(bits, lines[i].packet == 5 ? 0 : STREAM_SEND);
        if (bits != 0) {
            assert_int_equal(out.index, world.index + lines[i].packet);
            assert_int_equal(out.padding, lines[i].padding);
            assert_int_equal(out.marker, lines[i].marker);
        }
    }
    svc_end(&world);
}

/* The same bytes again, marker and all. */
static void sent_again_as_it_was(void **state)
{
    (void)state;
    struct svc world;
    struct stream_out out;
    svc_begin(&world, &svc_l3t3, 0, 7);
    SVC_EXPECT(&world, "0!", "0!");
    assert_int_equal(stream_sender_resend(world.sender, world.now_us, SEQ_OUT + SVC_PARTS * 2 - 1,
                                          world.layers, &out),
                     0);
    assert_true(out.repeat);
    assert_true(out.marker);
    assert_int_equal(out.active, 0);
    /* What it told of active targets may be forgotten by then. */
    assert_int_equal(stream_sender_resend(world.sender, world.now_us, SEQ_OUT + SVC_PARTS * 2 - 2,
                                          world.layers, &out),
                     ERR_NOT_FOUND);
    svc_end(&world);
}

/* Another sender takes over, at another node that has the stream. */
static unsigned move(struct svc *world)
{
    struct stream_state state = kit_state(world->sender);
    stream_sender_free(world->sender);
    world->sender = svc_sender();
    svc_want(world, 2, 7);
    world->asked = 0;
    return stream_sender_resume(world->sender, world->now_us, &state, world->layers);
}

static void goes_on_at_another_node(void **state)
{
    (void)state;
    struct svc world;
    svc_begin(&world, &svc_l3t3_key, 2, 7);
    SVC_EXPECT(&world, "012!", "2!", "2!", "2!", "2!", "2!");
    assert_int_equal(move(&world), 0);
    SVC_EXPECT(&world, "2!", "2!", "2!");
    assert_int_equal(world.asked, 0);
    svc_end(&world);
}

/* There a trunk brought it since a moment ago, and its structure is not known: all is sent, and a
 * key frame asked for once. */
static void goes_on_where_the_structure_is_not_known(void **state)
{
    (void)state;
    struct svc world;
    struct kit_packet packet;
    struct stream_out out;
    svc_begin(&world, &svc_l3t3_key, 2, 7);
    SVC_EXPECT(&world, "012!", "2!");
    stream_receiver_free(world.layers[0]);
    world.layers[0] = svc_receiver();
    svc_make(&world, &packet, 0, 0);
    (void)kit_feed(world.layers[0], world.now_us, &packet);
    assert_int_equal(move(&world), 0);
    for (unsigned part = 0; part < 4; part++) {
        svc_make(&world, &packet, 0, 1);
        unsigned bits = stream_sender_forward(
            world.sender, world.now_us, kit_feed(world.layers[0], world.now_us, &packet), &out);
        assert_int_equal(bits, part == 0 ? STREAM_SEND | STREAM_ASK : STREAM_SEND);
    }
    assert_int_equal(stream_sender_needs_key_frame(world.sender), 0);
    world.number = (uint16_t)(world.number + 3);
    svc_next_picture(&world);
    world.index = out.index + 1;
    world.ended = true;
    world.key_wanted = true;
    SVC_EXPECT(&world, "012!", "2!");
    assert_int_equal(stream_sender_needs_key_frame(world.sender), -1);
    svc_end(&world);
}

/* Whatever is wanted when, what is sent can be decoded (take), and what is wanted comes. */
static void any_wishes_at_any_time(void **state)
{
    (void)state;
    static const struct descriptor_mode *const modes[] = {&svc_l1t2, &svc_l1t3, &svc_l2t1_key,
                                                          &svc_l3t3, &svc_l3t3_key};
    for (unsigned seed = 0; seed < 50; seed++) {
        struct prng prng;
        struct svc world;
        prng_seed(&prng, seed);
        const struct descriptor_mode *mode = modes[seed % ARRAY_LEN(modes)];
        svc_begin(&world, mode, 2, 7);
        for (unsigned i = 0; i < 40; i++) {
            uint8_t spatial = (uint8_t)prng_below(&prng, 3);
            uint8_t temporal = (uint8_t)prng_below(&prng, 4);
            svc_want(&world, spatial, temporal);
            uint64_t pictures = 1 + prng_below(&prng, 20);
            for (uint64_t n = 0; n < pictures; n++) {
                bool needed = stream_sender_needs_key_frame(world.sender) == 0;
                world.key_wanted = needed && prng_below(&prng, 3) == 0;
                (void)svc_picture(&world);
            }
        }
        svc_want(&world, 1, 7);
        unsigned highest = MIN(1u, mode->spatial - 1);
        for (unsigned n = 0; n < 10; n++) { /* whatever must be asked for, and a whole pattern */
            world.key_wanted = stream_sender_needs_key_frame(world.sender) == 0;
            (void)svc_picture(&world);
        }
        size_t len = strlen(world.seen);
        assert_true(len >= 2 && world.seen[len - 1] == '!');
        assert_int_equal(world.seen[len - 2], '0' + (int)highest);
        svc_end(&world);
    }
}

/* ---- Rates ----------------------------------------------------------------------------------- */

static void rates_of_each_target(void **state)
{
    (void)state;
    struct svc world;
    struct stream_rates rates;
    svc_begin(&world, &svc_l3t3, 2, 7);
    assert_false(stream_receiver_rates(world.layers[0], 0, &rates));
    for (unsigned i = 0; i < 70; i++) {
        (void)svc_picture(&world);
    }
    assert_true(stream_receiver_rates(world.layers[0], world.now_us, &rates));
    /* Thirty pictures a second, of which a quarter has the lowest rate. */
    const uint32_t lowest = 30 * SVC_PARTS * 100 * 8;
    assert_in_range(rates.bps[0][3], lowest * 95 / 100, lowest * 105 / 100);
    assert_in_range(rates.bps[0][0], lowest * 20 / 100, lowest * 30 / 100);
    assert_in_range(rates.bps[0][1], lowest * 45 / 100, lowest * 55 / 100);
    assert_in_range(rates.bps[1][3], 3 * lowest * 95 / 100, 3 * lowest * 105 / 100);
    assert_in_range(rates.bps[2][3], 7 * lowest * 95 / 100, 7 * lowest * 105 / 100);
    assert_int_equal(rates.bps[2][2], rates.bps[3][3]); /* no more than there is */
    svc_end(&world);

    svc_begin(&world, &svc_l3t3_key, 2, 7);
    for (unsigned i = 0; i < 70; i++) {
        (void)svc_picture(&world);
    }
    assert_true(stream_receiver_rates(world.layers[0], world.now_us, &rates));
    assert_in_range(rates.bps[2][3], 4 * lowest * 95 / 100, 4 * lowest * 105 / 100);
    svc_end(&world);
}

/* VP8: its temporal layers. */
static void rates_of_temporal_layers(void **state)
{
    (void)state;
    struct stream_receiver *receiver = kit_receiver(STREAM_VIDEO, 0);
    struct stream_rates rates;
    static const uint8_t temporal[] = {0, 2, 1, 2};
    for (unsigned i = 0; i < 70; i++) {
        struct kit_packet packet;
        kit_vp8(&packet, &(struct kit_spec){.seq = (uint16_t)i,
                                            .ts = i * 3000,
                                            .start = true,
                                            .key = i == 0,
                                            .temporal = temporal[i % 4],
                                            .extra = 490});
        (void)kit_feed(receiver, (int64_t)i * SVC_FRAME_US, &packet);
    }
    assert_true(stream_receiver_rates(receiver, 70 * (int64_t)SVC_FRAME_US, &rates));
    assert_in_range(rates.bps[0][3], 115000, 125000);
    assert_in_range(rates.bps[0][0], 25000, 35000);
    assert_in_range(rates.bps[0][1], 55000, 65000);
    assert_int_equal(rates.bps[2][1], rates.bps[0][1]);
    stream_receiver_free(receiver);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_target_from_the_start),
        cmocka_unit_test(who_gets_few_targets_is_told_so),
        cmocka_unit_test(targets_that_come_back_are_told),
        cmocka_unit_test(more_sizes_come_with_a_key_frame),
        cmocka_unit_test(fewer_sizes),
        cmocka_unit_test(rates_change_without_key_frames),
        cmocka_unit_test(a_key_frame_that_was_lost_is_asked_for_again),
        cmocka_unit_test(active_targets_are_heeded),
        cmocka_unit_test(another_structure_has_other_numbers),
        cmocka_unit_test(late_packets),
        cmocka_unit_test(sent_again_as_it_was),
        cmocka_unit_test(goes_on_at_another_node),
        cmocka_unit_test(goes_on_where_the_structure_is_not_known),
        cmocka_unit_test(any_wishes_at_any_time),
        cmocka_unit_test(rates_of_each_target),
        cmocka_unit_test(rates_of_temporal_layers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
