/* SPDX-License-Identifier: Apache-2.0
 *
 * Key derivation (RFC 3711 §4.3, RFC 7714 §11) and the forming of IVs (RFC 3711 §4.1.1, RFC 7714
 * §8.1, §9.1). The key derivation rate is 0, as everywhere in WebRTC: one derivation serves for
 * good.
 */
#include "media-node/core/srtp/private.h"

#include <openssl/core_names.h>
#include <openssl/params.h>

enum label { LABEL_CIPHER = 0, LABEL_AUTH = 1, LABEL_SALT = 2 }; /* + enum key_use */

#define GCM_SALT_LEN 12
#define CM_SALT_LEN  14
#define LABEL_AT     7 /* in the 14 bytes of a master salt */

size_t rtpsec_cipher_key_len(enum rtpsec_suite suite)
{
    return suite == RTPSEC_AES_256_GCM ? 32 : 16;
}

static size_t salt_len(enum rtpsec_suite suite)
{
    return is_gcm(suite) ? GCM_SALT_LEN : CM_SALT_LEN;
}

size_t rtpsec_key_len(enum rtpsec_suite suite)
{
    switch (suite) {
    case RTPSEC_AES_128_GCM:
    case RTPSEC_AES_256_GCM:
    case RTPSEC_AES_128_CM_SHA1_80:
        return rtpsec_cipher_key_len(suite) + salt_len(suite);
    case RTPSEC_NONE:
        break;
    }
    return 0;
}

const EVP_CIPHER *rtpsec_cipher_of(enum rtpsec_suite suite)
{
    switch (suite) {
    case RTPSEC_AES_128_GCM:
        return EVP_aes_128_gcm();
    case RTPSEC_AES_256_GCM:
        return EVP_aes_256_gcm();
    case RTPSEC_AES_128_CM_SHA1_80:
        return EVP_aes_128_ctr();
    case RTPSEC_NONE:
        break;
    }
    unreachable();
}

/* The pseudo-random function: AES in counter mode over zeros, begun at salt xor label. A salt of 12
 * bytes is filled up with zeros at its end (RFC 7714 §11). */
static int derive(EVP_CIPHER_CTX *prf, const uint8_t salt[CM_SALT_LEN], unsigned label,
                  uint8_t *out, size_t len)
{
    uint8_t iv[CM_IV_LEN] = {0};
    int n;
    memcpy(iv, salt, CM_SALT_LEN);
    iv[LABEL_AT] ^= (uint8_t)label;
    memset(out, 0, len);
    bool ok = EVP_EncryptInit_ex(prf, NULL, NULL, NULL, iv) == 1 &&
              EVP_EncryptUpdate(prf, out, &n, out, (int)len) == 1;
    return ok ? 0 : ERR_CRYPTO;
}

int rtpsec_derive_keys(enum rtpsec_suite suite, const uint8_t *master, enum key_use use,
                       struct session_keys *out)
{
    size_t key_len = rtpsec_cipher_key_len(suite);
    uint8_t salt[CM_SALT_LEN] = {0};
    memcpy(salt, master + key_len, salt_len(suite));
    EVP_CIPHER_CTX *prf = EVP_CIPHER_CTX_new();
    int err = ERR_CRYPTO;
    if (prf == NULL ||
        EVP_EncryptInit_ex(prf, key_len == 32 ? EVP_aes_256_ctr() : EVP_aes_128_ctr(), NULL, master,
                           NULL) != 1) {
        goto out;
    }
    err = derive(prf, salt, use + LABEL_CIPHER, out->cipher, key_len);
    if (err == 0 && !is_gcm(suite)) {
        err = derive(prf, salt, use + LABEL_AUTH, out->auth, AUTH_KEY_LEN);
    }
    if (err == 0) {
        err = derive(prf, salt, use + LABEL_SALT, out->salt, salt_len(suite));
    }
out:
    EVP_CIPHER_CTX_free(prf);
    OPENSSL_cleanse(salt, sizeof(salt));
    return err;
}

EVP_MAC_CTX *rtpsec_hmac_new(const uint8_t key[AUTH_KEY_LEN])
{
    char digest[] = "SHA1";
    const OSSL_PARAM params[] = {
        OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, digest, 0),
        OSSL_PARAM_construct_end(),
    };
    EVP_MAC *hmac = EVP_MAC_fetch(NULL, "HMAC", NULL);
    EVP_MAC_CTX *mac = hmac == NULL ? NULL : EVP_MAC_CTX_new(hmac);
    EVP_MAC_free(hmac);
    if (mac != NULL && EVP_MAC_init(mac, key, AUTH_KEY_LEN, params) != 1) {
        EVP_MAC_CTX_free(mac);
        mac = NULL;
    }
    return mac;
}

static void xor_salt(uint8_t *iv, const uint8_t *salt, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        iv[i] ^= salt[i];
    }
}

void rtpsec_gcm_rtp_iv(uint8_t iv[GCM_IV_LEN], const uint8_t *salt, uint32_t ssrc, uint64_t index)
{
    be16_put(iv, 0);
    be32_put(iv + 2, ssrc);
    be32_put(iv + 6, (uint32_t)(index >> 16));
    be16_put(iv + 10, (uint16_t)index);
    xor_salt(iv, salt, GCM_SALT_LEN);
}

void rtpsec_gcm_rtcp_iv(uint8_t iv[GCM_IV_LEN], const uint8_t *salt, uint32_t ssrc, uint32_t index)
{
    be16_put(iv, 0);
    be32_put(iv + 2, ssrc);
    be16_put(iv + 6, 0);
    be32_put(iv + 8, index);
    xor_salt(iv, salt, GCM_SALT_LEN);
}

void rtpsec_cm_iv(uint8_t iv[CM_IV_LEN], const uint8_t *salt, uint32_t ssrc, uint64_t index)
{
    be32_put(iv, 0);
    be32_put(iv + 4, ssrc);
    be64_put(iv + 8, index << 16);
    xor_salt(iv, salt, CM_SALT_LEN);
}
