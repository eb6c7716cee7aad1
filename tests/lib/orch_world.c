/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/lib/orch_world.h"

#include "proto/gen/client.pb-c.h"
#include "proto/protojson/protojson.h"
#include "proto/wire/wire.h"

#include <stdio.h>
#include <stdlib.h>

#define FINGERPRINT   "a=fingerprint:sha-256 "
#define WALL_START_US (1600000000LL * 1000000)

static void fill(void *arg, void *out, size_t len)
{
    prng_fill(arg, out, len);
}

static struct orch *new_orch(struct world *world, const char *id, const char *region)
{
    static const uint8_t secret[32] = {7};
    return orch_new(
        &(struct orch_config){
            .id = id,
            .region = region,
            .zone = "",
            .keys = {&world->key, 1},
            .demo_api_key = "",
            .random = {fill, &world->prng},
            .empty_timeout_s = 300,
            .departure_timeout_s = 20,
            .fill_permille = 800,
            .join_permille = 950,
            .room_weight = 16,
            .cluster_secret = {secret, sizeof(secret)},
        },
        world->now_us, WALL_START_US);
}

void world_init_site(struct world *world, const struct world_site *site)
{
    *world = (struct world){.key = {"key", "secret"},
                            .story = mem_str(""),
                            .now_us = TIME_S(1),
                            .nodes = orch_nodes_new()};
    prng_seed(&world->prng, site->number);
    world->orch = new_orch(world, site->id, site->region);
    world->cluster = cluster_new(&(struct cluster_config){.name = site->id,
                                                          .front = {.orchestrator = site->id,
                                                                    .fingerprint = "sha-256 AA:BB",
                                                                    .region = site->region,
                                                                    .number = site->number},
                                                          .keys = {&world->key, 1},
                                                          .peer_count = site->peer_count,
                                                          .random = {fill, &world->prng}},
                                 world->orch, world->now_us, WALL_START_US);
}

void world_init(struct world *world)
{
    *world = (struct world){.key = {"key", "secret"},
                            .story = mem_str(""),
                            .now_us = TIME_S(1),
                            .nodes = orch_nodes_new()};
    prng_seed(&world->prng, 1);
    world->orch = new_orch(world, "OR_test", "");
}

void world_fini(struct world *world)
{
    if (world->cluster == NULL) { /* a site's rooms may have gone to another one */
        world_check(world);
    }
    if (world->cluster != NULL) {
        cluster_free(world->cluster);
    } else {
        orch_free(world->orch);
    }
    orch_nodes_free(world->nodes);
    free(world->transports);
    free(world->story);
    free(world->told);
    free(world->last_answer);
    free(world->last_reply);
    if (world->last_spec != NULL) {
        spillway__control__room_spec__free_unpacked(world->last_spec, NULL);
    }
    if (world->spec_before != NULL) {
        spillway__control__room_spec__free_unpacked(world->spec_before, NULL);
    }
}

/* ---- Story --------------------------------------------------------------------------------- */

static void tell(struct world *world, const char *format, ...) PRINTF_LIKE(2, 3);
static void tell(struct world *world, const char *format, ...)
{
    char line[512];
    va_list args;
    va_start(args, format);
    int len = vsnprintf(line, sizeof(line) - 1, format, args);
    va_end(args);
    assert(len > 0 && (size_t)len < sizeof(line) - 1);
    world->story = mem_grow(world->story, world->story_len + (size_t)len + 2, 1);
    memcpy(world->story + world->story_len, line, (size_t)len);
    world->story_len += (size_t)len;
    world->story[world->story_len++] = '\n';
    world->story[world->story_len] = '\0';
}

const char *world_story(struct world *world)
{
    free(world->told);
    world->told = world->story;
    world->story = mem_str("");
    world->story_len = 0;
    return world->told;
}

static size_t transport_number(struct world *world, uint64_t transport)
{
    for (size_t i = 0; i < world->transport_count; i++) {
        if (world->transports[i] == transport) {
            return i + 1;
        }
    }
    world->transports =
        mem_grow(world->transports, world->transport_count + 1, sizeof(*world->transports));
    world->transports[world->transport_count++] = transport;
    return world->transport_count;
}

static void tell_update(struct world *world, uint64_t conn,
                        const Livekit__ParticipantUpdate *update)
{
    static const char *const states[] = {"joining", "joined", "active", "gone"};
    char text[400] = "";
    size_t used = 0;
    for (size_t i = 0; i < update->n_participants; i++) {
        const Livekit__ParticipantInfo *p = update->participants[i];
        used += (size_t)snprintf(text + used, sizeof(text) - used, " %s=%s/%zu", p->identity,
                                 states[p->state], p->n_tracks);
    }
    tell(world, "conn %d < update%s", (int)conn, text);
}

static void tell_speakers(struct world *world, uint64_t conn,
                          const Livekit__SpeakersChanged *changed)
{
    for (size_t i = 0; i < changed->n_speakers; i++) {
        tell(world, "conn %d < speaker %s %.3f", (int)conn,
             changed->speakers[i]->active ? "on" : "off", (double)changed->speakers[i]->level);
    }
}

static void tell_handles(struct world *world, uint64_t conn,
                         const Livekit__DataTrackSubscriberHandles *handles)
{
    char text[200] = "";
    size_t used = 0;
    for (size_t i = 0; i < handles->n_sub_handles && used < sizeof(text); i++) {
        used +=
            (size_t)snprintf(text + used, sizeof(text) - used, " %u", handles->sub_handles[i]->key);
    }
    tell(world, "conn %d < data_handles%s", (int)conn, text);
}

static void tell_refusal(struct world *world, uint64_t conn, const Livekit__RequestResponse *m)
{
    char echo[64] = "";
    if (m->request_case == LIVEKIT__REQUEST_RESPONSE__REQUEST_UNPUBLISH_DATA_TRACK) {
        snprintf(echo, sizeof(echo), " handle=%u", m->unpublish_data_track->pub_handle);
    }
    tell(world, "conn %d < request_response id=%u reason=%d%s", (int)conn, m->request_id,
         (int)m->reason, echo);
}

static void tell_quality(struct world *world, uint64_t conn,
                         const Livekit__SubscribedQualityUpdate *update)
{
    for (size_t i = 0; i < update->n_subscribed_codecs; i++) {
        const Livekit__SubscribedCodec *codec = update->subscribed_codecs[i];
        char text[64] = "";
        size_t used = 0;
        for (size_t j = 0; j < codec->n_qualities; j++) {
            used += (size_t)snprintf(text + used, sizeof(text) - used, " %d=%s",
                                     (int)codec->qualities[j]->quality,
                                     codec->qualities[j]->enabled ? "on" : "off");
        }
        tell(world, "conn %d < quality %.5s %s%s", (int)conn, update->track_sid, codec->codec,
             text);
    }
}

/* tidy: long, a flat switch with one line per message */
static void tell_response(struct world *world, uint64_t conn, const Livekit__SignalResponse *m)
{
    int c = (int)conn;
    switch (m->message_case) {
    case LIVEKIT__SIGNAL_RESPONSE__MESSAGE_JOIN:
        tell(world, "conn %d < join %s others=%zu", c, m->join->participant->identity,
             m->join->n_other_participants);
        break;
    case LIVEKIT__SIGNAL_RESPONSE__MESSAGE_RECONNECT:
        tell(world, "conn %d < reconnect last_seq=%u", c, m->reconnect->last_message_seq);
        break;
    case LIVEKIT__SIGNAL_RESPONSE__MESSAGE_ANSWER:
        free(world->last_answer);
        world->last_answer = mem_str(m->answer->sdp);
        tell(world, "conn %d < answer %u tracks=%zu", c, m->answer->id,
             m->answer->n_mid_to_track_id);
        break;
    case LIVEKIT__SIGNAL_RESPONSE__MESSAGE_UPDATE:
        tell_update(world, conn, m->update);
        break;
    case LIVEKIT__SIGNAL_RESPONSE__MESSAGE_TRACK_PUBLISHED:
        snprintf(world->last_sid, sizeof(world->last_sid), "%s", m->track_published->track->sid);
        tell(world, "conn %d < track_published %s %.5s", c, m->track_published->cid,
             m->track_published->track->sid);
        break;
    case LIVEKIT__SIGNAL_RESPONSE__MESSAGE_LEAVE:
        tell(world, "conn %d < leave reason=%d action=%d", c, (int)m->leave->reason,
             (int)m->leave->action);
        break;
    case LIVEKIT__SIGNAL_RESPONSE__MESSAGE_MEDIA_SECTIONS_REQUIREMENT:
        tell(world, "conn %d < sections audio=%u video=%u", c,
             m->media_sections_requirement->num_audios, m->media_sections_requirement->num_videos);
        break;
    case LIVEKIT__SIGNAL_RESPONSE__MESSAGE_REQUEST_RESPONSE:
        tell_refusal(world, conn, m->request_response);
        break;
    case LIVEKIT__SIGNAL_RESPONSE__MESSAGE_SUBSCRIPTION_PERMISSION_UPDATE:
        tell(world, "conn %d < subscription_permission allowed=%d", c,
             m->subscription_permission_update->allowed);
        break;
    case LIVEKIT__SIGNAL_RESPONSE__MESSAGE_TRACK_SUBSCRIBED:
        tell(world, "conn %d < track_subscribed", c);
        break;
    case LIVEKIT__SIGNAL_RESPONSE__MESSAGE_SUBSCRIBED_QUALITY_UPDATE:
        tell_quality(world, conn, m->subscribed_quality_update);
        break;
    case LIVEKIT__SIGNAL_RESPONSE__MESSAGE_SPEAKERS_CHANGED:
        tell_speakers(world, conn, m->speakers_changed);
        break;
    case LIVEKIT__SIGNAL_RESPONSE__MESSAGE_TRACK_UNPUBLISHED:
        tell(world, "conn %d < track_unpublished %.5s", c, m->track_unpublished->track_sid);
        break;
    case LIVEKIT__SIGNAL_RESPONSE__MESSAGE_PUBLISH_DATA_TRACK_RESPONSE:
        snprintf(world->last_sid, sizeof(world->last_sid), "%s",
                 m->publish_data_track_response->info->sid);
        break;
    case LIVEKIT__SIGNAL_RESPONSE__MESSAGE_DATA_TRACK_SUBSCRIBER_HANDLES:
        tell_handles(world, conn, m->data_track_subscriber_handles);
        break;
    case LIVEKIT__SIGNAL_RESPONSE__MESSAGE_SUBSCRIPTION_RESPONSE:
        tell(world, "conn %d < subscription_response %.5s err=%d", c,
             m->subscription_response->track_sid, (int)m->subscription_response->err);
        break;
    case LIVEKIT__SIGNAL_RESPONSE__MESSAGE_TRICKLE:
        tell(world, "conn %d < trickle %s", c,
             strstr(m->trickle->candidateinit, " tcp ") != NULL ? "tcp" : "udp");
        break;
    case LIVEKIT__SIGNAL_RESPONSE__MESSAGE_MUTE:
        tell(world, "conn %d < mute muted=%d", c, m->mute->muted);
        break;
    case LIVEKIT__SIGNAL_RESPONSE__MESSAGE_REFRESH_TOKEN:
        tell(world, "conn %d < refresh_token", c);
        break;
    case LIVEKIT__SIGNAL_RESPONSE__MESSAGE_ROOM_UPDATE: /* counts, debounced: noise in a story */
    case LIVEKIT__SIGNAL_RESPONSE__MESSAGE_CONNECTION_QUALITY:
        break;
    default:
        tell(world, "conn %d < message %d", c, (int)m->message_case);
        break;
    }
}

static void tell_send(struct world *world, const struct effect *effect)
{
    ProtobufCMessage *message;
    int err = wire_unpack(&livekit__signal_response__descriptor,
                          (struct bytes){effect->data, effect->len}, &message);
    assert(err == 0);
    tell_response(world, effect->id, (const Livekit__SignalResponse *)message);
    protobuf_c_message_free_unpacked(message, NULL);
}

/* What of a spec is about other nodes. */
static void tell_cascade(struct world *world, const char *node,
                         const Spillway__Control__RoomSpec *spec)
{
    for (size_t i = 0; i < spec->n_tracks; i++) {
        const Spillway__Control__Track *track = spec->tracks[i];
        for (size_t j = 0; j < track->n_upstreams; j++) {
            tell(world, "node %s < track %u%s from %s%s", node, track->id,
                 track->transport == 0 ? "" : " published here", track->upstreams[j]->node,
                 track->upstreams[j]->backup ? " backup" : "");
        }
    }
    for (size_t i = 0; i < spec->n_edges; i++) {
        const Spillway__Control__Edge *edge = spec->edges[i];
        tell(world, "node %s < track %u to %s layers=%u%s", node, edge->track, edge->node,
             edge->layers, edge->backup ? " backup" : "");
    }
    for (size_t i = 0; i < spec->n_removed_edges; i++) {
        tell(world, "node %s < edge %u gone", node, spec->removed_edges[i]);
    }
}

/* What of a spec is about people who move. */
static void tell_moves(struct world *world, const char *node,
                       const Spillway__Control__RoomSpec *spec)
{
    for (size_t i = 0; i < spec->n_transports; i++) {
        const Spillway__Control__Transport *transport = spec->transports[i];
        if (transport->standby || transport->hand_over) {
            tell(world, "node %s < T%zu %s", node, transport_number(world, transport->id),
                 transport->standby ? "stands by" : "hands over");
        }
    }
    for (size_t i = 0; i < spec->n_subscriptions; i++) {
        const Spillway__Control__Subscription *subscription = spec->subscriptions[i];
        if (subscription->resume != NULL) {
            tell(world, "node %s < subscription %u resumes at %llu", node, subscription->id,
                 (unsigned long long)subscription->resume->next_index);
        }
    }
}

static void tell_node(struct world *world, const struct effect *effect)
{
    ProtobufCMessage *unpacked;
    int err = wire_unpack(&spillway__control__orchestrator_message__descriptor,
                          (struct bytes){effect->data, effect->len}, &unpacked);
    assert(err == 0);
    Spillway__Control__OrchestratorMessage *m = (Spillway__Control__OrchestratorMessage *)unpacked;
    bool spec = m->message_case == SPILLWAY__CONTROL__ORCHESTRATOR_MESSAGE__MESSAGE_SPEC;
    if (spec && world->specs_lost) {
        orch_nodes_lose(world->nodes, effect->name, m->spec);
    } else {
        orch_nodes_receive(world->nodes, world->now_us, effect->name,
                           (struct bytes){effect->data, effect->len});
    }
    if (spec && !world->checking) {
        Spillway__Control__RoomSpec *s = m->spec;
        tell(world, "node %s < %s v%llu base=%llu t=%zu k=%zu s=%zu -t=%zu -k=%zu -s=%zu",
             effect->name, s->dropped ? "drop" : "spec", (unsigned long long)s->version,
             (unsigned long long)s->base_version, s->n_transports, s->n_tracks, s->n_subscriptions,
             s->n_removed_transports, s->n_removed_tracks, s->n_removed_subscriptions);
        tell_cascade(world, effect->name, s);
        tell_moves(world, effect->name, s);
        snprintf(world->last_room, sizeof(world->last_room), "%s", s->room);
        world->last_epoch = s->epoch;
        if (world->spec_before != NULL) {
            spillway__control__room_spec__free_unpacked(world->spec_before, NULL);
        }
        world->spec_before = world->last_spec;
        world->last_spec = s;
        m->message_case = SPILLWAY__CONTROL__ORCHESTRATOR_MESSAGE__MESSAGE__NOT_SET;
    } else if (m->message_case == SPILLWAY__CONTROL__ORCHESTRATOR_MESSAGE__MESSAGE_REGISTERED) {
        tell(world, "node %s < registered%s%s", effect->name,
             m->registered->refused[0] == '\0' ? "" : " refused: ", m->registered->refused);
    }
    protobuf_c_message_free_unpacked(unpacked, NULL);
}

/* No place in the queue: the shell says so. */
static void lose(struct world *world, const struct effect *effect)
{
    tell(world, "node %s is full", effect->name);
    if (effect->text == NULL) {
        return;
    }
    Spillway__Control__RoomSpec spec = SPILLWAY__CONTROL__ROOM_SPEC__INIT;
    spec.room = effect->text;
    orch_nodes_lose(world->nodes, effect->name, &spec);
    orch_node_unsent(world->orch, world->now_us, effect->name, effect->text);
}

static void keep_rpc(struct world *world, const struct effect *effect)
{
    ProtobufCMessage *message;
    if (wire_unpack(&livekit__data_packet__descriptor, (struct bytes){effect->data, effect->len},
                    &message) != 0) {
        return;
    }
    const Livekit__DataPacket *packet = (const Livekit__DataPacket *)message;
    if (packet->value_case == LIVEKIT__DATA_PACKET__VALUE_RPC_REQUEST) {
        snprintf(world->last_rpc, sizeof(world->last_rpc), "%s", packet->rpc_request->id);
    }
    protobuf_c_message_free_unpacked(message, NULL);
}

static void tell_reply(struct world *world, const struct effect *effect)
{
    free(world->last_reply);
    world->last_reply = mem_str((const char *)effect->data);
    world->last_status = effect->status;
    tell(world, "reply %d %d", (int)effect->id, effect->status);
}

static void tell_webhook(struct world *world, const struct effect *effect)
{
    const char *name = strstr((const char *)effect->data, "\"event\":");
    assert(name != NULL);
    name = strchr(name + 8, '"') + 1;
    tell(world, "webhook %.*s", (int)strcspn(name, "\""), name);
}

static void tell_effect(struct world *world, const struct effect *effect)
{
    switch (effect->type) {
    case EFFECT_ACCEPT:
        tell(world, "conn %d accept", (int)effect->id);
        break;
    case EFFECT_REFUSE:
        tell(world, "conn %d refuse %d %s", (int)effect->id, effect->status, effect->text);
        break;
    case EFFECT_SEND:
        tell_send(world, effect);
        break;
    case EFFECT_CLOSE:
        tell(world, "conn %d close %d%s%s", (int)effect->id, effect->status,
             effect->text == NULL ? "" : " ", effect->text == NULL ? "" : effect->text);
        break;
    case EFFECT_NODE_SEND:
        if (world->nodes_full) {
            lose(world, effect);
        } else {
            tell_node(world, effect);
        }
        break;
    case EFFECT_FRONT_OPEN:
        tell(world, "front T%zu open", transport_number(world, effect->id));
        break;
    case EFFECT_FRONT_CLOSE:
        tell(world, "front T%zu close", transport_number(world, effect->id));
        break;
    case EFFECT_FRONT_ROUTE:
        tell(world, "front T%zu route %s", transport_number(world, effect->id), effect->name);
        break;
    case EFFECT_CHANNEL_SEND:
        keep_rpc(world, effect);
        tell(world, "front T%zu send stream=%d bytes=%zu", transport_number(world, effect->id),
             effect->stream, effect->len);
        break;
    case EFFECT_REPLY:
        tell_reply(world, effect);
        break;
    case EFFECT_WEBHOOK:
        tell_webhook(world, effect);
        break;
    case EFFECT_PEER_SEND:
    case EFFECT_STORE_CLAIM:
    case EFFECT_STORE_ROOM:
    case EFFECT_STORE_ROOM_GONE:
        if (world->elsewhere != NULL) {
            world->elsewhere(world, effect);
        }
        break;
    default: /* the store: hints */
        break;
    }
}

static int64_t start(const struct world *world)
{
    return world->cpu_us == NULL ? 0 : world->cpu_us();
}

static bool poll(struct world *world, struct effect *effect)
{
    return world->cluster != NULL ? cluster_poll(world->cluster, effect)
                                  : orch_poll(world->orch, effect);
}

static int64_t deadline(const struct world *world)
{
    return world->cluster != NULL ? cluster_deadline(world->cluster) : orch_deadline(world->orch);
}

static void expire(struct world *world)
{
    if (world->cluster != NULL) {
        cluster_expire(world->cluster, world->now_us);
    } else {
        orch_expire(world->orch, world->now_us);
    }
}

static void carry_out(struct world *world)
{
    struct effect effect;
    while (poll(world, &effect)) {
        if (world->cpu_us == NULL) {
            tell_effect(world, &effect);
        }
        effect_fini(&effect);
    }
}

static void drain(struct world *world, int64_t started_us)
{
    struct orch_nodes_answer answer;
    carry_out(world);
    while (orch_nodes_answers(world->nodes, &answer)) {
        orch_node_message(world->orch, world->now_us, answer.id,
                          (struct bytes){answer.data, answer.len});
        free(answer.data);
        carry_out(world);
    }
    if (world->cpu_us != NULL) {
        world->spent_us += world->cpu_us() - started_us;
    }
}

void world_drain(struct world *world)
{
    drain(world, start(world));
}

void world_check(struct world *world)
{
    if (world->nodes_full || world->specs_lost || world->cpu_us != NULL) {
        return; /* nodes are told nothing */
    }
    orch_nodes_compare(world->nodes);
    world->checking = true;
    drain(world, 0);
    world->checking = false;
    orch_nodes_compared(world->nodes);
}

void world_advance(struct world *world, int64_t us)
{
    int64_t until = world->now_us + us;
    while (deadline(world) <= until) {
        world->now_us = MAX(world->now_us, deadline(world));
        int64_t started_us = start(world);
        expire(world);
        drain(world, started_us);
    }
    world->now_us = until;
}

/* ---- Nodes --------------------------------------------------------------------------------- */

static void node_says(struct world *world, const char *id,
                      const Spillway__Control__NodeMessage *message)
{
    size_t len;
    uint8_t *packed = wire_pack(&message->base, &len);
    int64_t started_us = start(world);
    orch_node_message(world->orch, world->now_us, id, (struct bytes){packed, len});
    drain(world, started_us);
    free(packed);
}

void world_node(struct world *world, const char *id)
{
    char ip[32];
    snprintf(ip, sizeof(ip), "127.0.0.%d", id[strlen(id) - 1] - 'a' + 1);
    world_node_at(world, id, (const char *const[]){ip}, 1);
}

void world_node_at(struct world *world, const char *id, const char *const *ips, size_t count)
{
    Spillway__Control__Endpoint all[12], *endpoints[ARRAY_LEN(all)];
    assert(count * 3 <= ARRAY_LEN(all));
    for (size_t i = 0; i < count * 3; i++) { /* in the order in which nodes tell them */
        spillway__control__endpoint__init(&all[i]);
        size_t kind = i / count; /* two of UDP, one of TCP */
        all[i].ip = (char *)ips[i % count];
        all[i].port = kind == 1 ? 4001 : 4000;
        all[i].protocol = kind == 2 ? SPILLWAY__CONTROL__ENDPOINT__PROTOCOL__TCP
                                    : SPILLWAY__CONTROL__ENDPOINT__PROTOCOL__UDP;
        endpoints[i] = &all[i];
    }
    world_register(world, id, endpoints, count * 3);
}

void world_register(struct world *world, const char *id, Spillway__Control__Endpoint **endpoints,
                    size_t count)
{
    Spillway__Control__Register hello = SPILLWAY__CONTROL__REGISTER__INIT;
    hello.node_id = (char *)id;
    hello.name = (char *)id;
    hello.region = (char *)(world->node_region == NULL ? "r1" : world->node_region);
    hello.version = "0";
    hello.protocol = 1;
    hello.hands_over = !world->no_hand_over;
    hello.capacity = 1000;
    hello.endpoints = endpoints;
    hello.n_endpoints = count;
    hello.rooms = world->held;
    hello.n_rooms = world->held_count;
    Spillway__Control__NodeMessage message = SPILLWAY__CONTROL__NODE_MESSAGE__INIT;
    message.message_case = SPILLWAY__CONTROL__NODE_MESSAGE__MESSAGE_REGISTER;
    message.register_ = &hello;
    orch_nodes_registers(world->nodes, id, &hello);
    node_says(world, id, &message);
}

void world_heartbeat(struct world *world, const char *id, uint64_t sequence)
{
    world_heartbeat_rooms(world, id, sequence, NULL, 0);
}

void world_heartbeat_rooms(struct world *world, const char *id, uint64_t sequence,
                           Spillway__Control__RoomVersion **rooms, size_t count)
{
    Spillway__Control__Load load = SPILLWAY__CONTROL__LOAD__INIT;
    load.weight = world->node_weight;
    Spillway__Control__Heartbeat beat = SPILLWAY__CONTROL__HEARTBEAT__INIT;
    beat.sequence = sequence;
    beat.load = &load;
    beat.rooms = rooms;
    beat.n_rooms = count;
    beat.trunks = &world->trunk;
    beat.n_trunks = world->trunk != NULL;
    Spillway__Control__NodeMessage message = SPILLWAY__CONTROL__NODE_MESSAGE__INIT;
    message.message_case = SPILLWAY__CONTROL__NODE_MESSAGE__MESSAGE_HEARTBEAT;
    message.heartbeat = &beat;
    node_says(world, id, &message);
}

void world_arrive(struct world *world, const char *node, size_t transport)
{
    Spillway__Control__Endpoint client = SPILLWAY__CONTROL__ENDPOINT__INIT;
    client.ip = "192.0.2.7";
    client.port = 5000;
    Spillway__Control__PathSelected path = SPILLWAY__CONTROL__PATH_SELECTED__INIT;
    path.transport = world->transports[transport - 1];
    path.client = &client;
    Spillway__Control__Event event = SPILLWAY__CONTROL__EVENT__INIT;
    event.event_case = SPILLWAY__CONTROL__EVENT__EVENT_PATH_SELECTED;
    event.path_selected = &path;
    world_event(world, node, &event);
}

void world_hand_over(struct world *world, const char *node, size_t transport, uint32_t subscription)
{
    Spillway__Control__SenderState state = SPILLWAY__CONTROL__SENDER_STATE__INIT,
                                   *list[] = {&state};
    state.subscription = subscription;
    state.next_index = 77;
    state.started = true;
    Spillway__Control__HandedOver over = SPILLWAY__CONTROL__HANDED_OVER__INIT;
    over.transport = world->transports[transport - 1];
    over.senders = list;
    over.n_senders = subscription != 0;
    Spillway__Control__Event event = SPILLWAY__CONTROL__EVENT__INIT;
    event.event_case = SPILLWAY__CONTROL__EVENT__EVENT_HANDED_OVER;
    event.handed_over = &over;
    world_event(world, node, &event);
}

/* About the last spec's room. */
void world_ack(struct world *world, const char *id, Spillway__Control__SpecAck *ack)
{
    ack->room = world->last_room;
    ack->epoch = world->last_epoch;
    Spillway__Control__NodeMessage message = SPILLWAY__CONTROL__NODE_MESSAGE__INIT;
    message.message_case = SPILLWAY__CONTROL__NODE_MESSAGE__MESSAGE_SPEC_ACK;
    message.spec_ack = ack;
    node_says(world, id, &message);
}

void world_event(struct world *world, const char *id, Spillway__Control__Event *event)
{
    event->room = world->last_room;
    event->epoch = world->last_epoch;
    Spillway__Control__Events events = SPILLWAY__CONTROL__EVENTS__INIT;
    events.n_events = 1;
    events.events = &event;
    Spillway__Control__NodeMessage message = SPILLWAY__CONTROL__NODE_MESSAGE__INIT;
    message.message_case = SPILLWAY__CONTROL__NODE_MESSAGE__MESSAGE_EVENTS;
    message.events = &events;
    node_says(world, id, &message);
}

/* ---- Clients ------------------------------------------------------------------------------- */

char *world_read_offer(const char *name)
{
    char path[512];
    snprintf(path, sizeof(path), "%s/sdp/%s", TEST_DATA, name);
    FILE *file = fopen(path, "rb");
    assert(file != NULL);
    char *text = mem_alloc(128 * 1024);
    size_t len = fread(text, 1, 128 * 1024 - 1, file);
    assert(len > 0);
    fclose(file);
    for (char *at = text; (at = strstr(at, FINGERPRINT)) != NULL;) {
        at += strlen(FINGERPRINT);
        assert(strcspn(at, "\r\n") == 32 * 3 - 1);
        for (size_t i = 0; i < 32; i++) { /* the same certificate in all of them */
            memcpy(at + i * 3, "AB", 2);
        }
    }
    return text;
}

char *world_token(struct world *world, const char *identity, const struct token_video *video)
{
    struct token_attribute region = {"region", world->region};
    struct token token = {.identity = identity,
                          .has_video = true,
                          .video = *video,
                          .attributes = &region,
                          .attribute_count = world->region == NULL ? 0 : 1,
                          .room_config = world->room_config};
    char *text = token_sign(&token, &world->key, WALL_START_US / 1000000, 3600);
    assert(text != NULL);
    return text;
}

static char *join_parameter(const struct world_join *join, char *offer)
{
    Livekit__ClientInfo client = LIVEKIT__CLIENT_INFO__INIT;
    client.protocol = 17;
    client.browser = "chrome";
    Livekit__ConnectionSettings settings = LIVEKIT__CONNECTION_SETTINGS__INIT;
    settings.auto_subscribe = true;
    Livekit__SessionDescription description = LIVEKIT__SESSION_DESCRIPTION__INIT;
    description.type = "offer";
    description.sdp = offer;
    description.id = 1;
    Livekit__JoinRequest request = LIVEKIT__JOIN_REQUEST__INIT;
    request.client_info = &client;
    request.connection_settings = &settings;
    request.publisher_offer = offer == NULL ? NULL : &description;
    request.reconnect = join->reconnect;
    size_t inner_len, len;
    uint8_t *inner = wire_pack(&request.base, &inner_len);
    Livekit__WrappedJoinRequest wrapped = LIVEKIT__WRAPPED_JOIN_REQUEST__INIT;
    wrapped.join_request = (ProtobufCBinaryData){inner_len, inner};
    uint8_t *packed = wire_pack(&wrapped.base, &len);
    char *text = mem_alloc(PROTOJSON_ENCODED_LEN(len) + 1);
    protojson_base64_encode((struct bytes){packed, len}, text);
    free(inner);
    free(packed);
    return text;
}

/* conn 0: only validated. */
static void enter(struct world *world, uint64_t conn, const struct world_join *join)
{
    struct token_video video = {.room_join = true, .room = join->room};
    if (join->grants != NULL) {
        join->grants(&video);
    }
    char *token = world_token(world, join->identity, &video);
    char *offer = join->offer_file == NULL ? NULL : world_read_offer(join->offer_file);
    char *parameter = join_parameter(join, offer);
    struct orch_client client = {
        .request = {.path = "/rtc/v1",
                    .authorization = "",
                    .access_token = token,
                    .join_request = parameter,
                    .protocol = "",
                    .room = ""},
        .address = "127.0.0.1",
        .front = {.orchestrator = join->front == NULL ? "OR_test" : join->front,
                  .fingerprint = join->front == NULL ? "sha-256 AA:BB" : "sha-256 CC:DD",
                  .region = join->front == NULL ? "" : "r2",
                  .number = join->front == NULL ? 0 : 7}};
    int64_t started_us = start(world);
    if (world->cluster != NULL && conn == 0) {
        cluster_validate(world->cluster, world->now_us, world->request, &client.request);
    } else if (world->cluster != NULL) {
        cluster_connect(world->cluster, world->now_us, conn, &client.request, client.address);
    } else if (conn == 0) {
        orch_validate(world->orch, world->now_us, 1, &client.request);
    } else {
        orch_connect(world->orch, world->now_us, conn, &client);
    }
    drain(world, started_us);

    free(token);
    free(offer);
    free(parameter);
}

void world_join(struct world *world, uint64_t conn, const struct world_join *join)
{
    assert(conn != 0);
    enter(world, conn, join);
}

void world_validate(struct world *world, const struct world_join *join)
{
    enter(world, 0, join);
}

void world_signal(struct world *world, uint64_t conn, const Livekit__SignalRequest *request)
{
    size_t len;
    uint8_t *packed = wire_pack(&request->base, &len);
    int64_t started_us = start(world);
    if (world->cluster != NULL) {
        cluster_signal(world->cluster, world->now_us, conn, (struct bytes){packed, len});
    } else {
        orch_signal(world->orch, world->now_us, conn, (struct bytes){packed, len});
    }
    drain(world, started_us);
    free(packed);
}

void world_offer_text(struct world *world, uint64_t conn, const char *offer, uint32_t id)
{
    Livekit__SessionDescription description = LIVEKIT__SESSION_DESCRIPTION__INIT;
    description.type = "offer";
    description.sdp = (char *)offer;
    description.id = id;
    Livekit__SignalRequest request = LIVEKIT__SIGNAL_REQUEST__INIT;
    request.message_case = LIVEKIT__SIGNAL_REQUEST__MESSAGE_OFFER;
    request.offer = &description;
    world_signal(world, conn, &request);
}

void world_offer(struct world *world, uint64_t conn, const char *offer_file, uint32_t id)
{
    char *offer = world_read_offer(offer_file);
    world_offer_text(world, conn, offer, id);
    free(offer);
}

void world_add_track(struct world *world, uint64_t conn, const char *cid, Livekit__TrackType type)
{
    Livekit__AddTrackRequest add = LIVEKIT__ADD_TRACK_REQUEST__INIT;
    add.cid = (char *)cid;
    add.type = type;
    add.source = type == LIVEKIT__TRACK_TYPE__AUDIO ? LIVEKIT__TRACK_SOURCE__MICROPHONE
                                                    : LIVEKIT__TRACK_SOURCE__CAMERA;
    Livekit__SignalRequest request = LIVEKIT__SIGNAL_REQUEST__INIT;
    request.message_case = LIVEKIT__SIGNAL_REQUEST__MESSAGE_ADD_TRACK;
    request.add_track = &add;
    world_signal(world, conn, &request);
}

void world_connected(struct world *world, size_t transport)
{
    uint8_t key[28] = {0};
    Spillway__Control__SrtpKeys keys = SPILLWAY__CONTROL__SRTP_KEYS__INIT;
    keys.suite = SPILLWAY__CONTROL__SRTP_KEYS__SUITE__AES_128_GCM;
    keys.client_key = keys.server_key = (ProtobufCBinaryData){sizeof(key), key};
    int64_t started_us = start(world);
    uint64_t id = world->transports[transport - 1];
    if (world->cluster != NULL) {
        cluster_front_connected(world->cluster, world->now_us, id, &keys);
    } else {
        orch_front_connected(world->orch, world->now_us, id, &keys);
    }
    drain(world, started_us);
}

void world_twirp(struct world *world, const char *method, const char *json)
{
    char path[128], authorization[2048];
    struct token_video video = {
        .room_create = true, .room_list = true, .room_admin = true, .room = "lobby"};
    char *token = world_token(world, "", &video);
    snprintf(path, sizeof(path), "/twirp/livekit.RoomService/%s", method);
    snprintf(authorization, sizeof(authorization), "Bearer %s", token);
    struct twirp_head head = {.verb = "POST", .path = path, .content_type = "application/json"};
    int64_t started_us = start(world);
    struct bytes body = {(const uint8_t *)json, strlen(json)};
    if (world->cluster != NULL) {
        cluster_twirp(world->cluster, world->now_us, world->request, &head, authorization, body);
    } else {
        orch_twirp(world->orch, world->now_us, 1, &head, authorization, body);
    }
    drain(world, started_us);

    free(token);
}

static void admin(struct world *world, const struct orch_admin_request *request)
{
    int64_t started_us = start(world);
    if (world->cluster != NULL) {
        cluster_admin(world->cluster, world->now_us, world->request, request);
    } else {
        orch_admin(world->orch, world->now_us, 1, request);
    }
    drain(world, started_us);
}

void world_admin(struct world *world, const char *verb, const char *path, const char *json)
{
    char authorization[2048];
    struct token_video video = {.room_create = strcmp(verb, "POST") == 0,
                                .room_list = strcmp(verb, "POST") != 0};
    char *token = world_token(world, "", &video);
    snprintf(authorization, sizeof(authorization), "Bearer %s", token);
    const struct orch_admin_request request = {
        .verb = strcmp(verb, "ASK") == 0 ? "POST" : verb,
        .path = path,
        .authorization = authorization,
        .body = {(const uint8_t *)json, strlen(json)},
    };
    admin(world, &request);
    free(token);
}
