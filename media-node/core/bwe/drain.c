/* SPDX-License-Identifier: Apache-2.0
 *
 * GCC sees a queue grow, not one that stands: after a link has shrunk, half a second of delay may
 * stay for good. So the queue is also measured as LEDBAT does (RFC 6817): one-way delay over its
 * least of the last 15 to 30 s; the clocks' offset cancels out. One that stands for half a second
 * is drained, unless it is already: less is sent than arrives, until
 *
 * - the queue is gone: what arrived is the capacity; or
 * - it took far too long: the queue is somebody else's, and giving way to a flow that fills it on
 *   purpose would only starve us. The path is contended, which aimd.c and probe.c take into
 *   account (as Copa does, with another test for it: Arun and Balakrishnan, NSDI 2018). Next
 *   attempt after 20 s, then 40 and 60.
 *
 * And a link that shrinks to a fraction fills its queue before the slope of the delay is believed.
 * Where packets find a queue, they arrive at the rate of the link, whatever the times at which they
 * were sent: after 80 ms of that it is known, and if the queue grows fast meanwhile and far more is
 * sent, that is what is estimated from then on.
 */
#include "media-node/core/bwe/parts.h"

#define BASE_US           TIME_S(15)
#define CONTENDED_BASE_US TIME_S(120) /* for then no packet finds the path empty */
#define STANDING_US       TIME_MS(500)
#define DELAY_US          TIME_MS(100) /* a queue this long is worth the trouble */
#define PILE_US           TIME_MS(60)
#define PILE              0.7          /* arrived / sent */
#define GROWS             0.4          /* a queue, of the time meanwhile */
#define BUSY_US           TIME_MS(150) /* of the last one to two of these the rate is taken */
#define BUSY_US_MIN       TIME_MS(80)
#define GONE_US           TIME_MS(30)
#define TRY_US            TIME_S(1)
#define BEGIN_US          TIME_S(1) /* until less is sent: a lower layer waits for its key frame */
#define PACKET_US         9.6e9     /* of a packet at 1 bit/s: what no queue at all looks like */
#define AGAIN_US          TIME_S(20)
#define AGAIN_US_MAX      TIME_S(60)
#define CALM_US           TIME_S(5) /* with a short queue: the other one has left */
#define JUMP_US           TIME_S(3)
#define SHARE_MIN         0.5 /* of what arrives is sent while draining */
#define SHARE_MAX         0.9
#define DRAINS            0.86   /* of what arrives is sent: the queue goes by itself; */
#define DRAINS_BPS_MIN    400000 /* told by seven packets in METER_SHORT at least */

void drain_add(struct drain *drain, int64_t now_us, int64_t delay_us)
{
    if (drain->started && delay_us - drain->least_us > JUMP_US) {
        *drain = (struct drain){0}; /* the receiver's clock leapt */
    }
    int64_t window_us = drain->contended ? CONTENDED_BASE_US : BASE_US;
    if (!drain->started || now_us - drain->since_us >= window_us) {
        drain->before_us = drain->started ? drain->least_us : delay_us;
        drain->least_us = delay_us;
        drain->since_us = now_us;
        drain->started = true;
    }
    drain->least_us = MIN(drain->least_us, delay_us);
    drain->delay_us = delay_us - MIN(drain->least_us, drain->before_us);
}

static int64_t slack_us(uint32_t bps)
{
    return bps == 0 ? 0 : (int64_t)(PACKET_US / bps);
}

/* What is now there should be gone long before. */
static void set_end(struct drain *drain, int64_t now_us)
{
    double share = 1 - (double)drain->bps / drain->capacity_bps;
    drain->deepest_us = drain->delay_us;
    drain->until_us = now_us + TRY_US + (int64_t)(1.5 * (double)drain->delay_us / share);
}

static void begin_busy(struct drain *drain, int64_t sent_us, int64_t arrived_us)
{
    drain->busy[1] = drain->is_busy ? drain->busy[0] : (struct busy){0};
    drain->busy[0] =
        (struct busy){.first_us = arrived_us, .last_us = arrived_us, .sent_us = sent_us};
    drain->is_busy = true;
}

void drain_arrived(struct drain *drain, int64_t sent_us, int64_t arrived_us, uint32_t bytes)
{
    struct busy *busy = &drain->busy[0];
    int64_t delay_us = arrived_us - sent_us - MIN(drain->least_us, drain->before_us);
    if (!drain->started || delay_us < GONE_US) {
        drain->is_busy = false;
    } else if (!drain->is_busy) {
        begin_busy(drain, sent_us, arrived_us);
    } else if (arrived_us >= busy->last_us) {
        busy->bytes += bytes;
        busy->grown_us += arrived_us - busy->last_us - (sent_us - busy->sent_us);
        busy->last_us = arrived_us;
        busy->sent_us = sent_us;
        if (arrived_us - busy->first_us >= BUSY_US) {
            begin_busy(drain, sent_us, arrived_us);
        }
    }
}

uint32_t drain_piles(const struct drain *drain, uint32_t sent_bps)
{
    const struct busy *now = &drain->busy[0];
    const struct busy *before = &drain->busy[1];
    int64_t span_us = now->last_us - now->first_us + before->last_us - before->first_us;
    double grown_us = (double)(now->grown_us + before->grown_us);
    if (!drain->is_busy || drain->contended || span_us < BUSY_US_MIN ||
        grown_us < GROWS * (double)span_us) {
        return 0;
    }
    uint32_t bps = bps_clamp(((double)now->bytes + before->bytes) * 8e6 / (double)span_us);
    return drain->delay_us >= PILE_US + slack_us(bps) && bps < PILE * sent_bps ? bps : 0;
}

static void stand(struct drain *drain, int64_t now_us, uint32_t sent_bps, uint32_t acked_bps)
{
    if (drain->delay_us < DELAY_US + slack_us(acked_bps)) {
        drain->standing_us = now_us;
        drain->contended = drain->contended && now_us - drain->long_us < CALM_US;
        return;
    }
    drain->long_us = now_us;
    if (acked_bps >= DRAINS_BPS_MIN && sent_bps < DRAINS * acked_bps) {
        drain->standing_us = now_us;
    }
    if (now_us - drain->standing_us < STANDING_US || now_us < drain->next_us || acked_bps == 0) {
        return;
    }
    double share = 1 - (double)drain->delay_us / 1e6; /* gone in a second */
    share = MAX(SHARE_MIN, MIN(share, SHARE_MAX));
    drain->capacity_bps = acked_bps;
    drain->bps = bps_clamp(share * acked_bps);
    drain->begun_us = now_us;
    set_end(drain, now_us);
}

uint32_t drain_update(struct drain *drain, int64_t now_us, uint32_t sent_bps, uint32_t acked_bps)
{
    if (drain->bps == 0) {
        stand(drain, now_us, sent_bps, acked_bps);
        return 0;
    }
    if (drain->delay_us > drain->deepest_us + DELAY_US && now_us - drain->begun_us < BEGIN_US) {
        set_end(drain, now_us);
    }
    bool gone = drain->delay_us <= GONE_US + slack_us(drain->capacity_bps);
    if (!gone && now_us < drain->until_us) {
        return 0;
    }
    drain->contended = !gone;
    drain->pause_us = gone ? 0 : MIN(MAX(2 * drain->pause_us, AGAIN_US), AGAIN_US_MAX);
    drain->next_us = now_us + drain->pause_us;
    drain->standing_us = now_us;
    drain->bps = 0;
    return drain->capacity_bps;
}
