/* SPDX-License-Identifier: Apache-2.0
 *
 * What a session makes of a client's offers, one after the other.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "orchestrator/core/session/record.h"
#include "orchestrator/core/session/session.h"
#include "proto/wire/wire.h"
#include "tests/lib/sdp_client.h"

static struct prng prng;

static struct random_source randomness;

static char *read_file(const char *name)
{
    char path[512];
    snprintf(path, sizeof(path), "%s/sdp/%s", TEST_DATA, name);
    FILE *file = fopen(path, "rb");
    assert_non_null(file);
    char *text = mem_alloc(128 * 1024);
    assert_true(fread(text, 1, 128 * 1024 - 1, file) > 0);
    fclose(file);
    return text;
}

/* One exchange; what the room would do in between is left to `between`. */
static bool exchange(struct session *session, const char *text,
                     void (*between)(struct session *session))
{
    struct sdp_offer *offer;
    bool restarted;
    char reason[SDP_REASON_MAX];
    assert_int_equal(session_offer(session, text, &randomness, &offer, &restarted, reason), 0);
    if (between != NULL) {
        between(session);
    }
    session_plan(session, offer);
    char *answer = session_answer(session, offer, "sha-256 AA:BB");
    assert_non_null(strstr(answer, session->local_ufrag));
    free(answer);
    sdp_offer_free(offer);
    return restarted;
}

static char *replace_all(const char *text, const char *from, const char *to)
{
    char *out = mem_alloc(strlen(text) * 2 + 1);
    for (char *p = out; *text != '\0';) {
        if (strncmp(text, from, strlen(from)) == 0) {
            memcpy(p, to, strlen(to));
            p += strlen(to);
            text += strlen(from);
        } else {
            *p++ = *text++;
        }
    }
    return out;
}

/* Goal: every m-line gets its role. */
static void roles(void **state)
{
    (void)state;
    struct session session;
    session_init(&session);
    char *text = read_file("chromium-publish.offer");
    exchange(&session, text, NULL);
    static const enum session_role expected[] = {
        SESSION_SUBSCRIBE, SESSION_SUBSCRIBE, SESSION_SUBSCRIBE,
        SESSION_SUBSCRIBE, SESSION_SUBSCRIBE, SESSION_SUBSCRIBE,
        SESSION_DATA,      SESSION_PUBLISH,   SESSION_PUBLISH};
    assert_int_equal(session.line_count, ARRAY_LEN(expected));
    for (size_t i = 0; i < ARRAY_LEN(expected); i++) {
        assert_int_equal(session.lines[i].role, expected[i]);
    }
    assert_string_equal(session.lines[8].cid, "b43b7cab-1f6a-433c-9307-80364c14926b");
    assert_int_equal(session.lines[8].rid_count, 3);
    assert_string_equal(session.lines[8].rids[0], "q");
    assert_int_not_equal(session.transport, 0);
    assert_int_equal(strncmp(session.fingerprint, "sha-256 ", 8), 0);
    free(text);
    session_fini(&session);
}

/* Goal: the same ICE parameters keep ours; new ones get new ones, and the old stay known. */
static void ice_restart(void **state)
{
    (void)state;
    struct session session;
    session_init(&session);
    char *text = read_file("chromium-join.offer");
    assert_false(exchange(&session, text, NULL));
    char first[SESSION_UFRAG];
    memcpy(first, session.local_ufrag, sizeof(first));
    uint64_t transport = session.transport;
    assert_false(exchange(&session, text, NULL));
    assert_string_equal(session.local_ufrag, first);

    char *restarted = replace_all(text, "a=ice-ufrag:Ch+D", "a=ice-ufrag:newU");
    assert_true(exchange(&session, restarted, NULL));
    assert_string_not_equal(session.local_ufrag, first);
    assert_string_equal(session.previous_ufrag, first);
    assert_string_equal(session.remote_ufrag, "newU");
    assert_true(session.transport == transport); /* DTLS lives on */
    free(restarted);
    free(text);
    session_fini(&session);
}

/* Goal: another certificate is refused with a reason, and nothing has changed. */
static void certificate_stays(void **state)
{
    (void)state;
    struct session session;
    session_init(&session);
    char *text = read_file("chromium-join.offer");
    exchange(&session, text, NULL);
    char *other = replace_all(text, "a=ice-ufrag:Ch+D", "a=ice-ufrag:newU");
    char *digest = strstr(other, "a=fingerprint:sha-256 ") + strlen("a=fingerprint:sha-256 ");
    digest[0] = digest[0] == 'F' ? '0' : 'F';
    struct session before = session;
    struct sdp_offer *offer;
    bool restarted;
    char reason[SDP_REASON_MAX];
    assert_int_equal(session_offer(&session, other, &randomness, &offer, &restarted, reason),
                     ERR_INVALID);
    assert_non_null(strstr(reason, "fingerprint"));
    assert_memory_equal(&session, &before, sizeof(session));
    free(other);
    free(text);
    session_fini(&session);
}

static void subscribe_first(struct session *session)
{
    struct session_line *line = session_free_line(session, SDP_AUDIO);
    assert_non_null(line);
    line->subscription = 5;
    line->wish =
        (struct sdp_wish){.use = SDP_USE_SEND, .codec = SDP_OPUS, .stream = "PA|TR", .track = "TR"};
}

/* Goal: a section that carried a track is answered inactive once before it is free again. */
static void released_line(void **state)
{
    (void)state;
    struct session session;
    session_init(&session);
    char *text = read_file("chromium-join.offer");
    exchange(&session, text, subscribe_first);
    struct session_line *line = session_line_of_subscription(&session, 5);
    assert_non_null(line);
    assert_int_equal(line->use, SDP_USE_SEND);
    assert_non_null(session_line_codec(line, SDP_OPUS));

    line->subscription = 0;
    line->releasing = true;
    struct session_line *other = session_free_line(&session, SDP_AUDIO);
    assert_non_null(other);
    assert_true(other != line);
    exchange(&session, text, NULL);
    assert_int_equal(line->use, SDP_USE_INACTIVE);
    assert_true(session_free_line(&session, SDP_AUDIO) == line);
    free(text);
    session_fini(&session);
}

/* Goal: an offer that is refused changes nothing. */
static void refused_offer(void **state)
{
    (void)state;
    struct session session;
    struct sdp_offer *offer;
    bool restarted;
    char reason[SDP_REASON_MAX] = "";
    session_init(&session);
    char *text = read_file("chromium-join.offer");
    exchange(&session, text, NULL);
    size_t lines = session.line_count;
    assert_int_equal(session_offer(&session, "garbage", &randomness, &offer, &restarted, reason),
                     ERR_INVALID);
    assert_string_not_equal(reason, "");
    char *moved = replace_all(text, "a=mid:0\r\n", "a=mid:9\r\n");
    assert_true(session_offer(&session, moved, &randomness, &offer, &restarted, reason) < 0);
    assert_int_equal(session.line_count, lines);
    assert_string_equal(session.lines[0].mid, "0");
    assert_int_equal(session.lines[0].role, SESSION_SUBSCRIBE);
    free(moved);
    free(text);
    session_fini(&session);
}

static uint8_t *packed(const struct session *session, size_t *len)
{
    struct arena arena = {0};
    uint8_t *out = wire_pack(&session_record(session, &arena)->base, len);
    arena_fini(&arena);
    return out;
}

/* Goal: a session that was written down and read again is the same one: it writes down the same,
 * and takes the client's next offer as the first would have. */
static void restored(void **state)
{
    (void)state;
    struct session session, copy;
    struct arena arena = {0};
    session_init(&session);
    char *text = read_file("chromium-publish.offer");
    exchange(&session, text, NULL);
    session.candidates[0] = (struct sdp_candidate){.ip = "10.0.0.1", .port = 7, .priority = 9};
    session.candidate_count = 1;
    session.lines[7].track = 3;
    session.lines[0].subscription = 4;
    session_restore(&copy, session_record(&session, &arena));
    size_t len, copy_len;
    uint8_t *bytes = packed(&session, &len), *copy_bytes = packed(&copy, &copy_len);
    assert_int_equal(len, copy_len);
    assert_memory_equal(bytes, copy_bytes, len);
    assert_true(len < 6000); /* nine lines, but two lists of codecs */
    assert_false(exchange(&copy, text, NULL));
    assert_int_equal(copy.lines[7].track, 3);
    assert_string_equal(copy.local_ufrag, session.local_ufrag);
    free(bytes);
    free(copy_bytes);
    free(text);
    session_fini(&session);
    session_fini(&copy);
    arena_fini(&arena);
}

/* ---- Where we offer ---- */

static struct session_line *offer_track(struct session *session, enum sdp_kind kind, uint32_t id)
{
    struct session_line *line = session_sending_line(session, kind);
    assert_non_null(line);
    line->subscription = id;
    return line;
}

/* Our next offer; each line with a subscription carries it. */
static char *propose(struct session *session, bool restart)
{
    for (size_t i = 0; i < session->line_count; i++) {
        struct session_line *line = &session->lines[i];
        line->wish = (struct sdp_wish){.use = SDP_USE_INACTIVE};
        if (line->rejected) {
            line->wish.use = SDP_USE_REJECT;
        } else if (line->kind == SDP_APPLICATION) {
            line->wish.use = SDP_USE_DATA;
        } else if (line->subscription != 0) {
            line->wish = (struct sdp_wish){.use = SDP_USE_SEND,
                                           .stream = "PA|TR",
                                           .track = "TR",
                                           .cname = "PA",
                                           .red_disabled = true,
                                           .source = {line->subscription, 0}};
        }
    }
    return session_propose(session, &randomness, restart, "sha-256 AA:BB");
}

static int answer(struct session *session, const char *text, bool *restarted)
{
    char reason[SDP_REASON_MAX] = "";
    int err = session_answered(session, text, restarted, reason);
    assert_int_equal(err != 0, reason[0] != '\0');
    return err;
}

static void take(struct session *session, bool restart, const char *ufrag, bool restarts)
{
    bool restarted;
    char *offer = propose(session, restart), *text = sdp_client_answer(offer, ufrag);
    assert_int_equal(answer(session, text, &restarted), 0);
    assert_int_equal(restarted, restarts);
    free(offer);
    free(text);
}

/* Goal: our offer says what JSEP asks of one, and the answer makes of lines what an offer does. */
static void offers_and_reads_the_answer(void **state)
{
    (void)state;
    struct session session;
    session_init(&session);
    (void)session_sending_line(&session, SDP_APPLICATION);
    offer_track(&session, SDP_VIDEO, 7);
    char *offer = propose(&session, false);
    static const char *const says[] = {"a=group:BUNDLE 0 1\r\n",
                                       "a=ice-lite\r\n",
                                       "a=mid:1\r\na=sendonly\r\na=rtcp-mux\r\na=setup:passive\r\n",
                                       "m=application 9 ",
                                       "a=sendonly\r\n",
                                       "a=msid:PA|TR TR\r\n",
                                       "a=ssrc:7 cname:PA\r\n",
                                       "a=rtpmap:96 VP8/90000\r\n"};
    for (size_t i = 0; i < ARRAY_LEN(says); i++) {
        print_message("%s\n", says[i]);
        assert_non_null(strstr(offer, says[i]));
    }
    assert_int_equal(session.transport, 0); /* nothing is agreed on yet */
    free(offer);
    take(&session, false, "once", false);
    assert_int_not_equal(session.transport, 0);
    assert_int_equal(session.lines[0].use, SDP_USE_DATA);
    assert_int_equal(session.lines[1].use, SDP_USE_SEND);
    assert_int_equal(session.lines[1].sent.ssrc, 7);
    assert_non_null(session_line_codec(&session.lines[1], SDP_AV1));
    assert_string_equal(session.remote_ufrag, "once");
    assert_int_not_equal(session.extension_ids[SDP_EXT_TRANSPORT_CC], 0);

    char first[SESSION_UFRAG];
    memcpy(first, session.local_ufrag, sizeof(first));
    take(&session, false, "once", false);
    assert_string_equal(session.local_ufrag, first);
    bool restarted; /* pion's words, and not what it does */
    char *text = propose(&session, false), *pion = sdp_client_answer(text, "once");
    char *passive = replace_all(pion, "a=setup:active", "a=setup:passive");
    assert_int_equal(answer(&session, passive, &restarted), 0);
    free(text);
    free(pion);
    free(passive);
    take(&session, true, "anew", true);
    assert_string_not_equal(session.local_ufrag, first);
    assert_string_equal(session.previous_ufrag, first);
    session_fini(&session);
}

/* Goal: a line is offered inactive once before it carries something else; a track that ended while
 * its offer was on its way is no exception. */
static void lines_end_before_they_begin(void **state)
{
    (void)state;
    struct session session;
    session_init(&session);
    (void)session_sending_line(&session, SDP_APPLICATION);
    offer_track(&session, SDP_AUDIO, 1);
    bool restarted;
    char *offer = propose(&session, false), *text = sdp_client_answer(offer, "once");
    session.lines[1].subscription = 0; /* as the room does when it ends */
    session.lines[1].releasing = true;
    assert_int_equal(answer(&session, text, &restarted), 0);
    free(offer);
    free(text);
    assert_int_equal(session.lines[1].use, SDP_USE_INACTIVE);
    assert_true(session.lines[1].releasing);
    assert_string_equal(offer_track(&session, SDP_AUDIO, 2)->mid, "2");
    take(&session, false, "once", false);
    assert_false(session.lines[1].releasing);
    assert_string_equal(offer_track(&session, SDP_AUDIO, 3)->mid, "1");
    take(&session, false, "once", false);
    assert_int_equal(session.lines[1].use, SDP_USE_SEND);
    assert_int_equal(session.line_count, 3);
    session_fini(&session);
}

/* Goal: answers that do not fit the offer are refused with a reason, and change nothing; a section
 * that the client rejects stays so. */
static void refuses_what_does_not_answer_it(void **state)
{
    (void)state;
    struct session session;
    session_init(&session);
    (void)session_sending_line(&session, SDP_APPLICATION);
    offer_track(&session, SDP_AUDIO, 1);
    take(&session, false, "once", false);
    offer_track(&session, SDP_VIDEO, 2);
    char *offer = propose(&session, false), *text = sdp_client_answer(offer, "once");
    char *fewer = replace_all(text, "a=group:BUNDLE 0 1 2", "a=group:BUNDLE 0 1");
    *strstr(fewer, "m=video") = '\0';
    char *bad[] = {fewer, replace_all(text, "a=mid:2", "a=mid:3"),
                   replace_all(text, "AB:AB:AB:AB", "CD:CD:CD:CD"), mem_str("v=0"), mem_str("")};
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        bool restarted;
        struct session before = session;
        print_message("%zu\n", i);
        assert_int_not_equal(answer(&session, bad[i], &restarted), 0);
        assert_memory_equal(&session, &before, sizeof(session));
        free(bad[i]);
    }
    bool restarted;
    char *without = replace_all(text, "a=group:BUNDLE 0 1 2", "a=group:BUNDLE 0 1");
    char *rejected = replace_all(without, "m=video 9", "m=video 0");
    assert_int_equal(answer(&session, rejected, &restarted), 0);
    assert_true(session.lines[2].rejected);
    session.lines[2].subscription = 0;
    assert_string_equal(session_sending_line(&session, SDP_VIDEO)->mid, "3");
    free(without);
    free(rejected);
    free(offer);
    free(text);
    session_fini(&session);
}

int main(void)
{
    randomness = prng_source(&prng);
    prng_seed(&prng, 7);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(restored),
        cmocka_unit_test(roles),
        cmocka_unit_test(ice_restart),
        cmocka_unit_test(certificate_stays),
        cmocka_unit_test(released_line),
        cmocka_unit_test(refused_offer),
        cmocka_unit_test(offers_and_reads_the_answer),
        cmocka_unit_test(lines_end_before_they_begin),
        cmocka_unit_test(refuses_what_does_not_answer_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
