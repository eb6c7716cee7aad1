/* SPDX-License-Identifier: Apache-2.0
 *
 * Microseconds to RTP clock units and back, without overflow for any uptime.
 */
#ifndef MEDIA_NODE_CORE_STREAM_TICKS_H
#define MEDIA_NODE_CORE_STREAM_TICKS_H

#include <stdint.h>

static inline int64_t ticks_of_us(int64_t us, uint32_t clock_hz)
{
    return us / 1000000 * clock_hz + us % 1000000 * clock_hz / 1000000;
}

static inline int64_t us_of_ticks(int64_t ticks, uint32_t clock_hz)
{
    return ticks / clock_hz * 1000000 + ticks % clock_hz * 1000000 / clock_hz;
}

#endif
