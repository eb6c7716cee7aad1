/* SPDX-License-Identifier: Apache-2.0
 *
 * The a= lines. Each attribute has one function and one row in the table at the end, which also
 * says where it may stand; an attribute at the wrong level, or unknown, is passed over (RFC 8866
 * §5.13).
 */
#include "orchestrator/core/sdp/parse.h"

#include <strings.h>

static struct parse_transport *transport_of(struct parse *parse)
{
    return parse->in_section ? &parse->section.transport : &parse->transport;
}

/* ---- Session ------------------------------------------------------------------------------- */

static int parse_group(struct parse *parse, char *value)
{
    const char *semantics = scan_word(&value, ' ');
    if (semantics == NULL || strcmp(semantics, "BUNDLE") != 0 || parse->bundle_count > 0) {
        return 0; /* other semantics (LS), or a second BUNDLE, whose m-lines will be missed */
    }
    for (char *mid = scan_word(&value, ' '); mid != NULL; mid = scan_word(&value, ' ')) {
        if (parse->bundle_count == SDP_MEDIA_MAX) {
            return parse_fail(parse, ERR_TOO_BIG, "more than %d mids in BUNDLE", SDP_MEDIA_MAX);
        }
        if (!scan_is_token(mid, SDP_MID_MAX)) {
            return parse_fail(parse, ERR_INVALID, "a mid in BUNDLE is no mid");
        }
        parse->bundle[parse->bundle_count++] = mid;
    }
    return 0;
}

static int parse_ice_lite(struct parse *parse, char *value)
{
    (void)value;
    parse->ice_lite = true;
    return 0;
}

static int parse_extmap_allow_mixed(struct parse *parse, char *value)
{
    (void)value;
    if (parse->in_section) {
        parse->section.media.extmap_allow_mixed = true;
    } else {
        parse->offer->extmap_allow_mixed = true;
    }
    return 0;
}

/* ---- Transport ----------------------------------------------------------------------------- */

static int parse_ice_ufrag(struct parse *parse, char *value)
{
    if (!scan_is_ice(value, 4, SDP_TOKEN_MAX)) {
        return parse_fail(parse, ERR_INVALID, "ice-ufrag is not 4 to 255 ICE characters");
    }
    transport_of(parse)->ufrag = value;
    return 0;
}

static int parse_ice_pwd(struct parse *parse, char *value)
{
    if (!scan_is_ice(value, 22, SDP_TOKEN_MAX)) {
        return parse_fail(parse, ERR_INVALID, "ice-pwd is not 22 to 255 ICE characters");
    }
    transport_of(parse)->pwd = value;
    return 0;
}

static int parse_ice_options(struct parse *parse, char *value)
{
    for (char *word = scan_word(&value, ' '); word != NULL; word = scan_word(&value, ' ')) {
        if (strcmp(word, "trickle") == 0) {
            parse->offer->ice_trickle = true;
        }
    }
    return 0;
}

static int parse_setup(struct parse *parse, char *value)
{
    transport_of(parse)->setup = value;
    return 0;
}

static bool hex_parse(uint8_t *out, size_t *len, size_t max, const char *text)
{
    size_t count = 0;
    for (;; text += 3) {
        uint8_t byte = 0;
        for (int i = 0; i < 2; i++) {
            const char *digits = "0123456789abcdef";
            const char *digit = text[i] != '\0' ? strchr(digits, text[i] | 0x20) : NULL;
            if (digit == NULL) {
                return false;
            }
            byte = (uint8_t)(byte << 4 | (digit - digits));
        }
        if (count == max) {
            return false;
        }
        out[count++] = byte;
        if (text[2] == '\0') {
            *len = count;
            return true;
        }
        if (text[2] != ':') {
            return false;
        }
    }
}

/* The strongest hash that is offered counts; hashes we do not know are no error (RFC 8122 §5). */
static int parse_fingerprint(struct parse *parse, char *value)
{
    static const struct {
        const char *name;
        size_t len;
    } hashes[] = {{"sha-256", 32}, {"sha-384", 48}, {"sha-512", 64}};
    const char *algorithm = scan_word(&value, ' ');
    const char *digest = scan_word(&value, ' ');
    if (algorithm == NULL || digest == NULL) {
        return parse_fail(parse, ERR_INVALID, "fingerprint without a digest");
    }
    struct sdp_fingerprint *best = &transport_of(parse)->fingerprint;
    for (size_t i = 0; i < ARRAY_LEN(hashes); i++) {
        if (strcasecmp(algorithm, hashes[i].name) != 0 || best->len >= hashes[i].len) {
            continue;
        }
        struct sdp_fingerprint found = {.algorithm = hashes[i].name};
        if (!hex_parse(found.digest, &found.len, hashes[i].len, digest) ||
            found.len != hashes[i].len) {
            return parse_fail(parse, ERR_INVALID, "the fingerprint is no %s digest",
                              hashes[i].name);
        }
        *best = found;
    }
    return 0;
}

/* ---- Directions ---------------------------------------------------------------------------- */

static int direction_set(struct parse *parse, enum sdp_direction direction)
{
    *(parse->in_section ? &parse->section.media.direction : &parse->direction) = direction;
    return 0;
}

static int parse_sendrecv(struct parse *parse, char *value)
{
    (void)value;
    return direction_set(parse, SDP_SENDRECV);
}

static int parse_sendonly(struct parse *parse, char *value)
{
    (void)value;
    return direction_set(parse, SDP_SENDONLY);
}

static int parse_recvonly(struct parse *parse, char *value)
{
    (void)value;
    return direction_set(parse, SDP_RECVONLY);
}

static int parse_inactive(struct parse *parse, char *value)
{
    (void)value;
    return direction_set(parse, SDP_INACTIVE);
}

/* ---- Sections ------------------------------------------------------------------------------ */

static int parse_mid(struct parse *parse, char *value)
{
    if (!scan_is_token(value, SDP_MID_MAX)) {
        return parse_fail(parse, ERR_INVALID, "mid is not 1 to %d token characters", SDP_MID_MAX);
    }
    parse->section.media.mid = value;
    return 0;
}

/* a=msid:<stream> <track>; of several the first counts (RFC 8830 §2). */
static int msid_set(struct parse *parse, char *value)
{
    struct sdp_media *media = &parse->section.media;
    if (media->stream[0] != '\0') {
        return 0;
    }
    const char *stream = scan_word(&value, ' ');
    const char *track = scan_word(&value, ' ');
    if (stream == NULL || strlen(stream) > SDP_TOKEN_MAX ||
        (track != NULL && strlen(track) > SDP_TOKEN_MAX)) {
        return parse_fail(parse, ERR_INVALID, "msid is empty or longer than %d", SDP_TOKEN_MAX);
    }
    media->stream = stream;
    media->track = track != NULL ? track : "";
    return 0;
}

static int parse_rtcp_mux(struct parse *parse, char *value)
{
    (void)value;
    parse->section.rtcp_mux = true;
    return 0;
}

static int parse_rtcp_rsize(struct parse *parse, char *value)
{
    (void)value;
    parse->section.media.rtcp_rsize = true;
    return 0;
}

static int parse_bundle_only(struct parse *parse, char *value)
{
    (void)value;
    parse->section.bundle_only = true;
    return 0;
}

static int parse_sctp_port(struct parse *parse, char *value)
{
    uint32_t port;
    if (!scan_number(value, UINT16_MAX, &port)) {
        return parse_fail(parse, ERR_INVALID, "sctp-port is no port");
    }
    parse->section.media.sctp_port = (uint16_t)port;
    return 0;
}

static int parse_max_message_size(struct parse *parse, char *value)
{
    if (!scan_number(value, UINT32_MAX, &parse->section.media.max_message_size)) {
        return parse_fail(parse, ERR_INVALID, "max-message-size is no 32-bit number");
    }
    return 0;
}

/* ---- Codecs and extensions ----------------------------------------------------------------- */

/* The format a line is about, and value moved behind the payload type. NULL if the m-line does not
 * list it: such lines are passed over. */
static struct parse_format *format_of(struct parse *parse, char **value)
{
    const char *word = scan_word(value, ' ');
    uint32_t number;
    if (word == NULL || !scan_number(word, SDP_CODECS_MAX - 1, &number)) {
        return NULL;
    }
    struct parse_format *format = &parse->section.formats[number];
    return format->listed ? format : NULL;
}

/* a=rtpmap:<pt> <name>/<clock>[/<channels>] */
static int parse_rtpmap(struct parse *parse, char *value)
{
    struct parse_format *format = format_of(parse, &value);
    if (format == NULL) {
        return 0;
    }
    const char *name = scan_word(&value, '/');
    const char *clock = scan_word(&value, '/');
    uint32_t channels = 1;
    if (name == NULL || clock == NULL || !scan_number(clock, UINT32_MAX, &format->clock_hz) ||
        (*value != '\0' && !scan_number(value, UINT8_MAX, &channels))) {
        return parse_fail(parse, ERR_INVALID, "rtpmap is not <name>/<clock>");
    }
    enum sdp_codec_id id = sdp_codec_from_name(name);
    enum sdp_kind kind = parse->section.media.kind;
    format->id = names_codec_fits(id, kind, format->clock_hz) ? id : SDP_CODEC_OTHER;
    format->channels = (uint8_t)channels;
    return 0;
}

static int parse_fmtp(struct parse *parse, char *value)
{
    struct parse_format *format = format_of(parse, &value);
    if (format != NULL) {
        format->fmtp = value;
    }
    return 0;
}

static int parse_rtcp_fb(struct parse *parse, char *value)
{
    if (value[0] == '*' && value[1] == ' ') {
        parse->section.feedback_all |= names_feedback_from_text(value + 2);
        return 0;
    }
    struct parse_format *format = format_of(parse, &value);
    if (format != NULL) {
        format->feedback |= names_feedback_from_text(value);
    }
    return 0;
}

/* a=extmap:<id>[/<direction>] <URI>. Firefox offers rid and the dependency descriptor sendonly. */
static int parse_extmap(struct parse *parse, char *value)
{
    char *word = scan_word(&value, ' ');
    const char *uri = scan_word(&value, ' ');
    const char *id_text = word != NULL ? scan_word(&word, '/') : NULL;
    uint32_t id;
    if (id_text == NULL || uri == NULL || !scan_number(id_text, 14, &id) || id == 0) {
        return 0; /* ids above 14 need two-byte headers: we do without those extensions */
    }
    enum sdp_extension kind = names_extension_from_uri(uri);
    if (kind == SDP_EXT_NONE || strcmp(word, "inactive") == 0) {
        return 0;
    }
    uint8_t *known = &parse->offer->extension_ids[kind];
    uint8_t *used = &parse->extension_kinds[id];
    if ((*known != 0 && *known != id) || (*used != 0 && *used != kind)) {
        return parse_fail(parse, ERR_UNSUPPORTED,
                          "header extension %u means different things in one BUNDLE", id);
    }
    *known = (uint8_t)id;
    *used = (uint8_t)kind;
    struct sdp_media *media = &parse->section.media;
    media->extensions |= SDP_EXT_BIT(kind);
    if (strcmp(word, "sendonly") == 0) {
        media->extensions_sendonly |= SDP_EXT_BIT(kind);
    } else if (strcmp(word, "recvonly") == 0) {
        media->extensions_recvonly |= SDP_EXT_BIT(kind);
    }
    return 0;
}

/* ---- Simulcast ----------------------------------------------------------------------------- */

/* a=rid:<id> send [restrictions] (RFC 8851 §10). What restricts the client does not concern us. */
static int parse_rid(struct parse *parse, char *value)
{
    struct parse_section *section = &parse->section;
    const char *id = scan_word(&value, ' ');
    const char *direction = scan_word(&value, ' ');
    if (id == NULL || direction == NULL || !scan_is_token(id, SDP_MID_MAX)) {
        return parse_fail(parse, ERR_INVALID, "rid is not <id> <direction>");
    }
    if (strcmp(direction, "send") != 0) {
        return 0;
    }
    for (size_t i = 0; i < section->rid_count; i++) {
        if (strcmp(section->rids[i].id, id) == 0) { /* a node refuses a spec that has it, whole */
            return parse_fail(parse, ERR_INVALID, "rid %s is given twice", id);
        }
    }
    if (section->rid_count == SDP_RIDS_MAX) {
        return parse_fail(parse, ERR_TOO_BIG, "more than %d rids", SDP_RIDS_MAX);
    }
    section->rids[section->rid_count++] = (struct sdp_rid){.id = id};
    return 0;
}

/* a=simulcast:send <list> [recv <list>], in either order (RFC 8853 §5.1). */
static int parse_simulcast(struct parse *parse, char *value)
{
    for (char *word = scan_word(&value, ' '); word != NULL; word = scan_word(&value, ' ')) {
        char *list = scan_word(&value, ' ');
        if (list == NULL) {
            return parse_fail(parse, ERR_INVALID, "simulcast without a list");
        }
        if (strcmp(word, "send") == 0) {
            parse->section.simulcast = list;
        }
    }
    return 0;
}

/* ---- Sources ------------------------------------------------------------------------------- */

/* a=ssrc:<ssrc> <attribute>[:<value>] (RFC 5576 §4.1) */
static int parse_ssrc(struct parse *parse, char *value)
{
    struct parse_section *section = &parse->section;
    const char *word = scan_word(&value, ' ');
    uint32_t ssrc;
    if (word == NULL || !scan_number(word, UINT32_MAX, &ssrc)) {
        return parse_fail(parse, ERR_INVALID, "ssrc is no 32-bit number");
    }
    bool known = false;
    for (size_t i = 0; i < section->ssrc_count; i++) {
        known = known || section->ssrcs[i] == ssrc;
    }
    if (!known && section->ssrc_count == PARSE_SSRCS_MAX) {
        return parse_fail(parse, ERR_TOO_BIG, "more than %d SSRCs", PARSE_SSRCS_MAX);
    }
    if (!known) {
        section->ssrcs[section->ssrc_count++] = ssrc;
    }
    if (strncmp(value, "cname:", 6) == 0 && section->media.cname[0] == '\0') {
        section->media.cname = value + 6;
    }
    if (strncmp(value, "msid:", 5) == 0) {
        return msid_set(parse, value + 5); /* before RFC 8830 it stood here only */
    }
    return 0;
}

static int group_fid(struct parse *parse, const uint32_t *ssrcs, size_t count)
{
    struct parse_section *section = &parse->section;
    if (count != 2 || section->pair_count == PARSE_SSRCS_MAX) {
        return parse_fail(parse, ERR_INVALID, "an FID group that is no pair, or too many");
    }
    section->pairs[section->pair_count++] =
        (struct sdp_source){.ssrc = ssrcs[0], .rtx_ssrc = ssrcs[1]};
    return 0;
}

static int group_sim(struct parse *parse, const uint32_t *ssrcs, size_t count)
{
    struct parse_section *section = &parse->section;
    if (count > SDP_SOURCES_MAX) {
        return parse_fail(parse, ERR_TOO_BIG, "more than %d SSRCs in a SIM group", SDP_SOURCES_MAX);
    }
    memcpy(section->sim, ssrcs, count * sizeof(*ssrcs));
    section->sim_count = count;
    return 0;
}

/* a=ssrc-group:<semantics> <ssrc> ... (RFC 5576 §4.2) */
static int parse_ssrc_group(struct parse *parse, char *value)
{
    struct parse_section *section = &parse->section;
    const char *semantics = scan_word(&value, ' ');
    uint32_t ssrcs[PARSE_SSRCS_MAX];
    size_t count = 0;
    for (char *word = scan_word(&value, ' '); word != NULL; word = scan_word(&value, ' ')) {
        if (count == PARSE_SSRCS_MAX || !scan_number(word, UINT32_MAX, &ssrcs[count])) {
            return parse_fail(parse, ERR_INVALID, "ssrc-group is no short list of SSRCs");
        }
        count++;
    }
    if (semantics == NULL || count == 0) {
        return 0;
    }
    if (strcmp(semantics, "FID") == 0) {
        return group_fid(parse, ssrcs, count);
    }
    if (strcmp(semantics, "SIM") == 0) {
        return group_sim(parse, ssrcs, count);
    }
    if (strcmp(semantics, "FEC-FR") == 0 && count == 2 &&
        section->protection_count < PARSE_SSRCS_MAX) {
        section->protections[section->protection_count++] = ssrcs[1];
    }
    return 0;
}

static int parse_msid(struct parse *parse, char *value)
{
    parse->section.media.stream = ""; /* stronger than one in an a=ssrc line before it */
    return msid_set(parse, value);
}

/* ---- The table ----------------------------------------------------------------------------- */

enum level { SESSION = 1, MEDIA = 2, BOTH = 3 };

static const struct {
    const char *name;
    enum level level;
    int (*parse)(struct parse *parse, char *value);
} attributes[] = {
    {"ssrc", MEDIA, parse_ssrc}, /* the most frequent first */
    {"rtcp-fb", MEDIA, parse_rtcp_fb},
    {"rtpmap", MEDIA, parse_rtpmap},
    {"fmtp", MEDIA, parse_fmtp},
    {"extmap", MEDIA, parse_extmap},
    {"ice-ufrag", BOTH, parse_ice_ufrag},
    {"ice-pwd", BOTH, parse_ice_pwd},
    {"ice-options", BOTH, parse_ice_options},
    {"fingerprint", BOTH, parse_fingerprint},
    {"setup", BOTH, parse_setup},
    {"mid", MEDIA, parse_mid},
    {"sendrecv", BOTH, parse_sendrecv},
    {"sendonly", BOTH, parse_sendonly},
    {"recvonly", BOTH, parse_recvonly},
    {"inactive", BOTH, parse_inactive},
    {"msid", MEDIA, parse_msid},
    {"rtcp-mux", MEDIA, parse_rtcp_mux},
    {"rtcp-rsize", MEDIA, parse_rtcp_rsize},
    {"rid", MEDIA, parse_rid},
    {"simulcast", MEDIA, parse_simulcast},
    {"ssrc-group", MEDIA, parse_ssrc_group},
    {"bundle-only", MEDIA, parse_bundle_only},
    {"sctp-port", MEDIA, parse_sctp_port},
    {"max-message-size", MEDIA, parse_max_message_size},
    {"group", SESSION, parse_group},
    {"ice-lite", SESSION, parse_ice_lite},
    {"extmap-allow-mixed", BOTH, parse_extmap_allow_mixed},
};

int attribute_parse(struct parse *parse, char *line)
{
    size_t len = strcspn(line, ":");
    char *value = line[len] == ':' ? line + len + 1 : line + len;
    line[len] = '\0';
    enum level level = parse->in_section ? MEDIA : SESSION;
    for (size_t i = 0; i < ARRAY_LEN(attributes); i++) {
        if ((attributes[i].level & level) != 0 && strcmp(line, attributes[i].name) == 0) {
            return attributes[i].parse(parse, value);
        }
    }
    return 0;
}
