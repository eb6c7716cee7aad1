/* SPDX-License-Identifier: Apache-2.0
 *
 * The least nodes per region with which everybody keeps a place when any one region is lost, for a
 * curve of load over time. Who is not in a lost region stays in his own; whose region is lost goes
 * wherever there is place, however far.
 *
 * Peaks of regions in different time zones do not coincide: what one needs at its peak stands idle
 * at another's, and is backup then (Bothra et al., Switchboard, SIGCOMM 2023). Exact, by the closed
 * form of scaling_spread(): a region has place for its own peak, and all without any one of them
 * for the highest sum of all regions at one time.
 */
#ifndef ORCHESTRATOR_CLI_PLAN_PLAN_H
#define ORCHESTRATOR_CLI_PLAN_PLAN_H

#include "orchestrator/cli/plan/curve.h"

struct plan_region {
    uint64_t peak;
    size_t peak_at;      /* index of the time */
    uint64_t alone;      /* nodes, where no region is ever lost */
    uint64_t apart;      /* nodes, for the peaks as they are in time */
    uint64_t coinciding; /* nodes, as if all peaks came at once */
};

struct plan {
    struct plan_region regions[CURVE_REGIONS_MAX]; /* as in the curve */
    uint64_t peak;                                 /* highest sum of all regions at one time */
    size_t peak_at;
    uint64_t sum_of_peaks;
    uint64_t alone, apart, coinciding; /* nodes in all */
};

/* each: what one node is to take of what the curve counts, > 0. The curve has two regions or more.
 */
void plan_make(struct plan *out, const struct curve *curve, double each);

#endif
