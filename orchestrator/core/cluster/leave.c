/* SPDX-License-Identifier: Apache-2.0
 *
 * This orchestrator is to stop, and others go on.
 *
 *   serving  -> leaving: cluster_leave()
 *   leaving  its people resume at other fronts, told by the owners of their rooms
 *            (orch/front_drain.c); it refuses WebSockets, and is nobody's preferred owner
 *            -> left: nobody has anything here, nor is to get any data that is here alone, and the
 *            others are told so
 *
 * The rooms that it decides stay its own until its process ends; then others adopt them, as after
 * a death (adopt.c): nobody's front is here any more who could notice.
 */
#include "orchestrator/core/cluster/private.h"

static bool others_stay(const struct cluster *c)
{
    for (size_t member = 1; member < c->member_count; member++) {
        if (c->peers[member].up && !c->peers[member].leaves) {
            return true;
        }
    }
    return false;
}

bool cluster_leave(struct cluster *c, int64_t now_us)
{
    cluster_tick(c, now_us);
    if (c->leaves || !others_stay(c)) {
        return c->leaves;
    }
    c->leaves = true;
    ownership_member_leaves(c->ownership, OWNERSHIP_SELF);
    orch_front_leaves(c->orch, now_us, c->config.front.number);
    orch_events_end(c->orch, now_us);
    peers_beat(c);
    return true;
}

bool cluster_left(const struct cluster *c)
{
    return c->leaves &&
           ((c->conns == NULL && c->transports == NULL &&
             !orch_has_front(c->orch, c->config.front.number) && !orch_holds_data(c->orch)) ||
            !others_stay(c));
}

bool leave_said(struct cluster *c)
{
    if (c->left || !cluster_left(c)) {
        return false;
    }
    c->left = true;
    peers_beat(c);
    return true;
}
