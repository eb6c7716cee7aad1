/* SPDX-License-Identifier: Apache-2.0 */
#include "orchestrator/core/seal/seal.h"

#include "common/base/openssl.h"

#include <openssl/evp.h>
#include <openssl/hmac.h>

#include <stdlib.h>

#define VERSION  1
#define SALT_LEN 16
#define KEY_LEN  32
#define IV_LEN   12
#define TAG_LEN  16
#define HEAD_LEN (1 + SALT_LEN + 8)

static_assert(HEAD_LEN + TAG_LEN == SEAL_OVERHEAD, "the layout in seal.h");

struct seal {
    uint8_t *secret;
    size_t secret_len;
    uint8_t salt[SALT_LEN];
    uint64_t counter;
    EVP_CIPHER_CTX *closing; /* under our own key */
    EVP_CIPHER_CTX *opening;
    uint8_t opens[SALT_LEN]; /* whose key opening has: many in a row are of one process */
    bool opens_any;
};

static void set_key(EVP_CIPHER_CTX *ctx, const struct seal *seal, const uint8_t salt[SALT_LEN],
                    bool encrypt)
{
    static const char label[] = "spillway seal";
    uint8_t message[sizeof(label) + SALT_LEN];
    uint8_t key[EVP_MAX_MD_SIZE];
    unsigned len = sizeof(key);
    memcpy(message, label, sizeof(label));
    memcpy(message + sizeof(label), salt, SALT_LEN);
    const uint8_t *made = HMAC(EVP_sha256(), seal->secret, (int)seal->secret_len, message,
                               sizeof(message), key, &len);
    assert(made != NULL && len == KEY_LEN);
    int ok = EVP_CipherInit_ex(ctx, EVP_aes_256_gcm(), NULL, key, NULL, encrypt);
    assert(ok == 1);
    explicit_bzero(key, sizeof(key));
}

struct seal *seal_new(struct bytes secret, const struct random_source *random)
{
    assert(secret.len >= SEAL_SECRET_MIN && secret.len <= INT32_MAX);
    struct seal *seal = mem_alloc(sizeof(*seal));
    seal->secret = mem_copy(secret.data, secret.len);
    seal->secret_len = secret.len;
    random->fill(random->arg, seal->salt, sizeof(seal->salt));
    seal->closing = EVP_CIPHER_CTX_new();
    seal->opening = EVP_CIPHER_CTX_new();
    assert(seal->closing != NULL && seal->opening != NULL);
    set_key(seal->closing, seal, seal->salt, true);
    return seal;
}

void seal_free(struct seal *seal)
{
    EVP_CIPHER_CTX_free(seal->closing);
    EVP_CIPHER_CTX_free(seal->opening);
    explicit_bzero(seal->secret, seal->secret_len);
    free(seal->secret);
    free(seal);
}

/* Its nonce is the counter of the head; head and room are authenticated with it. */
static bool begin(EVP_CIPHER_CTX *ctx, const uint8_t *head, const char *room)
{
    uint8_t iv[IV_LEN] = {0};
    int len;
    memcpy(iv + IV_LEN - 8, head + 1 + SALT_LEN, 8);
    return EVP_CipherInit_ex(ctx, NULL, NULL, NULL, iv, -1) == 1 &&
           EVP_CipherUpdate(ctx, NULL, &len, head, HEAD_LEN) == 1 &&
           EVP_CipherUpdate(ctx, NULL, &len, (const uint8_t *)room, (int)strlen(room)) == 1;
}

uint8_t *seal_close(struct seal *seal, const char *room, struct bytes plain, size_t *len)
{
    assert(plain.len <= INT32_MAX - SEAL_OVERHEAD);
    uint8_t *out = mem_alloc(plain.len + SEAL_OVERHEAD);
    uint8_t *body = out + HEAD_LEN;
    int part;
    out[0] = VERSION;
    memcpy(out + 1, seal->salt, SALT_LEN);
    be64_put(out + 1 + SALT_LEN, ++seal->counter);
    bool ok =
        begin(seal->closing, out, room) &&
        EVP_CipherUpdate(seal->closing, body, &part, plain.data, (int)plain.len) == 1 &&
        EVP_CipherFinal_ex(seal->closing, body + plain.len, &part) == 1 &&
        EVP_CIPHER_CTX_ctrl(seal->closing, EVP_CTRL_AEAD_GET_TAG, TAG_LEN, body + plain.len) == 1;
    assert(ok); /* nothing in it depends on what comes from outside */
    *len = plain.len + SEAL_OVERHEAD;
    return out;
}

int seal_open(struct seal *seal, const char *room, struct bytes sealed, uint8_t **out, size_t *len)
{
    if (sealed.len < SEAL_OVERHEAD || sealed.len > INT32_MAX) {
        return ERR_TRUNCATED;
    }
    if (sealed.data[0] != VERSION) {
        return ERR_UNSUPPORTED;
    }
    const uint8_t *salt = sealed.data + 1;
    if (!seal->opens_any || memcmp(seal->opens, salt, SALT_LEN) != 0) {
        memcpy(seal->opens, salt, SALT_LEN);
        seal->opens_any = true;
        set_key(seal->opening, seal, salt, false);
    }
    size_t plain_len = sealed.len - SEAL_OVERHEAD;
    uint8_t tag[TAG_LEN];
    uint8_t *plain = mem_alloc(plain_len + 1);
    int part;
    memcpy(tag, sealed.data + sealed.len - TAG_LEN, TAG_LEN);
    bool ok = begin(seal->opening, sealed.data, room) &&
              EVP_CipherUpdate(seal->opening, plain, &part, sealed.data + HEAD_LEN,
                               (int)plain_len) == 1 &&
              EVP_CIPHER_CTX_ctrl(seal->opening, EVP_CTRL_AEAD_SET_TAG, TAG_LEN, tag) == 1 &&
              EVP_CipherFinal_ex(seal->opening, plain + plain_len, &part) == 1;
    if (!ok) {
        free(plain);
        return ERR_AUTH;
    }
    *out = plain;
    *len = plain_len;
    return 0;
}
