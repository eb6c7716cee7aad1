/* SPDX-License-Identifier: Apache-2.0
 *
 * What goes to a peer: each message with its session and its number in it, so that one that is lost
 * is missed, and one that is sent again is taken once; and what is of one content for many
 * transports once.
 */
#include "orchestrator/core/cluster/private.h"
#include "proto/wire/wire.h"

#include <stdlib.h>

#define BATCH_MAX 1024 /* transports in one ChannelSend */

typedef Spillway__Bus__PeerMessage peer_message;

/* The peer would not take it, but miss it, and the link be lost with all that goes over it. */
static void unfit(struct cluster *c, const struct peer *peer, const peer_message *message,
                  const char *why)
{
    c->stats.unfit++;
    log_write(c->config.log, LOG_WARN, "peer_message_unfit peer=%s case=%d why=\"%s\"", peer->id,
              (int)message->message_case, why);
}

void peer_send_now(struct cluster *c, size_t member, peer_message *message, bool lossy)
{
    size_t len;
    struct peer *peer = &c->peers[member];
    bool hello = message->message_case == SPILLWAY__BUS__PEER_MESSAGE__MESSAGE_HELLO;
    bool beat = message->message_case == SPILLWAY__BUS__PEER_MESSAGE__MESSAGE_BEAT;
    if (!wire_valid(&message->base)) {
        unfit(c, peer, message, "it has text that is not UTF-8");
        return;
    }
    message->session = peer->session;
    message->number = lossy || hello || beat ? 0 : ++peer->sent;
    uint8_t *data = wire_pack(&message->base, &len);
    if (len > CLUSTER_MESSAGE_MAX) {
        unfit(c, peer, message, "it is too large");
        peer->sent -= message->number != 0;
        message->number = 0;
        free(data);
        return;
    }
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
    peer_send_now(c, member, &message, batch->lossy);
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
        peer_send_now(c, member, message, lossy);
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
