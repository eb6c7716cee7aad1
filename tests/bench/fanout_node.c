/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/bench/fanout_node.h"

#include "tests/bench/bench.h"
#include "tests/bench/node_run.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#define PUBLISHER     1 /* transport ids; subscribers' follow */
#define TRACK         1
#define CLIENT_TEXT   8
#define TICKS         180 /* of the RTP clock a packet; nobody looks */
#define KEEP_ALIVE_US TIME_MS(700)
#define CHECK_TURNS   4 /* a check with every fourth report: libwebrtc's, and Janus's viewers' */

struct client {
    struct media_client *media;
    char ufrag[CLIENT_TEXT];
    char server_ufrag[CLIENT_TEXT];
    int fd;
    struct sockaddr_in node; /* the port it speaks to */
};

struct fanout_node {
    struct node_run *run;
    struct sink *sink;
    struct client publisher;
    struct client *subscribers;
    size_t count; /* of them */
    struct media_source *source;
    size_t next_alive; /* subscriber that keeps itself alive next */
    uint64_t turns;    /* of all of them */
    int64_t alive_due_us;
    bool relaying; /* to nodes, which need no signs of life */
};

/* ---- Clients --------------------------------------------------------------------------------- */

static void client_init(struct fanout_node *fanout, struct client *client, size_t number, int fd)
{
    snprintf(client->ufrag, sizeof(client->ufrag), "cli%04zu", number);
    snprintf(client->server_ufrag, sizeof(client->server_ufrag), "srv%04zu", number);
    const struct media_client_config config = {.ufrag = client->ufrag,
                                               .pwd = "clientpassword12345678",
                                               .server_ufrag = client->server_ufrag,
                                               .server_pwd = "serverpassword12345678",
                                               .seed = number + 1};
    client->media = media_client_new(&config);
    client->fd = fd;
    client->node = node_run_addr(fanout->run, number % NODE_RUN_PORTS);
}

static void client_send(const struct client *client, const uint8_t *data, size_t len)
{
    const struct sockaddr *to = (const struct sockaddr *)&client->node;
    if (sendto(client->fd, data, len, 0, to, sizeof(client->node)) != (ssize_t)len) {
        bench_fail("a client can't send: %s", strerror(errno));
    }
}

static void client_receive(struct client *client)
{
    uint8_t data[2048];
    uint8_t answer[MEDIA_CLIENT_PACKET];
    struct media_incoming *changed;
    ssize_t len;
    while ((len = recv(client->fd, data, sizeof(data), MSG_DONTWAIT)) > 0) {
        size_t back = media_client_receive(client->media, data, (size_t)len, answer, &changed);
        if (back > 0) {
            client_send(client, answer, back);
        }
    }
}

static void client_check(struct fanout_node *fanout, struct client *client)
{
    uint8_t data[MEDIA_CLIENT_PACKET];
    for (int ms = 0; client->media->answers == 0; ms++) {
        if (ms % 100 == 0) {
            client_send(client, data, media_client_check(client->media, true, data));
        }
        if (ms == 2000) {
            bench_fail("a check is not answered");
        }
        client_receive(client);
        node_run_wait(fanout->run, 1);
    }
}

/* ---- The room -------------------------------------------------------------------------------- */

static void add_subscribers(struct room_spec *spec, struct fanout_node *fanout, size_t first)
{
    for (size_t i = first; i < first + FANOUT_NODE_STEP; i++) {
        uint64_t transport = PUBLISHER + 1 + i;
        const struct room_spec_want want = {.id = (uint32_t)i + 1,
                                            .track = TRACK,
                                            .transport = transport,
                                            .mid = "3",
                                            .ssrc = 10000 + 2 * (uint32_t)i};
        room_spec_transport(spec, transport, fanout->subscribers[i].media, true);
        room_spec_subscription(spec, &want);
    }
}

static Spillway__Control__Endpoint *make_endpoint(struct room_spec *spec,
                                                  const struct sockaddr_in *addr)
{
    Spillway__Control__Endpoint *endpoint = arena_alloc(&spec->arena, sizeof(*endpoint));
    spillway__control__endpoint__init(endpoint);
    endpoint->ip = arena_str(&spec->arena, "127.0.0.1");
    endpoint->port = ntohs(addr->sin_port);
    return endpoint;
}

static void add_nodes(struct room_spec *spec, struct fanout_node *fanout, size_t first)
{
    for (size_t i = first; i < first + FANOUT_NODE_STEP; i++) {
        unsigned node = (unsigned)i + 2;
        struct sockaddr_in remote = sink_addr(fanout->sink, i);
        struct sockaddr_in local = node_run_addr(fanout->run, i % NODE_RUN_PORTS);
        const struct room_spec_edge edge = {.id = (uint32_t)i + 1,
                                            .track = TRACK,
                                            .node = node,
                                            .first_ssrc = 10000,
                                            .layer_count = 1,
                                            .layers = 1};
        Spillway__Control__Trunk *trunk = room_spec_trunk(spec, 1, node, 1);
        trunk->remote = make_endpoint(spec, &remote);
        trunk->local = make_endpoint(spec, &local);
        room_spec_edge(spec, &edge);
    }
}

/* The room whole, from this version on: the published track, and what adds to it a few at a time.
 */
static void tell_room(struct fanout_node *fanout, uint64_t version,
                      void (*add)(struct room_spec *spec, struct fanout_node *fanout, size_t first))
{
    struct room_spec spec;
    room_spec_init(&spec, "RM_bench", 1, 0, version);
    room_spec_transport(&spec, PUBLISHER, fanout->publisher.media, true);
    room_spec_video(&spec, TRACK, PUBLISHER, "1", NULL);
    node_run_spec(fanout->run, &spec);
    for (size_t i = 0; i < fanout->count; i += FANOUT_NODE_STEP, version++) {
        room_spec_init(&spec, "RM_bench", 1, version, version + 1);
        add(&spec, fanout, i);
        node_run_spec(fanout->run, &spec);
    }
}

static void meet(struct fanout_node *fanout)
{
    tell_room(fanout, 1, add_subscribers);
    client_check(fanout, &fanout->publisher);
    for (size_t i = 0; i < fanout->count; i++) {
        client_check(fanout, &fanout->subscribers[i]);
    }
}

void fanout_node_relay(struct fanout_node *fanout)
{
    tell_room(fanout, 100, add_nodes);
    fanout->relaying = true;
}

/* ---- Media ----------------------------------------------------------------------------------- */

/* One packet of a VP8 frame: so many bytes that it has FANOUT_PACKET with its header. */
static size_t make_packet(struct fanout_node *fanout, bool first, bool last, uint8_t *out)
{
    struct media_source *source = fanout->source;
    uint8_t payload[FANOUT_PACKET];
    struct rtp_header header = {.ts = source->ts,
                                .ssrc = source->ssrc,
                                .seq = source->seq++,
                                .pt = MEDIA_VP8,
                                .marker = last};
    struct rtp_header_out where;
    header.exts.value[RTP_EXT_MID] = (struct bytes){(const uint8_t *)"1", 1};
    if (rtp_header_write(out, &header, &media_client_exts, &where) != 0) {
        bench_fail("no RTP header");
    }
    size_t size = FANOUT_PACKET - where.len;
    fanout_payload(payload, size, first, source->key_wanted, source->picture);
    be16_put(out + where.transport_cc_at, fanout->publisher.media->cc_seq++);
    const struct rtpsec_packet packet = {.header_len = where.len, .body = {payload, size}};
    int len = rtpsec_protect_rtp(fanout->publisher.media->sec, &source->stream, &packet, out);
    if (len < 0) {
        bench_fail("the publisher can't encrypt: %s", err_text(len));
    }
    return (size_t)len;
}

static void send_frame(void *arg, unsigned packets)
{
    struct fanout_node *fanout = arg;
    static uint8_t data[64][MEDIA_CLIENT_PACKET];
    struct iovec bytes[64];
    struct mmsghdr messages[64] = {0};
    struct client *client = &fanout->publisher;
    assert(packets <= ARRAY_LEN(messages));
    for (unsigned i = 0; i < packets; i++) {
        size_t len = make_packet(fanout, i == 0, i + 1 == packets, data[i]);
        bytes[i] = (struct iovec){data[i], len};
        messages[i].msg_hdr = (struct msghdr){.msg_name = &client->node,
                                              .msg_namelen = sizeof(client->node),
                                              .msg_iov = &bytes[i],
                                              .msg_iovlen = 1};
    }
    if (sendmmsg(client->fd, messages, packets, 0) != (int)packets) {
        bench_fail("the publisher can't send: %s", strerror(errno));
    }
    fanout->source->key_wanted = false;
    fanout->source->picture = (fanout->source->picture + 1) & 0x7fff;
    fanout->source->ts += TICKS * packets;
}

/* A report of one subscriber after the other, with checks in between, and the publisher's checks.
 */
static void keep_alive(struct fanout_node *fanout)
{
    uint8_t data[MEDIA_CLIENT_PACKET];
    const struct media_feedback report = {0};
    for (; fanout->alive_due_us <= bench_now_us();
         fanout->alive_due_us += KEEP_ALIVE_US / (int64_t)fanout->count) {
        if (fanout->next_alive == 0) {
            struct client *publisher = &fanout->publisher;
            client_send(publisher, data, media_client_check(publisher->media, true, data));
        }
        if (!fanout->relaying) {
            struct client *client = &fanout->subscribers[fanout->next_alive];
            if (fanout->turns % CHECK_TURNS == fanout->next_alive % CHECK_TURNS) {
                client_send(client, data, media_client_check(client->media, true, data));
            }
            client_send(client, data, media_client_rtcp(client->media, &report, data));
        }
        fanout->next_alive = (fanout->next_alive + 1) % fanout->count;
        fanout->turns += fanout->next_alive == 0;
    }
}

static void keep(void *arg)
{
    struct fanout_node *fanout = arg;
    client_receive(&fanout->publisher); /* requests for key frames */
    node_run_step(fanout->run);
    keep_alive(fanout);
}

/* ---- Life ------------------------------------------------------------------------------------ */

struct fanout_node *fanout_node_start(const char *program, size_t receivers, struct fanout *out)
{
    const struct media_source source = {.mid = "1"};
    struct fanout_node *fanout = mem_alloc(sizeof(*fanout));
    assert(receivers % FANOUT_NODE_STEP == 0);
    fanout->run = node_run_start(program);
    fanout->sink = sink_new(receivers);
    fanout->subscribers = mem_array(receivers, sizeof(*fanout->subscribers));
    fanout->count = receivers;
    for (size_t i = 0; i < receivers; i++) {
        client_init(fanout, &fanout->subscribers[i], i, sink_fd(fanout->sink, i));
    }
    int fd = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK, 0);
    client_init(fanout, &fanout->publisher, receivers, fd);
    fanout->source = media_client_publish(fanout->publisher.media, &source);
    meet(fanout);
    sink_start(fanout->sink);
    fanout->alive_due_us = bench_now_us();
    *out = (struct fanout){.arg = fanout,
                           .pid = node_run_pid(fanout->run),
                           .sink = fanout->sink,
                           .receivers = receivers,
                           .pt = MEDIA_VP8,
                           .send_frame = send_frame,
                           .keep = keep};
    return fanout;
}

void fanout_node_stop(struct fanout_node *fanout)
{
    sink_stop(fanout->sink);
    sink_free(fanout->sink);
    for (size_t i = 0; i < fanout->count; i++) {
        media_client_free(fanout->subscribers[i].media);
    }
    free(fanout->subscribers);
    media_client_free(fanout->publisher.media);
    close(fanout->publisher.fd);
    node_run_stop(fanout->run);
    free(fanout);
}
