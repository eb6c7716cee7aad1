/* SPDX-License-Identifier: Apache-2.0
 *
 * Happy path: the first span arms a timer; when it fires, or as soon as a batch is full, the oldest
 * spans go out in one request; a 2xx ends them. Failure modes, each counted:
 * - no connection, no answer in time, 429, 502, 503, 504 (what OTLP calls retryable): the same
 *   spans go out again after a back-off that doubles. Meanwhile the queue fills up, and what finds
 *   no place is dropped.
 * - any other status: the collector will not take them another time either; dropped.
 * - shutdown: one more request, for as long as the flush may take; what is left is dropped.
 * The log tells of the first failure in a row, and of the end of them.
 */
#include "orchestrator/shell/otlp/exporter.h"

#include <stdio.h>
#include <stdlib.h>

#include "orchestrator/shell/curl/curl_uv.h"

#define PATH    "/v1/traces" /* OTLP/HTTP's default */
#define STEP_US TIME_MS(100) /* the wall clock was set: less is that we stood still meanwhile */

struct exporter {
    struct exporter_config config;
    char *url, *host;
    struct otlp_queue *queue;
    struct curl_uv curl;
    struct curl_slist *headers;
    uv_timer_t timer;
    CURL *easy;      /* under way, else NULL */
    char *body;      /* of it */
    size_t sent;     /* spans in it */
    unsigned failed; /* requests in a row */
    bool closing;
    int64_t wall_offset_us; /* of the spans' clock */
    struct exporter_counters counters;
};

static void send_batch(struct exporter *exporter);

static struct exporter_config defaults_filled(const struct exporter_config *wanted)
{
    struct exporter_config c = *wanted;
    c.linger_us = c.linger_us > 0 ? c.linger_us : TIME_S(1);
    c.timeout_us = c.timeout_us > 0 ? c.timeout_us : TIME_S(10);
    c.backoff_min_us = c.backoff_min_us > 0 ? c.backoff_min_us : TIME_S(1);
    c.backoff_max_us = c.backoff_max_us > 0 ? c.backoff_max_us : TIME_S(30);
    return c;
}

static void count_waiting(struct exporter *exporter)
{
    exporter->counters.waiting = otlp_queue_count(exporter->queue);
}

/* ---- End ----------------------------------------------------------------------------------- */

static void all_closed(void *arg)
{
    struct exporter *exporter = arg;
    curl_slist_free_all(exporter->headers);
    curl_free(exporter->host);
    free(exporter->url);
    otlp_queue_free(exporter->queue);
    free(exporter);
}

static void timer_closed(uv_handle_t *handle)
{
    struct exporter *exporter = handle->data;
    curl_uv_close(&exporter->curl, all_closed);
}

static void request_free(struct exporter *exporter)
{
    curl_easy_cleanup(exporter->easy);
    free(exporter->body);
    exporter->easy = NULL;
    exporter->body = NULL;
}

static void finish(struct exporter *exporter)
{
    size_t left = otlp_queue_count(exporter->queue);
    if (exporter->easy != NULL) {
        curl_uv_abort(&exporter->curl, exporter->easy);
        request_free(exporter);
    }
    if (left > 0) {
        exporter->counters.dropped_shutdown += left;
        log_write(exporter->config.log, LOG_WARN,
                  "traces_dropped host=%s spans=%zu reason=shutdown", exporter->host, left);
    }
    uv_timer_stop(&exporter->timer);
    uv_close((uv_handle_t *)&exporter->timer, timer_closed);
}

/* ---- One request --------------------------------------------------------------------------- */

static void timer_fires(uv_timer_t *timer)
{
    struct exporter *exporter = timer->data;
    if (exporter->closing) {
        finish(exporter);
    } else if (exporter->counters.waiting > 0) {
        send_batch(exporter);
    }
}

static void arm(struct exporter *exporter, int64_t wait_us)
{
    uv_timer_start(&exporter->timer, timer_fires, (uint64_t)(wait_us / 1000), 0);
}

static int64_t backoff_us(const struct exporter *exporter)
{
    unsigned doublings = MIN(exporter->failed - 1, 20);
    return MIN(exporter->config.backoff_min_us << doublings, exporter->config.backoff_max_us);
}

static void done_with(struct exporter *exporter, uint64_t *counter)
{
    *counter += exporter->sent;
    otlp_queue_remove(exporter->queue, exporter->sent);
    count_waiting(exporter);
}

static void failed(struct exporter *exporter, const char *why)
{
    exporter->counters.failures++;
    if (exporter->failed++ == 0) {
        log_write(exporter->config.log, LOG_WARN, "traces_failed host=%s reason=\"%s\"",
                  exporter->host, why);
    }
}

static void took(struct exporter *exporter)
{
    if (exporter->failed > 0) {
        log_write(exporter->config.log, LOG_INFO, "traces_flow host=%s after=%u", exporter->host,
                  exporter->failed);
    }
    exporter->failed = 0;
    done_with(exporter, &exporter->counters.exported);
}

static bool is_retryable(CURLcode result, long status)
{
    return result != CURLE_OK || status == 429 || status == 502 || status == 503 || status == 504;
}

static void next(struct exporter *exporter)
{
    if (exporter->closing) {
        finish(exporter);
    } else if (exporter->failed > 0) {
        arm(exporter, backoff_us(exporter));
    } else if (exporter->counters.waiting >= OTLP_BATCH_MAX) {
        send_batch(exporter);
    } else if (exporter->counters.waiting > 0) {
        arm(exporter, exporter->config.linger_us);
    }
}

static void on_done(void *arg, CURL *easy, CURLcode result)
{
    struct exporter *exporter = arg;
    long status = 0;
    char why[64];
    assert(exporter->easy == easy);
    curl_easy_getinfo(easy, CURLINFO_RESPONSE_CODE, &status);
    request_free(exporter);
    snprintf(why, sizeof(why), "status %ld", status);
    if (result == CURLE_OK && status >= 200 && status < 300) {
        took(exporter);
    } else if (is_retryable(result, status)) {
        failed(exporter, result == CURLE_OK ? why : curl_easy_strerror(result));
    } else {
        failed(exporter, why);
        done_with(exporter, &exporter->counters.dropped_refused);
    }
    next(exporter);
}

/* Both clocks run alike, so what is a part of something stays within it, in whichever request. */
static void look_at_clocks(struct exporter *exporter)
{
    int64_t offset_us = exporter->config.wall_us() - exporter->config.now_us();
    int64_t step_us = offset_us - exporter->wall_offset_us;
    if (step_us > STEP_US || step_us < -STEP_US) {
        exporter->wall_offset_us = offset_us;
    }
}

static void send_batch(struct exporter *exporter)
{
    const struct exporter_config *config = &exporter->config;
    assert(exporter->easy == NULL);
    uv_timer_stop(&exporter->timer);
    look_at_clocks(exporter);
    exporter->sent = MIN(otlp_queue_count(exporter->queue), OTLP_BATCH_MAX);
    exporter->body =
        otlp_encode(&config->service, exporter->queue, exporter->sent, exporter->wall_offset_us);
    exporter->counters.requests++;
    exporter->easy = curl_uv_post(
        &(struct curl_uv_post){.url = exporter->url,
                               .body = {(const uint8_t *)exporter->body, strlen(exporter->body)},
                               .headers = exporter->headers,
                               .timeout_us = config->timeout_us,
                               .user = exporter});
    curl_uv_start(&exporter->curl, exporter->easy);
}

/* ---- The contract -------------------------------------------------------------------------- */

static struct curl_slist *headers_of(const struct exporter_config *config)
{
    struct curl_slist *list = curl_slist_append(NULL, "Content-Type: application/json");
    list = curl_slist_append(list, "Expect:"); /* no 100-continue: it costs a round trip */
    if (config->authorization[0] != '\0') {
        struct arena arena = {0};
        list = curl_slist_append(list,
                                 arena_printf(&arena, "Authorization: %s", config->authorization));
        arena_fini(&arena);
    }
    assert(list != NULL);
    return list;
}

static char *url_of(const char *endpoint)
{
    struct arena arena = {0};
    size_t len = strlen(endpoint);
    int kept = (int)(len > 0 && endpoint[len - 1] == '/' ? len - 1 : len);
    char *url = mem_str(arena_printf(&arena, "%.*s" PATH, kept, endpoint));
    arena_fini(&arena);
    return url;
}

int exporter_new(struct exporter **out, const struct exporter_config *config)
{
    curl_global_init(CURL_GLOBAL_DEFAULT);
    char *host = curl_uv_host(config->endpoint);
    if (host == NULL) {
        log_write(config->log, LOG_ERROR, "traces_endpoint_invalid");
        return ERR_INVALID;
    }
    struct exporter *exporter = mem_alloc(sizeof(*exporter));
    exporter->config = defaults_filled(config);
    exporter->config.endpoint = exporter->config.authorization = NULL; /* used up below */
    look_at_clocks(exporter);
    exporter->url = url_of(config->endpoint);
    exporter->host = host;
    exporter->headers = headers_of(config);
    exporter->queue = otlp_queue_new();
    exporter->curl.on_done = on_done;
    exporter->curl.arg = exporter;
    curl_uv_init(&exporter->curl, config->loop);
    uv_timer_init(config->loop, &exporter->timer);
    exporter->timer.data = exporter;
    *out = exporter;
    return 0;
}

void exporter_write(void *arg, const struct trace_span *span)
{
    struct exporter *exporter = arg;
    assert(!exporter->closing);
    if (!otlp_queue_add(exporter->queue, span)) {
        exporter->counters.dropped_overflow++;
        return;
    }
    count_waiting(exporter);
    if (exporter->easy != NULL) {
        return; /* its end looks for more */
    }
    if (!uv_is_active((uv_handle_t *)&exporter->timer)) {
        arm(exporter, exporter->config.linger_us);
    } else if (exporter->counters.waiting >= OTLP_BATCH_MAX && exporter->failed == 0) {
        arm(exporter, 0); /* from the loop: a core is at work now */
    }
}

void exporter_close_take(struct exporter *exporter, int64_t flush_us)
{
    if (exporter->easy == NULL && exporter->counters.waiting > 0) {
        send_batch(exporter);
    }
    exporter->closing = true;
    arm(exporter, exporter->easy == NULL ? 0 : flush_us);
}

const struct exporter_counters *exporter_counters(const struct exporter *exporter)
{
    return &exporter->counters;
}
