/* SPDX-License-Identifier: Apache-2.0
 *
 * Goal: what it costs the node's program to forward a packet: one VP8 stream of 1,100-byte packets
 * to 200 subscribers over loopback, beside the limit of the same machine and run.
 *
 *     publisher --(frames of some packets)--> spillway-node --> 200 sockets, emptied by a thread
 *
 * Every client authenticates by a STUN check; each subscriber repeats it and sends a receiver
 * report every 0.7 seconds, or it would count as gone. Frames come in bursts, as pacers of clients
 * let them out, and the size of a burst decides what can be saved: several are run. Then the same
 * sockets stand for 200 other nodes, and the stream is relayed to each over a trunk.
 */
#include "tests/bench/bench.h"
#include "tests/bench/limit.h"
#include "tests/bench/node_run.h"
#include "tests/bench/sink.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define SUBSCRIBERS    200
#define RATE           500 /* packets a second from the publisher */
#define SECONDS        4
#define SPEC_CLIENTS   50 /* subscribers a spec */
#define PUBLISHER      1  /* transport ids; subscribers' follow */
#define TRACK          1
#define CLIENT_TEXT    8
#define VP8_DESCRIPTOR 6
#define KEEP_ALIVE_US  (TIME_MS(700) / SUBSCRIBERS)
#define SETTLE_MS      200

static const unsigned bursts[] = {1, 4, 8, 16};

struct client {
    struct media_client *media;
    char ufrag[CLIENT_TEXT];
    char server_ufrag[CLIENT_TEXT];
    int fd;
    struct sockaddr_in node; /* the port it speaks to */
};

struct fanout {
    struct node_run *run;
    struct sink *sink;
    struct client publisher;
    struct client subscribers[SUBSCRIBERS];
    struct media_source *source;
    uint64_t sent;
    size_t next_alive; /* subscriber that keeps itself alive next */
    int64_t alive_due_us;
    bool relaying; /* to nodes, which need no signs of life */
};

/* ---- Clients --------------------------------------------------------------------------------- */

static void client_init(struct fanout *fanout, struct client *client, size_t number, int fd)
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

static void client_check(struct fanout *fanout, struct client *client)
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

static void add_subscribers(struct room_spec *spec, struct fanout *fanout, size_t first)
{
    for (size_t i = first; i < first + SPEC_CLIENTS; i++) {
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

static void add_nodes(struct room_spec *spec, struct fanout *fanout, size_t first)
{
    for (size_t i = first; i < first + SPEC_CLIENTS; i++) {
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
static void tell_room(struct fanout *fanout, uint64_t version,
                      void (*add)(struct room_spec *spec, struct fanout *fanout, size_t first))
{
    struct room_spec spec;
    room_spec_init(&spec, "RM_bench", 1, 0, version);
    room_spec_transport(&spec, PUBLISHER, fanout->publisher.media, true);
    room_spec_video(&spec, TRACK, PUBLISHER, "1", NULL);
    node_run_spec(fanout->run, &spec);
    for (size_t i = 0; i < SUBSCRIBERS; i += SPEC_CLIENTS, version++) {
        room_spec_init(&spec, "RM_bench", 1, version, version + 1);
        add(&spec, fanout, i);
        node_run_spec(fanout->run, &spec);
    }
}

static void meet(struct fanout *fanout)
{
    tell_room(fanout, 1, add_subscribers);
    client_check(fanout, &fanout->publisher);
    for (size_t i = 0; i < SUBSCRIBERS; i++) {
        client_check(fanout, &fanout->subscribers[i]);
    }
}

/* The room without its subscribers, on its way to other nodes. */
static void spread(struct fanout *fanout)
{
    tell_room(fanout, 100, add_nodes);
    fanout->relaying = true;
}

/* ---- Media ----------------------------------------------------------------------------------- */

/* One packet of a VP8 frame: so many bytes that it has LIMIT_PLAIN with its header. */
static size_t make_packet(struct fanout *fanout, bool first, bool last, uint8_t *out)
{
    struct media_source *source = fanout->source;
    uint8_t payload[LIMIT_PLAIN] = {
        first ? 0x90 : 0x80, /* X, and S for the start of partition 0 (RFC 7741 §4.2) */
        0xe0,                /* picture id, TL0PICIDX and TID follow */
        (uint8_t)(0x80 | source->picture >> 8),
        (uint8_t)source->picture,
        (uint8_t)source->picture,
        0,
        first && source->key_wanted ? 0x10 : 0x11, /* the frame tag; bit 0: not a key frame */
    };
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
    be16_put(out + where.transport_cc_at, fanout->publisher.media->cc_seq++);
    const struct rtpsec_packet packet = {.header_len = where.len,
                                         .body = {payload, LIMIT_PLAIN - where.len}};
    int len = rtpsec_protect_rtp(fanout->publisher.media->sec, &source->stream, &packet, out);
    if (len < 0) {
        bench_fail("the publisher can't encrypt: %s", err_text(len));
    }
    return (size_t)len;
}

static void send_frame(struct fanout *fanout, unsigned packets)
{
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
    fanout->source->ts += 90000 / RATE * packets;
    fanout->sent += packets;
}

/* A check and a report of one subscriber after the other, and a check of the publisher's. */
static void keep_alive(struct fanout *fanout)
{
    uint8_t data[MEDIA_CLIENT_PACKET];
    const struct media_feedback report = {0};
    while (fanout->alive_due_us <= bench_now_us()) {
        if (fanout->next_alive == 0) {
            struct client *publisher = &fanout->publisher;
            client_send(publisher, data, media_client_check(publisher->media, true, data));
        }
        if (fanout->relaying) {
            fanout->next_alive = (fanout->next_alive + 1) % SUBSCRIBERS;
            fanout->alive_due_us += KEEP_ALIVE_US;
            continue;
        }
        struct client *client = &fanout->subscribers[fanout->next_alive];
        client_send(client, data, media_client_check(client->media, true, data));
        client_send(client, data, media_client_rtcp(client->media, &report, data));
        fanout->next_alive = (fanout->next_alive + 1) % SUBSCRIBERS;
        fanout->alive_due_us += KEEP_ALIVE_US;
    }
}

static void run_media(struct fanout *fanout, unsigned burst, int64_t for_us)
{
    int64_t due_us = bench_now_us();
    const int64_t end_us = due_us + for_us;
    fanout->alive_due_us = due_us;
    while (due_us < end_us) {
        client_receive(&fanout->publisher); /* requests for key frames */
        node_run_step(fanout->run);
        keep_alive(fanout);
        int64_t left_us = due_us - bench_now_us();
        if (left_us > 0) {
            const struct timespec nap = {.tv_nsec = (long)MIN(left_us, TIME_MS(1)) * 1000};
            nanosleep(&nap, NULL);
            continue;
        }
        send_frame(fanout, burst);
        due_us += TIME_S(1) * burst / RATE;
    }
}

/* ---- Measuring ------------------------------------------------------------------------------- */

struct result {
    double us;   /* of CPU per forwarded packet */
    double busy; /* share of one core */
    double lost; /* share of what should have come that did not */
};

static struct result measure(struct fanout *fanout, unsigned burst)
{
    pid_t pid = node_run_pid(fanout->run);
    run_media(fanout, burst, TIME_MS(500));
    node_run_wait(fanout->run, SETTLE_MS);
    uint64_t sent = fanout->sent;
    uint64_t received = sink_received_all(fanout->sink, MEDIA_VP8);
    int64_t cpu_us = bench_process_cpu_us(pid);
    int64_t wall_us = bench_now_us();
    run_media(fanout, burst, TIME_S(SECONDS));
    wall_us = bench_now_us() - wall_us;
    cpu_us = bench_process_cpu_us(pid) - cpu_us;
    node_run_wait(fanout->run, SETTLE_MS);
    sent = (fanout->sent - sent) * SUBSCRIBERS;
    received = sink_received_all(fanout->sink, MEDIA_VP8) - received;
    return (struct result){.us = (double)cpu_us / (double)received,
                           .busy = (double)cpu_us / (double)wall_us,
                           .lost = 1 - (double)received / (double)sent};
}

static void begin(struct fanout *fanout, const char *program)
{
    fanout->run = node_run_start(program);
    fanout->sink = sink_new(SUBSCRIBERS);
    for (size_t i = 0; i < SUBSCRIBERS; i++) {
        client_init(fanout, &fanout->subscribers[i], i, sink_fd(fanout->sink, i));
    }
    int fd = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK, 0);
    client_init(fanout, &fanout->publisher, SUBSCRIBERS, fd);
    const struct media_source source = {.mid = "1"};
    fanout->source = media_client_publish(fanout->publisher.media, &source);
    meet(fanout);
    sink_start(fanout->sink);
    run_media(fanout, 8, TIME_S(1));
    for (size_t i = 0; i < SUBSCRIBERS; i++) {
        if (sink_received(fanout->sink, i, MEDIA_VP8) == 0) {
            bench_fail("subscriber %zu receives nothing", i);
        }
    }
}

static void end(struct fanout *fanout)
{
    sink_stop(fanout->sink);
    sink_free(fanout->sink);
    for (size_t i = 0; i < SUBSCRIBERS; i++) {
        media_client_free(fanout->subscribers[i].media);
    }
    media_client_free(fanout->publisher.media);
    close(fanout->publisher.fd);
    node_run_stop(fanout->run);
}

static void measure_all(struct fanout *fanout, const struct limit *limit)
{
    printf("  %-18s %12s %10s %7s %8s %7s\n", "packets a frame", "us/packet", "limit", "ratio",
           "core", "lost");
    for (size_t i = 0; i < ARRAY_LEN(bursts); i++) {
        struct result result = measure(fanout, bursts[i]);
        double least = limit_of_burst(limit, bursts[i]);
        printf("  %-18u %12.2f %10.2f %7.2f %6.0f %% %5.1f %%\n", bursts[i], result.us, least,
               result.us / least, 100 * result.busy, 100 * result.lost);
    }
}

int main(int argc, char **argv)
{
    static struct fanout fanout;
    struct limit limit;
    if (argc != 2) {
        bench_fail("usage: bench_fanout SPILLWAY_NODE");
    }
    rtpsec_library_init();
    bench_print_machine();
    limit_measure(&limit);
    limit_print(&limit);
    begin(&fanout, argv[1]);
    printf("spillway-node: one VP8 stream, %d packets/s of %d bytes, to %d subscribers\n", RATE,
           LIMIT_PLAIN, SUBSCRIBERS);
    measure_all(&fanout, &limit);
    spread(&fanout);
    printf("the same relayed to %d other nodes\n", SUBSCRIBERS);
    measure_all(&fanout, &limit);
    end(&fanout);
    return 0;
}
