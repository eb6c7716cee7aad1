/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/sim/events/events.h"

#include <stdlib.h>

struct event {
    int64_t at_us;
    uint64_t order;
    events_fn *fn;
    void *arg;
    void *detail; /* owned */
};

/* A binary heap, the next one first. */
struct events {
    struct event *heap;
    size_t count, capacity;
    uint64_t order;
    int64_t now_us;
};

struct events *events_new(int64_t start_us)
{
    struct events *events = mem_alloc(sizeof(*events));
    events->now_us = start_us;
    return events;
}

void events_free(struct events *events)
{
    for (size_t i = 0; i < events->count; i++) {
        free(events->heap[i].detail);
    }
    free(events->heap);
    free(events);
}

int64_t events_now(const struct events *events)
{
    return events->now_us;
}

static bool before(const struct event *a, const struct event *b)
{
    return a->at_us != b->at_us ? a->at_us < b->at_us : a->order < b->order;
}

static void swap(struct event *a, struct event *b)
{
    struct event kept = *a;
    *a = *b;
    *b = kept;
}

void events_at(struct events *events, int64_t at_us, events_fn *fn, void *arg, void *take_detail)
{
    if (events->count == events->capacity) {
        events->capacity = MAX(64, 2 * events->capacity);
        events->heap = mem_grow(events->heap, events->capacity, sizeof(*events->heap));
    }
    size_t i = events->count++;
    events->heap[i] = (struct event){.at_us = MAX(at_us, events->now_us),
                                     .order = events->order++,
                                     .fn = fn,
                                     .arg = arg,
                                     .detail = take_detail};
    for (; i > 0 && before(&events->heap[i], &events->heap[(i - 1) / 2]); i = (i - 1) / 2) {
        swap(&events->heap[i], &events->heap[(i - 1) / 2]);
    }
}

static struct event take_first(struct events *events)
{
    struct event first = events->heap[0];
    events->heap[0] = events->heap[--events->count];
    for (size_t i = 0;;) {
        size_t least = i;
        for (size_t child = 2 * i + 1; child <= 2 * i + 2 && child < events->count; child++) {
            if (before(&events->heap[child], &events->heap[least])) {
                least = child;
            }
        }
        if (least == i) {
            return first;
        }
        swap(&events->heap[i], &events->heap[least]);
        i = least;
    }
}

void events_run(struct events *events, int64_t until_us)
{
    while (events->count > 0 && events->heap[0].at_us <= until_us) {
        struct event event = take_first(events);
        events->now_us = event.at_us;
        event.fn(event.arg, event.detail);
        free(event.detail);
    }
    events->now_us = MAX(events->now_us, until_us);
}
