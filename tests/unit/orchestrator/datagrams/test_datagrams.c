/* SPDX-License-Identifier: Apache-2.0
 *
 * Goal: the queue gives back what went in, in order, refuses the 65th, and owns nothing when empty.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "orchestrator/shell/datagrams/datagrams.h"

static void keeps_order_and_sizes(void **state)
{
    (void)state;
    static const size_t sizes[] = {1, 0, 1200, 65535, 37};
    static uint8_t bytes[65536];
    struct datagrams queue = {0};
    for (size_t i = 0; i < ARRAY_LEN(sizes); i++) {
        memset(bytes, (int)i, sizes[i]);
        assert_true(datagrams_push(&queue, (struct bytes){bytes, sizes[i]}));
    }
    assert_false(datagrams_push(&queue, (struct bytes){bytes, 65536}));

    struct bytes views[DATAGRAMS_MAX];
    assert_int_equal(datagrams_view(&queue, views), ARRAY_LEN(sizes));
    for (size_t i = 0; i < ARRAY_LEN(sizes); i++) {
        assert_int_equal(views[i].len, sizes[i]);
        memset(bytes, (int)i, sizes[i]);
        assert_memory_equal(views[i].data, bytes, sizes[i]);
    }
    datagrams_clear(&queue);
    assert_null(queue.bytes);
    assert_int_equal(datagrams_view(&queue, views), 0);
}

static void refuses_beyond_its_bound(void **state)
{
    (void)state;
    struct datagrams queue = {0};
    uint8_t byte = 7;
    for (int i = 0; i < DATAGRAMS_MAX; i++)
        assert_true(datagrams_push(&queue, (struct bytes){&byte, 1}));
    assert_false(datagrams_push(&queue, (struct bytes){&byte, 1}));
    assert_int_equal(queue.count, DATAGRAMS_MAX);
    datagrams_clear(&queue);
    assert_true(datagrams_push(&queue, (struct bytes){&byte, 1}));
    datagrams_clear(&queue);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(keeps_order_and_sizes),
        cmocka_unit_test(refuses_beyond_its_bound),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
