/* SPDX-License-Identifier: Apache-2.0
 *
 * Spans and the sampler.
 */
#include "common/trace/trace.h"

#include <stdio.h>

static void draw(const struct tracer *tracer, uint8_t *out, size_t len)
{
    static const uint8_t zero[TRACE_ID_LEN];
    do { /* all zero means none (W3C Trace Context §3.2.2.3) */
        tracer->random.fill(tracer->random.arg, out, len);
    } while (memcmp(out, zero, len) == 0);
}

/* By the trace id alone, as OpenTelemetry's TraceIdRatioBased does: whoever looks at the same id
 * with the same ratio comes to the same answer. */
static bool samples(const struct tracer *tracer, const uint8_t trace_id[TRACE_ID_LEN])
{
    uint64_t step = (UINT64_C(1) << 63) / TRACE_ALWAYS;
    return be64_get(trace_id + TRACE_ID_LEN - 8) >> 1 < tracer->sample_permille * step ||
           tracer->sample_permille >= TRACE_ALWAYS;
}

static struct trace_span begin(const struct tracer *tracer, int64_t now_us, const char *name,
                               enum trace_kind kind)
{
    struct trace_span span = {.name = name, .kind = kind, .start_us = now_us};
    draw(tracer, span.context.span_id, TRACE_SPAN_LEN);
    return span;
}

struct trace_span trace_root(const struct tracer *tracer, int64_t now_us, const char *name,
                             enum trace_kind kind)
{
    uint8_t id[TRACE_ID_LEN];
    if (tracer == NULL || tracer->sample_permille == 0) {
        return (struct trace_span){0};
    }
    draw(tracer, id, sizeof(id));
    if (!samples(tracer, id)) {
        return (struct trace_span){0};
    }
    struct trace_span span = begin(tracer, now_us, name, kind);
    memcpy(span.context.trace_id, id, sizeof(id));
    return span;
}

struct trace_span trace_part(const struct tracer *tracer, int64_t now_us, const char *name,
                             enum trace_kind kind, const struct trace_context *parent)
{
    if (tracer == NULL || !trace_is_traced(parent)) {
        return (struct trace_span){0};
    }
    struct trace_span span = begin(tracer, now_us, name, kind);
    memcpy(span.context.trace_id, parent->trace_id, TRACE_ID_LEN);
    memcpy(span.parent, parent->span_id, TRACE_SPAN_LEN);
    return span;
}

struct trace_span trace_part_or_root(const struct tracer *tracer, int64_t now_us, const char *name,
                                     enum trace_kind kind, const struct trace_context *parent)
{
    return trace_is_traced(parent) ? trace_part(tracer, now_us, name, kind, parent)
                                   : trace_root(tracer, now_us, name, kind);
}

void trace_name(struct trace_span *span, const char *name)
{
    snprintf(span->name_text, sizeof(span->name_text), "%s", name);
    span->name = NULL;
}

static struct trace_attribute *add(struct trace_span *span, const char *key)
{
    bool full = span->attribute_count == TRACE_ATTRIBUTES_MAX;
    if (full || !trace_is_traced(&span->context)) {
        return NULL;
    }
    struct trace_attribute *attribute = &span->attributes[span->attribute_count++];
    *attribute = (struct trace_attribute){.key = key};
    return attribute;
}

void trace_text(struct trace_span *span, const char *key, const char *text)
{
    struct trace_attribute *attribute = text[0] == '\0' ? NULL : add(span, key);
    if (attribute != NULL) {
        snprintf(attribute->text, sizeof(attribute->text), "%s", text);
    }
}

void trace_number(struct trace_span *span, const char *key, int64_t number)
{
    struct trace_attribute *attribute = add(span, key);
    if (attribute != NULL) {
        attribute->number = number;
    }
}

void trace_end(const struct tracer *tracer, struct trace_span *span, int64_t now_us)
{
    if (trace_is_traced(&span->context)) {
        assert(now_us >= span->start_us);
        span->end_us = now_us;
        tracer->write(tracer->arg, span);
    }
    trace_forget(span);
}

void trace_end_failed(const struct tracer *tracer, struct trace_span *span, int64_t now_us,
                      const char *why)
{
    span->failed = why != NULL;
    snprintf(span->error, sizeof(span->error), "%s", why == NULL ? "" : why);
    trace_end(tracer, span, now_us);
}

void trace_forget(struct trace_span *span)
{
    *span = (struct trace_span){0};
}
