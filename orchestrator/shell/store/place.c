/* SPDX-License-Identifier: Apache-2.0
 *
 * The placing script on Redis. It is loaded when the connection comes about and then called by its
 * SHA-1. A Redis that lost it (restarted, flushed, failed over) says NOSCRIPT: the whole script
 * goes there once more with that call, which also loads it.
 */
#include "orchestrator/shell/store/internal.h"

#include <hiredis/hiredis.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#define SHA_LEN 40

struct scripts {
    struct redis **redis;
    char sha[SHA_LEN + 1]; /* "" until Redis said it */
};

struct call {
    store_place_fn *callback;
    void *arg;
    struct scripts *scripts;
    struct row again; /* the same, for the script itself; empty once it was sent */
};

struct scripts *scripts_new(struct redis **redis)
{
    struct scripts *scripts = mem_alloc(sizeof(*scripts));
    scripts->redis = redis;
    return scripts;
}

void scripts_free(struct scripts *scripts)
{
    free(scripts);
}

static void on_loaded(void *arg, const struct redisReply *reply)
{
    struct scripts *scripts = arg;
    if (reply != NULL && reply->type == REDIS_REPLY_STRING && reply->len == SHA_LEN) {
        memcpy(scripts->sha, reply->str, SHA_LEN + 1);
    }
}

void scripts_load(struct scripts *scripts)
{
    struct row row;
    row_of_words(&row, 3, (const char *const[]){"SCRIPT", "LOAD", place_script});
    (void)redis_send(*scripts->redis, &row, on_loaded, scripts);
}

static void finish(struct call *call, int err, const struct store_placed *placed)
{
    call->callback(call->arg, err, placed);
    row_fini(&call->again);
    free(call);
}

static int status_of(const char *word)
{
    static const char *const words[] = {[STORE_PLACED] = "placed",
                                        [STORE_PLACED_BEFORE] = "before",
                                        [STORE_STALE] = "stale",
                                        [STORE_FULL] = "full",
                                        [STORE_UNKNOWN] = "unknown"};
    for (size_t i = 0; i < ARRAY_LEN(words); i++) {
        if (strcmp(words[i], word) == 0) {
            return (int)i;
        }
    }
    return -1;
}

static bool read_answer(const struct redisReply *reply, struct store_placed *out)
{
    if (reply == NULL || reply->type != REDIS_REPLY_ARRAY || reply->elements != 4) {
        return false;
    }
    for (size_t i = 0; i < reply->elements; i++) {
        if (reply->element[i]->type != REDIS_REPLY_STRING) {
            return false;
        }
    }
    int status = status_of(reply->element[0]->str);
    *out = (struct store_placed){.status = (enum store_place_status)status,
                                 .node = reply->element[1]->str,
                                 .epoch = strtoull(reply->element[2]->str, NULL, 10),
                                 .owner = reply->element[3]->str};
    return status >= 0;
}

static bool lost_script(const struct redisReply *reply)
{
    return reply != NULL && reply->type == REDIS_REPLY_ERROR &&
           strncmp(reply->str, "NOSCRIPT", strlen("NOSCRIPT")) == 0;
}

static void on_placed(void *arg, const struct redisReply *reply)
{
    struct call *call = arg;
    struct store_placed placed;
    if (lost_script(reply) && call->again.count > 0) {
        free(call->again.words[1]);
        call->again.words[1] = mem_str(place_script);
        if (redis_send(*call->scripts->redis, &call->again, on_placed, call) != 0) {
            finish(call, ERR_IO, NULL);
        }
        return;
    }
    bool good = read_answer(reply, &placed);
    finish(call, good ? 0 : ERR_IO, good ? &placed : NULL);
}

struct words {
    const char *list[ROW_WORDS_MAX];
    size_t count;
};

static void add(struct words *words, const char *word)
{
    assert(words->count < ROW_WORDS_MAX);
    words->list[words->count++] = word;
}

/* KEYS and ARGV of place.lua behind a verb and the script or its SHA. */
static void row_of_place(struct row *out, const char *verb, const char *script, const char *owner,
                         const struct store_place *place)
{
    char keys[1 + STORE_CANDIDATES_MAX][ROW_KEY_MAX];
    char numbers[6][24];
    struct words words = {.count = 0};
    snprintf(numbers[0], sizeof(numbers[0]), "%zu", 1 + place->node_count);
    snprintf(numbers[1], sizeof(numbers[1]), "%" PRIu64, place->epoch);
    snprintf(numbers[2], sizeof(numbers[2]), "%u", place->weight);
    snprintf(numbers[3], sizeof(numbers[3]), "%u", place->permille);
    snprintf(numbers[4], sizeof(numbers[4]), "%u", place->hold_ms);
    snprintf(numbers[5], sizeof(numbers[5]), "%d", STORE_ROOM_TTL_S);
    row_room_key(keys[0], sizeof(keys[0]), place->room);
    add(&words, verb);
    add(&words, script);
    add(&words, numbers[0]);
    add(&words, keys[0]);
    for (size_t i = 0; i < place->node_count; i++) {
        row_node_key(keys[1 + i], sizeof(keys[1 + i]), place->nodes[i]);
        add(&words, keys[1 + i]);
    }
    const char *const fixed[] = {numbers[1], owner,      place->request, numbers[2],
                                 numbers[3], numbers[4], numbers[5]};
    for (size_t i = 0; i < ARRAY_LEN(fixed); i++) {
        add(&words, fixed[i]);
    }
    for (size_t i = 0; i < place->node_count; i++) {
        add(&words, place->nodes[i]);
    }
    row_of_words(out, words.count, words.list);
}

void scripts_place(struct scripts *scripts, const char *owner, const struct store_place *place,
                   store_place_fn *callback, void *arg)
{
    struct call *call = mem_alloc(sizeof(*call));
    struct row row;
    *call = (struct call){.callback = callback, .arg = arg, .scripts = scripts};
    bool loaded = scripts->sha[0] != '\0';
    if (loaded) {
        row_of_place(&call->again, "EVAL", "", owner, place);
    }
    row_of_place(&row, loaded ? "EVALSHA" : "EVAL", loaded ? scripts->sha : place_script, owner,
                 place);
    if (redis_send(*scripts->redis, &row, on_placed, call) != 0) {
        finish(call, ERR_IO, NULL);
    }
}
