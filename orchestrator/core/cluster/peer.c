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
#include "proto/gen/control.pb-c.h"
#include "proto/wire/wire.h"

#include <stdio.h>
#include <stdlib.h>

#define PROTOCOL       1
#define ROOMS_PER_TELL 1000 /* in one message */
#define BATCH_MAX      1024 /* transports in one ChannelSend */

typedef Spillway__Bus__PeerMessage peer_message;

/* ---- Sending ------------------------------------------------------------------------------- */

static void send_now(struct cluster *c, size_t member, peer_message *message, bool lossy)
{
    size_t len;
    struct peer *peer = &c->peers[member];
    bool hello = message->message_case == SPILLWAY__BUS__PEER_MESSAGE__MESSAGE_HELLO;
    bool beat = message->message_case == SPILLWAY__BUS__PEER_MESSAGE__MESSAGE_BEAT;
    message->session = peer->session;
    message->number = lossy || hello || beat ? 0 : ++peer->sent;
    uint8_t *data = wire_pack(&message->base, &len);
    if (message->number != 0) {
        bool of_client =
            message->message_case == SPILLWAY__BUS__PEER_MESSAGE__MESSAGE_SIGNAL ||
            message->message_case == SPILLWAY__BUS__PEER_MESSAGE__MESSAGE_TRANSPORT_EVENT;
        hold_keep(c, member, of_client, data, len);
    }
    if (peer->away && !hello) {
        c->stats.undeliverable += message->number == 0;
        free(data);
        return;
    }
    effects_take(
        &c->fx,
        (struct effect){
            .type = EFFECT_PEER_SEND, .id = member - 1, .data = data, .len = len, .status = lossy});
}

static void flush(struct cluster *c, size_t member)
{
    struct batch *batch = &c->peers[member].batch;
    if (batch->data == NULL) {
        return;
    }
    Spillway__Bus__ChannelSend send = SPILLWAY__BUS__CHANNEL_SEND__INIT;
    peer_message message = SPILLWAY__BUS__PEER_MESSAGE__INIT;
    send.n_transports = send.n_streams = batch->count;
    send.transports = batch->transports;
    send.streams = batch->streams;
    send.lossy = batch->lossy;
    send.data = (ProtobufCBinaryData){batch->len, batch->data};
    message.message_case = SPILLWAY__BUS__PEER_MESSAGE__MESSAGE_CHANNEL_SEND;
    message.channel_send = &send;
    send_now(c, member, &message, batch->lossy);
    free(batch->data);
    batch->data = NULL;
    batch->count = 0;
}

void peer_flush(struct cluster *c)
{
    for (size_t member = 1; member < c->member_count; member++) {
        flush(c, member);
    }
}

void peer_send(struct cluster *c, size_t member, peer_message *message, bool lossy)
{
    assert(member != OWNERSHIP_SELF && member < c->member_count);
    flush(c, member); /* it was first */
    if (c->peers[member].up || c->peers[member].away) {
        send_now(c, member, message, lossy);
    } else {
        c->stats.undeliverable++;
    }
}

/* A broadcast makes one effect for each receiver, with the same bytes, in a row: a front gets them
 * once. */
static void channel_send(struct cluster *c, size_t member, const struct effect *effect)
{
    struct batch *batch = &c->peers[member].batch;
    bool lossy = effect->status != 0;
    if (batch->data == NULL || batch->lossy != lossy || batch->len != effect->len ||
        batch->count == BATCH_MAX || memcmp(batch->data, effect->data, effect->len) != 0) {
        flush(c, member);
        batch->data = mem_copy(effect->data, effect->len);
        batch->len = effect->len;
        batch->lossy = lossy;
    }
    if (batch->count == batch->capacity) {
        batch->capacity = batch->capacity == 0 ? 16 : batch->capacity * 2;
        batch->transports =
            mem_grow(batch->transports, batch->capacity, sizeof(*batch->transports));
        batch->streams = mem_grow(batch->streams, batch->capacity, sizeof(*batch->streams));
    }
    batch->transports[batch->count] = effect->id;
    batch->streams[batch->count++] = effect->stream;
}

static Spillway__Bus__Effect__Type type_of(enum effect_type type)
{
    switch (type) {
    case EFFECT_ACCEPT:
        return SPILLWAY__BUS__EFFECT__TYPE__ACCEPT;
    case EFFECT_REFUSE:
        return SPILLWAY__BUS__EFFECT__TYPE__REFUSE;
    case EFFECT_SEND:
        return SPILLWAY__BUS__EFFECT__TYPE__SEND;
    case EFFECT_CLOSE:
        return SPILLWAY__BUS__EFFECT__TYPE__CLOSE;
    case EFFECT_FRONT_OPEN:
        return SPILLWAY__BUS__EFFECT__TYPE__FRONT_OPEN;
    case EFFECT_FRONT_CLOSE:
        return SPILLWAY__BUS__EFFECT__TYPE__FRONT_CLOSE;
    case EFFECT_FRONT_ROUTE:
        return SPILLWAY__BUS__EFFECT__TYPE__FRONT_ROUTE;
    case EFFECT_REPLY:
        return SPILLWAY__BUS__EFFECT__TYPE__REPLY;
    case EFFECT_JOINED:
        return SPILLWAY__BUS__EFFECT__TYPE__JOINED;
    case EFFECT_CONN_ADOPT:
        return SPILLWAY__BUS__EFFECT__TYPE__CONN_ADOPT;
    case EFFECT_FRONT_ADOPT:
        return SPILLWAY__BUS__EFFECT__TYPE__FRONT_ADOPT;
    default:
        unreachable();
    }
}

static void fill_channels(Spillway__Bus__Effect *out, const struct effect *effect,
                          struct arena *arena)
{
    size_t count = effect->len / sizeof(struct effect_channel);
    out->channels = arena_array(arena, count, sizeof(*out->channels));
    for (size_t i = 0; i < count; i++) {
        struct effect_channel channel;
        Spillway__Bus__Channel *entry = arena_alloc(arena, sizeof(*entry));
        memcpy(&channel, effect->data + i * sizeof(channel), sizeof(channel));
        spillway__bus__channel__init(entry);
        entry->stream = channel.stream;
        entry->lossy = channel.lossy;
        entry->label = arena_printf(arena, "%s", channel.label);
        out->channels[out->n_channels++] = entry;
    }
}

void peer_send_effect(struct cluster *c, size_t member, const struct effect *effect)
{
    if (effect->type == EFFECT_CHANNEL_SEND) {
        channel_send(c, member, effect);
        return;
    }
    struct arena arena = {0};
    Spillway__Bus__Effect out = SPILLWAY__BUS__EFFECT__INIT;
    peer_message message = SPILLWAY__BUS__PEER_MESSAGE__INIT;
    out.type = type_of(effect->type);
    out.id = effect->id;
    out.status = effect->status;
    out.retry_after_s = effect->retry_after_s;
    out.name = effect->name == NULL ? out.name : effect->name;
    out.has_text = effect->text != NULL;
    out.text = effect->text == NULL ? out.text : effect->text;
    if (effect->type == EFFECT_FRONT_OPEN) {
        fill_channels(&out, effect, &arena);
    } else {
        out.data = (ProtobufCBinaryData){effect->len, effect->data};
    }
    message.message_case = SPILLWAY__BUS__PEER_MESSAGE__MESSAGE_EFFECT;
    message.effect = &out;
    peer_send(c, member, &message, false);
    arena_fini(&arena);
}

/* ---- Rooms --------------------------------------------------------------------------------- */

static void send_rooms(struct cluster *c, size_t member, Spillway__Bus__Rooms *rooms, bool owned)
{
    peer_message message = SPILLWAY__BUS__PEER_MESSAGE__INIT;
    if (owned) {
        message.message_case = SPILLWAY__BUS__PEER_MESSAGE__MESSAGE_OWNED;
        message.owned = rooms;
    } else {
        message.message_case = SPILLWAY__BUS__PEER_MESSAGE__MESSAGE_RELEASED;
        message.released = rooms;
    }
    peer_send(c, member, &message, false);
}

void peer_tell_room(struct cluster *c, const char *name, uint64_t epoch, bool owned)
{
    Spillway__Bus__Room room = SPILLWAY__BUS__ROOM__INIT, *list[] = {&room};
    Spillway__Bus__Rooms rooms = SPILLWAY__BUS__ROOMS__INIT;
    room.name = (char *)(uintptr_t)name;
    room.epoch = epoch;
    rooms.rooms = list;
    rooms.n_rooms = 1;
    for (size_t member = 1; member < c->member_count; member++) {
        if (c->peers[member].up || c->peers[member].away) {
            send_rooms(c, member, &rooms, owned);
        }
    }
}

static void tell_all_rooms(struct cluster *c, size_t member)
{
    struct arena arena = {0};
    Spillway__Bus__Rooms rooms = SPILLWAY__BUS__ROOMS__INIT;
    rooms.rooms = arena_array(&arena, ROOMS_PER_TELL, sizeof(*rooms.rooms));
    const struct ownership_room *next = NULL;
    while ((next = ownership_next(c->ownership, OWNERSHIP_SELF, next)) != NULL) {
        Spillway__Bus__Room *room = arena_alloc(&arena, sizeof(*room));
        spillway__bus__room__init(room);
        room->name = (char *)(uintptr_t)next->name;
        room->epoch = next->epoch;
        rooms.rooms[rooms.n_rooms++] = room;
        if (rooms.n_rooms == ROOMS_PER_TELL) {
            send_rooms(c, member, &rooms, true);
            rooms.n_rooms = 0;
        }
    }
    if (rooms.n_rooms > 0) {
        send_rooms(c, member, &rooms, true);
    }
    arena_fini(&arena);
}

static void rooms_owned(struct cluster *c, size_t member, const Spillway__Bus__Rooms *rooms)
{
    for (size_t i = 0; i < rooms->n_rooms; i++) {
        const Spillway__Bus__Room *room = rooms->rooms[i];
        if (strlen(room->name) > ENTRY_NAME_MAX) {
            c->stats.malformed++;
            continue;
        }
        if (ownership_take(c->ownership, member, room->name, room->epoch) == OWNERSHIP_LOST) {
            log_write(c->config.log, LOG_WARN, "room_yielded to=%s", c->peers[member].id);
            c->stats.yields++;
            orch_yield(c->orch, c->now_us, room->name);
        }
        orch_remains_forget(c->orch, room->name, room->epoch);
    }
}

static void rooms_released(struct cluster *c, size_t member, const Spillway__Bus__Rooms *rooms)
{
    for (size_t i = 0; i < rooms->n_rooms; i++) {
        const Spillway__Bus__Room *room = rooms->rooms[i];
        ownership_release(c->ownership, member, room->name, room->epoch);
        orch_remains_forget(c->orch, room->name, room->epoch + 1);
    }
}

/* ---- Links --------------------------------------------------------------------------------- */

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
    send_now(c, member, &message, false);
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
    tell_all_rooms(c, member);
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
static void hear_waiting(struct cluster *c)
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
        hear_waiting(c);
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

/* ---- Messages ------------------------------------------------------------------------------ */

static bool is_complete(const Spillway__Bus__Ask *ask)
{
    if (strlen(ask->room) > ENTRY_NAME_MAX) {
        return false;
    }
    switch (ask->ask_case) {
    case SPILLWAY__BUS__ASK__ASK_CONNECT:
        return ask->connect->entry != NULL && strchr(ask->connect->fingerprint, ' ') != NULL &&
               strlen(ask->connect->sid) < ID_MAX;
    case SPILLWAY__BUS__ASK__ASK_VALIDATE:
    case SPILLWAY__BUS__ASK__ASK_TWIRP:
    case SPILLWAY__BUS__ASK__ASK_ADMIN:
        return true;
    default:
        return false;
    }
}

/* A peer may speak for its own front only. */
static bool is_theirs(struct cluster *c, size_t member, uint64_t id)
{
    bool theirs = cluster_front_of(c, id) == member;
    c->stats.malformed += !theirs;
    return theirs;
}

/* What was asked before a cut, and comes as it ends, was given up there (ask_peer_gone). */
static void asked(struct cluster *c, size_t member, const Spillway__Bus__Ask *ask)
{
    if (!is_theirs(c, member, ask->id)) {
        return;
    }
    if (c->peers[member].away) {
        c->stats.asks_late++;
        return;
    }
    if (!is_complete(ask)) {
        c->stats.malformed++;
        return;
    }
    ask_new(c, member, ask);
}

static void signalled(struct cluster *c, size_t member, const Spillway__Bus__Signal *signal)
{
    if (!is_theirs(c, member, signal->conn)) {
        return;
    }
    if (signal->malformed) {
        orch_signal_malformed(c->orch, c->now_us, signal->conn);
    } else {
        orch_signal(c->orch, c->now_us, signal->conn,
                    (struct bytes){signal->message.data, signal->message.len});
    }
}

static void disconnected(struct cluster *c, size_t member, uint64_t conn)
{
    if (!is_theirs(c, member, conn)) {
        return;
    }
    struct ask *ask = ask_find(c, conn);
    if (ask != NULL) {
        ask_forget(c, ask);
    }
    orch_disconnected(c->orch, c->now_us, conn);
}

/* What a front says of a transport of ours. */
void peer_transport_event(struct cluster *c, const Spillway__Bus__TransportEvent *event)
{
    Spillway__Control__SrtpKeys keys = SPILLWAY__CONTROL__SRTP_KEYS__INIT;
    uint64_t transport = event->transport;
    uint16_t stream = (uint16_t)event->stream;
    switch (event->kind) {
    case SPILLWAY__BUS__TRANSPORT_EVENT__KIND__CONNECTED:
        keys.suite = (Spillway__Control__SrtpKeys__Suite)event->suite;
        keys.client_key = event->client_key;
        keys.server_key = event->server_key;
        orch_front_connected(c->orch, c->now_us, transport, &keys);
        break;
    case SPILLWAY__BUS__TRANSPORT_EVENT__KIND__FAILED:
        orch_front_failed(c->orch, c->now_us, transport, event->text);
        break;
    case SPILLWAY__BUS__TRANSPORT_EVENT__KIND__CHANNEL_OPENED:
        orch_channel_opened(c->orch, c->now_us, transport, stream, event->text);
        break;
    case SPILLWAY__BUS__TRANSPORT_EVENT__KIND__CHANNEL_CLOSED:
        orch_channel_closed(c->orch, c->now_us, transport, stream);
        break;
    case SPILLWAY__BUS__TRANSPORT_EVENT__KIND__CHANNEL_MESSAGE:
        orch_channel_message(c->orch, c->now_us, transport, stream,
                             (struct bytes){event->data.data, event->data.len});
        break;
    default:
        c->stats.malformed++;
        break;
    }
}

static void transport_event(struct cluster *c, size_t member,
                            const Spillway__Bus__TransportEvent *event)
{
    uint64_t front;
    if (!orch_has_transport(c->orch, event->transport, &front) ||
        front != c->peers[member].number) {
        c->stats.stale++; /* it left, or went to another front, while this was on its way */
        return;
    }
    peer_transport_event(c, event);
}

static void missed(struct cluster *c, const Spillway__Bus__Joiner *joiner)
{
    if (joiner->sid[0] == '\0' || strlen(joiner->sid) >= ID_MAX) {
        c->stats.malformed++;
        return;
    }
    orch_miss(c->orch, c->now_us, joiner->room, joiner->identity, joiner->sid);
}

static void heard_beat(struct cluster *c, size_t member, const Spillway__Bus__Beat *beat)
{
    struct peer *peer = &c->peers[member];
    ownership_member_claims(c->ownership, member, beat->store_up);
    hold_acked(c, member, beat->received);
    if (beat->leaves && !peer->leaves) {
        log_write(c->config.log, LOG_INFO, "peer_leaves peer=%s name=%s", peer->id, peer->name);
        peer->leaves = true;
        ownership_member_leaves(c->ownership, member);
        orch_front_leaves(c->orch, c->now_us, peer->number);
    }
    peer->told = true;
    peer->left |= beat->left;
    peer->waiting = MIN(beat->waiting, UINT32_MAX);
    hear_waiting(c);
    for (size_t i = 0; i < beat->n_silent && i < ORCH_MISSED_MAX; i++) {
        orch_node_missed(c->orch, c->now_us, beat->silent[i], peer->region, c->config.front.region);
    }
}

static void dispatch(struct cluster *c, size_t member, const peer_message *m)
{
    switch (m->message_case) {
    case SPILLWAY__BUS__PEER_MESSAGE__MESSAGE_BEAT:
        heard_beat(c, member, m->beat);
        break;
    case SPILLWAY__BUS__PEER_MESSAGE__MESSAGE_OWNED:
        rooms_owned(c, member, m->owned);
        break;
    case SPILLWAY__BUS__PEER_MESSAGE__MESSAGE_RELEASED:
        rooms_released(c, member, m->released);
        break;
    case SPILLWAY__BUS__PEER_MESSAGE__MESSAGE_ASK:
        asked(c, member, m->ask);
        break;
    case SPILLWAY__BUS__PEER_MESSAGE__MESSAGE_SIGNAL:
        signalled(c, member, m->signal);
        break;
    case SPILLWAY__BUS__PEER_MESSAGE__MESSAGE_DISCONNECTED:
        disconnected(c, member, m->disconnected->conn);
        break;
    case SPILLWAY__BUS__PEER_MESSAGE__MESSAGE_TRANSPORT_EVENT:
        transport_event(c, member, m->transport_event);
        break;
    case SPILLWAY__BUS__PEER_MESSAGE__MESSAGE_JOINER:
        missed(c, m->joiner);
        break;
    case SPILLWAY__BUS__PEER_MESSAGE__MESSAGE_EFFECT:
        front_effect(c, member, m->effect);
        break;
    case SPILLWAY__BUS__PEER_MESSAGE__MESSAGE_CHANNEL_SEND:
        front_channel_send(c, member, m->channel_send);
        break;
    case SPILLWAY__BUS__PEER_MESSAGE__MESSAGE_REDIRECT:
        ask_redirected(c, member, m->redirect);
        break;
    case SPILLWAY__BUS__PEER_MESSAGE__MESSAGE_EVENTS:
        events_heard(c, m->events);
        break;
    case SPILLWAY__BUS__PEER_MESSAGE__MESSAGE_RESERVATION:
        reservation_heard(c, m->reservation);
        break;
    case SPILLWAY__BUS__PEER_MESSAGE__MESSAGE_REMAINS:
        hand_over_heard(c, member, m->remains);
        break;
    default: /* newer than this program */
        c->stats.malformed++;
        break;
    }
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
        dispatch(c, member, m);
    }
    protobuf_c_message_free_unpacked(unpacked, NULL);
}

/* ---- Time ---------------------------------------------------------------------------------- */

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
