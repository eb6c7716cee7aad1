/* SPDX-License-Identifier: Apache-2.0
 *
 * Who receives which track. A subscription exists from the wish to see a track on; it is carried
 * once it is allowed, has found a section of the subscriber's offer, and is in the node's spec.
 */
#include "orchestrator/core/room/private.h"

#include <stdlib.h>

struct subscription *subscribe_find(const struct participant *p, const struct track *track)
{
    struct subscription *subscription;
    DL_FOREACH(receiver_of(p)->subscriptions, subscription)
    {
        if (subscription->track == track) {
            return subscription;
        }
    }
    return NULL;
}

bool subscribe_is_held(const struct subscription *subscription)
{
    return subscription->subscriber->video_held && subscription->track->kind == SDP_VIDEO;
}

bool subscribe_is_off(const struct subscription *subscription)
{
    return subscription->disabled || subscription->quality == LIVEKIT__VIDEO_QUALITY__OFF ||
           subscribe_is_held(subscription);
}

static bool lists_track(const Livekit__TrackPermission *permission, const char *sid)
{
    for (size_t i = 0; i < permission->n_track_sids; i++) {
        if (strcmp(permission->track_sids[i], sid) == 0) {
            return true;
        }
    }
    return permission->all_tracks;
}

bool subscribe_permitted(const struct track *track, const struct participant *connection)
{
    const struct participant *subscriber = person_of(connection);
    const Livekit__SubscriptionPermission *rules = track->publisher->subscription_permission;
    if (!subscriber->permission.can_subscribe) {
        return false;
    }
    if (rules == NULL || rules->all_participants) {
        return true;
    }
    for (size_t i = 0; i < rules->n_track_permissions; i++) {
        const Livekit__TrackPermission *rule = rules->track_permissions[i];
        bool names_it = rule->participant_identity[0] != '\0'
                            ? strcmp(rule->participant_identity, subscriber->identity) == 0
                            : strcmp(rule->participant_sid, subscriber->sid) == 0;
        if (names_it && lists_track(rule, track->info->sid)) {
            return true;
        }
    }
    return false;
}

static void tell_permission(struct subscription *subscription, struct effects *fx)
{
    subscription->allowed_told = subscription->allowed;
    Livekit__SubscriptionPermissionUpdate update = LIVEKIT__SUBSCRIPTION_PERMISSION_UPDATE__INIT;
    update.participant_sid = subscription->track->publisher->sid;
    update.track_sid = subscription->track->info->sid;
    update.allowed = subscription->allowed;
    Livekit__SignalResponse response = LIVEKIT__SIGNAL_RESPONSE__INIT;
    response.message_case = LIVEKIT__SIGNAL_RESPONSE__MESSAGE_SUBSCRIPTION_PERMISSION_UPDATE;
    response.subscription_permission_update = &update;
    signal_send(subscription->subscriber, &response, fx);
}

static void tell_subscribed(struct track *track, struct effects *fx)
{
    track->carried_told = true;
    Livekit__TrackSubscribed subscribed = LIVEKIT__TRACK_SUBSCRIBED__INIT;
    subscribed.track_sid = track->info->sid;
    Livekit__SignalResponse response = LIVEKIT__SIGNAL_RESPONSE__INIT;
    response.message_case = LIVEKIT__SIGNAL_RESPONSE__MESSAGE_TRACK_SUBSCRIBED;
    response.track_subscribed = &subscribed;
    signal_send(track->publisher, &response, fx);
}

void subscribe_carried(struct subscription *subscription)
{
    subscription->refused_told = false;
    struct track *track = subscription->track;
    if (!track->carried && subscription->entry[HERE].in_spec &&
        subscription->subscriber->connected) {
        track->carried = true;
        track->publisher->tell = true;
    }
}

void subscribe_flush(struct participant *p, struct effects *fx)
{
    if (!p->tell || participant_conn(p) == 0) { /* a client that is away hears it when it resumes */
        return;
    }
    p->tell = false;
    struct subscription *subscription;
    DL_FOREACH(p->subscriptions, subscription)
    {
        if (subscription->allowed != subscription->allowed_told) {
            tell_permission(subscription, fx);
        }
    }
    shortage_tell(p, fx);
    struct track *track;
    DL_FOREACH(p->tracks, track)
    {
        if (track->carried && !track->carried_told) {
            tell_subscribed(track, fx);
        }
    }
}

static void release_line(struct subscription *subscription)
{
    struct participant *p = subscription->subscriber;
    struct session_line *line = session_line_of_subscription(&p->session, subscription->id);
    if (line != NULL) {
        line->subscription = 0;
        line->releasing = true;
        p->renegotiate = true;
    }
    spec_withdraw(subscription);
    cascade_changed(subscription->track);
}

void subscribe_add(struct participant *p, struct track *track)
{
    if (track->publisher == p || !track->published || subscribe_find(p, track) != NULL ||
        !p->permission.can_subscribe) {
        return;
    }
    struct room *room = p->room;
    p = receiver_of(p);
    struct subscription *subscription = mem_alloc(sizeof(*subscription));
    subscription->id = ++room->last_subscription;
    subscription->track = track;
    subscription->subscriber = p;
    subscription->allowed = subscribe_permitted(track, p);
    subscription->allowed_told = true;
    subscription->quality = LIVEKIT__VIDEO_QUALITY__HIGH;
    DL_APPEND(p->subscriptions, subscription);
    sealed_changed(p);
    wants_begin(subscription);
    DL_APPEND2(track->subscriptions, subscription, track_prev, track_next);
    cascade_changed(track);
    p->tell = p->tell || subscribe_is_held(subscription);
    if (!subscription->allowed) {
        p->tell = true;
        return;
    }
    p->renegotiate = true;
    p->asked_fruitless = 0;
}

void subscribe_remove(struct subscription *subscription)
{
    release_line(subscription);
    sealed_changed(subscription->subscriber);
    wants_end(subscription);
    DL_DELETE(subscription->subscriber->subscriptions, subscription);
    DL_DELETE2(subscription->track->subscriptions, subscription, track_prev, track_next);
    free(subscription);
}

void subscribe_auto(struct participant *p)
{
    if (!p->auto_subscribe) {
        return;
    }
    for (struct participant *other = p->room->participants; other != NULL; other = other->hh.next) {
        struct track *track;
        DL_FOREACH(other->tracks, track)
        {
            if (!other->permission.hidden) {
                subscribe_add(p, track);
            }
        }
    }
}

void subscribe_nothing(struct participant *p)
{
    struct participant *receiver = receiver_of(p);
    while (receiver->subscriptions != NULL) {
        subscribe_remove(receiver->subscriptions);
    }
}

void subscribe_everybody(struct track *track)
{
    struct participant *p =
        track->publisher->permission.hidden ? NULL : track->publisher->room->participants;
    for (; p != NULL; p = p->hh.next) {
        if (p->auto_subscribe) {
            subscribe_add(p, track);
        }
    }
}

void subscribe_end(struct track *track)
{
    while (track->subscriptions != NULL) {
        subscribe_remove(track->subscriptions);
    }
}

static struct track *find_track(const struct room *room, const char *sid)
{
    for (const struct participant *p = room->participants; p != NULL; p = p->hh.next) {
        struct track *track = publish_find(p, sid);
        if (track != NULL && track->published) {
            return track;
        }
    }
    return NULL;
}

static void request_one(struct participant *p, const char *sid, bool subscribe, struct effects *fx)
{
    struct track *track = find_track(p->room, sid);
    if (track != NULL && subscribe) {
        subscribe_add(p, track);
    } else if (track != NULL) {
        struct subscription *subscription = subscribe_find(p, track);
        if (subscription != NULL) {
            subscribe_remove(subscription);
        }
    } else if (subscribe) {
        Livekit__SubscriptionResponse refusal = LIVEKIT__SUBSCRIPTION_RESPONSE__INIT;
        refusal.track_sid = (char *)sid;
        refusal.err = LIVEKIT__SUBSCRIPTION_ERROR__SE_TRACK_NOTFOUND;
        Livekit__SignalResponse response = LIVEKIT__SIGNAL_RESPONSE__INIT;
        response.message_case = LIVEKIT__SIGNAL_RESPONSE__MESSAGE_SUBSCRIPTION_RESPONSE;
        response.subscription_response = &refusal;
        signal_send(p, &response, fx);
    }
}

void subscribe_request(struct participant *p, const Livekit__UpdateSubscription *request,
                       struct effects *fx)
{
    for (size_t i = 0; i < request->n_track_sids; i++) {
        request_one(p, request->track_sids[i], request->subscribe, fx);
    }
    for (size_t i = 0; i < request->n_participant_tracks; i++) {
        const Livekit__ParticipantTracks *tracks = request->participant_tracks[i];
        for (size_t j = 0; j < tracks->n_track_sids; j++) {
            request_one(p, tracks->track_sids[j], request->subscribe, fx);
        }
    }
}

void subscribe_settings(struct participant *p, const Livekit__UpdateTrackSettings *settings)
{
    for (size_t i = 0; i < settings->n_track_sids; i++) {
        struct track *track = find_track(p->room, settings->track_sids[i]);
        struct subscription *subscription = track == NULL ? NULL : subscribe_find(p, track);
        if (subscription == NULL) {
            continue;
        }
        subscription->settings_known = true;
        subscription->disabled = settings->disabled;
        subscription->quality = settings->quality;
        subscription->width = settings->width;
        subscription->height = settings->height;
        subscription->fps = settings->fps;
        subscription->priority = settings->priority;
        spec_subscription_changed(subscription);
        wants_changed(subscription);
        cascade_changed(track);
    }
}

/* Only that: the layer it wants stays what it was. */
void subscribe_disable(struct participant *p, const char *track_sid)
{
    struct track *track = find_track(p->room, track_sid);
    struct subscription *subscription = track == NULL ? NULL : subscribe_find(p, track);
    if (subscription != NULL) {
        subscription->disabled = true;
        spec_subscription_changed(subscription);
        wants_changed(subscription);
        cascade_changed(track);
    }
}

void subscribe_permission(struct participant *p, const Livekit__SubscriptionPermission *permission)
{
    if (p->subscription_permission != NULL) {
        livekit__subscription_permission__free_unpacked(p->subscription_permission, NULL);
    }
    p->subscription_permission = info_clone(&permission->base);
    EACH_CONNECTION(p->room, other)
    {
        struct subscription *subscription;
        DL_FOREACH(other->subscriptions, subscription)
        {
            bool allowed = subscribe_permitted(subscription->track, other);
            if (subscription->track->publisher != p || subscription->allowed == allowed) {
                continue;
            }
            subscription->allowed = allowed;
            wants_changed(subscription);
            cascade_changed(subscription->track);
            other->tell = true;
            if (allowed) {
                other->renegotiate = true;
            } else {
                release_line(subscription);
            }
        }
    }
}

/* ---- Which layer --------------------------------------------------------------------------- */

/* The smallest layer that covers the element the track is shown in. */
static uint32_t layer_for_size(const Livekit__TrackInfo *info, uint32_t width, uint32_t height)
{
    uint32_t best = UINT32_MAX;
    uint64_t best_pixels = UINT64_MAX;
    uint64_t wanted = (uint64_t)width * height;
    for (size_t i = 0; i < info->n_layers; i++) {
        const Livekit__VideoLayer *layer = info->layers[i];
        uint64_t pixels = (uint64_t)layer->width * layer->height;
        if (pixels >= wanted && pixels < best_pixels) {
            best = (uint32_t)layer->quality;
            best_pixels = pixels;
        }
    }
    return best;
}

/* What is wanted of so many sizes. */
static uint32_t size_wanted(const struct subscription *subscription, uint32_t highest)
{
    const struct track *track = subscription->track;
    if (!subscription->settings_known) {
        return person_of(subscription->subscriber)->adaptive_stream ? 0 : highest;
    }
    uint32_t wanted = (uint32_t)subscription->quality;
    if (subscription->width > 0 && subscription->height > 0) {
        wanted = layer_for_size(track->info, subscription->width, subscription->height);
    }
    return MIN(wanted, highest);
}

uint32_t subscribe_spatial_max(const struct subscription *subscription)
{
    const struct track *track = subscription->track;
    uint32_t highest = track->layer_count == 0 ? 0 : track->layers[track->layer_count - 1].spatial;
    return size_wanted(subscription, highest);
}

/* Layers of a codec that has them inside one stream are what the publisher said they are; which of
 * them really come, the node sees. */
uint32_t subscribe_sizes(const struct subscription *subscription)
{
    const struct track *track = subscription->track;
    enum sdp_codec_id codec = sdp_codec_from_name(track->info->mime_type);
    bool svc = codec == SDP_VP9 || codec == SDP_AV1;
    if (track->layer_count > 1 || track->info->n_layers < 2 || !svc) {
        return 0;
    }
    uint32_t highest = (uint32_t)MIN(track->info->n_layers, LAYERS_MAX) - 1;
    return size_wanted(subscription, highest) + 1;
}

/* fps asks for a temporal layer: each of three halves the rate of the one above it. */
uint32_t subscribe_temporal_max(const struct subscription *subscription)
{
    if (subscription->fps == 0 || subscription->fps > 15) {
        return RATE_ALL;
    }
    return subscription->fps > 7 ? 1 : 0;
}
