/* SPDX-License-Identifier: Apache-2.0
 *
 * The three answers, and a listener that gives nothing else.
 *
 * Happy path: each request is answered at once, within the callback.
 * Failure modes: those of common/http; more than a handful of connections get 503.
 */
#include "common/probes/probes.h"

#include <stdlib.h>

#define CONNECTIONS_MAX 64

struct probes_listener {
    struct http_server *server;
    struct http_route routes[1];
};

static void answer_text(struct http_call *call, int status, const char *text)
{
    http_call_answer(call, &(struct http_answer){.status = status,
                                                 .body = {(const uint8_t *)text, strlen(text)},
                                                 .headers = "Cache-Control: no-store\r\n"});
}

static void answer_ready(const struct probes *probes, struct http_call *call)
{
    char reason[PROBES_REASON_MAX] = "not ready";
    bool ready = probes->ready(probes->arg, reason);
    answer_text(call, ready ? 200 : 503, ready ? "ok\n" : reason);
}

static void answer_metrics(const struct probes *probes, struct http_call *call)
{
    struct probes_metric *metrics = mem_array(PROBES_METRICS_MAX, sizeof(*metrics));
    metrics[0] = (struct probes_metric){.name = "build_info",
                                        .help = "1; which version of the program this is.",
                                        .kind = PROBES_GAUGE,
                                        .labels = "version=\"" SPILLWAY_VERSION "\"",
                                        .value = 1};
    size_t count = 1 + probes->metrics(probes->arg, metrics + 1, PROBES_METRICS_MAX - 1);
    assert(count <= PROBES_METRICS_MAX);
    size_t len = probes_format(NULL, 0, probes->prefix, metrics, count);
    char *text = mem_alloc(len + 1);
    probes_format(text, len + 1, probes->prefix, metrics, count);
    http_call_answer(call, &(struct http_answer){
                               .status = 200,
                               .content_type = "text/plain; version=0.0.4; charset=utf-8",
                               .body = {(const uint8_t *)text, len},
                               .headers = "Cache-Control: no-store\r\n",
                           });
    free(text);
    free(metrics);
}

void probes_on_call(void *arg, const struct http_request *request, struct http_call *call)
{
    const struct probes *probes = arg;
    if (strcmp(request->path, "/livez") == 0) {
        answer_text(call, 200, "ok\n");
    } else if (strcmp(request->path, "/readyz") == 0) {
        answer_ready(probes, call);
    } else if (strcmp(request->path, "/metrics") == 0) {
        answer_metrics(probes, call);
    } else {
        answer_text(call, 404, "");
    }
}

int probes_listen(struct probes_listener **out, uv_loop_t *loop, const struct log_sink *log,
                  const char *address, int port, const struct probes *probes)
{
    struct probes_listener *listener = mem_alloc(sizeof(*listener));
    listener->routes[0] = (struct http_route){
        .path = "/*",
        .methods = HTTP_GET,
        .on_call = probes_on_call,
        .arg = (void *)probes, /* probes_on_call takes it back as const */
    };
    struct http_config config = {
        .loop = loop,
        .log = log,
        .address = address,
        .port = port,
        .routes = listener->routes,
        .route_count = ARRAY_LEN(listener->routes),
        .limits = {.connections = CONNECTIONS_MAX, .body_total_max = 1},
    };
    int err = http_open(&listener->server, &config);
    if (err != 0) {
        free(listener);
        return err;
    }
    *out = listener;
    return 0;
}

int probes_port(const struct probes_listener *listener)
{
    return http_port(listener->server);
}

void probes_close(struct probes_listener *listener)
{
    http_close(listener->server);
    free(listener);
}
