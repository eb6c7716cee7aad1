/* SPDX-License-Identifier: Apache-2.0
 *
 * Media over TCP for clients whose network blocks UDP: ICE-TCP, passive (RFC 6544), each packet in
 * a frame of 16 bits of length (RFC 4571).
 *
 * Happy path: a client connects, its STUN check authenticates, frames go both ways.
 *
 * What fails:
 *   - Too many connections in all: the new one is closed at once. So is one from the same port of
 *     the same client to another address of ours: the core could not tell them apart.
 *   - Too many that have not authenticated: the oldest of them is closed. So whoever fills the
 *     places with silence keeps nobody out who has something to say.
 *   - No check authenticates within AUTHENTICATE_US, or nothing comes for IDLE_US: closed.
 *   - The core has forgotten the path, for its participant has left or has newer ones: it is one
 *     that has not authenticated, again. So nobody holds more places than the core gives him paths.
 *   - A frame is longer than any packet: closed.
 *   - The client does not read: up to QUEUE_MAX bytes wait, further packets are dropped.
 *   - The connection ends: the core is told, and forgets the path.
 */
#include "media-node/shell/parts.h"

#include "media-node/core/stun/stun.h"

#include <stdlib.h>

#define uthash_malloc(size)   mem_alloc(size)
#define uthash_fatal(message) unreachable()
#include <uthash.h>
#include <utlist.h>

#define CONNECTIONS_MAX 2000
#define STRANGERS_MAX   200 /* connections that have not authenticated yet */
#define BACKLOG         128
#define AUTHENTICATE_US TIME_S(10)
#define IDLE_US         TIME_S(30)
#define SWEEP_MS        1000
#define QUEUE_MAX       (256 * 1024)
#define READ_BYTES      (64 * 1024)

struct key {
    struct net_addr remote;
    uint16_t endpoint;
};

struct connection {
    UT_hash_handle hh;
    struct key key; /* padding is zero: compared as bytes */
    uv_tcp_t handle;
    struct tcp *tcp;
    int64_t opened_us;
    int64_t heard_us;
    bool known;                     /* a check authenticated */
    bool listed;                    /* in the table */
    struct connection *prev, *next; /* among the strangers, while it is one */
    struct stun_framer framer;
};

struct listener {
    uv_tcp_t handle;
    struct tcp *tcp;
    uint16_t endpoint;
};

struct tcp {
    struct shell *shell;
    struct listener *listeners; /* one for each port and address */
    size_t count;
    struct connection *connections;
    struct connection *strangers; /* that have not authenticated, the oldest first */
    size_t stranger_count;
    size_t handles; /* that libuv still holds */
    uv_timer_t sweep;
    bool closing;
    uint8_t read[READ_BYTES];
};

/* A copy of a packet on its way out. */
struct frame {
    uv_write_t request;
    uint8_t bytes[];
};

/* ---- Connections ----------------------------------------------------------------------------- */

static void release(struct tcp *tcp)
{
    tcp->handles--;
    if (tcp->handles == 0 && tcp->closing) {
        free(tcp->listeners);
        free(tcp);
    }
}

static void on_connection_closed(uv_handle_t *handle)
{
    struct connection *connection = handle->data;
    struct tcp *tcp = connection->tcp;
    free(connection);
    release(tcp);
}

static void add_stranger(struct connection *connection)
{
    struct tcp *tcp = connection->tcp;
    DL_APPEND(tcp->strangers, connection);
    tcp->stranger_count++;
}

static void remove_stranger(struct connection *connection)
{
    struct tcp *tcp = connection->tcp;
    DL_DELETE(tcp->strangers, connection);
    tcp->stranger_count--;
}

static void hang_up(struct connection *connection)
{
    struct tcp *tcp = connection->tcp;
    if (uv_is_closing((uv_handle_t *)&connection->handle)) {
        return;
    }
    if (connection->listed) {
        connection->listed = false;
        HASH_DEL(tcp->connections, connection);
        if (!connection->known) {
            remove_stranger(connection);
        }
    }
    uv_close((uv_handle_t *)&connection->handle, on_connection_closed);
    if (connection->known && !tcp->closing) {
        node_tcp_closed(tcp->shell->node, shell_now(), connection->key.endpoint,
                        &connection->key.remote);
        shell_drain(tcp->shell);
    }
}

static bool has_path(const struct connection *connection)
{
    const struct key *key = &connection->key;
    return node_path_known(connection->tcp->shell->node, key->endpoint, &key->remote);
}

static void note_authenticated(struct connection *connection)
{
    if (!connection->known && has_path(connection)) {
        connection->known = true;
        remove_stranger(connection);
    }
}

/* The oldest above that many go. */
static void leave_strangers(struct tcp *tcp, size_t most)
{
    while (tcp->stranger_count > most) {
        tcp->shell->counters.tcp_displaced++;
        hang_up(tcp->strangers);
    }
}

/* ---- Receiving ------------------------------------------------------------------------------- */

static void on_alloc(uv_handle_t *handle, size_t suggested, uv_buf_t *buf)
{
    struct connection *connection = handle->data;
    (void)suggested;
    *buf = uv_buf_init((char *)connection->tcp->read, READ_BYTES);
}

/* False: the framer gave up. */
static bool take_frames(struct connection *connection, struct bytes input)
{
    struct shell *shell = connection->tcp->shell;
    uint8_t *frame;
    size_t len;
    int got;
    while ((got = stun_framer_next(&connection->framer, &input, &frame, &len)) == 1) {
        const struct node_datagram datagram = {.endpoint = connection->key.endpoint,
                                               .remote = connection->key.remote,
                                               .data = frame,
                                               .len = len};
        shell_feed(shell, shell_now(), &datagram, 1);
        note_authenticated(connection);
    }
    return got == 0;
}

static void on_read(uv_stream_t *stream, ssize_t count, const uv_buf_t *buf)
{
    struct connection *connection = stream->data;
    if (count == 0) {
        return;
    }
    if (count < 0) {
        hang_up(connection);
        return;
    }
    connection->heard_us = shell_now();
    const struct bytes input = {(const uint8_t *)buf->base, (size_t)count};
    if (!take_frames(connection, input)) {
        connection->tcp->shell->counters.tcp_malformed++;
        hang_up(connection);
    }
}

/* False: where it came from can't be told; it was never a connection. */
static bool identify(struct connection *connection, uint16_t endpoint)
{
    struct sockaddr_storage addr;
    int len = sizeof(addr);
    struct net_addr remote;
    if (uv_tcp_getpeername(&connection->handle, (struct sockaddr *)&addr, &len) != 0 ||
        net_from_sockaddr(&remote, (const struct sockaddr *)&addr, (socklen_t)len) != 0) {
        return false;
    }
    memset(&connection->key, 0, sizeof(connection->key));
    memcpy(connection->key.remote.ip, remote.ip, sizeof(remote.ip));
    connection->key.remote.port = remote.port;
    connection->key.remote.family = remote.family;
    connection->key.endpoint = endpoint;
    return true;
}

static void on_connect(uv_stream_t *stream, int status)
{
    struct listener *listener = stream->data;
    struct tcp *tcp = listener->tcp;
    if (status < 0) {
        return; /* gone before it was accepted */
    }
    struct connection *connection = mem_alloc(sizeof(*connection));
    connection->tcp = tcp;
    connection->opened_us = shell_now();
    connection->heard_us = connection->opened_us;
    int err = uv_tcp_init(&tcp->shell->loop, &connection->handle);
    assert(err == 0);
    connection->handle.data = connection;
    tcp->handles++;
    if (uv_accept(stream, (uv_stream_t *)&connection->handle) != 0 ||
        !identify(connection, listener->endpoint)) {
        hang_up(connection);
        return;
    }
    struct connection *same;
    HASH_FIND(hh, tcp->connections, &connection->key, sizeof(connection->key), same);
    if (same != NULL || HASH_COUNT(tcp->connections) >= CONNECTIONS_MAX) {
        tcp->shell->counters.tcp_refused++;
        hang_up(connection);
        return;
    }
    leave_strangers(tcp, STRANGERS_MAX - 1);
    tcp->shell->counters.tcp_accepted++;
    add_stranger(connection);
    connection->listed = true;
    HASH_ADD(hh, tcp->connections, key, sizeof(connection->key), connection);
    (void)uv_tcp_nodelay(&connection->handle, 1);
    err = uv_read_start((uv_stream_t *)&connection->handle, on_alloc, on_read);
    assert(err == 0);
}

static void on_sweep(uv_timer_t *timer)
{
    struct tcp *tcp = timer->data;
    int64_t now_us = shell_now();
    struct connection *connection;
    struct connection *next;
    HASH_ITER(hh, tcp->connections, connection, next)
    {
        bool slow = !connection->known && now_us - connection->opened_us > AUTHENTICATE_US;
        if (slow || now_us - connection->heard_us > IDLE_US) {
            tcp->shell->counters.tcp_timeouts++;
            hang_up(connection);
        } else if (connection->known && !has_path(connection)) {
            tcp->shell->counters.tcp_forgotten++;
            connection->known = false;
            connection->opened_us = now_us;
            add_stranger(connection);
        }
    }
    leave_strangers(tcp, STRANGERS_MAX);
}

/* ---- Sending --------------------------------------------------------------------------------- */

static void on_written(uv_write_t *request, int status)
{
    (void)status; /* a failed write shows as a failed read */
    free(request->data);
}

static struct connection *find(const struct tcp *tcp, const struct ice_path *path)
{
    struct key key;
    memset(&key, 0, sizeof(key));
    memcpy(key.remote.ip, path->remote.ip, sizeof(key.remote.ip));
    key.remote.port = path->remote.port;
    key.remote.family = path->remote.family;
    key.endpoint = path->endpoint;
    struct connection *found;
    HASH_FIND(hh, tcp->connections, &key, sizeof(key), found);
    return found;
}

/* The frame is tried at once; what the kernel does not take is copied and waits. */
void tcp_send(struct tcp *tcp, const struct outbox_packet *packet)
{
    struct connection *connection = find(tcp, &packet->path);
    if (connection == NULL) {
        tcp->shell->counters.tcp_send_gone++;
        return;
    }
    uv_stream_t *stream = (uv_stream_t *)&connection->handle;
    size_t waiting = uv_stream_get_write_queue_size(stream);
    if (waiting > QUEUE_MAX) {
        tcp->shell->counters.tcp_send_full++;
        return;
    }
    uint8_t bytes[STUN_FRAME_HEADER + OUTBOX_PACKET_MAX];
    size_t len = STUN_FRAME_HEADER + packet->len;
    be16_put(bytes, (uint16_t)packet->len);
    memcpy(bytes + STUN_FRAME_HEADER, packet->data, packet->len);
    size_t done = 0;
    if (waiting == 0) {
        uv_buf_t buf = uv_buf_init((char *)bytes, (unsigned)len);
        int taken = uv_try_write(stream, &buf, 1);
        done = taken > 0 ? (size_t)taken : 0;
    }
    if (done == len) {
        return;
    }
    struct frame *frame = mem_alloc(sizeof(*frame) + len - done);
    memcpy(frame->bytes, bytes + done, len - done);
    frame->request.data = frame;
    uv_buf_t rest = uv_buf_init((char *)frame->bytes, (unsigned)(len - done));
    if (uv_write(&frame->request, stream, &rest, 1, on_written) != 0) {
        free(frame);
    }
}

size_t tcp_connections(const struct tcp *tcp)
{
    return HASH_COUNT(tcp->connections);
}

/* ---- Opening and closing --------------------------------------------------------------------- */

MUST_CHECK static int open_listener(struct tcp *tcp, uint16_t index, size_t address)
{
    const struct shell_config *config = tcp->shell->config;
    struct listener *listener = &tcp->listeners[tcp->count];
    struct net_addr addr = shell_listen(config, address, index);
    struct sockaddr_storage bound;
    (void)net_to_sockaddr(&addr, &bound);
    unsigned flags = addr.family == NET_V6 ? UV_TCP_IPV6ONLY : 0;
    int err = uv_tcp_init(&tcp->shell->loop, &listener->handle);
    assert(err == 0);
    listener->tcp = tcp;
    listener->endpoint = (uint16_t)(config->ports + index);
    listener->handle.data = listener;
    tcp->handles++;
    tcp->count++;
    err = uv_tcp_bind(&listener->handle, (const struct sockaddr *)&bound, flags);
    if (err == 0) {
        err = uv_listen((uv_stream_t *)&listener->handle, BACKLOG, on_connect);
    }
    if (err != 0) {
        char text[NET_TEXT_MAX];
        log_write(config->log, LOG_ERROR, "listen_failed protocol=tcp address=%s reason=\"%s\"",
                  net_text(&addr, text), uv_strerror(err));
        return ERR_IO;
    }
    return 0;
}

int tcp_open(struct tcp **out, struct shell *shell)
{
    struct tcp *tcp = mem_alloc(sizeof(*tcp));
    tcp->shell = shell;
    int err = uv_timer_init(&shell->loop, &tcp->sweep);
    assert(err == 0);
    tcp->handles = 1;
    tcp->sweep.data = tcp;
    *out = tcp;
    size_t addresses = shell->config->more_count + 1;
    tcp->listeners = mem_array(shell->config->ports * addresses, sizeof(*tcp->listeners));
    for (size_t i = 0; i < shell->config->ports * addresses; i++) {
        err = open_listener(tcp, (uint16_t)(i / addresses), i % addresses);
        if (err != 0) {
            return err; /* the caller closes what is open */
        }
    }
    err = uv_timer_start(&tcp->sweep, on_sweep, SWEEP_MS, SWEEP_MS);
    assert(err == 0);
    return 0;
}

static void on_listener_closed(uv_handle_t *handle)
{
    struct listener *listener = handle->data;
    release(listener->tcp);
}

static void on_sweep_closed(uv_handle_t *handle)
{
    release(handle->data);
}

void tcp_close(struct tcp *tcp)
{
    tcp->closing = true;
    struct connection *connection;
    struct connection *next;
    HASH_ITER(hh, tcp->connections, connection, next)
    {
        hang_up(connection);
    }
    for (size_t i = 0; i < tcp->count; i++) {
        uv_close((uv_handle_t *)&tcp->listeners[i].handle, on_listener_closed);
    }
    uv_close((uv_handle_t *)&tcp->sweep, on_sweep_closed);
}
