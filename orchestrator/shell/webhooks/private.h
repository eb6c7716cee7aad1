/* SPDX-License-Identifier: Apache-2.0
 *
 * What the files of orchestrator/shell/webhooks share.
 *
 * One struct event per webhooks_send, shared by one struct delivery per URL. A delivery stands in
 * its target's queue until it is done with: waiting for its turn or its back-off, or under way.
 */
#ifndef ORCHESTRATOR_SHELL_WEBHOOKS_PRIVATE_H
#define ORCHESTRATOR_SHELL_WEBHOOKS_PRIVATE_H

#include <curl/curl.h>
#include <sys/queue.h>

#include "orchestrator/shell/curl/curl_uv.h"
#include "orchestrator/shell/webhooks/webhooks.h"

struct event {
    size_t users; /* deliveries that hold it */
    char *key;
    struct bytes body;
};

struct delivery {
    TAILQ_ENTRY(delivery) entry;
    struct target *target;
    struct event *event;
    size_t ahead; /* deliveries of the same key that stand before it in the queue */
    unsigned attempts;
    int64_t due_us; /* not before */
    CURL *easy;     /* under way, else NULL */
    struct curl_slist *headers;
};

TAILQ_HEAD(deliveries, delivery);

struct target {
    char *url;
    char *host; /* for the log: a URL may carry a password */
    struct deliveries queue;
    size_t waiting; /* in the queue and not under way */
    size_t active;  /* under way */
};

/* ---- queue.c: no IO ---- */
/* Appends; the event gains a user. */
struct delivery *queue_add(struct target *target, struct event *event, int64_t now_us);
/* Takes it out and frees it; the next one of its key gets its turn. Not while it is under way. */
void queue_remove(struct delivery *delivery);
/* The oldest that is not under way, or NULL. */
struct delivery *queue_oldest_waiting(struct target *target);
/* One that may start now, or NULL; *due_us is lowered to when the next one may. */
struct delivery *queue_ready(struct target *target, int64_t now_us, int64_t *due_us);
void event_release(struct event *event);

#endif
