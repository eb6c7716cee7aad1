/* SPDX-License-Identifier: Apache-2.0
 *
 * Over OpenSSL's functions for SHA-1 alone, which it would like to retire: to find the same SHA-1
 * through a provider, by name, and to make and free what HMAC() needs for it, takes six times as
 * long as the five or six blocks of a message.
 */
#define OPENSSL_SUPPRESS_DEPRECATED

#include "media-node/core/stun/hmac.h"

#include "common/base/openssl.h"

#include <openssl/crypto.h>
#include <openssl/sha.h>

#define INNER 0x36 /* RFC 2104 §2 */
#define OUTER 0x5c

_Static_assert(STUN_HMAC_LEN == SHA_DIGEST_LENGTH, "MESSAGE-INTEGRITY is a whole SHA-1");

static void update(SHA_CTX *sha, const void *data, size_t len)
{
    if (len > 0) {
        (void)SHA1_Update(sha, data, len); /* these return 1 whatever they are given */
    }
}

/* A key that is longer than a block counts as its digest. */
static void make_block(uint8_t block[SHA_CBLOCK], const char *pwd)
{
    size_t len = strlen(pwd);
    memset(block, 0, SHA_CBLOCK);
    if (len <= SHA_CBLOCK) {
        memcpy(block, pwd, len);
        return;
    }
    SHA_CTX sha;
    (void)SHA1_Init(&sha);
    update(&sha, pwd, len);
    (void)SHA1_Final(block, &sha);
}

static void begin(SHA_CTX *sha, const uint8_t block[SHA_CBLOCK], uint8_t pad)
{
    uint8_t padded[SHA_CBLOCK];
    for (size_t i = 0; i < sizeof(padded); i++) {
        padded[i] = block[i] ^ pad;
    }
    (void)SHA1_Init(sha);
    update(sha, padded, sizeof(padded));
    OPENSSL_cleanse(padded, sizeof(padded));
}

void stun_hmac(const char *pwd, struct bytes first, struct bytes rest, uint8_t out[STUN_HMAC_LEN])
{
    uint8_t block[SHA_CBLOCK];
    uint8_t inner[STUN_HMAC_LEN];
    SHA_CTX sha;
    make_block(block, pwd);
    begin(&sha, block, INNER);
    update(&sha, first.data, first.len);
    update(&sha, rest.data, rest.len);
    (void)SHA1_Final(inner, &sha);
    begin(&sha, block, OUTER);
    update(&sha, inner, sizeof(inner));
    (void)SHA1_Final(out, &sha);
    OPENSSL_cleanse(block, sizeof(block));
    OPENSSL_cleanse(&sha, sizeof(sha));
}
