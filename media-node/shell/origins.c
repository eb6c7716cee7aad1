/* SPDX-License-Identifier: Apache-2.0 */
#include "media-node/shell/origins.h"

#include <stdlib.h>

struct origin {
    struct net_addr remote; /* family 0: this entry is free */
    uint16_t endpoint;
    uint8_t stun;      /* where its last check came to, ORIGINS_NONE: none yet */
    uint8_t media;     /* and anything else */
    uint64_t heard_at; /* the count of datagrams by then */
};

struct origins {
    uint64_t seed;
    uint64_t count; /* datagrams noted */
    struct origin sets[ORIGINS_SETS][ORIGINS_WAYS];
};

bool origins_is_stun(struct bytes packet)
{
    return packet.len > 0 && packet.data[0] < 4;
}

struct origins *origins_new(uint64_t seed)
{
    struct origins *origins = mem_alloc(sizeof(*origins));
    origins->seed = seed;
    return origins;
}

void origins_free(struct origins *origins)
{
    free(origins);
}

static size_t set_of(const struct origins *origins, uint16_t endpoint,
                     const struct net_addr *remote)
{
    return net_hash(remote, origins->seed + endpoint) & (ORIGINS_SETS - 1);
}

static bool is(const struct origin *origin, uint16_t endpoint, const struct net_addr *remote)
{
    return origin->endpoint == endpoint && net_equal(&origin->remote, remote);
}

/* Its entry, or the one that makes place for it. */
static struct origin *place_of(struct origins *origins, uint16_t endpoint,
                               const struct net_addr *remote)
{
    struct origin *set = origins->sets[set_of(origins, endpoint, remote)];
    struct origin *oldest = &set[0];
    for (size_t i = 0; i < ORIGINS_WAYS; i++) {
        if (is(&set[i], endpoint, remote)) {
            return &set[i];
        }
        if (set[i].heard_at < oldest->heard_at) { /* of a free one it is 0 */
            oldest = &set[i];
        }
    }
    *oldest = (struct origin){
        .remote = *remote, .endpoint = endpoint, .stun = ORIGINS_NONE, .media = ORIGINS_NONE};
    return oldest;
}

void origins_note(struct origins *origins, uint16_t endpoint, const struct net_addr *remote,
                  bool stun, uint8_t address)
{
    assert(remote->family != NET_NONE && address != ORIGINS_NONE);
    struct origin *origin = place_of(origins, endpoint, remote);
    origin->heard_at = ++origins->count;
    if (stun) {
        origin->stun = address;
    } else {
        origin->media = address;
    }
}

uint8_t origins_find(const struct origins *origins, uint16_t endpoint,
                     const struct net_addr *remote, bool stun)
{
    const struct origin *set = origins->sets[set_of(origins, endpoint, remote)];
    for (size_t i = 0; i < ORIGINS_WAYS; i++) {
        if (is(&set[i], endpoint, remote)) {
            bool by_check = set[i].media == ORIGINS_NONE || (stun && set[i].stun != ORIGINS_NONE);
            return by_check ? set[i].stun : set[i].media;
        }
    }
    return ORIGINS_NONE;
}
