/* SPDX-License-Identifier: Apache-2.0
 *
 * Goal: a receiver as the node uses it: what it gives to senders, what it asks of the publisher and
 * when, what it reports, and how little it holds while idle.
 */
#include "media-node/core/stream/receiver_parts.h"

#include "tests/unit/media-node/stream/kit.h"

#define MS TIME_MS(1)

/* A packet of a delta frame of its own. */
static void frame(struct kit_packet *out, uint16_t seq)
{
    kit_vp8(out, &(struct kit_spec){
                     .seq = seq, .ts = seq * 3000u, .start = true, .marker = true, .tag = seq});
}

static void key_frame(struct kit_packet *out, uint16_t seq)
{
    kit_vp8(
        out,
        &(struct kit_spec){
            .seq = seq, .ts = seq * 3000u, .start = true, .key = true, .marker = true, .tag = seq});
}

static void feed_frame(struct stream_receiver *receiver, int64_t now_us, uint16_t seq)
{
    struct kit_packet packet;
    frame(&packet, seq);
    kit_feed(receiver, now_us, &packet);
}

static void a_packet_is_described_and_kept(void **state)
{
    (void)state;
    struct stream_receiver *receiver = kit_receiver(STREAM_VIDEO, 1);
    struct kit_packet packet;
    kit_vp8(&packet, &(struct kit_spec){.seq = 7,
                                        .ts = 90000,
                                        .start = true,
                                        .key = true,
                                        .picture_id = 300,
                                        .tl0 = 9,
                                        .tag = 77,
                                        .padding = 5});
    const struct stream_packet *given = kit_feed(receiver, 10 * MS, &packet);
    memset(packet.data, 0, sizeof(packet.data)); /* the input is borrowed for the call only */
    assert_int_equal(given->seq, SEQUENCE_START + 7);
    assert_int_equal(given->codec, RTP_CODEC_VP8);
    assert_int_equal(given->layer, 1);
    assert_int_equal(given->arrival_us, 10 * MS);
    assert_true(given->wall_us == STREAM_WALL_UNKNOWN);
    assert_true(given->key_start);
    assert_false(given->late);
    assert_int_equal(given->vp8.picture_id, 300);
    assert_int_equal(kit_tag(given->rtp.payload.data, given->rtp.payload.len), 77);
    assert_int_equal(given->rtp.data[0], 0x80); /* without its padding */
    assert_int_equal(given->rtp.seq, 7);
    assert_ptr_equal(stream_receiver_find(receiver, SEQUENCE_START + 7), given);
    assert_null(stream_receiver_find(receiver, SEQUENCE_START + 8));
    stream_receiver_free(receiver);
}

static void what_nobody_can_use_keeps_its_number(void **state)
{
    (void)state;
    struct stream_receiver *receiver = kit_receiver(STREAM_VIDEO, 0);
    struct kit_packet packet;
    const struct stream_packet *given;
    struct {
        uint8_t pt;
        size_t len;
        uint8_t padding;
        uint64_t bad; /* so far */
    } cases[] = {
        {.pt = PT_VP8, .len = 0, .padding = 200, .bad = 0}, /* a probe */
        {.pt = 50, .len = 30, .bad = 1},                    /* not negotiated */
        {.pt = PT_VP8, .len = 1, .bad = 2},                 /* a descriptor cut off */
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        uint8_t payload[30] = {0x90, 0xff};
        kit_raw(&packet,
                &(struct kit_spec){
                    .seq = (uint16_t)(10 + i), .pt = cases[i].pt, .padding = cases[i].padding},
                payload, cases[i].len);
        given = kit_feed(receiver, 0, &packet);
        struct stream_receiver_stats stats;
        stream_receiver_stats(receiver, 0, &stats);
        assert_int_equal(given->rtp.payload.len, 0);
        assert_int_equal(given->codec, RTP_CODEC_NONE);
        assert_false(given->key_start);
        assert_int_equal(stats.bad, cases[i].bad);
        assert_int_equal(stats.lost, 0);
        assert_int_equal(stats.frames, 0);
    }
    stream_receiver_free(receiver);
}

static void refusals(void **state)
{
    (void)state;
    struct stream_receiver *receiver = kit_receiver(STREAM_VIDEO, 0);
    struct stream_receiver_stats stats;
    const struct stream_packet *given = NULL;
    feed_frame(receiver, 0, 2000);
    static const struct {
        uint16_t seq;
        int err;
    } cases[] = {{2000, ERR_REPLAY}, {1500, ERR_STALE}, {40000, ERR_AGAIN}};
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct kit_packet packet;
        frame(&packet, cases[i].seq);
        assert_int_equal(stream_receiver_media(receiver, 0, &packet.view, &given), cases[i].err);
        assert_null(given);
    }
    stream_receiver_stats(receiver, 0, &stats);
    assert_int_equal(stats.duplicates, 1);
    assert_int_equal(stats.stale, 1);
    assert_int_equal(stats.strays, 1);
    assert_int_equal(stats.packets, 1);
    stream_receiver_free(receiver);
}

/* Late by more than the cache holds: of no use to anybody. */
static void older_than_the_cache_is_stale(void **state)
{
    (void)state;
    struct stream_receiver *receiver = kit_receiver(STREAM_VIDEO, 0);
    const struct stream_packet *given;
    feed_frame(receiver, 0, 1000);
    feed_frame(receiver, 0, 1002);
    feed_frame(receiver, 0, 1001 + 512);
    struct kit_packet packet;
    frame(&packet, 1001);
    assert_int_equal(stream_receiver_media(receiver, 0, &packet.view, &given), ERR_STALE);
    struct stream_request request;
    while (stream_receiver_poll(receiver, &request)) {
    }
    assert_null(stream_receiver_find(receiver, SEQUENCE_START + 1001));
    stream_receiver_free(receiver);
}

/* ---- Requests ------------------------------------------------------------------------------- */

static bool poll_at(struct stream_receiver *receiver, int64_t now_us, struct stream_request *out)
{
    stream_receiver_expire(receiver, now_us);
    return stream_receiver_poll(receiver, out);
}

static void loss_nack_repair(void **state)
{
    (void)state;
    struct stream_receiver *receiver = kit_receiver(STREAM_VIDEO, 0);
    struct stream_request request;
    const struct stream_packet *given;
    stream_receiver_rtt(receiver, 60 * MS);
    feed_frame(receiver, 100 * MS, 20);
    assert_true(stream_receiver_deadline(receiver) == TIME_NEVER);
    feed_frame(receiver, 100 * MS, 23);
    assert_false(stream_receiver_poll(receiver, &request));
    assert_int_equal(stream_receiver_deadline(receiver), 110 * MS);
    assert_true(poll_at(receiver, 110 * MS, &request));
    assert_int_equal(request.nack_count, 2);
    assert_int_equal(request.nack[0], 21);
    assert_int_equal(request.nack[1], 22);
    assert_false(request.key_frame);
    assert_false(stream_receiver_poll(receiver, &request));

    struct kit_packet lost;
    frame(&lost, 21);
    struct kit_packet repair;
    kit_rtx(&repair, &lost, 900);
    assert_int_equal(stream_receiver_repair(receiver, 150 * MS, &repair.view, &given), 0);
    assert_true(given->late);
    assert_int_equal(given->seq, SEQUENCE_START + 21);
    assert_int_equal(given->rtp.seq, 21);
    assert_int_equal(given->rtp.ssrc, SSRC_SOURCE);
    assert_int_equal(given->rtp.pt, PT_VP8);
    assert_int_equal(given->rtp.ts, lost.view.ts);
    assert_true(given->rtp.marker);
    assert_int_equal(given->rtp.payload.len, lost.view.payload.len);
    assert_memory_equal(given->rtp.payload.data, lost.view.payload.data, given->rtp.payload.len);
    assert_memory_equal(given->rtp.data, lost.data, lost.len);
    assert_ptr_equal(stream_receiver_find(receiver, SEQUENCE_START + 21), given);

    assert_int_equal(stream_receiver_repair(receiver, 151 * MS, &repair.view, &given), ERR_REPLAY);
    assert_true(poll_at(receiver, 180 * MS, &request)); /* a round trip and the allowance */
    assert_int_equal(request.nack_count, 1);
    assert_int_equal(request.nack[0], 22);
    struct stream_receiver_stats stats;
    stream_receiver_stats(receiver, 180 * MS, &stats);
    assert_int_equal(stats.recovered, 1);
    assert_int_equal(stats.lost, 1);
    assert_int_equal(stats.nacked, 2);
    stream_receiver_free(receiver);
}

static void useless_repairs(void **state)
{
    (void)state;
    struct stream_receiver *receiver = kit_receiver(STREAM_VIDEO, 0);
    const struct stream_packet *given;
    struct kit_packet packet;
    feed_frame(receiver, 0, 20);
    uint8_t osn[2] = {0, 19};
    static const struct {
        uint8_t pt;
        size_t len;
        int expect;
    } cases[] = {
        {PT_VP8_RTX, 0, ERR_TRUNCATED}, /* padding only: a probe */
        {PT_VP8_RTX, 1, ERR_TRUNCATED}, {PT_VP8, 2, ERR_UNSUPPORTED},
        {99, 2, ERR_UNSUPPORTED},       {PT_VP8_RTX, 2, 0}, /* the original had no payload */
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct kit_spec spec = {.pt = cases[i].pt, .ssrc = SSRC_REPAIR, .padding = 9};
        kit_raw(&packet, &spec, osn, cases[i].len);
        assert_int_equal(stream_receiver_repair(receiver, 0, &packet.view, &given),
                         cases[i].expect);
    }
    assert_int_equal(given->rtp.payload.len, 0);
    stream_receiver_free(receiver);
}

static void what_is_never_repaired_ends_in_a_key_frame_request(void **state)
{
    (void)state;
    struct stream_receiver *receiver = kit_receiver(STREAM_VIDEO, 0);
    struct stream_request request;
    unsigned nacks = 0;
    feed_frame(receiver, 0, 1);
    feed_frame(receiver, 0, 3);
    int64_t now_us = 0;
    for (;;) {
        now_us = stream_receiver_deadline(receiver);
        assert_true(now_us < TIME_S(5));
        assert_true(poll_at(receiver, now_us, &request));
        nacks += (unsigned)request.nack_count;
        if (request.key_frame) {
            break;
        }
        assert_int_equal(request.nack_count, 1);
    }
    assert_int_equal(nacks, NACK_TRIES_MAX);
    assert_int_equal(now_us, NACK_REORDER_US + NACK_TRIES_MAX * (110 * MS));
    struct kit_packet key;
    key_frame(&key, 4);
    kit_feed(receiver, now_us + MS, &key);
    assert_true(stream_receiver_deadline(receiver) == TIME_NEVER);
    stream_receiver_free(receiver);
}

static void a_hole_too_large_ends_in_a_key_frame_request_at_once(void **state)
{
    (void)state;
    struct stream_receiver *receiver = kit_receiver(STREAM_VIDEO, 2);
    struct stream_request request;
    feed_frame(receiver, 0, 1);
    feed_frame(receiver, 0, 400);
    assert_true(stream_receiver_poll(receiver, &request));
    assert_true(request.key_frame);
    assert_int_equal(request.nack_count, 0);
    stream_receiver_free(receiver);
}

static void a_key_frame_makes_older_losses_worthless(void **state)
{
    (void)state;
    struct stream_receiver *receiver = kit_receiver(STREAM_VIDEO, 0);
    struct stream_request request;
    feed_frame(receiver, 0, 1);
    struct kit_packet key;
    key_frame(&key, 5);
    kit_feed(receiver, 0, &key);
    feed_frame(receiver, 0, 7);
    assert_true(poll_at(receiver, 10 * MS, &request));
    assert_int_equal(request.nack_count, 1);
    assert_int_equal(request.nack[0], 6);
    stream_receiver_free(receiver);
}

static void audio_asks_for_no_key_frame(void **state)
{
    (void)state;
    struct stream_receiver *receiver = kit_receiver(STREAM_AUDIO, 0);
    struct stream_request request;
    struct kit_packet packet;
    stream_receiver_want_key_frame(receiver, 0);
    kit_opus(&packet, &(struct kit_spec){.seq = 1});
    kit_feed(receiver, 0, &packet);
    kit_opus(&packet, &(struct kit_spec){.seq = 3});
    kit_feed(receiver, 0, &packet);
    int64_t now_us = 0;
    unsigned nacks = 0;
    while ((now_us = stream_receiver_deadline(receiver)) != TIME_NEVER) {
        while (poll_at(receiver, now_us, &request)) {
            assert_false(request.key_frame);
            nacks += (unsigned)request.nack_count;
        }
    }
    assert_int_equal(nacks, NACK_TRIES_MAX);
    stream_receiver_free(receiver);
}

/* ---- Where a key frame begins --------------------------------------------------------------- */

/* H.264 by payload: SPS, PPS, IDR slice, delta slice (first of its picture), aggregate. */
static const uint8_t sps[] = {0x67, 1, 2, 3}, pps[] = {0x68, 1, 2, 3}, idr[] = {0x65, 0x88, 1},
                     slice[] = {0x41, 0x9a, 1},
                     stap[] = {0x78, 0, 4, 0x67, 1, 2, 3, 0, 4, 0x68, 1, 2, 3};

static void h264_key_frames_begin_once(void **state)
{
    (void)state;
    struct {
        uint16_t seq;
        uint32_t ts;
        struct bytes payload;
        bool key_start;
    } cases[] = {
        {10, 1, {slice, sizeof(slice)}, false}, {11, 2, {sps, sizeof(sps)}, true},
        {12, 2, {pps, sizeof(pps)}, false},     {13, 2, {idr, sizeof(idr)}, false},
        {14, 3, {idr, sizeof(idr)}, true},  /* parameter sets may have come before */
        {16, 4, {idr, sizeof(idr)}, false}, /* or may be what was lost */
        {18, 5, {stap, sizeof(stap)}, true},    {20, 6, {pps, sizeof(pps)}, false},
        {19, 6, {sps, sizeof(sps)}, true}, /* came late */
    };
    struct stream_receiver *receiver = kit_receiver(STREAM_VIDEO, 0);
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct kit_packet packet;
        kit_raw(&packet, &(struct kit_spec){.seq = cases[i].seq, .ts = cases[i].ts, .pt = PT_H264},
                cases[i].payload.data, cases[i].payload.len);
        assert_int_equal(kit_feed(receiver, 0, &packet)->key_start, cases[i].key_start);
    }
    stream_receiver_free(receiver);
}

/* ---- Reports -------------------------------------------------------------------------------- */

static void reports_tell_loss_as_rfc_3550_has_it(void **state)
{
    (void)state;
    struct stream_receiver *receiver = kit_receiver(STREAM_VIDEO, 0);
    struct rtcp_report report;
    assert_int_equal(stream_receiver_report(receiver, 0, &report), ERR_AGAIN);
    for (uint16_t seq = 65530; seq != 10; seq++) { /* 16 numbers, a quarter lost */
        if (seq % 4 != 3) {
            feed_frame(receiver, 0, seq);
        }
    }
    assert_int_equal(stream_receiver_report(receiver, 0, &report), 0);
    assert_int_equal(report.ssrc, SSRC_SOURCE);
    assert_int_equal(report.seq_high, 65536 + 9);
    assert_int_equal(report.lost, 4);
    assert_int_equal(report.fraction, 64);
    assert_int_equal(report.lsr, 0);

    const struct stream_packet *given;
    struct kit_packet lost;
    frame(&lost, 7); /* a repair does not mend the path */
    struct kit_packet repair;
    kit_rtx(&repair, &lost, 1);
    assert_int_equal(stream_receiver_repair(receiver, 0, &repair.view, &given), 0);
    feed_frame(receiver, 0, 3); /* a late original does */
    for (uint16_t seq = 10; seq < 26; seq++) {
        feed_frame(receiver, 0, seq);
    }
    assert_int_equal(stream_receiver_report(receiver, 0, &report), 0);
    assert_int_equal(report.lost, 3);
    assert_int_equal(report.fraction, 0); /* 17 of 16 came */
    assert_int_equal(stream_receiver_report(receiver, 0, &report), 0);
    assert_int_equal(report.fraction, 0); /* nothing was expected */
    stream_receiver_free(receiver);
}

static void reports_answer_sender_reports(void **state)
{
    (void)state;
    struct stream_receiver *receiver = kit_receiver(STREAM_VIDEO, 0);
    struct rtcp_report report;
    feed_frame(receiver, 0, 1);
    struct rtcp_sr sr = {.ntp = 0x1122334455667788, .ts = 3000};
    stream_receiver_sender_report(receiver, TIME_S(3), &sr);
    assert_int_equal(stream_receiver_report(receiver, TIME_MS(4500), &report), 0);
    assert_int_equal(report.lsr, 0x33445566);
    assert_int_equal(report.dlsr, 65536 * 3 / 2);
    stream_receiver_free(receiver);
}

static void media_time_maps_to_wall_time(void **state)
{
    (void)state;
    struct stream_receiver *receiver = kit_receiver(STREAM_VIDEO, 0);
    int64_t wall_us = TIME_S(UINT32_C(3900000000));
    struct rtcp_sr sr = {.ntp = UINT64_C(3900000000) << 32, .ts = UINT32_MAX - 89999};
    stream_receiver_sender_report(receiver, 0, &sr);
    struct kit_packet packet;
    kit_vp8(&packet, &(struct kit_spec){.seq = 1, .ts = 90000, .start = true});
    int64_t got_us = kit_feed(receiver, 0, &packet)->wall_us; /* two seconds on, over the wrap */
    assert_in_range(got_us - wall_us, TIME_S(2) - 2, TIME_S(2) + 2);
    kit_vp8(&packet, &(struct kit_spec){.seq = 2, .ts = UINT32_MAX - 2 * 90000 + 1, .start = true});
    got_us = kit_feed(receiver, 0, &packet)->wall_us; /* before the report */
    assert_in_range(wall_us - got_us, TIME_S(1) - 2, TIME_S(1) + 2);
    stream_receiver_free(receiver);
}

/* A restart counts anew: NACKs of the old run and the old clock are gone, numbers go on. */
static void a_restarted_source(void **state)
{
    (void)state;
    struct stream_receiver *receiver = kit_receiver(STREAM_VIDEO, 0);
    struct rtcp_sr sr = {.ntp = rtcp_ntp(TIME_S(1000)), .ts = 0};
    const struct stream_packet *given;
    struct rtcp_report report;
    stream_receiver_sender_report(receiver, 0, &sr);
    feed_frame(receiver, 0, 1);
    feed_frame(receiver, 0, 3);
    struct kit_packet packet;
    frame(&packet, 30000);
    assert_int_equal(stream_receiver_media(receiver, 0, &packet.view, &given), ERR_AGAIN);
    frame(&packet, 30001);
    given = kit_feed(receiver, 0, &packet);
    assert_true(given->seq > 2 * 65536);
    assert_false(given->late);
    assert_true(given->wall_us == STREAM_WALL_UNKNOWN);
    assert_true(stream_receiver_deadline(receiver) == TIME_NEVER);
    assert_int_equal(stream_receiver_report(receiver, 0, &report), 0);
    assert_int_equal(report.lost, 1); /* the lost number of the first run */
    stream_receiver_free(receiver);
}

static void jitter_and_rates(void **state)
{
    (void)state;
    struct stream_receiver *receiver = kit_receiver(STREAM_VIDEO, 0);
    struct stream_receiver_stats stats;
    struct kit_packet packet;
    uint16_t seq = 0;
    for (int i = 0; i < 91; i++) { /* 30 frames/s of two packets, each frame 0 or 8 ms late */
        int64_t now_us = i * 100000 / 3 + i % 2 * 8 * MS;
        for (int half = 0; half < 2; half++) {
            struct kit_spec spec = {.seq = seq++,
                                    .ts = (uint32_t)i * 3000,
                                    .start = half == 0,
                                    .marker = half == 1,
                                    .extra = 500};
            kit_vp8(&packet, &spec);
            kit_feed(receiver, now_us + half * 2 * MS, &packet);
        }
    }
    stream_receiver_stats(receiver, TIME_MS(3050), &stats);
    assert_int_equal(stats.frames, 91);
    assert_int_equal(stats.packets, 182);
    assert_in_range(stats.jitter_us, 7500, 8000);
    assert_in_range(stats.frame_rate_millihz, 29000, 31000);
    assert_in_range(stats.bitrate_bps, 235000, 255000); /* 60 packets of 511 bytes */
    stream_receiver_stats(receiver, TIME_S(10), &stats);
    assert_true(stats.bitrate_bps < 5000); /* it fell silent */
    assert_int_equal(stats.last_packet_us, 3000 * MS + 2 * MS);
    stream_receiver_free(receiver);
}

static void an_idle_receiver_is_small(void **state)
{
    (void)state;
    struct stream_receiver *receiver = kit_receiver(STREAM_VIDEO, 0);
    struct stream_receiver_stats stats;
    stream_receiver_stats(receiver, 0, &stats);
    assert_true(stats.heap_bytes < 1536);
    assert_true(stats.last_packet_us == TIME_NEVER);
    stream_receiver_free(receiver);
}

/* Timestamps of a microphone that is muted for an hour may stand still meanwhile, and a source may
 * begin elsewhere without another SSRC: that is no jitter. What comes late is. */
static void a_leap_is_no_jitter(void **state)
{
    (void)state;
    static const uint32_t leaps[] = {0, 0, 0x80000000u, 48000 * 1800};
    struct stream_receiver *receiver = kit_receiver(STREAM_AUDIO, 0);
    struct stream_receiver_stats stats;
    struct kit_packet packet;
    int64_t now_us = 0;
    struct kit_spec spec = {.ts = 1000};
    for (size_t i = 0; i < ARRAY_LEN(leaps); i++) {
        now_us += i > 0 ? TIME_S(3600) : 0;
        spec.ts += leaps[i];
        for (int frame = 0; frame < 10; frame++) {
            kit_opus(&packet, &spec);
            kit_feed(receiver, now_us, &packet);
            now_us += 20 * MS;
            spec.ts += 960;
            spec.seq++;
        }
        stream_receiver_stats(receiver, now_us, &stats);
        assert_int_equal(stats.jitter_us, 0);
    }
    kit_opus(&packet, &spec);
    kit_feed(receiver, now_us + 160 * MS, &packet);
    stream_receiver_stats(receiver, now_us + 160 * MS, &stats);
    assert_int_equal(stats.jitter_us, 10 * MS);
    stream_receiver_free(receiver);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_packet_is_described_and_kept),
        cmocka_unit_test(what_nobody_can_use_keeps_its_number),
        cmocka_unit_test(refusals),
        cmocka_unit_test(older_than_the_cache_is_stale),
        cmocka_unit_test(loss_nack_repair),
        cmocka_unit_test(useless_repairs),
        cmocka_unit_test(what_is_never_repaired_ends_in_a_key_frame_request),
        cmocka_unit_test(a_hole_too_large_ends_in_a_key_frame_request_at_once),
        cmocka_unit_test(a_key_frame_makes_older_losses_worthless),
        cmocka_unit_test(audio_asks_for_no_key_frame),
        cmocka_unit_test(h264_key_frames_begin_once),
        cmocka_unit_test(reports_tell_loss_as_rfc_3550_has_it),
        cmocka_unit_test(reports_answer_sender_reports),
        cmocka_unit_test(media_time_maps_to_wall_time),
        cmocka_unit_test(a_restarted_source),
        cmocka_unit_test(jitter_and_rates),
        cmocka_unit_test(a_leap_is_no_jitter),
        cmocka_unit_test(an_idle_receiver_is_small),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
