/* SPDX-License-Identifier: Apache-2.0
 *
 * Goal: a real Redis hangs, becomes a replica, wants a password, or fails over to another one that
 * Sentinel names: the caller hears within a second that it is away, is told when it is back, and
 * no row and no release is stranded.
 */
#include "orchestrator/shell/store/store.h"
#include "tests/integration/store/process.h"

#include <hiredis/hiredis.h>
#include <inttypes.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

#define SERVERS   2
#define SENTINELS 3

static uv_loop_t loop;
static char dir[64];
static pid_t servers[SERVERS], sentinels[SENTINELS];
static uint16_t ports[SERVERS], sentinel_ports[SENTINELS];

struct seen {
    uint64_t ups, downs, answers;
    int err;
    char owner[64];
    uint64_t epoch;
};

static struct seen seen; /* whatever becomes of a test, the loop may run on */

static void on_up(void *arg)
{
    ((struct seen *)arg)->ups++;
}

static void on_down(void *arg)
{
    ((struct seen *)arg)->downs++;
}

static void on_claim(void *arg, const char *room, int err, const char *owner, uint64_t epoch)
{
    struct seen *told = arg;
    (void)room;
    told->answers++;
    told->err = err;
    told->epoch = epoch;
    snprintf(told->owner, sizeof(told->owner), "%s", owner);
}

/* ---- Redis and Sentinel -------------------------------------------------------------------- */

static void server_start(size_t i, const char *option, const char *value, const char *second)
{
    char port[8];
    snprintf(port, sizeof(port), "%d", ports[i]);
    servers[i] = process_start((const char *const[]){
        "redis-server", "--port", port, "--bind", "127.0.0.1", "--save", "", "--appendonly", "no",
        "--dir", dir, "--repl-diskless-sync-delay", "0", option, value, second, NULL});
}

static void path_of(char out[96], size_t sentinel)
{
    snprintf(out, 96, "%s/sentinel-%zu.conf", dir, sentinel);
}

static void sentinel_start(size_t i)
{
    char path[96];
    path_of(path, i);
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    fprintf(file,
            "port %d\nbind 127.0.0.1\ndir %s\n"
            "sentinel monitor rooms 127.0.0.1 %d 2\n"
            "sentinel down-after-milliseconds rooms 500\n"
            "sentinel failover-timeout rooms 3000\n",
            sentinel_ports[i], dir, ports[0]);
    fclose(file);
    sentinels[i] = process_start((const char *const[]){"redis-server", path, "--sentinel", NULL});
}

/* Waits until it listens. */
static redisContext *reach(uint16_t port)
{
    for (int i = 0; i < 1000; i++) {
        redisContext *context = redisConnect("127.0.0.1", port);
        if (context->err == 0) {
            return context;
        }
        redisFree(context);
        usleep(10000);
    }
    fail_msg("port %d does not answer", port);
    return NULL;
}

/* The answer to one command as text; of a list its first element, or how many it has. */
static const char *ask(uint16_t port, const char *command)
{
    static char text[128];
    redisContext *context = reach(port);
    redisReply *reply = redisCommand(context, command);
    /* A server whose role changes closes its clients. */
    for (int i = 0; reply == NULL && i < 10; i++) {
        redisFree(context);
        context = reach(port);
        reply = redisCommand(context, command);
    }
    assert_non_null(reply);
    if (reply->type == REDIS_REPLY_INTEGER) {
        snprintf(text, sizeof(text), "%lld", reply->integer);
    } else if (reply->type == REDIS_REPLY_ARRAY && reply->elements > 0 &&
               reply->element[0]->type == REDIS_REPLY_STRING) {
        snprintf(text, sizeof(text), "%s", reply->element[0]->str);
    } else {
        snprintf(text, sizeof(text), "%s", reply->str == NULL ? "(nil)" : reply->str);
    }
    freeReplyObject(reply);
    redisFree(context);
    return text;
}

static void run_for(uint64_t ms)
{
    uint64_t deadline = uv_hrtime() + ms * 1000000;
    while (uv_hrtime() < deadline) {
        uv_run(&loop, UV_RUN_NOWAIT);
        usleep(1000);
    }
}

/* The loop runs meanwhile. */
static void until_says(uint16_t port, const char *command, const char *expected)
{
    for (int i = 0; strcmp(ask(port, command), expected) != 0; i++) {
        assert_true(i < 800);
        run_for(50);
    }
}

static struct store *open_store(const struct store_config *more)
{
    struct store_config config = *more;
    seen = (struct seen){0};
    config.loop = &loop;
    config.owner = "OR_1";
    config.on_up = on_up;
    config.on_down = on_down;
    config.arg = &seen;
    return store_new(&config);
}

static struct store *open_first(void)
{
    return open_store(&(struct store_config){.redis_host = "127.0.0.1", .redis_port = ports[0]});
}

static void claim(struct store *store, uint64_t epoch_min)
{
    store_claim(store, &(struct store_claim){.room = "room", .epoch_min = epoch_min}, on_claim,
                &seen);
}

/* Until a claim arrives at the Redis at port. Of ups nothing follows there: on a busy machine a
 * Redis is away for a moment by itself, and a master of a moment ago may be one no longer. */
static void until_claimed(struct store *store, uint16_t port, uint64_t epoch)
{
    char expected[24];
    snprintf(expected, sizeof(expected), "%" PRIu64, epoch);
    for (int i = 0; strcmp(ask(port, "HGET spillway:room:room epoch"), expected) != 0; i++) {
        assert_true(i < 200);
        uint64_t answers = seen.answers;
        claim(store, epoch);
        loop_until(&loop, &seen.answers, answers + 1);
        run_for(50);
    }
}

static int setup(void **state)
{
    (void)state;
    snprintf(dir, sizeof(dir), "/tmp/store_outages_XXXXXX");
    if (mkdtemp(dir) == NULL) {
        return -1;
    }
    for (size_t i = 0; i < SERVERS; i++) {
        ports[i] = free_port();
    }
    for (size_t i = 0; i < SENTINELS; i++) {
        sentinel_ports[i] = free_port();
    }
    return uv_loop_init(&loop);
}

static int teardown(void **state)
{
    (void)state;
    char path[96];
    for (size_t i = 0; i < SENTINELS; i++) {
        process_kill(&sentinels[i]);
        path_of(path, i);
        unlink(path);
    }
    for (size_t i = 0; i < SERVERS; i++) {
        process_kill(&servers[i]);
    }
    snprintf(path, sizeof(path), "%s/dump.rdb", dir); /* of a replica */
    unlink(path);
    rmdir(dir);
    run_for(100);
    return uv_loop_close(&loop); /* busy if the store left anything behind */
}

/* ---- Tests --------------------------------------------------------------------------------- */

/* Goal: a Redis that hangs counts as away after half a second, stays so while the kernel goes on
 * taking connections for it, and is found when it answers again. What it carries out late harms
 * nothing: the next claim is newer. */
static void hangs(void **state)
{
    (void)state;
    server_start(0, NULL, NULL, NULL);
    struct store *store = open_first();
    loop_until(&loop, &seen.ups, 1);
    kill(servers[0], SIGSTOP);
    uint64_t began = uv_hrtime();
    claim(store, 5);
    loop_until(&loop, &seen.answers, 1);
    assert_in_range((uv_hrtime() - began) / 1000000, STORE_ANSWER_MS - 150, STORE_ANSWER_MS + 400);
    assert_int_equal(seen.err, ERR_IO);
    assert_int_equal(seen.downs, 1);
    claim(store, 6); /* nobody waits again */
    assert_int_equal(seen.answers, 2);
    run_for(2500);
    assert_false(store_stats(store)->up);
    assert_int_equal(seen.ups, 1);
    assert_int_equal(store_stats(store)->pending, 0);

    kill(servers[0], SIGCONT);
    began = uv_hrtime();
    loop_until(&loop, &seen.ups, 2);
    assert_in_range((uv_hrtime() - began) / 1000000, 0, 2500);
    claim(store, 7);
    loop_until(&loop, &seen.answers, 3);
    assert_int_equal(seen.err, 0);
    assert_string_equal(seen.owner, "OR_1");
    assert_int_equal(seen.epoch, 7);
    store_free(store);
}

/* Goal: this process stands still for longer than an answer may take: that is not Redis' fault. */
static void stands_still(void **state)
{
    (void)state;
    server_start(0, NULL, NULL, NULL);
    struct store *store = open_first();
    loop_until(&loop, &seen.ups, 1);
    for (uint64_t i = 1; i <= 3; i++) {
        claim(store, 5);
        usleep((STORE_ANSWER_MS + 300) * 1000);
        loop_until(&loop, &seen.answers, i);
        assert_int_equal(seen.err, 0);
    }
    assert_int_equal(seen.downs, 0);
    store_free(store);
}

/* Goal: rooms that were given up while Redis was away are given up there when it is back, and not
 * what was claimed anew since. */
static void releases_late(void **state)
{
    (void)state;
    enum { ROOMS = 2500 }; /* more than are said at once */
    char room[32];
    server_start(0, NULL, NULL, NULL);
    struct store *store = open_first();
    loop_until(&loop, &seen.ups, 1);
    for (int i = 0; i < ROOMS; i++) {
        snprintf(room, sizeof(room), "r%d", i);
        store_room(store, &(struct store_room){.name = room, .node = "ND_1", .epoch = 5});
    }
    until_says(ports[0], "EXISTS spillway:room:r2499", "1");
    kill(servers[0], SIGSTOP);
    loop_until(&loop, &seen.downs, 1);
    for (int i = 0; i < ROOMS; i++) {
        snprintf(room, sizeof(room), "r%d", i);
        store_room_gone(store, room, 5);
    }
    kill(servers[0], SIGCONT);
    loop_until(&loop, &seen.ups, 2);
    store_room(store, &(struct store_room){.name = "r2499", .node = "ND_1", .epoch = 6});
    until_says(ports[0], "EXISTS spillway:room:r0", "0");
    until_says(ports[0], "EXISTS spillway:room:r2498", "0");
    run_for(200);
    assert_string_equal(ask(ports[0], "HGET spillway:room:r2499 epoch"), "6");
    assert_int_equal(store_stats(store)->pending, 0);
    store_free(store);
}

static void on_placed(void *arg, int err, const struct store_placed *placed)
{
    struct seen *told = arg;
    (void)placed;
    told->answers++;
    told->err = err;
}

static void ttl_is(const char *key, long long max_ms)
{
    char command[96];
    snprintf(command, sizeof(command), "PTTL %s", key);
    long long ttl_ms = strtoll(ask(ports[0], command), NULL, 10);
    assert_in_range(ttl_ms, max_ms / 2, max_ms);
}

/* Goal: whatever is written goes by itself once nobody writes it again: nodes, reservations in
 * them, rooms however they came about, who is present, and history. There is nothing else. */
static void nothing_stays(void **state)
{
    (void)state;
    server_start(0, NULL, NULL, NULL);
    struct store *store = open_first();
    loop_until(&loop, &seen.ups, 1);
    const char *const nodes[] = {"ND_1"};
    store_node(store, "ND_1", "{\"weight\": 1, \"capacity\": 1000}");
    store_place(store,
                &(struct store_place){.room = "placed",
                                      .epoch = 5,
                                      .request = "q",
                                      .weight = 10,
                                      .permille = 800,
                                      .hold_ms = STORE_HOLD_MS,
                                      .nodes = nodes,
                                      .node_count = 1},
                on_placed, &seen);
    claim(store, 5);
    store_room(store, &(struct store_room){.name = "written", .node = "ND_1", .epoch = 5});
    store_size(store, "written", 3);
    loop_until(&loop, &seen.answers, 2);
    until_says(ports[0], "EXISTS spillway:sizes", "1");
    assert_string_equal(ask(ports[0], "HGET spillway:node:ND_1 held"), "10");
    ttl_is("spillway:node:ND_1", STORE_NODE_TTL_S * 1000ll);
    ttl_is("spillway:room:placed", STORE_ROOM_TTL_S * 1000ll);
    ttl_is("spillway:room:room", STORE_ROOM_TTL_S * 1000ll);
    ttl_is("spillway:room:written", STORE_ROOM_TTL_S * 1000ll);
    ttl_is("spillway:orchestrator:OR_1", STORE_PRESENCE_MS);
    ttl_is("spillway:sizes", STORE_SIZES_TTL_S * 1000ll);
    ttl_is("spillway:sizes:at", STORE_SIZES_TTL_S * 1000ll);
    assert_string_equal(ask(ports[0], "DBSIZE"), "7");
    store_free(store);
}

/* Goal: a row of our own that a failover brought back is no reason to use its epoch again. */
static void epochs_rise(void **state)
{
    (void)state;
    server_start(0, NULL, NULL, NULL);
    struct store *store = open_first();
    loop_until(&loop, &seen.ups, 1);
    claim(store, 5);
    claim(store, 9);
    loop_until(&loop, &seen.answers, 2);
    assert_int_equal(seen.epoch, 9);
    store_free(store);
}

/* Goal: a Redis that became a replica takes no writes: it counts as away until it is a master. */
static void becomes_replica(void **state)
{
    (void)state;
    char command[64];
    server_start(0, NULL, NULL, NULL);
    server_start(1, NULL, NULL, NULL);
    redisFree(reach(ports[1]));
    struct store *store = open_first();
    loop_until(&loop, &seen.ups, 1);
    snprintf(command, sizeof(command), "REPLICAOF 127.0.0.1 %d", ports[1]);
    assert_string_equal(ask(ports[0], command), "OK");
    loop_until(&loop, &seen.downs, 1); /* with the next renewal of the presence */
    run_for(1500);
    assert_int_equal(seen.ups, 1);
    assert_string_equal(ask(ports[0], "REPLICAOF NO ONE"), "OK");
    loop_until(&loop, &seen.ups, 2);
    store_free(store);
}

/* Goal: a password, alone or of a user; without the right one it is away. */
static void passwords(void **state)
{
    (void)state;
    static const struct {
        const char *username, *password;
        bool good;
    } cases[] = {{NULL, "good", true},
                 {NULL, NULL, false},
                 {NULL, "bad", false},
                 {"default", "good", true},
                 {"nobody", "good", false}};
    server_start(0, "--requirepass", "good", NULL);
    redisFree(reach(ports[0]));
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct store *store =
            open_store(&(struct store_config){.redis_host = "127.0.0.1",
                                              .redis_port = ports[0],
                                              .redis_username = cases[i].username,
                                              .redis_password = cases[i].password});
        run_for(500);
        assert_int_equal(seen.ups, cases[i].good);
        store_free(store);
    }
}

/* Goal: Sentinel says where the master is. The master dies: its replica takes over, with what it
 * had. The failover is ordered while both live: everything goes to the new master. A Sentinel that
 * is not there, or is gone, is passed over. */
static void fails_over(void **state)
{
    (void)state;
    char port[8];
    snprintf(port, sizeof(port), "%d", ports[0]);
    server_start(0, NULL, NULL, NULL);
    redisFree(reach(ports[0]));
    server_start(1, "--replicaof", "127.0.0.1", port);
    until_says(ports[0], "WAIT 1 100", "1"); /* Sentinels ask for replicas at once, then in 10 s */
    for (size_t i = 0; i < SENTINELS; i++) {
        sentinel_start(i);
    }
    struct store_config config = {
        .sentinels = {.count = SENTINELS + 1, .master = "rooms", .password = ""}};
    for (size_t i = 0; i < config.sentinels.count; i++) { /* nobody is at the first */
        struct store_host *host = &config.sentinels.hosts[i];
        snprintf(host->name, sizeof(host->name), "127.0.0.1");
        host->port = i == 0 ? free_port() : sentinel_ports[i - 1];
    }
    struct store *store = open_store(&config);
    loop_until(&loop, &seen.ups, 1);
    claim(store, 5);
    loop_until(&loop, &seen.answers, 1);
    until_says(ports[1], "HGET spillway:room:room epoch", "5");
    for (size_t i = 0; i < SENTINELS; i++) { /* they know of each other and of the replica */
        until_says(sentinel_ports[i], "SENTINEL CKQUORUM rooms",
                   "OK 3 usable Sentinels. Quorum and failover authorization can be reached");
    }
    process_kill(&servers[0]);
    until_says(ports[1], "ROLE", "master");
    until_claimed(store, ports[1], 6);

    process_kill(&sentinels[0]); /* the one that was asked */
    server_start(0, NULL, NULL, NULL);
    until_says(ports[0], "ROLE", "slave");
    for (int i = 0; strcmp(ask(sentinel_ports[1], "SENTINEL FAILOVER rooms"), "OK") != 0; i++) {
        assert_true(i < 200); /* until it knows that the replica is well */
        run_for(100);
    }
    until_says(ports[0], "ROLE", "master");
    until_claimed(store, ports[0], 7);
    until_says(ports[0], "EXISTS spillway:orchestrator:OR_1", "1");
    store_free(store);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(hangs, setup, teardown),
        cmocka_unit_test_setup_teardown(stands_still, setup, teardown),
        cmocka_unit_test_setup_teardown(releases_late, setup, teardown),
        cmocka_unit_test_setup_teardown(nothing_stays, setup, teardown),
        cmocka_unit_test_setup_teardown(epochs_rise, setup, teardown),
        cmocka_unit_test_setup_teardown(becomes_replica, setup, teardown),
        cmocka_unit_test_setup_teardown(passwords, setup, teardown),
        cmocka_unit_test_setup_teardown(fails_over, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
