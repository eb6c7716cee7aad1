/* SPDX-License-Identifier: Apache-2.0
 *
 * ICE candidates as text (RFC 8839 §5.1, RFC 6544 §4.5) and as trickled JSON.
 */
#include "orchestrator/core/sdp/parse.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <strings.h>

#define JSON_MAX 4096 /* bytes of a trickled candidate */

/* Equal for candidates of one base address and protocol, different otherwise (RFC 8445 §5.1.1.3):
 * FNV-1a of the two. */
static uint32_t foundation_of(const struct sdp_candidate *candidate)
{
    uint32_t hash = candidate->tcp ? 2166136261u : 2166136262u;
    for (const char *p = candidate->ip; *p != '\0'; p++) {
        hash = (hash ^ (uint8_t)*p) * 16777619u;
    }
    return hash;
}

void sdp_candidate_write(char out[SDP_CANDIDATE_MAX], const struct sdp_candidate *candidate)
{
    int len =
        snprintf(out, SDP_CANDIDATE_MAX, "candidate:%u 1 %s %u %s %u typ host%s",
                 foundation_of(candidate), candidate->tcp ? "tcp" : "udp", candidate->priority,
                 candidate->ip, candidate->port, candidate->tcp ? " tcptype passive" : "");
    assert(len < SDP_CANDIDATE_MAX);
}

void sdp_trickle_write(char out[SDP_TRICKLE_MAX], const struct sdp_candidate *candidate,
                       const char *mid, size_t line, const char *ufrag)
{
    /* Neither mid nor ufrag can hold a character that JSON would have to escape. */
    assert(scan_is_token(mid, SDP_MID_MAX));
    assert(scan_is_ice(ufrag, 1, 64));
    char text[SDP_CANDIDATE_MAX];
    sdp_candidate_write(text, candidate);
    int len = snprintf(out, SDP_TRICKLE_MAX,
                       "{\"candidate\":\"%s\",\"sdpMid\":\"%s\",\"sdpMLineIndex\":%zu,"
                       "\"usernameFragment\":\"%s\"}",
                       text, mid, line, ufrag);
    assert(len < SDP_TRICKLE_MAX);
}

/* ---- The client's -------------------------------------------------------------------------- */

static bool is_address(const char *text, size_t max)
{
    size_t len = strlen(text);
    return len >= 1 && len < max &&
           strspn(text, "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ.:-_%") ==
               len;
}

static bool is_type(const char *text)
{
    return strcmp(text, "host") == 0 || strcmp(text, "srflx") == 0 || strcmp(text, "prflx") == 0 ||
           strcmp(text, "relay") == 0;
}

/* candidate:<foundation> <component> <transport> <priority> <address> <port> typ <type> ... */
static int candidate_parse(struct sdp_remote_candidate *out, char *text)
{
    char *at = text + strlen("candidate:");
    const char *words[8];
    for (size_t i = 0; i < ARRAY_LEN(words); i++) {
        words[i] = scan_word(&at, ' ');
        if (words[i] == NULL) {
            return ERR_INVALID;
        }
    }
    struct sdp_remote_candidate found = {.tcp = strcasecmp(words[2], "tcp") == 0};
    uint32_t component;
    uint32_t port;
    if (!scan_is_ice(words[0], 1, 32) || !scan_number(words[1], 256, &component) ||
        (!found.tcp && strcasecmp(words[2], "udp") != 0) ||
        !scan_number(words[3], UINT32_MAX, &found.priority) ||
        !is_address(words[4], sizeof(found.address)) || !scan_number(words[5], UINT16_MAX, &port) ||
        strcmp(words[6], "typ") != 0 || !is_type(words[7])) {
        return ERR_INVALID;
    }
    found.port = (uint16_t)port;
    snprintf(found.address, sizeof(found.address), "%s", words[4]);
    snprintf(found.type, sizeof(found.type), "%s", words[7]);
    *out = found;
    return 0;
}

int sdp_trickle_parse(struct sdp_remote_candidate *out, const char *json, size_t len)
{
    if (len > JSON_MAX) {
        return ERR_TOO_BIG;
    }
    json_t *object = json_loadb(json, len, 0, NULL);
    const char *text = json_string_value(json_object_get(object, "candidate"));
    int err = ERR_INVALID;
    if (text != NULL && text[0] == '\0') {
        *out = (struct sdp_remote_candidate){.end = true};
        err = 0;
    } else if (text != NULL && strncmp(text, "candidate:", strlen("candidate:")) == 0) {
        char *copy = mem_str(text);
        err = candidate_parse(out, copy);
        free(copy);
    }
    json_decref(object);
    return err;
}
