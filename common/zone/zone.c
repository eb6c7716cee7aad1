/* SPDX-License-Identifier: Apache-2.0 */
#include "common/zone/zone.h"

#include <time.h>

enum { MINUTE = 60, HOUR = 3600, DAY = 86400, WEEK = 7, HOURS_MAX = 167 };

/* ---- Parsing ------------------------------------------------------------------------------- */

struct scan {
    const uint8_t *at, *end;
};

static bool is_digit(uint8_t c)
{
    return c >= '0' && c <= '9';
}

static bool is_letter(uint8_t c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static bool accept(struct scan *s, char c)
{
    bool is = s->at < s->end && *s->at == (uint8_t)c;
    s->at += is;
    return is;
}

static bool number(struct scan *s, int most, int *out)
{
    int value = 0;
    const uint8_t *first = s->at;
    while (s->at < s->end && is_digit(*s->at) && value <= most) {
        value = value * 10 + *s->at++ - '0';
    }
    *out = value;
    return s->at > first && value <= most;
}

/* "CET" or "<+03>": what it is called does not matter here. */
static bool name(struct scan *s)
{
    const uint8_t *first = s->at;
    bool quoted = accept(s, '<');
    while (s->at < s->end && (is_letter(*s->at) ||
                              (quoted && (is_digit(*s->at) || *s->at == '+' || *s->at == '-')))) {
        s->at++;
    }
    size_t len = (size_t)(s->at - first) - (quoted ? 1 : 0);
    return len >= 3 && (!quoted || accept(s, '>'));
}

/* "[+-]h[h][:mm[:ss]]" */
static bool clock_time(struct scan *s, int32_t *out)
{
    int hours, minutes = 0, seconds = 0;
    bool minus = accept(s, '-');
    if (!minus) {
        (void)accept(s, '+');
    }
    if (!number(s, HOURS_MAX, &hours) || (accept(s, ':') && !number(s, 59, &minutes)) ||
        (accept(s, ':') && !number(s, 59, &seconds))) {
        return false;
    }
    *out = (hours * HOUR + minutes * MINUTE + seconds) * (minus ? -1 : 1);
    return true;
}

/* What POSIX counts to the west is to the east here. */
static bool offset(struct scan *s, int32_t *out)
{
    if (!clock_time(s, out) || *out > 24 * HOUR || *out < -24 * HOUR) {
        return false;
    }
    *out = -*out;
    return true;
}

static bool change(struct scan *s, struct zone_change *out)
{
    out->time_s = 2 * HOUR;
    return accept(s, ',') && accept(s, 'M') && number(s, 12, &out->month) && out->month >= 1 &&
           accept(s, '.') && number(s, 5, &out->week) && out->week >= 1 && accept(s, '.') &&
           number(s, 6, &out->day) && (!accept(s, '/') || clock_time(s, &out->time_s));
}

static bool summer(struct scan *s, struct zone *zone)
{
    zone->has_summer = true;
    zone->summer_offset_s = zone->offset_s + HOUR;
    if (!name(s)) {
        return false;
    }
    bool said = s->at < s->end && *s->at != ',';
    return (!said || offset(s, &zone->summer_offset_s)) && change(s, &zone->begins) &&
           change(s, &zone->ends);
}

int zone_parse(struct zone *out, struct bytes text)
{
    struct zone zone = {0};
    struct scan s = {text.data, text.data + text.len};
    bool good = name(&s) && offset(&s, &zone.offset_s);
    if (good && s.at < s.end) {
        good = summer(&s, &zone) && s.at == s.end;
    }
    if (!good) {
        return ERR_INVALID;
    }
    *out = zone;
    return 0;
}

int zone_of_file(struct zone *out, struct bytes file)
{
    static const char magic[] = "TZif";
    size_t last = file.len - 1; /* the footer is a line between two newlines, at the end */
    if (file.len < 44 || memcmp(file.data, magic, 4) != 0 || file.data[4] < '2' ||
        file.data[last] != '\n') {
        return ERR_INVALID;
    }
    size_t first = last;
    while (first > 0 && file.data[first - 1] != '\n') {
        first--;
    }
    return zone_parse(out, (struct bytes){file.data + first, last - first});
}

/* ---- Local time ---------------------------------------------------------------------------- */

/* When that change is in that year, by the clock that has this offset until then. */
static int64_t change_s(const struct zone_change *change, int year, int32_t offset_s)
{
    struct tm first = {.tm_year = year, .tm_mon = change->month - 1, .tm_mday = 1};
    struct tm next = {.tm_year = year, .tm_mon = change->month, .tm_mday = 1};
    int64_t begin = timegm(&first), end = timegm(&next); /* sets tm_wday */
    int days = (change->day - first.tm_wday + WEEK) % WEEK + (change->week - 1) * WEEK;
    if (begin + (int64_t)days * DAY >= end) {
        days -= WEEK; /* the fifth is the last */
    }
    return begin + (int64_t)days * DAY + change->time_s - offset_s;
}

int32_t zone_offset_s(const struct zone *zone, int64_t unix_s)
{
    if (!zone->has_summer) {
        return zone->offset_s;
    }
    time_t local = (time_t)(unix_s + zone->offset_s);
    struct tm date;
    gmtime_r(&local, &date);
    int64_t begins = change_s(&zone->begins, date.tm_year, zone->offset_s);
    int64_t ends = change_s(&zone->ends, date.tm_year, zone->summer_offset_s);
    bool is_summer = begins < ends ? unix_s >= begins && unix_s < ends
                                   : unix_s >= begins || unix_s < ends; /* south of the equator */
    return is_summer ? zone->summer_offset_s : zone->offset_s;
}

struct zone_time zone_local(const struct zone *zone, int64_t unix_s)
{
    int64_t local = unix_s + zone_offset_s(zone, unix_s);
    int64_t second = ((local % DAY) + DAY) % DAY, day = (local - second) / DAY;
    return (struct zone_time){.weekday =
                                  (int)(((day + 3) % WEEK + WEEK) % WEEK), /* 1970: Thursday */
                              .minute = (int)(second / MINUTE)};
}
