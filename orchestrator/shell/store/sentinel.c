/* SPDX-License-Identifier: Apache-2.0
 *
 * Who is the master, according to Redis Sentinel.
 *
 * One of the Sentinels is asked twice a second, over one link; its answer is passed on when it is
 * another one than before. If it does not answer in time, or knows no such master, the next is
 * asked. They also publish +switch-master, but a question needs an answer anyway, to notice a
 * Sentinel that is gone; two ways to learn the same would differ one day.
 *
 * An answer may be outdated: whoever connects there looks at its ROLE (redis.c).
 */
#include "orchestrator/shell/store/internal.h"

#include <hiredis/hiredis.h>
#include <stdio.h>
#include <stdlib.h>

#define SENTINEL_MAGIC 0x73656e74
#define ASK_MS         500
#define ADDRESS_MAX    (STORE_HOST_MAX + 8)

struct sentinel {
    uint32_t magic;
    struct store_sentinels config;
    uv_loop_t *loop;
    const struct log_sink *log;
    sentinel_fn *on_master;
    void *arg;
    struct link *link; /* NULL: none now */
    size_t next;       /* to be asked */
    size_t silent;     /* in a row */
    bool open;
    bool asked;               /* and not answered yet */
    char master[ADDRESS_MAX]; /* said last; "": none */
    uv_timer_t timer;
};

static struct sentinel *checked(void *data)
{
    struct sentinel *sentinel = data;
    assert(sentinel->magic == SENTINEL_MAGIC);
    return sentinel;
}

/* The next one is tried with the next tick: a round of all takes half a second for each. */
static void gone(struct sentinel *sentinel, const char *why)
{
    sentinel->link = NULL;
    sentinel->open = sentinel->asked = false;
    sentinel->next = (sentinel->next + 1) % sentinel->config.count;
    if (++sentinel->silent == sentinel->config.count) {
        log_write(sentinel->log, LOG_WARN, "store_sentinels_silent count=%zu reason=\"%s\"",
                  sentinel->config.count, why);
    }
}

static void on_end(void *arg, const char *why)
{
    gone(checked(arg), why);
}

static void give_up(struct sentinel *sentinel, const char *why)
{
    struct link *link = sentinel->link;
    gone(sentinel, why);
    link_close(link);
}

static void tell(struct sentinel *sentinel, const char *host, const char *port)
{
    char master[ADDRESS_MAX];
    long number = strtol(port, NULL, 10);
    if (number <= 0 || number > UINT16_MAX || strlen(host) >= STORE_HOST_MAX) {
        give_up(sentinel, "an address that makes no sense");
        return;
    }
    sentinel->silent = 0;
    snprintf(master, sizeof(master), "%s %s", host, port);
    if (strcmp(master, sentinel->master) == 0) {
        return;
    }
    snprintf(sentinel->master, sizeof(sentinel->master), "%s", master);
    log_write(sentinel->log, LOG_INFO, "store_master host=%s port=%ld", host, number);
    sentinel->on_master(sentinel->arg, host, (uint16_t)number);
}

static void on_answer(void *arg, const struct redisReply *reply)
{
    struct sentinel *sentinel = arg;
    if (reply == NULL) {
        return; /* its end was told, or it is being freed */
    }
    checked(sentinel)->asked = false;
    bool pair = reply->type == REDIS_REPLY_ARRAY && reply->elements == 2 &&
                reply->element[0]->type == REDIS_REPLY_STRING &&
                reply->element[1]->type == REDIS_REPLY_STRING;
    if (pair) {
        tell(sentinel, reply->element[0]->str, reply->element[1]->str);
    } else {
        give_up(sentinel, reply->type == REDIS_REPLY_ERROR ? reply->str : "no such master");
    }
}

static void ask(struct sentinel *sentinel)
{
    struct row row;
    const char *const words[] = {"SENTINEL", "get-master-addr-by-name", sentinel->config.master};
    if (sentinel->asked) {
        return;
    }
    row_of_words(&row, ARRAY_LEN(words), words);
    sentinel->asked = link_send(sentinel->link, &row, on_answer, sentinel) == 0;
}

static void on_open(void *arg)
{
    struct sentinel *sentinel = checked(arg);
    sentinel->open = true;
    link_login(sentinel->link, "", sentinel->config.password);
    ask(sentinel);
}

static void on_tick(uv_timer_t *timer)
{
    struct sentinel *sentinel = checked(timer->data);
    if (sentinel->link != NULL) {
        if (sentinel->open) {
            ask(sentinel);
        }
        return;
    }
    const struct store_host *host = &sentinel->config.hosts[sentinel->next];
    sentinel->link = link_new(&(struct link_config){.loop = sentinel->loop,
                                                    .host = host->name,
                                                    .port = host->port,
                                                    .on_open = on_open,
                                                    .on_end = on_end,
                                                    .arg = sentinel});
}

struct sentinel *sentinel_new(const struct store_sentinels *config, uv_loop_t *loop,
                              const struct log_sink *log, sentinel_fn *on_master, void *arg)
{
    assert(config->count > 0 && config->count <= STORE_SENTINELS_MAX);
    struct sentinel *sentinel = mem_alloc(sizeof(*sentinel));
    *sentinel = (struct sentinel){.magic = SENTINEL_MAGIC,
                                  .config = *config,
                                  .loop = loop,
                                  .log = log,
                                  .on_master = on_master,
                                  .arg = arg};
    uv_timer_init(loop, &sentinel->timer);
    sentinel->timer.data = sentinel;
    uv_timer_start(&sentinel->timer, on_tick, 0, ASK_MS);
    return sentinel;
}

static void on_closed(uv_handle_t *handle)
{
    struct sentinel *sentinel = checked(handle->data);
    sentinel->magic = 0;
    free(sentinel);
}

void sentinel_free(struct sentinel *sentinel)
{
    if (checked(sentinel)->link != NULL) {
        link_close(sentinel->link);
    }
    uv_close((uv_handle_t *)&sentinel->timer, on_closed);
}
