/* SPDX-License-Identifier: Apache-2.0
 *
 * A fleet of media nodes and its rooms under virtual time: rooms begin and end, their people join
 * one by one, nodes report what they carry every two seconds. Where people go is the policy's
 * business; the fleet keeps the truth and measures.
 */
#ifndef TESTS_SIM_PLACEMENT_FLEET_H
#define TESTS_SIM_PLACEMENT_FLEET_H

#include "common/base/base.h"

#define FLEET_SPAN_MAX  40 /* nodes of one room */
#define FLEET_REPORT_US TIME_S(2)

struct fleet_config {
    uint32_t nodes;
    uint32_t regions;  /* each has nodes / regions of them */
    uint32_t rooms;    /* on average, before the storm */
    double use;        /* mean of weight per capacity, were all rooms complete */
    int64_t life_us;   /* mean of a room's, exponential */
    int64_t steady_us; /* how long it runs so, then */
    int64_t storm_us;  /* 10 times as many rooms begin, then */
    int64_t after_us;  /* as before */
    uint64_t seed;
};

struct fleet_share {
    uint32_t node;
    uint32_t weight;
};

struct fleet_room {
    uint32_t index;
    uint32_t generation; /* with index it makes a name that is not used twice */
    uint16_t regions[2]; /* home, and where the others come from */
    uint16_t size;       /* people in the end */
    uint16_t come;       /* that asked to join so far */
    bool hinted;         /* its size is told beforehand */
    uint16_t weight;     /* of one person */
    int64_t ends_us;
    int64_t next_us; /* its next event: somebody joins, or it ends */
    uint32_t next;   /* in its slot of the calendar */
    struct fleet_share shares[FLEET_SPAN_MAX];
    uint32_t share_count;
};

struct fleet;

/* All return nodes, or FLEET_REFUSED. */
#define FLEET_REFUSED UINT32_MAX
struct fleet_policy {
    const char *name;
    /* One more person of this region in the room; the first makes it. */
    uint32_t (*join)(void *arg, int64_t now_us, const struct fleet_room *room, uint16_t region);
    /* The room was there before the simulation began, on this node. */
    void (*present)(void *arg, const struct fleet_room *room);
    void (*end)(void *arg, const struct fleet_room *room);
    void (*report)(void *arg, int64_t now_us, uint32_t node, uint32_t weight);
    void *arg;
};

/* Of one phase. */
struct fleet_result {
    uint64_t joins;
    uint64_t refused;
    uint64_t overfull;   /* joins after which a node exceeded its capacity */
    uint32_t nodes_over; /* nodes that ever did */
    double use_mean;     /* at its end */
    double ratio_max;    /* highest of max / mean, sampled each second */
    double use_max;
    uint32_t span_max; /* nodes of one room */
};
enum { FLEET_STEADY, FLEET_STORM, FLEET_AFTER, FLEET_PHASES };

void fleet_run(const struct fleet_config *config, const struct fleet_policy *policy,
               struct fleet_result results[FLEET_PHASES]);

#endif
