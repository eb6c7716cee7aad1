/* SPDX-License-Identifier: Apache-2.0
 *
 * How large the rooms of the reference measurements are, for whoever simulates a cluster; and the
 * chance that this takes.
 */
#ifndef COMMON_ROOM_MIX_ROOM_MIX_H
#define COMMON_ROOM_MIX_ROOM_MIX_H

#include "common/base/base.h"

#define ROOM_MIX_PEOPLE_MAX 500
#define ROOM_MIX_VIEWED_MAX 9 /* others whom one watches at a time */

double room_mix_uniform(struct prng *prng); /* in [0, 1) */
double room_mix_exponential(struct prng *prng, double mean);

/* 70 % of 2 to 4, 25 % of 5 to 20, 5 % by Pareto up to 500: about 8 on average, which is the mix of
 * the reference measurements. */
uint16_t room_mix_size(struct prng *prng);

/* Of somebody in a room of that size: two tracks sent, two of each other one watched. */
uint16_t room_mix_person_weight(uint16_t size);

/* Of each node, such that so many complete rooms use that share of all. */
uint32_t room_mix_capacity(uint32_t rooms, uint32_t nodes, double use);

#endif
