/* SPDX-License-Identifier: Apache-2.0
 *
 * How far each stream to a client may go before the room's owner knows of it, so that the node that
 * takes its place after this one's death can go on under the same SSRC: behind every index that may
 * have been sent from here, for a repeated (key, SSRC, index) gives an AES-GCM key away
 * (architecture.md §2.3).
 *
 *   - A stream has an end, FWD_LEASE behind where it begins. With its first packet it is told how
 *     far it is, and its end.
 *   - With every quarter of that it is told again, with a later end, which holds once the owner has
 *     repeated it (Subscription.index_end).
 *   - An owner that does not answer in time is dead, or cut off from here. In the first case media
 *     are to go on. In the second it has given the client another node within seconds, and this one
 *     hears it no more. So while the client is heard, the end moves on, a small step at a time; the
 *     next holder leaves one more of these out.
 */
#include "media-node/core/forward/room.h"

#define TELL_EVERY (FWD_LEASE / 4)

static struct lease begin(uint64_t next)
{
    return (struct lease){.end = next + FWD_LEASE, .look_at = next};
}

void lease_begin(struct subscription *subscription)
{
    subscription->media_lease = begin(stream_sender_next(subscription->sender));
    subscription->rtx_lease = begin(stream_sender_next_rtx(subscription->sender));
}

/* One farther away than any that was told is of other keys. */
static void extend(struct lease *lease, const struct rtpsec_stream *stream, uint64_t next,
                   uint64_t index_end)
{
    uint64_t index = handover_index(stream, next);
    if (index_end > index && index_end - index <= FWD_LEASE + TELL_EVERY) {
        lease->end = MAX(lease->end, next + (index_end - index));
    }
}

void lease_heed(struct subscription *subscription)
{
    const struct stream_sender *sender = subscription->sender;
    extend(&subscription->media_lease, &subscription->media, stream_sender_next(sender),
           subscription->spec.index_end);
    extend(&subscription->rtx_lease, &subscription->rtx, stream_sender_next_rtx(sender),
           subscription->spec.rtx_index_end);
}

static void tell_soon(struct subscription *subscription, int64_t now_us)
{
    struct fwd_member *member = subscription->member;
    subscription->standing_due = true;
    if (member->standing_at_us == TIME_NEVER) {
        member->standing_at_us = room_together(now_us + 1, FWD_TELL_US);
        room_due(member, now_us, member->standing_at_us);
    }
}

static bool is_heard(const struct fwd_member *member, int64_t now_us)
{
    int64_t heard_us = peer_heard_us(member->peer);
    return heard_us >= 0 && now_us - heard_us < FWD_LEASE_HEARD_US;
}

bool lease_look(struct subscription *subscription, int64_t now_us, struct lease *lease,
                uint64_t index)
{
    struct fwd_member *member = subscription->member;
    if (member->lease == 0) {
        lease->look_at = lease->end = UINT64_MAX; /* until there is one */
        return true;
    }
    if (index >= lease->end) {
        if (!is_heard(member, now_us)) {
            member->fwd->config.counters->drop_lease++;
            return false;
        }
        lease->end = index + FWD_LEASE_STEP;
    }
    lease->look_at = MIN(index + TELL_EVERY, lease->end);
    tell_soon(subscription, now_us);
    return true;
}

void lease_tell_all(struct fwd_member *member, int64_t now_us)
{
    for (size_t i = 0; i < member->subscription_count; i++) {
        struct subscription *subscription = member->subscriptions[i];
        if (subscription->media_lease.end == UINT64_MAX ||
            subscription->rtx_lease.end == UINT64_MAX) {
            lease_begin(subscription);
        }
        tell_soon(subscription, now_us);
    }
}

/* What is to be allowed: so much from here. A stream that has just begun needs no more than it
 * has. */
static uint64_t told_end(const struct lease *lease, const struct rtpsec_stream *stream,
                         uint64_t next)
{
    uint64_t end = next + FWD_LEASE;
    end = end > lease->end + FWD_LEASE / 8 ? end : lease->end;
    return handover_index(stream, next) + (end - next);
}

static bool describe(const struct subscription *subscription, struct fwd_stream_standing *out)
{
    const struct stream_sender *sender = subscription->sender;
    stream_sender_export(sender, &out->stream.state);
    if (!out->stream.state.newest.known || subscription->resume != NULL ||
        !subscription->media.started) {
        return false; /* nothing was sent from here under these keys */
    }
    uint64_t next = stream_sender_next(sender), next_rtx = stream_sender_next_rtx(sender);
    out->stream.subscription = subscription->id;
    out->stream.state.flows = false;
    out->stream.state.seq_next = handover_index(&subscription->media, next);
    out->stream.state.rtx_seq_next = handover_index(&subscription->rtx, next_rtx);
    out->ssrc = subscription->spec.ssrc;
    out->index_end = told_end(&subscription->media_lease, &subscription->media, next);
    out->rtx_index_end = told_end(&subscription->rtx_lease, &subscription->rtx, next_rtx);
    return true;
}

void lease_report(struct fwd_member *member)
{
    struct fwd *fwd = member->fwd;
    size_t count = 0;
    if (member->lease == 0 || member->duty != FWD_SERVES) {
        return;
    }
    fwd->standing_list =
        mem_grow(fwd->standing_list, member->subscription_count, sizeof(*fwd->standing_list));
    for (size_t i = 0; i < member->subscription_count; i++) {
        struct subscription *subscription = member->subscriptions[i];
        count += subscription->standing_due && describe(subscription, &fwd->standing_list[count]);
        subscription->standing_due = false;
    }
    if (count > 0) {
        room_event(fwd, member, FWD_STANDING)->standing = (struct fwd_standing){
            .lease = member->lease, .streams = fwd->standing_list, .stream_count = count};
    }
}
