/* SPDX-License-Identifier: Apache-2.0
 *
 * Cryptographic transforms (RFC 3711 §3.2.3): a kept key schedule for one direction of RTP or RTCP.
 */
#include "media-node/core/srtp/private.h"

#define SHA1_LEN 20

MUST_CHECK static int make_cm(struct transform *t, const struct session_keys *keys,
                              enum gcm_direction direction)
{
    t->cipher = EVP_CIPHER_CTX_new();
    if (t->cipher == NULL || EVP_CipherInit_ex(t->cipher, EVP_aes_128_ctr(), NULL, keys->cipher,
                                               NULL, direction == GCM_SEAL) != 1) {
        return ERR_CRYPTO;
    }
    t->mac = rtpsec_hmac_new(keys->auth);
    return t->mac == NULL ? ERR_CRYPTO : 0;
}

int rtpsec_transform_init(struct transform *t, enum rtpsec_suite suite, const uint8_t *master,
                          enum key_use use, enum gcm_direction direction)
{
    struct session_keys keys = {0};
    int err = rtpsec_derive_keys(suite, master, use, &keys);
    if (err == 0 && is_gcm(suite)) {
        t->gcm = gcm_library()->make(keys.cipher, rtpsec_cipher_key_len(suite), direction);
        err = t->gcm == NULL ? ERR_CRYPTO : 0;
    } else if (err == 0) {
        err = make_cm(t, &keys, direction);
    }
    memcpy(t->salt, keys.salt, sizeof(t->salt));
    t->begun = err == 0;
    OPENSSL_cleanse(&keys, sizeof(keys));
    return err;
}

void rtpsec_transform_fini(struct transform *t)
{
    gcm_library()->free(t->gcm);
    EVP_CIPHER_CTX_free(t->cipher);
    EVP_MAC_CTX_free(t->mac);
    OPENSSL_cleanse(t, sizeof(*t));
}

bool rtpsec_cm_tag(EVP_MAC_CTX *mac, struct bytes packet, struct bytes suffix,
                   uint8_t tag[CM_TAG_LEN])
{
    uint8_t digest[SHA1_LEN];
    size_t n;
    if (EVP_MAC_init(mac, NULL, 0, NULL) != 1 ||
        EVP_MAC_update(mac, packet.data, packet.len) != 1 ||
        EVP_MAC_update(mac, suffix.data, suffix.len) != 1 ||
        EVP_MAC_final(mac, digest, &n, sizeof(digest)) != 1) {
        return false;
    }
    memcpy(tag, digest, CM_TAG_LEN);
    return true;
}
