/* SPDX-License-Identifier: Apache-2.0
 *
 * Goal: all orchestrators know what the people of each lack who find no place, as long as that one
 * lives.
 */
#include "tests/lib/cluster_world.h"

#include <setjmp.h>

#include <cmocka.h>

static const char *const regions[SITES] = {"r1", "r2", "r3"};

static struct orch_stats stats_of(const struct cluster_world *w, size_t site)
{
    struct orch_stats stats;
    orch_stats(w->sites[site].orch, &stats);
    return stats;
}

static void all_know(void **state)
{
    (void)state;
    struct cluster_world w;
    cluster_world_init(&w, regions);
    cluster_world_join(&w, 0, 1, "lobby", "alice", false);
    cluster_world_settle(&w);
    world_add_track(&w.sites[0], CLUSTER_ID(0, 1), "cid", LIVEKIT__TRACK_TYPE__AUDIO);
    cluster_world_settle(&w);
    size_t owner = cluster_world_owner(&w, "lobby");
    assert_true(owner < SITES);
    for (size_t i = 0; i < SITES; i++) { /* the only one */
        orch_node_link_lost(w.sites[i].orch, w.sites[i].now_us, "ND_a");
    }
    cluster_world_advance(&w, ORCH_SETTLE_US + TIME_S(2));
    for (size_t i = 0; i < SITES; i++) {
        assert_int_equal(stats_of(&w, i).waiting, i == owner ? 1 : 0);
        assert_int_equal(stats_of(&w, i).waiting_elsewhere, i == owner ? 0 : 1);
    }
    cluster_world_kill(&w, owner);
    cluster_world_settle(&w);
    for (size_t i = 0; i < SITES; i++) {
        assert_int_equal(i == owner ? 0 : stats_of(&w, i).waiting_elsewhere, 0);
    }
    cluster_world_fini(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(all_know),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
