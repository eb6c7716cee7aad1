/* SPDX-License-Identifier: Apache-2.0
 *
 * One connection to Redis through hiredis, on the loop.
 *
 * Happy path: resolve the name, connect, tell on_up, then commands go out pipelined and answers
 * come back in order.
 * Failures, all alike: the name does not resolve, the connection is refused or breaks, or takes or
 * answers nothing for STALL_MS. Then the connection is dropped, commands on the way get no answer,
 * and after a pause, doubled from RETRY_MIN_MS up to RETRY_MAX_MS, it starts anew with the next of
 * the name's addresses.
 *
 * hiredis has an adapter for libuv, but that ignores error events, and a refused connection is one.
 */
#include "orchestrator/shell/store/internal.h"

#include <hiredis/async.h>
#include <hiredis/hiredis.h>
#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>

#define REDIS_MAGIC  0x72656469
#define LINK_MAGIC   0x6c696e6b
#define RETRY_MIN_MS 100
#define RETRY_MAX_MS 5000
#define STALL_MS     5000
#define CHECK_MS     1000

/* A hiredis context on the loop; lives until libuv has let go of it. */
struct link {
    uint32_t magic;
    redisAsyncContext *context; /* NULL once hiredis has freed it */
    uv_poll_t poll;
    int events;
};

struct redis {
    uint32_t magic;
    struct redis_config config;
    char *host;
    redisAsyncContext *context; /* NULL: none */
    uv_timer_t timer;           /* next attempt while there is none, else the check for stalls */
    uv_getaddrinfo_t resolve;
    bool resolving;
    bool freed; /* goes when neither timer nor resolve is in use */
    bool timer_closed;
    uint64_t retry_ms;
    uint64_t attempts;
    uint64_t moved_at_ms; /* when the connection last made progress */
};

struct request {
    redis_fn *callback;
    void *arg;
};

static void attempt(struct redis *redis);

static struct redis *checked(void *data)
{
    struct redis *redis = data;
    assert(redis->magic == REDIS_MAGIC);
    return redis;
}

/* ---- hiredis on libuv
 * ---------------------------------------------------------------------------- */

static void on_poll(uv_poll_t *poll, int status, int events)
{
    struct link *link = poll->data;
    assert(link->magic == LINK_MAGIC);
    if (status < 0) {
        events = UV_READABLE | UV_WRITABLE; /* either way hiredis finds the error */
    }
    if (link->context != NULL && (events & UV_READABLE) != 0) {
        redisAsyncHandleRead(link->context);
    }
    if (link->context != NULL && (events & UV_WRITABLE) != 0) {
        redisAsyncHandleWrite(link->context);
    }
}

static void watch(struct link *link, int events)
{
    link->events = events;
    if (events == 0) {
        uv_poll_stop(&link->poll);
    } else {
        uv_poll_start(&link->poll, events, on_poll);
    }
}

static void add_read(void *data)
{
    watch(data, ((struct link *)data)->events | UV_READABLE);
}

static void del_read(void *data)
{
    watch(data, ((struct link *)data)->events & ~UV_READABLE);
}

static void add_write(void *data)
{
    watch(data, ((struct link *)data)->events | UV_WRITABLE);
}

static void del_write(void *data)
{
    watch(data, ((struct link *)data)->events & ~UV_WRITABLE);
}

static void on_link_closed(uv_handle_t *handle)
{
    struct link *link = handle->data;
    assert(link->magic == LINK_MAGIC);
    link->magic = 0;
    free(link);
}

static void cleanup(void *data)
{
    struct link *link = data;
    link->context = NULL;
    uv_close((uv_handle_t *)&link->poll, on_link_closed);
}

static int attach(uv_loop_t *loop, redisAsyncContext *context)
{
    struct link *link = mem_alloc(sizeof(*link));
    link->magic = LINK_MAGIC;
    if (uv_poll_init(loop, &link->poll, context->c.fd) != 0) {
        free(link);
        return ERR_IO;
    }
    link->poll.data = link;
    link->context = context;
    context->ev.data = link;
    context->ev.addRead = add_read;
    context->ev.delRead = del_read;
    context->ev.addWrite = add_write;
    context->ev.delWrite = del_write;
    context->ev.cleanup = cleanup;
    return 0;
}

/* ---- The connection's life
 * ------------------------------------------------------------------------ */

static void release(struct redis *redis)
{
    if (redis->freed && redis->timer_closed && !redis->resolving) {
        redis->magic = 0;
        free(redis->host);
        free(redis);
    }
}

static void on_retry(uv_timer_t *timer)
{
    attempt(checked(timer->data));
}

/* The connection is no more, or never came about. Log lines are one per outage. */
static void lost(struct redis *redis, const char *why)
{
    bool was_up = redis->config.stats->up;
    redis->context = NULL;
    redis->config.stats->up = false;
    if (redis->freed) {
        return;
    }
    if (was_up) {
        redis->config.on_down(redis->config.arg);
    }
    if (was_up || redis->attempts == 1) {
        log_write(redis->config.log, LOG_WARN, "store_down host=%s port=%u reason=\"%s\"",
                  redis->host, redis->config.port, why);
    }
    uv_timer_start(&redis->timer, on_retry, redis->retry_ms, 0);
    redis->retry_ms = MIN(redis->retry_ms * 2, RETRY_MAX_MS);
}

static void on_connect(const redisAsyncContext *context, int status)
{
    struct redis *redis = checked(context->data);
    if (status != REDIS_OK) {
        lost(redis, context->errstr);
        return;
    }
    redis->retry_ms = RETRY_MIN_MS;
    redis->moved_at_ms = uv_now(redis->config.loop);
    redis->config.stats->up = true;
    redis->config.stats->connects++;
    log_write(redis->config.log, LOG_INFO, "store_up host=%s port=%u", redis->host,
              redis->config.port);
    redis->config.on_up(redis->config.arg);
}

static void on_disconnect(const redisAsyncContext *context, int status)
{
    (void)status;
    lost(checked(context->data), context->errstr == NULL ? "closed" : context->errstr);
}

/* Frees the context; hiredis calls back for each command without an answer, and on_disconnect if it
 * was connected. */
static void drop(struct redis *redis, const char *why)
{
    redisAsyncContext *context = redis->context;
    bool connected = redis->config.stats->up;
    redisAsyncFree(context);
    if (!connected) {
        lost(redis, why);
    }
}

static void on_check(uv_timer_t *timer)
{
    struct redis *redis = checked(timer->data);
    bool waits = !redis->config.stats->up || redis->config.stats->pending > 0;
    if (waits && uv_now(redis->config.loop) - redis->moved_at_ms >= STALL_MS) {
        drop(redis, "no answer");
    }
}

static void start(struct redis *redis, redisAsyncContext *context)
{
    const char *why = context == NULL ? "no memory" : context->errstr;
    if (context == NULL || context->err != 0 || attach(redis->config.loop, context) != 0) {
        char text[128];
        snprintf(text, sizeof(text), "%s", why);
        if (context != NULL) {
            redisAsyncFree(context);
        }
        lost(redis, text);
        return;
    }
    context->data = redis;
    redis->context = context;
    redis->moved_at_ms = uv_now(redis->config.loop);
    uv_timer_start(&redis->timer, on_check, CHECK_MS, CHECK_MS);
    redisAsyncSetDisconnectCallback(context, on_disconnect);
    redisAsyncSetConnectCallback(context, on_connect); /* starts to wait for the connection */
}

static void on_resolved(uv_getaddrinfo_t *request, int status, struct addrinfo *list)
{
    struct redis *redis = checked(request->data);
    redis->resolving = false;
    if (redis->freed) {
        uv_freeaddrinfo(list);
        release(redis);
        return;
    }
    size_t count = 0;
    for (struct addrinfo *item = list; item != NULL; item = item->ai_next) {
        count++;
    }
    if (status != 0 || count == 0) {
        lost(redis, status == 0 ? "no address" : uv_strerror(status));
        return;
    }
    struct addrinfo *chosen = list;
    for (size_t skip = redis->attempts % count; skip > 0; skip--) {
        chosen = chosen->ai_next;
    }
    char address[64] = "";
    getnameinfo(chosen->ai_addr, chosen->ai_addrlen, address, sizeof(address), NULL, 0,
                NI_NUMERICHOST);
    uv_freeaddrinfo(list);
    start(redis, redisAsyncConnect(address, redis->config.port));
}

static void attempt(struct redis *redis)
{
    redis->attempts++;
    if (redis->host[0] == '/') {
        start(redis, redisAsyncConnectUnix(redis->host));
        return;
    }
    const struct addrinfo hints = {.ai_socktype = SOCK_STREAM};
    redis->resolve.data = redis;
    int err =
        uv_getaddrinfo(redis->config.loop, &redis->resolve, on_resolved, redis->host, NULL, &hints);
    if (err != 0) {
        lost(redis, uv_strerror(err));
        return;
    }
    redis->resolving = true;
}

struct redis *redis_new(const struct redis_config *config)
{
    struct redis *redis = mem_alloc(sizeof(*redis));
    *redis = (struct redis){.magic = REDIS_MAGIC,
                            .config = *config,
                            .host = mem_str(config->host),
                            .retry_ms = RETRY_MIN_MS};
    uv_timer_init(config->loop, &redis->timer);
    redis->timer.data = redis;
    attempt(redis);
    return redis;
}

static void on_timer_closed(uv_handle_t *handle)
{
    struct redis *redis = checked(handle->data);
    redis->timer_closed = true;
    release(redis);
}

void redis_free(struct redis *redis)
{
    assert(redis->magic == REDIS_MAGIC && !redis->freed);
    redis->freed = true;
    if (redis->context != NULL) {
        redisAsyncFree(redis->context);
        redis->context = NULL;
    }
    if (redis->resolving) {
        uv_cancel((uv_req_t *)&redis->resolve); /* its callback runs all the same */
    }
    uv_close((uv_handle_t *)&redis->timer, on_timer_closed);
}

/* ---- Commands
 * --------------------------------------------------------------------------------------- */

static void on_reply(redisAsyncContext *context, void *data, void *private_data)
{
    struct redis *redis = checked(context->data);
    const redisReply *reply = data;
    struct request *request = private_data;
    struct store_stats *stats = redis->config.stats;
    assert(stats->pending > 0);
    stats->pending--;
    redis->moved_at_ms = uv_now(redis->config.loop);
    if (reply == NULL || reply->type == REDIS_REPLY_ERROR) {
        stats->failed++;
    } else {
        stats->written++;
    }
    if (request != NULL) {
        request->callback(request->arg, reply);
        free(request);
    }
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
    struct request *request = NULL;
    if (callback != NULL) {
        request = mem_alloc(sizeof(*request));
        *request = (struct request){.callback = callback, .arg = arg};
    }
    if (stats->pending == 0) { /* what counts as a stall starts with the first one waiting */
        redis->moved_at_ms = uv_now(redis->config.loop);
    }
    int rc = redisAsyncCommandArgv(redis->context, on_reply, request, (int)row->count,
                                   (const char **)row->words, NULL);
    row_fini(row);
    if (rc != REDIS_OK) { /* the context is being torn down: on_disconnect follows */
        free(request);
        stats->dropped++;
        return ERR_STATE;
    }
    stats->pending++;
    return 0;
}
