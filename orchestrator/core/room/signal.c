/* SPDX-License-Identifier: Apache-2.0
 *
 * Signalling messages: what goes out, and which file acts on what comes in.
 */
#include "orchestrator/core/room/private.h"

#include <stdlib.h>

void signal_send(const struct participant *p, const Livekit__SignalResponse *response,
                 struct effects *fx)
{
    uint64_t conn = participant_conn(p);
    if (conn == 0) { /* a resuming client is told everything anew */
        return;
    }
    size_t len = livekit__signal_response__get_packed_size(response);
    uint8_t *data = mem_alloc(len + 1);
    livekit__signal_response__pack(response, data);
    effects_take(fx, (struct effect){.type = EFFECT_SEND, .id = conn, .data = data, .len = len});
}

void signal_leave(const struct participant *p, Livekit__DisconnectReason reason,
                  Livekit__LeaveRequest__Action action, struct effects *fx)
{
    Livekit__LeaveRequest leave = LIVEKIT__LEAVE_REQUEST__INIT;
    leave.reason = reason;
    leave.action = action;
    leave.can_reconnect = action != LIVEKIT__LEAVE_REQUEST__ACTION__DISCONNECT;
    Livekit__SignalResponse response = LIVEKIT__SIGNAL_RESPONSE__INIT;
    response.message_case = LIVEKIT__SIGNAL_RESPONSE__MESSAGE_LEAVE;
    response.leave = &leave;
    signal_send(p, &response, fx);
}

void signal_request_response(const struct participant *p, uint32_t request_id,
                             Livekit__RequestResponse__Reason reason, const char *message,
                             struct effects *fx)
{
    Livekit__RequestResponse answer = LIVEKIT__REQUEST_RESPONSE__INIT;
    answer.request_id = request_id;
    answer.reason = reason;
    answer.message = (char *)message;
    Livekit__SignalResponse response = LIVEKIT__SIGNAL_RESPONSE__INIT;
    response.message_case = LIVEKIT__SIGNAL_RESPONSE__MESSAGE_REQUEST_RESPONSE;
    response.request_response = &answer;
    signal_send(p, &response, fx);
}

static void pong(const struct participant *p, int64_t now_us, const Livekit__Ping *ping,
                 struct effects *fx)
{
    Livekit__Pong answer = LIVEKIT__PONG__INIT;
    answer.last_ping_timestamp = ping->timestamp;
    answer.timestamp = wall_ms(p->room, now_us);
    Livekit__SignalResponse response = LIVEKIT__SIGNAL_RESPONSE__INIT;
    response.message_case = LIVEKIT__SIGNAL_RESPONSE__MESSAGE_PONG_RESP;
    response.pong_resp = &answer;
    signal_send(p, &response, fx);
}

static void pong_old(const struct participant *p, int64_t now_us, struct effects *fx)
{
    Livekit__SignalResponse response = LIVEKIT__SIGNAL_RESPONSE__INIT;
    response.message_case = LIVEKIT__SIGNAL_RESPONSE__MESSAGE_PONG;
    response.pong = wall_ms(p->room, now_us);
    signal_send(p, &response, fx);
}

static void mute(struct participant *p, const Livekit__MuteTrackRequest *request)
{
    struct track *track = publish_find(p, request->sid);
    if (track != NULL) {
        publish_mute(track, request->muted);
    }
}

static bool update_attributes(struct participant *p,
                              const Livekit__UpdateParticipantMetadata *request)
{
    struct attribute *list = mem_array(request->n_attributes, sizeof(*list));
    for (size_t i = 0; i < request->n_attributes; i++) {
        list[i] = (struct attribute){request->attributes[i]->key, request->attributes[i]->value};
    }
    bool fit = participant_update_attributes(p, list, request->n_attributes);
    free(list);
    return fit;
}

static void set_text(char **field, const char *value)
{
    if (value[0] != '\0') {
        free(*field);
        *field = mem_str(value);
    }
}

static void update_metadata(struct participant *p, int64_t now_us,
                            const Livekit__UpdateParticipantMetadata *request, struct effects *fx)
{
    if (!p->permission.can_update_metadata) {
        signal_request_response(p, request->request_id,
                                LIVEKIT__REQUEST_RESPONSE__REASON__NOT_ALLOWED,
                                "does not have permission to update own metadata", fx);
        return;
    }
    if (strlen(request->name) > ROOM_IDENTITY_BYTES ||
        strlen(request->metadata) > ROOM_METADATA_BYTES || !update_attributes(p, request)) {
        signal_request_response(p, request->request_id,
                                LIVEKIT__REQUEST_RESPONSE__REASON__LIMIT_EXCEEDED,
                                "name, metadata or attributes exceed their limit", fx);
        return;
    }
    set_text(&p->name, request->name);
    set_text(&p->metadata, request->metadata);
    participant_changed(p);
    participant_refresh_token(p, now_us, fx); /* should it start over, it is still so */
    signal_request_response(p, request->request_id, LIVEKIT__REQUEST_RESPONSE__REASON__OK, "", fx);
}

static void update_audio_track(struct participant *p, const Livekit__UpdateLocalAudioTrack *request)
{
    struct track *track = publish_find(p, request->track_sid);
    if (track == NULL) {
        return;
    }
    Livekit__TrackInfo *info = track->info;
    free(info->audio_features);
    info->n_audio_features = request->n_features;
    info->audio_features =
        mem_copy(request->features, request->n_features * sizeof(*request->features));
    participant_changed(p);
}

static void update_video_track(struct participant *p, const Livekit__UpdateLocalVideoTrack *request)
{
    struct track *track = publish_find(p, request->track_sid);
    if (track != NULL) {
        track->info->width = request->width;
        track->info->height = request->height;
        participant_changed(p);
    }
}

/* A resuming client names what it publishes. What we do not know of, unless the last owner of the
 * room answered it in its last moment, means that it and we parted ways: it must start over. */
static bool in_sync(struct participant *p, int64_t now_us, const Livekit__SyncState *state,
                    struct effects *fx)
{
    for (size_t i = 0; i < state->n_publish_tracks; i++) {
        const Livekit__TrackPublishedResponse *published = state->publish_tracks[i];
        if (published->track != NULL && publish_find(p, published->track->sid) == NULL &&
            !publish_again(p, now_us, published, fx)) {
            return false;
        }
    }
    for (size_t i = 0; i < state->n_publish_data_tracks; i++) {
        const struct data_track *data;
        const Livekit__DataTrackInfo *info = state->publish_data_tracks[i]->info;
        bool known = info == NULL;
        DL_FOREACH(p->data_tracks, data)
        {
            known |= !known && strcmp(data->info->sid, info->sid) == 0;
        }
        if (!known) {
            return false;
        }
    }
    return true;
}

static void sync_state(struct participant *p, int64_t now_us, const Livekit__SyncState *state,
                       struct effects *fx)
{
    if (!in_sync(p, now_us, state, fx)) {
        room_leave(p->room, now_us, p, LIVEKIT__DISCONNECT_REASON__STATE_MISMATCH,
                   LIVEKIT__LEAVE_REQUEST__ACTION__RECONNECT, true, fx);
        return;
    }
    for (size_t i = 0; i < state->n_track_sids_disabled; i++) {
        subscribe_disable(p, state->track_sids_disabled[i]);
    }
    if (state->subscription != NULL) {
        subscribe_request(p, state->subscription, fx);
    }
    if (state->data_subscription != NULL) {
        data_track_subscribe(p, state->data_subscription, fx);
    }
    channel_received(p, state);
}

/* Test hooks of the SDKs (livekit-protocol.md §2.8). Node failure and migration are what the open
 * LiveKit server makes of them: the signal drops, the resume is answered with RECONNECT. */
static void simulate(struct participant *p, int64_t now_us,
                     const Livekit__SimulateScenario *scenario, struct effects *fx)
{
    switch (scenario->scenario_case) {
    case LIVEKIT__SIMULATE_SCENARIO__SCENARIO_SPEAKER_UPDATE:
        speakers_simulate(p, now_us, scenario->speaker_update);
        break;
    case LIVEKIT__SIMULATE_SCENARIO__SCENARIO_NODE_FAILURE:
    case LIVEKIT__SIMULATE_SCENARIO__SCENARIO_MIGRATION: {
        uint64_t conn = p->conn;
        p->conn = 0; /* no leave: the client finds its connection closed */
        room_leave(p->room, now_us, p, LIVEKIT__DISCONNECT_REASON__MIGRATION,
                   LIVEKIT__LEAVE_REQUEST__ACTION__RECONNECT, false, fx);
        effect_close(fx, conn, 1000);
        break;
    }
    case LIVEKIT__SIMULATE_SCENARIO__SCENARIO_SERVER_LEAVE:
        room_leave(p->room, now_us, p, LIVEKIT__DISCONNECT_REASON__SERVER_SHUTDOWN,
                   LIVEKIT__LEAVE_REQUEST__ACTION__DISCONNECT, true, fx);
        break;
    case LIVEKIT__SIMULATE_SCENARIO__SCENARIO_DISCONNECT_SIGNAL_ON_RESUME:
        p->drop_next_resume = true;
        break;
    case LIVEKIT__SIMULATE_SCENARIO__SCENARIO_DISCONNECT_SIGNAL_ON_RESUME_NO_MESSAGES:
        p->resumes_to_drop = 3;
        break;
    case LIVEKIT__SIMULATE_SCENARIO__SCENARIO_LEAVE_REQUEST_FULL_RECONNECT:
        room_leave(p->room, now_us, p, LIVEKIT__DISCONNECT_REASON__UNKNOWN_REASON,
                   LIVEKIT__LEAVE_REQUEST__ACTION__RECONNECT, true, fx);
        break;
    default: /* subscriber bandwidth and candidate protocol: not simulated */
        log_write(p->room->config->log, LOG_DEBUG, "simulate_ignored participant=%s scenario=%d",
                  p->sid, (int)scenario->scenario_case);
        break;
    }
}

/* tidy: long, a flat switch with one line per message */
static int dispatch(struct room *room, int64_t now_us, struct participant *p,
                    const Livekit__SignalRequest *request, struct effects *fx,
                    char reason[SDP_REASON_MAX])
{
    switch (request->message_case) {
    case LIVEKIT__SIGNAL_REQUEST__MESSAGE_OFFER:
        sealed_now(p);
        return negotiate_offer(p, now_us, request->offer, fx, reason);
    case LIVEKIT__SIGNAL_REQUEST__MESSAGE_ANSWER:
        return propose_answered(p, now_us, request->answer, fx, reason);
    case LIVEKIT__SIGNAL_REQUEST__MESSAGE_TRICKLE: /* we are ICE-lite and learn paths from checks */
        return 0;
    case LIVEKIT__SIGNAL_REQUEST__MESSAGE_ADD_TRACK:
        return publish_add(p, now_us, request->add_track, fx, reason);
    case LIVEKIT__SIGNAL_REQUEST__MESSAGE_MUTE:
        mute(p, request->mute);
        return 0;
    case LIVEKIT__SIGNAL_REQUEST__MESSAGE_SUBSCRIPTION:
        subscribe_request(p, request->subscription, fx);
        return 0;
    case LIVEKIT__SIGNAL_REQUEST__MESSAGE_TRACK_SETTING:
        subscribe_settings(p, request->track_setting);
        return 0;
    case LIVEKIT__SIGNAL_REQUEST__MESSAGE_LEAVE:
        room_leave(room, now_us, p, LIVEKIT__DISCONNECT_REASON__CLIENT_INITIATED,
                   LIVEKIT__LEAVE_REQUEST__ACTION__DISCONNECT, false, fx);
        return 0;
    case LIVEKIT__SIGNAL_REQUEST__MESSAGE_SUBSCRIPTION_PERMISSION:
        subscribe_permission(p, request->subscription_permission);
        return 0;
    case LIVEKIT__SIGNAL_REQUEST__MESSAGE_SYNC_STATE:
        sync_state(p, now_us, request->sync_state, fx);
        return 0;
    case LIVEKIT__SIGNAL_REQUEST__MESSAGE_SIMULATE:
        simulate(p, now_us, request->simulate, fx);
        return 0;
    case LIVEKIT__SIGNAL_REQUEST__MESSAGE_PING:
        pong_old(p, now_us, fx);
        return 0;
    case LIVEKIT__SIGNAL_REQUEST__MESSAGE_PING_REQ:
        pong(p, now_us, request->ping_req, fx);
        return 0;
    case LIVEKIT__SIGNAL_REQUEST__MESSAGE_UPDATE_METADATA:
        update_metadata(p, now_us, request->update_metadata, fx);
        return 0;
    case LIVEKIT__SIGNAL_REQUEST__MESSAGE_UPDATE_AUDIO_TRACK:
        update_audio_track(p, request->update_audio_track);
        return 0;
    case LIVEKIT__SIGNAL_REQUEST__MESSAGE_UPDATE_VIDEO_TRACK:
        update_video_track(p, request->update_video_track);
        return 0;
    case LIVEKIT__SIGNAL_REQUEST__MESSAGE_PUBLISH_DATA_TRACK_REQUEST:
        data_track_publish(p, request->publish_data_track_request, fx);
        return 0;
    case LIVEKIT__SIGNAL_REQUEST__MESSAGE_UNPUBLISH_DATA_TRACK_REQUEST:
        data_track_unpublish(p, request->unpublish_data_track_request, fx);
        return 0;
    case LIVEKIT__SIGNAL_REQUEST__MESSAGE_UPDATE_DATA_SUBSCRIPTION:
        data_track_subscribe(p, request->update_data_subscription, fx);
        return 0;
    default: /* newer than this program */
        return 0;
    }
}

int room_signal(struct room *room, int64_t now_us, const char *identity,
                const Livekit__SignalRequest *request, struct effects *fx,
                char reason[SDP_REASON_MAX])
{
    struct participant *p = room_find(room, identity);
    if (p == NULL) {
        return 0; /* it left with this connection's messages still on their way */
    }
    p->ping_by_us = now_us + TIME_S(ROOM_PING_TIMEOUT_S);
    p->heard_us = now_us;
    missed_forget(p);
    int err = limits_request(request, reason);
    if (err != 0) {
        return err;
    }
    if (request->message_case != LIVEKIT__SIGNAL_REQUEST__MESSAGE_PING &&
        request->message_case != LIVEKIT__SIGNAL_REQUEST__MESSAGE_PING_REQ) {
        sealed_changed(p); /* whatever it asks for */
    }
    return dispatch(room, now_us, p, request, fx, reason);
}
