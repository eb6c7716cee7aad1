/* SPDX-License-Identifier: Apache-2.0
 *
 * Goal: whichever orchestrator an operator asks tells what all of them saw, as it happens, and goes
 * on where another one that died had got to.
 */
#include "tests/lib/cluster_world.h"

#include <jansson.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

static const char *const one_region[SITES] = {"r1", "r1", "r1"};

static struct cluster_world w;
static char cursor[1024];
static char seen[4096];

/* The last answer as "ORCHESTRATOR EVENT node=; ", its cursor kept; "" while there is none. */
static const char *answered(size_t site)
{
    struct world *world = &w.sites[site];
    seen[0] = '\0';
    if (world->last_status == 0) {
        return seen;
    }
    assert_int_equal(world->last_status, 200);
    json_t *json = json_loads(world->last_reply, 0, NULL);
    size_t i, len = 0;
    json_t *event;
    json_array_foreach(json_object_get(json, "events"), i, event)
    {
        const char *node =
            json_string_value(json_object_get(json_object_get(event, "fields"), "node"));
        len += (size_t)snprintf(seen + len, sizeof(seen) - len, "%s %s %s; ",
                                json_string_value(json_object_get(event, "orchestrator")),
                                json_string_value(json_object_get(event, "event")),
                                node == NULL ? "-" : node);
    }
    snprintf(cursor, sizeof(cursor), "%s", json_string_value(json_object_get(json, "cursor")));
    json_decref(json);
    return seen;
}

static void ask(size_t site, const char *wait_s)
{
    w.sites[site].last_status = 0;
    world_events(&w.sites[site], cursor, wait_s);
}

static const char *now_at(size_t site)
{
    ask(site, NULL);
    return answered(site);
}

static int setup(void **state)
{
    (void)state;
    cluster_world_init(&w, one_region);
    cursor[0] = '\0';
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    cluster_world_fini(&w);
    return 0;
}

/* An event of that site alone. */
static void node_comes(size_t site, const char *node)
{
    world_node(&w.sites[site], node);
    world_drain(&w.sites[site]);
}

static void each_tells_everybodys_events(void **state)
{
    (void)state;
    for (size_t site = 0; site < SITES; site++) {
        cursor[0] = '\0';
        const char *story = now_at(site);
        assert_non_null(strstr(story, "OR_1 node_registered ND_a; "));
        assert_non_null(strstr(story, "OR_2 node_registered ND_a; "));
        assert_non_null(strstr(story, "OR_3 node_registered ND_a; "));
        assert_non_null(strstr(story, "OR_1 peer_up -; "));
        assert_string_equal(now_at(site), "");
    }
}

static void a_cursor_holds_at_every_orchestrator(void **state)
{
    (void)state;
    (void)now_at(0);
    node_comes(1, "ND_x");
    cluster_world_settle(&w);
    assert_string_equal(now_at(2), "OR_2 node_registered ND_x; ");
    assert_string_equal(now_at(0), "");
    node_comes(0, "ND_y");
    cluster_world_settle(&w);
    assert_string_equal(now_at(1), "OR_1 node_registered ND_y; ");
}

static void who_waits_is_told_as_it_happens(void **state)
{
    (void)state;
    (void)now_at(0);
    ask(0, "30");
    ask(2, "30");
    cluster_world_advance(&w, TIME_S(5));
    assert_string_equal(answered(0), "");
    assert_string_equal(answered(2), "");
    node_comes(0, "ND_x");
    world_advance(&w.sites[0], 0);
    assert_string_equal(answered(0), "OR_1 node_registered ND_x; ");
    cluster_world_settle(&w);
    world_advance(&w.sites[2], 0);
    assert_string_equal(answered(2), "OR_1 node_registered ND_x; ");
}

static void waiting_ends_with_an_empty_answer(void **state)
{
    (void)state;
    char before[sizeof(cursor)];
    (void)now_at(0);
    memcpy(before, cursor, sizeof(before));
    ask(0, "3");
    cluster_world_advance(&w, TIME_MS(2900));
    assert_int_equal(w.sites[0].last_status, 0);
    cluster_world_advance(&w, TIME_MS(200));
    assert_int_equal(w.sites[0].last_status, 200);
    assert_string_equal(answered(0), "");
    assert_string_equal(cursor, before);
}

static void what_one_wrote_before_it_died_is_at_the_others(void **state)
{
    (void)state;
    (void)now_at(0);
    node_comes(0, "ND_x");
    cluster_world_settle(&w);
    ask(0, "30"); /* answered at once: this watch has it, and the next orchestrator goes on */
    assert_string_equal(answered(0), "OR_1 node_registered ND_x; ");
    cluster_world_kill(&w, 0);
    cluster_world_settle(&w);
    const char *story = now_at(1);
    assert_null(strstr(story, "ND_x"));
    assert_non_null(strstr(story, "OR_2 peer_lost -; "));
    assert_non_null(strstr(story, "OR_3 peer_lost -; "));
    cursor[0] = '\0';
    assert_non_null(strstr(now_at(2), "OR_1 node_registered ND_x; "));
}

static void what_happened_while_a_link_was_down_is_told_after_it(void **state)
{
    (void)state;
    (void)now_at(2);
    cluster_world_link(&w, 0, 2, false);
    cluster_world_settle(&w);
    node_comes(0, "ND_x");
    cluster_world_settle(&w);
    assert_null(strstr(now_at(2), "ND_x"));
    cluster_world_link(&w, 0, 2, true);
    cluster_world_settle(&w);
    assert_non_null(strstr(now_at(2), "OR_1 node_registered ND_x; "));
    assert_null(strstr(now_at(1), "ND_x")); /* the cursor has it */
}

static void what_a_region_saw_while_it_was_cut_off_is_told_after_it(void **state)
{
    (void)state;
    cluster_world_fini(&w);
    cluster_world_init(&w, (const char *const[SITES]){"r1", "r2", "r1"});
    cluster_world_second_node(&w);
    (void)now_at(0);
    cluster_world_cut_off(&w, 1);
    cluster_world_advance(&w, TIME_S(5));
    assert_non_null(strstr(now_at(0), "OR_1 region_cut_off -; "));
    node_comes(1, "ND_x");
    cluster_world_cut_off(&w, SITES);
    cluster_world_advance(&w, TIME_S(2));
    const char *story = now_at(0);
    assert_non_null(strstr(story, "OR_2 node_registered ND_x; "));
    assert_non_null(strstr(story, "OR_1 region_back -; "));
}

static void losses_are_told(void **state)
{
    (void)state;
    snprintf(cursor, sizeof(cursor), "OR_gone.3");
    ask(0, "30"); /* does not wait */
    assert_non_null(strstr(w.sites[0].last_reply,
                           "\"missed\":[{\"orchestrator_id\":\"OR_gone\",\"events\":null}]"));
    (void)answered(0);
    assert_string_equal(now_at(0), "");
    assert_non_null(strstr(w.sites[0].last_reply, "\"missed\":[]"));
}

static void many_are_told_in_several_answers(void **state)
{
    (void)state;
    size_t told = 0, answers = 0;
    (void)now_at(0);
    for (int i = 0; i < 2 * ORCH_EVENTS_AT_ONCE + 1; i++) {
        log_write(&w.sites[0].log, LOG_INFO, "store_up");
    }
    bool more = true;
    while (more) {
        ask(0, "30"); /* waits for nothing while there are some */
        json_t *json = json_loads(w.sites[0].last_reply, 0, NULL);
        told += json_array_size(json_object_get(json, "events"));
        more = json_is_true(json_object_get(json, "more"));
        snprintf(cursor, sizeof(cursor), "%s", json_string_value(json_object_get(json, "cursor")));
        json_decref(json);
        answers++;
    }
    assert_int_equal(told, 2 * ORCH_EVENTS_AT_ONCE + 1);
    assert_int_equal(answers, 3);
    assert_string_equal(now_at(0), "");
}

static void who_waits_is_bounded(void **state)
{
    (void)state;
    (void)now_at(0);
    for (int i = 0; i < ORCH_EVENT_WAITS_MAX; i++) {
        w.sites[0].request++;
        ask(0, "30");
        assert_int_equal(w.sites[0].last_status, 0);
    }
    w.sites[0].request++;
    ask(0, "30");
    assert_int_equal(w.sites[0].last_status, 503);
    ask(0, "0");
    assert_int_equal(w.sites[0].last_status, 200);
    orch_request_gone(w.sites[0].orch, w.sites[0].request - 1);
    world_drain(&w.sites[0]);
    assert_int_equal(w.sites[0].last_status, 503); /* nobody reads it */
    ask(0, "30");
    assert_int_equal(w.sites[0].last_status, 0);
}

static void who_waits_is_sent_on_when_it_stops(void **state)
{
    (void)state;
    (void)now_at(0);
    ask(0, "30");
    assert_true(cluster_leave(w.sites[0].cluster, w.sites[0].now_us));
    world_drain(&w.sites[0]);
    assert_int_equal(w.sites[0].last_status, 503);
    ask(0, "30");
    assert_int_equal(w.sites[0].last_status, 503);
    ask(0, NULL); /* what is there is told to the end */
    assert_int_equal(w.sites[0].last_status, 200);
}

static void what_makes_no_sense_is_refused(void **state)
{
    (void)state;
    static const char *const waits[] = {"-1", "61", "1s", "x"};
    for (size_t i = 0; i < ARRAY_LEN(waits); i++) {
        ask(0, waits[i]);
        assert_int_equal(w.sites[0].last_status, 400);
    }
    snprintf(cursor, sizeof(cursor), "yesterday");
    ask(0, NULL);
    assert_int_equal(w.sites[0].last_status, 400);
    world_admin(&w.sites[0], "POST", "/admin/v1/events", "{}");
    assert_int_equal(w.sites[0].last_status, 405);
    world_admin(&w.sites[0], "GET", "/admin/v1/events/1", "");
    assert_int_equal(w.sites[0].last_status, 404);
}

static void an_event_has_what_the_log_has(void **state)
{
    (void)state;
    (void)now_at(0);
    log_write(&w.sites[0].log, LOG_WARN, "store_down host=a port=1 reason=\"not \xff there\"");
    ask(0, NULL);
    json_t *json = json_loads(w.sites[0].last_reply, 0, NULL);
    json_t *event = json_array_get(json_object_get(json, "events"), 0);
    char text[64];
    snprintf(text, sizeof(text), "%s", json_string_value(json_object_get(event, "time")));
    assert_int_equal(strlen(text), strlen("2020-09-13T12:26:40.000Z"));
    assert_int_equal(text[23], 'Z');
    json_object_del(event, "time");
    json_object_del(event, "cursor");
    char *dump = json_dumps(event, JSON_COMPACT | JSON_PRESERVE_ORDER);
    assert_string_equal(dump, "{\"level\":\"warn\",\"event\":\"store_down\",\"orchestrator\":"
                              "\"OR_1\",\"orchestrator_id\":\"OR_1\",\"fields\":{\"host\":\"a\","
                              "\"port\":\"1\",\"reason\":\"not ? there\"}}");
    free(dump);
    json_decref(json);
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(each_tells_everybodys_events),
        TEST(a_cursor_holds_at_every_orchestrator),
        TEST(who_waits_is_told_as_it_happens),
        TEST(waiting_ends_with_an_empty_answer),
        TEST(what_one_wrote_before_it_died_is_at_the_others),
        TEST(what_happened_while_a_link_was_down_is_told_after_it),
        TEST(what_a_region_saw_while_it_was_cut_off_is_told_after_it),
        TEST(losses_are_told),
        TEST(many_are_told_in_several_answers),
        TEST(who_waits_is_bounded),
        TEST(who_waits_is_sent_on_when_it_stops),
        TEST(what_makes_no_sense_is_refused),
        TEST(an_event_has_what_the_log_has),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
