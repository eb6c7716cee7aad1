/* SPDX-License-Identifier: Apache-2.0
 *
 * Answers: formatted into the connection's buffer and written when the socket takes them.
 *
 * Happy path: head and body leave in one write, the transaction is completed, the connection waits
 * for its next request.
 * Failure modes:
 * - the client reads slowly: what is left waits for the socket. Without progress for the idle
 * time-out the connection is dropped.
 * - the client sends while it does not read: dropped, since lws neither reads nor sleeps then.
 */
#include "common/http/private.h"

#include <poll.h>
#include <stdio.h>
#include <sys/ioctl.h>

#define TICK_US     250000
#define TICKS_PER_S (1000000 / TICK_US)
#define HEAD_ROOM   512 /* of an answer, without its two free texts */

static const char *status_text(int status)
{
    switch (status) {
    case 200:
        return "OK";
    case 201:
        return "Created";
    case 204:
        return "No Content";
    case 304:
        return "Not Modified";
    case 400:
        return "Bad Request";
    case 401:
        return "Unauthorized";
    case 403:
        return "Forbidden";
    case 404:
        return "Not Found";
    case 405:
        return "Method Not Allowed";
    case 408:
        return "Request Timeout";
    case 409:
        return "Conflict";
    case 411:
        return "Length Required";
    case 412:
        return "Precondition Failed";
    case 413:
        return "Content Too Large";
    case 415:
        return "Unsupported Media Type";
    case 422:
        return "Unprocessable Content";
    case 428:
        return "Precondition Required";
    case 429:
        return "Too Many Requests";
    case 500:
        return "Internal Server Error";
    case 501:
        return "Not Implemented";
    case 503:
        return "Service Unavailable";
    default:
        return "Status"; /* the phrase is for people; clients read the number (RFC 9112 §4) */
    }
}

/* Headers the server adds itself, behind the status line. */
static size_t head_format(const struct conn *conn, const struct http_answer *answer, char *out,
                          size_t cap)
{
    bool bodiless = answer->status == 204 || answer->status == 304;
    size_t len = (size_t)snprintf(out, cap, "HTTP/1.1 %d %s\r\n", answer->status,
                                  status_text(answer->status));
#define ADD(...) len += (size_t)snprintf(out + len, cap - len, __VA_ARGS__)
    if (!bodiless) {
        ADD("Content-Length: %zu\r\n", answer->body.len);
    }
    if (answer->body.len > 0) {
        ADD("Content-Type: %s\r\n",
            answer->content_type != NULL ? answer->content_type : "text/plain; charset=utf-8");
    }
    if (conn->server->cors) {
        ADD("Access-Control-Allow-Origin: *\r\n"
            "Access-Control-Expose-Headers: *\r\n");
    }
    if (answer->retry_after_s > 0) {
        ADD("Retry-After: %d\r\n", answer->retry_after_s);
    }
    if (conn->close_after) {
        ADD("Connection: close\r\n");
    }
    ADD("%s\r\n", answer->headers == NULL ? "" : answer->headers);
#undef ADD
    assert(len < cap);
    return len;
}

void answer_format(struct conn *conn, const struct http_answer *answer)
{
    assert(!conn->answered);
    assert(answer->status >= 200 && answer->status <= 599);
    size_t cap = HEAD_ROOM + (answer->content_type == NULL ? 0 : strlen(answer->content_type)) +
                 (answer->headers == NULL ? 0 : strlen(answer->headers));
    char *head = (char *)buffer_room(&conn->out, cap);
    conn->out.len += head_format(conn, answer, head, cap);
    bool body = !conn->head_only && answer->status != 204 && answer->status != 304;
    if (body && answer->body_lasts) {
        conn->tail = answer->body;
    } else if (body) {
        buffer_append(&conn->out, answer->body.data, answer->body.len);
    }
    conn->answered = true;
    conn->stalled_ticks = 0;
    conn->unsent_at_tick = conn_unsent(conn);
    lws_set_timer_usecs(conn->wsi, TICK_US);
    lws_callback_on_writable(conn->wsi);
}

void answer_status(struct conn *conn, int status, const char *text)
{
    answer_format(conn, &(struct http_answer){.status = status,
                                              .body = {(const uint8_t *)text, strlen(text)}});
}

/* ---- Writing --------------------------------------------------------------------------------- */
size_t conn_unsent(const struct conn *conn)
{
    return buffer_left(&conn->out) + conn->tail.len;
}

int conn_flush(struct conn *conn)
{
    struct buffer *out = &conn->out;
    if (buffer_left(out) > 0) {
        size_t len = MIN(buffer_left(out), WRITE_MAX);
        /* LWS_WRITE_HTTP means "as it is" for WebSockets as well. lws keeps what the socket does
         * not take. */
        if (lws_write(conn->wsi, out->data + out->head, len, LWS_WRITE_HTTP) < 0) {
            return -1;
        }
        buffer_consume(out, len);
    } else if (conn->tail.len > 0) {
        size_t len = MIN(conn->tail.len, WRITE_MAX);
        if (lws_write(conn->wsi, (unsigned char *)conn->tail.data, len, LWS_WRITE_HTTP) < 0) {
            return -1;
        }
        conn->tail.data += len;
        conn->tail.len -= len;
    }
    return 0;
}

int answer_writeable(struct conn *conn)
{
    if (!conn->answered) {
        return 0;
    }
    if (conn_flush(conn) < 0) {
        return -1;
    }
    if (conn_unsent(conn) > 0 || lws_partial_buffered(conn->wsi)) {
        lws_callback_on_writable(conn->wsi);
        return 0;
    }
    conn->answered = false;
    if (conn->close_after && !conn->body_awaited) {
        return -1;
    }
    if (conn->body_awaited) {
        /* A refused body is still on its way. lws throws it away, for as long as a good one had;
         * closing now would take the answer from a client that is busy sending. */
        lws_set_timer_usecs(conn->wsi, conn->server->limits.header_timeout_s * LWS_US_PER_SEC);
    }
    return lws_http_transaction_completed(conn->wsi) ? -1 : 0;
}

void answer_watch(struct conn *conn)
{
    lws_set_timer_usecs(conn->wsi, TICK_US);
}

bool answer_given_up(const struct conn *conn)
{
    struct pollfd poll_fd = {.fd = lws_get_socket_fd(conn->wsi), .events = POLLRDHUP};
    return poll(&poll_fd, 1, 0) == 1;
}

/* The connection's timer: whether a client still waits, progress of an answer, or a body that took
 * too long. One that is no longer of use is left to fire, since lws 4.1 fires a cancelled one at
 * once. */
int answer_tick(struct conn *conn)
{
    int pending = 0;
    if (conn->call != NULL && conn->call->gone != NULL) {
        answer_watch(conn);
        return answer_given_up(conn) ? -1 : 0;
    }
    if (!conn->answered) {
        return conn->body_awaited ? -1 : 0;
    }
    size_t unsent = conn_unsent(conn);
    if (unsent != conn->unsent_at_tick) {
        conn->unsent_at_tick = unsent;
        conn->stalled_ticks = 0;
    } else if (++conn->stalled_ticks > conn->server->limits.idle_timeout_s * TICKS_PER_S) {
        return -1;
    }
    if (!conn->body_awaited && ioctl(lws_get_socket_fd(conn->wsi), FIONREAD, &pending) == 0 &&
        pending > 0) {
        return -1;
    }
    lws_set_timer_usecs(conn->wsi, TICK_US);
    return 0;
}
