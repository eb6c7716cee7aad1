/* SPDX-License-Identifier: Apache-2.0
 *
 * What may break, for how long, and what comes back afterwards.
 */
#ifndef TESTS_SIM_FAULTS_FAULTS_H
#define TESTS_SIM_FAULTS_FAULTS_H

#include "tests/sim/world/world.h"

enum fault_kind {
    FAULT_NODE_CRASH,     /* kill -9; a new process in the end */
    FAULT_NODE_HANG,      /* SIGSTOP, SIGCONT */
    FAULT_NODE_CUT,       /* nothing reaches it, nothing leaves it */
    FAULT_NODE_DRAIN,     /* SIGTERM; its process ends FAULT_DRAIN_US later, then a new one */
    FAULT_NODE_UNREACHED, /* by clients, and they by it; all others reach it */
    FAULT_LOSS,           /* of datagrams, everywhere */
    FAULT_ORCHESTRATOR_CRASH,
    FAULT_ORCHESTRATOR_HANG,
    FAULT_ORCHESTRATOR_CUT,
    FAULT_ORCHESTRATOR_STOP, /* SIGTERM; a new process so long after this one has ended */
    FAULT_STORE_HANG,
    FAULT_STORE_CRASH,    /* it comes back with what it had */
    FAULT_STORE_FAILOVER, /* its replica takes over: what it had not heard is lost */
    FAULT_STORE_EMPTY,    /* it comes back with nothing */
    FAULT_REGION_PARTED,  /* its servers and those of others; clients reach both */
    FAULT_REGION_LOST,    /* to everybody outside */
    FAULT_KINDS
};

/* Some kinds, as a set. */
#define FAULT(kind) (1u << FAULT_##kind)

#define FAULT_DRAIN_US TIME_S(10)

struct fault {
    enum fault_kind kind;
    size_t target; /* number of the node, orchestrator or region */
    int64_t for_us;
};

const char *fault_name(enum fault_kind kind);

/* One of these kinds, each as likely, for somebody it can happen to. */
struct fault fault_random(struct sim *sim, unsigned kinds);

/* Whose clients may have to start over: known limitations, see docs/STATUS.md. Nobody takes over
 * the people of an orchestrator that is gone or silent; of a room that two parts made, one gives
 * up. One that is told to stop has given them away before. */
uint32_t fault_disturbs(const struct sim *sim, const struct fault *fault);

/* It begins now and ends by itself; a second one on the same target does nothing. */
void fault_happens(struct sim *sim, const struct fault *fault);

#endif
