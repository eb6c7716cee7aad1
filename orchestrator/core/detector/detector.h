/* SPDX-License-Identifier: Apache-2.0
 *
 * Judges which nodes live. Callers say what happened; all policy about silence is in detector.c.
 *
 *   - A lost link (the kernel closed the node's TCP connection) is death at once: the process is
 *     gone. A node that merely reconnects registers again and is alive again.
 *   - A silent node whose link stands hangs or is cut off. It is SUSPECT after suspect_us without a
 *     word, and DEAD after dead_us; or as soon as a second witness (a trunk neighbour, another
 *     orchestrator, clients) tells the same, when it has been silent here for witnessed_us.
 *   - If this loop itself was late, the silence may be our own: nobody is judged until a full
 *     suspect_us has passed since.
 *   - If every node went silent, it is we who are cut off: nobody is declared dead of silence while
 *     that lasts. So a single node is never declared dead of silence: there is nowhere to move to.
 *     Nor of a link that is lost meanwhile, until another has spoken for dead_us.
 *
 *   - A node of a region that is cut off (cluster.h) is held: suspect, but not declared dead of
 *     silence, witness or a lost link until it spoke or the time it is held for is over.
 *
 * Verdicts are outputs: after each call, detector_poll() until it returns false.
 */
#ifndef ORCHESTRATOR_CORE_DETECTOR_DETECTOR_H
#define ORCHESTRATOR_CORE_DETECTOR_DETECTOR_H

#include "common/base/base.h"

#define DETECTOR_ID_MAX 64 /* bytes of a node's id, NUL included */

struct detector;

struct detector_config {
    int64_t beat_us;      /* how often a node speaks; 250 ms */
    int64_t witnessed_us; /* silence that is death with a witness; at least 2 beats */
    int64_t suspect_us;   /* silence that is worth a doubt; at least witnessed_us */
    int64_t dead_us;      /* silence that is death without a witness; more than suspect_us */
    int64_t lag_us;       /* lateness of our own loop that suspends judging; less than suspect_us */
};
#define DETECTOR_CONFIG_DEFAULT                                                                    \
    ((struct detector_config){.beat_us = TIME_MS(250),                                             \
                              .witnessed_us = TIME_MS(600),                                        \
                              .suspect_us = TIME_MS(750),                                          \
                              .dead_us = TIME_MS(3000),                                            \
                              .lag_us = TIME_MS(300)})

enum detector_verdict {
    DETECTOR_SUSPECT, /* give it no new room */
    DETECTOR_ALIVE,   /* was suspect and spoke again */
    DETECTOR_DEAD,    /* move its people; it is watched no more */
};

enum detector_cause {
    DETECTOR_LINK_LOST,
    DETECTOR_SILENT,    /* for suspect_us, or for dead_us */
    DETECTOR_WITNESSED, /* silent, and a witness told the same */
    DETECTOR_SPOKE,
};

struct detector_out {
    char id[DETECTOR_ID_MAX];
    enum detector_verdict verdict;
    enum detector_cause cause;
    int64_t silent_us; /* since it was last heard */
};

/* Counters since the start. */
struct detector_stats {
    uint64_t deaths;
    uint64_t suspicions;
    uint64_t own_lag;     /* times judging was suspended because this loop was late */
    uint64_t all_silent;  /* times everyone went silent at once */
    int64_t lag_us_worst; /* of this loop */
};

struct detector *detector_new(const struct detector_config *config);
void detector_free(struct detector *detector);

/* ---- What happened -------------------------------------------------------------------------- */

/* A node registered: watched from now on. Again for a known one counts as a word from it. */
void detector_node_registered(struct detector *detector, int64_t now_us, const char *id);

/* Any message of the node arrived. Unknown ids are ignored: such a node has to register. */
void detector_node_heard(struct detector *detector, int64_t now_us, const char *id);

/* Its connection closed. Unknown ids are ignored. */
void detector_link_lost(struct detector *detector, int64_t now_us, const char *id);

/* Somebody else who should hear it does not. Counts only if it has been silent here, too, for
 * witnessed_us: whoever still does not hear it later has to tell again. */
void detector_witness_told(struct detector *detector, int64_t now_us, const char *id);

/* No verdict of death before that time, unless it speaks first. Unknown ids are ignored. */
void detector_hold(struct detector *detector, int64_t now_us, const char *id, int64_t until_us);

/* Ids of the silent ones, suspects, the longest first and at most max of them; they hold until the
 * next call. None while nobody is judged, for it may be we who do not hear. */
size_t detector_suspects(const struct detector *detector, const char *out[], size_t max);

/* Since it was last heard; TIME_NEVER for an unknown id. */
int64_t detector_silence_us(const struct detector *detector, int64_t now_us, const char *id);

/* It left in an orderly way, and is watched no more; no verdict follows. */
void detector_node_left(struct detector *detector, const char *id);

/* ---- Time and verdicts ---------------------------------------------------------------------- */

/* Call when now_us has reached detector_deadline(). Coming late is how the detector learns that
 * this loop lags. TIME_NEVER while no node is watched. */
void detector_expire(struct detector *detector, int64_t now_us);
int64_t detector_deadline(const struct detector *detector);

/* The oldest verdict not yet taken; false when there is none. */
bool detector_poll(struct detector *detector, struct detector_out *out);

const struct detector_stats *detector_stats(const struct detector *detector);

/* One stable word each, for logs. */
const char *detector_verdict_text(enum detector_verdict verdict);
const char *detector_cause_text(enum detector_cause cause);

#endif
