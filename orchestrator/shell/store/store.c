/* SPDX-License-Identifier: Apache-2.0 */
#include "orchestrator/shell/store/store.h"

#include "orchestrator/shell/store/internal.h"

#include <hiredis/hiredis.h>
#include <stdio.h>
#include <stdlib.h>

struct store {
    struct store_stats stats;
    char *owner;
    void (*on_up)(void *arg);
    void (*on_down)(void *arg);
    void (*on_lost)(void *arg, const char *room);
    void *arg;
    uint32_t sizes_max;
    uv_timer_t *presence; /* outlives the store until libuv has let go of it */
    struct redis *redis;  /* one of both */
    struct memory *memory;
    struct scripts *scripts;   /* with redis */
    struct released *released; /* with redis */
};

#define RELEASED_AT_ONCE 1000 /* with each renewal of the presence */

static void send_words(struct store *store, size_t count, const char *const *words)
{
    struct row row;
    row_of_words(&row, count, words);
    (void)redis_send(store->redis, &row, NULL, NULL);
}

static void renew_presence(struct store *store)
{
    char key[ROW_KEY_MAX], text[16];
    row_presence_key(key, sizeof(key), store->owner);
    snprintf(text, sizeof(text), "%d", STORE_PRESENCE_MS);
    send_words(store, 5, (const char *const[]){"SET", key, "1", "PX", text});
    released_say(store->released, RELEASED_AT_ONCE);
}

static void on_presence(uv_timer_t *timer)
{
    struct store *store = timer->data;
    if (store->stats.up) {
        renew_presence(store);
    }
}

static void on_presence_closed(uv_handle_t *handle)
{
    free(handle);
}

static void on_down(void *arg)
{
    struct store *store = arg;
    if (store->on_down != NULL) {
        store->on_down(store->arg);
    }
}

static void on_up(void *arg)
{
    struct store *store = arg;
    scripts_load(store->scripts);
    renew_presence(store);
    if (store->on_up != NULL) {
        store->on_up(store->arg);
    }
}

static const char *or_none(const char *text)
{
    return text == NULL ? "" : text;
}

struct store *store_new(const struct store_config *config)
{
    struct store *store = mem_alloc(sizeof(*store));
    store->owner = mem_str(config->owner);
    store->sizes_max = config->sizes_max == 0 ? STORE_SIZES_MAX : config->sizes_max;
    store->on_up = config->on_up;
    store->on_down = config->on_down;
    store->on_lost = config->on_lost;
    store->arg = config->arg;
    if (config->redis_host == NULL && config->sentinels.count == 0) {
        store->memory = memory_new(config->loop);
        store->stats.up = true;
        log_write(config->log, LOG_INFO,
                  "store_in_memory one orchestrator only, no redis is configured");
        return store;
    }
    store->stats.redis = true;
    store->scripts = scripts_new(&store->redis);
    store->released = released_new(&store->redis, store->owner);
    store->redis = redis_new(&(struct redis_config){.loop = config->loop,
                                                    .host = config->redis_host,
                                                    .port = config->redis_port,
                                                    .username = or_none(config->redis_username),
                                                    .password = or_none(config->redis_password),
                                                    .sentinels = config->sentinels,
                                                    .log = config->log,
                                                    .stats = &store->stats,
                                                    .on_up = on_up,
                                                    .on_down = on_down,
                                                    .arg = store});
    store->presence = mem_alloc(sizeof(*store->presence));
    uv_timer_init(config->loop, store->presence);
    store->presence->data = store;
    uv_timer_start(store->presence, on_presence, STORE_PRESENCE_MS / 4, STORE_PRESENCE_MS / 4);
    return store;
}

void store_free(struct store *store)
{
    if (store->redis != NULL) {
        redis_free(store->redis); /* answers every request that waits */
        scripts_free(store->scripts);
        released_free(store->released);
        uv_close((uv_handle_t *)store->presence, on_presence_closed);
    } else {
        memory_free(store->memory);
    }
    free(store->owner);
    free(store);
}

/* ---- Writing: fire and forget, redis_send() counts what is dropped
 * ------------------------------- */

void store_node(struct store *store, const char *id, const char *json)
{
    struct row row;
    if (row_of_node(&row, id, json) != 0) {
        store->stats.dropped++;
        return;
    }
    if (store->memory != NULL) {
        memory_node(store->memory, id, &row);
        row_fini(&row);
        return;
    }
    (void)redis_send(store->redis, &row, NULL, NULL);
}

void store_node_gone(struct store *store, const char *id)
{
    if (store->memory != NULL) {
        memory_node_gone(store->memory, id);
        return;
    }
    char key[ROW_KEY_MAX];
    row_node_key(key, sizeof(key), id);
    send_words(store, 2, (const char *const[]){"DEL", key});
}

/* A script that was sent for a room. */
struct waiting {
    struct store *store;
    char *name;
    store_claim_fn *callback;
    void *arg;
};

static struct waiting *waiting_new(struct store *store, const char *name)
{
    struct waiting *waiting = mem_alloc(sizeof(*waiting));
    waiting->store = store;
    waiting->name = mem_str(name);
    return waiting;
}

static void waiting_free(struct waiting *waiting)
{
    free(waiting->name);
    free(waiting);
}

static void on_renewed(void *arg, const struct redisReply *reply)
{
    struct waiting *renewal = arg;
    struct store *store = renewal->store;
    if (reply != NULL && reply->type == REDIS_REPLY_INTEGER && reply->integer == 0 &&
        store->on_lost != NULL) {
        store->on_lost(store->arg, renewal->name);
    }
    waiting_free(renewal);
}

void store_room(struct store *store, const struct store_room *row)
{
    struct store_room owned = *row;
    owned.owner = store->owner;
    if (store->memory != NULL) {
        memory_room(store->memory, &owned);
        return;
    }
    struct row words;
    struct waiting *renewal = waiting_new(store, row->name);
    row_of_renewal(&words, &owned);
    if (redis_send(store->redis, &words, on_renewed, renewal) != 0) {
        waiting_free(renewal);
    }
}

void store_room_gone(struct store *store, const char *name, uint64_t epoch)
{
    if (store->memory != NULL) {
        memory_room_gone(store->memory, name);
        return;
    }
    released_add(store->released, name, epoch);
    released_say(store->released, store->stats.up ? RELEASED_AT_ONCE : 0);
}

/* ---- Claims -------------------------------------------------------------------------------- */

/* A script answers with the owner and its epoch as text. */
static void on_claimed(void *arg, const struct redisReply *reply)
{
    struct waiting *claim = arg;
    bool pair = reply != NULL && reply->type == REDIS_REPLY_ARRAY && reply->elements == 2 &&
                reply->element[0]->type == REDIS_REPLY_STRING &&
                reply->element[1]->type == REDIS_REPLY_STRING;
    if (pair) {
        claim->callback(claim->arg, claim->name, 0, reply->element[0]->str,
                        strtoull(reply->element[1]->str, NULL, 10));
    } else {
        claim->callback(claim->arg, claim->name, ERR_IO, "", 0);
    }
    waiting_free(claim);
}

static void claim_in_memory(struct store *store, const struct store_claim *claim,
                            store_claim_fn *callback, void *arg)
{
    struct store_room row = {
        .name = claim->room, .node = "", .owner = store->owner, .epoch = claim->epoch_min};
    if (!memory_room_get(store->memory, claim->room, &row)) {
        if (claim->look) {
            row = (struct store_room){.owner = ""};
        } else {
            memory_room(store->memory, &row);
        }
    }
    callback(arg, claim->room, 0, row.owner, row.epoch);
}

void store_claim(struct store *store, const struct store_claim *claim, store_claim_fn *callback,
                 void *arg)
{
    struct row words;
    if (store->memory != NULL) {
        claim_in_memory(store, claim, callback, arg);
        return;
    }
    struct waiting *waiting = waiting_new(store, claim->room);
    waiting->callback = callback;
    waiting->arg = arg;
    if (claim->look) {
        row_of_look(&words, claim->room);
    } else {
        row_of_claim(&words, store->owner, claim);
    }
    if (redis_send(store->redis, &words, on_claimed, waiting) != 0) {
        on_claimed(waiting, NULL);
    }
}

/* ---- Reading
 * ---------------------------------------------------------------------------------------- */

struct lookup {
    char *name;
    store_room_fn *callback;
    void *arg;
};

static void finish(struct lookup *lookup, int err, const struct store_room *room)
{
    lookup->callback(lookup->arg, err, room);
    free(lookup->name);
    free(lookup);
}

/* HMGET answers with an array of three, each nil where the field is not there. */
static void on_room(void *arg, const struct redisReply *reply)
{
    struct lookup *lookup = arg;
    if (reply == NULL || reply->type != REDIS_REPLY_ARRAY || reply->elements != 3) {
        finish(lookup, ERR_IO, NULL);
        return;
    }
    for (size_t i = 0; i < reply->elements; i++) {
        if (reply->element[i]->type != REDIS_REPLY_STRING) {
            finish(lookup, ERR_NOT_FOUND, NULL);
            return;
        }
    }
    const struct store_room room = {.name = lookup->name,
                                    .node = reply->element[0]->str,
                                    .epoch = strtoull(reply->element[1]->str, NULL, 10),
                                    .owner = reply->element[2]->str};
    finish(lookup, 0, &room);
}

void store_room_get(struct store *store, const char *name, store_room_fn *callback, void *arg)
{
    struct store_room room;
    if (store->memory != NULL) {
        bool found = memory_room_get(store->memory, name, &room);
        callback(arg, found ? 0 : ERR_NOT_FOUND, found ? &room : NULL);
        return;
    }
    char key[ROW_KEY_MAX];
    struct row row;
    row_room_key(key, sizeof(key), name);
    row_of_words(&row, 5, (const char *const[]){"HMGET", key, "node", "epoch", "owner"});
    struct lookup *lookup = mem_alloc(sizeof(*lookup));
    *lookup = (struct lookup){.name = mem_str(name), .callback = callback, .arg = arg};
    if (redis_send(store->redis, &row, on_room, lookup) != 0) {
        finish(lookup, ERR_IO, NULL);
    }
}

/* ---- History ---- */

void store_size(struct store *store, const char *room, uint32_t people)
{
    struct row row;
    if (store->redis != NULL) {
        row_of_size(&row, room, people, store->sizes_max);
        (void)redis_send(store->redis, &row, NULL, NULL);
    }
}

struct size_lookup {
    char *room; /* owned */
    store_size_fn *callback;
    void *arg;
};

static void on_size(void *arg, const struct redisReply *reply)
{
    struct size_lookup *lookup = arg;
    bool known = reply != NULL && reply->type == REDIS_REPLY_STRING;
    unsigned long long people = known ? strtoull(reply->str, NULL, 10) : 0;
    lookup->callback(lookup->arg, lookup->room, (uint32_t)MIN(people, UINT32_MAX));
    free(lookup->room);
    free(lookup);
}

void store_size_get(struct store *store, const char *room, store_size_fn *callback, void *arg)
{
    struct row row;
    if (store->redis == NULL) {
        callback(arg, room, 0);
        return;
    }
    struct size_lookup *lookup = mem_alloc(sizeof(*lookup));
    *lookup = (struct size_lookup){.room = mem_str(room), .callback = callback, .arg = arg};
    row_of_words(&row, 3, (const char *const[]){"HGET", SIZES_KEY, room});
    if (redis_send(store->redis, &row, on_size, lookup) != 0) {
        on_size(lookup, NULL);
    }
}

/* ---- Reservations ---- */

void store_reservation(struct store *store, const struct store_reservation *reservation)
{
    struct row row;
    if (store->redis != NULL) {
        row_of_reservation(&row, reservation);
        (void)redis_send(store->redis, &row, NULL, NULL);
    }
}

struct reservations_lookup {
    store_reservation_fn *callback;
    void *arg;
};

/* HGETALL: names and values by turns. */
static void on_reservations(void *arg, const struct redisReply *reply)
{
    struct reservations_lookup *lookup = arg;
    bool list = reply != NULL && reply->type == REDIS_REPLY_ARRAY;
    for (size_t i = 1; list && i < reply->elements; i += 2) {
        if (reply->element[i]->type == REDIS_REPLY_STRING) {
            lookup->callback(lookup->arg, reply->element[i]->str);
        }
    }
    free(lookup);
}

void store_reservations_get(struct store *store, store_reservation_fn *callback, void *arg)
{
    struct row row;
    if (store->redis == NULL) {
        return;
    }
    struct reservations_lookup *lookup = mem_alloc(sizeof(*lookup));
    *lookup = (struct reservations_lookup){callback, arg};
    row_of_words(&row, 2, (const char *const[]){"HGETALL", RESERVATIONS_KEY});
    if (redis_send(store->redis, &row, on_reservations, lookup) != 0) {
        free(lookup);
    }
}

/* ---- Placing ---- */

void store_place(struct store *store, const struct store_place *place, store_place_fn *callback,
                 void *arg)
{
    assert(place->node_count > 0 && place->node_count <= STORE_CANDIDATES_MAX);
    assert(place->hold_ms > 0 && place->epoch < (uint64_t)1 << 53);
    if (store->memory == NULL) {
        scripts_place(store->scripts, store->owner, place, callback, arg);
        return;
    }
    struct store_placed placed;
    memory_place(store->memory, store->owner, place, &placed);
    callback(arg, 0, &placed);
}

const struct store_stats *store_stats(struct store *store)
{
    return &store->stats;
}
