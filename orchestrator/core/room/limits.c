/* SPDX-License-Identifier: Apache-2.0 */
#include "orchestrator/core/room/limits.h"

#include <stdio.h>

static bool text_fits(const char *text)
{
    return strnlen(text, LIMITS_TEXT_BYTES + 1) <= LIMITS_TEXT_BYTES;
}

static bool texts_fit(char *const *list, size_t count)
{
    if (count > LIMITS_LIST) {
        return false;
    }
    for (size_t i = 0; i < count; i++) {
        if (!text_fits(list[i])) {
            return false;
        }
    }
    return true;
}

static bool layers_fit(Livekit__VideoLayer *const *layers, size_t count)
{
    if (count > LIMITS_LAYERS) {
        return false;
    }
    for (size_t i = 0; i < count; i++) {
        if (!text_fits(layers[i]->rid)) {
            return false;
        }
    }
    return true;
}

static bool codecs_fit(Livekit__SimulcastCodec *const *codecs, size_t count)
{
    if (count > LIMITS_LAYERS) {
        return false;
    }
    for (size_t i = 0; i < count; i++) {
        if (!text_fits(codecs[i]->codec) || !text_fits(codecs[i]->cid) ||
            !layers_fit(codecs[i]->layers, codecs[i]->n_layers)) {
            return false;
        }
    }
    return true;
}

const char *limits_add_track(const Livekit__AddTrackRequest *request)
{
    if (!text_fits(request->cid) || !text_fits(request->sid)) {
        return "the cid or sid exceeds its limit";
    }
    if (!text_fits(request->name) || !text_fits(request->stream)) {
        return "the name or stream exceeds its limit";
    }
    if (!layers_fit(request->layers, request->n_layers) ||
        !codecs_fit(request->simulcast_codecs, request->n_simulcast_codecs)) {
        return "the layers or codecs exceed their limit";
    }
    if (request->n_audio_features > LIMITS_FEATURES ||
        request->n_packet_trailer_features > LIMITS_FEATURES) {
        return "the features exceed their limit";
    }
    return NULL;
}

bool limits_published(const Livekit__TrackPublishedResponse *published)
{
    return published->cid[0] != '\0' && published->track->sid[0] != '\0' &&
           strlen(published->track->sid) < ID_MAX &&
           livekit__track_published_response__get_packed_size(published) <= LIMITS_TRACK_BYTES;
}

const char *limits_data_track(const Livekit__PublishDataTrackRequest *request)
{
    return livekit__publish_data_track_request__get_packed_size(request) > LIMITS_SCHEMA_BYTES
               ? "the schema exceeds its limit"
               : NULL;
}

static bool subscription_fits(const Livekit__UpdateSubscription *request)
{
    size_t named = request->n_track_sids;
    if (!texts_fit(request->track_sids, request->n_track_sids) ||
        request->n_participant_tracks > LIMITS_LIST) {
        return false;
    }
    for (size_t i = 0; i < request->n_participant_tracks; i++) {
        const Livekit__ParticipantTracks *tracks = request->participant_tracks[i];
        named += tracks->n_track_sids;
        if (named > LIMITS_LIST || !text_fits(tracks->participant_sid) ||
            !texts_fit(tracks->track_sids, tracks->n_track_sids)) {
            return false;
        }
    }
    return true;
}

static bool permission_fits(const Livekit__SubscriptionPermission *permission)
{
    size_t named = permission->n_track_permissions;
    for (size_t i = 0; named <= LIMITS_LIST && i < permission->n_track_permissions; i++) {
        const Livekit__TrackPermission *rule = permission->track_permissions[i];
        named += rule->n_track_sids;
        if (!text_fits(rule->participant_sid) || !text_fits(rule->participant_identity) ||
            !texts_fit(rule->track_sids, rule->n_track_sids)) {
            return false;
        }
    }
    return named <= LIMITS_LIST;
}

static bool data_subscription_fits(const Livekit__UpdateDataSubscription *request)
{
    bool fits = request->n_updates <= LIMITS_LIST;
    for (size_t i = 0; fits && i < request->n_updates; i++) {
        fits = text_fits(request->updates[i]->track_sid);
    }
    return fits;
}

static bool sync_fits(const Livekit__SyncState *state)
{
    return state->n_publish_tracks <= LIMITS_LIST && state->n_publish_data_tracks <= LIMITS_LIST &&
           texts_fit(state->track_sids_disabled, state->n_track_sids_disabled) &&
           (state->subscription == NULL || subscription_fits(state->subscription)) &&
           (state->data_subscription == NULL || data_subscription_fits(state->data_subscription));
}

static const char *beyond(const Livekit__SignalRequest *request)
{
    switch (request->message_case) {
    case LIVEKIT__SIGNAL_REQUEST__MESSAGE_SUBSCRIPTION:
        return subscription_fits(request->subscription) ? NULL : "subscription";
    case LIVEKIT__SIGNAL_REQUEST__MESSAGE_TRACK_SETTING:
        return texts_fit(request->track_setting->track_sids, request->track_setting->n_track_sids)
                   ? NULL
                   : "track_setting";
    case LIVEKIT__SIGNAL_REQUEST__MESSAGE_SUBSCRIPTION_PERMISSION:
        return permission_fits(request->subscription_permission) ? NULL : "subscription_permission";
    case LIVEKIT__SIGNAL_REQUEST__MESSAGE_SYNC_STATE:
        return sync_fits(request->sync_state) ? NULL : "sync_state";
    case LIVEKIT__SIGNAL_REQUEST__MESSAGE_UPDATE_AUDIO_TRACK:
        return request->update_audio_track->n_features <= LIMITS_FEATURES ? NULL
                                                                          : "update_audio_track";
    case LIVEKIT__SIGNAL_REQUEST__MESSAGE_UPDATE_DATA_SUBSCRIPTION:
        return data_subscription_fits(request->update_data_subscription)
                   ? NULL
                   : "update_data_subscription";
    default:
        return NULL;
    }
}

int limits_request(const Livekit__SignalRequest *request, char reason[SDP_REASON_MAX])
{
    const char *what = beyond(request);
    if (what == NULL) {
        return 0;
    }
    snprintf(reason, SDP_REASON_MAX, "%s: a list or text in it exceeds its limit", what);
    return ERR_TOO_BIG;
}

int limits_join(const Livekit__JoinRequest *request, char reason[SDP_REASON_MAX])
{
    const char *what = NULL;
    if (request->client_info != NULL &&
        livekit__client_info__get_packed_size(request->client_info) > LIMITS_CLIENT_BYTES) {
        what = "client_info";
    } else if (request->n_participant_attributes > LIMITS_ATTRIBUTES) {
        what = "participant_attributes";
    } else if (request->n_add_track_requests > LIMITS_JOINING_TRACKS) {
        what = "add_track_requests";
    }
    if (what == NULL) {
        return 0;
    }
    snprintf(reason, SDP_REASON_MAX, "join_request: its %s exceed their limit", what);
    return ERR_TOO_BIG;
}
