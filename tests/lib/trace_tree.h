/* SPDX-License-Identifier: Apache-2.0
 *
 * What a core traced, as a tree for tests to compare. It fails the test if a span lies outside of
 * its parent's time, or has none.
 */
#ifndef TESTS_LIB_TRACE_TREE_H
#define TESTS_LIB_TRACE_TREE_H

#include "common/trace/trace.h"

#define TRACE_TREE_MAX 4096 /* bytes of a text, NUL included */

/* Zero-initialised is empty; hand trace_tree_write and it to a tracer. */
struct trace_tree {
    struct trace_span *spans; /* owned */
    size_t count;
};

void trace_tree_write(void *tree, const struct trace_span *span);
void trace_tree_fini(struct trace_tree *tree);

/* One line a span, children below it in the order of their beginning, with milliseconds since the
 * root began: "  spec 0..10 ND_a failed: left". Empties the trees, of which there may be several:
 * one for each process. */
void trace_tree_text(char out[TRACE_TREE_MAX], struct trace_tree *const *trees, size_t count);

#endif
