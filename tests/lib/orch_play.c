/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/lib/orch_play.h"

#include "proto/gen/client.pb-c.h"
#include "proto/wire/wire.h"
#include "tests/lib/sdp_client.h"

#include <stdio.h>
#include <stdlib.h>

static const char *const rooms[] = {"lobby", "hall"};
static const char *const node_ids[ORCH_PLAY_NODES] = {"ND_a", "ND_b", "ND_c", "ND_d"};
static const char *const node_regions[ORCH_PLAY_NODES] = {"r1", "r1", "r2", "r3"};
static const char *const people[ORCH_PLAY_PEOPLE] = {"ann", "ben", "cat", "dan",
                                                     "eve", "fay", "gus", "hal"};

#define FIRST_OF_TWO 6 /* gus and hal have two connections */
#define ANSWERS_MAX  4 /* in a step */

/* Of chromium-publish.offer. */
#define MICROPHONE "bdff7259-4fed-4deb-bf36-e87d9a3f493c"
#define CAMERA     "b43b7cab-1f6a-433c-9307-80364c14926b"

/* ---- Nodes --------------------------------------------------------------------------------- */

static void node_starts(struct orch_play *play, size_t n)
{
    play->world.node_region = node_regions[n];
    world_node(&play->world, node_ids[n]);
    play->down[n] = false;
}

static void node_goes(struct orch_play *play, size_t n)
{
    if (!play->down[n]) {
        play->down[n] = true;
        orch_nodes_down(play->world.nodes, node_ids[n]);
        orch_node_link_lost(play->world.orch, play->world.now_us, node_ids[n]);
        world_advance(&play->world, 0);
    }
}

/* Its link was away, and it holds what it held. */
static void node_returns(struct orch_play *play, size_t n)
{
    struct arena arena = {0};
    size_t count;
    Spillway__Control__RoomVersion **held =
        orch_nodes_held(play->world.nodes, node_ids[n], &arena, &count);
    play->world.held = held;
    play->world.held_count = count;
    node_starts(play, n);
    play->world.held = NULL;
    play->world.held_count = 0;
    arena_fini(&arena);
}

static void beat(struct orch_play *play)
{
    play->beats++;
    for (size_t n = 0; n < ORCH_PLAY_NODES; n++) {
        if (!play->down[n]) {
            struct arena arena = {0};
            size_t count;
            Spillway__Control__RoomVersion **held =
                orch_nodes_held(play->world.nodes, node_ids[n], &arena, &count);
            world_heartbeat_rooms(&play->world, node_ids[n], play->beats, held,
                                  play->beats % 20 == 0 ? count : 0);
            arena_fini(&arena);
        }
    }
}

static void pass_time(struct orch_play *play, int64_t us)
{
    for (int64_t left = us; left > 0; left -= TIME_MS(250)) {
        world_advance(&play->world, MIN(left, TIME_MS(250)));
        beat(play);
    }
}

/* Of each room it holds: only the one it is true of counts. */
static void every_node_tells(struct orch_play *play, Spillway__Control__Event *event)
{
    struct world *world = &play->world;
    struct arena arena = {0};
    for (size_t n = 0; n < ORCH_PLAY_NODES; n++) {
        size_t count;
        Spillway__Control__RoomVersion **held =
            orch_nodes_held(world->nodes, node_ids[n], &arena, &count);
        for (size_t i = 0; i < count && !play->down[n]; i++) {
            snprintf(world->last_room, sizeof(world->last_room), "%s", held[i]->room);
            world->last_epoch = held[i]->epoch;
            world_event(world, node_ids[n], event);
        }
    }
    arena_fini(&arena);
}

/* 0: there is none yet. */
static size_t some_transport(const struct orch_play *play, uint8_t who)
{
    size_t count = play->world.transport_count;
    return count == 0 ? 0 : count - who % MIN(count, (size_t)8);
}

/* Wherever nodes wait for it. */
static void arrives(struct orch_play *play, size_t transport)
{
    Spillway__Control__Endpoint client = SPILLWAY__CONTROL__ENDPOINT__INIT;
    client.ip = (char *)"192.0.2.1";
    client.port = 5000;
    Spillway__Control__PathSelected path = SPILLWAY__CONTROL__PATH_SELECTED__INIT;
    path.transport = play->world.transports[transport - 1];
    path.client = &client;
    Spillway__Control__Event event = SPILLWAY__CONTROL__EVENT__INIT;
    event.event_case = SPILLWAY__CONTROL__EVENT__EVENT_PATH_SELECTED;
    event.path_selected = &path;
    every_node_tells(play, &event);
}

static void is_handed_over(struct orch_play *play, size_t transport)
{
    Spillway__Control__SenderState states[ORCH_PLAY_SIDS], *list[ORCH_PLAY_SIDS];
    for (uint32_t i = 0; i < ARRAY_LEN(states); i++) {
        spillway__control__sender_state__init(&states[i]);
        states[i].subscription = i + 1;
        states[i].next_index = 77;
        states[i].next_rtx_index = 78;
        list[i] = &states[i];
    }
    Spillway__Control__HandedOver over = SPILLWAY__CONTROL__HANDED_OVER__INIT;
    over.transport = play->world.transports[transport - 1];
    over.senders = list;
    over.n_senders = ARRAY_LEN(list);
    Spillway__Control__Event event = SPILLWAY__CONTROL__EVENT__INIT;
    event.event_case = SPILLWAY__CONTROL__EVENT__EVENT_HANDED_OVER;
    event.handed_over = &over;
    every_node_tells(play, &event);
}

static void node_tells(struct orch_play *play, uint8_t who, uint8_t how)
{
    struct world *world = &play->world;
    if (world->transport_count == 0 || world->last_room[0] == '\0') {
        return;
    }
    uint64_t transport =
        world
            ->transports[world->transport_count - 1 - who % MIN(world->transport_count, (size_t)8)];
    Spillway__Control__Event event = SPILLWAY__CONTROL__EVENT__INIT;
    Spillway__Control__PathSelected path = SPILLWAY__CONTROL__PATH_SELECTED__INIT;
    Spillway__Control__TransportLost lost = SPILLWAY__CONTROL__TRANSPORT_LOST__INIT;
    Spillway__Control__SourceLearned source = SPILLWAY__CONTROL__SOURCE_LEARNED__INIT;
    Spillway__Control__Endpoint client = SPILLWAY__CONTROL__ENDPOINT__INIT;
    client.ip = (char *)"192.0.2.1";
    client.port = 5000;
    path.client = path.local = &client;
    path.transport = lost.transport = source.transport = transport;
    source.track = how / 16U;
    source.rid = (char *)"";
    source.ssrc = who + 1U;
    switch (how % 3) {
    case 0:
        event.event_case = SPILLWAY__CONTROL__EVENT__EVENT_PATH_SELECTED;
        event.path_selected = &path;
        break;
    case 1:
        event.event_case = SPILLWAY__CONTROL__EVENT__EVENT_TRANSPORT_LOST;
        event.transport_lost = &lost;
        break;
    default:
        event.event_case = SPILLWAY__CONTROL__EVENT__EVENT_SOURCE_LEARNED;
        event.source_learned = &source;
        break;
    }
    world_event(world, node_ids[how / 3 % ORCH_PLAY_NODES], &event);
}

static void node_drains(struct orch_play *play, size_t n)
{
    Spillway__Control__NodeMessage message = SPILLWAY__CONTROL__NODE_MESSAGE__INIT;
    Spillway__Control__Draining draining = SPILLWAY__CONTROL__DRAINING__INIT;
    message.message_case = SPILLWAY__CONTROL__NODE_MESSAGE__MESSAGE_DRAINING;
    message.draining = &draining;
    size_t len;
    uint8_t *packed = wire_pack(&message.base, &len);
    orch_node_message(play->world.orch, play->world.now_us, node_ids[n],
                      (struct bytes){packed, len});
    free(packed);
    world_advance(&play->world, 0);
}

/* ---- People -------------------------------------------------------------------------------- */

static uint64_t *conn_of(struct orch_play *play, uint8_t who)
{
    return &play->conns[who / ORCH_PLAY_PEOPLE % 2][who % ORCH_PLAY_PEOPLE];
}

uint64_t orch_play_conn(const struct orch_play *play, uint8_t who)
{
    return play->conns[who / ORCH_PLAY_PEOPLE % 2][who % ORCH_PLAY_PEOPLE];
}

static void comes(struct orch_play *play, uint8_t who, uint8_t how, bool again)
{
    static const char *const offers[] = {"chromium-publish.offer", "chromium-publish.offer",
                                         "chromium-join.offer", NULL};
    static const char *const regions[] = {"r1", "r2", "r3", NULL};
    uint64_t *conn = conn_of(play, who);
    play->world.region = regions[how / 4 % ARRAY_LEN(regions)];
    *conn = ++play->last_conn;
    world_join(&play->world, *conn,
               &(struct world_join){.room = rooms[who / ORCH_PLAY_PEOPLE % 2],
                                    .identity = people[who % ORCH_PLAY_PEOPLE],
                                    .offer_file = again ? NULL : offers[how % ARRAY_LEN(offers)],
                                    .two_connections = who % ORCH_PLAY_PEOPLE >= FIRST_OF_TWO,
                                    .reconnect = again});
}

/* Whoever was offered something last answers, now and then without a section; who was before that
 * has lost it. */
static void answers(struct orch_play *play, uint8_t how)
{
    struct world *world = &play->world;
    for (int i = 0; i < ANSWERS_MAX && world->last_offer != NULL && how % 8 > 0; i++) {
        char *text = sdp_client_answer(world->last_offer, how % 16 < 8 ? "once" : "anew");
        char *last = strstr(text, "m=video");
        if (how == UINT8_MAX && last != NULL) {
            *last = '\0';
        }
        free(world->last_offer);
        world->last_offer = NULL;
        world_answer(world, world->last_offer_conn, text, world->last_offer_id);
        free(text);
    }
}

static char *some_sid(struct orch_play *play, uint8_t how)
{
    return play->sids[how % ORCH_PLAY_SIDS];
}

static void note_sid(struct orch_play *play)
{
    const char *last = play->sids[(play->sid_count + ORCH_PLAY_SIDS - 1) % ORCH_PLAY_SIDS];
    if (strcmp(last, play->world.last_sid) != 0) {
        memcpy(play->sids[play->sid_count++ % ORCH_PLAY_SIDS], play->world.last_sid, ID_MAX);
    }
}

static void subscribes(struct orch_play *play, uint64_t conn, uint8_t how)
{
    char *sids[] = {some_sid(play, how / 2)};
    Livekit__UpdateSubscription update = LIVEKIT__UPDATE_SUBSCRIPTION__INIT;
    update.track_sids = sids;
    update.n_track_sids = 1;
    update.subscribe = how % 2 == 0;
    Livekit__SignalRequest request = LIVEKIT__SIGNAL_REQUEST__INIT;
    request.message_case = LIVEKIT__SIGNAL_REQUEST__MESSAGE_SUBSCRIPTION;
    request.subscription = &update;
    world_signal(&play->world, conn, &request);
}

static void watches(struct orch_play *play, uint64_t conn, uint8_t how)
{
    char *sids[] = {some_sid(play, how / 8)};
    Livekit__UpdateTrackSettings settings = LIVEKIT__UPDATE_TRACK_SETTINGS__INIT;
    settings.track_sids = sids;
    settings.n_track_sids = 1;
    settings.quality = (Livekit__VideoQuality)(how % 4);
    settings.disabled = how / 4 % 2 == 1;
    Livekit__SignalRequest request = LIVEKIT__SIGNAL_REQUEST__INIT;
    request.message_case = LIVEKIT__SIGNAL_REQUEST__MESSAGE_TRACK_SETTING;
    request.track_setting = &settings;
    world_signal(&play->world, conn, &request);
}

static void mutes(struct orch_play *play, uint64_t conn, uint8_t how)
{
    Livekit__MuteTrackRequest mute = LIVEKIT__MUTE_TRACK_REQUEST__INIT;
    mute.sid = some_sid(play, how / 2);
    mute.muted = how % 2 == 0;
    Livekit__SignalRequest request = LIVEKIT__SIGNAL_REQUEST__INIT;
    request.message_case = LIVEKIT__SIGNAL_REQUEST__MESSAGE_MUTE;
    request.mute = &mute;
    world_signal(&play->world, conn, &request);
}

static void permits(struct orch_play *play, uint64_t conn, uint8_t how)
{
    Livekit__SubscriptionPermission permission = LIVEKIT__SUBSCRIPTION_PERMISSION__INIT;
    permission.all_participants = how % 2 == 0;
    Livekit__SignalRequest request = LIVEKIT__SIGNAL_REQUEST__INIT;
    request.message_case = LIVEKIT__SIGNAL_REQUEST__MESSAGE_SUBSCRIPTION_PERMISSION;
    request.subscription_permission = &permission;
    world_signal(&play->world, conn, &request);
}

static void leaves(struct orch_play *play, uint64_t conn)
{
    Livekit__LeaveRequest leave = LIVEKIT__LEAVE_REQUEST__INIT;
    Livekit__SignalRequest request = LIVEKIT__SIGNAL_REQUEST__INIT;
    request.message_case = LIVEKIT__SIGNAL_REQUEST__MESSAGE_LEAVE;
    request.leave = &leave;
    world_signal(&play->world, conn, &request);
}

static void disconnects(struct orch_play *play, uint8_t who)
{
    uint64_t *conn = conn_of(play, who);
    if (*conn != 0) {
        orch_disconnected(play->world.orch, play->world.now_us, *conn);
        world_advance(&play->world, 0);
        *conn = 0;
    }
}

static void handshake(struct orch_play *play, uint8_t who)
{
    size_t transport = some_transport(play, who);
    if (transport > 0) {
        world_connected(&play->world, transport);
        arrives(play, transport);
    }
}

/* ---- Operators ----------------------------------------------------------------------------- */

static void moves(struct orch_play *play, uint8_t who, uint8_t how)
{
    char path[64], json[128];
    const char *to = node_ids[how % ORCH_PLAY_NODES];
    snprintf(path, sizeof(path), "/admin/v1/rooms/%s/move", rooms[who / ORCH_PLAY_PEOPLE % 2]);
    if (how / ORCH_PLAY_NODES % 4 == 0) {
        snprintf(json, sizeof(json), "{\"to\":\"%s\"}", to);
    } else {
        snprintf(json, sizeof(json), "{\"to\":\"%s\",\"participant\":\"%s\"}", to,
                 people[who % ORCH_PLAY_PEOPLE]);
    }
    world_admin(&play->world, "POST", path, json);
    for (uint8_t i = 0; i < 8 && how % 3 > 0; i++) { /* else it is left on its way */
        size_t transport = some_transport(play, i);
        if (transport > 0) {
            arrives(play, transport);
        }
        if (transport > 0 && how % 3 == 2) {
            is_handed_over(play, transport);
        }
    }
}

static void rules(struct orch_play *play, uint8_t who, uint8_t how)
{
    char json[256];
    const char *identity = people[who % ORCH_PLAY_PEOPLE];
    if (how == 0) {
        world_twirp(&play->world, "DeleteRoom", "{\"room\":\"lobby\"}");
    } else if (how < 32) {
        snprintf(json, sizeof(json), "{\"room\":\"lobby\",\"identity\":\"%s\"}", identity);
        world_twirp(&play->world, "RemoveParticipant", json);
    } else {
        snprintf(json, sizeof(json),
                 "{\"room\":\"lobby\",\"identity\":\"%s\",\"permission\":{\"hidden\":%s,"
                 "\"canPublish\":%s,\"canSubscribe\":%s}}",
                 identity, how % 2 == 0 ? "true" : "false", how % 8 < 6 ? "true" : "false",
                 how % 16 < 12 ? "true" : "false");
        world_twirp(&play->world, "UpdateParticipant", json);
    }
}

/* ---- Steps --------------------------------------------------------------------------------- */

void orch_play_init(struct orch_play *play)
{
    *play = (struct orch_play){0};
    world_init(&play->world);
    for (size_t n = 0; n < ORCH_PLAY_NODES; n++) {
        node_starts(play, n);
    }
}

static void signal_step(struct orch_play *play, uint64_t conn, struct orch_play_step step)
{
    switch (step.what % 8) {
    case 0:
    case 1:
        world_add_track(&play->world, conn, step.how % 2 == 0 ? MICROPHONE : CAMERA,
                        step.how % 2 == 0 ? LIVEKIT__TRACK_TYPE__AUDIO
                                          : LIVEKIT__TRACK_TYPE__VIDEO);
        note_sid(play);
        break;
    case 2:
    case 3:
        world_offer(&play->world, conn, "chromium-publish.offer", step.how + 2U);
        break;
    case 4:
        subscribes(play, conn, step.how);
        break;
    case 5:
        watches(play, conn, step.how);
        break;
    case 6:
        mutes(play, conn, step.how);
        break;
    default:
        permits(play, conn, step.how);
        break;
    }
}

static void cluster_step(struct orch_play *play, struct orch_play_step step)
{
    size_t n = step.who % ORCH_PLAY_NODES;
    switch (step.what % 8) {
    case 0:
    case 1:
        moves(play, step.who, step.how);
        break;
    case 2:
        node_goes(play, n);
        break;
    case 3:
        if (step.how % 2 == 0) {
            node_returns(play, n);
        } else {
            node_starts(play, n);
        }
        break;
    case 4:
        play->lost = step.how % 3;
        break;
    case 5:
        rules(play, step.who, step.how);
        break;
    case 6:
        node_tells(play, step.who, step.how);
        break;
    default:
        if (step.how % 4 == 0) {
            node_drains(play, n);
        } else {
            handshake(play, step.who);
        }
        break;
    }
}

static void person_step(struct orch_play *play, struct orch_play_step step)
{
    switch (step.what % 8) {
    case 0:
    case 1:
    case 2:
        comes(play, step.who, step.how, false);
        break;
    case 3:
        comes(play, step.who, step.how, true);
        break;
    case 4:
        disconnects(play, step.who);
        break;
    case 5:
        if (orch_play_conn(play, step.who) != 0) {
            leaves(play, orch_play_conn(play, step.who));
        }
        break;
    case 6:
        handshake(play, step.who);
        break;
    default:
        pass_time(play, TIME_MS(10) * step.how);
        break;
    }
}

void orch_play_step(struct orch_play *play, struct orch_play_step step)
{
    bool loses = play->lost > 0;
    if (play->world.aloud) {
        fprintf(stderr, "--- %u %u %u%s\n", step.what, step.who, step.how,
                loses ? ", specs are lost" : "");
    }
    uint64_t conn = orch_play_conn(play, step.who);
    play->lost -= loses;
    play->world.specs_lost = loses;
    switch (step.what / 8 % 4) {
    case 0:
        person_step(play, step);
        break;
    case 1:
        cluster_step(play, step);
        break;
    default:
        if (conn != 0) {
            signal_step(play, conn, step);
        }
        break;
    }
    answers(play, step.how);
    play->world.specs_lost = false;
    world_story(&play->world);
}

/* Who lost its signalling is there as long as its node hears it: until now. */
static void media_ends(struct orch_play *play)
{
    for (size_t i = 0; i < play->world.transport_count; i++) {
        Spillway__Control__TransportLost lost = SPILLWAY__CONTROL__TRANSPORT_LOST__INIT;
        Spillway__Control__Event event = SPILLWAY__CONTROL__EVENT__INIT;
        lost.transport = play->world.transports[i];
        event.event_case = SPILLWAY__CONTROL__EVENT__EVENT_TRANSPORT_LOST;
        event.transport_lost = &lost;
        every_node_tells(play, &event);
    }
}

void orch_play_end(struct orch_play *play)
{
    play->lost = 0;
    for (size_t n = 0; n < ORCH_PLAY_NODES; n++) {
        node_returns(play, n);
    }
    world_check(&play->world);
    for (uint8_t who = 0; who < 2 * ORCH_PLAY_PEOPLE; who++) {
        if (orch_play_conn(play, who) != 0) {
            leaves(play, orch_play_conn(play, who));
        }
    }
    media_ends(play);
    pass_time(play, TIME_S(90)); /* joins and resumes that never come are given up, and rooms */
    struct orch_stats stats;
    orch_stats(play->world.orch, &stats);
    size_t held = orch_nodes_rooms(play->world.nodes);
    if (stats.rooms != 0 || stats.participants != 0 || held != 0) {
        fprintf(stderr, "%d rooms and %d participants stay, and %zu rooms on nodes\n",
                (int)stats.rooms, (int)stats.participants, held);
        abort();
    }
    world_fini(&play->world);
}
