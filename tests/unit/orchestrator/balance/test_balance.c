/* SPDX-License-Identifier: Apache-2.0
 *
 * Goal: heat is what was seen for several seconds, and however many orchestrators own a node's
 * rooms, together they shed at one pace and not below the mark.
 */
#include "orchestrator/core/balance/balance.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

#define BEAT_US TIME_MS(250)

static const struct balance_config config = {.hot_permille = 900, .cool_permille = 800};

static struct registry_node node_of(uint32_t weight)
{
    return (struct registry_node){.capacity = 1000, .load = {.weight = weight}};
}

/* So many reports of that node; the cause after them. */
static enum balance_cause hear(struct balance *balance, const struct registry_node *node, int beats)
{
    for (int i = 0; i < beats; i++) {
        balance_heard(balance, i * BEAT_US, &config, node);
    }
    return balance->cause;
}

/* Goal: hot after seconds of it, cool again only below the lower mark. */
static void hysteresis(void **state)
{
    (void)state;
    struct balance balance = {0};
    struct registry_node usual = node_of(700), hot = node_of(960), between = node_of(850);
    assert_int_equal(hear(&balance, &usual, 400), BALANCE_COOL);
    assert_int_equal(hear(&balance, &hot, 20), BALANCE_COOL); /* 5 s */
    assert_int_equal(hear(&balance, &between, 400), BALANCE_COOL);
    assert_int_equal(hear(&balance, &hot, 400), BALANCE_WEIGHT);
    assert_int_equal(hear(&balance, &between, 400), BALANCE_WEIGHT);
    assert_int_equal(balance_excess(&balance, &config, &between), 50); /* 850 * (850 - 800) / 850 */
    assert_int_equal(hear(&balance, &usual, 400), BALANCE_COOL);
}

/* Goal: a core in full use, and a loop that lags, count; one second's stall does not. */
static void other_causes(void **state)
{
    (void)state;
    struct balance balance = {0};
    struct registry_node busy = node_of(400), late = node_of(400), stalled = node_of(400);
    struct registry_node usual = node_of(400);
    busy.load.cpu_permille = 980;
    late.load.loop_lag_us = 95000;
    stalled.load.loop_lag_us = 3000000;
    assert_int_equal(hear(&balance, &busy, 400), BALANCE_CPU);
    assert_int_equal(balance_excess(&balance, &config, &busy), 73); /* 400 * (980 - 800) / 980 */
    assert_int_equal(hear(&balance, &usual, 400), BALANCE_COOL);
    assert_int_equal(hear(&balance, &late, 400), BALANCE_LAG);
    assert_int_equal(hear(&balance, &usual, 400), BALANCE_COOL);
    assert_int_equal(hear(&balance, &stalled, 4), BALANCE_COOL);
}

/* Goal: a node is no target that would not stay cool. */
static void targets(void **state)
{
    (void)state;
    struct balance balance = {0};
    struct registry_node node = node_of(700);
    hear(&balance, &node, 400);
    assert_true(balance_takes(&balance, &config, &node, 100));
    assert_false(balance_takes(&balance, &config, &node, 101));
    node.reserved = 50; /* what is promised to it already counts */
    assert_false(balance_takes(&balance, &config, &node, 51));
    node.load.cpu_permille = 850;
    hear(&balance, &node, 400);
    assert_false(balance_takes(&balance, &config, &node, 1));
}

struct trial {
    uint32_t end;     /* weight after an hour */
    uint32_t fastest; /* weight shed in one step's time */
    int64_t done_s;   /* the last of it went */
};

/* A node at 97 % whose rooms of weight 40 are owned by so many orchestrators alike. Each hears the
 * same noisy reports; what it sheds shows in them 3 s later. */
static struct trial shed(uint32_t owners, uint64_t seed)
{
    enum { HOUR = 4 * 3600, LATE = 12, ROOM = 40 };
    struct balance *balances = calloc(owners, sizeof(*balances));
    static uint32_t weights[HOUR];
    struct trial trial = {0};
    uint32_t weight = 970;
    struct prng prng;
    prng_seed(&prng, seed);
    for (int beat = 0; beat < HOUR; beat++) {
        uint32_t seen = weights[MAX(beat - LATE, 0)];
        struct registry_node node = node_of(beat < LATE ? 970 : seen);
        uint32_t own = node.load.weight / owners;
        node.load.weight = node.load.weight * (95 + (uint32_t)prng_below(&prng, 11)) / 100;
        for (uint32_t i = 0; i < owners; i++) {
            balance_heard(&balances[i], beat * BEAT_US, &config, &node);
            if (balance_due(&balances[i], beat * BEAT_US) &&
                balance_excess(&balances[i], &config, &node) >= ROOM &&
                balance_draws(&prng, balance_share(&node, own), ROOM)) {
                weight -= ROOM;
                trial.done_s = beat / 4;
            }
        }
        weights[beat] = weight;
        uint32_t before = weights[MAX(beat - 40, 0)];
        trial.fastest = MAX(trial.fastest, before - weight);
    }
    trial.end = weight;
    free(balances);
    return trial;
}

/* Goal: one orchestrator or ten cool it to about the mark, at the same pace, and leave it there. */
static void shares(void **state)
{
    (void)state;
    for (uint32_t owners = 1; owners <= 10; owners += 3) {
        for (uint64_t seed = 1; seed <= 20; seed++) {
            struct trial trial = shed(owners, seed);
            assert_in_range(trial.end, 680, 890);
            assert_in_range(trial.fastest, 40, 200);
            assert_in_range(trial.done_s, 20, 600);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(hysteresis),
        cmocka_unit_test(other_causes),
        cmocka_unit_test(targets),
        cmocka_unit_test(shares),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
