/* SPDX-License-Identifier: Apache-2.0
 *
 * The front's DTLS in short: a client says hello, and gets its keys in the clear. Said again, it
 * gets the same ones; they leave for the node with every answer, as with a handshake's last flight.
 * With them begins an association, on which the client opens its data channel; or which, where it
 * had another front, it takes for the one on which that is open.
 */
#include "tests/sim/assoc/assoc.h"
#include "tests/sim/world/world.h"

#include "proto/wire/wire.h"

#include <stdio.h>
#include <stdlib.h>
#include <uthash.h>

struct orch_transport {
    struct orchestrator *front;
    uint64_t id;
    char route[ID_MAX]; /* the node */
    bool connected;
    uint8_t keys[SIM_DTLS_KEYS]; /* the client's, then the server's */
    struct assoc assoc;
    bool ticking;
    struct effect_channel kept; /* the client's reliable one, of its last front; label "": none */
    bool open;
    uint16_t stream;
    UT_hash_handle hh;
};

static int64_t now(const struct orchestrator *o)
{
    return events_now(o->sim->events);
}

uint32_t sim_dtls_tag(const uint8_t keys[SIM_DTLS_KEYS])
{
    return be32_get(keys) | 1;
}

static struct orch_transport *transport_of(const struct orchestrator *o, uint64_t id)
{
    struct orch_transport *t;
    HASH_FIND(hh, o->transports, &id, sizeof(id), t);
    return t;
}

static void forget(struct orchestrator *o, struct orch_transport *t)
{
    HASH_DEL(o->transports, t);
    assoc_end(&t->assoc);
    free(t);
}

void transports_forget(struct orchestrator *o)
{
    while (o->transports != NULL) {
        forget(o, o->transports);
    }
}

/* keys leave for the node with it; or NULL. */
static void send_datagram(struct orch_transport *t, struct bytes data,
                          Spillway__Control__SrtpKeys *keys)
{
    struct sim *sim = t->front->sim;
    struct node_process *node = sim_node(sim, t->route);
    if (node == NULL) {
        return;
    }
    ProtobufCBinaryData datagram = {data.len, (uint8_t *)(uintptr_t)data.data};
    Spillway__Control__TunnelFrame frame = SPILLWAY__CONTROL__TUNNEL_FRAME__INIT;
    frame.transport = t->id;
    frame.datagrams = &datagram;
    frame.n_datagrams = 1;
    frame.srtp = keys;
    size_t len;
    uint8_t *packed = wire_pack(&frame.base, &len);
    net_datagram(sim->net,
                 &(struct net_datagram){.from = t->front->host,
                                        .to = node->host,
                                        .fn = node_process_tunnel,
                                        .arg = node,
                                        .number = t->front->index},
                 (struct bytes){packed, len});
    free(packed);
}

/* ---- DTLS ---------------------------------------------------------------------------------- */

static void hello(struct orchestrator *o, struct orch_transport *t)
{
    Spillway__Control__SrtpKeys keys = SPILLWAY__CONTROL__SRTP_KEYS__INIT;
    uint8_t flight[1 + SIM_DTLS_KEYS] = {SIM_DTLS};
    if (!t->connected) {
        prng_fill(&o->prng, t->keys, sizeof(t->keys));
        assoc_begin(&t->assoc, sim_dtls_tag(t->keys));
    }
    keys.suite = SPILLWAY__CONTROL__SRTP_KEYS__SUITE__AES_128_GCM;
    keys.client_key = (ProtobufCBinaryData){SIM_DTLS_KEYS / 2, t->keys};
    keys.server_key = (ProtobufCBinaryData){SIM_DTLS_KEYS / 2, t->keys + SIM_DTLS_KEYS / 2};
    memcpy(flight + 1, t->keys, sizeof(t->keys));
    send_datagram(t, (struct bytes){flight, sizeof(flight)}, &keys);
    if (!t->connected) {
        t->connected = true;
        cluster_front_connected(o->cluster, now(o), t->id, &keys);
    }
}

/* ---- Data channels ------------------------------------------------------------------------- */

static void send_packet(void *arg, struct bytes packet)
{
    send_datagram(arg, packet, NULL);
}

static void opened(struct orch_transport *t, uint16_t stream, const char *label)
{
    struct orchestrator *o = t->front;
    t->open = true;
    t->stream = stream;
    cluster_channel_opened(o->cluster, now(o), t->id, stream, label);
}

/* One that is not open here is a stray. */
static void told(void *arg, struct bytes message)
{
    struct orch_transport *t = arg;
    struct orchestrator *o = t->front;
    struct bytes rest = {message.data + 1, message.len - 1};
    if (message.data[0] == SIM_CHANNEL_OPEN) {
        opened(t, SIM_CHANNEL_STREAM, SIM_CHANNEL_LABEL);
    } else if (message.data[0] == SIM_CHANNEL_GOES_ON && t->kept.label[0] != '\0') {
        opened(t, t->kept.stream, t->kept.label);
    } else if (message.data[0] == SIM_CHANNEL_MESSAGE && t->open) {
        cluster_channel_message(o->cluster, now(o), t->id, t->stream, rest);
    }
}

static struct assoc_handler handler(struct orch_transport *t)
{
    return (struct assoc_handler){.send = send_packet, .told = told, .arg = t};
}

static void channel_send(struct orch_transport *t, const struct effect *effect)
{
    if (t != NULL && t->open && effect->stream == t->stream) {
        struct assoc_handler with = handler(t);
        assoc_say(&t->assoc, now(t->front), (struct bytes){effect->data, effect->len}, &with);
    }
}

static void on_tick(void *arg, uint64_t id, struct bytes data)
{
    struct orchestrator *o = arg;
    struct orch_transport *t = transport_of(o, id);
    (void)data;
    if (t != NULL) {
        struct assoc_handler with = handler(t);
        assoc_tick(&t->assoc, now(o), &with);
        net_timer(o->sim->net, o->host, now(o) + ASSOC_TICK_US, on_tick, o, id);
    }
}

static void packet(struct orch_transport *t, struct bytes datagram)
{
    struct orchestrator *o = t->front;
    struct assoc_handler with = handler(t);
    if (!t->ticking) {
        t->ticking = true;
        net_timer(o->sim->net, o->host, now(o) + ASSOC_TICK_US, on_tick, o, t->id);
    }
    assoc_receive(&t->assoc, datagram, &with);
}

/* ---- What the core wants ------------------------------------------------------------------- */

static void open_transport(struct orchestrator *o, const struct effect *effect)
{
    struct orch_transport *t = mem_alloc(sizeof(*t));
    t->front = o;
    t->id = effect->id;
    HASH_ADD(hh, o->transports, id, sizeof(t->id), t);
    for (size_t at = 0; at < effect->len; at += sizeof(t->kept)) {
        struct effect_channel channel;
        memcpy(&channel, effect->data + at, sizeof(channel));
        if (!channel.lossy) {
            t->kept = channel;
        }
    }
}

void transports_effect(struct orchestrator *o, const struct effect *effect)
{
    struct orch_transport *t = transport_of(o, effect->id);
    switch (effect->type) {
    case EFFECT_FRONT_OPEN:
        assert(t == NULL);
        open_transport(o, effect);
        break;
    case EFFECT_CHANNEL_SEND:
        channel_send(t, effect);
        break;
    case EFFECT_FRONT_ROUTE:
        if (t != NULL) {
            snprintf(t->route, sizeof(t->route), "%s", effect->name);
        }
        break;
    default:
        if (t != NULL) {
            forget(o, t);
        }
        break;
    }
}

/* ---- From nodes ---------------------------------------------------------------------------- */

void orchestrator_tunnel(void *arg, uint64_t number, struct bytes bytes)
{
    struct orchestrator *o = arg;
    (void)number;
    ProtobufCMessage *message;
    int err = wire_unpack(&spillway__control__tunnel_frame__descriptor, bytes, &message);
    assert(err == 0);
    const Spillway__Control__TunnelFrame *frame = (const Spillway__Control__TunnelFrame *)message;
    struct orch_transport *t = transport_of(o, frame->transport);
    bool greets = false;
    for (size_t i = 0; t != NULL && i < frame->n_datagrams; i++) {
        struct bytes datagram = {frame->datagrams[i].data, frame->datagrams[i].len};
        if (datagram.data[0] == ASSOC_FIRST_BYTE) {
            packet(t, datagram);
        } else {
            greets = true;
        }
    }
    if (greets) {
        hello(o, t);
    }
    if (t != NULL) {
        orchestrator_drain(o);
    }
    protobuf_c_message_free_unpacked(message, NULL);
}
