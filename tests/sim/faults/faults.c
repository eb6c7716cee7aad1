/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/sim/faults/faults.h"

#include <stdio.h>

#define SHORT_US TIME_MS(100)
#define LONG_US  TIME_S(20)
#define LOOK_US  TIME_MS(50) /* whether a process has ended */

enum target { STORE, NET, NODE, ORCHESTRATOR, REGION };

static const struct {
    const char *name;
    enum target of;
} kinds[FAULT_KINDS] = {
    [FAULT_NODE_CRASH] = {"node crash", NODE},
    [FAULT_NODE_HANG] = {"node hang", NODE},
    [FAULT_NODE_CUT] = {"node cut off", NODE},
    [FAULT_NODE_DRAIN] = {"node drain", NODE},
    [FAULT_NODE_UNREACHED] = {"node unreached", NODE},
    [FAULT_LOSS] = {"loss", NET},
    [FAULT_ORCHESTRATOR_CRASH] = {"orchestrator crash", ORCHESTRATOR},
    [FAULT_ORCHESTRATOR_HANG] = {"orchestrator hang", ORCHESTRATOR},
    [FAULT_ORCHESTRATOR_CUT] = {"orchestrator cut off", ORCHESTRATOR},
    [FAULT_ORCHESTRATOR_STOP] = {"orchestrator stop", ORCHESTRATOR},
    [FAULT_STORE_HANG] = {"store hang", STORE},
    [FAULT_STORE_CRASH] = {"store crash", STORE},
    [FAULT_STORE_FAILOVER] = {"store failover", STORE},
    [FAULT_STORE_EMPTY] = {"store empty", STORE},
    [FAULT_REGION_PARTED] = {"region parted", REGION},
    [FAULT_REGION_LOST] = {"region lost", REGION},
};

const char *fault_name(enum fault_kind kind)
{
    return kinds[kind].name;
}

static size_t targets(const struct sim_config *config, enum target of)
{
    switch (of) {
    case NODE:
        return config->nodes;
    case ORCHESTRATOR:
        return config->orchestrators;
    case REGION:
        return config->regions;
    default:
        return 1;
    }
}

static enum fault_kind kind_at(unsigned set, uint64_t index)
{
    enum fault_kind kind = 0;
    for (;; kind++) {
        assert(kind < FAULT_KINDS);
        if ((set & 1u << kind) != 0 && index-- == 0) {
            return kind;
        }
    }
}

struct fault fault_random(struct sim *sim, unsigned set)
{
    uint64_t count = (uint64_t)__builtin_popcount(set);
    struct fault fault = {.kind = kind_at(set, prng_below(&sim->prng, count))};
    fault.target = prng_below(&sim->prng, targets(&sim->config, kinds[fault.kind].of));
    /* As many short ones as long ones: 0.1 .. 0.2, 0.2 .. 0.4, ... s */
    fault.for_us = SHORT_US << prng_below(&sim->prng, 8);
    fault.for_us += (int64_t)prng_below(&sim->prng, (uint64_t)fault.for_us);
    fault.for_us = MIN(fault.for_us, LONG_US);
    return fault;
}

uint32_t fault_disturbs(const struct sim *sim, const struct fault *fault)
{
    switch (kinds[fault->kind].of) {
    case ORCHESTRATOR:
        return fault->kind == FAULT_ORCHESTRATOR_STOP ? 0 : 1u << fault->target;
    case REGION:
        return (1u << sim->config.orchestrators) - 1;
    default:
        return 0;
    }
}

/* ---- What happens to processes ------------------------------------------------------------- */

static void host_hangs(struct sim *sim, const char *name, size_t host, bool hung)
{
    timeline_tell(sim->timeline, name, hung ? "hangs" : "wakes");
    net_hang(sim->net, host, hung);
}

static void host_cut(struct sim *sim, const char *name, size_t host, bool cut)
{
    timeline_tell(sim->timeline, name, cut ? "is cut off" : "is connected again");
    net_cut(sim->net, host, cut);
}

static void host_shunned(struct sim *sim, const char *name, size_t host, bool shunned)
{
    timeline_tell(sim->timeline, name,
                  shunned ? "is not reached by clients" : "is reached by clients again");
    net_shun(sim->net, host, shunned);
}

/* Where no node serves, who is told to start over does, whatever orchestrators do. One that is
 * drained serves until it ends. */
static void look_for_nodes(struct sim *sim)
{
    for (size_t i = 0; i < sim->config.nodes; i++) {
        const struct node_process *n = &sim->nodes[i];
        if (n->alive && !net_hung(sim->net, n->host) && net_reaches(sim->net, n->host, n->host)) {
            return;
        }
    }
    check_disturbed(sim, UINT32_MAX);
}

static void drained(void *arg, uint64_t life, struct bytes data)
{
    struct node_process *n = arg;
    (void)data;
    if (n->alive && n->life == life) {
        node_process_crash(n);
        look_for_nodes(n->sim);
    }
}

static void node_fault(struct sim *sim, const struct fault *fault)
{
    struct node_process *n = &sim->nodes[fault->target];
    switch (fault->kind) {
    case FAULT_NODE_CRASH:
        node_process_crash(n);
        break;
    case FAULT_NODE_HANG:
        host_hangs(sim, n->name, n->host, true);
        break;
    case FAULT_NODE_CUT:
        host_cut(sim, n->name, n->host, true);
        break;
    case FAULT_NODE_UNREACHED:
        host_shunned(sim, n->name, n->host, true);
        break;
    default:
        node_process_drain(n);
        net_timer(sim->net, n->host, sim_now(sim) + FAULT_DRAIN_US, drained, n, n->life);
        break;
    }
    look_for_nodes(sim);
}

static void node_mends(struct sim *sim, const struct fault *fault)
{
    struct node_process *n = &sim->nodes[fault->target];
    n->back_us = sim_now(sim);
    if (fault->kind == FAULT_NODE_HANG) {
        host_hangs(sim, n->name, n->host, false);
    } else if (fault->kind == FAULT_NODE_CUT) {
        host_cut(sim, n->name, n->host, false);
    } else if (fault->kind == FAULT_NODE_UNREACHED) {
        host_shunned(sim, n->name, n->host, false);
    } else if (!n->alive) {
        node_process_start(n);
    }
}

static void orchestrator_fault(struct sim *sim, const struct fault *fault)
{
    struct orchestrator *o = &sim->orchestrators[fault->target];
    switch (fault->kind) {
    case FAULT_ORCHESTRATOR_CRASH:
        orchestrator_crash(o);
        break;
    case FAULT_ORCHESTRATOR_HANG:
        host_hangs(sim, o->name, o->host, true);
        break;
    case FAULT_ORCHESTRATOR_CUT:
        host_cut(sim, o->name, o->host, true);
        break;
    default:
        sim->stops++;
        orchestrator_stop(o);
        break;
    }
}

static void orchestrator_mends(struct sim *sim, const struct fault *fault)
{
    struct orchestrator *o = &sim->orchestrators[fault->target];
    if (fault->kind == FAULT_ORCHESTRATOR_HANG) {
        host_hangs(sim, o->name, o->host, false);
    } else if (fault->kind == FAULT_ORCHESTRATOR_CUT) {
        host_cut(sim, o->name, o->host, false);
    } else {
        orchestrator_start(o);
    }
}

/* ---- What happens to the rest -------------------------------------------------------------- */

static void store_fault(struct sim *sim, const struct fault *fault)
{
    timeline_tell(sim->timeline, "store", "%s", fault_name(fault->kind));
    if (fault->kind == FAULT_STORE_HANG) {
        store_hang(sim->store, true);
    } else {
        store_crash(sim->store);
    }
}

static void store_mends(struct sim *sim, const struct fault *fault)
{
    timeline_tell(sim->timeline, "store", "is back");
    if (fault->kind == FAULT_STORE_HANG) {
        store_hang(sim->store, false);
    } else {
        store_start(sim->store, fault->kind == FAULT_STORE_FAILOVER ? STORE_REPLICA
                                : fault->kind == FAULT_STORE_EMPTY  ? STORE_EMPTY
                                                                    : STORE_WHOLE);
    }
}

static void net_fault(struct sim *sim, const struct fault *fault, bool begins)
{
    char region[8];
    sim_region_name(region, fault->target);
    if (fault->kind == FAULT_LOSS) {
        timeline_tell(sim->timeline, "net", begins ? "loses 20 %%" : "loses nothing more");
        net_lose(sim->net, begins ? 200 : 0);
        return;
    }
    enum net_apart apart = fault->kind == FAULT_REGION_LOST ? NET_LOST : NET_PARTED;
    timeline_tell(sim->timeline, region,
                  !begins             ? "is there again"
                  : apart == NET_LOST ? "is lost"
                                      : "is parted from the others");
    net_part(sim->net, fault->target, begins ? apart : NET_TOGETHER);
}

/* Two on one target at a time would not be told apart. */
static bool *broken(struct sim *sim, const struct fault *fault)
{
    switch (kinds[fault->kind].of) {
    case NODE:
        return &sim->broken.nodes[fault->target];
    case ORCHESTRATOR:
        return &sim->broken.orchestrators[fault->target];
    case STORE:
        return &sim->broken.store;
    default:
        return &sim->broken.net;
    }
}

static void mends(void *arg, void *detail)
{
    struct sim *sim = arg;
    const struct fault *fault = detail;
    sim->mended_us = sim_now(sim);
    traffic_fault(sim);
    *broken(sim, fault) = false;
    switch (kinds[fault->kind].of) {
    case NODE:
        node_mends(sim, fault);
        break;
    case ORCHESTRATOR:
        orchestrator_mends(sim, fault);
        break;
    case STORE:
        store_mends(sim, fault);
        break;
    default:
        net_fault(sim, fault, false);
        break;
    }
}

static void begins(struct sim *sim, const struct fault *fault)
{
    switch (kinds[fault->kind].of) {
    case NODE:
        node_fault(sim, fault);
        break;
    case ORCHESTRATOR:
        orchestrator_fault(sim, fault);
        break;
    case STORE:
        store_fault(sim, fault);
        break;
    default:
        net_fault(sim, fault, true);
        break;
    }
}

static void lasts(struct sim *sim, const struct fault *fault, int64_t for_us)
{
    events_at(sim->events, sim_now(sim) + for_us, mends, sim, mem_copy(fault, sizeof(*fault)));
}

/* One that is told to stop takes its time. */
static void look_whether_ended(void *arg, void *detail)
{
    struct sim *sim = arg;
    const struct fault *fault = detail;
    if (sim->orchestrators[fault->target].alive) {
        events_at(sim->events, sim_now(sim) + LOOK_US, look_whether_ended, sim,
                  mem_copy(fault, sizeof(*fault)));
    } else {
        lasts(sim, fault, fault->for_us);
    }
}

void fault_happens(struct sim *sim, const struct fault *fault)
{
    if (*broken(sim, fault)) {
        return;
    }
    *broken(sim, fault) = true;
    check_disturbed(sim, fault_disturbs(sim, fault));
    if (fault->kind == FAULT_STORE_HANG) {
        check_struck(sim);
    }
    traffic_fault(sim);
    begins(sim, fault);
    if (fault->kind == FAULT_ORCHESTRATOR_STOP) {
        events_at(sim->events, sim_now(sim), look_whether_ended, sim,
                  mem_copy(fault, sizeof(*fault)));
    } else {
        lasts(sim, fault, fault->for_us + (fault->kind == FAULT_NODE_DRAIN ? FAULT_DRAIN_US : 0));
    }
}
