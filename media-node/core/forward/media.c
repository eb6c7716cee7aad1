/* SPDX-License-Identifier: Apache-2.0
 *
 * The hot path: a packet comes from a publisher and leaves for every subscriber. Here nothing is
 * allocated and nothing logged, but when an SSRC is heard for the first time.
 */
#include "media-node/core/forward/room.h"

/* An SSRC that was replaced as its layer's source may take it back when the new one has been silent
 * for so long. */
#define SOURCE_STALE_US TIME_S(1)

/* ---- Requests to publishers ------------------------------------------------------------------ */

void media_ask(struct track *track, int64_t now_us, size_t layer)
{
    (void)now_us;
    struct counters *counters = track->member->fwd->config.counters;
    struct stream_request request;
    while (stream_receiver_poll(track->receivers[layer], &request)) {
        struct peer_rtcp rtcp;
        if (!peer_rtcp_begin(track->member->peer, &rtcp, NULL, 0)) {
            continue; /* the receiver asks again in its own time */
        }
        struct rtcp_feedback about = {.sender_ssrc = rtcp.ssrc,
                                      .media_ssrc = track->layers[layer].ssrc};
        int err = 0;
        if (request.nack_count > 0) {
            err = rtcp_write_nack(&rtcp.writer, about, request.nack, request.nack_count);
            counters->nacks_sent += request.nack_count;
        }
        if (err == 0 && request.key_frame) {
            err = rtcp_write_pli(&rtcp.writer, about);
            counters->plis_sent++;
        }
        assert(err == 0); /* a request is far smaller than a compound */
        peer_rtcp_end(track->member->peer, &rtcp);
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
}

/* Acts on what a sender returned. */
static void heed(struct subscription *subscription, int64_t now_us, unsigned flags)
{
    if ((flags & STREAM_ASK) != 0) {
        media_want_key_frame(subscription->track, now_us,
                             stream_sender_needs_key_frame(subscription->sender));
    }
}

void media_apply_want(struct subscription *subscription, int64_t now_us)
{
    struct stream_want want = subscription->spec.want;
    want.paused = want.paused || subscription->track->spec.muted || !subscription->member->sending;
    heed(subscription, now_us, stream_sender_want(subscription->sender, now_us, &want));
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
            heed(subscription, now_us, stream_sender_layers(subscription->sender, now_us, live));
        }
    }
    return live != 0;
}

/* ---- To one subscriber ----------------------------------------------------------------------- */

/* What of the source's header extensions goes on to subscribers, each under its own ids. */
static void carry(struct rtp_exts *out, const struct track *track,
                  const struct stream_packet *packet)
{
    rtp_exts_read(out, &packet->rtp, peer_exts(track->member->peer));
    out->value[RTP_EXT_RID] = (struct bytes){0};
    out->value[RTP_EXT_REPAIRED_RID] = (struct bytes){0};
}

static bool send_with(struct subscription *subscription, int64_t now_us,
                      const struct stream_out *out, const struct rtp_exts *exts)
{
    struct peer_packet packet = {
        .header = {.ts = out->timestamp,
                   .ssrc = out->ssrc,
                   .seq = (uint16_t)out->index,
                   .pt = out->payload_type,
                   .marker = out->marker,
                   .padding_len = out->padding ? out->prefix_len : 0,
                   .exts = *exts},
        .ids = &subscription->ids,
        .stream = out->rtx ? &subscription->rtx : &subscription->media,
        .prefix = {out->prefix, out->prefix_len},
        .body = {out->payload, out->payload_len},
    };
    packet.header.exts.value[RTP_EXT_MID] = subscription->mid;
    return peer_send_rtp(subscription->member->peer, now_us, &packet);
}

void media_send(struct subscription *subscription, int64_t now_us, const struct stream_out *out)
{
    struct rtp_exts exts;
    carry(&exts, subscription->track, out->source);
    if (send_with(subscription, now_us, out, &exts)) {
        subscription->member->fwd->config.counters->rtx_sent++;
    }
}

static void fan_out(struct track *track, int64_t now_us, const struct stream_packet *packet)
{
    struct rtp_exts exts;
    carry(&exts, track, packet);
    uint64_t forwarded = 0;
    for (size_t i = 0; i < track->subscription_count; i++) {
        struct subscription *subscription = track->subscriptions[i];
        struct stream_out out;
        unsigned flags = stream_sender_forward(subscription->sender, now_us, packet, &out);
        if ((flags & STREAM_SEND) != 0 && send_with(subscription, now_us, &out, &exts)) {
            forwarded++;
        }
        heed(subscription, now_us, flags);
    }
    track->member->fwd->config.counters->rtp_forwarded += forwarded;
}

/* ---- From a publisher ------------------------------------------------------------------------ */

/* The layer's receiver for this SSRC. A new SSRC takes the layer over, as when a browser makes its
 * sender anew. NULL: the packet belongs to an SSRC that was replaced. */
static struct stream_receiver *receiver_of(struct track *track, int64_t now_us,
                                           const struct peer_rtp *rtp)
{
    size_t i = rtp->source.layer;
    struct layer *layer = &track->layers[i];
    if (track->receivers[i] != NULL && layer->ssrc == rtp->source.ssrc) {
        return track->receivers[i];
    }
    if (track->receivers[i] != NULL && !rtp->first && now_us - layer->last_us < SOURCE_STALE_US) {
        return NULL;
    }
    if (track->receivers[i] != NULL) {
        stream_receiver_free(track->receivers[i]);
    }
    struct stream_receiver_config config = {
        .kind = track->spec.kind,
        .layer = rtp->source.layer,
        .ssrc = rtp->source.ssrc,
        .payloads = track->spec.payloads,
        .payload_count = track->spec.payload_count,
        .audio_level_id = peer_exts(track->member->peer)->id[RTP_EXT_AUDIO_LEVEL],
    };
    track->receivers[i] = stream_receiver_new(&config, now_us);
    layer->ssrc = rtp->source.ssrc;
    layer->told = (struct told){0};
    track->member->live_at_us = MIN(track->member->live_at_us, now_us);
    return track->receivers[i];
}

/* Repair goes to the receiver that is there: what was lost of a replaced SSRC is not missed. */
MUST_CHECK static int receive(struct track *track, int64_t now_us, const struct peer_rtp *rtp,
                              const struct stream_packet **packet)
{
    if (rtp->source.repair) {
        struct stream_receiver *known = track->receivers[rtp->source.layer];
        return known == NULL ? ERR_NOT_FOUND
                             : stream_receiver_repair(known, now_us, &rtp->view, packet);
    }
    struct stream_receiver *receiver = receiver_of(track, now_us, rtp);
    if (receiver == NULL) {
        return ERR_STALE;
    }
    track->layers[rtp->source.layer].last_us = now_us;
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

static void take_packet(struct fwd_member *member, int64_t now_us, struct track *track,
                        const struct peer_rtp *rtp)
{
    size_t layer = rtp->source.layer;
    const struct stream_packet *packet;
    int err = receive(track, now_us, rtp, &packet);
    if (err != 0) {
        count_refusal(member->fwd->config.counters, rtp->source.repair, err);
    } else {
        if (!track->arrived) {
            track->arrived = true;
            room_event(member->fwd, member, FWD_MEDIA)->track = track->id;
        }
        fan_out(track, now_us, packet);
    }
    if (track->receivers[layer] == NULL) {
        return;
    }
    if (track->layers[layer].key_frame_wanted) {
        track->layers[layer].key_frame_wanted = false;
        stream_receiver_want_key_frame(track->receivers[layer], now_us);
    }
    media_ask(track, now_us, layer);
}

void fwd_rtp(struct fwd_member *member, int64_t now_us, const struct ice_path *path,
             const struct peer_datagram *in)
{
    struct peer_rtp rtp;
    if (peer_rtp(member->peer, now_us, path, in, &rtp) == 0) {
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
