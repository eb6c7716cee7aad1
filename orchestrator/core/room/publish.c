/* SPDX-License-Identifier: Apache-2.0
 *
 * Published tracks. add_track announces one and gets its sid at once; the offer whose section
 * carries its cid publishes it. In which of the two orders they come is the client's choice: a
 * section nobody announced yet is answered, and waits.
 */
#include "orchestrator/core/room/private.h"

#include <stdio.h>
#include <stdlib.h>

struct track *publish_find(const struct participant *p, const char *sid)
{
    struct track *track;
    DL_FOREACH(p->tracks, track)
    {
        if (strcmp(track->info->sid, sid) == 0) {
            return track;
        }
    }
    return NULL;
}

struct track *publish_find_id(const struct room *room, uint32_t id)
{
    for (struct participant *p = room->participants; p != NULL; p = p->hh.next) {
        struct track *track;
        DL_FOREACH(p->tracks, track)
        {
            if (track->id == id) {
                return track;
            }
        }
    }
    return NULL;
}

static bool source_allowed(const struct participant *p, Livekit__TrackSource source)
{
    const Livekit__ParticipantPermission *permission = &p->permission;
    if (!permission->can_publish) {
        return false;
    }
    for (size_t i = 0; i < permission->n_can_publish_sources; i++) {
        if (permission->can_publish_sources[i] == source) {
            return true;
        }
    }
    return permission->n_can_publish_sources == 0;
}

bool publish_allowed(const struct participant *p, const struct track *track)
{
    return source_allowed(p, track->info->source);
}

static void refuse(const struct participant *p, const Livekit__AddTrackRequest *request,
                   Livekit__RequestResponse__Reason reason, const char *message, struct effects *fx)
{
    Livekit__RequestResponse answer = LIVEKIT__REQUEST_RESPONSE__INIT;
    answer.reason = reason;
    answer.message = (char *)message;
    answer.request_case = LIVEKIT__REQUEST_RESPONSE__REQUEST_ADD_TRACK;
    Livekit__AddTrackRequest echo = LIVEKIT__ADD_TRACK_REQUEST__INIT; /* by which it is found */
    echo.cid = request->cid;
    echo.type = request->type;
    echo.source = request->source;
    answer.add_track =
        limits_add_track(request) == NULL ? (Livekit__AddTrackRequest *)request : &echo;
    Livekit__SignalResponse response = LIVEKIT__SIGNAL_RESPONSE__INIT;
    response.message_case = LIVEKIT__SIGNAL_RESPONSE__MESSAGE_REQUEST_RESPONSE;
    response.request_response = &answer;
    signal_send(p, &response, fx);
}

static void send_published(const struct track *track, struct effects *fx)
{
    Livekit__TrackPublishedResponse published = LIVEKIT__TRACK_PUBLISHED_RESPONSE__INIT;
    published.cid = track->cid;
    published.track = track->info;
    Livekit__SignalResponse response = LIVEKIT__SIGNAL_RESPONSE__INIT;
    response.message_case = LIVEKIT__SIGNAL_RESPONSE__MESSAGE_TRACK_PUBLISHED;
    response.track_published = &published;
    signal_send(track->publisher, &response, fx);
}

/* "TR_" and two letters that people have learned to read in logs: kind and source. */
static void new_sid(char out[ID_MAX], const struct room *room,
                    const Livekit__AddTrackRequest *request)
{
    static const char source_letter[] = {'U', 'C', 'M', 'S', 's'};
    unsigned source = (unsigned)request->source;
    char prefix[8];
    snprintf(prefix, sizeof(prefix), "TR_%c%c",
             request->type == LIVEKIT__TRACK_TYPE__AUDIO ? 'A' : 'V',
             source < sizeof(source_letter) ? source_letter[source] : 'U');
    id_new(out, prefix, &room->config->random);
}

static bool has_feature(const Livekit__AddTrackRequest *request, Livekit__AudioTrackFeature feature)
{
    for (size_t i = 0; i < request->n_audio_features; i++) {
        if (request->audio_features[i] == feature) {
            return true;
        }
    }
    return false;
}

static const char *mime_type(const Livekit__AddTrackRequest *request)
{
    if (request->type == LIVEKIT__TRACK_TYPE__AUDIO) {
        return "audio/opus";
    }
    if (request->n_simulcast_codecs == 0) {
        return "";
    }
    return sdp_codec_mime(sdp_codec_from_name(request->simulcast_codecs[0]->codec));
}

static Livekit__TrackInfo *info_from_request(const struct room *room,
                                             const Livekit__AddTrackRequest *request)
{
    char sid[ID_MAX];
    new_sid(sid, room, request);
    Livekit__TrackInfo info = LIVEKIT__TRACK_INFO__INIT;
    info.sid = sid;
    info.type = request->type;
    info.name = request->name;
    info.muted = request->muted;
    info.width = request->width;
    info.height = request->height;
    info.source = request->source;
    info.layers = request->layers;
    info.n_layers = request->n_layers;
    info.mime_type = (char *)mime_type(request);
    info.stereo = request->stereo || has_feature(request, LIVEKIT__AUDIO_TRACK_FEATURE__TF_STEREO);
    info.disable_dtx =
        request->disable_dtx || has_feature(request, LIVEKIT__AUDIO_TRACK_FEATURE__TF_NO_DTX);
    info.disable_red = request->disable_red;
    info.encryption = request->encryption;
    info.stream = request->stream;
    info.audio_features = request->audio_features;
    info.n_audio_features = request->n_audio_features;
    info.backup_codec_policy = request->backup_codec_policy;
    info.packet_trailer_features = request->packet_trailer_features;
    info.n_packet_trailer_features = request->n_packet_trailer_features;

    Livekit__SimulcastCodecInfo codec = LIVEKIT__SIMULCAST_CODEC_INFO__INIT;
    Livekit__SimulcastCodecInfo *codecs = &codec;
    if (request->type == LIVEKIT__TRACK_TYPE__VIDEO) {
        codec.mime_type = info.mime_type;
        codec.cid = request->cid;
        codec.layers = request->layers;
        codec.n_layers = request->n_layers;
        if (request->n_simulcast_codecs > 0) {
            const Livekit__SimulcastCodec *first = request->simulcast_codecs[0];
            codec.video_layer_mode = first->video_layer_mode;
            if (first->n_layers > 0) {
                codec.layers = first->layers;
                codec.n_layers = first->n_layers;
                info.layers = info.n_layers > 0 ? info.layers : first->layers;
                info.n_layers = info.n_layers > 0 ? info.n_layers : first->n_layers;
            }
        }
        info.codecs = &codecs;
        info.n_codecs = 1;
        info.simulcast = info.n_layers > 1;
    }
    return info_clone(&info.base);
}

static struct track *find_pending(const struct participant *p, const char *cid, size_t *pending)
{
    struct track *track, *found = NULL;
    DL_FOREACH(p->tracks, track)
    {
        if (session_line_of_track((struct session *)&p->session, track->id) != NULL) {
            continue;
        }
        (*pending)++;
        if (found == NULL && strcmp(track->cid, cid) == 0) {
            found = track;
        }
    }
    return found;
}

/* ---- Binding to a section ------------------------------------------------------------------ */

/* The meaning of a rid: LiveKit's names say which layer they are, others count by position. */
static uint32_t spatial_of(const char *rid, size_t position)
{
    static const struct {
        const char *rid;
        uint32_t spatial;
    } names[] = {{"q", 0}, {"h", 1}, {"f", 2}, {"2", 0}, {"1", 1}, {"0", 2}};
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        if (strcmp(names[i].rid, rid) == 0) {
            return names[i].spatial;
        }
    }
    return (uint32_t)MIN(position, LAYERS_MAX - 1);
}

static int by_spatial(const void *a, const void *b)
{
    const struct layer *x = a, *y = b;
    return (int)x->spatial - (int)y->spatial;
}

/* A client may claim one SSRC for two things; a node refuses a spec that does, whole. */
void publish_claim_ssrc(struct participant *p, uint32_t *slot, uint32_t ssrc)
{
    struct track *track;
    DL_FOREACH(p->tracks, track)
    {
        for (size_t i = 0; i < track->layer_count; i++) {
            struct layer *layer = &track->layers[i];
            layer->ssrc = layer->ssrc == ssrc ? 0 : layer->ssrc;
            layer->rtx_ssrc = layer->rtx_ssrc == ssrc ? 0 : layer->rtx_ssrc;
        }
    }
    *slot = ssrc;
}

static void bind_layers(struct track *track, const struct session_line *line)
{
    size_t count = line->rid_count > 0 ? line->rid_count : MAX(line->source_count, 1);
    track->layer_count = MIN(count, LAYERS_MAX);
    for (size_t i = 0; i < track->layer_count; i++) {
        struct layer *layer = &track->layers[i];
        *layer = (struct layer){.spatial = (uint32_t)i};
        if (line->rid_count > 0) {
            snprintf(layer->rid, sizeof(layer->rid), "%s", line->rids[i]);
            layer->spatial = spatial_of(layer->rid, i);
        }
        layer->quality = layer->spatial;
        if (i < line->source_count) { /* Firefox signals SSRCs beside rids, in the same order */
            publish_claim_ssrc(track->publisher, &layer->ssrc, line->sources[i].ssrc);
            publish_claim_ssrc(track->publisher, &layer->rtx_ssrc, line->sources[i].rtx_ssrc);
        }
    }
    qsort(track->layers, track->layer_count, sizeof(*track->layers), by_spatial);
    for (size_t i = 0; i < track->layer_count; i++) { /* nodes want them numbered without gaps */
        track->layers[i].spatial = (uint32_t)i;
    }
}

static void bind(struct track *track, struct session_line *line)
{
    line->track = track->id;
    info_set(&track->info->mid, line->mid);
    bind_layers(track, line);
}

/* cid NULL: any. */
static struct track *pending_for(const struct participant *p, const struct session_line *line,
                                 const char *cid)
{
    struct track *track;
    DL_FOREACH(p->tracks, track)
    {
        if (track->kind == line->kind && (cid == NULL || strcmp(track->cid, cid) == 0) &&
            session_line_of_track((struct session *)&p->session, track->id) == NULL) {
            return track;
        }
    }
    return NULL;
}

/* Some browsers rewrite the track id. So a section whose cid nobody announced takes any pending
 * track, but of those that no section names, however late. */
void publish_bind(struct participant *p)
{
    for (unsigned turn = 0; turn < 2; turn++) {
        for (size_t i = 0; i < p->session.line_count; i++) {
            struct session_line *line = &p->session.lines[i];
            struct track *track = line->role != SESSION_PUBLISH || line->track != 0
                                      ? NULL
                                      : pending_for(p, line, turn == 0 ? line->cid : NULL);
            if (track != NULL) {
                bind(track, line);
            }
        }
    }
}

/* A section that came before its add_track: publish it now. */
static void bind_waiting_line(struct track *track)
{
    struct session *session = &track->publisher->session;
    for (size_t i = 0; i < session->line_count; i++) {
        struct session_line *line = &session->lines[i];
        if (line->role == SESSION_PUBLISH && line->use == SDP_USE_RECEIVE && line->track == 0 &&
            line->kind == track->kind && strcmp(line->cid, track->cid) == 0) {
            bind(track, line);
            return;
        }
    }
}

static void adopt_codec(struct track *track, const struct session_line *line)
{
    if (line->codec_count == 0) {
        return;
    }
    const char *mime = sdp_codec_mime(line->codecs[0].id);
    info_set(&track->info->mime_type, mime);
    for (size_t i = 0; i < track->info->n_codecs; i++) {
        Livekit__SimulcastCodecInfo *codec = track->info->codecs[i];
        info_set(&codec->mime_type, mime);
        info_set(&codec->mid, line->mid);
        info_set(&codec->sdp_cid, line->cid);
    }
}

void publish_announce(struct participant *p, int64_t now_us, struct effects *fx)
{
    struct track *track;
    DL_FOREACH(p->tracks, track)
    {
        struct session_line *line = session_line_of_track(&p->session, track->id);
        if (track->published || line == NULL || line->use != SDP_USE_RECEIVE) {
            continue;
        }
        track->published = true;
        cascade_changed(track);
        p->room->wants_dirty = true;
        adopt_codec(track, line);
        participant_changed(p);
        webhook_track(track, now_us, "track_published", fx);
        subscribe_everybody(track);
    }
}

/* info is taken over. */
static struct track *add(struct participant *p, const char *cid, Livekit__TrackInfo *info)
{
    struct track *track = mem_alloc(sizeof(*track));
    track->id = ++p->room->last_track;
    track->publisher = p;
    track->cid = mem_str(cid);
    track->kind = info->type == LIVEKIT__TRACK_TYPE__AUDIO ? SDP_AUDIO : SDP_VIDEO;
    track->info = info;
    dynacast_init(&track->dynacast);
    DL_APPEND(p->tracks, track);
    return track;
}

static void added(struct track *track, int64_t now_us, struct effects *fx)
{
    sealed_now(track->publisher);
    if (session_line_of_track(&track->publisher->session, track->id) == NULL) {
        bind_waiting_line(track);
    }
    publish_announce(track->publisher, now_us, fx);
}

static bool is_full(const struct participant *p, size_t pending)
{
    const struct track *track;
    size_t count;
    DL_COUNT(p->tracks, track, count);
    return pending >= ROOM_PENDING_MAX || count >= ROOM_TRACKS_MAX;
}

int publish_add(struct participant *p, int64_t now_us, const Livekit__AddTrackRequest *request,
                struct effects *fx, char reason[SDP_REASON_MAX])
{
    if (request->type != LIVEKIT__TRACK_TYPE__AUDIO &&
        request->type != LIVEKIT__TRACK_TYPE__VIDEO) {
        snprintf(reason, SDP_REASON_MAX, "add_track: type is neither audio nor video");
        return ERR_INVALID;
    }
    if (request->cid[0] == '\0') {
        snprintf(reason, SDP_REASON_MAX, "add_track: no cid");
        return ERR_INVALID;
    }
    const char *too_long = limits_add_track(request);
    if (too_long != NULL) {
        refuse(p, request, LIVEKIT__REQUEST_RESPONSE__REASON__LIMIT_EXCEEDED, too_long, fx);
        return 0;
    }
    if (!source_allowed(p, request->source)) {
        refuse(p, request, LIVEKIT__REQUEST_RESPONSE__REASON__NOT_ALLOWED,
               "does not have permission to publish this source", fx);
        return 0;
    }
    size_t pending = 0;
    struct track *track = find_pending(p, request->cid, &pending);
    if (track == NULL && is_full(p, pending)) {
        refuse(p, request, LIVEKIT__REQUEST_RESPONSE__REASON__LIMIT_EXCEEDED,
               "too many tracks wait to be offered", fx);
        return 0;
    }
    if (track == NULL) {
        track = add(p, request->cid, info_from_request(p->room, request));
    }
    send_published(track, fx);
    added(track, now_us, fx);
    return 0;
}

static bool is_anybodys(const struct room *room, const char *sid)
{
    for (const struct participant *p = room->participants; p != NULL; p = p->hh.next) {
        if (publish_find(p, sid) != NULL) {
            return true;
        }
    }
    return false;
}

bool publish_again(struct participant *p, int64_t now_us,
                   const Livekit__TrackPublishedResponse *published, struct effects *fx)
{
    const Livekit__TrackInfo *info = published->track;
    size_t pending = 0;
    bool audio_or_video =
        info->type == LIVEKIT__TRACK_TYPE__AUDIO || info->type == LIVEKIT__TRACK_TYPE__VIDEO;
    if (!p->restored || !audio_or_video || !limits_published(published) ||
        !source_allowed(p, info->source) || is_anybodys(p->room, info->sid) ||
        find_pending(p, published->cid, &pending) != NULL || is_full(p, pending)) {
        return false;
    }
    added(add(p, published->cid, info_clone(&info->base)), now_us, fx);
    return true;
}

void publish_remove(struct track *track, int64_t now_us, struct effects *fx)
{
    struct participant *p = track->publisher;
    subscribe_end(track);
    struct session_line *line = session_line_of_track(&p->session, track->id);
    if (line != NULL) {
        line->track = 0;
    }
    cascade_forget(track);
    if (track->published) {
        webhook_track(track, now_us, "track_unpublished", fx);
        participant_changed(p);
    }
    DL_DELETE(p->tracks, track);
    livekit__track_info__free_unpacked(track->info, NULL);
    free(track->cid);
    free(track);
}

void publish_withdraw(struct track *track, int64_t now_us, struct effects *fx)
{
    Livekit__TrackUnpublishedResponse unpublished = LIVEKIT__TRACK_UNPUBLISHED_RESPONSE__INIT;
    unpublished.track_sid = track->info->sid;
    Livekit__SignalResponse response = LIVEKIT__SIGNAL_RESPONSE__INIT;
    response.message_case = LIVEKIT__SIGNAL_RESPONSE__MESSAGE_TRACK_UNPUBLISHED;
    response.track_unpublished = &unpublished;
    signal_send(track->publisher, &response, fx);
    publish_remove(track, now_us, fx);
}

void publish_mute(struct track *track, bool muted)
{
    if (track->info->muted == muted) {
        return;
    }
    track->info->muted = muted;
    spec_track_changed(track);
    participant_changed(track->publisher);
}
