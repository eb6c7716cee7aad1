/* SPDX-License-Identifier: Apache-2.0
 *
 * Two people who join a new room at the same instant through two orchestrators, in every order in
 * which the messages that this causes may arrive.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "tests/lib/cluster_world.h"

#define STEPS_MAX 64

/* One order: at step i the choice[i]-th of count[i] queues was delivered. */
struct order {
    size_t choice[STEPS_MAX], count[STEPS_MAX];
    size_t steps;
};

/* The next order that begins differently at the last step where there is another choice. */
static bool next_order(struct order *order)
{
    while (order->steps > 0) {
        size_t last = order->steps - 1;
        if (++order->choice[last] < order->count[last]) {
            return true;
        }
        order->choice[last] = 0;
        order->steps--;
    }
    return false;
}

static void join(struct cluster_world *w, size_t site, const char *room, const char *identity)
{
    world_join(&w->sites[site], CLUSTER_ID(site, 1),
               &(struct world_join){.room = room, .identity = identity});
}

static void play(struct cluster_world *w, struct order *order)
{
    size_t step = 0;
    while (cluster_world_choices(w) > 0) {
        assert_true(step < STEPS_MAX);
        if (step == order->steps) {
            order->choice[order->steps++] = 0;
        }
        order->count[step] = cluster_world_choices(w);
        cluster_world_deliver(w, order->choice[step++]);
    }
    order->steps = step;
}

static bool joined(struct cluster_world *w, size_t site, const char *identity)
{
    char line[64];
    snprintf(line, sizeof(line), "conn 1 < join %s", identity);
    const char *story = cluster_world_story(w, site);
    return strstr(story, line) != NULL && strstr(story, "leave") == NULL &&
           strstr(story, "close") == NULL;
}

/* Through the two sites, whatever the room's preferred owner is. late: where it goes is agreed on
 * in the store, too. */
static size_t race(const char *const regions[SITES], const char *room, bool late)
{
    size_t a = 0, b = 1;
    struct order order = {0};
    size_t orders = 0;
    do {
        struct cluster_world w;
        cluster_world_init(&w, regions);
        w.places_late = late;
        join(&w, a, room, "alice");
        join(&w, b, room, "bob");
        play(&w, &order);
        size_t owner = cluster_world_owner(&w, room);
        assert_in_range(owner, 0, SITES - 1);
        assert_true(joined(&w, a, "alice") && joined(&w, b, "bob"));
        struct orch_stats stats;
        orch_stats(w.sites[owner].orch, &stats);
        assert_int_equal(stats.participants, 2);
        cluster_world_fini(&w);
        orders++;
    } while (next_order(&order));
    return orders;
}

static void race_for_four(const char *const regions[SITES], bool late)
{
    size_t orders = 0;
    for (char room[] = "a"; room[0] <= 'd'; room[0]++) {
        orders += race(regions, room, late);
    }
    print_message("%zu orders\n", orders);
    assert_true(orders > 100);
}

/* Goal: in one region both ask the same owner first: a third one, or one of the two. */
static void same_region(void **state)
{
    (void)state;
    static const char *const regions[SITES] = {"r1", "r1", "r1"};
    race_for_four(regions, false);
}

/* Goal: the same while the owner agrees with others where the room goes. */
static void places(void **state)
{
    (void)state;
    static const char *const regions[SITES] = {"r1", "r1", "r1"};
    race_for_four(regions, true);
}

/* Goal: fronts in two regions prefer different owners, and the store decides. */
static void two_regions(void **state)
{
    (void)state;
    static const char *const regions[SITES] = {"r1", "r2", "r2"};
    race_for_four(regions, false);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(same_region), cmocka_unit_test(two_regions),
                                       cmocka_unit_test(places)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
