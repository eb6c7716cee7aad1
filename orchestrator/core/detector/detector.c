/* SPDX-License-Identifier: Apache-2.0
 *
 * A watched node stands in one of two queues, both in the order in which nodes were last heard:
 *
 *   heard     spoke within suspect_us
 *   suspect   did not
 *
 * A word moves it to the end of heard. Time moves the head of heard to suspect when it has been
 * silent for suspect_us, to the moment, and (every beat) out of suspect, dead, when dead_us have
 * passed. A lost link, and a witness of its silence, take it out of either.
 *
 * Silence is not judged before judge_from_us, which is set a suspect_us ahead whenever we have
 * reason to doubt our own ears: this loop was late, or everyone was silent and somebody spoke
 * again; then by two to four times as much as the silence lasted if that was longer. While heard is
 * empty, everyone is silent, and nobody is declared dead. Links that are lost meanwhile may be
 * given up by our own side: their nodes have dead_us, once somebody spoke, to come again.
 */
#include "orchestrator/core/detector/detector.h"

#include <stdio.h>
#include <stdlib.h>
#include <uthash.h>
#include <utlist.h>

#define DOUBT_US TIME_S(8) /* at most, for a second try that is lost, too */

struct watched {
    char id[DETECTOR_ID_MAX];
    int64_t heard_at_us;
    bool suspect;   /* which queue it stands in */
    bool witnessed; /* somebody else does not hear it either */
    bool unlinked;  /* while it was held, or everyone was silent: dead when that ends */
    int64_t held_until_us;
    struct watched *prev, *next;
    UT_hash_handle hh;
};

struct detector {
    struct detector_config config;
    struct detector_stats stats;
    struct watched *by_id;
    struct watched *heard;
    struct watched *suspect;
    bool all_silent;
    int64_t judge_from_us;
    int64_t judge_links_from_us; /* those lost while everyone was silent */
    int64_t heard_us;            /* anybody, not counting the time in which this loop was late */
    int64_t now_us;              /* of the last call */
    int64_t expired_us; /* of the last detector_expire(), or of the first node's registration */
    struct detector_out *outs;
    size_t out_count;
    size_t out_next;
};

static void advance(struct detector *detector, int64_t now_us)
{
    assert(now_us >= detector->now_us);
    assert(detector->out_next == detector->out_count); /* the last call's verdicts were polled */
    detector->now_us = now_us;
    detector->out_count = 0;
    detector->out_next = 0;
}

static struct watched *find(const struct detector *detector, const char *id)
{
    struct watched *watched;
    HASH_FIND_STR(detector->by_id, id, watched);
    return watched;
}

static void say(struct detector *detector, const struct watched *watched,
                enum detector_verdict verdict, enum detector_cause cause)
{
    detector->outs = mem_grow(detector->outs, detector->out_count + 1, sizeof(*detector->outs));
    struct detector_out *out = &detector->outs[detector->out_count++];
    *out = (struct detector_out){
        .verdict = verdict, .cause = cause, .silent_us = detector->now_us - watched->heard_at_us};
    snprintf(out->id, sizeof(out->id), "%s", watched->id);
    detector->stats.deaths += verdict == DETECTOR_DEAD;
    detector->stats.suspicions += verdict == DETECTOR_SUSPECT;
}

static void leave_queue(struct detector *detector, struct watched *watched)
{
    if (watched->suspect) {
        DL_DELETE(detector->suspect, watched);
    } else {
        DL_DELETE(detector->heard, watched);
    }
}

static void forget(struct detector *detector, struct watched *watched)
{
    leave_queue(detector, watched);
    HASH_DEL(detector->by_id, watched);
    free(watched);
}

static void die(struct detector *detector, struct watched *watched, enum detector_cause cause)
{
    say(detector, watched, DETECTOR_DEAD, cause);
    forget(detector, watched);
}

static bool is_held(const struct detector *detector, const struct watched *watched)
{
    return detector->now_us < watched->held_until_us;
}

static void doubt_ourselves(struct detector *detector, int64_t for_us)
{
    int64_t until_us = detector->now_us + MAX(for_us, detector->config.suspect_us);
    detector->judge_from_us = MAX(detector->judge_from_us, until_us);
}

/* ---- What happened -----------------------------------------------------------------------------
 */

static void spoke(struct detector *detector, struct watched *watched)
{
    int64_t silent_us = detector->now_us - detector->heard_us; /* everybody was */
    detector->heard_us = detector->now_us;
    leave_queue(detector, watched);
    if (watched->suspect) {
        say(detector, watched, DETECTOR_ALIVE, DETECTOR_SPOKE);
    }
    watched->suspect = false;
    watched->witnessed = false;
    watched->unlinked = false;
    watched->held_until_us = INT64_MIN;
    watched->heard_at_us = detector->now_us;
    DL_APPEND(detector->heard, watched);
    if (detector->all_silent || silent_us >= detector->config.suspect_us) {
        detector->all_silent = false;
        detector->judge_links_from_us = detector->now_us + detector->config.dead_us;
        /* The others' words may be right behind, or take long: after a cut, TCP tries at intervals
         * that double (RFC 6298 5.5). The next try is within as long again as the cut was; if that
         * is lost, too, the one after it within four times. */
        doubt_ourselves(detector, MAX(2 * silent_us, MIN(4 * silent_us, DOUBT_US)));
    }
}

void detector_node_registered(struct detector *detector, int64_t now_us, const char *id)
{
    advance(detector, now_us);
    assert(id[0] != '\0' && strlen(id) < DETECTOR_ID_MAX);
    struct watched *watched = find(detector, id);
    if (watched == NULL) {
        if (detector->by_id == NULL) {
            detector->expired_us = now_us; /* the beat starts with the first node */
            detector->heard_us = now_us;
        }
        watched = mem_alloc(sizeof(*watched));
        snprintf(watched->id, sizeof(watched->id), "%s", id);
        HASH_ADD_STR(detector->by_id, id, watched);
        DL_APPEND(detector->heard, watched);
    }
    spoke(detector, watched);
}

void detector_node_heard(struct detector *detector, int64_t now_us, const char *id)
{
    advance(detector, now_us);
    struct watched *watched = find(detector, id);
    if (watched != NULL) {
        spoke(detector, watched);
    }
}

static int64_t silence_us(const struct detector *detector, const struct watched *watched)
{
    return detector->now_us - watched->heard_at_us;
}

void detector_link_lost(struct detector *detector, int64_t now_us, const char *id)
{
    advance(detector, now_us);
    struct watched *watched = find(detector, id);
    if (watched == NULL) {
        return;
    }
    if (detector->all_silent || is_held(detector, watched)) {
        watched->unlinked = true;
    } else { /* the bus, too, gives up links on which nothing comes, and may be first to say so */
        bool of_silence = silence_us(detector, watched) >= detector->config.dead_us;
        die(detector, watched, of_silence ? DETECTOR_SILENT : DETECTOR_LINK_LOST);
    }
}

static bool may_judge(const struct detector *detector)
{
    return !detector->all_silent && detector->now_us >= detector->judge_from_us;
}

void detector_witness_told(struct detector *detector, int64_t now_us, const char *id)
{
    advance(detector, now_us);
    struct watched *watched = find(detector, id);
    if (watched == NULL || silence_us(detector, watched) < detector->config.witnessed_us) {
        return;
    }
    watched->witnessed = true; /* remembered for when judging is allowed again */
    if (may_judge(detector) && !is_held(detector, watched)) {
        die(detector, watched, DETECTOR_WITNESSED);
    }
}

void detector_hold(struct detector *detector, int64_t now_us, const char *id, int64_t until_us)
{
    struct watched *watched = find(detector, id);
    advance(detector, now_us);
    if (watched != NULL) {
        watched->held_until_us = until_us;
    }
}

size_t detector_suspects(const struct detector *detector, const char *out[], size_t max)
{
    size_t count = 0;
    const struct watched *watched = may_judge(detector) ? detector->suspect : NULL;
    for (; watched != NULL && count < max; watched = watched->next) {
        out[count++] = watched->id;
    }
    return count;
}

int64_t detector_silence_us(const struct detector *detector, int64_t now_us, const char *id)
{
    const struct watched *watched = find(detector, id);
    return watched == NULL ? TIME_NEVER : now_us - watched->heard_at_us;
}

void detector_node_left(struct detector *detector, const char *id)
{
    struct watched *watched = find(detector, id);
    if (watched != NULL) {
        forget(detector, watched);
    }
}

/* ---- Time
 * ---------------------------------------------------------------------------------------- */

static void note_lag(struct detector *detector)
{
    int64_t lag_us = detector->now_us - (detector->expired_us + detector->config.beat_us);
    detector->stats.lag_us_worst = MAX(detector->stats.lag_us_worst, lag_us);
    if (lag_us > detector->config.lag_us) {
        detector->stats.own_lag++;
        detector->heard_us += lag_us;
        doubt_ourselves(detector, 0);
    }
    detector->expired_us = detector->now_us;
}

static void judge_heard(struct detector *detector)
{
    struct watched *watched;
    while ((watched = detector->heard) != NULL &&
           silence_us(detector, watched) >= detector->config.suspect_us) {
        DL_DELETE(detector->heard, watched);
        watched->suspect = true;
        DL_APPEND(detector->suspect, watched);
        say(detector, watched, DETECTOR_SUSPECT, DETECTOR_SILENT);
    }
    if (detector->heard == NULL && !detector->all_silent) {
        detector->all_silent = true;
        detector->stats.all_silent++;
    }
}

static bool may_judge_links(const struct detector *detector)
{
    return !detector->all_silent && detector->now_us >= detector->judge_links_from_us;
}

static void judge_suspects(struct detector *detector)
{
    struct watched *watched;
    struct watched *next;
    bool of_links = may_judge_links(detector), of_silence = may_judge(detector);
    DL_FOREACH_SAFE(detector->suspect, watched, next)
    {
        if (is_held(detector, watched)) {
            continue;
        }
        if (watched->unlinked && of_links) {
            die(detector, watched, DETECTOR_LINK_LOST);
        } else if (!of_silence) {
            continue;
        } else if (watched->witnessed) {
            die(detector, watched, DETECTOR_WITNESSED);
        } else if (silence_us(detector, watched) >= detector->config.dead_us) {
            die(detector, watched, DETECTOR_SILENT);
        }
    }
}

void detector_expire(struct detector *detector, int64_t now_us)
{
    advance(detector, now_us);
    if (detector->by_id == NULL) {
        return;
    }
    note_lag(detector);
    if (now_us >= detector->judge_from_us) {
        judge_heard(detector);
    }
    judge_suspects(detector);
}

int64_t detector_deadline(const struct detector *detector)
{
    if (detector->by_id == NULL) {
        return TIME_NEVER;
    }
    int64_t beat_us = detector->expired_us + detector->config.beat_us;
    if (detector->heard == NULL) {
        return beat_us;
    }
    int64_t silent_us = detector->heard->heard_at_us + detector->config.suspect_us;
    return MIN(beat_us, MAX(silent_us, detector->judge_from_us));
}

bool detector_poll(struct detector *detector, struct detector_out *out)
{
    if (detector->out_next == detector->out_count) {
        return false;
    }
    *out = detector->outs[detector->out_next++];
    return true;
}

/* ---- Life
 * ---------------------------------------------------------------------------------------- */

struct detector *detector_new(const struct detector_config *config)
{
    assert(config->beat_us > 0 && config->witnessed_us >= 2 * config->beat_us);
    assert(config->suspect_us >= config->witnessed_us);
    assert(config->dead_us > config->suspect_us);
    assert(config->lag_us > 0 && config->lag_us < config->suspect_us);
    struct detector *detector = mem_alloc(sizeof(*detector));
    detector->config = *config;
    detector->now_us = INT64_MIN;
    detector->judge_from_us = INT64_MIN;
    detector->judge_links_from_us = INT64_MIN;
    return detector;
}

void detector_free(struct detector *detector)
{
    while (detector->by_id != NULL) {
        forget(detector, detector->by_id);
    }
    free(detector->outs);
    free(detector);
}

const struct detector_stats *detector_stats(const struct detector *detector)
{
    return &detector->stats;
}

const char *detector_verdict_text(enum detector_verdict verdict)
{
    switch (verdict) {
    case DETECTOR_SUSPECT:
        return "suspect";
    case DETECTOR_ALIVE:
        return "alive";
    case DETECTOR_DEAD:
        return "dead";
    }
    unreachable();
}

const char *detector_cause_text(enum detector_cause cause)
{
    switch (cause) {
    case DETECTOR_LINK_LOST:
        return "link_lost";
    case DETECTOR_SILENT:
        return "silent";
    case DETECTOR_WITNESSED:
        return "witnessed";
    case DETECTOR_SPOKE:
        return "spoke";
    }
    unreachable();
}
