/* SPDX-License-Identifier: Apache-2.0
 *
 * A sender's state on its way to another node. What only repeats (the run's shifts) is told once;
 * of the ring, the last numbers as series, so that the next holder can answer a NACK about a packet
 * that this one sent. Earlier runs are not told: a client that still misses something from before a
 * switch of layers gets it by the key frame it will ask for.
 */
#include "media-node/core/stream/sender_parts.h"

#define SEQ_FAR 3000 /* numbers; no two nodes are that far apart in one source (see sequence.c) */

/* ---- Export --------------------------------------------------------------------------------- */

static void export_newest(const struct stream_sent *sent, struct stream_state *out)
{
    out->newest.known = sent->known;
    out->newest.codec = (enum rtp_codec)sent->codec;
    out->newest.ts = sent->ts;
    out->newest.clock_hz = sent->clock_hz;
    out->newest.arrival_us = sent->arrival_us;
    out->newest.wall_us = sent->wall_us;
    out->newest.picture = sent->picture_known ? sent->picture : STREAM_VALUE_UNKNOWN;
    out->newest.tl0 = sent->tl0_known ? sent->tl0 : STREAM_VALUE_UNKNOWN;
    out->newest.key = sent->key_known ? sent->key : STREAM_VALUE_UNKNOWN;
}

/* A filler hid what is not told. Nor is it what a number kept before the last change of temporal
 * layers may be used for. */
static enum stream_series_state series_state(const struct stream_sender *sender,
                                             const struct stream_slot *slot)
{
    bool old = ts_diff(slot->source, (uint32_t)sender->temporal.steps[0].since) < 0;
    switch ((enum stream_slot_state)slot->state) {
    case SLOT_SENT:
        return SERIES_SENT;
    case SLOT_KEPT:
        return old ? SERIES_VOID : SERIES_KEPT;
    case SLOT_FILLER:
    case SLOT_VOID:
        return SERIES_VOID;
    }
    unreachable();
}

/* Whether the slot stands right below the series. */
static bool extends(const struct stream_series *series, const struct stream_slot *slot,
                    enum stream_series_state state)
{
    return series->state == state && series->picture_shift == slot->picture_shift &&
           series->source_seq == (uint16_t)(slot->source + 1);
}

static void export_ring(const struct stream_sender *sender, struct stream_state *out)
{
    const struct stream_ring *ring = &sender->ring;
    uint64_t known = ring->next - MAX(sender->run.index, stream_ring_oldest(ring));
    uint64_t count = MIN(known, (uint64_t)STREAM_HANDED_MAX);
    for (uint64_t i = 1; i <= count; i++) {
        const struct stream_slot *slot = &ring->slots[(ring->next - i) & (ring->size - 1)];
        enum stream_series_state state = series_state(sender, slot);
        size_t last = out->series_count - 1;
        if (out->series_count > 0 && extends(&out->series[last], slot, state)) {
            out->series[last].source_seq--;
            out->series[last].count++;
        } else if (out->series_count < STREAM_SERIES_MAX) {
            out->series[out->series_count++] = (struct stream_series){
                .state = (uint8_t)state,
                .source_seq = (uint16_t)slot->source,
                .count = 1,
                .picture_shift = slot->picture_shift,
            };
        } else {
            break;
        }
    }
}

void stream_sender_export(const struct stream_sender *sender, struct stream_state *out)
{
    const struct stream_run *run = &sender->run;
    *out = (struct stream_state){
        .seq_next = sender->ring.next,
        .rtx_seq_next = sender->rtx_next,
        .packets = sender->stats.packets,
        .bytes = sender->stats.bytes,
        .lost = sender->stats.lost,
        .flows = sender->current != NO_LAYER,
    };
    export_newest(&sender->sent, out);
    if (!out->flows) {
        return;
    }
    out->layer = (uint8_t)sender->current;
    stream_layers_export(sender, out);
    out->tl0_shift = run->tl0_shift;
    out->key_shift = run->key_shift;
    out->ssrc = run->ssrc;
    out->ts_offset = run->ts_offset;
    out->source_seq = (uint16_t)run->head;
    out->picture_shift = run->picture_shift;
    export_ring(sender, out);
}

/* ---- Resumption ----------------------------------------------------------------------------- */

static void resume_newest(struct stream_sent *sent, const struct stream_state *state)
{
    *sent = (struct stream_sent){
        .known = state->newest.known,
        .picture_known = state->newest.picture != STREAM_VALUE_UNKNOWN,
        .tl0_known = state->newest.tl0 != STREAM_VALUE_UNKNOWN,
        .key_known = state->newest.key != STREAM_VALUE_UNKNOWN,
        .codec = (uint8_t)state->newest.codec,
        .tl0 = (uint8_t)state->newest.tl0,
        .key = (uint8_t)state->newest.key,
        .picture = (uint16_t)state->newest.picture,
        .ts = state->newest.ts,
        .clock_hz = state->newest.clock_hz,
        .arrival_us = state->newest.arrival_us,
        .wall_us = state->newest.wall_us,
    };
}

/* Where the source's number stands among those of our own receiver. False: it does not, or what
 * followed it never came here. */
static bool find_head(const struct stream_state *state,
                      struct stream_receiver *const layers[STREAM_LAYERS_MAX], uint64_t *head)
{
    const struct stream_receiver *receiver = layers[state->layer];
    uint64_t first, newest;
    if (receiver == NULL || !stream_receiver_span(receiver, state->ssrc, &first, &newest)) {
        return false;
    }
    int ahead = seq_diff(state->source_seq, (uint16_t)newest);
    *head = newest + (uint64_t)(int64_t)ahead;
    return ahead > -SEQ_FAR && ahead < SEQ_FAR && first <= *head + 1;
}

bool stream_state_found(const struct stream_state *state,
                        struct stream_receiver *const layers[STREAM_LAYERS_MAX])
{
    uint64_t first, newest;
    const struct stream_receiver *receiver = layers[state->layer];
    return !state->flows ||
           (receiver != NULL && stream_receiver_span(receiver, state->ssrc, &first, &newest));
}

static void resume_series(struct stream_sender *sender, const struct stream_state *state,
                          const struct stream_series *series, uint64_t head)
{
    static const enum stream_slot_state states[] = {
        [SERIES_SENT] = SLOT_SENT, [SERIES_KEPT] = SLOT_KEPT, [SERIES_VOID] = SLOT_VOID};
    uint64_t source = head - (uint16_t)(state->source_seq - series->source_seq);
    for (uint16_t i = 0; i < series->count; i++) {
        const struct stream_slot slot = {
            .source = (uint32_t)(source + i),
            .ts_offset = state->ts_offset,
            .picture_shift = series->picture_shift,
            .tl0_shift = state->tl0_shift,
            .key_shift = state->key_shift,
            .state = (unsigned)states[series->state] & 3u,
            .layer = state->layer & 3u,
        };
        stream_ring_append(&sender->ring, slot);
    }
}

static void resume_run(struct stream_sender *sender, const struct stream_state *state,
                       uint64_t head)
{
    uint64_t first = head + 1;
    sender->ring.first = sender->ring.next;
    for (size_t i = 0; i < state->series_count; i++) {
        sender->ring.first -= state->series[i].count;
    }
    sender->ring.next = sender->ring.first;
    for (size_t i = state->series_count; i > 0; i--) {
        resume_series(sender, state, &state->series[i - 1], head);
    }
    if (state->series_count > 0) {
        uint16_t oldest = state->series[state->series_count - 1].source_seq;
        first = head - (uint16_t)(state->source_seq - oldest);
    }
    sender->run = (struct stream_run){
        .ssrc = state->ssrc,
        .first = first,
        .head = head,
        .index = sender->ring.first,
        .ts_offset = state->ts_offset,
        .picture_shift = state->picture_shift,
        .tl0_shift = state->tl0_shift,
        .key_shift = state->key_shift,
    };
    sender->layers[state->layer] = (struct stream_layer_source){
        .ssrc = state->ssrc, .ts_offset = state->ts_offset, .head = head};
    stream_layers_resume(sender, state);
    sender->current = (int8_t)state->layer;
    sender->live = (uint8_t)(sender->live | 1u << state->layer);
    stream_sender_choose_target(sender);
}

unsigned stream_sender_resume(struct stream_sender *sender, int64_t now_us,
                              const struct stream_state *state,
                              struct stream_receiver *const layers[STREAM_LAYERS_MAX])
{
    assert(sender->ring.slots == NULL && now_us >= sender->now_us);
    uint64_t head;
    sender->now_us = now_us;
    sender->ring.first = state->seq_next;
    sender->ring.next = state->seq_next;
    sender->rtx_next = state->rtx_seq_next;
    sender->stats.packets = state->packets;
    sender->stats.bytes = state->bytes;
    sender->stats.lost = state->lost;
    resume_newest(&sender->sent, state);
    if (state->flows && !sender->want.paused && find_head(state, layers, &head)) {
        resume_run(sender, state, head);
    }
    return stream_sender_needs_key_frame(sender) != NO_LAYER ? STREAM_ASK : 0;
}

/* A packet that the last holder missed, and whose number it kept. */
static const struct stream_packet *kept(const struct stream_sender *sender,
                                        struct stream_receiver *const layers[STREAM_LAYERS_MAX],
                                        uint64_t *cursor)
{
    const struct stream_ring *ring = &sender->ring;
    uint64_t index = MAX(*cursor, stream_ring_oldest(ring));
    const struct stream_packet *packet = NULL;
    for (; packet == NULL && index < ring->next; index++) {
        const struct stream_slot *slot = &ring->slots[index & (ring->size - 1)];
        if (slot->state == SLOT_KEPT) {
            packet = stream_sender_source(sender, slot, layers);
        }
    }
    *cursor = index;
    return packet;
}

const struct stream_packet *
stream_sender_behind(const struct stream_sender *sender,
                     struct stream_receiver *const layers[STREAM_LAYERS_MAX], uint64_t *cursor)
{
    uint64_t first, newest;
    if (sender->current == NO_LAYER || layers[sender->current] == NULL ||
        !stream_receiver_span(layers[sender->current], sender->run.ssrc, &first, &newest)) {
        return NULL;
    }
    const struct stream_packet *packet = kept(sender, layers, cursor);
    for (uint64_t seq = sender->run.head + 1; packet == NULL && seq <= newest; seq++) {
        packet = stream_receiver_find(layers[sender->current], seq);
    }
    return packet;
}
