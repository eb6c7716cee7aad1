/* SPDX-License-Identifier: Apache-2.0
 *
 * STUN and TURN servers, for whoever is asked by HTTP (RFC 9725 §4.6).
 */
#include "orchestrator/core/whip/private.h"

#include <stdio.h>

/* Stands between quotes, or between angle brackets, without being escaped. */
static bool is_plain(const char *text)
{
    for (const char *c = text; *c != '\0'; c++) {
        if (*c <= ' ' || *c > '~' || strchr("\"\\<>", *c) != NULL) {
            return false;
        }
    }
    return true;
}

static size_t write_link(char *out, size_t cap, const Livekit__ICEServer *server, const char *url)
{
    const char *user = server->username, *secret = server->credential;
    if (!is_plain(url) || !is_plain(user) || !is_plain(secret)) {
        return 0; /* of another orchestrator's making */
    }
    int len = user[0] == '\0' ? snprintf(out, cap, "Link: <%s>; rel=\"ice-server\"\r\n", url)
                              : snprintf(out, cap,
                                         "Link: <%s>; rel=\"ice-server\"; username=\"%s\"; "
                                         "credential=\"%s\"; credential-type=\"password\"\r\n",
                                         url, user, secret);
    return (size_t)len;
}

/* Returns its length, also of what does not fit. */
static size_t write_all(char *out, size_t cap, Livekit__ICEServer *const *servers, size_t count)
{
    size_t len = 0;
    for (size_t i = 0; i < count; i++) {
        for (size_t j = 0; j < servers[i]->n_urls; j++) {
            size_t at = MIN(len, cap);
            len += write_link(out + at, cap - at, servers[i], servers[i]->urls[j]);
        }
    }
    return len;
}

char *whip_links(Livekit__ICEServer *const *servers, size_t count)
{
    char nothing[1];
    size_t cap = write_all(nothing, 0, servers, count) + 1;
    char *out = mem_alloc(cap); /* zeroed */
    (void)write_all(out, cap, servers, count);
    return out;
}
