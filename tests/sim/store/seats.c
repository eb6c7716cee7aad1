/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/sim/store/seats.h"

#include <stdio.h>

static bool is_live(const struct seat *seat, int64_t now_us)
{
    return seat->node[0] != '\0' && now_us - seat->heard_us < SEATS_TTL_US;
}

static struct seat *seat_of(struct seats *seats, const char *node)
{
    for (size_t i = 0; i < SEATS_MAX; i++) {
        if (strcmp(seats->list[i].node, node) == 0) {
            return &seats->list[i];
        }
    }
    return NULL;
}

/* The one heard of least lately makes room. */
static struct seat *oldest(struct seats *seats)
{
    struct seat *seat = &seats->list[0];
    for (size_t i = 1; i < SEATS_MAX; i++) {
        if (seats->list[i].heard_us < seat->heard_us) {
            seat = &seats->list[i];
        }
    }
    return seat;
}

void seats_heard(struct seats *seats, int64_t now_us, const char *node, uint64_t weight,
                 uint64_t capacity)
{
    struct seat *seat = seat_of(seats, node);
    if (seat == NULL) {
        seat = oldest(seats);
        *seat = (struct seat){0};
        snprintf(seat->node, sizeof(seat->node), "%s", node);
    }
    seat->heard_us = now_us;
    seat->weight = weight;
    seat->capacity = capacity;
}

static uint64_t held(const struct seat *seat, int64_t slot)
{
    return slot == seat->slot       ? seat->held + seat->held_before
           : slot == seat->slot + 1 ? seat->held
                                    : 0;
}

static void hold(struct seat *seat, int64_t slot, uint32_t weight)
{
    seat->held_before = slot == seat->slot       ? seat->held_before
                        : slot == seat->slot + 1 ? seat->held
                                                 : 0;
    seat->held = (slot == seat->slot ? seat->held : 0) + weight;
    seat->slot = slot;
}

const char *seats_take(struct seats *seats, int64_t now_us, struct bytes ids, uint32_t weight,
                       uint32_t permille, bool *known)
{
    int64_t slot = now_us / SEATS_HOLD_US;
    struct seat *best = NULL;
    double best_use = permille / 1000.0;
    *known = false;
    for (size_t at = 0; at < ids.len;) {
        const char *id = (const char *)ids.data + at;
        struct seat *seat = seat_of(seats, id);
        at += strlen(id) + 1;
        if (seat == NULL || !is_live(seat, now_us) || seat->capacity == 0) {
            continue;
        }
        double use = (double)(seat->weight + held(seat, slot) + weight) / (double)seat->capacity;
        *known = true;
        if (best == NULL ? use <= best_use : use < best_use) {
            best = seat;
            best_use = use;
        }
    }
    if (best == NULL) {
        return NULL;
    }
    hold(best, slot, weight);
    return best->node;
}

uint64_t seats_held(const struct seats *seats, int64_t now_us)
{
    uint64_t sum = 0;
    for (size_t i = 0; i < SEATS_MAX; i++) {
        const struct seat *seat = &seats->list[i];
        sum += is_live(seat, now_us) ? held(seat, now_us / SEATS_HOLD_US) : 0;
    }
    return sum;
}
