/* SPDX-License-Identifier: Apache-2.0
 *
 * Goal: bursts carry each packet once, in the order of its address, in a form that UDP_SEGMENT can
 * cut: equal sizes, only the last one shorter. By a table of small cases, and by random packets
 * against a naive model.
 */
#include "media-node/shell/bursts.h"

#include <stdio.h>
#include <stdlib.h>

#include <setjmp.h>

#include <cmocka.h>

static uint8_t memory[BURSTS_PACKETS]; /* packets differ by where they begin */

static struct bytes packet(size_t number, size_t len)
{
    return (struct bytes){memory + number, len};
}

static struct net_addr address(uint16_t port)
{
    return (struct net_addr){.ip = {127, 0, 0, 1}, .port = port, .family = NET_V4};
}

static struct bursts *bursts_new(unsigned packets_max)
{
    struct bursts *bursts = mem_alloc(sizeof(*bursts));
    bursts->packets_max = packets_max;
    return bursts;
}

static void add(struct bursts *bursts, uint16_t port, struct bytes bytes)
{
    struct net_addr remote = address(port);
    assert_true(bursts_add(bursts, &remote, bytes));
}

/* "port:len,len port:len": the bursts in order. */
static void expect(const struct bursts *bursts, const char *text)
{
    char got[256] = "";
    size_t used = 0;
    for (size_t i = 0; i < bursts->burst_count; i++) {
        struct iovec packets[BURST_PACKETS_MAX];
        size_t count = bursts_packets(bursts, i, packets);
        used += (size_t)snprintf(got + used, sizeof(got) - used, "%s%u:", i == 0 ? "" : " ",
                                 bursts->bursts[i].remote.port);
        for (size_t n = 0; n < count; n++) {
            used += (size_t)snprintf(got + used, sizeof(got) - used, "%s%zu", n == 0 ? "" : ",",
                                     packets[n].iov_len);
        }
    }
    assert_string_equal(got, text);
}

static void test_cases(void **state)
{
    (void)state;
    static const struct {
        unsigned packets_max;
        struct {
            uint16_t port;
            uint16_t len;
        } in[8];
        const char *out;
    } cases[] = {
        {16, {{0}}, ""},
        {16, {{1, 100}}, "1:100"},
        {16, {{1, 100}, {2, 100}, {1, 100}, {2, 100}}, "1:100,100 2:100,100"},
        {16, {{1, 100}, {1, 90}, {1, 100}}, "1:100,90 1:100"}, /* a shorter one is the last */
        {16, {{1, 100}, {1, 110}, {1, 110}}, "1:100 1:110,110"},
        {16, {{1, 90}, {2, 70}, {1, 100}, {1, 90}}, "1:90 2:70 1:100,90"},
        {2, {{1, 100}, {1, 100}, {1, 100}}, "1:100,100 1:100"},
        {1, {{1, 100}, {2, 100}, {1, 100}}, "1:100 2:100 1:100"}, /* no UDP_SEGMENT */
        {16, {{1, 25000}, {1, 25000}, {1, 25000}}, "1:25000,25000 1:25000"},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct bursts *bursts = bursts_new(cases[i].packets_max);
        for (int again = 0; again < 2; again++) { /* cleared is as good as new */
            for (size_t n = 0; n < ARRAY_LEN(cases[i].in) && cases[i].in[n].len > 0; n++) {
                add(bursts, cases[i].in[n].port, packet(n, cases[i].in[n].len));
            }
            expect(bursts, cases[i].out);
            bursts_clear(bursts);
            expect(bursts, "");
        }
        free(bursts);
    }
}

static void test_full(void **state)
{
    (void)state;
    struct bursts *bursts = bursts_new(BURST_PACKETS_MAX);
    struct net_addr remote = address(1);
    for (size_t i = 0; i < BURSTS_PACKETS; i++) {
        add(bursts, (uint16_t)(i % 7), packet(i, 100));
    }
    assert_false(bursts_add(bursts, &remote, packet(0, 100)));
    bursts_clear(bursts);
    assert_true(bursts_add(bursts, &remote, packet(0, 100)));
    free(bursts);
}

/* Every packet comes out once; those of an address in the order they were added. */
static void check_random(const struct bursts *bursts, const uint16_t *ports, size_t count)
{
    static size_t next[UINT16_MAX + 1]; /* by port: no packet before this one may follow */
    size_t seen = 0;
    memset(next, 0, sizeof(next));
    for (size_t i = 0; i < bursts->burst_count; i++) {
        const struct burst *burst = &bursts->bursts[i];
        struct iovec packets[BURST_PACKETS_MAX];
        size_t n = bursts_packets(bursts, i, packets);
        assert_in_range(n, 1, bursts->packets_max);
        for (size_t k = 0; k < n; k++) {
            size_t number = (size_t)((uint8_t *)packets[k].iov_base - memory);
            assert_int_equal(ports[number], burst->remote.port);
            assert_true(number >= next[burst->remote.port]);
            next[burst->remote.port] = number + 1;
            assert_true(k + 1 == n ? packets[k].iov_len <= burst->segment
                                   : packets[k].iov_len == burst->segment);
            seen++;
        }
    }
    assert_int_equal(seen, count);
}

static void test_random(void **state)
{
    (void)state;
    static uint16_t ports[BURSTS_PACKETS];
    struct prng prng;
    prng_seed(&prng, 1);
    struct bursts *bursts = bursts_new(BURST_PACKETS_MAX);
    for (int round = 0; round < 300; round++) {
        size_t count = (size_t)prng_below(&prng, BURSTS_PACKETS + 1);
        uint64_t addresses = 1 + prng_below(&prng, round % 2 == 0 ? 20 : 3000);
        for (size_t i = 0; i < count; i++) {
            ports[i] = (uint16_t)prng_below(&prng, addresses);
            size_t len = prng_below(&prng, 4) == 0 ? 1 + (size_t)prng_below(&prng, 1200) : 1116;
            add(bursts, ports[i], packet(i, len));
        }
        check_random(bursts, ports, count);
        bursts_clear(bursts);
    }
    free(bursts);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_cases),
        cmocka_unit_test(test_full),
        cmocka_unit_test(test_random),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
