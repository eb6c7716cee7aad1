/* SPDX-License-Identifier: Apache-2.0
 *
 * Statuses are turned into chunks from front to back. At each point three chunks are tried, and the
 * one that covers most statuses is taken: a run, a vector of 14 that may hold no large delta, a
 * vector of
 * 7. A vector may be cut short only by the end of the report, for its other symbols would be read.
 * The report ends with the arrivals, or before a delta that 16 bits cannot hold, or when the buffer
 * is full.
 */
#include "media-node/core/rtp/rtcp.h"
#include "media-node/core/rtp/rtcp_append.h"
#include "media-node/core/rtp/twcc.h"

#define SYMBOL_END TWCC_RESERVED

/* A place in the arrivals; copied to look ahead. */
struct walk {
    const struct rtcp_arrivals *arrivals;
    size_t at;
    int64_t ticks; /* of the last received packet */
    size_t room;   /* bytes left for chunks and deltas */
};

static int64_t floor_div(int64_t a, int64_t b)
{
    return a / b - (a % b < 0);
}

static enum twcc_symbol step(struct walk *walk, int64_t *delta)
{
    if (walk->at == walk->arrivals->count) {
        return SYMBOL_END;
    }
    int64_t arrival_us = walk->arrivals->arrival_us[walk->at];
    if (arrival_us == RTCP_NOT_RECEIVED) {
        walk->at++;
        return TWCC_NOT_RECEIVED;
    }
    int64_t ticks = floor_div(arrival_us, TWCC_TICK_US);
    int64_t d = ticks - walk->ticks;
    bool small = d >= 0 && d <= UINT8_MAX;
    size_t len = small ? 1 : 2;
    if (d < INT16_MIN || d > INT16_MAX || walk->room < len) {
        return SYMBOL_END;
    }
    walk->at++;
    walk->ticks = ticks;
    walk->room -= len;
    *delta = d;
    return small ? TWCC_SMALL : TWCC_LARGE;
}

/* Each of the three advances walk past what its chunk covers, and returns that chunk. A walk that
 * did not advance: no such chunk. */
static unsigned try_run(struct walk *walk)
{
    int64_t delta;
    struct walk ahead = *walk;
    enum twcc_symbol first = step(&ahead, &delta);
    unsigned count = 0;
    for (enum twcc_symbol s = first; s == first && s != SYMBOL_END && count < TWCC_RUN_MAX;
         s = step(&ahead, &delta)) {
        *walk = ahead;
        count++;
    }
    return (unsigned)first << 13 | count;
}

static unsigned try_vector_1bit(struct walk *walk)
{
    int64_t delta;
    struct walk ahead = *walk;
    unsigned chunk = TWCC_VECTOR_1BIT;
    for (int shift = TWCC_1BIT_COUNT - 1; shift >= 0; shift--) {
        enum twcc_symbol s = step(&ahead, &delta);
        if (s == SYMBOL_END) {
            break;
        }
        if (s == TWCC_LARGE) {
            return chunk;
        }
        chunk |= (unsigned)s << shift;
    }
    *walk = ahead;
    return chunk;
}

static unsigned try_vector_2bit(struct walk *walk)
{
    int64_t delta;
    unsigned chunk = TWCC_VECTOR_2BIT;
    for (int i = TWCC_2BIT_COUNT - 1; i >= 0; i--) {
        enum twcc_symbol s = step(walk, &delta);
        if (s == SYMBOL_END) {
            break;
        }
        chunk |= (unsigned)s << 2 * i;
    }
    return chunk;
}

/* Advances walk by the best chunk; false at the end of the report. */
static bool next_chunk(struct walk *walk, uint8_t *out)
{
    if (walk->room < TWCC_CHUNK_LEN) {
        return false;
    }
    unsigned (*const tries[])(struct walk *) = {try_run, try_vector_1bit, try_vector_2bit};
    struct walk start = *walk;
    unsigned chunk = 0;
    start.room -= TWCC_CHUNK_LEN;
    for (size_t i = 0; i < ARRAY_LEN(tries); i++) {
        struct walk tried = start;
        unsigned tried_chunk = tries[i](&tried);
        if (tried.at > walk->at) {
            *walk = tried;
            chunk = tried_chunk;
        }
    }
    be16_put(out, (uint16_t)chunk);
    return walk->at > start.at;
}

static uint8_t *put_deltas(struct walk walk, size_t end, uint8_t *p)
{
    walk.room = SIZE_MAX;
    while (walk.at < end) {
        int64_t delta = 0;
        enum twcc_symbol s = step(&walk, &delta);
        if (s == TWCC_SMALL) {
            *p++ = (uint8_t)delta;
        } else if (s == TWCC_LARGE) {
            be16_put(p, (uint16_t)delta);
            p += 2;
        }
    }
    return p;
}

static int64_t first_arrival(const struct rtcp_arrivals *arrivals)
{
    for (size_t i = 0; i < arrivals->count; i++) {
        if (arrivals->arrival_us[i] != RTCP_NOT_RECEIVED) {
            return arrivals->arrival_us[i];
        }
    }
    unreachable(); /* there is nothing to report */
}

int rtcp_write_twcc(struct rtcp_writer *writer, struct rtcp_feedback about,
                    const struct rtcp_arrivals *arrivals, size_t *covered)
{
    assert(arrivals->count <= UINT16_MAX);
    size_t fixed = 4 + TWCC_CHUNKS_AT;
    size_t room = (writer->cap - writer->len) & ~(size_t)3;
    if (room < fixed + 4) {
        return ERR_FULL;
    }
    int64_t reference = floor_div(first_arrival(arrivals), TWCC_REFERENCE_US);
    struct walk start = {
        .arrivals = arrivals,
        .ticks = reference * (TWCC_REFERENCE_US / TWCC_TICK_US),
        .room = room - fixed,
    };
    /* The length is known at the end, so the header is written last, around what stands there. */
    uint8_t *chunks = writer->data + writer->len + fixed;
    uint8_t *p = chunks;
    struct walk walk = start;
    while (next_chunk(&walk, p)) {
        p += TWCC_CHUNK_LEN;
    }
    if (walk.at == 0) {
        return ERR_FULL;
    }
    p = put_deltas(start, walk.at, p);
    size_t body = (TWCC_CHUNKS_AT + (size_t)(p - chunks) + 3) & ~(size_t)3;
    memset(p, 0, (size_t)(chunks - TWCC_CHUNKS_AT + body - p));

    uint8_t *head = rtcp_append_header(writer, RTCP_RTPFB, RTCP_TWCC, body);
    be32_put(head, about.sender_ssrc);
    be32_put(head + 4, about.media_ssrc);
    be16_put(head + TWCC_BASE_AT, arrivals->base_seq);
    be16_put(head + TWCC_COUNT_AT, (uint16_t)walk.at);
    be24_put(head + TWCC_REFERENCE_AT, (uint32_t)reference & 0xffffff);
    head[TWCC_FEEDBACK_AT] = arrivals->feedback_count;
    *covered = walk.at;
    return 0;
}
