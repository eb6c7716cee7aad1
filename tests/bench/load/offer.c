/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/bench/load/offer.h"

#include "tests/bench/load/source.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>

const struct rtp_ext_ids offer_exts = {.id = {[RTP_EXT_AUDIO_LEVEL] = 1,
                                              [RTP_EXT_ABS_SEND_TIME] = 2,
                                              [RTP_EXT_TRANSPORT_CC] = 3,
                                              [RTP_EXT_MID] = 4,
                                              [RTP_EXT_RID] = 10,
                                              [RTP_EXT_REPAIRED_RID] = 11}};

static const char audio_lines[] =
    "a=extmap:1 urn:ietf:params:rtp-hdrext:ssrc-audio-level\r\n"
    "a=extmap:2 http://www.webrtc.org/experiments/rtp-hdrext/abs-send-time\r\n"
    "a=extmap:4 urn:ietf:params:rtp-hdrext:sdes:mid\r\n"
    "a=rtcp-mux\r\n"
    "a=rtcp-rsize\r\n"
    "a=rtpmap:111 opus/48000/2\r\n"
    "a=fmtp:111 minptime=10;useinbandfec=1\r\n";

static const char video_lines[] =
    "a=extmap:2 http://www.webrtc.org/experiments/rtp-hdrext/abs-send-time\r\n"
    "a=extmap:3 "
    "http://www.ietf.org/id/draft-holmer-rmcat-transport-wide-cc-extensions-01\r\n"
    "a=extmap:4 urn:ietf:params:rtp-hdrext:sdes:mid\r\n"
    "a=extmap:10 urn:ietf:params:rtp-hdrext:sdes:rtp-stream-id\r\n"
    "a=extmap:11 urn:ietf:params:rtp-hdrext:sdes:repaired-rtp-stream-id\r\n"
    "a=rtcp-mux\r\n"
    "a=rtcp-rsize\r\n"
    "a=rtpmap:96 VP8/90000\r\n"
    "a=rtcp-fb:96 goog-remb\r\n"
    "a=rtcp-fb:96 transport-cc\r\n"
    "a=rtcp-fb:96 ccm fir\r\n"
    "a=rtcp-fb:96 nack\r\n"
    "a=rtcp-fb:96 nack pli\r\n"
    "a=rtpmap:97 rtx/90000\r\n"
    "a=fmtp:97 apt=96\r\n";

/* ---- Writing --------------------------------------------------------------------------------- */

static void write_simulcast(struct arena *arena, FILE *out, size_t layers)
{
    const char *list = "";
    for (size_t i = 1; i <= layers; i++) {
        struct source_shape shape = source_shape((uint8_t)i, layers);
        fprintf(out, "a=rid:%s send\r\n", shape.rid);
        list = arena_printf(arena, "%s%s%s", list, i > 1 ? ";" : "", shape.rid);
    }
    fprintf(out, "a=simulcast:send %s\r\n", list);
}

static void write_section(FILE *out, const struct offer *offer, size_t mid)
{
    const struct offer_section *section = &offer->sections[mid];
    fprintf(out, "m=%s 9 UDP/TLS/RTP/SAVPF %s\r\nc=IN IP4 0.0.0.0\r\na=mid:%zu\r\n",
            section->video ? "video" : "audio", section->video ? "96 97" : "111", mid);
    fputs(section->video ? video_lines : audio_lines, out);
    if (section->layers == 0) {
        fputs("a=recvonly\r\n", out);
        return;
    }
    fprintf(out, "a=sendonly\r\na=msid:- %s\r\n", section->cid);
    if (section->layers > 1) {
        struct arena arena = {0};
        write_simulcast(&arena, out, section->layers);
        arena_fini(&arena);
    }
}

char *offer_write(const struct offer *offer)
{
    char *text = NULL;
    size_t len = 0;
    FILE *out = open_memstream(&text, &len);
    assert(out != NULL);
    fprintf(out, "v=0\r\no=- 4711 %u IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\na=group:BUNDLE",
            offer->version);
    for (size_t i = 0; i < offer->section_count; i++) {
        fprintf(out, " %zu", i);
    }
    fprintf(out,
            "\r\na=extmap-allow-mixed\r\na=msid-semantic: WMS\r\na=ice-ufrag:%s\r\na=ice-pwd:%s\r\n"
            "a=ice-options:trickle\r\na=fingerprint:sha-256 %s\r\na=setup:actpass\r\n",
            offer->ufrag, offer->pwd, offer->fingerprint);
    for (size_t i = 0; i < offer->section_count; i++) {
        write_section(out, offer, i);
    }
    int err = fclose(out);
    assert(err == 0);
    return text;
}

/* ---- Reading --------------------------------------------------------------------------------- */

/* The value behind the first name, up to the end of its line; false if it is not there or too long.
 */
static bool read_value(const char *sdp, const char *name, char *out, size_t cap)
{
    const char *at = strstr(sdp, name);
    if (at == NULL) {
        return false;
    }
    at += strlen(name);
    return (size_t)snprintf(out, cap, "%.*s", (int)strcspn(at, "\r\n"), at) < cap;
}

int answer_read_candidate(struct answer_candidate *out, const char *text)
{
    char protocol[8];
    char ip[64];
    unsigned priority;
    unsigned port;
    *out = (struct answer_candidate){0};
    if (sscanf(text, "%*31s 1 %7s %u %63s %u typ", protocol, &priority, ip, &port) != 4 ||
        port == 0 || port > UINT16_MAX) {
        return ERR_INVALID;
    }
    out->addr.sin_family = AF_INET;
    out->addr.sin_port = htons((uint16_t)port);
    out->priority = priority;
    bool usable = strcmp(protocol, "udp") == 0 && inet_pton(AF_INET, ip, &out->addr.sin_addr) == 1;
    return usable ? 0 : ERR_UNSUPPORTED;
}

int answer_read(struct answer *out, const char *sdp)
{
    static const char name[] = "a=candidate:";
    memset(out, 0, sizeof(*out));
    if (!read_value(sdp, "a=ice-ufrag:", out->ufrag, sizeof(out->ufrag)) ||
        !read_value(sdp, "a=ice-pwd:", out->pwd, sizeof(out->pwd)) ||
        !read_value(sdp, "a=fingerprint:sha-256 ", out->fingerprint, sizeof(out->fingerprint))) {
        return ERR_NOT_FOUND;
    }
    for (const char *at = sdp; (at = strstr(at, name)) != NULL;) {
        at += strlen(name);
        if (out->candidate_count < OFFER_CANDIDATES &&
            answer_read_candidate(&out->candidates[out->candidate_count], at) == 0) {
            out->candidate_count++;
        }
    }
    return out->candidate_count > 0 ? 0 : ERR_NOT_FOUND;
}
