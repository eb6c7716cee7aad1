/* SPDX-License-Identifier: Apache-2.0 */
#include "orchestrator/shell/dtls/internal.h"

#include <strings.h>

#include <openssl/evp.h>
#include <openssl/x509.h>

static const struct {
    const char *name;
    uint8_t len;
} hashes[] = {
    [DTLS_SHA_256] = {"sha-256", 32},
    [DTLS_SHA_384] = {"sha-384", 48},
    [DTLS_SHA_512] = {"sha-512", 64},
};

static const EVP_MD *hash_function(enum dtls_hash hash)
{
    switch (hash) {
    case DTLS_SHA_256:
        return EVP_sha256();
    case DTLS_SHA_384:
        return EVP_sha384();
    case DTLS_SHA_512:
        return EVP_sha512();
    }
    unreachable();
}

/* -1: not a hex digit */
static int hex_value(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    if (c >= 'A' && c <= 'F')
        return c - 'A' + 10;
    return -1;
}

int dtls_fingerprint_parse(struct dtls_fingerprint *out, const char *hash, const char *value)
{
    size_t which = 0;
    while (which < ARRAY_LEN(hashes) && strcasecmp(hashes[which].name, hash) != 0)
        which++;
    if (which == ARRAY_LEN(hashes))
        return ERR_UNSUPPORTED;

    struct dtls_fingerprint parsed = {.hash = (enum dtls_hash)which, .len = hashes[which].len};
    if (strlen(value) != (size_t)parsed.len * 3 - 1)
        return ERR_INVALID;
    for (size_t i = 0; i < parsed.len; i++) {
        const char *pair = value + 3 * i;
        int high = hex_value(pair[0]);
        int low = hex_value(pair[1]);
        if (high < 0 || low < 0 || (pair[2] != ':' && pair[2] != '\0'))
            return ERR_INVALID;
        parsed.digest[i] = (uint8_t)(high << 4 | low);
    }
    *out = parsed;
    return 0;
}

bool dtls_fingerprint_matches(const struct dtls_fingerprint *expected, const X509 *certificate)
{
    uint8_t digest[EVP_MAX_MD_SIZE];
    unsigned len = 0;
    if (X509_digest(certificate, hash_function(expected->hash), digest, &len) != 1)
        return false;
    return len == expected->len && memcmp(digest, expected->digest, len) == 0;
}

int dtls_fingerprint_text(char out[DTLS_FINGERPRINT_MAX], const X509 *certificate)
{
    static const char digits[] = "0123456789ABCDEF";
    uint8_t digest[EVP_MAX_MD_SIZE];
    unsigned len = 0;
    if (X509_digest(certificate, EVP_sha256(), digest, &len) != 1)
        return ERR_CRYPTO;
    for (unsigned i = 0; i < len; i++) {
        out[3 * i] = digits[digest[i] >> 4];
        out[3 * i + 1] = digits[digest[i] & 15];
        out[3 * i + 2] = i + 1 < len ? ':' : '\0';
    }
    return 0;
}
