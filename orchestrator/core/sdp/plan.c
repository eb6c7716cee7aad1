/* SPDX-License-Identifier: Apache-2.0
 *
 * Policy: what is answered to an m-line. The lists of extensions and feedback are those LiveKit's
 * SDKs expect; a node uses what is negotiated, and no more.
 */
#include "orchestrator/core/sdp/parse.h"

#include <stdio.h>

#define BIT SDP_EXT_BIT

/* mid is everywhere: where answers name no SSRC of ours, it is what ties packets to sections.
 * Chromium decodes AV1 only where the dependency descriptor is negotiated. With both of
 * transport-cc and abs-send-time the node chooses how the client reports: TWCC or REMB. Sound has
 * transport-cc, too: one transport, one estimate, which then counts all that is sent. */
#define EXTENSIONS_AUDIO                                                                           \
    (BIT(SDP_EXT_MID) | BIT(SDP_EXT_RID) | BIT(SDP_EXT_TRANSPORT_CC) | BIT(SDP_EXT_AUDIO_LEVEL) |  \
     BIT(SDP_EXT_ABS_CAPTURE_TIME) | BIT(SDP_EXT_ABS_SEND_TIME))
#define EXTENSIONS_VIDEO                                                                           \
    (BIT(SDP_EXT_MID) | BIT(SDP_EXT_RID) | BIT(SDP_EXT_REPAIRED_RID) | BIT(SDP_EXT_TRANSPORT_CC) | \
     BIT(SDP_EXT_DEPENDENCY_DESCRIPTOR) | BIT(SDP_EXT_ABS_CAPTURE_TIME) |                          \
     BIT(SDP_EXT_ABS_SEND_TIME) | BIT(SDP_EXT_PLAYOUT_DELAY))

#define FEEDBACK_AUDIO (SDP_FB_NACK | SDP_FB_TRANSPORT_CC)
#define FEEDBACK_VIDEO (SDP_FB_NACK | SDP_FB_PLI | SDP_FB_FIR | SDP_FB_TRANSPORT_CC | SDP_FB_REMB)

/* The use that the offered section permits. */
static enum sdp_use use_of(const struct sdp_media *media, enum sdp_use wish)
{
    if (media->rejected || media->kind == SDP_OTHER || wish == SDP_USE_REJECT) {
        return SDP_USE_REJECT;
    }
    assert((media->kind == SDP_APPLICATION) == (wish == SDP_USE_DATA));
    bool sends = (media->direction & SDP_SENDONLY) != 0;
    bool receives = (media->direction & SDP_RECVONLY) != 0;
    if ((wish == SDP_USE_RECEIVE && !sends) || (wish == SDP_USE_SEND && !receives)) {
        return SDP_USE_INACTIVE;
    }
    return wish;
}

/* One set for both directions, since Chromium offers for a new section of a kind only what was
 * negotiated for the first one: without rid on a section it receives with, its next camera could
 * not be simulcast, and without audio levels its microphone would never speak. */
static unsigned extensions_of(const struct sdp_media *media, enum sdp_use use)
{
    unsigned kept =
        media->extensions & (media->kind == SDP_AUDIO ? EXTENSIONS_AUDIO : EXTENSIONS_VIDEO);
    switch (use) {
    case SDP_USE_RECEIVE:
        return kept & ~media->extensions_recvonly;
    case SDP_USE_SEND:
        return kept & ~media->extensions_sendonly;
    case SDP_USE_INACTIVE:
        return kept;
    case SDP_USE_REJECT:
    case SDP_USE_DATA:
        return 0;
    }
    unreachable();
}

/* ---- Codecs -------------------------------------------------------------------------------- */

static uint8_t opus_of(const struct sdp_media *media)
{
    for (size_t i = 0; i < media->codec_count; i++) {
        if (media->codecs[i].id == SDP_OPUS) {
            return media->codecs[i].payload_type;
        }
    }
    return 0;
}

/* The opus line is for the side that reads it: to a publisher, what we want to get; to a
 * subscriber, what we send (RFC 7587 §6.1). */
static void fmtp_opus(char out[SDP_FMTP_MAX], const struct sdp_wish *wish)
{
    bool receive = wish->use == SDP_USE_RECEIVE;
    const char *dtx = receive && !wish->dtx_disabled ? ";usedtx=1" : "";
    const char *stereo = "";
    if (wish->stereo && wish->use != SDP_USE_INACTIVE) {
        stereo = receive ? ";stereo=1;maxaveragebitrate=510000" : ";sprop-stereo=1";
    }
    snprintf(out, SDP_FMTP_MAX, "minptime=10;useinbandfec=1%s%s", dtx, stereo);
}

/* "111/111": two generations of the one opus payload type (RFC 2198 §5). RED over anything else is
 * not carried. */
static bool fmtp_red(char out[SDP_FMTP_MAX], const struct sdp_codec *codec, uint8_t opus)
{
    char expected[16];
    snprintf(expected, sizeof(expected), "%u/%u", opus, opus);
    size_t len = strlen(expected);
    bool fits = strncmp(codec->fmtp, expected, len) == 0 &&
                (codec->fmtp[len] == '\0' || codec->fmtp[len] == '/');
    snprintf(out, SDP_FMTP_MAX, "%s", expected);
    return opus != 0 && fits;
}

/* Whether the codec is answered, and with which format line. */
static bool codec_accept(char fmtp[SDP_FMTP_MAX], const struct sdp_codec *codec,
                         const struct sdp_media *media, const struct sdp_wish *wish)
{
    fmtp[0] = '\0';
    switch (codec->id) {
    case SDP_OPUS:
        fmtp_opus(fmtp, wish);
        return codec->payload_type == opus_of(media);
    case SDP_RED:
        return !wish->red_disabled && fmtp_red(fmtp, codec, opus_of(media));
    case SDP_PCMU:
    case SDP_PCMA:
        return codec->channels == 1;
    default:
        return fmtp_video(fmtp, codec);
    }
}

/* 0 goes first. */
static int rank(enum sdp_codec_id id, enum sdp_codec_id wanted)
{
    bool opus_wanted = wanted == SDP_OPUS || wanted == SDP_RED;
    if (id == SDP_RED) {
        return opus_wanted ? 0 : 3;
    }
    if (id == SDP_OPUS && opus_wanted) {
        return 1;
    }
    return id == wanted ? 0 : 2;
}

/* Whether a codec may stay where nothing but the wanted one may. */
static bool is_wanted(enum sdp_codec_id id, enum sdp_codec_id wanted)
{
    return rank(id, wanted) < 2;
}

static bool offers(const struct sdp_media *media, enum sdp_codec_id id)
{
    for (size_t i = 0; i < media->codec_count; i++) {
        if (media->codecs[i].id == id) {
            return true;
        }
    }
    return false;
}

/* Fills in the codecs, by rank and then in the client's order. */
static void codecs_plan(struct sdp_section *out, const struct sdp_media *media,
                        const struct sdp_wish *wish)
{
    enum sdp_codec_id wanted = wish->codec;
    if (wanted == SDP_CODEC_OTHER && media->kind == SDP_AUDIO) {
        wanted = SDP_OPUS;
    }
    bool only = wish->codec_only && wish->use == SDP_USE_RECEIVE && offers(media, wanted);
    for (int turn = 0; turn <= 3; turn++) {
        for (size_t i = 0; i < media->codec_count; i++) {
            const struct sdp_codec *codec = &media->codecs[i];
            struct sdp_answer_codec *slot = &out->codecs[out->codec_count];
            if (out->codec_count == SDP_ANSWER_CODECS_MAX) {
                return; /* two dozen variants in: the rest is not missed */
            }
            if (rank(codec->id, wanted) != turn || (only && !is_wanted(codec->id, wanted)) ||
                !codec_accept(slot->fmtp, codec, media, wish)) {
                continue;
            }
            slot->id = codec->id;
            slot->payload_type = codec->payload_type;
            slot->rtx = codec->rtx;
            slot->channels = codec->channels;
            slot->clock_hz = codec->clock_hz;
            slot->feedback =
                codec->feedback & (media->kind == SDP_AUDIO ? FEEDBACK_AUDIO : FEEDBACK_VIDEO);
            out->codec_count++;
        }
    }
}

/* RED repairs what a NACK would, without the wait, so the two do not go together. */
static void nack_drop_beside_red(struct sdp_section *out)
{
    if (out->codecs[0].id != SDP_RED) {
        return;
    }
    for (size_t i = 0; i < out->codec_count; i++) {
        out->codecs[i].feedback &= SDP_FB_TRANSPORT_CC;
    }
}

void sdp_answer_plan(struct sdp_section *out, const struct sdp_media *media,
                     const struct sdp_wish *wish)
{
    struct sdp_wish granted = *wish;
    granted.use = use_of(media, wish->use);
    *out = (struct sdp_section){.use = granted.use, .stream = "", .track = ""};
    if (granted.use == SDP_USE_REJECT || granted.use == SDP_USE_DATA) {
        return;
    }
    codecs_plan(out, media, &granted);
    if (out->codec_count == 0) {
        out->use = SDP_USE_REJECT;
        return;
    }
    nack_drop_beside_red(out);
    out->extensions = extensions_of(media, granted.use);
    if (granted.use == SDP_USE_RECEIVE) {
        out->rids = media->rids;
        out->rid_count = media->rid_count;
        out->bitrate_bps_max = wish->bitrate_bps_max;
    }
    if (granted.use == SDP_USE_SEND) {
        assert(wish->stream != NULL && wish->track != NULL);
        out->stream = wish->stream;
        out->track = wish->track;
        out->source = wish->source;
        out->cname = wish->cname;
    }
}

const struct sdp_answer_codec *sdp_codec_match(const struct sdp_answer_codec *codecs, size_t count,
                                               const struct sdp_answer_codec *from)
{
    const struct sdp_answer_codec *best = NULL;
    int best_likeness = 0;
    for (size_t i = 0; i < count; i++) {
        const struct sdp_answer_codec *codec = &codecs[i];
        if (codec->id != from->id) {
            continue;
        }
        int likeness = fmtp_likeness(codec->id, codec->fmtp, from->fmtp);
        if (likeness > best_likeness) {
            best = codec;
            best_likeness = likeness;
        }
    }
    return best;
}
