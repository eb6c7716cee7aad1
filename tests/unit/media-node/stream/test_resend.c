/* SPDX-License-Identifier: Apache-2.0
 *
 * Goal: a NACK is answered with exactly the packet that went out under that number, as RTX or,
 * where the caller can repeat bytes, as itself; not too often, not too much, and never another
 * payload under a number that was used.
 */
#include "tests/unit/media-node/stream/kit.h"

#define MS TIME_MS(1)

struct world {
    struct stream_receiver *layers[STREAM_LAYERS_MAX];
    struct stream_sender *sender;
};

static void setup(struct world *world, struct stream_sender *sender)
{
    struct stream_want all = {.spatial_max = 3, .temporal_max = 7};
    *world = (struct world){.sender = sender};
    world->layers[0] = kit_receiver(STREAM_VIDEO, 0);
    world->layers[1] = kit_receiver(STREAM_VIDEO, 1);
    stream_sender_want(sender, 0, &all);
}

static void teardown(struct world *world)
{
    stream_receiver_free(world->layers[0]);
    stream_receiver_free(world->layers[1]);
    stream_sender_free(world->sender);
}

static struct stream_sender *sender_without_rtx(bool repeat_allowed)
{
    struct stream_payload vp8 = {.codec = RTP_CODEC_VP8, .number = OUT_VP8, .clock_hz = 90000};
    struct stream_sender_config config = {.kind = STREAM_VIDEO,
                                          .ssrc = SSRC_OUT,
                                          .payloads = &vp8,
                                          .payload_count = 1,
                                          .seq_next = SEQ_OUT,
                                          .repeat_allowed = repeat_allowed};
    return stream_sender_new(&config, 0);
}

static void send(struct world *world, int64_t now_us, struct kit_spec spec, struct kit_seen *seen)
{
    struct kit_packet packet;
    struct stream_out out;
    uint8_t layer = spec.ssrc == SSRC_SOURCE + 1 ? 1 : 0;
    spec.start = true;
    kit_vp8(&packet, &spec);
    const struct stream_packet *given = kit_feed(world->layers[layer], now_us, &packet);
    unsigned bits = stream_sender_forward(world->sender, now_us, given, &out);
    assert_true((bits & STREAM_SEND) != 0);
    if (seen != NULL) {
        *seen = kit_see(&out);
    }
}

static int resend(struct world *world, int64_t now_us, uint16_t seq, struct stream_out *out)
{
    return stream_sender_resend(world->sender, now_us, seq, world->layers, out);
}

static void as_rtx_over_a_switch(void **state)
{
    (void)state;
    struct world world;
    struct kit_seen first[4];
    struct stream_out out;
    setup(&world, kit_sender(STREAM_VIDEO));
    send(&world, 0, (struct kit_spec){.seq = 1, .key = true, .picture_id = 9, .tag = 1}, &first[0]);
    send(&world, 0, (struct kit_spec){.seq = 2, .ts = 3, .picture_id = 10, .tag = 2}, &first[1]);
    struct kit_spec high = {.seq = 70,
                            .ssrc = SSRC_SOURCE + 1,
                            .key = true,
                            .picture_id = 700,
                            .marker = true,
                            .tag = 3};
    send(&world, 0, high, &first[2]);
    high.seq = 71;
    high.key = false;
    high.picture_id = 701;
    send(&world, 0, high, &first[3]);
    for (uint16_t i = 0; i < 4; i++) {
        assert_int_equal(resend(&world, 0, (uint16_t)(SEQ_OUT + i), &out), 0);
        assert_true(out.rtx);
        assert_false(out.repeat);
        assert_int_equal(out.ssrc, SSRC_OUT_RTX);
        assert_int_equal(out.payload_type, OUT_VP8_RTX);
        assert_int_equal(out.index, i); /* the RTX stream's own numbers, from 0 here */
        assert_int_equal(out.marker, i >= 2);
        struct kit_seen seen = kit_see(&out);
        assert_int_equal(be16_get(seen.payload), SEQ_OUT + i);
        assert_int_equal(seen.len, first[i].len + 2);
        assert_memory_equal(seen.payload + 2, first[i].payload, first[i].len);
    }
    assert_int_equal(kit_state(world.sender).rtx_seq_next, 4);
    teardown(&world);
}

static void without_rtx_only_byte_for_byte(void **state)
{
    (void)state;
    struct world world;
    struct stream_out out;
    setup(&world, sender_without_rtx(false));
    send(&world, 0, (struct kit_spec){.seq = 1, .key = true}, NULL);
    assert_int_equal(resend(&world, 0, SEQ_OUT, &out), ERR_UNSUPPORTED);
    teardown(&world);

    struct kit_seen first;
    setup(&world, sender_without_rtx(true));
    send(&world, 0, (struct kit_spec){.seq = 1, .ts = 5, .key = true, .marker = true}, &first);
    assert_int_equal(resend(&world, 0, SEQ_OUT, &out), 0);
    assert_false(out.rtx);
    assert_true(out.repeat);
    assert_int_equal(out.index, SEQ_OUT);
    assert_int_equal(out.ssrc, SSRC_OUT);
    assert_int_equal(out.payload_type, OUT_VP8);
    assert_true(out.marker);
    struct kit_seen seen = kit_see(&out);
    assert_int_equal(seen.len, first.len);
    assert_memory_equal(seen.payload, first.payload, first.len);
    teardown(&world);
}

/* A filler can't be repeated to the byte, and needs not be: with RTX it is one byte. */
static void fillers(void **state)
{
    (void)state;
    for (int rtx = 0; rtx < 2; rtx++) {
        struct world world;
        struct stream_out out;
        setup(&world, rtx == 1 ? kit_sender(STREAM_VIDEO) : sender_without_rtx(true));
        struct stream_want base = {.spatial_max = 3, .temporal_max = 0};
        stream_sender_want(world.sender, 0, &base);
        send(&world, 0, (struct kit_spec){.seq = 1, .key = true}, NULL);
        send(&world, 0, (struct kit_spec){.seq = 3}, NULL);
        struct kit_packet late;
        kit_vp8(&late, &(struct kit_spec){.seq = 2, .start = true, .temporal = 1});
        const struct stream_packet *given = kit_feed(world.layers[0], 0, &late);
        assert_int_equal(stream_sender_forward(world.sender, 0, given, &out), STREAM_SEND);
        assert_true(out.padding);
        int err = resend(&world, 0, SEQ_OUT + 1, &out);
        assert_int_equal(err, rtx == 1 ? 0 : ERR_NOT_FOUND);
        if (rtx == 1) {
            assert_true(out.padding && out.rtx);
            assert_int_equal(out.payload_len, 0);
            assert_int_equal(out.prefix_len, 3);
            assert_int_equal(be16_get(out.prefix), SEQ_OUT + 1);
            assert_int_equal(out.prefix[2], 1);
        }
        teardown(&world);
    }
}

static void what_is_not_there(void **state)
{
    (void)state;
    struct world world;
    struct stream_out out;
    struct stream_sender_stats stats;
    setup(&world, kit_sender(STREAM_VIDEO));
    assert_int_equal(resend(&world, 0, SEQ_OUT, &out), ERR_NOT_FOUND); /* before anything */
    send(&world, 0, (struct kit_spec){.seq = 1, .key = true}, NULL);
    send(&world, 0, (struct kit_spec){.seq = 3}, NULL);
    assert_int_equal(resend(&world, 0, SEQ_OUT - 1, &out), ERR_NOT_FOUND);
    assert_int_equal(resend(&world, 0, SEQ_OUT + 3, &out), ERR_NOT_FOUND);
    assert_int_equal(resend(&world, 0, SEQ_OUT + 1, &out), ERR_NOT_FOUND); /* lost upstream too */
    struct stream_receiver *kept = world.layers[0];
    world.layers[0] = NULL;
    assert_int_equal(resend(&world, 0, SEQ_OUT, &out), ERR_NOT_FOUND);
    world.layers[0] = kept;
    assert_int_equal(resend(&world, 0, SEQ_OUT, &out), 0);
    for (uint16_t i = 4; i < 4 + 512; i++) {
        send(&world, 0, (struct kit_spec){.seq = i}, NULL);
    }
    assert_int_equal(resend(&world, 0, SEQ_OUT + 2, &out), ERR_NOT_FOUND); /* too old */
    assert_int_equal(resend(&world, 0, SEQ_OUT + 3, &out), 0);
    stream_sender_stats(world.sender, &stats);
    assert_int_equal(stats.nacked, 8);
    assert_int_equal(stats.nack_misses, 6);
    assert_int_equal(stats.resent, 2);
    teardown(&world);
}

static void once_a_round_trip_ten_times_at_most(void **state)
{
    (void)state;
    struct world world;
    struct stream_out out;
    setup(&world, kit_sender(STREAM_VIDEO));
    send(&world, 0, (struct kit_spec){.seq = 1, .key = true}, NULL);
    int64_t now_us = 70000 * MS; /* the clock's low 16 bits have wrapped */
    for (int i = 0; i < 10; i++) {
        assert_int_equal(resend(&world, now_us, SEQ_OUT, &out), 0);
        assert_int_equal(resend(&world, now_us + 49 * MS, SEQ_OUT, &out), ERR_AGAIN);
        now_us += 50 * MS;
    }
    assert_int_equal(resend(&world, now_us + TIME_S(1), SEQ_OUT, &out), ERR_AGAIN);
    teardown(&world);
}

/* A queue of half a second, which no receiver report told of yet. */
static void not_while_it_is_on_its_way(void **state)
{
    (void)state;
    static const struct {
        int64_t at_us, reached_us;
        int err;
    } rows[] = {
        {100 * MS, 60 * MS, 0},
        {300 * MS, 90 * MS, ERR_AGAIN},   /* sent again after what came last */
        {600 * MS, 101 * MS, 0},          /* before it: it is lost */
        {650 * MS, 0, 0},                 /* unknown: by the round trip alone */
        {1649 * MS, 100 * MS, ERR_AGAIN}, /* nothing has come for long: */
        {1650 * MS, 100 * MS, 0},         /* after a second, whatever has */
    };
    struct world world;
    struct stream_out out;
    setup(&world, kit_sender(STREAM_VIDEO));
    send(&world, 0, (struct kit_spec){.seq = 1, .key = true}, NULL);
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        stream_sender_reached(world.sender, rows[i].at_us, rows[i].reached_us);
        assert_int_equal(resend(&world, rows[i].at_us, SEQ_OUT, &out), rows[i].err);
    }
    teardown(&world);
}

/* A subscriber that asks for everything again gets half of it. */
static void within_budget(void **state)
{
    (void)state;
    struct world world;
    struct stream_out out;
    struct stream_sender_stats stats;
    setup(&world, kit_sender(STREAM_VIDEO));
    for (uint16_t i = 0; i < 5000; i++) {
        int64_t now_us = i * MS;
        send(&world, now_us, (struct kit_spec){.seq = i, .key = i == 0, .extra = 1000}, NULL);
        int err = resend(&world, now_us, (uint16_t)(SEQ_OUT + i), &out);
        assert_true(err == 0 || err == ERR_FULL);
    }
    stream_sender_stats(world.sender, &stats);
    assert_true(stats.resent_bytes <= stats.bytes / 2 + 32768);
    assert_true(stats.resent_bytes >= stats.bytes * 4 / 10);
    assert_int_equal(stats.resent + stats.nacks_limited, 5000);
    teardown(&world);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(as_rtx_over_a_switch),
        cmocka_unit_test(without_rtx_only_byte_for_byte),
        cmocka_unit_test(fillers),
        cmocka_unit_test(what_is_not_there),
        cmocka_unit_test(once_a_round_trip_ten_times_at_most),
        cmocka_unit_test(not_while_it_is_on_its_way),
        cmocka_unit_test(within_budget),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
