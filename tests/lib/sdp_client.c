/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/lib/sdp_client.h"

#include "common/base/base.h"

#include <stdio.h>

#define DIGEST                                                                                     \
    "AB:AB:AB:AB:AB:AB:AB:AB:AB:AB:AB:AB:AB:AB:AB:AB:AB:AB:AB:AB:AB:AB:AB:AB:AB:AB:AB:AB:AB:AB:"   \
    "AB:AB"

static bool begins(const char *line, const char *with)
{
    return strncmp(line, with, strlen(with)) == 0;
}

/* NULL: as it is; "": not at all. */
static const char *instead_of(const char *line, const char *ufrag, char text[128])
{
    static const char *const ours[] = {"a=ice-lite", "a=candidate:", "a=msid:", "a=ssrc"};
    for (size_t i = 0; i < ARRAY_LEN(ours); i++) {
        if (begins(line, ours[i])) {
            return "";
        }
    }
    if (begins(line, "a=ice-ufrag:")) {
        snprintf(text, 128, "a=ice-ufrag:%s\r\n", ufrag);
        return text;
    }
    return begins(line, "a=ice-pwd:")       ? "a=ice-pwd:abcdefghijklmnopqrstuvwx\r\n"
           : begins(line, "a=setup:")       ? "a=setup:active\r\n"
           : begins(line, "a=fingerprint:") ? "a=fingerprint:sha-256 " DIGEST "\r\n"
           : begins(line, "a=sendonly")     ? "a=recvonly\r\n"
                                            : NULL;
}

char *sdp_client_answer(const char *offer, const char *ufrag)
{
    char *out = mem_alloc(strlen(offer) + 1024), text[128];
    size_t used = 0;
    for (const char *line = offer; *line != '\0';) {
        size_t len = strcspn(line, "\n") + 1;
        const char *instead = instead_of(line, ufrag, text);
        size_t put = instead == NULL ? len : strlen(instead);
        memcpy(out + used, instead == NULL ? line : instead, put);
        used += put;
        line += len;
    }
    return out;
}
