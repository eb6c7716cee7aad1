/* SPDX-License-Identifier: Apache-2.0
 *
 * The life of a missing number: it waits NACK_REORDER_US, is asked for, is asked for again each
 * round trip (and the same allowance on top), and is given up after NACK_TRIES_MAX requests. Who
 * is near may be without it because it waits for it itself, from across an ocean: after
 * NACK_QUICK_TRIES requests it is given more time. A number leaves the list when it arrives or when
 * a key frame makes it worthless. A list that would overflow is emptied: then only a key frame
 * helps.
 */
#include "media-node/core/stream/receiver_parts.h"

#include <stdlib.h>

#define RTT_DEFAULT_US TIME_MS(100)

void stream_nack_init(struct stream_nack *nack)
{
    *nack = (struct stream_nack){.due_us = TIME_NEVER, .rtt_us = RTT_DEFAULT_US};
}

void stream_nack_fini(struct stream_nack *nack)
{
    free(nack->entries);
}

void stream_nack_trim(struct stream_nack *nack)
{
    if (nack->count == 0) {
        free(nack->entries);
        nack->entries = NULL;
    }
}

bool stream_nack_missing(struct stream_nack *nack, int64_t now_us, uint64_t first, uint64_t count)
{
    assert(nack->count == 0 || nack->entries[nack->count - 1].seq < first);
    if (count > NACK_LIST_MAX - nack->count) {
        nack->given_up += nack->count + count;
        nack->count = 0;
        nack->due_us = TIME_NEVER;
        return false;
    }
    if (nack->entries == NULL) {
        nack->entries = mem_array(NACK_LIST_MAX, sizeof(*nack->entries));
    }
    int64_t due_us = now_us + NACK_REORDER_US;
    for (uint64_t i = 0; i < count; i++) {
        nack->entries[nack->count++] =
            (struct stream_nack_entry){.seq = first + i, .due_us = due_us};
    }
    if (count > 0) {
        nack->due_us = MIN(nack->due_us, due_us);
    }
    return true;
}

/* Index of the first entry not below seq. */
static size_t lower_bound(const struct stream_nack *nack, uint64_t seq)
{
    size_t low = 0;
    size_t high = nack->count;
    while (low < high) {
        size_t middle = (low + high) / 2;
        if (nack->entries[middle].seq < seq) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low;
}

static void cut(struct stream_nack *nack, size_t at, size_t count)
{
    size_t behind = nack->count - at - count;
    memmove(nack->entries + at, nack->entries + at + count, behind * sizeof(*nack->entries));
    nack->count -= count;
    if (nack->count == 0) {
        nack->due_us = TIME_NEVER;
    }
}

void stream_nack_arrived(struct stream_nack *nack, uint64_t seq)
{
    size_t at = lower_bound(nack, seq);
    if (at < nack->count && nack->entries[at].seq == seq) {
        cut(nack, at, 1);
    }
}

void stream_nack_forget(struct stream_nack *nack, uint64_t seq)
{
    size_t count = lower_bound(nack, seq);
    if (count > 0) {
        cut(nack, 0, count);
    }
}

static int64_t pause_us(const struct stream_nack *nack, unsigned tries)
{
    int64_t us = nack->rtt_us + NACK_REORDER_US;
    return tries < NACK_QUICK_TRIES ? us : MAX(us, NACK_PATIENCE_US);
}

size_t stream_nack_collect(struct stream_nack *nack, int64_t now_us, uint16_t *out, bool *gave_up)
{
    if (now_us < nack->due_us) {
        return 0;
    }
    size_t kept = 0;
    size_t collected = 0;
    int64_t due_us = TIME_NEVER;
    for (size_t i = 0; i < nack->count; i++) {
        struct stream_nack_entry entry = nack->entries[i];
        if (entry.due_us <= now_us && entry.tries == NACK_TRIES_MAX) {
            nack->given_up++;
            *gave_up = true;
            continue;
        }
        if (entry.due_us <= now_us && collected < STREAM_NACK_MAX) {
            nack->asked += entry.tries == 0;
            entry.tries++;
            entry.due_us = now_us + pause_us(nack, entry.tries);
            out[collected++] = (uint16_t)entry.seq;
        }
        due_us = MIN(due_us, entry.due_us);
        nack->entries[kept++] = entry;
    }
    nack->count = kept;
    nack->due_us = due_us;
    return collected;
}
