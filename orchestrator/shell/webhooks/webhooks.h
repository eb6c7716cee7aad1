/* SPDX-License-Identifier: Apache-2.0
 *
 * Delivers webhooks: POSTs a JSON text to each configured URL through libcurl on a libuv loop,
 * again until the receiver takes it or the attempts are used up. Events of one key (a room) reach a
 * URL one after the other in the order they were sent; different keys do not wait for each other.
 *
 * The request is LiveKit's: Content-Type: application/webhook+json, and a token without "Bearer" in
 * Authorization, made anew for each attempt because it lives for minutes only.
 */
#ifndef ORCHESTRATOR_SHELL_WEBHOOKS_WEBHOOKS_H
#define ORCHESTRATOR_SHELL_WEBHOOKS_WEBHOOKS_H

#include <uv.h>

#include "common/base/base.h"

#define WEBHOOKS_TOKEN_MAX 2048

struct webhooks;

struct webhooks_config {
    uv_loop_t *loop;
    const struct log_sink *log; /* must outlive */
    const char *const *urls;    /* http:// or https://; copied */
    size_t url_count;           /* 0: every event is thrown away at once */
    /* Writes the token for a body, NUL-terminated. Returns 0 or an error; an error counts as a
     * failed attempt. */
    int (*sign)(void *arg, struct bytes body, char token[WEBHOOKS_TOKEN_MAX]);
    void *arg;
    uint64_t seed; /* of the back-off's jitter */

    /* 0 takes the default in brackets. */
    size_t queue_max;       /* [1000] events waiting per URL; more: the oldest waiting is dropped */
    unsigned parallel_max;  /* [8] requests under way per URL */
    unsigned attempts_max;  /* [7] per event and URL */
    int64_t timeout_us;     /* [10 s] for one attempt */
    int64_t backoff_min_us; /* [500 ms] before the second attempt, doubled for each more */
    int64_t backoff_max_us; /* [60 s]; each wait is drawn from the upper half of its range */
};

/* ERR_INVALID: a URL that is not http or https (logged). */
int webhooks_new(struct webhooks **out, const struct webhooks_config *config) MUST_CHECK;

/* Queues one event (copied). Events of equal key keep their order. */
void webhooks_send(struct webhooks *webhooks, const char *key, struct bytes body);

/* Takes nothing more, goes on delivering for at most flush_us, without back-off waits longer than
 * what is left, then drops the rest (counted), frees itself and calls done (may be NULL) from the
 * loop. flush_us 0: drops at once. */
void webhooks_close_take(struct webhooks *webhooks, int64_t flush_us, void (*done)(void *arg),
                         void *arg);

struct webhooks_counters {
    uint64_t sent;      /* events per URL */
    uint64_t delivered; /* taken with a 2xx */
    uint64_t attempts;  /* requests made */
    uint64_t failures;  /* attempts that were not taken */
    uint64_t dropped_overflow;
    uint64_t dropped_gave_up; /* attempts used up, or refused for good (4xx but 408 and 429) */
    uint64_t dropped_shutdown;
    uint64_t waiting; /* now: queued or under way */
};
const struct webhooks_counters *webhooks_counters(const struct webhooks *webhooks);

#endif
