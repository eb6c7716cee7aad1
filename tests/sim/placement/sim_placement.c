/* SPDX-License-Identifier: Apache-2.0
 *
 * Goal: with load reports that are two seconds old, three orchestrators that do not see each
 * other's reservations keep every node below its capacity and the fleet even, at 65 % mean use and
 * through ten times the joins for two minutes; the least-loaded policy, given the same, does not.
 *
 *     sim_placement small|full [SEED]
 */
#include "common/room_mix/room_mix.h"
#include "orchestrator/core/placement/placement.h"
#include "tests/sim/placement/policy.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#define RATIO_MAX     1.5 /* of the fullest node and the mean */
#define ORCHESTRATORS 3

static const struct fleet_config small = {.nodes = 1000,
                                          .regions = 10,
                                          .rooms = 100000,
                                          .use = 0.65,
                                          .life_us = TIME_S(1800),
                                          .steady_us = TIME_S(120),
                                          .storm_us = TIME_S(120),
                                          .after_us = TIME_S(20)};
static const struct fleet_config full = {.nodes = 10000,
                                         .regions = 40,
                                         .rooms = 1000000,
                                         .use = 0.665, /* 0.65 with the rooms that still fill */
                                         .life_us = TIME_S(1800),
                                         .steady_us = TIME_S(600),
                                         .storm_us = TIME_S(120),
                                         .after_us = TIME_S(300)};

static double now_s(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec * 1e-9;
}

static void print(const char *name, const struct fleet_result results[FLEET_PHASES])
{
    static const char *const phases[FLEET_PHASES] = {"steady", "storm", "after"};
    for (int i = 0; i < FLEET_PHASES; i++) {
        const struct fleet_result *r = &results[i];
        printf("%-24s %-7s %9llu %8.2f %% %8.3f %% %6u %8.1f %% %8.1f %% %7.2f %5u\n",
               i == 0 ? name : "", phases[i], (unsigned long long)r->joins,
               100.0 * (double)r->refused / (double)MAX(r->joins, 1),
               100.0 * (double)r->overfull / (double)MAX(r->joins, 1), r->nodes_over,
               100 * r->use_mean, 100 * r->use_max, r->ratio_max, r->span_max);
    }
}

static int complain(const char *what)
{
    printf("FAILED: %s\n", what);
    return 1;
}

static int run(const struct fleet_config *config)
{
    struct fleet_result ours[FLEET_PHASES], naives[FLEET_PHASES];
    struct fleet_policy policy;
    double began_s = now_s();
    printf("%u nodes of capacity %u in %u regions, %u rooms, %d orchestrators, seed %llu\n",
           config->nodes, room_mix_capacity(config->rooms, config->nodes, config->use),
           config->regions, config->rooms, ORCHESTRATORS, (unsigned long long)config->seed);
    printf("%-24s %-7s %9s %10s %10s %6s %10s %10s %7s %5s\n", "policy", "phase", "joins",
           "refused", "overfull", "over", "mean", "max", "max/mean", "span");
    struct own_policy *own = own_policy_new(config, ORCHESTRATORS, &policy);
    fleet_run(config, &policy, ours);
    print(policy.name, ours);
    double own_s = now_s() - began_s;
    uint64_t refused_full = own_policy_refusals(own)[PLACEMENT_FULL];
    uint64_t refused_rate = own_policy_refusals(own)[PLACEMENT_RATE];
    own_policy_free(own);
    struct naive_policy *naive = naive_policy_new(config, &policy);
    fleet_run(config, &policy, naives);
    print(policy.name, naives);
    naive_policy_free(naive);
    uint64_t joins = 0;
    int failed = 0;
    for (int i = 0; i < FLEET_PHASES; i++) {
        joins += ours[i].joins;
        if (ours[i].overfull > 0 || ours[i].use_max > 1) {
            failed |= complain("a node went over its capacity");
        }
        if (ours[i].ratio_max > RATIO_MAX) {
            failed |= complain("the fullest node is too far above the mean");
        }
    }
    if (ours[FLEET_STEADY].refused > 0) {
        failed |= complain("people were refused without need");
    }
    if (naives[FLEET_STEADY].nodes_over == 0) {
        failed |= complain("the naive policy did as well: this shows nothing");
    }
    printf("refusals: %llu full, %llu by join rates; %.1f s for %llu joins, %.1f s with the naive "
           "policy\n",
           (unsigned long long)refused_full, (unsigned long long)refused_rate, own_s,
           (unsigned long long)joins, now_s() - began_s);
    return failed;
}

int main(int argc, char **argv)
{
    if (argc < 2 || (strcmp(argv[1], "small") != 0 && strcmp(argv[1], "full") != 0)) {
        fprintf(stderr, "usage: sim_placement small|full [SEED]\n");
        return 2;
    }
    struct fleet_config config = strcmp(argv[1], "full") == 0 ? full : small;
    config.seed = argc > 2 ? strtoull(argv[2], NULL, 10) : 1;
    return run(&config);
}
