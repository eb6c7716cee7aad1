/* SPDX-License-Identifier: Apache-2.0
 *
 * Any bytes as the payload of any codec, which the first byte chooses. Rewriting a VP8 descriptor
 * and rewriting it back changes nothing; the blocks of RED lie inside the payload.
 */
#include "media-node/core/rtp/payload.h"

static void check_vp8(struct bytes payload)
{
    struct rtp_vp8 vp8;
    struct rtp_vp8 again;
    uint8_t copy[RTP_VP8_DESCRIPTOR_MAX + 1] = {0};
    if (rtp_vp8_parse(&vp8, payload) != 0) {
        return;
    }
    assert(vp8.len <= payload.len && vp8.len <= RTP_VP8_DESCRIPTOR_MAX);
    memcpy(copy, payload.data, vp8.len);
    rtp_vp8_rewrite(copy, &vp8, 0x1234, 0x56);
    int err = rtp_vp8_parse(&again, (struct bytes){copy, vp8.len + 1u});
    assert(err == 0 && again.len == vp8.len && again.temporal == vp8.temporal);
    rtp_vp8_rewrite(copy, &again, vp8.picture_id, vp8.tl0);
    assert(memcmp(copy, payload.data, vp8.len) == 0);
}

static void check_red(struct bytes payload)
{
    struct rtp_red_block blocks[RTP_RED_MAX];
    int count = rtp_red_split(payload, blocks);
    assert(count != 0 && count <= RTP_RED_MAX);
    for (int i = 0; i < count; i++) {
        assert(blocks[i].data.data >= payload.data);
        assert(blocks[i].data.data + blocks[i].data.len <= payload.data + payload.len);
    }
    assert(count < 0 ||
           blocks[count - 1].data.data + blocks[count - 1].data.len == payload.data + payload.len);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    if (len == 0) {
        return 0;
    }
    enum rtp_codec codec = (enum rtp_codec)(RTP_CODEC_OPUS + data[0] % RTP_CODEC_PCMA);
    struct bytes payload = {data + 1, len - 1};
    struct rtp_frame_info info;
    int err = rtp_frame_info(codec, payload, data[0] >> 7, &info);
    assert(err != 0 || payload.len > 0);
    check_vp8(payload);
    check_red(payload);
    return 0;
}
