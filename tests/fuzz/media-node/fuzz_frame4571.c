/* SPDX-License-Identifier: Apache-2.0
 *
 * Any byte stream in any cut gives the frames that its bytes spell, until one is too big. The first
 * byte is the length of each read.
 */
#include "media-node/core/stun/stun.h"

/* The next frame by the book, from *at on; false at the end, or at a frame that is too big. */
static bool expect(const uint8_t *data, size_t len, size_t *at, struct bytes *frame, bool *too_big)
{
    while (len - *at >= STUN_FRAME_HEADER) {
        size_t body = be16_get(data + *at);
        *too_big = body > STUN_FRAME_MAX;
        if (*too_big || body > len - *at - STUN_FRAME_HEADER) {
            return false;
        }
        *frame = (struct bytes){data + *at + STUN_FRAME_HEADER, body};
        *at += STUN_FRAME_HEADER + body;
        if (body > 0) {
            return true;
        }
    }
    return false;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    if (len < 2) {
        return 0;
    }
    size_t cut = 1u + data[0];
    data++;
    len--;
    struct stun_framer framer = {0};
    size_t at = 0;
    bool too_big = false;
    struct bytes want;
    for (size_t fed = 0; fed < len; fed += cut) {
        struct bytes input = {data + fed, MIN(cut, len - fed)};
        uint8_t *frame;
        size_t frame_len;
        int err;
        while ((err = stun_framer_next(&framer, &input, &frame, &frame_len)) == 1) {
            bool expected = expect(data, len, &at, &want, &too_big);
            assert(expected && want.len == frame_len);
            assert(memcmp(want.data, frame, frame_len) == 0);
        }
        if (err != 0) {
            bool expected = expect(data, len, &at, &want, &too_big);
            assert(err == ERR_TOO_BIG && !expected && too_big);
            return 0;
        }
    }
    bool expected = expect(data, len, &at, &want, &too_big);
    assert(!expected && !too_big);
    return 0;
}
