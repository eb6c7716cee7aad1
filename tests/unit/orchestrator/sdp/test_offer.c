/* SPDX-License-Identifier: Apache-2.0
 *
 * Goal: offers of real clients are read whole, and others by the grammar of their RFCs.
 */
#include "tests/unit/orchestrator/sdp/offers.h"
#include "tests/unit/orchestrator/sdp/wish.h"

#include <stdio.h>
#include <stdlib.h>

#include <setjmp.h>

#include <cmocka.h>

static struct sdp_offer *fixture(const char *name)
{
    char path[512];
    size_t len;
    snprintf(path, sizeof(path), TEST_DATA "/sdp/%s.offer", name);
    char *text = wish_file(path, &len);
    struct sdp_offer *offer = parsed(text);
    free(text);
    return offer;
}

static const struct sdp_codec *codec(const struct sdp_media *media, uint8_t payload_type)
{
    for (size_t i = 0; i < media->codec_count; i++) {
        if (media->codecs[i].payload_type == payload_type) {
            return &media->codecs[i];
        }
    }
    fail_msg("payload type %u is missing", payload_type);
    return NULL;
}

/* ---- Real offers --------------------------------------------------------------------------- */

static void reads_chromium(void **state)
{
    (void)state;
    struct sdp_offer *offer = fixture("chromium-publish");
    assert_int_equal(offer->media_count, 9);
    assert_true(offer->ice_trickle && offer->extmap_allow_mixed);
    assert_int_equal(strlen(offer->ice_ufrag), 4);
    assert_int_equal(strlen(offer->ice_pwd), 24);
    assert_string_equal(offer->fingerprint.algorithm, "sha-256");
    assert_int_equal(offer->fingerprint.len, 32);
    assert_int_equal(offer->extension_ids[SDP_EXT_MID], 4);
    assert_int_equal(offer->extension_ids[SDP_EXT_AUDIO_LEVEL], 1);
    assert_int_equal(offer->extension_ids[SDP_EXT_TRANSPORT_CC], 3);

    const struct sdp_media *data = sdp_offer_find(offer, "6");
    assert_int_equal(data->kind, SDP_APPLICATION);
    assert_int_equal(data->sctp_port, 5000);
    assert_int_equal(data->max_message_size, 262144);

    const struct sdp_media *audio = sdp_offer_find(offer, "7");
    assert_int_equal(audio->kind, SDP_AUDIO);
    assert_int_equal(audio->direction, SDP_SENDONLY);
    assert_string_equal(audio->stream, "-");
    assert_int_equal(strlen(audio->track), 36);
    assert_int_equal(audio->source_count, 1);
    assert_int_equal(strlen(audio->cname), 16);
    assert_int_equal(audio->codecs[0].id, SDP_OPUS);
    assert_int_equal(audio->codecs[0].payload_type, 111);
    assert_int_equal(audio->codecs[0].channels, 2);
    assert_string_equal(audio->codecs[0].fmtp, "minptime=10;useinbandfec=1");
    assert_int_equal(codec(audio, 63)->id, SDP_RED);
    assert_int_equal(codec(audio, 0)->id, SDP_PCMU);
    assert_int_equal(codec(audio, 126)->id, SDP_CODEC_OTHER); /* telephone-event */

    const struct sdp_media *video = sdp_offer_find(offer, "8");
    assert_int_equal(video->direction, SDP_SENDONLY);
    assert_true(video->simulcast && video->rtcp_rsize);
    assert_int_equal(video->rid_count, 3);
    assert_string_equal(video->rids[0].id, "q");
    assert_string_equal(video->rids[2].id, "f");
    assert_int_equal(video->source_count, 0);
    assert_int_equal(video->codecs[0].id, SDP_VP8);
    assert_int_equal(video->codecs[0].rtx, 97);
    assert_int_equal(video->codecs[0].feedback,
                     SDP_FB_NACK | SDP_FB_PLI | SDP_FB_FIR | SDP_FB_TRANSPORT_CC | SDP_FB_REMB);
    assert_true((video->extensions & SDP_EXT_BIT(SDP_EXT_REPAIRED_RID)) != 0);
    sdp_offer_free(offer);
}

static void reads_signalled_sources(void **state)
{
    (void)state;
    struct sdp_offer *offer = fixture("chromium-svc");
    const struct sdp_media *video = sdp_offer_find(offer, "9");
    assert_int_equal(video->source_count, 1);
    assert_int_equal(video->sources[0].ssrc, 1579152644);
    assert_int_equal(video->sources[0].rtx_ssrc, 3328239315);
    assert_int_equal(video->rid_count, 0);
    assert_int_equal(video->codecs[0].id, SDP_VP9);
    assert_int_equal(sdp_offer_find(offer, "10")->codecs[0].id, SDP_AV1);
    sdp_offer_free(offer);
}

static void reads_firefox(void **state)
{
    (void)state;
    struct sdp_offer *offer = fixture("firefox-publish");
    assert_int_equal(offer->media_count, 9);
    assert_int_equal(offer->fingerprint.len, 32); /* at session level */
    assert_false(offer->extmap_allow_mixed);
    const struct sdp_media *video = sdp_offer_find(offer, "8");
    assert_true(video->extmap_allow_mixed);
    assert_false(video->rejected); /* port 0, bundle-only */
    assert_int_equal(video->track[0], '{');
    assert_int_equal(video->rid_count, 3);
    assert_true(video->simulcast);
    assert_int_equal(video->source_count, 3);
    assert_int_not_equal(video->sources[1].rtx_ssrc, 0);
    unsigned rid = SDP_EXT_BIT(SDP_EXT_RID);
    assert_true((video->extensions & rid) != 0 && (video->extensions_sendonly & rid) != 0);
    assert_true((video->extensions_recvonly & SDP_EXT_BIT(SDP_EXT_PLAYOUT_DELAY)) != 0);
    sdp_offer_free(offer);

    offer = fixture("firefox-rejected");
    assert_true(offer->media[0].rejected);
    assert_false(offer->media[1].rejected);
    sdp_offer_free(offer);
}

static void reads_rtc_node(void **state)
{
    (void)state;
    struct sdp_offer *offer = fixture("rtc-node-join");
    assert_int_equal(offer->media_count, 7);
    assert_int_equal(offer->media[0].kind, SDP_AUDIO);
    assert_int_equal(offer->media[3].direction, SDP_RECVONLY);
    assert_int_equal(offer->media[6].kind, SDP_APPLICATION);
    sdp_offer_free(offer);
}

/* ---- Grammar ------------------------------------------------------------------------------- */

static void defaults_are_the_rfcs(void **state)
{
    (void)state;
    struct sdp_offer *offer = parsed(base);
    assert_int_equal(offer->media_count, 3);
    assert_int_equal(offer->media[0].direction, SDP_SENDRECV);
    assert_int_equal(offer->media[1].codec_count, 1);
    assert_int_equal(offer->media[1].codecs[0].rtx, 97);
    assert_int_equal(offer->media[2].max_message_size, 65536);
    assert_string_equal(offer->media[0].track, "");
    assert_string_equal(offer->media[0].codecs[0].fmtp, "");
    assert_int_equal(offer->fingerprint.digest[10], 0xaa);
    assert_int_equal(offer->fingerprint.digest[31], 0xff);
    assert_false(offer->ice_trickle);
    assert_null(sdp_offer_find(offer, "x"));
    sdp_offer_free(offer);
}

static void bare_line_feeds_will_do(void **state)
{
    (void)state;
    char text[sizeof(base)];
    size_t len = 0;
    for (const char *p = base; *p != '\0'; p++) {
        if (*p != '\r') {
            text[len++] = *p;
        }
    }
    text[len - 1] = '\0'; /* nor is the last line ended */
    struct sdp_offer *offer = parsed(text);
    assert_int_equal(offer->media_count, 3);
    sdp_offer_free(offer);
}

static void the_tagged_section_speaks_for_the_transport(void **state)
{
    (void)state;
    char text[8192];
    struct sdp_offer *offer = parsed(edited(text, "a=mid:a\r\n",
                                            "a=mid:a\r\na=ice-ufrag:mine\r\n"
                                            "a=ice-pwd:abcdefghijklmnopqrstuv\r\n"));
    assert_string_equal(offer->ice_ufrag, "mine");
    assert_string_equal(offer->ice_pwd, "abcdefghijklmnopqrstuv");
    sdp_offer_free(offer);
    offer = parsed(edited(text, "a=mid:v\r\n", "a=mid:v\r\na=ice-ufrag:mine\r\n"));
    assert_string_equal(offer->ice_ufrag, "abcd");
    sdp_offer_free(offer);
}

static void the_strongest_fingerprint_counts(void **state)
{
    (void)state;
    char text[8192];
    struct sdp_offer *offer = parsed(
        edited(text, "a=setup:actpass\r\n",
               "a=fingerprint:SHA-512 " HASH_16 ":" HASH_16 ":" HASH_16 ":" HASH_16 "\r\n"
               "a=fingerprint:sha-1 00\r\na=fingerprint:sha-256 " HASH_16 ":" HASH_16 "\r\n"));
    assert_string_equal(offer->fingerprint.algorithm, "sha-512");
    assert_int_equal(offer->fingerprint.len, 64);
    sdp_offer_free(offer);
}

static void layers_are_in_simulcast_order(void **state)
{
    (void)state;
    static const struct {
        const char *lines;
        const char *rids; /* "" none; a paused one has its ~ */
        bool simulcast;
    } rows[] = {
        {"a=rid:h send\r\na=rid:q send\r\na=simulcast:send q;h\r\n", "q;h", true},
        {"a=simulcast:send q;~h\r\na=rid:q send pt=96\r\na=rid:h send max-width=1\r\n", "q;~h",
         true},
        {"a=rid:q send\r\na=rid:h send\r\na=rid:x recv\r\na=simulcast:recv x send h,q;q\r\n", "h;q",
         true},
        {"a=rid:q send\r\na=simulcast:send q;missing;q\r\n", "q", true},
        {"a=rid:q send\r\na=rid:h send\r\n", "q;h", false},
        {"a=rid:q recv\r\na=simulcast:recv q\r\n", "", false},
        {"a=simulcast:send q;h\r\n", "", false},
        {"a=rid:q send\r\na=simulcast:send ;,;~;\r\n", "", false},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        char text[8192];
        char lines[512];
        snprintf(lines, sizeof(lines), "a=mid:v\r\n%s", rows[i].lines);
        struct sdp_offer *offer = parsed(edited(text, "a=mid:v\r\n", lines));
        const struct sdp_media *video = &offer->media[1];
        char rids[256] = "";
        for (size_t r = 0; r < video->rid_count; r++) {
            snprintf(rids + strlen(rids), 32, "%s%s%s", r > 0 ? ";" : "",
                     video->rids[r].paused ? "~" : "", video->rids[r].id);
        }
        assert_string_equal(rids, rows[i].rids);
        assert_int_equal(video->simulcast, rows[i].simulcast);
        sdp_offer_free(offer);
    }
}

/* SSRC-based simulcast of older SDKs: the SIM group gives the order, FID the repair streams. */
static void sources_are_grouped(void **state)
{
    (void)state;
    char text[8192];
    struct sdp_offer *offer = parsed(edited(text, "a=mid:v\r\n",
                                            "a=mid:v\r\n"
                                            "a=ssrc-group:FID 1 11\r\na=ssrc-group:FID 3 13\r\n"
                                            "a=ssrc-group:FEC-FR 1 21\r\na=ssrc:3 cname:c\r\n"
                                            "a=ssrc:1 cname:c\r\na=ssrc:1 msid:s t\r\n"
                                            "a=ssrc:2 cname:c\r\na=ssrc:11 cname:c\r\n"
                                            "a=ssrc:13 cname:c\r\na=ssrc:21 cname:c\r\n"
                                            "a=ssrc-group:SIM 1 2 3\r\n"));
    const struct sdp_media *video = &offer->media[1];
    assert_int_equal(video->source_count, 3);
    for (uint32_t i = 0; i < 3; i++) {
        assert_int_equal(video->sources[i].ssrc, i + 1);
        assert_int_equal(video->sources[i].rtx_ssrc, i == 1 ? 0 : i + 11);
    }
    assert_string_equal(video->cname, "c");
    assert_string_equal(video->stream, "s");
    assert_string_equal(video->track, "t");
    sdp_offer_free(offer);
}

static void codecs_are_known_by_name_and_clock(void **state)
{
    (void)state;
    static const struct {
        const char *rtpmap;
        enum sdp_codec_id id;
    } rows[] = {
        {"vp8/90000", SDP_VP8},
        {"H264/90000", SDP_H264},
        {"VP9/90000", SDP_VP9},
        {"av1/90000", SDP_AV1},
        {"H265/90000", SDP_H265},
        {"VP8/8000", SDP_CODEC_OTHER},
        {"red/90000", SDP_CODEC_OTHER},
        {"opus/48000/2", SDP_CODEC_OTHER},
        {"ulpfec/90000", SDP_CODEC_OTHER},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        char text[8192];
        char line[64];
        snprintf(line, sizeof(line), "a=rtpmap:96 %s\r\na=rtcp-fb:* nack\r\n", rows[i].rtpmap);
        struct sdp_offer *offer = parsed(edited(text, "a=rtpmap:96 VP8/90000\r\n", line));
        assert_int_equal(offer->media[1].codecs[0].id, rows[i].id);
        assert_int_equal(offer->media[1].codecs[0].feedback, SDP_FB_NACK);
        sdp_offer_free(offer);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_chromium),
        cmocka_unit_test(reads_signalled_sources),
        cmocka_unit_test(reads_firefox),
        cmocka_unit_test(reads_rtc_node),
        cmocka_unit_test(defaults_are_the_rfcs),
        cmocka_unit_test(bare_line_feeds_will_do),
        cmocka_unit_test(the_tagged_section_speaks_for_the_transport),
        cmocka_unit_test(the_strongest_fingerprint_counts),
        cmocka_unit_test(layers_are_in_simulcast_order),
        cmocka_unit_test(sources_are_grouped),
        cmocka_unit_test(codecs_are_known_by_name_and_clock),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
