/* SPDX-License-Identifier: Apache-2.0
 *
 * Three orchestrators under virtual time, with the links between them and a store. Messages and the
 * store's answers wait in queues until a test delivers them, in any order between queues.
 *
 * The numbers of site i's connections, transports and requests are CLUSTER_ID(i, n); stories show
 * them as n.
 */
#ifndef TESTS_LIB_CLUSTER_WORLD_H
#define TESTS_LIB_CLUSTER_WORLD_H

#include "tests/lib/orch_world.h"

#define SITES            3
#define CLUSTER_ID(i, n) ((uint64_t)((i) + 1) << EFFECT_FRONT_SHIFT | (n))

struct parcel {
    uint8_t *data; /* of a message; NULL: a claim or its answer */
    size_t len;
    char room[64];
    char owner[ID_MAX];
    char request[64]; /* of a STORE_PLACE; data: its candidates */
    uint64_t epoch;
    bool look;
    int err;
    struct parcel *prev, *next;
};

struct row {
    char room[64];
    size_t owner;
    uint64_t epoch;
    bool used;
};

struct cluster_world {
    struct world sites[SITES];
    bool alive[SITES];
    struct parcel *links[SITES][SITES];               /* from, to */
    struct parcel *questions[SITES], *answers[SITES]; /* of and for the store */
    struct row rows[8];
    bool store_away;
    /* What becomes of STORE_PLACE: by default the first candidate it is, at once. */
    bool places_wait; /* for cluster_world_place() */
    bool places_late; /* the first candidate it is, once delivered */
    struct parcel *places[SITES];
    uint64_t last_epoch; /* the highest given by the store */
    size_t bytes;        /* sent over all links */
    size_t messages;
    uint64_t beats; /* of the nodes */
    bool second;    /* there is a node ND_b, in region r2 */
    size_t cut_off; /* this site and ND_b are, from all others; SITES: nobody */
};

/* regions of the three; every link is up, and every site knows node ND_a. */
void cluster_world_init(struct cluster_world *world, const char *const regions[SITES]);
/* The same, and owners leave seals with the node; it does not give them back. */
void cluster_world_init_sealed(struct cluster_world *world, const char *const regions[SITES]);
void cluster_world_fini(struct cluster_world *world);

/* How many queues have something, and the delivery of the first of the n-th of them. */
size_t cluster_world_choices(const struct cluster_world *world);
void cluster_world_deliver(struct cluster_world *world, size_t choice);
/* All that is on its way from one site to another; and between a site and the store. */
void cluster_world_deliver_link(struct cluster_world *world, size_t from, size_t to);
void cluster_world_deliver_store(struct cluster_world *world, size_t site);
/* Delivers until nothing is on its way. */
void cluster_world_settle(struct cluster_world *world);
/* Lets time pass on every site that lives, in steps, delivering what is sent; the node's heart
 * beats. */
void cluster_world_advance(struct cluster_world *world, int64_t us);

/* The process of a site ends: the others see their connections break, the store its presence end.
 */
void cluster_world_kill(struct cluster_world *world, size_t site);
/* The connection from one to another breaks, with all that was on it; or comes back. */
void cluster_world_link(struct cluster_world *world, size_t from, size_t to, bool up);
/* A second node, ND_b in region r2, that all sites know. */
void cluster_world_second_node(struct cluster_world *world);
/* That site and ND_b hear nobody and are heard by nobody; what is on its way waits. SITES: it is
 * over, and what waited arrives unless its connection broke meanwhile. */
void cluster_world_cut_off(struct cluster_world *world, size_t site);
void cluster_world_store_up(struct cluster_world *world, bool up);

/* The store's answer to the oldest of a site's STORE_PLACE: this node, or "" none of them, or NULL
 * that it cannot be asked. */
void cluster_world_place(struct cluster_world *world, size_t site, const char *node);

/* The site whose orch has the room; SITES: none. Fails if two have it. */
size_t cluster_world_owner(const struct cluster_world *world, const char *room);

void cluster_world_join(struct cluster_world *world, size_t site, uint64_t n, const char *room,
                        const char *identity, bool reconnect);
void cluster_world_disconnect(struct cluster_world *world, size_t site, uint64_t n);
/* The data channels of a site's transport (number as in its story). */
void cluster_world_channels(struct cluster_world *world, size_t site, size_t transport);
void cluster_world_data(struct cluster_world *world, size_t site, size_t transport,
                        const char *payload);
const char *cluster_world_story(struct cluster_world *world, size_t site);

#endif
