/* SPDX-License-Identifier: Apache-2.0
 *
 * Goal: packets come out once, in order and unharmed; a full outbox refuses and counts; slots are
 * used again only after a drain.
 */
#include "media-node/core/outbox/outbox.h"

#include <setjmp.h>

#include <cmocka.h>

static void push(struct outbox *outbox, uint32_t number)
{
    const struct ice_path path = {.endpoint = (uint16_t)number};
    uint8_t *slot = outbox_reserve(outbox);
    assert_non_null(slot);
    be32_put(slot, number);
    outbox_commit(outbox, &path, 4 + number % 7);
}

static void expect(const struct outbox_packet *packet, uint32_t number)
{
    assert_int_equal(be32_get(packet->data), number);
    assert_int_equal(packet->len, 4 + number % 7);
    assert_int_equal(packet->path.endpoint, number);
}

static void test_order(void **state)
{
    (void)state;
    struct outbox *outbox = outbox_new(64);
    struct outbox_packet out[10];
    struct prng prng;
    uint32_t pushed = 0;
    uint32_t polled = 0;
    prng_seed(&prng, 3);
    while (pushed < 20000) {
        for (uint64_t i = prng_below(&prng, 60); i > 0; i--) {
            push(outbox, pushed++);
        }
        size_t count;
        while ((count = outbox_poll(outbox, out, 1 + prng_below(&prng, 10))) > 0) {
            for (size_t i = 0; i < count; i++) {
                expect(&out[i], polled++);
            }
            assert_int_equal(outbox_waiting(outbox), pushed - polled);
        }
        assert_int_equal(polled, pushed);
    }
    outbox_free(outbox);
}

static void test_full(void **state)
{
    (void)state;
    struct outbox *outbox = outbox_new(2);
    struct outbox_packet out[2];
    push(outbox, 1);
    uint8_t *slot = outbox_reserve(outbox);
    assert_ptr_equal(outbox_reserve(outbox), slot); /* not committed: given again */
    push(outbox, 2);
    assert_null(outbox_reserve(outbox));
    assert_null(outbox_reserve(outbox));
    assert_int_equal(outbox_overflows(outbox), 2);
    assert_int_equal(outbox_poll(outbox, out, 1), 1);
    assert_null(outbox_reserve(outbox)); /* what was polled is still borrowed */
    assert_int_equal(outbox_poll(outbox, out + 1, 2), 1);
    expect(&out[0], 1);
    expect(&out[1], 2);
    push(outbox, 3);
    assert_int_equal(outbox_waiting(outbox), 1);
    outbox_free(outbox);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_order),
        cmocka_unit_test(test_full),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
