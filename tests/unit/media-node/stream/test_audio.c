/* SPDX-License-Identifier: Apache-2.0
 *
 * Goal: audio starts with any packet; RED reaches those who have RED with their numbers in it, and
 * the others as plain Opus.
 */
#include "tests/unit/media-node/stream/kit.h"

#define MS TIME_MS(1)

static const struct stream_want all = {.spatial_max = 3, .temporal_max = 7};

/* RED of two redundant blocks and a primary one (RFC 2198 §3), all with this inner type. */
static size_t red_payload(uint8_t *out, uint8_t inner)
{
    static const uint8_t lens[] = {2, 3};
    size_t at = 0;
    for (size_t i = 0; i < 2; i++) {
        out[at] = (uint8_t)(0x80 | inner);
        be24_put(out + at + 1, (uint32_t)(960 * (2 - i)) << 10 | lens[i]);
        at += 4;
    }
    out[at++] = inner;
    memcpy(out + at, "aabbbCCCC", 9);
    return at + 9;
}

static struct stream_sender *subscriber(uint8_t opus, uint8_t red)
{
    struct stream_payload payloads[2] = {
        {.codec = RTP_CODEC_OPUS, .number = opus, .clock_hz = 48000},
        {.codec = RTP_CODEC_RED, .number = red, .clock_hz = 48000},
    };
    struct stream_sender_config config = {
        .kind = STREAM_AUDIO,
        .ssrc = SSRC_OUT,
        .payloads = payloads,
        .payload_count = red != 0 ? 2 : 1,
        .seq_next = SEQ_OUT,
        .timestamp_first = TS_OUT,
    };
    struct stream_sender *sender = stream_sender_new(&config, 0);
    stream_sender_want(sender, 0, &all);
    return sender;
}

static void red_by_what_the_subscriber_has(void **state)
{
    (void)state;
    static const struct {
        uint8_t opus;
        uint8_t red; /* 0: none */
        uint8_t type_expect;
        uint8_t prefix_expect; /* bytes rewritten */
        const char *expect;    /* of the payload behind the block headers */
    } cases[] = {
        {PT_OPUS, PT_RED, PT_RED, 0, "aabbbCCCC"},
        {PT_OPUS, 70, 70, 0, "aabbbCCCC"},
        {109, 70, 70, 9, "aabbbCCCC"},
        {PT_OPUS, 0, PT_OPUS, 0, "CCCC"},
        {109, 0, 109, 0, "CCCC"},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct stream_receiver *receiver = kit_receiver(STREAM_AUDIO, 0);
        struct stream_sender *sender = subscriber(cases[i].opus, cases[i].red);
        struct kit_packet packet;
        struct stream_out out;
        uint8_t payload[64];
        uint8_t expect[64];
        size_t len = red_payload(payload, PT_OPUS);
        kit_raw(&packet, &(struct kit_spec){.seq = 1, .pt = PT_RED}, payload, len);
        const struct stream_packet *given = kit_feed(receiver, 0, &packet);
        assert_int_equal(stream_sender_forward(sender, 0, given, &out), STREAM_SEND);
        assert_int_equal(out.payload_type, cases[i].type_expect);
        assert_int_equal(out.prefix_len, cases[i].prefix_expect);
        size_t expect_len = red_payload(expect, cases[i].opus);
        const uint8_t *expected = cases[i].red != 0 ? expect : expect + expect_len - 4;
        expect_len = cases[i].red != 0 ? expect_len : 4;
        uint8_t seen[64];
        memcpy(seen, out.prefix, out.prefix_len);
        memcpy(seen + out.prefix_len, out.payload, out.payload_len);
        assert_int_equal(out.prefix_len + out.payload_len, expect_len);
        assert_memory_equal(seen, expected, expect_len);
        assert_memory_equal(seen + expect_len - strlen(cases[i].expect), cases[i].expect,
                            strlen(cases[i].expect));
        stream_sender_free(sender);
        stream_receiver_free(receiver);
    }
}

static void red_that_does_not_parse_is_skipped(void **state)
{
    (void)state;
    struct stream_receiver *receiver = kit_receiver(STREAM_AUDIO, 0);
    struct stream_sender *sender = subscriber(109, 0);
    static const struct {
        uint8_t bytes[6];
        size_t len;
        unsigned bits;
    } cases[] = {
        {{PT_OPUS, 'A'}, 2, STREAM_SEND},              /* a primary block alone */
        {{0x80 | PT_OPUS, 0, 0, 9, PT_OPUS, 1}, 6, 0}, /* a block longer than the packet */
        {{0x80 | PT_OPUS, 0}, 2, 0},
        {{PT_OPUS}, 1, 0}, /* nothing in it for Opus */
        {{PT_OPUS, 'B'}, 2, STREAM_SEND},
    };
    uint64_t index = SEQ_OUT;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct kit_packet packet;
        struct stream_out out;
        kit_raw(&packet, &(struct kit_spec){.seq = (uint16_t)i, .pt = PT_RED}, cases[i].bytes,
                cases[i].len);
        const struct stream_packet *given = kit_feed(receiver, 0, &packet);
        assert_int_equal(stream_sender_forward(sender, 0, given, &out), cases[i].bits);
        if (cases[i].bits != 0) {
            assert_int_equal(out.index, index++);
            assert_int_equal(out.payload_len, 1);
        }
    }
    stream_sender_free(sender);
    stream_receiver_free(receiver);
}

/* A publisher that switches between RED and Opus in mid-stream (RED is too long for big frames). */
static void codecs_mix(void **state)
{
    (void)state;
    struct stream_receiver *receiver = kit_receiver(STREAM_AUDIO, 0);
    struct stream_sender *sender = subscriber(109, 70);
    struct kit_packet packet;
    struct stream_out out;
    uint8_t payload[64];
    kit_opus(&packet, &(struct kit_spec){.seq = 1});
    stream_sender_forward(sender, 0, kit_feed(receiver, 0, &packet), &out);
    assert_int_equal(out.payload_type, 109);
    size_t len = red_payload(payload, PT_OPUS);
    kit_raw(&packet, &(struct kit_spec){.seq = 2, .pt = PT_RED}, payload, len);
    stream_sender_forward(sender, 0, kit_feed(receiver, 0, &packet), &out);
    assert_int_equal(out.payload_type, 70);
    assert_int_equal(out.index, SEQ_OUT + 1);
    stream_sender_free(sender);
    stream_receiver_free(receiver);
}

static void starts_and_resumes_with_any_packet(void **state)
{
    (void)state;
    struct stream_receiver *receiver = kit_receiver(STREAM_AUDIO, 0);
    struct stream_sender *sender = kit_sender(STREAM_AUDIO);
    struct stream_want paused = {.paused = true};
    static const struct {
        int at_ms;
        bool paused;
        bool sent;
        bool marker;
        unsigned index;
        uint32_t ts;
    } lines[] = {
        {0, true, false, false, 0, 0},
        {20, false, true, true, 0, 0},
        {40, false, true, false, 1, 960},
        {60, true, false, false, 0, 0},
        {80, true, false, false, 0, 0},
        {5000, false, true, true, 2, 4980 * 48},
        {5020, false, true, false, 3, 5000 * 48},
    };
    for (size_t i = 0; i < ARRAY_LEN(lines); i++) {
        int64_t now_us = lines[i].at_ms * MS;
        struct kit_packet packet;
        struct stream_out out;
        assert_int_equal(stream_sender_want(sender, now_us, lines[i].paused ? &paused : &all), 0);
        kit_opus(&packet,
                 &(struct kit_spec){.seq = (uint16_t)i, .ts = (uint32_t)lines[i].at_ms * 48});
        const struct stream_packet *given = kit_feed(receiver, now_us, &packet);
        assert_int_equal(stream_sender_forward(sender, now_us, given, &out),
                         lines[i].sent ? STREAM_SEND : 0);
        if (lines[i].sent) {
            assert_int_equal(out.index - SEQ_OUT, lines[i].index);
            assert_int_equal(out.timestamp - TS_OUT, lines[i].ts);
            assert_int_equal(out.marker, lines[i].marker);
            assert_int_equal(out.payload_type, OUT_OPUS);
        }
    }
    assert_int_equal(stream_sender_picture_lost(sender, 6000 * MS), 0); /* makes no sense here */
    stream_sender_free(sender);
    stream_receiver_free(receiver);
}

/* A hole no ring can bridge goes unseen, for there is nothing to wait for. */
static void a_long_outage(void **state)
{
    (void)state;
    struct stream_receiver *receiver = kit_receiver(STREAM_AUDIO, 0);
    struct stream_sender *sender = subscriber(109, 0);
    struct kit_packet packet;
    struct stream_out out;
    static const struct {
        uint16_t seq;
        unsigned index;
    } lines[] = {{1, 0}, {4, 3}, {4 + 64, 67}, {4 + 64 + 65, 68}, {2500, 69}};
    for (size_t i = 0; i < ARRAY_LEN(lines); i++) {
        kit_opus(&packet, &(struct kit_spec){.seq = lines[i].seq, .ts = lines[i].seq * 960u});
        const struct stream_packet *given = kit_feed(receiver, lines[i].seq * 20 * MS, &packet);
        assert_int_equal(stream_sender_forward(sender, lines[i].seq * 20 * MS, given, &out),
                         STREAM_SEND);
        assert_int_equal(out.index - SEQ_OUT, lines[i].index);
        assert_int_equal(out.timestamp - TS_OUT, (lines[i].seq - 1) * 960u);
    }
    stream_sender_free(sender);
    stream_receiver_free(receiver);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(red_by_what_the_subscriber_has),
        cmocka_unit_test(red_that_does_not_parse_is_skipped),
        cmocka_unit_test(codecs_mix),
        cmocka_unit_test(starts_and_resumes_with_any_packet),
        cmocka_unit_test(a_long_outage),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
