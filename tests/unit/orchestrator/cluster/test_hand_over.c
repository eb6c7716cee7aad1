/* SPDX-License-Identifier: Apache-2.0
 *
 * An owner that ends leaves its rooms to the next ones. No node of this world gives anything back:
 * what the next owner knows, it has from the last one alone.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "proto/gen/bus.pb-c.h"
#include "proto/wire/wire.h"
#include "tests/lib/cluster_world.h"

#define OWNER 0 /* of the room */
#define FRONT 1 /* of alice */

static const char *const regions[SITES] = {"r1", "r1", "r2"};

/* alice is in the room, with her media on ND_a. */
static void begin(struct cluster_world *w)
{
    cluster_world_init_sealed(w, regions);
    cluster_world_second_node(w);
    cluster_world_join(w, OWNER, 1, "room-1", "host", false);
    cluster_world_settle(w);
    cluster_world_join(w, FRONT, 1, "room-1", "alice", false);
    cluster_world_settle(w);
    world_connected(&w->sites[FRONT], 1);
    cluster_world_disconnect(w, OWNER, 1);
    cluster_world_settle(w);
    assert_int_equal(cluster_world_owner(w, "room-1"), OWNER);
    (void)cluster_world_story(w, FRONT);
}

static bool hands_over(struct cluster_world *w)
{
    struct world *owner = &w->sites[OWNER];
    bool begun = cluster_hand_over(owner->cluster, owner->now_us);
    world_drain(owner);
    return begun;
}

static void node_dies(struct cluster_world *w)
{
    for (size_t site = 0; site < SITES; site++) {
        if (w->alive[site]) {
            orch_node_link_lost(w->sites[site].orch, w->sites[site].now_us, "ND_a");
            world_drain(&w->sites[site]);
        }
    }
}

/* How many messages on their way speak of remains. */
static size_t remains(const struct cluster_world *w, size_t to)
{
    size_t count = 0;
    const struct parcel *parcel;
    for (parcel = w->links[OWNER][to]; parcel != NULL; parcel = parcel->next) {
        Spillway__Bus__PeerMessage *m =
            spillway__bus__peer_message__unpack(NULL, parcel->len, parcel->data);
        count += m->message_case == SPILLWAY__BUS__PEER_MESSAGE__MESSAGE_REMAINS;
        spillway__bus__peer_message__free_unpacked(m, NULL);
    }
    return count;
}

/* Goal: the only node that knows of her dies with the owner, and she stays: her front hears who has
 * the room, and she goes to another node. */
static void with_the_node(void **state)
{
    (void)state;
    struct cluster_world w;
    begin(&w);
    assert_true(hands_over(&w));
    assert_false(cluster_handed_over(w.sites[OWNER].cluster));
    cluster_world_settle(&w);
    assert_true(cluster_handed_over(w.sites[OWNER].cluster)); /* without a beat's time */
    assert_int_equal(cluster_world_owner(&w, "room-1"), OWNER);

    cluster_world_kill(&w, OWNER);
    node_dies(&w);
    cluster_world_settle(&w);
    assert_int_not_equal(cluster_world_owner(&w, "room-1"), SITES);
    cluster_world_advance(&w, TIME_MS(300)); /* then it is told that nothing of it arrives */
    const char *story = cluster_world_story(&w, FRONT);
    assert_non_null(strstr(story, "front T1 route ND_b"));
    assert_null(strstr(story, "close"));
    cluster_world_fini(&w);
}

/* Goal: the same where the node hangs: it is asked, and does not answer. */
static void node_hangs(void **state)
{
    (void)state;
    struct cluster_world w;
    begin(&w);
    assert_true(hands_over(&w));
    cluster_world_settle(&w);
    cluster_world_kill(&w, OWNER);
    cluster_world_advance(&w, TIME_S(1)); /* a while later she is asked to restart ICE */
    assert_int_not_equal(cluster_world_owner(&w, "room-1"), SITES);
    assert_null(strstr(cluster_world_story(&w, FRONT), "close"));
    cluster_world_fini(&w);
}

/* Goal: without a hand-over she starts over, so it is that which keeps her. */
static void not_handed_over(void **state)
{
    (void)state;
    struct cluster_world w;
    begin(&w);
    cluster_world_kill(&w, OWNER);
    cluster_world_advance(&w, CLUSTER_ORPHAN_US + TIME_S(1));
    assert_int_equal(cluster_world_owner(&w, "room-1"), SITES);
    assert_non_null(strstr(cluster_world_story(&w, FRONT), "conn 1 close 1001"));
    cluster_world_fini(&w);
}

/* Goal: of a room that is over before its owner has ended, nothing comes back. */
static void over_meanwhile(void **state)
{
    (void)state;
    struct cluster_world w;
    struct world *owner = &w.sites[OWNER];
    begin(&w);
    assert_true(hands_over(&w));
    cluster_world_settle(&w);
    world_twirp(owner, "DeleteRoom", "{\"room\": \"room-1\"}");
    cluster_world_settle(&w);
    assert_int_equal(cluster_world_owner(&w, "room-1"), SITES);
    cluster_world_kill(&w, OWNER);
    cluster_world_advance(&w, TIME_S(2));
    assert_int_equal(cluster_world_owner(&w, "room-1"), SITES);
    cluster_world_fini(&w);
}

/* What waits for the owner says nothing of what an older version does not know. */
static void deliver_old(struct cluster_world *w, size_t from)
{
    struct parcel *parcel;
    for (parcel = w->links[from][OWNER]; parcel != NULL; parcel = parcel->next) {
        Spillway__Bus__PeerMessage *m =
            spillway__bus__peer_message__unpack(NULL, parcel->len, parcel->data);
        if (m->message_case == SPILLWAY__BUS__PEER_MESSAGE__MESSAGE_HELLO) {
            m->hello->inherits = false;
            free(parcel->data);
            parcel->data = wire_pack(&m->base, &parcel->len);
        }
        spillway__bus__peer_message__free_unpacked(m, NULL);
    }
    cluster_world_deliver_link(w, from, OWNER);
}

/* It meets the owner anew. */
static void grows_old(struct cluster_world *w, size_t site)
{
    cluster_world_link(w, site, OWNER, false);
    cluster_world_link(w, site, OWNER, true);
    while (w->links[site][OWNER] != NULL || w->links[OWNER][site] != NULL) {
        deliver_old(w, site);
        cluster_world_deliver_link(w, OWNER, site);
    }
    cluster_world_settle(w);
}

/* Goal: the heir alone is told, the one of the owner's region; if it does not say that it takes
 * that, nobody is, and nobody waits. */
static void who_takes_it(void **state)
{
    (void)state;
    struct cluster_world w;
    begin(&w);
    assert_true(hands_over(&w));
    assert_int_equal(remains(&w, 1), 1);
    assert_int_equal(remains(&w, 2), 0);
    cluster_world_fini(&w);

    begin(&w);
    grows_old(&w, 1);
    assert_true(hands_over(&w));
    assert_int_equal(remains(&w, 1) + remains(&w, 2), 0);
    assert_true(cluster_handed_over(w.sites[OWNER].cluster));
    cluster_world_fini(&w);

    begin(&w);
    grows_old(&w, 1);
    grows_old(&w, 2);
    assert_false(hands_over(&w));
    cluster_world_fini(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(with_the_node),   cmocka_unit_test(node_hangs),
        cmocka_unit_test(not_handed_over), cmocka_unit_test(over_meanwhile),
        cmocka_unit_test(who_takes_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
