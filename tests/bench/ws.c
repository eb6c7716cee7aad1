/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/bench/ws.h"

#include "tests/bench/bench.h"

#include <arpa/inet.h>
#include <errno.h>
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

struct ws {
    int fd;
    uint8_t *in; /* what was received, not yet handed out */
    size_t in_len;
    size_t in_cap;
    size_t taken; /* of in: given by the last ws_receive */
};

static void send_all(const struct ws *ws, const void *data, size_t len)
{
    while (len > 0) {
        ssize_t n = send(ws->fd, data, len, MSG_NOSIGNAL);
        if (n <= 0) {
            bench_fail("WebSocket: %s", strerror(errno));
        }
        data = (const uint8_t *)data + n;
        len -= (size_t)n;
    }
}

/* Appends what has come; false if nothing has. */
static bool fill(struct ws *ws, int flags)
{
    if (ws->in_cap - ws->in_len < 4096) {
        ws->in_cap = 2 * ws->in_cap + 8192;
        ws->in = mem_grow(ws->in, ws->in_cap, 1);
    }
    ssize_t n = recv(ws->fd, ws->in + ws->in_len, ws->in_cap - ws->in_len, flags);
    if (n == 0) {
        bench_fail("WebSocket: closed by the server");
    }
    if (n < 0 && errno != EAGAIN) {
        bench_fail("WebSocket: %s", strerror(errno));
    }
    ws->in_len += n > 0 ? (size_t)n : 0;
    return n > 0;
}

static void drop(struct ws *ws, size_t len)
{
    memmove(ws->in, ws->in + len, ws->in_len - len);
    ws->in_len -= len;
}

static void upgrade(struct ws *ws, const char *target)
{
    static const char head[] = " HTTP/1.1\r\nHost: bench\r\nUpgrade: websocket\r\n"
                               "Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
                               "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";
    send_all(ws, "GET ", 4);
    send_all(ws, target, strlen(target));
    send_all(ws, head, sizeof(head) - 1);
    const uint8_t *end = NULL;
    while (end == NULL) {
        (void)fill(ws, 0);
        end = memmem(ws->in, ws->in_len, "\r\n\r\n", 4);
    }
    if (memcmp(ws->in, "HTTP/1.1 101", 12) != 0) {
        bench_fail("WebSocket: %.*s", (int)ws->in_len, (const char *)ws->in);
    }
    drop(ws, (size_t)(end + 4 - ws->in));
}

struct ws *ws_open(uint16_t port, const char *target)
{
    struct ws *ws = mem_alloc(sizeof(*ws));
    const struct timeval patience = {.tv_sec = 5};
    struct sockaddr_in addr = {
        .sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    ws->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    (void)setsockopt(ws->fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
    if (connect(ws->fd, (struct sockaddr *)&addr, sizeof(addr)) != 0) {
        bench_fail("WebSocket: %s", strerror(errno));
    }
    upgrade(ws, target);
    return ws;
}

void ws_close(struct ws *ws)
{
    close(ws->fd);
    free(ws->in);
    free(ws);
}

int ws_fd(const struct ws *ws)
{
    return ws->fd;
}

/* The mask is zero: it hides nothing, and the server can't tell. */
static void send_frame(struct ws *ws, uint8_t op, struct bytes payload)
{
    uint8_t head[6] = {FINAL | op, (uint8_t)(MASKED | payload.len)};
    assert(payload.len < 126); /* more would take a longer head */
    send_all(ws, head, sizeof(head));
    send_all(ws, payload.data, payload.len);
}

void ws_send(struct ws *ws, struct bytes message)
{
    send_frame(ws, OP_BYTES, message);
}

/* The frame at the front of in: false if it is not whole yet. */
static bool whole_frame(const struct ws *ws, size_t *head, size_t *len)
{
    if (ws->in_len < 2) {
        return false;
    }
    *len = ws->in[1] & 0x7f;
    *head = *len == 126 ? 4 : *len == 127 ? 10 : 2;
    if (ws->in_len < *head) {
        return false;
    }
    *len = *len == 126 ? be16_get(ws->in + 2) : *len == 127 ? be64_get(ws->in + 2) : *len;
    return ws->in_len - *head >= *len;
}

bool ws_receive(struct ws *ws, struct bytes *message)
{
    drop(ws, ws->taken);
    ws->taken = 0;
    for (;;) {
        size_t head;
        size_t len;
        if (!whole_frame(ws, &head, &len)) {
            if (!fill(ws, MSG_DONTWAIT)) {
                return false;
            }
            continue;
        }
        const struct bytes payload = {ws->in + head, len};
        switch (ws->in[0]) {
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
            bench_fail("WebSocket: frame of kind %02x", ws->in[0]);
        }
        drop(ws, head + len);
    }
}
