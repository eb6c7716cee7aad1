/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/bench/load/source.h"

#include "tests/bench/load/stamp.h"

#define KEY_FACTOR     5 /* a key frame is so many times larger */
#define DESCRIPTOR_LEN 6
#define LATE_US        TIME_MS(500)
#define AUDIO_LEN      80 /* 32 kbit/s at 50 packets a second */

/* livekit-client's VideoPresets h180, h360 and h720. */
static const struct source_shape sizes[SOURCE_LAYERS_MAX] = {
    {.rid = "q", .video = true, .width = 320, .height = 180, .bitrate_bps = 160000, .fps = 20},
    {.rid = "h", .video = true, .width = 640, .height = 360, .bitrate_bps = 450000, .fps = 20},
    {.rid = "f", .video = true, .width = 1280, .height = 720, .bitrate_bps = 1700000, .fps = 30},
};

struct source_shape source_shape(uint8_t stream, size_t layers)
{
    assert(layers >= 1 && layers <= SOURCE_LAYERS_MAX && stream <= layers);
    if (stream == 0) {
        return (struct source_shape){.bitrate_bps = 32000, .fps = 50};
    }
    if (layers == 1) { /* the camera as it is */
        struct source_shape whole = sizes[SOURCE_LAYERS_MAX - 1];
        whole.rid = NULL;
        return whole;
    }
    return sizes[stream - 1];
}

uint8_t source_covering(size_t layers, uint32_t width, uint32_t height)
{
    uint8_t stream = 1;
    for (; stream < layers; stream++) {
        struct source_shape shape = source_shape(stream, layers);
        if ((uint64_t)shape.width * shape.height >= (uint64_t)width * height) {
            break;
        }
    }
    return stream;
}

void source_init(struct source *source, const struct source_shape *shape, uint16_t publisher,
                 uint8_t stream, struct prng *prng)
{
    *source = (struct source){
        .shape = *shape,
        .publisher = publisher,
        .stream = stream,
        .ssrc = (uint32_t)prng_next(prng) | 1,
        .rtx_ssrc = shape->video ? (uint32_t)prng_next(prng) | 1 : 0,
        .key_wanted = true,
        .due_us = TIME_NEVER,
        .seq = (uint16_t)prng_below(prng, 0x7000),
        .picture = (uint16_t)prng_below(prng, 0x7000),
        .ts = (uint32_t)prng_next(prng),
    };
}

void source_start(struct source *source, int64_t now_us)
{
    source->due_us = now_us;
}

static int64_t frame_interval_us(const struct source *source)
{
    return TIME_S(1) / source->shape.fps;
}

static void begin_frame(struct source *source)
{
    uint32_t bytes = AUDIO_LEN;
    source->frame_us = source->due_us;
    source->frame_sent = 0;
    source->frame_key = false;
    if (source->shape.video) {
        bytes = source->shape.bitrate_bps / 8 / source->shape.fps;
        source->frame_key = source->key_wanted;
        source->key_wanted = false;
        bytes *= source->frame_key ? KEY_FACTOR : 1;
        source->key_frames += source->frame_key;
    }
    source->frame_packets = (bytes + SOURCE_PAYLOAD_MAX - 1) / SOURCE_PAYLOAD_MAX;
    source->packet_len = (uint16_t)(bytes / source->frame_packets);
}

static void end_frame(struct source *source)
{
    uint32_t clock_hz = source->shape.video ? 90000 : 48000;
    source->ts += clock_hz / source->shape.fps;
    source->picture = (source->picture + 1) & 0x7fff;
    source->due_us = source->frame_us + frame_interval_us(source);
    source->frame_packets = 0;
}

struct source_packet *source_next(struct source *source, int64_t now_us)
{
    if (now_us < source->due_us) {
        return NULL;
    }
    if (source->frame_packets == 0) {
        if (now_us - source->due_us > LATE_US) {
            source->due_us = now_us;
        }
        begin_frame(source);
    }
    struct source_packet *packet = &source->history[source->seq % SOURCE_HISTORY];
    uint32_t i = source->frame_sent++;
    *packet = (struct source_packet){
        .counter = source->counter++,
        .ts = source->ts,
        .seq = source->seq++,
        .picture = source->picture,
        .len = source->packet_len,
        .first = i == 0,
        .last = i + 1 == source->frame_packets,
        .key = source->frame_key,
    };
    source->due_us += frame_interval_us(source) / 2 / source->frame_packets;
    if (packet->last) {
        end_frame(source);
    }
    return packet;
}

const struct source_packet *source_find(const struct source *source, uint16_t seq)
{
    const struct source_packet *packet = &source->history[seq % SOURCE_HISTORY];
    return packet->len > 0 && packet->seq == seq ? packet : NULL;
}

/* RFC 7741 §4.2: 15 bits of picture id, TL0PICIDX, everything in temporal layer 0. */
static void write_descriptor(const struct source_packet *packet, uint8_t out[DESCRIPTOR_LEN])
{
    out[0] = packet->first ? 0x90 : 0x80; /* X, and S in the first packet */
    out[1] = 0xe0;                        /* I, L, T */
    be16_put(out + 2, (uint16_t)(0x8000 | packet->picture));
    out[4] = (uint8_t)packet->picture;
    out[5] = 0;
}

/* RFC 6386 §9.1. */
static void write_frame_tag(const struct source *source, const struct source_packet *packet,
                            uint8_t *out)
{
    const uint8_t key[] = {0x9d,
                           0x01,
                           0x2a,
                           (uint8_t)source->shape.width,
                           (uint8_t)(source->shape.width >> 8),
                           (uint8_t)source->shape.height,
                           (uint8_t)(source->shape.height >> 8)};
    out[0] = packet->key ? 0x10 : 0x11; /* shown; bit 0: not a key frame */
    out[1] = out[2] = 0;
    if (packet->key) {
        memcpy(out + 3, key, sizeof(key));
    }
}

void source_payload(const struct source *source, const struct source_packet *packet,
                    uint8_t out[SOURCE_PAYLOAD_MAX])
{
    const struct stamp stamp = {.publisher = source->publisher,
                                .stream = source->stream,
                                .counter = packet->counter,
                                .sent_us = packet->sent_us};
    memset(out, (uint8_t)packet->counter, packet->len);
    if (!source->shape.video) {
        out[0] = 0xf8; /* RFC 6716 §3.1: CELT, 20 ms, mono, one frame */
    } else {
        write_descriptor(packet, out);
        if (packet->first) {
            write_frame_tag(source, packet, out + DESCRIPTOR_LEN);
        }
    }
    stamp_write(out + packet->len - STAMP_LEN, &stamp);
}
