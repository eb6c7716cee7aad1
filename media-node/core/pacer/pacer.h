/* SPDX-License-Identifier: Apache-2.0
 *
 * When packets of one transport leave. Two things are its matter: video that would come as a burst
 * (a key frame) waits for its turn, and a probe's train is filled up to its rate. It holds no
 * packets, only their names; whoever names one can make it again.
 *
 * A leaky bucket: each byte sent takes its time at the rate, and what is named waits while more
 * than a burst (PACER_BURST_US) of that is ahead. Audio is never named: it counts, and goes at
 * once. Without a rate nothing waits. A full queue gives its oldest at once, so nothing is lost
 * here.
 *
 * During a train all video waits, and leaves at the train's rate in place of padding.
 */
#ifndef MEDIA_NODE_CORE_PACER_PACER_H
#define MEDIA_NODE_CORE_PACER_PACER_H

#include "common/base/base.h"
#include "media-node/core/bwe/bwe.h"

#define PACER_BURST_US TIME_MS(20)
#define PACER_DEBT_US  TIME_MS(500) /* no burst keeps others waiting for longer */
#define PACER_QUEUE    256
#define PACER_REST_US  TIME_S(5)

/* A packet, by its stream and index. */
struct pacer_item {
    uint64_t index;
    uint32_t stream;
};

/* All zero: no rate, nothing waits. */
struct pacer {
    int64_t free_ns;      /* until then the bytes sent take */
    uint32_t ns_per_byte; /* 0: no rate */
    uint32_t burst_us;    /* that go at once; 0: PACER_BURST_US */
    uint16_t first;       /* of the ring */
    uint16_t count;
    struct pacer_item *ring; /* PACER_QUEUE; NULL before anything waited */
    struct {
        struct bwe_probe probe; /* id 0: none under way */
        int64_t begun_us;
        uint32_t bytes; /* sent of it */
        uint32_t packets;
    } train;
};

void pacer_fini(struct pacer *pacer);

/* Gives the ring back if nothing waits, and nothing was sent at a rate for PACER_REST_US. */
void pacer_trim(struct pacer *pacer, int64_t now_us);

/* Bytes counted as bwe_packet does. 0: none. */
void pacer_set_rate(struct pacer *pacer, uint32_t bps);

static inline int64_t pacer_burst_us(const struct pacer *pacer)
{
    return pacer->burst_us != 0 ? pacer->burst_us : PACER_BURST_US;
}

/* Whether a packet has to wait. */
static inline bool pacer_holds(const struct pacer *pacer, int64_t now_us)
{
    return pacer->count > 0 || pacer->train.probe.id != 0 ||
           pacer->free_ns - now_us * 1000 > pacer_burst_us(pacer) * 1000;
}

/* One that has to. If the queue is full, true: *out is to be sent now. */
bool pacer_push(struct pacer *pacer, struct pacer_item item, struct pacer_item *out);

/* The next one whose turn it is, also if its train's. */
bool pacer_pop(struct pacer *pacer, int64_t now_us, struct pacer_item *out);

/* The oldest, whatever the time. */
bool pacer_take(struct pacer *pacer, struct pacer_item *out);

/* Nothing of that stream waits any more. */
void pacer_forget(struct pacer *pacer, uint32_t stream);

/* A packet left, whether it waited or not. Returns the train it is of, 0 none. */
uint8_t pacer_sent(struct pacer *pacer, int64_t now_us, uint16_t size);

/* Begins a train; none may be under way (asserted). */
void pacer_probe(struct pacer *pacer, int64_t now_us, const struct bwe_probe *probe);

/* Whether another packet of it is due now: what waits, else padding. False once it is over; it is,
 * too, where nothing was sent for as long again as it was to take. */
bool pacer_train_due(struct pacer *pacer, int64_t now_us);

/* When pacer_pop or pacer_train_due have something to give; TIME_NEVER. */
int64_t pacer_deadline(const struct pacer *pacer);

#endif
