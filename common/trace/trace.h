/* SPDX-License-Identifier: Apache-2.0
 *
 * Distributed traces in OpenTelemetry's terms: a trace is a tree of spans, each with a name, a
 * beginning and an end. A core begins and ends spans with its own time and hands those that ended
 * to a sink that it was given, as it does with lines of the log; it does not know of exporters.
 *
 * What is not traced is a span that is all zero: everything here takes it and does nothing. So
 * nothing asks whether it traces, and where no tracer is given, or the sampler said no, no random
 * number is drawn and nothing is written.
 *
 * Spans name nobody: no identities, names of rooms or addresses; ids alone.
 */
#ifndef COMMON_TRACE_TRACE_H
#define COMMON_TRACE_TRACE_H

#include "common/base/base.h"

#define TRACE_ID_LEN         16
#define TRACE_SPAN_LEN       8
#define TRACE_CONTEXT_LEN    (TRACE_ID_LEN + TRACE_SPAN_LEN) /* between our own programs */
#define TRACE_ATTRIBUTES_MAX 6
#define TRACE_TEXT_MAX       48   /* bytes of a text attribute, NUL included; longer ones are cut */
#define TRACE_NODE_MAX       64   /* and of a node's id */
#define TRACE_ALWAYS         1000 /* sample_permille */

/* ---- Contexts: which span something is a part of ------------------------------------------- */

struct trace_context {
    uint8_t trace_id[TRACE_ID_LEN]; /* all zero: it is not traced */
    uint8_t span_id[TRACE_SPAN_LEN];
};

bool trace_is_traced(const struct trace_context *context);

/* Between our own programs: trace id, then span id. False, and out is not traced: another length,
 * or one of the two is zero. */
bool trace_context_read(struct trace_context *out, struct bytes bytes);
/* Length 0 if it is not traced; borrowed from context. */
struct bytes trace_context_bytes(const struct trace_context *context);

/* A traceparent header (W3C Trace Context §3.2). ERR_INVALID: it is none, or of version ff; the
 * caller begins a trace of its own then, as the recommendation has it. */
struct trace_parent {
    struct trace_context context;
    bool sampled; /* its caller keeps the trace */
};
MUST_CHECK int trace_parent_parse(struct trace_parent *out, const char *text);

/* For a line of the log: " trace_id=" and 32 hexadecimal digits, or "" if it is not traced. */
#define TRACE_WORD_MAX (10 + 2 * TRACE_ID_LEN + 1)
const char *trace_word(const struct trace_context *context, char out[TRACE_WORD_MAX]);

/* ---- Spans --------------------------------------------------------------------------------- */

/* OpenTelemetry's SpanKind, with its numbers. */
enum trace_kind { TRACE_INTERNAL = 1, TRACE_SERVER = 2, TRACE_CLIENT = 3 };

struct trace_attribute {
    const char *key; /* a literal */
    int64_t number;  /* where text is "" */
    char text[TRACE_TEXT_MAX];
};

struct trace_span {
    struct trace_context context;   /* of what is a part of it */
    uint8_t parent[TRACE_SPAN_LEN]; /* all zero: it is the root of its trace */
    const char *name;               /* a literal; NULL: name_text */
    char name_text[TRACE_TEXT_MAX];
    enum trace_kind kind;
    int64_t start_us, end_us; /* by the clock of the core that traces */
    bool failed;
    char error[TRACE_TEXT_MAX]; /* why it failed */
    char node[TRACE_NODE_MAX];  /* the media node that it happened at; "": this process */
    struct trace_attribute attributes[TRACE_ATTRIBUTES_MAX];
    size_t attribute_count;
};

/* Who traces: shared by the cores of a process, outlives them. */
struct tracer {
    void (*write)(void *arg, const struct trace_span *span); /* borrowed for the call */
    void *arg;
    struct random_source random; /* of ids */
    uint32_t sample_permille;    /* of traces that begin here, 0 .. TRACE_ALWAYS */
};

/* The root of a new trace, if the sampler takes it. tracer may be NULL, here and below: nothing is
 * traced. */
struct trace_span trace_root(const struct tracer *tracer, int64_t now_us, const char *name,
                             enum trace_kind kind);
/* A part of parent's; not traced if that is not. */
struct trace_span trace_part(const struct tracer *tracer, int64_t now_us, const char *name,
                             enum trace_kind kind, const struct trace_context *parent);
/* trace_part() of it if it is traced, else trace_root(). */
struct trace_span trace_part_or_root(const struct tracer *tracer, int64_t now_us, const char *name,
                                     enum trace_kind kind, const struct trace_context *parent);

/* A name that is no literal; cut if it is too long. Names are few: no ids in them. */
void trace_name(struct trace_span *span, const char *name);
/* Attributes beyond TRACE_ATTRIBUTES_MAX are left out. key is a literal. */
void trace_text(struct trace_span *span, const char *key, const char *text);
void trace_number(struct trace_span *span, const char *key, int64_t number);

/* Ends it and writes it; the span is not traced any more. */
void trace_end(const struct tracer *tracer, struct trace_span *span, int64_t now_us);
/* The same, of what failed; why is a few words, NULL: it did not. */
void trace_end_failed(const struct tracer *tracer, struct trace_span *span, int64_t now_us,
                      const char *why);
/* It is never written. */
void trace_forget(struct trace_span *span);

/* What it is called. */
static inline const char *trace_name_of(const struct trace_span *span)
{
    return span->name != NULL ? span->name : span->name_text;
}

#endif
