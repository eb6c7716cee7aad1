/* SPDX-License-Identifier: Apache-2.0 */
#include "orchestrator/core/reservations/reservations.h"

#include <stdlib.h>

struct reservations {
    struct reservation items[RESERVATIONS_MAX]; /* by their beginning, then by id */
    size_t count;
};

struct reservations *reservations_new(void)
{
    return mem_alloc(sizeof(struct reservations));
}

void reservations_free(struct reservations *reservations)
{
    free(reservations);
}

size_t reservations_count(const struct reservations *reservations)
{
    return reservations->count;
}

const struct reservation *reservations_at(const struct reservations *reservations, size_t index)
{
    assert(index < reservations->count);
    return &reservations->items[index];
}

static struct reservation *find(struct reservations *r, const char *id)
{
    for (size_t i = 0; i < r->count; i++) {
        if (strcmp(r->items[i].id, id) == 0) {
            return &r->items[i];
        }
    }
    return NULL;
}

const struct reservation *reservations_get(const struct reservations *reservations, const char *id)
{
    return find((struct reservations *)(uintptr_t)reservations, id);
}

static void drop(struct reservations *r, struct reservation *item)
{
    struct reservation *end = r->items + r->count--;
    memmove(item, item + 1, (size_t)(end - item - 1) * sizeof(*item));
}

static bool is_before(const struct reservation *a, const struct reservation *b)
{
    return a->at_s != b->at_s ? a->at_s < b->at_s : strcmp(a->id, b->id) < 0;
}

static void insert(struct reservations *r, const struct reservation *item)
{
    size_t at = 0;
    while (at < r->count && is_before(&r->items[at], item)) {
        at++;
    }
    memmove(&r->items[at + 1], &r->items[at], (r->count - at) * sizeof(*item));
    r->items[at] = *item;
    r->count++;
}

/* Of the cancelled ones that which was so first. */
static struct reservation *least_needed(struct reservations *r)
{
    struct reservation *found = NULL;
    for (size_t i = 0; i < r->count; i++) {
        struct reservation *item = &r->items[i];
        if (item->cancelled && (found == NULL || item->changed_us < found->changed_us)) {
            found = item;
        }
    }
    return found;
}

/* Of two that were changed in the same microsecond everybody has to take the same. */
static bool is_later(const struct reservation *a, const struct reservation *b)
{
    return a->changed_us != b->changed_us ? a->changed_us > b->changed_us
                                          : a->cancelled && !b->cancelled;
}

int reservations_take(struct reservations *reservations, int64_t wall_s,
                      const struct reservation *reservation)
{
    struct reservation item = *reservation;
    struct reservation *known = find(reservations, item.id);
    if (item.until_s <= wall_s) {
        return ERR_STATE;
    }
    if (known != NULL && !is_later(&item, known)) {
        return ERR_EXISTS;
    }
    item.present = known == NULL ? 0 : known->present;
    item.heard_us = known == NULL ? 0 : known->heard_us;
    if (known == NULL && reservations->count == RESERVATIONS_MAX) {
        known = least_needed(reservations);
        if (known == NULL) {
            return ERR_FULL;
        }
    }
    if (known != NULL) {
        drop(reservations, known);
    }
    insert(reservations, &item);
    return 0;
}

size_t reservations_expire(struct reservations *reservations, int64_t wall_s)
{
    size_t kept = 0, before = reservations->count;
    for (size_t i = 0; i < before; i++) {
        if (reservations->items[i].until_s > wall_s) {
            reservations->items[kept++] = reservations->items[i];
        }
    }
    reservations->count = kept;
    return before - kept;
}

void reservations_present(struct reservations *reservations, int64_t now_us, const char *id,
                          uint32_t people)
{
    struct reservation *item = find(reservations, id);
    if (item != NULL) {
        item->present = people;
        item->heard_us = now_us;
    }
}

uint32_t reservations_missing(const struct reservation *reservation, int64_t now_us)
{
    bool known =
        reservation->heard_us != 0 && now_us - reservation->heard_us <= RESERVATION_HEARD_US;
    uint32_t present = known ? reservation->present : 0;
    return reservation->people - MIN(present, reservation->people);
}
