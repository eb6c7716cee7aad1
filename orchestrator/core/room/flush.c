/* SPDX-License-Identifier: Apache-2.0
 *
 * What everybody is told after an input: once, whatever it changed.
 */
#include "orchestrator/core/room/private.h"

#define INFO_INTERVAL_US TIME_MS(500) /* between two room_updates: counts change in bursts */

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

static void flush_updates(struct room *room, int64_t now_us, struct effects *fx)
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
        missed_departed(room, now_us, room->departed[i]);
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

static void ask_for_offers(struct room *room, int64_t now_us, struct effects *fx)
{
    EACH_CONNECTION(room, p)
    {
        if (p->person != NULL) {
            propose_flush(p, now_us, fx);
        } else {
            negotiate_flush(p, fx);
        }
    }
}

void room_flush(struct room *room, int64_t now_us, struct effects *fx)
{
    if (room->closed) {
        return;
    }
    flush_updates(room, now_us, fx);
    wants_flush(room, now_us, fx);
    flush_info(room, now_us, fx);
    host_flush(room, fx);
    cascade_flush(room, now_us);
    ask_for_offers(room, now_us, fx); /* what ways that changed have withdrawn is to be named */
    sealed_flush(room, now_us);
    spec_flush(room, now_us, fx);
    sealed_done(room);
    EACH_CONNECTION(room, p)
    {
        subscribe_flush(p, fx);
    }
}
