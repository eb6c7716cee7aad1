/* SPDX-License-Identifier: Apache-2.0
 *
 * A room whose owner died, on nodes that keep it for the next one: who of them is waited for.
 */
#include "tests/lib/orch_world.h"

#include <setjmp.h>
#include <stdlib.h>

#include <cmocka.h>

#include "proto/wire/wire.h"

#define EPOCH 9 /* ours; its last owner's was the one before */

static void holds(struct world *world, const char *node)
{
    static uint64_t beats;
    Spillway__Control__RoomVersion held = SPILLWAY__CONTROL__ROOM_VERSION__INIT;
    held.room = "RM_x";
    held.name = "lobby";
    held.epoch = EPOCH - 1;
    held.foreign = held.orphan = true;
    held.orchestrator = "OR_dead";
    world_heartbeat_rooms(world, node, ++beats, &(Spillway__Control__RoomVersion *){&held}, 1);
}

static void answers(struct world *world, const char *node)
{
    Spillway__Control__RoomState state = SPILLWAY__CONTROL__ROOM_STATE__INIT;
    Spillway__Control__NodeMessage message = SPILLWAY__CONTROL__NODE_MESSAGE__INIT;
    state.room = "RM_x";
    state.epoch = state.claimed = EPOCH;
    message.message_case = SPILLWAY__CONTROL__NODE_MESSAGE__MESSAGE_ROOM_STATE;
    message.room_state = &state;
    size_t len;
    uint8_t *data = wire_pack(&message.base, &len);
    orch_node_message(world->orch, world->now_us, node, (struct bytes){data, len});
    free(data);
    world_drain(world);
}

static void lost(struct world *world, const char *node)
{
    orch_node_link_lost(world->orch, world->now_us, node);
    world_drain(world);
}

static void begin(struct world *world)
{
    world_init(world);
    world_node(world, "ND_a");
    world_node(world, "ND_b");
    holds(world, "ND_a");
    holds(world, "ND_b");
}

static void claimed(struct world *world)
{
    assert_true(orch_adopt(world->orch, world->now_us, "lobby", EPOCH));
    world_drain(world);
    assert_true(orch_orphaned(world->orch, "lobby"));
}

/* Goal: all that hold it are waited for; not one that is gone. */
static void all_answer(void **state)
{
    (void)state;
    struct world w;
    begin(&w);
    claimed(&w);
    answers(&w, "ND_a");
    assert_true(orch_orphaned(w.orch, "lobby"));
    answers(&w, "ND_b");
    assert_false(orch_orphaned(w.orch, "lobby"));
    world_fini(&w);

    begin(&w);
    claimed(&w);
    answers(&w, "ND_a");
    lost(&w, "ND_b");
    assert_false(orch_orphaned(w.orch, "lobby"));
    world_fini(&w);
}

/* Goal: one that was gone, and is back before the room is claimed, is waited for as the others. */
static void back_again(void **state)
{
    (void)state;
    struct world w;
    begin(&w);
    lost(&w, "ND_b");
    world_node(&w, "ND_b");
    holds(&w, "ND_b");
    claimed(&w);
    answers(&w, "ND_a");
    assert_true(orch_orphaned(w.orch, "lobby"));
    answers(&w, "ND_b");
    assert_false(orch_orphaned(w.orch, "lobby"));
    world_fini(&w);
}

/* Goal: once all that held it are gone, nobody waits for it: a room of its name is a new one. */
static void all_gone(void **state)
{
    (void)state;
    struct world w;
    begin(&w);
    world_advance(&w, TIME_S(5)); /* nobody is expected any more who starts, too */
    world_beat(&w, "ND_a", 0);
    world_beat(&w, "ND_b", 0);
    lost(&w, "ND_a");
    assert_true(orch_orphaned(w.orch, "lobby"));
    lost(&w, "ND_b");
    world_advance(&w, 0);
    assert_false(orch_orphaned(w.orch, "lobby"));
    assert_false(orch_has_room(w.orch, "lobby"));
    world_fini(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(all_answer), cmocka_unit_test(back_again),
                                       cmocka_unit_test(all_gone)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
