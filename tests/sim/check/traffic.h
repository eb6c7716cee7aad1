/* SPDX-License-Identifier: Apache-2.0
 *
 * How much cores have to say: of what is not said in a rhythm (heartbeats, pings, levels, reports),
 * so many messages at most for each thing that happens. Whoever lets something happen allows for
 * it; what was sent is compared when all is quiet.
 *
 *   attempt   somebody asks to be let in, or resumes: a few words with him, with his node and his
 *             front, and a few for each of the others in the room
 *   farewell  somebody leaves, or is found to be gone: a word to each of the others
 *   fault     something breaks and is whole again: each room is told to its nodes anew, its people
 *             are given another node, or told to resume (then each of them makes an attempt)
 */
#ifndef TESTS_SIM_CHECK_TRAFFIC_H
#define TESTS_SIM_CHECK_TRAFFIC_H

#include "common/base/base.h"
#include "proto/gen/control.pb-c.h"

enum traffic_kind {
    TRAFFIC_CLIENTS, /* to clients */
    TRAFFIC_SPECS,   /* to nodes */
    TRAFFIC_EVENTS,  /* from nodes */
    TRAFFIC_PEERS,   /* between orchestrators */
    TRAFFIC_KINDS
};

struct sim;

/* Zero-initialised is empty. */
struct traffic {
    uint64_t sent[TRAFFIC_KINDS], allowed[TRAFFIC_KINDS];
};

void traffic_to_client(struct sim *sim, struct bytes message);
void traffic_to_node(struct sim *sim, struct bytes message);
void traffic_from_node(struct sim *sim, const Spillway__Control__Events *events);
void traffic_to_peer(struct sim *sim, struct bytes message);

/* Before it happens to somebody in that room, or to any process. */
void traffic_attempt(struct sim *sim, const char *room);
void traffic_farewell(struct sim *sim, const char *room);
void traffic_fault(struct sim *sim);

/* Fails if more was sent than allowed since the last time that all had settled. What is said of a
 * mending comes a little behind it, and its allowance is good for that long. */
void traffic_check(struct sim *sim, bool settled);

#endif
