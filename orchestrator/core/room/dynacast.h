/* SPDX-License-Identifier: Apache-2.0
 *
 * Which layers of a video track its publisher is to encode, from who wants what: dynacast. Whoever
 * receives the track (a subscription here; with a room over many nodes also an edge to another
 * node) is counted once, under the highest level it wants, which includes those below. One of these
 * for each codec that a track is encoded in.
 *
 * A level is on from the moment somebody wants it, and off once nobody has wanted it for
 * DYNACAST_LOWER_US: somebody who looks away and back costs no key frame.
 */
#ifndef ORCHESTRATOR_CORE_ROOM_DYNACAST_H
#define ORCHESTRATOR_CORE_ROOM_DYNACAST_H

#include "common/base/base.h"

/* LiveKit waits 5 s. Shorter, for an unwatched layer is to be gone from the uplink within 2 s, and
 * the way to the client and its encoder takes part of these. */
#define DYNACAST_LOWER_US TIME_S(1)

enum dynacast_level {
    DYNACAST_OFF,
    DYNACAST_LOW, /* this and those above: LiveKit's VideoQuality + 1 */
    DYNACAST_MEDIUM,
    DYNACAST_HIGH,
    DYNACAST_LEVELS,
};

struct dynacast {
    enum dynacast_level level; /* as decided: this one and all below are to be encoded */
    uint32_t wanting[DYNACAST_LEVELS];
    int64_t off_at_us[DYNACAST_LEVELS]; /* TIME_NEVER: it is wanted, or is off */
};

/* Everything is on: what a client encodes that was told nothing. */
void dynacast_init(struct dynacast *dynacast);

void dynacast_add(struct dynacast *dynacast, enum dynacast_level wanted);
/* wanted: as it was added. */
void dynacast_remove(struct dynacast *dynacast, enum dynacast_level wanted);

/* Call after adding and removing, and at the deadline. True: the level changed, tell the publisher.
 */
bool dynacast_decide(struct dynacast *dynacast, int64_t now_us);
int64_t dynacast_deadline(const struct dynacast *dynacast);

#endif
