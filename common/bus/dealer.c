/* SPDX-License-Identifier: Apache-2.0
 *
 * The connecting side. ZeroMQ reconnects by itself, except after the router answered that our key
 * is not welcome: then it gives up for good. An operator may list the key any moment, so we
 * connect anew every few seconds.
 */
#include "common/bus/internal.h"

#include <errno.h>
#include <stdio.h>

#define REFUSED_RETRY_MS 3000

void dealer_connecting(struct bus_socket *socket, int fd)
{
    socket->fd = fd;
}

void dealer_connected(struct bus_socket *socket)
{
    if (socket->up) {
        return;
    }
    socket->up = true;
    /* The event may be here before the pipe it speaks of: asking for events fetches that, so that
     * the handler can send. */
    pump_check(&socket->pump);
    socket_on_peer(socket, socket->endpoint, "", true);
}

static void down(struct bus_socket *socket)
{
    socket->fd = -1;
    if (socket->up) {
        socket->up = false;
        socket_on_peer(socket, socket->endpoint, "", false);
    }
}

void dealer_disconnected(struct bus_socket *socket, int fd)
{
    if (fd == socket->fd) { /* else one that bus_reconnect() gave up before */
        down(socket);
    }
}

static void on_retry(uv_timer_t *timer)
{
    struct bus_socket *socket = timer->data;
    zmq_connect(socket->zmq, socket->endpoint); /* worked before, with the same text */
    pump_check(&socket->pump);
}

void dealer_refused(struct bus_socket *socket)
{
    if (socket->stats.refused_key == 1) { /* later ones are counted */
        log_write(socket->bus->log, LOG_ERROR,
                  "bus_key_not_welcome endpoint=%s key=\"%s\" retry_ms=%d", socket->endpoint,
                  socket->bus->keys.public_key, REFUSED_RETRY_MS);
    }
    zmq_disconnect(socket->zmq, socket->endpoint);
    uv_timer_start(&socket->retry, on_retry, REFUSED_RETRY_MS, 0);
}

bool dealer_drain(void *arg)
{
    struct bus_socket *socket = arg;
    size_t count = 0;
    zmq_msg_t msg;
    zmq_msg_init(&msg);
    for (; count < DRAIN_MAX && zmq_msg_recv(&msg, socket->zmq, ZMQ_DONTWAIT) >= 0; count++) {
        bool single = true;
        while (zmq_msg_more(&msg) && zmq_msg_recv(&msg, socket->zmq, ZMQ_DONTWAIT) >= 0) {
            single = false;
        }
        monitor_drain(socket); /* so that up comes before the first message */
        if (single) {
            socket_on_message(socket, socket->endpoint, "", &msg);
        } else {
            socket->stats.dropped_malformed++;
        }
    }
    zmq_msg_close(&msg);
    return count == DRAIN_MAX;
}

int dealer_send(struct bus_socket *socket, struct bytes message)
{
    zmq_msg_t msg;
    if (!socket->up) {
        return ERR_NOT_FOUND;
    }
    if (backlog_bytes(socket->backlog) + message.len > BUS_QUEUED_BYTES_MAX) {
        return ERR_FULL;
    }
    backlog_lend(socket->backlog, message, &msg);
    int rc = zmq_msg_send(&msg, socket->zmq, ZMQ_DONTWAIT);
    if (rc < 0) { /* see router_send() */
        pump_check(&socket->pump);
        rc = zmq_msg_send(&msg, socket->zmq, ZMQ_DONTWAIT);
    }
    if (rc < 0) {
        zmq_msg_close(&msg);
    }
    return rc < 0 ? ERR_FULL : 0;
}

size_t bus_queued_bytes(const struct bus_socket *socket)
{
    assert(!socket->router);
    return backlog_bytes(socket->backlog);
}

void bus_reconnect(struct bus_socket *socket)
{
    assert(!socket->router && !socket->in_handler);
    monitor_drain(socket); /* so that nothing said of the old connection is taken for the new one */
    uv_timer_stop(&socket->retry);
    zmq_disconnect(socket->zmq, socket->endpoint);
    down(socket);
    zmq_connect(socket->zmq, socket->endpoint); /* worked before, with the same text */
    pump_check(&socket->pump);
}

int bus_dealer_connect(struct bus_socket **out, struct bus *bus,
                       const struct bus_dealer_config *config, char error[BUS_ERROR_MAX])
{
    assert(strlen(config->id) > 0 && strlen(config->id) < BUS_ID_MAX);
    if (!bus_key_valid(config->server_key)) {
        snprintf(error, BUS_ERROR_MAX, "%.150s: the server's key is no Z85 key", config->endpoint);
        return ERR_INVALID;
    }
    struct bus_socket *socket = NULL;
    int err = socket_open(&socket, bus,
                          &(struct socket_config){.type = ZMQ_DEALER,
                                                  .profile = config->profile,
                                                  .handlers = config->handlers,
                                                  .server_key = config->server_key,
                                                  .id = config->id},
                          error);
    if (err != 0) {
        return err;
    }
    int len = snprintf(socket->endpoint, sizeof(socket->endpoint), "%s", config->endpoint);
    if (len >= (int)sizeof(socket->endpoint) ||
        (strchr(config->endpoint, '[') != NULL && socket_set_int(socket->zmq, ZMQ_IPV6, 1) != 0) ||
        zmq_connect(socket->zmq, config->endpoint) != 0) {
        snprintf(error, BUS_ERROR_MAX, "%.150s: %s", config->endpoint, zmq_strerror(errno));
        bus_socket_close(socket);
        return ERR_IO;
    }
    *out = socket;
    return 0;
}
