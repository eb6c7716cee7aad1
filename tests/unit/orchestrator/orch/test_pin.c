/* SPDX-License-Identifier: Apache-2.0
 *
 * Goal: a room that an operator pinned is filled where he wants it, and left there, as long as that
 * strands nobody.
 */
#include "tests/lib/orch_world.h"

#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

static int pin(struct world *world, const char *body)
{
    return world_post(world, "/admin/v1/rooms/lobby/pin", body);
}

static void join(struct world *world, const char *identity)
{
    static uint64_t conn;
    world_join(world, ++conn,
               &(struct world_join){
                   .room = "lobby", .identity = identity, .offer_file = "chromium-join.offer"});
}

static bool is_on(struct world *world, const char *identity, const char *node)
{
    char path[64], wanted[32];
    snprintf(path, sizeof(path), "/admin/v1/rooms/lobby/participants/%s", identity);
    snprintf(wanted, sizeof(wanted), "\"node\":\"%s\"", node);
    world_admin(world, "GET", path, "");
    assert_int_equal(world->last_status, 200);
    return strstr(world->last_reply, wanted) != NULL;
}

/* Lets time pass while nodes live; ND_b, to which the room is pinned, is the fullest. */
static void pass(struct world *world, int64_t us)
{
    for (; us > 0; us -= TIME_MS(250)) {
        world_advance(world, MIN(us, TIME_MS(250)));
        world_beat(world, "ND_a", 0);
        world_beat(world, "ND_b", 500);
        world_beat(world, "ND_c", 0);
    }
}

/* Alice on ND_a, then the other nodes, then the pin. */
static void begin(struct world *world)
{
    world_init(world);
    world_node(world, "ND_a");
    join(world, "alice");
    world_node(world, "ND_b");
    world_node(world, "ND_c");
    pass(world, TIME_S(1));
    assert_int_equal(pin(world, "{\"node\": \"ND_b\"}"), 200);
    assert_non_null(strstr(world->last_reply, "\"pinned_region\":\"\""));
    assert_null(strstr(world->last_reply, "\"pinned_node\":\"\""));
}

/* Goal: who is there stays, who joins comes to the pinned node, until it is unpinned. */
static void joiners(void **state)
{
    (void)state;
    struct world world;
    begin(&world);
    assert_true(is_on(&world, "alice", "ND_a"));
    join(&world, "bob");
    assert_true(is_on(&world, "bob", "ND_b"));
    world_admin(&world, "GET", "/admin/v1/rooms/lobby/explain", "");
    assert_non_null(strstr(world.last_reply, "\"next\":{\"room\":\"lobby\",\"who\":\"join\""));
    assert_int_equal(world_post(&world, "/admin/v1/rooms/lobby/unpin", "{}"), 200);
    assert_non_null(strstr(world.last_reply, "\"pinned_node\":\"\""));
    join(&world, "carol");
    assert_true(is_on(&world, "carol", "ND_a")); /* less filled, and holds the room */
    world_fini(&world);
}

/* Goal: off a node that drains people go to the pinned one, though another is emptier; off that one
 * they go like everybody, and come back when it takes people again. */
static void drained(void **state)
{
    (void)state;
    struct world world;
    begin(&world);
    assert_int_equal(world_post(&world, "/admin/v1/nodes/ND_a/drain", "{}"), 200);
    pass(&world, TIME_S(4));
    assert_true(is_on(&world, "alice", "ND_b"));
    world_post(&world, "/admin/v1/nodes/ND_a/uncordon", "{}");
    assert_int_equal(world_post(&world, "/admin/v1/nodes/ND_b/drain", "{}"), 200);
    pass(&world, TIME_S(4));
    assert_false(is_on(&world, "alice", "ND_b"));
    join(&world, "bob");
    assert_false(is_on(&world, "bob", "ND_b"));
    world_post(&world, "/admin/v1/nodes/ND_b/uncordon", "{}");
    join(&world, "carol");
    assert_true(is_on(&world, "carol", "ND_b"));
    world_fini(&world);
}

/* Goal: its death, and its being full, strand nobody. */
static void overridden(void **state)
{
    (void)state;
    struct world world;
    begin(&world);
    join(&world, "bob");
    world_beat(&world, "ND_b", 990);
    join(&world, "carol");
    assert_false(is_on(&world, "carol", "ND_b"));
    orch_node_link_lost(world.orch, world.now_us, "ND_b");
    world_advance(&world, 0);
    assert_false(is_on(&world, "bob", "ND_b"));
    join(&world, "dave");
    assert_false(is_on(&world, "dave", "ND_b"));
    world_fini(&world);
}

/* Goal: what makes no sense, or names nothing that lives, changes nothing. */
static void refused(void **state)
{
    (void)state;
    static const struct {
        const char *body;
        int status;
    } bodies[] = {
        {"", 400},
        {"[]", 400},
        {"{}", 400},
        {"{\"node\": 7}", 400},
        {"{\"region\": \"\"}", 400},
        {"{\"node\": \"ND_a\", \"region\": \"r1\"}", 400},
        {"{\"node\": \"ND_x\"}", 404},
        {"{\"region\": \"mars\"}", 404},
    };
    struct world world;
    begin(&world);
    for (size_t i = 0; i < ARRAY_LEN(bodies); i++) {
        assert_int_equal(pin(&world, bodies[i].body), bodies[i].status);
    }
    world_admin(&world, "GET", "/admin/v1/rooms/lobby/pin", "");
    assert_int_equal(world.last_status, 405);
    assert_int_equal(world_post(&world, "/admin/v1/rooms/nowhere/pin", "{\"node\": \"ND_a\"}"),
                     404);
    orch_node_link_lost(world.orch, world.now_us, "ND_c");
    assert_int_equal(pin(&world, "{\"node\": \"ND_c\"}"), 404);
    join(&world, "bob");
    assert_true(is_on(&world, "bob", "ND_b"));
    world_fini(&world);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(joiners),
        cmocka_unit_test(drained),
        cmocka_unit_test(overridden),
        cmocka_unit_test(refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
