/* SPDX-License-Identifier: Apache-2.0
 *
 * What one join, one farewell and one failure cost in messages, in rooms of 2 to 24:
 * check/traffic.h bounds each by so many for himself, for each of the others, and for each node.
 * One that grew with the square of the room would break the bound in the large one.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tests/sim/faults/faults.h"

static const size_t sizes[] = {2, 8, 24};

static struct sim *meeting(size_t people)
{
    struct sim *sim = sim_new(&(struct sim_config){.seed = 1,
                                                   .regions = 2,
                                                   .orchestrators = 3,
                                                   .nodes = 4,
                                                   .clients = people + 1,
                                                   .rooms = 1,
                                                   .capacity = 1000,
                                                   .talk_us = TIME_MS(400)});
    for (size_t i = 0; i < people; i++) {
        client_join(&sim->clients[i], "room0");
        sim_run(sim, TIME_MS(200));
    }
    sim_run(sim, TIME_S(5));
    traffic_check(sim, true);
    return sim;
}

/* What is allowed is counted from the last traffic_check() on. */
static void quiet(struct sim *sim)
{
    char why[CHECK_TEXT_MAX];
    sim_run(sim, TIME_S(20));
    check_meetings(sim, why);
    assert_string_equal(why, "");
    traffic_check(sim, true);
}

/* Goal: nobody comes or goes, nothing breaks: nothing is said but in the rhythm. */
static void nothing_happens(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(sizes); i++) {
        struct sim *sim = meeting(sizes[i]);
        quiet(sim);
        sim_free(sim);
    }
}

static void somebody_joins_and_leaves(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(sizes); i++) {
        struct sim *sim = meeting(sizes[i]);
        client_join(&sim->clients[sizes[i]], "room0");
        quiet(sim);
        client_leave(&sim->clients[0]);
        quiet(sim);
        sim_free(sim);
    }
}

static void something_fails(void **state)
{
    (void)state;
    static const enum fault_kind kinds[] = {FAULT_NODE_CRASH, FAULT_NODE_HANG, FAULT_NODE_DRAIN,
                                            FAULT_ORCHESTRATOR_CRASH, FAULT_STORE_EMPTY};
    for (size_t k = 0; k < ARRAY_LEN(kinds); k++) {
        for (size_t i = 0; i < ARRAY_LEN(sizes); i++) {
            struct sim *sim = meeting(sizes[i]);
            fault_happens(sim, &(struct fault){.kind = kinds[k], .for_us = TIME_S(8)});
            sim_run(sim, TIME_S(10));
            quiet(sim);
            sim_free(sim);
        }
    }
}

/* Goal: what follows a mending is not held against a time in which nothing happened. */
static void mended_a_moment_ago(void **state)
{
    (void)state;
    struct sim *sim = meeting(8);
    fault_happens(sim, &(struct fault){.kind = FAULT_NODE_CRASH, .for_us = TIME_S(8)});
    sim_run(sim, TIME_S(8));
    traffic_check(sim, false);
    quiet(sim);
    sim_free(sim);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nothing_happens),
        cmocka_unit_test(somebody_joins_and_leaves),
        cmocka_unit_test(something_fails),
        cmocka_unit_test(mended_a_moment_ago),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
