/* SPDX-License-Identifier: Apache-2.0
 *
 * An owner died: who goes on with its rooms, and with those of their people whose front lives.
 *
 * Every orchestrator hears from the nodes which rooms are nobody's (orch/adopt.c). The preferred
 * owner claims them at once, the others a moment later if nobody did; after one that was told to
 * stop it is its heir, to whom that one has left what it knew (hand_over.c). Fronts keep the
 * WebSockets and DTLS of the room's people for CLUSTER_ORPHAN_US, with what they send meanwhile and
 * what the dead one did not say it had received, until the new owner says that they are its own;
 * then they notice nothing. What it had received all the same comes twice: reliable messages are
 * told by their sequence, and saying something again changes nothing.
 */
#include "orchestrator/core/cluster/private.h"
#include "proto/wire/wire.h"

#include <stdlib.h>
#include <utlist.h>

/* ---- What orch said while it was polled ----------------------------------------------------- */

static void later(struct cluster *c, struct effect *effect)
{
    struct adoption *adoption = mem_alloc(sizeof(*adoption));
    adoption->effect = *effect;
    *effect = (struct effect){.type = EFFECT_ACCEPT}; /* taken over */
    DL_APPEND(c->adoptions, adoption);
}

static void adoption_free(struct cluster *c, struct adoption *adoption)
{
    DL_DELETE(c->adoptions, adoption);
    effect_fini(&adoption->effect);
    free(adoption);
}

void adopt_free_all(struct cluster *c)
{
    while (c->adoptions != NULL) {
        adoption_free(c, c->adoptions);
    }
    for (size_t i = 0; i < ADOPT_LOST_MAX; i++) {
        free(c->lost[i].region);
    }
}

/* ---- The room ------------------------------------------------------------------------------ */

/* NULL: we did not see it die. */
static const struct lost *find_lost(const struct cluster *c, const char *id)
{
    for (size_t i = 0; i < ADOPT_LOST_MAX; i++) {
        if (c->lost[i].id[0] != '\0' && strcmp(c->lost[i].id, id) == 0) {
            return &c->lost[i];
        }
    }
    return NULL;
}

void adopt_peer_died(struct cluster *c, size_t member)
{
    const struct peer *peer = &c->peers[member];
    free(c->lost[ADOPT_LOST_MAX - 1].region);
    memmove(&c->lost[1], &c->lost[0], sizeof(c->lost) - sizeof(c->lost[0]));
    c->lost[0] = (struct lost){.region = peer->leaves ? mem_str(peer->region) : NULL};
    memcpy(c->lost[0].id, peer->id, sizeof(peer->id));
}

static void orphaned(struct cluster *c, const struct effect *orphan)
{
    uint64_t epoch;
    if (c->config.peer_count == 0) {
        (void)orch_adopt(c->orch, c->now_us, orphan->name, 0);
    } else if (ownership_owner(c->ownership, orphan->name, &epoch) == OWNERSHIP_NOBODY &&
               ownership_member_of(c->ownership, orphan->text) == OWNERSHIP_NOBODY) {
        ask_claim_orphan(c, orphan->name, find_lost(c, orphan->text));
    }
}

static void outlived(struct cluster *c, const char *room)
{
    if (c->config.peer_count == 0) {
        orch_outlive(c->orch, c->now_us, room, 0);
    } else if (cluster_own_epoch(c, room) != 0) {
        ask_claim_outlived(c, room);
    }
}

/* ---- Its people, where their front is -------------------------------------------------------- */

static void tell_gone(struct cluster *c, size_t member, uint64_t transport)
{
    Spillway__Bus__TransportEvent event = SPILLWAY__BUS__TRANSPORT_EVENT__INIT;
    Spillway__Bus__PeerMessage message = SPILLWAY__BUS__PEER_MESSAGE__INIT;
    static const char why[] = "its front does not have it any more";
    event.transport = transport;
    event.kind = SPILLWAY__BUS__TRANSPORT_EVENT__KIND__FAILED;
    event.text = (char *)(uintptr_t)why;
    message.message_case = SPILLWAY__BUS__PEER_MESSAGE__MESSAGE_TRANSPORT_EVENT;
    message.transport_event = &event;
    if (member == OWNERSHIP_SELF) {
        orch_front_failed(c->orch, c->now_us, transport, why);
    } else {
        peer_send(c, member, &message, false);
    }
}

void adopt_unreceived(struct cluster *c, size_t member)
{
    const struct kept *kept;
    DL_FOREACH(c->peers[member].kept, kept)
    {
        Spillway__Bus__PeerMessage *m =
            spillway__bus__peer_message__unpack(NULL, kept->len, kept->data);
        if (m->message_case == SPILLWAY__BUS__PEER_MESSAGE__MESSAGE_SIGNAL) {
            front_signal_again(c, member, m->signal);
        } else if (m->message_case == SPILLWAY__BUS__PEER_MESSAGE__MESSAGE_TRANSPORT_EVENT) {
            front_transport_again(c, member, m->transport_event);
        }
        spillway__bus__peer_message__free_unpacked(m, NULL);
    }
}

void adopt_conn(struct cluster *c, size_t member, uint64_t id)
{
    struct conn *conn = front_conn(c, id);
    if (conn == NULL) {
        front_tell_disconnected(c, member, id);
        return;
    }
    conn->until_us = TIME_NEVER;
    front_conn_owned(c, conn, member);
}

void adopt_transport(struct cluster *c, size_t member, uint64_t id)
{
    struct transport *transport = front_transport(c, id);
    if (transport == NULL) {
        tell_gone(c, member, id);
        return;
    }
    front_transport_owned(c, transport, member);
}

/* ---- Both ----------------------------------------------------------------------------------- */

/* Its front died, too. */
static void front_is_gone(struct cluster *c, uint64_t number)
{
    orch_front_lost(c->orch, c->now_us, number);
    struct adoption *adoption, *next;
    DL_FOREACH_SAFE(c->adoptions->next, adoption, next) /* once for all of its people */
    {
        const struct effect *effect = &adoption->effect;
        if ((effect->type == EFFECT_CONN_ADOPT && effect->id >> EFFECT_FRONT_SHIFT == number) ||
            (effect->type == EFFECT_FRONT_ADOPT && effect->front == number)) {
            adoption_free(c, adoption);
        }
    }
}

static size_t front_of(const struct cluster *c, const struct effect *effect, uint64_t *number)
{
    *number = effect->type == EFFECT_CONN_ADOPT ? effect->id >> EFFECT_FRONT_SHIFT : effect->front;
    return cluster_front_numbered(c, *number);
}

/* A front elsewhere hears of it before what follows for that client. Here it leads to inputs of
 * orch, which has to be drained first. */
void adopt_effect(struct cluster *c, struct effect *effect)
{
    uint64_t number;
    bool of_room = effect->type == EFFECT_ORPHAN || effect->type == EFFECT_OUTLIVED;
    size_t member = of_room ? OWNERSHIP_SELF : front_of(c, effect, &number);
    if (member == OWNERSHIP_SELF || member == OWNERSHIP_NOBODY) {
        later(c, effect);
    } else {
        peer_send_effect(c, member, effect);
    }
}

static void adopt(struct cluster *c, const struct effect *effect)
{
    uint64_t number;
    size_t member = front_of(c, effect, &number);
    if (member == OWNERSHIP_NOBODY) {
        front_is_gone(c, number);
    } else if (member != OWNERSHIP_SELF) { /* it came up just now */
        peer_send_effect(c, member, effect);
    } else if (effect->type == EFFECT_CONN_ADOPT) {
        adopt_conn(c, OWNERSHIP_SELF, effect->id);
    } else {
        adopt_transport(c, OWNERSHIP_SELF, effect->id);
    }
}

bool adopt_next(struct cluster *c)
{
    struct adoption *adoption = c->adoptions;
    if (adoption == NULL) {
        return false;
    }
    if (adoption->effect.type == EFFECT_ORPHAN) {
        orphaned(c, &adoption->effect);
    } else if (adoption->effect.type == EFFECT_OUTLIVED) {
        outlived(c, adoption->effect.name);
    } else {
        adopt(c, &adoption->effect);
    }
    adoption_free(c, adoption);
    return true;
}
