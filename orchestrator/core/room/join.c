/* SPDX-License-Identifier: Apache-2.0
 *
 * How participants come, and come back.
 */
#include "orchestrator/core/room/private.h"

#include <stdio.h>

static void fill_server_info(const struct participant *p, Livekit__ServerInfo *info)
{
    livekit__server_info__init(info);
    info->version = ROOM_SERVER_VERSION;
    info->protocol = ROOM_PROTOCOL;
    info->region = p->region;
    info->node_id = p->host->node;
    info->debug_info = "Spillway " SPILLWAY_VERSION;
}

static void send_join(struct participant *p, int64_t now_us, struct effects *fx)
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
    join.ice_servers = info_ice_servers(p, now_us, &arena, &join.n_ice_servers);
    join.subscriber_primary = join.fast_publish = p->receiver != NULL;
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
    if (room->max_participants != 0 && room_find(room, join->token->identity) == NULL &&
        !participant_would_depend(join->token) &&
        participant_count_people(room) >= room->max_participants) {
        snprintf(reason, SDP_REASON_MAX, "the room is full: max_participants is %u",
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
    participant_recount(room, now_us);
    room->info_dirty = true;
    sealed_room_now(room); /* every node says that it is here, should its own be gone */
    effect_accept(fx, p->conn);
    send_join(p, now_us, fx);
    participant_refresh_token(p, now_us, fx);
    subscribe_auto(p);
    passage_join(p, now_us, join);
    char trace[TRACE_WORD_MAX];
    log_write(room->config->log, LOG_INFO, "participant_joined room=%s participant=%s%s", room->sid,
              p->sid, passage_word(p, trace));
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

static void send_reconnect(struct participant *p, int64_t now_us, struct effects *fx)
{
    struct arena arena = {0};
    Livekit__ServerInfo server;
    fill_server_info(p, &server);
    Livekit__ReconnectResponse reconnect = LIVEKIT__RECONNECT_RESPONSE__INIT;
    reconnect.server_info = &server;
    reconnect.last_message_seq = p->last_reliable_sequence;
    reconnect.ice_servers = info_ice_servers(p, now_us, &arena, &reconnect.n_ice_servers);
    Livekit__SignalResponse response = LIVEKIT__SIGNAL_RESPONSE__INIT;
    response.message_case = LIVEKIT__SIGNAL_RESPONSE__MESSAGE_RECONNECT;
    response.reconnect = &reconnect;
    signal_send(p, &response, fx);
    arena_fini(&arena);
}

/* What the client may have missed: everybody, itself included, and the room. */
void join_tell_state(struct participant *p, struct effects *fx)
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

/* Its media path failed, as it says; the node may not know yet. */
static bool blames_media(const struct room_join *join)
{
    return join->request->reconnect_reason == LIVEKIT__RECONNECT_REASON__RR_PUBLISHER_FAILED ||
           join->request->reconnect_reason == LIVEKIT__RECONNECT_REASON__RR_SUBSCRIBER_FAILED;
}

/* Its front is about to stop, and it came to another one. */
static bool leaves(const struct participant *p, const struct room_join *join)
{
    return p->front_leaves && p->front.number != join->front.number;
}

static void take_front(struct participant *p, const struct room_join *join)
{
    if (leaves(p, join)) {
        room_front_lose(p);
    }
    if (p->front_lost && p->session.transport == 0) { /* nothing of it is there */
        room_front_free(&p->front);
        p->front = room_front_copy(&join->front);
        p->front_lost = false;
    } else if (p->front_lost) {
        room_front_free(&p->front_next);
        p->front_next = room_front_copy(&join->front);
    }
}

/* A client may mean a session that is over: it started over and this resume comes late, or somebody
 * else came with its identity. Those that do not say which they mean are believed. */
static bool is_meant(const struct participant *p, const char *sid)
{
    return p != NULL && (sid[0] == '\0' || strcmp(sid, p->sid) == 0);
}

int room_resume(struct room *room, int64_t now_us, const struct room_join *join, struct effects *fx)
{
    struct participant *p = room_find(room, join->token->identity);
    const char *sid = join->request->participant_sid;
    bool changes = false;
    if (!is_meant(p, sid)) {
        return missed_was_replaced(room, sid) ? ERR_DENIED : ERR_NOT_FOUND;
    }
    EACH_OF_PERSON(p, connection)
    {
        changes = changes || connection->front_lost || leaves(connection, join);
    }
    if ((changes && !room_front_may_change(p)) || missed_too_much(p)) {
        return ERR_NOT_FOUND;
    }
    EACH_OF_PERSON(p, connection)
    {
        take_front(connection, join);
        connection->lost_at_us = TIME_NEVER;
    }
    if (changes) {
        channel_resumed(p, now_us);
    }
    if (p->conn != 0 && p->conn != join->conn) {
        effect_close(fx, p->conn, 1000);
    }
    effect_accept(fx, join->conn);
    p->conn = join->conn;
    if (blames_media(join)) {
        node_fared(p, p->host, EFFECT_MEDIA_LOST, fx);
    }
    sealed_changed(p);
    p->ping_by_us = now_us + TIME_S(ROOM_PING_TIMEOUT_S);
    if (p->resumes_to_drop > 0) { /* before a message */
        p->resumes_to_drop--;
        drop_resumed(p, now_us, fx);
        return 0;
    }
    send_reconnect(p, now_us, fx);
    if (p->drop_next_resume) { /* and after the first */
        p->drop_next_resume = false;
        drop_resumed(p, now_us, fx);
        return 0;
    }
    p->asked = false;
    p->asked_audio = p->asked_video = 0;
    propose_resumed(p);
    missed_tell(p, fx);
    join_tell_state(p, fx);
    wants_repeat(p, fx);
    participant_refresh_token(p, now_us, fx);
    log_write(room->config->log, LOG_INFO, "participant_resumed room=%s participant=%s reason=%d",
              room->sid, p->sid, (int)join->request->reconnect_reason);
    return 0;
}
