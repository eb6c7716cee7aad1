/* SPDX-License-Identifier: Apache-2.0
 *
 * Goal: transport-cc feedback tells the other end exactly which packets arrived and when, to a
 * quarter of a millisecond, whatever was lost, late or reordered; and it is as small as its chunks
 * allow.
 */
#include "media-node/core/rtp/rtcp.h"

#include <setjmp.h>

#include <cmocka.h>

#define LOST RTCP_NOT_RECEIVED

static const struct rtcp_feedback about = {0x11111111, 0x22222222};

static int write_one(struct rtcp_writer *writer, const struct rtcp_arrivals *arrivals,
                     size_t *covered)
{
    return rtcp_write_twcc(writer, about, arrivals, covered);
}

static struct rtcp_twcc read_one(const struct rtcp_writer *writer)
{
    struct rtcp_iter iter;
    struct rtcp_packet packet;
    struct rtcp_twcc twcc;
    uint32_t media = 0;
    assert_int_equal(rtcp_begin(&iter, writer->data, writer->len), 0);
    assert_true(rtcp_next(&iter, &packet));
    assert_false(rtcp_next(&iter, &packet));
    assert_true(rtcp_is(&packet, RTCP_RTPFB, RTCP_TWCC));
    assert_int_equal(packet.ssrc, about.sender_ssrc);
    assert_int_equal(rtcp_read_media_ssrc(&packet, &media), 0);
    assert_int_equal(media, about.media_ssrc);
    assert_int_equal(rtcp_read_twcc(&packet, &twcc), 0);
    return twcc;
}

/* ---- Bytes --------------------------------------------------------------------------------- */

struct row {
    const char *what;
    int64_t arrival_us[24];
    size_t count;
    uint8_t want[24]; /* from the base sequence number on */
    size_t want_len;
};

/* The draft's layout, by hand: base 0x00fe, count, reference (24 bits), feedback count 7, then
 * chunks and deltas, padded to a word. */
static const struct row rows[] = {
    {"one packet", {64000 * 5 + 1000}, 1, {0, 0xfe, 0, 1, 0, 0, 5, 7, 0x20, 1, 4, 0}, 12},
    {"a run of three",
     {0, 250, 500},
     3,
     {0, 0xfe, 0, 3, 0, 0, 0, 7, 0x20, 3, 0, 1, 1, 0, 0, 0},
     16},
    {"lost ones between: a vector of one bit",
     {0, LOST, 1000, LOST, LOST, 1250},
     6,
     {0, 0xfe, 0, 6, 0, 0, 0, 7, 0xa9, 0x00, 0, 4, 1, 0, 0, 0},
     16},
    {"a delta of 64 ms needs two bytes, two-bit vector",
     {0, 64000, 64250},
     3,
     {0, 0xfe, 0, 3, 0, 0, 0, 7, 0xd9, 0x00, 0, 1, 0, 1, 0, 0},
     16},
    {"reordered: a negative delta",
     {1000, 750, 2000},
     3,
     {0, 0xfe, 0, 3, 0, 0, 0, 7, 0xd9, 0x00, 4, 0xff, 0xff, 5, 0, 0},
     16},
    {"lost first", {LOST, LOST, 128000}, 3, {0, 0xfe, 0, 3, 0, 0, 2, 7, 0x88, 0x00, 0, 0}, 12},
};

static void writes_the_layout_of_the_draft(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        const struct row *row = &rows[i];
        uint8_t data[RTCP_OUT_MAX];
        struct rtcp_writer writer = {data, sizeof(data), 0};
        struct rtcp_arrivals arrivals = {row->arrival_us, row->count, 0xfe, 7};
        size_t covered = 0;
        assert_int_equal(write_one(&writer, &arrivals, &covered), 0);
        assert_int_equal(covered, row->count);
        if (writer.len != 12 + row->want_len || memcmp(data + 12, row->want, row->want_len) != 0) {
            print_message("%s:", row->what);
            for (size_t b = 12; b < writer.len; b++) {
                print_message(" %02x", data[b]);
            }
            fail_msg("\n");
        }
        assert_int_equal(be16_get(data + 2), writer.len / 4 - 1);
    }
}

/* What follows what is passed over is what follows it when it is read. */
static void assert_skips(const struct rtcp_twcc *twcc, unsigned statuses)
{
    struct rtcp_twcc_iter read = rtcp_twcc_begin(twcc), skipped = read;
    struct rtcp_twcc_status status, other;
    for (unsigned i = 0; i < statuses; i++) {
        (void)rtcp_twcc_next(&read, &status);
    }
    rtcp_twcc_skip(&skipped, statuses);
    while (rtcp_twcc_next(&read, &status)) {
        assert_true(rtcp_twcc_next(&skipped, &other));
        assert_int_equal(other.seq, status.seq);
        assert_int_equal(other.received, status.received);
        assert_int_equal(other.arrival_us, status.arrival_us);
    }
    assert_false(rtcp_twcc_next(&skipped, &other));
}

/* Chunks are chosen well: what takes one run is not spelled out. */
static void is_small(void **state)
{
    (void)state;
    static int64_t all[8000];
    uint8_t data[16384];
    size_t covered = 0;
    for (size_t i = 0; i < ARRAY_LEN(all); i++) {
        all[i] = (int64_t)i * 250;
    }
    struct rtcp_writer writer = {data, sizeof(data), 0};
    struct rtcp_arrivals arrivals = {all, 8000, 0, 0};
    assert_int_equal(write_one(&writer, &arrivals, &covered), 0);
    assert_int_equal(covered, 8000);
    assert_int_equal(writer.len, (20 + 2 + 8000 + 3) / 4 * 4);

    for (size_t i = 1; i < ARRAY_LEN(all) - 1; i++) {
        all[i] = LOST;
    }
    all[7999] = 1000;
    writer.len = 0;
    assert_int_equal(write_one(&writer, &arrivals, &covered), 0);
    assert_int_equal(covered, 8000);
    assert_true(writer.len <= 20 + 3 * 2 + 2 + 3);
    struct rtcp_twcc twcc = read_one(&writer);
    for (unsigned i = 0; i <= 8000; i += 160) {
        assert_skips(&twcc, i);
    }
}

/* ---- Meaning ------------------------------------------------------------------------------- */

/* Random arrivals through the writer, in as many packets as it takes, and back through the reader.
 */
static void round_trip(struct prng *prng, size_t cap)
{
    enum { COUNT_MAX = 700 };
    static int64_t arrival_us[COUNT_MAX];
    size_t count = 1 + prng_below(prng, COUNT_MAX);
    uint64_t loss = prng_below(prng, 90);
    uint64_t jump = prng_below(prng, 3) == 0 ? 20000000 : prng_below(prng, 2) == 0 ? 90000 : 800;
    int64_t now = TIME_S(1) + (int64_t)prng_below(prng, UINT64_C(3) << 40);
    uint16_t base = (uint16_t)prng_next(prng);
    for (size_t i = 0; i < count; i++) {
        now += (int64_t)prng_below(prng, jump);
        int64_t late = prng_below(prng, 10) == 0 ? (int64_t)prng_below(prng, 30000) : 0;
        bool lost = i + 1 < count && prng_below(prng, 100) < loss;
        arrival_us[i] = lost ? LOST : now - late;
    }
    size_t done = 0;
    uint8_t feedback = 250;
    while (done < count) {
        uint8_t data[RTCP_OUT_MAX];
        struct rtcp_writer writer = {data, cap, 0};
        struct rtcp_arrivals arrivals = {arrival_us + done, count - done, (uint16_t)(base + done),
                                         feedback};
        size_t covered = 0;
        assert_int_equal(write_one(&writer, &arrivals, &covered), 0);
        assert_true(covered > 0 && writer.len <= cap);
        struct rtcp_twcc twcc = read_one(&writer);
        assert_int_equal(twcc.base_seq, (uint16_t)(base + done));
        assert_int_equal(twcc.count, covered);
        assert_int_equal(twcc.feedback_count, feedback++);
        struct rtcp_twcc_iter iter = rtcp_twcc_begin(&twcc);
        struct rtcp_twcc_status status;
        for (size_t i = 0; i < covered; i++) {
            assert_true(rtcp_twcc_next(&iter, &status));
            int64_t want = arrival_us[done + i];
            assert_int_equal(status.seq, (uint16_t)(base + done + i));
            assert_int_equal(status.received, want != LOST);
            if (want != LOST) {
                const int64_t wrap = INT64_C(64000) << 24;
                int64_t off = (want - status.arrival_us) % wrap;
                off = off < 0 ? off + wrap : off;
                assert_true(off < 250);
            }
        }
        assert_false(rtcp_twcc_next(&iter, &status));
        assert_skips(&twcc, (unsigned)prng_below(prng, covered + 2));
        done += covered;
    }
}

static void every_arrival_comes_across(void **state)
{
    (void)state;
    struct prng prng;
    prng_seed(&prng, 15);
    for (int i = 0; i < 600; i++) {
        round_trip(&prng, i % 2 == 0 ? RTCP_OUT_MAX : 28 + 4 * prng_below(&prng, 30));
    }
}

static void stops_before_a_delta_that_does_not_fit(void **state)
{
    (void)state;
    static const int64_t arrival_us[] = {0, LOST, 250 * 32767, 2 * 250 * 32767 + 250};
    uint8_t data[RTCP_OUT_MAX];
    struct rtcp_writer writer = {data, sizeof(data), 0};
    struct rtcp_arrivals arrivals = {arrival_us, 4, 65534, 0};
    size_t covered = 0;
    assert_int_equal(write_one(&writer, &arrivals, &covered), 0);
    assert_int_equal(covered, 3);
}

static void leaves_a_full_compound_alone(void **state)
{
    (void)state;
    static const int64_t arrival_us[] = {0};
    uint8_t data[64] = {0};
    struct rtcp_arrivals arrivals = {arrival_us, 1, 0, 0};
    size_t covered = 0;
    for (size_t cap = 40; cap < 64; cap++) {
        struct rtcp_writer writer = {data, cap, 40};
        assert_int_equal(write_one(&writer, &arrivals, &covered), ERR_FULL);
        assert_int_equal(writer.len, 40);
    }
    struct rtcp_writer writer = {data, 64, 40};
    assert_int_equal(write_one(&writer, &arrivals, &covered), 0);
    assert_int_equal(writer.len, 64);
}

/* ---- Hostile ------------------------------------------------------------------------------- */

static void refuses_malformed(void **state)
{
    (void)state;
    static const struct {
        const char *what;
        uint8_t fci[16];
        size_t len;
        int err;
    } bad[] = {
        {"nothing", {0}, 0, ERR_TRUNCATED},
        {"header only, count 0", {0}, 8, 0},
        {"header only, count 1", {0, 0, 0, 1}, 8, ERR_TRUNCATED},
        {"deltas missing", {0, 0, 0, 8, 0, 0, 0, 0, 0x20, 8, 1, 1}, 12, ERR_TRUNCATED},
        {"chunks of length 0, then none", {0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0}, 12, ERR_TRUNCATED},
        {"a reserved symbol in a run", {0, 0, 0, 1, 0, 0, 0, 0, 0x60, 1, 0, 0}, 12, ERR_INVALID},
        {"a reserved symbol in a vector", {0, 0, 0, 1, 0, 0, 0, 0, 0xf0, 0, 0, 0}, 12, ERR_INVALID},
        {"a reserved symbol past the count", {0, 0, 0, 1, 0, 0, 0, 0, 0xcc, 0, 0, 0}, 12, 0},
        {"a run longer than the count", {0, 0, 0, 1, 0, 0, 0, 0, 0x3f, 0xff, 1, 0}, 12, 0},
        {"large delta cut", {0, 0, 0, 2, 0, 0, 0, 0, 0x40, 2, 1, 1}, 12, ERR_TRUNCATED},
    };
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        uint8_t body[24] = {0};
        memcpy(body + 8, bad[i].fci, bad[i].len);
        struct rtcp_packet packet = {{body, 8 + bad[i].len}, RTCP_RTPFB, RTCP_TWCC, 0};
        struct rtcp_twcc twcc;
        int err = rtcp_read_twcc(&packet, &twcc);
        if (err != bad[i].err) {
            fail_msg("%s: %s", bad[i].what, err_text(err));
        }
    }
}

static void reads_a_negative_reference_time(void **state)
{
    (void)state;
    static const uint8_t body[] = {0, 0, 0,    0,    0,    0, 0,    0, 0, 0,
                                   0, 1, 0xff, 0xff, 0xff, 0, 0x20, 1, 4, 0};
    struct rtcp_packet packet = {{body, sizeof(body)}, RTCP_RTPFB, RTCP_TWCC, 0};
    struct rtcp_twcc twcc;
    assert_int_equal(rtcp_read_twcc(&packet, &twcc), 0);
    assert_int_equal(twcc.reference_us, -64000);
    struct rtcp_twcc_iter iter = rtcp_twcc_begin(&twcc);
    struct rtcp_twcc_status status;
    assert_true(rtcp_twcc_next(&iter, &status));
    assert_int_equal(status.arrival_us, -63000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(writes_the_layout_of_the_draft),
        cmocka_unit_test(is_small),
        cmocka_unit_test(every_arrival_comes_across),
        cmocka_unit_test(stops_before_a_delta_that_does_not_fit),
        cmocka_unit_test(leaves_a_full_compound_alone),
        cmocka_unit_test(refuses_malformed),
        cmocka_unit_test(reads_a_negative_reference_time),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
