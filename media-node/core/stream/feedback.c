/* SPDX-License-Identifier: Apache-2.0
 *
 * What a subscriber tells about its stream (NACK, receiver reports), and the sender reports it
 * gets.
 */
#include "media-node/core/stream/sender_parts.h"

#define RTT_DEFAULT_US TIME_MS(50)
#define RTT_MIN_US     TIME_MS(5)
#define TRIP_US_MAX    TIME_S(1) /* where nothing else is sent, nothing tells of an arrival */
#define TRIES_MAX      10
#define HEADER_GUESS   40 /* bytes of header, extensions and tag, for the budget */

/* ---- Sending again -------------------------------------------------------------------------- */

/* The index nearest below the next one that has this number. */
static uint64_t index_of(const struct stream_sender *sender, uint16_t seq)
{
    uint64_t newest = sender->ring.next - 1;
    return newest - (uint16_t)((uint16_t)newest - seq);
}

const struct stream_packet *
stream_sender_source(const struct stream_sender *sender, const struct stream_slot *slot,
                     struct stream_receiver *const layers[STREAM_LAYERS_MAX])
{
    const struct stream_layer_source *source = &sender->layers[slot->layer];
    const struct stream_receiver *receiver = layers[slot->layer];
    if (receiver == NULL || slot->state == SLOT_VOID) {
        return NULL;
    }
    uint64_t seq = source->head - (uint32_t)((uint32_t)source->head - slot->source);
    const struct stream_packet *packet = stream_receiver_find(receiver, seq);
    return packet != NULL && packet->rtp.ssrc == source->ssrc ? packet : NULL;
}

void stream_sender_reached(struct stream_sender *sender, int64_t now_us, int64_t reached_us)
{
    assert(now_us >= sender->now_us && now_us >= reached_us);
    sender->now_us = now_us;
    sender->trip_us = reached_us == 0 ? 0 : MIN(now_us - reached_us, TRIP_US_MAX);
}

static bool too_soon(const struct stream_sender *sender, const struct stream_slot *slot)
{
    int64_t rtt_us = sender->stats.rtt_us > 0 ? sender->stats.rtt_us : RTT_DEFAULT_US;
    rtt_us = MAX(rtt_us, sender->trip_us);
    uint16_t since_ms = (uint16_t)((uint16_t)(sender->now_us / 1000) - slot->resent_ms);
    return slot->tries >= TRIES_MAX ||
           (slot->tries > 0 && since_ms < MAX(rtt_us, RTT_MIN_US) / 1000);
}

/* RFC 4588 §4: the original number, then the original payload, on a stream of its own. */
static void wrap_in_rtx(struct stream_sender *sender, uint8_t payload_type, struct stream_out *out)
{
    assert(out->prefix_len + 2u <= sizeof(out->prefix));
    memmove(out->prefix + 2, out->prefix, out->prefix_len);
    be16_put(out->prefix, (uint16_t)out->index);
    out->prefix_len = (uint8_t)(out->prefix_len + 2);
    out->index = sender->rtx_next++;
    out->ssrc = sender->rtx_ssrc;
    out->payload_type = payload_type;
    out->rtx = true;
}

/* A source packet without a payload has no codec: it goes out as padding of the current one. */
static uint8_t rtx_type(const struct stream_sender *sender, const struct stream_packet *packet)
{
    enum rtp_codec codec =
        packet->codec != RTP_CODEC_NONE ? packet->codec : (enum rtp_codec)sender->sent.codec;
    return sender->rtx_ssrc != 0 ? sender->codecs[codec].rtx : 0;
}

/* Why a packet that is there may not be sent again; 0 if it may. */
static int refuse(struct stream_sender *sender, const struct stream_slot *slot,
                  const struct stream_packet *packet)
{
    if (rtx_type(sender, packet) == 0) {
        if (slot->state == SLOT_FILLER || slot->told) {
            return ERR_NOT_FOUND; /* not kept well enough to repeat it to the byte */
        }
        if (slot->state == SLOT_SENT && !sender->repeat_allowed) {
            return ERR_UNSUPPORTED;
        }
    }
    if (too_soon(sender, slot)) {
        sender->stats.nacks_limited++;
        return ERR_AGAIN;
    }
    if (sender->resend_credit < (int64_t)packet->rtp.payload.len + HEADER_GUESS) {
        sender->stats.nacks_limited++;
        return ERR_FULL;
    }
    return 0;
}

static void count_resent(struct stream_sender *sender, const struct stream_out *out)
{
    size_t len = out->prefix_len + out->payload_len;
    sender->resend_credit -= (int64_t)len + HEADER_GUESS;
    if (out->rtx || out->repeat) {
        sender->stats.resent++;
        sender->stats.resent_bytes += len;
    } else {
        sender->stats.packets++;
        sender->stats.bytes += out->padding ? 0 : len;
    }
}

int stream_sender_resend(struct stream_sender *sender, int64_t now_us, uint16_t seq,
                         struct stream_receiver *const layers[STREAM_LAYERS_MAX],
                         struct stream_out *out)
{
    assert(now_us >= sender->now_us);
    sender->now_us = now_us;
    sender->stats.nacked++;
    uint64_t index = index_of(sender, seq);
    struct stream_slot *slot = stream_ring_get(&sender->ring, index);
    const struct stream_packet *packet =
        slot != NULL ? stream_sender_source(sender, slot, layers) : NULL;
    if (packet == NULL) {
        sender->stats.nack_misses++;
        return ERR_NOT_FOUND;
    }
    int err = refuse(sender, slot, packet);
    if (err < 0) {
        return err;
    }
    bool repeat = slot->state != SLOT_KEPT;
    if (!repeat) { /* it came, but before its number was kept for it: at a late key frame */
        stream_sender_fill_slot(sender, slot, packet);
    }
    slot->tries++;
    slot->resent_ms = (uint16_t)(now_us / 1000);
    stream_compose(sender, index, slot, packet, out);
    uint8_t rtx = rtx_type(sender, packet);
    if (rtx != 0) {
        wrap_in_rtx(sender, rtx, out);
    } else {
        out->repeat = repeat;
    }
    count_resent(sender, out);
    return 0;
}

/* ---- For whoever paces ---------------------------------------------------------------------- */

int stream_sender_recall(struct stream_sender *sender, uint64_t index,
                         struct stream_receiver *const layers[STREAM_LAYERS_MAX],
                         struct stream_out *out)
{
    const struct stream_slot *slot = stream_ring_get(&sender->ring, index);
    const struct stream_packet *packet = slot != NULL && slot->state != SLOT_KEPT
                                             ? stream_sender_source(sender, slot, layers)
                                             : NULL;
    if (packet == NULL) {
        return ERR_NOT_FOUND;
    }
    stream_compose(sender, index, slot, packet, out);
    return 0;
}

/* Of the codec sent last, or of any. */
static uint8_t padding_type(const struct stream_sender *sender)
{
    uint8_t type = sender->sent.known ? sender->codecs[sender->sent.codec].rtx : 0;
    for (size_t i = 0; i < ARRAY_LEN(sender->codecs) && type == 0; i++) {
        type = sender->codecs[i].rtx;
    }
    return sender->rtx_ssrc != 0 ? type : 0;
}

int stream_sender_pad(struct stream_sender *sender, struct stream_out *out)
{
    static const uint8_t padding[STREAM_PADDING] = {[STREAM_PADDING - 1] = STREAM_PADDING};
    uint8_t type = padding_type(sender);
    if (type == 0) {
        return ERR_UNSUPPORTED;
    }
    *out = (struct stream_out){
        .index = sender->rtx_next++,
        .ssrc = sender->rtx_ssrc,
        .timestamp = sender->sent.known ? sender->sent.ts : sender->timestamp_first,
        .payload_type = type,
        .padding = true,
        .rtx = true,
        .payload = padding,
        .payload_len = sizeof(padding),
    };
    return 0;
}

/* ---- Reports -------------------------------------------------------------------------------- */

int stream_sender_report(struct stream_sender *sender, int64_t now_us, struct rtcp_sr *out)
{
    assert(now_us >= sender->now_us);
    sender->now_us = now_us;
    const struct stream_sent *sent = &sender->sent;
    if (!sent->known || sent->wall_us == STREAM_WALL_UNKNOWN) {
        return ERR_AGAIN;
    }
    int64_t since_us = now_us - sent->arrival_us;
    *out = (struct rtcp_sr){
        .ntp = ntp_of_us(sent->wall_us + since_us),
        .ts = sent->ts + (uint32_t)ticks_of_us(since_us, sent->clock_hz),
        .packets = (uint32_t)sender->stats.packets,
        .octets = (uint32_t)sender->stats.bytes,
    };
    sender->reports[sender->report_count++ % REPORTS_KEPT] =
        (struct stream_report_sent){.ntp_middle = rtcp_ntp_middle(out->ntp), .at_us = now_us};
    return 0;
}

/* RFC 3550 §6.4.1, but by when we sent the report that is answered: its NTP time is of a clock that
 * is not ours. 0 if the answer tells nothing. */
static int64_t rtt_us(const struct stream_sender *sender, const struct rtcp_report *report)
{
    for (size_t i = 0; i < REPORTS_KEPT && report->lsr != 0; i++) {
        if (sender->reports[i].ntp_middle == report->lsr) {
            int64_t held_us = (int64_t)report->dlsr * 1000000 / 65536;
            return MAX(sender->now_us - sender->reports[i].at_us - held_us, 1);
        }
    }
    return 0;
}

void stream_sender_on_report(struct stream_sender *sender, int64_t now_us,
                             const struct rtcp_report *report)
{
    assert(now_us >= sender->now_us);
    sender->now_us = now_us;
    struct stream_sender_stats *stats = &sender->stats;
    int64_t rtt = rtt_us(sender, report);
    if (rtt > 0) {
        stats->rtt_us = (uint32_t)MIN(rtt, UINT32_MAX);
    }
    stats->lost = report->lost > 0 ? (uint64_t)report->lost : 0;
    stats->fraction_lost = report->fraction;
    if (sender->sent.clock_hz > 0) {
        uint64_t jitter_us = (uint64_t)report->jitter * 1000000 / sender->sent.clock_hz;
        stats->jitter_us = (uint32_t)MIN(jitter_us, UINT32_MAX);
    }
}
