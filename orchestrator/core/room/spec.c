/* SPDX-License-Identifier: Apache-2.0
 *
 * The RoomSpec of each of the room's nodes: what changed since the last one as a delta, or
 * everything.
 */
#include "orchestrator/core/room/private.h"

#include <stdio.h>
#include <stdlib.h>

#define PAYLOADS_MAX 16 /* of a track or subscription: a node refuses a spec with more, whole */

/* ---- What is to be sent ---------------------------------------------------------------------- */

void spec_transport_changed(struct participant *p)
{
    p->spec_dirty = true;
    p->host->dirty = true;
}

void spec_copy_changed(struct copy *copy)
{
    copy->dirty = true;
    copy->host->dirty = true;
    copy->track->publisher->parts_dirty = true;
}

void spec_track_changed(struct track *track)
{
    struct copy *copy;
    DL_FOREACH(track->copies, copy)
    {
        spec_copy_changed(copy);
    }
}

void spec_edge_changed(struct edge *edge)
{
    edge->dirty = true;
    edge->from->dirty = true;
    edge->track->publisher->parts_dirty = true;
}

void spec_subscription_changed(struct subscription *subscription)
{
    struct participant *p = subscription->subscriber;
    subscription->spec_dirty = true;
    p->parts_dirty = true;
    p->host->dirty = true;
}

static uint32_t *append(uint32_t *list, size_t *count, uint32_t id)
{
    list = mem_grow(list, *count + 1, sizeof(*list));
    list[(*count)++] = id;
    return list;
}

/* A node that is given a subscription again begins it anew, from index 0: so never under the same
 * SSRC, or with AES-GCM a repeated (key, SSRC, index) gives the key away (architecture.md §2.3). */
static void withdrawn(struct subscription *subscription)
{
    subscription->in_spec = false;
    subscription->ssrc = subscription->rtx_ssrc = 0;
}

void spec_remove_transport(struct participant *p)
{
    struct host *host = p->host;
    struct subscription *subscription;
    DL_FOREACH(p->subscriptions, subscription)
    {
        withdrawn(subscription);
    }
    if (p->in_spec) {
        host->removed_transports =
            mem_grow(host->removed_transports, host->removed_transport_count + 1, sizeof(uint64_t));
        host->removed_transports[host->removed_transport_count++] = p->session.transport;
        host->dirty = true;
    }
    p->in_spec = false;
}

/* With a track go its subscriptions there. */
void spec_remove_copy(const struct track *track, struct copy *copy)
{
    struct host *host = copy->host;
    struct subscription *subscription;
    DL_FOREACH2(track->subscriptions, subscription, track_next)
    {
        if (subscription->subscriber->host == host) {
            withdrawn(subscription);
        }
    }
    if (copy->in_spec) {
        host->removed_tracks = append(host->removed_tracks, &host->removed_track_count, track->id);
        host->dirty = true;
    }
}

void spec_remove_edge(struct edge *edge)
{
    struct host *host = edge->from;
    if (edge->in_spec) {
        host->removed_edges = append(host->removed_edges, &host->removed_edge_count, edge->id);
        host->dirty = true;
    }
}

void spec_withdraw(struct subscription *subscription)
{
    struct host *host = subscription->subscriber->host;
    if (subscription->in_spec) {
        host->removed_subscriptions = append(host->removed_subscriptions,
                                             &host->removed_subscription_count, subscription->id);
        host->dirty = true;
    }
    withdrawn(subscription);
}

/* ---- Entries ------------------------------------------------------------------------------- */

#define TRUNK_KEY_MAX (2 * TOPOLOGY_KEY_LEN)

/* A message under way, for one host. */
struct building {
    struct room *room;
    struct host *host;
    Spillway__Control__RoomSpec spec;
    struct arena arena;
    bool whole;
    uint8_t (*keys)[TRUNK_KEY_MAX]; /* of the trunks in it, wiped afterwards */
};

static Spillway__Control__Endpoint *trunk_endpoint(const Spillway__Control__Register *node)
{
    if (node->trunk != NULL) {
        return node->trunk;
    }
    for (size_t i = 0; i < node->n_endpoints; i++) {
        if (node->endpoints[i]->protocol == SPILLWAY__CONTROL__ENDPOINT__PROTOCOL__UDP) {
            return node->endpoints[i];
        }
    }
    return NULL;
}

/* The trunk between the message's host and another one, if the message has not got it already. */
static void put_trunk(struct building *b, const struct host *other)
{
    Spillway__Control__RoomSpec *spec = &b->spec;
    for (size_t i = 0; i < spec->n_trunks; i++) {
        if (strcmp(spec->trunks[i]->node, other->node) == 0) {
            return;
        }
    }
    uint8_t *in = b->keys[spec->n_trunks], *out = in + TOPOLOGY_KEY_LEN;
    struct bytes secret = b->room->config->cluster_secret;
    uint32_t generation = b->room->generation;
    topology_trunk_key(in, secret, other->node, b->host->node, generation);
    topology_trunk_key(out, secret, b->host->node, other->node, generation);
    Spillway__Control__SrtpKeys *keys = arena_alloc(&b->arena, sizeof(*keys));
    spillway__control__srtp_keys__init(keys);
    keys->suite = SPILLWAY__CONTROL__SRTP_KEYS__SUITE__AES_128_GCM;
    keys->client_key = (ProtobufCBinaryData){TOPOLOGY_KEY_LEN, in};
    keys->server_key = (ProtobufCBinaryData){TOPOLOGY_KEY_LEN, out};
    Spillway__Control__Trunk *trunk = arena_alloc(&b->arena, sizeof(*trunk));
    spillway__control__trunk__init(trunk);
    trunk->node = (char *)other->node;
    trunk->remote = trunk_endpoint(other->info);
    trunk->local = trunk_endpoint(b->host->info);
    trunk->generation = generation;
    trunk->keys = keys;
    spec->trunks[spec->n_trunks++] = trunk;
}

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

/* The copies that arrive on a host, each over its edge. */
static void put_upstreams(struct building *b, Spillway__Control__Track *entry,
                          const struct track *track)
{
    struct edge *edge;
    size_t count = 0;
    DL_COUNT(track->edges, edge, count);
    entry->upstreams = arena_array(&b->arena, count, sizeof(*entry->upstreams));
    DL_FOREACH(track->edges, edge)
    {
        if (edge->to != b->host) {
            continue;
        }
        Spillway__Control__Upstream *upstream = arena_alloc(&b->arena, sizeof(*upstream));
        spillway__control__upstream__init(upstream);
        upstream->node = edge->from->node;
        upstream->ssrcs = edge->ssrcs;
        upstream->n_ssrcs = MAX(track->layer_count, 1);
        upstream->backup = edge->backup;
        entry->upstreams[entry->n_upstreams++] = upstream;
        put_trunk(b, edge->from);
    }
}

static Spillway__Control__Track *track_entry(struct building *b, struct track *track,
                                             const struct session_line *line)
{
    struct arena *arena = &b->arena;
    const struct participant *publisher = track->publisher;
    bool here = publisher->host == b->host;
    Spillway__Control__Track *entry = arena_alloc(arena, sizeof(*entry));
    spillway__control__track__init(entry);
    entry->id = track->id;
    entry->sid = track->info->sid;
    entry->participant = (char *)publisher->sid;
    entry->transport = here ? publisher->session.transport : 0;
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
        layer->ssrc = here ? track->layers[i].ssrc : 0;
        layer->rtx_ssrc = here ? track->layers[i].rtx_ssrc : 0;
        entry->layers[entry->n_layers++] = layer;
    }
    put_upstreams(b, entry, track);
    return entry;
}

static Spillway__Control__Edge *edge_entry(struct building *b, struct edge *edge,
                                           const struct track *track)
{
    Spillway__Control__Edge *entry = arena_alloc(&b->arena, sizeof(*entry));
    spillway__control__edge__init(entry);
    entry->id = edge->id;
    entry->track = track->id;
    entry->node = edge->to->node;
    entry->ssrcs = edge->ssrcs;
    entry->n_ssrcs = MAX(track->layer_count, 1);
    entry->layers = edge->layers;
    entry->backup = edge->backup;
    put_trunk(b, edge->to);
    return entry;
}

uint32_t spec_fresh_ssrc(const struct room *room)
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
        subscription->ssrc = spec_fresh_ssrc(room);
        subscription->rtx_ssrc = spec_fresh_ssrc(room);
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

/* Whether an entry belongs into this message; updates its flags. */
static bool wanted(const struct building *b, bool *dirty, bool *in_spec)
{
    bool now = b->whole || *dirty || !*in_spec;
    *dirty = false;
    *in_spec = true;
    return now;
}

static void add_copy(struct building *b, struct track *track, const struct session_line *line)
{
    struct copy *copy = cascade_copy(track, b->host);
    if (copy != NULL && wanted(b, &copy->dirty, &copy->in_spec)) {
        b->spec.tracks[b->spec.n_tracks++] = track_entry(b, track, line);
    }
}

static void add_edges(struct building *b, struct track *track)
{
    struct edge *edge;
    DL_FOREACH(track->edges, edge)
    {
        if (edge->from == b->host && wanted(b, &edge->dirty, &edge->in_spec)) {
            b->spec.edges[b->spec.n_edges++] = edge_entry(b, edge, track);
        }
    }
}

/* A track may be published anywhere, and be on this host. */
static void add_tracks(struct building *b, struct participant *p)
{
    struct track *track;
    DL_FOREACH(p->tracks, track)
    {
        struct session_line *line = session_line_of_track(&p->session, track->id);
        if (track->published && line != NULL && line->use == SDP_USE_RECEIVE) {
            add_copy(b, track, line);
            add_edges(b, track);
        }
    }
}

static void add_subscriptions(struct building *b, struct participant *p)
{
    struct subscription *subscription;
    DL_FOREACH(p->subscriptions, subscription)
    {
        struct session_line *line = session_line_of_subscription(&p->session, subscription->id);
        const struct copy *copy = cascade_copy(subscription->track, b->host);
        if (line == NULL || line->use != SDP_USE_SEND || copy == NULL || !copy->in_spec ||
            !wanted(b, &subscription->spec_dirty, &subscription->in_spec)) {
            continue;
        }
        b->spec.subscriptions[b->spec.n_subscriptions++] =
            subscription_entry(subscription, line, &b->arena);
        subscribe_carried(subscription);
    }
}

static void add_removals(struct building *b)
{
    Spillway__Control__RoomSpec *spec = &b->spec;
    struct host *host = b->host;
    if (!b->whole) {
        spec->removed_tracks = host->removed_tracks;
        spec->n_removed_tracks = host->removed_track_count;
        spec->removed_subscriptions = host->removed_subscriptions;
        spec->n_removed_subscriptions = host->removed_subscription_count;
        spec->removed_edges = host->removed_edges;
        spec->n_removed_edges = host->removed_edge_count;
        if (!host->tracks_stay) {
            spec->removed_transports = host->removed_transports;
            spec->n_removed_transports = host->removed_transport_count;
            host->removed_transport_count = 0;
        }
    } else {
        host->removed_transport_count = 0;
    }
    host->removed_track_count = 0;
    host->removed_subscription_count = 0;
    host->removed_edge_count = 0;
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
    return b->whole || p->parts_dirty;
}

static void send_version(struct room *room, struct host *host, bool whole,
                         Spillway__Control__RoomSpec *spec, struct effects *fx)
{
    spec->room = room->sid;
    spec->name = room->name;
    spec->epoch = room->epoch;
    spec->loudest = room->config->loudest;
    spec->base_version = whole ? 0 : host->version;
    spec->version = host->version = ++room->spec_version;
    send_spec(host->node, spec, fx);
}

static void allocate(struct building *b, const struct room *room)
{
    size_t people = HASH_COUNT(room->participants);
    size_t tracks = 0, edges = 0, subscriptions = 0;
    for (const struct participant *p = room->participants; p != NULL; p = p->hh.next) {
        const struct track *track;
        const struct subscription *subscription;
        if (!walks(b, p)) {
            continue;
        }
        DL_FOREACH(p->tracks, track)
        {
            const struct edge *edge;
            tracks++;
            DL_FOREACH(track->edges, edge)
            {
                edges++;
            }
        }
        DL_FOREACH(p->subscriptions, subscription)
        {
            subscriptions++;
        }
    }
    b->spec.transports = arena_array(&b->arena, people, sizeof(*b->spec.transports));
    b->spec.tracks = arena_array(&b->arena, tracks, sizeof(*b->spec.tracks));
    b->spec.edges = arena_array(&b->arena, edges, sizeof(*b->spec.edges));
    b->spec.subscriptions = arena_array(&b->arena, subscriptions, sizeof(*b->spec.subscriptions));
    b->spec.trunks = arena_array(&b->arena, room->host_count, sizeof(*b->spec.trunks));
    b->keys = arena_array(&b->arena, room->host_count, sizeof(*b->keys));
}

/* A node drops a transport's tracks with it. One that is relayed to this node from now on has to
 * say so before: two messages. */
static void send_removed_transports(struct room *room, struct host *host, struct effects *fx)
{
    Spillway__Control__RoomSpec spec = SPILLWAY__CONTROL__ROOM_SPEC__INIT;
    if (host->removed_transport_count > 0) {
        spec.removed_transports = host->removed_transports;
        spec.n_removed_transports = host->removed_transport_count;
        send_version(room, host, false, &spec, fx);
    }
    host->removed_transport_count = 0;
}

static void flush_host(struct room *room, struct host *host, struct effects *fx)
{
    struct building b = {.room = room, .host = host, .whole = host->whole};
    spillway__control__room_spec__init(&b.spec);
    allocate(&b, room);
    for (struct participant *p = room->participants; p != NULL; p = p->hh.next) {
        if (p->host == host && p->session.transport != 0 &&
            wanted(&b, &p->spec_dirty, &p->in_spec)) {
            b.spec.transports[b.spec.n_transports++] = transport_entry(p, &b.arena);
        }
        if (walks(&b, p)) {
            add_tracks(&b, p);
        }
    }
    for (struct participant *p = room->participants; p != NULL; p = p->hh.next) {
        if (p->host == host && walks(&b, p)) {
            add_subscriptions(&b, p);
        }
    }
    add_removals(&b);
    const Spillway__Control__RoomSpec *s = &b.spec;
    if (b.whole || s->n_transports + s->n_tracks + s->n_subscriptions + s->n_edges +
                           s->n_removed_transports + s->n_removed_tracks +
                           s->n_removed_subscriptions + s->n_removed_edges >
                       0) {
        send_version(room, host, b.whole, &b.spec, fx);
    }
    send_removed_transports(room, host, fx);
    host->whole = host->dirty = host->tracks_stay = false;
    for (size_t i = 0; i < b.spec.n_trunks; i++) {
        explicit_bzero(b.keys[i], sizeof(b.keys[i]));
    }
    arena_fini(&b.arena);
}

void spec_flush(struct room *room, struct effects *fx)
{
    struct host *host;
    DL_FOREACH(room->hosts, host)
    {
        if (host->dirty) {
            flush_host(room, host, fx);
        }
    }
    for (struct participant *p = room->participants; p != NULL; p = p->hh.next) {
        p->parts_dirty = false;
    }
}

void spec_drop(struct room *room, struct host *host, struct effects *fx)
{
    Spillway__Control__RoomSpec spec = SPILLWAY__CONTROL__ROOM_SPEC__INIT;
    spec.room = room->sid;
    spec.epoch = room->epoch;
    spec.version = ++room->spec_version;
    spec.dropped = true;
    send_spec(host->node, &spec, fx);
}

/* A spec on its way there was lost. */
void room_respec(struct room *room, const char *node)
{
    struct host *host = host_find(room, node);
    if (host != NULL) {
        host->whole = host->dirty = true;
    }
}

void room_unsent(struct room *room, const char *node)
{
    struct host *host = host_find(room, node);
    if (host != NULL) {
        host->unsent = true;
    }
}

bool room_resend(struct room *room, const char *node)
{
    struct host *host = host_find(room, node);
    bool lost = host != NULL && host->unsent;
    if (lost) {
        host->unsent = false;
        room_respec(room, node);
    }
    return lost;
}

void room_forgotten(struct room *room, const char *node)
{
    const struct host *host = host_find(room, node);
    for (struct participant *p = room->participants; p != NULL; p = p->hh.next) {
        struct subscription *subscription;
        DL_FOREACH(p->subscriptions, subscription)
        {
            if (p->host == host) {
                subscription->ssrc = subscription->rtx_ssrc = 0;
            }
        }
    }
    room_respec(room, node);
}

void room_spec_acked(struct room *room, const char *node, const Spillway__Control__SpecAck *ack)
{
    const struct host *host = host_find(room, node);
    if (ack->epoch > room->epoch) { /* somebody claimed the room after us: architecture.md §2.5 */
        log_write(room->config->log, LOG_WARN, "epoch_outdated room=%s ours=%llu node=%llu",
                  room->sid, (unsigned long long)room->epoch, (unsigned long long)ack->epoch);
        return;
    }
    if (ack->result == SPILLWAY__CONTROL__SPEC_ACK__RESULT__NEED_WHOLE && host != NULL &&
        ack->version < host->version) {
        if (ack->version == 0) { /* the node does not hold the room */
            room_forgotten(room, node);
        } else {
            room_respec(room, node);
        }
    } else if (ack->result == SPILLWAY__CONTROL__SPEC_ACK__RESULT__INVALID) {
        log_write(room->config->log, LOG_ERROR, "spec_refused room=%s node=%s reason=%s", room->sid,
                  node, ack->reason);
    }
}
