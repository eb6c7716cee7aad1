/* SPDX-License-Identifier: Apache-2.0
 *
 * Random stories of a class: sim_cluster CLASS [SEEDS [FIRST]]. SPILLWAY_SEED in the environment
 * plays that one seed, SPILLWAY_STORY tells all of what happens as it does. The first of several is
 * played twice, for a seed must always tell the same story.
 */
#include "tests/sim/schedule/schedule.h"

#include <stdio.h>
#include <stdlib.h>

int main(int argc, char **argv)
{
    const struct schedule_class *class = argc < 2 ? NULL : schedule_class(argv[1]);
    if (class == NULL) {
        fprintf(stderr, "usage: sim_cluster CLASS [SEEDS [FIRST]]\n");
        return 2;
    }
    bool aloud = getenv("SPILLWAY_STORY") != NULL;
    const char *seed = getenv("SPILLWAY_SEED");
    uint64_t first = seed != NULL ? strtoull(seed, NULL, 10)
                     : argc > 3   ? strtoull(argv[3], NULL, 10)
                                  : 1;
    uint64_t count = seed != NULL || argc < 3 ? 1 : strtoull(argv[2], NULL, 10);
    uint64_t digest = schedule_play(class, first, aloud);
    if (seed == NULL && schedule_play(class, first, aloud) != digest) {
        fprintf(stderr, "seed %llu is not the same twice\n", (unsigned long long)first);
        return 1;
    }
    for (uint64_t i = first + 1; i < first + count; i++) {
        (void)schedule_play(class, i, aloud);
    }
    printf("%s: seeds %llu to %llu are well\n", class->name, (unsigned long long)first,
           (unsigned long long)(first + count - 1));
    return 0;
}
