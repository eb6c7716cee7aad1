/* SPDX-License-Identifier: Apache-2.0
 *
 * Goal: of simulcast in VP8 with temporal layers, a trunk carries the rate that somebody behind it
 * wants of each layer, and of the other pictures their numbers and descriptors: decoders see no
 * gap, whatever is lost on the way, and nobody waits for a key frame.
 */
#include "tests/unit/media-node/node/chain.h"

#define NODES    3
#define LAYERS   3
#define ALL      0  /* rates */
#define PICTURES 60 /* about, in two seconds */

/* What is wanted of each layer, from the lowest up. */
struct rates {
    uint32_t of[LAYERS];
};

static void put_rates(struct room_spec *spec, Spillway__Control__Edge *edge, struct rates rates)
{
    edge->rates = arena_array(&spec->arena, LAYERS, sizeof(*edge->rates));
    memcpy(edge->rates, rates.of, sizeof(rates.of));
    edge->n_rates = LAYERS;
}

static void tell_edges(struct cascade *c, uint32_t layers, struct rates rates)
{
    for (unsigned node = 1; node < NODES; node++) {
        struct room_spec spec;
        cascade_spec(c, &spec, node);
        room_spec_trunk(&spec, node, node + 1, 1);
        put_rates(&spec, chain_edges(&spec, node, node + 1, layers), rates);
        cascade_apply(c, &spec, node);
    }
}

/* The viewers at the second node and the third. */
static void tell_viewers(struct cascade *c, uint32_t second, uint32_t third)
{
    const uint32_t rates[] = {second, third};
    for (unsigned node = 2; node <= NODES; node++) {
        struct room_spec spec;
        cascade_spec(c, &spec, node);
        room_spec_transport(&spec, 10 + node, c->clients[node - 1].client, true);
        chain_video(&spec, node - 1)->temporal_max = rates[node - 2] - 1;
        cascade_apply(c, &spec, node);
    }
}

static struct cascade *chain(uint32_t layers)
{
    struct cascade *c = chain_new(NODES, layers);
    for (size_t i = 0; i < LAYERS; i++) {
        c->clients[0].client->sources[i].temporal = true;
    }
    cascade_run(c, 3000); /* until nobody waits for a key frame */
    return c;
}

static struct media_incoming *video_at(const struct cascade *c, unsigned node)
{
    return media_client_incoming(c->clients[node - 1].client, "5");
}

static unsigned plis(const struct cascade *c)
{
    unsigned sum = 0;
    for (size_t i = 0; i < LAYERS; i++) {
        sum += c->clients[0].client->sources[i].plis;
    }
    return sum;
}

/* In two seconds, to the viewer at that node. */
static void expect_pictures(struct cascade *c, unsigned node, unsigned pictures)
{
    unsigned before = video_at(c, node)->packets;
    cascade_run(c, 2000);
    assert_in_range(video_at(c, node)->packets - before, pictures - 2, pictures + 2);
}

static void expect_no_gap(const struct cascade *c)
{
    for (unsigned node = 2; node <= NODES; node++) {
        struct cascade_client *viewer = &((struct cascade *)c)->clients[node - 1];
        assert_int_equal(video_at(c, node)->pictures_skipped, 0);
        assert_int_equal(cascade_missing(cascade_flow(viewer, chain_video_ssrc(node - 1))), 0);
        assert_int_equal(viewer->client->bad, 0);
    }
}

static void test_only_wanted_rates_cross(void **state)
{
    (void)state;
    static const struct {
        uint32_t rates;
        unsigned pictures;
    } cases[] = {{1, PICTURES / 4}, {2, PICTURES / 2}, {3, PICTURES}, {ALL, PICTURES}};
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct cascade *c = chain(4);
        tell_edges(c, 4, (struct rates){{ALL, ALL, cases[i].rates}});
        cascade_run(c, 200);
        unsigned asked = plis(c);
        for (unsigned node = 2; node <= NODES; node++) {
            uint64_t emptied = cascade_counters(c, node - 1)->relay_emptied;
            expect_pictures(c, node, cases[i].pictures);
            assert_in_range(cascade_counters(c, node - 1)->relay_emptied - emptied + 2,
                            PICTURES - cases[i].pictures, PICTURES - cases[i].pictures + 4);
        }
        assert_int_equal(plis(c), asked);
        expect_no_gap(c);
        cascade_free(c);
    }
}

/* Viewers come down first and the trunks later, and up in any order, as owners and nodes have it.
 */
static void test_wishes_change(void **state)
{
    (void)state;
    struct cascade *c = chain(4);
    unsigned asked = plis(c);
    tell_viewers(c, 1, 1);
    expect_pictures(c, 3, PICTURES / 4);
    tell_edges(c, 4, (struct rates){{ALL, ALL, 1}});
    expect_pictures(c, 3, PICTURES / 4);
    tell_viewers(c, 2, 2);
    expect_pictures(c, 3, PICTURES / 4);
    tell_edges(c, 4, (struct rates){{ALL, ALL, 2}});
    cascade_run(c, 200);
    expect_pictures(c, 3, PICTURES / 2);
    tell_edges(c, 4, (struct rates){{ALL, ALL, ALL}});
    expect_pictures(c, 3, PICTURES / 2);
    tell_viewers(c, 8, 8);
    cascade_run(c, 200);
    expect_pictures(c, 2, PICTURES);
    expect_pictures(c, 3, PICTURES);
    assert_int_equal(plis(c), asked);
    expect_no_gap(c);
    cascade_free(c);
}

/* A layer that stands in for others goes at the highest rate of theirs. */
static void test_layer_stands_in(void **state)
{
    (void)state;
    struct cascade *c = chain(4 | 1);
    tell_edges(c, 4 | 1, (struct rates){{1, ALL, 2}});
    cascade_run(c, 200);
    expect_pictures(c, 3, PICTURES / 2);
    uint64_t emptied = cascade_counters(c, 1)->relay_emptied;
    c->clients[0].client->sources[1].on = false;
    c->clients[0].client->sources[2].on = false;
    cascade_run(c, 2000); /* the third node finds it out after the second */
    assert_int_equal(video_at(c, 3)->layer, 0);
    expect_pictures(c, 3, PICTURES / 2);
    assert_true(cascade_counters(c, 1)->relay_emptied > emptied);
    expect_no_gap(c);
    cascade_free(c);
}

/* What is sent again is what it was (cascade.c), also where something else is wanted by then. */
static void test_wishes_change_while_packets_are_lost(void **state)
{
    (void)state;
    struct cascade *c = chain(4);
    c->loss = 50;
    c->jitter_us = TIME_MS(5);
    for (uint32_t i = 0; i < 30; i++) {
        tell_edges(c, 4, (struct rates){{ALL, ALL, 1 + i % 3}});
        cascade_run(c, 1000);
    }
    c->loss = 0;
    cascade_run(c, 1000);
    unsigned lost = 0;
    uint64_t resent = 0;
    for (unsigned node = 1; node < NODES; node++) {
        lost += cascade_lost(c, node, node + 1, chain_ssrc(node, node + 1) + 2);
        resent += cascade_counters(c, node)->relay_resent;
    }
    struct cascade_flow *flow = cascade_flow(&c->clients[2], chain_video_ssrc(2));
    assert_true(lost > 60);
    assert_true(resent > lost * 9 / 10);
    assert_true(cascade_missing(flow) * 200 <= flow->distinct);
    cascade_free(c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_only_wanted_rates_cross),
        cmocka_unit_test(test_wishes_change),
        cmocka_unit_test(test_layer_stands_in),
        cmocka_unit_test(test_wishes_change_while_packets_are_lost),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
