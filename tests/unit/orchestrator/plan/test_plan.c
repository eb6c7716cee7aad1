/* SPDX-License-Identifier: Apache-2.0
 *
 * Goal: a curve is read as it is or refused with the place, and the nodes planned for it are those
 * that survive any one region, and no fewer do.
 */
#include "orchestrator/cli/plan/plan.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

static char error[CURVE_ERROR_MAX];

static int read_text(struct curve *out, const char *text)
{
    return curve_read(out, (struct bytes){(const uint8_t *)text, strlen(text)}, error);
}

static struct curve curve_of(const char *text)
{
    struct curve curve;
    if (read_text(&curve, text) != 0) {
        fail_msg("%s", error);
    }
    return curve;
}

/* Goal: values in any order, by spreadsheets of any system, with comments. */
static void csv(void **state)
{
    (void)state;
    struct curve curve = curve_of("\xef\xbb\xbf"
                                  "time,region,people\r\n"
                                  "# a day\r\n"
                                  "18:00, us ,30\r\n"
                                  "\r\n"
                                  "09:00,eu,100\r\n"
                                  "09:00,us,10.2\r\n"
                                  "18:00,eu,1e1");
    assert_string_equal(curve.unit, "people");
    assert_int_equal(curve.region_count, 2);
    assert_int_equal(curve.time_count, 2);
    assert_string_equal(curve.regions[0], "us");
    assert_string_equal(curve.times[0], "09:00");
    assert_int_equal(curve.values[0], 11);
    assert_int_equal(curve.values[1], 100);
    assert_int_equal(curve.values[2], 30);
    assert_int_equal(curve.values[3], 10);
    curve_free(&curve);
}

/* Goal: what is wrong is told with its line; what is missing is not taken for none. */
static void wrong_csv(void **state)
{
    (void)state;
#define HEAD "time,region,people\n"
    static const struct {
        const char *text, *says;
    } cases[] = {
        {"", "there are no values"},
        {HEAD, "there are no values"},
        {"09:00,eu,5\n", "1: the first line is not time,region,people or time,region,weight"},
        {HEAD "09:00,eu\n", "2: not three fields: time, region, value"},
        {HEAD "\n09:00,eu,1,2\n", "3: more than three fields: time, region, value"},
        {HEAD "09:00,eu,12a\n", "2: not a number of 0 to 1e12: \"12a\""},
        {HEAD "09:00,eu,-1\n", "2: not a number of 0 to 1e12: \"-1\""},
        {HEAD "09:00,eu,nan\n", "2: not a number of 0 to 1e12: \"nan\""},
        {HEAD "09:00,eu,2e12\n", "2: not a number of 0 to 1e12: \"2e12\""},
        {HEAD "09:00,eu,\n", "2: not a number of 0 to 1e12: \"\""},
        {HEAD "09:00,,1\n", "2: not 1 to 63 bytes of a time and a region"},
        {HEAD "09:00,\"eu\",1\n", "2: quotes and zero bytes have no place here"},
        {HEAD "09:00,eu,1\n10:00,eu,1\n09:00,eu,2\n", "4: eu has a value at 09:00 already, line 2"},
        {HEAD "09:00,eu,1\n09:00,us,1\n10:00,eu,1\n",
         "4: eu has a value at 10:00, and us has none"},
        {HEAD "09:00,eu,1\n09:00,us,1\n10:00,us,1\n",
         "4: us has a value at 10:00, and eu has none"},
        {HEAD "08:00,eu,1\n09:00,eu,1\n09:00,us,1\n",
         "2: eu has a value at 08:00, and us has none"},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct curve curve;
        assert_int_equal(read_text(&curve, cases[i].text), ERR_INVALID);
        assert_string_equal(error, cases[i].says);
    }
}

static void prometheus(void **state)
{
    (void)state;
    struct curve curve = curve_of(
        "{\"status\":\"success\",\"data\":{\"resultType\":\"matrix\",\"result\":["
        "{\"metric\":{\"region\":\"eu\"},\"values\":[[1796000400,\"1.5e+03\"],[1796004000.5,\"7\"]]"
        "},"
        "{\"metric\":{\"region\":\"us\"},\"values\":[[1796000400,\"3\"],[1796004000.5,\"9\"]]}]}}");
    assert_string_equal(curve.times[0], "2026-11-30T01:00:00Z");
    assert_int_equal(curve.values[0], 1500);
    assert_int_equal(curve.values[3], 9);
    curve_free(&curve);
    static const struct {
        const char *text, *says;
    } cases[] = {
        {"{\"data\":{\"result\":[]}}", "there are no values"},
        {"{\"data\":{}}", "not the answer of a range query: no data.result"},
        {"{\"data\":{\"result\":[{\"metric\":{}}]}}",
         "series 1: no label region, ask for max by (region) or sum by (region)"},
        {"{\"data\":{\"result\":[{\"metric\":{\"region\":\"eu\"},\"value\":[1,\"1\"]}]}}",
         "series 1: no values: is it a range query?"},
        {"{\"data\":{\"result\":[{\"metric\":{\"region\":\"eu\"},\"values\":[[1,\"NaN\"]]}]}}",
         "series 1: a value is not a number of 0 to 1e12"},
        {"{\"data\":{\"result\":[{\"metric\":{\"region\":\"eu\"},\"values\":[[1,\"1\"]]},"
         "{\"metric\":{\"region\":\"eu\"},\"values\":[[1,\"1\"]]}]}}",
         "series 2: its region has one already, ask for max by (region)"},
        {"{\"data\":{\"result\":[{\"metric\":{\"region\":\"eu\"},\"values\":[[1,\"1\"]]},"
         "{\"metric\":{\"region\":\"us\"},\"values\":[[2,\"1\"]]}]}}",
         "eu has a value at 1970-01-01T00:00:01Z, and us has none"},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        assert_int_equal(read_text(&curve, cases[i].text), ERR_INVALID);
        assert_string_equal(error, cases[i].says);
    }
    assert_int_equal(read_text(&curve, "{"), ERR_INVALID);
}

/* Whether at all times everybody has a place, whichever region is lost. */
static bool survives(const struct curve *curve, const uint64_t *nodes, double each)
{
    for (size_t at = 0; at < curve->time_count; at++) {
        const uint64_t *load = &curve->values[at * curve->region_count];
        uint64_t sum = 0, place = 0;
        for (size_t r = 0; r < curve->region_count; r++) {
            sum += load[r];
            place += nodes[r];
            if ((double)load[r] > (double)nodes[r] * each) {
                return false;
            }
        }
        for (size_t lost = 0; lost < curve->region_count; lost++) {
            if ((double)sum > (double)(place - nodes[lost]) * each) {
                return false;
            }
        }
    }
    return true;
}

/* Goal: capacity of one time zone is backup of another's, and is counted once. */
static void peaks_apart(void **state)
{
    (void)state;
    struct curve curve = curve_of("time,region,people\n"
                                  "00,ap,9000\n00,eu,1000\n00,us,2000\n"
                                  "08,ap,2000\n08,eu,9000\n08,us,1000\n"
                                  "16,ap,1000\n16,eu,2000\n16,us,9000\n");
    struct plan plan;
    plan_make(&plan, &curve, 1000);
    assert_int_equal(plan.peak, 12000);
    assert_int_equal(plan.sum_of_peaks, 27000);
    assert_int_equal(plan.alone, 27);
    assert_int_equal(plan.apart, 27);      /* 18 without any one: more than the 12 at any time */
    assert_int_equal(plan.coinciding, 41); /* 27 * 3 / 2 */
    for (size_t r = 0; r < 3; r++) {
        assert_int_equal(plan.regions[r].peak, 9000);
        assert_int_equal(plan.regions[r].apart, 9);
        assert_string_equal(curve.times[plan.regions[r].peak_at], r == 0   ? "00"
                                                                  : r == 1 ? "08"
                                                                           : "16");
    }
    curve_free(&curve);
}

/* Goal: of random curves what is planned survives, and so does nothing with a node fewer. */
static void least(void **state)
{
    (void)state;
    enum { TIMES = 4, REGIONS = 3 };
    struct prng prng;
    prng_seed(&prng, 3);
    for (int i = 0; i < 200; i++) {
        uint64_t values[TIMES * REGIONS], nodes[REGIONS];
        struct curve curve = {.region_count = REGIONS, .time_count = TIMES, .values = values};
        for (size_t v = 0; v < ARRAY_LEN(values); v++) {
            values[v] = prng_below(&prng, 60);
        }
        struct plan plan;
        plan_make(&plan, &curve, 10);
        for (size_t r = 0; r < REGIONS; r++) {
            nodes[r] = plan.regions[r].apart;
        }
        assert_true(survives(&curve, nodes, 10));
        uint64_t all = plan.apart - 1;
        for (nodes[0] = 0; nodes[0] <= all; nodes[0]++) {
            for (nodes[1] = 0; nodes[0] + nodes[1] <= all; nodes[1]++) {
                nodes[2] = all - nodes[0] - nodes[1];
                assert_false(survives(&curve, nodes, 10));
            }
        }
        assert_true(plan.coinciding >= plan.apart && plan.apart >= plan.alone);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(csv),         cmocka_unit_test(wrong_csv), cmocka_unit_test(prometheus),
        cmocka_unit_test(peaks_apart), cmocka_unit_test(least),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
