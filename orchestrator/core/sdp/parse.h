/* SPDX-License-Identifier: Apache-2.0
 *
 * Private to sdp/. An offer is parsed in place: the parser works on its own copy of the text and
 * ends words with NUL bytes where their delimiters were, so that the strings of struct sdp_offer
 * are plain C strings that live in that copy.
 */
#ifndef ORCHESTRATOR_CORE_SDP_PARSE_H
#define ORCHESTRATOR_CORE_SDP_PARSE_H

#include "orchestrator/core/sdp/sdp.h"

/* ---- names.c ------------------------------------------------------------------------------- */

#define NAMES_FEEDBACKS 5 /* bits of enum sdp_feedback */

bool names_codec_fits(enum sdp_codec_id id, enum sdp_kind kind, uint32_t clock_hz);
enum sdp_extension names_extension_from_uri(const char *uri);
const char *names_extension_uri(enum sdp_extension kind);
unsigned names_feedback_from_text(const char *text); /* 0: none of ours */
const char *names_feedback(size_t bit);

/* ---- scan.c -------------------------------------------------------------------------------- */

/* The next line of *at without its end, NUL-terminated; NULL behind the last. Moves *at on. */
char *scan_line(char **at);

/* The next word before the delimiter (runs of spaces count as one), NUL-terminated; NULL when there
 * is none. Moves *at on. */
char *scan_word(char **at, char delimiter);

/* The whole of text as a decimal number of at most max. */
bool scan_number(const char *text, uint32_t max, uint32_t *out);

/* Of RFC 8866's token characters (or RFC 8839's ice-chars), min to max bytes. */
bool scan_is_token(const char *text, size_t max);
bool scan_is_ice(const char *text, size_t min, size_t max);

/* ---- fmtp.c -------------------------------------------------------------------------------- */

/* The parameter `name` of a format line, as a number in base 10 or 16. False if it is not there or
 * is no 32-bit number. */
bool fmtp_number(const char *fmtp, const char *name, unsigned base, uint32_t *out);

/* Our format line for an offered video codec: the parameters that say which variant of the codec
 * it is, as offered, and nothing else. False for variants we do not carry. */
bool fmtp_video(char out[SDP_FMTP_MAX], const struct sdp_codec *codec);

/* How well a format line of ours carries a stream of another one of the same codec: 0 not at all,
 * 3 fully. */
int fmtp_likeness(enum sdp_codec_id id, const char *a, const char *b);

/* ---- What offer.c, section.c and attribute.c share ------------------------------------------ */

/* Attributes that belong to the transport: at session level they hold for all m-lines. */
struct parse_transport {
    const char *ufrag; /* NULL: not said, as everything here */
    const char *pwd;
    const char *setup;
    struct sdp_fingerprint fingerprint;
};

struct parse_format {
    bool listed; /* in the m-line */
    enum sdp_codec_id id;
    uint8_t channels;
    uint32_t clock_hz;
    unsigned feedback;
    const char *fmtp;
};

#define PARSE_SSRCS_MAX (3 * SDP_SOURCES_MAX) /* with RTX and FEC */

/* An m-line while its lines are read. */
struct parse_section {
    struct sdp_media media;
    struct parse_transport transport;
    bool rtcp_mux;
    bool bundle_only;
    bool port_zero;
    uint8_t order[SDP_CODECS_MAX]; /* payload types as listed */
    size_t order_count;
    struct parse_format formats[SDP_CODECS_MAX]; /* by payload type */
    unsigned feedback_all;                       /* a=rtcp-fb:* */
    struct sdp_rid rids[SDP_RIDS_MAX];           /* a=rid, as listed */
    size_t rid_count;
    char *simulcast; /* the list behind "send" of a=simulcast, NULL if none */
    uint32_t ssrcs[PARSE_SSRCS_MAX];
    size_t ssrc_count;
    struct sdp_source pairs[PARSE_SSRCS_MAX]; /* FID */
    size_t pair_count;
    uint32_t protections[PARSE_SSRCS_MAX]; /* FEC streams: no sources of their own */
    size_t protection_count;
    uint32_t sim[SDP_SOURCES_MAX]; /* SIM group */
    size_t sim_count;
};

struct parse {
    struct sdp_offer *offer;
    char *reason;
    size_t line; /* number of the current line, for reasons */
    struct parse_transport transport;
    enum sdp_direction direction;
    bool answer; /* it is one: its a=setup is not looked at */
    bool ice_lite;
    const char *bundle[SDP_MEDIA_MAX]; /* mids of the group; the first is the tagged one */
    size_t bundle_count;
    uint8_t extension_kinds[15]; /* by id: enum sdp_extension, for collisions */
    bool in_section;
    struct parse_section section;
};

/* Writes the reason, with the line number in front, and returns err. */
int parse_fail(struct parse *parse, int err, const char *format, ...) PRINTF_LIKE(3, 4);

/* ---- attribute.c --------------------------------------------------------------------------- */

/* One a= line: `name` or `name:value`. */
int attribute_parse(struct parse *parse, char *line) MUST_CHECK;

/* ---- section.c ----------------------------------------------------------------------------- */

/* Begins a section with the value of its m= line. */
int section_begin(struct parse *parse, char *value) MUST_CHECK;

/* Checks the finished section and appends it to the offer. */
int section_end(struct parse *parse) MUST_CHECK;

#endif
