/* SPDX-License-Identifier: Apache-2.0
 *
 * Goal: from the bytes that stay in the clear, each codec's packets are seen for what they are; the
 * VP8 descriptor is rewritten in the form it has; RED is split as RFC 2198 says.
 */
#include "media-node/core/rtp/payload.h"

#include <setjmp.h>
#include <stdio.h>

#include <cmocka.h>

struct row {
    const char *what;
    enum rtp_codec codec;
    uint8_t data[16];
    size_t len;
    bool marker;
    const char *want; /* letters of describe(), or the error's text */
};

/* K key, S start, E end, Y sync, D discardable, then T, L, P and 0 with their numbers. */
static const char *describe(const struct rtp_frame_info *info, char *out, size_t cap)
{
    int n =
        snprintf(out, cap, "%s%s%s%s%sT%uL%u", info->key ? "K" : "", info->frame_start ? "S" : "",
                 info->frame_end ? "E" : "", info->layer_sync ? "Y" : "",
                 info->discardable ? "D" : "", info->temporal, info->spatial);
    if (info->has_picture_id) {
        n += snprintf(out + n, cap - (size_t)n, "P%u", info->picture_id);
    }
    if (info->has_tl0) {
        snprintf(out + n, cap - (size_t)n, "Z%u", info->tl0);
    }
    return out;
}

#define TRUNCATED "input ends too early"
#define INVALID   "malformed input"

static const struct row rows[] = {
    {"VP8, plain key frame", RTP_CODEC_VP8, {0x10, 0x00}, 2, false, "KSYT0L0"},
    {"VP8, plain delta frame", RTP_CODEC_VP8, {0x10, 0x01}, 2, true, "SET0L0"},
    {"VP8, later packet of a frame", RTP_CODEC_VP8, {0x00, 0x00}, 2, false, "T0L0"},
    {"VP8, second partition", RTP_CODEC_VP8, {0x11, 0x00}, 2, false, "T0L0"},
    {"VP8, non-reference", RTP_CODEC_VP8, {0x30, 0x01}, 2, false, "SDT0L0"},
    {"VP8, short picture id", RTP_CODEC_VP8, {0x90, 0x80, 0x7f, 0x01}, 4, false, "ST0L0P127"},
    {"VP8, all fields",
     RTP_CODEC_VP8,
     {0x90, 0xf0, 0x92, 0x34, 0x56, 0xa5, 0x01},
     7,
     false,
     "SYT2L0P4660Z86"},
    {"VP8, TID without K, no sync", RTP_CODEC_VP8, {0x90, 0x20, 0x40, 0x01}, 4, false, "ST1L0"},
    {"VP8, KEYIDX alone tells no TID", RTP_CODEC_VP8, {0x90, 0x10, 0xff, 0x01}, 4, false, "ST0L0"},
    {"VP8, descriptor only",
     RTP_CODEC_VP8,
     {0x90, 0xf0, 0x92, 0x34, 0x56, 0xa5},
     6,
     false,
     TRUNCATED},
    {"VP8, descriptor cut", RTP_CODEC_VP8, {0x90, 0xf0, 0x92}, 3, false, TRUNCATED},
    {"VP8, one byte", RTP_CODEC_VP8, {0x10}, 1, false, TRUNCATED},
    {"VP8, nothing", RTP_CODEC_VP8, {0}, 0, false, TRUNCATED},

    {"VP9, key, one packet", RTP_CODEC_VP9, {0x8c, 0x85, 0x12, 1}, 4, true, "KSEYT0L0P1298"},
    {"VP9, delta with layers", RTP_CODEC_VP9, {0xe8, 0x11, 0x32, 0x07, 1}, 5, false, "SYT1L1P17Z7"},
    {"VP9, upper layer of a key picture",
     RTP_CODEC_VP9,
     {0xa8, 0x11, 0x03, 0x07, 1},
     5,
     false,
     "ST0L1P17Z7"},
    {"VP9, flexible mode has no TL0",
     RTP_CODEC_VP9,
     {0xf4, 0x11, 0x40, 1, 1},
     5,
     false,
     "ET2L0P17"},
    {"VP9, marker is not the layer's end", RTP_CODEC_VP9, {0x48, 1}, 2, true, "ST0L0"},
    {"VP9, cut", RTP_CODEC_VP9, {0xe8, 0x11, 0x32, 0x07}, 4, false, TRUNCATED},

    {"AV1, new sequence", RTP_CODEC_AV1, {0x18, 0x0a}, 2, false, "KSYT0L0"},
    {"AV1, delta", RTP_CODEC_AV1, {0x10, 0x32}, 2, true, "SET0L0"},
    {"AV1, continuation", RTP_CODEC_AV1, {0x90, 0x32}, 2, false, "T0L0"},
    {"AV1, a sequence cannot begin in the middle", RTP_CODEC_AV1, {0x98, 0x32}, 2, false, INVALID},
    {"AV1, header only", RTP_CODEC_AV1, {0x18}, 1, false, TRUNCATED},

    {"H264, SPS", RTP_CODEC_H264, {0x67, 0x42}, 2, false, "KSYT0L0"},
    {"H264, PPS", RTP_CODEC_H264, {0x68, 0xce}, 2, false, "ST0L0"},
    {"H264, IDR, first slice", RTP_CODEC_H264, {0x65, 0x88}, 2, true, "KSEYT0L0"},
    {"H264, IDR, second slice", RTP_CODEC_H264, {0x65, 0x40}, 2, true, "KEYT0L0"},
    {"H264, slice", RTP_CODEC_H264, {0x61, 0x9a}, 2, false, "ST0L0"},
    {"H264, slice nobody refers to", RTP_CODEC_H264, {0x01, 0x9a}, 2, false, "SDT0L0"},
    {"H264, STAP-A of SPS and PPS",
     RTP_CODEC_H264,
     {0x78, 0, 2, 0x67, 0x42, 0, 1, 0x68},
     8,
     false,
     "KSYT0L0"},
    {"H264, STAP-A, overrun", RTP_CODEC_H264, {0x78, 0, 9, 0x67, 0x42}, 5, false, TRUNCATED},
    {"H264, STAP-A, empty unit", RTP_CODEC_H264, {0x78, 0, 0, 0, 1, 0x67}, 6, false, TRUNCATED},
    {"H264, STAP-A, half a length", RTP_CODEC_H264, {0x78, 0, 1, 0x67, 0}, 5, false, TRUNCATED},
    {"H264, STAP-A, nothing", RTP_CODEC_H264, {0x78}, 1, false, TRUNCATED},
    {"H264, FU-A, IDR starts", RTP_CODEC_H264, {0x7c, 0x85, 0x88}, 3, false, "KSYT0L0"},
    {"H264, FU-A, IDR goes on", RTP_CODEC_H264, {0x7c, 0x05, 0x88}, 3, false, "KYT0L0"},
    {"H264, FU-A, slice ends", RTP_CODEC_H264, {0x5c, 0x41, 0x88}, 3, true, "ET0L0"},
    {"H264, FU-A, cut", RTP_CODEC_H264, {0x7c, 0x85}, 2, false, TRUNCATED},
    {"H264, FU-B", RTP_CODEC_H264, {0x7d, 0x85, 0x88}, 3, false, INVALID},
    {"H264, type 0", RTP_CODEC_H264, {0x60, 0x85}, 2, false, INVALID},

    {"H265, VPS", RTP_CODEC_H265, {0x40, 0x01, 0x0c}, 3, false, "KSYT0L0"},
    {"H265, IDR", RTP_CODEC_H265, {0x26, 0x01, 0x80}, 3, true, "KSEYT0L0"},
    {"H265, trailing, second slice", RTP_CODEC_H265, {0x02, 0x01, 0x40}, 3, false, "T0L0"},
    {"H265, TSA of layer 1", RTP_CODEC_H265, {0x06, 0x02, 0x80}, 3, false, "SYT1L0"},
    {"H265, aggregate of VPS, SPS",
     RTP_CODEC_H265,
     {0x60, 0x01, 0, 3, 0x40, 1, 0x0c, 0, 2, 0x42, 1},
     11,
     false,
     "KSYT0L0"},
    {"H265, aggregate, overrun", RTP_CODEC_H265, {0x60, 0x01, 0, 9, 0x40, 1}, 6, false, TRUNCATED},
    {"H265, fragment starts IDR", RTP_CODEC_H265, {0x62, 0x01, 0x93, 0x80}, 4, false, "KSYT0L0"},
    {"H265, fragment goes on", RTP_CODEC_H265, {0x62, 0x01, 0x13, 0x80}, 4, false, "KYT0L0"},
    {"H265, fragment cut", RTP_CODEC_H265, {0x62, 0x01, 0x93}, 3, false, TRUNCATED},
    {"H265, temporal id 0", RTP_CODEC_H265, {0x40, 0x00, 0x0c}, 3, false, INVALID},
    {"H265, PACI", RTP_CODEC_H265, {0x64, 0x01, 0x0c}, 3, false, INVALID},
    {"H265, header only", RTP_CODEC_H265, {0x40, 0x01}, 2, false, TRUNCATED},

    {"Opus", RTP_CODEC_OPUS, {0x78}, 1, false, "KSEYT0L0"},
    {"RED", RTP_CODEC_RED, {111, 0}, 2, false, "KSEYT0L0"},
    {"PCMU", RTP_CODEC_PCMU, {0}, 1, false, "KSEYT0L0"},
};

static void sees_packets_for_what_they_are(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        const struct row *row = &rows[i];
        struct rtp_frame_info info;
        char text[64];
        int err =
            rtp_frame_info(row->codec, (struct bytes){row->data, row->len}, row->marker, &info);
        const char *got = err != 0 ? err_text(err) : describe(&info, text, sizeof(text));
        if (strcmp(got, row->want) != 0) {
            fail_msg("%s: %s, not %s", row->what, got, row->want);
        }
    }
}

/* Each form of the descriptor keeps its size and its other fields. */
static void rewrites_vp8_in_place(void **state)
{
    (void)state;
    for (unsigned flags = 0; flags < 16; flags++) {
        for (unsigned wide = 0; wide < 2; wide++) {
            uint8_t payload[16];
            uint8_t before[16];
            memset(payload, wide != 0 ? 0xff : 0x55, sizeof(payload));
            payload[0] = 0x90;
            payload[1] = (uint8_t)(flags << 4);
            memcpy(before, payload, sizeof(payload));
            struct rtp_vp8 old;
            struct rtp_vp8 new;
            assert_int_equal(rtp_vp8_parse(&old, (struct bytes){payload, sizeof(payload)}), 0);
            assert_true(old.len <= RTP_VP8_DESCRIPTOR_MAX);
            rtp_vp8_rewrite(payload, &old, 0x7abc, 0x3d);
            assert_int_equal(rtp_vp8_parse(&new, (struct bytes){payload, sizeof(payload)}), 0);
            if (old.picture_id_at != 0) {
                assert_int_equal(new.picture_id, old.picture_id_long ? 0x7abc : 0x3c);
            }
            if (old.tl0_at != 0) {
                assert_int_equal(new.tl0, 0x3d);
            }
            rtp_vp8_rewrite(payload, &new, old.picture_id, old.tl0);
            assert_memory_equal(payload, before, sizeof(before)); /* and nothing else changed */
        }
    }
}

/* ---- RED ----------------------------------------------------------------------------------- */

static void splits_red(void **state)
{
    (void)state;
    static const uint8_t two[] = {
        0x80 | 111, 0x0f, 0x00, 2, /* 960 samples before, 2 bytes */
        0x80 | 111, 0x07, 0x80, 0, /* 480 samples before, empty */
        111,                       /* the primary one */
        'a',        'b',  'p',  'r', 'i',
    };
    struct rtp_red_block blocks[RTP_RED_MAX];
    assert_int_equal(rtp_red_split((struct bytes){two, sizeof(two)}, blocks), 3);
    assert_int_equal(blocks[0].pt, 111);
    assert_int_equal(blocks[0].ts_offset, 960);
    assert_int_equal(blocks[0].data.len, 2);
    assert_memory_equal(blocks[0].data.data, "ab", 2);
    assert_int_equal(blocks[1].ts_offset, 480);
    assert_int_equal(blocks[1].data.len, 0);
    assert_int_equal(blocks[2].ts_offset, 0);
    assert_int_equal(blocks[2].data.len, 3);
    assert_memory_equal(blocks[2].data.data, "pri", 3);

    static const uint8_t alone[] = {111, 'x'};
    assert_int_equal(rtp_red_split((struct bytes){alone, 2}, blocks), 1);
    assert_int_equal(blocks[0].data.len, 1);
    assert_int_equal(rtp_red_split((struct bytes){alone, 1}, blocks), 1); /* DTX */
    assert_int_equal(blocks[0].data.len, 0);
}

static void refuses_broken_red(void **state)
{
    (void)state;
    struct rtp_red_block blocks[RTP_RED_MAX];
    static const uint8_t two[] = {0x80 | 111, 0x0f, 0x00, 2, 111, 'a', 'b', 'p'};
    for (size_t len = 0; len < sizeof(two) - 1; len++) {
        assert_int_equal(rtp_red_split((struct bytes){two, len}, blocks), ERR_TRUNCATED);
    }
    uint8_t many[4 * RTP_RED_MAX + 1] = {0};
    for (size_t i = 0; i < RTP_RED_MAX; i++) {
        many[4 * i] = 0x80;
    }
    assert_int_equal(rtp_red_split((struct bytes){many, sizeof(many)}, blocks), ERR_FULL);
    assert_int_equal(rtp_red_split((struct bytes){many + 4, sizeof(many) - 4}, blocks),
                     RTP_RED_MAX);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sees_packets_for_what_they_are),
        cmocka_unit_test(rewrites_vp8_in_place),
        cmocka_unit_test(splits_red),
        cmocka_unit_test(refuses_broken_red),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
