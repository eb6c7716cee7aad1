/* SPDX-License-Identifier: Apache-2.0
 *
 * Synthetic media of one outgoing SSRC: when a packet is due, how large it is, and what it holds.
 * Opus-like audio (50 packets a second), or one layer of a VP8 simulcast with the sizes and rates
 * that livekit-client has for 720p: the descriptors are valid, the pictures are noise. The packets
 * of a frame are spread over half of its time, as a pacer does. Key frames come when asked for.
 */
#ifndef TESTS_BENCH_LOAD_SOURCE_H
#define TESTS_BENCH_LOAD_SOURCE_H

#include "common/base/base.h"

#define SOURCE_PAYLOAD_MAX 1100
#define SOURCE_HISTORY     1024 /* packets that can be repeated; a power of 2 */
#define SOURCE_LAYERS_MAX  3
#define SOURCE_STREAMS_MAX (1 + SOURCE_LAYERS_MAX) /* of a publisher */

struct source_shape {
    const char *rid; /* NULL: not simulcast */
    bool video;
    uint16_t width;
    uint16_t height;
    uint32_t bitrate_bps;
    uint32_t fps; /* frames, or audio packets, a second */
};

/* Shape of stream 0 (audio), or 1 .. layers (video); layers 1 .. SOURCE_LAYERS_MAX. */
struct source_shape source_shape(uint8_t stream, size_t layers);

/* The stream that a server should choose for a tile of that size: of the smallest layer that covers
 * it, or of the largest. */
uint8_t source_covering(size_t layers, uint32_t width, uint32_t height);

struct source_packet {
    uint32_t counter;
    uint32_t ts;
    int64_t sent_us; /* filled in by the sender */
    uint16_t seq;
    uint16_t picture;
    uint16_t len; /* of the payload */
    bool first;   /* of its frame */
    bool last;
    bool key;
};

/* Plain memory. */
struct source {
    struct source_shape shape;
    uint16_t publisher;
    uint8_t stream;
    uint32_t ssrc;
    uint32_t rtx_ssrc; /* 0 for audio */
    bool key_wanted;   /* the next frame is a key frame */
    int64_t due_us;    /* when the next packet leaves; TIME_NEVER until started */
    int64_t frame_us;  /* when the frame began */
    uint32_t frame_packets;
    uint32_t frame_sent; /* of these */
    bool frame_key;
    uint16_t packet_len; /* of the frame's packets */
    uint16_t seq;
    uint16_t picture;
    uint32_t ts;
    uint32_t counter;
    uint64_t key_frames;
    struct source_packet history[SOURCE_HISTORY]; /* by seq */
};

void source_init(struct source *source, const struct source_shape *shape, uint16_t publisher,
                 uint8_t stream, struct prng *prng);
void source_start(struct source *source, int64_t now_us);

/* The next packet if it is due, or NULL. Valid until SOURCE_HISTORY more were given. Who is more
 * than half a second late leaves frames out. */
struct source_packet *source_next(struct source *source, int64_t now_us);

/* A packet that was given before, or NULL if it is gone or never was. */
const struct source_packet *source_find(const struct source *source, uint16_t seq);

/* Writes packet->len bytes: the same for the same packet. */
void source_payload(const struct source *source, const struct source_packet *packet,
                    uint8_t out[SOURCE_PAYLOAD_MAX]);

#endif
