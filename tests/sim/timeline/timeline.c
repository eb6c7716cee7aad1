/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/sim/timeline/timeline.h"

#include <stdlib.h>

#define LINE_MAX_LEN 200

struct line {
    int64_t at_us;
    char who[16];
    char what[LINE_MAX_LEN];
};

struct timeline {
    const struct events *events;
    int64_t start_us;
    bool aloud;
    size_t count;  /* ever told */
    size_t copied; /* of these, by timeline_of() */
    struct line lines[TIMELINE_LINES];
};

struct timeline *timeline_new(const struct events *events, bool aloud)
{
    struct timeline *timeline = mem_alloc(sizeof(*timeline));
    timeline->events = events;
    timeline->start_us = events_now(events);
    timeline->aloud = aloud;
    return timeline;
}

void timeline_free(struct timeline *timeline)
{
    free(timeline);
}

static void print(const struct line *line, FILE *out)
{
    int ms = (int)(line->at_us / 1000);
    fprintf(out, "%3d.%03d %s %s\n", ms / 1000, ms % 1000, line->who, line->what);
}

void timeline_tell(struct timeline *timeline, const char *who, const char *format, ...)
{
    struct line *line = &timeline->lines[timeline->count++ % TIMELINE_LINES];
    line->at_us = events_now(timeline->events) - timeline->start_us;
    snprintf(line->who, sizeof(line->who), "%s", who);
    va_list args;
    va_start(args, format);
    vsnprintf(line->what, sizeof(line->what), format, args);
    va_end(args);
    if (timeline->aloud) {
        print(line, stderr);
    }
}

static void hear(void *arg, enum log_level level, const char *line)
{
    const struct timeline_log *log = arg;
    const struct timeline *timeline = log->timeline;
    int ms = (int)((events_now(timeline->events) - timeline->start_us) / 1000);
    (void)level;
    fprintf(stderr, "%3d.%03d   %s: %s\n", ms / 1000, ms % 1000, log->who, line);
}

void timeline_log(struct timeline_log *log, const struct timeline *timeline, const char *who)
{
    *log = (struct timeline_log){.timeline = timeline, .who = who};
    log->sink = (struct log_sink){
        .write = timeline->aloud ? hear : NULL, .arg = log, .level_min = LOG_DEBUG};
}

static size_t oldest(const struct timeline *timeline)
{
    return timeline->count - MIN(timeline->count, (size_t)TIMELINE_LINES);
}

void timeline_print(const struct timeline *timeline, FILE *out)
{
    for (size_t i = oldest(timeline); i < timeline->count; i++) {
        print(&timeline->lines[i % TIMELINE_LINES], out);
    }
}

char *timeline_of(struct timeline *timeline, const char *const *names, size_t count)
{
    char *text = NULL;
    size_t len;
    FILE *out = open_memstream(&text, &len);
    assert(out != NULL);
    for (size_t i = MAX(timeline->copied, oldest(timeline)); i < timeline->count; i++) {
        const struct line *line = &timeline->lines[i % TIMELINE_LINES];
        for (size_t name = 0; name < count; name++) {
            if (strcmp(line->who, names[name]) == 0) {
                print(line, out);
            }
        }
    }
    timeline->copied = timeline->count;
    int err = fclose(out);
    assert(err == 0);
    return text;
}
