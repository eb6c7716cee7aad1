/* SPDX-License-Identifier: Apache-2.0
 *
 * Goal: over real connections on loopback, only listed keys get in, the bus tells who is there and
 * who is gone, full queues drop and are counted, and nothing is lost or stuck for a missed edge.
 *
 * Each test is one orchestrator-like bus with a router, and node-like buses with dealers, all on
 * one loop; where a process has to die or hang, the test program starts itself as "child".
 */
#include "common/bus/bus.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>
#include <zmq.h>

#include <setjmp.h>

#include <cmocka.h>

#define TIMEOUT_MS 15000

/* What happened at one end. */
struct end {
    struct bus *bus;
    struct bus_socket *socket;
    struct bus_keys keys;
    size_t messages;
    size_t ups;
    size_t downs;
    bool echo;           /* answer each message with itself */
    bool hello;          /* say "hello" at each up event, as a node registers */
    bool in_order;       /* messages are counters that rise by one */
    uint32_t next;       /* counter expected */
    char id[BUS_ID_MAX]; /* of the last event or message */
    char name[BUS_NAME_MAX];
    char text[64]; /* of the last message */
};

static uv_loop_t loop;

static struct bytes bytes_of(const char *text)
{
    return (struct bytes){(const uint8_t *)text, strlen(text)};
}

static void on_message(void *arg, const struct bus_peer *peer, struct bytes message)
{
    struct end *end = arg;
    end->messages++;
    snprintf(end->id, sizeof(end->id), "%s", peer->id);
    snprintf(end->name, sizeof(end->name), "%s", peer->name);
    snprintf(end->text, sizeof(end->text), "%.*s", (int)message.len, (const char *)message.data);
    if (end->in_order && message.len == sizeof(uint32_t)) {
        assert_int_equal(be32_get(message.data), end->next);
        end->next++;
    }
    if (end->echo) {
        (void)bus_send(end->socket, peer->name[0] == '\0' ? NULL : peer->id, message);
    }
}

static void on_peer(void *arg, const struct bus_peer *peer, bool up)
{
    struct end *end = arg;
    end->ups += up;
    end->downs += !up;
    snprintf(end->id, sizeof(end->id), "%s", peer->id);
    snprintf(end->name, sizeof(end->name), "%s", peer->name);
    if (up && end->hello) {
        assert_int_equal(bus_send(end->socket, NULL, bytes_of("hello")), 0);
    }
}

static struct bus_handlers handlers_of(struct end *end)
{
    return (struct bus_handlers){.on_message = on_message, .on_peer = on_peer, .arg = end};
}

static void on_timeout(uv_timer_t *timer)
{
    (void)timer;
    print_error("nothing happened for too long\n");
    abort(); /* cmocka's way out would jump over libuv */
}

/* Runs the loop until *value reaches at_least. */
static void run_until(const size_t *value, size_t at_least)
{
    uv_timer_t timer;
    uv_timer_init(&loop, &timer);
    uv_timer_start(&timer, on_timeout, TIMEOUT_MS, 0);
    while (*value < at_least) {
        uv_run(&loop, UV_RUN_ONCE);
    }
    uv_close((uv_handle_t *)&timer, NULL);
    uv_run(&loop, UV_RUN_NOWAIT);
}

static void stop_loop(uv_timer_t *timer)
{
    *(bool *)timer->data = true;
}

static void run_for(uint64_t ms)
{
    bool over = false;
    uv_timer_t timer;
    uv_timer_init(&loop, &timer);
    timer.data = &over;
    uv_update_time(&loop); /* a timer that is due at once would leave ONCE waiting for ever */
    uv_timer_start(&timer, stop_loop, ms, 0);
    while (!over) {
        uv_run(&loop, UV_RUN_ONCE);
    }
    uv_close((uv_handle_t *)&timer, NULL);
    uv_run(&loop, UV_RUN_NOWAIT);
}

static void end_open(struct end *end)
{
    *end = (struct end){0};
    bus_keys_new(&end->keys);
    assert_int_equal(
        bus_new(&end->bus, &(struct bus_config){.loop = &loop, .keys = end->keys, .io_threads = 1}),
        0);
}

static void router_open(struct end *end, const char *endpoint, enum bus_profile profile,
                        enum bus_role accept)
{
    char error[BUS_ERROR_MAX] = "";
    int err = bus_router_bind(&end->socket, end->bus,
                              &(struct bus_router_config){.endpoint = endpoint,
                                                          .profile = profile,
                                                          .accept = accept,
                                                          .handlers = handlers_of(end)},
                              error);
    if (err != 0) {
        fail_msg("%s", error);
    }
}

static void dealer_open(struct end *end, const struct end *router, const char *id,
                        enum bus_profile profile)
{
    char error[BUS_ERROR_MAX] = "";
    int err =
        bus_dealer_connect(&end->socket, end->bus,
                           &(struct bus_dealer_config){.endpoint = bus_endpoint(router->socket),
                                                       .server_key = router->keys.public_key,
                                                       .id = id,
                                                       .profile = profile,
                                                       .handlers = handlers_of(end)},
                           error);
    if (err != 0) {
        fail_msg("%s", error);
    }
}

static void allow(struct end *router, const struct end *dealer, const char *name)
{
    assert_int_equal(bus_allow(router->bus, BUS_ROLE_NODE, name, dealer->keys.public_key), 0);
}

static int setup(void **state)
{
    (void)state;
    return uv_loop_init(&loop);
}

/* Everything a test opened has to be gone, or the loop does not close. */
static int teardown(void **state)
{
    (void)state;
    uv_run(&loop, UV_RUN_DEFAULT);
    return uv_loop_close(&loop);
}

/* ---- Keys ------------------------------------------------------------------------------------ */

static void test_listed_key_passes(void **state)
{
    (void)state;
    struct end router;
    struct end dealer;
    end_open(&router);
    end_open(&dealer);
    allow(&router, &dealer, "node-a");
    router_open(&router, "tcp://127.0.0.1:*", BUS_CONTROL, BUS_ROLE_NODE);
    router.echo = true;
    dealer.hello = true;
    dealer_open(&dealer, &router, "ND_1", BUS_CONTROL);
    assert_int_equal(bus_send(dealer.socket, NULL, bytes_of("too early")), ERR_NOT_FOUND);
    assert_int_equal(bus_send(router.socket, "ND_1", bytes_of("too early")), ERR_NOT_FOUND);
    run_until(&dealer.messages, 1);
    assert_string_equal(dealer.text, "hello");
    assert_string_equal(router.id, "ND_1");
    assert_string_equal(router.name, "node-a");
    assert_int_equal(router.ups, 1);
    assert_int_equal(bus_peer_count(router.socket), 1);
    assert_int_equal(bus_peer_count(dealer.socket), 1);
    assert_int_equal(bus_stats(router.socket)->received_bytes, 5);
    assert_int_equal(bus_stats(router.socket)->dropped_unknown, 1);
    bus_free(dealer.bus);
    bus_free(router.bus);
}

static void test_unlisted_key_is_refused_until_listed(void **state)
{
    (void)state;
    struct end router;
    struct end dealer;
    end_open(&router);
    end_open(&dealer);
    router_open(&router, "tcp://127.0.0.1:*", BUS_CONTROL, BUS_ROLE_NODE);
    dealer.hello = true;
    dealer_open(&dealer, &router, "ND_1", BUS_CONTROL);
    while (bus_stats(router.socket)->refused_key == 0 ||
           bus_stats(dealer.socket)->refused_key == 0) {
        run_for(10);
    }
    assert_int_equal(router.ups, 0);
    assert_int_equal(dealer.ups, 0);
    allow(&router, &dealer, "late");
    run_until(&router.messages, 1);
    assert_string_equal(router.name, "late");
    assert_int_equal(bus_stats(router.socket)->refused_key, 1);
    bus_free(dealer.bus);
    bus_free(router.bus);
}

static void test_role_is_checked(void **state)
{
    (void)state;
    struct end router;
    struct end dealer;
    end_open(&router);
    end_open(&dealer);
    allow(&router, &dealer, "node-a"); /* a node's key at the orchestrators' door */
    router_open(&router, "tcp://127.0.0.1:*", BUS_CONTROL, BUS_ROLE_ORCHESTRATOR);
    dealer_open(&dealer, &router, "ND_1", BUS_CONTROL);
    while (bus_stats(router.socket)->refused_key == 0) {
        run_for(10);
    }
    assert_int_equal(dealer.ups, 0);
    bus_free(dealer.bus);
    bus_free(router.bus);
}

static void test_wrong_server_key(void **state)
{
    (void)state;
    struct end router;
    struct end dealer;
    end_open(&router);
    end_open(&dealer);
    allow(&router, &dealer, "node-a");
    router_open(&router, "tcp://127.0.0.1:*", BUS_CONTROL, BUS_ROLE_NODE);
    struct end impostor = router;
    bus_keys_new(&impostor.keys);
    dealer_open(&dealer, &impostor, "ND_1", BUS_CONTROL);
    while (bus_stats(router.socket)->handshake_failed == 0) {
        run_for(10);
    }
    assert_int_equal(dealer.ups + router.ups, 0);
    bus_free(dealer.bus);
    bus_free(router.bus);
}

static void test_key_directory(void **state)
{
    (void)state;
    char dir[] = "/tmp/bus_test_XXXXXX";
    char path[128];
    char error[BUS_ERROR_MAX] = "";
    struct end router;
    struct end dealer;
    end_open(&router);
    end_open(&dealer);
    assert_non_null(mkdtemp(dir));
    assert_int_equal(bus_keys_save(&dealer.keys, dir, "node-a", error), 0);
    assert_int_equal(bus_allow_dir(router.bus, BUS_ROLE_NODE, dir, error), 0);
    router_open(&router, "tcp://127.0.0.1:*", BUS_CONTROL, BUS_ROLE_NODE);
    dealer.hello = true;
    dealer_open(&dealer, &router, "ND_1", BUS_CONTROL);
    run_until(&router.messages, 1);
    assert_string_equal(router.name, "node-a");
    bus_socket_close(dealer.socket);
    run_until(&router.downs, 1);

    /* A bad file changes nothing; an empty directory locks everybody out. */
    snprintf(path, sizeof(path), "%s/bad.pub", dir);
    FILE *bad = fopen(path, "w");
    fclose(bad);
    assert_int_equal(bus_allow_dir(router.bus, BUS_ROLE_NODE, dir, error), ERR_INVALID);
    assert_non_null(strstr(error, "bad.pub"));
    unlink(path);
    dealer_open(&dealer, &router, "ND_1", BUS_CONTROL);
    run_until(&router.messages, 2);
    bus_socket_close(dealer.socket);
    snprintf(path, sizeof(path), "%s/node-a.pub", dir);
    unlink(path);
    assert_int_equal(bus_allow_dir(router.bus, BUS_ROLE_NODE, dir, error), 0);
    dealer_open(&dealer, &router, "ND_1", BUS_CONTROL);
    while (bus_stats(router.socket)->refused_key == 0) {
        run_for(10);
    }
    snprintf(path, sizeof(path), "%s/node-a.key", dir);
    unlink(path);
    assert_int_equal(rmdir(dir), 0);
    assert_int_equal(bus_allow_dir(router.bus, BUS_ROLE_NODE, dir, error), ERR_IO);
    bus_free(dealer.bus);
    bus_free(router.bus);
}

/* ---- Peers come and go ------------------------------------------------------------------------
 */

static void test_reconnect_tells_up_again(void **state)
{
    (void)state;
    struct end router;
    struct end dealer;
    char endpoint[128];
    end_open(&router);
    end_open(&dealer);
    allow(&router, &dealer, "node-a");
    router_open(&router, "tcp://127.0.0.1:*", BUS_CONTROL, BUS_ROLE_NODE);
    dealer.hello = true;
    dealer_open(&dealer, &router, "ND_1", BUS_CONTROL);
    run_until(&router.messages, 1);

    /* The router goes and comes back at the same place. */
    snprintf(endpoint, sizeof(endpoint), "%s", bus_endpoint(router.socket));
    bus_socket_close(router.socket);
    run_until(&dealer.downs, 1);
    assert_int_equal(bus_send(dealer.socket, NULL, bytes_of("x")), ERR_NOT_FOUND);
    router_open(&router, endpoint, BUS_CONTROL, BUS_ROLE_NODE);
    run_until(&router.messages, 2);
    assert_int_equal(dealer.ups, 2);
    assert_int_equal(router.ups, 2);

    /* The dealer goes and comes back with the same id. */
    bus_socket_close(dealer.socket);
    run_until(&router.downs, 1);
    assert_int_equal(bus_peer_count(router.socket), 0);
    dealer_open(&dealer, &router, "ND_1", BUS_CONTROL);
    run_until(&router.ups, 3);
    bus_free(dealer.bus);
    bus_free(router.bus);
}

static void test_same_id_same_key_hands_over(void **state)
{
    (void)state;
    struct end router;
    struct end dealer;
    end_open(&router);
    end_open(&dealer);
    allow(&router, &dealer, "node-a");
    router_open(&router, "tcp://127.0.0.1:*", BUS_CONTROL, BUS_ROLE_NODE);
    dealer.hello = true;
    dealer_open(&dealer, &router, "ND_1", BUS_CONTROL);
    run_until(&router.messages, 1);
    struct bus_socket *first = dealer.socket;
    dealer_open(&dealer, &router, "ND_1", BUS_CONTROL);
    run_until(&router.messages, 2);
    assert_int_equal(router.downs, 1);
    assert_int_equal(router.ups, 2);
    assert_int_equal(bus_peer_count(router.socket), 1);
    bus_socket_close(first);
    bus_free(dealer.bus);
    bus_free(router.bus);
}

static void test_id_of_another_is_refused(void **state)
{
    (void)state;
    struct end router;
    struct end owner;
    struct end thief;
    end_open(&router);
    end_open(&owner);
    end_open(&thief);
    allow(&router, &owner, "node-a");
    allow(&router, &thief, "node-b");
    router_open(&router, "tcp://127.0.0.1:*", BUS_CONTROL, BUS_ROLE_NODE);
    owner.hello = true;
    dealer_open(&owner, &router, "ND_1", BUS_CONTROL);
    run_until(&router.messages, 1);
    thief.hello = true;
    dealer_open(&thief, &router, "ND_1", BUS_CONTROL);
    while (bus_stats(router.socket)->dropped_spoofed == 0) {
        run_for(10);
    }
    assert_int_equal(router.downs, 1);
    assert_string_equal(router.name, "node-a"); /* never node-b */
    assert_int_equal(bus_peer_count(router.socket), 0);
    assert_int_equal(bus_send(router.socket, "ND_1", bytes_of("secret")), ERR_NOT_FOUND);
    bus_reconnect(owner.socket); /* when it misses its answers */
    run_until(&router.ups, 2);
    assert_string_equal(router.name, "node-a");
    assert_int_equal(owner.downs, 1);
    assert_int_equal(bus_send(router.socket, "ND_1", bytes_of("secret")), 0);
    run_until(&owner.messages, 1);
    assert_int_equal(thief.messages, 0);
    bus_free(thief.bus);
    bus_free(owner.bus);
    bus_free(router.bus);
}

/* ---- Other processes ---------------------------------------------------------------------------
 */

/* "child ENDPOINT SERVER_KEY PUBLIC SECRET ID": says hello and answers until it is killed. */
static int child_main(char **args)
{
    struct end end = {.hello = true, .echo = true};
    snprintf(end.keys.public_key, sizeof(end.keys.public_key), "%s", args[2]);
    snprintf(end.keys.secret_key, sizeof(end.keys.secret_key), "%s", args[3]);
    uv_loop_init(&loop);
    const struct bus_config config = {.loop = &loop, .keys = end.keys, .io_threads = 1};
    char error[BUS_ERROR_MAX];
    if (bus_new(&end.bus, &config) != 0 ||
        bus_dealer_connect(&end.socket, end.bus,
                           &(struct bus_dealer_config){.endpoint = args[0],
                                                       .server_key = args[1],
                                                       .id = args[4],
                                                       .profile = BUS_TUNNEL,
                                                       .handlers = handlers_of(&end)},
                           error) != 0) {
        return 1;
    }
    alarm(60); /* should the test die first */
    return uv_run(&loop, UV_RUN_DEFAULT);
}

/* "router FD PUBLIC SECRET KEY": lets that key in, writes its endpoint there, and reads. */
static int child_router_main(char **args)
{
    struct end end = {0};
    snprintf(end.keys.public_key, sizeof(end.keys.public_key), "%s", args[1]);
    snprintf(end.keys.secret_key, sizeof(end.keys.secret_key), "%s", args[2]);
    uv_loop_init(&loop);
    const struct bus_config config = {.loop = &loop, .keys = end.keys, .io_threads = 1};
    if (bus_new(&end.bus, &config) != 0 ||
        bus_allow(end.bus, BUS_ROLE_ORCHESTRATOR, "0", args[3]) != 0) {
        return 1;
    }
    router_open(&end, "tcp://127.0.0.1:*", BUS_PEER, BUS_ROLE_ORCHESTRATOR);
    const char *endpoint = bus_endpoint(end.socket);
    if (write((int)strtol(args[0], NULL, 10), endpoint, strlen(endpoint) + 1) < 0) {
        return 1;
    }
    alarm(60);
    return uv_run(&loop, UV_RUN_DEFAULT);
}

/* Another orchestrator, as a process; the dealer connects to it. */
static pid_t peer_start(struct end *dealer)
{
    char fd[16], endpoint[128] = "", error[BUS_ERROR_MAX] = "";
    int ends[2];
    struct bus_keys keys;
    bus_keys_new(&keys);
    assert_int_equal(pipe(ends), 0);
    snprintf(fd, sizeof(fd), "%d", ends[1]);
    pid_t pid = fork();
    if (pid == 0) {
        execl("/proc/self/exe", "router", fd, keys.public_key, keys.secret_key,
              dealer->keys.public_key, (char *)NULL);
        _exit(127);
    }
    assert_true(read(ends[0], endpoint, sizeof(endpoint)) > 0);
    close(ends[0]);
    close(ends[1]);
    assert_int_equal(
        bus_dealer_connect(&dealer->socket, dealer->bus,
                           &(struct bus_dealer_config){.endpoint = endpoint,
                                                       .server_key = keys.public_key,
                                                       .id = "OR_1",
                                                       .profile = BUS_PEER,
                                                       .handlers = handlers_of(dealer)},
                           error),
        0);
    run_until(&dealer->ups, 1);
    return pid;
}

static pid_t child_start(const struct end *router, const struct bus_keys *keys, const char *id)
{
    pid_t pid = fork();
    if (pid == 0) {
        execl("/proc/self/exe", "child", bus_endpoint(router->socket), router->keys.public_key,
              keys->public_key, keys->secret_key, id, (char *)NULL);
        _exit(127);
    }
    assert_true(pid > 0);
    return pid;
}

static void child_kill(pid_t pid)
{
    kill(pid, SIGKILL);
    waitpid(pid, NULL, 0);
}

static void test_killed_process_is_down(void **state)
{
    (void)state;
    struct end router;
    struct bus_keys keys;
    bus_keys_new(&keys);
    end_open(&router);
    assert_int_equal(bus_allow(router.bus, BUS_ROLE_NODE, "node-a", keys.public_key), 0);
    router_open(&router, "tcp://127.0.0.1:*", BUS_TUNNEL, BUS_ROLE_NODE);
    pid_t pid = child_start(&router, &keys, "ND_child");
    run_until(&router.messages, 1);
    uint64_t killed_ns = uv_hrtime();
    kill(pid, SIGKILL);
    run_until(&router.downs, 1);
    uint64_t took_us = (uv_hrtime() - killed_ns) / 1000;
    print_message("down %llu us after SIGKILL\n", (unsigned long long)took_us);
    assert_string_equal(router.id, "ND_child");
    assert_true(took_us < 1000000); /* by the closed connection, not by a heartbeat timeout (3 s) */
    waitpid(pid, NULL, 0);
    assert_int_equal(bus_send(router.socket, "ND_child", bytes_of("x")), ERR_NOT_FOUND);
    bus_free(router.bus);
}

static void test_full_queue_drops_for_that_peer_only(void **state)
{
    (void)state;
    struct end router;
    struct end healthy;
    struct bus_keys keys;
    bus_keys_new(&keys);
    end_open(&router);
    end_open(&healthy);
    allow(&router, &healthy, "node-b");
    assert_int_equal(bus_allow(router.bus, BUS_ROLE_NODE, "node-a", keys.public_key), 0);
    router_open(&router, "tcp://127.0.0.1:*", BUS_TUNNEL, BUS_ROLE_NODE);
    healthy.hello = true;
    dealer_open(&healthy, &router, "ND_ok", BUS_TUNNEL);
    run_until(&router.messages, 1);
    pid_t pid = child_start(&router, &keys, "ND_hung");
    run_until(&router.messages, 2);

    kill(pid, SIGSTOP);
    static uint8_t datagram[32 * 1024];
    struct bytes message = {datagram, sizeof(datagram)};
    size_t sent = 0;
    while (bus_send(router.socket, "ND_hung", message) == 0) {
        sent++;
        assert_true(sent < 5000); /* 160 MB: far beyond socket buffers and 200 messages */
        uv_run(&loop, UV_RUN_NOWAIT);
    }
    print_message("%zu messages until full\n", sent);
    assert_int_equal(bus_send(router.socket, "ND_hung", message), ERR_FULL);
    assert_int_equal(bus_stats(router.socket)->dropped_full, 2);
    assert_int_equal(bus_send(router.socket, "ND_ok", bytes_of("through")), 0);
    run_until(&healthy.messages, 1);
    assert_string_equal(healthy.text, "through");

    /* It wakes within the heartbeat timeout: what was queued arrives (it echoes), no more. */
    kill(pid, SIGCONT);
    size_t before = router.messages;
    run_until(&router.messages, before + 1);
    child_kill(pid);
    run_until(&router.downs, 1);
    bus_free(healthy.bus);
    bus_free(router.bus);
}

static size_t send_until_full(struct end *dealer)
{
    static uint8_t large[1 << 20];
    struct bytes message = {large, sizeof(large)};
    size_t sent = 0;
    while (bus_send(dealer->socket, NULL, message) == 0) {
        sent++;
        assert_true(sent < 1000);
    }
    return sent;
}

/* Far fewer messages than the high-water mark: what counts of large ones is their size. */
static void test_queued_bytes_are_bounded(void **state)
{
    (void)state;
    struct end dealer;
    end_open(&dealer);
    pid_t pid = peer_start(&dealer);
    assert_int_equal(bus_send(dealer.socket, NULL, (struct bytes){0}), 0); /* an empty one passes */
    kill(pid, SIGSTOP);
    size_t sent = send_until_full(&dealer);
    print_message("%zu MB sent until full\n", sent);
    assert_in_range(sent, 64, 128);
    assert_in_range(bus_queued_bytes(dealer.socket), 32 << 20, BUS_QUEUED_BYTES_MAX);
    assert_int_equal(bus_stats(dealer.socket)->dropped_full, 1);

    kill(pid, SIGCONT); /* it reads, or was too slow for its heartbeat and is given up */
    for (size_t i = 0; i < 1500 && bus_queued_bytes(dealer.socket) > 0; i++) {
        run_for(10);
    }
    assert_int_equal(bus_queued_bytes(dealer.socket), 0);
    kill(pid, SIGSTOP);
    (void)send_until_full(&dealer); /* closing with all of it is fine, too */
    child_kill(pid);
    bus_free(dealer.bus);
}

/* ---- Traffic -----------------------------------------------------------------------------------
 */

/* Both directions at full speed with small queues. A missed edge would hang this, a dropped or
 * doubled message would break the count. */
static void test_burst_arrives_in_order(void **state)
{
    (void)state;
    enum { COUNT = 50000 };
    struct end router;
    struct end dealer;
    end_open(&router);
    end_open(&dealer);
    allow(&router, &dealer, "node-a");
    router_open(&router, "tcp://127.0.0.1:*", BUS_TUNNEL, BUS_ROLE_NODE);
    dealer.hello = true;
    dealer_open(&dealer, &router, "ND_1", BUS_TUNNEL);
    run_until(&router.messages, 1);
    router.in_order = dealer.in_order = true;
    uint32_t up = 0;
    uint32_t down = 0;
    uint64_t deadline_ns = uv_hrtime() + 30000000000u;
    while (router.next < COUNT || dealer.next < COUNT) {
        uint8_t counter[4];
        be32_put(counter, up);
        while (up < COUNT && bus_send(dealer.socket, NULL, (struct bytes){counter, 4}) == 0) {
            be32_put(counter, ++up);
        }
        be32_put(counter, down);
        while (down < COUNT && bus_send(router.socket, "ND_1", (struct bytes){counter, 4}) == 0) {
            be32_put(counter, ++down);
        }
        uv_run(&loop, up < COUNT || down < COUNT ? UV_RUN_NOWAIT : UV_RUN_ONCE);
        assert_true(uv_hrtime() < deadline_ns);
    }
    assert_int_equal(bus_stats(router.socket)->received, COUNT + 1);
    assert_int_equal(bus_stats(dealer.socket)->received, COUNT);
    bus_free(dealer.bus);
    bus_free(router.bus);
}

/* A peer with a good key that speaks ZeroMQ by hand. */
static void test_malformed_messages_are_counted(void **state)
{
    (void)state;
    struct end router;
    struct bus_keys keys;
    bus_keys_new(&keys);
    end_open(&router);
    assert_int_equal(bus_allow(router.bus, BUS_ROLE_NODE, "node-a", keys.public_key), 0);
    router_open(&router, "tcp://127.0.0.1:*", BUS_TUNNEL, BUS_ROLE_NODE);
    void *context = zmq_ctx_new();
    void *dealer = zmq_socket(context, ZMQ_DEALER);
    int zero = 0;
    zmq_setsockopt(dealer, ZMQ_LINGER, &zero, sizeof(zero));
    zmq_setsockopt(dealer, ZMQ_CURVE_SECRETKEY, keys.secret_key, 40);
    zmq_setsockopt(dealer, ZMQ_CURVE_PUBLICKEY, keys.public_key, 40);
    zmq_setsockopt(dealer, ZMQ_CURVE_SERVERKEY, router.keys.public_key, 40);
    assert_int_equal(zmq_connect(dealer, bus_endpoint(router.socket)), 0);
    zmq_send(dealer, "no routing id", 13, 0);
    zmq_send(dealer, "two", 3, ZMQ_SNDMORE);
    zmq_send(dealer, "frames", 6, 0);
    static uint8_t large[(64 << 10) + 1];
    while (bus_stats(router.socket)->dropped_malformed < 2) {
        run_for(10);
    }
    /* Larger than the profile allows: ZeroMQ cuts the connection. */
    zmq_send(dealer, large, sizeof(large), 0);
    run_for(100);
    assert_int_equal(router.messages + router.ups, 0);
    assert_int_equal(bus_stats(router.socket)->dropped_malformed, 2);
    zmq_close(dealer);
    zmq_ctx_term(context);
    bus_free(router.bus);
}

static void test_bad_endpoints(void **state)
{
    (void)state;
    struct end router;
    end_open(&router);
    router_open(&router, "tcp://127.0.0.1:*", BUS_CONTROL, BUS_ROLE_NODE);
    struct bus_socket *second = NULL;
    char error[BUS_ERROR_MAX] = "";
    struct bus_router_config config = {.endpoint = bus_endpoint(router.socket),
                                       .handlers = handlers_of(&router)};
    assert_int_equal(bus_router_bind(&second, router.bus, &config, error), ERR_IO);
    assert_non_null(strstr(error, "Address already in use"));
    config.endpoint = "nonsense";
    assert_int_equal(bus_router_bind(&second, router.bus, &config, error), ERR_IO);
    assert_string_equal(error, "nonsense: Invalid argument");
    assert_int_equal(bus_dealer_connect(&second, router.bus,
                                        &(struct bus_dealer_config){.endpoint = "tcp://127.0.0.1:1",
                                                                    .server_key = "short",
                                                                    .id = "x"},
                                        error),
                     ERR_INVALID);
    bus_free(router.bus);
}

int main(int argc, char **argv)
{
    if (argc == 6 && strcmp(argv[0], "child") == 0) {
        return child_main(argv + 1);
    }
    if (argc == 5 && strcmp(argv[0], "router") == 0) {
        return child_router_main(argv + 1);
    }
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_listed_key_passes, setup, teardown),
        cmocka_unit_test_setup_teardown(test_unlisted_key_is_refused_until_listed, setup, teardown),
        cmocka_unit_test_setup_teardown(test_role_is_checked, setup, teardown),
        cmocka_unit_test_setup_teardown(test_wrong_server_key, setup, teardown),
        cmocka_unit_test_setup_teardown(test_key_directory, setup, teardown),
        cmocka_unit_test_setup_teardown(test_reconnect_tells_up_again, setup, teardown),
        cmocka_unit_test_setup_teardown(test_same_id_same_key_hands_over, setup, teardown),
        cmocka_unit_test_setup_teardown(test_id_of_another_is_refused, setup, teardown),
        cmocka_unit_test_setup_teardown(test_killed_process_is_down, setup, teardown),
        cmocka_unit_test_setup_teardown(test_full_queue_drops_for_that_peer_only, setup, teardown),
        cmocka_unit_test_setup_teardown(test_queued_bytes_are_bounded, setup, teardown),
        cmocka_unit_test_setup_teardown(test_burst_arrives_in_order, setup, teardown),
        cmocka_unit_test_setup_teardown(test_malformed_messages_are_counted, setup, teardown),
        cmocka_unit_test_setup_teardown(test_bad_endpoints, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
