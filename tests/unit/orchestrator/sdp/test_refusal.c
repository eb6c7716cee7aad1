/* SPDX-License-Identifier: Apache-2.0
 *
 * Goal: what we do not serve is refused with a reason that names it, and no mangled offer makes the
 * parser stumble.
 */
#include "tests/unit/orchestrator/sdp/offers.h"
#include "tests/unit/orchestrator/sdp/wish.h"

#include <stdio.h>
#include <stdlib.h>

#include <setjmp.h>

#include <cmocka.h>

/* ---- Refusals ------------------------------------------------------------------------------ */

struct refusal {
    const char *from; /* in base */
    const char *to;
    int err; /* 0: accepted all the same */
    const char *reason;
};

#define INVALID     ERR_INVALID
#define UNSUPPORTED ERR_UNSUPPORTED

static const struct refusal refusals[] = {
    {"a=group:BUNDLE a v d\r\n", "", UNSUPPORTED, "no BUNDLE group"},
    {"BUNDLE a v d", "LS a v d", UNSUPPORTED, "no BUNDLE group"},
    {"BUNDLE a v d", "BUNDLE a d", UNSUPPORTED, "m-line 1 (mid v) is not in the BUNDLE"},
    {"BUNDLE a v d", "BUNDLE a v d x", INVALID, "BUNDLE names a mid that no m-line has: x"},
    {"BUNDLE a v d", "BUNDLE a v d a", INVALID, "BUNDLE names the mid a twice"},
    {"BUNDLE a v d\r\n", "BUNDLE a v\r\na=group:BUNDLE d\r\n", UNSUPPORTED, "m-line 2 (mid d)"},
    {"m=video 9", "m=video 0", 0, ""},
    {"a=mid:v\r\n", "a=mid:v\r\na=bundle-only\r\n", 0, ""},
    {"a=mid:v\r\n", "", INVALID, "line 20: the m-line that ends here has no mid"},
    {"a=mid:v", "a=mid:a", INVALID, "line 21: two m-lines have the mid a"},
    {"a=mid:v", "a=mid:v v", INVALID, "line 15: mid is not"},
    {"a=mid:v", "a=mid:", INVALID, "line 15: mid is not"},
    {"a=mid:v", "a=mid:12345678901234567", INVALID, "line 15: mid is not"},
    {"a=ice-ufrag:abcd\r\n", "", INVALID, "no ICE credentials"},
    {"a=ice-pwd:0123456789012345678901\r\n", "", INVALID, "no ICE credentials"},
    {"ufrag:abcd", "ufrag:abc", INVALID, "line 6: ice-ufrag"},
    {"ufrag:abcd", "ufrag:ab:d", INVALID, "line 6: ice-ufrag"},
    {"pwd:0123456789012345678901", "pwd:012345678901234567890", INVALID, "line 7: ice-pwd"},
    {"fingerprint:sha-256", "fingerprint:sha-1", INVALID, "no certificate fingerprint"},
    {"sha-256 00:", "sha-256 ", INVALID, "line 8: the fingerprint is no sha-256 digest"},
    {"sha-256 00:", "sha-256 00:00:", INVALID, "line 8: the fingerprint is no sha-256 digest"},
    {"sha-256 00:", "sha-256 0:", INVALID, "line 8: the fingerprint is no sha-256 digest"},
    {"sha-256 00:", "sha-256 00-", INVALID, "line 8: the fingerprint is no sha-256 digest"},
    {"sha-256 00:11", "sha-256 ", INVALID, "line 8: the fingerprint is no sha-256 digest"},
    {"setup:actpass", "setup:active", 0, ""},
    {"setup:actpass", "setup:passive", UNSUPPORTED, "the client will not be the DTLS client"},
    {"setup:actpass", "setup:holdconn", UNSUPPORTED, "the client will not be the DTLS client"},
    {"t=0 0\r\n", "t=0 0\r\na=ice-lite\r\n", UNSUPPORTED, "an ICE-lite client"},
    {"a=rtcp-mux\r\n", "", UNSUPPORTED, "line 13: no rtcp-mux in the m-line with mid a"},
    {"a=sctp-port:5000\r\n", "", INVALID, "line 22: no sctp-port in the m-line with mid d"},
    {"sctp-port:5000", "sctp-port:65536", INVALID, "line 23: sctp-port"},
    {"a=sctp-port:5000", "a=sctp-port:5000\r\na=max-message-size:4294967296", INVALID,
     "line 24: max-message-size"},
    {"v=0\r\n", "", INVALID, "line 1: an offer begins with v=0"},
    {"v=0\r\n", "v=1\r\n", INVALID, "line 1: an offer begins with v=0"},
    {"s=-\r\n", "s\r\n", INVALID, "line 3: not of the form x=value"},
    {"s=-\r\n", "\r\n", INVALID, "line 3: not of the form x=value"},
    {"s=-\r\n", "S=-\r\n", INVALID, "line 3: not of the form x=value"},
    {"m=audio 9 UDP/TLS/RTP/SAVPF 111", "m=audio 9 UDP/TLS/RTP/SAVPF", INVALID, "line 10: not"},
    {"m=audio 9", "m=audio 99999", INVALID, "line 10: not <media>"},
    {"m=audio 9", "m=audio 9/2", INVALID, "line 10: not <media>"},
    {"SAVPF 111", "SAVPF 128", INVALID, "line 10: an m-line lists what is no payload type"},
    {"SAVPF 111", "SAVPF 111 111", INVALID, "line 10: payload type 111 is listed twice"},
    {"opus/48000/2", "opus", INVALID, "line 13: rtpmap"},
    {"opus/48000/2", "opus/48000/x", INVALID, "line 13: rtpmap"},
    {"a=rtpmap:111 opus", "a=rtpmap:112 opus", 0, ""},
    {"UDP/TLS/RTP/SAVPF 111", "RTP/AVP 111", 0, ""}, /* SDP_OTHER, to be rejected */
    {"a=mid:v\r\n",
     "a=mid:v\r\na=extmap:1 urn:ietf:params:rtp-hdrext:sdes:mid\r\n"
     "a=extmap:2 urn:ietf:params:rtp-hdrext:sdes:mid\r\n",
     UNSUPPORTED, "line 17: header extension 2 means different things"},
    {"a=mid:v\r\n",
     "a=mid:v\r\na=extmap:1 urn:ietf:params:rtp-hdrext:sdes:mid\r\n"
     "a=extmap:1 urn:ietf:params:rtp-hdrext:ssrc-audio-level\r\n",
     UNSUPPORTED, "line 17: header extension 1 means different things"},
    {"a=mid:v\r\n",
     "a=mid:v\r\na=extmap:15 urn:ietf:params:rtp-hdrext:sdes:mid\r\na=extmap:0 "
     "urn:ietf:params:rtp-hdrext:sdes:mid\r\na=extmap:1\r\na=extmap:\r\n",
     0, ""},
    {"a=mid:v\r\n", "a=mid:v\r\na=rid:q\r\n", INVALID, "line 16: rid is not"},
    {"a=mid:v\r\n", "a=mid:v\r\na=rid:q;h send\r\n", INVALID, "line 16: rid is not"},
    {"a=mid:v\r\n", "a=mid:v\r\na=rid:q send\r\na=rid:q recv\r\n", 0, ""},
    {"a=mid:v\r\n", "a=mid:v\r\na=rid:q send\r\na=rid:h send\r\na=rid:q send pt=96\r\n", INVALID,
     "line 18: rid q is given twice"},
    {"a=mid:v\r\n", "a=mid:v\r\na=simulcast:send\r\n", INVALID, "line 16: simulcast"},
    {"a=mid:v\r\n", "a=mid:v\r\na=ssrc:x\r\n", INVALID, "line 16: ssrc is no"},
    {"a=mid:v\r\n", "a=mid:v\r\na=ssrc-group:FID 1 2 3\r\n", INVALID, "line 16: an FID group"},
    {"a=mid:v\r\n", "a=mid:v\r\na=ssrc-group:FID 1 x\r\n", INVALID, "line 16: ssrc-group"},
    {"a=mid:v\r\n", "a=mid:v\r\na=msid:\r\n", INVALID, "line 16: msid"},
    {"a=mid:v\r\n", "a=mid:v\r\na=unknown:1\r\na=rtcp:9\r\na=\r\na=:\r\nb=AS:1\r\n", 0, ""},
};

static void refuses_with_a_reason(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(refusals); i++) {
        const struct refusal *row = &refusals[i];
        char text[8192];
        char reason[SDP_REASON_MAX] = "";
        struct sdp_offer *offer = NULL;
        edited(text, row->from, row->to);
        int err = sdp_offer_parse(&offer, text, strlen(text), reason);
        if (err != row->err || strncmp(reason, row->reason, strlen(row->reason)) != 0) {
            fail_msg("row %zu, \"%s\": %d \"%s\"", i, row->to, err, reason);
        }
        if (err == 0) {
            sdp_offer_free(offer);
        }
    }
}

static void refuses_garbage(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        size_t len;
    } rows[] = {{"", 0},        {"\n", 1},         {"\r\n", 2},         {"v=0", 3},
                {"v=0\0", 4},   {"v=0\r\n", 5},    {"garbage", 7},      {"{\"sdp\":1}", 9},
                {"v=0\nm=", 6}, {"v=0\nm= \n", 8}, {"v=0\nm=a b c", 11}};
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct sdp_offer *offer = NULL;
        char reason[SDP_REASON_MAX] = "";
        assert_int_equal(sdp_offer_parse(&offer, rows[i].text, rows[i].len, reason), ERR_INVALID);
        assert_int_not_equal(reason[0], '\0');
    }
}

static void bounds_hold(void **state)
{
    (void)state;
    struct sdp_offer *offer = NULL;
    char reason[SDP_REASON_MAX] = "";
    size_t size = SDP_TEXT_MAX + 2;
    char *text = mem_alloc(size);
    memset(text, 'a', SDP_TEXT_MAX + 1);
    assert_int_equal(sdp_offer_parse(&offer, text, SDP_TEXT_MAX + 1, reason), ERR_TOO_BIG);

    for (int count = SDP_MEDIA_MAX; count <= SDP_MEDIA_MAX + 1; count++) {
        int len = snprintf(text, size, "v=0\n%sa=group:BUNDLE", TRANSPORT);
        for (int i = 0; i < count; i++) {
            len += snprintf(text + len, size - (size_t)len, " %d", i);
        }
        for (int i = 0; i < count; i++) {
            len += snprintf(text + len, size - (size_t)len,
                            "\nm=audio 9 RTP/SAVPF 0\na=mid:%d\na=rtcp-mux", i);
        }
        int err = sdp_offer_parse(&offer, text, (size_t)len, reason);
        assert_int_equal(err, count <= SDP_MEDIA_MAX ? 0 : ERR_TOO_BIG);
        if (err == 0) {
            assert_int_equal(offer->media_count, SDP_MEDIA_MAX);
            assert_string_equal(offer->media[SDP_MEDIA_MAX - 1].mid, "511");
            sdp_offer_free(offer);
        }
    }
    free(text);

    const struct {
        const char *line; /* repeated with rising numbers behind the mid */
        int count_max;
    } rows[] = {{"a=rid:%d send\n", SDP_RIDS_MAX},
                {"a=ssrc:%d cname:x\n", SDP_SOURCES_MAX},
                {"a=ssrc-group:FID 1 %d\n", 3 * SDP_SOURCES_MAX}};
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        for (int count = rows[i].count_max; count <= rows[i].count_max + 1; count++) {
            char lines[4096] = "a=mid:v\r\n";
            char edit[8192];
            for (int n = 0; n < count; n++) {
                size_t len = strlen(lines);
                snprintf(lines + len, sizeof(lines) - len, rows[i].line, n);
            }
            edited(edit, "a=mid:v\r\n", lines);
            int err = sdp_offer_parse(&offer, edit, strlen(edit), reason);
            assert_true((err == 0) == (count == rows[i].count_max));
            if (err == 0) {
                sdp_offer_free(offer);
            }
        }
    }
}

/* Bytes changed, lines lost or doubled, ends cut off: nothing breaks, and refusals have reasons. */
static void survives_mangled_offers(void **state)
{
    (void)state;
    static const char *const names[] = {"chromium-svc", "firefox-publish", "rtc-node-join"};
    struct prng prng;
    prng_seed(&prng, 1);
    for (size_t n = 0; n < ARRAY_LEN(names); n++) {
        char path[512];
        size_t len;
        snprintf(path, sizeof(path), TEST_DATA "/sdp/%s.offer", names[n]);
        char *text = wish_file(path, &len);
        char *copy = mem_alloc(len);
        for (int turn = 0; turn < 300; turn++) {
            memcpy(copy, text, len);
            size_t cut = prng_below(&prng, 4) == 0 ? prng_below(&prng, len) : len;
            for (uint64_t edits = prng_below(&prng, 8); edits > 0; edits--) {
                size_t at = prng_below(&prng, len);
                static const char bytes[] = "\n\r =:;,/09azm\x80";
                copy[at] = bytes[prng_below(&prng, sizeof(bytes))];
            }
            struct sdp_offer *offer = NULL;
            char reason[SDP_REASON_MAX] = "";
            if (sdp_offer_parse(&offer, copy, cut, reason) == 0) {
                sdp_offer_free(offer);
            } else {
                assert_int_not_equal(reason[0], '\0');
            }
        }
        free(copy);
        free(text);
    }
}

/* ---- Later offers -------------------------------------------------------------------------- */

static void later_offers_keep_their_lines(void **state)
{
    (void)state;
    static const struct {
        struct sdp_line lines[4];
        size_t count;
        const char *reason; /* "": follows */
    } rows[] = {
        {{{"a", SDP_AUDIO, false}, {"v", SDP_VIDEO, false}, {"d", SDP_APPLICATION, false}}, 3, ""},
        {{{"a", SDP_AUDIO, false}}, 1, ""},
        {{{0}}, 0, ""},
        {{{"v", SDP_VIDEO, false}, {"a", SDP_AUDIO, false}},
         2,
         "m-line 0 changed its mid from v to a"},
        {{{"old", SDP_VIDEO, true}, {"v", SDP_VIDEO, false}}, 2, ""},
        {{{"a", SDP_VIDEO, false}}, 1, "m-line 0 (mid a) changed its kind"},
        {{{"a", SDP_AUDIO, false},
          {"v", SDP_VIDEO, false},
          {"d", SDP_APPLICATION, false},
          {"e", SDP_VIDEO, false}},
         4,
         "the offer has lost m-line 3 (mid e)"},
        {{{"a", SDP_AUDIO, false},
          {"v", SDP_VIDEO, false},
          {"d", SDP_APPLICATION, false},
          {"e", SDP_VIDEO, true}},
         4,
         "the offer has lost m-line 3 (mid e)"},
    };
    struct sdp_offer *offer = parsed(base);
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        char reason[SDP_REASON_MAX] = "";
        int err = sdp_offer_follows(offer, rows[i].lines, rows[i].count, reason);
        assert_int_equal(err, rows[i].reason[0] == '\0' ? 0 : ERR_INVALID);
        assert_string_equal(reason, rows[i].reason);
    }
    sdp_offer_free(offer);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(refuses_with_a_reason),
        cmocka_unit_test(refuses_garbage),
        cmocka_unit_test(bounds_hold),
        cmocka_unit_test(survives_mangled_offers),
        cmocka_unit_test(later_offers_keep_their_lines),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
