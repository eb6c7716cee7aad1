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

#include "tests/unit/orchestrator/whip/offers.h"
#include "tests/unit/orchestrator/whip/world.h"

/* ---- Publishing ---------------------------------------------------------------------------- */

/* Goal: an offer is the join request that an SDK would have sent. */
static void publishing(void **state)
{
    (void)state;
    struct world w;
    world_setup(&w);
    struct whip_request post = world_request(&w, "POST", "/whip/v1/hall");
    world_ask(&w, 1, &post);
    const struct whip_out *out = world_next(&w, WHIP_CONNECT);
    world_nothing(&w);
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

    world_says_join(&w, 1, NULL, 0);
    world_nothing(&w);
    world_says_answer(&w, 1, false);
    out = world_next(&w, WHIP_ANSWER);
    assert_int_equal(out->id, 1);
    assert_int_equal(out->status, 201);
    assert_string_equal(out->content_type, "application/sdp");
    assert_memory_equal(out->body.data, "v=0\r\n", 5);
    world_nothing(&w);

    struct whip_stats stats;
    whip_stats(w.whip, &stats);
    assert_int_equal(stats.publishing, 1);
    world_teardown(&w);
}

/* Goal: a DELETE has the participant leave, once, and by nobody else. */
static void deleting(void **state)
{
    (void)state;
    struct world w;
    char sid[WHIP_SID_MAX], etag[WHIP_ETAG_MAX], path[80];
    world_setup(&w);
    world_publish(&w, sid, etag);
    snprintf(path, sizeof(path), "/whip/v1/sessions/%s", sid);
    char *own = w.authorization;
    w.authorization = world_bearer("bob", &world_plain, 600);
    struct whip_request request = world_request(&w, "DELETE", path);
    assert_int_equal(world_refusal(&w, &request), 403);
    free(w.authorization);
    w.authorization =
        world_bearer("obs", &(struct token_video){.room_join = true, .room = "attic"}, 600);
    request = world_request(&w, "DELETE", path);
    assert_int_equal(world_refusal(&w, &request), 403);
    free(w.authorization);
    w.authorization = own;
    request = world_request(&w, "DELETE", "/whip/v1/sessions/nobody");
    assert_int_equal(world_refusal(&w, &request), 404);
    snprintf(path, sizeof(path), "/whep/v1/sessions/%s", sid);
    request = world_request(&w, "DELETE", path);
    assert_int_equal(world_refusal(&w, &request), 404);

    w.now_us += TIME_S(3600); /* its token has expired: it was valid when the session was made */
    snprintf(path, sizeof(path), "/whip/v1/sessions/%s", sid);
    request = world_request(&w, "DELETE", path);
    request.body = (struct bytes){(const uint8_t *)"", 0};
    world_ask(&w, 2, &request);
    world_next_signal_is(&w, LIVEKIT__SIGNAL_REQUEST__MESSAGE_LEAVE);
    assert_int_equal(w.out.id, 1);
    assert_int_equal(world_next(&w, WHIP_DISCONNECT)->id, 1);
    assert_int_equal(world_next(&w, WHIP_ANSWER)->status, 200);
    assert_int_equal(w.out.id, 2);
    world_nothing(&w);
    assert_false(whip_has(w.whip, 1));
    assert_int_equal(world_refusal(&w, &request), 401); /* expired, and of no session any more */
    assert_int_equal(whip_deadline(w.whip), TIME_NEVER);
    world_teardown(&w);
}

/* Goal: a client that goes without its answer leaves no participant behind. */
static void going(void **state)
{
    (void)state;
    struct world w;
    char sid[WHIP_SID_MAX], etag[WHIP_ETAG_MAX];
    struct whip_stats stats;
    world_setup(&w);
    struct whip_request post = world_request(&w, "POST", "/whip/v1");
    for (uint64_t id = 2; id <= 3; id++) { /* before the room said anything, and after its join */
        world_ask(&w, id, &post);
        (void)world_next(&w, WHIP_CONNECT);
        if (id == 3) {
            world_says_join(&w, id, NULL, 0);
        }
        whip_gone(w.whip, w.now_us, id);
        assert_int_equal(world_next(&w, WHIP_ANSWER)->id, id);
        world_next_signal_is(&w, LIVEKIT__SIGNAL_REQUEST__MESSAGE_LEAVE);
        assert_int_equal(world_next(&w, WHIP_DISCONNECT)->id, id);
        world_nothing(&w);
        world_says_answer(&w, id, false); /* on its way */
        world_nothing(&w);
    }
    world_publish(&w, sid, etag);
    whip_gone(w.whip, w.now_us, 4); /* of a PATCH */
    world_nothing(&w);
    whip_gone(w.whip, w.now_us, 1); /* its 201 was in vain */
    world_next_signal_is(&w, LIVEKIT__SIGNAL_REQUEST__MESSAGE_LEAVE);
    (void)world_next(&w, WHIP_DISCONNECT);
    world_nothing(&w);
    whip_stats(w.whip, &stats);
    assert_int_equal(stats.publishing, 0);
    assert_int_equal(whip_deadline(w.whip), TIME_NEVER);
    world_teardown(&w);
}

/* ---- Refusals ------------------------------------------------------------------------------ */

/* Goal: each thing that is wrong with a request has its status. */
static void refusals(void **state)
{
    (void)state;
    struct world w;
    world_setup(&w);
    struct whip_request post = world_request(&w, "POST", "/whip/v1"), bad;
    assert_int_equal((bad = post, bad.authorization = "", world_refusal(&w, &bad)), 401);
    assert_non_null(strstr(w.out.headers, "WWW-Authenticate: Bearer"));
    assert_int_equal((bad = post, bad.authorization = "Bearer x", world_refusal(&w, &bad)), 401);
    assert_int_equal((bad = post, bad.path = "/whip/v1/attic", world_refusal(&w, &bad)), 403);
    assert_int_equal((bad = post, bad.content_type = "text/plain", world_refusal(&w, &bad)), 415);
    assert_int_equal((bad = post, bad.content_type = "application/sdpx", world_refusal(&w, &bad)),
                     415);
    assert_int_equal((bad = post, bad.body.len = 0, world_refusal(&w, &bad)), 400);
    assert_int_equal((bad = post, bad.body.len = 60, world_refusal(&w, &bad)), 400);
    assert_int_equal((bad = post, bad.verb = "GET", world_refusal(&w, &bad)), 405);
    assert_non_null(strstr(w.out.headers, "Allow: POST"));
    assert_int_equal((bad = post, bad.verb = "DELETE", world_refusal(&w, &bad)), 405);
    assert_int_equal((bad = post, bad.path = "/whip/v1/sessions/x", world_refusal(&w, &bad)), 405);
    assert_non_null(strstr(w.out.headers, "Allow: PATCH, DELETE"));

    assert_int_equal((bad = post, bad.path = "/whip/v1/ha\xffll", world_refusal(&w, &bad)), 400);
    char *latin = mem_str(w.offer); /* well-formed but for its encoding */
    memcpy(strstr(latin, "a=msid:obs") + 7, "\xf6", 1);
    bad = post;
    bad.body = (struct bytes){(const uint8_t *)latin, strlen(latin)};
    assert_int_equal(world_refusal(&w, &bad), 400);
    free(latin);

    static uint8_t large[WHIP_BODY_MAX + 1];
    assert_int_equal(
        (bad = post, bad.body = (struct bytes){large, sizeof(large)}, world_refusal(&w, &bad)),
        413);
    bad.body.len--;
    assert_int_equal(world_refusal(&w, &bad), 400); /* zero bytes */
    world_teardown(&w);
}

/* Goal: what a token does not grant is refused before anything is asked of the room. */
static void grants(void **state)
{
    (void)state;
    struct world w;
    world_setup(&w);
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
        w.authorization = world_bearer("obs", &cases[i].video, 600);
        struct whip_request post = world_request(&w, "POST", cases[i].path);
        assert_int_equal(world_refusal(&w, &post), 403);
    }
    world_teardown(&w);
}

/* Goal: offers that are none of a publisher, or none of a player. */
static void sections(void **state)
{
    (void)state;
    struct world w;
    world_setup(&w);
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
        struct whip_request post = world_request(&w, "POST", cases[i].path);
        if (cases[i].taken) {
            world_ask(&w, i + 1, &post);
            (void)world_next(&w, WHIP_CONNECT);
        } else {
            assert_int_equal(world_refusal(&w, &post), 422);
        }
    }
    world_teardown(&w);
}

/* Goal: what the room answers instead of an answer. */
static void refused_by_the_room(void **state)
{
    (void)state;
    struct world w;
    world_setup(&w);
    struct whip_request post = world_request(&w, "POST", "/whip/v1");
    world_ask(&w, 1, &post);
    (void)world_next(&w, WHIP_CONNECT);
    whip_refused(w.whip, w.now_us, 1, &(struct whip_refusal){503, "no node", 7});
    assert_int_equal(world_next(&w, WHIP_ANSWER)->status, 503);
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
        world_ask(&w, i + 2, &post);
        (void)world_next(&w, WHIP_CONNECT);
        world_says_leave(&w, i + 2, cases[i].reason);
        world_nothing(&w);
        whip_closed(w.whip, w.now_us, i + 2, cases[i].code, "why");
        assert_int_equal(world_next(&w, WHIP_ANSWER)->status, cases[i].status);
        if (cases[i].status != 409) {
            assert_memory_equal(w.out.body.data, "why", 3);
        }
        assert_int_equal(world_next(&w, WHIP_DISCONNECT)->id, i + 2);
        world_nothing(&w);
    }
    world_teardown(&w);
}

/* ---- Time ---------------------------------------------------------------------------------- */

/* Goal: a room that does not answer is given up; an open session is pinged until it ends. */
static void over_time(void **state)
{
    (void)state;
    struct world w;
    char sid[WHIP_SID_MAX], etag[WHIP_ETAG_MAX];
    world_setup(&w);
    struct whip_request post = world_request(&w, "POST", "/whip/v1");
    world_ask(&w, 7, &post);
    (void)world_next(&w, WHIP_CONNECT);
    world_publish(&w, sid, etag);
    assert_int_equal(whip_deadline(w.whip), w.now_us + WHIP_PING_US);

    w.now_us += WHIP_PING_US;
    whip_expire(w.whip, w.now_us);
    world_next_signal_is(&w, LIVEKIT__SIGNAL_REQUEST__MESSAGE_PING_REQ);
    world_nothing(&w);

    w.now_us += WHIP_ANSWER_US - WHIP_PING_US;
    whip_expire(w.whip, w.now_us);
    assert_int_equal(world_next(&w, WHIP_ANSWER)->status, 503);
    assert_int_equal(w.out.id, 7);
    world_next_signal_is(&w, LIVEKIT__SIGNAL_REQUEST__MESSAGE_LEAVE);
    assert_int_equal(world_next(&w, WHIP_DISCONNECT)->id, 7);
    world_next_signal_is(&w, LIVEKIT__SIGNAL_REQUEST__MESSAGE_PING_REQ);
    world_nothing(&w);

    world_says_leave(&w, 1, LIVEKIT__DISCONNECT_REASON__PARTICIPANT_REMOVED);
    whip_closed(w.whip, w.now_us, 1, 1000, NULL);
    (void)world_next(&w, WHIP_DISCONNECT);
    world_nothing(&w);
    assert_int_equal(whip_deadline(w.whip), TIME_NEVER);
    struct whip_stats stats;
    whip_stats(w.whip, &stats);
    assert_int_equal(stats.publishing, 0);
    world_teardown(&w);
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
        world_setup(&w);
        free(w.offer);
        w.offer = offer_text(cases[i].audio, cases[i].video);
        struct whip_request post = world_request(&w, "POST", "/whep/v1");
        post.participant = cases[i].wanted;
        world_ask(&w, 1, &post);
        Livekit__JoinRequest *join;
        assert_int_equal(entry_decode(world_next(&w, WHIP_CONNECT)->join_request, &join), 0);
        assert_null(join->publisher_offer);
        livekit__join_request__free_unpacked(join, NULL);
        fill_people(infos, list, cases[i].people, &arena);
        world_says_join(&w, 1, list, cases[i].people);
        if (cases[i].played[0] == '\0') {
            assert_int_equal(world_next(&w, WHIP_ANSWER)->status, 409);
            assert_true(w.out.retry_after_s > 0);
            world_next_signal_is(&w, LIVEKIT__SIGNAL_REQUEST__MESSAGE_LEAVE);
            (void)world_next(&w, WHIP_DISCONNECT);
        } else {
            char played[64] = "";
            ProtobufCMessage *unpacked;
            const Livekit__SignalRequest *request = world_next_signal(&w, &unpacked);
            assert_int_equal(request->message_case, LIVEKIT__SIGNAL_REQUEST__MESSAGE_SUBSCRIPTION);
            for (size_t j = 0; j < request->subscription->n_track_sids; j++) {
                size_t len = strlen(played);
                snprintf(played + len, sizeof(played) - len, "%s",
                         request->subscription->track_sids[j]);
            }
            assert_string_equal(played, cases[i].played);
            protobuf_c_message_free_unpacked(unpacked, NULL);
            world_next_signal_is(&w, LIVEKIT__SIGNAL_REQUEST__MESSAGE_OFFER);
            world_says_answer(&w, 1, i % 2 == 0);
            assert_int_equal(world_next(&w, WHIP_ANSWER)->status, i % 2 == 0 ? 201 : 422);
        }
        arena_fini(&arena);
        world_teardown(&w);
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
    world_says(w, conn, &response);
}

/* Goal: a player's session ends with the last of what it plays, and not before. */
static void played_out(void **state)
{
    (void)state;
    struct world w;
    struct arena arena = {0};
    Livekit__ParticipantInfo infos[3], *list[3];
    world_setup(&w);
    free(w.offer);
    w.offer = offer_text("recvonly", "recvonly");
    fill_people(infos, list, 3, &arena);
    struct whip_request post = world_request(&w, "POST", "/whep/v1");
    world_ask(&w, 1, &post);
    (void)world_next(&w, WHIP_CONNECT);
    world_says_join(&w, 1, list, 3);
    world_next_signal_is(&w, LIVEKIT__SIGNAL_REQUEST__MESSAGE_SUBSCRIPTION);
    world_next_signal_is(&w, LIVEKIT__SIGNAL_REQUEST__MESSAGE_OFFER);
    world_says_answer(&w, 1, true);
    assert_int_equal(world_next(&w, WHIP_ANSWER)->status, 201);

    says_update(&w, 1, &infos[2]); /* cid, as before */
    infos[0].n_tracks = 0;
    says_update(&w, 1, &infos[0]); /* ann, whom it does not play */
    infos[2].n_tracks = 1;
    says_update(&w, 1, &infos[2]); /* the camera is off, the microphone is not */
    world_nothing(&w);
    infos[2].state = LIVEKIT__PARTICIPANT_INFO__STATE__DISCONNECTED;
    says_update(&w, 1, &infos[2]);
    world_next_signal_is(&w, LIVEKIT__SIGNAL_REQUEST__MESSAGE_LEAVE);
    (void)world_next(&w, WHIP_DISCONNECT);
    world_nothing(&w);
    assert_false(whip_has(w.whip, 1));
    arena_fini(&arena);
    world_teardown(&w);
}

/* Goal: the largest offer that is taken fits into what a room's owner reads. */
static void largest(void **state)
{
    (void)state;
    struct world w;
    world_setup(&w);
    size_t len = strlen(w.offer);
    char *offer = mem_alloc(WHIP_BODY_MAX + 2);
    memcpy(offer, w.offer, len);
    while (len + 102 <= WHIP_BODY_MAX) {
        len += (size_t)snprintf(offer + len, 103, "a=x:%096d\r\n", 0);
    }
    memset(offer + len, '0', WHIP_BODY_MAX - len);
    memcpy(offer + len, "a=x", MIN(3, WHIP_BODY_MAX - len));
    struct whip_request post = world_request(&w, "POST", "/whip/v1");
    post.body = (struct bytes){(const uint8_t *)offer, WHIP_BODY_MAX};
    world_ask(&w, 1, &post);
    Livekit__JoinRequest *join;
    assert_int_equal(entry_decode(world_next(&w, WHIP_CONNECT)->join_request, &join), 0);
    assert_int_equal(strlen(join->publisher_offer->sdp), WHIP_BODY_MAX);
    livekit__join_request__free_unpacked(join, NULL);
    free(offer);
    world_teardown(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(publishing),
        cmocka_unit_test(deleting),
        cmocka_unit_test(refusals),
        cmocka_unit_test(grants),
        cmocka_unit_test(sections),
        cmocka_unit_test(over_time),
        cmocka_unit_test(refused_by_the_room),
        cmocka_unit_test(playing),
        cmocka_unit_test(played_out),
        cmocka_unit_test(largest),
        cmocka_unit_test(going),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
