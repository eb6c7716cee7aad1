/* SPDX-License-Identifier: Apache-2.0
 *
 * Goal: spans of one trace know each other, the sampler keeps its share and no more, and contexts
 * are read as they were written, and nothing else is.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>

#include "common/trace/trace.h"

struct written {
    struct trace_span spans[8];
    size_t count;
};

static void keep(void *arg, const struct trace_span *span)
{
    struct written *written = arg;
    assert_true(written->count < ARRAY_LEN(written->spans));
    written->spans[written->count++] = *span;
}

struct fixture {
    struct prng prng;
    struct written written;
    struct tracer tracer;
};

static struct fixture *begin(uint32_t permille)
{
    struct fixture *f = mem_alloc(sizeof(*f));
    prng_seed(&f->prng, 1);
    f->tracer = (struct tracer){.write = keep,
                                .arg = &f->written,
                                .random = prng_source(&f->prng),
                                .sample_permille = permille};
    return f;
}

static void a_part_names_its_parent(void **state)
{
    (void)state;
    struct fixture *f = begin(TRACE_ALWAYS);
    struct trace_span root = trace_root(&f->tracer, 10, "join", TRACE_SERVER);
    struct trace_span part = trace_part(&f->tracer, 20, "placement", TRACE_INTERNAL, &root.context);
    struct trace_context context = root.context;
    trace_text(&part, "node", "ND_1");
    trace_text(&part, "empty", "");
    trace_number(&part, "count", 7);
    trace_end_failed(&f->tracer, &part, 30, "full");
    trace_end(&f->tracer, &root, 40);
    assert_int_equal(f->written.count, 2);
    const struct trace_span *first = &f->written.spans[0], *last = &f->written.spans[1];
    assert_memory_equal(first->context.trace_id, context.trace_id, TRACE_ID_LEN);
    assert_memory_equal(first->parent, context.span_id, TRACE_SPAN_LEN);
    assert_memory_not_equal(first->context.span_id, context.span_id, TRACE_SPAN_LEN);
    assert_int_equal(first->attribute_count, 2); /* empty ones say nothing */
    assert_string_equal(first->error, "full");
    assert_true(first->failed);
    assert_false(last->failed);
    assert_int_equal(last->start_us, 10);
    assert_int_equal(last->end_us, 40);
    assert_false(trace_is_traced(&root.context)); /* it ended: not twice */
    trace_end(&f->tracer, &root, 50);
    assert_int_equal(f->written.count, 2);
    free(f);
}

/* Nothing is written, and no random number is drawn that somebody else would miss. */
static void what_is_not_traced_costs_nothing(void **state)
{
    (void)state;
    struct fixture *f = begin(0);
    struct prng before = f->prng;
    const struct tracer *tracers[] = {NULL, &f->tracer};
    for (size_t i = 0; i < ARRAY_LEN(tracers); i++) {
        struct trace_span root = trace_root(tracers[i], 10, "join", TRACE_SERVER);
        struct trace_span part =
            trace_part(tracers[i], 20, "placement", TRACE_INTERNAL, &root.context);
        trace_text(&part, "node", "ND_1");
        trace_end(tracers[i], &part, 30);
        trace_end_failed(tracers[i], &root, 30, "gone");
        assert_int_equal(trace_context_bytes(&root.context).len, 0);
    }
    assert_int_equal(f->written.count, 0);
    assert_memory_equal(&f->prng, &before, sizeof(before));
    free(f);
}

static void the_sampler_keeps_its_share(void **state)
{
    (void)state;
    static const uint32_t shares[] = {0, 1, 100, 500, 999, TRACE_ALWAYS};
    enum { TRACES = 20000 };
    for (size_t i = 0; i < ARRAY_LEN(shares); i++) {
        struct fixture *f = begin(shares[i]);
        int64_t sampled = 0;
        for (size_t n = 0; n < TRACES; n++) {
            struct trace_span span = trace_root(&f->tracer, 0, "join", TRACE_SERVER);
            sampled += trace_is_traced(&span.context);
        }
        int64_t wanted = (int64_t)shares[i] * TRACES / TRACE_ALWAYS;
        int64_t sigma_5 = 5 * 71; /* of 20,000 throws of a coin; less elsewhere */
        bool exact = shares[i] == 0 || shares[i] == TRACE_ALWAYS;
        assert_in_range(sampled + sigma_5, wanted + (exact ? sigma_5 : 0),
                        wanted + (exact ? 1 : 2) * sigma_5);
        free(f);
    }
}

static void somebody_elses_trace_goes_on(void **state)
{
    (void)state;
    struct fixture *f = begin(0); /* whatever the ratio of those that begin here */
    struct trace_parent parent;
    assert_int_equal(
        trace_parent_parse(&parent, "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"), 0);
    struct trace_span span =
        trace_part_or_root(&f->tracer, 0, "api", TRACE_SERVER, &parent.context);
    assert_memory_equal(span.parent, parent.context.span_id, TRACE_SPAN_LEN);
    char word[TRACE_WORD_MAX];
    assert_string_equal(trace_word(&span.context, word),
                        " trace_id=4bf92f3577b34da6a3ce929d0e0e4736");
    assert_string_equal(trace_word(&(struct trace_context){0}, word), "");
    free(f);
}

static void traceparents(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        int err;
        bool sampled;
    } rows[] = {
        {"00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01", 0, true},
        {"00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-00", 0, false},
        {"00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-03", 0, true},
        {"cc-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01", 0, true}, /* a later version */
        {"cc-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-more", 0, true},
        {"cc-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01.more", ERR_INVALID, false},
        {"00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-more", ERR_INVALID, false},
        {"ff-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01", ERR_INVALID, false},
        {"00-4BF92F3577B34DA6A3CE929D0E0E4736-00f067aa0ba902b7-01", ERR_INVALID, false},
        {"00-00000000000000000000000000000000-00f067aa0ba902b7-01", ERR_INVALID, false},
        {"00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-01", ERR_INVALID, false},
        {"00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7", ERR_INVALID, false},
        {"00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-0", ERR_INVALID, false},
        {"00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-0g", ERR_INVALID, false},
        {"00_4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01", ERR_INVALID, false},
        {"", ERR_INVALID, false},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct trace_parent parent = {0};
        assert_int_equal(trace_parent_parse(&parent, rows[i].text), rows[i].err);
        assert_int_equal(parent.sampled, rows[i].sampled);
        assert_int_equal(trace_is_traced(&parent.context), rows[i].err == 0);
    }
}

static void between_our_programs(void **state)
{
    (void)state;
    uint8_t bytes[TRACE_CONTEXT_LEN + 1];
    struct trace_context context, again;
    memset(bytes, 7, sizeof(bytes));
    assert_true(trace_context_read(&context, (struct bytes){bytes, TRACE_CONTEXT_LEN}));
    assert_true(trace_context_read(&again, trace_context_bytes(&context)));
    assert_memory_equal(&again, &context, sizeof(again));
    assert_false(trace_context_read(&again, (struct bytes){bytes, 0}));
    assert_false(trace_is_traced(&again));
    assert_false(trace_context_read(&again, (struct bytes){bytes, TRACE_CONTEXT_LEN - 1}));
    assert_false(trace_context_read(&again, (struct bytes){bytes, TRACE_CONTEXT_LEN + 1}));
    memset(bytes + TRACE_ID_LEN, 0, TRACE_SPAN_LEN);
    assert_false(trace_context_read(&again, (struct bytes){bytes, TRACE_CONTEXT_LEN}));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_part_names_its_parent),
        cmocka_unit_test(what_is_not_traced_costs_nothing),
        cmocka_unit_test(the_sampler_keeps_its_share),
        cmocka_unit_test(somebody_elses_trace_goes_on),
        cmocka_unit_test(traceparents),
        cmocka_unit_test(between_our_programs),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
