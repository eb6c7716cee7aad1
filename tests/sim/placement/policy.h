/* SPDX-License-Identifier: Apache-2.0
 *
 * Policies for a fleet: the orchestrator's own, and the naive one.
 */
#ifndef TESTS_SIM_PLACEMENT_POLICY_H
#define TESTS_SIM_PLACEMENT_POLICY_H

#include "tests/sim/placement/fleet.h"

#define POLICY_REASONS 20 /* refusals, by enum placement_reason */

/* placement/ and registry/ as in production, in several orchestrators: each owns its share of the
 * rooms, hears every node's reports, and knows its own reservations only. */
struct own_policy;
struct own_policy *own_policy_new(const struct fleet_config *config, uint32_t orchestrators,
                                  struct fleet_policy *out);
void own_policy_free(struct own_policy *own);
const uint64_t *own_policy_refusals(const struct own_policy *own);

/* The least reported weight of all nodes; everybody follows to the room's node. */
struct naive_policy;
struct naive_policy *naive_policy_new(const struct fleet_config *config, struct fleet_policy *out);
void naive_policy_free(struct naive_policy *naive);

#endif
