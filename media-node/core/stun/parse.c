/* SPDX-License-Identifier: Apache-2.0 */
#include "media-node/core/stun/stun.h"

#include "common/base/openssl.h"

#include <openssl/crypto.h>

#include "media-node/core/stun/crc32.h"
#include "media-node/core/stun/hmac.h"
#include "media-node/core/stun/wire.h"

static int read_address(struct stun_message *m, const uint8_t *value, size_t len)
{
    bool v4 = len == 8 && value[1] == 1;
    bool v6 = len == 20 && value[1] == 2;
    if (!v4 && !v6) {
        return ERR_INVALID;
    }
    /* XORed with the cookie, then the transaction id: the message's bytes from 4 on (§14.2). */
    const uint8_t *mask = m->raw.data + 4;
    m->mapped = (struct net_addr){
        .port = (uint16_t)(be16_get(value + 2) ^ be16_get(mask)),
        .family = v4 ? NET_V4 : NET_V6,
    };
    for (size_t i = 0; i < len - 4; i++) {
        m->mapped.ip[i] = value[4 + i] ^ mask[i];
    }
    return 0;
}

static int read_error_code(struct stun_message *m, const uint8_t *value, size_t len)
{
    if (len < 4) {
        return ERR_INVALID;
    }
    unsigned class = value[2] & 7;
    if (class < 3 || class > 6 || value[3] > 99) {
        return ERR_INVALID;
    }
    m->error_code = (uint16_t)(class * 100 + value[3]);
    return 0;
}

static int read_role(struct stun_message *m, const uint8_t *value, size_t len, bool *role)
{
    if (len != 8) {
        return ERR_INVALID;
    }
    if (!m->controlling && !m->controlled) {
        m->tie_breaker = be64_get(value);
        *role = true;
    }
    return 0;
}

static int read_unknown(struct stun_message *m, unsigned type)
{
    if (type < STUN_ATTR_OPTIONAL && m->unknown_count < STUN_UNKNOWN_MAX) {
        m->unknown[m->unknown_count++] = (uint16_t)type;
    }
    return 0;
}

/* One attribute in front of MESSAGE-INTEGRITY. The first of a kind counts (§14). */
static int read_attribute(struct stun_message *m, unsigned type, const uint8_t *value, size_t len)
{
    switch (type) {
    case STUN_ATTR_USERNAME:
        if (len > STUN_USERNAME_MAX) {
            return ERR_INVALID;
        }
        if (m->username.data == NULL) {
            m->username = (struct bytes){value, len};
        }
        return 0;
    case STUN_ATTR_XOR_MAPPED_ADDRESS:
        return m->mapped.family == NET_NONE ? read_address(m, value, len) : 0;
    case STUN_ATTR_ERROR_CODE:
        return m->error_code == 0 ? read_error_code(m, value, len) : 0;
    case STUN_ATTR_PRIORITY:
        if (len != 4) {
            return ERR_INVALID;
        }
        m->priority = m->priority != 0 ? m->priority : be32_get(value);
        return 0;
    case STUN_ATTR_USE_CANDIDATE:
        m->use_candidate = true;
        return len == 0 ? 0 : ERR_INVALID;
    case STUN_ATTR_ICE_CONTROLLING:
        return read_role(m, value, len, &m->controlling);
    case STUN_ATTR_ICE_CONTROLLED:
        return read_role(m, value, len, &m->controlled);
    case STUN_ATTR_MAPPED_ADDRESS:
    case STUN_ATTR_REALM:
    case STUN_ATTR_NONCE:
    case STUN_ATTR_UNKNOWN_ATTRIBUTES:
    case STUN_ATTR_MESSAGE_INTEGRITY_SHA256:
        return 0; /* known to everybody, of no use here */
    default:
        return read_unknown(m, type);
    }
}

/* FINGERPRINT must be the last attribute, MESSAGE-INTEGRITY may be followed by it only (§14.5,
 * §14.7; others there are ignored, since nothing protects them). */
static int read_attributes(struct stun_message *m)
{
    size_t at = STUN_HEADER_LEN;
    while (at < m->raw.len) {
        if (m->fingerprint_at != 0 || m->raw.len - at < STUN_ATTR_HEADER) {
            return ERR_INVALID;
        }
        unsigned type = be16_get(m->raw.data + at);
        size_t len = be16_get(m->raw.data + at + 2);
        const uint8_t *value = m->raw.data + at + STUN_ATTR_HEADER;
        size_t padded = (len + 3) & ~(size_t)3;
        if (padded > m->raw.len - at - STUN_ATTR_HEADER) {
            return ERR_INVALID;
        }
        int err = 0;
        if (type == STUN_ATTR_FINGERPRINT) {
            m->fingerprint_at = (uint16_t)at;
            err = len == 4 ? 0 : ERR_INVALID;
        } else if (m->integrity_at == 0 && type == STUN_ATTR_MESSAGE_INTEGRITY) {
            m->integrity_at = (uint16_t)at;
            err = len == STUN_HMAC_LEN ? 0 : ERR_INVALID;
        } else if (m->integrity_at == 0) {
            err = read_attribute(m, type, value, len);
        }
        if (err != 0) {
            return err;
        }
        at += STUN_ATTR_HEADER + padded;
    }
    return 0;
}

int stun_parse(struct stun_message *out, const uint8_t *data, size_t len)
{
    if (len < STUN_HEADER_LEN) {
        return ERR_TRUNCATED;
    }
    if (len > STUN_PARSE_MAX) {
        return ERR_TOO_BIG;
    }
    unsigned type = be16_get(data);
    size_t body = be16_get(data + 2);
    if (type > 0x3fff || be32_get(data + 4) != STUN_MAGIC || body % 4 != 0) {
        return ERR_INVALID;
    }
    if (body != len - STUN_HEADER_LEN) {
        return body > len - STUN_HEADER_LEN ? ERR_TRUNCATED : ERR_INVALID;
    }
    /* The two class bits stand between those of the method: M11-M7 C1 M6-M4 C0 M3-M0 (§5). */
    unsigned method = (type & 0x000f) | (type & 0x00e0) >> 1 | (type & 0x3e00) >> 2;
    if (method != STUN_METHOD_BINDING) {
        return ERR_UNSUPPORTED;
    }
    struct stun_message m = {
        .raw = {data, len},
        .transaction = data + 8,
        .kind = (enum stun_class)((type >> 7 & 2) | (type >> 4 & 1)),
    };
    int err = read_attributes(&m);
    if (err == 0) {
        *out = m;
    }
    return err;
}

int stun_local_ufrag(const struct stun_message *message, struct bytes *out)
{
    const uint8_t *name = message->username.data;
    const uint8_t *colon = name == NULL ? NULL : memchr(name, ':', message->username.len);
    if (colon == NULL) {
        return ERR_NOT_FOUND;
    }
    *out = (struct bytes){name, (size_t)(colon - name)};
    return 0;
}

int stun_check_integrity(const struct stun_message *message, const char *pwd)
{
    size_t at = message->integrity_at;
    if (at == 0) {
        return ERR_NOT_FOUND;
    }
    /* The HMAC covers all before the attribute, under a length that ends with it (§14.5). */
    uint8_t header[STUN_HEADER_LEN];
    uint8_t mac[STUN_HMAC_LEN];
    const uint8_t *data = message->raw.data;
    memcpy(header, data, sizeof(header));
    be16_put(header + 2, (uint16_t)(at + STUN_ATTR_HEADER + STUN_HMAC_LEN - STUN_HEADER_LEN));
    stun_hmac(pwd, (struct bytes){header, sizeof(header)},
              (struct bytes){data + STUN_HEADER_LEN, at - STUN_HEADER_LEN}, mac);
    const uint8_t *theirs = data + at + STUN_ATTR_HEADER;
    return CRYPTO_memcmp(mac, theirs, STUN_HMAC_LEN) == 0 ? 0 : ERR_AUTH;
}

int stun_check_fingerprint(const struct stun_message *message)
{
    size_t at = message->fingerprint_at;
    if (at == 0) {
        return ERR_NOT_FOUND;
    }
    uint32_t crc = stun_crc32(message->raw.data, at) ^ STUN_FINGERPRINT_XOR;
    return crc == be32_get(message->raw.data + at + STUN_ATTR_HEADER) ? 0 : ERR_INVALID;
}
