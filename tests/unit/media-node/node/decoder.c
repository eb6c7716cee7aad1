/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/media-node/node/decoder.h"

#define NACK_US     TIME_MS(100) /* libwebrtc's round trip where nothing tells it */
#define NACK_TRIES  10
#define PATIENCE_US TIME_S(3)
#define DELAYS_MIN  5
#define FREEZE_US   TIME_MS(150) /* over the mean, and */
#define FREEZE_MEAN 3            /* so many times that */

static struct decoder_packet *packet_at(struct decoder *decoder, uint64_t seq)
{
    struct decoder_packet *packet = &decoder->packets[seq % DECODER_PACKETS];
    return packet->here && packet->seq == seq ? packet : NULL;
}

/* ---- What is missing ------------------------------------------------------------------------- */

static void note_missing(struct decoder *decoder, uint64_t from, uint64_t until)
{
    for (uint64_t seq = from; seq < until; seq++) {
        decoder->missing[seq % DECODER_PACKETS] = (struct decoder_missing){.wanted = true};
    }
}

size_t decoder_missing(struct decoder *decoder, int64_t now_us, uint16_t *seqs, size_t max)
{
    size_t count = 0;
    uint64_t first = decoder->newest < DECODER_PACKETS ? 0 : decoder->newest - DECODER_PACKETS + 1;
    for (uint64_t seq = MAX(decoder->done, first); seq < decoder->newest && count < max; seq++) {
        struct decoder_missing *missing = &decoder->missing[seq % DECODER_PACKETS];
        if (missing->wanted && missing->tries < NACK_TRIES &&
            (missing->tries == 0 || now_us - missing->asked_us >= NACK_US)) {
            missing->tries++;
            missing->asked_us = now_us;
            seqs[count++] = (uint16_t)seq;
        }
    }
    return count;
}

bool decoder_asks(struct decoder *decoder, int64_t now_us)
{
    bool asks = decoder->shown_us != 0 && now_us - decoder->shown_us >= PATIENCE_US &&
                now_us - decoder->asked_us >= PATIENCE_US;
    decoder->asked_us = asks ? now_us : decoder->asked_us;
    return asks;
}

/* ---- Frames ---------------------------------------------------------------------------------- */

static bool is_freeze(const struct decoder *decoder, int64_t gap_us)
{
    unsigned count = MIN(decoder->delays, (unsigned)DECODER_DELAYS);
    int64_t sum_us = 0;
    for (unsigned i = 0; i < count; i++) {
        sum_us += decoder->delay_us[i];
    }
    int64_t mean_us = count > 0 ? sum_us / count : 0;
    return count >= DELAYS_MIN && gap_us >= MAX(FREEZE_MEAN * mean_us, mean_us + FREEZE_US);
}

static void show(struct decoder *decoder, int64_t now_us)
{
    int64_t gap_us = now_us - decoder->shown_us;
    if (decoder->shown_us != 0) {
        if (is_freeze(decoder, gap_us)) {
            decoder->frozen_us += gap_us;
        } else {
            decoder->delay_us[decoder->delays++ % DECODER_DELAYS] = gap_us;
        }
    }
    decoder->shown_us = now_us;
    decoder->shown++;
}

int64_t decoder_frozen_us(const struct decoder *decoder, int64_t now_us)
{
    int64_t gap_us = now_us - decoder->shown_us;
    return decoder->frozen_us + (is_freeze(decoder, gap_us) ? gap_us : 0);
}

/* A frame of the lowest rate refers to the one before it, others to the last frame below them. */
static bool decodable(const struct decoder *decoder, const struct rtp_vp8 *vp8)
{
    if (vp8->key || decoder->waits) {
        return vp8->key;
    }
    if (vp8->temporal == 0) {
        return vp8->tl0 == (uint8_t)(decoder->tl0 + 1);
    }
    bool next = vp8->picture_id == (uint16_t)((decoder->picture + 1) & 0x7fff);
    return vp8->tl0 == decoder->tl0 && (vp8->temporal == 1 || next);
}

/* The number behind the frame that begins there; 0 if not all of it is here. */
static uint64_t end_of(struct decoder *decoder, uint64_t seq)
{
    uint32_t ts = packet_at(decoder, seq)->ts;
    for (struct decoder_packet *packet; (packet = packet_at(decoder, seq)) != NULL; seq++) {
        if (packet->ts != ts) {
            return 0;
        }
        if (packet->marker) {
            return seq + 1;
        }
    }
    return 0;
}

static void decode(struct decoder *decoder, int64_t now_us)
{
    for (uint64_t seq = decoder->done; seq <= decoder->newest; seq++) {
        struct decoder_packet *first = packet_at(decoder, seq);
        uint64_t end = first != NULL && first->start ? end_of(decoder, seq) : 0;
        if (end != 0 && decodable(decoder, &first->vp8)) {
            decoder->waits = false;
            decoder->tl0 = first->vp8.tl0;
            decoder->picture = first->vp8.picture_id;
            decoder->done = end;
            show(decoder, now_us);
            seq = end - 1;
        }
    }
}

void decoder_add(struct decoder *decoder, int64_t now_us, const struct rtp_view *view)
{
    if (!decoder->started) {
        decoder->started = true;
        decoder->waits = true;
        decoder->newest = decoder->done = UINT16_MAX + 1u + view->seq;
    }
    uint64_t seq = decoder->newest + (uint64_t)(int64_t)(int16_t)(view->seq - decoder->newest);
    if (seq > decoder->newest) {
        note_missing(decoder, decoder->newest + 1, seq);
        decoder->newest = seq;
    }
    if (decoder->shown == 0) { /* what came first need not be what was sent first */
        decoder->done = MIN(decoder->done, seq);
    }
    struct rtp_vp8 vp8 = {0};
    decoder->missing[seq % DECODER_PACKETS].wanted = false;
    if (seq < decoder->done || view->payload.len == 0) {
        return;
    }
    bool read = rtp_vp8_parse(&vp8, view->payload) == 0;
    assert(read);
    decoder->packets[seq % DECODER_PACKETS] = (struct decoder_packet){.here = true,
                                                                      .start = vp8.start,
                                                                      .marker = view->marker,
                                                                      .ts = view->ts,
                                                                      .seq = seq,
                                                                      .vp8 = vp8};
    decode(decoder, now_us);
}
