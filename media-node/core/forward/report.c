/* SPDX-License-Identifier: Apache-2.0
 *
 * RTCP of both directions, and what the orchestrator is told of quality and loudness.
 */
#include "media-node/core/forward/room.h"

#define BLOCKS_MAX 31 /* of one receiver report (RFC 3550 §6.4.2) */

/* ---- From the client ------------------------------------------------------------------------- */

static struct subscription *subscription_of(const struct fwd_member *member, uint32_t ssrc)
{
    for (size_t i = 0; i < member->subscription_count; i++) {
        if (member->subscriptions[i]->spec.ssrc == ssrc) {
            return member->subscriptions[i];
        }
    }
    return NULL;
}

static void on_sender_report(struct fwd_member *member, int64_t now_us,
                             const struct rtcp_packet *packet)
{
    struct rtcp_sr sr;
    if (rtcp_read_sr(packet, &sr) != 0) {
        return;
    }
    for (size_t i = 0; i < member->track_count; i++) {
        struct track *track = member->tracks[i];
        for (size_t layer = 0; layer < STREAM_LAYERS_MAX; layer++) {
            if (track->receivers[layer] != NULL && track->layers[layer].ssrc == packet->ssrc) {
                media_clock(track, now_us, layer, &sr);
                return;
            }
        }
    }
}

/* What was expected and lost since the subscription's last report. Left out: RTX streams, for what
 * they lose is lost beside media. */
static void add_loss(struct bwe_loss *sum, struct subscription *subscription,
                     const struct rtcp_report *report)
{
    uint32_t expected = report->seq_high - subscription->reported_seq;
    int64_t lost = (int64_t)report->lost - subscription->reported_lost;
    if (subscription->reported && expected <= UINT16_MAX) { /* else another stream, or a lie */
        sum->expected += expected;
        sum->lost += (uint32_t)MAX(0, MIN(lost, expected));
    }
    subscription->reported = true;
    subscription->reported_seq = report->seq_high;
    subscription->reported_lost = report->lost;
}

/* What a report waited for us counts as if its sender had held it back: the rest is the round trip
 * (RFC 3550 §6.4.1). */
static void add_wait(struct rtcp_report *report, int64_t waited_us)
{
    uint64_t held = report->dlsr + (uint64_t)waited_us * 65536 / 1000000;
    report->dlsr = (uint32_t)MIN(held, UINT32_MAX);
}

static void on_reports(struct fwd_member *member, int64_t now_us, int64_t waited_us,
                       const struct rtcp_packet *packet)
{
    struct bwe_loss loss = {0};
    for (unsigned i = 0; i < packet->count; i++) {
        struct rtcp_report report;
        if (rtcp_read_report(packet, i, &report) != 0) {
            return;
        }
        struct subscription *subscription = subscription_of(member, report.ssrc);
        if (subscription == NULL) {
            continue;
        }
        add_wait(&report, waited_us);
        stream_sender_on_report(subscription->sender, now_us, &report);
        add_loss(&loss, subscription, &report);
        struct stream_sender_stats stats;
        stream_sender_stats(subscription->sender, &stats);
        if (stats.rtt_us != 0) {
            member->rtt_us = stats.rtt_us;
        }
    }
    bandwidth_loss(member, now_us, loss);
}

static void on_nack(struct fwd_member *member, int64_t now_us, const struct rtcp_packet *packet)
{
    uint32_t ssrc;
    uint16_t seqs[FWD_NACK_MAX];
    if (rtcp_read_media_ssrc(packet, &ssrc) != 0) {
        return;
    }
    struct subscription *subscription = subscription_of(member, ssrc);
    int count = rtcp_read_nack(packet, seqs, FWD_NACK_MAX);
    if (subscription != NULL) {
        stream_sender_reached(subscription->sender, now_us, bandwidth_reached(member));
    }
    for (int i = 0; subscription != NULL && i < count; i++) {
        (void)media_resend(subscription, now_us, seqs[i]);
    }
}

static void picture_lost(struct fwd_member *member, int64_t now_us, uint32_t ssrc)
{
    struct subscription *subscription = subscription_of(member, ssrc);
    if (subscription == NULL) {
        return;
    }
    subscription->pictures_lost++;
    if (!early_answers(subscription, now_us)) {
        media_heed(subscription, now_us, stream_sender_picture_lost(subscription->sender, now_us));
    }
}

static void on_fir(struct fwd_member *member, int64_t now_us, const struct rtcp_packet *packet)
{
    uint32_t ssrc;
    uint8_t command;
    for (unsigned i = 0; rtcp_read_fir(packet, i, &ssrc, &command) == 0; i++) {
        picture_lost(member, now_us, ssrc);
    }
}

static void on_payload_feedback(struct fwd_member *member, int64_t now_us,
                                const struct rtcp_packet *packet)
{
    uint32_t ssrc;
    uint64_t bps;
    switch (packet->count) {
    case RTCP_PLI:
        if (rtcp_read_media_ssrc(packet, &ssrc) == 0) {
            picture_lost(member, now_us, ssrc);
        }
        break;
    case RTCP_FIR:
        on_fir(member, now_us, packet);
        break;
    case RTCP_AFB:
        if (rtcp_read_remb(packet, &bps) == 0) {
            member->remb_bps = bps;
            bandwidth_remb(member, now_us, bps);
        }
        break;
    default:
        break;
    }
}

static void on_transport_feedback(struct fwd_member *member, int64_t now_us,
                                  const struct rtcp_packet *packet)
{
    if (packet->count == RTCP_NACK) {
        on_nack(member, now_us, packet);
    } else if (packet->count == RTCP_TWCC) {
        bandwidth_feedback(member, now_us, packet);
    }
}

/* Left out: BYE (sources end by signalling) and XR. */
void fwd_rtcp(struct fwd_member *member, int64_t now_us, const struct ice_path *path,
              const struct peer_datagram *in)
{
    struct rtcp_iter iter;
    struct rtcp_packet packet;
    if (peer_rtcp(member->peer, now_us, path, in->data, in->len, &iter) == 0) {
        while (rtcp_next(&iter, &packet)) {
            switch (packet.type) {
            case RTCP_SR:
                on_sender_report(member, now_us, &packet);
                on_reports(member, now_us, now_us - in->arrival_us, &packet);
                break;
            case RTCP_RR:
                on_reports(member, now_us, now_us - in->arrival_us, &packet);
                break;
            case RTCP_RTPFB:
                on_transport_feedback(member, now_us, &packet);
                break;
            case RTCP_PSFB:
                on_payload_feedback(member, now_us, &packet);
                break;
            default:
                break;
            }
        }
    }
    room_settle(member, now_us);
}

/* ---- To the client --------------------------------------------------------------------------- */

/* Blocks about everything the member sends, from receiver number *next on; moves it along. */
static size_t collect_blocks(struct fwd_member *member, int64_t now_us, size_t *next,
                             struct rtcp_report blocks[BLOCKS_MAX])
{
    size_t count = 0;
    for (; *next < member->track_count * STREAM_LAYERS_MAX && count < BLOCKS_MAX; (*next)++) {
        const struct track *track = member->tracks[*next / STREAM_LAYERS_MAX];
        struct stream_receiver *receiver = track->receivers[*next % STREAM_LAYERS_MAX];
        if (receiver == NULL) {
            continue;
        }
        if (member->rtt_us != 0) {
            stream_receiver_rtt(receiver, member->rtt_us);
        }
        if (stream_receiver_report(receiver, now_us, &blocks[count]) == 0) {
            count++;
        }
    }
    return count;
}

/* Its sid. */
static const char *publisher_of(const struct track *track)
{
    bool told = track->spec.participant[0] != '\0' || track->member == NULL;
    return told ? track->spec.participant : track->member->participant;
}

/* A sender report and the name that ties one publisher's tracks together. ERR_FULL: not here. */
MUST_CHECK static int write_sender_report(struct subscription *subscription, int64_t now_us,
                                          struct rtcp_writer *writer)
{
    struct rtcp_sr sr;
    if (stream_sender_report(subscription->sender, now_us, &sr) != 0) {
        return 0;
    }
    size_t before = writer->len;
    uint32_t ssrc = subscription->spec.ssrc;
    int err = rtcp_write_sr(writer, ssrc, &sr, NULL, 0);
    if (err == 0) {
        err = rtcp_write_cname(writer, ssrc, publisher_of(subscription->track));
    }
    if (err != 0) {
        writer->len = before;
    }
    return err;
}

/* As many compounds as it takes. Each begins with a receiver report of the peer's own SSRC, for the
 * nonce of SRTCP is made of the first one (architecture.md §2.3). */
void report_rtcp(struct fwd_member *member, int64_t now_us)
{
    size_t receivers = 0;
    size_t senders = 0;
    do {
        struct rtcp_report blocks[BLOCKS_MAX];
        size_t count = collect_blocks(member, now_us, &receivers, blocks);
        struct peer_rtcp rtcp;
        if (!peer_rtcp_begin(member->peer, &rtcp, blocks, count)) {
            return;
        }
        size_t empty = rtcp.writer.len;
        while (senders < member->subscription_count &&
               write_sender_report(member->subscriptions[senders], now_us, &rtcp.writer) == 0) {
            senders++;
        }
        if (count == 0 && rtcp.writer.len == empty) {
            return; /* nothing to say, and nothing is sent */
        }
        peer_rtcp_end(member->peer, &rtcp);
    } while (receivers < member->track_count * STREAM_LAYERS_MAX ||
             senders < member->subscription_count);
}

/* ---- To the orchestrator --------------------------------------------------------------------- */

static uint64_t since(uint64_t *told, uint64_t now)
{
    uint64_t more = now > *told ? now - *told : 0; /* loss may be taken back by late packets */
    *told = now;
    return more;
}

static size_t report_layers(struct fwd_member *member, int64_t now_us)
{
    struct fwd *fwd = member->fwd;
    size_t count = 0;
    fwd->layer_reports = mem_grow(fwd->layer_reports, member->track_count * STREAM_LAYERS_MAX,
                                  sizeof(*fwd->layer_reports));
    for (size_t i = 0; i < member->track_count; i++) {
        struct track *track = member->tracks[i];
        for (uint8_t layer = 0; layer < STREAM_LAYERS_MAX; layer++) {
            if (track->receivers[layer] == NULL) {
                continue;
            }
            struct told *told = &track->layers[layer].told;
            struct stream_receiver_stats stats;
            stream_receiver_stats(track->receivers[layer], now_us, &stats);
            fwd->layer_reports[count++] = (struct fwd_layer_report){
                .track = track->id,
                .layer = layer,
                .packets = since(&told->packets, stats.packets),
                .lost = since(&told->lost, stats.lost),
                .bytes = since(&told->bytes, stats.bytes),
                .frames = since(&told->frames, stats.frames),
                .nacked = since(&told->nacked, stats.nacked),
                .repaired = since(&told->repaired, stats.recovered),
                .key_frames_asked = since(&told->key_frames_asked, stats.key_frames_asked),
                .jitter_us = stats.jitter_us};
        }
    }
    return count;
}

static size_t report_subscriptions(struct fwd_member *member)
{
    struct fwd *fwd = member->fwd;
    fwd->subscription_reports = mem_grow(fwd->subscription_reports, member->subscription_count,
                                         sizeof(*fwd->subscription_reports));
    for (size_t i = 0; i < member->subscription_count; i++) {
        struct subscription *subscription = member->subscriptions[i];
        struct told *told = &subscription->told;
        struct stream_sender_stats stats;
        stream_sender_stats(subscription->sender, &stats);
        fwd->subscription_reports[i] = (struct fwd_subscription_report){
            .subscription = subscription->id,
            .packets = since(&told->packets, stats.packets),
            .lost = since(&told->lost, stats.lost),
            .bytes = since(&told->bytes, stats.bytes),
            .nacked = since(&told->nacked, stats.nacked),
            .repaired = since(&told->repaired, stats.resent),
            .key_frames_asked = subscription->pictures_lost,
            .jitter_us = stats.jitter_us,
            .layer = stream_sender_layer(subscription->sender),
        };
        subscription->pictures_lost = 0;
    }
    return member->subscription_count;
}

void report_statistics(struct fwd_member *member, int64_t now_us)
{
    struct fwd *fwd = member->fwd;
    if (peer_selected(member->peer) == NULL) {
        return;
    }
    struct fwd_report report = {.interval_ms = (uint32_t)((now_us - member->reported_us) / 1000),
                                .rtt_us = member->rtt_us,
                                .remb_bps = member->remb_bps,
                                .estimate_bps = bandwidth_bps(member),
                                .transport_cc = peer_transport_cc(member->peer)};
    member->reported_us = now_us;
    report.layer_count = report_layers(member, now_us);
    report.subscription_count = report_subscriptions(member);
    report.layers = fwd->layer_reports;
    report.subscriptions = fwd->subscription_reports;
    room_event(fwd, member, FWD_REPORT)->report = report;
}

void report_levels(struct fwd *fwd, int64_t now_us)
{
    size_t count = 0;
    fwd->level_list = mem_grow(fwd->level_list, HASH_COUNT(fwd->tracks), sizeof(*fwd->level_list));
    for (struct track *track = fwd->tracks; track != NULL; track = track->hh.next) {
        if (track->spec.kind != STREAM_AUDIO || track->receivers[0] == NULL ||
            track->member == NULL) { /* the publisher's node tells of it */
            continue;
        }
        struct stream_level level = stream_receiver_level(track->receivers[0], now_us);
        if (level.active_permille > 0 && !track->spec.muted) {
            fwd->level_list[count++] = (struct fwd_level){.track = track->id, .level = level};
        }
    }
    if (count == 0 && !fwd->loud) {
        return;
    }
    fwd->loud = count > 0;
    struct fwd_event *event = room_event(fwd, NULL, FWD_LEVELS);
    event->levels = fwd->level_list;
    event->level_count = count;
}
