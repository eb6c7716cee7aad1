/* SPDX-License-Identifier: Apache-2.0
 *
 * From what is asked to the owner of its room.
 *
 *   ours         done at once
 *   a peer's     asked here: sent there, and kept until its first word. Asked by a peer: redirect
 *   nobody's     what makes the room: sent to the preferred owner, once; claimed by whoever got it.
 *                Anything else: the store is looked at, since its owner may not have told us yet
 *
 * What waits is kept in `asks`, and routed anew when the claim of its room is answered.
 */
#include "orchestrator/core/cluster/private.h"

#include <stdlib.h>

enum { HTTP_UNAVAILABLE = 503 };

static void route(struct cluster *c, struct ask *ask);

/* ---- What waits ---------------------------------------------------------------------------- */

struct ask *ask_find(const struct cluster *c, uint64_t id)
{
    struct ask *ask;
    HASH_FIND(hh, c->asks, &id, sizeof(id), ask);
    return ask;
}

/* A join that comes when its client is long gone would take the place of the client's next one. */
static void take_back(struct cluster *c, struct ask *ask)
{
    if (ask->at != OWNERSHIP_NOBODY) {
        hold_withdraw(c, ask->at, ask->number);
    }
    ask->at = OWNERSHIP_NOBODY;
}

void ask_forget(struct cluster *c, struct ask *ask)
{
    take_back(c, ask);
    traced_wait(c, ask, NULL);
    HASH_DEL(c->asks, ask);
    c->waiting_bytes -= ask->len;
    spillway__bus__ask__free_unpacked(ask->message, NULL);
    free(ask);
}

static void claim_free(struct cluster *c, struct claim *claim)
{
    HASH_DEL(c->claims, claim);
    free(claim->room);
    free(claim->region);
    free(claim);
}

void ask_free_all(struct cluster *c)
{
    while (c->asks != NULL) {
        ask_forget(c, c->asks);
    }
    while (c->claims != NULL) {
        claim_free(c, c->claims);
    }
}

static bool is_connect(const Spillway__Bus__Ask *message)
{
    return message->ask_case == SPILLWAY__BUS__ASK__ASK_CONNECT;
}

/* In the voice of whoever would have answered. */
static void refuse(struct cluster *c, size_t origin, const Spillway__Bus__Ask *message,
                   const char *text)
{
    struct effect effect = {.id = message->id,
                            .status = HTTP_UNAVAILABLE,
                            .retry_after_s = 1,
                            .text = (char *)(uintptr_t)text,
                            .name = "text/plain; charset=utf-8",
                            .data = (uint8_t *)(uintptr_t)text,
                            .len = strlen(text)};
    effect.type = is_connect(message) ? EFFECT_REFUSE : EFFECT_REPLY;
    if (origin != OWNERSHIP_SELF) {
        peer_send_effect(c, origin, &effect);
    } else if (is_connect(message)) {
        front_refuse(c, message->id, HTTP_UNAVAILABLE, text);
    } else {
        effect_reply(&c->fx, message->id, HTTP_UNAVAILABLE, effect.name, text);
    }
}

static void give_up(struct cluster *c, struct ask *ask, const char *text)
{
    refuse(c, ask->origin, ask->message, text);
    ask_forget(c, ask);
}

/* ---- The owner's part ---------------------------------------------------------------------- */

static struct entry_request entry_of(const Spillway__Bus__Entry *entry)
{
    return (struct entry_request){
        .path = entry->path,
        .authorization = entry->authorization,
        .access_token = entry->access_token,
        .join_request = entry->join_request,
        .protocol = entry->protocol,
        .room = entry->room,
        .two_connections = entry->two_connections,
    };
}

static struct room_front front_at(const struct cluster *c, size_t origin,
                                  const Spillway__Bus__Connect *connect)
{
    if (origin == OWNERSHIP_SELF) {
        return c->config.front;
    }
    const struct peer *peer = &c->peers[origin];
    return (struct room_front){.orchestrator = peer->id,
                               .fingerprint = connect->fingerprint,
                               .region = peer->region,
                               .number = peer->number};
}

/* False: nothing was done, where the room goes is not agreed on yet. */
static bool perform(struct cluster *c, size_t origin, const Spillway__Bus__Ask *message)
{
    struct entry_request entry;
    const char *sid;
    bool done = true;
    orch_claimed(c->orch, cluster_own_epoch(c, message->room));
    traced_perform(c, origin, message);
    switch (message->ask_case) {
    case SPILLWAY__BUS__ASK__ASK_CONNECT:
        sid = message->connect->sid;
        done = orch_connect(c->orch, c->now_us, message->id,
                            &(struct orch_client){.request = entry_of(message->connect->entry),
                                                  .address = message->connect->address,
                                                  .sid = sid[0] == '\0' ? NULL : sid,
                                                  .front = front_at(c, origin, message->connect),
                                                  .trace = traced_ask(message)});
        break;
    case SPILLWAY__BUS__ASK__ASK_VALIDATE:
        entry = entry_of(message->validate);
        orch_validate(c->orch, c->now_us, message->id, &entry);
        break;
    case SPILLWAY__BUS__ASK__ASK_TWIRP:
        done = orch_twirp(c->orch, c->now_us, message->id,
                          &(struct twirp_head){.verb = message->twirp->verb,
                                               .path = message->twirp->path,
                                               .content_type = message->twirp->content_type},
                          message->twirp->authorization,
                          (struct bytes){message->twirp->body.data, message->twirp->body.len});
        break;
    case SPILLWAY__BUS__ASK__ASK_ADMIN:
        orch_admin(c->orch, c->now_us, message->id,
                   &(struct orch_admin_request){
                       .verb = message->admin->verb,
                       .path = message->admin->path,
                       .authorization = message->admin->authorization,
                       .body = {message->admin->body.data, message->admin->body.len},
                       .changed_us = message->admin->changed_us,
                       .weighed = message->admin->weighed,
                       .trace = traced_ask(message)});
        break;
    default:
        unreachable(); /* was looked at when it came */
    }
    orch_claimed(c->orch, 0);
    return done;
}

static void count_placement(struct cluster *c, const Spillway__Bus__Ask *message, int64_t began_us)
{
    if (is_connect(message) && message->creates) {
        timings_add(&c->stats.placement, c->now_us - began_us);
    }
}

/* Unless it waits for the room's place, which EFFECT_PLACED ends. */
static void do_it(struct cluster *c, struct ask *ask)
{
    struct conn *conn = ask->origin == OWNERSHIP_SELF ? front_conn(c, ask->id) : NULL;
    if (!perform(c, ask->origin, ask->message)) {
        ask->at = OWNERSHIP_NOBODY;
        traced_wait(c, ask, "placement_agree");
        return;
    }
    char *room = mem_str(ask->message->room);
    count_placement(c, ask->message, ask->until_us - CLUSTER_ASK_US);
    ask_forget(c, ask);
    cluster_disown(c, room);
    free(room);
    if (conn != NULL) {
        front_conn_owned(c, conn, OWNERSHIP_SELF);
    }
}

/* ---- Finding the owner --------------------------------------------------------------------- */

size_t ask_owner(const struct cluster *c, const char *room)
{
    uint64_t epoch;
    if (c->config.peer_count == 0 || room[0] == '\0') { /* "": about none in particular */
        return OWNERSHIP_SELF;
    }
    return ownership_owner(c->ownership, room, &epoch);
}

static void send_on(struct cluster *c, struct ask *ask, size_t member)
{
    Spillway__Bus__PeerMessage message = SPILLWAY__BUS__PEER_MESSAGE__INIT;
    if (c->peers[member].away) { /* it would hear of it after who asked has gone */
        if (ask->origin == OWNERSHIP_SELF && is_connect(ask->message) && !ask->message->creates) {
            uint64_t conn = ask->id;
            ask_forget(c, ask);
            front_try_again(c, conn); /* somebody who is in the room, and stays */
        } else {
            give_up(c, ask, "the region where the room is decided is cut off");
        }
        return;
    }
    ask->at = member;
    ask->message->hops++;
    traced_wait(c, ask, NULL);
    Spillway__Bus__Ask out = *ask->message;
    if (ask->origin == OWNERSHIP_SELF) {
        out.trace = traced_forward(c, ask->id, member);
    }
    Spillway__Bus__Connect connect;
    if (is_connect(ask->message) && ask->origin == OWNERSHIP_SELF) {
        connect = *ask->message->connect;
        connect.sid = (char *)(uintptr_t)joiner_asks(c, member, ask->message);
        out.connect = &connect;
    }
    message.message_case = SPILLWAY__BUS__PEER_MESSAGE__MESSAGE_ASK;
    message.ask = &out;
    c->stats.sent_on++;
    peer_send(c, member, &message, false);
    ask->number = message.number; /* 0: it was not sent, and comes too late for its client */
}

static void redirect(struct cluster *c, struct ask *ask, size_t owner)
{
    uint64_t epoch = 0;
    Spillway__Bus__Redirect redirect = SPILLWAY__BUS__REDIRECT__INIT;
    Spillway__Bus__PeerMessage message = SPILLWAY__BUS__PEER_MESSAGE__INIT;
    (void)ownership_owner(c->ownership, ask->message->room, &epoch);
    redirect.id = ask->id;
    redirect.room = ask->message->room;
    redirect.owner = c->peers[owner].id;
    redirect.epoch = epoch;
    message.message_case = SPILLWAY__BUS__PEER_MESSAGE__MESSAGE_REDIRECT;
    message.redirect = &redirect;
    size_t origin = ask->origin;
    peer_send(c, origin, &message, false);
    ask_forget(c, ask);
}

/* One that is there, and has not said yet which rooms it has, is as good as missing. */
static bool misses_somebody(const struct cluster *c)
{
    bool missing = false;
    for (size_t member = 1; member < c->member_count; member++) {
        const struct peer *peer = &c->peers[member];
        missing |= !(peer->up && peer->told) && !peer->ended;
    }
    return missing;
}

static void ask_store(struct cluster *c, struct claim *claim)
{
    claim->again_us = TIME_NEVER;
    effects_take(&c->fx, (struct effect){.type = EFFECT_STORE_CLAIM,
                                         .name = mem_str(claim->room),
                                         .text = mem_str(claim->over),
                                         .epoch = cluster_next_epoch(c),
                                         .status = claim->look});
}

static struct claim *find_claim(const struct cluster *c, const char *room)
{
    struct claim *claim;
    HASH_FIND_STR(c->claims, room, claim);
    return claim;
}

static struct claim *add_claim(struct cluster *c, const char *room)
{
    struct claim *claim = mem_alloc(sizeof(*claim));
    claim->room = mem_str(room);
    claim->began_us = c->now_us;
    HASH_ADD_KEYPTR(hh, c->claims, claim->room, strlen(claim->room), claim);
    return claim;
}

static void wait_for_claim(struct cluster *c, struct ask *ask)
{
    ask->at = OWNERSHIP_NOBODY;
    traced_wait(c, ask, "owner_find");
    if (find_claim(c, ask->message->room) != NULL) {
        return; /* it is looked at again after that one's answer */
    }
    struct claim *claim = add_claim(c, ask->message->room);
    claim->look = !ask->message->creates;
    c->stats.claims += !claim->look;
    ask_store(c, claim);
}

/* The heir, or the preferred owner of this region: others leave it to that one for a moment. */
static bool claims_first(const struct cluster *c, const struct claim *claim)
{
    enum ownership_scope scope = c->store_up ? OWNERSHIP_REGION : OWNERSHIP_ANYWHERE;
    size_t first = claim->region != NULL ? ownership_heir(c->ownership, claim->room, claim->region)
                                         : ownership_preferred(c->ownership, claim->room, scope);
    return first == OWNERSHIP_SELF;
}

/* The store did not answer, and we may not have been told yet that it is away: the same one claims
 * in all regions. An heir that does not know of the room does not. */
static bool claims_without_store(const struct cluster *c, const struct claim *claim)
{
    bool heirs = claim->region != NULL && c->now_us - claim->began_us < CLUSTER_ALONE_US;
    size_t first = heirs ? ownership_heir(c->ownership, claim->room, claim->region)
                         : ownership_preferred(c->ownership, claim->room, OWNERSHIP_ANYWHERE);
    return first == OWNERSHIP_SELF;
}

void ask_claim_orphan(struct cluster *c, const char *room, const struct lost *over)
{
    struct claim *claim = find_claim(c, room);
    if (claim != NULL && claim->orphan) {
        return;
    }
    bool first = claim == NULL; /* else it is asked for already, and once more after that */
    claim = first ? add_claim(c, room) : claim;
    claim->orphan = true;
    claim->look = false;
    if (over != NULL) {
        memcpy(claim->over, over->id, sizeof(over->id));
        claim->region = over->region == NULL ? NULL : mem_str(over->region);
    }
    c->stats.claims++;
    if (!claims_first(c, claim)) {
        claim->again_us = first ? c->now_us + CLUSTER_UNCLAIMED_US : claim->again_us;
    } else if (first) {
        ask_store(c, claim);
    }
}

void ask_claim_outlived(struct cluster *c, const char *room)
{
    if (find_claim(c, room) != NULL) {
        return;
    }
    struct claim *claim = add_claim(c, room);
    claim->outlived = true;
    c->stats.claims++;
    ask_store(c, claim);
}

static void route_unowned(struct cluster *c, struct ask *ask)
{
    if (ask->message->creates && ask->message->hops == 0) {
        size_t member = ownership_preferred(c->ownership, ask->message->room, OWNERSHIP_REGION);
        if (member != OWNERSHIP_SELF) {
            send_on(c, ask, member);
            return;
        }
    }
    wait_for_claim(c, ask);
}

/* May forget the ask. */
static void route(struct cluster *c, struct ask *ask)
{
    size_t owner = ask_owner(c, ask->message->room);
    if (owner == OWNERSHIP_SELF) {
        do_it(c, ask);
    } else if (ask->message->hops > CLUSTER_HOPS_MAX) {
        give_up(c, ask, "the room's owner changes all the time");
    } else if (owner == OWNERSHIP_NOBODY) {
        route_unowned(c, ask);
    } else if (ask->origin == OWNERSHIP_SELF) {
        send_on(c, ask, owner);
    } else {
        redirect(c, ask, owner);
    }
}

void ask_new(struct cluster *c, size_t origin, const Spillway__Bus__Ask *message)
{
    bool ours = ask_owner(c, message->room) == OWNERSHIP_SELF;
    if (ours && perform(c, origin, message)) { /* the usual way, without a copy */
        count_placement(c, message, c->now_us);
        cluster_disown(c, message->room);
        return;
    }
    if (ask_find(c, message->id) != NULL) {
        c->stats.malformed++; /* a peer's: ours are new */
        return;
    }
    size_t len = protobuf_c_message_get_packed_size(&message->base);
    if (HASH_COUNT(c->asks) >= CLUSTER_ASKS_MAX || c->waiting_bytes + len > CLUSTER_WAITING_MAX) {
        c->stats.asks_full++;
        refuse(c, origin, message, "too many clients wait for their rooms to be found");
        return;
    }
    struct ask *ask = mem_alloc(sizeof(*ask));
    *ask = (struct ask){.id = message->id,
                        .origin = origin,
                        .at = OWNERSHIP_NOBODY,
                        .until_us = c->now_us + CLUSTER_ASK_US,
                        .message = (Spillway__Bus__Ask *)cluster_clone(&message->base),
                        .len = len};
    c->waiting_bytes += len;
    HASH_ADD(hh, c->asks, id, sizeof(ask->id), ask);
    route(c, ask);
}

static bool waits_for(const struct ask *ask, const char *room)
{
    return ask->at == OWNERSHIP_NOBODY && strcmp(ask->message->room, room) == 0;
}

static void route_all(struct cluster *c, const char *room)
{
    struct ask *ask, *next;
    HASH_ITER(hh, c->asks, ask, next)
    {
        if (waits_for(ask, room)) {
            route(c, ask);
        }
    }
}

bool ask_waits(const struct cluster *c, const char *room)
{
    for (const struct ask *ask = c->asks; ask != NULL; ask = ask->hh.next) {
        if (waits_for(ask, room)) {
            return true;
        }
    }
    return false;
}

void ask_placed(struct cluster *c, const char *room)
{
    route_all(c, room);
    cluster_disown(c, room); /* whoever asked for it has gone */
}

/* ---- Answers of the store ------------------------------------------------------------------ */

/* There is no such room: what does not make it is answered here, the rest claims it. */
static void not_there(struct cluster *c, const char *room)
{
    struct ask *ask, *next;
    HASH_ITER(hh, c->asks, ask, next)
    {
        if (waits_for(ask, room) && !ask->message->creates) {
            do_it(c, ask);
        }
    }
    route_all(c, room);
}

/* Neither the store nor every peer is there, and that for a moment only. */
static bool is_alone(const struct cluster *c, const struct claim *claim)
{
    return misses_somebody(c) && !claim->look && c->now_us - claim->began_us < CLUSTER_ALONE_US;
}

/* It is ours: as it was, if nodes have it still. */
static void go_on(struct cluster *c, const char *room, uint64_t epoch)
{
    cluster_own(c, room, epoch);
    (void)orch_adopt(c->orch, c->now_us, room, epoch);
    route_all(c, room);
    cluster_disown(c, room); /* whoever asked for it has gone */
}

/* The store is away: the preferred one of all owns it, by its clock. */
static void without_store(struct cluster *c, const char *room)
{
    size_t member = ownership_preferred(c->ownership, room, OWNERSHIP_ANYWHERE);
    struct ask *ask, *next;
    HASH_ITER(hh, c->asks, ask, next)
    {
        if (!waits_for(ask, room)) {
            continue;
        }
        if (!ask->message->creates) {
            do_it(c, ask);
        } else if (member != OWNERSHIP_SELF && ask->origin == OWNERSHIP_SELF &&
                   ask->message->hops < CLUSTER_HOPS_MAX) {
            send_on(c, ask, member);
        } else {
            go_on(c, room, cluster_next_epoch(c));
            return;
        }
    }
}

/* Of a room of ours: whose it is. Where that cannot be found out, it is given up. */
static void claimed_again(struct cluster *c, struct claim *claim, int err, const char *owner,
                          uint64_t epoch)
{
    size_t member = err == 0 ? ownership_member_of(c->ownership, owner) : OWNERSHIP_SELF;
    bool unsure = err == 0 ? member == OWNERSHIP_NOBODY : misses_somebody(c);
    if (unsure && c->now_us - claim->began_us < CLUSTER_ALONE_US) {
        claim->again_us = c->now_us + CLUSTER_CLAIM_US;
        return;
    }
    char *room = mem_str(claim->room);
    bool ours = cluster_own_epoch(c, room) != 0; /* still */
    claim_free(c, claim);
    if (!ours && err == 0 && member == OWNERSHIP_SELF) {
        effects_take(
            &c->fx,
            (struct effect){.type = EFFECT_STORE_ROOM_GONE, .name = mem_str(room), .epoch = epoch});
    } else if (ours && member == OWNERSHIP_SELF && !unsure) {
        epoch = err == 0 ? epoch : cluster_next_epoch(c);
        cluster_own(c, room, epoch);
        orch_outlive(c->orch, c->now_us, room, epoch);
        cluster_disown(c, room); /* everybody has gone meanwhile */
    } else {
        cluster_lost(c, c->now_us, room);
    }
    if (member != OWNERSHIP_SELF && member != OWNERSHIP_NOBODY) {
        (void)ownership_take(c->ownership, member, room, epoch);
    }
    route_all(c, room);
    free(room);
}

void cluster_claimed(struct cluster *c, int64_t now_us, const char *room, int err,
                     const char *owner, uint64_t epoch)
{
    cluster_tick(c, now_us);
    struct claim *claim = find_claim(c, room);
    if (claim == NULL) {
        return;
    }
    if (claim->outlived) {
        claimed_again(c, claim, err, owner, epoch);
        return;
    }
    bool look =
        claim->look || (err == 0 && owner[0] == '\0'); /* it became one for an orphan since */
    bool mine = err == 0 && strcmp(owner, c->config.front.orchestrator) == 0;
    size_t member = err == 0 ? ownership_member_of(c->ownership, owner) : OWNERSHIP_NOBODY;
    if (err == 0 && owner[0] != '\0' && !mine && member == OWNERSHIP_NOBODY) {
        /* An owner that we cannot reach: dead, which the store finds out in a moment, or cut off
         * from us. Its room may be told to be an orphan's, still: nobody is told that there is
         * none. */
        claim->again_us = now_us + CLUSTER_CLAIM_US;
        return;
    }
    if (err != 0 && is_alone(c, claim)) {
        claim->again_us = now_us + CLUSTER_CLAIM_US;
        route_all(c, room);
        return;
    }
    bool elsewhere = err != 0 && !claims_without_store(c, claim);
    if (claim->orphan && (look || elsewhere)) {
        claim->again_us = now_us + CLUSTER_CLAIM_US;
        return;
    }
    bool orphan = claim->orphan;
    claim_free(c, claim);
    char *name = mem_str(room); /* may be an ask's */
    c->stats.claims_failed += err != 0;
    if (err != 0 && ask_owner(c, name) != OWNERSHIP_NOBODY) {
        route_all(c, name); /* it told us meanwhile */
    } else if (err != 0 && orphan) {
        go_on(c, name, cluster_next_epoch(c));
    } else if (err != 0) {
        without_store(c, name);
    } else if (look && (mine || member == OWNERSHIP_NOBODY)) { /* nobody's, or of our last life */
        not_there(c, name);
    } else {
        c->stats.claims_lost += !mine;
        if (mine) {
            go_on(c, name, epoch);
            free(name);
            return;
        } else {
            (void)ownership_take(c->ownership, member, name, epoch);
        }
        route_all(c, name);
        cluster_disown(c, name); /* whoever asked for it has gone */
    }
    free(name);
}

/* ---- Peers' answers and ends --------------------------------------------------------------- */

void ask_redirected(struct cluster *c, size_t from, const Spillway__Bus__Redirect *redirect)
{
    struct ask *ask = ask_find(c, redirect->id);
    if (ask == NULL || ask->at != from || strcmp(ask->message->room, redirect->room) != 0) {
        return; /* it went away */
    }
    c->stats.redirects++;
    size_t member = ownership_member_of(c->ownership, redirect->owner);
    uint64_t epoch;
    if (ownership_owner(c->ownership, redirect->room, &epoch) == from) {
        ownership_release(c->ownership, from, redirect->room, epoch);
    }
    if (member != OWNERSHIP_NOBODY && member != OWNERSHIP_SELF && member != from) {
        (void)ownership_take(c->ownership, member, redirect->room, redirect->epoch);
    }
    ask->at = OWNERSHIP_NOBODY;
    route(c, ask);
}

void ask_peer_gone(struct cluster *c, size_t member)
{
    struct ask *ask, *next;
    HASH_ITER(hh, c->asks, ask, next)
    {
        if (ask->origin == member) {
            ask_forget(c, ask);
        } else if (ask->at == member && is_connect(ask->message)) {
            take_back(c, ask);
            route(c, ask);
        } else if (ask->at == member) { /* it may have been done: not twice */
            give_up(c, ask, "the orchestrator that has the room does not answer");
        }
    }
}

/* ---- Time ---------------------------------------------------------------------------------- */

static void claim_again(struct cluster *c, struct claim *claim)
{
    size_t owner = ask_owner(c, claim->room);
    bool sought =
        owner == OWNERSHIP_NOBODY &&
        (ask_waits(c, claim->room) || (claim->orphan && orch_orphaned(c->orch, claim->room)));
    if (sought || (claim->outlived && owner == OWNERSHIP_SELF)) {
        ask_store(c, claim);
        return;
    }
    char *room = mem_str(claim->room);
    claim_free(c, claim);
    route_all(c, room); /* its owner has told us */
    free(room);
}

void ask_expire(struct cluster *c)
{
    struct ask *ask, *next;
    HASH_ITER(hh, c->asks, ask, next)
    {
        if (ask->until_us <= c->now_us) {
            c->stats.asks_late++;
            give_up(c, ask, "the room's owner was not found in time");
        }
    }
    struct claim *claim, *next_claim;
    HASH_ITER(hh, c->claims, claim, next_claim)
    {
        if (claim->again_us <= c->now_us) {
            claim_again(c, claim);
        }
    }
}

int64_t ask_deadline(const struct cluster *c)
{
    int64_t at = TIME_NEVER;
    for (const struct ask *ask = c->asks; ask != NULL; ask = ask->hh.next) {
        at = MIN(at, ask->until_us);
    }
    for (const struct claim *claim = c->claims; claim != NULL; claim = claim->hh.next) {
        at = MIN(at, claim->again_us);
    }
    return at;
}
