/* SPDX-License-Identifier: Apache-2.0
 *
 * Tracks that come from other nodes. All origins of a track, its member among them, feed the same
 * receivers, which take each packet once: so a track goes over from one to another without a gap.
 * What is missing is asked for at one of them that is alive: the member, else the first upstream
 * heard, backups last.
 */
#include "media-node/core/forward/room.h"

#include <stdlib.h>

#define NAME_WANT       0x57414e54u  /* "WANT": a backup is to send on the SSRCs that follow */
#define BACKUP_LOOK_US  TIME_MS(100) /* between looks at whether backups are needed */
#define BACKUP_AGAIN_US TIME_MS(300) /* between requests to them */

/* ---- Upstreams as they should be ------------------------------------------------------------- */

static bool same_upstream(const struct fwd_upstream *a, const struct fwd_upstream *b)
{
    return a->relay == b->relay && a->ssrc_count == b->ssrc_count &&
           memcmp(a->ssrcs, b->ssrcs, a->ssrc_count * sizeof(a->ssrcs[0])) == 0;
}

static void free_origin(struct origin *origin)
{
    for (size_t i = 0; i < STREAM_LAYERS_MAX; i++) {
        if (origin->sources[i] != NULL) {
            relay_unlisten(origin->sources[i]);
        }
    }
    free(origin);
}

/* The one that is there already; NULL: none. It leaves the list. */
static struct origin *take_known(struct track *track, const struct fwd_upstream *spec)
{
    for (size_t i = 0; i < track->origin_count; i++) {
        struct origin *origin = track->origins[i];
        if (origin != NULL && same_upstream(&origin->spec, spec)) {
            track->origins[i] = NULL;
            return origin;
        }
    }
    return NULL;
}

static struct origin *make(struct track *track, int64_t now_us, const struct fwd_upstream *spec)
{
    struct origin *origin = mem_alloc(sizeof(*origin));
    *origin =
        (struct origin){.track = track, .spec = *spec, .made_us = now_us, .heard_us = INT64_MIN};
    for (size_t i = 0; i < spec->ssrc_count; i++) {
        origin->sources[i] = relay_listen(spec->relay, spec->ssrcs[i], origin, (uint8_t)i);
    }
    return origin;
}

void origin_set_all(struct track *track, int64_t now_us)
{
    struct origin *origins[FWD_UPSTREAMS_MAX] = {NULL};
    const struct fwd_track *spec = &track->spec;
    assert(spec->upstream_count <= FWD_UPSTREAMS_MAX);
    for (size_t i = 0; i < spec->upstream_count; i++) {
        origins[i] = take_known(track, &spec->upstreams[i]);
    }
    origin_drop_all(track);
    track->backup_at_us = TIME_NEVER;
    for (size_t i = 0; i < spec->upstream_count; i++) {
        if (origins[i] == NULL) {
            origins[i] = make(track, now_us, &spec->upstreams[i]);
        }
        origins[i]->spec.backup = spec->upstreams[i].backup;
        if (origins[i]->spec.backup) {
            track->backup_at_us = now_us;
        }
        track->origins[i] = origins[i];
    }
    track->origin_count = spec->upstream_count;
}

void origin_drop_all(struct track *track)
{
    for (size_t i = 0; i < track->origin_count; i++) {
        if (track->origins[i] != NULL) {
            free_origin(track->origins[i]);
        }
        track->origins[i] = NULL;
    }
    track->origin_count = 0;
}

const struct fwd *fwd_relay_track(const struct relay *relay, uint32_t ssrc, uint32_t *track)
{
    const struct relay_owner *to = relay_listener(relay, ssrc);
    if (to == NULL) {
        return NULL;
    }
    const struct origin *origin = to->owner;
    *track = origin->track->id;
    return origin->track->fwd;
}

/* ---- Whom to ask ----------------------------------------------------------------------------- */

static bool recently(int64_t then_us, int64_t now_us)
{
    return then_us != INT64_MIN && now_us - then_us < FWD_ALIVE_US;
}

/* The first that was heard, or whose trunk was, among backups or among the others. */
static struct origin *first_of(const struct track *track, int64_t now_us, bool backup, bool media)
{
    for (size_t i = 0; i < track->origin_count; i++) {
        struct origin *origin = track->origins[i];
        int64_t heard_us = relay_heard_us(origin->spec.relay);
        int64_t at_us = media ? origin->heard_us : heard_us < 0 ? INT64_MIN : heard_us;
        if (origin->spec.backup == backup && recently(at_us, now_us)) {
            return origin;
        }
    }
    return NULL;
}

struct origin *origin_of(const struct track *track, int64_t now_us)
{
    bool local = track->member != NULL && recently(track->local_us, now_us);
    if (track->origin_count == 0 || local) {
        return NULL;
    }
    struct origin *origin = first_of(track, now_us, false, true);
    origin = origin == NULL ? first_of(track, now_us, true, true) : origin;
    if (origin == NULL && track->member == NULL) {
        origin = first_of(track, now_us, false, false);
        origin = origin == NULL ? track->origins[0] : origin;
    }
    return origin;
}

void origin_ask(struct origin *origin, size_t layer, const struct stream_request *request)
{
    struct counters *counters = origin->track->fwd->config.counters;
    struct rtcp_writer writer;
    uint32_t ssrc;
    if (layer >= origin->spec.ssrc_count || !relay_rtcp_begin(origin->spec.relay, &writer, &ssrc)) {
        return;
    }
    const struct rtcp_feedback about = {.sender_ssrc = ssrc,
                                        .media_ssrc = origin->spec.ssrcs[layer]};
    int err = 0;
    if (request->nack_count > 0) {
        err = rtcp_write_nack(&writer, about, request->nack, request->nack_count);
        counters->relay_nacks_sent += request->nack_count;
    }
    if (err == 0 && request->key_frame) {
        err = rtcp_write_pli(&writer, about);
        counters->relay_plis_sent++;
    }
    assert(err == 0);
    relay_rtcp_end(origin->spec.relay, &writer);
}

/* ---- Backups --------------------------------------------------------------------------------- */

static bool trunk_lives(const struct origin *origin, int64_t now_us)
{
    int64_t heard_us = MAX(relay_heard_us(origin->spec.relay), origin->made_us);
    return now_us - heard_us < FWD_BACKUP_US;
}

static bool needs_backup(const struct track *track, int64_t now_us)
{
    bool others = track->member != NULL && recently(track->local_us, now_us);
    for (size_t i = 0; i < track->origin_count; i++) {
        const struct origin *origin = track->origins[i];
        others = others || (!origin->spec.backup && trunk_lives(origin, now_us));
    }
    return !others;
}

static void want(const struct origin *origin)
{
    uint8_t ssrcs[4 * STREAM_LAYERS_MAX];
    struct rtcp_writer writer;
    uint32_t sender;
    if (!relay_rtcp_begin(origin->spec.relay, &writer, &sender)) {
        return;
    }
    for (size_t i = 0; i < origin->spec.ssrc_count; i++) {
        be32_put(ssrcs + 4 * i, origin->spec.ssrcs[i]);
    }
    const struct rtcp_app app = {
        .ssrc = sender, .name = NAME_WANT, .data = {ssrcs, 4 * origin->spec.ssrc_count}};
    int err = rtcp_write_app(&writer, &app);
    assert(err == 0);
    relay_rtcp_end(origin->spec.relay, &writer);
}

void origin_want_backups(struct track *track, int64_t now_us)
{
    bool needed = needs_backup(track, now_us);
    for (size_t i = 0; needed && i < track->origin_count; i++) {
        if (track->origins[i]->spec.backup) {
            want(track->origins[i]);
        }
    }
    track->backup_at_us = now_us + (needed ? BACKUP_AGAIN_US : BACKUP_LOOK_US);
}

/* ---- Input ----------------------------------------------------------------------------------- */

/* Whether only this origin feeds the track now: then what it says of its numbers is certain. */
static bool alone(const struct origin *origin, int64_t now_us)
{
    const struct track *track = origin->track;
    bool others = recently(track->local_us, now_us);
    for (size_t i = 0; i < track->origin_count; i++) {
        others = others ||
                 (track->origins[i] != origin && recently(track->origins[i]->heard_us, now_us));
    }
    return !others;
}

MUST_CHECK static int receive(struct origin *origin, int64_t now_us, const struct relay_rtp *rtp,
                              const struct stream_packet **packet)
{
    struct track *track = origin->track;
    size_t i = rtp->to.layer;
    struct layer *layer = &track->layers[i];
    if (i >= track->spec.published.layer_count) {
        return ERR_NOT_FOUND;
    }
    bool first = rtp->view.ssrc != layer->previous;
    struct stream_receiver *receiver = media_receiver(track, now_us, i, rtp->view.ssrc, first);
    if (receiver == NULL) {
        return ERR_STALE;
    }
    if (rtp->cut) {
        stream_receiver_leap(receiver, alone(origin, now_us));
    }
    layer->last_us = now_us;
    return stream_receiver_media(receiver, now_us, &rtp->view, packet);
}

/* Receivers' deadlines stand on the member's entry, if there is one. */
static void settle(struct track *track, int64_t now_us)
{
    if (track->member != NULL) {
        room_settle(track->member, now_us);
    }
    room_settle_track(track, now_us);
}

struct fwd *fwd_relayed(int64_t now_us, const struct relay_rtp *rtp)
{
    struct origin *origin = rtp->to.owner;
    struct track *track = origin->track;
    struct counters *counters = track->fwd->config.counters;
    const struct stream_packet *packet;
    int err = receive(origin, now_us, rtp, &packet);
    origin->heard_us = now_us;
    if (err == 0) {
        burst_add(track, now_us, packet);
    } else if (err == ERR_REPLAY) {
        counters->relay_spare++;
    } else {
        counters->drop_trunk_stream++;
    }
    media_follow_up(track, now_us, rtp->to.layer);
    settle(track, now_us);
    return track->fwd;
}

static struct fwd *on_clock(struct relay *relay, int64_t now_us, const struct rtcp_packet *packet)
{
    const struct relay_owner *to = relay_listener(relay, packet->ssrc);
    struct rtcp_sr sr;
    if (to == NULL || rtcp_read_sr(packet, &sr) != 0) {
        return NULL;
    }
    const struct origin *origin = to->owner;
    if (origin->track->receivers[to->layer] != NULL) {
        media_clock(origin->track, now_us, to->layer, &sr);
    }
    settle(origin->track, now_us);
    return origin->track->fwd;
}

static struct edge *edge_at(const struct relay *relay, uint32_t ssrc, size_t *layer)
{
    const struct relay_owner *from = relay_speaker(relay, ssrc);
    if (from == NULL) {
        return NULL;
    }
    *layer = from->layer;
    return from->owner;
}

/* Requests of the far end of an edge. */
static struct fwd *on_request(struct relay *relay, int64_t now_us, const struct rtcp_packet *packet)
{
    uint32_t ssrc;
    uint16_t seqs[FWD_NACK_MAX];
    size_t layer;
    struct edge *edge =
        rtcp_read_media_ssrc(packet, &ssrc) == 0 ? edge_at(relay, ssrc, &layer) : NULL;
    if (edge == NULL) {
        return NULL;
    }
    if (rtcp_is(packet, RTCP_RTPFB, RTCP_NACK)) {
        int count = rtcp_read_nack(packet, seqs, FWD_NACK_MAX);
        for (int i = 0; i < count; i++) {
            edge_resend(edge, now_us, layer, seqs[i]);
        }
    } else if (rtcp_is(packet, RTCP_PSFB, RTCP_PLI)) {
        edge_want_key_frame(edge, now_us, layer);
    }
    settle(edge->track, now_us);
    return edge->track->fwd;
}

static struct fwd *on_want(struct relay *relay, int64_t now_us, const struct rtcp_packet *packet)
{
    uint32_t name;
    struct bytes data;
    size_t layer;
    if (rtcp_read_app(packet, &name, &data) != 0 || name != NAME_WANT || data.len < 4) {
        return NULL;
    }
    struct edge *edge = edge_at(relay, be32_get(data.data), &layer);
    if (edge == NULL) {
        return NULL;
    }
    edge->asked_us = now_us;
    edge_update(edge, now_us);
    settle(edge->track, now_us);
    return edge->track->fwd;
}

struct fwd *fwd_relayed_rtcp(struct relay *relay, int64_t now_us, const struct rtcp_packet *packet)
{
    switch (packet->type) {
    case RTCP_SR:
        return on_clock(relay, now_us, packet);
    case RTCP_RTPFB:
    case RTCP_PSFB:
        return on_request(relay, now_us, packet);
    case RTCP_APP:
        return on_want(relay, now_us, packet);
    default:
        return NULL;
    }
}
