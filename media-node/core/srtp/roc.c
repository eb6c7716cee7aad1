/* SPDX-License-Identifier: Apache-2.0
 *
 * The rollover counter of an SSRC that is new to us but not to its sender: it is in no packet, yet
 * every packet is authenticated with it, so it can be found by trial. A client that was moved here
 * needs this: its streams go on, and nobody told us how often their sequence numbers wrapped.
 *
 * GCM makes trials cheap. Its tag is GHASH(header, ciphertext) xor AES(key, IV || 1), and only the
 * second part depends on the counter: GHASH is computed once, and a trial is one AES block. So a
 * thousand trials cost about as much as one packet, and garbage with made-up SSRCs cannot be used
 * to keep us busy. HMAC has no such shortcut: fewer are tried.
 */
#include "media-node/core/srtp/private.h"

#define BATCH     64 /* trials per call of AES */
#define AES_BLOCK 16

_Static_assert(RTPSEC_ROC_SEARCH % BATCH == 0, "whole batches");

size_t rtpsec_header_len(const uint8_t *packet, size_t len)
{
    size_t header = RTP_FIXED_LEN + 4u * (packet[0] & 0x0f);
    if ((packet[0] & 0x10) != 0) {
        if (len < header + 4) {
            return 0;
        }
        header += 4 + 4u * be16_get(packet + header + 2);
    }
    return header <= len ? header : 0;
}

static void counter_block(const struct rtpsec *sec, const uint8_t *packet, uint32_t roc,
                          uint8_t block[AES_BLOCK])
{
    uint64_t index = (uint64_t)roc << 16 | be16_get(packet + 2);
    rtpsec_gcm_rtp_iv(block, sec->receive_keys.salt, be32_get(packet + 8), index);
    be32_put(block + GCM_IV_LEN, 1);
}

/* GHASH of the packet xor AES(IV || 1) under rollover counter 0: the tag it would have with that.
 * EVP gives out a tag only when it encrypts, so the text is decrypted first. */
static bool tag_at_zero(const struct rtpsec *sec, const uint8_t *packet, size_t header,
                        size_t text_len, uint8_t tag[GCM_TAG_LEN])
{
    uint8_t text[RTPSEC_PACKET_MAX];
    uint8_t block[AES_BLOCK];
    int n;
    EVP_CIPHER_CTX *gcm = EVP_CIPHER_CTX_new();
    counter_block(sec, packet, 0, block);
    bool ok = gcm != NULL &&
              EVP_DecryptInit_ex(gcm, rtpsec_cipher_of(sec->suite), NULL, sec->receive_keys.cipher,
                                 block) == 1 &&
              EVP_DecryptUpdate(gcm, text, &n, packet + header, (int)text_len) == 1 &&
              EVP_EncryptInit_ex(gcm, NULL, NULL, sec->receive_keys.cipher, block) == 1 &&
              EVP_EncryptUpdate(gcm, NULL, &n, packet, (int)header) == 1 &&
              EVP_EncryptUpdate(gcm, text, &n, text, (int)text_len) == 1 &&
              EVP_EncryptFinal_ex(gcm, text, &n) == 1 &&
              EVP_CIPHER_CTX_ctrl(gcm, EVP_CTRL_AEAD_GET_TAG, GCM_TAG_LEN, tag) == 1;
    EVP_CIPHER_CTX_free(gcm);
    return ok;
}

/* AES of the counter blocks of BATCH rollover counters from roc on. */
static bool encrypt_blocks(const struct rtpsec *sec, EVP_CIPHER_CTX *ecb, const uint8_t *packet,
                           uint32_t roc, uint8_t blocks[BATCH * AES_BLOCK])
{
    int n;
    for (uint32_t i = 0; i < BATCH; i++) {
        counter_block(sec, packet, roc + i, blocks + i * AES_BLOCK);
    }
    return EVP_EncryptUpdate(ecb, blocks, &n, blocks, BATCH * AES_BLOCK) == 1;
}

static int gcm_find_roc(const struct rtpsec *sec, const uint8_t *packet, size_t header, size_t len,
                        uint32_t *roc)
{
    uint8_t blocks[BATCH * AES_BLOCK];
    uint8_t difference[GCM_TAG_LEN]; /* between the tag at 0 and theirs */
    uint8_t at_zero[AES_BLOCK];
    const uint8_t *theirs = packet + len - GCM_TAG_LEN;
    if (!tag_at_zero(sec, packet, header, len - GCM_TAG_LEN - header, difference)) {
        return ERR_CRYPTO;
    }
    for (size_t i = 0; i < GCM_TAG_LEN; i++) {
        difference[i] ^= theirs[i];
    }
    const EVP_CIPHER *aes =
        rtpsec_cipher_key_len(sec->suite) == 32 ? EVP_aes_256_ecb() : EVP_aes_128_ecb();
    EVP_CIPHER_CTX *ecb = EVP_CIPHER_CTX_new();
    int err = ERR_CRYPTO;
    if (ecb == NULL || EVP_EncryptInit_ex(ecb, aes, NULL, sec->receive_keys.cipher, NULL) != 1) {
        goto out;
    }
    for (uint32_t first = 0; first < RTPSEC_ROC_SEARCH; first += BATCH) {
        if (!encrypt_blocks(sec, ecb, packet, first, blocks)) {
            goto out;
        }
        if (first == 0) {
            memcpy(at_zero, blocks, AES_BLOCK);
        }
        for (uint32_t i = 0; i < BATCH; i++) {
            uint8_t unequal = 0;
            for (size_t b = 0; b < AES_BLOCK; b++) {
                unequal |= (uint8_t)(blocks[i * AES_BLOCK + b] ^ at_zero[b] ^ difference[b]);
            }
            if (unequal == 0) {
                *roc = first + i;
                err = 0;
                goto out;
            }
        }
    }
    err = ERR_AUTH;
out:
    EVP_CIPHER_CTX_free(ecb);
    return err;
}

static int cm_find_roc(const struct rtpsec *sec, const uint8_t *packet, size_t len, uint32_t *roc)
{
    const uint8_t *theirs = packet + len - CM_TAG_LEN;
    EVP_MAC_CTX *mac = rtpsec_hmac_new(sec->receive_keys.auth);
    int err = ERR_CRYPTO;
    if (mac == NULL || EVP_MAC_update(mac, packet, len - CM_TAG_LEN) != 1) {
        goto out;
    }
    for (uint32_t i = 0; i < RTPSEC_ROC_SEARCH_CM; i++) {
        uint8_t word[4];
        uint8_t digest[EVP_MAX_MD_SIZE];
        size_t n;
        be32_put(word, i);
        EVP_MAC_CTX *trial = EVP_MAC_CTX_dup(mac);
        bool ok = trial != NULL && EVP_MAC_update(trial, word, sizeof(word)) == 1 &&
                  EVP_MAC_final(trial, digest, &n, sizeof(digest)) == 1;
        EVP_MAC_CTX_free(trial);
        if (!ok) {
            goto out;
        }
        if (CRYPTO_memcmp(digest, theirs, CM_TAG_LEN) == 0) {
            *roc = i;
            err = 0;
            goto out;
        }
    }
    err = ERR_AUTH;
out:
    EVP_MAC_CTX_free(mac);
    return err;
}

int rtpsec_find_roc(const struct rtpsec *sec, const uint8_t *packet, size_t len, uint32_t *roc)
{
    assert(len >= RTP_FIXED_LEN && len <= RTPSEC_PACKET_MAX);
    size_t tag_len = is_gcm(sec->suite) ? GCM_TAG_LEN : CM_TAG_LEN;
    size_t header = rtpsec_header_len(packet, len);
    if (header == 0 || len < header + tag_len) {
        return ERR_AUTH;
    }
    return is_gcm(sec->suite) ? gcm_find_roc(sec, packet, header, len, roc)
                              : cm_find_roc(sec, packet, len, roc);
}
