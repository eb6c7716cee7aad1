/* SPDX-License-Identifier: Apache-2.0
 *
 * Writes RoomSpecs for tests, one entry after the other, and packs them as an orchestrator would.
 */
#ifndef TESTS_LIB_ROOM_SPEC_H
#define TESTS_LIB_ROOM_SPEC_H

#include "proto/gen/control.pb-c.h"
#include "tests/lib/media_client.h"

#define ROOM_SPEC_ENTRIES 64 /* of each kind */

struct room_spec {
    struct arena arena;
    Spillway__Control__RoomSpec message; /* tests may change it, to be wrong on purpose */
};

void room_spec_init(struct room_spec *spec, const char *room, uint64_t epoch, uint64_t base_version,
                    uint64_t version);
void room_spec_fini(struct room_spec *spec);

/* The client's transport, with keys if keyed, its DTLS ending at orchestrator "OR_1". */
Spillway__Control__Transport *room_spec_transport(struct room_spec *spec, uint64_t id,
                                                  const struct media_client *client, bool keyed);

/* Client is at its address and gets checks of that priority. */
void room_spec_moved(struct room_spec *spec, Spillway__Control__Transport *transport,
                     const struct media_client *client, uint32_t check_priority);

/* A video track with layers of these rids ("" ends the list; none: one layer without), or audio. */
Spillway__Control__Track *room_spec_video(struct room_spec *spec, uint32_t id, uint64_t transport,
                                          const char *mid, const char *const *rids);
Spillway__Control__Track *room_spec_audio(struct room_spec *spec, uint32_t id, uint64_t transport,
                                          const char *mid);

/* A subscription that wants everything; of video, RTX is sent on ssrc + 1. */
struct room_spec_want {
    uint32_t id;
    uint32_t track;
    uint64_t transport;
    const char *mid;
    uint32_t ssrc;
    bool audio;
};
Spillway__Control__Subscription *room_spec_subscription(struct room_spec *spec,
                                                        const struct room_spec_want *want);

/* The trunk between nodes "ND_a" and "ND_b" as this end has it: node n is at 10.0.0.n:40000. Keys
 * follow from the two and the generation. */
Spillway__Control__Trunk *room_spec_trunk(struct room_spec *spec, unsigned self, unsigned other,
                                          uint32_t generation);

/* Node "ND_n" as one more upstream of a track: SSRCs first, first + 1, ... for its layers. */
Spillway__Control__Upstream *room_spec_upstream(struct room_spec *spec,
                                                Spillway__Control__Track *track, unsigned node,
                                                uint32_t first_ssrc);

/* The other end of such an upstream. */
struct room_spec_edge {
    uint32_t id;
    uint32_t track;
    unsigned node;
    uint32_t first_ssrc;
    size_t layer_count;
    uint32_t layers; /* wanted */
};
Spillway__Control__Edge *room_spec_edge(struct room_spec *spec, const struct room_spec_edge *edge);

void room_spec_remove(struct room_spec *spec, uint64_t transport, uint32_t track,
                      uint32_t subscription);

/* An OrchestratorMessage with the spec; freed with free(). */
uint8_t *room_spec_pack(const struct room_spec *spec, size_t *len);

#endif
