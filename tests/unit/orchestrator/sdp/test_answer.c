/* SPDX-License-Identifier: Apache-2.0
 *
 * Goal: answers are exactly what was agreed with real browsers (golden files), the policy picks the
 * codecs, extensions and layers it should, and no answer ever says what an offer did not.
 */
#include "tests/unit/orchestrator/sdp/wish.h"

#include <stdio.h>
#include <stdlib.h>

#include <setjmp.h>

#include <cmocka.h>

static const char *const cases[] = {
    "chromium-join", "chromium-publish", "chromium-svc",     "chromium-max-bundle",
    "firefox-join",  "firefox-publish",  "firefox-rejected", "rtc-node-join",
};

static char *data_file(const char *name, const char *suffix, size_t *len)
{
    char path[512];
    snprintf(path, sizeof(path), TEST_DATA "/sdp/%s.%s", name, suffix);
    return wish_file(path, len);
}

static void answers_are_as_agreed(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        size_t len;
        size_t ignored;
        char reason[SDP_REASON_MAX] = "";
        char *offer = data_file(cases[i], "offer", &len);
        char *wishes = data_file(cases[i], "wish", &ignored);
        char *expected = data_file(cases[i], "answer", &ignored);
        char *answer = wish_answer(offer, len, wishes, reason);
        assert_non_null(answer);
        if (strcmp(answer, expected) != 0) {
            fail_msg("%s.answer differs: build the target sdp_golden and look at the difference",
                     cases[i]);
        }
        free(answer);
        free(expected);
        free(wishes);
        free(offer);
    }
}

/* ---- Policy -------------------------------------------------------------------------------- */

#define HEAD                                                                                       \
    "v=0\r\na=group:BUNDLE 0\r\na=ice-ufrag:abcd\r\na=ice-pwd:0123456789012345678901\r\n"          \
    "a=fingerprint:sha-256 00:11:22:33:44:55:66:77:88:99:AA:BB:CC:DD:EE:FF:"                       \
    "00:11:22:33:44:55:66:77:88:99:AA:BB:CC:DD:EE:FF\r\n"

/* One section with every codec and some of the variants that we leave out. */
#define AUDIO                                                                                      \
    "m=audio 9 UDP/TLS/RTP/SAVPF 111 63 0 8 9 110 64\r\na=mid:0\r\na=rtcp-mux\r\n"                 \
    "a=rtpmap:111 opus/48000/2\r\na=rtcp-fb:111 nack\r\na=rtcp-fb:111 transport-cc\r\n"            \
    "a=rtpmap:63 red/48000/2\r\na=fmtp:63 111/111\r\na=rtpmap:9 G722/8000\r\n"                     \
    "a=rtpmap:110 telephone-event/48000\r\na=rtpmap:64 red/48000/2\r\na=fmtp:64 9/9\r\n"           \
    "a=extmap:1 urn:ietf:params:rtp-hdrext:ssrc-audio-level\r\n"                                   \
    "a=extmap:4 urn:ietf:params:rtp-hdrext:sdes:mid\r\n"                                           \
    "a=extmap:5 http://www.ietf.org/id/draft-holmer-rmcat-transport-wide-cc-extensions-01\r\n"
#define VIDEO                                                                                      \
    "m=video 9 UDP/TLS/RTP/SAVPF 96 97 98 99 35 100 101 102 103 104 45 46 47 49 50\r\n"            \
    "a=mid:0\r\na=rtcp-mux\r\na=rtcp-fb:* nack\r\na=rtcp-fb:* nack pli\r\na=rtcp-fb:* foo\r\n"     \
    "a=rtpmap:96 VP8/90000\r\na=fmtp:96 max-fs=12288;x-google-start-bitrate=900\r\n"               \
    "a=rtpmap:97 rtx/90000\r\na=fmtp:97 apt=96\r\n"                                                \
    "a=rtpmap:98 VP9/90000\r\na=fmtp:98 profile-id=0\r\na=rtpmap:99 VP9/90000\r\n"                 \
    "a=fmtp:99 profile-id=1\r\na=rtpmap:35 VP9/90000\r\na=fmtp:35 profile-id=2\r\n"                \
    "a=rtpmap:100 H264/90000\r\na=fmtp:100 profile-level-id=42e01f;packetization-mode=1\r\n"       \
    "a=rtpmap:101 H264/90000\r\na=rtpmap:102 H264/90000\r\na=fmtp:102 packetization-mode=2\r\n"    \
    "a=rtpmap:103 H264/90000\r\na=fmtp:103 profile-level-id=58e01f\r\n"                            \
    "a=rtpmap:104 H264/90000\r\na=fmtp:104 "                                                       \
    "level-asymmetry-allowed=1; profile-level-id=640C1F;packetization-mode=0\r\n"                  \
    "a=rtpmap:45 AV1/90000\r\na=rtpmap:46 AV1/90000\r\na=fmtp:46 profile=1\r\n"                    \
    "a=rtpmap:47 AV1/90000\r\na=fmtp:47 level-idx=8;tier=1\r\n"                                    \
    "a=rtpmap:49 H265/90000\r\na=fmtp:49 profile-id=1;level-id=156\r\n"                            \
    "a=rtpmap:50 H265/90000\r\na=fmtp:50 profile-id=4\r\n"                                         \
    "a=extmap:4 urn:ietf:params:rtp-hdrext:sdes:mid\r\n"                                           \
    "a=extmap:5 http://www.ietf.org/id/draft-holmer-rmcat-transport-wide-cc-extensions-01\r\n"     \
    "a=extmap:6/recvonly http://www.webrtc.org/experiments/rtp-hdrext/playout-delay\r\n"           \
    "a=extmap:7/sendonly urn:ietf:params:rtp-hdrext:sdes:rtp-stream-id\r\n"                        \
    "a=extmap:8 urn:3gpp:video-orientation\r\n"

static struct sdp_offer *parsed(const char *text)
{
    struct sdp_offer *offer = NULL;
    char reason[SDP_REASON_MAX] = "";
    if (sdp_offer_parse(&offer, text, strlen(text), reason) != 0) {
        fail_msg("refused: %s", reason);
    }
    return offer;
}

struct plan_row {
    struct sdp_wish wish;
    const char *codecs; /* "pt=fmtp pt=fmtp ..." */
};

static void check_plans(const char *text, const struct plan_row *rows, size_t count)
{
    struct sdp_offer *offer = parsed(text);
    for (size_t i = 0; i < count; i++) {
        struct sdp_section section;
        char codecs[2048] = "";
        struct sdp_wish wish = rows[i].wish;
        wish.stream = wish.track = "x";
        sdp_answer_plan(&section, &offer->media[0], &wish);
        assert_int_equal(section.use, wish.use);
        for (size_t c = 0; c < section.codec_count; c++) {
            const struct sdp_answer_codec *codec = &section.codecs[c];
            snprintf(codecs + strlen(codecs), 256, "%s%u%s%s", c > 0 ? " " : "",
                     codec->payload_type, codec->fmtp[0] != '\0' ? "=" : "", codec->fmtp);
        }
        assert_string_equal(codecs, rows[i].codecs);
    }
    sdp_offer_free(offer);
}

#define OPUS "111=minptime=10;useinbandfec=1"

static void audio_is_red_then_opus(void **state)
{
    (void)state;
    static const struct plan_row rows[] = {
        {{.use = SDP_USE_RECEIVE, .codec = SDP_OPUS}, "63=111/111 " OPUS ";usedtx=1 0 8"},
        {{.use = SDP_USE_RECEIVE}, "63=111/111 " OPUS ";usedtx=1 0 8"},
        {{.use = SDP_USE_RECEIVE, .dtx_disabled = true}, "63=111/111 " OPUS " 0 8"},
        {{.use = SDP_USE_RECEIVE, .red_disabled = true}, OPUS ";usedtx=1 0 8"},
        {{.use = SDP_USE_RECEIVE, .red_disabled = true, .stereo = true},
         OPUS ";usedtx=1;stereo=1;maxaveragebitrate=510000 0 8"},
        {{.use = SDP_USE_RECEIVE, .codec_only = true}, "63=111/111 " OPUS ";usedtx=1"},
        {{.use = SDP_USE_RECEIVE, .codec_only = true, .codec = SDP_PCMA}, "8"},
        {{.use = SDP_USE_RECEIVE, .codec = SDP_PCMU}, "0 " OPUS ";usedtx=1 8 63=111/111"},
        {{.use = SDP_USE_SEND, .codec = SDP_OPUS}, "63=111/111 " OPUS " 0 8"},
        {{.use = SDP_USE_SEND, .codec = SDP_OPUS, .stereo = true},
         "63=111/111 " OPUS ";sprop-stereo=1 0 8"},
        {{.use = SDP_USE_SEND, .codec = SDP_OPUS, .red_disabled = true}, OPUS " 0 8"},
        {{.use = SDP_USE_INACTIVE, .stereo = true}, "63=111/111 " OPUS " 0 8"},
    };
    check_plans(HEAD AUDIO, rows, ARRAY_LEN(rows));
}

#define H264_CB  "100=packetization-mode=1;profile-level-id=42e01f"
#define H264_OLD "101=packetization-mode=0;profile-level-id=42000a"
#define H264_HI  "104=level-asymmetry-allowed=1;packetization-mode=0;profile-level-id=640c1f"
#define AV1      "45 47=level-idx=8;profile=0;tier=1"
#define H265     "49=level-id=156;profile-id=1;tier-flag=0;tx-mode=SRST"
#define H264     H264_CB " " H264_OLD " " H264_HI

static void video_has_the_wanted_codec_first(void **state)
{
    (void)state;
    static const struct plan_row rows[] = {
        {{.use = SDP_USE_RECEIVE}, "96 98=profile-id=0 35=profile-id=2 " H264 " " AV1 " " H265},
        {{.use = SDP_USE_RECEIVE, .codec = SDP_AV1},
         AV1 " 96 98=profile-id=0 35=profile-id=2 " H264 " " H265},
        {{.use = SDP_USE_SEND, .codec = SDP_H264},
         H264 " 96 98=profile-id=0 35=profile-id=2 " AV1 " " H265},
        {{.use = SDP_USE_RECEIVE, .codec = SDP_VP9, .codec_only = true},
         "98=profile-id=0 35=profile-id=2"},
        {{.use = SDP_USE_SEND, .codec = SDP_VP8, .codec_only = true},
         "96 98=profile-id=0 35=profile-id=2 " H264 " " AV1 " " H265},
        /* a codec that is not offered cannot be insisted on */
        {{.use = SDP_USE_RECEIVE, .codec = SDP_OPUS, .codec_only = true},
         "96 98=profile-id=0 35=profile-id=2 " H264 " " AV1 " " H265},
    };
    check_plans(HEAD VIDEO, rows, ARRAY_LEN(rows));
}

static void feedback_and_extensions_follow_the_use(void **state)
{
    (void)state;
#define BIT   SDP_EXT_BIT
#define SOUND (BIT(SDP_EXT_MID) | BIT(SDP_EXT_AUDIO_LEVEL) | BIT(SDP_EXT_TRANSPORT_CC))
    static const struct {
        const char *text;
        enum sdp_use use;
        unsigned extensions;
        unsigned feedback; /* of the first codec */
        bool red_disabled;
    } rows[] = {
        {HEAD AUDIO, SDP_USE_RECEIVE, SOUND, 0, false},
        {HEAD AUDIO, SDP_USE_RECEIVE, SOUND, SDP_FB_NACK | SDP_FB_TRANSPORT_CC, true},
        {HEAD AUDIO, SDP_USE_SEND, SOUND, SDP_FB_NACK | SDP_FB_TRANSPORT_CC, true},
        {HEAD VIDEO, SDP_USE_RECEIVE,
         BIT(SDP_EXT_MID) | BIT(SDP_EXT_TRANSPORT_CC) | BIT(SDP_EXT_RID), SDP_FB_NACK | SDP_FB_PLI,
         false},
        {HEAD VIDEO, SDP_USE_SEND,
         BIT(SDP_EXT_MID) | BIT(SDP_EXT_TRANSPORT_CC) | BIT(SDP_EXT_PLAYOUT_DELAY),
         SDP_FB_NACK | SDP_FB_PLI, false},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct sdp_offer *offer = parsed(rows[i].text);
        struct sdp_section section;
        struct sdp_wish wish = {
            .use = rows[i].use, .stream = "s", .track = "t", .red_disabled = rows[i].red_disabled};
        sdp_answer_plan(&section, &offer->media[0], &wish);
        assert_int_equal(section.extensions, rows[i].extensions);
        assert_int_equal(section.codecs[0].feedback, rows[i].feedback);
        sdp_offer_free(offer);
    }
}

static void wishes_give_way_to_what_is_offered(void **state)
{
    (void)state;
    static const struct {
        const char *lines; /* behind the section */
        enum sdp_use wish;
        enum sdp_use use;
    } rows[] = {
        {"", SDP_USE_RECEIVE, SDP_USE_RECEIVE},
        {"", SDP_USE_SEND, SDP_USE_SEND},
        {"a=sendonly\r\n", SDP_USE_RECEIVE, SDP_USE_RECEIVE},
        {"a=sendonly\r\n", SDP_USE_SEND, SDP_USE_INACTIVE},
        {"a=recvonly\r\n", SDP_USE_RECEIVE, SDP_USE_INACTIVE},
        {"a=recvonly\r\n", SDP_USE_SEND, SDP_USE_SEND},
        {"a=inactive\r\n", SDP_USE_RECEIVE, SDP_USE_INACTIVE},
        {"a=inactive\r\n", SDP_USE_SEND, SDP_USE_INACTIVE},
        {"a=inactive\r\n", SDP_USE_INACTIVE, SDP_USE_INACTIVE},
        {"", SDP_USE_REJECT, SDP_USE_REJECT},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        char text[8192];
        snprintf(text, sizeof(text), "%s%s", HEAD AUDIO, rows[i].lines);
        struct sdp_offer *offer = parsed(text);
        struct sdp_section section;
        struct sdp_wish wish = {.use = rows[i].wish, .stream = "s", .track = "t"};
        sdp_answer_plan(&section, &offer->media[0], &wish);
        assert_int_equal(section.use, rows[i].use);
        assert_string_equal(section.track, rows[i].use == SDP_USE_SEND ? "t" : "");
        sdp_offer_free(offer);
    }
}

static void the_unsupported_is_rejected(void **state)
{
    (void)state;
    static const char *const texts[] = {
        HEAD "m=audio 9 UDP/TLS/RTP/SAVPF 9\r\na=mid:0\r\na=rtcp-mux\r\na=rtpmap:9 G722/8000\r\n",
        HEAD "m=video 9 UDP/TLS/RTP/SAVPF 9\r\na=mid:0\r\na=rtcp-mux\r\na=rtpmap:9 H261/90000\r\n",
        HEAD "m=audio 9 RTP/AVP 0\r\na=mid:0\r\n",
        HEAD "m=message 9 TCP/MSRP *\r\na=mid:0\r\n",
        HEAD "m=application 9 UDP/DTLS/SCTP other\r\na=mid:0\r\n",
    };
    for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
        struct sdp_offer *offer = parsed(texts[i]);
        struct sdp_section section;
        sdp_answer_plan(&section, &offer->media[0], &(struct sdp_wish){.use = SDP_USE_INACTIVE});
        assert_int_equal(section.use, SDP_USE_REJECT);
        struct sdp_local local = {.ice_ufrag = "u", .ice_pwd = "p", .fingerprint = "f"};
        char *answer = sdp_answer_write(offer, &section, &local);
        assert_null(strstr(answer, "BUNDLE"));
        assert_non_null(strstr(answer, " 0 "));
        free(answer);
        sdp_offer_free(offer);
    }
}

/* The group keeps the offered order, and its first accepted member carries the candidates. */
static void the_bundle_keeps_its_order(void **state)
{
    (void)state;
    static const struct {
        enum sdp_use uses[3];
        const char *group; /* NULL: none */
        const char *candidate_mid;
    } rows[] = {
        {{SDP_USE_INACTIVE, SDP_USE_INACTIVE, SDP_USE_INACTIVE}, "a=group:BUNDLE 2 0 1\r\n", "2"},
        {{SDP_USE_INACTIVE, SDP_USE_REJECT, SDP_USE_REJECT}, "a=group:BUNDLE 0\r\n", "0"},
        {{SDP_USE_INACTIVE, SDP_USE_INACTIVE, SDP_USE_REJECT}, "a=group:BUNDLE 0 1\r\n", "0"},
        {{SDP_USE_REJECT, SDP_USE_REJECT, SDP_USE_REJECT}, NULL, NULL},
    };
    char text[8192];
    snprintf(text, sizeof(text), "%s%s", HEAD, AUDIO);
    for (int mid = 1; mid <= 2; mid++) {
        snprintf(text + strlen(text), 256,
                 "m=audio 9 UDP/TLS/RTP/SAVPF 0\r\na=mid:%d\r\na=rtcp-mux\r\n", mid);
    }
    char *group = strstr(text, "BUNDLE 0");
    char rest[8192];
    snprintf(rest, sizeof(rest), "BUNDLE 2 0 1%s", group + strlen("BUNDLE 0"));
    memcpy(group, rest, strlen(rest) + 1);
    struct sdp_offer *offer = parsed(text);
    struct sdp_candidate candidate = {.ip = "127.0.0.1", .port = 1, .priority = 1};
    struct sdp_local local = {.ice_ufrag = "u",
                              .ice_pwd = "p",
                              .fingerprint = "f",
                              .candidates = &candidate,
                              .candidate_count = 1};
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct sdp_section sections[3];
        for (size_t m = 0; m < 3; m++) {
            sdp_answer_plan(&sections[m], &offer->media[m],
                            &(struct sdp_wish){.use = rows[i].uses[m]});
        }
        char *answer = sdp_answer_write(offer, sections, &local);
        const char *found = strstr(answer, "a=candidate:");
        if (rows[i].group == NULL) {
            assert_null(strstr(answer, "a=group"));
            assert_null(found);
        } else {
            assert_non_null(strstr(answer, rows[i].group));
            const char *mid = NULL;
            for (const char *at = answer; (at = strstr(at, "a=mid:")) != NULL && at < found; at++) {
                mid = at + strlen("a=mid:");
            }
            assert_non_null(mid);
            assert_int_equal(mid[0], rows[i].candidate_mid[0]);
        }
        free(answer);
    }
    sdp_offer_free(offer);
}

static void streams_find_their_payload_type(void **state)
{
    (void)state;
    struct sdp_offer *offer = parsed(HEAD VIDEO);
    struct sdp_section to;
    struct sdp_wish wish = {.use = SDP_USE_SEND, .stream = "s", .track = "t"};
    sdp_answer_plan(&to, &offer->media[0], &wish);
    static const struct {
        enum sdp_codec_id id;
        const char *fmtp;
        int payload_type; /* -1: none */
    } rows[] = {
        {SDP_VP8, "", 96},
        {SDP_VP9, "", 98},
        {SDP_VP9, "profile-id=2", 35},
        {SDP_VP9, "profile-id=3", -1},
        {SDP_H264, "packetization-mode=1;profile-level-id=42e034", 100},
        {SDP_H264, "packetization-mode=1;profile-level-id=64001f", 100},
        {SDP_H264, "packetization-mode=0;profile-level-id=640c34", 104},
        {SDP_H264, "packetization-mode=0;profile-level-id=4d001f", 101},
        {SDP_AV1, "level-idx=5;profile=0;tier=0", 45},
        {SDP_H265, "level-id=93;profile-id=1;tier-flag=0;tx-mode=SRST", 49},
        {SDP_H265, "level-id=93;profile-id=2;tier-flag=0;tx-mode=SRST", -1},
        {SDP_OPUS, "", -1},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct sdp_answer_codec from = {.id = rows[i].id};
        snprintf(from.fmtp, sizeof(from.fmtp), "%s", rows[i].fmtp);
        const struct sdp_answer_codec *found = sdp_codec_match(to.codecs, to.codec_count, &from);
        assert_int_equal(found != NULL ? found->payload_type : -1, rows[i].payload_type);
    }
    sdp_offer_free(offer);
}

static void names_and_mimes_are_understood(void **state)
{
    (void)state;
    for (enum sdp_codec_id id = SDP_OPUS; id <= SDP_RTX; id++) {
        assert_int_equal(sdp_codec_from_name(sdp_codec_name(id)), id);
        assert_int_equal(sdp_codec_from_name(sdp_codec_mime(id)), id);
    }
    assert_int_equal(sdp_codec_from_name("video/h264"), SDP_H264);
    assert_int_equal(sdp_codec_from_name("av1"), SDP_AV1);
    assert_int_equal(sdp_codec_from_name("audio/vp8"), SDP_CODEC_OTHER);
    assert_int_equal(sdp_codec_from_name(""), SDP_CODEC_OTHER);
    assert_int_equal(sdp_codec_from_name(NULL), SDP_CODEC_OTHER);
}

/* ---- What holds for every answer ----------------------------------------------------------- */

static size_t count_lines(const char *text, const char *start)
{
    size_t count = 0;
    for (const char *at = text; (at = strstr(at, start)) != NULL; at++) {
        count += at == text || at[-1] == '\n';
    }
    return count;
}

static struct sdp_wish random_wish(struct prng *prng, const struct sdp_media *media)
{
    struct sdp_wish wish = {
        .use = (enum sdp_use)prng_below(prng, SDP_USE_DATA),
        .codec = (enum sdp_codec_id)prng_below(prng, SDP_RTX),
        .codec_only = prng_below(prng, 2) == 0,
        .red_disabled = prng_below(prng, 2) == 0,
        .stereo = prng_below(prng, 2) == 0,
        .stream = "PA_x|TR_y",
        .track = "TR_y",
    };
    if (media->kind == SDP_APPLICATION && wish.use != SDP_USE_REJECT) {
        wish.use = SDP_USE_DATA;
    }
    return wish;
}

static void check_answer(const struct sdp_offer *offer, const struct sdp_section *sections)
{
    struct sdp_local local = {.ice_ufrag = "ufrag", .ice_pwd = "pwd", .fingerprint = "sha-256 00"};
    char *answer = sdp_answer_write(offer, sections, &local);
    size_t sends = 0;
    for (size_t i = 0; i < offer->media_count; i++) {
        const struct sdp_section *section = &sections[i];
        const struct sdp_media *media = &offer->media[i];
        sends += section->use == SDP_USE_SEND;
        assert_int_equal(section->extensions & ~media->extensions, 0);
        assert_true(section->rid_count <= media->rid_count);
        for (size_t c = 0; c < section->codec_count; c++) {
            bool offered = false;
            for (size_t o = 0; o < media->codec_count; o++) {
                offered =
                    offered || (media->codecs[o].payload_type == section->codecs[c].payload_type &&
                                media->codecs[o].id == section->codecs[c].id &&
                                (section->codecs[c].feedback & ~media->codecs[o].feedback) == 0);
            }
            assert_true(offered);
        }
    }
    assert_int_equal(count_lines(answer, "m="), offer->media_count);
    assert_int_equal(count_lines(answer, "a=mid:"), offer->media_count);
    assert_int_equal(count_lines(answer, "a=msid:"), sends);
    assert_int_equal(count_lines(answer, "a=ssrc"), 0);
    assert_int_equal(count_lines(answer, "a=setup:passive\r\n"),
                     offer->media_count); /* webrtcbin */
    assert_null(strstr(answer, "x-google"));
    free(answer);
}

static void no_answer_says_more_than_its_offer(void **state)
{
    (void)state;
    struct prng prng;
    prng_seed(&prng, 2);
    for (int turn = 0; turn < 400; turn++) {
        size_t len;
        char reason[SDP_REASON_MAX];
        char *text = data_file(cases[prng_below(&prng, ARRAY_LEN(cases))], "offer", &len);
        for (uint64_t edits = prng_below(&prng, 4); edits > 0; edits--) {
            text[prng_below(&prng, len)] = "0 ;=:/"[prng_below(&prng, 6)];
        }
        struct sdp_offer *offer = NULL;
        if (sdp_offer_parse(&offer, text, len, reason) == 0) {
            struct sdp_section *sections = mem_array(offer->media_count, sizeof(*sections));
            for (size_t i = 0; i < offer->media_count; i++) {
                struct sdp_wish wish = random_wish(&prng, &offer->media[i]);
                sdp_answer_plan(&sections[i], &offer->media[i], &wish);
            }
            check_answer(offer, sections);
            free(sections);
            sdp_offer_free(offer);
        }
        free(text);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(answers_are_as_agreed),
        cmocka_unit_test(audio_is_red_then_opus),
        cmocka_unit_test(video_has_the_wanted_codec_first),
        cmocka_unit_test(feedback_and_extensions_follow_the_use),
        cmocka_unit_test(wishes_give_way_to_what_is_offered),
        cmocka_unit_test(the_unsupported_is_rejected),
        cmocka_unit_test(the_bundle_keeps_its_order),
        cmocka_unit_test(streams_find_their_payload_type),
        cmocka_unit_test(names_and_mimes_are_understood),
        cmocka_unit_test(no_answer_says_more_than_its_offer),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
