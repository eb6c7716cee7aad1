/* SPDX-License-Identifier: Apache-2.0 */
#include "media-node/core/stream/receiver_parts.h"

#define WINDOW_US TIME_S(1)
/* A source whose timestamps leap by more did not send late: it began elsewhere, or stood still
 * while it was muted. libwebrtc's figure. */
#define LEAP_US  TIME_S(5)
#define LOST_MAX 0x7fffff /* 24 bits, signed (RFC 3550 §6.4.1) */

void stream_meter_bytes(struct stream_meter *meter, int64_t now_us, size_t len)
{
    int64_t window_us = now_us - meter->since_us;
    if (window_us >= WINDOW_US) {
        uint64_t bps = meter->bytes * 8 * 1000000 / (uint64_t)window_us;
        uint64_t millihz = meter->frames * 1000000000 / (uint64_t)window_us;
        meter->bitrate_bps = (uint32_t)MIN(bps, UINT32_MAX);
        meter->frame_rate_millihz = (uint32_t)MIN(millihz, UINT32_MAX);
        meter->since_us = now_us;
        meter->bytes = 0;
        meter->frames = 0;
    }
    meter->bytes += len;
}

/* Jitter is taken over first packets of frames alone: the others leave later than their timestamp
 * says, as RFC 3550 appendix A.8 does not foresee. */
void stream_meter_frame(struct stream_meter *meter, int64_t now_us, uint32_t ts, uint32_t clock_hz)
{
    uint32_t transit = (uint32_t)ticks_of_us(now_us, clock_hz) - ts;
    if (meter->transit_known) {
        int64_t change = ts_diff(transit, meter->transit);
        uint32_t distance = (uint32_t)(change < 0 ? -change : change);
        if (distance <= ticks_of_us(LEAP_US, clock_hz)) {
            meter->jitter_q4 += distance - ((meter->jitter_q4 + 8) >> 4);
        }
    }
    meter->transit = transit;
    meter->transit_known = true;
    meter->frames++;
}

struct rtcp_report stream_meter_report(struct stream_meter *meter, uint64_t expected)
{
    uint64_t expected_now = expected - meter->expected_prior;
    uint64_t arrived_now = meter->arrived - meter->arrived_prior;
    uint64_t lost_now = expected_now > arrived_now ? expected_now - arrived_now : 0;
    uint64_t fraction = expected_now > 0 ? lost_now * 256 / expected_now : 0;
    int64_t lost = (int64_t)(expected - meter->arrived);
    meter->expected_prior = expected;
    meter->arrived_prior = meter->arrived;
    return (struct rtcp_report){
        .jitter = meter->jitter_q4 >> 4,
        .lost = (int32_t)MAX(MIN(lost, LOST_MAX), -LOST_MAX),
        .fraction = (uint8_t)MIN(fraction, 255),
    };
}
