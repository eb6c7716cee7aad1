/* SPDX-License-Identifier: Apache-2.0
 *
 * Who stays away, comes back or is told to start over, as stories.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "orchestrator/core/room/room.h"
#include "tests/unit/orchestrator/room/meeting.h"

static void ping(struct world *world, uint64_t conn)
{
    Livekit__Ping message = LIVEKIT__PING__INIT;
    Livekit__SignalRequest request = LIVEKIT__SIGNAL_REQUEST__INIT;
    request.message_case = LIVEKIT__SIGNAL_REQUEST__MESSAGE_PING_REQ;
    request.ping_req = &message;
    world_signal(world, conn, &request);
}

/* Goal: who resumes hears who left meanwhile; who missed more than can be told joins anew. */
static void missed(void **state)
{
    (void)state;
    struct world world;
    meeting_init(&world);
    orch_disconnected(world.orch, world.now_us, 1);
    orch_disconnected(world.orch, world.now_us, 2);
    world_twirp(&world, "RemoveParticipant", "{\"room\":\"lobby\",\"identity\":\"bob\"}");
    world_story(&world);
    const struct world_join again = {.room = "lobby", .identity = "alice", .reconnect = true};
    world_join(&world, 3, &again);
    const char *story = world_story(&world);
    assert_non_null(strstr(story, "conn 3 < update bob=gone/0\n"
                                  "conn 3 < update alice=active/1\n"));
    orch_disconnected(world.orch, world.now_us, 3);
    for (uint64_t i = 0; i <= ROOM_MISSED_MAX; i++) {
        if (i % 100 == 0) { /* what was reserved for those who came is free again */
            world_advance(&world, TIME_S(11));
            world_heartbeat(&world, "ND_a", i + 1);
        }
        world_join(&world, 10 + i, &(struct world_join){.room = "lobby", .identity = "passer-by"});
        orch_disconnected(world.orch, world.now_us, 10 + i);
    }
    world_story(&world);
    world_join(&world, 4, &again);
    assert_string_equal(world_story(&world), "webhook participant_connection_aborted\n"
                                             "conn 4 accept\n"
                                             "conn 4 < leave reason=6 action=2\n"
                                             "conn 4 close 1000\n");
    world_fini(&world);
}

/* Goal: a connection may have been broken for long before we notice: who left since the client was
 * last heard is told to it as gone when it resumes, unless he is there again; twice if the first
 * resume breaks, too, and no more once it was heard. */
static void perhaps_missed(void **state)
{
    (void)state;
    struct world world;
    meeting_init(&world);
    meeting_join(&world, 3, "carol", NULL);
    ping(&world, 1);
    world_advance(&world, TIME_S(5));
    world_twirp(&world, "RemoveParticipant", "{\"room\":\"lobby\",\"identity\":\"bob\"}");
    world_twirp(&world, "RemoveParticipant", "{\"room\":\"lobby\",\"identity\":\"carol\"}");
    meeting_join(&world, 4, "carol", NULL);
    const struct world_join again = {.room = "lobby", .identity = "alice", .reconnect = true};
    for (uint64_t conn = 5; conn <= 6; conn++) {
        world_story(&world);
        world_join(&world, conn, &again); /* the one before stands, as far as we know */
        const char *story = world_story(&world);
        assert_non_null(strstr(story, "< update bob=gone/0\n"));
        assert_null(strstr(story, "carol=gone"));
    }
    for (int i = 0; i < 4; i++) {
        world_advance(&world, TIME_S(5));
        ping(&world, 6);
    }
    world_story(&world);
    world_join(&world, 7, &again);
    assert_null(strstr(world_story(&world), "bob=gone"));
    world_fini(&world);
}

/* What the last client was told is good for this time, and what a server makes of it. */
static void assert_turn(const struct world *world, int64_t end_s)
{
    const char *colon = strchr(world->last_turn.username, ':');
    assert_non_null(colon);
    struct turn_credentials wanted;
    turn_credentials_make(&world->turn, end_s - world->turn.lifetime_s, colon + 1, &wanted);
    assert_string_equal(world->last_turn.username, wanted.username);
    assert_string_equal(world->last_turn.password, wanted.password);
    assert_memory_equal(colon + 1, "PA_", 3);
}

/* Goal: who joins or resumes gets credentials for the TURN servers, good for their lifetime from
 * then on; where there are no servers, nobody is told of any. */
static void turn(void **state)
{
    (void)state;
    static const char *const urls[] = {"turn:turn.example.com?transport=udp",
                                       "turns:turn.example.com:443?transport=tcp"};
    struct world world;
    meeting_init(&world);
    assert_string_equal(world.last_turn.username, "");
    world.turn = (struct turn_config){.urls = urls,
                                      .url_count = ARRAY_LEN(urls),
                                      .secret = "of the cluster and its TURN servers",
                                      .lifetime_s = 3600};
    const int64_t start_s = 1600000000;
    world_join(&world, 3, &(struct world_join){.room = "lobby", .identity = "carol"});
    assert_non_null(strstr(world_story(&world),
                           "conn 3 < join carol others=2\n"
                           "conn 3 < ice_server turn:turn.example.com?transport=udp\n"
                           "conn 3 < ice_server turns:turn.example.com:443?transport=tcp\n"));
    assert_turn(&world, start_s + 3600);
    const struct turn_credentials first = world.last_turn;

    world_advance(&world, TIME_S(3));
    ping(&world, 1);
    orch_disconnected(world.orch, world.now_us, 1);
    world_join(&world, 4,
               &(struct world_join){.room = "lobby", .identity = "alice", .reconnect = true});
    assert_non_null(strstr(world_story(&world),
                           "conn 4 < reconnect last_seq=0\n"
                           "conn 4 < ice_server turn:turn.example.com?transport=udp\n"
                           "conn 4 < ice_server turns:turn.example.com:443?transport=tcp\n"));
    assert_turn(&world, start_s + 3 + 3600);
    assert_string_not_equal(world.last_turn.password, first.password);
    world_fini(&world);
}

/* Goal: tokens are refreshed every five minutes while the client talks to us. */
static void refresh(void **state)
{
    (void)state;
    struct world world;
    meeting_init(&world);
    for (int s = 0; s < 300; s += 5) {
        world_advance(&world, TIME_S(5));
        ping(&world, 1);
    }
    const char *story = world_story(&world);
    const char *first = strstr(story, "conn 1 < refresh_token\n");
    assert_non_null(first);
    assert_null(strstr(first + 1, "conn 1 < refresh_token\n"));
    assert_non_null(strstr(story, "conn 2 close 1000\n")); /* bob did not ping */
    world_fini(&world);
}

/* Goal: an event of transport 0 is about nobody, not about who has made no offer yet. */
static void no_transport(void **state)
{
    (void)state;
    struct world world;
    meeting_init(&world);
    world_join(&world, 3, &(struct world_join){.room = "lobby", .identity = "quiet"});
    world_story(&world);
    Spillway__Control__TransportLost lost = SPILLWAY__CONTROL__TRANSPORT_LOST__INIT;
    Spillway__Control__Event event = SPILLWAY__CONTROL__EVENT__INIT;
    event.event_case = SPILLWAY__CONTROL__EVENT__EVENT_TRANSPORT_LOST;
    event.transport_lost = &lost;
    world_event(&world, "ND_a", &event);
    assert_string_equal(world_story(&world), "");
    world_fini(&world);
}

/* As the server API has it. */
static void sid_of(struct world *world, const char *identity, char sid[ID_MAX])
{
    static const char key[] = "\"sid\":\"";
    char json[100];
    snprintf(json, sizeof(json), "{\"room\":\"lobby\",\"identity\":\"%s\"}", identity);
    world_twirp(world, "GetParticipant", json);
    const char *value = strstr(world->last_reply, key);
    assert_non_null(value);
    value += strlen(key);
    snprintf(sid, ID_MAX, "%.*s", (int)strcspn(value, "\""), value);
}

/* Goal: a resume that means a session which is over takes nobody's place: whose identity somebody
 * else took meanwhile is told so, whose session ended otherwise starts over; who is there notices
 * nothing, and resumes his own. */
static void resumes_what_is_over(void **state)
{
    (void)state;
    struct world world;
    char first[ID_MAX], second[ID_MAX];
    meeting_init(&world);
    sid_of(&world, "alice", first);
    orch_disconnected(world.orch, world.now_us, 1);
    meeting_join(&world, 3, "alice", NULL);
    sid_of(&world, "alice", second);
    struct world_join again = {
        .room = "lobby", .identity = "alice", .reconnect = true, .sid = first};
    world_story(&world);
    world_join(&world, 4, &again);
    assert_string_equal(world_story(&world), "conn 4 accept\n"
                                             "conn 4 < leave reason=2 action=0\n"
                                             "conn 4 close 1000\n");
    again.sid = "PA_of_long_ago";
    world_join(&world, 5, &again);
    assert_string_equal(world_story(&world), "conn 5 accept\n"
                                             "conn 5 < leave reason=6 action=2\n"
                                             "conn 5 close 1000\n");
    again.sid = second;
    world_join(&world, 6, &again);
    assert_non_null(strstr(world_story(&world), "conn 6 < reconnect last_seq=0\n"));
    world_fini(&world);
}

/* Of alice's track. */
static void report_loss(struct world *world, uint64_t packets, uint64_t lost)
{
    Spillway__Control__LayerReport layer = SPILLWAY__CONTROL__LAYER_REPORT__INIT,
                                   *layers[] = {&layer};
    layer.packets = packets;
    layer.lost = lost;
    Spillway__Control__TrackReport track = SPILLWAY__CONTROL__TRACK_REPORT__INIT,
                                   *tracks[] = {&track};
    track.track = 1;
    track.layers = layers;
    track.n_layers = 1;
    Spillway__Control__TransportReport report = SPILLWAY__CONTROL__TRANSPORT_REPORT__INIT;
    report.transport = world->transports[0];
    report.tracks = tracks;
    report.n_tracks = 1;
    Spillway__Control__Event event = SPILLWAY__CONTROL__EVENT__INIT;
    event.event_case = SPILLWAY__CONTROL__EVENT__EVENT_TRANSPORT_REPORT;
    event.transport_report = &report;
    world_event(world, "ND_a", &event);
}

/* Goal: a connection that loses most packets is poor, not lost: SDKs start over then, which mends
 * nothing where media still flow. */
static void losses_are_poor(void **state)
{
    (void)state;
    struct world world;
    meeting_init(&world);
    report_loss(&world, 50, 200);
    world_advance(&world, TIME_S(5));
    assert_non_null(strstr(world_story(&world), "conn 1 < connection poor\n"));
    world_fini(&world);
}

static void simulate(struct world *world, uint64_t conn, Livekit__SimulateScenario *scenario)
{
    Livekit__SignalRequest request = LIVEKIT__SIGNAL_REQUEST__INIT;
    request.message_case = LIVEKIT__SIGNAL_REQUEST__MESSAGE_SIMULATE;
    request.simulate = scenario;
    world_signal(world, conn, &request);
}

/* Goal: who is told to start over is gone for the others at once, whether or not it comes back. */
static void start_over(void **state)
{
    (void)state;
    struct world world;
    meeting_init(&world);
    Livekit__TrackInfo unknown = LIVEKIT__TRACK_INFO__INIT;
    unknown.sid = "TR_unknown";
    Livekit__TrackPublishedResponse published = LIVEKIT__TRACK_PUBLISHED_RESPONSE__INIT;
    Livekit__TrackPublishedResponse *list[] = {&published};
    published.track = &unknown;
    Livekit__SyncState sync = LIVEKIT__SYNC_STATE__INIT;
    sync.publish_tracks = list;
    sync.n_publish_tracks = ARRAY_LEN(list);
    Livekit__SignalRequest request = LIVEKIT__SIGNAL_REQUEST__INIT;
    request.message_case = LIVEKIT__SIGNAL_REQUEST__MESSAGE_SYNC_STATE;
    request.sync_state = &sync;
    world_signal(&world, 1, &request);
    const char *story = world_story(&world);
    assert_non_null(strstr(story, "conn 1 < leave reason=6 action=2\nconn 1 close 1000\n"));
    assert_non_null(strstr(story, "front T1 close\n"));
    assert_non_null(strstr(story, "conn 2 < update alice=gone/0\n"));

    meeting_join(&world, 3, "alice", NULL);
    world_story(&world);
    Livekit__SimulateScenario scenario = LIVEKIT__SIMULATE_SCENARIO__INIT;
    scenario.scenario_case = LIVEKIT__SIMULATE_SCENARIO__SCENARIO_LEAVE_REQUEST_FULL_RECONNECT;
    scenario.leave_request_full_reconnect = true;
    simulate(&world, 3, &scenario);
    story = world_story(&world);
    assert_non_null(strstr(story, "conn 3 < leave reason=0 action=2\nconn 3 close 1000\n"));
    assert_non_null(strstr(story, "conn 2 < update alice=gone/0\n"));
    world_fini(&world);
}

/* Goal: a client whose media are lost and whose resume drops by simulation has as long to come back
 * as if it had dropped by itself. */
static void vanishes_in_dropped_resume(void **state)
{
    (void)state;
    static const struct {
        Livekit__SimulateScenario__ScenarioCase scenario;
        const char *heard;
    } cases[] = {
        {LIVEKIT__SIMULATE_SCENARIO__SCENARIO_DISCONNECT_SIGNAL_ON_RESUME,
         "conn 3 accept\nconn 3 < reconnect last_seq=0\nconn 3 close 1000\n"},
        {LIVEKIT__SIMULATE_SCENARIO__SCENARIO_DISCONNECT_SIGNAL_ON_RESUME_NO_MESSAGES,
         "conn 3 accept\nconn 3 close 1000\n"},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct world world;
        meeting_init(&world);
        Livekit__SimulateScenario scenario = LIVEKIT__SIMULATE_SCENARIO__INIT;
        scenario.scenario_case = cases[i].scenario;
        scenario.disconnect_signal_on_resume = true; /* the same place in the union */
        simulate(&world, 1, &scenario);
        Spillway__Control__TransportLost lost = SPILLWAY__CONTROL__TRANSPORT_LOST__INIT;
        lost.transport = world.transports[0];
        Spillway__Control__Event event = SPILLWAY__CONTROL__EVENT__INIT;
        event.event_case = SPILLWAY__CONTROL__EVENT__EVENT_TRANSPORT_LOST;
        event.transport_lost = &lost;
        world_event(&world, "ND_a", &event);
        world_story(&world);
        world_join(&world, 3,
                   &(struct world_join){.room = "lobby", .identity = "alice", .reconnect = true});
        assert_string_equal(world_story(&world), cases[i].heard);
        world_advance(&world, TIME_MS(4900));
        assert_null(strstr(world_story(&world), "bob=gone"));
        world_advance(&world, TIME_MS(200));
        assert_non_null(strstr(world_story(&world), "conn 2 < update alice=gone/0\n"));
        world_fini(&world);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(missed),
        cmocka_unit_test(perhaps_missed),
        cmocka_unit_test(turn),
        cmocka_unit_test(refresh),
        cmocka_unit_test(resumes_what_is_over),
        cmocka_unit_test(no_transport),
        cmocka_unit_test(losses_are_poor),
        cmocka_unit_test(start_over),
        cmocka_unit_test(vanishes_in_dropped_resume),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
