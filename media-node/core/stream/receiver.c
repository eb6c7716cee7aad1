/* SPDX-License-Identifier: Apache-2.0
 *
 * A received packet, in this order: its number is placed, it is copied into the cache, described
 * there, and then told to loudness, statistics, NACK list and key-frame requests. Requests are made
 * when polled.
 */
#include "media-node/core/stream/receiver_parts.h"

#include <stdlib.h>

#define RTT_MIN_US TIME_MS(10)
#define RTT_MAX_US TIME_MS(500)
#define DRY_US     TIME_MS(400)
#define DRY_FRAMES 3

/* Of a shorter time no rate is told. */
#define BITRATE_MIN_US TIME_MS(100)

/* Older reports do not tell the time: RTP time wraps, and clocks drift apart. */
#define CLOCK_US TIME_S(3600)

/* The source's last sender report. */
struct source_clock {
    bool heard;  /* there was one */
    bool mapped; /* and its timestamp is of this run of the source */
    uint32_t ts;
    int64_t wall_us;
    int64_t arrival_us;
    uint32_t ntp_middle;
};

struct stream_receiver {
    int64_t now_us;
    enum stream_kind kind;
    uint8_t layer;
    uint8_t audio_level_id;
    uint8_t dependency_id;
    bool nack_wanted;
    bool pli_wanted;
    bool leap; /* see stream_receiver_leap */
    bool leap_certain;
    uint32_t ssrc;
    struct stream_payload payloads[STREAM_PAYLOADS_MAX];
    size_t payload_count;

    struct stream_sequence sequence;
    struct stream_nack nack;
    struct stream_refresh refresh;
    struct stream_cache cache;
    struct stream_loudness loudness;
    struct source_clock clock;
    struct stream_meter meter;
    struct stream_targets *targets; /* NULL before a first structure */
    struct stream_layer_meter layer_meter;

    uint32_t last_ts;  /* of the newest packet with a payload */
    uint32_t clock_hz; /* of the newest packet */
    int64_t last_packet_us;
    int64_t frame_us[DRY_FRAMES]; /* when the last frames began, ring */
    struct stream_receiver_stats stats;
};

static const struct stream_payload *payload_find(const struct stream_receiver *receiver, uint8_t pt)
{
    for (size_t i = 0; i < receiver->payload_count; i++) {
        if (receiver->payloads[i].number == pt) {
            return &receiver->payloads[i];
        }
    }
    return NULL;
}

static const struct stream_payload *payload_of_rtx(const struct stream_receiver *receiver,
                                                   uint8_t pt)
{
    for (size_t i = 0; i < receiver->payload_count; i++) {
        if (receiver->payloads[i].rtx == pt && pt != 0) {
            return &receiver->payloads[i];
        }
    }
    return NULL;
}

static void advance_time(struct stream_receiver *receiver, int64_t now_us)
{
    assert(now_us >= receiver->now_us);
    receiver->now_us = now_us;
}

/* ---- Life ----------------------------------------------------------------------------------- */

struct stream_receiver *stream_receiver_new(const struct stream_receiver_config *config,
                                            int64_t now_us)
{
    assert(config->payload_count > 0 && config->payload_count <= STREAM_PAYLOADS_MAX);
    assert(config->layer < STREAM_LAYERS_MAX);
    struct stream_receiver *receiver = mem_alloc(sizeof(*receiver));
    *receiver = (struct stream_receiver){
        .now_us = now_us,
        .kind = config->kind,
        .layer = config->layer,
        .audio_level_id = config->audio_level_id,
        .dependency_id = config->dependency_id,
        .ssrc = config->ssrc,
        .payload_count = config->payload_count,
        .loudness = {.since_us = now_us},
        .meter = {.since_us = now_us},
        .last_packet_us = TIME_NEVER,
    };
    for (size_t i = 0; i < config->payload_count; i++) {
        assert(config->payloads[i].clock_hz > 0);
        receiver->payloads[i] = config->payloads[i];
        receiver->nack_wanted |= config->payloads[i].nack;
        receiver->pli_wanted |= config->payloads[i].pli;
    }
    for (size_t i = 0; i < DRY_FRAMES; i++) {
        receiver->frame_us[i] = INT64_MIN;
    }
    receiver->clock_hz = config->payloads[0].clock_hz;
    stream_nack_init(&receiver->nack);
    stream_refresh_init(&receiver->refresh, config->layer == 0 ? REFRESH_LOW_US : REFRESH_US);
    stream_cache_init(&receiver->cache, config->kind);
    return receiver;
}

void stream_receiver_free(struct stream_receiver *receiver)
{
    stream_nack_fini(&receiver->nack);
    stream_cache_fini(&receiver->cache);
    free(receiver->targets);
    free(receiver);
}

void stream_receiver_rtt(struct stream_receiver *receiver, int64_t rtt_us)
{
    assert(rtt_us >= 0);
    receiver->nack.rtt_us = MIN(MAX(rtt_us, RTT_MIN_US), RTT_MAX_US);
}

/* ---- Packets: what they are ----------------------------------------------------------------- */

/* H.264 and H.265 do not mark the start of a frame: the first packet with a new timestamp is it.
 * Behind a gap that may be any packet, so there only parameter sets or a delimiter will do, alone
 * or first of an aggregate (RFC 6184 §5.7.1, RFC 7798 §4.4.2). */
static bool begins_access_unit(enum rtp_codec codec, struct bytes payload)
{
    if (codec == RTP_CODEC_H264) {
        unsigned type = payload.data[0] & 0x1fu;
        if (type == 24 && payload.len > 3) {
            type = payload.data[3] & 0x1fu;
        }
        return type == 7 || type == 9;
    }
    unsigned type = payload.data[0] >> 1 & 0x3fu;
    if (type == 48 && payload.len > 4) {
        type = payload.data[4] >> 1 & 0x3fu;
    }
    return (type >= 32 && type <= 33) || type == 35;
}

static bool is_key_start(const struct stream_receiver *receiver, const struct stream_packet *packet,
                         bool contiguous)
{
    const struct rtp_frame_info *frame = &packet->frame;
    if (!frame->key || !frame->frame_start) {
        return false;
    }
    switch (packet->codec) {
    case RTP_CODEC_H264:
    case RTP_CODEC_H265:
        return (contiguous && packet->rtp.ts != receiver->last_ts) ||
               begins_access_unit(packet->codec, packet->rtp.payload);
    case RTP_CODEC_VP9:
        return frame->spatial == 0;
    default:
        return true;
    }
}

/* The value of an extension; data NULL: it is not there. */
static struct bytes find_ext(const struct rtp_view *rtp, uint8_t id)
{
    struct rtp_ext ext;
    struct rtp_ext_iter iter = rtp_ext_begin(rtp);
    while (rtp_ext_next(&iter, &ext)) {
        if (ext.id == id) {
            return ext.value;
        }
    }
    return (struct bytes){NULL, 0};
}

/* VP8 has no layers that its own descriptor does not tell of. */
static void describe_layers(struct stream_receiver *receiver, struct stream_packet *packet,
                            bool contiguous)
{
    if (receiver->dependency_id == 0 || packet->codec == RTP_CODEC_VP8) {
        return;
    }
    struct bytes descriptor = find_ext(&packet->rtp, receiver->dependency_id);
    if (descriptor.data == NULL) {
        return;
    }
    struct stream_dependency *dependency = &packet->dependency;
    stream_targets_describe(&receiver->targets, packet, descriptor);
    dependency->picture_start =
        dependency->frame_start && contiguous &&
        (receiver->stats.frames == 0 || packet->rtp.ts != receiver->last_ts);
}

static bool describe_video(struct stream_packet *packet)
{
    struct rtp_view *rtp = &packet->rtp;
    if (packet->codec == RTP_CODEC_VP8 && rtp_vp8_parse(&packet->vp8, rtp->payload) < 0) {
        return false;
    }
    if (packet->vp8.len == rtp->payload.len) { /* another node left the picture out */
        packet->codec = RTP_CODEC_NONE;
        rtp->payload.len = 0;
        return true;
    }
    return rtp_frame_info(packet->codec, rtp->payload, rtp->marker, &packet->frame) == 0;
}

static bool describe_audio(struct stream_packet *packet)
{
    if (packet->codec == RTP_CODEC_RED) {
        struct rtp_red_block blocks[RTP_RED_MAX];
        int count = rtp_red_split(packet->rtp.payload, blocks);
        if (count < 0) {
            return false;
        }
        packet->primary = blocks[count - 1].data;
    }
    packet->key_start = true;
    return true;
}

static int64_t wall_time(const struct stream_receiver *receiver, uint32_t ts, uint32_t clock_hz)
{
    const struct source_clock *clock = &receiver->clock;
    if (!clock->mapped || receiver->now_us - clock->arrival_us > CLOCK_US) {
        return STREAM_WALL_UNKNOWN;
    }
    return clock->wall_us + us_of_ticks(ts_diff(ts, clock->ts), clock_hz);
}

/* Fills in what the payload tells; a payload nobody can use is made empty. */
static void describe(struct stream_receiver *receiver, struct stream_packet *packet,
                     const struct stream_payload *payload, bool contiguous)
{
    packet->arrival_us = receiver->now_us;
    packet->layer = receiver->layer;
    packet->clock_hz = payload != NULL ? payload->clock_hz : receiver->clock_hz;
    packet->wall_us = wall_time(receiver, packet->rtp.ts, packet->clock_hz);
    if (packet->rtp.payload.len == 0) {
        return;
    }
    bool usable = payload != NULL;
    if (usable) {
        packet->codec = payload->codec;
        usable = receiver->kind == STREAM_AUDIO ? describe_audio(packet) : describe_video(packet);
    }
    if (!usable) {
        receiver->stats.bad++;
        packet->codec = RTP_CODEC_NONE;
        packet->rtp.payload.len = 0;
    } else if (receiver->kind == STREAM_VIDEO && packet->rtp.payload.len > 0) {
        packet->key_start = is_key_start(receiver, packet, contiguous);
        describe_layers(receiver, packet, contiguous);
    }
}

/* in: header fields as the source wrote them; its payload follows header or is part of a repair. */
static struct stream_packet *store(struct stream_receiver *receiver, uint64_t seq,
                                   const struct rtp_view *in, size_t header_len)
{
    struct bytes header = {in->data, header_len};
    struct stream_packet *packet =
        stream_cache_put(&receiver->cache, receiver->now_us, seq, header, in->payload);
    uint8_t *data = (uint8_t *)(packet + 1);
    data[0] &= 0xdf; /* padding stays behind, so no P bit */
    rtp_set_pt(data, in->pt);
    rtp_set_seq(data, in->seq);
    rtp_set_ssrc(data, in->ssrc);
    struct rtp_view stored = *in;
    stored.data = data;
    stored.payload = packet->rtp.payload;
    stored.padding_len = 0;
    if (in->ext.data != NULL) {
        stored.ext.data = data + (in->ext.data - in->data);
    }
    packet->rtp = stored;
    return packet;
}

/* ---- Packets: what they tell ---------------------------------------------------------------- */

static void note_loudness(struct stream_receiver *receiver, const struct stream_packet *packet)
{
    struct bytes level = find_ext(&packet->rtp, receiver->audio_level_id);
    if (level.len == 1) {
        stream_loudness_add(&receiver->loudness, packet->rtp.ts, packet->clock_hz,
                            rtp_audio_level_dbov(level));
    }
}

static void count(struct stream_receiver *receiver, const struct stream_packet *packet)
{
    size_t len = packet->rtp.payload.len;
    receiver->stats.packets++;
    receiver->stats.bytes += len;
    receiver->stats.key_frames += packet->key_start && receiver->kind == STREAM_VIDEO;
    stream_meter_bytes(&receiver->meter, receiver->now_us, len);
    if (len > 0 && receiver->kind == STREAM_VIDEO) {
        stream_layer_meter_add(&receiver->layer_meter, receiver->now_us, packet);
    }
    if (len > 0) {
        stream_refresh_media(&receiver->refresh, receiver->now_us);
    }
}

/* The newest packet of its source. */
static void note_newest(struct stream_receiver *receiver, const struct stream_packet *packet)
{
    receiver->clock_hz = packet->clock_hz;
    if (packet->rtp.payload.len > 0 || packet->vp8.len > 0) {
        receiver->last_packet_us = receiver->now_us; /* a repair does not keep a layer alive */
    }
    if (packet->rtp.payload.len == 0) {
        return;
    }
    if (receiver->stats.frames == 0 || packet->rtp.ts != receiver->last_ts) {
        receiver->frame_us[receiver->stats.frames % DRY_FRAMES] = receiver->now_us;
        receiver->stats.frames++;
        stream_meter_frame(&receiver->meter, receiver->now_us, packet->rtp.ts, packet->clock_hz);
    }
    receiver->last_ts = packet->rtp.ts;
    if (receiver->audio_level_id != 0) {
        note_loudness(receiver, packet);
    }
}

static void note_gap(struct stream_receiver *receiver, uint64_t first, uint64_t missing)
{
    struct stream_nack *nack = &receiver->nack;
    if (!receiver->nack_wanted || missing == 0) {
        return;
    }
    if (!stream_nack_missing(nack, receiver->now_us, first, missing) && receiver->pli_wanted) {
        stream_refresh_want(&receiver->refresh, receiver->now_us);
    }
}

static void note_repair_state(struct stream_receiver *receiver, const struct stream_packet *packet)
{
    uint64_t highest = receiver->sequence.highest;
    uint32_t slots = receiver->cache.shape.slots;
    stream_nack_arrived(&receiver->nack, packet->seq);
    if (highest >= slots) { /* what the cache could not hold any more */
        stream_nack_forget(&receiver->nack, highest - slots + 1);
    }
    if (packet->key_start && receiver->kind == STREAM_VIDEO) {
        stream_refresh_answered(&receiver->refresh);
        stream_nack_forget(&receiver->nack, packet->seq);
    }
}

/* ---- Packets: the two ways in --------------------------------------------------------------- */

static int count_refused(struct stream_receiver *receiver, enum stream_verdict verdict)
{
    switch (verdict) {
    case SEQUENCE_DUPLICATE:
        receiver->stats.duplicates++;
        return ERR_REPLAY;
    case SEQUENCE_OLD:
        receiver->stats.stale++;
        return ERR_STALE;
    case SEQUENCE_SUSPECT:
        receiver->stats.strays++;
        return ERR_AGAIN;
    case SEQUENCE_NEXT:
    case SEQUENCE_LATE:
    case SEQUENCE_RESTART:
        break;
    }
    unreachable();
}

static void restart(struct stream_receiver *receiver)
{
    receiver->stats.restarts++;
    receiver->meter.transit_known = false;
    receiver->clock.mapped = false;
    stream_nack_forget(&receiver->nack, receiver->sequence.base);
}

void stream_receiver_leap(struct stream_receiver *receiver, bool certain)
{
    receiver->leap = true;
    receiver->leap_certain = certain;
}

static enum stream_verdict place(struct stream_receiver *receiver, uint16_t number, uint64_t *seq)
{
    struct stream_sequence *sequence = &receiver->sequence;
    int ahead = seq_diff(number, (uint16_t)sequence->highest);
    bool leap =
        receiver->leap && sequence->started && ahead != 1 && (ahead > 1 || receiver->leap_certain);
    receiver->leap = false;
    return leap ? stream_sequence_restart(sequence, number, seq)
                : stream_sequence_add(sequence, number, seq);
}

int stream_receiver_media(struct stream_receiver *receiver, int64_t now_us,
                          const struct rtp_view *in, const struct stream_packet **out)
{
    advance_time(receiver, now_us);
    bool first = !receiver->sequence.started;
    uint64_t before = receiver->sequence.highest;
    uint64_t seq = 0;
    enum stream_verdict verdict = place(receiver, in->seq, &seq);
    if (verdict == SEQUENCE_LATE &&
        receiver->sequence.highest - seq >= receiver->cache.shape.slots) {
        verdict = SEQUENCE_OLD;
    }
    if (verdict != SEQUENCE_NEXT && verdict != SEQUENCE_LATE && verdict != SEQUENCE_RESTART) {
        return count_refused(receiver, verdict);
    }
    if (verdict == SEQUENCE_RESTART) {
        restart(receiver);
    }
    bool contiguous = verdict == SEQUENCE_NEXT && (first || seq == before + 1);
    struct stream_packet *packet = store(receiver, seq, in, (size_t)(in->payload.data - in->data));
    packet->late = verdict == SEQUENCE_LATE;
    describe(receiver, packet, payload_find(receiver, in->pt), contiguous);
    receiver->meter.arrived++;
    count(receiver, packet);
    if (!packet->late) {
        note_newest(receiver, packet);
    }
    if (verdict == SEQUENCE_NEXT && !first) {
        note_gap(receiver, before + 1, seq - before - 1);
    }
    note_repair_state(receiver, packet);
    *out = packet;
    return 0;
}

int stream_receiver_repair(struct stream_receiver *receiver, int64_t now_us,
                           const struct rtp_view *in, const struct stream_packet **out)
{
    advance_time(receiver, now_us);
    const struct stream_payload *payload = payload_of_rtx(receiver, in->pt);
    if (payload == NULL) {
        receiver->stats.bad++;
        return ERR_UNSUPPORTED;
    }
    if (in->payload.len < 2) {
        return ERR_TRUNCATED;
    }
    uint64_t seq = 0;
    uint16_t number = be16_get(in->payload.data);
    enum stream_verdict verdict = stream_sequence_repair(&receiver->sequence, number, &seq);
    if (verdict == SEQUENCE_LATE &&
        receiver->sequence.highest - seq >= receiver->cache.shape.slots) {
        verdict = SEQUENCE_OLD;
    }
    if (verdict != SEQUENCE_LATE) {
        return count_refused(receiver, verdict);
    }
    struct rtp_view original = *in; /* RFC 4588 §4: all but these is kept */
    original.ssrc = receiver->ssrc;
    original.pt = payload->number;
    original.seq = number;
    original.payload = (struct bytes){in->payload.data + 2, in->payload.len - 2};
    struct stream_packet *packet =
        store(receiver, seq, &original, (size_t)(in->payload.data - in->data));
    packet->late = true;
    describe(receiver, packet, payload, false);
    receiver->stats.recovered++;
    count(receiver, packet);
    note_repair_state(receiver, packet);
    *out = packet;
    return 0;
}

void stream_receiver_sender_report(struct stream_receiver *receiver, int64_t now_us,
                                   const struct rtcp_sr *sr)
{
    advance_time(receiver, now_us);
    receiver->clock = (struct source_clock){
        .heard = true,
        .mapped = sr->ntp != 0, /* 0: the source has no clock (RFC 3550 §6.4.1) */
        .ts = sr->ts,
        .wall_us = us_of_ntp(sr->ntp),
        .arrival_us = now_us,
        .ntp_middle = rtcp_ntp_middle(sr->ntp),
    };
}

/* ---- Requests ------------------------------------------------------------------------------- */

void stream_receiver_want_key_frame(struct stream_receiver *receiver, int64_t now_us)
{
    advance_time(receiver, now_us);
    if (receiver->pli_wanted) {
        stream_refresh_want(&receiver->refresh, now_us);
    }
}

void stream_receiver_expire(struct stream_receiver *receiver, int64_t now_us)
{
    advance_time(receiver, now_us); /* what is due comes out when polled */
}

int64_t stream_receiver_deadline(const struct stream_receiver *receiver)
{
    return MIN(receiver->nack.due_us, receiver->refresh.due_us);
}

bool stream_receiver_poll(struct stream_receiver *receiver, struct stream_request *out)
{
    int64_t now_us = receiver->now_us;
    if (now_us < stream_receiver_deadline(receiver)) {
        return false;
    }
    bool gave_up = false;
    out->nack_count = stream_nack_collect(&receiver->nack, now_us, out->nack, &gave_up);
    if (gave_up && receiver->pli_wanted) {
        stream_refresh_want(&receiver->refresh, now_us);
    }
    out->key_frame = stream_refresh_due(&receiver->refresh, now_us);
    return out->key_frame || out->nack_count > 0;
}

/* ---- Reports -------------------------------------------------------------------------------- */

int stream_receiver_report(struct stream_receiver *receiver, int64_t now_us,
                           struct rtcp_report *out)
{
    advance_time(receiver, now_us);
    if (!receiver->sequence.started) {
        return ERR_AGAIN;
    }
    uint64_t expected = stream_sequence_expected(&receiver->sequence);
    *out = stream_meter_report(&receiver->meter, expected);
    out->ssrc = receiver->ssrc;
    out->seq_high = (uint32_t)(receiver->sequence.highest - SEQUENCE_START);
    if (receiver->clock.heard) {
        int64_t since_us = now_us - receiver->clock.arrival_us;
        out->lsr = receiver->clock.ntp_middle;
        out->dlsr = (uint32_t)MIN(since_us * 65536 / 1000000, UINT32_MAX);
    }
    return 0;
}

bool stream_receiver_span(const struct stream_receiver *receiver, uint32_t ssrc, uint64_t *first,
                          uint64_t *newest)
{
    *first = receiver->sequence.base;
    *newest = receiver->sequence.highest;
    return receiver->ssrc == ssrc && receiver->sequence.started;
}

const struct stream_packet *stream_receiver_find(const struct stream_receiver *receiver,
                                                 uint64_t seq)
{
    return stream_cache_find(&receiver->cache, seq);
}

void stream_receiver_trim(struct stream_receiver *receiver, int64_t now_us)
{
    advance_time(receiver, now_us);
    if (stream_cache_rests(&receiver->cache, now_us)) {
        stream_cache_trim(&receiver->cache);
        stream_nack_trim(&receiver->nack);
    }
}

void stream_receiver_stats(const struct stream_receiver *receiver, int64_t now_us,
                           struct stream_receiver_stats *out)
{
    struct stream_meter meter = receiver->meter;
    stream_meter_bytes(&meter, now_us, 0);
    uint64_t expected = stream_sequence_expected(&receiver->sequence);
    uint64_t seen = meter.arrived + receiver->stats.recovered;
    *out = receiver->stats;
    out->lost = expected > seen ? expected - seen : 0;
    out->nacked = receiver->nack.asked;
    out->nacks_given_up = receiver->nack.given_up;
    out->key_frames_asked = receiver->refresh.asked;
    out->jitter_us = (uint32_t)((uint64_t)(meter.jitter_q4 >> 4) * 1000000 / receiver->clock_hz);
    out->bitrate_bps = meter.bitrate_bps;
    out->frame_rate_millihz = meter.frame_rate_millihz;
    out->last_packet_us = receiver->last_packet_us;
    out->heap_bytes =
        sizeof(*receiver) + stream_cache_bytes(&receiver->cache) +
        (receiver->targets != NULL ? sizeof(*receiver->targets) : 0) +
        (receiver->nack.entries != NULL ? NACK_LIST_MAX : 0) * sizeof(*receiver->nack.entries);
}

uint32_t stream_receiver_bps(const struct stream_receiver *receiver, int64_t now_us)
{
    struct stream_meter meter = receiver->meter;
    stream_meter_bytes(&meter, now_us, 0);
    int64_t since_us = now_us - meter.since_us;
    if (meter.bitrate_bps != 0 || since_us < BITRATE_MIN_US) {
        return meter.bitrate_bps;
    }
    return (uint32_t)MIN(meter.bytes * 8000000 / (uint64_t)since_us, UINT32_MAX);
}

bool stream_receiver_rates(const struct stream_receiver *receiver, int64_t now_us,
                           struct stream_rates *out)
{
    return stream_layer_meter_read(&receiver->layer_meter, now_us, out);
}

struct stream_level stream_receiver_level(struct stream_receiver *receiver, int64_t now_us)
{
    advance_time(receiver, now_us);
    return stream_loudness_take(&receiver->loudness, now_us);
}

/* ---- Layers --------------------------------------------------------------------------------- */

/* When the DRY_FRAMES-th newest frame began; INT64_MIN before there are that many. */
static int64_t frames_since_us(const struct stream_receiver *receiver)
{
    return receiver->frame_us[receiver->stats.frames % DRY_FRAMES];
}

uint8_t stream_layers_live(struct stream_receiver *const layers[STREAM_LAYERS_MAX], int64_t now_us)
{
    int64_t going_on_us = INT64_MIN; /* since then, some layer sent DRY_FRAMES frames */
    for (size_t i = 0; i < STREAM_LAYERS_MAX; i++) {
        if (layers[i] != NULL) {
            going_on_us = MAX(going_on_us, frames_since_us(layers[i]));
        }
    }
    unsigned live = 0;
    for (size_t i = 0; i < STREAM_LAYERS_MAX; i++) {
        if (layers[i] == NULL || layers[i]->last_packet_us == TIME_NEVER) {
            continue;
        }
        int64_t last_us = layers[i]->last_packet_us;
        bool dry = now_us - last_us >= DRY_US && going_on_us > last_us;
        live |= dry ? 0u : 1u << i;
    }
    return (uint8_t)live;
}
