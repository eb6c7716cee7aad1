/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/sim/placement/mix.h"

#include <math.h>

#define VIEWED_MAX 9 /* others whom one watches */

double mix_uniform(struct prng *prng)
{
    return (double)(prng_next(prng) >> 11) * 0x1p-53;
}

double mix_exponential(struct prng *prng, double mean)
{
    return -log(1 - mix_uniform(prng)) * mean;
}

uint16_t mix_room_size(struct prng *prng)
{
    double kind = mix_uniform(prng);
    if (kind < 0.70) {
        return (uint16_t)(2 + prng_below(prng, 3));
    }
    if (kind < 0.95) {
        return (uint16_t)(5 + prng_below(prng, 16));
    }
    double size = 21 * pow(1 - mix_uniform(prng), -1 / 1.3);
    return (uint16_t)MIN(size, MIX_PEOPLE_MAX);
}

uint16_t mix_person_weight(uint16_t size)
{
    return (uint16_t)(2 + 2 * MIN(size - 1, VIEWED_MAX));
}

uint32_t mix_capacity(uint32_t rooms, uint32_t nodes, double use)
{
    enum { DRAWS = 1000000 };
    struct prng prng;
    double weight = 0;
    prng_seed(&prng, 1);
    for (int i = 0; i < DRAWS; i++) {
        uint16_t size = mix_room_size(&prng);
        weight += size * mix_person_weight(size);
    }
    return (uint32_t)(weight / DRAWS * rooms / nodes / use);
}
