/* SPDX-License-Identifier: Apache-2.0
 *
 * The names of codecs, header extensions and feedback, as IANA and the drafts have them.
 */
#include "orchestrator/core/sdp/parse.h"

#include <strings.h>

struct codec_name {
    const char *name;
    const char *mime;
    enum sdp_kind kind;
    uint32_t clock_hz;
};

static const struct codec_name codec_names[] = {
    [SDP_CODEC_OTHER] = {"", "", SDP_OTHER, 0},
    [SDP_OPUS] = {"opus", "audio/opus", SDP_AUDIO, 48000},
    [SDP_RED] = {"red", "audio/red", SDP_AUDIO, 48000},
    [SDP_VP8] = {"VP8", "video/VP8", SDP_VIDEO, 90000},
    [SDP_H264] = {"H264", "video/H264", SDP_VIDEO, 90000},
    [SDP_VP9] = {"VP9", "video/VP9", SDP_VIDEO, 90000},
    [SDP_AV1] = {"AV1", "video/AV1", SDP_VIDEO, 90000},
    [SDP_H265] = {"H265", "video/H265", SDP_VIDEO, 90000},
    [SDP_PCMU] = {"PCMU", "audio/PCMU", SDP_AUDIO, 8000},
    [SDP_PCMA] = {"PCMA", "audio/PCMA", SDP_AUDIO, 8000},
    [SDP_RTX] = {"rtx", "video/rtx", SDP_VIDEO, 90000},
};

static const char *const extension_uris[SDP_EXT_COUNT] = {
    [SDP_EXT_NONE] = "",
    [SDP_EXT_MID] = "urn:ietf:params:rtp-hdrext:sdes:mid",
    [SDP_EXT_RID] = "urn:ietf:params:rtp-hdrext:sdes:rtp-stream-id",
    [SDP_EXT_REPAIRED_RID] = "urn:ietf:params:rtp-hdrext:sdes:repaired-rtp-stream-id",
    [SDP_EXT_TRANSPORT_CC] =
        "http://www.ietf.org/id/draft-holmer-rmcat-transport-wide-cc-extensions-01",
    [SDP_EXT_AUDIO_LEVEL] = "urn:ietf:params:rtp-hdrext:ssrc-audio-level",
    [SDP_EXT_ABS_SEND_TIME] = "http://www.webrtc.org/experiments/rtp-hdrext/abs-send-time",
    [SDP_EXT_ABS_CAPTURE_TIME] = "http://www.webrtc.org/experiments/rtp-hdrext/abs-capture-time",
    [SDP_EXT_DEPENDENCY_DESCRIPTOR] =
        "https://aomediacodec.github.io/av1-rtp-spec/#dependency-descriptor-rtp-header-extension",
    [SDP_EXT_PLAYOUT_DELAY] = "http://www.webrtc.org/experiments/rtp-hdrext/playout-delay",
};

static const char *const feedback_names[NAMES_FEEDBACKS] = {
    "nack", "nack pli", "ccm fir", "transport-cc", "goog-remb",
};

enum sdp_codec_id sdp_codec_from_name(const char *name)
{
    if (name == NULL) {
        return SDP_CODEC_OTHER;
    }
    for (enum sdp_codec_id id = SDP_OPUS; id <= SDP_RTX; id++) {
        if (strcasecmp(name, codec_names[id].name) == 0 ||
            strcasecmp(name, codec_names[id].mime) == 0) {
            return id;
        }
    }
    return SDP_CODEC_OTHER;
}

const char *sdp_codec_name(enum sdp_codec_id id)
{
    assert(id <= SDP_RTX);
    return codec_names[id].name;
}

const char *sdp_codec_mime(enum sdp_codec_id id)
{
    assert(id <= SDP_RTX);
    return codec_names[id].mime;
}

/* "red" of video is another thing (ULPFEC), and so is any codec at a foreign clock rate. */
bool names_codec_fits(enum sdp_codec_id id, enum sdp_kind kind, uint32_t clock_hz)
{
    return codec_names[id].kind == kind && codec_names[id].clock_hz == clock_hz;
}

enum sdp_extension names_extension_from_uri(const char *uri)
{
    for (enum sdp_extension kind = SDP_EXT_MID; kind < SDP_EXT_COUNT; kind++) {
        if (strcmp(uri, extension_uris[kind]) == 0) {
            return kind;
        }
    }
    return SDP_EXT_NONE;
}

const char *names_extension_uri(enum sdp_extension kind)
{
    assert(kind < SDP_EXT_COUNT);
    return extension_uris[kind];
}

unsigned names_feedback_from_text(const char *text)
{
    for (size_t i = 0; i < NAMES_FEEDBACKS; i++) {
        if (strcmp(text, feedback_names[i]) == 0) {
            return 1u << i;
        }
    }
    return 0;
}

const char *names_feedback(size_t bit)
{
    assert(bit < NAMES_FEEDBACKS);
    return feedback_names[bit];
}
