/* SPDX-License-Identifier: Apache-2.0
 *
 * What the server API does to a room and the people in it.
 */
#include "orchestrator/core/room/private.h"
#include "proto/wire/wire.h"

#include <stdlib.h>

int room_remove(struct room *room, int64_t now_us, const char *identity,
                Livekit__DisconnectReason reason, struct effects *fx)
{
    struct participant *p = room_find(room, identity);
    if (p == NULL) {
        return ERR_NOT_FOUND;
    }
    room_leave(room, now_us, p, reason, LIVEKIT__LEAVE_REQUEST__ACTION__DISCONNECT, true, fx);
    return 0;
}

int room_mute(struct room *room, const char *identity, const char *track_sid, bool muted,
              struct effects *fx)
{
    struct participant *p = room_find(room, identity);
    struct track *track = p == NULL ? NULL : publish_find(p, track_sid);
    if (track == NULL) {
        return ERR_NOT_FOUND;
    }
    if (!muted && track->info->muted) { /* nobody switches on a camera from afar */
        return ERR_DENIED;
    }
    Livekit__MuteTrackRequest mute = LIVEKIT__MUTE_TRACK_REQUEST__INIT;
    mute.sid = track->info->sid;
    mute.muted = muted;
    Livekit__SignalResponse response = LIVEKIT__SIGNAL_RESPONSE__INIT;
    response.message_case = LIVEKIT__SIGNAL_RESPONSE__MESSAGE_MUTE;
    response.mute = &mute;
    signal_send(p, &response, fx);
    publish_mute(track, muted);
    return 0;
}

static void unpublish_denied(struct participant *p, int64_t now_us, struct effects *fx)
{
    struct track *track, *next;
    DL_FOREACH_SAFE(p->tracks, track, next)
    {
        if (!publish_allowed(p, track)) {
            publish_withdraw(track, now_us, fx);
        }
    }
}

static void apply_permission(struct participant *p, int64_t now_us,
                             const Livekit__ParticipantPermission *permission, struct effects *fx)
{
    bool could_subscribe = p->permission.can_subscribe;
    bool was_hidden = p->permission.hidden;
    participant_set_permission(p, permission);
    participant_recount(p->room, now_us); /* a recorder is one by permission */
    unpublish_denied(p, now_us, fx);
    if (!was_hidden && p->permission.hidden) {
        room_hide(p);
    } else if (was_hidden && !p->permission.hidden) {
        room_reveal(p, fx);
    }
    if (!could_subscribe && p->permission.can_subscribe) {
        subscribe_auto(p);
        data_track_auto(p, fx);
    }
    if (!p->permission.can_subscribe) {
        subscribe_nothing(p);
        data_track_unsubscribe(p, fx);
    }
}

static void replace(char **text, const char *with)
{
    if (with[0] != '\0') {
        free(*text);
        *text = mem_str(with);
    }
}

static bool update_attributes(struct participant *p,
                              const Livekit__UpdateParticipantRequest *request)
{
    struct attribute *list = mem_array(request->n_attributes, sizeof(*list));
    for (size_t i = 0; i < request->n_attributes; i++) {
        list[i] = (struct attribute){request->attributes[i]->key, request->attributes[i]->value};
    }
    bool fit = participant_update_attributes(p, list, request->n_attributes);
    free(list);
    return fit;
}

int room_update_participant(struct room *room, int64_t now_us,
                            const Livekit__UpdateParticipantRequest *request, struct effects *fx)
{
    struct participant *p = room_find(room, request->identity);
    if (p == NULL) {
        return ERR_NOT_FOUND;
    }
    if (strlen(request->metadata) > ROOM_METADATA_BYTES ||
        strlen(request->name) > ROOM_IDENTITY_BYTES || !update_attributes(p, request)) {
        return ERR_TOO_BIG;
    }
    replace(&p->metadata, request->metadata);
    replace(&p->name, request->name);
    if (request->permission != NULL) {
        apply_permission(p, now_us, request->permission, fx);
    }
    participant_changed(p);
    participant_refresh_token(p, now_us, fx);
    return 0;
}

int room_update_subscriptions(struct room *room, const Livekit__UpdateSubscriptionsRequest *request,
                              struct effects *fx)
{
    struct participant *p = room_find(room, request->identity);
    if (p == NULL) {
        return ERR_NOT_FOUND;
    }
    Livekit__UpdateSubscription update = LIVEKIT__UPDATE_SUBSCRIPTION__INIT;
    update.n_track_sids = request->n_track_sids;
    update.track_sids = request->track_sids;
    update.subscribe = request->subscribe;
    update.n_participant_tracks = request->n_participant_tracks;
    update.participant_tracks = request->participant_tracks;
    subscribe_request(p, &update, fx);
    return 0;
}

int room_send_data(struct room *room, int64_t now_us, const Livekit__SendDataRequest *request,
                   struct effects *fx)
{
    Livekit__UserPacket user = LIVEKIT__USER_PACKET__INIT;
    user.payload = request->data;
    user.has_topic_case =
        (Livekit__UserPacket__HasTopicCase)(request->has_topic_case ==
                                                    LIVEKIT__SEND_DATA_REQUEST__HAS_TOPIC_TOPIC
                                                ? LIVEKIT__USER_PACKET__HAS_TOPIC_TOPIC
                                                : LIVEKIT__USER_PACKET__HAS_TOPIC__NOT_SET);
    user.topic = request->topic;
    user.nonce = request->nonce;
    user.n_destination_sids = request->n_destination_sids;
    user.destination_sids = request->destination_sids;
    Livekit__DataPacket packet = LIVEKIT__DATA_PACKET__INIT;
    packet.kind = request->kind;
    packet.n_destination_identities = request->n_destination_identities;
    packet.destination_identities = request->destination_identities;
    packet.value_case = LIVEKIT__DATA_PACKET__VALUE_USER;
    packet.user = &user;
    size_t len;
    uint8_t *packed = wire_pack(&packet.base, &len);
    struct data_packet view;
    int err = data_packet_parse((struct bytes){packed, len}, &view);
    if (err == 0) {
        bool reliable = request->kind == LIVEKIT__DATA_PACKET__KIND__RELIABLE;
        channel_broadcast(room, now_us, NULL, &view, reliable, fx);
    }
    free(packed);
    return err;
}
