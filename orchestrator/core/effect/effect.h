/* SPDX-License-Identifier: Apache-2.0
 *
 * What the orchestrator's core wants done by its shell: a queue of effects, filled by every core
 * folder during one input and drained by the shell after it, in order. An effect is an output,
 * never a callback, so a core is never re-entered.
 *
 * Order that must hold: effects are carried out in queue order. In particular the SENDs of one
 * connection keep their order, and a FRONT_OPEN comes before anything else about its transport.
 *
 * Connections, requests and transports are numbers that are unique in the cluster. The highest bits
 * of a connection or a request are the number of the orchestrator that it ends at, its front. A
 * transport may get another front, so an effect about one says where it is now.
 */
#ifndef ORCHESTRATOR_CORE_EFFECT_EFFECT_H
#define ORCHESTRATOR_CORE_EFFECT_EFFECT_H

#include "common/base/base.h"

#define EFFECT_FRONT_SHIFT 44 /* id >> this: the front's number, 20 bits */

enum effect_type {
    /* Signalling; id is the connection. */
    EFFECT_ACCEPT, /* let the WebSocket upgrade pass */
    EFFECT_REFUSE, /* status, text: HTTP answer instead of the upgrade; retry_after_s if not 0 */
    EFFECT_SEND,   /* data: one SignalResponse, protobuf (the shell writes JSON for JSON clients) */
    EFFECT_JOINED, /* of a join that is traced alone: its media flow; text: why they never will, or
                      NULL. For cluster/ alone */
    EFFECT_CONN_ADOPT, /* it is this owner's now, whoever's it was */
    EFFECT_CLOSE, /* close the WebSocket after what was sent; status is the close code, text why, or
                    NULL */

    /* Media nodes; name is the node's routing id. */
    EFFECT_NODE_SEND, /* data: one OrchestratorMessage; text: the room (sid) whose spec it is, or
                         NULL. If there is no place for it: orch_node_unsent() with that room */

    /* The front's DTLS and SCTP; id is the transport, front its front. */
    EFFECT_FRONT_OPEN,   /* text: the client's fingerprint, "sha-256 AB:CD:..."; status: enum
                            effect_channels, and data: an array of struct effect_channel */
    EFFECT_FRONT_CLOSE,  /* silently */
    EFFECT_FRONT_ROUTE,  /* name: tunnel its datagrams to this node from now on */
    EFFECT_FRONT_ADOPT,  /* it is this owner's now, whoever's it was */
    EFFECT_CHANNEL_SEND, /* stream, data: one data channel message; status 1: lossy, may be dropped
                          */

    /* HTTP; id is the request. */
    EFFECT_REPLY, /* status, name: content type, data: body; retry_after_s if not 0 */

    EFFECT_MEDIA, /* name: node, text: identity, data: the client's address, status: enum
                     effect_media. How it fared there; for orch/ alone */

    EFFECT_RECOVERED, /* id: in microseconds, when the node died that he was on, and whose media
                         another one has now; for orch/ alone */

    EFFECT_RPC, /* id: the request that performed an RPC; status 0 and data: its answer, otherwise
                   an RPC error code (1400..1505) and text */

    EFFECT_WEBHOOK, /* name: ordering key (the room), data: WebhookEvent as JSON */

    /* The hint store; losing these loses nothing but hints. */
    EFFECT_STORE_NODE,      /* name: node, data: JSON with its load */
    EFFECT_STORE_NODE_GONE, /* name: node */
    EFFECT_STORE_ROOM,      /* name: room name, text: node, epoch */
    EFFECT_STORE_ROOM_GONE, /* name: room name, epoch */

    EFFECT_STORE_SIZE,     /* name: room name, weight: so many people at most were in it */
    EFFECT_STORE_SIZE_GET, /* name: room name; answered by orch_sized() */

    EFFECT_STORE_RESERVATION, /* name: id, data: its text (reservations/), epoch: seconds to its end
                               */

    /* Other orchestrators (cluster/). */
    EFFECT_RESERVATION, /* name: id, data: its text; NULL: weight people are in its room, which is
                           here. For cluster/ alone */
    EFFECT_STORE_CLAIM, /* name: room name, epoch: at least this one; status 1: only look. text:
                           an owner that died, whose claim does not count; "" none. Answered
                           by cluster_claimed() */
    EFFECT_STORE_PLACE, /* name: room name, text: request, epoch, weight: to be reserved, status: in
                           permille how far it may fill a node, data: ids of candidates, a zero byte
                           after each. Answered by cluster_placed() */
    EFFECT_ORPHAN,    /* name: room name, text: who owned it, epoch: a node goes on with it alone */
    EFFECT_OUTLIVED,  /* name: room name: a node dropped it under a later epoch than its own, and
                         people are in it; whose it is has to be found out. Answered by
                         orch_outlive() or orch_yield() */
    EFFECT_PLACED,    /* name: room name, text: region: cluster/ asks again who waited for that */
    EFFECT_PEER_SEND, /* id: index of the peer, data: one PeerMessage; status 1: may be lost. If
                         there is no place for another: cluster_peer_link(false) */
};

/* Data channels of a transport that is opened. */
enum effect_channels {
    EFFECT_CHANNELS_CLIENTS, /* the client opens them */
    EFFECT_CHANNELS_OPEN,    /* to the client they are open: it had another front */
    EFFECT_CHANNELS_OURS,    /* the front opens them */
};

enum effect_media {
    EFFECT_MEDIA_REACHED, /* a join, a move or an ICE restart is through */
    EFFECT_MEDIA_MISSED,  /* it was not in its time */
    EFFECT_MEDIA_LOST,    /* media ended, and signalling did not */
    EFFECT_MEDIA_SILENT,  /* the node hears nothing of it; whether it lives is not known */
};

struct effect {
    enum effect_type type;
    int status;
    uint64_t id;
    uint64_t front; /* its number; 0: this orchestrator */
    uint64_t epoch;
    uint32_t retry_after_s;
    uint32_t weight; /* or people, of STORE_SIZE */
    uint16_t stream; /* SCTP stream id */
    char *name;      /* owned by the effect, or NULL */
    char *text;      /* owned by the effect, or NULL */
    uint8_t *data;   /* owned by the effect, or NULL; one zero byte follows it */
    size_t len;
};

#define EFFECT_LABEL_MAX    16 /* bytes, NUL included */
#define EFFECT_CHANNELS_MAX 8

struct effect_channel {
    uint16_t stream;
    bool lossy; /* unordered and never sent again */
    char label[EFFECT_LABEL_MAX];
};

/* Grows without a bound of its own: what one input can cause is bounded by the size of a room, and
 * the shell drains after every input. Zero-initialised is empty. */
struct effects {
    struct effect *items;
    size_t count;
    size_t next; /* first not yet polled */
    size_t capacity;
};

void effects_fini(struct effects *queue);

/* Appends one effect; every pointer in it is taken over. */
void effects_take(struct effects *queue, struct effect effect);

/* The oldest effect, which the caller now owns and clears with effect_fini. False when drained. */
bool effects_poll(struct effects *queue, struct effect *out);
void effect_fini(struct effect *effect);

/* ---- Shorthands; they copy what they are given. */
void effect_accept(struct effects *queue, uint64_t conn);
void effect_refuse(struct effects *queue, uint64_t conn, int status, const char *text);
void effect_close(struct effects *queue, uint64_t conn, int code);
void effect_conn_adopt(struct effects *queue, uint64_t conn);
void effect_front_adopt(struct effects *queue, uint64_t transport, uint64_t front);
void effect_front_open(struct effects *queue, uint64_t transport, uint64_t front,
                       const char *fingerprint);
void effect_front_open_with(struct effects *queue, uint64_t transport, uint64_t front,
                            const char *fingerprint, enum effect_channels whose,
                            const struct effect_channel *channels, size_t count);
void effect_front_close(struct effects *queue, uint64_t transport, uint64_t front);
void effect_front_route(struct effects *queue, uint64_t transport, uint64_t front,
                        const char *node);
void effect_channel_send(struct effects *queue, uint64_t transport, uint64_t front, uint16_t stream,
                         bool lossy, struct bytes data);
void effect_reply(struct effects *queue, uint64_t request, int status, const char *content_type,
                  const char *body);
void effect_media(struct effects *queue, const char *node, const char *identity,
                  const char *address, enum effect_media how);
void effect_node_gone(struct effects *queue, const char *node);
void effect_room_stored(struct effects *queue, const char *room, const char *node, uint64_t epoch);
void effect_room_gone(struct effects *queue, const char *room);

#endif
