/* SPDX-License-Identifier: Apache-2.0
 *
 * Goal: what the node's UDP shell is given to send arrives, in order, whatever the kernel thinks of
 * bursts: it cuts them, refuses one, can't cut on the way out, does not know them, or is full. The
 * kernel is the real one; its refusals are made here, in place of the C library's own calls.
 */
#include "media-node/shell/parts.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/udp.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <setjmp.h>

#include <cmocka.h>

#define RECEIVERS 2
#define WAIT_MS   5000

/* ---- A kernel of moods ----------------------------------------------------------------------- */

static struct {
    int bursts_errno; /* what messages with a burst get; 0: they are sent */
    int all_errno;    /* what every message gets */
    bool unknown;     /* UDP_SEGMENT is no option */
    unsigned bursts;  /* messages with a burst that were tried */
} kernel;

int sendmmsg(int fd, struct mmsghdr *messages, unsigned count, int flags)
{
    bool burst = messages[0].msg_hdr.msg_controllen > 0;
    int refusal = burst && kernel.bursts_errno != 0 ? kernel.bursts_errno : kernel.all_errno;
    kernel.bursts += burst;
    if (refusal != 0) {
        errno = refusal;
        return -1;
    }
    (void)count; /* one at a time: every message gets here as the first */
    return (int)syscall(SYS_sendmmsg, fd, messages, 1, flags);
}

int getsockopt(int fd, int level, int name, void *restrict value, socklen_t *restrict len)
{
    if (kernel.unknown && level == SOL_UDP && name == UDP_SEGMENT) {
        errno = ENOPROTOOPT;
        return -1;
    }
    return (int)syscall(SYS_getsockopt, fd, level, name, value, len);
}

/* ---- A shell that only sends ----------------------------------------------------------------- */

struct test {
    struct shell_config config;
    struct shell shell;
    int fds[RECEIVERS];
    struct net_addr addrs[RECEIVERS];
};

static int open_receiver(struct net_addr *addr)
{
    struct sockaddr_in in = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof(in);
    int fd = socket(AF_INET, SOCK_DGRAM, 0);
    assert_int_equal(bind(fd, (struct sockaddr *)&in, len), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&in, &len), 0);
    assert_int_equal(net_from_sockaddr(addr, (struct sockaddr *)&in, len), 0);
    return fd;
}

static struct test *start(void)
{
    struct test *t = mem_alloc(sizeof(*t));
    struct net_addr any;
    int fd = open_receiver(&any); /* a port that is free once this socket is closed */
    close(fd);
    t->config = (struct shell_config){.listen = any, .ports = 1};
    t->shell.config = &t->config;
    assert_int_equal(uv_loop_init(&t->shell.loop), 0);
    assert_int_equal(udp_open(&t->shell.udp, &t->shell), 0);
    for (size_t i = 0; i < RECEIVERS; i++) {
        t->fds[i] = open_receiver(&t->addrs[i]);
    }
    return t;
}

static void finish(struct test *t)
{
    udp_close(t->shell.udp);
    uv_run(&t->shell.loop, UV_RUN_DEFAULT);
    assert_int_equal(uv_loop_close(&t->shell.loop), 0);
    for (size_t i = 0; i < RECEIVERS; i++) {
        close(t->fds[i]);
    }
    free(t);
    memset(&kernel, 0, sizeof(kernel));
}

/* A frame of four packets for each receiver, fanned out as the core does; the last is shorter. */
static void send_frame(struct test *t)
{
    static uint8_t packets[4][RECEIVERS][1116];
    for (uint8_t n = 0; n < 4; n++) {
        for (uint8_t i = 0; i < RECEIVERS; i++) {
            memset(packets[n][i], 16 * n + i, sizeof(packets[n][i]));
            const struct outbox_packet packet = {
                .path = {.remote = t->addrs[i]},
                .data = packets[n][i],
                .len = n < 3 ? sizeof(packets[n][i]) : 500,
            };
            udp_send(t->shell.udp, &packet);
        }
    }
    udp_flush(t->shell.udp);
}

static void receive_frame(struct test *t)
{
    for (uint8_t n = 0; n < 4; n++) {
        for (uint8_t i = 0; i < RECEIVERS; i++) {
            uint8_t data[4096];
            struct pollfd readable = {.fd = t->fds[i], .events = POLLIN};
            assert_int_equal(poll(&readable, 1, WAIT_MS), 1);
            ssize_t len = recv(t->fds[i], data, sizeof(data), 0);
            assert_int_equal(len, n < 3 ? 1116 : 500);
            assert_int_equal(data[0], 16 * n + i);
            assert_int_equal(data[len - 1], 16 * n + i);
        }
    }
}

static void receive_nothing(struct test *t)
{
    for (size_t i = 0; i < RECEIVERS; i++) {
        struct pollfd readable = {.fd = t->fds[i], .events = POLLIN};
        assert_int_equal(poll(&readable, 1, 0), 0);
    }
}

/* ---- Tests ----------------------------------------------------------------------------------- */

static void test_cut(void **state)
{
    (void)state;
    struct test *t = start();
    send_frame(t);
    receive_frame(t);
    receive_nothing(t);
    assert_int_equal(kernel.bursts, RECEIVERS);
    assert_int_equal(t->shell.counters.udp_burst_failed, 0);
    finish(t);
}

/* As where the path's MTU is smaller: the next burst may be one the kernel can cut. */
static void test_burst_refused(void **state)
{
    (void)state;
    struct test *t = start();
    kernel.bursts_errno = EINVAL;
    send_frame(t);
    receive_frame(t);
    send_frame(t);
    receive_frame(t);
    receive_nothing(t);
    assert_int_equal(kernel.bursts, 2 * RECEIVERS);
    assert_int_equal(t->shell.counters.udp_burst_failed, 2 * RECEIVERS);
    assert_int_equal(t->shell.counters.udp_send_failed, 0);
    finish(t);
}

static void test_way_out_cannot_cut(void **state)
{
    (void)state;
    struct test *t = start();
    kernel.bursts_errno = EIO;
    send_frame(t);
    receive_frame(t);
    assert_int_equal(kernel.bursts, RECEIVERS); /* both were made before the first was refused */
    send_frame(t);
    receive_frame(t);
    receive_nothing(t);
    assert_int_equal(kernel.bursts, RECEIVERS);
    assert_int_equal(t->shell.counters.udp_burst_failed, RECEIVERS);
    finish(t);
}

static void test_bursts_unknown(void **state)
{
    (void)state;
    kernel.unknown = true;
    struct test *t = start();
    send_frame(t);
    receive_frame(t);
    receive_nothing(t);
    assert_int_equal(kernel.bursts, 0);
    finish(t);
}

static void test_full(void **state)
{
    (void)state;
    struct test *t = start();
    kernel.all_errno = EAGAIN;
    send_frame(t);
    receive_nothing(t);
    assert_int_equal(t->shell.counters.udp_send_full, 4 * RECEIVERS);
    kernel.all_errno = 0;
    send_frame(t);
    receive_frame(t);
    finish(t);
}

static void test_refused(void **state)
{
    (void)state;
    struct test *t = start();
    kernel.unknown = true;
    kernel.all_errno = EPERM;
    struct net_addr remote = t->addrs[0];
    const struct outbox_packet packet = {
        .path = {.remote = remote}, .data = (const uint8_t *)"x", .len = 1};
    udp_send(t->shell.udp, &packet);
    udp_flush(t->shell.udp);
    assert_int_equal(t->shell.counters.udp_send_failed, 1);
    finish(t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_cut),
        cmocka_unit_test(test_burst_refused),
        cmocka_unit_test(test_way_out_cannot_cut),
        cmocka_unit_test(test_bursts_unknown),
        cmocka_unit_test(test_full),
        cmocka_unit_test(test_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
