/* SPDX-License-Identifier: Apache-2.0
 *
 * What HTTP asks for, as words to the room, and its words as an answer.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "orchestrator/core/whip/private.h"
#include "proto/wire/wire.h"
#include "tests/unit/orchestrator/whip/offers.h"

#define WALL_S 1600000000

static const struct token_key key = {"key", "secret"};

struct world {
    struct whip *whip;
    struct prng prng;
    int64_t now_us;
    char *authorization;
    char *offer;
    struct whip_out out; /* the last one polled */
};

static char *bearer(const char *identity, const struct token_video *video, int64_t ttl_s)
{
    struct token token = {.identity = identity, .has_video = true, .video = *video};
    char *text = token_sign(&token, &key, WALL_S, ttl_s);
    assert_non_null(text);
    size_t cap = strlen(text) + 8;
    char *header = mem_alloc(cap);
    snprintf(header, cap, "Bearer %s", text);
    free(text);
    return header;
}

static const struct token_video plain = {.room_join = true, .room = "hall"};

static void setup(struct world *w)
{
    *w = (struct world){.now_us = TIME_S(1)};
    prng_seed(&w->prng, 1);
    w->whip = whip_new(&(struct whip_config){.keys = {&key, 1}, .random = prng_source(&w->prng)},
                       w->now_us, TIME_S(WALL_S));
    w->authorization = bearer("obs", &plain, 600);
    w->offer = offer_text("sendonly", "sendonly");
}

static void teardown(struct world *w)
{
    whip_out_fini(&w->out);
    whip_free(w->whip);
    free(w->authorization);
    free(w->offer);
}

/* The next output, which is of that type. */
static const struct whip_out *next(struct world *w, enum whip_out_type type)
{
    whip_out_fini(&w->out);
    assert_true(whip_poll(w->whip, &w->out));
    assert_int_equal(w->out.type, type);
    return &w->out;
}

static void nothing(struct world *w)
{
    struct whip_out out;
    assert_false(whip_poll(w->whip, &out));
}

static struct whip_request request_of(const struct world *w, const char *verb, const char *path)
{
    return (struct whip_request){
        .verb = verb,
        .path = path,
        .authorization = w->authorization,
        .content_type = "application/sdp",
        .if_match = "",
        .participant = "",
        .address = "192.0.2.9",
        .body = {(const uint8_t *)w->offer, strlen(w->offer)},
    };
}

static void ask(struct world *w, uint64_t id, const struct whip_request *request)
{
    whip_request(w->whip, w->now_us, id, request);
}

/* The status it is refused with. */
static int refusal(struct world *w, const struct whip_request *request)
{
    ask(w, 99, request);
    int status = next(w, WHIP_ANSWER)->status;
    assert_int_equal(w->out.id, 99);
    nothing(w);
    assert_false(whip_has(w->whip, 99));
    return status;
}

static void says(struct world *w, uint64_t conn, const Livekit__SignalResponse *response)
{
    size_t len;
    uint8_t *data = wire_pack(&response->base, &len);
    whip_message(w->whip, w->now_us, conn, (struct bytes){data, len});
    free(data);
}

static void says_join(struct world *w, uint64_t conn, Livekit__ParticipantInfo **others,
                      size_t count)
{
    Livekit__JoinResponse join = LIVEKIT__JOIN_RESPONSE__INIT;
    Livekit__SignalResponse response = LIVEKIT__SIGNAL_RESPONSE__INIT;
    join.other_participants = others;
    join.n_other_participants = count;
    response.message_case = LIVEKIT__SIGNAL_RESPONSE__MESSAGE_JOIN;
    response.join = &join;
    says(w, conn, &response);
}

static void says_answer(struct world *w, uint64_t conn, bool carries)
{
    Livekit__SessionDescription answer = LIVEKIT__SESSION_DESCRIPTION__INIT;
    Livekit__SessionDescription__MidToTrackIdEntry entry =
        LIVEKIT__SESSION_DESCRIPTION__MID_TO_TRACK_ID_ENTRY__INIT;
    Livekit__SessionDescription__MidToTrackIdEntry *entries = &entry;
    Livekit__SignalResponse response = LIVEKIT__SIGNAL_RESPONSE__INIT;
    entry.key = "0";
    entry.value = "TR_1";
    answer.type = "answer";
    answer.sdp = "v=0\r\n";
    answer.mid_to_track_id = &entries;
    answer.n_mid_to_track_id = carries;
    response.message_case = LIVEKIT__SIGNAL_RESPONSE__MESSAGE_ANSWER;
    response.answer = &answer;
    says(w, conn, &response);
}

static void says_leave(struct world *w, uint64_t conn, Livekit__DisconnectReason reason)
{
    Livekit__LeaveRequest leave = LIVEKIT__LEAVE_REQUEST__INIT;
    Livekit__SignalResponse response = LIVEKIT__SIGNAL_RESPONSE__INIT;
    leave.reason = reason;
    response.message_case = LIVEKIT__SIGNAL_RESPONSE__MESSAGE_LEAVE;
    response.leave = &leave;
    says(w, conn, &response);
}

static const Livekit__SignalRequest *next_signal(struct world *w, ProtobufCMessage **unpacked)
{
    const struct whip_out *out = next(w, WHIP_SIGNAL);
    assert_int_equal(wire_unpack(&livekit__signal_request__descriptor, out->body, unpacked), 0);
    return (const Livekit__SignalRequest *)*unpacked;
}

static void next_signal_is(struct world *w, Livekit__SignalRequest__MessageCase what)
{
    ProtobufCMessage *unpacked;
    assert_int_equal(next_signal(w, &unpacked)->message_case, what);
    protobuf_c_message_free_unpacked(unpacked, NULL);
}

/* Opens connection 1, and returns the path of its session. */
static void publish(struct world *w, char sid[WHIP_SID_MAX], char etag[WHIP_ETAG_MAX])
{
    struct whip_request post = request_of(w, "POST", "/whip/v1");
    ask(w, 1, &post);
    (void)next(w, WHIP_CONNECT);
    says_join(w, 1, NULL, 0);
    says_answer(w, 1, false);
    const struct whip_out *out = next(w, WHIP_ANSWER);
    assert_int_equal(out->status, 201);
    assert_int_equal(sscanf(out->headers,
                            "Location: /whip/v1/sessions/%32[^\r]\r\nETag: \"%8[^\"]\"", sid, etag),
                     2);
    nothing(w);
}

/* ---- Publishing ---------------------------------------------------------------------------- */

/* Goal: an offer is the join request that an SDK would have sent. */
static void publishing(void **state)
{
    (void)state;
    struct world w;
    setup(&w);
    struct whip_request post = request_of(&w, "POST", "/whip/v1/hall");
    ask(&w, 1, &post);
    const struct whip_out *out = next(&w, WHIP_CONNECT);
    nothing(&w);
    assert_string_equal(out->address, "192.0.2.9");
    Livekit__JoinRequest *join;
    assert_int_equal(entry_decode(out->join_request, &join), 0);
    assert_string_equal(join->publisher_offer->sdp, w.offer);
    assert_false(join->connection_settings->auto_subscribe);
    assert_int_equal(join->n_add_track_requests, 2);
    const Livekit__AddTrackRequest *audio = join->add_track_requests[0];
    const Livekit__AddTrackRequest *video = join->add_track_requests[1];
    assert_string_equal(audio->cid, "sound");
    assert_int_equal(audio->source, LIVEKIT__TRACK_SOURCE__MICROPHONE);
    assert_true(audio->stereo && audio->disable_dtx && audio->disable_red);
    assert_string_equal(video->cid, "picture");
    assert_int_equal(video->source, LIVEKIT__TRACK_SOURCE__CAMERA);
    assert_string_equal(video->simulcast_codecs[0]->codec, "VP8");
    livekit__join_request__free_unpacked(join, NULL);

    says_join(&w, 1, NULL, 0);
    nothing(&w);
    says_answer(&w, 1, false);
    out = next(&w, WHIP_ANSWER);
    assert_int_equal(out->id, 1);
    assert_int_equal(out->status, 201);
    assert_string_equal(out->content_type, "application/sdp");
    assert_memory_equal(out->body.data, "v=0\r\n", 5);
    nothing(&w);

    struct whip_stats stats;
    whip_stats(w.whip, &stats);
    assert_int_equal(stats.publishing, 1);
    teardown(&w);
}

/* Goal: a DELETE has the participant leave, once, and by nobody else. */
static void deleting(void **state)
{
    (void)state;
    struct world w;
    char sid[WHIP_SID_MAX], etag[WHIP_ETAG_MAX], path[80];
    setup(&w);
    publish(&w, sid, etag);
    snprintf(path, sizeof(path), "/whip/v1/sessions/%s", sid);
    char *own = w.authorization;
    w.authorization = bearer("bob", &plain, 600);
    struct whip_request request = request_of(&w, "DELETE", path);
    assert_int_equal(refusal(&w, &request), 403);
    free(w.authorization);
    w.authorization = bearer("obs", &(struct token_video){.room_join = true, .room = "attic"}, 600);
    request = request_of(&w, "DELETE", path);
    assert_int_equal(refusal(&w, &request), 403);
    free(w.authorization);
    w.authorization = own;
    request = request_of(&w, "DELETE", "/whip/v1/sessions/nobody");
    assert_int_equal(refusal(&w, &request), 404);
    snprintf(path, sizeof(path), "/whep/v1/sessions/%s", sid);
    request = request_of(&w, "DELETE", path);
    assert_int_equal(refusal(&w, &request), 404);

    w.now_us += TIME_S(3600); /* its token has expired: it was valid when the session was made */
    snprintf(path, sizeof(path), "/whip/v1/sessions/%s", sid);
    request = request_of(&w, "DELETE", path);
    request.body = (struct bytes){(const uint8_t *)"", 0};
    ask(&w, 2, &request);
    next_signal_is(&w, LIVEKIT__SIGNAL_REQUEST__MESSAGE_LEAVE);
    assert_int_equal(w.out.id, 1);
    assert_int_equal(next(&w, WHIP_DISCONNECT)->id, 1);
    assert_int_equal(next(&w, WHIP_ANSWER)->status, 200);
    assert_int_equal(w.out.id, 2);
    nothing(&w);
    assert_false(whip_has(w.whip, 1));
    assert_int_equal(refusal(&w, &request), 401); /* expired, and of no session any more */
    assert_int_equal(whip_deadline(w.whip), TIME_NEVER);
    teardown(&w);
}

/* Goal: a client that goes without its answer leaves no participant behind. */
static void going(void **state)
{
    (void)state;
    struct world w;
    char sid[WHIP_SID_MAX], etag[WHIP_ETAG_MAX];
    struct whip_stats stats;
    setup(&w);
    struct whip_request post = request_of(&w, "POST", "/whip/v1");
    for (uint64_t id = 2; id <= 3; id++) { /* before the room said anything, and after its join */
        ask(&w, id, &post);
        (void)next(&w, WHIP_CONNECT);
        if (id == 3) {
            says_join(&w, id, NULL, 0);
        }
        whip_gone(w.whip, w.now_us, id);
        assert_int_equal(next(&w, WHIP_ANSWER)->id, id);
        next_signal_is(&w, LIVEKIT__SIGNAL_REQUEST__MESSAGE_LEAVE);
        assert_int_equal(next(&w, WHIP_DISCONNECT)->id, id);
        nothing(&w);
        says_answer(&w, id, false); /* on its way */
        nothing(&w);
    }
    publish(&w, sid, etag);
    whip_gone(w.whip, w.now_us, 4); /* of a PATCH */
    nothing(&w);
    whip_gone(w.whip, w.now_us, 1); /* its 201 was in vain */
    next_signal_is(&w, LIVEKIT__SIGNAL_REQUEST__MESSAGE_LEAVE);
    (void)next(&w, WHIP_DISCONNECT);
    nothing(&w);
    whip_stats(w.whip, &stats);
    assert_int_equal(stats.publishing, 0);
    assert_int_equal(whip_deadline(w.whip), TIME_NEVER);
    teardown(&w);
}

/* Goal: candidates are taken, and another ICE session is not. */
static void trickling(void **state)
{
    (void)state;
    struct world w;
    char sid[WHIP_SID_MAX], etag[WHIP_ETAG_MAX], path[80], match[WHIP_ETAG_MAX + 2];
    setup(&w);
    publish(&w, sid, etag);
    snprintf(path, sizeof(path), "/whip/v1/sessions/%s", sid);
    snprintf(match, sizeof(match), "\"%s\"", etag);
    const struct {
        const char *type, *match, *body;
        int status;
    } cases[] = {
        {"application/trickle-ice-sdpfrag", match, "a=ice-ufrag:abcd\r\na=ice-pwd:x\r\n", 204},
        {"application/trickle-ice-sdpfrag", match, "a=mid:0\na=ice-ufrag:abcd", 204},
        {"application/trickle-ice-sdpfrag", match, "a=ice-ufrag:abcde\r\n", 422},
        {"application/trickle-ice-sdpfrag", "*", "a=ice-ufrag:abcd\r\n", 422},
        {"application/trickle-ice-sdpfrag", match, "a=mid:0\r\n", 400},
        {"application/trickle-ice-sdpfrag", match, "", 400},
        {"application/trickle-ice-sdpfrag", "\"other\"", "a=ice-ufrag:abcd\r\n", 412},
        {"application/trickle-ice-sdpfrag", "", "a=ice-ufrag:abcd\r\n", 428},
        {"application/sdp", match, "a=ice-ufrag:abcd\r\n", 415},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct whip_request patch = request_of(&w, "PATCH", path);
        patch.content_type = cases[i].type;
        patch.if_match = cases[i].match;
        patch.body = (struct bytes){(const uint8_t *)cases[i].body, strlen(cases[i].body)};
        assert_int_equal(refusal(&w, &patch), cases[i].status);
    }
    assert_true(whip_has(w.whip, 1));
    teardown(&w);
}

/* ---- Refusals ------------------------------------------------------------------------------ */

/* Goal: each thing that is wrong with a request has its status. */
static void refusals(void **state)
{
    (void)state;
    struct world w;
    setup(&w);
    struct whip_request post = request_of(&w, "POST", "/whip/v1"), bad;
    assert_int_equal((bad = post, bad.authorization = "", refusal(&w, &bad)), 401);
    assert_non_null(strstr(w.out.headers, "WWW-Authenticate: Bearer"));
    assert_int_equal((bad = post, bad.authorization = "Bearer x", refusal(&w, &bad)), 401);
    assert_int_equal((bad = post, bad.path = "/whip/v1/attic", refusal(&w, &bad)), 403);
    assert_int_equal((bad = post, bad.content_type = "text/plain", refusal(&w, &bad)), 415);
    assert_int_equal((bad = post, bad.content_type = "application/sdpx", refusal(&w, &bad)), 415);
    assert_int_equal((bad = post, bad.body.len = 0, refusal(&w, &bad)), 400);
    assert_int_equal((bad = post, bad.body.len = 60, refusal(&w, &bad)), 400);
    assert_int_equal((bad = post, bad.verb = "GET", refusal(&w, &bad)), 405);
    assert_non_null(strstr(w.out.headers, "Allow: POST"));
    assert_int_equal((bad = post, bad.verb = "DELETE", refusal(&w, &bad)), 405);
    assert_int_equal((bad = post, bad.path = "/whip/v1/sessions/x", refusal(&w, &bad)), 405);
    assert_non_null(strstr(w.out.headers, "Allow: PATCH, DELETE"));

    assert_int_equal((bad = post, bad.path = "/whip/v1/ha\xffll", refusal(&w, &bad)), 400);
    char *latin = mem_str(w.offer); /* well-formed but for its encoding */
    memcpy(strstr(latin, "a=msid:obs") + 7, "\xf6", 1);
    bad = post;
    bad.body = (struct bytes){(const uint8_t *)latin, strlen(latin)};
    assert_int_equal(refusal(&w, &bad), 400);
    free(latin);

    static uint8_t large[WHIP_BODY_MAX + 1];
    assert_int_equal(
        (bad = post, bad.body = (struct bytes){large, sizeof(large)}, refusal(&w, &bad)), 413);
    bad.body.len--;
    assert_int_equal(refusal(&w, &bad), 400); /* zero bytes */
    teardown(&w);
}

/* Goal: what a token does not grant is refused before anything is asked of the room. */
static void grants(void **state)
{
    (void)state;
    struct world w;
    setup(&w);
    const struct {
        struct token_video video;
        const char *path;
    } cases[] = {
        {{.room = "hall"}, "/whip/v1"},
        {{.room_join = true, .room = "hall", .can_publish = TOKEN_NO}, "/whip/v1"},
        {{.room_join = true,
          .room = "hall",
          .can_publish_sources = TOKEN_SOURCE_SCREEN_SHARE | TOKEN_SOURCE_MICROPHONE},
         "/whip/v1"},
        {{.room_join = true, .room = "hall", .can_subscribe = TOKEN_NO}, "/whep/v1"},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        free(w.authorization);
        w.authorization = bearer("obs", &cases[i].video, 600);
        struct whip_request post = request_of(&w, "POST", cases[i].path);
        assert_int_equal(refusal(&w, &post), 403);
    }
    teardown(&w);
}

/* Goal: offers that are none of a publisher, or none of a player. */
static void sections(void **state)
{
    (void)state;
    struct world w;
    setup(&w);
    const struct {
        const char *path, *audio, *video;
        bool taken;
    } cases[] = {
        {"/whip/v1", "sendonly", NULL, true},        {"/whip/v1", NULL, "sendrecv", true},
        {"/whip/v1", "recvonly", "recvonly", false}, {"/whip/v1", "inactive", NULL, false},
        {"/whep/v1", "recvonly", NULL, true},        {"/whep/v1", "recvonly", "inactive", true},
        {"/whep/v1", "sendonly", NULL, false},       {"/whep/v1", "sendrecv", NULL, false},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        free(w.offer);
        w.offer = offer_text(cases[i].audio, cases[i].video);
        struct whip_request post = request_of(&w, "POST", cases[i].path);
        if (cases[i].taken) {
            ask(&w, i + 1, &post);
            (void)next(&w, WHIP_CONNECT);
        } else {
            assert_int_equal(refusal(&w, &post), 422);
        }
    }
    teardown(&w);
}

/* Goal: what the room answers instead of an answer. */
static void refused_by_the_room(void **state)
{
    (void)state;
    struct world w;
    setup(&w);
    struct whip_request post = request_of(&w, "POST", "/whip/v1");
    ask(&w, 1, &post);
    (void)next(&w, WHIP_CONNECT);
    whip_refused(w.whip, w.now_us, 1, &(struct whip_refusal){503, "no node", 7});
    assert_int_equal(next(&w, WHIP_ANSWER)->status, 503);
    assert_int_equal(w.out.retry_after_s, 7);
    assert_false(whip_has(w.whip, 1));

    const struct {
        Livekit__DisconnectReason reason;
        int code, status;
    } cases[] = {
        {LIVEKIT__DISCONNECT_REASON__STATE_MISMATCH, 1008, 422},
        {LIVEKIT__DISCONNECT_REASON__DUPLICATE_IDENTITY, 1000, 409},
        {LIVEKIT__DISCONNECT_REASON__JOIN_FAILURE, 1008, 403},
        {LIVEKIT__DISCONNECT_REASON__JOIN_FAILURE, 1013, 503},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        ask(&w, i + 2, &post);
        (void)next(&w, WHIP_CONNECT);
        says_leave(&w, i + 2, cases[i].reason);
        nothing(&w);
        whip_closed(w.whip, w.now_us, i + 2, cases[i].code, "why");
        assert_int_equal(next(&w, WHIP_ANSWER)->status, cases[i].status);
        if (cases[i].status != 409) {
            assert_memory_equal(w.out.body.data, "why", 3);
        }
        assert_int_equal(next(&w, WHIP_DISCONNECT)->id, i + 2);
        nothing(&w);
    }
    teardown(&w);
}

/* ---- Time ---------------------------------------------------------------------------------- */

/* Goal: a room that does not answer is given up; an open session is pinged until it ends. */
static void over_time(void **state)
{
    (void)state;
    struct world w;
    char sid[WHIP_SID_MAX], etag[WHIP_ETAG_MAX];
    setup(&w);
    struct whip_request post = request_of(&w, "POST", "/whip/v1");
    ask(&w, 7, &post);
    (void)next(&w, WHIP_CONNECT);
    publish(&w, sid, etag);
    assert_int_equal(whip_deadline(w.whip), w.now_us + WHIP_PING_US);

    w.now_us += WHIP_PING_US;
    whip_expire(w.whip, w.now_us);
    next_signal_is(&w, LIVEKIT__SIGNAL_REQUEST__MESSAGE_PING_REQ);
    nothing(&w);

    w.now_us += WHIP_ANSWER_US - WHIP_PING_US;
    whip_expire(w.whip, w.now_us);
    assert_int_equal(next(&w, WHIP_ANSWER)->status, 503);
    assert_int_equal(w.out.id, 7);
    next_signal_is(&w, LIVEKIT__SIGNAL_REQUEST__MESSAGE_LEAVE);
    assert_int_equal(next(&w, WHIP_DISCONNECT)->id, 7);
    next_signal_is(&w, LIVEKIT__SIGNAL_REQUEST__MESSAGE_PING_REQ);
    nothing(&w);

    says_leave(&w, 1, LIVEKIT__DISCONNECT_REASON__PARTICIPANT_REMOVED);
    whip_closed(w.whip, w.now_us, 1, 1000, NULL);
    (void)next(&w, WHIP_DISCONNECT);
    nothing(&w);
    assert_int_equal(whip_deadline(w.whip), TIME_NEVER);
    struct whip_stats stats;
    whip_stats(w.whip, &stats);
    assert_int_equal(stats.publishing, 0);
    teardown(&w);
}

/* ---- Playing ------------------------------------------------------------------------------- */

struct person {
    const char *identity;
    struct {
        const char *sid;
        Livekit__TrackSource source;
    } tracks[3];
};

static const struct person people[] = {
    {"ann", {{"TR_a", LIVEKIT__TRACK_SOURCE__MICROPHONE}}},
    {"bob", {{"TR_b", LIVEKIT__TRACK_SOURCE__SCREEN_SHARE}}},
    {"cid",
     {{"TR_c1", LIVEKIT__TRACK_SOURCE__MICROPHONE},
      {"TR_c2", LIVEKIT__TRACK_SOURCE__SCREEN_SHARE},
      {"TR_c3", LIVEKIT__TRACK_SOURCE__CAMERA}}},
};

static void fill_people(Livekit__ParticipantInfo *infos, Livekit__ParticipantInfo **list,
                        size_t count, struct arena *arena)
{
    for (size_t i = 0; i < count; i++) {
        livekit__participant_info__init(&infos[i]);
        list[i] = &infos[i];
        infos[i].identity = infos[i].sid = (char *)(uintptr_t)people[i].identity;
        infos[i].tracks = arena_array(arena, 3, sizeof(*infos[i].tracks));
        for (size_t j = 0; j < 3 && people[i].tracks[j].sid != NULL; j++) {
            Livekit__TrackInfo *track = arena_alloc(arena, sizeof(*track));
            livekit__track_info__init(track);
            track->sid = (char *)(uintptr_t)people[i].tracks[j].sid;
            track->source = people[i].tracks[j].source;
            track->type = track->source == LIVEKIT__TRACK_SOURCE__MICROPHONE
                              ? LIVEKIT__TRACK_TYPE__AUDIO
                              : LIVEKIT__TRACK_TYPE__VIDEO;
            infos[i].tracks[infos[i].n_tracks++] = track;
        }
    }
}

/* Goal: whose tracks are played, of the first so many people. "": nothing there, 409. */
static void playing(void **state)
{
    (void)state;
    const struct {
        const char *audio, *video, *wanted;
        size_t people;
        const char *played;
    } cases[] = {
        {"recvonly", "recvonly", "", 0, ""},
        {"recvonly", "recvonly", "", 1, "TR_a"},
        {"recvonly", "recvonly", "", 2, "TR_aTR_b"},
        {"recvonly", "recvonly", "", 3, "TR_c1TR_c3"},
        {"recvonly", NULL, "", 3, "TR_a"},
        {NULL, "recvonly", "", 3, "TR_c3"},
        {"recvonly", "recvonly", "ann", 3, "TR_a"},
        {NULL, "recvonly", "bob", 3, "TR_b"},
        {"recvonly", NULL, "bob", 3, ""},
        {"recvonly", "recvonly", "dan", 3, ""},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct world w;
        struct arena arena = {0};
        Livekit__ParticipantInfo infos[3], *list[3];
        setup(&w);
        free(w.offer);
        w.offer = offer_text(cases[i].audio, cases[i].video);
        struct whip_request post = request_of(&w, "POST", "/whep/v1");
        post.participant = cases[i].wanted;
        ask(&w, 1, &post);
        Livekit__JoinRequest *join;
        assert_int_equal(entry_decode(next(&w, WHIP_CONNECT)->join_request, &join), 0);
        assert_null(join->publisher_offer);
        livekit__join_request__free_unpacked(join, NULL);
        fill_people(infos, list, cases[i].people, &arena);
        says_join(&w, 1, list, cases[i].people);
        if (cases[i].played[0] == '\0') {
            assert_int_equal(next(&w, WHIP_ANSWER)->status, 409);
            assert_true(w.out.retry_after_s > 0);
            next_signal_is(&w, LIVEKIT__SIGNAL_REQUEST__MESSAGE_LEAVE);
            (void)next(&w, WHIP_DISCONNECT);
        } else {
            char played[64] = "";
            ProtobufCMessage *unpacked;
            const Livekit__SignalRequest *request = next_signal(&w, &unpacked);
            assert_int_equal(request->message_case, LIVEKIT__SIGNAL_REQUEST__MESSAGE_SUBSCRIPTION);
            for (size_t j = 0; j < request->subscription->n_track_sids; j++) {
                size_t len = strlen(played);
                snprintf(played + len, sizeof(played) - len, "%s",
                         request->subscription->track_sids[j]);
            }
            assert_string_equal(played, cases[i].played);
            protobuf_c_message_free_unpacked(unpacked, NULL);
            next_signal_is(&w, LIVEKIT__SIGNAL_REQUEST__MESSAGE_OFFER);
            says_answer(&w, 1, i % 2 == 0);
            assert_int_equal(next(&w, WHIP_ANSWER)->status, i % 2 == 0 ? 201 : 422);
        }
        arena_fini(&arena);
        teardown(&w);
    }
}

static void says_update(struct world *w, uint64_t conn, Livekit__ParticipantInfo *info)
{
    Livekit__ParticipantUpdate update = LIVEKIT__PARTICIPANT_UPDATE__INIT;
    Livekit__SignalResponse response = LIVEKIT__SIGNAL_RESPONSE__INIT;
    update.participants = &info;
    update.n_participants = 1;
    response.message_case = LIVEKIT__SIGNAL_RESPONSE__MESSAGE_UPDATE;
    response.update = &update;
    says(w, conn, &response);
}

/* Goal: a player's session ends with the last of what it plays, and not before. */
static void played_out(void **state)
{
    (void)state;
    struct world w;
    struct arena arena = {0};
    Livekit__ParticipantInfo infos[3], *list[3];
    setup(&w);
    free(w.offer);
    w.offer = offer_text("recvonly", "recvonly");
    fill_people(infos, list, 3, &arena);
    struct whip_request post = request_of(&w, "POST", "/whep/v1");
    ask(&w, 1, &post);
    (void)next(&w, WHIP_CONNECT);
    says_join(&w, 1, list, 3);
    next_signal_is(&w, LIVEKIT__SIGNAL_REQUEST__MESSAGE_SUBSCRIPTION);
    next_signal_is(&w, LIVEKIT__SIGNAL_REQUEST__MESSAGE_OFFER);
    says_answer(&w, 1, true);
    assert_int_equal(next(&w, WHIP_ANSWER)->status, 201);

    says_update(&w, 1, &infos[2]); /* cid, as before */
    infos[0].n_tracks = 0;
    says_update(&w, 1, &infos[0]); /* ann, whom it does not play */
    infos[2].n_tracks = 1;
    says_update(&w, 1, &infos[2]); /* the camera is off, the microphone is not */
    nothing(&w);
    infos[2].state = LIVEKIT__PARTICIPANT_INFO__STATE__DISCONNECTED;
    says_update(&w, 1, &infos[2]);
    next_signal_is(&w, LIVEKIT__SIGNAL_REQUEST__MESSAGE_LEAVE);
    (void)next(&w, WHIP_DISCONNECT);
    nothing(&w);
    assert_false(whip_has(w.whip, 1));
    arena_fini(&arena);
    teardown(&w);
}

/* Goal: the largest offer that is taken fits into what a room's owner reads. */
static void largest(void **state)
{
    (void)state;
    struct world w;
    setup(&w);
    size_t len = strlen(w.offer);
    char *offer = mem_alloc(WHIP_BODY_MAX + 2);
    memcpy(offer, w.offer, len);
    while (len + 102 <= WHIP_BODY_MAX) {
        len += (size_t)snprintf(offer + len, 103, "a=x:%096d\r\n", 0);
    }
    memset(offer + len, '0', WHIP_BODY_MAX - len);
    memcpy(offer + len, "a=x", MIN(3, WHIP_BODY_MAX - len));
    struct whip_request post = request_of(&w, "POST", "/whip/v1");
    post.body = (struct bytes){(const uint8_t *)offer, WHIP_BODY_MAX};
    ask(&w, 1, &post);
    Livekit__JoinRequest *join;
    assert_int_equal(entry_decode(next(&w, WHIP_CONNECT)->join_request, &join), 0);
    assert_int_equal(strlen(join->publisher_offer->sdp), WHIP_BODY_MAX);
    livekit__join_request__free_unpacked(join, NULL);
    free(offer);
    teardown(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(publishing), cmocka_unit_test(deleting),
        cmocka_unit_test(trickling),  cmocka_unit_test(refusals),
        cmocka_unit_test(grants),     cmocka_unit_test(sections),
        cmocka_unit_test(over_time),  cmocka_unit_test(refused_by_the_room),
        cmocka_unit_test(playing),    cmocka_unit_test(played_out),
        cmocka_unit_test(largest),    cmocka_unit_test(going),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
