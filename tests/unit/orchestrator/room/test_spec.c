/* SPDX-License-Identifier: Apache-2.0
 *
 * Goal: a node that refuses a change of a room is not left with what it had.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tests/unit/orchestrator/room/meeting.h"

/* The node refuses the last spec that it was sent. */
static const char *refuses(struct world *world)
{
    Spillway__Control__SpecAck ack = SPILLWAY__CONTROL__SPEC_ACK__INIT;
    ack.result = SPILLWAY__CONTROL__SPEC_ACK__RESULT__INVALID;
    ack.answers = world->last_spec->version;
    ack.version = world->last_spec->base_version;
    ack.reason = "track 1: no";
    world_ack(world, "ND_a", &ack);
    return world_story(world);
}

/* Goal: it is sent the room whole at once, for a whole may be what a change was not; and if it
 * refuses that, too, not again before there is another change. */
static void whole_after_a_refused_change(void **state)
{
    (void)state;
    struct world world;
    meeting_init(&world);
    assert_int_not_equal(world.last_spec->base_version, 0);
    assert_non_null(strstr(refuses(&world), "base=0 t=2 k=1 s=1"));
    assert_string_equal(refuses(&world), "");
    world_add_track(&world, 1, CAMERA, LIVEKIT__TRACK_TYPE__VIDEO);
    world_offer(&world, 1, "chromium-publish.offer", 2);
    assert_non_null(strstr(world_story(&world), "node ND_a < spec"));
    world_fini(&world);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(whole_after_a_refused_change)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
