/* SPDX-License-Identifier: Apache-2.0
 *
 * Goal: what remembers a stream grows with what flows and is given back when it rests; what the
 * subscriber may still miss stays, and the stream goes on as if it had not rested.
 */
#include "tests/unit/media-node/stream/kit.h"

#define FRAME_US TIME_MS(10)
#define FLOW     600 /* packets: more than anything remembers */
#define KEPT     16  /* of a stream that rests */
#define SLOT     16  /* bytes of a sender for each packet that it remembers */

struct world {
    struct stream_receiver *layers[STREAM_LAYERS_MAX];
    struct stream_sender *sender;
    enum stream_kind kind;
    int64_t now_us;
    uint16_t seq; /* the source's next */
};

static void setup(struct world *world, enum stream_kind kind)
{
    const struct stream_want all = {.spatial_max = 3, .temporal_max = 7};
    *world = (struct world){.kind = kind, .now_us = TIME_S(1)};
    world->layers[0] = kit_receiver(kind, 0);
    world->sender = kit_sender(kind);
    stream_sender_want(world->sender, world->now_us, &all);
}

static void teardown(struct world *world)
{
    stream_receiver_free(world->layers[0]);
    stream_sender_free(world->sender);
}

static void next_packet(struct world *world, struct kit_packet *packet)
{
    const struct kit_spec spec = {.seq = world->seq,
                                  .ts = world->seq * 900u,
                                  .key = world->seq == 0,
                                  .start = true,
                                  .extra = 900,
                                  .tag = world->seq};
    if (world->kind == STREAM_VIDEO) {
        kit_vp8(packet, &spec);
    } else {
        kit_opus(packet, &spec);
    }
    world->seq++;
}

static uint64_t send_packet(struct world *world, const struct kit_packet *packet)
{
    struct stream_out out;
    const struct stream_packet *given = kit_feed(world->layers[0], world->now_us, packet);
    unsigned bits = stream_sender_forward(world->sender, world->now_us, given, &out);
    assert_int_equal(bits & STREAM_SEND, STREAM_SEND);
    return out.index;
}

static uint64_t send(struct world *world)
{
    struct kit_packet packet;
    next_packet(world, &packet);
    world->now_us += FRAME_US;
    return send_packet(world, &packet);
}

static void flow(struct world *world)
{
    for (unsigned i = 0; i < FLOW; i++) {
        (void)send(world);
    }
}

static void trim(struct world *world)
{
    stream_sender_trim(world->sender, world->now_us);
    stream_receiver_trim(world->layers[0], world->now_us);
}

/* As a node does: a look every five seconds. */
static void rest(struct world *world)
{
    for (int look = 0; look < 3; look++) {
        world->now_us += STREAM_REST_US;
        trim(world);
    }
}

static size_t sender_bytes(const struct world *world)
{
    struct stream_sender_stats stats;
    stream_sender_stats(world->sender, &stats);
    return stats.heap_bytes;
}

static size_t receiver_bytes(const struct world *world)
{
    struct stream_receiver_stats stats;
    stream_receiver_stats(world->layers[0], world->now_us, &stats);
    return stats.heap_bytes;
}

static int resend(struct world *world, uint64_t index, struct stream_out *out)
{
    world->now_us += TIME_S(1); /* further than a round trip from any before */
    return stream_sender_resend(world->sender, world->now_us, (uint16_t)index, world->layers, out);
}

static void memory_follows_what_flows(void **state)
{
    (void)state;
    static const unsigned most[] = {[STREAM_AUDIO] = 128, [STREAM_VIDEO] = 512};
    for (enum stream_kind kind = STREAM_AUDIO; kind <= STREAM_VIDEO; kind++) {
        struct world world;
        setup(&world, kind);
        size_t idle = sender_bytes(&world);
        (void)send(&world);
        assert_int_equal(sender_bytes(&world), idle + KEPT * SLOT);
        for (unsigned i = 0; i < KEPT; i++) {
            (void)send(&world);
        }
        assert_int_equal(sender_bytes(&world), idle + 2 * KEPT * SLOT);
        flow(&world);
        assert_int_equal(sender_bytes(&world), idle + most[kind] * SLOT);
        size_t flowing = receiver_bytes(&world);
        rest(&world);
        assert_int_equal(sender_bytes(&world), idle + KEPT * SLOT);
        assert_true(receiver_bytes(&world) < flowing);
        flow(&world);
        assert_int_equal(sender_bytes(&world), idle + most[kind] * SLOT);
        teardown(&world);
    }
}

/* While it flows, however slowly, nothing is given back: looks in between change nothing. */
static void what_flows_is_left_alone(void **state)
{
    (void)state;
    struct world world;
    struct stream_out out;
    setup(&world, STREAM_VIDEO);
    flow(&world);
    size_t bytes = sender_bytes(&world) + receiver_bytes(&world);
    for (int i = 0; i < 20; i++) {
        world.now_us += STREAM_REST_US - TIME_S(2) - FRAME_US;
        uint64_t newest = send(&world);
        assert_int_equal(resend(&world, newest - 1, &out), 0);
        trim(&world);
        assert_int_equal(resend(&world, newest - KEPT, &out), 0);
        trim(&world);
        assert_int_equal(sender_bytes(&world) + receiver_bytes(&world), bytes);
    }
    teardown(&world);
}

/* The last packet of a burst was lost: only the next one shows it, after any rest. */
static void the_end_of_a_burst_is_repaired_after_a_rest(void **state)
{
    (void)state;
    struct world world;
    struct stream_out out;
    setup(&world, STREAM_VIDEO);
    flow(&world);
    rest(&world);
    uint64_t newest = SEQ_OUT + FLOW - 1;
    assert_int_equal(stream_sender_next(world.sender), newest + 1);
    for (uint64_t index = newest - KEPT + 1; index <= newest; index++) {
        assert_int_equal(resend(&world, index, &out), 0);
        assert_int_equal(kit_see(&out).tag, (uint32_t)(index - SEQ_OUT));
    }
    assert_int_equal(resend(&world, newest - KEPT, &out), ERR_NOT_FOUND);
    assert_int_equal(send(&world), newest + 1); /* no number is left out */
    assert_int_equal(resend(&world, newest, &out), 0);
    assert_int_equal(kit_see(&out).tag, (uint32_t)(newest - SEQ_OUT));
    assert_int_equal(resend(&world, newest + 1, &out), 0);
    assert_int_equal(kit_see(&out).tag, (uint32_t)(newest + 1 - SEQ_OUT));
    teardown(&world);
}

/* A number that was kept for a packet which never came before the rest is still that packet's. */
static void a_late_packet_takes_its_number_after_a_rest(void **state)
{
    (void)state;
    struct world world;
    struct kit_packet late;
    setup(&world, STREAM_VIDEO);
    flow(&world);
    next_packet(&world, &late);
    uint64_t newest = send(&world);
    assert_int_equal(newest, SEQ_OUT + FLOW + 1);
    rest(&world);
    assert_int_equal(send_packet(&world, &late), newest - 1);
    assert_int_equal(send(&world), newest + 1);
    teardown(&world);
}

static unsigned handed(const struct world *world)
{
    struct stream_state told = kit_state(world->sender);
    unsigned count = 0;
    for (size_t i = 0; i < told.series_count; i++) {
        count += told.series[i].count;
    }
    return count;
}

static void no_more_is_handed_over_than_is_known(void **state)
{
    (void)state;
    static const unsigned most[] = {[STREAM_AUDIO] = 128, [STREAM_VIDEO] = STREAM_HANDED_MAX};
    for (enum stream_kind kind = STREAM_AUDIO; kind <= STREAM_VIDEO; kind++) {
        struct world world;
        setup(&world, kind);
        for (unsigned i = 1; i <= FLOW; i++) {
            (void)send(&world);
            assert_int_equal(handed(&world), MIN(i, most[kind]));
        }
        rest(&world);
        assert_int_equal(handed(&world), KEPT);
        (void)send(&world);
        assert_int_equal(handed(&world), KEPT + 1);
        teardown(&world);
    }
}

static void handed_over_after_a_rest(void **state)
{
    (void)state;
    struct world world;
    struct stream_out out;
    setup(&world, STREAM_VIDEO);
    flow(&world);
    rest(&world);
    struct stream_state told = kit_state(world.sender);
    assert_int_equal(told.seq_next, SEQ_OUT + FLOW);
    assert_int_equal(told.series_count, 1);
    assert_int_equal(told.series[0].count, KEPT);
    stream_sender_free(world.sender);
    world.sender = kit_sender(STREAM_VIDEO);
    const struct stream_want all = {.spatial_max = 3, .temporal_max = 7};
    stream_sender_want(world.sender, world.now_us, &all);
    assert_int_equal(stream_sender_resume(world.sender, world.now_us, &told, world.layers), 0);
    assert_int_equal(resend(&world, SEQ_OUT + FLOW - 2, &out), 0);
    assert_int_equal(kit_see(&out).tag, FLOW - 2);
    assert_int_equal(send(&world), SEQ_OUT + FLOW);
    teardown(&world);
}

/* The list of what is missing goes once it is empty. */
static void the_nack_list_goes(void **state)
{
    (void)state;
    struct world world;
    struct stream_request request;
    struct kit_packet late;
    setup(&world, STREAM_VIDEO);
    (void)send(&world);
    size_t before = receiver_bytes(&world);
    next_packet(&world, &late);
    (void)send(&world);
    size_t missing = receiver_bytes(&world);
    assert_true(missing > before);
    rest(&world);
    assert_int_equal(receiver_bytes(&world), missing); /* it is still asked for */
    (void)send_packet(&world, &late);
    rest(&world);
    assert_int_equal(receiver_bytes(&world), before);
    next_packet(&world, &late);
    (void)send(&world);
    world.now_us += TIME_MS(50);
    stream_receiver_expire(world.layers[0], world.now_us);
    assert_true(stream_receiver_poll(world.layers[0], &request));
    assert_int_equal(request.nack_count, 1);
    teardown(&world);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(memory_follows_what_flows),
        cmocka_unit_test(what_flows_is_left_alone),
        cmocka_unit_test(the_end_of_a_burst_is_repaired_after_a_rest),
        cmocka_unit_test(a_late_packet_takes_its_number_after_a_rest),
        cmocka_unit_test(no_more_is_handed_over_than_is_known),
        cmocka_unit_test(handed_over_after_a_rest),
        cmocka_unit_test(the_nack_list_goes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
