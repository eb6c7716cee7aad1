/* SPDX-License-Identifier: Apache-2.0
 *
 * The VP8 payload descriptor (RFC 7741 §4.2):
 *
 *   |X|R|N|S|R| PID |   required
 *   |I|L|T|K|  RSV  |   if X
 *   |M| PictureID   |   if I; 15 bits in two bytes if M
 *   |   TL0PICIDX   |   if L
 *   |TID|Y| KEYIDX  |   if T or K
 */
#include "media-node/core/rtp/payload.h"

int rtp_vp8_parse(struct rtp_vp8 *out, struct bytes payload)
{
    /* A copy with zeros behind: one check at the end replaces one per field. */
    uint8_t d[RTP_VP8_DESCRIPTOR_MAX] = {0};
    if (payload.len == 0) {
        return ERR_TRUNCATED;
    }
    memcpy(d, payload.data, MIN(payload.len, sizeof(d)));

    struct rtp_vp8 vp8 = {.len = 1, .discardable = d[0] >> 5 & 1};
    uint8_t flags = 0;
    if ((d[0] & 0x80) != 0) {
        flags = d[vp8.len++];
    }
    if ((flags & 0x80) != 0) {
        vp8.picture_id_at = vp8.len;
        vp8.picture_id_long = d[vp8.len] >> 7;
        vp8.picture_id = vp8.picture_id_long ? be16_get(d + vp8.len) & 0x7fff : d[vp8.len];
        vp8.len = (uint8_t)(vp8.len + 1 + vp8.picture_id_long);
    }
    if ((flags & 0x40) != 0) {
        vp8.tl0_at = vp8.len;
        vp8.tl0 = d[vp8.len++];
    }
    if ((flags & 0x30) != 0) {
        if ((flags & 0x20) != 0) {
            vp8.temporal = d[vp8.len] >> 6;
            vp8.layer_sync = d[vp8.len] >> 5 & 1;
        }
        vp8.len++;
    }
    if (vp8.len > payload.len) {
        return ERR_TRUNCATED;
    }
    bool more = vp8.len < payload.len;
    vp8.start = (d[0] & 0x17) == 0x10;                               /* S set, partition 0 */
    vp8.key = vp8.start && more && (payload.data[vp8.len] & 1) == 0; /* P bit of the frame tag */
    *out = vp8;
    return 0;
}

void rtp_vp8_rewrite(uint8_t *descriptor, const struct rtp_vp8 *vp8, uint16_t picture_id,
                     uint8_t tl0)
{
    if (vp8->picture_id_at != 0 && vp8->picture_id_long) {
        be16_put(descriptor + vp8->picture_id_at, (uint16_t)(picture_id | 0x8000));
    } else if (vp8->picture_id_at != 0) {
        descriptor[vp8->picture_id_at] = picture_id & 0x7f;
    }
    if (vp8->tl0_at != 0) {
        descriptor[vp8->tl0_at] = tl0;
    }
}
