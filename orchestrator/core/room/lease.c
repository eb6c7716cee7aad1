/* SPDX-License-Identifier: Apache-2.0
 *
 * A node that dies does not say where its streams stopped. But while it lived it told how far each
 * was, and up to where it may go before it has heard from us (Standing in control.proto), so its
 * successor goes on behind that, under the same SSRC: the client sees a gap of some thousand
 * numbers, and neither needs an offer nor begins its decoder's stream anew (decisions/0012).
 *
 *   unknown   nothing was told, or it was of other keys or SSRCs -> known
 *   known     -> passed: its holder is to be another one
 *   passed    -> taken: that one was told where to begin; who comes after it gets it from there no
 *             more, for it may have sent from there -> known
 *             -> passed: it refused to begin (refuge.c)
 */
#include "orchestrator/core/room/private.h"

/* A node that we do not answer goes on by so many at a time, while it tells us (control.proto). */
#define STEP 512

/* The client takes a jump for one forward up to half of the 16 bits (RFC 3711 §3.3.1). */
#define JUMP_MAX 30000

#define PICTURE_MASK 0x7fff /* RFC 7741 §4.2 */

/* ---- What is told ---------------------------------------------------------------------------- */

static struct subscription *find(struct participant *p,
                                 const Spillway__Control__StreamStanding *stream)
{
    struct subscription *subscription;
    DL_FOREACH(p->subscriptions, subscription)
    {
        if (stream->state != NULL && stream->state->subscription == subscription->id &&
            stream->ssrc == subscription->ssrc) {
            return subscription;
        }
    }
    return NULL;
}

/* Whether the node asks to go on. */
static bool is_later(const struct standing *before, const struct standing *now)
{
    return before->known && (now->index_end > before->index_end + STEP ||
                             now->rtx_index_end > before->rtx_index_end + STEP);
}

static void keep(struct subscription *subscription, int64_t now_us,
                 const Spillway__Control__StreamStanding *stream)
{
    struct standing told = {.known = true,
                            .state = *stream->state,
                            .newest = *stream->state->newest,
                            .index_end = stream->index_end,
                            .rtx_index_end = stream->rtx_index_end,
                            .at_us = now_us};
    told.state.run = NULL;
    if (is_later(&subscription->standing, &told)) {
        spec_subscription_changed(subscription);
    }
    subscription->standing = told;
}

/* It was on its way when its holder was given up: the next one begins behind it. */
static bool is_old_news(const struct standing *standing,
                        const Spillway__Control__StreamStanding *stream)
{
    return standing->passed && stream->state->next_index <= standing->index_end + STEP;
}

static bool is_sound(const Spillway__Control__StreamStanding *stream)
{
    const Spillway__Control__SenderState *state = stream->state;
    return state->newest != NULL && state->next_index <= stream->index_end &&
           state->next_rtx_index <= stream->rtx_index_end;
}

void lease_told(struct participant *p, int64_t now_us, const Spillway__Control__Standing *standing)
{
    for (size_t i = 0; standing->lease == p->lease && i < standing->n_streams; i++) {
        struct subscription *subscription = find(p, standing->streams[i]);
        if (subscription != NULL && is_sound(standing->streams[i]) &&
            !is_old_news(&subscription->standing, standing->streams[i])) {
            keep(subscription, now_us, standing->streams[i]);
        }
    }
}

/* ---- What comes of it ------------------------------------------------------------------------ */

bool lease_pass(struct subscription *subscription)
{
    struct standing *standing = &subscription->standing;
    if (standing->passed && !standing->taken) {
        return true; /* nobody has begun there */
    }
    standing->passed = standing->known &&
                       standing->index_end + STEP - standing->state.next_index < JUMP_MAX &&
                       standing->rtx_index_end + STEP - standing->state.next_rtx_index < JUMP_MAX;
    standing->taken = false;
    standing->known = false;
    return standing->passed;
}

static int32_t later_picture(int32_t id, uint64_t count)
{
    return id < 0 ? id : (int32_t)(((uint64_t)id + count) & PICTURE_MASK);
}

Spillway__Control__SenderState *lease_resume(struct subscription *subscription, int64_t now_us,
                                             struct arena *arena)
{
    struct standing *standing = &subscription->standing;
    if (!standing->passed) {
        return NULL;
    }
    Spillway__Control__SenderState *state = arena_alloc(arena, sizeof(*state));
    Spillway__Control__SentPacket *newest = arena_alloc(arena, sizeof(*newest));
    *newest = standing->newest;
    *state = standing->state;
    state->newest = newest;
    state->next_index = standing->index_end + STEP;
    state->next_rtx_index = standing->rtx_index_end + STEP;
    newest->age_us =
        (uint32_t)MIN(newest->age_us + (uint64_t)(now_us - standing->at_us), UINT32_MAX);
    newest->picture_id = /* a picture is a packet at least */
        later_picture(newest->picture_id, state->next_index - standing->state.next_index);
    standing->taken = true;
    return state;
}

void lease_untaken(struct subscription *subscription)
{
    subscription->standing.taken = false;
}

void lease_forget(struct subscription *subscription)
{
    subscription->standing.known = subscription->standing.passed = false;
}

/* Under new keys the rollover counter is 0 again, and every index is free. */
static void begin_cycles(struct standing *standing)
{
    standing->known = false;
    standing->index_end = MAX((uint16_t)standing->index_end, 1);
    standing->rtx_index_end = MAX((uint16_t)standing->rtx_index_end, 1);
}

void lease_renew(struct participant *p)
{
    struct subscription *subscription;
    p->lease = spec_fresh_ssrc(p->room);
    DL_FOREACH(p->subscriptions, subscription)
    {
        begin_cycles(&subscription->standing);
    }
}
