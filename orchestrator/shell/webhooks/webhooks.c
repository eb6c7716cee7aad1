/* SPDX-License-Identifier: Apache-2.0
 *
 * Happy path: an event is queued for each URL, its request starts at once if its key has none
 * before it and fewer than parallel_max are under way; a 2xx ends it. Failure modes, each counted:
 * - no answer in time, no connection, 5xx, 408 or 429, no token: the next attempt comes after a
 *   back-off that doubles, with jitter; later events of the same key wait behind it.
 * - any other status: the receiver will not take it another time either; dropped.
 * - attempts used up: dropped. Queue full: the oldest that waits is dropped.
 * - shutdown: waiting events get an attempt at once; a failed one is tried again only if its
 * back-off ends before the flush does. What is left is dropped.
 */
#include "orchestrator/shell/webhooks/webhooks.h"

#include <stdio.h>
#include <stdlib.h>

#include "orchestrator/shell/webhooks/private.h"

struct webhooks {
    struct webhooks_config config;
    struct target *targets;
    size_t target_count;
    struct curl_uv curl;
    uv_timer_t timer; /* the next delivery that is due, or the end of the flush */
    struct prng prng;
    struct webhooks_counters counters;
    bool closing;
    bool finished;
    int64_t flush_end_us;
    void (*done)(void *arg);
    void *done_arg;
};

static void pump(struct webhooks *webhooks);

static int64_t now_of(const struct webhooks *webhooks)
{
    return TIME_MS((int64_t)uv_now(webhooks->config.loop));
}

static struct webhooks_config defaults_filled(const struct webhooks_config *wanted)
{
    struct webhooks_config c = *wanted;
    c.queue_max = c.queue_max > 0 ? c.queue_max : 1000;
    c.parallel_max = c.parallel_max > 0 ? c.parallel_max : 8;
    c.attempts_max = c.attempts_max > 0 ? c.attempts_max : 7;
    c.timeout_us = c.timeout_us > 0 ? c.timeout_us : TIME_S(10);
    c.backoff_min_us = c.backoff_min_us > 0 ? c.backoff_min_us : TIME_MS(500);
    c.backoff_max_us = c.backoff_max_us > 0 ? c.backoff_max_us : TIME_S(60);
    return c;
}

/* ---- One attempt ------------------------------------------------------------------------------
 */
static int64_t backoff_us(struct webhooks *webhooks, unsigned attempts)
{
    int64_t range = webhooks->config.backoff_min_us;
    for (unsigned i = 1; i < attempts && range < webhooks->config.backoff_max_us; i++) {
        range *= 2;
    }
    range = MIN(range, webhooks->config.backoff_max_us);
    return range / 2 + (int64_t)prng_below(&webhooks->prng, (uint64_t)(range / 2) + 1);
}

static void drop(struct webhooks *webhooks, struct delivery *delivery, uint64_t *counter,
                 const char *why)
{
    log_write(webhooks->config.log, LOG_WARN, "webhook_dropped host=%s attempts=%u reason=\"%s\"",
              delivery->target->host, delivery->attempts, why);
    (*counter)++;
    webhooks->counters.waiting--;
    queue_remove(delivery);
}

static void failed(struct webhooks *webhooks, struct delivery *delivery, bool for_good,
                   const char *why)
{
    struct webhooks_counters *counters = &webhooks->counters;
    int64_t now_us = now_of(webhooks);
    counters->failures++;
    delivery->due_us = now_us + backoff_us(webhooks, delivery->attempts);
    if (for_good || delivery->attempts >= webhooks->config.attempts_max) {
        drop(webhooks, delivery, &counters->dropped_gave_up, why);
    } else if (webhooks->closing && delivery->due_us > webhooks->flush_end_us) {
        drop(webhooks, delivery, &counters->dropped_shutdown, why);
    } else {
        log_write(webhooks->config.log, LOG_DEBUG,
                  "webhook_failed host=%s attempts=%u retry_ms=%lld reason=\"%s\"",
                  delivery->target->host, delivery->attempts,
                  (long long)((delivery->due_us - now_us) / 1000), why);
    }
}

static void attempt_free(struct delivery *delivery)
{
    curl_easy_cleanup(delivery->easy);
    curl_slist_free_all(delivery->headers);
    delivery->easy = NULL;
    delivery->headers = NULL;
    delivery->target->active--;
    delivery->target->waiting++;
}

static void on_done(void *arg, CURL *easy, CURLcode result)
{
    struct webhooks *webhooks = arg;
    struct delivery *delivery = NULL;
    long status = 0;
    char why[64];
    curl_easy_getinfo(easy, CURLINFO_PRIVATE, (char **)&delivery);
    curl_easy_getinfo(easy, CURLINFO_RESPONSE_CODE, &status);
    assert(delivery->easy == easy);
    attempt_free(delivery);
    if (result == CURLE_OK && status >= 200 && status < 300) {
        webhooks->counters.delivered++;
        webhooks->counters.waiting--;
        queue_remove(delivery);
    } else if (result != CURLE_OK) {
        failed(webhooks, delivery, false, curl_easy_strerror(result));
    } else {
        snprintf(why, sizeof(why), "status %ld", status);
        failed(webhooks, delivery, status < 500 && status != 408 && status != 429, why);
    }
    pump(webhooks);
}

static struct curl_slist *headers_of(const char *token)
{
    char line[WEBHOOKS_TOKEN_MAX + 32];
    snprintf(line, sizeof(line), "Authorization: %s", token);
    struct curl_slist *list = curl_slist_append(NULL, line);
    list = curl_slist_append(list, "Content-Type: application/webhook+json");
    list = curl_slist_append(list, "Expect:"); /* no 100-continue: it costs a round trip */
    assert(list != NULL);
    return list;
}

static void attempt(struct webhooks *webhooks, struct delivery *delivery)
{
    const struct webhooks_config *config = &webhooks->config;
    char token[WEBHOOKS_TOKEN_MAX];
    delivery->attempts++;
    webhooks->counters.attempts++;
    int err = config->sign(config->arg, delivery->event->body, token);
    if (err != 0) {
        failed(webhooks, delivery, false, err_text(err));
        return;
    }
    delivery->headers = headers_of(token);
    delivery->easy = curl_uv_post(&(struct curl_uv_post){.url = delivery->target->url,
                                                         .body = delivery->event->body,
                                                         .headers = delivery->headers,
                                                         .timeout_us = config->timeout_us,
                                                         .user = delivery});
    delivery->target->waiting--;
    delivery->target->active++;
    curl_uv_start(&webhooks->curl, delivery->easy);
}

/* ---- Scheduling -------------------------------------------------------------------------------
 */
static void all_closed(void *arg)
{
    struct webhooks *webhooks = arg;
    for (size_t i = 0; i < webhooks->target_count; i++) {
        curl_free(webhooks->targets[i].host);
        free(webhooks->targets[i].url);
    }
    free(webhooks->targets);
    if (webhooks->done != NULL) {
        webhooks->done(webhooks->done_arg);
    }
    free(webhooks);
}

static void timer_closed(uv_handle_t *handle)
{
    struct webhooks *webhooks = handle->data;
    curl_uv_close(&webhooks->curl, all_closed);
}

static void finish(struct webhooks *webhooks)
{
    webhooks->finished = true;
    for (size_t i = 0; i < webhooks->target_count; i++) {
        struct delivery *delivery;
        while ((delivery = TAILQ_FIRST(&webhooks->targets[i].queue)) != NULL) {
            if (delivery->easy != NULL) {
                curl_uv_abort(&webhooks->curl, delivery->easy);
                attempt_free(delivery);
            }
            drop(webhooks, delivery, &webhooks->counters.dropped_shutdown, "shutdown");
        }
    }
    uv_timer_stop(&webhooks->timer);
    uv_close((uv_handle_t *)&webhooks->timer, timer_closed);
}

static void timer_fires(uv_timer_t *timer)
{
    pump(timer->data);
}

/* Starts what may start and arms the timer for what may later. */
static void pump(struct webhooks *webhooks)
{
    int64_t now_us = now_of(webhooks);
    int64_t due_us = webhooks->closing ? webhooks->flush_end_us : TIME_NEVER;
    if (webhooks->finished) {
        return;
    }
    if (webhooks->closing && (webhooks->counters.waiting == 0 || now_us >= due_us)) {
        finish(webhooks);
        return;
    }
    for (size_t i = 0; i < webhooks->target_count; i++) {
        struct target *target = &webhooks->targets[i];
        struct delivery *delivery;
        while (target->active < webhooks->config.parallel_max &&
               (delivery = queue_ready(target, now_us, &due_us)) != NULL) {
            attempt(webhooks, delivery);
        }
    }
    if (due_us != TIME_NEVER) {
        uint64_t wait_ms = (uint64_t)(MAX(due_us - now_us, 0) + 999) / 1000;
        uv_timer_start(&webhooks->timer, timer_fires, wait_ms, 0);
    }
}

/* ---- The contract ------------------------------------------------------------------------------
 */
static int target_init(struct webhooks *webhooks, struct target *target, const char *url)
{
    char *host = curl_uv_host(url);
    if (host == NULL) {
        log_write(webhooks->config.log, LOG_ERROR, "webhook_url_invalid index=%zu",
                  webhooks->target_count);
        return ERR_INVALID;
    }
    target->url = mem_str(url);
    target->host = host;
    TAILQ_INIT(&target->queue);
    return 0;
}

int webhooks_new(struct webhooks **out, const struct webhooks_config *config)
{
    struct webhooks *webhooks = mem_alloc(sizeof(*webhooks));
    int err = 0;
    webhooks->config = defaults_filled(config);
    webhooks->config.urls = NULL;
    prng_seed(&webhooks->prng, config->seed);
    curl_global_init(CURL_GLOBAL_DEFAULT);
    webhooks->targets = mem_array(config->url_count, sizeof(*webhooks->targets));
    for (size_t i = 0; i < config->url_count && err == 0; i++) {
        err = target_init(webhooks, &webhooks->targets[i], config->urls[i]);
        webhooks->target_count += err == 0;
    }
    if (err != 0) {
        for (size_t i = 0; i < webhooks->target_count; i++) {
            curl_free(webhooks->targets[i].host);
            free(webhooks->targets[i].url);
        }
        free(webhooks->targets);
        free(webhooks);
        return err;
    }
    webhooks->curl.on_done = on_done;
    webhooks->curl.arg = webhooks;
    curl_uv_init(&webhooks->curl, config->loop);
    uv_timer_init(config->loop, &webhooks->timer);
    webhooks->timer.data = webhooks;
    *out = webhooks;
    return 0;
}

void webhooks_send(struct webhooks *webhooks, const char *key, struct bytes body)
{
    assert(!webhooks->closing);
    if (webhooks->target_count == 0) {
        return;
    }
    struct event *event = mem_alloc(sizeof(*event));
    *event = (struct event){
        .users = 1, .key = mem_str(key), .body = {mem_copy(body.data, body.len), body.len}};
    for (size_t i = 0; i < webhooks->target_count; i++) {
        struct target *target = &webhooks->targets[i];
        if (target->waiting >= webhooks->config.queue_max) {
            drop(webhooks, queue_oldest_waiting(target), &webhooks->counters.dropped_overflow,
                 "queue full");
        }
        queue_add(target, event, now_of(webhooks));
        webhooks->counters.sent++;
        webhooks->counters.waiting++;
    }
    event_release(event);
    pump(webhooks);
}

void webhooks_close_take(struct webhooks *webhooks, int64_t flush_us, void (*done)(void *arg),
                         void *arg)
{
    assert(!webhooks->closing);
    int64_t now_us = now_of(webhooks);
    webhooks->closing = true;
    webhooks->flush_end_us = now_us + flush_us;
    webhooks->done = done;
    webhooks->done_arg = arg;
    for (size_t i = 0; i < webhooks->target_count; i++) {
        struct delivery *delivery;
        TAILQ_FOREACH(delivery, &webhooks->targets[i].queue, entry)
        {
            delivery->due_us = MIN(delivery->due_us, now_us);
        }
    }
    pump(webhooks);
}

const struct webhooks_counters *webhooks_counters(const struct webhooks *webhooks)
{
    return &webhooks->counters;
}
