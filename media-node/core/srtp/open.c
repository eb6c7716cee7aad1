/* SPDX-License-Identifier: Apache-2.0
 *
 * What arrives is authenticated and decrypted in place, under an index that is known: RFC 7714 for
 * the GCM suites, RFC 3711 for AES-CM with HMAC-SHA1. Whether the index may come is the caller's
 * affair.
 */
#include "media-node/core/srtp/private.h"

/* The transform of one direction is made with its first packet: most transports receive little. */
static int begin(struct rtpsec *sec, struct transform *t, enum key_use use)
{
    if (t->begun) {
        return 0;
    }
    int err = rtpsec_transform_init(t, sec->suite, sec->master, use, GCM_OPEN);
    if (err != 0) {
        rtpsec_transform_fini(t);
    }
    return err;
}

static bool cm_open(struct transform *t, const uint8_t iv[CM_IV_LEN], struct bytes authenticated,
                    struct bytes suffix, const uint8_t *tag, uint8_t *text, size_t text_len)
{
    uint8_t own[CM_TAG_LEN];
    int n;
    return rtpsec_cm_tag(t->mac, authenticated, suffix, own) &&
           CRYPTO_memcmp(own, tag, CM_TAG_LEN) == 0 &&
           EVP_DecryptInit_ex(t->cipher, NULL, NULL, NULL, iv) == 1 &&
           (text_len == 0 || EVP_DecryptUpdate(t->cipher, text, &n, text, (int)text_len) == 1);
}

/* ---- RTP ------------------------------------------------------------------------------------ */

int rtpsec_rtp_open_at(struct rtpsec *sec, uint64_t index, uint8_t *packet, size_t header_len,
                       size_t *len)
{
    struct transform *t = &sec->receive_rtp;
    size_t tag_len = is_gcm(sec->suite) ? GCM_TAG_LEN : CM_TAG_LEN;
    if (*len < header_len + tag_len || *len > RTPSEC_PACKET_MAX) {
        return ERR_INVALID;
    }
    int err = begin(sec, t, USE_RTP);
    if (err != 0) {
        return err;
    }
    uint32_t ssrc = be32_get(packet + 8);
    uint8_t *text = packet + header_len;
    size_t text_len = *len - header_len - tag_len;
    bool opened;
    if (is_gcm(sec->suite)) {
        uint8_t iv[GCM_IV_LEN];
        rtpsec_gcm_rtp_iv(iv, t->salt, ssrc, index);
        opened =
            gcm_library()->open(t->gcm, iv, (struct bytes){packet, header_len}, text, text_len);
    } else {
        uint8_t iv[CM_IV_LEN];
        uint8_t roc[4];
        be32_put(roc, (uint32_t)(index >> 16));
        rtpsec_cm_iv(iv, t->salt, ssrc, index);
        opened = cm_open(t, iv, (struct bytes){packet, header_len + text_len},
                         (struct bytes){roc, sizeof(roc)}, text + text_len, text, text_len);
    }
    *len -= tag_len;
    return opened ? 0 : ERR_AUTH;
}

int rtpsec_open_rtp(struct rtpsec *sec, struct rtpsec_window *window, uint64_t index,
                    uint8_t *packet, size_t header_len, size_t *len)
{
    assert(header_len >= RTP_FIXED_LEN);
    if (!is_gcm(sec->suite)) {
        return ERR_UNSUPPORTED;
    }
    int err = rtpsec_window_check(window, index);
    if (err == 0) {
        err = rtpsec_rtp_open_at(sec, index, packet, header_len, len);
    }
    if (err == 0) {
        rtpsec_window_mark(window, index);
    }
    return err;
}

/* ---- RTCP ----------------------------------------------------------------------------------- */

int rtpsec_rtcp_index(const struct rtpsec *sec, const uint8_t *packet, size_t len, uint32_t *index)
{
    size_t behind = is_gcm(sec->suite) ? 0 : CM_TAG_LEN;
    size_t tag_len = is_gcm(sec->suite) ? GCM_TAG_LEN : CM_TAG_LEN;
    if (len < RTCP_FIXED_LEN + tag_len + INDEX_WORD_LEN) {
        return ERR_AUTH;
    }
    uint32_t word = be32_get(packet + len - behind - INDEX_WORD_LEN);
    *index = word & ~INDEX_E;
    return (word & INDEX_E) != 0 ? 0 : ERR_AUTH; /* in the clear: not what was agreed on */
}

int rtpsec_rtcp_open_at(struct rtpsec *sec, uint32_t index, uint8_t *packet, size_t *len)
{
    struct transform *t = &sec->receive_rtcp;
    size_t tag_len = is_gcm(sec->suite) ? GCM_TAG_LEN : CM_TAG_LEN;
    int err = begin(sec, t, USE_RTCP);
    if (err != 0) {
        return err;
    }
    uint32_t ssrc = be32_get(packet + 4);
    uint8_t *text = packet + RTCP_FIXED_LEN;
    size_t text_len = *len - RTCP_FIXED_LEN - tag_len - INDEX_WORD_LEN;
    bool opened;
    if (is_gcm(sec->suite)) {
        uint8_t iv[GCM_IV_LEN];
        uint8_t aad[RTCP_FIXED_LEN + INDEX_WORD_LEN];
        rtpsec_gcm_rtcp_iv(iv, t->salt, ssrc, index);
        memcpy(aad, packet, RTCP_FIXED_LEN);
        memcpy(aad + RTCP_FIXED_LEN, text + text_len + GCM_TAG_LEN, INDEX_WORD_LEN);
        opened = gcm_library()->open(t->gcm, iv, (struct bytes){aad, sizeof(aad)}, text, text_len);
    } else {
        uint8_t iv[CM_IV_LEN];
        rtpsec_cm_iv(iv, t->salt, ssrc, index);
        opened = cm_open(t, iv, (struct bytes){packet, *len - CM_TAG_LEN}, (struct bytes){0},
                         packet + *len - CM_TAG_LEN, text, text_len);
    }
    *len -= tag_len + INDEX_WORD_LEN;
    return opened ? 0 : ERR_AUTH;
}
