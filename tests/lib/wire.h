/* SPDX-License-Identifier: Apache-2.0
 *
 * One direction of an unreliable network under virtual time: loses, repeats, delays and thereby
 * reorders datagrams, by a seed.
 */
#ifndef TESTS_LIB_WIRE_H
#define TESTS_LIB_WIRE_H

#include "common/base/base.h"

#define WIRE_MAX 4096 /* datagrams under way at once */

struct wire_config {
    uint64_t seed;
    uint32_t loss_permille;
    uint32_t repeat_permille;
    int64_t delay_us_min;
    int64_t delay_us_max;
    uint64_t drop_mask; /* bit i: the i-th datagram (from 0) is lost */
};

struct wire {
    struct wire_config config;
    struct prng prng;
    uint64_t pushed; /* datagrams given to it */
    size_t count;
    struct wire_datagram {
        int64_t due_us;
        uint64_t order; /* breaks ties: first in, first out */
        uint8_t *bytes;
        size_t len;
    } waiting[WIRE_MAX];
};

struct wire *wire_new(const struct wire_config *config);
void wire_free(struct wire *wire);
void wire_push(struct wire *wire, int64_t now_us, struct bytes datagram);

/* The next datagram due by now_us, which the caller frees; NULL if none is. */
uint8_t *wire_pop(struct wire *wire, int64_t now_us, size_t *len);

int64_t wire_deadline(const struct wire *wire); /* TIME_NEVER when empty */

#endif
