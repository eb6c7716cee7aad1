/* SPDX-License-Identifier: Apache-2.0
 *
 * Where the cores' spans go: to the collector that the settings name, or nowhere.
 */
#include "orchestrator/shell/server/internal.h"

#define FLUSH_US TIME_S(2)

static void discard(void *arg, const struct trace_span *span)
{
    (void)arg;
    (void)span;
}

int traces_open(struct server *server)
{
    const struct settings *settings = server->settings;
    const struct settings_tracing *tracing = &settings->tracing;
    if (tracing->otlp_endpoint[0] == '\0') {
        return 0;
    }
    int err = exporter_new(&server->exporter,
                           &(struct exporter_config){.loop = &server->loop,
                                                     .log = server->log,
                                                     .endpoint = tracing->otlp_endpoint,
                                                     .authorization = tracing->authorization,
                                                     .service = {.instance = server->id,
                                                                 .name = settings->name,
                                                                 .region = settings->region,
                                                                 .version = SPILLWAY_VERSION},
                                                     .now_us = server_now,
                                                     .wall_us = server_wall_us});
    if (err != 0) {
        return err;
    }
    server->tracer = (struct tracer){.write = exporter_write,
                                     .arg = server->exporter,
                                     .random = server->random,
                                     .sample_permille = (uint32_t)tracing->sample_permille};
    return 0;
}

const struct tracer *traces_tracer(const struct server *server)
{
    return server->exporter == NULL ? NULL : &server->tracer;
}

void traces_close(struct server *server)
{
    if (server->exporter != NULL) {
        server->tracer.write = discard; /* cores end later */
        exporter_close_take(server->exporter, FLUSH_US);
        server->exporter = NULL;
    }
}
