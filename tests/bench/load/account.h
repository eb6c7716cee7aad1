/* SPDX-License-Identifier: Apache-2.0
 *
 * What a receiver got of one stream: which of its counters, once each or twice, in which order, and
 * the longest time without any.
 */
#ifndef TESTS_BENCH_LOAD_ACCOUNT_H
#define TESTS_BENCH_LOAD_ACCOUNT_H

#include "common/base/base.h"

#define ACCOUNT_WINDOW 2048 /* packets behind the newest of which it is known whether they came */

/* Plain memory; zero is empty. */
struct account {
    uint64_t received; /* without duplicates */
    uint64_t duplicated;
    uint64_t reordered; /* came behind a newer one; among the received */
    uint64_t stale;     /* so far behind that it is not known whether they are duplicates */
    uint32_t oldest;    /* counter, if any were received */
    uint32_t newest;
    int64_t last_us; /* arrival */
    int64_t gap_us_max;
    uint64_t seen[ACCOUNT_WINDOW / 64]; /* ring by counter */
};

/* Whether it came already, as far as that is known. */
bool account_has(const struct account *account, uint32_t counter);

/* Begins an account: gaps count from here. */
void account_init(struct account *account, int64_t now_us);

/* Takes a packet. Counters do not wrap. */
void account_add(struct account *account, uint32_t counter, int64_t arrival_us);

/* Ends it: nothing arrived after the last one. */
void account_end(struct account *account, int64_t now_us);

#endif
