/* SPDX-License-Identifier: Apache-2.0
 *
 * What happened, as lines with virtual times: "12.345 ND_3 crashes". Kept for whoever wants to know
 * why a run failed, and compared with what is expected where a test tells a story.
 */
#ifndef TESTS_SIM_TIMELINE_TIMELINE_H
#define TESTS_SIM_TIMELINE_TIMELINE_H

#include "tests/sim/events/events.h"

#include <stdio.h>

#define TIMELINE_LINES 4000 /* kept; older ones are forgotten */

struct timeline;

/* Times are counted from now on. aloud: each line goes to stderr as well. */
struct timeline *timeline_new(const struct events *events, bool aloud);
void timeline_free(struct timeline *timeline);

void timeline_tell(struct timeline *timeline, const char *who, const char *format, ...)
    PRINTF_LIKE(3, 4);

void timeline_print(const struct timeline *timeline, FILE *out);

/* What a core of that name logs goes to stderr too, if aloud; it is not kept. who is borrowed; sink
 * is written, and refers to both. */
struct timeline_log {
    const struct timeline *timeline;
    const char *who;
    struct log_sink sink;
};
void timeline_log(struct timeline_log *log, const struct timeline *timeline, const char *who);

/* The lines that begin with one of these names, since the last call; to be freed. */
char *timeline_of(struct timeline *timeline, const char *const *names, size_t count);

#endif
