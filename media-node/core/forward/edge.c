/* SPDX-License-Identifier: Apache-2.0
 *
 * A track on its way to one other node. Which layers flow follows from which are wanted behind it
 * and which are live; a layer that begins to flow asks for a key frame, one that is not wanted any
 * more stops at once.
 */
#include "media-node/core/forward/room.h"

#include <stdlib.h>
#include <utlist.h>

#define CREDIT_START 65536 /* bytes that may be sent again before anything was sent */
#define CREDIT_MAX   262144
#define LEAP         0x8000 /* numbers; so far on went only a source that began anew */

static struct edge *find_edge(const struct fwd *fwd, uint32_t id)
{
    struct edge *edge;
    HASH_FIND(hh, fwd->edges, &id, sizeof(id), edge);
    return edge;
}

/* ---- Which layers flow ----------------------------------------------------------------------- */

static uint8_t layers_wanted(const struct edge *edge, int64_t now_us)
{
    const struct track *track = edge->track;
    bool asked = edge->asked_us != INT64_MIN && now_us - edge->asked_us < FWD_ASKED_US;
    if (track->spec.muted || (edge->spec.backup && !asked)) {
        return 0;
    }
    size_t count = MIN(track->spec.published.layer_count, edge->spec.ssrc_count);
    return edge->spec.layers & (uint8_t)((1u << count) - 1);
}

/* The layer, or the next lower one that is live; -1 none. Before any was looked at, all may be. */
static int layer_sent(const struct track *track, int layer)
{
    while (layer >= 0 && track->spec.published.layer_count > 1 && track->live != 0 &&
           (track->live >> layer & 1) == 0) {
        layer--;
    }
    return layer;
}

static void want_inside(struct edge *edge, int layer, uint8_t temporal_max)
{
    struct stream_filter **filter = &edge->filters[layer];
    bool all = edge->spec.size_max == STREAM_SIZE_ALL && temporal_max == STREAM_RATE_ALL;
    if (*filter == NULL && !all && edge->track->spec.kind == STREAM_VIDEO) {
        *filter = stream_filter_new();
    }
    if (*filter != NULL) {
        stream_filter_want(*filter, edge->spec.size_max, temporal_max);
    }
}

/* Of a layer that stands in for others, what is wanted of any. */
static uint8_t choose_layers(struct edge *edge, int64_t now_us)
{
    uint8_t wanted = layers_wanted(edge, now_us);
    unsigned out = 0;
    uint8_t rates[STREAM_LAYERS_MAX] = {0};
    for (int layer = 0; layer < STREAM_LAYERS_MAX; layer++) {
        int sent = (wanted >> layer & 1) != 0 ? layer_sent(edge->track, layer) : -1;
        if (sent >= 0) {
            out |= 1u << sent;
            rates[sent] = MAX(rates[sent], edge->spec.temporal_max[layer]);
            want_inside(edge, sent, rates[sent]);
        }
    }
    return (uint8_t)out;
}

void edge_update(struct edge *edge, int64_t now_us)
{
    uint8_t before = edge->flowing;
    edge->flowing = choose_layers(edge, now_us);
    if (edge->flowing == 0) {
        voices_leave(edge);
    }
    for (int layer = 0; layer < STREAM_LAYERS_MAX; layer++) {
        bool was = (before >> layer & 1) != 0;
        bool is = (edge->flowing >> layer & 1) != 0;
        if (is && !was) {
            edge->sent[layer].resumed = true;
            if (edge->track->spec.kind == STREAM_VIDEO && !edge->spec.seamless) {
                media_want_key_frame(edge->track, now_us, layer);
            }
        }
    }
}

void edge_update_all(struct track *track, int64_t now_us)
{
    for (size_t i = 0; i < track->edge_count; i++) {
        edge_update(track->edges[i], now_us);
    }
}

/* ---- Edges as they should be ----------------------------------------------------------------- */

static struct bundle *join_bundle(struct fwd *fwd, struct relay *relay)
{
    struct bundle *bundle;
    DL_FOREACH(fwd->bundles, bundle)
    {
        if (bundle->relay == relay) {
            bundle->edge_count++;
            return bundle;
        }
    }
    bundle = mem_alloc(sizeof(*bundle));
    bundle->relay = relay;
    bundle->edge_count = 1;
    DL_APPEND(fwd->bundles, bundle);
    return bundle;
}

static void leave_bundle(struct fwd *fwd, struct bundle *bundle)
{
    if (--bundle->edge_count > 0) {
        return;
    }
    assert(bundle->voice_count == 0);
    DL_DELETE(fwd->bundles, bundle);
    free(bundle->voices);
    free(bundle);
}

static struct edge *add_edge(struct fwd *fwd, int64_t now_us, struct track *track,
                             const struct fwd_edge *spec)
{
    struct edge *edge = mem_alloc(sizeof(*edge));
    *edge = (struct edge){.id = spec->id,
                          .spec = *spec,
                          .track = track,
                          .asked_us = INT64_MIN,
                          .credit = CREDIT_START};
    for (size_t i = 0; i < spec->ssrc_count; i++) {
        edge->streams[i] = relay_open(spec->relay, spec->ssrcs[i], edge, (uint8_t)i);
    }
    if (track->edge_count == track->edge_capacity) {
        track->edge_capacity = MAX(4, track->edge_capacity * 2);
        track->edges = mem_grow(track->edges, track->edge_capacity, sizeof(struct edge *));
    }
    edge->track_place = track->edge_count++;
    track->edges[edge->track_place] = edge;
    edge->bundle = join_bundle(fwd, spec->relay);
    HASH_ADD(hh, fwd->edges, id, sizeof(edge->id), edge);
    track->clock_at_us = MIN(track->clock_at_us, now_us);
    return edge;
}

static bool same_edge(const struct fwd_edge *a, const struct fwd_edge *b)
{
    return a->track == b->track && a->relay == b->relay && a->ssrc_count == b->ssrc_count &&
           memcmp(a->ssrcs, b->ssrcs, a->ssrc_count * sizeof(a->ssrcs[0])) == 0;
}

void fwd_set_edge(struct fwd *fwd, int64_t now_us, const struct fwd_edge *spec)
{
    struct track *track;
    HASH_FIND(hh, fwd->tracks, &spec->track, sizeof(spec->track), track);
    assert(track != NULL && spec->ssrc_count >= 1 && spec->ssrc_count <= STREAM_LAYERS_MAX);
    struct edge *edge = find_edge(fwd, spec->id);
    if (edge != NULL && !same_edge(&edge->spec, spec)) {
        fwd_remove_edge(fwd, spec->id);
        edge = NULL;
    }
    if (edge == NULL) {
        edge = add_edge(fwd, now_us, track, spec);
    }
    edge->spec = *spec;
    edge_update(edge, now_us);
    room_settle_track(track, now_us);
}

void fwd_remove_edge(struct fwd *fwd, uint32_t id)
{
    struct edge *edge = find_edge(fwd, id);
    if (edge == NULL) {
        return;
    }
    struct track *track = edge->track;
    voices_leave(edge);
    for (size_t i = 0; i < edge->spec.ssrc_count; i++) {
        relay_close(edge->streams[i]);
    }
    struct edge *last = track->edges[--track->edge_count];
    track->edges[edge->track_place] = last;
    last->track_place = edge->track_place;
    if (track->edge_count == 0) {
        track->clock_at_us = TIME_NEVER;
    }
    leave_bundle(fwd, edge->bundle);
    HASH_DEL(fwd->edges, edge);
    for (size_t i = 0; i < STREAM_LAYERS_MAX; i++) {
        stream_filter_free(edge->filters[i]);
    }
    free(edge);
}

bool fwd_has_edge(const struct fwd *fwd, uint32_t id)
{
    return find_edge(fwd, id) != NULL;
}

uint32_t fwd_edge_track(const struct fwd *fwd, uint32_t id)
{
    const struct edge *edge = find_edge(fwd, id);
    assert(edge != NULL);
    return edge->track->id;
}

void fwd_get_edge(const struct fwd *fwd, uint32_t id, struct fwd_edge *out)
{
    const struct edge *edge = find_edge(fwd, id);
    assert(edge != NULL);
    *out = edge->spec;
}

void fwd_list_edges(const struct fwd *fwd, uint32_t *out)
{
    for (struct edge *edge = fwd->edges; edge != NULL; edge = edge->hh.next) {
        *out++ = edge->id;
    }
}

const struct fwd *fwd_relay_edge(const struct relay *relay, uint32_t ssrc, uint32_t *id)
{
    const struct relay_owner *from = relay_speaker(relay, ssrc);
    if (from == NULL) {
        return NULL;
    }
    const struct edge *edge = from->owner;
    *id = edge->id;
    return edge->track->fwd;
}

/* ---- Packets --------------------------------------------------------------------------------- */

static struct relay_packet packet_of(const struct edge *edge, const struct stream_packet *packet,
                                     const struct rtp_exts *exts)
{
    /* Where another node left the picture out, that is nothing, or VP8's descriptor. */
    const struct rtp_view *rtp = &packet->rtp;
    size_t len = rtp->payload.len > 0 ? rtp->payload.len : packet->vp8.len;
    return (struct relay_packet){.seq = packet->seq,
                                 .source = edge->track->layers[packet->layer].ssrc,
                                 .ts = rtp->ts,
                                 .pt = rtp->pt,
                                 .marker = rtp->marker,
                                 .exts = exts,
                                 .payload = {rtp->payload.data, len}};
}

/* What goes out instead of the packet as it came: its number alone, or another descriptor. */
struct reduced {
    struct rtp_exts exts;
    uint8_t descriptor[RTP_DEPENDENCY_LEN_MAX];
};

static void reduce(struct relay_packet *out, struct reduced *reduced,
                   const struct stream_packet *packet, const struct stream_passage *passage)
{
    if (passage->empty) {
        reduced->exts = (struct rtp_exts){0};
        out->marker = false;
        out->payload.len = packet->vp8.len;
        out->exts = &reduced->exts;
    } else if (passage->active != 0) {
        reduced->exts = *out->exts;
        media_put_active(&reduced->exts, packet, passage->active, reduced->descriptor);
        out->exts = &reduced->exts;
    }
}

/* False: late, of before an interruption. Otherwise the next packet of the layer, or one kept up
 * behind; numbers that were left out on purpose begin a run. */
static bool note_sent(struct edge *edge, const struct stream_packet *packet)
{
    size_t layer = packet->layer;
    uint32_t serial = edge->track->layers[layer].serial;
    bool anew = edge->sent[layer].serial != serial;
    uint64_t head = edge->sent[layer].head;
    bool resumed = edge->sent[layer].resumed;
    if (!anew && packet->seq <= head) {
        return !resumed;
    }
    if (anew || (resumed && packet->seq != head + 1) || packet->seq - head > LEAP) {
        relay_cut(edge->streams[layer]);
    }
    if (anew && edge->filters[layer] != NULL) {
        stream_filter_restart(edge->filters[layer]);
    }
    edge->sent[layer].serial = serial;
    edge->sent[layer].head = packet->seq;
    edge->sent[layer].resumed = false;
    return true;
}

/* Where empty packets do not show that one of several layers flows, nothing of it is left out. */
static struct stream_filter *filter_of(const struct edge *edge, const struct stream_packet *packet)
{
    bool whole = edge->spec.ssrc_count > 1 && packet->vp8.len == 0;
    return whole ? NULL : edge->filters[packet->layer];
}

/* False: nobody knows any more what went of a number so old. */
static bool pass_again(const struct edge *edge, const struct stream_packet *packet,
                       struct stream_passage *passage)
{
    const struct stream_filter *filter = filter_of(edge, packet);
    return filter == NULL || stream_filter_again(filter, packet, passage);
}

static bool pass(struct edge *edge, int64_t now_us, const struct stream_packet *packet,
                 struct stream_passage *passage)
{
    struct stream_filter *filter = filter_of(edge, packet);
    if (filter == NULL || packet->seq < edge->sent[packet->layer].head) {
        return pass_again(edge, packet, passage);
    }
    if (stream_filter_next(filter, packet, passage)) {
        media_want_key_frame(edge->track, now_us, packet->layer);
    }
    return true;
}

void edge_send(struct edge *edge, int64_t now_us, const struct stream_packet *packet,
               const struct rtp_exts *exts)
{
    struct counters *counters = edge->track->fwd->config.counters;
    struct relay_packet out = packet_of(edge, packet, exts);
    struct stream_passage passage = {0};
    struct reduced reduced;
    if (!note_sent(edge, packet) || !pass(edge, now_us, packet, &passage)) {
        return;
    }
    reduce(&out, &reduced, packet, &passage);
    if (relay_send(edge->streams[packet->layer], now_us, &out, false)) {
        counters->relay_out++;
        counters->relay_emptied += passage.empty;
        edge->credit = MIN(edge->credit + (int64_t)out.payload.len / 2, CREDIT_MAX);
    }
}

void edge_forward(struct edge *edge, int64_t now_us, const struct stream_packet *packet,
                  const struct rtp_exts *exts)
{
    if (edge->spec.backup && edge->flowing != 0) {
        edge_update(edge, now_us); /* nobody asks any more? */
    }
    if ((edge->flowing >> packet->layer & 1) == 0) {
        return;
    }
    bool goes = edge->track->spec.kind == STREAM_VIDEO ? !edge_waits(edge, now_us, packet)
                                                       : voices_admit(edge, now_us, packet);
    if (goes) {
        edge_send(edge, now_us, packet, exts);
    }
}

/* ---- Requests of the far end ----------------------------------------------------------------- */

/* A packet that came here less than a round trip ago, itself repaired, is on its way: who asks for
 * it could not have seen it yet. */
static bool on_its_way(const struct edge *edge, int64_t now_us, const struct stream_packet *packet)
{
    return now_us - packet->arrival_us < relay_rtt_us(edge->spec.relay) * 3 / 4;
}

void edge_resend(struct edge *edge, int64_t now_us, size_t layer, uint16_t number)
{
    struct track *track = edge->track;
    struct counters *counters = track->fwd->config.counters;
    const struct stream_receiver *receiver = track->receivers[layer];
    const struct stream_packet *packet = NULL;
    struct stream_passage passage = {0};
    uint64_t seq;
    bool same = receiver != NULL && edge->sent[layer].serial == track->layers[layer].serial;
    if (same && relay_seq(edge->streams[layer], number, &seq)) {
        packet = stream_receiver_find(receiver, seq);
    }
    if (packet == NULL || on_its_way(edge, now_us, packet) ||
        edge->credit < (int64_t)packet->rtp.payload.len || !pass_again(edge, packet, &passage)) {
        counters->drop_relay_resend++;
        return;
    }
    struct rtp_exts exts;
    struct reduced reduced;
    rtp_exts_read(&exts, &packet->rtp, &relay_ext_ids);
    struct relay_packet out = packet_of(edge, packet, &exts);
    reduce(&out, &reduced, packet, &passage);
    if (relay_send(edge->streams[layer], now_us, &out, true)) {
        counters->relay_resent++;
        edge->credit -= (int64_t)out.payload.len;
    }
}

void edge_want_key_frame(struct edge *edge, int64_t now_us, size_t layer)
{
    edge->track->fwd->config.counters->relay_plis_in++;
    if ((edge->flowing >> layer & 1) != 0 && edge->track->spec.kind == STREAM_VIDEO) {
        media_want_key_frame(edge->track, now_us, (int)layer);
    }
}

/* The publisher's own clock, so that it means the same behind any number of nodes. */
void edge_clock(struct edge *edge, uint8_t layers)
{
    struct rtcp_writer writer;
    uint32_t ssrc;
    uint8_t due = 0;
    for (size_t i = 0; i < edge->spec.ssrc_count; i++) {
        bool known = edge->track->layers[i].clock_known;
        due = (uint8_t)(due | (known ? edge->flowing & layers & 1u << i : 0u));
    }
    if (due == 0 || !relay_rtcp_begin(edge->spec.relay, &writer, &ssrc)) {
        return;
    }
    for (size_t i = 0; i < edge->spec.ssrc_count; i++) {
        if ((due >> i & 1) != 0) {
            int err =
                rtcp_write_sr(&writer, edge->spec.ssrcs[i], &edge->track->layers[i].clock, NULL, 0);
            assert(err == 0);
        }
    }
    relay_rtcp_end(edge->spec.relay, &writer);
}
