/* SPDX-License-Identifier: Apache-2.0 */
#include "orchestrator/core/otlp/otlp.h"

#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>

#define STATUS_ERROR 2 /* STATUS_CODE_ERROR */

static json_t *hex(const uint8_t *bytes, size_t len)
{
    char text[2 * TRACE_ID_LEN + 1];
    for (size_t i = 0; i < len; i++) {
        snprintf(text + 2 * i, 3, "%02x", bytes[i]);
    }
    return json_string(text);
}

/* 64-bit integers are text, for numbers of JSON are not made for them. */
static json_t *integer(int64_t number)
{
    char text[24];
    snprintf(text, sizeof(text), "%" PRId64, number);
    return json_string(text);
}

static json_t *text_value(const char *text)
{
    json_t *string = json_string(text);
    return string == NULL ? json_string("?") : string; /* it is not UTF-8 */
}

static void put_text(json_t *attributes, const char *key, const char *text)
{
    if (text[0] != '\0') {
        json_array_append_new(attributes, json_pack("{s:s, s:{s:o}}", "key", key, "value",
                                                    "stringValue", text_value(text)));
    }
}

static json_t *attributes_of(const struct trace_span *span)
{
    json_t *list = json_array();
    for (size_t i = 0; i < span->attribute_count; i++) {
        const struct trace_attribute *attribute = &span->attributes[i];
        if (attribute->text[0] != '\0') {
            put_text(list, attribute->key, attribute->text);
        } else {
            json_array_append_new(list, json_pack("{s:s, s:{s:o}}", "key", attribute->key, "value",
                                                  "intValue", integer(attribute->number)));
        }
    }
    return list;
}

static json_t *span_json(const struct trace_span *span, int64_t wall_offset_us)
{
    static const uint8_t none[TRACE_SPAN_LEN];
    json_t *json = json_pack(
        "{s:o, s:o, s:o, s:i, s:o, s:o, s:o}", "traceId", hex(span->context.trace_id, TRACE_ID_LEN),
        "spanId", hex(span->context.span_id, TRACE_SPAN_LEN), "name",
        text_value(trace_name_of(span)), "kind", (int)span->kind, "startTimeUnixNano",
        integer((span->start_us + wall_offset_us) * 1000), "endTimeUnixNano",
        integer((span->end_us + wall_offset_us) * 1000), "attributes", attributes_of(span));
    if (memcmp(span->parent, none, sizeof(none)) != 0) {
        json_object_set_new(json, "parentSpanId", hex(span->parent, TRACE_SPAN_LEN));
    }
    if (span->failed) {
        json_object_set_new(
            json, "status",
            json_pack("{s:i, s:o}", "code", STATUS_ERROR, "message", text_value(span->error)));
    }
    return json;
}

static json_t *resource(const struct otlp_service *service, const char *node)
{
    json_t *list = json_array();
    bool ours = node[0] == '\0';
    put_text(list, "service.name", ours ? "spillway-orchestrator" : "spillway-node");
    put_text(list, "service.namespace", "spillway");
    put_text(list, "service.instance.id", ours ? service->instance : node);
    put_text(list, "service.version", service->version);
    if (ours) {
        put_text(list, "spillway.orchestrator.name", service->name);
        put_text(list, "cloud.region", service->region);
    }
    return json_pack("{s:o}", "attributes", list);
}

/* The spans of one service. */
static json_t *resource_spans(const struct otlp_service *service, const char *node, json_t **spans)
{
    *spans = json_array();
    return json_pack("{s:o, s:[{s:{s:s, s:s}, s:O}]}", "resource", resource(service, node),
                     "scopeSpans", "scope", "name", "spillway", "version", service->version,
                     "spans", *spans);
}

char *otlp_encode(const struct otlp_service *service, const struct otlp_queue *queue, size_t count,
                  int64_t wall_offset_us)
{
    json_t *lists = json_object(), *all = json_array(), *spans;
    for (size_t i = 0; i < count; i++) {
        const struct trace_span *span = otlp_queue_at(queue, i);
        spans = json_object_get(lists, span->node);
        if (spans == NULL) {
            json_array_append_new(all, resource_spans(service, span->node, &spans));
            json_object_set_new(lists, span->node, spans);
        }
        json_array_append_new(spans, span_json(span, wall_offset_us));
    }
    json_t *request = json_pack("{s:o}", "resourceSpans", all);
    char *text = json_dumps(request, JSON_COMPACT);
    json_decref(request);
    json_decref(lists);
    return text;
}
