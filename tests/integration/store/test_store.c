/* SPDX-License-Identifier: Apache-2.0
 *
 * Goal: rows reach a real Redis as the contract says and come back; whatever happens to that Redis,
 * the caller never waits, every loss is counted, and a Redis that returns is told everything again.
 *
 * The test starts redis-server itself, on a unix socket or a TCP port of its own, and looks at what
 * arrived over a second, blocking connection.
 */
#include "orchestrator/shell/store/store.h"
#include "tests/integration/store/process.h"

#include <hiredis/hiredis.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include <setjmp.h>

#include <cmocka.h>

#define TIMEOUT_NS 20000000000u

static uv_loop_t loop;
static char dir[64];
static char socket_path[96];
static uint16_t tcp_port;
static pid_t server;

struct seen {
    uint64_t ups;
    uint64_t answers;
    int err;
    char node[64];
    char owner[64];
    uint64_t epoch;
};

static void on_up(void *arg)
{
    ((struct seen *)arg)->ups++;
}

static void on_room(void *arg, int err, const struct store_room *row)
{
    struct seen *seen = arg;
    seen->answers++;
    seen->err = err;
    if (err == 0) {
        snprintf(seen->node, sizeof(seen->node), "%s", row->node);
        snprintf(seen->owner, sizeof(seen->owner), "%s", row->owner);
        seen->epoch = row->epoch;
    }
}

/* ---- redis-server
 * ---------------------------------------------------------------------------------- */

static void server_start(void)
{
    char port[8];
    snprintf(port, sizeof(port), "%d", tcp_port);
    server = process_start((const char *const[]){"redis-server", "--port", port, "--bind",
                                                 "127.0.0.1", "--unixsocket", socket_path, "--save",
                                                 "", "--appendonly", "no", "--dir", dir, NULL});
}

static void server_kill(void)
{
    process_kill(&server);
}

static void run_until(const uint64_t *value, uint64_t at_least)
{
    loop_until(&loop, value, at_least);
}

/* The answer to one command, over a connection of the test's own, as text. */
static const char *ask(const char *command)
{
    static char text[128];
    redisContext *context = redisConnectUnix(socket_path);
    assert_int_equal(context->err, 0);
    redisReply *reply = redisCommand(context, command);
    assert_non_null(reply);
    if (reply->type == REDIS_REPLY_INTEGER) {
        snprintf(text, sizeof(text), "%lld", reply->integer);
    } else {
        snprintf(text, sizeof(text), "%s", reply->str == NULL ? "(nil)" : reply->str);
    }
    freeReplyObject(reply);
    redisFree(context);
    return text;
}

static struct store *open_store(struct seen *seen, const char *host, uint16_t port)
{
    *seen = (struct seen){0};
    return store_new(&(struct store_config){.loop = &loop,
                                            .redis_host = host,
                                            .redis_port = port,
                                            .owner = "OR_1",
                                            .on_up = on_up,
                                            .arg = seen});
}

static int setup(void **state)
{
    (void)state;
    snprintf(dir, sizeof(dir), "/tmp/store_test_XXXXXX");
    if (mkdtemp(dir) == NULL) {
        return -1;
    }
    snprintf(socket_path, sizeof(socket_path), "%s/redis.sock", dir);
    tcp_port = free_port();
    return uv_loop_init(&loop);
}

static int teardown(void **state)
{
    (void)state;
    server_kill();
    unlink(socket_path);
    rmdir(dir);
    uv_run(&loop, UV_RUN_DEFAULT);
    return uv_loop_close(&loop); /* busy if the store left anything behind */
}

/* ---- Tests
 * ------------------------------------------------------------------------------------------- */

static void check_rows(struct store *store, struct seen *seen)
{
    const struct store_stats *stats = store_stats(store);
    run_until(&seen->ups, 1);
    store_node(store, "ND_1", "{\"weight\": 42, \"cpu\": 0.5, \"region\": \"eu west\"}");
    store_room(store, &(struct store_room){.name = "a room", .node = "ND_1", .epoch = 7});
    store_room_get(store, "a room", on_room, seen);
    run_until(&seen->answers, 1);
    assert_int_equal(seen->err, 0);
    assert_string_equal(seen->node, "ND_1");
    assert_string_equal(seen->owner, "OR_1");
    assert_int_equal(seen->epoch, 7);
    assert_string_equal(ask("HGET spillway:node:ND_1 weight"), "42");
    assert_string_equal(ask("HGET spillway:node:ND_1 cpu"), "0.5");
    assert_string_equal(ask("HGET spillway:node:ND_1 region"), "eu west");
    assert_string_equal(ask("TTL spillway:node:ND_1"), "10");
    assert_int_equal(stats->pending, 0);
    assert_true(stats->written >= 5); /* with the script; the presence again every 500 ms */

    store_node_gone(store, "ND_1");
    store_room_gone(store, "a room", 7);
    store_room_get(store, "a room", on_room, seen);
    run_until(&seen->answers, 2);
    assert_int_equal(seen->err, ERR_NOT_FOUND);
    assert_string_equal(ask("EXISTS spillway:node:ND_1"), "0");
    assert_int_equal(stats->failed + stats->dropped, 0);
}

static void test_rows_over_unix_socket(void **state)
{
    (void)state;
    struct seen seen;
    server_start();
    struct store *store = open_store(&seen, socket_path, 0);
    check_rows(store, &seen);
    store_free(store);
}

static void test_rows_over_tcp_by_name(void **state)
{
    (void)state;
    struct seen seen;
    server_start();
    struct store *store = open_store(&seen, "localhost", tcp_port);
    check_rows(store, &seen);
    store_free(store);
}

static void test_bad_rows_are_dropped(void **state)
{
    (void)state;
    static const char *const bad[] = {"",     "{}",          "[1]",       "{\"a\": null}",
                                      "nope", "{\"a\": {}}", "{\"a\": 1", "7"};
    struct seen seen;
    server_start();
    struct store *store = open_store(&seen, socket_path, 0);
    run_until(&store_stats(store)->written, 2); /* the script, the presence */
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        store_node(store, "ND_1", bad[i]);
    }
    assert_int_equal(store_stats(store)->dropped, ARRAY_LEN(bad));
    assert_int_equal(store_stats(store)->pending, 0);
    store_free(store);
}

/* No Redis at all, then one that dies and comes back empty. */
static void test_outage(void **state)
{
    (void)state;
    struct seen seen;
    struct store *store = open_store(&seen, "127.0.0.1", tcp_port);
    const struct store_stats *stats = store_stats(store);
    store_node(store, "ND_1", "{\"weight\": 1}");
    assert_int_equal(stats->dropped, 1);
    store_room_get(store, "r", on_room, &seen);
    assert_int_equal(seen.answers, 1); /* at once: there is nobody to ask */
    assert_int_equal(seen.err, ERR_IO);
    for (int i = 0; i < 300; i++) {
        uv_run(&loop, UV_RUN_NOWAIT);
        usleep(1000);
    }
    assert_false(stats->up);

    server_start();
    run_until(&seen.ups, 1);
    store_room(store, &(struct store_room){.name = "r", .node = "ND_1", .epoch = 1});
    run_until(&stats->written, 3); /* with the script */

    store_room_get(store, "r", on_room, &seen);
    server_kill();
    run_until(&seen.answers, 2); /* with or without the row, but answered */
    uint64_t deadline = uv_hrtime() + TIMEOUT_NS;
    while (stats->up && uv_hrtime() < deadline) {
        uv_run(&loop, UV_RUN_NOWAIT);
    }
    assert_false(stats->up);
    assert_int_equal(stats->pending, 0);
    unlink(socket_path);
    server_start();
    run_until(&seen.ups, 2);
    assert_int_equal(stats->connects, 2);
    store_room_get(store, "r", on_room, &seen);
    run_until(&seen.answers, 3);
    assert_int_equal(seen.err, ERR_NOT_FOUND);
    store_free(store);
}

/* A Redis that hangs: the queue is bounded, its connection is given up, and nobody waits. */
static void test_hung_redis(void **state)
{
    (void)state;
    struct seen seen;
    server_start();
    struct store *store = open_store(&seen, socket_path, 0);
    const struct store_stats *stats = store_stats(store);
    run_until(&stats->written, 2); /* the script, the presence */
    kill(server, SIGSTOP);
    store_room_get(store, "r", on_room, &seen);
    for (size_t i = 0; i < STORE_PENDING_MAX; i++) {
        store_node_gone(store, "ND_1");
    }
    assert_int_equal(stats->pending, STORE_PENDING_MAX);
    assert_int_equal(stats->dropped, 1);
    run_until(&seen.answers, 1);
    assert_int_equal(seen.err, ERR_IO);
    assert_int_equal(stats->pending, 0);
    assert_int_equal(stats->failed, STORE_PENDING_MAX);
    kill(server, SIGCONT);
    run_until(&seen.ups, 2);
    store_free(store);
}

/* Whatever is under way when the store goes is answered first. */
static void test_free_answers(void **state)
{
    (void)state;
    struct seen seen;
    server_start();
    struct store *store = open_store(&seen, socket_path, 0);
    run_until(&seen.ups, 1);
    store_room_get(store, "r", on_room, &seen);
    store_free(store);
    assert_int_equal(seen.answers, 1);
    assert_int_equal(seen.err, ERR_IO);
    store_free(open_store(&seen, "localhost", tcp_port)); /* while it resolves */
    store = open_store(&seen, "127.0.0.1", 1);
    for (int i = 0; i < 50; i++) {
        uv_run(&loop, UV_RUN_NOWAIT);
        usleep(1000);
    }
    store_free(store); /* while it waits for its next attempt */
}

/* What stores were told of claims, in order: "1: OR_1 5\n". */
struct claims {
    uint64_t answers;
    char story[512];
    size_t len;
    uint64_t lost;
};

static void on_claim(void *arg, const char *room, int err, const char *owner, uint64_t epoch)
{
    struct claims *claims = arg;
    (void)room;
    assert_int_equal(err, 0);
    claims->answers++;
    claims->len +=
        (size_t)snprintf(claims->story + claims->len, sizeof(claims->story) - claims->len,
                         "%s %llu\n", owner, (unsigned long long)epoch);
}

static void on_lost(void *arg, const char *room)
{
    struct claims *claims = arg;
    assert_string_equal(room, "room");
    claims->lost++;
}

static void on_claimer_up(void *arg)
{
    ((struct claims *)arg)->answers++;
}

static struct store *open_claimer(const char *owner, struct claims *claims)
{
    struct store *store = store_new(&(struct store_config){.loop = &loop,
                                                           .redis_host = socket_path,
                                                           .owner = owner,
                                                           .on_up = on_claimer_up,
                                                           .on_lost = on_lost,
                                                           .arg = claims});
    run_until(&claims->answers, 1);
    claims->answers = 0;
    return store;
}

static void claim(struct store *store, struct claims *claims, bool look)
{
    uint64_t wanted = claims->answers + 1;
    store_claim(store, &(struct store_claim){.room = "room", .epoch_min = 5, .look = look},
                on_claim, claims);
    run_until(&claims->answers, wanted);
}

/* Goal: who claims first owns; both hear the same; the next owner has a higher epoch, and comes
 * after a release or when the owner is not present any more. What an old owner writes late changes
 * nothing, and tells it so. */
static void test_claims(void **state)
{
    (void)state;
    struct claims a = {0}, b = {0};
    server_start();
    struct store *first = open_claimer("OR_1", &a), *second = open_claimer("OR_2", &b);
    claim(first, &a, true);
    claim(first, &a, false);
    claim(second, &b, false);
    claim(first, &a, false);
    claim(second, &b, true);
    assert_string_equal(a.story, " 0\nOR_1 5\nOR_1 5\n");
    assert_string_equal(b.story, "OR_1 5\nOR_1 5\n");

    store_room(first, &(struct store_room){.name = "room", .node = "ND_1", .epoch = 5});
    store_room_gone(second, "room", 5); /* not its own */
    store_room_gone(first, "room", 4);  /* not the present one */
    claim(second, &b, true);
    assert_string_equal(ask("HGET spillway:room:room node"), "ND_1");
    ask("DEL spillway:orchestrator:OR_1"); /* it died */
    b.len = 0;
    claim(second, &b, false);
    assert_string_equal(b.story, "OR_2 6\n");
    assert_string_equal(ask("HEXISTS spillway:room:room node"), "0");
    store_room(first, &(struct store_room){.name = "room", .node = "ND_1", .epoch = 5});
    run_until(&a.lost, 1);
    assert_string_equal(ask("HGET spillway:room:room owner"), "OR_2");

    store_room_gone(second, "room", 6);
    b.len = 0;
    claim(second, &b, true);
    assert_string_equal(b.story, " 0\n");
    assert_int_equal(store_stats(first)->failed + store_stats(second)->failed, 0);
    store_free(first);
    store_free(second);
}

/* Goal: a presence is there while its owner is connected, and not much longer. */
static void test_presence(void **state)
{
    (void)state;
    struct claims claims = {0};
    server_start();
    struct store *store = open_claimer("OR_1", &claims);
    claim(store, &claims, true);
    long long ttl_ms = strtoll(ask("PTTL spillway:orchestrator:OR_1"), NULL, 10);
    assert_in_range(ttl_ms, STORE_PRESENCE_MS / 2, STORE_PRESENCE_MS);
    uint64_t until = uv_hrtime() + (STORE_PRESENCE_MS + 200) * 1000000ull;
    while (uv_hrtime() < until) {
        uv_run(&loop, UV_RUN_NOWAIT);
        usleep(1000);
    }
    assert_string_equal(ask("EXISTS spillway:orchestrator:OR_1"), "1");
    store_free(store);
}

static void test_memory(void **state)
{
    (void)state;
    struct seen seen;
    struct store *store = open_store(&seen, NULL, 0);
    assert_true(store_stats(store)->up);
    assert_false(store_stats(store)->redis);
    store_node(store, "ND_1", "{\"weight\": 1}");
    store_room_get(store, "r", on_room, &seen);
    assert_int_equal(seen.err, ERR_NOT_FOUND);
    store_room(store, &(struct store_room){.name = "r", .node = "ND_1", .epoch = 1});
    store_room(store, &(struct store_room){.name = "r", .node = "ND_2", .epoch = 2});
    store_room_get(store, "r", on_room, &seen);
    assert_string_equal(seen.node, "ND_2");
    assert_string_equal(seen.owner, "OR_1");
    assert_int_equal(seen.epoch, 2);
    store_room_gone(store, "r", 1);
    store_room_get(store, "r", on_room, &seen);
    assert_int_equal(seen.err, ERR_NOT_FOUND);
    assert_int_equal(seen.answers, 3);
    store_free(store);
}

/* ---- Placing: the same story on both kinds ----
 */

struct answer {
    uint64_t answers;
    int err;
    enum store_place_status status;
    char node[64];
    char owner[64];
    uint64_t epoch;
};

static void on_placed(void *arg, int err, const struct store_placed *placed)
{
    struct answer *answer = arg;
    answer->answers++;
    answer->err = err;
    if (err == 0) {
        answer->status = placed->status;
        answer->epoch = placed->epoch;
        snprintf(answer->node, sizeof(answer->node), "%s", placed->node);
        snprintf(answer->owner, sizeof(answer->owner), "%s", placed->owner);
    }
}

static const char *const nodes[] = {"ND_1", "ND_2"};

static struct store_place place_of(const char *room, uint64_t epoch, const char *request,
                                   uint32_t weight)
{
    return (struct store_place){.room = room,
                                .epoch = epoch,
                                .request = request,
                                .weight = weight,
                                .permille = 800,
                                .hold_ms = STORE_HOLD_MS,
                                .nodes = nodes,
                                .node_count = ARRAY_LEN(nodes)};
}

static struct answer ask_place(struct store *store, const struct store_place *place)
{
    struct answer answer = {0};
    store_place(store, place, on_placed, &answer);
    run_until(&answer.answers, 1);
    return answer;
}

static void check_placed(struct store *store, const char *room, uint64_t epoch, const char *request,
                         uint32_t weight, const char *node)
{
    struct store_place place = place_of(room, epoch, request, weight);
    struct answer answer = ask_place(store, &place);
    assert_int_equal(answer.err, 0);
    assert_int_equal(answer.status, node[0] == '\0' ? STORE_FULL : STORE_PLACED);
    assert_string_equal(answer.node, node);
    assert_int_equal(answer.epoch, epoch);
    assert_string_equal(answer.owner, "OR_1");
}

static void check_placing(struct store *store)
{
    struct seen seen = {0};
    struct store_place place = place_of("a", 5, "q0", 10);
    assert_int_equal(ask_place(store, &place).status, STORE_UNKNOWN);
    store_node(store, "ND_1", "{\"weight\": 100, \"capacity\": 1000}");
    store_node(store, "ND_2", "{\"weight\": 300, \"capacity\": 1000}");
    check_placed(store, "a", 5, "q1", 10, "ND_1");

    /* The same request again does nothing again; 295 + 10 are less than 300 + 10. */
    place = place_of("a", 5, "q1", 10);
    struct answer answer = ask_place(store, &place);
    assert_int_equal(answer.status, STORE_PLACED_BEFORE);
    assert_string_equal(answer.node, "ND_1");
    check_placed(store, "b", 5, "q2", 185, "ND_1");
    check_placed(store, "c", 5, "q3", 10, "ND_1");
    check_placed(store, "d", 5, "q4", 10, "ND_2");

    /* An older epoch is told who holds it; a newer one takes it. */
    place = place_of("a", 4, "q5", 10);
    answer = ask_place(store, &place);
    assert_int_equal(answer.status, STORE_STALE);
    assert_string_equal(answer.node, "ND_1");
    assert_int_equal(answer.epoch, 5);
    check_placed(store, "a", 6, "q1", 10, "ND_1"); /* 315 against 320 */
    store_room_get(store, "a", on_room, &seen);
    run_until(&seen.answers, 1);
    assert_int_equal(seen.epoch, 6);

    /* Full leaves nothing behind: exactly what is left still goes. */
    check_placed(store, "e", 5, "q6", 491, "");
    store_room_get(store, "e", on_room, &seen);
    run_until(&seen.answers, 2);
    assert_int_equal(seen.err, ERR_NOT_FOUND);
    check_placed(store, "e", 5, "q7", 490, "ND_2");
    check_placed(store, "f", 5, "q8", 485, "ND_1");
    check_placed(store, "g", 5, "q9", 1, "");

    /* A report replaces its part of the row and nothing else. */
    store_node(store, "ND_1", "{\"weight\": 99, \"capacity\": 1000}");
    check_placed(store, "h", 5, "q10", 1, "ND_1");
    check_placed(store, "i", 5, "q11", 1, "");
    store_node_gone(store, "ND_1");
    store_node_gone(store, "ND_2");
    place = place_of("j", 5, "q12", 1);
    assert_int_equal(ask_place(store, &place).status, STORE_UNKNOWN);
}

static void wait_ms(uint64_t ms)
{
    uint64_t deadline = uv_hrtime() + ms * 1000000;
    while (uv_hrtime() < deadline) {
        uv_run(&loop, UV_RUN_NOWAIT);
        usleep(1000);
    }
}

/* What nobody comes for is free again after twice the time. */
static void check_expiry(struct store *store)
{
    store_node(store, "ND_1", "{\"weight\": 0, \"capacity\": 1000}");
    struct store_place place = place_of("x", 1, "r1", 600);
    place.hold_ms = 1000;
    assert_int_equal(ask_place(store, &place).status, STORE_PLACED);
    place.room = "y";
    assert_int_equal(ask_place(store, &place).status, STORE_FULL);
    wait_ms(2100);
    assert_int_equal(ask_place(store, &place).status, STORE_PLACED);
}

static void test_placing_in_memory(void **state)
{
    (void)state;
    struct seen seen;
    struct store *store = open_store(&seen, NULL, 0);
    check_placing(store);
    check_expiry(store);
    store_free(store);
}

static void test_placing_on_redis(void **state)
{
    (void)state;
    struct seen seen, other_seen;
    server_start();
    struct store *store = open_store(&seen, socket_path, 0);
    struct answer away = {0};
    struct store_place place = place_of("a", 1, "q", 1);
    store_place(store, &place, on_placed, &away);
    assert_int_equal(away.answers, 1); /* at once: there is nobody to ask yet */
    assert_int_equal(away.err, ERR_IO);
    run_until(&seen.ups, 1);
    check_placing(store);
    check_expiry(store);

    /* Another orchestrator sees what was reserved, and does not take a room of the same epoch. */
    other_seen = (struct seen){0};
    struct store *other = store_new(&(struct store_config){.loop = &loop,
                                                           .redis_host = socket_path,
                                                           .owner = "OR_2",
                                                           .on_up = on_up,
                                                           .arg = &other_seen});
    run_until(&other_seen.ups, 1);
    store_node(store, "ND_1", "{\"weight\": 0, \"capacity\": 1000}");
    store_node(store, "ND_2", "{\"weight\": 0, \"capacity\": 1000}");
    check_placed(store, "shared", 9, "s1", 300, "ND_1");
    place = place_of("shared", 9, "s1", 300);
    struct answer answer = ask_place(other, &place);
    assert_int_equal(answer.status, STORE_STALE);
    assert_string_equal(answer.owner, "OR_1");
    place = place_of("theirs", 9, "s2", 300);
    answer = ask_place(other, &place);
    assert_int_equal(answer.status, STORE_PLACED);
    assert_string_equal(answer.node, "ND_2");
    assert_string_equal(answer.owner, "OR_2");

    /* A Redis that forgot the script. */
    assert_string_equal(ask("SCRIPT FLUSH"), "OK");
    check_placed(store, "flushed", 9, "s3", 1, "ND_1");
    check_placed(store, "flushed", 10, "s4", 1, "ND_2");
    store_free(other);
    store_place(store, &place, on_placed, &answer);
    store_free(store);
    assert_int_equal(answer.answers, 2);
    assert_int_equal(answer.err, ERR_IO);
}

/* Two orchestrators race for the same few nodes with everything on the way at once: what is placed
 * is exactly what fits. */
static void test_placing_races(void **state)
{
    (void)state;
    enum { RACERS = 2, ROOMS = 400, WEIGHT = 10 };
    static struct answer answers[RACERS][ROOMS];
    struct seen seen[RACERS];
    struct store *stores[RACERS];
    size_t placed = 0;
    server_start();
    for (size_t i = 0; i < RACERS; i++) {
        stores[i] = open_store(&seen[i], socket_path, 0);
        run_until(&seen[i].ups, 1);
    }
    store_node(stores[0], "ND_1", "{\"weight\": 0, \"capacity\": 1000}");
    store_node(stores[0], "ND_2", "{\"weight\": 200, \"capacity\": 1000}");
    run_until(&store_stats(stores[0])->written, 4);
    for (size_t r = 0; r < ROOMS; r++) {
        for (size_t i = 0; i < RACERS; i++) {
            char room[32];
            snprintf(room, sizeof(room), "race %zu/%zu", i, r);
            struct store_place place = place_of(room, 1, room, WEIGHT);
            store_place(stores[i], &place, on_placed, &answers[i][r]);
        }
    }
    for (size_t i = 0; i < RACERS; i++) {
        for (size_t r = 0; r < ROOMS; r++) {
            run_until(&answers[i][r].answers, 1);
            assert_int_equal(answers[i][r].err, 0);
            placed += answers[i][r].status == STORE_PLACED;
        }
        store_free(stores[i]);
    }
    assert_int_equal(placed, (800 + 600) / WEIGHT);
}

static void on_size(void *arg, const char *room, uint32_t people)
{
    struct seen *seen = arg;
    seen->answers++;
    seen->epoch = people;
    snprintf(seen->node, sizeof(seen->node), "%s", room);
}

static uint64_t size_of(struct store *store, const char *room)
{
    struct seen seen = {0};
    store_size_get(store, room, on_size, &seen);
    run_until(&seen.answers, 1);
    assert_string_equal(seen.node, room);
    return seen.epoch;
}

/* Goal: sizes go up at once and down by half; the least recent names make place; old ones go. */
static void test_sizes(void **state)
{
    (void)state;
    struct seen seen = {0};
    server_start();
    struct store *store = store_new(&(struct store_config){.loop = &loop,
                                                           .redis_host = socket_path,
                                                           .owner = "OR_1",
                                                           .sizes_max = 3,
                                                           .on_up = on_up,
                                                           .arg = &seen});
    assert_int_equal(size_of(store, "a b"), 0); /* nobody to ask yet */
    run_until(&seen.ups, 1);
    assert_int_equal(size_of(store, "a b"), 0);
    store_size(store, "a b", 10);
    assert_int_equal(size_of(store, "a b"), 10);
    store_size(store, "a b", 3);
    assert_int_equal(size_of(store, "a b"), 6);
    store_size(store, "a b", 7);
    assert_int_equal(size_of(store, "a b"), 7);
    ask("ZADD spillway:sizes:at 1000 old");
    ask("HSET spillway:sizes old 5");
    assert_int_equal(size_of(store, "old"), 5);
    store_size(store, "b", 1);
    assert_int_equal(size_of(store, "old"), 0);
    assert_int_equal(size_of(store, "a b"), 7);
    char last_week[64];
    snprintf(last_week, sizeof(last_week), "ZADD spillway:sizes:at XX %lld b",
             (long long)time(NULL) - 7 * 86400);
    ask(last_week);
    store_size(store, "c", 1);
    store_size(store, "d", 1); /* one too many */
    assert_int_equal(size_of(store, "b"), 0);
    assert_int_equal(size_of(store, "a b"), 7);
    assert_int_equal(size_of(store, "d"), 1);
    assert_string_equal(ask("ZCARD spillway:sizes:at"), "3");
    assert_string_equal(ask("HLEN spillway:sizes"), "3");
    assert_in_range(strtol(ask("TTL spillway:sizes"), NULL, 10), 30 * 86400 - 60, 30 * 86400);
    store_free(store);

    store = open_store(&seen, NULL, 0); /* without Redis: none */
    store_size(store, "a", 10);
    assert_int_equal(size_of(store, "a"), 0);
    store_free(store);
}

static void on_reservation(void *arg, const char *text)
{
    struct seen *seen = arg;
    seen->answers++;
    snprintf(seen->node, sizeof(seen->node), "%s", text);
}

static const char *the_reservation(struct store *store)
{
    struct seen seen = {0};
    store_reservations_get(store, on_reservation, &seen);
    run_until(&seen.answers, 1);
    static char text[sizeof(seen.node)];
    memcpy(text, seen.node, sizeof(text));
    return text;
}

/* Goal: the later version stays, whoever writes last; what is over goes; all of it expires. */
static void test_reservations(void **state)
{
    (void)state;
    struct seen seen = {0};
    server_start();
    struct store *store = open_store(&seen, socket_path, 0);
    store_reservations_get(store, on_reservation, &seen); /* nobody to ask yet: no answer */
    run_until(&seen.ups, 1);
    assert_int_equal(seen.answers, 0);
    struct store_reservation some = {"RV_1", "{\"changed_us\":20}", 100};
    store_reservation(store, &some);
    assert_string_equal(the_reservation(store), some.text);
    some.text = "{\"changed_us\":10}";
    store_reservation(store, &some);
    assert_string_equal(the_reservation(store), "{\"changed_us\":20}");
    some.text = "{\"changed_us\":30}";
    some.left_s = 50;
    store_reservation(store, &some);
    assert_string_equal(the_reservation(store), some.text);
    assert_in_range(strtol(ask("TTL spillway:reservations"), NULL, 10), 90, 100);
    ask("ZADD spillway:reservations:until 1000 RV_1"); /* long ago */
    some = (struct store_reservation){"RV_2", "{\"changed_us\":1}", 1000};
    store_reservation(store, &some);
    assert_string_equal(the_reservation(store), some.text);
    assert_string_equal(ask("HLEN spillway:reservations"), "1");
    assert_in_range(strtol(ask("TTL spillway:reservations"), NULL, 10), 990, 1000);
    store_free(store);

    store = open_store(&seen, NULL, 0); /* without Redis: none */
    store_reservation(store, &some);
    store_free(store);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_rows_over_unix_socket, setup, teardown),
        cmocka_unit_test_setup_teardown(test_rows_over_tcp_by_name, setup, teardown),
        cmocka_unit_test_setup_teardown(test_bad_rows_are_dropped, setup, teardown),
        cmocka_unit_test_setup_teardown(test_outage, setup, teardown),
        cmocka_unit_test_setup_teardown(test_hung_redis, setup, teardown),
        cmocka_unit_test_setup_teardown(test_free_answers, setup, teardown),
        cmocka_unit_test_setup_teardown(test_claims, setup, teardown),
        cmocka_unit_test_setup_teardown(test_presence, setup, teardown),
        cmocka_unit_test_setup_teardown(test_sizes, setup, teardown),
        cmocka_unit_test_setup_teardown(test_reservations, setup, teardown),
        cmocka_unit_test_setup_teardown(test_memory, setup, teardown),
        cmocka_unit_test_setup_teardown(test_placing_in_memory, setup, teardown),
        cmocka_unit_test_setup_teardown(test_placing_on_redis, setup, teardown),
        cmocka_unit_test_setup_teardown(test_placing_races, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
