/* SPDX-License-Identifier: Apache-2.0
 *
 * What the files of common/http share. One struct conn per TCP connection, from accept() to
 * libwebsockets' last word about it; at most one call or one ws hangs on it at a time.
 *
 * libwebsockets does the parsing, the upgrade, ws framing of what comes in, TLS and timers. What
 * goes out is formatted here into one buffer per connection, so that many messages leave in one
 * write.
 */
#ifndef COMMON_HTTP_PRIVATE_H
#define COMMON_HTTP_PRIVATE_H

#include "common/base/openssl.h" /* before libwebsockets.h, which includes OpenSSL */

#include <libwebsockets.h>

#include "common/http/http.h"

#define HEAD_MAX    65535u          /* bytes of a request head; lws counts a header's in 16 bits */
#define WRITE_MAX   ((size_t)65536) /* bytes handed to lws at once: more it would copy */
#define ADDRESS_MAX 48

enum { MAGIC_CONN = 0x636f6e6e, MAGIC_CALL = 0x63616c6c, MAGIC_WS = 0x77736f63 };

/* A growing byte queue: bytes [head, len) are waiting. */
struct buffer {
    uint8_t *data;
    size_t head;
    size_t len;
    size_t cap;
};

struct http_server {
    const struct log_sink *log;
    uv_loop_t *loop;
    const struct http_route *routes;
    size_t route_count;
    struct http_limits limits;
    bool cors;
    bool tls;
    bool trust_forwarded_for;
    bool closing;
    struct lws_context *context;
    struct lws_vhost *vhost;
    lws_retry_bo_t keepalive;          /* of WebSockets */
    struct lws_protocols protocols[2]; /* lws keeps a pointer to them */
    uv_poll_t listener;
    int listen_fd; /* -1: listens no more */
    int spare_fd;  /* given up for a moment when descriptors run out */
    int port;
    uv_idle_t closer;
    int closer_turns;
    struct conn *conns; /* doubly linked */
    struct conn *adopting;
    size_t body_total; /* bytes reserved for bodies being collected */
    struct http_counters counters;
    char scratch[HEAD_MAX + 4096]; /* the texts of the request at hand */
};

struct conn {
    uint32_t magic;
    struct http_server *server;
    struct lws *wsi; /* NULL before lws took the socket */
    struct conn *next;
    struct conn *prev;
    char address[ADDRESS_MAX];
    bool over_cap;                  /* gets 503 */
    bool asked;                     /* sent one whole request head at least */
    bool head_only;                 /* the request at hand is HEAD */
    bool answered;                  /* the request at hand has its answer in out */
    bool close_after;               /* the answer at hand is the last */
    bool paused;                    /* reading is off while a call waits for its answer */
    const struct http_route *route; /* of the request at hand while its body comes in */
    struct buffer body;
    size_t body_len;   /* announced and reserved */
    bool body_awaited; /* lws will say when it is complete */
    struct http_call *call;
    struct http_ws *ws;
    struct buffer out;
    struct bytes tail;     /* sent after out: a body that lasts */
    size_t unsent_at_tick; /* progress is checked between ticks of the connection's timer */
    int stalled_ticks;
};

struct http_call {
    uint32_t magic;
    struct conn *conn;       /* NULL: the client is gone */
    void (*gone)(void *arg); /* NULL: nobody asks */
    void *gone_arg;
};

struct http_ws {
    uint32_t magic;
    struct conn *conn;
    const struct http_route *route;
    void *user;
    struct buffer in; /* the message being put together */
    bool open;        /* the 101 is out */
    bool refused;
    bool closing;    /* no more messages either way */
    bool close_sent; /* or queued */
    unsigned code;   /* close code for on_closed, 0: none yet */
};

/* ---- buffer.c ---- */
/* Room for len more bytes behind buffer->len, to be filled by the caller. */
uint8_t *buffer_room(struct buffer *buffer, size_t len);
void buffer_append(struct buffer *buffer, const void *bytes, size_t len);
void buffer_consume(struct buffer *buffer, size_t len);
size_t buffer_left(const struct buffer *buffer);
void buffer_free(struct buffer *buffer);

/* ---- server.c ---- */
void conn_link(struct conn *conn);
void conn_unlink_free(struct conn *conn);

/* ---- listen.c ---- */
int listen_start(struct http_server *server, const char *address, int port) MUST_CHECK;
void listen_stop(struct http_server *server);

/* ---- request.c ---- */
/* lws callbacks; a result other than 0 drops the connection. */
int request_head(struct conn *conn);
int request_body(struct conn *conn, const void *bytes, size_t len);
int request_complete(struct conn *conn);
void request_gone(struct conn *conn); /* the connection is lost: let go of call and body */
/* Reads the head at hand into the server's scratch. False if it is not one to be served. */
bool request_parse(struct conn *conn, struct http_request *out);
const struct http_route *request_route(const struct http_server *server, const char *path);

/* ---- answer.c ---- */
void answer_format(struct conn *conn, const struct http_answer *answer);
void answer_status(struct conn *conn, int status, const char *text); /* a short plain answer */
int answer_writeable(struct conn *conn);
int answer_tick(struct conn *conn);
void answer_watch(struct conn *conn); /* has answer_tick ask whether the client has given up */
/* The client waits for its call no more: while it does nothing is read (dispatch), so the end of
 * the stream is not seen otherwise. */
bool answer_given_up(const struct conn *conn);
/* One write of what waits. Negative: the connection is lost. */
int conn_flush(struct conn *conn);
size_t conn_unsent(const struct conn *conn);

/* ---- ws.c ---- */
int ws_confirm(struct conn *conn, const char *protocol);
void ws_open(struct conn *conn);
int ws_receive(struct conn *conn, const void *bytes, size_t len);
int ws_writeable(struct conn *conn);
int ws_peer_closes(struct conn *conn, const uint8_t *payload, size_t len);
void ws_closed(struct conn *conn, unsigned code_if_none);

#endif
