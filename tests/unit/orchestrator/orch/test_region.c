/* SPDX-License-Identifier: Apache-2.0
 *
 * Goal: people of a region that is lost go to the next ones.
 */
#include "tests/lib/orch_world.h"

#include <stdio.h>
#include <stdlib.h>

#include <setjmp.h>

#include <cmocka.h>

static void lose(struct world *world, const char *node)
{
    orch_node_link_lost(world->orch, world->now_us, node);
    world_drain(world);
}

/* Goal: whose node dies stays in its region, unless that loses so many nodes at once that he would
 * be moved from one dying node to the next. */
static void crumbling(void **state)
{
    (void)state;
    static const char *const near[] = {"ND_a", "ND_b", "ND_c", "ND_d"};
    struct world world;
    world_init(&world);
    world.region = "r1";
    for (size_t i = 0; i < ARRAY_LEN(near); i++) {
        world_node(&world, near[i]);
    }
    world.node_region = "r2";
    world_node(&world, "ND_e");
    for (uint64_t i = 1; i <= 8; i++) { /* two on each */
        char name[16];
        snprintf(name, sizeof(name), "p%d", (int)i);
        world_join(&world, i,
                   &(struct world_join){
                       .room = name, .identity = name, .offer_file = "chromium-join.offer"});
    }
    for (size_t i = 0; i < 3; i++) {
        world_story(&world);
        lose(&world, near[i]);
        const char *story = world_story(&world);
        assert_true((strstr(story, "route ND_e") != NULL) == (i == 2));
        assert_true(i < 2 || strstr(story, "route ND_d") == NULL);
    }
    world_advance(&world, TIME_S(3)); /* a single one, later */
    world_story(&world);
    world.node_region = "r1";
    world_node(&world, "ND_f");
    lose(&world, "ND_d");
    assert_null(strstr(world_story(&world), "route ND_e"));
    world_fini(&world);
}

/* ---- Audio before video -------------------------------------------------------------------- */

#define MICROPHONE "bdff7259-4fed-4deb-bf36-e87d9a3f493c" /* of chromium-publish.offer */
#define CAMERA     "b43b7cab-1f6a-433c-9307-80364c14926b"

static void join(struct world *world, uint64_t conn, const char *identity)
{
    world_join(world, conn,
               &(struct world_join){
                   .room = "lobby", .identity = identity, .offer_file = "chromium-join.offer"});
}

/* Alice sends sound and picture from near, which bob has there, too; far is there, and so used. */
static void near_and_far(struct world *world, uint32_t far_weight)
{
    world_init(world);
    world->region = "r1";
    world_node(world, "ND_a");
    world_join(world, 1, &(struct world_join){.room = "lobby", .identity = "alice"});
    world_add_track(world, 1, MICROPHONE, LIVEKIT__TRACK_TYPE__AUDIO);
    world_add_track(world, 1, CAMERA, LIVEKIT__TRACK_TYPE__VIDEO);
    world_offer(world, 1, "chromium-publish.offer", 1);
    join(world, 2, "bob");
    world_connected(world, 1);
    world_connected(world, 2);
    world->node_region = "r2";
    world_node(world, "ND_b");
    world->node_weight = far_weight;
    world_heartbeat(world, "ND_b", 1);
    world_story(world);
}

/* A second in which far and the node that came later beat. */
static void pass(struct world *world, uint32_t far_weight)
{
    for (uint64_t i = 0; i < 4; i++) {
        world_advance(world, TIME_MS(250));
        world->node_weight = far_weight;
        world_heartbeat(world, "ND_b", 10 + i);
        world->node_weight = 0;
        world_heartbeat(world, "ND_c", 10 + i);
    }
}

/* Of the spec sent last: how many subscriptions flow, and how many are held. */
static void assert_flow(const struct world *world, size_t flowing, size_t held)
{
    const Spillway__Control__RoomSpec *spec = world->last_spec;
    for (size_t i = 0; i < spec->n_subscriptions; i++) {
        assert_true(spec->subscriptions[i]->paused == spec->subscriptions[i]->held);
        flowing -= spec->subscriptions[i]->held ? 0 : 1;
        held -= spec->subscriptions[i]->held ? 1 : 0;
    }
    assert_int_equal(flowing, 0);
    assert_int_equal(held, 0);
}

/* Goal: who finds no place with what he watches is moved with what he hears, and told that pictures
 * are paused; newcomers are refused; pictures come again with a hysteresis. */
static void audio_first(void **state)
{
    (void)state;
    struct world world;
    near_and_far(&world, 940);
    lose(&world, "ND_a");
    const char *story = world_story(&world);
    assert_non_null(strstr(story, "front T1 route ND_b"));
    assert_non_null(strstr(story, "front T2 route ND_b"));
    assert_non_null(strstr(story, "conn 2 < paused tracks=1"));
    assert_null(strstr(story, "conn 1 < paused"));
    world_offer(&world, 2, "chromium-join.offer", 2); /* as asked: his streams have other SSRCs */
    assert_flow(&world, 1, 1);

    world.node_weight = 948;
    world_heartbeat(&world, "ND_b", 2);
    join(&world, 3, "carol");
    assert_non_null(strstr(world_story(&world), "refuse 503 the media nodes are full, try again"));
    join(&world, 4, "bob"); /* comes back */
    story = world_story(&world);
    assert_non_null(strstr(story, "accept"));
    assert_non_null(strstr(story, "conn 4 < paused tracks=1"));

    struct orch_stats stats;
    orch_stats(world.orch, &stats);
    assert_int_equal(stats.without_video, 2);

    world.node_weight = 850; /* not full any more, and not free either */
    world_heartbeat(&world, "ND_b", 3);
    world_advance(&world, TIME_MS(1500));
    assert_null(strstr(world_story(&world), "active tracks"));
    world.node_weight = 700;
    world_heartbeat(&world, "ND_b", 4);
    world_advance(&world, TIME_MS(1000));
    assert_non_null(strstr(world_story(&world), "conn 4 < active tracks=1"));
    assert_flow(&world, 1, 0); /* a delta */
    world_fini(&world);
}

/* Goal: a node that comes takes them, and they get their pictures there. */
static void another_node_brings_video(void **state)
{
    (void)state;
    struct world world;
    near_and_far(&world, 940);
    lose(&world, "ND_a");
    world_arrive(&world, "ND_b", 1);
    world_arrive(&world, "ND_b", 2);
    world_node(&world, "ND_c");
    world_story(&world);
    pass(&world, 940);
    assert_null(strstr(world_story(&world), "active tracks")); /* not before they are there */
    world_arrive(&world, "ND_c", 1);
    world_arrive(&world, "ND_c", 2);
    world_hand_over(&world, "ND_b", 1, 0);
    world_hand_over(&world, "ND_b", 2, 0);
    pass(&world, 940);
    assert_non_null(strstr(world_story(&world), "conn 2 < active tracks=1"));
    world_fini(&world);
}

/* Goal: where there is place for nobody, they stay, and go where the first node comes. */
static void nowhere(void **state)
{
    (void)state;
    struct world world;
    near_and_far(&world, 1000);
    lose(&world, "ND_a");
    assert_null(strstr(world_story(&world), "route"));
    world_node(&world, "ND_c");
    assert_non_null(strstr(world_story(&world), "front T2 route ND_c"));
    pass(&world, 1000);
    assert_non_null(strstr(world_story(&world), "conn 2 < active tracks=1"));
    world_fini(&world);
}

/* Carol sends from far, where four others watch her. */
static void hall(struct world *world)
{
    static const char *const watchers[] = {"dave", "erin", "frank", "grace"};
    world->region = "r2";
    world_join(world, 3, &(struct world_join){.room = "hall", .identity = "carol"});
    world_add_track(world, 3, MICROPHONE, LIVEKIT__TRACK_TYPE__AUDIO);
    world_add_track(world, 3, CAMERA, LIVEKIT__TRACK_TYPE__VIDEO);
    world_offer(world, 3, "chromium-publish.offer", 1);
    for (uint64_t i = 0; i < ARRAY_LEN(watchers); i++) {
        world_join(world, 4 + i,
                   &(struct world_join){.room = "hall",
                                        .identity = watchers[i],
                                        .offer_file = "chromium-join.offer"});
    }
    for (uint64_t conn = 3; conn < 4 + ARRAY_LEN(watchers); conn++) {
        world_connected(world, conn);
    }
}

/* A second in which near, while it is there, and far beat. */
static void say_weight(struct world *world, bool near_too, uint32_t weight)
{
    enum { BEATS = 4 };
    for (unsigned i = 0; i < BEATS; i++) {
        uint64_t sequence = 100 + (uint64_t)(world->now_us / TIME_MS(1));
        world->node_weight = weight;
        world_heartbeat(world, "ND_b", sequence);
        if (near_too) {
            world->node_weight = 0;
            world_heartbeat(world, "ND_a", sequence);
        }
        world_advance(world, TIME_S(1) / BEATS);
    }
}

/* Goal: for whom there is no place even with what he hears, survivors give up pictures, as many as
 * it takes, and get them back with the hysteresis. */
static void survivors_make_place(void **state)
{
    (void)state;
    struct world world;
    near_and_far(&world, 0);
    hall(&world);
    for (unsigned i = 0; i < 3; i++) { /* the report counts them, nothing is reserved */
        say_weight(&world, true, 1000);
    }
    world_story(&world);
    lose(&world, "ND_a");
    assert_null(strstr(world_story(&world), "route"));
    say_weight(&world, false, 1000);
    const char *story = world_story(&world); /* of two tracks sent and one heard */
    assert_non_null(strstr(story, "conn 4 < paused tracks=1"));
    assert_non_null(strstr(story, "conn 5 < paused tracks=1"));
    assert_non_null(strstr(story, "conn 6 < paused tracks=1"));
    assert_null(strstr(story, "conn 3 < paused"));
    assert_null(strstr(story, "conn 7 < paused"));
    assert_null(strstr(story, "route"));
    struct orch_stats stats;
    orch_stats(world.orch, &stats);
    assert_int_equal(stats.without_video, 2 + 3);

    say_weight(&world, false, 997);
    story = world_story(&world);
    assert_non_null(strstr(story, "front T1 route ND_b"));
    assert_non_null(strstr(story, "front T2 route ND_b"));
    assert_null(strstr(story, "paused"));
    world_arrive(&world, "ND_b", 1);
    world_arrive(&world, "ND_b", 2);
    world_story(&world);
    for (unsigned i = 0; i < 6; i++) { /* they fit now: nothing is taken or given */
        say_weight(&world, false, i % 2 == 0 ? 1000 : 850);
        story = world_story(&world);
        assert_null(strstr(story, "active tracks"));
        assert_null(strstr(story, "paused"));
    }
    say_weight(&world, false, 700);
    say_weight(&world, false, 700);
    story = world_story(&world);
    assert_non_null(strstr(story, "conn 2 < active tracks=1"));
    assert_non_null(strstr(story, "conn 4 < active tracks=1"));
    assert_non_null(strstr(story, "conn 6 < active tracks=1"));
    orch_stats(world.orch, &stats);
    assert_int_equal(stats.without_video, 0);
    world_fini(&world);
}

/* Goal: pictures are given up for people of other orchestrators, too, as much as they lack; and
 * come again once these lack nothing. */
static void for_the_people_of_others(void **state)
{
    (void)state;
    struct world world;
    near_and_far(&world, 0);
    hall(&world);
    for (unsigned i = 0; i < 3; i++) {
        say_weight(&world, true, 1000);
    }
    lose(&world, "ND_a");
    say_weight(&world, false, 1000);
    assert_true(orch_waiting(world.orch) > 0);
    say_weight(&world, false, 997); /* ours have place, with the pictures of three */
    say_weight(&world, false, 1000);
    assert_int_equal(orch_waiting(world.orch), 0);
    world_story(&world);
    orch_waiting_elsewhere(world.orch, world.now_us, 1);
    say_weight(&world, false, 1000);
    say_weight(&world, false, 1000);
    assert_non_null(strstr(world_story(&world), "conn 7 < paused tracks=1"));
    say_weight(&world, false, 700);
    assert_null(strstr(world_story(&world), "active tracks"));
    orch_waiting_elsewhere(world.orch, world.now_us, 0);
    say_weight(&world, false, 700);
    say_weight(&world, false, 700);
    assert_non_null(strstr(world_story(&world), "conn 7 < active tracks=1"));
    world_fini(&world);
}

static void say_paused(struct world *world, uint32_t *subscriptions, size_t count)
{
    Spillway__Control__VideoPaused paused = SPILLWAY__CONTROL__VIDEO_PAUSED__INIT;
    Spillway__Control__Event event = SPILLWAY__CONTROL__EVENT__INIT;
    paused.transport = world->transports[1];
    paused.subscriptions = subscriptions;
    paused.n_subscriptions = count;
    event.event_case = SPILLWAY__CONTROL__EVENT__EVENT_VIDEO_PAUSED;
    event.video_paused = &paused;
    world_event(world, "ND_a", &event);
}

/* Goal: who is told by a node to have no bandwidth for a picture hears that it is paused, once, and
 * of nothing but pictures; and that it goes on. Another node knows nothing of it. */
static void no_bandwidth(void **state)
{
    (void)state;
    struct world world;
    near_and_far(&world, 0);
    uint32_t all[] = {1, 2, 3, 77}; /* bob's sound, his picture, and what is not there */
    say_paused(&world, all, ARRAY_LEN(all));
    assert_string_equal(world_story(&world), "conn 2 < paused tracks=1\n");
    say_paused(&world, all, ARRAY_LEN(all));
    assert_string_equal(world_story(&world), "");
    say_paused(&world, NULL, 0);
    assert_string_equal(world_story(&world), "conn 2 < active tracks=1\n");
    say_paused(&world, all, ARRAY_LEN(all));
    world_story(&world);
    lose(&world, "ND_a");
    assert_non_null(strstr(world_story(&world), "conn 2 < active tracks=1"));
    world_fini(&world);
}

/* Goal: a node that takes somebody over from a dead one is told how fast that one sent to him, and
 * numbers on behind all that it may have sent: what lies behind what his client has seen makes
 * libwebrtc's feedback useless. */
static void the_next_node_goes_on(void **state)
{
    (void)state;
    struct world world;
    near_and_far(&world, 0);
    Spillway__Control__TransportReport report = SPILLWAY__CONTROL__TRANSPORT_REPORT__INIT;
    Spillway__Control__Event event = SPILLWAY__CONTROL__EVENT__INIT;
    report.transport = world.transports[1];
    report.estimate_bps = 1234567;
    report.transport_cc = 60000;
    event.event_case = SPILLWAY__CONTROL__EVENT__EVENT_TRANSPORT_REPORT;
    event.transport_report = &report;
    world_event(&world, "ND_a", &event);
    report.estimate_bps = 0; /* a node that knows nothing new */
    world_event(&world, "ND_a", &event);
    lose(&world, "ND_a");
    unsigned found = 0;
    for (size_t i = 0; i < world.last_spec->n_transports; i++) {
        const Spillway__Control__Transport *transport = world.last_spec->transports[i];
        if (transport->id == world.transports[1]) {
            assert_int_equal(transport->estimate_bps, 1234567);
            assert_int_equal((uint16_t)transport->transport_cc, (uint16_t)(60000 + 16384));
            found++;
        }
    }
    assert_int_equal(found, 1);
    world_fini(&world);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(no_bandwidth),
        cmocka_unit_test(the_next_node_goes_on),
        cmocka_unit_test(crumbling),
        cmocka_unit_test(audio_first),
        cmocka_unit_test(another_node_brings_video),
        cmocka_unit_test(nowhere),
        cmocka_unit_test(survivors_make_place),
        cmocka_unit_test(for_the_people_of_others),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
