/* SPDX-License-Identifier: Apache-2.0
 *
 * Goal: a participant goes from node to node: planned, step by step, so that nothing is lost; and
 * whatever does not come about on the way leaves it served by one node, under numbers of its own.
 */
#include "tests/lib/orch_world.h"

#include <setjmp.h>
#include <stdio.h>

#include <cmocka.h>

#define MICROPHONE "bdff7259-4fed-4deb-bf36-e87d9a3f493c" /* of chromium-publish.offer */

static void join(struct world *world, uint64_t conn, const char *identity)
{
    world_join(world, conn,
               &(struct world_join){
                   .room = "lobby", .identity = identity, .offer_file = "chromium-join.offer"});
}

/* alice publishes, bob listens, both with media on ND_a. */
static void meeting(struct world *world)
{
    world_init(world);
    world_node(world, "ND_a");
    join(world, 1, "alice");
    world_add_track(world, 1, MICROPHONE, LIVEKIT__TRACK_TYPE__AUDIO);
    world_connected(world, 1);
    world_offer(world, 1, "chromium-publish.offer", 2);
    join(world, 2, "bob");
    world_connected(world, 2);
    world_arrive(world, "ND_a", 1);
    world_arrive(world, "ND_a", 2);
    world_node(world, "ND_b");
    world_story(world);
}

static void move(struct world *world, const char *identity, const char *node)
{
    char json[128];
    snprintf(json, sizeof(json), "{\"participant\": \"%s\", \"to\": \"%s\"}", identity, node);
    world_admin(world, "POST", "/admin/v1/rooms/lobby/move", json);
}

static void expect(struct world *world, const char *story)
{
    assert_string_equal(world_story(world), story);
}

static void nodes_live(struct world *world, uint64_t sequence)
{
    world_heartbeat(world, "ND_a", sequence);
    world_heartbeat(world, "ND_b", sequence);
}

/* Goal: the old node serves until the client is at the new one, then says where it stopped; the new
 * one goes on there; the old one goes on receiving for a moment. No client is told anything but
 * where to go. */
static void subscriber(void **state)
{
    (void)state;
    struct world world;
    meeting(&world);
    move(&world, "bob", "ND_b");
    expect(&world, "conn 2 < trickle udp\n"
                   "conn 2 < trickle tcp\n"
                   "reply 1 200\n"
                   "node ND_a < spec v6 base=5 t=1 k=1 s=1 -t=0 -k=0 -s=0\n"
                   "node ND_a < track 1 to ND_b layers=1 seamless\n"
                   "node ND_b < spec v7 base=0 t=1 k=1 s=1 -t=0 -k=0 -s=0\n"
                   "node ND_b < track 1 from ND_a\n"
                   "node ND_b < T2 stands by\n");
    assert_int_equal(world.last_spec->subscriptions[0]->ssrc,
                     world.spec_before->subscriptions[0]->ssrc);
    assert_true(world.last_spec->transports[0]->check_priority > 0);
    assert_int_equal(world.spec_before->transports[0]->check_priority, 0);
    world_arrive(&world, "ND_b", 2);
    expect(&world, "front T2 route ND_b\n"
                   "node ND_a < spec v8 base=6 t=1 k=0 s=0 -t=0 -k=0 -s=0\n"
                   "node ND_a < T2 hands over\n"
                   "node ND_b < spec v9 base=7 t=1 k=0 s=0 -t=0 -k=0 -s=0\n"
                   "node ND_b < T2 stands by\n");
    world_hand_over(&world, "ND_a", 2, 1);
    expect(&world, "node ND_a < spec v10 base=8 t=1 k=0 s=0 -t=0 -k=0 -s=0\n"
                   "node ND_a < track 1 to ND_b layers=1\n"
                   "node ND_a < T2 hands over\n"
                   "node ND_b < spec v11 base=9 t=1 k=0 s=1 -t=0 -k=0 -s=0\n"
                   "node ND_b < subscription 1 resumes at 77\n");
    assert_non_null(world.last_spec->subscriptions[0]->resume->run);
    world_hand_over(&world, "ND_a", 2, 1); /* said twice */
    expect(&world, "");
    world_advance(&world, TIME_S(1));
    assert_non_null(strstr(world_story(&world), "node ND_a < spec v12 base=10 t=0 k=0 s=0 -t=1"));
    world_fini(&world);
}

/* Goal: who is not heard at his node any more moves in the same way, but that what was sent to him
 * meanwhile is not worth to be asked for: streams begin anew, at the same index. */
static void silent(void **state)
{
    (void)state;
    struct world world;
    meeting(&world);
    Spillway__Control__TransportSilent silent = SPILLWAY__CONTROL__TRANSPORT_SILENT__INIT;
    Spillway__Control__Event event = SPILLWAY__CONTROL__EVENT__INIT;
    silent.transport = world.transports[1];
    event.event_case = SPILLWAY__CONTROL__EVENT__EVENT_TRANSPORT_SILENT;
    event.transport_silent = &silent;
    world_event(&world, "ND_a", &event);
    world_advance(&world, 0);
    const char *story = world_story(&world);
    assert_non_null(strstr(story, "conn 2 < trickle udp\n"));
    assert_non_null(strstr(story, "node ND_b < T2 stands by\n"));
    world_arrive(&world, "ND_b", 2);
    world_hand_over(&world, "ND_a", 2, 1);
    assert_non_null(strstr(world_story(&world), "node ND_b < subscription 1 resumes at 77\n"));
    assert_null(world.last_spec->subscriptions[0]->resume->run);
    world_fini(&world);
}

/* Goal: of a publisher that moves both nodes give each other what they get of it. */
static void publisher(void **state)
{
    (void)state;
    struct world world;
    meeting(&world);
    move(&world, "alice", "ND_b");
    const char *story = world_story(&world);
    assert_non_null(strstr(story, "node ND_a < track 1 published here from ND_b\n"
                                  "node ND_a < track 1 to ND_b layers=0 seamless\n"));
    assert_non_null(strstr(story, "node ND_b < track 1 published here from ND_a\n"
                                  "node ND_b < track 1 to ND_a layers=1 seamless\n"
                                  "node ND_b < T1 stands by\n"));
    world_arrive(&world, "ND_b", 1);
    world_hand_over(&world, "ND_a", 1, 0);
    world_story(&world);
    world_advance(&world, TIME_S(1));
    story = world_story(&world);
    assert_non_null(strstr(story, "k=1 s=0 -t=1 -k=0 -s=0\nnode ND_a < track 1 from ND_b\n"));
    assert_non_null(strstr(story, "node ND_a < edge"));
    world_fini(&world);
}

/* Goal: a client that does not come stays where it is served, and can be moved again. */
static void never_comes(void **state)
{
    (void)state;
    struct world world;
    meeting(&world);
    move(&world, "bob", "ND_b");
    move(&world, "bob", "ND_b");
    assert_int_equal(world.last_status, 409);
    world_story(&world);
    world_advance(&world, TIME_S(2));
    nodes_live(&world, 1);
    const char *story = world_story(&world);
    assert_non_null(strstr(story, "node ND_b < drop"));
    assert_null(strstr(story, "conn 2"));
    world_arrive(&world, "ND_b", 2); /* too late */
    expect(&world, "");
    move(&world, "bob", "ND_b");
    assert_non_null(strstr(world_story(&world), "node ND_b < T2 stands by\n"));
    world_fini(&world);
}

/* Goal: a node that does not say where it stopped is followed under fresh SSRCs. */
static void never_answers(void **state)
{
    (void)state;
    struct world world;
    meeting(&world);
    move(&world, "bob", "ND_b");
    uint32_t ssrc = world.last_spec->subscriptions[0]->ssrc;
    world_arrive(&world, "ND_b", 2);
    world_story(&world);
    world_advance(&world, TIME_MS(500));
    const char *story = world_story(&world);
    assert_non_null(strstr(story, "node ND_b < spec v11 base=9 t=1 k=0 s=1 -t=0 -k=0 -s=1\n"));
    assert_null(strstr(story, "resumes"));
    assert_int_not_equal(world.last_spec->subscriptions[0]->ssrc, ssrc);
    world_hand_over(&world, "ND_a", 2, 1); /* too late */
    expect(&world, "");
    world_fini(&world);
}

/* Goal: of what the old node does not speak nobody knows where it stands: a fresh SSRC. */
static void answers_by_half(void **state)
{
    (void)state;
    struct world world;
    meeting(&world);
    move(&world, "bob", "ND_b");
    uint32_t ssrc = world.last_spec->subscriptions[0]->ssrc;
    world_arrive(&world, "ND_b", 2);
    world_hand_over(&world, "ND_a", 2, 0);
    assert_null(strstr(world_story(&world), "resumes"));
    assert_int_equal(world.last_spec->n_subscriptions, 1);
    assert_int_not_equal(world.last_spec->subscriptions[0]->ssrc, ssrc);
    world_fini(&world);
}

/* Goal: a publisher that moves to a leaf of another region: its two nodes hear each other by way of
 * that region's hub, which needs the track for it (node cores refuse an edge without). */
static void by_way_of_a_hub(void **state)
{
    (void)state;
    struct world world;
    meeting(&world);
    world.node_region = "r2";
    world_node(&world, "ND_c");
    move(&world, "alice", "ND_c");
    world_arrive(&world, "ND_c", 1);
    world_hand_over(&world, "ND_a", 1, 0);
    world_advance(&world, TIME_S(1));
    nodes_live(&world, 1);
    world_story(&world);
    move(&world, "alice", "ND_b");
    const char *story = world_story(&world);
    assert_non_null(strstr(story, "node ND_c < track 1 published here from ND_a\n"));
    assert_non_null(strstr(story, "node ND_a < track 1 from ND_b\n"));
    world_fini(&world);
}

/* Goal: whichever node dies on the way, the client is served by the other. */
static void a_node_dies(void **state)
{
    (void)state;
    for (int arrived = 0; arrived < 2; arrived++) {
        for (int old = 0; old < 2; old++) {
            struct world world;
            meeting(&world);
            world_node(&world, "ND_c");
            move(&world, "bob", "ND_b");
            uint32_t ssrc = world.last_spec->subscriptions[0]->ssrc;
            if (arrived) {
                world_arrive(&world, "ND_b", 2);
            }
            world_story(&world);
            orch_node_link_lost(world.orch, world.now_us, old ? "ND_a" : "ND_b");
            world_advance(&world, 0);
            world_heartbeat(&world, "ND_c", 1);
            const char *story = world_story(&world);
            if (old) { /* alice may be anywhere, bob goes on to where he was going */
                assert_non_null(strstr(story, "front T2 route ND_b\n"));
            } else if (arrived) { /* the old one has stopped by now: not there again under old SSRCs
                                   */
                assert_non_null(strstr(story, "front T2 route"));
            } else {
                assert_null(strstr(story, "conn 2"));
                assert_null(strstr(story, "front T2"));
            }
            assert_non_null(strstr(story, old ? "node ND_a < drop" : "node ND_b < drop"));
            for (size_t i = 0; i < world.last_spec->n_subscriptions && (old || arrived); i++) {
                assert_int_not_equal(world.last_spec->subscriptions[i]->ssrc, ssrc);
            }
            world_fini(&world);
        }
    }
}

/* Goal: a publisher whose old node dies on the way is with its tracks on the node it was going to,
 * and only there: the nodes' own counts say so at the end (orch_nodes.h). */
static void a_publishers_node_dies(void **state)
{
    (void)state;
    for (int arrived = 0; arrived < 2; arrived++) {
        struct world world;
        meeting(&world);
        move(&world, "alice", "ND_b");
        if (arrived) {
            world_arrive(&world, "ND_b", 1);
        }
        world_story(&world);
        orch_node_link_lost(world.orch, world.now_us, "ND_a");
        world_advance(&world, 0);
        world_heartbeat(&world, "ND_b", 1);
        const char *story = world_story(&world);
        assert_null(strstr(story, "node ND_b < drop"));
        assert_null(strstr(story, "-t=1"));
        world_admin(&world, "GET", "/admin/v1/rooms/lobby", "");
        assert_non_null(strstr(world.last_reply, "\"participants\":2,"));
        world_fini(&world);
    }
}

/* Goal: back to the node it has just left, which it is still known at: with new candidates, under
 * fresh SSRCs. */
static void back_at_once(void **state)
{
    (void)state;
    struct world world;
    meeting(&world);
    move(&world, "alice", "ND_b");
    world_arrive(&world, "ND_b", 1);
    world_hand_over(&world, "ND_a", 1, 0);
    world_story(&world);
    orch_node_link_lost(world.orch, world.now_us, "ND_b");
    world_advance(&world, 0);
    world_heartbeat(&world, "ND_a", 1);
    const char *story = world_story(&world);
    assert_non_null(strstr(story, "front T1 route ND_a\n"
                                  "conn 1 < trickle udp\n"));
    assert_null(strstr(story, "-t=1"));
    world_fini(&world);
}

/* Goal: back within the moment in which the old node still listens is a planned move as well; the
 * transport there begins anew. */
static void back_again(void **state)
{
    (void)state;
    struct world world;
    meeting(&world);
    move(&world, "bob", "ND_b");
    world_arrive(&world, "ND_b", 2);
    world_hand_over(&world, "ND_a", 2, 1);
    world_story(&world);
    move(&world, "bob", "ND_a");
    const char *story = world_story(&world);
    assert_non_null(strstr(story, "node ND_a < T2 stands by\n"));
    assert_null(strstr(story, "node ND_b < T2"));
    world_arrive(&world, "ND_a", 2);
    world_hand_over(&world, "ND_b", 2, 1);
    assert_non_null(strstr(world_story(&world), "node ND_a < subscription 1 resumes at 77\n"));
    world_fini(&world);
}

/* Goal: who leaves or restarts its ICE on the way leaves nothing behind on the other node. */
static void leaves_on_the_way(void **state)
{
    (void)state;
    struct world world;
    meeting(&world);
    move(&world, "bob", "ND_b");
    world_story(&world);
    world_twirp(&world, "RemoveParticipant", "{\"room\":\"lobby\",\"identity\":\"bob\"}");
    const char *story = world_story(&world);
    assert_non_null(strstr(story, "node ND_b < drop"));
    assert_non_null(strstr(story, "node ND_a < spec v9 base=6 t=0 k=0 s=0 -t=1"));
    world_fini(&world);

    meeting(&world);
    move(&world, "alice", "ND_b");
    world_story(&world);
    world_offer(&world, 1, "firefox-publish.offer", 3); /* with another ufrag */
    assert_non_null(strstr(world_story(&world), "node ND_b < drop"));
    world_fini(&world);
}

/* Goal: with a node that cannot take over, nobody waits for the other to hand over. */
static void node_of_another_version(void **state)
{
    (void)state;
    struct world world;
    meeting(&world);
    world.no_hand_over = true;
    world_node(&world, "ND_c");
    world_story(&world);
    move(&world, "bob", "ND_c");
    const char *story = world_story(&world);
    assert_non_null(strstr(story, "front T2 route ND_c\n"));
    assert_null(strstr(story, "stands by"));
    world_fini(&world);
}

/* Goal: the node dies of somebody who has just joined, and the last word of his handshake is late:
 * it comes when he is at another node, which has no path to him and never will, for he leaves. He
 * is no participant for good. (any, seed 324606) */
static void keys_come_late(void **state)
{
    (void)state;
    struct world world;
    meeting(&world);
    join(&world, 3, "carol");
    orch_node_link_lost(world.orch, world.now_us, "ND_a");
    world_advance(&world, 0);
    world_arrive(&world, "ND_b", 1);
    world_arrive(&world, "ND_b", 2);
    world_connected(&world, 3);
    world_story(&world);
    orch_disconnected(world.orch, world.now_us, 3);
    world_advance(&world, TIME_MS(4900));
    assert_null(strstr(world_story(&world), "carol=gone"));
    world_advance(&world, TIME_MS(200));
    assert_non_null(strstr(world_story(&world), "conn 1 < update carol=gone"));
    world_fini(&world);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(subscriber),        cmocka_unit_test(publisher),
        cmocka_unit_test(never_comes),       cmocka_unit_test(never_answers),
        cmocka_unit_test(answers_by_half),   cmocka_unit_test(by_way_of_a_hub),
        cmocka_unit_test(a_node_dies),       cmocka_unit_test(a_publishers_node_dies),
        cmocka_unit_test(back_at_once),      cmocka_unit_test(back_again),
        cmocka_unit_test(leaves_on_the_way), cmocka_unit_test(node_of_another_version),
        cmocka_unit_test(keys_come_late),    cmocka_unit_test(silent),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
