/* SPDX-License-Identifier: Apache-2.0
 *
 * Goal: local time of a place as the tz database has it, on both sides of each change of its clock,
 * and nothing that is no rule is taken for one.
 */
#include "common/zone/zone.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>

#include <cmocka.h>

#define BERLIN "CET-1CEST,M3.5.0,M10.5.0/3"

static struct zone zone_of(const char *text)
{
    struct zone zone;
    assert_int_equal(zone_parse(&zone, (struct bytes){(const uint8_t *)text, strlen(text)}), 0);
    return zone;
}

/* Goal: offsets, checked against `TZ=... date -d @...`. */
static void offsets(void **state)
{
    (void)state;
    static const struct {
        const char *zone;
        int64_t unix_s;
        int32_t offset_s;
    } cases[] = {
        {"UTC0", 1800000000, 0},
        {BERLIN, 1796083199, 3600},                     /* 2026-12-01 */
        {BERLIN, 1774745999, 3600},                     /* 2026-03-29 01:59:59 */
        {BERLIN, 1774746000, 7200},                     /* 03:00:00 */
        {BERLIN, 1792889999, 7200},                     /* 2026-10-25 02:59:59, the first time */
        {BERLIN, 1792890000, 3600},                     /* 02:00:00, the second */
        {"EST5EDT,M3.2.0,M11.1.0", 1772953199, -18000}, /* New York, 2026-03-08 01:59:59 */
        {"EST5EDT,M3.2.0,M11.1.0", 1772953200, -14400},
        {"AEST-10AEDT,M10.1.0,M4.1.0/3", 1767225600, 39600},    /* Sydney, 2026-01-01: summer */
        {"AEST-10AEDT,M10.1.0,M4.1.0/3", 1782864000, 36000},    /* 2026-07-01 */
        {"<+0530>-5:30", 0, 19800},                             /* Kolkata, by its rule */
        {"<-02>2<-01>,M3.5.0/-1,M10.5.0/0", 1774745999, -7200}, /* Nuuk: 23:00 of the day before */
        {"<-02>2<-01>,M3.5.0/-1,M10.5.0/0", 1774746000, -3600},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct zone zone = zone_of(cases[i].zone);
        assert_int_equal(zone_offset_s(&zone, cases[i].unix_s), cases[i].offset_s);
    }
}

static void days(void **state)
{
    (void)state;
    struct zone berlin = zone_of(BERLIN), utc = zone_of("UTC0");
    struct zone_time at = zone_local(&utc, 0);
    assert_int_equal(at.weekday, 3);
    assert_int_equal(at.minute, 0);
    at = zone_local(&utc, -60); /* Wednesday, 23:59 */
    assert_int_equal(at.weekday, 2);
    assert_int_equal(at.minute, 1439);
    at = zone_local(&berlin, 1796079600); /* 2026-11-30 23:00 UTC, a Monday: Tuesday there */
    assert_int_equal(at.weekday, 1);
    assert_int_equal(at.minute, 0);
}

static void none(void **state)
{
    (void)state;
    static const char *const texts[] = {"",
                                        "CET",
                                        "CE-1",
                                        "CET-25",
                                        "CET-1CEST",
                                        "CET-1CEST,M3.5.0",
                                        "CET-1CEST,M13.5.0,M10.5.0",
                                        "CET-1CEST,M3.6.0,M10.5.0",
                                        "CET-1CEST,M3.0.0,M10.5.0",
                                        "CET-1CEST,M3.5.7,M10.5.0",
                                        "CET-1CEST,J60,J300",
                                        "CET-1CEST,M3.5.0,M10.5.0/3x",
                                        "CET-1CEST,M3.5.0,M10.5.0/168",
                                        "<+03-3",
                                        "<>-3",
                                        "UTC0\n"};
    struct zone zone;
    for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
        struct bytes text = {(const uint8_t *)texts[i], strlen(texts[i])};
        assert_int_equal(zone_parse(&zone, text), ERR_INVALID);
    }
}

/* Goal: the footer of a file; files without one, and other files, are refused. */
static void files(void **state)
{
    (void)state;
    uint8_t file[128] = "TZif2";
    struct zone zone;
    size_t len =
        44 + (size_t)snprintf((char *)file + 44, sizeof(file) - 44, "%s", "\n" BERLIN "\n");
    assert_int_equal(zone_of_file(&zone, (struct bytes){file, len}), 0);
    assert_int_equal(zone.offset_s, 3600);
    assert_int_equal(zone_of_file(&zone, (struct bytes){file, len - 1}), ERR_INVALID);
    file[4] = 0; /* version 1 has none */
    assert_int_equal(zone_of_file(&zone, (struct bytes){file, len}), ERR_INVALID);
    assert_int_equal(zone_of_file(&zone, (struct bytes){NULL, 0}), ERR_INVALID);
    file[4] = '2';
    file[44] = file[45] = '\n'; /* an empty rule */
    assert_int_equal(zone_of_file(&zone, (struct bytes){file, 46}), ERR_INVALID);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(offsets),
        cmocka_unit_test(days),
        cmocka_unit_test(none),
        cmocka_unit_test(files),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
