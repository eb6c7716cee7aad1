/* SPDX-License-Identifier: Apache-2.0
 *
 * Goal: a layer counts as dried up when others go on without it, and only then.
 */
#include "tests/unit/media-node/stream/kit.h"

#define MS TIME_MS(1)

struct world {
    struct stream_receiver *layers[STREAM_LAYERS_MAX];
    uint16_t seq[STREAM_LAYERS_MAX];
};

static void setup(struct world *world)
{
    *world = (struct world){0};
    for (uint8_t i = 0; i < 3; i++) {
        world->layers[i] = kit_receiver(STREAM_VIDEO, i);
    }
}

static void teardown(struct world *world)
{
    for (size_t i = 0; i < 3; i++) {
        stream_receiver_free(world->layers[i]);
    }
}

/* One frame on each layer of mask. */
static void frame(struct world *world, int64_t now_us, unsigned mask)
{
    for (size_t i = 0; i < 3; i++) {
        if ((mask >> i & 1) != 0) {
            struct kit_packet packet;
            uint16_t seq = ++world->seq[i];
            kit_vp8(&packet, &(struct kit_spec){
                                 .seq = seq, .ts = (uint32_t)(now_us / 1000 * 90), .start = true});
            kit_feed(world->layers[i], now_us, &packet);
        }
    }
}

/* A frame each step_ms from from_ms up to to_ms. */
static void frames(struct world *world, int from_ms, int to_ms, int step_ms, unsigned mask)
{
    for (int at = from_ms; at < to_ms; at += step_ms) {
        frame(world, at * MS, mask);
    }
}

static void nothing_is_live_before_media(void **state)
{
    (void)state;
    struct world world;
    setup(&world);
    assert_int_equal(stream_layers_live(world.layers, 0), 0);
    frame(&world, 0, 2);
    assert_int_equal(stream_layers_live(world.layers, 0), 2);
    teardown(&world);
}

static void a_layer_left_behind_dries_up_and_comes_back(void **state)
{
    (void)state;
    struct world world;
    setup(&world);
    frames(&world, 0, 1000, 33, 7);
    assert_int_equal(stream_layers_live(world.layers, 1000 * MS), 7);
    frames(&world, 1000, 1380, 33, 3);
    assert_int_equal(stream_layers_live(world.layers, 1380 * MS), 7);
    frames(&world, 1380, 1400, 33, 3);
    assert_int_equal(stream_layers_live(world.layers, 1400 * MS), 3);
    frame(&world, 1500 * MS, 4);
    assert_int_equal(stream_layers_live(world.layers, 1500 * MS), 7);
    teardown(&world);
}

static void slow_content_dries_nothing_up(void **state)
{
    (void)state;
    struct world world;
    setup(&world);
    frames(&world, 0, 10000, 1000, 7); /* a screen at one frame a second */
    assert_int_equal(stream_layers_live(world.layers, 9900 * MS), 7);
    frames(&world, 10000, 12000, 1000, 3); /* two more: not enough to be sure */
    assert_int_equal(stream_layers_live(world.layers, 11900 * MS), 7);
    frame(&world, 12000 * MS, 3);
    assert_int_equal(stream_layers_live(world.layers, 12000 * MS), 3);
    teardown(&world);
}

static void silence_of_all_dries_nothing_up(void **state)
{
    (void)state;
    struct world world;
    setup(&world);
    frames(&world, 0, 1000, 33, 5);
    assert_int_equal(stream_layers_live(world.layers, TIME_S(3600)), 5);
    teardown(&world);
}

static void repairs_keep_no_layer_alive(void **state)
{
    (void)state;
    struct world world;
    setup(&world);
    frames(&world, 0, 1000, 33, 7);
    world.seq[2] += 10; /* lost */
    frame(&world, 1000 * MS, 7);
    uint16_t lost = (uint16_t)(world.seq[2] - 10);
    for (int at = 1033; at < 1500; at += 33) {
        if (at < 1033 + 10 * 33) {
            struct kit_packet packet;
            kit_vp8(&packet, &(struct kit_spec){.seq = lost++, .start = true});
            assert_true(kit_feed(world.layers[2], at * MS, &packet)->late);
        }
        frame(&world, at * MS, 3);
    }
    assert_int_equal(stream_layers_live(world.layers, 1500 * MS), 3);
    teardown(&world);
}

/* Another node leaves out all but one picture of four, so here comes one each 800 ms. */
static void pictures_left_out_elsewhere_keep_a_layer_alive(void **state)
{
    (void)state;
    struct world world;
    setup(&world);
    for (int at = 0; at < 4000; at += 200) {
        frame(&world, at * MS, at % 800 == 0 ? 5 : 1);
        if (at % 800 != 0) {
            static const uint8_t descriptor[] = {0x90, 0xe0, 0x80, 1, 1, 0x40};
            struct kit_packet packet;
            kit_raw(&packet, &(struct kit_spec){.seq = ++world.seq[2], .pt = PT_VP8}, descriptor,
                    sizeof(descriptor));
            assert_int_equal(kit_feed(world.layers[2], at * MS, &packet)->rtp.payload.len, 0);
        }
        assert_int_equal(stream_layers_live(world.layers, at * MS), 5);
    }
    struct stream_receiver_stats stats;
    stream_receiver_stats(world.layers[2], 4000 * MS, &stats);
    assert_int_equal(stats.bad, 0);
    assert_int_equal(stats.frames, 5);
    teardown(&world);
}

static void padding_keeps_no_layer_alive(void **state)
{
    (void)state;
    struct world world;
    setup(&world);
    frames(&world, 0, 1000, 33, 7);
    for (int at = 1000; at < 2000; at += 33) {
        struct kit_packet packet;
        struct kit_spec probe = {.seq = ++world.seq[2], .pt = PT_VP8, .padding = 100};
        kit_raw(&packet, &probe, "", 0);
        kit_feed(world.layers[2], at * MS, &packet);
        frame(&world, at * MS, 3);
    }
    assert_int_equal(stream_layers_live(world.layers, 2000 * MS), 3);
    teardown(&world);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nothing_is_live_before_media),
        cmocka_unit_test(a_layer_left_behind_dries_up_and_comes_back),
        cmocka_unit_test(slow_content_dries_nothing_up),
        cmocka_unit_test(silence_of_all_dries_nothing_up),
        cmocka_unit_test(repairs_keep_no_layer_alive),
        cmocka_unit_test(pictures_left_out_elsewhere_keep_a_layer_alive),
        cmocka_unit_test(padding_keeps_no_layer_alive),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
