/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/media-node/bwe/bottleneck.h"

struct bottleneck *bottleneck_new(const struct bottleneck_config *config, uint64_t seed)
{
    struct bottleneck *link = mem_alloc(sizeof(*link));
    link->config = *config;
    prng_seed(&link->prng, seed);
    return link;
}

/* Keeps the way sorted; almost always the new one arrives last of all. */
static void depart(struct bottleneck *link, struct bottleneck_packet packet)
{
    const struct bottleneck_config *config = &link->config;
    packet.at_us += config->delay_us;
    if (config->jitter_us > 0) {
        packet.at_us += (int64_t)prng_below(&link->prng, (uint64_t)config->jitter_us);
    }
    packet.at_us = MAX(packet.at_us, link->last_us);
    link->last_us = packet.at_us;
    if (prng_below(&link->prng, 1000) < config->reorder_permille) {
        packet.at_us += config->reorder_us;
    }
    if (link->way_count == BOTTLENECK_PACKETS) {
        link->lost++;
        return;
    }
    size_t place = 0;
    while (place < link->way_count && link->way[place].at_us > packet.at_us) {
        place++;
    }
    memmove(&link->way[place + 1], &link->way[place],
            (link->way_count - place) * sizeof(link->way[0]));
    link->way[place] = packet;
    link->way_count++;
}

static void serve(struct bottleneck *link, int64_t now_us)
{
    while (link->queue_count > 0) {
        struct bottleneck_packet *head = &link->queue[link->queue_first];
        int64_t start_us = MAX(head->at_us, link->free_us);
        int64_t end_us = start_us + (int64_t)head->size * 8000000 / link->config.bps;
        if (end_us > now_us) {
            return;
        }
        link->free_us = end_us;
        head->at_us = end_us;
        depart(link, *head);
        link->queue_bytes -= head->size;
        link->queue_first = (link->queue_first + 1) % BOTTLENECK_PACKETS;
        link->queue_count--;
    }
}

static bool police(struct bottleneck *link, const struct bottleneck_packet *packet)
{
    double earned = (double)(packet->at_us - link->free_us) * link->config.bps / 8e6;
    link->tokens = MIN(link->tokens + earned, (double)link->config.queue_bytes);
    link->free_us = packet->at_us;
    if (link->tokens < packet->size) {
        return false;
    }
    link->tokens -= packet->size;
    return true;
}

void bottleneck_send(struct bottleneck *link, const struct bottleneck_packet *packet)
{
    if (prng_below(&link->prng, 1000) < link->config.loss_permille) {
        link->lost++;
        return;
    }
    if (link->config.bps == 0) {
        depart(link, *packet);
        return;
    }
    if (link->config.policed) {
        if (police(link, packet)) {
            depart(link, *packet);
        } else {
            link->lost++;
        }
        return;
    }
    serve(link, packet->at_us);
    if (link->queue_count == BOTTLENECK_PACKETS ||
        link->queue_bytes + packet->size > link->config.queue_bytes) {
        link->lost++;
        return;
    }
    link->queue[(link->queue_first + link->queue_count++) % BOTTLENECK_PACKETS] = *packet;
    link->queue_bytes += packet->size;
}

bool bottleneck_poll(struct bottleneck *link, int64_t now_us, struct bottleneck_packet *out)
{
    serve(link, now_us);
    if (link->way_count == 0 || link->way[link->way_count - 1].at_us > now_us) {
        return false;
    }
    *out = link->way[--link->way_count];
    return true;
}
