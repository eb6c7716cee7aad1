/* SPDX-License-Identifier: Apache-2.0
 *
 * Goal: the meeting page of a demo gets tokens for visitors, and a 400 for what makes none,
 * whatever it is: anybody may ask.
 */
#include "tests/lib/orch_world.h"

#include <setjmp.h>

#include <cmocka.h>

static void visitors(void **state)
{
    (void)state;
    const struct {
        struct orch_page_request page;
        int status;
    } rows[] = {{{"lobby", "eve", "Eve"}, 200}, {{"lobby", "eve", ""}, 200},
                {{"", "eve", ""}, 400},         {{"lobby", "", ""}, 400},
                {{"lobby", "\xff", ""}, 400},   {{"\xff", "eve", ""}, 400},
                {{"lobby", "eve", "\xff"}, 400}};
    struct world world;
    world_init(&world);
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        orch_page_token(world.orch, world.now_us, 1, &rows[i].page);
        world_drain(&world);
        assert_int_equal(world.last_status, rows[i].status);
    }
    world_fini(&world);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(visitors)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
