/* SPDX-License-Identifier: Apache-2.0
 *
 * Goal: every orchestrator has every reservation, however it came to be away meanwhile; and all
 * know how many of its people are there, whoever has its room.
 */
#include "tests/lib/cluster_world.h"

#include <jansson.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>

#include <cmocka.h>

#define EVENT                                                                                      \
    "{\"room\":\"lobby\",\"people\":10,\"at\":\"2020-09-13T12:27Z\",\"for_s\":3600,"               \
    "\"region\":\"r1\"}"

static const char *const one_region[SITES] = {"r1", "r1", "r1"};

static struct cluster_world w;

static int setup(void **state)
{
    (void)state;
    cluster_world_init(&w, one_region);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    cluster_world_fini(&w);
    return 0;
}

/* What a site lists: how many, and of the first how many are still to come, and its id. */
static size_t listed(size_t site, json_int_t *missing, char id[ID_MAX])
{
    world_admin(&w.sites[site], "GET", "/admin/v1/reservations", "");
    json_t *answer = json_loads(w.sites[site].last_reply, 0, NULL);
    const json_t *rows = json_object_get(answer, "reservations");
    const json_t *first = json_array_get(rows, 0);
    size_t count = json_array_size(rows);
    if (count > 0 && missing != NULL) {
        *missing = json_integer_value(json_object_get(first, "missing"));
    }
    if (count > 0 && id != NULL) {
        snprintf(id, ID_MAX, "%s", json_string_value(json_object_get(first, "id")));
    }
    json_decref(answer);
    return count;
}

static void make(size_t site)
{
    world_admin(&w.sites[site], "POST", "/admin/v1/reservations", EVENT);
    assert_int_equal(w.sites[site].last_status, 200);
    cluster_world_settle(&w);
}

static void cancel(size_t site, const char *id)
{
    char path[128];
    snprintf(path, sizeof(path), "/admin/v1/reservations/%s/cancel", id);
    world_admin(&w.sites[site], "POST", path, "{}");
    assert_int_equal(w.sites[site].last_status, 200);
    cluster_world_settle(&w);
}

static void everybody_has_it(void **state)
{
    (void)state;
    char id[ID_MAX];
    make(0);
    for (size_t site = 0; site < SITES; site++) {
        assert_int_equal(listed(site, NULL, id), 1);
    }
    cluster_world_kill(&w, 0); /* who made it */
    cluster_world_settle(&w);
    cancel(2, id);
    assert_int_equal(listed(1, NULL, NULL), 0);
}

/* Goal: who was away hears of what was made and of what was cancelled, and brings nothing back. */
static void who_was_away(void **state)
{
    (void)state;
    char id[ID_MAX];
    make(0);
    (void)listed(0, NULL, id);
    cluster_world_link(&w, 0, 2, false);
    cluster_world_link(&w, 2, 0, false);
    cluster_world_link(&w, 1, 2, false);
    cluster_world_link(&w, 2, 1, false);
    cluster_world_settle(&w);
    cancel(0, id);
    make(1);
    assert_int_equal(listed(2, NULL, NULL), 1);
    cluster_world_link(&w, 0, 2, true);
    cluster_world_link(&w, 2, 0, true);
    cluster_world_link(&w, 1, 2, true);
    cluster_world_link(&w, 2, 1, true);
    cluster_world_advance(&w, TIME_S(1));
    for (size_t site = 0; site < SITES; site++) {
        char other[ID_MAX];
        assert_int_equal(listed(site, NULL, other), 1);
        assert_string_not_equal(other, id);
    }
}

static void whoever_has_the_room(void **state)
{
    (void)state;
    json_int_t missing = 0;
    make(1);
    cluster_world_join(&w, 0, 1, "lobby", "alice", false);
    cluster_world_join(&w, 0, 2, "lobby", "bob", false);
    cluster_world_advance(&w, TIME_S(15));
    for (size_t site = 0; site < SITES; site++) {
        assert_int_equal(listed(site, &missing, NULL), 1);
        assert_int_equal(missing, 8);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(everybody_has_it, setup, teardown),
        cmocka_unit_test_setup_teardown(who_was_away, setup, teardown),
        cmocka_unit_test_setup_teardown(whoever_has_the_room, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
