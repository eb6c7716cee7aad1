/* SPDX-License-Identifier: Apache-2.0
 *
 * RTCP (RFC 3550 §6, RFC 4585, RFC 5104, REMB, transport-cc): walk a compound packet, read the
 * packets a forwarder acts on, and build its own. Plain packets, before protection or after its
 * removal. Wall time is an argument, in microseconds since 1970.
 */
#ifndef MEDIA_NODE_CORE_RTP_RTCP_H
#define MEDIA_NODE_CORE_RTP_RTCP_H

#include "common/base/base.h"

#define RTCP_HEADER_LEN 8 /* with the sender's SSRC */
#define RTCP_OUT_MAX    1200

enum rtcp_type {
    RTCP_SR = 200,
    RTCP_RR = 201,
    RTCP_SDES = 202,
    RTCP_BYE = 203,
    RTCP_APP = 204,
    RTCP_RTPFB = 205,
    RTCP_PSFB = 206,
    RTCP_XR = 207
};
enum rtcp_rtpfb { RTCP_NACK = 1, RTCP_TWCC = 15 };
enum rtcp_psfb { RTCP_PLI = 1, RTCP_FIR = 4, RTCP_AFB = 15 };

/* ---- Time ---------------------------------------------------------------------------------- */

/* NTP's 32.32 seconds since 1900. */
uint64_t rtcp_ntp(int64_t wall_us);
int64_t rtcp_ntp_to_wall_us(uint64_t ntp);

/* The middle 32 bits, 16.16 seconds, as LSR and DLSR use them. */
static inline uint32_t rtcp_ntp_middle(uint64_t ntp)
{
    return (uint32_t)(ntp >> 16);
}

/* ---- Reading ------------------------------------------------------------------------------- */

/* One packet of a compound; a view. */
struct rtcp_packet {
    struct bytes body; /* behind the 4-byte header, padding removed */
    uint8_t type;      /* enum rtcp_type */
    uint8_t count;     /* report count or feedback format, 0..31 */
    uint32_t ssrc;     /* sender; 0 where body has none (BYE and SDES without sources) */
};
struct rtcp_iter {
    struct bytes rest;
};

/* Checks the whole compound before anything of it is acted on: versions, types, that lengths tile
 * the datagram exactly, padding (RFC 3550 appendix A.2). Reduced-size compounds (RFC 5506) pass,
 * and so does padding in front of the last packet: libwebrtc pads its transport-cc feedback
 * wherever it stands. ERR_TRUNCATED or ERR_INVALID. */
MUST_CHECK int rtcp_begin(struct rtcp_iter *out, const uint8_t *data, size_t len);
bool rtcp_next(struct rtcp_iter *iter, struct rtcp_packet *out);

struct rtcp_sr {
    uint64_t ntp;
    uint32_t ts; /* RTP timestamp of the same instant */
    uint32_t packets;
    uint32_t octets;
};
MUST_CHECK int rtcp_read_sr(const struct rtcp_packet *packet, struct rtcp_sr *out);

struct rtcp_report {
    uint32_t ssrc;     /* the stream reported on */
    uint32_t seq_high; /* extended */
    uint32_t jitter;   /* in the stream's clock units */
    uint32_t lsr;      /* middle NTP of the last SR; 0: none */
    uint32_t dlsr;     /* 1/65536 s since it arrived */
    int32_t lost;      /* cumulative, 24 bits signed */
    uint8_t fraction;  /* lost since the last report, of 256 */
};
/* Block number i < packet->count of an SR or RR. ERR_TRUNCATED if it is not there. */
MUST_CHECK int rtcp_read_report(const struct rtcp_packet *packet, unsigned i,
                                struct rtcp_report *out);

/* Round-trip time a report tells, at least 1; 0 if it tells none. now_ntp: rtcp_ntp of its arrival,
 * by the clock that made our SRs. */
int64_t rtcp_rtt_us(const struct rtcp_report *report, uint64_t now_ntp);

/* SSRC number i < packet->count of a BYE. */
MUST_CHECK int rtcp_read_bye(const struct rtcp_packet *packet, unsigned i, uint32_t *ssrc);

/* A feedback packet is of interest by (type, count): is it NACK, PLI, ...? */
static inline bool rtcp_is(const struct rtcp_packet *packet, enum rtcp_type type, unsigned format)
{
    return packet->type == type && packet->count == format;
}

/* The media source of an RTPFB or PSFB packet. */
MUST_CHECK int rtcp_read_media_ssrc(const struct rtcp_packet *packet, uint32_t *ssrc);

/* Writes the sequence numbers asked for, in packet order, at most max of them (the rest is cut: the
 * peer asks again). Returns how many, or ERR_TRUNCATED. */
MUST_CHECK int rtcp_read_nack(const struct rtcp_packet *packet, uint16_t *seqs, size_t max);

/* Entry i of a FIR (RFC 5104 §4.3.1). ERR_NOT_FOUND past the last. */
MUST_CHECK int rtcp_read_fir(const struct rtcp_packet *packet, unsigned i, uint32_t *ssrc,
                             uint8_t *command);

/* Name and data of an APP packet (RFC 3550 §6.7); its subtype is count. ERR_TRUNCATED. */
MUST_CHECK int rtcp_read_app(const struct rtcp_packet *packet, uint32_t *name, struct bytes *data);

/* An AFB packet as REMB (draft-alvestrand-rmcat-remb-03). ERR_UNSUPPORTED: another AFB. */
MUST_CHECK int rtcp_read_remb(const struct rtcp_packet *packet, uint64_t *bps);

/* Transport-cc feedback: what happened to packets base_seq, base_seq + 1, ... */
struct rtcp_twcc {
    struct bytes chunks;
    struct bytes deltas;
    uint16_t base_seq;
    uint16_t count;         /* statuses */
    uint8_t feedback_count; /* sequence of feedback packets, wraps */
    int64_t reference_us;   /* 24 bits signed in units of 64 ms: wraps every 12.4 days */
};
struct rtcp_twcc_iter {
    struct bytes chunks; /* not read yet */
    struct bytes deltas; /* not read yet */
    int64_t time_us;     /* arrival of the last received packet */
    uint16_t seq;
    uint16_t left;       /* statuses */
    uint16_t chunk;      /* the chunk being read */
    uint16_t chunk_used; /* statuses of it already given */
};
struct rtcp_twcc_status {
    uint16_t seq;
    bool received;
    int64_t arrival_us; /* receiver's clock modulo the wrap of reference_us; if received */
};
/* Checks that all chunks and deltas are there: the iterator then gives exactly count statuses. */
MUST_CHECK int rtcp_read_twcc(const struct rtcp_packet *packet, struct rtcp_twcc *out);
struct rtcp_twcc_iter rtcp_twcc_begin(const struct rtcp_twcc *twcc);
bool rtcp_twcc_next(struct rtcp_twcc_iter *iter, struct rtcp_twcc_status *out);
/* Passes over so many statuses, or what is left; long runs of what did not arrive cost nothing. */
void rtcp_twcc_skip(struct rtcp_twcc_iter *iter, unsigned statuses);

/* ---- Building ------------------------------------------------------------------------------
 * Each appends one packet to a compound, or returns ERR_FULL and leaves the compound as it was. A
 * compound that is to be protected starts with a packet whose sender SSRC is fresh with every
 * holder of the keys (an empty RR does): the SRTCP nonce is made of that SSRC (architecture.md
 * §2.3). */

struct rtcp_writer {
    uint8_t *data;
    size_t cap;
    size_t len; /* multiple of 4 */
};

MUST_CHECK int rtcp_write_sr(struct rtcp_writer *writer, uint32_t ssrc, const struct rtcp_sr *sr,
                             const struct rtcp_report *reports, size_t count); /* count <= 31 */
MUST_CHECK int rtcp_write_rr(struct rtcp_writer *writer, uint32_t ssrc,
                             const struct rtcp_report *reports, size_t count);
MUST_CHECK int rtcp_write_cname(struct rtcp_writer *writer, uint32_t ssrc, const char *cname);
MUST_CHECK int rtcp_write_bye(struct rtcp_writer *writer, uint32_t ssrc);

struct rtcp_app {
    uint32_t ssrc;
    uint32_t name;     /* four ASCII characters */
    uint8_t subtype;   /* 0 .. 31 */
    struct bytes data; /* a multiple of 4 bytes */
};
MUST_CHECK int rtcp_write_app(struct rtcp_writer *writer, const struct rtcp_app *app);

/* Who speaks about which stream. */
struct rtcp_feedback {
    uint32_t sender_ssrc;
    uint32_t media_ssrc;
};
/* seqs: ascending in wrap-safe order, count > 0. */
MUST_CHECK int rtcp_write_nack(struct rtcp_writer *writer, struct rtcp_feedback about,
                               const uint16_t *seqs, size_t count);
MUST_CHECK int rtcp_write_pli(struct rtcp_writer *writer, struct rtcp_feedback about);
MUST_CHECK int rtcp_write_fir(struct rtcp_writer *writer, struct rtcp_feedback about,
                              uint8_t command);
MUST_CHECK int rtcp_write_remb(struct rtcp_writer *writer, uint32_t sender_ssrc, uint64_t bps,
                               const uint32_t *ssrcs, size_t count); /* count <= 255 */

/* Arrivals of base_seq, base_seq + 1, ...; RTCP_NOT_RECEIVED marks a hole. arrival_us is of any one
 * monotonic clock, from 0. At least one must have arrived. */
#define RTCP_NOT_RECEIVED INT64_MIN
struct rtcp_arrivals {
    const int64_t *arrival_us;
    size_t count; /* up to 65,535 */
    uint16_t base_seq;
    uint8_t feedback_count; /* one more with every feedback packet sent */
};
/* Reports as many statuses as fit the buffer and the 16-bit deltas and tells how many: if fewer
 * than count, go on from there with another feedback packet. ERR_FULL if not even one fits. */
MUST_CHECK int rtcp_write_twcc(struct rtcp_writer *writer, struct rtcp_feedback about,
                               const struct rtcp_arrivals *arrivals, size_t *covered);

#endif
