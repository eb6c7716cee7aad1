/* SPDX-License-Identifier: Apache-2.0 */
#include "orchestrator/core/room/record.h"

#include "orchestrator/core/session/record.h"

#define DEPARTED_MAX 32 /* more do not leave between two seals */

typedef Spillway__Session__Participant participant_record;

static char *text(const char *borrowed)
{
    return (char *)(uintptr_t)borrowed;
}

static Spillway__Session__Person *person(const char *sid, const char *identity, uint32_t version,
                                         struct arena *arena)
{
    Spillway__Session__Person *out = arena_alloc(arena, sizeof(*out));
    spillway__session__person__init(out);
    out->sid = text(sid);
    out->identity = text(identity);
    out->version = version;
    return out;
}

static void put_people(Spillway__Session__Room *out, const struct room *room, struct arena *arena)
{
    size_t count = MIN(room->lately_count, DEPARTED_MAX);
    out->departed = arena_array(arena, count, sizeof(*out->departed));
    for (size_t i = 0; i < count; i++) {
        const Livekit__ParticipantInfo *info = room->lately[room->lately_count - 1 - i].info;
        out->departed[out->n_departed++] = person(info->sid, info->identity, info->version, arena);
    }
    out->present = arena_array(arena, HASH_COUNT(room->participants), sizeof(*out->present));
    for (const struct participant *p = room->participants; p != NULL; p = p->hh.next) {
        if (!p->permission.hidden) {
            out->present[out->n_present++] = person(p->sid, p->identity, p->version, arena);
        }
    }
}

Spillway__Session__Room *record_room(const struct room *room, uint64_t number, struct arena *arena)
{
    Spillway__Session__Room *out = arena_alloc(arena, sizeof(*out));
    spillway__session__room__init(out);
    out->number = number;
    out->name = room->name;
    out->metadata = room->metadata;
    out->pinned_node = room->pinned_node;
    out->pinned_region = room->pinned_region;
    out->empty_timeout_s = room->empty_timeout_s;
    out->departure_timeout_s = room->departure_timeout_s;
    out->max_participants = room->max_participants;
    out->created_wall_us = room->created_us + room->config->wall_offset_us;
    out->sif_trailer.data = (uint8_t *)(uintptr_t)room->sif_trailer;
    out->sif_trailer.len = sizeof(room->sif_trailer);
    out->last_track = room->last_track;
    out->last_subscription = room->last_subscription;
    out->last_edge = room->last_edge;
    out->nodes = arena_array(arena, room->host_count, sizeof(*out->nodes));
    struct host *host;
    DL_FOREACH(room->hosts, host)
    {
        out->nodes[out->n_nodes++] = host->node;
    }
    put_people(out, room, arena);
    return out;
}

/* ---- Who it is ----------------------------------------------------------------------------- */

static uint32_t grants_of(const struct token_video *grants)
{
    uint32_t bits = 0;
    bits |= grants->room_create ? GRANT_ROOM_CREATE : 0;
    bits |= grants->room_list ? GRANT_ROOM_LIST : 0;
    bits |= grants->room_record ? GRANT_ROOM_RECORD : 0;
    bits |= grants->ingress_admin ? GRANT_INGRESS_ADMIN : 0;
    bits |= grants->room_admin ? GRANT_ROOM_ADMIN : 0;
    bits |= grants->can_manage_agent_session == TOKEN_YES ? GRANT_AGENT_SESSION : 0;
    bits |= grants->can_manage_agent_session == TOKEN_NO ? GRANT_NO_AGENT_SESSION : 0;
    bits |= grants->waits_if_locked ? GRANT_WAITS_IF_LOCKED : 0;
    return bits;
}

static void put_attributes(participant_record *out, const struct participant *p,
                           struct arena *arena)
{
    out->attributes = arena_array(arena, p->attribute_count, sizeof(*out->attributes));
    for (size_t i = 0; i < p->attribute_count; i++) {
        Spillway__Session__Attribute *attribute = arena_alloc(arena, sizeof(*attribute));
        spillway__session__attribute__init(attribute);
        attribute->name = p->attributes[i].name;
        attribute->value = p->attributes[i].value;
        out->attributes[out->n_attributes++] = attribute;
    }
}

static void put_identity(participant_record *out, const struct participant *p, struct arena *arena)
{
    out->sid = text(p->sid);
    out->identity = p->identity;
    out->name = p->name;
    out->metadata = p->metadata;
    out->api_key = p->api_key;
    out->kind = p->kind;
    put_attributes(out, p, arena);
    out->permission = (Livekit__ParticipantPermission *)(uintptr_t)&p->permission;
    out->grants = grants_of(&p->grants);
    out->client = p->client;
    out->joined_wall_us = p->joined_wall_us;
    out->version = p->version;
    out->active = p->join_by_us == TIME_NEVER;
    out->auto_subscribe = p->auto_subscribe;
    out->auto_subscribe_data = p->auto_subscribe_data;
    out->adaptive_stream = p->adaptive_stream;
    out->region = p->region;
    out->subscription_permission = p->subscription_permission;
}

/* ---- Where it is --------------------------------------------------------------------------- */

static void put_used(participant_record *out, const struct participant *p, struct arena *arena)
{
    out->used = arena_array(arena, p->used_count, sizeof(*out->used));
    for (size_t i = 0; i < p->used_count; i++) {
        Spillway__Control__Endpoint *used = arena_alloc(arena, sizeof(*used));
        spillway__control__endpoint__init(used);
        used->ip = text(p->used[i].ip);
        used->port = p->used[i].port;
        used->protocol = p->used[i].tcp ? SPILLWAY__CONTROL__ENDPOINT__PROTOCOL__TCP
                                        : SPILLWAY__CONTROL__ENDPOINT__PROTOCOL__UDP;
        out->used[out->n_used++] = used;
    }
}

static void put_place(participant_record *out, const struct participant *p, struct arena *arena)
{
    Spillway__Session__Front *front = arena_alloc(arena, sizeof(*front));
    spillway__session__front__init(front);
    front->orchestrator = text(p->front.orchestrator);
    front->fingerprint = text(p->front.fingerprint);
    front->region = text(p->front.region);
    front->number = p->front.number;
    out->front = front;
    out->conn = participant_conn(p);
    out->node = p->host->node;
    out->moving = p->phase != MOVE_NONE;
    out->connection = session_record(&p->session, arena);
    out->keys = p->keys;
    out->connected = p->connected;
    out->address = p->address;
    out->check_priority = p->check_priority;
    put_used(out, p, arena);
}

/* ---- What it publishes --------------------------------------------------------------------- */

static void put_edges(Spillway__Session__Track *out, const struct track *track, struct arena *arena)
{
    struct edge *edge;
    size_t count = 0;
    DL_FOREACH(track->edges, edge)
    {
        count++;
    }
    out->edges = arena_array(arena, count, sizeof(*out->edges));
    out->edges_from = arena_array(arena, count, sizeof(*out->edges_from));
    DL_FOREACH(track->edges, edge)
    {
        Spillway__Control__Edge *record = arena_alloc(arena, sizeof(*record));
        spillway__control__edge__init(record);
        record->id = edge->id;
        record->track = track->id;
        record->node = edge->to->node;
        record->ssrcs = edge->ssrcs;
        record->n_ssrcs = MAX(track->layer_count, 1);
        spec_put_wants(record, &edge->told, arena);
        record->backup = edge->backup;
        out->edges_from[out->n_edges_from++] = edge->from->node;
        out->edges[out->n_edges++] = record;
    }
}

static void put_layers(Spillway__Session__Track *out, const struct track *track,
                       struct arena *arena)
{
    out->layers = arena_array(arena, track->layer_count, sizeof(*out->layers));
    for (size_t i = 0; i < track->layer_count; i++) {
        const struct layer *from = &track->layers[i];
        Spillway__Session__Layer *layer = arena_alloc(arena, sizeof(*layer));
        spillway__session__layer__init(layer);
        layer->rid = text(from->rid);
        layer->spatial = from->spatial;
        layer->quality = from->quality;
        layer->ssrc = from->ssrc;
        layer->rtx_ssrc = from->rtx_ssrc;
        out->layers[out->n_layers++] = layer;
    }
}

static void put_tracks(participant_record *out, const struct participant *p, struct arena *arena)
{
    struct track *track;
    size_t count = 0;
    DL_FOREACH(p->tracks, track)
    {
        count++;
    }
    out->tracks = arena_array(arena, count, sizeof(*out->tracks));
    DL_FOREACH(p->tracks, track)
    {
        Spillway__Session__Track *record = arena_alloc(arena, sizeof(*record));
        spillway__session__track__init(record);
        record->id = track->id;
        record->cid = track->cid;
        record->info = track->info;
        record->kind = track->kind;
        record->published = track->published;
        record->carried = track->carried_told;
        record->codec = session_record_codec(&track->codec, arena);
        put_layers(record, track, arena);
        put_edges(record, track, arena);
        out->tracks[out->n_tracks++] = record;
    }
}

/* ---- What it watches ----------------------------------------------------------------------- */

static void put_subscriptions(participant_record *out, const struct participant *p,
                              struct arena *arena)
{
    const struct subscription *subscription;
    size_t count = 0;
    DL_FOREACH(p->subscriptions, subscription)
    {
        count++;
    }
    out->subscriptions = arena_array(arena, count, sizeof(*out->subscriptions));
    DL_FOREACH(p->subscriptions, subscription)
    {
        Spillway__Session__Subscription *record = arena_alloc(arena, sizeof(*record));
        spillway__session__subscription__init(record);
        record->id = subscription->id;
        record->track = subscription->track->id;
        record->allowed_told = subscription->allowed_told;
        record->refused = subscription->refused;
        record->refused_told = subscription->refused_told;
        record->disabled = subscription->disabled;
        record->settings_known = subscription->settings_known;
        record->width = subscription->width;
        record->height = subscription->height;
        record->fps = subscription->fps;
        record->priority = subscription->priority;
        record->quality = (uint32_t)subscription->quality;
        out->subscriptions[out->n_subscriptions++] = record;
    }
}

/* ---- Data ---------------------------------------------------------------------------------- */

static void put_channels(participant_record *out, const struct participant *p, struct arena *arena)
{
    out->channels = arena_array(arena, CHANNEL_COUNT, sizeof(*out->channels));
    for (uint32_t kind = 0; kind < CHANNEL_COUNT; kind++) {
        if (p->channels[kind].open || p->channels[kind].waits) {
            Spillway__Session__Channel *channel = arena_alloc(arena, sizeof(*channel));
            spillway__session__channel__init(channel);
            channel->kind = kind;
            channel->stream = p->channels[kind].stream;
            out->channels[out->n_channels++] = channel;
        }
    }
}

static void put_data_tracks(participant_record *out, const struct participant *p,
                            struct arena *arena)
{
    const struct data_track *track;
    size_t count = 0;
    DL_FOREACH(p->data_tracks, track)
    {
        count++;
    }
    out->data_tracks = arena_array(arena, count, sizeof(*out->data_tracks));
    DL_FOREACH(p->data_tracks, track)
    {
        Spillway__Session__DataTrack *record = arena_alloc(arena, sizeof(*record));
        spillway__session__data_track__init(record);
        record->handle = track->handle;
        record->info = track->info;
        out->data_tracks[out->n_data_tracks++] = record;
    }
    const struct data_subscription *subscription;
    count = 0;
    DL_FOREACH(p->data_subscriptions, subscription)
    {
        count++;
    }
    out->data_subscriptions = arena_array(arena, count, sizeof(*out->data_subscriptions));
    DL_FOREACH(p->data_subscriptions, subscription)
    {
        Spillway__Session__DataSubscription *record = arena_alloc(arena, sizeof(*record));
        spillway__session__data_subscription__init(record);
        record->handle = subscription->handle;
        record->sid = text(subscription->sid);
        out->data_subscriptions[out->n_data_subscriptions++] = record;
    }
    out->next_data_handle = p->next_data_handle;
}

participant_record *record_participant(const struct participant *p, uint64_t number,
                                       struct arena *arena)
{
    participant_record *out = arena_alloc(arena, sizeof(*out));
    spillway__session__participant__init(out);
    out->number = number;
    put_identity(out, person_of(p), arena);
    out->two_connections = p->receiver != NULL;
    out->receives = p->person != NULL;
    out->video_held = p->video_held;
    put_place(out, p, arena);
    put_tracks(out, p, arena);
    put_subscriptions(out, p, arena);
    out->last_track = p->room->settled_track;
    put_channels(out, p, arena);
    put_data_tracks(out, p, arena);
    return out;
}
