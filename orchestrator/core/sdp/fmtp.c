/* SPDX-License-Identifier: Apache-2.0
 *
 * Format parameters (a=fmtp). A payload type stands for one variant of a codec, and the answer must
 * name the same variant. Nothing of the client's text is echoed: what we understand is written
 * anew, so hints such as x-google-start-bitrate stay out.
 */
#include "orchestrator/core/sdp/parse.h"

#include <stdio.h>
#include <strings.h>

/* The value behind `name=` in "a=1;b=2", and its length. NULL if there is none. */
static const char *value_find(const char *fmtp, const char *name, size_t *len)
{
    size_t name_len = strlen(name);
    for (const char *at = fmtp;; at++) {
        at += strspn(at, " ");
        size_t part = strcspn(at, ";");
        if (part > name_len && strncasecmp(at, name, name_len) == 0 && at[name_len] == '=') {
            const char *value = at + name_len + 1;
            *len = strcspn(value, "; ");
            return value;
        }
        at += part;
        if (*at == '\0') {
            return NULL;
        }
    }
}

bool fmtp_number(const char *fmtp, const char *name, unsigned base, uint32_t *out)
{
    size_t len = 0;
    const char *value = value_find(fmtp, name, &len);
    if (value == NULL || len == 0 || len > 10) {
        return false;
    }
    uint64_t number = 0;
    for (size_t i = 0; i < len; i++) {
        const char *digits = "0123456789abcdef";
        const char *digit = strchr(digits, value[i] | 0x20);
        if (digit == NULL || digit - digits >= (ptrdiff_t)base) {
            return false;
        }
        number = number * base + (uint64_t)(digit - digits);
    }
    *out = (uint32_t)number;
    return number <= UINT32_MAX;
}

/* RFC 6184 §8.1 and §8.2.2: profile and packetization mode must be as offered, absent ones have
 * defaults. Mode 2 (interleaved) is used by nobody. */
static bool h264(char out[SDP_FMTP_MAX], const char *fmtp)
{
    uint32_t mode = 0;
    uint32_t profile = 0x42000a; /* Baseline, level 1 */
    uint32_t asymmetry = 0;
    fmtp_number(fmtp, "packetization-mode", 10, &mode);
    fmtp_number(fmtp, "profile-level-id", 16, &profile);
    fmtp_number(fmtp, "level-asymmetry-allowed", 10, &asymmetry);
    uint32_t idc = profile >> 16;
    bool known = idc == 0x42 || idc == 0x4d || idc == 0x64; /* Baseline, Main, High */
    if (mode > 1 || !known) {
        return false;
    }
    snprintf(out, SDP_FMTP_MAX, "%spacketization-mode=%u;profile-level-id=%06x",
             asymmetry == 1 ? "level-asymmetry-allowed=1;" : "", mode, profile);
    return true;
}

/* RFC 9628 §6: profile 0 is 8 bit, 2 is 10 bit; 1 and 3 are for other chroma than 4:2:0. */
static bool vp9(char out[SDP_FMTP_MAX], const char *fmtp)
{
    uint32_t profile = 0;
    bool said = fmtp_number(fmtp, "profile-id", 10, &profile);
    if (said) {
        snprintf(out, SDP_FMTP_MAX, "profile-id=%u", profile);
    }
    return profile == 0 || profile == 2;
}

/* AV1's RTP payload format §7.2.1: level-idx 5, profile 0 and tier 0 where not said. */
static bool av1(char out[SDP_FMTP_MAX], const char *fmtp)
{
    uint32_t level = 5;
    uint32_t profile = 0;
    uint32_t tier = 0;
    bool said = fmtp_number(fmtp, "profile", 10, &profile);
    said = fmtp_number(fmtp, "level-idx", 10, &level) || said;
    said = fmtp_number(fmtp, "tier", 10, &tier) || said;
    if (said) {
        snprintf(out, SDP_FMTP_MAX, "level-idx=%u;profile=%u;tier=%u", level, profile, tier);
    }
    return profile == 0;
}

/* RFC 7798 §7.1: Main or Main 10; level 3.1 and tier 0 where not said. */
static bool h265(char out[SDP_FMTP_MAX], const char *fmtp)
{
    uint32_t level = 93;
    uint32_t profile = 1;
    uint32_t tier = 0;
    fmtp_number(fmtp, "level-id", 10, &level);
    fmtp_number(fmtp, "profile-id", 10, &profile);
    fmtp_number(fmtp, "tier-flag", 10, &tier);
    snprintf(out, SDP_FMTP_MAX, "level-id=%u;profile-id=%u;tier-flag=%u;tx-mode=SRST", level,
             profile, tier);
    return profile == 1 || profile == 2;
}

bool fmtp_video(char out[SDP_FMTP_MAX], const struct sdp_codec *codec)
{
    out[0] = '\0';
    switch (codec->id) {
    case SDP_VP8:
        return true;
    case SDP_H264:
        return h264(out, codec->fmtp);
    case SDP_VP9:
        return vp9(out, codec->fmtp);
    case SDP_AV1:
        return av1(out, codec->fmtp);
    case SDP_H265:
        return h265(out, codec->fmtp);
    default:
        return false;
    }
}

int fmtp_likeness(enum sdp_codec_id id, const char *a, const char *b)
{
    uint32_t mode[2] = {0, 0};
    uint32_t profile[2] = {0, 0};
    const char *name = id == SDP_H264 ? "profile-level-id" : "profile-id";
    unsigned base = id == SDP_H264 ? 16 : 10;
    bool said_a = fmtp_number(a, name, base, &profile[0]);
    bool said_b = fmtp_number(b, name, base, &profile[1]);
    if (id == SDP_VP9 || id == SDP_H265) {
        return profile[0] == profile[1] ? 3 : 0;
    }
    if (id != SDP_H264 || !said_a || !said_b) {
        return 3; /* one variant only */
    }
    fmtp_number(a, "packetization-mode", 10, &mode[0]);
    fmtp_number(b, "packetization-mode", 10, &mode[1]);
    bool same_profile = profile[0] >> 8 == profile[1] >> 8; /* without the level */
    return 1 + (mode[0] == mode[1]) + (same_profile && mode[0] == mode[1]);
}
