/* SPDX-License-Identifier: Apache-2.0
 *
 * One HTTP/1.1 and WebSocket server on a libuv loop, with libwebsockets inside: a route table,
 * calls that may be answered later, WebSockets that are accepted or refused before the upgrade,
 * CORS, and limits against clients that are slow, large or many. Decides nothing but what the table
 * says.
 *
 * Everything runs on the loop's thread. Callbacks may call every function here except http_close().
 * No function calls back into its caller: an on_closed always comes from the loop.
 */
#ifndef COMMON_HTTP_HTTP_H
#define COMMON_HTTP_HTTP_H

#include <uv.h>

#include "common/base/base.h"

struct http_server;
struct http_call; /* a request that waits for its answer */
struct http_ws;   /* a WebSocket */

enum http_method { HTTP_GET = 1, HTTP_POST = 2, HTTP_PUT = 4, HTTP_PATCH = 8, HTTP_DELETE = 16 };

/* Borrowed for the callback. Texts are never NULL: "" where the header is absent. The whole head,
 * with the request line, may have 64 KB - 1. */
struct http_request {
    enum http_method method; /* HEAD arrives as GET; its answer's body is left out by the server */
    const char *path;        /* percent-decoded, "//" collapsed, without the query */
    const char *query;       /* decoded parameters, to be read with http_query_get */
    const char *authorization;
    const char *content_type;
    const char *user_agent;
    const char *accept_encoding;
    const char *if_none_match;
    const char *if_match;
    const char *traceparent;    /* W3C Trace Context */
    const char *client_address; /* without a port; X-Forwarded-For's last entry where trusted */
    struct bytes body;          /* one zero byte behind it */
};

/* Everything is copied unless body_lasts. */
struct http_answer {
    int status;               /* 200 .. 599 */
    const char *content_type; /* NULL: text/plain; charset=utf-8, where there is a body */
    struct bytes body;
    bool body_lasts;     /* the body outlives the server, so it is not copied */
    int retry_after_s;   /* > 0: Retry-After */
    const char *headers; /* NULL, or whole lines: "Name: value\r\n..." */
};

/* ---- Routes --------------------------------------------------------------------------------
 * The first route whose path matches takes the request; none: 404 with an empty body. A wrong
 * method: 405 with Allow. OPTIONS is answered by the server (204, preflight headers, and what the
 * route has for it). */
struct http_route {
    const char *path;    /* exact ("/rtc"), or a prefix if it ends in '*' ("/twirp/" and a star) */
    unsigned methods;    /* enum http_method bits; 0: WebSockets only, plain requests get 404 */
    size_t body_max;     /* bytes of a request body; more: 413 and the connection closes */
    const char *options; /* NULL, or whole header lines, 256 bytes at most, for OPTIONS' answer */

    /* The call must be answered exactly once with http_call_answer, now or at any later time. */
    void (*on_call)(void *arg, const struct http_request *request, struct http_call *call);

    /* A client asks for an upgrade (NULL: 404). Return to accept, or http_ws_refuse(ws, ...) before
     * returning, after which ws is gone. An accepted ws may be sent to at once: what is queued here
     * leaves right behind the 101. */
    void (*on_upgrade)(void *arg, const struct http_request *request, struct http_ws *ws);
    /* A whole message, at most ws_message_max bytes. Borrowed; one zero byte behind it. */
    void (*on_message)(void *arg, struct http_ws *ws, bool text, struct bytes message);
    /* Exactly once for each accepted ws, the last time it is seen. code: the peer's close code,
     * ours if we closed, 1006 if the connection was lost. */
    void (*on_closed)(void *arg, struct http_ws *ws, unsigned code);
    void *arg;
};

/* ---- Server -------------------------------------------------------------------------------- */

/* 0 takes the default in brackets. */
struct http_limits {
    size_t connections;     /* [10000] more get 503 with Retry-After */
    size_t ws_message_max;  /* [2 MiB] bytes, after decompression; more: close 1009 */
    size_t ws_queue_max;    /* [4 MiB] bytes unsent to one client; more: close, counted ws_slow */
    size_t body_total_max;  /* [256 MiB] bytes of all request bodies being collected; more: 503 */
    int header_timeout_s;   /* [10] for a whole request head, and again for a whole body */
    int idle_timeout_s;     /* [30] keep-alive without a request */
    int ws_ping_interval_s; /* [10] a ws ping on a silent connection; no pong for as long: closed */
};

struct http_config {
    uv_loop_t *loop;
    const struct log_sink *log; /* also gets libwebsockets' own lines; must outlive the server */
    const char *address; /* numeric, e.g. "127.0.0.1", "::"; NULL or "": all, IPv4 and IPv6 */
    int port;            /* 0: any free one, see http_port */
    const struct http_route *routes; /* must outlive the server */
    size_t route_count;
    const char *tls_cert_path; /* PEM, both or neither */
    const char *tls_key_path;
    bool cors;                /* any origin may read every answer, with all of its headers (never
                               * with credentials, for which "*" would not do) */
    bool trust_forwarded_for; /* a proxy in front sets X-Forwarded-For */
    struct http_limits limits;
};

/* Listens. ERR_IO if the address cannot be bound or the certificate not be read (logged). */
int http_open(struct http_server **out, const struct http_config *config) MUST_CHECK;

/* Stops listening and drops every connection: each ws gets on_closed (1001) before this returns;
 * unanswered calls stay valid and are still to be answered, into the void. The loop must turn a few
 * times more before uv_loop_close (uv_run until it is idle), since libuv closes handles there. */
void http_close(struct http_server *server);

/* Listens no more; what is connected goes on. For a drain. */
void http_stop_listening(struct http_server *server);

int http_port(const struct http_server *server);

/* Calls gone(arg) once if the client goes before the answer: when its connection ends, or within a
 * quarter of a second of its having ended what it sends. The call is still to be answered. */
void http_call_watch(struct http_call *call, void (*gone)(void *arg), void *arg);

/* Answers and frees the call. False: the client has gone meanwhile and the answer goes nowhere; who
 * watches the call is told so also of one that has just ended what it sends. */
bool http_call_answer(struct http_call *call, const struct http_answer *answer);

/* ---- WebSockets ---------------------------------------------------------------------------- */

/* Only from on_upgrade. */
void http_ws_refuse(struct http_ws *ws, const struct http_answer *answer);

void http_ws_set_user(struct http_ws *ws, void *user);
void *http_ws_user(const struct http_ws *ws);

/* Queues one message (copied). Messages queued in one loop turn leave in as few writes as possible.
 * ERR_FULL: the client does not read; it is being closed. ERR_STATE: closing already. Both mean
 * that on_closed follows, so the return value may be ignored. */
int http_ws_send(struct http_ws *ws, bool text, struct bytes message);

/* Sends what is queued, then a close frame; gives up after 5 s. code 1000 .. 4999; reason up to 123
 * bytes, cut if longer, may be NULL. No on_message afterwards. Harmless when closing already. */
void http_ws_close(struct http_ws *ws, unsigned code, const char *reason);

/* ---- Query strings --------------------------------------------------------------------------
 * The first value of a parameter, decoded (%XX, '+' is a space); "" if it has none, NULL if it is
 * absent. Lives as long as the request. */
const char *http_query_get(const struct http_request *request, const char *name);

/* ---- Counters ------------------------------------------------------------------------------ */
struct http_counters {
    uint64_t connections;         /* open now */
    uint64_t websockets;          /* open now */
    uint64_t connections_total;   /* accepted */
    uint64_t connections_refused; /* over the cap: 503 or closed at once */
    uint64_t connections_silent;  /* ended without one whole request head */
    uint64_t requests_total;      /* HTTP requests with a whole head */
    uint64_t requests_too_large;  /* 413 */
    uint64_t requests_shed;       /* 503 by body_total_max */
    uint64_t ws_accepted;
    uint64_t ws_refused;
    uint64_t ws_slow;    /* closed because the client did not read */
    uint64_t ws_too_big; /* closed with 1009 */
    uint64_t ws_messages_in;
    uint64_t ws_messages_out;
    uint64_t ws_bytes_in; /* of messages */
    uint64_t ws_bytes_out;
};
const struct http_counters *http_counters(const struct http_server *server);

#endif
