/* SPDX-License-Identifier: Apache-2.0 */
#include "common/bus/internal.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#define SOCKET_MAGIC 0x736f636b

struct option {
    int option;
    int value;
};

/* The same for every socket (zmq_setsockopt(3)); times in milliseconds. */
static const struct option common_options[] = {
    {ZMQ_LINGER, 0},             /* closing waits for nobody */
    {ZMQ_IMMEDIATE, 1},          /* nothing is queued for a connection that does not stand */
    {ZMQ_HANDSHAKE_IVL, 3000},   /* a stuck handshake is not kept for long */
    {ZMQ_CONNECT_TIMEOUT, 2000}, /* the kernel asks less and less often, for two minutes */
    {ZMQ_RECONNECT_IVL, 200},
    {ZMQ_RECONNECT_IVL_MAX, 3000},
    {ZMQ_HEARTBEAT_IVL, 1000}, /* a cut cable is noticed without any traffic of ours */
    {ZMQ_HEARTBEAT_TIMEOUT, 3000},
    {ZMQ_HEARTBEAT_TTL, 3000},
};
static const struct option router_options[] = {
    {ZMQ_ROUTER_MANDATORY, 1}, /* a send to nobody is an error, not a silent loss */
    {ZMQ_ROUTER_HANDOVER, 1},  /* a peer that reconnects need not wait for its old connection */
    {ZMQ_BACKLOG, 4096},
    {ZMQ_CURVE_SERVER, 1},
};

int socket_set_int(void *zmq, int option, int value)
{
    return zmq_setsockopt(zmq, option, &value, sizeof(value)) == 0 ? 0 : ERR_IO;
}

static int set_text(void *zmq, int option, const char *text)
{
    return zmq_setsockopt(zmq, option, text, strlen(text)) == 0 ? 0 : ERR_IO;
}

static int set_options(void *zmq, const struct option *options, size_t count)
{
    int err = 0;
    for (size_t i = 0; i < count && err == 0; i++) {
        err = socket_set_int(zmq, options[i].option, options[i].value);
    }
    return err;
}

static int set_profile(void *zmq, enum bus_profile profile)
{
    /* What is received and not read is kept short: it is the sender that has a policy. */
    static const struct {
        int send, receive; /* messages */
        int64_t size_max;  /* bytes */
    } profiles[] = {
        [BUS_CONTROL] = {1000, 1000, 16 << 20},
        [BUS_PEER] = {20000, 1000, 16 << 20},
        [BUS_TUNNEL] = {200, 200, 64 << 10},
    };
    int64_t size_max = profiles[profile].size_max;
    const struct option options[] = {{ZMQ_SNDHWM, profiles[profile].send},
                                     {ZMQ_RCVHWM, profiles[profile].receive}};
    int err = set_options(zmq, options, ARRAY_LEN(options));
    if (err == 0 && zmq_setsockopt(zmq, ZMQ_MAXMSGSIZE, &size_max, sizeof(size_max)) != 0) {
        err = ERR_IO;
    }
    return err;
}

/* The CURVE options check keys and lengths, so any of them may fail. */
static int set_identity(void *zmq, const struct bus_keys *keys, const struct socket_config *config)
{
    int err = set_text(zmq, ZMQ_CURVE_SECRETKEY, keys->secret_key);
    if (err == 0 && config->type == ZMQ_ROUTER) {
        err = set_options(zmq, router_options, ARRAY_LEN(router_options));
        return err == 0 ? set_text(zmq, ZMQ_ZAP_DOMAIN, config->domain) : err;
    }
    if (err == 0) {
        err = set_text(zmq, ZMQ_CURVE_PUBLICKEY, keys->public_key);
    }
    if (err == 0) {
        err = set_text(zmq, ZMQ_CURVE_SERVERKEY, config->server_key);
    }
    return err == 0 ? set_text(zmq, ZMQ_ROUTING_ID, config->id) : err;
}

int socket_open(struct bus_socket **out, struct bus *bus, const struct socket_config *config,
                char error[BUS_ERROR_MAX])
{
    struct bus_socket *socket = mem_alloc(sizeof(*socket));
    *socket = (struct bus_socket){
        .magic = SOCKET_MAGIC,
        .bus = bus,
        .handlers = config->handlers,
        .router = config->type == ZMQ_ROUTER,
        .fd = -1,
        .backlog = backlog_new(),
        .zmq = zmq_socket(bus->context, config->type),
    };
    DL_APPEND(bus->sockets, socket);
    uv_timer_init(bus->loop, &socket->retry);
    socket->retry.data = socket;
    bus_handle_opened(bus);
    int err = socket->zmq == NULL ? ERR_IO : 0;
    if (err == 0) {
        err = set_options(socket->zmq, common_options, ARRAY_LEN(common_options));
    }
    if (err == 0) {
        err = set_profile(socket->zmq, config->profile);
    }
    if (err == 0) {
        err = set_identity(socket->zmq, &bus->keys, config);
    }
    if (err == 0) {
        err = pump_open(&socket->pump, bus, socket->zmq,
                        socket->router ? router_drain : dealer_drain, socket);
    }
    if (err == 0) {
        err = monitor_open(socket);
    }
    if (err != 0) {
        snprintf(error, BUS_ERROR_MAX, "bus socket: %s", zmq_strerror(errno));
        bus_socket_close(socket);
        return err;
    }
    *out = socket;
    return 0;
}

void bus_socket_close(struct bus_socket *socket)
{
    struct bus *bus = socket->bus;
    assert(socket->magic == SOCKET_MAGIC && !socket->closing);
    assert(!socket->in_handler); /* its drain is on the stack */
    socket->closing = true;
    pump_close(&socket->pump);
    pump_close(&socket->monitor_pump);
    bus_handle_close(bus, (uv_handle_t *)&socket->retry);
    if (socket->zmq != NULL) {
        zmq_socket_monitor(socket->zmq, NULL, 0);
        zmq_close(socket->zmq);
    }
    if (socket->monitor != NULL) {
        zmq_close(socket->monitor);
    }
    router_fini(socket);
    socket->magic = 0;
    DL_DELETE(bus->sockets, socket);
    DL_APPEND(bus->closed, socket);
}

void socket_on_peer(struct bus_socket *socket, const char *id, const char *name, bool up)
{
    socket->stats.peers_up += up;
    socket->stats.peers_down += !up;
    log_write(socket->bus->log, LOG_DEBUG, "bus_peer_%s endpoint=%s id=%s name=%s",
              up ? "up" : "down", socket->endpoint, id, name);
    if (socket->handlers.on_peer == NULL) {
        return;
    }
    bool outer = socket->in_handler;
    socket->in_handler = true;
    socket->handlers.on_peer(socket->handlers.arg, &(struct bus_peer){id, name}, up);
    socket->in_handler = outer;
}

void socket_on_message(struct bus_socket *socket, const char *id, const char *name, zmq_msg_t *msg)
{
    struct bytes message = {zmq_msg_data(msg), zmq_msg_size(msg)};
    socket->stats.received++;
    socket->stats.received_bytes += message.len;
    socket->in_handler = true;
    socket->handlers.on_message(socket->handlers.arg, &(struct bus_peer){id, name}, message);
    socket->in_handler = false;
}

int bus_send(struct bus_socket *socket, const char *peer, struct bytes message)
{
    assert(socket->magic == SOCKET_MAGIC);
    assert(socket->router == (peer != NULL));
    int err = socket->router ? router_send(socket, peer, message) : dealer_send(socket, message);
    switch (err) {
    case 0:
        socket->stats.sent++;
        socket->stats.sent_bytes += message.len;
        break;
    case ERR_FULL:
        socket->stats.dropped_full++;
        break;
    case ERR_NOT_FOUND:
        socket->stats.dropped_unknown++;
        break;
    default:
        unreachable();
    }
    pump_check(&socket->pump);
    return err;
}

const char *bus_endpoint(const struct bus_socket *socket)
{
    return socket->endpoint;
}

const struct bus_stats *bus_stats(const struct bus_socket *socket)
{
    return &socket->stats;
}

size_t bus_peer_count(const struct bus_socket *socket)
{
    return socket->router ? HASH_CNT(by_id, socket->by_id) : socket->up;
}
