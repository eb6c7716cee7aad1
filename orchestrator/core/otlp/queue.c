/* SPDX-License-Identifier: Apache-2.0 */
#include "orchestrator/core/otlp/otlp.h"

#include <stdlib.h>

struct otlp_queue {
    struct trace_span spans[OTLP_QUEUE_MAX]; /* a ring */
    size_t first, count;
};

struct otlp_queue *otlp_queue_new(void)
{
    return mem_alloc(sizeof(struct otlp_queue));
}

void otlp_queue_free(struct otlp_queue *queue)
{
    free(queue);
}

bool otlp_queue_add(struct otlp_queue *queue, const struct trace_span *span)
{
    if (queue->count == OTLP_QUEUE_MAX) {
        return false;
    }
    queue->spans[(queue->first + queue->count++) % OTLP_QUEUE_MAX] = *span;
    return true;
}

size_t otlp_queue_count(const struct otlp_queue *queue)
{
    return queue->count;
}

const struct trace_span *otlp_queue_at(const struct otlp_queue *queue, size_t index)
{
    assert(index < queue->count);
    return &queue->spans[(queue->first + index) % OTLP_QUEUE_MAX];
}

void otlp_queue_remove(struct otlp_queue *queue, size_t count)
{
    assert(count <= queue->count);
    queue->first = (queue->first + count) % OTLP_QUEUE_MAX;
    queue->count -= count;
}
