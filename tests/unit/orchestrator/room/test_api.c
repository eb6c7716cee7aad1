/* SPDX-License-Identifier: Apache-2.0
 *
 * Goal: what the server API does to a room and the people in it holds.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "tests/unit/orchestrator/room/meeting.h"

/* Goal: what a room is set to, its lock for one, is with its nodes at once for the next owner,
 * though nobody in the room does anything. */
static void settings_outlive_their_owner(void **state)
{
    (void)state;
    static const struct {
        const char *method, *format;
    } rows[] = {
        {"UpdateRoomMetadata", "{\"room\":\"lobby\",\"metadata\":\"%s\"}"},

        {"CreateRoom", "{\"name\":\"lobby\",\"maxParticipants\":20}"},
    };
    char json[1200], metadata[1001] = "";
    memset(metadata, 'x', sizeof(metadata) - 1);
    struct world world;
    world_init_sealing(&world);
    world_node(&world, "ND_a");
    meeting_join(&world, 1, "alice", NULL);
    world_connected(&world, 1);
    world_advance(&world, TIME_S(1));
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        snprintf(json, sizeof(json), rows[i].format, metadata);
        world_story(&world);
        world_twirp(&world, rows[i].method, json);
        assert_int_equal(world.last_status, 200);
        assert_non_null(strstr(world_story(&world), "node ND_a < spec"));
        assert_true(world.last_spec->sealed.len > strlen(metadata));
    }
    world_fini(&world);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(settings_outlive_their_owner),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
