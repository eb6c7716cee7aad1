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

#include <stdlib.h>

struct participant *room_find(const struct room *room, const char *identity)
{
    struct participant *p;
    HASH_FIND_STR(room->participants, identity, p);
    return p;
}

struct participant *room_find_transport(const struct room *room, uint64_t transport)
{
    /* 0 is what a session has before its first offer, and nobody's. */
    EACH_CONNECTION(room, p)
    {
        if (transport != 0 && p->session.transport == transport) {
            return p;
        }
    }
    return NULL;
}

struct room *room_new(const struct room_config *config, const char *name, uint64_t epoch,
                      int64_t now_us)
{
    struct room *room = mem_alloc(sizeof(*room));
    *room = (struct room){.config = config,
                          .name = mem_str(name),
                          .metadata = mem_str(""),
                          .pinned_node = mem_str(""),
                          .pinned_region = mem_str(""),
                          .epoch = epoch,
                          .empty_timeout_s = config->empty_timeout_s,
                          .departure_timeout_s = config->departure_timeout_s,
                          .created_us = now_us,
                          .empty_since_us = now_us,
                          .info_at_us = now_us,
                          .cascade_at_us = TIME_NEVER,
                          .levels_until_us = TIME_NEVER,
                          .wants_at_us = TIME_NEVER,
                          .seal_at_us = TIME_NEVER,
                          .quality_at_us = now_us + TIME_S(5)};
    id_new(room->sid, "RM_", &config->random);
    config->random.fill(config->random.arg, room->sif_trailer, sizeof(room->sif_trailer));
    return room;
}

void room_free(struct room *room)
{
    struct effects unheard = {0};
    struct participant *p, *next;
    HASH_ITER(hh, room->participants, p, next)
    {
        leave_forget(p, room->created_us, &unheard);
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
        channel_rpc_free(call);
    }
    while (room->hosts != NULL) {
        host_free(room, room->hosts);
    }
    data_replay_fini(&room->replay);
    missed_room_fini(room);
    free(room->departed);
    free(room->name);
    free(room->metadata);
    free(room->pinned_node);
    free(room->pinned_region);
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

const char *room_conn(const struct room *room, uint64_t conn)
{
    const struct participant *p = conn == 0 ? NULL : room->participants;
    while (p != NULL && p->conn != conn) {
        p = p->hh.next;
    }
    return p == NULL ? NULL : p->identity;
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
    sealed_room_now(room);
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
    sealed_room_now(room);
}

void room_pin(struct room *room, const char *node_name, const char *region)
{
    char *node = mem_str(node_name), *of_region = mem_str(region);
    free(room->pinned_node);
    free(room->pinned_region);
    room->pinned_node = node;
    room->pinned_region = of_region;
    sealed_room_now(room);
}

const char *room_pinned_node(const struct room *room)
{
    return room->pinned_node;
}

const char *room_pinned_region(const struct room *room)
{
    return room->pinned_region;
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
    int64_t at = MIN(MIN(p->join_by_us, p->lost_at_us), MIN(p->arrive_by_us, p->move_at_us));
    at = MIN(at, MIN(p->keys_by_us, p->reach_by_us));
    at = MIN(at, passage_deadline(p));
    if (participant_conn(p) != 0) { /* else the answer is lost, and a resume begins anew */
        at = MIN(at, p->answer_by_us);
    }
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
    at = MIN(at, room->seal_at_us);
    at = MIN(at, room->participants == NULL ? TIME_NEVER : room->quality_at_us);
    if (room->info_dirty) {
        at = MIN(at, room->info_at_us);
    }
    at = MIN(at, channel_rpc_deadline(room));
    EACH_CONNECTION(room, p)
    {
        at = MIN(at, participant_deadline(p));
    }
    return at;
}

static void expire_connection(struct participant *p, int64_t now_us, struct effects *fx)
{
    struct room *room = p->room;
    passage_expire(p, now_us, fx);
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
    } else if (p->keys_by_us <= now_us) {
        node_fared(p, p->host, EFFECT_MEDIA_MISSED, fx);
        room_leave(room, now_us, p, LIVEKIT__DISCONNECT_REASON__MEDIA_FAILURE,
                   LIVEKIT__LEAVE_REQUEST__ACTION__RECONNECT, true, fx);
    } else if (participant_conn(p) != 0 && p->answer_by_us <= now_us) {
        room_leave(room, now_us, p, LIVEKIT__DISCONNECT_REASON__STATE_MISMATCH,
                   LIVEKIT__LEAVE_REQUEST__ACTION__RECONNECT, true, fx);
    } else if (p->move_at_us <= now_us) {
        move_expire(p, now_us, fx);
    } else if (p->arrive_by_us <= now_us) {
        node_late(p, now_us, fx);
    } else if (p->reach_by_us <= now_us) {
        p->reach_by_us = TIME_NEVER;
        node_fared(p, p->host, EFFECT_MEDIA_MISSED, fx);
    } else if (p->conn != 0 && p->refresh_at_us <= now_us) {
        participant_refresh_token(p, now_us, fx);
    }
}

void room_expire(struct room *room, int64_t now_us, struct effects *fx)
{
    struct participant *p, *next;
    HASH_ITER(hh, room->participants, p, next)
    {
        expire_connection(p, now_us, fx);
    }
    HASH_ITER(hh, room->participants, p, next)
    {
        if (p->receiver != NULL) { /* what ends one of two ends both */
            expire_connection(p->receiver, now_us, fx);
        }
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
