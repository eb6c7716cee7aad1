/* SPDX-License-Identifier: Apache-2.0
 *
 * The sending side of a participant: its sources, protected and numbered, repeated by RTX when a
 * NACK asks for it, with a key frame when a PLI does, and a sender report a second.
 */
#ifndef TESTS_BENCH_LOAD_PUBLISHER_H
#define TESTS_BENCH_LOAD_PUBLISHER_H

#include "media-node/core/rtp/rtcp.h"
#include "tests/bench/load/scene.h"
#include "tests/bench/load/source.h"
#include "tests/bench/load/transport.h"

struct publisher_config {
    struct scene *scene;
    struct transport *transport;
    uint16_t number;
    bool audio;
    size_t layers; /* of video; 0: none */
    size_t audio_mid;
    size_t video_mid;
};

struct publisher;

struct publisher *publisher_new(const struct publisher_config *config, struct prng *prng);
void publisher_free(struct publisher *publisher);

/* Media flow from now on. */
void publisher_start(struct publisher *publisher, int64_t now_us);

/* Sends what is due. */
void publisher_step(struct publisher *publisher, int64_t now_us);

/* One packet of a compound that was received. */
void publisher_take_rtcp(struct publisher *publisher, const struct rtcp_packet *packet);

/* Packets of a stream (as in stamp.h) that count for the scene. */
uint64_t publisher_counted(const struct publisher *publisher, uint8_t stream);

struct publisher_stats {
    uint64_t packets; /* repetitions not counted */
    uint64_t repeated;
    uint64_t key_frames;
};
struct publisher_stats publisher_stats(const struct publisher *publisher);

#endif
