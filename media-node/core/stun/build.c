/* SPDX-License-Identifier: Apache-2.0 */
#include "media-node/core/stun/stun.h"

#include "media-node/core/stun/crc32.h"
#include "media-node/core/stun/hmac.h"
#include "media-node/core/stun/wire.h"

/* A message under construction in a buffer of STUN_BUILD_MAX bytes. */
struct writer {
    uint8_t *data;
    size_t len;
};

static struct writer begin(uint8_t *out, enum stun_class kind, const uint8_t *transaction)
{
    unsigned class_bits = ((unsigned)kind & 2) << 7 | ((unsigned)kind & 1) << 4;
    be16_put(out, (uint16_t)(STUN_METHOD_BINDING | class_bits));
    be16_put(out + 2, 0);
    be32_put(out + 4, STUN_MAGIC);
    memcpy(out + 8, transaction, STUN_TRANSACTION_LEN);
    return (struct writer){out, STUN_HEADER_LEN};
}

/* Appends an attribute, zero-padded, and returns its value to be filled in. The header's length
 * always tells what is written so far, as integrity and fingerprint need it. */
static uint8_t *append(struct writer *w, enum stun_attr type, size_t len)
{
    size_t padded = (len + 3) & ~(size_t)3;
    assert(w->len + STUN_ATTR_HEADER + padded <= STUN_BUILD_MAX);
    uint8_t *attr = w->data + w->len;
    be16_put(attr, (uint16_t)type);
    be16_put(attr + 2, (uint16_t)len);
    memset(attr + STUN_ATTR_HEADER, 0, padded);
    w->len += STUN_ATTR_HEADER + padded;
    be16_put(w->data + 2, (uint16_t)(w->len - STUN_HEADER_LEN));
    return attr + STUN_ATTR_HEADER;
}

static size_t finish(struct writer *w, const char *pwd)
{
    if (pwd != NULL) {
        const struct bytes covered = {w->data, w->len};
        uint8_t *mac = append(w, STUN_ATTR_MESSAGE_INTEGRITY, STUN_HMAC_LEN);
        stun_hmac(pwd, covered, (struct bytes){0}, mac);
    }
    size_t covered = w->len;
    uint8_t *fingerprint = append(w, STUN_ATTR_FINGERPRINT, 4);
    be32_put(fingerprint, stun_crc32(w->data, covered) ^ STUN_FINGERPRINT_XOR);
    return w->len;
}

size_t stun_build_success(uint8_t *out, const uint8_t transaction[STUN_TRANSACTION_LEN],
                          const struct net_addr *mapped, const char *pwd)
{
    struct writer w = begin(out, STUN_SUCCESS, transaction);
    size_t ip_len = net_ip_len(mapped);
    assert(ip_len != 0);
    uint8_t *value = append(&w, STUN_ATTR_XOR_MAPPED_ADDRESS, 4 + ip_len);
    const uint8_t *mask = out + 4; /* cookie, then transaction id (§14.2) */
    value[1] = mapped->family == NET_V4 ? 1 : 2;
    be16_put(value + 2, (uint16_t)(mapped->port ^ be16_get(mask)));
    for (size_t i = 0; i < ip_len; i++) {
        value[4 + i] = mapped->ip[i] ^ mask[i];
    }
    return finish(&w, pwd);
}

static const char *reason_of(enum stun_error_code code)
{
    switch (code) {
    case STUN_BAD_REQUEST:
        return "Bad Request";
    case STUN_UNAUTHENTICATED:
        return "Unauthenticated";
    case STUN_UNKNOWN_ATTRIBUTE:
        return "Unknown Attribute";
    case STUN_ROLE_CONFLICT:
        return "Role Conflict";
    }
    unreachable();
}

size_t stun_build_error(uint8_t *out, const struct stun_message *request, enum stun_error_code code,
                        const char *pwd)
{
    struct writer w = begin(out, STUN_ERROR, request->transaction);
    const char *reason = reason_of(code);
    uint8_t *value = append(&w, STUN_ATTR_ERROR_CODE, 4 + strlen(reason));
    value[2] = (uint8_t)(code / 100);
    value[3] = (uint8_t)(code % 100);
    memcpy(value + 4, reason, strlen(reason));
    if (code == STUN_UNKNOWN_ATTRIBUTE) {
        value = append(&w, STUN_ATTR_UNKNOWN_ATTRIBUTES, 2u * request->unknown_count);
        for (size_t i = 0; i < request->unknown_count; i++) {
            be16_put(value + 2 * i, request->unknown[i]);
        }
    }
    return finish(&w, pwd);
}

size_t stun_build_request(uint8_t *out, const struct stun_check *check)
{
    struct writer w = begin(out, STUN_REQUEST, check->transaction);
    size_t remote_len = strlen(check->remote_ufrag);
    size_t local_len = strlen(check->local_ufrag);
    assert(remote_len + 1 + local_len <= STUN_USERNAME_MAX);
    uint8_t *name = append(&w, STUN_ATTR_USERNAME, remote_len + 1 + local_len);
    memcpy(name, check->remote_ufrag, remote_len);
    name[remote_len] = ':';
    memcpy(name + remote_len + 1, check->local_ufrag, local_len);
    be32_put(append(&w, STUN_ATTR_PRIORITY, 4), check->priority);
    be64_put(append(&w, STUN_ATTR_ICE_CONTROLLED, 8), check->tie_breaker);
    return finish(&w, check->remote_pwd);
}
