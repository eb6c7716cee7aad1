/* SPDX-License-Identifier: Apache-2.0
 *
 * gcc §5.5. A growing queue takes the rate to 0.9 of what got through, which is remembered as the
 * capacity (the draft recommends 0.85 within 0.8 to 0.95; drain.c has what that would be for).
 * Otherwise it rises: near the capacity by about a packet each response time, far from it by 8 % a
 * second, and never above 1.25 times what is really sent and arrives: the draft's 1.5 assumes an
 * encoder that follows, layers leave an estimate unused for minutes.
 *
 * Sound is sent whatever is estimated. What arrives of that while no queue grows is there, so the
 * rate is at once what it would be had a queue grown at that.
 *
 * On a contended path it behaves as the other flow does, the growth of Reno (RFC 5681 §3.1) and one
 * decrease in 2 s, for delay says nothing there.
 */
#include "media-node/core/bwe/parts.h"

#include <math.h>

#define BETA            0.9
#define BETA_LIMITED    0.85
#define LIMITED         0.88 /* sent / rate */
#define THROUGH         0.8  /* arrived / sent */
#define ETA             1.08 /* a second */
#define CEILING         1.25
#define CEILING_BPS     10000
#define SETTLE          0.95 /* of a capacity that is known */
#define SMOOTHING       0.05 /* of the capacity */
#define DEVIATION_MIN   0.4
#define DEVIATION_MAX   2.5
#define DEVIATION_START 0.4
#define PACKET_BITS     (1200 * 8)
#define SLOW_MIN        0.01 /* of the rate a second */
#define STEP_US_MAX     TIME_S(1)
#define THERE_US        TIME_MS(600) /* after a decrease: what arrives was sent since */
#define DECREASE_US_MIN TIME_MS(10)
#define DECREASE_US_MAX TIME_MS(200)
#define CONTENDED_US    TIME_S(2) /* between decreases */
#define CONTENDED_S     0.4 /* response time at the most: CUBIC does not slow down with it either */

/* The deviation is kept in kbit/s, relative to the capacity's own size, as libwebrtc does. */
static double capacity_margin(const struct aimd *aimd)
{
    return 3 * 1000 * sqrt(aimd->deviation * aimd->capacity_bps / 1000);
}

static void learn_capacity(struct aimd *aimd, double bps)
{
    if (aimd->capacity_bps <= 0 || bps < aimd->capacity_bps - capacity_margin(aimd)) {
        aimd->capacity_bps = bps;
        aimd->deviation = DEVIATION_START;
        return;
    }
    double error_kbps = (aimd->capacity_bps - bps) / 1000;
    aimd->capacity_bps += SMOOTHING * (bps - aimd->capacity_bps);
    double sample = error_kbps * error_kbps / (aimd->capacity_bps / 1000);
    aimd->deviation += SMOOTHING * (sample - aimd->deviation);
    aimd->deviation = MAX(DEVIATION_MIN, MIN(aimd->deviation, DEVIATION_MAX));
}

/* There is more than there was. */
static void forget_outgrown(struct aimd *aimd, const struct aimd_input *in)
{
    if (aimd->capacity_bps > 0 && in->acked_bps > aimd->capacity_bps + capacity_margin(aimd)) {
        aimd->capacity_bps = 0;
    }
}

static void increase(struct aimd *aimd, int64_t now_us, const struct aimd_input *in)
{
    double seconds = (double)MIN(now_us - aimd->changed_us, STEP_US_MAX) / 1e6;
    double bps = aimd->bps;
    forget_outgrown(aimd, in);
    double response_s = (double)(in->rtt_us + TIME_MS(100)) / 1e6;
    if (in->contended) {
        response_s = MIN(response_s, CONTENDED_S);
        bps += PACKET_BITS / (response_s * response_s) * seconds;
    } else if (aimd->capacity_bps > 0) {
        bps += MAX(PACKET_BITS / response_s, SLOW_MIN * bps) * seconds;
    } else {
        bps *= pow(ETA, seconds);
    }
    if (!in->contended && now_us - aimd->decreased_us >= THERE_US + in->rtt_us) {
        bps = MAX(bps, BETA * MIN(in->acked_bps, in->sent_bps));
    }
    double ceiling = CEILING * MIN(in->acked_bps, in->sent_bps) + CEILING_BPS;
    aimd->bps = MAX(aimd->bps, bps_clamp(MIN(bps, ceiling)));
}

/* Where the application is the limit and all it sends gets through, what arrives says nothing of
 * the capacity: a first step down, and if that was not enough the next feedback asks for another.
 * On a contended path less arrives than is sent, for the other flow's queue grows. */
static bool gets_through(const struct aimd *aimd, const struct aimd_input *in)
{
    return in->sent_bps < LIMITED * aimd->bps &&
           (in->contended || in->acked_now_bps >= THROUGH * in->sent_bps);
}

static void decrease(struct aimd *aimd, int64_t now_us, const struct aimd_input *in)
{
    forget_outgrown(aimd, in); /* a train may show more and its queue be seen before any increase */
    double bps = BETA * (in->acked_now_bps != 0 ? in->acked_now_bps : aimd->bps);
    if (bps > aimd->bps && aimd->capacity_bps > 0) {
        bps = BETA * aimd->capacity_bps;
    }
    if (gets_through(aimd, in)) {
        bps = MAX(bps, BETA_LIMITED * aimd->bps);
    } else if (in->acked_now_bps != 0) {
        learn_capacity(aimd, in->acked_now_bps);
    }
    aimd->bps = MIN(aimd->bps, bps_clamp(bps));
    aimd->decreased_us = now_us;
    aimd->hold = true;
}

static bool may_decrease(const struct aimd *aimd, int64_t now_us, const struct aimd_input *in)
{
    int64_t pause_us = MAX(DECREASE_US_MIN, MIN(in->rtt_us, DECREASE_US_MAX));
    pause_us = in->contended ? CONTENDED_US : pause_us;
    return aimd->decreased_us == 0 || now_us - aimd->decreased_us >= pause_us ||
           in->acked_now_bps < MIN(aimd->bps, in->sent_bps) / 2; /* layers may send far less */
}

void aimd_update(struct aimd *aimd, int64_t now_us, const struct aimd_input *in)
{
    bool rising = in->contended || (in->usage == USAGE_NORMAL && !aimd->hold);
    if (in->usage == USAGE_OVER && may_decrease(aimd, now_us, in)) {
        decrease(aimd, now_us, in);
    } else if (rising && in->acked_bps != 0) {
        increase(aimd, now_us, in);
    }
    if (in->usage == USAGE_NORMAL) {
        aimd->hold = false;
    }
    aimd->changed_us = now_us;
    aimd->bps = MAX(aimd->min_bps, MIN(aimd->bps, aimd->max_bps));
}

void aimd_raise(struct aimd *aimd, int64_t now_us, uint32_t bps)
{
    if (bps > aimd->bps) {
        aimd->bps = MIN(bps, aimd->max_bps);
        aimd->changed_us = now_us;
    }
}

void aimd_settle(struct aimd *aimd, int64_t now_us, uint32_t capacity_bps)
{
    learn_capacity(aimd, capacity_bps);
    aimd->bps = MAX(aimd->min_bps, bps_clamp(SETTLE * capacity_bps));
    aimd->bps = MIN(aimd->bps, aimd->max_bps);
    aimd->changed_us = now_us;
}
