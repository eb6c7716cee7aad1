/* SPDX-License-Identifier: Apache-2.0
 *
 * Goal: a node is emptied a few people at a time, rooms as a whole where that goes, and the
 * operator may change his mind at any moment.
 */
#include "tests/lib/orch_world.h"

#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

/* So many rooms of two people on ND_a; then ND_b comes. */
static void rooms(struct world *world, int count)
{
    world_init(world);
    world_node(world, "ND_a");
    for (int i = 0; i < 2 * count; i++) {
        char room[16], identity[16];
        snprintf(room, sizeof(room), "room-%d", i / 2);
        snprintf(identity, sizeof(identity), "p%d", i);
        world_join(world, (uint64_t)i + 1,
                   &(struct world_join){
                       .room = room, .identity = identity, .offer_file = "chromium-join.offer"});
        world_beat(world, "ND_a", 0);
    }
    world_node(world, "ND_b");
    world->node_weight = 0;
}

static uint64_t moves(struct world *world)
{
    struct orch_stats stats;
    orch_stats(world->orch, &stats);
    return stats.moves;
}

/* Lets time pass while all nodes live. */
static void pass(struct world *world, int64_t us)
{
    for (; us > 0; us -= TIME_MS(250)) {
        world_advance(world, MIN(us, TIME_MS(250)));
        world_beat(world, "ND_a", 0);
        world_beat(world, "ND_b", 0);
        world_beat(world, "ND_c", 0); /* where there is one */
    }
}

static bool shows(struct world *world, const char *node, const char *what)
{
    char path[64];
    snprintf(path, sizeof(path), "/admin/v1/nodes/%s", node);
    world_admin(world, "GET", path, "");
    return strstr(world->last_reply, what) != NULL;
}

/* Goal: a cordoned node keeps what it has and gets no new room, until it is uncordoned. */
static void cordon(void **state)
{
    (void)state;
    struct world world;
    rooms(&world, 1);
    assert_int_equal(world_post(&world, "/admin/v1/nodes/nobody/cordon", "{}"), 404);
    assert_int_equal(world_post(&world, "/admin/v1/nodes/ND_a/paint", "{}"), 404);
    assert_int_equal(world_post(&world, "/admin/v1/nodes/ND_b/cordon", "{}"), 200);
    assert_non_null(strstr(world.last_reply, "\"state\":\"cordoned\""));
    for (int i = 0; i < 5; i++) {
        char json[64];
        snprintf(json, sizeof(json), "{\"name\": \"new-%d\"}", i);
        world_twirp(&world, "CreateRoom", json);
    }
    assert_true(shows(&world, "ND_b", "\"rooms\":0,"));
    assert_int_equal(world_post(&world, "/admin/v1/nodes/ND_b/uncordon", "{}"), 200);
    assert_true(shows(&world, "ND_b", "\"state\":\"ready\""));
    world_twirp(&world, "CreateRoom", "{\"name\": \"last\"}");
    assert_true(shows(&world, "ND_b", "\"rooms\":1,"));
    assert_int_equal(moves(&world), 0);
    world_fini(&world);
}

/* Goal: 60 people: 50 of them at once, the rest at 50 a second; rooms move whole. */
static void paced(void **state)
{
    (void)state;
    struct world world;
    rooms(&world, 60);
    assert_int_equal(world_post(&world, "/admin/v1/nodes/ND_a/drain", "{}"), 200);
    assert_non_null(strstr(world.last_reply, "\"state\":\"draining\""));
    assert_int_equal(moves(&world), 50);
    assert_int_equal(world_post(&world, "/admin/v1/nodes/ND_a/drain", "{}"),
                     200); /* no more by that */
    assert_int_equal(moves(&world), 50);
    pass(&world, TIME_MS(500));
    assert_in_range(moves(&world), 70, 80);
    pass(&world, TIME_S(1));
    assert_int_equal(moves(&world), 120);
    assert_true(shows(&world, "ND_a", "\"rooms\":0,"));
    assert_true(shows(&world, "ND_b", "\"rooms\":60,"));
    pass(&world, TIME_S(10));
    assert_int_equal(moves(&world), 120);
    assert_true(shows(&world, "ND_a", "\"state\":\"draining\"")); /* until somebody says else */
    world_fini(&world);
}

/* Goal: uncordoned in the middle of it, nobody moves any more, and it takes rooms again. */
static void reversed(void **state)
{
    (void)state;
    struct world world;
    rooms(&world, 60);
    world_post(&world, "/admin/v1/nodes/ND_a/drain", "{}");
    assert_int_equal(world_post(&world, "/admin/v1/nodes/ND_a/uncordon", "{}"), 200);
    assert_non_null(strstr(world.last_reply, "\"state\":\"ready\""));
    pass(&world, TIME_S(4));
    assert_int_equal(moves(&world), 50);
    assert_true(shows(&world, "ND_a", "\"rooms\":35,"));
    world_fini(&world);
}

/* Goal: refused while the others have no place, and begun all the same if that is wished. */
static void refused(void **state)
{
    (void)state;
    struct world world;
    rooms(&world, 1);
    world_post(&world, "/admin/v1/nodes/ND_b/cordon",
               "{}"); /* and ND_a has not told its load yet */
    assert_int_equal(world_post(&world, "/admin/v1/nodes/ND_a/drain", "{}"), 409);
    world_post(&world, "/admin/v1/nodes/ND_b/uncordon", "{}");
    world_beat(&world, "ND_a", 300);
    world_beat(&world, "ND_b", 700); /* of 1000, of which joins may fill 950 */
    assert_int_equal(world_post(&world, "/admin/v1/nodes/ND_a/drain", "{}"), 409);
    assert_true(shows(&world, "ND_a", "\"state\":\"ready\""));
    assert_int_equal(moves(&world), 0);
    world_beat(&world, "ND_b", 600);
    world_post(&world, "/admin/v1/nodes/ND_b/cordon", "{}");
    assert_int_equal(world_post(&world, "/admin/v1/nodes/ND_a/drain", "{}"), 409);
    world_post(&world, "/admin/v1/nodes/ND_b/uncordon", "{}");
    world_beat(&world, "ND_b", 990);
    assert_int_equal(world_post(&world, "/admin/v1/nodes/ND_a/drain", "{\"force\": true}"), 200);
    world_fini(&world);
}

static void checks(struct world *world, const char *body, int status, const char *wanted)
{
    assert_int_equal(world_post(world, "/admin/v1/drain_check", body), status);
    assert_non_null(strstr(world->last_reply, wanted));
}

/* Goal: what a drain would say is said beforehand: of one, and of several at once, which cannot
 * count on each other. Nothing begins. */
static void foreseen(void **state)
{
    (void)state;
    struct world world;
    rooms(&world, 1);
    world_node(&world, "ND_c");
    world_beat(&world, "ND_a", 300);
    world_beat(&world, "ND_b", 600);
    world_beat(&world, "ND_c", 400); /* of 1000, of which joins may fill 950 */
    checks(&world, "{\"nodes\": [\"ND_a\"]}", 200, "\"possible\":true");
    checks(&world, "{\"nodes\": [\"ND_b\", \"ND_a\"]}", 200, "\"possible\":false");
    checks(&world, "{\"nodes\": [\"ND_b\", \"ND_a\"]}", 200, "no place");
    checks(&world, "{\"nodes\": [\"ND_b\", \"ND_a\"], \"force\": true}", 200, "\"possible\":true");
    checks(&world, "{\"nodes\": [\"ND_a\", \"ND_x\"]}", 404, "not_found");
    checks(&world, "{\"nodes\": []}", 400, "bad_request");
    checks(&world, "{\"nodes\": [7]}", 400, "bad_request");
    checks(&world, "[]", 400, "bad_request");
    assert_true(shows(&world, "ND_a", "\"state\":\"ready\""));
    assert_int_equal(moves(&world), 0);
    world_fini(&world);
}

/* Goal: where no node takes a room whole, its people go where there is place; those for whom there
 * is none stay, and go once there is. */
static void scattered(void **state)
{
    (void)state;
    struct world world;
    rooms(&world, 1);
    for (uint64_t n = 3; n <= 6; n++) {
        char identity[16];
        snprintf(identity, sizeof(identity), "q%d", (int)n);
        world_join(&world, n,
                   &(struct world_join){.room = "room-0",
                                        .identity = identity,
                                        .offer_file = "chromium-join.offer"});
    }
    world_node(&world, "ND_c");
    world_beat(&world, "ND_b", 990);
    world_beat(&world, "ND_c", 990); /* two people each */
    assert_int_equal(world_post(&world, "/admin/v1/nodes/ND_a/drain", "{\"force\": true}"), 200);
    assert_int_equal(moves(&world), 4);
    world_admin(&world, "GET", "/admin/v1/rooms/room-0", "");
    assert_non_null(strstr(world.last_reply, "\"name\":\"ND_a\",\"participants\":2"));
    assert_non_null(strstr(world.last_reply, "\"name\":\"ND_b\",\"participants\":2"));
    assert_non_null(strstr(world.last_reply, "\"name\":\"ND_c\",\"participants\":2"));
    pass(&world, TIME_S(3));
    assert_int_equal(moves(&world), 6);
    assert_true(shows(&world, "ND_a", "\"rooms\":0,"));
    world_fini(&world);
}

/* Goal: a node that is being stopped where it runs cannot be uncordoned. */
static void stopping(void **state)
{
    (void)state;
    struct world world;
    rooms(&world, 1);
    world_draining(&world, "ND_a");
    assert_int_equal(moves(&world), 2);
    assert_int_equal(world_post(&world, "/admin/v1/nodes/ND_a/uncordon", "{}"), 409);
    assert_true(shows(&world, "ND_a", "\"state\":\"draining\""));
    world_fini(&world);
}

static void node_says(struct world *world, Spillway__Control__Service__State state, uint64_t us)
{
    Spillway__Control__Service service = SPILLWAY__CONTROL__SERVICE__INIT;
    service.state = state;
    service.changed_us = us;
    world->service = &service;
    world_beat(world, "ND_a", 0);
    world->service = NULL;
}

/* Goal: an orchestrator that was not there when a node was cordoned or drained learns it of the
 * node, when it registers or later; what was said last holds, whoever said it. */
static void remembered(void **state)
{
    (void)state;
    struct world world;
    uint64_t early = 5, late = (uint64_t)1 << 52; /* of a clock that is ahead */
    Spillway__Control__Service cordoned = SPILLWAY__CONTROL__SERVICE__INIT;
    cordoned.state = SPILLWAY__CONTROL__SERVICE__STATE__CORDONED;
    cordoned.changed_us = early;
    rooms(&world, 1);
    world.service = &cordoned;
    world_node(&world, "ND_c");
    world.service = NULL;
    assert_true(shows(&world, "ND_c", "\"state\":\"cordoned\""));

    assert_int_equal(world_post(&world, "/admin/v1/nodes/ND_a/cordon", "{}"), 200);
    node_says(&world, SPILLWAY__CONTROL__SERVICE__STATE__READY, early);
    assert_true(shows(&world, "ND_a", "\"state\":\"cordoned\""));
    node_says(&world, SPILLWAY__CONTROL__SERVICE__STATE__READY, late);
    assert_true(shows(&world, "ND_a", "\"state\":\"ready\""));
    node_says(&world, SPILLWAY__CONTROL__SERVICE__STATE__CORDONED, late); /* not later */
    assert_true(shows(&world, "ND_a", "\"state\":\"ready\""));
    assert_int_equal(moves(&world), 0);
    node_says(&world, SPILLWAY__CONTROL__SERVICE__STATE__DRAINING, late + 1);
    assert_true(shows(&world, "ND_a", "\"state\":\"draining\""));
    assert_int_equal(moves(&world), 2);
    assert_int_equal(world_post(&world, "/admin/v1/nodes/ND_a/uncordon", "{}"), 200);
    node_says(&world, SPILLWAY__CONTROL__SERVICE__STATE__DRAINING, late + 1); /* on its way */
    assert_true(shows(&world, "ND_a", "\"state\":\"ready\""));

    world_draining(&world, "ND_a"); /* SIGTERM: nobody can say that it is ready */
    node_says(&world, SPILLWAY__CONTROL__SERVICE__STATE__READY, late + 9);
    assert_true(shows(&world, "ND_a", "\"state\":\"draining\""));
    world_fini(&world);
}

/* The journal from that index on, which moves to its end. */
static const char *events(const struct world *world, uint64_t *index)
{
    static char texts[2048];
    struct journal_event event;
    size_t len = 0;
    texts[0] = '\0';
    for (; *index < journal_count(world->journal); (*index)++) {
        assert_true(journal_at(world->journal, *index, &event));
        len += (size_t)snprintf(texts + len, sizeof(texts) - len, "%s\n", event.text);
    }
    return texts;
}

/* Goal: operators who watch read once what was done to a node, with its name, and how it ended. */
static void watched(void **state)
{
    (void)state;
    struct world world;
    uint64_t index = 0;
    rooms(&world, 1);
    assert_string_equal(events(&world, &index),
                        "node_registered node=ND_a name=ND_a region=r1 capacity=1000\n"
                        "node_registered node=ND_b name=ND_b region=r1 capacity=1000\n");
    for (int i = 0; i < 2; i++) { /* said twice, done once */
        world_post(&world, "/admin/v1/nodes/ND_b/cordon", "{}");
    }
    world_post(&world, "/admin/v1/nodes/ND_b/uncordon", "{}");
    assert_string_equal(events(&world, &index), "node_cordoned node=ND_b name=ND_b\n"
                                                "node_ready node=ND_b name=ND_b\n");
    world_post(&world, "/admin/v1/rooms/room-0/move", "{\"to\": \"ND_b\"}");
    char wanted[128];
    snprintf(wanted, sizeof(wanted), "room_moves room=%s from=ND_a to=ND_b participants=2\n",
             world.last_room);
    assert_string_equal(events(&world, &index), wanted);
    world_post(&world, "/admin/v1/nodes/ND_b/drain", "{}");
    pass(&world, TIME_S(9));
    assert_string_equal(events(&world, &index), "node_draining node=ND_b name=ND_b\n"
                                                "node_drained node=ND_b name=ND_b\n");
    world_post(&world, "/admin/v1/nodes/ND_b/uncordon", "{}");
    orch_node_link_lost(world.orch, world.now_us, "ND_a");
    assert_string_equal(events(&world, &index),
                        "node_ready node=ND_b name=ND_b\n"
                        "node_dead node=ND_a name=ND_a cause=link_lost silent_ms=0\n"
                        "node_evacuated node=ND_a name=ND_a rooms=1 participants=2\n");
    world_drain(&world);
    world_fini(&world);
}

/* Goal: a room that finds no place is told of once in a drain, however often it is tried. */
static void told_once(void **state)
{
    (void)state;
    struct world world;
    uint64_t index = 0;
    rooms(&world, 1);
    world_beat(&world, "ND_b", 1000);
    (void)events(&world, &index);
    for (int drain = 0; drain < 2; drain++) {
        world_post(&world, "/admin/v1/nodes/ND_a/drain", "{\"force\": true}");
        for (int i = 0; i < 40; i++) {
            world_advance(&world, TIME_MS(250));
            world_beat(&world, "ND_a", 0);
            world_beat(&world, "ND_b", 1000);
        }
        const char *told = strstr(events(&world, &index), "room_stays");
        assert_non_null(told);
        assert_null(strstr(told + 1, "room_stays"));
        world_post(&world, "/admin/v1/nodes/ND_a/uncordon", "{}");
    }
    world_fini(&world);
}

static void explains(struct world *world, const char *node, const char *cause, const char *from)
{
    char wanted[128];
    world_admin(world, "GET", "/admin/v1/rooms/room-0/explain", "");
    assert_int_equal(world->last_status, 200);
    snprintf(wanted, sizeof(wanted), "\"places\":[{\"id\":\"%s\",", node);
    assert_non_null(strstr(world->last_reply, wanted));
    snprintf(wanted, sizeof(wanted), "\"cause\":\"%s\",\"from\":\"%s\",", cause, from);
    assert_non_null(strstr(world->last_reply, wanted));
}

/* Goal: a room says how it came to the node where it is: made there, moved by an operator, off a
 * node that drains, off one that died. */
static void explained(void **state)
{
    (void)state;
    struct world world;
    rooms(&world, 1);
    explains(&world, "ND_a", "new_room", "");
    assert_non_null(strstr(world.last_reply, "\"who\":\"join\"")); /* of the next one */
    assert_non_null(strstr(world.last_reply, "\"role\":\"hub\""));
    world_post(&world, "/admin/v1/rooms/room-0/move", "{\"to\": \"ND_b\"}");
    pass(&world, TIME_S(4));
    explains(&world, "ND_b", "move", "ND_a");
    world_post(&world, "/admin/v1/nodes/ND_b/drain", "{}");
    pass(&world, TIME_S(4));
    explains(&world, "ND_a", "drain", "ND_b");
    world_post(&world, "/admin/v1/nodes/ND_b/uncordon", "{}");
    orch_node_link_lost(world.orch, world.now_us, "ND_a");
    world_advance(&world, 0);
    explains(&world, "ND_b", "death", "ND_a");
    world_admin(&world, "GET", "/admin/v1/rooms/nowhere/explain", "");
    assert_int_equal(world.last_status, 404);
    assert_int_equal(world_post(&world, "/admin/v1/rooms/room-0/explain", "{}"), 405);
    world_fini(&world);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(cordon),     cmocka_unit_test(paced),     cmocka_unit_test(reversed),
        cmocka_unit_test(refused),    cmocka_unit_test(scattered), cmocka_unit_test(stopping),
        cmocka_unit_test(remembered), cmocka_unit_test(watched),   cmocka_unit_test(told_once),
        cmocka_unit_test(explained),  cmocka_unit_test(foreseen),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
