/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/lib/room_spec.h"

#include "proto/wire/wire.h"

void room_spec_init(struct room_spec *spec, const char *room, uint64_t epoch, uint64_t base_version,
                    uint64_t version)
{
    spec->arena = (struct arena){0};
    Spillway__Control__RoomSpec *m = &spec->message;
    spillway__control__room_spec__init(m);
    m->room = arena_str(&spec->arena, room);
    m->epoch = epoch;
    m->base_version = base_version;
    m->version = version;
    m->transports = arena_array(&spec->arena, ROOM_SPEC_ENTRIES, sizeof(*m->transports));
    m->tracks = arena_array(&spec->arena, ROOM_SPEC_ENTRIES, sizeof(*m->tracks));
    m->subscriptions = arena_array(&spec->arena, ROOM_SPEC_ENTRIES, sizeof(*m->subscriptions));
    m->trunks = arena_array(&spec->arena, ROOM_SPEC_ENTRIES, sizeof(*m->trunks));
    m->edges = arena_array(&spec->arena, ROOM_SPEC_ENTRIES, sizeof(*m->edges));
    m->removed_edges = arena_array(&spec->arena, ROOM_SPEC_ENTRIES, sizeof(*m->removed_edges));
    m->removed_transports =
        arena_array(&spec->arena, ROOM_SPEC_ENTRIES, sizeof(*m->removed_transports));
    m->removed_tracks = arena_array(&spec->arena, ROOM_SPEC_ENTRIES, sizeof(*m->removed_tracks));
    m->removed_subscriptions =
        arena_array(&spec->arena, ROOM_SPEC_ENTRIES, sizeof(*m->removed_subscriptions));
}

void room_spec_fini(struct room_spec *spec)
{
    arena_fini(&spec->arena);
}

static void add_keys(struct room_spec *spec, Spillway__Control__Transport *transport,
                     const struct media_client *client)
{
    Spillway__Control__SrtpKeys *keys = arena_alloc(&spec->arena, sizeof(*keys));
    spillway__control__srtp_keys__init(keys);
    size_t len = rtpsec_key_len(client->keys.suite);
    keys->suite = (Spillway__Control__SrtpKeys__Suite)client->keys.suite;
    keys->client_key = (ProtobufCBinaryData){len, (uint8_t *)(uintptr_t)client->keys.client};
    keys->server_key = (ProtobufCBinaryData){len, (uint8_t *)(uintptr_t)client->keys.server};
    transport->srtp = keys;
}

static void add_extensions(struct room_spec *spec, Spillway__Control__Transport *transport)
{
    transport->extensions =
        arena_array(&spec->arena, RTP_EXT_KINDS, sizeof(*transport->extensions));
    for (size_t kind = 0; kind < RTP_EXT_KINDS; kind++) {
        if (media_client_exts.id[kind] == 0) {
            continue;
        }
        Spillway__Control__Extension *extension = arena_alloc(&spec->arena, sizeof(*extension));
        spillway__control__extension__init(extension);
        extension->kind = (Spillway__Control__ExtensionKind)(kind + 1);
        extension->id = media_client_exts.id[kind];
        transport->extensions[transport->n_extensions++] = extension;
    }
}

Spillway__Control__Transport *room_spec_transport(struct room_spec *spec, uint64_t id,
                                                  const struct media_client *client, bool keyed)
{
    Spillway__Control__Transport *transport = arena_alloc(&spec->arena, sizeof(*transport));
    spillway__control__transport__init(transport);
    transport->id = id;
    transport->participant = arena_printf(&spec->arena, "PA_%llu", (unsigned long long)id);
    transport->local_ufrag = arena_str(&spec->arena, client->config.server_ufrag);
    transport->local_pwd = arena_str(&spec->arena, client->config.server_pwd);
    transport->remote_ufrag = arena_str(&spec->arena, client->config.ufrag);
    transport->remote_pwd = arena_str(&spec->arena, client->config.pwd);
    transport->orchestrator = arena_str(&spec->arena, "OR_1");
    add_extensions(spec, transport);
    if (keyed) {
        add_keys(spec, transport, client);
    }
    assert(spec->message.n_transports < ROOM_SPEC_ENTRIES);
    spec->message.transports[spec->message.n_transports++] = transport;
    return transport;
}

void room_spec_moved(struct room_spec *spec, Spillway__Control__Transport *transport,
                     const struct media_client *client, uint32_t check_priority)
{
    char ip[NET_TEXT_MAX];
    Spillway__Control__Endpoint *endpoint = arena_alloc(&spec->arena, sizeof(*endpoint));
    spillway__control__endpoint__init(endpoint);
    endpoint->ip = arena_str(&spec->arena, net_ip_text(&client->config.addr, ip));
    endpoint->port = client->config.addr.port;
    transport->client = endpoint;
    transport->check_priority = check_priority;
}

static Spillway__Control__PayloadType *make_payload(struct room_spec *spec, bool audio)
{
    Spillway__Control__PayloadType *payload = arena_alloc(&spec->arena, sizeof(*payload));
    spillway__control__payload_type__init(payload);
    payload->codec = audio ? SPILLWAY__CONTROL__CODEC__OPUS : SPILLWAY__CONTROL__CODEC__VP8;
    payload->number = audio ? MEDIA_OPUS : MEDIA_VP8;
    payload->rtx = audio ? 0 : MEDIA_VP8_RTX;
    payload->clock_hz = audio ? 48000 : 90000;
    payload->nack = !audio;
    payload->pli = !audio;
    payload->transport_cc = true;
    return payload;
}

static Spillway__Control__Track *add_track(struct room_spec *spec, uint32_t id, uint64_t transport,
                                           const char *mid)
{
    Spillway__Control__Track *track = arena_alloc(&spec->arena, sizeof(*track));
    spillway__control__track__init(track);
    track->id = id;
    track->transport = transport;
    track->sid = arena_printf(&spec->arena, "TR_%u", id);
    track->mid = arena_str(&spec->arena, mid);
    track->payload_types = arena_array(&spec->arena, 1, sizeof(*track->payload_types));
    track->layers = arena_array(&spec->arena, STREAM_LAYERS_MAX, sizeof(*track->layers));
    track->upstreams = arena_array(&spec->arena, 8, sizeof(*track->upstreams));
    track->n_payload_types = 1;
    assert(spec->message.n_tracks < ROOM_SPEC_ENTRIES);
    spec->message.tracks[spec->message.n_tracks++] = track;
    return track;
}

static void add_layer(struct room_spec *spec, Spillway__Control__Track *track, const char *rid)
{
    Spillway__Control__Layer *layer = arena_alloc(&spec->arena, sizeof(*layer));
    spillway__control__layer__init(layer);
    layer->rid = arena_str(&spec->arena, rid);
    layer->spatial = (uint32_t)track->n_layers;
    track->layers[track->n_layers++] = layer;
}

Spillway__Control__Track *room_spec_video(struct room_spec *spec, uint32_t id, uint64_t transport,
                                          const char *mid, const char *const *rids)
{
    Spillway__Control__Track *track = add_track(spec, id, transport, mid);
    track->kind = SPILLWAY__CONTROL__TRACK__KIND__VIDEO;
    track->payload_types[0] = make_payload(spec, false);
    for (size_t i = 0; rids != NULL && rids[i][0] != '\0'; i++) {
        add_layer(spec, track, rids[i]);
    }
    if (track->n_layers == 0) {
        add_layer(spec, track, "");
    }
    return track;
}

Spillway__Control__Track *room_spec_audio(struct room_spec *spec, uint32_t id, uint64_t transport,
                                          const char *mid)
{
    Spillway__Control__Track *track = add_track(spec, id, transport, mid);
    track->kind = SPILLWAY__CONTROL__TRACK__KIND__AUDIO;
    track->payload_types[0] = make_payload(spec, true);
    add_layer(spec, track, "");
    return track;
}

Spillway__Control__Subscription *room_spec_subscription(struct room_spec *spec,
                                                        const struct room_spec_want *want)
{
    Spillway__Control__Subscription *s = arena_alloc(&spec->arena, sizeof(*s));
    spillway__control__subscription__init(s);
    s->id = want->id;
    s->track = want->track;
    s->transport = want->transport;
    s->mid = arena_str(&spec->arena, want->mid);
    s->payload_types = arena_array(&spec->arena, 1, sizeof(*s->payload_types));
    s->payload_types[0] = make_payload(spec, want->audio);
    s->n_payload_types = 1;
    s->ssrc = want->ssrc;
    s->rtx_ssrc = want->audio ? 0 : want->ssrc + 1;
    s->spatial_max = 3;
    s->temporal_max = 7;
    assert(spec->message.n_subscriptions < ROOM_SPEC_ENTRIES);
    spec->message.subscriptions[spec->message.n_subscriptions++] = s;
    return s;
}

static Spillway__Control__Endpoint *make_node_endpoint(struct room_spec *spec, unsigned node)
{
    Spillway__Control__Endpoint *endpoint = arena_alloc(&spec->arena, sizeof(*endpoint));
    spillway__control__endpoint__init(endpoint);
    endpoint->ip = arena_printf(&spec->arena, "10.0.0.%u", node);
    endpoint->port = 40000;
    return endpoint;
}

/* What node "from" encrypts with towards node "to". */
static ProtobufCBinaryData make_trunk_key(struct room_spec *spec, unsigned from, unsigned to,
                                          uint32_t generation)
{
    struct prng prng;
    size_t len = rtpsec_key_len(RTPSEC_AES_128_GCM);
    uint8_t *key = arena_alloc(&spec->arena, len);
    prng_seed(&prng, (uint64_t)generation << 32 | from << 16 | to);
    prng_fill(&prng, key, len);
    return (ProtobufCBinaryData){len, key};
}

Spillway__Control__Trunk *room_spec_trunk(struct room_spec *spec, unsigned self, unsigned other,
                                          uint32_t generation)
{
    Spillway__Control__Trunk *trunk = arena_alloc(&spec->arena, sizeof(*trunk));
    Spillway__Control__SrtpKeys *keys = arena_alloc(&spec->arena, sizeof(*keys));
    spillway__control__trunk__init(trunk);
    spillway__control__srtp_keys__init(keys);
    trunk->node = arena_printf(&spec->arena, "ND_%u", other);
    trunk->remote = make_node_endpoint(spec, other);
    trunk->local = make_node_endpoint(spec, self);
    trunk->generation = generation;
    keys->suite = SPILLWAY__CONTROL__SRTP_KEYS__SUITE__AES_128_GCM;
    keys->client_key = make_trunk_key(spec, other, self, generation);
    keys->server_key = make_trunk_key(spec, self, other, generation);
    trunk->keys = keys;
    assert(spec->message.n_trunks < ROOM_SPEC_ENTRIES);
    spec->message.trunks[spec->message.n_trunks++] = trunk;
    return trunk;
}

static uint32_t *make_ssrcs(struct room_spec *spec, uint32_t first, size_t count)
{
    uint32_t *ssrcs = arena_array(&spec->arena, count, sizeof(*ssrcs));
    for (size_t i = 0; i < count; i++) {
        ssrcs[i] = first + (uint32_t)i;
    }
    return ssrcs;
}

Spillway__Control__Upstream *room_spec_upstream(struct room_spec *spec,
                                                Spillway__Control__Track *track, unsigned node,
                                                uint32_t first_ssrc)
{
    Spillway__Control__Upstream *upstream = arena_alloc(&spec->arena, sizeof(*upstream));
    spillway__control__upstream__init(upstream);
    upstream->node = arena_printf(&spec->arena, "ND_%u", node);
    upstream->ssrcs = make_ssrcs(spec, first_ssrc, track->n_layers);
    upstream->n_ssrcs = track->n_layers;
    assert(track->n_upstreams < 8);
    track->upstreams[track->n_upstreams++] = upstream;
    return upstream;
}

Spillway__Control__Edge *room_spec_edge(struct room_spec *spec, const struct room_spec_edge *from)
{
    Spillway__Control__Edge *edge = arena_alloc(&spec->arena, sizeof(*edge));
    spillway__control__edge__init(edge);
    edge->id = from->id;
    edge->track = from->track;
    edge->node = arena_printf(&spec->arena, "ND_%u", from->node);
    edge->ssrcs = make_ssrcs(spec, from->first_ssrc, from->layer_count);
    edge->n_ssrcs = from->layer_count;
    edge->layers = from->layers;
    assert(spec->message.n_edges < ROOM_SPEC_ENTRIES);
    spec->message.edges[spec->message.n_edges++] = edge;
    return edge;
}

void room_spec_remove(struct room_spec *spec, uint64_t transport, uint32_t track,
                      uint32_t subscription)
{
    Spillway__Control__RoomSpec *m = &spec->message;
    if (transport != 0) {
        m->removed_transports[m->n_removed_transports++] = transport;
    }
    if (track != 0) {
        m->removed_tracks[m->n_removed_tracks++] = track;
    }
    if (subscription != 0) {
        m->removed_subscriptions[m->n_removed_subscriptions++] = subscription;
    }
}

uint8_t *room_spec_pack(const struct room_spec *spec, size_t *len)
{
    Spillway__Control__OrchestratorMessage message = SPILLWAY__CONTROL__ORCHESTRATOR_MESSAGE__INIT;
    message.message_case = SPILLWAY__CONTROL__ORCHESTRATOR_MESSAGE__MESSAGE_SPEC;
    message.spec = (Spillway__Control__RoomSpec *)(uintptr_t)&spec->message;
    return wire_pack(&message.base, len);
}
