/* SPDX-License-Identifier: Apache-2.0
 *
 * Goal: a room over several nodes is one room: media crosses them, each layer once and only where
 * it is wanted; what is lost between nodes is repaired there; a track that goes over from one way
 * to another loses nothing.
 */
#include "tests/unit/media-node/node/chain.h"

static const struct media_source *video_of(const struct cascade *c, size_t layer)
{
    return &c->clients[0].client->sources[layer];
}

/* Four nodes in a row: three hops. */
static void test_chain(void **state)
{
    (void)state;
    struct cascade *c = chain_new(4, 7);
    c->clients[0].sends_clock = true;
    cascade_run(c, 5000);
    for (size_t i = 1; i < 4; i++) {
        uint32_t n = (uint32_t)i;
        struct cascade_client *client = &c->clients[i];
        struct cascade_flow *video = cascade_flow(client, 7000 + 10 * n);
        struct cascade_flow *audio = cascade_flow(client, 8000 + 10 * n);
        assert_non_null(video);
        assert_non_null(audio);
        assert_int_equal(media_client_incoming(client->client, "5")->layer, 2);
        assert_int_equal(media_client_incoming(client->client, "6")->level, 20);
        assert_in_range(video->distinct, 140, 153);
        assert_in_range(audio->distinct, 240, 251);
        assert_int_equal(cascade_missing(video), 0);
        assert_int_equal(cascade_missing(audio), 0);
        assert_true(media_client_incoming(client->client, "5")->reports >= 3);
        assert_true(media_client_incoming(client->client, "6")->reports >= 3);
        assert_int_equal(client->client->bad, 0);
    }
    /* each carries two tracks, passes them on, and but for the first has somebody who watches */
    assert_int_equal(c->heartbeats[1]->load->weight, 2 + 2);
    assert_int_equal(c->heartbeats[2]->load->weight, 2 + 2 + 2);
    assert_int_equal(c->heartbeats[4]->load->weight, 2 + 2);
    /* only the publisher's node tells of the track */
    assert_int_equal(c->arrived[1], 2);
    assert_int_equal(c->arrived[2] + c->arrived[3] + c->arrived[4], 0);
    assert_true(c->levels[1] > 0);
    assert_int_equal(c->levels[2] + c->levels[3] + c->levels[4], 0);
    /* one copy of each packet on each trunk, but for the first ones */
    for (unsigned node = 1; node < 4; node++) {
        for (uint32_t layer = 0; layer < 3; layer++) {
            assert_in_range(cascade_crossed(c, node, node + 1, chain_ssrc(node, node + 1) + layer),
                            140, 153);
        }
        assert_int_equal(cascade_counters(c, node)->relay_resent, 0);
    }
    assert_int_equal(cascade_counters(c, 4)->drop_trunk_auth, 0);
    assert_int_equal(cascade_counters(c, 4)->drop_trunk_stream, 0);
    assert_int_equal(cascade_counters(c, 4)->relay_nacks_sent, 0);
    cascade_free(c);
}

/* What nobody behind the edge wants costs nothing; a layer wanted again comes with a key frame. */
static void test_only_what_is_wanted(void **state)
{
    (void)state;
    struct room_spec spec;
    struct cascade *c = chain_new(2, 1);
    cascade_run(c, 2000);
    assert_int_equal(media_client_incoming(c->clients[1].client, "5")->layer, 0);
    assert_int_equal(cascade_crossed(c, 1, 2, chain_ssrc(1, 2) + 1), 0);
    assert_int_equal(cascade_crossed(c, 1, 2, chain_ssrc(1, 2) + 2), 0);
    unsigned plis = video_of(c, 2)->plis;
    cascade_spec(c, &spec, 1);
    room_spec_trunk(&spec, 1, 2, 1);
    chain_edges(&spec, 1, 2, 4);
    cascade_apply(c, &spec, 1);
    unsigned low = cascade_crossed(c, 1, 2, chain_ssrc(1, 2));
    cascade_run(c, 1500);
    assert_int_equal(cascade_crossed(c, 1, 2, chain_ssrc(1, 2)), low);
    assert_int_equal(media_client_incoming(c->clients[1].client, "5")->layer, 2);
    assert_in_range(video_of(c, 2)->plis - plis, 1, 2);
    /* back again, now behind a pause of the low layer that is no loss */
    uint64_t nacks = cascade_counters(c, 2)->relay_nacks_sent;
    cascade_spec(c, &spec, 1);
    room_spec_trunk(&spec, 1, 2, 1);
    chain_edges(&spec, 1, 2, 1);
    cascade_apply(c, &spec, 1);
    cascade_run(c, 1500);
    assert_int_equal(media_client_incoming(c->clients[1].client, "5")->layer, 0);
    assert_int_equal(cascade_counters(c, 2)->relay_nacks_sent, nacks);
    assert_int_equal(cascade_missing(cascade_flow(&c->clients[1], 7010)), 0);
    /* nothing at all */
    cascade_spec(c, &spec, 1);
    room_spec_trunk(&spec, 1, 2, 1);
    chain_edges(&spec, 1, 2, 0);
    cascade_apply(c, &spec, 1);
    low = cascade_crossed(c, 1, 2, chain_ssrc(1, 2));
    cascade_run(c, 1000);
    assert_int_equal(cascade_crossed(c, 1, 2, chain_ssrc(1, 2)), low);
    cascade_free(c);
}

/* A wanted layer that dries up is replaced by the next lower one. */
static void test_layer_dries_up(void **state)
{
    (void)state;
    struct cascade *c = chain_new(2, 4);
    cascade_run(c, 1500);
    assert_int_equal(media_client_incoming(c->clients[1].client, "5")->layer, 2);
    c->clients[0].client->sources[2].on = false;
    cascade_run(c, 2000);
    assert_int_equal(media_client_incoming(c->clients[1].client, "5")->layer, 1);
    assert_int_equal(cascade_missing(cascade_flow(&c->clients[1], 7010)), 0);
    cascade_free(c);
}

/* 5 % lost each way on both trunks: under 0.1 % stay lost, for less than 1.2 times the loss. */
static void test_loss_is_repaired_hop_by_hop(void **state)
{
    (void)state;
    struct cascade *c = chain_new(3, 7);
    cascade_run(c, 3000);
    c->loss = 50;
    c->jitter_us = TIME_MS(5);
    unsigned sent = 0;
    unsigned lost = 0;
    for (unsigned hop = 1; hop < 3; hop++) {
        for (uint32_t layer = 0; layer < 3; layer++) {
            sent -= cascade_crossed(c, hop, hop + 1, chain_ssrc(hop, hop + 1) + layer);
        }
    }
    uint64_t resent = 0;
    cascade_run(c, 120000);
    for (unsigned hop = 1; hop < 3; hop++) {
        for (uint32_t layer = 0; layer < 3; layer++) {
            uint32_t ssrc = chain_ssrc(hop, hop + 1) + layer;
            sent += cascade_crossed(c, hop, hop + 1, ssrc);
            lost += cascade_lost(c, hop, hop + 1, ssrc);
        }
        resent += cascade_counters(c, hop)->relay_resent;
    }
    c->loss = 0;
    cascade_run(c, 1000);
    unsigned missing = cascade_missing(cascade_flow(&c->clients[2], 7020)) +
                       cascade_missing(cascade_flow(&c->clients[1], 7010));
    print_message("sent %u lost %u resent %llu missing %u\n", sent, lost,
                  (unsigned long long)resent, missing);
    assert_true(lost > sent / 25);
    assert_true(missing * 1000 < cascade_flow(&c->clients[2], 7020)->distinct);
    assert_true((double)resent < 1.2 * lost);
    cascade_free(c);
}

/* Whatever the clients do, requests for key frames are joined on their way. */
static void test_key_frame_requests_are_joined(void **state)
{
    (void)state;
    struct cascade *c = chain_new(3, 4);
    cascade_run(c, 3000);
    unsigned plis = video_of(c, 2)->plis;
    for (int i = 0; i < 100; i++) {
        for (size_t client = 1; client < 3; client++) {
            uint8_t data[MEDIA_CLIENT_PACKET];
            const struct media_feedback pli = {.pli_ssrc = 7000 + 10 * (uint32_t)client};
            size_t len = media_client_rtcp(c->clients[client].client, &pli, data);
            const struct node_datagram datagram = {
                .remote = c->clients[client].client->config.addr, .data = data, .len = len};
            (void)node_datagrams(c->nodes[client + 1], c->now_us, &datagram, 1);
        }
        cascade_run(c, 20);
    }
    cascade_run(c, 500);
    assert_in_range(video_of(c, 2)->plis - plis, 1, 3);
    cascade_free(c);
}

/* A track comes over two nodes at once, then over the other one alone: nothing doubled, nothing
 * missing, no new key frame. */
static void test_another_way(void **state)
{
    (void)state;
    struct room_spec spec;
    struct cascade *c = chain_new(3, 4);
    cascade_run(c, 3000);
    /* node 3 is to get it from node 1 directly */
    cascade_spec(c, &spec, 1);
    room_spec_trunk(&spec, 1, 3, 1);
    chain_edges(&spec, 1, 3, 4);
    cascade_apply(c, &spec, 1);
    cascade_spec(c, &spec, 3);
    room_spec_trunk(&spec, 3, 1, 1);
    room_spec_trunk(&spec, 3, 2, 1);
    chain_tracks(&spec, 3, 2);
    room_spec_upstream(&spec, spec.message.tracks[0], 1, chain_ssrc(1, 3));
    room_spec_upstream(&spec, spec.message.tracks[1], 1, chain_ssrc(1, 3) + 10);
    cascade_apply(c, &spec, 3);
    struct cascade_flow *video = cascade_flow(&c->clients[2], 7020);
    struct cascade_flow *audio = cascade_flow(&c->clients[2], 8020);
    unsigned switches = video->keys;
    cascade_run(c, 1000);
    assert_true(cascade_counters(c, 3)->relay_spare > 50);
    cascade_spec(c, &spec, 3);
    room_spec_trunk(&spec, 3, 1, 1);
    chain_tracks(&spec, 3, 1);
    cascade_apply(c, &spec, 3);
    cascade_spec(c, &spec, 2);
    spec.message.removed_edges[spec.message.n_removed_edges++] = 31;
    spec.message.removed_edges[spec.message.n_removed_edges++] = 32;
    cascade_apply(c, &spec, 2);
    cascade_run(c, 2000);
    assert_int_equal(cascade_missing(video), 0);
    assert_int_equal(cascade_missing(audio), 0);
    assert_in_range(video->keys - switches, 0, 1);
    assert_true(video->pause_us < TIME_MS(100));
    assert_true(audio->pause_us < TIME_MS(100));
    cascade_free(c);
}

/* The publisher itself comes to the node of its subscriber, and its track goes on without a gap. */
static void test_publisher_moves(void **state)
{
    (void)state;
    struct room_spec spec;
    struct cascade *c = chain_new(2, 4);
    cascade_run(c, 3000);
    struct cascade_flow *video = cascade_flow(&c->clients[1], 7010);
    struct cascade_flow *audio = cascade_flow(&c->clients[1], 8010);
    unsigned keys = video->keys;
    cascade_spec(c, &spec, 2);
    room_spec_trunk(&spec, 2, 1, 1);
    room_spec_transport(&spec, 11, c->clients[0].client, true);
    chain_tracks(&spec, 2, 0);
    for (size_t i = 0; i < 3; i++) { /* as learned by the node before */
        spec.message.tracks[0]->layers[i]->ssrc = video_of(c, i)->ssrc;
    }
    room_spec_upstream(&spec, spec.message.tracks[0], 1, chain_ssrc(1, 2));
    room_spec_upstream(&spec, spec.message.tracks[1], 1, chain_ssrc(1, 2) + 10);
    cascade_apply(c, &spec, 2);
    cascade_run(c, 100);
    assert_int_equal(c->arrived[2], 0);
    c->clients[0].node = 2;
    c->clients[0].check_at_us = c->now_us;
    cascade_run(c, 1000);
    assert_int_equal(c->arrived[2], 2);
    /* and away again: the track is released and comes from node 1 as before */
    cascade_spec(c, &spec, 2);
    room_spec_trunk(&spec, 2, 1, 1);
    room_spec_remove(&spec, 11, 0, 0);
    chain_tracks(&spec, 2, 1);
    cascade_apply(c, &spec, 2);
    c->clients[0].node = 1;
    c->clients[0].check_at_us = c->now_us;
    cascade_run(c, 1000);
    assert_int_equal(cascade_missing(video), 0);
    assert_int_equal(cascade_missing(audio), 0);
    assert_in_range(video->keys - keys, 0, 1);
    assert_true(video->pause_us < TIME_MS(120));
    cascade_free(c);
}

/* The publisher's encoder is made anew, with other SSRCs and numbers anywhere. */
static void test_source_begins_anew(void **state)
{
    (void)state;
    struct cascade *c = chain_new(3, 4);
    cascade_run(c, 3000);
    for (int i = 0; i < 6; i++) {
        struct media_source *old = &c->clients[0].client->sources[2];
        struct media_source anew = *old;
        anew.ssrc = 0;
        anew.rtx_ssrc = 0;
        anew.seq = (uint16_t)(old->seq - 500 + 200 * i);
        anew.ts = old->ts + 123456;
        anew.key_wanted = true;
        media_client_publish(c->clients[0].client, &anew);
        *old = c->clients[0].client->sources[--c->clients[0].client->source_count];
        old->due_us = c->now_us;
        unsigned before = cascade_flow(&c->clients[2], 7020)->distinct;
        cascade_run(c, 2000);
        assert_int_equal(cascade_missing(cascade_flow(&c->clients[2], 7020)), 0);
        assert_true(cascade_flow(&c->clients[2], 7020)->distinct > before + 50);
        assert_int_equal(media_client_incoming(c->clients[2].client, "5")->layer, 2);
    }
    cascade_free(c);
}

/* Keys change on both trunks while media flows. */
static void test_keys_rotate(void **state)
{
    (void)state;
    struct room_spec spec;
    struct cascade *c = chain_new(3, 7);
    cascade_run(c, 2000);
    for (uint32_t generation = 2; generation < 5; generation++) {
        for (unsigned node = 1; node <= 3; node++) {
            cascade_spec(c, &spec, node);
            if (node > 1) {
                room_spec_trunk(&spec, node, node - 1, generation);
            }
            if (node < 3) {
                room_spec_trunk(&spec, node, node + 1, generation);
            }
            cascade_apply(c, &spec, node);
            cascade_run(c, 300);
        }
        cascade_run(c, 1000);
    }
    assert_int_equal(cascade_missing(cascade_flow(&c->clients[2], 7020)), 0);
    assert_int_equal(cascade_missing(cascade_flow(&c->clients[2], 8020)), 0);
    assert_int_equal(cascade_counters(c, 3)->drop_trunk_auth, 0);
    cascade_free(c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_chain),
        cmocka_unit_test(test_only_what_is_wanted),
        cmocka_unit_test(test_layer_dries_up),
        cmocka_unit_test(test_loss_is_repaired_hop_by_hop),
        cmocka_unit_test(test_key_frame_requests_are_joined),
        cmocka_unit_test(test_another_way),
        cmocka_unit_test(test_publisher_moves),
        cmocka_unit_test(test_source_begins_anew),
        cmocka_unit_test(test_keys_rotate),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
