/* SPDX-License-Identifier: Apache-2.0
 *
 * Goal: an operator, and what starts and stops nodes, are told how many nodes a region is to have,
 * why, and which one is to go first; and nothing that is not known.
 */
#include <jansson.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "tests/lib/orch_world.h"

#define NODES 4

static struct world w;
static const char *const names[NODES] = {"ND_a", "ND_b", "ND_c", "ND_d"};
static uint32_t weights[NODES];
static bool silent[NODES];
static uint64_t sequence;

/* The nodes say for so long what they carry. */
static void beats(int64_t us)
{
    for (; us > 0; us -= TIME_MS(250)) {
        world_advance(&w, TIME_MS(250));
        sequence++;
        for (size_t i = 0; i < NODES; i++) {
            w.node_weight = weights[i];
            if (!silent[i]) {
                world_heartbeat(&w, names[i], sequence);
            }
        }
    }
}

static void begin(void)
{
    world_init(&w);
    sequence = 0;
    for (size_t i = 0; i < NODES; i++) {
        weights[i] = 200;
        silent[i] = false;
        world_node(&w, names[i]); /* capacity 1000 each, region r1 */
    }
}

/* Of the answer's regions this one's; an empty object: there is none. */
static json_t *region(const char *name)
{
    world_admin(&w, "GET", "/admin/v1/capacity", "");
    assert_int_equal(w.last_status, 200);
    json_t *answer = json_loads(w.last_reply, 0, NULL), *row, *found = NULL;
    size_t i;
    json_array_foreach(json_object_get(answer, "regions"), i, row)
    {
        if (strcmp(json_string_value(json_object_get(row, "name")), name) == 0) {
            found = json_incref(row);
        }
    }
    json_decref(answer);
    return found != NULL ? found : json_object();
}

static json_int_t number(const char *key)
{
    json_t *row = region("r1");
    json_int_t value = json_integer_value(json_object_get(row, key));
    json_decref(row);
    return value;
}

static const char *text(const char *key)
{
    static char out[64];
    json_t *row = region("r1");
    const char *value = json_string_value(json_object_get(row, key));
    snprintf(out, sizeof(out), "%s", value == NULL ? "-" : value);
    json_decref(row);
    return out;
}

static size_t wanted(uint32_t *nodes, bool *held)
{
    struct orch_wanted list[SCALING_REGIONS_MAX];
    size_t count = orch_wanted(w.orch, w.now_us, list, ARRAY_LEN(list));
    if (count > 0) {
        *nodes = list[0].nodes;
        *held = list[0].held;
    }
    return count;
}

/* Goal: no number for a moment after the start, for nodes have to connect first. */
static void after_the_start(void **state)
{
    (void)state;
    uint32_t nodes = 0;
    bool held = false;
    begin();
    beats(TIME_S(4));
    assert_int_equal(wanted(&nodes, &held), 0);
    assert_string_equal(text("reason"), "-");
    beats(TIME_S(2));
    assert_int_equal(wanted(&nodes, &held), 1);
    assert_int_equal(nodes, 2); /* 800, used up to half of 1000 each */
    assert_false(held);
    world_fini(&w);
}

/* Goal: the parts of the number add up to it, and a surplus names the emptiest to drain, one at a
 * time. */
static void parts_and_surplus(void **state)
{
    (void)state;
    begin();
    weights[2] = 100;
    beats(TIME_S(6));
    assert_int_equal(number("carried_weight"), 700);
    assert_int_equal(number("node_weight"), 1000);
    assert_int_equal(number("wanted_nodes"), 2);
    assert_int_equal(number("ready_nodes"), 4);
    assert_int_equal(number("surplus_nodes"), 2);
    assert_string_equal(text("reason"), "demand");
    assert_string_equal(text("drain_next"), "ND_c");
    world_admin(&w, "POST", "/admin/v1/nodes/ND_c/drain", "{}");
    assert_int_equal(number("surplus_nodes"), 1);
    assert_int_equal(number("draining_nodes"), 1);
    assert_string_equal(text("drain_next"), "");
    assert_string_equal(text("emptiest_node"), "ND_a");
    weights[0] = weights[1] = weights[2] = weights[3] = 500;
    beats(TIME_S(6));
    assert_int_equal(number("wanted_nodes"), 7); /* 2000, and what came is taken to come again */
    assert_int_equal(number("growth_weight"), 1300);
    assert_int_equal(number("surplus_nodes"), 0);
    world_fini(&w);
}

/* Goal: nodes that fall silent take nothing from the number: neither one, whose death is known, nor
 * all of a region. */
static void silence(void **state)
{
    (void)state;
    uint32_t nodes;
    bool held;
    begin();
    weights[0] = 1000;
    beats(TIME_S(6));
    assert_int_equal(number("wanted_nodes"), 4);
    silent[0] = true;
    beats(TIME_S(100));
    assert_int_equal(number("ready_nodes"), 3);
    assert_int_equal(number("need_nodes"), 4); /* its load is not gone since nobody reports it */
    assert_int_equal(number("wanted_nodes"), 4);
    assert_string_equal(text("drain_next"), "");
    silent[1] = silent[2] = silent[3] = true;
    beats(TIME_S(1800));
    assert_int_equal(wanted(&nodes, &held), 1);
    assert_int_equal(nodes, 4);
    assert_true(held);
    assert_string_equal(text("reason"), "held");
    world_fini(&w);
}

/* Goal: who may read, and nobody changes anything by it. */
static void refused(void **state)
{
    (void)state;
    begin();
    world_admin(&w, "POST", "/admin/v1/capacity", "{}");
    assert_int_equal(w.last_status, 405);
    world_admin(&w, "GET", "/admin/v1/capacity/r1", "");
    assert_int_equal(w.last_status, 404);
    world_fini(&w);
}

/* Goal: regions stand by their names, whichever came first. */
static void in_order(void **state)
{
    (void)state;
    world_init(&w);
    sequence = 0;
    for (size_t i = 0; i < NODES; i++) {
        w.node_region = i + 1 < NODES ? NULL : "a region";
        world_node(&w, names[i]);
    }
    beats(TIME_S(6));
    world_admin(&w, "GET", "/admin/v1/capacity", "");
    const char *last = strstr(w.last_reply, "\"name\":\"r1\"");
    assert_non_null(last);
    assert_non_null(strstr(w.last_reply, "\"name\":\"a region\""));
    assert_true(strstr(w.last_reply, "\"name\":\"a region\"") < last);
    world_fini(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(after_the_start), cmocka_unit_test(parts_and_surplus),
        cmocka_unit_test(silence),         cmocka_unit_test(refused),
        cmocka_unit_test(in_order),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
