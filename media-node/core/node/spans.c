/* SPDX-License-Identifier: Apache-2.0
 *
 * What a traced transport came to (Span of control.proto). Packets cost nothing for it: spans end
 * with events that are told anyway.
 */
#include "media-node/core/node/parts.h"

#include <stdlib.h>

#define TRACED_US TIME_S(10) /* what comes later is no part of a join or a move any more */

struct spans {
    struct trace_context context;
    int64_t came_us;
    int64_t path_us; /* -1: it has none yet */
    bool received, sent;
};

void spans_free(struct transport *transport)
{
    free(transport->spans);
    transport->spans = NULL;
}

void spans_set(struct transport *transport, int64_t now_us, const struct trace_context *context)
{
    struct spans *spans = transport->spans;
    if (!trace_is_traced(context)) {
        spans_free(transport);
    } else if (spans == NULL || memcmp(&spans->context, context, sizeof(*context)) != 0) {
        spans_free(transport);
        transport->spans = mem_alloc(sizeof(*spans));
        *transport->spans = (struct spans){.context = *context, .came_us = now_us, .path_us = -1};
    }
}

/* Whether the event ends one, and which; *began_us: of that one. */
static bool ends(struct spans *spans, int64_t now_us, enum fwd_event_kind event,
                 Spillway__Control__Span__Kind *kind, int64_t *began_us)
{
    bool *once = event == FWD_MEDIA ? &spans->received : &spans->sent;
    *began_us = spans->path_us;
    switch (event) {
    case FWD_PATH_SELECTED:
        *kind = SPILLWAY__CONTROL__SPAN__KIND__ICE;
        *began_us = spans->came_us;
        if (spans->path_us >= 0) {
            return false; /* another path, later */
        }
        spans->path_us = now_us;
        return true;
    case FWD_MEDIA:
    case FWD_STANDING:
        *kind = event == FWD_MEDIA ? SPILLWAY__CONTROL__SPAN__KIND__RECEIVE
                                   : SPILLWAY__CONTROL__SPAN__KIND__SEND;
        if (*once || spans->path_us < 0) {
            return false;
        }
        *once = true;
        return true;
    default:
        return false;
    }
}

Spillway__Control__Span *spans_of(struct node *node, struct arena *arena,
                                  const struct fwd_event *event)
{
    Spillway__Control__Span__Kind kind;
    int64_t began_us;
    struct transport *transport =
        event->member == NULL ? NULL : node_find_transport(node, fwd_member_id(event->member));
    if (transport == NULL || transport->spans == NULL) {
        return NULL;
    }
    if (node->now_us - transport->spans->came_us > TRACED_US) {
        spans_free(transport);
        return NULL;
    }
    if (!ends(transport->spans, node->now_us, event->kind, &kind, &began_us)) {
        return NULL;
    }
    Spillway__Control__Span *span = arena_alloc(arena, sizeof(*span));
    struct bytes context = trace_context_bytes(&transport->spans->context);
    spillway__control__span__init(span);
    span->kind = kind;
    span->transport = transport->id;
    span->trace.data = arena_alloc(arena, context.len);
    span->trace.len = context.len;
    memcpy(span->trace.data, context.data, context.len);
    span->duration_us = (uint64_t)(node->now_us - began_us);
    return span;
}
