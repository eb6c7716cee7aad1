/* SPDX-License-Identifier: Apache-2.0
 *
 * Data packets between the participants of a room, and RPC calls that the server makes itself.
 */
#include "orchestrator/core/room/private.h"
#include "proto/wire/wire.h"

#include <stdio.h>
#include <stdlib.h>

enum { /* LiveKit's RPC error codes */
       RPC_REQUEST_TOO_LARGE = 1402,
       RPC_CONNECTION_TIMEOUT = 1501,
       RPC_RESPONSE_TIMEOUT = 1502,
       RPC_RECIPIENT_DISCONNECTED = 1503,
       RPC_RESPONSE_TOO_LARGE = 1504,
};

const char *channel_label(enum channel_kind kind)
{
    static const char *const labels[CHANNEL_COUNT] = {"_reliable", "_lossy", "_data_track"};
    return labels[kind];
}

bool channel_of(const char *label, enum channel_kind *out)
{
    for (unsigned kind = 0; kind < CHANNEL_COUNT; kind++) {
        if (strcmp(channel_label((enum channel_kind)kind), label) == 0) {
            *out = (enum channel_kind)kind;
            return true;
        }
    }
    return false;
}

static void send_packet(const struct participant *person, enum channel_kind kind,
                        struct bytes packet, struct effects *fx)
{
    const struct participant *p = receiver_of(person);
    if (p->channels[kind].open) {
        effect_channel_send(fx, p->session.transport, p->front.number, p->channels[kind].stream,
                            kind != CHANNEL_RELIABLE, packet);
    }
}

static bool may_receive(const struct participant *p, const struct data_packet *packet)
{
    p = person_of(p);
    return !lock_waits(p) &&
           (packet->value != DATA_VALUE_METRICS || p->permission.can_subscribe_metrics) &&
           data_packet_for(packet, p->identity, p->sid);
}

/* Reliable packets that its channel was not there to take, or may have lost. */
static void replay(struct participant *p, int64_t now_us, struct effects *fx)
{
    struct data_replay *entries = &p->room->replay;
    data_replay_expire(entries, now_us);
    for (size_t i = 0; i < entries->count; i++) {
        const struct data_replay_entry *entry = &entries->entries[i];
        struct bytes bytes = {entry->data, entry->len};
        struct data_packet packet;
        if (strcmp(entry->sender, p->identity) != 0 && data_packet_parse(bytes, &packet) == 0 &&
            channel_lacks(p, entry, &packet) && may_receive(p, &packet)) {
            send_packet(p, CHANNEL_RELIABLE, bytes, fx);
        }
    }
    if (p->lost_from == 0) { /* else it had the channel before */
        p->replay_from = entries->last_ordinal + 1;
    }
}

/* Those that were made before it could take them. */
static void send_calls(const struct participant *p, struct effects *fx)
{
    struct rpc_call *call;
    DL_FOREACH(p->room->rpc_calls, call)
    {
        if (call->unsent != NULL && strcmp(call->destination, p->identity) == 0) {
            send_packet(p, CHANNEL_RELIABLE, (struct bytes){call->unsent, call->unsent_len}, fx);
            free(call->unsent);
            call->unsent = NULL;
        }
    }
}

void room_channel_opened(struct room *room, int64_t now_us, uint64_t transport, uint16_t stream,
                         const char *label, struct effects *fx)
{
    struct participant *p = room_find_transport(room, transport);
    enum channel_kind kind;
    if (p == NULL || !channel_of(label, &kind)) {
        return; /* channels of the application's own are not routed */
    }
    p->channels[kind] = (struct channel){.open = true, .stream = stream};
    sealed_changed(p);
    if (kind != CHANNEL_RELIABLE || p != receiver_of(p)) {
        return;
    }
    if (p->lost_from != 0 && !channel_kept(p)) {
        room_leave(room, now_us, p, LIVEKIT__DISCONNECT_REASON__MEDIA_FAILURE,
                   LIVEKIT__LEAVE_REQUEST__ACTION__RECONNECT, true, fx);
        return;
    }
    replay(p, now_us, fx);
    channel_forget(p);
    send_calls(p, fx);
}

void room_channel_closed(struct room *room, uint64_t transport, uint16_t stream)
{
    struct participant *p = room_find_transport(room, transport);
    for (unsigned kind = 0; p != NULL && kind < CHANNEL_COUNT; kind++) {
        if (p->channels[kind].open && p->channels[kind].stream == stream) {
            p->channels[kind].open = false;
            sealed_changed(p);
            if (kind == CHANNEL_RELIABLE) {
                p->replay_from = room->replay.last_ordinal + 1;
            }
        }
    }
}

void channel_broadcast(struct room *room, int64_t now_us, const struct participant *sender,
                       const struct data_packet *packet, bool reliable, struct effects *fx)
{
    bool unseen = sender == NULL || sender->permission.hidden;
    size_t len;
    uint8_t *stamped =
        data_packet_stamp(packet, unseen ? "" : sender->identity, unseen ? "" : sender->sid, &len);
    struct bytes bytes = {stamped, len};
    for (const struct participant *p = room->participants; p != NULL; p = p->hh.next) {
        if (p != sender && may_receive(p, packet)) {
            send_packet(p, reliable ? CHANNEL_RELIABLE : CHANNEL_LOSSY, bytes, fx);
        }
    }
    if (reliable) {
        data_replay_add(&room->replay, now_us, sender == NULL ? "" : sender->identity, bytes);
    }
    free(stamped);
}

/* ---- RPC made by the server ---------------------------------------------------------------- */

static void answer_rpc(uint64_t request, int code, const char *text, struct bytes payload,
                       struct effects *fx)
{
    effects_take(fx, (struct effect){.type = EFFECT_RPC,
                                     .id = request,
                                     .status = code,
                                     .text = mem_str(text),
                                     .data = mem_copy(payload.data, payload.len),
                                     .len = payload.len});
}

void channel_rpc_free(struct rpc_call *call)
{
    free(call->destination);
    free(call->unsent);
    free(call);
}

static void finish_rpc(struct room *room, struct rpc_call *call, int code, const char *text,
                       struct bytes payload, struct effects *fx)
{
    answer_rpc(call->request, code, text, payload, fx);
    DL_DELETE(room->rpc_calls, call);
    room->rpc_call_count--;
    channel_rpc_free(call);
}

static void finish_with_payload(struct room *room, struct rpc_call *call, const char *text,
                                struct effects *fx)
{
    struct bytes payload = {(const uint8_t *)text, strlen(text)};
    if (payload.len > ROOM_RPC_BYTES) {
        finish_rpc(room, call, RPC_RESPONSE_TOO_LARGE, "response payload too large",
                   (struct bytes){0}, fx);
        return;
    }
    finish_rpc(room, call, 0, "", payload, fx);
}

static struct rpc_call *find_call(const struct room *room, const struct participant *p,
                                  struct bytes body)
{
    struct bytes id;
    struct rpc_call *call;
    if (room->rpc_calls == NULL || !data_field(body, 1, &id)) {
        return NULL;
    }
    DL_FOREACH(room->rpc_calls, call)
    {
        if (id.len == strlen(call->id) && memcmp(id.data, call->id, id.len) == 0 &&
            strcmp(call->destination, p->identity) == 0) {
            return call;
        }
    }
    return NULL;
}

/* An ack or response to a call of ours goes no further. */
static bool intercept_rpc(struct room *room, const struct participant *p,
                          const struct data_packet *packet, struct effects *fx)
{
    if (packet->value != DATA_VALUE_RPC_ACK && packet->value != DATA_VALUE_RPC_RESPONSE) {
        return false;
    }
    struct rpc_call *call = find_call(room, p, packet->body);
    if (call == NULL) {
        return false;
    }
    call->ack_by_us = TIME_NEVER;
    ProtobufCMessage *message;
    if (packet->value == DATA_VALUE_RPC_RESPONSE &&
        wire_unpack(&livekit__rpc_response__descriptor, packet->body, &message) == 0) {
        const Livekit__RpcResponse *answer = (const Livekit__RpcResponse *)message;
        if (answer->value_case == LIVEKIT__RPC_RESPONSE__VALUE_ERROR) {
            finish_rpc(room, call, (int)answer->error->code, answer->error->message,
                       (struct bytes){0}, fx);
        } else {
            const char *text =
                answer->value_case == LIVEKIT__RPC_RESPONSE__VALUE_PAYLOAD ? answer->payload : "";
            finish_with_payload(room, call, text, fx);
        }
        protobuf_c_message_free_unpacked(message, NULL);
    }
    return true;
}

int room_perform_rpc(struct room *room, int64_t now_us, uint64_t request,
                     const Livekit__PerformRpcRequest *call, struct effects *fx)
{
    struct participant *p = room_find(room, call->destination_identity);
    if (p == NULL) {
        return ERR_NOT_FOUND;
    }
    if (room->rpc_call_count >= RPC_CALLS_MAX) {
        return ERR_FULL;
    }
    if (strlen(call->method) > ROOM_IDENTITY_BYTES) {
        return ERR_TOO_BIG;
    }
    if (strlen(call->payload) > ROOM_RPC_BYTES) {
        answer_rpc(request, RPC_REQUEST_TOO_LARGE, "request payload too large", (struct bytes){0},
                   fx);
        return 0;
    }
    struct rpc_call *pending = mem_alloc(sizeof(*pending));
    pending->request = request;
    pending->destination = mem_str(p->identity);
    pending->ack_by_us = now_us + ROOM_RPC_ACK_US;
    pending->until_us =
        now_us +
        (call->response_timeout_ms != 0 ? TIME_MS(call->response_timeout_ms) : ROOM_RPC_TIMEOUT_US);
    id_new(pending->id, "RPC_", &room->config->random);
    DL_APPEND(room->rpc_calls, pending);
    room->rpc_call_count++;

    Livekit__RpcRequest rpc = LIVEKIT__RPC_REQUEST__INIT;
    rpc.id = pending->id;
    rpc.method = call->method;
    rpc.payload = call->payload;
    rpc.response_timeout_ms = call->response_timeout_ms != 0
                                  ? call->response_timeout_ms
                                  : (uint32_t)(ROOM_RPC_TIMEOUT_US / 1000);
    rpc.version = 1;
    Livekit__DataPacket packet = LIVEKIT__DATA_PACKET__INIT;
    packet.participant_identity = "server"; /* where the answer is addressed to; we intercept it */
    packet.value_case = LIVEKIT__DATA_PACKET__VALUE_RPC_REQUEST;
    packet.rpc_request = &rpc;
    size_t len;
    uint8_t *packed = wire_pack(&packet.base, &len);
    pending->unsent = packed;
    pending->unsent_len = len;
    if (receiver_of(p)->channels[CHANNEL_RELIABLE].open) {
        send_calls(p, fx);
    }
    return 0;
}

int64_t channel_rpc_deadline(const struct room *room)
{
    int64_t at = TIME_NEVER;
    const struct rpc_call *call;
    DL_FOREACH(room->rpc_calls, call)
    {
        at = MIN(at, MIN(call->until_us, call->ack_by_us));
    }
    return at;
}

void channel_rpc_expire(struct room *room, int64_t now_us, struct effects *fx)
{
    struct rpc_call *call, *next;
    DL_FOREACH_SAFE(room->rpc_calls, call, next)
    {
        if (call->until_us <= now_us) {
            finish_rpc(room, call, RPC_RESPONSE_TIMEOUT, "response timeout", (struct bytes){0}, fx);
        } else if (call->ack_by_us <= now_us) {
            finish_rpc(room, call, RPC_CONNECTION_TIMEOUT, "connection timeout", (struct bytes){0},
                       fx);
        }
    }
}

void channel_rpc_forget(struct room *room, const char *destination, struct effects *fx)
{
    struct rpc_call *call, *next;
    DL_FOREACH_SAFE(room->rpc_calls, call, next)
    {
        if (strcmp(call->destination, destination) == 0) {
            finish_rpc(room, call, RPC_RECIPIENT_DISCONNECTED, "recipient disconnected",
                       (struct bytes){0}, fx);
        }
    }
}

/* ---- From clients -------------------------------------------------------------------------- */

static void user_packet(struct participant *p, int64_t now_us, bool reliable, struct bytes message,
                        struct effects *fx)
{
    struct room *room = p->room;
    struct data_packet packet;
    int err = data_packet_parse(message, &packet);
    if (err != 0) {
        log_write(room->config->log, LOG_DEBUG, "data_packet_bad participant=%s err=%s", p->sid,
                  err_text(err));
        return;
    }
    /* First, for whatever it is: it has arrived. */
    if (reliable && packet.sequence != 0 && !channel_takes(p, now_us, packet.sequence)) {
        return;
    }
    if (intercept_rpc(room, p, &packet, fx)) {
        return;
    }
    if (!p->permission.can_publish_data ||
        (packet.value == DATA_VALUE_TRANSCRIPTION && strcmp(p->kind, "agent") != 0)) {
        return;
    }
    channel_broadcast(room, now_us, p, &packet, reliable, fx);
}

void room_channel_message(struct room *room, int64_t now_us, uint64_t transport, uint16_t stream,
                          struct bytes message, struct effects *fx)
{
    struct participant *p = room_find_transport(room, transport);
    if (p == NULL) {
        return;
    }
    for (unsigned kind = 0; kind < CHANNEL_COUNT; kind++) {
        const struct channel *channel = &p->channels[kind];
        if (!(channel->open || channel->waits) || channel->stream != stream) {
            continue;
        }
        if (kind == CHANNEL_DATA_TRACK) {
            data_track_forward(person_of(p), message, fx);
        } else {
            user_packet(person_of(p), now_us, kind == CHANNEL_RELIABLE, message, fx);
        }
        return;
    }
}
