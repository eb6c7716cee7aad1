/* SPDX-License-Identifier: Apache-2.0
 *
 * A ring of what was sent, by transport-wide number. It grows while it would have to forget a
 * packet whose feedback may still come, and starts small again after an idle time.
 */
#include "media-node/core/bwe/parts.h"

#include <stdlib.h>

#define CYCLE 65536u

static struct slot *slot_at(struct history *history, uint64_t number)
{
    return &history->slots[number & (history->size - 1)];
}

void history_clear(struct history *history)
{
    free(history->slots);
    *history = (struct history){0};
}

static void grow(struct history *history)
{
    struct history grown = *history;
    grown.size = history->size * 2;
    grown.slots = mem_array(grown.size, sizeof(*grown.slots));
    for (uint64_t i = history->first; i < history->next; i++) {
        *slot_at(&grown, i) = *slot_at(history, i);
    }
    free(history->slots);
    *history = grown;
}

static void start(struct history *history, uint64_t number)
{
    if (history->slots == NULL) {
        history->size = HISTORY_MIN;
        history->slots = mem_array(history->size, sizeof(*history->slots));
    }
    history->first = number;
    history->next = number;
}

/* Takes the next number as never sent. */
static struct slot *append(struct history *history)
{
    if (history->next - history->first == history->size) {
        history->first++;
    }
    struct slot *slot = slot_at(history, history->next++);
    *slot = (struct slot){.state = SLOT_VOID};
    return slot;
}

void history_add(struct history *history, int64_t now_us, const struct bwe_packet *packet)
{
    if (history->slots == NULL) {
        start(history, CYCLE + packet->seq); /* room for numbers behind the first */
    }
    uint16_t gap = (uint16_t)(packet->seq - history->next);
    assert(gap < CYCLE / 2); /* numbers rise */
    if (gap >= history->size) {
        start(history, history->next + gap);
        gap = 0;
    }
    for (; gap > 0; gap--) {
        (void)append(history);
    }
    if (history->next - history->first == history->size && history->size < HISTORY_MAX) {
        uint32_t age_us = (uint32_t)now_us - slot_at(history, history->first)->sent_us;
        if (age_us < HISTORY_US) {
            grow(history);
        }
    }
    *append(history) = (struct slot){
        .sent_us = (uint32_t)now_us,
        .size = packet->size,
        .probe = packet->probe,
        .state = SLOT_SENT,
        .untaken = packet->untaken,
    };
}

uint64_t history_number(const struct history *history, uint16_t seq)
{
    uint64_t last = history->next - 1;
    return history->next == 0 ? seq : last - (uint16_t)(last - seq);
}

struct slot *history_find(struct history *history, uint64_t number)
{
    if (history->slots == NULL || number >= history->next || number < history->first) {
        return NULL;
    }
    struct slot *slot = slot_at(history, number);
    return slot->state == SLOT_VOID ? NULL : slot;
}
