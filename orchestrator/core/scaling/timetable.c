/* SPDX-License-Identifier: Apache-2.0 */
#include "orchestrator/core/scaling/timetable.h"

static bool holds(const struct timetable_entry *entry, int64_t unix_s)
{
    struct zone_time at = zone_local(&entry->zone, unix_s);
    bool today = (entry->days >> at.weekday & 1) != 0;
    bool yesterday = (entry->days >> (at.weekday + 6) % 7 & 1) != 0;
    if (entry->from_min < entry->to_min) {
        return today && at.minute >= entry->from_min && at.minute < entry->to_min;
    }
    return (today && at.minute >= entry->from_min) || (yesterday && at.minute < entry->to_min);
}

uint32_t timetable_nodes(const struct timetable *timetable, const char *region, int64_t from_s,
                         int64_t to_s)
{
    uint32_t nodes = 0;
    for (size_t i = 0; i < timetable->count; i++) {
        const struct timetable_entry *entry = &timetable->entries[i];
        bool more = entry->nodes > nodes && strcmp(entry->region, region) == 0;
        for (int64_t at = from_s; more && at <= to_s; at += 60) {
            if (holds(entry, at)) {
                nodes = entry->nodes;
                more = false;
            }
        }
    }
    return nodes;
}

static int two_digits(const char *text)
{
    bool digits = text[0] >= '0' && text[0] <= '9' && text[1] >= '0' && text[1] <= '9';
    return digits ? (text[0] - '0') * 10 + text[1] - '0' : -1;
}

int timetable_minute(const char *text)
{
    int hour = strlen(text) == 5 && text[2] == ':' ? two_digits(text) : -1;
    int minute = hour < 0 ? -1 : two_digits(text + 3);
    int of_day = hour * 60 + minute;
    return minute < 0 || minute > 59 || of_day > TIMETABLE_DAY_MIN ? -1 : of_day;
}

unsigned timetable_day(const char *text)
{
    static const char *const days[] = {"mon", "tue", "wed", "thu", "fri", "sat", "sun"};
    for (unsigned i = 0; i < ARRAY_LEN(days); i++) {
        if (strcmp(text, days[i]) == 0) {
            return 1u << i;
        }
    }
    return 0;
}
