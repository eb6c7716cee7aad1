/* SPDX-License-Identifier: Apache-2.0
 *
 * Goal: when a node dies, its clients' streams go on elsewhere under the same SSRCs, behind all
 * that it may have sent; and under fresh ones whenever that is not known for certain.
 */
#include "tests/lib/orch_world.h"

#include <setjmp.h>

#include <cmocka.h>

#define MICROPHONE "bdff7259-4fed-4deb-bf36-e87d9a3f493c" /* of chromium-publish.offer */

#define BOB 2 /* his connection and transport */

static void join(struct world *world, uint64_t conn, const char *identity)
{
    world_join(world, conn,
               &(struct world_join){
                   .room = "lobby", .identity = identity, .offer_file = "chromium-join.offer"});
}

/* As its node was told last. */
static const Spillway__Control__Subscription *stream(const struct world *world)
{
    assert_int_equal(world->last_spec->n_subscriptions, 1);
    return world->last_spec->subscriptions[0];
}

static uint32_t lease(const struct world *world)
{
    for (size_t i = 0; i < world->last_spec->n_transports; i++) {
        const Spillway__Control__Transport *transport = world->last_spec->transports[i];
        if (transport->id == world->transports[BOB - 1]) {
            assert_int_not_equal(transport->lease, 0);
            return transport->lease;
        }
    }
    fail_msg("not told of bob");
    return 0;
}

/* What a node may tell of bob's stream. */
struct told {
    uint32_t lease, ssrc;
    uint64_t next, end;
    bool nothing_sent;
};

/* alice publishes, bob listens, both with media on ND_a; ND_b and ND_c are empty. Returns what ND_a
 * tells after a while. */
static struct told meeting(struct world *world)
{
    struct told told = {.next = 1000, .end = 9000};
    world_init(world);
    world_node(world, "ND_a");
    join(world, 1, "alice");
    world_add_track(world, 1, MICROPHONE, LIVEKIT__TRACK_TYPE__AUDIO);
    world_connected(world, 1);
    world_offer(world, 1, "chromium-publish.offer", 2);
    join(world, BOB, "bob");
    told.ssrc = stream(world)->ssrc;
    world_connected(world, BOB);
    told.lease = lease(world);
    world_arrive(world, "ND_a", 1);
    world_arrive(world, "ND_a", BOB);
    world_node(world, "ND_b");
    world_node(world, "ND_c");
    world_story(world);
    return told;
}

/* ---- What a node tells of bob's stream ------------------------------------------------------ */

static void tell(struct world *world, const char *node, const struct told *told)
{
    Spillway__Control__SentPacket newest = SPILLWAY__CONTROL__SENT_PACKET__INIT;
    Spillway__Control__SenderState state = SPILLWAY__CONTROL__SENDER_STATE__INIT;
    Spillway__Control__StreamStanding stream = SPILLWAY__CONTROL__STREAM_STANDING__INIT,
                                      *streams[] = {&stream};
    Spillway__Control__Standing standing = SPILLWAY__CONTROL__STANDING__INIT;
    Spillway__Control__Event event = SPILLWAY__CONTROL__EVENT__INIT;
    newest.codec = SPILLWAY__CONTROL__CODEC__VP8;
    newest.clock_hz = 90000;
    newest.age_us = TIME_MS(5);
    newest.picture_id = 0x7ff0;
    newest.tl0 = newest.key_index = -1;
    state.subscription = 1;
    state.next_index = told->next;
    state.next_rtx_index = 40;
    state.newest = told->nothing_sent ? NULL : &newest;
    stream.state = &state;
    stream.ssrc = told->ssrc;
    stream.index_end = told->end;
    stream.rtx_index_end = 40;
    standing.transport = world->transports[BOB - 1];
    standing.lease = told->lease;
    standing.n_streams = 1;
    standing.streams = streams;
    event.event_case = SPILLWAY__CONTROL__EVENT__EVENT_STANDING;
    event.standing = &standing;
    world_event(world, node, &event);
}

static void dies(struct world *world, const char *node)
{
    orch_node_link_lost(world->orch, world->now_us, node);
    world_advance(world, 0);
    for (const char *const *id = (const char *const[]){"ND_a", "ND_b", "ND_c", NULL}; *id; id++) {
        if (strcmp(*id, node) != 0) {
            world_heartbeat(world, *id, 1);
        }
    }
}

/* Both are told whole, to whichever node took the room over. */
static const char *taker(const struct world *world)
{
    return strstr(world->story, "front T2 route ND_b") != NULL ? "ND_b" : "ND_c";
}

/* ---- Tests ----------------------------------------------------------------------------------- */

static void goes_on(void **state)
{
    (void)state;
    struct world world;
    struct told told = meeting(&world);
    tell(&world, "ND_a", &told);
    world_advance(&world, TIME_MS(700));
    world_story(&world);
    dies(&world, "ND_a");
    assert_int_equal(stream(&world)->ssrc, told.ssrc);
    const Spillway__Control__SenderState *resume = stream(&world)->resume;
    assert_non_null(resume);
    assert_int_equal(resume->next_index, 9000 + 512);
    assert_int_equal(resume->next_rtx_index, 40 + 512);
    assert_int_equal(resume->newest->age_us, TIME_MS(705));
    assert_int_equal(resume->newest->picture_id, (0x7ff0 + 8512) & 0x7fff);
    assert_null(resume->run);
    assert_null(strstr(world_story(&world), "sections")); /* no offer is needed */
    world_fini(&world);
}

static void nothing_was_told(void **state)
{
    (void)state;
    struct world world;
    struct told told = meeting(&world);
    dies(&world, "ND_a");
    assert_int_not_equal(stream(&world)->ssrc, told.ssrc);
    assert_null(stream(&world)->resume);
    assert_non_null(strstr(world_story(&world), "conn 2 < sections audio=0 video=0\n"));
    world_fini(&world);
}

/* Of another owner's lease, of other SSRCs, impossible, or of a stream that sent nothing. */
static void what_does_not_count(void **state)
{
    (void)state;
    for (int what = 0; what < 5; what++) {
        struct world world;
        struct told told = meeting(&world);
        uint32_t ssrc = told.ssrc;
        told.lease += what == 0;
        told.ssrc += what == 1;
        told.next += what == 2 ? 8001 : 0;
        told.nothing_sent = what == 3;
        tell(&world, what == 4 ? "ND_b" : "ND_a", &told);
        dies(&world, "ND_a");
        assert_int_not_equal(stream(&world)->ssrc, ssrc);
        world_fini(&world);
    }
}

/* So far that the client would guess another rollover counter. */
static void too_far(void **state)
{
    (void)state;
    struct world world;
    struct told told = meeting(&world);
    told.end = 31000;
    tell(&world, "ND_a", &told);
    dies(&world, "ND_a");
    assert_int_not_equal(stream(&world)->ssrc, told.ssrc);
    world_fini(&world);
}

/* The next node dies too: before it has told anything, nobody knows what it sent. */
static void twice(void **state)
{
    (void)state;
    for (int tells = 0; tells < 2; tells++) {
        struct world world;
        struct told told = meeting(&world);
        uint32_t ssrc = told.ssrc;
        tell(&world, "ND_a", &told);
        world_story(&world);
        dies(&world, "ND_a");
        const char *next = taker(&world);
        uint64_t from = stream(&world)->resume->next_index;
        if (tells) {
            told.next = from + 7;
            told.end = from + 8000;
            tell(&world, next, &told);
        }
        dies(&world, next);
        if (tells) {
            assert_int_equal(stream(&world)->ssrc, ssrc);
            assert_int_equal(stream(&world)->resume->next_index, from + 8000 + 512);
        } else {
            assert_int_not_equal(stream(&world)->ssrc, ssrc);
            assert_null(stream(&world)->resume);
        }
        world_fini(&world);
    }
}

static void forgets(struct world *world, const char *node)
{
    Spillway__Control__SpecAck ack = SPILLWAY__CONTROL__SPEC_ACK__INIT;
    ack.result = SPILLWAY__CONTROL__SPEC_ACK__RESULT__NEED_WHOLE;
    world_ack(world, node, &ack);
}

/* A node that lost the room goes on behind its end; if it loses it once more, what it told before
 * the first time is no help. */
static void forgotten_twice(void **state)
{
    (void)state;
    struct world world;
    struct told told = meeting(&world);
    tell(&world, "ND_a", &told);
    forgets(&world, "ND_a");
    assert_int_equal(stream(&world)->ssrc, told.ssrc);
    assert_int_equal(stream(&world)->resume->next_index, 9000 + 512);
    tell(&world, "ND_a", &told); /* it was on its way */
    forgets(&world, "ND_a");
    assert_int_not_equal(stream(&world)->ssrc, told.ssrc);
    assert_null(stream(&world)->resume);
    world_fini(&world);
}

/* A node that asks for more is given it, once. */
static void renewal(void **state)
{
    (void)state;
    struct world world;
    struct told told = meeting(&world);
    tell(&world, "ND_a", &told);
    assert_null(strstr(world_story(&world), "node ND_a"));
    told.next = 4000;
    told.end = 12000;
    tell(&world, "ND_a", &told);
    assert_non_null(strstr(world_story(&world), "t=0 k=0 s=1 -t=0 -k=0 -s=0\n"));
    assert_int_equal(stream(&world)->index_end, 12000);
    assert_null(stream(&world)->resume);
    tell(&world, "ND_a", &told);
    assert_null(strstr(world_story(&world), "node ND_a"));
    world_fini(&world);
}

/* Under new keys every index is free, and what was told counts no more. */
static void new_keys(void **state)
{
    (void)state;
    struct world world;
    struct told told = meeting(&world);
    tell(&world, "ND_a", &told);
    world_connected(&world, BOB);
    assert_int_not_equal(lease(&world), told.lease);
    tell(&world, "ND_a", &told); /* it was on its way */
    dies(&world, "ND_a");
    assert_int_not_equal(stream(&world)->ssrc, told.ssrc);
    world_fini(&world);
}

/* A node that refuses did not begin: the next one begins where that one was to. Unless it was told
 * all anew since, which it may have taken. */
static void refused(void **state)
{
    (void)state;
    for (int more = 0; more < 2; more++) {
        struct world world;
        struct told told = meeting(&world);
        tell(&world, "ND_a", &told);
        world_story(&world);
        world.specs_lost = true; /* what was sent is never answered but by this test */
        dies(&world, "ND_a");
        const char *first = taker(&world);
        Spillway__Control__SpecAck ack = SPILLWAY__CONTROL__SPEC_ACK__INIT;
        ack.result = SPILLWAY__CONTROL__SPEC_ACK__RESULT__FULL;
        ack.answers = world.last_spec->version;
        ack.weight = 990;
        ack.reason = (char *)"";
        if (more) {
            Spillway__Control__SpecAck lacks = SPILLWAY__CONTROL__SPEC_ACK__INIT;
            lacks.result = SPILLWAY__CONTROL__SPEC_ACK__RESULT__NEED_WHOLE;
            lacks.version = 1;
            lacks.answers = ack.answers;
            lacks.reason = (char *)"";
            world_ack(&world, first, &lacks);
            assert_int_equal(world.last_spec->base_version, 0);
            assert_int_not_equal(world.last_spec->version, ack.answers);
        }
        world.specs_lost = false;
        world_story(&world);
        world_ack(&world, first, &ack);
        world_story(&world);
        bool same = world.last_spec->subscriptions[0]->ssrc == told.ssrc;
        assert_int_equal(same, !more);
        if (!more) {
            assert_int_equal(stream(&world)->resume->next_index, 9000 + 512);
        }
        world_fini(&world);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(goes_on),
        cmocka_unit_test(nothing_was_told),
        cmocka_unit_test(what_does_not_count),
        cmocka_unit_test(too_far),
        cmocka_unit_test(twice),
        cmocka_unit_test(forgotten_twice),
        cmocka_unit_test(renewal),
        cmocka_unit_test(new_keys),
        cmocka_unit_test(refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
