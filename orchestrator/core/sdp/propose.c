/* SPDX-License-Identifier: Apache-2.0
 *
 * An offer of ours is the answer to what a client would offer that takes all that we may ever send:
 * that is made up here, and planned and written as any answer. Payload types are those that
 * LiveKit's server offers; one number means the same codec in every section (RFC 8843 §9.1).
 */
#include "orchestrator/core/sdp/parse.h"

#define FEEDBACK_AUDIO (SDP_FB_NACK | SDP_FB_TRANSPORT_CC)
#define FEEDBACK_VIDEO (SDP_FB_NACK | SDP_FB_PLI | SDP_FB_FIR | SDP_FB_TRANSPORT_CC | SDP_FB_REMB)

#define AUDIO(number, codec, hz, count, format)                                                    \
    {                                                                                              \
        .id = (codec), .payload_type = (number), .channels = (count), .clock_hz = (hz),            \
        .feedback = FEEDBACK_AUDIO, .fmtp = (format)                                               \
    }
#define VIDEO(number, codec, format)                                                               \
    {                                                                                              \
        .id = (codec), .payload_type = (number), .rtx = (number) + 1, .channels = 1,               \
        .clock_hz = 90000, .feedback = FEEDBACK_VIDEO, .fmtp = (format)                            \
    }
#define H264(mode, profile)                                                                        \
    "level-asymmetry-allowed=1;packetization-mode=" mode ";profile-level-id=" profile

static const struct sdp_codec audio[] = {
    AUDIO(63, SDP_RED, 48000, 2, "111/111"),
    AUDIO(111, SDP_OPUS, 48000, 2, "minptime=10;useinbandfec=1"),
    AUDIO(0, SDP_PCMU, 8000, 1, ""),
    AUDIO(8, SDP_PCMA, 8000, 1, ""),
};

static const struct sdp_codec video[] = {
    VIDEO(96, SDP_VP8, ""),
    VIDEO(98, SDP_VP9, "profile-id=0"),
    VIDEO(100, SDP_VP9, "profile-id=2"),
    VIDEO(102, SDP_H264, H264("1", "42001f")),
    VIDEO(104, SDP_H264, H264("0", "42001f")),
    VIDEO(106, SDP_H264, H264("1", "4d001f")),
    VIDEO(108, SDP_H264, H264("1", "42e01f")),
    VIDEO(112, SDP_H264, H264("1", "64001f")),
    VIDEO(125, SDP_H264, H264("0", "42e01f")),
    VIDEO(35, SDP_AV1, "level-idx=5;profile=0;tier=0"),
    VIDEO(116, SDP_H265, "level-id=180;profile-id=1;tier-flag=0;tx-mode=SRST"),
};

static const uint8_t extension_ids[SDP_EXT_COUNT] = {
    [SDP_EXT_AUDIO_LEVEL] = 1,           [SDP_EXT_ABS_SEND_TIME] = 2,
    [SDP_EXT_TRANSPORT_CC] = 3,          [SDP_EXT_MID] = 4,
    [SDP_EXT_PLAYOUT_DELAY] = 5,         [SDP_EXT_ABS_CAPTURE_TIME] = 6,
    [SDP_EXT_DEPENDENCY_DESCRIPTOR] = 8,
};

static void take_codecs(struct sdp_media *media, const struct sdp_codec *codecs, size_t count)
{
    media->codecs = mem_copy(codecs, count * sizeof(*codecs));
    media->codec_count = count;
}

static void fill(struct sdp_media *media, const struct sdp_line *line)
{
    *media = (struct sdp_media){.kind = line->kind,
                                .direction = SDP_RECVONLY,
                                .mid = line->mid,
                                .protocol = "UDP/TLS/RTP/SAVPF",
                                .format = "0",
                                .rejected = line->rejected,
                                .rtcp_rsize = true,
                                .stream = "",
                                .track = "",
                                .cname = ""};
    switch (line->kind) {
    case SDP_AUDIO:
        media->type = "audio";
        take_codecs(media, audio, ARRAY_LEN(audio));
        break;
    case SDP_VIDEO:
        media->type = "video";
        take_codecs(media, video, ARRAY_LEN(video));
        break;
    case SDP_APPLICATION:
        media->type = "application";
        media->protocol = "UDP/DTLS/SCTP";
        media->format = "webrtc-datachannel";
        return;
    case SDP_OTHER:
        unreachable();
    }
    for (unsigned kind = 1; kind < SDP_EXT_COUNT; kind++) {
        media->extensions |= extension_ids[kind] != 0 ? SDP_EXT_BIT(kind) : 0;
    }
}

struct sdp_offer *sdp_offer_propose(const struct sdp_line *lines, size_t count)
{
    struct sdp_offer *offer = mem_alloc(sizeof(*offer));
    offer->media = mem_array(count, sizeof(*offer->media));
    offer->bundle = mem_array(count, sizeof(*offer->bundle));
    offer->media_count = count;
    offer->ice_ufrag = offer->ice_pwd = "";
    offer->extmap_allow_mixed = true;
    memcpy(offer->extension_ids, extension_ids, sizeof(extension_ids));
    for (size_t i = 0; i < count; i++) {
        fill(&offer->media[i], &lines[i]);
        if (!lines[i].rejected) {
            offer->bundle[offer->bundle_count++] = i;
        }
    }
    return offer;
}
