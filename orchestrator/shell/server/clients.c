/* SPDX-License-Identifier: Apache-2.0
 *
 * HTTP and WebSocket clients. A WebSocket that the core does not refuse is accepted; its messages
 * go to the core as protobuf, JSON clients being translated both ways. Every HTTP call gets a
 * number and waits for the core's REPLY with it.
 */
#include "orchestrator/shell/server/internal.h"

#include "proto/gen/client.pb-c.h"
#include "proto/protojson/protojson.h"
#include "proto/wire/wire.h"

#include <stdio.h>
#include <stdlib.h>

static struct server_conn *find_conn(struct server *server, uint64_t id)
{
    struct server_conn *conn;
    HASH_FIND(hh, server->conns, &id, sizeof(id), conn);
    return conn;
}

static void forget_conn(struct server *server, struct server_conn *conn)
{
    HASH_DEL(server->conns, conn);
    free(conn);
}

static const char *parameter(const struct http_request *request, const char *name)
{
    const char *value = http_query_get(request, name);
    return value == NULL ? "" : value;
}

static struct entry_request entry_of(const struct http_request *request)
{
    return (struct entry_request){
        .path = request->path,
        .authorization = request->authorization,
        .access_token = parameter(request, "access_token"),
        .join_request = parameter(request, "join_request"),
        .protocol = parameter(request, "protocol"),
        .room = parameter(request, "room"),
    };
}

/* What the query of v0 says as a join request, which the caller frees; or NULL. */
static char *read_v0(struct entry_request *entry, const struct http_request *request)
{
    const char *values[ENTRY_PARAMETERS];
    if (!entry_is_v0(entry)) {
        return NULL;
    }
    for (size_t i = 0; i < ENTRY_PARAMETERS; i++) {
        values[i] = parameter(request, entry_parameters[i]);
    }
    char *join_request = entry_from_parameters(values);
    entry->join_request = join_request;
    entry->two_connections = true;
    return join_request;
}

/* ---- WebSockets ---------------------------------------------------------------------------- */

static void on_connect(void *arg, const struct http_request *request, struct http_ws *ws)
{
    struct server *server = arg;
    struct server_conn *conn = mem_alloc(sizeof(*conn));
    conn->id = ++server->last_id;
    conn->ws = ws;
    HASH_ADD(hh, server->conns, id, sizeof(conn->id), conn);
    http_ws_set_user(ws, conn);
    struct entry_request entry = entry_of(request);
    char *made = read_v0(&entry, request);
    cluster_connect(server->cluster, server_now(), conn->id, &entry, request->client_address);
    free(made);
    server_drain(server);
}

/* A JSON client's message as protobuf; false if it is none. */
static bool from_json(struct bytes text, uint8_t **out, size_t *len)
{
    ProtobufCMessage *message;
    const struct protojson_options options = {.ignore_unknown = true};
    if (protojson_parse(&livekit__signal_request__descriptor, (const char *)text.data, text.len,
                        &options, &message, NULL) != 0) {
        return false;
    }
    *out = wire_pack(message, len);
    protobuf_c_message_free_unpacked(message, NULL);
    return true;
}

static void on_message(void *arg, struct http_ws *ws, bool text, struct bytes message)
{
    struct server *server = arg;
    struct server_conn *conn = http_ws_user(ws);
    uint8_t *packed = NULL;
    size_t len = 0;
    if (text) {
        conn->text = true;
        if (!from_json(message, &packed, &len)) {
            cluster_signal_malformed(server->cluster, server_now(), conn->id);
            server_drain(server);
            return;
        }
        message = (struct bytes){packed, len};
    }
    cluster_signal(server->cluster, server_now(), conn->id, message);
    free(packed);
    server_drain(server);
}

static void on_closed(void *arg, struct http_ws *ws, unsigned code)
{
    struct server *server = arg;
    struct server_conn *conn = http_ws_user(ws);
    uint64_t id = conn->id;
    log_write(server->log, LOG_DEBUG, "websocket_closed code=%u", code);
    forget_conn(server, conn);
    cluster_disconnected(server->cluster, server_now(), id);
    server_drain(server);
}

void clients_refuse(struct server *server, const struct effect *effect)
{
    struct server_conn *conn = find_conn(server, effect->id);
    if (plain_refuse(server, effect)) {
        return;
    }
    assert(conn != NULL); /* refused within on_connect */
    struct http_ws *ws = conn->ws;
    forget_conn(server, conn);
    http_ws_refuse(
        ws, &(struct http_answer){.status = effect->status,
                                  .body = {(const uint8_t *)effect->text, strlen(effect->text)},
                                  .retry_after_s = (int)effect->retry_after_s});
}

static void send_json(struct server_conn *conn, const struct effect *effect)
{
    ProtobufCMessage *message = protobuf_c_message_unpack(&livekit__signal_response__descriptor,
                                                          NULL, effect->len, effect->data);
    if (message == NULL) { /* of another orchestrator's making: ours packs no such thing */
        return;
    }
    size_t len;
    char *text = protojson_print(message, &(struct protojson_options){0}, &len);
    protobuf_c_message_free_unpacked(message, NULL);
    (void)http_ws_send(conn->ws, true, (struct bytes){(const uint8_t *)text, len});
    free(text);
}

void clients_send(struct server *server, const struct effect *effect)
{
    struct server_conn *conn = find_conn(server, effect->id);
    if (plain_send(server, effect) || conn == NULL) {
        return; /* or closed while the core did not know yet */
    }
    if (conn->text) {
        send_json(conn, effect);
    } else {
        (void)http_ws_send(conn->ws, false, (struct bytes){effect->data, effect->len});
    }
}

void clients_close(struct server *server, const struct effect *effect)
{
    struct server_conn *conn = find_conn(server, effect->id);
    if (!plain_close(server, effect) && conn != NULL) {
        http_ws_close(conn->ws, (unsigned)effect->status, effect->text);
    }
}

/* ---- Calls --------------------------------------------------------------------------------- */

static void on_call_gone(void *arg)
{
    struct server_request *request = arg;
    struct server *server = request->server;
    plain_gone(server, request->id);
    orch_request_gone(server->orch, request->id);
    server_drain(server);
}

uint64_t clients_request(struct server *server, struct http_call *call)
{
    struct server_request *request = mem_alloc(sizeof(*request));
    *request = (struct server_request){.server = server, .id = ++server->last_id, .call = call};
    HASH_ADD(hh, server->requests, id, sizeof(request->id), request);
    http_call_watch(call, on_call_gone, request);
    return request->id;
}

const char *clients_verb(enum http_method method)
{
    switch (method) {
    case HTTP_GET:
        return "GET";
    case HTTP_POST:
        return "POST";
    case HTTP_PUT:
        return "PUT";
    case HTTP_PATCH:
        return "PATCH";
    case HTTP_DELETE:
        return "DELETE";
    }
    unreachable();
}

static void on_validate(void *arg, const struct http_request *request, struct http_call *call)
{
    struct server *server = arg;
    struct entry_request entry = entry_of(request);
    char *made = read_v0(&entry, request);
    cluster_validate(server->cluster, server_now(), clients_request(server, call), &entry);
    free(made);
    server_drain(server);
}

static void on_twirp(void *arg, const struct http_request *request, struct http_call *call)
{
    struct server *server = arg;
    struct twirp_head head = {.verb = clients_verb(request->method),
                              .path = request->path,
                              .content_type = request->content_type};
    cluster_twirp(server->cluster, server_now(), clients_request(server, call), &head,
                  &(struct cluster_caller){request->authorization, request->traceparent},
                  request->body);
    server_drain(server);
}

static void on_admin(void *arg, const struct http_request *request, struct http_call *call)
{
    struct server *server = arg;
    struct orch_admin_request admin = {.verb = clients_verb(request->method),
                                       .path = request->path,
                                       .authorization = request->authorization,
                                       .after = parameter(request, "after"),
                                       .wait_s = parameter(request, "wait_s"),
                                       .fields = parameter(request, "fields"),
                                       .traceparent = request->traceparent,
                                       .body = request->body};
    cluster_admin(server->cluster, server_now(), clients_request(server, call), &admin);
    server_drain(server);
}

static void on_token(void *arg, const struct http_request *request, struct http_call *call)
{
    struct server *server = arg;
    struct orch_page_request page = {.room = parameter(request, "room"),
                                     .identity = parameter(request, "identity"),
                                     .name = parameter(request, "name")};
    orch_page_token(server->orch, server_now(), clients_request(server, call), &page);
    server_drain(server);
}

bool clients_answer(struct server *server, uint64_t id, const struct http_answer *answer)
{
    struct server_request *request;
    HASH_FIND(hh, server->requests, &id, sizeof(id), request);
    assert(request != NULL); /* one answer for each */
    bool waits = http_call_answer(request->call, answer);
    HASH_DEL(server->requests, request);
    free(request);
    return waits;
}

void clients_reply(struct server *server, const struct effect *effect)
{
    clients_answer(server, effect->id,
                   &(struct http_answer){.status = effect->status,
                                         .content_type = effect->name,
                                         .body = {effect->data, effect->len},
                                         .retry_after_s = (int)effect->retry_after_s});
}

/* ---- Start --------------------------------------------------------------------------------- */

static bool is_ready(void *arg, char reason[PROBES_REASON_MAX])
{
    const struct server *server = arg;
    if (server->stop_us != TIME_NEVER) {
        snprintf(reason, PROBES_REASON_MAX, "it is about to stop");
        return false;
    }
    return orch_ready(server->orch, reason, PROBES_REASON_MAX);
}

static const char *or_null(const char *text)
{
    return text[0] == '\0' ? NULL : text;
}

int clients_open(struct server *server)
{
    const struct settings_listen *listen = &server->settings->listen;
    const struct settings_pages *pages = &server->settings->pages;
    server->certificate_ends_s =
        listen->tls_cert_file[0] == '\0' ? 0 : certificate_ends_s(listen->tls_cert_file);
    server->probes = (struct probes){.prefix = "spillway_orchestrator",
                                     .arg = server,
                                     .ready = is_ready,
                                     .metrics = metrics_collect};
    return orch_http_open(&server->http, &(struct orch_http_config){
                                             .loop = &server->loop,
                                             .log = server->log,
                                             .address = listen->address,
                                             .port = (int)listen->port,
                                             .tls_cert_path = or_null(listen->tls_cert_file),
                                             .tls_key_path = or_null(listen->tls_key_file),
                                             .trust_forwarded_for = listen->trust_forwarded_for,
                                             .pages_dir = or_null(pages->dir),
                                             .status_dir = or_null(pages->status_dir),
                                             .handlers = {.connect = on_connect,
                                                          .message = on_message,
                                                          .closed = on_closed,
                                                          .validate = on_validate,
                                                          .twirp = on_twirp,
                                                          .admin = on_admin,
                                                          .whip = plain_request,
                                                          .token = on_token,
                                                          .arg = server},
                                             .probes = &server->probes,
                                         });
}
