/* SPDX-License-Identifier: Apache-2.0 */
#include "media-node/core/rtp/payload.h"

static int vp8_info(struct bytes payload, struct rtp_frame_info *info)
{
    struct rtp_vp8 vp8;
    int err = rtp_vp8_parse(&vp8, payload);
    if (err != 0) {
        return err;
    }
    if (vp8.len == payload.len) {
        return ERR_TRUNCATED; /* no byte of VP8 behind it */
    }
    info->key = vp8.key;
    info->frame_start = vp8.start;
    info->layer_sync = vp8.key || vp8.layer_sync;
    info->discardable = vp8.discardable;
    info->temporal = vp8.temporal;
    info->has_picture_id = vp8.picture_id_at != 0;
    info->picture_id = vp8.picture_id;
    info->has_tl0 = vp8.tl0_at != 0;
    info->tl0 = vp8.tl0;
    return 0;
}

/* ---- VP9 (RFC 9628 §4.2) --------------------------------------------------------------------
 *
 *   |I|P|L|F|B|E|V|Z|   required
 *   |M| PictureID   |   if I; 15 bits in two bytes if M
 *   | TID |U| SID |D|   if L
 *   |   TL0PICIDX   |   if L and not F
 *
 * What follows (reference differences, scalability structure) is not needed here. */

static int vp9_info(struct bytes payload, struct rtp_frame_info *info)
{
    uint8_t d[5] = {0}; /* with zeros behind, as in vp8.c */
    size_t len = 1;
    memcpy(d, payload.data, MIN(payload.len, sizeof(d)));
    if ((d[0] & 0x80) != 0) {
        bool wide = d[len] >> 7;
        info->has_picture_id = true;
        info->picture_id = wide ? be16_get(d + len) & 0x7fff : d[len];
        len += wide ? 2 : 1;
    }
    bool switching_up = false;
    if ((d[0] & 0x20) != 0) {
        info->temporal = d[len] >> 5;
        info->spatial = d[len] >> 1 & 7;
        switching_up = d[len] >> 4 & 1;
        len++;
        if ((d[0] & 0x10) == 0) {
            info->has_tl0 = true;
            info->tl0 = d[len++];
        }
    }
    if (len >= payload.len) {
        return ERR_TRUNCATED;
    }
    bool inter_picture = d[0] >> 6 & 1;
    info->key = !inter_picture && info->spatial == 0;
    info->frame_start = d[0] >> 3 & 1;
    info->frame_end = d[0] >> 2 & 1;
    info->layer_sync = info->key || switching_up;
    return 0;
}

/* AV1's aggregation header |Z|Y|W W|N|...|: N marks the first packet of a coded video sequence, Z
 * one that begins with the continuation of an OBU (AV1 RTP payload specification §4.4). */
static int av1_info(struct bytes payload, struct rtp_frame_info *info)
{
    if (payload.len < 2) {
        return ERR_TRUNCATED;
    }
    bool continuation = payload.data[0] >> 7;
    info->key = payload.data[0] >> 3 & 1;
    info->frame_start = !continuation;
    info->layer_sync = info->key;
    return info->key && continuation ? ERR_INVALID : 0;
}

/* ---- H.264 (RFC 6184) ---------------------------------------------------------------------- */

enum h264_nal { H264_SLICE = 1, H264_IDR = 5, H264_SEI = 6, H264_SPS = 7, H264_AUD = 9 };
enum h264_packet { H264_SINGLE_MAX = 23, H264_STAP_A = 24, H264_FU_A = 28 };

/* One NAL unit, or the first fragment of one: its type and the byte behind its header, which for a
 * slice begins with first_mb_in_slice: a one bit is 0, the first slice of a picture. */
static void h264_nal(unsigned type, bool has_next, uint8_t next, struct rtp_frame_info *info)
{
    if (type == H264_IDR || type == H264_SPS) {
        info->key = true;
    }
    bool slice = type >= H264_SLICE && type <= H264_IDR;
    if (slice ? has_next && next >> 7 : type >= H264_SEI && type <= H264_AUD) {
        info->frame_start = true;
    }
}

static int h264_aggregate(struct bytes rest, struct rtp_frame_info *info)
{
    while (rest.len > 0) {
        size_t len = rest.len < 2 ? 0 : be16_get(rest.data);
        if (len == 0 || len > rest.len - 2) {
            return ERR_TRUNCATED;
        }
        h264_nal(rest.data[2] & 0x1f, len > 1, len > 1 ? rest.data[3] : 0, info);
        rest.data += 2 + len;
        rest.len -= 2 + len;
    }
    return 0;
}

static int h264_info(struct bytes payload, struct rtp_frame_info *info)
{
    const uint8_t *data = payload.data;
    unsigned type = data[0] & 0x1f;
    int err = 0;
    if (type >= H264_SLICE && type <= H264_SINGLE_MAX) {
        h264_nal(type, payload.len > 1, payload.len > 1 ? data[1] : 0, info);
    } else if (type == H264_STAP_A) {
        err = payload.len < 2 ? ERR_TRUNCATED
                              : h264_aggregate((struct bytes){data + 1, payload.len - 1}, info);
    } else if (type == H264_FU_A) {
        if (payload.len < 3) {
            return ERR_TRUNCATED;
        }
        bool start = data[1] >> 7;
        h264_nal(data[1] & 0x1f, start, data[2], info);
        info->frame_start = info->frame_start && start;
    } else {
        return ERR_INVALID; /* not of packetization mode 0 or 1 */
    }
    bool reference = (data[0] & 0x60) != 0;
    info->discardable = !reference && !info->key;
    info->layer_sync = info->key;
    return err;
}

/* ---- H.265 (RFC 7798) ---------------------------------------------------------------------- */

enum h265_nal {
    H265_TSA_N = 2,
    H265_STSA_R = 5,
    H265_IRAP_MIN = 16,
    H265_IRAP_MAX = 23,
    H265_SLICE_MAX = 31,
    H265_VPS = 32,
    H265_SPS = 33,
    H265_AUD = 35,
    H265_SEI_PREFIX = 39
};
enum h265_packet { H265_SINGLE_MAX = 47, H265_AGGREGATE = 48, H265_FRAGMENT = 49 };

#define H265_HEADER_LEN 2

/* As h264_nal: a slice begins with first_slice_segment_in_pic_flag. */
static void h265_nal(unsigned type, bool has_next, uint8_t next, struct rtp_frame_info *info)
{
    if ((type >= H265_IRAP_MIN && type <= H265_IRAP_MAX) || type == H265_VPS || type == H265_SPS) {
        info->key = true;
    }
    if (type >= H265_TSA_N && type <= H265_STSA_R) {
        info->layer_sync = true; /* temporal (or stepwise) sub-layer access */
    }
    bool before_slices = (type >= H265_VPS && type <= H265_AUD) || type == H265_SEI_PREFIX;
    if (type <= H265_SLICE_MAX ? has_next && next >> 7 : before_slices) {
        info->frame_start = true;
    }
}

static int h265_aggregate(struct bytes rest, struct rtp_frame_info *info)
{
    while (rest.len > 0) {
        size_t len = rest.len < 2 ? 0 : be16_get(rest.data);
        if (len < H265_HEADER_LEN || len > rest.len - 2) {
            return ERR_TRUNCATED;
        }
        bool has_next = len > H265_HEADER_LEN;
        h265_nal(rest.data[2] >> 1 & 0x3f, has_next, has_next ? rest.data[4] : 0, info);
        rest.data += 2 + len;
        rest.len -= 2 + len;
    }
    return 0;
}

static int h265_info(struct bytes payload, struct rtp_frame_info *info)
{
    const uint8_t *data = payload.data;
    if (payload.len <= H265_HEADER_LEN) {
        return ERR_TRUNCATED;
    }
    unsigned type = data[0] >> 1 & 0x3f;
    unsigned temporal_plus1 = data[1] & 7;
    if (temporal_plus1 == 0) {
        return ERR_INVALID;
    }
    int err = 0;
    if (type <= H265_SINGLE_MAX) {
        h265_nal(type, true, data[2], info);
    } else if (type == H265_AGGREGATE) {
        struct bytes rest = {data + H265_HEADER_LEN, payload.len - H265_HEADER_LEN};
        err = h265_aggregate(rest, info);
    } else if (type == H265_FRAGMENT) {
        if (payload.len < H265_HEADER_LEN + 2) {
            return ERR_TRUNCATED;
        }
        bool start = data[2] >> 7;
        h265_nal(data[2] & 0x3f, start, data[3], info);
        info->frame_start = info->frame_start && start;
    } else {
        return ERR_INVALID; /* PACI and extensions: not used in WebRTC */
    }
    info->temporal = (uint8_t)(temporal_plus1 - 1);
    info->layer_sync = info->layer_sync || info->key;
    return err;
}

/* ---- All ----------------------------------------------------------------------------------- */

static int codec_info(enum rtp_codec codec, struct bytes payload, struct rtp_frame_info *info)
{
    switch (codec) {
    case RTP_CODEC_VP8:
        return vp8_info(payload, info);
    case RTP_CODEC_VP9:
        return vp9_info(payload, info);
    case RTP_CODEC_AV1:
        return av1_info(payload, info);
    case RTP_CODEC_H264:
        return h264_info(payload, info);
    case RTP_CODEC_H265:
        return h265_info(payload, info);
    case RTP_CODEC_OPUS:
    case RTP_CODEC_RED:
    case RTP_CODEC_PCMU:
    case RTP_CODEC_PCMA:
        info->key = true;
        info->frame_start = true;
        info->frame_end = true;
        info->layer_sync = true;
        return 0;
    case RTP_CODEC_NONE:
        break;
    }
    unreachable();
}

int rtp_frame_info(enum rtp_codec codec, struct bytes payload, bool marker,
                   struct rtp_frame_info *out)
{
    if (payload.len == 0) {
        return ERR_TRUNCATED;
    }
    struct rtp_frame_info info = {.frame_end = marker};
    int err = codec_info(codec, payload, &info);
    if (err == 0) {
        *out = info;
    }
    return err;
}

/* ---- RED (RFC 2198 §3) ---------------------------------------------------------------------
 *
 *   |1| PT | timestamp offset (14) | length (10) |   for each redundant block
 *   |0| PT |                                         for the primary one, which takes the rest */

#define RED_HEADER_LEN 4

int rtp_red_split(struct bytes payload, struct rtp_red_block out[RTP_RED_MAX])
{
    struct rtp_red_block blocks[RTP_RED_MAX];
    size_t lens[RTP_RED_MAX];
    size_t count = 0;
    size_t at = 0;
    for (;;) {
        if (count == RTP_RED_MAX) {
            return ERR_FULL;
        }
        if (at == payload.len) {
            return ERR_TRUNCATED;
        }
        const uint8_t *head = payload.data + at;
        blocks[count] = (struct rtp_red_block){.pt = head[0] & 0x7f};
        if (head[0] >> 7 == 0) {
            break;
        }
        if (payload.len - at < RED_HEADER_LEN) {
            return ERR_TRUNCATED;
        }
        uint32_t fields = be24_get(head + 1);
        blocks[count].ts_offset = (uint16_t)(fields >> 10);
        lens[count++] = fields & 0x3ff;
        at += RED_HEADER_LEN;
    }
    at++;
    for (size_t i = 0; i < count; i++) {
        if (lens[i] > payload.len - at) {
            return ERR_TRUNCATED;
        }
        blocks[i].data = (struct bytes){payload.data + at, lens[i]};
        at += lens[i];
    }
    blocks[count].data = (struct bytes){payload.data + at, payload.len - at};
    memcpy(out, blocks, (count + 1) * sizeof(blocks[0]));
    return (int)count + 1;
}
