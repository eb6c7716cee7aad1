/* SPDX-License-Identifier: Apache-2.0
 *
 * Statistics of a participant and its streams, for the admin API. A report counts what happened
 * since the one before it, so sums go on where another node takes over; what an owner that died had
 * added up goes with it.
 */
#include "orchestrator/core/room/private.h"

/* ---- Reports ------------------------------------------------------------------------------- */

static uint64_t plus(uint64_t sum, uint64_t more)
{
    return more > UINT64_MAX - sum ? UINT64_MAX : sum + more;
}

/* A report that names a stream twice means both. */
static void add(struct stats_flow *flow, uint64_t report, uint32_t jitter_us,
                const struct room_counts *counts)
{
    if (flow->report != report) {
        flow->report = report;
        flow->last = (struct room_counts){0};
    }
    flow->jitter_us = jitter_us;
    struct room_counts *const sums[] = {&flow->last, &flow->total};
    for (size_t i = 0; i < ARRAY_LEN(sums); i++) {
        sums[i]->packets = plus(sums[i]->packets, counts->packets);
        sums[i]->bytes = plus(sums[i]->bytes, counts->bytes);
        sums[i]->lost = plus(sums[i]->lost, counts->lost);
        sums[i]->frames = plus(sums[i]->frames, counts->frames);
        sums[i]->nacked = plus(sums[i]->nacked, counts->nacked);
        sums[i]->repaired = plus(sums[i]->repaired, counts->repaired);
        sums[i]->key_frames_asked = plus(sums[i]->key_frames_asked, counts->key_frames_asked);
    }
}

static void add_layers(const struct participant *p, struct track *track,
                       const Spillway__Control__TrackReport *report)
{
    for (size_t i = 0; i < report->n_layers; i++) {
        const Spillway__Control__LayerReport *from = report->layers[i];
        if (from->spatial < track->layer_count) { /* numbered without gaps (publish.c) */
            add(&track->layers[from->spatial].flow, p->report.number, from->jitter_us,
                &(struct room_counts){from->packets, from->bytes, from->lost, from->frames,
                                      from->nacked, from->repaired, from->key_frames_asked});
        }
    }
}

void stats_report(struct participant *p, int64_t now_us,
                  const Spillway__Control__TransportReport *report)
{
    p->report = (struct stats_report){.number = p->report.number + 1,
                                      .at_us = now_us,
                                      .interval_ms = report->interval_ms,
                                      .rtt_us = report->rtt_us,
                                      .estimate_bps = report->estimate_bps,
                                      .remb_bps = report->remb_bps};
    for (size_t i = 0; i < report->n_tracks; i++) {
        struct track *track = publish_find_id(p->room, report->tracks[i]->track);
        if (track != NULL && track->publisher == p) {
            add_layers(p, track, report->tracks[i]);
        }
    }
    for (size_t i = 0; i < report->n_subscriptions; i++) {
        const Spillway__Control__SubscriptionReport *from = report->subscriptions[i];
        struct subscription *subscription;
        DL_SEARCH_SCALAR(p->subscriptions, subscription, id, from->subscription);
        if (subscription != NULL) {
            bool there = from->spatial < (int32_t)subscription->track->layer_count;
            subscription->layer = there ? from->spatial : -1;
            add(&subscription->flow, p->report.number, from->jitter_us,
                &(struct room_counts){from->packets, from->bytes, from->lost, 0, from->nacked,
                                      from->repaired, from->key_frames_asked});
        }
    }
}

/* ---- Views --------------------------------------------------------------------------------- */

static struct room_flow flow_of(const struct participant *p, const struct stats_flow *flow)
{
    struct room_flow view = {.total = flow->total};
    if (flow->report != 0 && flow->report == p->report.number) {
        view.reported = true;
        view.last = flow->last;
        view.jitter_us = flow->jitter_us;
    }
    return view;
}

static int score_of(const struct score *score)
{
    return score->known ? (int)(score->value + 0.5) : -1;
}

static void show_track(const struct track *track, struct room_track_stats *out, struct arena *arena)
{
    *out = (struct room_track_stats){
        .info = info_track(track, arena),
        .score = score_of(&track->score),
        .layers = arena_array(arena, track->layer_count, sizeof(*out->layers)),
        .layer_count = track->layer_count,
    };
    for (size_t i = 0; i < track->layer_count; i++) {
        const struct layer *layer = &track->layers[i];
        out->layers[i] = (struct room_layer_stats){.rid = layer->rid,
                                                   .spatial = layer->spatial,
                                                   .flow = flow_of(track->publisher, &layer->flow)};
    }
}

static enum room_pause pause_of(const struct subscription *subscription)
{
    if (!subscription->allowed) {
        return ROOM_PAUSED_PERMISSION;
    }
    if (subscribe_is_held(subscription)) {
        return ROOM_PAUSED_PLACE;
    }
    if (subscribe_is_off(subscription)) {
        return ROOM_PAUSED_CLIENT;
    }
    return subscription->starved ? ROOM_PAUSED_BANDWIDTH : ROOM_FLOWS;
}

static void show_subscription(const struct subscription *subscription,
                              struct room_subscription_stats *out, struct arena *arena)
{
    const struct track *track = subscription->track;
    struct room_flow flow = flow_of(subscription->subscriber, &subscription->flow);
    *out = (struct room_subscription_stats){
        .info = info_track(track, arena),
        .publisher = track->publisher->identity,
        .score = score_of(&subscription->score),
        .layer = flow.reported ? subscription->layer : -1,
        .layer_max = subscribe_spatial_max(subscription),
        .pause = pause_of(subscription),
        .flow = flow,
    };
}

struct room_stats *room_stats(const struct room *room, int64_t now_us, const char *identity,
                              struct arena *arena)
{
    const struct participant *p = room_find(room, identity);
    if (p == NULL) {
        return NULL;
    }
    const struct participant *receiver = receiver_of(p);
    const struct stats_report *report = &receiver->report;
    const struct track *track;
    const struct subscription *subscription;
    size_t tracks = 0, subscriptions = 0;
    DL_COUNT(p->tracks, track, tracks);
    DL_COUNT(receiver->subscriptions, subscription, subscriptions);
    struct room_stats *stats = arena_alloc(arena, sizeof(*stats));
    *stats = (struct room_stats){
        .sid = p->sid,
        .quality = p->quality_sent,
        .age_us = report->number == 0 ? -1 : now_us - report->at_us,
        .interval_ms = report->interval_ms,
        .rtt_us = report->rtt_us,
        .remb_bps = report->remb_bps,
        .estimate_bps = report->estimate_bps,
        .tracks = arena_array(arena, tracks, sizeof(*stats->tracks)),
        .subscriptions = arena_array(arena, subscriptions, sizeof(*stats->subscriptions)),
    };
    DL_FOREACH(p->tracks, track)
    {
        if (track->published) {
            show_track(track, &stats->tracks[stats->track_count++], arena);
        }
    }
    DL_FOREACH(receiver->subscriptions, subscription)
    {
        show_subscription(subscription, &stats->subscriptions[stats->subscription_count++], arena);
    }
    return stats;
}
