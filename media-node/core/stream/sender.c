/* SPDX-License-Identifier: Apache-2.0
 *
 * A sender is always in one of these:
 *
 *   silent     current is no layer. Nothing goes out. If there is a target, video needs a key frame
 *              of it, audio any packet: with that a generation begins and the sender is
 *   sending    current is a layer; its packets go out. A key frame of another target begins the
 *              next generation. Pause, the layer drying up, a lower one that is wanted at once, or
 *              a jump of its numbers that no ring can bridge make the sender silent.
 *
 * Within a generation, source numbers map to outgoing ones without a hole: a number left out on
 * purpose (padding, temporal layer, unknown codec) takes none, a missing one has one kept for it.
 */
#include "media-node/core/stream/sender_parts.h"

#include <stdlib.h>

#define CREDIT_START   32768 /* bytes that may be sent again before anything was sent */
#define CREDIT_MAX     131072
#define CLOCK_STEP_MAX TIME_S(5)  /* two clocks that differ more do not tell the same time */
#define LATE_MAX       1024       /* numbers; no receiver gives packets as late as that */
#define ORDER_MAX_US   TIME_S(60) /* packets that came further apart were sent in that order */
#define KEY_INDEX_MASK 0x1f

/* ---- Life ----------------------------------------------------------------------------------- */

struct stream_sender *stream_sender_new(const struct stream_sender_config *config, int64_t now_us)
{
    assert(config->payload_count > 0 && config->payload_count <= STREAM_PAYLOADS_MAX);
    assert(config->ssrc != config->rtx_ssrc);
    struct stream_sender *sender = mem_alloc(sizeof(*sender));
    *sender = (struct stream_sender){
        .now_us = now_us,
        .current = NO_LAYER,
        .target = NO_LAYER,
        .video = config->kind == STREAM_VIDEO,
        .want = {.paused = true},
        .resend_credit = CREDIT_START,
        .ssrc = config->ssrc,
        .rtx_ssrc = config->rtx_ssrc,
        .timestamp_first = config->timestamp_first,
        .repeat_allowed = config->repeat_allowed,
        .rtx_next = config->rtx_seq_next,
    };
    for (size_t i = 0; i < config->payload_count; i++) {
        const struct stream_payload *payload = &config->payloads[i];
        assert(payload->codec > RTP_CODEC_NONE && payload->codec < ARRAY_LEN(sender->codecs));
        if (sender->codecs[payload->codec].plan == PLAN_DROP) { /* the first of its codec counts */
            sender->codecs[payload->codec].plan = PLAN_PASS;
            sender->codecs[payload->codec].number = payload->number;
            sender->codecs[payload->codec].rtx = payload->rtx;
        }
    }
    if (sender->codecs[RTP_CODEC_RED].plan == PLAN_DROP &&
        sender->codecs[RTP_CODEC_OPUS].plan == PLAN_PASS) {
        sender->codecs[RTP_CODEC_RED] = sender->codecs[RTP_CODEC_OPUS];
        sender->codecs[RTP_CODEC_RED].plan = PLAN_UNPACK;
    }
    stream_ring_init(&sender->ring, config->kind, config->seq_next);
    return sender;
}

void stream_sender_free(struct stream_sender *sender)
{
    stream_ring_fini(&sender->ring);
    free(sender);
}

static void advance_time(struct stream_sender *sender, int64_t now_us)
{
    assert(now_us >= sender->now_us);
    sender->now_us = now_us;
}

/* By what was given since the last look, so that giving a number costs nothing more. */
void stream_sender_trim(struct stream_sender *sender, int64_t now_us)
{
    advance_time(sender, now_us);
    if (sender->trim_next != sender->ring.next) {
        sender->trim_next = sender->ring.next;
        sender->trim_us = now_us;
    } else if (now_us - sender->trim_us >= STREAM_REST_US) {
        stream_ring_shrink(&sender->ring);
    }
}

/* ---- Layers --------------------------------------------------------------------------------- */

int stream_sender_layer(const struct stream_sender *sender)
{
    return sender->current;
}

int stream_sender_target(const struct stream_sender *sender)
{
    return sender->target;
}

int stream_sender_needs_key_frame(const struct stream_sender *sender)
{
    if (sender->video && sender->target != NO_LAYER && sender->current != sender->target) {
        return sender->target;
    }
    return sender->picture_lost || sender->frames.awaits_key ? sender->current : NO_LAYER;
}

/* STREAM_ASK if a key frame is needed that was not before. */
static unsigned ask(const struct stream_sender *sender, int needed_before)
{
    int needed = stream_sender_needs_key_frame(sender);
    return needed != NO_LAYER && needed != needed_before ? STREAM_ASK : 0;
}

static void fall_silent(struct stream_sender *sender)
{
    sender->current = NO_LAYER;
    sender->picture_lost = false;
    sender->frames.awaits_key = false;
}

void stream_sender_choose_target(struct stream_sender *sender)
{
    int layer = MIN(sender->want.spatial_max, STREAM_LAYERS_MAX - 1);
    while (layer >= 0 && (sender->live >> layer & 1) == 0) {
        layer--;
    }
    sender->target = (int8_t)(sender->want.paused ? NO_LAYER : layer);
}

static bool waits_for_lower(const struct stream_sender *sender)
{
    return sender->video && sender->target != NO_LAYER && sender->target < sender->current;
}

unsigned stream_sender_want(struct stream_sender *sender, int64_t now_us,
                            const struct stream_want *want)
{
    advance_time(sender, now_us);
    int needed = stream_sender_needs_key_frame(sender);
    sender->want = *want;
    if (want->paused) {
        fall_silent(sender);
    }
    stream_sender_choose_target(sender);
    if (want->at_once && waits_for_lower(sender)) {
        fall_silent(sender);
    }
    return ask(sender, needed);
}

unsigned stream_sender_layers(struct stream_sender *sender, int64_t now_us, uint8_t live)
{
    advance_time(sender, now_us);
    int needed = stream_sender_needs_key_frame(sender);
    sender->live = live;
    if (sender->current != NO_LAYER && (live >> sender->current & 1) == 0) {
        fall_silent(sender);
    }
    stream_sender_choose_target(sender);
    return ask(sender, needed);
}

unsigned stream_sender_picture_lost(struct stream_sender *sender, int64_t now_us)
{
    advance_time(sender, now_us);
    sender->picture_lost = sender->video && sender->current != NO_LAYER;
    return stream_sender_needs_key_frame(sender) != NO_LAYER ? STREAM_ASK : 0;
}

/* ---- Generations ---------------------------------------------------------------------------- */

static bool same_time(int64_t a_us, int64_t b_us)
{
    return a_us - b_us < CLOCK_STEP_MAX && b_us - a_us < CLOCK_STEP_MAX;
}

/* How much media time lies between the newest packet sent and this one: by the publisher's clock
 * if it is known at both ends, else by a source that went on while nothing of it was sent, else by
 * arrival. Arrival also tells a clock that was set. */
static int64_t ticks_since_sent(const struct stream_sender *sender,
                                const struct stream_packet *packet)
{
    const struct stream_sent *sent = &sender->sent;
    const struct stream_layer_source *source = &sender->layers[packet->layer];
    int64_t arrival_us = packet->arrival_us - sent->arrival_us;
    if (packet->wall_us != STREAM_WALL_UNKNOWN && sent->wall_us != STREAM_WALL_UNKNOWN) {
        int64_t wall_us = packet->wall_us - sent->wall_us;
        if (same_time(wall_us, arrival_us)) {
            return ticks_of_us(wall_us, packet->clock_hz);
        }
    }
    if (source->ssrc == packet->rtp.ssrc) {
        int64_t ticks = ts_diff(packet->rtp.ts + source->ts_offset, sent->ts);
        if (same_time(us_of_ticks(ticks, packet->clock_hz), arrival_us)) {
            return ticks;
        }
    }
    return ticks_of_us(arrival_us, packet->clock_hz);
}

static uint32_t choose_timestamp(const struct stream_sender *sender,
                                 const struct stream_packet *packet)
{
    if (!sender->sent.known) {
        return sender->timestamp_first;
    }
    int64_t ticks = ticks_since_sent(sender, packet);
    return sender->sent.ts + (uint32_t)MAX(ticks, 1);
}

/* Picture ids and the like go on at the next value, whatever the source's are. */
static void continue_pictures(const struct stream_sender *sender, struct stream_run *run,
                              const struct stream_packet *packet)
{
    const struct stream_sent *sent = &sender->sent;
    const struct rtp_vp8 *vp8 = &packet->vp8;
    uint8_t key_at = stream_vp8_key_at(packet);
    if (vp8->picture_id_at != 0 && sent->picture_known) {
        unsigned shift = (unsigned)vp8->picture_id - (sent->picture + 1u);
        run->picture_shift = (uint16_t)(shift & PICTURE_ID_MASK);
    }
    if (vp8->tl0_at != 0 && sent->tl0_known) {
        run->tl0_shift = (uint8_t)(vp8->tl0 - (sent->tl0 + 1u));
    }
    if (key_at != 0 && sent->key_known) {
        unsigned key = packet->rtp.payload.data[key_at];
        run->key_shift = (uint8_t)((key - (sent->key + 1u)) & KEY_INDEX_MASK);
    }
}

/* The receiver of this source was made anew, and is in its first cycle again. */
static bool counts_anew(uint64_t head, uint64_t seq)
{
    return head > seq && head - seq > LATE_MAX;
}

static void begin(struct stream_sender *sender, const struct stream_packet *packet)
{
    struct stream_layer_source *source = &sender->layers[packet->layer];
    struct stream_run run = {
        .ssrc = packet->rtp.ssrc,
        .first = packet->seq,
        .head = packet->seq - 1,
        .index = sender->ring.next,
        .ts_offset = choose_timestamp(sender, packet) - packet->rtp.ts,
    };
    if (packet->codec == RTP_CODEC_VP8) {
        continue_pictures(sender, &run, packet);
    }
    if (source->ssrc != packet->rtp.ssrc || counts_anew(source->head, packet->seq)) {
        stream_ring_void(&sender->ring, packet->layer);
    }
    *source = (struct stream_layer_source){
        .ssrc = packet->rtp.ssrc, .ts_offset = run.ts_offset, .head = packet->seq};
    sender->run = run;
    sender->current = (int8_t)packet->layer;
    stream_layers_begin(sender, packet->codec);
    sender->picture_lost = false;
    sender->stats.switches++;
}

/* ---- Forwarding ----------------------------------------------------------------------------- */

static struct stream_slot new_slot(const struct stream_sender *sender, uint64_t source,
                                   enum stream_slot_state state)
{
    const struct stream_run *run = &sender->run;
    return (struct stream_slot){
        .source = (uint32_t)source,
        .ts_offset = run->ts_offset,
        .picture_shift = run->picture_shift,
        .tl0_shift = run->tl0_shift,
        .key_shift = run->key_shift,
        .state = (unsigned)state & 3u,
        .layer = (unsigned)sender->current & 3u,
    };
}

static void count_sent(struct stream_sender *sender, const struct stream_out *out)
{
    size_t len = out->prefix_len + out->payload_len;
    sender->stats.packets++;
    if (out->padding) {
        sender->stats.fillers++;
        return;
    }
    sender->stats.bytes += len;
    sender->resend_credit = MIN(sender->resend_credit + (int64_t)len / 2, CREDIT_MAX);
}

/* Timestamps tell the order within half of what they wrap after, 6.6 hours of video, and a stream
 * may rest for longer. */
static bool is_newest(const struct stream_sent *sent, const struct stream_packet *packet,
                      const struct stream_out *out)
{
    return !sent->known || packet->arrival_us - sent->arrival_us > ORDER_MAX_US ||
           ts_diff(out->timestamp, sent->ts) >= 0;
}

/* The newest packet sent so far, unless frames are sent out of their order. */
static void note_sent(struct stream_sender *sender, const struct stream_packet *packet,
                      const struct stream_out *out)
{
    struct stream_sent *sent = &sender->sent;
    sent->codec = (uint8_t)packet->codec;
    if (is_newest(sent, packet, out)) {
        sent->known = true;
        sent->ts = out->timestamp;
        sent->clock_hz = packet->clock_hz;
        sent->arrival_us = packet->arrival_us;
        sent->wall_us = packet->wall_us;
    }
    if (packet->codec != RTP_CODEC_VP8) {
        return;
    }
    const struct stream_run *run = &sender->run;
    uint8_t key_at = stream_vp8_key_at(packet);
    if (packet->vp8.picture_id_at != 0) {
        sent->picture_known = true;
        sent->picture = (packet->vp8.picture_id - run->picture_shift) & PICTURE_ID_MASK;
    }
    if (packet->vp8.tl0_at != 0) {
        sent->tl0_known = true;
        sent->tl0 = (uint8_t)(packet->vp8.tl0 - run->tl0_shift);
    }
    if (key_at != 0) {
        unsigned key = packet->rtp.payload.data[key_at];
        sent->key_known = true;
        sent->key = (uint8_t)((key - run->key_shift) & KEY_INDEX_MASK);
    }
}

/* Most packets: nothing may have to be left out, so nobody needs to look closer. */
static bool passes(const struct stream_sender *sender, const struct stream_packet *packet)
{
    uint8_t limit = sender->temporal.steps[0].limit;
    bool all = packet->codec == RTP_CODEC_VP8
                   ? packet->vp8.temporal <= limit && limit == sender->want.temporal_max
                   : !packet->dependency.numbered;
    return all && packet->rtp.payload.len > 0 && sender->codecs[packet->codec].plan == PLAN_PASS;
}

/* The newest packet of the source: numbers are kept for those that did not come before it. */
static bool forward_next(struct stream_sender *sender, const struct stream_packet *packet,
                         struct stream_out *out)
{
    struct stream_run *run = &sender->run;
    for (uint64_t missing = run->head + 1; missing < packet->seq; missing++) {
        stream_ring_append(&sender->ring, new_slot(sender, missing, SLOT_KEPT));
    }
    run->head = packet->seq;
    sender->layers[packet->layer].head = packet->seq;
    if (!passes(sender, packet) && stream_sender_left_out(sender, packet)) {
        return false;
    }
    struct stream_slot slot = new_slot(sender, packet->seq, SLOT_SENT);
    bool marker = sender->video ? packet->dependency.known && stream_layers_end(sender, packet)
                                : packet->seq == run->first; /* talkspurt, RFC 3551 §4.1 */
    slot.marker = marker;
    slot.told = stream_layers_active(sender, packet) != 0;
    uint64_t index = sender->ring.next;
    stream_compose(sender, index, stream_ring_append(&sender->ring, slot), packet, out);
    count_sent(sender, out);
    note_sent(sender, packet, out);
    if (packet->key_start) {
        sender->picture_lost = false;
    }
    return true;
}

/* A packet that was overtaken: it goes where its number was kept. */
static bool forward_late(struct stream_sender *sender, const struct stream_packet *packet,
                         struct stream_out *out)
{
    const struct stream_run *run = &sender->run;
    uint64_t behind = run->head - packet->seq;
    uint64_t given = sender->ring.next - run->index;
    /* Had no number been left out since, it would stand exactly that far behind. */
    uint64_t low = run->index + (given > behind + 1 ? given - behind - 1 : 0);
    uint64_t index = 0;
    struct stream_slot *slot = NULL;
    if (packet->seq >= run->first && stream_ring_search(&sender->ring, low, packet->seq, &index)) {
        slot = stream_ring_get(&sender->ring, index);
    }
    if (slot == NULL || slot->state != SLOT_KEPT) {
        sender->stats.drop_late++;
        return false;
    }
    stream_sender_fill_slot(sender, slot, packet);
    stream_compose(sender, index, slot, packet, out);
    count_sent(sender, out);
    return true;
}

/* The source is another one, or went on so far away that no ring can bridge it. */
static bool is_cut(const struct stream_sender *sender, const struct stream_packet *packet)
{
    const struct stream_run *run = &sender->run;
    return packet->rtp.ssrc != run->ssrc || counts_anew(run->head, packet->seq) ||
           (packet->seq > run->head && packet->seq - run->head > sender->ring.size_max / 2);
}

/* An encoder that is asked for a key frame of one layer may make one of each, the largest first,
 * which would fill the way of the one that is waited for. */
static bool ends_with(const struct stream_sender *sender, const struct stream_packet *packet)
{
    return sender->want.narrow && waits_for_lower(sender) && packet->key_start &&
           packet->seq > sender->run.head;
}

unsigned stream_sender_forward(struct stream_sender *sender, int64_t now_us,
                               const struct stream_packet *packet, struct stream_out *out)
{
    advance_time(sender, now_us);
    int layer = packet->layer;
    int needed = stream_sender_needs_key_frame(sender);
    if ((sender->live >> layer & 1) == 0 && !packet->late) {
        sender->live = (uint8_t)(sender->live | 1u << layer);
        stream_sender_choose_target(sender);
    }
    if (layer == sender->current && (is_cut(sender, packet) || ends_with(sender, packet))) {
        fall_silent(sender);
    }
    if (layer != sender->current) {
        if (layer != sender->target || !packet->key_start) {
            return ask(sender, needed);
        }
        begin(sender, packet);
    }
    bool sent = packet->seq > sender->run.head ? forward_next(sender, packet, out)
                                               : forward_late(sender, packet, out);
    unsigned asks = sender->frames.asks ? STREAM_ASK : 0;
    sender->frames.asks = false;
    return ask(sender, needed) | asks | (sent ? STREAM_SEND : 0);
}

/* ---- Views ---------------------------------------------------------------------------------- */

void stream_sender_stats(const struct stream_sender *sender, struct stream_sender_stats *out)
{
    *out = sender->stats;
    out->heap_bytes = sizeof(*sender) + sender->ring.size * sizeof(*sender->ring.slots);
}

uint64_t stream_sender_next(const struct stream_sender *sender)
{
    return sender->ring.next;
}

uint64_t stream_sender_next_rtx(const struct stream_sender *sender)
{
    return sender->rtx_next;
}
