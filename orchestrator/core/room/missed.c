/* SPDX-License-Identifier: Apache-2.0
 *
 * Who left while a participant had no signalling: told to it when it resumes, before it is told who
 * is there. Clients take nobody for gone whom an update merely leaves out.
 *
 *   noted    its connection was gone: it does not know. Told with each resume until it was heard.
 *   lately   it was sent, perhaps into a connection that was broken already; a message of the
 * client since then proves nothing, for it may have waited in the same network. Told, too, unless
 * somebody of that identity is there again: he would seem to go.
 */
#include "orchestrator/core/room/private.h"

#include <stdlib.h>

/* A message of the client came at most so late: later, its connection would have been closed. */
#define LATE_US TIME_S(ROOM_PING_TIMEOUT_S)

/* ---- The room's: lately -------------------------------------------------------------------- */

static void forget_first(struct room *room)
{
    livekit__participant_info__free_unpacked(room->lately[0].info, NULL);
    room->lately_count--;
    memmove(room->lately, room->lately + 1, room->lately_count * sizeof(*room->lately));
}

void missed_departed(struct room *room, int64_t now_us, const Livekit__ParticipantInfo *info)
{
    int64_t old_us = now_us - 2 * LATE_US; /* nobody was heard last before half of it */
    while (room->lately_count > 0 && room->lately[0].at_us < old_us) {
        forget_first(room);
    }
    if (room->lately_count == ROOM_MISSED_MAX) {
        room->forgot_us = room->lately[0].at_us;
        forget_first(room);
    }
    room->lately = mem_grow(room->lately, room->lately_count + 1, sizeof(*room->lately));
    room->lately[room->lately_count++] =
        (struct departure){.info = info_clone(&info->base), .at_us = now_us};
}

static const Livekit__ParticipantInfo *find_lately(const struct room *room, const char *sid)
{
    for (size_t i = 0; i < room->lately_count; i++) {
        if (strcmp(room->lately[i].info->sid, sid) == 0) {
            return room->lately[i].info;
        }
    }
    return NULL;
}

bool missed_was_told(const struct room *room, const char *sid)
{
    return find_lately(room, sid) != NULL;
}

bool missed_was_replaced(const struct room *room, const char *sid)
{
    const Livekit__ParticipantInfo *info = find_lately(room, sid);
    return info != NULL &&
           info->disconnect_reason == LIVEKIT__DISCONNECT_REASON__DUPLICATE_IDENTITY;
}

void missed_room_fini(struct room *room)
{
    while (room->lately_count > 0) {
        forget_first(room);
    }
    free(room->lately);
}

/* ---- A participant's ----------------------------------------------------------------------- */

void missed_note(struct participant *p, const Livekit__ParticipantInfo *info)
{
    if (p->missed_count < ROOM_MISSED_MAX) {
        p->missed = mem_grow(p->missed, p->missed_count + 1, sizeof(*p->missed));
        p->missed[p->missed_count] = info_clone(&info->base);
    }
    p->missed_count = MIN(p->missed_count + 1, ROOM_MISSED_MAX + 1);
}

bool missed_too_much(const struct participant *p)
{
    return p->missed_count > ROOM_MISSED_MAX || p->room->forgot_us > p->heard_us;
}

static bool is_noted(const struct participant *p, const Livekit__ParticipantInfo *info)
{
    for (size_t i = 0; i < p->missed_count; i++) {
        if (strcmp(p->missed[i]->sid, info->sid) == 0) {
            return true;
        }
    }
    return false;
}

void missed_tell(struct participant *p, struct effects *fx)
{
    const struct room *room = p->room;
    struct arena arena = {0};
    Livekit__ParticipantUpdate update = LIVEKIT__PARTICIPANT_UPDATE__INIT;
    update.participants =
        arena_array(&arena, p->missed_count + room->lately_count, sizeof(*update.participants));
    for (size_t i = 0; i < room->lately_count; i++) {
        const struct departure *left = &room->lately[i];
        if (left->at_us >= p->heard_us - LATE_US && !is_noted(p, left->info) &&
            room_find(room, left->info->identity) == NULL) {
            update.participants[update.n_participants++] = left->info;
        }
    }
    for (size_t i = 0; i < p->missed_count; i++) {
        update.participants[update.n_participants++] = p->missed[i];
    }
    if (update.n_participants > 0) {
        Livekit__SignalResponse response = LIVEKIT__SIGNAL_RESPONSE__INIT;
        response.message_case = LIVEKIT__SIGNAL_RESPONSE__MESSAGE_UPDATE;
        response.update = &update;
        signal_send(p, &response, fx);
    }
    arena_fini(&arena);
}

void missed_forget(struct participant *p)
{
    for (size_t i = 0; i < MIN(p->missed_count, ROOM_MISSED_MAX); i++) {
        livekit__participant_info__free_unpacked(p->missed[i], NULL);
    }
    free(p->missed);
    p->missed = NULL;
    p->missed_count = 0;
}
