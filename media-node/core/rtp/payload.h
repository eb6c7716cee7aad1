/* SPDX-License-Identifier: Apache-2.0
 *
 * What a forwarder must know of a payload: where frames begin and end, which are key frames, which
 * layer they belong to; and what it rewrites (the VP8 descriptor) or splits (RED). Frames may be
 * encrypted end to end behind the descriptor, so only bytes that LiveKit's frame encryption leaves
 * in the clear are looked at: descriptors, VP8's first payload byte, NAL unit headers and the byte
 * after.
 */
#ifndef MEDIA_NODE_CORE_RTP_PAYLOAD_H
#define MEDIA_NODE_CORE_RTP_PAYLOAD_H

#include "common/base/base.h"

enum rtp_codec {
    RTP_CODEC_NONE,
    RTP_CODEC_OPUS,
    RTP_CODEC_RED, /* RFC 2198 over Opus */
    RTP_CODEC_VP8,
    RTP_CODEC_H264,
    RTP_CODEC_VP9,
    RTP_CODEC_AV1,
    RTP_CODEC_H265,
    RTP_CODEC_PCMU,
    RTP_CODEC_PCMA
};

/* One packet, as its payload tells. */
struct rtp_frame_info {
    bool key; /* begins or belongs to what a decoder can start with: forwarding may start at the
                 first packet of a frame with key and frame_start */
    bool frame_start; /* VP8, VP9: exact. AV1: exact on key frames. H264, H265, AV1 otherwise: may
                         begin a frame; of those that say so, the first with a new timestamp does */
    bool frame_end;   /* VP9: of the layer's frame; others: the marker */
    bool layer_sync;  /* from here on, one may switch up to this packet's temporal layer */
    bool discardable; /* no later frame refers to this one */
    uint8_t temporal; /* 0 lowest */
    uint8_t spatial;  /* 0 lowest; of SVC inside one stream */
    bool has_picture_id;
    bool has_tl0;
    uint16_t picture_id; /* 7 or 15 bits, VP8 and VP9 */
    uint8_t tl0;         /* TL0PICIDX, VP8 and VP9 */
};

/* ERR_TRUNCATED or ERR_INVALID if the payload cannot be of that codec. An empty payload (a probe)
 * is ERR_TRUNCATED too: the caller sorts those out first. Each audio packet is a key frame of its
 * own. */
MUST_CHECK int rtp_frame_info(enum rtp_codec codec, struct bytes payload, bool marker,
                              struct rtp_frame_info *out);

/* ---- VP8 (RFC 7741 §4.2) -------------------------------------------------------------------- */

#define RTP_VP8_DESCRIPTOR_MAX 6

struct rtp_vp8 {
    uint8_t len;           /* of the descriptor, 1..RTP_VP8_DESCRIPTOR_MAX */
    uint8_t picture_id_at; /* 0: absent */
    uint8_t tl0_at;        /* 0: absent */
    bool picture_id_long;  /* 15 bits */
    bool start;            /* S bit of partition 0: first packet of the frame */
    bool key;              /* first packet of a key frame */
    bool discardable;      /* N bit */
    bool layer_sync;       /* Y bit */
    uint8_t temporal;
    uint8_t tl0;
    uint16_t picture_id;
};
/* ERR_TRUNCATED: not even the descriptor is whole. If it is all there is (len), key is false. */
MUST_CHECK int rtp_vp8_parse(struct rtp_vp8 *out, struct bytes payload);

/* Changes the fields that are there, in the form they have: 15 bits of picture_id, or its low 7.
 * descriptor points to (a copy of) the first vp8->len bytes of the payload. */
void rtp_vp8_rewrite(uint8_t *descriptor, const struct rtp_vp8 *vp8, uint16_t picture_id,
                     uint8_t tl0);

/* ---- RED (RFC 2198) ------------------------------------------------------------------------- */

#define RTP_RED_MAX 8 /* blocks, the primary one included */

struct rtp_red_block {
    struct bytes data;
    uint16_t ts_offset; /* samples before the packet's timestamp; 0 in the primary block */
    uint8_t pt;
};
/* Blocks in packet order, redundant ones first; the last is the primary one. Returns how many, at
 * least 1, or ERR_TRUNCATED, or ERR_FULL for more than RTP_RED_MAX. */
MUST_CHECK int rtp_red_split(struct bytes payload, struct rtp_red_block out[RTP_RED_MAX]);

#endif
