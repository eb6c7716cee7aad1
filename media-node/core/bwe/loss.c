/* SPDX-License-Identifier: Apache-2.0
 *
 * How much of the loss is of our making? The model: a path loses a part i of all packets whatever
 * we do, and of what exceeds a bandwidth b all of the excess:
 *
 *   p(rate) = i + (1 - i) c,  c = max(0, 1 - b / rate)
 *
 * Over the last observations (rate, packets, lost), each a quarter of a second or more, some
 * candidates for b are compared by likelihood. For a given b the i that fits the sums has a closed
 * form, (lost - sum of n c) / (n - sum of n c), so nothing is searched. A penalty on i breaks the
 * tie that one rate alone leaves: loss is taken for congestion until it shows that it does not go
 * away at a lower rate, which is what the lower rates then show within a few observations.
 *
 * b is never put under what arrives: so much the path carries.
 */
#include "media-node/core/bwe/parts.h"

#include <math.h>

#define OBSERVE_US      TIME_MS(250)
#define OBSERVE_PACKETS 10
#define AGING           0.9f /* weight of an observation against the one after it */
#define PENALTY         20.0 /* of log-likelihood for i = 1 */
#define INHERENT_MIN    1e-3 /* i is never taken for less: one lost packet proves nothing */
#define INHERENT_MAX    0.5
#define EVIDENCE        3.0    /* of log-likelihood, without which the higher candidate is taken */
#define HARDLY_USED     0.6f   /* sent, of what is allowed */
#define REMEMBER        0.15f  /* weight of an observation in what is known to be inherent */
#define FORGET          0.999f /* to a third in five minutes */
#define DOWN            0.93
#define UP              1.03
#define IGNORED         0.02f /* of loss at which nothing is limited (gcc §6) */

static double excess(double limit_bps, const struct observation *seen)
{
    return seen->bps > limit_bps ? 1 - limit_bps / (double)seen->bps : 0;
}

/* Log-likelihood of a bandwidth, with the inherent loss that fits it. */
static double likelihood(const struct loss *loss, double limit_bps)
{
    unsigned count = MIN(loss->count, (unsigned)LOSS_WINDOW);
    double packets = 0;
    double lost = 0;
    double over = 0;
    for (unsigned i = 0; i < count; i++) {
        const struct observation *seen = &loss->seen[i];
        packets += (double)seen->packets;
        lost += (double)seen->lost;
        over += (double)seen->packets * excess(limit_bps, seen);
    }
    double inherent = packets > over ? (lost - over) / (packets - over) : 0;
    inherent = MAX(INHERENT_MIN, MIN(inherent, INHERENT_MAX));
    double sum = -PENALTY * MAX(0, inherent - (double)loss->inherent);
    for (unsigned i = 0; i < count; i++) {
        const struct observation *seen = &loss->seen[i];
        double p = inherent + (1 - inherent) * excess(limit_bps, seen);
        sum += (double)seen->lost * log(p) + (double)(seen->packets - seen->lost) * log(1 - p);
    }
    return sum;
}

static void observe(struct loss *loss, uint32_t sent_bps, uint32_t allowed_bps)
{
    float lost = (float)MIN(loss->open.lost, loss->open.packets);
    loss->inherent *= FORGET;
    if ((float)sent_bps < HARDLY_USED * (float)allowed_bps) {
        float ratio = lost / (float)loss->open.packets;
        loss->inherent += REMEMBER * (ratio - loss->inherent);
    }
    for (size_t i = 0; i < LOSS_WINDOW; i++) {
        loss->seen[i].packets *= AGING;
        loss->seen[i].lost *= AGING;
    }
    loss->seen[loss->count++ % LOSS_WINDOW] = (struct observation){
        .bps = (float)sent_bps,
        .packets = (float)loss->open.packets,
        .lost = lost,
    };
    loss->open.packets = 0;
    loss->open.lost = 0;
}

static float lost_share(const struct loss *loss)
{
    float packets = 0;
    float lost = 0;
    for (size_t i = 0; i < LOSS_WINDOW; i++) {
        packets += loss->seen[i].packets;
        lost += loss->seen[i].lost;
    }
    return packets > 0 ? lost / packets : 0;
}

static void judge(struct loss *loss, const struct loss_input *in)
{
    double now_bps = MIN(loss->bps, in->other_bps);
    double floor_bps = MAX(in->acked_bps, in->min_bps);
    const double candidates[] = {
        in->other_bps, now_bps * UP, now_bps, MAX(now_bps * DOWN, floor_bps), floor_bps,
    };
    double best = -INFINITY;
    double best_bps = now_bps;
    for (size_t i = 0; i < ARRAY_LEN(candidates); i++) {
        double value = likelihood(loss, candidates[i]);
        if (value > best + EVIDENCE) {
            best = value;
            best_bps = candidates[i];
        }
    }
    loss->bps = best_bps >= in->other_bps ? NO_LIMIT : bps_clamp(best_bps);
}

void loss_add(struct loss *loss, int64_t now_us, uint32_t packets, int lost)
{
    if (loss->open.packets == 0) {
        loss->open.since_us = now_us;
    }
    loss->open.packets += packets;
    int64_t sum = (int64_t)loss->open.lost + lost;
    loss->open.lost = sum < 0 ? 0 : (uint32_t)sum;
}

void loss_update(struct loss *loss, int64_t now_us, const struct loss_input *in)
{
    if (loss->open.packets < OBSERVE_PACKETS || now_us - loss->open.since_us < OBSERVE_US) {
        return;
    }
    observe(loss, in->sent_bps, MIN(loss->bps, in->other_bps));
    if (lost_share(loss) < IGNORED) {
        loss->bps = NO_LIMIT;
        return;
    }
    judge(loss, in);
}
