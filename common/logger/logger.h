/* SPDX-License-Identifier: Apache-2.0
 *
 * The log of a program: one line per entry, as text for people or as JSON for collectors. It is the
 * production end of base.h's log_sink, so whatever a core logs arrives here.
 *
 * The text handed to log_write() is an event name followed by key=value words, a value with spaces
 * in double quotes:
 *
 *     log_write(sink, LOG_INFO, "node_registered node=%s capacity=%u", name, capacity);
 *
 *     2026-01-31T12:00:00.123Z info  node_registered node=a capacity=4000
 *     {"ts":"2026-01-31T12:00:00.123Z","level":"info","event":"node_registered","node":"a",
 *      "capacity":"4000"}                                                   (on one line)
 *
 * In JSON every value is a string; words that are no key=value are gathered under "text". Control
 * characters never reach the output raw, so an entry can not fake another line.
 */
#ifndef COMMON_LOGGER_LOGGER_H
#define COMMON_LOGGER_LOGGER_H

#include "common/base/base.h"

/* Bytes of a written line, newline included. Enough for whatever log_write() hands over, escaped; a
 * longer text is cut, a longer JSON entry becomes the event log_line_too_long. */
#define LOGGER_LINE_MAX 8192

enum logger_format { LOGGER_TEXT, LOGGER_JSON };

struct logger_config {
    enum log_level level_min;
    enum logger_format format;
    int fd;               /* where lines go: 1 or 2; not closed by the logger */
    const char *identity; /* key=value words added to each entry ("worker=1"), or NULL; borrowed */
};

/* Embedded by the program; hand &logger.sink to everything that logs. Outlives its users. */
struct logger {
    struct log_sink sink;
    struct logger_config config;
    uint64_t lost; /* lines that could not be written (a full pipe, a closed terminal) */
};

/* Points logger->sink at config->fd. Each entry is one write(2), so that lines of processes that
 * share a terminal do not mix. Never blocks for long and never fails: what can not be written is
 * counted in lost. */
void logger_init(struct logger *logger, const struct logger_config *config);

/* Writes one entry as logger_init()'s sink would, newline included, for wall clock time unix_ms.
 * Returns its length, at most LOGGER_LINE_MAX. Pure: this is what unit tests look at. */
size_t logger_format_line(char out[LOGGER_LINE_MAX], const struct logger_config *config,
                          int64_t unix_ms, enum log_level level, const char *text);

/* The name of a level ("trace" .. "error"), and back; ERR_INVALID for another word. */
const char *logger_level_name(enum log_level level);
int logger_level_parse(enum log_level *out, const char *name) MUST_CHECK;

#endif
