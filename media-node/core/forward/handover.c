/* SPDX-License-Identifier: Apache-2.0
 *
 * A member goes over to another node, or comes from one, and its streams go on under the same keys,
 * SSRCs and indices. No index is used at both: one node says where it stopped, and has stopped; the
 * other one goes on behind it, and takes nothing up that it has sent past itself.
 */
#include "media-node/core/forward/room.h"

#include <stdlib.h>

/* ---- From here ------------------------------------------------------------------------------- */

static void forget_handed(struct fwd_member *member)
{
    free(member->handed);
    member->handed = NULL;
    member->handed_count = 0;
}

/* A sender counts on under new keys, whose rollover counter began at 0. */
uint64_t handover_index(const struct rtpsec_stream *stream, uint64_t next)
{
    if (!stream->started) {
        return MAX((uint16_t)next, 1);
    }
    uint64_t newest = rtpsec_stream_newest(stream);
    return newest + (uint16_t)((uint16_t)next - (uint16_t)newest);
}

/* Nobody asks for what was sent before that. */
static void trim_series(struct stream_state *state)
{
    uint64_t total = 0;
    for (size_t i = 0; i < state->series_count; i++) {
        total += state->series[i].count;
        if (total > state->seq_next) {
            state->series_count = i;
        }
    }
}

/* What is still to be resumed here goes on as it came. */
static void export(const struct subscription *subscription, struct fwd_handed_stream *out)
{
    out->subscription = subscription->id;
    if (subscription->resume != NULL) {
        out->state = *subscription->resume;
    } else {
        stream_sender_export(subscription->sender, &out->state);
        out->state.seq_next = handover_index(&subscription->media, out->state.seq_next);
        out->state.rtx_seq_next = handover_index(&subscription->rtx, out->state.rtx_seq_next);
        trim_series(&out->state);
    }
}

static void hand_over(struct fwd_member *member, int64_t now_us)
{
    forget_handed(member);
    bandwidth_flush(member, now_us);
    member->handed = mem_array(member->subscription_count, sizeof(*member->handed));
    for (size_t i = 0; i < member->subscription_count; i++) {
        export(member->subscriptions[i], &member->handed[member->handed_count++]);
    }
    peer_set_quiet(member->peer, now_us, true);
}

void handover_tell(struct fwd_member *member)
{
    struct fwd_event *event = room_event(member->fwd, member, FWD_HANDED);
    event->handed = (struct fwd_handed){.streams = member->handed,
                                        .stream_count = member->handed_count,
                                        .transport_cc = peer_transport_cc(member->peer),
                                        .estimate_bps = bandwidth_bps(member)};
}

/* ---- To here --------------------------------------------------------------------------------- */

static bool is_past(const struct rtpsec_stream *stream, uint32_t ssrc, uint64_t next)
{
    return !stream->started || stream->ssrc != ssrc || next > rtpsec_stream_newest(stream);
}

void handover_note(struct subscription *subscription, const struct stream_state *state)
{
    const struct fwd_subscription *spec = &subscription->spec;
    if (!state->newest.known || !is_past(&subscription->media, spec->ssrc, state->seq_next) ||
        !is_past(&subscription->rtx, spec->rtx_ssrc, state->rtx_seq_next)) {
        return;
    }
    handover_forget(subscription);
    subscription->resume = mem_copy(state, sizeof(*state));
    subscription->resume_by_us = TIME_NEVER;
    bandwidth_keep(subscription, state);
}

void handover_forget(struct subscription *subscription)
{
    free(subscription->resume);
    subscription->resume = NULL;
}

/* As handover_index. */
void handover_renew(struct subscription *subscription)
{
    struct stream_state *state = subscription->resume;
    if (state != NULL) {
        state->seq_next = MAX((uint16_t)state->seq_next, 1);
        state->rtx_seq_next = MAX((uint16_t)state->rtx_seq_next, 1);
        trim_series(state);
    }
}

static void resume_stream(struct rtpsec_stream *stream, uint32_t ssrc, uint64_t next)
{
    rtpsec_stream_resume(stream, ssrc, (uint32_t)((next - 1) >> 16), (uint16_t)(next - 1));
}

/* What the other node kept a number for, and never sent, may be sent from here, unless it was: a
 * state may come twice, before anything new was sent. */
static void spare_kept(struct rtpsec_stream *stream, const struct rtpsec_stream *before,
                       const struct stream_state *state)
{
    bool same = before->ssrc == stream->ssrc;
    uint64_t index = state->seq_next;
    for (size_t i = 0; i < state->series_count; i++) {
        for (size_t n = 0; n < state->series[i].count; n++) {
            index--;
            if (state->series[i].state == SERIES_KEPT &&
                !(same && rtpsec_stream_used(before, index))) {
                rtpsec_stream_spare(stream, index);
            }
        }
    }
}

/* The loop ends: behind gives each packet once. */
static void catch_up(struct subscription *subscription, int64_t now_us)
{
    struct stream_receiver *const *layers = subscription->track->receivers;
    uint64_t cursor = 0;
    struct counters *counters = subscription->member->fwd->config.counters;
    const struct stream_packet *packet;
    while ((packet = stream_sender_behind(subscription->sender, layers, &cursor)) != NULL) {
        struct rtp_exts exts;
        media_carry(&exts, packet);
        counters->rtp_forwarded += media_forward(subscription, now_us, packet, &exts);
    }
}

/* A client may be faster here than its tracks are. */
static bool waits(struct subscription *subscription, int64_t now_us, bool paused)
{
    if (paused || stream_state_found(subscription->resume, subscription->track->receivers)) {
        return false;
    }
    if (subscription->resume_by_us == TIME_NEVER) {
        subscription->resume_by_us = now_us + FWD_FOUND_US;
    }
    return now_us < subscription->resume_by_us;
}

void handover_resume(struct subscription *subscription, int64_t now_us)
{
    struct stream_state *state = subscription->resume;
    const struct rtpsec_stream before = subscription->media;
    struct stream_sender_stats stats;
    struct stream_want want = subscription->spec.want;
    want.paused = want.paused || subscription->track->spec.muted;
    bandwidth_limit(subscription, &want);
    if (waits(subscription, now_us, want.paused)) {
        subscription->track->awaited = true;
        return;
    }
    subscription->resume = NULL;
    early_end(subscription);
    resume_stream(&subscription->media, subscription->spec.ssrc, state->seq_next);
    spare_kept(&subscription->media, &before, state);
    resume_stream(&subscription->rtx, subscription->spec.rtx_ssrc, state->rtx_seq_next);
    wanted_start_sender(subscription, now_us, state->seq_next, state->rtx_seq_next);
    (void)stream_sender_want(subscription->sender, now_us, &want);
    media_heed(
        subscription, now_us,
        stream_sender_resume(subscription->sender, now_us, state, subscription->track->receivers));
    stream_sender_stats(subscription->sender, &stats);
    subscription->told =
        (struct told){.packets = stats.packets, .lost = stats.lost, .bytes = stats.bytes};
    catch_up(subscription, now_us);
    free(state);
}

void handover_retry(struct track *track, int64_t now_us)
{
    track->awaited = false;
    for (size_t i = 0; i < track->subscription_count; i++) {
        media_apply_want(track->subscriptions[i], now_us);
    }
}

/* ---- Duty ------------------------------------------------------------------------------------ */

enum fwd_duty fwd_member_duty(const struct fwd_member *member)
{
    return member->duty;
}

void fwd_set_duty(struct fwd_member *member, int64_t now_us, enum fwd_duty duty,
                  uint16_t transport_cc)
{
    if (duty == FWD_HANDS_OVER) {
        if (member->duty != duty) {
            hand_over(member, now_us);
        }
        handover_tell(member);
    } else {
        forget_handed(member);
        if (member->duty == FWD_STANDBY && duty == FWD_SERVES) {
            peer_set_transport_cc(member->peer, transport_cc);
            bandwidth_restart(member, now_us);
        }
        if (member->duty != FWD_STANDBY && duty == FWD_STANDBY) {
            member->selected_at_us = TIME_NEVER;
        }
        peer_set_quiet(member->peer, now_us, duty == FWD_STANDBY);
    }
    member->duty = duty;
    room_settle(member, now_us);
}
