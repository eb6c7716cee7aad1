/* SPDX-License-Identifier: Apache-2.0
 *
 * Hosts, the datagrams and the connections between them, under virtual time; by a seed.
 *
 *   host        one process on one machine. One that crashes has its connections closed by its
 *               kernel; one that hangs (SIGSTOP) keeps them, and reads what came when it wakes.
 *   reaching    hosts of one region reach each other in 1 ms or less, those of two in 15 to 20. A
 *               host may be cut off, a region parted from the others' servers (its clients are
 *               elsewhere, and reach all), or lost to everybody.
 *   datagram    is lost where it cannot arrive, sometimes otherwise, and may overtake another.
 *   link        a connection that one end dials: what is sent arrives in order, or the link breaks
 *               and what was on its way is lost. Each end learns of that in its own time: at once
 *               where a kernel closes, after break_us where nothing is heard. The other end of a
 *               link that is dialled anew may not have noticed: it is told down, then up. So this
 *               is ZeroMQ as common/bus sets it up, and a WebSocket.
 */
#ifndef TESTS_SIM_NET_NET_H
#define TESTS_SIM_NET_NET_H

#include "tests/sim/events/events.h"

struct net;
struct net_link;

struct net *net_new(struct events *events, uint64_t seed);
void net_free(struct net *net);

/* ---- Hosts --------------------------------------------------------------------------------- */

/* Hosts are numbered from 0 in the order in which they are added; they run. */
size_t net_add(struct net *net, size_t region, bool client);

void net_crash(struct net *net, size_t host); /* the caller's process is gone */
void net_start(struct net *net, size_t host);
void net_hang(struct net *net, size_t host, bool hung);
bool net_hung(const struct net *net, size_t host);

/* ---- What keeps them apart ----------------------------------------------------------------- */

enum net_apart { NET_TOGETHER, NET_PARTED, NET_LOST };
void net_cut(struct net *net, size_t host, bool cut);
void net_shun(struct net *net, size_t host, bool shunned); /* clients and it, of each other */
void net_part(struct net *net, size_t region, enum net_apart apart);
void net_lose(struct net *net, uint32_t permille); /* of datagrams */
bool net_reaches(const struct net *net, size_t from, size_t to);

/* ---- Datagrams ----------------------------------------------------------------------------- */

/* Runs at the host that receives it, if it is still the same process. */
typedef void net_fn(void *arg, uint64_t number, struct bytes data);
struct net_datagram {
    size_t from, to;
    net_fn *fn;
    void *arg;
    uint64_t number; /* for fn */
};
void net_datagram(struct net *net, const struct net_datagram *datagram, struct bytes data);

/* A timer of the process at that host: late if it hangs, never if it ends. */
void net_timer(struct net *net, size_t host, int64_t at_us, net_fn *fn, void *arg, uint64_t number);

/* ---- Links --------------------------------------------------------------------------------- */

struct net_end {
    void (*up)(void *arg, struct net_link *link); /* the connection stands */
    void (*message)(void *arg, struct net_link *link, struct bytes message);
    void (*down)(void *arg, struct net_link *link);
    void *arg;
};

struct net_link_config {
    size_t hosts[2]; /* the first one dials */
    struct net_end ends[2];
    size_t queue_max; /* messages each way */
    int64_t break_us; /* without a word until it counts as broken */
    bool redial;      /* whenever it is down; else it is dialled once */
};
/* Its own until both ends are down and it is not dialled again. */
struct net_link *net_dial(struct net *net, const struct net_link_config *config);

size_t net_link_host(const struct net_link *link, size_t end);

/* 0; ERR_FULL; ERR_NOT_FOUND: down, as far as this end knows. */
MUST_CHECK int net_send(struct net_link *link, size_t end, struct bytes message);

/* After what was sent, this end hangs up; it hears nothing more. */
void net_hang_up(struct net_link *link, size_t end);
/* End 0 breaks it off and dials anew. */
void net_redial(struct net_link *link);
/* End 0 is gone for good. */
void net_abandon(struct net_link *link);

#endif
