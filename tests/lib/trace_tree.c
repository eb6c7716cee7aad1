/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/lib/trace_tree.h"

#include <stdio.h>
#include <stdlib.h>

void trace_tree_write(void *arg, const struct trace_span *span)
{
    struct trace_tree *tree = arg;
    tree->spans = mem_grow(tree->spans, tree->count + 1, sizeof(*tree->spans));
    tree->spans[tree->count++] = *span;
}

void trace_tree_fini(struct trace_tree *tree)
{
    free(tree->spans);
    *tree = (struct trace_tree){0};
}

struct printing {
    struct trace_span *spans;
    size_t count, printed;
    int64_t zero_us;
    char *out;
    size_t len;
};

static int by_start(const void *a, const void *b)
{
    const struct trace_span *one = a, *other = b;
    if (one->start_us != other->start_us) {
        return one->start_us < other->start_us ? -1 : 1;
    }
    int order = one->end_us < other->end_us ? -1 : one->end_us > other->end_us;
    return order != 0 ? order : strcmp(trace_name_of(one), trace_name_of(other));
}

static bool is_part_of(const struct trace_span *span, const struct trace_span *parent)
{
    return memcmp(span->parent, parent->context.span_id, TRACE_SPAN_LEN) == 0 &&
           memcmp(span->context.trace_id, parent->context.trace_id, TRACE_ID_LEN) == 0;
}

static void print(struct printing *p, const struct trace_span *span, int depth)
{
    p->zero_us = depth == 0 ? span->start_us : p->zero_us;
    p->len += (size_t)snprintf(
        p->out + p->len, TRACE_TREE_MAX - p->len, "%*s%s %lld..%lld%s%s%s%s\n", 2 * depth, "",
        trace_name_of(span), (long long)(span->start_us - p->zero_us) / 1000,
        (long long)(span->end_us - p->zero_us) / 1000, span->node[0] == '\0' ? "" : " ", span->node,
        span->failed ? " failed: " : "", span->error);
    assert(p->len < TRACE_TREE_MAX);
    p->printed++;
    for (size_t i = 0; i < p->count; i++) {
        const struct trace_span *part = &p->spans[i];
        if (is_part_of(part, span)) {
            assert(part->start_us >= span->start_us && part->end_us <= span->end_us);
            print(p, part, depth + 1);
        }
    }
}

void trace_tree_text(char out[TRACE_TREE_MAX], struct trace_tree *const *trees, size_t count)
{
    static const uint8_t none[TRACE_SPAN_LEN];
    struct trace_tree all = {0};
    for (size_t i = 0; i < count; i++) {
        for (size_t j = 0; j < trees[i]->count; j++) {
            trace_tree_write(&all, &trees[i]->spans[j]);
        }
        trace_tree_fini(trees[i]);
    }
    struct printing p = {.spans = all.spans, .count = all.count, .out = out};
    out[0] = '\0';
    if (all.count > 0) {
        qsort(all.spans, all.count, sizeof(*all.spans), by_start);
    }
    for (size_t i = 0; i < all.count; i++) {
        if (memcmp(all.spans[i].parent, none, sizeof(none)) == 0) {
            print(&p, &all.spans[i], 0);
        }
    }
    assert(p.printed == all.count); /* else one has a parent that is not there */
    trace_tree_fini(&all);
}
