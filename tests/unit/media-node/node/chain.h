/* SPDX-License-Identifier: Apache-2.0
 *
 * A room over nodes in a row: client 0 publishes a camera in three layers and a microphone at node
 * 1, and each of the other nodes has a subscriber to both and is fed by the one before it.
 */
#ifndef TESTS_UNIT_MEDIA_NODE_NODE_CHAIN_H
#define TESTS_UNIT_MEDIA_NODE_NODE_CHAIN_H

#include "tests/unit/media-node/node/cascade.h"

#define CHAIN_VIDEO 1 /* tracks */
#define CHAIN_AUDIO 2

/* layers: what crosses from each node to the next. Media begins with the next millisecond. */
struct cascade *chain_new(unsigned nodes, uint32_t layers);

/* SSRCs on the trunk from one node to another: the video's layers, the audio's 10 above. */
uint32_t chain_ssrc(unsigned from, unsigned to);

/* SSRCs that a client gets them under, by its number. */
uint32_t chain_video_ssrc(size_t client);
uint32_t chain_audio_ssrc(size_t client);

/* The tracks as on a node that has them from another one, or (from 0) from their publisher. */
void chain_tracks(struct room_spec *spec, unsigned self, unsigned from);

/* Returns the video's. */
Spillway__Control__Edge *chain_edges(struct room_spec *spec, unsigned self, unsigned to,
                                     uint32_t layers);

/* A client that wants everything; the second only what it wants of the video. */
void chain_subscriber(struct cascade *c, struct room_spec *spec, size_t client);
Spillway__Control__Subscription *chain_video(struct room_spec *spec, size_t client);

#endif
