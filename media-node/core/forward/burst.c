/* SPDX-License-Identifier: Apache-2.0
 *
 * What came and waits to be forwarded. The packets of a frame arrive together. Forwarded one by
 * one, each of them would walk through the state of all subscribers, which no cache holds if they
 * are many; so they wait until the shell asks for packets, and each subscriber gets all of a track
 * at once, a portion of subscribers at a time: what was made for them is sent while it is in the
 * cache, and is one burst of each.
 */
#include "media-node/core/forward/room.h"

#include <stdlib.h>

#define BURST_MAX 64 /* packets of all tracks */

struct waiting {
    struct track *track; /* NULL: it was forwarded */
    const struct stream_packet *packet;
    struct rtp_exts exts;
};

struct fwd_burst {
    struct waiting list[BURST_MAX];
    size_t first; /* those before it were forwarded */
    size_t count;
    bool full;
    /* the track whose turn it is */
    const struct waiting *turn[STREAM_BORROW_MAX];
    size_t turn_count; /* 0: none's */
    size_t done;       /* of its subscriptions, and then of its edges */
};

struct fwd_burst *fwd_burst_new(void)
{
    return mem_alloc(sizeof(struct fwd_burst));
}

void fwd_burst_free(struct fwd_burst *burst)
{
    free(burst);
}

bool fwd_burst_full(const struct fwd_burst *burst)
{
    return burst->full;
}

static void begin_turn(struct fwd_burst *burst, const struct track *track)
{
    assert(burst->turn_count == 0);
    for (size_t i = burst->first; i < burst->count; i++) {
        if (burst->list[i].track == track) {
            burst->turn[burst->turn_count++] = &burst->list[i];
        }
    }
    burst->done = 0;
}

static void end_turn(struct fwd_burst *burst, struct track *track)
{
    for (size_t i = burst->first; i < burst->count; i++) {
        if (burst->list[i].track == track) {
            burst->list[i].track = NULL;
        }
    }
    while (burst->first < burst->count && burst->list[burst->first].track == NULL) {
        burst->first++;
    }
    if (burst->first == burst->count) {
        burst->first = 0;
        burst->count = 0;
        burst->full = false;
    }
    track->waiting = 0;
    burst->turn_count = 0;
}

static void to_subscriber(const struct fwd_burst *burst, int64_t now_us,
                          struct subscription *subscription)
{
    uint64_t forwarded = 0;
    for (size_t i = 0; i < burst->turn_count; i++) {
        const struct waiting *waiting = burst->turn[i];
        forwarded += media_forward(subscription, now_us, waiting->packet, &waiting->exts);
    }
    subscription->member->fwd->config.counters->rtp_forwarded += forwarded;
}

static void hear_voices(const struct fwd_burst *burst, int64_t now_us, struct track *track)
{
    for (size_t i = 0; track->spec.kind == STREAM_AUDIO && i < burst->turn_count; i++) {
        if (!burst->turn[i]->packet->late) {
            voices_hear(track, now_us, &burst->turn[i]->exts);
        }
    }
}

static void to_node(const struct fwd_burst *burst, int64_t now_us, struct edge *edge)
{
    for (size_t i = 0; i < burst->turn_count; i++) {
        edge_forward(edge, now_us, burst->turn[i]->packet, &burst->turn[i]->exts);
    }
}

/* Forwards to subscribers, and then to nodes, until so many packets wait in the outbox: false if
 * that was not everybody. */
static bool go_on(struct fwd_burst *burst, int64_t now_us, struct track *track, size_t enough)
{
    size_t subscribers = track->subscription_count;
    while (burst->done < subscribers + track->edge_count) {
        if (outbox_waiting(track->fwd->config.outbox) >= enough) {
            return false;
        }
        size_t at = burst->done++;
        if (at < subscribers) {
            to_subscriber(burst, now_us, track->subscriptions[at]);
        } else {
            if (at == subscribers) {
                hear_voices(burst, now_us, track);
            }
            to_node(burst, now_us, track->edges[at - subscribers]);
        }
    }
    end_turn(burst, track);
    return true;
}

struct fwd *fwd_burst_send(struct fwd_burst *burst, int64_t now_us, size_t enough)
{
    if (burst->count == 0) {
        return NULL;
    }
    if (burst->turn_count == 0) {
        begin_turn(burst, burst->list[burst->first].track);
    }
    struct track *track = burst->turn[0]->track;
    struct fwd *fwd = track->fwd;
    (void)go_on(burst, now_us, track, enough);
    return fwd;
}

void burst_add(struct track *track, int64_t now_us, const struct stream_packet *packet)
{
    struct fwd_burst *burst = track->fwd->config.burst;
    assert(!burst->full);
    struct waiting *waiting = &burst->list[burst->count++];
    waiting->track = track;
    waiting->packet = packet;
    media_carry(&waiting->exts, packet);
    track->waiting++;
    burst->full = burst->count == BURST_MAX || track->waiting == STREAM_BORROW_MAX;
    if (track->awaited) {
        burst_finish(track, now_us);
    }
}

void burst_finish(struct track *track, int64_t now_us)
{
    struct fwd_burst *burst = track->fwd->config.burst;
    if (track->waiting > 0) {
        begin_turn(burst, track);
        bool all = go_on(burst, now_us, track, SIZE_MAX);
        assert(all);
    }
}
