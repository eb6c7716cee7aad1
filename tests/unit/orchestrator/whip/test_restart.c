/* SPDX-License-Identifier: Apache-2.0
 *
 * What PATCH asks for: candidates, which are taken, and ICE restarts (RFC 9725 §4.3), which the
 * room answers.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "tests/unit/orchestrator/whip/offers.h"
#include "tests/unit/orchestrator/whip/world.h"

#define FRAGMENT "application/trickle-ice-sdpfrag"
#define PWD      "a=ice-pwd:abcdefghijklmnopqrstuv\r\n"
#define RESTART  "a=group:BUNDLE 0 1\r\nm=audio 9 RTP/AVP 0\r\na=mid:0\r\na=ice-ufrag:efgh\r\n" PWD

/* As the room writes them: the credentials of the session, candidates of the tagged section. */
#define ANSWER(ufrag)                                                                              \
    "v=0\r\no=- 1 2 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\na=group:BUNDLE 1 2\r\na=ice-lite\r\n"      \
    "a=ice-options:trickle\r\na=ice-ufrag:" ufrag "\r\na=ice-pwd:zyxwvutsrqponmlkjihgfe\r\n"       \
    "a=fingerprint:sha-256 AB:CD\r\na=setup:passive\r\n"                                           \
    "m=audio 0 UDP/TLS/RTP/SAVPF 0\r\nc=IN IP4 0.0.0.0\r\na=mid:0\r\na=inactive\r\n"               \
    "m=video 9 UDP/TLS/RTP/SAVPF 96\r\nc=IN IP4 0.0.0.0\r\na=mid:1\r\na=recvonly\r\n"              \
    "a=candidate:1 1 udp 2130706431 198.51.100.1 39132 typ host\r\n"                               \
    "a=candidate:2 1 tcp 2130706430 198.51.100.1 39132 typ host tcptype passive\r\n"               \
    "m=video 9 UDP/TLS/RTP/SAVPF 96\r\nc=IN IP4 0.0.0.0\r\na=mid:2\r\na=recvonly\r\n"

struct opened {
    struct world world;
    char path[80], etag[WHIP_ETAG_MAX], match[WHIP_ETAG_MAX + 2];
};

static struct world *setup(struct opened *o)
{
    char sid[WHIP_SID_MAX];
    world_setup(&o->world);
    world_publish(&o->world, sid, o->etag);
    snprintf(o->path, sizeof(o->path), "/whip/v1/sessions/%s", sid);
    snprintf(o->match, sizeof(o->match), "\"%s\"", o->etag);
    return &o->world;
}

static struct whip_request patch_of(const struct opened *o, const char *match, const char *body)
{
    struct whip_request patch = world_request(&o->world, "PATCH", o->path);
    patch.content_type = FRAGMENT;
    patch.if_match = match;
    patch.body = (struct bytes){(const uint8_t *)body, strlen(body)};
    return patch;
}

/* Of connection 1, to the offer of that number. */
static void answers(struct world *w, uint32_t offer, const char *sdp)
{
    Livekit__SessionDescription answer = LIVEKIT__SESSION_DESCRIPTION__INIT;
    answer.type = "answer";
    answer.sdp = (char *)(uintptr_t)sdp;
    answer.id = offer;
    world_says_description(w, 1, &answer);
}

/* The next signal offers with these credentials, and else what was offered first. */
static void next_offer_has(struct world *w, uint32_t number, const char *ufrag, const char *pwd)
{
    ProtobufCMessage *unpacked;
    char reason[SDP_REASON_MAX];
    struct sdp_offer *offer;
    const Livekit__SignalRequest *said = world_next_signal(w, &unpacked);
    assert_int_equal(said->message_case, LIVEKIT__SIGNAL_REQUEST__MESSAGE_OFFER);
    assert_int_equal(said->offer->id, number);
    assert_int_equal(sdp_offer_parse(&offer, said->offer->sdp, strlen(said->offer->sdp), reason),
                     0);
    assert_string_equal(offer->ice_ufrag, ufrag);
    assert_string_equal(offer->ice_pwd, pwd);
    assert_null(strstr(said->offer->sdp, "a=ice-ufrag:" OFFER_UFRAG));
    assert_int_equal(offer->media_count, 2);
    assert_string_equal(offer->media[1].track, "picture");
    sdp_offer_free(offer);
    protobuf_c_message_free_unpacked(unpacked, NULL);
}

/* Goal: candidates are taken; what is wrong with a fragment has its status, and ends nothing. */
static void trickling(void **state)
{
    (void)state;
    static char large[WHIP_BODY_MAX + 1];
    memset(large, 'a', WHIP_BODY_MAX);
    memcpy(large, "a=ice-ufrag:", 12);
    struct opened o;
    struct world *w = setup(&o);
    const struct {
        const char *type, *match, *body;
        int status;
    } cases[] = {
        {FRAGMENT, o.match, "a=ice-ufrag:abcd\r\na=ice-pwd:x\r\n", 204},
        {FRAGMENT, o.match, "a=mid:0\na=ice-ufrag:abcd", 204},
        {FRAGMENT, "*", "a=ice-ufrag:abcd\r\n", 204},
        {FRAGMENT, o.match, "a=mid:0\r\n", 400},
        {FRAGMENT, o.match, "", 400},
        {FRAGMENT, "*", "a=ice-ufrag:efgh\r\n", 400},
        {FRAGMENT, "*", "a=ice-ufrag:efgh\r\na=ice-pwd:short\r\n", 400},
        {FRAGMENT, "*", "a=ice-ufrag:e\r\n" PWD, 400},
        {FRAGMENT, "*", "a=ice-ufrag:e fgh\r\n" PWD, 400},
        {FRAGMENT, "*", "a=ice-ufrag:ef\xffgh\r\n" PWD, 400},
        {FRAGMENT, "*", large, 400},
        {FRAGMENT, "\"other\"", "a=ice-ufrag:abcd\r\n", 412},
        {FRAGMENT, "\"other\"", RESTART, 412},
        {FRAGMENT, "", "a=ice-ufrag:abcd\r\n", 428},
        {FRAGMENT, "", RESTART, 428},
        {"application/sdp", o.match, "a=ice-ufrag:abcd\r\n", 415},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct whip_request patch = patch_of(&o, cases[i].match, cases[i].body);
        patch.content_type = cases[i].type;
        assert_int_equal(world_refusal(w, &patch), cases[i].status);
        if (cases[i].status == 204) {
            assert_null(w->out.headers); /* no ETag: the ICE session is the same */
        }
    }
    assert_true(whip_has(w->whip, 1));
    world_teardown(w);
}

/* Goal: the client's offer is said again with its new credentials, and it gets ours, candidates,
 * and another ETag, which is the one from then on. */
static void restarting(void **state)
{
    (void)state;
    struct opened o;
    struct world *w = setup(&o);
    const char *const matches[] = {"*", "\"*\"", o.match};
    for (size_t i = 0; i < ARRAY_LEN(matches); i++) {
        char body[128];
        snprintf(body, sizeof(body), "a=mid:0\r\na=ice-ufrag:again%zu\r\n" PWD, i);
        struct whip_request patch = patch_of(&o, matches[i], body);
        world_ask(w, 2, &patch);
        char ufrag[16];
        snprintf(ufrag, sizeof(ufrag), "again%zu", i);
        next_offer_has(w, (uint32_t)i + 2, ufrag, "abcdefghijklmnopqrstuv");
        world_nothing(w);
        answers(w, (uint32_t)i + 2, ANSWER("ours"));
        const struct whip_out *out = world_next(w, WHIP_ANSWER);
        assert_int_equal(out->id, 2);
        assert_int_equal(out->status, 200);
        assert_string_equal(out->content_type, FRAGMENT);
        assert_int_equal(out->body.len, strlen((const char *)out->body.data));
        assert_string_equal(
            (const char *)out->body.data,
            "a=group:BUNDLE 1 2\r\na=ice-lite\r\na=ice-options:trickle\r\na=ice-ufrag:ours\r\n"
            "a=ice-pwd:zyxwvutsrqponmlkjihgfe\r\nm=video 9 UDP/TLS/RTP/SAVPF 96\r\na=mid:1\r\n"
            "a=candidate:1 1 udp 2130706431 198.51.100.1 39132 typ host\r\n"
            "a=candidate:2 1 tcp 2130706430 198.51.100.1 39132 typ host tcptype passive\r\n");
        char etag[WHIP_ETAG_MAX];
        assert_int_equal(sscanf(out->headers, "ETag: \"%8[^\"]\"", etag), 1);
        assert_string_not_equal(etag, o.etag);
        world_nothing(w);

        patch = patch_of(&o, o.match, body); /* candidates of the new ICE session, the old ETag */
        assert_int_equal(world_refusal(w, &patch), 412);
        memcpy(o.etag, etag, sizeof(etag));
        snprintf(o.match, sizeof(o.match), "\"%s\"", etag);
        patch = patch_of(&o, o.match, body);
        assert_int_equal(world_refusal(w, &patch), 204);
    }
    world_teardown(w);
}

/* Goal: a restart that the room does not answer keeps the session, and another one may follow. */
static void unanswered(void **state)
{
    (void)state;
    struct opened o;
    struct world *w = setup(&o);
    struct whip_request patch = patch_of(&o, "*", RESTART);
    world_ask(w, 2, &patch);
    world_next_signal_is(w, LIVEKIT__SIGNAL_REQUEST__MESSAGE_OFFER);
    w->now_us += WHIP_PING_US;
    whip_expire(w->whip, w->now_us);
    world_next_signal_is(w, LIVEKIT__SIGNAL_REQUEST__MESSAGE_PING_REQ);
    w->now_us += WHIP_ANSWER_US - WHIP_PING_US;
    assert_int_equal(whip_deadline(w->whip), w->now_us);
    whip_expire(w->whip, w->now_us);
    assert_int_equal(world_next(w, WHIP_ANSWER)->status, 503);
    assert_true(w->out.retry_after_s > 0);
    world_next_signal_is(w, LIVEKIT__SIGNAL_REQUEST__MESSAGE_PING_REQ);
    answers(w, 2, ANSWER("late"));
    world_nothing(w);
    struct whip_request trickle = patch_of(&o, o.match, "a=ice-ufrag:" OFFER_UFRAG "\r\n");
    assert_int_equal(world_refusal(w, &trickle), 204);

    world_ask(w, 3, &patch);
    next_offer_has(w, 3, "efgh", "abcdefghijklmnopqrstuv");
    answers(w, 3, ANSWER("ours"));
    assert_int_equal(world_next(w, WHIP_ANSWER)->status, 200);
    world_teardown(w);
}

/* Goal: of two restarts the last one counts, and each has its answer. */
static void overlapping(void **state)
{
    (void)state;
    struct opened o;
    struct world *w = setup(&o);
    struct whip_request patch = patch_of(&o, "*", RESTART);
    world_ask(w, 2, &patch);
    world_next_signal_is(w, LIVEKIT__SIGNAL_REQUEST__MESSAGE_OFFER);
    patch = patch_of(&o, "*", "a=ice-ufrag:third\r\n" PWD);
    world_ask(w, 3, &patch);
    assert_int_equal(world_next(w, WHIP_ANSWER)->status, 409);
    assert_int_equal(w->out.id, 2);
    next_offer_has(w, 3, "third", "abcdefghijklmnopqrstuv");
    answers(w, 2, ANSWER("second"));
    world_nothing(w);
    answers(w, 3, ANSWER("third"));
    assert_int_equal(world_next(w, WHIP_ANSWER)->status, 200);
    assert_int_equal(w->out.id, 3);
    assert_non_null(strstr((const char *)w->out.body.data, "a=ice-ufrag:third\r\n"));
    world_nothing(w);
    world_teardown(w);
}

/* Goal: a session that ends meanwhile answers the restart that waits. */
static void ending(void **state)
{
    (void)state;
    for (int closes = 0; closes < 2; closes++) {
        struct opened o;
        struct world *w = setup(&o);
        struct whip_request request = patch_of(&o, "*", RESTART);
        world_ask(w, 2, &request);
        world_next_signal_is(w, LIVEKIT__SIGNAL_REQUEST__MESSAGE_OFFER);
        if (closes == 1) {
            world_says_leave(w, 1, LIVEKIT__DISCONNECT_REASON__PARTICIPANT_REMOVED);
            whip_closed(w->whip, w->now_us, 1, 1000, NULL);
        } else {
            request = world_request(w, "DELETE", o.path);
            world_ask(w, 3, &request);
            world_next_signal_is(w, LIVEKIT__SIGNAL_REQUEST__MESSAGE_LEAVE);
        }
        (void)world_next(w, WHIP_DISCONNECT);
        assert_int_equal(world_next(w, WHIP_ANSWER)->status, 404);
        assert_int_equal(w->out.id, 2);
        if (closes == 0) {
            assert_int_equal(world_next(w, WHIP_ANSWER)->status, 200);
        }
        world_nothing(w);
        assert_int_equal(whip_deadline(w->whip), TIME_NEVER);
        world_teardown(w);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(trickling),   cmocka_unit_test(restarting), cmocka_unit_test(unanswered),
        cmocka_unit_test(overlapping), cmocka_unit_test(ending),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
