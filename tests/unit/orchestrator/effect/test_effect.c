/* SPDX-License-Identifier: Apache-2.0
 *
 * Effects come out in the order they went in, whatever is appended while they are drained.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "orchestrator/core/effect/effect.h"

/* Goal: order survives growth, and appending between two polls. */
static void order(void **state)
{
    (void)state;
    struct effects queue = {0};
    struct effect effect;
    uint64_t next_in = 0, next_out = 0;
    for (int round = 0; round < 50; round++) {
        for (int i = 0; i < 7; i++) {
            effect_close(&queue, next_in++, 1000);
        }
        for (int i = 0; i < 5; i++) {
            assert_true(effects_poll(&queue, &effect));
            assert_int_equal(effect.id, next_out++);
            effect_fini(&effect);
        }
    }
    while (effects_poll(&queue, &effect)) {
        assert_int_equal(effect.id, next_out++);
        effect_fini(&effect);
    }
    assert_int_equal(next_out, next_in);
    assert_false(effects_poll(&queue, &effect));
    effects_fini(&queue);
}

/* Goal: shorthands copy what they are given, and a queue that is dropped owns what it holds. */
static void ownership(void **state)
{
    (void)state;
    struct effects queue = {0};
    struct effect effect;
    char text[] = "node";
    uint8_t data[] = {1, 2, 3};
    effect_front_route(&queue, 7, 3, text);
    effect_channel_send(&queue, 7, 3, 2, true, (struct bytes){data, sizeof(data)});
    effect_refuse(&queue, 8, 503, text);
    memset(text, 'x', sizeof(text) - 1);
    memset(data, 9, sizeof(data));

    assert_true(effects_poll(&queue, &effect));
    assert_int_equal(effect.type, EFFECT_FRONT_ROUTE);
    assert_int_equal(effect.front, 3);
    assert_string_equal(effect.name, "node");
    effect_fini(&effect);
    assert_true(effects_poll(&queue, &effect));
    assert_int_equal(effect.status, 1);
    assert_int_equal(effect.front, 3);
    assert_int_equal(effect.len, 3);
    assert_memory_equal(effect.data, "\x01\x02\x03\x00", 4);
    effect_fini(&effect);
    effects_fini(&queue); /* the refusal is freed with it, or the leak checker says so */
}

/* Goal: who is refused for want of capacity is told when to come back, others are not. */
static void retry_after(void **state)
{
    (void)state;
    static const struct {
        int status;
        bool again;
    } table[] = {{401, false}, {403, false}, {503, true}};
    for (size_t i = 0; i < ARRAY_LEN(table); i++) {
        struct effects queue = {0};
        struct effect effect;
        effect_refuse(&queue, 1, table[i].status, "");
        assert_true(effects_poll(&queue, &effect));
        assert_int_equal(effect.retry_after_s > 0, table[i].again);
        effect_fini(&effect);
        effect_reply(&queue, 1, table[i].status, "text/plain", "");
        assert_true(effects_poll(&queue, &effect));
        assert_int_equal(effect.retry_after_s > 0, table[i].again);
        effect_fini(&effect);
        effects_fini(&queue);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(order),
        cmocka_unit_test(ownership),
        cmocka_unit_test(retry_after),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
