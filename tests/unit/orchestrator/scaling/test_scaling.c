/* SPDX-License-Identifier: Apache-2.0
 *
 * Goal: a region wants as many nodes as what it carries and expects needs, in time for them to
 * start, and never fewer for want of data.
 */
#include "orchestrator/core/scaling/scaling.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

static const struct scaling_config usual = {.target_permille = 500,
                                            .node_start_us = TIME_S(180),
                                            .scale_in_after_us = TIME_S(600),
                                            .nodes_min = 1,
                                            .nodes_max = 100};

struct test {
    struct scaling *scaling;
    int64_t now_us;
};

static struct test begin(const struct scaling_config *config)
{
    return (struct test){.scaling = scaling_new(config)};
}

static struct scaling_input region_of(const char *name, uint64_t carried)
{
    return (struct scaling_input){
        .region = name, .whole = true, .node_weight = 1000, .carried = carried};
}

static const struct scaling_region *number_of(const struct test *t, const char *name)
{
    for (size_t i = 0; i < scaling_count(t->scaling); i++) {
        if (strcmp(scaling_at(t->scaling, i)->region, name) == 0) {
            return scaling_at(t->scaling, i);
        }
    }
    return NULL;
}

static uint32_t wanted(const struct test *t, const char *name)
{
    const struct scaling_region *region = number_of(t, name);
    assert_non_null(region);
    return region->wanted;
}

static enum scaling_reason reason(const struct test *t, const char *name)
{
    return number_of(t, name)->reason;
}

/* The same is seen every step for so long. */
static void see(struct test *t, int64_t us, const struct scaling_input *inputs, size_t count)
{
    int64_t until_us = t->now_us + us;
    do {
        t->now_us += SCALING_STEP_US;
        scaling_look(t->scaling, t->now_us, inputs, count);
    } while (t->now_us < until_us);
}

static void see_one(struct test *t, int64_t us, struct scaling_input input)
{
    see(t, us, &input, 1);
}

/* Goal: so many nodes that each is used up to the target; at least and at most what is said. */
static void demand(void **state)
{
    (void)state;
    struct test t = begin(&usual);
    see_one(&t, 0, region_of("eu", 0));
    assert_int_equal(wanted(&t, "eu"), 1);
    assert_int_equal(reason(&t, "eu"), SCALING_NODES_MIN);
    see_one(&t, TIME_S(400), region_of("eu", 5000));
    assert_int_equal(number_of(&t, "eu")->growth, 0);
    see_one(&t, TIME_S(700), region_of("eu", 5001));
    assert_int_equal(wanted(&t, "eu"), 11);
    assert_int_equal(reason(&t, "eu"), SCALING_DEMAND);
    see_one(&t, 0, region_of("eu", 60000));
    assert_int_equal(wanted(&t, "eu"), 100);
    assert_int_equal(reason(&t, "eu"), SCALING_NODES_MAX);
    scaling_free(t.scaling);
}

/* Goal: while people come, what comes until a node has started is wanted beforehand; an
 * orchestrator that has just started takes nothing for growth. */
static void growth(void **state)
{
    (void)state;
    struct test t = begin(&usual);
    see_one(&t, 0, region_of("eu", 10000));
    assert_int_equal(number_of(&t, "eu")->growth, 0);
    see_one(&t, TIME_S(300), region_of("eu", 10000));
    for (uint64_t weight = 10000; weight <= 13600; weight += 50) { /* 10 a second, for 360 s */
        see_one(&t, 0, region_of("eu", weight));
    }
    const struct scaling_region *eu = number_of(&t, "eu");
    assert_in_range(eu->growth, 1700, 1900); /* of 180 s, to a slot */
    assert_int_equal(eu->wanted, (13600 + eu->growth + 499) / 500);
    see_one(&t, TIME_S(200), region_of("eu", 13600));
    assert_int_equal(number_of(&t, "eu")->growth, 0);
    scaling_free(t.scaling);
}

/* Goal: what is expected beyond that counts, and why is told. */
static void events_and_timetables(void **state)
{
    (void)state;
    struct test t = begin(&usual);
    struct scaling_input eu = region_of("eu", 1000);
    see_one(&t, TIME_S(300), eu);
    assert_int_equal(wanted(&t, "eu"), 2);
    eu.events = 3000;
    see_one(&t, 0, eu);
    assert_int_equal(wanted(&t, "eu"), 8);
    assert_int_equal(reason(&t, "eu"), SCALING_DEMAND);
    eu.timetable = 9;
    see_one(&t, 0, eu);
    assert_int_equal(wanted(&t, "eu"), 9);
    assert_int_equal(reason(&t, "eu"), SCALING_TIMETABLE);
    eu.timetable = 8;
    eu.events = 0;
    see_one(&t, TIME_S(700), eu);
    assert_int_equal(wanted(&t, "eu"), 8);
    scaling_free(t.scaling);
}

/* Goal: up at once, down to what was needed at most of late, and only after that time. */
static void falls_late(void **state)
{
    (void)state;
    struct test t = begin(&usual);
    see_one(&t, TIME_S(300), region_of("eu", 10000));
    assert_int_equal(wanted(&t, "eu"), 20);
    see_one(&t, TIME_S(300), region_of("eu", 2000));
    assert_int_equal(wanted(&t, "eu"), 20);
    assert_int_equal(number_of(&t, "eu")->need, 4);
    assert_int_equal(reason(&t, "eu"), SCALING_WAITS);
    see_one(&t, 0, region_of("eu", 4000));
    see_one(&t, TIME_S(270), region_of("eu", 2000));
    assert_int_equal(wanted(&t, "eu"), 20); /* 580 s */
    see_one(&t, TIME_S(60), region_of("eu", 2000));
    assert_in_range(wanted(&t, "eu"), 8, 12); /* the 4000, with the growth to it */
    see_one(&t, TIME_S(600), region_of("eu", 2000));
    assert_int_equal(wanted(&t, "eu"), 4);
    assert_int_equal(reason(&t, "eu"), SCALING_DEMAND);
    scaling_free(t.scaling);
}

/* Goal: of what is not known there is no number; of what is known no more, the last one. */
static void missing_data(void **state)
{
    (void)state;
    struct test t = begin(&usual);
    struct scaling_input unknown = {.region = "us"}; /* no node of it was ever heard */
    scaling_look(t.scaling, 0, NULL, 0);
    assert_int_equal(scaling_count(t.scaling), 0);
    see(&t, TIME_S(60), &unknown, 1);
    assert_int_equal(scaling_count(t.scaling), 0);
    see_one(&t, TIME_S(300), region_of("eu", 10000));
    assert_int_equal(wanted(&t, "eu"), 20);
    /* Everything of it is silent, for hours: as if it were not there. */
    struct scaling_input silent = {.region = "eu"};
    see_one(&t, TIME_S(7200), silent);
    assert_int_equal(wanted(&t, "eu"), 20);
    assert_int_equal(reason(&t, "eu"), SCALING_HELD);
    see(&t, TIME_S(7200), NULL, 0);
    assert_int_equal(wanted(&t, "eu"), 20);
    /* It is there again, with less: the time begins then. */
    see_one(&t, TIME_S(550), region_of("eu", 2000));
    assert_int_equal(wanted(&t, "eu"), 20);
    see_one(&t, TIME_S(100), region_of("eu", 2000));
    assert_int_equal(wanted(&t, "eu"), 4);
    scaling_free(t.scaling);
}

/* Goal: while a node is lost its load is not gone, and more may be wanted than before. */
static void part_of_a_region(void **state)
{
    (void)state;
    struct test t = begin(&usual);
    see_one(&t, TIME_S(300), region_of("eu", 10000));
    struct scaling_input less = region_of("eu", 6000), more = region_of("eu", 11000);
    less.whole = more.whole = false;
    see_one(&t, TIME_S(3600), less);
    assert_int_equal(wanted(&t, "eu"), 20);
    see_one(&t, TIME_S(300), more);
    assert_in_range(wanted(&t, "eu"), 22, 24);
    see_one(&t, TIME_S(1200), less);
    assert_in_range(wanted(&t, "eu"), 22, 24);
    scaling_free(t.scaling);
}

/* Goal: a node that dies, and whose people are elsewhere a moment later, is no growth. */
static void a_node_dies(void **state)
{
    (void)state;
    struct test t = begin(&usual);
    see_one(&t, TIME_S(300), region_of("eu", 10000));
    see_one(&t, 0, region_of("eu", 9000));
    see_one(&t, 0, region_of("eu", 10000));
    for (int i = 0; i < 100; i++) {
        see_one(&t, 0, region_of("eu", 10000));
        assert_int_equal(wanted(&t, "eu"), 20);
    }
    scaling_free(t.scaling);
}

/* Goal: the others carry everybody of any one region, if that is wanted; a region that is lost goes
 * on to count. */
static void region_loss(void **state)
{
    (void)state;
    struct scaling_config config = usual;
    config.survive_region_loss = true;
    struct test t = begin(&config);
    struct scaling_input three[] = {region_of("eu", 6000), region_of("us", 6000),
                                    region_of("ap", 6000)};
    see(&t, TIME_S(300), three, 3);
    assert_int_equal(wanted(&t, "eu"), 18); /* 9000: any two carry 18000 */
    assert_int_equal(wanted(&t, "ap"), 18);
    assert_int_equal(reason(&t, "us"), SCALING_REGION_LOSS);
    three[0].carried = three[1].carried = 9000; /* ap is lost, its people are with the others */
    see(&t, TIME_S(3600), three, 2);
    assert_true(wanted(&t, "eu") >= 18 && wanted(&t, "us") >= 18);
    assert_true(wanted(&t, "ap") >= 18);
    scaling_free(t.scaling);
    t = begin(&config);
    see_one(&t, TIME_S(300), region_of("eu", 6000));
    assert_int_equal(wanted(&t, "eu"), 12); /* alone: nobody else to carry it */
    scaling_free(t.scaling);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(demand),       cmocka_unit_test(growth),
        cmocka_unit_test(falls_late),   cmocka_unit_test(events_and_timetables),
        cmocka_unit_test(missing_data), cmocka_unit_test(part_of_a_region),
        cmocka_unit_test(a_node_dies),  cmocka_unit_test(region_loss),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
