/* SPDX-License-Identifier: Apache-2.0
 *
 * Inside the server: its struct, and the prototypes shared by its files.
 */
#ifndef ORCHESTRATOR_SHELL_SERVER_INTERNAL_H
#define ORCHESTRATOR_SHELL_SERVER_INTERNAL_H

#include "common/bus/bus.h"
#include "orchestrator/core/cluster/cluster.h"
#include "orchestrator/core/journal/journal.h"
#include "orchestrator/core/turn/turn.h"
#include "orchestrator/core/whip/whip.h"
#include "orchestrator/shell/front/front.h"
#include "orchestrator/shell/http/http.h"
#include "orchestrator/shell/otlp/exporter.h"
#include "orchestrator/shell/server/server.h"
#include "orchestrator/shell/store/store.h"
#include "orchestrator/shell/webhooks/webhooks.h"

#include <uthash.h>
#include <uv.h>

#define SERVER_FINGERPRINT_MAX (FRONT_FINGERPRINT_MAX + 16)

struct server_conn {
    uint64_t id;
    struct http_ws *ws;
    bool text; /* the client speaks JSON */
    UT_hash_handle hh;
};

struct server_request {
    struct server *server;
    uint64_t id;
    struct http_call *call;
    UT_hash_handle hh;
};

/* Which node a transport's datagrams go through. */
struct server_route {
    uint64_t transport;
    char node[BUS_ID_MAX];
    UT_hash_handle hh;
};

/* Another orchestrator. */
struct server_peer {
    struct server *server;
    size_t index;
    const char *endpoint;
    char key[BUS_KEY_LEN]; /* public */
    struct bus_socket *dealer;
    bool broken; /* its queue was full: to be connected anew */
};

struct server {
    const struct settings *settings;
    const struct log_sink *log;
    struct log_sink sink; /* log: into the journal, and where main wants it */
    const struct log_sink *out;
    struct journal *journal;
    uv_loop_t loop;
    uv_timer_t timer;
    uv_signal_t sigterm, sigint;
    unsigned signals; /* received */
    int64_t stop_us;  /* about to stop, by then; TIME_NEVER: not */
    bool hands_over;  /* its rooms go to others, which is the last that it does */
    char id[ID_MAX];  /* routing id that nodes tunnel to */
    uint64_t number;  /* of this front, see effect.h */
    char fingerprint[SERVER_FINGERPRINT_MAX];
    struct random_source random;
    uint8_t cluster_secret[32]; /* where the settings have none */
    struct token_key *keys;
    struct orch_setting *shown; /* texts are the settings' */
    struct turn_config turn;    /* of the settings */
    struct scaling_config scaling;
    struct timetable_entry timetable[TIMETABLE_ENTRIES_MAX];
    struct cluster *cluster;
    struct orch *orch; /* inside it, for what is no cluster's business */
    struct whip *whip;
    bool draining;
    int64_t read_by_us; /* deadlines that passed while we stood still wait until then */
    struct front *front;
    struct orch_http *http;
    struct bus *bus;
    struct bus_socket *control, *tunnel;
    struct bus_keys bus_keys;
    struct bus_socket *peer_router; /* NULL: no peers */
    struct server_peer peers[CLUSTER_PEERS_MAX];
    size_t peer_count;
    struct store *store;
    struct webhooks *webhooks;
    struct exporter *exporter; /* of traces; NULL: there are none */
    struct tracer tracer;
    struct probes probes;
    int64_t certificate_ends_s; /* since 1970, of what clients are shown; 0: no TLS */
    struct arena scrape;        /* what the metrics of the last one point to */
    uint64_t last_id;           /* of connections and requests */
    struct server_conn *conns;
    struct server_request *requests;
    struct server_route *routes;
    uint64_t tunnel_malformed;    /* frames */
    uint64_t peers_lossy_dropped; /* messages that may be lost, for want of a place */
    uint64_t peers_full;          /* links given up for want of a place */
    uint64_t channels_full;       /* clients that did not read their data channel */
};

int64_t server_now(void);
int64_t server_wall_us(void); /* since 1970 */

/* Carries out what the last input caused, until core and front are drained, and arms the timer. */
void server_drain(struct server *server);

/* ---- clients.c: HTTP and WebSockets */
MUST_CHECK int clients_open(struct server *server);
void clients_refuse(struct server *server, const struct effect *effect);
void clients_send(struct server *server, const struct effect *effect);
void clients_close(struct server *server, const struct effect *effect);
void clients_reply(struct server *server, const struct effect *effect);
/* A call's number; it waits for clients_answer(). */
uint64_t clients_request(struct server *server, struct http_call *call);
/* False: its client has gone. */
bool clients_answer(struct server *server, uint64_t id, const struct http_answer *answer);
const char *clients_verb(enum http_method method);

/* ---- plain.c: WHIP and WHEP */
void plain_open(struct server *server, int64_t wall_us);
void plain_request(void *server, const struct http_request *request, struct http_call *call);
bool plain_poll(struct server *server); /* one output of the core; false when drained */
void plain_gone(struct server *server, uint64_t request); /* its client, without an answer */
/* Whether the connection is one of these, and so was told. */
bool plain_refuse(struct server *server, const struct effect *effect);
bool plain_send(struct server *server, const struct effect *effect);
bool plain_close(struct server *server, const struct effect *effect);

/* ---- nodes.c: the bus */
MUST_CHECK int nodes_open(struct server *server);
void nodes_send(struct server *server, const struct effect *effect);

/* ---- peers.c: other orchestrators */
MUST_CHECK int peers_read(struct server *server); /* keys, ours included */
MUST_CHECK int peers_open(struct server *server);
void peers_send(struct server *server, const struct effect *effect);
bool peers_broken(const struct server *server);
void peers_reconnect(struct server *server);

/* ---- transports.c: the front and its tunnel */
void transports_open(struct server *server, const struct effect *effect);
void transports_close(struct server *server, const struct effect *effect);
void transports_route(struct server *server, const struct effect *effect);
void transports_send(struct server *server, const struct effect *effect);
void transports_frame(struct server *server, struct bytes frame); /* from a node */
bool transports_poll(struct server *server); /* one output of the front; false when drained */

/* ---- certificate.c */
/* When the first certificate in this PEM file ends, in seconds since 1970; 0: there is none. */
int64_t certificate_ends_s(const char *path);

/* ---- traces.c */
MUST_CHECK int traces_open(struct server *server);
const struct tracer *traces_tracer(const struct server *server); /* NULL: nothing is traced */
void traces_close(struct server *server);

/* ---- metrics.c */
size_t metrics_collect(void *arg, struct probes_metric *out, size_t max);

#endif
