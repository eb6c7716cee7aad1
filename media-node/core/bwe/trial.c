/* SPDX-License-Identifier: Apache-2.0
 *
 * REMB tells of what came, and no more than libwebrtc's 1.5 times that: a receiver that is sent
 * little never learns that its path takes the next layer. So where one more step is wished for, a
 * round of trying begins:
 *
 *   with RTX   what is sent is filled up with padding, to a little above the estimate, which lets
 *              REMB rise by its 8 % a second (gcc §5.5); until the first one, up to the estimate;
 *   without    the step is taken for granted for the length of the round.
 *
 * A round ends well when the estimate is there. It fails when the estimate falls, when packets are
 * lost, or when the estimate rises no more: a receiver that sees a queue grow holds its rate. Then
 * nothing is tried for 5 s, then 10, up to 15 or 40; an estimate above what failed ends that.
 */
#include "media-node/core/bwe/parts.h"

#define TRAIN_US         TIME_MS(250)
#define TRAIN_MIN        5     /* packets */
#define FILL             1.2   /* of the estimate: libwebrtc's REMB counts neither headers */
#define FILL_OVER_BPS    40000 /* nor sound, so that 1.5 times what it counts may be less than it */
#define STALL_US         TIME_MS(2500) /* REMB comes once a second at least */
#define ROUND_US         TIME_S(30)
#define PAUSE_US         TIME_S(5)
#define PAUSE_US_MAX     TIME_S(40) /* a layer that does not fit is seen to stutter, */
#define PAUSE_US_PADDING TIME_S(15) /* padding is not */
#define RISEN            1.01       /* of the best estimate of the round */
#define FALLEN           0.95
#define PASSED           1.05 /* of what failed */

static void fail(struct trial *trial, int64_t now_us)
{
    trial->running = false;
    trial->failed_bps = trial->padding ? trial->best_bps : trial->goal_bps;
    int64_t most_us = trial->padding ? PAUSE_US_PADDING : PAUSE_US_MAX;
    trial->pause_us = MIN(MAX(2 * trial->pause_us, PAUSE_US), most_us);
    trial->next_us = now_us + trial->pause_us;
}

static void begin(struct trial *trial, int64_t now_us, const struct trial_state *state)
{
    trial->running = true;
    trial->padding = trial->step.padding;
    trial->goal_bps = trial->step.bps;
    trial->best_bps = state->told ? state->bps : 0;
    trial->begun_us = now_us;
    trial->risen_us = now_us;
    trial->train_us = now_us;
}

/* One train behind the other. */
static void fill(struct trial *trial, int64_t now_us, const struct trial_state *state)
{
    if (now_us < trial->train_us) {
        return;
    }
    uint32_t rate_bps = state->told ? bps_clamp(FILL * state->bps + FILL_OVER_BPS) : state->bps;
    trial->train_us = now_us + TRAIN_US;
    trial->last_id = trial->last_id == UINT8_MAX ? 1 : trial->last_id + 1;
    trial->train = (struct bwe_probe){
        .id = trial->last_id,
        .packets_min = TRAIN_MIN,
        .rate_bps = rate_bps,
        .bytes = (uint32_t)((uint64_t)rate_bps * TRAIN_US / 8000000),
        .deadline_us = trial->train_us,
    };
}

static bool failed(const struct trial *trial, int64_t now_us, const struct trial_state *state)
{
    bool stalled = trial->best_bps != 0 && now_us - trial->risen_us >= STALL_US;
    return stalled || state->losing || now_us - trial->begun_us >= ROUND_US ||
           state->bps < FALLEN * trial->best_bps;
}

static void go_on(struct trial *trial, int64_t now_us, const struct trial_state *state)
{
    if (state->told && state->bps > RISEN * trial->best_bps) {
        trial->best_bps = state->bps;
        trial->risen_us = now_us;
    }
    if (state->bps >= trial->goal_bps) {
        trial->running = false;
        trial->pause_us = 0;
        trial->next_us = now_us;
    } else if (failed(trial, now_us, state)) {
        fail(trial, now_us);
    } else if (!state->sending || (trial->padding && trial->step.bps <= state->bps)) {
        trial->running = false; /* nothing to try with, or for */
    }
}

/* Nothing without a word of the receiver, but padding: it makes that word a larger one. */
static bool may_begin(const struct trial *trial, const struct trial_state *state)
{
    return !trial->running && trial->step.bps > state->bps && state->sending && !state->losing &&
           (state->told || trial->step.padding);
}

void trial_update(struct trial *trial, int64_t now_us, const struct trial_state *state)
{
    if (trial->running) {
        go_on(trial, now_us, state);
    } else if (trial->pause_us != 0 && state->told && state->bps > PASSED * trial->failed_bps) {
        trial->pause_us = 0;
        trial->next_us = now_us;
    }
    if (may_begin(trial, state) && now_us >= trial->next_us) {
        begin(trial, now_us, state);
    }
    if (trial->running && trial->padding) {
        fill(trial, now_us, state);
    }
}

uint32_t trial_granted_bps(const struct trial *trial)
{
    return trial->running && !trial->padding ? trial->goal_bps : 0;
}

bool trial_poll(struct trial *trial, int64_t now_us, struct bwe_probe *out)
{
    bool any = trial->train.id != 0 && now_us <= trial->train.deadline_us;
    if (any) {
        *out = trial->train;
    }
    trial->train.id = 0;
    return any;
}

int64_t trial_deadline(const struct trial *trial, const struct trial_state *state)
{
    if (!trial->running) {
        return may_begin(trial, state) ? trial->next_us : TIME_NEVER;
    }
    int64_t deadline_us = trial->begun_us + ROUND_US;
    if (trial->best_bps != 0) {
        deadline_us = MIN(deadline_us, trial->risen_us + STALL_US);
    }
    return trial->padding ? MIN(deadline_us, trial->train_us) : deadline_us;
}
