/* SPDX-License-Identifier: Apache-2.0
 *
 * SenderState and HandedOver of control.proto in the terms of core/stream, and back. What comes was
 * written by another node, but passed through an orchestrator: it is checked like all of a spec.
 */
#include "media-node/core/node/spec.h"

typedef Spillway__Control__SenderState state_message;
typedef Spillway__Control__SentPacket packet_message;
typedef Spillway__Control__SentRun run_message;
typedef Spillway__Control__SentSeries series_message;

#define INDEX_MAX   ((UINT64_C(1) << 48) - 1)
#define PICTURE_MAX 0x7fff /* RFC 7741 §4.2 */
#define TL0_MAX     0xff
#define KEY_MAX     0x1f

/* ---- Read ------------------------------------------------------------------------------------ */

static bool in_range(int64_t value, int64_t max)
{
    return value >= STREAM_VALUE_UNKNOWN && value <= max;
}

static const char *read_newest(struct stream_state *out, const packet_message *message)
{
    enum rtp_codec codec;
    if (!spec_codec(message->codec, &codec) || message->clock_hz == 0) {
        return "resume: no codec, or no clock";
    }
    if (!in_range(message->picture_id, PICTURE_MAX) || !in_range(message->tl0, TL0_MAX) ||
        !in_range(message->key_index, KEY_MAX)) {
        return "resume: VP8 values out of range";
    }
    out->newest.known = true;
    out->newest.codec = codec;
    out->newest.ts = message->timestamp;
    out->newest.clock_hz = message->clock_hz;
    out->newest.arrival_us = -(int64_t)message->age_us;
    out->newest.wall_us = message->wall_known ? message->wall_us : STREAM_WALL_UNKNOWN;
    out->newest.picture = message->picture_id;
    out->newest.tl0 = message->tl0;
    out->newest.key = message->key_index;
    return NULL;
}

static const char *read_series(struct stream_state *out, const run_message *message)
{
    uint64_t total = 0;
    if (message->n_series > STREAM_SERIES_MAX) {
        return "resume: too many series";
    }
    for (size_t i = 0; i < message->n_series; i++) {
        const series_message *series = message->series[i];
        bool known = series->state == SPILLWAY__CONTROL__SENT_SERIES__STATE__SENT ||
                     series->state == SPILLWAY__CONTROL__SENT_SERIES__STATE__KEPT ||
                     series->state == SPILLWAY__CONTROL__SENT_SERIES__STATE__VOID;
        if (!known || series->count == 0 || series->count > STREAM_HANDED_MAX) {
            return "resume: a series of unknown state, of none, or too long";
        }
        out->series[i] = (struct stream_series){
            .state = (uint8_t)series->state, /* same numbers, see stream.h */
            .source_seq = (uint16_t)series->source_seq,
            .count = (uint16_t)series->count,
            .picture_shift = (uint16_t)(series->picture_shift & PICTURE_MAX),
        };
        total += series->count;
    }
    out->series_count = message->n_series;
    return total > STREAM_HANDED_MAX || total > out->seq_next ? "resume: series too long" : NULL;
}

static const char *read_run(struct stream_state *out, const run_message *message)
{
    if (message->spatial >= STREAM_LAYERS_MAX || !in_range(message->left_out, PICTURE_MAX)) {
        return "resume: layer or picture out of range";
    }
    out->flows = true;
    out->layer = (uint8_t)message->spatial;
    out->temporal_max = (uint8_t)MIN(message->temporal_max, 7);
    out->size = (uint8_t)MIN(message->size, STREAM_SPATIAL_MAX - 1);
    out->tl0_shift = (uint8_t)message->tl0_shift;
    out->key_shift = (uint8_t)(message->key_shift & KEY_MAX);
    out->ssrc = message->ssrc;
    out->ts_offset = message->timestamp_offset;
    out->source_seq = (uint16_t)message->source_seq;
    out->picture_shift = (uint16_t)(message->picture_shift & PICTURE_MAX);
    out->left_out = message->left_out;
    return read_series(out, message);
}

const char *spec_state(struct stream_state *out, const state_message *message)
{
    *out = (struct stream_state){
        .seq_next = message->next_index,
        .rtx_seq_next = message->next_rtx_index,
        .packets = message->packets,
        .bytes = message->bytes,
        .lost = message->lost,
    };
    if (message->next_index == 0 || message->next_index > INDEX_MAX ||
        message->next_rtx_index == 0 || message->next_rtx_index > INDEX_MAX) {
        return "resume: an index out of range";
    }
    const char *ails = message->newest == NULL ? NULL : read_newest(out, message->newest);
    if (ails != NULL || message->run == NULL) {
        return ails;
    }
    return message->newest == NULL ? "resume: a run without a packet" : read_run(out, message->run);
}

/* ---- Write ----------------------------------------------------------------------------------- */

static Spillway__Control__Codec codec_of(enum rtp_codec codec)
{
    for (unsigned i = SPILLWAY__CONTROL__CODEC__OPUS; i <= SPILLWAY__CONTROL__CODEC__PCMA; i++) {
        enum rtp_codec known;
        if (spec_codec((Spillway__Control__Codec)i, &known) && known == codec) {
            return (Spillway__Control__Codec)i;
        }
    }
    return SPILLWAY__CONTROL__CODEC__CODEC_NONE;
}

static packet_message *make_newest(struct arena *arena, int64_t now_us,
                                   const struct stream_state *state)
{
    packet_message *out = arena_alloc(arena, sizeof(*out));
    spillway__control__sent_packet__init(out);
    out->codec = codec_of(state->newest.codec);
    out->timestamp = state->newest.ts;
    out->clock_hz = state->newest.clock_hz;
    out->age_us = (uint32_t)MIN(now_us - state->newest.arrival_us, (int64_t)UINT32_MAX);
    out->wall_known = state->newest.wall_us != STREAM_WALL_UNKNOWN;
    out->wall_us = out->wall_known ? state->newest.wall_us : 0;
    out->picture_id = state->newest.picture;
    out->tl0 = state->newest.tl0;
    out->key_index = state->newest.key;
    return out;
}

static run_message *make_run(struct arena *arena, const struct stream_state *state)
{
    run_message *out = arena_alloc(arena, sizeof(*out));
    spillway__control__sent_run__init(out);
    out->ssrc = state->ssrc;
    out->spatial = state->layer;
    out->source_seq = state->source_seq;
    out->timestamp_offset = state->ts_offset;
    out->picture_shift = state->picture_shift;
    out->tl0_shift = state->tl0_shift;
    out->key_shift = state->key_shift;
    out->temporal_max = state->temporal_max;
    out->size = state->size;
    out->left_out = state->left_out;
    out->series = arena_array(arena, state->series_count, sizeof(series_message *));
    for (size_t i = 0; i < state->series_count; i++) {
        series_message *series = arena_alloc(arena, sizeof(*series));
        spillway__control__sent_series__init(series);
        series->state = (Spillway__Control__SentSeries__State)state->series[i].state;
        series->source_seq = state->series[i].source_seq;
        series->count = state->series[i].count;
        series->picture_shift = state->series[i].picture_shift;
        out->series[out->n_series++] = series;
    }
    return out;
}

static state_message *make_state(struct arena *arena, int64_t now_us,
                                 const struct fwd_handed_stream *stream)
{
    const struct stream_state *state = &stream->state;
    state_message *out = arena_alloc(arena, sizeof(*out));
    spillway__control__sender_state__init(out);
    out->subscription = stream->subscription;
    out->next_index = state->seq_next;
    out->next_rtx_index = state->rtx_seq_next;
    out->packets = state->packets;
    out->bytes = state->bytes;
    out->lost = state->lost;
    out->newest = state->newest.known ? make_newest(arena, now_us, state) : NULL;
    out->run = state->flows && state->newest.known ? make_run(arena, state) : NULL;
    return out;
}

Spillway__Control__HandedOver *spec_handed_over(struct arena *arena, int64_t now_us,
                                                uint64_t transport, const struct fwd_handed *handed)
{
    Spillway__Control__HandedOver *out = arena_alloc(arena, sizeof(*out));
    spillway__control__handed_over__init(out);
    out->transport = transport;
    out->transport_cc = handed->transport_cc;
    out->estimate_bps = handed->estimate_bps;
    out->senders = arena_array(arena, handed->stream_count, sizeof(state_message *));
    for (size_t i = 0; i < handed->stream_count; i++) {
        out->senders[out->n_senders++] = make_state(arena, now_us, &handed->streams[i]);
    }
    return out;
}

Spillway__Control__Standing *spec_standing(struct arena *arena, int64_t now_us, uint64_t transport,
                                           const struct fwd_standing *standing)
{
    Spillway__Control__Standing *out = arena_alloc(arena, sizeof(*out));
    spillway__control__standing__init(out);
    out->transport = transport;
    out->lease = standing->lease;
    out->streams =
        arena_array(arena, standing->stream_count, sizeof(Spillway__Control__StreamStanding *));
    for (size_t i = 0; i < standing->stream_count; i++) {
        const struct fwd_stream_standing *from = &standing->streams[i];
        Spillway__Control__StreamStanding *to = arena_alloc(arena, sizeof(*to));
        spillway__control__stream_standing__init(to);
        to->state = make_state(arena, now_us, &from->stream);
        to->ssrc = from->ssrc;
        to->index_end = from->index_end;
        to->rtx_index_end = from->rtx_index_end;
        out->streams[out->n_streams++] = to;
    }
    return out;
}
