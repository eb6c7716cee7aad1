/* SPDX-License-Identifier: Apache-2.0
 *
 * An orchestrator's connection to the store, with the rules of orchestrator/shell/store: it is up
 * once the first answer came; one that answers nothing for STALL_US is given up, and what was asked
 * on it failed.
 */
#include "tests/sim/world/world.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <utlist.h>

#define BREAK_US    TIME_S(5)
#define STALL_US    TIME_MS(500) /* STORE_ANSWER_MS */
#define CHECK_US    TIME_MS(100)
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

/* on_placed() of orchestrator/shell/server. */
static void placed(struct orchestrator *o, const struct store_word *word, int err)
{
    struct cluster_placed answer = {.room = word->room,
                                    .request = word->request,
                                    .answer = ORCH_PLACE_FAILED,
                                    .node = "",
                                    .owner = ""};
    if (err == 0 && word->placed == STORE_STALE) {
        answer.owner = word->owner;
        answer.epoch = word->epoch;
    } else if (err == 0 && word->placed != STORE_UNKNOWN) {
        answer.answer = word->placed == STORE_FULL ? ORCH_PLACE_FULL : ORCH_PLACE_NODE;
        answer.node = word->node;
    }
    cluster_placed(o->cluster, now(o), &answer);
}

static void failed(struct orchestrator *o, const struct store_word *word)
{
    if (word->verb == STORE_CLAIM || word->verb == STORE_LOOK) {
        claimed(o, word, ERR_IO);
    } else if (word->verb == STORE_PLACE) {
        placed(o, word, ERR_IO);
    }
}

static void send_presence(struct orchestrator *o)
{
    struct store_word word = {.verb = STORE_PRESENT};
    snprintf(word.owner, sizeof(word.owner), "%s", o->id);
    put(o, &word);
}

/* ---- The connection ------------------------------------------------------------------------ */

static void on_up(void *arg, struct net_link *link)
{
    (void)link;
    send_presence(arg);
}

static void lost(struct orchestrator *o)
{
    bool was_up = o->store.up;
    o->store.up = false;
    o->sim->store_doubted = true;
    while (o->store.asked != NULL) {
        struct asked *asked = o->store.asked;
        DL_DELETE(o->store.asked, asked);
        failed(o, &asked->word);
        free(asked);
    }
    if (was_up) {
        cluster_store_down(o->cluster, now(o));
        orchestrator_drain(o);
    }
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
    if (!o->store.up) {
        o->store.up = true;
        cluster_store_up(o->cluster, now(o));
    }
    if (word.verb == STORE_CLAIM || word.verb == STORE_LOOK) {
        claimed(o, &word, 0);
    } else if (word.verb == STORE_PLACE) {
        placed(o, &word, 0);
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
    if (o->store.asked != NULL && now(o) - o->store.moved_us >= STALL_US) {
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
                         .break_us = BREAK_US,
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

static enum store_verb verb_of(const struct effect *effect)
{
    switch (effect->type) {
    case EFFECT_STORE_ROOM:
        return STORE_RENEW;
    case EFFECT_STORE_ROOM_GONE:
        return STORE_RELEASE;
    case EFFECT_STORE_NODE:
        return STORE_LOAD;
    case EFFECT_STORE_PLACE:
        return STORE_PLACE;
    default:
        return effect->status != 0 ? STORE_LOOK : STORE_CLAIM;
    }
}

static void put_load(struct store_word *word, const struct effect *effect)
{
    json_t *load = json_loadb((const char *)effect->data, effect->len, 0, NULL);
    assert(load != NULL);
    snprintf(word->node, sizeof(word->node), "%s", effect->name);
    word->weight = (uint32_t)json_integer_value(json_object_get(load, "weight"));
    word->capacity = (uint32_t)json_integer_value(json_object_get(load, "capacity"));
    json_decref(load);
}

static void put_place(struct store_word *word, const struct effect *effect)
{
    assert(effect->len <= sizeof(word->ids) && effect->status > 0);
    snprintf(word->request, sizeof(word->request), "%s", effect->text);
    word->weight = effect->weight;
    word->permille = (uint32_t)effect->status;
    memcpy(word->ids, effect->data, effect->len);
    word->ids_len = effect->len;
}

void rows_effect(struct orchestrator *o, const struct effect *effect)
{
    struct store_word word = {.verb = verb_of(effect), .epoch = effect->epoch};
    snprintf(word.owner, sizeof(word.owner), "%s", o->id);
    if (word.verb == STORE_LOAD) {
        put_load(&word, effect);
    } else {
        snprintf(word.room, sizeof(word.room), "%s", effect->name);
    }
    if (word.verb == STORE_PLACE) {
        put_place(&word, effect);
    } else if (effect->type == EFFECT_STORE_CLAIM) {
        snprintf(word.over, sizeof(word.over), "%s", effect->text);
    }
    if (o->store.up) {
        put(o, &word);
    } else {
        failed(o, &word);
    }
}
