/* SPDX-License-Identifier: Apache-2.0 */
#include "common/rfc3339/rfc3339.h"

#include <stdio.h>
#include <time.h>

#define YEAR_0    (-62167219200LL) /* 0000-01-01T00:00:00Z */
#define YEAR_9999 253402300799LL   /* its last second */

/* ---- Writing ------------------------------------------------------------------------------- */

static size_t put_seconds(char out[RFC3339_MAX], int64_t unix_s)
{
    struct tm utc;
    time_t t = (time_t)MAX(MIN(unix_s, YEAR_9999), YEAR_0);
    gmtime_r(&t, &utc);
    int len = snprintf(out, RFC3339_MAX, "%04u-%02u-%02uT%02u:%02u:%02u",
                       (unsigned)(utc.tm_year + 1900) % 10000, (unsigned)(utc.tm_mon + 1) % 100,
                       (unsigned)utc.tm_mday % 100, (unsigned)utc.tm_hour % 100,
                       (unsigned)utc.tm_min % 100, (unsigned)utc.tm_sec % 100);
    return (size_t)len;
}

const char *rfc3339_s(char out[RFC3339_MAX], int64_t unix_s)
{
    size_t len = put_seconds(out, unix_s);
    snprintf(out + len, RFC3339_MAX - len, "Z");
    return out;
}

const char *rfc3339_ms(char out[RFC3339_MAX], int64_t unix_ms)
{
    int64_t ms = (unix_ms % 1000 + 1000) % 1000;
    size_t len = put_seconds(out, (unix_ms - ms) / 1000);
    snprintf(out + len, RFC3339_MAX - len, ".%03uZ", (unsigned)ms);
    return out;
}

/* ---- Reading ------------------------------------------------------------------------------- */

/* So many digits; NULL: they are not there. */
static const char *digits(const char *text, int count, int *out)
{
    *out = 0;
    for (int i = 0; text != NULL && i < count; i++) {
        if (text[i] < '0' || text[i] > '9') {
            return NULL;
        }
        *out = *out * 10 + text[i] - '0';
    }
    return text == NULL ? NULL : text + count;
}

static const char *letter(const char *text, char wanted)
{
    return text != NULL && *text == wanted ? text + 1 : NULL;
}

/* ".123", or nothing. */
static const char *fraction(const char *text, int *out_ms)
{
    if (text == NULL || *text != '.') {
        return text;
    }
    int unit = 100;
    const char *at = text + 1;
    for (; *at >= '0' && *at <= '9'; at++) {
        *out_ms += (*at - '0') * unit;
        unit /= 10;
    }
    return at == text + 1 ? NULL : at;
}

static const char *zone(const char *text, int *out_s)
{
    int hours, minutes;
    *out_s = 0;
    if (text == NULL || *text == 'Z') {
        return letter(text, 'Z');
    }
    int sign = *text == '-' ? -1 : 1;
    if (*text != '+' && *text != '-') {
        return NULL;
    }
    text = digits(letter(digits(text + 1, 2, &hours), ':'), 2, &minutes);
    *out_s = sign * (hours * 3600 + minutes * 60);
    return hours > 23 || minutes > 59 ? NULL : text;
}

int rfc3339_parse(int64_t *unix_ms, const char *text)
{
    int year, month, day, hour, minute, second = 0, ms = 0, zone_s;
    text = letter(digits(text, 4, &year), '-');
    text = letter(digits(text, 2, &month), '-');
    text = letter(digits(text, 2, &day), 'T');
    text = digits(letter(digits(text, 2, &hour), ':'), 2, &minute);
    if (text != NULL && *text == ':') {
        text = fraction(digits(text + 1, 2, &second), &ms);
    }
    text = zone(text, &zone_s);
    /* Whatever the offset, it is written with four digits of a year. */
    if (text == NULL || *text != '\0' || year < 1970 || year > 9998) {
        return ERR_INVALID;
    }
    struct tm tm = {.tm_year = year - 1900,
                    .tm_mon = month - 1,
                    .tm_mday = day,
                    .tm_hour = hour,
                    .tm_min = minute,
                    .tm_sec = second};
    struct tm same = tm;
    int64_t unix_s = timegm(&same); /* what is no date, the 31st of June, becomes another one */
    if (same.tm_mon != tm.tm_mon || same.tm_mday != tm.tm_mday || same.tm_hour != tm.tm_hour ||
        same.tm_min != tm.tm_min || same.tm_sec != tm.tm_sec) {
        return ERR_INVALID;
    }
    *unix_ms = (unix_s - zone_s) * 1000 + ms;
    return 0;
}
