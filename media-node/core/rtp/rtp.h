/* SPDX-License-Identifier: Apache-2.0
 *
 * RTP packets (RFC 3550) and their header extensions (RFC 8285): parse into a borrowed view, edit a
 * field in place, compose a fresh header. Control packets are in rtcp.h, codecs in payload.h,
 * layers inside a stream in dependency.h; together they are this folder's contract. Packets here
 * are plain: before protection, or after its removal.
 */
#ifndef MEDIA_NODE_CORE_RTP_RTP_H
#define MEDIA_NODE_CORE_RTP_RTP_H

#include "common/base/base.h"

#define RTP_HEADER_LEN     12
#define RTP_HEADER_OUT_MAX 256  /* no header composed here is longer */
#define RTP_HEADER_CSRCS   2    /* nor has it more CSRCs */
#define RTP_PACKET_MAX     1500 /* longer packets are refused */

/* ---- Reading ------------------------------------------------------------------------------- */

/* Valid while the parsed bytes are. */
struct rtp_view {
    const uint8_t *data;
    struct bytes payload; /* without padding; len may be 0 (padding-only probes) */
    struct bytes ext;     /* body of the header extension; data NULL: none */
    uint32_t ts;
    uint32_t ssrc;
    uint16_t seq;
    uint16_t ext_profile; /* 0xBEDE one-byte form, 0x1000..0x100F two-byte form */
    uint8_t pt;           /* 0..127 */
    uint8_t padding_len;
    bool marker;
};

/* ERR_TRUNCATED, ERR_TOO_BIG, or ERR_INVALID (version, padding longer than what follows the
 * header). CSRCs are skipped. */
MUST_CHECK int rtp_parse(struct rtp_view *out, const uint8_t *data, size_t len);

/* Contributing sources: how many, and number i < count of them. */
static inline unsigned rtp_csrc_count(const struct rtp_view *view)
{
    return view->data[0] & 0x0fu;
}
static inline uint32_t rtp_csrc(const struct rtp_view *view, unsigned i)
{
    return be32_get(view->data + RTP_HEADER_LEN + (size_t)4 * i);
}

struct rtp_ext {
    uint8_t id;
    struct bytes value;
};

/* One walk over a view's extensions, both forms. */
struct rtp_ext_iter {
    struct bytes rest;
    bool two_byte;
};
struct rtp_ext_iter rtp_ext_begin(const struct rtp_view *view);

/* False at the end, at id 15 of the one-byte form, or where an element overruns (RFC 8285 §4.2). */
bool rtp_ext_next(struct rtp_ext_iter *iter, struct rtp_ext *out);

/* What an extension means is negotiated per transport: kind -> id. */
enum rtp_ext_kind {
    RTP_EXT_MID,
    RTP_EXT_RID,
    RTP_EXT_REPAIRED_RID,
    RTP_EXT_TRANSPORT_CC,          /* 2 bytes, draft-holmer-rmcat-transport-wide-cc-extensions */
    RTP_EXT_AUDIO_LEVEL,           /* 1 byte, RFC 6464 */
    RTP_EXT_ABS_SEND_TIME,         /* 3 bytes, 6.18 fixed-point seconds */
    RTP_EXT_ABS_CAPTURE_TIME,      /* 8 or 16 bytes */
    RTP_EXT_DEPENDENCY_DESCRIPTOR, /* dependency.h */
    RTP_EXT_PLAYOUT_DELAY,         /* 3 bytes */
    RTP_EXT_KINDS
};
struct rtp_ext_ids {
    uint8_t id[RTP_EXT_KINDS]; /* 1..255, 0: not negotiated */
};

/* All negotiated extensions of a packet in one walk; data NULL where absent. Of a repeated one the
 * first counts. Values have the length their kind demands, or are left out. */
struct rtp_exts {
    struct bytes value[RTP_EXT_KINDS];
};
void rtp_exts_read(struct rtp_exts *out, const struct rtp_view *view,
                   const struct rtp_ext_ids *ids);

/* The meaning of values as rtp_exts_read gives them. */
static inline uint8_t rtp_audio_level_dbov(struct bytes value) /* 0 loudest .. 127 silent */
{
    return value.data[0] & 0x7f;
}
static inline bool rtp_audio_voice(struct bytes value)
{
    return value.data[0] >> 7;
}

/* ---- Editing in place. data points to a packet that rtp_parse accepted. ---------------------- */

void rtp_set_pt(uint8_t *data, uint8_t pt);
void rtp_set_marker(uint8_t *data, bool marker);
void rtp_set_seq(uint8_t *data, uint16_t seq);
void rtp_set_ts(uint8_t *data, uint32_t ts);
void rtp_set_ssrc(uint8_t *data, uint32_t ssrc);

/* Gives every extension that from knows the id that to has for its kind; all others lose their
 * meaning (id 14, which to must not have; in the two-byte form 255). data and view are of one
 * packet. What ids a cached packet has then no longer depends on where it came from. */
void rtp_exts_rename(uint8_t *data, const struct rtp_view *view, const struct rtp_ext_ids *from,
                     const struct rtp_ext_ids *to);

/* ---- Composing ------------------------------------------------------------------------------
 * Forwarding replaces the whole header and copies the payload behind it. */

struct rtp_header {
    uint32_t ts;
    uint32_t ssrc;
    uint16_t seq;
    uint8_t pt;
    bool marker;
    uint8_t padding_len; /* only sets the P bit if not 0; the caller writes the padding */
    uint8_t csrc_count;  /* 0 .. RTP_HEADER_CSRCS */
    uint32_t csrcs[RTP_HEADER_CSRCS];
    struct rtp_exts exts; /* values; NULL data or id 0: not written */
};

/* Where in the header the values stand that are known only when the packet leaves; 0: absent. */
struct rtp_header_out {
    uint16_t len;
    uint16_t transport_cc_at;
    uint16_t abs_send_time_at;
};

/* Room for TRANSPORT_CC and ABS_SEND_TIME is written as zeros whenever ids has them, whatever exts
 * says; fill it with be16_put and be24_put before protection. The two-byte form is chosen when a
 * value (a dependency descriptor with its structure) is longer than 16 bytes or an id above 14.
 * out holds RTP_HEADER_OUT_MAX bytes. ERR_TOO_BIG if the values do not fit: leave one out. */
MUST_CHECK int rtp_header_write(uint8_t *out, const struct rtp_header *header,
                                const struct rtp_ext_ids *ids, struct rtp_header_out *where);

/* 24-bit 6.18 fixed-point seconds, of any clock that runs evenly. */
uint32_t rtp_abs_send_time(int64_t now_us);

#endif
