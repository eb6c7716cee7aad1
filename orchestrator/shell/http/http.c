/* SPDX-License-Identifier: Apache-2.0
 *
 * The table of the orchestrator's routes. Nothing happens here but passing on; failure modes are
 * those of common/http.
 */
#include "orchestrator/shell/http/http.h"

#include <stdlib.h>

#include "orchestrator/shell/http/folder.h"
#include "orchestrator/shell/http/pages.h"

#define ROUTES       19
#define EVERY_METHOD (HTTP_GET | HTTP_POST | HTTP_PUT | HTTP_PATCH | HTTP_DELETE)

struct orch_http {
    struct http_server *server;
    struct pages *pages; /* NULL: none */
    char *status_dir;    /* NULL: none */
    struct orch_http_handlers handlers;
    struct http_route routes[ROUTES];
};

static void on_upgrade(void *arg, const struct http_request *request, struct http_ws *ws)
{
    struct orch_http *http = arg;
    http->handlers.connect(http->handlers.arg, request, ws);
}

static void on_message(void *arg, struct http_ws *ws, bool text, struct bytes message)
{
    struct orch_http *http = arg;
    http->handlers.message(http->handlers.arg, ws, text, message);
}

static void on_closed(void *arg, struct http_ws *ws, unsigned code)
{
    struct orch_http *http = arg;
    http->handlers.closed(http->handlers.arg, ws, code);
}

static void on_validate(void *arg, const struct http_request *request, struct http_call *call)
{
    struct orch_http *http = arg;
    http->handlers.validate(http->handlers.arg, request, call);
}

static void on_twirp(void *arg, const struct http_request *request, struct http_call *call)
{
    struct orch_http *http = arg;
    http->handlers.twirp(http->handlers.arg, request, call);
}

static void on_admin(void *arg, const struct http_request *request, struct http_call *call)
{
    struct orch_http *http = arg;
    http->handlers.admin(http->handlers.arg, request, call);
}

static void on_whip(void *arg, const struct http_request *request, struct http_call *call)
{
    struct orch_http *http = arg;
    http->handlers.whip(http->handlers.arg, request, call);
}

static void on_token(void *arg, const struct http_request *request, struct http_call *call)
{
    struct orch_http *http = arg;
    if (http->handlers.token != NULL) {
        http->handlers.token(http->handlers.arg, request, call);
    } else {
        http_call_answer(call, &(struct http_answer){.status = 404});
    }
}

static void on_page(void *arg, const struct http_request *request, struct http_call *call)
{
    struct orch_http *http = arg;
    if (http->pages != NULL) {
        pages_answer(http->pages, request, call);
    } else if (strcmp(request->path, "/") == 0) {
        /* Load balancers of LiveKit deployments ask for this. */
        http_call_answer(call,
                         &(struct http_answer){.status = 200, .body = {(const uint8_t *)"OK", 2}});
    } else {
        http_call_answer(call, &(struct http_answer){.status = 404});
    }
}

static void on_status(void *arg, const struct http_request *request, struct http_call *call)
{
    struct orch_http *http = arg;
    const char *name = request->path + strlen("/status");
    if (http->status_dir == NULL) {
        http_call_answer(call, &(struct http_answer){.status = 404});
    } else if (*name == '\0') { /* what the page names is beside it */
        http_call_answer(call,
                         &(struct http_answer){.status = 308, .headers = "Location: /status/\r\n"});
    } else {
        folder_answer(http->status_dir, name + 1, request, call);
    }
}

#define ACCEPT_POST  "Accept-Post: application/sdp\r\n"
#define ACCEPT_PATCH "Accept-Patch: application/trickle-ice-sdpfrag\r\n"

static void routes_fill(struct orch_http *http, const struct probes *probes)
{
#define SIGNALLING(p)                                                                              \
    {                                                                                              \
        .path = (p), .on_upgrade = on_upgrade, .on_message = on_message, .on_closed = on_closed,   \
        .arg = http                                                                                \
    }
#define WHIP(p, accepts)                                                                           \
    {                                                                                              \
        .path = (p), .methods = EVERY_METHOD, .body_max = ORCH_HTTP_WHIP_BODY_MAX,                 \
        .options = (accepts), .on_call = on_whip, .arg = http                                      \
    }
#define PLAIN(p, m, max, call, a)                                                                  \
    {                                                                                              \
        .path = (p), .methods = (m), .body_max = (max), .on_call = (call), .arg = (a)              \
    }
    const struct http_route routes[ROUTES] = {
        SIGNALLING("/rtc"),
        SIGNALLING("/rtc/v1"),
        PLAIN("/rtc/validate", HTTP_GET, 0, on_validate, http),
        PLAIN("/rtc/v1/validate", HTTP_GET, 0, on_validate, http),
        PLAIN("/twirp/*", HTTP_POST, ORCH_HTTP_TWIRP_BODY_MAX, on_twirp, http),
        PLAIN("/admin/v1/*", HTTP_GET | HTTP_POST, ORCH_HTTP_ADMIN_BODY_MAX, on_admin, http),
        WHIP("/whip/v1", ACCEPT_POST),
        WHIP("/whip/v1/sessions/*", ACCEPT_PATCH),
        WHIP("/whip/v1/*", ACCEPT_POST),
        WHIP("/whep/v1", ACCEPT_POST),
        WHIP("/whep/v1/sessions/*", ACCEPT_PATCH),
        WHIP("/whep/v1/*", ACCEPT_POST),
        PLAIN("/livez", HTTP_GET, 0, probes_on_call, (void *)probes),
        PLAIN("/readyz", HTTP_GET, 0, probes_on_call, (void *)probes),
        PLAIN("/metrics", HTTP_GET, 0, probes_on_call, (void *)probes),
        PLAIN("/api/token", HTTP_GET, 0, on_token, http),
        PLAIN("/status", HTTP_GET, 0, on_status, http),
        PLAIN("/status/*", HTTP_GET, 0, on_status, http),
        PLAIN("/*", HTTP_GET, 0, on_page, http),
    };
#undef SIGNALLING
#undef WHIP
#undef PLAIN
    memcpy(http->routes, routes, sizeof(routes));
}

int orch_http_open(struct orch_http **out, const struct orch_http_config *config)
{
    struct orch_http *http = mem_alloc(sizeof(*http));
    http->handlers = config->handlers;
    http->status_dir = config->status_dir == NULL ? NULL : mem_str(config->status_dir);
    routes_fill(http, config->probes);
    int err = 0;
    if (config->pages_dir != NULL) {
        err = pages_load(&http->pages, config->pages_dir, config->log);
        if (err != 0) {
            goto fail;
        }
    }
    err = http_open(&http->server, &(struct http_config){
                                       .loop = config->loop,
                                       .log = config->log,
                                       .address = config->address,
                                       .port = config->port,
                                       .routes = http->routes,
                                       .route_count = ROUTES,
                                       .tls_cert_path = config->tls_cert_path,
                                       .tls_key_path = config->tls_key_path,
                                       .cors = true,
                                       .trust_forwarded_for = config->trust_forwarded_for,
                                       .limits = config->limits,
                                   });
    if (err != 0) {
        goto fail;
    }
    *out = http;
    return 0;

fail:
    if (http->pages != NULL) {
        pages_free(http->pages);
    }
    free(http->status_dir);
    free(http);
    return err;
}

struct http_server *orch_http_server(struct orch_http *http)
{
    return http->server;
}

void orch_http_close(struct orch_http *http)
{
    http_close(http->server);
    if (http->pages != NULL) {
        pages_free(http->pages);
    }
    free(http->status_dir);
    free(http);
}
