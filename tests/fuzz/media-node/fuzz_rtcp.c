/* SPDX-License-Identifier: Apache-2.0
 *
 * Any datagram as an RTCP compound: refused, or every packet in it can be asked everything, and
 * transport-cc feedback gives exactly the statuses it announced.
 */
#include "media-node/core/rtp/rtcp.h"

static void ask_reports(const struct rtcp_packet *p)
{
    struct rtcp_sr sr;
    struct rtcp_report report;
    if (p->type == RTCP_SR) {
        (void)!rtcp_read_sr(p, &sr);
    }
    for (unsigned i = 0; i < p->count; i++) {
        if (rtcp_read_report(p, i, &report) == 0) {
            assert(report.lost >= -0x800000 && report.lost <= 0x7fffff);
            int64_t rtt = rtcp_rtt_us(&report, UINT64_C(0xe1e2e3e4f1f2f3f4));
            assert(rtt >= 0);
        }
    }
}

static void ask_bye(const struct rtcp_packet *p)
{
    uint32_t ssrc;
    for (unsigned i = 0; i < p->count; i++) {
        (void)!rtcp_read_bye(p, i, &ssrc);
    }
}

static void ask_twcc(const struct rtcp_packet *p)
{
    struct rtcp_twcc twcc;
    struct rtcp_twcc_status status;
    if (rtcp_read_twcc(p, &twcc) != 0) {
        return;
    }
    struct rtcp_twcc_iter iter = rtcp_twcc_begin(&twcc);
    size_t count = 0;
    while (rtcp_twcc_next(&iter, &status)) {
        assert(status.seq == (uint16_t)(twcc.base_seq + count));
        count++;
    }
    assert(count == twcc.count);
    assert(iter.deltas.len == 0 && iter.chunks.len == 0);
}

static void ask_feedback(const struct rtcp_packet *p)
{
    uint16_t seqs[64];
    uint32_t ssrc;
    uint8_t command;
    uint64_t bps;
    (void)!rtcp_read_media_ssrc(p, &ssrc);
    if (rtcp_is(p, RTCP_RTPFB, RTCP_NACK)) {
        int count = rtcp_read_nack(p, seqs, ARRAY_LEN(seqs));
        assert(count == ERR_TRUNCATED || (count > 0 && (size_t)count <= ARRAY_LEN(seqs)));
    } else if (rtcp_is(p, RTCP_RTPFB, RTCP_TWCC)) {
        ask_twcc(p);
    } else if (rtcp_is(p, RTCP_PSFB, RTCP_FIR)) {
        for (unsigned i = 0; rtcp_read_fir(p, i, &ssrc, &command) == 0; i++) {
        }
    } else if (rtcp_is(p, RTCP_PSFB, RTCP_AFB)) {
        (void)!rtcp_read_remb(p, &bps);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    struct rtcp_iter iter;
    struct rtcp_packet p;
    if (rtcp_begin(&iter, data, len) != 0) {
        return 0;
    }
    while (rtcp_next(&iter, &p)) {
        assert(p.body.data >= data && p.body.data + p.body.len <= data + len);
        if (p.type == RTCP_SR || p.type == RTCP_RR) {
            ask_reports(&p);
        } else if (p.type == RTCP_BYE) {
            ask_bye(&p);
        } else if (p.type == RTCP_RTPFB || p.type == RTCP_PSFB) {
            ask_feedback(&p);
        }
    }
    return 0;
}
