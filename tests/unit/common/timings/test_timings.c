/* SPDX-License-Identifier: Apache-2.0
 *
 * Goal: what took as long as a bound or less is counted at it and at all above, and once in all.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "common/timings/timings.h"

static void bounds_rise(void **state)
{
    (void)state;
    for (size_t i = 1; i < TIMINGS_BOUNDS; i++) {
        assert_true(timings_bound_us(i - 1) < timings_bound_us(i));
    }
}

/* Against counting them one by one. */
static void random_times(void **state)
{
    (void)state;
    enum { TIMES = 5000 };
    struct timings timings = {0};
    struct prng prng;
    int64_t times_us[TIMES], sum_us = 0;
    prng_seed(&prng, 1);
    for (size_t i = 0; i < TIMES; i++) {
        size_t bound = (size_t)prng_below(&prng, TIMINGS_BOUNDS);
        times_us[i] = timings_bound_us(bound) - 1 + (int64_t)prng_below(&prng, 3);
        sum_us += times_us[i];
        timings_add(&timings, times_us[i]);
    }
    for (size_t bound = 0; bound < TIMINGS_BOUNDS; bound++) {
        uint64_t wanted = 0;
        for (size_t i = 0; i < TIMES; i++) {
            wanted += times_us[i] <= timings_bound_us(bound);
        }
        assert_int_equal(timings_count(&timings, bound), wanted);
    }
    assert_int_equal(timings_count(&timings, TIMINGS_BOUNDS), TIMES);
    assert_int_equal(timings.sum_us, sum_us);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bounds_rise),
        cmocka_unit_test(random_times),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
