/* SPDX-License-Identifier: Apache-2.0
 *
 * Goal: a client that makes SSRCs up, each packet under another one, costs the room's owner no more
 * than a bounded number of them, and what it published before goes on.
 */
#include "media-node/core/peer/peer.h"

#include <setjmp.h>

#include <cmocka.h>

#define MID_ID 4

struct world {
    struct prng prng;
    struct outbox *outbox;
    struct counters counters;
    struct peer *peer;
    struct rtpsec *client;
    int64_t now_us;
};

static void world_init(struct world *w)
{
    *w = (struct world){.outbox = outbox_new(16), .now_us = TIME_S(1)};
    prng_seed(&w->prng, 3711);
    const struct peer_config config = {
        .credentials = {.local_ufrag = "srvA",
                        .local_pwd = "serverApassword12345678",
                        .remote_ufrag = "",
                        .remote_pwd = "",
                        .previous_ufrag = "",
                        .previous_pwd = ""},
        .exts = {.id = {[RTP_EXT_MID] = MID_ID}},
        .random = prng_source(&w->prng),
        .outbox = w->outbox,
        .counters = &w->counters,
    };
    struct peer_keys keys = {.suite = RTPSEC_AES_128_GCM};
    size_t len = rtpsec_key_len(keys.suite);
    prng_fill(&w->prng, keys.client, len);
    prng_fill(&w->prng, keys.server, len);
    assert_int_equal(peer_new(&w->peer, &config), 0);
    assert_int_equal(peer_set_keys(w->peer, &keys), 0);
    const struct rtpsec_config mirrored = {
        .suite = keys.suite, .receive_key = {keys.server, len}, .send_key = {keys.client, len}};
    assert_int_equal(rtpsec_new(&w->client, &mirrored), 0);
    const struct peer_track microphone = {.id = 1, .mid = "0", .layer_count = 1};
    assert_int_equal(peer_publish(w->peer, &microphone), 0);
}

static void world_fini(struct world *w)
{
    peer_free(w->peer);
    rtpsec_free(w->client);
    outbox_free(w->outbox);
}

/* A packet of that SSRC for the microphone's section; what peer_rtp says of it. */
static int feed(struct world *w, uint32_t ssrc, uint16_t seq, struct peer_rtp *out)
{
    static const uint8_t payload[20];
    uint8_t data[RTP_HEADER_OUT_MAX + sizeof(payload) + RTPSEC_RTP_OVERHEAD];
    const struct rtp_ext_ids ids = {.id = {[RTP_EXT_MID] = MID_ID}};
    const struct rtp_header header = {
        .ssrc = ssrc,
        .seq = seq,
        .pt = 111,
        .exts = {.value = {[RTP_EXT_MID] = {(const uint8_t *)"0", 1}}},
    };
    struct rtp_header_out where;
    struct rtpsec_stream stream;
    assert_int_equal(rtp_header_write(data, &header, &ids, &where), 0);
    rtpsec_stream_init(&stream, ssrc);
    const struct rtpsec_packet plain = {.header_len = where.len,
                                        .body = {payload, sizeof(payload)}};
    int len = rtpsec_protect_rtp(w->client, &stream, &plain, data);
    assert_true(len > 0);
    const struct ice_path path = {.protocol = ICE_UDP, .remote = {.family = NET_V4, .port = 9}};
    const struct peer_datagram in = {.data = data, .len = (size_t)len, .arrival_us = w->now_us};
    return peer_rtp(w->peer, w->now_us, &path, &in, out);
}

/* How many of so many new SSRCs are learned. */
static unsigned flood(struct world *w, uint32_t first, unsigned count)
{
    unsigned learned = 0;
    for (uint32_t i = 0; i < count; i++) {
        struct peer_rtp rtp;
        int err = feed(w, first + i, 1, &rtp);
        assert_true(err == 0 || err == ERR_FULL);
        assert_true(err != 0 || rtp.first);
        learned += err == 0;
    }
    return learned;
}

static void learns_no_more_than_that(void **state)
{
    (void)state;
    struct world w;
    struct peer_rtp rtp;
    world_init(&w);
    assert_int_equal(flood(&w, 1000, 2 * PEER_LEARN_BURST), PEER_LEARN_BURST);
    assert_int_equal(w.counters.drop_rtp_source, PEER_LEARN_BURST);
    assert_int_equal(feed(&w, 1000 + PEER_LEARN_BURST - 1, 2, &rtp), 0); /* the last that was */
    assert_false(rtp.first);
    w.now_us += TIME_S(1);
    assert_int_equal(flood(&w, 5000, 100), TIME_S(1) / PEER_LEARN_US);
    w.now_us += TIME_S(3600);
    assert_int_equal(flood(&w, 10000, 2 * PEER_LEARN_BURST), PEER_LEARN_BURST);
    world_fini(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(learns_no_more_than_that),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
