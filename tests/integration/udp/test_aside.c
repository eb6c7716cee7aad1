/* SPDX-License-Identifier: Apache-2.0
 *
 * Goal: media are taken when they come. Of what may wait, the first message after a rest is, too;
 * what follows is taken together, every two milliseconds, until nothing came; a flood in portions;
 * and all of it at once where the kernel does not tell it apart. The kernel is the real one, the
 * loop's clock is made here, and so is the shell that is fed.
 */
#include "media-node/shell/parts.h"

#include <arpa/inet.h>
#include <errno.h>
#include <sched.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include <setjmp.h>

#include <cmocka.h>

#define LEN     12  /* of a datagram */
#define PORTION 256 /* of a flood */

/* ---- A clock that stands, and a kernel that can be older ------------------------------------- */

static struct {
    int64_t now_us;
    bool old; /* no sockets that share a port */
} world;

int clock_gettime(clockid_t clock, struct timespec *out)
{
    if (clock == CLOCK_REALTIME) {
        return (int)syscall(SYS_clock_gettime, clock, out);
    }
    *out = (struct timespec){.tv_sec = world.now_us / 1000000,
                             .tv_nsec = world.now_us % 1000000 * 1000};
    return 0;
}

int setsockopt(int fd, int level, int name, const void *value, socklen_t len)
{
    if (world.old && level == SOL_SOCKET && name == SO_REUSEPORT) {
        errno = ENOPROTOOPT;
        return -1;
    }
    return (int)syscall(SYS_setsockopt, fd, level, name, value, len);
}

/* ---- A shell that counts --------------------------------------------------------------------- */

static struct {
    size_t datagrams;
    size_t feeds;
} fed;

int64_t shell_now(void)
{
    return world.now_us;
}

void shell_feed(struct shell *shell, int64_t now_us, const struct node_datagram *batch,
                size_t count)
{
    (void)shell;
    (void)now_us;
    assert_non_null(batch);
    fed.datagrams += count;
    fed.feeds++;
}

struct test {
    struct shell_config config;
    struct shell shell;
    int out;
    struct sockaddr_in to;
    int mark; /* what is sent here arrives after all that was sent before */
    struct sockaddr_in mark_addr;
};

static int open_any(struct sockaddr_in *addr)
{
    socklen_t len = sizeof(*addr);
    *addr = (struct sockaddr_in){.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int fd = socket(AF_INET, SOCK_DGRAM, 0);
    assert_int_equal(bind(fd, (struct sockaddr *)addr, len), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)addr, &len), 0);
    return fd;
}

static struct test *start(void)
{
    struct test *t = mem_alloc(sizeof(*t));
    close(open_any(&t->to)); /* its port is free */
    t->mark = open_any(&t->mark_addr);
    t->out = socket(AF_INET, SOCK_DGRAM, 0);
    t->config.ports = 1;
    assert_int_equal(net_from_sockaddr(&t->config.listen, (struct sockaddr *)&t->to, sizeof(t->to)),
                     0);
    t->shell.config = &t->config;
    memset(&fed, 0, sizeof(fed));
    world.now_us = TIME_S(1);
    assert_int_equal(uv_loop_init(&t->shell.loop), 0);
    assert_int_equal(udp_open(&t->shell.udp, &t->shell), 0);
    return t;
}

static void finish(struct test *t)
{
    udp_close(t->shell.udp);
    uv_run(&t->shell.loop, UV_RUN_DEFAULT);
    assert_int_equal(uv_loop_close(&t->shell.loop), 0);
    close(t->out);
    close(t->mark);
    free(t);
    memset(&world, 0, sizeof(world));
}

static void send_one(struct test *t, const char *data, const struct sockaddr_in *to)
{
    assert_int_equal(sendto(t->out, data, LEN, 0, (const struct sockaddr *)to, sizeof(*to)), LEN);
}

/* They have arrived when this returns: a CPU brings loopback's packets over in order. */
static void send_all(struct test *t, const char *data, size_t times)
{
    char got[LEN];
    for (size_t i = 0; i < times; i++) {
        send_one(t, data, &t->to);
    }
    send_one(t, data, &t->mark_addr);
    assert_int_equal(recv(t->mark, got, LEN, 0), LEN);
}

static const char media[LEN + 1] = "\x80\x60";
static const char report[LEN + 1] = "\x80\xc9";
static const char check[LEN + 1] = "\x00\x01";

static void expect(struct test *t, size_t datagrams)
{
    (void)uv_run(&t->shell.loop, UV_RUN_NOWAIT);
    assert_int_equal(fed.datagrams, datagrams);
}

/* ---- Tests ----------------------------------------------------------------------------------- */

static void test_together(void **state)
{
    (void)state;
    struct test *t = start();
    send_all(t, check, 1);
    expect(t, 1);
    send_all(t, report, 2);
    send_all(t, check, 1);
    expect(t, 1); /* they wait */
    send_all(t, media, 1);
    expect(t, 2); /* which nothing else does */
    assert_int_equal(fed.feeds, 2);
    world.now_us += TIME_MS(2);
    expect(t, 5);
    assert_int_equal(fed.feeds, 3);
    send_all(t, report, 1);
    expect(t, 5);
    world.now_us += TIME_MS(2);
    expect(t, 6);
    finish(t);
}

static void test_rest(void **state)
{
    (void)state;
    struct test *t = start();
    for (size_t i = 1; i <= 3; i++) {
        send_all(t, report, 1);
        expect(t, i); /* at once */
        world.now_us += TIME_MS(2);
        expect(t, i); /* nothing came: a rest */
    }
    finish(t);
}

static void test_flood(void **state)
{
    (void)state;
    struct test *t = start();
    send_all(t, report, PORTION + 1);
    expect(t, PORTION);
    expect(t, PORTION + 1); /* in its turn, but without a wait */
    send_all(t, report, 1);
    expect(t, PORTION + 1);
    world.now_us += TIME_MS(2);
    expect(t, PORTION + 2);
    finish(t);
}

static void test_old_kernel(void **state)
{
    (void)state;
    world.old = true;
    struct test *t = start();
    for (size_t i = 1; i <= 3; i++) {
        send_all(t, i == 2 ? media : report, 1);
        expect(t, i);
    }
    finish(t);
}

int main(void)
{
    cpu_set_t one;
    CPU_ZERO(&one);
    CPU_SET((size_t)sched_getcpu(), &one);
    assert(sched_setaffinity(0, sizeof(one), &one) == 0);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_together),
        cmocka_unit_test(test_rest),
        cmocka_unit_test(test_flood),
        cmocka_unit_test(test_old_kernel),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
