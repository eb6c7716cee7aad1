/* SPDX-License-Identifier: Apache-2.0
 *
 * Loudness out of the levels clients write into each audio packet (RFC 6464). A packet counts for
 * the time it stands for, not as one, so that frames of 10, 20 and 60 ms and discontinuous
 * transmission weigh alike.
 */
#include "media-node/core/stream/receiver_parts.h"

#define STEP_DEFAULT_US TIME_MS(20)  /* the usual frame, where the timestamps do not tell */
#define STEP_MAX_US     TIME_MS(120) /* the longest Opus packet (RFC 6716 §3.2.5) */

static int64_t step_us(const struct stream_loudness *loudness, uint32_t ts, uint32_t clock_hz)
{
    int64_t step = us_of_ticks(ts_diff(ts, loudness->last_ts), clock_hz);
    if (!loudness->started || step <= 0 || step > STEP_MAX_US) {
        return STEP_DEFAULT_US;
    }
    return step;
}

void stream_loudness_add(struct stream_loudness *loudness, uint32_t ts, uint32_t clock_hz,
                         uint8_t dbov)
{
    int64_t step = step_us(loudness, ts, clock_hz);
    loudness->started = true;
    loudness->last_ts = ts;
    if (dbov <= LEVEL_ACTIVE_DBOV) {
        loudness->active_us += step;
        loudness->weighted += step * dbov;
    }
}

struct stream_level stream_loudness_take(struct stream_loudness *loudness, int64_t now_us)
{
    struct stream_level level = {.dbov = 127};
    int64_t window_us = now_us - loudness->since_us;
    if (loudness->active_us > 0 && window_us > 0) {
        int64_t permille = loudness->active_us * 1000 / window_us;
        level.dbov = (uint8_t)(loudness->weighted / loudness->active_us);
        level.active_permille = (uint16_t)MIN(permille, 1000);
    }
    loudness->since_us = now_us;
    loudness->active_us = 0;
    loudness->weighted = 0;
    return level;
}
