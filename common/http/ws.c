/* SPDX-License-Identifier: Apache-2.0
 *
 * WebSockets (RFC 6455).
 *
 * Happy path: the route accepts in on_upgrade, lws answers 101, messages are put together here and
 * handed out whole; what is sent is framed into the connection's buffer, so that a burst of
 * messages is one write. lws pings, answers pings, and sees close handshakes through. Failure
 * modes:
 * - refused: an ordinary answer instead of the 101, then the connection closes.
 * - a message above the limit, announced or real: close 1009.
 * - the client does not read: above ws_queue_max the connection is dropped (1008), counted.
 * - no pong, a lost connection, a close handshake that does not end: lws drops it; on_closed says
 * 1006 or what was agreed before. permessage-deflate is not offered: docs/decisions/0003.
 */
#include "common/http/private.h"

#include <stdio.h>
#include <stdlib.h>

#define CLOSE_TIMEOUT_S  5
#define FRAME_HEADER_MAX 10
#define OPCODE_TEXT      0x81 /* FIN with the opcode */
#define OPCODE_BINARY    0x82

/* ---- Upgrade --------------------------------------------------------------------------------- */
static int refuse_now(struct conn *conn)
{
    conn->answered = false;
    lws_set_timer_usecs(conn->wsi, LWS_SET_TIMER_USEC_CANCEL);
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
        lws_set_timeout(conn->wsi, PENDING_TIMEOUT_CLOSE_SEND, CLOSE_TIMEOUT_S);
    }
    if (ws->closing || conn_unsent(conn) > 0) {
        lws_callback_on_writable(conn->wsi);
    }
}

/* ---- Receiving ------------------------------------------------------------------------------- */
static int too_big(struct http_ws *ws)
{
    static unsigned char text[] = "message too big";
    ws->conn->server->counters.ws_too_big++;
    ws->closing = true;
    ws->code = LWS_CLOSE_STATUS_MESSAGE_TOO_LARGE;
    buffer_free(&ws->in);
    lws_close_reason(ws->conn->wsi, LWS_CLOSE_STATUS_MESSAGE_TOO_LARGE, text, strlen((char *)text));
    return -1;
}

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
        return too_big(ws);
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

void ws_peer_closes(struct conn *conn, const uint8_t *payload, size_t len)
{
    struct http_ws *ws = conn->ws;
    ws->closing = true;
    if (ws->code == 0) {
        ws->code = len >= 2 ? be16_get(payload) : LWS_CLOSE_STATUS_NO_STATUS;
    }
}

/* ---- Sending --------------------------------------------------------------------------------- */
static size_t frame_header(uint8_t out[FRAME_HEADER_MAX], bool text, size_t len)
{
    out[0] = text ? OPCODE_TEXT : OPCODE_BINARY;
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
    uint8_t header[FRAME_HEADER_MAX];
    if (ws->closing) {
        return ERR_STATE;
    }
    size_t header_len = frame_header(header, text, message.len);
    if (conn_unsent(conn) + header_len + message.len > server->limits.ws_queue_max) {
        server->counters.ws_slow++;
        log_write(server->log, LOG_WARN, "ws_slow client=%s unsent_bytes=%zu", conn->address,
                  conn_unsent(conn));
        drop(ws, LWS_CLOSE_STATUS_POLICY_VIOLATION);
        return ERR_FULL;
    }
    buffer_append(&conn->out, header, header_len);
    buffer_append(&conn->out, message.data, message.len);
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
    if (ws->closing) {
        return;
    }
    ws->closing = true;
    ws->code = code;
    snprintf(ws->reason, sizeof(ws->reason), "%s", reason == NULL ? "" : reason);
    buffer_free(&ws->in);
    if (ws->open) {
        lws_set_timeout(ws->conn->wsi, PENDING_TIMEOUT_CLOSE_SEND, CLOSE_TIMEOUT_S);
        lws_callback_on_writable(ws->conn->wsi);
    }
}

int ws_writeable(struct conn *conn)
{
    struct http_ws *ws = conn->ws;
    if (conn_flush(conn) < 0) {
        return -1;
    }
    if (conn_unsent(conn) > 0 || (ws->closing && lws_partial_buffered(conn->wsi))) {
        lws_callback_on_writable(conn->wsi);
        return 0;
    }
    if (!ws->closing) {
        return 0;
    }
    lws_close_reason(conn->wsi, (enum lws_close_status)ws->code, (unsigned char *)ws->reason,
                     strlen(ws->reason));
    return -1; /* lws sends the close frame and waits for its echo */
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
