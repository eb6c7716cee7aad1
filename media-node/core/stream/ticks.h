/* SPDX-License-Identifier: Apache-2.0
 *
 * Microseconds to RTP clock units and back, without overflow for any uptime; and to NTP time and
 * back, for the clocks of publishers: one that knows no time of day may count from its start
 * (RFC 3550 §4), so no year is out of range.
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

/* Microseconds since NTP's zero, rounded up so that ntp_of_us gives the same again. */
static inline int64_t us_of_ntp(uint64_t ntp)
{
    uint64_t us = ((ntp & UINT32_MAX) * 1000000 + UINT32_MAX) >> 32;
    return (int64_t)(ntp >> 32) * 1000000 + (int64_t)us;
}

/* us may be negative: seconds wrap as NTP's do. */
static inline uint64_t ntp_of_us(int64_t us)
{
    int64_t seconds = us / 1000000 - (us % 1000000 < 0);
    uint64_t rest_us = (uint64_t)(us - seconds * 1000000);
    return (uint64_t)seconds << 32 | (rest_us << 32) / 1000000;
}

#endif
