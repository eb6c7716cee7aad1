/* SPDX-License-Identifier: Apache-2.0
 *
 * One m-line: its beginning, and what is made of its lines once all are read.
 */
#include "orchestrator/core/sdp/parse.h"

static enum sdp_kind kind_of(const char *type, const char *protocol, const char *format)
{
    /* Any RTP profile with SAVPF is taken (RFC 8829 §5.1.2); data channels as RFC 8841 has them. */
    const char *end = strrchr(protocol, '/');
    bool rtp = end != NULL && strcmp(end, "/SAVPF") == 0;
    if (rtp && strcmp(type, "audio") == 0) {
        return SDP_AUDIO;
    }
    if (rtp && strcmp(type, "video") == 0) {
        return SDP_VIDEO;
    }
    bool sctp = strcmp(protocol, "UDP/DTLS/SCTP") == 0 || strcmp(protocol, "TCP/DTLS/SCTP") == 0;
    if (sctp && strcmp(type, "application") == 0 && strcmp(format, "webrtc-datachannel") == 0) {
        return SDP_APPLICATION;
    }
    return SDP_OTHER;
}

/* The payload types of an audio or video m-line, in order. Two have a meaning without an rtpmap
 * (RFC 3551 §6). */
static int formats_read(struct parse *parse, const char *first, char *rest)
{
    struct parse_section *section = &parse->section;
    for (const char *word = first; word != NULL; word = scan_word(&rest, ' ')) {
        uint32_t number;
        if (!scan_number(word, SDP_CODECS_MAX - 1, &number)) {
            return parse_fail(parse, ERR_INVALID, "an m-line lists what is no payload type");
        }
        struct parse_format *format = &section->formats[number];
        if (format->listed) {
            return parse_fail(parse, ERR_INVALID, "payload type %u is listed twice", number);
        }
        *format = (struct parse_format){.listed = true, .fmtp = ""};
        if (section->media.kind == SDP_AUDIO && (number == 0 || number == 8)) {
            format->id = number == 0 ? SDP_PCMU : SDP_PCMA;
            format->clock_hz = 8000;
            format->channels = 1;
        }
        section->order[section->order_count++] = (uint8_t)number;
    }
    return 0;
}

int section_begin(struct parse *parse, char *value)
{
    struct parse_section *section = &parse->section;
    if (parse->offer->media_count == SDP_MEDIA_MAX) {
        return parse_fail(parse, ERR_TOO_BIG, "more than %d m-lines", SDP_MEDIA_MAX);
    }
    const char *type = scan_word(&value, ' ');
    const char *port_text = scan_word(&value, ' ');
    const char *protocol = scan_word(&value, ' ');
    const char *format = scan_word(&value, ' ');
    uint32_t port;
    if (format == NULL || !scan_is_token(type, SDP_TOKEN_MAX) ||
        !scan_number(port_text, UINT16_MAX, &port)) {
        return parse_fail(parse, ERR_INVALID, "not <media> <port> <protocol> <format>");
    }
    memset(section, 0, sizeof(*section));
    section->port_zero = port == 0;
    section->media = (struct sdp_media){
        .kind = kind_of(type, protocol, format),
        .direction = parse->direction,
        .type = type,
        .protocol = protocol,
        .format = format,
        .mid = "",
        .stream = "",
        .track = "",
        .cname = "",
        .max_message_size = 65536, /* RFC 8841 §6.1 */
    };
    parse->in_section = true;
    bool rtp = section->media.kind == SDP_AUDIO || section->media.kind == SDP_VIDEO;
    return rtp ? formats_read(parse, format, value) : 0;
}

/* ---- The end of a section ------------------------------------------------------------------ */

/* The payload type that is RTX for pt, 0 if none: a=fmtp:<rtx> apt=<pt> (RFC 4588 §8.1). */
static uint8_t rtx_of(const struct parse_section *section, uint8_t pt)
{
    for (size_t i = 0; i < section->order_count; i++) {
        const struct parse_format *format = &section->formats[section->order[i]];
        uint32_t apt;
        if (format->id == SDP_RTX && fmtp_number(format->fmtp, "apt", 10, &apt) && apt == pt) {
            return section->order[i];
        }
    }
    return 0;
}

static void codecs_build(struct parse_section *section)
{
    struct sdp_media *media = &section->media;
    media->codecs = mem_array(section->order_count, sizeof(*media->codecs));
    for (size_t i = 0; i < section->order_count; i++) {
        const struct parse_format *format = &section->formats[section->order[i]];
        if (format->id == SDP_RTX) {
            continue;
        }
        media->codecs[media->codec_count++] = (struct sdp_codec){
            .id = format->id,
            .payload_type = section->order[i],
            .rtx = rtx_of(section, section->order[i]),
            .channels = format->channels,
            .clock_hz = format->clock_hz,
            .feedback = format->feedback | section->feedback_all,
            .fmtp = format->fmtp,
        };
    }
}

static struct sdp_rid *rid_find(struct parse_section *section, const char *id)
{
    for (size_t i = 0; i < section->rid_count; i++) {
        if (strcmp(section->rids[i].id, id) == 0) {
            return &section->rids[i];
        }
    }
    return NULL;
}

/* a=simulcast gives the order: streams by ';', of whose alternatives (',') the first is taken. */
static void rids_build(struct parse_section *section)
{
    struct sdp_media *media = &section->media;
    media->rids = mem_array(SDP_RIDS_MAX, sizeof(*media->rids));
    if (section->simulcast == NULL) {
        memcpy(media->rids, section->rids, sizeof(section->rids));
        media->rid_count = section->rid_count;
        return;
    }
    char *list = section->simulcast;
    for (char *stream = scan_word(&list, ';'); stream != NULL; stream = scan_word(&list, ';')) {
        stream[strcspn(stream, ",")] = '\0';
        bool paused = stream[0] == '~';
        struct sdp_rid *rid = rid_find(section, stream + (paused ? 1 : 0));
        if (rid == NULL || rid->id[0] == '\0') {
            continue; /* without its a=rid line, or named twice, it is no layer (RFC 8853 §5.2) */
        }
        media->rids[media->rid_count++] = (struct sdp_rid){.id = rid->id, .paused = paused};
        rid->id = "";
    }
    media->simulcast = media->rid_count > 0;
}

static bool is_secondary(const struct parse_section *section, uint32_t ssrc)
{
    for (size_t i = 0; i < section->pair_count; i++) {
        if (section->pairs[i].rtx_ssrc == ssrc) {
            return true;
        }
    }
    for (size_t i = 0; i < section->protection_count; i++) {
        if (section->protections[i] == ssrc) {
            return true;
        }
    }
    return false;
}

static int source_add(struct parse *parse, uint32_t ssrc)
{
    struct parse_section *section = &parse->section;
    struct sdp_media *media = &section->media;
    for (size_t i = 0; i < media->source_count; i++) {
        if (media->sources[i].ssrc == ssrc) {
            return 0;
        }
    }
    if (is_secondary(section, ssrc)) {
        return 0;
    }
    if (media->source_count == SDP_SOURCES_MAX) {
        return parse_fail(parse, ERR_TOO_BIG, "more than %d sources in one m-line",
                          SDP_SOURCES_MAX);
    }
    struct sdp_source source = {.ssrc = ssrc};
    for (size_t i = 0; i < section->pair_count; i++) {
        if (section->pairs[i].ssrc == ssrc) {
            source.rtx_ssrc = section->pairs[i].rtx_ssrc;
        }
    }
    media->sources[media->source_count++] = source;
    return 0;
}

static int sources_build(struct parse *parse)
{
    struct parse_section *section = &parse->section;
    section->media.sources = mem_array(SDP_SOURCES_MAX, sizeof(*section->media.sources));
    int err = 0;
    for (size_t i = 0; err == 0 && i < section->sim_count; i++) {
        err = source_add(parse, section->sim[i]);
    }
    for (size_t i = 0; err == 0 && i < section->ssrc_count; i++) {
        err = source_add(parse, section->ssrcs[i]);
    }
    return err;
}

static int section_check(struct parse *parse)
{
    const struct parse_section *section = &parse->section;
    const struct sdp_media *media = &section->media;
    if (media->mid[0] == '\0') {
        return parse_fail(parse, ERR_INVALID, "the m-line that ends here has no mid");
    }
    if (sdp_offer_find(parse->offer, media->mid) != NULL) {
        return parse_fail(parse, ERR_INVALID, "two m-lines have the mid %s", media->mid);
    }
    if (media->rejected) {
        return 0;
    }
    bool rtp = media->kind == SDP_AUDIO || media->kind == SDP_VIDEO;
    if (rtp && !section->rtcp_mux) {
        return parse_fail(parse, ERR_UNSUPPORTED, "no rtcp-mux in the m-line with mid %s",
                          media->mid);
    }
    if (media->kind == SDP_APPLICATION && media->sctp_port == 0) {
        return parse_fail(parse, ERR_INVALID, "no sctp-port in the m-line with mid %s", media->mid);
    }
    return 0;
}

/* The tagged section of the BUNDLE speaks for all; the session level fills in what it leaves. */
static void transport_take(struct parse *parse)
{
    const struct parse_transport *own = &parse->section.transport;
    struct parse_transport *all = &parse->transport;
    if (parse->bundle_count == 0 || strcmp(parse->bundle[0], parse->section.media.mid) != 0) {
        return;
    }
    all->ufrag = own->ufrag != NULL ? own->ufrag : all->ufrag;
    all->pwd = own->pwd != NULL ? own->pwd : all->pwd;
    all->setup = own->setup != NULL ? own->setup : all->setup;
    all->fingerprint = own->fingerprint.len > 0 ? own->fingerprint : all->fingerprint;
}

static void media_append(struct sdp_offer *offer, const struct sdp_media *media)
{
    size_t count = offer->media_count;
    if ((count & (count - 1)) == 0) { /* full at every power of two */
        offer->media = mem_grow(offer->media, MAX(1, 2 * count), sizeof(*offer->media));
    }
    offer->media[offer->media_count++] = *media;
}

int section_end(struct parse *parse)
{
    struct parse_section *section = &parse->section;
    section->media.rejected = section->port_zero && !section->bundle_only;
    int err = section_check(parse);
    if (err != 0) {
        return err;
    }
    transport_take(parse);
    codecs_build(section);
    rids_build(section);
    err = sources_build(parse);
    media_append(parse->offer, &section->media); /* even then: the offer owns the arrays */
    return err;
}
