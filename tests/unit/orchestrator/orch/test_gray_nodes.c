/* SPDX-License-Identifier: Apache-2.0
 *
 * Goal: a node that lives and that clients do not reach is found by them, left by everybody, tried
 * again at nobody's cost, and used again when it is well. Who is not heard there any more is
 * elsewhere at once, or loses nothing by the attempt.
 */
#include "tests/lib/orch_world.h"

#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#define ROOMS 8

static struct world world;
static uint64_t conns; /* person n has conn and transport n */
static struct {
    bool is_on; /* its signalling */
    char room[ID_MAX];
    uint64_t epoch;
} people[64];

static void beat(void)
{
    static uint64_t sequence;
    sequence++;
    for (const char *const *id = (const char *const[]){"ND_a", "ND_b", "ND_c", NULL}; *id; id++) {
        world_heartbeat(&world, *id, sequence);
    }
}

/* Lets time pass while all nodes and everybody's signalling live. */
static void pass(int64_t us)
{
    Livekit__Ping ping = LIVEKIT__PING__INIT;
    Livekit__SignalRequest request = LIVEKIT__SIGNAL_REQUEST__INIT;
    request.message_case = LIVEKIT__SIGNAL_REQUEST__MESSAGE_PING_REQ;
    request.ping_req = &ping;
    for (; us > 0; us -= TIME_MS(250)) {
        world_advance(&world, MIN(us, TIME_MS(250)));
        beat();
        for (uint64_t conn = 1; conn <= conns && world.now_us % TIME_S(5) < TIME_MS(250); conn++) {
            if (people[conn].is_on) {
                world_signal(&world, conn, &request);
            }
        }
    }
}

/* Somebody new in the room of that number. */
static uint64_t join(int room)
{
    char name[32], identity[32];
    uint64_t conn = ++conns;
    snprintf(name, sizeof(name), "room-%d", room);
    snprintf(identity, sizeof(identity), "p%d", (int)conn);
    people[conn].is_on = true;
    world_join(&world, conn,
               &(struct world_join){
                   .room = name, .identity = identity, .offer_file = "chromium-join.offer"});
    snprintf(people[conn].room, ID_MAX, "%s", world.last_room);
    people[conn].epoch = world.last_epoch;
    return conn;
}

/* What nodes say next is about that one's room. */
static void about(uint64_t conn)
{
    snprintf(world.last_room, ID_MAX, "%s", people[conn].room);
    world.last_epoch = people[conn].epoch;
}

static void arrive(const char *node, uint64_t conn)
{
    about(conn);
    world_arrive(&world, node, conn);
}

/* One in each room on ND_a, whose media flow; then two more nodes come. */
static void begin(void)
{
    conns = 0;
    world_init(&world);
    world_node(&world, "ND_a");
    for (int i = 0; i < ROOMS; i++) {
        uint64_t conn = join(i);
        world_connected(&world, conn);
        arrive("ND_a", conn);
    }
    world_node(&world, "ND_b");
    world_node(&world, "ND_c");
    pass(GRAY_WINDOW_US);
    world_story(&world);
}

static void post(const char *path)
{
    world_admin(&world, "POST", path, "{}");
    assert_int_equal(world.last_status, 200);
}

static bool shows(const char *node, const char *what)
{
    char path[64];
    snprintf(path, sizeof(path), "/admin/v1/nodes/%s", node);
    world_admin(&world, "GET", path, "");
    return strstr(world.last_reply, what) != NULL;
}

static struct orch_stats stats(void)
{
    struct orch_stats stats;
    orch_stats(world.orch, &stats);
    return stats;
}

/* Where the last route of that transport in the story leads; "" none. */
static const char *routed(const char *story, uint64_t transport)
{
    char wanted[32];
    const char *node = "";
    snprintf(wanted, sizeof(wanted), "front T%d route ", (int)transport);
    for (const char *at = story; (at = strstr(at, wanted)) != NULL; at++) {
        node = at + strlen(wanted);
    }
    return node;
}

static bool is_to(const char *node, const char *id)
{
    return strncmp(node, id, strlen(id)) == 0;
}

/* So many more join rooms on ND_a and do not reach it; they do reach where they are sent next. */
static void joins_fail(int count)
{
    uint64_t first = conns + 1;
    for (int i = 0; i < count; i++) {
        join((int)(conns % ROOMS)); /* in another room each */
    }
    pass(TIME_S(6));
    const char *story = world_story(&world);
    for (uint64_t conn = first; conn <= conns; conn++) {
        const char *node = routed(story, conn);
        assert_true(is_to(node, "ND_b") || is_to(node, "ND_c"));
        world_connected(&world, conn);
        arrive(is_to(node, "ND_b") ? "ND_b" : "ND_c", conn);
    }
}

static bool is_gray(const char *node)
{
    return shows(node, "\"state\":\"gray\"");
}

/* Goal: who joins and does not reach the node is at another one before he gives up; four are enough
 * to know, and then everybody leaves it, and nobody comes. */
static void joins(void **state)
{
    (void)state;
    begin();
    joins_fail(3);
    pass(TIME_S(2));
    assert_false(is_gray("ND_a")); /* they are well elsewhere: but they are three */
    assert_int_equal(stats().moves, 3);
    joins_fail(2);
    pass(TIME_S(2));
    assert_true(is_gray("ND_a"));
    assert_true(shows("ND_a", "\"gray\":\"unreached\""));
    assert_int_equal(stats().gray[GRAY_UNREACHED], 1);
    assert_int_equal(stats().nodes_gray, 1);
    assert_true(stats().moves >= 3 + 2 + ROOMS); /* these are tried again: nobody arrives */
    uint64_t late = join(0);
    assert_false(is_to(routed(world_story(&world), late), "ND_a"));
    world_fini(&world);
}

static void lose(const char *node, uint64_t transport)
{
    Spillway__Control__TransportLost lost = SPILLWAY__CONTROL__TRANSPORT_LOST__INIT;
    lost.transport = world.transports[transport - 1];
    Spillway__Control__Event event = SPILLWAY__CONTROL__EVENT__INIT;
    event.event_case = SPILLWAY__CONTROL__EVENT__EVENT_TRANSPORT_LOST;
    event.transport_lost = &lost;
    people[transport].is_on = false; /* it is told to resume */
    about(transport);
    world_event(&world, node, &event);
}

/* Goal: who lost his media comes back to another node; when many did, it is the node. */
static void losses(void **state)
{
    (void)state;
    begin();
    for (uint64_t conn = 1; conn <= ROOMS / 2; conn++) {
        char room[32], identity[32];
        snprintf(room, sizeof(room), "room-%d", (int)conn - 1);
        snprintf(identity, sizeof(identity), "p%d", (int)conn);
        lose("ND_a", conn);
        world_join(&world, 20 + conn,
                   &(struct world_join){.room = room, .identity = identity, .reconnect = true});
        const char *node = routed(world_story(&world), conn);
        assert_true(is_to(node, "ND_b") || is_to(node, "ND_c"));
        arrive(is_to(node, "ND_b") ? "ND_b" : "ND_c", conn);
        pass(TIME_MS(250));
    }
    pass(TIME_S(2));
    assert_true(is_gray("ND_a"));
    assert_true(shows("ND_a", "\"gray\":\"losing\""));
    world_fini(&world);
}

/* Goal: those who lost their signalling, too, are no evidence: it may be theirs what broke. */
static void gone_altogether(void **state)
{
    (void)state;
    begin();
    for (uint64_t conn = 1; conn <= ROOMS; conn++) {
        orch_disconnected(world.orch, world.now_us, conn);
        people[conn].is_on = false;
        world_drain(&world);
        lose("ND_a", conn);
    }
    pass(TIME_S(2));
    assert_true(shows("ND_a", "\"state\":\"ready\""));
    assert_int_equal(stats().gray[0] + stats().gray[1] + stats().gray[2], 0);
    world_fini(&world);
}

/* Whom the next probe takes to ND_a; 0: there is none. */
static uint64_t next_probe(int64_t within_us)
{
    uint64_t before = stats().gray_probes;
    for (int64_t us = 0; us < within_us; us += TIME_MS(250)) {
        world_story(&world);
        pass(TIME_MS(250));
        if (stats().gray_probes != before) {
            const char *story = world_story(&world), *line = strstr(story, " < trickle");
            assert_non_null(line);
            while (line > story && line[-1] != '\n') {
                line--;
            }
            return strtoull(line + strlen("conn "), NULL, 10);
        }
    }
    return 0;
}

static void find_gray(void)
{
    begin();
    joins_fail(5);
    pass(TIME_S(2));
    assert_true(is_gray("ND_a"));
    for (uint64_t conn = 1; conn <= ROOMS; conn++) { /* who was there goes, and arrives */
        arrive("ND_b", conn);                        /* one of them has been given him */
        arrive("ND_c", conn);
        about(conn);
        world_hand_over(&world, "ND_a", conn, 0);
    }
    pass(TIME_S(4));
    world_story(&world);
}

/* Goal: it is tried by somebody who loses nothing by it: one who does not come stays where he is,
 * and it rests for longer; three who come, one after the other, make it a node like others. */
static void probation(void **state)
{
    (void)state;
    find_gray();
    uint64_t left = stats().gray_probes;
    assert_int_equal(left, 0);
    uint64_t who = next_probe(TIME_S(70));
    assert_true(who != 0);
    uint64_t leaves = stats().moves;
    pass(TIME_S(4));
    assert_null(strstr(world_story(&world), "leave")); /* he did not come: and nothing happens */
    assert_int_equal(stats().gray_probes, 1);
    assert_true(is_gray("ND_a"));
    assert_int_equal(next_probe(TIME_S(110)), 0);
    assert_int_equal(stats().moves, leaves);
    for (int i = 0; i < 3; i++) {
        assert_true(is_gray("ND_a"));
        who = next_probe(TIME_S(20));
        assert_true(who != 0);
        arrive("ND_a", who);
        for (const char *const *id = (const char *const[]){"ND_b", "ND_c", NULL}; *id; id++) {
            about(who);
            world_hand_over(&world, *id, who, 0);
        }
    }
    pass(TIME_S(2));
    assert_true(shows("ND_a", "\"state\":\"ready\""));
    assert_true(shows("ND_a", "\"gray\":\"\""));
    world_fini(&world);
}

/* Goal: an operator says what it is; and what was seen before that counts no more. */
static void overruled(void **state)
{
    (void)state;
    find_gray();
    post("/admin/v1/nodes/ND_a/uncordon");
    assert_true(shows("ND_a", "\"state\":\"ready\""));
    pass(TIME_S(30));
    assert_true(shows("ND_a", "\"state\":\"ready\""));
    world_fini(&world);
}

/* The node says that it was called so. */
static void hear_gray(const char *node)
{
    Spillway__Control__Service gray = SPILLWAY__CONTROL__SERVICE__INIT;
    gray.state = SPILLWAY__CONTROL__SERVICE__STATE__GRAY;
    gray.changed_us = 5;
    world.service = &gray;
    world_heartbeat(&world, node, 1000);
    world.service = NULL;
}

/* Goal: another orchestrator's word, as the node repeats it, is as good. */
static void told(void **state)
{
    (void)state;
    begin();
    hear_gray("ND_a");
    assert_true(is_gray("ND_a"));
    assert_true(shows("ND_a", "\"gray\":\"\""));
    assert_int_equal(stats().moves, ROOMS);
    assert_int_equal(stats().gray[GRAY_UNREACHED] + stats().gray[GRAY_LOSING], 0);
    world_fini(&world);
}

/* Goal: of a small region's nodes one at a time: what looks like more is something else. */
static void limit(void **state)
{
    (void)state;
    begin();
    hear_gray("ND_c");
    joins_fail(5);
    pass(TIME_S(2));
    assert_true(shows("ND_a", "\"state\":\"ready\""));
    assert_int_equal(stats().gray[0], 1); /* it is counted, once */
    post("/admin/v1/nodes/ND_c/uncordon");
    pass(TIME_S(2));
    assert_true(is_gray("ND_a"));
    world_fini(&world);
}

/* ND_a hears nothing of that one; or hears it again. */
static void falls_silent(uint64_t transport, bool over)
{
    Spillway__Control__TransportSilent silent = SPILLWAY__CONTROL__TRANSPORT_SILENT__INIT;
    silent.transport = world.transports[transport - 1];
    silent.over = over;
    Spillway__Control__Event event = SPILLWAY__CONTROL__EVENT__INIT;
    event.event_case = SPILLWAY__CONTROL__EVENT__EVENT_TRANSPORT_SILENT;
    event.transport_silent = &silent;
    about(transport);
    world_event(&world, "ND_a", &event);
}

/* It comes to the node it was given, and ND_a tells where it stopped. */
static void comes(uint64_t conn)
{
    arrive("ND_b", conn); /* one of them has been given it */
    arrive("ND_c", conn);
    about(conn);
    world_hand_over(&world, "ND_a", conn, 0);
}

static uint64_t verdicts(void)
{
    return stats().gray[0] + stats().gray[GRAY_UNREACHED] + stats().gray[GRAY_LOSING];
}

/* Goal: who is not heard any more gets another node at once, and is not told to resume; the node is
 * blamed by those who came, and four of eight of them are enough. */
static void silence(void **state)
{
    (void)state;
    begin();
    for (uint64_t conn = 1; conn <= ROOMS / 2; conn++) {
        assert_int_equal(verdicts(), 0);
        falls_silent(conn, false);
        pass(TIME_MS(250));
        const char *story = world_story(&world);
        assert_non_null(strstr(story, " < trickle"));
        assert_null(strstr(story, "leave"));
        comes(conn);
        const char *node = routed(world_story(&world), conn);
        assert_true(is_to(node, "ND_b") || is_to(node, "ND_c"));
        pass(TIME_S(2));
    }
    assert_int_equal(stats().silent_moves, ROOMS / 2);
    assert_true(is_gray("ND_a"));
    assert_true(shows("ND_a", "\"gray\":\"losing\""));
    world_fini(&world);
}

/* Goal: who is offline stays where he was when he is back, and no node is blamed, neither the one
 * that does not hear him nor the one that he did not come to. There is one attempt a silence, and
 * two in all. */
static void offline(void **state)
{
    (void)state;
    begin();
    for (uint64_t silences = 1; silences <= 3; silences++) {
        for (uint64_t conn = 1; conn <= ROOMS; conn++) {
            falls_silent(conn, false);
        }
        pass(TIME_S(9));
        assert_int_equal(stats().silent_moves, ROOMS * MIN(silences, ROOM_FLIGHTS_MAX));
        for (uint64_t conn = 1; conn <= ROOMS; conn++) {
            falls_silent(conn, true);
        }
        pass(TIME_S(1));
    }
    const char *story = world_story(&world);
    assert_null(strstr(story, "leave"));
    assert_null(strstr(story, " route "));
    assert_int_equal(verdicts(), 0);
    world_fini(&world);
}

/* Goal: if it was his own network that stood still, so that both nodes hear him when it is back, he
 * may well be at the new one, but the old one is not blamed. */
static void heard_by_both(void **state)
{
    (void)state;
    begin();
    for (uint64_t conn = 1; conn <= ROOMS; conn++) {
        falls_silent(conn, false);
        pass(TIME_MS(250));
        comes(conn);
        falls_silent(conn, true);
    }
    pass(TIME_S(5));
    assert_int_equal(verdicts(), 0);
    assert_int_equal(stats().silent_moves, ROOMS);
    world_fini(&world);
}

/* Goal: where very many are silent, as when a network goes away, few move at a time; those who come
 * make room for others, and who is heard again does not move any more. */
static void many_at_once(void **state)
{
    (void)state;
    const uint64_t at_once = 16, all = 60;
    begin();
    while (conns < all) {
        uint64_t conn = join((int)(conns % ROOMS));
        world_connected(&world, conn);
        arrive("ND_a", conn);
    }
    for (uint64_t conn = 1; conn <= all; conn++) {
        falls_silent(conn, false);
    }
    pass(TIME_MS(250));
    assert_int_equal(stats().silent_moves, at_once);
    comes(1);
    comes(2);
    pass(TIME_MS(250));
    assert_int_equal(stats().silent_moves, at_once + 2);
    pass(TIME_S(2));
    assert_int_equal(stats().silent_moves, 2 * at_once + 2);
    for (uint64_t conn = 1; conn <= all; conn++) {
        falls_silent(conn, true);
    }
    pass(TIME_S(5));
    assert_int_equal(stats().silent_moves, 2 * at_once + 2);
    assert_int_equal(verdicts(), 0);
    world_fini(&world);
}

/* Goal: nobody is moved who would lose something by it: to a node that cannot stand by. */
static void nowhere_to(void **state)
{
    (void)state;
    conns = 0;
    world_init(&world);
    world_node(&world, "ND_a");
    uint64_t conn = join(0);
    world_connected(&world, conn);
    arrive("ND_a", conn);
    world.no_hand_over = true;
    world_node(&world, "ND_b");
    pass(TIME_S(1));
    world_story(&world);
    falls_silent(conn, false);
    pass(TIME_S(4));
    assert_null(strstr(world_story(&world), "ND_b"));
    assert_int_equal(stats().silent_moves, 0);
    world_fini(&world);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(joins),           cmocka_unit_test(losses),
        cmocka_unit_test(gone_altogether), cmocka_unit_test(probation),
        cmocka_unit_test(overruled),       cmocka_unit_test(told),
        cmocka_unit_test(limit),           cmocka_unit_test(silence),
        cmocka_unit_test(offline),         cmocka_unit_test(heard_by_both),
        cmocka_unit_test(many_at_once),    cmocka_unit_test(nowhere_to),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
