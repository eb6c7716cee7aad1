/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/lib/orch_story.h"

#include "orchestrator/core/entry/entry.h"
#include "proto/gen/client.pb-c.h"
#include "proto/wire/wire.h"

#include <stdio.h>
#include <stdlib.h>

#define FINGERPRINT   "a=fingerprint:sha-256 "
#define WALL_START_US (1600000000LL * 1000000)

static void on_log(void *arg, enum log_level level, const char *text)
{
    struct world *world = arg;
    journal_log(world->journal, WALL_START_US + world->now_us, level, text);
}

static struct orch *new_orch(struct world *world, const char *id, const char *region, bool seals)
{
    static const uint8_t secret[32] = {7};
    static const struct scaling_config scaling = {.target_permille = 500,
                                                  .node_start_us = TIME_S(60),
                                                  .scale_in_after_us = TIME_S(120),
                                                  .nodes_min = 1,
                                                  .nodes_max = 100};
    world->journal = journal_new(id, id);
    prng_seed(&world->trace_prng, (uint64_t)id[strlen(id) - 1]);
    world->tracer = (struct tracer){.write = trace_tree_write,
                                    .arg = &world->traces,
                                    .random = prng_source(&world->trace_prng)};
    world->log = (struct log_sink){.write = on_log, .arg = world, .level_min = LOG_INFO};
    return orch_new(
        &(struct orch_config){
            .id = id,
            .region = region,
            .zone = "",
            .keys = {&world->key, 1},
            .demo_api_key = world->key.key,
            .random = prng_source(&world->prng),
            .log = &world->log,
            .tracer = &world->tracer,
            .journal = world->journal,
            .empty_timeout_s = 300,
            .departure_timeout_s = 20,
            .fill_permille = 800,
            .join_permille = 950,
            .room_weight = 16,
            .balance = {.hot_permille = 900, .cool_permille = 800},
            .cluster_secret = {secret, sizeof(secret)},
            .seals = seals,
            .turn = &world->turn,
            .scaling = &scaling,
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
    world->orch = new_orch(world, site->id, site->region, site->seals);
    world->cluster = cluster_new(&(struct cluster_config){.name = site->id,
                                                          .front = {.orchestrator = site->id,
                                                                    .fingerprint = "sha-256 AA:BB",
                                                                    .region = site->region,
                                                                    .number = site->number},
                                                          .keys = {&world->key, 1},
                                                          .peer_count = site->peer_count,
                                                          .random = prng_source(&world->prng),
                                                          .log = &world->log,
                                                          .tracer = &world->tracer,
                                                          .journal = world->journal},
                                 world->orch, world->now_us, WALL_START_US);
}

static void init(struct world *world, bool seals)
{
    *world = (struct world){.key = {"key", "secret"},
                            .story = mem_str(""),
                            .now_us = TIME_S(1),
                            .nodes = orch_nodes_new()};
    prng_seed(&world->prng, 1);
    world->orch = new_orch(world, "OR_test", "", seals);
}

void world_init(struct world *world)
{
    init(world, false);
}

void world_init_sealing(struct world *world)
{
    init(world, true);
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
    journal_free(world->journal);
    orch_nodes_free(world->nodes);
    trace_tree_fini(&world->traces);
    free(world->transports);
    free(world->story);
    free(world->told);
    free(world->last_answer);
    free(world->last_token);
    free(world->last_offer);
    free(world->last_reply);
    if (world->last_spec != NULL) {
        spillway__control__room_spec__free_unpacked(world->last_spec, NULL);
    }
    if (world->spec_before != NULL) {
        spillway__control__room_spec__free_unpacked(world->spec_before, NULL);
    }
}

/* ---- Time ---------------------------------------------------------------------------------- */

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
            story_tell(world, &effect);
        } else if (world->shown != NULL) {
            world->shown(world, &effect);
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
    hello.capacity = world->node_capacity == 0 ? 1000 : world->node_capacity;
    hello.endpoints = endpoints;
    hello.n_endpoints = count;
    hello.rooms = world->held;
    hello.n_rooms = world->held_count;
    hello.service = world->service;
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
    load.loop_lag_us = world->node_lag_us;
    Spillway__Control__Heartbeat beat = SPILLWAY__CONTROL__HEARTBEAT__INIT;
    beat.sequence = sequence;
    beat.load = &load;
    beat.service = world->service;
    beat.rooms = rooms;
    beat.n_rooms = count;
    beat.trunks = &world->trunk;
    beat.n_trunks = world->trunk != NULL;
    Spillway__Control__NodeMessage message = SPILLWAY__CONTROL__NODE_MESSAGE__INIT;
    message.message_case = SPILLWAY__CONTROL__NODE_MESSAGE__MESSAGE_HEARTBEAT;
    message.heartbeat = &beat;
    node_says(world, id, &message);
}

void world_draining(struct world *world, const char *id)
{
    Spillway__Control__Draining draining = SPILLWAY__CONTROL__DRAINING__INIT;
    Spillway__Control__NodeMessage message = SPILLWAY__CONTROL__NODE_MESSAGE__INIT;
    message.message_case = SPILLWAY__CONTROL__NODE_MESSAGE__MESSAGE_DRAINING;
    message.draining = &draining;
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
    Spillway__Control__SentPacket newest = SPILLWAY__CONTROL__SENT_PACKET__INIT;
    Spillway__Control__SentRun run = SPILLWAY__CONTROL__SENT_RUN__INIT;
    Spillway__Control__SenderState state = SPILLWAY__CONTROL__SENDER_STATE__INIT,
                                   *list[] = {&state};
    newest.codec = SPILLWAY__CONTROL__CODEC__OPUS;
    newest.clock_hz = 48000;
    state.newest = &newest;
    state.run = &run;
    state.subscription = subscription;
    state.next_index = 77;
    state.next_rtx_index = 78;
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

static char *signed_token(struct world *world, const char *identity,
                          const struct token_video *video, enum token_role role)
{
    struct token_attribute region = {"region", world->region};
    struct token token = {.identity = identity,
                          .has_video = true,
                          .video = *video,
                          .role = role,
                          .attributes = &region,
                          .attribute_count = world->region == NULL ? 0 : 1,
                          .kind = world->kind,
                          .room_config = world->room_config};
    char *text = token_sign(&token, &world->key, WALL_START_US / 1000000, 3600);
    assert(text != NULL);
    return text;
}

char *world_token(struct world *world, const char *identity, const struct token_video *video)
{
    return signed_token(world, identity, video, TOKEN_ROLE_NONE);
}

static char *join_parameter(const struct world_join *join, char *offer)
{
    Livekit__ClientInfo client = LIVEKIT__CLIENT_INFO__INIT;
    client.protocol = 17;
    client.browser = (char *)(uintptr_t)(join->browser == NULL ? "chrome" : join->browser);
    client.other_sdks = (char *)(uintptr_t)(join->other_sdks == NULL ? "" : join->other_sdks);
    client.sdk = join->go ? LIVEKIT__CLIENT_INFO__SDK__GO : LIVEKIT__CLIENT_INFO__SDK__JS;
    Livekit__ConnectionSettings settings = LIVEKIT__CONNECTION_SETTINGS__INIT;
    settings.auto_subscribe = true;
    settings.has_auto_subscribe_data_track_case =
        LIVEKIT__CONNECTION_SETTINGS__HAS_AUTO_SUBSCRIBE_DATA_TRACK_AUTO_SUBSCRIBE_DATA_TRACK;
    settings.auto_subscribe_data_track = join->data_tracks;
    Livekit__SessionDescription description = LIVEKIT__SESSION_DESCRIPTION__INIT;
    description.type = "offer";
    description.sdp = offer;
    description.id = 1;
    Livekit__JoinRequest request = LIVEKIT__JOIN_REQUEST__INIT;
    request.client_info = &client;
    request.connection_settings = &settings;
    request.publisher_offer = offer == NULL ? NULL : &description;
    request.reconnect = join->reconnect;
    request.participant_sid = (char *)(uintptr_t)(join->sid == NULL ? "" : join->sid);
    return entry_encode(&request);
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
                    .room = "",
                    .two_connections = join->two_connections},
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

void world_answer(struct world *world, uint64_t conn, const char *answer, uint32_t id)
{
    Livekit__SessionDescription description = LIVEKIT__SESSION_DESCRIPTION__INIT;
    description.type = "answer";
    description.sdp = (char *)(uintptr_t)answer;
    description.id = id;
    Livekit__SignalRequest request = LIVEKIT__SIGNAL_REQUEST__INIT;
    request.message_case = LIVEKIT__SIGNAL_REQUEST__MESSAGE_ANSWER;
    request.answer = &description;
    world_signal(world, conn, &request);
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

void world_watch(struct world *world, uint64_t conn, Livekit__VideoQuality quality)
{
    world_watch_at(world, conn, quality, 0);
}

void world_watch_at(struct world *world, uint64_t conn, Livekit__VideoQuality quality, uint32_t fps)
{
    char *sids[] = {world->last_sid};
    Livekit__UpdateTrackSettings settings = LIVEKIT__UPDATE_TRACK_SETTINGS__INIT;
    settings.track_sids = sids;
    settings.n_track_sids = 1;
    settings.quality = quality;
    settings.fps = fps;
    Livekit__SignalRequest request = LIVEKIT__SIGNAL_REQUEST__INIT;
    request.message_case = LIVEKIT__SIGNAL_REQUEST__MESSAGE_TRACK_SETTING;
    request.track_setting = &settings;
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
        cluster_twirp(world->cluster, world->now_us, world->request, &head,
                      &(struct cluster_caller){.authorization = authorization}, body);
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

static void admin_with(struct world *world, char *take_token, struct orch_admin_request *request)
{
    char authorization[2048];
    snprintf(authorization, sizeof(authorization), "Bearer %s", take_token);
    request->authorization = authorization;
    admin(world, request);
    free(take_token);
}

/* With a token that grants this verb. */
static void admin_granted(struct world *world, const char *verb, struct orch_admin_request *request)
{
    struct token_video video = {.room_create = strcmp(verb, "POST") == 0,
                                .room_list = strcmp(verb, "POST") != 0};
    request->verb = strcmp(verb, "ASK") == 0 ? "POST" : verb;
    admin_with(world, world_token(world, "", &video), request);
}

void world_admin_as(struct world *world, enum token_role role, const char *verb, const char *path,
                    const char *json)
{
    admin_with(world, signed_token(world, "", &(struct token_video){.room_create = false}, role),
               &(struct orch_admin_request){
                   .verb = verb, .path = path, .body = {(const uint8_t *)json, strlen(json)}});
}

void world_admin(struct world *world, const char *verb, const char *path, const char *json)
{
    admin_granted(
        world, verb,
        &(struct orch_admin_request){.path = path, .body = {(const uint8_t *)json, strlen(json)}});
}

int world_post(struct world *world, const char *path, const char *json)
{
    world->last_status = 0;
    world_admin(world, "POST", path, json);
    return world->last_status;
}

void world_beat(struct world *world, const char *id, uint32_t weight)
{
    static uint64_t sequence;
    world->node_weight = weight;
    world_heartbeat(world, id, ++sequence);
}

void world_list(struct world *world, const char *path, const char *fields)
{
    admin_granted(world, "GET", &(struct orch_admin_request){.path = path, .fields = fields});
}

void world_events(struct world *world, const char *after, const char *wait_s)
{
    admin_granted(
        world, "GET",
        &(struct orch_admin_request){.path = "/admin/v1/events", .after = after, .wait_s = wait_s});
}
