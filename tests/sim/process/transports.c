/* SPDX-License-Identifier: Apache-2.0
 *
 * The front's DTLS in short: a client says hello, and gets its keys in the clear. Said again, it
 * gets the same ones; they leave for the node with every answer, as with a handshake's last flight.
 */
#include "tests/sim/world/world.h"

#include "proto/wire/wire.h"

#include <stdio.h>
#include <stdlib.h>
#include <uthash.h>

struct orch_transport {
    uint64_t id;
    char route[ID_MAX]; /* the node */
    bool connected;
    uint8_t keys[SIM_DTLS_KEYS]; /* the client's, then the server's */
    UT_hash_handle hh;
};

static struct orch_transport *transport_of(const struct orchestrator *o, uint64_t id)
{
    struct orch_transport *t;
    HASH_FIND(hh, o->transports, &id, sizeof(id), t);
    return t;
}

static void forget(struct orchestrator *o, struct orch_transport *t)
{
    HASH_DEL(o->transports, t);
    free(t);
}

void transports_forget(struct orchestrator *o)
{
    while (o->transports != NULL) {
        forget(o, o->transports);
    }
}

void transports_effect(struct orchestrator *o, const struct effect *effect)
{
    struct orch_transport *t = transport_of(o, effect->id);
    switch (effect->type) {
    case EFFECT_FRONT_OPEN:
        assert(t == NULL);
        t = mem_alloc(sizeof(*t));
        t->id = effect->id;
        HASH_ADD(hh, o->transports, id, sizeof(t->id), t);
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

static void answer(struct orchestrator *o, struct orch_transport *t,
                   Spillway__Control__SrtpKeys *keys)
{
    struct node_process *node = sim_node(o->sim, t->route);
    if (node == NULL) {
        return;
    }
    uint8_t flight[1 + SIM_DTLS_KEYS] = {SIM_DTLS};
    memcpy(flight + 1, t->keys, sizeof(t->keys));
    ProtobufCBinaryData datagram = {sizeof(flight), flight};
    Spillway__Control__TunnelFrame frame = SPILLWAY__CONTROL__TUNNEL_FRAME__INIT;
    frame.transport = t->id;
    frame.datagrams = &datagram;
    frame.n_datagrams = 1;
    frame.srtp = keys;
    size_t len;
    uint8_t *packed = wire_pack(&frame.base, &len);
    net_datagram(o->sim->net,
                 &(struct net_datagram){.from = o->host,
                                        .to = node->host,
                                        .fn = node_process_tunnel,
                                        .arg = node,
                                        .number = o->index},
                 (struct bytes){packed, len});
    free(packed);
}

static void hello(struct orchestrator *o, struct orch_transport *t)
{
    Spillway__Control__SrtpKeys keys = SPILLWAY__CONTROL__SRTP_KEYS__INIT;
    if (!t->connected) {
        prng_fill(&o->prng, t->keys, sizeof(t->keys));
    }
    keys.suite = SPILLWAY__CONTROL__SRTP_KEYS__SUITE__AES_128_GCM;
    keys.client_key = (ProtobufCBinaryData){SIM_DTLS_KEYS / 2, t->keys};
    keys.server_key = (ProtobufCBinaryData){SIM_DTLS_KEYS / 2, t->keys + SIM_DTLS_KEYS / 2};
    answer(o, t, &keys);
    if (!t->connected) {
        t->connected = true;
        cluster_front_connected(o->cluster, events_now(o->sim->events), t->id, &keys);
    }
}

void orchestrator_tunnel(void *arg, uint64_t number, struct bytes bytes)
{
    struct orchestrator *o = arg;
    (void)number;
    ProtobufCMessage *message;
    int err = wire_unpack(&spillway__control__tunnel_frame__descriptor, bytes, &message);
    assert(err == 0);
    const Spillway__Control__TunnelFrame *frame = (const Spillway__Control__TunnelFrame *)message;
    struct orch_transport *t = transport_of(o, frame->transport);
    if (t != NULL && frame->n_datagrams > 0) {
        hello(o, t);
        orchestrator_drain(o);
    }
    protobuf_c_message_free_unpacked(message, NULL);
}
