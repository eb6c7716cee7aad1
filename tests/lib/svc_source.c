/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/lib/svc_source.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

void svc_source_begin(struct svc_source *svc)
{
    svc->picture = svc->source->key_wanted ? 0 : svc->picture;
    svc->source->key_wanted = false;
}

/* The payload's descriptor (RFC 9628 §4.2) is P, L, B, E; TID, SID; TL0PICIDX. */
size_t svc_source_send(struct media_client *client, struct svc_source *svc, unsigned spatial,
                       size_t payload_len, bool first, bool last, uint8_t *out)
{
    struct media_source *source = svc->source;
    unsigned temporal = descriptor_temporal(&svc->mode, svc->picture);
    uint8_t descriptor[DESCRIPTOR_MAX];
    uint8_t payload[MEDIA_CLIENT_PACKET] = {
        (uint8_t)((svc->picture > 0 ? 0x40 : 0) | 0x20 | (first ? 0x08 : 0) | (last ? 0x04 : 0)),
        (uint8_t)(temporal << 5 | spatial << 1)};
    const struct descriptor_frame frame = {.number = (uint16_t)(svc->frame + spatial),
                                           .spatial = spatial,
                                           .picture = svc->picture,
                                           .start = first,
                                           .end = last};
    struct rtp_header header = {.ts = source->ts,
                                .ssrc = source->ssrc,
                                .seq = source->seq++,
                                .pt = MEDIA_VP8,
                                .marker = last && spatial == svc->mode.spatial - 1};
    struct rtp_header_out where;
    payload[payload_len - 1] = (uint8_t)spatial;
    header.exts.value[RTP_EXT_MID] =
        (struct bytes){(const uint8_t *)source->mid, strlen(source->mid)};
    header.exts.value[RTP_EXT_DEPENDENCY_DESCRIPTOR] =
        (struct bytes){descriptor, descriptor_write(descriptor, &svc->mode, &frame)};
    assert_int_equal(rtp_header_write(out, &header, &media_client_exts, &where), 0);
    be16_put(out + where.transport_cc_at, client->cc_seq++);
    const struct rtpsec_packet packet = {.header_len = where.len, .body = {payload, payload_len}};
    int len = rtpsec_protect_rtp(client->sec, &source->stream, &packet, out);
    assert_true(len > 0);
    return (size_t)len;
}

void svc_source_end(struct svc_source *svc)
{
    svc->frame = (uint16_t)(svc->frame + svc->mode.spatial);
    svc->picture++;
    svc->source->ts += 3000;
}
