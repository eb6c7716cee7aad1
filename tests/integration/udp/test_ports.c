/* SPDX-License-Identifier: Apache-2.0
 *
 * Goal: of the two sockets of a port, the second gets what stun_classify calls STUN or RTCP and the
 * first all else, whatever the bytes are; and the port is nobody else's. The kernel is the real
 * one.
 */
#include "media-node/core/stun/stun.h"
#include "media-node/shell/ports.h"

#include <arpa/inet.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include <setjmp.h>

#include <cmocka.h>

#define WAIT_MS 5000
#define LEN     12 /* of a datagram: no packet is too short for what its first bytes say */

enum { MEDIA, ASIDE, LANES };

struct test {
    struct net_addr addr;
    int lanes[LANES];
    int out;
};

/* A free port of that loopback address; false: this machine has no such address. */
static bool find_port(struct net_addr *addr, const char *ip)
{
    struct sockaddr_storage bound;
    assert_int_equal(net_from_text(addr, ip, 0), 0);
    socklen_t len = net_to_sockaddr(addr, &bound);
    int fd = socket(bound.ss_family, SOCK_DGRAM, 0);
    bool found = fd >= 0 && bind(fd, (struct sockaddr *)&bound, len) == 0 &&
                 getsockname(fd, (struct sockaddr *)&bound, &len) == 0 &&
                 net_from_sockaddr(addr, (struct sockaddr *)&bound, len) == 0;
    if (fd >= 0) {
        close(fd);
    }
    return found;
}

static bool start(struct test *t, const char *ip)
{
    if (!find_port(&t->addr, ip)) {
        return false;
    }
    struct sockaddr_storage to;
    socklen_t len = net_to_sockaddr(&t->addr, &to);
    assert_int_equal(ports_open(&t->addr, &t->lanes[MEDIA]), 0);
    assert_int_equal(ports_open_aside(&t->addr, t->lanes[MEDIA], &t->lanes[ASIDE]), 0);
    t->out = socket(to.ss_family, SOCK_DGRAM, 0);
    assert_int_equal(connect(t->out, (struct sockaddr *)&to, len), 0);
    return true;
}

static void finish(struct test *t)
{
    close(t->lanes[MEDIA]);
    close(t->lanes[ASIDE]);
    close(t->out);
}

/* Where that comes out. */
static int lane_of(struct test *t, const uint8_t *data, size_t len)
{
    struct pollfd lanes[LANES] = {{.fd = t->lanes[MEDIA], .events = POLLIN},
                                  {.fd = t->lanes[ASIDE], .events = POLLIN}};
    uint8_t got[LEN + 1];
    assert_int_equal(send(t->out, data, len, 0), len);
    assert_int_equal(poll(lanes, LANES, WAIT_MS), 1);
    int lane = lanes[ASIDE].revents != 0 ? ASIDE : MEDIA;
    assert_int_equal(recv(t->lanes[lane], got, sizeof(got), 0), len);
    assert_memory_equal(got, data, len);
    return lane;
}

static int lane_wanted(const uint8_t *data, size_t len)
{
    enum packet_kind kind = stun_classify(data, len);
    return kind == PACKET_STUN || kind == PACKET_RTCP ? ASIDE : MEDIA;
}

static void check_sorting(struct test *t)
{
    static const uint8_t seconds[] = {0, 1, 95, 96, 191, 192, 200, 206, 223, 224, 255};
    for (unsigned first = 0; first < 256; first++) {
        for (size_t i = 0; i < ARRAY_LEN(seconds); i++) {
            const uint8_t data[LEN] = {(uint8_t)first, seconds[i]};
            assert_int_equal(lane_of(t, data, LEN), lane_wanted(data, LEN));
        }
    }
    for (unsigned second = 0; second < 256; second++) {
        const uint8_t data[LEN] = {0x80, (uint8_t)second};
        assert_int_equal(lane_of(t, data, LEN), lane_wanted(data, LEN));
    }
    /* shorter than what would be looked at */
    assert_int_equal(lane_of(t, (const uint8_t[]){0x80}, 1), MEDIA);
    assert_int_equal(lane_of(t, (const uint8_t[]){0x04}, 0), MEDIA);
}

/* ---- Tests ----------------------------------------------------------------------------------- */

static void test_sorted(void **state)
{
    (void)state;
    struct test t;
    assert_true(start(&t, "127.0.0.1"));
    check_sorting(&t);
    finish(&t);
}

static void test_sorted_v6(void **state)
{
    (void)state;
    struct test t;
    if (!start(&t, "::1")) {
        skip();
    }
    check_sorting(&t);
    finish(&t);
}

/* Two sockets share it: that is no invitation to others. */
static void test_taken(void **state)
{
    (void)state;
    struct test t;
    int fd;
    assert_true(start(&t, "127.0.0.1"));
    assert_int_equal(ports_open(&t.addr, &fd), ERR_IO);
    finish(&t);
    assert_int_equal(ports_open(&t.addr, &fd), 0);
    close(fd);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_sorted),
        cmocka_unit_test(test_sorted_v6),
        cmocka_unit_test(test_taken),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
