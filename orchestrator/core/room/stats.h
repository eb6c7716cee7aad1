/* SPDX-License-Identifier: Apache-2.0
 *
 * What is kept of nodes' reports: of each participant the last one, and sums. What a report says of
 * tracks and subscriptions is kept with these, so it takes no more place than they do.
 */
#ifndef ORCHESTRATOR_CORE_ROOM_STATS_H
#define ORCHESTRATOR_CORE_ROOM_STATS_H

#include "orchestrator/core/room/room.h"

struct participant;

struct stats_report {
    uint64_t number; /* of reports so far; 0: there was none */
    int64_t at_us;
    uint32_t interval_ms, rtt_us, estimate_bps;
    uint64_t remb_bps;
};

struct stats_flow {
    uint64_t report; /* that named it last, 0 none */
    uint32_t jitter_us;
    struct room_counts last, total;
};

void stats_report(struct participant *p, int64_t now_us,
                  const Spillway__Control__TransportReport *report);

#endif
