/* SPDX-License-Identifier: Apache-2.0
 *
 * The queue of one URL. A delivery counts those of its key before it, so that whether it may start
 * is a look at one number.
 */
#include <stdlib.h>

#include "orchestrator/shell/webhooks/private.h"

static bool same_key(const struct delivery *a, const struct delivery *b)
{
    return strcmp(a->event->key, b->event->key) == 0;
}

void event_release(struct event *event)
{
    assert(event->users > 0);
    if (--event->users == 0) {
        free(event->key);
        free((void *)event->body.data);
        free(event);
    }
}

struct delivery *queue_add(struct target *target, struct event *event, int64_t now_us)
{
    struct delivery *delivery = mem_alloc(sizeof(*delivery));
    *delivery = (struct delivery){.target = target, .event = event, .due_us = now_us};
    event->users++;
    struct delivery *other;
    TAILQ_FOREACH(other, &target->queue, entry)
    {
        delivery->ahead += same_key(other, delivery);
    }
    TAILQ_INSERT_TAIL(&target->queue, delivery, entry);
    target->waiting++;
    return delivery;
}

void queue_remove(struct delivery *delivery)
{
    struct target *target = delivery->target;
    assert(delivery->easy == NULL && target->waiting > 0);
    for (struct delivery *later = TAILQ_NEXT(delivery, entry); later != NULL;
         later = TAILQ_NEXT(later, entry)) {
        later->ahead -= same_key(later, delivery);
    }
    TAILQ_REMOVE(&target->queue, delivery, entry);
    target->waiting--;
    event_release(delivery->event);
    free(delivery);
}

struct delivery *queue_oldest_waiting(struct target *target)
{
    struct delivery *delivery;
    TAILQ_FOREACH(delivery, &target->queue, entry)
    {
        if (delivery->easy == NULL) {
            return delivery;
        }
    }
    return NULL;
}

struct delivery *queue_ready(struct target *target, int64_t now_us, int64_t *due_us)
{
    struct delivery *delivery;
    TAILQ_FOREACH(delivery, &target->queue, entry)
    {
        if (delivery->easy != NULL || delivery->ahead > 0) {
            continue;
        }
        if (delivery->due_us <= now_us) {
            return delivery;
        }
        *due_us = MIN(*due_us, delivery->due_us);
    }
    return NULL;
}
