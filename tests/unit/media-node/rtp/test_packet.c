/* SPDX-License-Identifier: Apache-2.0
 *
 * Goal: RTP headers of every shape are read right or refused, what is composed reads back whole in
 * both extension forms, and edits touch their field only.
 */
#include "media-node/core/rtp/rtp.h"

#include <setjmp.h>

#include <cmocka.h>

/* ---- Reading ------------------------------------------------------------------------------- */

static void reads_every_part(void **state)
{
    (void)state;
    static const uint8_t data[] = {
        0xb2, 0xe0, 0x12, 0x34, 0xde, 0xad, 0xbe, 0xef,
        0x00, 0x00, 0x00, 0x2a,                      /* P X 2 CSRC M 96 */
        0,    0,    0,    1,    0,    0,    0,    2, /* CSRCs */
        0xbe, 0xde, 0,    2,    0x10, 'a',  0,    0x32,
        9,    8,    7,    0,       /* two elements */
        'p',  'a',  'y',  0,    2, /* and padding */
    };
    struct rtp_view v;
    assert_int_equal(rtp_parse(&v, data, sizeof(data)), 0);
    assert_int_equal(v.pt, 96);
    assert_true(v.marker);
    assert_int_equal(v.seq, 0x1234);
    assert_int_equal(v.ts, 0xdeadbeef);
    assert_int_equal(v.ssrc, 42);
    assert_int_equal(v.padding_len, 2);
    assert_int_equal(v.payload.len, 3);
    assert_memory_equal(v.payload.data, "pay", 3);
    assert_int_equal(v.ext_profile, 0xbede);

    struct rtp_ext_iter iter = rtp_ext_begin(&v);
    struct rtp_ext ext;
    assert_true(rtp_ext_next(&iter, &ext));
    assert_int_equal(ext.id, 1);
    assert_int_equal(ext.value.len, 1);
    assert_int_equal(ext.value.data[0], 'a');
    assert_true(rtp_ext_next(&iter, &ext));
    assert_int_equal(ext.id, 3);
    assert_int_equal(ext.value.len, 3);
    assert_int_equal(ext.value.data[2], 7);
    assert_false(rtp_ext_next(&iter, &ext));
}

struct header_row {
    const char *what;
    uint8_t data[24];
    size_t len;
    int err;
    size_t payload_len;
};

static const struct header_row header_rows[] = {
    {"plain, empty", {0x80}, 12, 0, 0},
    {"plain", {0x80}, 20, 0, 8},
    {"short", {0x80}, 11, ERR_TRUNCATED, 0},
    {"version 1", {0x40}, 20, ERR_INVALID, 0},
    {"version 3", {0xc0}, 20, ERR_INVALID, 0},
    {"CSRCs exactly", {0x82}, 20, 0, 0},
    {"a CSRC too many", {0x83}, 20, ERR_TRUNCATED, 0},
    {"extension header cut", {0x90}, 15, ERR_TRUNCATED, 0},
    {"extension of 0 words", {0x90, [12] = 0xbe, 0xde, 0, 0}, 16, 0, 0},
    {"extension overruns", {0x90, [12] = 0xbe, 0xde, 0, 2}, 20, ERR_TRUNCATED, 0},
    {"extension, huge", {0x90, [12] = 0xbe, 0xde, 0xff, 0xff}, 24, ERR_TRUNCATED, 0},
    {"padding of all", {0xa0, [15] = 4}, 16, 0, 0},
    {"padding of 0", {0xa0, [15] = 0}, 16, ERR_INVALID, 0},
    {"padding of more than all", {0xa0, [15] = 5}, 16, ERR_INVALID, 0},
    {"padding without payload", {0xa0}, 12, ERR_INVALID, 0},
};

static void refuses_malformed_headers(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(header_rows); i++) {
        const struct header_row *row = &header_rows[i];
        struct rtp_view v;
        int err = rtp_parse(&v, row->data, row->len);
        if (err != row->err || (err == 0 && v.payload.len != row->payload_len)) {
            fail_msg("%s: %s", row->what, err_text(err));
        }
    }
    static uint8_t big[RTP_PACKET_MAX + 1] = {0x80};
    struct rtp_view v;
    assert_int_equal(rtp_parse(&v, big, sizeof(big) - 1), 0);
    assert_int_equal(rtp_parse(&v, big, sizeof(big)), ERR_TOO_BIG);
}

struct ext_row {
    const char *what;
    uint16_t profile;
    uint8_t body[12];
    size_t len;
    const char *ids; /* one character an element: '0' + id */
};

static const struct ext_row ext_rows[] = {
    {"padding before, between, behind", 0xbede, {0, 0x10, 1, 0, 0, 0x20, 2, 0}, 8, "12"},
    {"id 15 ends the walk", 0xbede, {0x10, 1, 0xf0, 0x20, 2, 0, 0, 0}, 8, "1"},
    {"id 0 with a length ends the walk", 0xbede, {0x10, 1, 0x01, 0x20, 2, 0, 0, 0}, 8, "1"},
    {"overrun ends the walk", 0xbede, {0x10, 1, 0x2f, 0}, 4, "1"},
    {"sixteen bytes overrun twelve", 0xbede, {0x1f}, 12, ""},
    {"last byte is a header", 0xbede, {0x10, 1, 0, 0x20}, 4, "1"},
    {"two-byte form", 0x1000, {1, 1, 9, 0, 2, 0, 3, 2, 8, 7}, 10, "123"},
    {"two-byte form, application bits", 0x100f, {1, 0, 0, 0}, 4, "1"},
    {"two-byte form, no length", 0x1000, {1, 1, 9, 2}, 4, "1"},
    {"two-byte form, overrun", 0x1000, {1, 9, 9, 2}, 4, ""},
    {"another profile", 0x2000, {1, 1, 9, 0}, 4, ""},
    {"no body", 0xbede, {0}, 0, ""},
};

static void walks_extensions(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(ext_rows); i++) {
        const struct ext_row *row = &ext_rows[i];
        struct rtp_view v = {.ext = {row->body, row->len}, .ext_profile = row->profile};
        struct rtp_ext_iter iter = rtp_ext_begin(&v);
        struct rtp_ext ext;
        char ids[16];
        size_t n = 0;
        while (rtp_ext_next(&iter, &ext)) {
            assert_true(ext.value.data + ext.value.len <= row->body + row->len);
            ids[n++] = (char)('0' + ext.id);
        }
        ids[n] = '\0';
        if (strcmp(ids, row->ids) != 0) {
            fail_msg("%s: \"%s\"", row->what, ids);
        }
        assert_false(rtp_ext_next(&iter, &ext)); /* the end stays the end */
    }
}

static void reads_values_of_the_right_length_only(void **state)
{
    (void)state;
    static const uint8_t body[] = {0x10, 'x', 0x21, 1, 2, 0x20, 3, 0x30, 0xff, 0x31, 0x85, 0x86, 0};
    struct rtp_view v = {.ext = {body, sizeof(body)}, .ext_profile = 0xbede};
    struct rtp_ext_ids ids = {0};
    ids.id[RTP_EXT_MID] = 1;
    ids.id[RTP_EXT_TRANSPORT_CC] = 2; /* the first, of two bytes, counts */
    ids.id[RTP_EXT_AUDIO_LEVEL] = 3;
    ids.id[RTP_EXT_RID] = 4; /* not there */
    struct rtp_exts exts;
    rtp_exts_read(&exts, &v, &ids);
    assert_int_equal(exts.value[RTP_EXT_MID].data[0], 'x');
    assert_int_equal(be16_get(exts.value[RTP_EXT_TRANSPORT_CC].data), 0x0102);
    assert_int_equal(rtp_audio_level_dbov(exts.value[RTP_EXT_AUDIO_LEVEL]), 127);
    assert_true(rtp_audio_voice(exts.value[RTP_EXT_AUDIO_LEVEL]));
    assert_null(exts.value[RTP_EXT_RID].data);
    ids.id[RTP_EXT_ABS_SEND_TIME] = 2; /* needs three bytes */
    rtp_exts_read(&exts, &v, &ids);
    assert_null(exts.value[RTP_EXT_ABS_SEND_TIME].data);
}

/* ---- Composing ----------------------------------------------------------------------------- */

/* A random header; values holds its extensions' bytes. */
static struct rtp_header random_header(struct prng *prng, uint8_t values[RTP_EXT_KINDS][64])
{
    static const size_t lens[RTP_EXT_KINDS][3] = {
        [RTP_EXT_MID] = {1, 3, 16},
        [RTP_EXT_RID] = {1, 2, 8},
        [RTP_EXT_REPAIRED_RID] = {1, 2, 8},
        [RTP_EXT_TRANSPORT_CC] = {2, 2, 2},
        [RTP_EXT_AUDIO_LEVEL] = {1, 1, 1},
        [RTP_EXT_ABS_SEND_TIME] = {3, 3, 3},
        [RTP_EXT_ABS_CAPTURE_TIME] = {8, 16, 8},
        [RTP_EXT_DEPENDENCY_DESCRIPTOR] = {3, 16, 60},
        [RTP_EXT_PLAYOUT_DELAY] = {3, 3, 3},
    };
    struct rtp_header header = {
        .ts = (uint32_t)prng_next(prng),
        .ssrc = (uint32_t)prng_next(prng),
        .seq = (uint16_t)prng_next(prng),
        .pt = (uint8_t)prng_below(prng, 128),
        .marker = prng_below(prng, 2) == 1,
    };
    for (int kind = 0; kind < RTP_EXT_KINDS; kind++) {
        prng_fill(prng, values[kind], 64);
        if (prng_below(prng, 2) == 1) {
            header.exts.value[kind] = (struct bytes){values[kind], lens[kind][prng_below(prng, 3)]};
        }
    }
    return header;
}

static struct rtp_ext_ids random_ids(struct prng *prng)
{
    struct rtp_ext_ids ids = {0};
    int first = prng_below(prng, 7) == 0 ? 11 : 1; /* now and then above 14 */
    for (int kind = 0; kind < RTP_EXT_KINDS; kind++) {
        ids.id[kind] = prng_below(prng, 2) == 1 ? (uint8_t)(first + kind) : 0;
    }
    return ids;
}

/* What was written of each kind is what was asked for, zeros where the value comes later. */
static void expect_exts(const uint8_t *out, const struct rtp_exts *got,
                        const struct rtp_header *header, const struct rtp_ext_ids *ids,
                        const struct rtp_header_out *where)
{
    for (int kind = 0; kind < RTP_EXT_KINDS; kind++) {
        struct bytes want = header->exts.value[kind];
        if (ids->id[kind] == 0) {
            want = (struct bytes){NULL, 0};
        } else if (kind == RTP_EXT_TRANSPORT_CC) {
            want = (struct bytes){(const uint8_t *)"\0\0", 2};
        } else if (kind == RTP_EXT_ABS_SEND_TIME) {
            want = (struct bytes){(const uint8_t *)"\0\0\0", 3};
        }
        assert_int_equal(got->value[kind].len, want.len);
        if (want.len > 0) {
            assert_memory_equal(got->value[kind].data, want.data, want.len);
        }
    }
    const uint8_t *cc = got->value[RTP_EXT_TRANSPORT_CC].data;
    const uint8_t *time = got->value[RTP_EXT_ABS_SEND_TIME].data;
    assert_int_equal(where->transport_cc_at, cc == NULL ? 0 : cc - out);
    assert_int_equal(where->abs_send_time_at, time == NULL ? 0 : time - out);
}

static void composes_what_it_reads(void **state)
{
    (void)state;
    struct prng prng;
    prng_seed(&prng, 8285);
    int two_byte_seen = 0;
    int one_byte_seen = 0;
    for (int round = 0; round < 2000; round++) {
        uint8_t values[RTP_EXT_KINDS][64];
        uint8_t out[RTP_HEADER_OUT_MAX];
        struct rtp_ext_ids ids = random_ids(&prng);
        struct rtp_header header = random_header(&prng, values);
        struct rtp_header_out where;
        struct rtp_view v;
        struct rtp_exts exts;
        assert_int_equal(rtp_header_write(out, &header, &ids, &where), 0);
        assert_int_equal(rtp_parse(&v, out, where.len), 0);
        assert_int_equal(v.ts, header.ts);
        assert_int_equal(v.ssrc, header.ssrc);
        assert_int_equal(v.seq, header.seq);
        assert_int_equal(v.pt, header.pt);
        assert_int_equal(v.marker, header.marker);
        assert_int_equal(v.payload.len, 0);
        two_byte_seen += v.ext_profile == 0x1000;
        one_byte_seen += v.ext_profile == 0xbede;
        rtp_exts_read(&exts, &v, &ids);
        expect_exts(out, &exts, &header, &ids, &where);
    }
    assert_true(two_byte_seen > 100 && one_byte_seen > 100);
}

static void composes_nothing_without_extensions(void **state)
{
    (void)state;
    struct rtp_header header = {.pt = 111, .padding_len = 1};
    struct rtp_ext_ids ids = {0};
    struct rtp_header_out where;
    uint8_t out[RTP_HEADER_OUT_MAX];
    assert_int_equal(rtp_header_write(out, &header, &ids, &where), 0);
    assert_int_equal(where.len, RTP_HEADER_LEN);
    assert_int_equal(out[0], 0xa0);
}

static void refuses_headers_that_do_not_fit(void **state)
{
    (void)state;
    uint8_t value[300] = {0};
    struct rtp_ext_ids ids = {0};
    struct rtp_header_out where;
    uint8_t out[RTP_HEADER_OUT_MAX];
    ids.id[RTP_EXT_DEPENDENCY_DESCRIPTOR] = 1;
    ids.id[RTP_EXT_MID] = 2;
    struct rtp_header header = {0};
    struct bytes *dd = &header.exts.value[RTP_EXT_DEPENDENCY_DESCRIPTOR];
    struct bytes *mid = &header.exts.value[RTP_EXT_MID];
    const size_t room = RTP_HEADER_OUT_MAX - RTP_HEADER_LEN - 4 - 2;
    *dd = (struct bytes){value, room};
    assert_int_equal(rtp_header_write(out, &header, &ids, &where), 0);
    assert_int_equal(where.len, RTP_HEADER_OUT_MAX);
    *dd = (struct bytes){value, room + 1};
    assert_int_equal(rtp_header_write(out, &header, &ids, &where), ERR_TOO_BIG);
    *dd = (struct bytes){value, room - 2};
    *mid = (struct bytes){value, 1};
    assert_int_equal(rtp_header_write(out, &header, &ids, &where), ERR_TOO_BIG);
}

/* ---- Editing ------------------------------------------------------------------------------- */

static void edits_touch_their_field_only(void **state)
{
    (void)state;
    for (uint8_t fill = 0; fill < 2; fill++) {
        uint8_t data[12];
        struct rtp_view v;
        memset(data, fill == 0 ? 0 : 0xff, sizeof(data));
        data[0] = 0x80;
        rtp_set_pt(data, 0x2a);
        rtp_set_seq(data, 0x1234);
        rtp_set_ts(data, 0x56789abc);
        rtp_set_ssrc(data, 0xdef01234);
        assert_int_equal(rtp_parse(&v, data, sizeof(data)), 0);
        assert_int_equal(v.marker, fill);
        assert_int_equal(v.pt, 0x2a);
        assert_int_equal(v.seq, 0x1234);
        assert_int_equal(v.ts, 0x56789abc);
        assert_int_equal(v.ssrc, 0xdef01234);
        rtp_set_marker(data, fill == 0);
        assert_int_equal(rtp_parse(&v, data, sizeof(data)), 0);
        assert_int_equal(v.marker, fill == 0);
        assert_int_equal(v.pt, 0x2a);
    }
}

static void abs_send_time_wraps_every_64_s(void **state)
{
    (void)state;
    static const struct {
        int64_t now_us;
        uint32_t want;
    } rows[] = {
        {0, 0},
        {TIME_S(1), 1 << 18},
        {TIME_MS(500), 1 << 17},
        {TIME_S(64) - 1, 0xffffff},
        {TIME_S(64), 0},
        {TIME_S(65) + TIME_MS(250), (1 << 18) + (1 << 16)},
        {INT64_MAX, (uint32_t)(((uint64_t)(INT64_MAX % TIME_S(64)) << 18) / 1000000)},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        assert_int_equal(rtp_abs_send_time(rows[i].now_us), rows[i].want);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_every_part),
        cmocka_unit_test(refuses_malformed_headers),
        cmocka_unit_test(walks_extensions),
        cmocka_unit_test(reads_values_of_the_right_length_only),
        cmocka_unit_test(composes_what_it_reads),
        cmocka_unit_test(composes_nothing_without_extensions),
        cmocka_unit_test(refuses_headers_that_do_not_fit),
        cmocka_unit_test(edits_touch_their_field_only),
        cmocka_unit_test(abs_send_time_wraps_every_64_s),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
