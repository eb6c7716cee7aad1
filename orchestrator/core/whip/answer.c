/* SPDX-License-Identifier: Apache-2.0
 *
 * What the room says, and what HTTP is told of it.
 */
#include "orchestrator/core/whip/private.h"
#include "proto/wire/wire.h"

#include <stdio.h>
#include <stdlib.h>

#define CLOSE_POLICY  1008 /* RFC 6455; of a client that broke a rule */
#define NOTHING_S     5    /* until it may be worth another look */
#define HEADERS_BYTES 256  /* without links */

static const struct whip_refusal nothing = {HTTP_CONFLICT,
                                            "nothing is published that it could play", NOTHING_S};

/* ---- Playing ------------------------------------------------------------------------------- */

static const Livekit__TrackInfo *track_of(const Livekit__ParticipantInfo *p,
                                          Livekit__TrackType type, Livekit__TrackSource source)
{
    for (size_t i = 0; i < p->n_tracks; i++) {
        if (p->tracks[i]->type == type && p->tracks[i]->source == source) {
            return p->tracks[i];
        }
    }
    return NULL;
}

/* A camera, else what it shares; a microphone, else the sound of that, else of anything. */
static const Livekit__TrackInfo *video_of(const Livekit__ParticipantInfo *p)
{
    const Livekit__TrackType type = LIVEKIT__TRACK_TYPE__VIDEO;
    const Livekit__TrackInfo *track = track_of(p, type, LIVEKIT__TRACK_SOURCE__CAMERA);
    track = track != NULL ? track : track_of(p, type, LIVEKIT__TRACK_SOURCE__SCREEN_SHARE);
    return track != NULL ? track : track_of(p, type, LIVEKIT__TRACK_SOURCE__UNKNOWN);
}

static const Livekit__TrackInfo *audio_of(const Livekit__ParticipantInfo *p)
{
    const Livekit__TrackType type = LIVEKIT__TRACK_TYPE__AUDIO;
    const Livekit__TrackInfo *track = track_of(p, type, LIVEKIT__TRACK_SOURCE__MICROPHONE);
    track = track != NULL ? track : track_of(p, type, LIVEKIT__TRACK_SOURCE__SCREEN_SHARE_AUDIO);
    return track != NULL ? track : track_of(p, type, LIVEKIT__TRACK_SOURCE__UNKNOWN);
}

/* Each with who publishes it. */
struct choice {
    const Livekit__TrackInfo *audio, *video;
    const Livekit__ParticipantInfo *audio_from, *video_from;
};

static bool is_camera(const Livekit__TrackInfo *track)
{
    return track != NULL && track->source == LIVEKIT__TRACK_SOURCE__CAMERA;
}

/* The first camera there is, else the first screen, and the sound of the same person, else the
 * first there is. */
static struct choice choose(const struct session *s, const Livekit__JoinResponse *join)
{
    struct choice choice = {0};
    const Livekit__ParticipantInfo *first = NULL; /* who has a sound */
    for (size_t i = 0; i < join->n_other_participants; i++) {
        const Livekit__ParticipantInfo *p = join->other_participants[i];
        if (s->wanted[0] != '\0' && strcmp(s->wanted, p->identity) != 0) {
            continue;
        }
        const Livekit__TrackInfo *video = s->video ? video_of(p) : NULL;
        const Livekit__TrackInfo *audio = s->audio ? audio_of(p) : NULL;
        if (video != NULL &&
            (choice.video == NULL || (is_camera(video) && !is_camera(choice.video)))) {
            choice = (struct choice){audio, video, p, p};
        }
        first = first == NULL && audio != NULL ? p : first;
    }
    if (choice.audio == NULL && first != NULL) {
        choice.audio = audio_of(first);
        choice.audio_from = first;
    }
    return choice;
}

static void keep(struct session *s, const Livekit__ParticipantInfo *from,
                 const Livekit__TrackInfo *track)
{
    struct played *played = &s->played[s->played_count++];
    snprintf(played->publisher, sizeof(played->publisher), "%s", from->sid);
    snprintf(played->track, sizeof(played->track), "%s", track->sid);
}

static void ask(struct whip *whip, struct session *s, const struct choice *choice)
{
    char *sids[2];
    Livekit__UpdateSubscription update = LIVEKIT__UPDATE_SUBSCRIPTION__INIT;
    Livekit__SignalRequest request = LIVEKIT__SIGNAL_REQUEST__INIT;
    update.subscribe = true;
    update.track_sids = sids;
    if (choice->audio != NULL) {
        keep(s, choice->audio_from, choice->audio);
        sids[update.n_track_sids++] = choice->audio->sid;
    }
    if (choice->video != NULL) {
        keep(s, choice->video_from, choice->video);
        sids[update.n_track_sids++] = choice->video->sid;
    }
    request.message_case = LIVEKIT__SIGNAL_REQUEST__MESSAGE_SUBSCRIPTION;
    request.subscription = &update;
    whip_signal(whip, s, &request);
    whip_offer(whip, s, s->offer);
    s->phase = ASKING;
}

static void give_up(struct whip *whip, struct session *s, const struct whip_refusal *why)
{
    whip_refuse(whip, s->conn, why);
    whip_session_leave(whip, s);
}

static void joined(struct whip *whip, struct session *s, const Livekit__JoinResponse *join)
{
    if (s->phase != JOINING) {
        return;
    }
    s->links = whip_links(join->ice_servers, join->n_ice_servers);
    if (s->mode == PUBLISH) {
        s->phase = ASKING;
        return;
    }
    struct choice choice = choose(s, join);
    if (choice.audio == NULL && choice.video == NULL) {
        give_up(whip, s, &nothing);
        return;
    }
    ask(whip, s, &choice);
}

static bool publishes(const Livekit__ParticipantInfo *p, const char *sid)
{
    for (size_t i = 0; i < p->n_tracks; i++) {
        if (strcmp(p->tracks[i]->sid, sid) == 0) {
            return p->state != LIVEKIT__PARTICIPANT_INFO__STATE__DISCONNECTED;
        }
    }
    return false;
}

/* Who plays what is no more would never know: its connection ends, so that it asks again. */
static void updated(struct whip *whip, struct session *s, const Livekit__ParticipantUpdate *update)
{
    if (s->phase == JOINING || s->mode != PLAY) {
        return;
    }
    for (size_t i = 0; i < update->n_participants; i++) {
        const Livekit__ParticipantInfo *p = update->participants[i];
        for (size_t j = s->played_count; j-- > 0;) {
            const struct played *played = &s->played[j];
            if (strcmp(played->publisher, p->sid) == 0 && !publishes(p, played->track)) {
                s->played[j] = s->played[--s->played_count];
            }
        }
    }
    if (s->played_count == 0 && s->phase == OPEN) {
        whip_session_leave(whip, s);
    } else if (s->played_count == 0) {
        give_up(whip, s, &nothing);
    }
}

/* ---- Answers ------------------------------------------------------------------------------- */

static void answered(struct whip *whip, struct session *s, const Livekit__SessionDescription *sdp)
{
    if (s->phase == OPEN) {
        whip_restarted(whip, s, sdp);
        return;
    }
    if (s->phase != ASKING) {
        return;
    }
    if (s->mode == PLAY && sdp->n_mid_to_track_id == 0) {
        give_up(whip, s,
                &(struct whip_refusal){HTTP_UNPROCESSABLE,
                                       "the offer has no codec of what is published", 0});
        return;
    }
    size_t cap = HEADERS_BYTES + strlen(s->links);
    char *answer = mem_str(sdp->sdp);
    char *headers = mem_alloc(cap);
    snprintf(headers, cap,
             "Location: /%s/v1/sessions/%s\r\n"
             "ETag: \"%s\"\r\n"
             "Accept-Patch: " WHIP_TYPE_FRAGMENT "\r\n%s",
             s->mode == PUBLISH ? "whip" : "whep", s->sid, s->etag, s->links);
    whip_take(whip, (struct whip_out){.type = WHIP_ANSWER,
                                      .id = s->conn,
                                      .status = HTTP_CREATED,
                                      .content_type = "application/sdp",
                                      .headers = headers,
                                      .body = {(uint8_t *)answer, strlen(answer)}});
    whip_session_open(whip, s);
}

void whip_message(struct whip *whip, int64_t now_us, uint64_t conn, struct bytes response)
{
    assert(now_us >= whip->now_us);
    whip->now_us = now_us;
    struct session *s = whip_find(whip, conn);
    ProtobufCMessage *unpacked;
    if (s == NULL || wire_unpack(&livekit__signal_response__descriptor, response, &unpacked) != 0) {
        return; /* of another orchestrator's making: ours packs no such thing */
    }
    const Livekit__SignalResponse *said = (const Livekit__SignalResponse *)unpacked;
    switch (said->message_case) {
    case LIVEKIT__SIGNAL_RESPONSE__MESSAGE_JOIN:
        joined(whip, s, said->join);
        break;
    case LIVEKIT__SIGNAL_RESPONSE__MESSAGE_ANSWER:
        answered(whip, s, said->answer);
        break;
    case LIVEKIT__SIGNAL_RESPONSE__MESSAGE_UPDATE:
        updated(whip, s, said->update);
        break;
    case LIVEKIT__SIGNAL_RESPONSE__MESSAGE_LEAVE:
        s->left = true;
        s->reason = said->leave->reason;
        break;
    default: /* of offers it never makes, of candidates it has no way to hear of */
        break;
    }
    protobuf_c_message_free_unpacked(unpacked, NULL);
}

/* ---- Ends ---------------------------------------------------------------------------------- */

void whip_refused(struct whip *whip, int64_t now_us, uint64_t conn, const struct whip_refusal *why)
{
    assert(now_us >= whip->now_us);
    whip->now_us = now_us;
    struct session *s = whip_find(whip, conn);
    if (s != NULL) {
        assert(s->phase == JOINING); /* nothing is refused that was let in */
        whip_refuse(whip, conn, why);
        whip_session_free(whip, s);
    }
}

/* A connection that was let in, and closed before there was an answer. */
static struct whip_refusal why_closed(const struct session *s, int code, const char *text)
{
    if (s->left && s->reason == LIVEKIT__DISCONNECT_REASON__DUPLICATE_IDENTITY) {
        return (struct whip_refusal){HTTP_CONFLICT, "somebody else came with its identity", 0};
    }
    if (s->left && s->reason == LIVEKIT__DISCONNECT_REASON__STATE_MISMATCH) {
        return (struct whip_refusal){HTTP_UNPROCESSABLE, text, 0};
    }
    if (code == CLOSE_POLICY) {
        return (struct whip_refusal){HTTP_FORBIDDEN, text, 0};
    }
    return (struct whip_refusal){HTTP_UNAVAILABLE, text != NULL ? text : "try again", WHIP_BUSY_S};
}

void whip_closed(struct whip *whip, int64_t now_us, uint64_t conn, int code, const char *text)
{
    assert(now_us >= whip->now_us);
    whip->now_us = now_us;
    struct session *s = whip_find(whip, conn);
    if (s == NULL) {
        return;
    }
    if (s->phase != OPEN) {
        struct whip_refusal why = why_closed(s, code, text);
        whip_refuse(whip, conn, &why);
    }
    whip_take(whip, (struct whip_out){.type = WHIP_DISCONNECT, .id = conn});
    whip_session_free(whip, s);
}
