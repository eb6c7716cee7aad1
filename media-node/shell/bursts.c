/* SPDX-License-Identifier: Apache-2.0 */
#include "media-node/shell/bursts.h"

#define PROBES_MAX 8 /* places of the table that are looked at */

/* The address's place in the table: where its burst stands, or could stand. NULL: none is left. */
static uint16_t *find(struct bursts *bursts, const struct net_addr *remote)
{
    size_t at = (size_t)net_hash(remote, 0);
    for (size_t i = 0; i < PROBES_MAX; i++) {
        uint16_t *place = &bursts->table[(at + i) % BURSTS_TABLE];
        if (*place == 0 || net_equal(&bursts->bursts[*place - 1].remote, remote)) {
            return place;
        }
    }
    return NULL;
}

static bool takes(const struct bursts *bursts, const struct burst *burst, size_t len)
{
    return burst->count < bursts->packets_max && !burst->shorter && len <= burst->segment &&
           burst->bytes + len <= BURST_BYTES_MAX;
}

static void begin(struct bursts *bursts, const struct net_addr *remote, uint16_t *place, size_t len)
{
    uint16_t packet = (uint16_t)bursts->packet_count;
    size_t i = bursts->burst_count++;
    bursts->bursts[i] = (struct burst){.remote = *remote,
                                       .segment = (uint16_t)len,
                                       .count = 1,
                                       .first = packet,
                                       .last = packet,
                                       .bytes = (uint32_t)len};
    bursts->places[i] = 0;
    if (place != NULL) {
        *place = (uint16_t)bursts->burst_count;
        bursts->places[i] = (uint16_t)(place - bursts->table + 1);
    }
}

static void append(struct bursts *bursts, struct burst *burst, size_t len)
{
    uint16_t packet = (uint16_t)bursts->packet_count;
    bursts->waiting[burst->last].next = packet;
    burst->last = packet;
    burst->count++;
    burst->bytes += (uint32_t)len;
    burst->shorter = len < burst->segment;
}

bool bursts_add(struct bursts *bursts, const struct net_addr *remote, struct bytes packet)
{
    assert(bursts->packets_max >= 1 && bursts->packets_max <= BURST_PACKETS_MAX);
    assert(packet.len >= 1 && packet.len <= UINT16_MAX);
    if (bursts->packet_count == BURSTS_PACKETS) {
        return false;
    }
    uint16_t *place = bursts->packets_max == 1 ? NULL : find(bursts, remote);
    struct burst *burst = place == NULL || *place == 0 ? NULL : &bursts->bursts[*place - 1];
    if (burst != NULL && takes(bursts, burst, packet.len)) {
        append(bursts, burst, packet.len);
    } else {
        begin(bursts, remote, place, packet.len);
    }
    bursts->waiting[bursts->packet_count++].bytes = packet;
    return true;
}

size_t bursts_packets(const struct bursts *bursts, size_t i, struct iovec out[BURST_PACKETS_MAX])
{
    assert(i < bursts->burst_count);
    const struct burst *burst = &bursts->bursts[i];
    uint16_t at = burst->first;
    for (size_t n = 0; n < burst->count; n++) {
        const struct bytes *packet = &bursts->waiting[at].bytes;
        out[n] = (struct iovec){(void *)(uintptr_t)packet->data, packet->len};
        at = bursts->waiting[at].next;
    }
    return burst->count;
}

void bursts_clear(struct bursts *bursts)
{
    for (size_t i = 0; i < bursts->burst_count; i++) {
        if (bursts->places[i] != 0) {
            bursts->table[bursts->places[i] - 1] = 0;
        }
    }
    bursts->burst_count = 0;
    bursts->packet_count = 0;
}
