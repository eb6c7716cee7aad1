/* SPDX-License-Identifier: Apache-2.0
 *
 * The accepting side. ZeroMQ tells of connections by file descriptor (monitor) and of messages by
 * routing id; ZMQ_SRCFD of a message joins the two, so that a closed connection becomes "peer X is
 * down".
 *
 * A descriptor is used again as soon as it is closed, and events and messages come through
 * different pipes. ZeroMQ tells of an end before it closes the descriptor, so once a message of a
 * new connection is in our hands, the end of the old one is in the monitor's pipe. Hence for every
 * message: first receive it, then handle all events, then look up its connection.
 *
 *   first message of a connection   its peer is up
 *   connection closed               its peer is down
 *   id seen on a second connection  same key: the peer reconnected, down and up again.
 *                                   Other key: an id stolen. The message is dropped, the thief is
 *                                   not heard again, and the owner is down until it reconnects,
 *                                   since ZeroMQ has handed its route over. Ids are random, so only
 *                                   somebody with a listed key and a leaked id can do that.
 */
#include "common/bus/internal.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

static struct connection *find_fd(const struct bus_socket *socket, int fd)
{
    struct connection *connection;
    HASH_FIND(by_fd, socket->by_fd, &fd, sizeof(fd), connection);
    return connection;
}

static struct connection *find_id(const struct bus_socket *socket, const char *id)
{
    struct connection *connection;
    HASH_FIND(by_id, socket->by_id, id, strlen(id), connection);
    return connection;
}

/* The peer of a connection is gone; the connection itself may still be listed. */
static void peer_down(struct bus_socket *socket, struct connection *connection)
{
    if (connection->id[0] == '\0') {
        return;
    }
    char id[BUS_ID_MAX];
    memcpy(id, connection->id, sizeof(id));
    HASH_DELETE(by_id, socket->by_id, connection);
    connection->id[0] = '\0';
    socket_on_peer(socket, id, connection->name, false);
}

static void peer_up(struct bus_socket *socket, struct connection *connection, const char *id,
                    const char *name)
{
    snprintf(connection->id, sizeof(connection->id), "%s", id);
    snprintf(connection->name, sizeof(connection->name), "%s", name);
    HASH_ADD(by_id, socket->by_id, id, strlen(connection->id), connection);
    socket_on_peer(socket, connection->id, connection->name, true);
}

static void forget(struct bus_socket *socket, struct connection *connection)
{
    HASH_DELETE(by_fd, socket->by_fd, connection);
    free(connection);
}

void router_accepted(struct bus_socket *socket, int fd)
{
    router_disconnected(socket, fd); /* a new connection has this number: the old one is no more */
    struct connection *connection = mem_alloc(sizeof(*connection));
    connection->fd = fd;
    HASH_ADD(by_fd, socket->by_fd, fd, sizeof(fd), connection);
}

void router_disconnected(struct bus_socket *socket, int fd)
{
    struct connection *connection = find_fd(socket, fd);
    if (connection != NULL) {
        peer_down(socket, connection);
        forget(socket, connection);
    }
}

/* The connection a message came by. ZMQ_SRCFD is marked deprecated without a stable successor: this
 * is the only place that uses it. */
static int source_fd(zmq_msg_t *msg)
{
    return zmq_msg_get(msg, ZMQ_SRCFD);
}

static void deliver(struct bus_socket *socket, const char *id, zmq_msg_t *msg)
{
    const char *name = zmq_msg_gets(msg, "User-Id");
    struct connection *connection = find_fd(socket, source_fd(msg));
    if (connection == NULL || name == NULL) {
        socket->stats.dropped_late++;
        return;
    }
    if (connection->spoofed) {
        socket->stats.dropped_spoofed++;
        return;
    }
    if (strcmp(connection->id, id) != 0) {
        struct connection *other = find_id(socket, id);
        connection->spoofed = other != NULL && strcmp(other->name, name) != 0;
        if (other != NULL) {
            peer_down(socket, other);
        }
        if (connection->spoofed) {
            socket->stats.dropped_spoofed++;
            log_write(socket->bus->log, LOG_WARN, "bus_id_spoofed id=%s name=%s", id, name);
            return;
        }
        peer_down(socket, connection);
        peer_up(socket, connection, id, name);
    }
    socket_on_message(socket, id, name, msg);
}

/* Ids are text of ours; ZeroMQ gives a peer without one five bytes that start with zero. */
static bool read_id(char out[BUS_ID_MAX], zmq_msg_t *msg)
{
    const char *data = zmq_msg_data(msg);
    size_t len = zmq_msg_size(msg);
    if (len == 0 || len >= BUS_ID_MAX) {
        return false;
    }
    for (size_t i = 0; i < len; i++) {
        if (data[i] <= ' ' || data[i] > '~') {
            return false;
        }
    }
    memcpy(out, data, len);
    out[len] = '\0';
    return true;
}

/* Receives one message: the id, and in msg its single frame. False when there is none. *whole tells
 * whether it had that form. */
static bool receive(void *zmq, char id[BUS_ID_MAX], zmq_msg_t *msg, bool *whole)
{
    if (zmq_msg_recv(msg, zmq, ZMQ_DONTWAIT) < 0) {
        return false;
    }
    *whole = read_id(id, msg);
    size_t frames = 0;
    while (zmq_msg_more(msg)) {
        if (zmq_msg_recv(msg, zmq, ZMQ_DONTWAIT) < 0) {
            break; /* parts of one message arrive together: not reached */
        }
        frames++;
    }
    *whole = *whole && frames == 1;
    return true;
}

bool router_drain(void *arg)
{
    struct bus_socket *socket = arg;
    char id[BUS_ID_MAX];
    bool whole;
    size_t count = 0;
    zmq_msg_t msg;
    zmq_msg_init(&msg);
    while (count < DRAIN_MAX && receive(socket->zmq, id, &msg, &whole)) {
        count++;
        monitor_drain(socket);
        if (whole) {
            deliver(socket, id, &msg);
        } else {
            socket->stats.dropped_malformed++;
        }
    }
    zmq_msg_close(&msg);
    return count == DRAIN_MAX;
}

/* Sends the frames of one message; the first decides, the second always fits. */
static int send_frames(void *zmq, const char *peer, struct bytes message)
{
    if (zmq_send(zmq, peer, strlen(peer), ZMQ_SNDMORE | ZMQ_DONTWAIT) < 0) {
        return errno == EAGAIN ? ERR_FULL : ERR_NOT_FOUND;
    }
    int rc = zmq_send(zmq, message.data, message.len, ZMQ_DONTWAIT);
    assert(rc >= 0);
    return 0;
}

int router_send(struct bus_socket *socket, const char *peer, struct bytes message)
{
    if (find_id(socket, peer) == NULL) {
        return ERR_NOT_FOUND;
    }
    int err = send_frames(socket->zmq, peer, message);
    if (err == ERR_FULL) {
        /* A send looks for credit from the I/O thread only now and then; asking for events always
         * does. */
        pump_check(&socket->pump);
        err = send_frames(socket->zmq, peer, message);
    }
    return err;
}

void router_fini(struct bus_socket *socket)
{
    struct connection *connection;
    struct connection *next;
    HASH_CLEAR(by_id, socket->by_id);
    HASH_ITER(by_fd, socket->by_fd, connection, next)
    {
        forget(socket, connection);
    }
}

int bus_router_bind(struct bus_socket **out, struct bus *bus,
                    const struct bus_router_config *config, char error[BUS_ERROR_MAX])
{
    struct bus_socket *socket = NULL;
    int err = socket_open(&socket, bus,
                          &(struct socket_config){.type = ZMQ_ROUTER,
                                                  .profile = config->profile,
                                                  .handlers = config->handlers,
                                                  .domain = zap_domain(config->accept)},
                          error);
    if (err != 0) {
        return err;
    }
    size_t len = sizeof(socket->endpoint);
    if ((strchr(config->endpoint, '[') != NULL && socket_set_int(socket->zmq, ZMQ_IPV6, 1) != 0) ||
        zmq_bind(socket->zmq, config->endpoint) != 0 ||
        zmq_getsockopt(socket->zmq, ZMQ_LAST_ENDPOINT, socket->endpoint, &len) != 0) {
        snprintf(error, BUS_ERROR_MAX, "%.150s: %s", config->endpoint, zmq_strerror(errno));
        bus_socket_close(socket);
        return ERR_IO;
    }
    *out = socket;
    return 0;
}
