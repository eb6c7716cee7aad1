/* SPDX-License-Identifier: Apache-2.0
 *
 * The hot path: a packet comes from a publisher and leaves for every subscriber and node. Nothing
 * is allocated and nothing logged, but when an SSRC is heard for the first time.
 */
#include "media-node/core/forward/room.h"

/* An SSRC that was replaced as its layer's source may take it back when the new one has been silent
 * for so long. */
#define SOURCE_STALE_US TIME_S(1)

/* A publisher's clock that went back by more was set. */
#define CLOCK_SET_US TIME_S(10)

/* ---- Requests to publishers ------------------------------------------------------------------ */

static void ask_member(struct track *track, size_t layer, const struct stream_request *request)
{
    struct counters *counters = track->fwd->config.counters;
    struct peer_rtcp rtcp;
    if (!peer_rtcp_begin(track->member->peer, &rtcp, NULL, 0)) {
        return; /* the receiver asks again in its own time */
    }
    struct rtcp_feedback about = {.sender_ssrc = rtcp.ssrc,
                                  .media_ssrc = track->layers[layer].ssrc};
    int err = 0;
    if (request->nack_count > 0) {
        err = rtcp_write_nack(&rtcp.writer, about, request->nack, request->nack_count);
        counters->nacks_sent += request->nack_count;
    }
    if (err == 0 && request->key_frame) {
        err = rtcp_write_pli(&rtcp.writer, about);
        counters->plis_sent++;
    }
    assert(err == 0); /* a request is far smaller than a compound */
    peer_rtcp_end(track->member->peer, &rtcp);
}

void media_ask(struct track *track, int64_t now_us, size_t layer)
{
    struct stream_receiver *receiver = track->receivers[layer];
    struct stream_request request;
    if (now_us < stream_receiver_deadline(receiver)) {
        return;
    }
    struct origin *origin = origin_of(track, now_us);
    if (origin != NULL && relay_rto_us(origin->spec.relay) != 0) {
        stream_receiver_rtt(receiver, relay_rto_us(origin->spec.relay));
    }
    while (stream_receiver_poll(receiver, &request)) {
        if (origin != NULL) {
            origin_ask(origin, layer, &request);
        } else if (track->member != NULL) {
            ask_member(track, layer, &request);
        }
    }
}

void media_want_key_frame(struct track *track, int64_t now_us, int layer)
{
    if (layer < 0) {
        return;
    }
    if (track->receivers[layer] == NULL) {
        track->layers[layer].key_frame_wanted = true;
        return;
    }
    stream_receiver_want_key_frame(track->receivers[layer], now_us);
    media_ask(track, now_us, (size_t)layer);
    if (track->member != NULL) {
        room_due(track->member, now_us, stream_receiver_deadline(track->receivers[layer]));
    }
}

void media_heed(struct subscription *subscription, int64_t now_us, unsigned flags)
{
    if ((flags & STREAM_ASK) != 0) {
        media_want_key_frame(subscription->track, now_us,
                             stream_sender_needs_key_frame(subscription->sender));
    }
}

void media_apply_want(struct subscription *subscription, int64_t now_us)
{
    if (subscription->resume != NULL && subscription->member->sending) {
        handover_resume(subscription, now_us);
    }
    struct stream_want want = subscription->spec.want;
    want.paused = want.paused || subscription->track->spec.muted ||
                  !subscription->member->sending || subscription->resume != NULL;
    bandwidth_limit(subscription, &want);
    media_heed(subscription, now_us, stream_sender_want(subscription->sender, now_us, &want));
}

bool media_look_at_layers(struct track *track, int64_t now_us)
{
    if (track->spec.published.layer_count < 2) {
        return false;
    }
    uint8_t live = stream_layers_live(track->receivers, now_us);
    if (live != track->live) {
        track->live = live;
        for (size_t i = 0; i < track->subscription_count; i++) {
            struct subscription *subscription = track->subscriptions[i];
            media_heed(subscription, now_us,
                       stream_sender_layers(subscription->sender, now_us, live));
            bandwidth_soon(subscription->member, now_us);
        }
        edge_update_all(track, now_us);
    }
    return live != 0;
}

/* ---- To one subscriber ----------------------------------------------------------------------- */

void media_carry(struct rtp_exts *out, const struct stream_packet *packet)
{
    rtp_exts_read(out, &packet->rtp, &relay_ext_ids);
    out->value[RTP_EXT_RID] = (struct bytes){0};
    out->value[RTP_EXT_REPAIRED_RID] = (struct bytes){0};
}

void media_put_active(struct rtp_exts *exts, const struct stream_packet *packet, uint32_t active,
                      uint8_t descriptor[RTP_DEPENDENCY_LEN_MAX])
{
    struct bytes *value = &exts->value[RTP_EXT_DEPENDENCY_DESCRIPTOR];
    int len = active == 0 ? ERR_NOT_FOUND
                          : rtp_dependency_write_active(descriptor, *value,
                                                        &packet->dependency.place, active);
    if (len >= 0) {
        *value = (struct bytes){descriptor, (size_t)len};
    }
}

static bool send_with(struct subscription *subscription, int64_t now_us,
                      const struct stream_out *out, const struct rtp_exts *exts)
{
    struct lease *lease = out->rtx ? &subscription->rtx_lease : &subscription->media_lease;
    if (out->index >= lease->look_at && !lease_look(subscription, now_us, lease, out->index)) {
        return false;
    }
    struct peer_packet packet = {
        .header = {.ts = out->timestamp,
                   .ssrc = out->ssrc,
                   .seq = (uint16_t)out->index,
                   .pt = out->payload_type,
                   .marker = out->marker,
                   .padding_len = out->padding,
                   .exts = *exts},
        .ids = &subscription->ids,
        .stream = out->rtx ? &subscription->rtx : &subscription->media,
        .prefix = {out->prefix, out->prefix_len},
        .body = {out->payload, out->payload_len},
    };
    packet.header.exts.value[RTP_EXT_MID] = subscription->mid;
    uint8_t descriptor[RTP_DEPENDENCY_LEN_MAX];
    media_put_active(&packet.header.exts, out->source, out->active, descriptor);
    struct fwd_member *member = subscription->member;
    struct peer_sent sent;
    if (!peer_send_rtp(member->peer, now_us, &packet, &sent)) {
        return false;
    }
    if (member->bandwidth != NULL) {
        bandwidth_sent(member->bandwidth, now_us, &sent, subscription->untaken);
        if (subscription->untaken && sent.numbered) {
            early_sent(subscription, now_us, sent.seq, out);
        }
    }
    return true;
}

bool media_send(struct subscription *subscription, int64_t now_us, const struct stream_out *out)
{
    struct rtp_exts exts = {0};
    if (out->source != NULL) {
        media_carry(&exts, out->source);
    }
    return send_with(subscription, now_us, out, &exts);
}

bool media_resend(struct subscription *subscription, int64_t now_us, uint16_t seq)
{
    struct counters *counters = subscription->member->fwd->config.counters;
    struct stream_out out;
    if (stream_sender_resend(subscription->sender, now_us, seq, subscription->track->receivers,
                             &out) != 0) {
        counters->drop_resend++;
        return false;
    }
    bool sent = media_send(subscription, now_us, &out);
    counters->rtx_sent += sent;
    return sent;
}

bool media_forward(struct subscription *subscription, int64_t now_us,
                   const struct stream_packet *packet, const struct rtp_exts *exts)
{
    struct stream_out out;
    unsigned flags = stream_sender_forward(subscription->sender, now_us, packet, &out);
    bool sent =
        (flags & STREAM_SEND) != 0 &&
        ((subscription->member->bandwidth != NULL && bandwidth_holds(subscription, now_us, &out)) ||
         send_with(subscription, now_us, &out, exts));
    media_heed(subscription, now_us, flags);
    return sent;
}

/* ---- From a publisher ------------------------------------------------------------------------ */

/* A new SSRC takes the layer over, as when a browser makes its sender anew. */
struct stream_receiver *media_receiver(struct track *track, int64_t now_us, size_t i, uint32_t ssrc,
                                       bool first)
{
    struct layer *layer = &track->layers[i];
    if (track->receivers[i] != NULL && layer->ssrc == ssrc) {
        return track->receivers[i];
    }
    if (track->receivers[i] != NULL && !first && now_us - layer->last_us < SOURCE_STALE_US) {
        return NULL;
    }
    if (track->receivers[i] != NULL) {
        burst_finish(track, now_us);
        stream_receiver_free(track->receivers[i]);
    }
    struct stream_receiver_config config = {
        .kind = track->spec.kind,
        .layer = (uint8_t)i,
        .ssrc = ssrc,
        .payloads = track->spec.payloads,
        .payload_count = track->spec.payload_count,
        .audio_level_id = relay_ext_ids.id[RTP_EXT_AUDIO_LEVEL],
        .dependency_id = relay_ext_ids.id[RTP_EXT_DEPENDENCY_DESCRIPTOR],
    };
    track->receivers[i] = stream_receiver_new(&config, now_us);
    layer->previous = layer->ssrc;
    layer->ssrc = ssrc;
    layer->serial = ++track->receivers_made;
    layer->clock_known = false;
    layer->told = (struct told){0};
    if (track->member != NULL) {
        track->member->live_at_us = MIN(track->member->live_at_us, now_us);
    } else {
        track->live_at_us = MIN(track->live_at_us, now_us);
    }
    return track->receivers[i];
}

void media_follow_up(struct track *track, int64_t now_us, size_t layer)
{
    if (track->receivers[layer] == NULL) {
        return;
    }
    if (track->layers[layer].key_frame_wanted) {
        track->layers[layer].key_frame_wanted = false;
        stream_receiver_want_key_frame(track->receivers[layer], now_us);
    }
    media_ask(track, now_us, layer);
    if (track->awaited) {
        handover_retry(track, now_us);
    }
}

/* Whether a report was made after the last one: two nodes that have a track from each other, while
 * its publisher moves, would pass them to and fro without end. */
static bool is_news(const struct layer *layer, const struct rtcp_sr *sr)
{
    int64_t later_us = rtcp_ntp_to_wall_us(sr->ntp) - rtcp_ntp_to_wall_us(layer->clock.ntp);
    return !layer->clock_known || later_us > 0 || later_us < -CLOCK_SET_US;
}

void media_clock(struct track *track, int64_t now_us, size_t layer, const struct rtcp_sr *sr)
{
    if (!is_news(&track->layers[layer], sr)) {
        return;
    }
    stream_receiver_sender_report(track->receivers[layer], now_us, sr);
    track->layers[layer].clock = *sr;
    track->layers[layer].clock_known = true;
    for (size_t i = 0; i < track->edge_count; i++) {
        edge_clock(track->edges[i], (uint8_t)(1u << layer));
    }
    media_ask(track, now_us, layer);
}

/* Repair goes to the receiver that is there: what was lost of a replaced SSRC is not missed. */
MUST_CHECK static int receive(struct track *track, int64_t now_us, const struct peer_rtp *rtp,
                              const struct stream_packet **packet)
{
    size_t layer = rtp->source.layer;
    if (rtp->source.repair) {
        struct stream_receiver *known = track->receivers[layer];
        return known == NULL ? ERR_NOT_FOUND
                             : stream_receiver_repair(known, now_us, &rtp->view, packet);
    }
    struct stream_receiver *receiver =
        media_receiver(track, now_us, layer, rtp->source.ssrc, rtp->first);
    if (receiver == NULL) {
        return ERR_STALE;
    }
    track->layers[layer].last_us = now_us;
    track->local_us = now_us;
    return stream_receiver_media(receiver, now_us, &rtp->view, packet);
}

static void tell_source(struct fwd_member *member, const struct track *track,
                        const struct peer_rtp *rtp)
{
    struct fwd_event *event = room_event(member->fwd, member, FWD_SOURCE);
    event->source = rtp->source;
    event->rid = track->spec.published.layers[rtp->source.layer].rid;
}

static void count_refusal(struct counters *counters, bool repair, int err)
{
    bool malformed = err == ERR_INVALID || err == ERR_UNSUPPORTED;
    if (repair && !malformed) {
        counters->rtx_spare++;
    } else {
        counters->drop_rtp_stream++;
    }
}

/* What a moving track also brings another way is seen twice: nothing is wrong with it. */
static void take_packet(struct fwd_member *member, int64_t now_us, struct track *track,
                        const struct peer_rtp *rtp)
{
    struct counters *counters = member->fwd->config.counters;
    const struct stream_packet *packet;
    int err = receive(track, now_us, rtp, &packet);
    if (err == ERR_REPLAY && track->origin_count > 0) {
        counters->relay_spare++;
    } else if (err != 0) {
        count_refusal(counters, rtp->source.repair, err);
    }
    if (err == 0 || (err == ERR_REPLAY && !rtp->source.repair)) {
        if (!track->arrived) {
            track->arrived = true;
            room_event(member->fwd, member, FWD_MEDIA)->track = track->id;
        }
    }
    if (err == 0) {
        burst_add(track, now_us, packet);
    }
    media_follow_up(track, now_us, rtp->source.layer);
}

void fwd_rtp(struct fwd_member *member, int64_t now_us, const struct ice_path *path,
             const struct peer_datagram *in)
{
    struct peer_rtp rtp;
    if (peer_rtp(member->peer, now_us, path, in, &rtp) == 0) {
        rtp_exts_rename(in->data, &rtp.view, peer_exts(member->peer), &relay_ext_ids);
        for (size_t i = 0; i < member->track_count; i++) {
            struct track *track = member->tracks[i];
            if (track->id == rtp.source.track) {
                if (rtp.first) {
                    tell_source(member, track, &rtp);
                }
                take_packet(member, now_us, track, &rtp);
                break;
            }
        }
    }
    room_settle(member, now_us);
}
