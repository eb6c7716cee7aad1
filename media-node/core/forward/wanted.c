/* SPDX-License-Identifier: Apache-2.0
 *
 * Tracks and subscriptions as they should be. A change keeps all state it can: only what a receiver
 * or sender was made of (payload types, SSRCs) makes it anew.
 */
#include "media-node/core/forward/room.h"

#include <stdlib.h>

/* ---- Tracks ---------------------------------------------------------------------------------- */

static struct track *find_track(const struct fwd *fwd, uint32_t id)
{
    struct track *track;
    HASH_FIND(hh, fwd->tracks, &id, sizeof(id), track);
    return track;
}

static struct subscription *find_subscription(const struct fwd *fwd, uint32_t id)
{
    struct subscription *subscription;
    HASH_FIND(hh, fwd->subscriptions, &id, sizeof(id), subscription);
    return subscription;
}

static bool same_payloads(const struct stream_payload *a, size_t a_count,
                          const struct stream_payload *b, size_t b_count)
{
    bool same = a_count == b_count;
    for (size_t i = 0; same && i < a_count; i++) {
        same = a[i].codec == b[i].codec && a[i].number == b[i].number && a[i].rtx == b[i].rtx &&
               a[i].nack == b[i].nack && a[i].pli == b[i].pli && a[i].clock_hz == b[i].clock_hz;
    }
    return same;
}

void wanted_drop_receivers(struct track *track, size_t from)
{
    for (size_t i = from; i < STREAM_LAYERS_MAX; i++) {
        if (track->receivers[i] != NULL) {
            stream_receiver_free(track->receivers[i]);
        }
        track->receivers[i] = NULL;
        track->layers[i] = (struct layer){0};
    }
}

static struct track *add_track(struct fwd *fwd, const struct fwd_track *spec)
{
    struct track *track = mem_alloc(sizeof(*track));
    track->fwd = fwd;
    track->due.what = DUE_TRACK;
    track->id = spec->published.id;
    track->local_us = INT64_MIN;
    track->live_at_us = TIME_NEVER;
    track->clock_at_us = TIME_NEVER;
    track->backup_at_us = TIME_NEVER;
    track->spec = *spec;
    HASH_ADD(hh, fwd->tracks, id, sizeof(track->id), track);
    return track;
}

static void join_member(struct track *track, int64_t now_us, struct fwd_member *member)
{
    track->member = member;
    track->place = member->track_count;
    member->tracks = mem_grow(member->tracks, member->track_count + 1, sizeof(struct track *));
    member->tracks[member->track_count++] = track;
    member->live_at_us = MIN(member->live_at_us, now_us);
    room_settle(member, now_us);
}

static void leave_member(struct track *track)
{
    struct fwd_member *member = track->member;
    if (member == NULL) {
        return;
    }
    struct track *last = member->tracks[--member->track_count];
    member->tracks[track->place] = last;
    last->place = track->place;
    peer_unpublish(member->peer, track->id);
    track->member = NULL;
    track->local_us = INT64_MIN;
}

/* A new spec of a track that is there. */
static void change_track(struct track *track, int64_t now_us, const struct fwd_track *spec)
{
    bool same = same_payloads(track->spec.payloads, track->spec.payload_count, spec->payloads,
                              spec->payload_count);
    track->spec = *spec;
    wanted_drop_receivers(track, same ? spec->published.layer_count : 0);
    for (size_t i = 0; i < track->subscription_count; i++) {
        media_apply_want(track->subscriptions[i], now_us);
        bandwidth_soon(track->subscriptions[i]->member, now_us);
    }
    edge_update_all(track, now_us);
}

int fwd_set_track(struct fwd *fwd, int64_t now_us, struct fwd_member *member,
                  const struct fwd_track *spec)
{
    assert(spec->payload_count >= 1 && spec->payload_count <= STREAM_PAYLOADS_MAX);
    struct track *track = find_track(fwd, spec->published.id);
    assert(track == NULL || track->spec.kind == spec->kind);
    assert(track == NULL || member == NULL || track->member == NULL || track->member == member);
    int err = member == NULL ? 0 : peer_publish(member->peer, &spec->published);
    if (err != 0) {
        return err;
    }
    if (track == NULL) {
        track = add_track(fwd, spec);
    } else {
        change_track(track, now_us, spec);
    }
    if (member == NULL) {
        leave_member(track);
        track->live_at_us = now_us;
    } else if (track->member == NULL) {
        join_member(track, now_us, member);
    }
    origin_set_all(track, now_us);
    room_settle_track(track, now_us);
    return 0;
}

void fwd_release_track(struct fwd *fwd, uint32_t id)
{
    struct track *track = find_track(fwd, id);
    if (track != NULL) {
        leave_member(track);
    }
}

void fwd_remove_track(struct fwd *fwd, uint32_t id)
{
    struct track *track = find_track(fwd, id);
    if (track == NULL) {
        return;
    }
    while (track->subscription_count > 0) {
        fwd_remove_subscription(fwd, track->subscriptions[0]->id);
    }
    while (track->edge_count > 0) {
        fwd_remove_edge(fwd, track->edges[0]->id);
    }
    origin_drop_all(track);
    leave_member(track);
    wanted_drop_receivers(track, 0);
    agenda_set(&fwd->agenda, &track->due.entry, TIME_NEVER);
    HASH_DEL(fwd->tracks, track);
    free(track->subscriptions);
    free(track->edges);
    free(track);
}

bool fwd_has_track(const struct fwd *fwd, uint32_t id)
{
    return find_track(fwd, id) != NULL;
}

struct fwd_member *fwd_track_member(const struct fwd *fwd, uint32_t id)
{
    const struct track *track = find_track(fwd, id);
    return track == NULL ? NULL : track->member;
}

enum stream_kind fwd_track_kind(const struct fwd *fwd, uint32_t id)
{
    const struct track *track = find_track(fwd, id);
    assert(track != NULL);
    return track->spec.kind;
}

void fwd_list_tracks(const struct fwd *fwd, uint32_t *out)
{
    for (struct track *track = fwd->tracks; track != NULL; track = track->hh.next) {
        *out++ = track->id;
    }
}

/* ---- Subscriptions --------------------------------------------------------------------------- */

/* A first sequence number below 2^15: a receiver that misses the first packets must not guess the
 * rollover counter wrong (RFC 3711 §3.3.1). Not 0, for its predecessor would be in another cycle.
 */
static uint64_t first_seq(const struct random_source *random)
{
    uint16_t seq;
    random->fill(random->arg, &seq, sizeof(seq));
    return 1 + seq % 0x7000;
}

static struct retired *find_retired(const struct fwd_member *member, uint32_t ssrc)
{
    for (size_t i = 0; i < member->retired_count; i++) {
        if (member->retired[i].ssrc == ssrc) {
            return &member->retired[i];
        }
    }
    return NULL;
}

/* Where a stream may begin without using an index twice: where it stands, where an earlier
 * subscription of this member left the same SSRC, or anywhere. */
static uint64_t next_index(struct fwd_member *member, struct rtpsec_stream *stream, uint32_t ssrc)
{
    if (stream->ssrc == ssrc && stream->started) {
        return ((uint64_t)stream->roc << 16 | stream->seq_max) + 1;
    }
    const struct retired *old = find_retired(member, ssrc);
    if (old != NULL) {
        rtpsec_stream_resume(stream, ssrc, old->roc, old->seq);
        return ((uint64_t)old->roc << 16 | old->seq) + 1;
    }
    rtpsec_stream_init(stream, ssrc);
    return first_seq(&member->fwd->config.random);
}

static void retire(struct fwd_member *member, const struct rtpsec_stream *stream)
{
    if (!stream->started) {
        return;
    }
    struct retired *retired = find_retired(member, stream->ssrc);
    if (retired == NULL) {
        member->retired =
            mem_grow(member->retired, member->retired_count + 1, sizeof(*member->retired));
        retired = &member->retired[member->retired_count++];
    }
    *retired = (struct retired){.ssrc = stream->ssrc, .roc = stream->roc, .seq = stream->seq_max};
}

static void retire_streams(struct subscription *subscription)
{
    retire(subscription->member, &subscription->media);
    retire(subscription->member, &subscription->rtx);
}

void wanted_start_sender(struct subscription *subscription, int64_t now_us, uint64_t seq_next,
                         uint64_t rtx_seq_next)
{
    const struct random_source *random = &subscription->member->fwd->config.random;
    const struct fwd_subscription *spec = &subscription->spec;
    struct stream_sender_config config = {
        .kind = subscription->track->spec.kind,
        .ssrc = spec->ssrc,
        .rtx_ssrc = spec->rtx_ssrc,
        .payloads = spec->payloads,
        .payload_count = spec->payload_count,
        .seq_next = seq_next,
        .rtx_seq_next = rtx_seq_next,
    };
    random->fill(random->arg, &config.timestamp_first, sizeof(config.timestamp_first));
    if (subscription->sender != NULL) {
        bandwidth_forget(subscription);
        stream_sender_free(subscription->sender);
    }
    subscription->sender = stream_sender_new(&config, now_us);
    subscription->told = (struct told){0};
    (void)stream_sender_layers(subscription->sender, now_us, subscription->track->live);
    lease_begin(subscription);
}

static void start_sender(struct subscription *subscription, int64_t now_us)
{
    struct fwd_member *member = subscription->member;
    const struct fwd_subscription *spec = &subscription->spec;
    uint64_t seq_next = next_index(member, &subscription->media, spec->ssrc);
    uint64_t rtx_seq_next = next_index(member, &subscription->rtx, spec->rtx_ssrc);
    handover_forget(subscription);
    early_begin(subscription);
    wanted_start_sender(subscription, now_us, seq_next, rtx_seq_next);
}

static void link_subscription(struct subscription *subscription)
{
    struct fwd_member *member = subscription->member;
    struct track *track = subscription->track;
    if (member->subscription_count == member->subscription_capacity) {
        member->subscription_capacity = MAX(4, member->subscription_capacity * 2);
        member->subscriptions = mem_grow(member->subscriptions, member->subscription_capacity,
                                         sizeof(struct subscription *));
    }
    if (track->subscription_count == track->subscription_capacity) {
        track->subscription_capacity = MAX(4, track->subscription_capacity * 2);
        track->subscriptions = mem_grow(track->subscriptions, track->subscription_capacity,
                                        sizeof(struct subscription *));
    }
    subscription->member_place = member->subscription_count++;
    member->subscriptions[subscription->member_place] = subscription;
    subscription->track_place = track->subscription_count++;
    track->subscriptions[subscription->track_place] = subscription;
}

static struct subscription *add_subscription(struct fwd_member *member, struct track *track,
                                             uint32_t id)
{
    struct subscription *subscription = mem_alloc(sizeof(*subscription));
    subscription->id = id;
    subscription->member = member;
    subscription->track = track;
    link_subscription(subscription);
    HASH_ADD(hh, member->fwd->subscriptions, id, sizeof(subscription->id), subscription);
    return subscription;
}

/* Whether a sender made for one spec can go on with the other. */
static bool same_stream(const struct fwd_subscription *a, const struct fwd_subscription *b)
{
    return a->ssrc == b->ssrc && a->rtx_ssrc == b->rtx_ssrc &&
           same_payloads(a->payloads, a->payload_count, b->payloads, b->payload_count);
}

void fwd_set_subscription(struct fwd *fwd, int64_t now_us, struct fwd_member *member,
                          const struct fwd_subscription *spec)
{
    assert(spec->payload_count >= 1 && spec->payload_count <= STREAM_PAYLOADS_MAX);
    assert(spec->ssrc != 0 && spec->mid[0] != '\0');
    struct track *track = find_track(fwd, spec->track);
    assert(track != NULL);
    struct subscription *known = find_subscription(fwd, spec->id);
    if (known != NULL && (known->member != member || known->track != track)) {
        fwd_remove_subscription(fwd, spec->id);
        known = NULL;
    }
    struct subscription *subscription =
        known != NULL ? known : add_subscription(member, track, spec->id);
    bool anew = known == NULL || !same_stream(&known->spec, spec);
    if (known != NULL && anew) {
        retire_streams(known);
    }
    fwd->held += spec->held;
    fwd->held -= subscription->spec.held;
    subscription->spec = *spec;
    subscription->mid = (struct bytes){(const uint8_t *)subscription->spec.mid, strlen(spec->mid)};
    subscription->ids = *peer_exts(member->peer);
    if (!spec->transport_cc) {
        subscription->ids.id[RTP_EXT_TRANSPORT_CC] = 0;
    }
    subscription->spec.resume = NULL;
    if (spec->transport_cc || spec->remb) {
        bandwidth_begin(member, now_us, spec->transport_cc);
    }
    if (anew) {
        start_sender(subscription, now_us);
        bandwidth_keep(subscription, NULL);
    }
    if (spec->resume != NULL && (anew || member->duty != FWD_SERVES)) {
        handover_note(subscription, spec->resume);
    }
    lease_heed(subscription);
    media_apply_want(subscription, now_us);
    bandwidth_soon(member, now_us);
}

static void unlink_subscription(struct subscription *subscription)
{
    struct fwd_member *member = subscription->member;
    struct track *track = subscription->track;
    struct subscription *last = member->subscriptions[--member->subscription_count];
    member->subscriptions[subscription->member_place] = last;
    last->member_place = subscription->member_place;
    last = track->subscriptions[--track->subscription_count];
    track->subscriptions[subscription->track_place] = last;
    last->track_place = subscription->track_place;
}

void fwd_remove_subscription(struct fwd *fwd, uint32_t id)
{
    struct subscription *subscription = find_subscription(fwd, id);
    if (subscription == NULL) {
        return;
    }
    fwd->held -= subscription->spec.held;
    retire_streams(subscription);
    bandwidth_forget(subscription);
    unlink_subscription(subscription);
    stream_sender_free(subscription->sender);
    handover_forget(subscription);
    early_end(subscription);
    HASH_DEL(fwd->subscriptions, subscription);
    free(subscription);
}

struct fwd_member *fwd_subscription_member(const struct fwd *fwd, uint32_t id)
{
    const struct subscription *subscription = find_subscription(fwd, id);
    return subscription == NULL ? NULL : subscription->member;
}

uint32_t fwd_subscription_track(const struct fwd *fwd, uint32_t id)
{
    const struct subscription *subscription = find_subscription(fwd, id);
    assert(subscription != NULL);
    return subscription->track->id;
}

uint32_t fwd_ssrc_subscription(const struct fwd_member *member, uint32_t ssrc)
{
    for (size_t i = 0; i < member->subscription_count && ssrc != 0; i++) {
        const struct fwd_subscription *spec = &member->subscriptions[i]->spec;
        if (spec->ssrc == ssrc || spec->rtx_ssrc == ssrc) {
            return spec->id;
        }
    }
    return 0;
}

void fwd_get_subscription(const struct fwd *fwd, uint32_t id, struct fwd_subscription *out)
{
    const struct subscription *subscription = find_subscription(fwd, id);
    assert(subscription != NULL);
    *out = subscription->spec;
    out->resume = NULL;
}

void fwd_list_subscriptions(const struct fwd *fwd, uint32_t *out)
{
    for (struct subscription *s = fwd->subscriptions; s != NULL; s = s->hh.next) {
        *out++ = s->id;
    }
}
