/* SPDX-License-Identifier: Apache-2.0 */
#include "common/base/openssl.h"
#include "orchestrator/core/topology/topology.h"

#include <openssl/evp.h>
#include <openssl/hmac.h>

/* Strings end with their NUL inside the message, so no two sets of inputs give the same one. */
static size_t put(uint8_t *out, size_t at, const void *data, size_t len)
{
    memcpy(out + at, data, len);
    return at + len;
}

void topology_trunk_key(uint8_t out[TOPOLOGY_KEY_LEN], struct bytes secret, const char *from,
                        const char *to, uint32_t generation)
{
    static const char label[] = "spillway trunk";
    uint8_t message[sizeof(label) + 2 * TOPOLOGY_ID_MAX + 4];
    assert(strlen(from) < TOPOLOGY_ID_MAX && strlen(to) < TOPOLOGY_ID_MAX);
    assert(secret.len >= TOPOLOGY_SECRET_MIN && secret.len <= INT32_MAX);
    const uint8_t number[4] = {(uint8_t)(generation >> 24), (uint8_t)(generation >> 16),
                               (uint8_t)(generation >> 8), (uint8_t)generation};
    size_t len = put(message, 0, label, sizeof(label));
    len = put(message, len, from, strlen(from) + 1);
    len = put(message, len, to, strlen(to) + 1);
    len = put(message, len, number, sizeof(number));
    uint8_t digest[EVP_MAX_MD_SIZE];
    unsigned digest_len = sizeof(digest);
    const uint8_t *made =
        HMAC(EVP_sha256(), secret.data, (int)secret.len, message, len, digest, &digest_len);
    assert(made != NULL && digest_len >= TOPOLOGY_KEY_LEN);
    memcpy(out, digest, TOPOLOGY_KEY_LEN);
    explicit_bzero(digest, sizeof(digest));
}
