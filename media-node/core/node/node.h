/* SPDX-License-Identifier: Apache-2.0
 *
 * The media node's core: the forwarding unit of one process, composed out of rooms (core/forward),
 * transports (core/peer) and their leaves. Sans-IO: time, randomness and every byte come in
 * as arguments, everything to be done comes out by polling. No wall clock is needed: sender
 * reports tell the publishers' own.
 *
 *   law    one input, then poll packets, control and tunnel until each says it is drained, then
 *          sleep until node_deadline(). Outputs are borrowed until the next input.
 *   links  a link is one orchestrator this node is connected to, by its index in the config. A room
 *          belongs to the link whose spec made it; its acks and events go there.
 *   ends   an endpoint is one listening socket, by its index in the config. An endpoint and a
 *          remote address name a path: a UDP 5-tuple, or one accepted TCP connection.
 *
 * What a room should be is told by proto/control.proto's RoomSpec, and by nothing else. Applying
 * one is all or nothing: it is checked whole first. Rules beyond those written in the .proto:
 *
 *   - removing a transport removes its tracks and subscriptions, removing a track its
 *     subscriptions; whatever else would dangle is INVALID;
 *   - a version the node has already applied in this epoch is acknowledged with APPLIED and
 *     changes nothing, but for a whole spec of the current version: what was learned is told again;
 *   - the epoch of a dropped room stays a fence for NODE_FENCE_US;
 *   - a spec with a limit that would exceed it, of a room that would weigh more than before, is
 *     answered with FULL, and nothing changes;
 *   - removing a track removes its edges; a track named with another transport than before keeps
 *     its receivers if one of the two is 0;
 *   - an SSRC means one thing on a trunk in each direction, whatever rooms there are.
 *
 * Bad input never disturbs another participant: it is dropped and counted by reason.
 */
#ifndef MEDIA_NODE_CORE_NODE_NODE_H
#define MEDIA_NODE_CORE_NODE_NODE_H

#include "common/base/base.h"
#include "common/net/net.h"
#include "media-node/core/counters/counters.h"
#include "media-node/core/outbox/outbox.h"

#define NODE_PROTOCOL      1          /* of control.proto */
#define NODE_LINKS_MAX     8          /* orchestrators a node connects to */
#define NODE_ENDPOINTS_MAX 64         /* sockets: UDP and TCP, each port counted */
#define NODE_ADVERTISE_MAX 8          /* addresses at which clients reach one socket */
#define NODE_MESSAGE_MAX   (16 << 20) /* bytes of a control message, either way */
#define NODE_OUTBOX_SLOTS  8192
#define NODE_FENCE_US      TIME_S(60)
#define NODE_PROMISE_US    TIME_S(10)       /* for a room to come to the weight that was told */
#define NODE_TRUNKS_MAX    1024             /* other nodes, those that rest included */
#define NODE_WATCHED_MAX   8                /* trunks that one orchestrator wants awake */
#define NODE_TRUNK_IDLE_US TIME_S(30)       /* without any use a trunk rests: nothing is sent */
#define NODE_TRUNK_KEPT_US TIME_S(4 * 3600) /* ... and may be forgotten, for its keys are old */

enum node_protocol { NODE_UDP, NODE_TCP };

struct node_endpoint {
    enum node_protocol protocol;
    uint16_t port;
};

struct node_config {
    const char *id;      /* "ND_...", new with every process */
    const char *name;    /* unique and stable over restarts */
    const char *region;  /* may be "" */
    const char *zone;    /* may be "" */
    const char *version; /* of Spillway */
    uint32_t pid;
    uint32_t capacity; /* weight, see Load.weight in control.proto */

    const struct node_endpoint *endpoints; /* in the order in which clients are to be given them */
    size_t endpoint_count;                 /* 1 .. NODE_ENDPOINTS_MAX */
    const struct net_addr *advertise;      /* addresses of each endpoint, the port is ignored */
    size_t advertise_count;                /* 1 .. NODE_ADVERTISE_MAX */
    struct net_addr trunk;   /* where other nodes reach its first UDP endpoint, the port is ignored;
                                family 0: as clients do, at the first of advertise */
    size_t link_count;       /* 1 .. NODE_LINKS_MAX */
    bool congestion_control; /* sends clients that give transport-cc feedback what their network
                                takes, and no more */
    size_t outbox_slots;     /* packets between two drains; 0: NODE_OUTBOX_SLOTS */

    struct random_source random; /* for SSRCs and ICE transactions; used after node_new too */
    const struct log_sink *log;  /* may be NULL; must outlive the node */
};

struct node; /* opaque outside core/node */

/* Takes all memory that does not belong to a room. The config's arrays and strings are copied. */
struct node *node_new(const struct node_config *config, int64_t now_us);
void node_free(struct node *node);

/* ---- Inputs -------------------------------------------------------------------------------- */

/* A datagram, or one RFC 4571 frame of a TCP connection. */
struct node_datagram {
    uint16_t endpoint; /* index into config.endpoints */
    struct net_addr remote;
    uint8_t *data; /* borrowed, and scratch: decryption happens in place */
    size_t len;
    int64_t waited_us; /* since the kernel had it; 0 if not known. Publishers' bandwidth estimators
                          are told when packets arrived, not when we came to read them */
};

/* Takes datagrams in order until all are done or enough waits to leave, and returns how many it
 * took, at least one of a batch that is not empty if packets were polled to the end before. Poll
 * all, then call again with the rest. What is to be forwarded is made when it is polled. */
size_t node_datagrams(struct node *node, int64_t now_us, const struct node_datagram *batch,
                      size_t count);

/* One OrchestratorMessage of a link. Malformed ones are counted. */
void node_control(struct node *node, int64_t now_us, size_t link, struct bytes message);

/* One TunnelFrame of a link. */
void node_tunnel(struct node *node, int64_t now_us, size_t link, struct bytes frame);

/* The connection of a link is up (also: up again): the node registers. */
void node_link_up(struct node *node, int64_t now_us, size_t link);

/* The connection of a link was lost. Rooms of it stay as they are. */
void node_link_down(struct node *node, int64_t now_us, size_t link);

/* An accepted TCP connection is gone. */
void node_tcp_closed(struct node *node, int64_t now_us, uint16_t endpoint,
                     const struct net_addr *remote);

/* Tells every link that this node wants to be left (SIGTERM). May be repeated. */
void node_drain(struct node *node, int64_t now_us);

/* What only a shell can measure, for the next heartbeats. */
void node_load(struct node *node, uint32_t cpu_permille, uint32_t loop_lag_us);

/* Call when now_us >= node_deadline(). */
void node_expire(struct node *node, int64_t now_us);

/* ---- Outputs ------------------------------------------------------------------------------- */

/* Writes up to max packets to out and returns how many; 0 when drained. Their bytes are borrowed
 * until the next input or poll of packets. Packets to one address keep their order. Poll packets
 * first, for making them may cause messages. */
size_t node_poll_packets(struct node *node, struct outbox_packet *out, size_t max);

struct node_message {
    size_t link;
    struct bytes bytes; /* borrowed until the next call on this node */
};

/* The next NodeMessage to send; false when drained. One that can't be sent (a full queue) means
 * that the link must be called down, and up again when it is. */
bool node_poll_control(struct node *node, struct node_message *out);

/* The next TunnelFrame to send; false when drained. May be dropped. */
bool node_poll_tunnel(struct node *node, struct node_message *out);

/* When to call node_expire; TIME_NEVER if there is nothing to wait for. */
int64_t node_deadline(const struct node *node);

/* ---- Views --------------------------------------------------------------------------------- */

/* True when a STUN check of a transport authenticated on this path: a TCP connection for which it
 * stays false may be closed. */
bool node_path_known(const struct node *node, uint16_t endpoint, const struct net_addr *remote);

size_t node_room_count(const struct node *node);      /* rooms held, dropped ones not counted */
size_t node_transport_count(const struct node *node); /* of all rooms */

/* What it carries as its heartbeats say, see Load.weight in control.proto. */
uint32_t node_weight(const struct node *node);
/* What it was told to be last, by whatever orchestrator: Service.State of control.proto. */
enum node_service { NODE_READY, NODE_CORDONED, NODE_DRAINING, NODE_GRAY };
enum node_service node_service(const struct node *node);

/* What a room's specs add up to here. False: it is not held. */
struct node_room_view {
    uint64_t epoch, version;
    size_t transports, tracks, subscriptions, edges;
};
bool node_room(const struct node *node, const char *sid, struct node_room_view *out);

/* True when the link's orchestrator accepted this node's registration. */
bool node_registered(const struct node *node, size_t link);

/* Valid for the node's life; read it between calls. */
const struct counters *node_counters(const struct node *node);

#endif
