/* SPDX-License-Identifier: Apache-2.0 */
#include "media-node/core/rtp/rtcp.h"
#include "media-node/core/rtp/twcc.h"

static unsigned chunk_count(unsigned chunk)
{
    if (chunk < TWCC_VECTOR_1BIT) {
        return chunk & TWCC_RUN_MAX;
    }
    return chunk < TWCC_VECTOR_2BIT ? TWCC_1BIT_COUNT : TWCC_2BIT_COUNT;
}

/* The symbol of status i < chunk_count(chunk). */
static enum twcc_symbol chunk_symbol(unsigned chunk, unsigned i)
{
    if (chunk < TWCC_VECTOR_1BIT) {
        return (enum twcc_symbol)(chunk >> 13);
    }
    if (chunk < TWCC_VECTOR_2BIT) {
        return (enum twcc_symbol)(chunk >> (TWCC_1BIT_COUNT - 1 - i) & 1);
    }
    return (enum twcc_symbol)(chunk >> (2 * (TWCC_2BIT_COUNT - 1 - i)) & 3);
}

static size_t delta_len(enum twcc_symbol symbol)
{
    return symbol == TWCC_SMALL ? 1 : symbol == TWCC_LARGE ? 2 : 0;
}

/* Walks all chunks for the given number of statuses; adds up what their deltas take. */
static int measure(struct bytes rest, size_t statuses, size_t *chunks_len, size_t *deltas_len)
{
    size_t at = 0;
    size_t deltas = 0;
    while (statuses > 0) {
        if (rest.len - at < TWCC_CHUNK_LEN) {
            return ERR_TRUNCATED;
        }
        unsigned chunk = be16_get(rest.data + at);
        unsigned count = (unsigned)MIN(chunk_count(chunk), statuses);
        bool run = chunk < TWCC_VECTOR_1BIT;
        for (unsigned i = 0; i < (run ? 1 : count); i++) {
            enum twcc_symbol symbol = chunk_symbol(chunk, i);
            if (symbol == TWCC_RESERVED) {
                return ERR_INVALID;
            }
            deltas += delta_len(symbol) * (run ? count : 1);
        }
        statuses -= count;
        at += TWCC_CHUNK_LEN;
    }
    if (deltas > rest.len - at) {
        return ERR_TRUNCATED;
    }
    *chunks_len = at;
    *deltas_len = deltas;
    return 0;
}

int rtcp_read_twcc(const struct rtcp_packet *packet, struct rtcp_twcc *out)
{
    assert(rtcp_is(packet, RTCP_RTPFB, RTCP_TWCC));
    const uint8_t *body = packet->body.data;
    if (packet->body.len < TWCC_CHUNKS_AT) {
        return ERR_TRUNCATED;
    }
    uint16_t count = be16_get(body + TWCC_COUNT_AT);
    struct bytes rest = {body + TWCC_CHUNKS_AT, packet->body.len - TWCC_CHUNKS_AT};
    size_t chunks_len;
    size_t deltas_len;
    int err = measure(rest, count, &chunks_len, &deltas_len);
    if (err != 0) {
        return err;
    }
    int32_t reference = (int32_t)(be24_get(body + TWCC_REFERENCE_AT) ^ 0x800000) - 0x800000;
    *out = (struct rtcp_twcc){
        .chunks = {rest.data, chunks_len},
        .deltas = {rest.data + chunks_len, deltas_len},
        .base_seq = be16_get(body + TWCC_BASE_AT),
        .count = count,
        .feedback_count = body[TWCC_FEEDBACK_AT],
        .reference_us = (int64_t)reference * TWCC_REFERENCE_US,
    };
    return 0;
}

struct rtcp_twcc_iter rtcp_twcc_begin(const struct rtcp_twcc *twcc)
{
    return (struct rtcp_twcc_iter){
        .chunks = twcc->chunks,
        .deltas = twcc->deltas,
        .time_us = twcc->reference_us,
        .seq = twcc->base_seq,
        .left = twcc->count,
    };
}

static void take(struct bytes *rest, size_t len)
{
    assert(len <= rest->len); /* rtcp_read_twcc measured */
    rest->data += len;
    rest->len -= len;
}

bool rtcp_twcc_next(struct rtcp_twcc_iter *iter, struct rtcp_twcc_status *out)
{
    if (iter->left == 0) {
        return false;
    }
    while (iter->chunk_used == chunk_count(iter->chunk)) { /* at the start 0 of 0 */
        const uint8_t *chunk = iter->chunks.data;
        take(&iter->chunks, TWCC_CHUNK_LEN);
        iter->chunk = be16_get(chunk);
        iter->chunk_used = 0;
    }
    enum twcc_symbol symbol = chunk_symbol(iter->chunk, iter->chunk_used++);
    const uint8_t *delta = iter->deltas.data;
    take(&iter->deltas, delta_len(symbol));
    if (symbol == TWCC_SMALL) {
        iter->time_us += (int64_t)delta[0] * TWCC_TICK_US;
    } else if (symbol == TWCC_LARGE) {
        iter->time_us += (int64_t)(int16_t)be16_get(delta) * TWCC_TICK_US;
    }
    *out = (struct rtcp_twcc_status){
        .seq = iter->seq++,
        .received = symbol != TWCC_NOT_RECEIVED,
        .arrival_us = symbol != TWCC_NOT_RECEIVED ? iter->time_us : 0,
    };
    iter->left--;
    return true;
}

/* Statuses left of the run being read, if it is one of packets that did not arrive. */
static unsigned lost_run(const struct rtcp_twcc_iter *iter)
{
    bool run = iter->chunk < TWCC_VECTOR_1BIT && chunk_symbol(iter->chunk, 0) == TWCC_NOT_RECEIVED;
    return run ? MIN(chunk_count(iter->chunk) - iter->chunk_used, iter->left) : 0;
}

void rtcp_twcc_skip(struct rtcp_twcc_iter *iter, unsigned statuses)
{
    struct rtcp_twcc_status status;
    while (statuses > 0 && iter->left > 0) {
        unsigned run = MIN(lost_run(iter), statuses);
        if (run == 0) {
            (void)rtcp_twcc_next(iter, &status);
            run = 1;
        } else {
            iter->chunk_used = (uint16_t)(iter->chunk_used + run);
            iter->seq = (uint16_t)(iter->seq + run);
            iter->left = (uint16_t)(iter->left - run);
        }
        statuses -= run;
    }
}
