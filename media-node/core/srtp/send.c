/* SPDX-License-Identifier: Apache-2.0
 *
 * Protection of what leaves: RFC 7714 for the GCM suites, RFC 3711 for AES-CM with HMAC-SHA1. All
 * suites share one discipline of indices and one way of copying.
 */
#include "media-node/core/srtp/private.h"

static bool encrypt(EVP_CIPHER_CTX *cipher, struct bytes in, uint8_t *out)
{
    int n;
    return in.len == 0 || EVP_EncryptUpdate(cipher, out, &n, in.data, (int)in.len) == 1;
}

/* ---- RTP ----------------------------------------------------------------------------------- */

static int gcm_rtp(struct transform *s, uint64_t index, const struct rtpsec_packet *packet,
                   uint8_t *out)
{
    uint8_t iv[GCM_IV_LEN];
    uint8_t *text = out + packet->header_len;
    uint8_t *tag = text + packet->prefix.len + packet->body.len;
    rtpsec_gcm_rtp_iv(iv, s->salt, be32_get(out + 8), index);
    bool ok = gcm_library()->seal(s->gcm, iv, (struct bytes){out, packet->header_len},
                                  packet->prefix, packet->body, text);
    return ok ? (int)(tag + GCM_TAG_LEN - out) : ERR_CRYPTO;
}

static int cm_rtp(struct transform *s, uint64_t index, const struct rtpsec_packet *packet,
                  uint8_t *out)
{
    uint8_t iv[CM_IV_LEN];
    uint8_t roc[4];
    uint8_t *text = out + packet->header_len;
    uint8_t *tag = text + packet->prefix.len + packet->body.len;
    rtpsec_cm_iv(iv, s->salt, be32_get(out + 8), index);
    be32_put(roc, (uint32_t)(index >> 16));
    bool ok = EVP_EncryptInit_ex(s->cipher, NULL, NULL, NULL, iv) == 1 &&
              encrypt(s->cipher, packet->prefix, text) &&
              encrypt(s->cipher, packet->body, text + packet->prefix.len) &&
              rtpsec_cm_tag(s->mac, (struct bytes){out, (size_t)(tag - out)},
                            (struct bytes){roc, sizeof(roc)}, tag);
    return ok ? (int)(tag + CM_TAG_LEN - out) : ERR_CRYPTO;
}

int rtpsec_protect_rtp(struct rtpsec *sec, struct rtpsec_stream *stream,
                       const struct rtpsec_packet *packet, uint8_t *out)
{
    assert(packet->header_len >= RTP_FIXED_LEN);
    assert(be32_get(out + 8) == stream->ssrc);
    uint64_t index;
    int err = rtpsec_stream_take(stream, be16_get(out + 2), packet->again, &index);
    if (err != 0) {
        return err;
    }
    return is_gcm(sec->suite) ? gcm_rtp(&sec->send_rtp, index, packet, out)
                              : cm_rtp(&sec->send_rtp, index, packet, out);
}

int rtpsec_seal_rtp(struct rtpsec *sec, struct rtpsec_stream *stream, uint64_t index,
                    const struct rtpsec_packet *packet, uint8_t *out)
{
    assert(packet->header_len >= RTP_FIXED_LEN);
    assert(be32_get(out + 8) == stream->ssrc && be16_get(out + 2) == (uint16_t)index);
    int err = rtpsec_stream_take_at(stream, index, packet->again);
    if (err != 0) {
        return err;
    }
    return is_gcm(sec->suite) ? gcm_rtp(&sec->send_rtp, index, packet, out)
                              : cm_rtp(&sec->send_rtp, index, packet, out);
}

/* ---- RTCP ---------------------------------------------------------------------------------- */

/* RFC 7714 §9: header, ciphertext, tag, index word; the last is authenticated in front of the text.
 */
static int gcm_rtcp(struct transform *s, uint32_t index, uint8_t *packet, size_t *len)
{
    uint8_t iv[GCM_IV_LEN];
    uint8_t aad[RTCP_FIXED_LEN + INDEX_WORD_LEN];
    uint8_t *text = packet + RTCP_FIXED_LEN;
    uint8_t *tag = packet + *len;
    rtpsec_gcm_rtcp_iv(iv, s->salt, be32_get(packet + 4), index);
    memcpy(aad, packet, RTCP_FIXED_LEN);
    be32_put(aad + RTCP_FIXED_LEN, INDEX_E | index);
    if (!gcm_library()->seal(s->gcm, iv, (struct bytes){aad, sizeof(aad)}, (struct bytes){0},
                             (struct bytes){text, (size_t)(tag - text)}, text)) {
        return ERR_CRYPTO;
    }
    be32_put(tag + GCM_TAG_LEN, INDEX_E | index);
    *len += GCM_TAG_LEN + INDEX_WORD_LEN;
    return 0;
}

/* RFC 3711 §3.4: header, ciphertext, index word, tag over all before it. */
static int cm_rtcp(struct transform *s, uint32_t index, uint8_t *packet, size_t *len)
{
    uint8_t iv[CM_IV_LEN];
    uint8_t *text = packet + RTCP_FIXED_LEN;
    uint8_t *word = packet + *len;
    uint8_t *tag = word + INDEX_WORD_LEN;
    rtpsec_cm_iv(iv, s->salt, be32_get(packet + 4), index);
    bool ok = EVP_EncryptInit_ex(s->cipher, NULL, NULL, NULL, iv) == 1 &&
              encrypt(s->cipher, (struct bytes){text, (size_t)(word - text)}, text);
    if (!ok) {
        return ERR_CRYPTO;
    }
    be32_put(word, INDEX_E | index);
    if (!rtpsec_cm_tag(s->mac, (struct bytes){packet, *len}, (struct bytes){word, INDEX_WORD_LEN},
                       tag)) {
        return ERR_CRYPTO;
    }
    *len += INDEX_WORD_LEN + CM_TAG_LEN;
    return 0;
}

int rtpsec_protect_rtcp(struct rtpsec *sec, uint8_t *packet, size_t *len)
{
    if (*len < RTCP_FIXED_LEN) {
        return ERR_INVALID;
    }
    if ((sec->rtcp_index & INDEX_E) != 0) {
        return ERR_STATE;
    }
    uint32_t index = sec->rtcp_index++;
    return is_gcm(sec->suite) ? gcm_rtcp(&sec->send_rtcp, index, packet, len)
                              : cm_rtcp(&sec->send_rtcp, index, packet, len);
}
