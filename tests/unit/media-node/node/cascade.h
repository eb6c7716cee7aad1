/* SPDX-License-Identifier: Apache-2.0
 *
 * Several nodes with a network in between that delays, loses and counts, and clients right at their
 * nodes; under virtual time, millisecond by millisecond. Node n (from 1) is "ND_n" at
 * 10.0.0.n:40000; client c (from 0) has transport id 11 + c wherever it is.
 */
#ifndef TESTS_UNIT_MEDIA_NODE_NODE_CASCADE_H
#define TESTS_UNIT_MEDIA_NODE_NODE_CASCADE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "media-node/core/node/node.h"
#include "tests/lib/media_client.h"
#include "tests/lib/room_spec.h"
#include "tests/lib/svc_source.h"

#define CASCADE_NODES   4
#define CASCADE_CLIENTS 6
#define CASCADE_AIR     1024
#define CASCADE_WIRES   64
#define CASCADE_FLOWS   8

#define CASCADE_SEALED 512

/* RTP of one SSRC from one node to another. */
struct cascade_wire {
    unsigned from;
    unsigned to;
    uint32_t ssrc;
    unsigned packets;
    unsigned lost;
    uint64_t bytes;
    struct {
        uint64_t nonce; /* key's generation and index; 0: none */
        uint64_t digest;
    } sealed[CASCADE_SEALED]; /* of the last ones: what goes again is what it was (asserted) */
};

/* What a client got under one SSRC. */
struct cascade_flow {
    uint32_t ssrc;
    uint64_t first; /* extended numbers */
    uint64_t newest;
    unsigned distinct;
    unsigned keys;     /* key frames begun */
    int64_t newest_us; /* when the newest came */
    int64_t pause_us;  /* longest time between two */
    uint8_t seen[65536 / 8];
    /* How much later its packets were captured by what its sender reports tell than they were: only
     * of a publisher with clocks, and once a report came. */
    unsigned timed; /* packets */
    int64_t off_us_min;
    int64_t off_us_max;
};

/* A publisher's clocks: none of them runs as fast as ours, or as another one. */
struct cascade_clocks {
    int64_t wall_us;                      /* its time of day when the cascade began */
    int wall_ppm;                         /* by how much that is faster than our time */
    int audio_ppm, video_ppm;             /* and its RTP clocks than that */
    int64_t audio_late_us, video_late_us; /* from capture until it is sent */
    uint32_t wrap_s;   /* its RTP clocks begin again after so long, layer n by n s later */
    int64_t report_us; /* between its sender reports */
};

struct cascade_client {
    struct media_client *client;
    unsigned node; /* where what it sends goes; 0: nowhere */
    unsigned old;  /* what comes from there is received too; 0: nowhere */
    int64_t rtcp_at_us;
    int64_t check_at_us;
    struct svc_source svc; /* source NULL: none. A picture is a packet of each layer */
    bool sends_clock; /* sender reports of all it sends, each second, the same instant for all */
    int64_t clock_at_us;
    const struct cascade_clocks *clocks; /* NULL: timestamps count packets */
    struct cascade_flow flows[CASCADE_FLOWS];
    size_t flow_count;
};

struct cascade_datagram {
    int64_t at_us;
    unsigned from;
    unsigned to;
    size_t len; /* 0: free */
    uint8_t data[OUTBOX_PACKET_MAX];
};

struct cascade {
    int64_t now_us;
    struct prng prng;
    struct node *nodes[CASCADE_NODES + 1];
    uint64_t epoch;                       /* of the specs */
    uint64_t versions[CASCADE_NODES + 1]; /* of the room there */
    char ack_reasons[CASCADE_NODES + 1][160];
    int ack_results[CASCADE_NODES + 1];
    unsigned arrived[CASCADE_NODES + 1]; /* MediaArrived events */
    unsigned paths[CASCADE_NODES + 1];   /* PathSelected events */
    unsigned levels[CASCADE_NODES + 1];  /* Levels events that name a track */
    Spillway__Control__Heartbeat *heartbeats[CASCADE_NODES + 1]; /* last one with trunks */
    Spillway__Control__HandedOver *handed[CASCADE_NODES + 1];    /* last one */
    Spillway__Control__Standing *standings[CASCADE_NODES + 1];   /* last one */
    unsigned standing_count[CASCADE_NODES + 1];
    Spillway__Control__RoomState *states[CASCADE_NODES + 1]; /* last one */
    struct cascade_client clients[CASCADE_CLIENTS];
    size_t client_count;
    struct cascade_datagram air[CASCADE_AIR];
    struct cascade_wire wires[CASCADE_WIRES];
    size_t wire_count;
    unsigned rtcp;                                  /* compounds between nodes */
    int64_t delay_us;                               /* each way between nodes */
    int64_t jitter_us;                              /* on top, evenly spread */
    uint32_t loss;                                  /* of 1000 */
    bool cut[CASCADE_NODES + 1][CASCADE_NODES + 1]; /* nothing passes from one to the other */
};

struct cascade *cascade_new(unsigned nodes);
void cascade_free(struct cascade *c);

/* The next client, at that node. */
struct cascade_client *cascade_join(struct cascade *c, unsigned node);

/* Begins the next spec of room "RM_1" for a node: whole if it is the first. */
void cascade_spec(struct cascade *c, struct room_spec *spec, unsigned node);

/* Another epoch begins: the room is claimed at all nodes, and the next specs are whole. */
void cascade_claim(struct cascade *c);

/* Sends it; it must be applied. */
void cascade_apply(struct cascade *c, struct room_spec *spec, unsigned node);

/* Sends it; it must be refused as invalid. Returns the reason. */
const char *cascade_refuse(struct cascade *c, struct room_spec *spec, unsigned node);

/* That node is to keep a trunk awake to each of the others; none: 0. */
void cascade_watch(struct cascade *c, unsigned node, const unsigned *others, size_t count);

void cascade_run(struct cascade *c, int64_t ms);

/* A datagram of that client. */
void cascade_give(struct cascade *c, struct cascade_client *client, uint8_t *data, size_t len);

/* A datagram out of nowhere, as if from one node to another. */
void cascade_inject(struct cascade *c, unsigned from, unsigned to, const uint8_t *data, size_t len);

const struct counters *cascade_counters(const struct cascade *c, unsigned node);

/* What went of an SSRC from a node to another so far; NULL: nothing. */
const struct cascade_wire *cascade_wire(const struct cascade *c, unsigned from, unsigned to,
                                        uint32_t ssrc);

/* Packets of it. */
unsigned cascade_crossed(const struct cascade *c, unsigned from, unsigned to, uint32_t ssrc);
unsigned cascade_lost(const struct cascade *c, unsigned from, unsigned to, uint32_t ssrc);

/* What a client got under an SSRC; NULL: nothing. */
struct cascade_flow *cascade_flow(struct cascade_client *client, uint32_t ssrc);

/* Numbers between the first and the newest that did not come. */
unsigned cascade_missing(const struct cascade_flow *flow);

#endif
