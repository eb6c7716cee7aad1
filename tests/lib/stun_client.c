/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/lib/stun_client.h"

#include "common/base/openssl.h"

#include <openssl/evp.h>
#include <openssl/hmac.h>

/* Bit by bit, unlike the code under test. */
static uint32_t crc32(const uint8_t *data, size_t len)
{
    uint32_t crc = UINT32_MAX;
    for (size_t i = 0; i < len; i++) {
        crc ^= data[i];
        for (int bit = 0; bit < 8; bit++) {
            crc = crc >> 1 ^ (0xedb88320 & (0 - (crc & 1)));
        }
    }
    return ~crc;
}

static size_t attribute(uint8_t *out, size_t at, uint16_t type, const void *value, size_t len)
{
    size_t padded = (len + 3) & ~(size_t)3;
    be16_put(out + at, type);
    be16_put(out + at + 2, (uint16_t)len);
    memset(out + at + 4, 0, padded);
    memcpy(out + at + 4, value, len);
    at += 4 + padded;
    be16_put(out + 2, (uint16_t)(at - STUN_HEADER_LEN));
    return at;
}

static size_t username(uint8_t *out, size_t at, const struct stun_client_check *check)
{
    char name[STUN_USERNAME_MAX];
    size_t server = strlen(check->server_ufrag);
    size_t client = strlen(check->client_ufrag);
    assert(server + 1 + client <= sizeof(name));
    memcpy(name, check->server_ufrag, server);
    name[server] = ':';
    memcpy(name + server + 1, check->client_ufrag, client);
    return attribute(out, at, 0x0006, name, server + 1 + client);
}

size_t stun_client_request(uint8_t *out, const struct stun_client_check *check)
{
    uint8_t word[4];
    size_t at = STUN_HEADER_LEN;
    be16_put(out, check->indication ? 0x0011 : 0x0001);
    be16_put(out + 2, 0);
    be32_put(out + 4, 0x2112a442);
    memset(out + 8, check->transaction, STUN_TRANSACTION_LEN);
    if (!check->no_username) {
        at = username(out, at, check);
    }
    be32_put(word, check->priority);
    at = attribute(out, at, 0x0024, word, 4);
    at = attribute(out, at, check->controlled ? 0x8029 : 0x802a, "tiebreak", 8);
    at = attribute(out, at, 0xc057, "\0\0\0\1", 4); /* libwebrtc's network info */
    if (check->use_candidate) {
        at = attribute(out, at, 0x0025, "", 0);
    }
    if (check->unknown_attribute) {
        at = attribute(out, at, 0x7777, "", 0);
    }
    if (check->server_pwd != NULL) {
        uint8_t mac[EVP_MAX_MD_SIZE] = {0};
        size_t covered = at;
        at = attribute(out, at, 0x0008, mac, 20); /* the length first: it is covered, too */
        HMAC(EVP_sha1(), check->server_pwd, (int)strlen(check->server_pwd), out, covered, mac,
             NULL);
        memcpy(out + covered + 4, mac, 20);
    }
    if (!check->no_fingerprint) {
        size_t covered = at;
        at = attribute(out, at, 0x8028, word, 4);
        be32_put(out + covered + 4, crc32(out, covered) ^ 0x5354554e);
    }
    return at;
}
