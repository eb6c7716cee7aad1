/* SPDX-License-Identifier: Apache-2.0
 *
 * The loudest voices over one trunk, by the levels publishers write into their packets (RFC 6464).
 *
 *   A voice flows from the packet that makes it one of the loudest: what its publisher sent in
 *   VOICE_BEFORE_US before goes ahead of it, so that no first syllable is cut. Its score follows
 *   its level upwards at once and falls by VOICE_FALL a second, so that a pause for breath costs it
 *   nothing. It gives way only to one that is VOICE_MARGIN louder, and not before VOICE_HOLD_US.
 *   Where there is room, everybody flows. Tracks without levels always do, and do not count.
 */
#include "media-node/core/forward/room.h"

#include <stdlib.h>

#define VOICE_BEFORE_US  TIME_MS(100)
#define VOICE_BEFORE_MAX 16 /* packets */
#define VOICE_HOLD_US    TIME_MS(500)
#define VOICE_FALL       40 /* dB a second */
#define VOICE_MARGIN     (3 * VOICE_UNIT)
#define VOICE_LOUD       ((127 - 60) * VOICE_UNIT) /* softer is no voice that could claim a place */

static int32_t score_at(const struct voice *voice, int64_t now_us)
{
    int64_t fallen = (now_us - voice->scored_us) * VOICE_FALL * VOICE_UNIT / 1000000;
    return (int32_t)MAX(voice->score - fallen, 0);
}

void voices_hear(struct track *track, int64_t now_us, const struct rtp_exts *exts)
{
    struct bytes value = exts->value[RTP_EXT_AUDIO_LEVEL];
    struct voice *voice = &track->voice;
    if (value.data == NULL) {
        return;
    }
    int32_t level = (127 - rtp_audio_level_dbov(value)) * VOICE_UNIT;
    *voice = (struct voice){
        .known = true, .score = MAX(level, score_at(voice, now_us)), .scored_us = now_us};
}

static void enter(struct edge *edge, int64_t now_us)
{
    struct bundle *bundle = edge->bundle;
    if (bundle->voice_count == bundle->voice_capacity) {
        bundle->voice_capacity = MAX(4, bundle->voice_capacity * 2);
        bundle->voices = mem_grow(bundle->voices, bundle->voice_capacity, sizeof(struct edge *));
    }
    edge->admitted = true;
    edge->admitted_us = now_us;
    edge->voice_place = bundle->voice_count++;
    bundle->voices[edge->voice_place] = edge;
}

void voices_leave(struct edge *edge)
{
    struct bundle *bundle = edge->bundle;
    if (!edge->admitted) {
        return;
    }
    struct edge *last = bundle->voices[--bundle->voice_count];
    bundle->voices[edge->voice_place] = last;
    last->voice_place = edge->voice_place;
    edge->admitted = false;
    edge->sent[0].resumed = true;
}

/* The packets that came just before this one and were not sent, oldest first. */
static void send_before(struct edge *edge, int64_t now_us, const struct stream_packet *packet)
{
    const struct track *track = edge->track;
    const struct stream_packet *before[VOICE_BEFORE_MAX];
    size_t count = 0;
    bool same = edge->sent[0].serial == track->layers[0].serial;
    for (uint64_t back = 1; back <= VOICE_BEFORE_MAX; back++) {
        uint64_t seq = packet->seq - back;
        const struct stream_packet *found = stream_receiver_find(track->receivers[0], seq);
        if ((same && seq <= edge->sent[0].head) ||
            (found != NULL && now_us - found->arrival_us > VOICE_BEFORE_US)) {
            break;
        }
        if (found != NULL) {
            before[count++] = found;
        }
    }
    while (count > 0) {
        struct rtp_exts exts;
        const struct stream_packet *next = before[--count];
        rtp_exts_read(&exts, &next->rtp, &relay_ext_ids);
        edge_send(edge, now_us, next, &exts);
    }
}

/* The one that would be missed least, of those whose time of grace is over; NULL: none. */
static struct edge *weakest(const struct bundle *bundle, int64_t now_us, int32_t *score)
{
    struct edge *found = NULL;
    for (size_t i = 0; i < bundle->voice_count; i++) {
        struct edge *edge = bundle->voices[i];
        int32_t its = score_at(&edge->track->voice, now_us);
        if (now_us - edge->admitted_us >= VOICE_HOLD_US && (found == NULL || its < *score)) {
            found = edge;
            *score = its;
        }
    }
    return found;
}

bool voices_admit(struct edge *edge, int64_t now_us, const struct stream_packet *packet)
{
    const struct voice *voice = &edge->track->voice;
    uint32_t loudest = edge->track->fwd->loudest;
    if (loudest == 0 || !voice->known || edge->admitted) {
        return true;
    }
    if (packet->late) {
        return false;
    }
    int32_t score = score_at(voice, now_us);
    if (edge->bundle->voice_count >= loudest) {
        int32_t lowest = 0;
        struct edge *other = weakest(edge->bundle, now_us, &lowest);
        if (other == NULL || score < VOICE_LOUD || score < lowest + VOICE_MARGIN) {
            edge->sent[0].resumed = true;
            return false;
        }
        voices_leave(other);
        edge->track->fwd->config.counters->relay_admitted++;
    }
    enter(edge, now_us);
    send_before(edge, now_us, packet);
    return true;
}

void fwd_set_loudest(struct fwd *fwd, uint32_t loudest)
{
    if (fwd->loudest == loudest) {
        return;
    }
    fwd->loudest = loudest;
    for (struct edge *edge = fwd->edges; edge != NULL; edge = edge->hh.next) {
        voices_leave(edge);
    }
}
