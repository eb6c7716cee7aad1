/* SPDX-License-Identifier: Apache-2.0
 *
 * Goal: a level is encoded while somebody wants it or one above, and for a second after.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "orchestrator/core/room/dynacast.h"

static void up_at_once_down_later(void **state)
{
    (void)state;
    struct dynacast d;
    dynacast_init(&d);
    int64_t now_us = TIME_S(7);
    dynacast_add(&d, DYNACAST_HIGH);
    assert_false(dynacast_decide(&d, now_us));
    assert_int_equal(dynacast_deadline(&d), TIME_NEVER);

    dynacast_remove(&d, DYNACAST_HIGH);
    dynacast_add(&d, DYNACAST_LOW);
    assert_false(dynacast_decide(&d, now_us));
    assert_int_equal(dynacast_deadline(&d), now_us + DYNACAST_LOWER_US);
    now_us += DYNACAST_LOWER_US - 1;
    assert_false(dynacast_decide(&d, now_us));
    assert_true(dynacast_decide(&d, ++now_us));
    assert_int_equal(d.level, DYNACAST_LOW);
    assert_int_equal(dynacast_deadline(&d), TIME_NEVER);

    dynacast_add(&d, DYNACAST_MEDIUM);
    assert_true(dynacast_decide(&d, now_us));
    assert_int_equal(d.level, DYNACAST_MEDIUM);
}

/* Each level waits for itself: one wanted a moment ago does not end with one long unwanted. */
static void level_by_level(void **state)
{
    (void)state;
    struct dynacast d;
    dynacast_init(&d);
    dynacast_add(&d, DYNACAST_MEDIUM);
    assert_false(dynacast_decide(&d, 0));
    dynacast_remove(&d, DYNACAST_MEDIUM);
    assert_false(dynacast_decide(&d, DYNACAST_LOWER_US / 2));
    assert_true(dynacast_decide(&d, DYNACAST_LOWER_US));
    assert_int_equal(d.level, DYNACAST_MEDIUM);
    assert_int_equal(dynacast_deadline(&d), DYNACAST_LOWER_US * 3 / 2);
    assert_true(dynacast_decide(&d, DYNACAST_LOWER_US * 3 / 2));
    assert_int_equal(d.level, DYNACAST_OFF);
}

/* Looking away and back within the second is not told. */
static void flicker(void **state)
{
    (void)state;
    struct dynacast d;
    dynacast_init(&d);
    for (int64_t at_us = 0; at_us < TIME_S(20); at_us += DYNACAST_LOWER_US - 1) {
        dynacast_add(&d, DYNACAST_HIGH);
        assert_false(dynacast_decide(&d, at_us));
        dynacast_remove(&d, DYNACAST_HIGH);
        assert_false(dynacast_decide(&d, at_us));
    }
}

/* Against a model that remembers when each level was last wanted. */
static void random_wants(void **state)
{
    (void)state;
    struct prng prng;
    prng_seed(&prng, 3);
    struct dynacast d;
    dynacast_init(&d);
    enum dynacast_level wants[5] = {DYNACAST_OFF};
    int64_t wanted_us[DYNACAST_LEVELS] = {0}; /* nothing was told yet: as if wanted at 0 */
    for (size_t i = 0; i < ARRAY_LEN(wants); i++) {
        dynacast_add(&d, wants[i]);
    }
    (void)dynacast_decide(&d, 0);
    unsigned model = DYNACAST_HIGH;
    for (int64_t now_us = 0; now_us < TIME_S(1000); now_us += TIME_MS(prng_below(&prng, 900))) {
        for (unsigned level = 0; level <= model; level++) { /* until now it may have been wanted */
            for (size_t i = 0; i < ARRAY_LEN(wants); i++) {
                wanted_us[level] = wants[i] >= level ? now_us : wanted_us[level];
            }
        }
        enum dynacast_level *one = &wants[prng_below(&prng, ARRAY_LEN(wants))];
        dynacast_remove(&d, *one);
        *one = (enum dynacast_level)prng_below(&prng, DYNACAST_LEVELS);
        dynacast_add(&d, *one);
        unsigned before = model;
        model = DYNACAST_OFF;
        for (unsigned level = DYNACAST_LOW; level < DYNACAST_LEVELS; level++) {
            bool on = level <= before && now_us < wanted_us[level] + DYNACAST_LOWER_US;
            for (size_t i = 0; i < ARRAY_LEN(wants); i++) {
                on |= wants[i] >= level;
            }
            model = on ? level : model;
        }
        assert_int_equal(dynacast_decide(&d, now_us), model != before);
        assert_int_equal(d.level, model);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(up_at_once_down_later),
        cmocka_unit_test(level_by_level),
        cmocka_unit_test(flicker),
        cmocka_unit_test(random_wants),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
