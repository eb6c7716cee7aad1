/* SPDX-License-Identifier: Apache-2.0
 *
 * The whole. A feedback packet is taken in this order: what arrived and what is missing (history)
 * to meter, groups, trend, probes and loss; then the rate by delay, results of probes, the rate by
 * loss, new probes. The target is the least of what delay, loss and REMB allow.
 *
 * Without feedback for a second although something was sent, the estimate falls to 0.7 each half
 * second: nobody knows what becomes of what we send. If the next feedback says that it arrived, it
 * was only the client that stood still, or its feedback that was lost, and the estimate of before
 * stands again; if it came late, over-use follows.
 */
#include "media-node/core/bwe/parts.h"

#include <stdlib.h>

#define LIMITED        0.65 /* sent / estimate: application-limited below, */
#define LIMITED_END    0.80 /* until above */
#define SQUEEZED       0.85 /* sent / estimate */
#define PROBED_US      TIME_MS(500)
#define SHORT_US       TIME_MS(50)  /* a queue as one frame makes it */
#define EMPTY_US       TIME_MS(10)  /* no queue worth the name */
#define FULL           0.95         /* sent / estimate: it is put to use */
#define FRACTION       0.7          /* of the estimate: not what sharing a link does */
#define GAP_US         TIME_MS(500) /* a longer one is an outage, of which nothing is assumed */
#define PACING         2.5
#define LOSS_HEADROOM  1.25
#define SILENCE_US     TIME_S(1)
#define SILENCE_STEP   TIME_MS(500)
#define SILENCE_FACTOR 0.7
#define SILENCE_LOST   10 /* one in so many: gcc §6 calls more than that congestion */
#define REMB_US        TIME_S(5)
#define REMB_CEILING   1.5   /* of what came: libwebrtc's and aiortc's receivers tell no more, */
#define REMB_OVER_BPS  10000 /* but for this (gcc §5.5) */
#define SENDING_US     TIME_S(1)
#define IDLE_US        TIME_S(10)
#define RTT_US         TIME_MS(200)                 /* while unknown */
#define WRAP_US        ((int64_t)(1 << 24) * 64000) /* of transport-cc's reference time */

struct bwe {
    int64_t now_us;
    struct bwe_config config;
    struct history history;
    struct meter sent;
    struct meter acked;
    struct groups groups;
    struct trend trend;
    struct aimd aimd; /* without transport-cc: what REMB says, or raised by time; loss bounds it */
    struct drain drain;
    struct loss loss;
    struct prober prober;
    struct trial trial;    /* without transport-cc */
    uint32_t reported_bps; /* likewise: sent at the last report. The next one tells of what left
                              then and since, and what is lost is lost at the higher rate */
    uint64_t reported;     /* behind the highest number that feedback told of */
    struct {
        uint64_t first; /* what no feedback told of before the one being read, */
        uint64_t end;   /* until it is known when something arrived; else 0 */
    } gap;
    int64_t least_delay_us; /* in the feedback being read: one-way, between two clocks */
    int64_t newest_sent_us; /* likewise: of what arrived; INT64_MIN none */
    int64_t reached_us;     /* the newest of all that arrived; 0 none */
    uint32_t told_arrived;  /* in the feedback being read: packets not told of before */
    uint32_t told_lost;
    int64_t reference_us; /* of the last feedback, unwrapped; valid if feedbacks > 0 */
    int64_t rtt_us;       /* 0 unknown */
    bool rtt_told;
    bool limited;
    bool squeezed;      /* the path is contended, and layers leave some of the estimate unused */
    int64_t sent_us;    /* last packet; valid while the history is there or without feedback */
    int64_t unheard_us; /* when the first packet left that no feedback came after; or TIME_NEVER */
    int64_t silence_us; /* next step down, if nothing comes; or TIME_NEVER */
    uint32_t before_silence_bps;
    int64_t remb_us;   /* when the last one came */
    uint32_t remb_bps; /* or NO_LIMIT */
    struct bwe_stats counts;
};

struct bwe *bwe_new(const struct bwe_config *config, int64_t now_us)
{
    struct bwe *bwe = mem_alloc(sizeof(*bwe));
    *bwe = (struct bwe){
        .now_us = now_us,
        .config = *config,
        .unheard_us = TIME_NEVER,
        .silence_us = TIME_NEVER,
        .remb_bps = NO_LIMIT,
        .loss.bps = NO_LIMIT,
    };
    struct bwe_config *own = &bwe->config;
    own->min_bps = own->min_bps != 0 ? own->min_bps : BWE_MIN_BPS;
    own->max_bps = own->max_bps != 0 ? own->max_bps : BWE_MAX_BPS;
    own->start_bps = own->start_bps != 0 ? own->start_bps : BWE_START_BPS;
    assert(own->min_bps <= own->max_bps);
    bwe->aimd = (struct aimd){
        .bps = MAX(own->min_bps, MIN(own->start_bps, own->max_bps)),
        .min_bps = own->min_bps,
        .max_bps = own->max_bps,
        .changed_us = now_us,
    };
    return bwe;
}

void bwe_free(struct bwe *bwe)
{
    history_clear(&bwe->history);
    free(bwe);
}

static void advance(struct bwe *bwe, int64_t now_us)
{
    assert(now_us >= bwe->now_us);
    bwe->now_us = now_us;
}

/* What is known. */
static uint32_t known(const struct bwe *bwe)
{
    uint32_t bps = MIN(bwe->aimd.bps, MIN(bwe->loss.bps, bwe->remb_bps));
    bps = bwe->drain.bps != 0 ? MIN(bps, bwe->drain.bps) : bps;
    return MAX(bps, bwe->config.min_bps);
}

static uint32_t target(const struct bwe *bwe)
{
    return MIN(MAX(known(bwe), trial_granted_bps(&bwe->trial)), bwe->config.max_bps);
}

static struct probe_state probe_state(const struct bwe *bwe)
{
    return (struct probe_state){
        .bps = target(bwe),
        .max_bps = bwe->config.max_bps,
        .rtt_us = bwe->rtt_us,
        .contended = bwe->drain.contended,
        .squeezed = bwe->squeezed,
        .calm = (bwe->trend.usage != USAGE_OVER || bwe->squeezed) && bwe->counts.feedbacks > 0 &&
                bwe->silence_us == TIME_NEVER && bwe->drain.bps == 0 && bwe->loss.bps == NO_LIMIT,
    };
}

static void update_probes(struct bwe *bwe)
{
    if (bwe->config.transport_cc) {
        struct probe_state state = probe_state(bwe);
        prober_update(&bwe->prober, bwe->now_us, &state);
    }
}

static struct trial_state trial_state(const struct bwe *bwe)
{
    return (struct trial_state){
        .bps = known(bwe),
        .told = bwe->remb_bps != NO_LIMIT,
        .losing = bwe->loss.bps != NO_LIMIT,
        .sending = bwe->sent.started && bwe->now_us - bwe->sent_us < SENDING_US,
    };
}

static void update_trial(struct bwe *bwe)
{
    if (!bwe->config.transport_cc) {
        struct trial_state state = trial_state(bwe);
        trial_update(&bwe->trial, bwe->now_us, &state);
    }
}

static bool probed(const struct bwe *bwe)
{
    return bwe->prober.reported_us != 0 && bwe->now_us - bwe->prober.reported_us < PROBED_US;
}

/* What a train showed counts for nothing while a queue grows that it did not make itself, or nobody
 * answers. */
static void take_probes(struct bwe *bwe)
{
    uint32_t bps =
        prober_take(&bwe->prober, bwe->now_us, MIN(bwe->drain.least_us, bwe->drain.before_us));
    if (bps == 0) {
        return;
    }
    bool over = bwe->trend.usage == USAGE_OVER && !bwe->limited && !bwe->squeezed;
    if (over || bwe->silence_us != TIME_NEVER) {
        bwe->prober.more = false;
        return;
    }
    aimd_raise(&bwe->aimd, bwe->now_us, bps);
}

/* ---- Sending -------------------------------------------------------------------------------- */

void bwe_sent(struct bwe *bwe, int64_t now_us, const struct bwe_packet *packet)
{
    advance(bwe, now_us);
    meter_add(&bwe->sent, now_us, packet->size);
    bwe->sent_us = now_us;
    if (!bwe->config.transport_cc) {
        return;
    }
    history_add(&bwe->history, now_us, packet);
    if (packet->probe != 0) {
        prober_sent(&bwe->prober, now_us, packet, bwe->rtt_us);
    }
    bwe->unheard_us = MIN(bwe->unheard_us, now_us);
}

/* ---- Feedback ------------------------------------------------------------------------------- */

static void report_probe(struct bwe *bwe, const struct slot *slot, int64_t sent_us,
                         const struct rtcp_twcc_status *status, int64_t arrived_us)
{
    const struct probe_report report = {
        .id = slot->probe,
        .arrived = status->received,
        .size = slot->size,
        .sent_us = sent_us,
        .arrived_us = arrived_us,
    };
    prober_report(&bwe->prober, bwe->now_us, &report);
}

/* Between the last feedback and this one some seems to be lost: what it told of is taken as
 * arrived, evenly between what arrived before and after, or the rate would seem to have fallen. */
static void assume(struct bwe *bwe, int64_t arrived_us)
{
    int64_t before_us = bwe->acked.last_us;
    int64_t span_us = arrived_us - before_us;
    uint64_t first = MAX(bwe->gap.first, bwe->history.first);
    uint64_t end = bwe->gap.end;
    bwe->gap.end = 0;
    if (!bwe->acked.started || first >= end || span_us < 0 || span_us > GAP_US) {
        return;
    }
    for (uint64_t i = first; i < end; i++) {
        struct slot *slot = history_find(&bwe->history, i);
        if (slot != NULL && slot->state == SLOT_SENT) {
            slot->state = SLOT_ASSUMED;
            int64_t part = span_us * (int64_t)(i - first) / (int64_t)(end - first);
            meter_add(&bwe->acked, before_us + part, slot->size);
        }
    }
}

static void take_arrival(struct bwe *bwe, const struct slot *slot, int64_t sent_us,
                         int64_t arrived_us, bool counted)
{
    struct group_delta delta;
    if (!counted) {
        meter_add(&bwe->acked, arrived_us, slot->size);
    }
    if (groups_add(&bwe->groups, sent_us, arrived_us, &delta)) {
        (void)trend_add(&bwe->trend, &delta);
    }
    drain_arrived(&bwe->drain, sent_us, arrived_us, slot->size);
    bwe->newest_sent_us = MAX(bwe->newest_sent_us, sent_us);
    bwe->least_delay_us = MIN(bwe->least_delay_us, arrived_us - sent_us);
}

static void take_status(struct bwe *bwe, const struct rtcp_twcc_status *status, int64_t arrived_us)
{
    uint64_t number = history_number(&bwe->history, status->seq);
    struct slot *slot = history_find(&bwe->history, number);
    if (slot == NULL) {
        bwe->counts.unknown++;
        return;
    }
    enum slot_state before = slot->state;
    if (before == SLOT_ARRIVED || (before == SLOT_LOST && !status->received)) {
        return; /* told again */
    }
    int64_t sent_us = bwe->now_us - (uint32_t)((uint32_t)bwe->now_us - slot->sent_us);
    slot->state = status->received ? SLOT_ARRIVED : SLOT_LOST;
    if (slot->untaken && !status->received) {
        report_probe(bwe, slot, sent_us, status, arrived_us);
    } else if (before == SLOT_LOST && !slot->untaken) {
        loss_add(&bwe->loss, bwe->now_us, 0, -1);
    } else {
        loss_add(&bwe->loss, bwe->now_us, 1, !status->received);
        bwe->told_arrived += status->received;
        bwe->told_lost += !status->received;
        report_probe(bwe, slot, sent_us, status, arrived_us);
    }
    if (status->received) {
        assume(bwe, arrived_us);
        take_arrival(bwe, slot, sent_us, arrived_us, before == SLOT_ASSUMED);
    }
    bwe->reported = MAX(bwe->reported, number + 1);
}

bool bwe_arrived(struct bwe *bwe, uint16_t seq)
{
    const struct slot *slot = history_find(&bwe->history, history_number(&bwe->history, seq));
    return slot != NULL && slot->state == SLOT_ARRIVED;
}

/* The receiver's clock, unwrapped to the value nearest to that of the last feedback. */
static int64_t unwrap(struct bwe *bwe, int64_t reference_us)
{
    bool lost = bwe->reference_us > INT64_MAX / 4 || bwe->reference_us < INT64_MIN / 4;
    if (bwe->counts.feedbacks == 0 || lost) { /* the first, or a clock that went on leaping */
        bwe->reference_us = reference_us;
        return reference_us;
    }
    int64_t ahead_us = (reference_us - bwe->reference_us) % WRAP_US;
    if (ahead_us >= WRAP_US / 2) {
        ahead_us -= WRAP_US;
    } else if (ahead_us < -WRAP_US / 2) {
        ahead_us += WRAP_US;
    }
    return bwe->reference_us += ahead_us;
}

static void heard(struct bwe *bwe)
{
    if (bwe->newest_sent_us == INT64_MIN) {
        return;
    }
    if (bwe->silence_us != TIME_NEVER && bwe->told_lost * SILENCE_LOST < bwe->told_arrived) {
        bwe->aimd.bps = MAX(bwe->aimd.bps, bwe->before_silence_bps);
    }
    bwe->reached_us = MAX(bwe->reached_us, bwe->newest_sent_us);
    bwe->unheard_us = bwe->sent_us > bwe->newest_sent_us ? bwe->now_us : TIME_NEVER;
    bwe->silence_us = TIME_NEVER;
    if (!bwe->rtt_told) {
        int64_t sample_us = MAX(1, bwe->now_us - bwe->newest_sent_us);
        bwe->rtt_us = bwe->rtt_us == 0 ? sample_us : bwe->rtt_us + (sample_us - bwe->rtt_us) / 8;
    }
}

static void judge_loss(struct bwe *bwe, uint32_t sent_bps, uint32_t acked_bps)
{
    const struct loss_input in = {
        .sent_bps = sent_bps,
        .acked_bps = acked_bps,
        .other_bps = MIN(bwe->aimd.bps, bwe->remb_bps),
        .min_bps = bwe->config.min_bps,
    };
    loss_update(&bwe->loss, bwe->now_us, &in);
    if (bwe->loss.bps != NO_LIMIT) { /* once loss limits no more, not far above what it allowed */
        bwe->aimd.bps = MIN(bwe->aimd.bps, bps_clamp(LOSS_HEADROOM * bwe->loss.bps));
    }
}

static void judge_queue(struct bwe *bwe, uint32_t sent_bps, uint32_t acked_bps)
{
    uint32_t capacity_bps = drain_update(&bwe->drain, bwe->now_us, sent_bps, acked_bps);
    if (capacity_bps != 0) {
        aimd_settle(&bwe->aimd, bwe->now_us, capacity_bps);
    }
}

/* What the path takes since it has shrunk to a fraction of what is estimated; else 0. */
static uint32_t shrunk(const struct bwe *bwe, uint32_t sent_bps)
{
    uint32_t capacity_bps = drain_piles(&bwe->drain, sent_bps);
    return capacity_bps < FRACTION * bwe->aimd.bps ? capacity_bps : 0;
}

/* The trend follows what has been for a second, so over-use is told of still where the queue has
 * gone, and what arrives then is not the capacity. A short queue is no news either while less is
 * sent than the path is known to take, frames of several packets make one each time; nor is the one
 * that our own train made. All that only keeps the rate from rising for a moment. */
static enum usage usage(const struct bwe *bwe, uint32_t sent_bps)
{
    bool unused = sent_bps < FULL * target(bwe) || probed(bwe);
    bool harmless = bwe->drain.delay_us < (unused ? SHORT_US : EMPTY_US);
    harmless = harmless || (bwe->limited && probed(bwe));
    return bwe->trend.usage == USAGE_OVER && harmless ? USAGE_UNDER : bwe->trend.usage;
}

static void judge_use(struct bwe *bwe, uint32_t sent_bps)
{
    bwe->limited = sent_bps < (bwe->limited ? LIMITED_END : LIMITED) * target(bwe);
}

static void judge_all(struct bwe *bwe)
{
    uint32_t sent_bps = meter_bps(&bwe->sent, bwe->now_us, METER_LONG);
    uint32_t acked_bps = meter_bps(&bwe->acked, bwe->acked.last_us, METER_LONG);
    if (bwe->least_delay_us != INT64_MAX) {
        drain_add(&bwe->drain, bwe->now_us, bwe->least_delay_us);
    }
    uint32_t sent_now_bps = meter_bps(&bwe->sent, bwe->now_us, METER_SHORT);
    uint32_t acked_now_bps = meter_now_bps(&bwe->acked);
    uint32_t shrunk_bps = shrunk(bwe, sent_now_bps);
    const struct aimd_input in = {
        .usage = shrunk_bps != 0 ? USAGE_OVER : usage(bwe, sent_bps),
        .acked_bps = acked_bps,
        .acked_now_bps = shrunk_bps != 0 ? shrunk_bps : acked_now_bps,
        .sent_bps = sent_bps,
        .rtt_us = bwe->rtt_us != 0 ? bwe->rtt_us : RTT_US,
        .contended = bwe->drain.contended,
    };
    aimd_update(&bwe->aimd, bwe->now_us, &in);
    judge_queue(bwe, sent_now_bps, acked_now_bps);
    take_probes(bwe);
    judge_loss(bwe, sent_bps, acked_bps);
    bwe->squeezed = bwe->drain.contended && sent_bps < SQUEEZED * target(bwe);
    judge_use(bwe, sent_bps);
    update_probes(bwe);
}

/* A client whose last node died tells of the numbers between where that one ended and this one
 * began, which may be some ten thousand. */
static unsigned before_history(const struct bwe *bwe, uint64_t base)
{
    return bwe->history.first > base ? (unsigned)(bwe->history.first - base) : 0;
}

void bwe_feedback(struct bwe *bwe, int64_t now_us, const struct rtcp_twcc *twcc)
{
    advance(bwe, now_us);
    if (!bwe->config.transport_cc) {
        bwe->counts.feedbacks_refused++;
        return;
    }
    int64_t shift_us = unwrap(bwe, twcc->reference_us) - twcc->reference_us;
    bwe->counts.feedbacks++;
    struct rtcp_twcc_iter iter = rtcp_twcc_begin(twcc);
    struct rtcp_twcc_status status;
    bwe->gap.first = bwe->reported;
    bwe->gap.end = history_number(&bwe->history, twcc->base_seq);
    unsigned before = MIN(before_history(bwe, bwe->gap.end), twcc->count);
    rtcp_twcc_skip(&iter, before);
    bwe->counts.unknown += before;
    bwe->newest_sent_us = INT64_MIN;
    bwe->least_delay_us = INT64_MAX;
    bwe->told_arrived = bwe->told_lost = 0;
    for (unsigned i = 0; i < HISTORY_MAX && rtcp_twcc_next(&iter, &status); i++) {
        take_status(bwe, &status, status.arrival_us + shift_us);
    }
    heard(bwe);
    judge_all(bwe);
}

/* ---- Clients without transport-cc ----------------------------------------------------------- */

void bwe_report(struct bwe *bwe, int64_t now_us, struct bwe_loss loss)
{
    advance(bwe, now_us);
    if (bwe->config.transport_cc) {
        return;
    }
    uint32_t lost = MIN(loss.lost, loss.expected);
    uint32_t rate_bps = meter_bps(&bwe->sent, now_us, METER_LONG);
    uint32_t sent_bps = MAX(rate_bps, bwe->reported_bps);
    bwe->reported_bps = rate_bps;
    uint32_t acked_bps = 0;
    if (loss.expected > 0) {
        acked_bps = bps_clamp((double)sent_bps * (loss.expected - lost) / loss.expected);
    }
    /* A report spans a second and more: always an observation, if there were enough packets. */
    loss_add(&bwe->loss, now_us - TIME_S(1), loss.expected, (int)MIN(lost, INT_MAX));
    const struct aimd_input in = {
        .usage = USAGE_NORMAL, /* nothing is known of delay */
        .acked_bps = acked_bps,
        .acked_now_bps = acked_bps,
        .sent_bps = sent_bps,
        .rtt_us = bwe->rtt_us != 0 ? bwe->rtt_us : RTT_US,
    };
    aimd_update(&bwe->aimd, now_us, &in);
    judge_loss(bwe, sent_bps, acked_bps);
    judge_use(bwe, sent_bps);
    update_trial(bwe);
}

/* A receiver that is sent layers keeps what it knew of the path while it is sent less, so a high
 * REMB is no lie where it was believed before. */
static void follow_remb(struct bwe *bwe)
{
    uint32_t sent_bps = meter_bps(&bwe->sent, bwe->now_us, METER_LONG);
    uint32_t seen_bps = bps_clamp(REMB_CEILING * sent_bps + REMB_OVER_BPS);
    aimd_raise(&bwe->aimd, bwe->now_us, MIN(bwe->remb_bps, seen_bps));
    bwe->aimd.bps = MAX(MIN(bwe->aimd.bps, bwe->remb_bps), bwe->config.min_bps);
    judge_use(bwe, sent_bps);
    update_trial(bwe);
}

void bwe_remb(struct bwe *bwe, int64_t now_us, uint64_t bps)
{
    advance(bwe, now_us);
    bwe->remb_bps = (uint32_t)MIN(bps, (uint64_t)NO_LIMIT);
    bwe->remb_us = now_us;
    if (!bwe->config.transport_cc) {
        follow_remb(bwe);
    }
}

void bwe_rtt(struct bwe *bwe, int64_t now_us, int64_t rtt_us)
{
    advance(bwe, now_us);
    assert(rtt_us > 0);
    bwe->rtt_us = rtt_us;
    bwe->rtt_told = true;
}

void bwe_wanted(struct bwe *bwe, int64_t now_us, uint32_t bps)
{
    advance(bwe, now_us);
    prober_want(&bwe->prober, bps);
    update_probes(bwe);
}

void bwe_next(struct bwe *bwe, int64_t now_us, const struct bwe_step *step)
{
    advance(bwe, now_us);
    bwe->trial.step = *step;
    update_trial(bwe);
}

/* ---- Time ----------------------------------------------------------------------------------- */

static int64_t silence_deadline(const struct bwe *bwe)
{
    if (bwe->unheard_us == TIME_NEVER) {
        return TIME_NEVER;
    }
    if (bwe->silence_us != TIME_NEVER) {
        return bwe->silence_us;
    }
    return bwe->unheard_us + SILENCE_US + 2 * bwe->rtt_us;
}

static void fall_silent(struct bwe *bwe)
{
    if (bwe->silence_us == TIME_NEVER) {
        bwe->before_silence_bps = target(bwe);
    }
    bwe->silence_us = bwe->now_us + SILENCE_STEP;
    if (bwe->sent_us + SILENCE_US + 2 * bwe->rtt_us < bwe->now_us) {
        bwe->unheard_us = TIME_NEVER; /* nothing is sent any more: nothing to be heard of */
        bwe->silence_us = TIME_NEVER;
        return;
    }
    bwe->aimd.bps = MAX(bps_clamp(SILENCE_FACTOR * target(bwe)), bwe->config.min_bps);
    bwe->counts.silences++;
}

void bwe_expire(struct bwe *bwe, int64_t now_us)
{
    advance(bwe, now_us);
    if (now_us >= silence_deadline(bwe)) {
        fall_silent(bwe);
    }
    if (bwe->remb_bps != NO_LIMIT && now_us >= bwe->remb_us + REMB_US) {
        bwe->remb_bps = NO_LIMIT;
    }
    if (bwe->history.slots != NULL && now_us >= bwe->sent_us + IDLE_US) {
        history_clear(&bwe->history);
        bwe->reported = 0;
    }
    take_probes(bwe);
    update_probes(bwe);
    update_trial(bwe);
}

int64_t bwe_deadline(const struct bwe *bwe)
{
    struct probe_state state = probe_state(bwe);
    int64_t deadline_us = prober_deadline(&bwe->prober, &state);
    deadline_us = MIN(deadline_us, silence_deadline(bwe));
    if (!bwe->config.transport_cc) {
        struct trial_state tried = trial_state(bwe);
        deadline_us = MIN(deadline_us, trial_deadline(&bwe->trial, &tried));
    }
    if (bwe->remb_bps != NO_LIMIT) {
        deadline_us = MIN(deadline_us, bwe->remb_us + REMB_US);
    }
    if (bwe->history.slots != NULL) {
        deadline_us = MIN(deadline_us, bwe->sent_us + IDLE_US);
    }
    return deadline_us;
}

bool bwe_poll(struct bwe *bwe, struct bwe_probe *out)
{
    return bwe->config.transport_cc ? prober_poll(&bwe->prober, bwe->now_us, out)
                                    : trial_poll(&bwe->trial, bwe->now_us, out);
}

struct bwe_estimate bwe_estimate(const struct bwe *bwe)
{
    uint32_t bps = target(bwe);
    return (struct bwe_estimate){
        .target_bps = bps,
        .pacing_bps = bps_clamp(PACING * bps),
        .application_limited = bwe->limited,
        .reached_us = bwe->reached_us,
        .overused = bwe->trend.usage == USAGE_OVER,
    };
}

void bwe_stats(const struct bwe *bwe, struct bwe_stats *out)
{
    *out = bwe->counts;
    out->delay_bps = bwe->aimd.bps;
    out->loss_bps = bwe->loss.bps;
    out->remb_bps = bwe->remb_bps;
    out->sent_bps = meter_bps(&bwe->sent, bwe->now_us, METER_LONG);
    out->acked_bps = meter_bps(&bwe->acked, bwe->acked.last_us, METER_LONG);
    out->rtt_us = bwe->rtt_us;
    out->queue_us = bwe->drain.delay_us;
    out->contended = bwe->drain.contended;
    out->probes = bwe->prober.probes;
    out->probes_failed = bwe->prober.failed;
    out->memory = sizeof(*bwe) + bwe->history.size * sizeof(*bwe->history.slots);
}
