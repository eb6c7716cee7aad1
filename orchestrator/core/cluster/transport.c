/* SPDX-License-Identifier: Apache-2.0
 *
 * Peer connections whose DTLS ends here and whose room is a peer's: what they report goes to the
 * room's owner. While that one is dead, it is kept for the next.
 */
#include "orchestrator/core/cluster/private.h"
#include "orchestrator/core/data/data.h"
#include "proto/wire/wire.h"

#include <stdlib.h>
#include <utlist.h>

struct transport *front_transport(const struct cluster *c, uint64_t id)
{
    struct transport *transport;
    HASH_FIND(hh, c->transports, &id, sizeof(id), transport);
    return transport;
}

static void saved_free(struct transport *transport, struct saved *saved)
{
    DL_DELETE(transport->saved, saved);
    transport->saved_count--;
    transport->saved_bytes -= saved->len;
    free(saved->data);
    free(saved);
}

static void forget_facts(struct transport *transport)
{
    struct saved *fact, *next;
    DL_FOREACH_SAFE(transport->facts, fact, next)
    {
        free(fact->data);
        free(fact);
    }
    transport->facts = NULL;
}

void front_transport_forget(struct cluster *c, struct transport *transport)
{
    while (transport->saved != NULL) {
        saved_free(transport, transport->saved);
    }
    forget_facts(transport);
    HASH_DEL(c->transports, transport);
    free(transport);
}

typedef Spillway__Bus__TransportEvent transport_event;

static transport_event event_of(uint64_t id, Spillway__Bus__TransportEvent__Kind kind)
{
    transport_event event = SPILLWAY__BUS__TRANSPORT_EVENT__INIT;
    event.transport = id;
    event.kind = kind;
    return event;
}

static void send_event(struct cluster *c, const struct transport *transport, transport_event *event)
{
    Spillway__Bus__PeerMessage message = SPILLWAY__BUS__PEER_MESSAGE__INIT;
    message.message_case = SPILLWAY__BUS__PEER_MESSAGE__MESSAGE_TRANSPORT_EVENT;
    message.transport_event = event;
    peer_send(c, transport->owner, &message, false);
}

/* Kept for the next owner; with too much of it, there is none to come. */
static void save(struct cluster *c, struct transport *transport, const transport_event *event)
{
    struct saved *saved = mem_alloc(sizeof(*saved));
    saved->data = wire_pack(&event->base, &saved->len);
    DL_APPEND(transport->saved, saved);
    transport->saved_count++;
    transport->saved_bytes += saved->len;
    if (transport->saved_count > CLUSTER_SAVED_MAX ||
        transport->saved_bytes > CLUSTER_SAVED_BYTES) {
        transport->until_us = c->now_us;
    }
}

/* Keys begin an association; what opened on it stays until the next one. Told twice it changes
 * nothing. */
static void note(struct transport *transport, const transport_event *event)
{
    const struct saved *known;
    size_t count;
    DL_COUNT(transport->facts, known, count);
    if (event->kind == SPILLWAY__BUS__TRANSPORT_EVENT__KIND__CONNECTED) {
        forget_facts(transport);
    } else if (event->kind != SPILLWAY__BUS__TRANSPORT_EVENT__KIND__CHANNEL_OPENED ||
               count >= CLUSTER_FACTS_MAX) {
        return;
    }
    struct saved *fact = mem_alloc(sizeof(*fact));
    fact->data = wire_pack(&event->base, &fact->len);
    DL_APPEND(transport->facts, fact);
}

/* To the owner, if that is a peer. */
static bool tell_owner(struct cluster *c, int64_t now_us, transport_event *event)
{
    cluster_tick(c, now_us);
    struct transport *transport = front_transport(c, event->transport);
    if (transport == NULL) {
        return false;
    }
    note(transport, event);
    if (transport->owner == OWNERSHIP_NOBODY) {
        save(c, transport, event);
    } else {
        send_event(c, transport, event);
    }
    return true;
}

/* Its sequence tells whoever gets it twice. */
static bool is_sequenced(const struct transport *transport, const transport_event *message)
{
    struct data_packet packet;
    const struct saved *fact;
    bool reliable = false;
    DL_FOREACH(transport->facts, fact)
    {
        transport_event *event =
            spillway__bus__transport_event__unpack(NULL, fact->len, fact->data);
        reliable |= event->kind == SPILLWAY__BUS__TRANSPORT_EVENT__KIND__CHANNEL_OPENED &&
                    event->stream == message->stream && strcmp(event->text, "_reliable") == 0;
        spillway__bus__transport_event__free_unpacked(event, NULL);
    }
    return reliable &&
           data_packet_parse((struct bytes){message->data.data, message->data.len}, &packet) == 0 &&
           packet.sequence != 0;
}

void front_transport_again(struct cluster *c, size_t was, const transport_event *event)
{
    struct transport *transport = front_transport(c, event->transport);
    if (transport == NULL || transport->owner != OWNERSHIP_NOBODY || transport->was != was) {
        return;
    }
    switch (event->kind) {
    case SPILLWAY__BUS__TRANSPORT_EVENT__KIND__CHANNEL_MESSAGE:
        if (is_sequenced(transport, event)) {
            save(c, transport, event);
        }
        break;
    case SPILLWAY__BUS__TRANSPORT_EVENT__KIND__CHANNEL_CLOSED:
    case SPILLWAY__BUS__TRANSPORT_EVENT__KIND__FAILED:
        save(c, transport, event);
        break;
    default: /* a fact */
        break;
    }
}

static void tell_again(struct cluster *c, const struct transport *transport,
                       const struct saved *list)
{
    const struct saved *saved;
    DL_FOREACH(list, saved)
    {
        transport_event *event =
            spillway__bus__transport_event__unpack(NULL, saved->len, saved->data);
        if (transport->owner == OWNERSHIP_SELF) {
            peer_transport_event(c, event);
        } else {
            send_event(c, transport, event);
        }
        spillway__bus__transport_event__free_unpacked(event, NULL);
    }
}

/* From now on. The first that it hears is how the transport is, then what was saved. One of ours is
 * orch's. */
void front_transport_owned(struct cluster *c, struct transport *transport, size_t owner)
{
    transport->owner = owner;
    transport->until_us = TIME_NEVER;
    tell_again(c, transport, transport->facts);
    tell_again(c, transport, transport->saved);
    while (transport->saved != NULL) {
        saved_free(transport, transport->saved);
    }
    if (owner == OWNERSHIP_SELF) {
        front_transport_forget(c, transport);
    }
}

void cluster_front_connected(struct cluster *c, int64_t now_us, uint64_t transport,
                             const Spillway__Control__SrtpKeys *keys)
{
    transport_event event = event_of(transport, SPILLWAY__BUS__TRANSPORT_EVENT__KIND__CONNECTED);
    event.suite = (uint32_t)keys->suite;
    event.client_key = keys->client_key;
    event.server_key = keys->server_key;
    if (!tell_owner(c, now_us, &event)) {
        orch_front_connected(c->orch, now_us, transport, keys);
    }
}

void cluster_front_failed(struct cluster *c, int64_t now_us, uint64_t transport, const char *why)
{
    transport_event event = event_of(transport, SPILLWAY__BUS__TRANSPORT_EVENT__KIND__FAILED);
    event.text = (char *)(uintptr_t)why;
    if (!tell_owner(c, now_us, &event)) {
        orch_front_failed(c->orch, now_us, transport, why);
    }
}

void cluster_channel_opened(struct cluster *c, int64_t now_us, uint64_t transport, uint16_t stream,
                            const char *label)
{
    transport_event event =
        event_of(transport, SPILLWAY__BUS__TRANSPORT_EVENT__KIND__CHANNEL_OPENED);
    event.stream = stream;
    event.text = (char *)(uintptr_t)label;
    if (!tell_owner(c, now_us, &event)) {
        orch_channel_opened(c->orch, now_us, transport, stream, label);
    }
}

void cluster_channel_closed(struct cluster *c, int64_t now_us, uint64_t transport, uint16_t stream)
{
    transport_event event =
        event_of(transport, SPILLWAY__BUS__TRANSPORT_EVENT__KIND__CHANNEL_CLOSED);
    event.stream = stream;
    if (!tell_owner(c, now_us, &event)) {
        orch_channel_closed(c->orch, now_us, transport, stream);
    }
}

void cluster_channel_message(struct cluster *c, int64_t now_us, uint64_t transport, uint16_t stream,
                             struct bytes message)
{
    transport_event event =
        event_of(transport, SPILLWAY__BUS__TRANSPORT_EVENT__KIND__CHANNEL_MESSAGE);
    event.stream = stream;
    event.data = (ProtobufCBinaryData){message.len, (uint8_t *)(uintptr_t)message.data};
    if (!tell_owner(c, now_us, &event)) {
        orch_channel_message(c->orch, now_us, transport, stream, message);
    }
}
