/* SPDX-License-Identifier: Apache-2.0
 *
 * Protection of what leaves: RFC 7714 for the GCM suites, RFC 3711 for AES-CM with HMAC-SHA1. Both
 * through OpenSSL, so that all suites share one discipline of indices and one way of copying.
 */
#include "media-node/core/srtp/private.h"

static bool encrypt(EVP_CIPHER_CTX *cipher, struct bytes in, uint8_t *out)
{
    int n;
    return in.len == 0 || EVP_EncryptUpdate(cipher, out, &n, in.data, (int)in.len) == 1;
}

static bool authenticate(EVP_CIPHER_CTX *cipher, struct bytes aad)
{
    int n;
    return EVP_EncryptUpdate(cipher, NULL, &n, aad.data, (int)aad.len) == 1;
}

static bool gcm_finish(EVP_CIPHER_CTX *cipher, uint8_t *tag)
{
    int n;
    return EVP_EncryptFinal_ex(cipher, tag, &n) == 1 &&
           EVP_CIPHER_CTX_ctrl(cipher, EVP_CTRL_AEAD_GET_TAG, GCM_TAG_LEN, tag) == 1;
}

/* ---- RTP ----------------------------------------------------------------------------------- */

static int gcm_rtp(struct transform *s, uint64_t index, const struct rtpsec_packet *packet,
                   uint8_t *out)
{
    uint8_t iv[GCM_IV_LEN];
    uint8_t *text = out + packet->header_len;
    uint8_t *tag = text + packet->prefix.len + packet->body.len;
    rtpsec_gcm_rtp_iv(iv, s->salt, be32_get(out + 8), index);
    bool ok = EVP_EncryptInit_ex(s->cipher, NULL, NULL, NULL, iv) == 1 &&
              authenticate(s->cipher, (struct bytes){out, packet->header_len}) &&
              encrypt(s->cipher, packet->prefix, text) &&
              encrypt(s->cipher, packet->body, text + packet->prefix.len) &&
              gcm_finish(s->cipher, tag);
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
    uint8_t word[INDEX_WORD_LEN];
    uint8_t *text = packet + RTCP_FIXED_LEN;
    uint8_t *tag = packet + *len;
    rtpsec_gcm_rtcp_iv(iv, s->salt, be32_get(packet + 4), index);
    be32_put(word, INDEX_E | index);
    bool ok = EVP_EncryptInit_ex(s->cipher, NULL, NULL, NULL, iv) == 1 &&
              authenticate(s->cipher, (struct bytes){packet, RTCP_FIXED_LEN}) &&
              authenticate(s->cipher, (struct bytes){word, sizeof(word)}) &&
              encrypt(s->cipher, (struct bytes){text, (size_t)(tag - text)}, text) &&
              gcm_finish(s->cipher, tag);
    if (!ok) {
        return ERR_CRYPTO;
    }
    memcpy(tag + GCM_TAG_LEN, word, sizeof(word));
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
