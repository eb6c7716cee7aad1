/* SPDX-License-Identifier: Apache-2.0
 *
 * Connection quality, every 5 s: a score of 0..100 per stream from loss, delay and jitter,
 * smoothed, the participant's being the worst of its streams (livekit-protocol.md §3.5). Left out:
 * the score for bitrate against what a layer should need, which wants the bandwidth estimator.
 */
#include "orchestrator/core/room/private.h"

#define SMOOTHING_UP       0.4
#define SMOOTHING_DOWN     0.8
#define LOSS_WEIGHT_OPUS   8
#define LOSS_WEIGHT_RED    4
#define LOSS_WEIGHT_VIDEO  10
#define DELAY_MS_PER_POINT 40
#define SCORE_MIN          30  /* while media flow: POOR */
#define EVERYBODY_LIMIT    100 /* larger rooms are told changes only */

static double loss_weight(const struct track *track)
{
    if (track->kind == SDP_VIDEO) {
        return LOSS_WEIGHT_VIDEO;
    }
    return strcmp(track->info->mime_type, "audio/red") == 0 ? LOSS_WEIGHT_RED : LOSS_WEIGHT_OPUS;
}

static void add_sample(struct score *score, double sample)
{
    sample = MIN(MAX(sample, 0), 100);
    if (!score->known) {
        *score = (struct score){.value = sample, .known = true};
        return;
    }
    double factor = sample > score->value ? SMOOTHING_UP : SMOOTHING_DOWN;
    score->value += factor * (sample - score->value);
}

static double sample_of(double weight, uint64_t packets, uint64_t lost, uint32_t rtt_us,
                        uint32_t jitter_us)
{
    double delay_ms = rtt_us / 2000.0 + 2.0 * jitter_us / 1000.0;
    double loss_percent = 100.0 * (double)lost / (double)(packets + lost);
    return 100 - delay_ms / DELAY_MS_PER_POINT - loss_percent * weight;
}

static void published(struct participant *p, const Spillway__Control__TransportReport *report)
{
    for (size_t i = 0; i < report->n_tracks; i++) {
        const Spillway__Control__TrackReport *entry = report->tracks[i];
        struct track *track = publish_find_id(p->room, entry->track);
        if (track == NULL || track->publisher != p || track->info->muted) {
            continue;
        }
        uint64_t packets = 0, lost = 0;
        uint32_t jitter_us = 0;
        for (size_t j = 0; j < entry->n_layers; j++) {
            packets += entry->layers[j]->packets;
            lost += entry->layers[j]->lost;
            jitter_us = MAX(jitter_us, entry->layers[j]->jitter_us);
        }
        if (packets > 0) { /* a still screen or silence sends nothing, and that is fine */
            add_sample(&track->score,
                       sample_of(loss_weight(track), packets, lost, report->rtt_us, jitter_us));
        }
    }
}

void quality_report(struct participant *p, const Spillway__Control__TransportReport *report)
{
    published(p, report);
    for (size_t i = 0; i < report->n_subscriptions; i++) {
        const Spillway__Control__SubscriptionReport *entry = report->subscriptions[i];
        struct subscription *subscription;
        DL_SEARCH_SCALAR(p->subscriptions, subscription, id, entry->subscription);
        if (subscription != NULL && entry->packets > 0) {
            uint64_t lost = MIN(entry->lost, entry->packets);
            add_sample(&subscription->score,
                       sample_of(loss_weight(subscription->track), entry->packets - lost, lost,
                                 report->rtt_us, entry->jitter_us));
        }
    }
}

/* Only who has no media at all is LOST, however many packets get lost: after 10 s of that, SDKs
 * that publish start over. */
static double participant_score(const struct participant *p)
{
    double worst = 100;
    const struct track *track;
    const struct subscription *subscription;
    DL_FOREACH(p->tracks, track)
    {
        if (track->score.known && !track->info->muted) {
            worst = MIN(worst, track->score.value);
        }
    }
    DL_FOREACH(receiver_of(p)->subscriptions, subscription)
    {
        if (subscription->score.known) {
            worst = MIN(worst, subscription->score.value);
        }
    }
    return p->media_lost || receiver_of(p)->media_lost ? 0 : MAX(worst, SCORE_MIN);
}

static Livekit__ConnectionQuality quality_of(double score)
{
    if (score > 80) {
        return LIVEKIT__CONNECTION_QUALITY__EXCELLENT;
    }
    if (score > 40) {
        return LIVEKIT__CONNECTION_QUALITY__GOOD;
    }
    return score > 20 ? LIVEKIT__CONNECTION_QUALITY__POOR : LIVEKIT__CONNECTION_QUALITY__LOST;
}

/* ITU-T G.107, Annex B: from a rating of 0..100 to a mean opinion score of 1..4.5. */
static float mos(double r)
{
    return (float)(1 + 0.035 * r + r * (r - 60) * (100 - r) * 7e-6);
}

void quality_expire(struct room *room, struct effects *fx)
{
    struct arena arena = {0};
    size_t people = HASH_COUNT(room->participants);
    bool any = false;
    Livekit__ConnectionQualityUpdate update = LIVEKIT__CONNECTION_QUALITY_UPDATE__INIT;
    update.updates = arena_array(&arena, people, sizeof(*update.updates));
    for (struct participant *p = room->participants; p != NULL; p = p->hh.next) {
        if (p->state != LIVEKIT__PARTICIPANT_INFO__STATE__ACTIVE || p->permission.hidden) {
            continue;
        }
        double score = participant_score(p);
        Livekit__ConnectionQuality quality = quality_of(score);
        bool changed = p->quality_sent != (int)quality;
        p->quality_sent = (int)quality;
        any |= changed;
        if (!changed && people > EVERYBODY_LIMIT) {
            continue;
        }
        Livekit__ConnectionQualityInfo *info = arena_alloc(&arena, sizeof(*info));
        livekit__connection_quality_info__init(info);
        info->participant_sid = p->sid;
        info->quality = quality;
        info->score = mos(score);
        update.updates[update.n_updates++] = info;
    }
    if (any) {
        Livekit__SignalResponse response = LIVEKIT__SIGNAL_RESPONSE__INIT;
        response.message_case = LIVEKIT__SIGNAL_RESPONSE__MESSAGE_CONNECTION_QUALITY;
        response.connection_quality = &update;
        for (struct participant *p = room->participants; p != NULL; p = p->hh.next) {
            signal_send(p, &response, fx);
        }
    }
    arena_fini(&arena);
}
