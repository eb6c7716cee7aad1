/* SPDX-License-Identifier: Apache-2.0
 *
 * Goal: rows reach a real Redis as the contract says and come back; whatever happens to that Redis,
 * the caller never waits, every loss is counted, and a Redis that returns is told everything again.
 *
 * The test starts redis-server itself, on a unix socket or a TCP port of its own, and looks at what
 * arrived over a second, blocking connection.
 */
#include "orchestrator/shell/store/store.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <hiredis/hiredis.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
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

/* A port nobody listens on now. */
static uint16_t free_port(void)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(0x7f000001)};
    socklen_t len = sizeof(address);
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    assert_int_equal(bind(fd, (struct sockaddr *)&address, len), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&address, &len), 0);
    close(fd);
    return ntohs(address.sin_port);
}

static void server_start(void)
{
    char port[8];
    snprintf(port, sizeof(port), "%d", tcp_port);
    server = fork();
    if (server == 0) {
        int null = open("/dev/null", O_WRONLY);
        dup2(null, 1);
        execlp("redis-server", "redis-server", "--port", port, "--bind", "127.0.0.1",
               "--unixsocket", socket_path, "--save", "", "--appendonly", "no", "--dir", dir,
               (char *)NULL);
        _exit(127);
    }
    assert_true(server > 0);
}

static void server_kill(void)
{
    if (server > 0) {
        kill(server, SIGKILL);
        waitpid(server, NULL, 0);
        server = 0;
    }
}

/* Runs the loop until *value is at least this. */
static void run_until(const uint64_t *value, uint64_t at_least)
{
    uint64_t deadline = uv_hrtime() + TIMEOUT_NS;
    while (*value < at_least) {
        uv_run(&loop, UV_RUN_NOWAIT);
        usleep(1000);
        if (uv_hrtime() > deadline) {
            print_error("nothing happened for too long\n");
            abort(); /* the loop is not empty, so the teardown would wait for ever */
        }
    }
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
    assert_string_equal(ask("SISMEMBER spillway:nodes ND_1"), "1");
    assert_int_equal(stats->pending, 0);
    assert_int_equal(stats->written, 6);

    store_node_gone(store, "ND_1");
    store_room_gone(store, "a room");
    store_room_get(store, "a room", on_room, seen);
    run_until(&seen->answers, 2);
    assert_int_equal(seen->err, ERR_NOT_FOUND);
    assert_string_equal(ask("EXISTS spillway:node:ND_1"), "0");
    assert_string_equal(ask("SISMEMBER spillway:nodes ND_1"), "0");
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
    run_until(&seen.ups, 1);
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
    run_until(&stats->written, 2);

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
    run_until(&seen.ups, 1);
    kill(server, SIGSTOP);
    store_room_get(store, "r", on_room, &seen);
    for (size_t i = 0; i < STORE_PENDING_MAX; i++) {
        store_node_gone(store, "ND_1");
    }
    assert_int_equal(stats->pending, STORE_PENDING_MAX);
    assert_int_equal(stats->dropped, STORE_PENDING_MAX + 1);
    run_until(&seen.answers, 1); /* after five seconds */
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
    store_room_gone(store, "r");
    store_room_get(store, "r", on_room, &seen);
    assert_int_equal(seen.err, ERR_NOT_FOUND);
    assert_int_equal(seen.answers, 3);
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
        cmocka_unit_test_setup_teardown(test_memory, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
