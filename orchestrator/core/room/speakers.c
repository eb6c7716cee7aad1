/* SPDX-License-Identifier: Apache-2.0
 *
 * Active speakers. Nodes report levels every 400 ms while somebody is loud, and once after; a
 * participant speaks while its loudest microphone was over the threshold for long enough a share of
 * the window. Clients are told changes only (livekit-protocol.md §3.5).
 */
#include "orchestrator/core/room/private.h"

#include <math.h>

#define ACTIVE_DBOV      35        /* -dBov; louder is a smaller number */
#define ACTIVE_PERMILLE  400       /* of the window's packets */
#define SMOOTHING        (2.0 / 3) /* exponential mean over two windows */
#define LEVEL_STEPS      8         /* levels are rounded up to eighths: small moves are not sent */
#define REPORTS_LAPSE_US TIME_S(1) /* without a report one is silent */
#define SIMULATED_LEVEL  0.5

static void send_changes(struct room *room, struct effects *fx)
{
    struct arena arena = {0};
    Livekit__SpeakersChanged changed = LIVEKIT__SPEAKERS_CHANGED__INIT;
    changed.speakers =
        arena_array(&arena, HASH_COUNT(room->participants), sizeof(*changed.speakers));
    for (struct participant *p = room->participants; p != NULL; p = p->hh.next) {
        float level = p->speaking ? (float)(ceil(p->level * LEVEL_STEPS) / LEVEL_STEPS) : 0;
        if (level == p->level_sent || p->permission.hidden) {
            continue;
        }
        p->level_sent = level;
        Livekit__SpeakerInfo *info = arena_alloc(&arena, sizeof(*info));
        livekit__speaker_info__init(info);
        info->sid = p->sid;
        info->level = level;
        info->active = p->speaking;
        changed.speakers[changed.n_speakers++] = info;
    }
    if (changed.n_speakers > 0) {
        Livekit__SignalResponse response = LIVEKIT__SIGNAL_RESPONSE__INIT;
        response.message_case = LIVEKIT__SIGNAL_RESPONSE__MESSAGE_SPEAKERS_CHANGED;
        response.speakers_changed = &changed;
        for (struct participant *p = room->participants; p != NULL; p = p->hh.next) {
            signal_send(p, &response, fx);
        }
    }
    arena_fini(&arena);
}

/* Each speaks until then, unless its node says so again. */
static int64_t lapses_at(const struct participant *p)
{
    return MAX(p->lapse_at_us, p->speak_until_us);
}

static void lapse_next(struct room *room)
{
    room->levels_until_us = TIME_NEVER;
    for (const struct participant *p = room->participants; p != NULL; p = p->hh.next) {
        if (p->speaking) {
            room->levels_until_us = MIN(room->levels_until_us, lapses_at(p));
        }
    }
}

static void silence(struct participant *p)
{
    p->speaking = false;
    p->level = 0;
}

/* The loudest of each one's tracks in this report: linear, 0 if none is active. */
static void read_levels(const struct room *room, const struct host *host,
                        const Spillway__Control__Levels *levels)
{
    for (struct participant *p = room->participants; p != NULL; p = p->hh.next) {
        p->loudest = 0;
    }
    for (size_t i = 0; i < levels->n_levels; i++) {
        const Spillway__Control__Level *level = levels->levels[i];
        const struct track *track = publish_find_id(room, level->track);
        if (track == NULL || host_place(track->publisher, host) < 0 || track->info->muted ||
            level->level_dbov > ACTIVE_DBOV || level->active_permille < ACTIVE_PERMILLE) {
            continue;
        }
        struct participant *p = track->publisher;
        p->loudest = MAX(p->loudest, pow(10, -(double)level->level_dbov / 20));
    }
}

/* A node tells of those whom it hears; what it leaves out is silence of these, and says nothing of
 * who is on another node, or may be by now. */
void speakers_levels(struct room *room, int64_t now_us, const struct host *host,
                     const Spillway__Control__Levels *levels, struct effects *fx)
{
    read_levels(room, host, levels);
    for (struct participant *p = room->participants; p != NULL; p = p->hh.next) {
        if (host_place(p, host) < 0 || now_us < p->speak_until_us) {
            continue;
        }
        if (p->loudest == 0) {
            if (p->phase == MOVE_NONE) {
                silence(p);
            }
            continue;
        }
        p->level = p->speaking ? p->level + (p->loudest - p->level) * SMOOTHING : p->loudest;
        p->speaking = true;
        p->lapse_at_us = now_us + REPORTS_LAPSE_US;
    }
    lapse_next(room);
    send_changes(room, fx);
}

void speakers_simulate(struct participant *p, int64_t now_us, int32_t seconds)
{
    p->speak_until_us = now_us + TIME_S(MIN(MAX(seconds, 0), 60));
    p->speaking = true;
    p->level = SIMULATED_LEVEL;
    p->room->levels_until_us = MIN(p->room->levels_until_us, now_us); /* told at the next expiry */
}

void speakers_expire(struct room *room, int64_t now_us, struct effects *fx)
{
    if (now_us < room->levels_until_us) {
        return;
    }
    for (struct participant *p = room->participants; p != NULL; p = p->hh.next) {
        if (lapses_at(p) <= now_us) {
            silence(p);
        }
    }
    lapse_next(room);
    send_changes(room, fx);
}

int64_t speakers_deadline(const struct room *room)
{
    return room->levels_until_us;
}
