/* SPDX-License-Identifier: Apache-2.0
 *
 * Goal: of a track with its sizes in one stream, a trunk carries those that somebody behind it
 * wants, and of the others the numbers alone: nobody misses anything, whatever is lost on the way.
 */
#include "tests/unit/media-node/node/cascade.h"

#define VIDEO      1
#define ALL        0 /* sizes */
#define NODES      3
#define FULL_BYTES (100 + 300 + 900)

static const char *const one_stream[] = {""};

/* On the trunk to that node. */
static uint32_t ssrc_to(unsigned node)
{
    return 1000 * node;
}

static void add_track(struct room_spec *spec, unsigned self)
{
    Spillway__Control__Track *video =
        room_spec_video(spec, VIDEO, self == 1 ? 11 : 0, "0", one_stream);
    video->payload_types[0]->codec = SPILLWAY__CONTROL__CODEC__VP9;
    video->participant = arena_str(&spec->arena, "PA_11");
    if (self != 1) {
        room_spec_upstream(spec, video, self - 1, ssrc_to(self));
    }
}

static void add_edge(struct room_spec *spec, unsigned to, uint32_t sizes)
{
    const struct room_spec_edge video = {10 * to, VIDEO, to, ssrc_to(to), 1, 1};
    room_spec_edge(spec, &video)->sizes = sizes;
}

static void add_viewer(struct room_spec *spec, unsigned self, uint32_t sizes)
{
    const struct room_spec_want want = {20 + self, VIDEO, 10 + self, "5", 7000 + 10 * self, false};
    Spillway__Control__Subscription *subscription = room_spec_subscription(spec, &want);
    subscription->payload_types[0]->codec = SPILLWAY__CONTROL__CODEC__VP9;
    subscription->sizes = sizes;
}

static struct cascade_flow *flow_at(struct cascade *c, unsigned node)
{
    return cascade_flow(&c->clients[node - 1], 7000 + 10 * node);
}

static unsigned layer_at(const struct cascade *c, unsigned node)
{
    return media_client_incoming(c->clients[node - 1].client, "5")->layer;
}

/* The publisher at node 1, a viewer at each of the others, which are fed one by the other. sizes:
 * what each of these two wants. */
static struct cascade *chain(const struct descriptor_mode *mode, uint32_t second, uint32_t third)
{
    struct cascade *c = cascade_new(NODES);
    for (unsigned node = 1; node <= NODES; node++) {
        struct room_spec spec;
        cascade_join(c, node);
        cascade_spec(c, &spec, node);
        room_spec_transport(&spec, 10 + node, c->clients[node - 1].client, true);
        add_track(&spec, node);
        if (node > 1) {
            room_spec_trunk(&spec, node, node - 1, 1);
            add_viewer(&spec, node, node == 2 ? second : third);
        }
        if (node < NODES) {
            room_spec_trunk(&spec, node, node + 1, 1);
            add_edge(&spec, node + 1, node == 1 && second != ALL ? MAX(second, third) : third);
        }
        cascade_apply(c, &spec, node);
    }
    cascade_run(c, 200);
    struct cascade_client *publisher = &c->clients[0];
    const struct media_source video = {.mid = "0", .due_us = c->now_us};
    publisher->svc = (struct svc_source){.source = media_client_publish(publisher->client, &video),
                                         .mode = *mode};
    return c;
}

/* The viewer at the last node, and the trunks to it. */
static void want(struct cascade *c, uint32_t sizes)
{
    for (unsigned node = 1; node <= NODES; node++) {
        struct room_spec spec;
        cascade_spec(c, &spec, node);
        if (node < NODES) {
            room_spec_trunk(&spec, node, node + 1, 1);
            add_edge(&spec, node + 1, sizes);
        } else {
            room_spec_transport(&spec, 10 + node, c->clients[node - 1].client, true);
            add_viewer(&spec, node, sizes);
        }
        cascade_apply(c, &spec, node);
    }
}

static uint64_t bytes_to(const struct cascade *c, unsigned node)
{
    const struct cascade_wire *wire = cascade_wire(c, node - 1, node, ssrc_to(node));
    return wire != NULL ? wire->bytes : 0;
}

static void test_only_wanted_sizes_cross(void **state)
{
    (void)state;
    static const struct descriptor_mode modes[] = {{.spatial = 3, .temporal = 3},
                                                   {.spatial = 3, .temporal = 3, .key_only = true}};
    for (size_t i = 0; i < ARRAY_LEN(modes); i++) {
        struct cascade *c = chain(&modes[i], 2, 1);
        cascade_run(c, 5000);
        assert_int_equal(layer_at(c, 2), 1);
        assert_int_equal(layer_at(c, 3), 0);
        for (unsigned node = 2; node <= NODES; node++) {
            unsigned crossed = cascade_crossed(c, node - 1, node, ssrc_to(node));
            assert_in_range(crossed, 3 * 140, 3 * 153); /* numbers of all */
            assert_int_equal(cascade_missing(flow_at(c, node)), 0);
            assert_int_equal(cascade_counters(c, node)->relay_nacks_sent, 0);
        }
        uint64_t all = FULL_BYTES * cascade_crossed(c, 1, 2, ssrc_to(2)) / 3;
        assert_true(bytes_to(c, 2) < all * 60 / 100);
        assert_true(bytes_to(c, 3) < all * 25 / 100);
        for (unsigned node = 1; node < NODES; node++) { /* of one size at each of them */
            assert_in_range(cascade_counters(c, node)->relay_emptied, 140, 153);
        }
        cascade_free(c);
    }
}

static void test_wishes_change(void **state)
{
    (void)state;
    static const struct descriptor_mode mode = {.spatial = 3, .temporal = 3, .key_only = true};
    struct cascade *c = chain(&mode, 1, 1);
    cascade_run(c, 2000);
    const struct media_source *source = c->clients[0].svc.source;
    unsigned plis = source->plis;
    want(c, ALL);
    cascade_run(c, 1500);
    assert_int_equal(layer_at(c, 3), 2);
    assert_in_range(source->plis - plis, 1, 2);
    want(c, 2);
    cascade_run(c, 2500);
    assert_int_equal(layer_at(c, 3), 1);
    assert_int_equal(cascade_missing(flow_at(c, 3)), 0);
    assert_int_equal(cascade_missing(flow_at(c, 2)), 0);
    cascade_free(c);
}

static void lose(struct cascade *c)
{
    c->loss = 50;
    c->jitter_us = TIME_MS(5);
}

static void test_loss_is_repaired(void **state)
{
    (void)state;
    static const struct descriptor_mode mode = {.spatial = 3, .temporal = 3};
    struct cascade *c = chain(&mode, 2, 1);
    cascade_run(c, 2000);
    lose(c);
    cascade_run(c, 60000);
    c->loss = 0;
    cascade_run(c, 1000);
    unsigned lost = cascade_lost(c, 1, 2, ssrc_to(2)) + cascade_lost(c, 2, 3, ssrc_to(3));
    uint64_t resent = cascade_counters(c, 1)->relay_resent + cascade_counters(c, 2)->relay_resent;
    unsigned missing = cascade_missing(flow_at(c, 3));
    print_message("lost %u resent %llu missing %u of %u\n", lost, (unsigned long long)resent,
                  missing, flow_at(c, 3)->distinct);
    assert_true(lost > 400);
    assert_true(missing * 1000 <= flow_at(c, 3)->distinct);
    assert_true((double)resent < 1.2 * lost);
    cascade_free(c);
}

/* What is sent again is what it was (cascade.c), also where something else is wanted by then. Only
 * what was lost just before a key frame nobody asks for. */
static void test_wishes_change_while_packets_are_lost(void **state)
{
    (void)state;
    static const struct descriptor_mode mode = {.spatial = 3, .temporal = 3};
    struct cascade *c = chain(&mode, 3, 1);
    cascade_run(c, 2000);
    lose(c);
    for (uint32_t i = 0; i < 60; i++) {
        want(c, 1 + i % 3);
        cascade_run(c, 1000);
    }
    c->loss = 0;
    cascade_run(c, 1000);
    unsigned lost = cascade_lost(c, 1, 2, ssrc_to(2)) + cascade_lost(c, 2, 3, ssrc_to(3));
    uint64_t resent = cascade_counters(c, 1)->relay_resent + cascade_counters(c, 2)->relay_resent;
    assert_true(lost > 400);
    assert_true(resent > lost * 9 / 10);
    assert_int_equal(layer_at(c, 3), 2);
    cascade_free(c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_only_wanted_sizes_cross),
        cmocka_unit_test(test_wishes_change),
        cmocka_unit_test(test_loss_is_repaired),
        cmocka_unit_test(test_wishes_change_while_packets_are_lost),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
