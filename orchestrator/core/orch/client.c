/* SPDX-License-Identifier: Apache-2.0
 *
 * Clients: from the door to their room, and their messages.
 */
#include "orchestrator/core/orch/private.h"
#include "proto/protojson/protojson.h"
#include "proto/wire/wire.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>

#define REGION_ATTRIBUTE "region" /* of a token */

enum {
    HTTP_OK = 200,
    HTTP_BAD_REQUEST = 400,
    HTTP_UNAUTHORIZED = 401,
    HTTP_FORBIDDEN = 403,
    HTTP_UNAVAILABLE = 503,
};

void orch_conn_add(struct orch *orch, uint64_t conn, struct room_entry *room, const char *identity)
{
    struct conn_entry *entry = mem_alloc(sizeof(*entry));
    entry->conn = conn;
    entry->room = room;
    entry->identity = mem_str(identity);
    HASH_ADD(hh, orch->conns, conn, sizeof(entry->conn), entry);
}

static struct conn_entry *find_conn(const struct orch *orch, uint64_t conn)
{
    struct conn_entry *entry;
    HASH_FIND(hh, orch->conns, &conn, sizeof(conn), entry);
    return entry;
}

void orch_conn_remove(struct orch *orch, uint64_t conn)
{
    struct conn_entry *entry = find_conn(orch, conn);
    if (entry != NULL) {
        HASH_DEL(orch->conns, entry);
        free(entry->identity);
        free(entry);
    }
}

/* Unknown to us: the client starts over with a full reconnect (livekit-protocol.md §3.3), unless it
 * was replaced. */
static void send_mismatch(struct orch *orch, uint64_t conn, bool replaced)
{
    Livekit__LeaveRequest leave = LIVEKIT__LEAVE_REQUEST__INIT;
    leave.reason = replaced ? LIVEKIT__DISCONNECT_REASON__DUPLICATE_IDENTITY
                            : LIVEKIT__DISCONNECT_REASON__STATE_MISMATCH;
    leave.action = replaced ? LIVEKIT__LEAVE_REQUEST__ACTION__DISCONNECT
                            : LIVEKIT__LEAVE_REQUEST__ACTION__RECONNECT;
    leave.can_reconnect = !replaced;
    Livekit__SignalResponse response = LIVEKIT__SIGNAL_RESPONSE__INIT;
    response.message_case = LIVEKIT__SIGNAL_RESPONSE__MESSAGE_LEAVE;
    response.leave = &leave;
    size_t len;
    uint8_t *data = wire_pack(&response.base, &len);
    effect_accept(&orch->fx, conn);
    effects_take(&orch->fx,
                 (struct effect){.type = EFFECT_SEND, .id = conn, .data = data, .len = len});
    effect_close(&orch->fx, conn, 1000);
    orch->stats.refused[ORCH_REFUSED_MISMATCH]++;
}

/* False: waits for the room to be taken over. */
static bool resume(struct orch *orch, const struct room_join *join, const char *name)
{
    struct room_entry *entry = orch_room(orch, name);
    if (entry == NULL && orch_expects_orphan(orch, name)) {
        return false;
    }
    int err =
        entry == NULL ? ERR_NOT_FOUND : room_resume(entry->room, orch->now_us, join, &orch->fx);
    if (err != 0) {
        send_mismatch(orch, join->conn, err == ERR_DENIED);
        return true;
    }
    orch_conn_add(orch, join->conn, entry, join->token->identity);
    orch->stats.resumes++;
    (void)orch_gray_flees(orch, entry, join->token->identity);
    orch_settle(orch, entry);
    return true;
}

/* How many people a room is going to have, as far as its configuration says. */
static void expect(struct orch *orch, struct room_entry *entry,
                   const Livekit__RoomConfiguration *config)
{
    for (size_t i = 0; i < config->n_tags; i++) {
        char *end;
        const char *text = config->tags[i]->value;
        if (strcmp(config->tags[i]->key, "expected_participants") == 0 && isdigit(text[0])) {
            unsigned long number = strtoul(text, &end, 10);
            if (*end == '\0' && number > 0) {
                orch_place_expect(orch, entry, (uint32_t)MIN(number, UINT32_MAX), EXPECTED_TAG);
                return;
            }
        }
    }
    orch_place_expect(orch, entry, config->max_participants, EXPECTED_LIMIT);
}

/* The first joiner's token may say how the room is to be. */
static void configure(struct orch *orch, struct room_entry *entry, const struct token *token)
{
    ProtobufCMessage *message;
    const struct protojson_options options = {.ignore_unknown = true};
    if (token->room_config == NULL) {
        orch_place_expect(orch, entry, 0, EXPECTED_NOT);
        return;
    }
    if (protojson_parse(&livekit__room_configuration__descriptor, token->room_config,
                        strlen(token->room_config), &options, &message, NULL) != 0) {
        log_write(orch->config.log, LOG_WARN, "room_config_bad room=%s", entry->sid);
        orch_place_expect(orch, entry, 0, EXPECTED_NOT);
        return;
    }
    const Livekit__RoomConfiguration *config = (const Livekit__RoomConfiguration *)message;
    room_configure(entry->room,
                   &(struct room_settings){.empty_timeout_s = config->empty_timeout,
                                           .departure_timeout_s = config->departure_timeout,
                                           .max_participants = config->max_participants,
                                           .metadata = config->metadata});
    expect(orch, entry, config);
    protobuf_c_message_free_unpacked(message, NULL);
}

static int status_of(int err)
{
    switch (err) {
    case ERR_FULL: /* terminal for the SDKs, unlike 5xx: trying again at once would not help */
        return HTTP_FORBIDDEN;
    case ERR_DENIED:
        return HTTP_UNAUTHORIZED;
    default:
        return HTTP_BAD_REQUEST;
    }
}

static size_t unplaced(enum placement_reason reason)
{
    switch (reason) {
    case PLACEMENT_RATE:
        return ORCH_UNPLACED_RATE;
    case PLACEMENT_NO_NODES:
        return ORCH_UNPLACED_NO_NODES;
    default: /* or the room is on ROOM_NODES_MAX nodes already */
        return ORCH_UNPLACED_FULL;
    }
}

/* placement/ chose a node, or had none. */
static void trace_placement(const struct orch *orch, const struct room_join *join)
{
    const struct tracer *tracer = orch->config.tracer;
    struct trace_span span =
        trace_part(tracer, orch->now_us, "placement", TRACE_INTERNAL, &join->trace.context);
    trace_text(&span, "spillway.placement.reason", placement_reason_name(orch->refusal.reason));
    if (join->node == NULL) {
        trace_end_failed(tracer, &span, orch->now_us, "no node takes it");
        return;
    }
    trace_text(&span, "spillway.node", join->node->node_id);
    trace_end(tracer, &span, orch->now_us);
}

static void refuse_for_now(struct orch *orch, uint64_t conn)
{
    char text[ENTRY_REASON_MAX];
    uint32_t retry_after_s = orch_refusal_text(orch, text, sizeof(text));
    orch->stats.refused[ORCH_REFUSED_NO_NODE]++;
    orch->stats.unplaced[unplaced(orch->refusal.reason)]++;
    effects_take(&orch->fx, (struct effect){.type = EFFECT_REFUSE,
                                            .id = conn,
                                            .status = HTTP_UNAVAILABLE,
                                            .text = mem_str(text),
                                            .retry_after_s = retry_after_s});
}

/* False: waits for its place. */
static bool join(struct orch *orch, struct room_join *join, const char *name,
                 const struct trace_context *trace)
{
    struct room_entry *entry;
    char reason[SDP_REASON_MAX];
    if (orch_share_waits(orch, name, join->region, join->token->identity)) {
        return false;
    }
    join->trace = trace_part(orch->config.tracer, orch->now_us, "room_join", TRACE_SERVER, trace);
    bool is_new = orch_room(orch, name) == NULL;
    int err = orch_room_open(orch, name, join->region, &entry);
    if (err == 0) {
        err = orch_place_join(orch, entry, join->region, join->token->identity, &join->node);
        if (err != 0 && is_new) {
            orch_room_discard(orch, entry);
        }
    }
    trace_placement(orch, join);
    if (err != 0) {
        refuse_for_now(orch, join->conn);
        trace_end_failed(orch->config.tracer, &join->trace, orch->now_us, "refused");
        return true;
    }
    trace_text(&join->trace, "spillway.room", entry->sid);
    orch->stats.placed[!is_new && orch->refusal.reason == PLACEMENT_KEPT]++;
    if (is_new) {
        configure(orch, entry, join->token);
        room_begin(entry->room, orch->now_us, &orch->fx);
    }
    orch_conn_add(orch, join->conn, entry, join->token->identity);
    bool held = room_holds_video_of(entry->room, join->token->identity);
    err = room_join(entry->room, orch->now_us, join, &orch->fx, reason);
    if (err != 0) {
        orch_conn_remove(orch, join->conn);
        orch->stats.refused[err == ERR_FULL ? ORCH_REFUSED_FULL : ORCH_REFUSED_REQUEST]++;
        effect_refuse(&orch->fx, join->conn, status_of(err), reason);
        trace_end_failed(orch->config.tracer, &join->trace, orch->now_us, "refused");
        orch_place_follow(orch, entry);
    } else if (room_join_publish(entry->room, orch->now_us, join, &orch->fx, reason) != 0) {
        orch->stats.expelled[ORCH_EXPELLED_OFFER]++; /* its WebSocket is open by now */
        room_expel(entry->room, orch->now_us, join->token->identity, reason, &orch->fx);
    } else {
        orch->stats.joins++;
        if (held) { /* he comes back, and place is as short as it was */
            room_hold_video(entry->room, join->node->node_id, join->token->identity, true);
        }
    }
    orch_settle(orch, entry);
    return true;
}

/* A client is where its front is, unless its token says otherwise. */
static const char *region_of(const struct token *token, const char *front_region)
{
    for (size_t i = 0; i < token->attribute_count; i++) {
        if (strcmp(token->attributes[i].name, REGION_ATTRIBUTE) == 0) {
            return token->attributes[i].value;
        }
    }
    return front_region;
}

void orch_refuse(struct orch *orch, int64_t now_us, uint64_t conn, int status, const char *reason)
{
    orch_tick(orch, now_us);
    orch->stats.refused[status == HTTP_UNAUTHORIZED ? ORCH_REFUSED_TOKEN : ORCH_REFUSED_REQUEST]++;
    effect_refuse(&orch->fx, conn, status, reason);
}

bool orch_enter(struct orch *orch, int64_t now_us, uint64_t conn, const struct orch_client *client,
                const struct entry *entry)
{
    orch_tick(orch, now_us);
    struct room_join args = {.conn = conn,
                             .sid = client->sid,
                             .front = client->front,
                             .region = region_of(&entry->token, client->front.region),
                             .token = &entry->token,
                             .request = entry->request,
                             .two_connections = entry->two_connections,
                             .address = client->address};
    if (orch_adopts(orch, entry->room)) {
        return false;
    }
    if (entry->request->reconnect) {
        return resume(orch, &args, entry->room);
    }
    return join(orch, &args, entry->room, &client->trace);
}

bool orch_admits_new(struct orch *orch, int64_t now_us, uint64_t conn,
                     const struct orch_client *client, const struct entry *entry)
{
    orch_tick(orch, now_us);
    if (entry->request->reconnect ||
        orch_place_admits(orch, NULL, region_of(&entry->token, client->front.region),
                          entry->token.identity) ||
        orch->refusal.reason == PLACEMENT_NO_NODES) { /* others may know some */
        return true;
    }
    refuse_for_now(orch, conn);
    return false;
}

bool orch_connect(struct orch *orch, int64_t now_us, uint64_t conn,
                  const struct orch_client *client)
{
    struct entry entry;
    char reason[ENTRY_REASON_MAX];
    orch_tick(orch, now_us);
    int status =
        entry_check(&entry, &client->request, &orch->config.keys, orch_wall_s(orch), reason);
    if (status != 0) {
        orch_refuse(orch, now_us, conn, status, reason);
        return true;
    }
    bool done = orch_enter(orch, now_us, conn, client, &entry);
    entry_fini(&entry);
    return done;
}

void orch_validate(struct orch *orch, int64_t now_us, uint64_t request,
                   const struct entry_request *what)
{
    struct entry entry;
    char reason[ENTRY_REASON_MAX];
    orch_tick(orch, now_us);
    int status = entry_check(&entry, what, &orch->config.keys, orch_wall_s(orch), reason);
    if (status != 0) {
        effect_reply(&orch->fx, request, status, "text/plain; charset=utf-8", reason);
        return;
    }
    struct room_entry *room = orch_room(orch, entry.room);
    int err = 0;
    if (room != NULL && !entry.request->reconnect) {
        err = room_admits(room->room,
                          &(struct room_join){.token = &entry.token, .request = entry.request},
                          reason);
    }
    if (err != 0) {
        effect_reply(&orch->fx, request, status_of(err), "text/plain; charset=utf-8", reason);
    } else if (!entry.request->reconnect &&
               !orch_place_admits(orch, room, region_of(&entry.token, orch->config.region),
                                  entry.token.identity)) {
        uint32_t retry_after_s = orch_refusal_text(orch, reason, sizeof(reason));
        effects_take(&orch->fx, (struct effect){.type = EFFECT_REPLY,
                                                .id = request,
                                                .status = HTTP_UNAVAILABLE,
                                                .name = mem_str("text/plain; charset=utf-8"),
                                                .data = mem_copy(reason, strlen(reason)),
                                                .len = strlen(reason),
                                                .retry_after_s = retry_after_s});
    } else {
        effect_reply(&orch->fx, request, HTTP_OK, "text/plain; charset=utf-8", "success");
    }
    entry_fini(&entry);
}

static void expel(struct orch *orch, const struct conn_entry *entry, int why, const char *reason)
{
    struct room_entry *room = entry->room;
    orch->stats.expelled[why]++;
    room_expel(room->room, orch->now_us, entry->identity, reason, &orch->fx);
    orch_settle(orch, room);
}

void orch_signal_malformed(struct orch *orch, int64_t now_us, uint64_t conn)
{
    orch_tick(orch, now_us);
    const struct conn_entry *entry = find_conn(orch, conn);
    if (entry != NULL) {
        expel(orch, entry, ORCH_EXPELLED_MALFORMED, "not a SignalRequest");
    }
}

void orch_signal(struct orch *orch, int64_t now_us, uint64_t conn, struct bytes message)
{
    orch_tick(orch, now_us);
    const struct conn_entry *entry = find_conn(orch, conn);
    ProtobufCMessage *unpacked;
    if (entry == NULL) {
        return; /* closing: what was still on its way */
    }
    if (wire_unpack(&livekit__signal_request__descriptor, message, &unpacked) != 0) {
        orch_signal_malformed(orch, now_us, conn);
        return;
    }
    const Livekit__SignalRequest *request = (const Livekit__SignalRequest *)unpacked;
    struct room_entry *room = entry->room;
    char reason[SDP_REASON_MAX];
    int err = room_signal(room->room, now_us, entry->identity, request, &orch->fx, reason);
    if (err != 0) {
        bool offer = request->message_case == LIVEKIT__SIGNAL_REQUEST__MESSAGE_OFFER ||
                     request->message_case == LIVEKIT__SIGNAL_REQUEST__MESSAGE_ANSWER;
        expel(orch, entry, offer ? ORCH_EXPELLED_OFFER : ORCH_EXPELLED_REQUEST, reason);
    } else {
        orch_settle(orch, room);
    }
    protobuf_c_message_free_unpacked(unpacked, NULL);
}

void orch_disconnected(struct orch *orch, int64_t now_us, uint64_t conn)
{
    orch_tick(orch, now_us);
    struct conn_entry *entry = find_conn(orch, conn);
    if (entry == NULL) {
        return; /* we closed it ourselves */
    }
    struct room_entry *room = entry->room;
    room_disconnected(room->room, now_us, entry->identity, conn, &orch->fx);
    orch_conn_remove(orch, conn);
    orch_settle(orch, room);
}
