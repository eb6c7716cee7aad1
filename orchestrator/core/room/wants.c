/* SPDX-License-Identifier: Apache-2.0
 *
 * What subscribers want to see of a video track, towards its publisher: counted as it changes,
 * decided by dynacast.c, told with subscribed_quality_update. Every publisher is told; whether it
 * acts on it is its own option. (LiveKit's text is livekit-protocol.md §3.2.)
 */
#include "orchestrator/core/room/private.h"

#include <ctype.h>

static enum dynacast_level level_of(const struct subscription *subscription)
{
    const struct track *track = subscription->track;
    if (track->kind != SDP_VIDEO || !subscription->allowed || subscription->refused ||
        subscribe_is_off(subscription)) {
        return DYNACAST_OFF;
    }
    /* Whatever the highest layer is called, wanting it is wanting everything. So is wanting a
     * picture of a track in one stream: SVC layers are in it. */
    uint32_t spatial = subscribe_spatial_max(subscription);
    if (spatial + 1 >= track->layer_count) {
        return DYNACAST_HIGH;
    }
    return (enum dynacast_level)(DYNACAST_LOW + track->layers[spatial].quality);
}

static void count(struct subscription *subscription, enum dynacast_level level)
{
    struct track *track = subscription->track;
    if (level == subscription->wanted) {
        return;
    }
    dynacast_remove(&track->dynacast, subscription->wanted);
    dynacast_add(&track->dynacast, level);
    subscription->wanted = level;
    track->publisher->room->wants_dirty = true;
}

void wants_begin(struct subscription *subscription)
{
    dynacast_add(&subscription->track->dynacast, subscription->wanted);
    wants_changed(subscription);
}

void wants_changed(struct subscription *subscription)
{
    count(subscription, level_of(subscription));
}

void wants_end(struct subscription *subscription)
{
    count(subscription, DYNACAST_OFF);
    dynacast_remove(&subscription->track->dynacast, DYNACAST_OFF);
}

static void tell(const struct track *track, struct effects *fx)
{
    static const char prefix[] = "video/";
    Livekit__SubscribedQuality qualities[DYNACAST_HIGH], *list[DYNACAST_HIGH];
    for (unsigned i = 0; i < DYNACAST_HIGH; i++) {
        livekit__subscribed_quality__init(&qualities[i]);
        qualities[i].quality = (Livekit__VideoQuality)i;
        qualities[i].enabled = DYNACAST_LOW + i <= (unsigned)track->dynacast.level;
        list[i] = &qualities[i];
    }
    char codec[16] = ""; /* "vp8": the short name in lower case */
    const char *mime = track->info->mime_type;
    size_t skip = strncmp(mime, prefix, sizeof(prefix) - 1) == 0 ? sizeof(prefix) - 1 : 0;
    for (size_t i = 0; mime[skip + i] != '\0' && i + 1 < sizeof(codec); i++) {
        codec[i] = (char)tolower((unsigned char)mime[skip + i]);
    }
    Livekit__SubscribedCodec subscribed = LIVEKIT__SUBSCRIBED_CODEC__INIT;
    Livekit__SubscribedCodec *codecs[] = {&subscribed};
    subscribed.codec = codec;
    subscribed.qualities = list;
    subscribed.n_qualities = ARRAY_LEN(list);
    Livekit__SubscribedQualityUpdate update = LIVEKIT__SUBSCRIBED_QUALITY_UPDATE__INIT;
    update.track_sid = track->info->sid;
    update.subscribed_qualities = list;
    update.n_subscribed_qualities = ARRAY_LEN(list);
    update.subscribed_codecs = codecs;
    update.n_subscribed_codecs = ARRAY_LEN(codecs);
    Livekit__SignalResponse response = LIVEKIT__SIGNAL_RESPONSE__INIT;
    response.message_case = LIVEKIT__SIGNAL_RESPONSE__MESSAGE_SUBSCRIBED_QUALITY_UPDATE;
    response.subscribed_quality_update = &update;
    signal_send(track->publisher, &response, fx);
}

void wants_repeat(const struct participant *p, struct effects *fx)
{
    const struct track *track;
    DL_FOREACH(p->tracks, track)
    {
        if (track->published && track->kind == SDP_VIDEO) {
            tell(track, fx);
        }
    }
}

void wants_flush(struct room *room, int64_t now_us, struct effects *fx)
{
    if (!room->wants_dirty && now_us < room->wants_at_us) {
        return;
    }
    room->wants_dirty = false;
    room->wants_at_us = TIME_NEVER;
    for (struct participant *p = room->participants; p != NULL; p = p->hh.next) {
        struct track *track;
        DL_FOREACH(p->tracks, track)
        {
            if (!track->published || track->kind != SDP_VIDEO) {
                continue;
            }
            if (dynacast_decide(&track->dynacast, now_us)) {
                tell(track, fx);
            }
            room->wants_at_us = MIN(room->wants_at_us, dynacast_deadline(&track->dynacast));
        }
    }
}
