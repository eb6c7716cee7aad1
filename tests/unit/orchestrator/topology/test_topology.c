/* SPDX-License-Identifier: Apache-2.0
 *
 * Goal: from every node of any room, the way to every root ends there, and is short; trunk keys are
 * alike at both ends and differ with everything that goes into them.
 */
#include "orchestrator/core/topology/topology.h"

#include <stdio.h>

#include <setjmp.h>

#include <cmocka.h>

static size_t hops(const struct topology *topology, size_t root, size_t node)
{
    size_t count = 0;
    while (node != root) {
        node = topology_parent(topology, root, node);
        assert_true(node < topology->count);
        count++;
        assert_true(count <= topology->count); /* no circle */
    }
    return count;
}

static size_t longest(const struct topology *topology)
{
    size_t most = 0;
    for (size_t root = 0; root < topology->count; root++) {
        assert_int_equal(topology_parent(topology, root, root), TOPOLOGY_NONE);
        for (size_t node = 0; node < topology->count; node++) {
            most = MAX(most, hops(topology, root, node));
        }
    }
    return most;
}

static void test_hub_and_leaves(void **state)
{
    (void)state;
    const char *const regions[] = {"eu", "eu", "us", "eu", "us"};
    struct topology topology;
    topology_build(&topology, regions, ARRAY_LEN(regions));
    assert_int_equal(topology.hub_count, 2);
    assert_int_equal(topology_parent(&topology, 1, 0), 1); /* the hub, from the leaf itself */
    assert_int_equal(topology_parent(&topology, 1, 3), 0); /* another leaf, from the hub */
    assert_int_equal(topology_parent(&topology, 1, 2), 0); /* the other hub, from the hub */
    assert_int_equal(topology_parent(&topology, 1, 4), 2);
    assert_int_equal(longest(&topology), 3);
    /* the backup goes straight to the root, where there is a way round at all */
    assert_int_equal(topology_backup(&topology, 1, 4), 1);
    assert_int_equal(topology_backup(&topology, 1, 0), TOPOLOGY_NONE);
    assert_int_equal(topology_backup(&topology, 1, 1), TOPOLOGY_NONE);
}

static void test_at_most_three_hops_up_to_the_mesh(void **state)
{
    (void)state;
    const char *const names[] = {"a", "b", "c", "d", "e", "f", "g", "h"};
    const char *regions[40];
    struct topology topology;
    struct prng prng;
    prng_seed(&prng, 1);
    for (size_t i = 0; i < ARRAY_LEN(regions); i++) {
        regions[i] = names[prng_below(&prng, ARRAY_LEN(names))];
        topology_build(&topology, regions, i + 1);
        assert_true(longest(&topology) <= 3);
    }
    assert_int_equal(topology.hub_count, TOPOLOGY_MESH_MAX);
}

static void test_more_hubs_make_a_tree_of_bounded_degree(void **state)
{
    (void)state;
    enum { HUBS = 60 };
    static char names[HUBS][8];
    const char *regions[HUBS];
    for (size_t i = 0; i < HUBS; i++) {
        snprintf(names[i], sizeof(names[i]), "r%zu", i);
        regions[i] = names[i];
    }
    struct topology topology;
    topology_build(&topology, regions, HUBS);
    assert_int_equal(topology.hub_count, HUBS);
    bool joined[HUBS][HUBS] = {0};
    for (size_t root = 0; root < HUBS; root++) {
        for (size_t node = 0; node < HUBS; node++) {
            (void)hops(&topology, root, node);
            if (node != root) {
                joined[node][topology_parent(&topology, root, node)] = true;
            }
        }
    }
    for (size_t i = 0; i < HUBS; i++) {
        size_t degree = 0;
        for (size_t j = 0; j < HUBS; j++) {
            assert_int_equal(joined[i][j], joined[j][i]); /* one way, used in both directions */
            degree += joined[i][j];
        }
        assert_true(degree <= TOPOLOGY_DEGREE_MAX + 1);
    }
    assert_true(longest(&topology) <= 6); /* down and up again a heap of 60 */
}

static void test_trunk_keys(void **state)
{
    (void)state;
    static const uint8_t secret[TOPOLOGY_SECRET_MIN] = {1};
    static const uint8_t other[TOPOLOGY_SECRET_MIN] = {2};
    struct bytes key = {secret, sizeof(secret)};
    uint8_t base[TOPOLOGY_KEY_LEN], made[TOPOLOGY_KEY_LEN];
    topology_trunk_key(base, key, "ND_a", "ND_b", 7);
    topology_trunk_key(made, key, "ND_a", "ND_b", 7);
    assert_memory_equal(base, made, sizeof(base));
    topology_trunk_key(made, key, "ND_b", "ND_a", 7); /* never one key for both directions */
    assert_memory_not_equal(base, made, sizeof(base));
    topology_trunk_key(made, key, "ND_a", "ND_b", 8);
    assert_memory_not_equal(base, made, sizeof(base));
    topology_trunk_key(made, key, "ND_", "aND_b", 7);
    assert_memory_not_equal(base, made, sizeof(base));
    topology_trunk_key(made, (struct bytes){other, sizeof(other)}, "ND_a", "ND_b", 7);
    assert_memory_not_equal(base, made, sizeof(base));
    assert_int_equal(topology_generation(7199), 1);
    assert_int_equal(topology_generation(7200), 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_hub_and_leaves),
        cmocka_unit_test(test_at_most_three_hops_up_to_the_mesh),
        cmocka_unit_test(test_more_hubs_make_a_tree_of_bounded_degree),
        cmocka_unit_test(test_trunk_keys),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
