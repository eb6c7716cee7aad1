/* SPDX-License-Identifier: Apache-2.0
 *
 * The life of a meeting as the orchestrator tells it: joins, tracks, losses, API calls.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "tests/lib/orch_world.h"

#define MICROPHONE "bdff7259-4fed-4deb-bf36-e87d9a3f493c" /* of chromium-publish.offer */
#define CAMERA     "b43b7cab-1f6a-433c-9307-80364c14926b"

static void join(struct world *world, uint64_t conn, const char *identity, const char *offer)
{
    world_join(world, conn,
               &(struct world_join){.room = "lobby", .identity = identity, .offer_file = offer});
}

/* alice is active and publishes microphone and camera. */
static void alice_publishes(struct world *world)
{
    world_node(world, "ND_a");
    join(world, 1, "alice", "chromium-publish.offer");
    world_add_track(world, 1, MICROPHONE, LIVEKIT__TRACK_TYPE__AUDIO);
    world_add_track(world, 1, CAMERA, LIVEKIT__TRACK_TYPE__VIDEO);
    world_connected(world, 1);
    world_offer(world, 1, "chromium-publish.offer", 2);
    world_story(world);
}

/* Goal: a join is answered in one go: join, answer, the node told in parallel; keys make it active.
 */
static void first_join(void **state)
{
    (void)state;
    struct world world;
    world_init(&world);
    world_node(&world, "ND_a");
    assert_string_equal(world_story(&world), "node ND_a < registered\n");
    join(&world, 1, "alice", "chromium-join.offer");
    assert_string_equal(world_story(&world),
                        "webhook room_started\n"
                        "conn 1 accept\n"
                        "conn 1 < join alice others=0\n"
                        "conn 1 < refresh_token\n"
                        "front T1 open\n"
                        "front T1 route ND_a\n"
                        "conn 1 < answer 1 tracks=0\n"
                        "conn 1 < update alice=joined/0\n"
                        "node ND_a < spec v1 base=0 t=1 k=0 s=0 -t=0 -k=0 -s=0\n");
    assert_non_null(strstr(world.last_answer, "a=ice-lite"));
    assert_non_null(strstr(world.last_answer, "a=setup:passive"));
    world_connected(&world, 1);
    assert_string_equal(world_story(&world),
                        "webhook participant_joined\n"
                        "conn 1 < update alice=active/0\n"
                        "node ND_a < spec v2 base=1 t=1 k=0 s=0 -t=0 -k=0 -s=0\n");
    world_fini(&world);
}

/* Goal: who joins a room with tracks gets them in the answer to its first offer; who is there
 * already is asked for an offer, and gets them in that. */
static void publish_and_subscribe(void **state)
{
    (void)state;
    struct world world;
    world_init(&world);
    alice_publishes(&world);
    join(&world, 2, "bob", "chromium-join.offer");
    const char *story = world_story(&world);
    assert_non_null(strstr(story, "conn 2 < join bob others=1\n"));
    assert_non_null(strstr(story, "conn 2 < answer 1 tracks=2\n"));
    assert_non_null(strstr(story, "node ND_a < spec v6 base=5 t=1 k=0 s=2"));
    assert_null(strstr(story, "sections"));

    /* bob publishes: alice is poked, and her next offer is answered with his track. */
    world_add_track(&world, 2, MICROPHONE, LIVEKIT__TRACK_TYPE__AUDIO);
    world_story(&world);
    world_offer(&world, 2, "chromium-publish.offer", 2);
    story = world_story(&world);
    assert_non_null(strstr(story, "conn 1 < update bob=joined/1\n"));
    assert_non_null(strstr(story, "conn 1 < sections audio=0 video=0\n"));
    world_offer(&world, 1, "chromium-publish.offer", 3);
    story = world_story(&world);
    assert_non_null(strstr(story, "conn 1 < answer 3 tracks=1\n"));
    assert_null(strstr(story, "sections"));
    world_fini(&world);
}

static void unsubscribe(struct world *world, uint64_t conn, const char *sid)
{
    char *sids[] = {(char *)sid};
    Livekit__UpdateSubscription update = LIVEKIT__UPDATE_SUBSCRIPTION__INIT;
    update.n_track_sids = 1;
    update.track_sids = sids;
    Livekit__SignalRequest request = LIVEKIT__SIGNAL_REQUEST__INIT;
    request.message_case = LIVEKIT__SIGNAL_REQUEST__MESSAGE_SUBSCRIPTION;
    request.subscription = &update;
    world_signal(world, conn, &request);
}

/* Goal: an unsubscribed track leaves the node's spec at once, and the section in the next answer.
 */
static void unsubscribe_track(void **state)
{
    (void)state;
    struct world world;
    world_init(&world);
    alice_publishes(&world);
    join(&world, 2, "bob", "chromium-join.offer");
    world_story(&world);
    unsubscribe(&world, 2, world.last_sid);
    assert_string_equal(world_story(&world),
                        "conn 2 < sections audio=0 video=0\n"
                        "node ND_a < spec v7 base=6 t=0 k=0 s=0 -t=0 -k=0 -s=1\n");
    world_offer(&world, 2, "chromium-join.offer", 2);
    assert_non_null(strstr(world_story(&world), "conn 2 < answer 2 tracks=1\n"));
    world_fini(&world);
}

/* Goal: a node that has the room still goes on with its streams when it is told the room whole; one
 * that lost the room begins new ones, or it would use nonces a second time. */
static void fresh_after_loss(void **state)
{
    (void)state;
    struct world world;
    world_init(&world);
    alice_publishes(&world);
    join(&world, 2, "bob", "chromium-join.offer");
    uint32_t ssrc = world.last_spec->subscriptions[0]->ssrc;
    Spillway__Control__RoomVersion held = SPILLWAY__CONTROL__ROOM_VERSION__INIT, *list[] = {&held};
    char room[ID_MAX];
    snprintf(room, sizeof(room), "%s", world.last_room);
    held.room = room;
    held.epoch = world.last_epoch;
    held.version = 3;
    world.held = list;
    world.held_count = 1;
    world_node(&world, "ND_a");
    assert_int_equal(world.last_spec->base_version, 0);
    assert_int_equal(world.last_spec->subscriptions[0]->ssrc, ssrc);

    Spillway__Control__SpecAck ack = SPILLWAY__CONTROL__SPEC_ACK__INIT;
    ack.result = SPILLWAY__CONTROL__SPEC_ACK__RESULT__NEED_WHOLE;
    ack.version = 3;
    world_ack(&world, "ND_a", &ack);
    assert_int_equal(world.last_spec->subscriptions[0]->ssrc, ssrc);
    ack.version = 0;
    world_ack(&world, "ND_a", &ack);
    assert_int_equal(world.last_spec->base_version, 0);
    uint32_t fresh = world.last_spec->subscriptions[0]->ssrc;
    assert_int_not_equal(fresh, ssrc);

    world.held_count = 0;
    world_node(&world, "ND_a");
    assert_int_equal(world.last_spec->base_version, 0);
    assert_int_not_equal(world.last_spec->subscriptions[0]->ssrc, fresh);
    assert_int_not_equal(world.last_spec->subscriptions[0]->ssrc, ssrc);
    world_fini(&world);
}

static void stale(struct world *world, uint64_t epoch, bool dropped)
{
    Spillway__Control__SpecAck ack = SPILLWAY__CONTROL__SPEC_ACK__INIT;
    ack.result = SPILLWAY__CONTROL__SPEC_ACK__RESULT__STALE_EPOCH;
    ack.dropped = dropped;
    world->last_epoch = epoch;
    world_ack(world, "ND_a", &ack);
}

/* Goal: a node that dropped the room under a later epoch, and has nothing of it, does not end it:
 * it goes on under one that is later still, and the node is told all of it. One that has it ends
 * it. */
static void later_epochs(void **state)
{
    (void)state;
    struct world world;
    world_init(&world);
    alice_publishes(&world);
    join(&world, 2, "bob", "chromium-join.offer");
    uint64_t epoch = world.last_epoch;
    stale(&world, epoch + 5, true);
    orch_outlive(world.orch, world.now_us, "lobby", 0); /* nobody has it */
    world_drain(&world);
    assert_int_equal(world.last_spec->base_version, 0);
    assert_true(world.last_spec->epoch > epoch + 5);
    assert_int_equal(world.last_spec->n_transports, 2);
    assert_null(strstr(world_story(&world), "leave"));
    stale(&world, world.last_epoch + 5, false);
    assert_false(orch_has_room(world.orch, "lobby"));
    world_fini(&world);
}

/* Goal: what clients could not use, or would take for something else in their SDP, does not become
 * a node; it is told why, and counted. */
static void bad_registrations(void **state)
{
    (void)state;
    static const struct {
        const char *id, *ip;
        uint32_t port;
        int protocol;
        size_t count;
        int why;
        const char *text;
    } cases[] = {
        {"ND_a", "127.0.0.1", 0, 0, 1, ORCH_NODE_REFUSED_ENDPOINT, "the port"},
        {"ND_a", "127.0.0.1", 65536, 0, 1, ORCH_NODE_REFUSED_ENDPOINT, "the port"},
        {"ND_a", "2001:db8:1111:2222:3333:4444:255.255.255.2555", 1, 0, 1,
         ORCH_NODE_REFUSED_ENDPOINT, "the ip"},
        {"ND_a", "example.org", 1, 0, 1, ORCH_NODE_REFUSED_ENDPOINT, "the ip"},
        {"ND_a", "127.0.0.1 1 typ host", 1, 0, 1, ORCH_NODE_REFUSED_ENDPOINT, "the ip"},
        {"ND_a", "", 1, 0, 1, ORCH_NODE_REFUSED_ENDPOINT, "the ip"},
        {"ND_a", "127.0.0.1", 1, 7, 1, ORCH_NODE_REFUSED_ENDPOINT, "the protocol"},
        {"ND_a", "127.0.0.1", 1, 0, 0, ORCH_NODE_REFUSED_ENDPOINT, "1 to 136"},
        {"ND_a", "127.0.0.1", 1, 0, 137, ORCH_NODE_REFUSED_ENDPOINT, "1 to 136"},
        {"ND_abcdefghijklmnopqrstu", "127.0.0.1", 1, 0, 1, ORCH_NODE_REFUSED_IDENTITY, "node_id"},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct world world;
        struct orch_stats stats;
        char expected[128];
        world_init(&world);
        Spillway__Control__Endpoint endpoint = SPILLWAY__CONTROL__ENDPOINT__INIT, *list[137];
        endpoint.ip = (char *)cases[i].ip;
        endpoint.port = cases[i].port;
        endpoint.protocol = (Spillway__Control__Endpoint__Protocol)cases[i].protocol;
        for (size_t at = 0; at < ARRAY_LEN(list); at++) {
            list[at] = &endpoint;
        }
        world_register(&world, cases[i].id, list, cases[i].count);
        snprintf(expected, sizeof(expected), "node %s < registered refused: %s", cases[i].id,
                 cases[i].text);
        assert_non_null(strstr(world_story(&world), expected));
        orch_stats(world.orch, &stats);
        assert_int_equal(stats.nodes_refused[cases[i].why], 1);
        assert_int_equal(stats.nodes_ready, 0);
        world_fini(&world);
    }
}

static size_t occurrences(const char *text, const char *part)
{
    size_t count = 0;
    while ((text = strstr(text, part)) != NULL) {
        count++;
        text++;
    }
    return count;
}

/* Goal: a client is given one port of a node at all of its addresses, the first preferred. */
static void several_addresses(void **state)
{
    (void)state;
    struct world world;
    world_init(&world);
    static const char *const ips[] = {"192.0.2.1", "2001:db8::1", "192.0.2.2"};
    world_node_at(&world, "ND_a", ips, ARRAY_LEN(ips));
    join(&world, 1, "alice", "chromium-join.offer");
    const char *answer = world.last_answer;
    unsigned port = world.last_spec->transports[0]->local->port;
    assert_int_equal(occurrences(answer, "a=candidate"), 6);
    for (size_t i = 0; i < ARRAY_LEN(ips); i++) {
        char udp[80], tcp[80];
        snprintf(udp, sizeof(udp), " udp %zu %s %u typ host", 1000016 - i, ips[i], port);
        snprintf(tcp, sizeof(tcp), " tcp %zu %s 4000 typ host", 500016 - i, ips[i]);
        assert_int_equal(occurrences(answer, udp), 1);
        assert_int_equal(occurrences(answer, tcp), 1);
    }
    assert_string_equal(world.last_spec->transports[0]->local->ip, "192.0.2.1");
    world_fini(&world);
}

/* Goal: what a client may not do is refused with a reason; nobody else notices. */
static void refusals(void **state)
{
    (void)state;
    struct world world;
    const struct orch_client none = {.request = {.path = "/rtc/v1",
                                                 .authorization = "",
                                                 .access_token = "",
                                                 .join_request = "",
                                                 .protocol = "",
                                                 .room = ""},
                                     .address = ""};
    struct effect effect;
    world_init(&world);
    join(&world, 1, "alice", "chromium-join.offer");
    assert_string_equal(world_story(&world), "conn 1 refuse 503 no media node is ready\n");
    orch_connect(world.orch, world.now_us, 2, &none);
    assert_true(orch_poll(world.orch, &effect));
    assert_int_equal(effect.status, 401);
    effect_fini(&effect);
    assert_false(orch_poll(world.orch, &effect));

    world_node(&world, "ND_a");
    join(&world, 3, "alice", "chromium-join.offer");
    world_story(&world);
    orch_signal(world.orch, world.now_us, 3, (struct bytes){(const uint8_t *)"\xff\xff", 2});
    world_advance(&world, 0);
    world_heartbeat(&world, "ND_a", 1);
    assert_string_equal(world_story(&world),
                        "conn 3 < leave reason=6 action=0\n"
                        "conn 3 close 1008 not a SignalRequest\n"
                        "webhook participant_connection_aborted\n"
                        "front T1 close\n"
                        "node ND_a < drop v2 base=0 t=0 k=0 s=0 -t=0 -k=0 -s=0\n");
    world_fini(&world);
}

static uint64_t specs_unacked(const struct world *world)
{
    struct orch_stats stats;
    orch_stats(world->orch, &stats);
    return stats.specs_unacked;
}

/* Goal: a spec that found no place in a node's queue goes out whole with the node's next heartbeat,
 * once, and is unconfirmed until then; and a node that did not hear that a room left it is told
 * again. */
static void full_queue(void **state)
{
    (void)state;
    struct world world;
    world_init(&world);
    alice_publishes(&world);
    assert_int_equal(specs_unacked(&world), 0);
    world.nodes_full = true;
    join(&world, 2, "bob", "chromium-join.offer");
    assert_non_null(strstr(world_story(&world), "node ND_a is full\n"));
    assert_int_equal(specs_unacked(&world), 1);
    world_heartbeat(&world, "ND_a", 1); /* still */
    world_story(&world);
    world.nodes_full = false;
    world_heartbeat(&world, "ND_a", 2);
    assert_string_equal(world_story(&world),
                        "node ND_a < spec v8 base=0 t=2 k=2 s=2 -t=0 -k=0 -s=0\n");
    assert_int_equal(specs_unacked(&world), 0);
    world_heartbeat(&world, "ND_a", 3);
    assert_string_equal(world_story(&world), "");

    world_node(&world, "ND_b");
    Spillway__Control__RoomVersion held = SPILLWAY__CONTROL__ROOM_VERSION__INIT, *rooms[] = {&held};
    held.room = world.last_room;
    held.epoch = world.last_epoch;
    held.version = world.last_spec->version;
    world.nodes_full = true;
    world_admin(&world, "POST", "/admin/v1/rooms/lobby/move", "{\"to\": \"ND_b\"}");
    world.nodes_full = false;
    world_heartbeat(&world, "ND_b", 1);
    world_story(&world);
    world_heartbeat_rooms(&world, "ND_a", 4, rooms, ARRAY_LEN(rooms));
    assert_string_equal(world_story(&world),
                        "node ND_a < drop v9 base=0 t=0 k=0 s=0 -t=0 -k=0 -s=0\n");
    world_heartbeat_rooms(&world, "ND_b", 2, rooms, ARRAY_LEN(rooms));
    assert_string_equal(world_story(&world), "");
    world_fini(&world);
}

/* Goal: a node whose link broke, and whose rooms nobody else could take, has them again when it
 * comes back; they count as its own. */
static void node_returns(void **state)
{
    (void)state;
    struct world world;
    world_init(&world);
    alice_publishes(&world);
    orch_node_link_lost(world.orch, world.now_us, "ND_a");
    world_node(&world, "ND_a");
    assert_non_null(strstr(world_story(&world), "node ND_a < spec"));
    world_admin(&world, "GET", "/admin/v1/nodes", "");
    assert_int_equal(world.last_status, 200);
    assert_non_null(strstr(world.last_reply, "\"state\":\"ready\""));
    assert_non_null(strstr(world.last_reply, "\"rooms\":1"));
    join(&world, 2, "bob", NULL);
    assert_non_null(strstr(world_story(&world), "conn 2 < join bob"));
    world_fini(&world);
}

/* Goal: nobody is let into a room that has no node and gets none; who is in it waits, and is served
 * by the node that comes. */
static void room_without_node(void **state)
{
    (void)state;
    struct world world;
    world_init(&world);
    alice_publishes(&world);
    orch_node_link_lost(world.orch, world.now_us, "ND_a");
    join(&world, 2, "bob", "chromium-join.offer");
    assert_string_equal(world_story(&world), "conn 2 refuse 503 no media node is ready\n");
    const struct world_join bob = {.room = "lobby", .identity = "bob"};
    world_validate(&world, &bob);
    assert_int_equal(world.last_status, 503);

    world_join(&world, 3,
               &(struct world_join){.room = "lobby", .identity = "alice", .reconnect = true});
    assert_non_null(strstr(world_story(&world), "conn 3 < reconnect last_seq=0\n"));
    world_node(&world, "ND_b");
    const char *story = world_story(&world);
    assert_non_null(strstr(story, "conn 3 < trickle udp\n"));
    assert_non_null(strstr(story, "node ND_b < spec"));
    join(&world, 4, "bob", "chromium-join.offer");
    assert_non_null(strstr(world_story(&world), "conn 4 < join bob others=1\n"));
    world_validate(&world, &bob);
    assert_int_equal(world.last_status, 200);
    world_fini(&world);
}

/* Goal: an offer with another certificate is of another PeerConnection, and answered with a reason
 * instead of a handshake that can't be. */
static void another_certificate(void **state)
{
    (void)state;
    struct world world;
    world_init(&world);
    alice_publishes(&world);
    world_offer(&world, 1, "chromium-publish.offer", 3);
    assert_non_null(strstr(world_story(&world), "conn 1 < answer 3"));
    char *offer = world_read_offer("chromium-publish.offer");
    for (char *at = offer; (at = strstr(at, "sha-256 AB:AB")) != NULL; at++) {
        memcpy(at, "sha-256 AC:AB", strlen("sha-256 AC:AB"));
    }
    world_offer_text(&world, 1, offer, 4);
    free(offer);
    const char *story = world_story(&world);
    assert_non_null(strstr(story, "conn 1 < leave reason=6 action=0\n"
                                  "conn 1 close 1008 the certificate's fingerprint is not"));
    assert_non_null(strstr(story, "front T1 close\n"));
    world_fini(&world);
}

/* Goal: signalling lost and back: the session is as it was; unknown sessions are told to start
 * over. */
static void resume(void **state)
{
    (void)state;
    struct world world;
    world_init(&world);
    alice_publishes(&world);
    orch_disconnected(world.orch, world.now_us, 1);
    world_advance(&world, TIME_MS(500));
    assert_string_equal(world_story(&world), "");
    world_join(&world, 4,
               &(struct world_join){.room = "lobby", .identity = "alice", .reconnect = true});
    assert_string_equal(world_story(&world), "conn 4 accept\n"
                                             "conn 4 < reconnect last_seq=0\n"
                                             "conn 4 < update alice=active/2\n"
                                             "conn 4 < quality TR_VC vp8 0=on 1=on 2=on\n"
                                             "conn 4 < refresh_token\n");
    world_join(&world, 5,
               &(struct world_join){.room = "lobby", .identity = "carol", .reconnect = true});
    assert_string_equal(world_story(&world), "conn 5 accept\n"
                                             "conn 5 < leave reason=6 action=2\n"
                                             "conn 5 close 1000\n");
    world_fini(&world);
}

/* Goal: a second join of the same identity replaces the first, which must not come back; others see
 * one go and one come, itself hears nothing of its going. */
static void duplicate_identity(void **state)
{
    (void)state;
    struct world world;
    world_init(&world);
    alice_publishes(&world);
    join(&world, 3, "bob", NULL);
    world_story(&world);
    join(&world, 2, "alice", "chromium-join.offer");
    const char *story = world_story(&world);
    assert_non_null(strstr(story, "conn 1 < leave reason=2 action=0\nconn 1 close 1000\n"));
    assert_non_null(strstr(story, "conn 2 < join alice others=1\n"));
    assert_non_null(strstr(story, "conn 3 < update alice=gone/0 alice=joined/0\n"));
    assert_non_null(strstr(story, "conn 2 < update alice=joined/0\n"));
    world_fini(&world);
}

/* Goal: silence is not presence: no ping, no media, and the empty room ends. */
static void timeouts(void **state)
{
    (void)state;
    struct world world;
    world_init(&world);
    alice_publishes(&world);
    world_advance(&world, TIME_S(16));
    assert_non_null(strstr(world_story(&world), "conn 1 close 1000\n"));
    Spillway__Control__TransportLost lost = SPILLWAY__CONTROL__TRANSPORT_LOST__INIT;
    lost.transport = world.transports[0];
    Spillway__Control__Event event = SPILLWAY__CONTROL__EVENT__INIT;
    event.event_case = SPILLWAY__CONTROL__EVENT__EVENT_TRANSPORT_LOST;
    event.transport_lost = &lost;
    world_event(&world, "ND_a", &event);
    world_advance(&world, TIME_S(6));
    const char *story = world_story(&world);
    assert_non_null(strstr(story, "webhook participant_left\n"));
    assert_non_null(strstr(story, "front T1 close\n"));
    assert_non_null(strstr(story, "node ND_a < drop"));
    world_advance(&world, TIME_S(21));
    assert_non_null(strstr(world_story(&world), "webhook room_finished\n"));
    world_fini(&world);
}

/* Goal: a room begins when it is made, whoever makes it, with what it was made with; and ends if
 * nobody comes. */
static void room_made(void **state)
{
    (void)state;
    struct world world;
    world_init(&world);
    world_node(&world, "ND_a");
    world_story(&world);
    world_twirp(&world, "CreateRoom", "{\"name\":\"lobby\",\"emptyTimeout\":60}");
    assert_string_equal(world_story(&world), "webhook room_started\n"
                                             "reply 1 200\n");
    world_twirp(&world, "CreateRoom", "{\"name\":\"lobby\"}");
    join(&world, 1, "alice", NULL);
    const char *story = world_story(&world);
    assert_non_null(strstr(story, "conn 1 < join alice"));
    assert_null(strstr(story, "room_started"));
    world_fini(&world);

    world_init(&world);
    world_node(&world, "ND_a");
    world_twirp(&world, "CreateRoom", "{\"name\":\"nobody\",\"emptyTimeout\":60}");
    world_story(&world);
    world_advance(&world, TIME_MS(59900));
    assert_null(strstr(world_story(&world), "room_finished"));
    world_heartbeat(&world, "ND_a", 1);
    world_advance(&world, TIME_MS(200));
    assert_non_null(strstr(world_story(&world), "webhook room_finished\n"));
    world_fini(&world);
}

/* Goal: the server API acts on rooms and answers with what LiveKit's SDKs expect. */
static void server_api(void **state)
{
    (void)state;
    struct world world;
    world_init(&world);
    alice_publishes(&world);
    world_twirp(&world, "ListRooms", "{}");
    assert_int_equal(world.last_status, 200);
    assert_non_null(strstr(world.last_reply, "\"name\":\"lobby\""));
    assert_non_null(strstr(world.last_reply, "\"num_participants\":1"));
    world_twirp(&world, "GetParticipant", "{\"room\":\"lobby\",\"identity\":\"nobody\"}");
    assert_int_equal(world.last_status, 404);
    world_story(&world);
    char json[256];
    snprintf(json, sizeof(json),
             "{\"room\":\"lobby\",\"identity\":\"alice\",\"trackSid\":\"%s\",\"muted\":true}",
             world.last_sid);
    world_twirp(&world, "MutePublishedTrack", json);
    assert_string_equal(world_story(&world),
                        "conn 1 < mute muted=1\n"
                        "reply 1 200\n"
                        "conn 1 < update alice=active/2\n"
                        "node ND_a < spec v6 base=5 t=0 k=1 s=0 -t=0 -k=0 -s=0\n");
    world_twirp(&world, "RemoveParticipant", "{\"room\":\"lobby\",\"identity\":\"alice\"}");
    assert_non_null(strstr(world_story(&world), "conn 1 < leave reason=4 action=0\n"));
    world_twirp(&world, "DeleteRoom", "{\"room\":\"lobby\"}");
    assert_int_equal(world.last_status, 200);
    world_twirp(&world, "DeleteRoom", "{\"room\":\"lobby\"}");
    assert_int_equal(world.last_status, 404);
    world_fini(&world);
}

static size_t rooms_stored(struct world *world)
{
    struct effect effect;
    size_t count = 0;
    while (orch_poll(world->orch, &effect)) {
        count += effect.type == EFFECT_STORE_ROOM;
        effect_fini(&effect);
    }
    return count;
}

/* Goal: a store that is back is told every room once, not all at once; and what nodes hold is no
 * epoch to be given again. */
static void store_is_back(void **state)
{
    (void)state;
    enum { NODES = 20, ROOMS = 2 * ORCH_STORE_AT_ONCE + 30 };
    struct world world;
    char name[16];
    world_init(&world);
    for (int i = 0; i < NODES; i++) {
        snprintf(name, sizeof(name), "ND_%da", i);
        world_node(&world, name);
    }
    for (uint64_t i = 1; i <= ROOMS; i++) {
        snprintf(name, sizeof(name), "r%d", (int)i);
        world_join(&world, i, &(struct world_join){.room = name, .identity = "a"});
    }
    struct orch_stats stats;
    orch_stats(world.orch, &stats);
    assert_int_equal(stats.rooms, ROOMS);
    for (int round = 0; round < 2; round++) {
        assert_true(orch_store_rooms(world.orch, world.now_us, true));
        assert_int_equal(rooms_stored(&world), ORCH_STORE_AT_ONCE);
        assert_true(orch_store_rooms(world.orch, world.now_us, false));
        assert_int_equal(rooms_stored(&world), ORCH_STORE_AT_ONCE);
        assert_false(orch_store_rooms(world.orch, world.now_us, false));
        assert_int_equal(rooms_stored(&world), 30);
    }
    uint64_t last = orch_last_epoch(world.orch) + (uint64_t)TIME_S(3600);
    Spillway__Control__RoomVersion held = SPILLWAY__CONTROL__ROOM_VERSION__INIT;
    held.room = "RM_1";
    held.name = "gone";
    held.foreign = true;
    held.epoch = last;
    world_heartbeat_rooms(&world, "ND_0a", 1, &(Spillway__Control__RoomVersion *){&held}, 1);
    assert_int_equal(orch_last_epoch(world.orch), last);
    held.epoch = UINT64_MAX; /* nonsense */
    world_heartbeat_rooms(&world, "ND_0a", 2, &(Spillway__Control__RoomVersion *){&held}, 1);
    assert_int_equal(orch_last_epoch(world.orch), last);
    world_fini(&world);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(first_join),          cmocka_unit_test(publish_and_subscribe),
        cmocka_unit_test(unsubscribe_track),   cmocka_unit_test(refusals),
        cmocka_unit_test(full_queue),          cmocka_unit_test(room_without_node),
        cmocka_unit_test(node_returns),        cmocka_unit_test(resume),
        cmocka_unit_test(duplicate_identity),  cmocka_unit_test(timeouts),
        cmocka_unit_test(room_made),           cmocka_unit_test(server_api),
        cmocka_unit_test(several_addresses),   cmocka_unit_test(fresh_after_loss),
        cmocka_unit_test(another_certificate), cmocka_unit_test(later_epochs),
        cmocka_unit_test(bad_registrations),   cmocka_unit_test(store_is_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
