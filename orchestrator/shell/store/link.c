/* SPDX-License-Identifier: Apache-2.0
 *
 * One connection to a Redis or a Sentinel through hiredis, on the loop, from resolving the name to
 * its end.
 *
 * Happy path: resolve, connect, on_open; commands go out pipelined and answers come in order.
 * Failures, all alike: the name does not resolve, the connection is refused or breaks, is not there
 * within OPEN_TICKS, or commands wait and none is answered for ANSWER_TICKS. Then the connection is
 * dropped, so that no late answer can be taken for another command's, on_end says why, and what
 * waits gets no answer.
 *
 * Time is counted in ticks of the loop and not read from a clock: should this process stand still,
 * answers that have come meanwhile are read before another tick counts.
 *
 * hiredis has an adapter for libuv, but that ignores error events, and a refused connection is one.
 */
#include "orchestrator/shell/store/internal.h"

#include <hiredis/async.h>
#include <hiredis/hiredis.h>
#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <utlist.h>

#define LINK_MAGIC   0x6c696e6b
#define TICK_MS      100
#define OPEN_TICKS   20
#define ANSWER_TICKS (STORE_ANSWER_MS / TICK_MS)
#define REASON_MAX   128

struct request {
    struct link *link;
    redis_fn *callback; /* may be NULL */
    void *arg;
    uint64_t tick; /* when it was sent */
    struct request *prev, *next;
};

struct link {
    uint32_t magic;
    struct link_config config;
    char *host;                 /* owned */
    redisAsyncContext *context; /* NULL: not yet, or hiredis has freed it */
    bool open;
    bool over; /* nothing more is told of it */
    bool resolving;
    char why[REASON_MAX]; /* it failed at once: on_end with the next tick */
    uv_timer_t timer;
    uv_poll_t poll;
    uv_getaddrinfo_t resolve;
    size_t held; /* of these three, by libuv */
    int events;
    uint64_t tick;
    uint64_t moved;           /* when the last answer came */
    struct request *requests; /* without an answer, the oldest first */
};

static struct link *checked(void *data)
{
    struct link *link = data;
    assert(link->magic == LINK_MAGIC);
    return link;
}

/* ---- Its end ------------------------------------------------------------------------------- */

static void release(struct link *link)
{
    if (link->over && link->held == 0 && link->context == NULL) {
        assert(link->requests == NULL);
        link->magic = 0;
        free(link->host);
        free(link);
    }
}

static void on_closed(uv_handle_t *handle)
{
    struct link *link = checked(handle->data);
    link->held--;
    release(link);
}

/* Its owner hears of it before the commands that wait do: they may ask whether it is up. */
static void end(struct link *link, const char *why)
{
    char text[REASON_MAX];
    if (link->over) {
        return;
    }
    link->over = true;
    uv_close((uv_handle_t *)&link->timer, on_closed);
    if (link->resolving) {
        uv_cancel((uv_req_t *)&link->resolve); /* its callback runs all the same */
    }
    if (why != NULL) {
        snprintf(text, sizeof(text), "%s", why); /* may be the context's */
        link->config.on_end(link->config.arg, text);
    }
    if (link->context != NULL) {
        redisAsyncFree(link->context); /* answers what waits; later, if this is such an answer */
    }
}

void link_close(struct link *link)
{
    end(checked(link), NULL);
}

/* ---- hiredis on libuv ---------------------------------------------------------------------- */

static void on_poll(uv_poll_t *poll, int status, int events)
{
    struct link *link = checked(poll->data);
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
    watch(data, checked(data)->events | UV_READABLE);
}

static void del_read(void *data)
{
    watch(data, checked(data)->events & ~UV_READABLE);
}

static void add_write(void *data)
{
    watch(data, checked(data)->events | UV_WRITABLE);
}

static void del_write(void *data)
{
    watch(data, checked(data)->events & ~UV_WRITABLE);
}

/* However it ends, hiredis frees the context after this. */
static void cleanup(void *data)
{
    struct link *link = checked(data);
    redisAsyncContext *context = link->context;
    link->context = NULL;
    uv_close((uv_handle_t *)&link->poll, on_closed);
    end(link, context->errstr[0] == '\0' ? "closed" : context->errstr);
}

static int attach(struct link *link, redisAsyncContext *context)
{
    if (uv_poll_init(link->config.loop, &link->poll, context->c.fd) != 0) {
        return ERR_IO;
    }
    link->held++;
    link->poll.data = link;
    link->context = context;
    context->data = link;
    context->ev.data = link;
    context->ev.addRead = add_read;
    context->ev.delRead = del_read;
    context->ev.addWrite = add_write;
    context->ev.delWrite = del_write;
    context->ev.cleanup = cleanup;
    return 0;
}

/* ---- Its beginning ------------------------------------------------------------------------- */

static void on_connect(const redisAsyncContext *context, int status)
{
    struct link *link = checked(context->data);
    if (status == REDIS_OK && !link->over) { /* else cleanup() follows */
        link->open = true;
        link->config.on_open(link->config.arg);
    }
}

static void fail(struct link *link, const char *why)
{
    snprintf(link->why, sizeof(link->why), "%s", why);
}

static void connect_to(struct link *link, redisAsyncContext *context)
{
    if (context == NULL || context->err != 0 || attach(link, context) != 0) {
        bool said = context != NULL && context->err != 0;
        fail(link, said ? context->errstr : "no memory or descriptor");
        if (context != NULL) {
            redisAsyncFree(context);
        }
        return;
    }
    redisAsyncSetConnectCallback(context, on_connect); /* starts to wait for the connection */
}

static void on_resolved(uv_getaddrinfo_t *request, int status, struct addrinfo *list)
{
    struct link *link = checked(request->data);
    size_t count = 0;
    link->held--;
    link->resolving = false;
    for (struct addrinfo *item = list; item != NULL; item = item->ai_next) {
        count++;
    }
    if (link->over || status != 0 || count == 0) {
        uv_freeaddrinfo(list);
        fail(link, status == 0 ? "no address" : uv_strerror(status));
        release(link);
        return;
    }
    struct addrinfo *chosen = list;
    for (size_t skip = link->config.turn % count; skip > 0; skip--) {
        chosen = chosen->ai_next;
    }
    char address[64] = "";
    getnameinfo(chosen->ai_addr, chosen->ai_addrlen, address, sizeof(address), NULL, 0,
                NI_NUMERICHOST);
    uv_freeaddrinfo(list);
    connect_to(link, redisAsyncConnect(address, link->config.port));
}

static void resolve(struct link *link)
{
    const struct addrinfo hints = {.ai_socktype = SOCK_STREAM};
    link->resolve.data = link;
    int err =
        uv_getaddrinfo(link->config.loop, &link->resolve, on_resolved, link->host, NULL, &hints);
    if (err != 0) {
        fail(link, uv_strerror(err));
        return;
    }
    link->held++;
    link->resolving = true;
}

static void on_tick(uv_timer_t *timer)
{
    struct link *link = checked(timer->data);
    const struct request *oldest = link->requests;
    link->tick++;
    if (link->why[0] != '\0') {
        end(link, link->why);
    } else if (!link->open && link->tick > OPEN_TICKS) {
        end(link, "no connection");
    } else if (oldest != NULL && link->tick - MAX(oldest->tick, link->moved) > ANSWER_TICKS) {
        end(link, "no answer");
    }
}

struct link *link_new(const struct link_config *config)
{
    struct link *link = mem_alloc(sizeof(*link));
    *link = (struct link){.magic = LINK_MAGIC, .config = *config, .host = mem_str(config->host)};
    uv_timer_init(config->loop, &link->timer);
    link->timer.data = link;
    link->held = 1;
    uv_timer_start(&link->timer, on_tick, TICK_MS, TICK_MS);
    if (link->host[0] == '/') {
        connect_to(link, redisAsyncConnectUnix(link->host));
    } else {
        resolve(link);
    }
    return link;
}

/* ---- Commands ------------------------------------------------------------------------------ */

static void on_reply(redisAsyncContext *context, void *data, void *private_data)
{
    struct request *request = private_data;
    struct link *link = checked(request->link);
    (void)context;
    DL_DELETE(link->requests, request);
    link->moved = link->tick;
    if (request->callback != NULL) {
        request->callback(request->arg, data);
    }
    free(request);
}

int link_send(struct link *link, struct row *row, redis_fn *callback, void *arg)
{
    checked(link);
    if (!link->open || link->over) {
        row_fini(row);
        return ERR_STATE;
    }
    struct request *request = mem_alloc(sizeof(*request));
    *request = (struct request){.link = link, .callback = callback, .arg = arg, .tick = link->tick};
    int rc = redisAsyncCommandArgv(link->context, on_reply, request, (int)row->count,
                                   (const char **)row->words, NULL);
    row_fini(row);
    if (rc != REDIS_OK) { /* it is being torn down: cleanup() follows */
        free(request);
        return ERR_STATE;
    }
    DL_APPEND(link->requests, request);
    return 0;
}

void link_login(struct link *link, const char *username, const char *password)
{
    struct row row;
    bool user = username[0] != '\0';
    const char *const words[] = {"AUTH", user ? username : password, password};
    if (password[0] != '\0') {
        row_of_words(&row, user ? 3 : 2, words);
        (void)link_send(link, &row, NULL, NULL);
    }
}
