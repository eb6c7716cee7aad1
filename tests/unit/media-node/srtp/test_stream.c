/* SPDX-License-Identifier: Apache-2.0
 *
 * Goal: whatever order sequence numbers come in, no index is handed out twice, and the window
 * agrees with a naive model that remembers everything.
 */
#include "media-node/core/srtp/private.h"

#include <setjmp.h>
#include <stdlib.h>

#include <cmocka.h>

struct step {
    uint16_t seq;
    bool again;
    int64_t want; /* index, or ERR_* */
};

static void table(void **state)
{
    (void)state;
    static const struct step steps[] = {
        {65534, true, ERR_STALE}, /* nothing was sent yet */
        {65534, false, 65534},
        {65535, false, 65535},
        {65535, false, ERR_REPLAY},
        {2, false, 65538},
        {65533, false, 65533},
        {65533, true, 65533},
        {1, true, ERR_STALE},
        {1, false, 65537},
        {65023, false, ERR_STALE}, /* 515 behind */
        {0x7fff + 2, false, 65536 + 0x7fff + 2},
        {2, false, ERR_STALE},
        {1, false, ERR_STALE},
        {1, true, ERR_STALE},
    };
    struct rtpsec_stream stream;
    rtpsec_stream_init(&stream, 1);
    for (size_t i = 0; i < ARRAY_LEN(steps); i++) {
        uint64_t index = 0;
        int err = rtpsec_stream_take(&stream, steps[i].seq, steps[i].again, &index);
        if ((err == 0 ? (int64_t)index : err) != steps[i].want) {
            fail_msg("step %zu: %d, index %llu", i, err, (unsigned long long)index);
        }
    }
}

static void resumed_stream_starts_behind_its_past(void **state)
{
    (void)state;
    struct rtpsec_stream stream;
    uint64_t index = 0;
    rtpsec_stream_resume(&stream, 1, 3, 10);
    assert_int_equal(rtpsec_stream_take(&stream, 10, false, &index), ERR_REPLAY);
    assert_int_equal(rtpsec_stream_take(&stream, 9, false, &index), ERR_REPLAY);
    assert_int_equal(rtpsec_stream_take(&stream, 65400, false, &index), ERR_REPLAY);
    assert_int_equal(rtpsec_stream_take(&stream, 12, false, &index), 0);
    assert_true(index == (UINT64_C(3) << 16 | 12));
    assert_int_equal(rtpsec_stream_take(&stream, 11, false, &index), 0);
}

static void resumed_stream_has_what_was_spared(void **state)
{
    (void)state;
    struct rtpsec_stream stream;
    uint64_t index = 0;
    rtpsec_stream_resume(&stream, 1, 3, 10);
    rtpsec_stream_spare(&stream, (UINT64_C(3) << 16) - 2);
    rtpsec_stream_spare(&stream, (UINT64_C(3) << 16 | 10) - RTPSEC_SEND_WINDOW); /* too old */
    rtpsec_stream_spare(&stream, UINT64_C(3) << 16 | 11);                        /* not past */
    assert_int_equal(rtpsec_stream_take(&stream, 10, false, &index), ERR_REPLAY);
    assert_int_equal(rtpsec_stream_take(&stream, 65535, false, &index), ERR_REPLAY);
    assert_int_equal(rtpsec_stream_take(&stream, 65534, false, &index), 0);
    assert_true(index == (UINT64_C(3) << 16) - 2);
    assert_int_equal(rtpsec_stream_take(&stream, 65534, false, &index), ERR_REPLAY);
}

static void ends_with_the_last_index(void **state)
{
    (void)state;
    struct rtpsec_stream stream;
    uint64_t index = 0;
    rtpsec_stream_resume(&stream, 1, UINT32_MAX, 65534);
    assert_int_equal(rtpsec_stream_take(&stream, 65535, false, &index), 0);
    assert_true(index == (UINT64_C(1) << 48) - 1);
    assert_int_equal(rtpsec_stream_take(&stream, 0, false, &index), ERR_STATE);
}

/* The model keeps one byte per index. */
static void random_walk_against_a_model(void **state)
{
    (void)state;
    const size_t space = 6 * 65536;
    uint8_t *used = mem_alloc(space);
    struct prng prng;
    prng_seed(&prng, 3711);
    struct rtpsec_stream stream;
    rtpsec_stream_init(&stream, 1);
    uint64_t newest = 700;
    uint64_t index;
    assert_int_equal(rtpsec_stream_take(&stream, 700, false, &index), 0);
    used[700] = 1;
    while (newest < space - 40000) {
        int64_t jump = prng_below(&prng, 50) == 0 ? (int64_t)prng_below(&prng, 3000)
                                                  : (int64_t)prng_below(&prng, 6);
        int64_t back = prng_below(&prng, 2) == 0 ? (int64_t)prng_below(&prng, 600) : 0;
        uint64_t target = (uint64_t)((int64_t)newest + jump - back);
        bool again = prng_below(&prng, 8) == 0;
        int want = 0;
        if (target + RTPSEC_SEND_WINDOW <= newest) {
            want = ERR_STALE;
        } else if ((used[target] != 0) != again) {
            want = again ? ERR_STALE : ERR_REPLAY;
        }
        assert_int_equal(rtpsec_stream_take(&stream, (uint16_t)target, again, &index), want);
        if (want == 0) {
            assert_true(index == target);
            used[target] = 1;
            newest = MAX(newest, target);
        }
    }
    free(used);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(table),
        cmocka_unit_test(resumed_stream_starts_behind_its_past),
        cmocka_unit_test(resumed_stream_has_what_was_spared),
        cmocka_unit_test(ends_with_the_last_index),
        cmocka_unit_test(random_walk_against_a_model),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
