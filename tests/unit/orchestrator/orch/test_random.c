/* SPDX-License-Identifier: Apache-2.0
 *
 * Whatever people, nodes and operators do, in whatever order and with whatever losses: what nodes
 * are told adds up, and in the end nothing is left. SPILLWAY_SEED in the environment plays one
 * seed, SPILLWAY_STORY tells what happens.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "tests/lib/orch_play.h"

#define STEPS      400
#define SEEDS      8
#define CHECK_EACH 5

static void play(uint64_t seed)
{
    struct orch_play play;
    struct prng prng;
    prng_seed(&prng, seed);
    print_message("seed %llu\n", (unsigned long long)seed); /* the last one is what failed */
    orch_play_init(&play);
    play.world.aloud = getenv("SPILLWAY_STORY") != NULL;
    for (size_t i = 0; i < STEPS; i++) {
        struct orch_play_step step;
        prng_fill(&prng, &step, sizeof(step));
        orch_play_step(&play, step);
        if (i % CHECK_EACH == 0) {
            world_check(&play.world);
        }
    }
    orch_play_end(&play);
}

static void anything(void **state)
{
    (void)state;
    const char *seed = getenv("SPILLWAY_SEED");
    for (uint64_t i = 1; seed == NULL && i <= SEEDS; i++) {
        play(i);
    }
    if (seed != NULL) {
        play(strtoull(seed, NULL, 10));
    }
}

int main(void)
{
    setvbuf(stdout, NULL, _IONBF, 0);
    const struct CMUnitTest tests[] = {cmocka_unit_test(anything)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
