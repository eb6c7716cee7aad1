/* SPDX-License-Identifier: Apache-2.0
 *
 * Goal: the queue has its bound and its order, and what is in it is OTLP: as the protocol's JSON
 * encoding has it, each span below the service at which it happened.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "orchestrator/core/otlp/otlp.h"

#include <jansson.h>
#include <stdio.h>

static struct trace_span span_named(const char *name, uint8_t id)
{
    struct trace_span span = {
        .name = name, .kind = TRACE_INTERNAL, .start_us = 1000, .end_us = 2500};
    memset(span.context.trace_id, 0xab, TRACE_ID_LEN);
    memset(span.context.span_id, id, TRACE_SPAN_LEN);
    return span;
}

static void add(struct otlp_queue *queue, const struct trace_span *span)
{
    assert_true(otlp_queue_add(queue, span));
}

static void the_newest_is_dropped(void **state)
{
    (void)state;
    struct otlp_queue *queue = otlp_queue_new();
    struct trace_span span = span_named("join", 1);
    for (size_t round = 0; round < 3; round++) { /* round the ring */
        while (otlp_queue_count(queue) < OTLP_QUEUE_MAX) {
            span.start_us = (int64_t)otlp_queue_count(queue);
            add(queue, &span);
        }
        assert_false(otlp_queue_add(queue, &span));
        assert_int_equal(otlp_queue_at(queue, 0)->start_us, 0);
        assert_int_equal(otlp_queue_at(queue, 17)->start_us, 17);
        otlp_queue_remove(queue, 17);
        assert_int_equal(otlp_queue_at(queue, 0)->start_us, 17);
        otlp_queue_remove(queue, OTLP_QUEUE_MAX - 17);
        assert_int_equal(otlp_queue_count(queue), 0);
        add(queue, &span); /* the next round begins elsewhere */
        otlp_queue_remove(queue, 1);
    }
    otlp_queue_free(queue);
}

static const char *text_at(json_t *json, const char *format, ...)
{
    char path[128];
    va_list args;
    va_start(args, format);
    vsnprintf(path, sizeof(path), format, args);
    va_end(args);
    for (char *save = NULL, *word = strtok_r(path, ".", &save); word != NULL;
         word = strtok_r(NULL, ".", &save)) {
        json = json_is_array(json) ? json_array_get(json, (size_t)(word[0] - '0'))
                                   : json_object_get(json, word);
    }
    return json_string_value(json);
}

static void one_resource_a_service(void **state)
{
    (void)state;
    static const struct otlp_service service = {
        .instance = "OR_1", .name = "eu-1", .region = "eu", .version = "9.9"};
    static const char spans[] = "resourceSpans.%d.scopeSpans.0.spans.%d.%s";
    struct otlp_queue *queue = otlp_queue_new();
    struct trace_span root = span_named("join", 1), ice = span_named("ice", 2),
                      dtls = span_named("dtls", 3), left = span_named("ice", 4);
    memcpy(ice.parent, root.context.span_id, TRACE_SPAN_LEN);
    snprintf(ice.node, sizeof(ice.node), "ND_7");
    trace_text(&dtls, "spillway.room", "RM_\"1\"");
    trace_number(&dtls, "http.response.status_code", INT64_C(9007199254740993));
    dtls.failed = true;
    snprintf(dtls.error, sizeof(dtls.error), "left\xff"); /* no UTF-8 */
    add(queue, &root);
    add(queue, &ice);
    add(queue, &dtls);
    add(queue, &left);
    char *text = otlp_encode(&service, queue, 3, 5000000);
    json_t *json = json_loads(text, 0, NULL);
    assert_non_null(json);
    assert_int_equal(json_array_size(json_object_get(json, "resourceSpans")), 2);
    static const char value[] = "resourceSpans.%d.resource.attributes.%d.value.stringValue";
    assert_string_equal(text_at(json, value, 0, 0), "spillway-orchestrator");
    assert_string_equal(text_at(json, value, 0, 2), "OR_1");
    assert_string_equal(text_at(json, value, 0, 5), "eu");
    assert_string_equal(text_at(json, value, 1, 0), "spillway-node");
    assert_string_equal(text_at(json, value, 1, 2), "ND_7");
    assert_string_equal(text_at(json, spans, 0, 0, "name"), "join");
    assert_string_equal(text_at(json, spans, 0, 0, "traceId"), "abababababababababababababababab");
    assert_string_equal(text_at(json, spans, 0, 0, "spanId"), "0101010101010101");
    assert_null(text_at(json, spans, 0, 0, "parentSpanId")); /* it is the root */
    assert_string_equal(text_at(json, spans, 0, 0, "startTimeUnixNano"), "5001000000");
    assert_string_equal(text_at(json, spans, 0, 0, "endTimeUnixNano"), "5002500000");
    assert_string_equal(text_at(json, spans, 1, 0, "parentSpanId"), "0101010101010101");
    assert_string_equal(text_at(json, spans, 0, 1, "status.message"), "?");
    assert_string_equal(text_at(json, spans, 0, 1, "attributes.0.value.stringValue"), "RM_\"1\"");
    assert_string_equal(text_at(json, spans, 0, 1, "attributes.1.value.intValue"),
                        "9007199254740993");
    assert_null(text_at(json, spans, 1, 1, "name")); /* beyond count */
    json_decref(json);
    free(text);
    otlp_queue_free(queue);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_newest_is_dropped),
        cmocka_unit_test(one_resource_a_service),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
