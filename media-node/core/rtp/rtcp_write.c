/* SPDX-License-Identifier: Apache-2.0 */
#include "media-node/core/rtp/rtcp.h"

#include "media-node/core/rtp/rtcp_append.h"

#define REPORTS_MAX 31

uint8_t *rtcp_append_header(struct rtcp_writer *writer, enum rtcp_type type, unsigned count,
                            size_t body)
{
    assert(count <= 31);
    assert(body % 4 == 0);
    size_t len = 4 + body;
    if (len > writer->cap - writer->len) {
        return NULL;
    }
    uint8_t *packet = writer->data + writer->len;
    packet[0] = (uint8_t)(0x80 | count);
    packet[1] = (uint8_t)type;
    be16_put(packet + 2, (uint16_t)(body / 4));
    writer->len += len;
    return packet + 4;
}

static uint8_t *append(struct rtcp_writer *writer, enum rtcp_type type, unsigned count, size_t body)
{
    uint8_t *p = rtcp_append_header(writer, type, count, body);
    if (p != NULL) {
        memset(p, 0, body);
    }
    return p;
}

static void put_reports(uint8_t *p, const struct rtcp_report *reports, size_t count)
{
    for (size_t i = 0; i < count; i++, p += 24) {
        const struct rtcp_report *r = &reports[i];
        /* Cumulative loss saturates at the 24 bits it has (RFC 3550 §6.4.1). */
        int32_t lost = MIN(MAX(r->lost, -0x800000), 0x7fffff);
        be32_put(p, r->ssrc);
        p[4] = r->fraction;
        be24_put(p + 5, (uint32_t)lost & 0xffffff);
        be32_put(p + 8, r->seq_high);
        be32_put(p + 12, r->jitter);
        be32_put(p + 16, r->lsr);
        be32_put(p + 20, r->dlsr);
    }
}

int rtcp_write_sr(struct rtcp_writer *writer, uint32_t ssrc, const struct rtcp_sr *sr,
                  const struct rtcp_report *reports, size_t count)
{
    assert(count <= REPORTS_MAX);
    uint8_t *p = append(writer, RTCP_SR, (unsigned)count, 24 + 24 * count);
    if (p == NULL) {
        return ERR_FULL;
    }
    be32_put(p, ssrc);
    be64_put(p + 4, sr->ntp);
    be32_put(p + 12, sr->ts);
    be32_put(p + 16, sr->packets);
    be32_put(p + 20, sr->octets);
    put_reports(p + 24, reports, count);
    return 0;
}

int rtcp_write_rr(struct rtcp_writer *writer, uint32_t ssrc, const struct rtcp_report *reports,
                  size_t count)
{
    assert(count <= REPORTS_MAX);
    uint8_t *p = append(writer, RTCP_RR, (unsigned)count, 4 + 24 * count);
    if (p == NULL) {
        return ERR_FULL;
    }
    be32_put(p, ssrc);
    put_reports(p + 4, reports, count);
    return 0;
}

int rtcp_write_cname(struct rtcp_writer *writer, uint32_t ssrc, const char *cname)
{
    size_t len = strlen(cname);
    assert(len <= UINT8_MAX);
    /* SSRC, item type 1, its length, the text, and at least one zero to the next word (§6.5). */
    size_t body = (4 + 2 + len + 1 + 3) & ~(size_t)3;
    uint8_t *p = append(writer, RTCP_SDES, 1, body);
    if (p == NULL) {
        return ERR_FULL;
    }
    be32_put(p, ssrc);
    p[4] = 1;
    p[5] = (uint8_t)len;
    memcpy(p + 6, cname, len);
    return 0;
}

int rtcp_write_app(struct rtcp_writer *writer, const struct rtcp_app *app)
{
    uint8_t *p = append(writer, RTCP_APP, app->subtype, 8 + app->data.len);
    if (p == NULL) {
        return ERR_FULL;
    }
    be32_put(p, app->ssrc);
    be32_put(p + 4, app->name);
    if (app->data.len > 0) {
        memcpy(p + 8, app->data.data, app->data.len);
    }
    return 0;
}

int rtcp_write_bye(struct rtcp_writer *writer, uint32_t ssrc)
{
    uint8_t *p = append(writer, RTCP_BYE, 1, 4);
    if (p == NULL) {
        return ERR_FULL;
    }
    be32_put(p, ssrc);
    return 0;
}

static uint8_t *append_feedback(struct rtcp_writer *writer, enum rtcp_type type, unsigned format,
                                struct rtcp_feedback about, size_t fci)
{
    uint8_t *p = append(writer, type, format, 8 + fci);
    if (p == NULL) {
        return NULL;
    }
    be32_put(p, about.sender_ssrc);
    be32_put(p + 4, about.media_ssrc);
    return p + 8;
}

/* How many of the sequence numbers from seqs on fit one NACK entry, and its mask (RFC 4585 §6.2.1).
 */
static size_t nack_entry(const uint16_t *seqs, size_t count, uint16_t *mask)
{
    size_t taken = 1;
    *mask = 0;
    while (taken < count) {
        uint16_t distance = (uint16_t)(seqs[taken] - seqs[0]);
        if (distance == 0 || distance > 16) {
            break;
        }
        *mask = (uint16_t)(*mask | 1u << (distance - 1));
        taken++;
    }
    return taken;
}

int rtcp_write_nack(struct rtcp_writer *writer, struct rtcp_feedback about, const uint16_t *seqs,
                    size_t count)
{
    assert(count > 0);
    uint16_t mask;
    size_t entries = 0;
    for (size_t i = 0; i < count; i += nack_entry(seqs + i, count - i, &mask)) {
        entries++;
    }
    uint8_t *p = append_feedback(writer, RTCP_RTPFB, RTCP_NACK, about, 4 * entries);
    if (p == NULL) {
        return ERR_FULL;
    }
    for (size_t i = 0; i < count; p += 4) {
        size_t taken = nack_entry(seqs + i, count - i, &mask);
        be16_put(p, seqs[i]);
        be16_put(p + 2, mask);
        i += taken;
    }
    return 0;
}

int rtcp_write_pli(struct rtcp_writer *writer, struct rtcp_feedback about)
{
    uint8_t *p = append_feedback(writer, RTCP_PSFB, RTCP_PLI, about, 0);
    return p == NULL ? ERR_FULL : 0;
}

int rtcp_write_fir(struct rtcp_writer *writer, struct rtcp_feedback about, uint8_t command)
{
    /* The stream is named in the entry, the header's media SSRC is 0 (RFC 5104 §4.3.1.2). */
    struct rtcp_feedback header = {about.sender_ssrc, 0};
    uint8_t *p = append_feedback(writer, RTCP_PSFB, RTCP_FIR, header, 8);
    if (p == NULL) {
        return ERR_FULL;
    }
    be32_put(p, about.media_ssrc);
    p[4] = command;
    return 0;
}

int rtcp_write_remb(struct rtcp_writer *writer, uint32_t sender_ssrc, uint64_t bps,
                    const uint32_t *ssrcs, size_t count)
{
    assert(count <= UINT8_MAX);
    struct rtcp_feedback header = {sender_ssrc, 0};
    uint8_t *p = append_feedback(writer, RTCP_PSFB, RTCP_AFB, header, 8 + 4 * count);
    if (p == NULL) {
        return ERR_FULL;
    }
    unsigned exponent = 0;
    while (bps >> exponent > 0x3ffff) {
        exponent++;
    }
    memcpy(p, "REMB", 4);
    p[4] = (uint8_t)count;
    be24_put(p + 5, (uint32_t)(exponent << 18 | bps >> exponent));
    for (size_t i = 0; i < count; i++) {
        be32_put(p + 8 + 4 * i, ssrcs[i]);
    }
    return 0;
}
