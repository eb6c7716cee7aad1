/* SPDX-License-Identifier: Apache-2.0
 *
 * Goal: sender reports let a subscriber play audio and video of one publisher in sync, whatever was
 * rewritten on the way, and its receiver reports tell loss, jitter and round trip.
 */
#include "tests/unit/media-node/stream/kit.h"

#define MS   TIME_MS(1)
#define WALL TIME_S(1700000000) /* the publisher's clock at our time 0 */

static const struct stream_want all = {.spatial_max = 3, .temporal_max = 7};

/* One media stream of a publisher, forwarded. */
struct flow {
    struct stream_receiver *receiver;
    struct stream_sender *sender;
    enum stream_kind kind;
    uint32_t clock_hz;
    int ppm;          /* by how much that runs faster than the publisher's wall clock */
    uint32_t ts_zero; /* RTP time of the publisher's wall clock WALL */
    uint16_t seq;
};

static struct flow open_flow(enum stream_kind kind, uint32_t ts_zero)
{
    struct flow flow = {.receiver = kit_receiver(kind, 0),
                        .sender = kit_sender(kind),
                        .kind = kind,
                        .clock_hz = kind == STREAM_VIDEO ? 90000 : 48000,
                        .ts_zero = ts_zero};
    stream_sender_want(flow.sender, 0, &all);
    return flow;
}

static void close_flow(struct flow *flow)
{
    stream_receiver_free(flow->receiver);
    stream_sender_free(flow->sender);
}

static uint32_t rtp_time(const struct flow *flow, int64_t captured_us)
{
    int64_t passed_us = captured_us + captured_us / 1000000 * flow->ppm;
    return flow->ts_zero + (uint32_t)(passed_us / 1000 * flow->clock_hz / 1000);
}

/* What was captured at captured_us after WALL arrives at now_us. Returns the outgoing timestamp. */
static uint32_t media(struct flow *flow, int64_t captured_us, int64_t now_us)
{
    struct kit_packet packet;
    struct stream_out out;
    struct kit_spec spec = {
        .seq = flow->seq++, .ts = rtp_time(flow, captured_us), .start = true, .key = true};
    if (flow->kind == STREAM_VIDEO) {
        kit_vp8(&packet, &spec);
    } else {
        kit_opus(&packet, &spec);
    }
    const struct stream_packet *given = kit_feed(flow->receiver, now_us, &packet);
    assert_int_equal(stream_sender_forward(flow->sender, now_us, given, &out), STREAM_SEND);
    return out.timestamp;
}

static void source_report(struct flow *flow, int64_t captured_us, int64_t now_us)
{
    struct rtcp_sr sr = {.ntp = rtcp_ntp(WALL + captured_us), .ts = rtp_time(flow, captured_us)};
    stream_receiver_sender_report(flow->receiver, now_us, &sr);
}

/* When, by the publisher's clock, a receiver takes an outgoing timestamp to be captured. */
static int64_t captured_us(const struct flow *flow, const struct rtcp_sr *sr, uint32_t timestamp)
{
    int64_t since_us = (int64_t)ts_diff(timestamp, sr->ts) * 1000000 / flow->clock_hz;
    return rtcp_ntp_to_wall_us(sr->ntp) + since_us - WALL;
}

static void audio_and_video_stay_in_sync(void **state)
{
    (void)state;
    struct flow video = open_flow(STREAM_VIDEO, 123456);
    struct flow audio = open_flow(STREAM_AUDIO, 0xfffff000);
    struct rtcp_sr video_sr;
    struct rtcp_sr audio_sr;
    media(&video, 100 * MS, 150 * MS);
    media(&audio, 100 * MS, 110 * MS);
    assert_int_equal(stream_sender_report(video.sender, 150 * MS, &video_sr), ERR_AGAIN);
    source_report(&video, 200 * MS, 230 * MS); /* with delays of their own */
    source_report(&audio, 300 * MS, 380 * MS);

    /* Video pauses for a while, so its timestamps are shifted. */
    struct stream_want paused = {.paused = true};
    stream_sender_want(video.sender, 400 * MS, &paused);
    stream_sender_want(video.sender, 2400 * MS, &all);
    uint32_t video_ts = media(&video, 2500 * MS, 2550 * MS);
    uint32_t audio_ts = media(&audio, 2500 * MS, 2520 * MS);
    assert_int_equal(stream_sender_report(video.sender, 3000 * MS, &video_sr), 0);
    assert_int_equal(stream_sender_report(audio.sender, 2700 * MS, &audio_sr), 0);
    assert_in_range(captured_us(&video, &video_sr, video_ts), 2499 * MS, 2501 * MS);
    assert_in_range(captured_us(&audio, &audio_sr, audio_ts), 2499 * MS, 2501 * MS);
    assert_int_equal(video_sr.packets, 2);
    assert_int_equal(video_sr.octets, 2 * 11);
    close_flow(&video);
    close_flow(&audio);
}

/* Our time when the publisher's clock, which is faster, has come so far. */
static int64_t ours(int64_t wall_us)
{
    return wall_us - wall_us / 1000000 * 20;
}

/* A packet captured then, of which a receiver takes just that from the report that comes next. */
static void media_in_sync(struct flow *flow, int64_t at_us)
{
    struct rtcp_sr sr;
    uint32_t timestamp = media(flow, at_us, ours(at_us) + 50 * MS);
    assert_int_equal(stream_sender_report(flow->sender, ours(at_us) + 60 * MS, &sr), 0);
    assert_in_range(captured_us(flow, &sr, timestamp), at_us - 5 * MS, at_us + 5 * MS);
}

/* RTP time wraps after 13 hours of video, and 25 of audio. */
static void in_sync_for_days(void **state)
{
    (void)state;
    struct flow flows[] = {open_flow(STREAM_VIDEO, 123456), open_flow(STREAM_AUDIO, 0xfffff000)};
    flows[0].ppm = 100;
    flows[1].ppm = -100;
    for (int64_t at_us = TIME_S(10); at_us < TIME_S(3 * 86400); at_us += TIME_S(10)) {
        for (size_t i = 0; i < ARRAY_LEN(flows); i++) {
            source_report(&flows[i], at_us - TIME_S(3), ours(at_us));
            media_in_sync(&flows[i], at_us);
        }
    }
    close_flow(&flows[0]);
    close_flow(&flows[1]);
}

static const int64_t silences_h[] = {1, 5, 7, 12, 14, 20, 30, 60};

/* Nobody watched for hours: timestamps before and after tell no order any more, and still the
 * reports of the next hour are of what was sent in it. */
static void in_sync_after_hours_of_pause(void **state)
{
    (void)state;
    const struct stream_want paused = {.paused = true};
    for (size_t i = 0; i < ARRAY_LEN(silences_h); i++) {
        struct flow flow = open_flow(STREAM_VIDEO, 123456);
        int64_t at_us = TIME_S(10);
        flow.ppm = 100;
        source_report(&flow, at_us, ours(at_us));
        media_in_sync(&flow, at_us);
        stream_sender_want(flow.sender, ours(at_us) + 60 * MS, &paused);
        at_us += TIME_S(3600 * silences_h[i]);
        stream_sender_want(flow.sender, ours(at_us), &all);
        for (int minute = 0; minute < 60; minute++, at_us += TIME_S(60)) {
            source_report(&flow, at_us - TIME_S(1), ours(at_us));
            media_in_sync(&flow, at_us);
        }
        close_flow(&flow);
    }
}

/* The publisher said nothing for hours: its last report is too old to tell the time by, and nothing
 * is told until the next one. */
static void in_sync_after_hours_of_silence(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(silences_h); i++) {
        struct flow flow = open_flow(STREAM_VIDEO, 123456);
        int64_t at_us = TIME_S(10);
        struct rtcp_sr sr;
        source_report(&flow, at_us, ours(at_us));
        media_in_sync(&flow, at_us);
        at_us += TIME_S(3600 * silences_h[i]) + TIME_S(1);
        media(&flow, at_us, ours(at_us) + 50 * MS);
        assert_int_equal(stream_sender_report(flow.sender, ours(at_us) + 60 * MS, &sr), ERR_AGAIN);
        source_report(&flow, at_us, ours(at_us) + 70 * MS);
        media_in_sync(&flow, at_us + TIME_S(1));
        close_flow(&flow);
    }
}

/* A publisher that knows no time of day counts from its own start. What was captured before that
 * start, as its numbers have it, is of the last seconds before NTP's zero. */
static void a_clock_without_a_date(void **state)
{
    (void)state;
    struct flow flow = open_flow(STREAM_VIDEO, 0);
    struct rtcp_sr sr = {.ntp = UINT64_C(1) << 31, .ts = rtp_time(&flow, 2000 * MS)};
    struct rtcp_sr out;
    stream_receiver_sender_report(flow.receiver, 0, &sr); /* half a second since its start */
    uint32_t timestamp = media(&flow, 1000 * MS, 0);
    assert_int_equal(stream_sender_report(flow.sender, 0, &out), 0);
    assert_int_equal(out.ntp, (UINT64_C(0xffffffff) << 32) + (UINT64_C(1) << 31));
    assert_int_equal(out.ts, timestamp);
    assert_int_equal(stream_sender_report(flow.sender, 1000 * MS, &out), 0);
    assert_int_equal(out.ntp, UINT64_C(1) << 31);
    assert_int_equal(out.ts, timestamp + 90000);
    close_flow(&flow);
}

/* A source without any clock says 0 each time (RFC 3550 §6.4.1): that is no moment that its streams
 * could be played in step by. */
static void no_clock(void **state)
{
    (void)state;
    struct flow flow = open_flow(STREAM_VIDEO, 0);
    struct rtcp_sr sr = {.ts = 5}, out;
    struct rtcp_report report;
    stream_receiver_sender_report(flow.receiver, 0, &sr);
    media(&flow, 0, 500 * MS);
    assert_int_equal(stream_sender_report(flow.sender, 500 * MS, &out), ERR_AGAIN);
    assert_int_equal(stream_receiver_report(flow.receiver, 600 * MS, &report), 0);
    assert_int_equal(report.lsr, 0);
    source_report(&flow, 700 * MS, 700 * MS); /* it has learned the time */
    media(&flow, 800 * MS, 800 * MS);
    assert_int_equal(stream_sender_report(flow.sender, 800 * MS, &out), 0);
    close_flow(&flow);
}

static void receiver_reports_tell_the_round_trip(void **state)
{
    (void)state;
    struct flow flow = open_flow(STREAM_VIDEO, 0);
    struct rtcp_sr srs[6];
    struct stream_sender_stats stats;
    source_report(&flow, 0, 0);
    media(&flow, 0, 0);
    for (int i = 0; i < 6; i++) {
        int64_t now_us = (1000 + i * 100) * MS;
        assert_int_equal(stream_sender_report(flow.sender, now_us, &srs[i]), 0);
    }
    struct rtcp_report report = {.ssrc = SSRC_OUT,
                                 .lsr = rtcp_ntp_middle(srs[4].ntp),
                                 .dlsr = 65536 / 4,
                                 .jitter = 900,
                                 .lost = 12,
                                 .fraction = 25};
    stream_sender_on_report(flow.sender, 1690 * MS, &report); /* sent 1400, held 250 */
    stream_sender_stats(flow.sender, &stats);
    assert_int_equal(stats.rtt_us, 40 * MS);
    assert_int_equal(stats.jitter_us, 10 * MS);
    assert_int_equal(stats.lost, 12);
    assert_int_equal(stats.fraction_lost, 25);

    report.lsr = rtcp_ntp_middle(srs[0].ntp); /* forgotten by now */
    report.lost = -3;
    stream_sender_on_report(flow.sender, 1700 * MS, &report);
    report.lsr = 0;
    stream_sender_on_report(flow.sender, 1700 * MS, &report);
    stream_sender_stats(flow.sender, &stats);
    assert_int_equal(stats.rtt_us, 40 * MS);
    assert_int_equal(stats.lost, 0);

    report.lsr = rtcp_ntp_middle(srs[5].ntp); /* held longer than it takes: no negative times */
    report.dlsr = 65536 * 9;
    stream_sender_on_report(flow.sender, 1800 * MS, &report);
    stream_sender_stats(flow.sender, &stats);
    assert_int_equal(stats.rtt_us, 1);
    close_flow(&flow);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(audio_and_video_stay_in_sync),
        cmocka_unit_test(in_sync_for_days),
        cmocka_unit_test(in_sync_after_hours_of_pause),
        cmocka_unit_test(in_sync_after_hours_of_silence),
        cmocka_unit_test(a_clock_without_a_date),
        cmocka_unit_test(no_clock),
        cmocka_unit_test(receiver_reports_tell_the_round_trip),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
