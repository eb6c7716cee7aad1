/* SPDX-License-Identifier: Apache-2.0
 *
 * The text of an answer (RFC 8829 §5.3), or of an offer of ours (§5.2). What holds for the one
 * transport of the BUNDLE is said once, at session level: credentials, fingerprint.
 *
 * No a=end-of-candidates: when a client is moved, its next node's candidate is trickled for the
 * same credentials, and nothing may follow that line (RFC 8840 §8.2).
 */
#include "orchestrator/core/sdp/parse.h"

#include <inttypes.h>
#include <stdio.h>

#define MESSAGE_SIZE_MAX 262144 /* what we take from a data channel; SDKs send up to 64,000 */
#define SCTP_PORT        5000
/* pion and webrtcbin look for it in sections alone, where RFC 4145 §4 has it at either level. */
#define SETUP "a=setup:passive\r\n"

struct text {
    char *data;
    size_t len;
    size_t size;
};

static void add(struct text *text, const char *format, ...) PRINTF_LIKE(2, 3);
static void add(struct text *text, const char *format, ...)
{
    for (;;) {
        size_t room = text->size - text->len;
        va_list args;
        va_start(args, format);
        int len = vsnprintf(text->data + text->len, room, format, args);
        va_end(args);
        assert(len >= 0);
        if ((size_t)len < room) {
            text->len += (size_t)len;
            return;
        }
        text->size = 2 * text->size + (size_t)len;
        text->data = mem_grow(text->data, text->size, 1);
    }
}

static void write_session(struct text *text, const struct sdp_offer *offer,
                          const struct sdp_section *sections, const struct sdp_local *local)
{
    add(text, "v=0\r\no=- %" PRIu64 " %" PRIu64 " IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\n",
        local->session_id, local->session_version);
    const char *separator = "a=group:BUNDLE "; /* no group where nothing is accepted */
    for (size_t i = 0; i < offer->bundle_count; i++) {
        size_t index = offer->bundle[i];
        if (sections[index].use != SDP_USE_REJECT) {
            add(text, "%s%s", separator, offer->media[index].mid);
            separator = " ";
        }
    }
    add(text, "%sa=ice-lite\r\na=ice-options:trickle\r\n", separator[0] == ' ' ? "\r\n" : "");
    add(text, "a=ice-ufrag:%s\r\na=ice-pwd:%s\r\n", local->ice_ufrag, local->ice_pwd);
    add(text, "a=fingerprint:%s\r\n", local->fingerprint);
    if (offer->extmap_allow_mixed) {
        add(text, "a=extmap-allow-mixed\r\n");
    }
}

static void write_candidates(struct text *text, const struct sdp_local *local)
{
    for (size_t i = 0; i < local->candidate_count; i++) {
        char candidate[SDP_CANDIDATE_MAX];
        sdp_candidate_write(candidate, &local->candidates[i]);
        add(text, "a=%s\r\n", candidate);
    }
}

static void write_rejected(struct text *text, const struct sdp_media *media)
{
    add(text, "m=%s 0 %s %s\r\nc=IN IP4 0.0.0.0\r\na=mid:%s\r\na=inactive\r\n" SETUP, media->type,
        media->protocol, media->format, media->mid);
}

static void write_data(struct text *text, const struct sdp_media *media)
{
    add(text, "m=%s 9 %s %s\r\nc=IN IP4 0.0.0.0\r\na=mid:%s\r\n" SETUP, media->type,
        media->protocol, media->format, media->mid);
    add(text, "a=sctp-port:%d\r\na=max-message-size:%d\r\n", SCTP_PORT, MESSAGE_SIZE_MAX);
}

/* What was offered one way is answered the other way round. */
static void write_extensions(struct text *text, const struct sdp_offer *offer,
                             const struct sdp_media *media, unsigned extensions)
{
    for (enum sdp_extension kind = SDP_EXT_MID; kind < SDP_EXT_COUNT; kind++) {
        unsigned bit = SDP_EXT_BIT(kind);
        if ((extensions & bit) == 0) {
            continue;
        }
        const char *direction = (media->extensions_sendonly & bit) != 0   ? "/recvonly"
                                : (media->extensions_recvonly & bit) != 0 ? "/sendonly"
                                                                          : "";
        add(text, "a=extmap:%u%s %s\r\n", offer->extension_ids[kind], direction,
            names_extension_uri(kind));
    }
}

static void write_codec(struct text *text, const struct sdp_answer_codec *codec)
{
    add(text, "a=rtpmap:%u %s/%u", codec->payload_type, sdp_codec_name(codec->id), codec->clock_hz);
    if (codec->channels > 1) {
        add(text, "/%u", codec->channels);
    }
    add(text, "\r\n");
    for (size_t bit = 0; bit < NAMES_FEEDBACKS; bit++) {
        if ((codec->feedback & 1u << bit) != 0) {
            add(text, "a=rtcp-fb:%u %s\r\n", codec->payload_type, names_feedback(bit));
        }
    }
    if (codec->fmtp[0] != '\0') {
        add(text, "a=fmtp:%u %s\r\n", codec->payload_type, codec->fmtp);
    }
    if (codec->rtx != 0) {
        add(text, "a=rtpmap:%u rtx/%u\r\na=fmtp:%u apt=%u\r\n", codec->rtx, codec->clock_hz,
            codec->rtx, codec->payload_type);
    }
}

static void write_layers(struct text *text, const struct sdp_media *media,
                         const struct sdp_section *section)
{
    for (size_t i = 0; i < section->rid_count; i++) {
        add(text, "a=rid:%s recv\r\n", section->rids[i].id);
    }
    if (!media->simulcast || section->rid_count == 0) {
        return;
    }
    add(text, "a=simulcast:recv");
    for (size_t i = 0; i < section->rid_count; i++) {
        add(text, "%c%s", i == 0 ? ' ' : ';', section->rids[i].id);
    }
    add(text, "\r\n");
}

/* RFC 5576. Without RTX in the section its SSRC says nothing. */
static void write_source(struct text *text, const struct sdp_section *section)
{
    const struct sdp_source *source = &section->source;
    bool rtx = section->codec_count > 0 && section->codecs[0].rtx != 0 && source->rtx_ssrc != 0;
    if (source->ssrc == 0) {
        return;
    }
    if (rtx) {
        add(text, "a=ssrc-group:FID %u %u\r\n", source->ssrc, source->rtx_ssrc);
    }
    add(text, "a=ssrc:%u cname:%s\r\n", source->ssrc, section->cname);
    if (rtx) {
        add(text, "a=ssrc:%u cname:%s\r\n", source->rtx_ssrc, section->cname);
    }
}

static const char *direction_of(enum sdp_use use)
{
    switch (use) {
    case SDP_USE_RECEIVE:
        return "recvonly";
    case SDP_USE_SEND:
        return "sendonly";
    case SDP_USE_INACTIVE:
        return "inactive";
    case SDP_USE_REJECT:
    case SDP_USE_DATA:
        break;
    }
    unreachable();
}

static void write_rtp(struct text *text, const struct sdp_offer *offer,
                      const struct sdp_media *media, const struct sdp_section *section)
{
    add(text, "m=%s 9 %s", media->type, media->protocol);
    for (size_t i = 0; i < section->codec_count; i++) {
        add(text, " %u", section->codecs[i].payload_type);
        if (section->codecs[i].rtx != 0) {
            add(text, " %u", section->codecs[i].rtx);
        }
    }
    add(text, "\r\nc=IN IP4 0.0.0.0\r\n");
    if (section->bitrate_bps_max != 0) {
        add(text, "b=TIAS:%u\r\n", section->bitrate_bps_max);
    }
    add(text, "a=mid:%s\r\na=%s\r\na=rtcp-mux\r\n" SETUP, media->mid, direction_of(section->use));
    if (media->rtcp_rsize) {
        add(text, "a=rtcp-rsize\r\n");
    }
    if (media->extmap_allow_mixed) {
        add(text, "a=extmap-allow-mixed\r\n");
    }
    write_extensions(text, offer, media, section->extensions);
    for (size_t i = 0; i < section->codec_count; i++) {
        write_codec(text, &section->codecs[i]);
    }
    write_layers(text, media, section);
    if (section->use == SDP_USE_SEND) {
        add(text, "a=msid:%s %s\r\n", section->stream, section->track);
        write_source(text, section);
    }
}

/* The answer's tagged section (RFC 8843 §7.3.2): the first of the group that is accepted. */
static size_t tagged_of(const struct sdp_offer *offer, const struct sdp_section *sections)
{
    for (size_t i = 0; i < offer->bundle_count; i++) {
        if (sections[offer->bundle[i]].use != SDP_USE_REJECT) {
            return offer->bundle[i];
        }
    }
    return SIZE_MAX;
}

char *sdp_answer_write(const struct sdp_offer *offer, const struct sdp_section *sections,
                       const struct sdp_local *local)
{
    struct text text = {.data = mem_alloc(4096), .size = 4096};
    write_session(&text, offer, sections, local);
    size_t tagged = tagged_of(offer, sections);
    for (size_t i = 0; i < offer->media_count; i++) {
        const struct sdp_media *media = &offer->media[i];
        const struct sdp_section *section = &sections[i];
        if (section->use == SDP_USE_REJECT) {
            write_rejected(&text, media);
            continue;
        }
        if (section->use == SDP_USE_DATA) {
            write_data(&text, media);
        } else {
            write_rtp(&text, offer, media, section);
        }
        if (i == tagged) {
            write_candidates(&text, local);
        }
    }
    return text.data;
}
