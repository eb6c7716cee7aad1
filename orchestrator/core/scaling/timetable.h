/* SPDX-License-Identifier: Apache-2.0
 *
 * Nodes that a region is to have at least at certain times of certain days, by the clock of a
 * place.
 */
#ifndef ORCHESTRATOR_CORE_SCALING_TIMETABLE_H
#define ORCHESTRATOR_CORE_SCALING_TIMETABLE_H

#include "common/zone/zone.h"

#define TIMETABLE_ENTRIES_MAX 64
#define TIMETABLE_DAY_MIN     1440

struct timetable_entry {
    const char *region; /* borrowed */
    unsigned days;      /* bit 0: Monday .. bit 6: Sunday; on which it begins */
    int from_min;       /* of the day, 0 .. 1439 */
    int to_min;         /* 0 .. 1440; not after from_min: on the next day */
    struct zone zone;
    uint32_t nodes;
};

struct timetable {
    const struct timetable_entry *entries; /* borrowed */
    size_t count;                          /* 0 .. TIMETABLE_ENTRIES_MAX */
};

/* The most that it says for a region at any minute from one time to another, since 1970. */
uint32_t timetable_nodes(const struct timetable *timetable, const char *region, int64_t from_s,
                         int64_t to_s);

/* "08:30" in minutes, "24:00" included; -1: it is none. */
int timetable_minute(const char *text);
/* "mon" .. "sun" as a bit of days; 0: it is none. */
unsigned timetable_day(const char *text);

#endif
