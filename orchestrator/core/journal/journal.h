/* SPDX-License-Identifier: Apache-2.0
 *
 * What happened of late to nodes, rooms as a whole, orchestrators and the store, for operators who
 * watch: lines of the log with the names that journal.c lists, in a ring. Other orchestrators' are
 * taken in beside this one's, so any of them can be asked, also for what one wrote before it died.
 *
 * Each orchestrator numbers its events from 1. A cursor has, of each orchestrator, the number of
 * the last event that was read; so it means the same everywhere, whatever came first there. As
 * text: ID.NUMBER, joined by "~"; "" is before everything.
 *
 * Bounds: JOURNAL_EVENTS_MAX events, the oldest to come are forgotten first; JOURNAL_ORIGINS_MAX
 * processes, that one is forgotten whose last event is oldest. A text that is too long is cut.
 */
#ifndef ORCHESTRATOR_CORE_JOURNAL_JOURNAL_H
#define ORCHESTRATOR_CORE_JOURNAL_JOURNAL_H

#include "common/base/base.h"

#define JOURNAL_EVENTS_MAX  10000
#define JOURNAL_ORIGINS_MAX 16
#define JOURNAL_NAME_MAX    64  /* bytes of an orchestrator's name, NUL included */
#define JOURNAL_TEXT_MAX    512 /* and of a text */
#define JOURNAL_CURSOR_MAX  (JOURNAL_ORIGINS_MAX * (ID_MAX + 21))

struct journal;

/* id and name of this orchestrator; the name is cut if it is too long. */
struct journal *journal_new(const char *id, const char *name);
void journal_free(struct journal *journal);

/* ---- Writing ------------------------------------------------------------------------------- */

/* What goes to the log, as log_write() hands it over. Kept if it is one of the events. */
void journal_log(struct journal *journal, int64_t wall_us, enum log_level level, const char *text);

struct journal_event {
    const char *id, *name; /* of the orchestrator; letters, digits and "_" in the id */
    uint64_t number;       /* 1 .. INT64_MAX */
    int64_t wall_us;       /* since 1970; in the journal never less than the one's before */
    enum log_level level;
    const char *text;
};
/* Another orchestrator's, with any name. What is known already is ignored; false: malformed. */
bool journal_take(struct journal *journal, const struct journal_event *event);

/* ---- Reading ------------------------------------------------------------------------------- */

/* How many were ever written: it grows with each. Those from journal_first() on are there. */
uint64_t journal_count(const struct journal *journal);
uint64_t journal_first(const struct journal *journal);
/* Borrowed until the next is written. False: of a process that was forgotten. */
bool journal_at(const struct journal *journal, uint64_t index, struct journal_event *out);
/* The operator's, of this process. */
const char *journal_name(const struct journal *journal);
bool journal_is_own(const struct journal *journal, const struct journal_event *event);

struct journal_cursor {
    struct journal_mark {
        char id[ID_MAX];
        uint64_t number;
    } marks[JOURNAL_ORIGINS_MAX];
    size_t count;
};
/* ERR_INVALID: it is none. */
int journal_cursor_parse(struct journal_cursor *out, const char *text) MUST_CHECK;
void journal_cursor_text(const struct journal_cursor *cursor, char out[JOURNAL_CURSOR_MAX]);

/* What is behind a cursor and is not here (any more), by process. */
struct journal_losses {
    struct journal_loss {
        char id[ID_MAX];
        uint64_t events;
        bool unknown; /* nothing is known of that process: nobody can say how many */
    } items[2 * JOURNAL_ORIGINS_MAX];
    size_t count;
};
/* Before reading: adds the processes of which nothing is left behind the cursor, which forgets
 * those that are unknown here. */
void journal_settle(const struct journal *journal, struct journal_cursor *cursor,
                    struct journal_losses *losses);
/* The event was read, one behind a cursor that was settled; adds those between that are missing. */
void journal_pass(struct journal_cursor *cursor, const struct journal_event *event,
                  struct journal_losses *losses);
/* Whether anything is behind it. */
bool journal_has_after(const struct journal *journal, const struct journal_cursor *cursor);
/* What is behind it by time, and each orchestrator's in its order; at most JOURNAL_EVENTS_MAX. */
size_t journal_after(const struct journal *journal, const struct journal_cursor *cursor,
                     struct journal_event *out);

#endif
