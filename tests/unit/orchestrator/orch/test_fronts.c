/* SPDX-License-Identifier: Apache-2.0
 *
 * Participants whose WebSockets reached different fronts, as their room's owner sees them.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "tests/lib/orch_world.h"

static void join(struct world *world, uint64_t conn, const char *identity, const char *front)
{
    world_join(world, conn,
               &(struct world_join){.room = "lobby",
                                    .identity = identity,
                                    .offer_file = "chromium-join.offer",
                                    .front = front});
}

/* Goal: DTLS ends at the front a join reached: its fingerprint is in the answer, its id in the
 * spec, its number in the effects; and a resume through another front leaves it there. */
static void dtls_stays(void **state)
{
    (void)state;
    struct world world;
    world_init(&world);
    world_node(&world, "ND_a");
    join(&world, 1, "alice", NULL);
    assert_non_null(strstr(world.last_answer, "a=fingerprint:sha-256 AA:BB"));
    assert_string_equal(world.last_spec->transports[0]->orchestrator, "OR_test");
    join(&world, 2, "bob", "OR_other");
    assert_non_null(strstr(world.last_answer, "a=fingerprint:sha-256 CC:DD"));
    assert_string_equal(world.last_spec->transports[0]->orchestrator, "OR_other");
    assert_int_equal(world.last_front, 7);
    world_connected(&world, 1);

    world_join(&world, 3,
               &(struct world_join){
                   .room = "lobby", .identity = "alice", .reconnect = true, .front = "OR_other"});
    world_offer(&world, 3, "chromium-join.offer", 2);
    assert_non_null(strstr(world.last_answer, "a=fingerprint:sha-256 AA:BB"));
    assert_string_equal(world.last_spec->transports[0]->orchestrator, "OR_test");
    world_fini(&world);
}

static bool participant_says(struct world *world, const char *identity, const char *text)
{
    char body[128];
    snprintf(body, sizeof(body), "{\"room\":\"lobby\",\"identity\":\"%s\"}", identity);
    world_twirp(world, "GetParticipant", body);
    return strstr(world->last_reply, text) != NULL;
}

/* Goal: a participant is in its front's region, or where its token's attribute says. */
static void region(void **state)
{
    (void)state;
    struct world world;
    world_init(&world);
    world_node(&world, "ND_a");
    join(&world, 1, "alice", "OR_other");
    assert_true(participant_says(&world, "alice", "\"region\":\"r2\""));
    world.region = "r3";
    join(&world, 2, "bob", "OR_other");
    assert_true(participant_says(&world, "bob", "\"region\":\"r3\""));
    world_fini(&world);
}

static bool dropped(struct world *world, const char *sid, const char *name, uint64_t epoch,
                    bool foreign)
{
    Spillway__Control__RoomVersion held = SPILLWAY__CONTROL__ROOM_VERSION__INIT, *list[] = {&held};
    held.room = (char *)(uintptr_t)sid;
    held.name = (char *)(uintptr_t)name;
    held.epoch = epoch;
    held.version = 1;
    held.foreign = foreign;
    (void)world_story(world);
    world_heartbeat_rooms(world, "ND_a", 1, list, 1);
    return strstr(world_story(world), "drop") != NULL;
}

/* Goal: a node's room is dropped by the orchestrator that told it, and by who owns the room of its
 * name since a later epoch; by nobody else who hears of it. */
static void foreign_rooms(void **state)
{
    (void)state;
    struct world world;
    world_init(&world);
    world_node(&world, "ND_a");
    join(&world, 1, "alice", NULL);
    uint64_t epoch = world.last_epoch;
    assert_true(dropped(&world, "RM_old", "attic", 1, false));
    assert_false(dropped(&world, "RM_theirs", "attic", 1, true));
    assert_true(dropped(&world, "RM_theirs", "lobby", epoch - 1, true));
    assert_false(dropped(&world, "RM_theirs", "lobby", epoch, true));
    assert_false(dropped(&world, world.last_room, "lobby", epoch, true)); /* it is ours */
    world_fini(&world);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(dtls_stays), cmocka_unit_test(region),
                                       cmocka_unit_test(foreign_rooms)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
