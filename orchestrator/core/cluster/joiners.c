/* SPDX-License-Identifier: Apache-2.0
 *
 * Who comes through this front to a room elsewhere, in the last moment of that room's owner: it may
 * have told others of him, and the nodes, from which the next owner knows who is there, may not
 * have heard of it.
 *
 *   asked     to let him in -> forgotten: the owner has lived on for CLUSTER_JOINER_US, by when
 *             nodes have what it said -> doubtful: it was lost
 *   doubtful  for CLUSTER_MISSED_US, by when the room has its next owner -> forgotten: that one is
 *             told of him
 *
 * Whom it does not have then, neither anew nor from the nodes, it tells others to have left
 * (room_miss). For that the front chooses the sid of whoever comes. Of somebody whose front dies
 * with the owner nobody tells.
 */
#include "orchestrator/core/cluster/private.h"

#include <stdlib.h>
#include <utlist.h>

static void forget(struct cluster *c, struct joiner *joiner)
{
    DL_DELETE(c->joiners, joiner);
    c->joiner_count--;
    free(joiner->room);
    free(joiner->identity);
    free(joiner);
}

void joiners_free_all(struct cluster *c)
{
    while (c->joiners != NULL) {
        forget(c, c->joiners);
    }
}

const char *joiner_asks(struct cluster *c, size_t member, const Spillway__Bus__Ask *ask)
{
    const struct conn *conn = front_conn(c, ask->id);
    if (conn == NULL || conn->identity == NULL) {
        return "";
    }
    if (c->joiner_count == CLUSTER_JOINERS_MAX) {
        forget(c, c->joiners);
    }
    struct joiner *joiner = mem_alloc(sizeof(*joiner));
    joiner->room = mem_str(ask->room);
    joiner->identity = mem_str(conn->identity);
    id_new(joiner->sid, "PA_", &c->config.random);
    joiner->owner = member;
    joiner->until_us = c->now_us + CLUSTER_JOINER_US;
    DL_APPEND(c->joiners, joiner);
    c->joiner_count++;
    c->joiners_due_us = MIN(c->joiners_due_us, joiner->until_us);
    return joiner->sid;
}

static void set_due(struct cluster *c)
{
    const struct joiner *joiner;
    c->joiners_due_us = TIME_NEVER;
    DL_FOREACH(c->joiners, joiner)
    {
        c->joiners_due_us = MIN(c->joiners_due_us, joiner->until_us);
    }
}

void joiners_owner_lost(struct cluster *c, size_t member)
{
    struct joiner *joiner;
    DL_FOREACH(c->joiners, joiner)
    {
        if (joiner->owner == member) {
            joiner->owner = OWNERSHIP_NOBODY;
            joiner->until_us = c->now_us + CLUSTER_MISSED_US;
        }
    }
    set_due(c);
}

static void tell(struct cluster *c, const struct joiner *joiner)
{
    size_t owner = ask_owner(c, joiner->room);
    if (owner == OWNERSHIP_SELF) {
        orch_miss(c->orch, c->now_us, joiner->room, joiner->identity, joiner->sid);
    } else if (owner != OWNERSHIP_NOBODY) { /* else the room is no more */
        Spillway__Bus__Joiner told = SPILLWAY__BUS__JOINER__INIT;
        Spillway__Bus__PeerMessage message = SPILLWAY__BUS__PEER_MESSAGE__INIT;
        told.room = joiner->room;
        told.identity = joiner->identity;
        told.sid = (char *)(uintptr_t)joiner->sid;
        message.message_case = SPILLWAY__BUS__PEER_MESSAGE__MESSAGE_JOINER;
        message.joiner = &told;
        peer_send(c, owner, &message, false);
    }
}

void joiners_expire(struct cluster *c)
{
    struct joiner *joiner, *next;
    if (c->now_us < c->joiners_due_us) {
        return;
    }
    DL_FOREACH_SAFE(c->joiners, joiner, next)
    {
        if (joiner->until_us > c->now_us) {
            continue;
        }
        if (joiner->owner != OWNERSHIP_NOBODY && c->peers[joiner->owner].away) {
            joiner->until_us = c->now_us + CLUSTER_JOINER_US; /* it may be lost yet */
            continue;
        }
        if (joiner->owner == OWNERSHIP_NOBODY) {
            tell(c, joiner);
        }
        forget(c, joiner);
    }
    set_due(c);
}

int64_t joiners_deadline(const struct cluster *c)
{
    return c->joiners_due_us;
}
