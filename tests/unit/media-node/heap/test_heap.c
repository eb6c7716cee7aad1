/* SPDX-License-Identifier: Apache-2.0
 *
 * Goal: freed memory goes back after ten quiet seconds in a row, again after ten more, and never
 * while media flow.
 */
#include "media-node/shell/heap.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

/* In how many of so many seconds, of so many packets each, something went back. */
static unsigned trims(struct heap *heap, uint64_t *sent, unsigned seconds, uint64_t packets)
{
    unsigned count = 0;
    for (unsigned i = 0; i < seconds; i++) {
        *sent += packets;
        count += heap_look(heap, *sent);
    }
    return count;
}

static void after_ten_quiet_seconds(void **state)
{
    (void)state;
    struct heap heap = {0};
    uint64_t sent = 0;
    assert_int_equal(trims(&heap, &sent, HEAP_TRIM_S - 1, HEAP_QUIET - 1), 0);
    assert_int_equal(trims(&heap, &sent, 1, 0), 1);
    assert_int_equal(trims(&heap, &sent, HEAP_TRIM_S - 1, 0), 0);
    assert_int_equal(trims(&heap, &sent, 1, 0), 1);
}

static void never_while_media_flow(void **state)
{
    (void)state;
    struct heap heap = {0};
    uint64_t sent = 0;
    assert_int_equal(trims(&heap, &sent, 1000, HEAP_QUIET), 0);
    for (int i = 0; i < 100; i++) { /* a pause here and there */
        assert_int_equal(trims(&heap, &sent, HEAP_TRIM_S - 1, 0), 0);
        assert_int_equal(trims(&heap, &sent, 1, 50000), 0);
    }
    assert_int_equal(trims(&heap, &sent, HEAP_TRIM_S, 0), 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(after_ten_quiet_seconds),
        cmocka_unit_test(never_while_media_flow),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
