/* SPDX-License-Identifier: Apache-2.0
 *
 * The order of allocator.h is walked once; a track's ladder is made anew for each step looked at,
 * which is cheaper than keeping all of them.
 */
#include "media-node/core/allocator/ladder.h"

struct budget {
    uint64_t estimate; /* bits a second */
    uint64_t spare;    /* what of it new steps may use */
    uint64_t spent;
};

/* ---- Order ---------------------------------------------------------------------------------- */

static unsigned rank(const struct allocator_track *track)
{
    unsigned priority = track->priority == 0 ? UINT8_MAX + 1u : track->priority;
    return priority * 2 + (track->screen ? 0 : 1);
}

static bool before(const struct allocator_track *a, const struct allocator_track *b)
{
    if (a->audio != b->audio) {
        return a->audio;
    }
    if (rank(a) != rank(b)) {
        return rank(a) < rank(b);
    }
    return a->pixels > b->pixels;
}

/* Stable, and fast where little changed since last time. */
static void sort(struct allocator_track **tracks, size_t count)
{
    for (size_t i = 1; i < count; i++) {
        struct allocator_track *track = tracks[i];
        size_t place = i;
        for (; place > 0 && before(track, tracks[place - 1]); place--) {
            tracks[place] = tracks[place - 1];
        }
        tracks[place] = track;
    }
}

/* ---- Steps ---------------------------------------------------------------------------------- */

/* The step a track was on, as a number of its ladder of today; steps up to it are kept more easily
 * than taken. Layers come and go: it is the highest that is no better. -1: none. */
static int held_step(const struct ladder *ladder, const struct allocator_choice *held)
{
    int step = -1;
    for (unsigned i = 0; held->sent && i < ladder->count; i++) {
        if (ladder->steps[i].spatial <= held->spatial &&
            ladder->steps[i].temporal <= held->temporal) {
            step = (int)i;
        }
    }
    return step;
}

static bool fits(const struct budget *budget, uint64_t bps, bool held)
{
    return budget->spent + bps <= (held ? budget->estimate : budget->spare);
}

/* Tries the next step of a track; forced ones need not fit. */
static void climb(struct budget *budget, struct allocator_track *track, bool forced)
{
    struct ladder ladder;
    ladder_of(track, &ladder);
    unsigned step = track->work.step;
    if (step >= ladder.count) {
        track->work.done = true;
        return;
    }
    const struct allocator_choice *next = &ladder.steps[step];
    bool held = (int)step <= held_step(&ladder, &track->work.held);
    uint64_t cost = next->bps - track->choice.bps;
    if (!forced && !fits(budget, cost, held)) {
        track->work.done = true;
        return;
    }
    budget->spent += cost;
    track->choice = *next;
    track->work.step++;
}

/* All further steps of tracks of one rank, in turn. */
static void climb_rank(struct budget *budget, struct allocator_track **tracks, size_t count)
{
    bool any = true;
    while (any) {
        any = false;
        for (size_t i = 0; i < count; i++) {
            if (!tracks[i]->work.done) {
                climb(budget, tracks[i], false);
                any = any || !tracks[i]->work.done;
            }
        }
    }
}

static void begin(struct allocator_track **tracks, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        struct allocator_track *track = tracks[i];
        track->work.held = track->choice;
        track->work.step = 0;
        track->work.done = false;
        track->choice = (struct allocator_choice){0};
    }
    sort(tracks, count);
}

/* The estimate at which that much fits with the margin. */
static uint32_t estimate_for(uint64_t bps)
{
    const unsigned spare_percent = 100 - ALLOCATOR_MARGIN_PERCENT;
    bps = (bps * 100 + spare_percent - 1) / spare_percent;
    return (uint32_t)MIN(bps, (uint64_t)UINT32_MAX);
}

static struct allocator_sum sum_up(struct allocator_track **tracks, size_t count)
{
    struct allocator_sum sum = {0};
    uint64_t wanted = 0;
    uint64_t cheapest = UINT64_MAX; /* of the steps that were not taken */
    for (size_t i = 0; i < count; i++) {
        const struct allocator_track *track = tracks[i];
        struct ladder ladder;
        ladder_of(track, &ladder);
        sum.bps += track->choice.bps;
        sum.paused += ladder.count > 0 && !track->choice.sent;
        wanted += ladder.count > 0 ? ladder.steps[ladder.count - 1].bps : 0;
        if (track->work.step < ladder.count) {
            uint64_t cost = ladder.steps[track->work.step].bps - track->choice.bps;
            cheapest = MIN(cheapest, cost);
        }
    }
    sum.wanted_bps = estimate_for(wanted);
    sum.next_bps = cheapest == UINT64_MAX ? 0 : estimate_for(sum.bps + cheapest);
    return sum;
}

struct allocator_sum allocator_run(struct allocator_limit limit, struct allocator_track **tracks,
                                   size_t count)
{
    struct budget budget = {
        .estimate = limit.bps,
        .spare = (uint64_t)limit.bps * (100 - ALLOCATOR_MARGIN_PERCENT) / 100,
    };
    begin(tracks, count);
    for (size_t i = 0; i < count; i++) {
        climb(&budget, tracks[i], tracks[i]->audio || !limit.may_pause);
    }
    for (size_t i = 0; i < count;) {
        size_t end = i + 1;
        while (end < count && rank(tracks[end]) == rank(tracks[i]) &&
               tracks[end]->audio == tracks[i]->audio) {
            end++;
        }
        climb_rank(&budget, &tracks[i], end - i);
        i = end;
    }
    return sum_up(tracks, count);
}
