/* SPDX-License-Identifier: Apache-2.0
 *
 * Goal: a node that others have filled since its last report refuses who flees to it, and they go
 * on to the next one, as if they had not been there; or wait, and none carries more than it can.
 */
#include "tests/lib/orch_world.h"
#include "tests/lib/sdp_client.h"

#include <stdio.h>
#include <stdlib.h>

#include <setjmp.h>

#include <cmocka.h>

#define MICROPHONE "bdff7259-4fed-4deb-bf36-e87d9a3f493c" /* of chromium-publish.offer */
#define CAMERA     "b43b7cab-1f6a-433c-9307-80364c14926b"

#define CAPACITY 40 /* of far */
#define CAROL    10 /* her connection; her watchers have the next ones */

static void beat(struct world *world, const char *node, uint32_t weight)
{
    static uint64_t sequence = 1;
    world->node_weight = weight;
    world_heartbeat(world, node, ++sequence);
}

static void publish(struct world *world, uint64_t conn, const char *room, const char *identity)
{
    world_join(world, conn, &(struct world_join){.room = room, .identity = identity});
    world_add_track(world, conn, MICROPHONE, LIVEKIT__TRACK_TYPE__AUDIO);
    world_add_track(world, conn, CAMERA, LIVEKIT__TRACK_TYPE__VIDEO);
    world_offer(world, conn, "chromium-publish.offer", 1);
}

static void watch(struct world *world, uint64_t conn, const char *room)
{
    char identity[16];
    snprintf(identity, sizeof(identity), "w%u", (unsigned)conn);
    world_join(world, conn,
               &(struct world_join){
                   .room = room, .identity = identity, .offer_file = "chromium-join.offer"});
}

/* Alice and bob are near, with a weight of 4. Far has so many who watch carol, which is 2 and two
 * for each, and says that it has nothing: as if they were another orchestrator's, and just came. */
static void near_and_far(struct world *world, uint64_t watchers)
{
    world_init(world);
    world->region = "r1";
    world_node(world, "ND_a");
    publish(world, 1, "lobby", "alice");
    watch(world, 2, "lobby");
    world->node_region = "r2";
    world->node_capacity = CAPACITY;
    world_node(world, "ND_b");
    world->node_capacity = 0;
    world->region = "r2";
    publish(world, CAROL, "hall", "carol");
    for (uint64_t conn = CAROL + 1; conn <= CAROL + watchers; conn++) {
        watch(world, conn, "hall");
        beat(world, "ND_b", 0);
    }
    for (size_t transport = 1; transport <= world->transport_count; transport++) {
        world_connected(world, transport);
    }
    world_advance(world, TIME_S(1));
    beat(world, "ND_b", 0);
    world_story(world);
}

static void lose(struct world *world, const char *node)
{
    orch_node_link_lost(world->orch, world->now_us, node);
    world_drain(world);
}

static void assert_refused(const struct world *world, uint64_t count)
{
    struct orch_stats stats;
    orch_stats(world->orch, &stats);
    assert_int_equal(stats.refused_by_node, count);
}

static uint16_t transport_cc(const struct world *world)
{
    for (size_t i = 0; i < world->last_spec->n_transports; i++) {
        if (world->last_spec->transports[i]->id == world->transports[1]) {
            return (uint16_t)world->last_spec->transports[i]->transport_cc;
        }
    }
    fail_msg("not told of bob");
    return 0;
}

/* Goal: they are with another node at once, and their numbers are as if it were the first. */
static void another_takes_them(void **state)
{
    (void)state;
    struct world world;
    near_and_far(&world, 17);
    world_node(&world, "ND_c");
    beat(&world, "ND_c", 900); /* has place, and seems fuller */
    lose(&world, "ND_a");
    const char *story = world_story(&world);
    const char *first = strstr(story, "front T2 route ND_b");
    assert_non_null(first);
    assert_non_null(strstr(first, "front T2 route ND_c"));
    assert_null(strstr(story, "paused"));
    assert_int_equal(transport_cc(&world), 16384);
    assert_int_equal(world.last_spec->weight, 4);
    assert_int_equal(world.last_spec->weight_max, 950);
    assert_refused(&world, 2);
    world_fini(&world);
}

/* Goal: the same node takes them with sound alone, where that is what there is place for. */
static void sound_alone(void **state)
{
    (void)state;
    struct world world;
    near_and_far(&world, 17);
    lose(&world, "ND_a");
    const char *story = world_story(&world);
    const char *first = strstr(story, "front T2 route ND_b");
    assert_non_null(first);
    assert_non_null(strstr(first + 1, "front T2 route ND_b"));
    assert_non_null(strstr(story, "conn 2 < paused tracks=1"));
    assert_refused(&world, 2);
    world_fini(&world);
}

/* Goal: where none takes them they wait, and go where there is place, once there is. */
static void they_wait(void **state)
{
    (void)state;
    struct world world;
    near_and_far(&world, 19);
    lose(&world, "ND_a");
    assert_refused(&world, 2);
    assert_non_null(strstr(world_story(&world), "conn 2 < paused tracks=1"));
    for (unsigned i = 0; i < 4; i++) {
        world_advance(&world, TIME_MS(250));
        beat(&world, "ND_b", CAPACITY);
    }
    assert_null(strstr(world_story(&world), "route"));
    world_node(&world, "ND_c");
    assert_non_null(strstr(world_story(&world), "front T2 route ND_c"));
    assert_refused(&world, 2);
    world_fini(&world);
}

/* Goal: of a room that has people on the node that refuses, these stay, and are told what they were
 * to be told. */
static void others_are_there(void **state)
{
    (void)state;
    struct world world;
    near_and_far(&world, 16);
    watch(&world, 3, "lobby"); /* from r2: two subscriptions, two tracks that come over */
    world_connected(&world, world.transport_count);
    world_node(&world, "ND_c");
    beat(&world, "ND_c", 900);
    beat(&world, "ND_b", 0);
    world_story(&world);
    lose(&world, "ND_a");
    const char *story = world_story(&world);
    assert_non_null(strstr(story, "front T2 route ND_b"));
    assert_non_null(strstr(story, "front T2 route ND_c"));
    assert_refused(&world, 2);
    world_check(&world);
    world_fini(&world);
}

/* Goal: both connections of somebody who has two are refused as one, and go on as one. */
static void two_connections(void **state)
{
    (void)state;
    struct world world;
    near_and_far(&world, 17);
    world.region = "r1";
    beat(&world, "ND_a", 4);
    world_join(&world, 3,
               &(struct world_join){.room = "lobby", .identity = "dave", .two_connections = true});
    char *answer = sdp_client_answer(world.last_offer, "once");
    world_answer(&world, 3, answer, world.last_offer_id);
    free(answer);
    world_connected(&world, world.transport_count);
    world_offer(&world, 3, "chromium-publish.offer", 1);
    world_connected(&world, world.transport_count);
    char first[32], second[32];
    snprintf(first, sizeof(first), "front T%zu route ND_", world.transport_count - 1);
    snprintf(second, sizeof(second), "front T%zu route ND_", world.transport_count);
    world_node(&world, "ND_c");
    beat(&world, "ND_c", 900);
    beat(&world, "ND_b", 0);
    world_story(&world);
    lose(&world, "ND_a");
    const char *story = world_story(&world);
    for (unsigned i = 0; i < 2; i++) {
        const char *refused = strstr(story, i == 0 ? first : second);
        assert_non_null(refused);
        assert_int_equal(refused[strlen(first)], 'b');
        const char *taken = strstr(refused + 1, i == 0 ? first : second);
        assert_non_null(taken);
        assert_int_equal(taken[strlen(first)], 'c');
    }
    assert_int_equal(world.last_spec->weight, 6);
    assert_refused(&world, 3);
    world_check(&world);
    world_fini(&world);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(another_takes_them), cmocka_unit_test(sound_alone),
        cmocka_unit_test(they_wait),          cmocka_unit_test(others_are_there),
        cmocka_unit_test(two_connections),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
