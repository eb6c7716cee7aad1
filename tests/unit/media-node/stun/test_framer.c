/* SPDX-License-Identifier: Apache-2.0
 *
 * Goal: a TCP stream cut anywhere gives exactly the frames that were put in, and an oversized frame
 * ends it.
 */
#include "media-node/core/stun/stun.h"

#include <setjmp.h>

#include <cmocka.h>

#define STREAM_MAX 65536

/* A stream of random frames, some of them empty, cut into random reads. */
static void any_cut_gives_the_same_frames(void **state)
{
    (void)state;
    static uint8_t stream[STREAM_MAX];
    static struct stun_framer framer;
    struct prng prng;
    prng_seed(&prng, 4571);
    for (int round = 0; round < 20; round++) {
        size_t lens[64];
        size_t count = 0;
        size_t total = 0;
        for (int i = 0; i < 64; i++) {
            size_t len = prng_below(&prng, 4) == 0 ? 0 : prng_below(&prng, 900);
            be16_put(stream + total, (uint16_t)len);
            prng_fill(&prng, stream + total + STUN_FRAME_HEADER, len);
            total += STUN_FRAME_HEADER + len;
            if (len > 0) {
                lens[count++] = len;
            }
        }
        size_t fed = 0;
        size_t seen = 0;
        size_t expect_at = 0;
        while (fed < total) {
            size_t want = 1 + prng_below(&prng, 1500);
            size_t len = MIN(want, total - fed);
            struct bytes input = {stream + fed, len};
            uint8_t *frame;
            size_t frame_len;
            while (stun_framer_next(&framer, &input, &frame, &frame_len) == 1) {
                while (be16_get(stream + expect_at) == 0) {
                    expect_at += STUN_FRAME_HEADER;
                }
                assert_int_equal(frame_len, lens[seen]);
                assert_memory_equal(frame, stream + expect_at + STUN_FRAME_HEADER, frame_len);
                memset(frame, 0xff, frame_len); /* ours to change */
                expect_at += STUN_FRAME_HEADER + frame_len;
                seen++;
            }
            assert_int_equal(input.len, 0);
            fed += len;
        }
        assert_int_equal(seen, count);
    }
}

static void bounds(void **state)
{
    (void)state;
    static uint8_t stream[STUN_FRAME_HEADER + STUN_FRAME_MAX];
    static struct stun_framer framer;
    uint8_t *frame;
    size_t frame_len;

    be16_put(stream, STUN_FRAME_MAX);
    struct bytes input = {stream, sizeof(stream)};
    assert_int_equal(stun_framer_next(&framer, &input, &frame, &frame_len), 1);
    assert_int_equal(frame_len, STUN_FRAME_MAX);
    assert_int_equal(stun_framer_next(&framer, &input, &frame, &frame_len), 0);

    be16_put(stream, STUN_FRAME_MAX + 1);
    input = (struct bytes){stream, STUN_FRAME_HEADER};
    assert_int_equal(stun_framer_next(&framer, &input, &frame, &frame_len), ERR_TOO_BIG);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(any_cut_gives_the_same_frames),
        cmocka_unit_test(bounds),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
