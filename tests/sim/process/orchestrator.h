/* SPDX-License-Identifier: Apache-2.0
 *
 * An orchestrator's process: the production core, and around it what its shells do, in the simplest
 * form that keeps their failures: nodes and other orchestrators on the bus, WebSockets, the store's
 * connection with its stalls, and a front whose handshake is one datagram each way.
 */
#ifndef TESTS_SIM_PROCESS_ORCHESTRATOR_H
#define TESTS_SIM_PROCESS_ORCHESTRATOR_H

#include "orchestrator/core/cluster/cluster.h"
#include "tests/sim/net/net.h"
#include "tests/sim/store/store.h"
#include "tests/sim/timeline/timeline.h"

#define SIM_ORCHESTRATORS_MAX 4
#define SIM_NODES_MAX         8

#define SIM_DTLS       22 /* first byte of a datagram that a handshake would have */
#define SIM_DTLS_KEYS  56 /* bytes behind the first of the front's: both keys */
#define SIM_QUEUE_MAX  1000
#define SIM_PEER_QUEUE 20000
#define SIM_GRACE_US   TIME_S(60) /* drain_grace, its default */

/* What a client says on its association begins with one of these; what it hears is a message. */
enum { SIM_CHANNEL_OPEN, SIM_CHANNEL_GOES_ON, SIM_CHANNEL_MESSAGE };
#define SIM_CHANNEL_LABEL  "_reliable"
#define SIM_CHANNEL_STREAM 1

struct sim;
struct asked;

struct orchestrator {
    struct sim *sim;
    size_t index, host;
    char region[8], name[8];
    bool alive;
    unsigned life; /* of the process */
    char id[ID_MAX];
    struct timeline_log log;
    struct prng prng;
    struct token_key key;
    uint64_t number, last_id;
    char fingerprint[32]; /* of the process */
    struct cluster *cluster;
    struct orch *orch; /* the cluster's */
    int64_t wake_us;
    int64_t stop_us;  /* its process ends; not told to stop: TIME_NEVER */
    int64_t ended_us; /* a former process of it, told to stop */
    bool hands_over;  /* it leaves its rooms to others, which is the last that it does */
    bool draining, peer_broken[SIM_ORCHESTRATORS_MAX];
    struct net_link *peers[SIM_ORCHESTRATORS_MAX]; /* to them, by index; of itself NULL */
    struct {
        struct net_link *link; /* NULL: none */
        char id[ID_MAX];       /* of the node that dialled it */
    } controls[2 * SIM_NODES_MAX];
    struct orch_conn *conns;
    struct orch_transport *transports;
    struct {
        struct net_link *link;
        bool up;
        uint64_t number;
        struct asked *asked; /* without an answer, oldest first */
        int64_t moved_us;    /* when there was one last */
    } store;
    int last_status;  /* of a REPLY to the simulator's own requests */
    char *last_reply; /* owned */
};

void orchestrator_init(struct orchestrator *o, struct sim *sim, size_t index);
void orchestrator_fini(struct orchestrator *o);

/* The process starts, with a new id; ends at once; is waited for by everybody. */
void orchestrator_start(struct orchestrator *o);
void orchestrator_crash(struct orchestrator *o);
/* SIGTERM: it ends when nobody has it as his front any more, at once if there is no other. */
void orchestrator_stop(struct orchestrator *o);

/* Carries out what the core wants; after every input. */
void orchestrator_drain(struct orchestrator *o);

/* An admin call, answered in last_status and last_reply once time has passed. */
void orchestrator_admin(struct orchestrator *o, const char *verb, const char *path,
                        const char *json);

/* ---- Ends of links: the caller dials these. arg is the orchestrator. */
struct net_end orchestrator_control_end(struct orchestrator *o);
struct net_end orchestrator_peer_end(struct orchestrator *o);
struct net_end orchestrator_client_end(struct orchestrator *o);

/* A TunnelFrame from a node; net_fn, arg is the orchestrator. */
void orchestrator_tunnel(void *arg, uint64_t number, struct bytes frame);

/* ---- transports.c */
/* The association that begins with these keys. */
uint32_t sim_dtls_tag(const uint8_t keys[SIM_DTLS_KEYS]);
void transports_effect(struct orchestrator *o, const struct effect *effect);
void transports_forget(struct orchestrator *o);

/* ---- rows.c */
void rows_open(struct orchestrator *o);
void rows_effect(struct orchestrator *o, const struct effect *effect);
void rows_forget(struct orchestrator *o);

/* ---- conns.c */
void conns_effect(struct orchestrator *o, const struct effect *effect);
void conns_forget(struct orchestrator *o);
/* Somebody was let in here, and is still. */
bool conns_in(const struct orchestrator *o);

#endif
