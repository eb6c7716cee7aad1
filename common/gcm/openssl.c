/* SPDX-License-Identifier: Apache-2.0 */
#include "common/gcm/gcm.h"

#include "common/base/openssl.h"

#include <openssl/evp.h>
#include <stdlib.h>

/* The handle is OpenSSL's own. */
static EVP_CIPHER_CTX *context(struct gcm *gcm)
{
    return (EVP_CIPHER_CTX *)gcm;
}

static struct gcm *make(const uint8_t *key, size_t key_len, enum gcm_direction direction)
{
    const EVP_CIPHER *cipher = key_len == 32 ? EVP_aes_256_gcm() : EVP_aes_128_gcm();
    EVP_CIPHER_CTX *made = EVP_CIPHER_CTX_new();
    if (made != NULL &&
        EVP_CipherInit_ex(made, cipher, NULL, key, NULL, direction == GCM_SEAL) != 1) {
        EVP_CIPHER_CTX_free(made);
        made = NULL;
    }
    return (struct gcm *)made;
}

static void wipe(struct gcm *gcm)
{
    EVP_CIPHER_CTX_free(context(gcm));
}

static bool update(EVP_CIPHER_CTX *cipher, struct bytes in, uint8_t *out)
{
    int n;
    return in.len == 0 || EVP_CipherUpdate(cipher, out, &n, in.data, (int)in.len) == 1;
}

static bool seal(struct gcm *gcm, const uint8_t iv[GCM_IV_LEN], struct bytes aad,
                 struct bytes prefix, struct bytes body, uint8_t *out)
{
    EVP_CIPHER_CTX *cipher = context(gcm);
    uint8_t *tag = out + prefix.len + body.len;
    int n;
    return EVP_EncryptInit_ex(cipher, NULL, NULL, NULL, iv) == 1 && update(cipher, aad, NULL) &&
           update(cipher, prefix, out) && update(cipher, body, out + prefix.len) &&
           EVP_EncryptFinal_ex(cipher, tag, &n) == 1 &&
           EVP_CIPHER_CTX_ctrl(cipher, EVP_CTRL_AEAD_GET_TAG, GCM_TAG_LEN, tag) == 1;
}

static bool open(struct gcm *gcm, const uint8_t iv[GCM_IV_LEN], struct bytes aad, uint8_t *text,
                 size_t len)
{
    EVP_CIPHER_CTX *cipher = context(gcm);
    int n;
    return EVP_DecryptInit_ex(cipher, NULL, NULL, NULL, iv) == 1 &&
           EVP_CIPHER_CTX_ctrl(cipher, EVP_CTRL_AEAD_SET_TAG, GCM_TAG_LEN, text + len) == 1 &&
           update(cipher, aad, NULL) && update(cipher, (struct bytes){text, len}, text) &&
           EVP_DecryptFinal_ex(cipher, text + len, &n) == 1;
}

const struct gcm_library gcm_openssl = {
    .name = "openssl", .make = make, .free = wipe, .seal = seal, .open = open};
