/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/bench/fanout_node.h"

#include "tests/bench/bench.h"
#include "tests/bench/node_client.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#define TRACK      1
#define STEP       50 /* receivers of one spec */
#define ALIVE_US   TIME_MS(2500)
#define STAMPS_MAX 100000

struct fanout_node {
    struct node_run *run;
    struct sink *sink;
    size_t rooms;
    struct node_client *publishers; /* one of each room */
    struct media_source **sources;
    size_t next_room; /* whose publisher sends next */
    size_t next_read; /* and which is read */
    struct node_client *subscribers;
    size_t count;                   /* of them, the same of each room */
    struct node_client_turns turns; /* theirs */
    int64_t alive_us;               /* when publishers are to check again */
    bool relaying;                  /* to nodes, which need no signs of life */
};

/* ---- The room -------------------------------------------------------------------------------- */

static size_t room_size(const struct fanout_node *fanout)
{
    return fanout->count / fanout->rooms;
}

/* Clients' numbers: subscribers', and behind them publishers'. */
static uint64_t publisher_id(const struct fanout_node *fanout, size_t room)
{
    return node_client_id(fanout->count + room);
}

static void add_subscribers(struct room_spec *spec, struct fanout_node *fanout, size_t first,
                            size_t end)
{
    for (size_t i = first; i < end; i++) {
        uint64_t transport = node_client_id(i);
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

static void add_nodes(struct room_spec *spec, struct fanout_node *fanout, size_t first, size_t end)
{
    for (size_t i = first; i < end; i++) {
        unsigned node = (unsigned)i + 2;
        struct sockaddr_in remote = sink_addr(fanout->sink, i);
        struct sockaddr_in local = node_run_addr(fanout->run, 0);
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

/* A room whole, from this version on: the published track, and what adds to it a few at a time. */
static void tell_room(struct fanout_node *fanout, size_t room, uint64_t version,
                      void (*add)(struct room_spec *spec, struct fanout_node *fanout, size_t first,
                                  size_t end))
{
    struct room_spec spec;
    char name[32];
    size_t first = room * room_size(fanout);
    size_t end = first + room_size(fanout);
    snprintf(name, sizeof(name), "RM_%zu", room);
    room_spec_init(&spec, name, 1, 0, version);
    room_spec_transport(&spec, publisher_id(fanout, room), fanout->publishers[room].media, true);
    room_spec_video(&spec, TRACK, publisher_id(fanout, room), "1", NULL);
    node_run_spec(fanout->run, &spec);
    for (; first < end; first += STEP, version++) {
        room_spec_init(&spec, name, 1, version, version + 1);
        add(&spec, fanout, first, MIN(first + STEP, end));
        node_run_spec(fanout->run, &spec);
    }
}

void fanout_node_relay(struct fanout_node *fanout)
{
    assert(fanout->rooms == 1);
    tell_room(fanout, 0, 100, add_nodes);
    fanout->relaying = true;
}

/* ---- Media ----------------------------------------------------------------------------------- */

/* Publishers in turn. */
static void send_frame(void *arg, unsigned packets)
{
    struct fanout_node *fanout = arg;
    size_t room = fanout->next_room;
    node_client_frame(&fanout->publishers[room], fanout->sources[room], packets);
    fanout->next_room = (room + 1) % fanout->rooms;
}

static uint32_t sent_at(const void *arg, size_t receiver)
{
    const struct fanout_node *fanout = arg;
    return fanout->sources[receiver / room_size(fanout)]->ts;
}

static void keep(void *arg)
{
    struct fanout_node *fanout = arg;
    node_client_receive(&fanout->publishers[fanout->next_read]); /* requests for key frames */
    fanout->next_read = (fanout->next_read + 1) % fanout->rooms;
    node_run_step(fanout->run);
    if (!fanout->relaying) {
        node_clients_keep(&fanout->turns, fanout->subscribers, fanout->count);
    }
    if (fanout->alive_us <= bench_now_us()) {
        fanout->alive_us = bench_now_us() + ALIVE_US;
        for (size_t i = 0; i < fanout->rooms; i++) {
            node_client_check(&fanout->publishers[i]);
        }
    }
}

/* ---- Life ------------------------------------------------------------------------------------ */

static void make_clients(struct fanout_node *fanout)
{
    const struct media_source source = {.mid = "1"};
    for (size_t i = 0; i < fanout->count; i++) {
        node_client_init(&fanout->subscribers[i], fanout->run, i, sink_fd(fanout->sink, i));
    }
    for (size_t i = 0; i < fanout->rooms; i++) {
        int fd = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
        if (fd < 0) {
            bench_fail("no socket for a publisher");
        }
        node_client_init(&fanout->publishers[i], fanout->run, fanout->count + i, fd);
        fanout->sources[i] = media_client_publish(fanout->publishers[i].media, &source);
    }
}

static void meet(struct fanout_node *fanout)
{
    for (size_t room = 0; room < fanout->rooms; room++) {
        tell_room(fanout, room, 1, add_subscribers);
    }
    node_clients_check(fanout->publishers, fanout->rooms, fanout->run);
    node_clients_check(fanout->subscribers, fanout->count, fanout->run);
}

static void start_sink(struct fanout_node *fanout, size_t watched)
{
    for (size_t i = 0; watched > 0 && i < fanout->count; i += watched) {
        sink_watch(fanout->sink, i, MEDIA_VP8, STAMPS_MAX);
    }
    sink_start(fanout->sink);
}

struct fanout_node *fanout_node_start(const struct fanout_node_config *config, struct fanout *out)
{
    struct fanout_node *fanout = mem_alloc(sizeof(*fanout));
    assert(config->rooms > 0 && config->receivers % config->rooms == 0);
    fanout->run = node_run_start(config->program);
    fanout->sink = sink_new(config->receivers);
    fanout->count = config->receivers;
    fanout->rooms = config->rooms;
    fanout->subscribers = mem_array(fanout->count, sizeof(*fanout->subscribers));
    fanout->publishers = mem_array(fanout->rooms, sizeof(*fanout->publishers));
    fanout->sources = mem_array(fanout->rooms, sizeof(struct media_source *));
    make_clients(fanout);
    meet(fanout);
    start_sink(fanout, config->watched);
    fanout->turns.due_us = bench_now_us();
    *out = (struct fanout){.arg = fanout,
                           .pid = node_run_pid(fanout->run),
                           .sink = fanout->sink,
                           .receivers = fanout->count,
                           .copies = room_size(fanout),
                           .pt = MEDIA_VP8,
                           .send_frame = send_frame,
                           .keep = keep,
                           .sent_at = sent_at};
    return fanout;
}

void fanout_node_stop(struct fanout_node *fanout)
{
    sink_stop(fanout->sink);
    sink_free(fanout->sink);
    for (size_t i = 0; i < fanout->count; i++) {
        node_client_fini(&fanout->subscribers[i]);
    }
    for (size_t i = 0; i < fanout->rooms; i++) {
        node_client_fini(&fanout->publishers[i]);
        close(fanout->publishers[i].fd);
    }
    free(fanout->subscribers);
    free(fanout->publishers);
    free(fanout->sources);
    node_run_stop(fanout->run);
    free(fanout);
}
