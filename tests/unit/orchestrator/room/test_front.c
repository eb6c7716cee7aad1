/* SPDX-License-Identifier: Apache-2.0
 *
 * A front dies, or is to be empty, and its clients go on at another one, as their room's owner sees
 * it.
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

#define OTHER 7 /* the number of OR_other */

static const struct world_join again = {.room = "lobby", .identity = "bob", .reconnect = true};

/* alice at OR_test; bob's DTLS and data channels at OR_other, his WebSocket elsewhere. */
static void begin(struct world *world, const char *browser)
{
    world_init(world);
    world_node(world, "ND_a");
    meeting_join(world, 1, "alice", NULL);
    world_add_track(world, 1, MICROPHONE, LIVEKIT__TRACK_TYPE__AUDIO);
    world_join(world, 2,
               &(struct world_join){.room = "lobby",
                                    .identity = "bob",
                                    .offer_file = "chromium-publish.offer",
                                    .browser = browser,
                                    .front = "OR_other"});
    for (size_t transport = 1; transport <= 2; transport++) {
        world_connected(world, transport);
        meeting_channels(world, transport);
    }
    world_story(world);
}

static void front_dies(struct world *world)
{
    orch_front_lost(world->orch, world->now_us, OTHER);
    world_drain(world);
}

/* The same peer connection, with its ICE restarted. */
static void restart_ice(struct world *world, uint64_t conn)
{
    char *offer = world_read_offer("chromium-publish.offer");
    for (char *at = offer; (at = strstr(at, "a=ice-ufrag:")) != NULL;) {
        at += strlen("a=ice-ufrag:");
        memcpy(at, "anew", 4);
    }
    world_offer_text(world, conn, offer, 3);
    free(offer);
}

static void say(struct world *world, uint8_t sequence)
{
    const char packet[] = {0x12, 3, 0x12, 1, 'x', (char)0x80, 1, (char)sequence};
    meeting_send(world, 1, 0, packet, sizeof(packet));
}

static size_t count(const char *story, const char *what)
{
    size_t found = 0;
    for (; (story = strstr(story, what)) != NULL; story++) {
        found++;
    }
    return found;
}

static const Spillway__Control__Transport *told(const struct world *world)
{
    assert_int_equal(world->last_spec->n_transports, 1);
    return world->last_spec->transports[0];
}

/* Goal: he is told to resume, and with his ICE restart his DTLS begins anew where his WebSocket is;
 * until then everything is as it was. The others notice nothing. */
static void goes_on(void **state)
{
    (void)state;
    struct world world;
    begin(&world, "chrome");
    front_dies(&world);
    assert_string_equal(world_story(&world), "conn 2 < leave reason=8 action=1\n"
                                             "conn 2 close 1000\n");
    world_join(&world, 3, &again);
    assert_non_null(strstr(world_story(&world), "conn 3 < reconnect"));
    world_offer(&world, 3, "chromium-publish.offer", 2);
    assert_non_null(strstr(world.last_answer, "a=fingerprint:sha-256 CC:DD"));
    assert_null(strstr(world_story(&world), "front"));
    restart_ice(&world, 3);
    assert_non_null(strstr(world.last_answer, "a=fingerprint:sha-256 AA:BB"));
    assert_string_equal(told(&world)->orchestrator, "OR_test");
    assert_null(told(&world)->srtp); /* the node keeps those it has */
    const char *story = world_story(&world);
    assert_non_null(strstr(story, "front T2 close\nfront T2 open again channels=3\n"
                                  "front T2 route ND_a\n"));
    assert_int_equal(world.last_front, 0);
    world_connected(&world, 2);
    assert_non_null(told(&world)->srtp);
    meeting_channels(&world, 2);
    world_advance(&world, TIME_S(12));
    assert_null(strstr(world_story(&world), "leave"));
    say(&world, 1);
    assert_int_equal(count(world_story(&world), "front T2 send stream=0"), 1);
    world_fini(&world);
}

/* Goal: whose browser cannot, or whose handshake does not end, starts over. */
static void starts_over(void **state)
{
    (void)state;
    struct world world;
    begin(&world, "Firefox");
    front_dies(&world);
    assert_non_null(strstr(world_story(&world), "conn 2 < leave reason=15 action=2\n"));
    world_fini(&world);

    begin(&world, "Firefox");
    orch_disconnected(world.orch, world.now_us, 2);
    front_dies(&world);
    assert_string_equal(world_story(&world), ""); /* his media live */
    world_join(&world, 3, &again);
    assert_non_null(strstr(world_story(&world), "conn 3 < leave reason=6 action=2\n"));
    world_fini(&world);

    begin(&world, "chrome");
    front_dies(&world);
    world_join(&world, 3, &again);
    restart_ice(&world, 3);
    world_story(&world);
    world_advance(&world, ROOM_KEYS_TIMEOUT_US);
    assert_non_null(strstr(world_story(&world), "conn 3 < leave reason=15 action=2\n"));
    world_fini(&world);
}

/* Goal: the next front dies, too, in the middle of it. */
static void twice(void **state)
{
    (void)state;
    struct world world;
    begin(&world, "chrome");
    front_dies(&world);
    struct world_join join = again;
    join.front = "OR_other"; /* another process with that number will do */
    world_join(&world, 3, &join);
    restart_ice(&world, 3);
    front_dies(&world);
    assert_non_null(strstr(world_story(&world), "conn 3 < leave reason=8 action=1\n"));
    world_join(&world, 4, &again);
    world_offer(&world, 4, "chromium-publish.offer", 4); /* its ufrag is another again */
    assert_non_null(strstr(world_story(&world), "front T2 open again channels=3\n"));
    assert_string_equal(told(&world)->orchestrator, "OR_test");
    world_fini(&world);
}

/* Goal: who is moved between two fronts, and does not come, is gone: his new node has never seen
 * him, so it does not miss him. (stops_any, seed 1438) */
static void gone(void **state)
{
    (void)state;
    struct world world;
    begin(&world, "chrome");
    front_dies(&world);
    struct world_join join = again;
    join.front = "OR_other";
    world_join(&world, 3, &join);
    restart_ice(&world, 3);
    front_dies(&world);
    world_node(&world, "ND_b");
    orch_node_link_lost(world.orch, world.now_us, "ND_a");
    world_advance(&world, 0);
    world_heartbeat(&world, "ND_b", 1);
    assert_non_null(strstr(world_story(&world), "front T2 route ND_b\n"));
    world_advance(&world, ROOM_LOST_TIMEOUT_US);
    assert_non_null(strstr(world_story(&world), "webhook participant_left\nfront T2 close\n"));
    world_fini(&world);
}

/* Goal: a front that is to be empty serves him until he resumes at another one, which then takes
 * its place as if it had died. */
static void leaves(void **state)
{
    (void)state;
    struct world world;
    begin(&world, "chrome");
    orch_front_leaves(world.orch, world.now_us, OTHER);
    world_drain(&world);
    assert_string_equal(world_story(&world), "conn 2 < leave reason=8 action=1\n"
                                             "conn 2 close 1000\n");
    say(&world, 1);
    assert_int_equal(count(world_story(&world), "front T2 send stream=0"), 1);
    world_advance(&world, TIME_S(1));
    assert_string_equal(world_story(&world), ""); /* once is enough */
    assert_true(orch_has_front(world.orch, OTHER));
    world_join(&world, 3, &again);
    assert_non_null(strstr(world_story(&world), "conn 3 < reconnect"));
    say(&world, 2);
    assert_int_equal(count(world_story(&world), "front T2 send stream=0"), 0);
    restart_ice(&world, 3);
    assert_non_null(
        strstr(world_story(&world), "front T2 close\nfront T2 open again channels=3\n"));
    assert_string_equal(told(&world)->orchestrator, "OR_test");
    assert_false(orch_has_front(world.orch, OTHER));
    world_connected(&world, 2);
    meeting_channels(&world, 2);
    world_drain(&world);
    assert_int_equal(count(world_story(&world), "front T2 send stream=0"),
                     2); /* one again: SDKs know */
    world_fini(&world);

    begin(&world, "Firefox");
    orch_front_leaves(world.orch, world.now_us, OTHER);
    world_drain(&world);
    assert_non_null(strstr(world_story(&world), "conn 2 < leave reason=15 action=2\n"));
    assert_false(orch_has_front(world.orch, OTHER));
    world_fini(&world);
}

/* Goal: a few at a time, and those who have no media yet once they do. */
static void leave_in_turn(void **state)
{
    (void)state;
    struct world world;
    char identity[16];
    world_init(&world);
    world_node(&world, "ND_a");
    for (uint64_t conn = 1; conn <= 14; conn++) {
        snprintf(identity, sizeof(identity), "p%d", (int)conn);
        world_join(&world, conn,
                   &(struct world_join){.room = "lobby",
                                        .identity = identity,
                                        .offer_file = "chromium-publish.offer",
                                        .browser = "chrome",
                                        .front = "OR_other"});
        if (conn != 14) {
            world_connected(&world, conn);
        }
    }
    world_story(&world);
    orch_front_leaves(world.orch, world.now_us, OTHER);
    world_drain(&world);
    assert_int_equal(count(world_story(&world), "< leave"), 10);
    world_advance(&world, TIME_MS(100));
    assert_int_equal(count(world_story(&world), "< leave"), 0);
    world_advance(&world, TIME_MS(100));
    assert_int_equal(count(world_story(&world), "< leave"), 3);
    world_connected(&world, 14);
    world_advance(&world, TIME_MS(200));
    assert_int_equal(count(world_story(&world), "< leave"), 1);
    orch_front_lost(world.orch, world.now_us, OTHER);
    world_drain(&world);
    assert_int_equal(count(world_story(&world), "< leave"), 0); /* they are on their way */
    world_fini(&world);
}

static void received(struct world *world, uint64_t conn, const char *sid, uint32_t sequence)
{
    Livekit__DataChannelReceiveState alice = LIVEKIT__DATA_CHANNEL_RECEIVE_STATE__INIT;
    Livekit__DataChannelReceiveState *list[] = {&alice};
    Livekit__SyncState sync = LIVEKIT__SYNC_STATE__INIT;
    Livekit__SignalRequest request = LIVEKIT__SIGNAL_REQUEST__INIT;
    alice.publisher_sid = (char *)(uintptr_t)sid;
    alice.last_seq = sequence;
    sync.datachannel_receive_states = list;
    sync.n_datachannel_receive_states = 1;
    request.message_case = LIVEKIT__SIGNAL_REQUEST__MESSAGE_SYNC_STATE;
    request.sync_state = &sync;
    world_signal(world, conn, &request);
}

/* Goal: what was on its way to him, and what was sent while he had no front, comes once his channel
 * is there, in order and but once; if that became too much, he starts over. */
static void data_to_him(void **state)
{
    (void)state;
    struct world world;
    begin(&world, "chrome");
    char sid[ID_MAX];
    world_twirp(&world, "GetParticipant", "{\"room\":\"lobby\",\"identity\":\"alice\"}");
    snprintf(sid, sizeof(sid), "%.*s", (int)strcspn(strstr(world.last_reply, "PA_"), "\""),
             strstr(world.last_reply, "PA_"));
    for (uint8_t sequence = 1; sequence <= 4; sequence++) {
        say(&world, sequence); /* he has two of these */
    }
    front_dies(&world);
    world_story(&world);
    say(&world, 5);
    world_advance(&world, TIME_S(6));
    say(&world, 6);
    world_join(&world, 3, &again);
    received(&world, 3, sid, 2);
    restart_ice(&world, 3);
    world_connected(&world, 2);
    assert_int_equal(count(world_story(&world), "send stream=0"), 0);
    meeting_channels(&world, 2);
    world_drain(&world);
    assert_int_equal(count(world_story(&world), "front T2 send stream=0"), 4);
    say(&world, 7);
    assert_int_equal(count(world_story(&world), "front T2 send stream=0"), 1);

    orch_front_lost(world.orch, world.now_us, 0); /* where he is now, and alice */
    for (uint64_t conn = 4; conn <= 5; conn++) {
        struct world_join join = {.room = "lobby", .reconnect = true, .front = "OR_other"};
        join.identity = conn == 4 ? "alice" : "bob";
        world_join(&world, conn, &join);
        world_offer(&world, conn, "chromium-publish.offer", 5);
    }
    restart_ice(&world, 4); /* hers had not changed */
    world_connected(&world, 1);
    world_connected(&world, 2);
    meeting_channels(&world, 1);
    say(&world, 8);
    world_advance(&world, TIME_S(40));
    meeting_channels(&world, 2);
    world_twirp(&world, "GetParticipant", "{\"room\":\"lobby\",\"identity\":\"bob\"}");
    assert_int_equal(world.last_status, 404);
    world_fini(&world);
}

static void bob_says(struct world *world, uint8_t sequence)
{
    const char packet[] = {0x12, 3, 0x12, 1, 'x', (char)0x80, 1, (char)sequence};
    meeting_send(world, 2, 0, packet, sizeof(packet));
}

/* Goal: of what he sends, the part that his SCTP had kept comes before what his SDK sends again:
 * nothing is lost for it, or doubled. What is never sent again is a hole. */
static void data_from_him(void **state)
{
    (void)state;
    struct world world;
    begin(&world, "chrome");
    bob_says(&world, 1);
    bob_says(&world, 2);
    front_dies(&world);
    world_join(&world, 3, &again);
    restart_ice(&world, 3);
    world_connected(&world, 2);
    meeting_channels(&world, 2);
    world_story(&world);
    bob_says(&world, 5); /* 3 and 4 were on their way to the old front */
    bob_says(&world, 6);
    assert_int_equal(count(world_story(&world), "front T1 send"), 0);
    for (uint8_t sequence = 3; sequence <= 7; sequence++) {
        bob_says(&world, sequence);
        assert_int_equal(count(world_story(&world), "front T1 send"), 1);
    }
    bob_says(&world, 7);
    assert_int_equal(count(world_story(&world), "front T1 send"), 0);
    world_fini(&world);

    begin(&world, "chrome");
    bob_says(&world, 2);
    front_dies(&world);
    world_join(&world, 3, &again);
    restart_ice(&world, 3);
    world_connected(&world, 2);
    meeting_channels(&world, 2);
    world_advance(&world, TIME_S(1));
    world_story(&world);
    bob_says(&world, 4);
    assert_int_equal(count(world_story(&world), "front T1 send"), 1);
    world_fini(&world);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(goes_on),       cmocka_unit_test(leaves),
        cmocka_unit_test(leave_in_turn), cmocka_unit_test(starts_over),
        cmocka_unit_test(twice),         cmocka_unit_test(gone),
        cmocka_unit_test(data_to_him),   cmocka_unit_test(data_from_him),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
