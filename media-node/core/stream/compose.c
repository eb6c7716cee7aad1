/* SPDX-License-Identifier: Apache-2.0
 *
 * Payloads stay where they are; the few first bytes that differ for a subscriber go into the
 * prefix. The same slot and source packet give the same bytes each time.
 */
#include "media-node/core/stream/sender_parts.h"

#define VP8_X       0x80 /* first byte: an extension byte follows (RFC 7741 §4.2) */
#define VP8_K       0x10 /* extension byte: KEYIDX is there, in the descriptor's last byte */
#define KEY_INDEX   0x1fu
#define RED_FOLLOWS 0x80 /* a block header of 4 bytes, and further ones (RFC 2198 §3) */

uint8_t stream_vp8_key_at(const struct stream_packet *packet)
{
    const uint8_t *descriptor = packet->rtp.payload.data;
    if (packet->vp8.len < 3 || (descriptor[0] & VP8_X) == 0 || (descriptor[1] & VP8_K) == 0) {
        return 0;
    }
    return (uint8_t)(packet->vp8.len - 1);
}

static void replace(struct stream_out *out, const struct stream_packet *packet, size_t len)
{
    assert(len <= sizeof(out->prefix) && len <= packet->rtp.payload.len);
    memcpy(out->prefix, packet->rtp.payload.data, len);
    out->prefix_len = (uint8_t)len;
    out->payload += len;
    out->payload_len -= len;
}

static void compose_vp8(const struct stream_slot *slot, const struct stream_packet *packet,
                        struct stream_out *out)
{
    if (slot->picture_shift == 0 && slot->tl0_shift == 0 && slot->key_shift == 0) {
        return;
    }
    const struct rtp_vp8 *vp8 = &packet->vp8;
    uint8_t key_at = stream_vp8_key_at(packet);
    replace(out, packet, vp8->len);
    rtp_vp8_rewrite(out->prefix, vp8, (vp8->picture_id - slot->picture_shift) & 0x7fff,
                    (uint8_t)(vp8->tl0 - slot->tl0_shift));
    if (key_at != 0) {
        uint8_t old = out->prefix[key_at];
        out->prefix[key_at] =
            (uint8_t)((old & ~KEY_INDEX) | ((unsigned)(old - slot->key_shift) & KEY_INDEX));
    }
}

/* RED within RED's own numbers: the blocks' payload types are the publisher's for Opus. */
static void compose_red(const struct stream_sender *sender, const struct stream_packet *packet,
                        struct stream_out *out)
{
    uint8_t opus = sender->codecs[RTP_CODEC_OPUS].number;
    const uint8_t *payload = packet->rtp.payload.data;
    size_t last = 0; /* of the primary block's header */
    bool same = (payload[0] & 0x7f) == opus;
    while ((payload[last] & RED_FOLLOWS) != 0) {
        last += 4;
        same = same && (payload[last] & 0x7f) == opus;
    }
    if (same) {
        return;
    }
    replace(out, packet, last + 1);
    for (size_t at = 0; at <= last; at += 4) {
        out->prefix[at] = (uint8_t)((out->prefix[at] & RED_FOLLOWS) | opus);
    }
}

void stream_compose(const struct stream_sender *sender, uint64_t index,
                    const struct stream_slot *slot, const struct stream_packet *packet,
                    struct stream_out *out)
{
    const struct rtp_view *rtp = &packet->rtp;
    out->index = index;
    out->ssrc = sender->ssrc;
    out->timestamp = rtp->ts + slot->ts_offset;
    out->payload_type = sender->codecs[packet->codec].number;
    out->marker = rtp->marker || slot->marker;
    out->padding = false;
    out->rtx = false;
    out->repeat = false;
    out->prefix_len = 0;
    out->payload = rtp->payload.data;
    out->payload_len = rtp->payload.len;
    out->active = slot->told ? stream_layers_active(sender, packet) : 0;
    out->source = packet;
    if (slot->state == SLOT_FILLER) {
        out->payload_type = sender->codecs[sender->sent.codec].number;
        out->marker = false;
        out->padding = true;
        out->prefix[0] = 1; /* RFC 3550 §5.1: the last byte of padding counts all of it */
        out->prefix_len = 1;
        out->payload_len = 0;
    } else if (packet->codec == RTP_CODEC_VP8) {
        compose_vp8(slot, packet, out);
    } else if (packet->codec == RTP_CODEC_RED) {
        if (sender->codecs[RTP_CODEC_RED].plan == PLAN_UNPACK) {
            out->payload = packet->primary.data;
            out->payload_len = packet->primary.len;
        } else {
            compose_red(sender, packet, out);
        }
    }
}
