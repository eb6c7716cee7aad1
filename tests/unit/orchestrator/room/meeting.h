/* SPDX-License-Identifier: Apache-2.0
 *
 * The meeting that most stories about a room begin with.
 */
#ifndef TESTS_UNIT_ORCHESTRATOR_ROOM_MEETING_H
#define TESTS_UNIT_ORCHESTRATOR_ROOM_MEETING_H

#include "tests/lib/orch_world.h"

/* Of chromium-publish.offer. */
#define MICROPHONE "bdff7259-4fed-4deb-bf36-e87d9a3f493c"
#define CAMERA     "b43b7cab-1f6a-433c-9307-80364c14926b"

/* Into "lobby", with the offer chromium-publish.offer; grants NULL: roomJoin alone. */
void meeting_join(struct world *world, uint64_t conn, const char *identity,
                  void (*grants)(struct token_video *video));

/* alice and bob are active; alice publishes a microphone, which bob receives. */
void meeting_init(struct world *world);

/* Opens _reliable (stream 0), _lossy (2) and _data_track (4) of the transport with that number. */
void meeting_channels(struct world *world, size_t transport);

/* A message of its client on a stream. */
void meeting_send(struct world *world, size_t transport, uint16_t stream, const char *bytes,
                  size_t len);

#endif
