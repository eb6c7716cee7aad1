/* SPDX-License-Identifier: Apache-2.0
 *
 * Goal: a timetable holds on its days and hours by the clock of its place, whatever that one does.
 */
#include "orchestrator/core/scaling/timetable.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#define MONDAY   1796000400 /* 2026-11-30 01:00 UTC, 02:00 in Berlin */
#define HOUR     3600
#define WORKDAYS 0x1f

static struct timetable_entry entry_of(const char *from, const char *to, unsigned days)
{
    static const char berlin[] = "CET-1CEST,M3.5.0,M10.5.0/3";
    struct timetable_entry entry = {.region = "eu",
                                    .days = days,
                                    .from_min = timetable_minute(from),
                                    .to_min = timetable_minute(to),
                                    .nodes = 12};
    int err = zone_parse(&entry.zone, (struct bytes){(const uint8_t *)berlin, sizeof(berlin) - 1});
    assert_int_equal(err, 0);
    return entry;
}

static uint32_t nodes_at(const struct timetable_entry *entry, int64_t unix_s)
{
    struct timetable timetable = {entry, 1};
    return timetable_nodes(&timetable, "eu", unix_s, unix_s);
}

static void in_a_day(void **state)
{
    (void)state;
    struct timetable_entry entry = entry_of("08:00", "18:00", WORKDAYS);
    assert_int_equal(nodes_at(&entry, MONDAY + 6 * HOUR - 1), 0);
    assert_int_equal(nodes_at(&entry, MONDAY + 6 * HOUR), 12);
    assert_int_equal(nodes_at(&entry, MONDAY + 16 * HOUR - 1), 12);
    assert_int_equal(nodes_at(&entry, MONDAY + 16 * HOUR), 0);
    assert_int_equal(nodes_at(&entry, MONDAY + 4 * 24 * HOUR + 8 * HOUR), 12); /* Friday */
    assert_int_equal(nodes_at(&entry, MONDAY + 5 * 24 * HOUR + 8 * HOUR), 0);
    struct timetable timetable = {&entry, 1};
    assert_int_equal(timetable_nodes(&timetable, "us", MONDAY, MONDAY + 12 * HOUR), 0);
    /* Looked at ahead of time, also for what is shorter than that. */
    assert_int_equal(timetable_nodes(&timetable, "eu", MONDAY, MONDAY + 6 * HOUR - 60), 0);
    assert_int_equal(timetable_nodes(&timetable, "eu", MONDAY, MONDAY + 6 * HOUR), 12);
    assert_int_equal(timetable_nodes(&timetable, "eu", MONDAY, MONDAY + 20 * HOUR), 12);
}

static void over_midnight(void **state)
{
    (void)state;
    struct timetable_entry entry = entry_of("22:00", "06:00", timetable_day("mon"));
    assert_int_equal(nodes_at(&entry, MONDAY), 0); /* of Sunday's night */
    assert_int_equal(nodes_at(&entry, MONDAY + 20 * HOUR), 12);
    assert_int_equal(nodes_at(&entry, MONDAY + 28 * HOUR - 1), 12);
    assert_int_equal(nodes_at(&entry, MONDAY + 28 * HOUR), 0);
    struct timetable_entry whole = entry_of("00:00", "24:00", timetable_day("sun"));
    assert_int_equal(nodes_at(&whole, MONDAY - 2 * HOUR - 1), 12);
    assert_int_equal(nodes_at(&whole, MONDAY - 2 * HOUR), 0);
}

/* Goal: 08:00 is 08:00 in summer, too. */
static void summer(void **state)
{
    (void)state;
    struct timetable_entry entry = entry_of("08:00", "18:00", 0x7f);
    int64_t july = 1782864000; /* 2026-07-01 00:00 UTC, 02:00 there */
    assert_int_equal(nodes_at(&entry, july + 6 * HOUR - 1), 0);
    assert_int_equal(nodes_at(&entry, july + 6 * HOUR), 12);
}

static void texts(void **state)
{
    (void)state;
    static const char *const none[] = {"",      "8:00",   "08.00", "24:01", "25:00",
                                       "12:60", "08:000", "-1:00", "a8:00"};
    for (size_t i = 0; i < ARRAY_LEN(none); i++) {
        assert_int_equal(timetable_minute(none[i]), -1);
    }
    assert_int_equal(timetable_minute("00:00"), 0);
    assert_int_equal(timetable_minute("24:00"), 1440);
    assert_int_equal(timetable_day("mon"), 1);
    assert_int_equal(timetable_day("sun"), 64);
    assert_int_equal(timetable_day("Sunday"), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(in_a_day),
        cmocka_unit_test(over_midnight),
        cmocka_unit_test(summer),
        cmocka_unit_test(texts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
