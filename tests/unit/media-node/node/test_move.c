/* SPDX-License-Identifier: Apache-2.0
 *
 * Goal: a room that comes to a node with its clients' keys and addresses goes on: checks go out at
 * once, media flows down when they are answered, SSRCs are known without any header extension, a
 * key frame is asked for when its publisher has arrived, and no nonce is used twice.
 */
#include "tests/unit/media-node/node/world.h"

/* As the owner would write it: A's video was learned elsewhere, both clients have an address. */
static void moved(struct room_spec *spec, const struct world *w, const struct media_source *video)
{
    room_spec_init(spec, "RM_1", 2, 0, 9);
    for (uint64_t i = 0; i < 2; i++) {
        Spillway__Control__Transport *transport =
            room_spec_transport(spec, 11 + i, w->clients[i].client, true);
        room_spec_moved(spec, transport, w->clients[i].client, 1000007);
    }
    Spillway__Control__Track *track = room_spec_video(spec, 1, 11, "0", NULL);
    track->layers[0]->ssrc = video->ssrc;
    track->layers[0]->rtx_ssrc = video->rtx_ssrc;
    const struct room_spec_want want = {21, 1, 12, "5", 7010, false};
    room_spec_subscription(spec, &want);
}

static struct media_source *publish(struct world *w)
{
    const struct media_source video = {.mid = "0", .no_exts = true};
    struct media_source *source = media_client_publish(w->clients[0].client, &video);
    source->key_wanted = false; /* it has been sending for long */
    source->on = false;
    source->due_us = w->now_us;
    return source;
}

static void test_move(void **state)
{
    (void)state;
    struct world w;
    struct room_spec spec;
    world_init(&w);
    world_register(&w);
    struct world_client *a = world_join(&w);
    struct world_client *b = world_join(&w);
    struct media_source *video = publish(&w);
    moved(&spec, &w, video);
    world_forget(&w);
    world_spec(&w, &spec);
    assert_int_equal(a->client->checks, 1); /* at once, and one is enough */
    assert_int_equal(b->client->checks, 1);
    assert_int_equal(b->client->check_priority, 1000007);
    world_run(&w, 500);
    assert_int_equal(b->client->checks, 1);
    assert_int_equal(video->plis, 0); /* its media goes elsewhere still */
    video->on = true;
    video->due_us = w.now_us;
    world_run(&w, 40);
    assert_int_equal(video->plis, 1);
    world_run(&w, 1000);
    world_expect(&w, "    0 ack RM_1 2.9 applied\n"
                     "    0 event transport 11 path 192.0.2.1:5000 at 40000\n"
                     "    0 event transport 12 path 192.0.2.2:5000 at 40000\n"
                     "  500 event track 1 source - pt 96\n"
                     "  500 event track 1 media\n"
                     "  533 B gets mid 5 ssrc 7010 layer 0 key\n");
    assert_int_equal(media_client_incoming(b->client, "5")->gaps, 0);
    assert_int_equal(video->plis, 1);
    assert_int_equal(a->client->bad + b->client->bad, 0);
    assert_int_equal(node_counters(w.node)->moves_answered, 2);
    world_fini(&w);
}

/* The client does not answer: it is asked for half a second, and the check leaves no trace. */
static void test_unanswered(void **state)
{
    (void)state;
    struct world w;
    struct room_spec spec;
    world_init(&w);
    world_register(&w);
    world_join(&w)->gone = true;
    struct world_client *b = world_join(&w);
    moved(&spec, &w, publish(&w));
    world_spec(&w, &spec);
    world_run(&w, 2000);
    assert_int_equal(w.clients[0].datagrams, ICE_CHECK_SENDS);
    assert_int_equal(node_counters(w.node)->moves_unanswered, 1);
    assert_false(node_path_known(w.node, 0, &w.clients[0].client->config.addr));
    assert_true(node_path_known(w.node, 0, &b->client->config.addr));
    world_fini(&w);
}

/* Checks leave from the endpoint the client was given; a higher priority sends them again. */
static void test_local_endpoint(void **state)
{
    (void)state;
    struct world w;
    struct room_spec spec;
    world_init(&w);
    world_register(&w);
    struct world_client *a = world_join(&w);
    a->endpoint = 2;
    Spillway__Control__Endpoint local = SPILLWAY__CONTROL__ENDPOINT__INIT;
    local.ip = (char[]){"198.51.100.1"};
    local.port = 40002;
    for (uint64_t version = 1; version <= 3; version++) {
        room_spec_init(&spec, "RM_1", 1, version - 1, version);
        Spillway__Control__Transport *transport = room_spec_transport(&spec, 11, a->client, true);
        room_spec_moved(&spec, transport, a->client, version < 3 ? 100 : 101);
        transport->local = &local;
        world_spec(&w, &spec);
    }
    assert_int_equal(a->client->checks, 2);
    world_expect(&w, "    0 register node-a endpoints 5 rooms 0 link 0\n"
                     "    0 ack RM_1 1.1 applied\n"
                     "    0 event transport 11 path 192.0.2.1:5000 at 40002\n"
                     "    0 ack RM_1 1.2 applied\n"
                     "    0 ack RM_1 1.3 applied\n");
    world_fini(&w);
}

/* A new owner sends everything whole: all that was learned is told again, and nothing stutters. */
static void test_new_owner(void **state)
{
    (void)state;
    struct world w;
    struct room_spec spec;
    world_init(&w);
    world_register(&w);
    world_join(&w);
    struct world_client *b = world_join(&w);
    struct media_source *video = publish(&w);
    moved(&spec, &w, video);
    world_spec(&w, &spec);
    video->on = true;
    world_run(&w, 1000);
    world_forget(&w);
    node_link_down(w.node, w.now_us, 0);
    world_run(&w, 1000); /* without any orchestrator */
    world_register(&w);
    moved(&spec, &w, video);
    spec.message.epoch = 3;
    world_spec(&w, &spec);
    world_run(&w, 1000);
    world_expect(&w, " 2000 register node-a endpoints 5 rooms 1 link 0\n"
                     " 2000 ack RM_1 3.9 applied\n"
                     " 2000 event transport 11 path 192.0.2.1:5000 at 40000\n"
                     " 2000 event track 1 source - pt 96\n"
                     " 2000 event track 1 media\n"
                     " 2000 event transport 12 path 192.0.2.2:5000 at 40000\n");
    assert_int_equal(media_client_incoming(b->client, "5")->gaps, 0);
    assert_true(media_client_incoming(b->client, "5")->packets > 80);
    assert_int_equal(video->plis, 1);
    world_fini(&w);
}

/* A client that went away while its orchestrator did, too: the orchestrator hears of both. */
static void test_lost_meanwhile(void **state)
{
    (void)state;
    struct world w;
    struct room_spec spec;
    world_init(&w);
    world_register(&w);
    world_join(&w);
    struct world_client *b = world_join(&w);
    struct media_source *video = publish(&w);
    moved(&spec, &w, video);
    world_spec(&w, &spec);
    world_run(&w, 1000);
    node_link_down(w.node, w.now_us, 0);
    w.clients[0].check_at_us = w.now_us;
    b->gone = true;
    b->quiet = true;
    world_run(&w, 20000);
    world_forget(&w);
    world_register(&w);
    moved(&spec, &w, video);
    spec.message.epoch = 3;
    world_spec(&w, &spec);
    world_expect(&w, "21000 register node-a endpoints 5 rooms 1 link 0\n"
                     "21000 ack RM_1 3.9 applied\n"
                     "21000 event transport 11 path 192.0.2.1:5000 at 40000\n"
                     "21000 event transport 12 lost consent\n");
    world_fini(&w);
}

/* An SSRC that comes back under the same keys goes on where it was: no index is used twice. */
static void test_ssrc_comes_back(void **state)
{
    (void)state;
    struct world w;
    struct room_spec spec;
    world_init(&w);
    world_register(&w);
    world_join(&w);
    struct world_client *b = world_join(&w);
    struct media_source *video = publish(&w);
    moved(&spec, &w, video);
    world_spec(&w, &spec);
    video->on = true;
    world_run(&w, 1000);
    struct media_incoming *in = media_client_incoming(b->client, "5");
    uint16_t seq = in->seq;
    room_spec_init(&spec, "RM_1", 2, 9, 10);
    room_spec_remove(&spec, 0, 0, 21);
    const struct room_spec_want again = {22, 1, 12, "5", 7010, false};
    room_spec_subscription(&spec, &again);
    world_spec(&w, &spec);
    world_run(&w, 700); /* key frames are no closer than that */
    assert_in_range((uint16_t)(in->seq - seq), 1, 30);
    assert_int_equal(in->gaps, 0);
    assert_int_equal(b->client->bad, 0);
    world_fini(&w);
}

/* Each holder of a transport speaks RTCP under an SSRC of its own. */
static void test_rtcp_ssrc_is_fresh(void **state)
{
    (void)state;
    struct world w;
    struct room_spec spec;
    world_init(&w);
    world_register(&w);
    struct world_client *a = world_join(&w);
    world_join(&w);
    struct media_source *video = publish(&w);
    uint32_t seen[3];
    for (uint64_t i = 0; i < ARRAY_LEN(seen); i++) {
        moved(&spec, &w, video);
        spec.message.epoch = 2 + i;
        world_spec(&w, &spec);
        video->on = true;
        world_run(&w, 1500);
        seen[i] = a->client->server_rtcp_ssrc;
        assert_int_not_equal(seen[i], 0);
        for (uint64_t j = 0; j < i; j++) {
            assert_int_not_equal(seen[i], seen[j]);
        }
        room_spec_init(&spec, "RM_1", 2 + i, 0, 10);
        spec.message.dropped = true;
        world_spec(&w, &spec);
    }
    world_fini(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_move),
        cmocka_unit_test(test_unanswered),
        cmocka_unit_test(test_local_endpoint),
        cmocka_unit_test(test_new_owner),
        cmocka_unit_test(test_lost_meanwhile),
        cmocka_unit_test(test_ssrc_comes_back),
        cmocka_unit_test(test_rtcp_ssrc_is_fresh),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
