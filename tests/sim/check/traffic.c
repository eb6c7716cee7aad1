/* SPDX-License-Identifier: Apache-2.0 */
#include "proto/gen/bus.pb-c.h"
#include "proto/wire/wire.h"
#include "tests/sim/world/world.h"

static const char *const names[TRAFFIC_KINDS] = {
    [TRAFFIC_CLIENTS] = "to clients",
    [TRAFFIC_SPECS] = "to nodes",
    [TRAFFIC_EVENTS] = "from nodes",
    [TRAFFIC_PEERS] = "between orchestrators",
};

/* ---- What is sent -------------------------------------------------------------------------- */

/* The number of the first field from there on, which tells what a message is. */
static unsigned field_at(struct bytes message, size_t at)
{
    unsigned tag = at < message.len ? message.data[at] : 0;
    if ((tag & 0x80) != 0 && at + 1 < message.len) {
        tag = (tag & 0x7f) | (unsigned)message.data[at + 1] << 7;
    }
    return tag >> 3;
}

static bool is_rhythm_to_client(unsigned field)
{
    switch (field) {
    case LIVEKIT__SIGNAL_RESPONSE__MESSAGE_SPEAKERS_CHANGED:
    case LIVEKIT__SIGNAL_RESPONSE__MESSAGE_CONNECTION_QUALITY:
    case LIVEKIT__SIGNAL_RESPONSE__MESSAGE_REFRESH_TOKEN:
    case LIVEKIT__SIGNAL_RESPONSE__MESSAGE_PONG:
    case LIVEKIT__SIGNAL_RESPONSE__MESSAGE_PONG_RESP:
        return true;
    default:
        return false;
    }
}

void traffic_to_client(struct sim *sim, struct bytes message)
{
    sim->check.traffic.sent[TRAFFIC_CLIENTS] += !is_rhythm_to_client(field_at(message, 0));
}

void traffic_to_node(struct sim *sim, struct bytes message)
{
    unsigned field = field_at(message, 0);
    sim->check.traffic.sent[TRAFFIC_SPECS] +=
        field != SPILLWAY__CONTROL__ORCHESTRATOR_MESSAGE__MESSAGE_HEARTBEAT_ACK;
}

void traffic_from_node(struct sim *sim, const Spillway__Control__Events *events)
{
    for (size_t i = 0; i < events->n_events; i++) {
        sim->check.traffic.sent[TRAFFIC_EVENTS] +=
            events->events[i]->event_case != SPILLWAY__CONTROL__EVENT__EVENT_LEVELS &&
            events->events[i]->event_case != SPILLWAY__CONTROL__EVENT__EVENT_TRANSPORT_REPORT;
    }
}

/* What goes over data channels, and that one is open. */
static bool is_of_channel(struct bytes message)
{
    ProtobufCMessage *unpacked;
    int err = wire_unpack(&spillway__bus__peer_message__descriptor, message, &unpacked);
    assert(err == 0);
    const Spillway__Bus__TransportEvent *event =
        ((const Spillway__Bus__PeerMessage *)unpacked)->transport_event;
    bool is = event->kind == SPILLWAY__BUS__TRANSPORT_EVENT__KIND__CHANNEL_OPENED ||
              event->kind == SPILLWAY__BUS__TRANSPORT_EVENT__KIND__CHANNEL_MESSAGE;
    protobuf_c_message_free_unpacked(unpacked, NULL);
    return is;
}

/* Signals and effects are what clients say and hear, pings too: these are counted where they
 * arrive. Data is said in its own rhythm. */
void traffic_to_peer(struct sim *sim, struct bytes message)
{
    switch (field_at(message, 1 + 8)) { /* behind the session, a tag and eight bytes */
    case SPILLWAY__BUS__PEER_MESSAGE__MESSAGE_HELLO:
    case SPILLWAY__BUS__PEER_MESSAGE__MESSAGE_BEAT:
    case SPILLWAY__BUS__PEER_MESSAGE__MESSAGE_SIGNAL:
    case SPILLWAY__BUS__PEER_MESSAGE__MESSAGE_EFFECT:
    case SPILLWAY__BUS__PEER_MESSAGE__MESSAGE_CHANNEL_SEND:
        break;
    case SPILLWAY__BUS__PEER_MESSAGE__MESSAGE_TRANSPORT_EVENT:
        sim->check.traffic.sent[TRAFFIC_PEERS] += !is_of_channel(message);
        break;
    default:
        sim->check.traffic.sent[TRAFFIC_PEERS]++;
        break;
    }
}

/* ---- What may be --------------------------------------------------------------------------- */

/* For each track of somebody: twice as much where he has a camera. In the order of traffic_kind. Of
 * 400 stories of all classes, the dearest of each kind came within 35 (between orchestrators) to 74
 * % of what it was allowed. */
static void allow(struct sim *sim, const uint64_t of[TRAFFIC_KINDS], size_t times)
{
    times *= sim->config.video ? 2 : 1;
    for (size_t kind = 0; kind < TRAFFIC_KINDS; kind++) {
        sim->check.traffic.allowed[kind] += of[kind] * times;
    }
}

void traffic_attempt(struct sim *sim, const char *room)
{
    static const uint64_t his_own[TRAFFIC_KINDS] = {10, 8, 4, 6};
    static const uint64_t of_each_other[TRAFFIC_KINDS] = {8, 3, 1, 0}; /* 1: a Standing */
    static const uint64_t of_each_node[TRAFFIC_KINDS] = {0, 2, 1, 0};
    allow(sim, his_own, 1);
    allow(sim, of_each_other, sim_people_in(sim, room));
    allow(sim, of_each_node, sim->config.nodes);
}

void traffic_farewell(struct sim *sim, const char *room)
{
    static const uint64_t of_each_other[TRAFFIC_KINDS] = {5, 3, 0, 0};
    static const uint64_t of_each_node[TRAFFIC_KINDS] = {0, 2, 0, 1};
    allow(sim, of_each_other, sim_people_in(sim, room) + 1);
    allow(sim, of_each_node, sim->config.nodes);
}

void traffic_fault(struct sim *sim)
{
    static const uint64_t of_each_one[TRAFFIC_KINDS] = {4, 6, 5, 2};
    static const uint64_t of_each_room[TRAFFIC_KINDS] = {0, 0, 0, 4};
    static const uint64_t of_each_node[TRAFFIC_KINDS] = {0, 3, 0, 0}; /* of each room */
    size_t people = 0;
    for (size_t i = 0; i < sim->config.clients; i++) {
        people += sim->clients[i].state != CLIENT_AWAY;
    }
    allow(sim, of_each_one, people);
    allow(sim, of_each_room, sim->config.rooms * sim->config.orchestrators);
    allow(sim, of_each_node, sim->config.rooms * sim->config.nodes);
}

void traffic_check(struct sim *sim, bool settled)
{
    struct traffic *traffic = &sim->check.traffic;
    for (size_t kind = 0; kind < TRAFFIC_KINDS; kind++) {
        if (traffic->sent[kind] > traffic->allowed[kind]) {
            check_fail(sim, "%llu messages %s, of %llu at most for what happened",
                       (unsigned long long)traffic->sent[kind], names[kind],
                       (unsigned long long)traffic->allowed[kind]);
        }
    }
    if (settled) {
        *traffic = (struct traffic){0};
    }
}
