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

static int64_t earliest(const struct agenda_entry *entries)
{
    int64_t at = TIME_NEVER;
    for (size_t i = 0; i < ENTRIES; i++) {
        if (entries[i].place != 0) {
            at = MIN(at, entries[i].at_us);
        }
    }
    return at;
}

static void test_against_search(void **state)
{
    (void)state;
    struct agenda agenda = {0};
    struct agenda_entry *entries = mem_array(ENTRIES, sizeof(*entries));
    struct prng prng;
    prng_seed(&prng, 1);
    for (int step = 0; step < STEPS; step++) {
        struct agenda_entry *entry = &entries[prng_below(&prng, ENTRIES)];
        bool off = prng_below(&prng, 4) == 0;
        agenda_set(&agenda, entry, off ? TIME_NEVER : (int64_t)prng_below(&prng, 1000));
        assert_int_equal(entry->place == 0, off);
        int64_t at = earliest(entries);
        assert_int_equal(agenda_deadline(&agenda), at);
        if (at == TIME_NEVER) {
            assert_null(agenda_due(&agenda, 1000));
        } else {
            assert_null(agenda_due(&agenda, at - 1));
            assert_int_equal(agenda_due(&agenda, at)->at_us, at);
        }
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
        assert_int_equal(due->at_us, at);
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
