/* SPDX-License-Identifier: Apache-2.0
 *
 * The server's life, and the one callback through which lws tells everything.
 *
 * Happy path: http_open makes an lws context on the caller's loop, without a listener of its own,
 * and a listening socket whose connections it hands to lws; lws calls back per connection until
 * LWS_CALLBACK_WSI_DESTROY, where the conn is freed.
 * Failure modes:
 * - lws cannot start (certificate, plugin of its uv event loop missing): ERR_IO, logged.
 * - a callback returns non-zero: lws drops that connection.
 * - http_close: lws closes its uv handles over some turns of the loop and, on a loop that is not
 * its own, must then be told to free itself; an idle handle counts the turns.
 */
#include "common/http/private.h"

#include <stdlib.h>

#define CLOSE_TURNS 4 /* of the loop: lws closes its sockets, then its timer, then is freed */

static const struct http_limits defaults = {
    .connections = 10000,
    .ws_message_max = (size_t)2 << 20,
    .ws_queue_max = (size_t)4 << 20,
    .body_total_max = (size_t)256 << 20,
    .header_timeout_s = 10,
    .idle_timeout_s = 30,
    .ws_ping_interval_s = 10,
};

/* ---- lws' own log ---------------------------------------------------------------------------
 * lws has one log function per process and gives it no argument. It calls a client's faults errors,
 * so outside of http_open its lines are for debugging only. */
static const struct log_sink *lws_log;
static bool lws_starting;

static void lws_line(int level, const char *line)
{
    enum log_level as = lws_starting && (level & (LLL_ERR | LLL_WARN)) ? LOG_ERROR : LOG_DEBUG;
    log_write(lws_log, as, "lws line=\"%.*s\"", (int)strcspn(line, "\n"), line);
}

/* ---- Connections ---------------------------------------------------------------------------- */
void conn_link(struct conn *conn)
{
    struct http_server *server = conn->server;
    conn->next = server->conns;
    if (conn->next != NULL) {
        conn->next->prev = conn;
    }
    server->conns = conn;
    server->counters.connections++;
}

static void let_go(struct conn *conn, unsigned ws_code)
{
    if (conn->ws != NULL) {
        ws_closed(conn, ws_code);
    }
    request_gone(conn);
}

void conn_unlink_free(struct conn *conn)
{
    struct http_server *server = conn->server;
    let_go(conn, LWS_CLOSE_STATUS_ABNORMAL_CLOSE);
    if (conn->prev != NULL) {
        conn->prev->next = conn->next;
    } else {
        server->conns = conn->next;
    }
    if (conn->next != NULL) {
        conn->next->prev = conn->prev;
    }
    server->counters.connections--;
    if (!conn->asked) {
        server->counters.connections_silent++;
    }
    buffer_free(&conn->out);
    conn->magic = 0;
    free(conn);
}

/* ---- Callback ------------------------------------------------------------------------------- */
static struct conn *conn_of(struct lws *wsi)
{
    struct conn *conn = lws_get_opaque_user_data(wsi);
    assert(conn != NULL && conn->magic == MAGIC_CONN);
    return conn;
}

static void created(struct lws *wsi)
{
    struct http_server *server = lws_context_user(lws_get_context(wsi));
    assert(server->adopting != NULL);
    server->adopting->wsi = wsi;
    server->adopting = NULL;
}

/* Plain HTTP. */
static int on_http(struct conn *conn, enum lws_callback_reasons reason, void *in, size_t len)
{
    switch (reason) {
    case LWS_CALLBACK_HTTP:
        return request_head(conn);
    case LWS_CALLBACK_HTTP_BODY:
        return request_body(conn, in, len);
    case LWS_CALLBACK_HTTP_BODY_COMPLETION:
        return request_complete(conn);
    case LWS_CALLBACK_HTTP_WRITEABLE:
        return answer_writeable(conn);
    case LWS_CALLBACK_TIMER:
        return answer_tick(conn);
    default:
        unreachable();
    }
}

static int on_ws(struct conn *conn, enum lws_callback_reasons reason, void *in, size_t len)
{
    if (conn->ws == NULL) {
        return -1;
    }
    switch (reason) {
    case LWS_CALLBACK_ESTABLISHED:
        ws_open(conn);
        return 0;
    case LWS_CALLBACK_RECEIVE:
        return ws_receive(conn, in, len);
    case LWS_CALLBACK_SERVER_WRITEABLE:
        return ws_writeable(conn);
    case LWS_CALLBACK_WS_PEER_INITIATED_CLOSE:
        return ws_peer_closes(conn, in, len);
    default:
        unreachable();
    }
}

static int on_lws(struct lws *wsi, enum lws_callback_reasons reason, void *user, void *in,
                  size_t len)
{
    (void)user;
    switch (reason) {
    case LWS_CALLBACK_WSI_CREATE:
        created(wsi);
        return 0;
    case LWS_CALLBACK_WSI_DESTROY:
        conn_unlink_free(conn_of(wsi));
        return 0;
    case LWS_CALLBACK_CLOSED:
    case LWS_CALLBACK_CLOSED_HTTP:
        let_go(conn_of(wsi), LWS_CLOSE_STATUS_ABNORMAL_CLOSE);
        return 0;
    case LWS_CALLBACK_HTTP_CONFIRM_UPGRADE:
        return ws_confirm(conn_of(wsi), in);
    case LWS_CALLBACK_HTTP:
    case LWS_CALLBACK_HTTP_BODY:
    case LWS_CALLBACK_HTTP_BODY_COMPLETION:
    case LWS_CALLBACK_HTTP_WRITEABLE:
    case LWS_CALLBACK_TIMER:
        return on_http(conn_of(wsi), reason, in, len);
    case LWS_CALLBACK_ESTABLISHED:
    case LWS_CALLBACK_RECEIVE:
    case LWS_CALLBACK_SERVER_WRITEABLE:
    case LWS_CALLBACK_WS_PEER_INITIATED_CLOSE:
        return on_ws(conn_of(wsi), reason, in, len);
    case LWS_CALLBACK_RAW_ADOPT:
    case LWS_CALLBACK_RAW_RX:
        return -1; /* CONNECT: lws would have us tunnel */
    default:
        return 0;
    }
}

/* ---- Open, close ---------------------------------------------------------------------------- */
static struct http_limits limits_of(const struct http_limits *wanted)
{
    struct http_limits l = *wanted;
#define DEFAULT(field) l.field = l.field > 0 ? l.field : defaults.field
    DEFAULT(connections);
    DEFAULT(ws_message_max);
    DEFAULT(ws_queue_max);
    DEFAULT(body_total_max);
    DEFAULT(header_timeout_s);
    DEFAULT(idle_timeout_s);
    DEFAULT(ws_ping_interval_s);
#undef DEFAULT
    return l;
}

static int lws_start(struct http_server *server, const struct http_config *config)
{
    const struct http_limits *limits = &server->limits;
    server->protocols[0] = (struct lws_protocols){
        .name = "http",
        .callback = on_lws,
        .rx_buffer_size = 4096,
        .tx_packet_size = WRITE_MAX,
    };
    server->keepalive = (lws_retry_bo_t){
        .secs_since_valid_ping = (uint16_t)limits->ws_ping_interval_s,
        .secs_since_valid_hangup = (uint16_t)(2 * limits->ws_ping_interval_s),
    };
    void *loops[1] = {config->loop};
    struct lws_context_creation_info info = {
        .port = CONTEXT_PORT_NO_LISTEN_SERVER,
        .protocols = server->protocols,
        .user = server,
        .options = LWS_SERVER_OPTION_LIBUV | LWS_SERVER_OPTION_VALIDATE_UTF8 |
                   LWS_SERVER_OPTION_EXPLICIT_VHOSTS,
        .foreign_loops = loops,
        .pt_serv_buf_size = 16384,
        .max_http_header_data2 = HEAD_MAX,
        .timeout_secs = (unsigned int)limits->header_timeout_s,
        .timeout_secs_ah_idle = (unsigned int)limits->header_timeout_s,
        .keepalive_timeout = limits->idle_timeout_s,
        .retry_and_idle_policy = &server->keepalive,
        /* lws fills two tables as large as the limit of open files, unless there are few. */
        .fd_limit_per_thread =
            limits->connections <= 256 ? (unsigned int)limits->connections * 2 + 32 : 0,
    };
    if (server->tls) {
        info.options |= LWS_SERVER_OPTION_DO_SSL_GLOBAL_INIT;
        info.ssl_cert_filepath = config->tls_cert_path;
        info.ssl_private_key_filepath = config->tls_key_path;
        info.alpn = "http/1.1";
    }
    lws_log = server->log;
    lws_starting = true;
    lws_set_log_level(LLL_ERR | LLL_WARN, lws_line);
    /* In two steps: a context that fails because of its vhost leaves handles in the loop. */
    server->context = lws_create_context(&info);
    if (server->context != NULL) {
        server->vhost = lws_create_vhost(server->context, &info);
    }
    lws_starting = false;
    if (server->vhost == NULL) {
        log_write(server->log, LOG_ERROR, "http_start_failed");
        return ERR_IO;
    }
    return 0;
}

int http_open(struct http_server **out, const struct http_config *config)
{
    assert((config->tls_cert_path == NULL) == (config->tls_key_path == NULL));
    struct http_server *server = mem_alloc(sizeof(*server));
    server->log = config->log;
    server->loop = config->loop;
    server->routes = config->routes;
    server->route_count = config->route_count;
    server->limits = limits_of(&config->limits);
    server->cors = config->cors;
    server->tls = config->tls_cert_path != NULL;
    server->trust_forwarded_for = config->trust_forwarded_for;
    server->listen_fd = -1;
    int err = lws_start(server, config);
    if (err == 0) {
        err = listen_start(server, config->address, config->port);
    }
    if (err != 0 && server->context != NULL) {
        http_close(server);
        return err;
    }
    if (err != 0) {
        free(server);
        return err;
    }
    *out = server;
    return 0;
}

static void closer_closed(uv_handle_t *handle)
{
    free(handle->data);
}

static void closer_turn(uv_idle_t *idle)
{
    struct http_server *server = idle->data;
    if (++server->closer_turns < CLOSE_TURNS) {
        return;
    }
    assert(server->conns == NULL);
    lws_context_destroy(server->context);
    uv_close((uv_handle_t *)idle, closer_closed);
}

void http_close(struct http_server *server)
{
    assert(!server->closing);
    server->closing = true;
    listen_stop(server);
    for (struct conn *conn = server->conns; conn != NULL; conn = conn->next) {
        let_go(conn, LWS_CLOSE_STATUS_GOINGAWAY);
    }
    lws_context_destroy(server->context);
    if (lws_log == server->log) {
        lws_log = NULL;
    }
    server->closer.data = server;
    uv_idle_init(server->loop, &server->closer);
    uv_idle_start(&server->closer, closer_turn);
}

void http_stop_listening(struct http_server *server)
{
    listen_stop(server);
}

int http_port(const struct http_server *server)
{
    return server->port;
}

const struct http_counters *http_counters(const struct http_server *server)
{
    return &server->counters;
}
