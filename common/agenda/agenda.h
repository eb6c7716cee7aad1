/* SPDX-License-Identifier: Apache-2.0
 *
 * What is to be done when: a binary heap of entries by time. Entries are embedded in whoever has
 * something to do, so setting one allocates only when the agenda grows beyond what it ever held.
 * The times stand in the heap itself: to compare them touches nobody's memory but its own.
 */
#ifndef COMMON_AGENDA_AGENDA_H
#define COMMON_AGENDA_AGENDA_H

#include "common/base/base.h"

/* All zero: not on any agenda. */
struct agenda_entry {
    size_t place; /* in the heap, from 1; 0: not on it */
};

struct agenda_item {
    int64_t at_us;
    struct agenda_entry *entry;
};

/* All zero: empty. */
struct agenda {
    struct agenda_item *heap;
    size_t count;
    size_t capacity;
};

/* Puts the entry at that time, wherever it stood before. TIME_NEVER takes it off. */
void agenda_set(struct agenda *agenda, struct agenda_entry *entry, int64_t at_us);

/* Its time, TIME_NEVER if it is not on the agenda. */
int64_t agenda_time(const struct agenda *agenda, const struct agenda_entry *entry);

/* The earliest entry if its time has come, or NULL. It stays where it is until set again. */
struct agenda_entry *agenda_due(const struct agenda *agenda, int64_t now_us);

/* Time of the earliest entry, TIME_NEVER if empty. */
int64_t agenda_deadline(const struct agenda *agenda);

/* Frees the heap. Entries still on it must not be set afterwards. */
void agenda_fini(struct agenda *agenda);

#endif
