/* SPDX-License-Identifier: Apache-2.0
 *
 * The stream allocator: which layer of each watched track a subscriber gets for what may be sent to
 * it. Pure functions; what was decided last time is part of the input.
 *
 * A track has a ladder of layers, each step costs more than the one before. All steps of all tracks
 * have one fixed order, and each is taken if it still fits:
 *
 *   1. audio, whatever the estimate;
 *   2. the first step of each video track, so that all are seen: by priority, screen shares before
 *      the rest, larger before smaller ones. One that does not fit is a pause if the subscriber
 *      allows pauses, else it is taken all the same;
 *   3. the other steps, by priority and screen shares before the rest; among equals all second
 *      steps, larger tracks first, then all third ones, ... A track one of whose steps did not fit
 *      climbs no further, the others do.
 *
 * So what comes earlier in this order never loses by a larger estimate; what comes later may, when
 * the larger estimate lets an earlier and costlier step in.
 *
 * Hysteresis: a step that was not taken last time must fit with ALLOCATOR_MARGIN_PERCENT to spare.
 * An estimate that wavers by 5 % about one value changes each step at most twice once those before
 * it stand still, and then nothing any more: taken at 0.9 x 1.05, it is kept at 0.95; dropped at
 * 0.95 or above, it is not taken again at 0.9 x 1.05. The same goes for bitrates that waver as long
 * as the caller smooths them. Time plays no part: an estimate that truly moves is followed at once.
 */
#ifndef MEDIA_NODE_CORE_ALLOCATOR_ALLOCATOR_H
#define MEDIA_NODE_CORE_ALLOCATOR_ALLOCATOR_H

#include "common/base/base.h"

#define ALLOCATOR_SPATIAL_MAX    4
#define ALLOCATOR_TEMPORAL_MAX   4
#define ALLOCATOR_MARGIN_PERCENT 10

/* A layer: all of its spatial layer up to that temporal one. */
struct allocator_choice {
    uint8_t spatial;
    uint8_t temporal;
    bool sent;    /* else spatial and temporal are 0; and paused, or there is nothing to send */
    uint32_t bps; /* what it costs */
};

struct allocator_track {
    /* In. */
    bool audio;       /* bps[0][0] is what it costs */
    bool screen;      /* a screen share: sharp before smooth */
    uint8_t priority; /* 1 highest, 0 unset: below all others */
    uint8_t spatial;  /* highest of use: by visible size, or by what was asked for */
    uint8_t temporal; /* likewise */
    uint32_t pixels;  /* visible size */
    uint32_t bps[ALLOCATOR_SPATIAL_MAX][ALLOCATOR_TEMPORAL_MAX]; /* up to and with that layer, on
                          the wire; 0: not there. The caller smooths what it measures */
    /* In: what was decided last time, zero at first. Out: what is decided now. */
    struct allocator_choice choice;
    /* Scratch of a run. */
    struct {
        struct allocator_choice held; /* the last decision */
        uint8_t step;                 /* of the ladder, the next one to be tried */
        bool done;
    } work;
};

struct allocator_sum {
    uint64_t bps; /* of all choices; above the estimate only by audio and what may not pause */
    uint32_t wanted_bps; /* estimate at which nothing would be left to wish for: for bwe_wanted() */
    uint32_t next_bps;   /* estimate at which one more step fits beside these; 0: all are taken */
    size_t paused;       /* tracks that would be sent if there were more */
};

/* Decides for all tracks. The array is the caller's scratch: it is sorted, and should be given
 * again as it was left. Allocates nothing. */
struct allocator_limit {
    uint32_t bps;   /* the estimate */
    bool may_pause; /* the subscriber understands stream_state_update (subscriber_allow_pause) */
};
struct allocator_sum allocator_run(struct allocator_limit limit, struct allocator_track **tracks,
                                   size_t count);

#endif
