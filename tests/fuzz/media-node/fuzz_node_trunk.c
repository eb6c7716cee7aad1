/* SPDX-License-Identifier: Apache-2.0
 *
 * Another node, hostile or broken: any datagrams from the address of a trunk, some in the clear,
 * some sealed with its keys, so that what is behind the cipher is reached too. The room has a track
 * that goes over the trunk, one that comes over it, and a subscriber.
 *
 * The input is a list of steps: how to send, a number, a length in two bytes, and as many bytes.
 */
#include "media-node/core/node/node.h"
#include "tests/lib/media_client.h"
#include "tests/lib/room_spec.h"

#include <stdlib.h>

#define STEP_LEN    4
#define DATA_MAX    1300
#define HEAD_LEN    12 /* of a compound: the APP packet in front */
#define EDGE_SSRC   900
#define ORIGIN_SSRC 700

enum { RAW, RTP, RTCP, MEDIA, KEYS, WAIT, STEPS };

struct world {
    int64_t now_us;
    struct node *node;
    struct media_client *client;
    struct media_source *source;
    struct rtpsec *sec; /* the other end's */
    uint32_t generation;
    uint32_t roc;
    uint64_t version;
};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void drain(struct world *w)
{
    struct outbox_packet packets[64];
    struct node_message message;
    size_t count;
    while ((count = node_poll_packets(w->node, packets, ARRAY_LEN(packets))) > 0) {
        for (size_t i = 0; i < count; i++) {
            uint8_t net = packets[i].path.remote.ip[0];
            assert(packets[i].len > 0 && (net == 10 || net == 192));
        }
    }
    while (node_poll_control(w->node, &message)) {
    }
}

static void give(struct world *w, const struct net_addr *from, uint8_t *data, size_t len)
{
    const struct node_datagram datagram = {.remote = *from, .data = data, .len = len};
    (void)node_datagrams(w->node, w->now_us, &datagram, 1);
    drain(w);
}

static void give_as_node(struct world *w, uint8_t *data, size_t len)
{
    const struct net_addr addr = {.ip = {10, 0, 0, 2}, .port = 40000, .family = NET_V4};
    give(w, &addr, data, len);
}

/* number: layer, whether there are extensions, and run; the bytes: number, marker and type, the
 * publisher's SSRC, and what follows the CSRCs. */
static void give_rtp(struct world *w, unsigned number, const uint8_t *data, size_t len)
{
    uint8_t plain[DATA_MAX + 20];
    uint8_t out[DATA_MAX + 20 + RTPSEC_RTP_OVERHEAD];
    struct rtp_view view;
    struct rtpsec_stream stream;
    uint32_t ssrc = ORIGIN_SSRC + (number & 1);
    if (len < 4) {
        return;
    }
    plain[0] = (uint8_t)(0x82 | (number & 2) << 3);
    plain[1] = data[2];
    memcpy(plain + 2, data, 2);
    be32_put(plain + 4, w->roc * 3000);
    be32_put(plain + 8, ssrc);
    be32_put(plain + 12, 5000u + data[3] % 4);
    be32_put(plain + 16, w->generation << 26 | (number >> 2 & 3) << 20 | w->roc);
    memcpy(plain + 20, data + 4, len - 4);
    if (rtp_parse(&view, plain, len + 16) != 0) {
        return;
    }
    size_t header_len = (size_t)(view.payload.data - plain);
    memcpy(out, plain, header_len);
    rtpsec_stream_init(&stream, ssrc);
    const struct rtpsec_packet packet = {.header_len = header_len,
                                         .body = {plain + header_len, len + 16 - header_len}};
    uint64_t index = (uint64_t)w->roc++ << 16 | view.seq;
    int sealed = rtpsec_seal_rtp(w->sec, &stream, index, &packet, out);
    assert(sealed > 0);
    give_as_node(w, out, (size_t)sealed);
}

static void give_rtcp(struct world *w, const uint8_t *data, size_t len)
{
    uint8_t out[HEAD_LEN + DATA_MAX + RTPSEC_RTCP_OVERHEAD] = {(uint8_t)(0x80 | w->generation),
                                                               RTCP_APP, 0, 2};
    be32_put(out + 4, 0x1234);
    memcpy(out + 8, "SPWY", 4);
    memcpy(out + HEAD_LEN, data, len);
    len += HEAD_LEN;
    if (rtpsec_protect_rtcp(w->sec, out, &len) == 0) {
        give_as_node(w, out, len);
    }
}

static void open_trunk(struct world *w, const Spillway__Control__Trunk *trunk)
{
    const ProtobufCBinaryData *theirs = &trunk->keys->client_key;
    const ProtobufCBinaryData *ours = &trunk->keys->server_key;
    const struct rtpsec_config config = {.suite = RTPSEC_AES_128_GCM,
                                         .receive_key = {ours->data, ours->len},
                                         .send_key = {theirs->data, theirs->len}};
    if (w->sec != NULL) {
        rtpsec_free(w->sec);
    }
    int err = rtpsec_new(&w->sec, &config);
    assert(err == 0);
}

static void begin_spec(struct world *w, struct room_spec *spec)
{
    room_spec_init(spec, "RM_1", 1, w->version, w->version + 1);
    w->version++;
    w->generation = (w->generation + 1) % 32;
    if (w->generation != 0) {
        open_trunk(w, room_spec_trunk(spec, 1, 2, w->generation));
    }
}

static void send_spec(struct world *w, struct room_spec *spec)
{
    size_t len;
    uint8_t *bytes = room_spec_pack(spec, &len);
    node_control(w->node, w->now_us, 0, (struct bytes){bytes, len});
    free(bytes);
    room_spec_fini(spec);
    drain(w);
}

static void step(struct world *w, unsigned how, unsigned number, uint8_t *data, size_t len)
{
    struct room_spec spec;
    switch (how % STEPS) {
    case RAW:
        give_as_node(w, data, len);
        break;
    case RTP:
        give_rtp(w, number, data, len);
        break;
    case RTCP:
        give_rtcp(w, data, len);
        break;
    case MEDIA:
        len = media_client_send(w->client, w->source, data);
        give(w, &w->client->config.addr, data, len);
        break;
    case KEYS:
        begin_spec(w, &spec);
        send_spec(w, &spec);
        break;
    default:
        w->now_us += TIME_MS(number);
        node_expire(w->node, w->now_us);
        drain(w);
        break;
    }
}

static void fill_room(struct world *w)
{
    static const char *const rids[] = {"q", "h", ""};
    struct room_spec spec;
    begin_spec(w, &spec);
    spec.message.loudest = 1;
    room_spec_transport(&spec, 11, w->client, true);
    room_spec_video(&spec, 1, 11, "0", NULL)->layers[0]->ssrc = 100;
    room_spec_upstream(&spec, room_spec_video(&spec, 2, 0, "0", rids), 2, ORIGIN_SSRC);
    const struct room_spec_edge edge = {1, 1, 2, EDGE_SSRC, 1, 1};
    const struct room_spec_edge onward = {2, 2, 2, EDGE_SSRC + 1, 2, 3};
    room_spec_edge(&spec, &edge)->backup = true;
    room_spec_edge(&spec, &onward);
    const struct room_spec_want want = {1, 2, 11, "5", 7000, false};
    room_spec_subscription(&spec, &want);
    send_spec(w, &spec);
    assert(node_transport_count(w->node) == 1);
}

static void start(struct world *w, struct prng *prng)
{
    static const struct node_endpoint endpoint = {NODE_UDP, 40000};
    static const struct net_addr advertise = {.ip = {127, 0, 0, 1}, .family = NET_V4};
    const struct node_config config = {.id = "ND_1",
                                       .name = "fuzz",
                                       .region = "",
                                       .zone = "",
                                       .version = "0",
                                       .endpoints = &endpoint,
                                       .endpoint_count = 1,
                                       .advertise = &advertise,
                                       .advertise_count = 1,
                                       .link_count = 1,
                                       .outbox_slots = 64,
                                       .random = prng_source(prng)};
    const struct media_client_config client = {
        .addr = {.ip = {192, 0, 2, 1}, .port = 5000, .family = NET_V4},
        .ufrag = "cliX",
        .pwd = "clientpassword12345678",
        .server_ufrag = "srvX",
        .server_pwd = "serverpassword12345678"};
    const struct media_source source = {.mid = "0", .ssrc = 100};
    uint8_t data[DATA_MAX];
    w->now_us = TIME_S(1);
    w->node = node_new(&config, w->now_us);
    w->client = media_client_new(&client);
    w->source = media_client_publish(w->client, &source);
    fill_room(w);
    give(w, &w->client->config.addr, data, media_client_check(w->client, true, data));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct world w = {.generation = 0};
    struct prng prng;
    prng_seed(&prng, 1);
    start(&w, &prng);
    while (size >= STEP_LEN) {
        uint8_t copy[MEDIA_CLIENT_PACKET];
        size_t len = MIN((size_t)be16_get(data + 2), MIN(size - STEP_LEN, DATA_MAX));
        memcpy(copy, data + STEP_LEN, len);
        step(&w, data[0], data[1], copy, len);
        data += STEP_LEN + len;
        size -= STEP_LEN + len;
    }
    node_free(w.node);
    media_client_free(w.client);
    rtpsec_free(w.sec);
    return 0;
}
