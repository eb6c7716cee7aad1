/* SPDX-License-Identifier: Apache-2.0
 *
 * Goal: the closed form of the least capacity that survives any one region is what trying
 * everything finds.
 */
#include "orchestrator/core/scaling/scaling.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#define REGIONS 3
#define MOST    30

static uint64_t total(const uint64_t *values, size_t count)
{
    uint64_t sum = 0;
    for (size_t i = 0; i < count; i++) {
        sum += values[i];
    }
    return sum;
}

static bool survives(const uint64_t *capacity, const uint64_t *least, size_t count, uint64_t load)
{
    for (size_t i = 0; i < count; i++) {
        if (capacity[i] < least[i] || total(capacity, count) - capacity[i] < load) {
            return false;
        }
    }
    return true;
}

/* The least sum of three that survives, by trying all. */
static uint64_t tried(const uint64_t *least, uint64_t load)
{
    uint64_t best = UINT64_MAX;
    for (uint64_t a = least[0]; a <= MOST; a++) {
        for (uint64_t b = least[1]; b <= MOST; b++) {
            for (uint64_t c = least[2]; c <= MOST; c++) {
                uint64_t sum = a + b + c;
                if (sum < best && survives((const uint64_t[]){a, b, c}, least, REGIONS, load)) {
                    best = sum;
                }
            }
        }
    }
    return best;
}

static void as_tried(void **state)
{
    (void)state;
    struct prng prng;
    prng_seed(&prng, 1);
    for (int i = 0; i < 300; i++) {
        uint64_t least[REGIONS], out[REGIONS], sum;
        for (size_t r = 0; r < REGIONS; r++) {
            least[r] = prng_below(&prng, 10);
        }
        sum = total(least, REGIONS);
        uint64_t load = prng_below(&prng, (uint32_t)sum + 1); /* peaks need not coincide */
        uint64_t found = scaling_spread(least, REGIONS, load, out);
        assert_int_equal(found, total(out, REGIONS));
        assert_true(survives(out, least, REGIONS, load));
        assert_int_equal(found, tried(least, load));
    }
}

/* Goal: it holds for many regions, too, and what is left to choose goes to the smallest. */
static void many(void **state)
{
    (void)state;
    struct prng prng;
    prng_seed(&prng, 2);
    for (int i = 0; i < 200; i++) {
        uint64_t least[40], out[40];
        size_t count = 2 + prng_below(&prng, 39);
        for (size_t r = 0; r < count; r++) {
            least[r] = prng_below(&prng, 1u << 31);
        }
        uint64_t load = total(least, count);
        uint64_t found = scaling_spread(least, count, load, out);
        assert_int_equal(found, total(out, count));
        assert_true(survives(out, least, count, load));
    }
    uint64_t out[3];
    assert_int_equal(scaling_spread((const uint64_t[]){30, 10, 0}, 3, 40, out), 70);
    assert_int_equal(out[0], 30);
    assert_int_equal(out[1], 20);
    assert_int_equal(out[2], 20);
    assert_int_equal(scaling_spread((const uint64_t[]){7}, 1, 7, out), 7);
    assert_int_equal(out[0], 7);
    assert_int_equal(scaling_spread((const uint64_t[]){0, 0}, 2, 0, out), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(as_tried),
        cmocka_unit_test(many),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
