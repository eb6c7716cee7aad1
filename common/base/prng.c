/* SPDX-License-Identifier: Apache-2.0
 *
 * xoshiro256** by Blackman and Vigna (https://prng.di.unimi.it), seeded through splitmix64.
 */
#include "common/base/base.h"

static uint64_t rotl(uint64_t x, int k)
{
    return (x << k) | (x >> (64 - k));
}

void prng_seed(struct prng *prng, uint64_t seed)
{
    for (size_t i = 0; i < ARRAY_LEN(prng->s); i++) {
        seed += 0x9e3779b97f4a7c15u;
        uint64_t z = seed;
        z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
        z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
        prng->s[i] = z ^ (z >> 31);
    }
}

uint64_t prng_next(struct prng *prng)
{
    uint64_t *s = prng->s;
    uint64_t result = rotl(s[1] * 5, 7) * 9;
    uint64_t t = s[1] << 17;
    s[2] ^= s[0];
    s[3] ^= s[1];
    s[1] ^= s[2];
    s[0] ^= s[3];
    s[2] ^= t;
    s[3] = rotl(s[3], 45);
    return result;
}

uint64_t prng_below(struct prng *prng, uint64_t bound)
{
    assert(bound > 0);
    return (uint64_t)(((unsigned __int128)prng_next(prng) * bound) >> 64);
}

void prng_fill(struct prng *prng, void *out, size_t len)
{
    uint8_t *p = out;
    while (len > 0) {
        uint64_t word = prng_next(prng);
        size_t n = MIN(len, sizeof(word));
        memcpy(p, &word, n);
        p += n;
        len -= n;
    }
}

static void fill(void *arg, void *out, size_t len)
{
    prng_fill(arg, out, len);
}

struct random_source prng_source(struct prng *prng)
{
    return (struct random_source){fill, prng};
}
