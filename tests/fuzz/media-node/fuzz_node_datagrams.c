/* SPDX-License-Identifier: Apache-2.0
 *
 * Strangers and hostile clients: any datagrams in any order to a node with a room of two, some in
 * the clear as strangers send them, some sealed with a client's keys, so that what is behind the
 * cipher is reached too. What comes out goes only to addresses that were told or authenticated.
 *
 * The input is a list of steps: how to send, a number, a length in two bytes, and as many bytes.
 */
#include "media-node/core/node/node.h"
#include "tests/lib/media_client.h"
#include "tests/lib/room_spec.h"

#include <stdlib.h>

#define STEP_LEN 4
#define DATA_MAX 1400

enum { RAW, RTP, RTCP, CHECK, CLOSED, WAIT, STEPS };

struct world {
    int64_t now_us;
    struct node *node;
    struct media_client *clients[2];
    struct rtpsec_stream stream[2]; /* one window for all SSRCs: numbers only rise */
    uint16_t seq;
};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void drain(struct world *w)
{
    struct outbox_packet packets[64];
    struct node_message message;
    size_t count;
    while ((count = node_poll_packets(w->node, packets, ARRAY_LEN(packets))) > 0) {
        for (size_t i = 0; i < count; i++) {
            assert(packets[i].len > 0 && packets[i].path.remote.ip[0] == 192);
        }
    }
    while (node_poll_control(w->node, &message)) {
    }
    while (node_poll_tunnel(w->node, &message)) {
    }
}

static void give(struct world *w, unsigned from, uint8_t *data, size_t len)
{
    const struct node_datagram datagram = {.endpoint = (uint16_t)(from >> 1 & 1),
                                           .remote = w->clients[from & 1]->config.addr,
                                           .data = data,
                                           .len = len};
    (void)node_datagrams(w->node, w->now_us, &datagram, 1);
}

/* The bytes as an RTP packet of that client, under a number that was never used. */
static void give_rtp(struct world *w, unsigned from, uint8_t *data, size_t len)
{
    struct rtp_view view;
    uint8_t out[DATA_MAX + RTPSEC_RTP_OVERHEAD];
    if (rtp_parse(&view, data, len) != 0) {
        return;
    }
    size_t header_len = (size_t)(view.payload.data - data);
    rtp_set_seq(data, w->seq++);
    memcpy(out, data, header_len);
    struct rtpsec_stream *stream = &w->stream[from & 1];
    rtpsec_stream_init(stream, view.ssrc);
    const struct rtpsec_packet packet = {.header_len = header_len,
                                         .body = {data + header_len, len - header_len}};
    int sealed = rtpsec_protect_rtp(w->clients[from & 1]->sec, stream, &packet, out);
    if (sealed > 0) {
        give(w, from, out, (size_t)sealed);
    }
}

static void give_rtcp(struct world *w, unsigned from, uint8_t *data, size_t len)
{
    uint8_t out[DATA_MAX + RTPSEC_RTCP_OVERHEAD];
    memcpy(out, data, len);
    if (rtpsec_protect_rtcp(w->clients[from & 1]->sec, out, &len) == 0) {
        give(w, from, out, len);
    }
}

static void step(struct world *w, unsigned how, unsigned number, uint8_t *data, size_t len)
{
    switch (how % STEPS) {
    case RAW:
        give(w, number, data, len);
        break;
    case RTP:
        give_rtp(w, number, data, len);
        break;
    case RTCP:
        give_rtcp(w, number, data, len);
        break;
    case CHECK:
        len = media_client_check(w->clients[number & 1], (number & 4) != 0, data);
        give(w, number, data, len);
        break;
    case CLOSED:
        node_tcp_closed(w->node, w->now_us, 1, &w->clients[number & 1]->config.addr);
        break;
    default:
        w->now_us += TIME_MS(number);
        node_expire(w->node, w->now_us);
        break;
    }
    drain(w);
}

static void fill_room(struct world *w)
{
    static const char *const rids[] = {"q", "h", ""};
    struct room_spec spec;
    room_spec_init(&spec, "RM_1", 1, 0, 1);
    for (uint64_t i = 0; i < 2; i++) {
        room_spec_transport(&spec, 11 + i, w->clients[i], true);
        uint32_t id = (uint32_t)(i + 1);
        room_spec_video(&spec, id, 11 + i, "0", rids)->layers[0]->ssrc = 100 * id;
        room_spec_audio(&spec, id + 2, 11 + i, "1")->layers[0]->ssrc = 100 * id + 50;
        const struct room_spec_want video = {id, 3 - id, 11 + i, "5", 7000, false};
        const struct room_spec_want audio = {id + 2, 5 - id, 11 + i, "6", 8000, true};
        room_spec_subscription(&spec, &video);
        room_spec_subscription(&spec, &audio);
    }
    size_t len;
    uint8_t *bytes = room_spec_pack(&spec, &len);
    node_control(w->node, w->now_us, 0, (struct bytes){bytes, len});
    free(bytes);
    room_spec_fini(&spec);
    assert(node_transport_count(w->node) == 2);
}

static void start(struct world *w, struct prng *prng)
{
    static const struct node_endpoint endpoints[] = {{NODE_UDP, 40000}, {NODE_TCP, 40000}};
    static const struct net_addr advertise = {.ip = {127, 0, 0, 1}, .family = NET_V4};
    static const char *const ufrags[] = {"srvA", "srvB"};
    const struct node_config config = {.id = "ND_1",
                                       .congestion_control = true,
                                       .name = "fuzz",
                                       .region = "",
                                       .zone = "",
                                       .version = "0",
                                       .endpoints = endpoints,
                                       .endpoint_count = 2,
                                       .advertise = &advertise,
                                       .advertise_count = 1,
                                       .link_count = 1,
                                       .outbox_slots = 64,
                                       .random = prng_source(prng)};
    w->now_us = TIME_S(1);
    w->node = node_new(&config, w->now_us);
    for (size_t i = 0; i < 2; i++) {
        const struct media_client_config client = {
            .addr = {.ip = {192, 0, 2, (uint8_t)i}, .port = 5000, .family = NET_V4},
            .ufrag = "cliX",
            .pwd = "clientpassword12345678",
            .server_ufrag = ufrags[i],
            .server_pwd = "serverpassword12345678",
            .seed = i};
        w->clients[i] = media_client_new(&client);
    }
    fill_room(w);
    for (unsigned i = 0; i < 2; i++) {
        uint8_t data[DATA_MAX];
        step(w, CHECK, i | 4, data, 0);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct world w = {.seq = 1};
    struct prng prng;
    prng_seed(&prng, 1);
    start(&w, &prng);
    while (size >= STEP_LEN) {
        uint8_t copy[DATA_MAX];
        size_t len = MIN((size_t)be16_get(data + 2), MIN(size - STEP_LEN, DATA_MAX));
        memcpy(copy, data + STEP_LEN, len);
        step(&w, data[0], data[1], copy, len);
        data += STEP_LEN + len;
        size -= STEP_LEN + len;
    }
    node_free(w.node);
    media_client_free(w.clients[0]);
    media_client_free(w.clients[1]);
    return 0;
}
