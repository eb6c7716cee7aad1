/* SPDX-License-Identifier: Apache-2.0
 *
 * gcc §5.1: d(i) = t(i) - t(i-1) - (T(i) - T(i-1)) between groups of packets. §5.2: a group is what
 * was sent within 5 ms, and what arrived in one burst behind a path that had stopped: packets that
 * arrive within 5 ms of each other although they were sent further apart.
 */
#include "media-node/core/bwe/parts.h"

#define GROUP_US      TIME_MS(5)
#define BURST_US_MAX  TIME_MS(100)
#define JUMP_US       TIME_S(3) /* of the receiver's clock: what came before means nothing */
#define REORDERED_MAX 3

static bool belongs(const struct group *group, int64_t sent_us, int64_t arrived_us)
{
    if (sent_us - group->sent_first_us <= GROUP_US) {
        return true;
    }
    int64_t apart_us = arrived_us - group->arrived_last_us;
    return apart_us <= GROUP_US && apart_us < sent_us - group->sent_last_us &&
           arrived_us - group->arrived_first_us < BURST_US_MAX;
}

static void extend(struct group *group, int64_t sent_us, int64_t arrived_us)
{
    group->sent_last_us = MAX(group->sent_last_us, sent_us);
    group->arrived_last_us = MAX(group->arrived_last_us, arrived_us);
}

static bool compare(struct groups *groups, struct group_delta *out)
{
    const struct group *now = &groups->current;
    const struct group *before = &groups->previous;
    if (!before->valid) {
        return false;
    }
    struct group_delta delta = {
        .sent_us = now->sent_last_us - before->sent_last_us,
        .arrived_us = now->arrived_last_us - before->arrived_last_us,
        .at_us = now->arrived_last_us,
    };
    int64_t jump_us = delta.arrived_us - delta.sent_us;
    if (jump_us > JUMP_US || jump_us < -JUMP_US) {
        *groups = (struct groups){0};
        return false;
    }
    if (delta.arrived_us < 0) {
        if (++groups->reordered >= REORDERED_MAX) {
            *groups = (struct groups){0};
        }
        return false;
    }
    groups->reordered = 0;
    *out = delta;
    return true;
}

bool groups_add(struct groups *groups, int64_t sent_us, int64_t arrived_us, struct group_delta *out)
{
    struct group *current = &groups->current;
    if (current->valid && sent_us < current->sent_first_us) {
        return false; /* reordered into a group that is closed */
    }
    if (current->valid && belongs(current, sent_us, arrived_us)) {
        extend(current, sent_us, arrived_us);
        return false;
    }
    bool complete = false;
    if (current->valid) {
        complete = compare(groups, out);
        groups->previous = groups->current;
    }
    *current = (struct group){sent_us, sent_us, arrived_us, arrived_us, true};
    return complete;
}
