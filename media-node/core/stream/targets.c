/* SPDX-License-Identifier: Apache-2.0
 *
 * Layers inside a stream, at its receiver: what each packet is to its decode targets, and how much
 * each of them takes.
 */
#include "media-node/core/stream/receiver_parts.h"

#define WINDOW_US     TIME_S(1)
#define WINDOW_MIN_US TIME_MS(100) /* of a shorter one no rate is told */

/* ---- Targets --------------------------------------------------------------------------------- */

static uint8_t target_of(const struct rtp_dependency_structure *s, unsigned number)
{
    return (uint8_t)(number | (unsigned)s->targets[number].spatial << STREAM_TARGET_SPATIAL);
}

/* The highest of these targets within the limits, size before rate; if there is none, the lowest of
 * all. usable is not empty. */
static uint8_t choose(const struct rtp_dependency_structure *s, uint32_t usable,
                      unsigned spatial_max, unsigned temporal_max)
{
    unsigned best = 0, least = 0, least_rank = UINT8_MAX;
    int best_rank = -1;
    for (unsigned i = 0; i < s->target_count; i++) {
        if ((usable >> i & 1) == 0) {
            continue;
        }
        unsigned rank =
            (unsigned)s->targets[i].spatial * STREAM_TEMPORAL_MAX + s->targets[i].temporal;
        bool fits = s->targets[i].spatial <= spatial_max && s->targets[i].temporal <= temporal_max;
        if (fits && (int)rank > best_rank) {
            best = i;
            best_rank = (int)rank;
        }
        if (rank < least_rank) {
            least = i;
            least_rank = rank;
        }
    }
    return target_of(s, best_rank >= 0 ? best : least);
}

static void make_table(struct stream_targets *targets)
{
    const struct rtp_dependency_structure *s = &targets->structure;
    uint32_t usable = targets->active & s->inhabited;
    usable = usable != 0 ? usable : s->inhabited;
    for (unsigned spatial = 0; spatial < STREAM_SPATIAL_MAX; spatial++) {
        for (unsigned temporal = 0; temporal < STREAM_TEMPORAL_MAX; temporal++) {
            targets->table[spatial][temporal] = choose(s, usable, spatial, temporal);
        }
    }
}

/* A target is within another one if no frame of it is outside. Ones without a frame are in none. */
static void find_within(struct stream_targets *targets)
{
    const struct rtp_dependency_structure *s = &targets->structure;
    for (unsigned i = 0; i < s->target_count; i++) {
        targets->sets.within[i] = s->inhabited;
        for (unsigned t = 0; t < s->template_count; t++) {
            bool part = (s->templates[t].present >> i & 1) != 0;
            targets->sets.within[i] &= part ? UINT32_MAX : ~s->templates[t].present;
        }
    }
}

static_assert(STREAM_SPATIAL_MAX == STREAM_TEMPORAL_MAX, "one loop for both");

static void find_upto(struct stream_targets *targets)
{
    const struct rtp_dependency_structure *s = &targets->structure;
    for (unsigned layer = 0; layer < STREAM_SPATIAL_MAX; layer++) {
        targets->sets.upto[layer] = 0;
        targets->sets.rates[layer] = 0;
        for (unsigned i = 0; i < s->target_count; i++) {
            uint32_t bit = UINT32_C(1) << i;
            targets->sets.upto[layer] |= s->targets[i].spatial <= layer ? bit : 0;
            targets->sets.rates[layer] |= s->targets[i].temporal <= layer ? bit : 0;
        }
    }
}

/* Key frames repeat the structure. Another one has other numbers (A.8.3.4). */
static bool same_numbers(const struct rtp_dependency_structure *a,
                         const struct rtp_dependency_structure *b)
{
    return a->template_first == b->template_first && a->template_count == b->template_count &&
           a->target_count == b->target_count && a->inhabited == b->inhabited;
}

static void set_active(struct stream_targets *targets, uint64_t seq, uint32_t active)
{
    targets->active = active;
    targets->since = seq;
    make_table(targets);
}

/* A packet that brings a structure; one that comes late may be older than the present one. */
static int read_attached(struct stream_targets **targets, uint64_t seq, struct bytes descriptor,
                         struct rtp_dependency *told)
{
    struct rtp_dependency_structure fresh = {0};
    int err = rtp_dependency_parse(told, &fresh, descriptor);
    if (err != 0) {
        return err;
    }
    if (*targets == NULL) {
        *targets = mem_alloc(sizeof(**targets));
    }
    struct stream_targets *known = *targets;
    if (seq >= known->since) {
        if (known->serial == 0 || !same_numbers(&known->structure, &fresh)) {
            known->serial = (uint8_t)(known->serial == UINT8_MAX ? 1 : known->serial + 1);
        }
        known->structure = fresh;
        find_within(known);
        find_upto(known);
        set_active(known, seq, told->active_told ? told->active : UINT32_MAX);
    }
    return 0;
}

static int read_plain(struct stream_targets *known, uint64_t seq, struct bytes descriptor,
                      struct rtp_dependency *told)
{
    int err =
        known == NULL ? ERR_NOT_FOUND : rtp_dependency_parse(told, &known->structure, descriptor);
    if (err == 0 && told->active_told && seq >= known->since) {
        set_active(known, seq, told->active);
    }
    return err;
}

void stream_targets_describe(struct stream_targets **targets, struct stream_packet *packet,
                             struct bytes descriptor)
{
    struct stream_dependency *out = &packet->dependency;
    struct rtp_dependency_head head;
    struct rtp_dependency told;
    if (rtp_dependency_head(&head, descriptor) != 0) {
        return;
    }
    out->numbered = true;
    out->frame_number = head.frame_number;
    int err = head.attached ? read_attached(targets, packet->seq, descriptor, &told)
                            : read_plain(*targets, packet->seq, descriptor, &told);
    if (err != 0) {
        return;
    }
    const struct stream_targets *known = *targets;
    out->known = known->structure.inhabited != 0;
    out->frame_start = head.frame_start;
    out->frame_end = head.frame_end;
    out->serial = known->serial;
    out->spatial = told.frame.spatial;
    out->temporal = told.frame.temporal;
    out->present = told.frame.present;
    out->switches = told.frame.switches;
    out->refs = told.frame.refs;
    out->attached = head.attached;
    out->active = known->active & known->structure.inhabited;
    out->place = told.place;
    out->sets = &known->sets;
    memcpy(out->targets, known->table, sizeof(out->targets));
}

/* ---- Rates ----------------------------------------------------------------------------------- */

static uint32_t rate(uint64_t bytes, int64_t window_us)
{
    return (uint32_t)MIN(bytes * 8000000 / (uint64_t)window_us, UINT32_MAX);
}

static void turn_window(struct stream_layer_meter *meter, int64_t now_us)
{
    int64_t window_us = now_us - meter->since_us;
    if (window_us < WINDOW_US) {
        return;
    }
    for (unsigned s = 0; s < STREAM_SPATIAL_MAX; s++) {
        for (unsigned t = 0; t < STREAM_TEMPORAL_MAX; t++) {
            meter->rates.bps[s][t] = rate(meter->bytes[s][t], window_us);
            meter->bytes[s][t] = 0;
        }
    }
    meter->since_us = now_us;
}

static bool belongs(const struct stream_packet *packet, unsigned spatial, unsigned temporal)
{
    const struct stream_dependency *d = &packet->dependency;
    if (packet->codec == RTP_CODEC_VP8) {
        return packet->vp8.temporal <= temporal;
    }
    unsigned target = d->targets[spatial][temporal] & STREAM_TARGET_NUMBER;
    return !d->known || (d->present >> target & 1) != 0;
}

void stream_layer_meter_add(struct stream_layer_meter *meter, int64_t now_us,
                            const struct stream_packet *packet)
{
    bool layered =
        packet->codec == RTP_CODEC_VP8 ? packet->vp8.temporal > 0 : packet->dependency.known;
    if (!meter->used && !layered) {
        return;
    }
    if (!meter->used) {
        meter->used = true;
        meter->since_us = now_us;
    }
    turn_window(meter, now_us);
    for (unsigned s = 0; s < STREAM_SPATIAL_MAX; s++) {
        for (unsigned t = 0; t < STREAM_TEMPORAL_MAX; t++) {
            meter->bytes[s][t] += belongs(packet, s, t) ? packet->rtp.payload.len : 0;
        }
    }
}

bool stream_layer_meter_read(const struct stream_layer_meter *meter, int64_t now_us,
                             struct stream_rates *out)
{
    const unsigned top_s = STREAM_SPATIAL_MAX - 1, top_t = STREAM_TEMPORAL_MAX - 1;
    struct stream_layer_meter copy = *meter;
    turn_window(&copy, now_us);
    int64_t window_us = now_us - copy.since_us;
    if (copy.used && copy.rates.bps[top_s][top_t] == 0 && window_us >= WINDOW_MIN_US) {
        for (unsigned s = 0; s < STREAM_SPATIAL_MAX; s++) {
            for (unsigned t = 0; t < STREAM_TEMPORAL_MAX; t++) {
                copy.rates.bps[s][t] = rate(copy.bytes[s][t], window_us);
            }
        }
    }
    *out = copy.rates;
    return copy.used && copy.rates.bps[top_s][top_t] != 0;
}
