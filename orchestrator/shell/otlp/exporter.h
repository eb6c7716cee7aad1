/* SPDX-License-Identifier: Apache-2.0
 *
 * Takes spans to an OpenTelemetry collector: OTLP over HTTP in its JSON encoding, through libcurl
 * on a libuv loop, one request at a time. Nobody ever waits for it: what does not fit into its
 * queue is dropped and counted.
 */
#ifndef ORCHESTRATOR_SHELL_OTLP_EXPORTER_H
#define ORCHESTRATOR_SHELL_OTLP_EXPORTER_H

#include <uv.h>

#include "common/base/base.h"
#include "common/trace/trace.h"
#include "orchestrator/core/otlp/otlp.h"

struct exporter;

struct exporter_config {
    uv_loop_t *loop;
    const struct log_sink *log;  /* must outlive */
    const char *endpoint;        /* http:// or https://; "/v1/traces" is put behind it */
    const char *authorization;   /* the header's value; "" none */
    struct otlp_service service; /* strings must outlive */
    /* By the clock of the spans, in microseconds; and since 1970. */
    int64_t (*now_us)(void);
    int64_t (*wall_us)(void);

    /* 0 takes the default in brackets. */
    int64_t linger_us;      /* [1 s] from the first span of a batch to its request */
    int64_t timeout_us;     /* [10 s] for one request */
    int64_t backoff_min_us; /* [1 s] after one that failed; doubled for each more */
    int64_t backoff_max_us; /* [30 s] */
};

/* ERR_INVALID: the endpoint is no http or https URL (logged). */
int exporter_new(struct exporter **out, const struct exporter_config *config) MUST_CHECK;

/* A tracer's write; arg is the exporter. */
void exporter_write(void *arg, const struct trace_span *span);

/* Sends what is there, for at most flush_us and once, drops the rest (counted) and frees itself,
 * from the loop. */
void exporter_close_take(struct exporter *exporter, int64_t flush_us);

struct exporter_counters {
    uint64_t exported;         /* spans, taken with a 2xx */
    uint64_t dropped_overflow; /* found the queue full: the collector is away or slow */
    uint64_t dropped_refused;  /* refused for good (a status but 429, 502, 503, 504) */
    uint64_t dropped_shutdown;
    uint64_t requests, failures; /* and those that were not taken */
    uint64_t waiting;            /* spans, now */
};
const struct exporter_counters *exporter_counters(const struct exporter *exporter);

#endif
