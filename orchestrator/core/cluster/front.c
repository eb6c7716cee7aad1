/* SPDX-License-Identifier: Apache-2.0
 *
 * This orchestrator as a front: clients' messages on their way to owners, owners' words on their
 * way to clients. A connection has an entry here once its room is not ours at the first glance; one
 * without an entry is orch's.
 */
#include "orchestrator/core/cluster/private.h"
#include "proto/gen/client.pb-c.h"
#include "proto/wire/wire.h"

#include <stdlib.h>

enum { HTTP_UNAVAILABLE = 503 };
enum { CLOSE_GOING_AWAY = 1001, CLOSE_POLICY = 1008, CLOSE_TRY_AGAIN = 1013 }; /* RFC 6455 */

/* ---- Connections --------------------------------------------------------------------------- */

struct conn *front_conn(const struct cluster *c, uint64_t id)
{
    struct conn *conn;
    HASH_FIND(hh, c->conns, &id, sizeof(id), conn);
    return conn;
}

struct conn *front_conn_add(struct cluster *c, uint64_t id)
{
    struct conn *conn = mem_alloc(sizeof(*conn));
    conn->id = id;
    conn->owner = OWNERSHIP_NOBODY;
    conn->until_us = TIME_NEVER;
    HASH_ADD(hh, c->conns, id, sizeof(conn->id), conn);
    return conn;
}

void front_conn_forget(struct cluster *c, struct conn *conn)
{
    for (size_t i = 0; i < conn->early_count; i++) {
        early_free(c, &conn->early[i]);
    }
    asked_forget(c, conn);
    free(conn->identity);
    HASH_DEL(c->conns, conn);
    free(conn);
}

/* Its client hears why, as far as it listens. */
void front_refuse(struct cluster *c, uint64_t id, int status, const char *text)
{
    Livekit__LeaveRequest leave = LIVEKIT__LEAVE_REQUEST__INIT;
    leave.reason = LIVEKIT__DISCONNECT_REASON__JOIN_FAILURE;
    leave.action = LIVEKIT__LEAVE_REQUEST__ACTION__DISCONNECT;
    Livekit__SignalResponse response = LIVEKIT__SIGNAL_RESPONSE__INIT;
    response.message_case = LIVEKIT__SIGNAL_RESPONSE__MESSAGE_LEAVE;
    response.leave = &leave;
    size_t len;
    uint8_t *data = wire_pack(&response.base, &len);
    effects_take(&c->fx, (struct effect){.type = EFFECT_SEND, .id = id, .data = data, .len = len});
    effects_take(&c->fx, (struct effect){.type = EFFECT_CLOSE,
                                         .id = id,
                                         .status = status == HTTP_UNAVAILABLE ? CLOSE_TRY_AGAIN
                                                                              : CLOSE_POLICY,
                                         .text = mem_str(text)});
    struct conn *conn = front_conn(c, id);
    if (conn != NULL) {
        front_conn_forget(c, conn);
    }
}

void front_try_again(struct cluster *c, uint64_t id)
{
    struct conn *conn = front_conn(c, id);
    effect_close(&c->fx, id, CLOSE_TRY_AGAIN);
    if (conn != NULL) {
        front_conn_forget(c, conn);
    }
}

/* The owner is cut off and cannot, and the client would take its connection for dead. */
static bool answer_ping(struct cluster *c, uint64_t id, struct bytes message)
{
    ProtobufCMessage *unpacked;
    Livekit__Pong pong = LIVEKIT__PONG__INIT;
    Livekit__SignalResponse response = LIVEKIT__SIGNAL_RESPONSE__INIT;
    if (wire_unpack(&livekit__signal_request__descriptor, message, &unpacked) != 0) {
        return false; /* the owner says what is wrong */
    }
    const Livekit__SignalRequest *request = (const Livekit__SignalRequest *)unpacked;
    int64_t wall_ms = (c->now_us + c->wall_offset_us) / 1000;
    if (request->message_case == LIVEKIT__SIGNAL_REQUEST__MESSAGE_PING_REQ) {
        pong.last_ping_timestamp = request->ping_req->timestamp;
        pong.timestamp = wall_ms;
        response.message_case = LIVEKIT__SIGNAL_RESPONSE__MESSAGE_PONG_RESP;
        response.pong_resp = &pong;
    } else if (request->message_case == LIVEKIT__SIGNAL_REQUEST__MESSAGE_PING) {
        response.message_case = LIVEKIT__SIGNAL_RESPONSE__MESSAGE_PONG;
        response.pong = wall_ms;
    }
    protobuf_c_message_free_unpacked(unpacked, NULL);
    if (response.message_case == LIVEKIT__SIGNAL_RESPONSE__MESSAGE__NOT_SET) {
        return false;
    }
    size_t len;
    uint8_t *data = wire_pack(&response.base, &len);
    effects_take(&c->fx, (struct effect){.type = EFFECT_SEND, .id = id, .data = data, .len = len});
    return true;
}

void front_say(struct cluster *c, struct conn *conn, struct bytes message, bool malformed)
{
    if (conn->owner == OWNERSHIP_SELF && malformed) {
        orch_signal_malformed(c->orch, c->now_us, conn->id);
    } else if (conn->owner == OWNERSHIP_SELF) {
        orch_signal(c->orch, c->now_us, conn->id, message);
    } else if (!c->peers[conn->owner].away || malformed || !answer_ping(c, conn->id, message)) {
        Spillway__Bus__Signal signal = SPILLWAY__BUS__SIGNAL__INIT;
        Spillway__Bus__PeerMessage out = SPILLWAY__BUS__PEER_MESSAGE__INIT;
        signal.conn = conn->id;
        signal.message = (ProtobufCBinaryData){message.len, (uint8_t *)(uintptr_t)message.data};
        signal.malformed = malformed;
        out.message_case = SPILLWAY__BUS__PEER_MESSAGE__MESSAGE_SIGNAL;
        out.signal = &signal;
        peer_send(c, conn->owner, &out, false);
        asked_keep(c, conn, message);
    }
}

void front_conn_owned(struct cluster *c, struct conn *conn, size_t owner)
{
    conn->owner = owner;
    asked_again(c, conn);
    for (size_t i = 0; i < conn->early_count; i++) {
        struct early *early = &conn->early[i];
        front_say(c, conn, (struct bytes){early->data, early->len}, early->malformed);
        early_free(c, early);
    }
    conn->early_count = 0;
}

static void signal(struct cluster *c, uint64_t id, struct bytes message, bool malformed)
{
    struct conn *conn = front_conn(c, id);
    if (conn == NULL) {
        struct conn local = {.id = id, .owner = OWNERSHIP_SELF};
        front_say(c, &local, message, malformed);
    } else if (conn->owner != OWNERSHIP_NOBODY) {
        front_say(c, conn, message, malformed);
    } else if (conn->until_us != TIME_NEVER && !malformed && answer_ping(c, id, message)) {
        return; /* its owner died */
    } else if (conn->early_count < CLUSTER_EARLY_MAX &&
               c->waiting_bytes + message.len <= CLUSTER_WAITING_MAX) {
        c->waiting_bytes += message.len; /* clients wait for the join response */
        conn->early[conn->early_count++] = (struct early){
            .data = mem_copy(message.data, message.len), .len = message.len, malformed};
    } else if (conn->until_us != TIME_NEVER) {
        front_try_again(c, id); /* with its next resume it says everything once more */
    } else {
        struct ask *ask = ask_find(c, id);
        if (ask != NULL) {
            ask_forget(c, ask);
        }
        front_refuse(c, id, 0, "too many messages before the room was found");
    }
}

void front_signal_again(struct cluster *c, size_t was, const Spillway__Bus__Signal *message)
{
    struct conn *conn = front_conn(c, message->conn);
    struct bytes said = {message->message.data, message->message.len};
    if (conn != NULL && conn->until_us != TIME_NEVER && conn->was == was && !asked_repeats(said)) {
        signal(c, conn->id, said, message->malformed);
    }
}

void cluster_signal(struct cluster *c, int64_t now_us, uint64_t conn, struct bytes message)
{
    cluster_tick(c, now_us);
    signal(c, conn, message, false);
}

void cluster_signal_malformed(struct cluster *c, int64_t now_us, uint64_t conn)
{
    cluster_tick(c, now_us);
    signal(c, conn, (struct bytes){0}, true);
}

void front_tell_disconnected(struct cluster *c, size_t member, uint64_t id)
{
    Spillway__Bus__Disconnected disconnected = SPILLWAY__BUS__DISCONNECTED__INIT;
    Spillway__Bus__PeerMessage message = SPILLWAY__BUS__PEER_MESSAGE__INIT;
    disconnected.conn = id;
    message.message_case = SPILLWAY__BUS__PEER_MESSAGE__MESSAGE_DISCONNECTED;
    message.disconnected = &disconnected;
    if (member == OWNERSHIP_SELF) {
        orch_disconnected(c->orch, c->now_us, id);
    } else {
        peer_send(c, member, &message, false);
    }
}

void cluster_disconnected(struct cluster *c, int64_t now_us, uint64_t id)
{
    cluster_tick(c, now_us);
    struct conn *conn = front_conn(c, id);
    struct ask *ask = ask_find(c, id);
    size_t owner = conn == NULL ? OWNERSHIP_SELF : conn->owner;
    if (ask != NULL) {
        owner = ask->at; /* may have got as far as that */
        ask_forget(c, ask);
    }
    if (conn != NULL) {
        front_conn_forget(c, conn);
    }
    traced_joined(c, id, "left");
    if (owner != OWNERSHIP_NOBODY) {
        front_tell_disconnected(c, owner, id);
    }
}

/* ---- What clients ask ---------------------------------------------------------------------- */

static Spillway__Bus__Entry entry_message(const struct entry_request *request)
{
    Spillway__Bus__Entry entry = SPILLWAY__BUS__ENTRY__INIT;
    entry.path = (char *)(uintptr_t)request->path;
    entry.authorization = (char *)(uintptr_t)request->authorization;
    entry.access_token = (char *)(uintptr_t)request->access_token;
    entry.join_request = (char *)(uintptr_t)request->join_request;
    entry.protocol = (char *)(uintptr_t)request->protocol;
    entry.room = (char *)(uintptr_t)request->room;
    entry.two_connections = request->two_connections;
    return entry;
}

static Spillway__Bus__Ask ask_of(uint64_t id, const char *room, bool creates)
{
    Spillway__Bus__Ask ask = SPILLWAY__BUS__ASK__INIT;
    ask.id = id;
    ask.room = (char *)(uintptr_t)room;
    ask.creates = creates;
    return ask;
}

/* Its room's owner has to be found, or agrees with others on a place for it. */
static void connect_later(struct cluster *c, uint64_t id, const struct orch_client *client,
                          const struct entry *entry)
{
    Spillway__Bus__Entry entry_text = entry_message(&client->request);
    Spillway__Bus__Connect connect = SPILLWAY__BUS__CONNECT__INIT;
    Spillway__Bus__Ask ask = ask_of(id, entry->room, !entry->request->reconnect);
    connect.entry = &entry_text;
    connect.address = (char *)(uintptr_t)client->address;
    connect.fingerprint = (char *)(uintptr_t)client->front.fingerprint;
    ask.trace = traced_bytes(&client->trace);
    ask.ask_case = SPILLWAY__BUS__ASK__ASK_CONNECT;
    ask.connect = &connect;
    struct conn *conn = front_conn_add(c, id);
    if (!entry->request->reconnect && !entry->token.video.hidden) {
        conn->identity = mem_str(entry->token.identity);
    }
    effect_accept(&c->fx, id);
    ask_new(c, OWNERSHIP_SELF, &ask);
}

static int64_t wall_s(const struct cluster *c)
{
    return (c->now_us + c->wall_offset_us) / 1000000;
}

void cluster_connect(struct cluster *c, int64_t now_us, uint64_t conn,
                     const struct entry_request *request, const char *address)
{
    struct entry entry;
    char reason[ENTRY_REASON_MAX];
    cluster_tick(c, now_us);
    struct orch_client client = {.request = *request, .address = address, .front = c->config.front};
    if (c->leaves || c->bequests != NULL) {
        c->stats.leaving_refused++;
        effect_refuse(&c->fx, conn, HTTP_UNAVAILABLE, "this orchestrator is about to stop");
        return;
    }
    int status = entry_check(&entry, request, &c->config.keys, wall_s(c), reason);
    if (status != 0 || !entry.request->reconnect) {
        traced_join(c, conn);
        client.trace = traced_context(c, conn);
    }
    if (status != 0) {
        orch_refuse(c->orch, now_us, conn, status, reason);
        return;
    }
    bool done = false;
    size_t owner = ask_owner(c, entry.room);
    if (owner == OWNERSHIP_NOBODY) { /* its owner would refuse it, when its WebSocket is open */
        done = !orch_admits_new(c->orch, now_us, conn, &client, &entry);
    } else if (owner == OWNERSHIP_SELF) {
        orch_claimed(c->orch, cluster_own_epoch(c, entry.room));
        done = orch_enter(c->orch, now_us, conn, &client, &entry);
        orch_claimed(c->orch, 0);
    }
    if (done && !entry.request->reconnect) {
        timings_add(&c->stats.placement, 0);
    }
    if (done) {
        cluster_disown(c, entry.room);
    } else {
        connect_later(c, conn, &client, &entry);
    }
    entry_fini(&entry);
}

void cluster_validate(struct cluster *c, int64_t now_us, uint64_t request,
                      const struct entry_request *what)
{
    struct entry entry;
    char reason[ENTRY_REASON_MAX];
    cluster_tick(c, now_us);
    if (entry_check(&entry, what, &c->config.keys, wall_s(c), reason) != 0) {
        orch_validate(c->orch, now_us, request, what); /* says so */
        return;
    }
    Spillway__Bus__Entry text = entry_message(what);
    Spillway__Bus__Ask ask = ask_of(request, entry.room, false);
    ask.ask_case = SPILLWAY__BUS__ASK__ASK_VALIDATE;
    ask.validate = &text;
    ask_new(c, OWNERSHIP_SELF, &ask);
    entry_fini(&entry);
}

static void ask_twirp(struct cluster *c, uint64_t request, const struct twirp_head *head,
                      const char *authorization, struct bytes body, const struct twirp_call *call)
{
    Spillway__Bus__Twirp twirp = SPILLWAY__BUS__TWIRP__INIT;
    Spillway__Bus__Ask ask =
        ask_of(request, twirp_room(call), call->method->id == TWIRP_CREATE_ROOM);
    struct trace_context trace = traced_context(c, request);
    ask.trace = traced_bytes(&trace);
    twirp.verb = (char *)(uintptr_t)head->verb;
    twirp.path = (char *)(uintptr_t)head->path;
    bool json = call->encoding == TWIRP_JSON; /* without its caller's parameters */
    twirp.content_type = json ? "application/json" : "application/protobuf";
    twirp.authorization = (char *)(uintptr_t)authorization;
    twirp.body = (ProtobufCBinaryData){body.len, (uint8_t *)(uintptr_t)body.data};
    ask.ask_case = SPILLWAY__BUS__ASK__ASK_TWIRP;
    ask.twirp = &twirp;
    ask_new(c, OWNERSHIP_SELF, &ask);
}

void cluster_twirp(struct cluster *c, int64_t now_us, uint64_t request,
                   const struct twirp_head *head, const struct cluster_caller *caller,
                   struct bytes body)
{
    const char *authorization = caller->authorization;
    struct twirp_call call = {0};
    struct twirp_error error;
    cluster_tick(c, now_us);
    traced_twirp(c, request, head, caller);
    bool whole = c->config.peer_count > 0 && twirp_route(&call, head, &error) == 0 &&
                 orch_twirp_may(c->orch, &call, authorization, body);
    if (!whole || twirp_room(&call)[0] == '\0') { /* wrong, which orch says, or a list */
        if (!whole || !gather_twirp(c, request, head, authorization, body)) {
            orch_twirp(c->orch, now_us, request, head, authorization, body);
        }
    } else {
        ask_twirp(c, request, head, authorization, body, &call);
    }
    twirp_call_fini(&call);
}

void cluster_admin(struct cluster *c, int64_t now_us, uint64_t request,
                   const struct orch_admin_request *asked)
{
    char room[ENTRY_NAME_MAX + 1];
    struct orch_admin_request traced = *asked, *admin = &traced;
    cluster_tick(c, now_us);
    traced_admin(c, request, admin);
    if (c->config.peer_count > 0 && !orch_admin_may(c->orch, admin)) {
        orch_admin(c->orch, now_us, request, admin);
        return;
    }
    if (c->config.peer_count == 0 || !orch_admin_room(admin, room, sizeof(room))) {
        if (c->config.peer_count == 0 || !gather_admin(c, request, admin)) {
            orch_admin(c->orch, now_us, request, admin);
        }
        return;
    }
    Spillway__Bus__Admin message = SPILLWAY__BUS__ADMIN__INIT;
    Spillway__Bus__Ask ask = ask_of(request, room, false);
    ask.trace = traced_bytes(&admin->trace);
    message.verb = (char *)(uintptr_t)admin->verb;
    message.path = (char *)(uintptr_t)admin->path;
    message.authorization = (char *)(uintptr_t)admin->authorization;
    message.body = (ProtobufCBinaryData){admin->body.len, (uint8_t *)(uintptr_t)admin->body.data};
    ask.ask_case = SPILLWAY__BUS__ASK__ASK_ADMIN;
    ask.admin = &message;
    ask_new(c, OWNERSHIP_SELF, &ask);
}

/* ---- Owners' words ------------------------------------------------------------------------- */

static struct effect effect_of(enum effect_type type, const Spillway__Bus__Effect *from)
{
    return (struct effect){.type = type,
                           .id = from->id,
                           .status = from->status,
                           .retry_after_s = from->retry_after_s,
                           .name = mem_str(from->name),
                           .text = from->has_text ? mem_str(from->text) : NULL,
                           .data = mem_copy(from->data.data, from->data.len),
                           .len = from->data.len};
}

/* The connection, if that member may speak of it: its owner, or where its ask is. */
static struct conn *conn_of(struct cluster *c, size_t member, uint64_t id)
{
    struct conn *conn = front_conn(c, id);
    if (conn == NULL || conn->owner == member) {
        return conn;
    }
    struct ask *ask = ask_find(c, id);
    if (ask == NULL || ask->at != member) {
        return NULL;
    }
    ask_forget(c, ask);
    front_conn_owned(c, conn, member);
    return conn;
}

static void conn_effect(struct cluster *c, size_t member, const Spillway__Bus__Effect *effect)
{
    struct conn *conn = conn_of(c, member, effect->id);
    if (conn == NULL) {
        return; /* it closed while this was on its way */
    }
    switch (effect->type) {
    case SPILLWAY__BUS__EFFECT__TYPE__REFUSE:
        front_refuse(c, conn->id, effect->status, effect->text);
        break;
    case SPILLWAY__BUS__EFFECT__TYPE__SEND:
        asked_answered(c, conn, (struct bytes){effect->data.data, effect->data.len});
        effects_take(&c->fx, effect_of(EFFECT_SEND, effect));
        break;
    case SPILLWAY__BUS__EFFECT__TYPE__CLOSE:
        if (effect->status < 1000 || effect->status > 4999) {
            c->stats.malformed++;
            break;
        }
        effects_take(&c->fx, effect_of(EFFECT_CLOSE, effect));
        front_conn_forget(c, conn);
        break;
    case SPILLWAY__BUS__EFFECT__TYPE__JOINED:
        traced_joined(c, conn->id, effect->has_text ? effect->text : NULL);
        break;
    default: /* ACCEPT: it is open already */
        break;
    }
}

static bool read_channels(const Spillway__Bus__Effect *effect,
                          struct effect_channel out[EFFECT_CHANNELS_MAX])
{
    if (effect->n_channels > EFFECT_CHANNELS_MAX || effect->status < EFFECT_CHANNELS_CLIENTS ||
        effect->status > EFFECT_CHANNELS_OURS) {
        return false;
    }
    for (size_t i = 0; i < effect->n_channels; i++) {
        const Spillway__Bus__Channel *channel = effect->channels[i];
        out[i] =
            (struct effect_channel){.stream = (uint16_t)channel->stream, .lossy = channel->lossy};
        if (channel->stream > UINT16_MAX || strlen(channel->label) >= EFFECT_LABEL_MAX) {
            return false;
        }
        memcpy(out[i].label, channel->label, strlen(channel->label) + 1);
    }
    return true;
}

static void transport_open(struct cluster *c, size_t member, const Spillway__Bus__Effect *effect)
{
    uint64_t front;
    struct effect_channel channels[EFFECT_CHANNELS_MAX];
    if (!read_channels(effect, channels) || orch_has_transport(c->orch, effect->id, &front) ||
        front_transport(c, effect->id) != NULL || strchr(effect->text, ' ') == NULL) {
        c->stats.malformed++;
        return;
    }
    struct transport *transport = mem_alloc(sizeof(*transport));
    transport->id = effect->id;
    transport->owner = member;
    transport->until_us = TIME_NEVER;
    HASH_ADD(hh, c->transports, id, sizeof(transport->id), transport);
    effect_front_open_with(&c->fx, transport->id, 0, effect->text,
                           (enum effect_channels)effect->status, channels, effect->n_channels);
}

static void transport_effect(struct cluster *c, size_t member, const Spillway__Bus__Effect *effect)
{
    struct transport *transport = front_transport(c, effect->id);
    if (effect->type == SPILLWAY__BUS__EFFECT__TYPE__FRONT_OPEN) {
        transport_open(c, member, effect);
    } else if (transport == NULL || transport->owner != member) {
        c->stats.malformed++;
    } else if (effect->type == SPILLWAY__BUS__EFFECT__TYPE__FRONT_CLOSE) {
        front_transport_forget(c, transport);
        effects_take(&c->fx, effect_of(EFFECT_FRONT_CLOSE, effect));
    } else {
        effects_take(&c->fx, effect_of(EFFECT_FRONT_ROUTE, effect));
    }
}

static void reply_effect(struct cluster *c, size_t member, const Spillway__Bus__Effect *effect)
{
    struct bytes body = {effect->data.data, effect->data.len};
    if (gather_part(c, member, effect->id, effect->status, body)) {
        return;
    }
    struct ask *ask = ask_find(c, effect->id);
    if (ask != NULL && ask->at == member && ask->origin == OWNERSHIP_SELF) {
        ask_forget(c, ask);
        effects_take(&c->fx, effect_of(EFFECT_REPLY, effect));
    }
}

void front_effect(struct cluster *c, size_t member, const Spillway__Bus__Effect *effect)
{
    switch (effect->type) {
    case SPILLWAY__BUS__EFFECT__TYPE__ACCEPT:
    case SPILLWAY__BUS__EFFECT__TYPE__REFUSE:
    case SPILLWAY__BUS__EFFECT__TYPE__SEND:
    case SPILLWAY__BUS__EFFECT__TYPE__CLOSE:
    case SPILLWAY__BUS__EFFECT__TYPE__JOINED:
        conn_effect(c, member, effect);
        break;
    case SPILLWAY__BUS__EFFECT__TYPE__FRONT_OPEN:
    case SPILLWAY__BUS__EFFECT__TYPE__FRONT_CLOSE:
    case SPILLWAY__BUS__EFFECT__TYPE__FRONT_ROUTE:
        transport_effect(c, member, effect);
        break;
    case SPILLWAY__BUS__EFFECT__TYPE__REPLY:
        reply_effect(c, member, effect);
        break;
    case SPILLWAY__BUS__EFFECT__TYPE__CONN_ADOPT:
        if (cluster_front_of(c, effect->id) == OWNERSHIP_SELF) {
            adopt_conn(c, member, effect->id);
        }
        break;
    case SPILLWAY__BUS__EFFECT__TYPE__FRONT_ADOPT:
        adopt_transport(c, member, effect->id);
        break;
    default: /* newer than this program */
        c->stats.malformed++;
        break;
    }
}

void front_channel_send(struct cluster *c, size_t member, const Spillway__Bus__ChannelSend *send)
{
    if (send->n_transports != send->n_streams) {
        c->stats.malformed++;
        return;
    }
    struct bytes data = {send->data.data, send->data.len};
    for (size_t i = 0; i < send->n_transports; i++) {
        const struct transport *transport = front_transport(c, send->transports[i]);
        if (transport != NULL && transport->owner == member) { /* else it was closed meanwhile */
            effect_channel_send(&c->fx, transport->id, 0, (uint16_t)send->streams[i], send->lossy,
                                data);
        }
    }
}

/* ---- Ends ---------------------------------------------------------------------------------- */

/* A new owner goes on with it in a moment. */
void front_peer_gone(struct cluster *c, size_t member)
{
    int64_t until_us = c->now_us + CLUSTER_ORPHAN_US;
    for (struct conn *conn = c->conns; conn != NULL; conn = conn->hh.next) {
        if (conn->owner == member) {
            conn->owner = OWNERSHIP_NOBODY;
            conn->was = member;
            conn->until_us = until_us;
            traced_joined(c, conn->id, "owner lost");
            asked_owner_died(c, conn);
        }
    }
    for (struct transport *t = c->transports; t != NULL; t = t->hh.next) {
        if (t->owner == member) {
            t->owner = OWNERSHIP_NOBODY;
            t->was = member;
            t->until_us = until_us;
        }
    }
}

void front_peer_back(struct cluster *c, size_t member)
{
    for (struct conn *conn = c->conns; conn != NULL; conn = conn->hh.next) {
        if (conn->until_us != TIME_NEVER && conn->was == member) {
            conn->until_us = c->now_us;
        }
    }
    for (struct transport *t = c->transports; t != NULL; t = t->hh.next) {
        if (t->until_us != TIME_NEVER && t->was == member) {
            t->until_us = c->now_us;
        }
    }
}

/* Nobody did. */
void front_orphans_expire(struct cluster *c)
{
    struct conn *conn, *next;
    HASH_ITER(hh, c->conns, conn, next)
    {
        if (conn->until_us <= c->now_us) { /* its client resumes, and starts over */
            effect_close(&c->fx, conn->id, CLOSE_GOING_AWAY);
            front_conn_forget(c, conn);
        }
    }
    struct transport *transport, *next_transport;
    HASH_ITER(hh, c->transports, transport, next_transport)
    {
        if (transport->until_us <= c->now_us) {
            effect_front_close(&c->fx, transport->id, 0);
            front_transport_forget(c, transport);
        }
    }
}

int64_t front_orphans_deadline(const struct cluster *c)
{
    int64_t at = TIME_NEVER;
    for (const struct conn *conn = c->conns; conn != NULL; conn = conn->hh.next) {
        at = MIN(at, conn->until_us);
    }
    for (const struct transport *t = c->transports; t != NULL; t = t->hh.next) {
        at = MIN(at, t->until_us);
    }
    return at;
}

void front_free_all(struct cluster *c)
{
    while (c->conns != NULL) {
        front_conn_forget(c, c->conns);
    }
    while (c->transports != NULL) {
        front_transport_forget(c, c->transports);
    }
}
