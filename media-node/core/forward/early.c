/* SPDX-License-Identifier: Apache-2.0
 *
 * A client drops what comes of a stream before it has applied the description that names it, and
 * media are faster than signalling: the first tenth of a second and more of each new stream, with
 * its key frame, is lost on no network. Transport-cc feedback calls it lost all the same. So until
 * that tells of a packet of the stream that came,
 *
 * - what is lost of it says nothing of the path (struct bwe_packet);
 * - what left since its last key frame began is remembered, and sent again once one has come; where
 *   that is too much, a key frame is asked for, rather than a while later by the client;
 * - a client that asks for a key frame is about to get that.
 *
 * Sound that was missed is not sent again: it would be played too late. Without transport-cc
 * nothing would tell, and all of this is left out.
 */
#include "media-node/core/forward/room.h"

#include <stdlib.h>

#define EARLY_MAX  64           /* packets; a key frame and some 100 ms of 1 Mbit/s */
#define REPEAT_US  TIME_S(1)    /* pictures older than that are not worth their bytes */
#define EARLY_US   TIME_S(5)    /* who has taken nothing for so long is not waited for */
#define ANSWER_US  TIME_MS(300) /* since the first packet: longer than feedback takes */
#define CROSSED_US TIME_MS(150) /* since it was sent again: the request may have met it */

struct early {
    int64_t since_us;
    int64_t key_us; /* when its last key frame began */
    uint32_t count;
    struct {
        uint16_t number; /* transport-wide */
        uint16_t seq;
    } sent[EARLY_MAX]; /* a ring */
};

void early_begin(struct subscription *subscription)
{
    early_end(subscription);
    subscription->untaken = subscription->spec.transport_cc;
    subscription->repeated_us = INT64_MIN / 2;
}

void early_end(struct subscription *subscription)
{
    subscription->member->early_count -= subscription->early != NULL;
    free(subscription->early);
    subscription->early = NULL;
    subscription->untaken = false;
}

void early_sent(struct subscription *subscription, int64_t now_us, uint16_t number,
                const struct stream_out *out)
{
    struct early *early = subscription->early;
    if (early == NULL) {
        early = mem_alloc(sizeof(*early));
        early->since_us = early->key_us = now_us;
        subscription->early = early;
        subscription->member->early_count++;
    } else if (now_us - early->since_us > EARLY_US) {
        early_end(subscription);
        return;
    }
    if (out->rtx) {
        return;
    }
    bool video = subscription->track->spec.kind == STREAM_VIDEO;
    if (video && out->source != NULL && out->source->key_start) {
        early->count = 0;
        early->key_us = now_us;
    }
    early->sent[early->count % EARLY_MAX].number = number;
    early->sent[early->count % EARLY_MAX].seq = (uint16_t)out->index;
    early->count++;
}

/* Of what is remembered, the first one that came; early->count: none has. */
static uint32_t first_taken(const struct early *early, const struct fwd_member *member)
{
    uint32_t i = early->count > EARLY_MAX ? early->count - EARLY_MAX : 0;
    while (i < early->count && !bandwidth_arrived(member, early->sent[i % EARLY_MAX].number)) {
        i++;
    }
    return i;
}

static void repeat(struct subscription *subscription, int64_t now_us, const struct early *early,
                   uint32_t end)
{
    bool whole = early->count <= EARLY_MAX && now_us - early->key_us < REPEAT_US;
    stream_sender_reached(subscription->sender, now_us, bandwidth_reached(subscription->member));
    for (uint32_t i = 0; whole && i < end; i++) {
        whole = media_resend(subscription, now_us, early->sent[i].seq);
    }
    subscription->repeated_us = now_us;
    if (!whole) {
        media_heed(subscription, now_us, stream_sender_picture_lost(subscription->sender, now_us));
    }
}

void early_heed(struct fwd_member *member, int64_t now_us)
{
    for (size_t i = 0; member->early_count > 0 && i < member->subscription_count; i++) {
        struct subscription *subscription = member->subscriptions[i];
        if (subscription->early == NULL) {
            continue;
        }
        const struct early early = *subscription->early; /* ends before anything more is sent */
        uint32_t first = first_taken(&early, member);
        if (first == early.count) {
            continue;
        }
        early_end(subscription);
        if (first > 0 && subscription->track->spec.kind == STREAM_VIDEO) {
            repeat(subscription, now_us, &early, first);
        }
        bandwidth_soon(member, now_us);
    }
}

bool early_answers(const struct subscription *subscription, int64_t now_us)
{
    const struct early *early = subscription->early;
    return (early != NULL && now_us - early->since_us < ANSWER_US) ||
           now_us - subscription->repeated_us < CROSSED_US;
}
