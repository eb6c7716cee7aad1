/* SPDX-License-Identifier: Apache-2.0 */
#include "orchestrator/core/room/room.h"

static Spillway__Control__Endpoint *endpoint_of(const Spillway__Control__Register *node)
{
    if (node->trunk != NULL) {
        return node->trunk;
    }
    for (size_t i = 0; i < node->n_endpoints; i++) {
        if (node->endpoints[i]->protocol == SPILLWAY__CONTROL__ENDPOINT__PROTOCOL__UDP) {
            return node->endpoints[i];
        }
    }
    return NULL;
}

void room_trunk_make(struct room_trunk *out, struct bytes secret, uint32_t generation,
                     const struct room_trunk_end *here, const struct room_trunk_end *there)
{
    topology_trunk_key(out->in, secret, there->node, here->node, generation);
    topology_trunk_key(out->out, secret, here->node, there->node, generation);
    spillway__control__srtp_keys__init(&out->keys);
    out->keys.suite = SPILLWAY__CONTROL__SRTP_KEYS__SUITE__AES_128_GCM;
    out->keys.client_key = (ProtobufCBinaryData){sizeof(out->in), out->in};
    out->keys.server_key = (ProtobufCBinaryData){sizeof(out->out), out->out};
    spillway__control__trunk__init(&out->message);
    out->message.node = (char *)there->node;
    out->message.remote = endpoint_of(there->info);
    out->message.local = endpoint_of(here->info);
    out->message.generation = generation;
    out->message.keys = &out->keys;
}
