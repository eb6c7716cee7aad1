/* SPDX-License-Identifier: Apache-2.0 */
#include "common/room_mix/room_mix.h"

#include <math.h>

double room_mix_uniform(struct prng *prng)
{
    return (double)(prng_next(prng) >> 11) * 0x1p-53;
}

double room_mix_exponential(struct prng *prng, double mean)
{
    return -log(1 - room_mix_uniform(prng)) * mean;
}

uint16_t room_mix_size(struct prng *prng)
{
    double kind = room_mix_uniform(prng);
    if (kind < 0.70) {
        return (uint16_t)(2 + prng_below(prng, 3));
    }
    if (kind < 0.95) {
        return (uint16_t)(5 + prng_below(prng, 16));
    }
    double size = 21 * pow(1 - room_mix_uniform(prng), -1 / 1.3);
    return (uint16_t)MIN(size, ROOM_MIX_PEOPLE_MAX);
}

uint16_t room_mix_person_weight(uint16_t size)
{
    return (uint16_t)(2 + 2 * MIN(size - 1, ROOM_MIX_VIEWED_MAX));
}

uint32_t room_mix_capacity(uint32_t rooms, uint32_t nodes, double use)
{
    enum { DRAWS = 1000000 };
    struct prng prng;
    double weight = 0;
    prng_seed(&prng, 1);
    for (int i = 0; i < DRAWS; i++) {
        uint16_t size = room_mix_size(&prng);
        weight += size * room_mix_person_weight(size);
    }
    return (uint32_t)(weight / DRAWS * rooms / nodes / use);
}
