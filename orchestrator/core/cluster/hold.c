/* SPDX-License-Identifier: Apache-2.0
 *
 * Regions that are cut off: what tells one from a dead one, and what goes on where it stopped.
 *
 * A process that dies has its connections closed by its kernel, and a machine that dies takes a
 * part of its region with it. When all orchestrators and all nodes of another region fall silent
 * together, with nothing closed, it is the way there that is gone, and both sides find the same of
 * each other.
 *
 * Messages that may not be lost are numbered, and kept until the peer says that they came: with
 * each beat, and in the Hello by which both find each other again. What is sent again and had come
 * already is dropped there by its number. In one's own region nobody is cut off: there only what
 * clients say is kept, for the next owner of their room, should this one die (adopt.c).
 */
#include "orchestrator/core/cluster/private.h"

#include "proto/wire/wire.h"

#include <stdlib.h>
#include <utlist.h>

static bool is_elsewhere(const struct cluster *c, const struct peer *peer)
{
    return peer->region != NULL && peer->region[0] != '\0' &&
           strcmp(peer->region, c->config.front.region) != 0;
}

static void drop_oldest(struct peer *peer)
{
    struct kept *kept = peer->kept;
    DL_DELETE(peer->kept, kept);
    peer->kept_count--;
    peer->kept_bytes -= kept->len;
    free(kept->data);
    free(kept);
}

void hold_keep(struct cluster *c, size_t member, bool of_client, const uint8_t *data, size_t len)
{
    struct peer *peer = &c->peers[member];
    if (!of_client && !is_elsewhere(c, peer)) {
        peer->unkept = peer->sent;
        return;
    }
    struct kept *kept = mem_alloc(sizeof(*kept));
    *kept = (struct kept){.number = peer->sent, .data = mem_copy(data, len), .len = len};
    DL_APPEND(peer->kept, kept);
    peer->kept_count++;
    peer->kept_bytes += len;
    while (peer->kept_count > CLUSTER_KEPT_MAX || peer->kept_bytes > CLUSTER_KEPT_BYTES) {
        peer->unkept = peer->kept->number;
        drop_oldest(peer);
        peer->away_until_us = c->now_us; /* should it be away: nothing can go on */
    }
}

void hold_acked(struct cluster *c, size_t member, uint64_t received)
{
    struct peer *peer = &c->peers[member];
    if (received > peer->sent) {
        c->stats.malformed++;
        return;
    }
    peer->acked = MAX(peer->acked, received);
    while (peer->kept != NULL && peer->kept->number <= peer->acked) {
        drop_oldest(peer);
    }
}

void hold_withdraw(struct cluster *c, size_t member, uint64_t number)
{
    struct peer *peer = &c->peers[member];
    struct kept *kept;
    DL_FOREACH(peer->kept, kept)
    {
        if (kept->number != number) {
            continue;
        }
        Spillway__Bus__Rooms none = SPILLWAY__BUS__ROOMS__INIT;
        Spillway__Bus__PeerMessage message = SPILLWAY__BUS__PEER_MESSAGE__INIT;
        message.session = peer->session;
        message.number = number;
        message.message_case = SPILLWAY__BUS__PEER_MESSAGE__MESSAGE_RELEASED;
        message.released = &none;
        peer->kept_bytes -= kept->len;
        free(kept->data);
        kept->data = wire_pack(&message.base, &kept->len);
        peer->kept_bytes += kept->len;
        return;
    }
}

void hold_forget(struct peer *peer)
{
    while (peer->kept != NULL) {
        drop_oldest(peer);
    }
    peer->acked = peer->unkept = 0;
}

static bool region_is_silent(const struct cluster *c, const char *region)
{
    for (size_t member = 1; member < c->member_count; member++) {
        const struct peer *peer = &c->peers[member];
        if (peer->up && strcmp(peer->region, region) == 0 &&
            c->now_us - peer->heard_us < CLUSTER_DOUBT_US) {
            return false;
        }
    }
    return orch_region_silent(c->orch, c->now_us, region, CLUSTER_DOUBT_US);
}

bool hold_begin(struct cluster *c, size_t member)
{
    struct peer *peer = &c->peers[member];
    if (peer->away) {
        return true;
    }
    if (!peer->up || !is_elsewhere(c, peer) || peer->acked < peer->unkept ||
        !region_is_silent(c, peer->region)) {
        return false;
    }
    c->stats.cut_offs++;
    log_write(c->config.log, LOG_WARN, "region_cut_off region=%s peer=%s name=%s wait_s=%d",
              peer->region, peer->id, peer->name, (int)(CLUSTER_CUT_OFF_US / TIME_S(1)));
    peer->up = false;
    peer->away = true;
    peer->away_until_us = c->now_us + CLUSTER_CUT_OFF_US;
    peer->beat_us = c->now_us;
    ownership_member_away(c->ownership, member, true);
    orch_region_cut_off(c->orch, c->now_us, peer->region, peer->away_until_us);
    orch_front_away(c->orch, c->now_us, peer->number, true);
    return true;
}

static void send_again(struct cluster *c, size_t member)
{
    const struct kept *kept;
    DL_FOREACH(c->peers[member].kept, kept)
    {
        effects_take(&c->fx, (struct effect){.type = EFFECT_PEER_SEND,
                                             .id = member - 1,
                                             .data = mem_copy(kept->data, kept->len),
                                             .len = kept->len});
    }
}

void hold_end(struct cluster *c, size_t member)
{
    struct peer *peer = &c->peers[member];
    assert(peer->away && peer->link);
    log_write(c->config.log, LOG_WARN, "region_back region=%s peer=%s name=%s waited=%zu",
              peer->region, peer->id, peer->name, peer->kept_count);
    peer->away = false;
    peer->up = true;
    peer->heard_us = c->now_us;
    peer->beat_us = c->now_us;
    ownership_member_away(c->ownership, member, false);
    orch_region_cut_off(c->orch, c->now_us, peer->region, c->now_us + CLUSTER_RETURN_US);
    orch_front_away(c->orch, c->now_us, peer->number, false);
    send_again(c, member);
    events_tell_all(c, member);
}
