/* SPDX-License-Identifier: Apache-2.0
 *
 * The life of a room and of the participants in it.
 *
 *   joined     its WebSocket is open, join was sent            -> active: DTLS is up
 *   active     media and data channels work
 *   resuming   signalling is lost, media lives                 -> active: a new WebSocket resumes
 * it lost       neither, since 5 s at most                      -> gone gone       left, removed,
 * replaced by its own identity, or timed out
 */
#include "orchestrator/core/room/private.h"

#include <stdio.h>
#include <stdlib.h>

#define CLOSE_POLICY_VIOLATION 1008         /* RFC 6455 §7.4.1 */
#define INFO_INTERVAL_US       TIME_MS(500) /* between two room_updates: counts change in bursts */

struct participant *room_find(const struct room *room, const char *identity)
{
    struct participant *p;
    HASH_FIND_STR(room->participants, identity, p);
    return p;
}

struct participant *room_find_transport(const struct room *room, uint64_t transport)
{
    /* 0 is what a session has before its first offer, and nobody's. */
    struct participant *p = transport == 0 ? NULL : room->participants;
    while (p != NULL && p->session.transport != transport) {
        p = p->hh.next;
    }
    return p;
}

struct room *room_new(const struct room_config *config, const char *name, uint64_t epoch,
                      int64_t now_us)
{
    struct room *room = mem_alloc(sizeof(*room));
    *room = (struct room){.config = config,
                          .name = mem_str(name),
                          .metadata = mem_str(""),
                          .epoch = epoch,
                          .empty_timeout_s = config->empty_timeout_s,
                          .departure_timeout_s = config->departure_timeout_s,
                          .created_us = now_us,
                          .empty_since_us = now_us,
                          .info_at_us = now_us,
                          .cascade_at_us = TIME_NEVER,
                          .levels_until_us = TIME_NEVER,
                          .wants_at_us = TIME_NEVER,
                          .quality_at_us = now_us + TIME_S(5)};
    id_new(room->sid, "RM_", &config->random);
    config->random.fill(config->random.arg, room->sif_trailer, sizeof(room->sif_trailer));
    return room;
}

static void forget(struct participant *p, int64_t now_us, struct effects *fx)
{
    while (p->subscriptions != NULL) {
        subscribe_remove(p->subscriptions);
    }
    while (p->tracks != NULL) {
        publish_remove(p->tracks, now_us, fx);
    }
    data_track_end(p);
}

void room_free(struct room *room)
{
    struct effects unheard = {0};
    struct participant *p, *next;
    HASH_ITER(hh, room->participants, p, next)
    {
        forget(p, room->created_us, &unheard);
        HASH_DEL(room->participants, p);
        participant_free(p);
    }
    effects_fini(&unheard);
    for (size_t i = 0; i < room->departed_count; i++) {
        livekit__participant_info__free_unpacked(room->departed[i], NULL);
    }
    struct rpc_call *call, *next_call;
    DL_FOREACH_SAFE(room->rpc_calls, call, next_call)
    {
        free(call->destination);
        free(call);
    }
    while (room->hosts != NULL) {
        host_free(room, room->hosts);
    }
    data_replay_fini(&room->replay);
    free(room->departed);
    free(room->name);
    free(room->metadata);
    free(room);
}

const char *room_name(const struct room *room)
{
    return room->name;
}

const char *room_sid(const struct room *room)
{
    return room->sid;
}

uint64_t room_epoch(const struct room *room)
{
    return room->epoch;
}

size_t room_participant_count(const struct room *room)
{
    return HASH_COUNT(room->participants);
}

uint64_t room_transport(const struct room *room, const char *identity)
{
    const struct participant *p = room_find(room, identity);
    return p == NULL ? 0 : p->session.transport;
}

void room_configure(struct room *room, const struct room_settings *settings)
{
    if (settings->empty_timeout_s != 0) {
        room->empty_timeout_s = settings->empty_timeout_s;
    }
    if (settings->departure_timeout_s != 0) {
        room->departure_timeout_s = settings->departure_timeout_s;
    }
    if (settings->max_participants != 0) {
        room->max_participants = settings->max_participants;
    }
    if (settings->metadata != NULL && settings->metadata[0] != '\0') {
        room_set_metadata(room, settings->metadata);
    }
}

void room_begin(struct room *room, int64_t now_us, struct effects *fx)
{
    if (!room->begun) {
        room->begun = true;
        webhook_room(room, now_us, "room_started", fx);
    }
}

void room_set_metadata(struct room *room, const char *metadata)
{
    char *copy = mem_str(metadata);
    free(room->metadata);
    room->metadata = copy;
    room->info_dirty = true;
    room->info_at_us = 0;
}

/* ---- Join and resume ----------------------------------------------------------------------- */

static void fill_server_info(const struct participant *p, Livekit__ServerInfo *info)
{
    livekit__server_info__init(info);
    info->version = ROOM_SERVER_VERSION;
    info->protocol = ROOM_PROTOCOL;
    info->region = p->region;
    info->node_id = p->host->node;
    info->debug_info = "Spillway " SPILLWAY_VERSION;
}

static void send_join(struct participant *p, struct effects *fx)
{
    struct room *room = p->room;
    struct arena arena = {0};
    Livekit__ServerInfo server;
    fill_server_info(p, &server);
    Livekit__JoinResponse join = LIVEKIT__JOIN_RESPONSE__INIT;
    join.room = info_room(room, &arena);
    join.participant = info_participant(p, &arena);
    join.other_participants =
        arena_array(&arena, HASH_COUNT(room->participants), sizeof(*join.other_participants));
    for (struct participant *other = room->participants; other != NULL; other = other->hh.next) {
        if (other != p && !other->permission.hidden) {
            join.other_participants[join.n_other_participants++] = info_participant(other, &arena);
        }
    }
    join.server_version = server.version;
    join.server_region = server.region;
    join.server_info = &server;
    join.ping_interval = ROOM_PING_INTERVAL_S;
    join.ping_timeout = ROOM_PING_TIMEOUT_S;
    join.sif_trailer = (ProtobufCBinaryData){sizeof(room->sif_trailer), room->sif_trailer};
    Livekit__SignalResponse response = LIVEKIT__SIGNAL_RESPONSE__INIT;
    response.message_case = LIVEKIT__SIGNAL_RESPONSE__MESSAGE_JOIN;
    response.join = &join;
    signal_send(p, &response, fx);
    arena_fini(&arena);
}

int room_admits(const struct room *room, const struct room_join *join, char reason[SDP_REASON_MAX])
{
    const Livekit__JoinRequest *request = join->request;
    size_t bytes = 0;
    for (size_t i = 0; i < request->n_participant_attributes; i++) {
        bytes += strlen(request->participant_attributes[i]->key) +
                 strlen(request->participant_attributes[i]->value);
    }
    if (strlen(request->metadata) > ROOM_METADATA_BYTES || bytes > ROOM_ATTRIBUTES_BYTES) {
        snprintf(reason, SDP_REASON_MAX, "join_request: metadata or attributes exceed their limit");
        return ERR_TOO_BIG;
    }
    int err = limits_join(request, reason);
    if (err != 0) {
        return err;
    }
    if (room_find(room, join->token->identity) == NULL && room->max_participants != 0 &&
        HASH_COUNT(room->participants) >= room->max_participants) {
        snprintf(reason, SDP_REASON_MAX, "the room has its %u participants",
                 room->max_participants);
        return ERR_FULL;
    }
    if ((request->metadata[0] != '\0' || request->n_participant_attributes > 0) &&
        !token_can_update_own_metadata(&join->token->video)) {
        snprintf(reason, SDP_REASON_MAX,
                 "metadata or attributes given without canUpdateOwnMetadata");
        return ERR_DENIED;
    }
    return 0;
}

int room_join(struct room *room, int64_t now_us, const struct room_join *join, struct effects *fx,
              char reason[SDP_REASON_MAX])
{
    int err = room_admits(room, join, reason);
    if (err != 0) {
        return err;
    }
    struct participant *same = room_find(room, join->token->identity);
    if (same != NULL) {
        room_leave(room, now_us, same, LIVEKIT__DISCONNECT_REASON__DUPLICATE_IDENTITY,
                   LIVEKIT__LEAVE_REQUEST__ACTION__DISCONNECT, true, fx);
    }
    struct participant *p = participant_new(room, now_us, join);
    HASH_ADD_KEYPTR(hh, room->participants, p->identity, strlen(p->identity), p);
    room->joined_once = true;
    room->empty_since_us = TIME_NEVER;
    room->info_dirty = true;
    effect_accept(fx, p->conn);
    send_join(p, fx);
    participant_refresh_token(p, now_us, fx);
    subscribe_auto(p);
    log_write(room->config->log, LOG_INFO, "participant_joined room=%s participant=%s", room->sid,
              p->sid);
    return 0;
}

int room_join_publish(struct room *room, int64_t now_us, const struct room_join *join,
                      struct effects *fx, char reason[SDP_REASON_MAX])
{
    const Livekit__JoinRequest *request = join->request;
    struct participant *p = room_find(room, join->token->identity);
    assert(p != NULL); /* it has just joined */
    for (size_t i = 0; i < request->n_add_track_requests; i++) {
        int err = publish_add(p, now_us, request->add_track_requests[i], fx, reason);
        if (err != 0) {
            return err;
        }
    }
    if (request->publisher_offer != NULL && request->publisher_offer->sdp[0] != '\0') {
        int err = negotiate_offer(p, now_us, request->publisher_offer, fx, reason);
        if (err != 0) {
            return err;
        }
    }
    data_track_auto(p, fx);
    return 0;
}

static void send_reconnect(struct participant *p, struct effects *fx)
{
    Livekit__ServerInfo server;
    fill_server_info(p, &server);
    Livekit__ReconnectResponse reconnect = LIVEKIT__RECONNECT_RESPONSE__INIT;
    reconnect.server_info = &server;
    reconnect.last_message_seq = p->last_reliable_sequence;
    Livekit__SignalResponse response = LIVEKIT__SIGNAL_RESPONSE__INIT;
    response.message_case = LIVEKIT__SIGNAL_RESPONSE__MESSAGE_RECONNECT;
    response.reconnect = &reconnect;
    signal_send(p, &response, fx);
}

/* What the client may have missed: everybody, itself included, and the room. */
static void send_state(struct participant *p, struct effects *fx)
{
    struct room *room = p->room;
    struct arena arena = {0};
    Livekit__ParticipantUpdate update = LIVEKIT__PARTICIPANT_UPDATE__INIT;
    update.participants =
        arena_array(&arena, HASH_COUNT(room->participants), sizeof(*update.participants));
    for (struct participant *other = room->participants; other != NULL; other = other->hh.next) {
        if (other == p || !other->permission.hidden) {
            update.participants[update.n_participants++] = info_participant(other, &arena);
        }
    }
    Livekit__SignalResponse response = LIVEKIT__SIGNAL_RESPONSE__INIT;
    response.message_case = LIVEKIT__SIGNAL_RESPONSE__MESSAGE_UPDATE;
    response.update = &update;
    signal_send(p, &response, fx);

    Livekit__RoomUpdate room_update = LIVEKIT__ROOM_UPDATE__INIT;
    room_update.room = info_room(room, &arena);
    response.message_case = LIVEKIT__SIGNAL_RESPONSE__MESSAGE_ROOM_UPDATE;
    response.room_update = &room_update;
    signal_send(p, &response, fx);
    arena_fini(&arena);
}

/* A simulated fault: the signal drops again. What follows is what follows any such loss. */
static void drop_resumed(struct participant *p, int64_t now_us, struct effects *fx)
{
    effect_close(fx, p->conn, 1000);
    room_disconnected(p->room, now_us, p->identity, p->conn, fx);
}

int room_resume(struct room *room, int64_t now_us, const struct room_join *join, struct effects *fx)
{
    struct participant *p = room_find(room, join->token->identity);
    if (p == NULL || missed_too_much(p)) {
        return ERR_NOT_FOUND;
    }
    if (p->conn != 0 && p->conn != join->conn) {
        effect_close(fx, p->conn, 1000);
    }
    effect_accept(fx, join->conn);
    p->conn = join->conn;
    p->lost_at_us = TIME_NEVER;
    p->ping_by_us = now_us + TIME_S(ROOM_PING_TIMEOUT_S);
    if (p->resumes_to_drop > 0) { /* before a message */
        p->resumes_to_drop--;
        drop_resumed(p, now_us, fx);
        return 0;
    }
    send_reconnect(p, fx);
    if (p->drop_next_resume) { /* and after the first */
        p->drop_next_resume = false;
        drop_resumed(p, now_us, fx);
        return 0;
    }
    p->asked = false;
    p->asked_audio = p->asked_video = 0;
    missed_tell(p, fx);
    send_state(p, fx);
    wants_repeat(p, fx);
    participant_refresh_token(p, now_us, fx);
    log_write(room->config->log, LOG_INFO, "participant_resumed room=%s participant=%s reason=%d",
              room->sid, p->sid, (int)join->request->reconnect_reason);
    return 0;
}

/* ---- Leave --------------------------------------------------------------------------------- */

/* To the others it is gone from the next flush on. */
static void vanish(struct participant *p)
{
    struct room *room = p->room;
    struct arena arena = {0};
    p->version++;
    Livekit__ParticipantInfo *info = info_participant(p, &arena);
    info->state = LIVEKIT__PARTICIPANT_INFO__STATE__DISCONNECTED;
    info->n_tracks = 0;
    info->n_data_tracks = 0;
    room->departed = mem_grow(room->departed, room->departed_count + 1, sizeof(*room->departed));
    room->departed[room->departed_count++] = info_clone(&info->base);
    arena_fini(&arena);
}

void room_hide(struct participant *p)
{
    struct track *track;
    DL_FOREACH(p->tracks, track)
    {
        subscribe_end(track);
    }
    data_track_end(p);
    vanish(p);
    p->level_sent = 0; /* nobody remembers that it speaks */
    p->room->info_dirty = true;
}

void room_reveal(struct participant *p, struct effects *fx)
{
    struct track *track;
    DL_FOREACH(p->tracks, track)
    {
        subscribe_everybody(track);
    }
    data_track_reveal(p, fx);
    p->room->info_dirty = true;
}

void room_leave(struct room *room, int64_t now_us, struct participant *p,
                Livekit__DisconnectReason reason, Livekit__LeaveRequest__Action action,
                bool say_leave, struct effects *fx)
{
    log_write(room->config->log, LOG_INFO, "participant_left room=%s participant=%s reason=%d",
              room->sid, p->sid, (int)reason);
    if (say_leave) {
        signal_leave(p, reason, action, fx);
    }
    if (p->conn != 0) {
        effect_close(fx, p->conn, 1000);
        p->conn = 0;
    }
    bool was_active = p->join_by_us == TIME_NEVER;
    p->leave_reason = reason;
    HASH_DEL(room->participants, p);
    forget(p, now_us, fx);
    p->state = LIVEKIT__PARTICIPANT_INFO__STATE__DISCONNECTED;
    if (!p->permission.hidden) {
        vanish(p);
    }
    webhook_participant(p, now_us,
                        was_active ? "participant_left" : "participant_connection_aborted", fx);
    channel_rpc_forget(room, p->identity, fx);
    if (p->session.transport != 0) {
        spec_remove_transport(p);
        effect_front_close(fx, p->session.transport);
    }
    participant_free(p);
    room->info_dirty = true;
    if (room->participants == NULL) {
        room->empty_since_us = now_us;
    }
}

void room_disconnected(struct room *room, int64_t now_us, const char *identity, uint64_t conn,
                       struct effects *fx)
{
    struct participant *p = room_find(room, identity);
    if (p == NULL || p->conn != conn) {
        return; /* an older connection of a client that has resumed */
    }
    p->conn = 0;
    if (p->join_by_us != TIME_NEVER) { /* it never got as far as media */
        room_leave(room, now_us, p, LIVEKIT__DISCONNECT_REASON__SIGNAL_CLOSE,
                   LIVEKIT__LEAVE_REQUEST__ACTION__DISCONNECT, false, fx);
    } else if (p->media_lost) {
        p->lost_at_us = now_us + ROOM_LOST_TIMEOUT_US;
    }
}

void room_expel(struct room *room, int64_t now_us, const char *identity, const char *why,
                struct effects *fx)
{
    struct participant *p = room_find(room, identity);
    if (p == NULL) {
        return;
    }
    log_write(room->config->log, LOG_INFO, "participant_expelled participant=%s why=\"%s\"", p->sid,
              why);
    signal_leave(p, LIVEKIT__DISCONNECT_REASON__STATE_MISMATCH,
                 LIVEKIT__LEAVE_REQUEST__ACTION__DISCONNECT, fx);
    if (p->conn != 0) {
        effects_take(fx, (struct effect){.type = EFFECT_CLOSE,
                                         .id = p->conn,
                                         .status = CLOSE_POLICY_VIOLATION,
                                         .text = mem_str(why)});
        p->conn = 0;
    }
    room_leave(room, now_us, p, LIVEKIT__DISCONNECT_REASON__STATE_MISMATCH,
               LIVEKIT__LEAVE_REQUEST__ACTION__DISCONNECT, false, fx);
}

void room_close(struct room *room, int64_t now_us, Livekit__DisconnectReason reason,
                struct effects *fx)
{
    struct participant *p, *next;
    HASH_ITER(hh, room->participants, p, next)
    {
        room_leave(room, now_us, p, reason, LIVEKIT__LEAVE_REQUEST__ACTION__DISCONNECT, true, fx);
    }
    host_flush(room, fx);
    if (room->begun) {
        webhook_room(room, now_us, "room_finished", fx);
    }
    effect_room_gone(fx, room->name);
    room->closed = true;
}

bool room_over(const struct room *room)
{
    return room->closed;
}

/* ---- Time ---------------------------------------------------------------------------------- */

static int64_t empty_deadline(const struct room *room)
{
    if (room->empty_since_us == TIME_NEVER) {
        return TIME_NEVER;
    }
    uint32_t timeout_s = room->joined_once ? room->departure_timeout_s : room->empty_timeout_s;
    return room->empty_since_us + TIME_S(timeout_s);
}

static int64_t participant_deadline(const struct participant *p)
{
    int64_t at = MIN(MIN(p->join_by_us, p->lost_at_us), p->arrive_by_us);
    if (p->conn != 0) {
        at = MIN(at, MIN(p->ping_by_us, p->refresh_at_us));
    }
    return at;
}

int64_t room_deadline(const struct room *room)
{
    if (room->closed) {
        return TIME_NEVER;
    }
    int64_t at = MIN(empty_deadline(room), speakers_deadline(room));
    at = MIN(at, room->wants_at_us);
    at = MIN(at, room->cascade_at_us);
    at = MIN(at, room->participants == NULL ? TIME_NEVER : room->quality_at_us);
    if (room->info_dirty) {
        at = MIN(at, room->info_at_us);
    }
    at = MIN(at, channel_rpc_deadline(room));
    const struct participant *p;
    for (p = room->participants; p != NULL; p = p->hh.next) {
        at = MIN(at, participant_deadline(p));
    }
    return at;
}

static void expire_participant(struct participant *p, int64_t now_us, struct effects *fx)
{
    struct room *room = p->room;
    if (p->conn != 0 && p->ping_by_us <= now_us) { /* dead TCP: the client will resume */
        uint64_t conn = p->conn;
        effect_close(fx, conn, 1000);
        room_disconnected(room, now_us, p->identity, conn, fx);
    } else if (p->join_by_us <= now_us) {
        room_leave(room, now_us, p, LIVEKIT__DISCONNECT_REASON__JOIN_FAILURE,
                   LIVEKIT__LEAVE_REQUEST__ACTION__DISCONNECT, true, fx);
    } else if (p->lost_at_us <= now_us) {
        room_leave(room, now_us, p, LIVEKIT__DISCONNECT_REASON__CONNECTION_TIMEOUT,
                   LIVEKIT__LEAVE_REQUEST__ACTION__DISCONNECT, true, fx);
    } else if (p->arrive_by_us <= now_us) {
        node_late(p, now_us, fx);
    } else if (p->conn != 0 && p->refresh_at_us <= now_us) {
        participant_refresh_token(p, now_us, fx);
    }
}

void room_expire(struct room *room, int64_t now_us, struct effects *fx)
{
    struct participant *p, *next;
    HASH_ITER(hh, room->participants, p, next)
    {
        expire_participant(p, now_us, fx);
    }
    speakers_expire(room, now_us, fx);
    if (room->quality_at_us <= now_us) {
        room->quality_at_us = now_us + TIME_S(5);
        quality_expire(room, fx);
    }
    channel_rpc_expire(room, now_us, fx);
    data_replay_expire(&room->replay, now_us);
    if (empty_deadline(room) <= now_us) {
        room_close(room, now_us, LIVEKIT__DISCONNECT_REASON__ROOM_CLOSED, fx);
    }
}

/* ---- Flush --------------------------------------------------------------------------------- */

static void send_to_all(const struct room *room, const Livekit__SignalResponse *response,
                        struct effects *fx)
{
    for (const struct participant *p = room->participants; p != NULL; p = p->hh.next) {
        signal_send(p, response, fx);
    }
}

static void send_update(const struct participant *p, Livekit__ParticipantUpdate *update,
                        struct effects *fx)
{
    if (update->n_participants > 0) {
        Livekit__SignalResponse response = LIVEKIT__SIGNAL_RESPONSE__INIT;
        response.message_case = LIVEKIT__SIGNAL_RESPONSE__MESSAGE_UPDATE;
        response.update = update;
        signal_send(p, &response, fx);
    }
}

/* Clients go by the identity: one that took it over would hear that it itself is gone. */
static void send_update_to_successor(const struct participant *p,
                                     const Livekit__ParticipantUpdate *update, struct arena *arena,
                                     struct effects *fx)
{
    Livekit__ParticipantUpdate own = LIVEKIT__PARTICIPANT_UPDATE__INIT;
    own.participants = arena_array(arena, update->n_participants, sizeof(*own.participants));
    for (size_t i = 0; i < update->n_participants; i++) {
        Livekit__ParticipantInfo *info = update->participants[i];
        if (strcmp(info->identity, p->identity) != 0 ||
            info->state != LIVEKIT__PARTICIPANT_INFO__STATE__DISCONNECTED) {
            own.participants[own.n_participants++] = info;
        }
    }
    send_update(p, &own, fx);
}

static bool is_successor(const struct participant *p)
{
    const struct room *room = p->room;
    for (size_t i = 0; i < room->departed_count; i++) {
        if (strcmp(room->departed[i]->identity, p->identity) == 0) {
            return true;
        }
    }
    return false;
}

static void flush_updates(struct room *room, struct effects *fx)
{
    struct arena arena = {0};
    Livekit__ParticipantUpdate update = LIVEKIT__PARTICIPANT_UPDATE__INIT;
    size_t most = HASH_COUNT(room->participants) + room->departed_count;
    update.participants = arena_array(&arena, most, sizeof(*update.participants));
    for (size_t i = 0; i < room->departed_count; i++) {
        update.participants[update.n_participants++] = room->departed[i];
    }
    for (struct participant *p = room->participants; p != NULL; p = p->hh.next) {
        if (!p->update_dirty) {
            continue;
        }
        p->update_dirty = false;
        Livekit__ParticipantInfo *info = info_participant(p, &arena);
        if (p->permission.hidden) { /* only it knows of itself */
            Livekit__ParticipantUpdate own = LIVEKIT__PARTICIPANT_UPDATE__INIT;
            own.n_participants = 1;
            own.participants = &info;
            send_update(p, &own, fx);
        } else {
            update.participants[update.n_participants++] = info;
        }
    }
    for (struct participant *p = room->participants; p != NULL; p = p->hh.next) {
        for (size_t i = 0; p->conn == 0 && i < room->departed_count; i++) {
            missed_note(p, room->departed[i]);
        }
        if (is_successor(p)) {
            send_update_to_successor(p, &update, &arena, fx);
        } else {
            send_update(p, &update, fx);
        }
    }
    for (size_t i = 0; i < room->departed_count; i++) {
        livekit__participant_info__free_unpacked(room->departed[i], NULL);
    }
    room->departed_count = 0;
    arena_fini(&arena);
}

static void flush_info(struct room *room, int64_t now_us, struct effects *fx)
{
    if (!room->info_dirty || now_us < room->info_at_us) {
        return;
    }
    room->info_dirty = false;
    room->info_at_us = now_us + INFO_INTERVAL_US;
    struct arena arena = {0};
    Livekit__RoomUpdate update = LIVEKIT__ROOM_UPDATE__INIT;
    update.room = info_room(room, &arena);
    Livekit__SignalResponse response = LIVEKIT__SIGNAL_RESPONSE__INIT;
    response.message_case = LIVEKIT__SIGNAL_RESPONSE__MESSAGE_ROOM_UPDATE;
    response.room_update = &update;
    send_to_all(room, &response, fx);
    arena_fini(&arena);
}

void room_flush(struct room *room, int64_t now_us, struct effects *fx)
{
    if (room->closed) {
        return;
    }
    flush_updates(room, fx);
    for (struct participant *p = room->participants; p != NULL; p = p->hh.next) {
        negotiate_flush(p, fx);
    }
    wants_flush(room, now_us, fx);
    flush_info(room, now_us, fx);
    host_flush(room, fx);
    cascade_flush(room, now_us);
    spec_flush(room, fx);
    for (struct participant *p = room->participants; p != NULL; p = p->hh.next) {
        subscribe_flush(p, fx);
    }
}
