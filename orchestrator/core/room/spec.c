/* SPDX-License-Identifier: Apache-2.0
 *
 * The RoomSpec of the room's node: what changed since the last one as a delta, or everything.
 */
#include "orchestrator/core/room/private.h"

#include <stdio.h>
#include <stdlib.h>

#define PAYLOADS_MAX 16 /* of a track or subscription: a node refuses a spec with more, whole */

void spec_track_changed(struct track *track)
{
    track->spec_dirty = true;
    track->publisher->spec_walk = true;
}

void spec_subscription_changed(struct subscription *subscription)
{
    subscription->spec_dirty = true;
    subscription->subscriber->spec_walk = true;
}

void spec_remove_transport(struct room *room, uint64_t transport)
{
    room->removed_transports =
        mem_grow(room->removed_transports, room->removed_transport_count + 1, sizeof(uint64_t));
    room->removed_transports[room->removed_transport_count++] = transport;
}

void spec_remove_track(struct room *room, uint32_t track)
{
    room->removed_tracks =
        mem_grow(room->removed_tracks, room->removed_track_count + 1, sizeof(uint32_t));
    room->removed_tracks[room->removed_track_count++] = track;
}

/* A node that is given a subscription again begins it anew, from index 0: so never under the same
 * SSRC, or with AES-GCM a repeated (key, SSRC, index) gives the key away (architecture.md §2.3). */
void spec_withdraw(struct subscription *subscription)
{
    struct room *room = subscription->subscriber->room;
    if (!subscription->in_spec) {
        return;
    }
    subscription->in_spec = false;
    subscription->ssrc = subscription->rtx_ssrc = 0;
    room->removed_subscriptions = mem_grow(room->removed_subscriptions,
                                           room->removed_subscription_count + 1, sizeof(uint32_t));
    room->removed_subscriptions[room->removed_subscription_count++] = subscription->id;
}

/* ---- Entries ------------------------------------------------------------------------------- */

/* The UDP endpoint of the node that this client was given: its checks leave from there. */
static Spillway__Control__Endpoint *local_endpoint(struct session *session, struct arena *arena)
{
    for (size_t i = 0; i < session->candidate_count; i++) {
        struct sdp_candidate *candidate = &session->candidates[i];
        if (!candidate->tcp) {
            Spillway__Control__Endpoint *endpoint = arena_alloc(arena, sizeof(*endpoint));
            spillway__control__endpoint__init(endpoint);
            endpoint->ip = candidate->ip;
            endpoint->port = candidate->port;
            return endpoint;
        }
    }
    return NULL;
}

static Spillway__Control__Transport *transport_entry(struct participant *p, struct arena *arena)
{
    struct session *session = &p->session;
    Spillway__Control__Transport *entry = arena_alloc(arena, sizeof(*entry));
    spillway__control__transport__init(entry);
    entry->id = session->transport;
    entry->participant = p->sid;
    entry->local_ufrag = session->local_ufrag;
    entry->local_pwd = session->local_pwd;
    entry->remote_ufrag = session->remote_ufrag;
    entry->remote_pwd = session->remote_pwd;
    entry->previous_ufrag = session->previous_ufrag;
    entry->previous_pwd = session->previous_pwd;
    entry->srtp = p->keys;
    entry->orchestrator = (char *)p->front.orchestrator;
    entry->client = p->address;
    entry->local = local_endpoint(session, arena);
    entry->check_priority = p->check_priority;
    entry->extensions = arena_array(arena, SDP_EXT_COUNT, sizeof(*entry->extensions));
    for (unsigned kind = 1; kind < SDP_EXT_COUNT; kind++) {
        if (session->extension_ids[kind] == 0) {
            continue;
        }
        Spillway__Control__Extension *extension = arena_alloc(arena, sizeof(*extension));
        spillway__control__extension__init(extension);
        extension->kind = (Spillway__Control__ExtensionKind)kind; /* same numbers, see sdp.h */
        extension->id = session->extension_ids[kind];
        entry->extensions[entry->n_extensions++] = extension;
    }
    return entry;
}

static size_t payload_types(const struct session_line *line, struct arena *arena,
                            Spillway__Control__PayloadType ***out)
{
    Spillway__Control__PayloadType **list = arena_array(arena, line->codec_count, sizeof(*list));
    for (size_t i = 0; i < line->codec_count; i++) {
        const struct sdp_answer_codec *codec = &line->codecs[i];
        Spillway__Control__PayloadType *type = arena_alloc(arena, sizeof(*type));
        spillway__control__payload_type__init(type);
        type->codec = (Spillway__Control__Codec)codec->id; /* same numbers, see sdp.h */
        type->number = codec->payload_type;
        type->rtx = codec->rtx;
        type->clock_hz = codec->clock_hz;
        type->nack = (codec->feedback & SDP_FB_NACK) != 0;
        type->pli = (codec->feedback & SDP_FB_PLI) != 0;
        type->transport_cc = (codec->feedback & SDP_FB_TRANSPORT_CC) != 0;
        list[i] = type;
    }
    *out = list;
    return line->codec_count;
}

static Spillway__Control__Track *track_entry(struct track *track, const struct session_line *line,
                                             struct arena *arena)
{
    Spillway__Control__Track *entry = arena_alloc(arena, sizeof(*entry));
    spillway__control__track__init(entry);
    entry->id = track->id;
    entry->sid = track->info->sid;
    entry->transport = track->publisher->session.transport;
    entry->kind = track->kind == SDP_VIDEO ? SPILLWAY__CONTROL__TRACK__KIND__VIDEO
                                           : SPILLWAY__CONTROL__TRACK__KIND__AUDIO;
    entry->mid = (char *)line->mid;
    entry->muted = track->info->muted;
    entry->n_payload_types = payload_types(line, arena, &entry->payload_types);
    entry->n_payload_types = MIN(entry->n_payload_types, PAYLOADS_MAX);
    entry->layers = arena_array(arena, track->layer_count, sizeof(*entry->layers));
    for (size_t i = 0; i < track->layer_count; i++) {
        Spillway__Control__Layer *layer = arena_alloc(arena, sizeof(*layer));
        spillway__control__layer__init(layer);
        layer->rid = track->layers[i].rid;
        layer->spatial = track->layers[i].spatial;
        layer->ssrc = track->layers[i].ssrc;
        layer->rtx_ssrc = track->layers[i].rtx_ssrc;
        entry->layers[entry->n_layers++] = layer;
    }
    return entry;
}

static uint32_t fresh_ssrc(const struct room *room)
{
    uint32_t ssrc = 0;
    while (ssrc == 0) {
        room->config->random.fill(room->config->random.arg, &ssrc, sizeof(ssrc));
    }
    return ssrc;
}

/* fps asks for a temporal layer: each of three halves the rate of the one above it. */
static uint32_t temporal_max(const struct subscription *subscription)
{
    if (subscription->fps == 0 || subscription->fps > 15) {
        return 7;
    }
    return subscription->fps > 7 ? 1 : 0;
}

/* Of several variants of one codec (H264 profiles) the node takes the first: the publisher's. */
static void put_match_first(Spillway__Control__Subscription *entry, const struct session_line *line,
                            const struct track *track)
{
    const struct session_line *from = session_line_of_track(&track->publisher->session, track->id);
    if (from == NULL || from->codec_count == 0) {
        return;
    }
    const struct sdp_answer_codec *match =
        sdp_codec_match(line->codecs, line->codec_count, &from->codecs[0]);
    if (match != NULL) {
        size_t at = (size_t)(match - line->codecs);
        Spillway__Control__PayloadType *first = entry->payload_types[at];
        entry->payload_types[at] = entry->payload_types[0];
        entry->payload_types[0] = first;
    }
}

static Spillway__Control__Subscription *subscription_entry(struct subscription *subscription,
                                                           const struct session_line *line,
                                                           struct arena *arena)
{
    const struct room *room = subscription->subscriber->room;
    if (subscription->ssrc == 0) {
        subscription->ssrc = fresh_ssrc(room);
        subscription->rtx_ssrc = fresh_ssrc(room);
    }
    Spillway__Control__Subscription *entry = arena_alloc(arena, sizeof(*entry));
    spillway__control__subscription__init(entry);
    entry->id = subscription->id;
    entry->track = subscription->track->id;
    entry->transport = subscription->subscriber->session.transport;
    entry->mid = (char *)line->mid;
    entry->n_payload_types = payload_types(line, arena, &entry->payload_types);
    put_match_first(entry, line, subscription->track);
    entry->n_payload_types = MIN(entry->n_payload_types, PAYLOADS_MAX);
    entry->ssrc = subscription->ssrc;
    entry->rtx_ssrc = subscription->rtx_ssrc;
    entry->paused = subscription->disabled || subscription->quality == LIVEKIT__VIDEO_QUALITY__OFF;
    entry->spatial_max = subscribe_spatial_max(subscription);
    entry->temporal_max = temporal_max(subscription);
    return entry;
}

/* ---- The message --------------------------------------------------------------------------- */

struct building {
    Spillway__Control__RoomSpec spec;
    struct arena arena;
    bool whole;
};

/* Whether an entry belongs into this message; updates its flags. */
static bool wanted(const struct building *b, bool *dirty, bool *in_spec)
{
    bool now = b->whole || *dirty || !*in_spec;
    *dirty = false;
    *in_spec = true;
    return now;
}

static void add_tracks(struct building *b, struct participant *p)
{
    struct track *track;
    DL_FOREACH(p->tracks, track)
    {
        struct session_line *line = session_line_of_track(&p->session, track->id);
        if (!track->published || line == NULL || line->use != SDP_USE_RECEIVE ||
            !wanted(b, &track->spec_dirty, &track->in_spec)) {
            continue;
        }
        b->spec.tracks[b->spec.n_tracks++] = track_entry(track, line, &b->arena);
    }
}

static void add_subscriptions(struct building *b, struct participant *p)
{
    struct subscription *subscription;
    DL_FOREACH(p->subscriptions, subscription)
    {
        struct session_line *line = session_line_of_subscription(&p->session, subscription->id);
        if (line == NULL || line->use != SDP_USE_SEND || !subscription->track->in_spec ||
            !wanted(b, &subscription->spec_dirty, &subscription->in_spec)) {
            continue;
        }
        b->spec.subscriptions[b->spec.n_subscriptions++] =
            subscription_entry(subscription, line, &b->arena);
        subscribe_carried(subscription);
    }
}

static void add_removals(struct building *b, struct room *room)
{
    Spillway__Control__RoomSpec *spec = &b->spec;
    if (!b->whole) {
        spec->removed_transports = room->removed_transports;
        spec->n_removed_transports = room->removed_transport_count;
        spec->removed_tracks = room->removed_tracks;
        spec->n_removed_tracks = room->removed_track_count;
        spec->removed_subscriptions = room->removed_subscriptions;
        spec->n_removed_subscriptions = room->removed_subscription_count;
    }
    room->removed_transport_count = 0;
    room->removed_track_count = 0;
    room->removed_subscription_count = 0;
}

static void send_spec(const char *node, Spillway__Control__RoomSpec *spec, struct effects *fx)
{
    Spillway__Control__OrchestratorMessage message = SPILLWAY__CONTROL__ORCHESTRATOR_MESSAGE__INIT;
    message.message_case = SPILLWAY__CONTROL__ORCHESTRATOR_MESSAGE__MESSAGE_SPEC;
    message.spec = spec;
    size_t len = spillway__control__orchestrator_message__get_packed_size(&message);
    uint8_t *data = mem_alloc(len + 1);
    spillway__control__orchestrator_message__pack(&message, data);
    effects_take(fx, (struct effect){.type = EFFECT_NODE_SEND,
                                     .name = mem_str(node),
                                     .text = mem_str(spec->room),
                                     .data = data,
                                     .len = len});
}

/* Large rooms have thousands of subscriptions, and flush after every input. An entry becomes due
 * with a change, or with the answer that gives it a section, both of which mark their participant.
 */
static bool walks(const struct building *b, const struct participant *p)
{
    return b->whole || p->spec_walk;
}

static void allocate(struct building *b, const struct room *room)
{
    size_t people = HASH_COUNT(room->participants);
    size_t tracks = 0, subscriptions = 0;
    for (const struct participant *p = room->participants; p != NULL; p = p->hh.next) {
        const struct track *track;
        const struct subscription *subscription;
        if (!walks(b, p)) {
            continue;
        }
        DL_FOREACH(p->tracks, track)
        {
            tracks++;
        }
        DL_FOREACH(p->subscriptions, subscription)
        {
            subscriptions++;
        }
    }
    b->spec.transports = arena_array(&b->arena, people, sizeof(*b->spec.transports));
    b->spec.tracks = arena_array(&b->arena, tracks, sizeof(*b->spec.tracks));
    b->spec.subscriptions = arena_array(&b->arena, subscriptions, sizeof(*b->spec.subscriptions));
}

void spec_flush(struct room *room, struct effects *fx)
{
    if (room->node[0] == '\0') {
        return;
    }
    struct building b = {.whole = room->spec_whole};
    spillway__control__room_spec__init(&b.spec);
    allocate(&b, room);
    for (struct participant *p = room->participants; p != NULL; p = p->hh.next) {
        if (p->session.transport != 0 && wanted(&b, &p->spec_dirty, &p->in_spec)) {
            b.spec.transports[b.spec.n_transports++] = transport_entry(p, &b.arena);
        }
        if (walks(&b, p)) {
            add_tracks(&b, p);
        }
    }
    for (struct participant *p = room->participants; p != NULL; p = p->hh.next) {
        if (walks(&b, p)) {
            add_subscriptions(&b, p);
        }
        p->spec_walk = false;
    }
    add_removals(&b, room);
    const Spillway__Control__RoomSpec *s = &b.spec;
    if (b.whole || s->n_transports + s->n_tracks + s->n_subscriptions + s->n_removed_transports +
                           s->n_removed_tracks + s->n_removed_subscriptions >
                       0) {
        b.spec.room = room->sid;
        b.spec.name = room->name;
        b.spec.epoch = room->epoch;
        b.spec.base_version = b.whole ? 0 : room->spec_version;
        b.spec.version = ++room->spec_version;
        send_spec(room->node, &b.spec, fx);
    }
    room->spec_whole = false;
    arena_fini(&b.arena);
}

void spec_drop(struct room *room, struct effects *fx)
{
    if (room->node[0] == '\0') {
        return;
    }
    Spillway__Control__RoomSpec spec = SPILLWAY__CONTROL__ROOM_SPEC__INIT;
    spec.room = room->sid;
    spec.epoch = room->epoch;
    spec.version = ++room->spec_version;
    spec.dropped = true;
    send_spec(room->node, &spec, fx);
}

/* Two holders never share an SSRC: with AES-GCM a repeated (key, SSRC, index) gives the key away
 * (architecture.md §2.3). */
static void forget_ssrcs(struct participant *p)
{
    struct subscription *subscription;
    DL_FOREACH(p->subscriptions, subscription)
    {
        subscription->ssrc = subscription->rtx_ssrc = 0;
    }
}

void room_respec(struct room *room)
{
    room->spec_whole = true;
}

void room_forgotten(struct room *room)
{
    for (struct participant *p = room->participants; p != NULL; p = p->hh.next) {
        forget_ssrcs(p);
    }
    room_respec(room);
}

void room_spec_acked(struct room *room, const Spillway__Control__SpecAck *ack)
{
    if (ack->epoch > room->epoch) { /* somebody claimed the room after us: architecture.md §2.5 */
        log_write(room->config->log, LOG_WARN, "epoch_outdated room=%s ours=%llu node=%llu",
                  room->sid, (unsigned long long)room->epoch, (unsigned long long)ack->epoch);
        return;
    }
    if (ack->result == SPILLWAY__CONTROL__SPEC_ACK__RESULT__NEED_WHOLE &&
        ack->version < room->spec_version) {
        if (ack->version == 0) { /* the node does not hold the room */
            room_forgotten(room);
        } else {
            room_respec(room);
        }
    } else if (ack->result == SPILLWAY__CONTROL__SPEC_ACK__RESULT__INVALID) {
        log_write(room->config->log, LOG_ERROR, "spec_refused room=%s reason=%s", room->sid,
                  ack->reason);
    }
}

/* ---- Placement ----------------------------------------------------------------------------- */

static void move_participant(struct participant *p, int64_t now_us, struct effects *fx)
{
    forget_ssrcs(p);
    if (p->session.transport == 0) {
        return;
    }
    bool fresh = negotiate_choose_candidates(p);
    p->check_priority = fresh ? p->session.candidates[0].priority : 0;
    p->media_lost = false;
    effect_front_route(fx, p->session.transport, p->room->node);
    if (!fresh) {
        node_restart(p, now_us, fx);
        return;
    }
    negotiate_trickle(p, fx);
    if (p->connected) {
        node_expect(p, now_us);
    }
}

void room_place(struct room *room, int64_t now_us, const Spillway__Control__Register *node,
                struct effects *fx)
{
    bool moved = room->node[0] != '\0';
    if (moved) {
        spec_drop(room, fx);
    }
    snprintf(room->node, sizeof(room->node), "%s", node->node_id);
    if (room->node_info != NULL) {
        spillway__control__register__free_unpacked(room->node_info, NULL);
    }
    room->node_info = info_clone(&node->base);
    room->spec_whole = true;
    if (moved) {
        log_write(room->config->log, LOG_INFO, "room_moved room=%s to=%s", room->sid, room->node);
        for (struct participant *p = room->participants; p != NULL; p = p->hh.next) {
            move_participant(p, now_us, fx);
        }
    }
    effect_room_stored(fx, room->name, room->node, room->epoch);
}
