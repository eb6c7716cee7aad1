/* SPDX-License-Identifier: Apache-2.0
 *
 * Private to orchestrator/shell/store: the two kinds of store and the rows they are given.
 */
#ifndef ORCHESTRATOR_SHELL_STORE_INTERNAL_H
#define ORCHESTRATOR_SHELL_STORE_INTERNAL_H

#include "orchestrator/shell/store/store.h"

/* ---- rows.c: a row as the words of one Redis command -------------------------------------------
 */
#define ROW_FIELDS_MAX 32
#define ROW_NODE_HEAD  5 /* EVAL script 1 key TTL (field value)... */
#define ROW_WORDS_MAX  (ROW_NODE_HEAD + 2 * ROW_FIELDS_MAX)

struct row {
    char *words[ROW_WORDS_MAX]; /* owned */
    size_t count;
};

/* Sets the fields of spillway:node:<id>, and when it expires. ERR_INVALID: json is no object of at
 * most ROW_FIELDS_MAX numbers and strings, or empty. */
int row_of_node(struct row *out, const char *id, const char *json);
void row_of_words(struct row *out, size_t count, const char *const *words);
void row_fini(struct row *row);

void row_node_key(char *out, size_t len, const char *id);
void row_room_key(char *out, size_t len, const char *name);
void row_presence_key(char *out, size_t len, const char *id); /* id "": their common start */
#define ROW_KEY_MAX 320 /* longer names are cut, which can only make two rooms share a hint */

/* ---- memory.c ----------------------------------------------------------------------------------
 */
struct memory;
struct memory *memory_new(const uv_loop_t *loop); /* borrowed, for its clock */
void memory_free(struct memory *memory);
void memory_room(struct memory *memory, const struct store_room *room);
void memory_room_gone(struct memory *memory, const char *name);
/* False if there is none. *out is borrowed until the next change. */
bool memory_room_get(const struct memory *memory, const char *name, struct store_room *out);

/* row: as made by row_of_node. */
void memory_node(struct memory *memory, const char *id, const struct row *row);
void memory_node_gone(struct memory *memory, const char *id);
/* What place.lua does. */
void memory_place(struct memory *memory, const char *owner, const struct store_place *place,
                  struct store_placed *out);

/* ---- place.c: the script on Redis ----
 */
struct redis;
struct scripts;
extern const char place_script[];                  /* place.lua, embedded */
struct scripts *scripts_new(struct redis **redis); /* borrowed */
void scripts_free(struct scripts *scripts);
void scripts_load(struct scripts *scripts); /* connected, again perhaps */
void scripts_place(struct scripts *scripts, const char *owner, const struct store_place *place,
                   store_place_fn *callback, void *arg);

/* ---- claims.c: ownership, each verb one script -------------------------------------------------
 */
void row_of_claim(struct row *out, const char *owner, const struct store_claim *claim);
void row_of_look(struct row *out, const char *room);
void row_of_renewal(struct row *out, const struct store_room *room);
void row_of_release(struct row *out, const char *owner, const char *room, uint64_t epoch);

/* ---- released.c: rooms given up whose release Redis has not heard yet --------------------------
 */
#define RELEASED_MAX 10000 /* the oldest is forgotten: its row expires */
struct released;
struct released *released_new(struct redis **redis, const char *owner); /* both borrowed */
void released_free(struct released *released);                          /* after redis_free() */
void released_add(struct released *released, const char *room, uint64_t epoch);
/* Sends up to so many of them, the oldest first. */
void released_say(struct released *released, size_t count);

/* ---- sizes.c: how many people rooms of a name had ---- */
#define SIZES_KEY "spillway:sizes"
void row_of_size(struct row *out, const char *room, uint32_t people, uint32_t names_max);

/* ---- reservations.c ---- */
#define RESERVATIONS_KEY "spillway:reservations"
void row_of_reservation(struct row *out, const struct store_reservation *reservation);

/* ---- link.c: one connection, from resolving the name to its end --------------------------------
 */

/* An answer; reply is NULL when the connection ended before it came. */
struct redisReply;
typedef void redis_fn(void *arg, const struct redisReply *reply);

struct link;
struct link_config {
    uv_loop_t *loop;
    const char *host; /* as store_config.redis_host; copied */
    uint16_t port;
    size_t turn; /* which of the name's addresses, modulo their number */
    void (*on_open)(void *arg);
    /* Once, not before link_new() returns, and not after link_close(). The link is gone. */
    void (*on_end)(void *arg, const char *why);
    void *arg;
};
struct link *link_new(const struct link_config *config);
/* What waits for an answer gets none: at once, or after the callback in which this is called. */
void link_close(struct link *link);
/* Sends one command and clears row. ERR_STATE: it is not open; callback never runs. */
int link_send(struct link *link, struct row *row, redis_fn *callback, void *arg);
/* password "": needs none. If it is wrong, the next answer is an error. */
void link_login(struct link *link, const char *username, const char *password);

/* ---- sentinel.c: who the master is -------------------------------------------------------------
 */
struct sentinel;
typedef void sentinel_fn(void *arg, const char *host, uint16_t port);
/* on_master: whenever it is another one than before, the first one included. */
struct sentinel *sentinel_new(const struct store_sentinels *config, uv_loop_t *loop,
                              const struct log_sink *log, sentinel_fn *on_master, void *arg);
void sentinel_free(struct sentinel *sentinel);

/* ---- redis.c: the connection that is opened again and again ------------------------------------
 */
struct redis;

struct redis_config {
    uv_loop_t *loop;
    const char *host;
    uint16_t port;
    const char *username, *password;  /* outlive the connection */
    struct store_sentinels sentinels; /* count 0: host and port */
    const struct log_sink *log;
    struct store_stats *stats; /* kept up to date; outlives the connection */
    void (*on_up)(void *arg);
    void (*on_down)(void *arg);
    void *arg;
};

struct redis *redis_new(const struct redis_config *config);
void redis_free(struct redis *redis);

/* Sends one command and clears row. ERR_STATE: not connected, ERR_FULL: too many without an answer;
 * then it is dropped and counted, and callback never runs. callback may be NULL. */
int redis_send(struct redis *redis, struct row *row, redis_fn *callback, void *arg);

#endif
