/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/bench/load/publisher.h"

#include "tests/bench/load/stamp.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#define REPORT_US  TIME_S(1)
#define NACKED_MAX 256 /* numbers taken of one NACK */
#define LEVEL_DBOV 30

/* A source on the wire. */
struct outlet {
    struct source source;
    struct rtpsec_stream stream;
    struct rtpsec_stream rtx_stream;
    char mid[8];
    uint16_t rtx_seq;
    uint64_t counted;
    uint64_t octets;
};

struct publisher {
    struct publisher_config config;
    struct outlet *outlets;
    size_t count;
    int64_t report_us; /* when the next sender reports are due */
    uint64_t repeated;
};

static void add_outlet(struct publisher *publisher, uint8_t stream, size_t mid, struct prng *prng)
{
    struct outlet *outlet = &publisher->outlets[publisher->count++];
    struct source_shape shape = source_shape(stream, MAX(publisher->config.layers, 1));
    source_init(&outlet->source, &shape, publisher->config.number, stream, prng);
    rtpsec_stream_init(&outlet->stream, outlet->source.ssrc);
    rtpsec_stream_init(&outlet->rtx_stream, outlet->source.rtx_ssrc);
    outlet->rtx_seq = (uint16_t)prng_below(prng, 0x7000);
    snprintf(outlet->mid, sizeof(outlet->mid), "%zu", mid);
}

struct publisher *publisher_new(const struct publisher_config *config, struct prng *prng)
{
    struct publisher *publisher = mem_alloc(sizeof(*publisher));
    publisher->config = *config;
    publisher->report_us = TIME_NEVER;
    publisher->outlets = mem_array(SOURCE_STREAMS_MAX, sizeof(*publisher->outlets));
    if (config->audio) {
        add_outlet(publisher, 0, config->audio_mid, prng);
    }
    for (size_t i = 1; i <= config->layers; i++) {
        add_outlet(publisher, (uint8_t)i, config->video_mid, prng);
    }
    return publisher;
}

void publisher_free(struct publisher *publisher)
{
    if (publisher != NULL) {
        free(publisher->outlets);
        free(publisher);
    }
}

void publisher_start(struct publisher *publisher, int64_t now_us)
{
    publisher->report_us = now_us;
    for (size_t i = 0; i < publisher->count; i++) {
        source_start(&publisher->outlets[i].source, now_us);
    }
}

/* ---- Media ----------------------------------------------------------------------------------- */

static struct bytes text_bytes(const char *text)
{
    return (struct bytes){(const uint8_t *)text, text == NULL ? 0 : strlen(text)};
}

static void send_packet(struct publisher *publisher, struct outlet *outlet,
                        const struct source_packet *packet)
{
    static const uint8_t level = 0x80 | LEVEL_DBOV; /* with voice */
    const struct source *source = &outlet->source;
    uint8_t payload[SOURCE_PAYLOAD_MAX];
    struct rtp_header header = {.ts = packet->ts,
                                .ssrc = source->ssrc,
                                .seq = packet->seq,
                                .pt = source->shape.video ? OFFER_VP8 : OFFER_OPUS,
                                .marker = source->shape.video && packet->last};
    header.exts.value[RTP_EXT_MID] = text_bytes(outlet->mid);
    header.exts.value[RTP_EXT_RID] = text_bytes(source->shape.rid);
    if (!source->shape.video) {
        header.exts.value[RTP_EXT_AUDIO_LEVEL] = (struct bytes){&level, 1};
    }
    source_payload(source, packet, payload);
    transport_send_rtp(publisher->config.transport, &outlet->stream, &header,
                       (struct bytes){payload, packet->len});
    outlet->octets += packet->len;
}

static void step_outlet(struct publisher *publisher, struct outlet *outlet, int64_t now_us)
{
    struct scene *scene = publisher->config.scene;
    struct source_packet *packet;
    int64_t due_us = outlet->source.due_us;
    while ((packet = source_next(&outlet->source, now_us)) != NULL) {
        packet->sent_us = now_us;
        send_packet(publisher, outlet, packet);
        if (scene_counts(scene, now_us)) {
            outlet->counted++;
            histogram_add(&scene->late, now_us - due_us);
        }
        due_us = outlet->source.due_us;
    }
}

static void send_reports(struct publisher *publisher, int64_t now_us)
{
    uint8_t data[RTCP_OUT_MAX];
    struct rtcp_writer writer = {.data = data, .cap = sizeof(data)};
    struct timespec wall;
    (void)clock_gettime(CLOCK_REALTIME, &wall);
    for (size_t i = 0; i < publisher->count; i++) {
        const struct source *source = &publisher->outlets[i].source;
        const struct rtcp_sr sr = {.ntp = rtcp_ntp(TIME_S(wall.tv_sec) + wall.tv_nsec / 1000),
                                   .ts = source->ts,
                                   .packets = source->counter,
                                   .octets = (uint32_t)publisher->outlets[i].octets};
        int err = rtcp_write_sr(&writer, source->ssrc, &sr, NULL, 0);
        assert(err == 0);
    }
    transport_send_rtcp(publisher->config.transport, (struct bytes){data, writer.len});
    publisher->report_us = now_us + REPORT_US;
}

void publisher_step(struct publisher *publisher, int64_t now_us)
{
    for (size_t i = 0; i < publisher->count; i++) {
        step_outlet(publisher, &publisher->outlets[i], now_us);
    }
    if (now_us >= publisher->report_us) {
        send_reports(publisher, now_us);
    }
}

/* ---- Feedback -------------------------------------------------------------------------------- */

static void repeat(struct publisher *publisher, struct outlet *outlet, uint16_t seq)
{
    uint8_t payload[2 + SOURCE_PAYLOAD_MAX];
    const struct source *source = &outlet->source;
    const struct source_packet *packet = source_find(source, seq);
    if (packet == NULL || !source->shape.video) {
        return;
    }
    struct rtp_header header = {.ts = packet->ts,
                                .ssrc = source->rtx_ssrc,
                                .seq = outlet->rtx_seq++,
                                .pt = OFFER_VP8_RTX,
                                .marker = packet->last};
    header.exts.value[RTP_EXT_MID] = text_bytes(outlet->mid);
    header.exts.value[RTP_EXT_REPAIRED_RID] = text_bytes(source->shape.rid);
    be16_put(payload, seq);
    source_payload(source, packet, payload + 2);
    transport_send_rtp(publisher->config.transport, &outlet->rtx_stream, &header,
                       (struct bytes){payload, packet->len + 2u});
    publisher->repeated++;
}

static struct outlet *find_outlet(struct publisher *publisher, uint32_t ssrc)
{
    for (size_t i = 0; i < publisher->count; i++) {
        if (publisher->outlets[i].source.ssrc == ssrc) {
            return &publisher->outlets[i];
        }
    }
    return NULL;
}

static void take_fir(struct publisher *publisher, const struct rtcp_packet *packet)
{
    uint32_t ssrc;
    uint8_t command;
    for (unsigned i = 0; rtcp_read_fir(packet, i, &ssrc, &command) == 0; i++) {
        struct outlet *outlet = find_outlet(publisher, ssrc);
        if (outlet != NULL) {
            outlet->source.key_wanted = true;
        }
    }
}

void publisher_take_rtcp(struct publisher *publisher, const struct rtcp_packet *packet)
{
    uint32_t ssrc;
    uint16_t seqs[NACKED_MAX];
    if (rtcp_is(packet, RTCP_PSFB, RTCP_FIR)) {
        take_fir(publisher, packet);
        return;
    }
    if ((packet->type != RTCP_RTPFB && packet->type != RTCP_PSFB) ||
        rtcp_read_media_ssrc(packet, &ssrc) != 0) {
        return;
    }
    struct outlet *outlet = find_outlet(publisher, ssrc);
    if (outlet == NULL) {
        return;
    }
    if (rtcp_is(packet, RTCP_PSFB, RTCP_PLI)) {
        outlet->source.key_wanted = true;
    } else if (rtcp_is(packet, RTCP_RTPFB, RTCP_NACK)) {
        int count = rtcp_read_nack(packet, seqs, ARRAY_LEN(seqs));
        for (int i = 0; i < count; i++) {
            repeat(publisher, outlet, seqs[i]);
        }
    }
}

/* ---- Results --------------------------------------------------------------------------------- */

uint64_t publisher_counted(const struct publisher *publisher, uint8_t stream)
{
    for (size_t i = 0; i < publisher->count; i++) {
        if (publisher->outlets[i].source.stream == stream) {
            return publisher->outlets[i].counted;
        }
    }
    return 0;
}

struct publisher_stats publisher_stats(const struct publisher *publisher)
{
    struct publisher_stats stats = {.repeated = publisher->repeated};
    for (size_t i = 0; i < publisher->count; i++) {
        stats.packets += publisher->outlets[i].source.counter;
        stats.key_frames += publisher->outlets[i].source.key_frames;
    }
    return stats;
}
