/* SPDX-License-Identifier: Apache-2.0
 *
 * A client with two peer connections: it publishes on one that it offers, and receives on one that
 * we offer. To the others it is one participant, to the nodes two transports.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "orchestrator/core/room/room.h"
#include "tests/lib/sdp_client.h"
#include "tests/unit/orchestrator/room/meeting.h"

static const struct world_join bob = {.room = "lobby", .identity = "bob", .two_connections = true};
static const struct world_join again = {
    .room = "lobby", .identity = "bob", .two_connections = true, .reconnect = true};

static size_t count(const char *story, const char *what)
{
    size_t found = 0;
    for (; (story = strstr(story, what)) != NULL; story++) {
        found++;
    }
    return found;
}

static void expect(struct world *world, const char *const lines[], size_t lines_count)
{
    const char *story = world_story(world);
    for (size_t i = 0; i < lines_count; i++) {
        if (strstr(story, lines[i]) == NULL) {
            fail_msg("no \"%s\" in:\n%s", lines[i], story);
        }
    }
}
#define EXPECT(world, ...)                                                                         \
    do {                                                                                           \
        static const char *const lines[] = {__VA_ARGS__};                                          \
        expect(world, lines, ARRAY_LEN(lines));                                                    \
    } while (0)

static void answer(struct world *world, uint64_t conn, const char *ufrag)
{
    char *text = sdp_client_answer(world->last_offer, ufrag);
    world_answer(world, conn, text, world->last_offer_id);
    free(text);
}

/* alice, with one connection (T1), publishes a microphone; bob has two: T2 receives, T3 publishes.
 */
static void begin_as(struct world *world, bool go)
{
    world_init(world);
    world_node(world, "ND_a");
    meeting_join(world, 1, "alice", NULL);
    world_add_track(world, 1, MICROPHONE, LIVEKIT__TRACK_TYPE__AUDIO);
    world_connected(world, 1);
    struct world_join join = bob;
    join.go = go;
    world_join(world, 2, &join);
    answer(world, 2, "once");
    world_connected(world, 2);
    world_offer(world, 2, "chromium-publish.offer", 1);
    world_connected(world, 3);
    world_story(world);
}

static void begin(struct world *world)
{
    begin_as(world, false);
}

/* Goal: he is offered what there is with the join, and is active once that connection is up. */
static void is_offered_what_there_is(void **state)
{
    (void)state;
    struct world world;
    world_init(&world);
    world_node(&world, "ND_a");
    meeting_join(&world, 1, "alice", NULL);
    world_add_track(&world, 1, MICROPHONE, LIVEKIT__TRACK_TYPE__AUDIO);
    world_connected(&world, 1);
    world_story(&world);

    world_join(&world, 2, &bob);
    EXPECT(&world, "conn 2 < join bob others=1\n", "conn 2 < offer tracks=1\n",
           "conn 1 < update bob=joined/0\n");
    assert_non_null(strstr(world.last_offer, "m=application"));
    assert_non_null(strstr(world.last_offer, "a=candidate:"));
    assert_int_equal(count(world.last_offer, "a=sendonly"), 1);

    answer(&world, 2, "once");
    EXPECT(&world, "front T2 open ours=3\nfront T2 route ND_a\n", " t=1 k=0 s=1 ");
    world_connected(&world, 2);
    EXPECT(&world, "bob=active/0");
    world_offer(&world, 2, "chromium-publish.offer", 1);
    EXPECT(&world, "conn 2 < answer 1 tracks=0\n", "front T3 open\nfront T3 route ND_a\n");
    world_connected(&world, 3);
    assert_null(strstr(world_story(&world), "conn 2 < sections"));
    world_fini(&world);
}

/* Goal: what he publishes is his to the others; a track that comes is offered, one that goes leaves
 * its section, which another one takes. */
static void tracks_come_and_go(void **state)
{
    (void)state;
    struct world world;
    begin(&world);
    world_add_track(&world, 2, MICROPHONE, LIVEKIT__TRACK_TYPE__AUDIO);
    EXPECT(&world, "conn 1 < update bob=active/1\n", "conn 2 < track_published " MICROPHONE,
           " k=1 ");

    world_add_track(&world, 1, CAMERA, LIVEKIT__TRACK_TYPE__VIDEO);
    EXPECT(&world, "conn 2 < offer tracks=2\n");
    answer(&world, 2, "once");
    char sid[ID_MAX];
    snprintf(sid, sizeof(sid), "%s", world.last_sid);
    Livekit__UpdateSubscription update = LIVEKIT__UPDATE_SUBSCRIPTION__INIT;
    char *sids[] = {sid};
    update.track_sids = sids;
    update.n_track_sids = 1;
    Livekit__SignalRequest request = LIVEKIT__SIGNAL_REQUEST__INIT;
    request.message_case = LIVEKIT__SIGNAL_REQUEST__MESSAGE_SUBSCRIPTION;
    request.subscription = &update;
    world_story(&world);
    world_signal(&world, 2, &request);
    EXPECT(&world, "conn 2 < offer tracks=1\n", " -s=1");
    assert_int_equal(count(world.last_offer, "a=inactive"), 1);
    answer(&world, 2, "once");
    update.subscribe = true;
    world_signal(&world, 2, &request);
    EXPECT(&world, "conn 2 < offer tracks=2\n");
    assert_int_equal(count(world.last_offer, "m=video"), 1);
    world_fini(&world);
}

/* Goal: one offer is on its way at a time, and the next names all that came meanwhile. */
static void offers_one_after_the_other(void **state)
{
    (void)state;
    struct world world;
    begin(&world);
    meeting_join(&world, 4, "carla", NULL);
    world_connected(&world, 4);
    world_story(&world);
    world_add_track(&world, 1, CAMERA, LIVEKIT__TRACK_TYPE__VIDEO);
    world_add_track(&world, 4, MICROPHONE, LIVEKIT__TRACK_TYPE__AUDIO);
    world_add_track(&world, 4, CAMERA, LIVEKIT__TRACK_TYPE__VIDEO);
    assert_int_equal(count(world_story(&world), "conn 2 < offer"), 1);
    answer(&world, 2, "once");
    EXPECT(&world, "conn 2 < offer tracks=4\n");
    answer(&world, 2, "once");
    assert_null(strstr(world_story(&world), "conn 2 < offer"));
    world_fini(&world);
}

/* Goal: data to him goes over the connection that receives, his own comes over the other one. */
static void data_go_both_ways(void **state)
{
    (void)state;
    static const char packet[] = {0x12, 3, 0x12, 1, 'x'};
    struct world world;
    begin(&world);
    meeting_channels(&world, 1);
    meeting_channels(&world, 3);
    for (unsigned kind = 0; kind < 3; kind++) {
        static const char *const labels[] = {"_reliable", "_lossy", "_data_track"};
        orch_channel_opened(world.orch, world.now_us, world.transports[1], (uint16_t)(2 * kind + 1),
                            labels[kind]);
    }
    world_story(&world);
    meeting_send(&world, 1, 0, packet, sizeof(packet));
    const char *story = world_story(&world);
    assert_int_equal(count(story, "front T2 send stream=1"), 1);
    assert_int_equal(count(story, " send "), 1);
    meeting_send(&world, 3, 2, packet, sizeof(packet));
    story = world_story(&world);
    assert_int_equal(count(story, "front T1 send stream=2"), 1);
    assert_int_equal(count(story, " send "), 1);
    world_fini(&world);
}

/* Goal: answers to no offer of ours are nothing; one that does not fit ends it with the reason. */
static void bad_answers(void **state)
{
    (void)state;
    struct world world;
    begin(&world);
    char *late = sdp_client_answer(world.last_offer, "once");
    world_answer(&world, 2, late, world.last_offer_id); /* once more */
    world_answer(&world, 1, late, 1);                   /* of one who has one connection */
    world_add_track(&world, 1, CAMERA, LIVEKIT__TRACK_TYPE__VIDEO);
    world_story(&world);
    world_answer(&world, 2, late, world.last_offer_id - 1); /* to the one before */
    world_answer(&world, 2, late, world.last_offer_id + 1);
    assert_string_equal(world_story(&world), "");
    world_answer(&world, 2, late, world.last_offer_id); /* its sections are fewer */
    EXPECT(&world, "conn 2 < leave reason=6 action=0\n", "conn 2 close 1008 the answer has",
           "front T2 close\n", "front T3 close\n", " -t=2 ", "conn 1 < update bob=gone/0");
    free(late);
    world_fini(&world);
}

/* Seconds in which the node and those with signalling are heard. */
static void pass(struct world *world, unsigned seconds)
{
    static uint64_t sequence;
    Livekit__Ping ping = LIVEKIT__PING__INIT;
    Livekit__SignalRequest request = LIVEKIT__SIGNAL_REQUEST__INIT;
    request.message_case = LIVEKIT__SIGNAL_REQUEST__MESSAGE_PING_REQ;
    request.ping_req = &ping;
    for (unsigned quarter = 0; quarter < 4 * seconds; quarter++) {
        world_heartbeat(world, "ND_a", ++sequence);
        world_advance(world, TIME_MS(250));
        for (uint64_t conn = 1; conn <= 4 && quarter % 20 == 0; conn++) {
            world_signal(world, conn, &request);
        }
    }
}

/* Goal: who answers no offer of ours, and so would get nothing new for ever, is told to start over;
 * who takes his time is not. */
static void never_answers(void **state)
{
    (void)state;
    struct world world;
    begin(&world);
    world_add_track(&world, 1, CAMERA, LIVEKIT__TRACK_TYPE__VIDEO);
    EXPECT(&world, "conn 2 < offer tracks=2\n");
    pass(&world, 14);
    answer(&world, 2, "once");
    pass(&world, 14);
    assert_null(strstr(world_story(&world), "leave"));

    meeting_join(&world, 4, "carla", NULL);
    world_add_track(&world, 4, MICROPHONE, LIVEKIT__TRACK_TYPE__AUDIO);
    EXPECT(&world, "conn 2 < offer tracks=3\n");
    pass(&world, 14);
    assert_null(strstr(world_story(&world), "conn 2 < leave"));
    pass(&world, 2);
    EXPECT(&world, "conn 2 < leave reason=6 action=2\nconn 2 close 1000\n", "front T2 close\n",
           "front T3 close\n", " -t=2 ", "bob=gone/0");
    world_fini(&world);
}

/* Goal: an answer that got lost with its connection is not waited for. */
static void answer_gets_lost(void **state)
{
    (void)state;
    struct world world;
    begin(&world);
    world_add_track(&world, 1, CAMERA, LIVEKIT__TRACK_TYPE__VIDEO);
    pass(&world, 10);
    orch_disconnected(world.orch, world.now_us, 2);
    world_drain(&world);
    pass(&world, 10);
    assert_null(strstr(world_story(&world), "leave"));
    world_join(&world, 2, &again);
    EXPECT(&world, "conn 2 < reconnect", "conn 2 < offer tracks=2\n");
    pass(&world, 10);
    answer(&world, 2, "anew");
    pass(&world, 10);
    assert_null(strstr(world_story(&world), "leave"));
    world_fini(&world);
}

/* Goal: resumed, he is offered anew with fresh credentials, whatever was on its way. */
static void resumes(void **state)
{
    (void)state;
    struct world world;
    begin(&world);
    world_add_track(&world, 1, CAMERA, LIVEKIT__TRACK_TYPE__VIDEO);
    char *lost = sdp_client_answer(world.last_offer, "once"), ufrag[32];
    uint32_t id = world.last_offer_id;
    snprintf(ufrag, sizeof(ufrag), "%.23s", strstr(lost, "a=ice-ufrag:"));
    snprintf(ufrag, sizeof(ufrag), "%.20s", strstr(world.last_offer, "a=ice-ufrag:"));
    orch_disconnected(world.orch, world.now_us, 2);
    world_drain(&world);
    world_story(&world);
    world_join(&world, 3, &again);
    EXPECT(&world, "conn 3 < reconnect", "conn 3 < offer tracks=2\n");
    assert_null(strstr(world.last_offer, ufrag));
    world_answer(&world, 3, lost, id);
    answer(&world, 3, "anew");
    EXPECT(&world, " s=2 ");
    world_advance(&world, TIME_S(1));
    assert_null(strstr(world_story(&world), "conn 3 < offer"));
    free(lost);
    world_fini(&world);
}

/* Goal: his front dies before he has offered: with his resume, what he is offered begins anew at
 * another one, and what he offers begins there. */
static void changes_its_front(void **state)
{
    (void)state;
    struct world world;
    struct world_join join = bob;
    world_init(&world);
    world_node(&world, "ND_a");
    join.front = "OR_other";
    world_join(&world, 2, &join);
    answer(&world, 2, "once");
    world_connected(&world, 1);
    orch_channel_opened(world.orch, world.now_us, world.transports[0], 1, "_reliable");
    assert_int_equal(world.last_front, 7);
    orch_front_lost(world.orch, world.now_us, 7);
    world_drain(&world);
    EXPECT(&world, "conn 2 < leave reason=8 action=1\n");
    world_join(&world, 3, &again);
    EXPECT(&world, "conn 3 < reconnect", "conn 3 < offer tracks=0\n",
           "front T1 close\nfront T1 open again channels=1\n");
    assert_int_equal(world.last_front, 0);
    assert_non_null(strstr(world.last_offer, "a=fingerprint:sha-256 AA:BB"));
    answer(&world, 3, "anew");
    world_offer(&world, 3, "chromium-publish.offer", 1);
    EXPECT(&world, "conn 3 < answer 1", "front T2 open\n");
    assert_int_equal(world.last_front, 0);
    assert_non_null(strstr(world.last_answer, "a=fingerprint:sha-256 AA:BB"));
    world_fini(&world);
}

/* Goal: when his node dies, both connections are told of another one. */
static void moves(void **state)
{
    (void)state;
    struct world world;
    begin(&world);
    world_node(&world, "ND_b");
    world_story(&world);
    orch_node_link_lost(world.orch, world.now_us, "ND_a");
    world_drain(&world);
    const char *story = world_story(&world);
    for (size_t i = 0; i < 3; i++) {
        static const char *const routes[] = {"front T1 route ND_b", "front T2 route ND_b",
                                             "front T3 route ND_b"};
        assert_int_equal(count(story, routes[i]), 1);
    }
    assert_int_equal(count(story, "conn 2 < trickle udp"), 2);
    assert_null(strstr(story, "leave"));
    world_fini(&world);
}

/* Goal: pion stays where it nominated a pair, so it is told to resume when it is moved, whether its
 * node is dead or not; and both of its connections begin their ICE anew there. */
static void moves_with_pion(void **state)
{
    (void)state;
    for (int dead = 0; dead < 2; dead++) {
        struct world world;
        begin_as(&world, true);
        world_node(&world, "ND_b");
        world_arrive(&world, "ND_a", 2);
        world_arrive(&world, "ND_a", 3);
        world_story(&world);
        if (dead != 0) {
            orch_node_link_lost(world.orch, world.now_us, "ND_a");
            world_drain(&world);
        } else {
            world_admin(&world, "POST", "/admin/v1/rooms/lobby/move", "{\"to\": \"ND_b\"}");
        }
        const char *story = world_story(&world);
        assert_int_equal(count(story, "conn 2 < leave reason=14 action=1\nconn 2 close 1000\n"), 1);
        assert_null(strstr(story, "conn 2 < trickle"));
        world_join(&world, 3, &again);
        answer(&world, 3, "anew");
        EXPECT(&world, "conn 3 < reconnect", "conn 3 < offer tracks=1\n", "node ND_b < spec");
        assert_non_null(strstr(world.last_offer, "127.0.0.2"));
        world_fini(&world);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(is_offered_what_there_is),
        cmocka_unit_test(tracks_come_and_go),
        cmocka_unit_test(offers_one_after_the_other),
        cmocka_unit_test(data_go_both_ways),
        cmocka_unit_test(bad_answers),
        cmocka_unit_test(never_answers),
        cmocka_unit_test(answer_gets_lost),
        cmocka_unit_test(resumes),
        cmocka_unit_test(changes_its_front),
        cmocka_unit_test(moves),
        cmocka_unit_test(moves_with_pion),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
