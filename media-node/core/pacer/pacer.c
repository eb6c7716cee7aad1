/* SPDX-License-Identifier: Apache-2.0 */
#include "media-node/core/pacer/pacer.h"

#include <stdlib.h>

void pacer_fini(struct pacer *pacer)
{
    free(pacer->ring);
    pacer->ring = NULL;
    pacer->count = 0;
}

void pacer_trim(struct pacer *pacer, int64_t now_us)
{
    if (pacer->count == 0 && now_us * 1000 - pacer->free_ns >= PACER_REST_US * 1000) {
        pacer_fini(pacer);
    }
}

void pacer_set_rate(struct pacer *pacer, uint32_t bps)
{
    pacer->ns_per_byte = bps == 0 ? 0 : (uint32_t)MIN(8000000000u / bps, UINT32_MAX);
    if (bps == 0) {
        pacer->free_ns = 0;
    }
}

bool pacer_take(struct pacer *pacer, struct pacer_item *out)
{
    if (pacer->count == 0) {
        return false;
    }
    *out = pacer->ring[pacer->first];
    pacer->first = (uint16_t)((pacer->first + 1) % PACER_QUEUE);
    pacer->count--;
    return true;
}

bool pacer_push(struct pacer *pacer, struct pacer_item item, struct pacer_item *out)
{
    if (pacer->ring == NULL) {
        pacer->ring = mem_array(PACER_QUEUE, sizeof(*pacer->ring));
    }
    bool full = pacer->count == PACER_QUEUE && pacer_take(pacer, out);
    pacer->ring[(pacer->first + pacer->count++) % PACER_QUEUE] = item;
    return full;
}

bool pacer_pop(struct pacer *pacer, int64_t now_us, struct pacer_item *out)
{
    return pacer->free_ns - now_us * 1000 <= pacer_burst_us(pacer) * 1000 && pacer_take(pacer, out);
}

void pacer_forget(struct pacer *pacer, uint32_t stream)
{
    struct pacer_item item;
    for (unsigned left = pacer->count; left > 0; left--) {
        (void)pacer_take(pacer, &item);
        if (item.stream != stream) {
            (void)pacer_push(pacer, item, &item);
        }
    }
}

uint8_t pacer_sent(struct pacer *pacer, int64_t now_us, uint16_t size)
{
    if (pacer->ns_per_byte != 0) {
        int64_t now_ns = now_us * 1000;
        int64_t free_ns = MAX(pacer->free_ns, now_ns) + (int64_t)size * pacer->ns_per_byte;
        pacer->free_ns = MIN(free_ns, now_ns + PACER_DEBT_US * 1000);
    }
    if (pacer->train.probe.id == 0) {
        return 0;
    }
    pacer->train.bytes += size;
    pacer->train.packets++;
    return pacer->train.probe.id;
}

/* ---- Trains ---------------------------------------------------------------------------------- */

void pacer_probe(struct pacer *pacer, int64_t now_us, const struct bwe_probe *probe)
{
    assert(pacer->train.probe.id == 0 && probe->id != 0 && probe->rate_bps > 0);
    pacer->train.probe = *probe;
    pacer->train.begun_us = now_us;
    pacer->train.bytes = 0;
    pacer->train.packets = 0;
}

/* When so many bytes of the train have been sent at its rate. */
static int64_t train_time(const struct pacer *pacer, uint32_t bytes)
{
    return pacer->train.begun_us + (int64_t)bytes * 8000000 / pacer->train.probe.rate_bps;
}

bool pacer_train_due(struct pacer *pacer, int64_t now_us)
{
    const struct bwe_probe *probe = &pacer->train.probe;
    if (probe->id == 0) {
        return false;
    }
    bool sent = pacer->train.bytes >= probe->bytes && pacer->train.packets >= probe->packets_min;
    if (sent || now_us > train_time(pacer, 2 * probe->bytes + 2048)) {
        pacer->train.probe.id = 0;
        return false;
    }
    return train_time(pacer, pacer->train.bytes) <= now_us;
}

int64_t pacer_deadline(const struct pacer *pacer)
{
    if (pacer->train.probe.id != 0) {
        return train_time(pacer, pacer->train.bytes);
    }
    return pacer->count == 0 ? TIME_NEVER : (pacer->free_ns + 999) / 1000 - pacer_burst_us(pacer);
}
