/* SPDX-License-Identifier: Apache-2.0
 *
 * Data tracks: named streams of small packets on the _data_track channel. A publisher numbers its
 * tracks (handles); each subscriber gets numbers of its own, so that two publishers never collide.
 */
#include "orchestrator/core/room/private.h"

#include <stdlib.h>

/* These requests have no number: clients find theirs by the echo. */
static void send_refusal(const struct participant *p, Livekit__RequestResponse *answer,
                         Livekit__RequestResponse__Reason reason, const char *message,
                         struct effects *fx)
{
    answer->reason = reason;
    answer->message = (char *)message;
    Livekit__SignalResponse response = LIVEKIT__SIGNAL_RESPONSE__INIT;
    response.message_case = LIVEKIT__SIGNAL_RESPONSE__MESSAGE_REQUEST_RESPONSE;
    response.request_response = answer;
    signal_send(p, &response, fx);
}

static void refuse(const struct participant *p, const Livekit__PublishDataTrackRequest *request,
                   Livekit__RequestResponse__Reason reason, const char *message, struct effects *fx)
{
    Livekit__RequestResponse answer = LIVEKIT__REQUEST_RESPONSE__INIT;
    answer.request_case = LIVEKIT__REQUEST_RESPONSE__REQUEST_PUBLISH_DATA_TRACK;
    Livekit__PublishDataTrackRequest echo = LIVEKIT__PUBLISH_DATA_TRACK_REQUEST__INIT;
    echo.pub_handle = request->pub_handle; /* by which it is found */
    answer.publish_data_track = &echo;
    send_refusal(p, &answer, reason, message, fx);
}

static bool acceptable(const struct participant *p, const Livekit__PublishDataTrackRequest *request,
                       struct effects *fx)
{
    size_t count = 0, name_len = strlen(request->name);
    const struct data_track *track;
    if (!p->permission.can_publish_data) {
        refuse(p, request, LIVEKIT__REQUEST_RESPONSE__REASON__NOT_ALLOWED,
               "does not have permission to publish data", fx);
        return false;
    }
    if (request->pub_handle == 0 || request->pub_handle > UINT16_MAX) {
        refuse(p, request, LIVEKIT__REQUEST_RESPONSE__REASON__INVALID_HANDLE,
               "handle must be 1 to 65535", fx);
        return false;
    }
    if (name_len == 0 || name_len > ROOM_IDENTITY_BYTES) {
        refuse(p, request, LIVEKIT__REQUEST_RESPONSE__REASON__INVALID_NAME,
               "name must have 1 to 256 bytes", fx);
        return false;
    }
    const char *too_long = limits_data_track(request);
    if (too_long != NULL) {
        refuse(p, request, LIVEKIT__REQUEST_RESPONSE__REASON__LIMIT_EXCEEDED, too_long, fx);
        return false;
    }
    DL_FOREACH(p->data_tracks, track)
    {
        count++;
        if (track->handle == request->pub_handle) {
            refuse(p, request, LIVEKIT__REQUEST_RESPONSE__REASON__DUPLICATE_HANDLE,
                   "handle is in use", fx);
            return false;
        }
        if (strcmp(track->info->name, request->name) == 0) {
            refuse(p, request, LIVEKIT__REQUEST_RESPONSE__REASON__DUPLICATE_NAME, "name is in use",
                   fx);
            return false;
        }
    }
    if (count >= ROOM_DATA_TRACKS_MAX) {
        refuse(p, request, LIVEKIT__REQUEST_RESPONSE__REASON__LIMIT_EXCEEDED,
               "too many data tracks", fx);
        return false;
    }
    return true;
}

static struct data_subscription *find_subscription(const struct participant *p, const char *sid)
{
    struct data_subscription *subscription;
    DL_FOREACH(p->data_subscriptions, subscription)
    {
        if (strcmp(subscription->sid, sid) == 0) {
            return subscription;
        }
    }
    return NULL;
}

static struct data_track *find_track(const struct room *room, const char *sid,
                                     const struct participant **publisher)
{
    for (const struct participant *p = room->participants; p != NULL; p = p->hh.next) {
        struct data_track *track;
        DL_FOREACH(p->data_tracks, track)
        {
            if (strcmp(track->info->sid, sid) == 0) {
                *publisher = p;
                return track;
            }
        }
    }
    return NULL;
}

/* Always the whole list: the client replaces its own by it. */
static void send_handles(const struct participant *p, struct effects *fx)
{
    struct arena arena = {0};
    size_t count = 0;
    const struct data_subscription *subscription;
    DL_FOREACH(p->data_subscriptions, subscription)
    {
        count++;
    }
    Livekit__DataTrackSubscriberHandles handles = LIVEKIT__DATA_TRACK_SUBSCRIBER_HANDLES__INIT;
    handles.sub_handles = arena_array(&arena, count, sizeof(*handles.sub_handles));
    DL_FOREACH(p->data_subscriptions, subscription)
    {
        const struct participant *publisher;
        const struct data_track *track = find_track(p->room, subscription->sid, &publisher);
        if (track == NULL) {
            continue;
        }
        Livekit__DataTrackSubscriberHandles__PublishedDataTrack *value =
            arena_alloc(&arena, sizeof(*value));
        livekit__data_track_subscriber_handles__published_data_track__init(value);
        value->publisher_identity = publisher->identity;
        value->publisher_sid = (char *)publisher->sid;
        value->track_sid = track->info->sid;
        Livekit__DataTrackSubscriberHandles__SubHandlesEntry *entry =
            arena_alloc(&arena, sizeof(*entry));
        livekit__data_track_subscriber_handles__sub_handles_entry__init(entry);
        entry->key = subscription->handle;
        entry->value = value;
        handles.sub_handles[handles.n_sub_handles++] = entry;
    }
    Livekit__SignalResponse response = LIVEKIT__SIGNAL_RESPONSE__INIT;
    response.message_case = LIVEKIT__SIGNAL_RESPONSE__MESSAGE_DATA_TRACK_SUBSCRIBER_HANDLES;
    response.data_track_subscriber_handles = &handles;
    signal_send(p, &response, fx);
    arena_fini(&arena);
}

static bool handle_used(const struct participant *p, uint16_t handle)
{
    const struct data_subscription *subscription;
    DL_SEARCH_SCALAR(p->data_subscriptions, subscription, handle, handle);
    return subscription != NULL;
}

/* A handle is not used again before all others were, for packets under the old one may be on their
 * way. 0: all are in use. */
static uint16_t fresh_handle(struct participant *p)
{
    for (unsigned i = 0; i < UINT16_MAX; i++) {
        p->next_data_handle = p->next_data_handle == UINT16_MAX ? 1 : p->next_data_handle + 1;
        if (!handle_used(p, p->next_data_handle)) {
            return p->next_data_handle;
        }
    }
    return 0;
}

/* True: that is new. */
static bool subscribe(struct participant *p, const char *sid)
{
    uint16_t handle = find_subscription(p, sid) != NULL ? 0 : fresh_handle(p);
    if (handle == 0) {
        return false;
    }
    struct data_subscription *subscription = mem_alloc(sizeof(*subscription));
    subscription->handle = handle;
    memcpy(subscription->sid, sid, MIN(strlen(sid), ID_MAX - 1));
    DL_APPEND(p->data_subscriptions, subscription);
    sealed_changed(p);
    return true;
}

static void unsubscribe(struct participant *p, const char *sid)
{
    struct data_subscription *subscription = find_subscription(p, sid);
    if (subscription != NULL) {
        DL_DELETE(p->data_subscriptions, subscription);
        free(subscription);
        sealed_changed(p);
    }
}

void data_track_publish(struct participant *p, const Livekit__PublishDataTrackRequest *request,
                        struct effects *fx)
{
    if (!acceptable(p, request, fx)) {
        return;
    }
    char sid[ID_MAX];
    id_new(sid, "DTR_", &p->room->config->random);
    Livekit__DataTrackInfo info = LIVEKIT__DATA_TRACK_INFO__INIT;
    info.pub_handle = request->pub_handle;
    info.sid = sid;
    info.name = request->name;
    info.encryption = request->encryption;
    info.frame_encoding = request->frame_encoding;
    info.schema = request->schema;
    struct data_track *track = mem_alloc(sizeof(*track));
    track->handle = (uint16_t)request->pub_handle;
    track->info = info_clone(&info.base);
    DL_APPEND(p->data_tracks, track);

    Livekit__PublishDataTrackResponse published = LIVEKIT__PUBLISH_DATA_TRACK_RESPONSE__INIT;
    published.info = track->info;
    Livekit__SignalResponse response = LIVEKIT__SIGNAL_RESPONSE__INIT;
    response.message_case = LIVEKIT__SIGNAL_RESPONSE__MESSAGE_PUBLISH_DATA_TRACK_RESPONSE;
    response.publish_data_track_response = &published;
    signal_send(p, &response, fx);
    participant_changed(p);
    data_track_reveal(p, fx);
}

void data_track_reveal(struct participant *p, struct effects *fx)
{
    struct participant *other = p->permission.hidden ? NULL : p->room->participants;
    for (; other != NULL; other = other->hh.next) {
        const struct data_track *track;
        bool more = false;
        if (other == p || !other->auto_subscribe_data || !other->permission.can_subscribe) {
            continue;
        }
        DL_FOREACH(p->data_tracks, track)
        {
            more |= subscribe(other, track->info->sid);
        }
        if (more) {
            send_handles(other, fx);
        }
    }
}

static void unsubscribe_everybody(const struct participant *p, const struct data_track *track)
{
    for (struct participant *other = p->room->participants; other != NULL; other = other->hh.next) {
        unsubscribe(other, track->info->sid);
    }
}

void data_track_end(struct participant *p)
{
    const struct data_track *track;
    DL_FOREACH(p->data_tracks, track)
    {
        unsubscribe_everybody(p, track);
    }
}

static void track_free(struct participant *p, struct data_track *track)
{
    DL_DELETE(p->data_tracks, track);
    livekit__data_track_info__free_unpacked(track->info, NULL);
    free(track);
}

void data_track_unpublish(struct participant *p, const Livekit__UnpublishDataTrackRequest *request,
                          struct effects *fx)
{
    struct data_track *track;
    DL_SEARCH_SCALAR(p->data_tracks, track, handle, request->pub_handle);
    if (track == NULL) {
        Livekit__RequestResponse answer = LIVEKIT__REQUEST_RESPONSE__INIT;
        answer.request_case = LIVEKIT__REQUEST_RESPONSE__REQUEST_UNPUBLISH_DATA_TRACK;
        answer.unpublish_data_track = (Livekit__UnpublishDataTrackRequest *)request;
        send_refusal(p, &answer, LIVEKIT__REQUEST_RESPONSE__REASON__NOT_FOUND,
                     "no data track has this handle", fx);
        return;
    }
    unsubscribe_everybody(p, track);
    Livekit__UnpublishDataTrackResponse unpublished = LIVEKIT__UNPUBLISH_DATA_TRACK_RESPONSE__INIT;
    unpublished.info = track->info;
    Livekit__SignalResponse response = LIVEKIT__SIGNAL_RESPONSE__INIT;
    response.message_case = LIVEKIT__SIGNAL_RESPONSE__MESSAGE_UNPUBLISH_DATA_TRACK_RESPONSE;
    response.unpublish_data_track_response = &unpublished;
    signal_send(p, &response, fx);
    track_free(p, track);
    participant_changed(p);
}

void data_track_subscribe(struct participant *p, const Livekit__UpdateDataSubscription *request,
                          struct effects *fx)
{
    for (size_t i = 0; i < request->n_updates; i++) {
        const Livekit__UpdateDataSubscription__Update *update = request->updates[i];
        const struct participant *publisher;
        if (!update->subscribe) {
            unsubscribe(p, update->track_sid);
        } else if (p->permission.can_subscribe &&
                   find_track(p->room, update->track_sid, &publisher) != NULL) {
            (void)subscribe(p, update->track_sid);
        }
    }
    send_handles(p, fx);
}

void data_track_auto(struct participant *p, struct effects *fx)
{
    if (!p->auto_subscribe_data || !p->permission.can_subscribe) {
        return;
    }
    for (const struct participant *other = p->room->participants; other != NULL;
         other = other->hh.next) {
        const struct data_track *track;
        if (other == p || other->permission.hidden) {
            continue;
        }
        DL_FOREACH(other->data_tracks, track)
        {
            (void)subscribe(p, track->info->sid);
        }
    }
    if (p->data_subscriptions != NULL) {
        send_handles(p, fx);
    }
}

static void forget_subscriptions(struct participant *p)
{
    struct data_subscription *subscription, *next;
    DL_FOREACH_SAFE(p->data_subscriptions, subscription, next)
    {
        DL_DELETE(p->data_subscriptions, subscription);
        free(subscription);
    }
}

void data_track_unsubscribe(struct participant *p, struct effects *fx)
{
    if (p->data_subscriptions != NULL) {
        forget_subscriptions(p);
        sealed_changed(p);
        send_handles(p, fx);
    }
}

void data_track_forward(struct participant *p, struct bytes packet, struct effects *fx)
{
    uint16_t handle;
    struct data_track *track;
    if (!p->permission.can_publish_data || data_track_handle(packet, &handle) != 0) {
        return;
    }
    DL_SEARCH_SCALAR(p->data_tracks, track, handle, handle);
    if (track == NULL) {
        return;
    }
    uint8_t *copy = mem_copy(packet.data, packet.len);
    for (const struct participant *other = p->room->participants; other != NULL;
         other = other->hh.next) {
        const struct data_subscription *subscription = find_subscription(other, track->info->sid);
        const struct participant *receiver = receiver_of(other);
        const struct channel *channel = &receiver->channels[CHANNEL_DATA_TRACK];
        if (other == p || subscription == NULL || !channel->open) {
            continue;
        }
        data_track_set_handle(copy, subscription->handle);
        effect_channel_send(fx, receiver->session.transport, receiver->front.number,
                            channel->stream, true, (struct bytes){copy, packet.len});
    }
    free(copy);
}

void data_track_forget(struct participant *p)
{
    struct data_track *track, *next;
    DL_FOREACH_SAFE(p->data_tracks, track, next)
    {
        track_free(p, track);
    }
    forget_subscriptions(p);
}
