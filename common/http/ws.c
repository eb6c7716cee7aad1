/* SPDX-License-Identifier: Apache-2.0
 *
 * WebSockets (RFC 6455).
 *
 * Happy path: the route accepts in on_upgrade, lws answers 101, messages are put together here and
 * handed out whole; what is sent is framed into the connection's buffer, so that a burst of
 * messages is one write. lws pings and answers pings and close frames; ours are written here, since
 * what lws would do when a callback asks to close depends on where that callback came from (4.1.6
 * with libuv). Failure modes:
 * - refused: an ordinary answer instead of the 101, then the connection closes.
 * - a message above the limit, announced or real: close 1009.
 * - the client does not read: above ws_queue_max the connection is dropped (1008), counted.
 * - no pong, a lost connection, a close handshake that does not end: lws drops it; on_closed says
 * 1006 or what was agreed before. permessage-deflate is not offered: docs/decisions/0004.
 */
#include "common/http/private.h"

#include <stdlib.h>

#define CLOSE_TIMEOUT_S  5
#define FRAME_HEADER_MAX 10
#define OPCODE_TEXT      0x81 /* FIN with the opcode */
#define OPCODE_BINARY    0x82
#define OPCODE_CLOSE     0x88
#define CLOSE_REASON_MAX 123 /* a control frame has 125 bytes at most */

/* ---- Upgrade --------------------------------------------------------------------------------- */
static int refuse_now(struct conn *conn)
{
    conn->answered = false;
    while (conn_unsent(conn) > 0) {
        if (conn_flush(conn) < 0) {
            return -1;
        }
    }
    return 1; /* lws: answered already */
}

static int refuse_status(struct conn *conn, int status, const char *text)
{
    conn->close_after = true;
    answer_status(conn, status, text);
    return refuse_now(conn);
}

static void ws_free(struct http_ws *ws)
{
    buffer_free(&ws->in);
    ws->magic = 0;
    free(ws);
}

int ws_confirm(struct conn *conn, const char *protocol)
{
    struct http_server *server = conn->server;
    struct http_request request;
    server->counters.requests_total++;
    conn->asked = true;
    if (server->closing || conn->answered || conn->call != NULL) {
        return -1;
    }
    if (strcasecmp(protocol, "websocket") != 0 || !request_parse(conn, &request) ||
        request.method != HTTP_GET) {
        return refuse_status(conn, 400, "only GET with an upgrade to websocket is served\n");
    }
    if (conn->over_cap) {
        return refuse_status(conn, 503, "overloaded, try again later\n");
    }
    const struct http_route *route = request_route(server, request.path);
    if (route == NULL || route->on_upgrade == NULL) {
        return refuse_status(conn, 404, "");
    }
    struct http_ws *ws = mem_alloc(sizeof(*ws));
    *ws = (struct http_ws){.magic = MAGIC_WS, .conn = conn, .route = route};
    conn->ws = ws;
    route->on_upgrade(route->arg, &request, ws);
    if (ws->refused) {
        conn->ws = NULL;
        ws_free(ws);
        server->counters.ws_refused++;
        return refuse_now(conn);
    }
    server->counters.ws_accepted++;
    return 0;
}

void http_ws_refuse(struct http_ws *ws, const struct http_answer *answer)
{
    assert(ws->magic == MAGIC_WS && !ws->open && !ws->refused);
    struct conn *conn = ws->conn;
    buffer_free(&conn->out);
    ws->refused = true;
    conn->close_after = true;
    answer_format(conn, answer);
}

void ws_open(struct conn *conn)
{
    struct http_ws *ws = conn->ws;
    ws->open = true;
    conn->server->counters.websockets++;
    if (ws->closing) {
        lws_set_timeout(conn->wsi, PENDING_TIMEOUT_CLOSE_ACK, CLOSE_TIMEOUT_S);
    }
    if (conn_unsent(conn) > 0) {
        lws_callback_on_writable(conn->wsi);
    }
}

/* ---- Receiving ------------------------------------------------------------------------------- */
int ws_receive(struct conn *conn, const void *bytes, size_t len)
{
    struct http_ws *ws = conn->ws;
    struct http_counters *counters = &conn->server->counters;
    if (ws->closing) {
        return 0;
    }
    size_t announced = lws_remaining_packet_payload(conn->wsi);
    size_t max = conn->server->limits.ws_message_max;
    if (len > max - ws->in.len || announced > max - ws->in.len - len) {
        counters->ws_too_big++;
        http_ws_close(ws, LWS_CLOSE_STATUS_MESSAGE_TOO_LARGE, "message too big");
        return 0;
    }
    buffer_append(&ws->in, bytes, len);
    if (!lws_is_final_fragment(conn->wsi)) {
        return 0;
    }
    *buffer_room(&ws->in, 1) = '\0';
    struct buffer message = ws->in;
    ws->in = (struct buffer){0};
    counters->ws_messages_in++;
    counters->ws_bytes_in += message.len;
    ws->route->on_message(ws->route->arg, ws, !lws_frame_is_binary(conn->wsi),
                          (struct bytes){message.data, message.len});
    buffer_free(&message);
    return 0;
}

int ws_peer_closes(struct conn *conn, const uint8_t *payload, size_t len)
{
    struct http_ws *ws = conn->ws;
    if (ws->close_sent) {
        return -1; /* both have said it: the connection is over */
    }
    ws->closing = true;
    if (ws->code == 0) {
        ws->code = len >= 2 ? be16_get(payload) : LWS_CLOSE_STATUS_NO_STATUS;
    }
    return 0; /* lws echoes it and closes */
}

/* ---- Sending --------------------------------------------------------------------------------- */
static size_t frame_header(uint8_t out[FRAME_HEADER_MAX], uint8_t opcode, size_t len)
{
    out[0] = opcode;
    if (len < 126) {
        out[1] = (uint8_t)len;
        return 2;
    }
    if (len <= UINT16_MAX) {
        out[1] = 126;
        be16_put(out + 2, (uint16_t)len);
        return 4;
    }
    out[1] = 127;
    be64_put(out + 2, len);
    return 10;
}

static void frame_append(struct conn *conn, uint8_t opcode, struct bytes payload)
{
    uint8_t header[FRAME_HEADER_MAX];
    buffer_append(&conn->out, header, frame_header(header, opcode, payload.len));
    buffer_append(&conn->out, payload.data, payload.len);
}

/* Length of the frame at p, which this file has written. */
static size_t frame_len(const uint8_t *p)
{
    switch (p[1]) {
    case 126:
        return 4 + (size_t)be16_get(p + 2);
    case 127:
        return 10 + (size_t)be64_get(p + 2);
    default:
        return 2 + (size_t)p[1];
    }
}

static void drop(struct http_ws *ws, unsigned code)
{
    ws->closing = true;
    ws->code = code;
    if (ws->open) {
        lws_set_timeout(ws->conn->wsi, PENDING_TIMEOUT_USER_OK, LWS_TO_KILL_ASYNC);
    }
}

int http_ws_send(struct http_ws *ws, bool text, struct bytes message)
{
    assert(ws->magic == MAGIC_WS && !ws->refused);
    struct conn *conn = ws->conn;
    struct http_server *server = conn->server;
    if (ws->closing) {
        return ERR_STATE;
    }
    if (conn_unsent(conn) + FRAME_HEADER_MAX + message.len > server->limits.ws_queue_max) {
        server->counters.ws_slow++;
        log_write(server->log, LOG_WARN, "ws_slow client=%s unsent_bytes=%zu", conn->address,
                  conn_unsent(conn));
        drop(ws, LWS_CLOSE_STATUS_POLICY_VIOLATION);
        return ERR_FULL;
    }
    frame_append(conn, text ? OPCODE_TEXT : OPCODE_BINARY, message);
    server->counters.ws_messages_out++;
    server->counters.ws_bytes_out += message.len;
    if (ws->open) {
        lws_callback_on_writable(conn->wsi);
    }
    return 0;
}

void http_ws_close(struct http_ws *ws, unsigned code, const char *reason)
{
    assert(ws->magic == MAGIC_WS && !ws->refused);
    assert(code >= 1000 && code <= 4999);
    uint8_t payload[2 + CLOSE_REASON_MAX];
    size_t reason_len = reason == NULL ? 0 : strnlen(reason, CLOSE_REASON_MAX);
    if (ws->closing) {
        return;
    }
    be16_put(payload, (uint16_t)code);
    if (reason_len > 0) {
        memcpy(payload + 2, reason, reason_len);
    }
    frame_append(ws->conn, OPCODE_CLOSE, (struct bytes){payload, 2 + reason_len});
    ws->closing = true;
    ws->close_sent = true;
    ws->code = code;
    buffer_free(&ws->in);
    if (ws->open) {
        lws_set_timeout(ws->conn->wsi, PENDING_TIMEOUT_CLOSE_ACK, CLOSE_TIMEOUT_S);
        lws_callback_on_writable(ws->conn->wsi);
    }
}

/* lws puts pings and pongs between two writes, so a write ends where a frame ends. What the socket
 * does not take of it, lws keeps and sends before anything else. */
int ws_writeable(struct conn *conn)
{
    struct buffer *out = &conn->out;
    size_t left = buffer_left(out);
    size_t len = 0;
    if (left == 0) {
        return 0;
    }
    while (len < left) {
        size_t next = frame_len(out->data + out->head + len);
        if (len > 0 && len + next > WRITE_MAX) {
            break;
        }
        len += next;
    }
    if (lws_write(conn->wsi, out->data + out->head, len, LWS_WRITE_HTTP) < 0) {
        return -1;
    }
    buffer_consume(out, len);
    if (buffer_left(out) > 0) {
        lws_callback_on_writable(conn->wsi);
    }
    return 0;
}

void ws_closed(struct conn *conn, unsigned code_if_none)
{
    struct http_ws *ws = conn->ws;
    assert(ws->magic == MAGIC_WS);
    conn->ws = NULL;
    if (ws->open) {
        conn->server->counters.websockets--;
    }
    ws->route->on_closed(ws->route->arg, ws, ws->code != 0 ? ws->code : code_if_none);
    ws_free(ws);
}

void http_ws_set_user(struct http_ws *ws, void *user)
{
    assert(ws->magic == MAGIC_WS);
    ws->user = user;
}

void *http_ws_user(const struct http_ws *ws)
{
    assert(ws->magic == MAGIC_WS);
    return ws->user;
}
