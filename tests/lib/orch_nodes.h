/* SPDX-License-Identifier: Apache-2.0
 *
 * The media nodes of an orchestrator under test: a real node core behind each, and beside it a list
 * of what the specs it was sent add up to. Ends the program, with the reason, when
 *
 *   - a node refuses a spec (INVALID), or lacks the one before it (NEED_WHOLE) though none was
 * lost;
 *   - a node core holds another number of transports, tracks, subscriptions or edges of a room than
 * its specs add up to;
 *   - a whole spec sent for comparison says anything else than the deltas before it did;
 *   - two holders of a subscription, or one that begins it anew, are given the same SSRC without a
 *     hand-over: a repeated (key, SSRC, index) gives AES-GCM's key away.
 */
#ifndef TESTS_LIB_ORCH_NODES_H
#define TESTS_LIB_ORCH_NODES_H

#include "common/base/base.h"
#include "proto/gen/control.pb-c.h"

struct orch_nodes;

struct orch_nodes *orch_nodes_new(void);
void orch_nodes_free(struct orch_nodes *nodes);

/* A node said so. Without rooms it is a process that begins: it has lost everything. */
void orch_nodes_registers(struct orch_nodes *nodes, const char *id,
                          const Spillway__Control__Register *said);

/* Its link is lost: what is sent to it is, too, until it registers again. */
void orch_nodes_down(struct orch_nodes *nodes, const char *id);

/* A message reaches the node; a spec does not. */
void orch_nodes_receive(struct orch_nodes *nodes, int64_t now_us, const char *id,
                        struct bytes message);
void orch_nodes_lose(struct orch_nodes *nodes, const char *id,
                     const Spillway__Control__RoomSpec *spec);

/* What the nodes answer, one message at a time; to be freed. False: nothing more. */
struct orch_nodes_answer {
    char id[ID_MAX];
    uint8_t *data;
    size_t len;
};
bool orch_nodes_answers(struct orch_nodes *nodes, struct orch_nodes_answer *out);

/* Comparison: the answers of all nodes ask for every room whole. After they were given to the
 * orchestrator and what it sent was received, orch_nodes_compared() knows that none is missing. */
void orch_nodes_compare(struct orch_nodes *nodes);
void orch_nodes_compared(struct orch_nodes *nodes);

/* Rooms that the node cores hold, and rooms on them as this node's registration would list them (in
 * the arena). */
size_t orch_nodes_rooms(const struct orch_nodes *nodes);
Spillway__Control__RoomVersion **orch_nodes_held(const struct orch_nodes *nodes, const char *id,
                                                 struct arena *arena, size_t *count);

#endif
