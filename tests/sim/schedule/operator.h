/* SPDX-License-Identifier: Apache-2.0
 *
 * Somebody at spillctl, who asks any orchestrator that runs: cordons, uncordons and drains nodes
 * and moves rooms, whenever he likes. Nobody in a meeting is to notice.
 */
#ifndef TESTS_SIM_SCHEDULE_OPERATOR_H
#define TESTS_SIM_SCHEDULE_OPERATOR_H

#include "tests/sim/world/world.h"

void operator_acts(struct sim *sim);

/* All nodes are to be used again. */
void operator_is_done(struct sim *sim);

#endif
