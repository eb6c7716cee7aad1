/* SPDX-License-Identifier: Apache-2.0
 *
 * Who is moved at once, what his client is told of the new node, and what is done if he does not
 * arrive there. Planned moves are in test_move.c.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "tests/lib/orch_world.h"

#define MICROPHONE "bdff7259-4fed-4deb-bf36-e87d9a3f493c" /* of chromium-publish.offer */
#define CAMERA     "b43b7cab-1f6a-433c-9307-80364c14926b"

static void join(struct world *world, uint64_t conn, const char *identity, const char *offer)
{
    world_join(world, conn,
               &(struct world_join){.room = "lobby", .identity = identity, .offer_file = offer});
}

/* alice is active and publishes microphone and camera. */
static void alice_publishes(struct world *world)
{
    world_node(world, "ND_a");
    join(world, 1, "alice", "chromium-publish.offer");
    world_add_track(world, 1, MICROPHONE, LIVEKIT__TRACK_TYPE__AUDIO);
    world_add_track(world, 1, CAMERA, LIVEKIT__TRACK_TYPE__VIDEO);
    world_connected(world, 1);
    world_offer(world, 1, "chromium-publish.offer", 2);
    world_story(world);
}

static bool answer_names(const struct world *world, const Spillway__Control__Subscription *entry)
{
    char line[64];
    snprintf(line, sizeof(line), "a=ssrc-group:FID %u %u\r\n", entry->ssrc, entry->rtx_ssrc);
    return strstr(world->last_answer, line) != NULL;
}

/* Goal: a move gives the new node everything, with fresh SSRCs, and the client a candidate with a
 * higher priority; the old node is told to drop the room. Video waits until an answer has named its
 * SSRCs to the client, who is asked for an offer. */
static void move_room(void **state)
{
    (void)state;
    struct world world;
    world_init(&world);
    alice_publishes(&world);
    join(&world, 2, "bob", "chromium-join.offer");
    assert_int_equal(world.last_spec->n_subscriptions, 2);
    uint32_t old_ssrc = world.last_spec->subscriptions[0]->ssrc;
    assert_true(answer_names(&world, world.last_spec->subscriptions[1]));
    world_node(&world, "ND_b");
    world_story(&world);
    orch_node_link_lost(world.orch, world.now_us, "ND_a");
    world_advance(&world, 0);
    world_heartbeat(&world, "ND_b", 1);
    assert_string_equal(world_story(&world),
                        "front T1 route ND_b\n"
                        "conn 1 < trickle udp\n"
                        "conn 1 < trickle tcp\n"
                        "front T2 route ND_b\n"
                        "conn 2 < trickle udp\n"
                        "conn 2 < trickle tcp\n"
                        "node ND_a < drop v7 base=0 t=0 k=0 s=0 -t=0 -k=0 -s=0\n"
                        "conn 2 < sections audio=0 video=0\n"
                        "node ND_b < spec v8 base=0 t=2 k=2 s=1 -t=0 -k=0 -s=0\n");
    assert_int_not_equal(world.last_spec->subscriptions[0]->ssrc, old_ssrc);
    assert_true(world.last_spec->transports[0]->check_priority > 1000001);
    assert_int_equal(world.last_spec->tracks[1]->n_layers, 3);
    assert_string_equal(world.last_spec->transports[0]->local->ip, "127.0.0.2");
    assert_int_equal(world.last_spec->transports[0]->srtp->client_key.len, 28);
    world_offer(&world, 2, "chromium-join.offer", 2);
    assert_int_equal(world.last_spec->n_subscriptions, 2);
    assert_true(answer_names(&world, world.last_spec->subscriptions[1]));
    assert_null(strstr(world_story(&world), "sections")); /* all is said */
    world_fini(&world);
}

/* Goal: Firefox goes by the mid: answers name no SSRC, and nothing waits for one. */
static void move_firefox(void **state)
{
    (void)state;
    struct world world;
    world_init(&world);
    alice_publishes(&world);
    world_join(&world, 2,
               &(struct world_join){.room = "lobby",
                                    .identity = "bob",
                                    .offer_file = "firefox-join.offer",
                                    .browser = "Firefox"});
    assert_null(strstr(world.last_answer, "a=ssrc"));
    world_node(&world, "ND_b");
    world_story(&world);
    orch_node_link_lost(world.orch, world.now_us, "ND_a");
    world_advance(&world, 0);
    world_heartbeat(&world, "ND_b", 1);
    const char *story = world_story(&world);
    assert_null(strstr(story, "sections"));
    assert_non_null(strstr(story, "k=2 s=2"));
    world_fini(&world);
}

static void move_to(struct world *world, const char *node)
{
    char json[64];
    snprintf(json, sizeof(json), "{\"to\": \"%s\"}", node);
    world_admin(world, "POST", "/admin/v1/rooms/lobby/move", json);
}

static void resume_alice(struct world *world, uint64_t conn)
{
    world_join(world, conn,
               &(struct world_join){.room = "lobby", .identity = "alice", .reconnect = true});
}

/* Goal: a moved client whose media do not come to the new node restarts its ICE; if that does not
 * help, it starts over. One that comes is left alone. */
static void arrival(void **state)
{
    (void)state;
    struct world world;
    world_init(&world);
    alice_publishes(&world);
    world_node(&world, "ND_b");
    move_to(&world, "ND_b");
    world_advance(&world, TIME_MS(1900));
    world_arrive(&world, "ND_b", 1);
    world_story(&world);
    world_advance(&world, TIME_S(3));
    assert_null(strstr(world_story(&world), "leave"));

    world_heartbeat(&world, "ND_a", 1);
    orch_node_link_lost(world.orch, world.now_us, "ND_b");
    world_advance(&world, TIME_MS(1900));
    assert_null(strstr(world_story(&world), "leave"));
    world_advance(&world, TIME_MS(200));
    assert_non_null(strstr(world_story(&world), "conn 1 < leave reason=14 action=1\n"
                                                "conn 1 close 1000\n"));
    resume_alice(&world, 2);
    world_story(&world);
    world_advance(&world, TIME_MS(5100));
    assert_non_null(strstr(world_story(&world), "conn 2 < leave reason=15 action=2\n"));
    world_fini(&world);
}

/* Goal: a client that had every address of a node is not sent to one of them a second time: its ICE
 * restarts, and with it the count. */
static void addresses_used_up(void **state)
{
    (void)state;
    struct world world;
    world_init(&world);
    world_node(&world, "ND_a");
    join(&world, 1, "alice", "chromium-join.offer");
    world_connected(&world, 1);
    world_node(&world, "ND_b");
    world_story(&world);
    static const char *const nodes[] = {"ND_b", "ND_a", "ND_b"};
    for (size_t i = 0; i < ARRAY_LEN(nodes); i++) { /* of two UDP ports each */
        move_to(&world, nodes[i]);
        world_arrive(&world, nodes[i], 1);
        world_hand_over(&world, nodes[(i + ARRAY_LEN(nodes) - 1) % ARRAY_LEN(nodes)], 1, 0);
        const char *story = world_story(&world);
        assert_non_null(strstr(story, "conn 1 < trickle udp\n"));
        assert_null(strstr(story, "leave"));
    }
    move_to(&world, "ND_a");
    const char *story = world_story(&world);
    assert_non_null(strstr(story, "conn 1 < leave reason=14 action=1\n"));
    assert_null(strstr(story, "trickle"));
    resume_alice(&world, 2);
    world_offer(&world, 2, "chromium-publish.offer", 2); /* with another ufrag */
    assert_non_null(strstr(world_story(&world), "conn 2 < answer 2"));
    world_arrive(&world, "ND_a", 1);
    world_story(&world);
    move_to(&world, "ND_b");
    assert_non_null(strstr(world_story(&world), "conn 2 < trickle udp\n"));
    world_fini(&world);
}

/* Goal: who hears of no candidates, and so cannot be asked to restart its ICE, goes on to and fro.
 */
static void addresses_used_again(void **state)
{
    (void)state;
    struct world world;
    world_init(&world);
    world_node(&world, "ND_a");
    world_join(&world, 1,
               &(struct world_join){.room = "lobby",
                                    .identity = "alice",
                                    .offer_file = "chromium-join.offer",
                                    .other_sdks = "whip"});
    world_connected(&world, 1);
    world_node(&world, "ND_b");
    world_story(&world);
    static const char *const nodes[] = {"ND_a", "ND_b"}; /* of two UDP ports each */
    for (size_t i = 1; i <= 8; i++) {
        move_to(&world, nodes[i % 2]);
        world_arrive(&world, nodes[i % 2], 1);
        world_hand_over(&world, nodes[(i + 1) % 2], 1, 0);
        const char *story = world_story(&world);
        assert_non_null(strstr(story, "conn 1 < trickle udp\n"));
        assert_null(strstr(story, "leave"));
    }
    world_fini(&world);
}

/* Goal: a node that comes back under another id at its old addresses is no new node to a client: it
 * is given what is left of them, UDP or TCP, and nothing a second time. */
static void addresses_outlive_ids(void **state)
{
    (void)state;
    struct world world;
    world_init(&world);
    world_node(&world, "ND_a");
    join(&world, 1, "alice", "chromium-join.offer");
    world_connected(&world, 1);
    world_node(&world, "ND_b");
    move_to(&world, "ND_b");
    world_arrive(&world, "ND_b", 1);
    orch_node_link_lost(world.orch, world.now_us, "ND_a");
    world_node_at(&world, "ND_c", (const char *const[]){"127.0.0.1"}, 1);
    world_story(&world);
    move_to(&world, "ND_c");
    world_arrive(&world, "ND_c", 1);
    const char *story = world_story(&world);
    assert_non_null(strstr(story, "conn 1 < trickle udp\n"));
    assert_null(strstr(story, "trickle tcp"));
    world_hand_over(&world, "ND_b", 1, 0);
    move_to(&world, "ND_b");
    world_arrive(&world, "ND_b", 1);
    world_hand_over(&world, "ND_c", 1, 0);
    assert_null(strstr(world_story(&world), "leave"));
    move_to(&world, "ND_c");
    story = world_story(&world);
    assert_non_null(strstr(story, "conn 1 < leave reason=14 action=1\n"));
    assert_null(strstr(story, "trickle"));
    world_fini(&world);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(move_room),
        cmocka_unit_test(move_firefox),
        cmocka_unit_test(arrival),
        cmocka_unit_test(addresses_used_up),
        cmocka_unit_test(addresses_used_again),
        cmocka_unit_test(addresses_outlive_ids),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
