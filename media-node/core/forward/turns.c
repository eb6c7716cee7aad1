/* SPDX-License-Identifier: Apache-2.0
 *
 * Video for a far node that waits for its turn (core/relay). It is in its receiver's cache, and is
 * found there by its number, as long as that is the same receiver.
 */
#include "media-node/core/forward/room.h"

#define NUMBER_BITS 48

static uint64_t name_of(const struct edge *edge, size_t layer, uint64_t seq)
{
    uint64_t number = seq & ((UINT64_C(1) << NUMBER_BITS) - 1);
    return (uint64_t)edge->track->layers[layer].serial << NUMBER_BITS | number;
}

void fwd_relay_turn(int64_t now_us, const struct relay_turn *turn)
{
    struct edge *edge = turn->of.owner;
    size_t layer = turn->of.layer;
    uint64_t seq = turn->name & ((UINT64_C(1) << NUMBER_BITS) - 1);
    const struct stream_receiver *receiver = edge->track->receivers[layer];
    const struct stream_packet *packet = NULL;
    if (receiver != NULL && turn->name == name_of(edge, layer, seq)) {
        packet = stream_receiver_find(receiver, seq);
    }
    if (packet == NULL) {
        edge->track->fwd->config.counters->drop_paced++;
    } else if ((edge->flowing >> layer & 1) != 0) {
        struct rtp_exts exts;
        media_carry(&exts, packet);
        edge_send(edge, now_us, packet, &exts);
    }
}

bool edge_waits(struct edge *edge, int64_t now_us, const struct stream_packet *packet)
{
    struct relay_turn oldest;
    if (!relay_holds(edge->spec.relay, now_us)) {
        return false;
    }
    edge->track->fwd->config.counters->relay_paced++;
    if (relay_wait(edge->streams[packet->layer], name_of(edge, packet->layer, packet->seq),
                   &oldest)) {
        fwd_relay_turn(now_us, &oldest);
    }
    return true;
}
