/* SPDX-License-Identifier: Apache-2.0
 *
 * Goal: a move that is traced is one tree of spans, whatever it is made for and whatever becomes of
 * it; and a drain's are parts of the drain.
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

/* alice publishes, bob listens, both with media on ND_a; what is traced begins now. */
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
    world->tracer.sample_permille = TRACE_ALWAYS;
}

static void expect(struct world *world, const char *wanted)
{
    char text[TRACE_TREE_MAX];
    struct trace_tree *trees[] = {&world->traces};
    trace_tree_text(text, trees, 1);
    assert_string_equal(text, wanted);
}

static void move(struct world *world, const char *identity, const char *node)
{
    char json[128];
    snprintf(json, sizeof(json), "{\"participant\": \"%s\", \"to\": \"%s\"}", identity, node);
    world_admin(world, "POST", "/admin/v1/rooms/lobby/move", json);
}

static void event(struct world *world, const char *node, Spillway__Control__Event__EventCase what,
                  void *content)
{
    Spillway__Control__Event out = SPILLWAY__CONTROL__EVENT__INIT;
    out.event_case = what;
    out.standing = content; /* as any other of the union */
    world_event(world, node, &out);
}

static void node_span(struct world *world, const char *node, size_t transport,
                      Spillway__Control__Span__Kind kind, int64_t ms)
{
    Spillway__Control__Span span = SPILLWAY__CONTROL__SPAN__INIT;
    span.kind = kind;
    span.transport = world->transports[transport - 1];
    for (size_t i = 0; i < world->last_spec->n_transports; i++) {
        if (world->last_spec->transports[i]->id == span.transport) {
            span.trace = world->last_spec->transports[i]->trace;
        }
    }
    assert_int_equal(span.trace.len, TRACE_CONTEXT_LEN);
    span.duration_us = (uint64_t)TIME_MS(ms);
    event(world, node, SPILLWAY__CONTROL__EVENT__EVENT_SPAN, &span);
}

static void first_packet_to(struct world *world, const char *node, size_t transport)
{
    Spillway__Control__Standing standing = SPILLWAY__CONTROL__STANDING__INIT;
    standing.transport = world->transports[transport - 1];
    event(world, node, SPILLWAY__CONTROL__EVENT__EVENT_STANDING, &standing);
}

static void wait_ms(struct world *world, int64_t ms)
{
    world_advance(world, TIME_MS(ms));
}

/* Goal: to the path at the next node, to the old one's last word, to the first packet from there.
 */
static void planned(void **state)
{
    (void)state;
    struct world world;
    meeting(&world);
    move(&world, "bob", "ND_b");
    wait_ms(&world, 40);
    node_span(&world, "ND_b", 2, SPILLWAY__CONTROL__SPAN__KIND__ICE, 30);
    world_arrive(&world, "ND_b", 2);
    wait_ms(&world, 5);
    first_packet_to(&world, "ND_a", 2); /* the old one's word means nothing */
    world_hand_over(&world, "ND_a", 2, 1);
    wait_ms(&world, 20);
    first_packet_to(&world, "ND_b", 2);
    expect(&world, "move 0..65\n"
                   "  spec 0..0\n"
                   "  ice 10..40 ND_b\n"
                   "  hand_over 40..45\n"
                   "  media 45..65\n");
    world_fini(&world);
}

/* Goal: who publishes and hears nothing is through with the old node's word. */
static void publisher(void **state)
{
    (void)state;
    struct world world;
    meeting(&world);
    move(&world, "alice", "ND_b");
    wait_ms(&world, 40);
    world_arrive(&world, "ND_b", 1);
    wait_ms(&world, 5);
    world_hand_over(&world, "ND_a", 1, 0);
    expect(&world, "move 0..45\n"
                   "  spec 0..0\n"
                   "  hand_over 40..45\n");
    world_fini(&world);
}

/* Goal: one who does not come says so. */
static void stays(void **state)
{
    (void)state;
    struct world world;
    meeting(&world);
    move(&world, "bob", "ND_b");
    for (uint64_t beat = 1; beat <= 5; beat++) {
        wait_ms(&world, 500);
        world_heartbeat(&world, "ND_a", beat);
        world_heartbeat(&world, "ND_b", beat);
    }
    expect(&world, "move 0..2000 failed: it did not come\n"
                   "  spec 0..0\n");
    world_fini(&world);
}

/* Goal: of a death everybody's move begins with the dead node's last word. */
static void death(void **state)
{
    (void)state;
    struct world world;
    meeting(&world);
    world_heartbeat(&world, "ND_a", 1);
    wait_ms(&world, 100);
    orch_node_link_lost(world.orch, world.now_us, "ND_a");
    world_drain(&world);
    wait_ms(&world, 400);
    world_heartbeat(&world, "ND_b", 1);
    world_arrive(&world, "ND_b", 2);
    world_arrive(&world, "ND_b", 1);
    first_packet_to(&world, "ND_b", 2);
    Spillway__Control__MediaArrived media = SPILLWAY__CONTROL__MEDIA_ARRIVED__INIT;
    media.track = 1;
    event(&world, "ND_b", SPILLWAY__CONTROL__EVENT__EVENT_MEDIA_ARRIVED, &media);
    expect(&world, "move 0..500\n" /* alice */
                   "  detection 0..100\n"
                   "  spec 100..100\n"
                   "  media 500..500\n"
                   "move 0..500\n"
                   "  detection 0..100\n"
                   "  spec 100..100\n"
                   "  media 500..500\n");
    world_fini(&world);
}

/* Goal: the moves of a drain are parts of it. */
static void drain(void **state)
{
    (void)state;
    struct world world;
    meeting(&world);
    world_heartbeat(&world, "ND_b", 1);
    world_admin(&world, "POST", "/admin/v1/nodes/ND_a/drain", "{\"force\": true}");
    wait_ms(&world, 10);
    for (size_t transport = 1; transport <= 2; transport++) {
        world_arrive(&world, "ND_b", transport);
        world_hand_over(&world, "ND_a", transport, transport == 2);
    }
    first_packet_to(&world, "ND_b", 2);
    for (uint64_t beat = 2; beat <= 14; beat++) {
        wait_ms(&world, 500);
        world_heartbeat(&world, "ND_a", beat);
        world_heartbeat(&world, "ND_b", beat);
    }
    expect(&world, "drain 0..3000\n" /* it looks whether it is done once in a while */
                   "  move 0..10\n"
                   "    spec 0..0\n"
                   "    hand_over 10..10\n"
                   "  move 0..10\n"
                   "    spec 0..0\n"
                   "    hand_over 10..10\n"
                   "    media 10..10\n");
    world_fini(&world);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(planned), cmocka_unit_test(publisher), cmocka_unit_test(stays),
        cmocka_unit_test(death),   cmocka_unit_test(drain),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
