/* SPDX-License-Identifier: Apache-2.0
 *
 * Goal: the orchestrator lets people in as placement/ says, and reserves what they bring.
 */
#include "tests/lib/orch_world.h"

#include <stdio.h>
#include <stdlib.h>

#include <setjmp.h>

#include <cmocka.h>

static const char *join_at(struct world *world, uint64_t conn, uint32_t weight, const char *room,
                           const char *identity)
{
    world->node_weight = weight;
    world_heartbeat(world, "ND_a", conn);
    world_story(world);
    const struct world_join who = {
        .room = room, .identity = identity, .offer_file = "chromium-join.offer"};
    world_validate(world, &who);
    bool valid = world->last_status == 200;
    world_story(world);
    world_join(world, conn, &who);
    const char *story = world_story(world);
    assert_int_equal(valid, strstr(story, "accept") != NULL);
    return story;
}

/* Goal: a cluster that fills up takes no new rooms first, then no new people, and those who were
 * there until it is really full; each is told why, and when to come again. */
static void admission(void **state)
{
    (void)state;
    struct world world;
    struct orch_stats stats;
    world_init(&world);
    world_node(&world, "ND_a"); /* of 1000 */
    assert_non_null(strstr(join_at(&world, 1, 0, "lobby", "alice"), "accept"));
    assert_non_null(strstr(join_at(&world, 2, 700, "lobby", "bob"), "accept"));
    const char *told = "refuse 503 the media nodes are full, try again in 1";
    assert_non_null(strstr(join_at(&world, 3, 800, "other", "carol"), told));
    assert_non_null(strstr(join_at(&world, 4, 800, "lobby", "carol"), "accept"));
    assert_non_null(strstr(join_at(&world, 5, 950, "lobby", "dave"), told));
    assert_non_null(strstr(join_at(&world, 6, 950, "lobby", "alice"), "accept"));
    assert_non_null(strstr(join_at(&world, 7, 1000, "lobby", "alice"), told));
    orch_stats(world.orch, &stats);
    assert_int_equal(stats.refused[ORCH_REFUSED_NO_NODE], 3);
    world_fini(&world);
}

/* Goal: what a room is said to become is reserved for it from the start, within limits. */
static void expected_size(void **state)
{
    (void)state;
    struct world world;
    world_init(&world);
    world_node(&world, "ND_a");
    world_twirp(&world, "CreateRoom", "{\"name\": \"a\", \"max_participants\": 10}");
    world_admin(&world, "GET", "/admin/v1/nodes/ND_a", "");
    assert_non_null(strstr(world.last_reply, "\"reserved\":200,"));
    world_twirp(&world, "CreateRoom", "{\"name\": \"b\", \"max_participants\": 5000}");
    world_admin(&world, "GET", "/admin/v1/nodes/ND_a", "");
    assert_non_null(strstr(world.last_reply, "\"reserved\":450,")); /* a quarter of the node */

    /* A tag says better than the limit; 16 for the room and 4 for her who joins come first. */
    world.room_config = "{\"maxParticipants\": 5000, \"tags\": {\"expected_participants\": \"5\"}}";
    const struct world_join alice = {
        .room = "c", .identity = "alice", .offer_file = "chromium-join.offer"};
    world_join(&world, 1, &alice);
    world_admin(&world, "GET", "/admin/v1/nodes/ND_a", "");
    assert_non_null(strstr(world.last_reply, "\"reserved\":500,"));
    world_fini(&world);
}

/* What the store was told and asked, "lobby=2 attic? ". */
static void on_size(struct world *world, const struct effect *effect)
{
    char *log = world->arg;
    size_t len = strlen(log);
    if (effect->type == EFFECT_STORE_SIZE) {
        snprintf(log + len, 128 - len, "%s=%u ", effect->name, effect->weight);
    } else if (effect->type == EFFECT_STORE_SIZE_GET) {
        snprintf(log + len, 128 - len, "%s? ", effect->name);
    }
}

static void sized(struct world *world, const char *room, uint32_t people)
{
    orch_sized(world->orch, world->now_us, room, people);
    world_drain(world);
    world_admin(world, "GET", "/admin/v1/nodes/ND_a", "");
}

/* Goal: of a room that nobody says anything about its name's history is used, which it then makes
 * itself; what its configuration says goes first. */
static void history(void **state)
{
    (void)state;
    char log[128] = "";
    struct world world;
    world_init(&world);
    world.elsewhere = on_size;
    world.arg = log;
    world_node(&world, "ND_a");
    world_twirp(&world, "CreateRoom", "{\"name\": \"told\", \"max_participants\": 2}");
    assert_string_equal(log, "");
    sized(&world, "told", 10); /* nobody asked */
    assert_non_null(strstr(world.last_reply, "\"reserved\":16,"));
    sized(&world, "nowhere", 10);

    const struct world_join alice = {.room = "lobby", .identity = "alice"};
    const struct world_join bob = {.room = "lobby", .identity = "bob"};
    world_join(&world, 1, &alice);
    assert_string_equal(log, "lobby? ");
    assert_non_null(strstr(world.last_reply, "\"reserved\":16,"));
    sized(&world, "lobby", 0);
    assert_non_null(strstr(world.last_reply, "\"reserved\":36,"));
    sized(&world, "lobby", 10);
    assert_non_null(strstr(world.last_reply, "\"reserved\":216,"));
    world_admin(&world, "ASK", "/admin/v1/place", "{\"room\": \"lobby\"}");
    assert_non_null(strstr(world.last_reply, "\"expected_participants\":10,"
                                             "\"expected_from\":\"history\","
                                             "\"expected_weight\":200,"));
    world_admin(&world, "ASK", "/admin/v1/place", "{\"room\": \"told\"}");
    assert_non_null(strstr(world.last_reply, "\"expected_from\":\"max_participants\""));
    world_join(&world, 2, &bob);
    orch_disconnected(world.orch, world.now_us, 1);
    world_twirp(&world, "DeleteRoom", "{\"room\": \"lobby\"}");
    assert_string_equal(log, "lobby? lobby=2 ");
    world_twirp(&world, "CreateRoom", "{\"name\": \"attic\"}");
    world_twirp(&world, "DeleteRoom", "{\"room\": \"attic\"}"); /* nobody came: says nothing */
    assert_string_equal(log, "lobby? lobby=2 attic? ");
    world_fini(&world);
}

/* Goal: an operator is told where the next one would go and why, and nothing changes by it. */
static void explained(void **state)
{
    (void)state;
    struct world world;
    world_init(&world);
    world_admin(&world, "POST", "/admin/v1/place", "{}");
    assert_int_not_equal(world.last_status, 200); /* to ask, roomList is needed */
    world_admin(&world, "ASK", "/admin/v1/place", "[]");
    assert_int_equal(world.last_status, 400);
    world_admin(&world, "ASK", "/admin/v1/place", "{}");
    assert_int_equal(world.last_status, 200);
    assert_non_null(strstr(world.last_reply, "\"node_name\":\"\",\"reason\":\"no_nodes\""));
    world_node(&world, "ND_b");
    world_node(&world, "ND_a");
    world_admin(&world, "GET", "/admin/v1/nodes", "");
    char *before = mem_str(world.last_reply);
    world_admin(&world, "ASK", "/admin/v1/place", "{\"region\": \"mars\", \"participants\": 3}");
    const char *nodes = strstr(world.last_reply, "\"nodes\":["); /* by name, whoever came first */
    assert_true(strstr(nodes, "\"name\":\"ND_a\"") < strstr(nodes, "\"name\":\"ND_b\""));
    assert_non_null(strstr(world.last_reply, "\"who\":\"new_room\",\"region\":\"mars\","
                                             "\"weight\":16,\"expected_participants\":3,"
                                             "\"expected_from\":\"asked\","
                                             "\"expected_weight\":18,"));
    assert_non_null(strstr(world.last_reply, "\"reason\":\"chosen\""));
    assert_non_null(strstr(world.last_reply, "\"reason\":\"fuller\""));
    assert_non_null(strstr(world.last_reply, "\"distance_ms\":null"));
    world_admin(&world, "GET", "/admin/v1/nodes", "");
    assert_string_equal(world.last_reply, before);
    free(before);

    const struct world_join alice = {
        .room = "lobby", .identity = "alice", .offer_file = "chromium-join.offer"};
    world_join(&world, 1, &alice);
    world_admin(&world, "ASK", "/admin/v1/place", "{\"room\": \"lobby\"}");
    assert_non_null(strstr(world.last_reply, "\"room\":\"lobby\",\"who\":\"join\""));
    assert_non_null(strstr(world.last_reply, "\"reason\":\"kept\""));
    assert_non_null(strstr(world.last_reply, "\"reason\":\"not_needed\""));
    world_admin(&world, "ASK", "/admin/v1/place", "{\"room\": \"lobby\", \"identity\": \"alice\"}");
    assert_non_null(strstr(world.last_reply, "\"who\":\"reconnect\""));
    world_fini(&world);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(admission),
        cmocka_unit_test(expected_size),
        cmocka_unit_test(history),
        cmocka_unit_test(explained),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
