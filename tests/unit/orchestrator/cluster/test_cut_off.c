/* SPDX-License-Identifier: Apache-2.0
 *
 * A region that is cut off from the others: site 1 and node ND_b in r2, away from sites 0 and 2 and
 * node ND_a in r1.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "tests/lib/cluster_world.h"

static const char *const regions[SITES] = {"r1", "r2", "r1"};

static struct cluster_stats stats_of(const struct cluster_world *w, size_t site)
{
    struct cluster_stats stats;
    cluster_stats(w->sites[site].cluster, &stats);
    return stats;
}

static void enter(struct cluster_world *w, size_t site, uint64_t n, const char *identity,
                  size_t transport)
{
    cluster_world_join(w, site, n, "lobby", identity, false);
    cluster_world_settle(w);
    world_connected(&w->sites[site], transport);
    cluster_world_settle(w);
    cluster_world_channels(w, site, transport);
    cluster_world_settle(w);
}

static void forget_stories(struct cluster_world *w)
{
    for (size_t site = 0; site < SITES; site++) {
        (void)cluster_world_story(w, site);
    }
}

/* alice at site 0, which owns the room; bob and carol at site 1, on its node. */
static void meet(struct cluster_world *w)
{
    cluster_world_init(w, regions);
    cluster_world_second_node(w);
    enter(w, 0, 1, "alice", 1);
    enter(w, 1, 1, "bob", 1);
    enter(w, 1, 2, "carol", 2);
    cluster_world_advance(w, TIME_S(1));
    assert_int_equal(cluster_world_owner(w, "lobby"), 0);
    world_admin(&w->sites[0], "GET", "/admin/v1/rooms/lobby/participants/bob", "");
    assert_non_null(strstr(w->sites[0].last_reply, "\"node_name\":\"ND_b\""));
    forget_stories(w);
}

/* The bus gives the connections up, and makes them again: nothing that was on them arrives. */
static void break_connections(struct cluster_world *w)
{
    for (size_t other = 0; other < SITES; other += 2) {
        cluster_world_link(w, 1, other, false);
        cluster_world_link(w, other, 1, false);
    }
    for (size_t site = 0; site < SITES; site++) {
        orch_node_link_lost(w->sites[site].orch, w->sites[site].now_us,
                            site == 1 ? "ND_a" : "ND_b");
    }
}

static void make_connections(struct cluster_world *w)
{
    for (size_t other = 0; other < SITES; other += 2) {
        cluster_world_link(w, 1, other, true);
        cluster_world_link(w, other, 1, true);
    }
}

static bool has(const char *story, const char *what)
{
    return strstr(story, what) != NULL;
}

static size_t times(const char *story, const char *what)
{
    size_t count = 0;
    while ((story = strstr(story, what)) != NULL) {
        count++;
        story += strlen(what);
    }
    return count;
}

/* Nobody's connection or transport was closed, nobody was told to leave or that somebody left. */
static void nobody_lost(const char *story)
{
    static const char *const signs[] = {"close", "leave", "=gone", "refuse"};
    for (size_t i = 0; i < ARRAY_LEN(signs); i++) {
        if (has(story, signs[i])) {
            fail_msg("%s in:\n%s", signs[i], story);
        }
    }
}

static void one_room(struct cluster_world *w)
{
    assert_int_equal(cluster_world_owner(w, "lobby"), 0);
    for (size_t site = 0; site < SITES; site++) {
        assert_int_equal(stats_of(w, site).peers_up, 2);
        assert_int_equal(stats_of(w, site).peers_cut_off, 0);
        world_twirp(&w->sites[site], "ListParticipants", "{\"room\":\"lobby\"}");
        cluster_world_settle(w);
        const char *list = w->sites[site].last_reply;
        assert_int_equal(times(list, "\"sid\":\"PA_"), 3);
        assert_int_equal(times(list, "\"identity\":\"alice\""), 1);
        assert_int_equal(times(list, "\"identity\":\"bob\""), 1);
        assert_int_equal(times(list, "\"identity\":\"carol\""), 1);
    }
    struct orch_stats stats;
    orch_stats(w->sites[0].orch, &stats);
    assert_int_equal(stats.moves, 0);
    assert_int_equal(stats.nodes_lost, 0);
}

static void ping(struct cluster_world *w, size_t site, uint64_t n)
{
    Livekit__Ping body = LIVEKIT__PING__INIT;
    Livekit__SignalRequest request = LIVEKIT__SIGNAL_REQUEST__INIT;
    request.message_case = LIVEKIT__SIGNAL_REQUEST__MESSAGE_PING_REQ;
    request.ping_req = &body;
    world_signal(&w->sites[site], CLUSTER_ID(site, n), &request);
}

/* Goal: a region is cut off for 8 s and its connections break: nobody is closed, moved or removed;
 * what was said meanwhile arrives afterwards, once; and every orchestrator lists everybody once. */
static void comes_back(void **state)
{
    (void)state;
    struct cluster_world w;
    meet(&w);
    cluster_world_cut_off(&w, 1);
    cluster_world_data(&w, 1, 1, "before it was noticed");
    cluster_world_data(&w, 0, 1, "the other way");
    cluster_world_advance(&w, TIME_S(4));
    for (size_t site = 0; site < SITES; site++) {
        assert_int_equal(stats_of(&w, site).peers_cut_off, site == 1 ? 2 : 1);
    }
    break_connections(&w);
    cluster_world_data(&w, 1, 2, "after it was");
    cluster_world_advance(&w, TIME_S(4));
    nobody_lost(cluster_world_story(&w, 0));
    nobody_lost(cluster_world_story(&w, 1));

    cluster_world_cut_off(&w, SITES);
    make_connections(&w);
    cluster_world_advance(&w, TIME_S(1));
    const char *here = cluster_world_story(&w, 0), *there = cluster_world_story(&w, 1);
    nobody_lost(here);
    nobody_lost(there);
    assert_int_equal(times(here, "send stream=0"), 2);  /* bob's and carol's */
    assert_int_equal(times(there, "send stream=0"), 4); /* those of the others, for each */
    one_room(&w);
    for (int s = 0; s < 40; s += 5) { /* nothing of it is left over */
        ping(&w, 0, 1);
        ping(&w, 1, 1);
        ping(&w, 1, 2);
        cluster_world_advance(&w, TIME_S(5));
    }
    nobody_lost(cluster_world_story(&w, 0));
    one_room(&w);
    cluster_world_fini(&w);
}

/* Goal: the same if the connections outlast it, whichever side noticed. */
static void short_cuts(void **state)
{
    (void)state;
    for (int64_t ms = 1900; ms <= 2900; ms += 100) {
        struct cluster_world w;
        meet(&w);
        cluster_world_cut_off(&w, 1);
        cluster_world_data(&w, 1, 1, "hello");
        cluster_world_data(&w, 0, 1, "good day");
        if (ms % 200 == 0) {
            world_advance(&w.sites[1], TIME_MS(150)); /* whose clock is ahead */
        }
        cluster_world_advance(&w, TIME_MS(ms));
        cluster_world_cut_off(&w, SITES);
        cluster_world_advance(&w, TIME_S(1));
        const char *here = cluster_world_story(&w, 0), *there = cluster_world_story(&w, 1);
        nobody_lost(here);
        nobody_lost(there);
        assert_int_equal(times(here, "send stream=0"), 1);
        assert_int_equal(times(there, "send stream=0"), 3); /* bob's for carol, alice's for both */
        one_room(&w);
        cluster_world_fini(&w);
    }
}

/* Goal: while it lasts, a front answers its clients' pings for 29 s, and the owner does not take
 * those it cannot hear for dead. */
static void pings(void **state)
{
    (void)state;
    struct cluster_world w;
    meet(&w);
    cluster_world_cut_off(&w, 1);
    for (int s = 0; s < 29; s += 5) {
        cluster_world_advance(&w, TIME_S(s == 25 ? 4 : 5));
        (void)cluster_world_story(&w, 1);
        ping(&w, 0, 1);
        ping(&w, 1, 1);
        ping(&w, 1, 2);
        const char *there = cluster_world_story(&w, 1);
        assert_true(has(there, "conn 1 < pong"));
        assert_true(has(there, "conn 2 < pong"));
    }
    nobody_lost(cluster_world_story(&w, 0));
    nobody_lost(cluster_world_story(&w, 1));
    cluster_world_cut_off(&w, SITES);
    cluster_world_advance(&w, TIME_S(1));
    one_room(&w);
    cluster_world_fini(&w);
}

/* Goal: after 30 s it is as a death: each side gives the other up; when it heals there is one room,
 * into which everybody comes. */
static void too_long(void **state)
{
    (void)state;
    struct cluster_world w;
    meet(&w);
    cluster_world_cut_off(&w, 1);
    cluster_world_advance(&w, TIME_S(4));
    break_connections(&w);
    for (int s = 0; s < 30; s += 5) {
        ping(&w, 0, 1);
        cluster_world_advance(&w, TIME_S(5));
    }
    cluster_world_advance(&w, CLUSTER_ORPHAN_US);
    const char *there = cluster_world_story(&w, 1);
    assert_true(has(there, "conn 1 close 1001"));
    assert_true(has(there, "conn 2 close 1001"));
    assert_int_equal(stats_of(&w, 0).peers_cut_off, 0);
    struct orch_stats stats;
    orch_stats(w.sites[0].orch, &stats);
    assert_int_equal(stats.nodes_lost, 1);

    cluster_world_cut_off(&w, SITES);
    make_connections(&w);
    w.sites[1].node_region = "r1";
    world_node(&w.sites[1], "ND_a");
    cluster_world_advance(&w, TIME_S(1));
    cluster_world_join(&w, 1, 3, "lobby", "bob", false);
    cluster_world_settle(&w);
    assert_true(has(cluster_world_story(&w, 1), "conn 3 < join bob"));
    assert_int_equal(cluster_world_owner(&w, "lobby"), 0);
    cluster_world_fini(&w);
}

/* Goal: who joins or asks meanwhile is told at once; who resumes is not sent away. */
static void asked_meanwhile(void **state)
{
    (void)state;
    struct cluster_world w;
    meet(&w);
    cluster_world_cut_off(&w, 1);
    cluster_world_advance(&w, TIME_S(3));
    (void)cluster_world_story(&w, 1);
    cluster_world_join(&w, 1, 3, "lobby", "dave", false);
    assert_true(has(cluster_world_story(&w, 1), "conn 3 close 1013 the region"));
    world_twirp(&w.sites[1], "ListParticipants", "{\"room\":\"lobby\"}");
    assert_int_equal(w.sites[1].last_status, 503);
    (void)cluster_world_story(&w, 1);
    cluster_world_join(&w, 1, 4, "lobby", "bob", true);
    assert_string_equal(cluster_world_story(&w, 1), "conn 4 accept\n"
                                                    "conn 4 close 1013\n");
    w.sites[1].last_status = 0;
    world_admin(&w.sites[1], "GET", "/admin/v1/rooms", "");
    cluster_world_advance(&w, CLUSTER_GATHER_US);
    assert_int_equal(w.sites[1].last_status, 200);
    assert_true(has(w.sites[1].last_reply, "\"unanswered\":["));

    /* A new room is made on each side, and one of the two is given up. */
    cluster_world_join(&w, 0, 5, "new", "erin", false);
    cluster_world_settle(&w);
    w.store_away = true;
    cluster_store_down(w.sites[1].cluster, w.sites[1].now_us);
    cluster_world_join(&w, 1, 5, "new", "frank", false);
    cluster_world_advance(&w, CLUSTER_ALONE_US + CLUSTER_CLAIM_US);
    assert_true(orch_has_room(w.sites[1].orch, "new"));
    cluster_world_cut_off(&w, SITES);
    cluster_world_store_up(&w, true);
    cluster_world_advance(&w, TIME_S(1));
    assert_true(cluster_world_owner(&w, "new") != SITES);
    one_room(&w);
    cluster_world_fini(&w);
}

/* Goal: who asked before the cut was noticed, and was given up by the time it ends, does not take
 * the place of the connection that came after. */
static void asked_in_vain(void **state)
{
    (void)state;
    for (int broken = 0; broken < 2; broken++) {
        struct cluster_world w;
        meet(&w);
        cluster_world_cut_off(&w, 1);
        cluster_world_join(&w, 1, 3, "lobby", "dave", false);
        cluster_world_advance(&w, CLUSTER_ASK_US);
        assert_true(has(cluster_world_story(&w, 1), "conn 3 close 1013"));
        cluster_world_join(&w, 0, 4, "lobby", "dave", false); /* by another front */
        cluster_world_settle(&w);
        assert_true(has(cluster_world_story(&w, 0), "conn 4 < join dave"));
        if (broken) {
            break_connections(&w);
        }
        cluster_world_cut_off(&w, SITES);
        if (broken) {
            make_connections(&w);
        }
        cluster_world_advance(&w, TIME_S(1));
        nobody_lost(cluster_world_story(&w, 0));
        assert_false(has(cluster_world_story(&w, 1), "conn 3"));
        cluster_world_fini(&w);
    }
}

static bool serves(struct cluster_world *w, size_t site)
{
    world_admin(&w->sites[site], "GET", "/admin/v1/nodes/ND_b", "");
    cluster_world_settle(w);
    return has(w->sites[site].last_reply, "\"state\":\"ready\"");
}

/* Goal: a drain that was asked for as the cut began, and is heard of after it, does not undo the
 * uncordon that was asked for on the other side since. */
static void drain_of_before(void **state)
{
    (void)state;
    struct cluster_world w;
    meet(&w);
    cluster_world_cut_off(&w, 1);
    world_admin(&w.sites[0], "POST", "/admin/v1/nodes/ND_b/drain", "{\"force\":true}");
    cluster_world_advance(&w, TIME_S(3));
    assert_false(serves(&w, 0));
    world_admin(&w.sites[1], "POST", "/admin/v1/nodes/ND_b/uncordon", "");
    break_connections(&w);
    cluster_world_cut_off(&w, SITES);
    make_connections(&w);
    cluster_world_settle(&w);
    assert_int_equal(stats_of(&w, 1).peers_up, 2);
    assert_int_equal(stats_of(&w, 1).asks_late, 0);
    assert_true(serves(&w, 1));
    cluster_world_fini(&w);
}

/* Goal: what waits is bounded: with too much of it, the other side is given up before its time. */
static void too_much(void **state)
{
    (void)state;
    struct cluster_world w;
    meet(&w);
    cluster_world_cut_off(&w, 1);
    cluster_world_advance(&w, TIME_S(3));
    for (size_t i = 0; i < CLUSTER_KEPT_MAX; i++) {
        cluster_world_data(&w, 1, 1, "more");
    }
    assert_in_range(stats_of(&w, 1).kept, CLUSTER_KEPT_MAX / 2, CLUSTER_KEPT_MAX);
    nobody_lost(cluster_world_story(&w, 1));
    for (size_t i = 0; i < 10; i++) {
        cluster_world_data(&w, 1, 1, "much more");
    }
    cluster_world_advance(&w, TIME_MS(50) + CLUSTER_ORPHAN_US);
    assert_true(has(cluster_world_story(&w, 1), "conn 1 close 1001"));
    assert_int_equal(stats_of(&w, 1).kept, 0);
    cluster_world_fini(&w);
}

/* Goal: a region whose node is heard is not cut off, and one of whose processes the kernel closes
 * the connections is not, either. */
static void node_is_heard(void **state)
{
    (void)state;
    struct cluster_world w;
    meet(&w);
    for (int64_t us = 0; us < TIME_S(3); us += TIME_MS(50)) { /* site 1 hangs */
        for (size_t site = 0; site < SITES; site += 2) {
            world_advance(&w.sites[site], TIME_MS(50));
            world_heartbeat(&w.sites[site], "ND_a", ++w.beats);
            world_heartbeat(&w.sites[site], "ND_b", w.beats);
        }
        cluster_world_deliver_link(&w, 0, 2);
        cluster_world_deliver_link(&w, 2, 0);
    }
    assert_int_equal(stats_of(&w, 0).peers_up, 1);
    assert_int_equal(stats_of(&w, 0).cut_offs, 0);
    cluster_world_fini(&w);
}

static void kernel_closes(void **state)
{
    (void)state;
    struct cluster_world w;
    meet(&w);
    cluster_world_kill(&w, 1);
    orch_node_link_lost(w.sites[0].orch, w.sites[0].now_us, "ND_b");
    world_drain(&w.sites[0]);
    assert_int_equal(stats_of(&w, 0).peers_up, 1);
    assert_int_equal(stats_of(&w, 0).cut_offs, 0);
    cluster_world_fini(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(comes_back),      cmocka_unit_test(short_cuts),
        cmocka_unit_test(pings),           cmocka_unit_test(too_long),
        cmocka_unit_test(asked_meanwhile), cmocka_unit_test(asked_in_vain),
        cmocka_unit_test(drain_of_before), cmocka_unit_test(too_much),
        cmocka_unit_test(node_is_heard),   cmocka_unit_test(kernel_closes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
