/* SPDX-License-Identifier: Apache-2.0
 *
 * Goal: a meeting as one node lives it, told in virtual milliseconds: joining, publishing,
 * subscribing, layers, keys, mute, silence, the end. Loss is test_loss.c's.
 */
#include "tests/unit/media-node/node/call.h"

#include "proto/wire/wire.h"

#include <stdlib.h>

static void test_join(void **state)
{
    (void)state;
    struct world w;
    struct room_spec spec;
    world_init(&w);
    world_register(&w);
    struct world_client *a = world_join(&w);
    struct world_client *b = world_join(&w);
    call_spec(&spec, &w, true);
    world_spec(&w, &spec);
    world_run(&w, 10);
    world_check(&w, a, false);
    world_check(&w, a, true);
    world_check(&w, b, true);
    world_run(&w, 10);
    call_publish(&w);
    world_run(&w, 900);
    a->client->sources[3].level = 127;
    world_run(&w, 1000);
    world_expect(&w, "    0 register node-a endpoints 5 rooms 0 link 0\n"
                     "    0 ack RM_1 1.1 applied\n"
                     "   10 event transport 11 path 192.0.2.1:5000 at 40000\n"
                     "   10 event transport 12 path 192.0.2.2:5000 at 40000\n"
                     "   20 B gets mid 5 ssrc 7010 layer 0 key\n"
                     "   20 event track 1 source q pt 96\n"
                     "   20 event track 1 media\n"
                     "   20 B gets mid 5 ssrc 7010 layer 1 key\n"
                     "   20 event track 1 source h pt 96\n"
                     "   20 B gets mid 5 ssrc 7010 layer 2 key\n"
                     "   20 event track 1 source f pt 96\n"
                     "   20 B gets mid 6 ssrc 8010 layer 0\n"
                     "   20 event track 2 source - pt 111\n"
                     "   20 event track 2 media\n"
                     "  400 levels 2:-20/1000\n"
                     "  800 levels 2:-20/1000\n"
                     " 1200 levels 2:-20/350\n"
                     " 1600 levels\n");
    const struct media_incoming *video = media_client_incoming(b->client, "5");
    const struct media_incoming *audio = media_client_incoming(b->client, "6");
    assert_int_equal(video->gaps, 0);
    assert_int_equal(audio->gaps, 0);
    assert_int_equal(audio->packets, 96);
    assert_int_equal(audio->level, 127);
    assert_true(video->numbered && audio->numbered);
    assert_true(a->client->feedback > 30); /* one each 50 ms */
    assert_int_equal(a->client->reports, 4);
    assert_int_equal(a->client->bad + b->client->bad, 0);
    assert_int_equal(w.heartbeats, 8);
    world_fini(&w);
}

/* The way a client that shows a small picture gets the small layer, and no frame is torn. */
static void test_layers(void **state)
{
    (void)state;
    struct world w;
    struct room_spec spec;
    call_start(&w, 2);
    struct media_incoming *in = media_client_incoming(w.clients[1].client, "5");
    unsigned plis = call_video(&w, 0)->plis;
    room_spec_init(&spec, "RM_1", 1, 1, 2);
    const struct room_spec_want want = {21, 1, 12, "5", 7010, false};
    room_spec_subscription(&spec, &want)->spatial_max = 0;
    world_spec(&w, &spec);
    world_run(&w, 500);
    world_expect(&w, " 1000 ack RM_1 1.2 applied\n"
                     " 1023 B gets mid 5 ssrc 7010 layer 0 key\n"
                     " 1200 levels 2:-20/1000\n");
    assert_int_equal(call_video(&w, 0)->plis, plis + 1);
    assert_int_equal(in->gaps, 0);
    room_spec_init(&spec, "RM_1", 1, 2, 3);
    room_spec_subscription(&spec, &want)->spatial_max = 1;
    world_spec(&w, &spec);
    world_run(&w, 2000);
    assert_int_equal(in->layer, 1);
    assert_int_equal(in->gaps, 0);
    world_fini(&w);
}

/* A layer that stops is replaced by the next one below, after a key frame of that one. */
static void test_layer_dries_up(void **state)
{
    (void)state;
    struct world w;
    call_start(&w, 2);
    struct media_incoming *in = media_client_incoming(w.clients[1].client, "5");
    assert_int_equal(in->layer, 2);
    w.clients[0].client->sources[2].on = false;
    world_run(&w, 1500);
    assert_int_equal(in->layer, 1);
    assert_int_equal(in->gaps, 0);
    w.clients[0].client->sources[2].on = true;
    world_run(&w, 2500);
    assert_int_equal(in->layer, 2);
    world_fini(&w);
}

/* DTLS goes through in both directions, media waits for the keys, which come with the tunnel. */
static void test_keys_by_tunnel(void **state)
{
    (void)state;
    struct world w;
    struct room_spec spec;
    uint8_t hello[] = {22, 1, 2, 3};
    world_init(&w);
    world_register(&w);
    struct world_client *a = world_join(&w);
    struct world_client *b = world_join(&w);
    call_spec(&spec, &w, false);
    world_spec(&w, &spec);
    world_send(&w, a, hello, sizeof(hello));
    assert_int_equal(w.tunnel_len, 0); /* not yet authenticated */
    assert_int_equal(node_counters(w.node)->drop_path, 1);
    world_check(&w, a, true);
    world_check(&w, b, true);
    world_send(&w, a, hello, sizeof(hello));
    Spillway__Control__TunnelFrame *frame =
        spillway__control__tunnel_frame__unpack(NULL, w.tunnel_len, w.tunnel);
    assert_non_null(frame);
    assert_int_equal(frame->transport, 11);
    assert_int_equal(frame->n_datagrams, 1);
    assert_memory_equal(frame->datagrams[0].data, hello, sizeof(hello));
    assert_string_equal(frame->room, "RM_1");
    assert_int_equal(frame->epoch, 1);
    spillway__control__tunnel_frame__free_unpacked(frame, NULL);
    call_publish(&w);
    world_run(&w, 200);
    assert_true(node_counters(w.node)->drop_no_keys > 20);
    world_tunnel(&w, 11, a->client, "\x16 server's last flight");
    world_tunnel(&w, 12, b->client, NULL);
    assert_int_equal(a->client->dtls, 1);
    world_forget(&w);
    world_run(&w, 200);
    assert_non_null(media_client_incoming(b->client, "6"));
    assert_non_null(media_client_incoming(b->client, "5"));
    assert_int_equal(a->client->bad + b->client->bad, 0);
    world_tunnel(&w, 99, NULL, "\x16");
    assert_int_equal(node_counters(w.node)->drop_tunnel_transport, 1);
    world_fini(&w);
}

/* New keys (a handshake after an ICE restart) replace the old ones; a spec that still carries the
 * old ones does not bring them back. */
static void test_new_keys(void **state)
{
    (void)state;
    struct world w;
    struct room_spec spec;
    call_start(&w, 2);
    struct media_client *b = w.clients[1].client;
    struct peer_keys old = b->keys;
    media_client_rekey(b, 77);
    world_tunnel(&w, 12, b, NULL);
    unsigned before = media_client_incoming(b, "6")->packets;
    unsigned gaps = media_client_incoming(b, "6")->gaps;
    world_run(&w, 500);
    assert_int_equal(media_client_incoming(b, "6")->packets, before + 25);
    assert_int_equal(media_client_incoming(b, "6")->gaps, gaps);
    struct peer_keys fresh = b->keys;
    b->keys = old;
    room_spec_init(&spec, "RM_1", 1, 1, 2);
    room_spec_transport(&spec, 12, b, true);
    world_spec(&w, &spec);
    b->keys = fresh;
    world_run(&w, 500);
    assert_int_equal(media_client_incoming(b, "6")->packets, before + 50);
    assert_int_equal(b->bad, 0);
    world_fini(&w);
}

static void expect_flow(struct world *w, unsigned *packets)
{
    const struct media_incoming *audio = media_client_incoming(w->clients[1].client, "6");
    unsigned before = *packets;
    unsigned gaps = audio->gaps;
    world_run(w, 500);
    assert_int_equal(audio->packets, before + 25);
    assert_int_equal(audio->gaps, gaps);
    *packets = audio->packets;
}

/* The front of both clients is gone, and their DTLS begins anew at another one: until it is
 * through, everything flows under the old keys; under the new ones every stream goes on with its
 * SSRC and its numbers, and rollover counters of 0. */
static void test_another_front(void **state)
{
    (void)state;
    struct world w;
    struct room_spec spec;
    uint8_t hello[] = {22, 1, 2, 3};
    call_start(&w, 2);
    struct world_client *a = &w.clients[0], *b = &w.clients[1];
    a->client->sources[3].seq = 65530; /* its rollover counter is 1 soon */
    media_client_rekey(a->client, 76);
    world_tunnel(&w, 11, a->client, NULL);
    world_run(&w, 500);
    unsigned packets = media_client_incoming(b->client, "6")->packets;
    world_register_at(&w, 1, "OR_2");
    room_spec_init(&spec, "RM_1", 1, 1, 2);
    room_spec_transport(&spec, 11, a->client, false)->orchestrator = "OR_2";
    room_spec_transport(&spec, 12, b->client, false)->orchestrator = "OR_2";
    world_spec(&w, &spec);
    expect_flow(&w, &packets);
    world_send(&w, b, hello, sizeof(hello));
    assert_true(w.tunnel_len > 0);
    assert_int_equal(w.tunnel_link, 1);
    uint32_t ssrc = media_client_incoming(b->client, "6")->ssrc;
    media_client_rekey(b->client, 77);
    world_tunnel(&w, 12, b->client, "\x16 server's last flight");
    expect_flow(&w, &packets);
    media_client_rekey(a->client, 78);
    world_tunnel(&w, 11, a->client, "\x16 server's last flight");
    expect_flow(&w, &packets);
    assert_int_equal(media_client_incoming(b->client, "6")->ssrc, ssrc);
    assert_int_equal(a->client->bad + b->client->bad, 0); /* an index used twice is one, too */
    assert_int_equal(node_counters(w.node)->drop_rtp_auth, 0);
    assert_int_equal(node_counters(w.node)->drop_rtp_replay, 0);
    world_fini(&w);
}

/* Goal: what is held for want of place does not flow and weighs nothing; afterwards it goes on. */
static void test_held(void **state)
{
    (void)state;
    struct world w;
    struct room_spec spec;
    call_start(&w, 2);
    struct media_client *b = w.clients[1].client;
    world_run(&w, 300);
    uint32_t weight = w.weight;
    room_spec_init(&spec, "RM_1", 1, 1, 2);
    const struct room_spec_want want = {21, 1, 12, "5", 7010, false};
    room_spec_subscription(&spec, &want)->held = true;
    world_spec(&w, &spec);
    unsigned video = media_client_incoming(b, "5")->packets;
    unsigned audio = media_client_incoming(b, "6")->packets;
    world_run(&w, 1000);
    assert_int_equal(media_client_incoming(b, "5")->packets, video);
    assert_true(media_client_incoming(b, "6")->packets > audio);
    assert_int_equal(w.weight, weight - 1);
    room_spec_init(&spec, "RM_1", 1, 2, 3);
    room_spec_subscription(&spec, &want);
    world_spec(&w, &spec);
    world_run(&w, 500);
    assert_true(media_client_incoming(b, "5")->packets > video);
    assert_int_equal(w.weight, weight);
    room_spec_init(&spec, "RM_1", 1, 3, 4);
    room_spec_subscription(&spec, &want)->held = true;
    world_spec(&w, &spec);
    uint32_t id = want.id;
    room_spec_init(&spec, "RM_1", 1, 4, 5);
    spec.message.removed_subscriptions = &id;
    spec.message.n_removed_subscriptions = 1;
    world_spec(&w, &spec);
    world_run(&w, 500);
    assert_int_equal(w.weight, weight - 1);
    world_fini(&w);
}

static void test_mute_and_pause(void **state)
{
    (void)state;
    struct world w;
    struct room_spec spec;
    call_start(&w, 2);
    struct media_client *b = w.clients[1].client;
    room_spec_init(&spec, "RM_1", 1, 1, 2);
    room_spec_audio(&spec, 2, 11, "1")->muted = true;
    const struct room_spec_want want = {21, 1, 12, "5", 7010, false};
    room_spec_subscription(&spec, &want)->paused = true;
    world_spec(&w, &spec);
    unsigned audio = media_client_incoming(b, "6")->packets;
    unsigned video = media_client_incoming(b, "5")->packets;
    world_run(&w, 1000);
    assert_int_equal(media_client_incoming(b, "6")->packets, audio);
    assert_int_equal(media_client_incoming(b, "5")->packets, video);
    world_expect(&w, " 1000 ack RM_1 1.2 applied\n"
                     " 1200 levels\n"); /* what is muted is not loud */
    room_spec_init(&spec, "RM_1", 1, 2, 3);
    room_spec_audio(&spec, 2, 11, "1");
    room_spec_subscription(&spec, &want);
    world_spec(&w, &spec);
    world_run(&w, 200);
    assert_int_equal(media_client_incoming(b, "6")->packets, audio + 10);
    assert_true(media_client_incoming(b, "5")->packets > video);
    assert_int_equal(media_client_incoming(b, "5")->gaps, 0);
    assert_int_equal(media_client_incoming(b, "6")->gaps, 0);
    world_fini(&w);
}

/* STUN goes on, SRTP and SRTCP stop: the client sits at another node. */
static void test_client_left(void **state)
{
    (void)state;
    struct world w;
    call_start(&w, 2);
    struct world_client *b = &w.clients[1];
    b->quiet = true;
    world_run(&w, 3500);
    assert_int_equal(node_counters(w.node)->transports_left, 1);
    unsigned silent = b->datagrams;
    unsigned checks = b->client->answers;
    world_run(&w, 5000);
    assert_true(b->client->answers > checks);
    assert_int_equal(b->datagrams - silent, b->client->answers - checks); /* STUN alone */
    b->quiet = false;
    unsigned plis = call_video(&w, 2)->plis;
    world_run(&w, 500);
    assert_true(b->datagrams > silent + 20);
    assert_int_equal(call_video(&w, 2)->plis, plis + 1); /* video resumes with a key frame */
    assert_int_equal(media_client_incoming(b->client, "5")->gaps, 0);
    assert_int_equal(media_client_incoming(b->client, "6")->gaps, 0);
    world_fini(&w);
}

/* A client that names this path its own has not left, however rare its reports are; nor has one
 * that gets only audio without transport-wide numbers. */
static void test_client_is_only_quiet(void **state)
{
    (void)state;
    struct world w;
    struct room_spec spec;
    call_start(&w, 2);
    struct world_client *b = &w.clients[1];
    b->quiet = true;
    b->nominates = true;
    world_run(&w, 8000);
    assert_int_equal(node_counters(w.node)->transports_left, 0);
    b->nominates = false;
    room_spec_init(&spec, "RM_1", 1, 1, 2);
    room_spec_remove(&spec, 0, 0, 21);
    const struct room_spec_want want = {31, 2, 12, "6", 8010, true};
    room_spec_subscription(&spec, &want)->payload_types[0]->transport_cc = false;
    world_spec(&w, &spec);
    const struct media_feedback nothing = {0};
    world_rtcp(&w, b, &nothing);
    world_run(&w, 8000);
    assert_int_equal(node_counters(w.node)->transports_left, 0);
    assert_int_equal(media_client_incoming(b->client, "6")->gaps, 0);
    assert_false(media_client_incoming(b->client, "6")->numbered);
    world_fini(&w);
}

/* Another address by the same ufrag, from one packet to the next: a NAT that forgot, another
 * network. The client does not even nominate; what it sends is taken, and what it is sent goes
 * there. */
static void test_another_address(void **state)
{
    (void)state;
    struct world w;
    call_start(&w, 2);
    struct world_client *a = &w.clients[0], *b = &w.clients[1];
    unsigned packets = media_client_incoming(b->client, "6")->packets;
    for (uint8_t i = 1; i <= 12; i++) { /* more often than a transport has paths */
        struct world_client *moves = i % 2 == 0 ? a : b;
        moves->client->config.addr.ip[3] = (uint8_t)(100 + i);
        moves->client->config.addr.port++;
        world_check(&w, moves, false);
        const struct media_feedback nothing = {0};
        world_rtcp(&w, moves, &nothing);
        expect_flow(&w, &packets);
    }
    assert_int_equal(media_client_incoming(b->client, "5")->gaps, 0);
    assert_int_equal(b->client->bad, 0);
    assert_int_equal(node_counters(w.node)->transports_left, 0);
    world_fini(&w);
}

/* No STUN either: that is a network that failed, and may come back; for 15 s it is sent to. */
static void test_consent(void **state)
{
    (void)state;
    struct world w;
    call_start(&w, 2);
    struct world_client *b = &w.clients[1];
    b->gone = true;
    world_run(&w, 5000);
    unsigned before = b->datagrams;
    world_run(&w, 1000);
    assert_true(b->datagrams > before + 50);
    world_forget(&w);
    w.clients[0].client->sources[3].on = false;
    world_run(&w, 10000);
    world_expect(&w, " 7200 levels 2:-20/550\n"
                     " 7600 levels\n"
                     "15000 event transport 12 lost consent\n");
    before = b->datagrams;
    world_run(&w, 5000);
    assert_int_equal(b->datagrams, before);
    b->gone = false;
    b->check_at_us = w.now_us;
    world_run(&w, 100);
    world_check(&w, b, true);
    world_run(&w, 100);
    assert_true(b->datagrams > before);
    world_fini(&w);
}

static void test_dropped_room_is_silent(void **state)
{
    (void)state;
    struct world w;
    struct room_spec spec;
    call_start(&w, 2);
    room_spec_init(&spec, "RM_1", 1, 0, 2);
    spec.message.dropped = true;
    world_spec(&w, &spec);
    unsigned a = w.clients[0].datagrams;
    unsigned b = w.clients[1].datagrams;
    world_run(&w, 20000);
    assert_int_equal(w.clients[0].datagrams, a);
    assert_int_equal(w.clients[1].datagrams, b);
    world_expect(&w, " 1000 ack RM_1 1.2 applied\n");
    assert_int_equal(node_room_count(w.node), 0);
    assert_int_equal(node_transport_count(w.node), 0);
    world_fini(&w);
}

/* The round trip is the network's and the client's, not what his report waited until it was read.
 */
static void test_round_trip(void **state)
{
    (void)state;
    struct world w;
    call_start(&w, 2);
    struct world_client *a = &w.clients[0];
    struct world_client *b = &w.clients[1];
    const struct media_feedback clock = {.sr = &a->client->sources[3], .wall_us = TIME_S(1000)};
    const struct media_incoming *heard = media_client_incoming(b->client, "6");
    world_rtcp(&w, a, &clock);
    b->quiet = true;
    while (heard->reports == 0) {
        world_run(&w, 1);
    }
    const struct rtcp_report block = {
        .ssrc = heard->ssrc, .lsr = rtcp_ntp_middle(heard->report.ntp), .dlsr = 65536 / 100};
    const struct media_feedback report = {.report = &block};
    world_run(&w, 60); /* 10 ms in the client, 30 in the kernel, 20 on the way */
    b->waits_us = TIME_MS(30);
    world_rtcp(&w, b, &report);
    world_run(&w, 6000);
    assert_in_range(world_report(&w, 12)->rtt_us, TIME_MS(19), TIME_MS(21));
    world_fini(&w);
}

static void test_reports(void **state)
{
    (void)state;
    struct world w;
    call_start(&w, 2);
    struct world_client *b = &w.clients[1];
    const struct media_feedback remb = {.remb_bps = 1500000};
    world_rtcp(&w, b, &remb);
    world_run(&w, 11000);
    const struct Spillway__Control__TransportReport *report = world_report(&w, 12);
    assert_non_null(report);
    assert_int_equal(report->remb_bps, 1500000);
    assert_int_equal(report->interval_ms, 5000);
    assert_int_equal(report->n_subscriptions, 2);
    for (size_t i = 0; i < 2; i++) {
        bool audio = report->subscriptions[i]->subscription == 31;
        assert_in_range(report->subscriptions[i]->packets, audio ? 248 : 149, audio ? 252 : 153);
        assert_int_equal(report->subscriptions[i]->spatial, audio ? 0 : 2);
    }
    world_fini(&w);
}

/* Sender reports go on once the publisher's clock is known from its own. */
static void test_sender_reports(void **state)
{
    (void)state;
    struct world w;
    call_start(&w, 2);
    struct media_client *b = w.clients[1].client;
    assert_int_equal(media_client_incoming(b, "6")->reports, 0);
    const struct media_feedback sr = {.sr = &w.clients[0].client->sources[3],
                                      .wall_us = TIME_S(1700000000)};
    world_rtcp(&w, &w.clients[0], &sr);
    world_run(&w, 1500);
    assert_in_range(media_client_incoming(b, "6")->reports, 1, 2);
    assert_int_equal(media_client_incoming(b, "5")->reports, 0);
    world_fini(&w);
}

/* Extension ids that change mean the same under their new numbers. */
static void test_extensions_change(void **state)
{
    (void)state;
    struct world w;
    struct room_spec spec;
    call_start(&w, 2);
    room_spec_init(&spec, "RM_1", 1, 1, 2);
    Spillway__Control__Transport *transport =
        room_spec_transport(&spec, 11, w.clients[0].client, true);
    transport->n_extensions = 4; /* mid, rid, repaired rid, transport-cc: no audio level */
    world_spec(&w, &spec);
    world_run(&w, 600);
    assert_int_equal(media_client_incoming(w.clients[1].client, "6")->level, -1);
    world_forget(&w);
    room_spec_init(&spec, "RM_1", 1, 2, 3);
    room_spec_transport(&spec, 11, w.clients[0].client, true);
    world_spec(&w, &spec);
    world_run(&w, 900);
    /* the packet of 1600 ms still came without a level */
    world_expect(&w, " 1600 ack RM_1 1.3 applied\n"
                     " 2000 levels 2:-20/950\n"
                     " 2400 levels 2:-20/1000\n");
    assert_int_equal(media_client_incoming(w.clients[1].client, "6")->level, 20);
    assert_int_equal(media_client_incoming(w.clients[1].client, "6")->gaps, 0);
    world_fini(&w);
}

/* A TCP path works like any other, and its end is told. */
static void test_tcp(void **state)
{
    (void)state;
    struct world w;
    call_start(&w, 2);
    struct world_client *b = &w.clients[1];
    b->endpoint = 4;
    b->client->config.addr.port = 6000;
    b->check_at_us = TIME_NEVER;
    w.clients[0].client->sources[3].on = false;
    world_check(&w, b, true);
    b->check_at_us = TIME_NEVER;
    assert_true(node_path_known(w.node, 4, &b->client->config.addr));
    world_run(&w, 100);
    node_tcp_closed(w.node, w.now_us, 4, &b->client->config.addr);
    assert_false(node_path_known(w.node, 4, &b->client->config.addr));
    world_run(&w, 50);
    world_expect(&w, " 1000 event transport 12 path 192.0.2.2:6000 at 40000 tcp\n"
                     " 1100 event transport 12 lost tcp\n");
    world_fini(&w);
}

/* The node asks to be left, also of an orchestrator that comes later. */
static void test_drain(void **state)
{
    (void)state;
    struct world w;
    call_start(&w, 1);
    node_drain(w.node, w.now_us);
    world_run(&w, 0);
    node_link_down(w.node, w.now_us, 0);
    world_register(&w);
    world_expect(&w, " 1000 draining\n"
                     " 1000 register node-a endpoints 5 rooms 1 link 0\n"
                     " 1000 draining\n");
    world_fini(&w);
}

/* A room whose orchestrator is away is told to the others, by its name: one of them may be its new
 * owner. While it is there, it alone hears of it. */
static void test_orchestrator_away(void **state)
{
    (void)state;
    struct world w;
    struct room_spec spec;
    world_init(&w);
    world_register(&w);
    world_register_at(&w, 1, "OR_2");
    room_spec_init(&spec, "RM_1", 1, 0, 1);
    spec.message.name = (char[]){"lobby"};
    world_spec(&w, &spec);
    world_forget(&w);
    world_run(&w, 6000); /* heartbeats tell rooms every 5 s */
    world_expect(&w, "");
    node_link_down(w.node, w.now_us, 0);
    world_run(&w, 5000);
    world_expect(&w, " 6000 link 1 hears of RM_1 lobby\n" /* at once */
                     " 9500 link 1 hears of RM_1 lobby\n");
    world_fini(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_orchestrator_away),
        cmocka_unit_test(test_join),
        cmocka_unit_test(test_layers),
        cmocka_unit_test(test_layer_dries_up),
        cmocka_unit_test(test_keys_by_tunnel),
        cmocka_unit_test(test_new_keys),
        cmocka_unit_test(test_another_front),
        cmocka_unit_test(test_held),
        cmocka_unit_test(test_mute_and_pause),
        cmocka_unit_test(test_client_left),
        cmocka_unit_test(test_client_is_only_quiet),
        cmocka_unit_test(test_another_address),
        cmocka_unit_test(test_consent),
        cmocka_unit_test(test_dropped_room_is_silent),
        cmocka_unit_test(test_round_trip),
        cmocka_unit_test(test_reports),
        cmocka_unit_test(test_sender_reports),
        cmocka_unit_test(test_extensions_change),
        cmocka_unit_test(test_tcp),
        cmocka_unit_test(test_drain),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
