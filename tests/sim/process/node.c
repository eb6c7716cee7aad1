/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/sim/process/node.h"

#include "proto/wire/wire.h"
#include "tests/sim/world/world.h"

#include <stdio.h>

#define BUS_BREAK_US TIME_S(3)   /* ZMQ_HEARTBEAT_TIMEOUT */
#define BACK_US      TIME_S(1)   /* until a link whose queue was full is called up again */
#define WAKE_US      TIME_MS(20) /* it does together what is due within this */

static int64_t now(const struct node_process *n)
{
    return events_now(n->sim->events);
}

/* ---- Outputs ------------------------------------------------------------------------------- */

uint64_t node_process_number(const struct net_addr *from, uint16_t port)
{
    return (uint64_t)be32_get(from->ip) << 32 | (uint64_t)from->port << 16 | port;
}

static void send_packet(struct node_process *n, const struct outbox_packet *packet)
{
    struct sim *sim = n->sim;
    struct bytes data = {packet->data, packet->len};
    struct net_addr from = n->addr;
    from.port = (uint16_t)(SIM_PORT + packet->path.endpoint);
    struct node_process *node = sim_node_at(sim, &packet->path.remote);
    if (node != NULL) {
        check_trunk_packet(sim, n, node, data);
        net_datagram(
            sim->net,
            &(struct net_datagram){.from = n->host,
                                   .to = node->host,
                                   .fn = node_process_datagram,
                                   .arg = node,
                                   .number = node_process_number(&from, packet->path.remote.port)},
            data);
        return;
    }
    struct client *client = sim_client_at(sim, &packet->path.remote);
    if (client != NULL) {
        check_client_packet(sim, n, &packet->path.remote, data);
        net_datagram(
            sim->net,
            &(struct net_datagram){.from = n->host,
                                   .to = client->host,
                                   .fn = client_datagram,
                                   .arg = client,
                                   .number = node_process_number(&from, packet->path.remote.port)},
            data);
    }
}

static void send_tunnel(struct node_process *n, const struct node_message *message)
{
    struct orchestrator *o = &n->sim->orchestrators[message->link];
    net_datagram(
        n->sim->net,
        &(struct net_datagram){.from = n->host, .to = o->host, .fn = orchestrator_tunnel, .arg = o},
        message->bytes);
}

static void call_back(void *arg, uint64_t number, struct bytes data)
{
    struct node_link *link = arg;
    (void)number;
    (void)data;
    if (!link->up) {
        link->up = true;
        node_link_up(link->node->core, now(link->node), link->index);
        node_process_pump(link->node);
    }
}

static void send_control(struct node_process *n, const struct node_message *message)
{
    struct node_link *link = &n->links[message->link];
    if (!link->up) {
        return; /* was queued before the link went down */
    }
    check_node_message(n->sim, n, message->bytes);
    if (net_send(link->link, 0, message->bytes) == ERR_FULL) {
        link->up = false;
        node_link_down(n->core, now(n), link->index);
        net_timer(n->sim->net, n->host, now(n) + BACK_US, call_back, link, 0);
    }
}

static void on_wake(void *arg, uint64_t at_us, struct bytes data)
{
    struct node_process *n = arg;
    (void)data;
    if ((int64_t)at_us != n->wake_us) {
        return; /* an earlier one was set since */
    }
    n->wake_us = TIME_NEVER;
    if (node_deadline(n->core) <= now(n)) {
        node_expire(n->core, now(n));
    }
    node_process_pump(n);
}

void node_process_pump(struct node_process *n)
{
    struct outbox_packet packets[32];
    struct node_message message;
    size_t count;
    while ((count = node_poll_packets(n->core, packets, ARRAY_LEN(packets))) > 0) {
        for (size_t i = 0; i < count; i++) {
            send_packet(n, &packets[i]);
        }
    }
    while (node_poll_control(n->core, &message)) {
        send_control(n, &message);
    }
    while (node_poll_tunnel(n->core, &message)) {
        send_tunnel(n, &message);
    }
    int64_t at_us = MAX(MIN(node_deadline(n->core), now(n) + TIME_S(1)), now(n) + 1000);
    at_us += WAKE_US - 1 - (at_us - 1) % WAKE_US;
    if (at_us < n->wake_us) {
        n->wake_us = at_us;
        net_timer(n->sim->net, n->host, at_us, on_wake, n, (uint64_t)at_us);
    }
}

/* ---- Inputs -------------------------------------------------------------------------------- */

void node_process_datagram(void *arg, uint64_t number, struct bytes data)
{
    struct node_process *n = arg;
    uint8_t copy[OUTBOX_PACKET_MAX];
    assert(data.len <= sizeof(copy));
    memcpy(copy, data.data, data.len);
    struct node_datagram datagram = {.endpoint = (uint16_t)((uint16_t)number - SIM_PORT),
                                     .remote = {.port = (uint16_t)(number >> 16), .family = NET_V4},
                                     .data = copy,
                                     .len = data.len};
    be32_put(datagram.remote.ip, (uint32_t)(number >> 32));
    size_t taken = node_datagrams(n->core, now(n), &datagram, 1);
    assert(taken == 1);
    node_process_pump(n);
}

void node_process_tunnel(void *arg, uint64_t number, struct bytes frame)
{
    struct node_process *n = arg;
    node_tunnel(n->core, now(n), number, frame);
    node_process_pump(n);
}

static void on_up(void *arg, struct net_link *net_link)
{
    struct node_link *link = arg;
    (void)net_link;
    link->up = true;
    node_link_up(link->node->core, now(link->node), link->index);
    node_process_pump(link->node);
}

static void on_message(void *arg, struct net_link *net_link, struct bytes message)
{
    struct node_link *link = arg;
    (void)net_link;
    if (link->up) {
        node_control(link->node->core, now(link->node), link->index, message);
        node_process_pump(link->node);
    }
}

static void on_down(void *arg, struct net_link *net_link)
{
    struct node_link *link = arg;
    (void)net_link;
    if (link->up) {
        link->up = false;
        node_link_down(link->node->core, now(link->node), link->index);
        node_process_pump(link->node);
    }
}

/* ---- Life ---------------------------------------------------------------------------------- */

void node_process_init(struct node_process *n, struct sim *sim, size_t index)
{
    size_t region = index % sim->config.regions;
    *n = (struct node_process){
        .sim = sim,
        .index = index,
        .capacity = sim->config.capacity,
        .addr = {.ip = {10, 0, (uint8_t)region, (uint8_t)(index + 1)}, .family = NET_V4}};
    n->host = net_add(sim->net, region, false);
    sim_region_name(n->region, region);
    snprintf(n->name, sizeof(n->name), "ND_%zu", index + 1);
    prng_seed(&n->prng, sim->config.seed * 1000 + 200 + index);
    timeline_log(&n->log, sim->timeline, n->name);
}

static void new_core(struct node_process *n)
{
    static const struct node_endpoint endpoints[SIM_NODE_PORTS] = {{NODE_UDP, SIM_PORT},
                                                                   {NODE_UDP, SIM_PORT + 1},
                                                                   {NODE_UDP, SIM_PORT + 2},
                                                                   {NODE_UDP, SIM_PORT + 3}};
    struct random_source random = prng_source(&n->prng);
    id_new(n->id, "ND_", &random);
    n->core = node_new(
        &(struct node_config){
            .id = n->id,
            .name = n->name,
            .region = n->region,
            .zone = "",
            .version = "sim",
            .capacity = n->capacity,
            .endpoints = endpoints,
            .endpoint_count = ARRAY_LEN(endpoints),
            .advertise = &n->addr,
            .advertise_count = 1,
            .link_count = n->sim->config.orchestrators,
            .outbox_slots = 128,
            .random = random,
            .log = &n->log.sink,
        },
        now(n));
}

void node_process_start(struct node_process *n)
{
    n->alive = true;
    n->life++;
    n->wake_us = TIME_NEVER;
    new_core(n);
    timeline_tell(n->sim->timeline, n->name, "starts in %s", n->region);
    net_start(n->sim->net, n->host);
    for (size_t i = 0; i < n->sim->config.orchestrators; i++) {
        struct orchestrator *o = &n->sim->orchestrators[i];
        struct node_link *link = &n->links[i];
        *link = (struct node_link){.node = n, .index = i};
        link->link = net_dial(
            n->sim->net,
            &(struct net_link_config){
                .hosts = {n->host, o->host},
                .ends = {{.up = on_up, .message = on_message, .down = on_down, .arg = link},
                         orchestrator_control_end(o)},
                .queue_max = SIM_QUEUE_MAX,
                .break_us = BUS_BREAK_US,
                .redial = true,
            });
    }
    node_process_pump(n);
}

void node_process_crash(struct node_process *n)
{
    timeline_tell(n->sim->timeline, n->name, "crashes");
    n->alive = false;
    net_crash(n->sim->net, n->host);
    node_free(n->core);
    n->core = NULL;
}

void node_process_drain(struct node_process *n)
{
    timeline_tell(n->sim->timeline, n->name, "wants to be left");
    node_drain(n->core, now(n));
    node_process_pump(n);
}

void node_process_fini(struct node_process *n)
{
    if (n->alive) {
        node_free(n->core);
    }
}
