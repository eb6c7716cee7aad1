/* SPDX-License-Identifier: Apache-2.0
 *
 * A call on one node: A publishes, the others watch.
 */
#ifndef TESTS_UNIT_MEDIA_NODE_NODE_CALL_H
#define TESTS_UNIT_MEDIA_NODE_NODE_CALL_H

#include "tests/unit/media-node/node/world.h"

/* A publishes simulcast video (track 1 on mid 0) and audio (track 2 on mid 1); B and perhaps C
 * subscribe to both, on mids 5 and 6. */
void call_spec(struct room_spec *spec, const struct world *w, bool keyed);

void call_publish(struct world *w);

/* A room of so many clients, connected, A publishing, its story so far forgotten. */
void call_start(struct world *w, size_t clients);

/* A's video source of that layer. */
const struct media_source *call_video(const struct world *w, size_t layer);

#endif
