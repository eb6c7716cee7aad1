/* SPDX-License-Identifier: Apache-2.0
 *
 * Between the front (DTLS, data channels), the tunnel to the nodes, and the core. The core says
 * through which node a transport goes; frames that the tunnel drops are repaired by DTLS and SCTP.
 */
#include "orchestrator/shell/server/internal.h"

#include "proto/gen/control.pb-c.h"
#include "proto/wire/wire.h"

#include <stdio.h>
#include <stdlib.h>

static struct server_route *find_route(struct server *server, uint64_t transport)
{
    struct server_route *route;
    HASH_FIND(hh, server->routes, &transport, sizeof(transport), route);
    return route;
}

/* ---- Effects ------------------------------------------------------------------------------- */

static int open_front(struct server *server, const struct effect *effect,
                      const struct front_fingerprint *fingerprint)
{
    const struct effect_channel *known = (const struct effect_channel *)(const void *)effect->data;
    size_t count = effect->len / sizeof(*known);
    struct front_channel channels[EFFECT_CHANNELS_MAX];
    for (size_t i = 0; i < count; i++) {
        channels[i] = (struct front_channel){.stream = known[i].stream,
                                             .label = known[i].label,
                                             .ordered = !known[i].lossy,
                                             .reliable = !known[i].lossy};
    }
    switch ((enum effect_channels)effect->status) {
    case EFFECT_CHANNELS_CLIENTS:
        return front_open(server->front, effect->id, fingerprint);
    case EFFECT_CHANNELS_OPEN:
        return front_reopen(server->front, effect->id, fingerprint, channels, count);
    case EFFECT_CHANNELS_OURS:
        return front_offer(server->front, effect->id, fingerprint, channels, count);
    }
    unreachable();
}

void transports_open(struct server *server, const struct effect *effect)
{
    char hash[16] = "";
    const char *value = strchr(effect->text, ' ');
    assert(value != NULL); /* "sha-256 AB:CD:..." */
    snprintf(hash, sizeof(hash), "%.*s", (int)(value - effect->text), effect->text);
    struct front_fingerprint fingerprint = {.hash = hash, .value = value + 1};
    int err = open_front(server, effect, &fingerprint);
    if (err != 0) {
        cluster_front_failed(server->cluster, server_now(), effect->id, err_text(err));
    }
}

void transports_close(struct server *server, const struct effect *effect)
{
    struct server_route *route = find_route(server, effect->id);
    front_close(server->front, effect->id);
    if (route != NULL) {
        HASH_DEL(server->routes, route);
        free(route);
    }
}

void transports_route(struct server *server, const struct effect *effect)
{
    struct server_route *route = find_route(server, effect->id);
    if (route == NULL) {
        route = mem_alloc(sizeof(*route));
        route->transport = effect->id;
        HASH_ADD(hh, server->routes, transport, sizeof(route->transport), route);
    }
    snprintf(route->node, sizeof(route->node), "%s", effect->name);
}

void transports_send(struct server *server, const struct effect *effect)
{
    struct front_message message = {
        .stream = effect->stream, .binary = true, .data = {effect->data, effect->len}};
    int err = front_send(server->front, server_now(), effect->id, &message);
    if (err == ERR_FULL &&
        effect->status == 0) { /* reliable: give up a client that does not read */
        server->channels_full++;
        cluster_front_failed(server->cluster, server_now(), effect->id, "data channel not read");
    }
}

/* ---- From nodes ---------------------------------------------------------------------------- */

void transports_frame(struct server *server, struct bytes bytes)
{
    ProtobufCMessage *message;
    if (wire_unpack(&spillway__control__tunnel_frame__descriptor, bytes, &message) != 0) {
        server->tunnel_malformed++;
        return;
    }
    const Spillway__Control__TunnelFrame *frame = (const Spillway__Control__TunnelFrame *)message;
    for (size_t i = 0; i < frame->n_datagrams; i++) {
        front_datagram(server->front, server_now(), frame->transport,
                       (struct bytes){frame->datagrams[i].data, frame->datagrams[i].len});
    }
    protobuf_c_message_free_unpacked(message, NULL);
}

/* ---- From the front ------------------------------------------------------------------------ */

static void fill_keys(Spillway__Control__SrtpKeys *out, const struct front_keys *keys)
{
    spillway__control__srtp_keys__init(out);
    out->suite = (Spillway__Control__SrtpKeys__Suite)keys->suite; /* same numbers, see front.h */
    out->client_key = (ProtobufCBinaryData){keys->len, (uint8_t *)keys->client_key};
    out->server_key = (ProtobufCBinaryData){keys->len, (uint8_t *)keys->server_key};
}

static void send_datagrams(struct server *server, const struct front_out *out)
{
    const struct server_route *route = find_route(server, out->transport);
    if (route == NULL) {
        return; /* closed meanwhile */
    }
    Spillway__Control__TunnelFrame frame = SPILLWAY__CONTROL__TUNNEL_FRAME__INIT;
    ProtobufCBinaryData datagrams[FRONT_DATAGRAMS_MAX];
    Spillway__Control__SrtpKeys keys;
    frame.transport = out->transport;
    frame.datagrams = datagrams;
    frame.n_datagrams = out->datagram_count;
    for (size_t i = 0; i < out->datagram_count; i++) {
        datagrams[i] = (ProtobufCBinaryData){out->datagrams[i].len,
                                             (uint8_t *)(uintptr_t)out->datagrams[i].data};
    }
    if (out->keys != NULL) {
        fill_keys(&keys, out->keys);
        frame.srtp = &keys;
    }
    size_t len;
    uint8_t *packed = wire_pack(&frame.base, &len);
    (void)bus_send(server->tunnel, route->node, (struct bytes){packed, len}); /* may drop */
    free(packed);
}

bool transports_poll(struct server *server)
{
    struct front_out out;
    Spillway__Control__SrtpKeys keys;
    if (!front_poll(server->front, &out)) {
        return false;
    }
    int64_t now_us = server_now();
    switch (out.kind) {
    case FRONT_DATAGRAMS:
        send_datagrams(server, &out);
        break;
    case FRONT_CONNECTED:
        fill_keys(&keys, out.keys);
        cluster_front_connected(server->cluster, now_us, out.transport, &keys);
        break;
    case FRONT_CHANNEL_OPEN:
        cluster_channel_opened(server->cluster, now_us, out.transport, out.channel.stream,
                               out.channel.label);
        break;
    case FRONT_MESSAGE:
        cluster_channel_message(server->cluster, now_us, out.transport, out.channel.stream,
                                out.message.data);
        break;
    case FRONT_CHANNEL_CLOSED:
        cluster_channel_closed(server->cluster, now_us, out.transport, out.channel.stream);
        break;
    case FRONT_DRAINED: /* who fills a reliable channel is given up at once */
        break;
    case FRONT_FAILED:
        cluster_front_failed(server->cluster, now_us, out.transport,
                             front_failure_text(out.failure));
        break;
    }
    return true;
}
