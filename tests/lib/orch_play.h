/* SPDX-License-Identifier: Apache-2.0
 *
 * People, nodes and losses around an orchestrator, at random or as a fuzzer wants: three bytes say
 * what happens next, to whom, and how. Whatever happens, orch_nodes.h's checks hold, and in the end
 * everything is released. Two rooms, eight people in each, four nodes in three regions.
 */
#ifndef TESTS_LIB_ORCH_PLAY_H
#define TESTS_LIB_ORCH_PLAY_H

#include "tests/lib/orch_world.h"

#define ORCH_PLAY_PEOPLE 8
#define ORCH_PLAY_NODES  4
#define ORCH_PLAY_SIDS   8

struct orch_play {
    struct world world;
    uint64_t conns[2][ORCH_PLAY_PEOPLE];
    uint64_t last_conn;
    uint64_t beats;
    bool down[ORCH_PLAY_NODES];
    char sids[ORCH_PLAY_SIDS][ID_MAX]; /* of tracks, the latest, in a ring */
    size_t sid_count;
    int lost; /* specs are lost for so many steps */
};

void orch_play_init(struct orch_play *play);

struct orch_play_step {
    uint8_t what, who, how;
};
void orch_play_step(struct orch_play *play, struct orch_play_step step);

/* Everybody leaves and time passes; ends the program unless nothing is left anywhere. */
void orch_play_end(struct orch_play *play);

/* The connection of the person a step is about, 0: none. */
uint64_t orch_play_conn(const struct orch_play *play, uint8_t who);

#endif
