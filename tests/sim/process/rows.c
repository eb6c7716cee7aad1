/* SPDX-License-Identifier: Apache-2.0
 *
 * An orchestrator's connection to the store, with the rules of orchestrator/shell/store/redis.c:
 * one that answers nothing for STALL_US is given up, and what was asked on it failed.
 */
#include "tests/sim/world/world.h"

#include <stdio.h>
#include <stdlib.h>
#include <utlist.h>

#define STALL_US    TIME_S(5)
#define CHECK_US    TIME_S(1)
#define PRESENCE_US (STORE_PRESENT_US / 4)

struct asked {
    struct store_word word;
    struct asked *prev, *next;
};

static int64_t now(const struct orchestrator *o)
{
    return events_now(o->sim->events);
}

static void put(struct orchestrator *o, const struct store_word *word)
{
    struct asked *asked = mem_alloc(sizeof(*asked));
    asked->word = *word;
    asked->word.number = ++o->store.number;
    if (o->store.asked == NULL) {
        o->store.moved_us = now(o);
    }
    DL_APPEND(o->store.asked, asked);
    int err = net_send(o->store.link, 0,
                       (struct bytes){(const uint8_t *)&asked->word, sizeof(asked->word)});
    assert(err != ERR_FULL); /* it stalls before */
}

static void claimed(struct orchestrator *o, const struct store_word *word, int err)
{
    cluster_claimed(o->cluster, now(o), word->room, err, err == 0 ? word->owner : "", word->epoch);
}

static void send_presence(struct orchestrator *o)
{
    struct store_word word = {.verb = STORE_PRESENT};
    snprintf(word.owner, sizeof(word.owner), "%s", o->id);
    put(o, &word);
}

static bool is_claim(const struct store_word *word)
{
    return word->verb == STORE_CLAIM || word->verb == STORE_LOOK;
}

/* ---- The connection ------------------------------------------------------------------------ */

static void on_up(void *arg, struct net_link *link)
{
    struct orchestrator *o = arg;
    (void)link;
    o->store.up = true;
    send_presence(o);
    cluster_store_up(o->cluster, now(o));
    orchestrator_drain(o);
}

static void lost(struct orchestrator *o)
{
    o->store.up = false;
    o->sim->store_doubted = true;
    while (o->store.asked != NULL) {
        struct asked *asked = o->store.asked;
        DL_DELETE(o->store.asked, asked);
        if (is_claim(&asked->word)) {
            claimed(o, &asked->word, ERR_IO);
        }
        free(asked);
    }
    cluster_store_down(o->cluster, now(o));
    orchestrator_drain(o);
}

static void on_down(void *arg, struct net_link *link)
{
    (void)link;
    lost(arg);
}

static void on_message(void *arg, struct net_link *link, struct bytes message)
{
    struct orchestrator *o = arg;
    struct store_word word;
    (void)link;
    memcpy(&word, message.data, sizeof(word));
    struct asked *asked = o->store.asked;
    if (asked == NULL || asked->word.number != word.number) {
        return; /* to what a connection before was asked */
    }
    DL_DELETE(o->store.asked, asked);
    free(asked);
    o->store.moved_us = now(o);
    if (is_claim(&word)) {
        claimed(o, &word, 0);
    } else if (word.verb == STORE_RENEW && strcmp(word.owner, o->id) != 0) {
        cluster_lost(o->cluster, now(o), word.room);
    }
    orchestrator_drain(o);
}

static void on_check(void *arg, uint64_t number, struct bytes data)
{
    struct orchestrator *o = arg;
    (void)data;
    net_timer(o->sim->net, o->host, now(o) + CHECK_US, on_check, o, number);
    if (o->store.up && o->store.asked != NULL && now(o) - o->store.moved_us >= STALL_US) {
        net_redial(o->store.link);
        lost(o);
    }
}

static void on_presence(void *arg, uint64_t number, struct bytes data)
{
    struct orchestrator *o = arg;
    (void)data;
    net_timer(o->sim->net, o->host, now(o) + PRESENCE_US, on_presence, o, number);
    if (o->store.up) {
        send_presence(o);
    }
}

void rows_open(struct orchestrator *o)
{
    o->store.up = false;
    o->store.link = net_dial(
        o->sim->net, &(struct net_link_config){
                         .hosts = {o->host, store_host(o->sim->store)},
                         .ends = {{.up = on_up, .message = on_message, .down = on_down, .arg = o},
                                  store_end(o->sim->store)},
                         .queue_max = SIZE_MAX,
                         .break_us = STALL_US,
                         .redial = true,
                     });
    on_check(o, 0, (struct bytes){NULL, 0});
    on_presence(o, 0, (struct bytes){NULL, 0});
}

void rows_forget(struct orchestrator *o)
{
    while (o->store.asked != NULL) {
        struct asked *asked = o->store.asked;
        DL_DELETE(o->store.asked, asked);
        free(asked);
    }
    o->store.up = false;
}

void rows_effect(struct orchestrator *o, const struct effect *effect)
{
    struct store_word word = {.verb = effect->type == EFFECT_STORE_ROOM        ? STORE_RENEW
                                      : effect->type == EFFECT_STORE_ROOM_GONE ? STORE_RELEASE
                                      : effect->status != 0                    ? STORE_LOOK
                                                                               : STORE_CLAIM,
                              .epoch = effect->epoch};
    snprintf(word.room, sizeof(word.room), "%s", effect->name);
    snprintf(word.owner, sizeof(word.owner), "%s", o->id);
    if (effect->type == EFFECT_STORE_CLAIM) {
        snprintf(word.over, sizeof(word.over), "%s", effect->text);
    }
    if (o->store.up) {
        put(o, &word);
    } else if (is_claim(&word)) {
        claimed(o, &word, ERR_IO);
    }
}
