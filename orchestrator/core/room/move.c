/* SPDX-License-Identifier: Apache-2.0
 *
 * A participant goes from one media node to another (architecture.md §2.3, §6.4).
 *
 *   planned   the old node serves until the client's media reach the new one, which stands by with
 *             everything it needs; then the old one stops and says at which index, and the new one
 *             goes on there, on the same SSRCs. Not a packet is lost.
 *   at once   the old node is dead, or there is nothing to lose: the new node goes on behind all
 *             that the old one may have sent, or, if nobody knows how far that is, under fresh
 *             SSRCs (lease.c; a repeated (key, SSRC, index) gives an AES-GCM key away).
 *
 * Who is silent to the node that serves him is moved away as planned: if the way to that one is
 * broken, he comes; if it is he who is away, nothing changes. The old node is blamed once he has
 * come and it still did not hear him, and the new one never.
 *
 * In both the client gets the new node's candidates, with a higher priority than ever before, and
 * the new node sends it STUN checks.
 */
#include "orchestrator/core/room/private.h"

#define HANDING_US  TIME_MS(500) /* for the old node to answer; it is in the same room as we are */
#define SETTLING_US TIME_S(1)    /* for media on their way to the old node */

/* More than is sent between two reports at 3,000 packets a second, and less than half the numbers
 * there are, or it would be taken for a step back. */
#define TRANSPORT_CC_AHEAD 16384

/* ---- Both kinds ---------------------------------------------------------------------------- */

/* Of what it publishes, and to where it watches. */
static void ways_changed(struct participant *p)
{
    struct subscription *subscription;
    struct track *track;
    DL_FOREACH(p->subscriptions, subscription)
    {
        cascade_changed(subscription->track);
    }
    DL_FOREACH(p->tracks, track)
    {
        cascade_changed(track);
    }
}

static void everything_changed(struct participant *p)
{
    struct subscription *subscription;
    spec_transport_changed(p);
    DL_FOREACH(p->subscriptions, subscription)
    {
        spec_subscription_changed(subscription);
    }
    ways_changed(p);
}

static void set_phase(struct participant *p, enum move_phase phase, int64_t at_us)
{
    p->phase = phase;
    p->move_at_us = at_us;
}

static void forget_handed(struct participant *p)
{
    struct subscription *subscription;
    DL_FOREACH(p->subscriptions, subscription)
    {
        subscription->resumes = false;
    }
    if (p->handed != NULL) {
        spillway__control__handed_over__free_unpacked(p->handed, NULL);
        p->handed = NULL;
    }
}

/* NEXT is no more: a node not reached, or an old one done with. */
static void end(struct participant *p)
{
    if (p->next != NULL) {
        spec_leave_next(p);
        p->next = NULL;
    }
    if (p->phase == MOVE_HANDING) { /* HERE was told to stop */
        spec_transport_changed(p);
    }
    p->silent = p->silent && p->phase != MOVE_SETTLING; /* that was the old one's word */
    p->flees = false;
    set_phase(p, MOVE_NONE, TIME_NEVER);
    ways_changed(p);
}

/* It stays HERE, where it is: the candidates it was given since are of another node. */
static void give_up(struct participant *p)
{
    p->session.candidate_count = 0;
    p->check_priority = 0;
    end(p);
}

static void swap(struct participant *p)
{
    struct host *host = p->host;
    struct subscription *subscription;
    p->host = p->next;
    p->next = host;
    shortage_moved(p);
    struct entry entry = p->entry[HERE];
    p->entry[HERE] = p->entry[NEXT];
    p->entry[NEXT] = entry;
    DL_FOREACH(p->subscriptions, subscription)
    {
        entry = subscription->entry[HERE];
        subscription->entry[HERE] = subscription->entry[NEXT];
        subscription->entry[NEXT] = entry;
    }
}

static void log_move(const struct participant *p, const char *how, const struct host *to)
{
    char trace[TRACE_WORD_MAX];
    log_write(p->room->config->log, LOG_INFO, "participant_%s room=%s participant=%s to=%s%s", how,
              p->room->sid, p->sid, to->node, passage_word(p, trace));
}

static bool is_going(const struct participant *p)
{
    return p->phase == MOVE_STARTED || p->phase == MOVE_HANDING;
}

/* Nobody knows how far the last one had got. A number that lies behind what the client has seen
 * makes libwebrtc tell of all in between, with every feedback. */
static void number_ahead(struct participant *p)
{
    p->transport_cc += TRANSPORT_CC_AHEAD;
}

/* HERE did not hear from the last one where it stopped. */
static void begin_anew(struct participant *p)
{
    struct subscription *subscription;
    DL_FOREACH(p->subscriptions, subscription)
    {
        spec_begin_anew(subscription);
    }
}

/* HERE serves from now on; to NEXT, the old one, nothing changes but that it is done. */
static void settle_in(struct participant *p, int64_t now_us)
{
    struct subscription *subscription;
    set_phase(p, MOVE_SETTLING, now_us + SETTLING_US);
    everything_changed(p);
    DL_FOREACH(p->subscriptions, subscription)
    {
        subscription->entry[NEXT].dirty = false;
    }
}

/* ---- At once ------------------------------------------------------------------------------- */

/* It may be there already, HERE or standing by: then its transport stays. */
static void settle_at(struct participant *p, struct host *host)
{
    if (host == p->next) {
        swap(p);
    }
    number_ahead(p);
    if (host == p->host) {
        begin_anew(p);
    } else {
        spec_remove_transport(p);
        p->host = host;
        shortage_moved(p);
    }
    forget_handed(p);
    end(p);
    refuge_end(p);
    p->silent = false;
    everything_changed(p);
}

void move_back(struct participant *p, struct host *old, bool unused)
{
    struct subscription *subscription;
    DL_FOREACH(p->subscriptions, subscription)
    {
        if (unused) {
            lease_untaken(subscription);
        }
    }
    log_move(p, "refused", p->host);
    settle_at(p, old);
    p->transport_cc -= 2 * TRANSPORT_CC_AHEAD; /* as before it went */
    p->session.candidate_count = 0;
    p->check_priority = 0;
    p->arrive_by_us = TIME_NEVER;
}

/* pion stays with the pair of candidates that it nominated, whatever comes after: it goes elsewhere
 * with an ICE restart alone. */
static bool follows(const struct participant *p)
{
    return !participant_is_pion(p) || !p->connected;
}

void move_at_once(struct participant *p, int64_t now_us, struct host *host, struct effects *fx)
{
    bool knows_the_way = host == p->next && is_going(p);
    bool arrived = p->phase == MOVE_HANDING;
    log_move(p, "moved", host);
    settle_at(p, host);
    if (p->session.local_ufrag[0] == '\0') {
        return; /* the client knows of no node yet */
    }
    p->media_lost = false;
    if (p->session.transport != 0) {
        effect_front_route(fx, p->session.transport, p->front.number, host->node);
    }
    if (!knows_the_way) {
        bool fresh = negotiate_choose_candidates(p, host) && follows(p);
        p->check_priority = fresh ? p->session.candidates[0].priority : 0;
        if (!fresh) {
            node_restart(p, now_us, fx);
            return;
        }
        negotiate_trickle(p, fx);
    }
    if (p->connected && !(knows_the_way && arrived)) {
        node_expect(p, now_us);
    } else if (!p->connected) {
        node_expect_first(p, now_us);
        leave_unless_back(p, now_us);
    }
}

/* ---- Planned ------------------------------------------------------------------------------- */

/* Media flow, the client can be told where to, and both nodes know how. */
static bool can_plan(const struct participant *p, const Spillway__Control__Register *node)
{
    return p->host->info->hands_over && node->hands_over && p->connected && follows(p) &&
           participant_conn(p) != 0 && !p->media_lost && !p->restarting && p->address != NULL &&
           p->arrive_by_us == TIME_NEVER;
}

bool room_may_plan(const struct room *room, const char *identity,
                   const Spillway__Control__Register *node)
{
    const struct participant *p = room_find(room, identity);
    bool may = p != NULL;
    EACH_OF_PERSON((struct participant *)(uintptr_t)p, connection)
    {
        may = may && connection->phase == MOVE_NONE && can_plan(connection, node) &&
              negotiate_may_reach(connection, node);
    }
    return may;
}

static bool is_silent(const struct participant *p, const char *node)
{
    return p->silent && p->phase == MOVE_NONE && strcmp(p->host->node, node) == 0;
}

bool room_is_silent(const struct room *room, const char *identity, const char *node)
{
    const struct participant *p = room_find(room, identity);
    return p != NULL && p->conn != 0 && (is_silent(p, node) || is_silent(receiver_of(p), node));
}

static bool flees(const struct participant *p)
{
    return p->flees && is_going(p);
}

bool room_flees(const struct room *room, const char *identity)
{
    const struct participant *p = room_find(room, identity);
    return p != NULL && (flees(p) || flees(receiver_of(p)));
}

void move_to(struct participant *p, int64_t now_us, struct host *host, struct effects *fx)
{
    if (p->phase == MOVE_SETTLING && p->next != host) {
        end(p);
    } /* else back again: its transport there stands by once more */
    if (is_going(p) || !can_plan(p, host->info) || !negotiate_choose_candidates(p, host)) {
        move_at_once(p, now_us, host, fx);
        return;
    }
    log_move(p, "moving", host);
    forget_handed(p);
    p->flees = p->silent;
    p->next = host;
    p->check_priority = p->session.candidates[0].priority;
    set_phase(p, MOVE_STARTED, now_us + ROOM_ARRIVAL_TIMEOUT_US);
    everything_changed(p);
    negotiate_trickle(p, fx);
}

void move_arrived(struct participant *p, int64_t now_us, struct effects *fx)
{
    if (p->phase == MOVE_STARTED) {
        set_phase(p, MOVE_HANDING, now_us + HANDING_US);
        node_fared(p, p->next, EFFECT_MEDIA_REACHED, fx);
        passage_handing(p, now_us);
        spec_transport_changed(p);
        effect_front_route(fx, p->session.transport, p->front.number, p->next->node);
    }
}

static bool names(const Spillway__Control__HandedOver *handed, uint32_t subscription)
{
    for (size_t i = 0; i < handed->n_senders; i++) {
        if (handed->senders[i]->subscription == subscription) {
            return true;
        }
    }
    return false;
}

/* Who was silent got nothing of what was sent meanwhile: asking for it again would keep a picture
 * from beginning anew, with a key frame. */
static void forget_runs(Spillway__Control__HandedOver *handed)
{
    for (size_t i = 0; i < handed->n_senders; i++) {
        if (handed->senders[i]->run != NULL) {
            spillway__control__sent_run__free_unpacked(handed->senders[i]->run, NULL);
            handed->senders[i]->run = NULL;
        }
    }
}

void move_handed_over(struct participant *p, int64_t now_us,
                      const Spillway__Control__HandedOver *handed)
{
    if (p->phase != MOVE_HANDING) {
        return;
    }
    forget_handed(p);
    p->handed = info_clone(&handed->base);
    if (p->flees && p->silent) {
        forget_runs(p->handed);
    }
    p->estimate_bps = handed->estimate_bps;
    p->transport_cc = (uint16_t)handed->transport_cc;
    swap(p);
    struct subscription *subscription;
    DL_FOREACH(p->subscriptions, subscription)
    {
        subscription->resumes = names(handed, subscription->id);
        if (subscription->resumes) {
            lease_forget(subscription);
        } else {
            spec_begin_anew(subscription);
        }
    }
    settle_in(p, now_us);
    log_move(p, "moved", p->host);
    passage_handed(p, now_us);
}

void move_cancel(struct participant *p, int64_t now_us)
{
    if (is_going(p)) {
        passage_stays(p, now_us, "it was called off");
        give_up(p);
    } else if (p->phase == MOVE_SETTLING) {
        end(p);
    }
}

/* The old node does not answer: it was told to stop, and what it sent last nobody knows. */
static void take_over(struct participant *p, int64_t now_us)
{
    swap(p);
    number_ahead(p);
    begin_anew(p);
    settle_in(p, now_us);
    log_move(p, "taken_over", p->host);
    passage_handed(p, now_us);
}

void move_expire(struct participant *p, int64_t now_us, struct effects *fx)
{
    if (p->move_at_us > now_us) {
        return;
    }
    switch (p->phase) {
    case MOVE_STARTED: /* the client does not come: it is well where it is, or nowhere */
        log_move(p, "stays", p->host);
        if (!p->flees && !p->silent) {
            node_fared(p, p->next, EFFECT_MEDIA_MISSED, fx);
        }
        p->flights += p->flees;
        passage_stays(p, now_us, "it did not come");
        give_up(p);
        break;
    case MOVE_HANDING:
        take_over(p, now_us);
        break;
    case MOVE_SETTLING:
        if (p->flees && p->silent) {
            node_fared(p, p->next, EFFECT_MEDIA_LOST, fx);
        }
        end(p);
        break;
    case MOVE_NONE:
        p->move_at_us = TIME_NEVER;
        break;
    }
}

/* ---- What the orchestrator asks for -------------------------------------------------------- */

int room_move(struct room *room, int64_t now_us, const char *identity,
              const Spillway__Control__Register *node, const struct room_cause *cause,
              struct effects *fx)
{
    struct participant *p = room_find(room, identity);
    if (p == NULL) {
        return ERR_NOT_FOUND;
    }
    if (is_going(p) || is_going(receiver_of(p))) {
        return ERR_AGAIN;
    }
    struct host *host = host_of(room, node);
    EACH_OF_PERSON(p, connection)
    {
        if (connection->host != host) {
            passage_move(connection, now_us, host, cause, fx);
            move_to(connection, now_us, host, fx);
        }
    }
    return 0;
}

/* To a host that may refuse him, unless he is there. */
static void seek(struct participant *p, int64_t now_us, const struct host *dead,
                 const struct room_evacuation *evacuation, struct host *to, struct effects *fx)
{
    bool is_new = p->host != to && evacuation->weight_max != 0;
    move_at_once(p, now_us, to, fx);
    if (is_new) {
        refuge_begin(p, dead->info, evacuation->weight_max);
    }
}

/* Where to from a host that is dead. One who was on the way goes on; who was going there stays. */
static void flee(struct participant *p, int64_t now_us, const struct host *dead,
                 const struct room_evacuation *evacuation, struct host *to, struct effects *fx)
{
    bool serves = p->phase == MOVE_HANDING ? p->next == dead : p->host == dead;
    if (serves && p->connected && p->node_died_us == TIME_NEVER) { /* else he waits since then */
        p->node_died_us = evacuation->died_us;
    }
    if (p->host == dead && is_going(p)) {
        passage_move(p, now_us, p->next, &evacuation->cause, fx);
        move_at_once(p, now_us, p->next, fx);
    } else if (p->host == dead ||
               (p->next == dead && p->phase == MOVE_HANDING)) { /* HERE has stopped by now */
        passage_move(p, now_us, to, &evacuation->cause, fx);
        seek(p, now_us, dead, evacuation, to, fx);
    } else if (p->next == dead) {
        move_cancel(p, now_us);
    }
}

void room_evacuate(struct room *room, int64_t now_us, const struct room_evacuation *evacuation,
                   struct effects *fx)
{
    struct host *old = host_find(room, evacuation->from);
    assert(old != NULL);
    struct host *host = host_of(room, evacuation->to);
    EACH_CONNECTION(room, p)
    {
        if (evacuation->identity != NULL && strcmp(p->identity, evacuation->identity) != 0) {
            continue;
        }
        if (evacuation->dead) {
            flee(p, now_us, old, evacuation, host, fx);
        } else if (p->host == old && !is_going(p)) {
            passage_move(p, now_us, host, &evacuation->cause, fx);
            move_to(p, now_us, host, fx);
        }
    }
}
