/* SPDX-License-Identifier: Apache-2.0
 *
 * A meeting whoever forwards it: everybody sends a camera in three layers and watches the middle
 * one of the nine participants behind him.
 *
 *     30 participants --(a frame of each layer)--> the program --> 9 tiles of each
 *
 * As a struct fanout: a frame of one participant after the other, counted by the packets of the
 * layer that is watched, each of which has nine receivers.
 */
#ifndef TESTS_BENCH_GRID_H
#define TESTS_BENCH_GRID_H

#include "tests/bench/fanout.h"

#define GRID_LAYERS  3
#define GRID_WATCHED 1 /* layer of a tile */
#define GRID_TILES   9
#define GRID_KEY     25 /* frames from one key frame to the next */

/* Packets of a frame: 0.3, 0.5 and 1.8 Mbit/s at 30 frames a second. */
static const unsigned grid_packets[GRID_LAYERS] = {1, 2, 7};
static const char *const grid_rids[GRID_LAYERS + 1] = {"q", "h", "f", ""};

/* Whom a tile shows. */
static inline size_t grid_watched(size_t participants, size_t viewer, size_t tile)
{
    return (viewer + 1 + tile) % participants;
}

/* By the program spillway-node, participants with fixed keys, one transport each. More than
 * GRID_TILES of them. *out is valid as long as what is returned. */
struct grid_node;
struct grid_node *grid_node_start(const char *program, size_t participants, struct fanout *out);
void grid_node_stop(struct grid_node *grid);

/* By Debian's Janus, by real ICE, DTLS and SRTP: a videoroom, each participant with a transport for
 * what he sends and one for all he sees, as its clients have them. */
struct grid_janus;
struct grid_janus *grid_janus_start(unsigned event_loops, size_t participants, struct fanout *out);
void grid_janus_stop(struct grid_janus *grid);

#endif
