/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/sim/net/private.h"

#include <stdlib.h>
#include <utlist.h>

#define WATCH_US TIME_MS(250)

static void watch(void *arg, void *detail)
{
    struct net *net = arg;
    (void)detail;
    links_watch(net);
    events_at(net->events, events_now(net->events) + WATCH_US, watch, net, NULL);
}

struct net *net_new(struct events *events, uint64_t seed)
{
    struct net *net = mem_alloc(sizeof(*net));
    net->events = events;
    prng_seed(&net->prng, seed);
    watch(net, NULL);
    return net;
}

static void empty_inbox(struct host *host)
{
    while (host->inbox != NULL) {
        struct parcel *parcel = host->inbox;
        DL_DELETE(host->inbox, parcel);
        free(parcel);
    }
    host->inbox_count = 0;
}

void net_free(struct net *net)
{
    links_free(net);
    for (size_t i = 0; i < net->host_count; i++) {
        empty_inbox(&net->hosts[i]);
    }
    free(net);
}

/* ---- Reaching ------------------------------------------------------------------------------ */

bool net_reaches(const struct net *net, size_t from, size_t to)
{
    const struct host *a = &net->hosts[from], *b = &net->hosts[to];
    if (a->cut || b->cut) {
        return false;
    }
    if (a->region == b->region && !a->client && !b->client) {
        return true;
    }
    bool people = a->client || b->client;
    if (people && (a->shunned || b->shunned)) {
        return false;
    }
    enum net_apart apart_a = a->client ? NET_TOGETHER : net->regions[a->region];
    enum net_apart apart_b = b->client ? NET_TOGETHER : net->regions[b->region];
    return people ? apart_a != NET_LOST && apart_b != NET_LOST
                  : apart_a == NET_TOGETHER && apart_b == NET_TOGETHER;
}

int64_t net_delay_us(struct net *net, size_t from, size_t to)
{
    const struct host *a = &net->hosts[from], *b = &net->hosts[to];
    int64_t jitter_us = (int64_t)prng_below(&net->prng, 500);
    int64_t last_mile_us = a->client || b->client ? 5000 + 10 * jitter_us : 0;
    return a->region == b->region ? last_mile_us + 500 + jitter_us
                                  : last_mile_us + 15000 + 10 * jitter_us;
}

void net_cut(struct net *net, size_t host, bool cut)
{
    net->hosts[host].cut = cut;
    links_pump(net);
}

void net_shun(struct net *net, size_t host, bool shunned)
{
    net->hosts[host].shunned = shunned;
    links_pump(net);
}

void net_part(struct net *net, size_t region, enum net_apart apart)
{
    net->regions[region] = apart;
    links_pump(net);
}

void net_lose(struct net *net, uint32_t permille)
{
    net->loss_permille = permille;
}

/* ---- Hosts --------------------------------------------------------------------------------- */

size_t net_add(struct net *net, size_t region, bool client)
{
    assert(net->host_count < NET_HOSTS_MAX && region < NET_REGIONS_MAX);
    net->hosts[net->host_count] =
        (struct host){.region = region, .client = client, .alive = true, .life = 1};
    return net->host_count++;
}

void net_crash(struct net *net, size_t host)
{
    struct host *h = &net->hosts[host];
    h->alive = h->hung = false;
    h->life++;
    empty_inbox(h);
    links_crashed(net, host);
}

void net_start(struct net *net, size_t host)
{
    net->hosts[host].alive = true;
}

static void read_inbox(struct host *host)
{
    while (host->inbox != NULL && !host->hung) {
        struct parcel *parcel = host->inbox;
        DL_DELETE(host->inbox, parcel);
        host->inbox_count--;
        if (parcel->life == host->life) {
            parcel->fn(parcel->arg, parcel->number, (struct bytes){parcel->data, parcel->len});
        }
        free(parcel);
    }
}

void net_hang(struct net *net, size_t host, bool hung)
{
    net->hosts[host].hung = hung;
    read_inbox(&net->hosts[host]);
    links_pump(net);
}

bool net_hung(const struct net *net, size_t host)
{
    return net->hosts[host].hung;
}

/* ---- What comes to them -------------------------------------------------------------------- */

static void arrive(void *arg, void *detail)
{
    struct net *net = arg;
    struct parcel *parcel = detail;
    struct host *host = &net->hosts[parcel->host];
    bool datagram = parcel->from != parcel->host;
    if (!host->alive || parcel->life != host->life ||
        (datagram && !net_reaches(net, parcel->from, parcel->host))) {
        return;
    }
    if (!host->hung) {
        parcel->fn(parcel->arg, parcel->number, (struct bytes){parcel->data, parcel->len});
    } else if (!datagram || host->inbox_count < NET_DATAGRAMS_MAX) {
        struct parcel *kept = mem_copy(parcel, sizeof(*parcel) + parcel->len);
        DL_APPEND(host->inbox, kept);
        host->inbox_count++;
    }
}

void net_give(struct net *net, int64_t after_us, const struct net_datagram *datagram,
              struct bytes data)
{
    struct parcel *parcel = mem_alloc(sizeof(*parcel) + data.len);
    *parcel = (struct parcel){.net = net,
                              .host = datagram->to,
                              .life = net->hosts[datagram->to].life,
                              .from = datagram->from,
                              .fn = datagram->fn,
                              .arg = datagram->arg,
                              .number = datagram->number,
                              .len = data.len};
    if (data.len > 0) {
        memcpy(parcel->data, data.data, data.len);
    }
    events_at(net->events, events_now(net->events) + after_us, arrive, net, parcel);
}

void net_datagram(struct net *net, const struct net_datagram *datagram, struct bytes data)
{
    if (prng_below(&net->prng, 1000) >= net->loss_permille) {
        net_give(net, net_delay_us(net, datagram->from, datagram->to), datagram, data);
    }
}

void net_timer(struct net *net, size_t host, int64_t at_us, net_fn *fn, void *arg, uint64_t number)
{
    const struct net_datagram to = {
        .from = host, .to = host, .fn = fn, .arg = arg, .number = number};
    net_give(net, MAX(at_us - events_now(net->events), 0), &to, (struct bytes){NULL, 0});
}
