/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/lib/wire.h"

#include <stdlib.h>

struct wire *wire_new(const struct wire_config *config)
{
    struct wire *wire = mem_alloc(sizeof(*wire));
    wire->config = *config;
    prng_seed(&wire->prng, config->seed);
    return wire;
}

void wire_free(struct wire *wire)
{
    for (size_t i = 0; i < wire->count; i++)
        free(wire->waiting[i].bytes);
    free(wire);
}

static bool chance(struct wire *wire, uint32_t permille)
{
    return prng_below(&wire->prng, 1000) < permille;
}

static void put(struct wire *wire, int64_t now_us, struct bytes datagram)
{
    const struct wire_config *config = &wire->config;
    uint64_t spread = (uint64_t)(config->delay_us_max - config->delay_us_min) + 1;
    assert(wire->count < WIRE_MAX);
    wire->waiting[wire->count] = (struct wire_datagram){
        .due_us = now_us + config->delay_us_min + (int64_t)prng_below(&wire->prng, spread),
        .order = wire->pushed,
        .bytes = mem_copy(datagram.data, datagram.len),
        .len = datagram.len,
    };
    wire->count++;
}

void wire_push(struct wire *wire, int64_t now_us, struct bytes datagram)
{
    uint64_t index = wire->pushed++;
    bool masked = index < 64 && (wire->config.drop_mask >> index & 1) != 0;
    if (masked || chance(wire, wire->config.loss_permille))
        return;
    put(wire, now_us, datagram);
    if (chance(wire, wire->config.repeat_permille))
        put(wire, now_us, datagram);
}

/* Index of the next one, or count. */
static size_t next(const struct wire *wire)
{
    size_t best = wire->count;
    for (size_t i = 0; i < wire->count; i++) {
        const struct wire_datagram *a = &wire->waiting[i];
        const struct wire_datagram *b = &wire->waiting[best];
        if (best == wire->count || a->due_us < b->due_us ||
            (a->due_us == b->due_us && a->order < b->order))
            best = i;
    }
    return best;
}

uint8_t *wire_pop(struct wire *wire, int64_t now_us, size_t *len)
{
    size_t at = next(wire);
    if (at == wire->count || wire->waiting[at].due_us > now_us)
        return NULL;
    uint8_t *bytes = wire->waiting[at].bytes;
    *len = wire->waiting[at].len;
    wire->waiting[at] = wire->waiting[--wire->count];
    return bytes;
}

int64_t wire_deadline(const struct wire *wire)
{
    size_t at = next(wire);
    return at == wire->count ? TIME_NEVER : wire->waiting[at].due_us;
}
