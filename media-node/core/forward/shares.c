/* SPDX-License-Identifier: Apache-2.0
 *
 * What of a track can be sent to a subscription now, and what it takes: layers that flow, at the
 * rates that were measured of them, smoothed; guesses before. The allocator chooses among these.
 *
 * A camera is offered at its full rate or at its lowest size: slow large pictures are worse than
 * fast small ones. A screen share may be slow at any size.
 */
#include "media-node/core/forward/room.h"

#define RATE_US     TIME_S(1) /* between two measurements of a layer */
#define DRY_US      TIME_S(3)
#define AUDIO_BPS   40000 /* while unknown */
#define HEADERS_BPS 16000 /* of 50 packets a second */
#define ALL_LAYERS  (STREAM_LAYERS_MAX - 1)

bool shares_one_stream(const struct track *track)
{
    return track->spec.published.layer_count == 1;
}

static uint32_t smooth(uint32_t old, uint32_t bps)
{
    return old == 0 || bps == 0 ? bps : old / 2 + bps / 2;
}

/* A second with a key frame says little of the next one: the median of three measurements counts.
 */
static uint32_t steady(struct layer *layer, uint32_t bps)
{
    uint32_t last = layer->measured_bps[0];
    uint32_t before = layer->measured_bps[1] != 0 ? layer->measured_bps[1] : last;
    layer->measured_bps[1] = last;
    layer->measured_bps[0] = bps;
    return last == 0 ? bps : MAX(MIN(bps, last), MIN(MAX(bps, last), before));
}

/* Once in a while. */
static void measure(struct track *track, int64_t now_us, size_t i)
{
    struct layer *layer = &track->layers[i];
    const struct stream_receiver *receiver = track->receivers[i];
    if (receiver == NULL || now_us - layer->rate_us < RATE_US) {
        return;
    }
    uint32_t bps = stream_receiver_bps(receiver, now_us);
    struct stream_rates rates;
    if (bps == 0) {
        return;
    }
    layer->rate_us = now_us;
    uint32_t steady_bps = steady(layer, bps);
    layer->bps = smooth(layer->bps, steady_bps);
    bool layered = stream_receiver_rates(receiver, now_us, &rates);
    for (size_t s = 0; layered && s < STREAM_SPATIAL_MAX; s++) {
        for (size_t t = 0; t < STREAM_TEMPORAL_MAX; t++) {
            uint32_t old = layer->layered ? layer->rates.bps[s][t] : 0;
            uint64_t rate = (uint64_t)rates.bps[s][t] * steady_bps / bps;
            layer->rates.bps[s][t] = smooth(old, (uint32_t)rate);
        }
    }
    layer->layered = layered;
}

/* Of a layer, or of the layers inside its stream up to these; on the wire. */
static uint32_t layer_bps(const struct track *track, size_t i, size_t spatial, size_t temporal)
{
    static const uint32_t guesses[STREAM_LAYERS_MAX] = {150000, 500000, 1500000, 3000000};
    const struct layer *layer = &track->layers[i];
    if (track->spec.kind == STREAM_AUDIO) {
        return layer->bps == 0 ? AUDIO_BPS : layer->bps + HEADERS_BPS;
    }
    bool alone = shares_one_stream(track);
    if (layer->bps == 0) {
        return guesses[alone ? 1 : i];
    }
    uint32_t bps = layer->layered ? layer->rates.bps[spatial][temporal] : layer->bps;
    return bps + bps / 16;
}

/* A layer that its encoder drops pictures of comes back: until it has been silent for longer, it is
 * no reason to send a higher one. */
static bool flows(const struct track *track, int64_t now_us, size_t i)
{
    return track->receivers[i] != NULL &&
           ((stream_layers_live(track->receivers, now_us) >> i & 1) != 0 ||
            now_us - track->layers[i].last_us < DRY_US);
}

/* Puts in what a layer takes: a simulcast one, of which all spatial layers that it has inside are
 * sent, or a spatial one of a track in one stream. Only some are offered at lower rates. */
static void describe_layer(struct subscription *subscription, size_t spatial, bool slower)
{
    const struct track *track = subscription->track;
    struct allocator_track *share = &subscription->share;
    bool alone = shares_one_stream(track);
    for (size_t t = slower ? 0 : share->temporal; t <= share->temporal; t++) {
        share->bps[spatial][t] =
            layer_bps(track, alone ? 0 : spatial, alone ? spatial : STREAM_SPATIAL_MAX - 1, t);
    }
}

static bool describe_video(struct subscription *subscription, int64_t now_us)
{
    struct track *track = subscription->track;
    struct allocator_track *share = &subscription->share;
    bool alone = shares_one_stream(track);
    bool some = false;
    for (size_t i = 0; i <= share->spatial; i++) {
        size_t layer = alone ? 0 : i;
        if (flows(track, now_us, layer)) {
            measure(track, now_us, layer);
            describe_layer(subscription, i, share->screen || !some);
            some = true;
        }
    }
    return some;
}

bool shares_describe(struct subscription *subscription, int64_t now_us)
{
    struct track *track = subscription->track;
    struct allocator_track *share = &subscription->share;
    const struct stream_want *want = &subscription->spec.want;
    bool some;
    memset(share->bps, 0, sizeof(share->bps));
    share->audio = track->spec.kind == STREAM_AUDIO;
    share->screen = subscription->spec.screen;
    share->priority = subscription->spec.priority;
    share->spatial = MIN(shares_one_stream(track) ? want->size_max : want->spatial_max, ALL_LAYERS);
    share->temporal = MIN(want->temporal_max, STREAM_TEMPORAL_MAX - 1);
    share->pixels = 1u << (2 * share->spatial);
    if (share->audio) {
        some = flows(track, now_us, 0);
        measure(track, now_us, 0);
        share->bps[0][0] = some ? layer_bps(track, 0, 0, 0) : 0;
    } else {
        some = describe_video(subscription, now_us);
    }
    return some && !want->paused && !track->spec.muted;
}
