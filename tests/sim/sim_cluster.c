/* SPDX-License-Identifier: Apache-2.0
 *
 * Random stories of a class: sim_cluster CLASS [SEEDS [FIRST [JOBS]]]. SPILLWAY_SEED in the
 * environment plays that one seed, and tells the digest of all that was sent: who changes only the
 * simulator sees by it that its stories stay the ones they are. SPILLWAY_STORY tells all of what
 * happens as it does. The first of several is played twice, for a seed must always tell the same
 * story. JOBS (1) processes share the seeds.
 */
#include "tests/sim/schedule/schedule.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#define JOBS_MAX 64

static uint64_t number(int argc, char **argv, int i, uint64_t otherwise)
{
    return i < argc ? strtoull(argv[i], NULL, 10) : otherwise;
}

static pid_t start(const struct schedule_class *class, uint64_t first, uint64_t end, uint64_t step)
{
    fflush(stdout);
    pid_t child = fork();
    if (child != 0) {
        return child;
    }
    for (uint64_t seed = first; seed < end; seed += step) {
        (void)schedule_play(class, seed, false);
    }
    exit(0);
}

/* In processes of their own; true if all of them came to their end. */
static bool play_all(const struct schedule_class *class, uint64_t first, uint64_t end,
                     uint64_t jobs)
{
    pid_t children[JOBS_MAX];
    bool well = true;
    for (uint64_t i = 0; i < jobs; i++) {
        children[i] = start(class, first + i, end, jobs);
        well &= children[i] > 0;
    }
    for (uint64_t i = 0; i < jobs; i++) {
        int status = 1;
        well &= children[i] > 0 && waitpid(children[i], &status, 0) == children[i] && status == 0;
    }
    return well;
}

int main(int argc, char **argv)
{
    const struct schedule_class *class = argc < 2 ? NULL : schedule_class(argv[1]);
    if (class == NULL) {
        fprintf(stderr, "usage: sim_cluster CLASS [SEEDS [FIRST [JOBS]]]\n");
        return 2;
    }
    bool aloud = getenv("SPILLWAY_STORY") != NULL;
    const char *seed = getenv("SPILLWAY_SEED");
    if (seed != NULL) {
        uint64_t digest = schedule_play(class, strtoull(seed, NULL, 10), aloud);
        printf("%s: seed %s has the digest %016llx\n", class->name, seed,
               (unsigned long long)digest);
        return 0;
    }
    uint64_t count = number(argc, argv, 2, 1), first = number(argc, argv, 3, 1);
    uint64_t jobs = MAX(MIN(number(argc, argv, 4, 1), (uint64_t)JOBS_MAX), 1u);
    if (schedule_play(class, first, aloud) != schedule_play(class, first, false)) {
        fprintf(stderr, "seed %llu is not the same twice\n", (unsigned long long)first);
        return 1;
    }
    if (!play_all(class, first + 1, first + count, jobs)) {
        return 1;
    }
    printf("%s: seeds %llu to %llu are well\n", class->name, (unsigned long long)first,
           (unsigned long long)(first + count - 1));
    return 0;
}
