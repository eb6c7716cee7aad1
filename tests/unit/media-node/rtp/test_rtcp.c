/* SPDX-License-Identifier: Apache-2.0
 *
 * Goal: what is written reads back whole from one compound, hostile compounds are refused as a
 * whole, and clocks and round-trip times come out right over their wraps.
 */
#include "media-node/core/rtp/rtcp.h"

#include <setjmp.h>

#include <cmocka.h>

static const struct rtcp_feedback about = {0x11111111, 0x22222222};

static void assert_report(const struct rtcp_report *a, const struct rtcp_report *b)
{
    assert_int_equal(a->ssrc, b->ssrc);
    assert_int_equal(a->seq_high, b->seq_high);
    assert_int_equal(a->jitter, b->jitter);
    assert_int_equal(a->lsr, b->lsr);
    assert_int_equal(a->dlsr, b->dlsr);
    assert_int_equal(a->lost, b->lost);
    assert_int_equal(a->fraction, b->fraction);
}

/* ---- Compounds ----------------------------------------------------------------------------- */

static const struct rtcp_sr sr_sent = {UINT64_C(0xe1e2e3e4f1f2f3f4), 90000, 77, 88888};
static const struct rtcp_report reports_sent[2] = {
    {.ssrc = 5, .seq_high = 0x10002, .jitter = 3, .lsr = 4, .dlsr = 5, .lost = -2, .fraction = 6},
    {.ssrc = 6, .seq_high = 7, .lost = 0x7fffff, .fraction = 255},
};

static void write_all(struct rtcp_writer *w)
{
    static const uint32_t remb_ssrcs[] = {0x22222222, 0x33333333};
    assert_int_equal(rtcp_write_rr(w, 1, reports_sent, 2), 0);
    assert_int_equal(rtcp_write_sr(w, 2, &sr_sent, reports_sent, 1), 0);
    assert_int_equal(rtcp_write_cname(w, 2, "cname"), 0);
    assert_int_equal(rtcp_write_pli(w, about), 0);
    assert_int_equal(rtcp_write_fir(w, about, 9), 0);
    assert_int_equal(rtcp_write_remb(w, 1, 1234567, remb_ssrcs, 2), 0);
    assert_int_equal(rtcp_write_bye(w, 2), 0);
}

static void expect_reports(struct rtcp_iter *iter)
{
    struct rtcp_packet p;
    struct rtcp_report r;
    struct rtcp_sr sr;
    assert_true(rtcp_next(iter, &p));
    assert_int_equal(p.type, RTCP_RR);
    assert_int_equal(p.count, 2);
    assert_int_equal(p.ssrc, 1);
    for (unsigned i = 0; i < 2; i++) {
        assert_int_equal(rtcp_read_report(&p, i, &r), 0);
        assert_report(&r, &reports_sent[i]);
    }
    assert_true(rtcp_next(iter, &p));
    assert_int_equal(p.type, RTCP_SR);
    assert_int_equal(p.ssrc, 2);
    assert_int_equal(rtcp_read_sr(&p, &sr), 0);
    assert_true(sr.ntp == sr_sent.ntp);
    assert_int_equal(sr.ts, sr_sent.ts);
    assert_int_equal(sr.packets, sr_sent.packets);
    assert_int_equal(sr.octets, sr_sent.octets);
    assert_int_equal(rtcp_read_report(&p, 0, &r), 0);
    assert_report(&r, &reports_sent[0]);

    assert_true(rtcp_next(iter, &p));
    assert_int_equal(p.type, RTCP_SDES);
    assert_int_equal(p.body.len, 12); /* SSRC, 1, 5, "cname", a zero */
    assert_memory_equal(p.body.data + 4, "\1\5cname\0", 8);
}

static void expect_feedback(struct rtcp_iter *iter)
{
    struct rtcp_packet p;
    uint32_t ssrc = 0;
    uint64_t bps = 0;
    uint8_t command = 0;
    assert_true(rtcp_next(iter, &p));
    assert_true(rtcp_is(&p, RTCP_PSFB, RTCP_PLI));
    assert_int_equal(rtcp_read_media_ssrc(&p, &ssrc), 0);
    assert_int_equal(ssrc, about.media_ssrc);

    assert_true(rtcp_next(iter, &p));
    assert_true(rtcp_is(&p, RTCP_PSFB, RTCP_FIR));
    assert_int_equal(rtcp_read_fir(&p, 0, &ssrc, &command), 0);
    assert_int_equal(ssrc, about.media_ssrc);
    assert_int_equal(command, 9);
    assert_int_equal(rtcp_read_fir(&p, 1, &ssrc, &command), ERR_NOT_FOUND);

    assert_true(rtcp_next(iter, &p));
    assert_true(rtcp_is(&p, RTCP_PSFB, RTCP_AFB));
    assert_int_equal(rtcp_read_remb(&p, &bps), 0);
    assert_true(bps <= 1234567 && bps > 1234567 - 8);
    assert_int_equal(p.body.len, 8 + 8 + 8);

    assert_true(rtcp_next(iter, &p));
    assert_int_equal(p.type, RTCP_BYE);
    assert_int_equal(rtcp_read_bye(&p, 0, &ssrc), 0);
    assert_int_equal(ssrc, 2);
}

static void a_compound_reads_back_whole(void **state)
{
    (void)state;
    uint8_t data[RTCP_OUT_MAX];
    struct rtcp_writer w = {data, sizeof(data), 0};
    struct rtcp_iter iter;
    struct rtcp_packet p;
    write_all(&w);
    assert_int_equal(rtcp_begin(&iter, data, w.len), 0);
    expect_reports(&iter);
    expect_feedback(&iter);
    assert_false(rtcp_next(&iter, &p));
}

static void a_full_compound_stays_as_it_was(void **state)
{
    (void)state;
    uint8_t data[8];
    static const uint16_t seqs[] = {1};
    const struct rtcp_report report = {0};
    const struct rtcp_sr sr = {0};
    struct rtcp_writer w = {data, sizeof(data), 0};
    assert_int_equal(rtcp_write_rr(&w, 1, &report, 1), ERR_FULL);
    assert_int_equal(rtcp_write_sr(&w, 1, &sr, NULL, 0), ERR_FULL);
    assert_int_equal(rtcp_write_cname(&w, 1, ""), ERR_FULL);
    assert_int_equal(rtcp_write_pli(&w, about), ERR_FULL);
    assert_int_equal(rtcp_write_fir(&w, about, 0), ERR_FULL);
    assert_int_equal(rtcp_write_nack(&w, about, seqs, 1), ERR_FULL);
    assert_int_equal(rtcp_write_remb(&w, 1, 1, NULL, 0), ERR_FULL);
    assert_int_equal(w.len, 0);
    assert_int_equal(rtcp_write_rr(&w, 1, NULL, 0), 0);
    assert_int_equal(rtcp_write_bye(&w, 1), ERR_FULL);
    assert_int_equal(w.len, 8);
}

struct compound_row {
    const char *what;
    uint8_t data[20];
    size_t len;
    int err;
};

static const struct compound_row compound_rows[] = {
    {"nothing", {0}, 0, ERR_TRUNCATED},
    {"half a header", {0x80, 201}, 2, ERR_TRUNCATED},
    {"an empty BYE", {0x80, 203, 0, 0}, 4, 0},
    {"version 1", {0x40, 201, 0, 1}, 8, ERR_INVALID},
    {"an RTP payload type", {0x80, 191, 0, 1}, 8, ERR_INVALID},
    {"longer than the datagram", {0x80, 201, 0, 2}, 8, ERR_TRUNCATED},
    {"shorter than the datagram", {0x80, 201, 0, 1}, 10, ERR_TRUNCATED},
    {"a second with a bad version", {0x80, 201, 0, 0, 0x00, 201, 0, 0}, 8, ERR_INVALID},
    {"two", {0x80, 201, 0, 0, 0x81, 206, 0, 1, 0, 0, 0, 9}, 12, 0},
    {"padding", {0xa0, 201, 0, 2, 0, 0, 0, 1, 0, 0, 0, 4}, 12, 0},
    {"padding before the last", {0xa0, 201, 0, 1, 0, 0, 0, 4, 0x80, 201, 0, 0}, 12, 0},
    {"padding of 0", {0xa0, 201, 0, 1, 0, 0, 0, 0}, 8, ERR_INVALID},
    {"padding of more than the body", {0xa0, 201, 0, 1, 0, 0, 0, 5}, 8, ERR_INVALID},
    {"padding without a body", {0xa0, 201, 0, 0}, 4, ERR_INVALID},
};

static void refuses_malformed_compounds(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(compound_rows); i++) {
        const struct compound_row *row = &compound_rows[i];
        struct rtcp_iter iter;
        int err = rtcp_begin(&iter, row->data, row->len);
        if (err != row->err) {
            fail_msg("%s: %s", row->what, err_text(err));
        }
    }
}

/* What an element claims may be more than its body holds. */
static void refuses_short_bodies(void **state)
{
    (void)state;
    static const uint8_t body[64] = {0};
    struct rtcp_sr sr;
    struct rtcp_report report;
    uint16_t seqs[4];
    uint32_t ssrc = 0;
    uint64_t bps = 0;
    struct rtcp_packet p = {{body, 23}, RTCP_SR, 1, 0};
    assert_int_equal(rtcp_read_sr(&p, &sr), ERR_TRUNCATED);
    p.body.len = 47;
    assert_int_equal(rtcp_read_sr(&p, &sr), 0);
    assert_int_equal(rtcp_read_report(&p, 0, &report), ERR_TRUNCATED);
    p = (struct rtcp_packet){{body, 27}, RTCP_RR, 1, 0};
    assert_int_equal(rtcp_read_report(&p, 0, &report), ERR_TRUNCATED);
    p = (struct rtcp_packet){{body, 7}, RTCP_BYE, 2, 0};
    assert_int_equal(rtcp_read_bye(&p, 0, &ssrc), 0);
    assert_int_equal(rtcp_read_bye(&p, 1, &ssrc), ERR_TRUNCATED);
    p = (struct rtcp_packet){{body, 11}, RTCP_RTPFB, RTCP_NACK, 0};
    assert_int_equal(rtcp_read_nack(&p, seqs, 4), ERR_TRUNCATED);
    p = (struct rtcp_packet){{body, 7}, RTCP_PSFB, RTCP_PLI, 0};
    assert_int_equal(rtcp_read_media_ssrc(&p, &ssrc), ERR_TRUNCATED);
    p = (struct rtcp_packet){{body, 16}, RTCP_PSFB, RTCP_AFB, 0};
    assert_int_equal(rtcp_read_remb(&p, &bps), ERR_UNSUPPORTED); /* no "REMB" */
}

/* ---- NACK ---------------------------------------------------------------------------------- */

static void nack_has_the_layout_of_rfc_4585(void **state)
{
    (void)state;
    static const uint16_t seqs[] = {65534, 65535, 14, 15, 100};
    static const uint8_t want[] = {0x81, 205,  0,    5,    0x11, 0x11, 0x11, 0x11,
                                   0x22, 0x22, 0x22, 0x22, 0xff, 0xfe, 0x80, 1,
                                   0,    15,   0,    0,    0,    100,  0,    0};
    uint8_t data[64];
    struct rtcp_writer w = {data, sizeof(data), 0};
    assert_int_equal(rtcp_write_nack(&w, about, seqs, 5), 0);
    assert_int_equal(w.len, sizeof(want));
    assert_memory_equal(data, want, sizeof(want));
}

static void nack_round_trip(void **state)
{
    (void)state;
    struct prng prng;
    prng_seed(&prng, 4585);
    for (int round = 0; round < 500; round++) {
        uint16_t seqs[100];
        uint16_t got[200];
        uint8_t data[RTCP_OUT_MAX];
        size_t count = 1 + prng_below(&prng, 100);
        uint16_t seq = (uint16_t)prng_next(&prng);
        for (size_t i = 0; i < count; i++) {
            seqs[i] = seq;
            seq = (uint16_t)(seq + 1 + prng_below(&prng, 1 + (uint64_t)round % 40));
        }
        struct rtcp_writer w = {data, sizeof(data), 0};
        struct rtcp_iter iter;
        struct rtcp_packet p;
        assert_int_equal(rtcp_write_nack(&w, about, seqs, count), 0);
        assert_int_equal(rtcp_begin(&iter, data, w.len), 0);
        assert_true(rtcp_next(&iter, &p));
        assert_int_equal(rtcp_read_nack(&p, got, ARRAY_LEN(got)), count);
        assert_memory_equal(got, seqs, count * sizeof(seqs[0]));
        size_t few = prng_below(&prng, count);
        assert_int_equal(rtcp_read_nack(&p, got, few), few); /* cut, never overrun */
    }
}

/* ---- Numbers ------------------------------------------------------------------------------- */

static void remb_keeps_18_significant_bits(void **state)
{
    (void)state;
    static const uint64_t rates[] = {0, 1, 0x3ffff, 0x40000, 2500000, 10000000000, UINT64_MAX};
    for (size_t i = 0; i < ARRAY_LEN(rates); i++) {
        uint8_t data[64];
        uint64_t bps = 0;
        struct rtcp_writer w = {data, sizeof(data), 0};
        struct rtcp_iter iter;
        struct rtcp_packet p;
        assert_int_equal(rtcp_write_remb(&w, 1, rates[i], NULL, 0), 0);
        assert_int_equal(rtcp_begin(&iter, data, w.len), 0);
        assert_true(rtcp_next(&iter, &p));
        int err = rtcp_read_remb(&p, &bps);
        if (rates[i] == UINT64_MAX) { /* exponent 46: past what anybody means */
            assert_int_equal(err, ERR_INVALID);
            continue;
        }
        assert_int_equal(err, 0);
        assert_true(bps <= rates[i] && rates[i] - bps <= rates[i] >> 17);
    }
}

static void cumulative_loss_saturates(void **state)
{
    (void)state;
    static const struct {
        int32_t given;
        int32_t want;
    } rows[] = {
        {0, 0}, {-1, -1}, {0x800000, 0x7fffff}, {-0x800000, -0x800000}, {INT32_MIN, -0x800000}};
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        uint8_t data[64];
        const struct rtcp_report report = {.lost = rows[i].given};
        struct rtcp_report got;
        struct rtcp_writer w = {data, sizeof(data), 0};
        struct rtcp_iter iter;
        struct rtcp_packet p;
        assert_int_equal(rtcp_write_rr(&w, 1, &report, 1), 0);
        assert_int_equal(rtcp_begin(&iter, data, w.len), 0);
        assert_true(rtcp_next(&iter, &p));
        assert_int_equal(rtcp_read_report(&p, 0, &got), 0);
        assert_int_equal(got.lost, rows[i].want);
    }
}

static void ntp_and_back(void **state)
{
    (void)state;
    assert_true(rtcp_ntp(0) == UINT64_C(2208988800) << 32);
    assert_true(rtcp_ntp(1500000) == (UINT64_C(2208988801) << 32 | 0x80000000));
    struct prng prng;
    prng_seed(&prng, 1900);
    for (int i = 0; i < 10000; i++) {
        int64_t wall_us = (int64_t)prng_below(&prng, UINT64_C(2000000000000000)); /* to 2033 */
        assert_true(rtcp_ntp_to_wall_us(rtcp_ntp(wall_us)) == wall_us);
    }
}

static void round_trip_times(void **state)
{
    (void)state;
    const int64_t sent = INT64_C(1795562917000000);
    static const struct {
        int64_t later_us;
        uint32_t dlsr;
        int64_t want_us; /* give or take 16 us, the unit of DLSR */
    } rows[] = {
        {50000, 0, 50000},
        {1050000, 65536, 50000},
        {1000000, 65536, 1}, /* no time at all */
        {990000, 65536, 1},  /* the peer's clock is fast */
        {TIME_S(3000), 0, TIME_S(3000)},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct rtcp_report report = {.lsr = rtcp_ntp_middle(rtcp_ntp(sent)), .dlsr = rows[i].dlsr};
        int64_t rtt = rtcp_rtt_us(&report, rtcp_ntp(sent + rows[i].later_us));
        assert_true(rtt >= rows[i].want_us - 32 && rtt <= rows[i].want_us + 32);
        assert_true(rtt >= 1);
    }
    /* over the wrap of the middle 32 bits, every 18 hours */
    struct rtcp_report report = {.lsr = 0xffff8000};
    int64_t rtt = rtcp_rtt_us(&report, UINT64_C(0x8000) << 16);
    assert_int_equal(rtt, 1000000);
    report.lsr = 0;
    assert_int_equal(rtcp_rtt_us(&report, rtcp_ntp(sent)), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_compound_reads_back_whole),
        cmocka_unit_test(a_full_compound_stays_as_it_was),
        cmocka_unit_test(refuses_malformed_compounds),
        cmocka_unit_test(refuses_short_bodies),
        cmocka_unit_test(nack_has_the_layout_of_rfc_4585),
        cmocka_unit_test(nack_round_trip),
        cmocka_unit_test(remb_keeps_18_significant_bits),
        cmocka_unit_test(cumulative_loss_saturates),
        cmocka_unit_test(ntp_and_back),
        cmocka_unit_test(round_trip_times),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
