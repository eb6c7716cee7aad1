/* SPDX-License-Identifier: Apache-2.0
 *
 * Goal: people of a region that is lost go to the next ones.
 */
#include "tests/lib/orch_world.h"

#include <stdio.h>
#include <stdlib.h>

#include <setjmp.h>

#include <cmocka.h>

static void lose(struct world *world, const char *node)
{
    orch_node_link_lost(world->orch, world->now_us, node);
    world_drain(world);
}

/* Goal: whose node dies stays in its region, unless that loses so many nodes at once that he would
 * be moved from one dying node to the next. */
static void crumbling(void **state)
{
    (void)state;
    static const char *const near[] = {"ND_a", "ND_b", "ND_c", "ND_d"};
    struct world world;
    world_init(&world);
    world.region = "r1";
    for (size_t i = 0; i < ARRAY_LEN(near); i++) {
        world_node(&world, near[i]);
    }
    world.node_region = "r2";
    world_node(&world, "ND_e");
    for (uint64_t i = 1; i <= 8; i++) { /* two on each */
        char name[16];
        snprintf(name, sizeof(name), "p%d", (int)i);
        world_join(&world, i,
                   &(struct world_join){
                       .room = name, .identity = name, .offer_file = "chromium-join.offer"});
    }
    for (size_t i = 0; i < 3; i++) {
        world_story(&world);
        lose(&world, near[i]);
        const char *story = world_story(&world);
        assert_true((strstr(story, "route ND_e") != NULL) == (i == 2));
        assert_true(i < 2 || strstr(story, "route ND_d") == NULL);
    }
    world_advance(&world, TIME_S(3)); /* a single one, later */
    world_story(&world);
    world.node_region = "r1";
    world_node(&world, "ND_f");
    lose(&world, "ND_d");
    assert_null(strstr(world_story(&world), "route ND_e"));
    world_fini(&world);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(crumbling),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
