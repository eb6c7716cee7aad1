/* SPDX-License-Identifier: Apache-2.0
 *
 * A model of Redis as orchestrator/shell/store uses it: who is present, rows that say who owns a
 * room since which epoch, changed by the scripts of claims.c there, and what is reserved on nodes
 * (seats.h). A replica follows behind: a failover loses what it does not have yet, and all that is
 * reserved.
 */
#ifndef TESTS_SIM_STORE_STORE_H
#define TESTS_SIM_STORE_STORE_H

#include "tests/sim/net/net.h"

#define STORE_NAME_MAX   64
#define STORE_IDS_MAX    256
#define STORE_PRESENT_US TIME_S(2) /* STORE_PRESENCE_MS */

struct store;

struct store *store_new(struct events *events, struct net *net, size_t region, uint64_t seed);
void store_free(struct store *store);

/* Questions, and their answers in order. */
enum store_verb {
    STORE_PRESENT,
    STORE_CLAIM,
    STORE_LOOK,
    STORE_RENEW,
    STORE_RELEASE,
    STORE_LOAD,
    STORE_PLACE,
};
enum store_placed { STORE_PLACED, STORE_STALE, STORE_FULL, STORE_UNKNOWN };
struct store_word {
    uint64_t number; /* the asker's; one that broke the connection off knows it no more */
    enum store_verb verb;
    char room[STORE_NAME_MAX];
    char owner[ID_MAX]; /* who asks; in the answer: who has it, "" nobody */
    char over[ID_MAX];  /* of a claim: an owner that died, which does not count */
    uint64_t epoch;
    char node[ID_MAX];         /* of a load; in the answer to a place: where */
    uint32_t weight, capacity; /* of a load; of a place: to be reserved */
    char request[64];          /* of a place, as the rest */
    uint32_t permille;         /* may be filled of a node */
    char ids[STORE_IDS_MAX];   /* candidates, a zero byte after each */
    size_t ids_len;
    enum store_placed placed; /* in the answer */
};

/* Where to dial, and the end that answers. */
size_t store_host(const struct store *store);
struct net_end store_end(struct store *store);

/* ---- Faults -------------------------------------------------------------------------------- */

/* It reads nothing; connections stand, and are taken. */
void store_hang(struct store *store, bool hung);
void store_crash(struct store *store);
/* Starts again: with what it had, with what its replica had, or with nothing. */
enum store_start { STORE_WHOLE, STORE_REPLICA, STORE_EMPTY };
void store_start(struct store *store, enum store_start with);

/* Rows of that owner. */
size_t store_rows(const struct store *store, const char *owner);
/* Weight that is reserved on nodes. */
uint64_t store_held(const struct store *store);

#endif
