/* SPDX-License-Identifier: Apache-2.0
 *
 * Goal: a client that the node does not hear any more is told of long before its consent ends, once
 * for each silence, and nobody who is merely quiet, nor anybody for the node's own standing still.
 */
#include "tests/unit/media-node/node/world.h"

#include "media-node/core/ice/ice.h"

/* So many clients of one room, of which nobody publishes; whole, as any owner tells it. */
static void tell_room(struct world *w, uint64_t epoch)
{
    struct room_spec spec;
    room_spec_init(&spec, "RM_1", epoch, 0, 1);
    for (uint32_t i = 0; i < w->client_count; i++) {
        room_spec_transport(&spec, 11 + i, w->clients[i].client, true);
    }
    world_spec(w, &spec);
}

static void start(struct world *w, size_t clients)
{
    world_init(w);
    world_register(w);
    for (size_t i = 0; i < clients; i++) {
        world_join(w);
    }
    tell_room(w, 1);
    for (size_t i = 0; i < clients; i++) {
        world_check(w, &w->clients[i], true);
    }
    world_run(w, 1000); /* it speaks for the last time */
    world_forget(w);
}

/* Says nothing by itself, but answers. */
static void hush(struct world_client *client)
{
    client->quiet = true;
    client->check_at_us = TIME_NEVER;
}

/* 4 s, and half a second for eight checks that are not answered. */
static void test_is_told(void **state)
{
    (void)state;
    struct world w;
    start(&w, 2);
    struct world_client *b = &w.clients[1];
    unsigned before = b->datagrams;
    b->gone = true;
    world_run(&w, 4479);
    world_expect(&w, "");
    assert_int_equal(b->datagrams, before + ICE_CHECK_SENDS);
    world_run(&w, 5000);
    world_expect(&w, " 5480 event transport 12 is silent\n");
    assert_int_equal(b->datagrams, before + ICE_CHECK_SENDS);
    b->gone = false;
    b->check_at_us = w.now_us;
    world_run(&w, 1000);
    world_expect(&w, "10479 event transport 12 is heard again\n");
    b->gone = true; /* and so the next time */
    world_run(&w, 20000);
    world_expect(&w, "15959 event transport 12 is silent\n"
                     "25479 event transport 12 lost consent\n");
    assert_int_equal(node_counters(w.node)->transports_silent, 2);
    assert_int_equal(node_counters(w.node)->moves_unanswered, 0); /* these are no moves */
    world_fini(&w);
}

/* One who is muted and watches nothing may send less than one STUN message in 4 s. */
static void test_answers(void **state)
{
    (void)state;
    struct world w;
    start(&w, 2);
    hush(&w.clients[1]);
    world_run(&w, 60000);
    world_expect(&w, "");
    assert_int_equal(node_counters(w.node)->transports_silent, 0);
    assert_int_equal(node_counters(w.node)->moves_answered, 0);
    world_fini(&w);
}

/* Whatever came meanwhile is lost, and it knows of nobody whether he is there. */
static void test_node_stood_still(void **state)
{
    (void)state;
    struct world w;
    start(&w, 2);
    hush(&w.clients[0]);
    hush(&w.clients[1]);
    for (int64_t ms = 3000; ms < 13000; ms += 1000) {
        w.now_us += TIME_MS(ms);
        world_run(&w, 1700);
    }
    world_expect(&w, "");
    world_fini(&w);
}

/* Another node serves it, by now or before it was asked: it is not asked. */
static void stands_by(int64_t after_ms, unsigned asked)
{
    struct world w;
    struct room_spec spec;
    start(&w, 1);
    unsigned before = w.clients[0].datagrams;
    w.clients[0].gone = true;
    world_run(&w, after_ms);
    room_spec_init(&spec, "RM_1", 1, 1, 2);
    room_spec_transport(&spec, 11, w.clients[0].client, true)->standby = true;
    world_spec(&w, &spec);
    world_forget(&w);
    world_run(&w, 9000);
    world_expect(&w, "");
    assert_int_equal(w.clients[0].datagrams, before + asked);
    world_fini(&w);
}

static void test_stands_by(void **state)
{
    (void)state;
    stands_by(3000, 0);
    stands_by(4200, ICE_CHECK_SENDS);
}

/* The owner who was told may be dead. */
static void test_next_owner(void **state)
{
    (void)state;
    struct world w;
    start(&w, 1);
    w.clients[0].gone = true;
    world_run(&w, 5000);
    world_expect(&w, " 5480 event transport 11 is silent\n");
    tell_room(&w, 2);
    world_expect(&w, " 6000 ack RM_1 2.1 applied\n"
                     " 6000 event transport 11 path 192.0.2.1:5000 at 40000\n"
                     " 6000 event transport 11 is silent\n");
    world_fini(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_is_told),          cmocka_unit_test(test_answers),
        cmocka_unit_test(test_node_stood_still), cmocka_unit_test(test_stands_by),
        cmocka_unit_test(test_next_owner),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
