/* SPDX-License-Identifier: Apache-2.0
 *
 * From a request's head to the route's on_call.
 *
 * Happy path: the head is complete, its route found, its body (if it has one) collected, the route
 * is called; reading stops until the call has its answer. Failure modes, each an answer and mostly
 * a counter too:
 * - over the cap of connections 503; no route 404; wrong method 405 with Allow; OPTIONS is a
 * preflight.
 * - a body without a length 411 (chunked bodies included), with a broken one 400, larger than the
 *   route takes 413 (what comes is thrown away), no memory left for bodies 503.
 * - a body that is not whole in time: the connection is dropped.
 * - a request with a body that comes before the answer to the one before it (pipelining): dropped
 *   too, as lws cannot serve it.
 */
#include "common/http/private.h"

#include <stdio.h>
#include <stdlib.h>

#define METHODS_TEXT_MAX 64
#define LENGTH_TEXT_MAX  20 /* characters of a Content-Length: fits 64 bits */

/* ---- Reading the head ------------------------------------------------------------------------
 * All texts of a head fit into the scratch, for they come from one buffer of HEAD_MAX bytes. */
struct scratch {
    char *at;
    size_t left;
};

/* So many characters that were copied there. */
static const char *take(struct scratch *s, int len)
{
    const char *text = s->at;
    s->at += len + 1;
    s->left -= (size_t)len + 1;
    return text;
}

static const char *take_header(struct conn *conn, struct scratch *s, enum lws_token_indexes token)
{
    int len = lws_hdr_copy(conn->wsi, s->at, (int)s->left, token);
    return len <= 0 ? "" : take(s, len);
}

/* One that lws has no token for; name in lower case, with its colon. */
static const char *take_other(struct conn *conn, struct scratch *s, const char *name)
{
    int len = lws_hdr_custom_copy(conn->wsi, s->at, (int)s->left, name, (int)strlen(name));
    return len <= 0 ? "" : take(s, len);
}

/* The parameters one after the other, each NUL-terminated, an empty one behind the last. */
static const char *take_query(struct conn *conn, struct scratch *s)
{
    const char *query = s->at;
    for (int i = 0;; i++) {
        int len = lws_hdr_copy_fragment(conn->wsi, s->at, (int)s->left, WSI_TOKEN_HTTP_URI_ARGS, i);
        if (len < 0) {
            break;
        }
        if (len > 0) {
            s->at += len + 1;
            s->left -= (size_t)len + 1;
        }
    }
    *s->at++ = '\0';
    s->left--;
    return query;
}

static const char *take_path(struct scratch *s, const char *path, size_t len)
{
    char *copy = s->at;
    memcpy(copy, path, len);
    copy[len] = '\0';
    s->at += len + 1;
    s->left -= len + 1;
    return copy;
}

static const char *take_client(struct conn *conn, struct scratch *s)
{
    if (!conn->server->trust_forwarded_for) {
        return conn->address;
    }
    /* The last entry is the one our own proxy saw; those before it are hearsay. */
    const char *forwarded = take_header(conn, s, WSI_TOKEN_X_FORWARDED_FOR);
    const char *comma = strrchr(forwarded, ',');
    const char *last = comma == NULL ? forwarded : comma + 1;
    last += strspn(last, " \t");
    return last[0] == '\0' ? conn->address : last;
}

/* 0: OPTIONS. Negative: none we serve. */
static int method_of(int lws_method)
{
    switch (lws_method) {
    case LWSHUMETH_GET:
    case LWSHUMETH_HEAD:
        return HTTP_GET;
    case LWSHUMETH_POST:
        return HTTP_POST;
    case LWSHUMETH_PUT:
        return HTTP_PUT;
    case LWSHUMETH_PATCH:
        return HTTP_PATCH;
    case LWSHUMETH_DELETE:
        return HTTP_DELETE;
    case LWSHUMETH_OPTIONS:
        return 0;
    default:
        return -1;
    }
}

bool request_parse(struct conn *conn, struct http_request *out)
{
    struct http_server *server = conn->server;
    struct scratch s = {server->scratch, sizeof(server->scratch)};
    char *path = NULL;
    int path_len = 0;
    int lws_method = lws_http_get_uri_and_method(conn->wsi, &path, &path_len);
    int method = method_of(lws_method);
    if (method < 0 || path == NULL || path_len <= 0) {
        return false;
    }
    conn->head_only = lws_method == LWSHUMETH_HEAD;
    *out = (struct http_request){
        .method = (enum http_method)method,
        .path = take_path(&s, path, (size_t)path_len),
        .query = take_query(conn, &s),
        .authorization = take_header(conn, &s, WSI_TOKEN_HTTP_AUTHORIZATION),
        .content_type = take_header(conn, &s, WSI_TOKEN_HTTP_CONTENT_TYPE),
        .user_agent = take_header(conn, &s, WSI_TOKEN_HTTP_USER_AGENT),
        .accept_encoding = take_header(conn, &s, WSI_TOKEN_HTTP_ACCEPT_ENCODING),
        .if_none_match = take_header(conn, &s, WSI_TOKEN_HTTP_IF_NONE_MATCH),
        .if_match = take_header(conn, &s, WSI_TOKEN_HTTP_IF_MATCH),
        .traceparent = take_other(conn, &s, "traceparent:"),
        .client_address = take_client(conn, &s),
        .body = {(const uint8_t *)"", 0},
    };
    return true;
}

const char *http_query_get(const struct http_request *request, const char *name)
{
    size_t name_len = strlen(name);
    for (const char *p = request->query; *p != '\0'; p += strlen(p) + 1) {
        if (strncmp(p, name, name_len) != 0) {
            continue;
        }
        if (p[name_len] == '=') {
            return p + name_len + 1;
        }
        if (p[name_len] == '\0') {
            return "";
        }
    }
    return NULL;
}

const struct http_route *request_route(const struct http_server *server, const char *path)
{
    for (size_t i = 0; i < server->route_count; i++) {
        const char *pattern = server->routes[i].path;
        size_t len = strlen(pattern);
        bool prefix = len > 0 && pattern[len - 1] == '*';
        if (prefix ? strncmp(path, pattern, len - 1) == 0 : strcmp(path, pattern) == 0) {
            return &server->routes[i];
        }
    }
    return NULL;
}

/* The body's length; ERR_UNSUPPORTED if it has none that we can know, ERR_INVALID if it is broken.
 */
static int body_length(struct lws *wsi, enum http_method method, size_t *out)
{
    char text[LENGTH_TEXT_MAX + 1];
    if (lws_hdr_total_length(wsi, WSI_TOKEN_HTTP_TRANSFER_ENCODING) > 0) {
        return ERR_UNSUPPORTED;
    }
    if (lws_hdr_total_length(wsi, WSI_TOKEN_HTTP_CONTENT_LENGTH) == 0) {
        bool body_expected = (method & (HTTP_POST | HTTP_PUT | HTTP_PATCH)) != 0;
        *out = 0;
        return body_expected ? ERR_UNSUPPORTED : 0;
    }
    int len = lws_hdr_copy(wsi, text, sizeof(text), WSI_TOKEN_HTTP_CONTENT_LENGTH);
    /* 19 digits cannot overflow; more than one header reads as "5,5" here. */
    if (len <= 0 || len > 18 || strspn(text, "0123456789") != (size_t)len) {
        return ERR_INVALID;
    }
    *out = strtoull(text, NULL, 10);
    return 0;
}

/* ---- Answers of the server itself ------------------------------------------------------------ */
static void answer_preflight(struct conn *conn, const struct http_route *route)
{
    char wanted[1024] = "";
    char headers[sizeof(wanted) + 512];
    const char *options = route == NULL || route->options == NULL ? "" : route->options;
    assert(strlen(options) <= 256);
    int len = lws_hdr_copy(conn->wsi, wanted, sizeof(wanted), WSI_TOKEN_HTTP_AC_REQUEST_HEADERS);
    for (int i = 0; i < len; i++) {
        if (wanted[i] < ' ' || wanted[i] > '~') {
            len = 0;
        }
    }
    snprintf(headers, sizeof(headers),
             "Access-Control-Allow-Methods: GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS\r\n"
             "Access-Control-Allow-Headers: %s\r\n"
             "Access-Control-Max-Age: 86400\r\n%s",
             len > 0 ? wanted : "*", options);
    answer_format(conn, &(struct http_answer){.status = 204, .headers = headers});
}

static void answer_not_allowed(struct conn *conn, unsigned methods)
{
    static const char *const names[] = {"GET, HEAD", "POST", "PUT", "PATCH", "DELETE"};
    char headers[METHODS_TEXT_MAX];
    size_t len = (size_t)snprintf(headers, sizeof(headers), "Allow: ");
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        if (methods & (1u << i)) {
            bool first = (methods & ((1u << i) - 1)) == 0;
            len += (size_t)snprintf(headers + len, sizeof(headers) - len, "%s%s", first ? "" : ", ",
                                    names[i]);
        }
    }
    snprintf(headers + len, sizeof(headers) - len, "\r\n");
    answer_format(conn, &(struct http_answer){.status = 405, .headers = headers});
}

static void answer_overload(struct conn *conn)
{
    static const char text[] = "overloaded, try again later\n";
    conn->close_after = true;
    answer_format(conn, &(struct http_answer){.status = 503,
                                              .retry_after_s = 5,
                                              .body = {(const uint8_t *)text, strlen(text)}});
}

/* ---- A request's life ------------------------------------------------------------------------ */
static void dispatch(struct conn *conn, const struct http_route *route,
                     const struct http_request *request)
{
    struct http_call *call = mem_alloc(sizeof(*call));
    *call = (struct http_call){.magic = MAGIC_CALL, .conn = conn};
    conn->call = call;
    lws_set_timeout(conn->wsi, NO_PENDING_TIMEOUT, 0);
    route->on_call(route->arg, request, call);
    if (conn->call != NULL) {
        /* Else what a client sends meanwhile would wake the loop for ever, or fill memory. */
        conn->paused = true;
        lws_rx_flow_control(conn->wsi, 0);
    }
}

void http_call_watch(struct http_call *call, void (*gone)(void *arg), void *arg)
{
    assert(call->magic == MAGIC_CALL);
    call->gone = gone;
    call->gone_arg = arg;
    if (call->conn != NULL) {
        answer_watch(call->conn);
    }
}

bool http_call_answer(struct http_call *call, const struct http_answer *answer)
{
    assert(call->magic == MAGIC_CALL);
    struct conn *conn = call->conn;
    bool watched = call->gone != NULL;
    call->magic = 0;
    free(call);
    if (conn == NULL) {
        return false;
    }
    bool waits = !watched || !answer_given_up(conn);
    conn->call = NULL;
    if (conn->paused) {
        conn->paused = false;
        lws_rx_flow_control(conn->wsi, 1); /* lws does not write while it may not read */
    }
    answer_format(conn, answer);
    return waits;
}

static void body_release(struct conn *conn)
{
    conn->server->body_total -= conn->body_len;
    conn->body_len = 0;
    conn->route = NULL;
    buffer_free(&conn->body);
}

/* Waits for a body, or calls the route at once. */
static void route_body(struct conn *conn, const struct http_route *route,
                       const struct http_request *request, size_t len)
{
    struct http_server *server = conn->server;
    if (len > route->body_max) {
        server->counters.requests_too_large++;
        answer_status(conn, 413, "the request body is too large\n");
    } else if (server->body_total + len > server->limits.body_total_max) {
        server->counters.requests_shed++;
        answer_overload(conn);
    } else if (conn->body_awaited) {
        conn->close_after = false;
        conn->route = route;
        conn->body_len = len;
        server->body_total += len;
        lws_set_timer_usecs(conn->wsi, server->limits.header_timeout_s * LWS_US_PER_SEC);
    } else {
        dispatch(conn, route, request);
    }
}

int request_head(struct conn *conn)
{
    struct http_server *server = conn->server;
    struct http_request request;
    size_t len = 0;
    server->counters.requests_total++;
    conn->asked = true;
    if (server->closing || conn->close_after || conn->answered || conn->call != NULL) {
        return -1;
    }
    bool ok = request_parse(conn, &request);
    int err = ok ? body_length(conn->wsi, request.method, &len) : ERR_INVALID;
    if (err != 0) {
        conn->body_awaited = false;
        conn->close_after = true;
        answer_status(conn, err == ERR_UNSUPPORTED ? 411 : 400, "bad request or no length\n");
        return 0;
    }
    /* lws reports the end of a body for every POST, else for one that is there. A request that is
     * refused with a body on its way is the connection's last. */
    conn->body_awaited = len > 0 || request.method == HTTP_POST;
    conn->close_after = conn->body_awaited;
    const struct http_route *route = request_route(server, request.path);
    if (conn->over_cap) {
        answer_overload(conn);
    } else if (request.method == 0 && server->cors) {
        answer_preflight(conn, route);
    } else if (route == NULL || route->methods == 0) {
        answer_status(conn, 404, "");
    } else if ((route->methods & request.method) == 0) {
        answer_not_allowed(conn, route->methods);
    } else {
        route_body(conn, route, &request, len);
    }
    return 0;
}

int request_body(struct conn *conn, const void *bytes, size_t len)
{
    if (conn->route == NULL) {
        return 0; /* refused: thrown away */
    }
    if (conn->body.len + len > conn->body_len) {
        return -1;
    }
    buffer_append(&conn->body, bytes, len);
    return 0;
}

/* lws 4.1.6 consumes a pipelined request's buffer once too often and so hands out its head as its
 * body. No body that is served here begins as a request does. */
static bool is_head_again(const struct http_request *request)
{
    static const char *const names[] = {"GET ", "POST ", "PUT ", "PATCH ", "DELETE "};
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        size_t len = MIN(strlen(names[i]), request->body.len);
        if (request->method == 1u << i && len > 0) {
            return memcmp(request->body.data, names[i], len) == 0;
        }
    }
    return false;
}

int request_complete(struct conn *conn)
{
    struct http_request request;
    if (!conn->body_awaited) {
        return -1; /* lws says it again when bytes follow the body */
    }
    conn->body_awaited = false;
    if (conn->route == NULL) {
        return 0;
    }
    const struct http_route *route = conn->route;
    if (conn->body.len != conn->body_len || !request_parse(conn, &request)) {
        return -1;
    }
    *buffer_room(&conn->body, 1) = '\0';
    request.body = (struct bytes){conn->body.data, conn->body.len};
    if (is_head_again(&request)) {
        return -1;
    }
    dispatch(conn, route, &request);
    body_release(conn);
    return 0;
}

void request_gone(struct conn *conn)
{
    struct http_call *call = conn->call;
    conn->call = NULL;
    body_release(conn);
    if (call != NULL) {
        call->conn = NULL;
        if (call->gone != NULL) {
            call->gone(call->gone_arg); /* may answer, which frees it */
        }
    }
}
