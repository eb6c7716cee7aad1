/* SPDX-License-Identifier: Apache-2.0
 *
 * What every program of Spillway answers to its operators: /livez, /readyz and /metrics, which
 * begins with <prefix>_build_info{version=} of its own accord. The texts are made without IO
 * (probes_format); probes_listen puts them on a port of their own for a program that has no HTTP
 * server.
 */
#ifndef COMMON_PROBES_PROBES_H
#define COMMON_PROBES_PROBES_H

#include <uv.h>

#include "common/base/base.h"
#include "common/http/http.h"
#include "common/timings/timings.h"

/* ---- Text exposition (Prometheus text format 0.0.4) -----------------------------------------
 * A program describes its metrics in one plain array, filled anew for each scrape. Names follow
 * Prometheus' practices: base units, counters end in _total; never a room or a participant as a
 * label. Samples of one name stand together. */
enum probes_kind { PROBES_COUNTER, PROBES_GAUGE, PROBES_HISTOGRAM };

struct probes_metric {
    const char *name; /* without the prefix: "rtp_packets_received_total" */
    const char *help; /* one line; read from the first sample of a name */
    enum probes_kind kind;
    const char *labels; /* NULL, or e.g. "reason=\"bad_token\"" (probes_label makes one) */
    double value;
    const struct timings *histogram; /* in place of a value; told in seconds */
};

/* Writes name="value" with the value escaped, to be joined with commas. Returns what it wrote, or
 * ERR_TOO_BIG and leaves out as it was. */
int probes_label(char *out, size_t cap, const char *name, const char *value) MUST_CHECK;

/* Writes all metrics, each name as prefix_name. Returns the length (without the NUL) it needs, as
 * snprintf does: call with cap 0 to measure; cut off at cap - 1. */
size_t probes_format(char *out, size_t cap, const char *prefix, const struct probes_metric *metrics,
                     size_t count);

/* ---- Answers -------------------------------------------------------------------------------- */
#define PROBES_METRICS_MAX 4096 /* of one scrape, a histogram being one */
#define PROBES_REASON_MAX  128

struct probes {
    const char *prefix; /* "spillway_node", "spillway_orchestrator" */
    void *arg;
    /* True: /readyz says 200. False: 503 with the reason as text, e.g. "cordoned". /livez needs no
     * callback: it says 200 while the loop turns, and depends on nothing remote. */
    bool (*ready)(void *arg, char reason[PROBES_REASON_MAX]);
    /* Fills at most max samples, returns how many. Their texts live until the next call. */
    size_t (*metrics)(void *arg, struct probes_metric *out, size_t max);
};

/* An http_route's on_call, with a struct probes as its arg: /livez, /readyz, /metrics; 404 else. */
void probes_on_call(void *arg, const struct http_request *request, struct http_call *call);

/* ---- Listener -------------------------------------------------------------------------------- */
struct probes_listener;

/* probes must outlive the listener. address as in http_config, e.g. "127.0.0.1"; port 0: any.
 * ERR_IO if it cannot be bound. */
int probes_listen(struct probes_listener **out, uv_loop_t *loop, const struct log_sink *log,
                  const char *address, int port, const struct probes *probes) MUST_CHECK;
int probes_port(const struct probes_listener *listener);
/* As http_close. */
void probes_close(struct probes_listener *listener);

#endif
