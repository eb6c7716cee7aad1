/* SPDX-License-Identifier: Apache-2.0
 *
 * Prometheus' text exposition format 0.0.4. No IO.
 */
#include "common/probes/probes.h"

#include <math.h>
#include <stdio.h>

#define WHOLE_MAX 9007199254740992.0 /* 2^53: up to here a double tells whole numbers apart */

/* Appends to a text that may be cut off, counting what it needs. */
struct text {
    char *out;
    size_t cap;
    size_t len;
};

static void add(struct text *t, const char *format, ...) PRINTF_LIKE(2, 3);

static void add(struct text *t, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    size_t room = t->len < t->cap ? t->cap - t->len : 0;
    int len = vsnprintf(room > 0 ? t->out + t->len : NULL, room, format, args);
    va_end(args);
    assert(len >= 0);
    t->len += (size_t)len;
}

static void add_value(struct text *t, double value)
{
    if (isnan(value)) {
        add(t, " NaN\n");
    } else if (isinf(value)) {
        add(t, value > 0 ? " +Inf\n" : " -Inf\n");
    } else if (fabs(value) < WHOLE_MAX && value == floor(value)) {
        add(t, " %.0f\n", value);
    } else {
        add(t, " %.15g\n", value);
    }
}

/* Backslash and line feed are escaped in help texts, the quote as well in label values. */
static void add_escaped(struct text *t, const char *text, bool label)
{
    for (const char *p = text; *p != '\0'; p++) {
        if (*p == '\\') {
            add(t, "\\\\");
        } else if (*p == '\n') {
            add(t, "\\n");
        } else if (*p == '"' && label) {
            add(t, "\\\"");
        } else {
            add(t, "%c", *p);
        }
    }
}

int probes_label(char *out, size_t cap, const char *name, const char *value)
{
    struct text t = {NULL, 0, 0};
    for (int pass = 0; pass < 2; pass++) {
        add(&t, "%s=\"", name);
        add_escaped(&t, value, true);
        add(&t, "\"");
        if (t.len >= cap) {
            return ERR_TOO_BIG;
        }
        if (pass == 0) {
            t = (struct text){out, cap, 0};
        }
    }
    return (int)t.len;
}

static void add_head(struct text *t, const char *prefix, const struct probes_metric *m)
{
    static const char *const types[] = {
        [PROBES_COUNTER] = "counter", [PROBES_GAUGE] = "gauge", [PROBES_HISTOGRAM] = "histogram"};
    add(t, "# HELP %s_%s ", prefix, m->name);
    add_escaped(t, m->help, false);
    add(t, "\n# TYPE %s_%s %s\n", prefix, m->name, types[m->kind]);
}

static void add_bucket(struct text *t, const char *prefix, const struct probes_metric *m,
                       size_t bound)
{
    bool labelled = m->labels != NULL && m->labels[0] != '\0';
    add(t, "%s_%s_bucket{%s%sle=\"", prefix, m->name, labelled ? m->labels : "",
        labelled ? "," : "");
    if (bound == TIMINGS_BOUNDS) {
        add(t, "+Inf");
    } else {
        add(t, "%.15g", (double)timings_bound_us(bound) / 1e6);
    }
    add(t, "\"}");
    add_value(t, (double)timings_count(m->histogram, bound));
}

static void add_sample(struct text *t, const char *prefix, const struct probes_metric *m,
                       const char *suffix, double value)
{
    add(t, "%s_%s%s", prefix, m->name, suffix);
    if (m->labels != NULL && m->labels[0] != '\0') {
        add(t, "{%s}", m->labels);
    }
    add_value(t, value);
}

static void add_histogram(struct text *t, const char *prefix, const struct probes_metric *m)
{
    for (size_t bound = 0; bound <= TIMINGS_BOUNDS; bound++) {
        add_bucket(t, prefix, m, bound);
    }
    add_sample(t, prefix, m, "_sum", (double)m->histogram->sum_us / 1e6);
    add_sample(t, prefix, m, "_count", (double)timings_count(m->histogram, TIMINGS_BOUNDS));
}

size_t probes_format(char *out, size_t cap, const char *prefix, const struct probes_metric *metrics,
                     size_t count)
{
    struct text t = {out, cap, 0};
    for (size_t i = 0; i < count; i++) {
        const struct probes_metric *m = &metrics[i];
        if (i == 0 || strcmp(metrics[i - 1].name, m->name) != 0) {
            add_head(&t, prefix, m);
        }
        if (m->kind == PROBES_HISTOGRAM) {
            add_histogram(&t, prefix, m);
        } else {
            add_sample(&t, prefix, m, "", m->value);
        }
    }
    if (cap > 0 && t.len == 0) {
        out[0] = '\0';
    }
    return t.len;
}
