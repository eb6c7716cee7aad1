/* SPDX-License-Identifier: Apache-2.0
 *
 * Which packet indices of an outgoing stream were used. An index is the rollover counter and the
 * sequence number, 48 bits (RFC 3711 §3.3.1). Ahead of the newest all are new; behind it a ring of
 * bits knows, RTPSEC_SEND_WINDOW back; beyond that nothing is sent.
 */
#include "media-node/core/srtp/private.h"

#define INDEX_MAX ((UINT64_C(1) << 48) - 1)

void rtpsec_stream_init(struct rtpsec_stream *stream, uint32_t ssrc)
{
    *stream = (struct rtpsec_stream){.ssrc = ssrc};
}

void rtpsec_stream_resume(struct rtpsec_stream *stream, uint32_t ssrc, uint32_t roc, uint16_t seq)
{
    *stream = (struct rtpsec_stream){.ssrc = ssrc, .roc = roc, .seq_max = seq, .started = true};
    memset(stream->used, 0xff, sizeof(stream->used));
}

static uint64_t *word_of(struct rtpsec_stream *stream, uint64_t index)
{
    return &stream->used[index % RTPSEC_SEND_WINDOW / 64];
}

static uint64_t bit_of(uint64_t index)
{
    return UINT64_C(1) << index % 64;
}

void rtpsec_stream_spare(struct rtpsec_stream *stream, uint64_t index)
{
    uint64_t newest = rtpsec_stream_newest(stream);
    if (index <= newest && newest - index < RTPSEC_SEND_WINDOW) {
        *word_of(stream, index) &= ~bit_of(index);
    }
}

/* Moves the window forward, so that index is its newest. */
static void advance(struct rtpsec_stream *stream, uint64_t newest, uint64_t index)
{
    if (!stream->started || index - newest >= RTPSEC_SEND_WINDOW) {
        memset(stream->used, 0, sizeof(stream->used));
    } else {
        for (uint64_t i = newest + 1; i <= index; i++) {
            *word_of(stream, i) &= ~bit_of(i);
        }
    }
    stream->roc = (uint32_t)(index >> 16);
    stream->seq_max = (uint16_t)index;
}

int rtpsec_stream_take_at(struct rtpsec_stream *stream, uint64_t index, bool again)
{
    if (index > INDEX_MAX) {
        return ERR_STATE;
    }
    uint64_t newest = (uint64_t)stream->roc << 16 | stream->seq_max;
    if (!stream->started || index > newest) {
        if (again) {
            return ERR_STALE;
        }
        advance(stream, newest, index);
        stream->started = true;
    } else if (newest - index >= RTPSEC_SEND_WINDOW) {
        return ERR_STALE;
    } else {
        bool used = (*word_of(stream, index) & bit_of(index)) != 0;
        if (used != again) {
            return used ? ERR_REPLAY : ERR_STALE;
        }
    }
    *word_of(stream, index) |= bit_of(index);
    return 0;
}

bool rtpsec_stream_used(const struct rtpsec_stream *stream, uint64_t index)
{
    uint64_t newest = (uint64_t)stream->roc << 16 | stream->seq_max;
    return stream->started && index <= newest && newest - index < RTPSEC_SEND_WINDOW &&
           (stream->used[index % RTPSEC_SEND_WINDOW / 64] & bit_of(index)) != 0;
}

int rtpsec_stream_take(struct rtpsec_stream *stream, uint16_t seq, bool again, uint64_t *out)
{
    uint64_t index = seq;
    if (stream->started) {
        uint64_t newest = (uint64_t)stream->roc << 16 | stream->seq_max;
        int distance = seq_diff(seq, stream->seq_max);
        if (distance < 0 && (uint64_t)-distance > newest) {
            return ERR_STALE;
        }
        index = newest + (uint64_t)(int64_t)distance;
    }
    int err = rtpsec_stream_take_at(stream, index, again);
    if (err == 0) {
        *out = index;
    }
    return err;
}
