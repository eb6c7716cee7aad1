/* SPDX-License-Identifier: Apache-2.0 */
#include "orchestrator/core/turn/turn.h"

#include "common/base/openssl.h"
#include "proto/protojson/protojson.h"

#include <inttypes.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <stdio.h>

#define SHA1_LEN 20
#define HOST_MAX 253 /* characters of a name in the DNS */
#define PORT_MAX 65535
#define PORT_LEN 5

static_assert(ID_MAX + 24 <= TURN_USERNAME_MAX, "an id, a colon and any number fit");
static_assert((SHA1_LEN + 2) / 3 * 4 < TURN_PASSWORD_MAX, "a digest in base64 fits");

/* What follows the prefix of text, or NULL if it has another one. */
static const char *after(const char *text, const char *prefix)
{
    size_t len = strlen(prefix);
    return strncmp(text, prefix, len) == 0 ? text + len : NULL;
}

/* Length of the host at the start of text, with its brackets if it is an IPv6 address; 0: none. */
static size_t host_len(const char *text)
{
    if (text[0] == '[') {
        size_t len = strspn(text + 1, "0123456789abcdefABCDEF:.");
        return len >= 2 && text[1 + len] == ']' ? len + 2 : 0;
    }
    size_t len = strspn(text, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-.");
    return len <= HOST_MAX ? len : 0;
}

/* Length of ":port" at the start of text; 0: there is none, or it is not a port. */
static size_t port_len(const char *text)
{
    size_t len = text[0] == ':' ? strspn(text + 1, "0123456789") : 0;
    if (len == 0 || len > PORT_LEN) {
        return 0;
    }
    uint32_t port = 0;
    for (size_t i = 1; i <= len; i++) {
        port = port * 10 + (uint32_t)(text[i] - '0');
    }
    return port > 0 && port <= PORT_MAX ? len + 1 : 0;
}

bool turn_url_valid(const char *url)
{
    const char *rest = after(url, "turn:");
    bool tls = rest == NULL;
    rest = tls ? after(url, "turns:") : rest;
    size_t len = rest == NULL ? 0 : host_len(rest);
    if (len == 0) {
        return false;
    }
    rest += len;
    rest += port_len(rest);
    /* No browser does DTLS to a TURN server: turns: over UDP would be tried by nobody. */
    return rest[0] == '\0' || strcmp(rest, "?transport=tcp") == 0 ||
           (!tls && strcmp(rest, "?transport=udp") == 0);
}

void turn_credentials_make(const struct turn_config *config, int64_t now_s, const char *name,
                           struct turn_credentials *out)
{
    assert(config->lifetime_s > 0);
    assert(strlen(name) < ID_MAX);
    snprintf(out->username, sizeof(out->username), "%" PRId64 ":%s", now_s + config->lifetime_s,
             name);
    uint8_t digest[SHA1_LEN];
    unsigned len;
    const uint8_t *made = HMAC(EVP_sha1(), config->secret, (int)strlen(config->secret),
                               (const uint8_t *)out->username, strlen(out->username), digest, &len);
    assert(made != NULL && len == SHA1_LEN);
    protojson_base64_encode((struct bytes){digest, sizeof(digest)}, out->password);
}
