/* SPDX-License-Identifier: Apache-2.0
 *
 * What faults do to a fleet, under virtual time, with production's registry and placement: one of
 * each an orchestrator, which owns its part of the rooms, hears of every node four times a second,
 * and does not see what the others reserve.
 *
 *   - Rooms fill up as people would join them, one by one, until the fleet is as its file says.
 *     From then on nobody joins or leaves.
 *   - A node dies with its process: its closed connection is told after one way's delay. Then each
 *     orchestrator moves its rooms off it, one after the other (placement_flee), with sound alone
 *     where no node takes them with video, and once a second as many as budgets.h allows get that
 *     back, or give it up for who finds no place.
 *   - A drained node is emptied by planned moves, at the pace of budgets.h.
 *   - Nodes that start are registered, and empty.
 *
 * The time is control time: until the new node has what it needs to serve somebody. Left out: what
 * clients need to get there; the weight of edges between the nodes of a room; orchestrators that
 * are lost with a region, which others follow first; rebalancing.
 *
 * The same fleet, faults and seed have the same result.
 */
#ifndef ORCHESTRATOR_CLI_SIM_SIM_H
#define ORCHESTRATOR_CLI_SIM_SIM_H

#include "orchestrator/cli/sim/fleet.h"

#define SIM_SECONDS_MAX 3600
#define SIM_SAMPLES_MAX 600 /* at equal distances, of 100 ms or more */

/* How things are at some time; what just happened, or "". */
struct sim_row {
    int64_t at_us;
    uint64_t moved;           /* people, so far; each time */
    uint64_t waiting;         /* people without a node that serves them */
    uint64_t without_video;   /* people who have sound alone */
    double use_max, use_mean; /* weight per capacity, of nodes that live */
    char fullest[64];
    char event[128];
};

/* People who were moved. */
struct sim_flow {
    size_t from, to; /* regions, by index */
    uint64_t people;
    uint64_t kept;          /* of these, to a node that had the room already */
    uint64_t without_video; /* of these, with sound alone */
    uint32_t distance_ms;   /* PLACEMENT_FAR_MS: nobody knows */
};

struct sim_region {
    const char *name;                     /* borrowed from the fleet */
    uint64_t nodes, nodes_lost;           /* the former in the beginning */
    uint64_t people_before, people_after; /* whom its nodes serve */
    double use_before, use_after;         /* mean of nodes that live */
    double use_max;                       /* of any of its nodes, ever */
};

struct sim_result {
    uint64_t seed, nodes, people, rooms; /* in the beginning */
    uint64_t affected;                   /* people on nodes that a fault took, when it began */
    int64_t first_us;                    /* the first loss; TIME_NEVER: none */
    int64_t healed_us; /* since when everybody has had a node again; TIME_NEVER: never */
    int64_t video_us;  /* the same of video */
    uint64_t waiting;  /* in the end */
    uint64_t without_video;
    uint64_t nodes_over; /* that ever carried more than their capacity */
    struct sim_row *rows;
    size_t row_count;
    struct sim_flow *flows; /* of those that are not empty */
    size_t flow_count;
    struct sim_region regions[FLEET_REGIONS_MAX];
    size_t region_count;
};

struct sim_config {
    const struct fleet *fleet;
    const struct fleet_fault *faults;
    size_t fault_count; /* up to FLEET_FAULTS_MAX */
    int64_t seconds;    /* 1 .. SIM_SECONDS_MAX */
    uint64_t seed;
};

/* ERR_NOT_FOUND: the fleet has no such region or node. ERR_FULL: its people do not fit in, before
 * anything happens. Either with a text; else sim_result_free(). */
MUST_CHECK int sim_run(const struct sim_config *config, struct sim_result *out,
                       char error[CONFIG_ERROR_MAX]);
void sim_result_free(struct sim_result *result);

#endif
