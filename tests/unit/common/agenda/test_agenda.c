/* SPDX-License-Identifier: Apache-2.0
 *
 * Goal: whatever is set, moved and taken off, the agenda gives the earliest first, as a plain
 * search over all entries would.
 */
#include "common/agenda/agenda.h"

#include <setjmp.h>
#include <stdlib.h>

#include <cmocka.h>

#define ENTRIES 200
#define STEPS   50000

static int64_t earliest(const int64_t *times)
{
    int64_t at = TIME_NEVER;
    for (size_t i = 0; i < ENTRIES; i++) {
        at = MIN(at, times[i]);
    }
    return at;
}

static void test_against_search(void **state)
{
    (void)state;
    struct agenda agenda = {0};
    struct agenda_entry *entries = mem_array(ENTRIES, sizeof(*entries));
    int64_t times[ENTRIES];
    struct prng prng;
    prng_seed(&prng, 1);
    for (size_t i = 0; i < ENTRIES; i++) {
        times[i] = TIME_NEVER;
    }
    for (int step = 0; step < STEPS; step++) {
        size_t i = prng_below(&prng, ENTRIES);
        bool off = prng_below(&prng, 4) == 0;
        times[i] = off ? TIME_NEVER : (int64_t)prng_below(&prng, 1000);
        agenda_set(&agenda, &entries[i], times[i]);
        assert_int_equal(entries[i].place == 0, off);
        int64_t at = earliest(times);
        assert_int_equal(agenda_deadline(&agenda), at);
        if (at == TIME_NEVER) {
            assert_null(agenda_due(&agenda, 1000));
        } else {
            assert_null(agenda_due(&agenda, at - 1));
            assert_int_equal(times[agenda_due(&agenda, at) - entries], at);
        }
        i = prng_below(&prng, ENTRIES);
        assert_int_equal(agenda_time(&agenda, &entries[i]), times[i]);
    }
    agenda_fini(&agenda);
    free(entries);
}

static void test_in_order(void **state)
{
    (void)state;
    struct agenda agenda = {0};
    struct agenda_entry entries[ENTRIES] = {0};
    for (size_t i = 0; i < ENTRIES; i++) {
        agenda_set(&agenda, &entries[i], (int64_t)(i * 7919 % ENTRIES));
    }
    for (int64_t at = 0; at < ENTRIES; at++) {
        struct agenda_entry *due = agenda_due(&agenda, at);
        assert_non_null(due);
        assert_int_equal(agenda_time(&agenda, due), at);
        agenda_set(&agenda, due, TIME_NEVER);
    }
    assert_int_equal(agenda_deadline(&agenda), TIME_NEVER);
    agenda_fini(&agenda);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_against_search),
        cmocka_unit_test(test_in_order),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
