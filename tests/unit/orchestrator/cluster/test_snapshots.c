/* SPDX-License-Identifier: Apache-2.0
 *
 * Goal: what operators see of a whole cluster is one picture, whoever is asked.
 */
#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "tests/lib/cluster_world.h"

#include <jansson.h>

static const char *const three_regions[SITES] = {"r1", "r2", "r3"};

/* alice through site 0, which owns the room, bob through site 1, carol in a room of site 2. */
static void meet(struct cluster_world *w)
{
    cluster_world_init(w, three_regions);
    cluster_world_second_node(w);
    cluster_world_join(w, 0, 1, "lobby", "alice", false);
    cluster_world_settle(w);
    cluster_world_join(w, 1, 1, "lobby", "bob", false);
    cluster_world_join(w, 2, 1, "attic", "carol", false);
    cluster_world_settle(w);
}

static json_t *snapshot(struct cluster_world *w, size_t site)
{
    world_admin(&w->sites[site], "GET", "/admin/v1/snapshot", "");
    cluster_world_settle(w);
    assert_int_equal(w->sites[site].last_status, 200);
    json_t *json = json_loads(w->sites[site].last_reply, 0, NULL);
    assert_non_null(json);
    return json;
}

static const char *text_of(const json_t *object, const char *key)
{
    return json_string_value(json_object_get(object, key));
}

static int number_of(const json_t *object, const char *key)
{
    return (int)json_integer_value(json_object_get(object, key));
}

static const json_t *named(const json_t *list, const char *name)
{
    size_t i;
    const json_t *item;
    json_array_foreach(list, i, item)
    {
        if (strcmp(text_of(item, "name"), name) == 0) {
            return item;
        }
    }
    fail_msg("there is no %s", name);
    return NULL;
}

static void version_of(struct cluster_world *w, size_t site, char out[32])
{
    json_t *json = snapshot(w, site);
    snprintf(out, 32, "%s", text_of(json, "version"));
    json_decref(json);
}

/* Goal: everybody's rooms, and each region with what is in it, also one without nodes. */
static void one_picture(void **state)
{
    (void)state;
    struct cluster_world w;
    meet(&w);
    json_t *json = snapshot(&w, 1);
    const json_t *orchestrators = json_object_get(json, "orchestrators");
    assert_int_equal(json_array_size(orchestrators), SITES);
    assert_int_equal(json_array_size(json_object_get(json, "nodes")), 2);
    assert_int_equal(json_array_size(json_object_get(json, "rooms")), 2);
    int people = 0;
    for (size_t i = 0; i < SITES; i++) {
        people += number_of(json_array_get(orchestrators, i), "participants");
    }
    assert_int_equal(people, 3);
    const json_t *regions = json_object_get(json, "regions");
    assert_int_equal(json_array_size(regions), 3);
    const json_t *r1 = named(regions, "r1"), *r2 = named(regions, "r2");
    const json_t *r3 = named(regions, "r3");
    assert_int_equal(number_of(r1, "nodes"), 1);
    assert_int_equal(number_of(r2, "nodes"), 1);
    assert_int_equal(number_of(r2, "ready"), 1);
    assert_int_equal(number_of(r2, "capacity"), 1000);
    assert_int_equal(number_of(r3, "nodes"), 0);
    assert_int_equal(number_of(r3, "orchestrators"), 1);
    assert_int_equal(number_of(r1, "participants") + number_of(r2, "participants"), 3);
    json_decref(json);
    cluster_world_fini(&w);
}

/* Goal: the version is the same wherever it is asked for and while nothing is decided, whatever
 * nodes measure; it is another one once a node, a room or somebody is otherwise. */
static void version(void **state)
{
    (void)state;
    struct cluster_world w;
    char first[32], other[32];
    meet(&w);
    version_of(&w, 0, first);
    assert_int_equal(strlen(first), 16);
    for (size_t site = 0; site < SITES; site++) {
        w.sites[site].node_weight = 30;
        world_heartbeat(&w.sites[site], "ND_a", 1);
    }
    cluster_world_advance(&w, TIME_S(1));
    version_of(&w, 2, other);
    assert_string_equal(first, other);

    world_admin(&w.sites[2], "POST", "/admin/v1/nodes/ND_b/cordon", "{}");
    cluster_world_settle(&w);
    version_of(&w, 0, other);
    assert_string_not_equal(first, other);
    world_admin(&w.sites[0], "POST", "/admin/v1/nodes/ND_b/uncordon", "{}");
    cluster_world_settle(&w);
    version_of(&w, 0, other);
    assert_string_equal(first, other);
    cluster_world_join(&w, 0, 5, "lobby", "dave", false);
    cluster_world_settle(&w);
    version_of(&w, 1, other);
    assert_string_not_equal(first, other);
    cluster_world_fini(&w);
}

/* Goal: whose part is missing is named, and the rest is there. */
static void incomplete(void **state)
{
    (void)state;
    struct cluster_world w;
    meet(&w);
    world_admin(&w.sites[0], "GET", "/admin/v1/snapshot", "");
    cluster_world_deliver_link(&w, 0, 2);
    cluster_world_deliver_link(&w, 2, 0);
    cluster_world_kill(&w, 1);
    cluster_world_advance(&w, TIME_MS(250));
    json_t *json = json_loads(w.sites[0].last_reply, 0, NULL);
    assert_int_equal(json_array_size(json_object_get(json, "unanswered")), 1);
    assert_int_equal(json_array_size(json_object_get(json, "orchestrators")), SITES - 1);
    json_decref(json);
    cluster_world_fini(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_picture),
        cmocka_unit_test(version),
        cmocka_unit_test(incomplete),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
