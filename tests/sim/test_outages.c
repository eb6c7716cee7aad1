/* SPDX-License-Identifier: Apache-2.0
 *
 * One outage after the other, each as a story: four people talk, something breaks, and so it goes
 * on. What of it clients notice is told without times; how long nobody may be unheard is a bound.
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

static struct sim *meeting_on(uint64_t seed, size_t nodes)
{
    char why[CHECK_TEXT_MAX];
    struct sim *sim = sim_new(&(struct sim_config){.seed = seed,
                                                   .regions = 2,
                                                   .orchestrators = 3,
                                                   .nodes = nodes,
                                                   .clients = PEOPLE + 2,
                                                   .rooms = 1,
                                                   .capacity = 1000,
                                                   .aloud = getenv("SPILLWAY_STORY") != NULL});
    for (size_t i = 0; i < PEOPLE; i++) {
        client_join(&sim->clients[i], "room0");
        sim_run(sim, TIME_MS(500));
    }
    sim_run(sim, TIME_S(5));
    check_meetings(sim, why);
    assert_string_equal(why, "");
    free(timeline_of(sim->timeline, NULL, 0));
    return sim;
}

static struct sim *meeting_of(uint64_t seed)
{
    return meeting_on(seed, 4);
}

static void happens(struct sim *sim, enum fault_kind kind, size_t target, int64_t for_us)
{
    fault_happens(sim, &(struct fault){.kind = kind, .target = target, .for_us = for_us});
}

static struct sim *meeting(void)
{
    return meeting_of(1);
}

/* Nobody is unheard for longer, and by the end of that time nothing is amiss. */
static void well_within(struct sim *sim, int64_t us)
{
    char why[CHECK_TEXT_MAX];
    sim_run(sim, us);
    check_meetings(sim, why);
    assert_string_equal(why, "");
}

static int64_t longest_pause(struct sim *sim)
{
    int64_t longest_us = 0;
    for (size_t i = 0; i < sim->config.clients; i++) {
        longest_us = MAX(longest_us, sim->clients[i].pause_us);
        sim->clients[i].pause_us = 0;
    }
    return longest_us;
}

/* What the people's SDKs did since the meeting began or this was asked last: lines without times.
 */
static void clients_tell_of(struct sim *sim, const char *const *names, size_t count,
                            const char *expected)
{
    char *told = timeline_of(sim->timeline, names, count), *out = told;
    for (const char *line = told; *line != '\0';) {
        size_t len = strcspn(line, "\n") + 1, time = strspn(line, " 0123456789.");
        memmove(out, line + time, len - time);
        out += len - time;
        line += len;
    }
    *out = '\0';
    assert_string_equal(told, expected);
    free(told);
}

static void clients_tell(struct sim *sim, const char *expected)
{
    static const char *const names[] = {"c1", "c2", "c3", "c4", "c5", "c6"};
    clients_tell_of(sim, names, ARRAY_LEN(names), expected);
}

static size_t node_of(struct sim *sim, size_t client)
{
    const struct pc *pc = &sim->clients[client].pc;
    return sim_node_at(sim, &pc->paths[pc->chosen].remote)->index;
}

static size_t owner_of(const struct sim *sim)
{
    uint32_t owner = check_owner(sim, "room0");
    assert_int_not_equal(owner, 0);
    return (size_t)__builtin_ctz(owner);
}

/* ---- Nodes --------------------------------------------------------------------------------- */

/* Goal: a node is killed: its people are heard again from another one, and no SDK notices. */
static void node_killed(void **state)
{
    (void)state;
    struct sim *sim = meeting();
    happens(sim, FAULT_NODE_CRASH, node_of(sim, 0), TIME_S(5));
    well_within(sim, TIME_S(2));
    assert_true(longest_pause(sim) <= TIME_MS(800));
    sim_run(sim, TIME_S(10));
    clients_tell(sim, "");
    sim_free(sim);
}

static void falls_silent(struct sim *sim, enum fault_kind kind, size_t node)
{
    happens(sim, kind, node, TIME_S(10));
    well_within(sim, TIME_S(6));
    assert_true(longest_pause(sim) <= TIME_MS(1300));
    well_within(sim, TIME_S(10));
    assert_true(longest_pause(sim) <= TIME_MS(500));
    clients_tell(sim, "");
    sim_free(sim);
}

/* Goal: a node hangs or is cut off: found within a second, for its neighbour hears nothing either;
 * when it is back it harms nobody. */
static void node_silent(void **state)
{
    (void)state;
    for (enum fault_kind kind = FAULT_NODE_HANG; kind <= FAULT_NODE_CUT; kind++) {
        struct sim *sim = meeting();
        falls_silent(sim, kind, node_of(sim, 0));
    }
}

/* Goal: one that is alone in its region, too, whichever of the two it is: two orchestrators do not
 * hear it. */
static void lone_node_silent(void **state)
{
    (void)state;
    for (size_t node = 0; node < 2; node++) {
        for (enum fault_kind kind = FAULT_NODE_HANG; kind <= FAULT_NODE_CUT; kind++) {
            falls_silent(meeting_on(1, 2), kind, node);
        }
    }
}

/* Goal: clients and a node do not reach each other any more, and it lives: its people are heard
 * again from another one, long before their consent ends, and no SDK notices. */
static void node_unreached(void **state)
{
    (void)state;
    struct sim *sim = meeting();
    happens(sim, FAULT_NODE_UNREACHED, node_of(sim, 0), TIME_S(30));
    well_within(sim, TIME_S(6));
    assert_true(longest_pause(sim) <= TIME_MS(5500));
    well_within(sim, TIME_S(40));
    assert_true(longest_pause(sim) <= TIME_MS(500));
    clients_tell(sim, "");
    sim_free(sim);
}

/* Goal: a node is told to stop: its people have gone when it ends. */
static void node_drained(void **state)
{
    (void)state;
    struct sim *sim = meeting();
    size_t node = node_of(sim, 0);
    happens(sim, FAULT_NODE_DRAIN, node, TIME_S(5));
    well_within(sim, TIME_S(3));
    assert_int_equal(sim->nodes[node].weight, 0);
    assert_true(longest_pause(sim) <= TIME_MS(800));
    sim_run(sim, TIME_S(17));
    clients_tell(sim, "");
    sim_free(sim);
}

/* ---- The store ----------------------------------------------------------------------------- */

/* Goal: whatever happens to the store, nobody in a meeting notices; joins go on; and when it is
 * back, even with nothing, it knows the room again. */
static void store_fails(void **state)
{
    (void)state;
    for (enum fault_kind kind = FAULT_STORE_HANG; kind <= FAULT_STORE_EMPTY; kind++) {
        struct sim *sim = meeting();
        happens(sim, kind, 0, TIME_S(15));
        sim_run(sim, TIME_S(7));
        client_join(&sim->clients[4], "room0");
        well_within(sim, TIME_S(3));
        assert_true(longest_pause(sim) <= TIME_MS(300));
        sim_run(sim, TIME_S(15));
        assert_int_equal(store_rows(sim->store, sim->orchestrators[owner_of(sim)].id), 1);
        sim_free(sim);
    }
}

/* Goal: the store is away for ten minutes and has nothing when it is back: nobody notices, somebody
 * joins meanwhile, and within 5 s it knows the room again. */
static void store_away_long(void **state)
{
    (void)state;
    struct sim *sim = meeting();
    happens(sim, FAULT_STORE_EMPTY, 0, TIME_S(600));
    sim_run(sim, TIME_S(590));
    client_join(&sim->clients[4], "room0");
    well_within(sim, TIME_S(10));
    assert_true(longest_pause(sim) <= TIME_MS(300));
    well_within(sim, TIME_S(5));
    assert_int_equal(store_rows(sim->store, sim->orchestrators[owner_of(sim)].id), 1);
    sim_free(sim);
}

/* ---- Orchestrators ------------------------------------------------------------------------- */

/* Goal: the owner of the room dies: another goes on with it as it was, and whose front lives
 * notices nothing, neither in sight and sound nor in his SDK. */
static void owner_killed(void **state)
{
    (void)state;
    static const char *const names[] = {"c1", "c2", "c3", "c4"};
    const char *spared[PEOPLE];
    size_t spared_count = 0, owner;
    struct sim *sim = meeting();
    owner = owner_of(sim);
    for (size_t i = 0; i < PEOPLE; i++) {
        if (sim->clients[i].front % sim->config.orchestrators != owner) {
            sim->clients[i].roster = 0;
            spared[spared_count++] = names[i];
        }
    }
    assert_true(spared_count > 0 && spared_count < PEOPLE);
    happens(sim, FAULT_ORCHESTRATOR_CRASH, owner, TIME_S(60));
    sim_run(sim, TIME_MS(500));
    assert_true(check_owner(sim, "room0") != 0);
    assert_true(longest_pause(sim) <= TIME_MS(300));
    well_within(sim, TIME_S(3));
    sim_run(sim, TIME_S(17));
    clients_tell_of(sim, spared, spared_count, "");
    sim_free(sim);
}

/* Goal: the owner dies while somebody joins, wherever that has got to: nothing that he or the
 * others are told or asked for is lost for good. */
static void owner_killed_amid(void **state)
{
    (void)state;
    for (int64_t ms = 40; ms <= 600; ms += 40) {
        struct sim *sim = meeting();
        client_join(&sim->clients[PEOPLE], "room0");
        sim_run(sim, TIME_MS(ms));
        happens(sim, FAULT_ORCHESTRATOR_CRASH, owner_of(sim), TIME_S(60));
        sim_run(sim, TIME_S(2));
        client_join(&sim->clients[PEOPLE + 1], "room0");
        well_within(sim, TIME_S(8));
        sim_free(sim);
    }
}

/* Goal: the same while two join at the same time, each of whom is written down when the other has
 * announced a track and not published it. (orchestrator, seed 61267) */
static void owner_killed_amid_two(void **state)
{
    (void)state;
    for (int64_t apart_ms = 0; apart_ms <= 50; apart_ms += 50) {
        for (int64_t ms = 350; ms <= 475; ms += 25) {
            struct sim *sim = meeting();
            client_join(&sim->clients[PEOPLE], "room0");
            sim_run(sim, TIME_MS(apart_ms));
            client_join(&sim->clients[PEOPLE + 1], "room0");
            sim_run(sim, TIME_MS(ms));
            happens(sim, FAULT_ORCHESTRATOR_CRASH, owner_of(sim), TIME_S(60));
            well_within(sim, TIME_S(12));
            sim_free(sim);
        }
    }
}

/* No node hears what the owner says any more; the client does. */
static void until_answered(struct sim *sim, const struct client *c, bool offer)
{
    for (size_t i = 0; i < sim->config.nodes; i++) {
        happens(sim, FAULT_NODE_HANG, i, TIME_MS(300));
    }
    for (int64_t ms = 0; offer ? !c->pc.publishing : c->microphone < 0; ms++) {
        assert_true(ms < 250);
        sim_run(sim, TIME_MS(1));
    }
}

/* Goal: the owner dies when somebody got his track's sid, or the answer to the offer with it, and
 * no node has heard of it: he is heard all the same, and does not start over if his front lives. */
static void answered_and_not_kept(void **state)
{
    (void)state;
    static const char *const name[] = {"c5"};
    for (size_t i = 0; i < 6; i++) {
        struct sim *sim = meeting();
        struct client *late = &sim->clients[PEOPLE];
        late->front = i / 2 + sim->config.orchestrators - 1; /* it tries the next one */
        client_join(late, "room0");
        while (late->state != CLIENT_IN || !pc_connected(&late->pc)) {
            sim_run(sim, TIME_MS(1));
        }
        until_answered(sim, late, i % 2 == 1);
        size_t front = late->front, owner = owner_of(sim);
        happens(sim, FAULT_ORCHESTRATOR_CRASH, owner, TIME_S(60));
        well_within(sim, TIME_S(12));
        char *told = timeline_of(sim->timeline, name, 1);
        assert_true(front == owner || strstr(told, "starts over") == NULL);
        free(told);
        sim_free(sim);
    }
}

/* Goal: somebody goes when his node and the owner of his room die, so that nobody is left who has
 * his session: who goes on with the room says to the others that he is gone. (any) */
static void gone_with_both(void **state)
{
    (void)state;
    for (size_t i = 0; i < PEOPLE; i++) {
        struct sim *sim = meeting();
        happens(sim, FAULT_NODE_CRASH, node_of(sim, i), TIME_S(5));
        happens(sim, FAULT_ORCHESTRATOR_CRASH, owner_of(sim), TIME_S(60));
        client_vanish(&sim->clients[i]);
        well_within(sim, TIME_S(15));
        sim_free(sim);
    }
}

/* Goal: all orchestrators are dead: people hear each other all that time; when they are back, the
 * meeting goes on. */
static void all_orchestrators_killed(void **state)
{
    (void)state;
    struct sim *sim = meeting();
    for (size_t i = 0; i < sim->config.orchestrators; i++) {
        happens(sim, FAULT_ORCHESTRATOR_CRASH, i, TIME_S(10));
    }
    sim_run(sim, TIME_S(10));
    assert_true(longest_pause(sim) <= TIME_MS(300));
    well_within(sim, TIME_S(20));
    sim_free(sim);
}

/* ---- What was mended ----------------------------------------------------------------------- */

/* Goal: somebody joins through an orchestrator that has just been connected again: he waits until
 * it has found the others, and nobody there starts over. (orchestrators, seed 35) */
static void reunion(void **state)
{
    (void)state;
    struct sim *sim = NULL;
    struct cluster_stats stats;
    size_t owner, cut;
    uint64_t seed = 0;
    do { /* until it has nodes again, and nothing else */
        char why[CHECK_TEXT_MAX];
        if (sim != NULL) {
            sim_free(sim);
        }
        assert_true(++seed < 100);
        sim = meeting_of(seed);
        owner = owner_of(sim);
        cut = (owner + 1) % sim->config.orchestrators;
        happens(sim, FAULT_ORCHESTRATOR_CUT, cut, TIME_S(19));
        do {
            sim_run(sim, TIME_MS(10));
        } while (sim->broken.orchestrators[cut] ||
                 !orch_ready(sim->orchestrators[cut].orch, why, sizeof(why)));
        cluster_stats(sim->orchestrators[cut].cluster, &stats);
    } while (stats.peers_up != 0 || sim->orchestrators[cut].store.up);
    struct client *late = &sim->clients[PEOPLE];
    late->front = cut + sim->config.orchestrators - 1; /* it tries the next one */
    client_join(late, "room0");
    well_within(sim, TIME_S(10));
    assert_int_equal(owner_of(sim), owner);
    sim_free(sim);
}

/* Goal: who leaves while another one's connection is broken and nobody knows is not listed there
 * for good. (region, seeds 6 and 8) */
static void ghosts(void **state)
{
    (void)state;
    struct sim *sim = meeting();
    struct client *away = &sim->clients[0];
    net_cut(sim->net, away->host, true);
    sim_run(sim, TIME_S(4));
    client_leave(&sim->clients[1]);
    sim_run(sim, TIME_S(4));
    client_leave(&sim->clients[2]);
    while (away->state == CLIENT_IN) { /* it gives its connection up, which nobody hears */
        sim_run(sim, TIME_MS(100));
    }
    net_cut(sim->net, away->host, false);
    well_within(sim, TIME_S(25));
    sim_free(sim);
}

/* Goal: whose media end while the owner of his room is cut off, and his front with it, is no
 * participant for good. (orchestrators, seed 111) */
static void stranded(void **state)
{
    (void)state;
    char why[CHECK_TEXT_MAX];
    struct sim *sim = meeting();
    happens(sim, FAULT_ORCHESTRATOR_CUT, owner_of(sim), TIME_S(25));
    sim_run(sim, TIME_S(1));
    for (size_t i = 0; i < PEOPLE; i++) {
        client_leave(&sim->clients[i]);
    }
    sim_run(sim, TIME_S(90));
    check_empty(sim, why);
    assert_string_equal(why, "");
    sim_free(sim);
}

/* Goal: the owner of a room is cut off, somebody makes the room anew elsewhere and leaves it, so
 * that its nodes drop what the owner has; one of its people leaves meanwhile, too, and is no
 * participant for good. (orchestrators, seeds 51324 and 52012) */
static void left_behind(void **state)
{
    (void)state;
    for (int64_t ms = 3000; ms <= 5000; ms += 500) {
        struct sim *sim = meeting();
        struct client *other = &sim->clients[0], *late = &sim->clients[PEOPLE];
        size_t owner = owner_of(sim);
        while (other->front == owner) {
            other++;
        }
        happens(sim, FAULT_ORCHESTRATOR_CUT, owner, TIME_MS(ms));
        sim_run(sim, TIME_MS(2050));
        late->front = other->front + sim->config.orchestrators - 1; /* it tries the next one */
        client_join(late, "room0");
        sim_run(sim, TIME_MS(300));
        client_leave(other);
        client_leave(late);
        well_within(sim, TIME_S(40));
        sim_free(sim);
    }
}

/* Goal: when orchestrators start anew, the first of a room's nodes to find one does not decide
 * alone who is in the room: those of all its nodes go on, and nobody starts over. (orchestrators,
 * seeds 51180, 2034 and 2046) */
static void nodes_come_late(void **state)
{
    (void)state;
    static const char *const names[] = {"c1", "c2", "c3", "c4"};
    for (uint64_t seed = 1; seed <= 6; seed++) {
        struct sim *sim = meeting_of(seed);
        for (size_t i = 0; i < sim->config.orchestrators; i++) {
            happens(sim, FAULT_ORCHESTRATOR_CRASH, i, TIME_S(5));
        }
        well_within(sim, TIME_S(30));
        char *told = timeline_of(sim->timeline, names, ARRAY_LEN(names));
        assert_null(strstr(told, "starts over"));
        free(told);
        sim_free(sim);
    }
}

/* Goal: who joins in the last moment of the room's owner, so that others heard of him and neither a
 * node nor his front did, and leaves before there is another owner, is listed by nobody. (all,
 * seed 10193) */
static void joined_unheard(void **state)
{
    (void)state;
    struct orch_stats stats;
    struct sim *sim = sim_new(&(struct sim_config){.seed = 1,
                                                   .regions = 2,
                                                   .orchestrators = 3,
                                                   .nodes = 2,
                                                   .clients = 3,
                                                   .rooms = 1,
                                                   .capacity = 1000,
                                                   .aloud = getenv("SPILLWAY_STORY") != NULL});
    struct client *late = &sim->clients[2];
    happens(sim, FAULT_NODE_CRASH, 0, TIME_S(60)); /* the other one is in r2, as his front is */
    for (size_t i = 0; i < 2; i++) {
        sim->clients[i].front = 2 * i + 2; /* it tries the next one: those in r1 */
        client_join(&sim->clients[i], "room0");
        sim_run(sim, TIME_S(2));
    }
    well_within(sim, TIME_S(5));
    late->front = 0;
    client_join(late, "room0");
    size_t owner = owner_of(sim);
    do {
        sim_run(sim, TIME_MS(1));
        orch_stats(sim->orchestrators[owner].orch, &stats);
    } while (stats.participants != 3);
    sim_run(sim, TIME_MS(3)); /* to the other front in r1, and to nobody in r2 */
    happens(sim, FAULT_ORCHESTRATOR_CRASH, owner, TIME_S(60));
    client_leave(late);
    sim_run(sim, TIME_MS(100));
    assert_true((sim->clients[0].roster | sim->clients[1].roster) >> late->index & 1);
    well_within(sim, TIME_S(10));
    sim_free(sim);
}

/* Goal: the owner dies when the store is away and the third one hangs: the one that is left waits
 * for that one, which may live, before it goes on with the room, and whose front it is notices
 * nothing. (stops_any, seed 1547) */
static void owner_killed_before_one(void **state)
{
    (void)state;
    static const char *const names[] = {"c1", "c2", "c3", "c4"};
    const char *spared[PEOPLE];
    size_t spared_count = 0;
    struct sim *sim = meeting();
    size_t owner = owner_of(sim), left = (owner + 1) % sim->config.orchestrators;
    for (size_t i = 0; i < PEOPLE; i++) {
        if (sim->clients[i].front % sim->config.orchestrators == left) {
            spared[spared_count++] = names[i];
        }
    }
    assert_true(spared_count > 0);
    happens(sim, FAULT_STORE_CRASH, 0, TIME_S(20));
    happens(sim, FAULT_ORCHESTRATOR_HANG, (owner + 2) % sim->config.orchestrators, TIME_S(20));
    sim_run(sim, TIME_S(3));
    happens(sim, FAULT_ORCHESTRATOR_CRASH, owner, TIME_S(60));
    sim_run(sim, TIME_S(10));
    assert_int_equal(owner_of(sim), left);
    clients_tell_of(sim, spared, spared_count, "");
    sim_free(sim);
}

/* Through that orchestrator, in a moment. */
static void joins_through(struct sim *sim, struct client *c, size_t orchestrator)
{
    c->front = orchestrator + sim->config.orchestrators - 1; /* it tries the next one */
    client_join(c, "room0");
}

/* Goal: somebody joins through an orchestrator that has just started, and the store fails: while it
 * waits, the one that has his room tells it so, and the store comes back empty. It does not ask
 * that any more, and nobody starts over. (stops_any, seed 751) */
static void told_while_it_waits(void **state)
{
    (void)state;
    static const char *const names[] = {"c1", "c2", "c3", "c4"};
    for (int64_t ms = 20; ms <= 200; ms += 20) {
        struct sim *sim = meeting();
        size_t owner = owner_of(sim), other = (owner + 1) % sim->config.orchestrators;
        happens(sim, FAULT_ORCHESTRATOR_CRASH, other, TIME_MS(100));
        sim_run(sim, TIME_MS(100));
        joins_through(sim, &sim->clients[PEOPLE + 1], other);
        sim_run(sim, TIME_MS(ms));
        happens(sim, FAULT_STORE_EMPTY, 0, TIME_MS(150));
        well_within(sim, TIME_S(10));
        assert_int_equal(owner_of(sim), owner);
        char *told = timeline_of(sim->timeline, names, ARRAY_LEN(names));
        assert_null(strstr(told, "starts over"));
        free(told);
        sim_free(sim);
    }
}

/* Goal: an orchestrator starts in a region that is lost, and goes on with a room there until all of
 * its people have gone; back again, the region's nodes do not end the room where it went on in the
 * others. (stops_any, seed 812) */
static void outlives_a_lost_region(void **state)
{
    (void)state;
    enum { LOST = 1 };
    static const char *const names[] = {"c1", "c2", "c3", "c4"};
    for (uint64_t seed = 1; seed <= 8;
         seed++) { /* who comes is now at this node of it, now at that */
        struct sim *sim = meeting_of(seed);
        size_t owner = owner_of(sim);
        if (owner % sim->config.regions == LOST) {
            sim_free(sim);
            continue;
        }
        happens(sim, FAULT_ORCHESTRATOR_CRASH, LOST, TIME_S(1));
        sim_run(sim, TIME_MS(500));
        happens(sim, FAULT_REGION_LOST, LOST, TIME_S(28));
        sim_run(sim, TIME_S(12));
        assert_true(orch_has_room(sim->orchestrators[LOST].orch, "room0"));
        sim_run(sim, TIME_S(28));
        assert_int_equal(sim_owners(sim, "room0"), 1u << owner);
        free(timeline_of(sim->timeline, NULL, 0));
        joins_through(sim, &sim->clients[PEOPLE + LOST], LOST);
        well_within(sim, TIME_S(6));
        assert_int_equal(sim_owners(sim, "room0"), 1u << owner);
        clients_tell_of(sim, names, ARRAY_LEN(names), "");
        sim_free(sim);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(node_killed),
        cmocka_unit_test(node_silent),
        cmocka_unit_test(lone_node_silent),
        cmocka_unit_test(node_unreached),
        cmocka_unit_test(node_drained),
        cmocka_unit_test(store_fails),
        cmocka_unit_test(owner_killed),
        cmocka_unit_test(owner_killed_amid),
        cmocka_unit_test(owner_killed_amid_two),
        cmocka_unit_test(answered_and_not_kept),
        cmocka_unit_test(gone_with_both),
        cmocka_unit_test(all_orchestrators_killed),
        cmocka_unit_test(store_away_long),
        cmocka_unit_test(reunion),
        cmocka_unit_test(ghosts),
        cmocka_unit_test(stranded),
        cmocka_unit_test(left_behind),
        cmocka_unit_test(nodes_come_late),
        cmocka_unit_test(joined_unheard),
        cmocka_unit_test(owner_killed_before_one),
        cmocka_unit_test(told_while_it_waits),
        cmocka_unit_test(outlives_a_lost_region),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
