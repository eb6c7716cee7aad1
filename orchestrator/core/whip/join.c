/* SPDX-License-Identifier: Apache-2.0
 *
 * An offer as the join request of an SDK: what its sections send is announced by add_track.
 */
#include "orchestrator/core/whip/private.h"

#include <stdio.h>
#include <stdlib.h>

#define CLIENT_PROTOCOL 17 /* of LiveKit's signalling, whose messages we write */
#define LAYERS_MAX      3

/* ---- Sections ------------------------------------------------------------------------------ */

static bool is_wanted(const struct sdp_media *media, enum mode mode)
{
    enum sdp_direction way = mode == PUBLISH ? SDP_SENDONLY : SDP_RECVONLY;
    return !media->rejected && (media->direction & way) != 0;
}

static bool is_known(const struct sdp_media *media)
{
    for (size_t i = 0; i < media->codec_count; i++) {
        if (media->codecs[i].id != SDP_CODEC_OTHER && media->codecs[i].id != SDP_RTX) {
            return true;
        }
    }
    return false;
}

int whip_read_offer(struct media *out, const struct sdp_offer *offer, enum mode mode,
                    char reason[SDP_REASON_MAX])
{
    struct media found = {NULL, NULL};
    for (size_t i = 0; i < offer->media_count; i++) {
        const struct sdp_media *media = &offer->media[i];
        const struct sdp_media **slot = media->kind == SDP_AUDIO ? &found.audio : &found.video;
        if ((media->kind != SDP_AUDIO && media->kind != SDP_VIDEO) || !is_wanted(media, mode)) {
            continue;
        }
        if (*slot != NULL) {
            snprintf(reason, SDP_REASON_MAX, "more than one section of a kind (RFC 9725 §4.4)");
            return HTTP_UNPROCESSABLE;
        }
        if (mode == PLAY && media->direction != SDP_RECVONLY) {
            snprintf(reason, SDP_REASON_MAX, "a section that is not recvonly");
            return HTTP_UNPROCESSABLE;
        }
        if (!is_known(media)) {
            snprintf(reason, SDP_REASON_MAX, "a section without a codec that is known here");
            return HTTP_UNPROCESSABLE;
        }
        *slot = media;
    }
    if (found.audio == NULL && found.video == NULL) {
        snprintf(reason, SDP_REASON_MAX, "no section that %s audio or video",
                 mode == PUBLISH ? "sends" : "receives");
        return HTTP_UNPROCESSABLE;
    }
    *out = found;
    return 0;
}

/* ---- Tracks -------------------------------------------------------------------------------- */

static Livekit__AddTrackRequest *add_track(const struct sdp_media *media, struct arena *arena)
{
    Livekit__AddTrackRequest *add = arena_alloc(arena, sizeof(*add));
    livekit__add_track_request__init(add);
    const char *kind = media->kind == SDP_AUDIO ? "audio" : "video";
    add->cid = arena_str(arena, media->track[0] != '\0' ? media->track : kind);
    add->stream = arena_str(arena, media->stream);
    return add;
}

/* A stereo sound is music, which is neither cut into pauses nor sent twice; as the SDKs have it. */
static Livekit__AddTrackRequest *add_audio(const struct sdp_media *media, struct arena *arena)
{
    Livekit__AddTrackRequest *add = add_track(media, arena);
    add->type = LIVEKIT__TRACK_TYPE__AUDIO;
    add->source = LIVEKIT__TRACK_SOURCE__MICROPHONE;
    for (size_t i = 0; i < media->codec_count; i++) {
        const struct sdp_codec *codec = &media->codecs[i];
        add->stereo |= codec->id == SDP_OPUS && strstr(codec->fmtp, "stereo=1") != NULL;
    }
    add->disable_dtx = add->disable_red = add->stereo;
    return add;
}

static void fill_layers(Livekit__AddTrackRequest *add, size_t count, struct arena *arena)
{
    add->layers = arena_array(arena, count, sizeof(Livekit__VideoLayer *));
    add->n_layers = count;
    for (size_t i = 0; i < count; i++) {
        add->layers[i] = arena_alloc(arena, sizeof(Livekit__VideoLayer));
        livekit__video_layer__init(add->layers[i]);
        add->layers[i]->quality = (Livekit__VideoQuality)i; /* LOW is 0 */
    }
}

static Livekit__AddTrackRequest *add_video(const struct sdp_media *media, struct arena *arena)
{
    Livekit__AddTrackRequest *add = add_track(media, arena);
    add->type = LIVEKIT__TRACK_TYPE__VIDEO;
    add->source = LIVEKIT__TRACK_SOURCE__CAMERA;
    size_t first = 0; /* the client's favourite of those that we know; is_known() */
    while (media->codecs[first].id == SDP_CODEC_OTHER || media->codecs[first].id == SDP_RTX) {
        first++;
    }
    Livekit__SimulcastCodec *codec = arena_alloc(arena, sizeof(*codec));
    livekit__simulcast_codec__init(codec);
    codec->codec = arena_str(arena, sdp_codec_name(media->codecs[first].id));
    codec->cid = add->cid;
    add->simulcast_codecs = arena_array(arena, 1, sizeof(codec));
    add->simulcast_codecs[0] = codec;
    add->n_simulcast_codecs = 1;
    fill_layers(add, MIN(MAX(media->rid_count, 1), LAYERS_MAX), arena);
    return add;
}

/* ---- Join request -------------------------------------------------------------------------- */

char *whip_join_request(const char *offer, const struct media *media)
{
    struct arena arena = {0};
    Livekit__ClientInfo client = LIVEKIT__CLIENT_INFO__INIT;
    Livekit__ConnectionSettings settings = LIVEKIT__CONNECTION_SETTINGS__INIT;
    Livekit__SessionDescription description = LIVEKIT__SESSION_DESCRIPTION__INIT;
    Livekit__AddTrackRequest *tracks[2];
    Livekit__JoinRequest request = LIVEKIT__JOIN_REQUEST__INIT;
    client.protocol = CLIENT_PROTOCOL;
    client.other_sdks = offer == NULL ? "whep" : "whip";
    request.client_info = &client;
    request.connection_settings = &settings; /* subscribes to nothing by itself */
    if (offer != NULL) {
        description.type = "offer";
        description.sdp = arena_str(&arena, offer);
        description.id = WHIP_OFFER_ID;
        request.publisher_offer = &description;
        request.add_track_requests = tracks;
        if (media->audio != NULL) {
            tracks[request.n_add_track_requests++] = add_audio(media->audio, &arena);
        }
        if (media->video != NULL) {
            tracks[request.n_add_track_requests++] = add_video(media->video, &arena);
        }
    }
    char *text = entry_encode(&request);
    arena_fini(&arena);
    return text;
}
