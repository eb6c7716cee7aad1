/* SPDX-License-Identifier: Apache-2.0
 *
 * RFC 3550 appendix A.1 without its probation: packets are authenticated before they come here. A
 * jump that loss cannot explain is believed when a second packet continues it.
 */
#include "media-node/core/stream/receiver_parts.h"

#define JUMP_MAX  3000 /* numbers lost at a time; more is a restart (MAX_DROPOUT of RFC 3550) */
#define START_MAX 16   /* numbers before the first one seen that may still come late */
#define CYCLE     65536u

static bool seen(const struct stream_sequence *sequence, uint64_t ext)
{
    uint64_t bit = ext % SEQUENCE_WINDOW;
    return (sequence->seen[bit / 64] >> (bit % 64) & 1) != 0;
}

static void mark(struct stream_sequence *sequence, uint64_t ext, bool value)
{
    uint64_t bit = ext % SEQUENCE_WINDOW;
    uint64_t mask = (uint64_t)1 << (bit % 64);
    if (value) {
        sequence->seen[bit / 64] |= mask;
    } else {
        sequence->seen[bit / 64] &= ~mask;
    }
}

static void begin(struct stream_sequence *sequence, uint64_t ext)
{
    memset(sequence->seen, 0, sizeof(sequence->seen));
    sequence->base = ext;
    sequence->highest = ext;
    mark(sequence, ext, true);
}

static void advance(struct stream_sequence *sequence, uint64_t ext)
{
    assert(ext - sequence->highest <= JUMP_MAX);
    if (ext - sequence->highest >= SEQUENCE_WINDOW) {
        memset(sequence->seen, 0, sizeof(sequence->seen));
    } else {
        for (uint64_t i = sequence->highest + 1; i < ext; i++) {
            mark(sequence, i, false);
        }
    }
    sequence->highest = ext;
    mark(sequence, ext, true);
}

static enum stream_verdict place_behind(struct stream_sequence *sequence, uint64_t behind,
                                        uint64_t *ext)
{
    uint64_t at = sequence->highest - behind;
    if (behind >= SEQUENCE_WINDOW || at + START_MAX < sequence->base) {
        return SEQUENCE_OLD;
    }
    if (seen(sequence, at)) {
        return SEQUENCE_DUPLICATE;
    }
    mark(sequence, at, true);
    sequence->base = MIN(sequence->base, at);
    *ext = at;
    return SEQUENCE_LATE;
}

enum stream_verdict stream_sequence_restart(struct stream_sequence *sequence, uint16_t number,
                                            uint64_t *ext)
{
    assert(sequence->started);
    sequence->suspicious = false;
    sequence->expected_before += sequence->highest - sequence->base + 1;
    /* Two cycles on: so far above all earlier numbers that nobody takes it for loss. */
    begin(sequence, (sequence->highest / CYCLE + 2) * CYCLE + number);
    *ext = sequence->highest;
    return SEQUENCE_RESTART;
}

static enum stream_verdict suspect(struct stream_sequence *sequence, uint16_t number, uint64_t *ext)
{
    if (!sequence->suspicious || sequence->suspect_next != number) {
        sequence->suspicious = true;
        sequence->suspect_next = (uint16_t)(number + 1);
        return SEQUENCE_SUSPECT;
    }
    return stream_sequence_restart(sequence, number, ext);
}

enum stream_verdict stream_sequence_add(struct stream_sequence *sequence, uint16_t number,
                                        uint64_t *ext)
{
    if (!sequence->started) {
        sequence->started = true;
        begin(sequence, SEQUENCE_START + number);
        *ext = sequence->highest;
        return SEQUENCE_NEXT;
    }
    int diff = seq_diff(number, (uint16_t)sequence->highest);
    if (diff > JUMP_MAX || diff <= -(JUMP_MAX)) {
        return suspect(sequence, number, ext);
    }
    if (diff <= 0) {
        return place_behind(sequence, (uint64_t)-diff, ext);
    }
    sequence->suspicious = false;
    advance(sequence, sequence->highest + (uint64_t)diff);
    *ext = sequence->highest;
    return SEQUENCE_NEXT;
}

enum stream_verdict stream_sequence_repair(struct stream_sequence *sequence, uint16_t number,
                                           uint64_t *ext)
{
    int diff = seq_diff(number, (uint16_t)sequence->highest);
    if (!sequence->started || diff > 0) {
        return SEQUENCE_OLD;
    }
    return place_behind(sequence, (uint64_t)-diff, ext);
}

uint64_t stream_sequence_expected(const struct stream_sequence *sequence)
{
    if (!sequence->started) {
        return 0;
    }
    return sequence->expected_before + (sequence->highest - sequence->base + 1);
}
