/* SPDX-License-Identifier: Apache-2.0
 *
 * Composes: the effects of the orch inside go to the fronts they are for, and its rooms are owned.
 */
#include "orchestrator/core/cluster/private.h"
#include "proto/wire/wire.h"

#include <stdlib.h>
#include <utlist.h>

struct cluster *cluster_new(const struct cluster_config *config, struct orch *take_orch,
                            int64_t now_us, int64_t wall_us)
{
    assert(config->peer_count <= CLUSTER_PEERS_MAX && config->front.number != 0);
    struct cluster *c = mem_alloc(sizeof(*c));
    c->config = *config;
    c->orch = take_orch;
    c->now_us = now_us;
    c->wall_offset_us = wall_us - now_us;
    c->renew_us = now_us + CLUSTER_RENEW_US;
    c->joiners_due_us = TIME_NEVER;
    c->member_count = config->peer_count + 1;
    c->ownership = ownership_new(config->front.orchestrator, config->front.region);
    return c;
}

static void placed_free(struct cluster *c, struct placed *placed)
{
    DL_DELETE(c->placed, placed);
    free(placed->room);
    free(placed->region);
    free(placed);
}

void cluster_free(struct cluster *c)
{
    peer_free_all(c);
    ask_free_all(c);
    front_free_all(c);
    gather_free_all(c);
    traced_free_all(c);
    while (c->placed != NULL) {
        placed_free(c, c->placed);
    }
    adopt_free_all(c);
    joiners_free_all(c);
    hand_over_free(c);
    ownership_free(c->ownership);
    effects_fini(&c->fx);
    orch_free(c->orch);
    free(c);
}

void cluster_tick(struct cluster *c, int64_t now_us)
{
    assert(now_us >= c->now_us);
    c->now_us = now_us;
}

size_t cluster_front_numbered(const struct cluster *c, uint64_t number)
{
    if (number == 0 || number == c->config.front.number) {
        return OWNERSHIP_SELF;
    }
    for (size_t member = 1; member < c->member_count; member++) {
        if (c->peers[member].met && c->peers[member].number == number) {
            return member;
        }
    }
    return OWNERSHIP_NOBODY;
}

size_t cluster_front_of(const struct cluster *c, uint64_t id)
{
    return cluster_front_numbered(c, id >> EFFECT_FRONT_SHIFT);
}

ProtobufCMessage *cluster_clone(const ProtobufCMessage *message)
{
    size_t len;
    uint8_t *packed = wire_pack(message, &len);
    ProtobufCMessage *copy = protobuf_c_message_unpack(message->descriptor, NULL, len, packed);
    assert(copy != NULL);
    free(packed);
    return copy;
}

/* ---- Rooms of ours ------------------------------------------------------------------------- */

uint64_t cluster_own_epoch(const struct cluster *c, const char *room)
{
    uint64_t epoch;
    return ownership_owner(c->ownership, room, &epoch) == OWNERSHIP_SELF ? epoch : 0;
}

uint64_t cluster_next_epoch(struct cluster *c)
{
    ownership_heard_of(c->ownership, orch_last_epoch(c->orch));
    return ownership_next_epoch(c->ownership, (uint64_t)(c->now_us + c->wall_offset_us));
}

void cluster_own(struct cluster *c, const char *room, uint64_t epoch)
{
    uint64_t known;
    if (ownership_owner(c->ownership, room, &known) == OWNERSHIP_SELF && known == epoch) {
        return;
    }
    if (ownership_take(c->ownership, OWNERSHIP_SELF, room, epoch) != OWNERSHIP_STALE) {
        rooms_tell(c, room, epoch, true);
    }
}

static void let_go(struct cluster *c, const char *room)
{
    uint64_t epoch;
    if (ownership_owner(c->ownership, room, &epoch) != OWNERSHIP_SELF) {
        return;
    }
    effects_take(
        &c->fx,
        (struct effect){.type = EFFECT_STORE_ROOM_GONE, .name = mem_str(room), .epoch = epoch});
    rooms_tell(c, room, epoch, false);
    ownership_release(c->ownership, OWNERSHIP_SELF, room, epoch);
}

void cluster_disown(struct cluster *c, const char *room)
{
    if (!orch_has_room(c->orch, room) && !ask_waits(c, room)) {
        let_go(c, room);
    }
}

void cluster_lost(struct cluster *c, int64_t now_us, const char *room)
{
    uint64_t epoch;
    cluster_tick(c, now_us);
    if (ownership_owner(c->ownership, room, &epoch) == OWNERSHIP_SELF) {
        c->stats.yields++;
        orch_yield(c->orch, now_us, room);
        let_go(c, room);
    }
}

/* A part at a time: all at once would be more than the store takes. */
static void renew(struct cluster *c, bool first)
{
    c->renewing = orch_store_rooms(c->orch, c->now_us, first);
    c->renew_us = c->now_us + (c->renewing ? CLUSTER_RENEW_STEP_US : CLUSTER_RENEW_US);
}

void cluster_store_up(struct cluster *c, int64_t now_us)
{
    cluster_tick(c, now_us);
    c->store_up = true;
    ownership_member_claims(c->ownership, OWNERSHIP_SELF, true);
    cluster_share(c);
    renew(c, true);
    orch_reservations_store(c->orch, now_us);
}

void cluster_store_down(struct cluster *c, int64_t now_us)
{
    cluster_tick(c, now_us);
    c->store_up = false;
    ownership_member_claims(c->ownership, OWNERSHIP_SELF, false);
    cluster_share(c);
}

/* ---- Placing together ---------------------------------------------------------------------- */

void cluster_share(struct cluster *c)
{
    struct orch_planners planners = {.count = 1, .agreed = c->store_up && c->config.peer_count > 0};
    for (size_t member = 1; member < c->member_count; member++) {
        const struct peer *peer = &c->peers[member];
        planners.count += peer->up;
        planners.place += peer->up && peer->number < c->config.front.number;
    }
    orch_share(c->orch, c->now_us, &planners);
}

void cluster_placed(struct cluster *c, int64_t now_us, const struct cluster_placed *placed)
{
    cluster_tick(c, now_us);
    if (placed->answer == ORCH_PLACE_FAILED && placed->owner[0] != '\0' &&
        cluster_own_epoch(c, placed->room) < placed->epoch) {
        size_t member = ownership_member_of(c->ownership, placed->owner);
        cluster_lost(c, now_us, placed->room);
        if (member != OWNERSHIP_NOBODY && member != OWNERSHIP_SELF) {
            (void)ownership_take(c->ownership, member, placed->room, placed->epoch);
        }
    }
    orch_placed(c->orch, now_us, placed->request, placed->answer, placed->node);
}

static void keep_placed(struct cluster *c, const struct effect *effect)
{
    struct placed *placed = mem_alloc(sizeof(*placed));
    placed->room = mem_str(effect->name);
    placed->region = mem_str(effect->text);
    DL_APPEND(c->placed, placed);
}

static bool ask_for_placed(struct cluster *c)
{
    struct placed *placed = c->placed;
    if (placed == NULL) {
        return false;
    }
    ask_placed(c, placed->room);
    orch_place_over(c->orch, placed->room, placed->region);
    placed_free(c, placed);
    return true;
}

/* ---- Effects of the orch ------------------------------------------------------------------- */

/* Whether it is for a front, and whose. */
static bool is_for_front(const struct cluster *c, const struct effect *effect, size_t *member)
{
    switch (effect->type) {
    case EFFECT_ACCEPT:
    case EFFECT_REFUSE:
    case EFFECT_SEND:
    case EFFECT_CLOSE:
    case EFFECT_REPLY:
    case EFFECT_JOINED:
        *member = cluster_front_of(c, effect->id);
        break;
    case EFFECT_FRONT_OPEN:
    case EFFECT_FRONT_CLOSE:
    case EFFECT_FRONT_ROUTE:
    case EFFECT_CHANNEL_SEND:
        *member = cluster_front_numbered(c, effect->front);
        break;
    default:
        return false;
    }
    if (c->config.peer_count == 0) {
        *member = OWNERSHIP_SELF;
    }
    return true;
}

/* What orch wants done for a client of ours. False: it was done. */
static bool local_effect(struct cluster *c, const struct effect *effect)
{
    struct conn *conn;
    switch (effect->type) {
    case EFFECT_ACCEPT:
        return front_conn(c, effect->id) == NULL; /* else it is open already */
    case EFFECT_REFUSE:
        conn = front_conn(c, effect->id);
        if (conn != NULL) {
            front_refuse(c, effect->id, effect->status, effect->text);
        }
        return conn == NULL;
    case EFFECT_CLOSE:
        conn = front_conn(c, effect->id);
        if (conn != NULL) {
            front_conn_forget(c, conn);
        }
        return true;
    case EFFECT_JOINED:
        traced_joined(c, effect->id, effect->text);
        return false;
    case EFFECT_REPLY:
        return !gather_part(c, OWNERSHIP_SELF, effect->id, effect->status,
                            (struct bytes){effect->data, effect->len});
    default:
        return true;
    }
}

/* Whether the caller is to have it. */
static bool sort_out(struct cluster *c, struct effect *effect)
{
    uint64_t epoch;
    size_t member;
    if (is_for_front(c, effect, &member)) {
        if (member == OWNERSHIP_SELF) {
            return local_effect(c, effect);
        }
        if (member == OWNERSHIP_NOBODY) {
            c->stats.undeliverable++;
        } else {
            peer_send_effect(c, member, effect);
        }
        return false;
    }
    if (effect->type == EFFECT_STORE_ROOM) {
        cluster_own(c, effect->name, effect->epoch);
    } else if (effect->type == EFFECT_STORE_ROOM_GONE) {
        if (ownership_owner(c->ownership, effect->name, &epoch) == OWNERSHIP_SELF) {
            let_go(c, effect->name);
        }
        return false;
    } else if (effect->type == EFFECT_PLACED) {
        keep_placed(c, effect);
        return false;
    } else if (effect->type == EFFECT_RESERVATION) {
        reservation_effect(c, effect);
        return false;
    } else if (effect->type == EFFECT_ORPHAN || effect->type == EFFECT_OUTLIVED ||
               effect->type == EFFECT_CONN_ADOPT || effect->type == EFFECT_FRONT_ADOPT) {
        adopt_effect(c, effect);
        return false;
    }
    return true;
}

static bool poll(struct cluster *c, struct effect *out)
{
    for (;;) {
        if (effects_poll(&c->fx, out)) {
            return true;
        }
        if (!orch_poll(c->orch, out)) {
            c->now_us = MAX(c->now_us, orch_now(c->orch)); /* nodes speak to orch alone */
            if (adopt_next(c) || ask_for_placed(c) || leave_said(c) || hand_over_next(c)) {
                continue;
            }
            events_flush(c);
            peer_flush(c);
            return effects_poll(&c->fx, out);
        }
        /* What it led to comes after it. */
        if (sort_out(c, out)) {
            return true;
        }
        effect_fini(out);
    }
}

bool cluster_poll(struct cluster *c, struct effect *out)
{
    bool more = poll(c, out);
    if (more) {
        traced_effect(c, out);
    }
    return more;
}

/* ---- Time ---------------------------------------------------------------------------------- */

void cluster_expire(struct cluster *c, int64_t now_us)
{
    cluster_tick(c, now_us);
    peers_expire(c);
    ask_expire(c);
    gather_expire(c);
    front_orphans_expire(c);
    joiners_expire(c);
    if (c->renew_us <= now_us) {
        renew(c, !c->renewing);
    }
    if (orch_deadline(c->orch) <= now_us) {
        orch_expire(c->orch, now_us);
    }
    const char *missed[ORCH_MISSED_MAX];
    if (orch_misses_more(c->orch) && orch_missed(c->orch, missed) < ORCH_MISSED_MAX) {
        peers_beat(c); /* others may miss it, too, and then it is no fault of ours */
    }
}

int64_t cluster_deadline(const struct cluster *c)
{
    int64_t at = MIN(peers_deadline(c), ask_deadline(c));
    at = MIN(at, MIN(gather_deadline(c), front_orphans_deadline(c)));
    at = MIN(at, MIN(joiners_deadline(c), c->renew_us));
    return MIN(at, orch_deadline(c->orch));
}

void cluster_stats(const struct cluster *c, struct cluster_stats *out)
{
    *out = c->stats;
    for (size_t member = 1; member < c->member_count; member++) {
        out->peers_up += c->peers[member].up;
        out->peers_cut_off += c->peers[member].away;
        out->kept += c->peers[member].away ? c->peers[member].kept_count : 0;
        out->rooms_known += ownership_count(c->ownership, member);
    }
    out->asks = HASH_COUNT(c->asks);
    for (const struct conn *conn = c->conns; conn != NULL; conn = conn->hh.next) {
        out->conns_elsewhere += conn->owner != OWNERSHIP_SELF;
    }
    out->transports_elsewhere = HASH_COUNT(c->transports);
}
