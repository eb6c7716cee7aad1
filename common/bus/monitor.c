/* SPDX-License-Identifier: Apache-2.0
 *
 * Connection events of a socket, from ZeroMQ's I/O threads through an inproc PAIR. An accepted
 * connection and its end carry the file descriptor; the kernel's close of a dead peer's TCP
 * connection is here within a millisecond.
 */
#include "common/bus/internal.h"

#include <stdio.h>

#define EVENTS                                                                                     \
    (ZMQ_EVENT_ACCEPTED | ZMQ_EVENT_ACCEPT_FAILED | ZMQ_EVENT_CONNECTED | ZMQ_EVENT_DISCONNECTED | \
     ZMQ_EVENT_HANDSHAKE_SUCCEEDED | ZMQ_EVENT_HANDSHAKE_FAILED_NO_DETAIL |                        \
     ZMQ_EVENT_HANDSHAKE_FAILED_PROTOCOL | ZMQ_EVENT_HANDSHAKE_FAILED_AUTH)

/* Two frames: 16 bits of event and 32 bits of value in host order, then the address. */
static bool receive(void *monitor, uint16_t *event, int *value)
{
    uint8_t head[6];
    char address[256];
    if (zmq_recv(monitor, head, sizeof(head), ZMQ_DONTWAIT) != (int)sizeof(head)) {
        return false;
    }
    memcpy(event, head, sizeof(*event));
    memcpy(value, head + sizeof(*event), sizeof(*value));
    zmq_recv(monitor, address, sizeof(address), ZMQ_DONTWAIT);
    return true;
}

static void handle(struct bus_socket *socket, uint16_t event, int value)
{
    switch (event) {
    case ZMQ_EVENT_ACCEPTED:
        router_accepted(socket, value);
        return;
    case ZMQ_EVENT_CONNECTED: /* TCP alone */
        dealer_connecting(socket, value);
        return;
    case ZMQ_EVENT_DISCONNECTED:
        if (socket->router) {
            router_disconnected(socket, value);
        } else {
            dealer_disconnected(socket, value);
        }
        return;
    case ZMQ_EVENT_HANDSHAKE_SUCCEEDED:
        if (!socket->router) { /* of a router's peers the first message tells more */
            dealer_connected(socket);
        }
        return;
    case ZMQ_EVENT_HANDSHAKE_FAILED_AUTH:
        socket->stats.refused_key++;
        if (!socket->router) {
            dealer_refused(socket);
        }
        return;
    case ZMQ_EVENT_HANDSHAKE_FAILED_NO_DETAIL:
    case ZMQ_EVENT_HANDSHAKE_FAILED_PROTOCOL:
        socket->stats.handshake_failed++;
        return;
    case ZMQ_EVENT_ACCEPT_FAILED:
        log_write(socket->bus->log, LOG_ERROR, "bus_accept_failed endpoint=%s error=\"%s\"",
                  socket->endpoint, zmq_strerror(value));
        return;
    default:
        return;
    }
}

bool monitor_drain(void *arg)
{
    struct bus_socket *socket = arg;
    uint16_t event;
    int value;
    while (!socket->closing && receive(socket->monitor, &event, &value)) {
        handle(socket, event, value);
    }
    return false;
}

int monitor_open(struct bus_socket *socket)
{
    char endpoint[64];
    snprintf(endpoint, sizeof(endpoint), "inproc://bus-monitor-%p", (void *)socket);
    if (zmq_socket_monitor(socket->zmq, endpoint, EVENTS) != 0) {
        return ERR_IO;
    }
    socket->monitor = zmq_socket(socket->bus->context, ZMQ_PAIR);
    if (socket->monitor == NULL || socket_set_int(socket->monitor, ZMQ_LINGER, 0) != 0 ||
        zmq_connect(socket->monitor, endpoint) != 0) {
        return ERR_IO;
    }
    return pump_open(&socket->monitor_pump, socket->bus, socket->monitor, monitor_drain, socket);
}
