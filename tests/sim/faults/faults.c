/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/sim/faults/faults.h"

#include <stdio.h>

#define SHORT_US TIME_MS(100)
#define LONG_US  TIME_S(20)

static const char *const names[FAULT_KINDS] = {
    [FAULT_NODE_CRASH] = "node crash",
    [FAULT_NODE_HANG] = "node hang",
    [FAULT_NODE_CUT] = "node cut off",
    [FAULT_NODE_DRAIN] = "node drain",
    [FAULT_LOSS] = "loss",
    [FAULT_ORCHESTRATOR_CRASH] = "orchestrator crash",
    [FAULT_ORCHESTRATOR_HANG] = "orchestrator hang",
    [FAULT_ORCHESTRATOR_CUT] = "orchestrator cut off",
    [FAULT_STORE_HANG] = "store hang",
    [FAULT_STORE_CRASH] = "store crash",
    [FAULT_STORE_FAILOVER] = "store failover",
    [FAULT_STORE_EMPTY] = "store empty",
    [FAULT_REGION_PARTED] = "region parted",
    [FAULT_REGION_LOST] = "region lost",
    [FAULT_NODE_UNREACHED] = "node unreached",
};

const char *fault_name(enum fault_kind kind)
{
    return names[kind];
}

static bool of_nodes(enum fault_kind kind)
{
    return kind <= FAULT_NODE_DRAIN || kind == FAULT_NODE_UNREACHED;
}

static bool of_orchestrators(enum fault_kind kind)
{
    return kind >= FAULT_ORCHESTRATOR_CRASH && kind <= FAULT_ORCHESTRATOR_CUT;
}

static bool of_regions(enum fault_kind kind)
{
    return kind == FAULT_REGION_PARTED || kind == FAULT_REGION_LOST;
}

struct fault fault_random(struct sim *sim, enum fault_kind first, enum fault_kind last)
{
    const struct sim_config *config = &sim->config;
    struct fault fault = {
        .kind = first + (enum fault_kind)prng_below(&sim->prng, (uint64_t)(last - first + 1))};
    size_t targets = of_nodes(fault.kind)           ? config->nodes
                     : of_orchestrators(fault.kind) ? config->orchestrators
                     : of_regions(fault.kind)       ? config->regions
                                                    : 1;
    fault.target = prng_below(&sim->prng, targets);
    /* As many short ones as long ones: 0.1 .. 0.2, 0.2 .. 0.4, ... s */
    fault.for_us = SHORT_US << prng_below(&sim->prng, 8);
    fault.for_us += (int64_t)prng_below(&sim->prng, (uint64_t)fault.for_us);
    fault.for_us = MIN(fault.for_us, LONG_US);
    return fault;
}

uint32_t fault_disturbs(const struct sim *sim, const struct fault *fault)
{
    if (of_orchestrators(fault->kind)) {
        return 1u << fault->target;
    }
    return of_regions(fault->kind) ? (1u << sim->config.orchestrators) - 1 : 0;
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
    sim->disturbed = UINT32_MAX;
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
    if (fault->kind == FAULT_ORCHESTRATOR_CRASH) {
        orchestrator_crash(o);
    } else if (fault->kind == FAULT_ORCHESTRATOR_HANG) {
        host_hangs(sim, o->name, o->host, true);
    } else {
        host_cut(sim, o->name, o->host, true);
    }
}

static void orchestrator_mends(struct sim *sim, const struct fault *fault)
{
    struct orchestrator *o = &sim->orchestrators[fault->target];
    if (fault->kind == FAULT_ORCHESTRATOR_CRASH) {
        orchestrator_start(o);
    } else if (fault->kind == FAULT_ORCHESTRATOR_HANG) {
        host_hangs(sim, o->name, o->host, false);
    } else {
        host_cut(sim, o->name, o->host, false);
    }
}

/* ---- What happens to the rest -------------------------------------------------------------- */

static void store_fault(struct sim *sim, const struct fault *fault)
{
    timeline_tell(sim->timeline, "store", "%s", names[fault->kind]);
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

static void mends(void *arg, void *detail)
{
    struct sim *sim = arg;
    const struct fault *fault = detail;
    sim->mended_us = sim_now(sim);
    traffic_fault(sim);
    if (of_nodes(fault->kind)) {
        sim->broken.nodes[fault->target] = false;
        node_mends(sim, fault);
    } else if (of_orchestrators(fault->kind)) {
        sim->broken.orchestrators[fault->target] = false;
        orchestrator_mends(sim, fault);
    } else if (fault->kind == FAULT_LOSS || of_regions(fault->kind)) {
        sim->broken.net = false;
        net_fault(sim, fault, false);
    } else {
        sim->broken.store = false;
        store_mends(sim, fault);
    }
}

void fault_happens(struct sim *sim, const struct fault *fault)
{
    bool *broken = of_nodes(fault->kind)           ? &sim->broken.nodes[fault->target]
                   : of_orchestrators(fault->kind) ? &sim->broken.orchestrators[fault->target]
                   : fault->kind == FAULT_LOSS || of_regions(fault->kind) ? &sim->broken.net
                                                                          : &sim->broken.store;
    if (*broken) {
        return;
    }
    *broken = true;
    sim->disturbed |= fault_disturbs(sim, fault);
    traffic_fault(sim);
    int64_t for_us = fault->for_us;
    if (of_nodes(fault->kind)) {
        for_us += fault->kind == FAULT_NODE_DRAIN ? FAULT_DRAIN_US : 0;
        node_fault(sim, fault);
    } else if (of_orchestrators(fault->kind)) {
        orchestrator_fault(sim, fault);
    } else if (fault->kind == FAULT_LOSS || of_regions(fault->kind)) {
        net_fault(sim, fault, true);
    } else {
        store_fault(sim, fault);
    }
    events_at(sim->events, sim_now(sim) + for_us, mends, sim, mem_copy(fault, sizeof(*fault)));
}
