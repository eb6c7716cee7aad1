/* SPDX-License-Identifier: Apache-2.0
 *
 * The listening socket. lws could listen itself, but then it could neither stop, nor tell why it
 * cannot bind, nor count who comes.
 *
 * Happy path: the socket is readable, up to ACCEPTS_MAX connections are accepted and given to lws.
 * Failure modes:
 * - above the cap of connections: a connection is accepted and its first request gets 503; beyond a
 *   margin it is closed at once. Both are counted.
 * - no descriptors left: the spare one is given up to accept and close one connection, so that the
 *   backlog drains instead of waking the loop for ever.
 * - lws does not take a socket: it has closed it, and the conn goes with it.
 */
#include "common/http/private.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <unistd.h>

#define ACCEPTS_MAX 64 /* per turn of the loop */
#define BACKLOG     1024

static int spare_open(void)
{
    return open("/dev/null", O_RDONLY | O_CLOEXEC);
}

static void address_text(const struct sockaddr_storage *peer, char out[ADDRESS_MAX])
{
    const struct sockaddr_in6 *v6 = (const struct sockaddr_in6 *)peer;
    if (peer->ss_family == AF_INET) {
        inet_ntop(AF_INET, &((const struct sockaddr_in *)peer)->sin_addr, out, ADDRESS_MAX);
    } else if (IN6_IS_ADDR_V4MAPPED(&v6->sin6_addr)) {
        inet_ntop(AF_INET, &v6->sin6_addr.s6_addr[12], out, ADDRESS_MAX);
    } else {
        inet_ntop(AF_INET6, &v6->sin6_addr, out, ADDRESS_MAX);
    }
}

static void adopt(struct http_server *server, int fd, const struct sockaddr_storage *peer)
{
    const int on = 1;
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof(on));

    struct conn *conn = mem_alloc(sizeof(*conn));
    *conn = (struct conn){.magic = MAGIC_CONN, .server = server};
    conn->over_cap = server->counters.connections >= server->limits.connections;
    address_text(peer, conn->address);
    conn_link(conn);
    server->counters.connections_total++;
    if (conn->over_cap) {
        server->counters.connections_refused++;
    }
    server->adopting = conn;
    lws_adopt_desc_t desc = {
        .vh = server->vhost,
        .type = LWS_ADOPT_SOCKET | LWS_ADOPT_HTTP | LWS_ADOPT_ALLOW_SSL,
        .fd.sockfd = fd,
        .opaque = conn,
    };
    /* A wsi that fails later on takes conn with it, in its LWS_CALLBACK_WSI_DESTROY. */
    if (lws_adopt_descriptor_vhost_via_info(&desc) == NULL && server->adopting != NULL) {
        conn_unlink_free(conn);
    }
    server->adopting = NULL;
}

static void descriptors_ran_out(struct http_server *server)
{
    log_write(server->log, LOG_WARN, "http_no_descriptors");
    close(server->spare_fd);
    int fd = accept4(server->listen_fd, NULL, NULL, SOCK_CLOEXEC);
    if (fd >= 0) {
        close(fd);
        server->counters.connections_refused++;
    }
    server->spare_fd = spare_open();
}

static void readable(uv_poll_t *poll, int status, int events)
{
    struct http_server *server = poll->data;
    (void)events;
    if (status < 0) {
        log_write(server->log, LOG_ERROR, "http_listener_failed error=\"%s\"", uv_strerror(status));
        return;
    }
    size_t margin = server->limits.connections / 8 + 16;
    for (int i = 0; i < ACCEPTS_MAX && server->listen_fd >= 0; i++) {
        struct sockaddr_storage peer;
        socklen_t len = sizeof(peer);
        int fd = accept4(server->listen_fd, (struct sockaddr *)&peer, &len,
                         SOCK_NONBLOCK | SOCK_CLOEXEC);
        if (fd >= 0 && server->counters.connections >= server->limits.connections + margin) {
            close(fd);
            server->counters.connections_refused++;
        } else if (fd >= 0) {
            adopt(server, fd, &peer);
        } else if (errno == EMFILE || errno == ENFILE) {
            descriptors_ran_out(server);
        } else if (errno != EINTR && errno != ECONNABORTED) {
            return;
        }
    }
}

static int bind_to(const struct sockaddr *address, socklen_t len)
{
    const int on = 1;
    const int off = 0;
    int fd = socket(address->sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0) {
        return -1;
    }
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
    if (address->sa_family == AF_INET6) {
        setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof(off));
    }
    if (bind(fd, address, len) != 0 || listen(fd, BACKLOG) != 0) {
        int cause = errno;
        close(fd);
        errno = cause;
        return -1;
    }
    return fd;
}

static int bind_text(const char *address, int port)
{
    struct sockaddr_in v4;
    struct sockaddr_in6 v6;
    bool all = address == NULL || address[0] == '\0';
    if (uv_ip6_addr(all ? "::" : address, port, &v6) == 0) {
        int fd = bind_to((const struct sockaddr *)&v6, sizeof(v6));
        /* "All" on a machine without IPv6 is 0.0.0.0; a port in use is in use in both. */
        if (fd >= 0 || !all || errno == EADDRINUSE) {
            return fd;
        }
    }
    if (uv_ip4_addr(all ? "0.0.0.0" : address, port, &v4) == 0) {
        return bind_to((const struct sockaddr *)&v4, sizeof(v4));
    }
    errno = EINVAL;
    return -1;
}

static int bound_port(int fd)
{
    struct sockaddr_storage bound;
    socklen_t len = sizeof(bound);
    if (getsockname(fd, (struct sockaddr *)&bound, &len) != 0) {
        return 0;
    }
    /* sin_port and sin6_port lie at the same place. */
    return ntohs(((const struct sockaddr_in *)&bound)->sin_port);
}

int listen_start(struct http_server *server, const char *address, int port)
{
    int fd = bind_text(address, port);
    if (fd < 0) {
        log_write(server->log, LOG_ERROR, "http_listen_failed address=\"%s\" port=%d error=\"%s\"",
                  address == NULL ? "" : address, port, strerror(errno));
        return ERR_IO;
    }
    server->spare_fd = spare_open();
    server->listen_fd = fd;
    server->port = bound_port(fd);
    server->listener.data = server;
    uv_poll_init(server->loop, &server->listener, fd);
    uv_poll_start(&server->listener, UV_READABLE, readable);
    return 0;
}

static void listener_closed(uv_handle_t *handle)
{
    (void)handle;
}

void listen_stop(struct http_server *server)
{
    if (server->listen_fd < 0) {
        return;
    }
    uv_poll_stop(&server->listener);
    uv_close((uv_handle_t *)&server->listener, listener_closed);
    close(server->listen_fd);
    close(server->spare_fd);
    server->listen_fd = -1;
}
