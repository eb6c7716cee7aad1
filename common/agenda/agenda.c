/* SPDX-License-Identifier: Apache-2.0 */
#include "common/agenda/agenda.h"

#include <stdlib.h>

#define CAPACITY_FIRST 16

/* heap[0] is unused, so that the parent of place p is p / 2. */
static void put(struct agenda *agenda, size_t place, struct agenda_entry *entry)
{
    agenda->heap[place] = entry;
    entry->place = place;
}

static void sift_up(struct agenda *agenda, struct agenda_entry *entry)
{
    size_t place = entry->place;
    while (place > 1 && agenda->heap[place / 2]->at_us > entry->at_us) {
        put(agenda, place, agenda->heap[place / 2]);
        place /= 2;
    }
    put(agenda, place, entry);
}

static void sift_down(struct agenda *agenda, struct agenda_entry *entry)
{
    size_t place = entry->place;
    for (;;) {
        size_t child = place * 2;
        if (child > agenda->count) {
            break;
        }
        if (child < agenda->count && agenda->heap[child + 1]->at_us < agenda->heap[child]->at_us) {
            child++;
        }
        if (agenda->heap[child]->at_us >= entry->at_us) {
            break;
        }
        put(agenda, place, agenda->heap[child]);
        place = child;
    }
    put(agenda, place, entry);
}

static void take_off(struct agenda *agenda, struct agenda_entry *entry)
{
    struct agenda_entry *last = agenda->heap[agenda->count];
    size_t place = entry->place;
    agenda->count--;
    entry->place = 0;
    if (last != entry) {
        put(agenda, place, last);
        sift_up(agenda, last);
        sift_down(agenda, last);
    }
}

static void add(struct agenda *agenda, struct agenda_entry *entry)
{
    if (agenda->count + 1 >= agenda->capacity) {
        agenda->capacity = agenda->capacity == 0 ? CAPACITY_FIRST : agenda->capacity * 2;
        agenda->heap = mem_grow(agenda->heap, agenda->capacity, sizeof(struct agenda_entry *));
    }
    agenda->count++;
    put(agenda, agenda->count, entry);
    sift_up(agenda, entry);
}

void agenda_set(struct agenda *agenda, struct agenda_entry *entry, int64_t at_us)
{
    bool on = entry->place != 0;
    assert(!on || agenda->heap[entry->place] == entry);
    if (on && entry->at_us == at_us) {
        return;
    }
    entry->at_us = at_us;
    if (at_us == TIME_NEVER) {
        if (on) {
            take_off(agenda, entry);
        }
    } else if (on) {
        sift_up(agenda, entry);
        sift_down(agenda, entry);
    } else {
        add(agenda, entry);
    }
}

struct agenda_entry *agenda_due(const struct agenda *agenda, int64_t now_us)
{
    return agenda_deadline(agenda) <= now_us ? agenda->heap[1] : NULL;
}

int64_t agenda_deadline(const struct agenda *agenda)
{
    return agenda->count == 0 ? TIME_NEVER : agenda->heap[1]->at_us;
}

void agenda_fini(struct agenda *agenda)
{
    free(agenda->heap);
    *agenda = (struct agenda){0};
}
