/* SPDX-License-Identifier: Apache-2.0
 *
 * Clients of plain WebRTC: the whip core between HTTP calls and connections of the cluster. What
 * it wants done is carried out when the cluster is drained, as an input of it.
 */
#include "orchestrator/shell/server/internal.h"

static_assert(ORCH_HTTP_WHIP_BODY_MAX == WHIP_BODY_MAX, "the server lets through what whip takes");

void plain_open(struct server *server, int64_t wall_us)
{
    server->whip =
        whip_new(&(struct whip_config){.keys = {server->keys, server->settings->keys.count},
                                       .random = server->random},
                 server_now(), wall_us);
}

static const char *parameter(const struct http_request *request, const char *name)
{
    const char *value = http_query_get(request, name);
    return value == NULL ? "" : value;
}

void plain_request(void *arg, const struct http_request *request, struct http_call *call)
{
    struct server *server = arg;
    struct whip_request whip = {.verb = clients_verb(request->method),
                                .path = request->path,
                                .authorization = request->authorization,
                                .content_type = request->content_type,
                                .if_match = request->if_match,
                                .participant = parameter(request, "participant"),
                                .address = request->client_address,
                                .body = request->body};
    whip_request(server->whip, server_now(), clients_request(server, call), &whip);
    server_drain(server);
}

static void enter(struct server *server, const struct whip_out *out)
{
    struct entry_request entry = {.path = "/rtc/v1",
                                  .authorization = out->authorization,
                                  .access_token = "",
                                  .join_request = out->join_request,
                                  .protocol = "",
                                  .room = out->room};
    cluster_connect(server->cluster, server_now(), out->id, &entry, out->address);
}

void plain_gone(struct server *server, uint64_t request)
{
    whip_gone(server->whip, server_now(), request);
}

static void answer(struct server *server, const struct whip_out *out)
{
    const struct http_answer http = {.status = out->status,
                                     .content_type = out->content_type,
                                     .body = out->body,
                                     .retry_after_s = (int)out->retry_after_s,
                                     .headers = out->headers};
    if (!clients_answer(server, out->id, &http)) {
        plain_gone(server, out->id);
    }
}

bool plain_poll(struct server *server)
{
    struct whip_out out;
    if (!whip_poll(server->whip, &out)) {
        return false;
    }
    switch (out.type) {
    case WHIP_ANSWER:
        answer(server, &out);
        break;
    case WHIP_CONNECT:
        enter(server, &out);
        break;
    case WHIP_SIGNAL:
        cluster_signal(server->cluster, server_now(), out.id, out.body);
        break;
    case WHIP_DISCONNECT:
        cluster_disconnected(server->cluster, server_now(), out.id);
        break;
    }
    whip_out_fini(&out);
    return true;
}

bool plain_refuse(struct server *server, const struct effect *effect)
{
    bool ours = whip_has(server->whip, effect->id);
    whip_refused(server->whip, server_now(), effect->id,
                 &(struct whip_refusal){effect->status, effect->text, effect->retry_after_s});
    return ours;
}

bool plain_send(struct server *server, const struct effect *effect)
{
    bool ours = whip_has(server->whip, effect->id);
    if (ours) {
        whip_message(server->whip, server_now(), effect->id,
                     (struct bytes){effect->data, effect->len});
    }
    return ours;
}

bool plain_close(struct server *server, const struct effect *effect)
{
    bool ours = whip_has(server->whip, effect->id);
    whip_closed(server->whip, server_now(), effect->id, effect->status, effect->text);
    return ours;
}
