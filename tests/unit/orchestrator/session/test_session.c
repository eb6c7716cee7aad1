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

int main(void)
{
    randomness = prng_source(&prng);
    prng_seed(&prng, 7);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(restored),      cmocka_unit_test(roles),
        cmocka_unit_test(ice_restart),   cmocka_unit_test(certificate_stays),
        cmocka_unit_test(released_line), cmocka_unit_test(refused_offer),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
