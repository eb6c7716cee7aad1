/* SPDX-License-Identifier: Apache-2.0
 *
 * How many media nodes each region wants, for whatever starts and stops them. Pure arithmetic on
 * what the caller knows of the regions, handed in now and then (SCALING_STEP_US).
 *
 * Weights are those that nodes report (registry.h). A region's demand is the sum of
 *   carried  what its nodes report, and what was promised to them and is not reported yet,
 *   growth   by how much that rose in the last node_start_us: so much is taken to come again until
 *            a node that is ordered now takes rooms. It is joins less leaves, and the same in the
 *            eyes of every orchestrator, whatever share of the joins it decides about,
 *   events   what reservations say is still to come.
 * With survive_region_loss, spare is added, so that the other regions carry everybody of any one
 * that is lost (scaling_spread). A node is to be used up to target_permille of its capacity, and
 * the need is so many nodes that this holds; at least what a timetable says, at least nodes_min and
 * at most nodes_max.
 *
 * The wanted number rises with the need at once, and falls to the highest need of the last
 * scale_in_after_us: Kubernetes' stabilisation window (HorizontalPodAutoscaler, scaleDown).
 *
 * Never from missing data: load that nobody reports is not load that is not there. A region that is
 * not whole (a node of it is silent, or was lost) may want more, never less, until it was whole for
 * scale_in_after_us; one that nothing is known of now keeps its number; one of which nothing was
 * ever known has none.
 */
#ifndef ORCHESTRATOR_CORE_SCALING_SCALING_H
#define ORCHESTRATOR_CORE_SCALING_SCALING_H

#include "common/base/base.h"

#define SCALING_REGIONS_MAX 256
#define SCALING_NAME_MAX    64 /* bytes of a region's name, NUL included */
#define SCALING_STEP_US     TIME_S(5)
#define SCALING_SLOTS       32 /* that a span of time is remembered in */

struct scaling_config {
    uint32_t target_permille;  /* 1..1000 */
    int64_t node_start_us;     /* from a higher number until the node takes rooms; > 0 */
    int64_t scale_in_after_us; /* > 0 */
    bool survive_region_loss;
    uint32_t nodes_min, nodes_max; /* of each region; min <= max */
};

/* What is known of a region now. */
struct scaling_input {
    const char *region;   /* shorter than SCALING_NAME_MAX; each once */
    bool whole;           /* every node that it should have is heard */
    uint64_t node_weight; /* what one of its nodes is willing to carry; 0: not known now */
    uint64_t carried, events;
    uint32_t timetable; /* nodes; 0: it says nothing */
};

/* What the number comes from. */
enum scaling_reason {
    SCALING_DEMAND,
    SCALING_REGION_LOSS, /* the spare for it */
    SCALING_TIMETABLE,
    SCALING_NODES_MIN,
    SCALING_NODES_MAX,
    SCALING_WAITS, /* for scale_in_after_us to pass since more was needed */
    SCALING_HELD,  /* not everything is known */
};

struct scaling_region {
    char region[SCALING_NAME_MAX];
    uint32_t wanted; /* nodes */
    uint32_t need;   /* the same without regard to what was needed before */
    enum scaling_reason reason;
    bool changed; /* wanted, by the last look */
    uint64_t node_weight, carried, growth, events, spare;
    uint32_t timetable;
};

struct scaling;

struct scaling *scaling_new(const struct scaling_config *config);
void scaling_free(struct scaling *scaling);
const struct scaling_config *scaling_config(const struct scaling *scaling);

/* What is known at now_us, which never goes back. Of regions beyond SCALING_REGIONS_MAX there is no
 * number. */
void scaling_look(struct scaling *scaling, int64_t now_us, const struct scaling_input *inputs,
                  size_t count);

/* Those with a number, in the order in which they were heard of; valid until the next look. */
size_t scaling_count(const struct scaling *scaling);
const struct scaling_region *scaling_at(const struct scaling *scaling, size_t index);

const char *scaling_reason_name(enum scaling_reason reason); /* one stable snake_case word */

/* ---- The loss of one region ---------------------------------------------------------------- */

/* The least capacity, in whatever unit, so that region i has at least least[i], and all without any
 * one of them at least load (the most that there is of it in all at one time). Exact:
 *
 * Let C be the sum. Each c[i] is at least least[i] and at most C - load, so C >= sum(least),
 * C - load >= max(least), and C <= n (C - load), which is C >= load n / (n - 1). The largest of the
 * three is the least C, since between their bounds the c[i] can have any sum. What is left to
 * choose is given to the smallest first, so that no region is a larger part than it has to be.
 *
 * count <= SCALING_REGIONS_MAX; sums below 2^55. The sum. With one region there is nobody else, and
 * out is least. */
uint64_t scaling_spread(const uint64_t *least, size_t count, uint64_t load, uint64_t *out);

#endif
