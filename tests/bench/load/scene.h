/* SPDX-License-Identifier: Apache-2.0
 *
 * What all participants of a run share: who publishes what, and what is measured, when.
 */
#ifndef TESTS_BENCH_LOAD_SCENE_H
#define TESTS_BENCH_LOAD_SCENE_H

#include "tests/bench/load/histogram.h"

#include <netinet/in.h>

#define SCENE_PUBLISHERS_MAX 64
#define SCENE_NODES_MAX      16

enum scene_kind { SCENE_AUDIO, SCENE_VIDEO, SCENE_KINDS };

struct scene_track {
    char sid[ID_MAX];
    uint16_t publisher;
    enum scene_kind kind;
};

/* Of the receivers that are at one node when it begins to be measured. */
struct scene_node {
    struct sockaddr_in addr; /* where they reach it */
    size_t receivers;
    uint64_t expected; /* packets of all kinds, of all these receivers */
    uint64_t received;
    struct histogram delay[SCENE_KINDS];
};

/* Plain memory. */
struct scene {
    int64_t begin_us; /* packets sent from then on count ... */
    int64_t end_us;   /* ... until then; both TIME_NEVER before it is known */
    uint8_t wanted;   /* the stream of videos that receivers ask for, as in stamp.h */
    bool lossy;       /* packets get lost, on purpose */
    struct histogram delay[SCENE_KINDS];      /* from the sender to the receiver's kernel */
    struct histogram late;                    /* packets sent after they were due */
    struct scene_node nodes[SCENE_NODES_MAX]; /* those of further nodes are not told apart */
    size_t node_count;
    struct scene_track tracks[SCENE_KINDS * SCENE_PUBLISHERS_MAX];
    size_t track_count;
};

static inline bool scene_counts(const struct scene *scene, int64_t sent_us)
{
    return sent_us >= scene->begin_us && sent_us < scene->end_us;
}

/* NULL: not one of ours. */
static inline const struct scene_track *scene_find(const struct scene *scene, const char *sid)
{
    for (size_t i = 0; i < scene->track_count; i++) {
        if (strcmp(scene->tracks[i].sid, sid) == 0) {
            return &scene->tracks[i];
        }
    }
    return NULL;
}

#endif
