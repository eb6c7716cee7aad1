/* SPDX-License-Identifier: Apache-2.0 */
#include "media-node/core/peer/sources.h"

#include <stdlib.h>

void sources_fini(struct sources *sources)
{
    free(sources->tracks);
    free(sources->list);
    *sources = (struct sources){0};
}

static struct peer_track *find_track(const struct sources *sources, uint32_t id)
{
    for (size_t i = 0; i < sources->track_count; i++) {
        if (sources->tracks[i].id == id) {
            return &sources->tracks[i];
        }
    }
    return NULL;
}

struct peer_source *sources_find(const struct sources *sources, uint32_t ssrc)
{
    for (size_t i = 0; i < sources->count; i++) {
        if (sources->list[i].ssrc == ssrc) {
            return &sources->list[i];
        }
    }
    return NULL;
}

static void remove_at(struct sources *sources, size_t i)
{
    sources->count--;
    memmove(&sources->list[i], &sources->list[i + 1],
            (sources->count - i) * sizeof(*sources->list));
}

static void append(struct sources *sources, const struct peer_source *source)
{
    if (sources->count == sources->capacity) {
        sources->capacity = sources->capacity == 0 ? 8 : sources->capacity * 2;
        sources->list = mem_grow(sources->list, sources->capacity, sizeof(*sources->list));
    }
    sources->list[sources->count++] = *source;
}

uint32_t sources_learn(struct sources *sources, const struct peer_source *source)
{
    size_t same = 0;
    size_t oldest = 0;
    for (size_t i = sources->count; i-- > 0;) {
        const struct peer_source *known = &sources->list[i];
        if (known->track == source->track && known->layer == source->layer &&
            known->repair == source->repair) {
            oldest = i;
            same++;
        }
    }
    uint32_t gone = 0;
    if (same >= SOURCES_PER_LAYER) {
        gone = sources->list[oldest].ssrc;
        remove_at(sources, oldest);
    }
    append(sources, source);
    return gone;
}

/* An SSRC the spec names. One that is known already keeps what arrived on it. */
static void signal_ssrc(struct sources *sources, uint32_t ssrc, const struct peer_source *source)
{
    if (ssrc == 0) {
        return;
    }
    struct peer_source *known = sources_find(sources, ssrc);
    if (known == NULL) {
        struct peer_source added = *source;
        added.ssrc = ssrc;
        (void)sources_learn(sources, &added);
    } else if (known->track != source->track || known->layer != source->layer ||
               known->repair != source->repair) {
        known->track = source->track;
        known->layer = source->layer;
        known->repair = source->repair;
        known->arrived = false;
    }
}

/* Drops what is no longer said: entries of layers that are gone, and signalled SSRCs that never
 * arrived and are not named any more. */
static void prune(struct sources *sources, const struct peer_track *track)
{
    for (size_t i = sources->count; i-- > 0;) {
        const struct peer_source *source = &sources->list[i];
        if (source->track != track->id) {
            continue;
        }
        bool keep = source->layer < track->layer_count;
        if (keep && !source->arrived) {
            const struct peer_layer *layer = &track->layers[source->layer];
            keep = source->ssrc == (source->repair ? layer->rtx_ssrc : layer->ssrc);
        }
        if (!keep) {
            remove_at(sources, i);
        }
    }
}

int sources_publish(struct sources *sources, const struct peer_track *track)
{
    assert(track->layer_count >= 1 && track->layer_count <= STREAM_LAYERS_MAX);
    struct peer_track *known = find_track(sources, track->id);
    if (known == NULL) {
        if (sources->track_count == PEER_TRACKS_MAX) {
            return ERR_FULL;
        }
        sources->tracks =
            mem_grow(sources->tracks, sources->track_count + 1, sizeof(*sources->tracks));
        known = &sources->tracks[sources->track_count++];
    }
    *known = *track;
    prune(sources, track);
    for (uint8_t i = 0; i < track->layer_count; i++) {
        struct peer_source source = {.track = track->id, .layer = i};
        signal_ssrc(sources, track->layers[i].ssrc, &source);
        source.repair = true;
        signal_ssrc(sources, track->layers[i].rtx_ssrc, &source);
    }
    return 0;
}

void sources_unpublish(struct sources *sources, uint32_t track)
{
    struct peer_track *known = find_track(sources, track);
    if (known == NULL) {
        return;
    }
    sources->track_count--;
    *known = sources->tracks[sources->track_count];
    for (size_t i = sources->count; i-- > 0;) {
        if (sources->list[i].track == track) {
            remove_at(sources, i);
        }
    }
}

static bool text_is(struct bytes value, const char *text)
{
    return value.len == strlen(text) && memcmp(value.data, text, value.len) == 0;
}

static const struct peer_track *track_of_mid(const struct sources *sources, struct bytes mid)
{
    for (size_t i = 0; i < sources->track_count && mid.data != NULL; i++) {
        if (text_is(mid, sources->tracks[i].mid)) {
            return &sources->tracks[i];
        }
    }
    return NULL;
}

static bool is_rtx(const struct peer_track *track, uint8_t pt)
{
    for (size_t i = 0; i < track->rtx_pt_count; i++) {
        if (track->rtx_pts[i] == pt) {
            return true;
        }
    }
    return false;
}

int sources_resolve(const struct sources *sources, const struct rtp_view *view,
                    const struct rtp_exts *exts, struct peer_source *out)
{
    const struct peer_track *track = track_of_mid(sources, exts->value[RTP_EXT_MID]);
    if (track == NULL) {
        return ERR_NOT_FOUND;
    }
    struct bytes rid = exts->value[RTP_EXT_REPAIRED_RID];
    bool repair = rid.data != NULL || is_rtx(track, view->pt);
    if (rid.data == NULL) {
        rid = exts->value[RTP_EXT_RID];
    }
    for (uint8_t i = 0; i < track->layer_count; i++) {
        bool only = track->layer_count == 1 && rid.data == NULL;
        if (only || (rid.data != NULL && text_is(rid, track->layers[i].rid))) {
            *out = (struct peer_source){.ssrc = view->ssrc,
                                        .track = track->id,
                                        .layer = i,
                                        .pt = view->pt,
                                        .repair = repair};
            return 0;
        }
    }
    return ERR_NOT_FOUND;
}
