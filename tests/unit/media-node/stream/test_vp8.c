/* SPDX-License-Identifier: Apache-2.0
 *
 * Goal: a VP8 decoder sees picture ids, TL0PICIDX and KEYIDX go on by one over switches, pauses and
 * left-out temporal layers, and the same values for a packet whenever it is sent.
 */
#include "tests/unit/media-node/stream/kit.h"

#define MS TIME_MS(1)

struct world {
    struct stream_receiver *layers[STREAM_LAYERS_MAX];
    struct stream_sender *sender;
};

static void setup(struct world *world, uint8_t temporal_max)
{
    struct stream_want want = {.spatial_max = 3, .temporal_max = temporal_max};
    *world = (struct world){.sender = kit_sender(STREAM_VIDEO)};
    for (uint8_t i = 0; i < 2; i++) {
        world->layers[i] = kit_receiver(STREAM_VIDEO, i);
    }
    stream_sender_want(world->sender, 0, &want);
}

static void teardown(struct world *world)
{
    stream_receiver_free(world->layers[0]);
    stream_receiver_free(world->layers[1]);
    stream_sender_free(world->sender);
}

/* A packet and what becomes of it. */
struct line {
    uint16_t seq;
    uint16_t picture_id;
    uint8_t tl0;
    uint8_t temporal;
    uint8_t key_index;
    char kind; /* k: key frame, s: may be switched up to, f: first of a frame, c: further one */
    uint8_t layer;
    /* expected */
    int index;       /* behind SEQ_OUT; -1: not sent */
    int picture_out; /* -1: a filler */
    int tl0_out;
    int key_index_out;
};

static void play(struct world *world, const struct line *lines, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        const struct line *line = &lines[i];
        struct kit_packet packet;
        struct stream_out out;
        kit_vp8(&packet, &(struct kit_spec){
                             .seq = line->seq,
                             .ts = line->picture_id * 3000u,
                             .ssrc = SSRC_SOURCE + line->layer,
                             .key = line->kind == 'k',
                             .start = line->kind != 'c',
                             .sync = line->kind == 's' || line->kind == 'k',
                             .picture_id = line->picture_id,
                             .tl0 = line->tl0,
                             .temporal = line->temporal,
                             .key_index = line->key_index,
                             .tag = line->seq,
                         });
        const struct stream_packet *given = kit_feed(world->layers[line->layer], 0, &packet);
        unsigned bits = stream_sender_forward(world->sender, 0, given, &out) & STREAM_SEND;
        assert_int_equal(bits, line->index >= 0 ? STREAM_SEND : 0);
        if (line->index < 0) {
            continue;
        }
        assert_int_equal(out.index - SEQ_OUT, line->index);
        assert_int_equal(out.padding, line->picture_out < 0);
        if (line->picture_out >= 0) {
            struct kit_seen seen = kit_see(&out);
            assert_int_equal(seen.tag, line->seq);
            assert_int_equal(seen.len, packet.view.payload.len);
            assert_int_equal(seen.vp8.picture_id, line->picture_out);
            assert_int_equal(seen.vp8.tl0, line->tl0_out);
            assert_int_equal(seen.key_index, line->key_index_out);
            assert_int_equal(seen.vp8.temporal, line->temporal);
        }
    }
}

static void one_layer_passes_as_it_is(void **state)
{
    (void)state;
    static const struct line lines[] = {
        {1, 32766, 255, 0, 31, 'k', 0, 0, 32766, 255, 31},
        {2, 32766, 255, 0, 31, 'c', 0, 1, 32766, 255, 31},
        {3, 32767, 255, 1, 31, 'f', 0, 2, 32767, 255, 31},
        {4, 0, 0, 0, 0, 'f', 0, 3, 0, 0, 0},
    };
    struct world world;
    setup(&world, 7);
    play(&world, lines, ARRAY_LEN(lines));
    teardown(&world);
}

static void a_switch_goes_on_by_one(void **state)
{
    (void)state;
    static const struct line lines[] = {
        {1, 32766, 255, 0, 30, 'k', 0, 0, 32766, 255, 30},
        {2, 32767, 255, 1, 30, 'f', 0, 1, 32767, 255, 30},
        {50, 500, 77, 0, 5, 'k', 1, 2, 0, 0, 31},
        {51, 500, 77, 0, 5, 'c', 1, 3, 0, 0, 31},
        {53, 502, 78, 0, 5, 'f', 1, 5, 2, 1, 31},
        {52, 501, 77, 1, 5, 'f', 1, 4, 1, 0, 31}, /* late */
        {54, 503, 78, 2, 6, 'f', 1, 6, 3, 1, 0},
        {3, 0, 0, 0, 30, 'f', 0, -1, 0, 0, 0}, /* the old layer is over */
    };
    struct world world;
    setup(&world, 7);
    play(&world, lines, ARRAY_LEN(lines));
    teardown(&world);
}

static void left_out_layers_leave_no_trace(void **state)
{
    (void)state;
    static const struct line lines[] = {
        {1, 10, 5, 0, 1, 'k', 0, 0, 10, 5, 1}, {2, 11, 5, 2, 1, 's', 0, -1, 0, 0, 0},
        {3, 11, 5, 2, 1, 'c', 0, -1, 0, 0, 0}, {4, 12, 5, 1, 1, 's', 0, 1, 11, 5, 1},
        {5, 13, 5, 2, 1, 'f', 0, -1, 0, 0, 0}, {6, 14, 6, 0, 1, 'f', 0, 2, 12, 6, 1},
    };
    struct world world;
    setup(&world, 1);
    play(&world, lines, ARRAY_LEN(lines));
    struct stream_sender_stats stats;
    stream_sender_stats(world.sender, &stats);
    assert_int_equal(stats.packets, 3);
    teardown(&world);
}

/* What is missing may belong to a layer left out: a number and a picture id are kept for it, and
 * a filler closes the gap if it does. */
static void late_packets_among_left_out_ones(void **state)
{
    (void)state;
    static const struct line lines[] = {
        {1, 10, 5, 0, 1, 'k', 0, 0, 10, 5, 1},
        {2, 11, 5, 1, 1, 'f', 0, -1, 0, 0, 0}, /* left out: shift is 1 from here on */
        {5, 13, 6, 0, 1, 'f', 0, 3, 12, 6, 1}, /* 3 and 4 are missing */
        {3, 12, 5, 1, 1, 'f', 0, 1, -1, 0, 0}, /* of a layer left out */
        {4, 13, 6, 0, 1, 'f', 0, 2, 12, 6, 1}, /* first part of 13 */
        {4 + 3, 15, 6, 1, 1, 'f', 0, -1, 0, 0, 0},
        {8, 16, 7, 0, 1, 'f', 0, 5, 14, 7, 1},
        {6, 14, 6, 0, 1, 'f', 0, 4, 13, 6, 1}, /* its shift is that of its place: still 1 */
    };
    struct world world;
    setup(&world, 0);
    play(&world, lines, ARRAY_LEN(lines));
    struct stream_sender_stats stats;
    stream_sender_stats(world.sender, &stats);
    assert_int_equal(stats.fillers, 1);
    teardown(&world);
}

static void fewer_layers_at_once_more_at_a_sync_point(void **state)
{
    (void)state;
    struct stream_want base = {.spatial_max = 3, .temporal_max = 0};
    struct stream_want all = {.spatial_max = 3, .temporal_max = 7};
    static const struct line before[] = {
        {1, 10, 5, 0, 1, 'k', 0, 0, 10, 5, 1},
        {2, 11, 5, 2, 1, 's', 0, 1, 11, 5, 1},
    };
    static const struct line fewer[] = {
        {3, 11, 5, 2, 1, 'c', 0, 2, 11, 5, 1}, /* the frame is finished */
        {4, 12, 5, 1, 1, 's', 0, -1, 0, 0, 0},
        {5, 13, 6, 0, 1, 'f', 0, 3, 12, 6, 1},
    };
    static const struct line more[] = {
        {6, 14, 6, 2, 1, 'f', 0, -1, 0, 0, 0}, /* refers to what was left out */
        {8, 15, 6, 1, 1, 's', 0, 5, 13, 6, 1}, /* 7 is missing */
        {7, 14, 6, 2, 1, 'c', 0, 4, -1, 0, 0}, /* belongs to a frame left out */
        {9, 16, 6, 2, 1, 'f', 0, -1, 0, 0, 0}, /* no sync point of its own layer yet */
        {10, 17, 7, 0, 1, 'f', 0, 6, 14, 7, 1}, {11, 18, 7, 2, 1, 's', 0, 7, 15, 7, 1},
        {12, 19, 7, 2, 1, 'f', 0, 8, 16, 7, 1},
    };
    struct world world;
    setup(&world, 7);
    play(&world, before, ARRAY_LEN(before));
    stream_sender_want(world.sender, 0, &base);
    play(&world, fewer, ARRAY_LEN(fewer));
    stream_sender_want(world.sender, 0, &all);
    play(&world, more, ARRAY_LEN(more));
    teardown(&world);
}

static void a_key_frame_lets_all_wanted_layers_in(void **state)
{
    (void)state;
    struct stream_want all = {.spatial_max = 3, .temporal_max = 7};
    static const struct line before[] = {{1, 10, 5, 0, 1, 'k', 0, 0, 10, 5, 1}};
    static const struct line after[] = {
        {2, 11, 6, 0, 2, 'k', 0, 1, 11, 6, 2},
        {3, 12, 6, 2, 2, 'f', 0, 2, 12, 6, 2},
    };
    struct world world;
    setup(&world, 0);
    play(&world, before, ARRAY_LEN(before));
    stream_sender_want(world.sender, 0, &all);
    play(&world, after, ARRAY_LEN(after));
    teardown(&world);
}

/* Seven-bit ids stay seven bits, a bare descriptor stays bare. */
static void other_descriptors(void **state)
{
    (void)state;
    struct world world;
    struct stream_out out;
    struct kit_packet packet;
    setup(&world, 7);
    struct kit_spec low = {
        .seq = 1, .start = true, .key = true, .short_id = true, .picture_id = 127};
    kit_vp8(&packet, &low);
    stream_sender_forward(world.sender, 0, kit_feed(world.layers[0], 0, &packet), &out);
    assert_int_equal(kit_see(&out).vp8.picture_id, 127);
    struct kit_spec high = low;
    high.ssrc = SSRC_SOURCE + 1;
    high.picture_id = 50;
    kit_vp8(&packet, &high);
    stream_sender_forward(world.sender, 0, kit_feed(world.layers[1], 0, &packet), &out);
    struct kit_seen seen = kit_see(&out);
    assert_int_equal(seen.vp8.picture_id, 0); /* 128, in seven bits */
    assert_int_equal(seen.len, packet.view.payload.len);
    low.seq = 2;
    low.no_ids = true;
    struct stream_want lowest = {.spatial_max = 0, .temporal_max = 7};
    stream_sender_want(world.sender, 0, &lowest);
    kit_vp8(&packet, &low);
    stream_sender_forward(world.sender, 0, kit_feed(world.layers[0], 0, &packet), &out);
    seen = kit_see(&out);
    assert_int_equal(seen.len, packet.view.payload.len);
    assert_memory_equal(seen.payload, packet.view.payload.data, seen.len);
    teardown(&world);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_layer_passes_as_it_is),
        cmocka_unit_test(a_switch_goes_on_by_one),
        cmocka_unit_test(left_out_layers_leave_no_trace),
        cmocka_unit_test(late_packets_among_left_out_ones),
        cmocka_unit_test(fewer_layers_at_once_more_at_a_sync_point),
        cmocka_unit_test(a_key_frame_lets_all_wanted_layers_in),
        cmocka_unit_test(other_descriptors),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
