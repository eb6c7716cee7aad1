/* SPDX-License-Identifier: Apache-2.0
 *
 * What an orchestrator core does, as a line an effect; and what a test wants kept of it.
 */
#include "tests/lib/orch_story.h"

#include "proto/gen/client.pb-c.h"
#include "proto/wire/wire.h"

#include <stdio.h>
#include <stdlib.h>

static void tell(struct world *world, const char *format, ...) PRINTF_LIKE(2, 3);
static void tell(struct world *world, const char *format, ...)
{
    char line[512];
    va_list args;
    va_start(args, format);
    int len = vsnprintf(line, sizeof(line) - 1, format, args);
    va_end(args);
    assert(len > 0 && (size_t)len < sizeof(line) - 1);
    if (world->aloud) {
        fprintf(stderr, "%s\n", line);
    }
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

/* Bad ones alone: the others are noise. */
static void tell_connections(struct world *world, uint64_t conn,
                             const Livekit__ConnectionQualityUpdate *update)
{
    for (size_t i = 0; i < update->n_updates; i++) {
        Livekit__ConnectionQuality quality = update->updates[i]->quality;
        if (quality == LIVEKIT__CONNECTION_QUALITY__POOR ||
            quality == LIVEKIT__CONNECTION_QUALITY__LOST) {
            tell(world, "conn %d < connection %s", (int)conn,
                 quality == LIVEKIT__CONNECTION_QUALITY__LOST ? "lost" : "poor");
        }
    }
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

static void tell_ice_servers(struct world *world, int conn, Livekit__ICEServer *const *servers,
                             size_t count)
{
    for (size_t i = 0; i < count; i++) {
        const Livekit__ICEServer *server = servers[i];
        for (size_t u = 0; u < server->n_urls; u++) {
            tell(world, "conn %d < ice_server %s", conn, server->urls[u]);
        }
        struct turn_credentials *last = &world->last_turn;
        snprintf(last->username, sizeof(last->username), "%s", server->username);
        snprintf(last->password, sizeof(last->password), "%s", server->credential);
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
        tell_ice_servers(world, c, m->join->ice_servers, m->join->n_ice_servers);
        break;
    case LIVEKIT__SIGNAL_RESPONSE__MESSAGE_RECONNECT:
        tell(world, "conn %d < reconnect last_seq=%u", c, m->reconnect->last_message_seq);
        tell_ice_servers(world, c, m->reconnect->ice_servers, m->reconnect->n_ice_servers);
        break;
    case LIVEKIT__SIGNAL_RESPONSE__MESSAGE_ANSWER:
        free(world->last_answer);
        world->last_answer = mem_str(m->answer->sdp);
        tell(world, "conn %d < answer %u tracks=%zu", c, m->answer->id,
             m->answer->n_mid_to_track_id);
        break;
    case LIVEKIT__SIGNAL_RESPONSE__MESSAGE_OFFER:
        free(world->last_offer);
        world->last_offer = mem_str(m->offer->sdp);
        world->last_offer_id = m->offer->id;
        world->last_offer_conn = conn;
        tell(world, "conn %d < offer tracks=%zu", c, m->offer->n_mid_to_track_id);
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
    case LIVEKIT__SIGNAL_RESPONSE__MESSAGE_STREAM_STATE_UPDATE:
        tell(world, "conn %d < %s tracks=%zu", c,
             m->stream_state_update->stream_states[0]->state == LIVEKIT__STREAM_STATE__PAUSED
                 ? "paused"
                 : "active",
             m->stream_state_update->n_stream_states);
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
        free(world->last_token);
        world->last_token = mem_str(m->refresh_token);
        break;
    case LIVEKIT__SIGNAL_RESPONSE__MESSAGE_ROOM_UPDATE: /* counts, debounced: noise in a story */
        break;
    case LIVEKIT__SIGNAL_RESPONSE__MESSAGE_CONNECTION_QUALITY:
        tell_connections(world, conn, m->connection_quality);
        break;
    case LIVEKIT__SIGNAL_RESPONSE__MESSAGE_PONG_RESP:
        tell(world, "conn %d < pong", c);
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
        char sizes[24] = "", rates[48] = "";
        if (edge->sizes != 0) {
            snprintf(sizes, sizeof(sizes), " sizes=%u", edge->sizes);
        }
        for (size_t j = 0; j < edge->n_rates; j++) {
            size_t len = strlen(rates);
            snprintf(rates + len, sizeof(rates) - len, "%s%u", j == 0 ? " rates=" : ",",
                     edge->rates[j]);
        }
        tell(world, "node %s < track %u to %s layers=%u%s%s%s%s", node, edge->track, edge->node,
             edge->layers, sizes, rates, edge->backup ? " backup" : "",
             edge->seamless ? " seamless" : "");
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

static void tell_watch(struct world *world, const char *node, const Spillway__Control__Watch *watch)
{
    if (world->tells_watches) {
        tell(world, "node %s < watch %s %s", node,
             watch->n_trunks > 0 ? watch->trunks[0]->node : "nobody",
             watch->n_trunks > 1 ? watch->trunks[1]->node : "");
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
    const Spillway__Control__RoomSpec *sent = spec ? m->spec : NULL;
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
    } else if (m->message_case == SPILLWAY__CONTROL__ORCHESTRATOR_MESSAGE__MESSAGE_WATCH) {
        tell_watch(world, effect->name, m->watch);
    }
    if (spec && world->specs_lost) {
        orch_nodes_lose(world->nodes, effect->name, sent);
    } else {
        orch_nodes_receive(world->nodes, world->now_us, effect->name,
                           (struct bytes){effect->data, effect->len});
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

void story_tell(struct world *world, const struct effect *effect)
{
    static const char *const opens[] = {
        [EFFECT_CHANNELS_CLIENTS] = "front T%zu open",
        [EFFECT_CHANNELS_OPEN] = "front T%zu open again channels=%zu",
        [EFFECT_CHANNELS_OURS] = "front T%zu open ours=%zu",
    };
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
        world->last_front = effect->front;
        tell(world, opens[effect->status], transport_number(world, effect->id),
             effect->len / sizeof(struct effect_channel));
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
    case EFFECT_STORE_PLACE:
    case EFFECT_STORE_SIZE:
    case EFFECT_STORE_SIZE_GET:
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
