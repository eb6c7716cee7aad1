/* SPDX-License-Identifier: Apache-2.0
 *
 * Goal: what is sent to a client leaves from the address that it came to: answers to checks from
 * that of the check, the rest from that of its media; whoever is heard displaces whom was not heard
 * longest.
 */
#include "media-node/shell/origins.h"

#include <setjmp.h>

#include <cmocka.h>

static struct net_addr client(uint32_t number)
{
    struct net_addr addr = {.port = (uint16_t)(number & UINT16_MAX), .family = NET_V4};
    be32_put(addr.ip, number >> 16);
    return addr;
}

static void test_each_kind_its_own(void **state)
{
    (void)state;
    struct origins *origins = origins_new(1);
    const struct net_addr anna = client(1), bert = client(2);
    assert_int_equal(origins_find(origins, 0, &anna, true), ORIGINS_NONE);

    origins_note(origins, 0, &anna, true, 2); /* checks of two addresses, nothing else yet */
    origins_note(origins, 0, &anna, true, 1);
    assert_int_equal(origins_find(origins, 0, &anna, true), 1);
    assert_int_equal(origins_find(origins, 0, &anna, false), 1);

    origins_note(origins, 0, &anna, false, 2); /* it uses one, and goes on checking the other */
    origins_note(origins, 0, &anna, true, 1);
    assert_int_equal(origins_find(origins, 0, &anna, true), 1);
    assert_int_equal(origins_find(origins, 0, &anna, false), 2);

    origins_note(origins, 1, &anna, false, 0); /* another port is another matter */
    assert_int_equal(origins_find(origins, 1, &anna, true), 0);
    assert_int_equal(origins_find(origins, 0, &anna, false), 2);
    assert_int_equal(origins_find(origins, 0, &bert, false), ORIGINS_NONE);
    origins_free(origins);
}

/* As many as there are places at most are remembered, and never one's address as another's. */
static void test_many(void **state)
{
    (void)state;
    enum { CLIENTS = 4 * ORIGINS_WAYS * ORIGINS_SETS };
    struct origins *origins = origins_new(7);
    for (uint32_t i = 0; i < CLIENTS; i++) {
        const struct net_addr remote = client(i);
        origins_note(origins, 0, &remote, false, (uint8_t)(i % 8));
        assert_int_equal(origins_find(origins, 0, &remote, false), i % 8);
    }
    uint32_t known = 0, lately = 0;
    for (uint32_t i = 0; i < CLIENTS; i++) {
        const struct net_addr remote = client(i);
        uint8_t found = origins_find(origins, 0, &remote, false);
        assert_true(found == ORIGINS_NONE || found == i % 8);
        known += found != ORIGINS_NONE;
        lately += found != ORIGINS_NONE && i >= CLIENTS - ORIGINS_SETS;
    }
    assert_true(known <= ORIGINS_WAYS * ORIGINS_SETS);
    assert_true(known > ORIGINS_WAYS * ORIGINS_SETS * 9 / 10);
    assert_true(lately > ORIGINS_SETS * 99 / 100); /* of the last, one for each set on average */
    origins_free(origins);
}

static void test_kinds(void **state)
{
    (void)state;
    const uint8_t stun[] = {0x01, 0x01}, dtls[] = {22}, rtp[] = {0x80};
    assert_true(origins_is_stun((struct bytes){stun, sizeof(stun)}));
    assert_false(origins_is_stun((struct bytes){dtls, sizeof(dtls)}));
    assert_false(origins_is_stun((struct bytes){rtp, sizeof(rtp)}));
    assert_false(origins_is_stun((struct bytes){rtp, 0}));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_each_kind_its_own),
        cmocka_unit_test(test_many),
        cmocka_unit_test(test_kinds),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
