/* SPDX-License-Identifier: Apache-2.0
 *
 * When video leaves for a far node. No faster than a few times what the trunk carries, so that a
 * key frame takes as long as it would from its publisher, and not at once what a router on the way
 * has place for; but so fast that nothing waits for much longer than RELAY_WAIT_US.
 *
 * The rate is no estimate of what the way takes (decisions/0020).
 */
#include "media-node/core/relay/private.h"

#define FACTOR_X2   5 /* 2.5 times what is sent, as libwebrtc (gcc §4) what is estimated */
#define PACKET_BITS (8 * 1200)

static void set_rate(struct relay *relay)
{
    uint64_t bps = 0;
    if (relay->srtt_us >= RELAY_FAR_US) {
        uint64_t queue_bps = relay->pacer.count * (uint64_t)PACKET_BITS * 1000000 / RELAY_WAIT_US;
        bps = MAX(MAX(relay->sent_bps * FACTOR_X2 / 2, RELAY_PACE_BPS_MIN), queue_bps);
    }
    pacer_set_rate(&relay->pacer, (uint32_t)MIN(bps, UINT32_MAX));
}

void relay_measure(struct relay *relay, int64_t now_us)
{
    int64_t since_us = now_us - relay->measured_us;
    if (since_us > 0) {
        uint64_t bytes = relay->totals.bytes_out - relay->measured_bytes;
        uint64_t bps = bytes * 8000000 / (uint64_t)since_us;
        relay->sent_bps = (relay->sent_bps * 7 + bps) / 8;
    }
    relay->measured_us = now_us;
    relay->measured_bytes = relay->totals.bytes_out;
    set_rate(relay);
    pacer_trim(&relay->pacer, now_us);
}

bool relay_holds(const struct relay *relay, int64_t now_us)
{
    return pacer_holds(&relay->pacer, now_us);
}

/* Nothing of a stream waits once it is closed. */
static void turn_of(const struct relay *relay, const struct pacer_item *item,
                    struct relay_turn *out)
{
    const struct relay_owner *speaker = relay_speaker(relay, item->stream);
    assert(speaker != NULL);
    *out = (struct relay_turn){*speaker, item->index};
}

bool relay_wait(struct relay_stream *stream, uint64_t name, struct relay_turn *out)
{
    struct relay *relay = stream->relay;
    const struct pacer_item item = {.index = name, .stream = stream->ssrc};
    struct pacer_item oldest;
    bool full = pacer_push(&relay->pacer, item, &oldest);
    set_rate(relay);
    if (full) {
        turn_of(relay, &oldest, out);
    }
    if (relay->config.agenda != NULL && relay->pacer.count == 1) {
        agenda_set(relay->config.agenda, relay->config.entry, relay_deadline(relay));
    }
    return full;
}

bool relay_next_turn(struct relay *relay, int64_t now_us, struct relay_turn *out)
{
    struct pacer_item item;
    if (!pacer_pop(&relay->pacer, now_us, &item)) {
        return false;
    }
    turn_of(relay, &item, out);
    return true;
}
