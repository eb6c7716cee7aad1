/* SPDX-License-Identifier: Apache-2.0
 *
 * Goal: a subscriber of a simulcast track gets one clean stream: it starts, switches and resumes at
 * key frames, loses a layer that dries up, and numbers and timestamps go on over all of it. Told as
 * narratives under virtual time.
 */
#include "tests/unit/media-node/stream/kit.h"

#include <stdarg.h>
#include <stdio.h>

#define MS TIME_MS(1)

/* A publisher of three layers and one subscriber. Layer n counts timestamps from 1e6 * (n+1), its
 * sequence numbers from 100 * (n+1); each frame is one packet. */
struct world {
    struct stream_receiver *layers[STREAM_LAYERS_MAX];
    struct stream_sender *sender;
    uint16_t seq[STREAM_LAYERS_MAX];
    int64_t now_us;
    char log[8192]; /* what the subscriber saw, one line an event */
};

static void note(struct world *world, const char *format, ...)
{
    va_list args;
    size_t len = strlen(world->log);
    va_start(args, format);
    vsnprintf(world->log + len, sizeof(world->log) - len, format, args);
    va_end(args);
}

static void setup(struct world *world)
{
    *world = (struct world){.sender = kit_sender(STREAM_VIDEO), .seq = {100, 200, 300}};
    for (uint8_t i = 0; i < 3; i++) {
        world->layers[i] = kit_receiver(STREAM_VIDEO, i);
    }
}

static void teardown(struct world *world)
{
    for (size_t i = 0; i < 3; i++) {
        stream_receiver_free(world->layers[i]);
    }
    stream_sender_free(world->sender);
}

static void note_ask(struct world *world, unsigned bits)
{
    if ((bits & STREAM_ASK) != 0) {
        note(world, "ask %d\n", stream_sender_needs_key_frame(world->sender));
    }
}

static void want(struct world *world, struct stream_want want)
{
    note_ask(world, stream_sender_want(world->sender, world->now_us, &want));
}

static uint32_t source_ts(int layer, int64_t at_us)
{
    return (uint32_t)(1000000 * (layer + 1) + at_us * 9 / 100);
}

static void forward(struct world *world, int layer, const struct kit_packet *packet)
{
    struct stream_out out;
    const struct stream_packet *given = kit_feed(world->layers[layer], world->now_us, packet);
    unsigned bits = stream_sender_forward(world->sender, world->now_us, given, &out);
    note_ask(world, bits);
    if ((bits & STREAM_SEND) != 0) {
        assert_int_equal(out.ssrc, SSRC_OUT);
        assert_ptr_equal(out.source, given);
        note(world, "send %u +%u layer %d%s\n", (unsigned)(out.index - SEQ_OUT),
             out.timestamp - TS_OUT, layer, given->key_start ? " key" : "");
    }
}

/* At at_ms, a frame of these layers (low first), where it is a key frame of those in keys. */
static void frame(struct world *world, int at_ms, unsigned layers, unsigned keys)
{
    world->now_us = at_ms * MS;
    for (int i = 0; i < 3; i++) {
        if ((layers >> i & 1) == 0) {
            continue;
        }
        struct kit_packet packet;
        struct kit_spec spec = {
            .seq = world->seq[i]++,
            .ts = source_ts(i, world->now_us),
            .ssrc = SSRC_SOURCE + (unsigned)i,
            .start = true,
            .key = (keys >> i & 1) != 0,
            .marker = true,
        };
        kit_vp8(&packet, &spec);
        forward(world, i, &packet);
    }
}

static void expect(struct world *world, const char *log)
{
    assert_string_equal(world->log, log);
    world->log[0] = '\0';
}

static const struct stream_want all = {.spatial_max = 3, .temporal_max = 7};

/* Sender reports of all layers that tell the truth about media time. */
static void sender_reports(struct world *world)
{
    for (int i = 0; i < 3; i++) {
        struct rtcp_sr sr = {.ntp = rtcp_ntp(TIME_S(5000) + world->now_us),
                             .ts = source_ts(i, world->now_us)};
        stream_receiver_sender_report(world->layers[i], world->now_us, &sr);
    }
}

static void starts_at_a_key_frame_of_the_best_layer(void **state)
{
    (void)state;
    struct world world;
    setup(&world);
    frame(&world, 0, 7, 0); /* paused as it is born */
    expect(&world, "");
    want(&world, all); /* knows the layers from what passed by */
    expect(&world, "ask 2\n");
    frame(&world, 100, 7, 3); /* key frames of others will not do */
    assert_int_equal(stream_sender_layer(world.sender), -1);
    assert_int_equal(stream_sender_target(world.sender), 2);
    expect(&world, "");
    frame(&world, 200, 7, 4);
    frame(&world, 300, 7, 0);
    expect(&world, "send 0 +0 layer 2 key\nsend 1 +9000 layer 2\n");
    assert_int_equal(stream_sender_layer(world.sender), 2);
    assert_int_equal(stream_sender_needs_key_frame(world.sender), -1);
    teardown(&world);
}

static void told_of_layers_it_asks_before_media(void **state)
{
    (void)state;
    struct world world;
    setup(&world);
    want(&world, all);
    expect(&world, "");
    note_ask(&world, stream_sender_layers(world.sender, 0, 3));
    note_ask(&world, stream_sender_layers(world.sender, 0, 3)); /* asked already */
    expect(&world, "ask 1\n");
    teardown(&world);
}

static void a_better_layer_appears(void **state)
{
    (void)state;
    struct world world;
    setup(&world);
    want(&world, all);
    frame(&world, 0, 1, 1); /* seen with its key frame: no need to ask */
    frame(&world, 100, 1, 0);
    frame(&world, 200, 5, 0);
    frame(&world, 300, 5, 0);
    frame(&world, 400, 5, 4);
    frame(&world, 500, 5, 0);
    expect(&world, "send 0 +0 layer 0 key\n"
                   "send 1 +9000 layer 0\n"
                   "send 2 +18000 layer 0\n"
                   "ask 2\n"
                   "send 3 +27000 layer 0\n"
                   "send 4 +36000 layer 0\n" /* of the same moment as the key frame of layer 2 */
                   "send 5 +36001 layer 2 key\n"
                   "send 6 +45001 layer 2\n");
    teardown(&world);
}

static void down_at_a_key_frame_while_the_layer_lives(void **state)
{
    (void)state;
    struct world world;
    setup(&world);
    want(&world, all);
    frame(&world, 0, 7, 7); /* low to high: each a switch */
    frame(&world, 100, 7, 0);
    expect(&world, "send 0 +0 layer 0 key\n"
                   "send 1 +1 layer 1 key\n"
                   "send 2 +2 layer 2 key\n"
                   "send 3 +9002 layer 2\n");
    want(&world, (struct stream_want){.spatial_max = 0, .temporal_max = 7});
    frame(&world, 200, 7, 0); /* goes on */
    frame(&world, 300, 7, 1);
    frame(&world, 400, 7, 0);
    expect(&world, "ask 0\n"
                   "send 4 +18002 layer 2\n"
                   "send 5 +27000 layer 0 key\n" /* in its own time as before */
                   "send 6 +36000 layer 0\n");
    teardown(&world);
}

/* For want of bandwidth: a key frame of the layer that is left does not go first, */
static void down_without_a_key_frame_of_the_higher_layer(void **state)
{
    (void)state;
    struct world world;
    setup(&world);
    want(&world, all);
    frame(&world, 0, 4, 4);
    frame(&world, 10, 2, 0);
    want(&world, (struct stream_want){.spatial_max = 1, .temporal_max = 7, .narrow = true});
    frame(&world, 33, 6, 0);
    frame(&world, 66, 4, 4);
    frame(&world, 67, 2, 2);
    frame(&world, 100, 6, 0);
    expect(&world, "send 0 +0 layer 2 key\n"
                   "ask 1\n"
                   "send 1 +2970 layer 2\n"
                   "send 2 +6030 layer 1 key\n"
                   "send 3 +9000 layer 1\n");
    teardown(&world);
}

/* and where it is short by far, nothing of that layer does. */
static void down_at_once(void **state)
{
    (void)state;
    struct world world;
    setup(&world);
    want(&world, all);
    frame(&world, 0, 4, 4);
    frame(&world, 10, 2, 0);
    want(&world, (struct stream_want){
                     .spatial_max = 1, .temporal_max = 7, .narrow = true, .at_once = true});
    frame(&world, 33, 6, 0);
    frame(&world, 66, 6, 2);
    frame(&world, 100, 6, 0);
    want(&world, all); /* up again: nothing is left before the better one begins */
    frame(&world, 133, 6, 0);
    expect(&world, "send 0 +0 layer 2 key\n"
                   "ask 1\n"
                   "send 1 +5940 layer 1 key\n"
                   "send 2 +9000 layer 1\n"
                   "ask 2\n"
                   "send 3 +11970 layer 1\n");
    teardown(&world);
}

static void a_layer_dries_up_and_returns(void **state)
{
    (void)state;
    struct world world;
    setup(&world);
    want(&world, all);
    for (int at = 0; at <= 300; at += 100) {
        frame(&world, at, 7, at == 0 ? 7 : 0);
    }
    world.log[0] = '\0';
    for (int at = 400; at <= 700; at += 100) {
        frame(&world, at, 3, 0);
    }
    expect(&world, "");
    uint8_t live = stream_layers_live(world.layers, world.now_us);
    assert_int_equal(live, 3);
    note_ask(&world, stream_sender_layers(world.sender, world.now_us, live));
    assert_int_equal(stream_sender_layer(world.sender), -1);
    frame(&world, 800, 3, 0);
    frame(&world, 900, 3, 2);
    frame(&world, 1000, 7, 0); /* it is back: wanted again */
    frame(&world, 1100, 7, 4);
    expect(&world, "ask 1\n"
                   "send 6 +81001 layer 1 key\n"
                   "send 7 +90001 layer 1\n"
                   "ask 2\n"
                   "send 8 +99001 layer 1\n"
                   "send 9 +99002 layer 2 key\n");
    teardown(&world);
}

static void wanting_a_layer_that_is_not_there_keeps_what_it_has(void **state)
{
    (void)state;
    struct world world;
    setup(&world);
    want(&world, all);
    frame(&world, 0, 4, 4);
    want(&world, (struct stream_want){.spatial_max = 1, .temporal_max = 7});
    assert_int_equal(stream_sender_target(world.sender), -1);
    frame(&world, 100, 4, 0);
    expect(&world, "send 0 +0 layer 2 key\nsend 1 +9000 layer 2\n");
    frame(&world, 200, 6, 2); /* the better of what is wanted */
    frame(&world, 300, 6, 0);
    expect(&world, "send 2 +18000 layer 1 key\nsend 3 +27000 layer 1\n");
    teardown(&world);
}

static void pause_and_resume(void **state)
{
    (void)state;
    struct world world;
    setup(&world);
    want(&world, all);
    frame(&world, 0, 1, 1);
    frame(&world, 100, 1, 0);
    want(&world, (struct stream_want){.paused = true, .spatial_max = 3, .temporal_max = 7});
    frame(&world, 200, 1, 0);
    frame(&world, 300, 1, 1);
    assert_int_equal(stream_sender_target(world.sender), -1);
    want(&world, all);
    want(&world, all); /* says nothing new */
    frame(&world, 5400, 1, 0);
    frame(&world, 5500, 1, 1);
    expect(&world, "send 0 +0 layer 0 key\n"
                   "send 1 +9000 layer 0\n"
                   "ask 0\n"
                   "send 2 +495000 layer 0 key\n");
    teardown(&world);
}

static void a_lost_picture_is_asked_for(void **state)
{
    (void)state;
    struct world world;
    setup(&world);
    note_ask(&world, stream_sender_picture_lost(world.sender, 0)); /* nothing is sent anyway */
    want(&world, all);
    frame(&world, 0, 1, 1);
    world.log[0] = '\0';
    note_ask(&world, stream_sender_picture_lost(world.sender, world.now_us));
    note_ask(&world, stream_sender_picture_lost(world.sender, world.now_us)); /* it insists */
    frame(&world, 100, 1, 0);
    assert_int_equal(stream_sender_needs_key_frame(world.sender), 0);
    frame(&world, 200, 1, 1);
    assert_int_equal(stream_sender_needs_key_frame(world.sender), -1);
    expect(&world, "ask 0\nask 0\nsend 1 +9000 layer 0\nsend 2 +18000 layer 0 key\n");
    teardown(&world);
}

/* ---- Time ----------------------------------------------------------------------------------- */

/* Layer 2 takes 70 ms longer to arrive. Sender reports tell; arrival would not. */
static void timestamps_follow_capture_not_arrival(void **state)
{
    (void)state;
    for (int reports = 0; reports < 2; reports++) {
        struct world world;
        setup(&world);
        if (reports == 1) {
            sender_reports(&world);
        }
        want(&world, all);
        frame(&world, 1000, 1, 1);
        frame(&world, 1100, 1, 0);
        world.now_us = 1270 * MS;
        struct kit_packet packet;
        kit_vp8(&packet, &(struct kit_spec){.seq = 300,
                                            .ts = source_ts(2, 1200 * MS),
                                            .ssrc = SSRC_SOURCE + 2,
                                            .start = true,
                                            .key = true});
        forward(&world, 2, &packet);
        expect(&world, reports == 1 ? "send 0 +0 layer 0 key\nsend 1 +9000 layer 0\n"
                                      "send 2 +18000 layer 2 key\n"
                                    : "send 0 +0 layer 0 key\nsend 1 +9000 layer 0\n"
                                      "send 2 +24300 layer 2 key\n");
        teardown(&world);
    }
}

static void a_wall_clock_that_jumps_is_not_followed(void **state)
{
    (void)state;
    struct world world;
    setup(&world);
    sender_reports(&world);
    want(&world, all);
    frame(&world, 0, 1, 1);
    struct rtcp_sr sr = {.ntp = rtcp_ntp(TIME_S(5000) - TIME_S(3600)), .ts = source_ts(2, 0)};
    stream_receiver_sender_report(world.layers[2], 0, &sr); /* an hour back */
    frame(&world, 100, 4, 4);
    expect(&world, "send 0 +0 layer 0 key\nsend 1 +9000 layer 2 key\n");
    teardown(&world);
}

/* A source whose numbers jump, or another SSRC on the layer: a new beginning at a key frame, and
 * what came before it is not found again. */
static void a_restarted_source(void **state)
{
    (void)state;
    struct world world;
    setup(&world);
    want(&world, all);
    frame(&world, 0, 1, 1);
    world.seq[0] = 2500; /* too far for any ring */
    frame(&world, 100, 1, 0);
    frame(&world, 200, 1, 0);
    frame(&world, 300, 1, 1);
    expect(&world, "send 0 +0 layer 0 key\nask 0\nsend 1 +27000 layer 0 key\n");

    stream_receiver_free(world.layers[0]);
    world.layers[0] = kit_receiver(STREAM_VIDEO, 0);
    world.now_us = 400 * MS;
    for (int i = 0; i < 2; i++) {
        struct kit_packet packet;
        kit_vp8(&packet, &(struct kit_spec){.seq = (uint16_t)(2502 + i),
                                            .ts = 77,
                                            .ssrc = 0x9999,
                                            .start = true,
                                            .key = i == 1});
        forward(&world, 0, &packet);
    }
    expect(&world, "ask 0\nsend 2 +36000 layer 0 key\n");
    struct stream_out out;
    assert_int_equal(stream_sender_resend(world.sender, world.now_us, SEQ_OUT, world.layers, &out),
                     ERR_NOT_FOUND);
    teardown(&world);
}

/* The receiver of the same SSRC is made anew in the second cycle of its numbers, and counts from
 * the first again: that is no packet two minutes late. */
static void a_receiver_made_anew(void **state)
{
    (void)state;
    struct world world;
    setup(&world);
    world.seq[0] = 65535;
    want(&world, all);
    frame(&world, 0, 1, 1);
    frame(&world, 100, 1, 0);
    stream_receiver_free(world.layers[0]);
    world.layers[0] = kit_receiver(STREAM_VIDEO, 0);
    frame(&world, 200, 1, 0);
    frame(&world, 300, 1, 1);
    expect(&world, "send 0 +0 layer 0 key\n"
                   "send 1 +9000 layer 0\n"
                   "ask 0\n"
                   "send 2 +27000 layer 0 key\n");
    struct stream_out out;
    for (uint16_t i = 0; i < 3; i++) {
        assert_int_equal(stream_sender_resend(world.sender, world.now_us, (uint16_t)(SEQ_OUT + i),
                                              world.layers, &out),
                         i < 2 ? ERR_NOT_FOUND : 0);
    }
    teardown(&world);
}

static void a_late_packet_brings_no_layer_back(void **state)
{
    (void)state;
    struct world world;
    setup(&world);
    want(&world, all);
    frame(&world, 0, 7, 7);
    world.seq[2]++;
    frame(&world, 100, 7, 0);
    note_ask(&world, stream_sender_layers(world.sender, world.now_us, 3));
    world.log[0] = '\0';
    world.seq[2] -= 2;
    frame(&world, 200, 4, 4); /* the one that was lost, repaired */
    assert_int_equal(stream_sender_target(world.sender), 1);
    expect(&world, "");
    teardown(&world);
}

/* ---- Numbers -------------------------------------------------------------------------------- */

static void gaps_stay_and_late_packets_fill_them(void **state)
{
    (void)state;
    struct world world;
    setup(&world);
    want(&world, all);
    frame(&world, 0, 1, 1); /* 100 */
    world.seq[0] = 103;
    frame(&world, 100, 1, 0);
    world.seq[0] = 102;
    frame(&world, 110, 1, 0);
    world.seq[0] = 99; /* before the key frame: no number was kept */
    frame(&world, 120, 1, 0);
    world.seq[0] = 104;
    frame(&world, 200, 1, 0);
    expect(&world, "send 0 +0 layer 0 key\n"
                   "send 3 +9000 layer 0\n"
                   "send 2 +9900 layer 0\n"
                   "send 4 +18000 layer 0\n");
    struct stream_sender_stats stats;
    stream_sender_stats(world.sender, &stats);
    assert_int_equal(stats.drop_late, 1);
    assert_int_equal(stats.packets, 4);
    teardown(&world);
}

/* The first packet of a key frame was overtaken by the others, which went by unsent: they get their
 * numbers behind it, as losses the subscriber can ask for. */
static void a_late_beginning(void **state)
{
    (void)state;
    struct world world;
    setup(&world);
    want(&world, all);
    frame(&world, 0, 1, 0);
    world.seq[0] = 102;
    frame(&world, 10, 1, 0);
    world.seq[0] = 101;
    frame(&world, 20, 1, 1);
    world.seq[0] = 103;
    frame(&world, 30, 1, 0);
    expect(&world, "ask 0\nsend 0 +0 layer 0 key\nsend 2 +900 layer 0\n");
    struct stream_out out;
    assert_int_equal(
        stream_sender_resend(world.sender, world.now_us, SEQ_OUT + 1, world.layers, &out), 0);
    assert_true(out.rtx);
    assert_int_equal(be16_get(out.prefix), SEQ_OUT + 1);
    teardown(&world);
}

static void padding_of_the_source_leaves_no_gap(void **state)
{
    (void)state;
    struct world world;
    setup(&world);
    want(&world, all);
    frame(&world, 0, 1, 1);
    struct kit_packet probe;
    kit_raw(&probe, &(struct kit_spec){.seq = 101, .pt = PT_VP8, .padding = 250}, "", 0);
    forward(&world, 0, &probe);
    world.seq[0] = 102;
    frame(&world, 100, 1, 0);
    world.seq[0] = 104;
    frame(&world, 200, 1, 0);
    expect(&world, "send 0 +0 layer 0 key\nsend 1 +9000 layer 0\nsend 3 +18000 layer 0\n");

    /* A probe that comes late has a number kept for it: that is filled with padding. */
    struct stream_out out;
    kit_raw(&probe, &(struct kit_spec){.seq = 103, .ts = 5, .pt = PT_VP8, .padding = 250}, "", 0);
    const struct stream_packet *given = kit_feed(world.layers[0], world.now_us, &probe);
    assert_int_equal(stream_sender_forward(world.sender, world.now_us, given, &out), STREAM_SEND);
    assert_int_equal(out.index, SEQ_OUT + 2);
    assert_true(out.padding);
    assert_int_equal(out.payload_type, OUT_VP8);
    assert_int_equal(out.prefix_len, 1);
    assert_int_equal(out.prefix[0], 1);
    assert_int_equal(out.payload_len, 0);
    teardown(&world);
}

static void a_codec_the_subscriber_lacks_is_left_out(void **state)
{
    (void)state;
    struct stream_payload vp8 = {.codec = RTP_CODEC_VP8, .number = 100, .clock_hz = 90000};
    struct stream_sender_config config = {
        .kind = STREAM_VIDEO, .ssrc = 1, .payloads = &vp8, .payload_count = 1, .seq_next = 5};
    struct stream_receiver *receiver = kit_receiver(STREAM_VIDEO, 0);
    struct stream_sender *sender = stream_sender_new(&config, 0);
    struct kit_packet packet;
    struct stream_out out;
    stream_sender_want(sender, 0, &all);
    static const uint8_t idr[] = {0x67, 0x88, 1};
    kit_raw(&packet, &(struct kit_spec){.seq = 1, .pt = PT_H264}, idr, sizeof(idr));
    assert_int_equal(stream_sender_forward(sender, 0, kit_feed(receiver, 0, &packet), &out), 0);
    kit_vp8(&packet, &(struct kit_spec){.seq = 2, .start = true, .key = true});
    assert_int_equal(stream_sender_forward(sender, 0, kit_feed(receiver, 0, &packet), &out),
                     STREAM_SEND);
    assert_int_equal(out.index, 5);
    assert_int_equal(out.payload_type, 100);
    struct stream_sender_stats stats;
    stream_sender_stats(sender, &stats);
    assert_int_equal(stats.drop_codec, 1);
    stream_sender_free(sender);
    stream_receiver_free(receiver);
}

static void indices_run_over_the_rollover(void **state)
{
    (void)state;
    struct stream_payload vp8 = {.codec = RTP_CODEC_VP8, .number = 100, .clock_hz = 90000};
    struct stream_sender_config config = {.kind = STREAM_VIDEO,
                                          .ssrc = 1,
                                          .payloads = &vp8,
                                          .payload_count = 1,
                                          .seq_next = 3 * 65536 + 65535};
    struct stream_receiver *receiver = kit_receiver(STREAM_VIDEO, 0);
    struct stream_sender *sender = stream_sender_new(&config, 0);
    stream_sender_want(sender, 0, &all);
    for (uint16_t i = 0; i < 3; i++) {
        struct kit_packet packet;
        struct stream_out out;
        kit_vp8(&packet, &(struct kit_spec){.seq = i, .start = true, .key = i == 0});
        assert_int_equal(stream_sender_forward(sender, 0, kit_feed(receiver, 0, &packet), &out),
                         STREAM_SEND);
        assert_int_equal(out.index, config.seq_next + i);
    }
    assert_int_equal(kit_state(sender).seq_next, config.seq_next + 3);
    stream_sender_free(sender);
    stream_receiver_free(receiver);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(starts_at_a_key_frame_of_the_best_layer),
        cmocka_unit_test(told_of_layers_it_asks_before_media),
        cmocka_unit_test(a_better_layer_appears),
        cmocka_unit_test(down_at_a_key_frame_while_the_layer_lives),
        cmocka_unit_test(down_without_a_key_frame_of_the_higher_layer),
        cmocka_unit_test(down_at_once),
        cmocka_unit_test(a_layer_dries_up_and_returns),
        cmocka_unit_test(wanting_a_layer_that_is_not_there_keeps_what_it_has),
        cmocka_unit_test(pause_and_resume),
        cmocka_unit_test(a_lost_picture_is_asked_for),
        cmocka_unit_test(timestamps_follow_capture_not_arrival),
        cmocka_unit_test(a_wall_clock_that_jumps_is_not_followed),
        cmocka_unit_test(a_restarted_source),
        cmocka_unit_test(a_receiver_made_anew),
        cmocka_unit_test(a_late_packet_brings_no_layer_back),
        cmocka_unit_test(gaps_stay_and_late_packets_fill_them),
        cmocka_unit_test(a_late_beginning),
        cmocka_unit_test(padding_of_the_source_leaves_no_gap),
        cmocka_unit_test(a_codec_the_subscriber_lacks_is_left_out),
        cmocka_unit_test(indices_run_over_the_rollover),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
