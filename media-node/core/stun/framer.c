/* SPDX-License-Identifier: Apache-2.0 */
#include "media-node/core/stun/stun.h"

/* Moves bytes from input until the framer holds want of them. */
static bool fill(struct stun_framer *framer, struct bytes *input, size_t want)
{
    size_t take = MIN(want - framer->len, input->len);
    if (take > 0) {
        memcpy(framer->data + framer->len, input->data, take);
        framer->len = (uint16_t)(framer->len + take);
        input->data += take;
        input->len -= take;
    }
    return framer->len == want;
}

int stun_framer_next(struct stun_framer *framer, struct bytes *input, uint8_t **frame,
                     size_t *frame_len)
{
    if (framer->complete) {
        framer->complete = false;
        framer->len = 0;
    }
    for (;;) {
        if (framer->len < STUN_FRAME_HEADER && !fill(framer, input, STUN_FRAME_HEADER)) {
            return 0;
        }
        size_t body = be16_get(framer->data);
        if (body > STUN_FRAME_MAX) {
            return ERR_TOO_BIG;
        }
        if (!fill(framer, input, STUN_FRAME_HEADER + body)) {
            return 0;
        }
        if (body > 0) {
            framer->complete = true;
            *frame = framer->data + STUN_FRAME_HEADER;
            *frame_len = body;
            return 1;
        }
        framer->len = 0;
    }
}
