/* SPDX-License-Identifier: Apache-2.0
 *
 * Goal: whoever hears of the same reservations in whatever order has the same ones; they are
 * bounded, end by themselves, and as text come back as they were.
 */
#include "orchestrator/core/reservations/reservations.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#define NOW 1600000000

static struct reservation event(int number, uint64_t changed_us)
{
    struct reservation r = {.room = "all hands",
                            .region = "eu",
                            .people = 100,
                            .at_s = NOW + 1000,
                            .until_s = NOW + 2000,
                            .changed_us = changed_us};
    snprintf(r.id, sizeof(r.id), "RV_%03d", number);
    return r;
}

static void later_versions_hold(void **state)
{
    (void)state;
    struct reservations *r = reservations_new();
    struct reservation first = event(1, 10), moved = event(1, 20), over = event(2, 10);
    moved.at_s += 500;
    assert_int_equal(reservations_take(r, NOW, &moved), 0);
    assert_int_equal(reservations_take(r, NOW, &first), ERR_EXISTS);
    assert_int_equal(reservations_take(r, NOW, &moved), ERR_EXISTS);
    assert_int_equal(reservations_get(r, "RV_001")->at_s, NOW + 1500);
    over.until_s = NOW;
    assert_int_equal(reservations_take(r, NOW, &over), ERR_STATE);
    assert_int_equal(reservations_expire(r, NOW + 1999), 0);
    assert_int_equal(reservations_expire(r, NOW + 2000), 1);
    assert_null(reservations_get(r, "RV_001"));
    reservations_free(r);
}

/* Goal: the order in which versions come does not matter, nor that some come twice. */
static void any_order(void **state)
{
    (void)state;
    enum { EVENTS = 5, VERSIONS = 4, ALL = EVENTS * VERSIONS };
    struct prng prng;
    prng_seed(&prng, 1);
    for (int round = 0; round < 50; round++) {
        struct reservation said[ALL];
        for (int i = 0; i < ALL; i++) {
            said[i] = event(i / VERSIONS, prng_below(&prng, 5));
            said[i].cancelled = prng_below(&prng, 2) == 0;
        }
        struct reservations *both[2] = {reservations_new(), reservations_new()};
        for (int i = 0; i < ALL; i++) {
            (void)!reservations_take(both[0], NOW, &said[i]);
        }
        for (int i = 0; i < 20 * ALL; i++) {
            (void)!reservations_take(both[1], NOW, &said[prng_below(&prng, ALL)]);
        }
        for (int i = ALL - 1; i >= 0; i--) {
            (void)!reservations_take(both[1], NOW, &said[i]);
        }
        assert_int_equal(reservations_count(both[0]), EVENTS);
        assert_int_equal(reservations_count(both[1]), EVENTS);
        for (size_t i = 0; i < EVENTS; i++) {
            const struct reservation *a = reservations_at(both[0], i);
            const struct reservation *b = reservations_get(both[1], a->id);
            assert_int_equal(a->changed_us, b->changed_us);
            assert_int_equal(a->cancelled, b->cancelled);
        }
        reservations_free(both[0]);
        reservations_free(both[1]);
    }
}

/* Goal: when there are too many, what was cancelled makes way, and nothing else does. */
static void bounded(void **state)
{
    (void)state;
    struct reservations *r = reservations_new();
    for (int i = 0; i < RESERVATIONS_MAX; i++) {
        struct reservation some = event(i, 10);
        assert_int_equal(reservations_take(r, NOW, &some), 0);
    }
    struct reservation more = event(900, 10), gone = event(7, 30), before = event(9, 20);
    assert_int_equal(reservations_take(r, NOW, &more), ERR_FULL);
    gone.cancelled = before.cancelled = true;
    assert_int_equal(reservations_take(r, NOW, &gone), 0);
    assert_int_equal(reservations_take(r, NOW, &before), 0);
    assert_int_equal(reservations_take(r, NOW, &more), 0);
    assert_null(reservations_get(r, "RV_009"));
    assert_non_null(reservations_get(r, "RV_007"));
    assert_int_equal(reservations_count(r), RESERVATIONS_MAX);
    reservations_free(r);
}

/* Goal: who is there already is not still to come, as long as somebody says so. */
static void people(void **state)
{
    (void)state;
    struct reservations *r = reservations_new();
    struct reservation some = event(1, 10), moved = event(1, 20);
    assert_int_equal(reservations_take(r, NOW, &some), 0);
    assert_int_equal(reservations_missing(reservations_at(r, 0), TIME_S(1)), 100);
    reservations_present(r, TIME_S(1), "RV_001", 30);
    reservations_present(r, TIME_S(1), "RV_nobody", 30);
    assert_int_equal(reservations_take(r, NOW, &moved), 0);
    assert_int_equal(reservations_missing(reservations_at(r, 0), TIME_S(16)), 70);
    assert_int_equal(reservations_missing(reservations_at(r, 0), TIME_S(17)), 100);
    reservations_present(r, TIME_S(20), "RV_001", 130);
    assert_int_equal(reservations_missing(reservations_at(r, 0), TIME_S(20)), 0);
    reservations_free(r);
}

static int parse(struct reservation *out, const char *text, bool is_new, char *why)
{
    return reservation_parse(out, (struct bytes){(const uint8_t *)text, strlen(text)}, is_new, why);
}

static void texts(void **state)
{
    (void)state;
    struct reservation some = event(1, 10), back;
    char why[RESERVATION_WHY_MAX];
    some.cancelled = true;
    char *text = reservation_text(&some);
    assert_int_equal(parse(&back, text, false, why), 0);
    assert_memory_equal(&some, &back, sizeof(some));
    free(text);
#define EVENT "\"room\":\"a\",\"people\":5,\"at\":\"2026-12-01T09:00Z\",\"for_s\":60"
    assert_int_equal(parse(&back, "{" EVENT "}", true, why), 0);
    assert_string_equal(back.region, "");
    assert_int_equal(back.until_s - back.at_s, 60);
    static const struct {
        const char *text, *why;
    } bad[] = {
        {"", "a JSON object is needed"},
        {"[]", "a JSON object is needed"},
        {"{\"people\":5}", "room is not a text of 1 to 256 bytes"},
        {"{\"room\":\"\"}", "room is not a text of 1 to 256 bytes"},
        {"{" EVENT ",\"region\":7}", "region is not the name of one"},
        {"{" EVENT ",\"people\":0}", "people is not a number from 1 to 1000000"},
        {"{" EVENT ",\"people\":1000001}", "people is not a number from 1 to 1000000"},
        {"{" EVENT ",\"people\":\"5\"}", "people is not a number from 1 to 1000000"},
        {"{" EVENT ",\"at\":\"soon\"}", "at is not a time like 2026-12-01T09:00Z"},
        {"{" EVENT ",\"for_s\":604801}",
         "for_s is not a number of seconds from 1 to 604800 (7 days)"},
    };
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        assert_int_equal(parse(&back, bad[i].text, true, why), ERR_INVALID);
        assert_string_equal(why, bad[i].why);
    }
    assert_int_equal(parse(&back, "{" EVENT "}", false, why), ERR_INVALID);
    assert_int_equal(parse(&back, "{" EVENT ",\"id\":\"RV_1\"}", false, why), ERR_INVALID);
    assert_int_equal(
        parse(&back, "{" EVENT ",\"id\":\"X_1\",\"changed_us\":1,\"cancelled\":false}", false, why),
        ERR_INVALID);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(later_versions_hold),
        cmocka_unit_test(any_order),
        cmocka_unit_test(bounded),
        cmocka_unit_test(people),
        cmocka_unit_test(texts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
