/* SPDX-License-Identifier: Apache-2.0
 *
 * Goal: a key frame that comes at once leaves for a far node spread over what it may take, in
 * order, and without making sound wait; a near node gets it as it came.
 */
#include "tests/unit/media-node/node/chain.h"

#include "media-node/core/relay/relay.h"

#define VIDEO      1
#define VIDEO_SSRC 2000 /* on the trunk; sound 10 above */
#define VIEW_SSRC  7010
#define FRAME      45 /* packets of a key frame, */
#define PAYLOAD    1100
#define PACE_BYTES ((int64_t)RELAY_PACE_BPS_MIN / 8 / 1000) /* a millisecond */

static const char *const one_stream[] = {""};

/* A publisher of video in large packets and of sound at the first node, a viewer at the second. */
static struct cascade *call_over(int64_t delay_us)
{
    struct cascade *c = cascade_new(2);
    c->delay_us = delay_us;
    for (unsigned node = 1; node <= 2; node++) {
        struct room_spec spec;
        cascade_join(c, node);
        cascade_spec(c, &spec, node);
        room_spec_transport(&spec, 10 + node, c->clients[node - 1].client, true);
        room_spec_trunk(&spec, node, 3 - node, 1);
        uint64_t transport = node == 1 ? 11 : 0;
        Spillway__Control__Track *video = room_spec_video(&spec, VIDEO, transport, "0", one_stream);
        Spillway__Control__Track *audio = room_spec_audio(&spec, CHAIN_AUDIO, transport, "1");
        video->payload_types[0]->codec = SPILLWAY__CONTROL__CODEC__VP9;
        video->participant = audio->participant = arena_str(&spec.arena, "PA_11");
        if (node == 1) {
            const struct room_spec_edge edges[] = {{1, VIDEO, 2, VIDEO_SSRC, 1, 1},
                                                   {2, CHAIN_AUDIO, 2, VIDEO_SSRC + 10, 1, 1}};
            room_spec_edge(&spec, &edges[0]);
            room_spec_edge(&spec, &edges[1]);
        } else {
            room_spec_upstream(&spec, video, 1, VIDEO_SSRC);
            room_spec_upstream(&spec, audio, 1, VIDEO_SSRC + 10);
            const struct room_spec_want want = {21, VIDEO, 12, "5", VIEW_SSRC, false};
            room_spec_subscription(&spec, &want)->payload_types[0]->codec =
                SPILLWAY__CONTROL__CODEC__VP9;
        }
        cascade_apply(c, &spec, node);
    }
    cascade_run(c, 500); /* the round trip is known */
    struct cascade_client *publisher = &c->clients[0];
    const struct media_source sources[] = {
        {.mid = "0", .due_us = TIME_NEVER},
        {.mid = "1", .audio = true, .level = 20, .due_us = c->now_us}};
    static const struct descriptor_mode mode = {.spatial = 1, .temporal = 1};
    publisher->svc = (struct svc_source){
        .source = media_client_publish(publisher->client, &sources[0]), .mode = mode};
    media_client_publish(publisher->client, &sources[1]);
    cascade_run(c, 100);
    return c;
}

/* All of it in this moment. */
static void give_picture(struct cascade *c, unsigned packets)
{
    struct cascade_client *publisher = &c->clients[0];
    uint8_t data[MEDIA_CLIENT_PACKET];
    svc_source_begin(&publisher->svc);
    for (unsigned i = 0; i < packets; i++) {
        size_t len = svc_source_send(publisher->client, &publisher->svc, 0, PAYLOAD, i == 0,
                                     i == packets - 1, data);
        cascade_give(c, publisher, data, len);
    }
    svc_source_end(&publisher->svc);
}

static unsigned crossed(const struct cascade *c, uint32_t ssrc)
{
    return cascade_crossed(c, 1, 2, ssrc);
}

/* Runs until so many packets have left; how long that took. No more leave in any millisecond than
 * per_ms. */
static int64_t spread_ms(struct cascade *c, unsigned packets, unsigned per_ms)
{
    int64_t ms = 0;
    while (crossed(c, VIDEO_SSRC) < packets) {
        unsigned before = crossed(c, VIDEO_SSRC);
        cascade_run(c, 1);
        assert_true(crossed(c, VIDEO_SSRC) - before <= per_ms);
        ms++;
        assert_true(ms < 1000);
    }
    return ms;
}

static void test_far(void **state)
{
    (void)state;
    struct cascade *c = call_over(TIME_MS(40));
    unsigned sound = crossed(c, VIDEO_SSRC + 10);
    give_picture(c, FRAME);
    unsigned burst = crossed(c, VIDEO_SSRC);
    assert_in_range(burst, 1, RELAY_BURST_US / 1000 * PACE_BYTES / PAYLOAD + 2);
    int64_t ms = spread_ms(c, FRAME, 2);
    print_message("%d packets, %u at once, %d ms\n", FRAME, burst, (int)ms);
    assert_in_range(ms, FRAME * PAYLOAD / PACE_BYTES - 4, FRAME * PAYLOAD / PACE_BYTES + 8);
    assert_in_range(crossed(c, VIDEO_SSRC + 10) - sound, ms / 20, ms / 20 + 1);
    assert_int_equal(cascade_counters(c, 1)->relay_paced, FRAME - burst);
    cascade_run(c, 500);
    struct cascade_flow *flow = cascade_flow(&c->clients[1], VIEW_SSRC);
    assert_int_equal(flow->distinct, FRAME);
    assert_int_equal(cascade_missing(flow), 0);
    assert_int_equal(cascade_counters(c, 2)->relay_nacks_sent, 0);
    cascade_free(c);
}

/* Whatever comes, it does not wait for long. */
static void test_much_comes_at_once(void **state)
{
    (void)state;
    const unsigned packets = 400; /* more than may wait */
    struct cascade *c = call_over(TIME_MS(40));
    give_picture(c, packets);
    int64_t ms = spread_ms(c, packets, 60);
    print_message("%u packets, %d ms\n", packets, (int)ms);
    assert_in_range(ms, RELAY_WAIT_US / 1000 * 3 / 4, RELAY_WAIT_US / 1000 * 2);
    cascade_run(c, 500);
    struct cascade_flow *flow = cascade_flow(&c->clients[1], VIEW_SSRC);
    assert_int_equal(cascade_missing(flow), 0);
    assert_int_equal(cascade_counters(c, 1)->drop_paced, 0);
    cascade_free(c);
}

static void test_near(void **state)
{
    (void)state;
    struct cascade *c = call_over(TIME_MS(1));
    give_picture(c, FRAME);
    assert_int_equal(crossed(c, VIDEO_SSRC), FRAME);
    assert_int_equal(cascade_counters(c, 1)->relay_paced, 0);
    cascade_free(c);
}

/* What waits goes with its edge. */
static void test_edge_goes(void **state)
{
    (void)state;
    struct cascade *c = call_over(TIME_MS(40));
    give_picture(c, FRAME);
    unsigned left = crossed(c, VIDEO_SSRC);
    struct room_spec spec;
    cascade_spec(c, &spec, 1);
    spec.message.removed_edges[spec.message.n_removed_edges++] = 1;
    cascade_apply(c, &spec, 1);
    cascade_run(c, 200);
    assert_int_equal(crossed(c, VIDEO_SSRC), left);
    cascade_free(c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_far),
        cmocka_unit_test(test_much_comes_at_once),
        cmocka_unit_test(test_near),
        cmocka_unit_test(test_edge_goes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
