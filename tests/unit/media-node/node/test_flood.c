/* SPDX-License-Identifier: Apache-2.0
 *
 * Goal: what strangers send is dropped, counted by reason, answered as little as the protocols
 * allow, and disturbs nobody.
 */
#include "tests/lib/stun_client.h"
#include "tests/unit/media-node/node/world.h"

#define FLOOD 2000

/* A and B meet; the stranger's address is C's. */
static void start(struct world *w)
{
    struct room_spec spec;
    world_init(w);
    world_register(w);
    for (int i = 0; i < 3; i++) {
        world_join(w);
    }
    w->clients[2].gone = true;
    room_spec_init(&spec, "RM_1", 1, 0, 1);
    room_spec_transport(&spec, 11, w->clients[0].client, true);
    room_spec_transport(&spec, 12, w->clients[1].client, true);
    room_spec_audio(&spec, 2, 11, "1");
    const struct room_spec_want want = {31, 2, 12, "6", 8000, true};
    room_spec_subscription(&spec, &want);
    world_spec(w, &spec);
    world_check(w, &w->clients[0], true);
    world_check(w, &w->clients[1], true);
    const struct media_source audio = {.mid = "1", .audio = true, .due_us = w->now_us};
    media_client_publish(w->clients[0].client, &audio);
    world_run(w, 100);
    world_forget(w);
}

/* The meeting goes on as if nothing had been, and the stranger got so many answers. */
static void finish(struct world *w, unsigned answers)
{
    world_run(w, 1000);
    const struct media_incoming *in = media_client_incoming(w->clients[1].client, "6");
    assert_in_range(in->packets, 54, 57);
    assert_int_equal(in->gaps, 0);
    assert_int_equal(w->clients[2].datagrams, answers);
    assert_int_equal(node_transport_count(w->node), 2);
    assert_false(node_path_known(w->node, 0, &w->clients[2].client->config.addr));
    world_fini(w);
}

static void test_unknown_ufrag(void **state)
{
    (void)state;
    struct world w;
    uint8_t data[MEDIA_CLIENT_PACKET];
    start(&w);
    for (int i = 0; i < FLOOD; i++) {
        size_t len = media_client_check(w.clients[2].client, true, data);
        world_send(&w, &w.clients[2], data, len);
    }
    assert_int_equal(node_counters(w.node)->drop_stun_ufrag, FLOOD);
    finish(&w, 0);
}

static void test_wrong_password(void **state)
{
    (void)state;
    struct world w;
    uint8_t data[MEDIA_CLIENT_PACKET];
    const struct stun_client_check check = {.server_ufrag = "srvA",
                                            .client_ufrag = "cliA",
                                            .server_pwd = "not the password at all",
                                            .priority = 1,
                                            .use_candidate = true};
    start(&w);
    for (int i = 0; i < FLOOD; i++) {
        world_send(&w, &w.clients[2], data, stun_client_request(data, &check));
    }
    assert_int_equal(node_counters(w.node)->drop_stun_refused, FLOOD);
    finish(&w, FLOOD); /* each gets a 401, no longer than what it sent */
}

static void test_responses_nobody_asked_for(void **state)
{
    (void)state;
    struct world w;
    uint8_t data[STUN_BUILD_MAX];
    static const uint8_t transaction[STUN_TRANSACTION_LEN] = {1};
    start(&w);
    for (int i = 0; i < FLOOD; i++) {
        size_t len = stun_build_success(data, transaction, &w.clients[2].client->config.addr,
                                        "serverApassword12345678");
        world_send(&w, &w.clients[2], data, len);
    }
    assert_int_equal(node_counters(w.node)->drop_stun_ufrag, FLOOD);
    finish(&w, 0);
}

/* DTLS, RTP and RTCP from an address that never authenticated, and bytes of no protocol. */
static void test_no_path(void **state)
{
    (void)state;
    struct world w;
    static const uint8_t first[] = {22, 0x80, 0x80, 5, 70, 255};
    static const uint8_t second[] = {254, 96, 201, 0, 0, 0};
    uint8_t data[100] = {0};
    start(&w);
    for (int i = 0; i < FLOOD; i++) {
        for (size_t kind = 0; kind < ARRAY_LEN(first); kind++) {
            data[0] = first[kind];
            data[1] = second[kind];
            world_send(&w, &w.clients[2], data, sizeof(data));
        }
    }
    assert_int_equal(node_counters(w.node)->drop_path, 3 * FLOOD);
    assert_int_equal(node_counters(w.node)->drop_kind, 3 * FLOOD);
    assert_int_equal(w.tunnel_len, 0);
    finish(&w, 0);
}

/* From a member's own address, but not by it: unknown SSRCs cost no cipher and leave no trace. */
static void test_forged_media(void **state)
{
    (void)state;
    struct world w;
    uint8_t rtp[60] = {0x80, MEDIA_OPUS};
    uint8_t rtcp[60] = {0x80, 201, 0, 14};
    const struct counters *counters;
    start(&w);
    counters = node_counters(w.node);
    uint32_t ssrc = w.clients[0].client->sources[0].ssrc;
    for (uint32_t i = 0; i < FLOOD; i++) {
        be32_put(rtp + 8, i);
        world_send(&w, &w.clients[0], rtp, sizeof(rtp));
        be32_put(rtp + 8, ssrc);
        world_send(&w, &w.clients[0], rtp, sizeof(rtp));
        world_send(&w, &w.clients[0], rtcp, sizeof(rtcp));
    }
    assert_int_equal(counters->drop_rtp_source, FLOOD);
    assert_int_equal(counters->drop_rtp_auth + counters->drop_rtp_replay, FLOOD);
    assert_int_equal(counters->drop_rtcp_auth + counters->drop_rtcp_replay, FLOOD);
    finish(&w, 0);
}

/* A member replays a packet, and sends a payload type nobody negotiated. */
static void test_odd_media(void **state)
{
    (void)state;
    struct world w;
    uint8_t data[MEDIA_CLIENT_PACKET];
    uint8_t again[MEDIA_CLIENT_PACKET];
    start(&w);
    struct media_client *a = w.clients[0].client;
    size_t len = media_client_send(a, &a->sources[0], data);
    memcpy(again, data, len);
    world_send(&w, &w.clients[0], data, len);
    for (int i = 0; i < FLOOD; i++) {
        memcpy(data, again, len);
        world_send(&w, &w.clients[0], data, len);
    }
    assert_int_equal(node_counters(w.node)->drop_rtp_replay, FLOOD);
    finish(&w, 0);
}

/* A member takes one path, then another, with every check: whoever owns the room hears of it at a
 * pace that is bounded, and in the end where it is. */
static void test_to_and_fro(void **state)
{
    (void)state;
    static const char told[] = "event transport 11 path ";
    struct world w;
    uint8_t data[MEDIA_CLIENT_PACKET];
    unsigned count = 0;
    const char *last = NULL;
    start(&w);
    for (int i = 0; i < FLOOD; i++) {
        size_t len = media_client_check(w.clients[0].client, true, data);
        world_send(&w, &w.clients[i % 2 == 0 ? 2 : 0], data, len);
    }
    world_run(&w, 1000);
    for (const char *at = w.story; (at = strstr(at, told)) != NULL; at += sizeof(told)) {
        last = at;
        count++;
    }
    assert_in_range(count, 1, 2);
    assert_memory_equal(last + sizeof(told) - 1, "192.0.2.1:", 10);
    assert_int_equal(media_client_incoming(w.clients[1].client, "6")->gaps, 0);
    world_fini(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_unknown_ufrag),
        cmocka_unit_test(test_wrong_password),
        cmocka_unit_test(test_responses_nobody_asked_for),
        cmocka_unit_test(test_no_path),
        cmocka_unit_test(test_forged_media),
        cmocka_unit_test(test_odd_media),
        cmocka_unit_test(test_to_and_fro),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
