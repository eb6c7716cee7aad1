/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/media-node/bwe/call.h"

#include <stdlib.h>

#define TICK_US      TIME_MS(1)
#define FRAME_US     33333
#define ALLOCATE_US  TIME_MS(100)
#define AUDIO_US     TIME_MS(20)
#define AUDIO_BYTES  110
#define AUDIO_BPS    (AUDIO_BYTES * 8 * 50)
#define PACKET_BYTES 1200
#define FILL_BYTES   1000 /* RTX of what was sent */

struct call *call_new(const struct call_config *config, uint8_t flow, uint64_t seed)
{
    struct call *call = mem_alloc(sizeof(*call));
    call->config = *config;
    call->config.frame_us = config->frame_us == 0 ? FRAME_US : config->frame_us;
    call->config.uneven = config->uneven == 0 ? 25 : config->uneven;
    call->flow = flow;
    call->seq = config->first_seq;
    prng_seed(&call->prng, seed + flow);
    call->bwe = bwe_new(&(struct bwe_config){.transport_cc = true}, config->start_us);
    call->arrivals = stream_arrivals_new(config->start_us + config->clock_us);
    call->back = bottleneck_new(&config->back, seed + 100u + flow);
    bwe_wanted(call->bwe, config->start_us, config->wanted_bps);
    call->tracks[0] = (struct allocator_track){.audio = true, .bps = {{AUDIO_BPS}}};
    call->tracks[1] = (struct allocator_track){.spatial = CALL_LAYER_COUNT - 1,
                                               .bps = {{150000}, {450000}, {CALL_LAYER_TOP}}};
    return call;
}

void call_free(struct call *call)
{
    bwe_free(call->bwe);
    stream_arrivals_free(call->arrivals);
    free(call->back);
    free(call);
}

uint32_t call_target(const struct call *call)
{
    return bwe_estimate(call->bwe).target_bps;
}

/* ---- The sender ----------------------------------------------------------------------------- */

static void emit(struct call *call, int64_t now_us, struct bottleneck *link, uint16_t size,
                 uint8_t probe)
{
    const struct bwe_packet packet = {.seq = call->seq, .size = size, .probe = probe};
    bwe_sent(call->bwe, now_us, &packet);
    bottleneck_send(link,
                    &(struct bottleneck_packet){
                        .at_us = now_us, .number = call->seq, .size = size, .flow = call->flow});
    call->seq++;
}

int call_layer(const struct call *call)
{
    const struct allocator_choice *choice = &call->tracks[1].choice;
    return choice->sent ? choice->spatial : -1;
}

static void allocate(struct call *call, int64_t now_us)
{
    if (now_us < call->allocated_us + ALLOCATE_US) {
        return;
    }
    call->allocated_us = now_us;
    struct allocator_track *order[] = {&call->tracks[0], &call->tracks[1]};
    const struct allocator_limit limit = {call_target(call), true};
    int before = call_layer(call);
    struct allocator_sum sum = allocator_run(limit, order, ARRAY_LEN(order));
    call->layer_changes += call_layer(call) != before;
    bwe_wanted(call->bwe, now_us, sum.wanted_bps);
}

static uint32_t video_bps(const struct call *call)
{
    uint32_t bps = call->config.wanted_bps;
    if (call->config.source == CALL_LAYERS) {
        return call->tracks[1].choice.bps;
    }
    if (call->config.source == CALL_ELASTIC) {
        bps = MIN(call_target(call), bps);
    }
    return bps > AUDIO_BPS ? bps - AUDIO_BPS : 0;
}

/* Frames of uneven size, as an encoder's are. */
static void produce(struct call *call, int64_t now_us)
{
    if (now_us < call->frame_us) {
        return;
    }
    const struct call_config *config = &call->config;
    call->frame_us = now_us + config->frame_us;
    uint32_t bps = video_bps(call);
    uint32_t frame = (uint32_t)((uint64_t)bps * (uint64_t)config->frame_us / 8000000);
    uint32_t spread = (uint32_t)prng_below(&call->prng, 2 * config->uneven + 1);
    frame = frame * (100 - config->uneven + spread) / 100;
    if (config->large != 0) { /* the others are so much smaller */
        bool large = prng_below(&call->prng, config->large) == 0;
        frame = frame * (large ? 3 : 1) * config->large / (config->large + 2);
    }
    call->queued = MIN(call->queued + frame, MAX(bps, 80000) / 8); /* a second of it at most */
}

static void send_probe(struct call *call, int64_t now_us, struct bottleneck *link)
{
    struct bwe_probe *probe = &call->probe;
    if (probe->id == 0) {
        if (!bwe_poll(call->bwe, probe)) {
            return;
        }
        call->probe_sent = 0;
        call->probe_packets = 0;
        call->probe_budget = 1;
    }
    while (call->probe_budget > 0) {
        uint16_t size = (uint16_t)MIN(MAX(call->queued, FILL_BYTES), PACKET_BYTES);
        call->queued -= MIN(call->queued, size);
        call->probe_budget -= size;
        call->probe_sent += size;
        call->probe_packets++;
        emit(call, now_us, link, size, probe->id);
        if (call->probe_sent >= probe->bytes && call->probe_packets >= probe->packets_min) {
            probe->id = 0;
            return;
        }
    }
    call->probe_budget += (double)probe->rate_bps * TICK_US / 8e6;
}

static void send_media(struct call *call, int64_t now_us, struct bottleneck *link)
{
    if (now_us >= call->audio_us) {
        call->audio_us = now_us + AUDIO_US;
        emit(call, now_us, link, AUDIO_BYTES, 0);
    }
    uint32_t pacing_bps = bwe_estimate(call->bwe).pacing_bps;
    double tick = (double)pacing_bps * TICK_US / 8e6;
    call->budget = MIN(call->budget + tick, MAX(tick, PACKET_BYTES));
    while (call->queued > 0 && call->budget > 0) {
        uint16_t size = (uint16_t)MIN(call->queued, PACKET_BYTES);
        call->queued -= size;
        call->budget -= size;
        emit(call, now_us, link, size, 0);
    }
}

/* ---- The client ----------------------------------------------------------------------------- */

static void starve(struct call *call, int64_t now_us)
{
    if (now_us >= call->config.starved.until_us || now_us < call->sleeps_us) {
        return;
    }
    call->wakes_us =
        now_us + (int64_t)prng_below(&call->prng, (uint32_t)call->config.starved.stand_us);
    call->sleeps_us =
        call->wakes_us + (int64_t)prng_below(&call->prng, (uint32_t)call->config.starved.run_us);
}

void call_arrived(struct call *call, const struct bottleneck_packet *packet)
{
    call->arrived_bytes += packet->size;
    int64_t taken_us = MAX(packet->at_us, call->wakes_us);
    stream_arrivals_add(call->arrivals, taken_us + call->config.clock_us, (uint16_t)packet->number);
}

static void write_feedback(struct call *call, int64_t now_us)
{
    int64_t client_us = now_us + call->config.clock_us;
    int64_t due_us = stream_arrivals_deadline(call->arrivals);
    bool awake = !call->silent && now_us >= call->wakes_us;
    if (!awake || due_us == TIME_NEVER || client_us < due_us + call->config.hold_us) {
        return;
    }
    int err;
    do {
        size_t slot = call->back_number % CALL_FEEDBACKS;
        struct rtcp_writer writer = {.data = call->feedbacks[slot].data, .cap = RTCP_OUT_MAX};
        err =
            stream_arrivals_write(call->arrivals, client_us, &writer, (struct rtcp_feedback){1, 2});
        call->feedbacks[slot].len = writer.len;
        if (err == 0) {
            bottleneck_send(call->back, &(struct bottleneck_packet){.at_us = now_us,
                                                                    .number = call->back_number++,
                                                                    .size = (uint16_t)writer.len});
        }
    } while (err == 0);
}

static void read_feedback(struct call *call, int64_t now_us)
{
    struct bottleneck_packet packet;
    while (bottleneck_poll(call->back, now_us, &packet)) {
        size_t slot = packet.number % CALL_FEEDBACKS;
        struct rtcp_iter iter;
        struct rtcp_packet rtcp;
        struct rtcp_twcc twcc;
        int err = rtcp_begin(&iter, call->feedbacks[slot].data, call->feedbacks[slot].len);
        bool any = err == 0 && rtcp_next(&iter, &rtcp);
        assert(any);
        err = rtcp_read_twcc(&rtcp, &twcc);
        assert(err == 0);
        bwe_feedback(call->bwe, now_us, &twcc);
    }
}

void call_tick(struct call *call, int64_t now_us, struct bottleneck *link)
{
    if (now_us < call->config.start_us) {
        return;
    }
    starve(call, now_us);
    write_feedback(call, now_us);
    read_feedback(call, now_us);
    if (now_us >= bwe_deadline(call->bwe)) {
        bwe_expire(call->bwe, now_us);
    }
    if (!call->stopped) {
        if (call->config.source == CALL_LAYERS) {
            allocate(call, now_us);
        }
        produce(call, now_us);
        send_probe(call, now_us, link);
        if (call->probe.id == 0) {
            send_media(call, now_us, link);
        }
    }
}
