/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/media-node/bwe/world.h"

#include <stdio.h>
#include <stdlib.h>

#define TICK_US   TIME_MS(1)
#define SAMPLE_US TIME_MS(100)

struct world *world_new(const struct bottleneck_config *link, uint64_t seed)
{
    struct world *world = mem_alloc(sizeof(*world));
    world->link = bottleneck_new(link, seed);
    world->seed = seed;
    return world;
}

void world_free(struct world *world)
{
    for (size_t i = 0; i < world->call_count; i++) {
        call_free(world->calls[i]);
    }
    if (world->with_tcp) {
        tcp_fini(&world->tcp);
    }
    free(world->link);
    free(world);
}

struct call *world_call(struct world *world, const struct call_config *config)
{
    assert_true(world->call_count < WORLD_CALLS);
    struct call_config own = *config;
    if (own.back.delay_us == 0) {
        own.back.delay_us = world->link->config.delay_us;
    }
    struct call *call = call_new(&own, (uint8_t)world->call_count, world->seed);
    world->calls[world->call_count++] = call;
    return call;
}

void world_tcp(struct world *world, bool cubic, int64_t start_us)
{
    tcp_init(&world->tcp, WORLD_CALLS, cubic, world->link->config.delay_us);
    world->tcp.start_us = start_us;
    world->with_tcp = true;
}

static void trace(const struct world *world, size_t sample)
{
    if (getenv("BWE_TRACE") == NULL || sample % 2 != 0) {
        return;
    }
    printf("%6.1f link %5u queue %4u", (double)world->now_us / 1e6, world->link->config.bps / 1000,
           world->samples[sample].queue_ms);
    for (size_t i = 0; i < world->call_count; i++) {
        struct bwe_stats stats;
        bwe_stats(world->calls[i]->bwe, &stats);
        printf(" |%s %5u delay %5u loss %7u sent %5u acked %5u rtt %3d probes %u-%u%s",
               stats.contended ? " C" : "", world->samples[sample].target_bps[i] / 1000,
               stats.delay_bps / 1000, stats.loss_bps / 1000, stats.sent_bps / 1000,
               stats.acked_bps / 1000, (int)(stats.rtt_us / 1000), (unsigned)stats.probes,
               (unsigned)stats.probes_failed,
               bwe_estimate(world->calls[i]->bwe).overused ? " OVER" : "");
    }
    if (world->with_tcp) {
        printf(" | tcp %.0f %.0f", world->tcp.window,
               world_carried(world, WORLD_CALLS, (double)world->now_us / 1e6 - 1,
                             (double)world->now_us / 1e6) /
                   1000);
    }
    printf("\n");
}

static void sample(struct world *world)
{
    size_t i = (size_t)(world->now_us / SAMPLE_US);
    assert_true(i < WORLD_SAMPLES);
    for (size_t c = 0; c < world->call_count; c++) {
        world->samples[i].target_bps[c] = call_target(world->calls[c]);
        world->samples[i].layer[c] = call_layer(world->calls[c]);
        world->samples[i].arrived_bytes[c] = world->calls[c]->arrived_bytes;
    }
    world->samples[i].arrived_bytes[WORLD_CALLS] = world->tcp.arrived_bytes;
    uint32_t bps = world->link->config.bps;
    uint64_t queued = (uint64_t)world->link->queue_bytes * 8000;
    world->samples[i].queue_ms = bps == 0 ? 0 : (uint32_t)(queued / bps);
    trace(world, i);
}

void world_run(struct world *world, double until_s)
{
    struct bottleneck_packet packet;
    for (; world->now_us < (int64_t)(until_s * 1e6); world->now_us += TICK_US) {
        while (bottleneck_poll(world->link, world->now_us, &packet)) {
            if (packet.flow == WORLD_CALLS) {
                tcp_arrived(&world->tcp, &packet);
            } else {
                call_arrived(world->calls[packet.flow], &packet);
            }
        }
        for (size_t i = 0; i < world->call_count; i++) {
            call_tick(world->calls[i], world->now_us, world->link);
        }
        if (world->with_tcp) {
            tcp_tick(&world->tcp, world->now_us, world->link);
        }
        if (world->now_us % SAMPLE_US == 0) {
            sample(world);
        }
    }
}

static size_t at(double s)
{
    return s <= 0 ? 0 : (size_t)(s * 10 + 0.5);
}

double world_target(const struct world *world, size_t call, double from_s, double to_s)
{
    double sum = 0;
    for (size_t i = at(from_s); i < at(to_s); i++) {
        sum += world->samples[i].target_bps[call];
    }
    return sum / (double)(at(to_s) - at(from_s));
}

double world_carried(const struct world *world, size_t flow, double from_s, double to_s)
{
    size_t last = MIN(at(to_s), (size_t)((world->now_us - 1) / SAMPLE_US));
    uint64_t bytes =
        world->samples[last].arrived_bytes[flow] - world->samples[at(from_s)].arrived_bytes[flow];
    return (double)bytes * 80 / (double)(at(to_s) - at(from_s));
}

double world_queue_ms(const struct world *world, double from_s, double to_s)
{
    double sum = 0;
    for (size_t i = at(from_s); i < at(to_s); i++) {
        sum += world->samples[i].queue_ms;
    }
    return sum / (double)(at(to_s) - at(from_s));
}

static double until(const struct world *world, size_t call, double from_s, double bps, bool above)
{
    for (size_t i = at(from_s); (int64_t)i * SAMPLE_US < world->now_us; i++) {
        double target = world->samples[i].target_bps[call];
        if (above ? target >= bps : target <= bps) {
            return (double)i / 10 - from_s;
        }
    }
    return 1e9;
}

double world_until_above(const struct world *world, size_t call, double from_s, double bps)
{
    return until(world, call, from_s, bps, true);
}

double world_until_below(const struct world *world, size_t call, double from_s, double bps)
{
    return until(world, call, from_s, bps, false);
}

double world_until_layer(const struct world *world, size_t call, double from_s, int layer)
{
    for (size_t i = at(from_s); (int64_t)i * SAMPLE_US < world->now_us; i++) {
        if (world->samples[i].layer[call] == layer) {
            return (double)i / 10 - from_s;
        }
    }
    return 1e9;
}

double world_share_layer(const struct world *world, size_t call, double from_s, double to_s,
                         int layer)
{
    size_t sent = 0;
    for (size_t i = at(from_s); i < at(to_s); i++) {
        sent += world->samples[i].layer[call] == layer;
    }
    return (double)sent / (double)(at(to_s) - at(from_s));
}

double world_share_within(const struct world *world, size_t call, double from_s, double to_s,
                          double bps_min, double bps_max)
{
    size_t inside = 0;
    for (size_t i = at(from_s); i < at(to_s); i++) {
        double target = world->samples[i].target_bps[call];
        inside += target >= bps_min && target <= bps_max;
    }
    return (double)inside / (double)(at(to_s) - at(from_s));
}
