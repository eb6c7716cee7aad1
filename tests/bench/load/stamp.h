/* SPDX-License-Identifier: Apache-2.0
 *
 * What a packet of the load client tells whoever receives it, in the last bytes of its payload: a
 * node changes the first ones.
 */
#ifndef TESTS_BENCH_LOAD_STAMP_H
#define TESTS_BENCH_LOAD_STAMP_H

#include "common/base/base.h"

#define STAMP_LEN   20
#define STAMP_MAGIC 0x53704c64

struct stamp {
    uint16_t publisher;
    uint8_t stream;   /* 0 audio, 1 .. the layers of the video, the smallest first */
    uint32_t counter; /* of the stream's packets */
    int64_t sent_us;  /* CLOCK_MONOTONIC */
};

static inline void stamp_write(uint8_t out[STAMP_LEN], const struct stamp *stamp)
{
    be32_put(out, STAMP_MAGIC);
    be16_put(out + 4, stamp->publisher);
    be16_put(out + 6, stamp->stream);
    be32_put(out + 8, stamp->counter);
    be64_put(out + 12, (uint64_t)stamp->sent_us);
}

/* ERR_INVALID: not a payload of ours. */
MUST_CHECK static inline int stamp_read(struct stamp *out, struct bytes payload)
{
    if (payload.len < STAMP_LEN) {
        return ERR_INVALID;
    }
    const uint8_t *at = payload.data + payload.len - STAMP_LEN;
    *out = (struct stamp){.publisher = be16_get(at + 4),
                          .stream = at[7],
                          .counter = be32_get(at + 8),
                          .sent_us = (int64_t)be64_get(at + 12)};
    return be32_get(at) == STAMP_MAGIC && at[6] == 0 ? 0 : ERR_INVALID;
}

#endif
