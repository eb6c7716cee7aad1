/* SPDX-License-Identifier: Apache-2.0
 *
 * Goal: what the kernel merged on its way in (UDP_GRO) comes out as the datagrams that were sent,
 * and nothing that a kernel could say of a message leads out of it. The kernel is the real one;
 * what it would never say is said in its place.
 */
#include "media-node/shell/inbound.h"
#include "media-node/shell/parts.h"

#include <arpa/inet.h>
#include <netinet/udp.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <setjmp.h>

#include <cmocka.h>

#define WAIT_MS 5000
#define PACKET  1116
#define LAST    500
#define ROW     6

/* ---- A kernel that can be made to lie -------------------------------------------------------- */

static struct {
    bool lies;
    int segment;       /* what it then says of every message */
    unsigned messages; /* that it gave */
} kernel;

static void say(struct msghdr *header)
{
    struct cmsghdr *note = CMSG_FIRSTHDR(header);
    header->msg_controllen = CMSG_SPACE(sizeof(kernel.segment));
    note->cmsg_level = SOL_UDP;
    note->cmsg_type = UDP_GRO;
    note->cmsg_len = CMSG_LEN(sizeof(kernel.segment));
    memcpy(CMSG_DATA(note), &kernel.segment, sizeof(kernel.segment));
}

int recvmmsg(int fd, struct mmsghdr *messages, unsigned count, int flags, struct timespec *timeout)
{
    int received = (int)syscall(SYS_recvmmsg, fd, messages, count, flags, timeout);
    for (int i = 0; i < received && kernel.lies; i++) {
        say(&messages[i].msg_hdr);
    }
    kernel.messages += received > 0 ? (unsigned)received : 0;
    return received;
}

/* ---- Two sockets ----------------------------------------------------------------------------- */

struct test {
    struct inbound *inbound;
    int in, out;
    struct net_addr from;
};

static void setup(struct test *t)
{
    struct sockaddr_in addr = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof(addr);
    memset(&kernel, 0, sizeof(kernel));
    t->inbound = inbound_new();
    t->in = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK, 0);
    t->out = socket(AF_INET, SOCK_DGRAM, 0);
    assert_int_equal(bind(t->in, (struct sockaddr *)&addr, len), 0);
    inbound_prepare(t->in);
    assert_int_equal(getsockname(t->in, (struct sockaddr *)&addr, &len), 0);
    assert_int_equal(connect(t->out, (struct sockaddr *)&addr, len), 0);
    assert_int_equal(getsockname(t->out, (struct sockaddr *)&addr, &len), 0);
    assert_int_equal(net_from_sockaddr(&t->from, (struct sockaddr *)&addr, len), 0);
}

static void teardown(struct test *t)
{
    inbound_free(t->inbound);
    close(t->in);
    close(t->out);
}

static void send_plain(struct test *t, size_t len, uint8_t fill)
{
    static uint8_t data[65000];
    memset(data, fill, len);
    assert_int_equal(send(t->out, data, len, 0), len);
}

/* A row of packets as one message, which a kernel that merges hands on as it is. */
static void send_row(struct test *t)
{
    static uint8_t data[(ROW - 1) * PACKET + LAST];
    const int segment = PACKET, none = 0;
    for (size_t i = 0; i < ROW; i++) {
        memset(data + i * PACKET, (int)(10 + i), i + 1 < ROW ? PACKET : LAST);
    }
    assert_int_equal(setsockopt(t->out, SOL_UDP, UDP_SEGMENT, &segment, sizeof(segment)), 0);
    assert_int_equal(send(t->out, data, sizeof(data), 0), sizeof(data));
    assert_int_equal(setsockopt(t->out, SOL_UDP, UDP_SEGMENT, &none, sizeof(none)), 0);
}

static struct inbound_batch read_some(struct test *t)
{
    struct pollfd readable = {.fd = t->in, .events = POLLIN};
    assert_int_equal(poll(&readable, 1, WAIT_MS), 1);
    return inbound_read(t->inbound, t->in);
}

static void expect(const struct test *t, const struct node_datagram *datagram, size_t len,
                   uint8_t fill)
{
    assert_int_equal(datagram->len, len);
    assert_int_equal(datagram->data[0], fill);
    assert_int_equal(datagram->data[len - 1], fill);
    assert_true(net_equal(&datagram->remote, &t->from));
    assert_true(datagram->waited_us >= 0);
}

/* ---- Tests ----------------------------------------------------------------------------------- */

static void test_merged(void **state)
{
    (void)state;
    struct test t;
    setup(&t);
    send_plain(&t, 100, 1);
    send_row(&t);
    send_plain(&t, PACKET, 2);
    struct inbound_batch batch = read_some(&t);
    assert_int_equal(kernel.messages, 3);
    assert_int_equal(batch.count, 2 + ROW);
    expect(&t, &batch.datagrams[0], 100, 1);
    for (size_t i = 0; i < ROW; i++) {
        expect(&t, &batch.datagrams[1 + i], i + 1 < ROW ? PACKET : LAST, (uint8_t)(10 + i));
    }
    expect(&t, &batch.datagrams[1 + ROW], PACKET, 2);
    assert_int_equal(batch.truncated, 0);
    teardown(&t);
}

static void test_nothing(void **state)
{
    (void)state;
    struct test t;
    setup(&t);
    assert_int_equal(inbound_read(t.inbound, t.in).count, 0);
    teardown(&t);
}

/* More messages than one read takes: the rest comes with the next. */
static void test_many(void **state)
{
    (void)state;
    struct test t;
    setup(&t);
    for (uint8_t i = 0; i < INBOUND_MESSAGES + 1; i++) {
        send_plain(&t, 50, i);
    }
    assert_int_equal(read_some(&t).count, INBOUND_MESSAGES);
    struct inbound_batch batch = read_some(&t);
    assert_int_equal(batch.count, 1);
    expect(&t, &batch.datagrams[0], 50, INBOUND_MESSAGES);
    teardown(&t);
}

static void test_too_long(void **state)
{
    (void)state;
    struct test t;
    setup(&t);
    send_plain(&t, SHELL_PACKET + 1, 1);
    send_plain(&t, SHELL_PACKET, 2);
    send_plain(&t, 65000, 3);
    struct inbound_batch batch = read_some(&t);
    assert_int_equal(batch.truncated, 2);
    assert_int_equal(batch.count, 1);
    expect(&t, &batch.datagrams[0], SHELL_PACKET, 2);
    teardown(&t);
}

static void test_lies(void **state)
{
    (void)state;
    static const struct {
        int segment;
        size_t count, len; /* of the first datagram */
    } cases[] = {{0, 1, 1000},           {-5, 1, 1000},   {INT32_MIN, 1, 1000},
                 {INT32_MAX, 1, 1000},   {1000, 1, 1000}, {999, 2, 999},
                 {334, 3, 334},          {16, 63, 16},    {15, 64, 15},
                 {1, INBOUND_ROW_MAX, 1}};
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct test t;
        setup(&t);
        kernel.lies = true;
        kernel.segment = cases[i].segment;
        send_plain(&t, 1000, 7);
        struct inbound_batch batch = read_some(&t);
        assert_int_equal(batch.count, cases[i].count);
        expect(&t, &batch.datagrams[0], cases[i].len, 7);
        assert_true(batch.datagrams[batch.count - 1].len >= 1);
        assert_true(batch.datagrams[batch.count - 1].data + batch.datagrams[batch.count - 1].len <=
                    batch.datagrams[0].data + 1000);
        teardown(&t);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_merged), cmocka_unit_test(test_nothing),
        cmocka_unit_test(test_many),   cmocka_unit_test(test_too_long),
        cmocka_unit_test(test_lies),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
