/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/lib/ws_client.h"

#include <errno.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#define FINAL    0x80 /* RFC 6455 §5.2 */
#define MASKED   0x80
#define OP_TEXT  1
#define OP_BYTES 2
#define OP_PING  9
#define OP_PONG  10
#define HEAD_MAX 14 /* of a frame, mask included */
#define READ_MIN 4096

struct buffer {
    uint8_t *data;
    size_t begin; /* what lies before is used up */
    size_t end;
    size_t cap;
};

struct ws_client {
    int fd;
    bool upgraded;
    char failure[WS_CLIENT_REASON_MAX]; /* "" as long as it has not failed */
    struct buffer out;                  /* of these, the request alone before the upgrade */
    struct buffer held;                 /* frames for after the upgrade */
    struct buffer in;
    size_t taken; /* of in: given by the last receive */
};

static void fail(struct ws_client *ws, const char *format, ...) PRINTF_LIKE(2, 3);
static void fail(struct ws_client *ws, const char *format, ...)
{
    if (ws->failure[0] == '\0') {
        va_list args;
        va_start(args, format);
        vsnprintf(ws->failure, sizeof(ws->failure), format, args);
        va_end(args);
    }
}

/* ---- Buffers --------------------------------------------------------------------------------- */

static size_t used(const struct buffer *buffer)
{
    return buffer->end - buffer->begin;
}

/* Makes room for more bytes behind the end; false if there would be too many. */
static bool reserve(struct buffer *buffer, size_t more)
{
    if (buffer->begin > 0 && buffer->cap - buffer->end < more) {
        memmove(buffer->data, buffer->data + buffer->begin, used(buffer));
        buffer->end -= buffer->begin;
        buffer->begin = 0;
    }
    if (buffer->cap - buffer->end < more) {
        buffer->cap = 2 * buffer->cap + more;
        buffer->data = mem_grow(buffer->data, buffer->cap, 1);
    }
    return used(buffer) + more <= WS_CLIENT_BUFFER_MAX;
}

static bool append(struct buffer *buffer, const void *data, size_t len)
{
    if (!reserve(buffer, len)) {
        return false;
    }
    memcpy(buffer->data + buffer->end, data, len);
    buffer->end += len;
    return true;
}

/* ---- Socket ---------------------------------------------------------------------------------- */

static bool in_progress(int error)
{
    return error == EAGAIN || error == EINPROGRESS || error == ENOTCONN;
}

static void flush(struct ws_client *ws)
{
    while (used(&ws->out) > 0) {
        ssize_t n = send(ws->fd, ws->out.data + ws->out.begin, used(&ws->out), MSG_NOSIGNAL);
        if (n < 0) {
            if (!in_progress(errno)) {
                fail(ws, "%s", strerror(errno));
            }
            return;
        }
        ws->out.begin += (size_t)n;
    }
}

/* Appends what has come; false if nothing has. */
static bool fill(struct ws_client *ws)
{
    if (!reserve(&ws->in, READ_MIN)) {
        fail(ws, "a message larger than %d bytes", WS_CLIENT_BUFFER_MAX);
        return false;
    }
    ssize_t n = recv(ws->fd, ws->in.data + ws->in.end, ws->in.cap - ws->in.end, 0);
    if (n == 0) {
        fail(ws, "closed by the server");
    } else if (n < 0 && !in_progress(errno)) {
        fail(ws, "%s", strerror(errno));
    }
    ws->in.end += n > 0 ? (size_t)n : 0;
    return n > 0;
}

static void begin_connecting(struct ws_client *ws, const struct sockaddr_in *addr)
{
    int on = 1;
    ws->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (ws->fd < 0) {
        fail(ws, "no socket: %s", strerror(errno));
        return;
    }
    (void)setsockopt(ws->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    if (connect(ws->fd, (const struct sockaddr *)addr, sizeof(*addr)) != 0 &&
        errno != EINPROGRESS) {
        fail(ws, "%s", strerror(errno));
    }
}

struct ws_client *ws_client_open(const struct sockaddr_in *addr, const char *target)
{
    static const char head[] = " HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\n"
                               "Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
                               "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";
    struct ws_client *ws = mem_alloc(sizeof(*ws));
    begin_connecting(ws, addr);
    if (!append(&ws->out, "GET ", 4) || !append(&ws->out, target, strlen(target)) ||
        !append(&ws->out, head, sizeof(head) - 1)) {
        fail(ws, "the request is too long");
    }
    return ws;
}

void ws_client_close(struct ws_client *ws)
{
    if (ws == NULL) {
        return;
    }
    if (ws->fd >= 0) {
        close(ws->fd);
    }
    free(ws->out.data);
    free(ws->held.data);
    free(ws->in.data);
    free(ws);
}

int ws_client_fd(const struct ws_client *ws)
{
    return ws->fd;
}

const char *ws_client_failure(const struct ws_client *ws)
{
    return ws->failure[0] == '\0' ? NULL : ws->failure;
}

/* ---- Frames ---------------------------------------------------------------------------------- */

/* The mask is zero: it hides nothing, and the server can't tell. */
static size_t write_head(uint8_t head[HEAD_MAX], uint8_t op, size_t len)
{
    size_t at = 2;
    memset(head, 0, HEAD_MAX);
    head[0] = FINAL | op;
    if (len < 126) {
        head[1] = (uint8_t)(MASKED | len);
    } else if (len <= UINT16_MAX) {
        head[1] = MASKED | 126;
        be16_put(head + at, (uint16_t)len);
        at += 2;
    } else {
        head[1] = MASKED | 127;
        be64_put(head + at, len);
        at += 8;
    }
    return at + 4;
}

static void send_frame(struct ws_client *ws, uint8_t op, struct bytes payload)
{
    uint8_t head[HEAD_MAX];
    struct buffer *buffer = ws->upgraded ? &ws->out : &ws->held;
    if (!append(buffer, head, write_head(head, op, payload.len)) ||
        !append(buffer, payload.data, payload.len)) {
        fail(ws, "the server does not read");
    }
    if (ws->upgraded) {
        flush(ws);
    }
}

void ws_client_send(struct ws_client *ws, struct bytes message)
{
    if (ws->failure[0] == '\0') {
        send_frame(ws, OP_BYTES, message);
    }
}

/* Takes the answer to the upgrade; false if it is not whole yet, or a refusal. */
static bool take_upgrade(struct ws_client *ws)
{
    const char *text = (const char *)ws->in.data + ws->in.begin;
    const char *end = used(&ws->in) == 0 ? NULL : memmem(text, used(&ws->in), "\r\n\r\n", 4);
    if (end == NULL) {
        return false;
    }
    if (memcmp(text, "HTTP/1.1 101", 12) != 0) {
        const char *body = end + 4;
        size_t len = used(&ws->in) - (size_t)(body - text);
        fail(ws, "refused: %.*s: %.*s", (int)strcspn(text, "\r"), text, (int)MIN(len, (size_t)128),
             body);
        return false;
    }
    ws->in.begin += (size_t)(end + 4 - text);
    ws->upgraded = true;
    if (used(&ws->held) > 0 && !append(&ws->out, ws->held.data, used(&ws->held))) {
        fail(ws, "too much to send");
    }
    flush(ws);
    return true;
}

/* The frame at the front of in: false if it is not whole yet. */
static bool whole_frame(const struct ws_client *ws, size_t *head, size_t *len)
{
    const uint8_t *data = ws->in.data + ws->in.begin;
    if (used(&ws->in) < 2) {
        return false;
    }
    *len = data[1] & 0x7f;
    *head = *len == 126 ? 4 : *len == 127 ? 10 : 2;
    if (used(&ws->in) < *head) {
        return false;
    }
    *len = *len == 126 ? be16_get(data + 2) : *len == 127 ? be64_get(data + 2) : *len;
    return used(&ws->in) - *head >= *len;
}

/* Takes the frame at the front; true if it is a message. */
static bool take_frame(struct ws_client *ws, size_t head, size_t len, struct bytes *message)
{
    const struct bytes payload = {ws->in.data + ws->in.begin + head, len};
    uint8_t kind = ws->in.data[ws->in.begin];
    switch (kind) {
    case FINAL | OP_TEXT:
    case FINAL | OP_BYTES:
        *message = payload;
        ws->taken = head + len;
        return true;
    case FINAL | OP_PING:
        send_frame(ws, OP_PONG, payload);
        break;
    case FINAL | OP_PONG:
        break;
    default: /* a close, or a message in fragments, which the server does not make */
        fail(ws, "closed by the server (frame of kind %02x)", kind);
    }
    ws->in.begin += head + len;
    return false;
}

bool ws_client_receive(struct ws_client *ws, struct bytes *message)
{
    ws->in.begin += ws->taken;
    ws->taken = 0;
    flush(ws);
    while (ws->failure[0] == '\0') {
        size_t head;
        size_t len;
        if (!ws->upgraded && take_upgrade(ws)) {
            continue;
        }
        if (ws->upgraded && whole_frame(ws, &head, &len)) {
            if (take_frame(ws, head, len, message)) {
                return true;
            }
        } else if (!fill(ws)) {
            return false;
        }
    }
    return false;
}
