/* SPDX-License-Identifier: Apache-2.0
 *
 * The link to each peer.
 *
 *   lost   nothing of theirs counts but a Hello, which is kept       -> up: our connection stands,
 *          and theirs has come and says that ours has
 *   up     everything goes both ways, a beat each way four a second  -> lost: a connection broke,
 *          silence, or a Hello of a session that we do not know: they lost us, or died and came
 *          back  -> away: its region is cut off (hold.c)
 *   away   what is for them is kept, and a Hello four a second asks for theirs  -> up: theirs has
 *          come, of the session that we know  -> lost: it lasts too long, or too much is kept
 *
 * Each time it is lost, what we send gets a new session, and a Hello begins it: so a peer that did
 * not notice does then, and both start with nothing in common. A Hello says which of ours it knows;
 * if that is not the present one, or theirs is new, ours is said again. One that was on its way
 * when its session ended brings nobody up: else each end would find the other anew for ever.
 */
#include "orchestrator/core/cluster/private.h"
#include "proto/wire/wire.h"

#include <stdio.h>
#include <stdlib.h>

#define PROTOCOL 1

typedef Spillway__Bus__PeerMessage peer_message;

void peer_say_hello(struct cluster *c, size_t member, bool asks)
{
    struct peer *peer = &c->peers[member];
    Spillway__Bus__Hello hello = SPILLWAY__BUS__HELLO__INIT;
    peer_message message = SPILLWAY__BUS__PEER_MESSAGE__INIT;
    hello.id = (char *)(uintptr_t)c->config.front.orchestrator;
    hello.number = (uint32_t)c->config.front.number;
    hello.name = (char *)(uintptr_t)c->config.name;
    hello.region = (char *)(uintptr_t)c->config.front.region;
    hello.protocol = PROTOCOL;
    hello.answers = peer->met ? peer->session_in : 0;
    hello.received = peer->met ? peer->received : 0;
    hello.asks = asks;
    hello.inherits = true;
    message.message_case = SPILLWAY__BUS__PEER_MESSAGE__MESSAGE_HELLO;
    message.hello = &hello;
    peer_send_now(c, member, &message, false);
}

static void begin_session(struct cluster *c, size_t member)
{
    struct peer *peer = &c->peers[member];
    do {
        c->config.random.fill(c->config.random.arg, &peer->session, sizeof(peer->session));
    } while (peer->session == 0);
    peer->sent = 0;
    peer->heeds = false;
    hold_forget(peer);
    peer_say_hello(c, member, false);
}

void peer_beat(struct cluster *c, size_t member)
{
    Spillway__Bus__Beat beat = SPILLWAY__BUS__BEAT__INIT;
    peer_message message = SPILLWAY__BUS__PEER_MESSAGE__INIT;
    beat.store_up = c->store_up;
    beat.received = c->peers[member].received;
    beat.leaves = c->leaves;
    beat.left = c->left;
    beat.waiting = orch_waiting(c->orch);
    const char *silent[ORCH_MISSED_MAX];
    beat.n_silent = orch_missed(c->orch, silent);
    beat.silent = (char **)(uintptr_t)silent;
    message.message_case = SPILLWAY__BUS__PEER_MESSAGE__MESSAGE_BEAT;
    message.beat = &beat;
    c->peers[member].beat_us = c->now_us + CLUSTER_BEAT_US;
    peer_send(c, member, &message, false);
}

static void rise(struct cluster *c, size_t member)
{
    struct peer *peer = &c->peers[member];
    if (!peer->link || !peer->met || !peer->heeds || peer->up || peer->away) {
        return;
    }
    peer->up = true;
    peer->heard_us = c->now_us;
    cluster_share(c);
    ownership_member(c->ownership, member, peer->id, peer->region);
    if (strcmp(peer->id, peer->before) == 0) {
        front_peer_back(c, member);
    }
    log_write(c->config.log, LOG_INFO, "peer_up peer=%s name=%s region=%s", peer->id, peer->name,
              peer->region);
    rooms_tell_all(c, member);
    peer_beat(c, member);
    events_tell_all(c, member);
    orch_reservations_tell(c->orch, c->now_us);
}

static void forget(struct peer *peer)
{
    free(peer->batch.data);
    peer->batch.data = NULL;
    peer->batch.count = 0;
    free(peer->name);
    free(peer->region);
    peer->name = peer->region = NULL;
    peer->ended |= peer->left;
    peer->met = peer->up = peer->away = false;
    peer->told = peer->leaves = peer->left = peer->inherits = false;
    peer->bequest = 0;
    peer->waiting = 0;
}

/* Of all others; of who is away or gone nothing is known. */
void peer_hear_waiting(struct cluster *c)
{
    uint64_t weight = 0;
    for (size_t member = 1; member < c->member_count; member++) {
        weight += c->peers[member].up ? c->peers[member].waiting : 0;
    }
    orch_waiting_elsewhere(c->orch, c->now_us, weight);
}

/* Everything in common is over. */
static void fall(struct cluster *c, size_t member, const char *why)
{
    struct peer *peer = &c->peers[member];
    bool was_up = peer->up || peer->away;
    uint64_t number = peer->number;
    if (was_up) {
        log_write(c->config.log, LOG_WARN, "peer_lost peer=%s name=%s why=\"%s\"", peer->id,
                  peer->name, why);
    }
    forget(peer);
    if (was_up) {
        memcpy(peer->before, peer->id, sizeof(peer->before));
        c->stats.peers_lost++;
        ownership_member_gone(c->ownership, member);
        cluster_share(c);
        peer_hear_waiting(c);
        orch_front_lost(c->orch, c->now_us, number);
        front_peer_gone(c, member);
        joiners_owner_lost(c, member);
        adopt_unreceived(c, member);
        ask_peer_gone(c, member);
        orch_remains_due(c->orch, c->now_us, peer->id);
        gather_peer_gone(c, member);
    }
    if (peer->link) {
        begin_session(c, member);
    }
}

/* Its kernel closed what it had open. */
static void died(struct cluster *c, size_t member, const char *why)
{
    if (c->peers[member].up) {
        adopt_peer_died(c, member);
    }
    fall(c, member, why);
}

void cluster_peer_link(struct cluster *c, int64_t now_us, size_t index, bool up)
{
    size_t member = index + 1;
    assert(member < c->member_count);
    cluster_tick(c, now_us);
    struct peer *peer = &c->peers[member];
    if (!up) {
        peer->link = false;
        if (!hold_begin(c, member)) {
            died(c, member, "our connection broke");
        }
    } else if (!peer->link) {
        peer->link = true;
        if (peer->away) {
            peer_say_hello(c, member, true);
            return;
        }
        begin_session(c, member);
        rise(c, member);
    }
}

void cluster_peer_lost(struct cluster *c, int64_t now_us, size_t index)
{
    assert(index + 1 < c->member_count);
    cluster_tick(c, now_us);
    if (c->peers[index + 1].met && !hold_begin(c, index + 1)) {
        died(c, index + 1, "its connection broke");
    }
}

static bool number_taken(const struct cluster *c, size_t member, uint64_t number)
{
    bool taken = number == c->config.front.number;
    for (size_t other = 1; other < c->member_count; other++) {
        taken |= other != member && c->peers[other].met && c->peers[other].number == number;
    }
    return taken;
}

static const char *what_ails(const struct cluster *c, size_t member,
                             const Spillway__Bus__Hello *hello)
{
    if (hello->protocol != PROTOCOL) {
        return "it speaks another protocol";
    }
    if (hello->id[0] == '\0' || strlen(hello->id) >= ID_MAX ||
        strcmp(hello->id, c->config.front.orchestrator) == 0 || hello->number == 0 ||
        hello->number >> (64 - EFFECT_FRONT_SHIFT) != 0) {
        return "its id or number makes no sense";
    }
    if (number_taken(c, member, hello->number)) {
        return "its number is taken: start it again";
    }
    return NULL;
}

static void meet(struct cluster *c, size_t member, uint64_t session,
                 const Spillway__Bus__Hello *hello)
{
    struct peer *peer = &c->peers[member];
    const char *ails = what_ails(c, member, hello);
    if (peer->up || peer->away) {
        fall(c, member, "it starts anew");
    }
    if (ails != NULL) {
        c->stats.malformed++;
        log_write(c->config.log, LOG_ERROR, "peer_refused peer=%s why=\"%s\"", hello->id, ails);
        return;
    }
    forget(peer);
    peer->met = true;
    peer->ended = false;
    peer->session_in = session;
    peer->received = 0;
    peer->number = hello->number;
    peer->inherits = hello->inherits;
    peer->name = mem_str(hello->name);
    peer->region = mem_str(hello->region);
    snprintf(peer->id, sizeof(peer->id), "%s", hello->id);
}

static void greeted(struct cluster *c, size_t member, uint64_t session,
                    const Spillway__Bus__Hello *hello)
{
    struct peer *peer = &c->peers[member];
    bool is_new = !peer->met || peer->session_in != session;
    if (is_new) {
        meet(c, member, session, hello);
    }
    if (!peer->met) {
        return;
    }
    bool heeds = hello->answers == peer->session;
    if (peer->link && (is_new || !heeds || hello->asks)) {
        peer_say_hello(c, member, false);
    }
    if (heeds) {
        peer->heeds = true;
        hold_acked(c, member, hello->received);
        if (peer->away && peer->link) {
            hold_end(c, member);
        }
    }
    rise(c, member);
}

/* Whether it is the next one of theirs: what they sent again may have come before. */
static bool is_next(struct cluster *c, size_t member, uint64_t number)
{
    struct peer *peer = &c->peers[member];
    if (number == 0) {
        return true;
    }
    if (number == peer->received + 1) {
        peer->received = number;
        return true;
    }
    if (number > peer->received) {
        fall(c, member, "messages of it are lost");
    }
    return false;
}

void cluster_peer_message(struct cluster *c, int64_t now_us, size_t index, struct bytes bytes)
{
    size_t member = index + 1;
    ProtobufCMessage *unpacked;
    assert(member < c->member_count);
    cluster_tick(c, now_us);
    struct peer *peer = &c->peers[member];
    if (wire_unpack(&spillway__bus__peer_message__descriptor, bytes, &unpacked) != 0) {
        c->stats.malformed++;
        return;
    }
    const peer_message *m = (const peer_message *)unpacked;
    if (m->message_case == SPILLWAY__BUS__PEER_MESSAGE__MESSAGE_HELLO) {
        greeted(c, member, m->session, m->hello);
    } else if (!(peer->up || peer->away) || m->session != peer->session_in) {
        c->stats.stale++;
    } else if (is_next(c, member, m->number)) {
        peer->heard_us = now_us;
        peer_hear(c, member, m);
    }
    protobuf_c_message_free_unpacked(unpacked, NULL);
}

void peers_beat(struct cluster *c)
{
    for (size_t member = 1; member < c->member_count; member++) {
        if (c->peers[member].up) {
            peer_beat(c, member);
        }
    }
}

void peers_expire(struct cluster *c)
{
    for (size_t member = 1; member < c->member_count; member++) {
        struct peer *peer = &c->peers[member];
        if (peer->up && peer->heard_us + CLUSTER_SILENT_US <= c->now_us) {
            if (!hold_begin(c, member)) {
                fall(c, member, "silent");
            }
        } else if (peer->away && peer->away_until_us <= c->now_us) {
            fall(c, member, "its region is cut off, for too long or with too much to tell it");
        } else if (peer->up && peer->beat_us <= c->now_us) {
            peer_beat(c, member);
        } else if (peer->away && peer->beat_us <= c->now_us) {
            peer->beat_us = c->now_us + CLUSTER_BEAT_US;
            if (peer->link) {
                peer_say_hello(c, member, true);
            }
        }
    }
}

int64_t peers_deadline(const struct cluster *c)
{
    int64_t at = TIME_NEVER;
    for (size_t member = 1; member < c->member_count; member++) {
        const struct peer *peer = &c->peers[member];
        if (peer->up) {
            at = MIN(at, MIN(peer->beat_us, peer->heard_us + CLUSTER_SILENT_US));
        } else if (peer->away) {
            at = MIN(at, MIN(peer->beat_us, peer->away_until_us));
        }
    }
    return at;
}

void peer_free_all(struct cluster *c)
{
    for (size_t member = 1; member < c->member_count; member++) {
        struct peer *peer = &c->peers[member];
        forget(peer);
        hold_forget(peer);
        free(peer->batch.transports);
        free(peer->batch.streams);
    }
}
