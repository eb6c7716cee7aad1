/* SPDX-License-Identifier: Apache-2.0
 *
 * What this front was asked for and traces: the root of a join's trace, or of an API call's, from
 * the request to its end, and within it the word to the owner elsewhere
 * (docs/operations/tracing.md).
 */
#include "orchestrator/core/cluster/private.h"

#include <stdio.h>
#include <stdlib.h>

#define TRACED_MAX 4096 /* at once; more are not traced */

enum { HTTP_ERROR = 500 };

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

/* Whoever may call us may have us trace; not who sends a header. */
static bool may_ask(const struct cluster *c, const struct cluster_caller *caller)
{
    struct token token;
    char reason[TOKEN_REASON_MAX];
    const char *text = entry_bearer(caller->authorization, "");
    int64_t now_s = (now_of(c) + c->wall_offset_us) / TIME_S(1);
    if (token_verify(&token, &c->config.keys, text, strlen(text), now_s, reason) != 0) {
        return false;
    }
    token_fini(&token);
    return true;
}

static void call(struct cluster *c, uint64_t request, const char *verb, const char *route,
                 const struct cluster_caller *caller)
{
    const struct tracer *tracer = c->config.tracer;
    char name[TRACE_TEXT_MAX];
    struct trace_parent parent;
    struct trace_span whole = {0};
    bool asked = caller->traceparent != NULL &&
                 trace_parent_parse(&parent, caller->traceparent) == 0 && may_ask(c, caller);
    if (asked && parent.sampled) {
        whole = trace_part(tracer, now_of(c), NULL, TRACE_SERVER, &parent.context);
    } else if (!asked && strcmp(verb, "GET") != 0) { /* who looks on asks once a second */
        whole = trace_root(tracer, now_of(c), NULL, TRACE_SERVER);
    }
    struct traced *traced = add(c, request, &whole);
    if (traced != NULL) {
        snprintf(name, sizeof(name), "%s %s", verb, route);
        trace_name(&traced->whole, name);
        trace_text(&traced->whole, "http.request.method", verb);
    }
}

void traced_twirp(struct cluster *c, uint64_t request, const struct twirp_head *head,
                  const struct cluster_caller *caller)
{
    static const char prefix[] = "/twirp/";
    struct twirp_call found = {0};
    struct twirp_error error;
    if (c->config.tracer == NULL) {
        return;
    }
    bool known = twirp_route(&found, head, &error) == 0; /* else it may be called anything */
    twirp_call_fini(&found);
    call(c, request, head->verb, known ? head->path + sizeof(prefix) - 1 : prefix, caller);
}

/* A segment of a path as it is, if it is one of ours; others may be names of somebody. */
static const char *word_of(const char *path, size_t segment)
{
    static const char *const words[] = {
        "nodes",    "rooms",  "place",    "rebalance", "reservations", "capacity",
        "snapshot", "config", "events",   "move",      "pin",          "unpin",
        "drain",    "cordon", "uncordon", "cancel",    "explain",      "stats",
    };
    for (; segment > 0 && path[0] != '\0'; segment--) {
        path += strcspn(path, "/");
        path += path[0] == '/';
    }
    size_t len = strcspn(path, "/");
    for (size_t i = 0; i < ARRAY_LEN(words); i++) {
        if (strlen(words[i]) == len && strncmp(words[i], path, len) == 0) {
            return words[i];
        }
    }
    return len == 0 ? "" : "{}";
}

void traced_admin(struct cluster *c, uint64_t request, struct orch_admin_request *admin)
{
    static const char root[] = "/admin/v1/";
    char route[TRACE_TEXT_MAX];
    if (c->config.tracer == NULL || strncmp(admin->path, root, sizeof(root) - 1) != 0) {
        return;
    }
    const char *path = admin->path + sizeof(root) - 1;
    const char *kind = word_of(path, 0), *what = word_of(path, 2);
    bool has_id = strchr(path, '/') != NULL;
    snprintf(route, sizeof(route), "%s%s%s%s%s", root, kind, has_id ? "/{}" : "",
             what[0] == '\0' ? "" : "/", what);
    call(c, request, admin->verb, route,
         &(struct cluster_caller){admin->authorization, admin->traceparent});
    admin->trace = traced_context(c, request);
}

struct trace_context traced_context(const struct cluster *c, uint64_t id)
{
    const struct traced *traced = find(c, id);
    return traced == NULL ? (struct trace_context){0} : traced->whole.context;
}

ProtobufCBinaryData traced_forward(struct cluster *c, uint64_t id, size_t member)
{
    struct traced *traced = find(c, id);
    if (traced == NULL) {
        return (ProtobufCBinaryData){0};
    }
    trace_end_failed(c->config.tracer, &traced->forward, now_of(c), "not the owner");
    traced->forward =
        trace_part(c->config.tracer, now_of(c), "owner_ask", TRACE_CLIENT, &traced->whole.context);
    trace_text(&traced->forward, "spillway.orchestrator", c->peers[member].id);
    return traced_bytes(&traced->forward.context);
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

ProtobufCBinaryData traced_bytes(const struct trace_context *context)
{
    struct bytes bytes = trace_context_bytes(context);
    return (ProtobufCBinaryData){bytes.len, (uint8_t *)(uintptr_t)bytes.data};
}

void traced_perform(struct cluster *c, size_t origin, const Spillway__Bus__Ask *message)
{
    struct trace_context context = traced_ask(message);
    if (origin != OWNERSHIP_SELF && message->ask_case != SPILLWAY__BUS__ASK__ASK_CONNECT) {
        struct trace_span span =
            trace_part(c->config.tracer, now_of(c), "room_call", TRACE_SERVER, &context);
        trace_end(c->config.tracer, &span, now_of(c));
    }
}

void traced_wait(struct cluster *c, struct ask *ask, const char *name)
{
    struct trace_context context = traced_ask(ask->message);
    trace_end(c->config.tracer, &ask->wait, now_of(c));
    if (name != NULL) {
        ask->wait = trace_part(c->config.tracer, now_of(c), name, TRACE_INTERNAL, &context);
    }
}
