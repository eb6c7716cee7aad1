/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/bench/fanout.h"

#include "tests/bench/bench.h"

#include <time.h>

#define WARM_MS   500
#define SETTLE_MS 200

const unsigned fanout_bursts[FANOUT_BURSTS] = {1, 4, 8, 16};

void fanout_payload(uint8_t *out, size_t size, bool first, bool key, uint16_t picture)
{
    const uint8_t head[FANOUT_PAYLOAD_HEAD] = {
        first ? 0x90 : 0x80, /* X, and S for the start of partition 0 (RFC 7741 §4.2) */
        0xe0,                /* picture id, TL0PICIDX and TID follow */
        (uint8_t)(0x80 | picture >> 8),
        (uint8_t)picture,
        (uint8_t)picture,
        0,
        first && key ? 0x10 : 0x11, /* the frame tag; bit 0: not a key frame */
        0,
        0,
        0x9d, /* start code and size of a key frame (RFC 6386 §9.1): Janus looks at it */
        0x01,
        0x2a,
        16,
        0,
        16,
        0,
    };
    assert(size > sizeof(head));
    memset(out, 0, size);
    memcpy(out, head, sizeof(head));
}

uint64_t fanout_play(const struct fanout *fanout, unsigned rate, unsigned burst, int64_t for_us)
{
    uint64_t sent = 0;
    int64_t due_us = bench_now_us();
    const int64_t end_us = due_us + for_us;
    while (due_us < end_us) {
        fanout->keep(fanout->arg);
        int64_t left_us = due_us - bench_now_us();
        if (left_us > 0) {
            const struct timespec nap = {.tv_nsec = (long)MIN(left_us, TIME_MS(1)) * 1000};
            nanosleep(&nap, NULL);
            continue;
        }
        fanout->send_frame(fanout->arg, burst);
        sent += burst;
        due_us += TIME_S(1) * burst / rate;
    }
    return sent;
}

static void settle(const struct fanout *fanout)
{
    for (int ms = 0; ms < SETTLE_MS; ms++) {
        fanout->keep(fanout->arg);
        bench_sleep_ms(1);
    }
}

struct fanout_result fanout_measure(const struct fanout *fanout, unsigned rate, unsigned burst,
                                    unsigned seconds)
{
    (void)fanout_play(fanout, rate, burst, TIME_MS(WARM_MS));
    settle(fanout);
    uint64_t received = sink_received_all(fanout->sink, fanout->pt);
    int64_t cpu_us = bench_process_cpu_us(fanout->pid);
    int64_t wall_us = bench_now_us();
    uint64_t sent = fanout_play(fanout, rate, burst, TIME_S(seconds)) * fanout->copies;
    wall_us = bench_now_us() - wall_us;
    settle(fanout); /* what is still queued is forwarded on the account of the same packets */
    cpu_us = bench_process_cpu_us(fanout->pid) - cpu_us;
    received = sink_received_all(fanout->sink, fanout->pt) - received;
    return (struct fanout_result){.us = (double)cpu_us / (double)received,
                                  .busy = (double)cpu_us / (double)wall_us,
                                  .lost = 1 - (double)received / (double)sent};
}

void fanout_check_all_receive(const struct fanout *fanout)
{
    for (size_t i = 0; i < fanout->receivers; i++) {
        if (sink_received(fanout->sink, i, fanout->pt) == 0) {
            bench_fail("receiver %zu gets nothing", i);
        }
    }
}
