/* SPDX-License-Identifier: Apache-2.0
 *
 * How clients reach the media nodes through TURN servers (RFC 8656): where those are, and
 * credentials that end, which a server checks by a secret it shares with us and without asking
 * anybody (draft-uberti-behave-turn-rest-00; coturn calls it use-auth-secret).
 */
#ifndef ORCHESTRATOR_CORE_TURN_TURN_H
#define ORCHESTRATOR_CORE_TURN_TURN_H

#include "common/base/base.h"

#define TURN_SECRET_MIN   32 /* characters: whoever has a credential can try secrets at home */
#define TURN_USERNAME_MAX 96 /* bytes, NUL included */
#define TURN_PASSWORD_MAX 32

struct turn_config {
    const char *const *urls; /* borrowed, as is the secret; each is turn_url_valid() */
    size_t url_count;        /* 0: there are no servers */
    const char *secret;
    int64_t lifetime_s; /* of a credential; > 0 */
};

/* Whether this is a URI of RFC 7065, "turn:host", "turns:host:port?transport=tcp", with an IPv6
 * address in brackets. */
bool turn_url_valid(const char *url);

struct turn_credentials {
    char username[TURN_USERNAME_MAX]; /* when it ends, seconds since 1970, ":" and the name */
    char password[TURN_PASSWORD_MAX]; /* base64 of HMAC-SHA1(secret, username) */
};

/* Credentials that servers accept until now_s + lifetime_s: a new allocation, that is; one that is
 * there goes on. name is what the server's log will call their owner: one of our ids, ASCII,
 * shorter than ID_MAX. now_s: since 1970. */
void turn_credentials_make(const struct turn_config *config, int64_t now_s, const char *name,
                           struct turn_credentials *out);

#endif
