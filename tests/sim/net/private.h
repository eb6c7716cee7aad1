/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TESTS_SIM_NET_PRIVATE_H
#define TESTS_SIM_NET_PRIVATE_H

#include "tests/sim/net/net.h"

#define NET_HOSTS_MAX     64
#define NET_REGIONS_MAX   8
#define NET_DATAGRAMS_MAX 256 /* that wait for a process that hangs; more are lost */

/* Something for a host, which takes it if it is the process it was meant for. */
struct parcel {
    struct net *net;
    size_t host;
    unsigned life;
    size_t from; /* of a datagram; else the host itself */
    net_fn *fn;
    void *arg;
    uint64_t number;
    size_t len;
    struct parcel *prev, *next; /* in the inbox of a host that hangs */
    uint8_t data[];
};

struct host {
    size_t region;
    bool client, alive, hung, cut, shunned;
    unsigned life; /* of its process */
    struct parcel *inbox;
    size_t inbox_count;
};

struct net {
    struct events *events;
    struct prng prng;
    struct host hosts[NET_HOSTS_MAX];
    size_t host_count;
    enum net_apart regions[NET_REGIONS_MAX];
    uint32_t loss_permille;
    struct net_link *links;
};

/* ---- net.c */
int64_t net_delay_us(struct net *net, size_t from, size_t to);
/* At once or after a delay; fn runs when the host reads it. */
void net_give(struct net *net, int64_t after_us, const struct net_datagram *datagram,
              struct bytes data);

/* ---- link.c */
void links_crashed(struct net *net, size_t host);
void links_pump(struct net *net); /* after whatever may let messages pass again */
void links_free(struct net *net);
void links_watch(struct net *net);

#endif
