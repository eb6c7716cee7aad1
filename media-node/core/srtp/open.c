/* SPDX-License-Identifier: Apache-2.0
 *
 * Packets whose index is told: one kept key schedule, no table of sources, no search. The window is
 * RFC 3711 §3.3.2's, kept by the owner of the source.
 */
#include "media-node/core/srtp/private.h"

static uint64_t bit_of(uint64_t index)
{
    return UINT64_C(1) << index % 64;
}

static int check(const struct rtpsec_window *window, uint64_t index)
{
    if (!window->started || index > window->newest) {
        return 0;
    }
    if (window->newest - index >= RTPSEC_REPLAY_WINDOW) {
        return ERR_STALE;
    }
    uint64_t word = window->seen[index % RTPSEC_REPLAY_WINDOW / 64];
    return (word & bit_of(index)) != 0 ? ERR_REPLAY : 0;
}

static void mark(struct rtpsec_window *window, uint64_t index)
{
    if (!window->started || index > window->newest) {
        if (!window->started || index - window->newest >= RTPSEC_REPLAY_WINDOW) {
            memset(window->seen, 0, sizeof(window->seen));
        } else {
            for (uint64_t i = window->newest + 1; i < index; i++) {
                window->seen[i % RTPSEC_REPLAY_WINDOW / 64] &= ~bit_of(i);
            }
        }
        window->started = true;
        window->newest = index;
    }
    window->seen[index % RTPSEC_REPLAY_WINDOW / 64] |= bit_of(index);
}

static int open_opener(struct rtpsec *sec)
{
    sec->opener = EVP_CIPHER_CTX_new();
    if (sec->opener == NULL || EVP_DecryptInit_ex(sec->opener, rtpsec_cipher_of(sec->suite), NULL,
                                                  sec->receive_keys.cipher, NULL) != 1) {
        rtpsec_opener_fini(sec);
        return ERR_CRYPTO;
    }
    return 0;
}

void rtpsec_opener_fini(struct rtpsec *sec)
{
    EVP_CIPHER_CTX_free(sec->opener);
    sec->opener = NULL;
}

int rtpsec_open_rtp(struct rtpsec *sec, struct rtpsec_window *window, uint64_t index,
                    uint8_t *packet, size_t header_len, size_t *len)
{
    assert(header_len >= RTP_FIXED_LEN);
    if (!is_gcm(sec->suite)) {
        return ERR_UNSUPPORTED;
    }
    if (*len < header_len + GCM_TAG_LEN || *len > RTPSEC_PACKET_MAX) {
        return ERR_INVALID;
    }
    int err = check(window, index);
    if (err == 0 && sec->opener == NULL) {
        err = open_opener(sec);
    }
    if (err != 0) {
        return err;
    }
    uint8_t iv[GCM_IV_LEN];
    uint8_t *text = packet + header_len;
    size_t text_len = *len - header_len - GCM_TAG_LEN;
    int n;
    rtpsec_gcm_rtp_iv(iv, sec->receive_keys.salt, be32_get(packet + 8), index);
    bool opened =
        EVP_DecryptInit_ex(sec->opener, NULL, NULL, NULL, iv) == 1 &&
        EVP_CIPHER_CTX_ctrl(sec->opener, EVP_CTRL_AEAD_SET_TAG, GCM_TAG_LEN, text + text_len) ==
            1 &&
        EVP_DecryptUpdate(sec->opener, NULL, &n, packet, (int)header_len) == 1 &&
        (text_len == 0 || EVP_DecryptUpdate(sec->opener, text, &n, text, (int)text_len) == 1) &&
        EVP_DecryptFinal_ex(sec->opener, text + text_len, &n) == 1;
    if (!opened) {
        return ERR_AUTH;
    }
    mark(window, index);
    *len -= GCM_TAG_LEN;
    return 0;
}
