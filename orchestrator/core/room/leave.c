/* SPDX-License-Identifier: Apache-2.0
 *
 * How participants go, or go out of sight.
 */
#include "orchestrator/core/room/private.h"

#define CLOSE_POLICY_VIOLATION 1008 /* RFC 6455 §7.4.1 */

void leave_forget(struct participant *p, int64_t now_us, struct effects *fx)
{
    subscribe_nothing(p);
    while (p->tracks != NULL) {
        publish_remove(p->tracks, now_us, fx);
    }
    data_track_end(p);
}

void leave_tell(struct room *room, Livekit__ParticipantInfo *info)
{
    info->state = LIVEKIT__PARTICIPANT_INFO__STATE__DISCONNECTED;
    room->departed = mem_grow(room->departed, room->departed_count + 1, sizeof(*room->departed));
    room->departed[room->departed_count++] = info_clone(&info->base);
}

/* To the others it is gone from the next flush on. */
static void vanish(struct participant *p)
{
    struct arena arena = {0};
    p->version++;
    Livekit__ParticipantInfo *info = info_participant(p, &arena);
    info->n_tracks = 0;
    info->n_data_tracks = 0;
    leave_tell(p->room, info);
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
    sealed_room_now(p->room);
}

void room_leave(struct room *room, int64_t now_us, struct participant *p,
                Livekit__DisconnectReason reason, Livekit__LeaveRequest__Action action,
                bool say_leave, struct effects *fx)
{
    p = person_of(p);
    log_write(room->config->log, LOG_INFO, "participant_left room=%s participant=%s reason=%d",
              room->sid, p->sid, (int)reason);
    if (say_leave) {
        signal_leave(p, reason, action, fx);
    }
    if (p->conn != 0) {
        effect_close(fx, p->conn, 1000);
        p->conn = 0;
    }
    EACH_OF_PERSON(p, connection)
    {
        passage_end(connection, now_us, "left", fx);
    }
    bool was_active = p->join_by_us == TIME_NEVER;
    p->leave_reason = reason;
    HASH_DEL(room->participants, p);
    leave_forget(p, now_us, fx);
    p->state = LIVEKIT__PARTICIPANT_INFO__STATE__DISCONNECTED;
    if (!p->permission.hidden) {
        vanish(p);
    }
    webhook_participant(p, now_us,
                        was_active ? "participant_left" : "participant_connection_aborted", fx);
    channel_rpc_forget(room, p->identity, fx);
    EACH_OF_PERSON(p, connection)
    {
        if (connection->session.transport != 0) {
            spec_remove_transport(connection);
            effect_front_close(fx, connection->session.transport, connection->front.number);
        }
    }
    participant_free(p);
    sealed_room_now(room);
    room->info_dirty = true;
    participant_recount(room, now_us);
}

/* Its node has no path to it, and so will miss none: it has none any more, or has had none yet,
 * since it came there from another one. */
static bool is_out_of_reach(const struct participant *p)
{
    return p->media_lost || (p->check_priority != 0 && p->phase == MOVE_NONE);
}

void leave_unless_back(struct participant *p, int64_t now_us)
{
    if (participant_conn(p) == 0 && p->lost_at_us == TIME_NEVER) {
        p->lost_at_us = now_us + ROOM_LOST_TIMEOUT_US;
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
    sealed_changed(p);
    if (p->join_by_us != TIME_NEVER) { /* it never got as far as media */
        room_leave(room, now_us, p, LIVEKIT__DISCONNECT_REASON__SIGNAL_CLOSE,
                   LIVEKIT__LEAVE_REQUEST__ACTION__DISCONNECT, false, fx);
        return;
    }
    EACH_OF_PERSON(p, connection)
    {
        if (is_out_of_reach(connection)) {
            connection->lost_at_us = now_us + ROOM_LOST_TIMEOUT_US;
        }
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

void room_yield(struct room *room, int64_t now_us, struct effects *fx)
{
    struct participant *p, *next;
    HASH_ITER(hh, room->participants, p, next)
    {
        room_leave(room, now_us, p, LIVEKIT__DISCONNECT_REASON__MIGRATION,
                   LIVEKIT__LEAVE_REQUEST__ACTION__RESUME, true, fx);
    }
    host_flush(room, fx);
    effect_room_gone(fx, room->name);
    room->closed = true;
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
