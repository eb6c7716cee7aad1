/* SPDX-License-Identifier: Apache-2.0
 *
 * An orchestrator is told to stop: its clients resume at others before it does.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "tests/lib/cluster_world.h"

static const char *const one_region[SITES] = {"", "", ""};

static void enter(struct cluster_world *w, size_t site, uint64_t n, const char *room,
                  const char *identity)
{
    cluster_world_join(w, site, n, room, identity, false);
    cluster_world_settle(w);
    world_connected(&w->sites[site], (size_t)n);
    cluster_world_settle(w);
    (void)cluster_world_story(w, site);
}

static bool leaves(struct cluster_world *w, size_t site)
{
    bool begun = cluster_leave(w->sites[site].cluster, w->sites[site].now_us);
    world_drain(&w->sites[site]);
    cluster_world_settle(w);
    return begun;
}

/* Goal: its own rooms' people there and those of rooms decided elsewhere are told to resume, at
 * once; whoever comes is refused, and no new room is its own; it has left when the last one is
 * elsewhere. Its rooms are its own until it ends. */
static void told_to_stop(void **state)
{
    (void)state;
    struct cluster_world w;
    cluster_world_init(&w, one_region);
    enter(&w, 0, 1, "room-1", "alice");
    enter(&w, 0, 2, "room-10", "bob");
    assert_int_equal(cluster_world_owner(&w, "room-1"), 0);
    assert_int_equal(cluster_world_owner(&w, "room-10"), 1);
    assert_false(cluster_left(w.sites[0].cluster));
    (void)cluster_world_story(&w, 1);

    assert_true(leaves(&w, 0));
    const char *story = cluster_world_story(&w, 0);
    assert_non_null(strstr(story, "conn 1 < leave reason=8 action=1\nconn 1 close 1000\n"));
    assert_non_null(strstr(story, "conn 2 < leave reason=8 action=1\nconn 2 close 1000\n"));
    assert_string_equal(cluster_world_story(&w, 1), "");
    cluster_world_disconnect(&w, 0, 1);
    cluster_world_disconnect(&w, 0, 2);
    cluster_world_join(&w, 0, 3, "room-1", "alice", true);
    assert_string_equal(cluster_world_story(&w, 0),
                        "conn 3 refuse 503 this orchestrator is about to stop\n");
    for (uint64_t n = 2; n < 8; n++) { /* three of which it would get */
        char room[16];
        snprintf(room, sizeof(room), "room-%d", (int)n);
        cluster_world_join(&w, 1, n, room, "dave", false);
        cluster_world_settle(&w);
        assert_int_not_equal(cluster_world_owner(&w, room), 0);
    }
    assert_false(cluster_left(w.sites[0].cluster)); /* their DTLS is here */

    for (uint64_t n = 1; n <= 2; n++) {
        cluster_world_join(&w, 2, n, n == 1 ? "room-1" : "room-10", n == 1 ? "alice" : "bob", true);
        cluster_world_settle(&w);
        assert_false(cluster_left(w.sites[0].cluster));
        world_offer(&w.sites[2], CLUSTER_ID(2, n), "firefox-join.offer", 2); /* another ufrag */
        cluster_world_settle(&w);
        assert_non_null(strstr(cluster_world_story(&w, 2), "open again"));
    }
    assert_true(cluster_left(w.sites[0].cluster));
    assert_int_equal(cluster_world_owner(&w, "room-1"), 0);
    cluster_world_fini(&w);
}

/* Goal: who is alone, or the last one, does not wait for anybody to go; the last but one does. */
static void nobody_to_go_to(void **state)
{
    (void)state;
    struct cluster_world w;
    cluster_world_init(&w, one_region);
    enter(&w, 0, 1, "lobby", "alice");
    cluster_world_kill(&w, 1);
    cluster_world_kill(&w, 2);
    assert_false(leaves(&w, 0));
    assert_string_equal(cluster_world_story(&w, 0), "");
    cluster_world_fini(&w);

    cluster_world_init(&w, one_region);
    enter(&w, 0, 1, "lobby", "alice");
    cluster_world_kill(&w, 2);
    assert_true(leaves(&w, 0));
    assert_false(cluster_left(w.sites[0].cluster));
    assert_false(leaves(&w, 1)); /* it has nobody but the one that is about to stop */
    cluster_world_kill(&w, 1);
    assert_true(cluster_left(w.sites[0].cluster));
    cluster_world_fini(&w);
}

/* Whether a room is made at once after site 0 has ended, while there is no store. */
static bool goes_on(struct cluster_world *w)
{
    cluster_world_store_up(w, false);
    cluster_world_kill(w, 0);
    cluster_world_settle(w);
    cluster_world_join(w, 1, 1, "lobby", "bob", false);
    cluster_world_settle(w);
    return cluster_world_owner(w, "lobby") != SITES;
}

/* Goal: after one that was told to stop, and had left, the others own what is nobody's at once, the
 * store being away: it is not they who were cut off. Not after one that died, nor after one that
 * somebody still had something at. */
static void not_missed(void **state)
{
    (void)state;
    struct cluster_world w;
    cluster_world_init(&w, one_region);
    assert_true(leaves(&w, 0));
    assert_true(cluster_left(w.sites[0].cluster));
    assert_true(goes_on(&w));
    cluster_world_fini(&w);

    cluster_world_init(&w, one_region);
    assert_false(goes_on(&w));
    cluster_world_fini(&w);

    cluster_world_init(&w, one_region);
    enter(&w, 0, 1, "room-1", "alice");
    assert_true(leaves(&w, 0));
    assert_false(goes_on(&w));
    cluster_world_advance(&w, CLUSTER_ALONE_US + TIME_S(1));
    assert_int_not_equal(cluster_world_owner(&w, "lobby"), SITES);
    cluster_world_fini(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(told_to_stop),
        cmocka_unit_test(nobody_to_go_to),
        cmocka_unit_test(not_missed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
