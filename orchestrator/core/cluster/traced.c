/* SPDX-License-Identifier: Apache-2.0
 *
 * What this front was asked for and traces: the root of a join's trace, or of an API call's, from
 * the request to its end, and within it the word to the owner elsewhere
 * (docs/operations/tracing.md).
 */
#include "orchestrator/core/cluster/private.h"

#include <stdlib.h>

#define TRACED_MAX 4096 /* at once; more are not traced */

enum { HTTP_UNAUTHORIZED = 401, HTTP_ERROR = 500 };

/* Nodes speak to orch alone. */
static int64_t now_of(const struct cluster *c)
{
    return MAX(c->now_us, orch_now(c->orch));
}

static struct traced *find(const struct cluster *c, uint64_t id)
{
    struct traced *traced;
    HASH_FIND(hh, c->traced, &id, sizeof(id), traced);
    return traced;
}

static struct traced *add(struct cluster *c, uint64_t id, const struct trace_span *whole)
{
    if (!trace_is_traced(&whole->context) || HASH_COUNT(c->traced) >= TRACED_MAX) {
        return NULL;
    }
    struct traced *traced = mem_alloc(sizeof(*traced));
    *traced = (struct traced){.id = id, .whole = *whole};
    HASH_ADD(hh, c->traced, id, sizeof(traced->id), traced);
    return traced;
}

static void forget(struct cluster *c, struct traced *traced)
{
    HASH_DEL(c->traced, traced);
    free(traced);
}

static void end(struct cluster *c, struct traced *traced, const char *why)
{
    trace_end_failed(c->config.tracer, &traced->forward, now_of(c), why);
    trace_end_failed(c->config.tracer, &traced->whole, now_of(c), why);
    forget(c, traced);
}

void traced_join(struct cluster *c, uint64_t conn)
{
    struct trace_span whole = trace_root(c->config.tracer, now_of(c), "join", TRACE_SERVER);
    (void)add(c, conn, &whole);
}

void traced_call(struct cluster *c, uint64_t request, const char *name, const char *verb,
                 const char *traceparent)
{
    const struct tracer *tracer = c->config.tracer;
    struct trace_parent parent;
    struct trace_span whole = {0};
    bool asked =
        tracer != NULL && traceparent != NULL && trace_parent_parse(&parent, traceparent) == 0;
    if (asked && parent.sampled) {
        whole = trace_part(tracer, now_of(c), NULL, TRACE_SERVER, &parent.context);
    } else if (!asked && strcmp(verb, "GET") != 0) { /* who looks on asks once a second */
        whole = trace_root(tracer, now_of(c), NULL, TRACE_SERVER);
    }
    struct traced *traced = add(c, request, &whole);
    if (traced != NULL) {
        traced->asked = asked;
        trace_name(&traced->whole, name);
        trace_text(&traced->whole, "http.request.method", verb);
    }
}

struct trace_context traced_context(const struct cluster *c, uint64_t id)
{
    const struct traced *traced = find(c, id);
    return traced == NULL ? (struct trace_context){0} : traced->whole.context;
}

struct bytes traced_forward(struct cluster *c, uint64_t id, size_t member)
{
    struct traced *traced = find(c, id);
    if (traced == NULL) {
        return (struct bytes){0};
    }
    trace_end_failed(c->config.tracer, &traced->forward, now_of(c), "not the owner");
    traced->forward =
        trace_part(c->config.tracer, now_of(c), "owner_ask", TRACE_CLIENT, &traced->whole.context);
    trace_text(&traced->forward, "spillway.orchestrator", c->peers[member].id);
    return trace_context_bytes(&traced->forward.context);
}

void traced_joined(struct cluster *c, uint64_t conn, const char *why)
{
    struct traced *traced = find(c, conn);
    if (traced != NULL) {
        end(c, traced, why);
    }
}

static void answered(struct cluster *c, struct traced *traced, int status)
{
    if (traced->asked && status == HTTP_UNAUTHORIZED) { /* whoever it is does not fill our traces */
        forget(c, traced);
        return;
    }
    trace_number(&traced->whole, "http.response.status_code", status);
    end(c, traced, status >= HTTP_ERROR ? "refused" : NULL);
}

void traced_effect(struct cluster *c, const struct effect *effect)
{
    struct traced *traced = find(c, effect->id);
    if (traced == NULL) {
        return;
    }
    switch (effect->type) {
    case EFFECT_REPLY:
    case EFFECT_REFUSE:
        answered(c, traced, effect->status);
        break;
    case EFFECT_CLOSE:
        end(c, traced, "closed");
        break;
    default:
        break;
    }
}

void traced_free_all(struct cluster *c)
{
    while (c->traced != NULL) {
        forget(c, c->traced);
    }
}

/* ---- What waits for its owner or its place ------------------------------------------------- */

struct trace_context traced_ask(const Spillway__Bus__Ask *message)
{
    struct trace_context context;
    (void)trace_context_read(&context, (struct bytes){message->trace.data, message->trace.len});
    return context;
}

void traced_wait(struct cluster *c, struct ask *ask, const char *name)
{
    struct trace_context context = traced_ask(ask->message);
    trace_end(c->config.tracer, &ask->wait, now_of(c));
    if (name != NULL) {
        ask->wait = trace_part(c->config.tracer, now_of(c), name, TRACE_INTERNAL, &context);
    }
}
