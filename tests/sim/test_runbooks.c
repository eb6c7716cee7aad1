/* SPDX-License-Identifier: Apache-2.0
 *
 * Pages of docs/operations as stories with times: what is done when, and what has come of it by
 * when. Nodes, orchestrators and the store that fail on their own are in test_outages.c.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "tests/sim/faults/faults.h"

#define PEOPLE 4

static struct sim *meeting(void)
{
    struct sim *sim = sim_new(&(struct sim_config){.seed = 1,
                                                   .regions = 2,
                                                   .orchestrators = 3,
                                                   .nodes = 4,
                                                   .clients = PEOPLE + 4,
                                                   .rooms = 5,
                                                   .capacity = 1000,
                                                   .aloud = getenv("SPILLWAY_STORY") != NULL});
    for (size_t i = 0; i < PEOPLE; i++) {
        client_join(&sim->clients[i], "room0");
        sim_run(sim, TIME_MS(500));
    }
    sim_run(sim, TIME_S(5));
    free(timeline_of(sim->timeline, NULL, 0));
    return sim;
}

static void all_is_well(const struct sim *sim)
{
    char why[CHECK_TEXT_MAX];
    check_meetings(sim, why);
    assert_string_equal(why, "");
}

/* No SDK has had anything to do since this was asked last. */
static void nobody_noticed(struct sim *sim)
{
    static const char *const names[] = {"c1", "c2", "c3", "c4"};
    char *told = timeline_of(sim->timeline, names, ARRAY_LEN(names));
    assert_string_equal(told, "");
    free(told);
}

static struct node_process *node_of(struct sim *sim, size_t client)
{
    const struct pc *pc = &sim->clients[client].pc;
    return sim_node_at(sim, &pc->paths[pc->chosen].remote);
}

static void ask(struct sim *sim, const struct node_process *node, const char *verb)
{
    char path[64];
    snprintf(path, sizeof(path), "/admin/v1/nodes/%s/%s", node->name, verb);
    orchestrator_admin(&sim->orchestrators[1], "POST", path, "{}");
    sim_run(sim, TIME_MS(500));
    assert_int_equal(sim->orchestrators[1].last_status, 200);
}

/* Rooms that nobody is in yet. */
static bool others_go_there(struct sim *sim, const struct node_process *node)
{
    bool there = false;
    for (size_t i = PEOPLE; i < sim->config.clients; i++) {
        char room[16];
        snprintf(room, sizeof(room), "room%u", (unsigned)(i - PEOPLE + 1));
        client_join(&sim->clients[i], room);
        sim_run(sim, TIME_S(2));
        there |= node_of(sim, i) == node;
    }
    for (size_t i = PEOPLE; i < sim->config.clients; i++) {
        client_leave(&sim->clients[i]);
    }
    sim_run(sim, TIME_S(1));
    return there;
}

/* drain.md
 *   0.0 s  cordoned: its people stay, and no new room goes there
 *   9.5 s  drained: within 3 s it is empty, and nobody noticed
 *  12.5 s  uncordoned: who was moved stays, and new rooms go there again */
static void drain(void **state)
{
    (void)state;
    struct sim *sim = meeting();
    struct node_process *node = node_of(sim, 0);
    ask(sim, node, "cordon");
    assert_false(others_go_there(sim, node));
    assert_ptr_equal(node_of(sim, 0), node);
    ask(sim, node, "drain");
    sim_run(sim, TIME_MS(2500));
    assert_int_equal(node->weight, 0);
    ask(sim, node, "uncordon");
    sim_run(sim, TIME_S(5));
    assert_ptr_not_equal(node_of(sim, 0), node);
    assert_true(others_go_there(sim, node));
    all_is_well(sim);
    nobody_noticed(sim);
    sim_free(sim);
}

/* upgrade.md, the nodes: one after the other is drained, its process ends and a new one starts.
 * After each, everybody hears everybody, and nobody noticed. */
static void upgrade_of_nodes(void **state)
{
    (void)state;
    struct sim *sim = meeting();
    for (size_t i = 0; i < sim->config.nodes; i++) {
        fault_happens(sim,
                      &(struct fault){.kind = FAULT_NODE_DRAIN, .target = i, .for_us = TIME_S(1)});
        sim_run(sim, TIME_S(3));
        assert_int_equal(sim->nodes[i].weight, 0);
        sim_run(sim, TIME_S(12));
        all_is_well(sim);
        nobody_noticed(sim);
    }
    sim_free(sim);
}

/* upgrade.md, the orchestrators: one after the other is told to stop, and a new process starts once
 * it has; the next one once everybody knows the new one. Each person resumes once for the one that
 * was his front, and nobody else notices that the owner of the room is one of them, too.
 *    0.0 s  told to stop
 *    0.8 s  its process has ended: nobody's front was there any more
 *    1.8 s  a new one starts
 *   10.0 s  everybody hears everybody, and all know each other */
static void upgrade_of_orchestrators(void **state)
{
    (void)state;
    char why[CHECK_TEXT_MAX];
    struct sim *sim = meeting();
    sim->config.stops = true;
    for (size_t i = 0; i < sim->config.orchestrators; i++) {
        size_t there = 0, resumed = 0;
        for (size_t c = 0; c < PEOPLE; c++) {
            there += sim->clients[c].front == i;
        }
        fault_happens(sim, &(struct fault){
                               .kind = FAULT_ORCHESTRATOR_STOP, .target = i, .for_us = TIME_S(1)});
        sim_run(sim, TIME_MS(800));
        assert_false(sim->orchestrators[i].alive);
        sim_run(sim, TIME_MS(9200));
        all_is_well(sim);
        check_acquainted(sim, why);
        assert_string_equal(why, "");
        for (size_t c = 0; c < PEOPLE; c++) {
            resumed += sim->clients[c].resumed == sim->stops;
        }
        assert_int_equal(resumed, there);
    }
    sim_free(sim);
}

static bool hears(struct sim *sim, size_t listener, size_t speaker, int64_t within_us)
{
    return sim->clients[listener].heard_us[speaker] >= sim_now(sim) - within_us;
}

/* region-lost.md
 *   0 s   every process of region r2 ends at once
 *   2 s   those of r1 hear each other
 *  20 s   everybody is in again, on nodes of r1
 *  60 s   the region starts again: nobody notices */
static void region_lost(void **state)
{
    (void)state;
    struct sim *sim = meeting();
    for (size_t i = 1; i < sim->config.nodes; i += sim->config.regions) {
        fault_happens(sim,
                      &(struct fault){.kind = FAULT_NODE_CRASH, .target = i, .for_us = TIME_S(60)});
    }
    for (size_t i = 1; i < sim->config.orchestrators; i += sim->config.regions) {
        fault_happens(
            sim,
            &(struct fault){.kind = FAULT_ORCHESTRATOR_CRASH, .target = i, .for_us = TIME_S(60)});
    }
    sim_run(sim, TIME_S(2));
    assert_true(hears(sim, 0, 2, TIME_MS(500)) && hears(sim, 2, 0, TIME_MS(500)));
    sim_run(sim, TIME_S(18));
    all_is_well(sim);
    for (size_t i = 0; i < PEOPLE; i++) {
        assert_string_equal(node_of(sim, i)->region, "r1");
    }
    free(timeline_of(sim->timeline, NULL, 0));
    sim_run(sim, TIME_S(50));
    all_is_well(sim);
    nobody_noticed(sim);
    sim_free(sim);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(drain),
        cmocka_unit_test(upgrade_of_nodes),
        cmocka_unit_test(upgrade_of_orchestrators),
        cmocka_unit_test(region_lost),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
