/* SPDX-License-Identifier: Apache-2.0
 *
 * What bandwidth estimation and allocation cost the loop: a packet sent, a packet reported on, and
 * a decision about the layers of nine and of fifty tracks.
 *
 *     bench_bwe
 */
#include "media-node/core/allocator/allocator.h"
#include "media-node/core/bwe/bwe.h"
#include "tests/bench/bench.h"

#include <stdio.h>

#define ROUNDS     20000
#define BATCH      57 /* packets between two feedbacks: 50 ms of 10 Mbit/s */
#define TRACKS_MAX 50

/* Feedback as a client would send it; data is what twcc points into. */
static void make_feedback(int64_t now_us, uint16_t first, uint8_t *data, struct rtcp_twcc *twcc)
{
    int64_t times[BATCH];
    for (size_t i = 0; i < BATCH; i++) {
        times[i] = now_us - TIME_MS(50) + (int64_t)i * 877;
    }
    struct rtcp_writer writer = {.data = data, .cap = RTCP_OUT_MAX};
    const struct rtcp_arrivals arrivals = {times, BATCH, first, 0};
    struct rtcp_iter iter;
    struct rtcp_packet packet;
    size_t covered;
    if (rtcp_write_twcc(&writer, (struct rtcp_feedback){1, 2}, &arrivals, &covered) != 0 ||
        rtcp_begin(&iter, data, writer.len) != 0 || !rtcp_next(&iter, &packet) ||
        rtcp_read_twcc(&packet, twcc) != 0) {
        bench_fail("no feedback");
    }
}

static void send_batch(struct bwe *bwe, int64_t now_us, uint16_t first)
{
    for (uint16_t i = 0; i < BATCH; i++) {
        bwe_sent(bwe, now_us + i * 877,
                 &(struct bwe_packet){.seq = (uint16_t)(first + i), .size = 1100});
    }
}

static void sending(void)
{
    struct bwe *bwe = bwe_new(&(struct bwe_config){.transport_cc = true}, 0);
    int64_t start_us = bench_thread_cpu_us();
    for (int64_t round = 0; round < ROUNDS; round++) {
        send_batch(bwe, round * TIME_MS(50), (uint16_t)(round * BATCH));
    }
    printf("packet sent            %6.1f ns\n",
           (double)(bench_thread_cpu_us() - start_us) * 1e3 / ROUNDS / BATCH);
    bwe_free(bwe);
}

static void reading(void)
{
    struct bwe *bwe = bwe_new(&(struct bwe_config){.transport_cc = true}, 0);
    uint8_t data[RTCP_OUT_MAX];
    int64_t cpu_us = 0;
    for (int64_t round = 0; round < ROUNDS; round++) {
        int64_t now_us = round * TIME_MS(50);
        struct rtcp_twcc twcc;
        send_batch(bwe, now_us, (uint16_t)(round * BATCH));
        make_feedback(now_us + TIME_MS(50), (uint16_t)(round * BATCH), data, &twcc);
        int64_t start_us = bench_thread_cpu_us();
        bwe_feedback(bwe, now_us + TIME_MS(50), &twcc);
        cpu_us += bench_thread_cpu_us() - start_us;
    }
    printf("packet reported on     %6.1f ns\n", (double)cpu_us * 1e3 / ROUNDS / BATCH);
    bwe_free(bwe);
}

static void allocator(size_t count)
{
    struct allocator_track tracks[TRACKS_MAX];
    struct allocator_track *order[TRACKS_MAX];
    for (size_t i = 0; i < count; i++) {
        tracks[i] = (struct allocator_track){
            .spatial = 2,
            .temporal = 2,
            .pixels = (uint32_t)(i * 7919 % 1000),
            .bps = {{80000, 110000, 150000}, {280000, 380000, 500000}, {900000, 1300000, 1700000}},
        };
        order[i] = &tracks[i];
    }
    int64_t start_us = bench_thread_cpu_us();
    for (uint32_t round = 0; round < ROUNDS; round++) {
        const struct allocator_limit limit = {2000000 + round * 777 % 1000000, true};
        (void)allocator_run(limit, order, count);
    }
    printf("decision of %2zu tracks  %6.1f us\n", count,
           (double)(bench_thread_cpu_us() - start_us) / ROUNDS);
}

int main(void)
{
    bench_print_machine();
    sending();
    reading();
    allocator(9);
    allocator(TRACKS_MAX);
    return 0;
}
