/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/media-node/stream/kit.h"

#include <stdlib.h>

void kit_raw(struct kit_packet *out, const struct kit_spec *spec, const void *payload, size_t len)
{
    uint8_t *data = out->data;
    size_t at = RTP_HEADER_LEN;
    data[0] = 0x80;
    data[1] = (uint8_t)((spec->marker ? 0x80 : 0) | spec->pt);
    be16_put(data + 2, spec->seq);
    be32_put(data + 4, spec->ts);
    be32_put(data + 8, spec->ssrc != 0 ? spec->ssrc : SSRC_SOURCE);
    if (spec->has_level) {
        data[0] |= 0x10;
        be16_put(data + at, 0xbede);
        be16_put(data + at + 2, 1);
        data[at + 4] = LEVEL_EXT_ID << 4;
        data[at + 5] = spec->level;
        be16_put(data + at + 6, 0);
        at += 8;
    }
    if (len > 0) {
        memcpy(data + at, payload, len);
    }
    at += len;
    if (spec->padding > 0) {
        data[0] |= 0x20;
        memset(data + at, 0, spec->padding);
        at += spec->padding;
        data[at - 1] = spec->padding;
    }
    out->len = at;
    assert_int_equal(rtp_parse(&out->view, out->data, out->len), 0);
}

static void tagged(struct kit_packet *out, struct kit_spec spec, uint8_t *payload, size_t len)
{
    memset(payload + len, 0x55, spec.extra);
    be32_put(payload + len + spec.extra, spec.tag);
    kit_raw(out, &spec, payload, len + spec.extra + KIT_TAG_LEN);
}

void kit_vp8(struct kit_packet *out, const struct kit_spec *spec)
{
    uint8_t payload[RTP_PACKET_MAX];
    size_t len = 0;
    struct kit_spec copy = *spec;
    copy.pt = spec->pt != 0 ? spec->pt : PT_VP8;
    payload[len++] = (uint8_t)((spec->no_ids ? 0 : 0x80) | (spec->start ? 0x10 : 0));
    if (!spec->no_ids) {
        payload[len++] = 0xf0; /* I, L, T, K */
        if (!spec->short_id) {
            payload[len++] = (uint8_t)(0x80 | spec->picture_id >> 8);
        }
        payload[len++] = (uint8_t)(spec->picture_id & (spec->short_id ? 0x7f : 0xff));
        payload[len++] = spec->tl0;
        payload[len++] =
            (uint8_t)(spec->temporal << 6 | (spec->sync ? 0x20 : 0) | (spec->key_index & 0x1f));
    }
    payload[len++] = spec->key ? 0x00 : 0x01;
    tagged(out, copy, payload, len);
}

void kit_opus(struct kit_packet *out, const struct kit_spec *spec)
{
    uint8_t payload[RTP_PACKET_MAX];
    struct kit_spec copy = *spec;
    copy.pt = spec->pt != 0 ? spec->pt : PT_OPUS;
    payload[0] = 0xfc;
    tagged(out, copy, payload, 1);
}

void kit_rtx(struct kit_packet *out, const struct kit_packet *packet, uint16_t rtx_seq)
{
    size_t header_len = (size_t)(packet->view.payload.data - packet->data);
    memcpy(out->data, packet->data, header_len);
    be16_put(out->data + header_len, packet->view.seq);
    memcpy(out->data + header_len + 2, packet->view.payload.data, packet->view.payload.len);
    out->len = header_len + 2 + packet->view.payload.len;
    out->data[0] &= 0xdf;
    rtp_set_seq(out->data, rtx_seq);
    rtp_set_ssrc(out->data, packet->view.ssrc - SSRC_SOURCE + SSRC_REPAIR);
    rtp_set_pt(out->data, (uint8_t)(packet->view.pt + 1));
    assert_int_equal(rtp_parse(&out->view, out->data, out->len), 0);
}

uint32_t kit_tag(const uint8_t *payload, size_t len)
{
    assert_true(len >= KIT_TAG_LEN);
    return be32_get(payload + len - KIT_TAG_LEN);
}

static const struct stream_payload video_in[] = {
    {.codec = RTP_CODEC_VP8,
     .number = PT_VP8,
     .rtx = PT_VP8_RTX,
     .nack = true,
     .pli = true,
     .clock_hz = 90000},
    {.codec = RTP_CODEC_H264,
     .number = PT_H264,
     .rtx = PT_H264_RTX,
     .nack = true,
     .pli = true,
     .clock_hz = 90000},
};
static const struct stream_payload audio_in[] = {
    {.codec = RTP_CODEC_OPUS, .number = PT_OPUS, .nack = true, .clock_hz = 48000},
    {.codec = RTP_CODEC_RED, .number = PT_RED, .clock_hz = 48000},
};
static const struct stream_payload video_out[] = {
    {.codec = RTP_CODEC_VP8, .number = OUT_VP8, .rtx = OUT_VP8_RTX, .clock_hz = 90000},
    {.codec = RTP_CODEC_H264, .number = OUT_H264, .clock_hz = 90000},
};
static const struct stream_payload audio_out[] = {
    {.codec = RTP_CODEC_OPUS, .number = OUT_OPUS, .clock_hz = 48000},
    {.codec = RTP_CODEC_RED, .number = OUT_RED, .clock_hz = 48000},
};

struct stream_receiver *kit_receiver(enum stream_kind kind, uint8_t layer)
{
    struct stream_receiver_config config = {
        .kind = kind,
        .layer = layer,
        .ssrc = SSRC_SOURCE + layer,
        .payloads = kind == STREAM_VIDEO ? video_in : audio_in,
        .payload_count = 2,
        .audio_level_id = kind == STREAM_AUDIO ? LEVEL_EXT_ID : 0,
    };
    return stream_receiver_new(&config, 0);
}

struct stream_sender *kit_sender(enum stream_kind kind)
{
    struct stream_sender_config config = {
        .kind = kind,
        .ssrc = SSRC_OUT,
        .rtx_ssrc = SSRC_OUT_RTX,
        .payloads = kind == STREAM_VIDEO ? video_out : audio_out,
        .payload_count = 2,
        .seq_next = SEQ_OUT,
        .timestamp_first = TS_OUT,
    };
    return stream_sender_new(&config, 0);
}

struct stream_state kit_state(const struct stream_sender *sender)
{
    struct stream_state state;
    stream_sender_export(sender, &state);
    return state;
}

const struct stream_packet *kit_feed(struct stream_receiver *receiver, int64_t now_us,
                                     const struct kit_packet *packet)
{
    const struct stream_packet *out = NULL;
    assert_int_equal(stream_receiver_media(receiver, now_us, &packet->view, &out), 0);
    return out;
}

uint64_t kit_behind(struct prng *prng, uint64_t head, uint64_t low, uint64_t max)
{
    uint64_t behind = prng_below(prng, max);
    return behind > head - low ? low : head - behind;
}

struct kit_seen kit_see(const struct stream_out *out)
{
    struct kit_seen seen = {.len = out->prefix_len + out->payload_len};
    memcpy(seen.payload, out->prefix, out->prefix_len);
    if (out->payload_len > 0) {
        memcpy(seen.payload + out->prefix_len, out->payload, out->payload_len);
    }
    if (out->padding) {
        return seen;
    }
    seen.tag = kit_tag(seen.payload, seen.len);
    size_t skip = out->rtx ? 2 : 0;
    struct bytes payload = {seen.payload + skip, seen.len - skip};
    if (out->payload_type == OUT_VP8 || out->payload_type == OUT_VP8_RTX) {
        assert_int_equal(rtp_vp8_parse(&seen.vp8, payload), 0);
        seen.key_index = payload.data[seen.vp8.len - 1] & 0x1f;
    }
    return seen;
}
