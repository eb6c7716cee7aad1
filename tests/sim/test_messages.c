/* SPDX-License-Identifier: Apache-2.0
 *
 * Four people say reliable messages to each other, and an orchestrator is gone: nobody lacks any of
 * them, but for what its own people had given it. What a hole is, check/messages.c looks for all
 * the time.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "tests/sim/faults/faults.h"

#define PEOPLE        4
#define ORCHESTRATORS 3
#define FRONTS        2      /* the first of them, of every other one of the people */
#define OWNER         FRONTS /* nobody's front */
#define STEP_MS       30 /* between two moments that are tried, of a beat between orchestrators */

static const char *const names[PEOPLE] = {"c1", "c2", "c3", "c4"};

static struct sim *meeting_of(uint64_t seed)
{
    struct sim *sim = sim_new(&(struct sim_config){.seed = seed,
                                                   .regions = 2,
                                                   .orchestrators = ORCHESTRATORS,
                                                   .nodes = 2,
                                                   .clients = PEOPLE,
                                                   .rooms = 1,
                                                   .capacity = 1000,
                                                   .data = true,
                                                   .talk_us = TIME_MS(200),
                                                   .aloud = getenv("SPILLWAY_STORY") != NULL});
    for (size_t i = 0; i < PEOPLE; i++) {
        sim->clients[i].front = i % FRONTS + ORCHESTRATORS - 1; /* it tries the next one */
        client_join(&sim->clients[i], "room0");
    }
    sim_run(sim, TIME_S(5));
    return sim;
}

/* Whose room has that owner. */
static struct sim *meeting(size_t owner)
{
    char why[CHECK_TEXT_MAX];
    uint64_t seed = 1;
    struct sim *sim = meeting_of(seed);
    while (check_owner(sim, "room0") != 1u << owner) {
        sim_free(sim);
        sim = meeting_of(++seed);
    }
    check_meetings(sim, why);
    assert_string_equal(why, "");
    free(timeline_of(sim->timeline, NULL, 0));
    return sim;
}

/* Everybody has everything that is not lost with a front. */
static void becomes_well(struct sim *sim)
{
    char why[CHECK_TEXT_MAX];
    sim_run(sim, TIME_S(12));
    check_meetings(sim, why);
    assert_string_equal(why, "");
}

static void ends_well(struct sim *sim, bool noticed)
{
    becomes_well(sim);
    char *told = timeline_of(sim->timeline, names, PEOPLE);
    assert_int_equal(noticed, told[0] != '\0');
    assert_null(strstr(told, "starts over"));
    free(told);
    sim_free(sim);
}

static void gone(struct sim *sim, enum fault_kind kind, size_t orchestrator, int64_t ms)
{
    sim_run(sim, TIME_MS(ms));
    fault_happens(sim, &(struct fault){.kind = kind, .target = orchestrator, .for_us = TIME_S(60)});
}

/* Goal: the room's owner dies, in any moment between two of its beats: nobody notices. */
static void owner_killed(void **state)
{
    (void)state;
    for (int64_t ms = 0; ms < 250; ms += STEP_MS) {
        struct sim *sim = meeting(OWNER);
        gone(sim, FAULT_ORCHESTRATOR_CRASH, OWNER, ms);
        ends_well(sim, false);
    }
}

/* Goal: a front dies, the room's owner or not: its people resume, and lack nothing that others say,
 * nor these anything that each other says. */
static void front_killed(void **state)
{
    (void)state;
    for (int64_t ms = 0; ms < 250; ms += STEP_MS) {
        for (size_t owner = 0; owner <= OWNER; owner += OWNER) {
            struct sim *sim = meeting(owner);
            gone(sim, FAULT_ORCHESTRATOR_CRASH, 0, ms);
            ends_well(sim, true);
        }
    }
}

/* Goal: a front dies while somebody opens his channel there, wherever that has got to: he says and
 * gets messages all the same. (data, seed 47) */
static void front_killed_amid(void **state)
{
    (void)state;
    for (int64_t ms = 150; ms <= 600; ms += STEP_MS) {
        struct sim *sim = meeting(OWNER);
        client_leave(&sim->clients[0]);
        sim_run(sim, TIME_S(1));
        sim->clients[0].front = ORCHESTRATORS - 1; /* it tries the next one */
        client_join(&sim->clients[0], "room0");
        gone(sim, FAULT_ORCHESTRATOR_CRASH, 0, ms);
        becomes_well(sim);
        sim_free(sim);
    }
}

/* Goal: a front is told to stop: nobody lacks anything at all. */
static void front_stops(void **state)
{
    (void)state;
    for (size_t owner = 0; owner <= OWNER; owner += OWNER) {
        struct sim *sim = meeting(owner);
        gone(sim, FAULT_ORCHESTRATOR_STOP, 0, 0);
        sim_run(sim, TIME_S(10));
        for (size_t i = 0; i < PEOPLE; i++) {
            assert_int_equal(sim->clients[i].data.lost_count, 0);
        }
        ends_well(sim, true);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(owner_killed),
        cmocka_unit_test(front_killed),
        cmocka_unit_test(front_killed_amid),
        cmocka_unit_test(front_stops),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
