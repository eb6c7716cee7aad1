/* SPDX-License-Identifier: Apache-2.0
 *
 * Chance, and how large rooms are.
 */
#ifndef TESTS_SIM_PLACEMENT_MIX_H
#define TESTS_SIM_PLACEMENT_MIX_H

#include "common/base/base.h"

#define MIX_PEOPLE_MAX 500

double mix_uniform(struct prng *prng); /* in [0, 1) */
double mix_exponential(struct prng *prng, double mean);

/* 70 % of 2 to 4, 25 % of 5 to 20, 5 % by Pareto up to 500: about 8 on average, which is the mix of
 * the reference measurements. */
uint16_t mix_room_size(struct prng *prng);

/* Of somebody in a room of that size: two tracks sent, two of each other one watched, who are up to
 * 9. */
uint16_t mix_person_weight(uint16_t size);

/* Of each node, such that so many complete rooms use that share of all. */
uint32_t mix_capacity(uint32_t rooms, uint32_t nodes, double use);

#endif
