/* SPDX-License-Identifier: Apache-2.0
 *
 * The connection to Redis that is opened again and again.
 *
 * Happy path: a link to the address that is configured, or that Sentinel says (sentinel.c); it is
 * up once Redis answers that it is a master, then commands go out.
 * Failures, all alike: the link ends, or Redis answers that it takes no writes (it became a
 * replica, or still loads). Then commands on the way get no answer, and after a pause, doubled from
 * RETRY_MIN_MS up to RETRY_MAX_MS, it starts anew, with the next of the name's addresses. That is
 * also how a Redis that hangs is asked whether it is back: the kernel takes connections for it, but
 * it does not answer. Another master according to Sentinel is tried at once.
 */
#include "orchestrator/shell/store/internal.h"

#include <hiredis/hiredis.h>
#include <stdio.h>
#include <stdlib.h>

#define REDIS_MAGIC  0x72656469
#define RETRY_MIN_MS 100
#define RETRY_MAX_MS 1000

struct redis {
    uint32_t magic;
    struct redis_config config;
    char *host; /* owned; NULL: Sentinel has not said yet */
    uint16_t port;
    struct sentinel *sentinel; /* NULL: host is the configured one */
    struct link *link;         /* NULL: none now */
    uv_timer_t timer;          /* until the next attempt */
    bool noticed;              /* this outage is in the log */
    uint64_t retry_ms;
    size_t attempts;
};

struct command {
    struct redis *redis;
    redis_fn *callback; /* may be NULL */
    void *arg;
};

static void attempt(struct redis *redis);

static struct redis *checked(void *data)
{
    struct redis *redis = data;
    assert(redis->magic == REDIS_MAGIC);
    return redis;
}

/* ---- The connection's life ----------------------------------------------------------------- */

static void on_retry(uv_timer_t *timer)
{
    attempt(checked(timer->data));
}

/* It is not up any more, or did not come up. Log lines are one per outage. */
static void lost(struct redis *redis, const char *why)
{
    bool was_up = redis->config.stats->up;
    redis->link = NULL;
    redis->config.stats->up = false;
    uv_timer_start(&redis->timer, on_retry, redis->retry_ms, 0);
    redis->retry_ms = MIN(redis->retry_ms * 2, RETRY_MAX_MS);
    if (!redis->noticed) {
        redis->noticed = true;
        log_write(redis->config.log, LOG_WARN, "store_down host=%s port=%u reason=\"%s\"",
                  redis->host, redis->port, why);
    }
    if (was_up) {
        redis->config.on_down(redis->config.arg);
    }
}

static void on_end(void *arg, const char *why)
{
    lost(checked(arg), why);
}

/* By ourselves. */
static void give_up(struct redis *redis, const char *why)
{
    struct link *link = redis->link;
    lost(redis, why);
    link_close(link);
}

static void rise(struct redis *redis)
{
    redis->retry_ms = RETRY_MIN_MS;
    redis->noticed = false;
    redis->config.stats->up = true;
    redis->config.stats->connects++;
    log_write(redis->config.log, LOG_INFO, "store_up host=%s port=%u", redis->host, redis->port);
    redis->config.on_up(redis->config.arg);
}

static bool says(const struct redisReply *reply, const char *code)
{
    return reply->type == REDIS_REPLY_ERROR && strncmp(reply->str, code, strlen(code)) == 0;
}

/* ROLE answers with a list that begins with the role. Who may not ask it is not told: then the
 * first write shows. */
static void on_role(void *arg, const struct redisReply *reply)
{
    struct redis *redis = checked(arg);
    bool known = reply != NULL && reply->type == REDIS_REPLY_ARRAY && reply->elements > 0 &&
                 reply->element[0]->type == REDIS_REPLY_STRING;
    if (reply == NULL) {
        return; /* the link has ended */
    }
    if (says(reply, "NOPERM") || (known && strcmp(reply->element[0]->str, "master") == 0)) {
        rise(redis);
    } else {
        give_up(redis, known ? "not a master" : reply->str == NULL ? "no Redis" : reply->str);
    }
}

static void on_open(void *arg)
{
    struct redis *redis = checked(arg);
    struct row row;
    link_login(redis->link, redis->config.username, redis->config.password);
    row_of_words(&row, 1, (const char *const[]){"ROLE"});
    (void)link_send(redis->link, &row, on_role, redis); /* else its end follows */
}

static void attempt(struct redis *redis)
{
    uv_timer_stop(&redis->timer);
    redis->link = link_new(&(struct link_config){.loop = redis->config.loop,
                                                 .host = redis->host,
                                                 .port = redis->port,
                                                 .turn = redis->attempts++,
                                                 .on_open = on_open,
                                                 .on_end = on_end,
                                                 .arg = redis});
}

/* Said whenever it is another one than before. */
static void on_master(void *arg, const char *host, uint16_t port)
{
    struct redis *redis = checked(arg);
    if (redis->link != NULL) {
        give_up(redis, "another one is master");
    }
    free(redis->host);
    redis->host = mem_str(host);
    redis->port = port;
    redis->retry_ms = RETRY_MIN_MS;
    attempt(redis);
}

struct redis *redis_new(const struct redis_config *config)
{
    struct redis *redis = mem_alloc(sizeof(*redis));
    *redis = (struct redis){.magic = REDIS_MAGIC, .config = *config, .retry_ms = RETRY_MIN_MS};
    uv_timer_init(config->loop, &redis->timer);
    redis->timer.data = redis;
    if (config->sentinels.count == 0) {
        redis->host = mem_str(config->host);
        redis->port = config->port;
        attempt(redis);
    } else {
        redis->sentinel =
            sentinel_new(&config->sentinels, config->loop, config->log, on_master, redis);
    }
    return redis;
}

static void on_timer_closed(uv_handle_t *handle)
{
    struct redis *redis = checked(handle->data);
    redis->magic = 0;
    free(redis->host);
    free(redis);
}

void redis_free(struct redis *redis)
{
    checked(redis);
    if (redis->sentinel != NULL) {
        sentinel_free(redis->sentinel);
    }
    redis->config.stats->up = false;
    if (redis->link != NULL) {
        link_close(redis->link);
    }
    uv_close((uv_handle_t *)&redis->timer, on_timer_closed);
}

/* ---- Commands ------------------------------------------------------------------------------ */

static bool takes_no_writes(const struct redisReply *reply)
{
    return says(reply, "READONLY") || says(reply, "LOADING") || says(reply, "MASTERDOWN");
}

static void on_reply(void *arg, const struct redisReply *reply)
{
    struct command *command = arg;
    struct redis *redis = checked(command->redis);
    struct store_stats *stats = redis->config.stats;
    assert(stats->pending > 0);
    stats->pending--;
    if (reply == NULL || reply->type == REDIS_REPLY_ERROR) {
        stats->failed++;
    } else {
        stats->written++;
    }
    if (reply != NULL && takes_no_writes(reply) && stats->up) {
        give_up(redis, reply->str);
    }
    if (command->callback != NULL) {
        command->callback(command->arg, reply);
    }
    free(command);
}

int redis_send(struct redis *redis, struct row *row, redis_fn *callback, void *arg)
{
    struct store_stats *stats = redis->config.stats;
    int err = !stats->up ? ERR_STATE : stats->pending >= STORE_PENDING_MAX ? ERR_FULL : 0;
    if (err != 0) {
        stats->dropped++;
        row_fini(row);
        return err;
    }
    struct command *command = mem_alloc(sizeof(*command));
    *command = (struct command){.redis = redis, .callback = callback, .arg = arg};
    err = link_send(redis->link, row, on_reply, command);
    if (err != 0) {
        free(command);
        stats->dropped++;
        return err;
    }
    stats->pending++;
    return 0;
}
