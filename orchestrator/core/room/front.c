/* SPDX-License-Identifier: Apache-2.0
 *
 * Where participants' DTLS ends, and how it gets elsewhere when its front is gone. The client's
 * peer connection, its sids, subscriptions and place at its node stay.
 *
 *   here      its front is front -> leaves: that one is to be empty
 *   leaves    the client was told to resume; everything goes on at the front it has -> lost: it
 *             did, and reached another one  -> lost: that one is gone
 *   lost      that one is gone. Media go on under the keys there are; data waits (channel.c). The
 *             client is told to resume, or does so because its WebSocket broke -> here: it resumed
 *             and restarted its ICE. The answer has another fingerprint, so its DTLS begins anew,
 * at the front that its WebSocket reached (RFC 8842 §4), with new keys within ROOM_KEYS_TIMEOUT_US,
 * or it starts over
 *
 * An offer that restarts no ICE is answered with the fingerprint that the client knows.
 */
#include "orchestrator/core/room/private.h"

#include <stdlib.h>

struct room_front room_front_copy(const struct room_front *front)
{
    return (struct room_front){.orchestrator = mem_str(front->orchestrator),
                               .fingerprint = mem_str(front->fingerprint),
                               .region = mem_str(front->region),
                               .number = front->number};
}

void room_front_free(struct room_front *front)
{
    free((char *)(uintptr_t)front->orchestrator);
    free((char *)(uintptr_t)front->fingerprint);
    free((char *)(uintptr_t)front->region);
    *front = (struct room_front){0};
}

/* Firefox stays with the DTLS association it has, and so does pion. */
bool room_front_may_change(const struct participant *p)
{
    return person_of(p)->join_by_us == TIME_NEVER && !participant_is_pion(p) &&
           !participant_is_firefox(p);
}

/* False: it had to start over. */
static bool send_away(struct participant *p, int64_t now_us, struct effects *fx)
{
    if (p->conn == 0) {
        return true;
    }
    if (!room_front_may_change(p)) {
        room_leave(p->room, now_us, p, LIVEKIT__DISCONNECT_REASON__MEDIA_FAILURE,
                   LIVEKIT__LEAVE_REQUEST__ACTION__RECONNECT, true, fx);
        return false;
    }
    signal_leave(p, LIVEKIT__DISCONNECT_REASON__MIGRATION, LIVEKIT__LEAVE_REQUEST__ACTION__RESUME,
                 fx);
    effect_close(fx, p->conn, 1000);
    p->conn = 0;
    sealed_changed(p);
    return true;
}

void room_front_lose(struct participant *p)
{
    p->front_lost = true;
    p->front_leaves = false;
    sealed_changed(p);
    p->keys_by_us = TIME_NEVER;
    channel_suspend(p);
}

static bool loses(const struct participant *p, uint64_t number)
{
    return p->front.number == number && !p->front_lost;
}

void room_front_lost(struct room *room, int64_t now_us, uint64_t number, struct effects *fx)
{
    struct participant *p, *next;
    HASH_ITER(hh, room->participants, p, next)
    {
        bool had = loses(p, number) || loses(receiver_of(p), number);
        if (had && send_away(p, now_us, fx)) {
            EACH_OF_PERSON(p, connection)
            {
                if (loses(connection, number)) {
                    room_front_lose(connection);
                }
            }
        }
    }
}

/* Whether it has something there that it was not told to take away. */
static bool stays(const struct participant *p, uint64_t number)
{
    bool conn = p->conn != 0 && p->conn >> EFFECT_FRONT_SHIFT == number;
    bool dtls = loses(p, number) && !p->front_leaves;
    return p->connected && (conn || dtls);
}

size_t room_front_leaves(struct room *room, int64_t now_us, uint64_t number, size_t max,
                         struct effects *fx)
{
    size_t count = 0;
    struct participant *p, *next;
    HASH_ITER(hh, room->participants, p, next)
    {
        if (count < max && (stays(p, number) || stays(receiver_of(p), number))) {
            count++;
            EACH_OF_PERSON(p, connection)
            {
                connection->front_leaves = connection->front.number == number;
            }
            (void)send_away(p, now_us, fx);
        }
    }
    return count;
}

bool room_has_front(const struct room *room, uint64_t number)
{
    EACH_CONNECTION(room, p)
    {
        if (p->front.number == number || p->conn >> EFFECT_FRONT_SHIFT == number) {
            return true;
        }
    }
    return false;
}

bool room_holds_data(const struct room *room)
{
    return room->replay.holders > 0;
}

void room_front_away(struct room *room, int64_t now_us, uint64_t number, bool away)
{
    struct participant *p, *next;
    HASH_ITER(hh, room->participants, p, next)
    {
        if (p->conn >> EFFECT_FRONT_SHIFT == number) {
            p->ping_by_us = away ? TIME_NEVER : now_us + TIME_S(ROOM_PING_TIMEOUT_S);
        }
    }
}

void room_front_change(struct participant *p, int64_t now_us, struct effects *fx)
{
    if (!p->front_lost) {
        return;
    }
    assert(p->front_next.orchestrator != NULL); /* its offer came over a WebSocket of after that */
    effect_front_close(fx, p->session.transport, p->front.number);
    room_front_free(&p->front);
    p->front = p->front_next;
    p->front_next = (struct room_front){0};
    p->front_lost = false;
    p->connected = false;
    p->keys_by_us = now_us + ROOM_KEYS_TIMEOUT_US;
    if (p->keys != NULL) { /* the node keeps what it has, or was given newer ones and we were not */
        spillway__control__srtp_keys__free_unpacked(p->keys, NULL);
        p->keys = NULL;
    }
    struct effect_channel channels[CHANNEL_COUNT];
    size_t count = channel_waiting(p, channels);
    effect_front_open_with(fx, p->session.transport, p->front.number, p->session.fingerprint,
                           EFFECT_CHANNELS_OPEN, channels, count);
    effect_front_route(fx, p->session.transport, p->front.number, p->host->node);
    log_write(p->room->config->log, LOG_INFO, "front_changed participant=%s to=%s", p->sid,
              p->front.orchestrator);
}
