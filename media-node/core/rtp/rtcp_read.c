/* SPDX-License-Identifier: Apache-2.0 */
#include "media-node/core/rtp/rtcp.h"

#define HEADER_LEN  4  /* version, count, type, length */
#define SENDER_LEN  20 /* sender info of an SR */
#define REPORT_LEN  24
#define FEEDBACK_AT 8 /* FCI in a feedback packet's body: behind both SSRCs */
#define FIR_LEN     8

/* Seconds from 1900 (NTP) to 1970. */
#define NTP_UNIX_S UINT64_C(2208988800)

/* ---- Time ---------------------------------------------------------------------------------- */

uint64_t rtcp_ntp(int64_t wall_us)
{
    assert(wall_us >= 0);
    uint64_t us = (uint64_t)wall_us;
    uint64_t fraction = ((us % 1000000) << 32) / 1000000;
    return (us / 1000000 + NTP_UNIX_S) << 32 | fraction;
}

int64_t rtcp_ntp_to_wall_us(uint64_t ntp)
{
    /* Rounds up, so that it gives back what rtcp_ntp rounded down. */
    uint64_t us = ((ntp & UINT32_MAX) * 1000000 + UINT32_MAX) >> 32;
    return ((int64_t)(ntp >> 32) - (int64_t)NTP_UNIX_S) * 1000000 + (int64_t)us;
}

/* ---- Compound ------------------------------------------------------------------------------ */

static size_t packet_len(const uint8_t *data)
{
    return HEADER_LEN + 4u * be16_get(data + 2);
}

int rtcp_begin(struct rtcp_iter *out, const uint8_t *data, size_t len)
{
    size_t at = 0;
    do {
        if (len - at < HEADER_LEN) {
            return ERR_TRUNCATED;
        }
        const uint8_t *packet = data + at;
        size_t packet_size = packet_len(packet);
        if (packet[0] >> 6 != 2 || packet[1] < 192 || packet[1] > 223) {
            return ERR_INVALID;
        }
        if (packet_size > len - at) {
            return ERR_TRUNCATED;
        }
        at += packet_size;
        if ((packet[0] & 0x20) != 0) {
            size_t padding = packet[packet_size - 1];
            if (padding == 0 || padding > packet_size - HEADER_LEN) {
                return ERR_INVALID;
            }
        }
    } while (at < len);
    out->rest = (struct bytes){data, len};
    return 0;
}

bool rtcp_next(struct rtcp_iter *iter, struct rtcp_packet *out)
{
    if (iter->rest.len == 0) {
        return false;
    }
    const uint8_t *data = iter->rest.data;
    size_t len = packet_len(data);
    assert(len <= iter->rest.len); /* rtcp_begin saw to it */
    size_t padding = (data[0] & 0x20) != 0 ? data[len - 1] : 0;
    *out = (struct rtcp_packet){
        .body = {data + HEADER_LEN, len - HEADER_LEN - padding},
        .type = data[1],
        .count = data[0] & 0x1f,
    };
    if (out->body.len >= 4) {
        out->ssrc = be32_get(out->body.data);
    }
    iter->rest.data += len;
    iter->rest.len -= len;
    return true;
}

/* ---- Reports ------------------------------------------------------------------------------- */

int rtcp_read_sr(const struct rtcp_packet *packet, struct rtcp_sr *out)
{
    assert(packet->type == RTCP_SR);
    const uint8_t *body = packet->body.data;
    if (packet->body.len < 4 + SENDER_LEN) {
        return ERR_TRUNCATED;
    }
    *out = (struct rtcp_sr){
        .ntp = be64_get(body + 4),
        .ts = be32_get(body + 12),
        .packets = be32_get(body + 16),
        .octets = be32_get(body + 20),
    };
    return 0;
}

int rtcp_read_report(const struct rtcp_packet *packet, unsigned i, struct rtcp_report *out)
{
    assert(packet->type == RTCP_SR || packet->type == RTCP_RR);
    assert(i < packet->count);
    size_t at = (packet->type == RTCP_SR ? 4u + SENDER_LEN : 4u) + (size_t)REPORT_LEN * i;
    if (packet->body.len < at + REPORT_LEN) {
        return ERR_TRUNCATED;
    }
    const uint8_t *block = packet->body.data + at;
    uint32_t lost = be24_get(block + 5);
    *out = (struct rtcp_report){
        .ssrc = be32_get(block),
        .fraction = block[4],
        .lost = (int32_t)(lost ^ 0x800000) - 0x800000, /* 24 bits signed */
        .seq_high = be32_get(block + 8),
        .jitter = be32_get(block + 12),
        .lsr = be32_get(block + 16),
        .dlsr = be32_get(block + 20),
    };
    return 0;
}

int64_t rtcp_rtt_us(const struct rtcp_report *report, uint64_t now_ntp)
{
    if (report->lsr == 0) {
        return 0;
    }
    int32_t rtt = (int32_t)(rtcp_ntp_middle(now_ntp) - report->lsr - report->dlsr);
    /* The peer's clock may run a little ahead: then the time is short, not negative. */
    return rtt <= 0 ? 1 : MAX(1, (int64_t)rtt * 1000000 >> 16);
}

int rtcp_read_bye(const struct rtcp_packet *packet, unsigned i, uint32_t *ssrc)
{
    assert(packet->type == RTCP_BYE);
    assert(i < packet->count);
    if (packet->body.len < 4 * ((size_t)i + 1)) {
        return ERR_TRUNCATED;
    }
    *ssrc = be32_get(packet->body.data + 4 * (size_t)i);
    return 0;
}

/* ---- Feedback ------------------------------------------------------------------------------ */

int rtcp_read_media_ssrc(const struct rtcp_packet *packet, uint32_t *ssrc)
{
    assert(packet->type == RTCP_RTPFB || packet->type == RTCP_PSFB);
    if (packet->body.len < FEEDBACK_AT) {
        return ERR_TRUNCATED;
    }
    *ssrc = be32_get(packet->body.data + 4);
    return 0;
}

int rtcp_read_nack(const struct rtcp_packet *packet, uint16_t *seqs, size_t max)
{
    assert(rtcp_is(packet, RTCP_RTPFB, RTCP_NACK));
    if (packet->body.len < FEEDBACK_AT + 4) {
        return ERR_TRUNCATED;
    }
    size_t count = 0;
    for (size_t at = FEEDBACK_AT; at + 4 <= packet->body.len; at += 4) {
        uint16_t first = be16_get(packet->body.data + at);
        uint32_t lost = be16_get(packet->body.data + at + 2) * 2u | 1u; /* bit i: first + i */
        for (unsigned i = 0; i <= 16; i++) {
            if ((lost >> i & 1) != 0) {
                if (count == max) {
                    return (int)count;
                }
                seqs[count++] = (uint16_t)(first + i);
            }
        }
    }
    return (int)count;
}

int rtcp_read_fir(const struct rtcp_packet *packet, unsigned i, uint32_t *ssrc, uint8_t *command)
{
    assert(rtcp_is(packet, RTCP_PSFB, RTCP_FIR));
    size_t at = FEEDBACK_AT + (size_t)FIR_LEN * i;
    if (packet->body.len < at + FIR_LEN) {
        return ERR_NOT_FOUND;
    }
    *ssrc = be32_get(packet->body.data + at);
    *command = packet->body.data[at + 4];
    return 0;
}

int rtcp_read_app(const struct rtcp_packet *packet, uint32_t *name, struct bytes *data)
{
    if (packet->body.len < 8) {
        return ERR_TRUNCATED;
    }
    *name = be32_get(packet->body.data + 4);
    *data = (struct bytes){packet->body.data + 8, packet->body.len - 8};
    return 0;
}

int rtcp_read_remb(const struct rtcp_packet *packet, uint64_t *bps)
{
    assert(rtcp_is(packet, RTCP_PSFB, RTCP_AFB));
    const uint8_t *fci = packet->body.data + FEEDBACK_AT;
    if (packet->body.len < FEEDBACK_AT + 8 || memcmp(fci, "REMB", 4) != 0) {
        return ERR_UNSUPPORTED;
    }
    unsigned exponent = fci[5] >> 2;
    uint64_t mantissa = be24_get(fci + 5) & 0x3ffff;
    if (exponent > 63 - 18) {
        return ERR_INVALID; /* more than 64 bits of bandwidth */
    }
    *bps = mantissa << exponent;
    return 0;
}
