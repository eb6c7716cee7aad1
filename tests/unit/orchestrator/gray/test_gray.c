/* SPDX-License-Identifier: Apache-2.0
 *
 * Goal: a node is gray when its clients fail there and nowhere else, and for nothing less: not for
 * one client, one network, or trouble that is everywhere.
 */
#include "orchestrator/core/gray/gray.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>

#include <cmocka.h>

#define NOW TIME_S(1000)

static struct gray *gray;

static int setup(void **state)
{
    (void)state;
    gray = gray_new();
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    gray_free(gray);
    return 0;
}

/* Clients first .. first + count - 1; each in a network of its own, or all in that one. */
static void tell(const char *node, uint64_t first, uint64_t count, uint64_t network,
                 enum gray_how how, int64_t at_us)
{
    for (uint64_t client = first; client < first + count; client++) {
        gray_outcome(gray, at_us,
                     &(struct gray_outcome){.node = node,
                                            .client = client,
                                            .network = network == 0 ? 1000000 + client : network,
                                            .how = how});
    }
}

static enum gray_verdict judge(const char *node, int64_t now_us)
{
    return gray_judge(gray, now_us, node,
                      &(struct gray_facts){.nodes = 10, .here = 20, .elsewhere = 180});
}

/* Goal: every try at one node fails, and hardly one elsewhere. */
static void unreached(void **state)
{
    (void)state;
    tell("b", 100, 30, 0, GRAY_REACHED, NOW);
    tell("b", 130, 1, 0, GRAY_MISSED, NOW);
    tell("a", 1, 3, 0, GRAY_MISSED, NOW);
    assert_false(gray_suspects(gray, NOW, "a"));
    assert_int_equal(judge("a", NOW), GRAY_FINE);
    tell("a", 3, 1, 0, GRAY_MISSED, NOW); /* the third one again */
    assert_int_equal(judge("a", NOW), GRAY_FINE);
    tell("a", 4, 1, 0, GRAY_MISSED, NOW);
    assert_true(gray_suspects(gray, NOW, "a"));
    assert_int_equal(judge("a", NOW), GRAY_UNREACHED);
    const struct gray_facts fleet = {.nodes = 10000};
    assert_int_equal(gray_judge(gray, NOW, "a", &fleet), GRAY_FINE); /* of so many one may be so */
    tell("a", 5, 2, 0, GRAY_MISSED, NOW);
    assert_int_equal(gray_judge(gray, NOW, "a", &fleet), GRAY_UNREACHED);
    assert_int_equal(judge("b", NOW), GRAY_FINE);
    assert_int_equal(judge("c", NOW), GRAY_FINE);                  /* never heard of */
    assert_int_equal(judge("a", NOW + GRAY_WINDOW_US), GRAY_FINE); /* long ago */
}

/* Goal: some tries fail at a node where most do not: below the share that is worth a verdict. */
static void share(void **state)
{
    (void)state;
    tell("b", 1000, 300, 0, GRAY_REACHED, NOW);
    tell("a", 1, 61, 0, GRAY_REACHED, NOW);
    tell("a", 100, 20, 0, GRAY_MISSED, NOW);
    assert_int_equal(judge("a", NOW), GRAY_FINE); /* 24.7 % */
    tell("a", 120, 1, 0, GRAY_MISSED, NOW);
    assert_int_equal(judge("a", NOW), GRAY_UNREACHED); /* 25.6 % */
}

/* Goal: who got there in the end has not missed it. */
static void late(void **state)
{
    (void)state;
    tell("b", 100, 30, 0, GRAY_REACHED, NOW);
    tell("a", 1, 8, 0, GRAY_MISSED, NOW);
    assert_int_equal(judge("a", NOW), GRAY_UNREACHED);
    tell("a", 1, 5, 0, GRAY_REACHED, NOW);
    assert_int_equal(judge("a", NOW), GRAY_FINE);
}

/* Goal: trouble that all nodes have is not one node's. */
static void everywhere(void **state)
{
    (void)state;
    tell("a", 1, 8, 0, GRAY_MISSED, NOW);
    assert_int_equal(judge("a", NOW), GRAY_FINE); /* nobody is known to be well elsewhere */
    tell("b", 100, 10, 0, GRAY_MISSED, NOW);
    tell("b", 110, 10, 0, GRAY_REACHED, NOW);
    assert_int_equal(judge("a", NOW), GRAY_FINE); /* every second one fails */
    tell("b", 200, 160, 0, GRAY_REACHED, NOW);
    assert_int_equal(judge("a", NOW), GRAY_UNREACHED);
}

/* Goal: people of one network count as one, until one of them is well at another node. */
static void one_network(void **state)
{
    (void)state;
    tell("b", 100, 60, 0, GRAY_REACHED, NOW);
    tell("a", 1, 30, 7, GRAY_MISSED, NOW);
    assert_int_equal(judge("a", NOW), GRAY_FINE);
    tell("b", 1, 1, 7, GRAY_MISSED, NOW);
    assert_int_equal(judge("a", NOW), GRAY_FINE);
    tell("b", 2, 1, 7, GRAY_REACHED, NOW);
    assert_int_equal(judge("a", NOW), GRAY_UNREACHED);
}

/* Goal: many who are there lose it, of those who are there; the same number of many more is none.
 */
static void losing(void **state)
{
    (void)state;
    struct gray_facts facts = {.nodes = 10, .here = 12, .elsewhere = 200};
    tell("a", 1, 5, 0, GRAY_LOST, NOW);
    assert_int_equal(gray_judge(gray, NOW, "a", &facts), GRAY_LOSING);
    facts.here = 400;
    assert_int_equal(gray_judge(gray, NOW, "a", &facts), GRAY_FINE);
    facts = (struct gray_facts){.nodes = 10, .here = 12, .elsewhere = 0};
    assert_int_equal(gray_judge(gray, NOW, "a", &facts), GRAY_FINE); /* the only one with people */
    assert_string_equal(gray_verdict_name(GRAY_LOSING), "losing");
}

/* Goal: a client is remembered to have failed somewhere, for a while; no more than so many are. */
static void fled(void **state)
{
    (void)state;
    tell("a", 1, 1, 0, GRAY_MISSED, NOW);
    assert_string_equal(gray_failed_at(gray, NOW, 1), "a");
    assert_null(gray_failed_at(gray, NOW, 2));
    tell("b", 1, 1, 0, GRAY_LOST, NOW + 1);
    assert_string_equal(gray_failed_at(gray, NOW + 1, 1), "b");
    assert_null(gray_failed_at(gray, NOW + 1 + GRAY_WINDOW_US, 1));
    tell("b", 10, GRAY_FLED_MAX - 1, 0, GRAY_LOST, NOW + 2);
    assert_non_null(gray_failed_at(gray, NOW + 2, 1));
    tell("b", 9, 1, 0, GRAY_LOST, NOW + 2);
    assert_null(gray_failed_at(gray, NOW + 2, 1));
    tell("b", 1, 2 * GRAY_SAMPLES_MAX, 0, GRAY_LOST, NOW + 3); /* no more are kept */
    assert_int_equal(judge("b", NOW + 3), GRAY_LOSING);
}

static bool probe(int64_t at_us)
{
    return gray_probe_due(gray, at_us, "a");
}

/* Goal: a condemned node rests, and three of three who try it make it trusted. */
static void trusted(void **state)
{
    (void)state;
    int64_t at = NOW + GRAY_REST_US;
    gray_condemn(gray, NOW, "a");
    tell("a", 1, 9, 0, GRAY_MISSED, NOW + 1); /* those who are on it still */
    tell("a", 1, 9, 0, GRAY_REACHED, NOW + 1);
    assert_false(gray_suspects(gray, NOW + 1, "a"));
    assert_int_equal(judge("a", NOW + 1), GRAY_FINE); /* it is out already */
    assert_false(probe(at - 1));
    assert_true(probe(at));
    assert_false(probe(at + GRAY_PROBE_US - 1));
    tell("a", 1, 1, 0, GRAY_REACHED, at);
    tell("a", 1, 1, 0, GRAY_REACHED, at); /* the same one proves nothing more */
    tell("a", 2, 1, 0, GRAY_REACHED, at);
    assert_false(gray_trusted(gray, at, "a"));
    assert_true(probe(at + GRAY_PROBE_US));
    tell("a", 3, 1, 0, GRAY_REACHED, at + GRAY_PROBE_US);
    assert_true(gray_trusted(gray, at + GRAY_PROBE_US, "a"));
    assert_false(gray_relapsed(gray, "a"));
    gray_forgive(gray, at + GRAY_PROBE_US, "a");
    assert_false(probe(at + TIME_S(100)));
    assert_false(gray_trusted(gray, at + TIME_S(100), "a"));
}

/* Goal: one who does not reach it begins the rest anew, longer each time, up to a bound. */
static void relapsed(void **state)
{
    (void)state;
    int64_t at = NOW, rest = GRAY_REST_US;
    gray_condemn(gray, at, "a");
    for (int i = 0; i < 6; i++) {
        assert_false(probe(at + rest - 1));
        at += rest;
        assert_true(probe(at));
        tell("a", 1, 2, 0, GRAY_REACHED, at);
        tell("a", 3, 1, 0, GRAY_MISSED, at);
        assert_true(gray_relapsed(gray, "a"));
        assert_false(gray_relapsed(gray, "a"));
        tell("a", 4, 1, 0, GRAY_REACHED, at); /* two before it count no more, nor does this */
        assert_false(gray_trusted(gray, at, "a"));
        rest = MIN(2 * rest, GRAY_REST_MAX_US);
    }
    assert_int_equal(rest, GRAY_REST_MAX_US);
}

/* Goal: condemned again soon it rests longer; long after, as at first. Nobody to try it with, it is
 * trusted in the end. */
static void again(void **state)
{
    (void)state;
    gray_condemn(gray, NOW, "a");
    int64_t idle = NOW + GRAY_REST_US + GRAY_IDLE_US;
    assert_false(gray_trusted(gray, idle - 1, "a"));
    assert_true(gray_trusted(gray, idle, "a"));
    gray_forgive(gray, idle, "a");
    gray_condemn(gray, idle + 1, "a");
    assert_false(probe(idle + 2 * GRAY_REST_US));
    assert_true(probe(idle + 1 + 2 * GRAY_REST_US));
    gray_forgive(gray, idle + TIME_S(300), "a");
    gray_condemn(gray, idle + TIME_S(300) + GRAY_FORGIVE_US, "a");
    assert_true(probe(idle + TIME_S(300) + GRAY_FORGIVE_US + GRAY_REST_US));
    gray_forget(gray, "a");
    gray_forget(gray, "a");
    assert_false(gray_trusted(gray, INT64_MAX / 2, "a"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(unreached, setup, teardown),
        cmocka_unit_test_setup_teardown(share, setup, teardown),
        cmocka_unit_test_setup_teardown(late, setup, teardown),
        cmocka_unit_test_setup_teardown(everywhere, setup, teardown),
        cmocka_unit_test_setup_teardown(one_network, setup, teardown),
        cmocka_unit_test_setup_teardown(losing, setup, teardown),
        cmocka_unit_test_setup_teardown(fled, setup, teardown),
        cmocka_unit_test_setup_teardown(trusted, setup, teardown),
        cmocka_unit_test_setup_teardown(relapsed, setup, teardown),
        cmocka_unit_test_setup_teardown(again, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
