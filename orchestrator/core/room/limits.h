/* SPDX-License-Identifier: Apache-2.0
 *
 * How much a client may say in one message (docs/ARCHITECTURE.md, "Bounds"): what it says is kept
 * with its participant, told to everybody in the room, or walked for each of them. Far above what
 * clients send.
 */
#ifndef ORCHESTRATOR_CORE_ROOM_LIMITS_H
#define ORCHESTRATOR_CORE_ROOM_LIMITS_H

#include "common/base/base.h"
#include "orchestrator/core/sdp/sdp.h"
#include "proto/gen/client.pb-c.h"

#define LIMITS_TEXT_BYTES     256  /* a name, cid, sid, identity, stream, rid or codec */
#define LIMITS_LIST           4096 /* tracks or permissions that one message names */
#define LIMITS_FEATURES       64   /* features or capabilities of a thing, of which there are few */
#define LIMITS_LAYERS         8    /* of a codec; and codecs of a track */
#define LIMITS_ATTRIBUTES     1024 /* of a participant */
#define LIMITS_CLIENT_BYTES   8192 /* of ClientInfo */
#define LIMITS_SCHEMA_BYTES   4096 /* of PublishDataTrackRequest */
#define LIMITS_TRACK_BYTES    8192 /* of TrackPublishedResponse */
#define LIMITS_JOINING_TRACKS 64   /* add_track in a join request */

/* Whether everything in the request is within its bound. ERR_TOO_BIG, and reason says what is not.
 * Bounded elsewhere: offers, metadata, attributes' bytes, numbers of things over time. */
MUST_CHECK int limits_request(const Livekit__SignalRequest *request, char reason[SDP_REASON_MAX]);

/* The same for an add_track and a data track, which are refused rather than their client expelled:
 * NULL, or what is too long. */
const char *limits_add_track(const Livekit__AddTrackRequest *request);
bool limits_published(const Livekit__TrackPublishedResponse *published); /* and not empty */
const char *limits_data_track(const Livekit__PublishDataTrackRequest *request);

/* The same for a join request, but for its metadata, attributes and offer. */
MUST_CHECK int limits_join(const Livekit__JoinRequest *request, char reason[SDP_REASON_MAX]);

#endif
