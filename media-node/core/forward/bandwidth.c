/* SPDX-License-Identifier: Apache-2.0
 *
 * No more to a member than its network takes: an estimate (core/bwe) of what transport-cc feedback
 * tells, or REMB and receiver reports of a client that agreed on no transport-cc; video that waits
 * for its turn (core/pacer), and layers that fit (core/allocator).
 *
 * What a member is sent goes through these times:
 *
 *   silent    nothing numbered was sent yet, or only before it went over to another node.
 *   begun     until the first feedback the estimate is what it starts with: 300 kbit/s, or what the
 *             node before this one estimated. No video is paused, each gets a layer. A client that
 *             sends no feedback for UNHEARD_US is not limited: nothing is known of its network.
 *             libwebrtc gives no REMB in its first 5 s: it has UNHEARD_REMB_US.
 *   heard     layers follow the estimate; after SETTLE_US of that, video may be paused, if even the
 *             lowest layers have been too much for PAUSE_US, or twice too much for PAUSE_SOON_US:
 *             an estimate that falls for a moment is no reason to take a picture away. Never if so
 *             little was sent that the estimate says nothing.
 *
 * Where so little is estimated that what is sent until lower layers' key frames come would fill the
 * queue on the way, the higher ones are left at once: what waits in that queue is shown meanwhile,
 * and the key frames find it empty.
 *
 * A member that is handed over keeps the layers it has for SETTLE_US: what was measured of tracks
 * begins anew here.
 *
 * Left out: clients that agreed on neither are not limited, whatever their receiver reports say;
 * the size of a picture, of which the layer that is asked for tells enough.
 */
#include "media-node/core/forward/room.h"

#include "media-node/core/pacer/pacer.h"

#include <stdlib.h>

#define UNHEARD_US      TIME_S(1)
#define UNHEARD_REMB_US TIME_S(8)
#define SETTLE_US       TIME_S(1)
#define PAUSE_US        TIME_S(2)
#define PAUSE_SOON_US   TIME_S(1) /* longer than aimd.c needs to see that what arrives is there */
#define REMB_WAITS      2 /* times as long: it rises by 8 % a second, and tells once in one */
#define ALLOCATE_US     TIME_S(1) /* at the latest, for bitrates change too */
#define LEAVE_PERCENT   90        /* of what is sent is estimated: higher layers are left at once */
#define CHANGE_PERCENT  3         /* of the estimate: allocate anew at once */
#define WANTED_BPS_MIN  1000000   /* while any video is watched */

struct bandwidth {
    struct bwe *bwe;
    struct pacer pacer;
    int64_t begun_us;    /* TIME_NEVER: silent */
    int64_t heard_us;    /* first feedback; TIME_NEVER: none */
    int64_t keep_us;     /* layers stay as they are until then */
    int64_t short_us;    /* since then even the lowest layers are too much; TIME_NEVER: they fit */
    int64_t allocate_us; /* next allocation */
    uint32_t allocated_bps;
    uint64_t chosen_bps; /* what was allocated takes */
    uint32_t *paused;    /* subscriptions, as told last */
    size_t paused_count;
    bool told;         /* anything ever */
    bool transport_cc; /* of any subscription so far; else all agreed on REMB alone */
};

static struct bwe *new_bwe(const struct fwd_member *member, int64_t now_us, bool transport_cc)
{
    const struct bwe_config config = {.transport_cc = transport_cc, .start_bps = member->start_bps};
    return bwe_new(&config, now_us);
}

void bandwidth_begin(struct fwd_member *member, int64_t now_us, bool transport_cc)
{
    struct bandwidth *bandwidth = member->bandwidth;
    if (bandwidth != NULL) {
        if (transport_cc && !bandwidth->transport_cc) {
            bandwidth_flush(member, now_us);
            bandwidth->transport_cc = true;
            bandwidth_restart(member, now_us);
        }
        return;
    }
    if (!member->fwd->config.congestion_control) {
        return;
    }
    bandwidth = mem_alloc(sizeof(*bandwidth));
    bandwidth->transport_cc = transport_cc;
    bandwidth->bwe = new_bwe(member, now_us, transport_cc);
    bandwidth->begun_us = TIME_NEVER;
    bandwidth->heard_us = TIME_NEVER;
    bandwidth->keep_us = now_us;
    bandwidth->short_us = TIME_NEVER;
    bandwidth->allocate_us = TIME_NEVER;
    member->bandwidth = bandwidth;
}

void bandwidth_free(struct fwd_member *member)
{
    struct bandwidth *bandwidth = member->bandwidth;
    if (bandwidth == NULL) {
        return;
    }
    bwe_free(bandwidth->bwe);
    pacer_fini(&bandwidth->pacer);
    free(bandwidth->paused);
    free(bandwidth);
    member->bandwidth = NULL;
}

bool bandwidth_waits(const struct fwd_member *member)
{
    return member->bandwidth != NULL && member->bandwidth->pacer.count > 0;
}

void bandwidth_trim(struct fwd_member *member, int64_t now_us)
{
    if (member->bandwidth != NULL) {
        pacer_trim(&member->bandwidth->pacer, now_us);
    }
}

void bandwidth_restart(struct fwd_member *member, int64_t now_us)
{
    struct bandwidth *bandwidth = member->bandwidth;
    if (bandwidth == NULL) {
        return;
    }
    bwe_free(bandwidth->bwe);
    pacer_fini(&bandwidth->pacer);
    bandwidth->pacer = (struct pacer){0};
    bandwidth->bwe = new_bwe(member, now_us, bandwidth->transport_cc);
    bandwidth->begun_us = TIME_NEVER;
    bandwidth->heard_us = TIME_NEVER;
    bandwidth->keep_us = now_us + SETTLE_US;
    bandwidth->short_us = TIME_NEVER;
    bandwidth_soon(member, now_us);
}

uint32_t bandwidth_bps(const struct fwd_member *member)
{
    const struct bandwidth *bandwidth = member->bandwidth;
    bool known = bandwidth != NULL && bandwidth->heard_us != TIME_NEVER;
    return known ? bwe_estimate(bandwidth->bwe).target_bps : 0;
}

int64_t bandwidth_reached(const struct fwd_member *member)
{
    const struct bandwidth *bandwidth = member->bandwidth;
    return bandwidth != NULL ? bwe_estimate(bandwidth->bwe).reached_us : 0;
}

bool bandwidth_arrived(const struct fwd_member *member, uint16_t number)
{
    return bwe_arrived(member->bandwidth->bwe, number);
}

/* ---- What leaves ----------------------------------------------------------------------------- */

void bandwidth_sent(struct bandwidth *bandwidth, int64_t now_us, const struct peer_sent *sent,
                    bool untaken)
{
    if (bandwidth->transport_cc && !sent->numbered) {
        return; /* nothing will be told of it */
    }
    const struct bwe_packet packet = {.seq = sent->seq,
                                      .size = sent->size,
                                      .probe = pacer_sent(&bandwidth->pacer, now_us, sent->size),
                                      .untaken = untaken};
    bwe_sent(bandwidth->bwe, now_us, &packet);
    bandwidth->begun_us = MIN(bandwidth->begun_us, now_us);
}

static void send_item(struct fwd_member *member, int64_t now_us, const struct pacer_item *item)
{
    struct subscription *subscription;
    HASH_FIND(hh, member->fwd->subscriptions, &item->stream, sizeof(item->stream), subscription);
    struct stream_out out;
    if (subscription != NULL && stream_sender_recall(subscription->sender, item->index,
                                                     subscription->track->receivers, &out) == 0) {
        (void)media_send(subscription, now_us, &out);
    } else {
        member->fwd->config.counters->drop_paced++;
    }
}

bool bandwidth_holds(struct subscription *subscription, int64_t now_us,
                     const struct stream_out *out)
{
    struct fwd_member *member = subscription->member;
    struct pacer *pacer = &member->bandwidth->pacer;
    if (subscription->track->spec.kind != STREAM_VIDEO || !pacer_holds(pacer, now_us)) {
        return false;
    }
    const struct pacer_item item = {.index = out->index, .stream = subscription->id};
    struct pacer_item oldest;
    bool first = pacer->count == 0;
    if (pacer_push(pacer, item, &oldest)) {
        send_item(member, now_us, &oldest);
    }
    member->fwd->config.counters->paced++;
    if (first) {
        room_due(member, now_us, pacer_deadline(pacer));
    }
    return true;
}

void bandwidth_flush(struct fwd_member *member, int64_t now_us)
{
    struct pacer_item item;
    while (member->bandwidth != NULL && pacer_take(&member->bandwidth->pacer, &item)) {
        send_item(member, now_us, &item);
    }
}

void bandwidth_forget(const struct subscription *subscription)
{
    if (subscription->member->bandwidth != NULL) {
        pacer_forget(&subscription->member->bandwidth->pacer, subscription->id);
    }
}

void bandwidth_drop(struct fwd_member *member)
{
    struct pacer_item item;
    while (member->bandwidth != NULL && pacer_take(&member->bandwidth->pacer, &item)) {
        member->fwd->config.counters->drop_paced++;
    }
}

static bool flows(const struct subscription *subscription)
{
    return subscription->media.started && !subscription->untaken;
}

/* On a stream that has begun, if there is one: its receiver knows what to make of its RTX. NULL:
 * there is no RTX. */
static struct subscription *to_be_padded(const struct fwd_member *member)
{
    struct subscription *found = NULL;
    for (size_t i = 0; i < member->subscription_count; i++) {
        struct subscription *subscription = member->subscriptions[i];
        bool fits = subscription->track->spec.kind == STREAM_VIDEO &&
                    subscription->spec.rtx_ssrc != 0 &&
                    subscription->spec.transport_cc == member->bandwidth->transport_cc;
        if (fits && (found == NULL || (!flows(found) && flows(subscription)))) {
            found = subscription;
        }
    }
    return found;
}

static bool send_padding(struct fwd_member *member, int64_t now_us)
{
    struct subscription *found = to_be_padded(member);
    struct stream_out out;
    return found != NULL && stream_sender_pad(found->sender, &out) == 0 &&
           media_send(found, now_us, &out);
}

/* Whether something went out. */
static bool send_of_train(struct fwd_member *member, int64_t now_us)
{
    struct pacer_item item;
    if (pacer_take(&member->bandwidth->pacer, &item)) {
        send_item(member, now_us, &item);
        return true;
    }
    return send_padding(member, now_us);
}

static void send_due(struct fwd_member *member, int64_t now_us)
{
    struct bandwidth *bandwidth = member->bandwidth;
    struct pacer *pacer = &bandwidth->pacer;
    struct pacer_item item;
    struct bwe_probe probe;
    while (pacer->train.probe.id != 0 || bwe_poll(bandwidth->bwe, &probe)) {
        if (pacer->train.probe.id == 0) {
            pacer_probe(pacer, now_us, &probe);
            member->fwd->config.counters->trains_sent++;
        }
        while (pacer_train_due(pacer, now_us)) {
            if (!send_of_train(member, now_us)) {
                pacer->train.probe.id = 0; /* nothing to fill it with: the estimator sees that */
            }
        }
        if (pacer->train.probe.id != 0) {
            return; /* the rest of it later */
        }
    }
    while (pacer_pop(pacer, now_us, &item)) {
        send_item(member, now_us, &item);
    }
}

/* ---- What fits ------------------------------------------------------------------------------- */

/* What can be sent: its shares are in fwd's scratch. */
struct offers {
    size_t count;
    size_t videos;
    uint64_t sound_bps;
};

static struct offers collect(struct fwd_member *member, int64_t now_us)
{
    struct fwd *fwd = member->fwd;
    struct offers offers = {0};
    fwd->shares =
        mem_grow(fwd->shares, member->subscription_count, sizeof(struct allocator_track *));
    for (size_t i = 0; i < member->subscription_count; i++) {
        struct subscription *subscription = member->subscriptions[i];
        struct allocator_track *share = &subscription->share;
        if (shares_describe(subscription, now_us)) {
            fwd->shares[offers.count++] = share;
            offers.videos += !share->audio;
            offers.sound_bps += share->audio ? share->bps[0][0] : 0;
        } else {
            share->choice = (struct allocator_choice){0};
            subscription->limit.paused = false;
        }
    }
    return offers;
}

static struct subscription *subscription_of(struct allocator_track *share)
{
    return (struct subscription *)((char *)share - offsetof(struct subscription, share));
}

/* What higher layers, which are sent until the key frames of the chosen ones come, take above
 * these. */
static uint64_t above_bps(struct allocator_track **shares, size_t count)
{
    uint64_t sum = 0;
    for (size_t i = 0; i < count; i++) {
        const struct allocator_track *share = shares[i];
        const struct subscription *subscription = subscription_of(shares[i]);
        int layer = stream_sender_layer(subscription->sender);
        if (!share->audio && !shares_one_stream(subscription->track) &&
            layer > share->choice.spatial) {
            uint32_t bps = share->bps[layer][share->temporal];
            sum += bps - MIN(bps, share->choice.bps);
        }
    }
    return sum;
}

static void apply(struct allocator_track *share, int64_t now_us, bool at_once)
{
    struct subscription *subscription = subscription_of(share);
    const struct allocator_choice *choice = &share->choice;
    bool full = choice->temporal >= share->temporal;
    const struct stream_limit limit = {.paused = !choice->sent,
                                       .spatial_max = choice->spatial,
                                       .temporal_max = full ? STREAM_RATE_ALL : choice->temporal,
                                       .at_once = at_once};
    if (share->audio || (limit.paused == subscription->limit.paused &&
                         limit.spatial_max == subscription->limit.spatial_max &&
                         limit.temporal_max == subscription->limit.temporal_max &&
                         limit.at_once == subscription->limit.at_once)) {
        return;
    }
    subscription->limit = limit;
    media_apply_want(subscription, now_us);
}

/* From when on a client counts as one that gives no feedback; TIME_NEVER if it did. */
static int64_t unheard_at(const struct bandwidth *bandwidth)
{
    int64_t unheard_us = bandwidth->transport_cc ? UNHEARD_US : UNHEARD_REMB_US;
    bool waits = bandwidth->heard_us == TIME_NEVER && bandwidth->begun_us != TIME_NEVER;
    return waits ? bandwidth->begun_us + unheard_us : TIME_NEVER;
}

static struct allocator_limit limit_of(const struct bandwidth *bandwidth, int64_t now_us)
{
    bool heard = bandwidth->heard_us != TIME_NEVER;
    if (now_us >= unheard_at(bandwidth)) {
        return (struct allocator_limit){.bps = UINT32_MAX};
    }
    struct bwe_estimate estimate = bwe_estimate(bandwidth->bwe);
    bool tried = !estimate.application_limited || bandwidth->paused_count > 0;
    return (struct allocator_limit){.bps = estimate.target_bps,
                                    .may_pause = heard && tried &&
                                                 now_us - bandwidth->heard_us >= SETTLE_US};
}

/* Whether it is time to pause; of what the lowest layers take. */
static bool is_short(struct bandwidth *bandwidth, int64_t now_us, uint64_t limit_bps,
                     uint64_t least_bps)
{
    if (least_bps <= limit_bps) {
        bandwidth->short_us = TIME_NEVER;
        return false;
    }
    bandwidth->short_us = MIN(bandwidth->short_us, now_us);
    int64_t wait_us = least_bps >= 2 * limit_bps ? PAUSE_SOON_US : PAUSE_US;
    wait_us *= bandwidth->transport_cc ? 1 : REMB_WAITS;
    bandwidth->allocate_us = MIN(bandwidth->allocate_us, bandwidth->short_us + wait_us);
    return now_us - bandwidth->short_us >= wait_us;
}

static struct allocator_sum choose(struct fwd_member *member, int64_t now_us,
                                   struct allocator_limit limit, size_t count)
{
    struct bandwidth *bandwidth = member->bandwidth;
    struct allocator_track **shares = member->fwd->shares;
    if (limit.may_pause && bandwidth->paused_count > 0) {
        bandwidth->short_us = TIME_NEVER;
        return allocator_run(limit, shares, count);
    }
    const struct allocator_limit none_paused = {.bps = limit.bps};
    struct allocator_sum sum = allocator_run(none_paused, shares, count);
    bool late = is_short(bandwidth, now_us, limit.bps, sum.bps);
    return late && limit.may_pause ? allocator_run(limit, shares, count) : sum;
}

/* The subscriptions that are paused, if others than were told. */
static void tell_paused(struct fwd_member *member)
{
    struct bandwidth *bandwidth = member->bandwidth;
    size_t count = 0;
    bool same = true;
    bandwidth->paused =
        mem_grow(bandwidth->paused, member->subscription_count, sizeof(*bandwidth->paused));
    for (size_t i = 0; i < member->subscription_count; i++) {
        const struct subscription *subscription = member->subscriptions[i];
        if (subscription->limit.paused) {
            same = same && count < bandwidth->paused_count &&
                   bandwidth->paused[count] == subscription->id;
            bandwidth->paused[count++] = subscription->id;
        }
    }
    same = same && count == bandwidth->paused_count;
    bandwidth->paused_count = count;
    if (!same) {
        bandwidth->told = true;
        bandwidth_tell(member);
    }
}

void bandwidth_tell(struct fwd_member *member)
{
    const struct bandwidth *bandwidth = member->bandwidth;
    if (bandwidth != NULL && bandwidth->told) {
        struct fwd_event *event = room_event(member->fwd, member, FWD_PAUSED);
        event->paused = bandwidth->paused;
        event->paused_count = bandwidth->paused_count;
    }
}

static void set_pace(struct bandwidth *bandwidth)
{
    uint32_t bps = 0;
    if (bandwidth->heard_us != TIME_NEVER) { /* what may not be paused has to get through, too */
        uint64_t least_bps = bandwidth->chosen_bps + bandwidth->chosen_bps / 4;
        bps = bwe_estimate(bandwidth->bwe).pacing_bps;
        bps = (uint32_t)MIN(MAX(bps, least_bps), UINT32_MAX);
    }
    pacer_set_rate(&bandwidth->pacer, bps);
}

/* Probed for ahead of time: what is still now may move the next moment, and must not be paused then
 * because nobody knows whether it fits. */
static uint32_t wanted_of(const struct allocator_sum *sum, size_t videos)
{
    uint64_t ahead_bps = MAX(2 * sum->bps, videos > 0 ? WANTED_BPS_MIN : 0);
    return (uint32_t)MIN(MAX(sum->wanted_bps, ahead_bps), UINT32_MAX);
}

/* Who has given no feedback may never do, and a train holds media back; and what would fill it may
 * be dropped (early.c). */
static bool tells_of_trains(const struct bandwidth *bandwidth, const struct subscription *padded)
{
    return bandwidth->heard_us != TIME_NEVER && (padded == NULL || !padded->untaken);
}

/* REMB is agreed on for video, and tells of the streams of video alone: sound is sent beside it. */
static uint32_t beside(const struct bandwidth *bandwidth, const struct offers *offers)
{
    return bandwidth->transport_cc ? 0 : (uint32_t)MIN(offers->sound_bps, UINT32_MAX);
}

static void allocate(struct fwd_member *member, int64_t now_us)
{
    struct bandwidth *bandwidth = member->bandwidth;
    struct allocator_limit limit = limit_of(bandwidth, now_us);
    struct offers offers = collect(member, now_us);
    uint32_t beside_bps = beside(bandwidth, &offers);
    bandwidth->allocate_us = room_together(now_us + ALLOCATE_US, FWD_RTCP_GRID_US);
    if (now_us < unheard_at(bandwidth)) {
        bandwidth->allocate_us = MIN(bandwidth->allocate_us, unheard_at(bandwidth));
    }
    bandwidth->allocated_bps = limit.bps;
    limit.bps += MIN(beside_bps, UINT32_MAX - limit.bps);
    struct allocator_sum sum = choose(member, now_us, limit, offers.count);
    uint64_t above = above_bps(member->fwd->shares, offers.count);
    bool at_once =
        bandwidth->transport_cc && above > 0 && limit.bps < (sum.bps + above) * LEAVE_PERCENT / 100;
    for (size_t i = 0; i < offers.count; i++) {
        apply(member->fwd->shares[i], now_us, at_once);
    }
    bandwidth->chosen_bps = sum.bps;
    const struct subscription *padded = to_be_padded(member);
    const struct bwe_step next = {.bps = sum.next_bps - MIN(sum.next_bps, beside_bps),
                                  .padding = padded != NULL};
    bool told = tells_of_trains(bandwidth, padded);
    bwe_wanted(bandwidth->bwe, now_us, told ? wanted_of(&sum, offers.videos) : 0);
    bwe_next(bandwidth->bwe, now_us, &next);
    set_pace(bandwidth);
    tell_paused(member);
}

void bandwidth_limit(const struct subscription *subscription, struct stream_want *want)
{
    if (subscription->member->bandwidth != NULL && subscription->track->spec.kind == STREAM_VIDEO) {
        want->paused = want->paused || subscription->limit.paused;
        uint8_t *size =
            shares_one_stream(subscription->track) ? &want->size_max : &want->spatial_max;
        want->narrow = subscription->limit.spatial_max < *size;
        *size = MIN(*size, subscription->limit.spatial_max);
        want->temporal_max = MIN(want->temporal_max, subscription->limit.temporal_max);
        want->at_once = subscription->limit.at_once;
    }
}

void bandwidth_keep(struct subscription *subscription, const struct stream_state *state)
{
    uint8_t layer = 0;
    if (state != NULL && state->flows) {
        layer = shares_one_stream(subscription->track) ? state->size : state->layer;
    }
    subscription->limit =
        (struct stream_limit){.spatial_max = layer, .temporal_max = STREAM_RATE_ALL};
    subscription->share.choice = (struct allocator_choice){
        .spatial = layer,
        .temporal = STREAM_TEMPORAL_MAX - 1,
        .sent = state != NULL && state->flows,
    };
}

void bandwidth_soon(struct fwd_member *member, int64_t now_us)
{
    struct bandwidth *bandwidth = member->bandwidth;
    if (bandwidth != NULL) {
        bandwidth->allocate_us = MAX(now_us, bandwidth->keep_us);
        room_due(member, now_us, bandwidth->allocate_us);
    }
}

/* ---- What comes, and time -------------------------------------------------------------------- */

static bool moved(const struct bandwidth *bandwidth)
{
    int64_t bps = bwe_estimate(bandwidth->bwe).target_bps;
    int64_t change = bps - bandwidth->allocated_bps;
    return (change < 0 ? -change : change) * 100 > bps * CHANGE_PERCENT;
}

/* Its member's client tells of it that way, and something was sent that may be told of. */
static bool fed_by(const struct bandwidth *bandwidth, bool transport_cc)
{
    return bandwidth != NULL && bandwidth->begun_us != TIME_NEVER &&
           bandwidth->transport_cc == transport_cc;
}

static void heed(struct fwd_member *member, int64_t now_us)
{
    struct bandwidth *bandwidth = member->bandwidth;
    set_pace(bandwidth);
    if (moved(bandwidth)) {
        bandwidth->allocate_us = MIN(bandwidth->allocate_us, MAX(now_us, bandwidth->keep_us));
    }
    if (member->sending) {
        send_due(member, now_us);
    }
}

void bandwidth_feedback(struct fwd_member *member, int64_t now_us, const struct rtcp_packet *packet)
{
    struct bandwidth *bandwidth = member->bandwidth;
    struct rtcp_twcc twcc;
    if (fed_by(bandwidth, true) && rtcp_read_twcc(packet, &twcc) == 0) {
        bwe_feedback(bandwidth->bwe, now_us, &twcc);
        if (bandwidth->heard_us == TIME_NEVER) {
            bandwidth->heard_us = now_us;
            bandwidth_soon(member, now_us);
        }
        early_heed(member, now_us);
        heed(member, now_us);
    }
}

void bandwidth_remb(struct fwd_member *member, int64_t now_us, uint64_t bps)
{
    struct bandwidth *bandwidth = member->bandwidth;
    if (fed_by(bandwidth, false)) {
        bwe_remb(bandwidth->bwe, now_us, bps);
        bandwidth->heard_us = MIN(bandwidth->heard_us, now_us);
        heed(member, now_us);
    }
}

void bandwidth_loss(struct fwd_member *member, int64_t now_us, struct bwe_loss loss)
{
    struct bandwidth *bandwidth = member->bandwidth;
    if (!fed_by(bandwidth, false) || loss.expected == 0) {
        return;
    }
    if (member->rtt_us != 0) {
        bwe_rtt(bandwidth->bwe, now_us, member->rtt_us);
    }
    bwe_report(bandwidth->bwe, now_us, loss);
    heed(member, now_us);
}

/* With each of the reports: a look at all of a member's state is what both cost. And those to whom
 * something began to flow at the same moment do not go on at the same moment, for reports of
 * members who came one after the other do not. */
static bool allocation_due(const struct fwd_member *member, int64_t now_us)
{
    const struct bandwidth *bandwidth = member->bandwidth;
    bool reports = member->rtcp_at_us <= now_us && bandwidth->keep_us <= now_us;
    return bandwidth->allocate_us <= now_us || (reports && bandwidth->allocate_us != TIME_NEVER);
}

void bandwidth_expire(struct fwd_member *member, int64_t now_us)
{
    struct bandwidth *bandwidth = member->bandwidth;
    if (bandwidth == NULL) {
        return;
    }
    if (bwe_deadline(bandwidth->bwe) <= now_us) {
        bwe_expire(bandwidth->bwe, now_us);
        set_pace(bandwidth);
    }
    if (!member->sending) {
        bandwidth->allocate_us = TIME_NEVER; /* bandwidth_soon when it is */
        return;
    }
    if (allocation_due(member, now_us)) {
        allocate(member, now_us);
    }
    send_due(member, now_us);
}

int64_t bandwidth_deadline(const struct fwd_member *member)
{
    const struct bandwidth *bandwidth = member->bandwidth;
    if (bandwidth == NULL) {
        return TIME_NEVER;
    }
    int64_t at = MIN(bwe_deadline(bandwidth->bwe), bandwidth->allocate_us);
    return member->sending ? MIN(at, pacer_deadline(&bandwidth->pacer)) : at;
}
