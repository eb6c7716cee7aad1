/* SPDX-License-Identifier: Apache-2.0
 *
 * Audio before video: who found no place for all he watches is served without video meanwhile. His
 * video subscriptions stay, negotiated as they are, but are paused and weigh nothing; publishers
 * whom nobody watches any more are told so (wants.c). Who gives it and takes it away is orch/.
 *
 * A node pauses video, too, that its subscriber's network does not take. To the client that is the
 * same; here nothing follows from it.
 */
#include "orchestrator/core/room/private.h"

static size_t video_count(const struct participant *p)
{
    const struct subscription *subscription;
    size_t count = 0;
    DL_FOREACH(p->subscriptions, subscription)
    {
        count += subscription->track->kind == SDP_VIDEO;
    }
    return count;
}

static void hold(struct participant *p, bool held)
{
    struct subscription *subscription;
    p->video_held = held;
    p->tell = true;
    sealed_changed(p);
    DL_FOREACH(p->subscriptions, subscription)
    {
        if (subscription->track->kind == SDP_VIDEO) {
            spec_subscription_changed(subscription);
            wants_changed(subscription);
            cascade_changed(subscription->track);
        }
    }
}

void room_hold_video(struct room *room, const char *node, const char *identity, bool held)
{
    for (const struct participant *one = room->participants; one != NULL; one = one->hh.next) {
        struct participant *p = receiver_of(one);
        bool meant = strcmp(p->host->node, node) == 0 &&
                     (identity == NULL || strcmp(p->identity, identity) == 0);
        if (meant && p->video_held != held) {
            hold(p, held);
        }
    }
}

struct room_held room_take_video(struct room *room, const char *node, struct room_held most)
{
    struct room_held taken = {0};
    for (const struct participant *one = room->participants; one != NULL; one = one->hh.next) {
        struct participant *p = receiver_of(one);
        if (taken.people >= most.people || taken.weight >= most.weight) {
            break;
        }
        size_t count = video_count(p);
        if (count > 0 && !p->video_held && strcmp(p->host->node, node) == 0) {
            hold(p, true);
            taken.people++;
            taken.weight += (uint32_t)count;
        }
    }
    return taken;
}

struct room_held room_held(const struct room *room, const char *node)
{
    struct room_held sum = {0};
    EACH_CONNECTION(room, p)
    {
        if (p->video_held && (node == NULL || strcmp(p->host->node, node) == 0)) {
            sum.people++;
            sum.weight += (uint32_t)video_count(p);
        }
    }
    return sum;
}

bool room_holds_video_of(const struct room *room, const char *identity)
{
    const struct participant *p = room_find(room, identity);
    return p != NULL && receiver_of(p)->video_held;
}

static bool names(const Spillway__Control__VideoPaused *paused, uint32_t id)
{
    for (size_t i = 0; i < paused->n_subscriptions; i++) {
        if (paused->subscriptions[i] == id) {
            return true;
        }
    }
    return false;
}

void shortage_paused(struct participant *p, const Spillway__Control__VideoPaused *paused)
{
    struct subscription *subscription;
    DL_FOREACH(p->subscriptions, subscription)
    {
        subscription->starved =
            subscription->track->kind == SDP_VIDEO && names(paused, subscription->id);
    }
    p->tell = true;
}

void shortage_moved(struct participant *p)
{
    static const Spillway__Control__VideoPaused none = SPILLWAY__CONTROL__VIDEO_PAUSED__INIT;
    shortage_paused(p, &none);
}

void shortage_tell(struct participant *p, struct effects *fx)
{
    struct arena arena = {0};
    struct subscription *subscription;
    Livekit__StreamStateUpdate update = LIVEKIT__STREAM_STATE_UPDATE__INIT;
    update.stream_states = arena_array(&arena, video_count(p), sizeof(*update.stream_states));
    DL_FOREACH(p->subscriptions, subscription)
    {
        bool held = subscribe_is_held(subscription) || subscription->starved;
        if (held == subscription->held_told) {
            continue;
        }
        subscription->held_told = held;
        Livekit__StreamStateInfo *info = arena_alloc(&arena, sizeof(*info));
        livekit__stream_state_info__init(info);
        info->participant_sid = subscription->track->publisher->sid;
        info->track_sid = subscription->track->info->sid;
        info->state = held ? LIVEKIT__STREAM_STATE__PAUSED : LIVEKIT__STREAM_STATE__ACTIVE;
        update.stream_states[update.n_stream_states++] = info;
    }
    if (update.n_stream_states > 0) {
        Livekit__SignalResponse response = LIVEKIT__SIGNAL_RESPONSE__INIT;
        response.message_case = LIVEKIT__SIGNAL_RESPONSE__MESSAGE_STREAM_STATE_UPDATE;
        response.stream_state_update = &update;
        signal_send(p, &response, fx);
    }
    arena_fini(&arena);
}
