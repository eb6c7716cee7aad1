/* SPDX-License-Identifier: Apache-2.0 */
#include "common/agenda/agenda.h"

#include <stdlib.h>

#define CAPACITY_FIRST 16

/* heap[0] is unused, so that the parent of place p is p / 2. */
static void put(struct agenda *agenda, size_t place, struct agenda_item item)
{
    agenda->heap[place] = item;
    item.entry->place = place;
}

/* These two put the item where it belongs, if that is at this place, or above or below it. */
static size_t sift_up(struct agenda *agenda, size_t place, struct agenda_item item)
{
    while (place > 1 && agenda->heap[place / 2].at_us > item.at_us) {
        put(agenda, place, agenda->heap[place / 2]);
        place /= 2;
    }
    put(agenda, place, item);
    return place;
}

static void sift_down(struct agenda *agenda, size_t place, struct agenda_item item)
{
    for (;;) {
        size_t child = place * 2;
        if (child > agenda->count) {
            break;
        }
        if (child < agenda->count && agenda->heap[child + 1].at_us < agenda->heap[child].at_us) {
            child++;
        }
        if (agenda->heap[child].at_us >= item.at_us) {
            break;
        }
        put(agenda, place, agenda->heap[child]);
        place = child;
    }
    put(agenda, place, item);
}

static void sift(struct agenda *agenda, size_t place, struct agenda_item item)
{
    place = sift_up(agenda, place, item);
    sift_down(agenda, place, item);
}

static void take_off(struct agenda *agenda, struct agenda_entry *entry)
{
    struct agenda_item last = agenda->heap[agenda->count];
    size_t place = entry->place;
    agenda->count--;
    entry->place = 0;
    if (last.entry != entry) {
        sift(agenda, place, last);
    }
}

static void add(struct agenda *agenda, struct agenda_item item)
{
    if (agenda->count + 1 >= agenda->capacity) {
        agenda->capacity = agenda->capacity == 0 ? CAPACITY_FIRST : agenda->capacity * 2;
        agenda->heap = mem_grow(agenda->heap, agenda->capacity, sizeof(*agenda->heap));
    }
    agenda->count++;
    (void)sift_up(agenda, agenda->count, item);
}

void agenda_set(struct agenda *agenda, struct agenda_entry *entry, int64_t at_us)
{
    bool on = entry->place != 0;
    assert(!on || agenda->heap[entry->place].entry == entry);
    if (agenda_time(agenda, entry) == at_us) {
        return;
    }
    if (at_us == TIME_NEVER) {
        take_off(agenda, entry);
    } else if (on) {
        sift(agenda, entry->place, (struct agenda_item){at_us, entry});
    } else {
        add(agenda, (struct agenda_item){at_us, entry});
    }
}

int64_t agenda_time(const struct agenda *agenda, const struct agenda_entry *entry)
{
    return entry->place == 0 ? TIME_NEVER : agenda->heap[entry->place].at_us;
}

struct agenda_entry *agenda_due(const struct agenda *agenda, int64_t now_us)
{
    return agenda_deadline(agenda) <= now_us ? agenda->heap[1].entry : NULL;
}

int64_t agenda_deadline(const struct agenda *agenda)
{
    return agenda->count == 0 ? TIME_NEVER : agenda->heap[1].at_us;
}

void agenda_fini(struct agenda *agenda)
{
    free(agenda->heap);
    *agenda = (struct agenda){0};
}
