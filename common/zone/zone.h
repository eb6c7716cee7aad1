/* SPDX-License-Identifier: Apache-2.0
 *
 * Local time of a place: a POSIX TZ rule ("CET-1CEST,M3.5.0,M10.5.0/3"; IEEE Std 1003.1-2017 §8.3
 * with the hours -167 to 167 of RFC 8536 §3.3.1), from a text or from the footer of a TZif file of
 * version 2 or later (RFC 8536 §3.3), where the tz database says what holds from now on. Times
 * before that are as if the rule had always held: no use for the past.
 *
 * Left out: rules that name days of the year (Jn, n), which no place of the tz database uses.
 */
#ifndef COMMON_ZONE_ZONE_H
#define COMMON_ZONE_ZONE_H

#include "common/base/base.h"

/* "Mm.w.d/time": the w-th (5: last) such weekday (0: Sunday) of the month. */
struct zone_change {
    int month, week, day;
    int32_t time_s; /* of the local day, by the clock that holds until then; may leave the day */
};

struct zone {
    int32_t offset_s; /* east of Greenwich */
    bool has_summer;
    int32_t summer_offset_s;
    struct zone_change begins, ends; /* of summer time */
};

/* ERR_INVALID: it is none. */
int zone_parse(struct zone *out, struct bytes text) MUST_CHECK;
/* A whole file; ERR_INVALID: not TZif, or without a rule. */
int zone_of_file(struct zone *out, struct bytes file) MUST_CHECK;

/* East of Greenwich, at that time since 1970. */
int32_t zone_offset_s(const struct zone *zone, int64_t unix_s);

struct zone_time {
    int weekday; /* 0: Monday .. 6 */
    int minute;  /* of the day, 0 .. 1439 */
};
struct zone_time zone_local(const struct zone *zone, int64_t unix_s);

#endif
