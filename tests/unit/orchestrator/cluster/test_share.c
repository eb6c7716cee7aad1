/* SPDX-License-Identifier: Apache-2.0
 *
 * Several orchestrators agree in the store where rooms go; without its word each decides alone, and
 * nobody waits for that longer than ORCH_PLACE_US.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "tests/lib/cluster_world.h"

static const char *const regions[SITES] = {"r1", "r2", "r3"};

/* Site 0 owns what its clients make, and has these nodes of region r1 (another for the last). */
static void begin(struct cluster_world *w, size_t nodes)
{
    static const char *const ids[] = {"ND_b", "ND_c", "ND_d", "ND_e", "ND_f"};
    cluster_world_init(w, regions);
    for (size_t i = 0; i < nodes; i++) {
        world_node(&w->sites[0], ids[i]);
    }
    w->places_wait = true;
    (void)cluster_world_story(w, 0);
}

static void join(struct cluster_world *w, uint64_t n, const char *room, const char *identity)
{
    cluster_world_join(w, 0, n, room, identity, false);
    cluster_world_settle(w);
}

static bool told(struct cluster_world *w, const char *what)
{
    return strstr(cluster_world_story(w, 0), what) != NULL;
}

static struct orch_stats stats_of(struct cluster_world *w)
{
    struct orch_stats stats;
    orch_stats(w->sites[0].orch, &stats);
    return stats;
}

static struct timings placement(struct cluster_world *w)
{
    struct cluster_stats stats;
    cluster_stats(w->sites[0].cluster, &stats);
    return stats.placement;
}

static const char *show(struct cluster_world *w, const char *path)
{
    world_admin(&w->sites[0], "GET", path, "");
    cluster_world_settle(w);
    return w->sites[0].last_reply;
}

/* What is reserved on all nodes, as this site counts it. */
static uint64_t reserved(struct cluster_world *w)
{
    static const char field[] = "\"reserved\":";
    uint64_t sum = 0;
    for (const char *at = show(w, "/admin/v1/nodes"); (at = strstr(at, field)) != NULL;) {
        at += strlen(field);
        sum += strtoull(at, NULL, 10);
    }
    return sum;
}

/* Goal: a new room goes where the store says, and everybody who came for it meanwhile with it. */
static void agreed(void **state)
{
    (void)state;
    struct cluster_world w;
    begin(&w, 1);
    join(&w, 1, "lobby", "alice");
    join(&w, 2, "lobby", "bob");
    assert_string_equal(cluster_world_story(&w, 0), "conn 1 accept\nconn 2 accept\n");
    const struct parcel *asked = w.places[0];
    assert_ptr_equal(asked->next, NULL); /* one question for both */
    const char *second = (const char *)asked->data + strlen((const char *)asked->data) + 1;
    assert_int_equal(asked->len, 2 * sizeof("ND_a"));
    char node[ID_MAX], line[64];
    snprintf(node, sizeof(node), "%s", second); /* not where it would go alone */
    cluster_world_place(&w, 0, node);
    const char *story = cluster_world_story(&w, 0);
    snprintf(line, sizeof(line), "front T2 route %s", node);
    assert_non_null(strstr(story, line));
    assert_non_null(strstr(story, "conn 1 < join alice others=0"));
    assert_non_null(strstr(story, "conn 2 < join bob others=1"));
    assert_int_equal(reserved(&w), 16 + 2 * 4);

    join(&w, 3, "lobby", "carol"); /* where the room is already: nobody is asked */
    assert_true(told(&w, "conn 3 < join carol"));
    assert_null(w.places[0]);
    struct timings waited = placement(&w);
    assert_int_equal(timings_count(&waited, TIMINGS_BOUNDS), 3);
    assert_int_equal(waited.sum_us, 0);
    assert_int_equal(stats_of(&w).places_agreed, 1);
    cluster_world_fini(&w);
}

/* Goal: whoever comes back waits for nobody, even where a new one would. */
static void reconnects_first(void **state)
{
    (void)state;
    struct cluster_world w;
    begin(&w, 1);
    join(&w, 1, "lobby", "alice");
    cluster_world_place(&w, 0, "ND_a");
    (void)cluster_world_story(&w, 0);
    w.sites[0].node_weight = 860; /* no more new ones on the room's node, while there is another */
    world_heartbeat(&w.sites[0], "ND_a", 1);
    join(&w, 2, "lobby", "bob");
    assert_string_equal(cluster_world_story(&w, 0), "conn 2 accept\n");
    join(&w, 3, "lobby", "alice");
    assert_true(told(&w, "conn 3 < join alice"));
    cluster_world_place(&w, 0, "ND_b");
    assert_true(told(&w, "conn 2 < join bob"));
    assert_int_equal(stats_of(&w).places_agreed, 2);
    cluster_world_fini(&w);
}

/* Goal: without an answer in time each decides for itself; the next ones do not even wait, until
 * the store has answered; and what it says late moves nobody. */
static void late(void **state)
{
    (void)state;
    struct cluster_world w;
    begin(&w, 1);
    join(&w, 1, "lobby", "alice");
    world_advance(&w.sites[0], ORCH_PLACE_US - 1);
    assert_false(told(&w, "join alice"));
    world_advance(&w.sites[0], 1);
    assert_true(told(&w, "conn 1 < join alice"));
    assert_int_equal(stats_of(&w).places_late, 1);
    assert_int_equal(reserved(&w), 3 * (16 + 4)); /* as much may be promised by two others */
    join(&w, 2, "attic", "bob");
    assert_true(told(&w, "conn 2 < join bob"));
    assert_int_equal(stats_of(&w).places_late, 1);
    struct timings waited = placement(&w);
    assert_int_equal(timings_count(&waited, TIMINGS_BOUNDS), 2);
    assert_int_equal(waited.sum_us, ORCH_PLACE_US); /* alice's alone */

    char before[4096];
    snprintf(before, sizeof(before), "%s", show(&w, "/admin/v1/rooms"));
    cluster_world_place(&w, 0, "ND_a");
    cluster_world_settle(&w);
    assert_string_equal(show(&w, "/admin/v1/rooms"), before);
    assert_int_equal(reserved(&w), 2 * (16 + 4));
    join(&w, 3, "cellar", "carol");
    assert_non_null(w.places[0]); /* is asked again */
    cluster_world_place(&w, 0, "ND_b");
    assert_true(told(&w, "conn 3 < join carol"));
    cluster_world_fini(&w);
}

/* Goal: a store that never answers costs everybody who comes within the first ORCH_PLACE_US no more
 * than that, and all later ones nothing. */
static void never(void **state)
{
    (void)state;
    struct cluster_world w;
    begin(&w, 1);
    join(&w, 1, "lobby", "alice");
    world_advance(&w.sites[0], ORCH_PLACE_US / 2);
    join(&w, 2, "attic", "bob");
    world_advance(&w.sites[0], ORCH_PLACE_US / 2);
    const char *story = cluster_world_story(&w, 0);
    assert_non_null(strstr(story, "conn 1 < join alice"));
    assert_non_null(strstr(story, "conn 2 < join bob"));
    for (uint64_t n = 3; n < 7; n++) {
        char room[16];
        snprintf(room, sizeof(room), "room-%d", (int)n);
        join(&w, n, room, "carol");
        assert_true(told(&w, "< join carol"));
    }
    cluster_world_store_up(&w, false);
    cluster_world_place(&w, 0, NULL); /* its connection is given up, with what was asked */
    cluster_world_place(&w, 0, NULL);
    cluster_world_store_up(&w, true);
    join(&w, 11, "cellar", "dave");
    assert_non_null(w.places[0]);
    cluster_world_fini(&w);
}

/* Goal: where the store knows of more on our candidates than we do, others are asked for, once;
 * then people are refused, all of them, and the name is free again. */
static void full(void **state)
{
    (void)state;
    struct cluster_world w;
    begin(&w, 5); /* with ND_a one more than are asked for at a time */
    join(&w, 1, "lobby", "alice");
    join(&w, 2, "lobby", "bob");
    assert_int_equal(w.places[0]->len, 4 * sizeof("ND_a"));
    char first[4 * sizeof("ND_a")];
    memcpy(first, w.places[0]->data, sizeof(first));
    cluster_world_place(&w, 0, "");
    assert_int_equal(w.places[0]->len, 2 * sizeof("ND_a")); /* the two others */
    for (size_t i = 0; i < 4; i++) {
        assert_string_not_equal((const char *)w.places[0]->data, first + i * sizeof("ND_a"));
    }
    (void)cluster_world_story(&w, 0);
    cluster_world_place(&w, 0, "");
    const char *story = cluster_world_story(&w, 0);
    assert_non_null(strstr(story, "conn 1 close 1013 the media nodes are full, try again in 1"));
    assert_non_null(strstr(story, "conn 2 close 1013 the media nodes are full, try again in 1"));
    assert_int_equal(stats_of(&w).places_full, 1);
    assert_int_equal(stats_of(&w).refused[ORCH_REFUSED_NO_NODE], 2);
    cluster_world_settle(&w);
    assert_int_equal(cluster_world_owner(&w, "lobby"), SITES);
    assert_false(w.rows[0].used); /* the claim */

    join(&w, 3, "lobby", "carol");
    cluster_world_place(&w, 0, "");
    char node[ID_MAX];
    snprintf(node, sizeof(node), "%s", (const char *)w.places[0]->data);
    cluster_world_place(&w, 0, node);
    assert_true(told(&w, "conn 3 < join carol"));
    cluster_world_fini(&w);
}

/* Goal: a full store refuses nobody whose room can stay where it is. */
static void full_but_held(void **state)
{
    (void)state;
    struct cluster_world w;
    begin(&w, 1);
    join(&w, 1, "lobby", "alice");
    cluster_world_place(&w, 0, "ND_a");
    w.sites[0].node_weight = 860;
    world_heartbeat(&w.sites[0], "ND_a", 1);
    (void)cluster_world_story(&w, 0);
    join(&w, 2, "lobby", "bob");
    assert_non_null(w.places[0]);
    cluster_world_place(&w, 0, "");
    assert_true(told(&w, "front T2 route ND_a"));
    cluster_world_fini(&w);
}

/* Goal: whatever ends the store's part while somebody waits: he goes on at once. */
static void away(void **state)
{
    (void)state;
    struct cluster_world w;
    begin(&w, 1);
    join(&w, 1, "lobby", "alice");
    cluster_world_place(&w, 0, NULL);
    assert_true(told(&w, "conn 1 < join alice"));
    join(&w, 2, "attic", "bob");
    (void)cluster_world_story(&w, 0);
    cluster_world_store_up(&w, false);
    assert_true(told(&w, "conn 2 < join bob"));
    join(&w, 3, "cellar", "carol"); /* who decides that is another matter: rendezvous */
    assert_null(w.places[0]->next);
    cluster_world_place(&w, 0, NULL);
    cluster_world_fini(&w);
}

/* Goal: nobody is left of those who waited: no room is made, and the name is free again. */
static void gone_meanwhile(void **state)
{
    (void)state;
    struct cluster_world w;
    begin(&w, 1);
    join(&w, 1, "lobby", "alice");
    assert_true(w.rows[0].used);
    cluster_world_disconnect(&w, 0, 1);
    assert_true(w.rows[0].used);
    cluster_world_place(&w, 0, "ND_a");
    cluster_world_settle(&w);
    assert_int_equal(cluster_world_owner(&w, "lobby"), SITES);
    assert_false(w.rows[0].used);
    assert_int_equal(reserved(&w), 0);
    cluster_world_fini(&w);
}

/* Goal: the node died between the store's choice and its answer: placement's own choice holds. */
static void node_gone(void **state)
{
    (void)state;
    struct cluster_world w;
    begin(&w, 1);
    join(&w, 1, "lobby", "alice");
    orch_node_link_lost(w.sites[0].orch, w.sites[0].now_us, "ND_b");
    world_drain(&w.sites[0]);
    cluster_world_place(&w, 0, "ND_b");
    assert_true(told(&w, "front T1 route ND_a"));
    cluster_world_fini(&w);
}

/* Goal: a room made by the server API goes where the store says, and the caller hears then. */
static void created(void **state)
{
    (void)state;
    struct cluster_world w;
    begin(&w, 1);
    w.sites[0].last_status = 0;
    char room[] = "a"; /* one that this site is asked for first */
    do {
        world_twirp(&w.sites[0], "CreateRoom",
                    room[0] == 'a' ? "{\"name\": \"a\"}" : "{\"name\": \"b\"}");
        cluster_world_settle(&w);
        room[0]++;
    } while (w.places[0] == NULL && room[0] < 'c');
    assert_non_null(w.places[0]);
    assert_int_equal(w.sites[0].last_status, 0);
    cluster_world_place(&w, 0, "ND_b");
    assert_int_equal(w.sites[0].last_status, 200);
    assert_non_null(strstr(show(&w, "/admin/v1/rooms"), "\"node\":\"ND_b\""));
    cluster_world_fini(&w);
}

/* Goal: the store says that the room has a newer owner: who waited finds it there. */
static void stale(void **state)
{
    (void)state;
    struct cluster_world w;
    begin(&w, 0);
    join(&w, 1, "lobby", "alice");
    w.rows[0].owner = 1; /* as if it had been claimed there */
    w.rows[0].epoch++;
    struct parcel *asked = w.places[0];
    w.places[0] = NULL;
    cluster_placed(w.sites[0].cluster, w.sites[0].now_us,
                   &(struct cluster_placed){.room = "lobby",
                                            .request = asked->request,
                                            .answer = ORCH_PLACE_FAILED,
                                            .node = "",
                                            .owner = "OR_2",
                                            .epoch = w.rows[0].epoch});
    world_drain(&w.sites[0]);
    w.places_wait = false;
    free(asked->data);
    free(asked);
    cluster_world_settle(&w);
    assert_int_equal(cluster_world_owner(&w, "lobby"), 1);
    assert_true(told(&w, "conn 1 < join alice"));
    cluster_world_fini(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(agreed),    cmocka_unit_test(reconnects_first),
        cmocka_unit_test(late),      cmocka_unit_test(never),
        cmocka_unit_test(full),      cmocka_unit_test(full_but_held),
        cmocka_unit_test(away),      cmocka_unit_test(gone_meanwhile),
        cmocka_unit_test(node_gone), cmocka_unit_test(created),
        cmocka_unit_test(stale),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
