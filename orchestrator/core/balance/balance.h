/* SPDX-License-Identifier: Apache-2.0
 *
 * Which nodes are too hot, and how much of their load is to go to cooler ones. Pure arithmetic: the
 * caller hands in every load report, asks now and then whether something is due, and moves people.
 *
 * A node's heat is the highest of three, each in permille and smoothed over about 8 s of reports,
 * so that what one report says moves nobody: its weight per capacity, the use of its core, and
 * the lag of its loop (1000: BALANCE_LAG_FULL_US). It is hot from hot_permille on, until it is
 * below cool_permille.
 *
 * While it is hot, BALANCE_STEP_PERMILLE of its capacity may go every BALANCE_STEP_US, and no more
 * than takes it to cool_permille. That is slower than reports show what a move did. All
 * orchestrators see the same heat at the same time, so each sheds its share of this: that of the
 * node's weight which is of rooms it owns. The shares add up to at most one, without a word between
 * them. Most rooms weigh more than a share: then a room goes with the probability of its share to
 * its weight (balance_draws()), which spreads the orchestrators' moves over time.
 */
#ifndef ORCHESTRATOR_CORE_BALANCE_BALANCE_H
#define ORCHESTRATOR_CORE_BALANCE_BALANCE_H

#include "common/base/base.h"
#include "orchestrator/core/registry/registry.h"

#define BALANCE_LAG_FULL_US   TIME_MS(100)
#define BALANCE_STEP_US       TIME_S(10)
#define BALANCE_STEP_PERMILLE 20

struct balance_config {
    uint32_t hot_permille;  /* 0: off */
    uint32_t cool_permille; /* less than hot_permille */
};

enum balance_cause { BALANCE_COOL, BALANCE_WEIGHT, BALANCE_CPU, BALANCE_LAG, BALANCE_CAUSES };

/* Of one node; all zero at first. */
struct balance {
    double heat[BALANCE_CAUSES]; /* permille, by cause */
    enum balance_cause cause;    /* why it is hot */
    int64_t step_at_us;
};

/* A load report, one a heartbeat. True: the cause is another one now. */
bool balance_heard(struct balance *balance, int64_t now_us, const struct balance_config *config,
                   const struct registry_node *node);

/* The highest of its heats, permille. */
uint32_t balance_heat(const struct balance *balance);

/* Whether something is to go now; the next time is a step later. */
bool balance_due(struct balance *balance, int64_t now_us);

/* The weight that takes a hot node down to cool_permille, of all that it reported last. */
uint32_t balance_excess(const struct balance *balance, const struct balance_config *config,
                        const struct registry_node *node);

/* What may go in one step of whoever owns so much of the node's weight, in thousandths. */
uint64_t balance_share(const struct registry_node *node, uint64_t own_weight);

/* Whether something of that weight goes, while `share` is left of the step. */
bool balance_draws(struct prng *prng, uint64_t share, uint32_t weight);

/* Whether a node stays cool with so much more on it. balance: its own. */
bool balance_takes(const struct balance *balance, const struct balance_config *config,
                   const struct registry_node *node, uint32_t weight);

/* One stable snake_case word; "" for COOL. */
const char *balance_cause_name(enum balance_cause cause);

#endif
