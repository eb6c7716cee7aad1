/* SPDX-License-Identifier: Apache-2.0
 *
 * One node, a few clients and an orchestrator's pen, under virtual time and without a network in
 * between: what the node and the clients do is written down as a story, in virtual milliseconds.
 */
#ifndef TESTS_UNIT_MEDIA_NODE_NODE_WORLD_H
#define TESTS_UNIT_MEDIA_NODE_NODE_WORLD_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "media-node/core/node/node.h"
#include "tests/lib/media_client.h"
#include "tests/lib/room_spec.h"

#define WORLD_CLIENTS   8
#define WORLD_STORY_MAX 8192

struct world_client {
    struct media_client *client;
    char name;         /* 'A' ... */
    uint16_t endpoint; /* of the node, where its datagrams go; 0 .. 3 UDP, 4 TCP */
    bool quiet;        /* sends no RTCP */
    bool nominates;    /* its repeated checks carry USE-CANDIDATE */
    bool deaf;         /* ignores NACKs */
    bool gone;         /* is sent to and ignores it */
    int64_t waits_us;  /* in the kernel, each of its datagrams */
    int64_t rtcp_at_us;
    int64_t check_at_us; /* TIME_NEVER: does not check */
    unsigned datagrams;  /* received, also while gone */
};

struct world {
    struct node *node;
    struct prng prng;
    int64_t now_us;
    struct world_client clients[WORLD_CLIENTS];
    size_t client_count;
    uint32_t trickle; /* lose one in so many of the clients' RTP packets; 0: none */
    unsigned heartbeats;
    uint32_t weight;                                            /* as the last one said */
    unsigned events;                                            /* so far, */
    unsigned event_messages;                                    /* in so many messages */
    unsigned orphans;                                           /* listed in heartbeats so far */
    Spillway__Control__TransportReport *reports[WORLD_CLIENTS]; /* the last of each client */
    uint8_t tunnel[2048]; /* the last frame to the orchestrator */
    size_t tunnel_len;
    size_t tunnel_link;   /* where it goes */
    char ack_reason[256]; /* of the last ack */
    struct {
        uint64_t answers;
        uint32_t weight;
    } ack;                                    /* the last one */
    Spillway__Control__RoomState *room_state; /* the last one; NULL: none */
    char story[WORLD_STORY_MAX];
    size_t story_len;
};

void world_init(struct world *w);
void world_fini(struct world *w);

/* The link comes up, and an orchestrator "OR_1" accepts the node. */
void world_register(struct world *w);
void world_register_at(struct world *w, size_t link, const char *id);

/* The next client: its name, address, ufrags and keys follow from how many there are. */
struct world_client *world_join(struct world *w);

/* Sends a spec and frees it. */
void world_spec(struct world *w, struct room_spec *spec);

/* The same from another link's orchestrator. */
void world_spec_at(struct world *w, size_t link, struct room_spec *spec);

/* A link's orchestrator claims a room. */
void world_claim(struct world *w, size_t link, const char *room, uint64_t epoch);

/* Sends one datagram of a client. */
void world_send(struct world *w, struct world_client *from, uint8_t *data, size_t len);
void world_check(struct world *w, struct world_client *from, bool use_candidate);
void world_rtcp(struct world *w, struct world_client *from, const struct media_feedback *feedback);

/* A frame through the tunnel: keys of the client (or none), and one datagram (or none). */
void world_tunnel(struct world *w, uint64_t transport, const struct media_client *keys,
                  const char *datagram);

/* Lets time pass: clients send what their sources have, RTCP each 100 ms, a check each 2 s. */
void world_run(struct world *w, int64_t ms);

/* Appends a line, and compares all since the last call with what is expected. */
void world_tell(struct world *w, const char *format, ...) PRINTF_LIKE(2, 3);
void world_expect(struct world *w, const char *story);
void world_forget(struct world *w);

/* The last report about a transport, ids being 11 for the first client and so on; NULL: none. */
const Spillway__Control__TransportReport *world_report(const struct world *w, uint64_t transport);

#endif
