/* SPDX-License-Identifier: Apache-2.0
 *
 * The store's rows of media nodes, and what is reserved on them:
 * orchestrator/shell/store/place.lua.
 */
#ifndef TESTS_SIM_STORE_SEATS_H
#define TESTS_SIM_STORE_SEATS_H

#include "common/base/base.h"

#define SEATS_MAX     32
#define SEATS_HOLD_US TIME_S(4)  /* STORE_HOLD_MS */
#define SEATS_TTL_US  TIME_S(10) /* STORE_NODE_TTL_S */

struct seat {
    char node[ID_MAX]; /* "": none */
    int64_t heard_us;
    uint64_t weight, capacity; /* as it said last */
    int64_t slot;              /* of time, SEATS_HOLD_US long, that held is of */
    uint64_t held, held_before;
};

/* Zero-initialised is empty. */
struct seats {
    struct seat list[SEATS_MAX];
};

void seats_heard(struct seats *seats, int64_t now_us, const char *node, uint64_t weight,
                 uint64_t capacity);

/* Reserves weight on the emptiest of these ids, each followed by a zero byte, that it leaves within
 * permille of its capacity. NULL: on none; *known: one of them has a row. */
const char *seats_take(struct seats *seats, int64_t now_us, struct bytes ids, uint32_t weight,
                       uint32_t permille, bool *known);

/* What is reserved, on all of them. */
uint64_t seats_held(const struct seats *seats, int64_t now_us);

#endif
