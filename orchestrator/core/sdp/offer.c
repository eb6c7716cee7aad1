/* SPDX-License-Identifier: Apache-2.0
 *
 * The offer as a whole: lines to session level and sections, then what must hold between them.
 *
 * BUNDLE (RFC 8843): the transport of all is the one of the tagged section, the first in the group;
 * where it says nothing, the session level speaks. Sections outside of the group are refused unless
 * they are rejected (port 0), for a node gives a client one 5-tuple.
 */
#include "orchestrator/core/sdp/parse.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

int parse_fail(struct parse *parse, int err, const char *format, ...)
{
    int len = 0;
    if (parse->line > 0) {
        len = snprintf(parse->reason, SDP_REASON_MAX, "line %zu: ", parse->line);
    }
    va_list args;
    va_start(args, format);
    vsnprintf(parse->reason + len, SDP_REASON_MAX - (size_t)len, format, args);
    va_end(args);
    return err;
}

static int line_parse(struct parse *parse, char *line)
{
    if (line[0] < 'a' || line[0] > 'z' || line[1] != '=') {
        return parse_fail(parse, ERR_INVALID, "not of the form x=value");
    }
    if (parse->line == 1 && strcmp(line, "v=0") != 0) {
        return parse_fail(parse, ERR_INVALID, "an offer begins with v=0");
    }
    if (line[0] == 'a') {
        return attribute_parse(parse, line + 2);
    }
    if (line[0] != 'm') {
        return 0; /* o=, s=, t=, c=, b= say nothing that is used */
    }
    if (parse->in_section) {
        int err = section_end(parse);
        if (err != 0) {
            return err;
        }
    }
    return section_begin(parse, line + 2);
}

static bool in_bundle(const struct sdp_offer *offer, size_t index)
{
    for (size_t i = 0; i < offer->bundle_count; i++) {
        if (offer->bundle[i] == index) {
            return true;
        }
    }
    return false;
}

/* From the group's mids to m-lines. */
static int bundle_build(struct parse *parse)
{
    struct sdp_offer *offer = parse->offer;
    offer->bundle = mem_array(parse->bundle_count, sizeof(*offer->bundle));
    for (size_t i = 0; i < parse->bundle_count; i++) {
        const char *mid = parse->bundle[i];
        const struct sdp_media *media = sdp_offer_find(offer, mid);
        if (media == NULL) {
            return parse_fail(parse, ERR_INVALID, "BUNDLE names a mid that no m-line has: %s", mid);
        }
        size_t index = (size_t)(media - offer->media);
        if (in_bundle(offer, index)) {
            return parse_fail(parse, ERR_INVALID, "BUNDLE names the mid %s twice", mid);
        }
        if (!media->rejected) {
            offer->bundle[offer->bundle_count++] = index;
        }
    }
    return 0;
}

static int bundle_check(struct parse *parse)
{
    if (parse->bundle_count == 0) {
        return parse_fail(parse, ERR_UNSUPPORTED, "no BUNDLE group: all media must be bundled");
    }
    int err = bundle_build(parse);
    for (size_t i = 0; err == 0 && i < parse->offer->media_count; i++) {
        const struct sdp_media *media = &parse->offer->media[i];
        if (!media->rejected && !in_bundle(parse->offer, i)) {
            err = parse_fail(parse, ERR_UNSUPPORTED, "m-line %zu (mid %s) is not in the BUNDLE", i,
                             media->mid);
        }
    }
    return err;
}

static int transport_check(struct parse *parse)
{
    struct sdp_offer *offer = parse->offer;
    const struct parse_transport *transport = &parse->transport;
    if (parse->ice_lite) {
        return parse_fail(parse, ERR_UNSUPPORTED, "an ICE-lite client cannot be served");
    }
    if (transport->ufrag == NULL || transport->pwd == NULL) {
        return parse_fail(parse, ERR_INVALID, "no ICE credentials (ice-ufrag, ice-pwd)");
    }
    if (transport->fingerprint.len == 0) {
        return parse_fail(parse, ERR_INVALID, "no certificate fingerprint of SHA-256 or better");
    }
    /* We are the DTLS server, so the client must be willing to be active (RFC 8842 §5.2). */
    if (!parse->answer && transport->setup != NULL && strcmp(transport->setup, "actpass") != 0 &&
        strcmp(transport->setup, "active") != 0) {
        return parse_fail(parse, ERR_UNSUPPORTED, "the client will not be the DTLS client");
    }
    offer->ice_ufrag = transport->ufrag;
    offer->ice_pwd = transport->pwd;
    offer->fingerprint = transport->fingerprint;
    return 0;
}

static int lines_parse(struct parse *parse)
{
    char *at = parse->offer->text;
    for (char *line = scan_line(&at); line != NULL; line = scan_line(&at)) {
        parse->line++;
        if (line[0] == '\0' && *at == '\0') {
            break; /* an empty last line */
        }
        int err = line_parse(parse, line);
        if (err != 0) {
            return err;
        }
    }
    if (!parse->in_section) {
        parse->line = 0;
        return parse_fail(parse, ERR_INVALID, "the offer has no m-line");
    }
    int err = section_end(parse);
    parse->line = 0; /* what follows is not about a line */
    return err;
}

static int description_parse(struct sdp_offer **out, const char *text, size_t len, bool answer,
                             char reason[SDP_REASON_MAX])
{
    struct parse *parse = mem_alloc(sizeof(*parse));
    parse->answer = answer;
    parse->reason = reason;
    parse->direction = SDP_SENDRECV;
    struct sdp_offer *offer = mem_alloc(sizeof(*offer));
    parse->offer = offer;
    int err = 0;
    if (len > SDP_TEXT_MAX) {
        err = parse_fail(parse, ERR_TOO_BIG, "the offer is longer than %d bytes", SDP_TEXT_MAX);
    } else if (memchr(text, '\0', len) != NULL) {
        err = parse_fail(parse, ERR_INVALID, "the offer contains a zero byte");
    } else {
        offer->text = mem_copy(text, len);
        err = lines_parse(parse);
    }
    if (err == 0) {
        err = bundle_check(parse);
    }
    if (err == 0) {
        err = transport_check(parse);
    }
    free(parse);
    if (err != 0) {
        sdp_offer_free(offer);
        return err;
    }
    *out = offer;
    return 0;
}

int sdp_offer_parse(struct sdp_offer **out, const char *text, size_t len,
                    char reason[SDP_REASON_MAX])
{
    return description_parse(out, text, len, false, reason);
}

int sdp_answer_parse(struct sdp_offer **out, const char *text, size_t len,
                     char reason[SDP_REASON_MAX])
{
    return description_parse(out, text, len, true, reason);
}

void sdp_offer_free(struct sdp_offer *offer)
{
    for (size_t i = 0; i < offer->media_count; i++) {
        free(offer->media[i].codecs);
        free(offer->media[i].rids);
        free(offer->media[i].sources);
    }
    free(offer->bundle);
    free(offer->media);
    free(offer->text);
    free(offer);
}

const struct sdp_media *sdp_offer_find(const struct sdp_offer *offer, const char *mid)
{
    for (size_t i = 0; i < offer->media_count; i++) {
        if (strcmp(offer->media[i].mid, mid) == 0) {
            return &offer->media[i];
        }
    }
    return NULL;
}

int sdp_offer_follows(const struct sdp_offer *offer, const struct sdp_line *lines, size_t count,
                      char reason[SDP_REASON_MAX])
{
    for (size_t i = 0; i < count; i++) {
        if (i >= offer->media_count) {
            snprintf(reason, SDP_REASON_MAX, "the offer has lost m-line %zu (mid %s)", i,
                     lines[i].mid);
            return ERR_INVALID;
        }
        const struct sdp_media *media = &offer->media[i];
        if (lines[i].rejected) {
            continue;
        }
        if (strcmp(media->mid, lines[i].mid) != 0) {
            snprintf(reason, SDP_REASON_MAX, "m-line %zu changed its mid from %s to %s", i,
                     lines[i].mid, media->mid);
            return ERR_INVALID;
        }
        if (media->kind != lines[i].kind) {
            snprintf(reason, SDP_REASON_MAX, "m-line %zu (mid %s) changed its kind", i, media->mid);
            return ERR_INVALID;
        }
    }
    return 0;
}
