/* SPDX-License-Identifier: Apache-2.0
 *
 * Goal: an event that was told beforehand raises what its region wants in time for nodes to start,
 * less as its people come, and for as long as it lasts.
 */
#include <jansson.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "tests/lib/orch_world.h"

/* The world's clock begins at 2020-09-13T12:26:41Z; a node takes 60 s to start. */
#define AT     "2020-09-13T12:30:00Z" /* 199 s later */
#define PEOPLE 100                    /* 16 publish two tracks, and all see them: weight 3200 */
#define EVENT                                                                                      \
    "{\"room\":\"lobby\",\"people\":100,\"at\":\"" AT "\",\"for_s\":600,\"region\":\"r1\"}"

static struct world w;
static uint64_t sequence;

static void beats(int64_t us)
{
    for (; us > 0; us -= TIME_S(1)) {
        world_advance(&w, TIME_S(1));
        world_heartbeat(&w, "ND_a", ++sequence);
    }
}

static int setup(void **state)
{
    (void)state;
    world_init(&w);
    sequence = 0;
    w.node_weight = 100;
    world_node(&w, "ND_a");
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    world_fini(&w);
    return 0;
}

static int post(const char *path, const char *body)
{
    world_admin(&w, "POST", path, body);
    return w.last_status;
}

/* Of the first of a list, which may be empty: -1. */
static json_int_t number(const char *path, const char *list, const char *key)
{
    world_admin(&w, "GET", path, "");
    assert_int_equal(w.last_status, 200);
    json_t *answer = json_loads(w.last_reply, 0, NULL);
    const json_t *row = json_array_get(json_object_get(answer, list), 0);
    json_int_t value = row == NULL ? -1 : json_integer_value(json_object_get(row, key));
    json_decref(answer);
    return value;
}

static json_int_t wanted(void)
{
    return number("/admin/v1/capacity", "regions", "wanted_nodes");
}

static json_int_t weight(void)
{
    return number("/admin/v1/capacity", "regions", "events_weight");
}

static json_int_t missing(void)
{
    return number("/admin/v1/reservations", "reservations", "missing");
}

static void in_time(void **state)
{
    (void)state;
    assert_int_equal(post("/admin/v1/reservations", EVENT), 200);
    assert_int_equal(missing(), PEOPLE);
    beats(TIME_S(130));
    assert_int_equal(weight(), 0);
    assert_int_equal(wanted(), 1);
    beats(TIME_S(15)); /* less than a minute is left */
    assert_int_equal(weight(), 3200);
    assert_int_equal(wanted(), 7); /* 100 + 3200, up to 500 each */
    beats(TIME_S(600));
    assert_int_equal(wanted(), 7);
    beats(TIME_S(240)); /* it is over, and has been for scale_in_after */
    assert_int_equal(weight(), 0);
    assert_int_equal(wanted(), 1);
    assert_int_equal(missing(), -1);
}

/* Goal: who is in the room already does not count twice. */
static void people_come(void **state)
{
    (void)state;
    assert_int_equal(post("/admin/v1/reservations", EVENT), 200);
    beats(TIME_S(150));
    for (uint64_t i = 1; i <= 10; i++) {
        char name[16];
        snprintf(name, sizeof(name), "p%d", (int)i);
        world_join(&w, i, &(struct world_join){.room = "lobby", .identity = name});
    }
    beats(TIME_S(6));
    assert_int_equal(missing(), PEOPLE - 10);
    assert_int_equal(weight(), 3200 - 2 * 10 * 10);
}

static void cancelled(void **state)
{
    (void)state;
    char path[128];
    assert_int_equal(post("/admin/v1/reservations", EVENT), 200);
    json_t *made = json_loads(w.last_reply, 0, NULL);
    snprintf(path, sizeof(path), "/admin/v1/reservations/%s/cancel",
             json_string_value(json_object_get(made, "id")));
    json_decref(made);
    beats(TIME_S(150));
    assert_int_equal(weight(), 3200);
    assert_int_equal(post(path, "{}"), 200);
    beats(TIME_S(6));
    assert_int_equal(weight(), 0);
    assert_int_equal(missing(), -1);
    assert_int_equal(post(path, "{}"), 404);
}

static void wrong(void **state)
{
    (void)state;
#define WITH(more) "{\"room\":\"a\",\"people\":1,\"for_s\":60," more "}"
    static const struct {
        const char *body, *says;
    } cases[] = {
        {"no", "a JSON object is needed"},
        {WITH("\"at\":\"2020-09-13T12:30Z\",\"region\":\"mars\""), "no node is of this region"},
        {WITH("\"at\":\"2020-09-13T12:25Z\",\"region\":\"r1\""), "that would be over already"},
        {WITH("\"at\":\"2021-09-15T12:25Z\",\"region\":\"r1\""), "that is more than a year ahead"},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        assert_int_equal(post("/admin/v1/reservations", cases[i].body), 400);
        assert_non_null(strstr(w.last_reply, cases[i].says));
    }
    assert_int_equal(post("/admin/v1/reservations/RV_1/cancel", ""), 404);
    assert_int_equal(post("/admin/v1/reservations/RV_1", ""), 404);
    world_admin(&w, "GET", "/admin/v1/reservations/RV_1/cancel", "");
    assert_int_equal(w.last_status, 405);
    for (int i = 0; i < 256; i++) {
        assert_int_equal(post("/admin/v1/reservations", EVENT), 200);
    }
    assert_int_equal(post("/admin/v1/reservations", EVENT), 409);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(in_time, setup, teardown),
        cmocka_unit_test_setup_teardown(people_come, setup, teardown),
        cmocka_unit_test_setup_teardown(cancelled, setup, teardown),
        cmocka_unit_test_setup_teardown(wrong, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
