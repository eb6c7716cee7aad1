/* SPDX-License-Identifier: Apache-2.0
 *
 * A link stands or not; and each end knows of a connection (its session) or of none, which may be
 * another one than that which stands.
 */
#include "tests/sim/net/private.h"

#include <stdlib.h>
#include <utlist.h>

#define REDIAL_MIN_US TIME_MS(200)
#define REDIAL_MAX_US TIME_S(3)

struct message {
    int64_t at_us;
    bool last; /* its sender hung up */
    size_t len;
    struct message *prev, *next;
    uint8_t data[];
};

struct net_link {
    struct net *net;
    struct net_link_config config;
    bool stands, abandoned;
    uint64_t session;          /* of the newest connection */
    uint64_t known[2];         /* by each end; 0: down */
    int64_t stalled_us;        /* since when nothing passes; TIME_NEVER */
    int64_t redial_us;         /* how long to wait before the next attempt */
    struct message *queues[2]; /* by sending end */
    size_t counts[2];
    int64_t last_us[2]; /* when the newest arrives */
    struct net_link *prev, *next;
};

static int64_t now(const struct net_link *link)
{
    return events_now(link->net->events);
}

static bool passes(const struct net_link *link)
{
    const struct net *net = link->net;
    return net_reaches(net, link->config.hosts[0], link->config.hosts[1]) &&
           net_reaches(net, link->config.hosts[1], link->config.hosts[0]);
}

static void empty(struct net_link *link, size_t end)
{
    while (link->queues[end] != NULL) {
        struct message *message = link->queues[end];
        DL_DELETE(link->queues[end], message);
        free(message);
    }
    link->counts[end] = 0;
}

/* fn runs at the host of that end. */
static void give(struct net_link *link, int64_t after_us, size_t end, net_fn *fn)
{
    const struct net_datagram to = {.from = link->config.hosts[end],
                                    .to = link->config.hosts[end],
                                    .fn = fn,
                                    .arg = link,
                                    .number = link->session};
    net_give(link->net, after_us, &to, (struct bytes){NULL, 0});
}

/* ---- Up and down --------------------------------------------------------------------------- */

static void attempt(void *arg, void *detail);

static void dial_later(struct net_link *link)
{
    int64_t wait_us = link->redial_us + (int64_t)prng_below(&link->net->prng, REDIAL_MIN_US);
    link->redial_us = MIN(2 * link->redial_us, REDIAL_MAX_US);
    events_at(link->net->events, now(link) + wait_us, attempt, link, NULL);
}

static void told_down(struct net_link *link, size_t end, uint64_t session)
{
    const struct net_end *to = &link->config.ends[end];
    if (link->known[end] != session) {
        return;
    }
    link->known[end] = 0;
    to->down(to->arg, link);
    if (end == 0 && link->config.redial) {
        dial_later(link);
    }
}

static void hear_down_0(void *arg, uint64_t session, struct bytes data)
{
    (void)data;
    told_down(arg, 0, session);
}

static void hear_down_1(void *arg, uint64_t session, struct bytes data)
{
    (void)data;
    told_down(arg, 1, session);
}

static void hear_up(struct net_link *link, size_t end, uint64_t session)
{
    const struct net_end *to = &link->config.ends[end];
    if (link->known[end] != 0) {
        told_down(link, end, link->known[end]);
    }
    if (link->stands && link->session == session) {
        link->known[end] = session;
        to->up(to->arg, link);
    }
}

static void hear_up_0(void *arg, uint64_t session, struct bytes data)
{
    (void)data;
    hear_up(arg, 0, session);
}

static void hear_up_1(void *arg, uint64_t session, struct bytes data)
{
    (void)data;
    hear_up(arg, 1, session);
}

static net_fn *const hear_down[2] = {hear_down_0, hear_down_1};

static void attempt(void *arg, void *detail)
{
    struct net_link *link = arg;
    const struct host *from = &link->net->hosts[link->config.hosts[0]];
    const struct host *to = &link->net->hosts[link->config.hosts[1]];
    (void)detail;
    if (link->abandoned || link->stands || link->known[0] != 0 || !from->alive) {
        return;
    }
    if (from->hung || !to->alive || to->hung || !passes(link)) {
        if (link->config.redial) {
            dial_later(link);
        } else if (passes(link) && !to->alive) { /* refused */
            link->known[0] = ++link->session;
            give(link, net_delay_us(link->net, link->config.hosts[0], link->config.hosts[1]), 0,
                 hear_down_0);
        }
        return;
    }
    int64_t delay_us = net_delay_us(link->net, link->config.hosts[0], link->config.hosts[1]);
    link->stands = true;
    link->session++;
    link->stalled_us = TIME_NEVER;
    link->redial_us = REDIAL_MIN_US;
    link->last_us[0] = link->last_us[1] = 0;
    give(link, delay_us, 1, hear_up_1);
    give(link, 2 * delay_us, 0, hear_up_0);
}

struct net_link *net_dial(struct net *net, const struct net_link_config *config)
{
    struct net_link *link = mem_alloc(sizeof(*link));
    link->net = net;
    link->config = *config;
    link->redial_us = REDIAL_MIN_US;
    DL_APPEND(net->links, link);
    attempt(link, NULL);
    return link;
}

/* The connection is no more; an end learns of it after so long, TIME_NEVER: it is gone itself. */
static void fall(struct net_link *link, int64_t after_us_0, int64_t after_us_1)
{
    const int64_t after_us[2] = {after_us_0, after_us_1};
    link->stands = false;
    for (size_t end = 0; end < 2; end++) {
        empty(link, end);
        if (after_us[end] != TIME_NEVER) {
            give(link, after_us[end], end, hear_down[end]);
        }
    }
    if (link->known[0] == 0 && link->config.redial) {
        dial_later(link);
    }
}

/* ---- Messages ------------------------------------------------------------------------------ */

static void hear(struct net_link *link, size_t end, const struct message *message)
{
    const struct net_end *to = &link->config.ends[end];
    if (message->last) {
        fall(link, end == 1 ? TIME_NEVER : 0, end == 0 ? TIME_NEVER : 0);
    } else if (link->known[end] == link->session) {
        to->message(to->arg, link, (struct bytes){message->data, message->len});
    }
}

static void pump(struct net_link *link, size_t end)
{
    size_t other = 1 - end;
    const struct host *to = &link->net->hosts[link->config.hosts[other]];
    while (link->stands && link->queues[end] != NULL && link->queues[end]->at_us <= now(link) &&
           !to->hung && passes(link)) {
        struct message *message = link->queues[end];
        DL_DELETE(link->queues[end], message);
        link->counts[end]--;
        hear(link, other, message);
        free(message);
    }
}

static void pump_both(void *arg, void *detail)
{
    (void)detail;
    pump(arg, 0);
    pump(arg, 1);
}

static void queue(struct net_link *link, size_t end, struct bytes data, bool last)
{
    struct message *message = mem_alloc(sizeof(*message) + data.len);
    size_t from = link->config.hosts[end], to = link->config.hosts[1 - end];
    message->at_us = MAX(now(link) + net_delay_us(link->net, from, to), link->last_us[end]);
    message->last = last;
    message->len = data.len;
    if (data.len > 0) {
        memcpy(message->data, data.data, data.len);
    }
    link->last_us[end] = message->at_us;
    DL_APPEND(link->queues[end], message);
    link->counts[end]++;
    events_at(link->net->events, message->at_us, pump_both, link, NULL);
}

size_t net_link_host(const struct net_link *link, size_t end)
{
    return link->config.hosts[end];
}

int net_send(struct net_link *link, size_t end, struct bytes data)
{
    if (link->known[end] == 0) {
        return ERR_NOT_FOUND;
    }
    if (link->counts[end] >= link->config.queue_max) {
        return ERR_FULL;
    }
    if (link->stands && link->known[end] == link->session) { /* else into the void */
        queue(link, end, data, false);
    }
    return 0;
}

void net_hang_up(struct net_link *link, size_t end)
{
    bool stood = link->stands && link->known[end] == link->session;
    link->known[end] = 0;
    if (stood) {
        queue(link, end, (struct bytes){NULL, 0}, true);
    }
}

void net_redial(struct net_link *link)
{
    link->known[0] = 0;
    if (link->stands) {
        fall(link, TIME_NEVER,
             net_delay_us(link->net, link->config.hosts[0], link->config.hosts[1]));
    } else {
        dial_later(link);
    }
}

void net_abandon(struct net_link *link)
{
    link->abandoned = true;
    link->known[0] = 0;
    if (link->stands) {
        fall(link, TIME_NEVER, 0);
    }
}

/* ---- All of them --------------------------------------------------------------------------- */

void links_crashed(struct net *net, size_t host)
{
    struct net_link *link, *next;
    DL_FOREACH_SAFE(net->links, link, next)
    {
        for (size_t end = 0; end < 2; end++) {
            if (link->config.hosts[end] != host) {
                continue;
            }
            size_t other = link->config.hosts[1 - end];
            int64_t after_us =
                passes(link) ? net_delay_us(net, host, other) : link->config.break_us;
            link->known[end] = 0;
            link->abandoned |= end == 0;
            if (link->stands) {
                fall(link, end == 0 ? TIME_NEVER : after_us, end == 1 ? TIME_NEVER : after_us);
            }
        }
    }
}

void links_pump(struct net *net)
{
    struct net_link *link;
    DL_FOREACH(net->links, link)
    {
        events_at(net->events, events_now(net->events), pump_both, link, NULL);
    }
}

/* An end that hangs hears of it when it wakes. */
void links_watch(struct net *net)
{
    struct net_link *link;
    DL_FOREACH(net->links, link)
    {
        const struct host *a = &net->hosts[link->config.hosts[0]];
        const struct host *b = &net->hosts[link->config.hosts[1]];
        if (!link->stands || (!a->hung && !b->hung && passes(link))) {
            link->stalled_us = TIME_NEVER;
        } else if (link->stalled_us == TIME_NEVER) {
            link->stalled_us = events_now(net->events);
        } else if (events_now(net->events) - link->stalled_us >= link->config.break_us) {
            fall(link, (int64_t)prng_below(&net->prng, 1000000),
                 (int64_t)prng_below(&net->prng, 1000000));
        }
    }
}

void links_free(struct net *net)
{
    while (net->links != NULL) {
        struct net_link *link = net->links;
        DL_DELETE(net->links, link);
        empty(link, 0);
        empty(link, 1);
        free(link);
    }
}
